import pytest
import torch

from skiplib.config import experiment
from skiplib.decoders import ImageDecoder, TextDecoder
from skiplib.speech_decoder import MAX_FRAMES, SpeechDecoder
from skiplib.text import END_ID, PAD_ID, encode_batch


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_paper_sizes():
    paper = experiment("ours", "paper")
    assert abs(count(ImageDecoder(paper)) - 0.4e6) < 0.01e6
    assert abs(count(TextDecoder(paper)) - 1.21e6) < 0.01e6  # 0.95 M, and 0.26 M of u at every step
    assert (
        abs(
            count(TextDecoder(experiment("ours", "paper", overlay={"text_decoder.condition": "init"})))
            - 0.95e6
        )
        < 1e4
    )
    assert abs(count(SpeechDecoder(paper)) - 1.7e6) < 0.05e6


@pytest.mark.parametrize("scale", ["paper", "smoke"])
def test_pixels_lie_between_minus_one_and_one(scale):
    made = experiment("ours", scale)
    painted = ImageDecoder(made)(torch.randn(2, 256))
    assert painted.shape == (2, 3, made.image.size, made.image.size)
    assert painted.abs().max() <= 1


@pytest.mark.parametrize(("size", "strides"), [(32, (2, 2, 2, 1)), (36, (3, 3, 1, 1)), (64, (4, 2, 2, 1))])
def test_strides_of_any_kind_lead_to_the_image(size, strides):
    overlay = {"image.size": size, "image_decoder.strides": strides}
    painted = ImageDecoder(experiment("ours", "smoke", overlay=overlay))(torch.randn(2, 256))
    assert painted.shape == (2, 3, size, size)


@pytest.mark.parametrize("condition", ["init", "every_step"])
def test_writing_one_symbol_at_a_time_is_teacher_forcing(condition, smoke):
    torch.manual_seed(0)
    decoder = TextDecoder(experiment("ours", "smoke", overlay={"text_decoder.condition": condition})).eval()
    u = torch.randn(3, 256)
    written = decoder.generate(u)
    scores = decoder(u, written)
    scores[..., PAD_ID] = -torch.inf
    for row, best in zip(written.tolist(), scores.argmax(-1).tolist(), strict=True):
        end = row.index(END_ID) if END_ID in row else len(row)
        assert row[:end] == best[:end]


@pytest.mark.parametrize("layout", ["paper", "tacotron"])
@pytest.mark.parametrize("attend", ["single", "heads", "slots", "sequence"])
def test_speaking_step_by_step_is_teacher_forcing(attend, layout):
    torch.manual_seed(0)
    overlay = {"speech_decoder.attend": attend, "speech_decoder.layout": layout}
    decoder = SpeechDecoder(experiment("ours", "smoke", overlay=overlay)).eval()
    u = torch.randn(2, 256)
    slots = None if attend == "single" else torch.randn(2, 6, 64 if attend == "heads" else 256)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2]) if attend == "sequence" else None
    spoken = decoder.generate(u, slots, mask)
    n = min(len(s) for s in spoken)
    mel = torch.stack([s[:n] for s in spoken])
    frames, stop = decoder(u, mel, slots, mask)
    assert torch.allclose(frames[:, :n].clamp(0, 1), mel, atol=1e-4)
    assert stop.shape == (2, n // 5)


@pytest.mark.parametrize("stop", ["token", "silence"])
def test_speech_ends(stop):
    decoder = SpeechDecoder(experiment("ours", "smoke", overlay={"speech_decoder.stop": stop})).eval()
    with torch.no_grad():
        decoder.stop.bias.fill_(100.0)  # stops at once
        decoder.frames.weight.zero_()
        decoder.frames.bias.zero_()  # says nothing
    (spoken,) = decoder.generate(torch.randn(1, 256))
    assert len(spoken) == (5 if stop == "token" else 40) < MAX_FRAMES


def test_the_decoders_listen_to_u(smoke):
    torch.manual_seed(0)
    u = torch.randn(2, 256)
    ids, _ = encode_batch(["a red circle"] * 2)
    scores = TextDecoder(smoke).eval()(u, ids)
    frames, _ = SpeechDecoder(smoke).eval()(u, torch.rand(1, 20, 80).expand(2, -1, -1))
    assert not torch.allclose(scores[0], scores[1]) and not torch.allclose(frames[0], frames[1])
