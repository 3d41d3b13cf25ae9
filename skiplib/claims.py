"""Records held against the claims of the paper: supported, not supported, or undecided, with the evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from skiplib import paper
from skiplib.config import BASELINES
from skiplib.paper import CLAIMS, Claim, Comparison
from skiplib.records import Record
from skiplib.scores import ItemScores, Scores, paired_bootstrap

SUPPORTED, NOT_SUPPORTED, UNDECIDED, UNTESTED = "supported", "not supported", "undecided", "not tested"
SEEDS = 3  # with fewer in common nothing is decided
# Differences below these do not matter: of BLEU in points, of rates, of counts of words.
MARGINS = {"bleu": 1.0, "i2s_unique": 1.0}
MARGIN = 0.01
ALIKE = 2  # "alike" allows as many margins
FAMILIES = ("ours", "ours_aligned")
COLUMNS = ["claim", "section", "family", "verdict", "evidence", "records", "text"]


def verdicts(records: Sequence[Record], claims: Sequence[Claim] = CLAIMS) -> pd.DataFrame:
    """A row a claim and family: once for the objective as printed, once with the pair loss. `records` are the
    run ids of those that the evidence compares.

    The records are those of `derived.chosen`.
    """
    rows = []
    for claim in claims:
        for family in FAMILIES if claim.needs else ("",):
            verdict, evidence, names = judged(claim, family, records)
            rows.append((claim.name, claim.section, family, verdict, evidence, names, claim.text))
    return pd.DataFrame(rows, columns=COLUMNS)


def member(system: str, family: str) -> str:
    """The system that plays the part of `system` in a family; baselines play their own."""
    if family == "ours" or system in ("", *BASELINES):
        return system
    return "ours_aligned" if system == "ours" else f"aligned_{system}"


def compare(
    first: Sequence[Record], second: Sequence[Record], metric: str, than: str = ""
) -> tuple[float, float, float, int] | None:
    """Mean paired difference `first` - `second` of a metric (or of it and `than`), its 95% interval, and the
    number of seeds that both have, over as many items; None without any. The records of each are of one
    system."""
    return _difference(_pairs(first, second, metric, than), metric, than)


def _difference(
    pairs: Sequence[tuple[Record, Record]], metric: str, than: str
) -> tuple[float, float, float, int] | None:
    if not pairs:
        return None
    scores = [(_scores(one, metric), _scores(other, than or metric)) for one, other in pairs]
    return (*paired_bootstrap(*zip(*scores, strict=True)), len(pairs))


def _pairs(
    first: Sequence[Record], second: Sequence[Record], metric: str, than: str
) -> list[tuple[Record, Record]]:
    """The two records of each seed that both have, if they measured as many items."""
    by_seed = [
        {r.seed: r for r in records if wanted in r.metrics}
        for records, wanted in ((first, metric), (second, than or metric))
    ]
    pairs = [(by_seed[0][seed], by_seed[1][seed]) for seed in sorted(by_seed[0].keys() & by_seed[1].keys())]
    return [(a, b) for a, b in pairs if len(_scores(a, metric)) == len(_scores(b, than or metric))]


def _scores(record: Record, metric: str) -> Scores:
    value = record.metrics[metric].value
    return record.scores(metric) or ItemScores(np.array([np.nan if value is None else value]), np.ones(1))


def judged(claim: Claim, family: str, records: Sequence[Record]) -> tuple[str, str, str]:
    """The verdict of a claim, the worst of what it needs, the differences behind it, and the run ids of the
    records that they compare."""
    if not claim.needs:
        return UNTESTED, "", ""
    found = [held(need, family, records) for need in claim.needs]
    each = [verdict for verdict, *_ in found]
    verdict = next((v for v in (NOT_SUPPORTED, UNDECIDED) if v in each), SUPPORTED)
    names = {record.run_id for *_, compared in found for record in compared}
    return verdict, "; ".join(words for _, words, _ in found), " ".join(sorted(names))


def held(need: Comparison, family: str, records: Sequence[Record]) -> tuple[str, str, list[Record]]:
    """The verdict of one comparison in a family of systems, the difference with its interval in words, and
    the records that it compares."""
    system, other = member(need.system, family), member(need.other, family)
    words = f"{need.metric} of {system} - {need.than or other}"
    pairs = _pairs(*_sides(need, family, records), need.metric, need.than)
    result = _difference(pairs, need.metric, need.than)
    if result is None:
        return UNDECIDED, f"{words}: missing", []
    difference, low, high, seeds = result
    words += f": {difference:+.3g} [{low:+.3g}, {high:+.3g}], seeds: {seeds}"
    verdict = UNDECIDED if seeds < SEEDS else _sided(need.sense, low, high, least(need))
    return verdict, words, [record for pair in pairs for record in pair]


def _sided(sense: str, low: float, high: float, matters: float) -> str:
    """On which side of what was claimed the interval of a difference lies.

    A difference too small to matter supports nothing, however sure it is; where nothing differs at all, as
    counts do that are full on both sides, nothing is decided.
    """
    if sense == "~":
        allowed = ALIKE * matters
        if -allowed < low and high < allowed:
            return SUPPORTED
        return NOT_SUPPORTED if low > allowed or high < -allowed else UNDECIDED
    if low == high == 0:
        return UNDECIDED
    if sense == "<":
        low, high = -high, -low
    return NOT_SUPPORTED if high < matters else SUPPORTED if low > 0 else UNDECIDED


def _sides(need: Comparison, family: str, records: Sequence[Record]) -> list[list[Record]]:
    system, other = member(need.system, family), member(need.other, family)
    return [[r for r in records if r.system == name] for name in (system, other or system)]


def least(need: Comparison) -> float:
    """The least difference that matters: the margin of the metric, or what the paper's two numbers differ by,
    if that is less: what is like the paper's own result is not held against its claim."""
    sides = [paper.reported(need.metric, system) for system in (need.system, need.other)]
    return min([margin(need.metric), *([] if None in sides else [abs(sides[0] - sides[1])])])


def margin(metric: str) -> float:
    """The least difference of a metric that matters."""
    return next((value for key, value in MARGINS.items() if key in metric), MARGIN)
