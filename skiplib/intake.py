"""Where a file is dropped or chosen in JupyterLab, or speech recorded: pictures and sound from the user."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from skiplib.errors import SkiplibError


class Intake(anywidget.AnyWidget):
    """A place to drop a file of the kinds in `accept`; `records` adds a button for the microphone.

    `take` gets the file's bytes and its name whenever one has come, and answers with a line to show; what it
    raises as `SkiplibError` is shown in its place.
    """

    _esm = Path(__file__).with_name("intake.js").read_text(encoding="utf-8")
    prompt = traitlets.Unicode().tag(sync=True)
    accept = traitlets.Unicode().tag(sync=True)
    records = traitlets.Bool(False).tag(sync=True)
    content = traitlets.CBytes(b"").tag(sync=True, echo_update=False)  # a memoryview comes
    name = traitlets.Unicode("").tag(sync=True)
    count = traitlets.Int(0).tag(sync=True)  # of the files that have come: the same one may come twice
    message = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self, prompt: str, accept: str, take: Callable[[io.BytesIO, str], str], records: bool = False
    ) -> None:
        super().__init__(prompt=prompt, accept=accept, records=records)
        self._take = take
        self.observe(self._taken, names="count")

    def _taken(self, change: Any) -> None:
        self.message = ""  # the page hears of a change, so the same answer twice needs one between
        try:
            self.message = self._take(io.BytesIO(self.content), self.name)
        except SkiplibError as error:
            self.message = str(error)
