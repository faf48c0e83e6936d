"""Validation asks how well a model will do on data that it has never seen.

:func:`k_fold` deals rows out so that each is judged on once; :func:`early_stopping` reads a validation curve;
:func:`label_curve` measures what more labels are worth; :func:`fit_power_law` carries a learning curve on to more data
than there is.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from coursekit.dealing import few_labels
from coursekit.errors import CourseError, ShapeError, expect_shape

__all__ = ["PowerLaw", "early_stopping", "fit_power_law", "k_fold", "label_curve"]

FLOORS = 2001  # candidates for the error that no amount of data takes away


def k_fold(
    n: int, k: int, *, rng: np.random.Generator, groups: np.ndarray | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Deal n rows out into k parts; each part is judged on once, while the others are learned from.

    Parameters
    ----------
    n : int
        Number of rows.
    k : int
        Number of folds, 2 to n.
    rng : numpy.random.Generator
        Shuffles the rows (or the groups) first: data often lie in an order.
    groups : ndarray, shape (n,), optional
        To whom each row belongs. All rows of a group then go to the same part.

    Returns
    -------
    list of (ndarray, ndarray)
        For each fold the row numbers to learn from and those to judge on. Without groups, their numbers differ by at
        most one from fold to fold.

    Raises
    ------
    CourseError
        If there are fewer than 2 folds, or more folds than rows or groups.
    ShapeError
        If `groups` has not one entry for each row.

    Source
    ------
    M. Stone (1974), Cross-validatory choice and assessment of statistical predictions.

    Examples
    --------
    >>> for learn, judge in k_fold(6, 3, rng=np.random.default_rng(0)):
    ...     print(learn, judge)
    [0 1 4 5] [2 3]
    [0 1 2 3] [4 5]
    [2 3 4 5] [0 1]
    """
    n, k = _whole(n, "n"), _whole(k, "k")
    units = np.arange(n) if groups is None else np.unique(groups)
    if groups is not None:
        expect_shape("groups", groups, (n,))
    if not 2 <= k <= len(units):
        what = "rows" if groups is None else "groups"
        raise CourseError(f"k: expected 2 to {len(units)}, the number of {what}, got {k}. Take 5 or 10 of many rows.")
    if not isinstance(rng, np.random.Generator):
        raise CourseError(f"rng: expected a NumPy Generator, got {rng!r}. Write np.random.default_rng(0).")
    parts = np.array_split(rng.permutation(units), k)
    own = np.arange(n) if groups is None else np.asarray(groups)
    judged = [np.isin(own, part) for part in parts]
    return [(np.flatnonzero(~mask), np.flatnonzero(mask)) for mask in judged]


def early_stopping(losses: Sequence[float], patience: int) -> tuple[int, int]:
    """Which epoch's weights are kept, and after which epoch training ends, if it ends `patience` epochs after the best.

    Parameters
    ----------
    losses : sequence of float
        The validation loss after each epoch, as far as one would train at most.
    patience : int
        So many epochs without a lower loss are waited for.

    Returns
    -------
    kept, stopped : int
        Epochs, counted from 1. A loss that only equals the best one is no better; NaN never is.

    Raises
    ------
    CourseError
        If there is no loss, or `patience` is below 1.

    Source
    ------
    L. Prechelt (1998), Early stopping - but when?

    Examples
    --------
    >>> early_stopping([0.9, 0.5, 0.6, 0.7, 0.4], patience=2)  # the 0.4 is never seen
    (2, 4)
    """
    losses = np.asarray(losses, dtype=float)
    if losses.ndim != 1 or losses.size == 0:
        raise CourseError(f"losses: expected one number for each epoch, got shape {losses.shape}. Train for one epoch.")
    if _whole(patience, "patience") < 1:
        raise CourseError(f"patience: expected at least 1 epoch, got {patience}. Try 5.")
    best, kept = math.inf, 1
    for epoch, loss in enumerate(losses.tolist(), start=1):
        if loss < best:
            best, kept = loss, epoch
        elif epoch - kept >= patience:
            return kept, epoch
    return kept, len(losses)


def label_curve(
    score: Callable[[np.ndarray, np.ndarray], float],
    labels: np.ndarray,
    sizes: Sequence[int],
    test: int,
    splits: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """How well a method does with few labels, with more, and how much that depends on which.

    Parameters
    ----------
    score : callable(learn, test) -> float
        Learns from the rows with the first numbers, and is judged on those with the second.
    labels : ndarray, (N,)
    sizes : sequence of int, length T
        Labels of each class to learn from.
    test : int
        Rows of each class to be judged on.
    splits : int
        S, how often rows are drawn anew. All sizes of a split share their test, and the smaller ones lie inside the
        bigger ones, so that two sizes differ by what was added alone.
    rng : numpy.random.Generator
        Two methods with generators of the same seed get the same rows.
    groups : ndarray of int, (N,), optional
        Rows that belong together, as for :func:`~coursekit.dealing.few_labels`.

    Returns
    -------
    ndarray of float64, (S, T)

    Raises
    ------
    CourseError
        If `splits` is below 1, or a class has too few rows.

    Examples
    --------
    >>> labels = np.repeat([0, 1], 50)
    >>> def how_many(learn, test):
    ...     return len(learn)
    >>> label_curve(how_many, labels, [5, 20], 10, 2, rng=np.random.default_rng(0)).tolist()
    [[10.0, 40.0], [10.0, 40.0]]
    """
    if splits < 1:
        raise CourseError(f"splits: expected at least 1, got {splits}. Three show how much it varies.")
    found = np.empty((splits, len(sizes)))
    for row in found:
        learn, tested = few_labels(labels, sizes, test, rng=rng, groups=groups)
        row[:] = [score(learn[size], tested) for size in sizes]
    return found


@dataclass(frozen=True)
class PowerLaw:
    """An error that falls with the number of examples n like ``floor + scale * n ** -exponent``.

    Attributes
    ----------
    scale, exponent, floor : float
        The floor is what would remain with endless data, in the error's own units.
    """

    scale: float
    exponent: float
    floor: float = 0.0

    def __call__(self, n: float | np.ndarray) -> float | np.ndarray:
        """The error that the law expects with n examples."""
        return self.floor + self.scale * np.asarray(n, dtype=float) ** -self.exponent

    def __repr__(self) -> str:
        floor = f"{self.floor:.3g} + " if self.floor else ""
        return f"{floor}{self.scale:.3g} * n ** -{self.exponent:.3g}"


def fit_power_law(n: Sequence[float], error: Sequence[float], *, floor: bool = False) -> PowerLaw:
    """Fit a power law to a learning curve; without a floor it is a straight line on logarithmic axes.

    Parameters
    ----------
    n : sequence of float
        Numbers of examples, at least two different ones; with a floor, four.
    error : sequence of float
        The error measured with each, above 0.
    floor : bool
        Look for the error that would remain with endless data too.

    Returns
    -------
    PowerLaw

    Raises
    ------
    ShapeError
        If `n` and `error` differ in length.
    CourseError
        If a number is not above 0, or there are too few different ones.

    Notes
    -----
    log(error - floor) = log(scale) - exponent log(n) is solved by least squares, for each of many floors from 0 up to
    the lowest error; the one whose curve is nearest to the logarithms of the errors is taken.

    Source
    ------
    C. Cortes et al. (1993), Learning curves: asymptotic values and rate of convergence; J. Hestness et al. (2017), Deep
    learning scaling is predictable, empirically.

    Examples
    --------
    >>> law = fit_power_law([100, 1000], [0.4, 0.2])
    >>> round(float(law(10_000)), 3)
    0.1
    """
    n, error = np.asarray(n, dtype=float), np.asarray(error, dtype=float)
    if n.ndim != 1 or n.shape != error.shape:
        raise ShapeError(f"error: expected one number for each n, shape {n.shape}, got {error.shape}. Cut them alike.")
    least = 4 if floor else 2
    if len(np.unique(n)) < least:
        raise CourseError(f"n: expected at least {least} different sizes, got {len(np.unique(n))}. Measure more.")
    for name, values in (("n", n), ("error", error)):
        if not (np.isfinite(values) & (values > 0)).all():
            raise CourseError(f"{name}: expected numbers above 0, got {values.min():g}. Leave that point out.")
    candidates = np.linspace(0, 0.999 * error.min(), FLOORS) if floor else [0.0]
    laws = [_straight_line(n, error, level) for level in candidates]
    return min(laws, key=lambda law: float(np.square(np.log(law(n)) - np.log(error)).sum()))


def _straight_line(n: np.ndarray, error: np.ndarray, floor: float) -> PowerLaw:
    """The best power law above a given floor."""
    slope, intercept = np.polyfit(np.log(n), np.log(error - floor), 1)
    return PowerLaw(float(np.exp(intercept)), float(-slope), float(floor))


def _whole(value: int, name: str) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise CourseError(f"{name}: expected a whole number, got {value!r}. Write {name}=5.") from None
