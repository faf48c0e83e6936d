r"""Pooling makes an image smaller: of each window only the largest number is kept, or the mean.

Both go one direction at a time: the largest number of a window is the largest of the largest of its rows, and the same
holds for sums. So k + k numbers are looked at in place of k k. G is the upstream gradient.
"""

from itertools import repeat

import numpy as np

from coursekit.errors import CourseError
from coursekit.scratch.graph import made
from coursekit.scratch.ops.inputs import operand
from coursekit.scratch.ops.windows import expect_images, padded, places, seen, window, without_padding

__all__ = ["avg_pool2d", "max_pool2d"]


def max_pool2d(x, kernel_size, stride=None, padding=0):
    """The largest number of each window: it gets the gradient of that window, the others get none.

    y[n, c, h, w] = max over i, j of x[n, c, s h + i, s w + j];  of equal numbers, the first one counts as the largest.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        If left out, the kernel size: windows lie side by side.
    padding : int or pair of int
        At most half the kernel size. What is added is never the largest.

    Returns
    -------
    Tensor, shape (N, C, H', W')
        Sizes by :func:`coursekit.scratch.ops.windows.output_size`; what is left over at the far edges is not seen.

    Raises
    ------
    ShapeError
        If the input is no batch of images, or the kernel is larger than the padded image.
    CourseError
        If a size is no such number.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> x = Tensor(np.array([[[[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, 5.0]]]]), requires_grad=True)
    >>> y = max_pool2d(x, 2)
    >>> y.detach()
    Tensor([[[[4., 5.]]]], dtype=float64)
    >>> y.sum().backward()
    >>> x.grad
    array([[[[0., 0., 0., 0.],
             [1., 0., 0., 1.]]]])
    """
    x, frame, (H, W) = _looked_through("max_pool2d", x, kernel_size, stride, padding)
    (kh, kw), (sh, sw) = frame.kernel, frame.stride
    P = padded(x.data, frame.padding, -np.inf)
    across, which_column = _largest(P, -1, kw, sw, W)  # (N, C, H + 2 ph, W')
    Y, which_row = _largest(across, -2, kh, sh, H)  # (N, C, H', W')
    heights, shape = across.shape, P.shape

    def rule(G):
        G = _put_back((G * (which_row == i) for i in range(kh)), heights, -2, (kh, sh))
        G = _put_back((G * (which_column == j) for j in range(kw)), shape, -1, (kw, sw))
        return without_padding(G, frame.padding)

    return made(Y, (x, rule), op="max_pool2d", saved=(which_row, which_column))


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """The mean of each window of n numbers: each of them gets G / n, from every window it is in.

    y[n, c, h, w] = mean over i, j of x[n, c, s h + i, s w + j];  added zeros count as numbers, as in PyTorch.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    kernel_size, stride, padding : int or pair of int
        As for :func:`max_pool2d`.

    Returns
    -------
    Tensor, shape (N, C, H', W')

    Raises
    ------
    ShapeError
        If the input is no batch of images, or the kernel is larger than the padded image.
    CourseError
        If a size is no such number.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> avg_pool2d(Tensor([[[[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, 5.0]]]]), 2)
    Tensor([[[[2.5 , 1.25]]]])
    """
    x, frame, (H, W) = _looked_through("avg_pool2d", x, kernel_size, stride, padding)
    (kh, kw), (sh, sw) = frame.kernel, frame.stride
    P = padded(x.data, frame.padding)
    across = _total(P, -1, kw, sw, W)  # (N, C, H + 2 ph, W')
    Y = _total(across, -2, kh, sh, H)  # (N, C, H', W')
    Y /= kh * kw
    heights, shape = across.shape, P.shape

    def rule(G):
        G = G / (kh * kw)
        G = _put_back(repeat(G, kh), heights, -2, (kh, sh))
        G = _put_back(repeat(G, kw), shape, -1, (kw, sw))
        return without_padding(G, frame.padding)

    return made(Y, (x, rule), op="avg_pool2d")


# -- one direction at a time -----------------------------------------------------------------------------------------
def _along(axis: int, part: slice) -> tuple:
    """An index that takes a part along the last axis (-1) or the one before it (-2), and all of the others."""
    return (..., part) if axis == -1 else (..., part, slice(None))


def _largest(X, axis: int, size: int, stride: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest number of each window along an axis, and its place in the window: of equal ones, the first."""
    best = X[_along(axis, seen(0, count, stride))]
    which = np.zeros_like(best, np.min_scalar_type(size))
    for place in range(1, size):
        later = X[_along(axis, seen(place, count, stride))]
        np.maximum(which, (later > best) * which.dtype.type(place), out=which)
        best = np.maximum(best, later)
    return best.copy("K") if size == 1 else best, which


def _total(X, axis: int, size: int, stride: int, count: int) -> np.ndarray:
    """The sum of each window along an axis."""
    total = X[_along(axis, seen(0, count, stride))].copy("K")
    for place in range(1, size):
        total += X[_along(axis, seen(place, count, stride))]
    return total


def _put_back(parts, shape: tuple[int, ...], axis: int, window: tuple[int, int]) -> np.ndarray:
    """An array of a shape, with each part where it came from: part p lay under place p of a window (size, stride)."""
    size, stride = window
    back = None
    for place, part in enumerate(parts):
        if back is None:
            whole = stride == size and part.shape[axis] * size == shape[axis]  # every number lies in one window
            back = (np.empty_like if whole else np.zeros_like)(part, shape=shape)
        here = back[_along(axis, seen(place, part.shape[axis], stride))]
        if stride < size:
            here += part  # windows overlap: a number may be in several of them
        else:
            here[...] = part
    return back


def _looked_through(op: str, x, kernel_size, stride, padding) -> tuple:
    """The input, its window, and how many places that finds."""
    x = operand(op, x)
    frame = window(kernel_size, kernel_size if stride is None else stride, padding)
    expect_images(op, x.shape)
    if any(2 * p > k for p, k in zip(frame.padding, frame.kernel, strict=True)):
        raise CourseError(
            f"{op}: expected padding of at most half the kernel, got padding {frame.padding} and kernel "
            f"{frame.kernel}. A window must not lie outside of the image."
        )
    return x, frame, places(op, x.shape[2:], frame)
