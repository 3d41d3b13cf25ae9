"""Sweeps beyond the paper: one switch over several values, all else as it is by default."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from skiplib import records
from skiplib.config import experiment, switches
from skiplib.errors import ConfigError
from skiplib.overlays import parse_overlay
from skiplib.records import Record


@dataclass(frozen=True)
class Sweep:
    """`question` is asked by setting `switch` to each of `values` in each of `systems`, with what is `fixed`
    in all of them."""

    name: str
    question: str
    switch: str
    values: tuple[Any, ...]
    systems: tuple[str, ...] = ("ours_aligned",)
    fixed: Mapping[str, Any] = field(default_factory=dict)


SWEEPS = (
    Sweep(
        "tie",
        "What must tie the codes of a pair for an image to be spoken?",
        "alignment.kind",
        ("none", "text_autoencoding", "l2", "contrastive", "both"),
        # What else ties the codes of a pair is off: the text stage autoencodes, E_img and E_spch follow.
        fixed={
            "alignment.text_stage": 0.0,
            "alignment.follow": False,
            "alignment.gap_noise": 0.0,
            "alignment.wording": "caption",
        },
    ),
    Sweep(
        "wording",
        "Should an image follow the code of its caption, or of what D_txt makes of it?",
        "alignment.wording",
        ("caption", "likeliest"),
    ),
    Sweep("slots", "How many slots does M need?", "memory.slots", (16, 32, 64, 128, 256)),
    Sweep(
        "attend",
        "What is gained if D_spch attends over more than one vector?",
        "speech_decoder.attend",
        ("single", "heads", "slots", "sequence"),
    ),
    Sweep("pool", "Does E_img need a grid of places?", "image_encoder.pool", ("global", "grid")),
    Sweep(
        "condition",
        "Does D_txt need u at every step?",
        "text_decoder.condition",
        ("init", "every_step"),
    ),
    Sweep(
        "overlap",
        "Does a gap between the vocabularies hurt the piecewise models most?",
        "world.overlap",
        (0.1, 0.26, 0.5, 1.0),
        ("ours_aligned", "ours", "piecewise"),
    ),
    # Other readings of the paper (DECISIONS.md 2, 5, 12, 13, 14, 18): page 07 holds them against the default.
    Sweep("layout", "Is M as the code has it?", "memory.layout", ("paper", "code"), ("ours",)),
    Sweep("adversary", "Which half of L_adv?", "adversarial.form", ("both", "text", "reversal"), ("ours",)),
    Sweep("reach", "How deep does L_adv reach?", "adversarial.reach", ("encoders", "transformer"), ("ours",)),
    Sweep(
        "norm",
        "Does T help where nothing bounds z?",
        "transformer.norm",
        ("batch", "layer", "none"),
        ("ours", "no_T"),
    ),
    Sweep(
        "roles",
        "Which of the RNNs of D_spch has two layers?",
        "speech_decoder.layout",
        ("paper", "tacotron"),
        ("ours",),
    ),
    Sweep("stop", "What ends a spoken sentence?", "speech_decoder.stop", ("token", "silence"), ("ours",)),
    Sweep("reduction", "Are losses means or sums?", "loss.reduction", ("mean", "sum"), ("ours",)),
    Sweep(
        "share",
        "Does joint training help where data are few?",
        "optim.share",
        (0.1, 0.3, 1.0),
        ("ours_aligned", "ours", "separate"),
    ),
)


def named(name: str) -> Sweep:
    """The sweep of that name. Raises `ConfigError`, with the list of all, if there is none."""
    found = {sweep.name: sweep for sweep in SWEEPS}
    if name not in found:
        raise ConfigError(f"unknown sweep {name!r}; there are: {', '.join(found)}")
    return found[name]


def overlays(
    sweep: Sweep, system: str, scale: str = "demo", corpus: str = "skipworld"
) -> list[dict[str, Any]]:
    """The switches of each value, in order; at the value that the system has anyway, what is fixed alone."""
    group, _, key = sweep.switch.partition(".")
    assert sweep.switch in switches(), sweep.switch
    default = getattr(getattr(experiment(system, scale, corpus), group), key)
    return [{**sweep.fixed, **({} if value == default else {sweep.switch: value})} for value in sweep.values]


def name(system: str, overlay: Mapping[str, Any]) -> str:
    """That of a point's notebook: the system, and what its record's name ends in if there are switches."""
    return f"{system}-{records.overlay_digest(overlay)}" if overlay else system


def stopped(
    seeds: Mapping[str, Sequence[int]], sweep: Sweep, scale: str = "demo", corpus: str = "skipworld"
) -> list[str]:
    """The points of a sweep with `seeds` that stopped with an error (`execute.stopped`), in words."""
    return [
        f"`{system}` with `{sweep.switch}={value}`, seed {', '.join(map(str, found))}"
        for system in sweep.systems
        for value, overlay in zip(sweep.values, overlays(sweep, system, scale, corpus), strict=True)
        if (found := seeds.get(name(system, overlay)))
    ]


def points(
    found: Sequence[Record],
    sweep: Sweep,
    metrics: Sequence[str],
    scale: str = "demo",
    corpus: str = "skipworld",
) -> pd.DataFrame:
    """One row a system, value and metric: mean over seeds, its interval, seeds (0: nothing ran), items."""
    rows = []
    for system in sweep.systems:
        for value, overlay in zip(sweep.values, overlays(sweep, system, scale, corpus), strict=True):
            wanted = (system, overlay, scale, corpus)
            runs = [r for r in found if (r.system, r.overlay, r.scale, r.corpus) == wanted]
            summary = records.summary(runs, metrics).set_index("metric").reindex(metrics)
            for metric, row in summary.iterrows():
                seeds = 0 if pd.isna(row["seeds"]) else int(row["seeds"])
                rows.append((system, value, metric, row["mean"], row["low"], row["high"], seeds, row["n"]))
    columns = [*("system", sweep.switch, "metric"), *("mean", "low", "high", "seeds", "n")]
    return pd.DataFrame(rows, columns=columns)


if __name__ == "__main__":  # how the Makefile names a notebook
    try:
        sys.stdout.write(name(sys.argv[1], parse_overlay(sys.argv[2])))
    except ConfigError as error:
        sys.exit(str(error))
