"""Verdicts follow from differences with an interval, and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from skiplib import paper
from skiplib.claims import (
    FAMILIES,
    NOT_SUPPORTED,
    SUPPORTED,
    UNDECIDED,
    UNTESTED,
    _sided,
    compare,
    least,
    member,
    verdicts,
)
from skiplib.config import VARIANTS, experiment
from skiplib.errors import DataError
from skiplib.paper import CLAIMS, Claim, Comparison
from skiplib.provenance import provenance
from skiplib.records import Record, make_record
from skiplib.scores import ItemScores, paired_bootstrap

SOURCE = provenance("abc", "cpu", wall_seconds=3.0, command="papermill x.ipynb")


def run(system: str, seed: int, errors: np.ndarray) -> Record:
    scores = {"s2t_wer": ItemScores(errors, np.full(len(errors), 10.0))}
    return make_record(experiment(system, "smoke", seed=seed), scores, SOURCE)


def runs(system: str, rate: float, seeds: int = 3, items: int = 400) -> list[Record]:
    """Runs whose items are hard to the same degree in every system, at another rate."""
    rng = np.random.default_rng(0)
    hard = [rng.binomial(10, 0.3, items).astype(float) for _ in range(seeds)]
    return [run(system, seed, rate * hard[seed]) for seed in range(seeds)]


def verdict(sense: str, rate: float, seeds: int = 3) -> str:
    claim = Claim("x", "4", "words", (Comparison("s2t_wer", "ours", sense, "no_T"),))
    found = verdicts(runs("ours", 1.0, seeds) + runs("no_T", rate, seeds), [claim])
    assert found["family"].tolist() == list(FAMILIES)
    assert found.iloc[1]["verdict"] == UNDECIDED and "missing" in found.iloc[1]["evidence"]
    return found.iloc[0]["verdict"]


@pytest.mark.parametrize(
    ("sense", "rate", "expected"),
    [
        ("<", 1.5, SUPPORTED),
        ("<", 0.5, NOT_SUPPORTED),
        ("<", 1.0, NOT_SUPPORTED),  # no room for a difference that matters
        (">", 0.5, SUPPORTED),
        ("~", 1.02, SUPPORTED),
        ("~", 1.5, NOT_SUPPORTED),
    ],
)
def test_a_verdict_is_the_side_of_the_interval(sense: str, rate: float, expected: str) -> None:
    assert verdict(sense, rate) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.001, 0.02, SUPPORTED),
        (0.001, 0.004, NOT_SUPPORTED),  # sure, and too small to matter
        (-0.001, 0.004, NOT_SUPPORTED),
        (-0.001, 0.02, UNDECIDED),
        (0.0, 0.0, UNDECIDED),  # both are full
    ],
)
def test_a_difference_too_small_to_matter_supports_nothing(low: float, high: float, expected: str) -> None:
    assert _sided(">", low, high, 0.01) == expected
    assert _sided("<", -high, -low, 0.01) == expected


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if "Table" in claim.section], ids=str)
def test_what_the_paper_reports_would_support_its_own_claims(claim: Claim) -> None:
    for need in claim.needs:
        sides = [paper.reported(need.metric, system) for system in (need.system, need.other)]
        if None not in sides:
            low, high = sorted(share * (sides[0] - sides[1]) for share in (0.9, 1.1))
            assert _sided(need.sense, low, high, least(need)) == SUPPORTED, need


def test_the_records_behind_a_verdict_are_named() -> None:
    claim = Claim("x", "4", "words", (Comparison("s2t_wer", "ours", "<", "no_T"),))
    found = verdicts(runs("ours", 1.0) + runs("no_T", 1.5, seeds=2) + runs("no_M", 1.5), [claim])
    named = [f"skipworld-smoke-{system}-s{seed}" for system in ("no_T", "ours") for seed in (0, 1)]
    assert found["records"].tolist() == [" ".join(named), ""]


def test_two_seeds_decide_nothing() -> None:
    assert verdict("<", 1.5, seeds=2) == UNDECIDED


def test_noise_decides_nothing() -> None:
    rng = np.random.default_rng(1)
    records = [run(s, k, rng.binomial(10, 0.3, 30).astype(float)) for s in ("ours", "no_T") for k in range(3)]
    claim = Claim("x", "4", "words", (Comparison("s2t_wer", "ours", "<", "no_T"),))
    assert verdicts(records, [claim]).iloc[0]["verdict"] == UNDECIDED


def test_what_is_hard_for_both_does_not_widen_the_interval() -> None:
    first, second = ([r.scores("s2t_wer") for r in runs("ours", rate)] for rate in (1.0, 1.1))
    difference, low, high = paired_bootstrap(first, second)
    assert difference == pytest.approx(
        np.mean([x.value - y.value for x, y in zip(first, second, strict=True)])
    )
    assert low < difference < high < 0
    items = np.random.default_rng(2).permutation(400)
    *_, loose_high = paired_bootstrap(first, [score.take(items) for score in second])
    assert loose_high > high


def test_pairs_have_the_same_items() -> None:
    score = ItemScores(np.ones(3), np.ones(3))
    with pytest.raises(DataError, match="same items"):
        paired_bootstrap([score], [score.take(np.arange(2))])
    with pytest.raises(DataError, match="pairs"):
        paired_bootstrap([], [])


def test_only_seeds_of_both_are_compared() -> None:
    found = compare(runs("ours", 1.0, 3), runs("no_T", 1.2, 2), "s2t_wer")
    assert found is not None and found[3] == 2
    assert compare(runs("ours", 1.0), [], "s2t_wer") is None
    fewer = runs("no_T", 1.2, 3, items=150)
    assert compare(runs("ours", 1.0), fewer, "s2t_wer") is None, "they were measured on other items"
    mixed = compare(runs("ours", 1.0), [*fewer[:1], *runs("no_T", 1.2)[1:]], "s2t_wer")
    assert mixed is not None and mixed[3] == 2


def test_every_claim_names_systems_that_exist_and_has_a_verdict() -> None:
    for claim in CLAIMS:
        for need in claim.needs:
            for family in FAMILIES:
                assert {member(need.system, family), member(need.other, family)} <= {*VARIANTS, ""}
            assert need.sense in "<>~" and bool(need.other) != bool(need.than)
    found = verdicts([])
    assert set(found["claim"]) == {claim.name for claim in CLAIMS} and len(CLAIMS) >= 12
    assert set(found["verdict"]) == {UNDECIDED, UNTESTED}
    assert set(paper.TABLE_1) | set(paper.TABLE_4) | set(paper.TITLES) <= set(VARIANTS)
