"""Text as people write it, made sayable with 66 symbols."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiplib.cleaning import clean
from skiplib.errors import DataError
from skiplib.text import decode, encode, normalise

PI = "one four one five nine two six five three five eight nine seven nine"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("A child in a pink dress .", "A child in a pink dress."),
        ("Dr. Smith & Co. own 50% of it", "doctor Smith and company own fifty percent of it"),
        ("on the 21st, at 5:30 (or 6)", "on the twenty-first, at five thirty (or six)"),
        ("the 1,000th visitor", "the one thousandth visitor"),
        ("It cost $5, he said", "It cost five dollars, he said"),
        ("He paid $3,500.50.", "He paid three thousand, five hundred point five dollars."),
        ("No. 5 is naïve, “he” said…", 'number five is naive, "he" said...'),
        ("No. It is not.", "No. It is not."),
        ("in his 20s, in the 1950s", "in his twenties, in the nineteen fifties"),
        ("the 1900s and 2000s", "the nineteen hundreds and two thousands"),
        (
            "In 1984, 1,984 of 1984.5",
            "In nineteen eighty-four, one thousand, nine hundred and eighty-four of "
            "one thousand, nine hundred and eighty-four point five",
        ),
        ("a 3-year-old, 3D", "a three-year-old, three D"),
        ("a $1 bill, 2½ or 3/4 cups", "a one dollar bill, two and one half or three quarters cups"),
        ("10/12/2001", "ten twelve two thousand and one"),
        ("the 21ST", "the twenty-first"),
        ("Møller\u200b co\u00adoperates in Łódź", "Moller cooperates in Lodz"),
        ("pi is 3.14159265358979", f"pi is three point {PI}"),
        ("1234567890123", "one two three four five six seven eight nine zero one two three"),
    ],
)
def test_numbers_signs_and_abbreviations_become_words(written, said):
    assert clean(written) == (said, [])


def test_what_has_no_symbol_is_named():
    assert clean("e=mc² is 中文_x") == ("e equals mc is x", ["²", "中", "文", "_"])


@pytest.mark.parametrize("text", ["", "  ", "中文", "?!", "..."])
def test_what_says_nothing_is_an_error(text):
    with pytest.raises(DataError, match="nothing of"):
        clean(text)


@given(st.text(max_size=60))
def test_whatever_is_written_can_be_encoded_or_is_refused(text):
    try:
        said, left_out = clean(text)
    except DataError:
        return
    assert decode(encode(said)) == normalise(said) and clean(said)[1] == []
    assert all(character in text or not character.isascii() for character in left_out)
