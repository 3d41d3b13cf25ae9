"""What the panels of 00_explore are made of: controls with a button, and the choice of an image
or a recording.

JupyterLab shows the controls; a rendered notebook, that has no kernel to ask, shows what they said last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from typing import Any

import ipywidgets
import numpy as np
from jaxtyping import UInt8

from skiplib.errors import SkiplibError
from skiplib.explore import Desk, as_seen, mel_of
from skiplib.intake import Intake
from skiplib.media import picture, recording
from skiplib.widgets import alert, picture_html

WIDE = {"description_width": "initial"}


class Panel:
    """Controls, a button, and the HTML that `answer` makes when it is pressed, and once at first.

    What `answer` raises is shown as a message; what is not a `SkiplibError` is raised again, with its trace.
    """

    def __init__(self, controls: Sequence[ipywidgets.Widget], action: str, answer: Callable[[], str]) -> None:
        self.answer = answer
        self.button = ipywidgets.Button(description=action, button_style="primary")
        self.page = ipywidgets.HTML()
        self.box = ipywidgets.VBox([*controls, self.button, self.page])
        self.button.on_click(lambda _: self.show())
        self.show()

    def show(self) -> None:
        """Answer for what the controls say now."""
        self.button.disabled, self.page.value = True, "<p>one moment ...</p>"
        try:
            self.page.value = self.answer()
        except Exception as error:
            self.page.value = alert(error)
            if not isinstance(error, SkiplibError):
                raise
        finally:
            self.button.disabled = False

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.box._repr_mimebundle_() | {"text/html": self.page.value}


class Choice:
    """An item of the test set by its number, or one of the user's own, until the slider moves again."""

    def __init__(self, desk: Desk, label: str, row: int, drop: Intake) -> None:
        self.desk, self.drop, self.own = desk, drop, None
        self.slider = ipywidgets.IntSlider(
            value=row % len(desk.examples), max=len(desk.examples) - 1, description=label, style=WIDE
        )
        self.slider.observe(lambda _: self._choose(), names="value")

    @property
    def captions(self) -> list[str]:
        """Of a test item; of the user's own there are none."""
        return self.desk.examples.captions[self.slider.value] if self.own is None else []

    def _choose(self) -> None:
        self.own, self.drop.message = None, ""


class ImageChoice(Choice):
    """A test image, or one of the user's own."""

    def __init__(self, desk: Desk, label: str = "Test image", row: int | None = None) -> None:
        row = desk.first if row is None else row
        super().__init__(desk, label, row, Intake("Or drop an image here:", "image/*", self._take))
        self.preview = ipywidgets.HTML()  # `shown`
        self.box = ipywidgets.HBox([self.preview, ipywidgets.VBox([self.slider, self.drop])])
        self._choose()

    @property
    def shown(self) -> str:
        """What is chosen, as HTML: an answer says so what it is of."""
        return self.preview.value

    @property
    def picture(self) -> Any:
        """What `translate` takes: another model may see more of it than this one does."""
        return self.desk.examples.pictures[self.slider.value] if self.own is None else self.own

    @property
    def image(self) -> UInt8[np.ndarray, "3 size size"]:
        """What the model sees of it."""
        if self.own is None:
            return self.desk.examples.images[self.slider.value]
        return as_seen(self.own, self.desk.experiment)

    def _choose(self) -> None:
        super()._choose()
        self._draw(f"test image {self.slider.value}: {self.captions[0]}")

    def _take(self, content: BytesIO, name: str) -> str:
        own = picture(content, name)
        as_seen(own, self.desk.experiment)  # what cannot be used is refused before it is chosen
        self.own = own
        self._draw(name)
        return f"{name}, as the model sees it; move the slider to go back to the test images."

    def _draw(self, label: str) -> None:
        self.preview.value = f"{picture_html(self.image, label, 96)}<br><small>{escape(label)}</small>"


class RecordingChoice(Choice):
    """The voice on the first caption of a test image, or a recording of the user's own."""

    def __init__(self, desk: Desk) -> None:
        drop = Intake("Or drop a recording here:", "audio/*", self._take, records=True)
        super().__init__(desk, "The voice on the caption of test image", desk.first, drop)
        self.box = ipywidgets.VBox([self.slider, self.drop])
        self.name = ""

    @property
    def shown(self) -> str:
        """What is chosen, as HTML: an answer says so what it is of."""
        said = self.name if self.own is not None else f"the voice on: {self.captions[0]}"
        return f"<div><small>{escape(said)}</small></div>"

    @property
    def mel(self) -> Any:
        """What the model hears, [time, mels]."""
        return self.desk.examples.mels[self.slider.value] if self.own is None else self.own

    def _take(self, content: BytesIO, name: str) -> str:
        audio = self.desk.experiment.audio
        self.own, self.name = mel_of(*recording(content, name), self.desk.experiment), name
        seconds = len(self.own) * audio.hop / audio.rate
        return f"{name}, {seconds:.1f} s; move the slider to go back to the voice."
