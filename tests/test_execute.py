"""A notebook's success is one: dead kernels, missing ends and unknown parameters are failures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from skiplib import execute as module
from skiplib.errors import ConfigError
from skiplib.execute import SENTINEL, Lines, NotebookError, execute, main, sources
from skiplib.parameters import check_parameters, declared, read_value
from skiplib.sweeps import name

PARAMETERS = 'variant: str = "ours"  # which row\nseed = 0\nrate = 0.1\nshow: int = 4'
CHECK = "from skiplib.parameters import check_parameters\ncheck_parameters(globals())"
END = "from skiplib.execute import done\ndone()"


def write(path: Path, *sources: str, parameters: str | None = None) -> Path:
    cells = [new_code_cell(source) for source in sources]
    if parameters is not None:
        cells.insert(0, new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def test_success_leaves_output_and_shows_what_the_notebook_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = "from skiplib.execute import done\n" + CHECK
    notebook = write(
        tmp_path / "n.ipynb", check, "print(variant, seed, rate)", "done()", parameters=PARAMETERS
    )
    output = tmp_path / "new" / "out.ipynb"
    arguments = ["-p", "variant", "007", "-p", "seed", "3", "-p", "rate", "0.5"]
    assert main([str(notebook), str(output), *arguments]) == 0
    assert "007 3 0.5" in capsys.readouterr().out
    assert [path.name for path in output.parent.iterdir()] == ["out.ipynb"]
    told = nbformat.read(output, as_version=4).metadata["skiplib"]
    assert told.keys() == {"commit", "packages", "machine"} and all(told.values())


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", END], "kernel died"),
        (["print(1)"], "without done"),
        (["raise ValueError('no such cat')", END], "no such cat"),
    ],
    ids=["killed", "no-end", "raised"],
)
def test_failure_leaves_no_output(tmp_path: Path, cells: list[str], message: str) -> None:
    output = tmp_path / "out.ipynb"
    output.write_text("yesterday's", encoding="utf-8")
    with pytest.raises(NotebookError, match=message):
        execute(write(tmp_path / "n.ipynb", *cells), output, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["n.ipynb", "out.failed.ipynb"]


def test_end_counts_in_the_last_cell_only() -> None:
    end = new_code_cell("done()", outputs=[new_output("stream", text=f"so long\n{SENTINEL}\n")])
    assert module.reached_end(new_notebook(cells=[end, new_code_cell("  ")]))
    assert not module.reached_end(new_notebook(cells=[end, new_code_cell("1")]))
    assert not module.reached_end(new_notebook())


def test_a_command_line_writes_values_as_a_notebook_does() -> None:
    assert [read_value(text, True) for text in ("True", "False", "false")] == [True, False, False]
    assert read_value("True", "a text") == "True" and read_value("3", 1) == 3 and read_value("x", 1) == "x"


def test_unknown_parameter_lists_what_is_declared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = write(tmp_path / "n.ipynb", END, parameters=PARAMETERS)
    with pytest.raises(ConfigError, match=r"unknown parameter 'varriant'.*variant = 'ours', seed = 0"):
        execute(notebook, tmp_path / "out.ipynb", {"varriant": "no_T"}, progress=False)
    assert main([str(notebook), str(tmp_path / "out.ipynb"), "-p", "seed", "one"]) == 2
    assert "seed = 'one' is text, and should be a whole number" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["n.ipynb"]


def test_plain_papermill_stops_at_unknown_and_misread_parameters(tmp_path: Path) -> None:
    write(tmp_path / "n.ipynb", CHECK, END, parameters=PARAMETERS)
    papermill = [sys.executable, "-m", "papermill", "n.ipynb", "out.ipynb", "--no-progress-bar"]
    run = subprocess.run(
        [*papermill, "-p", "varriant", "no_T", "-p", "variant", "007"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "ConfigError: unknown parameter 'varriant'; variant = 7 is a whole number" in run.stderr


@pytest.mark.parametrize(
    "injected",
    ['variant = "no_T"', "rate = 1", "show = 5", "seed = -1"],
)
def test_fitting_parameters_pass(injected: str) -> None:
    check_parameters({"In": ["", "import os", PARAMETERS, f"# Parameters\n{injected}\n", "later = 1"]})


@pytest.mark.parametrize(
    "injected", ["seed = True", "seed = 1.5", "rate = 'x'", "show = []", "variant = None"]
)
def test_misfits_are_refused(injected: str) -> None:
    with pytest.raises(ConfigError, match="should be"):
        check_parameters({"In": [PARAMETERS, f"# Parameters\n{injected}\n"]})


def test_nothing_injected_is_nothing_to_check() -> None:
    check_parameters({"In": ["", PARAMETERS, "check_parameters(globals())"], "other": 1})
    check_parameters({})


def test_declared_reads_the_tagged_cell(tmp_path: Path) -> None:
    notebook = write(tmp_path / "n.ipynb", "other = 1", parameters=PARAMETERS)
    assert declared(notebook) == {"variant": "ours", "seed": 0, "rate": 0.1, "show": 4}
    write(notebook, parameters="limit = min(3, 4)")
    with pytest.raises(ConfigError, match="limit has no literal"):
        declared(notebook)
    notebook.write_text("# a README")
    with pytest.raises(ConfigError, match="cannot be read as a notebook"):
        declared(notebook)


@pytest.mark.parametrize("output", ["n.ipynb", "out.html"])
def test_output_that_would_harm_is_refused(tmp_path: Path, output: str) -> None:
    with pytest.raises(ConfigError):
        execute(write(tmp_path / "n.ipynb", END), tmp_path / output)
    with pytest.raises(ConfigError, match="no notebook"):
        execute(tmp_path / "absent.ipynb", tmp_path / "out.ipynb")


def test_sources_follow_imports(tmp_path: Path) -> None:
    notebook = write(
        tmp_path / "n.ipynb", "%matplotlib inline\nfrom skiplib.report import render", "import numpy"
    )
    names = {path.name for path in sources(notebook)}
    assert {"report.py", "errors.py", "execute.py"} <= names
    assert "prepare.py" not in names
    assert {"report.css", "report.js"} <= names
    package = write(tmp_path / "p.ipynb", "from skiplib import corpora, config")
    assert {"corpora/__init__.py", "config.py"} <= {
        path.relative_to(module.PACKAGE).as_posix() for path in sources(package)
    }


def test_what_stopped_is_told_by_system_and_by_point_of_a_sweep(tmp_path: Path) -> None:
    point = name("ours_aligned", {"memory.slots": 16})
    for seed, left in ((0, "02_train"), (0, point), (2, point), (1, "no_T"), (0, "05_compare")):
        path = tmp_path / f"seed{seed}" / f"{left}.ipynb"
        with pytest.raises(NotebookError):
            execute(write(tmp_path / "n.ipynb", "print(1)"), path, progress=False)
    (tmp_path / "seed1" / "no_M.ipynb").touch()
    assert module.stopped(tmp_path) == {"ours_aligned": [0], point: [0, 2], "no_T": [1]}


def test_lines_thin_out_redrawn_bars(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for text in ("a", "b\n", "10%\r", "20%\r", "30%\r", f"{SENTINEL}\n", "half"):
        lines.write(text)
    lines.flush()
    assert capsys.readouterr().out == "ab\n10%\n"
