"""What stands at the foot of a page: where its notebook, its code and its data come from."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

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
        "data": _data(parameters.get("corpus", ""), parameters.get("scale", "demo")),
    }
    return {name: value for name, value in facts.items() if value}


@lru_cache  # the files of a corpus are listed once, not for every page
def _data(corpus: str, scale: str) -> str:
    """The hash of the data of a run; empty where no corpus is named, or its data are not here."""
    try:
        return prepared_hash(experiment(scale=scale, corpus=corpus))[:12] if corpus else ""
    except SkiplibError:
        return ""
