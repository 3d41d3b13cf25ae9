"""What a process of tests/test_team.py runs: a short training, with the gradients of its first step and the
statistics of its norms in files."""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from skiplib.config import experiment
from skiplib.prepare import load
from skiplib.team import Team
from skiplib.training import train

OVERLAY = {"optim.accumulate": 2, "optim.steps": 4, "optim.joint": 0.5, "optim.precision": "32-true"}

if __name__ == "__main__":
    torch.set_num_threads(1)
    data, folder = map(Path, sys.argv[1:])
    average = Team.average_statistics

    def kept(processes, model):
        own = folder / f"statistics-{processes.rank}.safetensors"
        if not own.exists():
            save_file({name: buffer.clone() for name, buffer in model.named_buffers()}, own)
        average(processes, model)
        found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        found |= {name: b.clone() for name, b in model.named_buffers() if b.is_floating_point()}
        if processes.leads and not (folder / "first.safetensors").exists():
            save_file(found, folder / "first.safetensors")

    Team.average_statistics = kept
    train(experiment("ours_aligned", "smoke", overlay=OVERLAY), load(data), folder)
