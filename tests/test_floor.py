"""The judge's floor: heard once for each judge, and again where what was kept of it is damaged."""

from __future__ import annotations

import json

import pytest

from skiplib.floor import floor


class Counting:
    """Hears nothing, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def transcribe(self, waveforms, rate, progress=False):
        self.asked += 1
        return ["a"] * len(waveforms)


class Other(Counting):
    pass


def test_the_floor_is_heard_once_for_each_judge_and_again_if_damaged(prepared, smoke):
    judge, other = Counting(), Other()
    first = floor(prepared, smoke, judge)
    again = floor(prepared, smoke, judge)
    assert judge.asked == 3 and first.keys() == again.keys()
    floor(prepared, smoke, other)
    assert other.asked == 3, "another judge has another floor"
    kept = sorted(prepared.folder.parent.glob("*.floor*Counting-*.json"))
    assert len(kept) == 2
    for path in kept:
        text = path.read_text()
        path.write_text(text[: len(text) // 2])
        with pytest.raises(json.JSONDecodeError):
            json.loads(path.read_text())
    assert floor(prepared, smoke, judge).keys() == first.keys()
    assert judge.asked == 6
