"""SkipWorld: drawn scenes with captions as A, spoken sentences of a wider grammar as B.

Made from a seed, so it needs no download, and nothing about it is unknown: which words B lacks,
which scenes are new, and what a caption of the picture would have sounded like.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

from skiplib.config import World
from skiplib.corpora import ImageTextItem, TextSpeechItem, checked
from skiplib.corpora.voiced import spoken
from skiplib.grammar import captions
from skiplib.scenes import render, sample_scenes
from skiplib.sentences import sentences


class SkipWorld:
    """Both corpora of one `World`; recordings at `rate` Hz, images of `size` pixels a side."""

    def __init__(self, world: World, rate: int = 16_000, size: int = 128) -> None:
        self.world = world
        self.rate = rate
        self.size = size

    def image_text_count(self, split: str) -> int:
        """How many scenes `split` has."""
        return self._count(split, self.world.train_scenes, self.world.test_scenes)

    def image_text(self, split: str) -> Iterator[ImageTextItem]:
        """The scenes of `split` with `world.captions` captions each, and the scene itself in `facts`.

        A test scene has one caption more, `facts["sixth"]`, which is never a reference: it stands
        for someone who is always right, in any wording, where the ceiling of a metric is measured.
        """
        held_back = int(split == "test")
        for index, scene in enumerate(sample_scenes(self.world, split, self.image_text_count(split))):
            rng = random.Random(f"{self.world.seed}-captions-{self.world.stream(split)}-{index}")
            said = captions(scene, self.world, rng, self.world.captions + held_back)
            facts = {"scene": scene.to_json()} | ({"sixth": said[-1]} if held_back else {})
            image = partial(render, scene, self.size)
            yield ImageTextItem(f"a-{split}-{index:06d}", said[: self.world.captions], image, facts)

    def text_speech_count(self, split: str) -> int:
        """How many spoken sentences `split` has."""
        return self._count(split, self.world.train_sentences, self.world.test_sentences)

    def text_speech(self, split: str) -> Iterator[TextSpeechItem]:
        """The sentences of `split` with their recordings."""
        for index, text in enumerate(sentences(self.world, split, self.text_speech_count(split))):
            yield spoken(f"b-{split}-{index:06d}", text, self.rate)

    def _count(self, split: str, train: int, test: int) -> int:
        return train if checked(split) == "train" else test
