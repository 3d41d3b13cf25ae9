"""Training as one watches it in JupyterLab: curves that draw themselves anew, and the last samples.

A kernel that no JupyterLab has started (papermill) shows nothing of it: there the progress bar is enough.
"""

from __future__ import annotations

import os
import time
from html import escape
from pathlib import Path
from typing import Any

from IPython.display import HTML, display

from skiplib.figures import LABELS, training_curves
from skiplib.logbook import read_log, read_samples

EVERY = 5.0  # seconds between two drawings
WATCHED = ("total", "image_to_text", "speech", *LABELS)


class LiveView:
    """`training.train(..., watch=LiveView())` draws while it trains; `close` leaves the last drawing's place
    to the cells below."""

    def __init__(self) -> None:
        self.shows = "JPY_SESSION_NAME" in os.environ  # Jupyter's server sets it, papermill does not
        self.drawn, self.places = 0.0, []

    def __call__(self, folder: Path) -> None:
        """Draw what the log of a run says by now."""
        if not self.shows or time.monotonic() - self.drawn < EVERY:
            return
        log = read_log(folder)
        terms = [name for name in WATCHED if name in log]
        chance = {"classifier_accuracy": 0.5}  # of one that always answers "text", which counts twice
        self._show(training_curves(log, terms, chance, title=f"step {log['step'].max()}"), _samples(folder))
        self.drawn = time.monotonic()

    def close(self) -> None:
        """Clear the drawing."""
        self._show(*[HTML("")] * len(self.places))

    def _show(self, *shown: Any) -> None:
        if not self.places:
            self.places = [display(item, display_id=True) for item in shown]
        for place, item in zip(self.places, shown, strict=True):
            place.update(item)


def _samples(folder: Path) -> HTML:
    """The last samples as a list: what went in, and what came out as text."""
    rows = read_samples(folder)
    if rows.empty:
        return HTML("<p>No samples yet.</p>")
    last = rows.iloc[-1]
    lines = []
    for source, given in (("image", "captions"), ("speech", "sentences")):
        for true, written in zip(last[given], last.get(f"{source}_to_text", []), strict=False):
            lines.append(f"<li>{source} of <q>{escape(true)}</q>: <q>{escape(written)}</q></li>")
    return HTML(f"<p>Samples after step {last['step'] + 1}</p><ul>{''.join(lines)}</ul>")
