"""What moves the weights: Adam or Muon, at which rate, for how long, in which precision."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from skiplib.config import Experiment, Optim
from skiplib.muon import Muon32
from skiplib.stages import Stage, learning, stages

# Muon is for matrices between hidden layers (Jordan et al. 2024); M's rate and C's are tuned for Adam, and
# D_img is all filters but for its first map.
ADAM_S_OWN = ("embedding.", "score.", "frames.", "stop.", "memory.memory.", "classifier.", "image_decoder.")
NEWTON_SCHULZ_STEPS = 3


def learning_rate(optim: Optim, step: int, steps: int) -> float:
    """Rate at one of `steps`: warm-up to the peak (at most a tenth of them), then the schedule."""
    warmup = max(1, min(optim.warmup, steps // 10))
    if optim.schedule == "constant":
        return optim.rate
    if step < warmup:
        return optim.rate * (step + 1) / warmup
    if optim.schedule == "noam":
        return optim.rate * math.sqrt(warmup / (step + 1))
    share = (step - warmup) / max(1, steps - warmup)
    return optim.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)


def set_rates(optimisers: Sequence[Optimizer], optim: Optim, step: int) -> None:
    """Each group learns in its `spans`, at a rate relative to `optim.rate` in each, and then rests."""
    for group in (group for optimiser in optimisers for group in optimiser.param_groups):
        group["lr"] = sum(
            relative * learning_rate(optim, step - span.start, len(span))
            for span, relative in group["spans"]
            if step in span
        )  # an empty sum is rest


def precision(optim: Optim) -> str:
    """`auto` is bfloat16 where the processor multiplies it fast, and float32 elsewhere."""
    if optim.precision != "auto":
        return optim.precision
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"


def make_optimisers(model: nn.Module, experiment: Experiment) -> list[Optimizer]:
    """Adam, and Muon where `optim.kind` asks for it; `set_rates` sets their rates at each step."""
    optim, alignment, plan = experiment.optim, experiment.alignment, stages(experiment)
    again_at = {Stage.TEXT: alignment.text_rate, Stage.CHAIN: alignment.chain_rate}
    # Adam moves every entry of the key convolution by about the rate at once, and a key sums over all of
    # them: at the full rate the attention is one-hot, and dead, within some fifty steps.
    relative = {"classifier": experiment.adversarial.classifier_rate}
    if experiment.memory.kind == "attention":
        relative["memory"] = experiment.memory.rate

    def groups(muon: bool) -> list[dict]:
        """What one of the two moves, part by part."""
        found = []
        for part, module in model.named_children():
            last = part in learning(experiment, Stage.APART)
            by_muon = optim.muon_last_rate if last else optim.muon_rate
            rate = relative.get(part, 1.0) * (by_muon if muon else 1.0)
            named = module.named_parameters(prefix=part)
            own = [p for name, p in named if (optim.kind == "muon" and _is_hidden_matrix(name, p)) == muon]
            if own:
                spans = [(range(plan[Stage.APART if last else Stage.JOINT].stop), rate)]
                spans += [
                    (plan[stage], rate * again)
                    for stage, again in again_at.items()
                    if part in learning(experiment, stage)
                ]
                found.append({"params": own, "spans": spans})
        return found

    optimisers: list[Optimizer] = [torch.optim.Adam(groups(muon=False), lr=optim.rate, fused=True)]
    if optim.kind == "muon":
        muon = torch.optim.Muon if precision(optim) == "bf16-mixed" else Muon32
        optimisers.append(
            muon(groups(muon=True), lr=optim.rate, weight_decay=0.0, ns_steps=NEWTON_SCHULZ_STEPS)
        )
    return optimisers


def _is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    return parameter.ndim == 2 and not any(own in f"{name}." for own in ADAM_S_OWN)
