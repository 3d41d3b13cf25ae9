"""Items of a corpus as rows of arrays, kept in shards on the disk until all of them are there.

Memory holds one shard at a time, and a preparation that was interrupted goes on after its last shard.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skiplib.audio import prepare_wave, to_mel
from skiplib.cleaning import clean
from skiplib.config import SOURCES_DIR, Audio, Image
from skiplib.corpora import ImageTextItem, TextSpeechItem
from skiplib.errors import DataError
from skiplib.features import features
from skiplib.files import digest, whole
from skiplib.inputs import image_array

ITEMS = 500  # of a shard
Item = ImageTextItem | TextSpeechItem
Job = tuple[Mapping[str, Item], Image, Audio]  # an item for each set that it adds to


@dataclass
class Outcome:
    """What became of one item: for each set a line of text and rows of arrays, or nothing and the reason.

    `lost` has rows of `quarantine.csv`: item, file, SHA-256 of the file, reason. Files are named as they lie
    under `config.SOURCES_DIR`, so that the same data are the same wherever they are.
    """

    made: dict[str, tuple[dict[str, Any], dict[str, np.ndarray]]] = field(default_factory=dict)
    lost: list[tuple[str, str, str, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def lose(self, item: Item, reason: str) -> None:
        """Note what cannot be used, and why."""
        try:
            found = digest(item.path) if item.path is not None and item.path.is_file() else ""
        except OSError:  # it may not be opened
            found = ""
        here = f"{SOURCES_DIR}{os.sep}"
        path, reason = (text.replace(here, "") for text in (str(item.path or ""), reason))
        self.lost.append((item.id, path, found, reason))

    def clean(self, text: str) -> str:
        """`text` in the 66 symbols. Raises `DataError` if nothing of it can be said."""
        said, left_out = clean(text)
        self.left_out.update(left_out)
        return said


def make(job: Job) -> Outcome:
    """Work of another process: texts cleaned, arrays made. The items of a job are kept or lost together."""
    items, options, audio = job
    outcome = Outcome()
    for name, item in items.items():
        try:
            if isinstance(item, ImageTextItem):
                outcome.made[name] = _image(item, options, outcome)
            else:
                said = outcome.clean(item.text)
                mel = to_mel(prepare_wave(*item.waveform(), audio), audio).numpy().astype(np.float16)
                outcome.made[name] = {"id": item.id, "text": said}, {"mels": mel}
        except Exception as error:  # whatever a file does to a library, it is one file
            surprise = "" if isinstance(error, DataError) else f"{type(error).__name__}: "
            outcome.lose(item, f"{surprise}{error}")
            outcome.made.clear()
            break
    return outcome


def _image(
    item: ImageTextItem, options: Image, outcome: Outcome
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    captions = []
    for text in item.captions:
        try:
            captions.append(outcome.clean(text))
        except DataError as error:
            outcome.lose(item, str(error))
    if not captions:
        raise DataError("it has no caption that can be said")
    line = {"id": item.id, "captions": captions} | ({"facts": item.facts} if item.facts else {})
    image = item.image()
    rows = {"images": image_array(image, options.size).transpose(2, 0, 1)[None]}
    if options.features != "none":
        rows["features"] = features([image]).numpy().astype(np.float16)
    return line, rows


@dataclass
class Shard:
    """Some items' outcomes: for each set its lines, and, end to end, rows of each of its arrays, by
    "set/array"; `lengths` says how many rows a line has."""

    lines: dict[str, list[dict[str, Any]]]
    rows: dict[str, np.ndarray]
    lengths: dict[str, list[int]]
    lost: list[Sequence[str]]
    left_out: Mapping[str, int]
    unusable: int  # items that gave no row

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Shard:
        """The shard of these items, in their order, without those that are lost."""
        made = [outcome.made for outcome in outcomes if outcome.made]
        names = list(made[0]) if made else []
        arrays = [(name, kind) for name in names for kind in made[0][name][1]]
        rows = {f"{name}/{kind}": [sets[name][1][kind] for sets in made] for name, kind in arrays}
        return cls(
            lines={name: [sets[name][0] for sets in made] for name in names},
            rows={key: np.concatenate(parts) for key, parts in rows.items()},
            lengths={key: [len(part) for part in parts] for key, parts in rows.items()},
            lost=[row for outcome in outcomes for row in outcome.lost],
            left_out=sum((outcome.left_out for outcome in outcomes), Counter()),
            unusable=len(outcomes) - len(made),
        )

    def save(self, path: Path) -> None:
        """Write the shard, whole or not at all."""
        about = {key: value for key, value in vars(self).items() if key != "rows"}
        text = np.frombuffer(json.dumps(about).encode(), np.uint8)
        with whole(path) as partial, partial.open("wb") as file:
            np.savez(file, about=text, **self.rows)

    @classmethod
    def load(cls, path: Path) -> Shard | None:
        """A shard, or None if it is not there or is damaged: it is made again then."""
        try:
            with path.open("rb") as file, np.load(file) as stored:
                about = json.loads(stored["about"].tobytes())
                return cls(rows={key: stored[key] for key in about["lengths"]}, **about)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None
