r"""A network is a chain of plain functions; here is each of them, and right below it, its gradient.

Arrays hold a batch: the first axis counts the examples (N), the second the features (D, H) or classes (K). A gradient
function takes the upstream gradient (the derivative of the loss with respect to the function's *output*, of the
output's shape) and returns the derivative with respect to its *inputs*, each of that input's shape. Losses are in nats.
"""

import math

import numpy as np

from coursekit.errors import CourseError, ShapeError, expect_shape

# fmt: off
__all__ = [
    "binary_cross_entropy", "cross_entropy", "cross_entropy_grad", "dense", "dense_backward", "gelu", "leaky_relu",
    "log_softmax", "log_sum_exp", "mse", "mse_of_softmax_grad", "one_hot", "relu", "relu_backward", "relu_hinges",
    "sigmoid", "sigmoid_grad", "softmax", "tanh_grad",
]
# fmt: on


# -- layers --------------------------------------------------------------------------------------------------------
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
        If the inner sizes differ, or b has not one number for each output.

    Examples
    --------
    >>> dense(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([0.5]))
    array([[11.5]])
    """
    if X.shape[-1] != W.shape[0]:
        raise ShapeError(f"dense: expected inner sizes to agree, got {X.shape} @ {W.shape}. Transpose one of them?")
    if np.shape(b) != W.shape[1:]:
        expect_shape("b", b, W.shape[1:])
    return X @ W + b  # (N, H)


def dense_backward(X, W, dZ):
    """Gradients of a dense layer Z = X W + b, given dZ = dL/dZ (Goodfellow et al. 2016, section 6.5.4).

    Parameters
    ----------
    X : ndarray, shape (N, D)
    W : ndarray, shape (D, H)
    dZ : ndarray, shape (N, H)

    Returns
    -------
    dX, dW, db : ndarrays of the shapes (N, D), (D, H), (H,)

    Examples
    --------
    >>> dense_backward(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([[10.0]]))
    (array([[30., 40.]]), array([[10.], [20.]]), array([10.]))
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
    >>> relu_hinges(np.array([0.0, 3.0]), np.array([0.0, 2.0]))
    array([[0., 0.], [3., 1.]])
    """
    return np.maximum(x[:, None] - knots[None, :], 0)  # (N, H)


# -- activations: elementwise, any shape ---------------------------------------------------------------------------
def relu(z):
    """The rectifier, max(0, z) (Nair and Hinton 2010, section 2).

    Parameters
    ----------
    z : ndarray, any shape

    Returns
    -------
    ndarray, shape of z

    Examples
    --------
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    return np.maximum(z, 0)


def relu_backward(dA, z):
    """Gradient of A = relu(z) with respect to z: the upstream gradient where z > 0, else 0 (also at the kink, z = 0).

    Parameters
    ----------
    dA, z : ndarray, any shape, the same for both

    Returns
    -------
    ndarray, shape of z

    Examples
    --------
    >>> relu_backward(np.array([5.0, 6.0, 7.0]), np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 7.])
    """
    return dA * (z > 0)


def leaky_relu(z, slope=0.01):
    """The input where positive, `slope` times the input elsewhere (Maas, Hannun and Ng 2013, section 2).

    Parameters
    ----------
    z : ndarray, any shape
    slope : float

    Returns
    -------
    ndarray, shape of z

    Examples
    --------
    >>> leaky_relu(np.array([-2.0, 3.0]), slope=0.1)
    array([-0.2,  3. ])
    """
    return np.where(z > 0, z, slope * z)


def gelu(z):
    """The input times the normal distribution function, by its tanh formula (Hendrycks and Gimpel 2016, section 2).

    Parameters and Returns: those of :func:`relu`.

    Examples
    --------
    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1588,  0.    ,  0.8412])
    """
    return 0.5 * z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


def sigmoid(z):
    """The logistic function 1 / (1 + exp(-z)), without overflow (Goodfellow et al. 2016, section 3.10).

    Parameters
    ----------
    z : ndarray, any shape

    Returns
    -------
    ndarray, shape of z, between 0 and 1

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(z))  # never overflows
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_grad(z):
    """Derivative of the logistic function at z: s (1 - s), at most 1/4.

    Parameters and Returns: those of :func:`relu`.

    Examples
    --------
    >>> sigmoid_grad(np.array([0.0]))
    array([0.25])
    """
    s = sigmoid(z)
    return s * (1 - s)


def tanh_grad(z):
    """Derivative of tanh at z: 1 - tanh(z)^2, at most 1.

    Parameters and Returns: those of :func:`relu`.

    Examples
    --------
    >>> tanh_grad(np.array([0.0]))
    array([1.])
    """
    return 1 - np.tanh(z) ** 2


# -- scores to probabilities ---------------------------------------------------------------------------------------
def log_sum_exp(z):
    """log(sum(exp(z))) of each row; subtracting its maximum avoids overflow (Goodfellow et al. 2016, section 4.1).

    Parameters
    ----------
    z : ndarray, shape (N, K)

    Returns
    -------
    ndarray, shape (N, 1)

    Examples
    --------
    >>> log_sum_exp(np.array([[1000.0, 1000.0]])).round(4)  # 1000 + log 2
    array([[1000.6931]])
    """
    m = z.max(axis=1, keepdims=True)  # (N, 1)
    return m + np.log(np.exp(z - m).sum(axis=1, keepdims=True))  # (N, 1)


def softmax(z):
    """Probabilities for a batch of scores: positive, and each row sums to 1 (Goodfellow et al. 2016, section 6.2.2.3).

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
    """Logarithm of :func:`softmax`, exact where the probability itself would round to 0.

    Parameters and Returns: those of :func:`softmax`.

    Examples
    --------
    >>> log_softmax(np.array([[0.0, 1000.0]]))
    array([[-1000.,     0.]])
    """
    return z - log_sum_exp(z)  # (N, K)


def one_hot(labels, classes):
    """Labels as rows of zeros with a single 1.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
    classes : int

    Returns
    -------
    ndarray, shape (N, K)

    Raises
    ------
    CourseError
        If a label lies outside 0 ... K - 1.

    Examples
    --------
    >>> one_hot([2, 0], classes=3)
    array([[0., 0., 1.], [1., 0., 0.]])
    """
    labels = np.asarray(labels)
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise CourseError(
            f"labels: expected whole numbers from 0 to {classes - 1}, got {labels.min()} to {labels.max()}. "
            "Subtract the smallest label, or give the right number of classes."
        )
    return np.eye(classes)[labels]  # (N, K)


# -- losses --------------------------------------------------------------------------------------------------------
def mse(predicted, target):
    """Mean squared difference: a Gaussian's -log-likelihood, up to constants (Goodfellow et al. 2016, section 5.5.1).

    Parameters
    ----------
    predicted, target : ndarray, any shape, the same for both

    Returns
    -------
    float, in the squared units of the target

    Examples
    --------
    >>> float(mse(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    return np.mean((predicted - target) ** 2)


def mse_of_softmax_grad(z, labels):
    r"""Gradient of the mean over examples of ``sum_k (p_k - t_k)^2`` with respect to the scores, p = softmax(z).

    With g = 2 (p - t):  dL/dz_k = p_k (g_k - sum_j p_j g_j) / N. The factor p_k is why it starts slowly: a class that
    the network wrongly holds for impossible hardly gets a gradient.

    Parameters: those of :func:`cross_entropy`.

    Returns
    -------
    ndarray, shape (N, K)

    Examples
    --------
    >>> mse_of_softmax_grad(np.zeros((1, 2)), np.array([0]))
    array([[-0.5,  0.5]])
    """
    p = softmax(z)  # (N, K)
    g = 2 * (p - one_hot(labels, z.shape[1]))  # (N, K)
    return p * (g - (p * g).sum(axis=1, keepdims=True)) / len(z)


def binary_cross_entropy(z, y):
    """Mean negative log-likelihood of y under sigmoid(z), from the scores (Goodfellow et al. 2016, section 6.2.2.2).

    Parameters
    ----------
    z, y : ndarray, shape (N,); z holds scores, y labels in {0, 1}

    Returns
    -------
    float

    Examples
    --------
    >>> float(binary_cross_entropy(np.array([1000.0]), np.array([0])))
    1000.0
    """
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


def cross_entropy(z, labels):
    """Mean negative log-probability of the right classes under softmax(z) (Goodfellow et al. 2016, section 6.2.2.3).

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
    """Gradient of :func:`cross_entropy` with respect to the scores: (softmax(z) - one_hot(labels)) / N.

    Parameters: those of :func:`cross_entropy`.

    Returns
    -------
    ndarray, shape (N, K)

    Examples
    --------
    >>> cross_entropy_grad(np.zeros((1, 2)), np.array([0]))
    array([[-0.5,  0.5]])
    """
    dz = softmax(z)  # (N, K)
    dz[np.arange(len(z)), labels] -= 1
    return dz / len(z)
