"""Exercises of *The perceptron*, second half: the step becomes smooth, and learning becomes going downhill."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import functional as F
from coursekit.scratch import perceptron as reference

__all__ = ["gradient"]


def _logistic_cases(rng):
    yield rng.normal(size=(6, 3)), rng.integers(0, 2, 6), rng.normal(size=3), 0.2
    yield rng.normal(size=(1, 4)), np.array([1]), rng.normal(size=4), -0.5  # a batch of one
    yield np.array([[1000.0, 0.0], [-1000.0, 1.0]]), np.array([0, 1]), np.array([1.0, 1.0]), 0.0  # would overflow
    yield rng.normal(size=(9, 2)), np.zeros(9, int), np.zeros(2), 0.0
    yield rng.normal(size=(5, 7)).astype(np.float32), rng.integers(0, 2, 5), rng.normal(size=7).astype(np.float32), 0.1


def _summed(X, y, w, b):
    error = F.sigmoid(X @ w + b) - y
    return X.T @ error, error.sum()


def _uphill(X, y, w, b):
    error = y - F.sigmoid(X @ w + b)
    return X.T @ error / len(y), error.mean()


def _bias_left_out(X, y, w, b):
    error = F.sigmoid(X @ w) - y
    return X.T @ error / len(y), error.mean()


def _with_the_step(X, y, w, b):
    error = (X @ w + b >= 0).astype(float) - y
    return X.T @ error / len(y), error.mean()


def _weights_summed(X, y, w, b):
    error = F.sigmoid(X @ w + b) - y
    return X.T @ error, error.mean()


def _twice_squared(X, y, w, b):
    p = F.sigmoid(X @ w + b)
    error = 2 * (p - y) * p * (1 - p)
    return X.T @ error / len(y), error.mean()


def _order_swapped(X, y, w, b):
    error = F.sigmoid(X @ w + b) - y
    return error.mean(), X.T @ error / len(y)


def _error_times_mean(X, y, w, b):
    error = F.sigmoid(X @ w + b) - y
    return np.mean(X * error[:, None]), error.mean()


def _mirrored_sigmoid(X, y, w, b):
    error = F.sigmoid(-(X @ w + b)) - y
    return X.T @ error / len(y), error.mean()


def _without_sigmoid(X, y, w, b):
    error = X @ w + b - y
    return X.T @ error / len(y), error.mean()


def _of_squared_error(X, y, w, b):
    p = F.sigmoid(X @ w + b)
    error = (p - y) * p * (1 - p)
    return X.T @ error / len(y), error.mean()


def _averaged_over_features(X, y, w, b):
    error = F.sigmoid(X @ w + b) - y
    return X.T @ error / X.shape[1], error.mean()


def _bias_summed(X, y, w, b):
    error = F.sigmoid(X @ w + b) - y
    return X.T @ error / len(y), error.sum()


def _logistic_by_einsum(X, y, w, b):
    p = np.exp(-np.logaddexp(0, -(X @ w + b)))
    return np.einsum("nd,n->d", X, p - y) / X.shape[0], float(np.mean(p - y))


gradient = register(
    Exercise(
        id="logistic.gradient",
        notebook="perceptron",
        reference=reference.logistic_gradient,
        cases=_logistic_cases,
        difficulty=3,
        minutes=8,
        points=2,
        hints=[
            "The error of each example is p - y, with p = sigmoid(w . x + b): one number for each of the N rows.",
            "dw is the average over examples of error times input: `X.T @ error` sums error times input over the examples.",
            "`error = sigmoid(X @ w + b) - y`, then `X.T @ error / len(y)` and `error.mean()`.",
        ],
        misconceptions={
            _summed: "You summed over the examples. The loss is their *mean*: divide by N, or the step grows with the size of the data.",
            _uphill: "The sign is turned: y - p points *downhill*. The gradient points uphill and is p - y; descent subtracts it.",
            _without_sigmoid: "You compared y with the weighted sum itself. The prediction is the *sigmoid* of the weighted sum.",
            _of_squared_error: "This is the gradient of the squared error, with its factor p (1 - p). For cross-entropy that factor cancels.",
            _averaged_over_features: "You averaged over features instead of over examples: divide by len(y), not by the number of columns.",
            _bias_left_out: "You left b out of the weighted sum: p = sigmoid(X @ w + b).",
            _with_the_step: "You used the step. The prediction here is the sigmoid, which has a slope.",
            _weights_summed: "db is right. dw is a sum over the examples: it needs the mean too, divide by N.",
            _twice_squared: "This is the gradient of the squared error, with its factor p (1 - p). For cross-entropy that factor cancels.",
            _order_swapped: "dw and db are in each other's place: return dw first.",
            _error_times_mean: "dw is a single number. Every weight has its own: average over the examples only, axis 0.",
            _mirrored_sigmoid: "Your sigmoid is mirrored: it is 1 / (1 + exp(-z)), with a minus. Large z must give p near 1.",
            _bias_summed: "dw is right. db is a sum here: it needs the mean over the examples too.",
        },
        variants=(_logistic_by_einsum,),
    )
)
