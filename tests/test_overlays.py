"""Switches on one line: pairs are read, what is no pair is refused, and the line comes back."""

from __future__ import annotations

import pytest

from skiplib.config import experiment
from skiplib.errors import ConfigError
from skiplib.overlays import format_overlay, parse_overlay


def test_values_have_the_types_of_the_switches() -> None:
    line = (
        "memory.slots=16 memory.kind=attention; memory.tanh=True optim.rate=0.001 image.size=128 "
        "image_decoder.strides=[4,2,2,2]"
    )
    overlay = parse_overlay(line)
    assert overlay == {
        "memory.slots": 16,
        "memory.kind": "attention",
        "memory.tanh": True,
        "optim.rate": 0.001,
        "image.size": 128,
        "image_decoder.strides": [4, 2, 2, 2],
    }
    made = experiment("ours", "smoke", overlay=overlay)
    assert (made.memory.slots, made.memory.kind) == (16, "attention")
    assert made.image_decoder.strides == (4, 2, 2, 2)
    assert parse_overlay(format_overlay(overlay)) == overlay


@pytest.mark.parametrize("line", ["", "  ", " ; "])
def test_nothing_is_no_switch(line: str) -> None:
    assert parse_overlay(line) == {}
    assert format_overlay({}) == ""


@pytest.mark.parametrize("line", ["memory.slots", "memory.slots=", "=16", "memory.slots = 16"])
def test_what_is_no_pair_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match="name=value"):
        parse_overlay(line)


def test_a_name_comes_once() -> None:
    with pytest.raises(ConfigError, match="twice"):
        parse_overlay("memory.slots=16 memory.slots=32")
