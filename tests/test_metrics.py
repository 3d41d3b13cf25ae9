"""Metrics against slow literal references, and as properties."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skiplib import metrics
from skiplib.errors import DataError
from skiplib.grammar import Facts
from skiplib.scores import ItemScores, bootstrap, paired_bootstrap, stratified_bootstrap

WORDS = ("red", "blue", "circle", "square", "above", "big")
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
heard = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
many = settings(max_examples=60, deadline=None)


def says(words: tuple[str, ...], facts: tuple[Any, ...] = ()) -> Facts:
    return Facts(tuple(("word", word) for word in words), facts)


said = st.lists(st.sampled_from(WORDS), max_size=6).map(tuple)


def edits(a: list[str], b: list[str]) -> int:
    """Levenshtein's distance by its definition."""
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return edits(a[1:], b[1:])
    return 1 + min(edits(a[1:], b[1:]), edits(a[1:], b), edits(a, b[1:]))


def slow_bleu(references: list[list[str]], hypotheses: list[str], n: int) -> float:
    """Eqs. 1-3 of Papineni et al. 2002; a hypothesis without n-grams counts as one missed, as in nltk."""
    logs, length, closest = [], 0, 0
    for texts, hypothesis in zip(references, hypotheses, strict=True):
        size = len(hypothesis.split())
        length += size
        closest += min((len(t.split()) for t in texts), key=lambda r: (abs(r - size), r))
    for k in range(1, n + 1):
        hits, total = 0, 0
        for texts, hypothesis in zip(references, hypotheses, strict=True):
            grams = Counter(ngrams(hypothesis, k))
            hits += sum(min(c, max(ngrams(t, k).count(g) for t in texts)) for g, c in grams.items())
            total += max(1, grams.total())
        if not hits:
            return 0.0
        logs.append(math.log(Fraction(hits, total)))
    penalty = 1.0 if length > closest else math.exp(1 - closest / length)
    return 100 * penalty * math.exp(sum(logs) / n)


def ngrams(text: str, k: int) -> list[tuple[str, ...]]:
    words = text.split()
    return [tuple(words[i : i + k]) for i in range(len(words) - k + 1)]


@many
@given(st.lists(st.tuples(sentences, heard.filter(lambda s: len(s.split()) <= 6)), min_size=1, max_size=3))
def test_wer_is_edit_distance_over_reference_words(pairs: list[tuple[str, str]]) -> None:
    references, hypotheses = map(list, zip(*pairs, strict=True))
    found = metrics.wer(references, hypotheses)
    distances = [edits(r.split(), h.split()) for r, h in pairs]
    assert found.numerator.tolist() == distances
    assert found.value == sum(distances) / sum(len(r.split()) for r in references)


@many
@given(st.lists(st.tuples(st.lists(sentences, min_size=1, max_size=3), heard), min_size=1, max_size=4))
def test_bleu_is_papineni(items: list[tuple[list[str], str]]) -> None:
    references, hypotheses = map(list, zip(*items, strict=True))
    for n in (1, 2, 3, 4):
        expected = slow_bleu(references, hypotheses, n)
        assert metrics.bleu(references, hypotheses, n).value == pytest.approx(expected)


def test_bleu_is_nltks() -> None:
    from nltk.translate.bleu_score import corpus_bleu

    references = [["a big red ring", "one big ring that is red"], ["a star above a cross and a ring"]]
    hypotheses = ["a big ring that is red", "a star above a cross or a ring"]
    split = [[t.split() for t in texts] for texts in references]
    expected = corpus_bleu(split, [h.split() for h in hypotheses])
    assert metrics.bleu(references, hypotheses, 4).value == pytest.approx(100 * expected)


@many
@given(st.lists(sentences, min_size=1, max_size=4), sentences)
def test_nearest_reference_is_the_one_with_the_lowest_rate(references: list[str], hypothesis: str) -> None:
    nearest = metrics.nearest_wer([references], [hypothesis]).value
    assert nearest == min(metrics.wer([r], [hypothesis]).value for r in references)
    assert metrics.nearest_wer([[*references, hypothesis]], [hypothesis]).value == 0


def test_case_and_stops_do_not_count() -> None:
    assert metrics.wer(["two gray rings"], ["2 Grey rings."]).value == 0
    assert metrics.bleu([["two gray rings above a star"]], ["Two grey rings, above a star!"], 4).value == 100


@many
@given(st.lists(st.tuples(said, said), min_size=1, max_size=4))
def test_scores_of_facts_are_rates_and_symmetric(pairs: list[tuple[tuple[str, ...], ...]]) -> None:
    first, second = (
        [says(words, tuple((word,) for word in words)) for words in side] for side in zip(*pairs, strict=True)
    )
    for metric in (metrics.content_accuracy, metrics.fact_f1, metrics.agreement):
        found, turned = metric(first, second), metric(second, first)
        assert (found.numerator <= found.denominator).all()
        assert found.numerator.tolist() == turned.numerator.tolist()
        something = [item for item in first if item.content]
        if something:
            assert metric(something, something).value == 1


def test_babble_and_omission_both_lose() -> None:
    truth = [says(("red", "circle"))]
    assert metrics.content_accuracy(truth, [says(("red",))]).value == 0.5
    assert metrics.content_accuracy(truth, [says(WORDS)]).value == 2 / 6
    assert metrics.content_accuracy(truth, [says(())]).value == 0
    assert metrics.content_accuracy(truth, [says(("red", "red", "red"))]).value == 1 / 3


def test_bindings_count_in_facts_alone() -> None:
    truth = [says(("red", "circle", "blue", "square"), (("circle", "red"), ("square", "blue")))]
    swapped = [says(("blue", "circle", "red", "square"), (("circle", "blue"), ("square", "red")))]
    assert metrics.content_accuracy(truth, swapped).value == 1
    assert metrics.fact_f1(truth, swapped).value == 0


def test_zero_shot_and_shared_concepts_part_the_truth() -> None:
    truth, told = [says(("red", "circle", "blue", "square"))], [says(("red", "circle", "green"))]
    assert metrics.zero_shot_accuracy(truth, told, {("word", "circle")}).value == 1
    assert metrics.shared_accuracy(truth, told, {("word", "circle")}).value == 1 / 3
    assert math.isnan(metrics.zero_shot_accuracy(truth, told, set()).value)


@given(st.integers(2, 50), st.integers(0, 5))
def test_derangement_leaves_nothing_in_place(n: int, seed: int) -> None:
    order = metrics.derangement(n, seed)
    assert sorted(order) == list(range(n))
    assert (order != np.arange(n)).all()


def test_intervals_cover_and_narrow() -> None:
    rng = np.random.default_rng(0)
    few, lots = (ItemScores(rng.integers(0, 2, n).astype(float), np.ones(n)) for n in (50, 2_000))
    for scores in (few, lots):
        low, high = bootstrap(scores)
        assert low < scores.value < high
    assert np.ptp(bootstrap(lots)) < np.ptp(bootstrap(few)) / 3
    assert bootstrap(few, seed=3) == bootstrap(few, seed=3)


def test_seeds_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    alike = [ItemScores((rng.random(200) < 0.5).astype(float), np.ones(200)) for _ in range(3)]
    apart = [ItemScores((rng.random(200) < p).astype(float), np.ones(200)) for p in (0.1, 0.5, 0.9)]
    assert np.ptp(stratified_bootstrap(apart)) > 3 * np.ptp(stratified_bootstrap(alike))


def test_seeds_that_agree_are_no_further_items() -> None:
    scores = ItemScores(np.random.default_rng(0).integers(0, 2, 200).astype(float), np.ones(200))
    assert stratified_bootstrap([scores] * 3) == pytest.approx(bootstrap(scores))
    shifted = ItemScores(scores.numerator + 1, scores.denominator)
    assert paired_bootstrap([shifted] * 3, [scores] * 3) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize("seeds", [2, 3, 5, 20])
def test_few_seeds_say_as_little_of_others_as_student_s_t_has_it(seeds: int) -> None:
    values = 0.5 + 0.03 * np.random.default_rng(seeds).standard_normal(seeds)
    runs = [ItemScores(np.array([100 * value]), np.array([100.0])) for value in values]
    zero = [ItemScores(np.zeros(1), np.array([100.0]))] * seeds
    expected = np.diff(stats.t.interval(0.95, seeds - 1, values.mean(), stats.sem(values)))
    assert np.diff(stratified_bootstrap(runs)) == pytest.approx(np.minimum(expected, 1), rel=0.03)
    assert np.diff(paired_bootstrap(runs, zero)[1:]) == pytest.approx(expected, rel=0.03)


def test_luck_with_items_is_not_taken_for_a_difference_between_seeds_again() -> None:
    rng = np.random.default_rng(0)
    runs = [ItemScores((rng.random(300) < 0.1).astype(float), np.ones(300)) for _ in range(5)]
    values = [run.value for run in runs]
    expected = np.diff(stats.t.interval(0.95, 4, np.mean(values), stats.sem(values)))
    assert expected < np.diff(stratified_bootstrap(runs)) < 1.5 * expected


def test_an_interval_ends_where_values_do() -> None:
    rates = [ItemScores(np.full(4, value), np.ones(4)) for value in (0.2, 0.9, 1.0)]
    assert stratified_bootstrap(rates) == (0.0, 1.0)
    errors = [ItemScores(np.full(4, value), np.ones(4)) for value in (0.2, 0.9, 1.1)]
    assert stratified_bootstrap(errors)[1] > 1.1
    cosines = [ItemScores(np.full(4, value), np.ones(4)) for value in (-0.5, 0.1, 0.3)]
    assert stratified_bootstrap(cosines)[0] < -0.5
    counts = [ItemScores(np.full(1, value), np.ones(1)) for value in (0.0, 1.0, 1.0)]
    assert stratified_bootstrap(counts)[1] > 2, "a number of no items is no rate"


def test_a_difference_and_its_opposite_say_the_same() -> None:
    rng = np.random.default_rng(0)
    first, second = ([ItemScores(rng.binomial(9, 0.3, 50) / 9, np.ones(50)) for _ in "abc"] for _ in "xy")
    difference, low, high = paired_bootstrap(first, second)
    assert paired_bootstrap(second, first) == pytest.approx((-difference, -high, -low))


def test_what_no_item_showed_may_still_be() -> None:
    nothing, all_right = (ItemScores(np.full(73, value), np.ones(73)) for value in (0.0, 1.0))
    exact = stats.binomtest(0, 73).proportion_ci(0.95, method="exact").high
    assert stratified_bootstrap([nothing] * 5) == pytest.approx((0, exact))
    assert bootstrap(all_right) == pytest.approx((1 - exact, 1))
    assert paired_bootstrap([nothing] * 5, [nothing] * 5) == pytest.approx((0, -exact, exact))
    unscored = ItemScores(np.zeros(300), np.repeat([1.0, 0.0], [73, 227]))
    assert bootstrap(unscored) == pytest.approx((0, exact)), "items that are not scored say nothing"
    number = ItemScores(np.zeros(1), np.ones(1))
    assert bootstrap(number) == (0, 0), "a number of one run is of no items"


def test_a_reference_without_words_is_no_reference() -> None:
    found = metrics.nearest_wer([["Hmm.", "a red ring"], ["Mm-hmm."], ["a star"]], ["a blue ring", "a", "a"])
    assert (found.numerator.tolist(), found.denominator.tolist()) == ([1, 0, 1], [3, 0, 2])
    assert np.isnan(metrics.wer(["Hmm."], ["a"]).value)
    rows = metrics.missed_words(["Hmm.", "a star"], ["a", "a"])
    assert rows.to_dict("list") == {"item": [1, 1], "word": ["a", "star"], "missed": [False, True]}


def test_bleu_can_be_resampled() -> None:
    scores = metrics.bleu([["a big red ring above a star"]] * 6, ["a big red ring above a star"] * 6, 4)
    assert bootstrap(scores, n=50) == pytest.approx((100 * 0.025 ** (1 / 6), 100)), "of six"
    assert scores.take(np.array([0, 0])).value == 100
    said = ["a big red ring above a star", "a big red ring above it", "a ring is above a big red star"]
    scores = metrics.bleu([["a big red ring above a star"]] * 3, said, 4)
    drawn = np.random.default_rng(0).integers(3, size=(5, 3))
    counts = np.array([np.bincount(items, minlength=3) for items in drawn])
    values = [
        metrics.bleu([["a big red ring above a star"]] * 3, [said[i] for i in d], 4).value for d in drawn
    ]
    assert scores.resampled(counts) == pytest.approx(values) and len(set(values)) > 1


def test_a_bleu_of_0_may_be_what_its_n_grams_leave_open() -> None:
    """One order without a match makes it 0, however many words are right."""
    references = [["a big red ring above a star"]] * 300
    words = metrics.bleu(references, ["star above ring red big a a"] * 300, 4)
    none = metrics.bleu(references, ["it is so"] * 300, 4)
    unseen = 1 - 0.025 ** (1 / np.array([1_800, 1_500, 1_200]))  # 2- to 4-grams of 300 such sentences
    assert words.value == none.value == 0
    assert bootstrap(words) == (0, pytest.approx(100 * np.exp(np.log([1, *unseen]).mean())))
    assert bootstrap(none)[1] < bootstrap(words)[1]
    right = metrics.bleu(references, ["a big red ring above a star"] * 300, 4)
    assert paired_bootstrap([right], [words])[1:] == (pytest.approx(100 - words.unseen), 100)
    assert paired_bootstrap([words], [right])[1:] == (-100, pytest.approx(words.unseen - 100))
    assert paired_bootstrap([words], [none])[1:] == pytest.approx((-words.unseen, words.unseen))


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.wer(["a"], []),
        lambda: metrics.wer([], []),
        lambda: metrics.missed_words(["..."], ["a"]),
        lambda: metrics.bleu([[]], ["a"], 4),
        lambda: metrics.bleu([["a"]], ["a"], 5),
        lambda: metrics.derangement(1, 0),
        lambda: metrics.fact_f1([], []),
        lambda: bootstrap(ItemScores(np.zeros(0), np.zeros(0))),
    ],
)
def test_nothing_to_score_is_an_error(call: Any) -> None:
    with pytest.raises(DataError):
        call()


def test_cider_is_highest_for_a_reference_and_zero_for_other_words():
    references = [
        ["a dog runs fast", "the dog runs"],
        ["a cat sits", "one cat sits"],
        ["two men ride", "men"],
    ]
    scores = metrics.cider(references, ["a dog runs fast", "a horse", "two men ride!"])
    assert scores.numerator[0] > 4 and scores.numerator[1] < 0.2 and scores.numerator[2] > 4
    with pytest.raises(DataError):
        metrics.cider(references, [])
