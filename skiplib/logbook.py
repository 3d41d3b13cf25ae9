"""The log of a run: rows for pandas, the same for TensorBoard, and samples to read and to hear."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import torch

from skiplib.audio import to_waves
from skiplib.files import whole
from skiplib.modes import as_used
from skiplib.prepare import Prepared
from skiplib.provenance import Start, cores_in_use
from skiplib.systems import System

LOG, TABLE, SAMPLES, BOARD = "log.jsonl", "log.csv", "samples.jsonl", "tensorboard"
STARTS = "starts.jsonl"  # a row for each time that the training was started
SAMPLED = 2  # items of each set that samples are taken of


class Logbook:
    """What a run says of itself as it goes, in `folder`; of an earlier attempt, what came before `start`.

    TensorBoard is written to where it is installed: `tensorboard --logdir runs`.
    """

    def __init__(self, folder: Path, start: int) -> None:
        self.folder = folder
        for name in (LOG, SAMPLES, STARTS):
            path = folder / name
            lines = path.read_text().splitlines() if path.exists() else []
            with whole(path) as partial:
                partial.write_text("".join(f"{line}\n" for line in lines if _step(line) < start))
        self._append(STARTS, {"step": start, "cores": cores_in_use()})
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / BOARD), purge_step=start)
        except ImportError:
            self._board = None

    def add(self, row: dict[str, Any]) -> None:
        """A row of numbers, `step` among them."""
        self._append(LOG, {key: round(value, 6) for key, value in row.items()})
        if self._board is not None:
            for key in row.keys() - {"step"}:
                self._board.add_scalar(key, row[key], row["step"])

    def sample(self, step: int, model: System, prepared: Prepared) -> None:
        """What the system makes of the first training items so far: texts, and recordings beside the log."""
        a, b = prepared.a["train"], prepared.b["train"]
        given = {
            "image": np.array(a.seen[:SAMPLED]),
            "text": b.sentences[:SAMPLED],
            "speech": [b.mel(i) for i in range(SAMPLED)],
        }
        row: dict[str, Any] = {"step": step, "captions": [texts[0] for texts in a.captions[:SAMPLED]]}
        row["sentences"] = given["text"]
        with as_used(model):
            for source in given:
                if (source, "text") in model.tasks:
                    row[f"{source}_to_text"] = model.translate(given[source], source, "text")
            for source in ("image", "text"):
                if (source, "speech") in model.tasks:
                    mels = [mel.float().cpu() for mel in model.translate(given[source], source, "speech")]
                    waves = to_waves(mels, model.experiment.audio)
                    row[f"{source}_to_speech"] = self._recordings(f"{step:06d}-{source}", waves, model)
        self._append(SAMPLES, row)
        if self._board is not None:
            self._board.add_text("samples", f"```\n{json.dumps(row, indent=1)}\n```", step)

    def close(self) -> None:
        """The whole log as a table, `log.csv`."""
        read_log(self.folder).to_csv(self.folder / TABLE, index=False)
        if self._board is not None:
            self._board.close()

    def _recordings(self, stem: str, waves: list[torch.Tensor], model: System) -> list[str]:
        rate, names = model.experiment.audio.rate, []
        (self.folder / "samples").mkdir(exist_ok=True)
        for i, wave in enumerate(waves):
            names.append(f"samples/{stem}-{i}.wav")
            soundfile.write(self.folder / names[-1], wave.numpy(), rate)
        return names

    def _append(self, name: str, row: dict[str, Any]) -> None:
        with (self.folder / name).open("a") as file:
            file.write(json.dumps(row) + "\n")


def _step(line: str) -> float:
    """The step of a row; infinite for one that was cut when the machine stopped."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def read_log(folder: Path) -> pd.DataFrame:
    """The log of a run: a row every 20 steps, a column for each term; empty where the run was trained
    elsewhere and its log is not here."""
    path = folder / LOG
    return pd.read_json(path, lines=True) if path.exists() else pd.DataFrame()


def read_starts(folder: Path) -> tuple[Start, ...]:
    """Where a run was started, and went on after an interruption; none where its log does not say so."""
    path = folder / STARTS
    return tuple(map(Start.model_validate_json, path.read_text().splitlines())) if path.exists() else ()


def read_samples(folder: Path) -> pd.DataFrame:
    """The samples of a run: a row each time they were taken, a list of texts or files in each cell."""
    path = folder / SAMPLES
    return pd.read_json(path, lines=True) if path.exists() and path.stat().st_size else pd.DataFrame()
