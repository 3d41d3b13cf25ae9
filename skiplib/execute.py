"""Running a notebook so that a success is one: papermill, and what papermill does not check.

`python -m skiplib.execute NOTEBOOK OUTPUT -p NAME VALUE ...` refuses parameters that the notebook does
not declare, shows the notebook's own output as it comes, and leaves OUTPUT only if the last cell of
the notebook was reached; a run that stopped leaves `OUTPUT`'s name with `.failed` in it.

A notebook does its part with two calls: `parameters.check_parameters(globals())`, and `done()` in its last
cell.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from skiplib.config import VARIANTS
from skiplib.errors import ConfigError, SkiplibError
from skiplib.parameters import check, declared, read_value
from skiplib.provenance import circumstances

SENTINEL = "skiplib: this notebook ran to its end"
SHOWN = "ours_aligned"  # the system that the study shows at work
REFRESH = 5.0  # seconds between two lines of a progress bar that redraws itself

PACKAGE = Path(__file__).resolve().parent


class NotebookError(SkiplibError):
    """A notebook that stopped before its last cell."""


def done() -> None:
    """The last cell of every notebook: says to `execute` that the notebook ran to its end."""
    print(SENTINEL)


def execute(
    notebook: Path, output: Path, parameters: Mapping[str, Any] | None = None, progress: bool = True
) -> NotebookNode:
    """Run `notebook` in its own folder and write `output` when, and only when, it reached its last cell.

    Raises `ConfigError` on parameters that the notebook does not declare and `NotebookError` when a
    cell fails, the kernel dies, or the last cell does not call `done()`.
    """
    from nbclient.exceptions import DeadKernelError
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    if not notebook.is_file():
        raise ConfigError(f"there is no notebook {notebook}")
    if output.suffix != ".ipynb" or output.resolve() == notebook.resolve():
        raise ConfigError(f"the output must be another .ipynb file than {notebook}, not {output}")
    parameters = dict(parameters or {})
    check(parameters, declared(notebook))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)  # a success of yesterday says nothing about today
    running, failed = (output.with_suffix(f".{state}.ipynb") for state in ("running", "failed"))
    failed.unlink(missing_ok=True)
    try:
        result = execute_notebook(
            str(notebook),
            str(running.resolve()),
            parameters=parameters,
            cwd=str(notebook.parent),
            kernel_name="python3",  # of this environment, whatever the notebook was last saved with
            language="python",
            progress_bar=progress,
            stdout_file=Lines() if progress else None,
            stderr_file=Lines() if progress else None,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # else lines about TCP and its own end
        )
        if not reached_end(result):
            raise NotebookError(f"{notebook} ended without done() in its last cell")
        result.metadata["skiplib"] = circumstances()
        nbformat.write(result, running)
    except PapermillExecutionError as error:
        trace = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error.traceback))
        raise NotebookError(f"{trace}\n{notebook} stopped, see {failed}") from error
    except DeadKernelError as error:
        raise NotebookError(f"the kernel died (out of memory?) in {notebook}, see {failed}") from error
    else:
        running.replace(output)
        return result
    finally:
        if running.exists():
            running.replace(failed)


def stopped(folder: Path) -> dict[str, list[int]]:
    """The seeds whose notebook in the study's `folder` stopped with an error, by system, and for points of
    sweeps by `sweeps.name`. The notebooks of the system that the study shows at work bear their own names."""
    found: dict[str, set[int]] = {}
    for path in sorted(folder.glob("seed*/*.failed.ipynb")):
        name, seed = path.name.removesuffix(".failed.ipynb"), path.parent.name.removeprefix("seed")
        known = name.partition("-")[0] in VARIANTS
        system = name if known else SHOWN if name in ("02_train", "run_ablation") else ""
        if system and seed.isdecimal():
            found.setdefault(system, set()).add(int(seed))
    return {system: sorted(seeds) for system, seeds in found.items()}


def reached_end(notebook: NotebookNode) -> bool:
    """Whether the last cell with code printed the line of `done()`."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    outputs = cells[-1].outputs if cells else []
    return any(SENTINEL in output.get("text", "").splitlines() for output in outputs)


def sources(notebook: Path) -> list[Path]:
    """The files of skiplib that a notebook imports, directly or through others, for Snakemake; with a module
    go the script, the style and the page of its name."""
    cells = nbformat.read(notebook, as_version=4).cells
    todo = [name for cell in cells if cell.cell_type == "code" for name in _imports(cell.source)]
    found: set[Path] = set()
    while todo:
        path = PACKAGE.parent.joinpath(*todo.pop().split("."))
        files = sorted(path.glob("*.py")) if path.is_dir() and path != PACKAGE else [path.with_suffix(".py")]
        for file in files:
            if file.is_file() and file not in found:
                found.add(file)
                todo += _imports(file.read_text(encoding="utf-8"))
    beside = {path.with_suffix(kind) for path in found for kind in (".js", ".css", ".html")}
    return sorted(found | {path for path in beside if path.is_file()})


class Lines:
    """A text stream that prints whole lines above papermill's bar, and redrawn lines now and then."""

    def __init__(self) -> None:
        self.rest, self.drawn = "", 0.0

    def write(self, text: str) -> None:
        """Print the lines that `text` ends; what comes after the last waits for its own end."""
        from tqdm import tqdm

        *lines, self.rest = re.split(r"(?<=\n)|(?<=\r)(?!\n)", self.rest + text)
        for line in lines:
            now = time.monotonic()
            if line.endswith("\r") and now - self.drawn < REFRESH:
                continue
            self.drawn = now if line.endswith("\r") else self.drawn
            if line.strip() != SENTINEL and line.strip("\r\n"):
                tqdm.write(line.rstrip("\r\n"))

    def flush(self) -> None:
        """Flush what has been printed; a line without an end goes on waiting."""
        sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 only for a notebook that reached its last cell."""
    parser = argparse.ArgumentParser(prog="python -m skiplib.execute", description=__doc__.split("\n")[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument(
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE")
    )
    options = parser.parse_args(arguments)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # no notebook waits for an answer from a terminal
    try:
        if not options.notebook.is_file():
            raise ConfigError(f"there is no notebook {options.notebook}")
        known = declared(options.notebook)
        execute(
            options.notebook,
            options.output,
            {name: read_value(value, known.get(name, "")) for name, value in options.parameters},
        )
    except SkiplibError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130
    return 0


def _imports(source: str) -> list[str]:
    """Dotted names under skiplib that `source` imports; some of them may be no modules."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    names = []
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] == "skiplib"]


if __name__ == "__main__":
    sys.exit(main())
