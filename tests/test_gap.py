"""The gap between A and B in words, of a world and of any other corpus."""

from __future__ import annotations

import pytest

from skiplib import gap
from skiplib.lexicon import vocabularies


def test_a_world_tells_its_vocabularies_and_what_it_holds_back(smoke, prepared):
    frame, words = gap.overlap(smoke, prepared), vocabularies(smoke.world)
    assert frame.loc["words of the world", "overlap"] == round(words.jaccard, 3)
    assert frame.loc["words of the texts", "A"] <= len(words.a)
    lists = gap.word_lists(smoke, prepared)
    assert lists[gap.ZERO_SHOT] == sorted(words.zero_shot) and lists["shared"] == sorted(words.shared)
    assert sum(map(len, lists.values())) == len(set(words.a) | set(words.b))
    assert 0 < gap.zero_shot_share(smoke, prepared) < 1
    unseen = gap.unseen(smoke, prepared)["with a held-out combination"]
    assert unseen["train"] == 0 and unseen["test"] == len(prepared.a["test"].captions)


def test_elsewhere_the_texts_alone_tell(smoke, prepared):
    other = smoke.model_copy(update={"corpus": "photographs"})
    a, b = ({word for text in gap.texts(prepared)[name] for word in text.split()} for name in "AB")
    frame = gap.overlap(other, prepared)
    assert list(frame.index) == ["words of the texts"] and frame.iloc[0].tolist()[:2] == [len(a), len(b)]
    lists = gap.word_lists(other, prepared)
    assert lists[gap.ZERO_SHOT] == sorted(a - b) and lists[gap.FRAME] == []
    captions = [word for text in gap.texts(prepared)["A"] for word in text.split()]
    share = sum(word in a - b for word in captions) / len(captions)
    assert gap.zero_shot_share(other, prepared) == pytest.approx(share)
    new = gap.unseen(other, prepared)["with a new caption"]
    assert new["train"] == 0 and new["test"] > 0
