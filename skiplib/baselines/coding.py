"""From an encoder to what a decoder takes, where there is neither T nor M."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from skiplib.config import Experiment
from skiplib.model import code_norm


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
        return self.map(self.norm(self.encoder(*given)[0]))
