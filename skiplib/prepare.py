"""A corpus as memory-mapped arrays, prepared once: images, mels, texts, `manifest.json`, `quarantine.csv`.

The folder appears whole or not at all: it is built beside its place and renamed. Opening it checks
every file against the manifest; a damaged one is built again.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from skiplib.audio import prepare_wave, to_mel
from skiplib.config import DATA_DIR, Audio, Experiment
from skiplib.corpora import ImageTextItem, Opened, TextSpeechItem, open_corpus
from skiplib.errors import DataError
from skiplib.inputs import image_array

log = logging.getLogger(__name__)
FORMAT = 1  # of the prepared folder; raise it when the layout or its content changes
MAX_LOSS = 0.01  # share of a set that may be quarantined
SPLITS = ("train", "test")


@dataclass(frozen=True)
class ImageTextSet:
    """A: `images` uint8 [n, 3, size, size] and, for each, its captions and what is known of the scene."""

    images: np.ndarray
    captions: list[list[str]]
    facts: list[dict[str, Any] | None]


@dataclass(frozen=True)
class TextSpeechSet:
    """B: sentences and their mels, float16 [frames, 80] end to end, cut at `offsets`."""

    sentences: list[str]
    frames: np.ndarray
    offsets: np.ndarray

    def mel(self, i: int) -> np.ndarray:
        return self.frames[self.offsets[i] : self.offsets[i + 1]]

    @property
    def lengths(self) -> np.ndarray:
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
        return hashlib.sha256(json.dumps(self.manifest, sort_keys=True).encode()).hexdigest()


def prepare(experiment: Experiment, folder: Path = DATA_DIR, workers: int = 2) -> Prepared:
    """The prepared data of an experiment, built if it is not there or is damaged.

    Raises `DataError` if more than 1% of a set cannot be used.
    """
    opened = open_corpus(experiment)
    determines = _determines(experiment, opened)
    key = json.dumps([FORMAT, determines], sort_keys=True)
    name = f"{experiment.corpus}-{experiment.scale}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    place = folder / name
    if place.exists():
        try:
            return load(place)
        except DataError as error:
            log.warning("%s; preparing it again", error)
            shutil.rmtree(place)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder) as temporary:
        built = Path(temporary) / name
        built.mkdir()
        _build(experiment, opened, determines, built, workers)
        try:
            os.replace(built, place)
        except OSError:  # another process was faster; its folder holds the same
            if not place.exists():
                raise
    return load(place)


def load(place: Path) -> Prepared:
    """Open a prepared folder. Raises `DataError` if a file is missing, was cut short or has changed."""
    try:
        manifest = json.loads((place / "manifest.json").read_text())
        for name, digest in (manifest["files"] | manifest["audio_files"]).items():
            if _digest(place / name) != digest:
                raise DataError(f"{place / name} has changed since it was prepared")
        texts = json.loads((place / "texts.json").read_text())
        return Prepared(
            place,
            manifest,
            {s: ImageTextSet(_array(place / f"images_{s}.npy"), *texts[f"a_{s}"]) for s in SPLITS},
            {s: _speech_set(place, f"b_{s}", texts) for s in SPLITS},
            _speech_set(place, "truth", texts),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{place} is damaged: {error!r}") from error


def _determines(experiment: Experiment, opened: Opened) -> dict[str, Any]:
    return opened.determines | {
        "corpus": experiment.corpus,
        "audio": experiment.audio.model_dump(mode="json"),
        "image": experiment.image.model_dump(mode="json"),
    }


def _build(
    experiment: Experiment, opened: Opened, determines: dict[str, Any], place: Path, workers: int
) -> None:
    a, b, truth = opened.a, opened.b, opened.truth
    lost: list[tuple[str, str]] = []
    texts: dict[str, Any] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        for split in SPLITS:
            items = list(a.image_text(split))
            jobs = [(item, experiment.image.size) for item in items]
            rows = _run(pool, _image, jobs, f"images of A, {split}")
            texts[f"a_{split}"] = _store_images(place / f"images_{split}.npy", items, rows, lost)
        for name, speech in (
            ("b_train", b.text_speech("train")),
            ("b_test", b.text_speech("test")),
            ("truth", truth),
        ):
            spoken = list(speech)
            rows = _run(pool, _mel, [(item, experiment.audio) for item in spoken], f"speech, {name}")
            texts[name] = _store_mels(place, name, spoken, rows, experiment.audio, lost)
    (place / "texts.json").write_text(json.dumps(texts))
    with (place / "quarantine.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("item", "reason"), *lost])
    names = sorted(p.name for p in place.iterdir())
    audio = [n for n in names if n.startswith("mels_")]  # the voice may differ in the last bit elsewhere
    manifest = {
        "format": FORMAT,
        **determines,
        "counts": {
            key: len(value if isinstance(value, list) and key[0] != "a" else value[0])
            for key, value in texts.items()
        },
        "quarantined": len(lost),
        "files": {n: _digest(place / n) for n in names if n not in audio},
        "audio_files": {n: _digest(place / n) for n in audio},
    }
    (place / "manifest.json").write_text(json.dumps(manifest, indent=1))


def _run(pool: ProcessPoolExecutor, work: Callable, jobs: list, title: str) -> Iterable[Any]:
    try:
        results = pool.map(work, jobs, chunksize=max(1, min(64, len(jobs) // 8)))
        yield from tqdm(results, total=len(jobs), desc=title, mininterval=1)
    except BrokenProcessPool as error:
        raise DataError(
            f"the processes that prepare the {title} ended before their work was done; a script must call "
            'prepare under `if __name__ == "__main__":` and be a file, as each of them reads it again; '
            "and memory may have run out"
        ) from error


def _image(job: tuple[ImageTextItem, int]) -> np.ndarray | DataError:
    item, size = job
    try:
        return image_array(item.image(), size).transpose(2, 0, 1)
    except DataError as error:
        return error


def _mel(job: tuple[TextSpeechItem, Audio]) -> np.ndarray | DataError:
    item, audio = job
    try:
        return to_mel(prepare_wave(*item.waveform(), audio), audio).numpy().astype(np.float16)
    except DataError as error:
        return error


def _sort_out(items: list, rows: Iterable, lost: list) -> Iterator[tuple[Any, np.ndarray]]:
    """Pairs that can be used; the others are noted, and too many of them are an error."""
    bad = 0
    for item, row in zip(items, rows, strict=True):
        if isinstance(row, DataError):
            bad += 1
            lost.append((item.id, str(row)))
        else:
            yield item, row
    if bad > MAX_LOSS * len(items):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in lost[-3:])
        raise DataError(f"{bad} of {len(items)} items cannot be used, as {reasons}")


def _store_images(path: Path, items: list[ImageTextItem], rows: Iterable, lost: list) -> list[list]:
    kept, pixels = [], []
    for item, row in _sort_out(items, rows, lost):
        kept.append(item)
        pixels.append(row)
    np.save(path, np.stack(pixels))
    return [[list(item.captions) for item in kept], [item.facts for item in kept]]


def _store_mels(
    place: Path, name: str, items: list[TextSpeechItem], rows: Iterable, audio: Audio, lost: list
) -> list[str]:
    kept, mels = [], []
    for item, row in _sort_out(items, rows, lost):
        kept.append(item)
        mels.append(row)
    np.save(place / f"mels_{name}.npy", np.concatenate(mels))
    np.save(place / f"mels_{name}_offsets.npy", np.cumsum([0, *map(len, mels)]))
    return [item.text for item in kept]


def _speech_set(place: Path, name: str, texts: dict[str, Any]) -> TextSpeechSet:
    return TextSpeechSet(
        texts[name], _array(place / f"mels_{name}.npy"), np.load(place / f"mels_{name}_offsets.npy")
    )


def _array(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
