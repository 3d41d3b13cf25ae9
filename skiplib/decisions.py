"""`DECISIONS.md` as data, and what the records say of the readings that were not chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from skiplib.claims import compare
from skiplib.config import ROOT
from skiplib.errors import DataError
from skiplib.overlays import format_overlay
from skiplib.records import Record

PATH = ROOT / "DECISIONS.md"
TRIALS = re.compile(r"^### (\d+)\. [^\n]+\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+) \| (.+) \| ([^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Decision:
    """A question that the paper leaves open: what we decided and why; `switches` are names of groups or
    switches that an overlay may set, `trials` the prose of what was tried before, in Markdown."""

    number: int
    question: str
    decision: str
    why: str
    switches: tuple[str, ...]
    trials: str


def decisions(path: Path = PATH) -> list[Decision]:
    """The rows of the table, in order.

    Raises `DataError` if a row does not parse, or trials belong to none.
    """
    table, _, tried = path.read_text(encoding="utf-8").partition("\n## Trials\n")
    rows = [row.groups() for row in ROW.finditer(table)]
    lines = [line for line in table.splitlines() if re.match(r"\| \d", line)]
    if len(rows) != len(lines):
        raise DataError(f"{path}: {len(lines) - len(rows)} of {len(lines)} rows do not have five columns")
    trials = {number: prose.strip() for number, prose in TRIALS.findall(tried)}
    if not trials.keys() <= {row[0] for row in rows}:
        raise DataError(f"{path}: trials of a question that is not in the table")
    return [
        Decision(
            int(number),
            question.strip("* "),
            decision,
            why,
            tuple(re.findall(r"`([\w.]*\w)", names)),
            trials.get(number, ""),
        )
        for number, question, decision, why, names in rows
    ]


def section(title: str, path: Path = PATH) -> str:
    """The prose below the heading that begins with `title`. Raises `DataError` if there is none."""
    found = re.search(rf"^## {re.escape(title)}.*?$\n(.*?)(?=^## |\Z)", path.read_text("utf-8"), re.M | re.S)
    if found is None:
        raise DataError(f"{path} has no section {title!r}")
    return found[1].strip()


def measured(
    decision: Decision,
    found: Sequence[Record],
    metrics: Sequence[str],
    scale: str = "demo",
    corpus: str = "skipworld",
) -> pd.DataFrame:
    """Another reading against the default of its system: a row an overlay of the decision's switches and
    metric, with the mean paired difference and its 95% interval."""
    found = [r for r in found if (r.scale, r.corpus) == (scale, corpus)]
    readings = {(r.system, format_overlay(r.overlay)): r.overlay for r in found if r.overlay}
    rows = []
    for (system, line), overlay in sorted(readings.items()):
        if not all({name, name.split(".")[0]} & {*decision.switches} for name in overlay):
            continue
        other = [r for r in found if r.system == system and r.overlay == overlay]
        default = [r for r in found if r.system == system and not r.overlay]
        for metric in metrics:
            result = compare(other, default, metric)
            if result is not None:
                rows.append((system, line, metric, *result))
    columns = ["system", "other reading", "metric", "difference", "low", "high", "seeds"]
    return pd.DataFrame(rows, columns=columns)
