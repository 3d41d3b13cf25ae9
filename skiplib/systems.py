"""Which network a variant is, and the loss of one of its steps: the paper's, or one it compares with."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from skiplib.baselines.coding import Baseline
from skiplib.baselines.cyclegan import CycleGAN
from skiplib.baselines.piecewise import Piecewise
from skiplib.baselines.separate import Separate
from skiplib.config import Experiment
from skiplib.finishing import finishing, retelling
from skiplib.model import SkipNet
from skiplib.objective import BatchA, BatchB, objective
from skiplib.stages import Stage

System = SkipNet | Baseline
NETWORKS: dict[str, type[Baseline]] = {
    "piecewise": Piecewise,
    "cyclegan": CycleGAN,
    "separate": Separate,
}


def build(experiment: Experiment) -> System:
    """The network of `experiment`, untrained."""
    return NETWORKS.get(experiment.variant, SkipNet)(experiment)


def step_loss(
    system: System, a: BatchA, b: BatchB, progress: float = 1.0, stage: Stage = Stage.JOINT
) -> tuple[Float[Tensor, ""], dict[str, float]]:
    """The loss of one step in a stage (`stages`) and its terms by name.

    `progress` is the share of the joint steps that are done. A baseline has one stage.
    """
    if not isinstance(system, SkipNet):
        return system.loss(a, b)
    if stage is Stage.JOINT:
        return objective(system, a, b, progress)
    if stage is Stage.TEXT:
        return retelling(system, a, b)
    return finishing(system, a, b, stage is Stage.CHAIN)
