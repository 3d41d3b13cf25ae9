"""The words that are missed, by what they have in common."""

from __future__ import annotations

import pytest
from test_derived import record

from skiplib import missed
from skiplib.config import experiment
from skiplib.errors import DataError
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
