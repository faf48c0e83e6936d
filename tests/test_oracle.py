"""PyTorch as a judge: it differentiates what we wrote, in double precision, and its answers are right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError
from coursekit.oracle import torch_gradients
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.numerical import numerical_gradient, relative_error

RNG = np.random.default_rng(0)
ARRAYS = [RNG.normal(size=shape) for shape in ((5, 4), (4, 3), (3,))]


def network(X, W, b):
    return -((X @ W + b).relu().log_softmax(-1) * (X * X).exp().sum(-1, keepdims=True).log()).mean()


def test_it_agrees_with_measured_derivatives():
    value, gradients = torch_gradients(network, *ARRAYS)
    for k, (array, gradient) in enumerate(zip(ARRAYS, gradients, strict=True)):

        def at(moved, k=k):
            return torch_gradients(network, *(moved if i == k else a for i, a in enumerate(ARRAYS)))[0]

        assert at(array) == value
        assert relative_error(gradient, numerical_gradient(at, array.copy())) < 1e-8


def test_our_tensors_run_the_same_function():
    tensors = [Tensor(a, requires_grad=True) for a in ARRAYS]
    ours = network(*tensors)
    ours.backward()
    value, gradients = torch_gradients(network, *ARRAYS)
    assert ours.item() == pytest.approx(value, rel=1e-13)
    for tensor, gradient in zip(tensors, gradients, strict=True):
        np.testing.assert_allclose(tensor.grad, gradient, rtol=1e-10, atol=1e-12)


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_known_derivative(a, b):
    value, (da, db) = torch_gradients(lambda x, y: x * x * y + y, np.array(a), np.array(b))
    assert value == pytest.approx(a * a * b + b)
    assert (da, db) == (pytest.approx(2 * a * b), pytest.approx(a * a + 1))


def test_it_computes_in_double_precision_and_leaves_the_input_alone():
    x = np.array([1.0, 2.0], np.float32)
    _, (gradient,) = torch_gradients(lambda t: (t / 3).sum(), x)
    assert gradient.dtype == np.float64
    assert gradient[0] == 1 / 3
    assert x.dtype == np.float32


def test_what_is_not_used_has_the_gradient_zero():
    assert torch_gradients(lambda x, y: x.sum(), np.ones(2), np.ones(3))[1][1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("f", "got"),
    [(lambda x: x, r"got shape \(2,\)"), (lambda x: 3.0, "got a float"), (lambda x: None, "got a NoneType")],
)
def test_what_is_no_single_number_is_told(f, got):
    with pytest.raises(CourseError, match=f"f: expected it to return a single number, {got}"):
        torch_gradients(f, np.ones(2))
