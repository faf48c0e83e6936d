"""A network with hidden layers: dense, ReLU, dense, ReLU, ..., dense; its gradients are the chain rule, written out.

The weights are a plain dict, ``{"W1": (D, H), "b1": (H,), "W2": (H, K), "b2": (K,), ...}``.
"""

import numpy as np

from coursekit.errors import CourseError
from coursekit.scratch import functional as F

__all__ = ["forward", "gradients", "init", "loss", "parameter_count", "predict", "scores"]


def parameter_count(sizes):
    """How many numbers a chain of dense layers has to learn: weights and biases.

    Parameters
    ----------
    sizes : sequence of int
        Layer sizes, input first: ``(784, 128, 10)``.

    Returns
    -------
    int

    Examples
    --------
    >>> parameter_count((784, 128, 10))
    101770
    """
    return sum(d * h + h for d, h in zip(sizes[:-1], sizes[1:], strict=True))


def init(sizes, rng, dtype=np.float32):
    """Random weights of the size that keeps the signal's strength through ReLU layers, and zero biases.

    Parameters
    ----------
    sizes : sequence of int
        Layer sizes, input first; at least input and output.
    rng : numpy.random.Generator
    dtype : dtype

    Returns
    -------
    dict of str to ndarray
        ``W1`` of shape (D, H), ``b1`` of shape (H,), and so on.

    Raises
    ------
    CourseError
        If there are fewer than two sizes, or one is below 1.

    Notes
    -----
    A sum of D terms has D times the variance of one, and ReLU drops half of the mean square: weights of variance 2 / D
    undo both.

    Source
    ------
    He et al. (2015), Delving Deep into Rectifiers, section 2.2.

    Examples
    --------
    >>> params = init((784, 128, 10), np.random.default_rng(0))
    >>> {name: p.shape for name, p in params.items()}
    {'W1': (784, 128), 'b1': (128,), 'W2': (128, 10), 'b2': (10,)}
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise CourseError(f"sizes: expected two or more positive layer sizes, got {tuple(sizes)}. Try (784, 128, 10).")
    params = {}
    for layer, (d, h) in enumerate(zip(sizes[:-1], sizes[1:], strict=True), start=1):
        params[f"W{layer}"] = (rng.normal(size=(d, h)) * np.sqrt(2 / d)).astype(dtype)  # (D, H)
        params[f"b{layer}"] = np.zeros(h, dtype)  # (H,)
    return params


def forward(params, X):
    """Scores of a batch, and what the backward pass will need.

    Parameters
    ----------
    params : dict of str to ndarray
    X : ndarray, shape (N, D)

    Returns
    -------
    scores : ndarray, shape (N, K)
    cache : list of (layer input, pre-activation) pairs, one a layer

    Source
    ------
    Goodfellow et al. (2016), Deep Learning, section 6.5.4, algorithm 6.3.

    Examples
    --------
    >>> Z, cache = forward(init((4, 8, 3), np.random.default_rng(0)), np.ones((5, 4)))
    >>> Z.shape, [(A.shape, Z.shape) for A, Z in cache]
    ((5, 3), [((5, 4), (5, 8)), ((5, 8), (5, 3))])
    """
    layers = len(params) // 2
    cache, A = [], X
    for layer in range(1, layers + 1):
        Z = F.dense(A, params[f"W{layer}"], params[f"b{layer}"])  # (N, H)
        cache.append((A, Z))
        A = F.relu(Z) if layer < layers else Z
    return A, cache


def scores(params, X):
    """Scores of a batch: one number for each class, not yet probabilities.

    Parameters
    ----------
    params : dict of str to ndarray
    X : ndarray, shape (N, D)

    Returns
    -------
    ndarray, shape (N, K)

    Examples
    --------
    >>> scores({"W1": np.array([[1.0, -1.0]]), "b1": np.array([0.0, 5.0])}, np.array([[2.0]]))
    array([[2., 3.]])
    """
    return forward(params, X)[0]


def loss(params, X, labels):
    """Cross-entropy of the network on a batch.

    Parameters
    ----------
    params : dict of str to ndarray
    X : ndarray, shape (N, D)
    labels : ndarray of int, shape (N,)

    Returns
    -------
    float
        In nats, the mean over the examples.

    Examples
    --------
    >>> undecided = {"W1": np.zeros((4, 10)), "b1": np.zeros(10)}
    >>> float(loss(undecided, np.ones((2, 4)), np.array([3, 7])).round(4))  # log 10
    2.3026
    """
    return F.cross_entropy(scores(params, X), labels)


def gradients(params, X, labels):
    """Loss of a batch and its gradient with respect to every weight: one pass forward, one back.

    Parameters
    ----------
    params : dict of str to ndarray
    X : ndarray, shape (N, D)
    labels : ndarray of int, shape (N,)

    Returns
    -------
    loss : float
    grads : dict with the names and shapes of `params`

    Notes
    -----
    Each layer hands down dA = dZ W^T; the ReLU below lets it through where its input was positive: dZ = dA * (Z > 0).

    Source
    ------
    Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors; Goodfellow et al.
    (2016), Deep Learning, section 6.5.4, algorithm 6.4.

    Examples
    --------
    >>> undecided = {"W1": np.zeros((1, 2)), "b1": np.zeros(2)}
    >>> value, grads = gradients(undecided, np.array([[2.0]]), np.array([0]))
    >>> grads["W1"], grads["b1"]
    (array([[-1.,  1.]]), array([-0.5,  0.5]))
    """
    Z, cache = forward(params, X)
    dZ = F.cross_entropy_grad(Z, labels)  # (N, K)
    grads = {}
    for layer in range(len(cache), 0, -1):
        A, _ = cache[layer - 1]
        dA, grads[f"W{layer}"], grads[f"b{layer}"] = F.dense_backward(A, params[f"W{layer}"], dZ)
        if layer > 1:
            dZ = F.relu_backward(dA, cache[layer - 2][1])  # through the ReLU of the layer below
    return F.cross_entropy(Z, labels), grads


def predict(params, X):
    """The class with the highest score.

    Parameters
    ----------
    params : dict of str to ndarray
    X : ndarray, shape (N, D)

    Returns
    -------
    ndarray of int, shape (N,)

    Examples
    --------
    >>> predict({"W1": np.array([[1.0, -1.0]]), "b1": np.zeros(2)}, np.array([[2.0], [-2.0]]))
    array([0, 1])
    """
    return scores(params, X).argmax(axis=1)
