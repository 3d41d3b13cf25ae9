"""The stages of a training run: which parts learn when (DECISIONS.md 38, 43, 45)."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise

from torch import nn

from skiplib.config import Experiment


class Stage(StrEnum):
    """In the order that they come in."""

    JOINT = "joint"  # all parts, by Eq. 7
    TEXT = "text"  # E_txt, T, M and D_txt, by text autoencoding, where `alignment.text_stage` is on
    APART = "apart"  # the other decoders, and with `alignment.follow` their encoders; the rest is at rest
    CHAIN = "chain"  # D_spch alone, where the speech chain is on


def stages(experiment: Experiment) -> dict[Stage, range]:
    """The steps of each stage, in order; all but the first may have none."""
    optim, alignment = experiment.optim, experiment.alignment
    joint = max(1, round(optim.joint * optim.steps))
    rest = optim.steps - joint
    text = joint + round(alignment.text_stage * rest)
    chain = joint + round(alignment.chain_start * rest) if alignment.chain else optim.steps
    ends = (joint, text, chain, optim.steps)
    return {stage: range(*span) for stage, span in zip(Stage, pairwise((0, *ends)), strict=True)}


def learning(experiment: Experiment, stage: Stage) -> tuple[str, ...]:
    """The parts that learn in a stage after the first, in which all do."""
    if stage is Stage.CHAIN:
        return ("speech_decoder",)
    if stage is Stage.TEXT:
        return ("text_encoder", "transformer", "memory", "text_decoder")
    decoders = ("image_decoder", "speech_decoder")
    return (*decoders, "image_encoder", "speech_encoder") if experiment.alignment.follow else decoders


def rest(model: nn.Module, experiment: Experiment, stage: Stage) -> None:
    """Put what does not learn in a stage after the first to rest, in place: its batch norms stand still as in
    use, and nothing of it has a gradient.

    In the text stage the norms of what learns stand still too, as the modalities beside text are not there,
    and its dropout is off.
    """
    model.eval().requires_grad_(False)
    for name in learning(experiment, stage):
        model.get_submodule(name).train(stage is not Stage.TEXT).requires_grad_(True)
    for part in model.modules():
        if isinstance(part, nn.RNNBase):  # no dropout in them, and cuDNN passes no gradient back otherwise
            part.train()
