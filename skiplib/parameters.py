"""What a notebook declares as parameters, and what it is given.

papermill only warns about a parameter that a notebook does not declare: `check_parameters(globals())`, in the
first code cell after the one tagged `parameters`, stops instead and lists what exists.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat

from skiplib.errors import ConfigError

INJECTED = "# Parameters\n"  # papermill opens the cell that it adds with this line


def check_parameters(namespace: Mapping[str, Any]) -> None:
    """Hold what papermill injected against what the notebook declares; the cell after the parameters.

    `namespace` is the notebook's `globals()`; its `In` holds the cells that ran, so the call needs no
    second list of the parameters. Without papermill there is nothing to check.

    Raises `ConfigError`, with the list of what exists, on an unknown name or a value of another type.
    """
    cells = namespace.get("In", [])
    for before, injected in pairwise(cells):
        if injected.startswith(INJECTED):
            check(_assigned(injected), _assigned(before))
            return


def declared(notebook: Path) -> dict[str, Any]:
    """The parameters of a notebook with their defaults: what its cell tagged `parameters` assigns.

    Raises `ConfigError` if it is no notebook.
    """
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError) as error:  # what is no notebook: `NotJSONError` is a ValueError
        raise ConfigError(f"{notebook} cannot be read as a notebook: {error}") from error
    for cell in cells:
        if "parameters" in cell.metadata.get("tags", []):
            return _assigned(cell.source)
    return {}


def _assigned(source: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                try:
                    values[target.id] = ast.literal_eval(node.value)
                except ValueError as error:
                    raise ConfigError(f"the parameter {target.id} has no literal as its value") from error
    return values


def check(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Hold given parameters against the known ones and their defaults. Raises as `check_parameters` does."""
    problems = [f"unknown parameter {name!r}" for name in given if name not in known]
    problems += [
        f"{name} = {value!r} is {_kind(value)}, and should be {_kind(known[name])}"
        for name, value in given.items()
        if name in known and not _fits(value, known[name])
    ]
    if problems:
        there = ", ".join(f"{name} = {default!r}" for name, default in known.items())
        raise ConfigError(f"{'; '.join(problems)}. This notebook's parameters: {there or 'none'}")


def _fits(value: Any, default: Any) -> bool:
    return type(value) in (int, float) if isinstance(default, float) else type(value) is type(default)


def _kind(value: Any) -> str:
    names = {str: "text", bool: "True or False", int: "a whole number", float: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")


def read_value(text: str, default: Any) -> Any:
    """The text of a command line as the type of the default; what does not read so stays text."""
    if isinstance(default, str):
        return text
    if isinstance(default, bool) and text in ("True", "False"):  # as the notebook writes them
        return text == "True"
    try:
        return json.loads(text)
    except ValueError:
        return text
