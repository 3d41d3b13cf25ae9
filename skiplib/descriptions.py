"""Test images in words: what systems write and say of them, and what the judge hears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from skiplib import metrics, runs
from skiplib.audio import to_waves
from skiplib.config import Experiment
from skiplib.judge import Judge
from skiplib.known import Known, known
from skiplib.prepare import Prepared
from skiplib.systems import System


@dataclass(frozen=True, eq=False)
class Described:
    """A test image, what the model wrote and said of it, what the judge heard, and the truth."""

    row: int  # of the test set
    image: UInt8[np.ndarray, "3 size size"]
    references: list[str]
    written: str  # "" by a system that does not write
    heard: str
    mel: Float[Tensor, "time mel"]
    wave: Float[np.ndarray, " samples"]
    true_mel: Float[Tensor, "true_time mel"]
    true_wave: Float[np.ndarray, " true_samples"]  # the truth through mel and Griffin-Lim
    true_heard: str
    accuracy: float  # content accuracy of what was heard (`metrics.content_accuracy`), by `known`


def describe(
    model: System,
    prepared: Prepared,
    knows: Known,
    judge: Judge,
    rows: Sequence[int],
) -> list[Described]:
    """Test images in words: written (image to text), spoken (image to speech), and heard by the judge.

    `knows` is what the corpus knows of its images (`known.known`), `rows` are those of the test set.
    """
    test, audio = prepared.a["test"], model.experiment.audio
    chosen = [int(row) for row in rows]
    seen = np.array(test.seen[chosen])
    mels = [mel.float().cpu() for mel in model.translate(seen, "image", "speech")]
    writes = ("image", "text") in model.tasks
    written = model.translate(seen, "image", "text") if writes else [""] * len(chosen)
    truths = [torch.from_numpy(np.array(prepared.truth.mel(row), dtype=np.float32)) for row in chosen]
    waves = [wave.numpy() for wave in to_waves([*mels, *truths], audio, progress=True)]
    heard = judge.transcribe(waves, audio.rate, progress=True)
    found = []
    for i, row in enumerate(chosen):
        truth, said = knows.truth(test.facts[row]), knows.told(heard[i])
        accuracy = metrics.content_accuracy([truth], [said]).value
        image, captions = np.array(test.images[row]), test.captions[row]
        spoken = (mels[i], waves[i], truths[i], waves[len(chosen) + i], heard[len(chosen) + i])
        found.append(Described(row, image, captions, written[i], heard[i], *spoken, accuracy))
    return found


def draw(prepared: Prepared, n: int, seed: int) -> list[int]:
    """Rows of `n` test images, or of all if there are fewer, drawn by `seed`."""
    return np.random.default_rng(seed).permutation(len(prepared.a["test"].captions))[:n].tolist()


def described(experiments: Mapping[str, Experiment], n: int, seed: int) -> dict[str, list[Described]]:
    """What each of several systems, trained or read from `runs/`, says of the same `n` test images."""
    found = {}
    for name, experiment in experiments.items():
        model, prepared, _ = runs.trained(experiment)
        knows, judge = known(experiment, prepared), runs.judge_for(experiment, prepared)
        found[name] = describe(model, prepared, knows, judge, draw(prepared, n, seed))
    return found
