import json
import math
from dataclasses import replace

import pandas as pd
import pytest
import soundfile
import torch
from filelock import FileLock, Timeout

from skiplib import checkpoints, config, divergence, logbook, systems, training
from skiplib.batches import Batches
from skiplib.config import Optim, experiment
from skiplib.errors import CheckpointError, ConfigError, TrainingError
from skiplib.logbook import LOG
from skiplib.model import SkipNet
from skiplib.muon import Muon32
from skiplib.optimisers import learning_rate, make_optimisers, set_rates
from skiplib.resuming import RESUME
from skiplib.stages import Stage, learning, stages
from skiplib.team import Team
from skiplib.training import DIVERGED, FINAL, train


class Interrupted(Exception):
    pass


def kept(weight: torch.Tensor) -> torch.Tensor:
    """A weight as a finished run keeps it."""
    return weight.detach().half().float()


def test_training_learns_and_is_not_done_twice(prepared, folder, monkeypatch):
    tiny = experiment("ours_aligned", "smoke", overlay={"optim.steps": 30})
    monkeypatch.setattr(training, "LOG_STEPS", 1)
    model, seconds = train(tiny, prepared, folder)
    log = logbook.read_log(folder)
    for term in ("image", "speech", "image_to_text", "speech_to_text"):
        values = log[term].dropna()
        assert values.tail(3).mean() < 0.9 * values.head(3).mean(), term
    monkeypatch.setattr(systems, "objective", None)  # a second call trains nothing
    again, same = train(tiny, prepared, folder)
    assert 0 < same <= seconds, "as its checkpoint says, which was written a moment before the end"
    assert all(
        torch.equal(a, b)
        for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(
    ("variant", "stage", "good"),
    [
        ("ours", "objective", 8),
        ("ours", "finishing", 1),
        ("ours_aligned", "retelling", 0),  # at the border of the text stage, where optimisers forget
        ("ours_aligned", "retelling", 1),
        ("ours_aligned", "finishing", 0),
    ],
)
def test_an_interrupted_run_ends_as_if_it_had_not_been(variant, stage, good, prepared, tmp_path, monkeypatch):
    shares = {"optim.joint": 0.5, "alignment.text_stage": 0.5} if variant == "ours_aligned" else {}
    tiny = experiment(variant, "smoke", overlay={"optim.precision": "32-true", **shares})
    whole, _ = train(tiny, prepared, tmp_path / "whole")
    real, calls = getattr(systems, stage), []

    def stop(*given):
        calls.append(1)
        if len(calls) == good + 1:
            raise Interrupted
        return real(*given)

    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(systems, stage, stop)
    with pytest.raises(Interrupted):
        train(tiny, prepared, tmp_path / "cut")
    assert (tmp_path / "cut" / RESUME).exists() and not (tmp_path / "cut" / FINAL).exists()
    resumed, _ = train(tiny, prepared, tmp_path / "cut")
    plan = stages(tiny)
    steps = {"objective": plan[Stage.JOINT], "retelling": plan[Stage.TEXT], "finishing": plan[Stage.APART]}
    # the step that was cut is done again, those before it are not
    assert len(calls) == 1 + len(steps[stage])
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    steps = [json.loads(line)["step"] for line in (tmp_path / "cut" / LOG).read_text().splitlines()]
    assert steps == sorted(set(steps))
    began, went_on = (start.step for start in logbook.read_starts(tmp_path / "cut"))
    assert began == 0 and plan[Stage.JOINT].start < went_on <= steps[-1]
    assert [start.step for start in logbook.read_starts(tmp_path / "whole")] == [0]


@pytest.mark.parametrize("variant", ["ours", "ours_aligned"])
def test_the_bottleneck_rests_while_the_last_parts_go_on(variant, prepared, tmp_path, monkeypatch):
    half = experiment(variant, "smoke", overlay={"optim.steps": 8, "optim.joint": 0.5})
    model, _ = train(half, prepared, tmp_path / "half")
    log = logbook.read_log(tmp_path / "half")
    assert "image_to_text" in log and log["image_to_text"].isna().iloc[-1] and log["speech"].notna().all()
    seen = {}

    def stop(*given):
        seen.update({name: kept(p) for name, p in given[0].named_parameters()})
        seen.update({name: b.clone() for name, b in given[0].named_buffers()})
        raise Interrupted

    monkeypatch.setattr(systems, "finishing", stop)
    with pytest.raises(Interrupted):
        train(half, prepared, tmp_path / "again")
    for name, value in model.state_dict().items():
        moved = not torch.equal(value, seen[name])
        rests = (
            not name.startswith(learning(half, Stage.APART)) or "project_cell" in name
        )  # for attend=sequence
        assert moved != rests or name.endswith("num_batches_tracked"), name
    assert {"image_encoder", "speech_encoder"} <= set(learning(half, Stage.APART)) or variant == "ours"


def test_the_speech_chain_moves_the_speech_decoder_alone(prepared, folder, monkeypatch):
    overlay = {"optim.steps": 10, "optim.joint": 0.75, "alignment.chain": 0.3, "alignment.chain_start": 0.5}
    some = experiment("ours_aligned", "smoke", overlay=overlay)
    assert [len(steps) for steps in stages(some).values()] == [8, 0, 1, 1]
    monkeypatch.setattr(training, "LOG_STEPS", 1)
    seen, real = {}, systems.finishing

    def watch(model, a, b, chained):
        if chained:
            seen.update({name: b.clone() for name, b in model.named_buffers()})
            seen.update({name: kept(p) for name, p in model.named_parameters()})
        return real(model, a, b, chained)

    monkeypatch.setattr(systems, "finishing", watch)
    model, _ = train(some, prepared, folder)
    log = logbook.read_log(folder)
    assert log["chain"].notna().tolist() == [False] * 9 + [True] and log["image"].isna().iloc[-1]
    for name, value in model.state_dict().items():
        assert torch.equal(value, seen[name]) != name.startswith("speech_decoder"), name


def test_the_text_stage_moves_what_text_passes_through_and_no_norm(prepared, folder, monkeypatch):
    overlay = {"optim.steps": 10, "optim.joint": 0.7, "alignment.text_stage": 0.34}
    some = experiment("ours_aligned", "smoke", overlay=overlay)
    assert [len(steps) for steps in stages(some).values()] == [7, 1, 2, 0]
    seen = []
    for name in ("retelling", "finishing"):
        real = getattr(systems, name)

        def watch(model, *given, real=real):
            seen.append({name: value.clone() for name, value in model.state_dict().items()})
            # at rest or not: cuDNN passes gradients back through a recurrent net in training mode alone
            assert all(part.training for part in model.modules() if isinstance(part, torch.nn.RNNBase))
            return real(model, *given)

        monkeypatch.setattr(systems, name, watch)
    train(some, prepared, folder)
    before, after = seen[:2]
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert {name.split(".")[0] for name in moved} == set(learning(some, Stage.TEXT))
    assert not any("running" in name for name in moved)


def test_a_damaged_or_foreign_checkpoint_is_not_used(prepared, folder, smoke, model):
    folder.mkdir()
    (folder / FINAL).write_bytes(b"nothing")
    about = {"step": 5, "seconds": 1.0, "data": prepared.content}
    foreign = experiment("ours", "smoke", seed=99)
    checkpoints.save(folder / RESUME, checkpoints.model_tensors(model), foreign, **about)
    train(smoke, prepared, folder)
    assert checkpoints.load_model(folder / FINAL).experiment == smoke
    assert logbook.read_log(folder)["step"].iloc[0] == 0, "it began anew"


def test_what_other_code_trained_is_trained_again(prepared, folder, smoke, monkeypatch):
    _, seconds = train(smoke, prepared, folder)
    monkeypatch.setattr(checkpoints, "code_digest", lambda: "other")
    assert train(smoke, prepared, folder)[1] != seconds


def test_a_row_of_the_log_that_was_cut_does_not_stop_a_run(folder):
    folder.mkdir()
    (folder / LOG).write_text('{"step": 0, "total": 1.0}\n{"step": 20, "total": 0.5}\n{"step": 4')
    logbook.Logbook(folder, 20).close()
    assert logbook.read_log(folder)["step"].tolist() == [0]


def test_a_run_on_other_data_is_trained_again(prepared, folder, smoke, caplog):
    train(smoke, prepared, folder)
    _, seconds = train(smoke, prepared, folder)  # as its checkpoint says
    voiced = replace(prepared, manifest=prepared.manifest | {"audio_files": {}})  # on another machine
    assert train(smoke, voiced, folder)[1] == seconds and "not used" not in caplog.text
    other = replace(prepared, manifest=prepared.manifest | {"files": {}})
    assert train(smoke, other, folder)[1] != seconds and "other data" in caplog.text


def test_one_process_at_a_time_trains_into_a_folder(prepared, folder, smoke, monkeypatch):
    def training_now(*_):
        with pytest.raises(Timeout):
            FileLock(folder.with_name(f".{folder.name}.lock")).acquire(timeout=0)
        return trained

    trained = (systems.build(smoke), 1.0)
    monkeypatch.setattr(training, "_train", training_now)
    assert train(smoke, prepared, folder) == trained


def poisoned(model, *_):
    """The square root of nothing: the loss is a number and its gradient is none."""
    zero = sum(p.sum() for p in model.speech_decoder.parameters()) * 0.0
    return torch.sqrt(zero) + 1.0, {"speech": 1.0}


def test_a_loss_that_is_no_number_stops_the_run(prepared, folder, smoke, monkeypatch):
    monkeypatch.setattr(systems, "objective", lambda *_: (torch.tensor(float("nan"), requires_grad=True), {}))
    with pytest.raises(TrainingError, match=r"batch 0 is nan .*step 0 .*are kept in .*diverged\.safetensors"):
        train(smoke, prepared, folder)
    assert not (folder / FINAL).exists()
    kept, _ = checkpoints.read(folder / DIVERGED)
    a, b = Batches(prepared, smoke)(0)
    assert torch.equal(kept["0.a.image"], a.image) and torch.equal(kept["0.b.text.ids"], b.text.ids)


def test_a_gradient_that_is_no_number_moves_no_weight(prepared, folder, smoke, monkeypatch):
    monkeypatch.setattr(systems, "objective", poisoned)
    with pytest.raises(
        TrainingError, match=r"a gradient is no number, with a loss of 1\.0 .*at step 0 .*kept"
    ):
        train(smoke, prepared, folder)
    assert (folder / DIVERGED).exists() and not (folder / RESUME).exists() and not (folder / FINAL).exists()


@pytest.mark.parametrize(
    ("processes", "name", "own"), [(Team(), DIVERGED, "01"), (Team(1, 2), "diverged-1", "1")]
)
def test_all_batches_of_the_step_that_diverged_are_kept(
    processes, name, own, prepared, folder, smoke, monkeypatch
):
    """The gradient of the first is none, and the loss of the last says nothing of it."""
    real, calls = systems.objective, []

    def first_poisoned(*given):
        calls.append(1)
        return poisoned(*given) if len(calls) == 1 else real(*given)

    monkeypatch.setattr(systems, "objective", first_poisoned)
    monkeypatch.setattr(training, "team", lambda: processes)
    for alone in ("wait", "agree", "sum_gradients", "average_statistics"):
        monkeypatch.setattr(Team, alone, lambda *_: None)
    made = experiment("ours_aligned", "smoke", overlay={"optim.accumulate": 2})
    with pytest.raises(TrainingError, match="a gradient is no number"):
        train(made, prepared, folder)
    (path,) = folder.glob("*.safetensors")
    kept, _ = checkpoints.read(path)
    assert path.name.startswith(name) and {key.partition(".")[0] for key in kept} == set(own)
    for i in map(int, own):
        assert torch.equal(kept[f"{i}.b.mel"], Batches(prepared, smoke)(i)[1].mel)


def test_the_step_that_diverged_is_in_the_log_and_goes_when_the_run_goes_on(
    prepared, folder, smoke, monkeypatch
):
    real = systems.objective
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(systems, "objective", lambda *given: (poisoned if given[3] > 0.7 else real)(*given))
    with pytest.raises(TrainingError, match="at step 5 "):
        train(smoke, prepared, folder)
    rows = pd.read_csv(folder / logbook.TABLE)
    assert rows["step"].tolist() == [0, 5] == logbook.read_log(folder)["step"].tolist()
    assert rows["gradient_norm"].notna().tolist() == [True, False] and rows["speech"].iloc[-1] == 1.0
    monkeypatch.setattr(systems, "objective", real)
    train(smoke, prepared, folder)
    assert pd.read_csv(folder / logbook.TABLE)["step"].tolist() == [0, 11]


def as_told(losses):
    """An objective of these values, one after the other; None is an interruption."""

    def lost(model, *_):
        if (loss := next(losses)) is None:
            raise Interrupted
        return sum(p.sum() for p in model.image_decoder.parameters()) * 0.0 + loss, {"image": loss}

    return lost


def test_a_loss_that_explodes_stops_the_run_and_an_odd_batch_does_not(prepared, folder, monkeypatch):
    """Three steps of too much end it; two do not, nor does an interruption forget how it began."""
    whole = experiment("ours", "smoke", overlay={"optim.joint": 1.0})
    losses = iter([2.0, 7.0, 7.0, 5.0, 6.5, 6.5, None, 6.5, 6.5, 6.5])
    monkeypatch.setattr(systems, "objective", as_told(losses))
    monkeypatch.setattr(divergence, "STEPS", 3)
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(Interrupted):
        train(whole, prepared, folder)
    with pytest.raises(TrainingError, match=r"is 6\.5 .*3 times what its terms began with, at step 8 .*kept"):
        train(whole, prepared, folder)
    assert (folder / DIVERGED).exists() and not (folder / FINAL).exists() and list(losses) == []


def test_a_later_stage_is_held_against_its_own_terms():
    watched = divergence.Explosion()
    watched.seen(24.0, {"image": 1.0, "speech": 3.0, "written": 20.0})
    assert watched.bound({"speech": 0.3, "distance": 0.5}) == divergence.TIMES * 3.5
    assert watched.bound({"distance": 9.0}) == divergence.TIMES * 0.5, (
        "a new term counts from its own first step"
    )


def test_what_had_learned_before_is_held_against_what_had_not(prepared, tmp_path, smoke, monkeypatch):
    """It begins far lower, and an explosion is one by the untrained network's measure."""
    monkeypatch.setattr(config, "RUNS_DIR", tmp_path)
    monkeypatch.setattr(divergence, "STEPS", 3)
    train(smoke, prepared, tmp_path / "first")
    losses = iter([4.0, 0.5, 11.0, 11.0, None, 11.0, 13.0, 13.0, 13.0])  # the first of untrained weights
    monkeypatch.setattr(systems, "objective", as_told(losses))
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    fine = experiment("ours", "smoke", seed=5, overlay={"optim.start": "first", "optim.joint": 1.0})
    with pytest.raises(Interrupted):
        train(fine, prepared, tmp_path / "fine")
    with pytest.raises(TrainingError, match=r"is 13 .*3 times what its terms began with, at step 6 "):
        train(fine, prepared, tmp_path / "fine")
    assert list(losses) == []


def test_gradients_of_several_batches_make_one_step(prepared, folder, monkeypatch):
    overlay = {
        "optim.accumulate": 3,
        "optim.steps": 2,
        "optim.batch": 4,
        "optim.joint": 1.0,
        "optim.precision": "32-true",
    }
    made = experiment("piecewise", "smoke", overlay=overlay)
    steps, real = [], Team.average_statistics

    def watched(processes, system):
        steps.append({n: p.grad.clone() for n, p in system.named_parameters() if p.grad is not None})
        real(processes, system)

    monkeypatch.setattr(Team, "average_statistics", watched)
    train(made, prepared, folder)
    assert len(steps) == 2
    training.seed_everything(made.seed, verbose=False)
    system, batches = systems.build(made).train(), Batches(prepared, made)
    for i in range(3):
        torch.manual_seed(training._seed(made.seed, i))
        (systems.step_loss(system, *batches(i))[0] / 3).backward()
    parameters = dict(system.named_parameters())
    for name, gradient in steps[0].items():
        assert torch.allclose(parameters[name].grad, gradient, rtol=1e-3, atol=1e-6), name


def test_samples_can_be_read_and_heard_and_change_nothing(prepared, tmp_path, monkeypatch):
    tiny = experiment("ours_aligned", "smoke", overlay={"optim.precision": "32-true"})
    plain, _ = train(tiny, prepared, tmp_path / "plain")
    for name, value in {"FEWEST": 1, "SAMPLES": 3}.items():
        monkeypatch.setattr(training, name, value)
    sampled, _ = train(tiny, prepared, tmp_path / "sampled")
    for (name, a), b in zip(plain.state_dict().items(), sampled.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    rows = logbook.read_samples(tmp_path / "sampled")
    assert rows["step"].tolist() == [3, 7, 11] and logbook.read_samples(tmp_path / "plain").empty
    last = rows.iloc[-1]
    assert last["sentences"] == prepared.b["train"].sentences[:2] and len(last["speech_to_text"]) == 2
    wave, rate = soundfile.read(tmp_path / "sampled" / last["image_to_speech"][0])
    assert rate == 16_000 and len(wave) > 0
    table = pd.read_csv(tmp_path / "sampled" / logbook.TABLE)
    assert list(table) == list(logbook.read_log(tmp_path / "sampled"))
    assert list((tmp_path / "sampled" / logbook.BOARD).glob("events.*"))


def test_whoever_watches_is_called_as_the_log_grows(prepared, folder, smoke, monkeypatch):
    monkeypatch.setattr(training, "LOG_STEPS", 5)
    seen = []
    train(smoke, prepared, folder, lambda place: seen.append(logbook.read_log(place)["step"].max()))
    assert seen == [0, 5, 10, 11]


def test_a_batch_larger_than_the_set_is_refused(prepared, folder):
    with pytest.raises(ConfigError, match=r"optim\.batch"):
        train(experiment("ours", "smoke", overlay={"optim.batch": 1_000}), prepared, folder)


def test_muon_moves_hidden_matrices_and_adam_the_rest():
    some = experiment("ours", "smoke", overlay={"optim.kind": "muon"})
    model = SkipNet(some)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    adam, muon = (
        {names[id(p)] for group in optimiser.param_groups for p in group["params"]}
        for optimiser in make_optimisers(model, some)
    )
    assert adam | muon == set(names.values()) and not adam & muon
    assert {"speech_decoder.decoder_rnn.layers.0.weight_hh_l0", "transformer.enter.weight"} <= muon
    assert {"memory.memory", "text_decoder.embedding.weight", "speech_decoder.frames.weight"} <= adam
    assert not any("bias" in name or "classifier" in name or "norm" in name for name in muon)


def test_what_stands_in_the_place_of_m_learns_as_other_hidden_layers():
    some = experiment("M_to_FC", "smoke", overlay={"optim.kind": "muon", "optim.schedule": "constant"})
    model = SkipNet(some)
    optimisers = make_optimisers(model, some)
    set_rates(optimisers, some.optim, 0)
    rates = {
        id(p): group["lr"] / some.optim.rate
        for optimiser in optimisers
        for group in optimiser.param_groups
        for p in group["params"]
    }
    for layer in (model.memory[0], model.memory[2], model.transformer.enter):
        assert math.isclose(rates[id(layer.weight)], some.optim.muon_rate)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
def test_muon_in_float32_is_muon(shape):
    torch.manual_seed(0)
    start, gradients = torch.randn(shape), torch.randn(3, *shape)
    ends = []
    for kind in (torch.optim.Muon, Muon32):
        matrix, rests = (torch.nn.Parameter(start.clone()) for _ in range(2))
        optimiser = kind([matrix, rests], lr=0.1, weight_decay=0.1)
        for gradient in gradients:
            matrix.grad = gradient.clone()
            optimiser.step()
        assert torch.equal(rests, start)
        ends.append((matrix.detach(), optimiser.state_dict()["state"][0]["momentum_buffer"]))
    (theirs, buffer), (ours, same) = ends
    assert torch.allclose(theirs, ours, atol=0.01) and not torch.allclose(start, ours, atol=0.1)
    assert torch.allclose(buffer, same)


def test_each_part_learns_at_its_own_rate_for_its_own_steps():
    overlay = {"optim.schedule": "constant", "alignment.chain": 0.3}
    some = experiment("ours_aligned", "smoke", overlay=overlay | {"alignment.text_stage": 0.34})
    model, optim = SkipNet(some), some.optim
    optimisers = make_optimisers(model, some)
    names = {id(parameter): name for name, parameter in model.named_parameters()}

    def rates(step):
        set_rates(optimisers, optim, step)
        groups = [group for optimiser in optimisers for group in optimiser.param_groups]
        return {names[id(p)]: group["lr"] / optim.rate for group in groups for p in group["params"]}

    plan = stages(some)
    first, text, apart, chain = (rates(plan[stage].start) for stage in plan)
    assert math.isclose(first["text_decoder.lstm.weight_hh_l0"], optim.muon_rate)
    assert math.isclose(first["speech_decoder.prenet.0.weight"], optim.muon_last_rate)
    assert math.isclose(first["memory.memory"], some.memory.rate)
    for stage, last in ((Stage.APART, apart), (Stage.CHAIN, chain)):
        learns = {name for name in names.values() if name.startswith(learning(some, stage))}
        assert {name for name, rate in last.items() if rate} == learns
    assert math.isclose(text["memory.memory"], some.alignment.text_rate * some.memory.rate)
    prenet = "speech_decoder.prenet.0.weight"
    assert math.isclose(chain[prenet], some.alignment.chain_rate * first[prenet])


@pytest.mark.parametrize("schedule", ["noam", "cosine", "constant"])
def test_the_rate_peaks_where_it_says(schedule):
    optim = Optim(schedule=schedule, steps=1_000, warmup=50, rate=0.01)
    rates = [learning_rate(optim, step, 1_000) for step in range(1_000)]
    assert math.isclose(max(rates), 0.01, rel_tol=0.02)
    assert rates[-1] <= rates[500] and (schedule == "constant" or rates[0] < 0.001)


def test_fine_tuning_begins_with_the_weights_of_another_run(prepared, tmp_path, smoke, monkeypatch):
    monkeypatch.setattr(config, "RUNS_DIR", tmp_path)
    first, _ = train(smoke, prepared, tmp_path / "first")
    overlay = {"optim.start": "first", "optim.steps": 1, "optim.rate": 1e-9}
    fine, _ = train(experiment("ours", "smoke", seed=5, overlay=overlay), prepared, tmp_path / "fine")
    for (name, a), b in zip(first.named_parameters(), fine.parameters(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
    again = experiment("ours", "smoke", seed=5, overlay=overlay)
    _, seconds = train(again, prepared, tmp_path / "fine")
    assert train(again, prepared, tmp_path / "fine")[1] == seconds
    train(experiment("ours", "smoke", seed=6), prepared, tmp_path / "first")
    assert train(again, prepared, tmp_path / "fine")[1] != seconds, "another run lies there now"
    for start, message in (("none", "no checkpoint at .*none"), ("first", "of another shape")):
        other = experiment("ours", "smoke", overlay={"optim.start": start, "memory.slots": 16})
        with pytest.raises(CheckpointError, match=message):
            train(other, prepared, tmp_path / "other")
