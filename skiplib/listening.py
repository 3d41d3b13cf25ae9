"""The listening test of section 4.1: which of several systems' recordings is the best for an image.

A test shows clips under names that say nothing; its key, kept apart, says which system each is of. A rater's
answers are a ballot, one JSON file, whether it comes from the page (`page`) or JupyterLab (`skiplib.rating`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from skiplib.descriptions import Described
from skiplib.errors import RecordError
from skiplib.files import whole
from skiplib.options import Frozen
from skiplib.report import audio_data
from skiplib.scores import ItemScores, bootstrap
from skiplib.widgets import picture_data

QUESTIONS = {
    "content": "Which recording says most accurately what the image shows?",
    "voice": "Which recording sounds closest to a human voice?",
    "overall": "Which recording is the best as a whole?",
}
# Of the paper: mean and standard deviation, over 20 images, of the share of seven subjects that chose ours.
REPORTED = {"content": (0.786, 0.276), "voice": (0.650, 0.357), "overall": (0.743, 0.339)}
COLUMNS = ["question", "system", "mean", "sd", "low", "high", "raters", "agreement", "reported"]
PROXY = (
    "**In place of listeners, a proxy**: the share of images of which a system's recording, as the judge "
    "hears it, has the highest content accuracy (ties are shared). It says nothing about voices."
)
TEMPLATE = Path(__file__).with_name("listening.html")


class Clip(Frozen):
    """A recording: whose it is, of which test image, and the content accuracy of what the judge heard."""

    system: str
    row: int
    accuracy: float


class Key(Frozen):
    """What the raters do not see: the clips of a test by their names."""

    test: str
    clips: dict[str, Clip]

    @property
    def systems(self) -> list[str]:
        """In the order that they were given in."""
        return list(dict.fromkeys(clip.system for clip in self.clips.values()))

    @property
    def rows(self) -> list[int]:
        """The test images."""
        return list(dict.fromkeys(clip.row for clip in self.clips.values()))


class Ballot(Frozen):
    """One rater's answers: for each image, a clip for each question."""

    test: str
    rater: str
    answers: dict[str, dict[str, str]]  # image -> question -> clip


def key_of(found: Mapping[str, Sequence[Described]], seed: int) -> Key:
    """The key of a test of what several systems said of the same images."""
    sound = hashlib.sha256()
    clips = {}
    for system, items in found.items():
        for item in items:
            sound.update(np.ascontiguousarray(item.wave, dtype=np.float32).tobytes())
            name = hashlib.sha256(f"{seed}-{system}-{item.row}".encode()).hexdigest()[:10]
            clips[name] = Clip(system=system, row=item.row, accuracy=item.accuracy)
    return Key(test=sound.hexdigest()[:12], clips=clips)


def page(found: Mapping[str, Sequence[Described]], key: Key, rate: int) -> str:
    """The test as one HTML page that needs nothing else: it plays, asks, remembers, and gives the ballot."""
    names = {(clip.system, clip.row): name for name, clip in key.clips.items()}
    items = []
    for place, first in enumerate(next(iter(found.values()))):
        clips = {}
        for system, described in found.items():
            clips[names[system, first.row]] = audio_data(described[place].wave, rate)
        image = picture_data(first.image)
        items.append({"id": str(first.row), "image": image, "clips": dict(sorted(clips.items()))})
    data = {"test": key.test, "questions": QUESTIONS, "items": items}
    return TEMPLATE.read_text(encoding="utf-8").replace("/*DATA*/null", json.dumps(data))


def save(path: Path, model: Key | Ballot) -> None:
    """Write a key or a ballot, whole or not at all."""
    with whole(path) as partial:
        partial.write_text(model.model_dump_json(indent=1))


def read_key(path: Path) -> Key:
    """Raises `RecordError`, naming the file, if it is no key."""
    try:
        return Key.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RecordError(f"{path} is not the key of a listening test: {error}") from error


def tests(folder: Path, name: str = "") -> list[Path]:
    """The folders of the tests under `folder`, or of the one of that name.

    Raises `RecordError`, with the list of all, if there is none of that name.
    """
    found = sorted(path.parent for path in folder.glob("*/key.json"))
    if name and name not in [path.name for path in found]:
        known = ", ".join(path.name for path in found) or "none, run listening_test first"
        raise RecordError(f"there is no listening test {name!r} in {folder}; there are: {known}")
    return [path for path in found if name in ("", path.name)]


def read_ballots(folder: Path, key: Key) -> dict[Path, Ballot]:
    """The ballots of a test in a folder, by file; of an unfinished one, the images that were answered.

    Raises `RecordError`, naming the file, on one that does not parse, is of another test, names a clip that
    is not of its image, or comes from a rater that another ballot has too.
    """
    found: dict[Path, Ballot] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            ballot = Ballot.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise RecordError(f"{path} is no ballot: {error}") from error
        if ballot.test != key.test:
            raise RecordError(f"{path} is of test {ballot.test}, not {key.test}: move it out of {folder}")
        for row, answers in ballot.answers.items():
            for question, name in answers.items():
                clip = key.clips.get(name)
                if question not in QUESTIONS or clip is None or str(clip.row) != row:
                    raise RecordError(f"{path}: {name!r} is no answer to {question!r} of image {row}")
        if any(ballot.rater == other.rater for other in found.values()):
            raise RecordError(f"{path}: {ballot.rater!r} has another ballot in {folder}")
        found[path] = ballot
    return found


def votes(ballots: Sequence[Ballot], key: Key) -> pd.DataFrame:
    """How many raters chose each system, a row for each question and image that all systems' clips are of."""
    rows = []
    for question in QUESTIONS:
        for row in key.rows:
            given = [ballot.answers.get(str(row), {}).get(question) for ballot in ballots]
            chosen = [key.clips[name].system for name in given if name is not None]
            counts = {system: chosen.count(system) for system in key.systems}
            rows.append({"question": question, "image": row, **counts})
    return pd.DataFrame(rows)


def results(ballots: Sequence[Ballot], key: Key) -> pd.DataFrame:
    """For each question and system the mean over images of the share of raters that chose it, as the paper
    has it, its deviation and 95% bootstrap interval over images, the raters' number and agreement."""
    counts, rows = votes(ballots, key), []
    for question, of in counts.groupby("question", sort=False):
        table = of[key.systems].to_numpy()
        table = table[table.sum(1) > 0]
        for place, system in enumerate(key.systems if len(table) else ()):
            shares = table[:, place] / table.sum(1)
            low, high = bootstrap(ItemScores(shares, np.ones(len(shares))))
            cells = [shares.mean(), shares.std(), low, high, len(ballots), fleiss_kappa(table)]
            reported = "{} (sd {})".format(*REPORTED[question]) if system == "ours" else ""
            rows.append([question, system, *cells, reported])
    return pd.DataFrame(rows, columns=COLUMNS)


def fleiss_kappa(counts: np.ndarray) -> float:
    """Agreement of raters beyond chance (Fleiss 1971): 1 is full, 0 what chance gives.

    `counts` has shape [images, choices]: how many raters chose each. Images with one rater say nothing; NaN
    where no image has two, or all chose one thing throughout.
    """
    counts = counts[counts.sum(1) > 1].astype(float)
    if not len(counts):
        return float("nan")
    raters = counts.sum(1)
    agreed = ((counts**2).sum(1) - raters) / (raters * (raters - 1))
    chance = ((counts.sum(0) / counts.sum()) ** 2).sum()
    return float((agreed.mean() - chance) / (1 - chance)) if chance < 1 else float("nan")


def proxy(key: Key) -> pd.Series:
    """No rater, and labelled so: the share of images of which a system's clip has the highest content
    accuracy, as the judge hears it; ties are shared. It stands for the question about content alone."""
    shares = pd.Series(0.0, index=key.systems)
    for row in key.rows:
        heard = {clip.system: clip.accuracy for clip in key.clips.values() if clip.row == row}
        best = [system for system, accuracy in heard.items() if accuracy == max(heard.values())]
        shares[best] += 1 / len(best)
    return shares / len(key.rows)
