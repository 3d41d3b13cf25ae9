"""The early stop of a run whose loss explodes and stays a number."""

from __future__ import annotations

TIMES = 3.0  # the first step's loss, which is that of an untrained network
STEPS = 20  # running: one odd batch is no divergence, as gradients are clipped


class Explosion:
    """Watches the loss of a run, step by step; `first` is that of its first step, where it is gone on with.

    Later stages have fewer terms, so that their losses lie further below.
    """

    def __init__(self, first: float | None = None) -> None:
        self.first, self.over = first, 0

    def seen(self, loss: float) -> bool:
        """Whether the loss has been over `TIMES` the first one for the last `STEPS` steps."""
        if self.first is None:
            self.first = loss
        self.over = self.over + 1 if loss > TIMES * self.first else 0
        return self.over >= STEPS
