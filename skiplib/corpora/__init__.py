"""Where pairs come from: one file a corpus, all answering the same two protocols.

A corpus hands out items one by one and holds no arrays: images and recordings are made or read when
they are called for. The splits are "train" and "test".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from skiplib.config import CORPORA, SOURCES_DIR, Experiment
from skiplib.errors import ConfigError, DataError

SPLITS = ("train", "test")
# Stands in the name of every prepared folder; raise it when the same settings or files give other texts,
# images or mels.
READING = 4


@dataclass(frozen=True)
class ImageTextItem:
    """A pair of A: an image, as `inputs.image_array` takes it, and its captions; `facts` is what the corpus
    knows more, `unusable` says of each other caption why the corpus does not hand it out."""

    id: str
    captions: tuple[str, ...]
    image: Callable[[], Any]
    facts: dict[str, Any] | None = None
    path: Path | None = None  # the image's file, if it has one
    unusable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.captions, str):  # each of its letters would be one
            raise DataError(f"captions={self.captions!r} of {self.id} is one text: give a tuple of texts")


@dataclass(frozen=True)
class TextSpeechItem:
    """A pair of B: a text and its recording, (float32 [samples], samples a second)."""

    id: str
    text: str
    waveform: Callable[[], tuple[np.ndarray, int]]
    path: Path | None = None  # the recording's file, if it has one


@runtime_checkable
class ImageTextCorpus(Protocol):
    """What can serve as A."""

    def image_text(self, split: str) -> Iterator[ImageTextItem]:
        """The images of "train" or "test", one by one, each with its captions."""
        ...

    def image_text_count(self, split: str) -> int:
        """How many images `split` has."""
        ...


@runtime_checkable
class TextSpeechCorpus(Protocol):
    """What can serve as B."""

    def text_speech(self, split: str) -> Iterator[TextSpeechItem]:
        """The sentences of "train" or "test", one by one, each with its recording."""
        ...

    def text_speech_count(self, split: str) -> int:
        """How many sentences `split` has."""
        ...


def checked(split: str) -> str:
    """`split`, if it is one. Raises `ConfigError` otherwise."""
    if split not in SPLITS:
        raise ConfigError(f"unknown split {split!r}; there are: {', '.join(SPLITS)}")
    return split


def size_of(path: Path | None) -> int | None:
    """Bytes of a file, None where there is none: in one call, as a corpus has 100,000 of them and this stands
    at every start."""
    try:
        return None if path is None else path.stat().st_size
    except OSError:
        return None


@dataclass(frozen=True)
class Opened:
    """The corpora A and B of an experiment, and the truth: the first caption of each test image, spoken.

    The truth has the ids of the test images; only evaluation may see it. `determines` is what the content
    follows from, beside the names of the corpus and the sizes of images and mels.
    """

    a: ImageTextCorpus
    b: TextSpeechCorpus
    truth: Iterable[TextSpeechItem]
    determines: dict[str, Any]


def open_corpus(experiment: Experiment) -> Opened:
    """The corpora of an experiment. Raises `ConfigError` on an unknown name, `DataError` on missing files."""
    # A corpus' libraries load only if it is used.
    from skiplib.corpora.voiced import spoken_captions

    name, rate = experiment.corpus, experiment.audio.rate
    if name == "skipworld":
        from skiplib.corpora.skipworld import SkipWorld

        world = SkipWorld(experiment.world, rate, experiment.image.size)
        truth = spoken_captions(world, experiment.world.test_scenes, rate)
        return Opened(world, world, truth, {"world": experiment.world.model_dump(mode="json")})
    if name == "digits":
        from skiplib.corpora.digits import Digits

        digits = Digits(SOURCES_DIR / "digits", experiment.digits.speaker, experiment.digits.test_draw)
        truth = digits.spoken_captions(digits.image_text_count("test"))
        made = {"digits": experiment.digits.model_dump(mode="json"), "source": digits.fingerprint()}
        return Opened(digits, digits, truth, made)
    if name == "folder":
        from skiplib.corpora.folder import Folder

        own = Folder(SOURCES_DIR / "folder", rate)
        truth = spoken_captions(own, own.image_text_count("test"), rate)
        return Opened(own, own, truth, {"source": own.fingerprint()})
    if "+" in name and name in CORPORA:
        from skiplib.corpora.captions import CaptionedImages
        from skiplib.corpora.sentences import CocoCaptions, LibriSpeech, LJSpeech

        halves = {"ljspeech": LJSpeech, "cococaptions": CocoCaptions, "librispeech": LibriSpeech}
        shown, _, said = name.partition("+")
        a = CaptionedImages(SOURCES_DIR / shown)
        b = halves[said](SOURCES_DIR / said, rate, experiment.sentences.longest)
        truth = spoken_captions(a, a.image_text_count("test"), rate)
        made = {"sentences": experiment.sentences.model_dump(mode="json")}
        return Opened(a, b, truth, made | {"source": [a.fingerprint(), b.fingerprint()]})
    raise ConfigError(f"unknown corpus {name!r}; there are: {', '.join(CORPORA)}")
