"""What a corpus knows of its images beside their captions: facts, attributes, and the words of both sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from skiplib.config import Experiment, World
from skiplib.corpora import SPLITS
from skiplib.corpora.digits import WORDS
from skiplib.grammar import Facts, content_words, parse, scene_facts
from skiplib.judge import normalise
from skiplib.lexicon import vocabularies
from skiplib.painted import attribute_labels, attribute_names
from skiplib.prepare import Prepared
from skiplib.scenes import Scene

# fmt: off
SMALL_WORDS = frozenset({  # that say nothing of an image by themselves
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "down", "for", "from", "had", "has",
    "have", "he", "her", "his", "in", "into", "is", "it", "its", "of", "on", "onto", "or", "out", "over",
    "she", "some", "that", "the", "their", "there", "these", "they", "this", "those", "to", "up", "was",
    "were", "which", "while", "who", "with",
})
# fmt: on
Item = Mapping[str, Any]  # the `facts` of a corpus' item


@dataclass(frozen=True)
class Known:
    """How to read the `facts` of an item, and what a description says, in the same terms.

    `says` gives the words of a text that say something of an image; `things` names what an image shows, as
    "red circle"; `labels` gives the class of each attribute, [items, attributes]. `words_a` and `words_b`
    hold the words of either set, `zero_shot` those that only A has and that say something, and
    `zero_shot_concepts` what they stand for where B has no other word for it; words of captions as
    `judge.normalise` writes them, of the training sets.
    """

    truth: Callable[[Item], Facts]
    told: Callable[[str], Facts]
    says: Callable[[str], list[str]]
    things: Callable[[Item], list[str]]
    attributes: list[str]
    labels: Callable[[Sequence[Item]], Int[np.ndarray, "items attributes"]]
    words_a: frozenset[str]
    words_b: frozenset[str]
    zero_shot: Collection[str]
    zero_shot_concepts: Collection[Hashable]

    @property
    def vocabulary(self) -> frozenset[str]:
        """The words of both sets."""
        return self.words_a | self.words_b


def texts(prepared: Prepared, splits: Sequence[str] = SPLITS) -> dict[str, list[str]]:
    """All texts of A and of B, in `splits`."""
    return {
        "A": [text for split in splits for captions in prepared.a[split].captions for text in captions],
        "B": [text for split in splits for text in prepared.b[split].sentences],
    }


def known(experiment: Experiment, prepared: Prepared) -> Known:
    """What the corpus of `experiment` knows; where that is captions alone, the words of the first one."""
    if experiment.corpus == "skipworld":
        return _scenes(experiment.world)
    if experiment.corpus == "digits":
        return _digits()
    return _captions(prepared)


def _scenes(world: World) -> Known:
    words = vocabularies(world)

    def scene(item: Item) -> Scene:
        return Scene.from_json(item["scene"])

    return Known(
        truth=lambda item: scene_facts(scene(item)),
        told=parse,
        says=lambda text: [word for word, _ in content_words(text)],
        things=lambda item: [" ".join(thing.kind) for thing in scene(item).things],
        attributes=attribute_names(world),
        labels=lambda items: attribute_labels([scene(item) for item in items], world),
        words_a=frozenset(words.a),
        words_b=frozenset(words.b),
        zero_shot=words.zero_shot,
        zero_shot_concepts=words.zero_shot_concepts,
    )


def _digits() -> Known:
    def says(text: str) -> list[str]:
        return [word for word in normalise(text).split() if word in WORDS]

    def facts(text: str) -> Facts:
        return Facts(tuple(("digit", word) for word in says(text)), ())

    return Known(
        truth=lambda item: facts(WORDS[item["digit"]]),
        told=facts,
        says=says,
        things=lambda item: [WORDS[item["digit"]]],
        attributes=["digit"],
        labels=lambda items: np.array([[item["digit"]] for item in items]),
        words_a=frozenset(WORDS),
        words_b=frozenset(WORDS),
        zero_shot=(),
        zero_shot_concepts=(),
    )


def _captions(prepared: Prepared) -> Known:
    def says(text: str) -> list[str]:
        return [word for word in normalise(text).split() if word not in SMALL_WORDS]

    def facts(text: str) -> Facts:
        return Facts(tuple(("word", word) for word in says(text)), ())

    def things(item: Item) -> list[str]:
        return list(dict.fromkeys(says(item["captions"][0])))

    train = prepared.a["train"].facts
    common = [word for word, _ in Counter(word for item in train for word in things(item)).most_common(8)]
    # Of training alone: what a test recording says has not taught the voice.
    read = texts(prepared, ("train",)).values()
    a, b = (frozenset(w for text in found for w in normalise(text).split()) for found in read)
    zero_shot = sorted(a - b - SMALL_WORDS)
    return Known(
        truth=lambda item: facts(item["captions"][0]),
        told=facts,
        says=says,
        things=things,
        attributes=[f'says "{word}"' for word in common],
        labels=lambda items: np.array([[word in things(item) for word in common] for item in items]).astype(
            int
        ),
        words_a=a,
        words_b=b,
        zero_shot=zero_shot,
        zero_shot_concepts=[("word", word) for word in zero_shot],
    )
