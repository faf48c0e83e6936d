"""Intervals against SciPy's bootstrap, the binomial distribution and exact cases; crossings of known power laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from coursekit.comparison import bootstrap_interval, crossing_point, paired_bootstrap, resample
from coursekit.errors import CourseError, ShapeError

# ------------------------------------------------------------------------------------------ the interval


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("kind", ["accuracy", "numbers"])
def test_as_scipys_percentile_bootstrap(kind, level):
    rng = np.random.default_rng(3)
    values = (rng.random(120) < 0.8).astype(float) if kind == "accuracy" else rng.normal(size=120)
    ours = bootstrap_interval(values, resample(120, 20_000, rng=np.random.default_rng(0)), level)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=20_000,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    np.testing.assert_allclose(ours, (theirs.low, theirs.high), atol=0.05 * values.std() / np.sqrt(120) + 1 / 120)


def test_an_accuracy_of_three_in_four_on_four_examples_by_counting_all_draws():
    """All 256 equally likely draws of four rows: the interval is known exactly."""
    draws = np.array(np.meshgrid(*[range(4)] * 4)).reshape(4, -1).T  # (256, 4)
    values = np.array([1.0, 1.0, 1.0, 0.0])
    for level in (0.3, 0.5, 0.95):
        expected = stats.binom.ppf([(1 - level) / 2, (1 + level) / 2], 4, 0.75) / 4
        assert bootstrap_interval(values, draws, level) == tuple(expected)
    assert bootstrap_interval(values, draws) == (0.25, 1.0)


def test_it_holds_the_true_accuracy_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = resample(200, 400, rng=rng)
    inside = 0
    for _ in range(300):
        low, high = bootstrap_interval(rng.random(200) < 0.8, draws, level=0.9)
        inside += low <= 0.8 <= high
    assert 0.83 < inside / 300 < 0.95


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.integers(0, 99), st.sampled_from([0.5, 0.8, 0.95]))
def test_it_moves_with_the_values_and_a_higher_level_is_wider(n, seed, level):
    rng = np.random.default_rng(seed)
    values, draws = rng.normal(size=n), resample(n, 50, rng=rng)
    low, high = bootstrap_interval(values, draws, level)
    assert values.min() - 1e-12 <= low <= high <= values.max() + 1e-12
    np.testing.assert_allclose(bootstrap_interval(3 * values + 1, draws, level), (3 * low + 1, 3 * high + 1), atol=1e-9)
    wider = bootstrap_interval(values, draws, 0.99)
    assert wider[0] <= low and high <= wider[1]


def test_draws_are_rows_of_the_test_set_with_replacement():
    draws = resample(50, 300, rng=np.random.default_rng(0))
    assert draws.shape == (300, 50) and draws.min() == 0 and draws.max() == 49
    distinct = np.mean([len(set(row.tolist())) for row in draws]) / 50
    assert distinct == pytest.approx(1 - (1 - 1 / 50) ** 50, abs=0.01)  # 1 - 1/e for many rows
    np.testing.assert_array_equal(draws, resample(50, 300, rng=np.random.default_rng(0)))


# ------------------------------------------------------------------------------------------ the difference


def test_the_difference_is_paired():
    """B is wrong wherever A is, and on five more rows: alone their intervals overlap, the difference is clear."""
    right_a = np.arange(200) >= 40
    right_b = np.arange(200) >= 50
    draws = resample(200, 2000, rng=np.random.default_rng(0))
    (low_a, _), (_, high_b) = bootstrap_interval(right_a, draws), bootstrap_interval(right_b, draws)
    assert low_a < high_b
    difference, low, high = paired_bootstrap(right_a, right_b, draws)
    assert difference == pytest.approx(0.05) and 0 < low < 0.05 < high < 0.1
    spread = np.sqrt(0.05 * 0.95 / 200)  # of the share of rows that only A gets right
    assert (low, high) == pytest.approx((0.05 - 1.96 * spread, 0.05 + 1.96 * spread), abs=0.006)


def test_scipys_paired_bootstrap_gives_the_same():
    rng = np.random.default_rng(5)
    hard = rng.normal(size=150)
    a, b = hard + rng.normal(size=150) > -1, hard + rng.normal(size=150) > -0.8
    found = paired_bootstrap(a, b, resample(150, 20_000, rng=np.random.default_rng(0)))
    theirs = stats.bootstrap(
        (a, b), lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis), paired=True, n_resamples=20_000,
        method="percentile", vectorized=True, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    np.testing.assert_allclose(found[1:], (theirs.low, theirs.high), atol=1 / 150 + 1e-9)


def test_a_method_against_itself_and_the_other_way_round():
    rng = np.random.default_rng(0)
    a, b, draws = rng.random(30) < 0.5, rng.random(30) < 0.7, resample(30, 100, rng=rng)
    assert paired_bootstrap(a, a, draws) == (0, 0, 0)
    difference, low, high = paired_bootstrap(a, b, draws)
    np.testing.assert_allclose(paired_bootstrap(b, a, draws), (-difference, -high, -low), atol=1e-12)


# ------------------------------------------------------------------------------------------ the crossing


@settings(deadline=None, max_examples=60)
@given(st.floats(120, 9000), st.floats(0.02, 0.3), st.floats(0.35, 0.9), st.floats(0.05, 0.8))
def test_power_laws_cross_where_they_are_made_to(at, slow, fast, level):
    sizes = np.array([100.0, 300.0, 1000.0, 10_000.0])
    a, b = level * (sizes / at) ** -slow, level * (sizes / at) ** -fast
    assert crossing_point(sizes, a, b) == pytest.approx(at, rel=1e-6)
    assert np.isnan(crossing_point(sizes, b, a))
    np.testing.assert_allclose(crossing_point(10 * sizes, a, b), 10 * at, rtol=1e-6)


def test_no_crossing_and_one_on_a_measured_size():
    sizes, a = np.array([10.0, 100.0, 1000.0]), np.array([0.3, 0.2, 0.1])
    assert np.isnan(crossing_point(sizes, a, 2 * a))
    assert np.isnan(crossing_point(sizes, a, a))
    assert crossing_point(sizes, a, np.array([0.4, 0.2, 0.05])) == pytest.approx(100)
    assert crossing_point(sizes, a, np.array([0.4, 0.3, 0.1])) == pytest.approx(1000)


# ------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: resample(0, rng=np.random.default_rng(0)), CourseError, "at least one row"),
        (lambda: bootstrap_interval(np.ones(3), np.zeros((5, 4), int)), ShapeError, r"draws: expected shape .*3.*got"),
        (lambda: bootstrap_interval(np.ones(3), np.zeros((5, 3), int), 95), CourseError, "level: .* got 95"),
        (lambda: paired_bootstrap(np.ones(3), np.ones(4), np.zeros((5, 3), int)), ShapeError, "right_b: expected"),
        (lambda: crossing_point([1, 2], [0.1, 0.2], [0.1]), ShapeError, "error_b: expected shape"),
        (lambda: crossing_point([1, 2], [0.1, 0.0], [0.1, 0.1]), CourseError, "errors above 0"),
        (lambda: crossing_point([2, 1], [0.1, 0.1], [0.1, 0.1]), CourseError, "rising sizes"),
    ],
)
def test_what_makes_no_sense_is_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
