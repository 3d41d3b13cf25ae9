"""SkipWorld as a corpus: the protocols, the sixth caption, and the voice."""

from __future__ import annotations

import hashlib
import pickle
from itertools import islice

import numpy as np
import pytest

from skiplib.config import experiment
from skiplib.corpora import ImageTextCorpus, TextSpeechCorpus, open_corpus
from skiplib.corpora.skipworld import SkipWorld
from skiplib.corpora.voiced import spoken_captions
from skiplib.errors import ConfigError, DataError
from skiplib.grammar import parse, scene_facts
from skiplib.scenes import Scene
from skiplib.voice import synthesise

SMOKE = experiment("ours_aligned", "smoke")


def test_both_corpora_are_one_world_of_the_size_asked_for() -> None:
    opened = open_corpus(SMOKE)
    a, b, truth = opened.a, opened.b, opened.truth
    assert isinstance(a, ImageTextCorpus) and isinstance(b, TextSpeechCorpus)
    for split in ("train", "test"):
        assert len(list(a.image_text(split))) == a.image_text_count(split)
        assert len(list(b.text_speech(split))) == b.text_speech_count(split)
    assert [t.id for t in truth] == [item.id for item in a.image_text("test")]
    with pytest.raises(ConfigError, match="split"):
        a.image_text_count("valid")
    with pytest.raises(ConfigError, match="flickr"):
        open_corpus(SMOKE.model_copy(update={"corpus": "flickr"}))


def test_a_test_item_keeps_a_sixth_caption_apart() -> None:
    for split in ("train", "test"):
        for item in islice(SkipWorld(SMOKE.world, size=64).image_text(split), 5):
            scene = Scene.from_json(item.facts["scene"])
            assert len(item.captions) == SMOKE.world.captions
            assert item.image().shape == (64, 64, 3)
            assert ("sixth" in item.facts) == (split == "test")
            if split == "test":
                assert item.facts["sixth"] not in item.captions
                assert parse(item.facts["sixth"]) == scene_facts(scene)


def test_the_captions_and_sentences_are_the_ones_of_every_other_machine() -> None:
    world = SkipWorld(experiment("ours_aligned", "demo").world)
    lines = [line for item in islice(world.image_text("test"), 50) for line in item.captions]
    lines += [item.text for item in world.text_speech("test")]
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] == "321feb2ebeb0e2cc"


def test_the_truth_is_the_first_caption_of_each_test_scene() -> None:
    world = SkipWorld(SMOKE.world)
    spoken, shown = list(spoken_captions(world, 3, 16_000)), list(islice(world.image_text("test"), 3))
    assert [(s.id, s.text) for s in spoken] == [(i.id, i.captions[0]) for i in shown]


def test_items_go_to_another_process() -> None:
    world = SkipWorld(SMOKE.world)
    image, speech = next(world.image_text("train")), next(world.text_speech("train"))
    assert np.array_equal(pickle.loads(pickle.dumps(image)).image(), image.image())
    assert pickle.loads(pickle.dumps(speech)).text == speech.text


def test_the_voice_is_trimmed_loud_and_always_the_same() -> None:
    wave, rate = next(SkipWorld(SMOKE.world).text_speech("test")).waveform()
    assert rate == 16_000 and wave.dtype == np.float32 and wave.ndim == 1
    assert 1.0 < len(wave) / rate < 6.0
    assert np.abs(wave).max() == pytest.approx(0.95, abs=1e-4)
    said, half = synthesise("a red circle"), synthesise("a red circle", 8_000)
    assert np.array_equal(said, synthesise("a red circle"))
    assert len(half) == pytest.approx(len(said) / 2, abs=400)


@pytest.mark.parametrize("text", ["", "  "])
def test_there_must_be_something_to_say(text: str) -> None:
    with pytest.raises(DataError, match="words"):
        synthesise(text)
