"""The early stop of a run whose loss explodes and stays a number."""

from __future__ import annotations

from collections.abc import Mapping

TIMES = 3.0  # the loss of the first step, which is that of an untrained network
STEPS = 20  # running: one odd batch is no divergence, as gradients are clipped


class Explosion:
    """Watches the loss of a run, step by step.

    `first` is what each term was when it was seen first, where a run is gone on with, and what it is with
    untrained weights, where training begins with those of another run. A stage has some of the terms, and its
    loss is held against what those alone were.
    """

    def __init__(self, first: Mapping[str, float] | None = None) -> None:
        self.first, self.over = dict(first or {}), 0

    def bound(self, terms: Mapping[str, float]) -> float:
        """The loss of an untrained network in these terms, `TIMES`; what is watched beside them is small."""
        return TIMES * sum(self.first.setdefault(name, value) for name, value in terms.items())

    def seen(self, loss: float, terms: Mapping[str, float]) -> bool:
        """Whether the loss has been over its bound for the last `STEPS` steps."""
        self.over = self.over + 1 if loss > self.bound(terms) else 0
        return self.over >= STEPS
