"""The systems that the paper compares with: they learn, each part from its own loss, and speak."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skiplib import config, losses
from skiplib.baselines import cyclegan
from skiplib.baselines.cyclegan import CycleGAN
from skiplib.baselines.piecewise import Piecewise
from skiplib.config import experiment
from skiplib.encoders import valid
from skiplib.errors import ConfigError
from skiplib.objective import added
from skiplib.optimisers import make_optimisers, set_rates
from skiplib.systems import NETWORKS, build
from skiplib.training import train

Batch = tuple[Any, Any]


def fit(variant: str, batch: Batch, steps: int) -> tuple[Any, dict[str, float], dict[str, float]]:
    """A system trained on one batch, with its terms at the first step and at the last."""
    torch.manual_seed(0)
    overlay = {"optim.steps": steps, "optim.rate": 0.003, "optim.kind": "adam"}
    some = experiment(variant, "smoke", overlay=overlay)
    system = build(some).train()
    optimisers = make_optimisers(system, some)
    first: dict[str, float] = {}
    for step in range(steps):
        set_rates(optimisers, some.optim, step)
        total, terms = system.loss(*batch)
        first = first or terms
        system.zero_grad()
        total.backward()
        for part in system.children():
            torch.nn.utils.clip_grad_norm_(part.parameters(), some.optim.clip)
        for optimiser in optimisers:
            optimiser.step()
    return system, first, terms


def caught(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """The terms of CycleGAN's loss, each by itself, from its next step on."""
    seen: dict[str, torch.Tensor] = {}

    def keep(terms: dict[str, torch.Tensor], watched: dict[str, torch.Tensor]) -> Any:
        seen.update(terms)
        return added(terms, watched)

    monkeypatch.setattr(cyclegan, "added", keep)
    return seen


def retold(batch: Any) -> Any:
    """A batch with each text beside what belongs to another."""
    text = batch.text
    return replace(batch, text=type(text)(text.ids.roll(1, 0), text.lengths.roll(1, 0)))


def test_every_baseline_has_a_network() -> None:
    assert set(NETWORKS) == set(config.BASELINES)


@pytest.mark.parametrize("variant", ["ours", *NETWORKS])
def test_recurrent_weights_start_alike_in_every_system(variant: str) -> None:
    rnns = [part for part in build(experiment(variant, "smoke")).modules() if isinstance(part, nn.RNNBase)]
    assert rnns
    for rnn in rnns:
        size = rnn.hidden_size
        for gate in rnn.weight_hh_l0.detach().split(size):
            assert torch.allclose(gate @ gate.mT, torch.eye(size), atol=1e-4)
        if isinstance(rnn, nn.LSTM):
            assert (rnn.bias_hh_l0.detach()[size : 2 * size] == 1).all()


def test_each_task_can_learn_a_few_pairs_by_heart(batch: Batch) -> None:
    """Of `separate`, which holds the two models of `piecewise`."""
    a, b = batch
    system, first, terms = fit("separate", batch, 250)
    assert isinstance(system, Piecewise)
    for name in ("image_to_text", "speech_to_text"):
        assert terms[name] < 0.1, name
    for name in ("speech", "image"):
        assert terms[name] < 0.4 * first[name], name
    with torch.no_grad():  # and by its own text, not by what all have in common
        right, wrong = (system.eval().loss(*pairs)[1] for pairs in (batch, (retold(a), retold(b))))
    assert wrong["image"] > 1.5 * right["image"] and wrong["speech"] > 1.15 * right["speech"]
    pixels = ((a.image + 1) * 127.5).round().to(torch.uint8)
    captions = system.translate(pixels, "image", "text")
    assert len(set(captions)) > len(pixels) / 2
    mels = system.translate(pixels, "image", "speech")
    assert len(mels) == len(pixels) and all(mel.shape[1] == 80 and len(mel) for mel in mels)
    painted = system.translate(captions, "text", "image")
    assert painted.shape == pixels.shape and painted.dtype == torch.uint8
    mels = [mel[:length] for mel, length in zip(b.mel, b.lengths.tolist(), strict=True)]
    assert len(set(system.translate(mels, "speech", "text"))) > len(mels) / 2


@pytest.mark.parametrize("variant", ["piecewise", "separate"])
def test_the_models_of_a_baseline_share_nothing(batch: Batch, variant: str) -> None:
    a, b = batch
    system = build(experiment(variant, "smoke")).eval()
    silent = type(b)(b.text, torch.zeros_like(b.mel), b.lengths)
    terms = system.loss(a, b)[1]
    changed = system.loss(replace(a, image=torch.zeros_like(a.image), seen=torch.zeros_like(a.seen)), b)[1]
    assert changed["image_to_text"] != terms["image_to_text"] and changed["speech"] == terms["speech"]
    changed = system.loss(a, silent)[1]
    assert changed["image_to_text"] == terms["image_to_text"] and changed["speech"] != terms["speech"]
    seen: dict[str, set[str]] = {}
    for name, term in system.terms(a, b).items():
        system.zero_grad()
        term.backward(retain_graph=True)
        seen[name] = {key.split(".")[0] for key, p in system.named_parameters() if p.grad is not None}
    seen["speech"] |= seen.pop("stop")  # two terms of one model
    parts = [part for model in seen.values() for part in model]
    assert len(parts) == len(set(parts)) == len(list(system.children()))


def test_an_image_of_which_nothing_is_written_is_still_spoken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = build(experiment("piecewise", "smoke"))
    monkeypatch.setattr(system, "_write", lambda images: [" "] * len(images))
    assert len(system.translate(np.zeros((2, 3, 64, 64), np.uint8), "image", "speech")) == 2


def test_cyclegan_can_learn_a_few_cycles_by_heart(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each comes back nearer than what all have in common, and nearer to itself than to the next one."""
    a, b = batch
    system, first, terms = fit("cyclegan", batch, 300)
    for name in ("image_cycle", "speech_cycle", "stop"):
        assert terms[name] < 0.75 * first[name], name
    assert 0 < terms["image_discriminator"] < 1 and 0 < terms["speech_discriminator"] < 1
    frames = valid(b.lengths, b.mel.shape[1])
    common = a.image.median(0, keepdim=True).values.expand_as(a.image)
    assert terms["image_cycle"] < cyclegan.CYCLE * losses.image_loss(common, a.image)
    common = b.mel[frames].median(0).values.expand_as(b.mel)
    assert terms["speech_cycle"] < 0.9 * cyclegan.CYCLE * losses.speech_loss(common, b.mel, frames)
    with torch.no_grad():
        code, steps = system.image_coder(a.image), b.mel.shape[1] // 5 + 1
        said, _ = system.speech_decoder.unrolled(code, steps=steps, to_end=True)
        said = said[:, : b.mel.shape[1]] * frames[..., None]
        back = system.image_decoder(system.speech_coder(said, b.lengths))
        right, wrong = (losses.image_loss(image, a.image) for image in (back, back.roll(1, 0)))
        assert wrong > 1.4 * right
        code = system.image_coder(system.image_decoder(system.speech_coder(b.mel, b.lengths)))
        mels = (system.speech_decoder(u, b.mel)[0] for u in (code, code.roll(1, 0)))
        right, wrong = (losses.speech_loss(mel, b.mel, frames) for mel in mels)
        assert wrong > 1.05 * right

    seen = caught(monkeypatch)  # and no discriminator drowns the cycles: the decoders listen to both
    system.loss(*batch)
    for name in ("image", "speech"):
        pull = {}
        for kind in ("cycle", "adversarial"):
            system.zero_grad()
            seen[f"{name}_{kind}"].backward(retain_graph=True)
            weights = system.get_submodule(f"{name}_decoder").parameters()
            pull[kind] = torch.nn.utils.get_total_norm([p.grad for p in weights if p.grad is not None])
        assert pull["adversarial"] < 4 * pull["cycle"], name


def test_an_image_is_spoken_as_long_as_the_recordings_last(batch: Batch) -> None:
    a, b = batch
    system, given = build(experiment("cyclegan", "smoke")), []
    torch.nn.init.constant_(system.speech_decoder.stop.bias, 9.0)  # every row would end at once
    system.speech_coder.register_forward_pre_hook(lambda _, x: given.append(x[0]))
    system.loss(a, b)
    _, said = given
    assert torch.equal(said.abs().amax(-1) > 0, valid(b.lengths, b.mel.shape[1]))


def test_the_norms_of_cyclegan_remember_what_is_real_alone(batch: Batch) -> None:
    a, b = batch
    system, real = (build(experiment("cyclegan", "smoke")).train() for _ in range(2))
    real.load_state_dict(system.state_dict())
    real.image_coder(a.image)
    real.speech_coder(b.mel, b.lengths)
    system.loss(a, b)
    for name in ("image_coder", "speech_coder"):
        for (key, value), other in zip(
            system.get_submodule(name).named_buffers(), real.get_submodule(name).buffers(), strict=True
        ):
            assert key.endswith("num_batches_tracked") or torch.allclose(value, other, atol=1e-6), key


def test_each_adversarial_term_reaches_its_own_side(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    system = build(experiment("cyclegan", "smoke"))
    seen = caught(monkeypatch)
    system.loss(*batch)
    for name, other in (("image", "speech"), ("speech", "image")):
        for kind in ("adversarial", "discriminator"):
            system.zero_grad()
            seen[f"{name}_{kind}"].backward(retain_graph=True)
            moved = {key.split(".")[0] for key, p in system.named_parameters() if p.grad is not None}
            if kind == "discriminator":
                assert moved == {f"{name}_discriminator"}
            else:
                assert moved == {f"{other}_coder", f"{name}_decoder"}


@pytest.mark.parametrize("network", [Piecewise, CycleGAN])
def test_a_direction_that_is_not_there_is_refused(network: type) -> None:
    system = network(experiment("piecewise", "smoke"))
    with pytest.raises(ConfigError, match="from text to image"):
        system.translate(["a star"], "text", "image")


@pytest.mark.parametrize("variant", NETWORKS)
def test_a_baseline_trains_in_one_stage(variant: str, prepared: Any, folder: Any) -> None:
    system, _ = train(experiment(variant, "smoke", overlay={"optim.steps": 3}), prepared, folder)
    again, _ = train(system.experiment, prepared, folder)
    assert type(again) is NETWORKS[variant]
    for (name, a), b in zip(system.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
