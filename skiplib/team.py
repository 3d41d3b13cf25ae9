"""Processes that share the batches of a step, as torchrun starts them, on one machine or several; the
folders of runs and data are one for all.

An experiment says how many batches make a step (`optim.accumulate`), and batches and random numbers are
addressed by their place in it: how many processes share them changes neither the data nor the gradient of the
joint stage. What norms remember (the later stages use it) is moved once by the mean over processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from skiplib.errors import ConfigError, TrainingError


@dataclass(frozen=True)
class Team:
    """This process' place among `size` processes."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def share(self, accumulate: int) -> range:
        """Which of the batches of a step are this process'. Raises `ConfigError` if they cannot be shared."""
        if accumulate % self.size:
            raise ConfigError(
                f"{self.size} processes cannot share optim.accumulate={accumulate} batches of a step: make "
                f"it a multiple of {self.size}"
            )
        return range(self.rank, accumulate, self.size)

    def sum_gradients(self, model: nn.Module) -> None:
        """The gradient of all batches of the step, in every process."""
        self._together([p.grad for p in model.parameters() if p.grad is not None])

    def average_statistics(self, model: nn.Module) -> None:
        """The running statistics of norms, as if all processes' batches had moved them."""
        buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        self._together(buffers, 1 / self.size)

    def agree(self, value: int, what: str) -> None:
        """Raise `TrainingError` if the processes do not have the same `value`."""
        values = [value] * self.size
        if self.size > 1:
            distributed.all_gather_object(values, value)
        if len(set(values)) > 1:
            raise TrainingError(
                f"{what}: {values}, by process; all machines need the same folder of runs, shared"
            )

    def wait(self) -> None:
        """Until all processes have come here."""
        if self.size > 1:
            distributed.barrier()

    def _together(self, tensors: Iterable[Tensor], factor: float = 1.0) -> None:
        """The sum over processes, times `factor`, in place; one message for all."""
        tensors = list(tensors)
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.detach().flatten().float() for tensor in tensors])
        distributed.all_reduce(flat)
        for tensor, part in zip(tensors, (flat * factor).split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))


def team() -> Team:
    """The processes that torchrun has started, this one among them; without it, this one alone."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Team()
    if not distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(local_rank())
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return Team(distributed.get_rank(), distributed.get_world_size())


def local_rank() -> int:
    """This process' place on its machine, and the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))
