"""Text as people write it, as the 66 symbols can say it: numbers, signs and abbreviations in words.

The words are those an American voice says, as in LJ Speech's own transcripts. `text.in_symbols` refuses
what has no symbol; this comes before it, once, when a corpus is prepared.
"""

from __future__ import annotations

import re
import unicodedata
from math import gcd

from num2words import num2words

from skiplib.errors import DataError
from skiplib.text import in_symbols

ABBREVIATIONS = {
    "Mr": "mister",
    "Mrs": "missus",
    "Dr": "doctor",
    "St": "Saint",
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
    "Ft": "Fort",
}
SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "@": " at ", "#": " number "}
SIGNS |= {"°": " degrees "}
BRACKETS = str.maketrans({"[": "(", "]": ")", "{": "(", "}": ")", "/": " ", "⁄": " ", "`": "'", "…": "..."})
# Letters that Unicode does not take apart into a plain one and an accent, and degrees.
LETTERS = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i"})
LETTERS |= str.maketrans({"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "℃": "°C", "℉": "°F"})
CURRENCIES = {  # one and many of the whole, one and many of its hundredth
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¢": ("cent", "cents", "cent", "cents"),
}
SCALES = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion"}
DENOMINATORS = {2, 3, 4, 5, 8}  # of n/d alone; with others it is as likely a date, as 9/11
# A number's place is its value; of kings and popes the last is John XXIII.
ONES = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
ROMAN = [tens + ones for tens in ("", "X", "XX") for ones in ONES]
REIGNING = (
    "Alexander|Benedict|Charles|Clement|Edward|Elizabeth|Ferdinand|Francis|Frederick|George|Gregory|Gustav|"
    "Henry|Innocent|James|John|Leo|Louis|Napoleon|Nicholas|Paul|Peter|Philip|Pius|Richard|Urban|William"
)
LONGEST = 12  # digits of a number that is read as one; longer ones digit by digit

_ABBREVIATED = re.compile(rf"\b({'|'.join(ABBREVIATIONS)})\.(?=\s+[\w(])")
_NUMBERED = re.compile(r"\bNo\.\s*(?=[A-Z]{0,2}\d)")
# Street where the name of one stands before and no saint's after; the dot stays where it ends a sentence.
_BEGINS = r"(?:The|An?|He|She|It|They|We|I|In|On|At|And|But|There|This|That)\b"
_STREET = re.compile(
    r"\b([A-Z][\w']+|\d+(?:st|nd|rd|th))\s+St"
    rf"(?:(?=\.\s*(?:$|[\"”])|\.\s+{_BEGINS})|\.(?=\s+[a-z\d(]|\s*[,;:)])|(?<=\d\w\w\sSt)\.(?=\s+[A-Z]))"
)
# I is left out ("Charles I think" is as likely), and what may be the letter of a name: John V. Smith.
_REIGNING = re.compile(
    rf"\b({REIGNING}) (?![VX]\.\s*[A-Z])({'|'.join(ROMAN[2:])})\b(?:\.(?=[,;:]|\s+[a-z\d]))?"
)
_AMOUNT = r"\d+(?:,\d{3})*(?:\.\d+)?"
_SCALE = r"((?:[\s-](?:hundred|thousand|million|billion|trillion)|[kmb]|bn)\b)?"
_MONEY = re.compile(
    rf"([$£€])\s?({_AMOUNT}|\.\d+){_SCALE}|({_AMOUNT}){_SCALE}\s?([$£€¢])(?!\s?\d)", re.IGNORECASE
)
_VULGAR = re.compile(r"\s*([¼-¾⅐-⅞])")
_FRACTION = re.compile(r"(?<![\d/⁄.,$£€])(?:(\d{1,3})[\s-])?(\d{1,2})([/⁄])(\d{1,2})(?![\d/⁄]|[.,]\d)")
_HOUR = re.compile(
    r"(?<![\d:.,])([01]?\d|2[0-4]):00(?![\d:])(?=(\s*(?:[ap]\.?\s?m\b|noon|midnight|o'clock))?)",
    re.IGNORECASE,
)
_ORDINAL = re.compile(r"\b(\d+(?:,\d{3})*)(?:st|nd|rd|th)\b", re.IGNORECASE)
_DECADE = re.compile(r"\b(1[1-9]|20)?([1-9]0|(?<=\d)00)s\b")
# Pairs of digits: years, and the three digits of what is numbered (No. 162 is number one sixty-two).
_YEAR = re.compile(
    r"(?<![\d.,])(?:1[1-9]|10(?=[1-9])|20)\d\d(?![.,]?\d)|(?<=\bnumber )\d{3}(?![.,]?\d)"
    r"|(?<![\d.,])\d{3,4}(?=\s?(?:B\.?C|A\.?D|C\.?E|BCE)\b)"
)
_CODE = re.compile(r"(?:(?<=[A-Za-z])|(?<=\b[Bb]ox ))\d{4,}(?![.,]?\d)")
_NUMBER = re.compile(_AMOUNT)


def clean(sentence: str) -> tuple[str, list[str]]:
    """`sentence` in the 66 symbols, and the characters that have none and were left out.

    Raises `DataError` if nothing that can be said is left.
    """
    said = "".join(c for c in unicodedata.normalize("NFC", sentence) if unicodedata.category(c) != "Cf")
    said = _REIGNING.sub(lambda found: f"{found[1]} the {_american(ROMAN.index(found[2]), 'ordinal')}", said)
    said = _STREET.sub(lambda found: f"{found[1]} Street", said)
    said = _ABBREVIATED.sub(lambda found: ABBREVIATIONS[found[1]], said)
    said = _NUMBERED.sub("number ", said)
    said = _MONEY.sub(_money, said)
    said = _VULGAR.sub(lambda found: f" {unicodedata.normalize('NFKC', found[1])}", said)
    said = _FRACTION.sub(_fraction, said)
    said = said.translate(BRACKETS).translate(LETTERS)
    said = _HOUR.sub(_hour, said)
    said = re.sub(r"(?<=\d):0(?=[1-9])", " oh ", said)
    said = re.sub(r"(?<=\d):(?=\d)", " ", said)
    said = re.sub(r"(?<![\d.,])1\s?°", "1 degree ", said)
    said = _ORDINAL.sub(lambda found: _number(found[1].replace(",", ""), "ordinal"), said)
    said = _DECADE.sub(_decade, said)
    said = _YEAR.sub(lambda found: _apart(found, _american(int(found[0]), "year")), said)
    said = _CODE.sub(lambda found: _apart(found, _digits(found[0])), said)
    said = _NUMBER.sub(lambda found: _apart(found, _number(found[0].replace(",", ""))), said)
    for sign, word in SIGNS.items():
        said = said.replace(sign, word)
    kept, lost = [], []
    for character in said:
        try:
            kept.append(in_symbols(character))
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


def _money(found: re.Match[str]) -> str:
    """$12.78, $3.5 million, 10€; before what a sum describes, as in a $5 bill, it is dollar, not dollars."""
    sign, amount, scale = found.group(1, 2, 3) if found[1] else found.group(6, 4, 5)
    before, after = found.string[: found.start()], found.string[found.end() :]
    describes = re.match(r"-[a-z]|\s(?:bill|note|coin)s?\b", after)
    describes = describes or (re.search(r"\b[Aa]n?\s$", before) and re.match(r"\s\w", after))
    whole, _, rest = amount.replace(",", "").partition(".")

    def sum_of(words: str, one: str, many: str) -> str:
        return f"{words} {many.removesuffix('s') if describes else one if words == 'one' else many}"

    if scale or len(rest) != 2 or sign == "¢":
        scale = re.sub(r"\W", "", scale or "").lower()
        words = f"{_number(f'{whole}.{rest}')} {SCALES.get(scale, scale)}".rstrip()
        return _apart(found, sum_of(words, *CURRENCIES[sign][:2]))
    said = [sum_of(_number(whole or "0"), *CURRENCIES[sign][:2])] if whole.strip("0") or rest == "00" else []
    said += [sum_of(_number(rest.lstrip("0")), *CURRENCIES[sign][2:])] if rest != "00" else []
    return _apart(found, ", ".join(said))


def _fraction(found: re.Match[str]) -> str:
    """1/3, 3/4 and 1 1/2; what is no plain fraction stays as it is."""
    whole, (above, below) = found[1], (int(found[2]), int(found[4]))
    certain = whole or found[3] == "⁄" or below in DENOMINATORS
    if not (certain and 0 < above < below and gcd(above, below) == 1):
        return found[0]
    part = {2: "half", 4: "quarter"}.get(below) or _american(below, "ordinal")
    if above > 1:
        words = f"{_american(above)} {part}s"
    else:
        words = f"{'one' if not whole else 'an' if part[0] == 'e' else 'a'} {part}"
    return _apart(found, f"{_number(whole)} and {words}" if whole else words)


def _hour(found: re.Match[str]) -> str:
    """10:00 is ten o'clock, 10:00 p.m. is ten p.m., 20:00 is twenty hundred."""
    hour = int(found[1])
    return _apart(
        found, _american(hour) + ("" if found[2] else " o'clock" if 1 <= hour <= 12 else " hundred")
    )


def _decade(found: re.Match[str]) -> str:
    """The 20s, the 1950s, the 1900s and the 2000s."""
    century, tens = found[1], int(found[2])
    if tens:
        words = re.sub("y$", "ie", num2words(tens)) + "s"
        return f"{num2words(int(century))} {words}" if century else words
    return "two thousands" if century == "20" else f"{num2words(int(century))} hundreds"


def _number(digits: str, to: str = "cardinal") -> str:
    """A number, its decimals digit by digit, and the whole too if it is long or begins with a zero: 007."""
    whole, _, decimals = digits.partition(".")
    by_digit = len(whole) > LONGEST or (to == "cardinal" and len(whole) > 1 and whole[0] == "0")
    words = _digits(whole) if by_digit or not whole else _american(int(whole), to)
    return f"{words} point {_digits(decimals)}".lstrip() if decimals else words


def _digits(digits: str) -> str:
    return " ".join(num2words(int(digit)) for digit in digits)


def _american(value: int, to: str = "cardinal") -> str:
    """A number in words, without the "and" that the British say and num2words writes."""
    return num2words(value, to=to).replace(" and ", " ")
