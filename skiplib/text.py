"""The 66 symbols of the paper: write a sentence in them, encode it to numbers, decode it back."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from skiplib.errors import DataError

PAD = "_"
END = "~"
SYMBOLS = PAD + END + '"' + string.ascii_uppercase + string.ascii_lowercase + "!'(),-.:;? "
PAD_ID = 0
END_ID = 1
_IDS = {symbol: i for i, symbol in enumerate(SYMBOLS)}
_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
)


def in_symbols(sentence: str) -> str:
    """The sentence in the 66 symbols: accents and typographic quotes made plain, spaces joined.

    Raises `DataError` if a character has no symbol (it is named, with its place), or nothing is left.
    """
    plain = unicodedata.normalize("NFKD", sentence.translate(_PLAIN))
    plain = " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())
    for place, character in enumerate(plain):
        if character not in _IDS or character in (PAD, END):
            raise DataError(
                f"character {character!r} at {place} of {sentence!r} is not one of the 66 symbols; "
                "skiplib.cleaning.clean writes numbers and signs out"
            )
    if not plain:
        raise DataError(f"the text is empty: {sentence!r}")
    return plain


def encode(sentence: str) -> list[int]:
    """Symbol numbers of a sentence, closed by the end symbol. Raises `DataError` as `in_symbols` does."""
    return [_IDS[c] for c in in_symbols(sentence)] + [END_ID]


def encode_batch(sentences: Sequence[str]) -> tuple[Int[Tensor, "batch time"], Int[Tensor, " batch"]]:
    """Padded symbol numbers and their lengths, the end symbol included.

    Raises `DataError` if there is no sentence, or on one that `in_symbols` refuses.
    """
    if not sentences:
        raise DataError("there is no sentence to encode")
    rows = [torch.tensor(encode(s)) for s in sentences]
    lengths = torch.tensor([len(r) for r in rows])
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD_ID), lengths


def words(sentence: str) -> list[str]:
    """The words of a sentence in lower case, without punctuation."""
    return re.findall(r"[a-z']+", sentence.lower())


def decode(ids: Sequence[int]) -> str:
    """The sentence up to the first end symbol; padding is left out.

    Raises `DataError` on a number outside 0..65.
    """
    out = []
    for i in ids:
        if not 0 <= i < len(SYMBOLS):
            raise DataError(f"{i} is not the number of a symbol (0..{len(SYMBOLS) - 1})")
        if i == END_ID:
            break
        if i != PAD_ID:
            out.append(SYMBOLS[i])
    return "".join(out)
