import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from skiplib.config import experiment
from skiplib.encoders import CBHG, ImageEncoder, SpeechEncoder, TextEncoder, valid
from skiplib.text import encode_batch

PAPER = experiment("ours", "paper")


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_paper_sizes():
    assert abs(count(ImageEncoder(PAPER)) - 3.68e6) < 0.02e6  # 2.6 M, and 1.05 M of the 2x2 grid
    assert (
        abs(
            count(ImageEncoder(experiment("ours", "paper", overlay={"image_encoder.pool": "global"})))
            - 2.63e6
        )
        < 2e4
    )
    assert abs(count(TextEncoder(PAPER)) - 3.6e6) < 0.02e6
    assert abs(count(SpeechEncoder(PAPER)) - 1.4e6) < 0.02e6


@pytest.mark.parametrize("overlay", [{}, {"image_encoder.pool": "global"}])
def test_an_image_becomes_512_numbers(overlay):
    encoder = ImageEncoder(experiment("ours", "paper", overlay=overlay))
    state, steps, mask = encoder(torch.rand(2, 3, 128, 128) * 2 - 1)
    assert state.shape == (2, 512) and steps.shape == (2, 16, 512) and mask.all()


def test_padding_does_not_change_a_sentence(smoke):
    encoder = TextEncoder(smoke).eval()
    sentences = ["a red circle", "a small blue square below a big red star"]
    together = encoder(*encode_batch(sentences))[0]
    for i, sentence in enumerate(sentences):
        assert torch.allclose(encoder(*encode_batch([sentence]))[0][0], together[i], atol=1e-5)


def test_padding_does_not_change_a_recording(smoke):
    encoder = SpeechEncoder(smoke).eval()
    mel, lengths = torch.rand(2, 40, 80), torch.tensor([40, 23])
    together = encoder(mel, lengths)[0]
    alone = encoder(mel[1:, :23], lengths[1:])[0]
    assert torch.allclose(alone[0], together[1], atol=1e-5)


def test_the_order_of_words_matters(smoke):
    encoder = TextEncoder(smoke).eval()
    one, other = encoder(*encode_batch(["a red circle above a blue star", "a blue star above a red circle"]))[
        0
    ]
    assert not torch.allclose(one, other, atol=1e-4)


def test_the_bank_is_pooled_over_two_steps():
    torch.manual_seed(0)
    cbhg, seen = CBHG(4, banks=3, highways=1).eval(), []
    cbhg.project.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.randn(2, 7, 4)
    cbhg(x, torch.tensor([7, 7]))
    maps = torch.cat([bank(x.mT)[..., :7] for bank in cbhg.bank], dim=1)
    pool = torch.nn.MaxPool1d(2, stride=1, padding=1)
    assert torch.allclose(seen[0], pool(torch.relu(cbhg.bank_norm(maps)))[..., :7], atol=1e-6)


def test_what_follows_the_bank_is_residual_and_then_highways():
    torch.manual_seed(0)
    cbhg, seen = CBHG(4, banks=2, highways=2).eval(), []
    assert all((layer.bias[4:] == -1).all() for layer in cbhg.highways)  # the gates, not the values
    for part in (cbhg.project, cbhg.forth):
        part.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.randn(2, 7, 4)
    cbhg(x, torch.tensor([7, 7]))
    bank, found = seen
    y = x + cbhg.close_norm(cbhg.close(torch.relu(cbhg.project_norm(cbhg.project(bank))))).mT
    for layer in cbhg.highways:
        (value, gate), (value_bias, gate_bias) = layer.weight.chunk(2), layer.bias.chunk(2)
        open_ = torch.sigmoid(y @ gate.T + gate_bias)
        y = open_ * torch.relu(y @ value.T + value_bias) + (1 - open_) * y
    assert torch.allclose(found, y, atol=1e-6)


def test_the_code_of_speech_is_the_last_state_over_chunks_of_two_convolutions(smoke):
    torch.manual_seed(0)
    encoder = SpeechEncoder(smoke).eval()
    mel = torch.rand(1, 23, 80)  # four chunks of 5 and one of 3
    padded = torch.cat([mel, torch.zeros(1, 2, 80)], dim=1)
    first = torch.relu(encoder.first(padded[:, None]))
    first[:, :, 23:] = 0
    second = encoder.second(first)[:, 0]
    second[:, 23:] = 0
    states, last = encoder.gru(second.reshape(1, 5, 400))
    state, steps, mask = encoder(mel, torch.tensor([23]))
    assert torch.allclose(state, last[0], atol=1e-5) and torch.allclose(steps, states, atol=1e-5)
    assert mask.all()


def test_the_code_of_a_sentence_is_the_mean_over_its_characters(smoke):
    torch.manual_seed(0)
    encoder = TextEncoder(smoke).eval()
    ids, lengths = encode_batch(["a red circle", "a star"])
    state, steps, mask = encoder(ids, lengths)
    for i, n in enumerate(lengths.tolist()):
        assert torch.allclose(state[i], steps[i, :n].mean(0), atol=1e-5) and mask[i].sum() == n


def test_turning_the_valid_steps_is_a_bidirectional_gru_over_a_packed_sequence():
    torch.manual_seed(0)
    cbhg, lengths, seen = CBHG(4, banks=2, highways=1).eval(), torch.tensor([7, 4, 1]), []
    cbhg.forth.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    states = cbhg(torch.randn(3, 7, 4), lengths)
    both = torch.nn.GRU(4, 4, batch_first=True, bidirectional=True)
    both.load_state_dict(
        cbhg.forth.state_dict() | {f"{n}_reverse": p for n, p in cbhg.back.state_dict().items()}
    )
    packed = pack_padded_sequence(seen[0], lengths, batch_first=True, enforce_sorted=False)
    expected = pad_packed_sequence(both(packed)[0], batch_first=True, total_length=7)[0]
    mask = valid(lengths, 7)[..., None]
    assert torch.allclose(states * mask, expected * mask, atol=1e-6)
