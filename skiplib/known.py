"""What a corpus knows of its images beside their captions: facts, attributes, and the words of both sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from skiplib import gap
from skiplib.config import Experiment, World
from skiplib.corpora.digits import WORDS
from skiplib.grammar import Facts, parse, scene_facts
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

    `things` names what an image shows, as "red circle"; `labels` gives the class of each attribute,
    [items, attributes]; `vocabulary` holds the words of both sets, `zero_shot` those that only A has,
    and `zero_shot_concepts` what they stand for; words of captions as `judge.normalise` writes them, of the
    training sets.
    """

    truth: Callable[[Item], Facts]
    told: Callable[[str], Facts]
    things: Callable[[Item], list[str]]
    attributes: list[str]
    labels: Callable[[Sequence[Item]], Int[np.ndarray, "items attributes"]]
    vocabulary: frozenset[str]
    zero_shot: Collection[str]
    zero_shot_concepts: Collection[Hashable]


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
        things=lambda item: [" ".join(thing.kind) for thing in scene(item).things],
        attributes=attribute_names(world),
        labels=lambda items: attribute_labels([scene(item) for item in items], world),
        vocabulary=frozenset(words.a) | frozenset(words.b),
        zero_shot=words.zero_shot,
        zero_shot_concepts=words.zero_shot_concepts,
    )


def _digits() -> Known:
    def facts(text: str) -> Facts:
        said = [word for word in normalise(text).split() if word in WORDS]
        return Facts(tuple(("digit", word) for word in said), ())

    return Known(
        truth=lambda item: facts(WORDS[item["digit"]]),
        told=facts,
        things=lambda item: [WORDS[item["digit"]]],
        attributes=["digit"],
        labels=lambda items: np.array([[item["digit"]] for item in items]),
        vocabulary=frozenset(WORDS),
        zero_shot=(),
        zero_shot_concepts=(),
    )


def _captions(prepared: Prepared) -> Known:
    def facts(text: str) -> Facts:
        said = [word for word in normalise(text).split() if word not in SMALL_WORDS]
        return Facts(tuple(("word", word) for word in said), ())

    def things(item: Item) -> list[str]:
        return list(dict.fromkeys(word for _, word in facts(item["captions"][0]).content))

    train = prepared.a["train"].facts
    common = [word for word, _ in Counter(word for item in train for word in things(item)).most_common(8)]
    # Of training alone: what a test recording says has not taught the voice.
    texts = gap.texts(prepared, ("train",)).values()
    a, b = ({w for text in found for w in normalise(text).split()} for found in texts)
    zero_shot = sorted(a - b - SMALL_WORDS)
    return Known(
        truth=lambda item: facts(item["captions"][0]),
        told=facts,
        things=things,
        attributes=[f'says "{word}"' for word in common],
        labels=lambda items: np.array([[word in things(item) for word in common] for item in items]).astype(
            int
        ),
        vocabulary=frozenset(a | b),
        zero_shot=zero_shot,
        zero_shot_concepts=[("word", word) for word in zero_shot],
    )
