"""How batch norms and dropout behave for a while, whether the network learns or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def as_used(*networks: nn.Module) -> Iterator[None]:
    """The networks as when they are used; then their parts learn, or stand still, as before."""
    modes = {part: part.training for network in networks for part in network.modules()}
    for network in networks:
        network.eval()
    yield
    for part, mode in modes.items():
        part.training = mode


@contextmanager
def untracked(*networks: nn.Module) -> Iterator[None]:
    """The networks' batch norms normalise what they are given, and keep nothing of its mean and variance for
    when they are used."""
    norms = [part for network in networks for part in network.modules() if isinstance(part, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    yield
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
