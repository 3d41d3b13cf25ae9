import numpy as np
import pytest
import torch

from skiplib.config import VARIANTS, experiment
from skiplib.finishing import CHAIN_STEPS, finishing, retelling, speech_chain
from skiplib.model import SkipNet
from skiplib.objective import objective
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


def test_the_paper_s_objective_has_the_terms_of_eq_7_alone(batch):
    _, terms = objective(SkipNet(experiment("ours", "smoke")), *batch)
    losses = {
        "image",
        "speech",
        "stop",
        "image_to_text",
        "speech_to_text",
        "classifier",
        "transformer",
        "reversal",
    }
    assert losses <= set(terms)
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
    model = SkipNet(experiment("ours_aligned", "smoke", overlay={"alignment.follow": False})).eval()
    heard = {}
    for part in ("image_decoder", "speech_decoder"):
        module = model.get_submodule(part)
        module.register_forward_pre_hook(lambda _, given, part=part: heard.update({part: given[0]}))
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.full(shape, 0.5))
    total, _ = finishing(model, a, b)
    with torch.no_grad():
        image = model.bottleneck({"image": model.image_encoder(a.image)})["image"].u
        text_a, text_b = (
            model.bottleneck({"text": model.text_encoder(t.ids, t.lengths)})["text"].u
            for t in (a.text, b.text)
        )
    assert torch.allclose(heard["image_decoder"], text_a, atol=1e-4)
    assert torch.allclose(heard["speech_decoder"], text_b + 0.5 * (image - text_a), atol=1e-4)
    total.backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {"image_decoder", "speech_decoder"}


@pytest.mark.parametrize("attend", ["heads", "slots", "sequence"])
def test_what_the_speech_decoder_attends_over_moves_with_u(attend, batch, monkeypatch):
    a, b = batch
    options = {"alignment.follow": False, "speech_decoder.attend": attend}
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
    code = model.bottleneck({"image": model.image_encoder(a.image[:4])})["image"]
    loss = speech_chain(model, code, {"a", "star", "red", "circle"})
    loss.backward()
    assert all(
        p.grad is not None for name, p in model.speech_decoder.named_parameters() if "stop" not in name
    )
    with torch.no_grad():
        kept = code[np.array([0, 2])]
        mel, lengths = model.speech_decoder.unrolled(kept.u, steps=CHAIN_STEPS)
        read = model.bottleneck({"speech": model.speech_encoder(mel, lengths)})["speech"].u
        scores = model.text_decoder(read, ids[[0, 2]]).log_softmax(-1)
        terms = [-scores[i, t, s] for i, n in ((0, 7), (1, 13)) for t, s in enumerate(ids[[0, 2]][i, :n])]
    assert torch.isclose(loss, torch.stack(terms).mean(), rtol=1e-3)
    assert not speech_chain(model, code, {"star"}).requires_grad  # nothing that B could say


def test_encoders_follow_the_code_of_the_text_and_the_text_does_not_move(batch):
    a, b = batch
    model = SkipNet(experiment("ours_aligned", "smoke")).eval()
    finishing(model, a, b)[0].backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert {"image_encoder", "speech_encoder"} <= moved and not moved & {"text_encoder", "text_decoder"}
    with torch.no_grad():
        codes = {
            "image": model.bottleneck({"image": model.image_encoder(a.image)})["image"].u,
            "text": model.bottleneck({"text": model.text_encoder(a.text.ids, a.text.lengths)})["text"].u,
        }
    expected = ((codes["image"] - codes["text"]) ** 2).mean()
    assert torch.isclose(expected, torch.tensor(finishing(model, a, b)[1]["image_distance"]), rtol=1e-3)


def test_a_sentence_is_told_again_by_what_text_passes_through(batch):
    a, b = batch
    model = SkipNet(experiment("ours_aligned", "smoke")).eval()
    total, terms = retelling(model, a, b)
    total.backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {"text_encoder", "code_norms", "transformer", "memory", "text_decoder"}
    assert set(terms) == {"text_to_text"}
    with torch.no_grad():
        each = []
        for given, told in ((a.text, a.paraphrase), (b.text, b.text)):
            u = model.bottleneck({"text": model.text_encoder(given.ids, given.lengths)})["text"].u
            scores = model.text_decoder(u, told.ids).log_softmax(-1)
            rows = [
                -scores[i, t, told.ids[i, t]] for i, n in enumerate(told.lengths.tolist()) for t in range(n)
            ]
            each.append(torch.stack(rows).mean())
    assert torch.isclose(total, model.experiment.alignment.weight * sum(each), rtol=1e-3)
