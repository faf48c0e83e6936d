"""Attention: values and gradients against PyTorch and measured ones, what it cannot see, and what it refuses."""

import numpy as np
import pytest
import torch
from beside_torch import EXACT, expect_equal, expect_measured, expect_same_gradients, same_start
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.attention import MultiheadAttention, attention_weights, scaled_dot_product_attention
from coursekit.scratch.autograd import Tensor, no_grad

theirs = torch.nn.functional.scaled_dot_product_attention
RNG = np.random.default_rng(0)
MASK = np.array([[True, False, True, True, False], [False, False, False, True, False], [True] * 5])  # (T, S)
N, T, S, E, HEADS = 2, 3, 5, 8, 4


def normal(*shape):
    return RNG.normal(size=shape)


def layer():
    return MultiheadAttention(E, HEADS, rng=np.random.default_rng(0), dtype=np.float64)


CASES = {
    "plain": ({}, {}, (normal(T, 4), normal(S, 4), normal(S, 2))),
    "batch": ({}, {}, (normal(N, T, 4), normal(N, S, 4), normal(N, S, 2))),
    "heads": ({}, {}, (normal(N, 3, T, 4), normal(N, 3, S, 4), normal(N, 3, S, 2))),
    "one position": ({}, {}, (normal(1, 4), normal(1, 4), normal(1, 2))),
    "mask": ({"mask": MASK}, {"attn_mask": torch.tensor(MASK)}, (normal(N, T, 4), normal(N, S, 4), normal(N, S, 2))),
    "causal": ({"causal": True}, {"is_causal": True}, (normal(N, T, 4), normal(N, T, 4), normal(N, T, 2))),
    "causal, more keys": ({"causal": True}, {"is_causal": True}, (normal(T, 4), normal(S, 4), normal(S, 2))),
    "causal, more queries": ({"causal": True}, {"is_causal": True}, (normal(S, 4), normal(T, 4), normal(T, 2))),
    "causal and mask": (
        {"causal": True, "mask": MASK[[0, 2, 2]]},
        {"attn_mask": torch.tensor(MASK[[0, 2, 2]] & np.tri(T, S, dtype=bool))},
        (normal(T, 4), normal(S, 4), normal(S, 2)),
    ),
    "large scores": ({}, {}, (100 * normal(T, 4), 100 * normal(S, 4), normal(S, 2))),
}


@pytest.mark.parametrize(("options", "their_options", "arrays"), CASES.values(), ids=CASES)
def test_value_and_gradients_equal_torch(options, their_options, arrays):
    expect_equal(
        lambda *a: scaled_dot_product_attention(*a, **options), lambda *a: theirs(*a, **their_options), *arrays
    )


@pytest.mark.parametrize(("options", "_", "arrays"), list(CASES.values())[:-1], ids=list(CASES)[:-1])
def test_gradients_equal_measured_ones(options, _, arrays):
    expect_measured(lambda *a: scaled_dot_product_attention(*a, **options), *arrays)


@given(*[st.integers(1, 4)] * 5, st.booleans())
@settings(max_examples=40)
def test_whatever_the_sizes_it_equals_torch(n, t, s, e, v, causal):
    expect_equal(
        lambda *a: scaled_dot_product_attention(*a, causal=causal),
        lambda *a: theirs(*a, is_causal=causal),
        *(normal(n, t, e), normal(n, s, e), normal(n, s, v)),
    )


def test_weights_are_shares_and_nothing_hidden_gets_any():
    weights = attention_weights(Tensor(normal(T, 4)), Tensor(normal(S, 4)), mask=MASK).data
    np.testing.assert_allclose(weights.sum(axis=-1), 1)
    assert ((weights > 0) == MASK).all()


def test_the_past_does_not_see_the_future():
    net, x = layer(), normal(N, 6, E)
    changed = x.copy()
    changed[:, 4:] += normal(N, 2, E)
    with no_grad():
        before, after = net(Tensor(x), causal=True).data, net(Tensor(changed), causal=True).data
        leaks = net(Tensor(x)).data[:, :4] - net(Tensor(changed)).data[:, :4]
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert np.abs(before[:, 4:] - after[:, 4:]).min() > 1e-6
    assert np.abs(leaks).min() > 1e-9  # the same comparison finds it where it is allowed to look


def test_without_positions_the_order_does_not_matter():
    net, x, order = layer(), normal(N, 6, E), RNG.permutation(6)
    with no_grad():
        np.testing.assert_allclose(net(Tensor(x)).data[:, order], net(Tensor(x[:, order])).data, **EXACT)


def test_padding_is_as_if_it_were_not_there():
    net, x = layer(), normal(N, 6, E)
    real = np.arange(6) < 4
    with no_grad():
        padded = net(Tensor(x), mask=np.broadcast_to(real, (N, 1, 1, 6))).data
        np.testing.assert_allclose(padded[:, :4], net(Tensor(x[:, :4])).data, **EXACT)


PADDING = np.arange(S) < np.array([[[3]], [[5]]]) * np.ones((N, T, 1))  # (N, T, S): one mask for each example
USES = {
    "self": ((T,), {}, {}),
    "self, causal": ((T,), {"causal": True}, {"attn_mask": torch.tensor(~np.tri(T, dtype=bool))}),
    "cross": ((T, S), {}, {}),
    "cross, own values": ((T, S, S), {}, {}),
    "cross, mask": ((T, S), {"mask": MASK}, {"attn_mask": torch.tensor(~MASK)}),
    "cross, mask by example": (
        (T, S),
        {"mask": PADDING},
        {"attn_mask": torch.tensor(np.repeat(~PADDING, HEADS, axis=0))},
    ),
    "cross, padding": (
        (T, S),
        {"mask": PADDING[:, None, :1]},
        {"key_padding_mask": torch.tensor(~PADDING[:, 0])},
    ),
}


@pytest.mark.parametrize(("lengths", "options", "their_options"), USES.values(), ids=USES)
def test_several_heads_equal_torch_with_its_weights_loaded_by_name(lengths, options, their_options):
    ours, other = same_start(layer(), torch.nn.MultiheadAttention(E, HEADS, batch_first=True))
    with torch.no_grad():  # torch starts with biases of 0: others test more
        for bias in (other.in_proj_bias, other.out_proj.bias):
            bias.copy_(torch.tensor(normal(*bias.shape)))
    ours, other = same_start(ours, other)
    arrays = [normal(N, length, E) for length in lengths]

    def their_layer(query, *more):
        key = more[0] if more else query
        y, _ = other(query, key, more[-1] if more else query, need_weights=False, **their_options)
        return y

    expect_equal(lambda *inputs: ours(*inputs, **options), their_layer, *arrays)
    expect_same_gradients(ours, other)


def test_the_weights_of_each_head_equal_those_of_torch():
    ours, other = same_start(layer(), torch.nn.MultiheadAttention(E, HEADS, batch_first=True))
    query, key = normal(N, T, E), normal(N, S, E)
    y, weights = ours(Tensor(query), Tensor(key), need_weights=True)
    expected = other(torch.tensor(query), *[torch.tensor(key)] * 2, average_attn_weights=False)
    np.testing.assert_allclose(y.data, expected[0].detach().numpy(), **EXACT)
    np.testing.assert_allclose(weights.data, expected[1].detach().numpy(), **EXACT)


def test_self_attention_may_be_written_out():
    net, x = layer(), Tensor(normal(N, T, E))
    np.testing.assert_allclose(net(x).data, net(x, x, x).data, **EXACT)
    np.testing.assert_allclose(net(x).data, net(x, Tensor(x.data.copy())).data, **EXACT)


def test_it_starts_like_torch_and_is_shown_with_its_sizes():
    torch.manual_seed(0)
    ours = MultiheadAttention(256, 4, rng=np.random.default_rng(0))
    other = torch.nn.MultiheadAttention(256, 4)
    for name, value in other.state_dict().items():
        mine = ours.state_dict()[name]
        assert mine.dtype == np.float32
        assert np.abs(mine).max(initial=0) == pytest.approx(value.abs().max().item(), rel=1e-3)
        assert mine.std() == pytest.approx(value.std().item(), rel=0.02)
    assert repr(ours).startswith("MultiheadAttention(256, 4")
    assert "  # 263,168 parameters\n  (out_proj): Linear(256, 256)" in repr(ours)


Q, K = Tensor(np.zeros((T, 4))), Tensor(np.zeros((S, 4)))
X = Tensor(np.zeros((N, T, E)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: attention_weights(Q, Tensor(np.zeros((S, 3)))), r"queries .* and keys .*, got \(3, 4\) and \(5, 3\)"),
        (lambda: attention_weights(Tensor(np.zeros(4)), K), r"got \(4,\) and \(5, 4\)"),
        (lambda: scaled_dot_product_attention(Q, K, Q), r"v: .* each of the 5 keys, got shape \(3, 4\)"),
        (lambda: scaled_dot_product_attention(Q, K, Tensor(np.zeros(5))), r"v: expected one value .* got shape \(5,\)"),
        (lambda: attention_weights(Q, K, mask=MASK.T), r"mask: .* that broadcasts to \(3, 5\), got \(5, 3\)"),
        (lambda: attention_weights(Q, K, mask=MASK[None, None]), r"mask: .* to \(3, 5\), got \(1, 1, 3, 5\)"),
        (lambda: layer()(X, mask=np.ones((N, T), bool)), r"\(2, 4, 3, 3\), got \(2, 3\). .* mask\[:, None, None, :\]"),
        (lambda: layer()(Tensor(np.zeros((T, E)))), r"query: .* \(3, T, 8\): .* got \(3, 8\). The batch comes"),
        (lambda: layer()(Tensor(np.zeros((N, T, 7)))), r"query: expected shape \(2, T, 8\): .* got \(2, 3, 7\)"),
        (lambda: layer()(X, Tensor(np.zeros((1, S, E)))), r"key: expected shape \(2, T, 8\): .* got \(1, 5, 8\)"),
        (lambda: layer()(X, X, Tensor(np.zeros((N, S, E)))), r"value: .* each key, \(2, 3, 8\), got \(2, 5, 8\)"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_told(wrong, message):
    with pytest.raises(ShapeError, match=message):
        wrong()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda: attention_weights(Q, K, mask=MASK.astype(float)),
            "mask: expected .* True and False, got float64. True",
        ),
        (lambda: attention_weights(Q, K, mask=Tensor(np.ones((T, S)))), "mask: expected a NumPy array .* got a Tensor"),
        (
            lambda: attention_weights(Q, K, mask=MASK & (np.arange(S) != 3)),
            "mask: .* at least one position, got one that",
        ),
        (lambda: attention_weights(np.zeros((T, 4)), K), "attention: expected a Tensor, got a ndarray"),
        (lambda: layer()(np.zeros((N, T, E))), "query: expected a Tensor, got a ndarray"),
        (lambda: MultiheadAttention(8, 3, rng=RNG), "num_heads: expected a divisor of embed_dim = 8, got 3"),
        (lambda: MultiheadAttention(8, 0, rng=RNG), "num_heads: expected a whole number above 0, got 0"),
        (lambda: MultiheadAttention(8, 2, rng=3), "rng: expected a NumPy Generator, got int"),
    ],
)
def test_what_makes_no_sense_is_told(wrong, message):
    with pytest.raises(CourseError, match=message):
        wrong()
