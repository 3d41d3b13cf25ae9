"""`reports/results.csv` and `reports/claims.csv`, made from the committed records alone.

`python -m skiplib.results` writes them anew, and the README's table; a test holds all against the records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from skiplib import claims, paper, readme, records
from skiplib.claims import FAMILIES, member
from skiplib.config import RECORDS_DIR
from skiplib.derived import derived
from skiplib.files import whole
from skiplib.paper import Claim, Comparison
from skiplib.records import Record

TABLE_1 = ("i2s_bleu1", "i2s_bleu2", "i2s_bleu3", "i2s_bleu4", "i2s_wer", "i2s_i2t_wer", "judge_wer_vocoded")
TABLES = {
    "1": (paper.TABLE_1, TABLE_1),
    "3": (paper.TABLE_3, ("s2t_wer", "t2s_wer")),
    "4": (paper.TABLE_4, ("i2t_bleu1", "s2t_wer")),
}
COLUMNS = ["table", "row", "metric", "corpus", "scale", "reported", "measured", "ci_low", "ci_high", "seeds"]
COLUMNS += ["verdict", "command"]


def results(found: Sequence[Record], scale: str = "demo", corpus: str = "skipworld") -> pd.DataFrame:
    """A row a table, system and metric: what the paper reports, what we measure, and whether the order holds.

    `verdict` says whether the row stands to `ours` of its family as the paper has it. Rates are in 0-1.
    """
    chosen = [derived(r) for r in found if (r.corpus, r.scale, r.overlay) == (corpus, scale, {})]
    rows = []
    for table, (reported, metrics) in TABLES.items():
        systems = dict.fromkeys((member(name, family), name) for family in FAMILIES for name in reported)
        for system, name in systems:
            for metric in metrics:
                said = reported[name].get(metric) if system == name else None
                rows.append((table, system, metric, corpus, scale, said, *_measured(chosen, system, metric)))
                rows[-1] += (_order(chosen, reported, system, name, metric), _command(chosen, system, scale))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"reported": float, "seeds": int})


def shown(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """One table to read: a row a system, three columns a metric. Rates in percent, BLEU 0-100."""
    rows = frame[frame["table"] == table]
    cells: dict[str, dict[str, str]] = {}
    for row in rows.itertuples():
        percent = 1 if "bleu" in row.metric else 100
        unit = row.metric if percent == 1 else f"{row.metric} (%)"
        line = cells.setdefault(row.row, {"the paper's row": "-", "seeds": "0"})
        if row.row in paper.TITLES:
            line["the paper's row"] = paper.TITLES[row.row]
        line["seeds"] = str(max(int(line["seeds"]), row.seeds))
        line[f"{unit}, paper"] = "-" if pd.isna(row.reported) else f"{percent * row.reported:.4g}"
        span = (f"{percent * value:.1f}" for value in (row.measured, row.ci_low, row.ci_high))
        line[unit] = "{} [{}, {}]".format(*span) if row.seeds else "missing"
        line[f"{unit}, order"] = row.verdict
    found = pd.DataFrame.from_dict(cells, orient="index")
    return found.loc[:, [not (found[name].isin(["", "-"])).all() for name in found]]


def _measured(chosen: Sequence[Record], system: str, metric: str) -> tuple[float, float, float, int]:
    summary = records.summary([r for r in chosen if r.system == system], [metric])
    if summary.empty:
        return float("nan"), float("nan"), float("nan"), 0
    row = summary.iloc[0]
    return float(row["mean"]), float(row["low"]), float(row["high"]), int(row["seeds"])


def _order(
    chosen: Sequence[Record], reported: Mapping[str, Mapping[str, float]], system: str, name: str, metric: str
) -> str:
    """Does `system` stand to `ours` of its family as the paper's row does to its own?"""
    mine, ours = reported[name].get(metric), reported["ours"].get(metric)
    family = "ours_aligned" if "aligned" in system else "ours"
    if name == "ours" or mine is None or ours is None or mine == ours:
        return ""
    need = Comparison(metric, "ours", ">" if ours > mine else "<", name)
    claim = Claim(name, "", "", (need,))
    return claims.judged(claim, family, chosen)[0]


def _command(chosen: Sequence[Record], system: str, scale: str) -> str:
    seeds = sorted(r.seed for r in chosen if r.system == system)
    if not seeds:
        return f"make ablation VARIANT={system} SCALE={scale} SEED=0"
    return "; ".join(f"make ablation VARIANT={system} SCALE={scale} SEED={seed}" for seed in seeds)


def main(folder: Path = RECORDS_DIR) -> None:
    """Write both files beside the folder of records, and the README's table."""
    found = records.read_records(folder)
    for name, frame in (("results", results(found)), ("claims", claims.verdicts(found))):
        with whole(folder.parent / f"{name}.csv") as partial:
            frame.to_csv(partial, index=False, float_format="%.6g")
    readme.main()


if __name__ == "__main__":
    main()
