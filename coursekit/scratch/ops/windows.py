r"""A window slides over an image: how many places it finds, and which numbers lie under it there.

Convolution and pooling both look through such a window. Its sizes go by pairs, one number for the height and one for
the width; a single number stands for both. Along one axis, with kernel size k, stride s, padding p and dilation d::

    image, padded with p numbers on both sides:  p + size + p numbers
    number j of the window at place t:           t s + j d        (j = 0 ... k - 1)
    places:                                      floor((size + 2 p - d (k - 1) - 1) / s) + 1
"""

from typing import NamedTuple

import numpy as np

from coursekit.errors import CourseError, ShapeError

__all__ = ["Window", "expect_images", "output_size", "padded", "places", "seen", "window", "without_padding"]

Pair = tuple[int, int]


class Window(NamedTuple):
    """A window's sizes, each a pair (height, width); see :func:`window`."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair


def window(kernel_size, stride=1, padding=0, dilation=1) -> Window:
    """A window of the given sizes.

    Parameters
    ----------
    kernel_size : int or pair of int
        How many numbers it sees.
    stride : int or pair of int
        How far it moves from place to place.
    padding : int or pair of int
        How many numbers are added around the image, on each side.
    dilation : int or pair of int
        How far apart the numbers are that it sees; 1 means side by side.

    Returns
    -------
    Window

    Raises
    ------
    CourseError
        If one is no whole number, or too small.

    Examples
    --------
    >>> window(3, padding=(1, 0))
    Window(kernel=(3, 3), stride=(1, 1), padding=(1, 0), dilation=(1, 1))
    """
    return Window(
        _pair("kernel_size", kernel_size, 1),
        _pair("stride", stride, 1),
        _pair("padding", padding, 0),
        _pair("dilation", dilation, 1),
    )


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """How many places a window finds: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    Parameters
    ----------
    size : int or pair of int
        Of the image, without padding.
    kernel, stride, padding, dilation : int or pair of int
        See :func:`window`.

    Returns
    -------
    int, or a pair of them if `size` is a pair

    Raises
    ------
    CourseError
        If a size is no whole number, or too small.
    ShapeError
        If the window is larger than the padded image.

    Source
    ------
    Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, section 2.4 and relationship 15.

    Examples
    --------
    >>> output_size(28, 5, padding=2), output_size(28, 2, stride=2)
    (28, 14)
    >>> output_size((28, 20), 3)
    (26, 18)
    """
    found = places("output_size", _pair("size", size, 1), window(kernel, stride, padding, dilation))
    return found[0] if np.ndim(size) == 0 else found


def places(op: str, sizes: Pair, frame: Window) -> Pair:
    """How many places a window finds, down and across an image.

    Parameters
    ----------
    op : str
        The operation's name, for the message.
    sizes : pair of int
        Height and width of the image.
    frame : Window

    Returns
    -------
    pair of int

    Raises
    ------
    ShapeError
        If the window is larger than the padded image.

    Examples
    --------
    >>> places("conv2d", (28, 28), window(5))
    (24, 24)
    """
    padded_sizes = tuple(size + 2 * p for size, p in zip(sizes, frame.padding, strict=True))
    spans = tuple(d * (k - 1) + 1 for k, d in zip(frame.kernel, frame.dilation, strict=True))
    if spans[0] > padded_sizes[0] or spans[1] > padded_sizes[1]:
        spread = f" (spread over {spans} by its dilation)" if spans != frame.kernel else ""
        raise ShapeError(
            f"{op}: expected a kernel that fits into the padded image, got kernel {frame.kernel}{spread} and image "
            f"{padded_sizes}. Use a smaller kernel or more padding, or pool less before."
        )
    return tuple((size - span) // s + 1 for size, span, s in zip(padded_sizes, spans, frame.stride, strict=True))


def seen(place: int, count: int, stride: int, dilation: int = 1) -> slice:
    """Where, along one axis, the numbers are that lie under one place of the window, over all its moves.

    Parameters
    ----------
    place : int
        Which place of the window, from 0.
    count : int
        How many moves there are.
    stride, dilation : int

    Returns
    -------
    slice

    Examples
    --------
    >>> np.arange(10)[seen(1, count=3, stride=2)]
    array([1, 3, 5])
    """
    start = place * dilation
    return slice(start, start + stride * (count - 1) + 1, stride)


def padded(X, padding: Pair, value=0.0) -> np.ndarray:
    """An image with a frame around it.

    Parameters
    ----------
    X : ndarray, shape (..., H, W)
    padding : pair of int
        Above and below; left and right.
    value : float
        What the frame is made of.

    Returns
    -------
    ndarray, shape (..., H + 2 ph, W + 2 pw)
        The array itself where nothing is added.

    Examples
    --------
    >>> padded(np.ones((1, 1)), (0, 2))
    array([[0., 0., 1., 0., 0.]])
    """
    down, across = padding
    if not (down or across):
        return X
    H, W = X.shape[-2:]
    P = np.full_like(X, value, shape=(*X.shape[:-2], H + 2 * down, W + 2 * across))
    P[..., down : down + H, across : across + W] = X
    return P


def without_padding(P, padding: Pair) -> np.ndarray:
    """An image without the frame around it: undoes :func:`padded`.

    Parameters
    ----------
    P : ndarray, shape (..., H + 2 ph, W + 2 pw)
    padding : pair of int

    Returns
    -------
    ndarray, shape (..., H, W)

    Examples
    --------
    >>> without_padding(np.array([[0.0, 0.0, 1.0, 0.0, 0.0]]), (0, 2))
    array([[1.]])
    """
    down, across = padding
    return P[..., down : P.shape[-2] - down, across : P.shape[-1] - across]


def expect_images(op: str, shape: tuple[int, ...]) -> None:
    """Check that an input is a batch of images.

    Parameters
    ----------
    op : str
        The operation's name, for the message.
    shape : tuple of int

    Raises
    ------
    ShapeError
        If there are not four axes, (N, C, H, W).

    Examples
    --------
    >>> expect_images("conv2d", (64, 28, 28))
    Traceback (most recent call last):
        ...
    coursekit.errors.ShapeError: conv2d: expected images of shape (N, C, H, W), got (64, 28, 28). One axis is missing:
    x[:, None] if it is the channels, x[None] if it is the batch.
    """
    if len(shape) != 4:
        fixes = {
            2: "One picture of one channel is x[None, None].",
            3: "One axis is missing: x[:, None] if it is the channels, x[None] if it is the batch.",
        }
        fix = fixes.get(len(shape), "Print x.shape where it is made.")
        raise ShapeError(f"{op}: expected images of shape (N, C, H, W), got {shape}. {fix}")


def _pair(argument: str, value, least: int) -> Pair:
    """A size for the height and one for the width."""
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    whole = all(isinstance(v, int | np.integer) and not isinstance(v, bool) and v >= least for v in both)
    if len(both) != 2 or not whole:
        raise CourseError(
            f"{argument}: expected a whole number of at least {least}, or a pair of them, got {value!r}. "
            f"Write one number for both directions, or (height, width)."
        )
    return int(both[0]), int(both[1])
