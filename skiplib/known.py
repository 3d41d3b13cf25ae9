"""What a corpus knows of its images beside their captions: facts, attributes, and the words of both sets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from skiplib.config import Experiment, World
from skiplib.corpora.digits import WORDS
from skiplib.errors import ConfigError
from skiplib.grammar import Facts, parse, scene_facts
from skiplib.judge import normalise
from skiplib.lexicon import vocabularies
from skiplib.painted import attribute_labels, attribute_names
from skiplib.scenes import Scene

Item = Mapping[str, Any]  # the `facts` of a corpus' item


@dataclass(frozen=True)
class Known:
    """How to read the `facts` of an item, and what a description says, in the same terms.

    `things` names what an image shows, as "red circle"; `labels` gives the class of each attribute,
    [items, attributes]; `vocabulary` holds the words of both sets, `zero_shot` those that only A has,
    and `zero_shot_concepts` what they stand for.
    """

    truth: Callable[[Item], Facts]
    told: Callable[[str], Facts]
    things: Callable[[Item], list[str]]
    attributes: list[str]
    labels: Callable[[Sequence[Item]], Int[np.ndarray, "items attributes"]]
    vocabulary: frozenset[str]
    zero_shot: Collection[str]
    zero_shot_concepts: Collection[Hashable]


def known(experiment: Experiment) -> Known:
    """What the corpus of `experiment` knows. Raises `ConfigError` where that is nothing."""
    if experiment.corpus == "skipworld":
        return _scenes(experiment.world)
    if experiment.corpus == "digits":
        return _digits()
    raise ConfigError(f"nothing is known of the images of {experiment.corpus!r} beside their captions")


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
