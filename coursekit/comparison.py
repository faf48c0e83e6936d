r"""A comparison of two methods is a difference with an interval around it: without one, luck and skill look the same.

The **bootstrap** asks: how much would my number move, had the test set held other examples? It draws new test sets of
the same size from the one there is, with replacement, and looks at how the number spreads. All chance lies in `draws`,
which :func:`resample` makes: two methods that are measured on the same draws are compared example by example.

Letters: N test examples, S resampled test sets, T sizes of the training set.
"""

import numpy as np

from coursekit.errors import CourseError, ShapeError, expect_shape

__all__ = ["bootstrap_interval", "crossing_point", "paired_bootstrap", "resample"]


def resample(n: int, resamples: int = 1000, *, rng: np.random.Generator) -> np.ndarray:
    """Draw test sets from a test set: row numbers, with replacement.

    Parameters
    ----------
    n : int
        N, the rows of the test set there is.
    resamples : int
        S, how many test sets to draw.
    rng : Generator

    Returns
    -------
    ndarray of int32, (S, N)

    Raises
    ------
    CourseError
        If there is nothing to draw from, or nothing to be drawn.

    Examples
    --------
    >>> resample(5, 2, rng=np.random.default_rng(0)).shape
    (2, 5)
    """
    if n < 1 or resamples < 1:
        raise CourseError(
            f"n: expected at least one row and one resample, got {n} and {resamples}. Check the test set."
        )
    return rng.integers(0, n, size=(resamples, n), dtype=np.int32)


def bootstrap_interval(values: np.ndarray, draws: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The range in which the mean of `values` lies for most of the drawn test sets.

    Parameters
    ----------
    values : ndarray, (N,)
        One number for each test example: True where the prediction was right, for an accuracy.
    draws : ndarray of int, (S, N)
        As from :func:`resample`.
    level : float
        The share of the drawn test sets whose mean lies inside; the rest is left out at both ends alike.

    Returns
    -------
    low, high : float

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    CourseError
        If the level is not between 0 and 1.

    Source
    ------
    Efron (1979), Bootstrap Methods: Another Look at the Jackknife; the percentile interval, Efron and Tibshirani
    (1993), section 13.3.

    Examples
    --------
    >>> right = np.array([True, True, True, False])
    >>> low, high = bootstrap_interval(right, resample(4, rng=np.random.default_rng(0)))
    >>> low <= 0.75 <= high
    True
    """
    values, draws = np.asarray(values), np.asarray(draws)
    expect_shape("values", values, ("N",))
    expect_shape("draws", draws, ("S", len(values)))
    if not 0 < level < 1:
        raise CourseError(f"level: expected a share between 0 and 1, got {level}. Write level=0.95.")
    means = values[draws].mean(axis=1)  # (S,)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_bootstrap(
    right_a: np.ndarray, right_b: np.ndarray, draws: np.ndarray, level: float = 0.95
) -> tuple[float, float, float]:
    """By how much method A is more accurate than B, and the interval of that difference.

    Parameters
    ----------
    right_a, right_b : ndarray of bool, (N,)
        Where each was right, on the same test examples in the same order.
    draws : ndarray of int, (S, N)
        The same for both methods: an example that is hard for both then cancels.
    level : float

    Returns
    -------
    difference, low, high : float
        Accuracy of A minus accuracy of B.

    Raises
    ------
    ShapeError
        If the shapes do not fit.

    Source
    ------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap; for classifiers, Koehn (2004), Statistical
    Significance Tests for Machine Translation Evaluation, section 4.

    Examples
    --------
    >>> a, b = np.array([True, True, True, False]), np.array([True, False, False, False])
    >>> difference, low, high = paired_bootstrap(a, b, resample(4, rng=np.random.default_rng(0)))
    >>> difference
    0.5
    """
    right_a, right_b = np.asarray(right_a), np.asarray(right_b)
    if right_a.shape != right_b.shape:
        raise ShapeError(
            f"right_b: expected shape {right_a.shape} as right_a, got {right_b.shape}. Use one test set for both."
        )
    gained = right_a.astype(np.float64) - right_b  # (N,): 1 where only A is right, -1 where only B is
    return (float(gained.mean()), *bootstrap_interval(gained, draws, level))


def crossing_point(sizes: np.ndarray, error_a: np.ndarray, error_b: np.ndarray) -> float:
    r"""How many training examples does B need to catch up with A? Where two learning curves meet, on logarithmic axes.

    Parameters
    ----------
    sizes : ndarray, (T,)
        Numbers of training examples, rising.
    error_a, error_b : ndarray, (T,)
        The errors at these sizes, above 0.

    Returns
    -------
    float
        The first size at which B's error has come down to A's. With :math:`d = \log a - \log b`, negative at size
        :math:`n_k` and not at :math:`n_{k+1}`, it lies at the share :math:`-d_k / (d_{k+1} - d_k)` of the way from
        :math:`\log n_k` to :math:`\log n_{k+1}`. NaN if B is never behind A, or never catches up.

    Raises
    ------
    ShapeError
        If the three differ in length.
    CourseError
        If a number is not above 0, or the sizes do not rise.

    Examples
    --------
    >>> round(crossing_point(np.array([100.0, 10_000.0]), np.array([0.2, 0.2]), np.array([0.4, 0.1])))
    1000
    """
    sizes, a, b = (np.asarray(array, dtype=np.float64) for array in (sizes, error_a, error_b))
    expect_shape("sizes", sizes, ("T",))
    expect_shape("error_a", a, (len(sizes),))
    expect_shape("error_b", b, (len(sizes),))
    if min(array.min(initial=np.inf) for array in (sizes, a, b)) <= 0 or (np.diff(sizes) <= 0).any():
        raise CourseError("sizes: expected rising sizes and errors above 0, got others. A logarithm needs them.")
    d, log_n = np.log(a) - np.log(b), np.log(sizes)  # (T,)
    for k in range(len(sizes) - 1):
        if d[k] < 0 <= d[k + 1]:
            return float(np.exp(log_n[k] - d[k] / (d[k + 1] - d[k]) * (log_n[k + 1] - log_n[k])))
    return float("nan")
