"""Muon (Jordan et al. 2024) in float32, for processors that only emulate bfloat16."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


class Muon32(torch.optim.Muon):
    """`torch.optim.Muon` with its Newton-Schulz iterations in the precision of the weights.

    torch's own are in bfloat16 always: without instructions for it a step took 8 s instead of 0.2.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Move every matrix that has a gradient. No `closure` is called: no loss is measured again."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                gradient, momentum = matrix.grad, group["momentum"]
                buffer = self.state[matrix].setdefault("momentum_buffer", torch.zeros_like(gradient))
                buffer.lerp_(gradient, 1 - momentum)
                update = gradient.lerp(buffer, momentum) if group["nesterov"] else buffer
                update = orthogonalised(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                rows, columns = matrix.shape
                matrix.add_(update, alpha=-group["lr"] * math.sqrt(max(1.0, rows / columns)))


def orthogonalised(
    matrix: Float[Tensor, "rows columns"], coefficients: Sequence[float], steps: int, eps: float
) -> Float[Tensor, "rows columns"]:
    """About U V^T of the `matrix` U S V^T: singular values go through `steps` odd polynomials towards one."""
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
