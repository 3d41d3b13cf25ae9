"""What follows from a record alone."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

from skiplib.config import experiment
from skiplib.corpora.skipworld import SkipWorld
from skiplib.derived import derived
from skiplib.grammar import parse, scene_facts
from skiplib.metrics import content_accuracy
from skiplib.provenance import Start, provenance
from skiplib.records import Record, make_record, summary
from skiplib.scenes import Scene
from skiplib.scores import ItemScores

ITEMS = ItemScores(np.array([1.0, 0.0, 2 / 3]), np.ones(3))


def record(outputs: dict[str, list[str]] | None = None, **scores: Any) -> Record:
    source = provenance("abc", "cpu", wall_seconds=3.0, command="papermill x.ipynb")
    source = source.model_copy(update={"cores": 2})
    return make_record(experiment("ours", "smoke"), scores, source, outputs=outputs)


def of_demo(outputs: dict[str, list[str]]) -> Record:
    """The same in a world that has scenes enough for words to tell something of them."""
    return make_record(experiment("ours", "demo"), {}, record(train_seconds=1.0).provenance, outputs=outputs)


def test_scenes_that_b_has_all_words_for_are_scored_apart() -> None:
    unsaid = ItemScores(np.array([0.0, 0.0, 0.0]), np.array([0.0, 2.0, 0.0]))
    found = derived(record(i2s_zero_shot_accuracy=unsaid, i2s_content_accuracy=ITEMS))
    metric = found.metrics["i2s_content_accuracy_speakable"]
    assert (metric.value, metric.n) == (pytest.approx((1 + 2 / 3) / 2, abs=1e-5), 2)
    row = summary([found], ["i2s_content_accuracy_speakable"]).iloc[0]
    assert row["mean"] == metric.value and row.low <= row["mean"] <= row.high
    assert found.metrics["i2s_content_accuracy"].n == 3 and "i2s_wer_speakable" not in found.metrics
    everywhere = ItemScores(np.zeros(3), np.ones(3))
    kept = derived(record(i2s_zero_shot_accuracy=everywhere, i2s_content_accuracy=ITEMS))
    assert "i2s_content_accuracy_speakable" not in kept.metrics


def test_nothing_follows_from_nothing() -> None:
    assert derived(record(train_seconds=1.0)) == record(train_seconds=1.0)


def test_speech_is_held_against_the_model_s_own_text() -> None:
    said = {"i2t": ["a red star", "", "a blue star"], "i2s": ["A red star.", "babble", "a green star"]}
    metric = derived(record(said)).metrics["i2s_i2t_wer"]
    assert (metric.value, metric.n) == (pytest.approx(1 / 6, abs=1e-5), 3), (
        "items stay those of other systems"
    )
    assert "i2s_i2t_wer" not in derived(record({"i2t": [""], "i2s": ["babble"]})).metrics


def test_different_words_are_counted_once_and_those_that_tell_something_apart() -> None:
    world = experiment("ours", "demo").world
    captions = [item.captions[0] for item in islice(SkipWorld(world).image_text("test"), 100)]
    words = {word for caption in captions for word in caption.split()}
    right = derived(of_demo({"i2s": [f"{captions[0]} stahr", *captions[1:]]})).metrics
    assert right["i2s_unique_words"].value == len(words) + 1
    colours = words & {"red", "blue", "green", "yellow"}
    assert len(colours) < right["i2s_unique_caption_words"].value < len(words)
    other = derived(of_demo({"i2s": captions[1:] + captions[:1]})).metrics  # each says what another shows
    assert other["i2s_unique_words"].value == len(words)
    assert other["i2s_unique_caption_words"].value == 0
    once = derived(of_demo({"i2s": [captions[0], *["babble"] * 99]})).metrics
    assert once["i2s_unique_caption_words"].value == 0, "one right word may be luck"
    assert "i2s_i2t_wer" not in right and "i2s_i2t_agreement_shuffled" not in right


def test_what_is_heard_of_all_images_alike_is_the_system_s_own_chance() -> None:
    shown = list(islice(SkipWorld(experiment("ours", "smoke").world).image_text("test"), 6))
    texts = [item.captions[0] for item in shown]
    right = derived(record({"i2s": texts, "i2t": texts})).metrics
    assert right["i2s_content_accuracy_shuffled"].value < 0.8
    assert right["i2s_i2t_agreement_shuffled"].n == 6
    truths = [scene_facts(Scene.from_json(item.facts["scene"])) for item in shown]
    same = derived(record({"i2s": texts[:1] * 6, "i2t": texts})).metrics
    told = content_accuracy(truths, [parse(texts[0])] * 6)
    assert same["i2s_content_accuracy_shuffled"].value == pytest.approx(told.value, abs=1e-5)


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({}, ["train_seconds"]),
        ({"trained": {"machine": "H100"}}, ["train_seconds_elsewhere"]),
        ({"cores": 1}, []),
        ({"wall_seconds": 8.0}, []),  # a record that does not say how often the training was started
        ({"wall_seconds": 8.0, "starts": (Start(step=0, cores=2),)}, ["train_seconds"]),  # in notebook 02
        ({"starts": (Start(step=0, cores=1),)}, []),
        ({"starts": (Start(step=0, cores=2), Start(step=5, cores=2))}, []),
        ({"starts": (Start(step=5, cores=2),)}, []),  # what came before is not in the log
    ],
)
def test_the_bar_for_two_cores_is_held_against_a_whole_run_on_two_cores(
    changed: dict[str, Any], names: list[str]
) -> None:
    here = record(train_seconds=9.0)
    source = here.provenance.model_copy(update={"train_seconds": 9.0, "wall_seconds": 10.0, **changed})
    found = derived(here.model_copy(update={"provenance": source})).metrics
    assert list(found) == names and all(metric.value == 9 for metric in found.values())
