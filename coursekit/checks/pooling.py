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


def _always_two(x, size, stride=None):
    return _windows(x, 2, stride or 2).max(axis=(4, 5))


def _walk(x, size, stride, look, places=None):
    """Place by place: `look` gives the window's corner, `places` how many there are along an axis."""
    s = size if stride is None else stride
    H, W = ((n - size) // s + 1 if places is None else places(n, size, s) for n in x.shape[2:])
    y = np.empty((*x.shape[:2], H, W), x.dtype)
    for h in range(H):
        for w in range(W):
            top, left = look(h, w, s)
            y[:, :, h, w] = x[:, :, top : top + size, left : left + size].max(axis=(2, 3))
    return y


def _corners(h, w, s):
    return s * h, s * w


def _every_start(x, size, stride=None):
    return _walk(x, size, stride, _corners, lambda n, k, s: len(range(0, n, s)))


def _hangs_over(x, size, stride=None):
    return _walk(x, size, stride, _corners, lambda n, k, s: len(range(0, min(n, n - k + s), s)))


def _pixels_by_stride(x, size, stride=None):
    return _walk(x, size, stride, _corners, lambda n, k, s: n // s)


def _last_place_left_out(x, size, stride=None):
    return _walk(x, size, stride, _corners, lambda n, k, s: (n - k) // s)


def _starts_side_by_side(x, size, stride=None):
    return _walk(x, size, stride, lambda h, w, s: (h, w))


def _window_as_long_as_the_stride(x, size, stride=None):
    s = size if stride is None else stride
    y = _by_loops(x, size, stride)
    for h, w in np.ndindex(*y.shape[2:]):
        y[:, :, h, w] = x[:, :, s * h : s * h + s, s * w : s * w + s].max(axis=(2, 3))
    return y


def _slice_one_short(x, size, stride=None):
    s = size if stride is None else stride
    y = _by_loops(x, size, stride)
    for h, w in np.ndindex(*y.shape[2:]):
        y[:, :, h, w] = x[:, :, s * h : s * h + size - 1, s * w : s * w + size - 1].max(axis=(2, 3))
    return y


def _one_number_for_all(x, size, stride=None):
    return np.broadcast_to(_windows(x, size, stride or size).max(axis=(0, 1, 4, 5)), _mean(x, size, stride).shape) + 0


def _over_pictures(x, size, stride=None):
    return np.broadcast_to(_windows(x, size, stride or size).max(axis=(0, 4, 5)), _mean(x, size, stride).shape) + 0


def _over_channels_kept(x, size, stride=None):
    return _over_channels(x, size, stride)[:, None]


def _where(x, size, stride=None):
    seen = _windows(x, size, stride or size)
    return seen.reshape(*seen.shape[:4], -1).argmax(axis=-1)


def _sum(x, size, stride=None):
    return _windows(x, size, stride or size).sum(axis=(4, 5))


def _columns_only(x, size, stride=None):
    return _windows(x, size, stride or size).max(axis=4)[..., 0]


def _none_as_stride(x, size, stride=None):
    H, W = ((n - size) // stride + 1 for n in x.shape[2:])
    return _by_loops(x, size, stride)[:, :, :H, :W]


def _blocks_mixed(x, size, stride=None):
    h, w = (n // size for n in x.shape[2:])
    return x[:, :, : h * size, : w * size].reshape(*x.shape[:2], h, w, size, size).max(axis=(4, 5))


def _blocks_that_must_fit(x, size, stride=None):
    h, w = (n // size for n in x.shape[2:])
    return x.reshape(*x.shape[:2], h, size, w, size).max(axis=(3, 5))


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
            _every_start: "Your last windows hang over the edge: only those count that fit, (pixels - size) // stride + 1 along each axis.",
            _pixels_by_stride: "pixels // stride counts places where the window may hang over the edge. It is (pixels - size) // stride + 1.",
            _last_place_left_out: "The last place along each axis is missing: there are (pixels - size) // stride + 1 of them.",
            _starts_side_by_side: "Each window begins one pixel after the last. At place (h, w) it begins at row s h, column s w.",
            _window_as_long_as_the_stride: "The stride says how far the window moves, `size` how long it is: read `s*h : s*h + size`.",
            _slice_one_short: "Your windows are one pixel short: a slice stops *before* its end, so write `s*h : s*h + size`.",
            _one_number_for_all: "`.max()` without axes takes the largest of all pictures and channels. Each has its own: `axis=(2, 3)`.",
            _over_pictures: "You took the maximum over the pictures too. Each picture is pooled by itself.",
            _over_channels_kept: "You took the maximum over the channels: one channel is left. Each channel is pooled by itself.",
            _where: "This is *where* the largest number stands (argmax). Its value is asked: `.max`.",
            _sum: "This is the sum of each window. Max pooling keeps the largest number.",
            _columns_only: "You pool along the columns only. The window has `size` columns too.",
            _none_as_stride: "You calculate with `stride` while it is None: then it means `size`.",
            _blocks_mixed: "Your reshape does not cut blocks: the axes must be (N, C, H', size, W', size), and the maximum goes over the two sizes.",
            _blocks_that_must_fit: "Your reshape needs pixels that divide evenly. Cut off first what is left over; and a stride other than the size needs windows.",
        },
        variants=(_by_loops,),
    )
)
