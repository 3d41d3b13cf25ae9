"""The README's tables of measured results, made from the committed records alone.

`python -m skiplib.readme` writes them anew; a test holds the README against the records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from skiplib import paper, records
from skiplib.bars import WORLD, scoreboard
from skiplib.claims import FAMILIES, member
from skiplib.config import RECORDS_DIR, ROOT
from skiplib.derived import chosen
from skiplib.files import whole
from skiplib.pooled import latest
from skiplib.records import Record
from skiplib.results import parameters

START, END = "<!-- {}: python -m skiplib.readme -->", "<!-- end of {} -->"
NOTHING = "No record is committed yet.\n"
SYSTEMS = ("ours_aligned", "ours")
STATED = ("judge_wer_sentences", "ceiling_wer", "ceiling_bleu1")
STATED += ("i2s_zero_shot_accuracy", "i2s_shared_accuracy")
STATED += ("i2s_content_accuracy_speakable", "i2s_fact_f1_speakable", "memory_entropy", "memory_slots_used")
STATED += ("i2t_content_accuracy_u_shuffled", "i2t_content_accuracy_u_shuffled_chance")
STATED += ("t2i_attribute_accuracy_chance", "train_seconds_elsewhere")
PHOTOGRAPHS = {"i2t_bleu4": "I2T BLEU-4", "i2t_cider": "I2T CIDEr", "i2s_bleu1": "I2S BLEU-1"}
PHOTOGRAPHS |= {"i2s_bleu4": "I2S BLEU-4", "i2s_unique_words": "different words heard", "s2t_wer": "S2T WER"}
PHOTOGRAPHS |= {"t2s_wer": "T2S WER", "judge_wer_vocoded": "WER of the true voice"}


def bars(runs: Sequence[Record]) -> str:
    """A Markdown table: each metric with a bar, mean and 95% interval of each system that has a record.

    The records are those of `derived.chosen`, here and below.
    """
    shown = [name for name in SYSTEMS if any(r.system == name for r in runs)]
    if not shown:
        return NOTHING
    metrics = [*dict.fromkeys([bar.metric for bar in WORLD] + list(STATED))]
    needed = [r for r in runs if r.system in shown or r.system == "aligned_no_Ladv"]
    summary = records.summary(needed, metrics)
    boards = {name: scoreboard(summary, name) for name in shown}
    most = {name: int(board["seeds"].max()) for name, board in boards.items()}
    heads = [f"`{name}`, seeds: {most[name]}" for name in shown]
    metrics = [name for name in metrics if all(name in board.index for board in boards.values())]
    rows = [["metric", *heads, "bar", f"met by `{shown[0]}`"]]
    for metric in metrics:
        cells = [_cell(board.loc[metric]) + _fewer(board.loc[metric], most[n]) for n, board in boards.items()]
        of = boards[shown[0]].loc[metric]
        rows.append([f"`{metric}`", *cells, str(of["bar"]) or "-", str(of["verdict"])])
    return _markdown(rows)


def systems(
    runs: Sequence[Record],
    metrics: Mapping[str, str],
    reported: Mapping[str, Mapping[str, float]],
) -> str:
    """A Markdown table, a row a system: the mean of each of `metrics` (to their titles) with its interval,
    and before it the paper's number where there is one. Beside each stands how many parameters it has.

    A system of the table that no record measures is "missing"; one that is not in the paper is left out then.
    """
    rows = [["system", "parameters", "seeds", *metrics.values()]]
    for name in dict.fromkeys(member(name, family) for family in FAMILIES for name in reported):
        own = [r for r in runs if r.system == name]
        said = reported.get(name, {})
        if not own and not said:
            continue
        found = records.summary(own, list(metrics)).set_index("metric") if own else pd.DataFrame()
        cells = []
        for metric in metrics:
            cell = _cell(found.loc[metric], digits=3) if metric in found.index else "missing"
            cells.append(f"({said[metric]:.3g}) {cell}" if metric in said else cell)
        size = parameters(name, own[0].scale, own[0].corpus) if own else parameters(name)
        rows.append([f"`{name}`", size, str(len(own)), *cells])
    return _markdown(rows) if len(rows) > 1 else NOTHING


def tables(found: Sequence[Record]) -> dict[str, str]:
    """Every table of the README by the name in its marks, from all committed records."""
    world = chosen(found)
    made = {
        "bars": bars(world),
        "table 1": systems(world, paper.METRICS["1"], paper.TABLE_1),
        "table 4": systems(world, paper.METRICS["4"], paper.TABLE_4),
    }
    rows: dict[str, dict[str, float]] = {"piecewise": {}, "ours": {}}  # of which the paper says nothing
    for corpus in ("flickr8k+cococaptions", "flickr8k+ljspeech"):
        made[corpus] = systems(chosen(found, corpus=corpus), PHOTOGRAPHS, rows)
    return made


def updated(text: str, made: Mapping[str, str]) -> str:
    """The README `text` with each table between its marks. Raises `ValueError` if a mark is missing."""
    for name, table in made.items():
        start, end = START.format(name), END.format(name)
        before, after = text.index(start) + len(start), text.index(end)
        text = f"{text[:before]}\n{table}{text[after:]}"
    return text


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "| --- " * len(rows[0]) + "|", *rest]) + "\n"


def _cell(row: pd.Series, digits: int = 4) -> str:
    if pd.isna(row["mean"]):
        return "missing"
    mean, low, high = (f"{row[name]:.{digits}g}" for name in ("mean", "low", "high"))
    if row.get("seeds") == 1 and low == high:  # one number of one run
        return mean
    return f"{mean} [{low}, {high}]"


def _fewer(row: pd.Series, most: int) -> str:
    """Of how many seeds a cell is, where the head says another number."""
    if pd.isna(row["mean"]) or row["seeds"] == most:
        return ""
    return f" (seeds: {int(row['seeds'])})"


def main(path: Path = ROOT / "README.md") -> None:
    """Write the tables into the README."""
    made = tables(latest(RECORDS_DIR))
    text = updated(path.read_text(encoding="utf-8"), made)
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
