"""`reports/results.csv` and `reports/claims.csv`, made from the committed records alone.

`python -m skiplib.results` writes them anew; a test holds them against the records.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from skiplib import claims, config, paper, records
from skiplib.claims import FAMILIES, member
from skiplib.config import RECORDS_DIR, experiment
from skiplib.derived import chosen
from skiplib.errors import ConfigError
from skiplib.files import whole
from skiplib.model import parameter_counts
from skiplib.paper import Comparison
from skiplib.pooled import latest
from skiplib.records import Record
from skiplib.systems import build

ORACLE = ("judge_wer_vocoded", *(f"oracle_bleu{n}" for n in (1, 2, 3, 4)))  # the true voice, vocoded
TABLES = {
    "1": (paper.TABLE_1, (*paper.METRICS["1"], *ORACLE)),
    "3": (paper.TABLE_3, (*paper.METRICS["3"],)),
    "4": (paper.TABLE_4, (*paper.METRICS["4"],)),
}
VOCABULARY = {
    "i2s_unique_words": "different words",
    "i2s_unique_caption_words": "of them telling",
    "i2s_zero_shot_accuracy": "zero-shot concepts said",
    "i2s_shared_accuracy": "shared concepts said",
}
COLUMNS = ["table", "row", "metric", "corpus", "scale", "reported", "measured", "ci_low", "ci_high", "seeds"]
COLUMNS += ["verdict", "command"]


def results(runs: Sequence[Record], scale: str = "demo", corpus: str = "skipworld") -> pd.DataFrame:
    """A row a table, system and metric: what the paper reports, what we measure, and whether the order holds.

    `verdict` says whether the row stands to `ours` of its family as the paper has it. Rates are in 0-1. The
    records are those of `derived.chosen`, of the same scale and corpus.
    """
    rows = []
    for table, (reported, metrics) in TABLES.items():
        systems = dict.fromkeys((member(name, family), name) for family in FAMILIES for name in reported)
        for system, name in systems:
            for metric in metrics:
                said = reported[name].get(metric) if system == name else None
                rows.append((table, system, metric, corpus, scale, said, *_measured(runs, system, metric)))
                rows[-1] += (
                    _order(runs, reported, system, name, metric),
                    _command(runs, system, scale, corpus),
                )
    return pd.DataFrame(rows, columns=COLUMNS).astype({"reported": float, "seeds": int})


def shown(frame: pd.DataFrame, runs: Sequence[Record], table: str) -> pd.DataFrame:
    """One table to read: a row a metric and system, rates in percent, BLEU 0-100, with the mean paired
    difference to `ours` of the same family over the seeds that both have.

    Where a system has no record a row is left out if the paper reports nothing there, and says so if it does.
    """
    cells = {}
    for row in _rows(frame, table).itertuples():
        percent = 1 if "bleu" in row.metric else 100
        sides = ([r for r in runs if r.system == name] for name in (row.row, _ours(row.row)))
        found = None if row.row in FAMILIES else claims.compare(*sides, row.metric)
        apart, low, high, common = found or (0.0, 0.0, 0.0, 0)
        metric = row.metric if percent == 1 else f"{row.metric} (%)"
        cells[metric, row.row] = {
            "in the paper": paper.TITLES.get(row.row, "-"),
            "parameters": parameters(row.row, row.scale, row.corpus),
            "reported": "-" if pd.isna(row.reported) else f"{percent * row.reported:.1f}",
            "measured": f"{percent * row.measured:.1f}" if row.seeds else "missing",
            "95% interval": f"{percent * row.ci_low:.1f} to {percent * row.ci_high:.1f}" if row.seeds else "",
            "seeds": row.seeds,
            "order": row.verdict,
            "against ours": f"{percent * apart:+.1f}" if found else "",
            "its 95% interval": f"{percent * low:+.1f} to {percent * high:+.1f}" if found else "",
            "of seeds": common or "",
        }
    found = pd.DataFrame.from_dict(cells, orient="index")
    found.index = pd.MultiIndex.from_tuples(found.index, names=["metric", "system"])
    return found


@cache
def parameters(system: str, scale: str = "demo", corpus: str = "skipworld") -> str:
    """How many million parameters a system has by its own defaults, with C or a baseline's discriminators;
    "-" where it cannot be."""
    try:
        return f"{parameter_counts(build(experiment(system, scale, corpus)))['total'] / 1e6:.2f} M"
    except ConfigError:  # cyclegan over features
        return "-"


def vocabulary(runs: Sequence[Record]) -> pd.DataFrame:
    """What section 4.1 asks of the words in speech of images, a row a system: mean, 95% interval and seeds of
    the different words heard, of those among them that tell something of an image (`derived.derived`), and of
    how many zero-shot and shared concepts are said."""
    rows = records.summary(runs, list(VOCABULARY))
    rows["cell"] = [f"{r.mean:.3g} [{r.low:.3g}, {r.high:.3g}]" for r in rows.itertuples()]
    table = rows.pivot(index="system", columns="metric", values="cell").reindex(columns=list(VOCABULARY))
    counted = rows.groupby("system")["seeds"].max()
    return table.rename(columns=VOCABULARY).assign(seeds=counted).fillna("missing")


def linked(verdicts: pd.DataFrame, page: Path) -> HTML:
    """The table of `claims.verdicts` to look at, with links to the records behind each verdict as they lie
    from the folder `page`: the committed ones, or else those of runs on this machine."""

    def link(name: str) -> str:
        folders = (config.RECORDS_DIR, config.RUNS_DIR / "records")
        folder = next((f for f in folders if (f / f"{name}.json").exists()), folders[-1])
        at = os.path.relpath(folder / f"{name}.json", page)
        return f'<a href="{escape(Path(at).as_posix())}">{escape(name.split("-", 2)[-1])}</a>'

    table = verdicts.map(escape)
    table["records"] = [" ".join(map(link, names.split())) for names in verdicts["records"]]
    shown = ["claim", "text", "family", "verdict", "evidence", "records", "section"]
    return HTML(table[shown].to_html(escape=False, index=False))


def commands(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The command behind each row of a table, one a seed, to type in the top folder of the project."""
    return _rows(frame, table).drop_duplicates("row").set_index("row")[["command"]].rename_axis("system")


def _rows(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    return frame[(frame["table"] == table) & (frame["reported"].notna() | (frame["seeds"] > 0))]


def _ours(system: str) -> str:
    """The full system of the family that `system` belongs to."""
    return "ours_aligned" if "aligned" in system else "ours"


def _measured(runs: Sequence[Record], system: str, metric: str) -> tuple[float, float, float, int]:
    summary = records.summary([r for r in runs if r.system == system], [metric])
    if summary.empty:
        return float("nan"), float("nan"), float("nan"), 0
    row = summary.iloc[0]
    return float(row["mean"]), float(row["low"]), float(row["high"]), int(row["seeds"])


def _order(
    runs: Sequence[Record], reported: Mapping[str, Mapping[str, float]], system: str, name: str, metric: str
) -> str:
    """Does `system` stand to `ours` of its family as the paper's row does to its own? Where the paper's two
    numbers are as good as the same there is nothing to hold."""
    mine, ours = reported[name].get(metric), reported["ours"].get(metric)
    family = _ours(system)
    if name == "ours" or mine is None or ours is None or abs(mine - ours) < claims.margin(metric):
        return ""
    return claims.held(Comparison(metric, "ours", ">" if ours > mine else "<", name), family, runs)[0]


def _command(runs: Sequence[Record], system: str, scale: str, corpus: str) -> str:
    if parameters(system, scale, corpus) == "-":
        return "-"
    command = f"make ablation VARIANT={system} SCALE={scale} CORPUS={corpus}"
    seeds = sorted(r.seed for r in runs if r.system == system)
    if not seeds:
        return f"{command} SEED=0"
    return "; ".join(f"{command} SEED={seed}" for seed in seeds)


def main(folder: Path = RECORDS_DIR) -> None:
    """Write both files beside the folder of records."""
    runs = chosen(latest(folder))
    for name, frame in (("results", results(runs)), ("claims", claims.verdicts(runs))):
        with whole(folder.parent / f"{name}.csv") as partial:
            frame.to_csv(partial, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
