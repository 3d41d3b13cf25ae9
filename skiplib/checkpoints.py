"""Checkpoints as safetensors files, written atomically: weights, and what a run needs to go on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from skiplib import config
from skiplib.config import Experiment
from skiplib.errors import CheckpointError, DataError
from skiplib.files import digest, whole
from skiplib.prepare import prepared_hash
from skiplib.presets import VARIANTS
from skiplib.systems import System, build

FORMAT = "1"
FINAL = "model.safetensors"  # of a run's folder
TRAINING_CODE = (
    *("audio", "baselines/coding", "baselines/cyclegan", "baselines/piecewise", "baselines/separate"),
    *("batches", "bottleneck", "building", "cleaning", "decoders", "encoders", "features", "finishing"),
    *("losses", "model", "modes", "muon", "objective", "optimisers", "prepare", "resuming", "shards"),
    *("speech_decoder", "stages", "systems", "team", "text", "training"),
)


@cache
def code_digest() -> str:
    """SHA-256 of the modules that determine what a training run learns, as they are when it is first asked
    for: what changes on the disk during hours of training is not what trains."""
    here = Path(__file__).parent
    sources = b"".join((here / f"{name}.py").read_bytes() for name in TRAINING_CODE)
    return hashlib.sha256(sources).hexdigest()


def save(path: Path, tensors: Mapping[str, Tensor], experiment: Experiment, **metadata: object) -> None:
    """Write tensors with their experiment; the old file stays until the new one is whole."""
    header = {"format": FORMAT, "experiment": experiment.model_dump_json(), "code": code_digest()}
    header |= {name: str(value) for name, value in metadata.items()}
    with whole(path) as partial:
        save_file({name: t.detach().contiguous().cpu() for name, t in tensors.items()}, partial, header)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a checkpoint.

    Raises `CheckpointError` if the file is missing, truncated, a pickle, or of another version.
    """
    with _opened(path) as (file, metadata):
        return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118


def header(path: Path) -> dict[str, str]:
    """The metadata of a checkpoint, and no tensor. Raises `CheckpointError` as `read` does."""
    with _opened(path) as (_, metadata):
        return metadata


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """The open file and its metadata; what goes wrong with it is a `CheckpointError`."""
    try:
        path.open("rb").close()  # safetensors calls a file that may not be read a missing one
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path} has checkpoint version {metadata.get('format')}, not {FORMAT}: train it again"
                )
            yield file, metadata
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint at {path}: train one first (02_train)") from error
    except PermissionError as error:
        raise CheckpointError(f"{path} may not be read: {error}") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({error}); pickled weights are never opened"
        ) from error


def experiment_of(path: Path) -> Experiment:
    """The experiment of a checkpoint. Raises `CheckpointError` as `read` does, or if it is none of ours."""
    return _named(path, header(path))


def belongs(path: Path, experiment: Experiment) -> bool:
    """Whether a run of `experiment` would take this checkpoint as it is, and train nothing."""
    try:
        return made_by(header(path), experiment, prepared_hash(experiment, audio=False))
    except (CheckpointError, DataError):
        return False


def made_by(metadata: Mapping[str, str], experiment: Experiment, data: str) -> bool:
    """Whether a checkpoint's metadata is of this experiment, of `data` (`Prepared.content`), of the code that
    there is, and of the run that it began with as that is now, if it is there still."""
    wanted = {"experiment": experiment.model_dump_json(), "data": data, "code": code_digest()}
    wanted |= begun_with(experiment)
    return all(metadata.get(name) == value for name, value in wanted.items())


def begun_with(experiment: Experiment) -> dict[str, str]:
    """Metadata: the digest of the weights that training begins with, by `optim.start`; nothing without, or if
    they are gone."""
    start = config.RUNS_DIR / experiment.optim.start / FINAL
    return {"begun_with": digest(start)} if experiment.optim.start and start.is_file() else {}


def _named(path: Path, metadata: Mapping[str, str]) -> Experiment:
    try:
        named = Experiment.model_validate_json(metadata["experiment"])
    except (KeyError, ValidationError) as error:
        raise CheckpointError(f"{path} names no experiment that there is: {error}") from error
    if named.variant not in VARIANTS:  # `build` would take it for the network of ours
        raise CheckpointError(f"{path} is of variant {named.variant!r}; there are: {', '.join(VARIANTS)}")
    return named


def load_model(path: Path) -> System:
    """The trained model of a checkpoint, ready to translate.

    Raises `CheckpointError` as `experiment_of` does, and if the weights are not finite or do not fit the
    experiment they name.
    """
    tensors, metadata = read(path)
    experiment = _named(path, metadata)
    try:
        model = build(experiment)
        weights = {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {path} do not fit the model it names: {error}") from error
    if broken := [name for name, tensor in weights.items() if not tensor.isfinite().all()]:
        raise CheckpointError(f"the weights {broken[0]} in {path} are not all numbers: train it again")
    return model.eval()


def model_tensors(model: torch.nn.Module, halved: bool = False) -> dict[str, Tensor]:
    """A model's weights under the names that `load_model` reads.

    `halved`: parameters in half precision, for a finished model: half the file, and finer than the bfloat16
    that training multiplies in. `load_model` builds single precision again.
    """
    own = {name for name, _ in model.named_parameters()} if halved else set()
    return {f"model.{name}": t.half() if name in own else t for name, t in model.state_dict().items()}
