"""Modules import in one direction, that of the flow in CONTRIBUTING.md, and stay small."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from skiplib.config import ROOT

PACKAGE = ROOT / "skiplib"
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def flow() -> list[str]:
    """The modules, a package as one, in the order of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [
        name for line in re.findall(r"^    \w[\w ]+? {2,}(\w.*)$", text, re.M) for name in line.split(", ")
    ]


def unit(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "skiplib":
            inside = node.module.split(".")[1:]
            yield from inside[:1] or (alias.name for alias in node.names)


def test_every_module_stands_in_the_flow_once() -> None:
    assert sorted(flow()) == sorted({unit(path) for path in FILES})


def test_a_module_imports_what_stands_before_it() -> None:
    order = flow()
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in FILES
        for name in imported(path)
        if order.index(name) > order.index(unit(path))
    ]
    assert not wrong


def test_a_module_has_about_250_lines_or_fewer() -> None:
    long = {path.name: n for path in FILES if (n := len(path.read_text("utf-8").splitlines())) > 260}
    assert not long
