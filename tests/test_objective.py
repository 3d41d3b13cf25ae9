import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from skiplib import losses
from skiplib import objective as module
from skiplib.config import VARIANTS, experiment
from skiplib.encoders import valid
from skiplib.finishing import CHAIN_STEPS, finishing, retelling, speech_chain
from skiplib.model import SkipNet
from skiplib.objective import RAMP, Texts, memory_use, objective
from skiplib.systems import build, step_loss
from skiplib.text import PAD_ID, encode_batch

SWITCHES = [
    {"memory.layout": "code"},
    {"memory.tanh": True},
    {"adversarial.form": "text"},
    {"adversarial.form": "reversal"},
    {"adversarial.reach": "transformer"},
    {"alignment.kind": "l2"},
    {"alignment.kind": "contrastive"},
    {"alignment.kind": "text_autoencoding"},
    {"speech_decoder.attend": "heads"},
    {"speech_decoder.attend": "slots"},
    {"speech_decoder.attend": "sequence"},
    {"speech_decoder.stop": "silence"},
    {"speech_decoder.layout": "tacotron"},
    {"speech_decoder.noise": 0.1},
    {"speech_decoder.hide": 0.5},
    {"text_decoder.condition": "init"},
    {"image_encoder.pool": "global"},
    {"init": "linear"},
    {"transformer.norm": "none"},
    {"loss.reduction": "sum"},
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_part_of_every_variant_gets_a_gradient(variant, batch):
    torch.manual_seed(0)
    model = build(experiment(variant, "smoke")).train()
    total, terms = step_loss(model, *batch)
    total.backward()
    assert torch.isfinite(total) and all(v == v for v in terms.values())
    unused = {"image_encoder.project_cell", "image_coder.encoder.project_cell"}
    unused |= set() if model.experiment.adversarial.strength else {"classifier"}
    for name, parameter in model.named_parameters():
        if not any(name.startswith(prefix) for prefix in unused):
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("overlay", SWITCHES, ids=lambda o: "=".join(map(str, next(iter(o.items())))))
def test_every_switch_trains(overlay, batch):
    torch.manual_seed(0)
    model = SkipNet(experiment("ours", "smoke", overlay=overlay)).train()
    total, _ = objective(model, *batch)
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(
        torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    )


def code(model, modality, encoded):
    """The code of one modality, encoded apart from the others."""
    return model.bottleneck({modality: encoded})[modality]


def of_text(model, text):
    return code(model, "text", model.text_encoder(text.ids, text.lengths)).u


def unlikely(model, u, text):
    """How unlikely a text is, a character, when it is told from u."""
    scores = model.text_decoder(u, text.ids).log_softmax(-1)
    rows = enumerate(text.lengths.tolist())
    return torch.stack([-scores[i, t, text.ids[i, t]] for i, n in rows for t in range(n)]).mean()


@pytest.mark.parametrize("variant", ["ours", "ours_aligned"])
def test_the_objective_is_eq_7_and_the_pair_loss(variant, batch):
    """Each term from codes that were made apart: who is decoded into what, and by which weight."""
    a, b = batch
    a = replace(a, text=Texts(a.text.ids.clone(), a.text.lengths.clone()))
    a.text.ids[1], a.text.lengths[1] = a.text.ids[0], a.text.lengths[0]  # two images with one caption
    overlay = {"loss.image": 2.0, "loss.speech": 3.0, "loss.text": 0.5}
    if variant == "ours_aligned":
        overlay |= {"alignment.weight": 0.7, "alignment.contrastive_weight": 0.3}
    torch.manual_seed(0)
    model = SkipNet(experiment(variant, "smoke", overlay=overlay)).eval().requires_grad_(False)
    total, terms = objective(model, a, b, progress=0.0)
    image = code(model, "image", model.image_encoder(a.seen)).u
    speech = code(model, "speech", model.speech_encoder(b.mel, b.lengths)).u
    text_a, text_b, other = (of_text(model, text) for text in (a.text, b.text, a.paraphrase))
    mel, stop = model.speech_decoder(text_b, b.mel)
    frames = valid(b.lengths, b.mel.shape[1])
    expected = {
        "image": 2.0 * (model.image_decoder(text_a) - a.image).abs().mean(),
        "speech": 3.0 * (mel[:, : b.mel.shape[1]] - b.mel)[frames].abs().mean(),
        "stop": losses.stop_loss(stop, b.lengths, model.experiment.speech_decoder.chunk),
        "image_to_text": 0.5 * unlikely(model, image, a.text),
        "speech_to_text": 0.5 * unlikely(model, speech, b.text),
    }
    if variant == "ours_aligned":
        expected["text_to_text"] = 0.7 * (
            unlikely(model, text_a, a.paraphrase) + unlikely(model, text_b, b.text)
        )
        centre = torch.cat([image, text_a, text_b, other, speech]).mean(0)
        same_a, same_b = (
            torch.tensor([[torch.equal(x, y) for y in text.ids] for x in text.ids])
            for text in (a.text, b.text)
        )
        assert same_a[0, 1] and not same_a.all()
        pairs = [(image, text_a, same_a), (speech, text_b, same_b), (text_a, other, same_a)]
        expected["contrastive"] = 0.3 * sum(
            losses.contrastive_loss(x, y, centre, model.experiment.alignment.temperature, same)
            for x, y, same in pairs
        )
    for name, value in expected.items():
        assert math.isclose(terms[name], value, rel_tol=2e-3), name
    assert math.isclose(total, sum(expected.values()) + terms["classifier"], rel_tol=2e-3)


def test_the_adversarial_term_moves_t_against_c_and_c_by_its_own_loss_alone():
    overlay = {"adversarial.strength": 0.3, "adversarial.start": 0.5, "adversarial.form": "both"}
    torch.manual_seed(0)
    model = SkipNet(experiment("ours", "smoke", overlay=overlay)).eval()
    image, speech, text = (torch.randn(n, 256, requires_grad=True) for n in (3, 3, 6))

    def taken_for(z, modality):
        return model.classifier(z).log_softmax(-1)[:, modality].mean()

    l_c = -(taken_for(image, losses.IMAGE) + taken_for(speech, losses.SPEECH))
    l_c = l_c - taken_for(text[:3], losses.TEXT) - taken_for(text[3:], losses.TEXT)
    l_t = -(taken_for(image, losses.TEXT) + taken_for(speech, losses.TEXT))
    half = 0.3 / 2  # half way up the ramp
    terms, _ = module._adversarial(model, image, speech, text, 0.5 + RAMP / 2)
    values = {"classifier": l_c, "transformer": half * l_t, "reversal": half * l_c}
    assert terms.keys() == values.keys()
    for name, value in values.items():
        assert torch.isclose(terms[name], value, rtol=1e-4), name
    of_c = list(model.classifier.parameters())

    def gradients(loss, *of):
        return torch.autograd.grad(loss, of, retain_graph=True, allow_unused=True)

    for name, loss, sign in (("transformer", l_t, 1), ("reversal", l_c, -1)):
        *moved, anchor = gradients(terms[name], image, speech, text)
        assert anchor is None, name  # text is what the others are drawn to
        for found, literal in zip(moved, gradients(loss, image, speech), strict=True):
            assert torch.allclose(found, sign * half * literal, atol=1e-6), name
        assert not any(found is not None for found in gradients(terms[name], *of_c)), name
    assert not any(found is not None for found in gradients(terms["classifier"], image, speech, text))
    for found, literal in zip(gradients(terms["classifier"], *of_c), gradients(l_c, *of_c), strict=True):
        assert torch.allclose(found, literal, atol=1e-6)


def test_the_adversarial_term_can_leave_the_encoders_alone(batch, monkeypatch):
    model = SkipNet(experiment("ours", "smoke", overlay={"adversarial.reach": "transformer"}))
    seen = []

    def watched(model, image, speech, *_):
        seen.extend([image, speech])
        return {}, {}

    monkeypatch.setattr(module, "_adversarial", watched)
    objective(model, *batch)
    sum(z.square().sum() for z in seen).backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {"transformer"}


@pytest.mark.parametrize(
    ("reads", "entropy", "used"),
    [
        (torch.full((4, 2, 4), 0.25), 1, 1),  # all alike
        (torch.eye(4)[[0, 0, 0, 0]][:, None].expand(4, 2, 4), 0, 1 / 4),  # one slot serves all
        (torch.eye(4)[:, None].expand(4, 2, 4), 0, 1),  # each has its own
        (torch.tensor([[0.5, 0.5, 0, 0]] * 4)[:, None].expand(4, 2, 4), 1 / 2, 1 / 2),
    ],
)
def test_how_the_memory_is_read(reads, entropy, used, model, monkeypatch):
    monkeypatch.setattr(model.memory, "attention", lambda _: reads)
    found = memory_use(model.memory, torch.zeros(4, 256))
    assert math.isclose(found["memory_entropy"], entropy, abs_tol=1e-4)
    assert math.isclose(found["memory_slots_used"], used, abs_tol=1e-4)


def test_the_paper_s_objective_has_the_terms_of_eq_7_alone(batch):
    _, terms = objective(SkipNet(experiment("ours", "smoke")), *batch)
    promised = {
        "image",
        "speech",
        "stop",
        "image_to_text",
        "speech_to_text",
        "classifier",
        "transformer",
        "reversal",
    }
    assert promised <= set(terms)
    assert not {"text_to_text", "contrastive", "distance"} & set(terms)


def test_the_adversarial_term_waits_for_its_start(batch):
    model = SkipNet(experiment("ours", "smoke"))
    assert "transformer" not in objective(model, *batch, progress=0.1)[1]
    assert "transformer" in objective(model, *batch, progress=0.9)[1]


def test_the_classifier_alone_learns_from_its_own_loss(batch):
    torch.manual_seed(0)
    model = SkipNet(experiment("ours", "smoke"))
    torch.manual_seed(0)
    objective(model, *batch, progress=0.0)[0].backward()
    before = {n: p.grad.clone() for n, p in model.transformer.named_parameters()}
    model.zero_grad()
    with torch.no_grad():
        for p in model.classifier.parameters():
            p.mul_(3.0)  # another classifier, the same gradient for T: the term has not started
    torch.manual_seed(0)
    objective(model, *batch, progress=0.0)[0].backward()
    for name, parameter in model.transformer.named_parameters():
        assert torch.allclose(parameter.grad, before[name], rtol=1e-3, atol=1e-5)


def test_the_gap_of_a_s_pairs_reaches_the_speech_decoder_alone(batch, monkeypatch):
    a, b = batch
    overlay = {"alignment.follow": False, "alignment.gap_noise": 0.8, "alignment.wording": "caption"}
    model = SkipNet(experiment("ours_aligned", "smoke", overlay=overlay)).eval()
    heard = {}
    for part in ("image_decoder", "speech_decoder"):
        module = model.get_submodule(part)
        module.register_forward_pre_hook(lambda _, given, part=part: heard.update({part: given[0]}))
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.full(shape, 0.5))
    total, _ = finishing(model, a, b)
    with torch.no_grad():
        image = code(model, "image", model.image_encoder(a.image)).u
        text_a, text_b = (of_text(model, text) for text in (a.text, b.text))
    assert torch.allclose(heard["image_decoder"], text_a, atol=1e-4)
    assert torch.allclose(heard["speech_decoder"], text_b + 0.4 * (image - text_a), atol=1e-4)
    total.backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {"image_decoder", "speech_decoder"}


@pytest.mark.parametrize("attend", ["heads", "slots", "sequence"])
def test_what_the_speech_decoder_attends_over_moves_with_u(attend, batch, monkeypatch):
    a, b = batch
    options = {
        "alignment.follow": False,
        "alignment.wording": "caption",
        "speech_decoder.attend": attend,
    }
    model = SkipNet(experiment("ours_aligned", "smoke", overlay=options)).eval()
    heard = []
    model.speech_decoder.register_forward_pre_hook(lambda _, given: heard.append(given))
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.full(shape, 0.5))
    with torch.no_grad():
        finishing(model, a, b)
        image = model.bottleneck({"image": model.image_encoder(a.image)})["image"]
        text_a, text_b = (
            model.bottleneck({"text": model.text_encoder(t.ids, t.lengths)})["text"] for t in (a.text, b.text)
        )
    ((u, _, slots, _),) = heard
    if attend == "heads":
        expected = u.unflatten(-1, (model.experiment.memory.heads, -1))
    elif attend == "slots":
        expected = text_b.slots + 0.5 * (image.slots - text_a.slots)
        assert torch.allclose(slots.sum(1), u, atol=1e-3)
    else:
        steps = text_b.slots.shape[1]
        expected = (text_b.slots + (u - text_b.u)[:, None])[text_b.mask]
        slots = slots[:, :steps][text_b.mask]
    assert torch.allclose(slots, expected, atol=1e-3)


def test_the_chain_reads_back_what_is_said_of_images_that_b_has_words_for(batch, monkeypatch):
    a, _ = batch
    model = SkipNet(experiment("ours_aligned", "smoke")).eval().requires_grad_(False)
    model.speech_decoder.requires_grad_(True)
    sentences = ["a star", "a purple star", "a red circle", ""]
    ids, _ = encode_batch([sentence or "x" for sentence in sentences])
    ids[3] = PAD_ID
    monkeypatch.setattr(model.text_decoder, "generate", lambda u: ids[: len(u)])
    image = code(model, "image", model.image_encoder(a.image[:4]))
    loss = speech_chain(model, image, {"a", "star", "red", "circle"})
    loss.backward()
    assert all(
        p.grad is not None for name, p in model.speech_decoder.named_parameters() if "stop" not in name
    )
    with torch.no_grad():
        kept = image[np.array([0, 2])]
        mel, lengths = model.speech_decoder.unrolled(kept.u, steps=CHAIN_STEPS)
        read = code(model, "speech", model.speech_encoder(mel, lengths)).u
        scores = model.text_decoder(read, ids[[0, 2]]).log_softmax(-1)
        terms = [-scores[i, t, s] for i, n in ((0, 7), (1, 13)) for t, s in enumerate(ids[[0, 2]][i, :n])]
    assert torch.isclose(loss, torch.stack(terms).mean(), rtol=1e-3)
    assert not speech_chain(model, image, {"star"}).requires_grad  # nothing that B could say


def test_encoders_follow_the_code_of_the_text_and_the_text_does_not_move(batch):
    a, b = batch
    overlay = {"alignment.wording": "caption"}
    model = SkipNet(experiment("ours_aligned", "smoke", overlay=overlay)).eval()
    finishing(model, a, b)[0].backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert {"image_encoder", "speech_encoder"} <= moved and not moved & {"text_encoder", "text_decoder"}
    terms = finishing(model, a, b)[1]
    with torch.no_grad():
        image = code(model, "image", model.image_encoder(a.image)).u
        speech = code(model, "speech", model.speech_encoder(b.mel, b.lengths)).u
        text_a, text_b = (of_text(model, text) for text in (a.text, b.text))
    for name, distance in (("image", image - text_a), ("speech", speech - text_b)):
        assert math.isclose(terms[f"{name}_distance"], distance.square().mean(), rel_tol=1e-3)


def test_an_image_follows_the_likeliest_wording_of_its_caption(batch, monkeypatch):
    a, b = batch
    model = SkipNet(experiment("ours_aligned", "smoke")).eval()
    n = len(a.image)
    ids, lengths = encode_batch(["a star", "a red circle above a star", "x", *["a small star"] * (n - 3)])
    asked, heard = [], []
    monkeypatch.setattr(model.text_decoder, "generate", lambda u: asked.append(u) or ids)
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.full(shape, 0.5))
    model.speech_decoder.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    total, terms = finishing(model, a, b)
    total.backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert "image_encoder" in moved and not moved & {"text_encoder", "text_decoder"}
    with torch.no_grad():
        image = code(model, "image", model.image_encoder(a.image)).u
        wording, text_a, text_b = (of_text(model, text) for text in (Texts(ids, lengths), a.text, b.text))
    assert torch.allclose(asked[0], text_a, atol=1e-4), "it is the caption that is told, not the image"
    assert math.isclose(terms["image_distance"], (image - wording).square().mean(), rel_tol=1e-3)
    assert torch.allclose(heard[0], text_b + 0.5 * (image - wording), atol=1e-4)


def test_the_chain_takes_half_the_images_of_a_batch_at_its_weight(batch, monkeypatch):
    a, b = batch
    model = SkipNet(experiment("ours_aligned", "smoke", overlay={"alignment.chain": 0.3})).eval()
    heard = []

    def chain(model, image, words):
        heard.append((image.u, words))
        return torch.tensor(2.0)

    monkeypatch.setattr("skiplib.finishing.speech_chain", chain)
    _, terms = finishing(model, a, b, chained=True)
    ((u, words),) = heard
    expected = code(model, "image", model.image_encoder(a.image)).u[: len(a.image) // 2]
    assert torch.allclose(u, expected, atol=1e-4) and words == b.words
    assert math.isclose(terms["chain"], 0.6, rel_tol=1e-4) and "image" not in terms


def test_a_sentence_is_told_again_by_what_text_passes_through(batch):
    a, b = batch
    model = SkipNet(experiment("ours_aligned", "smoke")).eval()
    total, terms = retelling(model, a, b)
    total.backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {"text_encoder", "code_norms", "transformer", "memory", "text_decoder"}
    assert set(terms) == {"text_to_text"}
    with torch.no_grad():
        each = [unlikely(model, of_text(model, x), y) for x, y in ((a.text, a.paraphrase), (b.text, b.text))]
    assert torch.isclose(total, model.experiment.alignment.weight * sum(each), rtol=1e-3)
