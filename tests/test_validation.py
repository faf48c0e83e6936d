"""Folds, early stopping and power laws: against scikit-learn, against the training loop, and as properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.train import fit
from coursekit.validation import PowerLaw, early_stopping, fit_power_law, k_fold, label_curve

# -- folds ------------------------------------------------------------------------------------------------------------


@given(n=st.integers(2, 60), k=st.integers(2, 60), seed=st.integers(0, 99))
def test_every_row_is_judged_on_once_and_learned_from_in_all_other_folds(n, k, seed):
    k = min(n, k)
    folds = k_fold(n, k, rng=np.random.default_rng(seed))
    assert len(folds) == k
    np.testing.assert_array_equal(np.sort(np.concatenate([judge for _, judge in folds])), np.arange(n))
    for learn, judge in folds:
        np.testing.assert_array_equal(np.sort(np.concatenate([learn, judge])), np.arange(n))
        assert len(judge) in (n // k, -(-n // k))


def test_sizes_are_those_of_scikit_learn():
    from sklearn.model_selection import KFold

    for n, k in ((10, 3), (11, 5), (7, 7)):
        ours = [len(judge) for _, judge in k_fold(n, k, rng=np.random.default_rng(0))]
        assert ours == [len(judge) for _, judge in KFold(k).split(np.zeros(n))]


def test_folds_are_shuffled_by_the_generator():
    first, again, other = (k_fold(100, 5, rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a[1], b[1]) for a, b in zip(first, other, strict=True))
    assert all(np.ptp(judge) > 50 for _, judge in first)  # not twenty neighbours


def test_groups_stay_together():
    groups = np.repeat([7, 3, 9, 1, 4], [5, 1, 3, 2, 4])
    folds = k_fold(15, 3, rng=np.random.default_rng(0), groups=groups)
    for learn, judge in folds:
        assert not {*groups[learn].tolist()} & {*groups[judge].tolist()}
        np.testing.assert_array_equal(np.sort(np.concatenate([learn, judge])), np.arange(15))
    np.testing.assert_array_equal(np.sort(np.concatenate([judge for _, judge in folds])), np.arange(15))


def test_folds_that_cannot_be():
    rng = np.random.default_rng(0)
    for n, k in ((5, 1), (5, 6), (5, 0)):
        with pytest.raises(CourseError, match=f"k: expected 2 to 5, the number of rows, got {k}"):
            k_fold(n, k, rng=rng)
    with pytest.raises(CourseError, match="k: expected 2 to 2, the number of groups, got 3"):
        k_fold(4, 3, rng=rng, groups=[1, 1, 2, 2])
    with pytest.raises(ShapeError, match=r"groups: expected shape \(4,\)"):
        k_fold(4, 2, rng=rng, groups=[1, 2])
    with pytest.raises(CourseError, match="rng: expected a NumPy Generator, got 0"):
        k_fold(4, 2, rng=0)
    with pytest.raises(CourseError, match="n: expected a whole number, got 2.5"):
        k_fold(2.5, 2, rng=rng)


# -- early stopping ---------------------------------------------------------------------------------------------------


@given(
    losses=st.lists(st.integers(0, 9).map(float) | st.just(float("nan")), min_size=1, max_size=20),
    patience=st.integers(1, 6),
)
def test_it_says_what_the_training_loop_does(losses, patience):
    """Two programs, one rule: fit stops and keeps weights where early_stopping says."""
    measured, weights = iter(losses), {"w": np.zeros(1)}

    def step(_):
        weights["w"] += 1
        return 0.0

    history = fit(
        step,
        [(0,)],
        epochs=len(losses),
        evaluate=lambda: {"loss": next(measured)},
        monitor="loss",
        patience=patience,
        parameters=weights,
        progress=False,
    )
    kept, stopped = early_stopping(losses, patience)
    assert (history.best_epoch, history.epochs) == (kept, stopped)
    assert weights["w"] == kept


def test_early_stopping_by_hand():
    assert early_stopping([3.0, 2.0, 1.0], 1) == (3, 3)
    assert early_stopping([1.0, 2.0, 0.5], 1) == (1, 2)
    assert early_stopping([1.0, 2.0, 0.5], 2) == (3, 3)
    assert early_stopping([1.0, 1.0, 1.0], 2) == (1, 3)  # equal is no better
    assert early_stopping([5.0], 3) == (1, 1)


def test_early_stopping_refuses_nonsense():
    with pytest.raises(CourseError, match="losses: expected one number for each epoch"):
        early_stopping([], 3)
    with pytest.raises(CourseError, match="patience: expected at least 1 epoch, got 0"):
        early_stopping([1.0], 0)


# -- power law --------------------------------------------------------------------------------------------------------

SIZES = np.array([100, 200, 400, 800, 1600, 3200])


@pytest.mark.parametrize(("scale", "exponent"), [(3.0, 0.5), (0.9, 0.1)])
def test_a_power_law_is_found_again(scale, exponent):
    law = fit_power_law(SIZES, scale * SIZES**-exponent)
    assert law.scale == pytest.approx(scale) and law.exponent == pytest.approx(exponent) and law.floor == 0
    np.testing.assert_allclose(law(SIZES), scale * SIZES**-exponent)


def test_without_a_floor_it_is_least_squares_of_the_logarithms():
    from scipy.stats import linregress

    error = np.random.default_rng(0).uniform(0.1, 0.5, len(SIZES))
    line = linregress(np.log(SIZES), np.log(error))
    law = fit_power_law(SIZES, error)
    assert law.exponent == pytest.approx(-line.slope) and np.log(law.scale) == pytest.approx(line.intercept)


def test_a_floor_is_found_again_and_not_invented():
    law = fit_power_law(SIZES, 0.1 + 3 * SIZES**-0.5, floor=True)
    assert law.floor == pytest.approx(0.1, abs=2e-4) and law.exponent == pytest.approx(0.5, abs=5e-3)
    assert fit_power_law(SIZES, 3 * SIZES**-0.5, floor=True).floor == pytest.approx(0, abs=1e-3)


def test_several_runs_of_one_size_count_each():
    n, error = np.repeat(SIZES, 2), np.concatenate([[e * 0.9, e / 0.9] for e in 2.0 * SIZES**-0.3])
    assert fit_power_law(n, error).exponent == pytest.approx(0.3)


def test_a_law_can_be_read():
    assert repr(PowerLaw(2.0, 0.25)) == "2 * n ** -0.25"
    assert repr(PowerLaw(2.0, 0.25, 0.1)) == "0.1 + 2 * n ** -0.25"


def test_curves_that_cannot_be_fitted():
    with pytest.raises(ShapeError, match="error: expected one number for each n"):
        fit_power_law([1, 2], [0.1])
    with pytest.raises(CourseError, match="at least 2 different sizes, got 1"):
        fit_power_law([5, 5], [0.1, 0.2])
    with pytest.raises(CourseError, match="at least 4 different sizes, got 3"):
        fit_power_law([1, 2, 3], [0.3, 0.2, 0.1], floor=True)
    with pytest.raises(CourseError, match="error: expected numbers above 0, got 0"):
        fit_power_law([1, 2], [0.1, 0.0])


# -- label curves -----------------------------------------------------------------------------------------------------


def test_label_curve_judges_all_sizes_of_a_split_on_one_test_and_nests_what_is_learned_from():
    labels, groups = np.repeat([0, 1, 2], 20), np.arange(60) // 2
    asked = []

    def score(learn, test):
        asked.append((set(learn.tolist()), set(test.tolist())))
        return len(asked)

    found = label_curve(score, labels, [1, 4, 8], 5, 3, rng=np.random.default_rng(0), groups=groups)
    np.testing.assert_array_equal(found, np.arange(1, 10).reshape(3, 3))
    splits = [asked[k : k + 3] for k in (0, 3, 6)]
    for (first, test), (second, same), (third, again) in splits:
        assert test == same == again and len(test) == 15
        assert first < second < third and [len(first), len(second), len(third)] == [3, 12, 24]
        assert not {*groups[list(third)].tolist()} & {*groups[list(test)].tolist()}
    assert len({frozenset(split[0][1]) for split in splits}) == 3


def test_label_curves_of_two_methods_with_generators_of_one_seed_see_the_same_rows():
    labels, seen = np.repeat([0, 1], 30), {"a": [], "b": []}

    def method(name):
        return lambda learn, test: seen[name].append((learn.tolist(), test.tolist())) or 0.5

    for name in seen:
        label_curve(method(name), labels, [2, 9], 6, 4, rng=np.random.default_rng(5))
    assert seen["a"] == seen["b"]


def test_label_curve_of_a_nearest_mean_rises_and_settles():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 400)
    x = rng.normal(size=(800, 30)) + 0.35 * labels[:, None]

    def score(learn, test):
        means = np.stack([x[learn[labels[learn] == k]].mean(axis=0) for k in (0, 1)])
        nearest = np.linalg.norm(x[test, None] - means, axis=2).argmin(axis=1)
        return np.mean(nearest == labels[test])

    curve = label_curve(score, labels, [2, 20, 200], 100, 10, rng=rng)
    few, some, many = curve.mean(axis=0)
    assert few + 0.05 < some < many <= 1
    assert curve[:, 0].std() > curve[:, 2].std()


def test_label_curves_that_cannot_be():
    labels, rng = np.repeat([0, 1], 5), np.random.default_rng(0)
    with pytest.raises(CourseError, match="splits: expected at least 1, got 0"):
        label_curve(lambda *_: 0.0, labels, [1], 1, 0, rng=rng)
    with pytest.raises(CourseError, match="labels: expected 4 rows of each class to learn from and 2 to test on"):
        label_curve(lambda *_: 0.0, labels, [1, 4], 2, 1, rng=rng)
