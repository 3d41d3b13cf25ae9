"""A corpus into the files of a prepared folder: texts cleaned, images and mels by several processes, and a
note of all that could not be used."""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from skiplib.audio import prepare_wave, to_mel
from skiplib.cleaning import clean
from skiplib.config import Audio, Experiment
from skiplib.corpora import SPLITS, ImageTextItem, Opened, TextSpeechItem
from skiplib.errors import DataError
from skiplib.inputs import image_array

FORMAT = 1  # of the prepared folder; raise it when the layout or its content changes
MAX_LOSS = 0.01  # share of a set that may be quarantined
Pairs = list[tuple[Any, np.ndarray]]  # items of a corpus and what was made of each


def build(
    experiment: Experiment, opened: Opened, determines: dict[str, Any], place: Path, workers: int
) -> None:
    """Everything of a corpus as files in the empty folder `place`.

    Raises `DataError` if too much of it cannot be used.
    """
    a, b, truth = opened.a, opened.b, opened.truth
    notes = Notes()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:

        def images(split: str) -> Pairs:
            items = notes.cleaned_images(a.image_text(split))
            jobs = [(item, experiment.image.size) for item in items]
            return notes.kept(items, _run(pool, _image, jobs, f"images of A, {split}"))

        def mels(name: str, speech: Iterable[TextSpeechItem]) -> Pairs:
            items = notes.cleaned_speech(speech)
            jobs = [(item, experiment.audio) for item in items]
            return notes.kept(items, _run(pool, _mel, jobs, f"speech, {name}"))

        texts: dict[str, Any] = {"a_train": _store_images(place / "images_train.npy", images("train"))}
        shown = images("test")
        for split in SPLITS:
            texts[f"b_{split}"] = _store_mels(place, f"b_{split}", mels(f"b_{split}", b.text_speech(split)))
        spoken = mels("truth", truth)
    # The truth goes with the test images row by row: what one of them lacks, neither has.
    both = {item.id for item, _ in shown} & {item.id for item, _ in spoken}
    shown, spoken = ([pair for pair in pairs if pair[0].id in both] for pairs in (shown, spoken))
    texts["a_test"] = _store_images(place / "images_test.npy", shown)
    texts["truth"] = _store_mels(place, "truth", spoken)
    order = ("a_train", "a_test", "b_train", "b_test", "truth")
    (place / "texts.json").write_text(json.dumps({name: texts[name] for name in order}))
    with (place / "quarantine.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("item", "reason"), *notes.lost])
    names = sorted(p.name for p in place.iterdir())
    audio = [n for n in names if n.startswith("mels_")]  # the voice may differ in the last bit elsewhere
    manifest = {
        "format": FORMAT,
        **determines,
        "counts": {
            key: len(value if isinstance(value, list) and key[0] != "a" else value[0])
            for key, value in texts.items()
        },
        "quarantined": len(notes.lost),
        "files": {n: digest(place / n) for n in names if n not in audio},
        "audio_files": {n: digest(place / n) for n in audio},
    }
    if notes.left_out:
        manifest["characters_left_out"] = dict(notes.left_out.most_common())
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


class Notes:
    """What could not be used of a corpus: items and captions with the reason, and characters by count."""

    def __init__(self) -> None:
        self.lost: list[tuple[str, str]] = []
        self.left_out: Counter[str] = Counter()

    def cleaned_images(self, items: Iterable[ImageTextItem]) -> list[ImageTextItem]:
        """The items with their captions in the 66 symbols; one without a caption that can be said is lost."""
        given, found = list(items), []
        for item in given:
            captions = [said for text in item.captions if (said := self._clean(item.id, text))]
            if captions:
                found.append(replace(item, captions=tuple(captions)))
        self._few(len(given) - len(found), len(given))
        return found

    def cleaned_speech(self, items: Iterable[TextSpeechItem]) -> list[TextSpeechItem]:
        """The items with their texts in the 66 symbols; one whose text cannot be said is lost."""
        given, found = list(items), []
        for item in given:
            if said := self._clean(item.id, item.text):
                found.append(replace(item, text=said))
        self._few(len(given) - len(found), len(given))
        return found

    def kept(self, items: Sequence[Any], rows: Iterable[Any]) -> Pairs:
        """Pairs that can be used; the others are noted, and too many of them are an error."""
        found = []
        for item, row in zip(items, rows, strict=True):
            if isinstance(row, DataError):
                self.lost.append((item.id, str(row)))
            else:
                found.append((item, row))
        self._few(len(items) - len(found), len(items))
        return found

    def _few(self, bad: int, total: int) -> None:
        if bad > MAX_LOSS * total:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in self.lost[-3:])
            raise DataError(f"{bad} of {total} items cannot be used, as {reasons}")

    def _clean(self, name: str, text: str) -> str:
        try:
            said, left_out = clean(text)
        except DataError as error:
            self.lost.append((name, str(error)))
            return ""
        self.left_out.update(left_out)
        return said


def _store_images(path: Path, pairs: Pairs) -> list[list]:
    np.save(path, np.stack([pixels for _, pixels in pairs]))
    captions = [list(item.captions) for item, _ in pairs]
    facts = [item.facts or {"captions": list(item.captions)} for item, _ in pairs]
    return [captions, facts]


def _store_mels(place: Path, name: str, pairs: Pairs) -> list[str]:
    np.save(place / f"mels_{name}.npy", np.concatenate([mel for _, mel in pairs]))
    np.save(place / f"mels_{name}_offsets.npy", np.cumsum([0, *(len(mel) for _, mel in pairs)]))
    return [item.text for item, _ in pairs]


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
