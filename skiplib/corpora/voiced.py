"""Sentences spoken by the packaged voice: B of a corpus that has texts alone, and the truth of any A."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

import numpy as np

from skiplib.cleaning import clean
from skiplib.corpora import ImageTextCorpus, TextSpeechItem
from skiplib.errors import DataError


def recorded(text: str, rate: int) -> tuple[np.ndarray, int]:
    """`text` spoken, float32 [samples], and its rate in Hz; can be sent to another process.

    Numbers and signs are said as `cleaning.clean` writes them. Raises `DataError` if nothing can be said.
    """
    from skiplib.voice import synthesise  # the synthesiser loads only where someone speaks

    return synthesise(clean(text)[0], rate), rate


def spoken(name: str, text: str, rate: int) -> TextSpeechItem:
    """A text with its recording, made when it is called for."""
    return TextSpeechItem(name, text, partial(recorded, text, rate))


def spoken_captions(corpus: ImageTextCorpus, n: int, rate: int) -> Iterator[TextSpeechItem]:
    """The first caption that can be said of each of the first `n` test images, spoken; for evaluation only.

    The ids are those of the images. Pairing them with the images gives the true triples, which no system
    may train on.
    """
    for item in islice(corpus.image_text("test"), n):
        yield spoken(item.id, next(filter(_sayable, item.captions), "".join(item.captions[:1])), rate)


def _sayable(text: str) -> bool:
    """Whether anything of `text` can be said: a caption that cannot is not kept (`shards`)."""
    try:
        clean(text)
    except DataError:
        return False
    return True
