r"""What a network did wrong, as one number; each loss is one operation, exact where its parts would overflow or round.

G, the upstream gradient, is here a single number. Labels and answers are arrays: no gradient flows into them.
"""

import math

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch import functional as F
from coursekit.scratch.graph import Node, made
from coursekit.scratch.ops.inputs import constant, operand, whole_numbers

__all__ = ["binary_cross_entropy_with_logits", "cross_entropy", "mse_loss"]


def cross_entropy(scores, labels):
    """Mean surprise at the right class, -log p[label], of the softmax of the scores; in nats, and without overflow.

    With N labels, p = softmax(scores) and Y the labels one-hot:  dL/dscores = G (p - Y) / N.

    Parameters
    ----------
    scores : Tensor, shape (..., K)
        Before any softmax.
    labels : ndarray of int, shape (...)
        0 to K - 1.

    Returns
    -------
    Tensor, a single number

    Raises
    ------
    ShapeError
        If there is not one label for each row of scores, or no row at all.
    CourseError
        If a label is no whole number, or there is no such class.

    Source
    ------
    Goodfellow et al. (2016), Deep Learning, section 6.2.2.3.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> cross_entropy(Tensor([[0.0, 0.0], [1000.0, 0.0]]), np.array([1, 0]))  # log(2) and 0
    Tensor(0.3465736)
    """
    scores = operand("cross_entropy", scores)
    Z = scores.data
    right = _places_of_labels(Z.shape, labels)  # (N,), counted through the whole table
    shape, Z = Z.shape, Z.reshape(-1, Z.shape[-1])  # (N, K)
    p = Z - np.maximum.reduce(Z, axis=1, keepdims=True)  # (N, K), no overflow
    at_label = p.reshape(-1)[right]  # (N,)
    np.exp(p, out=p)
    total = np.add.reduce(p, axis=1)  # (N,)
    p /= total[:, None]
    N = Z.dtype.type(len(p))

    def rule(G):
        share = G / N
        dZ = p * share  # (N, K)
        dZ.reshape(-1)[right] -= share
        return dZ.reshape(shape)

    return made(np.add.reduce(np.log(total) - at_label) / N, (scores, rule), op="cross_entropy")


def binary_cross_entropy_with_logits(z, y):
    """Mean surprise at answers of yes and no, where sigmoid(z) is the probability of yes; in nats, without overflow.

    L = mean(max(z, 0) - z y + log(1 + e^-|z|))  and  dL/dz = G (sigmoid(z) - y) / n  for n answers.

    Parameters
    ----------
    z : Tensor, any shape
        Scores, before any sigmoid.
    y : ndarray, the same shape
        1 for yes, 0 for no; a probability in between is allowed.

    Returns
    -------
    Tensor, a single number

    Raises
    ------
    ShapeError
        If the shapes differ.
    CourseError
        If a y is below 0 or above 1.

    Source
    ------
    Goodfellow et al. (2016), Deep Learning, section 6.2.2.2.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> binary_cross_entropy_with_logits(Tensor([0.0, 1000.0]), np.array([1, 1]))  # log(2) and 0
    Tensor(0.3465736)
    """
    z = operand("binary_cross_entropy_with_logits", z)
    Z, Y = z.data, constant("y", y, z).data
    _expect_same_shape("y", Z.shape, Y.shape)
    if not (Y.min() >= 0 and Y.max() <= 1):
        raise CourseError(
            f"y: expected numbers from 0 to 1, got {Y.min():g} to {Y.max():g}. Code no as 0 and yes as 1."
        )
    losses = np.maximum(Z, 0) - Z * Y + np.log1p(np.exp(-np.abs(Z)))
    return made(
        losses.mean(),
        (z, lambda G: (F.sigmoid(Z) - Y) * (G / Z.size)),
        op="binary_cross_entropy_with_logits",
        saved=(Z, Y),
    )


def mse_loss(predicted, target):
    """Mean of the squared errors.

    With n numbers:  dL/dpredicted = 2 G (predicted - target) / n,  and dL/dtarget is its negative.

    Parameters
    ----------
    predicted : Tensor, any shape
    target : Tensor or ndarray, the same shape

    Returns
    -------
    Tensor, a single number

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> mse_loss(Tensor([1.0, 2.0]), np.array([1.0, 4.0]))
    Tensor(2.)
    """
    predicted = operand("mse_loss", predicted)
    target = target if isinstance(target, Node) else constant("target", target, predicted)
    _expect_same_shape("target", predicted.shape, target.shape)
    error = predicted.data - target.data
    n = error.size
    return made(
        np.square(error).mean(),
        (predicted, lambda G: error * (2 * G / n)),
        (target, lambda G: error * (-2 * G / n)),
        op="mse_loss",
    )


def _places_of_labels(shape: tuple[int, ...], labels) -> np.ndarray:
    """Where the right classes' scores stand in the table of all scores, counted row by row from 0."""
    if not shape or math.prod(shape) == 0:
        raise ShapeError(f"scores: expected at least one row of scores, got shape {shape}. Is the batch empty?")
    got = np.shape(labels)
    if got != shape[:-1]:
        one_hot = got == shape and "Labels are class numbers, not one-hot: labels.argmax(axis=-1)."
        raise ShapeError(
            f"labels: expected shape {shape[:-1]} for scores of shape {shape}, got {got}. "
            f"{one_hot or 'One label for each row of scores.'}"
        )
    K = shape[-1]
    labels = whole_numbers("labels", labels, K, "classes").reshape(-1)  # (N,)
    return np.arange(0, K * labels.size, K) + labels


def _expect_same_shape(argument: str, expected: tuple[int, ...], got: tuple[int, ...]) -> None:
    if got != expected:
        fix = "Their axes differ, and NumPy would broadcast them to a table: reshape one." if got else "Pass an array."
        raise ShapeError(f"{argument}: expected shape {expected}, like the predictions, got {got}. {fix}")
    if math.prod(expected) == 0:
        raise ShapeError(f"{argument}: expected at least one number, got shape {expected}. Is the batch empty?")
