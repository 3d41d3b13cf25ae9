"""What a person plays with: described images with their players, alone or system beside system, and a browser
for JupyterLab.

All of it is HTML that carries its own pictures and sound, so that a rendered report stays alive.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import torch
from IPython.display import HTML
from jaxtyping import UInt8
from PIL import Image

from skiplib.audio import to_waves
from skiplib.canvas import CaptionedFigure
from skiplib.config import Audio
from skiplib.descriptions import Described, describe
from skiplib.errors import SkiplibError
from skiplib.judge import Judge
from skiplib.known import Known
from skiplib.logbook import read_samples
from skiplib.media import recording
from skiplib.prepare import Prepared
from skiplib.report import audio_html
from skiplib.systems import System
from skiplib.transcripts import coloured, nearest

TIMES = 5  # of a run's samples: a long run has more, of four players each, than a page holds
CELL = "vertical-align:top;text-align:left;max-width:19rem;overflow-wrap:anywhere"
CARD = (
    "display:inline-block;vertical-align:top;width:19rem;margin:.4rem;padding:.5rem;border:1px solid #ccd2d8;"
    "overflow-wrap:anywhere"  # what an untrained model writes has no spaces
)


def picture_data(image: UInt8[np.ndarray, "3 height width"]) -> str:
    """A picture as a `data:` address."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(buffer, "PNG")
    return _address(buffer.getvalue())


def picture_html(image: UInt8[np.ndarray, "3 height width"], label: str, width: int = 128) -> str:
    """An `<img>` that carries its own pixels, `width` points wide, sharp at any size."""
    return (
        f'<img width="{width}" height="{width}" alt="{escape(label)}" style="image-rendering:pixelated" '
        f'src="{picture_data(image)}">'
    )


def as_html(x: Any, modality: str, audio: Audio) -> str:
    """An image as a picture, a mel-spectrogram as a player, a text as it is."""
    if modality == "image":
        return picture_html(torch.as_tensor(x).numpy(), modality, 96)
    if modality == "speech":
        return audio_html(to_waves([x.float().cpu()], audio)[0].numpy(), audio.rate, modality)
    return x


def table(frame: pd.DataFrame, **options: Any) -> HTML:
    """A frame with its cells aligned left; `options` are those of `pandas.DataFrame.to_html`."""
    return HTML(frame.to_html(**options).replace("<td>", '<td style="text-align:left">'))


def alert(error: Exception) -> str:
    """An error as a message; one that is not of skiplib's own says which it is."""
    words = str(error) if isinstance(error, SkiplibError) else f"{type(error).__name__}: {error}"
    return f'<p role="alert"><b>{escape(words)}</b></p>'


def figure_html(figure: CaptionedFigure) -> str:
    """A figure as an `<img>` that carries its own pixels."""
    return f'<img style="max-width:100%" alt="{escape(figure.alternative)}" src="{_address(figure.png())}">'


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def card(item: Described, rate: int, zero_shot: Collection[str] = ()) -> str:
    """One described image: picture, both players, transcript and text."""
    name = f"test image {item.row}"
    lines = {
        "said (judge)": coloured(item.heard, item.references, zero_shot),
        "written": coloured(item.written, item.references, zero_shot),
        "nearest caption to what was said": escape(nearest(item.heard, item.references)),
    }
    return (
        f'<div style="{CARD}"><b>{name}</b> · content accuracy {item.accuracy:.0%}<br>'
        f"{picture_html(item.image, item.references[0])}<br>"
        f"image to speech<br>{audio_html(item.wave, rate, f'generated speech for {name}')}<br>"
        f"the voice, same vocoder<br>{audio_html(item.true_wave, rate, f'true speech for {name}')}"
        + "".join(f"<div><small>{key}:</small> {value}</div>" for key, value in lines.items())
        + "</div>"
    )


def gallery(items: Sequence[Described], rate: int, zero_shot: Collection[str] = ()) -> HTML:
    """Described images side by side."""
    return HTML("".join(card(item, rate, zero_shot) for item in items) or "<p>(no image)</p>")


def side_by_side(
    found: Mapping[str, Sequence[Described]],
    rate: int,
    vocabulary: Collection[str],
    zero_shot: Collection[str] = (),
    baseline: str = "piecewise",
) -> HTML:
    """The same images by several systems, a row an image; words are marked beside those of `baseline`."""
    head = "".join(f"<th>{escape(name)}</th>" for name in ("image", *found))
    rows = []
    for place, first in enumerate(next(iter(found.values()), ())):
        label = f"test image {first.row}"
        caption = f"<small>{escape(first.references[0])}</small>"
        cells = [f"<b>{label}</b><br>{picture_html(first.image, label)}<br>{caption}"]
        for name, items in found.items():
            item = items[place]
            other = found[baseline][place] if baseline in found and name != baseline else None
            beside = None if other is None else (other.heard, other.written)
            said = coloured(item.heard, item.references, zero_shot, vocabulary, beside)
            player = audio_html(item.wave, rate, f"speech of {name} for {label}")
            near = f"<small>nearest caption:</small> {escape(nearest(item.heard, item.references))}"
            wrote = f"<small>written:</small> {escape(item.written) or '-'}"
            cells.append(f"{player}<div>{said}</div><div>{near}</div><div>{wrote}</div>")
        rows.append("".join(f'<td style="{CELL}">{cell}</td>' for cell in cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def samples(folder: Path) -> HTML:
    """What a run made of training items as it learned (`logbook`), at `TIMES` steps at most: texts and
    players."""
    found = read_samples(folder)
    found = found.iloc[np.linspace(0, len(found) - 1, min(len(found), TIMES)).round().astype(int)]
    if found.empty:
        return HTML("<p>No samples here: the run was shorter than 200 steps, or was trained elsewhere.</p>")
    ways = [name for name in found if "_to_" in name]
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in ("step", *ways))
    true = {"image": found["captions"].iloc[0], "text": found["sentences"].iloc[0]}
    true["speech"] = true["text"]
    rows = [["the truth", *("<br>".join(map(escape, true[way.split("_")[0]])) for way in ways)]]
    for _, row in found.iterrows():
        cells = [f"{row['step'] + 1}"]
        for way in ways:
            if way.endswith("_to_text"):
                cells.append("<br>".join(map(escape, row[way])))
            else:
                clips = [
                    (*recording(folder / name), f"{way} after step {row['step'] + 1}") for name in row[way]
                ]
                cells.append("<br>".join(audio_html(*clip) for clip in clips))
        rows.append(cells)
    body = ["".join(f'<td style="{CELL}">{cell}</td>' for cell in cells) for cells in rows]
    lines = "".join(f"<tr>{row}</tr>" for row in body)
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>")


class Browser:
    """A slider over all test images that describes the one it stands on; `items` where nothing runs.

    JupyterLab shows the slider. A rendered report, that has no kernel to ask, shows `items`.
    """

    def __init__(
        self,
        model: System,
        prepared: Prepared,
        knows: Known,
        judge: Judge,
        items: Sequence[Described],
    ) -> None:
        self.items, self.zero_shot, self.rate = items, knows.zero_shot, model.experiment.audio.rate
        self.known = {item.row: item for item in items}
        self.source = (model, prepared, knows, judge)
        last = len(prepared.a["test"].captions) - 1
        self.slider = ipywidgets.IntSlider(
            value=items[0].row if items else 0, max=last, description="test image", continuous_update=False
        )
        self.page = ipywidgets.HTML()
        self.box = ipywidgets.VBox([self.slider, self.page])
        self.slider.observe(lambda _: self.show(), names="value")
        self.show()

    def show(self) -> None:
        """Describe the image that the slider stands on, once."""
        row = self.slider.value
        if row not in self.known:
            self.page.value = "<p>listening ...</p>"
            try:
                self.known[row] = describe(*self.source, [row])[0]
            except Exception as error:
                self.page.value = alert(error)
                raise
        self.page.value = card(self.known[row], self.rate, self.zero_shot)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        still = gallery(self.items, self.rate, self.zero_shot).data
        return self.box._repr_mimebundle_() | {"text/html": still}
