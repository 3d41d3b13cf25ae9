"""The listening test in JupyterLab: image by image, three questions, and every answer on the disk at once."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets

from skiplib.descriptions import Described
from skiplib.errors import ConfigError, RecordError
from skiplib.listening import QUESTIONS, Ballot, Key, read_ballots, save
from skiplib.report import audio_html
from skiplib.widgets import picture_html

LETTERS = "ABCDEFGHIJ"


class Rating:
    """The test for one `rater`; a reload goes on where it was. The ballot is `<folder>/<rater>.json`, or the
    file there that the rater began elsewhere (the page gives one out).

    Images, and the recordings of each, stand in an order of the rater's own. Raises `ConfigError` if the
    rater's name is no file's name, `RecordError` if the folder holds ballots that are not of this test, or
    another rater's under this one's name.
    """

    def __init__(
        self, found: Mapping[str, Sequence[Described]], key: Key, rate: int, rater: str, folder: Path
    ) -> None:
        rater = rater.strip()
        if not re.fullmatch(r"[\w -]+", rater):  # as the page has it
            raise ConfigError(
                f"rater {rater!r}: give initials or a nickname of letters, digits, spaces and -"
            )
        self.key, self.rater, self.path = key, rater, folder / f"{rater}.json"
        self.answers: dict[str, dict[str, str]] = {}
        ballots = read_ballots(folder, key)
        for path, ballot in ballots.items():
            if ballot.rater == rater:
                self.path = path
                self.answers = {row: dict(given) for row, given in ballot.answers.items()}
        if self.path in ballots and ballots[self.path].rater != rater:
            raise RecordError(f"{self.path} is the ballot of {ballots[self.path].rater!r}: rename it")
        order = random.Random(f"{key.test}-{rater}")
        names = {(clip.system, clip.row): name for name, clip in key.clips.items()}
        self.items = []
        for place, first in enumerate(next(iter(found.values()))):
            clips = [(names[system, first.row], items[place].wave) for system, items in found.items()]
            order.shuffle(clips)
            self.items.append((first, clips))
        order.shuffle(self.items)
        self.rate, self.place = rate, 0
        while self.place < len(self.items) - 1 and self._answered(self.place):
            self.place += 1
        self.shown, self.message = ipywidgets.HTML(), ipywidgets.HTML()
        wide = {"description_width": "initial"}
        self.choices = {
            question: ipywidgets.RadioButtons(options=[], description=text, style=wide)
            for question, text in QUESTIONS.items()
        }
        self.back, self.next = ipywidgets.Button(description="Back"), ipywidgets.Button(description="Next")
        self.back.on_click(lambda _: self.go(-1))
        self.next.on_click(lambda _: self.go(1))
        for question, choice in self.choices.items():
            choice.observe(lambda change, q=question: self._answer(q, change["new"]), names="value")
        buttons = ipywidgets.HBox([self.back, self.next])
        self.box = ipywidgets.VBox([self.shown, *self.choices.values(), self.message, buttons])
        self.go(0)

    def go(self, steps: int) -> None:
        """To another image, if this one is answered, or back."""
        if steps > 0 and not self._answered(self.place):
            self.message.value = "<p><b>Please answer all three questions.</b></p>"
            return
        self.message.value = ""
        if steps > 0 and self.place == len(self.items) - 1:
            self.message.value = f"<p><b>Thank you: all is answered, in {self.path}.</b></p>"
            return
        self.place = max(0, self.place + steps)
        item, clips = self.items[self.place]
        given = dict(self.answers.get(str(item.row), {}))
        self._asking = False  # new options are no answer
        for question, choice in self.choices.items():
            choice.options = [(LETTERS[i], name) for i, (name, _) in enumerate(clips)]
            choice.value = given.get(question)
        self._asking = True
        players = "".join(
            f"<div>Recording {LETTERS[i]}<br>{audio_html(wave, self.rate, f'Recording {LETTERS[i]}')}</div>"
            for i, (_, wave) in enumerate(clips)
        )
        picture = picture_html(item.image, "the image that the recordings are about", 192)
        self.shown.value = f"<h3>Image {self.place + 1} of {len(self.items)}</h3>{picture}{players}"

    def _answered(self, place: int) -> bool:
        return self.answers.get(str(self.items[place][0].row), {}).keys() == QUESTIONS.keys()

    def _answer(self, question: str, clip: str | None) -> None:
        if self._asking and clip is not None:
            self.answers.setdefault(str(self.items[self.place][0].row), {})[question] = clip
            save(self.path, Ballot(test=self.key.test, rater=self.rater, answers=self.answers))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.box._repr_mimebundle_() | {
            "text/html": "<p>Open this notebook in JupyterLab to rate.</p>"
        }
