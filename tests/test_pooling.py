"""Pooling: values and gradients against PyTorch and measured gradients, with ties, overlaps, borders and remainders."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from beside_torch import expect_equal, expect_measured
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.conv import AvgPool2d, MaxPool2d, avg_pool2d, max_pool2d

RNG = np.random.default_rng(0)
BOTH = {max_pool2d: F.max_pool2d, avg_pool2d: F.avg_pool2d}
LAYERS = {MaxPool2d: torch.nn.MaxPool2d, AvgPool2d: torch.nn.AvgPool2d}
both = pytest.mark.parametrize("pool", BOTH, ids=lambda f: f.__name__)


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def windows(draw):
    kernel, more = draw(pairs(1, 4)), draw(pairs(0, 6))
    options = {"stride": draw(st.none() | pairs(1, 5)), "padding": tuple(draw(st.integers(0, k // 2)) for k in kernel)}
    return tuple(k + m for k, m in zip(kernel, more, strict=True)), kernel, options


@both
@settings(deadline=None, max_examples=150)
@given(windows(), pairs(1, 3), st.booleans(), st.booleans())
def test_values_and_gradients_equal_torch(pool, found, sizes, ties, batch_inside):
    size, kernel, options = found
    x = RNG.normal(size=(*sizes, *size))
    x = np.round(x) if ties else x  # many equal numbers: the first of them counts as the largest
    if batch_inside:
        x = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    expect_equal(lambda a: pool(a, kernel, **options), lambda a: BOTH[pool](a, kernel, **options), x)


@both
@pytest.mark.parametrize("options", [{}, {"stride": 1}, {"stride": (3, 1), "padding": 1}])
def test_gradients_equal_the_measured_ones(pool, options):
    x = RNG.permutation(2 * 2 * 7 * 6).reshape(2, 2, 7, 6) / 10  # no two numbers closer than the differences' step
    expect_measured(lambda a: pool(a, (2, 3), **options), x)


def test_of_equal_numbers_the_first_gets_the_gradient():
    x = Tensor(np.array([[[[0.0, 7.0], [7.0, 7.0]]]]), requires_grad=True)
    max_pool2d(x, 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [[[[0, 1], [0, 0]]]])


def test_padding_is_never_the_largest_but_counts_in_the_mean():
    x = Tensor(-np.ones((1, 1, 2, 2)))
    np.testing.assert_array_equal(max_pool2d(x, 2, padding=1).data, -np.ones((1, 1, 2, 2)))
    np.testing.assert_array_equal(avg_pool2d(x, 2, padding=1).data, -np.ones((1, 1, 2, 2)) / 4)


@both
def test_a_number_that_is_none_is_not_hidden(pool):
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 0, 1] = np.nan
    np.testing.assert_array_equal(np.isnan(pool(Tensor(x), 2).data), [[[[True, False], [False, False]]]])


@both
def test_float32_stays_and_nothing_is_shared(pool):
    x = Tensor(np.ones((1, 1, 3, 3), np.float32), requires_grad=True)
    y = pool(x, 1)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (np.float32, np.float32)
    assert not np.shares_memory(y.data, x.data)
    assert pool(Tensor(np.zeros((0, 1, 4, 4))), 2).shape == (0, 1, 2, 2)


def test_a_window_of_many_numbers():
    x = RNG.permutation(300 * 3).reshape(1, 1, 300, 3).astype(float)
    expect_equal(lambda a: max_pool2d(a, (300, 2), 1), lambda a: F.max_pool2d(a, (300, 2), 1), x)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("sizes", [(2,), (3, 2), ((3, 2), (2, 1), (1, 0))])
def test_layers_equal_torch(layer, sizes):
    expect_equal(layer(*sizes), LAYERS[layer](*sizes), RNG.normal(size=(2, 3, 9, 8)))
    assert layer(*sizes).parameters() == []


def test_a_layer_tells_what_is_not_as_usual():
    assert repr(MaxPool2d(2)) == "MaxPool2d(kernel_size=2)"
    assert repr(AvgPool2d((3, 2), 2, (1, 0))) == "AvgPool2d(kernel_size=(3, 2), stride=2, padding=(1, 0))"


@both
def test_what_does_not_fit_is_told(pool):
    name = pool.__name__
    with pytest.raises(ShapeError, match=rf"{name}: expected images of shape \(N, C, H, W\), got \(3, 3\)"):
        pool(Tensor(np.zeros((3, 3))), 2)
    with pytest.raises(ShapeError, match=rf"{name}: .* got kernel \(4, 4\) and image \(3, 9\). Use a smaller kernel"):
        pool(Tensor(np.zeros((1, 1, 3, 9))), 4)
    with pytest.raises(CourseError, match=rf"{name}: expected padding of at most half .* got padding \(2, 0\)"):
        pool(Tensor(np.zeros((1, 1, 3, 3))), 3, padding=(2, 0))
    with pytest.raises(CourseError, match="stride: expected a whole number of at least 1"):
        pool(Tensor(np.zeros((1, 1, 3, 3))), 2, stride=0)
    with pytest.raises(CourseError, match=f"{name}: expected a Tensor, got a ndarray"):
        pool(np.zeros((1, 1, 3, 3)), 2)
