"""Two processes that share the batches of a step learn what one learns."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from skiplib import checkpoints, runs
from skiplib.config import experiment
from skiplib.errors import ConfigError, TrainingError
from skiplib.logbook import read_log
from skiplib.prepare import Prepared
from skiplib.systems import build
from skiplib.team import Team, team


def test_alone_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert team() == Team(0, 1) and team().leads


def test_batches_are_shared_without_remainder() -> None:
    shares = [Team(rank, 3).share(6) for rank in range(3)]
    assert sorted(i for share in shares for i in share) == list(range(6))
    with pytest.raises(ConfigError, match=r"2 processes cannot share .*make it a multiple of 2"):
        Team(0, 2).share(3)


def test_what_cannot_be_shared_is_refused_before_anything_is_prepared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "team", lambda: Team(1, 8))
    monkeypatch.setattr(runs, "prepare", lambda _: pytest.fail("prepared"))
    for started in (runs.run, runs.trained):
        with pytest.raises(ConfigError, match=r"8 processes cannot share optim\.accumulate=1 "):
            started(experiment("ours", "smoke"))


def test_processes_that_find_different_checkpoints_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    def gathered(values: list[int], value: int) -> None:
        values[:] = [value, 0]

    monkeypatch.setattr("skiplib.team.distributed.all_gather_object", gathered)
    Team(0, 2).agree(0, "the step")
    with pytest.raises(TrainingError, match=r"the step: \[40, 0\], by process; .*same folder of runs"):
        Team(0, 2).agree(40, "the step")
    Team().agree(40, "the step")


def run(*command: str) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]


def test_two_processes_take_the_steps_of_one(prepared: Prepared, tmp_path: Path) -> None:
    script, data = str(Path(__file__).with_name("train_shared.py")), str(prepared.folder)
    run(script, data, str(tmp_path / "one"))
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    run(*torchrun, script, data, str(tmp_path / "two"))
    one, two = (load_file(tmp_path / name / "first.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys() and len(one) > 100
    first, second = (load_file(tmp_path / "two" / f"statistics-{rank}.safetensors") for rank in range(2))
    start = dict(build(experiment("ours_aligned", "smoke")).named_buffers())
    for name in one:
        if "running" in name:
            torch.testing.assert_close(two[name], (first[name] + second[name]) / 2)
            # One process moves them by the first batch, and from there by the second.
            seen = first[f"{name.rsplit('.', 1)[0]}.num_batches_tracked"]
            moved = 0.9**seen * (first[name] - start[name]) + second[name]
            torch.testing.assert_close(one[name], moved, rtol=1e-3, atol=1e-4, msg=name)
        else:
            size = one[name].norm()
            assert (one[name] - two[name]).norm() <= 1e-3 * size + 1e-6, name
    model = checkpoints.load_model(tmp_path / "two" / checkpoints.FINAL)
    assert model.experiment.optim.accumulate == 2 and read_log(tmp_path / "two")["step"].is_unique
