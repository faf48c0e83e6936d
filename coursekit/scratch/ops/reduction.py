r"""What looks along an axis: many numbers become one, or become shares of one.

`axis` is one axis, a tuple of them, or None for all; `keepdims` leaves an axis of size 1 in place of each.
"""

import numpy as np

from coursekit.scratch.graph import made
from coursekit.scratch.ops.inputs import operand

__all__ = ["log_softmax", "max", "mean", "softmax", "sum"]


def sum(x, axis=None, keepdims=False):
    """The sum along an axis: every number that went into it gets its gradient, dL/dx = G, stretched to x's shape.

    Parameters
    ----------
    x : Tensor, any shape
    axis : int, tuple of int or None
    keepdims : bool

    Returns
    -------
    Tensor
        Without the axes that were summed over, or with size 1 there.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([4., 6.])
    """
    x = operand("sum", x)
    shape = x.shape
    y = x.data.sum(axis=axis, keepdims=keepdims)
    return made(y, (x, lambda G: np.broadcast_to(_put_back(G, axis, keepdims, shape), shape)), op="sum")


def mean(x, axis=None, keepdims=False):
    """The mean along an axis, over n numbers: dL/dx = G / n, stretched to x's shape.

    Parameters and Returns: those of :func:`sum`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> mean(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([2., 3.])
    """
    x = operand("mean", x)
    shape = x.shape
    y = x.data.mean(axis=axis, keepdims=keepdims, dtype=x.data.dtype)
    n = x.data.size // np.size(y) if np.size(y) else 1
    return made(y, (x, lambda G: np.broadcast_to(_put_back(G / n, axis, keepdims, shape), shape)), op="mean")


def max(x, axis=None, keepdims=False):
    """The largest number along an axis: it gets all of the gradient; where several are largest, they share it evenly.

    Parameters and Returns: those of :func:`sum`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> x = Tensor([[1.0, 5.0], [3.0, 3.0]], requires_grad=True)
    >>> max(x, axis=1).sum().backward()
    >>> x.grad
    array([[0. , 1. ], [0.5, 0.5]], dtype=float32)
    """
    x = operand("max", x)
    X, shape = x.data, x.shape
    y = X.max(axis=axis, keepdims=True)

    def rule(G):
        largest = X == y
        share = largest / largest.sum(axis=axis, keepdims=True)
        return _put_back(G, axis, keepdims, shape) * share.astype(X.dtype)

    return made(y if keepdims else y.reshape(np.max(X, axis=axis).shape), (x, rule), op="max", saved=(X,))


def softmax(x, axis=-1):
    r"""Probabilities from scores along an axis, p_k = exp(x_k) / sum_j exp(x_j): dL/dx_k = p_k (G_k - sum_j G_j p_j).

    Parameters
    ----------
    x : Tensor, any shape
    axis : int

    Returns
    -------
    Tensor of x's shape
        Positive, and 1 when summed along the axis.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> softmax(Tensor([[1000.0, 1000.0]]))
    Tensor([[0.5, 0.5]])
    """
    x = operand("softmax", x)
    p = np.exp(x.data - x.data.max(axis=axis, keepdims=True))  # no overflow
    p /= p.sum(axis=axis, keepdims=True)

    def rule(G):
        return p * (G - (G * p).sum(axis=axis, keepdims=True))

    return made(p, (x, rule), op="softmax", saved=(p,))


def log_softmax(x, axis=-1):
    r"""The logarithm of softmax, exact where p itself would round to 0: dL/dx_k = G_k - p_k sum_j G_j.

    Parameters
    ----------
    x : Tensor, any shape
    axis : int

    Returns
    -------
    Tensor of x's shape

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> log_softmax(Tensor([[0.0, 1000.0]]))
    Tensor([[-1000.,     0.]])
    """
    x = operand("log_softmax", x)
    shifted = x.data - x.data.max(axis=axis, keepdims=True)
    y = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return made(y, (x, lambda G: G - np.exp(y) * G.sum(axis=axis, keepdims=True)), op="log_softmax", saved=(y,))


def _put_back(G, axis, keepdims: bool, shape: tuple[int, ...]) -> np.ndarray:
    """The gradient of a reduction with size 1 where an axis is missing, ready to be stretched."""
    if keepdims or axis is None:
        return np.reshape(G, G.shape if keepdims else (1,) * len(shape))
    return np.expand_dims(G, axis)
