"""The multimodal information bottleneck (section 3.2): modality transformer T, memory fusion module M,
and the modality classifier C that only training uses."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skiplib.config import Experiment

TANH = 0.628  # standard deviation of the tanh of a standard normal number
MODALITIES = ("image", "text", "speech")
FC_HIDDEN = 192  # gives M_to_FC 98,752 parameters; M with K has 98,560


class ModalityTransformer(nn.Module):
    """T: e in R^512 to z in R^256; three layers, the last two a residual block (DECISIONS.md 12, 23)."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        options = experiment.transformer
        latent = experiment.latent
        self.enter = nn.Linear(experiment.code, latent)
        self.block = (
            nn.Sequential(nn.Linear(latent, latent), nn.ReLU(), nn.Linear(latent, latent))
            if options.kind == "residual"
            else None
        )
        nn.init.orthogonal_(self.enter.weight)  # all that e tells reaches z at first
        nn.init.zeros_(self.enter.bias)
        self.pre = options.activation == "pre"
        self.norm = {"layer": nn.LayerNorm, "batch": nn.BatchNorm1d, "none": nn.Identity}[options.norm](
            latent
        )

    def forward(self, e: Float[Tensor, "*batch code"]) -> Float[Tensor, "*batch latent"]:
        """z, normalised (`transformer.norm`), of codes of any modality; a batch norm wants all at once."""
        z = self.enter(e)
        if self.block is not None:
            positive = torch.relu(z)
            z = (z if self.pre else positive) + self.block(positive)
        return self.norm(z)


class MemoryFusion(nn.Module):
    """M: u = softmax(z K^T / sqrt(d_k)) M with several heads, Eq. 2 (DECISIONS.md 2).

    `layout=paper` splits M and K of equal shape over the heads; `layout=code` keeps one narrow M whose
    rows every head reads.
    """

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        options = experiment.memory
        self.heads = options.heads
        self.width = experiment.latent // options.heads
        self.shared_values = options.layout == "code"
        rows = self.width if self.shared_values else experiment.latent
        # A tanh of a loud M is 1 or -1, and does not learn: the factor stands outside then.
        self.tanh, self.scale = options.tanh, options.scale
        self.memory = nn.Parameter((1.0 if self.tanh else self.scale) * torch.randn(options.slots, rows))
        self.key = nn.Conv1d(rows, experiment.latent, 1)
        # A read that starts nearly uniform passes an average of all rows, and the decoders learn to do
        # without it: keys are scaled so that the first attention scores have this standard deviation.
        loud = self.scale * (TANH if self.tanh else 1.0)
        nn.init.normal_(self.key.weight, std=options.key_scale / (loud * math.sqrt(rows)))
        nn.init.zeros_(self.key.bias)

    def squash(self, memory: Float[Tensor, "slots rows"]) -> Float[Tensor, "slots rows"]:
        """M as it is read; with `memory.tanh` through a tanh, as the paper's code has it."""
        return self.scale * torch.tanh(memory) if self.tanh else memory

    def attention(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch heads slots"]:
        """How strongly each head reads each slot; rows sum to 1."""
        keys = self.key(self.squash(self.memory).T[None])[0].T.unflatten(1, (self.heads, self.width))
        query = z.unflatten(-1, (self.heads, self.width))
        scores = torch.einsum("...hd,nhd->...hn", query, keys) / math.sqrt(self.width)
        return scores.softmax(-1)

    def values(self) -> Float[Tensor, "slots heads width"]:
        """What each head reads from each slot."""
        memory = self.squash(self.memory)
        if self.shared_values:
            return memory[:, None].expand(-1, self.heads, -1)
        return memory.unflatten(1, (self.heads, self.width))

    def read(self, attention: Float[Tensor, "*batch heads slots"]) -> Float[Tensor, "*batch latent"]:
        """u, for how strongly each head reads each slot."""
        return torch.einsum("...hn,nhd->...hd", attention, self.values()).flatten(-2)

    def forward(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch latent"]:
        """u of Eq. 2."""
        return self.read(self.attention(z))


def memory_fusion(experiment: Experiment) -> nn.Module:
    """M, or what the ablation puts in its place: nothing, or two FC layers of as many parameters."""
    if experiment.memory.kind == "none":
        return nn.Identity()
    if experiment.memory.kind == "fc":
        hidden, out = nn.Linear(experiment.latent, FC_HIDDEN), nn.Linear(FC_HIDDEN, experiment.latent)
        for layer, follows in ((hidden, "relu"), (out, "linear")):  # so that u is as loud as z
            nn.init.kaiming_normal_(layer.weight, nonlinearity=follows)
            nn.init.zeros_(layer.bias)
        return nn.Sequential(hidden, nn.ReLU(), out)
    return MemoryFusion(experiment)


class ModalityClassifier(nn.Module):
    """C: two FC layers over z, a score for each modality in the order of `MODALITIES`."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(experiment.latent, 128), nn.ReLU(), nn.Linear(128, len(MODALITIES))
        )

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 3"]:
        """Scores before a softmax."""
        return self.layers(z)


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return -gradient


def reverse_gradient(x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Identity forward, sign change backward: the gradient reversal layer (Ganin & Lempitsky 2015)."""
    return _Reversal.apply(x)
