"""Convolution: values and gradients against PyTorch, SciPy and measured gradients, over sizes of every kind."""

import tracemalloc
from unittest.mock import patch

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from beside_torch import expect_equal, expect_measured, expect_same_gradients, same_start
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.autograd import GradientError, Tensor
from coursekit.scratch.conv import Conv2d, col2im, conv2d, im2col, output_size
from coursekit.scratch.ops import convolution

RNG = np.random.default_rng(0)


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def windows(draw):
    """Stride, padding, dilation, kernel, and an image that is just large enough or a little larger."""
    kernel, dilation, padding = draw(pairs(1, 4)), draw(pairs(1, 3)), draw(pairs(0, 3))
    spans = [d * (k - 1) + 1 - 2 * p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = tuple(max(1, span) + more for span, more in zip(spans, draw(pairs(0, 5)), strict=True))
    return size, kernel, {"stride": draw(pairs(1, 3)), "padding": padding, "dilation": dilation}


# -- conv2d --------------------------------------------------------------------------------------------------------
@settings(deadline=None, max_examples=150)
@given(windows(), st.tuples(*[st.integers(1, 3)] * 3), st.sampled_from([1, 60, 2**17]), st.booleans(), st.booleans())
def test_values_and_gradients_equal_torch(found, sizes, block, with_bias, batch_inside):
    size, kernel, options = found
    N, C, filters = sizes
    x, weight = RNG.normal(size=(N, C, *size)), RNG.normal(size=(filters, C, *kernel))
    if batch_inside:  # the order in memory that a convolution leaves behind
        x = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    bias = [RNG.normal(size=filters)] if with_bias else []
    with patch.object(convolution, "BLOCK", block):  # one row of the output at a time, a few, or all of them
        expect_equal(lambda *a: conv2d(*a, **options), lambda *a: F.conv2d(*a, **options), x, weight, *bias)


@settings(deadline=None, max_examples=15)
@given(windows())
def test_gradients_equal_the_measured_ones(found):
    size, kernel, options = found
    inputs = RNG.normal(size=(2, 2, *size)), RNG.normal(size=(2, 2, *kernel)), RNG.normal(size=2)
    expect_measured(lambda *a: conv2d(*a, **options), *inputs)


@pytest.mark.parametrize(("mode", "padding"), [("valid", (0, 0)), ("same", (1, 2)), ("full", (2, 4))])
def test_one_filter_equals_scipy(mode, padding):
    image, kernel = RNG.normal(size=(9, 8)), RNG.normal(size=(3, 5))
    found = conv2d(Tensor(image[None, None]), Tensor(kernel[None, None]), padding=padding)
    np.testing.assert_allclose(found.data[0, 0], correlate2d(image, kernel, mode), rtol=1e-10, atol=1e-12)


def test_one_number_stands_for_both_directions():
    x, weight = Tensor(RNG.normal(size=(1, 2, 9, 9))), Tensor(RNG.normal(size=(3, 2, 3, 3)))
    both = conv2d(x, weight, stride=(2, 2), padding=(1, 1), dilation=(2, 2))
    np.testing.assert_array_equal(conv2d(x, weight, None, 2, 1, 2).data, both.data)
    np.testing.assert_array_equal(conv2d(x, weight, None, [2, 2], np.int64(1), (2, 2)).data, both.data)


def test_an_image_that_moves_moves_the_answer():
    image, weight = RNG.normal(size=(1, 1, 12, 12)), Tensor(RNG.normal(size=(2, 1, 3, 3)))
    there = conv2d(Tensor(image), weight).data
    moved = conv2d(Tensor(np.roll(image, (2, 3), axis=(2, 3))), weight).data
    np.testing.assert_allclose(moved[..., 2:, 3:], there[..., :-2, :-3], rtol=1e-12)


def test_float32_stays_and_arrays_are_constants():
    weight = Tensor(np.ones((2, 1, 3, 3), np.float32), requires_grad=True)
    y = conv2d(np.ones((1, 1, 4, 4)), weight, padding=1)
    y.sum().backward()
    assert (y.dtype, weight.grad.dtype) == (np.float32, np.float32)
    assert [parent.requires_grad for parent in conv2d(np.ones((1, 1, 4, 4)), weight).parents] == [False, True]


def test_a_batch_of_none():
    x, weight = Tensor(np.zeros((0, 1, 5, 5)), True), Tensor(np.ones((2, 1, 3, 3)), True)
    y = conv2d(x, weight)
    y.sum().backward()
    assert y.shape == (0, 2, 3, 3)
    assert x.grad.shape == x.shape
    np.testing.assert_array_equal(weight.grad, np.zeros((2, 1, 3, 3)))


def test_what_the_rules_need_may_not_change_and_what_they_do_not_need_may():
    x, weight = Tensor(np.ones((1, 1, 3, 3))), Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    y = conv2d(x, weight).sum()
    weight.data += 1  # only the gradient of x would need it
    y.backward()
    y = conv2d(x, weight).sum()
    x.data += 1
    with pytest.raises(GradientError, match="'conv2d' used to be unchanged"):
        y.backward()


@pytest.mark.parametrize(("block", "least", "most"), [(2**17, 0, 0.5), (2**30, 1, 2)])
def test_the_columns_are_never_there_all_at_once(block, least, most):
    x, weight = (RNG.normal(size=s).astype(np.float32) for s in ((64, 1, 28, 28), (6, 1, 5, 5)))
    columns = im2col(x, 5, padding=2).nbytes
    x, weight = Tensor(x, requires_grad=True), Tensor(weight, requires_grad=True)
    with patch.object(convolution, "BLOCK", block):
        tracemalloc.start()
        try:
            conv2d(x, weight, padding=2).sum().backward()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert least < peak / columns < most  # with blocks without end they are there: the measurement sees them


# -- columns and sizes ---------------------------------------------------------------------------------------------
@settings(deadline=None)
@given(windows(), st.integers(1, 3), st.integers(1, 3))
def test_columns_equal_torch_and_the_way_back_is_the_transpose(found, N, C):
    size, kernel, options = found
    x = RNG.normal(size=(N, C, *size))
    columns = im2col(x, kernel, **options)
    theirs = F.unfold(torch.tensor(x), kernel, **options).numpy()  # (N, C kh kw, H' W')
    np.testing.assert_array_equal(columns.reshape(len(columns), -1, N), theirs.transpose(1, 2, 0))
    other = RNG.normal(size=columns.shape)
    back = col2im(other, x.shape, kernel, **options)
    assert back.shape == x.shape
    np.testing.assert_allclose((columns * other).sum(), (x * back).sum(), rtol=1e-9, atol=1e-9)
    folded = F.fold(torch.tensor(other.reshape(len(other), -1, N).transpose(2, 0, 1)), size, kernel, **options)
    np.testing.assert_allclose(back, folded.numpy(), rtol=1e-12, atol=1e-12)


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4), st.integers(0, 4), st.integers(1, 3))
def test_output_size_counts_the_places(size, kernel, stride, padding, dilation):
    last = [t + dilation * (kernel - 1) for t in range(0, size + 2 * padding, stride)]
    count = sum(place < size + 2 * padding for place in last)
    if count:
        assert output_size(size, kernel, stride, padding, dilation) == count
        assert output_size((size, 40), (kernel, 1), (stride, 1), (padding, 0), (dilation, 1)) == (count, 40)
    else:
        with pytest.raises(ShapeError, match="a kernel that fits"):
            output_size(size, kernel, stride, padding, dilation)


# -- the layer -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bias", [True, False])
def test_the_layer_takes_torchs_weights(bias):
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": 2, "bias": bias}
    ours, theirs = same_start(
        Conv2d(3, 4, (3, 2), **options, rng=RNG, dtype=np.float64), torch.nn.Conv2d(3, 4, (3, 2), **options)
    )
    x, G = RNG.normal(size=(2, 3, 9, 8)), None
    y, expected = ours(x), theirs(torch.tensor(x))
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    G = RNG.normal(size=y.shape)
    y.backward(G)
    expected.backward(torch.tensor(G))
    expect_same_gradients(ours, theirs)


def test_weights_start_as_in_torch():
    ours = Conv2d(8, 64, (5, 3), rng=np.random.default_rng(0))
    bound = 1 / np.sqrt(8 * 5 * 3)
    theirs = torch.nn.Conv2d(8, 64, (5, 3))
    for name, value in ours.state_dict().items():
        other = theirs.state_dict()[name].numpy()
        assert (value.dtype, value.shape) == (np.float32, other.shape)
        for weights in (value, other):  # evenly spread between -bound and bound, both of them
            assert 0.9 * bound < np.abs(weights).max() <= bound * (1 + 1e-6)
            assert weights.std() == pytest.approx(bound / np.sqrt(3), rel=0.2)
    same = Conv2d(8, 64, (5, 3), rng=np.random.default_rng(0))
    np.testing.assert_array_equal(ours.weight.data, same.weight.data)


def test_a_layer_tells_what_is_not_as_usual():
    layer = Conv2d(3, 4, (3, 2), stride=2, dilation=(1, 2), bias=False, rng=RNG)
    assert repr(layer) == "Conv2d(3, 4, kernel_size=(3, 2), stride=2, dilation=(1, 2), bias=False)  # 72 parameters"


# -- refusals ------------------------------------------------------------------------------------------------------
IMAGES, FILTERS = (2, 3, 8, 9), (4, 3, 3, 3)
MISFITS = {
    "no channels": ((2, 8, 9), FILTERS, {}, r"conv2d: expected images of shape \(N, C, H, W\), got \(2, 8, 9\)"),
    "one picture": ((8, 9), FILTERS, {}, r"x\[None, None\]"),
    "filters": (IMAGES, (4, 3, 3), {}, r"filters of shape \(O, C, kh, kw\), got \(4, 3, 3\) for images \(2, 3, 8, 9\)"),
    "channels": ((2, 1, 8, 9), FILTERS, {}, r"got images \(2, 1, 8, 9\) and filters \(4, 3, 3, 3\). Use in_channels=1"),
    "channels last": ((2, 8, 9, 3), FILTERS, {}, r"Channels come before height and width: x.permute\(0, 3, 1, 2\)"),
    "bias": (IMAGES, FILTERS, {"bias": Tensor(np.zeros(3))}, r"a bias of shape \(4,\), got \(3,\)"),
    "too small": (
        (2, 3, 2, 9),
        FILTERS,
        {},
        r"conv2d: .* got kernel \(3, 3\) and image \(2, 9\). Use a smaller",
    ),
    "dilation": (IMAGES, FILTERS, {"dilation": 5}, r"kernel \(3, 3\) \(spread over \(11, 11\) by its dilation\)"),
    "stride": (IMAGES, FILTERS, {"stride": 0}, "stride: expected a whole number of at least 1, or a pair .* got 0"),
    "padding": (IMAGES, FILTERS, {"padding": "same"}, "padding: expected a whole number of at least 0, .* got 'same'"),
    "pair": (IMAGES, FILTERS, {"stride": (1, 1, 1)}, r"stride: .* got \(1, 1, 1\)"),
    "half": (IMAGES, FILTERS, {"dilation": 1.5}, "dilation: .* got 1.5"),
    "truth": (IMAGES, FILTERS, {"padding": True}, "padding: .* got True"),
}


@pytest.mark.parametrize(("x", "weight", "options", "message"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_is_told(x, weight, options, message):
    with pytest.raises(CourseError, match=message):
        conv2d(Tensor(np.zeros(x)), Tensor(np.zeros(weight)), **options)


def test_other_refusals():
    with pytest.raises(CourseError, match="conv2d: expected a Tensor, got a ndarray"):
        conv2d(np.zeros(IMAGES), np.zeros(FILTERS))
    with pytest.raises(CourseError, match="in_channels: expected a whole number above 0, got 0"):
        Conv2d(0, 1, 3, rng=RNG)
    with pytest.raises(CourseError, match="kernel_size: expected a whole number of at least 1"):
        Conv2d(1, 1, 0, rng=RNG)
    with pytest.raises(CourseError, match="rng: expected a NumPy Generator"):
        Conv2d(1, 1, 3, rng=0)
    with pytest.raises(ShapeError, match=r"col2im: expected columns of shape \(9, 4\), got \(9, 5\)"):
        col2im(np.zeros((9, 5)), (1, 1, 4, 4), 3)
    with pytest.raises(ShapeError, match="im2col: expected images"):
        im2col(np.zeros((4, 4)), 3)
