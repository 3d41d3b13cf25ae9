"""Which records belong together: a mean over seeds is one of one system, by one setting, on the same data."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path

from pydantic import ValidationError

from skiplib import config
from skiplib.config import Experiment
from skiplib.errors import ConfigError
from skiplib.records import Record, read_records

log = logging.getLogger(__name__)
DATA = ("world", "digits", "sentences", "audio", "image")  # the groups of switches that data follow from


def latest(*folders: Path) -> list[Record]:
    """The records of several folders (the committed ones, then those of runs on this machine, if none is
    named); of a run that more than one has, that of the last.

    Records that do not belong together are left out, with a warning that names them: those of other settings
    than their names stand for today, and those of other data than the records of the last folder.
    """
    found: dict[str, Record] = {}
    data: dict[tuple[str, ...], str] = {}
    for folder in folders or (config.RECORDS_DIR, config.RUNS_DIR / "records"):
        here = [record for record in read_records(folder) if _is_of_today(record, folder)]
        found |= {record.run_id: record for record in here}
        contents: dict[tuple[str, ...], Counter[str]] = {}
        for record in here:
            contents.setdefault(_world(record), Counter()).update(filter(None, [record.provenance.content]))
        data |= {group: counted.most_common(1)[0][0] for group, counted in contents.items() if counted}
    return [record for record in found.values() if _is_of_data(record, data.get(_world(record)))]


def _world(record: Record) -> tuple[str, ...]:
    """What the data of a run follow from: records that share it are of the same data."""
    of_data = {name: value for name, value in record.overlay.items() if name.partition(".")[0] in DATA}
    return record.corpus, record.scale, json.dumps(of_data, sort_keys=True)


def is_as_named(record: Record) -> bool:
    """Whether the settings of a run are those that its name stands for today: defaults change, and seeds of
    two settings are no seeds of one system."""
    try:
        was = Experiment.model_validate_json(json.dumps(record.parameters))
        return was == config.experiment(
            record.system, record.scale, record.corpus, record.seed, record.overlay
        )
    except (ValidationError, ConfigError):
        return False


def _is_of_today(record: Record, folder: Path) -> bool:
    if not (same := is_as_named(record)):
        log.warning(
            "%s is of other settings than %s has now: left out", folder / record.run_id, record.system
        )
    return same


def _is_of_data(record: Record, content: str | None) -> bool:
    same = content is None or record.provenance.content == content
    if not same:
        log.warning("%s is of other data than the last records of its corpus: left out", record.run_id)
    return same
