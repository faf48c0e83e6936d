"""Attention in pieces: beside PyTorch's own functions, the course's NumPy engine, and what each piece promises."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError
from coursekit.models import attention as A
from coursekit.models.positions import rotary
from coursekit.scratch import attention as scratch
from coursekit.scratch.autograd import Tensor as ScratchTensor


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("masked", [False, True])
def test_the_look_up_is_that_of_pytorch_and_so_are_its_gradients(masked):
    q, k, v = normal(2, 3, 5, 4), normal(2, 3, 6, 4, seed=1), normal(2, 3, 6, 7, seed=2)
    mask = None
    if masked:
        mask = torch.rand(5, 6, generator=torch.Generator().manual_seed(3)) < 0.5
        mask[:, 2] = True
    for x in (q, k, v):
        x.requires_grad_()
    output, weights = A.scaled_dot_product_attention(q, k, v, mask)
    theirs = F.scaled_dot_product_attention(q, k, v, mask)
    torch.testing.assert_close(output, theirs, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 5, dtype=torch.float64))
    for a, b in zip(*(torch.autograd.grad(y.square().sum(), (q, k, v)) for y in (output, theirs)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def test_the_look_up_is_that_of_the_numpy_engine():
    q, k, v = normal(3, 4), normal(5, 4, seed=1), normal(5, 2, seed=2)
    theirs = scratch.scaled_dot_product_attention(*(ScratchTensor(x.numpy()) for x in (q, k, v)))
    np.testing.assert_allclose(A.scaled_dot_product_attention(q, k, v)[0].numpy(), theirs.numpy(), rtol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 9])
def test_the_causal_mask_hides_the_future(length):
    mask = A.causal_mask(length)
    assert mask.dtype == torch.bool
    assert all(mask[t, s] == (s <= t) for t in range(length) for s in range(length))


def test_heads_are_split_and_joined():
    x = normal(2, 5, 12)
    parts = A.split_heads(x, 3)
    assert parts.shape == (2, 3, 5, 4)
    for h in range(3):
        assert torch.equal(parts[:, h], x[..., 4 * h : 4 * h + 4])
    assert torch.equal(A.join_heads(parts), x)


def as_pytorch(layer, width):
    theirs = nn.MultiheadAttention(width, layer.heads, batch_first=True).double()
    names = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
    ours = (layer.project.weight, layer.project.bias, layer.join.weight, layer.join.bias)
    theirs.load_state_dict(dict(zip(names, ours, strict=True)))
    return theirs


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
def test_the_layer_is_that_of_pytorch(heads, causal):
    layer, x = A.MultiheadAttention(8, heads).double(), normal(3, 5, 8)
    mask = A.causal_mask(5) if causal else None
    theirs, weights = as_pytorch(layer, 8)(
        x, x, x, attn_mask=None if mask is None else ~mask, average_attn_weights=False
    )
    torch.testing.assert_close(layer(x, mask), theirs, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(layer.weights(x, mask), weights, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(layer(x, mask, fused=True), theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("turn", [None, rotary])
def test_a_changed_future_changes_nothing_before(turn):
    layer, x = A.MultiheadAttention(8, 2, turn).double(), normal(2, 7, 8)
    other = x.clone()
    other[:, 4:] += 1
    before, after = layer(x, A.causal_mask(7)), layer(other, A.causal_mask(7))
    assert torch.equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] - after[:, 4:]).abs().amin(dim=(0, 2)).gt(0).all()
    assert not torch.allclose(layer(x)[:, :4], layer(other)[:, :4])  # without the mask it does


def test_without_positions_order_is_only_passed_through():
    x, order = normal(2, 6, 8), torch.randperm(6, generator=torch.Generator().manual_seed(1))
    plain, turned = A.MultiheadAttention(8, 2).double(), A.MultiheadAttention(8, 2, rotary).double()
    torch.testing.assert_close(plain(x[:, order]), plain(x)[:, order], rtol=1e-10, atol=1e-12)
    assert not torch.allclose(turned(x[:, order]), turned(x)[:, order], atol=1e-3)


def test_cross_attention_never_looks_at_padding():
    states, memory = normal(2, 3, 4), normal(2, 5, 4, seed=1)
    real = torch.tensor([[True, True, True, False, False], [True] * 5])
    context, weights = A.cross_attention(states, memory, real)
    assert not weights[0, :, 3:].any()
    memory[0, 3:] = 1e6
    torch.testing.assert_close(A.cross_attention(states, memory, real)[0], context)
    torch.testing.assert_close(A.cross_attention(states[:1], memory[:1, :3], real[:1, :3])[0], context[:1])


def test_refusals():
    with pytest.raises(ShapeError, match=r"q, k: expected vectors of one length E .* got \(3, 4\) and \(3, 5\)"):
        A.scaled_dot_product_attention(normal(3, 4), normal(3, 5), normal(3, 2))
    with pytest.raises(ShapeError, match="v: expected one value for each of the 3 keys, got 2"):
        A.scaled_dot_product_attention(normal(3, 4), normal(3, 4), normal(2, 2))
    with pytest.raises(CourseError, match="mask: expected True and False, got torch.float32"):
        A.scaled_dot_product_attention(normal(3, 4), normal(3, 4), normal(3, 2), torch.ones(3, 3))
    with pytest.raises(CourseError, match="heads: expected a divisor of 8, got 3"):
        A.split_heads(normal(1, 2, 8), 3)
    with pytest.raises(CourseError, match="heads: expected a divisor of 8, got 0"):
        A.MultiheadAttention(8, 0)
