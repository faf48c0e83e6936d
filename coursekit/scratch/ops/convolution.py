r"""A convolution looks at every place of an image through the same small window, and answers with a weighted sum.

Written as loops it is slow. Instead the numbers under the window are copied into one column for each place
(``im2col``); then all weighted sums are one matrix product, which processors are made for. G is the upstream gradient.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from coursekit.errors import ShapeError
from coursekit.scratch.graph import Node, made
from coursekit.scratch.ops.inputs import constant, operand
from coursekit.scratch.ops.windows import Window, expect_images, padded, places, seen, window, without_padding

__all__ = ["col2im", "conv2d", "im2col"]

BLOCK = 2**17  # so many numbers in columns at a time: they stay in the processor's cache, and memory stays small


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1):
    r"""Slide filters over images: y[n, o, h, w] = b[o] + sum over c, i, j of W[o, c, i, j] x[n, c, h + i, w + j].

    That is for stride 1 and without padding. With stride s and dilation d it is x[n, c, s h + d i, s w + d j], and with
    padding, x stands for the image with zeros around it. (Mathematics calls this a cross-correlation.)

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
    weight : Tensor, shape (O, C, kh, kw)
        O filters, each as deep as the image has channels.
    bias : Tensor, shape (O,), optional
    stride, padding, dilation : int or pair of int
        See :func:`coursekit.scratch.ops.windows.window`.

    Returns
    -------
    Tensor, shape (N, O, H', W')
        Sizes by :func:`coursekit.scratch.ops.windows.output_size`.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other, or the kernel is larger than the padded image.
    CourseError
        If stride, padding or dilation is no such number.

    Notes
    -----
    With the filters as rows, W of shape (O, C kh kw), and X = im2col(x) of shape (C kh kw, H' W' N), the output is
    W X + b, of shape (O, H' W' N). So, as for every matrix product, with G of that shape:

        dL/dW = G X^T,   dL/dx = col2im(W^T G),   dL/db = the sum of G over all images and places.

    The columns hold kh kw times as many numbers as the image. So they are made for a few rows of the output at a time,
    and made anew on the way back: that is no slower than to fetch them from memory, which they would fill.

    Source
    ------
    LeCun et al. (1998), Gradient-based learning applied to document recognition, section II.A; Chellapilla, Puri and
    Simard (2006), High performance convolutional neural networks for document processing, section 3.1 (the columns).

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> steps = Tensor([[[[0.0, 0.0, 5.0, 5.0]]]])
    >>> conv2d(steps, Tensor([[[[-1.0, 1.0]]]]))  # a filter that answers where it gets brighter
    Tensor([[[[0., 5., 0.]]]])
    """
    x = x if isinstance(x, Node) else constant("x", x, operand("conv2d", weight))
    X, W = x.data, weight.data
    _expect_fitting(X.shape, W.shape, bias)
    frame = window(W.shape[2:], stride, padding, dilation)
    N, (H, width) = len(X), places("conv2d", X.shape[2:], frame)
    filters = W.reshape(len(W), -1)  # (O, C kh kw)
    blocks = list(_blocks(frame, H, width * N, len(filters.T)))

    def forward():
        P = _batch_last(X, frame)
        Y = np.empty((len(W), H * width * N), np.result_type(X, W))
        for rows, columns in blocks:
            np.matmul(filters, _gather(P[:, rows], frame), out=Y[:, columns])
            if bias is not None:
                Y[:, columns] += bias.data[:, None]
        return Y.reshape(len(W), H, width, N).transpose(3, 0, 1, 2)  # (N, O, H', W')

    def as_rows(G):  # (N, O, H', W') -> (O, H' W' N)
        return G.transpose(1, 2, 3, 0).reshape(len(W), -1)

    def to_x(G):
        G, P = as_rows(G), _zeros(X.shape, X.dtype, frame)
        for rows, columns in blocks:
            _scatter(filters.T @ G[:, columns], P[:, rows], frame)
        return _batch_first(P, frame)

    def to_weight(G):
        G, P, dW = as_rows(G), _batch_last(X, frame), np.zeros(filters.T.shape, G.dtype)
        for rows, columns in blocks:
            dW += _gather(P[:, rows], frame) @ G[:, columns].T  # (C kh kw, O): this way round is faster
        return dW.T.reshape(W.shape)

    edges = [(x, to_x), (weight, to_weight)]
    if bias is not None:
        edges.append((bias, lambda G: G.sum(axis=(0, 2, 3))))
    saved = [array for node, array in ((weight, X), (x, W)) if node.requires_grad]
    return made(forward(), *edges, op="conv2d", saved=tuple(saved))


def im2col(x, kernel_size, stride=1, padding=0, dilation=1):
    """Copy what the window sees at each place into one column.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
    kernel_size, stride, padding, dilation : int or pair of int
        See :func:`coursekit.scratch.ops.windows.window`.

    Returns
    -------
    ndarray, shape (C kh kw, H' W' N)

    Examples
    --------
    >>> im2col(np.arange(5.0).reshape(1, 1, 1, 5), (1, 3))
    array([[0., 1., 2.],
           [1., 2., 3.],
           [2., 3., 4.]])
    """
    frame = window(kernel_size, stride, padding, dilation)
    expect_images("im2col", x.shape)
    places("im2col", x.shape[2:], frame)  # or an error
    return _gather(_batch_last(x, frame), frame)


def col2im(columns, shape, kernel_size, stride=1, padding=0, dilation=1):
    """The way back: add each number of the columns to the place of the image that it came from.

    Where windows overlap, a number of the image was copied several times and gets the sum: this is the transpose of
    :func:`im2col`, which is a linear function of the image.

    Parameters
    ----------
    columns : ndarray, shape (C kh kw, H' W' N)
    shape : tuple of int
        Of the images, (N, C, H, W).
    kernel_size, stride, padding, dilation : int or pair of int

    Returns
    -------
    ndarray, shape (N, C, H, W)

    Raises
    ------
    ShapeError
        If the columns are not those of such images.

    Examples
    --------
    >>> col2im(np.ones((3, 3)), (1, 1, 1, 5), (1, 3))
    array([[[[1., 2., 3., 2., 1.]]]])
    """
    frame = window(kernel_size, stride, padding, dilation)
    expect_images("col2im", shape)
    N, C, *size = shape
    expected = C * math.prod(frame.kernel), math.prod(places("col2im", size, frame)) * N
    if columns.shape != expected:
        raise ShapeError(f"col2im: expected columns of shape {expected}, got {columns.shape}. Are the sizes the same?")
    P = _zeros(shape, columns.dtype, frame)
    _scatter(columns, P, frame)
    return _batch_first(P, frame)


# -- in memory -------------------------------------------------------------------------------------------------------
# P is the padded image with the batch as its last axis, (C, H + 2 ph, W + 2 pw, N). So the numbers that are copied or
# added together, a row of every image, stand side by side in memory: one long run is faster than many short ones.
def _gather(P, frame: Window) -> np.ndarray:
    """The columns of P.

    The window's place (i, j) moves over the image just as the window does, only shifted by (i, j). So the columns are
    the image itself, read with other steps from number to number (strides), in six directions: c, i, j, h, w, n.
    """
    (C, _, _, N), (kh, kw), (sh, sw), (dh, dw) = P.shape, frame.kernel, frame.stride, frame.dilation
    H, W = _counts(P, frame)
    c, h, w, n = P.strides  # bytes from one number to the next along each axis
    view = as_strided(P, (C, kh, kw, H, W, N), (c, dh * h, dw * w, sh * h, sw * w, n), writeable=False)
    return view.reshape(C * kh * kw, H * W * N)


def _scatter(columns, P, frame: Window) -> None:
    """Add columns to P, in place."""
    (C, _, _, N), (kh, kw), (H, W) = P.shape, frame.kernel, _counts(P, frame)
    parts = columns.reshape(C, kh, kw, H, W, N)
    for i in range(kh):
        down = seen(i, H, frame.stride[0], frame.dilation[0])
        for j in range(kw):
            P[:, down, seen(j, W, frame.stride[1], frame.dilation[1])] += parts[:, i, j]  # (C, H', W', N)


def _counts(P, frame: Window) -> tuple[int, int]:
    """How many places the window finds in P."""
    (kh, kw), (sh, sw), (dh, dw) = frame.kernel, frame.stride, frame.dilation
    return (P.shape[1] - dh * (kh - 1) - 1) // sh + 1, (P.shape[2] - dw * (kw - 1) - 1) // sw + 1


def _zeros(shape: tuple[int, ...], dtype, frame: Window) -> np.ndarray:
    """A P of zeros for images of a shape."""
    (N, C, H, W), (down, across) = shape, frame.padding
    return np.zeros((C, H + 2 * down, W + 2 * across, N), dtype)


def _batch_last(X, frame: Window) -> np.ndarray:
    """The P of images, (N, C, H, W)."""
    return np.ascontiguousarray(padded(X, frame.padding).transpose(1, 2, 3, 0))


def _batch_first(P, frame: Window) -> np.ndarray:
    """The images of a P: a view, no copy."""
    return without_padding(P.transpose(3, 0, 1, 2), frame.padding)


def _blocks(frame: Window, count: int, width: int, deep: int) -> Iterator[tuple[slice, slice]]:
    """A few of the output's rows at a time: which rows of the image they look at, and which columns are theirs."""
    step = max(1, BLOCK // max(1, deep * width))
    reach = frame.dilation[0] * (frame.kernel[0] - 1) + 1
    for start in range(0, count, step):
        stop = min(count, start + step)
        rows = slice(start * frame.stride[0], (stop - 1) * frame.stride[0] + reach)
        yield rows, slice(start * width, stop * width)


def _expect_fitting(x: tuple[int, ...], weight: tuple[int, ...], bias: Node | None) -> None:
    """Check that images, filters and bias go together."""
    expect_images("conv2d", x)
    if len(weight) != 4:
        raise ShapeError(
            f"conv2d: expected filters of shape (O, C, kh, kw), got {weight} for images {x}. "
            "One filter for one channel is weight[None, None]."
        )
    if x[1] != weight[1]:
        last = x[3] == weight[1]
        fix = "Channels come before height and width: x.permute(0, 3, 1, 2)." if last else f"Use in_channels={x[1]}."
        raise ShapeError(
            f"conv2d: expected images with {weight[1]} channels, as deep as the filters, got images {x} "
            f"and filters {weight}. {fix}"
        )
    if bias is not None and bias.shape != weight[:1]:
        raise ShapeError(
            f"conv2d: expected a bias of shape {weight[:1]}, got {bias.shape}. One number for each filter."
        )
