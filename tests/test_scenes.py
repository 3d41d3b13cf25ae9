"""Scenes: deterministic, drawable, figure before ground, and held-out combinations held out."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skiplib.config import World, experiment
from skiplib.errors import ConfigError
from skiplib.scenes import RADIUS, Scene, held_out, render, sample_scenes

DEMO = experiment("ours_aligned", "demo").world
PAPER = World()
WORLDS = pytest.mark.parametrize("world", [DEMO, PAPER], ids=["demo", "paper"])


@WORLDS
@pytest.mark.parametrize("split", ["train", "test"])
def test_scenes_are_the_same_at_every_call_and_fewer_are_the_first_of_more(world: World, split: str) -> None:
    assert sample_scenes(world, split, 20) == sample_scenes(world, split, 40)[:20]
    other = world.model_copy(update={"seed": 1})
    assert sample_scenes(other, split, 20) != sample_scenes(world, split, 20)


def test_the_pictures_are_the_ones_of_every_other_machine() -> None:
    digest = hashlib.sha256()
    for world in (DEMO, PAPER):
        for scene in sample_scenes(world, "test", 40):
            digest.update(render(scene, 64).tobytes())
    assert digest.hexdigest()[:16] == "2bdbc7283f61a469"


@WORLDS
def test_training_lacks_what_every_test_scene_has(world: World) -> None:
    held = held_out(world)
    train, test = sample_scenes(world, "train", 600), sample_scenes(world, "test", 60)
    assert not any(held.touches(scene.things) for scene in train)
    assert all(held.touches(scene.things) for scene in test)
    assert not {s.description for s in train} & {s.description for s in test}
    assert len({s.description for s in test}) == len(test)
    assert 2 <= len(held.triples) <= 3
    for kind in ("shape", "colour", "size", "pattern"):
        values = {getattr(thing, kind) for scene in train + test for thing in scene.things}
        assert {getattr(thing, kind) for scene in train for thing in scene.things} == values
        assert len(values) == getattr(world, f"{kind}s")


@WORLDS
def test_another_draw_of_the_test_scenes_changes_them_and_nothing_else(world: World) -> None:
    other = world.model_copy(update={"test_draw": 0})
    assert held_out(other) == held_out(world)
    assert sample_scenes(other, "train", 20) == sample_scenes(world, "train", 20)
    assert sample_scenes(other, "test", 20) != sample_scenes(world, "test", 20)


@WORLDS
def test_the_figure_comes_first_and_the_picture_shows_the_relation(world: World) -> None:
    seen = set()
    for scene in sample_scenes(world, "train", 600):
        for thing in scene.things:
            r = RADIUS[thing.size]
            assert r <= thing.x <= 1 - r and r <= thing.y <= 1 - r
        if scene.relation is None:
            continue
        first, second = scene.things[:2]
        assert first.kind != second.kind
        equal = first.size == second.size
        assert RADIUS[first.size] <= RADIUS[second.size]
        assert not equal or scene.relation in {"above", "left"}
        along = first.y - second.y if scene.relation in {"above", "below"} else first.x - second.x
        assert 0.35 < (along if scene.relation in {"below", "right"} else -along) < 0.6
        seen.add((equal, scene.relation))
    assert len(seen) == 6


def test_scenes_of_things_that_are_alike_exist_only_where_three_fit() -> None:
    assert not any(scene.counted for scene in sample_scenes(DEMO, "train", 500))
    counted = [scene for scene in sample_scenes(PAPER, "train", 500) if scene.counted]
    assert {len(scene.things) for scene in counted} == {2, 3}


def test_things_do_not_touch() -> None:
    for scene in sample_scenes(PAPER, "train", 400):
        places = [(t.x, t.y, RADIUS[t.size]) for t in scene.things]
        for i, (x, y, r) in enumerate(places):
            for u, v, s in places[:i]:
                # square corners reach beyond the radius, but never diagonally to a neighbour
                assert np.hypot(x - u, y - v) > 0.9 * (r + s)


@given(seed=st.integers(0, 10_000), size=st.sampled_from([32, 64, 128]))
@settings(max_examples=10, deadline=None)
def test_a_picture_is_smooth_bytes_and_a_scene_survives_json(seed: int, size: int) -> None:
    (scene,) = sample_scenes(PAPER.model_copy(update={"seed": seed}), "train", 1)
    assert Scene.from_json(json.loads(json.dumps(scene.to_json()))) == scene
    image = render(scene, size)
    assert image.shape == (size, size, 3) and image.dtype == np.uint8
    assert np.array_equal(image, render(scene, size))
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 2  # ground, shape and soft edges


def test_a_world_that_is_too_small_or_not_one_is_an_error() -> None:
    tiny = World(things=(1, 1), shapes=2, colours=2, sizes=1, patterns=1)
    with pytest.raises(ConfigError, match="widen"):
        sample_scenes(tiny, "test", 50)
    with pytest.raises(ConfigError, match="split"):
        sample_scenes(DEMO, "valid", 1)
