"""Measures of generators beside SciPy's matrix root, scikit-learn's neighbours, and cases with a known answer."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from coursekit.errors import CourseError, ShapeError
from coursekit.metrics import frechet_distance, generators, nearest_neighbours, precision_recall


def cloud(rng, n, d):
    """Rows with a mean and a covariance of their own."""
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def by_matrix_root(a, b):
    """The formula as the papers write it, with SciPy's root of a matrix."""
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(cov_a @ cov_b)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * np.real(root)))


@pytest.mark.parametrize(("n", "m", "d"), [(50, 50, 2), (300, 200, 8), (2000, 1000, 64)])
def test_frechet_distance_is_the_formula_with_a_matrix_root(n, m, d):
    rng = np.random.default_rng(d)
    a, b = cloud(rng, n, d), cloud(rng, m, d)
    assert frechet_distance(a, b) == pytest.approx(by_matrix_root(a, b), rel=1e-7)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), d=st.integers(1, 6), shift=st.floats(-100, 100))
def test_frechet_distance_is_symmetric_not_negative_and_knows_a_shift(seed, d, shift):
    rng = np.random.default_rng(seed)
    a, b = cloud(rng, 30, d), cloud(rng, 20, d)
    there, back = frechet_distance(a, b), frechet_distance(b, a)
    assert there == pytest.approx(back, rel=1e-6, abs=1e-6)
    assert there >= 0
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, a + shift) == pytest.approx(d * shift**2, rel=1e-6, abs=1e-6)
    turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(there, rel=1e-6, abs=1e-5)


def test_frechet_distance_with_features_that_are_always_zero():
    rng = np.random.default_rng(0)
    a, b = cloud(rng, 40, 3), cloud(rng, 60, 3)
    padded = [np.hstack([x, np.zeros((len(x), 4))]) for x in (a, b)]
    assert frechet_distance(*padded) == pytest.approx(frechet_distance(a, b), rel=1e-6)
    collapsed = np.repeat(a[:1], 10, axis=0)  # a generator of one thing only
    expected = ((a.mean(0) - a[0]) ** 2).sum() + np.trace(np.cov(a, rowvar=False))
    assert frechet_distance(a, collapsed) == pytest.approx(expected)


def test_few_rows_make_the_distance_larger():
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(5000, 16))
    found = [frechet_distance(reference, rng.normal(size=(n, 16))) for n in (50, 500, 5000)]
    assert found[0] > 3 * found[1] > 6 * found[2]


def by_balls(points, centres, k):
    """Kynkaanniemi's manifold, with scikit-learn's neighbours; the first neighbour is the centre itself."""
    radii = NearestNeighbors(n_neighbors=k + 1).fit(centres).kneighbors(centres)[0][:, k]
    distances = np.linalg.norm(points[:, None] - centres[None], axis=2)
    return float((distances <= radii).any(axis=1).mean())


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_and_recall_are_shares_inside_balls(k, monkeypatch):
    rng = np.random.default_rng(k)
    real, made = cloud(rng, 150, 3), cloud(rng, 120, 3)
    expected = by_balls(made, real, k), by_balls(real, made, k)
    assert precision_recall(real, made, k) == pytest.approx(expected)
    monkeypatch.setattr(generators, "BLOCK", 1000)  # in many pieces
    assert precision_recall(real, made, k) == pytest.approx(expected)


def test_precision_and_recall_tell_quality_from_variety():
    rng = np.random.default_rng(0)
    left, right = rng.normal(-10, 1, size=(300, 2)), rng.normal(10, 1, size=(300, 2))
    real = np.concatenate([left, right])
    one_sided = precision_recall(real, rng.normal(-10, 1, size=(600, 2)))
    assert one_sided.precision > 0.85 and 0.4 < one_sided.recall < 0.55
    scattered = precision_recall(real, rng.uniform(-15, 15, size=(600, 2)))
    assert scattered.precision < 0.4 < scattered.recall
    assert precision_recall(real, real) == (1.0, 1.0)
    assert precision_recall(real, real + 1000) == (0.0, 0.0)


def test_nearest_neighbours_are_those_of_scikit_learn(monkeypatch):
    rng = np.random.default_rng(3)
    queries, reference = 255 * rng.random((70, 30)), 255 * rng.random((90, 30))
    distance, row = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(reference).kneighbors(queries)
    for block in (generators.BLOCK, 500):
        monkeypatch.setattr(generators, "BLOCK", block)
        rows, distances = nearest_neighbours(queries, reference)
        np.testing.assert_array_equal(rows, row[:, 0])
        np.testing.assert_allclose(distances, distance[:, 0], rtol=1e-10)


def test_a_copy_is_found_at_distance_zero_far_from_the_origin():
    reference = 1e6 + np.random.default_rng(4).random((40, 5))
    rows, distances = nearest_neighbours(reference[[7, 31]], reference)
    assert rows.tolist() == [7, 31]
    assert distances.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("function", [frechet_distance, precision_recall, nearest_neighbours])
def test_refusals(function):
    good = np.random.default_rng(5).normal(size=(10, 3))
    with pytest.raises(ShapeError, match=r"\(M, 3\), got \(10, 2\)"):
        function(good, good[:, :2])
    with pytest.raises(ShapeError, match=r"expected shape \(N, D\), got \(10,\)"):
        function(good[:, 0], good)
    with pytest.raises(ShapeError, match="at least . rows, got 0"):
        function(good, good[:0])
    with pytest.raises(CourseError, match="expected finite numbers"):
        function(good, np.where(good > 1, np.nan, good) + [np.inf, 0, 0])


@pytest.mark.parametrize("k", [0, 10, 50])
def test_k_must_leave_a_neighbour(k):
    good = np.zeros((10, 3))
    with pytest.raises(CourseError, match=f"k: expected a number of neighbours from 1 to 9, got {k}"):
        precision_recall(good, good, k)
