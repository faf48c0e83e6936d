"""Exercises of *Shapley values*: the weights of KernelSHAP, and the straight line that it fits with them."""

import math

import numpy as np

from coursekit.attribution.exact import all_coalitions
from coursekit.attribution.kernel import kernel_weights, solve_kernel
from coursekit.checks.core import Exercise, register

__all__ = ["solve", "weights"]

NOTEBOOK = "shapley"

# -- weights ---------------------------------------------------------------------------------------------------------


def _d_cases(rng):
    yield 5
    yield 4
    yield 3
    yield 2
    yield int(rng.integers(6, 20))
    yield int(rng.integers(20, 41))
    yield 64


def _for_sizes(formula, sizes=lambda d: range(1, d)):
    """A wrong answer with another formula, or for other sizes."""
    return lambda d: np.array([float(formula(d, s)) for s in sizes(d)])


def _kernel(d, s):
    return (d - 1) / (math.comb(d, s) * s * (d - s)) if 0 < s < d else math.inf


_all_sizes = _for_sizes(_kernel, lambda d: range(d + 1))
_from_zero = _for_sizes(_kernel, lambda d: range(d))
_to_d = _for_sizes(_kernel, lambda d: range(1, d + 1))
_without_comb = _for_sizes(lambda d, s: (d - 1) / (s * (d - s)))
_without_d = _for_sizes(lambda d, s: 1 / (math.comb(d, s) * s * (d - s)))
_d_for_d_minus_1 = _for_sizes(lambda d, s: d / (math.comb(d, s) * s * (d - s)))
_without_sizes = _for_sizes(lambda d, s: (d - 1) / math.comb(d, s))
_comb_on_top = _for_sizes(lambda d, s: (d - 1) * math.comb(d, s) / (s * (d - s)))
_orders = _for_sizes(lambda d, s: math.factorial(s) * math.factorial(d - s - 1) / math.factorial(d))
_size_only = _for_sizes(lambda d, s: (d - 1) / (math.comb(d, s) * s))
_precedence = _for_sizes(lambda d, s: (d - 1) / math.comb(d, s) * s * (d - s))
_comb_of_the_others = _for_sizes(lambda d, s: (d - 1) / (math.comb(d - 1, s) * s * (d - s)))
_uniform = _for_sizes(lambda d, s: 1 / (2**d - 2))


_sizes_on_top = _for_sizes(lambda d, s: (d - 1) / (math.comb(d, s) * s) * (d - s))
_d_minus_the_rest = _for_sizes(lambda d, s: d - 1 / (math.comb(d, s) * s * (d - s)))
_d_minus_s_torn = _for_sizes(lambda d, s: (d - 1) / (math.comb(d, s) * s * d - s))
_orders_of_s = _for_sizes(lambda d, s: (d - 1) / (math.perm(d, s) * s * (d - s)))
_sizes_alone = _for_sizes(lambda d, s: 1 / (s * (d - s)))
_comb_alone = _for_sizes(lambda d, s: 1 / math.comb(d, s))
_others_only = _for_sizes(lambda d, s: (d - 1) / (math.comb(d, s) * (d - s)))
_comb_with_player = _for_sizes(lambda d, s: (d - 1) / (math.comb(d - 1, s - 1) * s * (d - s)))
_fraction = _for_sizes(lambda d, s: (d - 1) / (d / s * s * (d - s)))
_last_left_out = _for_sizes(_kernel, lambda d: range(1, d - 1))


def _root(d):
    return np.sqrt(kernel_weights(d))


def _always_twelve(d):
    return kernel_weights(12)


def _to_one(d):
    return kernel_weights(d) / kernel_weights(d).sum()


def _each_coalition(d):
    size = all_coalitions(min(d, 10)).sum(axis=1)[1:-1]
    return np.array([_kernel(min(d, 10), int(s)) for s in size])


def _by_factorials(d):
    f = math.factorial
    return np.array([(d - 1) * f(s - 1) * f(d - s - 1) / f(d) for s in range(1, d)])


weights = register(
    Exercise(
        id="kernel.weights",
        notebook=NOTEBOOK,
        reference=kernel_weights,
        cases=_d_cases,
        difficulty=1,
        minutes=5,
        points=1,
        hints=[
            "Translate the formula for one size s, then do it for s = 1, 2, ..., d - 1.",
            "`math.comb(d, s)` is the number of coalitions of size s.",
            "`np.array([(d - 1) / (math.comb(d, s) * s * (d - s)) for s in range(1, d)])`.",
        ],
        misconceptions={
            _all_sizes: "Sizes 0 and d have an infinite weight; they are kept as conditions. Leave them out: d - 1 numbers.",
            _from_zero: "You begin at size 0, whose weight is infinite. Begin at 1.",
            _to_d: "You go as far as size d, whose weight is infinite. The last size is d - 1.",
            _without_comb: "This is the weight of all coalitions of a size together. Divide by C(d, s) for a single one.",
            _without_d: "The factor d - 1 is missing.",
            _d_for_d_minus_1: "The factor on top is d - 1, not d.",
            _without_sizes: "s (d - s) is missing below.",
            _comb_on_top: "C(d, s) belongs below: where there are many coalitions of a size, a single one counts little.",
            _orders: "These are the weights of the definition, for what a player adds. The kernel weighs coalitions in a regression.",
            _size_only: "Below stands s (d - s): a coalition and its complement weigh the same.",
            _precedence: "Brackets: `/ a * b * c` divides by a alone. Write `/ (a * b * c)`.",
            _comb_of_the_others: "Choose s of all d players: C(d, s).",
            _uniform: "All coalitions alike: then the line finds other values. Use the kernel.",
            _to_one: "Only the ratios matter in the regression, but the formula does not make the weights add up to 1. Leave them as they are.",
            _sizes_on_top: "Brackets: d - s belongs below the line too. Write `/ (a * b * c)`.",
            _d_minus_the_rest: "Brackets: on top stands (d - 1), all of it.",
            _d_minus_s_torn: "Brackets: `s * d - s` is not `s * (d - s)`.",
            _orders_of_s: "C(d, s) counts coalitions without regard to order: `math.comb`, not `math.perm`.",
            _sizes_alone: "This is 1 / (s (d - s)), a multiple of the weight of a whole size. For one coalition divide by C(d, s), and put d - 1 on top.",
            _comb_alone: "This is 1 / C(d, s) only. d - 1 on top and s (d - s) below are missing.",
            _others_only: "The factor s is missing below: a coalition and its complement weigh the same.",
            _comb_with_player: "C(d - 1, s - 1) counts the coalitions that one certain player is in. Take all of size s: C(d, s).",
            _fraction: "The upright bracket is no fraction: it means d choose s, `math.comb(d, s)`.",
            _last_left_out: "The last size is missing: `range(1, d)` ends at d - 1.",
            _root: "You took the root. That comes in the fit; the weights themselves are wanted here.",
            _always_twelve: "You wrote 12 for d. Use the argument.",
            _each_coalition: "One weight a *size*, d - 1 numbers, not one a coalition.",
        },
        variants=(_by_factorials,),
    )
)

# -- the line --------------------------------------------------------------------------------------------------------


def _line_cases(rng):
    def sampled(d, m, scale=1.0):
        z = rng.random((m, d)) < rng.uniform(0.25, 0.75, (m, 1))
        z[:d] = np.eye(d, dtype=bool)
        return z, scale * rng.normal(size=m), rng.uniform(0.2, 2.0, m), scale * rng.normal(), scale * rng.normal()

    table = rng.normal(size=16)
    inner = all_coalitions(4)[1:-1]
    yield inner, table[1:-1], kernel_weights(4)[inner.sum(axis=1) - 1], float(table[0]), float(table[-1])
    yield sampled(5, 20)
    yield sampled(3, 7)
    yield np.array([[True, False]]), rng.normal(size=1), np.ones(1), 0.5, 2.0  # one coalition of two players
    yield np.eye(3, dtype=bool), np.zeros(3), np.ones(3), 0.0, 0.0
    yield sampled(6, 30, scale=1000.0)
    yield (lambda z, v, w, a, b: (z, v.astype(np.float32), w.astype(np.float32), float(a), float(b)))(*sampled(4, 15))


def _parts(coalitions, worth, empty, full):
    z = coalitions.astype(np.float64)
    return z, worth - empty, full - empty


def _least(a, b, w=None):
    """Weighted least squares: (D,)."""
    root = np.sqrt(w) if w is not None else np.ones(len(a))
    return np.linalg.lstsq(a * root[:, None], b * root)[0]


def _without_condition(coalitions, worth, weights, empty, full):
    z, above, _ = _parts(coalitions, worth, empty, full)
    return _least(z, above, weights)


def _with_intercept(coalitions, worth, weights, empty, full):
    return _least(np.column_stack([coalitions, np.ones(len(coalitions))]).astype(float), worth, weights)[:-1]


def _gap_spread_evenly(coalitions, worth, weights, empty, full):
    shares = _without_condition(coalitions, worth, weights, empty, full)
    return shares + (full - empty - shares.sum()) / len(shares)


def _gap_by_factor(coalitions, worth, weights, empty, full):
    shares = _without_condition(coalitions, worth, weights, empty, full)
    with np.errstate(all="ignore"):
        return shares * ((full - empty) / shares.sum())


def _eliminated(coalitions, worth, weights, empty, full, *, column=True, moved=True, base=True, w=lambda w: w):
    """The right way with one step left out."""
    z, above, total = _parts(coalitions, worth, empty if base else 0.0, full)
    total = full - empty
    rest = z[:, :-1] - (z[:, -1:] if column else 0)
    wanted = above - (z[:, -1] * total if moved else 0)
    first = _least(rest, wanted, w(weights))
    return np.append(first, total - first.sum())


def _unweighted(*args):
    return _eliminated(*args, w=lambda w: np.ones_like(w))


def _weights_squared(*args):
    return _eliminated(*args, w=lambda w: w**2)


def _weights_inverted(*args):
    return _eliminated(*args, w=lambda w: 1 / w)


def _column_stays(*args):
    return _eliminated(*args, column=False)


def _target_stays(*args):
    return _eliminated(*args, moved=False)


def _empty_forgotten(*args):
    return _eliminated(*args, base=False)


def _uneven(left, right):
    """The right columns and targets, multiplied by different things."""

    def wrong(coalitions, worth, weights, empty, full):
        z, above, total = _parts(coalitions, worth, empty, full)
        a, b = z[:, :-1] - z[:, -1:], above - z[:, -1] * total
        first = np.linalg.lstsq(a * left(weights)[:, None], b * right(weights))[0]
        return np.append(first, total - first.sum())

    return wrong


_left_only = _uneven(np.sqrt, np.ones_like)
_right_only = _uneven(np.ones_like, np.sqrt)
_root_left_only = _uneven(np.sqrt, lambda w: w)
_root_right_only = _uneven(lambda w: w, np.sqrt)


def _another_line(column=-1.0, moved=-1.0, target_total=False, last_total=False):
    """The last share put in with another sign, or with `full` for the total."""

    def wrong(coalitions, worth, weights, empty, full):
        z, above, total = _parts(coalitions, worth, empty, full)
        inside = full if target_total else total
        first = _least(z[:, :-1] + column * z[:, -1:], above + moved * z[:, -1] * inside, weights)
        return np.append(first, (full if last_total else total) - first.sum())

    return wrong


_target_plus = _another_line(moved=1.0)
_column_plus = _another_line(column=1.0)
_not_put_in = _another_line(column=0.0, moved=0.0)
_full_in_target = _another_line(target_total=True)
_full_for_total = _another_line(target_total=True, last_total=True)


def _last_comes_first(*args):
    return np.roll(solve_kernel(*args), 1)


def _ends_as_rows(coalitions, worth, weights, empty, full):
    d = coalitions.shape[1]
    z = np.vstack([coalitions, np.zeros(d), np.ones(d)]).astype(float)
    return _least(z, np.append(worth, [empty, full]) - empty, np.append(weights, [1.0, 1.0]))


def _own_weights(coalitions, worth, weights, empty, full):
    """By the kernel, which has no weight for nobody and for all."""
    own = kernel_weights(coalitions.shape[1])[coalitions.sum(axis=1) - 1]
    return solve_kernel(coalitions, worth, own, empty, full)


def _last_missing(*args):
    return solve_kernel(*args)[:-1]


def _last_zero(*args):
    shares = solve_kernel(*args)
    shares[-1] = 0
    return shares


def _last_without_base(coalitions, worth, weights, empty, full):
    shares = solve_kernel(coalitions, worth, weights, empty, full)
    shares[-1] += empty
    return shares


def _outside(coalitions, worth, weights, empty, full):
    return solve_kernel(~coalitions, worth, weights, empty, full)


def _ends_swapped(coalitions, worth, weights, empty, full):
    return solve_kernel(coalitions, worth, weights, full, empty)


def _with_multiplier(coalitions, worth, weights, empty, full):
    z, above, total = _parts(coalitions, worth, empty, full)
    d = z.shape[1]
    system = np.zeros((d + 1, d + 1))
    system[:d, :d] = 2 * (z * weights[:, None]).T @ z
    system[:d, d] = system[d, :d] = 1
    return np.linalg.lstsq(system, np.append(2 * (z * weights[:, None]).T @ above, total), rcond=1e-12)[0][:d]


def _first_eliminated(coalitions, worth, weights, empty, full):
    z, above, total = _parts(coalitions, worth, empty, full)
    rest = _least(z[:, 1:] - z[:, :1], above - z[:, 0] * total, weights)
    return np.concatenate([[total - rest.sum()], rest])


solve = register(
    Exercise(
        id="kernel.solve",
        notebook=NOTEBOOK,
        reference=solve_kernel,
        cases=_line_cases,
        difficulty=4,
        minutes=20,
        points=4,
        hints=[
            "Put the last share, (full - empty) minus the others, into the line. What is left is least squares in d - 1 unknowns.",
            "The new columns are `z[:, :-1] - z[:, -1:]`, and what they should give is `worth - empty - z[:, -1] * (full - empty)`.",
            "Weights in least squares: multiply both sides by `np.sqrt(weights)`. Then `np.linalg.lstsq(A, b)[0]`, and append the last share.",
        ],
        misconceptions={
            _without_condition: "Your shares need not add up to `full - empty`: the condition is not built in.",
            _with_intercept: "You let the line choose its own start. It starts at `empty`, and the shares must add up to `full - empty`.",
            _gap_spread_evenly: "You fit without the condition and then hand out what is missing in equal parts. That adds up, but is not the best line that does: build the condition in first.",
            _gap_by_factor: "You fit without the condition and then stretch all shares. Build the condition in first.",
            _unweighted: "The weights are not used.",
            _weights_squared: "You multiplied both sides by the weights, which squares them in the sum. Multiply by their root.",
            _weights_inverted: "You divide by the weights' root. A large weight means that a coalition counts much: multiply.",
            _column_stays: "The last share is taken out of the right-hand side, but not out of the columns: they become `z[:, :-1] - z[:, -1:]`.",
            _target_stays: "The columns are right, but what they should give is smaller by `z[:, -1] * (full - empty)`.",
            _empty_forgotten: "Subtract `empty` from what coalitions are worth: shares say what is added to nobody's worth.",
            _left_only: "The columns are multiplied by the root of the weights, what they should give is not. Multiply both sides.",
            _right_only: "What the columns should give is multiplied by the root of the weights, the columns are not. Multiply both sides.",
            _root_left_only: "You multiply what the columns should give by the weights, but the columns by their root. Both by the root.",
            _root_right_only: "You multiply the columns by the weights, but what they should give by their root. Both by the root.",
            _target_plus: "On the right-hand side `z[:, -1] * (full - empty)` is subtracted. You added it.",
            _column_plus: "The columns are z_i *minus* z_d. You added.",
            _not_put_in: "You fit the first d - 1 shares as if the last player were not there. Put the last share into the line: both the columns and the right-hand side change.",
            _full_in_target: "On the right-hand side the last column is multiplied by `full - empty`, not by `full`.",
            _full_for_total: "The shares must add up to `full - empty`; yours add up to `full`.",
            _last_comes_first: "The share that the others leave stands in front. It is the last player's: append it.",
            _ends_as_rows: "You added nobody and all as two ordinary rows. Then they fit only about as well as the others: build the condition in.",
            _own_weights: "You took weights of your own in place of the argument `weights`.",
            _last_missing: "The last player's share is missing: it is what the others leave of `full - empty`.",
            _last_zero: "The last player gets nothing in your answer. The share is what the others leave of `full - empty`.",
            _last_without_base: "The last share is what the others leave of `full - empty`, not of `full`.",
            _outside: "Your columns say who is *missing*. z is 1 for those who are in.",
            _ends_swapped: "`empty` and `full` have changed places.",
        },
        variants=(_with_multiplier, _first_eliminated),
    )
)
