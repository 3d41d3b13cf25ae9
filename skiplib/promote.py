"""Records of finished runs into `reports/records/`, where they are committed and the tables look:
`make promote`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from skiplib import config
from skiplib.errors import SkiplibError
from skiplib.pooled import is_as_named
from skiplib.provenance import CODE
from skiplib.records import Record, read_records, write_record


def promote(source: Path, target: Path) -> dict[str, str]:
    """Write the records under `source` to `target`, and say of each run what became of its record: it is new,
    or replaces one, or why it is left out. Those of `smoke` are not looked at."""
    committed = {record.run_id: record for record in read_records(target)}
    told = {}
    for record in read_records(source):
        if record.scale == "smoke":
            continue
        there = committed.get(record.run_id)
        why_not = _unfit(record, there)
        if not why_not:
            write_record(record, target)
        done = "replaces the one there" if there else "new"
        told[record.run_id] = f"left out: {why_not}" if why_not else done
    return told


def _unfit(record: Record, there: Record | None) -> str:
    """Why a record is not to be committed, or not in the place of the one that is `there`."""
    if record.provenance.dirty is not False or record.provenance.commit is None:
        return f"it was made by code that is in no commit: {', '.join(CODE[:-1])} differed from it"
    if not is_as_named(record):
        return f"{record.system} has other settings now"
    if record == there:
        return "it is there already"
    if there is not None and _before(record.provenance.commit, there.provenance.commit):
        return f"the one there was made by a later commit, {there.provenance.commit}"
    return ""


def _before(commit: str, other: str | None) -> bool:
    """Whether `commit` is an ancestor of `other`, and not the same."""
    if other is None or commit == other:
        return False
    asked = ["git", "merge-base", "--is-ancestor", commit, other]
    return subprocess.run(asked, cwd=config.ROOT, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    try:
        for name, became in promote(config.RUNS_DIR / "records", config.RECORDS_DIR).items():
            sys.stdout.write(f"{name}: {became}\n")
    except SkiplibError as error:
        sys.exit(str(error))
