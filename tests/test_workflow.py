"""The graph of the study: what `make study` would run, by a dry run on a copy with no runs of its own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import torch

from skiplib import checkpoints, prepare
from skiplib.config import ROOT, experiment
from skiplib.overlays import parse_overlay

SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", "2"]
LOOKS = {
    "prepare",
    "train",
    "image_to_speech",
    "memory_attention",
    "evaluate",
    "readings",
    "tables",
    "report",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    for name in ("skiplib", "notebooks", "reports/records"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("shipped", "__pycache__"))
    for name in ("Snakefile", "DECISIONS.md"):
        shutil.copy(ROOT / name, folder)
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    """The environment in which a copy finds its own library and data."""
    return os.environ | {"PYTHONPATH": str(folder), "SKIPLIB_DATA": str(folder / "data")}


def dry(folder: Path, target: str, *given: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*SNAKEMAKE, "--dry-run", target, "--config", *given],
        cwd=folder,
        env=surroundings(folder),
        capture_output=True,
        text=True,
    )


def planned(folder: Path, target: str, **config: object) -> dict[str, int]:
    """How often each rule would run."""
    given = [f"{name}={value}" for name, value in config.items()]
    done = dry(folder, target, *given)
    assert done.returncode == 0, done.stderr
    table = (done.stdout + done.stderr).split("Job stats:")[1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.M)}


def test_by_default_one_system_is_trained_and_the_rest_is_read(copy: Path) -> None:
    plan = planned(copy, "study", seeds=1)
    assert set(plan) == {*LOOKS, "study"} and plan["train"] == 1 and plan["readings"] == 2


def test_systems_that_are_trained_already_are_compared_and_not_trained_again(copy: Path) -> None:
    name = prepare.folder_name(experiment())
    (copy / "data" / name).mkdir(parents=True)
    (copy / "data" / name / "manifest.json").write_text('{"format": 2}')
    data = prepare.prepared_hash(experiment(), copy / "data", audio=False)
    for system in ("piecewise", "ours"):
        path = copy / "runs" / f"skipworld-demo-{system}-s0" / "model.safetensors"
        path.parent.mkdir(parents=True)
        checkpoints.save(path, {"w": torch.zeros(1)}, experiment(system), seconds=1, data=data)
    plan = planned(copy, "study", seeds=1)
    assert set(plan) == {*LOOKS, "study", "compare"}
    for other, content in ((experiment(system, seed=1), data), (experiment(system), "of other data")):
        checkpoints.save(path, {"w": torch.zeros(1)}, other, seconds=1, data=content)
        assert "compare" not in planned(copy, "study", seeds=1)


def test_more_seeds_are_every_system_with_each(copy: Path) -> None:
    plan = planned(copy, "rows", seeds=2)
    assert plan["evaluate"] == 2 and plan["ablation"] == 2 * 14 and plan["prepare"] == 1


def test_the_switches_of_a_sweep_arrive_as_one_word(copy: Path) -> None:
    shown = subprocess.run(
        [*SNAKEMAKE, "--dry-run", "--printshellcmds", "sweep", "--config", "sweep=tie"],
        cwd=copy,
        env=surroundings(copy),
        capture_output=True,
        text=True,
    )
    commands = [
        shlex.split(line) for line in (shown.stdout + shown.stderr).splitlines() if " overlay " in line
    ]
    given = sorted(command[command.index("overlay") + 1] for command in commands)
    off = "alignment.text_stage=0.0 alignment.follow=False alignment.gap_noise=0.0 alignment.wording=caption"
    tied = [f"alignment.kind={kind} {off}" for kind in ("none", "contrastive", "l2")]
    assert len(given) == 5 and set(map(parse, tied)) <= set(map(parse, given))


def parse(overlay: str) -> frozenset[tuple[str, object]]:
    return frozenset(parse_overlay(overlay).items())


@pytest.mark.parametrize("seeds", ["0", "many"])
def test_no_number_of_seeds_is_refused(copy: Path, seeds: str) -> None:
    done = dry(copy, "study", f"seeds={seeds}")
    assert done.returncode != 0 and f"SEEDS={seeds}: how many seeds, 1 or more" in done.stdout + done.stderr


def test_runs_kept_elsewhere_are_refused_before_anything_is_trained(copy: Path, monkeypatch) -> None:
    monkeypatch.setenv("SKIPLIB_RUNS", "elsewhere")
    done = dry(copy, "study", "seeds=1")
    assert done.returncode != 0 and "keeps its runs in runs/" in done.stdout + done.stderr
    monkeypatch.setenv("SKIPLIB_RUNS", "")
    assert dry(copy, "study", "seeds=1").returncode == 0


def test_a_system_that_cannot_be_is_no_row(copy: Path) -> None:
    assert planned(copy, "rows", seeds=2, corpus="flickr8k+ljspeech")["ablation"] == 2 * 13


ROW = """
from pathlib import Path
from shutil import copy
from skiplib.config import ROOT
from skiplib.execute import done
name = f"skipworld-demo-{variant}-s{seed}.json"
if variant == "no_T" and not (ROOT / "mended").exists():
    raise ValueError("this row is lost")
(ROOT / "runs" / "records").mkdir(parents=True, exist_ok=True)
copy(ROOT / "reports" / "records" / name, ROOT / "runs" / "records" / name)
done()
"""
ROWS = [f"runs/records/skipworld-demo-{system}-s0.json" for system in ("no_M", "no_T", "M_to_FC")]


@pytest.fixture
def quick(copy: Path, tmp_path: Path) -> Path:
    """A copy whose rows take a second each: a notebook that lays a record where a run would write it."""
    folder = tmp_path / "quick"
    shutil.copytree(copy, folder, ignore=shutil.ignore_patterns("runs", "data", ".snakemake"))
    for name, source in (
        ("run_ablation", ROW),
        ("01_prepare_data", "from skiplib.execute import done\ndone()"),
    ):
        notebook = nbformat.read(folder / "notebooks" / f"{name}.ipynb", as_version=4)
        parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
        notebook.cells = [parameters, nbformat.v4.new_code_cell(source)]
        nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")
    return folder


def start(folder: Path, *rows: str) -> subprocess.Popen:
    return subprocess.Popen(
        [*SNAKEMAKE, "--nolock", "--rerun-incomplete", "--keep-going", *rows],
        cwd=folder,
        env=surroundings(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_row_that_fails_stops_no_other_and_is_tried_again(quick: Path) -> None:
    assert start(quick, *ROWS).wait() != 0
    assert [path for path in ROWS if not (quick / path).exists()] == [ROWS[1]]
    made = {path: (quick / path).stat().st_mtime_ns for path in ROWS if path != ROWS[1]}
    (quick / "mended").touch()
    assert start(quick, *ROWS).wait() == 0 and (quick / ROWS[1]).exists()
    assert made == {path: (quick / path).stat().st_mtime_ns for path in made}  # not made twice


def test_a_killed_study_ends_as_one_that_was_not(quick: Path) -> None:
    (quick / "mended").touch()
    for path in ROWS:  # killed as soon as each of three rows is there
        study = start(quick, *ROWS)
        while not (quick / path).exists():
            assert study.poll() is None
            time.sleep(0.1)
        os.killpg(study.pid, signal.SIGKILL)
        study.wait()
    assert start(quick, *ROWS).wait() == 0
    assert [(quick / path).read_bytes() for path in ROWS] == [
        (quick / path.replace("runs", "reports", 1)).read_bytes() for path in ROWS
    ]
