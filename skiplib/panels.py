"""The panels of 00_explore, one for each thing there is to try.

Each answers with HTML that carries its own sound and pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
from IPython.display import HTML
from torch import Tensor

from skiplib import explore, figures, shipped
from skiplib.audio import to_waves
from skiplib.bottleneck import MemoryFusion
from skiplib.checkpoints import load_model
from skiplib.cleaning import clean
from skiplib.config import Audio
from skiplib.controls import WIDE, ImageChoice, Panel, RecordingChoice
from skiplib.errors import ConfigError, SkiplibError
from skiplib.explore import Desk
from skiplib.memory_explorer import MemoryExplorer
from skiplib.model import Code
from skiplib.report import audio_html
from skiplib.systems import System
from skiplib.transcripts import coloured
from skiplib.widgets import alert, figure_html, picture_html

STEPS = [0.0, 0.25, 0.5, 0.75, 1.0]  # of the way from one image to another
MOST_READ = 12  # slots to choose from


@lru_cache(maxsize=8)
def _loaded(path: Path, written: int) -> System:
    """A checkpoint as it was `written`, in nanoseconds: one that was trained anew is read anew."""
    return load_model(path)


def spoken(
    desk: Desk,
    mels: Sequence[Tensor],
    label: str,
    references: Sequence[str] = (),
    audio: Audio | None = None,
) -> list[str]:
    """For each mel a player and what the judge hears, coloured where there are `references`; `audio` is that
    of the model which made them, the desk's if none is given."""
    audio = audio or desk.experiment.audio
    waves = [wave.numpy() for wave in to_waves([mel.float().cpu() for mel in mels], audio)]
    lines = []
    for wave, heard in zip(waves, desk.judge.transcribe(waves, audio.rate), strict=True):
        words = escape(heard) or "<i>(nothing)</i>"
        if references:
            words = coloured(heard, references, desk.zero_shot)
        player = audio_html(wave, audio.rate, label)
        lines.append(
            f'{player}<div><small>heard by the judge:</small> <span class="heard">{words}</span></div>'
        )
    return lines


def line(name: str, text: str) -> str:
    """A named line of text."""
    return f"<div><small>{escape(name)}:</small> {escape(text) or '<i>(nothing)</i>'}</div>"


def image_panel(desk: Desk) -> Panel:
    """An image described in speech and in text, with the speech's mel and the read of the memory."""
    choice = ImageChoice(desk)

    def answer() -> str:
        code = desk.model.encode([choice.picture], "image")
        (mel,) = desk.model.decode(code, "speech")
        (text,) = desk.model.decode(code, "text")
        (said,) = spoken(desk, [mel], "what the model says of the image", choice.captions)
        mels = figures.spectrograms([mel.cpu()], ["what was said"], desk.experiment.audio, columns=1)
        return choice.shown + said + line("written", text) + figure_html(mels) + _read_html(desk, code)

    return Panel([choice.box], "Speak", answer)


def text_panel(desk: Desk) -> Panel:
    """A sentence spoken, and the image it paints."""
    typed = ipywidgets.Text(
        value=desk.examples.captions[desk.first][0],
        description="Sentence",
        continuous_update=False,
        style=WIDE,
        layout={"width": "36rem"},
    )

    def answer() -> str:
        text, lost = clean(typed.value)
        code = desk.model.encode([text], "text")
        (image,) = desk.model.decode(code, "image")
        (said,) = spoken(desk, desk.model.decode(code, "speech"), f"the sentence {text}", [text])
        left = line("the sentence", text)
        left += line("left out, as there is no symbol for it", " ".join(lost)) if lost else ""
        painted = picture_html(image.cpu().numpy(), f"the image painted from: {text}", 128)
        return f"{left}{said}{painted}{_read_html(desk, code)}"

    return Panel([typed], "Speak and paint", answer)


def speech_panel(desk: Desk) -> Panel:
    """A recording written down, and the image it paints."""
    choice = RecordingChoice(desk)

    def answer() -> str:
        code = desk.model.encode([choice.mel], "speech")
        (text,) = desk.model.decode(code, "text")
        (image,) = desk.model.decode(code, "image")
        (said,) = spoken(desk, [choice.mel], "the recording", choice.captions[:1])
        painted = picture_html(
            image.cpu().numpy(), f"the image painted from the recording, written as: {text}"
        )
        return choice.shown + said + line("written by the model", text) + painted

    return Panel([choice.box], "Write and paint", answer)


def compare_panel(desk: Desk) -> Panel:
    """One image described by several checkpoints."""
    choice, names = ImageChoice(desk), list(dict.fromkeys([desk.name, *shipped.found()]))
    models = ipywidgets.SelectMultiple(
        options=names, value=[desk.name], description="Checkpoints",
        rows=min(8, max(2, len(names))), style=WIDE, layout={"width": "36rem"},
    )  # fmt: skip

    def answer() -> str:
        if not models.value:
            return "<p>Choose one or more checkpoints.</p>"
        rows = [choice.shown]
        for name in models.value:
            try:
                made = described(name)
            except SkiplibError as error:  # of one checkpoint: the others go on
                made = alert(error)
            rows.append(f"<h4>{escape(name)}</h4>{made}")
        return "".join(rows)

    def described(name: str) -> str:
        path = shipped.locate(name)
        model = _loaded(path, path.stat().st_mtime_ns)
        mels = model.translate([choice.picture], "image", "speech")
        audio = model.experiment.audio
        (said,) = spoken(desk, mels, f"{name} on the image", choice.captions, audio)
        writes = ("image", "text") in model.tasks
        text = model.translate([choice.picture], "image", "text")[0] if writes else "-"
        return said + line("written", text)

    return Panel([choice.box, models], "Speak", answer)


def slot_panel(desk: Desk) -> Panel:
    """One slot of the memory read more or less than the image reads it, before and after."""
    choice = ImageChoice(desk)
    heads = desk.experiment.memory.heads
    head = ipywidgets.Dropdown(
        options=[(f"{i + 1}", i) for i in range(heads)], description="Head", style=WIDE
    )
    slot = ipywidgets.Dropdown(description="Slot, the most read first", style=WIDE, layout={"width": "30rem"})
    weight = ipywidgets.FloatSlider(max=1.0, step=0.05, description="Read it with weight", style=WIDE)

    def refresh(_: Any = None) -> None:
        if not isinstance(desk.model.memory, MemoryFusion):
            return  # `answer` says so
        reads = explore.attention(desk.model, _encoded(desk, choice))[0, head.value]
        most = reads.argsort(descending=True)[:MOST_READ].tolist()
        slot.options = [(f"{i + 1} (its weight is {reads[i]:.2f})", i) for i in most]
        slot.index = 0  # options that come later choose none

    def answer() -> str:
        code = _encoded(desk, choice)
        explore.attention(desk.model, code)  # says so where there are no slots to choose from
        changed = explore.reweighed(desk.model, code, head.value, slot.value, weight.value)
        moved = f"with slot {slot.value + 1} of head {head.value + 1} read with weight {weight.value:.2f}"
        parts = [choice.shown]
        for name, part in (("as the image reads its slots", code), (moved, changed)):
            (said,) = spoken(desk, desk.model.decode(part, "speech"), name, choice.captions)
            parts.append(f"<h4>{name}</h4>{said}{line('written', desk.model.decode(part, 'text')[0])}")
        return "".join(parts)

    for control in (choice.preview, head):
        control.observe(refresh, names="value")
    refresh()
    return Panel([choice.box, head, slot, weight], "Speak", answer)


def between_panel(desk: Desk) -> Panel:
    """The way from one image to another in z, listened to at five places."""
    other = (desk.first + 1) % len(desk.examples)
    ends = [ImageChoice(desk, "From test image"), ImageChoice(desk, "to test image", other)]

    def answer() -> str:
        pair = desk.model.encode([end.picture for end in ends], "image")
        code = explore.between(desk.model, pair, STEPS)
        texts = desk.model.decode(code, "text")
        said = spoken(desk, desk.model.decode(code, "speech"), "speech on the way")
        rows = zip(STEPS, said, texts, strict=True)
        way = [f"<h4>{share:.0%} of the way</h4>{s}{line('written', t)}" for share, s, t in rows]
        return "".join([f"<div>from {ends[0].shown}</div>", f"<div>to {ends[1].shown}</div>", *way])

    return Panel([end.box for end in ends], "Speak on the way", answer)


def memory_panel(desk: Desk) -> MemoryExplorer | HTML:
    """Which slots the examples read, as image, as caption and as that caption spoken; a message where the
    model has no memory of slots."""
    shown = desk.examples
    captions = [texts[0] for texts in shown.captions]
    given = {"image": shown.pictures, "text": captions, "speech": shown.mels}
    codes = {source: desk.model.encode(x, source) for source, x in given.items()}
    try:
        reads = {source: explore.attention(desk.model, code).cpu().numpy() for source, code in codes.items()}
    except ConfigError as error:
        return HTML(alert(error))
    return MemoryExplorer(reads, captions, shown.images)


def _encoded(desk: Desk, choice: ImageChoice) -> Code:
    return desk.model.encode([choice.picture], "image")


def _read_html(desk: Desk, code: Code) -> str:
    if not isinstance(desk.model.memory, MemoryFusion):
        return ""
    reads = {"read": explore.attention(desk.model, code).cpu().numpy()}
    return figure_html(figures.attention_maps(reads, title="How strongly each head reads each slot"))
