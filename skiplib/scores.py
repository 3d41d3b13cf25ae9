"""Scores kept per item, so that any of them can be resampled, and the intervals that come of it.

`.value` is the number that a table shows, `.take(items)` the same of some of the items: that is all a
bootstrap needs to know of a metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from nltk.translate.bleu_score import brevity_penalty
from scipy import stats

from skiplib.errors import DataError

DRAWS = 10_000  # of items; with 1,000 a verdict could hang on which they were


@dataclass(frozen=True)
class ItemScores:
    """A ratio of sums over items: both arrays have shape [items]; NaN where there was nothing to score."""

    numerator: np.ndarray
    denominator: np.ndarray

    def __len__(self) -> int:
        return len(self.numerator)

    @property
    def value(self) -> float:
        """The ratio of the sums; NaN if there was nothing to score."""
        total = self.denominator.sum()
        return float(self.numerator.sum() / total) if total else float("nan")

    @property
    def limits(self) -> tuple[float, float]:
        """Below and above which no value of such items lies; a number of no items may be a count."""
        low = 0.0 if (self.numerator >= 0).all() else -np.inf
        return low, 1.0 if len(self) > 1 and (self.numerator <= self.denominator).all() else np.inf

    @property
    def counted(self) -> int:
        """How many items were scored."""
        return int(np.count_nonzero(self.denominator))

    @property
    def unseen(self) -> float:
        """How much a value at one of its limits may yet differ by what no item showed (`_bound`)."""
        return _bound(self.counted)

    def take(self, items: np.ndarray) -> ItemScores:
        """The same of the items of these numbers, as often as each is named."""
        return ItemScores(self.numerator[items], self.denominator[items])

    def resampled(self, counts: np.ndarray) -> np.ndarray:
        """`.value` of each draw, from how often it has each item, [draws, items]; NaN where there was nothing
        to score."""
        totals = counts @ self.denominator
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(totals > 0, counts @ self.numerator / totals, np.nan)


@dataclass(frozen=True)
class BleuScores:
    """What corpus BLEU (Papineni et al. 2002) is made of.

    `matches` and `totals`, [items, 4], count 1- to 4-grams; `lengths` and `closest`, [items], are
    those of the hypothesis and of the reference closest in length; `order` is the n of BLEU-n.
    """

    matches: np.ndarray
    totals: np.ndarray
    lengths: np.ndarray
    closest: np.ndarray
    order: int = 4

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def value(self) -> float:
        """0-100, without smoothing: 0 where no n-gram of some order matches."""
        return float(self.resampled(np.ones((1, len(self))))[0])

    @property
    def limits(self) -> tuple[float, float]:
        """Below and above which no value lies."""
        return 0.0, 100.0

    @property
    def unseen(self) -> float:
        """How much a value at one of its limits may yet differ by what no item showed (`_bound`).

        One order of n-grams without a match makes a BLEU of 0, whatever the others are: each of these may
        have as many as the bound of its n-grams allows.
        """
        if self.value:
            return 100 * _bound(self.counted)
        matches, totals = (part[:, : self.order].sum(axis=0) for part in (self.matches, self.totals))
        if not totals.all():  # nothing was said, or nothing as long
            return 100 * _bound(self.counted)
        may = np.where(matches, matches, [total * _bound(int(total)) for total in totals])
        penalty = brevity_penalty(self.closest.sum(), self.lengths.sum())
        return float(100 * penalty * np.exp(np.log(may / totals).mean()))

    @property
    def counted(self) -> int:
        """How many items were scored."""
        return len(self)

    def take(self, items: np.ndarray) -> BleuScores:
        """The same of the items of these numbers, as often as each is named."""
        rows = (self.matches[items], self.totals[items], self.lengths[items], self.closest[items])
        return BleuScores(*rows, order=self.order)

    def resampled(self, counts: np.ndarray) -> np.ndarray:
        """`.value` of each draw, from how often it has each item, [draws, items]."""
        matches, totals = (counts @ part[:, : self.order] for part in (self.matches, self.totals))
        lengths = zip(counts @ self.closest, counts @ self.lengths, strict=True)
        penalties = np.array([brevity_penalty(closest, length) for closest, length in lengths])
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.exp(np.log(matches / totals).mean(axis=1))
        return np.where(matches.all(axis=1), 100 * penalties * means, 0.0)


Scores = ItemScores | BleuScores


def bootstrap(scores: Scores, n: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """The 95% percentile interval of `scores.value` over `n` resamplings of the items."""
    return stratified_bootstrap([scores], n, seed)


def paired_bootstrap(
    first: Sequence[Scores], second: Sequence[Scores], n: int = DRAWS, seed: int = 0
) -> tuple[float, float, float]:
    """The mean difference `first` - `second` over runs in pairs, and its 95% interval.

    Items are resampled, the same of both sides: what is hard for both does not count. Pairs add what they
    differ by (`_interval`). Where no draw shows a difference it is `unseen` to both sides; where one side has
    a BLEU of 0 in all, that side may be more.

    Raises `DataError` if there is no pair, or one whose sides differ in their number of items.
    """
    pairs = list(zip(first, second, strict=True))
    if not pairs or not all(len(x) == len(y) > 0 for x, y in pairs):
        raise DataError("nothing to compare: runs come in pairs, over the same items")
    values = [np.subtract(*(z.resampled(_draws(len(z), n, seed)) for z in pair)) for pair in pairs]
    differences = [x.value - y.value for x, y in pairs]
    low, high = _interval(np.array(values), differences, seed)
    if low == high == 0:
        span = max(_unseen(first), _unseen(second))
        low, high = low - span, high + span
    else:
        low, high = low - _unmatched(second), high + _unmatched(first)
    return float(np.mean(differences)), low, high


def stratified_bootstrap(runs: Sequence[Scores], n: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """The 95% interval of the mean over runs, one a seed: items are resampled, runs add what they differ by
    (`_interval`), but not beyond what a value can be. Where all is right or all is wrong, and so no draw
    differs, it is as wide as what no item showed allows (`unseen`).

    Raises `DataError` if there is no run, or one without items.
    """
    if not runs or not all(len(run) for run in runs):
        raise DataError("nothing to resample: every run needs a scored item")
    values = [run.resampled(_draws(len(run), n, seed)) for run in runs]
    low, high = _interval(np.array(values), [run.value for run in runs], seed)
    lowest, highest = zip(*(run.limits for run in runs), strict=True)
    least, most = min(lowest), max(highest)
    if low == high and low in (least, most):
        low, high = low - _unseen(runs), high + _unseen(runs)
    return max(low, least), min(high, most)


def _unseen(runs: Sequence[Scores]) -> float:
    """The most that one of `runs` leaves unseen."""
    return max(run.unseen for run in runs)


def _unmatched(runs: Sequence[Scores]) -> float:
    """What runs leave unseen that have a BLEU of 0: no draw of their items has more."""
    none = [isinstance(run, BleuScores) and not run.value for run in runs]
    return _unseen(runs) if all(none) else 0.0


def _bound(n: int) -> float:
    """The share that may be what none of `n` is: the exact upper end of a 95% interval (Clopper and Pearson
    1934); 0 of a number that is of no items."""
    return 1 - 0.025 ** (1 / n) if n > 1 else 0.0


@lru_cache(maxsize=8)
def _draws(items: int, n: int, seed: int) -> np.ndarray:
    """How often each of `n` draws of as many items has each, [n, items].

    All runs of a draw have the same items: those of the test set. Drawn for each run anew, three seeds would
    count as three times as many items, and a thing that no seed changes would look better known.
    """
    rng = np.random.default_rng([seed, 1])
    return rng.multinomial(items, np.full(items, 1 / items), size=n).astype(float)


def _interval(values: np.ndarray, observed: Sequence[float], seed: int) -> tuple[float, float]:
    """The percentile interval of the mean over runs, from their values in draws of items, [runs, n], and
    their `observed` values on all items.

    Three runs drawn from three hardly ever lie further out than the worst of them, so their mean is moved by
    what Student's t says of so few that differ as these do. What a run has right of one item by luck is in
    both, the draws of items and the differences between runs: intervals are a little wide where seeds hardly
    matter, as a bootstrap of two crossed factors is (Owen 2007).
    """
    means = values.mean(axis=0) + _mean_of_seeds(observed, values.shape[1], seed)
    if np.isnan(means).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return float(low), float(high)


def _mean_of_seeds(observed: Sequence[float], n: int, seed: int) -> np.ndarray:
    """`n` draws of how far the mean of as many other runs may lie from the mean of these: every quantile of
    Student's t once, as its tails are too heavy for draws at random."""
    if len(observed) == 1:
        return np.zeros(n)
    quantiles = np.random.default_rng([seed, 2]).permutation(n) + 0.5
    sign = np.copysign(1.0, np.mean(observed))  # what is said of a - b is said of b - a
    return sign * stats.sem(observed) * stats.t.ppf(quantiles / n, len(observed) - 1)
