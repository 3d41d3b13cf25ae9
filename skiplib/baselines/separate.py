"""Separate (section 4.2): each task of Eqs. 4-6 alone, for what joint training brings."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from skiplib.baselines.coding import Coder
from skiplib.baselines.piecewise import Piecewise
from skiplib.config import Experiment
from skiplib.decoders import ImageDecoder, TextDecoder
from skiplib.encoders import SpeechEncoder, TextEncoder
from skiplib.model import start_recurrence
from skiplib.objective import BatchA, BatchB, image_terms, text_losses
from skiplib.text import decode


class Separate(Piecewise):
    """Four models that share no parameter (DECISIONS.md 44): those of `Piecewise`, T2I and S2T."""

    tasks = Piecewise.tasks | {("text", "image"), ("speech", "text")}

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(experiment)
        self.caption_coder = Coder(TextEncoder(experiment), experiment)
        self.image_decoder = ImageDecoder(experiment)
        self.speech_coder = Coder(SpeechEncoder(experiment), experiment)
        self.transcript_decoder = TextDecoder(experiment)
        start_recurrence(self)

    def terms(self, a: BatchA, b: BatchB) -> dict[str, Tensor]:
        """Those of `Piecewise`, Eq. 4 from A's texts, and cross-entropy of B's texts from their speech."""
        weight = self.experiment.loss
        heard = self.speech_coder(b.mel, b.lengths)
        (text,) = text_losses(self.transcript_decoder, heard, b.text, len(heard), weight.reduction)
        u = self.caption_coder(a.text.ids, a.text.lengths)
        return super().terms(a, b) | image_terms(self, u, a) | {"speech_to_text": weight.text * text}

    def convert(self, x: Any, source: str, target: str) -> Tensor | list[str] | list[Tensor]:
        """One batch in one of `tasks`."""
        if target == "image":
            return self.image_decoder.generate(self.caption_coder(*self.given(x, source)))
        if source == "speech":
            ids = self.transcript_decoder.generate(self.speech_coder(*self.given(x, source)))
            return [decode(row) for row in ids.tolist()]
        return super().convert(x, source, target)
