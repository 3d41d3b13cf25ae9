"""The captions of A and what they say: from a scene to sentences, and from any sentence to facts.

A caption names each thing by size, colour, pattern (unless plain) and shape, and the relation of the
first to the second. `parse` undoes that for whatever a recogniser heard, word by word, and never
fails: it takes what it knows and passes over the rest.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from skiplib.config import World
from skiplib.errors import ConfigError
from skiplib.lexicon import (
    CONCEPT_OF,
    INFIXES,
    NUMBERS,
    PLURALS,
    PREFIXES,
    Concept,
    article,
    choose,
    relation_phrase,
)
from skiplib.scenes import CONVERSE, Scene, Thing

PLAIN_SHARE = 0.4  # of captions that are the description and no word more
ATTEMPTS = 20  # draws a paraphrase may take before the scene counts as exhausted

Fact = tuple[Any, ...]


@dataclass(frozen=True)
class Facts:
    """What a sentence says about a scene.

    `content` holds its concepts in order, as ("colour", "red"). `facts` is a sorted multiset of
    ("count" | "size" | "colour" | "pattern", shape, value) and
    ("relation", "above" | "left", (colour, shape), (colour, shape)): below and right are turned
    round, so that 'a above b' and 'b below a' are one fact. What a sentence leaves out is "".
    """

    content: tuple[Concept, ...]
    facts: tuple[Fact, ...]


@dataclass
class _Phrase:
    """A noun phrase being read: kind -> value."""

    values: dict[str, str] = field(default_factory=dict)
    relation: str = ""  # the one said since the phrase before

    def facts(self) -> list[Fact]:
        said = ("count", "size", "colour", "pattern")
        return [(kind, self.values["shape"], self.values[kind]) for kind in said if kind in self.values]

    @property
    def kind(self) -> tuple[str, str]:
        return self.values.get("colour", ""), self.values["shape"]


def captions(scene: Scene, world: World, rng: random.Random, n: int) -> tuple[str, ...]:
    """`n` different captions of `scene`: lower case, no punctuation.

    Raises `ConfigError` if the scene has not so many.
    """
    found: dict[str, None] = {}
    for _ in range(n * ATTEMPTS):
        if len(found) < n:
            found[_caption(scene, rng)] = None
    if len(found) < n:
        raise ConfigError(f"only {len(found)} captions for a scene, {n} were asked: lower world.captions")
    return tuple(found)


def content_words(sentence: str) -> list[tuple[str, Concept]]:
    """Every word of `sentence` that says something about a scene, in order, with its concept."""
    return [(word, CONCEPT_OF[word]) for word in _tokens(sentence) if word in CONCEPT_OF]


def parse(sentence: str) -> Facts:
    """What `sentence` says about a scene, whatever else is in it; upper case and stops do no harm."""
    phrases: list[_Phrase] = []
    phrase = _Phrase()
    content: list[Concept] = []
    for word in _tokens(sentence):
        if word in {"a", "an"}:
            phrase.values.clear()
            continue
        if word not in CONCEPT_OF:
            continue
        kind, value = CONCEPT_OF[word]
        content.append((kind, value))
        if kind == "relation":
            phrase.values.clear()
            phrase.relation = phrase.relation or value
            continue
        phrase.values[kind] = value
        if kind == "shape":
            phrases.append(phrase)
            phrase = _Phrase()
    return Facts(tuple(content), _collect(phrases))


def scene_facts(scene: Scene) -> Facts:
    """The facts that every caption of `scene` tells."""
    number = len(scene.things) if scene.counted else 1
    things = scene.things[:1] if scene.counted else scene.things
    phrases, content = [], []
    for index, thing in enumerate(things):
        phrase = _Phrase(dict(_concepts(thing, number)))
        if index == 1 and scene.relation:
            phrase.relation = scene.relation
            content.append(("relation", scene.relation))
        content.extend(_concepts(thing, number))
        phrases.append(phrase)
    return Facts(tuple(content), _collect(phrases))


def is_caption(sentence: str) -> bool:
    """Whether `sentence` is, word for word, a caption that A could have."""
    return _caption_pattern().fullmatch(sentence) is not None


def _tokens(sentence: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", sentence.lower())


def _concepts(thing: Thing, number: int = 1) -> list[Concept]:
    """The concepts of a noun phrase in the order they are said."""
    said = [("count", NUMBERS[number])] if number > 1 else []
    said += [("size", thing.size), ("colour", thing.colour)]
    if thing.pattern != "plain":
        said.append(("pattern", thing.pattern))
    return [*said, ("shape", thing.shape)]


def _collect(phrases: Sequence[_Phrase]) -> tuple[Fact, ...]:
    facts = [fact for phrase in phrases for fact in phrase.facts()]
    if len(phrases) > 1 and phrases[1].relation:
        relation, first, second = phrases[1].relation, phrases[0].kind, phrases[1].kind
        if relation in {"below", "right"}:
            relation, first, second = CONVERSE[relation], second, first
        facts.append(("relation", relation, first, second))
    return tuple(sorted(facts))


def _noun_phrase(thing: Thing, rng: random.Random, number: int = 1) -> str:
    if number > 1:
        words = [choose(concept, rng) for concept in _concepts(thing, number)[:-1]]
        return " ".join([*words, PLURALS[thing.shape]])
    words = [choose(concept, rng) for concept in _concepts(thing)]
    return " ".join([article(words[0]), *words])


def _caption(scene: Scene, rng: random.Random) -> str:
    """One caption; the frame is drawn first, so that its share does not depend on the scene."""
    related = scene.relation is not None
    plain = rng.random() < PLAIN_SHARE
    frame = "" if plain else rng.choice(PREFIXES + (INFIXES if related else ()))
    if not related:
        words = [_noun_phrase(scene.things[0], rng, len(scene.things))]
    else:
        words = [_noun_phrase(scene.things[0], rng)]
        words += [frame] if frame in INFIXES else []
        words += [relation_phrase(choose(("relation", scene.relation or ""), rng))]
        words += [" and ".join(_noun_phrase(thing, rng) for thing in scene.things[1:])]
    return " ".join([frame, *words] if frame in PREFIXES else words)


@lru_cache(maxsize=1)
def _caption_pattern() -> re.Pattern[str]:
    def any_of(words: Sequence[str]) -> str:
        return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"

    def of(kind: str) -> list[str]:
        words = [w for w, (k, _) in CONCEPT_OF.items() if k == kind and w.isalpha()]
        return [w for w in words if w not in PLURALS.values()]

    adjectives = f"{any_of(of('size'))} {any_of(of('colour'))} (?:{any_of(of('pattern'))} )?"
    thing = f"an? {adjectives}{any_of(of('shape'))}"
    relation = any_of([relation_phrase(word) for word in of("relation")])
    scene = f"{thing}(?: (?:{any_of(INFIXES)} )?{relation} {thing}(?: and {thing})?)?"
    counted = f"{any_of(of('count'))} {adjectives}{any_of(list(PLURALS.values()))}"
    return re.compile(f"(?:{any_of(PREFIXES)} )?(?:{scene}|{counted})")
