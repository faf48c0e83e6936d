"""A generator has no right answer to compare with, so all that it makes is compared with all that is real.

Every picture is first turned into a row of features (a classifier's, as :mod:`coursekit.models.features` computes
them), and the two clouds of points are compared. Letters: N, M rows, D features.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from coursekit.errors import CourseError, ShapeError, expect_shape

__all__ = ["PrecisionRecall", "frechet_distance", "nearest_neighbours", "precision_recall"]

BLOCK = 2_000_000  # distances held at a time


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    r"""How far two clouds of points are apart, if each is taken for a bell-shaped one with its mean and covariance.

    .. math::
        \|\mu_a - \mu_b\|^2 + \mathrm{tr}\,(C_a + C_b - 2 (C_a C_b)^{1/2})

    With the features of Inception-v3 this is the Frechet Inception Distance (FID). The order does not matter. It is a
    *squared* distance, in squared units of the features: only numbers from the same features can be compared, and
    only with about the same number of rows, because few rows make it too large.

    Parameters
    ----------
    features_a : ndarray, (N, D)
    features_b : ndarray, (M, D)

    Returns
    -------
    float
        At least 0; 0 if mean and covariance agree.

    Raises
    ------
    ShapeError
        If they are not two tables of the same D features, or one has fewer than two rows.
    CourseError
        If a number is not finite.

    Source
    ------
    Dowson and Landau (1982), The Frechet distance between multivariate normal distributions; Heusel et al. (2017), GANs
    Trained by a Two Time-Scale Update Rule, section 4.

    Examples
    --------
    Two clouds of the same shape, one moved by 3:

    >>> cloud = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    >>> round(frechet_distance(cloud, cloud + [3.0, 0.0]), 6)
    9.0
    """
    a, b = _two_tables(features_a, features_b, "features_a", "features_b", least=2)
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)  # (D,)
    cov_a, cov_b = (x.T @ x / (len(x) - 1) for x in (a - mean_a, b - mean_b))  # (D, D)
    values, vectors = np.linalg.eigh(cov_a)
    root_a = (vectors * np.sqrt(values.clip(0))) @ vectors.T  # (D, D)
    # C_a C_b and the symmetric root_a C_b root_a have the same eigenvalues; only the latter keeps them real
    shared = np.sqrt(np.linalg.eigvalsh(root_a @ cov_b @ root_a).clip(0)).sum()
    distance = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * shared
    return max(0.0, float(distance))


class PrecisionRecall(NamedTuple):
    """How much of what was made looks real (`precision`), and how much of what is real is made (`recall`)."""

    precision: float
    recall: float


def precision_recall(real: np.ndarray, generated: np.ndarray, k: int = 3) -> PrecisionRecall:
    """Quality and variety of a generator, as two numbers.

    Around every real point lies a ball that reaches to its k-th nearest real neighbour. Precision is the share of
    generated points that lie in at least one of these balls; recall is the same with the two sides exchanged.

    Parameters
    ----------
    real : ndarray, (N, D)
    generated : ndarray, (M, D)
        Take N = M, and say how many: with other numbers the balls have other sizes.
    k : int
        Larger balls forgive more.

    Returns
    -------
    PrecisionRecall
        Each between 0 and 1.

    Raises
    ------
    ShapeError
        If they are not two tables of the same D features.
    CourseError
        If `k` is below 1 or not below the number of rows, or a number is not finite.

    Source
    ------
    Kynkaanniemi et al. (2019), Improved Precision and Recall Metric for Assessing Generative Models, section 2.

    Examples
    --------
    A generator that makes only the left one of two heaps, and makes it well:

    >>> rng = np.random.default_rng(0)
    >>> left, right = rng.normal(-9, 1, size=(100, 2)), rng.normal(9, 1, size=(100, 2))
    >>> made = rng.normal(-9, 1, size=(200, 2))
    >>> precision, recall = precision_recall(np.concatenate([left, right]), made)
    >>> precision > 0.8, 0.3 < recall < 0.55
    (True, True)
    """
    real, generated = _two_tables(real, generated, "real", "generated", least=2)
    if not 1 <= k < min(len(real), len(generated)):
        most = min(len(real), len(generated)) - 1
        raise CourseError(f"k: expected a number of neighbours from 1 to {most}, got {k}. Write k=3.")
    return PrecisionRecall(_share_inside(generated, real, k), _share_inside(real, generated, k))


def nearest_neighbours(queries: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row of `queries`, the nearest row of `reference`: has the generator copied a training picture?

    Parameters
    ----------
    queries : ndarray, (N, D)
        Features, or pixels laid out as rows.
    reference : ndarray, (M, D)
        The training set. If a query is itself one of its rows, it finds itself, at distance 0.

    Returns
    -------
    rows : ndarray of int, (N,)
        Row numbers of `reference`; of equally near ones the first.
    distances : ndarray, (N,)
        Euclidean.

    Raises
    ------
    ShapeError
        If they are not two tables with the same D columns.
    CourseError
        If a number is not finite.

    Examples
    --------
    >>> rows, distances = nearest_neighbours([[0.9, 0.0], [5.0, 4.0]], [[0.0, 0.0], [1.0, 0.0], [5.0, 1.0]])
    >>> rows, distances
    (array([1, 2]), array([0.1, 3. ]))
    """
    queries, reference = _two_tables(queries, reference, "queries", "reference")
    rows = np.concatenate([squared.argmin(axis=1) for squared in _squared_distances(queries, reference)])  # (N,)
    return rows, np.linalg.norm(queries - reference[rows], axis=1)  # exact: the blocks are rounded


def _share_inside(points: np.ndarray, centres: np.ndarray, k: int) -> float:
    """The share of `points` that lie in at least one ball; a ball reaches from a centre to its k-th neighbour."""
    radii = [np.partition(block, k, axis=1)[:, k] for block in _squared_distances(centres, centres)]
    radii = np.concatenate(radii) * (1 + 1e-9)  # column 0 was the centre itself; the last digits are rounding
    inside = [(block <= radii).any(axis=1) for block in _squared_distances(points, centres)]
    return float(np.concatenate(inside).mean())


def _squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[np.ndarray]:
    """All squared distances from rows of `a` to rows of `b`, some rows of `a` at a time: (n, M) each."""
    centre = b.mean(axis=0)  # small numbers lose fewer digits in the subtraction
    a, b = a - centre, b - centre
    lengths_b = (b**2).sum(axis=1)  # (M,)
    step = max(1, BLOCK // len(b))
    for start in range(0, len(a), step):
        block = a[start : start + step]
        squared = (block**2).sum(axis=1, keepdims=True) + lengths_b - 2 * block @ b.T  # (n, M)
        yield squared.clip(0)


def _two_tables(a, b, name_a: str, name_b: str, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Both as tables of float64 with the same columns, `least` rows or more, and only finite numbers."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    expect_shape(name_a, a, ("N", "D"))
    expect_shape(name_b, b, ("M", a.shape[1]))
    for name, table in ((name_a, a), (name_b, b)):
        if len(table) < least:
            raise ShapeError(f"{name}: expected at least {least} rows, got {len(table)}. Generate more.")
        if not np.isfinite(table).all():
            raise CourseError(f"{name}: expected finite numbers, got NaN or infinity. Look at what made them.")
    return a, b
