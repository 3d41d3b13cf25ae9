"""Piecewise (section 4.1): an image-to-text and a text-to-speech model, joined by a string."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor

from skiplib.baselines.coding import Baseline, Coder
from skiplib.config import Experiment
from skiplib.decoders import TextDecoder
from skiplib.encoders import TextEncoder, image_encoder
from skiplib.model import start_recurrence
from skiplib.objective import BatchA, BatchB, added, speech_terms, text_losses
from skiplib.speech_decoder import SpeechDecoder
from skiplib.text import decode

SILENT = "."  # what is spoken of an image that nothing was written of


class Piecewise(Baseline):
    """Two models that share no parameter (DECISIONS.md 25).

    Their losses are added up for one loop: each part is clipped and moved for itself, so it learns as it
    would alone.
    """

    tasks = frozenset({("image", "text"), ("text", "speech"), ("image", "speech")})

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(experiment)
        self.image_coder = Coder(image_encoder(experiment), experiment)
        self.text_decoder = TextDecoder(experiment)
        self.text_coder = Coder(TextEncoder(experiment), experiment)
        self.speech_decoder = SpeechDecoder(experiment)
        start_recurrence(self)

    def loss(self, a: BatchA, b: BatchB) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """The sum of `terms`, and their values."""
        return added(self.terms(a, b))

    def terms(self, a: BatchA, b: BatchB) -> dict[str, Tensor]:
        """Cross-entropy of A's texts from their images, Eq. 5 and the stop token from B's texts."""
        weight = self.experiment.loss
        described = self.image_coder(a.seen)
        (text,) = text_losses(self.text_decoder, described, a.text, len(described), weight.reduction)
        u = self.text_coder(b.text.ids, b.text.lengths)
        return {"image_to_text": weight.text * text} | speech_terms(self, u, b)

    def convert(self, x: Any, source: str, target: str) -> list[str] | list[Tensor]:
        """One batch: an image is spoken by way of what is written of it."""
        if source == "image":
            captions = self._write(x)
            if target == "text":
                return captions
            x = [caption.strip() or SILENT for caption in captions]
        return self.speech_decoder.generate(self.text_coder(*self.given(x, "text")))

    def _write(self, images: Any) -> list[str]:
        ids = self.text_decoder.generate(self.image_coder(*self.given(images, "image")))
        return [decode(row) for row in ids.tolist()]
