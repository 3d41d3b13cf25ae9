"""What a trained model can be asked beside translating: a slot read more or less, a code between two others.

And what there is to ask about without preparing data: the first test items of its corpus.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from skiplib import features, shipped
from skiplib.audio import prepare_wave, to_mel
from skiplib.bottleneck import MemoryFusion
from skiplib.cleaning import clean
from skiplib.config import Experiment
from skiplib.corpora import ImageTextItem, TextSpeechItem, open_corpus
from skiplib.errors import ConfigError, DataError
from skiplib.inputs import image_array
from skiplib.judge import Judge, WhisperJudge
from skiplib.lexicon import vocabularies
from skiplib.model import Code, SkipNet
from skiplib.text import words


@dataclass(frozen=True, eq=False)
class Examples:
    """Test items: pictures as `translate` takes them and as the model sees them, their captions, and the mels
    of the first captions, spoken."""

    pictures: list[Any]
    images: UInt8[np.ndarray, "items 3 size size"]
    captions: list[list[str]]
    mels: list[Float[Tensor, "_ mel"]]

    def __len__(self) -> int:
        return len(self.captions)


def examples(experiment: Experiment, n: int) -> Examples:
    """The first `n` usable test items of the corpus of `experiment`, made or read on the spot, with their
    captions cleaned as preparation does.

    Raises `DataError` if the corpus' files are missing, or it has no test items that can be used.
    """
    opened = open_corpus(experiment)
    pairs = zip(opened.a.image_text("test"), opened.truth, strict=True)
    usable = (found for item, said in pairs if (found := _usable(item, said, experiment)) is not None)
    items = list(islice(usable, n))
    if not items:
        raise DataError(
            f"the corpus {experiment.corpus} has no test items that can be used, or none were asked for ({n})"
        )
    pictures, images, captions, mels = map(list, zip(*items, strict=True))
    return Examples(pictures, np.stack(images), captions, mels)


def _usable(
    item: ImageTextItem, said: TextSpeechItem, experiment: Experiment
) -> tuple[Any, np.ndarray, list[str], Tensor] | None:
    """An item's picture, as the model sees it, its captions and the mel of the first; None if preparation
    would put it into quarantine."""
    captions = []
    for text in item.captions:
        with suppress(DataError):
            captions.append(clean(text)[0])
    try:
        picture = item.image()
        found = picture, as_seen(picture, experiment), captions, mel_of(*said.waveform(), experiment)
    except DataError:
        return None
    return found if captions else None


def as_seen(picture: Any, experiment: Experiment) -> UInt8[np.ndarray, "3 size size"]:
    """A picture as E_img sees it, or the frozen network before it. Raises as `inputs.image_array` does."""
    size = experiment.image.size if experiment.image.features == "none" else features.SIZE
    return np.ascontiguousarray(image_array(picture, size).transpose(2, 0, 1))


def first_sayable(shown: Examples, experiment: Experiment) -> int:
    """The first item whose first caption has words of B alone, so that speech can say it and it can be heard;
    the first of all in a corpus that no vocabulary is known of."""
    if experiment.corpus != "skipworld":
        return 0
    known = set(vocabularies(experiment.world).b)
    return next((i for i, texts in enumerate(shown.captions) if known.issuperset(words(texts[0]))), 0)


def mel_of(wave: np.ndarray, rate: int, experiment: Experiment) -> Float[Tensor, "time mel"]:
    """The mel of a recording, of any rate and channels. Raises `DataError` as `audio.prepare_wave` does."""
    return to_mel(prepare_wave(wave, rate, experiment.audio), experiment.audio)


def attention(model: SkipNet, code: Code) -> Float[Tensor, "batch heads slots"]:
    """How strongly each head reads each slot. Raises `ConfigError` if the model has no such memory."""
    if not isinstance(model.memory, MemoryFusion):
        kind = model.experiment.memory.kind
        raise ConfigError(f"{model.experiment.variant} has memory.kind={kind}: there are no slots to read")
    with torch.inference_mode():
        return model.memory.attention(code.z)


def reweighed(model: SkipNet, code: Code, head: int, slot: int, weight: float) -> Code:
    """`code` with one slot of one head, counted from 0, read with `weight`; the head's others share the rest
    as before.

    Raises `ConfigError` if there is no such slot, or `weight` is not within 0 and 1.
    """
    reads = attention(model, code).clone()
    _, heads, slots = reads.shape
    if not (0 <= head < heads and 0 <= slot < slots and 0 <= weight <= 1):
        raise ConfigError(
            f"head {head}, slot {slot}, weight {weight}: there are {heads} heads and {slots} slots, counted "
            "from 0, and a weight is within 0 and 1"
        )
    others = (1 - reads[:, head, slot]).clamp_min(1e-6)
    reads[:, head] *= ((1 - weight) / others)[:, None]
    reads[:, head, slot] = weight
    return model.reread(code, reads)


def between(model: SkipNet, pair: Code, shares: list[float]) -> Code:
    """Codes on the line from the first to the second of `pair` in z, where the memory is read anew.

    `shares` are how far along, 0 to 1.
    """
    way = torch.tensor(shares)[:, None]
    e, z = ((1 - way) * end[0] + way * end[1] for end in (pair.e.cpu(), pair.z.cpu()))
    z = z.to(model.device)
    return model.reread(Code(e.to(model.device), z, z))


class Desk:
    """What the panels of an exploring person share: a model, examples and the judge."""

    def __init__(self, checkpoint: str, items: int = 60, judge: Callable[[], Judge] = WhisperJudge) -> None:
        self.name = checkpoint
        self.model = shipped.load(checkpoint)
        self.experiment = self.model.experiment
        self.examples = examples(self.experiment, items)
        self.first = first_sayable(self.examples, self.experiment)  # what a panel shows at first
        # Words that only A has; of other corpora none is known without preparing them.
        worlds = self.experiment.corpus == "skipworld"
        self.zero_shot = vocabularies(self.experiment.world).zero_shot if worlds else ()
        self._judge = judge

    @cached_property
    def judge(self) -> Judge:
        """It takes a second or two to load."""
        return self._judge()
