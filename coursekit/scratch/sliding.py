r"""A window slides over a picture: convolution and pooling as plain functions of arrays, without a graph.

What notebook 09 has the learner write; :mod:`coursekit.scratch.conv` has the same with derivatives found by the
machine. Pictures are (N, C, H, W), filters (O, C, kh, kw). With stride s the window's number (i, j) lies, at place
(h, w), on the pixel (s h + i, s w + j) of the padded picture. G is the derivative of the loss with respect to the
output.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from coursekit.errors import CourseError, ShapeError, expect_shape
from coursekit.scratch.ops.windows import padded, places, window

__all__ = ["conv2d", "conv2d_weight_grad", "max_pool2d", "receptive_field"]


def conv2d(x, weight, bias, stride=1, padding=0):
    """Slide filters over pictures: y[n, o, h, w] = b[o] + sum over c, i, j of W[o, c, i, j] x[n, c, s h + i, s w + j].

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
    weight : ndarray, shape (O, C, kh, kw)
    bias : ndarray, shape (O,)
    stride, padding : int
        Zeros are added around the picture, as many as `padding` on each side.

    Returns
    -------
    ndarray, shape (N, O, H', W')

    Raises
    ------
    ShapeError
        If the shapes do not fit each other, or the filters are larger than the padded picture.

    Examples
    --------
    >>> conv2d(np.array([[[[0.0, 0.0, 5.0, 5.0]]]]), np.array([[[[-1.0, 1.0]]]]), np.array([0.5]))
    array([[[[0.5, 5.5, 0.5]]]])
    """
    expect_shape("weight", weight, ("O", np.shape(x)[1] if np.ndim(x) == 4 else "C", "kh", "kw"))
    expect_shape("bias", bias, (len(weight),))
    seen = _windows("conv2d", x, weight.shape[2:], stride, padding)  # (N, C, H', W', kh, kw)
    y = np.tensordot(seen, weight, axes=((1, 4, 5), (1, 2, 3)))  # (N, H', W', O)
    return y.transpose(0, 3, 1, 2) + bias[:, None, None]  # (N, O, H', W')


def conv2d_weight_grad(x, G, kernel_size, stride=1, padding=0):
    """Derivative by the filters: dW[o, c, i, j] = sum over n, h, w of G[n, o, h, w] x[n, c, s h + i, s w + j].

    The same weight was used for every picture n and at every place (h, w), so its shares add up.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
    G : ndarray, shape (N, O, H', W')
    kernel_size : pair of int
        (kh, kw).
    stride, padding : int
        Those of the forward pass.

    Returns
    -------
    ndarray, shape (O, C, kh, kw)

    Raises
    ------
    ShapeError
        If `G` is not as large as the output is.

    Source
    ------
    Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, chapter 4, for the way back.

    Examples
    --------
    >>> x = np.array([[[[1.0, 2.0, 3.0]]]])
    >>> conv2d_weight_grad(x, np.array([[[[10.0, 1.0]]]]), (1, 2))
    array([[[[12., 23.]]]])
    """
    seen = _windows("conv2d_weight_grad", x, kernel_size, stride, padding)  # (N, C, H', W', kh, kw)
    expect_shape("G", G, (len(x), "O", *seen.shape[2:4]))
    return np.tensordot(G, seen, axes=((0, 2, 3), (0, 2, 3)))  # (O, C, kh, kw)


def max_pool2d(x, size, stride=None):
    """The largest number of each window, channel by channel.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
    size : int
        Of the window, in both directions.
    stride : int, optional
        If left out, `size`: windows lie side by side.

    Returns
    -------
    ndarray, shape (N, C, H', W')
        What is left over at the far edges is not seen.

    Raises
    ------
    ShapeError
        If the input is no batch of pictures, or the window is larger than they are.

    Examples
    --------
    >>> max_pool2d(np.array([[[[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, 5.0]]]]), 2)
    array([[[[4., 5.]]]])
    """
    return _windows("max_pool2d", x, (size, size), size if stride is None else stride, 0).max(axis=(4, 5))


def receptive_field(layers):
    """How many pixels of the input, along one axis, one number of the last layer can see.

    r = 1 + sum over the layers of d (k - 1) times the product of the strides before.

    Parameters
    ----------
    layers : sequence of (kernel, stride, dilation)
        From the input on; pooling counts as a layer.

    Returns
    -------
    int

    Raises
    ------
    CourseError
        If a layer is not three whole numbers of at least 1.

    Source
    ------
    Araujo, Norris and Sim (2019), Computing receptive fields of convolutional neural networks, equation 2.

    Examples
    --------
    >>> receptive_field([(3, 1, 1), (3, 1, 1)])
    5
    >>> receptive_field([(5, 1, 1), (2, 2, 1), (5, 1, 1), (2, 2, 1)])  # LeNet, up to its dense layers
    16
    """
    field, step = 1, 1
    for layer in layers:
        if len(layer) != 3 or any(int(number) != number or number < 1 for number in layer):
            raise CourseError(
                f"layers: expected (kernel, stride, dilation), got {layer!r}. Write (3, 1, 1) for 3 x 3, side by side."
            )
        kernel, stride, dilation = (int(number) for number in layer)
        field += dilation * (kernel - 1) * step
        step *= stride
    return field


def _windows(op, x, kernel_size, stride, padding):
    """What the window sees at each place: a view of the padded pictures, (N, C, H', W', kh, kw)."""
    if np.ndim(x) != 4:
        raise ShapeError(f"{op}: expected pictures of shape (N, C, H, W), got {np.shape(x)}. Add the missing axis.")
    frame = window(tuple(kernel_size), stride, padding)
    places(op, x.shape[2:], frame)  # or an error
    seen = sliding_window_view(padded(x, frame.padding), frame.kernel, axis=(2, 3))
    return seen[:, :, :: frame.stride[0], :: frame.stride[1]]
