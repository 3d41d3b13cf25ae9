"""Words in the right colour, decided by alignment."""

from __future__ import annotations

import re

import pytest

from skiplib import transcripts
from skiplib.transcripts import coloured, legend, nearest


def kinds(html: str) -> list[tuple[str, str]]:
    return re.findall(r'title="(\w+)">([^<]+)<', html)


def test_words_are_coloured_by_the_nearest_reference() -> None:
    references = ["look at a big dog today", "a red circle above a blue star"]
    found = kinds(coloured("A red circle, really, above a green.", references, zero_shot=["circle"]))
    assert found == [
        *[("right", "a"), ("right", "red"), ("right", "circle"), ("inserted", "really"), ("right", "above")],
        *[("right", "a"), ("wrong", "green"), ("missing", "[star]")],
    ]


def test_a_zero_shot_word_stands_in_a_box() -> None:
    html = coloured("a purple star", ["a purple star"], zero_shot=("purple",))
    assert [transcripts.ZERO_SHOT in span for span in html.split("</span>")[:3]] == [False, True, False]


def test_the_nearest_reference_is_the_one_that_is_said_most_alike() -> None:
    references = ["look at a dog", "A red circle above a star.", "a blue star"]
    assert nearest("a red circle above the star", references) == references[1]
    assert nearest("a red", ["", "a blue star", "a red star"]) == "a red star", "what has no words is far"


@pytest.mark.parametrize("sentence", ["", " ", "..."])
def test_silence_has_no_words(sentence: str) -> None:
    assert coloured(sentence, ["a red circle"]) == "<i>(nothing)</i>"


def test_words_cannot_be_markup() -> None:
    assert "<script" not in coloured("<script>alert</script>", ["a red circle"])


def test_a_word_of_no_vocabulary_is_mispronounced() -> None:
    found = kinds(coloured("a rad star", ["a red circle"], vocabulary=("red", "circle", "star")))
    assert found == [("right", "a"), ("mispronounced", "rad"), ("wrong", "star")]


def test_right_words_are_held_against_another_system() -> None:
    beside = ("a bread star", "a red box")  # heard and written there
    found = kinds(coloured("a red circle", ["a red circle"], beside=beside))
    assert found == [("right", "a"), ("clearer", "red"), ("better", "circle")]
    assert kinds(coloured("a red circle", ["a red circle"], beside=("a red circle", "")))[1:] == [
        ("right", "red"),
        ("right", "circle"),
    ]


def test_the_legend_shows_what_is_used() -> None:
    alone, both = (set(dict(kinds(legend(beside).data))) for beside in (False, True))
    assert both - alone == set(transcripts.BESIDE) and both == set(transcripts.WORDS)


def test_every_kind_has_a_colour_for_the_dark() -> None:
    assert set(re.findall(r"--(\w+):#", transcripts.DARK)) == set(transcripts.WORDS)
    assert transcripts.DARK in legend().data
