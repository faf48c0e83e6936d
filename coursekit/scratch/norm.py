r"""Layers that keep the numbers inside a network at a steady size: each feature, or each example, is normalised.

How, and how the gradient comes back, stands in :mod:`coursekit.scratch.ops.normalisation`.
"""

import numpy as np

from coursekit.errors import expect_shape
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.module import Module
from coursekit.scratch.ops.inputs import expect_size
from coursekit.scratch.ops.normalisation import batch_norm, layer_norm

__all__ = ["BatchNorm1d", "BatchNorm2d", "LayerNorm"]


class LayerNorm(Module):
    """Gives each example, or each position of a sequence, mean 0 and variance 1; then a learned scale and shift.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The sizes of the last axes, over which mean and variance are taken.
    eps : float
        Added to the variance.
    dtype : dtype

    Attributes
    ----------
    weight, bias : Tensor
        Of that shape; ones and zeros at the start.

    Raises
    ------
    CourseError
        If a size is no whole number above 0.

    Examples
    --------
    >>> LayerNorm(3)(np.array([[1.0, 2.0, 3.0]])).detach().numpy().round(2)
    array([[-1.22, 0. , 1.22]], dtype=float32)
    """

    def __init__(self, normalized_shape, eps=1e-5, *, dtype=np.float32):
        sizes = normalized_shape if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
        sizes = tuple(expect_size("normalized_shape", size) for size in sizes)
        self.weight = Tensor(np.ones(sizes, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(sizes, dtype), requires_grad=True)
        self.eps = eps

    def forward(self, x):
        """Normalise over the last axes.

        Parameters
        ----------
        x : Tensor or ndarray, shape (..., *normalized_shape)

        Returns
        -------
        Tensor of x's shape

        Examples
        --------
        >>> LayerNorm((2, 3)).forward(np.ones((5, 2, 3))).shape
        (5, 2, 3)
        """
        return layer_norm(x, self.weight, self.bias, self.eps)

    def describe(self) -> str:
        """Its sizes."""
        return ", ".join(map(str, self.weight.shape))


class BatchNorm1d(Module):
    """Gives each feature mean 0 and variance 1 over the batch; then a learned scale and shift.

    Parameters
    ----------
    num_features : int
        C, the size of axis 1.
    eps : float
        Added to the variance.
    momentum : float
        How much a new batch counts in the running mean and variance.
    dtype : dtype

    Attributes
    ----------
    weight, bias : Tensor, shape (C,)
        Ones and zeros at the start.
    running_mean, running_var : ndarray, shape (C,)
        What is used after :meth:`~Module.eval` in place of the batch's own; zeros and ones at the start.
    num_batches_tracked : ndarray, a single number
        How many batches they have seen.

    Raises
    ------
    CourseError
        If `num_features` is no whole number above 0.

    Examples
    --------
    >>> layer = BatchNorm1d(1)
    >>> layer(np.array([[1.0], [3.0]])).detach().numpy().round(2)
    array([[-1.], [ 1.]], dtype=float32)
    >>> layer.eval()(np.array([[1.0], [3.0]])).detach().numpy().round(2)  # with the running mean 0.2 and variance 1.1
    array([[0.76], [2.67]], dtype=float32)
    """

    axes = (2, 3)  # how many the input may have: (N, C), (N, C, L)

    def __init__(self, num_features, eps=1e-5, momentum=0.1, *, dtype=np.float32):
        sizes = expect_size("num_features", num_features)
        self.weight = Tensor(np.ones(sizes, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(sizes, dtype), requires_grad=True)
        self.running_mean, self.running_var = np.zeros(sizes, dtype), np.ones(sizes, dtype)
        self.num_batches_tracked = np.array(0)
        self.eps, self.momentum = eps, momentum

    def forward(self, x):
        """Normalise each feature, and while training learn the running mean and variance.

        Parameters
        ----------
        x : Tensor or ndarray, shape (N, C) or (N, C, L)

        Returns
        -------
        Tensor of x's shape

        Examples
        --------
        >>> BatchNorm1d(3).forward(np.ones((5, 3))).shape
        (5, 3)
        """
        if np.ndim(x) not in self.axes:
            expect_shape("x", x, ("N", self.weight.size, "H", "W")[: self.axes[0]])
        options = {"training": self.training, "momentum": self.momentum, "eps": self.eps}
        y = batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, **options)
        self.num_batches_tracked[...] += self.training
        return y

    def describe(self) -> str:
        """Its number of features."""
        return str(self.weight.size)


class BatchNorm2d(BatchNorm1d):
    """Gives each channel of a batch of images mean 0 and variance 1, over all images and places; see BatchNorm1d.

    Examples
    --------
    >>> BatchNorm2d(16)(np.zeros((4, 16, 7, 7))).shape
    (4, 16, 7, 7)
    """

    axes = (4,)  # (N, C, H, W)
