"""The steps on the way to KernelSHAP, each by itself: one order, one weighted line, one shuffled column."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.attribution import exact_shapley, kernel_weights
from coursekit.attribution.exact import all_coalitions, shapley_of_table
from coursekit.attribution.kernel import Regression, choose_coalitions, solve_kernel
from coursekit.attribution.permutation import contributions, marginal_contributions
from coursekit.attribution.perturbation import falls_of_score

players = st.integers(2, 6)
seeds = st.integers(0, 10**6)


def game(d, seed):
    """What each of the 2^d coalitions is worth, and the function that says so."""
    table = np.random.default_rng(seed).normal(size=2**d)
    return table, lambda coalitions: table[coalitions @ 2 ** np.arange(d)]


@given(st.integers(1, 5), seeds)
def test_the_mean_over_all_orders_is_the_shapley_value(d, seed):
    table, value = game(d, seed)
    orders = list(itertools.permutations(range(d)))
    mean = np.mean([contributions(value, np.array(order)) for order in orders], axis=0)
    np.testing.assert_allclose(mean, shapley_of_table(table), atol=1e-10)


@given(players, seeds)
def test_contributions_add_up_and_belong_to_the_player_not_to_the_place(d, seed):
    table, value = game(d, seed)
    order = np.random.default_rng(seed).permutation(d)
    added = contributions(value, order)
    assert added.sum() == pytest.approx(table[-1] - table[0], abs=1e-9)
    assert added[order[0]] == pytest.approx(table[2 ** order[0]] - table[0])


def test_an_order_and_its_reverse_are_a_pair_of_the_sampler():
    from coursekit.attribution import Game

    found = Game(lambda rows: np.tanh(rows.sum(axis=1)), np.array([1.0, -2.0, 0.5]), np.zeros((1, 3)))
    order = np.array([2, 0, 1])
    both = (contributions(found.value, order) + contributions(found.value, order[::-1])) / 2
    np.testing.assert_allclose(marginal_contributions(found, order[None])[0], both)


@given(players, seeds)
def test_the_line_through_all_coalitions_is_the_shapley_value(d, seed):
    table, value = game(d, seed)
    inner = all_coalitions(d)[1:-1]
    weights = kernel_weights(d)[inner.sum(axis=1) - 1]
    shares = solve_kernel(inner, value(inner), weights, table[0], table[-1])
    np.testing.assert_allclose(shares, shapley_of_table(table), atol=1e-8)


@given(st.integers(4, 7), seeds)
def test_it_finds_what_the_regression_of_pairs_finds(d, seed):
    table, value = game(d, seed)
    chosen = choose_coalitions(d, 2 * d + 4, np.random.default_rng(seed))
    fit = Regression(chosen, degree=1)
    worth = value(np.concatenate([chosen.first, ~chosen.first]))
    odd = (worth[: len(chosen.first)] - worth[len(chosen.first) :]) / 2
    theirs = fit.solve(odd, (table[-1] - table[0]) / 2)[0]
    ours = solve_kernel(
        np.concatenate([chosen.first, ~chosen.first]), worth, np.tile(chosen.weight, 2), table[0], table[-1]
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@given(players, seeds)
def test_the_line_is_the_best_of_those_that_add_up(d, seed):
    rng = np.random.default_rng(seed)
    table, value = game(d, seed)
    asked = np.concatenate([np.eye(d, dtype=bool), rng.random((3 * d, d)) < 0.5])
    weights = rng.uniform(0.1, 2, len(asked))
    shares = solve_kernel(asked, value(asked), weights, table[0], table[-1])
    assert shares.sum() == pytest.approx(table[-1] - table[0], abs=1e-9)

    def missed(shares):
        return weights @ (value(asked) - table[0] - asked @ shares) ** 2

    step = rng.normal(size=d)
    step -= step.mean()  # keeps the sum
    assert missed(shares) <= min(missed(shares + 0.1 * step), missed(shares - 0.1 * step)) + 1e-9


def test_of_a_straight_line_any_coalitions_that_suffice_give_the_slopes():
    w = np.array([1.0, -2.0, 0.5, 3.0])
    asked = np.eye(4, dtype=bool)
    exact = exact_shapley(lambda rows: rows @ w, np.ones(4), np.zeros((1, 4))).values
    np.testing.assert_allclose(solve_kernel(asked, asked @ w, np.ones(4), 0.0, w.sum()), exact)


def test_each_column_is_shuffled_alone_and_nothing_is_left_behind():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    before = x.copy()
    shuffles = np.array([rng.permutation(20) for _ in range(4)])
    seen = []

    def predict(rows):
        seen.append(rows.copy())
        return rows[:, 0]

    falls = falls_of_score(predict, x, y, lambda outputs, y: -float(np.mean((outputs - y) ** 2)), shuffles)
    assert falls.shape == (4, 3) and np.array_equal(x, before)
    assert not falls[:, 1:].any() and falls[:, 0].any()
    for rows in seen[1:]:
        assert (rows != x).any(axis=0).sum() == 1, "one column at a time"
