import pytest
import torch
from torch.nn.functional import one_hot

from skiplib.config import experiment
from skiplib.decoders import ImageDecoder, TextDecoder
from skiplib.speech_decoder import MAX_FRAMES, SpeechDecoder
from skiplib.text import END_ID, PAD_ID, SYMBOLS, encode_batch


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


def test_pixels_are_painted_in_their_range(smoke):
    decoder = ImageDecoder(smoke).eval()
    for value, pixel in ((-100.0, 0), (0.0, 128), (100.0, 255)):
        with torch.no_grad():
            decoder.layers[-2].weight.zero_()
            decoder.layers[-2].bias.fill_(value)
        assert (decoder.generate(torch.randn(1, 256)) == pixel).all()


@pytest.mark.parametrize(("size", "strides"), [(32, (2, 2, 2, 1)), (36, (3, 3, 1, 1)), (64, (4, 2, 2, 1))])
def test_strides_of_any_kind_lead_to_the_image(size, strides):
    overlay = {"image.size": size, "image_decoder.strides": strides}
    painted = ImageDecoder(experiment("ours", "smoke", overlay=overlay))(torch.randn(2, 256))
    assert painted.shape == (2, 3, size, size)


@pytest.fixture(params=["init", "every_step"])
def writer(request):
    torch.manual_seed(0)
    overlay = {"text_decoder.condition": request.param}
    return TextDecoder(experiment("ours", "smoke", overlay=overlay)).eval().requires_grad_(False)


def test_writing_one_symbol_at_a_time_is_teacher_forcing(writer, monkeypatch):
    u, ids, told = torch.randn(3, 256), torch.randint(2, 60, (3, 20)), []
    ids[:, -1] = END_ID
    real = writer._scores

    def scripted(output, u):
        told.append(real(output, u))
        return one_hot(ids[:, len(told) - 1], len(SYMBOLS)).float()[:, None]

    monkeypatch.setattr(writer, "_scores", scripted)
    assert torch.equal(writer.generate(u), ids)
    monkeypatch.undo()
    assert torch.allclose(torch.cat(told, dim=1), writer(u, ids), atol=1e-5)


def test_a_symbol_is_told_from_those_before_it_alone(writer):
    u, ids = torch.randn(1, 256), torch.randint(2, 60, (1, 20))
    other = torch.cat([ids[:, :10], ids[:, 10:] + 1], dim=1)
    one, two = writer(u, ids), writer(u, other)
    assert torch.equal(one[:, :11], two[:, :11]) and not torch.isclose(one[:, 11], two[:, 11]).all()


def test_a_sentence_ends_at_its_own_end(smoke, monkeypatch):
    decoder, script = TextDecoder(smoke), torch.tensor([[5, END_ID, 7, 7, 7], [5, 6, 7, END_ID, 7]])
    steps = iter(one_hot(script, len(SYMBOLS)).float().transpose(0, 1))
    monkeypatch.setattr(decoder, "_scores", lambda *_: next(steps)[:, None])
    expected = [[5, END_ID, PAD_ID, PAD_ID], [5, 6, 7, END_ID]]
    assert decoder.generate(torch.zeros(2, 256)).tolist() == expected


@pytest.fixture(params=["single", "heads", "slots", "sequence"])
def speaker(request):
    """A speech decoder that never ends and of which every chunk depends on the one before, with its input."""
    torch.manual_seed(0)
    attend, layout = request.param, "tacotron" if request.param == "heads" else "paper"
    overlay = {"speech_decoder.attend": attend, "speech_decoder.layout": layout}
    decoder = SpeechDecoder(experiment("ours", "smoke", overlay=overlay)).eval().requires_grad_(False)
    decoder.frames.weight.normal_(std=0.1)
    decoder.stop.bias.fill_(-100.0)
    slots = None if attend == "single" else torch.randn(2, 6, 64 if attend == "heads" else 256)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2]) if attend == "sequence" else None
    return decoder, torch.randn(2, 256), slots, mask


def test_speaking_step_by_step_is_teacher_forcing(speaker):
    decoder, u, *attended = speaker
    spoken, lengths = decoder.unrolled(u, *attended, steps=12)
    assert lengths.tolist() == [60, 60]
    frames, stop = decoder(u, spoken.clamp(0, 1), *attended)
    assert torch.allclose(frames, spoken, atol=1e-4) and stop.shape == (2, 12)
    silent, _ = decoder(u, torch.zeros_like(spoken), *attended)
    assert not torch.allclose(silent, spoken, atol=0.05)


def test_a_chunk_is_told_from_those_before_it_alone(speaker):
    decoder, u, *attended = speaker
    mel = torch.rand(2, 60, 80)
    other = torch.cat([mel[:, :30], 1 - mel[:, 30:]], dim=1)
    one, two = decoder(u, mel, *attended)[0], decoder(u, other, *attended)[0]
    assert torch.equal(one[:, :35], two[:, :35]) and not torch.isclose(one[:, 35:40], two[:, 35:40]).all()


def test_each_row_of_a_batch_ends_by_its_own_stop_token(smoke, monkeypatch):
    decoder = SpeechDecoder(smoke)
    script = iter(torch.tensor([[-1, 1, -1, 1, -1], [-1, -1, -1, 1, -1]]).float().T)
    frames = torch.zeros(2, 1, decoder.chunk * decoder.mels)
    monkeypatch.setattr(decoder, "_step", lambda *given: (frames, next(script)[:, None], given[-1]))
    mels, lengths = decoder.unrolled(torch.zeros(2, 256))
    assert lengths.tolist() == [2 * decoder.chunk, 4 * decoder.chunk] and mels.shape[1] == 4 * decoder.chunk


def test_no_gradient_passes_through_what_was_said_before(smoke, monkeypatch):
    torch.manual_seed(0)
    decoder, made = SpeechDecoder(smoke).train(), []
    real = decoder._step

    def kept(*given):
        assert not decoder.prenet.training  # free speech drops nothing of what was said
        frames, *rest = real(*given)
        frames.retain_grad()
        made.append(frames)
        return frames, *rest

    monkeypatch.setattr(decoder, "_step", kept)
    with torch.no_grad():
        decoder.stop.bias.fill_(-100.0)
    mels, _ = decoder.unrolled(torch.randn(2, 256), steps=3)
    mels[:, -1].sum().backward()
    assert made[-1].grad.any() and not made[0].grad.any() and decoder.prenet.training


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
