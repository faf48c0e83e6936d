"""Every operation of the engine: its gradient against measured ones, its values and gradients against PyTorch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch import autograd
from coursekit.scratch.autograd import Tensor, concatenate, gradcheck, stack, unbroadcast, where
from coursekit.scratch.ops import arithmetic, elementwise, reduction, shape

RNG = np.random.default_rng(0)
INDEX = np.array([[0, 2], [1, 2]])  # a row twice
MASK = np.array([[True, False, True], [False, False, True], [True, True, True]])


def smooth(*size):
    """Numbers away from every kink: no ReLU, clip or maximum changes its mind within a step."""
    x = RNG.permutation(np.arange(1, int(np.prod(size)) + 1) * 0.37).reshape(size)
    return x * RNG.choice([-1, 1], size)


def positive(*size):
    return RNG.uniform(0.5, 2, size)


# name: (ours, torch's, arrays). The same expression where both understand it.
SAME = {
    "add": (lambda a, b: a + b, (smooth(3, 4), smooth(4))),
    "sub": (lambda a, b: a - b, (smooth(2, 1, 4), smooth(3, 1))),
    "mul": (lambda a, b: a * b, (smooth(3, 1), smooth(3, 4))),
    "div": (lambda a, b: a / b, (smooth(3, 4), positive(1, 4))),
    "radd": (lambda a: 2.0 + a, (smooth(3),)),
    "rsub": (lambda a: 2.0 - a, (smooth(3),)),
    "rmul": (lambda a: 2.0 * a, (smooth(3),)),
    "rdiv": (lambda a: 2.0 / a, (positive(3),)),
    "neg": (lambda a: -a, (smooth(2, 3),)),
    "pow": (lambda a: a**3, (smooth(2, 3),)),
    "root": (lambda a: a**-0.5, (positive(5),)),
    "a number twice": (lambda a: a * a + a, (smooth(3),)),
    "matmul": (lambda a, b: a @ b, (smooth(3, 4), smooth(4, 2))),
    "matmul, batches": (lambda a, b: a @ b, (smooth(2, 3, 4), smooth(2, 4, 5))),
    "matmul, broadcast": (lambda a, b: a @ b, (smooth(2, 1, 3, 4), smooth(5, 4, 2))),
    "matmul, shared matrix": (lambda a, b: a @ b, (smooth(2, 3, 4), smooth(4, 2))),
    "matrix @ vector": (lambda a, b: a @ b, (smooth(3, 4), smooth(4))),
    "vector @ matrix": (lambda a, b: a @ b, (smooth(3), smooth(3, 4))),
    "vector @ vector": (lambda a, b: a @ b, (smooth(3), smooth(3))),
    "batch @ vector": (lambda a, b: a @ b, (smooth(2, 3, 4), smooth(4))),
    "vector @ batch": (lambda a, b: a @ b, (smooth(3), smooth(2, 3, 4))),
    "exp": (lambda a: a.exp(), (0.1 * smooth(2, 3),)),
    "log": (lambda a: a.log(), (positive(2, 3),)),
    "sqrt": (lambda a: a.sqrt(), (positive(2, 3),)),
    "tanh": (lambda a: a.tanh(), (0.3 * smooth(2, 3),)),
    "sigmoid": (lambda a: a.sigmoid(), (smooth(2, 3),)),
    "relu": (lambda a: a.relu(), (smooth(3, 4),)),
    "clip": (lambda a: a.clip(-1, 1.5), (smooth(3, 4),)),
    "clip below": (lambda a: a.clip(0.1, None), (smooth(3, 4),)),
    "sum": (lambda a: a.sum(), (smooth(2, 3),)),
    "sum, axis": (lambda a: a.sum(axis=1), (smooth(2, 3, 4),)),
    "sum, axes": (lambda a: a.sum(axis=(0, -1), keepdims=True), (smooth(2, 3, 4),)),
    "mean": (lambda a: a.mean(), (smooth(2, 3),)),
    "mean, axes": (lambda a: a.mean(axis=(0, 2)), (smooth(2, 3, 4),)),
    "reshape": (lambda a: a.reshape(3, -1), (smooth(2, 3, 2),)),
    "reshape, tuple": (lambda a: a.reshape((4, 3)), (smooth(2, 6),)),
    "transpose": (lambda a: a.transpose(0, 2), (smooth(2, 3, 4),)),
    "permute": (lambda a: a.permute(2, 0, 1), (smooth(2, 3, 4),)),
    "T": (lambda a: a.T, (smooth(2, 3),)),
    "slice": (lambda a: a[1:, ::2], (smooth(3, 5),)),
    "one row": (lambda a: a[-1], (smooth(3, 5),)),
    "new axis": (lambda a: a[:, None, :], (smooth(3, 5),)),
    "ellipsis": (lambda a: a[..., 0], (smooth(3, 5),)),
    "rows, some twice": (lambda a: a[INDEX], (smooth(3, 4),)),
    "rows, from the end": (lambda a: a[np.array([-1, 0, -1])], (smooth(3, 4),)),
    "pairs": (lambda a: a[np.arange(3), np.array([1, 1, 0])], (smooth(3, 2),)),
    "mask": (lambda a: a[MASK], (smooth(3, 3),)),
    "numbers, some twice": (lambda a: a[np.array([0, 0, 2])], (smooth(3),)),
}
TWO_AND_ONE = (smooth(2, 3), smooth(2, 1))
OWN_WORDS = {
    "gelu": (lambda a: a.gelu(), lambda a: torch.nn.functional.gelu(a, approximate="tanh"), (0.3 * smooth(3, 4),)),
    "leaky relu": (lambda a: a.leaky_relu(0.1), lambda a: torch.nn.functional.leaky_relu(a, 0.1), (smooth(3, 4),)),
    "max": (lambda a: a.max(), lambda a: a.amax(), (smooth(3, 4),)),
    "max, axis": (lambda a: a.max(axis=1), lambda a: a.amax(dim=1), (smooth(3, 4),)),
    "max, axes": (lambda a: a.max((0, 2), True), lambda a: a.amax((0, 2), True), (smooth(2, 3, 4),)),
    "max, ties": (lambda a: a.max(axis=1), lambda a: a.amax(dim=1), (np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]),)),
    "softmax": (lambda a: a.softmax(), lambda a: a.softmax(-1), (0.5 * smooth(3, 4),)),
    "softmax, axis": (lambda a: a.softmax(axis=0), lambda a: a.softmax(0), (0.5 * smooth(3, 4),)),
    "log softmax": (lambda a: a.log_softmax(), lambda a: a.log_softmax(-1), (0.5 * smooth(3, 4),)),
    "concatenate": (lambda a, b: concatenate([a, b], axis=1), lambda a, b: torch.cat([a, b], 1), TWO_AND_ONE),
    "concatenate, last": (lambda a, b: concatenate([a, b], -1), lambda a, b: torch.cat([a, b], -1), TWO_AND_ONE),
    "stack": (lambda a, b: stack([a, b], axis=1), lambda a, b: torch.stack([a, b], 1), (smooth(2, 3), smooth(2, 3))),
    "stack, last": (lambda a, b: stack([a, b], -1), lambda a, b: torch.stack([a, b], -1), (smooth(2, 3), smooth(2, 3))),
    "where": (
        lambda a, b: where(MASK, a, b),
        lambda a, b: torch.where(torch.tensor(MASK), a, b),
        (smooth(3, 3), smooth(3)),
    ),
    "where, number": (
        lambda a: where(MASK, a, 0.0),
        lambda a: torch.where(torch.tensor(MASK), a, torch.tensor(0.0, dtype=torch.float64)),
        (smooth(3, 3),),
    ),
}  # fmt: skip
CASES = {name: (f, f, arrays) for name, (f, arrays) in SAME.items()} | OWN_WORDS


@pytest.mark.parametrize(("ours", "theirs", "arrays"), CASES.values(), ids=CASES)
class TestEveryOperation:
    def test_value_and_gradients_equal_torch(self, ours, theirs, arrays):
        mine = [Tensor(a.copy(), requires_grad=True) for a in arrays]
        other = [torch.tensor(a, requires_grad=True) for a in arrays]
        result, expected = ours(*mine), theirs(*other)
        np.testing.assert_allclose(result.data, expected.detach().numpy(), rtol=1e-10, atol=1e-10)
        G = np.random.default_rng(1).normal(size=result.shape)
        result.backward(G)
        expected.backward(torch.tensor(G))
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-10, atol=1e-10)

    def test_gradients_equal_measured_ones(self, ours, theirs, arrays):
        if ours is not CASES["max, ties"][0]:  # a kink: there is no derivative to measure
            assert gradcheck(ours, *(Tensor(a.copy(), requires_grad=True) for a in arrays))

    def test_float32_stays_float32_and_no_input_is_changed(self, ours, theirs, arrays):
        inputs = [Tensor(a.astype(np.float32), requires_grad=True) for a in arrays]
        before = [x.data.copy() for x in inputs]
        result = ours(*inputs)
        result.backward(np.ones(result.shape))
        assert result.dtype == np.float32
        assert all(x.grad.dtype == np.float32 and x.grad.shape == x.shape for x in inputs)
        assert all(np.array_equal(x.data, b) for x, b in zip(inputs, before, strict=True))

    def test_only_what_asks_for_a_gradient_gets_one(self, ours, theirs, arrays):
        first, *others = [Tensor(a.copy(), requires_grad=k == 0) for k, a in enumerate(arrays)]
        result = ours(first, *others)
        result.backward(np.ones(result.shape))
        assert first.grad is not None
        assert all(x.grad is None for x in others)
        assert not ours(*(Tensor(a) for a in arrays)).requires_grad


def test_every_operation_there_is_has_a_case():
    """By the names of the operations that the cases record."""
    met = set()
    for ours, _, arrays in CASES.values():
        met |= {node.op for node in autograd.topological_order(ours(*(Tensor(a, requires_grad=True) for a in arrays)))}
    rooms = (arithmetic, elementwise, reduction, shape)
    there = {name for room in rooms for name in room.__all__} - {"scatter_add"}
    assert there - met == set()


SHAPES = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3)


@given(SHAPES, st.sampled_from(["+", "-", "*", "/"]))
@settings(max_examples=60)
def test_broadcasting_is_undone_whatever_the_shapes(shapes, sign):
    (a_shape, b_shape), _ = shapes
    a, b = RNG.normal(size=a_shape), RNG.uniform(1, 2, b_shape)
    f = {"+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y, "/": lambda x, y: x / y}[sign]
    mine, other = Tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    mine_b, other_b = Tensor(b, requires_grad=True), torch.tensor(b, requires_grad=True)
    f(mine, mine_b).sum().backward()
    f(other, other_b).sum().backward()
    np.testing.assert_allclose(mine.grad, other.grad.numpy(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(mine_b.grad, other_b.grad.numpy(), rtol=1e-10, atol=1e-10)


@given(SHAPES)
def test_unbroadcast_is_the_adjoint_of_broadcasting(shapes):
    """<G, broadcast(x)> = <unbroadcast(G), x>, which defines it."""
    (small, _), large = shapes
    x, G = RNG.normal(size=small), RNG.normal(size=large)
    back = unbroadcast(G, small)
    assert back.shape == small
    assert np.sum(G * np.broadcast_to(x, large)) == pytest.approx(np.sum(back * x))


@given(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4), st.data())
@settings(max_examples=60)
def test_reductions_over_any_axes_equal_torch(size, data):
    axes = data.draw(st.lists(st.integers(0, len(size) - 1), min_size=1, unique=True))
    keep = data.draw(st.booleans())
    name = data.draw(st.sampled_from(["sum", "mean", "max"]))
    a = RNG.normal(size=size)
    mine, other = Tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    result = getattr(mine, name)(axis=tuple(axes), keepdims=keep)
    expected = getattr(other, "amax" if name == "max" else name)(dim=tuple(axes), keepdim=keep)
    np.testing.assert_allclose(result.data, expected.detach().numpy(), atol=1e-12)
    (result * result).sum().backward()
    (expected * expected).sum().backward()
    np.testing.assert_allclose(mine.grad, other.grad.numpy(), atol=1e-10)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: x + np.ones(4), r"add: expected shapes that broadcast, got \(2, 3\) and \(4,\). From the right"),
        (lambda x: x * np.ones(2), r"mul: .* got \(2, 3\) and \(2,\). Give the one of shape \(2,\) a last axis"),
        (lambda x: np.ones((3, 2)) - x, r"sub: .* got \(3, 2\) and \(2, 3\). Transpose one of them: x.T"),
        (lambda x: x / Tensor(np.ones(5)), r"div: .* got \(2, 3\) and \(5,\)"),
        (lambda x: x @ x, r"matmul: expected inner sizes to agree, got \(2, 3\) @ \(2, 3\). Transpose the second: x.T"),
        (lambda x: x @ np.ones(4), r"matmul: .* got \(2, 3\) @ \(4,\)"),
        (lambda x: x @ 2.0, r"matmul: expected matrices or vectors, got \(2, 3\) @ \(\). Use \*"),
        (
            lambda x: Tensor(np.ones((2, 1, 3))) @ np.ones((3, 3, 1)) @ np.ones((2, 1, 1)),
            r"matmul: expected the axes before the last two to broadcast",
        ),
        (lambda x: x.reshape(4, 2), r"reshape: expected a shape that holds 6 numbers, got \(4, 2\) for an input of"),
        (lambda x: x.transpose(0, 2), r"transpose: expected axes of an array of shape \(2, 3\), got 0 and 2"),
        (lambda x: x.permute(0, 0), r"permute: expected each of the 2 axes once, got \(0, 0\)"),
        (lambda x: concatenate([x, Tensor(np.ones((1, 2)))]), r"concatenate: .* got \(2, 3\), \(1, 2\)"),
        (lambda x: stack([x, x.T]), r"stack: expected equal shapes, got \(2, 3\), \(3, 2\)"),
        (lambda x: concatenate([]), "concatenate: expected at least one tensor, got none"),
    ],
)
def test_shapes_that_do_not_fit_are_told(wrong, message):
    with pytest.raises(ShapeError, match=message):
        wrong(Tensor(np.ones((2, 3))))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: x**x, "pow: expected a plain number as exponent, got a Tensor. Write"),
        (lambda x: x[x], "index: expected whole numbers, got a Tensor"),
        (lambda x: x[np.array([0.0])], "index: expected whole numbers, got a ndarray"),
        (lambda x: x.clip(), "clip: expected a limit below or above, got none"),
        (lambda x: x.clip(2, 1), "clip: expected low <= high, got 2 and 1"),
        (lambda x: autograd.exp(np.ones(2)), "exp: expected a Tensor, got a ndarray. Wrap it"),
        (lambda x: where(np.array([True]), 1.0, 2.0), "where: expected a Tensor, got a float"),
    ],
)
def test_what_makes_no_sense_is_told(wrong, message):
    with pytest.raises(CourseError, match=message):
        wrong(Tensor([1.0, 2.0]))
