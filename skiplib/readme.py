"""The README's table of measured results, made from the committed records alone.

`python -m skiplib.readme` writes it anew; a test holds the README against the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from skiplib import records
from skiplib.bars import WORLD, scoreboard
from skiplib.config import RECORDS_DIR, ROOT
from skiplib.derived import chosen
from skiplib.records import Record

START, END = "<!-- results: python -m skiplib.readme -->", "<!-- end of results -->"
SYSTEMS = ("ours_aligned", "ours")
STATED = ("ceiling_wer", "ceiling_bleu1", "i2s_zero_shot_accuracy", "i2s_shared_accuracy")
STATED += ("i2s_content_accuracy_speakable", "i2s_fact_f1_speakable", "memory_entropy")
STATED += ("train_seconds_elsewhere",)


def results(runs: Sequence[Record]) -> str:
    """A Markdown table: each metric with a bar, mean and 95% interval of each system that has a record.

    The records are those of `derived.chosen`.
    """
    shown = [name for name in SYSTEMS if any(r.system == name for r in runs)]
    if not shown:
        return "No record is committed yet.\n"
    metrics = [*dict.fromkeys([bar.metric for bar in WORLD] + list(STATED))]
    needed = [r for r in runs if r.system in shown or r.system == "aligned_no_Ladv"]
    summary = records.summary(needed, metrics)
    boards = {name: scoreboard(summary, name) for name in shown}
    heads = [f"`{name}`, seeds: {int(summary[summary['system'] == name]['seeds'].max())}" for name in shown]
    metrics = [name for name in metrics if all(name in board.index for board in boards.values())]
    lines = ["| metric | " + " | ".join([*heads, "bar", "met by `ours_aligned`"]) + " |"]
    lines.append("| --- " * (len(shown) + 3) + "|")
    for metric in metrics:
        cells = [_cell(board.loc[metric]) for board in boards.values()]
        of = boards.get("ours_aligned", next(iter(boards.values()))).loc[metric]
        lines.append(
            "| " + " | ".join([f"`{metric}`", *cells, str(of["bar"]) or "-", str(of["verdict"])]) + " |"
        )
    return "\n".join(lines) + "\n"


def updated(text: str, table: str) -> str:
    """The README `text` with `table` between the marks. Raises `ValueError` if a mark is missing."""
    before, after = text.index(START) + len(START), text.index(END)
    return f"{text[:before]}\n{table}{text[after:]}"


def _cell(row: pd.Series) -> str:
    if pd.isna(row["mean"]):
        return "missing"
    return f"{row['mean']:.4g} [{row['low']:.4g}, {row['high']:.4g}]"


def main(path: Path = ROOT / "README.md") -> None:
    """Write the table into the README."""
    table = results(chosen(records.read_records(RECORDS_DIR)))
    path.write_text(updated(path.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    main()
