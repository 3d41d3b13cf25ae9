"""The words of A and of B, and the gap between the two vocabularies.

A word of A stands at a fixed place in an order of priority; B has the first words of that order and,
beside them, words of its own. How many of each follows from the Jaccard overlap that the world asks
for, |A & B| / |A | B|, the measure of the domain gap.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

from skiplib.config import World
from skiplib.scenes import COLOURS, PATTERNS, RELATIONS, SHAPES, SIZES

Concept = tuple[str, str]  # (kind, value), as ("colour", "red")

PRIMARY_SHARE = 0.75  # how often A says a concept with its first word, where there is another

SYNONYMS: dict[Concept, tuple[str, ...]] = {  # only A knows them unless the overlap is wide
    ("size", "small"): ("little", "tiny"),
    ("size", "big"): ("large", "huge"),
    ("colour", "red"): ("crimson",),
    ("colour", "blue"): ("azure",),
    ("colour", "green"): ("emerald",),
    ("colour", "yellow"): ("golden",),
    ("colour", "purple"): ("violet",),
    ("shape", "square"): ("box",),
    ("shape", "diamond"): ("rhombus",),
    ("relation", "above"): ("over",),
    ("relation", "below"): ("under", "beneath"),
}
NUMBERS = {2: "two", 3: "three"}
PLURALS = {shape: shape + ("es" if shape.endswith("s") else "s") for shape in SHAPES}

FUNCTION = ("a", "an", "the", "of", "to")
PREFIXES = (  # what may stand before a described scene
    "i see",
    "look at",
    "an image with",
    "here we see",
    "this picture shows",
    "a sketch of",
    "a drawing of",
    "you can find",
    "notice",
    "someone drew",
    "the canvas contains",
)
INFIXES = ("placed", "drawn", "painted", "located")  # between the first thing and the relation
FILLERS = ("i", "see", "look", "at", "with")  # the frame words that B learns first

PEOPLE = ("man", "woman", "girl", "boy", "baby", "doctor", "teacher")
ANIMALS = ("dog", "cat", "bird", "horse", "cow")
PLACES = ("house", "garden", "street", "park", "kitchen", "school", "river")
OBJECTS = ("tree", "table", "door", "window")
INTRANSITIVE = ("sits", "sleeps", "runs", "stands", "waits", "plays", "is")
TRANSITIVE = ("sees", "holds", "finds", "paints", "likes", "draws")
QUALITIES = ("old", "young", "happy")
TIMES = ("today", "now")
# In this order a narrow choice of own words still makes sentences.
_OWN = (
    "man dog sits near sees tree house in woman table cat holds runs old today garden girl bird "
    "stands likes boy door street waits finds young now park horse sleeps paints baby window "
    "kitchen plays happy draws doctor cow school teacher river is"
)
B_ONLY = tuple(_OWN.split())

CONCEPTS: tuple[Concept, ...] = tuple(
    (kind, value)
    for kind, values in (
        ("size", SIZES),
        ("relation", RELATIONS),
        ("shape", SHAPES),
        ("colour", COLOURS),
        ("pattern", PATTERNS[1:]),  # plain is not said
    )
    for value in values
)
LAST = ("colour", "purple")  # the concept that B lacks


def words_of(concept: Concept) -> tuple[str, ...]:
    """Every word for a concept, its first word first."""
    return (concept[1], *SYNONYMS.get(concept, ()))


CONCEPT_OF: dict[str, Concept] = (  # of every content word, plurals included
    {word: concept for concept in CONCEPTS for word in words_of(concept)}
    | {plural: ("shape", shape) for shape, plural in PLURALS.items()}
    | {"boxes": ("shape", "square")}
    | {word: ("count", word) for word in NUMBERS.values()}
    | {str(number): ("count", word) for number, word in NUMBERS.items()}
)


def _order() -> tuple[str, ...]:
    frames = [w for frame in (*PREFIXES, *INFIXES) for w in frame.split()]
    words = (
        *FUNCTION,
        *(value for kind, value in CONCEPTS if (kind, value) != LAST),
        *FILLERS,
        "and",
        *NUMBERS.values(),
        *PLURALS.values(),
        LAST[1],
        *(word for concept in CONCEPTS for word in SYNONYMS.get(concept, ())),
        *frames,
    )
    return tuple(dict.fromkeys(words))


PRIORITY = _order()  # every word that A can have, the ones that B learns first in front


@dataclass(frozen=True)
class Vocabularies:
    """The words of both sides, each sorted; `zero_shot` are the content words that only A has."""

    a: tuple[str, ...]
    b: tuple[str, ...]
    shared: tuple[str, ...]
    zero_shot: tuple[str, ...]
    zero_shot_concepts: tuple[Concept, ...]  # concepts for which B has no word at all

    @property
    def jaccard(self) -> float:
        """|A & B| / |A | B|."""
        return len(self.shared) / len({*self.a, *self.b})


@lru_cache(maxsize=16)
def concepts(world: World) -> tuple[Concept, ...]:
    """The concepts that the scenes of this world show."""
    used = {
        "size": SIZES[: world.sizes],
        "relation": RELATIONS[: world.relations] if world.things[1] > 1 else (),
        "shape": SHAPES[: world.shapes],
        "colour": COLOURS[: world.colours],
        "pattern": PATTERNS[: world.patterns],
    }
    return tuple((kind, value) for kind, value in CONCEPTS if value in used[kind])


@lru_cache(maxsize=16)
def vocabularies(world: World) -> Vocabularies:
    """The vocabularies of A and B at this world; their Jaccard overlap is `world.overlap` to 0.01."""
    a = _a_words(world)
    own = min(len(B_ONLY), round(len(a) / world.overlap - len(a)))
    shared = a[: min(len(a), round(world.overlap * (len(a) + own)))]
    b = {*shared, *B_ONLY[:own]}
    content = [word for word in a if word in CONCEPT_OF]
    unheard = [c for c in concepts(world) if not b.intersection(words_of(c))]
    return Vocabularies(
        a=tuple(sorted(a)),
        b=tuple(sorted(b)),
        shared=tuple(sorted(shared)),
        zero_shot=tuple(sorted(word for word in content if word not in b)),
        zero_shot_concepts=tuple(unheard),
    )


def choose(concept: Concept, rng: random.Random) -> str:
    """A word of A for a concept: mostly the first, else a synonym, the rarer the later."""
    primary, *others = words_of(concept)
    if not others or rng.random() < PRIMARY_SHARE:
        return primary
    return rng.choices(others, [1 / rank for rank in range(1, len(others) + 1)])[0]


def article(word: str) -> str:
    """The indefinite article before `word`."""
    return "an" if word[0] in "aeiou" else "a"


def relation_phrase(word: str) -> str:
    """The words that say a relation: `word` itself, or 'to the left of'."""
    return f"to the {word} of" if word in {"left", "right"} else word


def _a_words(world: World) -> list[str]:
    used = {"a", *" ".join(PREFIXES).split()}
    for concept in concepts(world):
        used.update(words_of(concept))
        if concept[0] == "relation":
            used.update(relation_phrase(concept[1]).split(), INFIXES)
    if world.things[1] > 2:
        numbers = [word for number, word in NUMBERS.items() if world.things[0] <= number]
        used.update(["and", *numbers], [PLURALS[shape] for shape in SHAPES[: world.shapes]])
    return [word for word in PRIORITY if word in used]
