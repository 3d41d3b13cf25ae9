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
LONGEST = 12  # digits of a number that is read as one; longer ones digit by digit

_ABBREVIATED = re.compile(rf"\b({'|'.join(ABBREVIATIONS)})\.(?=\s+[\w(])")
_NUMBERED = re.compile(r"\bNo\.(?=\s*\d)")
_MONEY = re.compile(r"([$£€])\s?(\d+(?:,\d{3})*(?:\.\d+)?)")
_CURRENCY = {"$": "dollars", "£": "pounds", "€": "euros"}
_ORDINAL = re.compile(r"\b(\d+(?:,\d{3})*)(?:st|nd|rd|th)\b")
_TIME = re.compile(r"(?<=\d):(?=\d)")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def clean(sentence: str) -> tuple[str, list[str]]:
    """`sentence` in the 66 symbols, and the characters that have none and were left out.

    Raises `DataError` if nothing that can be said is left.
    """
    said = unicodedata.normalize("NFC", sentence).translate(BRACKETS)
    said = _ABBREVIATED.sub(lambda found: ABBREVIATIONS[found[1]], said)
    said = _NUMBERED.sub("number", said)
    said = _MONEY.sub(lambda found: f" {found[2]} {_CURRENCY[found[1]]} ", said)
    said = _TIME.sub(" ", said)
    said = _ORDINAL.sub(lambda found: _number(found[1].replace(",", ""), to="ordinal"), said)
    said = _NUMBER.sub(lambda found: f" {_number(found[0].replace(',', ''))} ", said)
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


def _number(digits: str, to: str = "cardinal") -> str:
    if len(digits) > LONGEST:  # digit by digit
        return " ".join("point" if digit == "." else num2words(int(digit)) for digit in digits)
    value = float(digits) if "." in digits else int(digits)
    return num2words(value, to=to)
