"""Exercises of *Convolution*: of each window only the largest number is kept."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import sliding

__all__ = ["max_pool"]


def _cases(rng):
    yield np.array([[[[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, 5.0]]]]), 2
    yield rng.normal(size=(2, 3, 6, 4)), 2
    yield -1 - rng.random((2, 2, 4, 4)), 2  # nothing above zero
    yield rng.normal(size=(2, 2, 7, 5)), 2  # the last row and column are left over
    yield rng.normal(size=(1, 2, 7, 8)), 3, 2  # windows that overlap
    yield rng.normal(size=(2, 1, 7, 9)), 2, 3  # gaps between the windows
    yield rng.normal(size=(1, 3, 4, 4)), 4  # one window
    yield rng.normal(size=(2, 2, 3, 3)), 1
    yield np.zeros((1, 2, 4, 6)), 2
    yield 1e3 * rng.normal(size=(2, 2, 6, 6)), 3
    yield rng.normal(size=(3, 2, 8, 6)).astype(np.float32), 2


def _windows(x, size, stride):
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]


def _mean(x, size, stride=None):
    return _windows(x, size, stride or size).mean(axis=(4, 5))


def _minimum(x, size, stride=None):
    return _windows(x, size, stride or size).min(axis=(4, 5))


def _stride_one(x, size, stride=None):
    return _windows(x, size, 1 if stride is None else stride).max(axis=(4, 5))


def _own_stride(x, size, stride=None):
    return _windows(x, size, size).max(axis=(4, 5))


def _not_below_zero(x, size, stride=None):
    return np.maximum(_windows(x, size, stride or size).max(axis=(4, 5)), 0)


def _corner(x, size, stride=None):
    return _windows(x, size, stride or size)[..., 0, 0].copy()


def _over_channels(x, size, stride=None):
    return _windows(x, size, stride or size).max(axis=(1, 4, 5))


def _one_direction(x, size, stride=None):
    return _windows(x, size, stride or size).max(axis=5)[..., 0]


def _largest_magnitude(x, size, stride=None):
    return np.abs(_windows(x, size, stride or size)).max(axis=(4, 5))


def _hangs_over(x, size, stride=None):
    step = stride or size
    more = [(-(s - size)) % step if s >= size else size - s for s in x.shape[2:]]
    wide = np.pad(x, ((0, 0), (0, 0), (0, more[0]), (0, more[1])), constant_values=-np.inf)
    return _windows(wide, size, step).max(axis=(4, 5))


def _always_two(x, size, stride=None):
    return _windows(x, 2, stride or 2).max(axis=(4, 5))


def _by_loops(x, size, stride=None):
    s = size if stride is None else stride
    H, W = ((x.shape[k] - size) // s + 1 for k in (2, 3))
    y = np.empty((*x.shape[:2], H, W), x.dtype)
    for h in range(H):
        for w in range(W):
            y[:, :, h, w] = x[:, :, s * h : s * h + size, s * w : s * w + size].max(axis=(2, 3))
    return y


max_pool = register(
    Exercise(
        id="pooling.max_pool",
        notebook="cnn",
        reference=sliding.max_pool2d,
        cases=_cases,
        difficulty=2,
        minutes=10,
        points=2,
        hints=[
            "Like a convolution, but without weights: at each place take the largest number under the window, in every channel by itself.",
            "The number of places along an axis is (pixels - size) // stride + 1. At place (h, w) the window begins at row s h, column s w.",
            "`stride = size if stride is None else stride`, then `y[:, :, h, w] = x[:, :, s*h : s*h + size, s*w : s*w + size].max(axis=(2, 3))`.",
        ],
        misconceptions={
            _mean: "This is the mean of each window: average pooling. Max pooling keeps the largest number.",
            _minimum: "This is the smallest number of each window.",
            _stride_one: "Without a stride the windows lie side by side: then the stride is the size, not 1.",
            _own_stride: "You always move by the size of the window. If a stride is given, move by that.",
            _not_below_zero: "Your result never goes below 0: did the search begin at 0? Where all numbers are negative the largest is negative.",
            _corner: "You keep the first number of each window: that is a stride, not pooling.",
            _over_channels: "You took the maximum over the channels too. Each channel is pooled by itself.",
            _one_direction: "You pool along the rows only. The window has `size` rows too.",
            _largest_magnitude: "You took the largest *magnitude*: -5 is not larger than 3.",
            _hangs_over: "A window that hangs over the edge does not count: round down.",
            _always_two: "Your window is always 2 by 2. Use the argument `size`.",
        },
        variants=(_by_loops,),
    )
)
