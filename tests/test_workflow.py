"""The graph of the study: what `make study` would run, by a dry run on a copy with no runs of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from skiplib import checkpoints, prepare
from skiplib.config import ROOT, experiment

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


def planned(folder: Path, target: str, **config: object) -> dict[str, int]:
    """How often each rule would run."""
    given = [f"{name}={value}" for name, value in config.items()]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "2", target, "--config", *given],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "SKIPLIB_DATA": str(folder / "data")},
        capture_output=True,
        text=True,
    )
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


def test_a_system_that_cannot_be_is_no_row(copy: Path) -> None:
    assert planned(copy, "rows", seeds=2, corpus="flickr8k+ljspeech")["ablation"] == 2 * 13
