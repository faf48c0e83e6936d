r"""Normalising: numbers are given mean 0 and variance 1, and then a scale and a shift that are learned.

With mean m and variance v over some axes, xn = (x - m) / sqrt(v + eps) and y = weight xn + bias. As m and v depend on
x too, three terms come back. With g = G weight, and means over the same axes:

    dL/dx = (g - mean(g) - xn mean(g xn)) / sqrt(v + eps),    dL/dweight = sum(G xn),    dL/dbias = sum(G)

The sums go over all axes that weight and bias do not have.
"""

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.graph import Node, made
from coursekit.scratch.ops.inputs import constant, operand

__all__ = ["batch_norm", "layer_norm"]


def layer_norm(x, weight, bias, eps=1e-5):
    """Normalise each example, or each position of a sequence, by itself: over the last axes, those that weight has.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., *S)
    weight, bias : Tensor, shape S, for example (E,)
    eps : float
        Added to the variance, so that a constant input does no harm.

    Returns
    -------
    Tensor of x's shape

    Raises
    ------
    ShapeError
        If the last axes of `x`, `weight` and `bias` differ.

    Source
    ------
    Ba, Kiros and Hinton (2016), Layer normalization, section 3.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> layer_norm(Tensor([[1.0, 3.0], [10.0, 30.0]]), Tensor([1.0, 1.0]), Tensor([0.0, 0.0])).numpy().round(3)
    array([[-1., 1.], [-1., 1.]], dtype=float32)
    """
    x = x if isinstance(x, Node) else constant("x", x, operand("layer_norm", weight))
    X, W = x.data, weight.data
    if not W.ndim or X.shape[-W.ndim :] != W.shape or bias.shape != W.shape:
        raise ShapeError(
            f"layer_norm: expected the last axes of the input {X.shape}, weight {W.shape} and bias {bias.shape} to be "
            "equal, got different ones. Make the layer with the size of the input's last axis."
        )
    axes = tuple(range(X.ndim - W.ndim, X.ndim))
    xn, deviation, _, _ = _normalised(X, axes, eps)
    batch = tuple(range(X.ndim - W.ndim))
    return made(
        xn * W + bias.data,
        (x, lambda G: _through_mean_and_variance(G * W, xn, deviation, axes)),
        (weight, lambda G: (G * xn).sum(axis=batch)),
        (bias, lambda G: G.sum(axis=batch)),
        op="layer_norm",
        saved=(W,),
    )


def batch_norm(x, running_mean, running_var, weight, bias, training=True, momentum=0.1, eps=1e-5):
    """Normalise each feature over the batch; in use, by the running mean and variance that training has left.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C) or (N, C, ...)
        Axis 1 counts the features or channels.
    running_mean, running_var : ndarray, shape (C,)
        Changed in place while training: ``running = (1 - momentum) running + momentum batch``, the batch's variance
        taken with n - 1.
    weight, bias : Tensor, shape (C,)
    training : bool
        False: m and v are constants, the running ones, and dL/dx = G weight / sqrt(v + eps).
    momentum : float
        How much a new batch counts.
    eps : float
        Added to the variance, so that a constant feature does no harm.

    Returns
    -------
    Tensor of x's shape

    Raises
    ------
    ShapeError
        If `x` has not C features.
    CourseError
        If there is only one number for each feature while training: it has no variance.

    Source
    ------
    Ioffe and Szegedy (2015), Batch normalization, algorithms 1 and 2.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> m, v = np.zeros(1), np.ones(1)
    >>> batch_norm(Tensor([[1.0], [3.0]]), m, v, Tensor([1.0]), Tensor([0.0])).numpy().round(3)
    array([[-1.], [ 1.]], dtype=float32)
    >>> m  # a tenth of the way to 2
    array([0.2])
    """
    x = x if isinstance(x, Node) else constant("x", x, operand("batch_norm", weight))
    X = x.data
    axes = _batch_axes(X, len(running_mean), training)
    stretched = (-1, *(1,) * (X.ndim - 2))  # (C, 1, 1), to stand beside (N, C, H, W)
    W = weight.data.reshape(stretched)
    if training:
        xn, deviation, mean, var = _normalised(X, axes, eps)
        n = X.size // len(running_mean)
        running_mean += momentum * (mean.reshape(-1) - running_mean)
        running_var += momentum * (var.reshape(-1) * (n / (n - 1)) - running_var)
    else:
        deviation = np.sqrt(running_var.reshape(stretched) + eps).astype(X.dtype, copy=False)
        xn = (X - running_mean.reshape(stretched).astype(X.dtype, copy=False)) / deviation

    def rule(G):
        return _through_mean_and_variance(G * W, xn, deviation, axes) if training else G * (W / deviation)

    return made(
        xn * W + bias.data.reshape(stretched),
        (x, rule),
        (weight, lambda G: (G * xn).sum(axis=axes)),
        (bias, lambda G: G.sum(axis=axes)),
        op="batch_norm",
        saved=(weight.data,),
    )


def _normalised(X: np.ndarray, axes: tuple[int, ...], eps: float):
    """The input with mean 0 and variance 1 along the axes, and what that took: sqrt(v + eps), m and v."""
    mean = X.mean(axis=axes, keepdims=True)
    xn = X - mean
    var = np.square(xn).mean(axis=axes, keepdims=True)
    deviation = np.sqrt(var + eps)
    xn /= deviation
    return xn, deviation, mean, var


def _through_mean_and_variance(g: np.ndarray, xn: np.ndarray, deviation: np.ndarray, axes: tuple[int, ...]):
    """The gradient of the input: g itself, less what flows through the mean, less what flows through the variance."""
    dX = g - g.mean(axis=axes, keepdims=True)
    dX -= xn * (g * xn).mean(axis=axes, keepdims=True)
    dX /= deviation
    return dX


def _batch_axes(X: np.ndarray, features: int, training: bool) -> tuple[int, ...]:
    """All axes but that of the features, if the input fits."""
    if X.ndim < 2 or X.shape[1] != features:
        raise ShapeError(
            f"batch_norm: expected an input of shape (N, {features}) or (N, {features}, ...), got {X.shape}. "
            "Axis 1 counts the features."
        )
    if training and X.size <= features:
        raise CourseError(
            f"batch_norm: expected several numbers for each feature while training, got shape {X.shape}. "
            "One number has no variance: use larger batches, drop the last small one, or call eval()."
        )
    return (0, *range(2, X.ndim))
