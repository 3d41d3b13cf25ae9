"""The gap between A and B in words, of a world and of any other corpus."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skiplib import gap
from skiplib.known import known
from skiplib.lexicon import vocabularies


def test_a_world_tells_its_vocabularies_and_what_it_holds_back(smoke, prepared):
    frame, words = gap.overlap(smoke, prepared), vocabularies(smoke.world)
    assert frame.loc["words of the world", "overlap"] == round(words.jaccard, 3)
    assert frame.loc["words of the texts", "A"] <= len(words.a)
    knows = known(smoke, prepared)
    lists = gap.word_lists(knows)
    assert lists[gap.ZERO_SHOT] == sorted(words.zero_shot) and lists["shared"] == sorted(words.shared)
    assert sum(map(len, lists.values())) == len(set(words.a) | set(words.b))
    assert 0 < gap.zero_shot_share(knows, prepared) < 1
    unseen = gap.unseen(smoke, prepared)["with a held-out combination"]
    assert unseen["train"] == 0 and unseen["test"] == len(prepared.a["test"].captions)


def test_elsewhere_the_texts_alone_tell(smoke, prepared):
    other = smoke.model_copy(update={"corpus": "photographs"})
    train = replace(
        prepared.a["train"], captions=[["a zebra in a van"]], facts=[{"captions": ["a zebra in a van"]}]
    )
    test = replace(prepared.a["test"], captions=[["a zebra and a crow"]])
    sentences = {split: replace(b, sentences=["the van"]) for split, b in prepared.b.items()}
    sentences["test"] = replace(sentences["test"], sentences=["the crow"])
    some = replace(prepared, a={"train": train, "test": test}, b=sentences)
    knows, frame = known(other, some), gap.overlap(other, some)
    assert list(frame.index) == ["words of the texts"]
    assert frame.iloc[0].tolist() == [6, 3, 2, round(2 / 7, 3)]  # van and crow are in both
    # of training alone: what a test recording says has not taught the voice
    lists = gap.word_lists(knows)
    assert lists == {gap.ZERO_SHOT: ["zebra"], gap.FRAME: ["a", "in"], "shared": ["van"], "only B": ["the"]}
    assert gap.zero_shot_share(knows, some) == pytest.approx(2 / 4)  # zebra, van; zebra, crow
    assert gap.unseen(other, some)["with a new caption"].tolist() == [0, 1]
