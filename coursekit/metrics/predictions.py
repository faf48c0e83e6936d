"""Predictions are compared with true labels, row by row.

Predictions come first, true labels second, everywhere. Letters: N rows, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coursekit.errors import CourseError, ShapeError, expect_shape

__all__ = [
    "Reliability",
    "Spread",
    "accuracy",
    "confusion_matrix",
    "expected_calibration_error",
    "log_loss",
    "mean_and_spread",
    "reliability_curve",
    "roc_auc",
]


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """The share of rows whose predicted class is the true one.

    Parameters
    ----------
    predicted, labels : ndarray of int, (N,)

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ShapeError
        If the shapes differ, or there is no row.

    Examples
    --------
    >>> accuracy([0, 1, 1, 2], [0, 1, 2, 2])
    0.75
    """
    predicted, labels = _class_numbers(predicted, labels)
    return float(np.mean(predicted == labels))


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, classes: int | None = None) -> np.ndarray:
    """Count how often each true class (a row) is taken for each class (a column): (K, K).

    Parameters
    ----------
    predicted, labels : ndarray of int, (N,)
    classes : int, optional
        K. The largest number that occurs, plus one, if left out.

    Returns
    -------
    ndarray of int, (K, K)

    Raises
    ------
    ShapeError
        If the shapes differ, or there is no row.
    CourseError
        If a class number is no whole number from 0 to K - 1.

    Examples
    --------
    >>> confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2])
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 1, 1]])
    """
    predicted, labels = _class_numbers(predicted, labels)
    k = int(max(predicted.max(), labels.max())) + 1 if classes is None else classes
    for name, numbers in (("predicted", predicted), ("labels", labels)):
        if numbers.dtype.kind not in "iub" or numbers.min() < 0 or numbers.max() >= k:
            got = f"{numbers.dtype} from {numbers.min()} to {numbers.max()}"
            raise CourseError(f"{name}: expected class numbers from 0 to {k - 1}, got {got}. Check classes.")
    return np.bincount(labels.astype(int) * k + predicted.astype(int), minlength=k * k).reshape(k, k)  # (K, K)


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often a model is right, for each level of its confidence. Empty bins hold NaN.

    Attributes
    ----------
    edges : ndarray, (bins + 1,)
    confidence, accuracy : ndarray, (bins,)
        Mean predicted probability and share of rows where the prediction came true.
    count : ndarray of int, (bins,)
    """

    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray


def reliability_curve(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> Reliability:
    """Sort rows into bins by confidence, and compare each bin's mean confidence with how often it was right.

    Parameters
    ----------
    probabilities : ndarray, (N, K) or (N,)
        With K columns, a row's confidence is its largest probability, and "right" means that this class is the true
        one. With one number a row, it is the probability of class 1, and "right" means that the label is 1.
    labels : ndarray of int, (N,)
    bins : int
        Of equal width from 0 to 1; bin m holds (m / bins, (m + 1) / bins], the first one 0 as well.

    Returns
    -------
    Reliability

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    CourseError
        If a number is no probability, or `bins` is below 1.

    Source
    ------
    Guo et al. (2017), On Calibration of Modern Neural Networks, section 2.

    Examples
    --------
    >>> curve = reliability_curve([0.1, 0.2, 0.9, 0.8], [0, 1, 1, 1], bins=2)
    >>> curve.confidence, curve.accuracy, curve.count
    (array([0.15, 0.85]), array([0.5, 1. ]), array([2, 2]))
    """
    if bins < 1:
        raise CourseError(f"bins: expected at least 1, got {bins}. Write bins=15.")
    probabilities, labels = _probabilities(probabilities, labels)
    if probabilities.ndim == 1:
        confidence, right = probabilities, labels == 1
    else:
        confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    number = np.searchsorted(edges[1:-1], confidence, side="left")  # (N,)
    count = np.bincount(number, minlength=bins)
    with np.errstate(invalid="ignore"):  # an empty bin is 0 / 0 = NaN
        mean = np.bincount(number, weights=confidence, minlength=bins) / count
        share = np.bincount(number, weights=right, minlength=bins) / count
    return Reliability(edges, mean, share, count)


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """The gap between confidence and accuracy, averaged over rows: 0 for a model that knows how sure it may be.

    Parameters
    ----------
    probabilities, labels, bins
        As for :func:`reliability_curve`, errors too.

    Returns
    -------
    float
        Between 0 and 1.

    Source
    ------
    Guo et al. (2017), On Calibration of Modern Neural Networks, equation 3.

    Examples
    --------
    >>> round(expected_calibration_error([[0.9, 0.1], [0.9, 0.1]], [0, 1]), 3)
    0.4
    """
    curve = reliability_curve(probabilities, labels, bins)
    gaps = np.abs(curve.accuracy - curve.confidence)
    return float(np.nansum(curve.count * gaps) / curve.count.sum())


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Minus the mean logarithm of the probability given to the true class, in nats.

    Parameters
    ----------
    probabilities : ndarray, (N, K) or (N,)
        With one number a row, it is the probability of class 1. A probability of 0 counts as the smallest float.
    labels : ndarray of int, (N,)

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    CourseError
        If a number is no probability, or a label has no column.

    Examples
    --------
    >>> round(log_loss([[0.5, 0.5], [0.25, 0.75]], [0, 1]), 4)
    0.4904
    """
    probabilities, labels = _probabilities(probabilities, labels)
    if probabilities.ndim == 1:
        probabilities = np.stack([1 - probabilities, probabilities], axis=1)  # (N, 2)
    k = probabilities.shape[1]
    if labels.dtype.kind not in "iub" or labels.min() < 0 or labels.max() >= k:
        raise CourseError(f"labels: expected class numbers from 0 to {k - 1}, got {labels.dtype}. Check the columns.")
    given = np.take_along_axis(probabilities, labels.astype(int)[:, None], axis=1)  # (N, 1)
    return float(-np.log(np.maximum(given, np.finfo(given.dtype).tiny)).mean())


def roc_auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """The area under the ROC curve: how likely a row of class 1 has a higher score than a row of class 0.

    Parameters
    ----------
    scores : ndarray, (N,)
        Any numbers; only their order counts. Equal scores count one half.
    labels : ndarray of int, (N,)
        0 or 1, or truth values; both must occur.

    Returns
    -------
    float
        1 if every 1 is above every 0, 0.5 for scores that know nothing, 0 if the order is turned round.

    Raises
    ------
    ShapeError
        If the shapes differ, or there is no row.
    CourseError
        If a label is neither 0 nor 1, one of the two never occurs, or a score is NaN.

    Source
    ------
    Hanley and McNeil (1982), The meaning and use of the area under a receiver operating characteristic curve.

    Examples
    --------
    >>> roc_auc([0.1, 0.4, 0.4, 0.9], [0, 0, 1, 1])
    0.875
    """
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    expect_shape("labels", labels, ("N",))
    expect_shape("scores", scores, (len(labels),))
    if labels.size == 0:
        raise ShapeError("labels: expected at least one row, got none. Look at how it was made.")
    found = np.unique(labels)
    if found.tolist() != [0, 1]:
        raise CourseError(f"labels: expected 0 and 1, both of them, got {found[:5].tolist()}. Compare: `y == wanted`.")
    if np.isnan(scores).any():
        raise CourseError("scores: expected numbers, got NaN. Look for a division 0 / 0 where they are made.")
    positive = labels.astype(bool)
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]  # (N,), from 1; equal scores share their mean rank
    n = int(positive.sum())
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * (len(labels) - n)))


@dataclass(frozen=True)
class Spread:
    """A result over several seeds: its mean, and the standard deviation from seed to seed (n - 1 in the divisor)."""

    mean: float
    spread: float
    n: int
    percent: bool = False
    decimals: int = 3

    def __str__(self) -> str:
        scale, sign = (100, " %") if self.percent else (1, "")
        mean, spread = (f"{scale * number:.{self.decimals}f}" for number in (self.mean, self.spread))
        return f"{mean}{sign} (1 seed)" if self.n == 1 else f"{mean}{sign} ± {spread} ({self.n} seeds)"

    __repr__ = __str__


def mean_and_spread(values: Sequence[float], percent: bool = False, decimals: int | None = None) -> Spread:
    """Sum up one number for each seed, ready to print.

    Parameters
    ----------
    values : sequence of float
        One for each seed.
    percent : bool
        Print 0.861 as 86.1 %.
    decimals : int, optional
        Places after the point: 1 in percent, otherwise 3.

    Returns
    -------
    Spread

    Raises
    ------
    ShapeError
        If there is no value, or not one number for each seed.

    Examples
    --------
    >>> mean_and_spread([0.858, 0.861, 0.864], percent=True)
    86.1 % ± 0.3 (3 seeds)
    """
    values = np.asarray(values, dtype=np.float64)
    expect_shape("values", values, ("N",))
    if values.size == 0:
        raise ShapeError("values: expected at least one number, got none. Run at least one seed.")
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    places = decimals if decimals is not None else (1 if percent else 3)
    return Spread(float(values.mean()), spread, values.size, percent, places)


def _class_numbers(predicted: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of one class number a row."""
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    expect_shape("labels", labels, ("N",))
    if predicted.ndim == 2:
        raise ShapeError(
            f"predicted: expected shape (N,), got {predicted.shape}. Take the class with scores.argmax(axis=1)."
        )
    expect_shape("predicted", predicted, (len(labels),))
    if labels.size == 0:
        raise ShapeError("labels: expected at least one row, got none. Look at how it was made.")
    return predicted, labels


def _probabilities(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays that fit, the first with nothing outside [0, 1]."""
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    expect_shape("labels", labels, ("N",))
    expect_shape("probabilities", probabilities, (len(labels), "K") if probabilities.ndim == 2 else (len(labels),))
    if labels.size == 0:
        raise ShapeError("labels: expected at least one row, got none. Look at how it was made.")
    slack = 1e-6  # float32 softmax may overshoot
    inside = (probabilities >= -slack) & (probabilities <= 1 + slack)
    if not inside.all():
        worst = probabilities[~inside][0]
        raise CourseError(f"probabilities: expected numbers from 0 to 1, got {worst:g}. Apply softmax to scores first.")
    return probabilities.clip(0, 1), labels
