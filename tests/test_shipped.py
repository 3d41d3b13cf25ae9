"""Checkpoints to try: found by name, never with another run's record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from skiplib import checkpoints, config, shipped
from skiplib.config import Experiment
from skiplib.errors import CheckpointError
from skiplib.files import digest
from skiplib.model import SkipNet
from skiplib.records import read_record, run_id, write_record
from skiplib.systems import build

COMMITTED = config.ROOT / "reports" / "records" / "skipworld-demo-ours_aligned-s0.json"
RUN = run_id("skipworld", "smoke", "ours_aligned", 0)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: SkipNet) -> Path:
    """A finished run with its record, and nowhere to ship to but a folder of the test."""
    monkeypatch.setattr(config, "RUNS_DIR", tmp_path / "runs")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "shipped")
    monkeypatch.setattr(shipped, "SHIPS", ("skipworld", "smoke", {}))
    path = tmp_path / "runs" / RUN / "model.safetensors"
    checkpoints.save(path, checkpoints.model_tensors(model, halved=True), model.experiment)
    record = read_record(COMMITTED).model_copy(
        update={"run_id": RUN, "scale": "smoke", "artefacts": {"checkpoint": digest(path)}}
    )
    write_record(record, tmp_path / "runs" / "records")
    return tmp_path / "runs"


def test_a_run_ships_with_its_record(runs: Path, model: SkipNet) -> None:
    assert list(shipped.found()) == [RUN]
    path = shipped.ship(RUN)
    assert list(shipped.found()) == ["ours_aligned", RUN] and shipped.locate("ours_aligned") == path
    assert digest(path) == digest(runs / RUN / "model.safetensors")
    halved, whole = shipped.load("ours_aligned"), model.state_dict()
    for name, weight in halved.state_dict().items():
        assert weight.dtype == whole[name].dtype
        assert torch.allclose(weight.float(), whole[name].float(), rtol=1e-3, atol=1e-6), name
    told = shipped.about("ours_aligned")
    assert (
        told["variant"] == "ours_aligned"
        and 0 < told["i2s_content_accuracy"] < 1
        and len(told["commit"]) == 12
    )
    assert shipped.about(RUN).drop("commit").equals(told.drop("commit").rename(RUN))


def test_a_run_of_another_scale_does_not_ship(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "SHIPS", ("skipworld", "demo", {}))
    with pytest.raises(CheckpointError, match="is not of skipworld, demo, without switches"):
        shipped.ship(RUN)
    assert not list(shipped.FOLDER.glob("*"))


def test_the_record_of_another_checkpoint_does_not_ship(runs: Path) -> None:
    path = runs / RUN / "model.safetensors"
    other = SkipNet(config.experiment("ours_aligned", "smoke", seed=1))
    checkpoints.save(path, checkpoints.model_tensors(other), other.experiment)
    with pytest.raises(CheckpointError, match="record of another checkpoint"):
        shipped.ship(RUN)
    assert not list(shipped.FOLDER.glob("*"))
    assert [*shipped.about(RUN).index] == ["variant", "corpus", "scale", "seed"], "nor is it told of this one"


def test_names_paths_and_baselines(runs: Path, tmp_path: Path) -> None:
    path = shutil.copy(runs / RUN / "model.safetensors", tmp_path / "mine.safetensors")
    assert shipped.locate(str(path)) == path
    with pytest.raises(CheckpointError, match=f"no checkpoint 'yours'; there are: {RUN}"):
        shipped.locate("yours")
    piecewise = build(config.experiment("piecewise", "smoke"))
    checkpoints.save(tmp_path / "p.safetensors", checkpoints.model_tensors(piecewise), piecewise.experiment)
    with pytest.raises(CheckpointError, match="no bottleneck"):
        shipped.load(str(tmp_path / "p.safetensors"))


@pytest.mark.skipif(not shipped.found(), reason="no checkpoint ships")
def test_what_ships_is_small_loads_and_has_its_record() -> None:
    for name, path in shipped.found().items():
        if path.parent != shipped.FOLDER:
            continue
        model, record = shipped.load(name), read_record(path.with_suffix(".json"))
        assert path.stat().st_size < shipped.LIMIT
        assert Experiment.model_validate_json(json.dumps(record.parameters)) == model.experiment
        assert record.status == "complete" and not record.provenance.dirty and record.scale == "demo"
