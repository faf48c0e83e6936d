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

    Examples
    --------
    >>> parameter_count((784, 128, 10))
    101770
    """
    return sum(d * h + h for d, h in zip(sizes[:-1], sizes[1:], strict=True))


def init(sizes, rng, dtype=np.float32):
    """Random weights of the size that keeps the signal's variance through ReLU layers (He et al. 2015), zero biases.

    Parameters
    ----------
    sizes : sequence of int
        At least input and output.
    rng : numpy.random.Generator
    dtype : dtype

    Returns
    -------
    dict of str to ndarray
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
    params : dict
    X : ndarray, shape (N, D)

    Returns
    -------
    scores : ndarray, shape (N, K)
    cache : list of (layer input, pre-activation) pairs, one a layer
    """
    layers = len(params) // 2
    cache, A = [], X
    for layer in range(1, layers + 1):
        Z = F.dense(A, params[f"W{layer}"], params[f"b{layer}"])  # (N, H)
        cache.append((A, Z))
        A = F.relu(Z) if layer < layers else Z
    return A, cache


def scores(params, X):
    """Scores of a batch: (N, D) to (N, K)."""
    return forward(params, X)[0]


def loss(params, X, labels):
    """Cross-entropy of the network on a batch."""
    return F.cross_entropy(scores(params, X), labels)


def gradients(params, X, labels):
    """Loss of a batch and its gradient with respect to every weight: one pass forward, one back.

    Parameters
    ----------
    params : dict
    X : ndarray, shape (N, D)
    labels : ndarray of int, shape (N,)

    Returns
    -------
    loss : float
    grads : dict with the names and shapes of `params`
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
    """The class with the highest score: (N,) whole numbers."""
    return scores(params, X).argmax(axis=1)
