"""Timings: how fast items are prepared and at what peak of memory, and how fast each scale trains.

`python -m skiplib.benchmark [prepare|train] [ARGUMENT ...]`, or `make bench`. Tables go to standard output,
and into `reports/benchmark-prepare.csv` and `reports/benchmark-train.csv`, below what other machines gave.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from skiplib import building
from skiplib.batches import texts
from skiplib.config import ROOT, Experiment, experiment
from skiplib.corpora import ImageTextItem, Opened, TextSpeechItem
from skiplib.objective import BatchA, BatchB
from skiplib.optimisers import make_optimisers, precision, set_rates
from skiplib.presets import PAPER_STEPS
from skiplib.provenance import processor
from skiplib.stages import Stage, rest, stages
from skiplib.systems import build, step_loss

ITEMS = (1_000, 10_000, 100_000)
SECONDS = 3.0  # of a recording, and what a sentence of `SENTENCE` takes to say
SENTENCE = "the woman near the river reads a letter to a small child"
WARM, TIMED = 2, 5  # steps
PHOTOGRAPH = 320  # pixels a side


class Noise:
    """A corpus of `n` photographs and `n` recordings of noise: nothing is read, drawn or spoken."""

    def __init__(self, n: int, rate: int) -> None:
        self.n, self.rate = n, rate

    def image_text_count(self, split: str) -> int:
        """`n` for training, and a hundredth for the test."""
        return self.n if split == "train" else max(1, self.n // 100)

    text_speech_count = image_text_count

    def image_text(self, split: str) -> Iterator[ImageTextItem]:
        """Photographs of noise."""
        for i in range(self.image_text_count(split)):
            yield ImageTextItem(str(i), (SENTENCE,) * 5, partial(_photograph, i))

    def text_speech(self, split: str) -> Iterator[TextSpeechItem]:
        """Recordings of noise."""
        for i in range(self.text_speech_count(split)):
            yield TextSpeechItem(str(i), SENTENCE, partial(_recording, i, self.rate))


def _photograph(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (PHOTOGRAPH, PHOTOGRAPH, 3), np.uint8)


def _recording(seed: int, rate: int) -> tuple[np.ndarray, int]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(SECONDS * rate)).astype(np.float32), rate


def prepare_once(n: int) -> dict[str, float]:
    """Prepare `n` items of A and of B: pairs a second, and the peaks of memory of this process and a worker.

    A peak is that of a process' life: call it in a new one.
    """
    made = experiment("ours", "demo")
    corpus = Noise(n, made.audio.rate)
    opened = Opened(corpus, corpus, corpus.text_speech("test"), {})
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        building.build(made, opened, {}, Path(place), workers=2)
        seconds = time.monotonic() - began
    unit = 2**20 if sys.platform == "darwin" else 2**10
    peaks = {
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit,
        "worker's peak MiB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit,
    }
    return {"items": n, "seconds": seconds, "pairs a second": 2 * n / seconds, **peaks}


def step_seconds(made: Experiment, stage: Stage) -> float:
    """The median time of a step of training in a stage, in seconds, on batches of noise."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    model, n = build(made).to(device).train(), made.optim.batch
    optimisers = make_optimisers(model, made)
    if stage is not Stage.JOINT:
        rest(model, made, stage)
    time_steps = round(SECONDS * made.audio.rate / made.audio.hop)
    image = torch.rand(n, 3, made.image.size, made.image.size, device=device) * 2 - 1
    mel = torch.rand(n, time_steps, made.audio.mels, device=device)
    said = texts([SENTENCE] * n, device)
    a, b = BatchA(image, image, said, said), BatchB(said, mel, torch.full((n,), time_steps, device=device))
    low = precision(made.optim) == "bf16-mixed"
    taken = []
    for _ in range(WARM + TIMED):
        began = time.perf_counter()
        set_rates(optimisers, made.optim, 0)
        with torch.autocast(device.type, torch.bfloat16, enabled=low):
            total, _ = step_loss(model, a, b, 0.5, stage)
        model.zero_grad()
        total.backward()
        for optimiser in optimisers:
            optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[WARM:]))


def training(scales: list[str], variant: str = "ours_aligned") -> pd.DataFrame:
    """Steps, samples and mel frames a second of each scale and stage, and the hours of its whole schedule.

    `paper` is given with the schedule that was published: as many steps as 100 epochs over COCO take.
    """
    rows = []
    for scale in scales:
        made = experiment(variant, scale)
        plan = {stage: len(steps) for stage, steps in stages(made).items() if steps}
        seconds = {stage: step_seconds(made, stage) for stage in plan}
        whole = sum(seconds[stage] * steps for stage, steps in plan.items())
        if scale == "paper":
            whole = seconds[Stage.JOINT] * PAPER_STEPS
        for stage, taken in seconds.items():
            pairs = 2 * made.optim.batch
            frames = made.optim.batch * round(SECONDS * made.audio.rate / made.audio.hop)
            row = {"scale": scale, "stage": str(stage), "seconds a step": taken}
            row |= {"samples a second": pairs / taken, "mel frames a second": frames / taken}
            rows.append(row | {"hours in all": whole / 3_600})
    return pd.DataFrame(rows).assign(
        precision=precision(experiment(variant, scales[0]).optim),
        threads=torch.get_num_threads(),
        machine=torch.cuda.get_device_name() if torch.cuda.is_available() else processor(),
    )


def _add(table: pd.DataFrame, path: Path) -> None:
    """Write the table; what other machines, or other precisions, gave stays above it."""
    key = [name for name in ("items", "scale", "stage", "precision", "threads", "machine") if name in table]
    if path.exists():
        table = pd.concat([pd.read_csv(path), table]).drop_duplicates(key, keep="last")
    table.to_csv(path, index=False)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m skiplib.benchmark", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("prepare", "train", "prepare-once"))
    parser.add_argument("given", nargs="*", help="numbers of items, or scales")
    options = parser.parse_args(arguments)
    if options.what == "prepare-once":
        sys.stdout.write(json.dumps(prepare_once(int(options.given[0]))) + "\n")
        return
    if options.what == "train":
        table = training(options.given or ["smoke", "demo", "paper"])
    else:
        command = [sys.executable, "-m", "skiplib.benchmark", "prepare-once"]
        runs = [
            subprocess.run([*command, n], stdout=subprocess.PIPE, text=True, check=True).stdout
            for n in options.given or map(str, ITEMS)
        ]
        table = pd.DataFrame([json.loads(run.splitlines()[-1]) for run in runs]).assign(machine=processor())
    _add(table.round(3), ROOT / "reports" / f"benchmark-{options.what}.csv")
    sys.stdout.write(table.round(3).to_string(index=False) + "\n")


if __name__ == "__main__":
    main()
