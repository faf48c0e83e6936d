"""Convolution and pooling on arrays, beside PyTorch and beside a count by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch import conv, sliding

F = torch.nn.functional
SIZES = [  # x, weight, stride, padding
    ((2, 1, 5, 5), (1, 1, 3, 3), 1, 0),
    ((3, 2, 7, 6), (4, 2, 3, 2), 2, 1),
    ((1, 3, 8, 9), (2, 3, 1, 5), 3, 2),
    ((2, 2, 4, 4), (3, 2, 4, 4), 1, 0),
]


def drawn(*shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize(("shape", "filters", "stride", "padding"), SIZES)
def test_convolution_and_its_gradient_are_torchs(shape, filters, stride, padding):
    x, w, b = drawn(shape, filters, filters[:1])
    tx, tw, tb = torch.tensor(x), torch.tensor(w, requires_grad=True), torch.tensor(b)
    expected = F.conv2d(tx, tw, tb, stride=stride, padding=padding)
    found = sliding.conv2d(x, w, b, stride, padding)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    (G,) = drawn(found.shape)
    expected.backward(torch.tensor(G))
    dW = sliding.conv2d_weight_grad(x, G, filters[2:], stride, padding)
    np.testing.assert_allclose(dW, tw.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 3), (1, 1), (5, None)])
def test_pooling_is_torchs(size, stride):
    (x,) = drawn((2, 3, 7, 5))
    expected = F.max_pool2d(torch.tensor(x), size, stride).numpy()
    np.testing.assert_array_equal(sliding.max_pool2d(x, size, stride), expected)


def test_results_keep_the_kind_of_number():
    x, w, b = (a.astype(np.float32) for a in drawn((2, 3, 6, 6), (4, 3, 3, 3), (4,)))
    y = sliding.conv2d(x, w, b)
    assert y.dtype == sliding.conv2d_weight_grad(x, y, (3, 3)).dtype == sliding.max_pool2d(x, 2).dtype == np.float32


layer = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=40, deadline=None)
@given(st.lists(layer, min_size=1, max_size=4))
def test_the_receptive_field_is_what_can_be_seen_to_change_the_output(layers):
    """A pixel is in the field if the last layer's first number has a derivative by it; filters of ones hide none."""
    field = sliding.receptive_field(layers)
    x = torch.zeros(1, 1, field + 5, dtype=torch.float64, requires_grad=True)
    h = x
    for kernel, stride, dilation in layers:
        h = F.conv1d(h, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride, dilation=dilation)
    h[0, 0, 0].backward()
    seen = torch.nonzero(x.grad[0, 0]).flatten()
    assert seen.min() == 0
    assert seen.max() == field - 1


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2))
def test_places_are_those_that_output_size_promises(size, kernel, stride, padding):
    x = np.ones((1, 1, size, size))
    if kernel > size + 2 * padding:
        with pytest.raises(ShapeError, match="conv2d: expected a kernel that fits"):
            sliding.conv2d(x, np.ones((1, 1, kernel, kernel)), np.zeros(1), stride, padding)
        return
    y = sliding.conv2d(x, np.ones((1, 1, kernel, kernel)), np.zeros(1), stride, padding)
    assert y.shape[2:] == conv.output_size((size, size), kernel, stride, padding)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda x: sliding.conv2d(x[0], np.ones((1, 2, 2, 2)), np.zeros(1)), "pictures of shape"),
        (lambda x: sliding.conv2d(x, np.ones((1, 3, 2, 2)), np.zeros(1)), r"weight: expected shape \(O, 2, kh, kw\)"),
        (lambda x: sliding.conv2d(x, np.ones((4, 2, 2, 2)), np.zeros(1)), r"bias: expected shape \(4,\)"),
        (lambda x: sliding.conv2d_weight_grad(x, np.ones((1, 1, 9, 9)), (2, 2)), r"G: expected shape \(1, O, 4, 4\)"),
        (lambda x: sliding.max_pool2d(x, 6), "max_pool2d: expected a kernel that fits"),
        (lambda x: sliding.max_pool2d(x, 0), "at least 1"),
        (lambda x: sliding.receptive_field([(3, 1)]), r"layers: expected \(kernel, stride, dilation\)"),
        (lambda x: sliding.receptive_field([(3, 0, 1)]), r"got \(3, 0, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, told):
    with pytest.raises(CourseError, match=told):
        call(np.ones((1, 2, 5, 5)))
