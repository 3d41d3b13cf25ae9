"""A corpus into the files of a prepared folder, by several processes, shard by shard."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from skiplib.config import Experiment
from skiplib.corpora import Opened
from skiplib.errors import DataError
from skiplib.files import ArrayFile, digest
from skiplib.shards import ITEMS, UNSAID, Item, Job, Outcome, Shard, make

FORMAT = 2  # of the prepared folder; raise it when its layout changes (what it holds: `corpora.READING`)
MAX_LOSS = 0.01  # share of a set that may be quarantined, and of the captions of its images
LOST, SHARDS = "quarantine.csv", "shards"
CHUNK = 16  # items that a process is handed at once
GUARD = 'a script must be a file, and call prepare under `if __name__ == "__main__":`, as each reads it again'
TITLES = {"a_train": "images of A, train", "test": "images of A, test, and their spoken captions"}


def build(
    experiment: Experiment, opened: Opened, determines: dict[str, Any], place: Path, workers: int
) -> None:
    """Everything of a corpus as files in the folder `place`; shards that are there are not made
    again, and none is removed.

    Raises `DataError` if too much of it cannot be used; the shards that lost something are gone then, so that
    mended files are read again.
    """
    a, b = opened.a, opened.b
    # A test image and its truth stand in the same row: what one of them lacks, neither has.
    shown = zip(a.image_text("test"), opened.truth, strict=True)
    parts: dict[str, tuple[Iterable[dict[str, Item]], int]] = {
        "a_train": (({"a_train": item} for item in a.image_text("train")), a.image_text_count("train")),
        "test": (({"a_test": image, "truth": said} for image, said in shown), a.image_text_count("test")),
        "b_train": (({"b_train": item} for item in b.text_speech("train")), b.text_speech_count("train")),
        "b_test": (({"b_test": item} for item in b.text_speech("test")), b.text_speech_count("test")),
    }
    shards, made = place / SHARDS, {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin) as pool:
        for name, (items, count) in parts.items():
            jobs = ((item, experiment.image, experiment.audio) for item in items)
            made[name] = _shards(pool, jobs, shards / name, count, place / LOST)
    whole = _merged(place, [path for paths in made.values() for path in paths])
    _write_lost(place / LOST, whole.lost)
    names = sorted(path.name for path in place.iterdir() if path.name not in (SHARDS, "manifest.json"))
    # Apart, as the voice may differ in the last bit elsewhere.
    audio = [name for name in names if name.startswith("mels_")]
    manifest = {
        "format": FORMAT,
        **determines,
        "counts": whole.counts,
        "quarantined": whole.unusable,
        "files": {name: digest(place / name) for name in names if name not in audio},
        "audio_files": {name: digest(place / name) for name in audio},
    }
    if whole.left_out:
        manifest["characters_left_out"] = dict(whole.left_out.most_common())
    if captions := len(whole.lost) - whole.unusable:
        manifest["captions_left_out"] = captions
    if whole.clipped:
        manifest["clipped"] = whole.clipped
    (place / "manifest.json").write_text(json.dumps(manifest, indent=1))


def _write_lost(path: Path, lost: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("item", "file", "sha256", "reason"), *lost])


def _begin() -> None:
    """A worker has one thread, and ends with its parent: one that is killed cannot end its workers."""
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _shards(
    pool: ProcessPoolExecutor, jobs: Iterator[Job], folder: Path, count: int, listed: Path
) -> list[Path]:
    """The shards of a part, made where they are missing; of one that loses too much, all that it lost is
    `listed`."""
    paths, losing, unusable, seen, unsaid, captions = [], [], 0, 0, 0, 0
    title = TITLES.get(folder.name, f"speech, {folder.name}")
    with tqdm(total=count, desc=title, mininterval=1) as bar:
        while given := list(islice(jobs, ITEMS)):
            paths.append(folder / f"{len(paths):05d}.npz")
            shard = Shard.load(paths[-1])
            if shard is None:
                shard = Shard.of(list(_outcomes(pool, given, bar, title)))
                shard.save(paths[-1])
            else:
                bar.update(len(given))
            seen, unusable = seen + len(given), unusable + shard.unusable
            unsaid, captions = unsaid + shard.captions[0], captions + shard.captions[1]
            losing += [(paths[-1], shard.lost)] if shard.lost else []
    if not paths:
        raise DataError(f"the corpus has none of {title}")
    for what, amount, of in (("items", unusable, seen), ("captions", unsaid, captions)):
        if amount > MAX_LOSS * of:  # only now, so that one run names all there is to mend
            for path, _ in losing:
                path.unlink()
            lost = [row for _, rows in losing for row in rows]
            _write_lost(listed, lost)
            told = [row for row in lost if row[3].startswith(UNSAID) == (what == "captions")][-3:]
            reasons = "; ".join(f"{item}: {reason}" for item, _, _, reason in told)
            raise DataError(
                f"{amount} of {of} {what} ({title}) cannot be used, as {reasons}. At most {MAX_LOSS:.0%} may "
                f"be lost; all of them are listed in {listed}: mend them, or take them out of the corpus"
            )
    return paths


def _outcomes(pool: ProcessPoolExecutor, jobs: Sequence[Job], bar: tqdm, title: str) -> Iterator[Outcome]:
    try:
        for outcome in pool.map(make, jobs, chunksize=max(1, min(CHUNK, len(jobs) // 8))):
            bar.update()
            yield outcome
    except BrokenProcessPool as error:
        raise DataError(
            f"the processes that prepare the {title} ended before their work was done; {GUARD}; and memory "
            "may have run out"
        ) from error


class _SetFiles:
    """The files of one set as they grow: a line of text an item, and its arrays."""

    def __init__(self, place: Path, name: str) -> None:
        self.place, self.name, self.lines = place, name, 0
        self.text = (place / f"texts_{name}.jsonl").open("w", encoding="utf-8")
        self.arrays: dict[str, ArrayFile] = {}
        self.frames: list[int] = []

    def add(self, shard: Shard) -> None:
        self.text.writelines(f"{json.dumps(line)}\n" for line in shard.lines[self.name])
        self.lines += len(shard.lines[self.name])
        for key, rows in shard.rows.items():
            name, kind = key.split("/")
            if name == self.name:
                if kind not in self.arrays:
                    self.arrays[kind] = ArrayFile(self.place / f"{kind}_{name}.npy")
                self.arrays[kind].append(rows)
        self.frames += shard.lengths.get(f"{self.name}/mels", [])

    def close(self) -> None:
        self.text.close()
        for array in self.arrays.values():
            array.close()
        if "mels" in self.arrays:
            np.save(self.place / f"mels_{self.name}_offsets.npy", np.cumsum([0, *self.frames]))


@dataclass
class _Merged:
    """Of all shards: how many lines each set has, what was lost (`Shard.lost`, `Shard.unusable`), the
    characters left out and the recordings that are clipped."""

    counts: dict[str, int] = field(default_factory=dict)
    lost: list[Sequence[str]] = field(default_factory=list)
    unusable: int = 0
    clipped: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def _merged(place: Path, paths: Sequence[Path]) -> _Merged:
    """All shards as files."""
    sets: dict[str, _SetFiles] = {}
    merged = _Merged()
    for path in tqdm(paths, desc="shards into arrays", mininterval=1):
        shard = Shard.load(path)
        if shard is None:
            raise DataError(f"{path} was damaged while the corpus was prepared: prepare it again")
        for name in shard.lines:
            if name not in sets:
                sets[name] = _SetFiles(place, name)
            sets[name].add(shard)
        merged.lost += shard.lost
        merged.unusable += shard.unusable
        merged.clipped += shard.clipped
        merged.left_out.update(shard.left_out)
    for files in sets.values():
        files.close()
    merged.counts = {name: files.lines for name, files in sets.items()}
    return merged
