"""Switches as one line of text, `memory.slots=16 optim.rate=0.001`: the form that papermill can pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from skiplib.errors import ConfigError


def parse_overlay(text: str) -> dict[str, Any]:
    """The switches of a line of `name=value` pairs between spaces or semicolons; "" has none.

    A value reads as JSON (16, 0.5, true, [4,2,2,2]) or else as a word; `config.experiment` checks names
    and types. A value has no spaces in it.

    Raises `ConfigError` on what is no pair, or a name that comes twice.
    """
    overlay: dict[str, Any] = {}
    for pair in text.replace(";", " ").split():
        name, sign, value = pair.partition("=")
        if not (name and sign and value):
            raise ConfigError(
                f"{pair!r} in overlay {text!r} is no name=value; write it as 'memory.slots=16 memory.heads=2'"
            )
        if name in overlay:
            raise ConfigError(f"{name} comes twice in overlay {text!r}")
        overlay[name] = _value(value)
    return overlay


def format_overlay(overlay: Mapping[str, Any]) -> str:
    """The line that `parse_overlay` reads back."""
    return " ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, separators=(',', ':'))}"
        for name, value in overlay.items()
    )


def _value(text: str) -> Any:
    if text in ("True", "False"):  # Python's spelling; None is no value of any switch
        return text == "True"
    try:
        return json.loads(text)
    except ValueError:
        return text
