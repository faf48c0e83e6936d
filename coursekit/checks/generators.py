"""Exercise of *Generative adversarial networks*: the Frechet distance between two clouds of features."""

import numpy as np

from coursekit import metrics
from coursekit.checks.core import Exercise, register

__all__ = ["frechet_distance"]


def _cases(rng):
    square = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    yield square, square + [3.0, 0.0]  # moved by 3: the distance is 9
    yield square, 2 * square
    mix = rng.normal(size=(3, 3))
    yield rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) @ mix + 1
    yield rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4)), rng.normal(size=(50, 4))
    yield rng.normal(size=(20, 3)), np.zeros((10, 3))  # a generator that makes one thing only
    yield 1e3 * rng.normal(size=(25, 2)), 1e3 * rng.normal(size=(30, 2)) + 500
    yield rng.normal(size=(30, 3)).astype(np.float32), 2 * rng.normal(size=(30, 3)).astype(np.float32)


def _parts(a, b, ddof=1):
    means = a.mean(axis=0), b.mean(axis=0)
    return means, np.cov(a, rowvar=False, ddof=ddof), np.cov(b, rowvar=False, ddof=ddof)


def _shared(cov_a, cov_b):
    return np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real.clip(0)).sum()


def _by_formula(a, b, *, power=2, ddof=1, factor=2.0):
    (m, n), cov_a, cov_b = _parts(a, b, ddof)
    return np.linalg.norm(m - n) ** power + np.trace(cov_a + cov_b) - factor * _shared(cov_a, cov_b)


def _length_not_squared(a, b):
    return _by_formula(a, b, power=1)


def _root_of_it(a, b):
    return np.sqrt(max(0.0, _by_formula(a, b)))


def _divided_by_n(a, b):
    return _by_formula(a, b, ddof=0)


def _once_not_twice(a, b):
    return _by_formula(a, b, factor=1.0)


def _means_only(a, b):
    return ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()


def _covariances_only(a, b):
    _, cov_a, cov_b = _parts(a, b)
    return np.trace(cov_a + cov_b) - 2 * _shared(cov_a, cov_b)


def _roots_of_the_entries(a, b):
    (m, n), cov_a, cov_b = _parts(a, b)
    return ((m - n) ** 2).sum() + np.trace(cov_a + cov_b - 2 * np.sqrt(np.abs(cov_a @ cov_b)))


def _spreads_only(a, b):
    return _means_only(a, b) + ((a.std(axis=0, ddof=1) - b.std(axis=0, ddof=1)) ** 2).sum()


def _spreads_over_n(a, b):
    return _means_only(a, b) + ((a.std(axis=0) - b.std(axis=0)) ** 2).sum()


def _roots_forgotten(a, b):
    (m, n), cov_a, cov_b = _parts(a, b)
    return ((m - n) ** 2).sum() + np.trace(cov_a + cov_b) - 2 * np.trace(cov_a @ cov_b)


def _difference_of_covariances(a, b):
    (m, n), cov_a, cov_b = _parts(a, b)
    return ((m - n) ** 2).sum() + ((cov_a - cov_b) ** 2).sum()


def _one_mean_for_all(a, b):
    _, cov_a, cov_b = _parts(a, b)
    return (a.mean() - b.mean()) ** 2 + np.trace(cov_a + cov_b) - 2 * _shared(cov_a, cov_b)


def _mean_of_squares(a, b):
    (m, n), cov_a, cov_b = _parts(a, b)
    return ((m - n) ** 2).mean() + np.trace(cov_a + cov_b) - 2 * _shared(cov_a, cov_b)


def _pieces(a, b):
    """The means' part, the two traces together, and the product of the covariances."""
    _, cov_a, cov_b = _parts(a, b)
    return _means_only(a, b), np.trace(cov_a + cov_b), cov_a @ cov_b


def _eigenvalues_of_a_symmetric_one(a, b):
    means, traces, product = _pieces(a, b)
    return means + traces - 2 * np.sqrt(np.linalg.eigvalsh(product).clip(0)).sum()


def _rows_for_features(a, b):
    cov_a, cov_b = np.cov(a), np.cov(b)
    return _means_only(a, b) + np.trace(cov_a) + np.trace(cov_b) - 2 * _shared(cov_a, cov_b)


def _added(a, b):
    return _by_formula(a, b, factor=-2.0)


def _last_part_missing(a, b):
    return _by_formula(a, b, factor=0.0)


def _root_of_the_trace(a, b):
    means, traces, product = _pieces(a, b)
    return means + traces - 2 * np.sqrt(np.trace(product))


def _number_by_number(a, b):
    _, cov_a, cov_b = _parts(a, b)
    means, traces, _ = _pieces(a, b)
    return means + traces - 2 * np.sqrt(np.linalg.eigvals(cov_a * cov_b).real.clip(0)).sum()


def _traces_multiplied(a, b):
    _, cov_a, cov_b = _parts(a, b)
    means, traces, _ = _pieces(a, b)
    return means + traces - 2 * np.sqrt(np.trace(cov_a) * np.trace(cov_b))


def _eigenvalues_apart(a, b):
    _, cov_a, cov_b = _parts(a, b)
    means, traces, _ = _pieces(a, b)
    roots = [np.sqrt(np.linalg.eigvalsh(cov).clip(0)) for cov in (cov_a, cov_b)]
    return means + traces - 2 * (roots[0] * roots[1]).sum()


def _not_centred(a, b):
    square_a, square_b = a.T @ a / len(a), b.T @ b / len(b)
    return _means_only(a, b) + np.trace(square_a + square_b) - 2 * _shared(square_a, square_b)


def _means_of_rows(a, b):
    means = _means_only(a, b)
    return ((a.mean(axis=1) - b.mean(axis=1)) ** 2).sum() + _by_formula(a, b) - means


def _distances_added(a, b):
    return _by_formula(a, b) - _means_only(a, b) + np.abs(a.mean(axis=0) - b.mean(axis=0)).sum()


def _whole_table_summed(a, b):
    _, cov_a, cov_b = _parts(a, b)
    return _means_only(a, b) + (cov_a + cov_b).sum() - 2 * _shared(cov_a, cov_b)


def _turned(a, b):
    return -_by_formula(a, b)


def _by_nuclear_norm(a, b):
    """The trace of the root is the sum of the singular values of one centred table times the other."""
    tables = [(x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (a.astype(float), b.astype(float))]
    spread = sum((x**2).sum() for x in tables)
    return _means_only(a, b) + spread - 2 * np.linalg.norm(tables[0] @ tables[1].T, "nuc")


frechet_distance = register(
    Exercise(
        id="generators.frechet_distance",
        notebook="gans",
        reference=metrics.frechet_distance,
        cases=_cases,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "Three parts: the squared length of the difference of the means; the two traces; minus twice the trace of the root. "
            "`np.cov(a, rowvar=False)` is the covariance of a table with one example a row.",
            "A matrix's trace is the sum of its eigenvalues, and the eigenvalues of a root are the roots of the eigenvalues. "
            "So the last part is the sum of the roots of the eigenvalues of `cov_a @ cov_b`.",
            "`values = np.linalg.eigvals(cov_a @ cov_b).real.clip(0)`, then `np.sqrt(values).sum()`: no matrix root at all.",
        ],
        misconceptions={
            _length_not_squared: "The means' part is a length here. The formula has its square.",
            _root_of_it: "You took the root at the end. By custom the *squared* distance is reported, without a root.",
            _divided_by_n: "The covariances are divided by the number of rows N. `np.cov` divides by N - 1, and so does everybody's FID.",
            _once_not_twice: "The last part counts twice: minus 2 times the trace of the root.",
            _means_only: "Only the means are compared. A generator that makes one average picture over and over would get 0.",
            _covariances_only: "Only the covariances are compared. The distance of the means is missing.",
            _roots_of_the_entries: "`np.sqrt` of a matrix takes the root of each number in it. The root of a matrix is another one: the "
            "matrix that, times itself, gives it. Its trace is the sum of the roots of the *eigenvalues*.",
            _spreads_only: "You compared feature by feature. How the features go together, which the covariance holds off its diagonal, "
            "is lost.",
            _spreads_over_n: "You compared the spreads feature by feature. How the features go together, which the covariance holds "
            "off its diagonal, is lost.",
            _roots_forgotten: "The root is missing: the trace of (C_a C_b)^(1/2), not of C_a C_b.",
            _difference_of_covariances: "You took the squared difference of the covariances. The formula has traces, which are in the same "
            "units as the means' part.",
            _one_mean_for_all: "`a.mean()` is one number over rows *and* features. Each feature has a mean of its own: axis=0.",
            _mean_of_squares: "You averaged the squared differences of the means over the features. The squared length is their sum.",
            _eigenvalues_of_a_symmetric_one: "`eigvalsh` reads half of the matrix and takes the other half for its mirror image. The "
            "product of two symmetric matrices is not symmetric: use `eigvals`.",
            _rows_for_features: "`np.cov(a)` takes each *row* for a feature. Here a row is an example: `np.cov(a, rowvar=False)`.",
            _added: "The last part is subtracted: two equal clouds have the distance 0.",
            _last_part_missing: "The last part is missing: minus twice the trace of the root. Two equal clouds have the distance 0.",
            _root_of_the_trace: "You took the root of the sum of the eigenvalues. It is the sum of their roots: first the root, then the sum.",
            _number_by_number: "`cov_a * cov_b` multiplies number by number. The matrix product is `cov_a @ cov_b`.",
            _traces_multiplied: "You took the root of the product of the two traces. It is the trace of the root of the matrix product.",
            _eigenvalues_apart: "You multiplied the eigenvalues of the one covariance by those of the other. That is right only if both "
            "stretch along the same directions. Take the eigenvalues of the product, `cov_a @ cov_b`.",
            _not_centred: "The means were not taken away before squaring, so these are no covariances. `np.cov` takes them away.",
            _means_of_rows: "You took the mean of each row (axis=1). Each feature has a mean of its own: axis=0.",
            _distances_added: "You added the absolute differences of the means. The formula has the sum of their squares.",
            _whole_table_summed: "You summed all numbers of the covariances. The trace is the sum of the diagonal: `np.trace`.",
            _turned: "The sign is turned: a distance is not negative.",
        },
        variants=(_by_formula, _by_nuclear_norm),
    )
)
