"""What the baselines share: a way from an encoder to a decoder without T and M, and `translate`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skiplib.config import Experiment
from skiplib.errors import ConfigError
from skiplib.features import encoder_inputs
from skiplib.inputs import check_batch
from skiplib.model import code_norm
from skiplib.objective import BatchA, BatchB


class Coder(nn.Module):
    """An encoder, its norm, and one linear map from e to what a decoder takes for u (as DECISIONS.md 23)."""

    def __init__(self, encoder: nn.Module, experiment: Experiment) -> None:
        super().__init__()
        self.encoder = encoder
        self.norm = code_norm(experiment)
        self.map = nn.Linear(experiment.code, experiment.latent)
        nn.init.orthogonal_(self.map.weight)
        nn.init.zeros_(self.map.bias)

    def forward(self, *given: Tensor) -> Float[Tensor, "batch latent"]:
        """What a decoder takes for u, of what the encoder takes."""
        return self.map(self.norm(self.encoder(*given)[0]))


class Baseline(nn.Module, ABC):
    """A system that trains in one stage, by its `loss`, and has some of the six directions, its `tasks`."""

    tasks: ClassVar[frozenset[tuple[str, str]]]

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self.experiment = experiment

    @abstractmethod
    def loss(self, a: BatchA, b: BatchB) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """The loss of a step, and its terms by name."""

    @abstractmethod
    def convert(self, x: Any, source: str, target: str) -> Any:
        """One batch in one of `tasks`."""

    @torch.inference_mode()
    def translate(self, x: Any, source: str, target: str, batch: int = 64) -> Any:
        """As `SkipNet.translate`, in the directions of `tasks`.

        Raises `ConfigError` on another direction, `DataError` on input that cannot be used.
        """
        if (source, target) not in self.tasks:
            raise ConfigError(f"{self.experiment.variant} has no way from {source} to {target}")
        check_batch(x, source, batch)
        self.eval()
        parts = [self.convert(x[i : i + batch], source, target) for i in range(0, len(x), batch)]
        return torch.cat(parts) if target == "image" else [y for part in parts for y in part]

    def given(self, x: Any, source: str) -> tuple[Tensor, ...]:
        """What an encoder of `source` takes of a batch, where the weights are."""
        return encoder_inputs(x, source, self.experiment, self.device)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and what they are given goes."""
        return next(self.parameters()).device
