import numpy as np
import pytest
import torch
from PIL import Image

from skiplib.bottleneck import MODALITIES
from skiplib.config import experiment
from skiplib.errors import ConfigError, DataError
from skiplib.model import SkipNet, parameter_counts
from skiplib.systems import build


def inputs(prepared, n):
    return {
        "image": np.array(prepared.a["test"].images[:n]),
        "text": prepared.b["test"].sentences[:n],
        "speech": [prepared.b["test"].mel(i) for i in range(n)],
    }


def test_the_paper_s_model_has_12_4_million_parameters():
    counts = parameter_counts(SkipNet(experiment("ours", "paper")))
    assert abs(counts["total"] - 12.4e6) < 0.1e6
    assert counts["memory"] == 98_560


@pytest.mark.parametrize("source", MODALITIES)
@pytest.mark.parametrize("target", MODALITIES)
def test_every_modality_becomes_every_other(source, target, model, prepared):
    made = model.translate(inputs(prepared, 3)[source], source, target, batch=2)
    assert len(made) == 3
    if target == "image":
        assert made.shape == (3, 3, 64, 64) and made.dtype == torch.uint8
    elif target == "text":
        assert all(isinstance(s, str) for s in made)
    else:
        assert all(m.shape[1] == 80 and m.min() >= 0 and m.max() <= 1 for m in made)


@pytest.mark.parametrize("attend", ["single", "heads", "slots", "sequence"])
def test_a_batch_is_its_items(attend, prepared):
    torch.manual_seed(0)
    model = SkipNet(experiment("ours", "smoke", overlay={"speech_decoder.attend": attend})).eval()
    for source, x in inputs(prepared, 3).items():
        together, apart = model.encode(x, source), model.encode(x, source, batch=1)
        assert torch.allclose(together.u, apart.u, atol=1e-4)
        with torch.no_grad():
            model.speech_decoder.stop.bias.fill_(100.0)
        first = model.decode(together, "speech"), model.decode(apart, "speech", batch=1)
        assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(*first, strict=True))
        assert model.decode(together, "text") == model.decode(apart, "text", batch=1)
        painted = model.decode(together, "image").int() - model.decode(apart, "image", batch=1).int()
        assert painted.abs().max() <= 1
        if attend == "single":  # many steps, each from the one before
            with torch.no_grad():
                model.speech_decoder.stop.bias.fill_(-100.0)
                said, _ = model.speech_decoder.unrolled(together.u, steps=12)
                alone = [model.speech_decoder.unrolled(u[None], steps=12)[0][0] for u in apart.u]
            assert len(said[0]) == 60 and torch.allclose(said, torch.stack(alone), atol=1e-3)


def test_the_norms_know_whole_codes_alone(batch):
    """What D_spch attends over in `sequence`, padded steps among it, leaves no trace in the batch norms."""
    _, b = batch
    norms = {"transformer.norm": "batch", "code_norm": "batch"}
    single, sequence = (
        SkipNet(experiment("ours", "smoke", overlay=norms | {"speech_decoder.attend": attend})).train()
        for attend in ("single", "sequence")
    )
    sequence.load_state_dict(single.state_dict(), strict=False)
    for model in (single, sequence):
        model.bottleneck({"speech": model.speech_encoder(b.mel, b.lengths)})
        assert model.code_norms["speech"].training and model.transformer.norm.training
    known = dict(sequence.named_buffers())
    assert all(torch.allclose(buffer, known[name]) for name, buffer in single.named_buffers())


def test_a_batch_norm_on_z_keeps_the_modalities_apart(batch):
    """It sees all of them at once: z has no mean, the z of one modality has."""
    torch.manual_seed(0)
    overlay = {"transformer.norm": "batch", "code_norm": "none", "image_encoder.pool": "global"}
    model = SkipNet(experiment("ours", "smoke", overlay=overlay)).train()
    a, b = batch
    codes = model.bottleneck(
        {
            "image": model.image_encoder(a.image),
            "text": model.text_encoder(a.text.ids, a.text.lengths),
            "speech": model.speech_encoder(b.mel, b.lengths),
        }
    )
    z = torch.cat([codes[m].z for m in MODALITIES])
    assert z.mean(0).abs().max() < 1e-4
    assert all(codes[m].z.mean(0).abs().mean() > 0.3 for m in MODALITIES)


def test_translating_twice_gives_the_same(model, prepared):
    x = inputs(prepared, 2)["image"]
    assert model.translate(x, "image", "text") == model.translate(x, "image", "text")


def test_unknown_modalities_and_empty_input_are_refused(model):
    with pytest.raises(ConfigError, match="image, text, speech"):
        model.translate(["a"], "text", "smell")
    with pytest.raises(DataError, match="text is empty"):
        model.translate([""], "text", "image")


WRONG = [
    ("hello", "text", "a batch of sentences is needed, not str: put a single one in a list"),
    ([], "text", "there are no sentences"),
    ([None], "text", "sentences are needed, and number 0 is NoneType"),
    (iter(["hello"]), "text", "a batch of sentences is needed"),
    (Image.new("RGB", (8, 9)), "image", "a batch of images is needed, not Image"),
    (np.zeros((8, 9, 3), np.uint8), "image", "a batch of images is needed, not ndarray"),
    (torch.zeros(3, 8, 9, dtype=torch.uint8), "image", "a batch of images is needed, not Tensor"),
    (np.zeros((8, 9), np.uint8), "image", "a batch of images is needed"),
    (np.zeros((9, 80), np.float32), "speech", "a batch of mels is needed, not ndarray"),
    (["hello"], "speech", "mels are needed, and number 0 is str"),
]


@pytest.mark.parametrize(("x", "source", "named"), WRONG)
@pytest.mark.parametrize("variant", ["ours", "separate"])
def test_what_is_no_batch_is_refused(variant, x, source, named):
    system = build(experiment(variant, "smoke"))
    target = "image" if source == "text" else "text"
    with pytest.raises(DataError, match=named):
        system.translate(x, source, target)
    with pytest.raises(ConfigError, match="batches of 0"):
        system.translate(["a"], "text", "image", batch=0)


@pytest.mark.parametrize(
    ("overlay", "named"),
    [
        ({"memory.heads": 3}, "memory.heads=3 does not divide latent=256"),
        ({"memory.heads": 3, "memory.kind": "none", "speech_decoder.attend": "heads"}, "memory.heads=3"),
        ({"image_decoder.strides": (2, 2, 2, 4)}, "do not lead from 4 to 64 pixels"),
        ({"image_decoder.strides": (4, 2, 2)}, "image_decoder.strides.3"),
        ({"image.size": 4}, "image.size"),
        ({"audio.window": 4096}, "window=4096 is longer than fft=2048"),
        ({"alignment.chain": 1.0, "alignment.text_stage": 0.9}, "is beyond chain_start=0.75: lower it"),
        (
            {"alignment.kind": "l2", "alignment.text_stage": 0.2},
            "D_txt learns no u_txt, set text_stage=0 and wording=caption",
        ),
        ({"alignment.follow": True, "optim.joint": 1.0}, "alignment.follow comes after the joint stage"),
        ({"alignment.wording": "likeliest"}, "follow and gap_noise take: both are off"),
        ({"speech_decoder.noise": 0.1, "speech_decoder.attend": "heads"}, "noise=0.1 is on u alone"),
        ({"speech_decoder.attend": "slots", "memory.kind": "none"}, "needs memory.kind=attention"),
    ],
)
def test_switches_that_do_not_go_together_are_refused(overlay, named):
    with pytest.raises(ConfigError, match=named):
        experiment("ours", "smoke", overlay=overlay)
