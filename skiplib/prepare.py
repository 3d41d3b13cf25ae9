"""A corpus as memory-mapped arrays, prepared once: images, mels, texts, `manifest.json`, `quarantine.csv`.

The folder appears whole or not at all: it is built beside its place and renamed. A preparation that was
interrupted goes on where it was, unless the files have changed since: then it begins anew, and what was left
of it goes. Opening a folder checks every file against the manifest; a damaged one is built again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from skiplib.building import FORMAT, GUARD, SHARDS, build
from skiplib.config import DATA_DIR, Experiment
from skiplib.corpora import READING, SPLITS, Opened, open_corpus
from skiplib.errors import DataError
from skiplib.files import alone, digest
from skiplib.provenance import cores

log = logging.getLogger(__name__)

NAMED = 8  # letters of a digest at the end of a folder's name


@dataclass(frozen=True)
class ImageTextSet:
    """A: `images` uint8 [n, 3, size, size] and, for each, its captions and what is known of the scene.

    `seen` is what E_img takes: the images themselves, or their features, float16 [n, 1280].
    """

    images: np.ndarray
    seen: np.ndarray
    captions: list[list[str]]
    facts: list[dict[str, Any]]


@dataclass(frozen=True)
class TextSpeechSet:
    """B: sentences, their ids in the corpus, and their mels, float16 [frames, 80] end to end, cut at
    `offsets`."""

    ids: list[str]
    sentences: list[str]
    frames: np.ndarray
    offsets: np.ndarray

    def mel(self, i: int) -> np.ndarray:
        """The mel of sentence `i`, float16 [frames, 80]."""
        return self.frames[self.offsets[i] : self.offsets[i + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """How many frames each sentence has, [n]."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Prepared:
    """Everything that training and evaluation read. `truth` speaks the first caption of each test image."""

    folder: Path
    manifest: dict[str, Any]
    a: dict[str, ImageTextSet]
    b: dict[str, TextSpeechSet]
    truth: TextSpeechSet

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest."""
        return _hash(self.manifest)

    @property
    def content(self) -> str:
        """The same without the audio, whose last bits are a machine's: what a run may be resumed with."""
        return _hash(_silent(self.manifest))

    def beside(self, name: str) -> Path:
        """Where something that follows from these data alone is kept: beside their folder."""
        return self.folder.with_name(f"{self.folder.name}-{self.digest[:8]}{name}")


def prepare(experiment: Experiment, folder: Path = DATA_DIR, workers: int | None = None) -> Prepared:
    """The prepared data of an experiment, built if it is not there or is damaged, by as many processes as
    there are cores, or `workers`.

    Raises `DataError` if more than 1% of a set, or of its captions, cannot be used, if the machine cannot
    read what is there, or if a script builds them outside `if __name__ == "__main__":`.
    """
    opened = open_corpus(experiment)
    determines = _determines(experiment, opened)
    name = _name(experiment, determines)
    place, unfinished = folder / name, folder / f".{name}.unfinished"
    if (found := _usable(place)) is not None:
        return found
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # It would wait for its parent, which has the lock and waits for it: Python's own check comes later.
        raise DataError(f"a process that prepares data began to prepare them itself; {GUARD}")
    with alone(folder / f".{name}.lock", "prepares these data"):
        if (found := _usable(place)) is not None:  # another process has just made it
            return found
        _clear(unfinished)
        shutil.rmtree(place, ignore_errors=True)
        unfinished.mkdir(exist_ok=True)
        build(experiment, opened, determines, unfinished, workers or cores())
        os.replace(unfinished, place)  # until here an interruption loses nothing
        shutil.rmtree(place / SHARDS, ignore_errors=True)
    return load(place)


def _clear(unfinished: Path) -> None:
    """Remove what other preparations of the corpus and scale left `unfinished`, as of files that were mended
    since, unless a process is at work on it."""
    others = f"{unfinished.stem[:-NAMED]}{'?' * NAMED}{unfinished.suffix}"
    for stale in {*unfinished.parent.glob(others)} - {unfinished}:
        with suppress(Timeout), FileLock(stale.with_suffix(".lock"), timeout=0):
            shutil.rmtree(stale, ignore_errors=True)


def _usable(place: Path) -> Prepared | None:
    try:
        found = load(place) if place.exists() else None
        shutil.rmtree(place / SHARDS, ignore_errors=True)  # of a process that was killed after its last file
        return found
    except DataError as error:
        log.warning("%s; preparing it again", error)
        return None
    except OSError as error:  # of the machine: out of memory, no permission, a network that is away
        raise DataError(f"{place} cannot be read ({error}); it is left as it is") from error


def load(place: Path) -> Prepared:
    """Open a prepared folder.

    Raises `DataError` if a file is missing, was cut short or has changed, and `OSError` if the machine cannot
    read it.
    """
    try:
        manifest = json.loads((place / "manifest.json").read_text())
        for name, expected in (manifest["files"] | manifest["audio_files"]).items():
            if digest(place / name) != expected:
                raise DataError(f"{place / name} has changed since it was prepared")
        return Prepared(
            place,
            manifest,
            {split: _image_set(place, split) for split in SPLITS},
            {split: _speech_set(place, f"b_{split}") for split in SPLITS},
            _speech_set(place, "truth"),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{place} is damaged: {error!r}") from error


def prepared_hash(experiment: Experiment, folder: Path = DATA_DIR, audio: bool = True) -> str:
    """`Prepared.digest` of the data of an experiment (without `audio`, `Prepared.content`), from the manifest
    alone: no file is opened.

    Raises `DataError` if they are not prepared, or the corpus' files are missing.
    """
    path = folder / folder_name(experiment) / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        return _hash(manifest if audio else _silent(manifest))
    except (OSError, ValueError) as error:
        raise DataError(f"{path.parent} is not prepared: {error}") from error


def folder_name(experiment: Experiment) -> str:
    """The name of the folder of an experiment's data, which other settings, other files, another reading of
    them (`corpora.READING`) and another version of the voice change.

    Raises `DataError` if the corpus' files are missing.
    """
    return _name(experiment, _determines(experiment, open_corpus(experiment)))


def _name(experiment: Experiment, determines: dict[str, Any]) -> str:
    key = json.dumps([FORMAT, READING, version("hibari-tts"), determines], sort_keys=True)
    return f"{experiment.corpus}-{experiment.scale}-{hashlib.sha256(key.encode()).hexdigest()[:NAMED]}"


def _silent(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key != "audio_files"}


def _hash(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _determines(experiment: Experiment, opened: Opened) -> dict[str, Any]:
    return opened.determines | {
        "corpus": experiment.corpus,
        "audio": experiment.audio.model_dump(mode="json"),
        "image": experiment.image.model_dump(mode="json"),
    }


def _image_set(place: Path, split: str) -> ImageTextSet:
    lines = _lines(place, f"a_{split}")
    captions = [line["captions"] for line in lines]
    facts = [line.get("facts", {"captions": line["captions"]}) for line in lines]
    images, features = (place / f"{kind}_a_{split}.npy" for kind in ("images", "features"))
    seen = features if features.exists() else images
    return ImageTextSet(_array(images), _array(seen), captions, facts)


def _speech_set(place: Path, name: str) -> TextSpeechSet:
    lines = _lines(place, name)
    ids, sentences = [line["id"] for line in lines], [line["text"] for line in lines]
    offsets = np.load(place / f"mels_{name}_offsets.npy")
    return TextSpeechSet(ids, sentences, _array(place / f"mels_{name}.npy"), offsets)


def _lines(place: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place / f"texts_{name}.jsonl").read_text("utf-8").splitlines()]


def _array(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r")
