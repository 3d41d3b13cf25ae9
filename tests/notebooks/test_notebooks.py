"""Every notebook as stored, and run at `smoke`: in order, on one set of data, with standard input closed."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from skiplib.config import ROOT
from skiplib.decisions import decisions
from skiplib.execute import reached_end
from skiplib.parameters import declared
from skiplib.sweeps import SWEEPS
from skiplib.sweeps import name as point

FOLDER = ROOT / "notebooks"
STORED = ["00_explore", "01_prepare_data", "02_train", "03_image_to_speech", "04_memory_attention"]
STORED += ["05_compare", "06_sweeps", "07_divergences", "run_ablation", "tables"]
STORED += ["listening_test", "listening_results"]
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebooks of a session put their data, runs and outputs."""
    return tmp_path_factory.mktemp("study")


def start(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "SKIPLIB_DATA": str(place / "data"),
        "SKIPLIB_RUNS": str(place / "runs"),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=FOLDER, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def executed(place: Path, name: str, **parameters: object) -> nbformat.NotebookNode:
    """The notebook `name`, run at smoke through `skiplib.execute`."""
    output = place / "-".join(map(str, [name, *parameters.values()]))
    output = output.with_name(f"{output.name}.ipynb")
    if "scale" in declared(FOLDER / f"{name}.ipynb"):
        parameters["scale"] = "smoke"
    given = [word for key, value in parameters.items() for word in ("-p", key, str(value))]
    run = start(place, "skiplib.execute", f"{name}.ipynb", str(output), *given)
    assert run.returncode == 0, run.stderr[-3_000:]
    notebook = nbformat.read(output, as_version=4)
    assert reached_end(notebook)
    return notebook


def outputs(notebook: nbformat.NotebookNode, kind: str) -> str:
    found = [o.get("data", {}).get(kind, "") for cell in notebook.cells for o in cell.get("outputs", [])]
    return "\n".join(found)


def pictures(notebook: nbformat.NotebookNode) -> int:
    return sum("image/png" in o.get("data", {}) for cell in notebook.cells for o in cell.get("outputs", []))


def test_all_notebooks_are_known() -> None:
    """Those that git has, or would take: outputs of one's own lie beside them."""
    ask = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.ipynb"]
    found = subprocess.run(ask, cwd=FOLDER, capture_output=True, text=True, check=True).stdout.split()
    assert sorted(STORED) == sorted(Path(name).stem for name in found)


@pytest.mark.parametrize("name", STORED)
def test_stored_notebook_keeps_the_rules(name: str) -> None:
    path = FOLDER / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert len(notebook.cells) < 20
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown" and "Question:" in notebook.cells[0].source
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert code[0].metadata.tags == ["parameters"] and "check_parameters(globals())" in code[1].source
    assert code[-1].source.endswith("done()")
    for cell in code:
        lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
        tree = ast.parse("\n".join(lines))
        assert not any(isinstance(node, DEFINITIONS) for node in ast.walk(tree))
    assert name in ("00_explore", "listening_results") or {"variant", "scale", "corpus"} <= set(
        declared(path)
    )
    assert "/home/" not in path.read_text() and f"{ROOT}/" not in path.read_text()


def test_01_prepare_data(place: Path) -> None:
    notebook = executed(place, "01_prepare_data", show=4)
    assert pictures(notebook) == 4
    html = outputs(notebook, "text/html")
    assert html.count("<audio") == 2 and ">overlap<" in html


def test_02_train(place: Path) -> None:
    notebook = executed(place, "02_train")
    assert pictures(notebook) == 2
    assert "memory_entropy" in outputs(notebook, "text/html")


def test_00_explore_a_run(place: Path) -> None:
    if not (place / "runs" / "skipworld-smoke-ours_aligned-s0").exists():  # if this test runs alone
        executed(place, "02_train")
    notebook = executed(place, "00_explore", checkpoint="skipworld-smoke-ours_aligned-s0", items=4)
    html = outputs(notebook, "text/html")
    assert html.count("<audio") == 1 + 1 + 1 + 1 + 2 + 5 and "Find a word's slots" in html


def test_03_image_to_speech(place: Path) -> None:
    notebook = executed(place, "03_image_to_speech", listen=4, show=2, worst=1)
    html = outputs(notebook, "text/html")
    assert pictures(notebook) == 1
    # two shown, the worst, the one left, each beside the truth; four directions have speech at one end
    assert html.count("<audio") == 2 * (2 + 1 + 1) + 4
    assert "application/vnd.jupyter.widget-view+json" in str(notebook)


@pytest.mark.parametrize(("variant", "figures"), [("ours_aligned", 6), ("no_M", 3)])
def test_04_memory_attention(place: Path, variant: str, figures: int) -> None:
    notebook = executed(place, "04_memory_attention", variant=variant)
    assert pictures(notebook) == figures
    assert ("no memory" in outputs(notebook, "text/markdown")) == (variant == "no_M")


def test_05_compare(place: Path) -> None:
    notebook = executed(place, "05_compare", others="cyclegan", listen=4, show=2, worst=1)
    html = outputs(notebook, "text/html")
    assert html.count("<audio") == 3 * (2 + 1) and "agreement" in html


def test_listening_test_and_results(place: Path) -> None:
    text = outputs(executed(place, "listening_results"), "text/html")
    assert "<th>agreement</th>" in text  # before any test: an empty table
    executed(place, "listening_test", images=3)
    (folder,) = (place / "runs" / "listening").iterdir()
    assert {path.name for path in folder.iterdir()} == {"key.json", "listening_test.html"}
    results = executed(place, "listening_results", test=folder.name)
    assert f"Test {folder.name}: 0 people took part" in outputs(results, "text/markdown")
    assert "judge's proxy" in outputs(results, "text/html")


def test_pages_of_another_corpus(place: Path, digit_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIPLIB_SOURCES", str(digit_files.parent))
    of = {"corpus": "digits"}
    assert "words of the texts" in outputs(executed(place, "01_prepare_data", **of), "text/html")
    html = outputs(executed(place, "03_image_to_speech", **of, listen=4, show=2, worst=1), "text/html")
    assert html.count("<audio") == 2 * (2 + 1 + 1) + 4
    assert pictures(executed(place, "04_memory_attention", **of)) == 6
    assert "i2s_digit_accuracy" in outputs(executed(place, "tables", **of), "text/html")


def test_tables_without_a_record_say_missing(place: Path) -> None:
    notebook = executed(place, "tables", variant="ours")
    assert re.search(r"<th>i2s_content_accuracy</th>\s*<td>missing</td>", outputs(notebook, "text/html"))


def test_run_ablation_and_tables_by_the_readers_commands(place: Path) -> None:
    output = place / "no_M.ipynb"
    given = ["-p", "variant", "no_M", "-p", "scale", "smoke"]
    run = start(place, "papermill", "run_ablation.ipynb", str(output), *given)
    assert run.returncode == 0, run.stderr[-3_000:]
    assert reached_end(nbformat.read(output, as_version=4))
    assert (place / "runs" / "records" / "skipworld-smoke-no_M-s0.json").exists()
    notebook = executed(place, "tables", variant="no_M")
    assert pictures(notebook) == 1
    assert "i2s_content_accuracy" in outputs(notebook, "text/html")


def test_06_sweeps_finds_the_records_of_its_points(place: Path) -> None:
    for slots in (16, 32):  # one value alone would be no figure
        given = ["-p", "scale", "smoke", "-p", "overlay", f"memory.slots={slots}"]
        run = start(place, "skiplib.execute", "run_ablation.ipynb", str(place / "slots.ipynb"), *given)
        assert run.returncode == 0, run.stderr[-3_000:]
    lost = (
        place / "runs/skipworld-smoke/seed2" / f"{point('ours_aligned', {'memory.slots': 64})}.failed.ipynb"
    )
    lost.parent.mkdir(parents=True, exist_ok=True)
    lost.touch()
    notebook = executed(place, "06_sweeps")
    assert pictures(notebook) == 1
    told = outputs(notebook, "text/markdown")
    assert told.count("make sweep SWEEP=") == sum("ours_aligned" in sweep.systems for sweep in SWEEPS)
    assert told.count("Stopped with an error: `ours_aligned` with `memory.slots=64`, seed 2.") == 1
    divergences = executed(place, "07_divergences")
    text = outputs(divergences, "text/markdown")
    assert text.count("*Why:*") == len(decisions()) and "3.9 against human captions" in text


@pytest.mark.parametrize("variant", ["piecewise", "cyclegan"])
def test_run_ablation_of_a_baseline(place: Path, variant: str) -> None:
    html = outputs(executed(place, "run_ablation", variant=variant), "text/html")
    assert "i2s_content_accuracy" in html
    assert (place / "runs" / "records" / f"skipworld-smoke-{variant}-s0.json").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["variant", "no_such"],
            "ConfigError: unknown variant 'no_such'; there are: ours, ours_aligned",
        ),
        (["varriant", "no_T"], "ConfigError: unknown parameter 'varriant'"),
        (["overlay", "memory.slot=16"], "ConfigError: unknown switch 'memory.slot'; there are: code"),
    ],
    ids=["variant", "parameter", "switch"],
)
def test_papermill_stops_with_what_exists(place: Path, given: list[str], message: str) -> None:
    output = place / "wrong.ipynb"
    run = start(place, "papermill", "run_ablation.ipynb", str(output), "-p", "scale", "smoke", "-p", *given)
    assert run.returncode == 1
    assert message in run.stderr
