"""What stands at the foot of a page: where its notebook, its code and its data come from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import lru_cache
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
        "made by": _command(papermill.get("input_path") or notebook_path.name, parameters),
        "run at": str(papermill.get("start_time", "unknown"))[:19],
        "seconds": f"{papermill.get('duration') or 0:.0f}",
        **metadata.get("skiplib", {}),
        "data": _data(parameters.get("corpus", ""), parameters.get("scale", "demo")),
    }
    return {name: value for name, value in facts.items() if value}


def _command(notebook: str, parameters: Mapping[str, Any]) -> str:
    """What makes the page's notebook again, with every figure and table in it."""
    name = Path(notebook).name
    words = [f"papermill {name} {Path(name).stem}.out.ipynb"]
    words += [f"-p {key} {shlex.quote(str(value))}" for key, value in parameters.items()]
    return " ".join(words)


@lru_cache  # the files of a corpus are listed once, not for every page
def _data(corpus: str, scale: str) -> str:
    """The hash of the data of a run; empty where no corpus is named, or its data are not here."""
    try:
        return prepared_hash(experiment(scale=scale, corpus=corpus))[:12] if corpus else ""
    except SkiplibError:
        return ""
