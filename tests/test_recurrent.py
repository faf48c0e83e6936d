"""Recurrent layers and their cells: values and gradients against PyTorch and measured gradients."""

import numpy as np
import pytest
import torch
from beside_torch import EXACT, expect_equal, expect_measured, expect_same_gradients, same_start
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.autograd import Tensor, concatenate, stack
from coursekit.scratch.ops.splitting import chunk, unbind
from coursekit.scratch.recurrent import GRU, LSTM, RNN, gru_step, lstm_step, rnn_step

RNG = np.random.default_rng(0)
LAYERS = {RNN: torch.nn.RNN, LSTM: torch.nn.LSTM, GRU: torch.nn.GRU}
all_kinds = pytest.mark.parametrize("kind", LAYERS, ids=lambda c: c.__name__)


def both(kind, D, H):
    return same_start(kind(D, H, rng=RNG, dtype=np.float64), LAYERS[kind](D, H, batch_first=True))


def parts(state):
    """A state as a list: h alone, or h and c."""
    return list(state) if isinstance(state, tuple) else [state]


# -- layers ------------------------------------------------------------------------------------------------------------
@all_kinds
@settings(deadline=None, max_examples=25)
@given(st.tuples(*[st.integers(1, 5)] * 4), st.booleans())
def test_values_and_gradients_equal_torch(kind, sizes, with_state):
    N, T, D, H = sizes
    ours, theirs = both(kind, D, H)
    x = RNG.normal(size=(N, T, D))
    start = [RNG.normal(size=(N, H)) for _ in range(2 if kind is LSTM else 1)] if with_state else []

    def weighted(output, states, as_array):  # one number in which every output and every final state counts
        weights = np.random.default_rng(1)
        total = (output * as_array(weights.normal(size=(N, T, H)))).sum()
        for state in states:
            total = total + (state * as_array(weights.normal(size=(N, H)))).sum()
        return total

    def our_total(x, *start):
        output, state = ours(x, *([start] if kind is LSTM else start) if start else [])
        assert (output.shape, {s.shape for s in parts(state)}) == ((N, T, H), {(N, H)})
        return weighted(output, parts(state), np.asarray)

    def their_total(x, *start):
        start = [s[None] for s in start]  # (1, N, H): one layer
        output, state = theirs(x, *([tuple(start)] if kind is LSTM else start) if start else [])
        return weighted(output, [s[0] for s in parts(state)], torch.tensor)

    expect_equal(our_total, their_total, x, *start)
    expect_same_gradients(ours, theirs)


@all_kinds
def test_gradients_equal_the_measured_ones(kind):
    layer = kind(2, 3, rng=RNG, dtype=np.float64)
    expect_measured(lambda x: layer(x)[0], RNG.normal(size=(2, 4, 2)))

    def of_weights(*weights):
        names = layer.named_parameters()
        for name, weight in zip(names, weights, strict=True):
            setattr(layer, name, weight)
        return layer(x)[0]

    x = RNG.normal(size=(2, 4, 2))
    expect_measured(of_weights, *(p.data for p in layer.parameters()))


@all_kinds
def test_a_sequence_may_be_read_in_pieces(kind):
    layer, x = kind(3, 4, rng=RNG, dtype=np.float64), RNG.normal(size=(2, 7, 3))
    whole, last = layer(x)
    first, state = layer(x[:, :3])
    second, end = layer(x[:, 3:], state)
    np.testing.assert_allclose(whole.data, np.concatenate([first.data, second.data], axis=1), **EXACT)
    for a, b in zip(parts(last), parts(end), strict=True):
        np.testing.assert_allclose(a.data, b.data, **EXACT)
    np.testing.assert_array_equal(parts(last)[0].data, whole.data[:, -1])


@all_kinds
def test_no_step_sees_what_comes_after_it(kind):
    layer, x = kind(3, 4, rng=RNG, dtype=np.float64), Tensor(RNG.normal(size=(2, 7, 3)), requires_grad=True)
    layer(x)[0][:, 4].sum().backward()
    assert (np.abs(x.grad[:, :5]).max(axis=(0, 2)) > 0).all()
    np.testing.assert_array_equal(x.grad[:, 5:], 0)


@all_kinds
def test_weights_start_as_in_torch(kind):
    ours, theirs = kind(10, 64, rng=np.random.default_rng(0)).state_dict(), LAYERS[kind](10, 64).state_dict()
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert (value.dtype, value.shape) == (np.float32, tuple(theirs[name].shape))
        for weights in (value, theirs[name].numpy()):  # evenly spread between -1/8 and 1/8, both of them
            assert 0.11 < np.abs(weights).max() <= 0.125
            assert weights.std() == pytest.approx(0.125 / np.sqrt(3), rel=0.2)


@all_kinds
def test_a_long_sequence(kind):
    layer, x = kind(1, 1, rng=RNG), Tensor(np.ones((1, 3000, 1), np.float32), requires_grad=True)
    output, _ = layer(x)
    output.sum().backward()
    assert (output.dtype, x.grad.dtype, x.grad.shape) == (np.float32, np.float32, x.shape)
    assert np.isfinite(x.grad).all()


@all_kinds
def test_a_layer_tells_its_sizes(kind):
    assert repr(kind(3, 8, rng=RNG)).startswith(f"{kind.__name__}(3, 8)  # ")


# -- cells -------------------------------------------------------------------------------------------------------------
CELLS = {rnn_step: (torch.nn.RNNCell, 1), gru_step: (torch.nn.GRUCell, 3), lstm_step: (torch.nn.LSTMCell, 4)}


@pytest.mark.parametrize("step", CELLS, ids=lambda f: f.__name__)
def test_cells_equal_torch(step):
    kind, sums = CELLS[step]
    weights = [RNG.normal(size=s) for s in ((sums * 4, 3), (sums * 4, 4), (sums * 4,), (sums * 4,))]
    state = [RNG.normal(size=(5, 4)) for _ in range(2 if step is lstm_step else 1)]

    def ours(x, W, U, b, c, *state):
        result = step(x @ W.T + b, *state, U, c)
        return concatenate(result) if isinstance(result, tuple) else result

    def theirs(x, W, U, b, c, *state):
        weights = dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), (W, U, b, c), strict=True))
        given_state = state if step is lstm_step else state[0]
        result = torch.func.functional_call(kind(3, 4).double(), weights, (x, given_state))
        return torch.cat(result) if isinstance(result, tuple) else result

    expect_equal(ours, theirs, RNG.normal(size=(5, 3)), *weights, *state)


def test_a_memory_that_keeps_lets_the_gradient_through_and_a_plain_state_does_not():
    keep = Tensor(np.array([[-40.0, 40.0, 0.0, 40.0]]))  # take nothing in, keep everything
    nothing, h = Tensor(np.zeros((4, 1))), Tensor(np.zeros((1, 1)))
    first = c = Tensor(np.array([[0.5]]), requires_grad=True)
    for _ in range(100):
        h, c = lstm_step(keep, h, c, nothing, Tensor(np.zeros(4)))
    c.sum().backward()
    np.testing.assert_allclose(first.grad, 1)
    start = h = Tensor(np.array([[0.5]]), requires_grad=True)
    for _ in range(100):
        h = rnn_step(Tensor(np.zeros((1, 1))), h, Tensor(np.array([[0.9]])), Tensor(np.zeros(1)))
    h.sum().backward()
    assert abs(start.grad.item()) < 0.9**100


# -- cutting into parts ------------------------------------------------------------------------------------------------
@given(st.integers(0, 2), st.booleans())
def test_parts_and_their_gradients_equal_torch(axis, from_the_end):
    x, axis = RNG.normal(size=(2, 4, 6)), axis - 3 if from_the_end else axis
    expect_equal(
        lambda a: stack([p * p for p in unbind(a, axis)]), lambda a: torch.stack([p * p for p in a.unbind(axis)]), x
    )
    expect_equal(
        lambda a: stack([p * (k + 2) for k, p in enumerate(chunk(a, 2, axis))]),
        lambda a: torch.stack([p * (k + 2) for k, p in enumerate(a.chunk(2, axis))]),
        x,
    )


def test_parts_that_are_not_used_get_zeros_and_parts_used_twice_get_both():
    x = Tensor(np.ones((3, 2)), requires_grad=True)
    first, _, last = unbind(x)
    (last * 5 + last + first * 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [[2, 2], [0, 0], [6, 6]])


def test_going_back_twice_starts_afresh():
    x = Tensor(np.ones((3, 2)), requires_grad=True)
    first, second, _ = unbind(x)
    first.sum().backward(retain_graph=True)
    second.sum().backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad, [[1, 1], [1, 1], [0, 0]])
    (first + second).sum().backward()
    np.testing.assert_array_equal(x.grad, [[2, 2], [2, 2], [0, 0]])


def test_time_steps_do_not_each_cost_an_array_as_large_as_all_of_them(monkeypatch):
    made = []
    monkeypatch.setattr(
        np, "zeros", lambda shape, *a, zeros=np.zeros, **k: made.append(np.prod(shape)) or zeros(shape, *a, **k)
    )
    x = Tensor(RNG.normal(size=(2, 50, 3)), requires_grad=True)
    LSTM(3, 4, rng=RNG)(x)[0].sum().backward()
    assert 2 * 50 * 16 in made  # the gradient of what the input adds, once
    assert sum(made) < 4 * 2 * 50 * 16


# -- refusals ----------------------------------------------------------------------------------------------------------
@all_kinds
def test_what_does_not_fit_is_told(kind):
    name, layer = kind.__name__, kind(3, 4, rng=RNG)
    with pytest.raises(ShapeError, match=rf"{name}: expected sequences of shape \(N, T, 3\), got \(7, 3\).* x\[None\]"):
        layer(np.zeros((7, 3)))
    with pytest.raises(ShapeError, match=rf"{name}: .* got \(2, 7, 5\). The axes are examples"):
        layer(np.zeros((2, 7, 5)))
    with pytest.raises(ShapeError, match=rf"{name}: .* got \(2, 0, 3\).* \(one or more\)"):
        layer(np.zeros((2, 0, 3)))
    state = Tensor(np.zeros((5, 4)))
    with pytest.raises(ShapeError, match=rf"{name}: expected a state of shape \(2, 4\), got \(5, 4\)"):
        layer(np.zeros((2, 7, 3)), (state, state) if kind is LSTM else state)
    with pytest.raises(CourseError, match="hidden_size: expected a whole number above 0, got 0"):
        kind(3, 0, rng=RNG)
    with pytest.raises(CourseError, match="rng: expected a NumPy Generator"):
        kind(3, 4, rng=0)


def test_an_lstm_wants_both_parts_of_its_state():
    with pytest.raises(ShapeError, match="LSTM: expected a state of two parts, h and c, got a Tensor"):
        LSTM(3, 4, rng=RNG)(np.zeros((2, 7, 3)), Tensor(np.zeros((2, 4))))


def test_parts_that_cannot_be_cut_are_told():
    x = Tensor(np.zeros((2, 5)))
    with pytest.raises(
        ShapeError, match=r"chunk: expected an axis -1 that can be cut into 2 equal parts, got shape \(2, 5\)"
    ):
        chunk(x, 2)
    with pytest.raises(ShapeError, match="chunk: .* into 0 equal parts"):
        chunk(x, 0)
    with pytest.raises(ShapeError, match=r"unbind: expected an axis of an array of shape \(2, 5\), got 2"):
        unbind(x, 2)
