import pickle

import nbformat
import pytest
import torch
from safetensors.torch import load_file, save_file

from skiplib import checkpoints
from skiplib.config import experiment
from skiplib.errors import CheckpointError
from skiplib.execute import PACKAGE, sources


@pytest.fixture
def path(tmp_path, model, smoke):
    path = tmp_path / "model.safetensors"
    checkpoints.save(path, checkpoints.model_tensors(model), smoke, step=1, seconds=2.0)
    return path


def test_a_model_comes_back_as_it_was(path, model):
    loaded = checkpoints.load_model(path)
    assert loaded.experiment == model.experiment
    for (name, a), b in zip(model.state_dict().items(), loaded.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert not list(path.parent.glob("*.partial"))


def test_others_may_read_a_checkpoint_as_any_file(path, tmp_path):
    usual = tmp_path / "usual"
    usual.write_text("")
    assert path.stat().st_mode == usual.stat().st_mode


def test_a_file_that_may_not_be_read_is_not_called_missing(path, monkeypatch):
    def refuse(self, mode):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(CheckpointError, match="may not be read"):
        checkpoints.load_model(path)


def test_a_missing_truncated_or_pickled_file_is_refused(path, tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoints.load_model(tmp_path / "none.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        checkpoints.load_model(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(CheckpointError, match="never opened"):
        checkpoints.load_model(path)


def test_another_version_or_shape_is_refused(path, model):
    tensors = load_file(path)
    other = experiment("ours_aligned", "smoke", overlay={"memory.slots": 16})
    checkpoints.save(path, tensors, other)
    with pytest.raises(CheckpointError, match="do not fit"):
        checkpoints.load_model(path)
    save_file(tensors, path, {"format": "0"})
    with pytest.raises(CheckpointError, match="version"):
        checkpoints.load_model(path)


def test_a_variant_that_there_is_not_is_no_network_of_ours(path, smoke):
    checkpoints.save(path, load_file(path), smoke.model_copy(update={"variant": "nope"}))
    for read in (checkpoints.load_model, checkpoints.experiment_of):
        with pytest.raises(CheckpointError, match="variant 'nope'; there are: ours, ours_aligned"):
            read(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(path, smoke, value):
    tensors = load_file(path)
    tensors["model.text_encoder.project.bias"][3] = value
    checkpoints.save(path, tensors, smoke)
    with pytest.raises(CheckpointError, match=r"text_encoder\.project\.bias .* are not all numbers"):
        checkpoints.load_model(path)


def test_a_checkpoint_is_of_all_the_code_that_trains(tmp_path):
    def reached(module):
        cell = nbformat.v4.new_code_cell(f"import skiplib.{module}")
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "n.ipynb")
        paths = sources(tmp_path / "n.ipynb")
        return {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in paths}

    # A checkpoint names its experiment, prepared data have a manifest of their own; a log teaches nothing,
    # and neither does a machine's name, or where a run is stopped.
    apart = reached("corpora") | reached("config") | {"checkpoints", "files", "inputs", "baselines/__init__"}
    apart |= {"logbook", "provenance", "divergence"}
    assert reached("training") - apart == set(checkpoints.TRAINING_CODE) - apart
