"""What corpora know of their images, in one form for notebooks and evaluation."""

from __future__ import annotations

import pytest

from skiplib.config import experiment
from skiplib.errors import ConfigError
from skiplib.known import known
from skiplib.metrics import content_accuracy


def test_a_scene_and_its_caption_say_the_same(smoke, prepared):
    knows, test = known(smoke), prepared.a["test"]
    truths = [knows.truth(facts) for facts in test.facts]
    assert content_accuracy(truths, [knows.told(captions[0]) for captions in test.captions]).value == 1
    assert knows.labels(test.facts).shape == (len(test.facts), len(knows.attributes))
    colour, shape = knows.things(test.facts[0])[0].split()
    assert {("colour", colour), ("shape", shape)} <= set(truths[0].content)
    assert set(knows.zero_shot) < knows.vocabulary and {"person", colour} & knows.vocabulary


def test_a_digit_is_one_concept():
    knows = known(experiment("ours", "smoke", "digits"))
    truth = knows.truth({"digit": 7})
    assert content_accuracy([truth] * 3, [knows.told(t) for t in ("Seven.", "7", "eight")]).value == 2 / 3
    assert content_accuracy([truth], [knows.told("a seven or an eight")]).value == 1 / 2
    assert knows.labels([{"digit": 7}, {"digit": 0}]).tolist() == [[7], [0]]
    assert knows.things({"digit": 7}) == ["seven"] and not knows.zero_shot


def test_an_unknown_corpus_says_so(smoke):
    with pytest.raises(ConfigError, match="nothing is known of the images of 'photographs'"):
        known(smoke.model_copy(update={"corpus": "photographs"}))
