"""One run is one record: what was run, on what, what came out; and records become tables.

A record is a JSON file named after its run, written once and whole. It keeps the scores of every item, so
that an interval over seeds and items can be drawn from the records alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from skiplib.config import Experiment
from skiplib.errors import RecordError
from skiplib.files import whole
from skiplib.provenance import Provenance
from skiplib.scores import BleuScores, ItemScores, Scores, bootstrap, stratified_bootstrap

DIGITS = 6  # significant, of measured numbers
GROUP = ["system", "overlay", "corpus", "scale"]


class Part(BaseModel):
    """A part of a record: frozen, and refusing unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Metric(Part):
    """A number, over how many items, and its 95% interval over them where it has one; None is NaN."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


class Record(Part):
    """A finished run. `items` holds per-item scores by metric, BLEU's for all four orders under `*_bleu`;
    `outputs` what was written and heard, as `i2s`, item by item; `artefacts` digests: of the checkpoint, of
    the training code, of the weights that training began with, of the reader of attributes."""

    run_id: str
    system: str
    overlay: dict[str, Any] = {}
    corpus: str
    scale: str
    seed: int
    parameters: dict[str, Any]
    metrics: dict[str, Metric]
    items: dict[str, dict[str, list[Any]]] = {}
    outputs: dict[str, list[str]] = {}
    provenance: Provenance
    artefacts: dict[str, str] = {}
    status: Literal["complete", "partial"] = "complete"

    @model_validator(mode="after")
    def _named_after_its_run(self) -> Record:
        expected = run_id(self.corpus, self.scale, self.system, self.seed, self.overlay)
        if self.run_id != expected:
            raise ValueError(f"run_id is {self.run_id!r}, its fields make {expected!r}")
        return self

    def scores(self, metric: str) -> Scores | None:
        """The per-item scores of `metric`, or None if the record has only its value."""
        if metric in self.items:
            columns = self.items[metric]
            return ItemScores(np.array(columns["numerator"]), np.array(columns["denominator"]))
        found = re.fullmatch(r"(\w+_bleu)([1-4])", metric)
        if found and found[1] in self.items:
            columns = {name: np.array(column) for name, column in self.items[found[1]].items()}
            return BleuScores(**columns, order=int(found[2]))
        return None


def run_id(corpus: str, scale: str, system: str, seed: int, overlay: Mapping[str, Any] | None = None) -> str:
    """`<corpus>-<scale>-<system>-s<seed>`, and its `overlay_digest` if there is an overlay."""
    name = f"{corpus}-{scale}-{system}-s{seed}"
    return f"{name}-{overlay_digest(overlay)}" if overlay else name


def overlay_digest(overlay: Mapping[str, Any]) -> str:
    """Eight hex digits of the hash of an overlay, whatever the order of its switches."""
    return hashlib.sha256(json.dumps(overlay, sort_keys=True).encode()).hexdigest()[:8]


def make_record(
    experiment: Experiment,
    scores: Mapping[str, Scores | float | int],
    provenance: Provenance,
    overlay: Mapping[str, Any] | None = None,
    artefacts: Mapping[str, str] | None = None,
    outputs: Mapping[str, list[str]] | None = None,
) -> Record:
    """The record of `experiment`. Of each metric either scores, kept and given an interval, or a number.

    BLEU-n of one task go in as `i2t_bleu1` to `i2t_bleu4`; their counts are kept once.
    """
    metrics, items = {}, {}
    for name, given in scores.items():
        if isinstance(given, int | float):
            metrics[name] = Metric(value=_rounded(given), n=1)
            continue
        stored = name[:-1] if isinstance(given, BleuScores) else name
        metrics[name], items[stored] = measured(given)
    overlay = json.loads(json.dumps(dict(overlay or {})))  # tuples become lists, as when read back
    system, corpus, scale, seed = (getattr(experiment, key) for key in ("variant", "corpus", "scale", "seed"))
    return Record(
        run_id=run_id(corpus, scale, system, seed, overlay),
        system=system,
        overlay=overlay,
        corpus=corpus,
        scale=scale,
        seed=seed,
        parameters=experiment.model_dump(mode="json"),
        metrics=metrics,
        items=items,
        provenance=provenance,
        artefacts=dict(artefacts or {}),
        outputs=dict(outputs or {}),
    )


def write_record(record: Record, folder: Path) -> Path:
    """Write `<folder>/<run id>.json` in one move; a field takes a line, so that git can compare them."""
    path = folder / f"{record.run_id}.json"
    fields = json.loads(record.model_dump_json())
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in fields.items())
    with whole(path) as partial:
        partial.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    return path


def read_record(path: Path) -> Record:
    """The record in `path`. Raises `RecordError`, naming it, if it does not parse or lacks a field."""
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise RecordError(f"{path} is not a record: {wrong}") from error


def read_records(folder: Path) -> list[Record]:
    """Every record of a folder in order of name, none if it does not exist; raises as `read_record`."""
    return [read_record(path) for path in sorted(folder.glob("*.json"))]


def summary(records: Sequence[Record], metrics: Sequence[str]) -> pd.DataFrame:
    """One row a system, overlay, corpus, scale and metric: mean over seeds, its 95% interval, seeds, items.

    The interval resamples items, where records kept them, and adds what seeds differ by.
    """
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(group_of(record), []).append(record)
    rows = []
    for group, members in groups.items():
        for metric in metrics:
            runs = [r for r in members if metric in r.metrics and r.metrics[metric].value is not None]
            if runs:
                values = np.array([r.metrics[metric].value for r in runs])
                alone = [ItemScores(np.array([value]), np.ones(1)) for value in values]
                scores = [r.scores(metric) or one for r, one in zip(runs, alone, strict=True)]
                low, high = stratified_bootstrap(scores)
                n = sum(r.metrics[metric].n for r in runs)
                rows.append((*group, metric, values.mean(), low, high, len(runs), n))
    return pd.DataFrame(rows, columns=[*GROUP, "metric", "mean", "low", "high", "seeds", "n"])


def seeds(
    records: Sequence[Record], systems: Sequence[str], stopped: Mapping[str, Sequence[int]] | None = None
) -> pd.DataFrame:
    """The seeds of each system, a row each, with a column for each machine that trained some of them, and one
    for seeds whose run `stopped` with an error, where there are any."""
    where = [(r.system, r.provenance.trained_on, r.seed) for r in records]
    machines = sorted({machine for _, machine, _ in where})
    rows = {}
    for system in systems:
        own = sorted((seed, machine) for name, machine, seed in where if name == system)
        cells = [", ".join(str(seed) for seed, place in own if place == machine) for machine in machines]
        rows[system] = [", ".join(str(seed) for seed, _ in own) or "missing", *cells]
    columns = ["seeds", *(f"trained on {machine}" for machine in machines)]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    lost = [", ".join(map(str, (stopped or {}).get(name, ()))) for name in frame.index]
    if any(lost):
        frame["stopped with an error"] = lost
    return frame


def measured(scores: Scores) -> tuple[Metric, dict[str, list[Any]]]:
    """A record's number with its interval, and the columns of its items."""
    low, high = bootstrap(scores, n=1_000)  # of one run alone: no verdict hangs on it
    metric = Metric(value=_rounded(scores.value), n=len(scores), low=_rounded(low), high=_rounded(high))
    columns = {key: column for key, column in vars(scores).items() if key != "order"}
    return metric, {key: _rounded(column.tolist()) for key, column in columns.items()}


def group_of(record: Record) -> tuple[str, ...]:
    """What the seeds of a row have in common, as `GROUP` names it."""
    overlay = " ".join(f"{key}={json.dumps(value)}" for key, value in sorted(record.overlay.items()))
    return record.system, overlay, record.corpus, record.scale


def _rounded(value: Any) -> Any:
    """`value` with floats to six significant digits, whole ones as integers, and no NaN, which JSON lacks."""
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else float(f"{value:.{DIGITS}g}")
