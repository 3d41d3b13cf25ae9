"""Sentences, and what they say, against references: BLEU, word error rate, concepts and facts.

Every metric answers with scores an item (`skiplib.scores`), whose `.value` is the number that a
table shows. Sentences are normalised here, references and hypotheses alike. Rates are fractions of
1, BLEU is 0-100.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from importlib.util import find_spec

import jiwer
import numpy as np
import pandas as pd
from nltk.translate.bleu_score import closest_ref_length, modified_precision

from skiplib.errors import ConfigError, DataError
from skiplib.grammar import Facts
from skiplib.judge import normalise
from skiplib.scores import BleuScores, ItemScores


def bleu(references: Sequence[Sequence[str]], hypotheses: Sequence[str], n: int = 4) -> BleuScores:
    """Corpus BLEU-`n` of each hypothesis against its references, as `nltk.corpus_bleu` counts.

    Raises `DataError` if the lists differ in length, are empty, or `n` is not 1 to 4.
    """
    _check(references, hypotheses)
    if not 1 <= n <= 4:
        raise DataError(f"BLEU-{n} is not defined here: 1 to 4")
    rows = []
    for texts, hypothesis in zip(references, hypotheses, strict=True):
        targets, words = [_words(text) for text in texts], _words(hypothesis)
        counts = [modified_precision(targets, words, k) for k in (1, 2, 3, 4)]
        closest = closest_ref_length(targets, len(words))
        # nltk's fractions are not reduced: numerator and denominator are counts
        rows.append([*(c.numerator for c in counts), *(c.denominator for c in counts), len(words), closest])
    table = np.array(rows)
    return BleuScores(table[:, :4], table[:, 4:8], table[:, 8], table[:, 9], n)


def need_cider() -> None:
    """Raise `ConfigError` where the package that computes CIDEr is not installed."""
    if find_spec("pycocoevalcap") is None:
        raise ConfigError("CIDEr needs the extra `photographs`: pip install -e '.[photographs]'")


def cider(references: Sequence[Sequence[str]], hypotheses: Sequence[str]) -> ItemScores:
    """CIDEr (Vedantam et al. 2015) of each hypothesis against its references, by the COCO evaluation's code.

    Its weights of n-grams are those of these references, all together; 10 would be a perfect match.

    Raises `DataError` if the lists differ in length or are empty, `ConfigError` where the extra
    `photographs` is not installed.
    """
    _check(references, hypotheses)
    need_cider()
    from pycocoevalcap.cider.cider import Cider

    targets = {i: [normalise(text) for text in texts] for i, texts in enumerate(references)}
    told = {i: [normalise(text)] for i, text in enumerate(hypotheses)}
    _, scores = Cider().compute_score(targets, told)
    return ItemScores(scores, np.ones(len(scores)))


def wer(references: Sequence[str], hypotheses: Sequence[str]) -> ItemScores:
    """Word error rate: substitutions, deletions and insertions over the words of the references.

    Raises `DataError` if the lists differ in length or are empty.
    """
    return nearest_wer([[reference] for reference in references], hypotheses)


def nearest_wer(references: Sequence[Sequence[str]], hypotheses: Sequence[str]) -> ItemScores:
    """Word error rate, each hypothesis against that of its references with the lowest rate.

    A reference without words, as "Mm-hmm." when it is normalised, cannot be scored; an item that has no other
    counts for nothing.

    Raises `DataError` as `wer` does.
    """
    _check(references, hypotheses)
    wanted = [[said for text in texts if (said := normalise(text))] for texts in references]
    targets = [said for texts in wanted for said in texts]
    if not targets:
        return _scores((0, 0) for _ in references)
    heard = [
        normalise(text) for texts, text in zip(wanted, hypotheses, strict=True) for _ in range(len(texts))
    ]
    errors = [
        sum(
            max(c.ref_end_idx - c.ref_start_idx, c.hyp_end_idx - c.hyp_start_idx)
            for c in chunks
            if c.type != "equal"
        )
        for chunks in jiwer.process_words(targets, heard).alignments
    ]
    pairs = zip(errors, (len(text.split()) for text in targets), strict=True)
    best = [
        min((next(pairs) for _ in texts), key=lambda pair: pair[0] / pair[1], default=(0, 0))
        for texts in wanted
    ]
    return _scores(best)


def missed_words(references: Sequence[str], hypotheses: Sequence[str]) -> pd.DataFrame:
    """Each word of the references, a row each: which item it is of, and whether it was substituted or left
    out. References without words are passed over.

    Raises `DataError` as `wer` does, and if no reference has words.
    """
    _check(references, hypotheses)
    texts = [(i, normalise(text)) for i, text in enumerate(references)]
    texts = [(i, text) for i, text in texts if text]
    if not texts:
        raise DataError("no reference has words")
    aligned = jiwer.process_words([text for _, text in texts], [normalise(hypotheses[i]) for i, _ in texts])
    rows = []
    for (item, _), words, chunks in zip(texts, aligned.references, aligned.alignments, strict=True):
        kept = {i for c in chunks if c.type == "equal" for i in range(c.ref_start_idx, c.ref_end_idx)}
        rows += [(item, word, i not in kept) for i, word in enumerate(words)]
    return pd.DataFrame(rows, columns=["item", "word", "missed"])


def different_words(texts: Iterable[str]) -> set[str]:
    """The words that occur in `texts` at all."""
    return {word for text in texts for word in _words(text)}


def content_accuracy(truths: Sequence[Facts], hypotheses: Sequence[Facts]) -> ItemScores:
    """Content concepts that belong, as multisets, over the larger number of the two.

    Dividing by the larger number makes a description lose by what it leaves out as much as by what
    it adds, so that neither silence nor babble scores.

    Raises `DataError` if the lists differ in length or are empty.
    """
    pairs = _pairs(truths, hypotheses)
    return _scores((_shared(t.content, h.content), max(len(t.content), len(h.content))) for t, h in pairs)


def fact_f1(truths: Sequence[Facts], hypotheses: Sequence[Facts]) -> ItemScores:
    """Micro-averaged F1 of facts as multisets: twice the shared over all told on both sides.

    Raises `DataError` as `content_accuracy` does.
    """
    pairs = _pairs(truths, hypotheses)
    return _scores((2 * _shared(t.facts, h.facts), len(t.facts) + len(h.facts)) for t, h in pairs)


def zero_shot_accuracy(
    truths: Sequence[Facts], hypotheses: Sequence[Facts], concepts: Collection[Hashable]
) -> ItemScores:
    """Recall of the true content concepts among `concepts`, those whose words only A has.

    Raises `DataError` as `content_accuracy` does.
    """
    return _recall(truths, hypotheses, concepts, inside=True)


def shared_accuracy(
    truths: Sequence[Facts], hypotheses: Sequence[Facts], concepts: Collection[Hashable]
) -> ItemScores:
    """Recall of the true content concepts that are not among `concepts`; B's voice has said them.

    Raises `DataError` as `content_accuracy` does.
    """
    return _recall(truths, hypotheses, concepts, inside=False)


def agreement(first: Sequence[Facts], second: Sequence[Facts]) -> ItemScores:
    """Content concepts shared by two descriptions of one image, over the larger number, averaged.

    Two descriptions without any agree in nothing: 0.

    Raises `DataError` as `content_accuracy` does.
    """
    pairs = _pairs(first, second)
    return _scores(
        (_shared(a.content, b.content) / max(len(a.content), len(b.content), 1), 1) for a, b in pairs
    )


def derangement(n: int, seed: int) -> np.ndarray:
    """A permutation of `n` items, [n], that leaves none in its place: descriptions scored by chance.

    Raises `DataError` for fewer than two items.
    """
    if n < 2:
        raise DataError(f"{n} items cannot change places: chance needs two or more")
    order = np.random.default_rng(seed).permutation(n)
    found = np.empty(n, dtype=np.int64)
    found[order] = np.roll(order, 1)  # one cycle through all
    return found


def _words(text: str) -> list[str]:
    return normalise(text).split()


def _check(references: Sequence[object], hypotheses: Sequence[object]) -> None:
    if len(references) != len(hypotheses):
        raise DataError(f"{len(references)} references for {len(hypotheses)} hypotheses: they go in pairs")
    if not references or not all(references):
        raise DataError("nothing to score: every hypothesis needs a reference")


def _pairs(truths: Sequence[Facts], hypotheses: Sequence[Facts]) -> Iterable[tuple[Facts, Facts]]:
    _check(truths, hypotheses)
    return zip(truths, hypotheses, strict=True)


def _scores(pairs: Iterable[tuple[int | float, int]]) -> ItemScores:
    table = np.array(list(pairs), dtype=np.float64)  # [items, 2]
    return ItemScores(table[:, 0], table[:, 1])


def _shared(first: Iterable[Hashable], second: Iterable[Hashable]) -> int:
    return (Counter(first) & Counter(second)).total()


def _recall(
    truths: Sequence[Facts], hypotheses: Sequence[Facts], concepts: Collection[Hashable], inside: bool
) -> ItemScores:
    rows = []
    for truth, hypothesis in _pairs(truths, hypotheses):
        wanted = [concept for concept in truth.content if (concept in concepts) == inside]
        rows.append((_shared(wanted, hypothesis.content), len(wanted)))
    return _scores(rows)
