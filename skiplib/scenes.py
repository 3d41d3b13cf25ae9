"""SkipWorld's pictures: scenes of a few coloured shapes, sampled from a seed and drawn with PIL.

A scene is a description that can be drawn; the drawing has no other source, so that a scene, its
captions and its image can never disagree. The first two things stand in a relation, and the picture
alone decides which of them is named first: the *figure* is the smaller thing, or the upper or left
one of two equal sizes (Talmy 1975, Figure and Ground).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import combinations, product
from typing import Any

import numpy as np

from skiplib.config import World
from skiplib.drawing import blank, draw, pixels
from skiplib.errors import ConfigError

# Values in order of frequency: a world uses the first n of each.
SHAPES = ("circle", "square", "triangle", "star", "diamond", "ring", "cross")
COLOURS = ("red", "blue", "green", "yellow", "black", "orange", "pink", "purple")
SIZES = ("small", "big", "medium")
PATTERNS = ("plain", "striped", "dotted")
BACKGROUNDS = ("light grey", "white", "dark grey")
RELATIONS = ("above", "below", "left", "right")

RADIUS = {"small": 0.12, "medium": 0.16, "big": 0.20}  # of the image side
CONVERSE = {"above": "below", "below": "above", "left": "right", "right": "left"}

JITTER = 0.02  # standard deviation of a centre, of the image side; clipped at two of them
COUNT_SHARE = 0.15  # of scenes with several things, where the world has counts
HELD_PAIRS = 0.10  # share of the pairs of (colour, shape) that training never sees
HELD_TRIPLES = 3  # most (size, colour, shape) that training never sees
ATTEMPTS = 2_000  # draws a scene may take before the world counts as exhausted

Kind = tuple[str, str]  # (colour, shape)


@dataclass(frozen=True)
class Thing:
    """One coloured shape; `x` and `y` are its centre, right and down, in shares of the image side."""

    shape: str
    colour: str
    size: str
    pattern: str
    x: float
    y: float

    @property
    def kind(self) -> Kind:
        """What tells it from the other thing of a scene: its colour and shape."""
        return self.colour, self.shape


@dataclass(frozen=True)
class Scene:
    """One to three things; `relation` is that of the first to the second, None if there is none.

    Several things that are alike but for their place have no relation: they are counted.
    """

    things: tuple[Thing, ...]
    relation: str | None
    background: str

    @property
    def counted(self) -> bool:
        """Whether the scene is several things that are alike, as in 'two red circles'."""
        return len(self.things) > 1 and self.relation is None

    @property
    def description(self) -> tuple[Any, ...]:
        """What a caption tells: equal for scenes that differ only in jitter or background."""
        return (*((t.size, t.colour, t.pattern, t.shape) for t in self.things), self.relation)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists, as `json` writes them."""
        return asdict(self) | {"things": [asdict(thing) for thing in self.things]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Scene:
        """The scene that `to_json` wrote."""
        things = tuple(Thing(**thing) for thing in values["things"])
        return cls(things, values["relation"], values["background"])


@dataclass(frozen=True)
class HeldOut:
    """What no training scene holds and every test scene does."""

    pairs: frozenset[frozenset[Kind]]  # two kinds in one scene, in whichever order
    triples: frozenset[tuple[str, str, str]]  # (size, colour, shape)

    def touches(self, things: Sequence[Thing]) -> bool:
        """Whether these things hold at least one combination that training never sees."""
        return any((t.size, *t.kind) in self.triples for t in things) or any(
            frozenset((a.kind, b.kind)) in self.pairs for a, b in combinations(things, 2)
        )


@lru_cache(maxsize=16)
def held_out(world: World) -> HeldOut:
    """The combinations that the seed of `world` keeps from training.

    No two held-out triples share a colour or a shape, so every single value stays in training.
    """
    rng = random.Random(f"{world.seed}-held-out")
    kinds = list(product(COLOURS[: world.colours], SHAPES[: world.shapes]))
    pairs = list(combinations(kinds, 2))
    held = rng.sample(pairs, round(HELD_PAIRS * len(pairs)))
    most = max(1, min(HELD_TRIPLES, len(kinds) * world.sizes // 16))
    number = min(most, world.colours, world.shapes)
    triples = zip(
        rng.choices(SIZES[: world.sizes], k=number),
        rng.sample(COLOURS[: world.colours], number),
        rng.sample(SHAPES[: world.shapes], number),
        strict=True,
    )
    return HeldOut(frozenset(map(frozenset, held)), frozenset(triples))


def sample_scenes(world: World, split: str, n: int) -> list[Scene]:
    """The first `n` scenes of `split` ("train" or "test"), the same for the same world.

    Test scenes hold a combination that training never sees, and differ from each other as
    descriptions; training scenes may repeat one. Raises `ConfigError` if the world is too small.
    """
    if split not in {"train", "test"}:
        raise ConfigError(f"unknown split {split!r}; there are: train, test")
    rng, held = random.Random(f"{world.seed}-scenes-{world.stream(split)}"), held_out(world)
    scenes: list[Scene] = []
    seen: set[tuple[Any, ...]] = set()
    for _ in range(n):
        for _ in range(ATTEMPTS):
            scene = _draw(world, rng)
            if held.touches(scene.things) == (split == "test") and scene.description not in seen:
                break
        else:
            raise ConfigError(f"the world holds only {len(scenes)} {split} scenes, {n} were asked: widen it")
        scenes.append(scene)
        if split == "test":
            seen.add(scene.description)
    return scenes


def render(scene: Scene, size: int = 128) -> np.ndarray:
    """The picture of `scene`, uint8 [size, size, 3], anti-aliased and the same on every machine."""
    canvas = blank(scene.background, size)
    for thing in scene.things:
        draw(canvas, thing.shape, thing.colour, thing.pattern, (thing.x, thing.y), RADIUS[thing.size])
    return pixels(canvas)


def _zipf(rng: random.Random, values: Sequence[str], exponent: float) -> str:
    return rng.choices(values, [rank**-exponent for rank in range(1, len(values) + 1)])[0]


def _draw(world: World, rng: random.Random) -> Scene:
    number = rng.randint(*world.things)
    background = _zipf(rng, BACKGROUNDS[: world.backgrounds], world.zipf)
    if number > 1 and world.things[1] > 2 and rng.random() < COUNT_SHARE:
        things = [_thing(world, rng)] * number
        upright = rng.random() < 0.5
        places = _row(upright) if number == 2 else [(0.27, 0.27), (0.73, 0.27), (0.5, 0.73)]
        return Scene(_place(things, places, rng), None, background)
    things = []
    while len(things) < number:
        thing = _thing(world, rng)
        if thing.kind not in {t.kind for t in things}:
            things.append(thing)
    if number == 1:
        return Scene(_place(things, [(0.5, 0.5)], rng), None, background)
    relation = _zipf(rng, RELATIONS[: world.relations], world.zipf)
    first, second = RADIUS[things[0].size], RADIUS[things[1].size]
    if first > second or (first == second and relation in {"below", "right"}):
        things[:2] = things[1::-1]
        relation = CONVERSE[relation] if first == second else relation
    upright = relation in {"above", "below"}
    places = _row(upright, across=0.5 if number == 2 else 0.27)
    if relation in {"below", "right"}:
        places.reverse()
    places.append((0.75, 0.5) if upright else (0.5, 0.75))
    return Scene(_place(things, places[:number], rng), relation, background)


def _thing(world: World, rng: random.Random) -> Thing:
    chosen = (
        _zipf(rng, values[:number], world.zipf)
        for values, number in (
            (SHAPES, world.shapes),
            (COLOURS, world.colours),
            (SIZES, world.sizes),
            (PATTERNS, world.patterns),
        )
    )
    return Thing(*chosen, x=0.5, y=0.5)


def _row(upright: bool, across: float = 0.5) -> list[tuple[float, float]]:
    return [(across, 0.25), (across, 0.75)] if upright else [(0.25, across), (0.75, across)]


def _place(
    things: Sequence[Thing], places: Sequence[tuple[float, float]], rng: random.Random
) -> tuple[Thing, ...]:
    def moved(value: float) -> float:
        return round(value + max(-2 * JITTER, min(2 * JITTER, rng.gauss(0, JITTER))), 4)

    return tuple(replace(t, x=moved(x), y=moved(y)) for t, (x, y) in zip(things, places, strict=True))
