"""What stands at the foot of a page: where its notebook, its code and its data come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from skiplib.config import experiment
from skiplib.errors import SkiplibError
from skiplib.prepare import prepared_hash


def footer(notebook_path: Path) -> dict[str, str]:
    """Where an executed notebook comes from: what papermill and `execute` wrote into it, and the hash of the
    data that its parameters name."""
    metadata = nbformat.read(notebook_path, as_version=4).metadata
    papermill = metadata.get("papermill", {})
    parameters = dict(papermill.get("parameters", {}))
    facts = {
        "notebook": notebook_path.name,
        "parameters": json.dumps(parameters),
        "run at": str(papermill.get("start_time", "unknown"))[:19],
        "seconds": f"{papermill.get('duration') or 0:.0f}",
        **metadata.get("skiplib", {}),
        "data": _data(parameters),
    }
    return {name: value for name, value in facts.items() if value}


def _data(parameters: Mapping[str, Any]) -> str:
    """The hash of the data of a run with these parameters; empty where they name none, or there are none."""
    if "corpus" not in parameters:
        return ""
    names = {name: parameters[name] for name in ("scale", "corpus") if name in parameters}
    try:
        return prepared_hash(experiment(**names))[:12]
    except SkiplibError:  # its files are not here
        return ""
