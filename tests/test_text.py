import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiplib.errors import DataError
from skiplib.text import END, END_ID, PAD, PAD_ID, SYMBOLS, decode, encode, encode_batch, in_symbols

letters = [c for c in SYMBOLS if c not in (PAD, END)]
sentences = st.text(alphabet=letters, min_size=1).filter(lambda s: s.strip())


def test_there_are_66_symbols_and_all_differ():
    assert len(SYMBOLS) == len(set(SYMBOLS)) == 66


@given(sentences)
def test_what_is_encoded_is_decoded(sentence):
    assert decode(encode(sentence)) == in_symbols(sentence)
    assert in_symbols(in_symbols(sentence)) == in_symbols(sentence)


@given(st.lists(sentences, min_size=1, max_size=5))
def test_a_batch_is_its_sentences_padded(batch):
    ids, lengths = encode_batch(batch)
    for row, length, sentence in zip(ids.tolist(), lengths.tolist(), batch, strict=True):
        assert row[:length] == encode(sentence) and row[length - 1] == END_ID
        assert set(row[length:]) <= {PAD_ID}


@pytest.mark.parametrize(
    ("odd", "plain"), [("caf\u00e9", "cafe"), ("\u2018no\u2019", "'no'"), (" a \n b ", "a b")]
)
def test_accents_quotes_and_spaces_become_plain(odd, plain):
    assert in_symbols(odd) == plain


@pytest.mark.parametrize("bad", ["", "   ", "a_b", "100%", "snow \u2603"])
def test_what_has_no_symbol_is_named(bad):
    with pytest.raises(DataError):
        encode(bad)


@pytest.mark.parametrize("ids", [[66], [-1]])
def test_a_number_that_is_no_symbol_is_refused(ids):
    with pytest.raises(DataError):
        decode(ids)
    with pytest.raises(DataError):
        encode_batch([])
