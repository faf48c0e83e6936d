r"""A network is a chain of plain functions; here is each of them, and right below it, its gradient.

Arrays hold a batch: the first axis counts the examples (N), the second the features (D, H) or classes (K). A gradient
function takes the upstream gradient (the derivative of the loss with respect to the function's *output*, of the
output's shape) and returns the derivative with respect to its *inputs*, each of that input's shape.
"""

import math

import numpy as np

from coursekit.errors import CourseError, ShapeError

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "cross_entropy_grad",
    "dense",
    "dense_backward",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "log_sum_exp",
    "mse",
    "mse_of_softmax_grad",
    "one_hot",
    "relu",
    "relu_backward",
    "relu_hinges",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "tanh_grad",
]


# -- layers ------------------------------------------------------------------------------------------------------


def dense(X, W, b):
    """A dense layer: every output is a weighted sum of all inputs, plus a bias.

    Parameters
    ----------
    X : ndarray, shape (N, D)
    W : ndarray, shape (D, H)
    b : ndarray, shape (H,)

    Returns
    -------
    ndarray, shape (N, H)

    Raises
    ------
    ShapeError
        If the inner sizes differ.

    Examples
    --------
    >>> dense(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([0.5]))
    array([[11.5]])
    """
    if X.shape[-1] != W.shape[0]:
        raise ShapeError(f"dense: expected inner sizes to agree, got {X.shape} @ {W.shape}. Transpose one of them?")
    return X @ W + b  # (N, H)


def dense_backward(X, W, dZ):
    """Gradients of a dense layer Z = X W + b, given dZ = dL/dZ.

    Parameters
    ----------
    X : ndarray, shape (N, D)
    W : ndarray, shape (D, H)
    dZ : ndarray, shape (N, H)

    Returns
    -------
    dX, dW, db : ndarrays of the shapes (N, D), (D, H), (H,)
    """
    dX = dZ @ W.T  # (N, D)
    dW = X.T @ dZ  # (D, H)
    db = dZ.sum(axis=0)  # (H,)
    return dX, dW, db


def relu_hinges(x, knots):
    """One ReLU for each knot: hinge k is 0 up to its knot and then rises with slope 1.

    Parameters
    ----------
    x : ndarray, shape (N,)
    knots : ndarray, shape (H,)

    Returns
    -------
    ndarray, shape (N, H)

    Examples
    --------
    >>> relu_hinges(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0]))
    array([[0., 0.],
           [1., 0.],
           [3., 1.]])
    """
    return np.maximum(x[:, None] - knots[None, :], 0)  # (N, H)


# -- activations ---------------------------------------------------------------------------------------------------


def relu(z):
    """max(0, z), elementwise, any shape (Nair and Hinton 2010)."""
    return np.maximum(z, 0)


def relu_backward(dA, z):
    """Gradient of relu with respect to z: the upstream gradient where z > 0, else 0."""
    return dA * (z > 0)


def leaky_relu(z, slope=0.01):
    """The input where positive, `slope` times the input elsewhere (Maas, Hannun and Ng 2013)."""
    return np.where(z > 0, z, slope * z)


def gelu(z):
    """The input times the normal distribution function at it, by the usual tanh formula (Hendrycks and Gimpel 2016)."""
    return 0.5 * z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


def sigmoid(z):
    """The logistic function 1 / (1 + exp(-z)), elementwise, without overflow.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(z))  # never overflows
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_grad(z):
    """Derivative of the logistic function at z: s (1 - s)."""
    s = sigmoid(z)
    return s * (1 - s)


def tanh_grad(z):
    """Derivative of tanh at z: 1 - tanh(z)^2."""
    return 1 - np.tanh(z) ** 2


# -- scores to probabilities ---------------------------------------------------------------------------------------


def log_sum_exp(z):
    """log(sum(exp(z))) of each row, without overflow: shape (N, K) to (N, 1)."""
    m = z.max(axis=1, keepdims=True)  # (N, 1)
    return m + np.log(np.exp(z - m).sum(axis=1, keepdims=True))  # (N, 1)


def softmax(z):
    """Probabilities for a batch of scores: positive, and each row sums to 1.

    Parameters
    ----------
    z : ndarray, shape (N, K)

    Returns
    -------
    ndarray, shape (N, K)

    Examples
    --------
    >>> softmax(np.array([[1000.0, 1000.0]]))
    array([[0.5, 0.5]])
    """
    e = np.exp(z - z.max(axis=1, keepdims=True))  # (N, K), no overflow
    return e / e.sum(axis=1, keepdims=True)


def log_softmax(z):
    """Logarithm of :func:`softmax`, exact where the probability itself would round to 0."""
    return z - log_sum_exp(z)  # (N, K)


def one_hot(labels, classes):
    """Labels (N,) as rows of zeros with a single 1: shape (N, K).

    Raises
    ------
    CourseError
        If a label lies outside 0 ... K - 1.
    """
    labels = np.asarray(labels)
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise CourseError(
            f"labels: expected whole numbers from 0 to {classes - 1}, got {labels.min()} to {labels.max()}. "
            "Subtract the smallest label, or give the right number of classes."
        )
    return np.eye(classes)[labels]  # (N, K)


# -- losses ----------------------------------------------------------------------------------------------------------


def mse(predicted, target):
    """Mean of the squared differences over every number: minus the log-likelihood of a Gaussian, up to constants."""
    return np.mean((predicted - target) ** 2)


def mse_of_softmax_grad(z, labels):
    r"""Gradient of the mean over examples of ``sum_k (p_k - t_k)^2`` with respect to the scores, p = softmax(z).

    With g = 2 (p - t):  dL/dz_k = p_k (g_k - sum_j p_j g_j) / N. The factor p_k is why it starts slowly: a class that
    the network wrongly holds for impossible hardly gets a gradient.
    """
    p = softmax(z)  # (N, K)
    g = 2 * (p - one_hot(labels, z.shape[1]))  # (N, K)
    return p * (g - (p * g).sum(axis=1, keepdims=True)) / len(z)


def binary_cross_entropy(z, y):
    """Mean negative log-likelihood of labels y in {0, 1} under sigmoid(z), computed from the scores z.

    Examples
    --------
    >>> float(binary_cross_entropy(np.array([1000.0]), np.array([0])))
    1000.0
    """
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


def cross_entropy(z, labels):
    """Mean negative log-probability that softmax(z) gives to the right classes.

    Parameters
    ----------
    z : ndarray, shape (N, K)
        Scores (logits), not probabilities.
    labels : ndarray of int, shape (N,)

    Returns
    -------
    float

    Examples
    --------
    >>> float(cross_entropy(np.zeros((2, 10)), np.array([3, 7])).round(4))  # log 10
    2.3026
    """
    return -log_softmax(z)[np.arange(len(z)), labels].mean()


def cross_entropy_grad(z, labels):
    """Gradient of :func:`cross_entropy` with respect to the scores: (softmax(z) - one_hot(labels)) / N."""
    dz = softmax(z)  # (N, K)
    dz[np.arange(len(z)), labels] -= 1
    return dz / len(z)
