"""One run from its names to its record: prepare, train, evaluate, write.

`python -m skiplib.runs VARIANT --scale demo --corpus skipworld --seed 0 --overlay "memory.slots=16"` does it
without a notebook, and under torchrun with several processes (`skiplib.team`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from skiplib import checkpoints, config, records, training
from skiplib.config import Experiment
from skiplib.digits import DigitJudge
from skiplib.errors import SkiplibError
from skiplib.evaluation import evaluate
from skiplib.files import digest
from skiplib.judge import Judge, WhisperJudge
from skiplib.logbook import read_starts
from skiplib.metrics import need_cider
from skiplib.overlays import format_overlay, parse_overlay
from skiplib.prepare import Prepared, prepare
from skiplib.provenance import commit, provenance
from skiplib.records import Record, run_id
from skiplib.systems import System
from skiplib.team import team


def folder_of(experiment: Experiment, overlay: Mapping[str, Any] | None = None) -> Path:
    """Where a run keeps its checkpoint and log."""
    e = experiment
    return config.RUNS_DIR / run_id(e.corpus, e.scale, e.variant, e.seed, overlay)


def judge_for(experiment: Experiment, prepared: Prepared) -> Judge:
    """Who listens to speech of this corpus."""
    if experiment.corpus == "digits":
        return DigitJudge.beside(prepared, experiment)
    return WhisperJudge()


def trained(
    experiment: Experiment,
    overlay: Mapping[str, Any] | None = None,
    watch: Callable[[Path], None] | None = None,
) -> tuple[System, Prepared, float]:
    """The trained model, its data, and the seconds of training; what is there already is not made again.

    `watch` is called with the run's folder whenever its log has grown.

    Raises `ConfigError`, before anything is made, if the processes cannot share the batches of a step.
    """
    team().share(experiment.optim.accumulate)
    prepared = prepare(experiment)
    model, seconds = training.train(experiment, prepared, folder_of(experiment, overlay), watch)
    return model, prepared, seconds


def run(
    experiment: Experiment, overlay: Mapping[str, Any] | None = None, judge: Judge | None = None
) -> tuple[Record, Path]:
    """Train and evaluate one experiment and write its record under `runs/records/`."""
    began, code = time.monotonic(), commit()  # a commit that is made meanwhile is not what runs
    if "+" in experiment.corpus:  # said before hours of training
        need_cider()
    model, prepared, seconds = trained(experiment, overlay)
    result = evaluate(model, prepared, judge or judge_for(experiment, prepared))
    result.scores["train_seconds"] = seconds
    checkpoint = folder_of(experiment, overlay) / checkpoints.FINAL
    origin = checkpoints.header(checkpoint)
    e = experiment
    words = f"papermill run_ablation.ipynb {e.variant}.ipynb"
    for name in ("variant", "scale", "corpus", "seed"):
        words += f" -p {name} {getattr(e, name)}"
    if overlay:
        words += f" -p overlay '{format_overlay(overlay)}'"
    record = records.make_record(
        experiment,
        result.scores,
        provenance(
            manifest=prepared.digest,
            content=prepared.content,
            device=model.device.type,
            wall_seconds=time.monotonic() - began,
            command=words,
            train_seconds=seconds,
            trained={name: origin[name] for name in training.ORIGIN if name in origin},
            code=code,
            starts=read_starts(folder_of(experiment, overlay)),
        ),
        overlay,
        {"checkpoint": digest(checkpoint)}
        | {name: origin[name] for name in ("code", "begun_with") if name in origin}
        | result.artefacts,
        result.outputs,
    )
    return record, records.write_record(record, config.RUNS_DIR / "records")


def main(arguments: list[str] | None = None) -> int:
    """The command line: writes a record and says where; of several processes all train and one evaluates."""
    parser = argparse.ArgumentParser(prog="python -m skiplib.runs", description=__doc__.split("\n")[0])
    parser.add_argument("variant")
    parser.add_argument("--scale", default="demo")
    parser.add_argument("--corpus", default="skipworld")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--overlay", default="", help="switches on top: 'name=value name=value'")
    given = parser.parse_args(arguments)
    try:
        overlay = parse_overlay(given.overlay)
        experiment = config.experiment(given.variant, given.scale, given.corpus, given.seed, overlay)
        if team().leads:
            _, path = run(experiment, overlay)
            sys.stdout.write(f"{path}\n")
        else:
            trained(experiment, overlay)
    except SkiplibError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: the same command goes on from the last checkpoint\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
