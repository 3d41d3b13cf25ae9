"""One training loop, on Lightning Fabric: schedule, clipping, log, checkpoints each minute, resuming."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.fabric.utilities.seed import seed_everything
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from skiplib import checkpoints, config
from skiplib.batches import Batches, batch_tensors
from skiplib.checkpoints import FINAL
from skiplib.config import Experiment
from skiplib.divergence import STEPS, TIMES, Explosion
from skiplib.errors import TrainingError
from skiplib.files import alone
from skiplib.logbook import Logbook
from skiplib.objective import BatchA, BatchB
from skiplib.optimisers import learning_rate, make_optimisers, precision, set_rates
from skiplib.prepare import Prepared
from skiplib.provenance import device_name
from skiplib.resuming import RESUME, begin_with, optimiser_tensors, resume, usable
from skiplib.stages import Stage, learning, rest, stages
from skiplib.systems import System, build, step_loss
from skiplib.team import Team, local_rank, team

CHECKPOINT_SECONDS = 60.0
LOG_STEPS = 20
SAMPLES, FEWEST, MOST = 5, 200, 10_000  # samples of a run, but not closer or further apart in steps
ORIGIN = ("machine", "torch", "precision")  # what a checkpoint says of where its weights come from
DIVERGED = "diverged.safetensors"  # of the process that leads; the others add their rank


class Step(nn.Module):
    """The loss as a module, so that Fabric wraps its precision and devices around it."""

    def __init__(self, model: System) -> None:
        super().__init__()
        self.model = model

    def forward(self, a: BatchA, b: BatchB, progress: float, stage: Stage) -> tuple[Tensor, dict[str, float]]:
        return step_loss(self.model, a, b, progress, stage)


def train(
    experiment: Experiment, prepared: Prepared, folder: Path, watch: Callable[[Path], None] | None = None
) -> tuple[System, float]:
    """The trained model and the seconds its training took; a finished run is not trained again.

    `watch` is called with `folder` whenever the log has grown.

    An interrupted run goes on from its last checkpoint, at most a minute back. A checkpoint of another
    experiment or of other data, or made by other code, is not used. With `optim.start` the weights are at
    first another run's, for fine-tuning on another corpus; what is an explosion, untrained ones say as ever.

    One process at a time trains into a folder (or one team of them); another one waits for it (another team
    for as long as `torch.distributed` has it wait at a barrier).

    Raises `CheckpointError` if there is no such run or its model is of another shape, and `TrainingError` if
    the loss or a gradient stops being a number, or the loss explodes (`divergence`), with the step's
    batches in `diverged.safetensors` and its row in the log, or if processes find different checkpoints.
    """
    processes = team()
    lock = folder.with_name(f".{folder.name}.lock")
    with alone(lock, "trains this run") if processes.leads else nullcontext():
        return _train(experiment, prepared, folder, processes, watch)


def _train(
    experiment: Experiment,
    prepared: Prepared,
    folder: Path,
    processes: Team,
    watch: Callable[[Path], None] | None,
) -> tuple[System, float]:
    processes.wait()  # for the one with the lock
    finished = usable(folder / FINAL, experiment, prepared)
    processes.agree(finished is not None, "whether the run is finished")
    if finished is not None:
        return checkpoints.load_model(folder / FINAL).eval(), float(finished[1]["seconds"])
    run = _Run(experiment, prepared, folder, processes)
    with closing(run.logbook) if run.logbook is not None else nullcontext():
        run.go_on(watch)
    seconds = run.seconds
    processes.wait()
    if not processes.leads:
        return run.model.eval().requires_grad_(True), seconds
    return checkpoints.load_model(folder / FINAL), seconds  # what is measured is what is kept


class _Run:
    """A training under way, from its first step or its last checkpoint on: step by step, and what is kept."""

    def __init__(self, experiment: Experiment, prepared: Prepared, folder: Path, processes: Team) -> None:
        self.experiment, self.prepared, self.folder, self.processes = experiment, prepared, folder, processes
        self.optim, self.plan = experiment.optim, stages(experiment)
        self.own = processes.share(self.optim.accumulate)
        # Processes are torchrun's matter: Fabric shall not look for the other tasks of a cluster's job.
        devices = [local_rank()] if torch.cuda.is_available() else 1
        low = precision(self.optim)
        self.fabric = Fabric(devices=devices, precision=low, plugins=LightningEnvironment())
        self.fabric.launch()
        seed_everything(experiment.seed, verbose=False)
        self.model = build(experiment)
        # Clipped each for itself: the large gradients of one, C above all, must not shrink those of another.
        self.parts = [list(part.parameters()) for part in self.model.children()]
        self.optimisers = make_optimisers(self.model, experiment)
        self.step_module, *self.wrapped = self.fabric.setup(Step(self.model), *self.optimisers)
        self.start, self.before, first = resume(folder, experiment, prepared, self.model, self.optimisers)
        processes.agree(self.start, "the step to go on from")
        self.origin = dict(
            zip(ORIGIN, (device_name(self.fabric.device), torch.__version__, low), strict=True)
        )
        self.origin |= checkpoints.begun_with(experiment)
        self.batches = Batches(prepared, experiment)
        if self.optim.start and not self.start:
            with torch.no_grad():  # of weights that are untrained yet
                untrained = self.batches(self.own[0], self.fabric.device)
                _, first = self.step_module(*untrained, 0.0, stage=Stage.JOINT)
            begin_with(self.model, config.RUNS_DIR / self.optim.start / FINAL)
        self.explosion = Explosion(first)
        self.logbook = Logbook(folder, self.start) if processes.leads else None
        self.begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """What its training has taken, what came before an interruption included."""
        return self.before + time.monotonic() - self.begun

    def go_on(self, watch: Callable[[Path], None] | None) -> None:
        """All steps that are left."""
        steps, saved = self.optim.steps, time.monotonic()
        self.model.train()
        for step, stage, bar in _watched(self.start, self.plan, self.experiment.variant):
            begins = self.plan[stage].start
            set_rates(self.optimisers, self.optim, step)
            if stage is not Stage.JOINT and step == max(self.start, begins):
                rest(self.model, self.experiment, stage)
            if stage in (Stage.TEXT, Stage.CHAIN) and step == begins:
                learn = learning(self.experiment, stage)
                _forget(self.optimisers, [self.model.get_submodule(part) for part in learn])
            total, terms, norm = self._gradients(step, stage)
            for optimiser in self.wrapped:
                optimiser.step()
            if self.logbook is None:
                continue
            if step % LOG_STEPS == 0 or step == steps - 1:
                self._note(step, total, terms, norm)
                if watch is not None:
                    watch(self.folder)
                bar.set_postfix(loss=f"{total:.3f}", refresh=False)
            if (step + 1) % max(FEWEST, min(MOST, steps // SAMPLES)) == 0:
                self.logbook.sample(step, self.model, self.prepared)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save(self.folder / RESUME, step + 1, resumable=True)
                saved = time.monotonic()
        if self.logbook is not None:
            self._save(self.folder / FINAL, steps, resumable=False)
            (self.folder / RESUME).unlink(missing_ok=True)

    def _gradients(self, step: int, stage: Stage) -> tuple[float, dict[str, float], float]:
        """Those of a step, clipped. What there is to say of it: the loss of its last batch, its terms, the
        norm."""
        accumulate = self.optim.accumulate
        progress = min(1.0, step / len(self.plan[Stage.JOINT]))
        self.model.zero_grad()
        for i in self.own:
            place = step * accumulate + i
            a, b = self.batches(place, self.fabric.device)
            torch.manual_seed(_seed(self.experiment.seed, place))
            loss, terms = self.step_module(a, b, progress, stage=stage)
            total = loss.item()
            if not math.isfinite(total):
                raise self._diverged(step, f"the loss of batch {i} is {total} ({terms})", total, terms)
            self.fabric.backward(loss / accumulate)
        self.processes.sum_gradients(self.model)
        self.processes.average_statistics(self.model)
        norm = math.hypot(*(float(nn.utils.clip_grad_norm_(part, self.optim.clip)) for part in self.parts))
        if not math.isfinite(norm):
            what = f"a gradient is no number, with a loss of {total} ({terms})"
            raise self._diverged(step, what, total, terms, norm)
        if self.explosion.seen(total, terms):
            over = f"for {STEPS} steps over {TIMES:g} times what its terms began with"
            raise self._diverged(step, f"the loss is {total:.3g} ({terms}), {over},", total, terms, norm)
        return total, terms, norm

    def _diverged(
        self, step: int, what: str, total: float, terms: dict[str, float], norm: float = math.nan
    ) -> TrainingError:
        """The error to raise; this process' batches of the step are kept, and no weight has moved by them."""
        path = self.folder / DIVERGED
        if self.logbook is None:
            path = path.with_stem(f"{path.stem}-{self.processes.rank}")
        else:
            self._note(step, total, terms, norm)
        kept = {}
        for i in self.own:  # read once more: a step holds one of its batches at a time
            tensors = batch_tensors(*self.batches(step * self.optim.accumulate + i))
            kept |= {f"{i}.{name}": tensor for name, tensor in tensors.items()}
        checkpoints.save(path, kept, self.experiment, step=step)
        told = f"{what} at step {step} of {self.experiment.variant}"
        return TrainingError(f"{told}; its batches are kept in {path}")

    def _note(self, step: int, total: float, terms: dict[str, float], norm: float) -> None:
        """A row of the log."""
        seen = {
            "step": step,
            "seconds": self.seconds,
            "rate": learning_rate(self.optim, step, self.optim.steps),
        }
        self.logbook.add(seen | {"total": total, "gradient_norm": norm} | terms)

    def _save(self, path: Path, step: int, resumable: bool) -> None:
        tensors = checkpoints.model_tensors(self.model, halved=not resumable)
        if resumable:
            tensors |= optimiser_tensors(self.optimisers)
        about = {"step": step, "seconds": self.seconds, "first": json.dumps(self.explosion.first)}
        about |= {"data": self.prepared.content} | self.origin
        checkpoints.save(path, tensors, self.experiment, **about)


def _watched(start: int, plan: dict[Stage, range], title: str) -> Iterator[tuple[int, Stage, tqdm]]:
    """The steps left to do and their stage, with a bar for each stage: their steps take different times."""
    for stage, steps in plan.items():
        left = range(max(steps.start, start), steps.stop)
        if left:
            done = left.start - steps.start
            bar = tqdm(left, initial=done, total=len(steps), desc=f"{title}, {stage}", mininterval=2)
            for step in bar:
                yield step, stage, bar


def _seed(seed: int, place: int) -> int:
    """Random numbers are those of a batch, as its rows are, whoever computes it and whatever came before."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)[0] >> 1)


def _forget(optimisers: Sequence[Optimizer], parts: Sequence[nn.Module]) -> None:
    """Adam's second moments are those of small gradients: under larger ones its steps are too long."""
    for parameter in (parameter for part in parts for parameter in part.parameters()):
        for optimiser in optimisers:
            optimiser.state.pop(parameter, None)
