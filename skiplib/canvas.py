"""What figures are drawn on: panels in a grid, and below them a caption that is read aloud too."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

CHARACTERS_AN_INCH = 13  # of a caption


class CaptionedFigure(Figure):
    """A figure tied to no window, with its alternative text, in JupyterLab and in a report alike."""

    caption = ""

    def describe(self, caption: str) -> None:
        """Put `caption` below the panels: what is drawn, of how many, and what an interval is."""
        self.caption = caption
        wrapped = textwrap.fill(caption, int(CHARACTERS_AN_INCH * self.get_figwidth()))
        self.supxlabel(wrapped, x=0.01, ha="left", fontsize="small", color="0.3")

    @property
    def alternative(self) -> str:
        """Its title, its panels and its caption as text."""
        panels = [title for ax in self.axes if (title := ax.get_title())]
        parts = [self.get_suptitle(), ", ".join(panels), self.caption]
        return ". ".join(" ".join(part.split()).rstrip(".") for part in parts if part) + "."

    def png(self) -> bytes:
        """The picture."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", bbox_inches="tight")
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        return {"image/png": self.png()}, {"image/png": {"alt": self.alternative}}


def grid(n: int, columns: int, width: float, height: float, title: str) -> tuple[CaptionedFigure, list[Axes]]:
    """A figure with `n` axes in rows of `columns`, each of that size in inches."""
    columns = max(1, min(columns, n))
    rows = math.ceil(n / columns)
    size = (width * columns, height * rows + 0.4 * bool(title))
    figure = CaptionedFigure(figsize=size, layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(rows, columns)).flat)
    for ax in axes[n:]:
        ax.remove()
    if title:
        figure.suptitle(title)
    return figure, axes[:n]


def counts(sets: Mapping[str, Sequence[int] | np.ndarray]) -> str:
    """How many items each set has, for a caption."""
    return ", ".join(f"{name} {len(items):,}" for name, items in sets.items())


def intervals_of(frame: pd.DataFrame) -> str:
    """What the intervals of a frame are (`scores`), and over how many seeds and items, for a caption."""
    several = "seeds" in frame and frame["seeds"].max() > 1
    how = "items resampled, seeds by Student's t" if several else "items resampled"
    said = []
    for name in ("seeds", "n"):
        if name in frame:
            low, high = frame[name].min(), frame[name].max()
            said.append(f"{name} = {low:.0f}" + (f" to {high:.0f}" if low < high else ""))
    return f"Means with 95% intervals, {how}; {', '.join(said)}."
