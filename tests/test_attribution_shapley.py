"""Shapley values by their definition, their four axioms, and how the estimates approach them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from coursekit.attribution import exact_shapley, kernel_shap, kernel_weights, patches, permutation_shapley
from coursekit.attribution.exact import shapley_of_table
from coursekit.attribution.kernel import Regression, choose_coalitions
from coursekit.errors import CourseError, ShapeError

numbers = st.floats(-5, 5, allow_subnormal=False)
tables = st.integers(1, 5).flatmap(lambda d: arrays(float, 2**d, elements=numbers))


def network(d: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    w, v = rng.normal(size=(d, 16)), rng.normal(size=16)
    return lambda rows: np.tanh(rows @ w) @ v


def by_orders(worth: np.ndarray) -> np.ndarray:
    """The definition in other words: the mean over all d! orders of what a player adds on coming in."""
    d = len(worth).bit_length() - 1
    shares = np.zeros(d)
    for order in itertools.permutations(range(d)):
        there = 0
        for player in order:
            shares[player] += worth[there | 1 << player] - worth[there]
            there |= 1 << player
    return shares / math.factorial(d)


# -- the definition and the axioms -------------------------------------------------------------------------------------


@given(tables)
def test_two_definitions_give_the_same(worth):
    np.testing.assert_allclose(shapley_of_table(worth), by_orders(worth), atol=1e-10)


@given(tables)
def test_efficiency(worth):
    assert shapley_of_table(worth).sum() == pytest.approx(worth[-1] - worth[0], abs=1e-9)


@given(tables, st.data())
def test_symmetry(worth, data):
    d = len(worth).bit_length() - 1
    i, j = (data.draw(st.integers(0, d - 1)) for _ in range(2))
    number = np.arange(len(worth))
    swapped = number & ~(1 << i | 1 << j) | (number >> i & 1) << j | (number >> j & 1) << i
    alike = worth + worth[swapped]  # a game in which i and j can change places
    shares = shapley_of_table(alike)
    assert shares[i] == pytest.approx(shares[j], abs=1e-9)


@given(tables)
def test_dummy(worth):
    with_dummy = np.concatenate([worth, worth + 2.0])  # one more player, who adds 2 to every coalition
    shares = shapley_of_table(with_dummy)
    assert shares[-1] == pytest.approx(2.0, abs=1e-9)
    np.testing.assert_allclose(shares[:-1], shapley_of_table(worth), atol=1e-9)


@given(st.integers(1, 4).flatmap(lambda d: st.tuples(*[arrays(float, 2**d, elements=numbers)] * 2)), numbers)
def test_additivity(pair, factor):
    one, two = pair
    together = shapley_of_table(one + factor * two)
    np.testing.assert_allclose(together, shapley_of_table(one) + factor * shapley_of_table(two), atol=1e-8)


def test_a_linear_model_has_the_values_that_everybody_expects():
    rng = np.random.default_rng(0)
    w, x, background = rng.normal(size=6), rng.normal(size=(4, 6)), rng.normal(size=(9, 6))
    found = exact_shapley(lambda rows: rows @ w + 3, x, background)
    np.testing.assert_allclose(found.values, w * (x - background.mean(axis=0)), atol=1e-12)
    assert found.gap < 1e-12


def test_the_base_value_is_the_mean_over_the_background():
    f, rng = network(5), np.random.default_rng(1)
    x, background = rng.normal(size=5), rng.normal(size=(7, 5))
    found = exact_shapley(f, x, background)
    assert found.base_value == pytest.approx(f(background).mean()) and found.output == pytest.approx(f(x[None])[0])
    one_by_one = np.mean([exact_shapley(f, x, b[None]).values for b in background], axis=0)
    np.testing.assert_allclose(found.values, one_by_one, atol=1e-12)


# -- KernelSHAP --------------------------------------------------------------------------------------------------------


def test_the_kernel_is_the_papers():
    assert kernel_weights(4).tolist() == pytest.approx([3 / (4 * 3), 3 / (6 * 4), 3 / (4 * 3)])


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_with_all_coalitions_it_is_exact(d):
    rng = np.random.default_rng(d)
    x, background = rng.normal(size=(3, d)), rng.normal(size=(4, d))
    exact = exact_shapley(network(d), x, background)
    found = kernel_shap(network(d), x, background, rng=rng)
    np.testing.assert_allclose(found.values, exact.values, atol=1e-12)
    assert (found.std_error == 0).all()


@pytest.mark.parametrize(("d", "degree"), [(4, 1), (5, 1), (5, 3)])
def test_the_regression_on_all_coalitions_is_the_definition(d, degree):
    """Not by the shortcut of the table: the weighted least squares themselves, as the theorem says."""
    worth = np.random.default_rng(d).normal(size=2**d)
    chosen = choose_coalitions(d, 2**d - 2, np.random.default_rng(0))
    assert len(chosen.first) == 2 ** (d - 1) - 1 and not chosen.draws.any()
    number = (chosen.first * 2 ** np.arange(d)).sum(axis=1)
    odd = (worth[number] - worth[2**d - 1 - number]) / 2
    shares, _ = Regression(chosen, degree=degree).solve(odd, (worth[-1] - worth[0]) / 2)
    np.testing.assert_allclose(shares, shapley_of_table(worth), atol=1e-8)


@given(st.integers(2, 9), st.integers(0, 200), st.integers(0, 10**6))
def test_chosen_coalitions_are_different_pairs(d, more, seed):
    chosen = choose_coalitions(d, min(2 * d + more, 2**d - 2), np.random.default_rng(seed))
    both = np.concatenate([chosen.first, ~chosen.first])
    assert len(np.unique(both, axis=0)) == len(both), "no coalition twice, and none is another's complement"
    size = both.sum(axis=1)
    assert size.min() >= 1 and size.max() <= d - 1
    assert len(both) <= 2 * d + more and chosen.weight.min() > 0
    assert chosen.weight.sum() == pytest.approx(1)
    per_draw = chosen.weight[chosen.draws > 0] / chosen.draws[chosen.draws > 0]
    np.testing.assert_allclose(per_draw[1:], per_draw[:-1], err_msg="who is drawn twice weighs twice")


def test_the_error_falls_with_the_root_of_the_samples():
    d = 14
    rng = np.random.default_rng(0)
    f, x, background = network(d), rng.normal(size=d), rng.normal(size=(1, d))
    exact = exact_shapley(f, x, background).values

    def error(samples):
        found = [
            kernel_shap(f, x, background, samples=samples, degree=1, rng=np.random.default_rng(k)).values - exact
            for k in range(24)
        ]
        return np.sqrt(np.mean(np.square(found)))

    few, many = error(400), error(3600)
    assert 2.2 < few / many < 5, "nine times the coalitions: a third of the error, or less as whole sizes fill up"


@pytest.mark.parametrize(("degree", "samples"), [(1, 300), (3, 1400)])
def test_standard_errors_are_as_large_as_the_errors(degree, samples):
    d = 12
    rng = np.random.default_rng(1)
    f, x, background = network(d), rng.normal(size=d), rng.normal(size=(3, d))
    exact = exact_shapley(f, x, background).values
    runs = [
        kernel_shap(f, x, background, samples=samples, degree=degree, rng=np.random.default_rng(k)) for k in range(30)
    ]
    scatter = np.sqrt(np.mean([(run.values - exact) ** 2 for run in runs]))
    told = np.sqrt(np.mean([run.std_error**2 for run in runs]))
    assert 0.7 < told / scatter < 1.5
    inside = np.mean([np.abs(run.values - exact) < 2 * run.std_error for run in runs])
    assert inside > 0.88
    assert all(run.gap < 1e-9 for run in runs)


def test_products_of_three_make_the_error_smaller():
    d = 12
    rng = np.random.default_rng(2)
    f, x, background = network(d), rng.normal(size=d), rng.normal(size=(3, d))
    exact = exact_shapley(f, x, background).values
    line, cubic = (
        np.sqrt(
            np.mean(
                [
                    (kernel_shap(f, x, background, samples=1500, degree=k, rng=np.random.default_rng(s)).values - exact)
                    ** 2
                    for s in range(8)
                ]
            )
        )
        for k in (1, 3)
    )
    assert cubic < 0.8 * line


# -- orders ------------------------------------------------------------------------------------------------------------


def test_sampled_orders_approach_the_exact_values_and_know_how_far_they_are():
    rng = np.random.default_rng(3)
    f, x, background = network(9), rng.normal(size=(2, 9)), rng.normal(size=(5, 9))
    exact = exact_shapley(f, x, background).values
    found = permutation_shapley(f, x, background, pairs=400, rng=rng)
    assert found.gap < 1e-10
    assert (np.abs(found.values - exact) < 4.5 * found.std_error + 1e-12).all()
    few = permutation_shapley(f, x, background, pairs=25, rng=rng)
    assert 2.5 < few.std_error.mean() / found.std_error.mean() < 6


def test_the_error_of_sampled_orders_is_as_large_as_their_scatter():
    rng = np.random.default_rng(4)
    f, x, background = network(7), rng.normal(size=7), rng.normal(size=(2, 7))
    exact = exact_shapley(f, x, background).values
    runs = [permutation_shapley(f, x, background, pairs=20, rng=np.random.default_rng(seed)) for seed in range(120)]
    scatter = np.sqrt(np.mean([(run.values - exact) ** 2 for run in runs]))
    told = np.sqrt(np.mean([run.std_error**2 for run in runs]))
    assert 0.87 < told / scatter < 1.15


# -- players -----------------------------------------------------------------------------------------------------------


def test_constant_features_get_nothing_and_cost_nothing():
    asked = []

    def counting(rows):
        asked.append(len(rows))
        return rows.sum(axis=1)

    x = np.ones(40)
    background = np.ones((1, 40))
    background[0, :3] = 0
    found = exact_shapley(counting, x, background)
    np.testing.assert_allclose(found.values, [1] * 3 + [0] * 37, atol=1e-12)
    assert sum(asked) == 2**3 + 2
    nothing = kernel_shap(counting, x, np.ones((1, 40)), rng=np.random.default_rng(0))
    assert (nothing.values == 0).all() and nothing.gap == 0


def test_groups_are_players():
    rng = np.random.default_rng(4)
    f, x, background = network(6), rng.normal(size=6), rng.normal(size=(3, 6))
    groups = np.array([0, 0, 1, 1, 1, 2])
    names = ["first", "middle", "last"]
    found = exact_shapley(f, x, background, groups=groups, feature_names=names)
    assert found.values.shape == (3,) and found.feature_names == tuple(names) and found.gap < 1e-12
    worth = np.array([f(np.where((s >> groups & 1).astype(bool), x, background)).mean() for s in range(8)])
    np.testing.assert_allclose(found.values, shapley_of_table(worth), atol=1e-12)


def test_patches_of_a_picture_hand_their_share_to_their_pixels():
    rng = np.random.default_rng(5)
    w = rng.normal(size=(6, 6))
    pictures, background = rng.normal(size=(2, 6, 6)), np.zeros((1, 6, 6))
    found = kernel_shap(
        lambda rows: (rows * w).sum(axis=(1, 2)), pictures, background, groups=patches((6, 6), 3), rng=rng
    )
    assert found.values.shape == (2, 6, 6) and found.gap < 1e-9
    blocks = (pictures * w).reshape(2, 2, 3, 2, 3).sum(axis=(2, 4))
    np.testing.assert_allclose(found.values.reshape(2, 2, 3, 2, 3).sum(axis=(2, 4)), blocks, atol=1e-9)
    assert patches((3, 5, 5), 2).shape == (3, 5, 5) and patches((5, 5), 2).max() == 8


def test_rows_are_asked_in_pieces_that_fit():
    largest = []

    def watching(rows):
        largest.append(rows.nbytes)
        return rows.sum(axis=(1, 2))

    rng = np.random.default_rng(6)
    picture, background = rng.normal(size=(28, 28)), rng.normal(size=(20, 28, 28))
    kernel_shap(watching, picture, background, groups=patches((28, 28), 4), samples=3000, rng=rng)
    assert max(largest) <= 130 * 2**20 and len(largest) > 3


def test_an_interrupt_keeps_what_is_known():
    rng = np.random.default_rng(7)
    asked = 0

    def slow(rows):
        nonlocal asked
        asked += len(rows)
        if asked > 3000:
            raise KeyboardInterrupt
        return rows.prod(axis=1)

    x, background = rng.normal(size=(50, 6)), rng.normal(size=(2, 6))
    found = exact_shapley(slow, x, background)
    assert 1 <= len(found) < 50 and f"{len(found)} of 50 rows" in found.note and found.note in repr(found)
    asked = 0
    one = permutation_shapley(slow, x[0], background, pairs=10**6, rng=rng)
    assert one.gap < 1e-10 and (one.std_error > 0).all() and "of 1000000 pairs of orders" in one.note
    asked = -3000
    several = permutation_shapley(slow, x, background, pairs=100, rng=rng)
    assert 1 <= len(several) < 50 and "rows are explained" in several.note
    with pytest.raises(KeyboardInterrupt):
        exact_shapley(slow, x, background)
    asked = -6000
    wide = rng.normal(size=14)
    half = kernel_shap(slow, wide, rng.normal(size=(2, 14)), samples=12_000, rng=rng)
    assert half.gap < 1e-9 and "of 12000 coalitions were asked" in half.note and half.std_error.shape == (14,)
    asked = 10**6
    with pytest.raises(KeyboardInterrupt):
        exact_shapley(slow, x, background)


def test_the_same_seed_gives_the_same():
    rng = np.random.default_rng(8)
    x, background = rng.normal(size=12), rng.normal(size=(2, 12))
    for method, settings in ((kernel_shap, {"samples": 200}), (permutation_shapley, {"pairs": 5})):
        one, two = (method(network(12), x, background, rng=np.random.default_rng(1), **settings) for _ in range(2))
        assert (one.values == two.values).all()


X, B = np.arange(4.0), np.zeros((2, 4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda rng: exact_shapley(lambda r: r, X, B),
            CourseError,
            "target: expected 0 to 3, one of the outputs, got None",
        ),
        (lambda rng: exact_shapley(lambda r: r, X, B, target=4), CourseError, "got 4"),
        (lambda rng: exact_shapley(lambda r: r.sum(axis=1), X, B, target=1), CourseError, "expected none for a model"),
        (
            lambda rng: exact_shapley(lambda r: r.sum(), X, B),
            ShapeError,
            r"expected outputs of shape \(2,\) or \(2, K\)",
        ),
        (
            lambda rng: exact_shapley(lambda r: np.where(r[:, 3] > 0, np.nan, 1.0), X, B),
            CourseError,
            "expected finite numbers, got nan at row 0 of x",
        ),
        (
            lambda rng: exact_shapley(np.sum, X, np.zeros((2, 5))),
            ShapeError,
            r"rows of shape \(4,\) as in x, got \(5,\)",
        ),
        (lambda rng: exact_shapley(np.sum, X, np.zeros(4)), CourseError, r"background\[None\]|baseline\[None\]"),
        (lambda rng: exact_shapley(np.sum, X, np.zeros((0, 4))), CourseError, "at least one"),
        (
            lambda rng: exact_shapley(np.sum, np.full(4, np.nan), B),
            CourseError,
            r"x: expected finite numbers, got nan at \[0\]",
        ),
        (lambda rng: exact_shapley(np.sum, np.array(["a"] * 4), B), CourseError, "x: expected numbers, got <U1"),
        (
            lambda rng: exact_shapley(lambda r: r.sum(axis=1), np.ones(21), np.zeros((3, 21))),
            CourseError,
            "at most 20 .* got 21.*kernel_shap estimates them from 6,270 rows for each one that is explained",
        ),
        (lambda rng: exact_shapley(3, X, B), CourseError, "model: expected a function of rows, got int"),
        (
            lambda rng: exact_shapley(lambda r: r[:, 0], X, B, feature_names=["a"]),
            ShapeError,
            "each of 4 features, got 1",
        ),
        (
            lambda rng: exact_shapley(lambda r: r[:, 0], X, B, groups=[0, 0, 2, 2]),
            CourseError,
            "every number from 0 to 2",
        ),
        (
            lambda rng: exact_shapley(lambda r: r[:, 0], X, B, groups=[0, 1]),
            ShapeError,
            "groups: expected a whole number",
        ),
        (
            lambda rng: kernel_shap(lambda r: r.sum(axis=1), np.ones(9), np.zeros((1, 9)), samples=10, rng=rng),
            CourseError,
            "samples: expected at least 2 d = 18 coalitions, got 10",
        ),
        (
            lambda rng: kernel_shap(network(12), np.ones(12), np.zeros((1, 12)), samples=100, degree=3, rng=rng),
            CourseError,
            "expected at least 464 coalitions for degree 3, got 100",
        ),
        (lambda rng: kernel_shap(lambda r: r[:, 0], X, B, degree=2, rng=rng), CourseError, "degree: expected 1 or 3"),
        (lambda rng: permutation_shapley(lambda r: r[:, 0], X, B, pairs=1, rng=rng), CourseError, "pairs: expected"),
        (lambda rng: patches((4, 4), 0), CourseError, "size: expected at least 1"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call(np.random.default_rng(0))
