"""Items of a corpus as rows of arrays, kept in shards on the disk until all of them are there.

Memory holds one shard at a time, and a preparation that was interrupted goes on after its last shard.
"""

from __future__ import annotations

import errno
import json
import os
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skiplib.audio import is_clipped, prepare_wave, to_mel
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
UNSAID = (
    "only a caption is lost, the image is used without it"  # begins the reason of a row of `Outcome.lost`
)
MACHINE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO}  # errors of the machine, and of no file


@dataclass
class Outcome:
    """What became of one item: for each set a line of text and rows of arrays, or nothing and the reason.

    `lost` has rows of `quarantine.csv`: item, file, SHA-256 of the file, reason. There is one of an item that
    is lost, and one for each caption that an image is used without. Files are named as they lie under
    `config.SOURCES_DIR`, so that the same data are the same wherever they are.
    """

    made: dict[str, tuple[dict[str, Any], dict[str, np.ndarray]]] = field(default_factory=dict)
    lost: list[tuple[str, str, str, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    clipped: int = 0  # recordings

    def lose(self, item: Item, reason: str) -> None:
        """Note what cannot be used, and why. Raises `DataError` if it is the machine that cannot read it."""
        try:
            found = digest(item.path) if item.path is not None and item.path.is_file() else ""
        except OSError as error:  # it may not be opened
            _blame(item, error)  # libsndfile does not say why it could not open a file, and this does
            found = ""
        here = f"{SOURCES_DIR}{os.sep}"
        path, reason = (text.replace(here, "") for text in (str(item.path or ""), reason))
        self.lost.append((item.id, path, found, reason))

    def clean(self, text: str) -> str:
        """`text` in the 66 symbols. Raises `DataError` if nothing of it can be said."""
        said, left_out = clean(text)
        if not self.made:  # the truth is said after its image, whose caption it is
            self.left_out.update(left_out)
        return said


def make(job: Job) -> Outcome:
    """Work of another process: texts cleaned, arrays made. The items of a job are kept or lost together.

    Raises `DataError` if it is the machine that cannot do it: no file is to blame for that.
    """
    items, options, audio = job
    outcome = Outcome()
    for name, item in items.items():
        try:
            if isinstance(item, ImageTextItem):
                outcome.made[name] = _image(item, options, outcome)
            else:
                said = outcome.clean(item.text)
                wave, rate = item.waveform()
                mel = to_mel(prepare_wave(wave, rate, audio), audio).numpy().astype(np.float16)
                outcome.clipped += is_clipped(wave)
                outcome.made[name] = {"id": item.id, "text": said}, {"mels": mel}
        except Exception as error:  # whatever a file does to a library, it is one file
            _blame(item, error)
            surprise = "" if isinstance(error, DataError) else f"{type(error).__name__}: "
            outcome = Outcome()  # without its captions, and what was left out of them
            outcome.lose(item, f"{surprise}{error}")
            break
    return outcome


def _blame(item: Item, error: BaseException) -> None:
    """Raises `DataError` if it is the machine that failed: memory, open files or the disk."""
    cause: BaseException | None = error
    while cause is not None:
        # Of torch: what it is asked for here is bounded (`audio.RATES`, `audio.MAX_SECONDS`).
        full = isinstance(cause, MemoryError) or "DefaultCPUAllocator: can't allocate memory" in str(cause)
        if full or (isinstance(cause, OSError) and cause.errno in MACHINE):
            raise DataError(
                f"the machine failed at {item.path or item.id}, and the file may be good "
                f"({type(cause).__name__}: {cause}): prepare again when there is enough memory, open files "
                "are allowed and the disk can be read, and it goes on from here; if it is this file each "
                "time, take it out of the corpus"
            ) from error
        cause = cause.__cause__ or cause.__context__


def _image(
    item: ImageTextItem, options: Image, outcome: Outcome
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    captions, unsaid = [], list(item.unusable)
    for text in item.captions:
        try:
            captions.append(outcome.clean(text))
        except DataError as error:
            unsaid.append(str(error))
    if not captions:
        raise DataError(f"it has no caption that can be said: {'; '.join(unsaid)}")
    for reason in unsaid:
        outcome.lose(item, f"{UNSAID}: {reason}")
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
    clipped: int  # recordings, which are used

    @property
    def captions(self) -> tuple[int, int]:
        """How many captions the images that are used lost, and had."""
        lost = len(self.lost) - self.unusable
        lines = (line for lines in self.lines.values() for line in lines)
        return lost, lost + sum(len(line.get("captions", ())) for line in lines)

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
            clipped=sum(outcome.clipped for outcome in outcomes),
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
