"""What a training run goes on from: its own last checkpoint, or the weights of another run."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from torch.optim import Optimizer

from skiplib import checkpoints
from skiplib.config import Experiment
from skiplib.errors import CheckpointError
from skiplib.prepare import Prepared
from skiplib.systems import System

log = logging.getLogger(__name__)
RESUME = "resume.safetensors"


def optimiser_tensors(optimisers: Sequence[Optimizer]) -> dict[str, Tensor]:
    """All states of the optimisers, by names of which `resume` makes them again."""
    return {
        f"optimiser.{k}.{i}.{name}": tensor
        for k, optimiser in enumerate(optimisers)
        for i, values in optimiser.state_dict()["state"].items()
        for name, tensor in values.items()
    }


def begin_with(model: System, path: Path) -> None:
    """The weights of another run. Raises `CheckpointError` if they are missing or of another shape."""
    try:
        model.load_state_dict(checkpoints.load_model(path).state_dict())
    except RuntimeError as error:
        raise CheckpointError(f"the model of {path} is of another shape than this run's: {error}") from error


def usable(
    path: Path, experiment: Experiment, prepared: Prepared
) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """Tensors and metadata of a checkpoint, if it is of this experiment, these data and this code."""
    if not path.exists():
        return None
    try:
        tensors, metadata = checkpoints.read(path)
    except CheckpointError as error:
        log.warning("%s; it is not used", error)
        return None
    if not checkpoints.made_by(metadata, experiment, prepared.content):
        log.warning("%s is of another experiment, other data, code or beginning; it is not used", path)
        return None
    return tensors, metadata


def resume(
    folder: Path, experiment: Experiment, prepared: Prepared, model: System, optimisers: Sequence[Optimizer]
) -> tuple[int, float, dict[str, float]]:
    """Where to go on, the seconds spent before, and what each term of the loss began with."""
    found = usable(folder / RESUME, experiment, prepared)
    folder.mkdir(parents=True, exist_ok=True)
    if found is None:
        return 0, 0.0, {}
    tensors, metadata = found
    model.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
    states: list[dict[int, dict[str, Tensor]]] = [{} for _ in optimisers]
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            _, k, i, key = name.split(".")
            states[int(k)].setdefault(int(i), {})[key] = tensor
    for optimiser, state in zip(optimisers, states, strict=True):
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    step = int(metadata["step"])
    log.info("going on from step %d", step)
    return step, float(metadata["seconds"]), json.loads(metadata["first"])
