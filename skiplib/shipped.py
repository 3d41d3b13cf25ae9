"""Checkpoints to try: one that ships with the package, and those of one's own runs.

`python -m skiplib.shipped RUN` makes a finished run (a folder under `runs/`) the one that ships.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from skiplib import checkpoints, config
from skiplib.bars import shown
from skiplib.errors import CheckpointError, SkiplibError
from skiplib.files import digest, whole
from skiplib.model import SkipNet
from skiplib.records import read_record

FOLDER = Path(__file__).with_name("shipped")
LIMIT = 20_000_000  # bytes of a checkpoint that ships
SHIPS = ("skipworld", "demo", {})  # corpus, scale and switches of a run that may


def found() -> dict[str, Path]:
    """Checkpoints by name: the one that ships, then those under `runs/`."""
    shipped = {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}
    return shipped | own_runs()


def own_runs() -> dict[str, Path]:
    """The finished checkpoints under `runs/`, by the names of their folders."""
    return {path.parent.name: path for path in sorted(config.RUNS_DIR.glob(f"*/{checkpoints.FINAL}"))}


def locate(name: str) -> Path:
    """The checkpoint of that name, or the file at that path.

    Raises `CheckpointError` if there is neither, with the list of names.
    """
    known, path = found(), Path(name)
    if name in known:
        return known[name]
    if path.suffix == ".safetensors" and path.is_file():
        return path
    if path.is_file():
        raise CheckpointError(f"{path} is no .safetensors file: no other is opened, a pickle least of all")
    raise CheckpointError(f"there is no checkpoint {name!r}; there are: {', '.join(known) or 'none'}")


def about(name: str) -> pd.Series:
    """What a checkpoint is, and what its record says it can do; a checkpoint elsewhere has no record."""
    path = locate(name)
    experiment = checkpoints.experiment_of(path)
    told = {key: getattr(experiment, key) for key in ("variant", "corpus", "scale", "seed")}
    records = (path.with_suffix(".json"), config.RUNS_DIR / "records" / f"{name}.json")
    own = digest(path)  # a record may be of the checkpoint that was there before
    for record in (read_record(place) for place in records if place.is_file()):
        if record.artefacts.get("checkpoint") != own:
            continue
        told["commit"] = (record.provenance.commit or "unknown")[:12]
        told |= {key: record.metrics[key].value for key in shown(record.corpus) if key in record.metrics}
    return pd.Series(told, name=name)


def ship(run: str) -> Path:
    """Copy a run's checkpoint and its record to where they ship from.

    Raises `CheckpointError` if there is none, if it is over 20 MB or none of `SHIPS`, or if the record is of
    another one.
    """
    source = config.RUNS_DIR / run / checkpoints.FINAL
    record_path = config.RUNS_DIR / "records" / f"{run}.json"
    if not source.is_file():
        raise CheckpointError(f"there is no run {run!r}; there are: {', '.join(own_runs()) or 'none'}")
    record = read_record(record_path)
    if record.artefacts.get("checkpoint") != digest(source):
        raise CheckpointError(f"{record_path} is the record of another checkpoint than {source}")
    if (record.corpus, record.scale, record.overlay) != SHIPS:
        raise CheckpointError(f"{run} is not of {SHIPS[0]}, {SHIPS[1]}, without switches: that is what ships")
    size = source.stat().st_size
    if size > LIMIT:
        raise CheckpointError(f"{run} would ship with {size / 1e6:.1f} MB; the most is {LIMIT / 1e6:.0f} MB")
    path = FOLDER / f"{record.system}.safetensors"
    for place, copied in ((path, source), (path.with_suffix(".json"), record_path)):
        with whole(place) as partial:
            partial.write_bytes(copied.read_bytes())
    return path


def load(name: str) -> SkipNet:
    """The model of a checkpoint, by `locate`'s name, that has a bottleneck to look into.

    Raises `CheckpointError` as `locate` and `checkpoints.load_model` do, and for a baseline.
    """
    model = checkpoints.load_model(locate(name))
    if not isinstance(model, SkipNet):
        raise CheckpointError(f"{name} is a {model.experiment.variant}: it has no bottleneck to look into")
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make a finished run the one that ships with the package.")
    parser.add_argument("run", help="the name of its folder under runs/")
    try:
        sys.stdout.write(f"{ship(parser.parse_args().run)}\n")
    except SkiplibError as error:
        sys.exit(str(error))
