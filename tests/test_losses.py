"""Each equation against a slow, literal reading of it."""

import math

import torch
from torch import nn

from skiplib import losses
from skiplib.encoders import valid


def test_eq_4_is_the_mean_absolute_difference():
    x, y = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    literal = sum(abs(a - b) for a, b in zip(x.flatten().tolist(), y.flatten().tolist(), strict=True))
    assert math.isclose(losses.image_loss(x, y).item(), literal / x.numel(), rel_tol=1e-5)
    assert math.isclose(losses.image_loss(x, y, "sum").item(), literal / 2, rel_tol=1e-5)


def test_eq_5_counts_valid_frames_alone():
    spoken, mel, lengths = torch.rand(2, 10, 80), torch.rand(2, 8, 80), torch.tensor([8, 3])
    literal, count = 0.0, 0
    for i in range(2):
        for t in range(int(lengths[i])):
            for f in range(80):
                literal += abs(spoken[i, t, f].item() - mel[i, t, f].item())
                count += 1
    found, summed = (losses.speech_loss(spoken, mel, valid(lengths, 8), kind) for kind in ("mean", "sum"))
    assert math.isclose(found.item(), literal / count, rel_tol=1e-4)
    assert math.isclose(summed.item(), literal / 2, rel_tol=1e-4)


def test_eq_6_is_cross_entropy_by_character():
    scores, ids, lengths = torch.randn(2, 5, 66), torch.randint(0, 66, (2, 5)), torch.tensor([5, 2])
    literal, count = 0.0, 0
    for i in range(2):
        for t in range(int(lengths[i])):
            p = torch.softmax(scores[i, t], 0)
            literal -= math.log(p[ids[i, t]].item())
            count += 1
    found, summed = (losses.text_loss(scores, ids, valid(lengths, 5), kind) for kind in ("mean", "sum"))
    assert math.isclose(found.item(), literal / count, rel_tol=1e-4)
    assert math.isclose(summed.item(), literal / 2, rel_tol=1e-4)


def test_eq_1_l_c_is_the_sum_of_four_expectations():
    n = 3
    scores = torch.randn(4 * n, 3)
    modality = torch.tensor([losses.IMAGE] * n + [losses.TEXT] * 2 * n + [losses.SPEECH] * n)
    literal = 0.0
    for start in range(0, 4 * n, n):  # image, text of A, text of B, speech
        rows = range(start, start + n)
        literal -= sum(math.log(torch.softmax(scores[i], 0)[modality[i]].item()) for i in rows) / n
    assert math.isclose(losses.classifier_loss(scores, modality).item(), literal, rel_tol=1e-4)


def test_eq_1_l_t_asks_for_text():
    image, speech = torch.randn(4, 3), torch.randn(4, 3)
    literal = 0.0
    for scores in (image, speech):
        literal -= sum(math.log(torch.softmax(row, 0)[losses.TEXT].item()) for row in scores) / len(scores)
    assert math.isclose(losses.transformer_loss(image, speech).item(), literal, rel_tol=1e-4)


def test_the_stop_token_is_asked_at_the_last_chunk():
    scores = torch.randn(2, 4)
    target = {0: [0, 0, 0, 1], 1: [0, 1]}  # 17 frames are 4 chunks of 5, 10 are 2
    literal, count = 0.0, 0
    for i, row in target.items():
        for t, wanted in enumerate(row):
            p = torch.sigmoid(scores[i, t]).item()
            literal -= math.log(p if wanted else 1 - p)
            count += 1
    found = losses.stop_loss(scores, torch.tensor([17, 10]), 5)
    assert math.isclose(found.item(), literal / count, rel_tol=1e-4)


def test_the_contrastive_loss_is_info_nce_both_ways():
    n, temperature = 4, 0.3
    u, paired, centre = torch.randn(n, 8), torch.randn(n, 8), torch.randn(8)
    same = torch.eye(n).bool()
    same[0, 2] = same[2, 0] = True
    cosine = [
        [torch.cosine_similarity(x - centre, y - centre, dim=0).item() / temperature for y in paired]
        for x in u
    ]
    literal = 0.0
    for i in range(n):
        rivals = [j for j in range(n) if j == i or not same[i, j]]
        literal += math.log(sum(math.exp(cosine[i][j]) for j in rivals)) - cosine[i][i]
        literal += math.log(sum(math.exp(cosine[j][i]) for j in rivals)) - cosine[i][i]
    found = losses.contrastive_loss(u, paired, centre, temperature, same)
    assert math.isclose(found.item(), literal / (2 * n), rel_tol=1e-4)


def test_the_contrastive_loss_is_low_for_pairs_and_log_n_for_strangers():
    u, unlike = torch.randn(64, 256), torch.eye(64).bool()
    centre = u.mean(0)
    assert losses.contrastive_loss(u, u + 0.01 * torch.randn(64, 256), centre, 0.1, unlike) < 0.05
    strangers = losses.contrastive_loss(u, torch.randn(64, 256), centre, 1.0, unlike).item()
    assert abs(strangers - math.log(64)) < 0.2


def test_the_contrastive_loss_sees_two_sides_that_lie_apart():
    u, unlike = torch.randn(64, 256), torch.eye(64).bool()
    apart = losses.contrastive_loss(u + 2, u - 2, u.mean(0), 0.1, unlike)
    assert apart > 2 * losses.contrastive_loss(u, u, u.mean(0), 0.1, unlike)


def test_pairs_with_one_text_do_not_push_each_other_away():
    text = torch.arange(64) % 10
    u = torch.randn(10, 256)[text]
    same = text[:, None] == text
    assert losses.contrastive_loss(u, u, u.mean(0), 0.1, same) < 0.01
    assert losses.contrastive_loss(u, u, u.mean(0), 0.1, torch.eye(64).bool()) > 1.5


def test_the_distance_loss_is_zero_for_one_code():
    u = torch.randn(4, 8)
    assert losses.distance_loss(u, u) == 0
    assert math.isclose(losses.distance_loss(u, u + 2).item(), 4, rel_tol=1e-5)


def test_padding_reaches_no_loss():
    ids, lengths = torch.randint(0, 66, (2, 6)), torch.tensor([6, 2])
    scores = nn.Parameter(torch.randn(2, 6, 66))
    losses.text_loss(scores, ids, valid(lengths, 6)).backward()
    assert scores.grad[1, 2:].abs().sum() == 0 and scores.grad[1, :2].abs().sum() > 0
