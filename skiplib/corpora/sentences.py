"""Read or spoken sentences as B: LJ Speech, LibriSpeech, and COCO's captions by the packaged voice.

Under `config.SOURCES_DIR`, where `make fetch CORPUS=ljspeech` (or `librispeech`, `cococaptions`) puts
them by the checksums in `skiplib.fetch`:

- `ljspeech/metadata.csv` and `ljspeech/wavs/`, as https://keithito.com/LJ-Speech-Dataset unpacks: 13,100
  clips of one female voice, 24 h, public domain. Without `wavs/` the packaged voice speaks the sentences.
- `librispeech/<set>/<speaker>/<chapter>/`, as https://www.openslr.org/12 unpacks (`train-clean-100.tar.gz`,
  `test-clean.tar.gz`): sets that begin with `train` are the training, the others the test. CC BY 4.0.
- `cococaptions/captions_val2017.json`, from http://images.cocodataset.org/annotations, CC BY 4.0: 25,014
  captions of 5,000 photographs that are in neither Flickr set. The packaged voice speaks them.

Sentences of more than `longest` characters are left out.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

from skiplib.corpora import TextSpeechItem, checked, size_of
from skiplib.corpora.voiced import spoken
from skiplib.errors import DataError
from skiplib.media import recording

Row = tuple[str, str, Path | None]  # name, text, and the recording where there is one
ONE_IN = 25  # so many items is the test, by a digest of its name, where a corpus has no split


class Sentences(ABC):
    """Texts and recordings from `folder`; where there is no recording, the packaged voice at `rate` Hz."""

    def __init__(self, folder: Path, rate: int, longest: int) -> None:
        self.folder, self.rate, self.longest = folder, rate, longest

    @abstractmethod
    def rows(self) -> dict[str, list[Row]]:
        """What there is, by split. Raises `DataError`, naming what is missing and where to get it."""

    def text_speech_count(self, split: str) -> int:
        """How many sentences `split` has."""
        return len(self._rows[checked(split)])

    def text_speech(self, split: str) -> Iterator[TextSpeechItem]:
        """The sentences of `split` with their recordings."""
        for name, text, path in self._rows[checked(split)]:
            if path is None:
                yield spoken(name, text, self.rate)
            else:
                yield TextSpeechItem(name, text, partial(recording, path), path)

    def fingerprint(self) -> str:
        """Tells one state from another: names, texts, whether and how large they are recorded."""
        rows = [(split, *row) for split, rows in self._rows.items() for row in rows]
        listed = [f"{split}|{name}|{text}|{path is None}|{size_of(path)}" for split, name, text, path in rows]
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()

    @cached_property
    def _rows(self) -> dict[str, list[Row]]:
        kept = {}
        for split, rows in self.rows().items():
            kept[split] = [row for row in rows if len(row[1]) <= self.longest]
            if not kept[split]:
                raise DataError(f"{self.folder}, {split}: no sentence has at most {self.longest} characters")
        return kept


class LJSpeech(Sentences):
    """LJ Speech (Ito and Johnson 2017), its normalised texts."""

    def rows(self) -> dict[str, list[Row]]:
        """Raises `DataError` if `metadata.csv` is missing or is not LJ Speech's."""
        path, wavs = self.folder / "metadata.csv", self.folder / "wavs"
        try:
            table = [line.split("|") for line in path.read_text(encoding="utf-8").splitlines()]
            found = [(name, text, wavs / f"{name}.wav" if wavs.is_dir() else None) for name, _, text in table]
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path} is missing or has no lines of name|text|text in words ({error}): it is in "
                "LJSpeech-1.1.tar.bz2 of https://keithito.com/LJ-Speech-Dataset"
            ) from error
        return _drawn(found, [name for name, _, _ in found])


class CocoCaptions(Sentences):
    """The captions of COCO's val2017, which say what other photographs show than Flickr's."""

    def rows(self) -> dict[str, list[Row]]:
        """Raises `DataError` if the annotations are missing. Captions of one photograph stay in one split."""
        path = self.folder / "captions_val2017.json"
        try:
            captions = json.loads(path.read_bytes())["annotations"]
            found: list[Row] = [(str(c["id"]), " ".join(c["caption"].split()), None) for c in captions]
            return _drawn(found, [str(c["image_id"]) for c in captions])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is missing or holds no captions ({error!r}): it is in "
                "annotations_trainval2017.zip of http://images.cocodataset.org/annotations"
            ) from error


class LibriSpeech(Sentences):
    """LibriSpeech (Panayotov et al. 2015), its capitals made small: for fine-tuning (the paper's Table 3)."""

    def rows(self) -> dict[str, list[Row]]:
        """Raises `DataError` if no set for training, or none for the test, is there."""
        found: dict[str, list[Row]] = {"train": [], "test": []}
        for path in sorted(self.folder.glob("*/*/*/*.trans.txt")):
            split = "train" if path.relative_to(self.folder).parts[0].startswith("train") else "test"
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"{path} cannot be read: {error}") from error
            for line in lines:
                name, _, text = line.partition(" ")
                found[split].append((name, text.capitalize(), path.with_name(f"{name}.flac")))
        for split, rows in found.items():
            if not rows:
                raise DataError(
                    f"{self.folder} has no {split} set: unpack train-clean-100.tar.gz and "
                    f"test-clean.tar.gz of https://www.openslr.org/12 there, as {self.folder}/test-clean"
                )
        return found


def _drawn(rows: list[Row], groups: list[str]) -> dict[str, list[Row]]:
    """Training and test by a digest of each row's group: the same wherever, whatever else there is."""
    test = [int(hashlib.sha256(group.encode()).hexdigest(), 16) % ONE_IN == 0 for group in groups]
    return {
        "train": [row for row, drawn in zip(rows, test, strict=True) if not drawn],
        "test": [row for row, drawn in zip(rows, test, strict=True) if drawn],
    }
