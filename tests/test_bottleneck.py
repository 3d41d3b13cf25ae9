import math

import pytest
import torch

from skiplib.bottleneck import (
    MemoryFusion,
    ModalityClassifier,
    ModalityTransformer,
    memory_fusion,
    reverse_gradient,
)
from skiplib.config import experiment


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("overlay", "parameters"),
    [
        ({}, 98_560),
        ({"memory.layout": "code"}, 24_832),
        ({"memory.kind": "fc"}, 98_752),
        ({"memory.kind": "none"}, 0),
    ],
)
def test_m_and_its_ablations_have_the_parameters_that_were_decided(overlay, parameters):
    assert count(memory_fusion(experiment("ours", "paper", overlay=overlay))) == parameters


@pytest.mark.parametrize("layout", ["paper", "code"])
def test_eq_2_head_by_head(layout):
    torch.manual_seed(0)
    memory = MemoryFusion(experiment("ours", "paper", overlay={"memory.layout": layout}))
    z = torch.randn(2, 256)
    weight, bias = memory.key.weight[..., 0], memory.key.bias
    literal = torch.zeros(2, 256)
    for i in range(2):
        for head in range(4):
            part = slice(64 * head, 64 * head + 64)
            scores = []
            for slot in range(128):
                key = weight @ memory.memory[slot] + bias
                scores.append((z[i, part] @ key[part]).item() / math.sqrt(64))
            top = max(scores)
            weights = [math.exp(s - top) for s in scores]
            for slot in range(128):
                row = memory.memory[slot] if layout == "code" else memory.memory[slot, part]
                literal[i, part] += weights[slot] / sum(weights) * row.detach()
    assert torch.allclose(memory(z), literal, atol=1e-4)


def test_what_stands_in_the_place_of_m_is_as_loud_as_z():
    torch.manual_seed(0)
    u = memory_fusion(experiment("M_to_FC", "paper"))(torch.randn(512, 256))
    assert math.isclose(u.square().mean().sqrt().item(), 1, rel_tol=0.1)


@pytest.mark.parametrize("overlay", [{}, {"memory.tanh": True}, {"memory.tanh": True, "memory.scale": 6.0}])
def test_reads_start_peaked_and_sum_to_one(overlay):
    torch.manual_seed(0)
    made = experiment("ours", "paper", overlay=overlay)
    memory, z = MemoryFusion(made), ModalityTransformer(made)(torch.randn(64, 512))
    attention = memory.attention(z)
    assert attention.shape == (64, 4, 128)
    assert torch.allclose(attention.sum(-1), torch.ones(64, 4), atol=1e-5)
    assert attention.amax(-1).mean() > 10 / 128  # far from an average of all rows
    scores = attention.clamp_min(1e-30).log()
    assert 1.6 < (scores - scores.mean(-1, keepdim=True)).std() < 2.4  # `memory.key_scale`
    loud = memory.values().std().item()
    assert math.isclose(loud, made.memory.scale * (0.628 if made.memory.tanh else 1.0), rel_tol=0.05)


def test_t_and_c_have_the_parameters_that_were_decided():
    made = experiment("ours", "paper")
    assert count(ModalityTransformer(made)) == 262_912 + 512
    assert count(ModalityTransformer(experiment("no_T", "paper"))) == 512 * 256 + 256 + 512
    assert count(ModalityClassifier(made)) == 33_283


@pytest.mark.parametrize("activation", ["post", "pre"])
def test_t_is_a_map_and_a_residual_block(activation):
    overlay = {"transformer.activation": activation, "transformer.norm": "none"}
    t, e = ModalityTransformer(experiment("ours", "paper", overlay=overlay)), torch.randn(3, 512)
    first, last = t.block[0], t.block[2]
    h = t.enter.weight @ e[0] + t.enter.bias
    skip = h if activation == "pre" else h.clamp_min(0)
    inner = (first.weight @ h.clamp_min(0) + first.bias).clamp_min(0)
    assert torch.allclose(t(e)[0], skip + last.weight @ inner + last.bias, atol=1e-4)


def test_t_starts_by_passing_all_that_e_tells():
    t = ModalityTransformer(experiment("ours", "demo"))
    values = torch.linalg.svdvals(t.enter.weight)
    assert torch.allclose(values, torch.ones_like(values), atol=1e-4)


def test_gradient_reversal_changes_the_sign_alone():
    x = torch.randn(3, requires_grad=True)
    (reverse_gradient(x) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert torch.equal(x.grad, torch.tensor([-1.0, -2.0, -3.0]))
    assert torch.equal(reverse_gradient(x), x)
