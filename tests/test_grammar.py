"""Captions, what they say, the vocabularies of A and B, and the sentences of B."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skiplib.config import World, experiment
from skiplib.errors import ConfigError
from skiplib.grammar import captions, content_words, is_caption, parse, scene_facts
from skiplib.lexicon import B_ONLY, PRIORITY, article, vocabularies
from skiplib.scenes import sample_scenes
from skiplib.sentences import LONGEST, sentences

DEMO = experiment("ours_aligned", "demo").world
PAPER = World()
WORLDS = pytest.mark.parametrize("world", [DEMO, PAPER], ids=["demo", "paper"])
OVERLAPS = (0.1, 0.26, 0.5, 0.95, 1.0)


def all_captions(world: World, n: int = 400) -> list[str]:
    scenes = sample_scenes(world, "train", n)
    return [c for i, scene in enumerate(scenes) for c in captions(scene, world, random.Random(i), 5)]


@given(seed=st.integers(0, 10_000), paper=st.booleans(), split=st.sampled_from(["train", "test"]))
@settings(max_examples=30, deadline=None)
def test_every_caption_says_what_the_scene_shows(seed: int, paper: bool, split: str) -> None:
    world = (PAPER if paper else DEMO).model_copy(update={"seed": seed})
    for scene in sample_scenes(world, split, 4):
        said = captions(scene, world, random.Random(seed), world.captions + 1)
        assert len(set(said)) == world.captions + 1
        for caption in said:
            assert parse(caption) == scene_facts(scene)
            assert parse(caption.upper() + ".") == scene_facts(scene)
            assert tuple(concept for _, concept in content_words(caption)) == scene_facts(scene).content
            assert is_caption(caption)
            assert set(caption.split()) <= set(vocabularies(world).a)


def test_captions_are_the_same_at_every_call() -> None:
    (scene,) = sample_scenes(World(things=(1, 1)), "train", 1)
    assert captions(scene, DEMO, random.Random(7), 6) == captions(scene, DEMO, random.Random(7), 6)
    with pytest.raises(ConfigError, match="captions"):
        captions(scene, DEMO, random.Random(7), 500)


def test_a_scene_told_the_other_way_round_is_the_same_fact() -> None:
    one = parse("a small red circle above a big blue square")
    other = parse("The big blue box is under a tiny crimson circle!")
    assert one.facts == other.facts
    assert ("relation", "above", ("red", "circle"), ("blue", "square")) in one.facts
    assert one.facts != parse("a small red circle below a big blue square").facts
    left = parse("a red circle left of a pink star")
    assert left.facts == parse("a pink star to the right of a red circle").facts
    assert parse("two small red circles").facts == parse("2 little crimson circles").facts
    assert parse("two small red circles").facts != parse("three small red circles").facts


@given(words=st.lists(st.sampled_from((*PRIORITY, *B_ONLY, "boxes", "2", "", "?", "été")), max_size=25))
@settings(max_examples=100, deadline=None)
def test_babble_is_parsed_without_complaint(words: list[str]) -> None:
    facts = parse(" ".join(words))
    assert list(facts.facts) == sorted(facts.facts)


@given(text=st.text(max_size=80))
@settings(max_examples=50, deadline=None)
def test_so_is_anything_else(text: str) -> None:
    assert parse(text).content == tuple(concept for _, concept in content_words(text))


@pytest.mark.parametrize(
    ("world", "overlap"), [(DEMO, o) for o in OVERLAPS] + [(PAPER, o) for o in (0.26, 0.63)]
)
def test_the_overlap_is_the_one_asked_for_and_every_word_is_said(world: World, overlap: float) -> None:
    world = world.model_copy(update={"overlap": overlap})
    v = vocabularies(world)
    a, b = set(v.a), set(v.b)
    assert abs(len(a & b) / len(a | b) - overlap) <= 0.01
    assert v.jaccard == len(a & b) / len(a | b) and set(v.shared) == a & b
    made = sentences(world, "train", 2000)
    assert {word for sentence in made for word in sentence.split()} == b
    assert not any(is_caption(sentence) for sentence in made)
    assert max(len(sentence.split()) for sentence in made) <= LONGEST


@WORLDS
def test_what_b_lacks_by_default(world: World) -> None:
    v = vocabularies(world)
    said = all_captions(world)
    assert {word for caption in said for word in caption.split()} == set(v.a)
    assert len(v.a) >= 60
    assert v.zero_shot_concepts == (("colour", "purple"),)
    assert {"crimson", "azure", "large", "tiny", "box", "over", "beneath", "violet", "purple"} <= set(
        v.zero_shot
    )
    words = [word for caption in said for word, _ in content_words(caption)]
    assert sum(word in v.zero_shot for word in words) >= 0.10 * len(words)


@WORLDS
def test_b_is_distinct_split_and_never_a_caption(world: World) -> None:
    train, test = sentences(world, "train", 500), sentences(world, "test", 100)
    assert train[:50] == sentences(world, "train", 50)
    assert len(set(train)) == 500 and len(set(test)) == 100 and not set(train) & set(test)
    assert not set(train + test) & set(all_captions(world))
    other = world.model_copy(update={"test_draw": 0})
    assert sentences(other, "train", 50) == train[:50] and sentences(other, "test", 50) != test[:50]
    with pytest.raises(ConfigError, match="split"):
        sentences(world, "valid", 1)


def test_b_says_what_it_shares_often_and_in_both_places() -> None:
    made = sentences(DEMO, "train", 3000)
    words = [word for sentence in made for word in sentence.split()]
    colours = [words.count(w) for w in ("red", "blue", "green", "yellow", "black", "orange", "pink")]
    shapes = [words.count(w) for w in ("circle", "square", "triangle", "star", "diamond")]
    assert min(colours) > 350 and max(colours) < 1.25 * min(colours)
    assert min(shapes) > 350 and max(shapes) < 1.25 * min(shapes)
    for shape in ("circle", "diamond"):
        full = [s for s in made if f"small red {shape}" in s]
        assert any(s.startswith(("a small", "the small")) for s in full)
        assert any(s.endswith(shape) for s in full)


def test_articles() -> None:
    assert article("orange") == "an" and article("huge") == "a"
    made = sentences(DEMO, "train", 2000) + all_captions(DEMO, 300)
    assert any("an orange" in sentence for sentence in made)
    assert any("an old" in sentence for sentence in made)
    for sentence in made:
        for word, following in zip(sentence.split(), sentence.split()[1:], strict=False):
            assert word not in {"a", "an"} or word == article(following)
