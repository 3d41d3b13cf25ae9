"""Text as people write it, as the 66 symbols can say it: numbers, signs and abbreviations in words.

`text.normalise` refuses what has no symbol; this comes before it, once, when a corpus is prepared.
"""

from __future__ import annotations

import re
import unicodedata

from num2words import num2words

from skiplib.errors import DataError
from skiplib.text import normalise

ABBREVIATIONS = {
    "Mr": "mister",
    "Mrs": "missus",
    "Dr": "doctor",
    "St": "saint",
    "Co": "company",
    "Jr": "junior",
    "Maj": "major",
    "Gen": "general",
    "Rev": "reverend",
    "Lt": "lieutenant",
    "Hon": "honorable",
    "Sgt": "sergeant",
    "Capt": "captain",
    "Esq": "esquire",
    "Ltd": "limited",
    "Col": "colonel",
    "Ft": "fort",
}
SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "@": " at ", "#": " number "}
BRACKETS = str.maketrans({"[": "(", "]": ")", "{": "(", "}": ")", "/": " ", "`": "'", "…": "..."})
FRACTIONS = {"1/2": "one half", "1/4": "one quarter", "3/4": "three quarters"}
FRACTIONS |= {"½": " one half", "¼": " one quarter", "¾": " three quarters"}
# Letters that Unicode does not take apart into a plain one and an accent.
LETTERS = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i"})
LETTERS |= str.maketrans({"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe"})
LONGEST = 12  # digits of a number that is read as one; longer ones digit by digit

_ABBREVIATED = re.compile(rf"\b({'|'.join(ABBREVIATIONS)})\.(?=\s+[\w(])")
_NUMBERED = re.compile(r"\bNo\.(?=\s*\d)")
_MONEY = re.compile(r"([$£€])\s?(\d+(?:,\d{3})*(?:\.\d+)?)")
_CURRENCY = {"$": "dollar", "£": "pound", "€": "euro"}
_ORDINAL = re.compile(r"\b(\d+(?:,\d{3})*)(?:st|nd|rd|th)\b", re.IGNORECASE)
_FRACTION = re.compile(r"(?<![\d/])[13]/[24](?![\d/])|[½¼¾]")
_DECADE = re.compile(r"\b(1[1-9]|20)?([1-9]0|(?<=\d)00)s\b")
_YEAR = re.compile(r"(?<![\d.,])(?:1[1-9]|20)\d\d(?![.,]?\d)")
_TIME = re.compile(r"(?<=\d):(?=\d)")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def clean(sentence: str) -> tuple[str, list[str]]:
    """`sentence` in the 66 symbols, and the characters that have none and were left out.

    Raises `DataError` if nothing that can be said is left.
    """
    said = "".join(c for c in unicodedata.normalize("NFC", sentence) if unicodedata.category(c) != "Cf")
    said = re.sub(r"(?<=\d)(?=[½¼¾])", " and", said)
    said = _FRACTION.sub(lambda found: FRACTIONS.get(found[0], found[0]), said)
    said = said.translate(BRACKETS).translate(LETTERS)
    said = _ABBREVIATED.sub(lambda found: ABBREVIATIONS[found[1]], said)
    said = _NUMBERED.sub("number", said)
    said = _MONEY.sub(lambda found: f" {found[2]} {_CURRENCY[found[1]]}{'s' * (found[2] != '1')} ", said)
    said = _TIME.sub(" ", said)
    said = _ORDINAL.sub(lambda found: _number(found[1].replace(",", ""), to="ordinal"), said)
    said = _DECADE.sub(_decade, said)
    said = _YEAR.sub(lambda found: _apart(found, num2words(int(found[0]), to="year")), said)
    said = _NUMBER.sub(lambda found: _apart(found, _number(found[0].replace(",", ""))), said)
    for sign, word in SIGNS.items():
        said = said.replace(sign, word)
    kept, lost = [], []
    for character in said:
        try:
            kept.append(normalise(character))
        except DataError:
            kept.append(" ")
            if not character.isspace():
                lost.append(character)
    plain = re.sub(r" +(?=[,.;:?!)])|(?<=\() +", "", " ".join("".join(kept).split()))
    if not any(character.isalpha() for character in plain):
        raise DataError(f"nothing of {sentence!r} can be said")
    return plain, lost


def _apart(found: re.Match[str], words: str) -> str:
    """A number's words, apart from letters beside it: 3D is three D, and a 3-year-old stays one word."""
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    return " " * before.isalnum() + words + " " * after.isalnum()


def _decade(found: re.Match[str]) -> str:
    """The 20s, the 1950s, the 1900s and the 2000s."""
    century, tens = found[1], int(found[2])
    if tens:
        words = re.sub("y$", "ie", num2words(tens)) + "s"
        return f"{num2words(int(century))} {words}" if century else words
    return "two thousands" if century == "20" else f"{num2words(int(century))} hundreds"


def _number(digits: str, to: str = "cardinal") -> str:
    if len(digits) > LONGEST:  # digit by digit
        return " ".join("point" if digit == "." else num2words(int(digit)) for digit in digits)
    value = float(digits) if "." in digits else int(digits)
    return num2words(value, to=to)
