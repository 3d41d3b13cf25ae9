"""What a person plays with and reads: described images with their players, transcripts in colour, a browser
for JupyterLab, and the metrics of a system beside the bars.

All of it is HTML that carries its own pictures and sound, so that a rendered report stays alive.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import jiwer
import numpy as np
import torch
from IPython.display import HTML
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from skiplib import metrics
from skiplib.audio import to_waves
from skiplib.grammar import parse, scene_facts
from skiplib.judge import Judge, normalise
from skiplib.prepare import Prepared
from skiplib.report import audio_html
from skiplib.scenes import Scene
from skiplib.systems import System

# Each kind of word has a shape of its own beside its colour; contrast on white is 4.5 or more.
WORDS = {
    "right": "color:#00609c",
    "wrong": "color:#a8420a;font-weight:bold;text-decoration:underline wavy",
    "inserted": "color:#8a3a6e;font-style:italic;text-decoration:underline dotted",
    "missing": "color:#5b6570",
}
CARD = (
    "display:inline-block;vertical-align:top;width:19rem;margin:.4rem;padding:.5rem;border:1px solid #ccd2d8"
)
ZERO_SHOT = "border:1px solid #5b6570;border-radius:3px;padding:0 .15em"


@dataclass(frozen=True, eq=False)
class Described:
    """A test image, what the model wrote and said of it, what the judge heard, and the truth."""

    row: int  # of the test set
    image: UInt8[np.ndarray, "3 size size"]
    references: list[str]
    written: str  # "" by a system that does not write
    heard: str
    mel: Float[Tensor, "time mel"]
    wave: Float[np.ndarray, " samples"]
    true_mel: Float[Tensor, "true_time mel"]
    true_wave: Float[np.ndarray, " true_samples"]  # the truth through mel and Griffin-Lim
    true_heard: str
    accuracy: float | None  # content words heard that belong; None where the scene is not known


def describe(
    model: System, prepared: Prepared, judge: Judge, rows: Sequence[int], progress: bool = False
) -> list[Described]:
    """Test images in words: written (image to text), spoken (image to speech), and heard by the judge."""
    test, audio = prepared.a["test"], model.experiment.audio
    chosen = [int(row) for row in rows]
    images = np.array(test.images[chosen])
    mels = [mel.float().cpu() for mel in model.translate(images, "image", "speech")]
    writes = ("image", "text") in model.tasks
    written = model.translate(images, "image", "text") if writes else [""] * len(chosen)
    truths = [torch.from_numpy(np.array(prepared.truth.mel(row), dtype=np.float32)) for row in chosen]
    waves = [wave.numpy() for wave in to_waves([*mels, *truths], audio, progress=progress)]
    heard = judge.transcribe(waves, audio.rate, progress)
    found = []
    for i, row in enumerate(chosen):
        facts = test.facts[row]
        accuracy = None
        if facts is not None:
            truth = scene_facts(Scene.from_json(facts["scene"]))
            accuracy = metrics.content_accuracy([truth], [parse(heard[i])]).value
        image, captions = np.array(test.images[row]), test.captions[row]
        spoken = (mels[i], waves[i], truths[i], waves[len(chosen) + i], heard[len(chosen) + i])
        found.append(Described(row, image, captions, written[i], heard[i], *spoken, accuracy))
    return found


def coloured(sentence: str, references: Sequence[str], zero_shot: Collection[str] = ()) -> str:
    """`sentence` as HTML, each word right, wrong, inserted or [missing] beside the nearest reference.

    Words in `zero_shot` stand in a box. Both sides are normalised as the metrics do.
    """
    heard = normalise(sentence)
    if not heard:
        return "<i>(nothing)</i>"
    best = jiwer.process_words(normalise(nearest(sentence, references)), heard)
    reference, words = best.references[0], best.hypotheses[0]
    kinds = {"equal": "right", "substitute": "wrong", "insert": "inserted"}
    parts = []
    for chunk in best.alignments[0]:
        if chunk.type == "delete":
            gone = " ".join(reference[chunk.ref_start_idx : chunk.ref_end_idx])
            parts.append(_word(f"[{gone}]", "missing"))
        for word in words[chunk.hyp_start_idx : chunk.hyp_end_idx]:
            parts.append(_word(word, kinds[chunk.type], word in zero_shot))
    return " ".join(parts)


def nearest(sentence: str, references: Sequence[str]) -> str:
    """The reference with the lowest word error rate, as the metrics choose it."""
    return min(references, key=lambda text: jiwer.wer(normalise(text), normalise(sentence)))


def legend() -> HTML:
    """How to read `coloured`."""
    words = " · ".join(_word("[missing]" if kind == "missing" else kind, kind) for kind in WORDS)
    return HTML(f"<p>{words} · {_word('a word that only A has', 'right', True)}</p>")


def picture_html(image: UInt8[np.ndarray, "3 height width"], label: str, width: int = 128) -> str:
    """An `<img>` that carries its own pixels, `width` points wide, sharp at any size."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<img width="{width}" height="{width}" alt="{escape(label)}" style="image-rendering:pixelated" '
        f'src="data:image/png;base64,{data}">'
    )


def card(item: Described, rate: int, zero_shot: Collection[str] = ()) -> str:
    """One described image: picture, both players, transcript and text."""
    name = f"test image {item.row}"
    belongs = "" if item.accuracy is None else f" · {item.accuracy:.0%} of the content words belong"
    lines = {
        "said (judge)": coloured(item.heard, item.references, zero_shot),
        "written": coloured(item.written, item.references, zero_shot),
        "nearest caption to what was said": escape(nearest(item.heard, item.references)),
    }
    return (
        f'<div style="{CARD}"><b>{name}</b>{belongs}<br>{picture_html(item.image, item.references[0])}<br>'
        f"image to speech<br>{audio_html(item.wave, rate, f'generated speech for {name}')}<br>"
        f"the voice, same vocoder<br>{audio_html(item.true_wave, rate, f'true speech for {name}')}"
        + "".join(f"<div><small>{key}:</small> {value}</div>" for key, value in lines.items())
        + "</div>"
    )


def gallery(items: Sequence[Described], rate: int, zero_shot: Collection[str] = ()) -> HTML:
    """Described images side by side."""
    return HTML("".join(card(item, rate, zero_shot) for item in items) or "<p>(no image)</p>")


class Browser:
    """A slider over all test images that describes the one it stands on; `items` where nothing runs.

    JupyterLab shows the slider. A rendered report, that has no kernel to ask, shows `items`.
    """

    def __init__(
        self,
        model: System,
        prepared: Prepared,
        judge: Judge,
        items: Sequence[Described],
        zero_shot: Collection[str] = (),
    ) -> None:
        import ipywidgets  # here, as a report needs none

        self.items, self.zero_shot, self.rate = items, zero_shot, model.experiment.audio.rate
        self.known = {item.row: item for item in items}
        self.source = (model, prepared, judge)
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
            self.known[row] = describe(*self.source, [row])[0]
        self.page.value = card(self.known[row], self.rate, self.zero_shot)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        still = gallery(self.items, self.rate, self.zero_shot).data
        return self.box._repr_mimebundle_() | {"text/html": still}


def _word(word: str, kind: str, boxed: bool = False) -> str:
    style = WORDS[kind] + (f";{ZERO_SHOT}" if boxed else "")
    return f'<span style="{style}" title="{kind}">{escape(word)}</span>'
