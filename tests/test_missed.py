"""The words that are missed, by what they have in common."""

from __future__ import annotations

import numpy as np
import pytest
from test_derived import record
from test_records import record as scored

from skiplib import missed
from skiplib.config import RECORDS_DIR, experiment
from skiplib.errors import DataError
from skiplib.records import read_record
from skiplib.scores import ItemScores
from skiplib.sentences import sentences


def test_words_are_missed_by_how_often_training_has_them() -> None:
    training = ["the cat runs"] * 40 + ["a dog sits"]
    found = missed.by_frequency(
        ["the cat sits", "a zebra runs"], ["the cat sees", "zebra runs fast"], training
    )
    assert found["missed"].to_dict() == {"0 to 0": 0.0, "1 to 29": 1.0, "30 to 99": 0.0}
    assert found["tokens"].tolist() == [1, 2, 3] and found["words"].tolist() == [1, 2, 3]
    assert (found["low"] <= found["missed"]).all() and (found["missed"] <= found["high"]).all()
    half = missed.by_frequency(["the", "cat"] * 8, ["the", "hat"] * 8, training)
    ((low, high),) = half[["low", "high"]].to_numpy()
    assert 0 < low < 0.5 < high < 1  # over 16 references, of which half are missed


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("the old man sits in the park now", "what someone does at a time"),
        ("a red circle likes the dog", "what someone does to something"),
        ("a cow waits near a blue ring", "what someone does somewhere"),
        ("a big red ring above a small blue door", "where things are, without a verb"),
    ],
)
def test_a_sentence_has_a_kind(sentence: str, told: str) -> None:
    assert missed.kind(sentence) == told


def test_words_are_missed_by_kind_of_sentence() -> None:
    world = experiment("ours", "smoke").world
    test = sentences(world, "test", world.test_sentences)
    kinds = list(map(missed.kind, test))
    said = ["" if kind == kinds[0] else text for kind, text in zip(kinds, test, strict=True)]
    found = missed.by_kind([record({"t2s": said, "s2t": test}), record({"t2s": said, "s2t": test})])
    assert found["t2s"].dropna().to_dict() == {kind: float(kind == kinds[0]) for kind in set(kinds)}
    assert (found["s2t"].dropna() == 0).all() and found["training"].sum() == pytest.approx(1)
    other = record().model_copy(update={"corpus": "digits"})
    for runs in ([], [other]):
        with pytest.raises(DataError, match="of one SkipWorld"):
            missed.by_kind(runs)


def test_errors_by_length_add_up_to_all_errors() -> None:
    scores = ItemScores(np.array([1.0, 0.0, 2.0, 3.0, 1.0]), np.array([4.0, 3.0, 5.0, 9.0, 12.0]))
    found = missed.by_length(scored(s2t_wer=scores), "s2t_wer")
    assert found["words"].tolist() == ["1-4", "5-8", "9-12"] and found["items"].tolist() == [2, 1, 2]
    assert found["rate"].tolist() == pytest.approx([1 / 7, 2 / 5, 4 / 21])
    assert (found["low"] <= found["rate"]).all() and (found["rate"] <= found["high"]).all()
    assert missed.by_length(scored(), "train_seconds").empty and missed.by_length(scored(), "i2t_bleu1").empty


@pytest.mark.parametrize(
    ("written", "heard", "number"),
    [
        ("a small red star", "A small red star.", 0),
        ("a small purple star", "A small pink star.", 1),
        ("a small red star", "I see a small red star", 2),
        ("a small red star", "a small red star above a star", 3),
        ("a small red star", "a small red car", 4),
    ],
)
def test_what_is_heard_departs_from_what_is_written(written: str, heard: str, number: int) -> None:
    known = {"a", "small", "red", "pink", "star", "above"}
    assert missed.way(written, heard, known) == missed.WAYS[number]


def test_what_images_lose_in_saying_adds_up() -> None:
    """Over the ways to lose, of two committed runs, that speak and that do not."""
    for name in ("ours_aligned-s2", "ours-s0"):
        run = read_record(RECORDS_DIR / f"skipworld-demo-{name}.json")
        found = missed.by_loss([run])
        lost = 1 - run.metrics["i2s_content_accuracy"].value
        assert found["lost"].sum() == pytest.approx(lost, abs=1e-4) and found[
            "scenes"
        ].sum() == pytest.approx(1)
        assert (found["low"] <= found["lost"]).all() and (found["lost"] <= found["high"]).all()
    assert missed.by_loss([record({"i2s": ["a star"]})]).empty, "it does not write"
    with pytest.raises(DataError, match="of one SkipWorld"):
        missed.by_loss([])
