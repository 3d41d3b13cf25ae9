"""The bars that a demo run of `ours_aligned` must pass on each corpus, and a system held against them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skiplib.config import CORPORA


class Bar(NamedTuple):
    """What a metric must reach: `bound`, and `factor` times the metric `of` where there is one."""

    metric: str
    sense: str
    bound: float
    of: str = ""
    factor: float = 1.0


WITHOUT = "without L_adv"  # the same metric of the same system trained without the adversarial loss
WORLD = (
    Bar("judge_wer_truth", "<=", 0.02),
    Bar("judge_wer_vocoded", "<=", 0.03),
    Bar("i2t_content_accuracy", ">=", 0.95),
    Bar("i2t_fact_f1", ">=", 0.90),
    Bar("i2t_bleu1", ">=", 0.0, "ceiling_bleu1", 0.95),
    Bar("s2t_wer", "<=", 0.05),
    Bar("t2s_wer", "<=", 0.10),
    Bar("i2s_content_accuracy", ">=", 0.90),
    Bar("i2s_fact_f1", ">=", 0.85),
    Bar("i2s_wer", "<=", 0.10, "ceiling_wer"),
    Bar("i2s_i2t_agreement", ">=", 0.90),
    Bar("t2i_attribute_accuracy", ">=", 0.80),
    Bar("s2i_attribute_accuracy", ">=", 0.70),
    Bar("pair_retrieval_r1_image", ">=", 0.90),
    Bar("pair_retrieval_r1_speech", ">=", 0.90),
    Bar("modality_probe_accuracy", "<", 0.0, WITHOUT),
    Bar("train_seconds", "<=", 1_200),
)
HALVES = [corpus for corpus in CORPORA if "+" in corpus]  # photographs, and sentences of elsewhere
HEARD = Bar("judge_wer_vocoded", "<=", 0.1)
NARROW = (HEARD, Bar("i2s_bleu4", ">=", 0.0, "i2t_bleu4", 0.7))
# Of a folder of one's own nothing is promised but that the judge hears the truth, and of a wide gap neither.
BARS = {
    **dict.fromkeys(HALVES, (HEARD,)),
    "flickr8k+cococaptions": NARROW,
    "skipworld": WORLD,
    "digits": (Bar("i2s_digit_accuracy", ">=", 0.95),),
    "folder": (HEARD,),
}
TOLD = ("i2s_bleu4", "i2t_bleu4", "i2t_cider", "t2s_wer", "s2t_wer", "judge_wer_vocoded")
MAIN = {  # the metrics that a figure shows
    **dict.fromkeys(HALVES, TOLD),
    "skipworld": ("i2s_content_accuracy", "i2t_content_accuracy", "i2s_wer", "t2s_wer", "s2t_wer"),
    "folder": ("i2s_bleu1", "i2t_bleu1", "i2s_wer", "t2s_wer", "s2t_wer", "judge_wer_vocoded"),
    "digits": ("i2s_digit_accuracy", "i2t_digit_accuracy", "t2i_digit_accuracy", "s2i_digit_accuracy"),
}


def shown(corpus: str) -> tuple[str, ...]:
    """The metrics that a figure of a corpus shows; of one without its own, those of photographs."""
    return MAIN.get(corpus, TOLD)


def main(summary: pd.DataFrame, corpus: str, *more: str) -> pd.DataFrame:
    """The rows of `records.summary` that a figure shows, in its order: those of `shown`, and `more`."""
    order = [*shown(corpus), *more]
    rows = summary[summary["metric"].isin(order)]
    return rows.sort_values("metric", key=lambda names: names.map(order.index))


def marks(corpus: str) -> dict[str, float]:
    """The bars of a corpus that are plain numbers, by metric."""
    return {bar.metric: bar.bound for bar in BARS.get(corpus, ()) if not bar.of}


def scoreboard(summary: pd.DataFrame, system: str, corpus: str = "skipworld") -> pd.DataFrame:
    """Every metric of a system, means and intervals over seeds, beside its bar and whether it is met.

    `summary` is `records.summary` of one corpus, scale and overlay. What no record has is "missing".
    """
    means = summary.set_index(["system", "metric"])
    bars = {bar.metric: bar for bar in BARS.get(corpus, ())}
    rows = []
    for name in dict.fromkeys([*bars, *summary.loc[summary["system"] == system, "metric"]]):
        found = means.loc[(system, name)] if (system, name) in means.index else None
        text, verdict = _verdict(bars.get(name), system, found, means)
        cells = [np.nan] * 5 if found is None else found[["mean", "low", "high", "seeds", "n"]].tolist()
        rows.append([name, *cells, text, verdict])
    columns = ["metric", "mean", "low", "high", "seeds", "n", "bar", "verdict"]
    return pd.DataFrame(rows, columns=columns).set_index("metric").astype({"seeds": "Int64", "n": "Int64"})


def _verdict(bar: Bar | None, system: str, found: Any, means: pd.DataFrame) -> tuple[str, str]:
    """The bar of a metric in words, and whether what was found meets it."""
    verdict = "missing" if found is None else "no bar"
    if bar is None or (bar.of == WITHOUT and system.endswith("no_Ladv")):
        return "", verdict
    other, column = (system, bar.of), "mean"
    if bar.of == WITHOUT:
        name = "no_T_no_Ladv" if "no_T" in system else "no_Ladv"
        other, column = (f"aligned_{name}" if "aligned" in system else name, bar.metric), "low"
    if bar.of and other not in means.index:
        return f"{bar.sense} that of {other[0]}", "missing" if found is None else "undecided"
    bound = bar.bound + (bar.factor * means.loc[other][column] if bar.of else 0.0)
    if found is not None:
        value = found["high"] if bar.of == WITHOUT else found["mean"]
        met = {"<=": value <= bound, ">=": value >= bound, "<": value < bound}[bar.sense]
        verdict = "met" if met else "missed"
    return f"{bar.sense} {bound:.4g}", verdict
