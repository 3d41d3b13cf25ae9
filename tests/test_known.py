"""What corpora know of their images, in one form for notebooks and evaluation."""

from __future__ import annotations

from dataclasses import replace

from skiplib.config import experiment
from skiplib.known import known
from skiplib.metrics import content_accuracy


def test_a_scene_and_its_caption_say_the_same(smoke, prepared):
    knows, test = known(smoke, prepared), prepared.a["test"]
    truths = [knows.truth(facts) for facts in test.facts]
    assert content_accuracy(truths, [knows.told(captions[0]) for captions in test.captions]).value == 1
    assert knows.labels(test.facts).shape == (len(test.facts), len(knows.attributes))
    colour, shape = knows.things(test.facts[0])[0].split()
    assert {("colour", colour), ("shape", shape)} <= set(truths[0].content)
    assert set(knows.zero_shot) < knows.vocabulary and {"person", colour} & knows.vocabulary


def test_a_digit_is_one_concept(prepared):
    knows = known(experiment("ours", "smoke", "digits"), prepared)
    truth = knows.truth({"digit": 7})
    assert content_accuracy([truth] * 3, [knows.told(t) for t in ("Seven.", "7", "eight")]).value == 2 / 3
    assert content_accuracy([truth], [knows.told("a seven or an eight")]).value == 1 / 2
    assert knows.labels([{"digit": 7}, {"digit": 0}]).tolist() == [[7], [0]]
    assert knows.things({"digit": 7}) == ["seven"] and not knows.zero_shot


def test_elsewhere_the_first_caption_is_the_truth(smoke, prepared):
    other = smoke.model_copy(update={"corpus": "folder"})
    train = [{"captions": captions} for captions in prepared.a["train"].captions]
    a = prepared.a | {"train": replace(prepared.a["train"], facts=train)}
    knows, item = known(other, replace(prepared, a=a)), {"captions": ["A dog runs along the beach.", "Sand"]}
    truth = knows.truth(item)
    assert [word for _, word in truth.content] == ["dog", "runs", "along", "beach"]
    assert knows.things({"captions": ["a dog beside a dog"]}) == ["dog", "beside"]
    assert content_accuracy([truth], [knows.told("the dog runs")]).value == 2 / 4
    labels = knows.labels(train)
    assert labels.shape == (len(train), 8) and set(labels.flatten()) == {0, 1} and 0 < labels.mean() < 1
    assert knows.zero_shot and not {"the", "a"} & set(knows.zero_shot)


def test_one_word_in_two_spellings_is_in_both_sets(smoke, prepared):
    train, said = prepared.a["train"], prepared.b["train"]
    a = prepared.a | {
        "train": replace(train, captions=[["a grey zebra"]], facts=[{"captions": ["a grey zebra"]}])
    }
    b = prepared.b | {"train": replace(said, sentences=["gray"])}
    knows = known(smoke.model_copy(update={"corpus": "folder"}), replace(prepared, a=a, b=b))
    assert "zebra" in knows.zero_shot and not {"grey", "gray"} & set(knows.zero_shot)
