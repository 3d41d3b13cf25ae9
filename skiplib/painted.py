"""The attributes of SkipWorld's scenes as labels, and the reader that finds them in painted images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from skiplib.attributes import AttributeReader
from skiplib.config import World
from skiplib.prepare import Prepared
from skiplib.scenes import COLOURS, PATTERNS, RELATIONS, SHAPES, SIZES, Scene

TRAINING_IMAGES = 8_000
SHIPPED = Path(__file__).with_name("shipped") / "readers"  # by the hash of the images that they learned from


def _kinds(world: World) -> dict[str, tuple[Sequence[str], int]]:
    """What varies from thing to thing: every value in the order of its number, and how many serve."""
    kinds = {
        "shape": (SHAPES, world.shapes),
        "colour": (COLOURS, world.colours),
        "size": (SIZES, world.sizes),
    }
    return kinds | ({"pattern": (PATTERNS, world.patterns)} if world.patterns > 1 else {})


def attribute_classes(world: World) -> list[int]:
    """Values of each attribute: shape, colour, size and pattern of each thing that a scene may hold, and
    the relation; one more each for "there is none"."""
    thing = [count + 1 for _, count in _kinds(world).values()]
    return thing * world.things[1] + ([world.relations + 1] if world.things[1] > 1 else [])


def attribute_names(world: World) -> list[str]:
    """A name for each column of `attribute_labels`."""
    names = [f"{kind} of thing {i + 1}" for i in range(world.things[1]) for kind in _kinds(world)]
    return names + (["relation"] if world.things[1] > 1 else [])


def attribute_labels(scenes: Sequence[Scene], world: World) -> Int[np.ndarray, "scenes attributes"]:
    """The attributes of true scenes as class numbers, 0 where there is none."""
    kinds = _kinds(world)
    rows = []
    for scene in scenes:
        row: list[int] = []
        for i in range(world.things[1]):
            thing = scene.things[i] if i < len(scene.things) else None
            for kind, (known, _) in kinds.items():
                row.append(0 if thing is None else known.index(getattr(thing, kind)) + 1)
        if world.things[1] > 1:
            row.append(0 if scene.relation is None else RELATIONS.index(scene.relation) + 1)
        rows.append(row)
    return np.array(rows)


def attribute_reader(prepared: Prepared, world: World) -> AttributeReader:
    """The reader for a prepared world: the one that ships, if it learned from these images, or one trained
    once on the true scenes and kept beside the data.

    Readers trained on two machines agree on true scenes, which they have learned, and not on paintings, which
    are unlike them: what one reads right of a mean image another may not. So the reader of `demo` ships, and
    a record says which one it used (`artefacts`).

    Raises `CheckpointError` if the one that ships is damaged.
    """
    shipped = SHIPPED / f"{prepared.manifest['files']['images_a_train.npy'][:8]}.safetensors"
    if shipped.exists():
        return AttributeReader.load(shipped)
    path = prepared.beside(".reader.safetensors")

    def training() -> tuple[np.ndarray, np.ndarray]:
        train = prepared.a["train"]
        n = min(TRAINING_IMAGES, len(train.images))
        scenes = [Scene.from_json(facts["scene"]) for facts in train.facts[:n]]
        return np.array(train.images[:n]), attribute_labels(scenes, world)

    return AttributeReader.kept(path, training, attribute_classes(world))
