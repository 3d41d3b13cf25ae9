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
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+) \| (.+) \| ([^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Decision:
    """A question that the paper leaves open: what we decided and why; `switches` are names of groups or
    switches that an overlay may set."""

    number: int
    question: str
    decision: str
    why: str
    switches: tuple[str, ...]


def decisions(path: Path = PATH) -> list[Decision]:
    """The rows of the table, in order. Raises `DataError` if a row does not parse."""
    text = path.read_text(encoding="utf-8")
    rows = [row.groups() for row in ROW.finditer(text)]
    lines = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    if len(rows) != len(lines):
        raise DataError(f"{path}: {len(lines) - len(rows)} of {len(lines)} rows do not have five columns")
    return [
        Decision(int(number), question.strip("* "), decision, why, tuple(re.findall(r"`([\w.]*\w)", names)))
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
