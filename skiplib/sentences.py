"""The sentences of B: a wider grammar than the captions', of people, animals, places and shapes.

Each is built from the words that B has at the overlap of the world, and none is a caption of A: what
the model learns to say in B, it must put together anew for a picture.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from skiplib.config import World
from skiplib.errors import ConfigError
from skiplib.grammar import is_caption
from skiplib.lexicon import (
    ANIMALS,
    INFIXES,
    INTRANSITIVE,
    NUMBERS,
    OBJECTS,
    PEOPLE,
    PLACES,
    PLURALS,
    PREFIXES,
    QUALITIES,
    TIMES,
    TRANSITIVE,
    article,
    concepts,
    relation_phrase,
    vocabularies,
    words_of,
)

LONGEST = 13  # words, as long as a caption: what B never says that long, nobody learns to say
TEST_SHARE = 0.1  # of all sentences there are, decided by their hash
ATTEMPTS = 5_000  # draws a sentence may take before the grammar counts as exhausted
FRAME_SHARE = 0.1  # of sentences without a verb that have words of A's frames in front
INFIX_SHARE = 0.15  # of relations with a participle in front, where B has one
COUNT_SHARE = 0.1  # of shapes that are counted, where B has numbers


@dataclass
class _Phrase:
    """A noun phrase before its article is known: adjectives may yet be dropped."""

    noun: str
    adjectives: list[str]
    definite: bool = False
    shape: bool = False
    number: str = ""

    def words(self) -> list[str]:
        rest = [*self.adjectives, self.noun]
        return [self.number or ("the" if self.definite else article(rest[0])), *rest]


Part = _Phrase | str


class _Words:
    """The words that B has at `world`, by what they can do in a sentence."""

    def __init__(self, world: World) -> None:
        b = set(vocabularies(world).b)

        def known(words: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(word for word in words if word in b)

        def by_concept(kind: str) -> list[tuple[str, ...]]:
            groups = [known(words_of(c)) for c in concepts(world) if c[0] == kind]
            return [group for group in groups if group]

        self.all = b
        self.shapes, self.colours, self.sizes, self.patterns, relations = map(
            by_concept, ("shape", "colour", "size", "pattern", "relation")
        )
        self.relations = [g for g in relations if b.issuperset(relation_phrase(g[0]).split())]
        self.people, self.living, self.places = known(PEOPLE), known(PEOPLE + ANIMALS), known(PLACES)
        self.nouns = known(PEOPLE + ANIMALS + PLACES + OBJECTS)
        self.pictures = known(("image", "picture", "sketch", "drawing", "canvas"))
        self.intransitive, self.transitive = known(INTRANSITIVE), known(TRANSITIVE)
        self.qualities, self.times = known(QUALITIES), known(TIMES)
        self.prepositions = known(("in", "near", "with"))
        self.infixes = known(INFIXES)
        self.plurals = {s: p for s, p in PLURALS.items() if p in b}
        self.numbers = known(tuple(NUMBERS.values())) if self.plurals else ()
        self.prefixes = tuple(p for p in PREFIXES if b.issuperset(p.split()))
        # Words of frames that B has only in part: it says them alone.
        whole = {*" ".join(self.prefixes).split(), *self.pictures, *self.infixes, *self.prepositions}
        frame = dict.fromkeys([*" ".join(PREFIXES).split(), *(() if self.plurals else NUMBERS.values())])
        self.strays = known(tuple(w for w in frame if w not in whole | {"a", "an", "the", "of"}))


def sentences(world: World, split: str, n: int) -> list[str]:
    """The first `n` sentences of `split` ("train" or "test"): distinct, lower case, at most 13 words.

    No sentence is in both splits and none is a caption. Raises `ConfigError` if there are not so many.
    """
    if split not in {"train", "test"}:
        raise ConfigError(f"unknown split {split!r}; there are: train, test")
    grammar = _Grammar(_Words(world), random.Random(f"{world.seed}-sentences-{world.stream(split)}"))
    found: dict[str, None] = {}
    for _ in range(n):
        for _ in range(ATTEMPTS):
            sentence = grammar.sentence()
            if sentence and sentence not in found and _is_test(sentence) == (split == "test"):
                break
        else:
            raise ConfigError(f"only {len(found)} {split} sentences, {n} were asked: lower the number")
        found[sentence] = None
    return list(found)


def _is_test(sentence: str) -> bool:
    return hashlib.sha256(sentence.encode()).digest()[0] < TEST_SHARE * 256


class _Grammar:
    """Draws sentences from the words that there are; holds nothing but them and the generator."""

    def __init__(self, words: _Words, rng: random.Random) -> None:
        self.words, self.rng = words, rng
        w = words
        joined = bool(w.relations and w.shapes)
        scenic = [  # what A's frames may stand before; with its weight, and whether the words are there
            (self._skeleton, 60, bool(w.relations and w.nouns)),
            (self._chain, 3 if w.nouns else 65, joined and len(w.shapes) > 1),
            (self._pair, 5 if w.nouns else 20, joined and "and" in w.all),
        ]
        told = [
            (self._transitive, 20, bool(w.transitive and w.living)),
            (self._intransitive, 20, bool(w.intransitive and w.living and (w.prepositions or w.relations))),
            (self._time, 15, bool(w.places and w.people and w.intransitive and w.times and "in" in w.all)),
        ]
        self.scenic = [build for build, _, possible in scenic if possible]
        self.templates = [(build, weight) for build, weight, possible in scenic + told if possible]
        if not self.templates:
            raise ConfigError("B has too few words to make a sentence: widen world.overlap")

    def sentence(self) -> str | None:
        """A sentence, or None if the draw was unlucky: too long, a word amiss, or a caption."""
        builds, weights = zip(*self.templates, strict=True)
        build = self.rng.choices(builds, weights)[0]
        parts: list[Part] = [self._front(), *build()] if build in self.scenic or not self.scenic else build()
        while _length(parts) > LONGEST:
            # The shapes keep their adjectives longest: they are what A and B have in common.
            phrases = [p for p in parts if isinstance(p, _Phrase) and p.adjectives]
            if not phrases:
                return None
            droppable = [p for p in phrases if not p.shape] or phrases
            phrase = self.rng.choice(droppable)
            phrase.adjectives.pop(self.rng.randrange(len(phrase.adjectives)))
        words = [w for part in parts for w in (part.words() if isinstance(part, _Phrase) else part.split())]
        text = " ".join(words)
        return text if self.words.all.issuperset(words) and not is_caption(text) else None

    def _front(self) -> str:
        return self._maybe(FRAME_SHARE, self.words.prefixes + self.words.strays)

    def _skeleton(self) -> list[Part]:
        """The skeleton of a plain caption with, in one place, a noun that A lacks."""
        own = self._noun_phrase(self.rng.choice(self.words.nouns), full=True)
        if self.words.shapes:
            shape = self._shape(full=True)
        else:
            shape = self._noun_phrase(self._any_noun(), full=True)
        first, second = (own, shape) if self.rng.random() < 0.5 else (shape, own)
        return [first, self._infix(), self._relation(), second]

    def _transitive(self) -> list[Part]:
        return [self._subject(0.3), self.rng.choice(self.words.transitive), self._object(0.7)]

    def _intransitive(self) -> list[Part]:
        near = self.words.prepositions
        related = self._lucky(0.5, self.words.relations) or not near
        where = self._relation() if related else self.rng.choice(near)
        return [self._subject(0.5), self.rng.choice(self.words.intransitive), where, self._object(0.7)]

    def _time(self) -> list[Part]:
        quality = [self.rng.choice(self.words.qualities)] if self._lucky(0.8, self.words.qualities) else []
        person = _Phrase(
            self.rng.choice(self.words.people), quality, definite=self._lucky(0.8, "the" in self.words.all)
        )
        place = _Phrase(self.rng.choice(self.words.places), [], definite="the" in self.words.all)
        verb, time = self.rng.choice(self.words.intransitive), self.rng.choice(self.words.times)
        return [person, verb, "in", place, time]

    def _chain(self) -> list[Part]:
        """Three shapes in a row: no caption has two relations."""
        parts: list[Part] = [self._shape()]
        for _ in range(2):
            parts += [self._infix(), self._relation(), self._shape()]
        return parts

    def _pair(self) -> list[Part]:
        return [self._shape(), "and", self._object(0.5), self._relation(), self._shape()]

    def _subject(self, shapes: float) -> _Phrase:
        if self._lucky(shapes, self.words.shapes):
            return self._shape(definite=0.4)
        return self._noun_phrase(self.rng.choice(self.words.living), definite=0.4)

    def _object(self, shapes: float) -> _Phrase:
        if self._lucky(shapes, self.words.shapes) or not self.words.nouns:
            return self._shape(definite=0.4)
        return self._noun_phrase(self._any_noun(), definite=0.4)

    def _any_noun(self) -> str:
        return self.rng.choice(self.words.nouns + self.words.pictures)

    def _shape(self, full: bool = False, definite: float = 0.0) -> _Phrase:
        group = self.rng.choice(self.words.shapes)
        phrase = self._noun_phrase(self.rng.choice(group), full, definite, often=0.85)
        phrase.shape = True
        if self._lucky(0.25, self.words.patterns):
            phrase.adjectives.append(self._one(self.words.patterns))
        if group[0] in self.words.plurals and self._lucky(COUNT_SHARE, self.words.numbers):
            phrase.number, phrase.noun = self.rng.choice(self.words.numbers), self.words.plurals[group[0]]
        return phrase

    def _noun_phrase(
        self, noun: str, full: bool = False, definite: float = 0.0, often: float = 0.55
    ) -> _Phrase:
        """Size and colour are drawn evenly by concept, whatever the words that B has for it."""
        adjectives = [
            self._one(words)
            for words in (self.words.sizes, self.words.colours)
            if self._lucky(1.0 if full else often, words)
        ]
        return _Phrase(noun, adjectives, definite=self._lucky(definite, "the" in self.words.all))

    def _infix(self) -> str:
        return self._maybe(INFIX_SHARE, self.words.infixes)

    def _relation(self) -> str:
        return relation_phrase(self._one(self.words.relations))

    def _one(self, groups: list[tuple[str, ...]]) -> str:
        return self.rng.choice(self.rng.choice(groups))

    def _maybe(self, share: float, words: tuple[str, ...]) -> str:
        return self.rng.choice(words) if self._lucky(share, words) else ""

    def _lucky(self, share: float, possible: object) -> bool:
        return bool(possible) and self.rng.random() < share


def _length(parts: list[Part]) -> int:
    return sum(len(part.words() if isinstance(part, _Phrase) else part.split()) for part in parts)
