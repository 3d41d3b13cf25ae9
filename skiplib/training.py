"""One training loop, on Lightning Fabric: schedule, clipping, log, checkpoints each minute, resuming."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.fabric.utilities.seed import seed_everything
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from skiplib import checkpoints, config
from skiplib.batches import Batches
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

    One process at a time trains into a folder (or one team of them); another one waits for it.

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
    optim = experiment.optim
    own = processes.share(optim.accumulate)
    # Processes are torchrun's matter: Fabric shall not look for the other tasks of a cluster's job.
    devices = [local_rank()] if torch.cuda.is_available() else 1
    fabric = Fabric(devices=devices, precision=precision(optim), plugins=LightningEnvironment())
    fabric.launch()
    seed_everything(experiment.seed, verbose=False)
    model = build(experiment)
    optimisers = make_optimisers(model, experiment)
    step_module, *wrapped = fabric.setup(Step(model), *optimisers)
    start, seconds, first = resume(folder, experiment, prepared, model, optimisers)
    processes.agree(start, "the step to go on from")
    where = dict(zip(ORIGIN, (device_name(fabric.device), torch.__version__, precision(optim)), strict=True))
    where |= checkpoints.begun_with(experiment)
    batches = Batches(prepared, experiment)
    if optim.start and not start:
        with torch.no_grad():  # of weights that are untrained yet
            _, first = step_module(*batches(own[0], fabric.device), 0.0, stage=Stage.JOINT)
        begin_with(model, config.RUNS_DIR / optim.start / FINAL)
    steps, plan = optim.steps, stages(experiment)
    logbook = Logbook(folder, start) if processes.leads else None
    joint = len(plan[Stage.JOINT])
    # Clipped each for itself: the large gradients of one, C above all, must not shrink those of another.
    parts = [list(part.parameters()) for part in model.children()]

    def save(path: Path, step: int, resumable: bool) -> None:
        tensors = checkpoints.model_tensors(model, halved=not resumable)
        if resumable:
            tensors |= optimiser_tensors(optimisers)
        spent = seconds + time.monotonic() - begun
        about = {
            "step": step,
            "seconds": spent,
            "first": json.dumps(explosion.first),
            "data": prepared.content,
        }
        checkpoints.save(path, tensors, experiment, **about, **where)

    def row(step: int, total: Tensor, terms: dict[str, float], norm: float = math.nan) -> dict[str, Any]:
        found = {"step": step, "seconds": seconds + time.monotonic() - begun}
        found |= {"rate": learning_rate(optim, step, steps), "total": total.item(), "gradient_norm": norm}
        return found | terms

    def diverged(step: int, what: str, seen: dict[str, Any]) -> TrainingError:
        """The error to raise; this process' batches of the step are kept, and no weight has moved by them."""
        path = folder / DIVERGED
        if logbook is None:
            path = path.with_stem(f"{path.stem}-{processes.rank}")
        else:
            logbook.add(seen)
        kept = {}
        for i in own:  # read once more: a step holds one of its batches at a time
            tensors = _batch_tensors(*batches(step * optim.accumulate + i))
            kept |= {f"{i}.{name}": tensor for name, tensor in tensors.items()}
        checkpoints.save(path, kept, experiment, step=step)
        return TrainingError(f"{what} at step {step} of {experiment.variant}; its batches are kept in {path}")

    def gradients(step: int, stage: Stage) -> dict[str, Any]:
        """Those of a step, clipped. What is logged of it: the loss of its last batch, its terms, the norm."""
        model.zero_grad()
        for i in own:
            place = step * optim.accumulate + i
            a, b = batches(place, fabric.device)
            torch.manual_seed(_seed(experiment.seed, place))
            total, terms = step_module(a, b, min(1.0, step / joint), stage=stage)
            if not torch.isfinite(total):
                seen = row(step, total, terms)
                raise diverged(step, f"the loss of batch {i} is {total.item()} ({terms})", seen)
            fabric.backward(total / optim.accumulate)
        processes.sum_gradients(model)
        processes.average_statistics(model)
        norms = [nn.utils.clip_grad_norm_(part, optim.clip) for part in parts]
        seen = row(step, total, terms, math.hypot(*map(float, norms)))
        if not all(torch.isfinite(norm) for norm in norms):
            raise diverged(step, f"a gradient is no number, with a loss of {total.item()} ({terms})", seen)
        if explosion.seen(total.item(), terms):
            over = f"for {STEPS} steps over {TIMES:g} times what its terms began with"
            raise diverged(step, f"the loss is {total.item():.3g} ({terms}), {over},", seen)
        return seen

    explosion = Explosion(first)
    begun = saved = time.monotonic()
    model.train()
    with closing(logbook) if logbook is not None else nullcontext():
        for step, stage, bar in _watched(start, plan, experiment.variant):
            set_rates(optimisers, optim, step)
            if stage is not Stage.JOINT and step == max(start, plan[stage].start):
                rest(model, experiment, stage)
            if stage in (Stage.TEXT, Stage.CHAIN) and step == plan[stage].start:
                _forget(optimisers, [model.get_submodule(part) for part in learning(experiment, stage)])
            seen = gradients(step, stage)
            for optimiser in wrapped:
                optimiser.step()
            if logbook is None:
                continue
            if step % LOG_STEPS == 0 or step == steps - 1:
                logbook.add(seen)
                if watch is not None:
                    watch(folder)
                bar.set_postfix(loss=f"{seen['total']:.3f}", refresh=False)
            if (step + 1) % max(FEWEST, min(MOST, steps // SAMPLES)) == 0:
                logbook.sample(step, model, prepared)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save(folder / RESUME, step + 1, resumable=True)
                saved = time.monotonic()
        if logbook is not None:
            save(folder / FINAL, steps, resumable=False)
            (folder / RESUME).unlink(missing_ok=True)
    seconds += time.monotonic() - begun
    processes.wait()
    if not processes.leads:
        return model.eval().requires_grad_(True), seconds
    return checkpoints.load_model(folder / FINAL), seconds  # what is measured is what is kept


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


def _batch_tensors(a: BatchA, b: BatchB) -> dict[str, Tensor]:
    texts = {"a.text": a.text, "a.paraphrase": a.paraphrase, "b.text": b.text}
    found = {"a.image": a.image, "a.seen": a.seen.clone(), "b.mel": b.mel, "b.lengths": b.lengths}
    found |= {f"{name}.ids": text.ids for name, text in texts.items()}
    return found | {f"{name}.lengths": text.lengths for name, text in texts.items()}
