"""Exercises of *Autograd*, the rules: how a gradient comes back through a product, a matrix product, a broadcast."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import vjp as reference
from coursekit.scratch.graph import unbroadcast as reference_unbroadcast

__all__ = ["matmul", "mul", "unbroadcast"]

# -- product -----------------------------------------------------------------------------------------------------------------


def _mul_cases(rng):
    for shape in ((3,), (4, 3), (1, 5), (2, 3, 4)):
        yield tuple(rng.normal(size=shape) for _ in range(3))
    yield np.array([2.0]), np.array([3.0]), np.array([-5.0])
    yield 100 * rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), 1e3 * rng.normal(size=(3, 3))
    yield rng.normal(size=(2, 3)), np.zeros((2, 3)), rng.normal(size=(2, 3))
    yield tuple(rng.normal(size=(3, 2)).astype(np.float32) for _ in range(3))


def _factors_swapped(G, a, b):
    return G * a, G * b


def _without_upstream(G, a, b):
    return b.copy(), a.copy()


def _own_values(G, a, b):
    return a.copy(), b.copy()


def _added(G, a, b):
    return G + b, G + a


def _whole_product(G, a, b):
    return G * a * b, G * a * b


def _same_twice(G, a, b):
    return G * b, G * b


def _one_only(G, a, b):
    return G * b


def _summed_up(G, a, b):
    return np.sum(G * b), np.sum(G * a)


def _passed_on(G, a, b):
    return G.copy(), G.copy()


def _as_matrices(G, a, b):
    return G @ b.T, a.T @ G


def _both_in_one(G, a, b):
    return G * b + G * a


def _written_into_upstream(G, a, b):
    G *= b
    return G, G * a


def _mul_by_loop(G, a, b):
    da, db = np.empty_like(G), np.empty_like(G)
    for i in np.ndindex(G.shape):
        da[i] = G[i] * b[i]
        db[i] = G[i] * a[i]
    return da, db


mul = register(
    Exercise(
        id="vjp.mul",
        notebook="autograd",
        reference=reference.mul_vjp,
        cases=_mul_cases,
        difficulty=1,
        minutes=4,
        points=1,
        hints=[
            "For single numbers: y = a b. If a grows by a little, y grows by b times that.",
            "The chain rule: upstream gradient times slope. The slope at a is b, the slope at b is a.",
            "`return G * b, G * a`",
        ],
        misconceptions={
            _factors_swapped: "The factors are in each other's place: how y changes with a is told by *b*.",
            _without_upstream: "These are the slopes alone. The chain rule multiplies them by the upstream gradient G.",
            _own_values: "These are a and b themselves. The slope at a is b, at b it is a, and both are multiplied by G.",
            _added: "You added the upstream gradient. The chain rule *multiplies* slopes along the way.",
            _whole_product: "You multiplied by the whole product a b. The slope at a is b alone.",
            _same_twice: "Both gradients are G times b. For the second input the slope is a.",
            _one_only: "This is the gradient of a alone. Return both, da and db.",
            _summed_up: "You summed up. A gradient has the shape of what it belongs to: one number for each number.",
            _passed_on: "G passes unchanged: that is the rule of a *sum*. For a product multiply by the other factor.",
            _as_matrices: "This is the rule of the matrix product. Here a * b multiplies number by number.",
            _both_in_one: "You added both shares. Each factor has a gradient of its own: return two arrays, da and db.",
            _written_into_upstream: "G is changed before db is computed: `*=` writes into the array itself, and `da = G` is no copy of it. "
            "Make a new array.",
        },
        variants=(_mul_by_loop,),
    )
)

# -- matrix product ----------------------------------------------------------------------------------------------------------


def _matmul_cases(rng):
    for n, d, k in ((4, 3, 2), (1, 5, 7), (3, 3, 3), (6, 1, 4)):
        yield rng.normal(size=(n, k)), rng.normal(size=(n, d)), rng.normal(size=(d, k))
    yield rng.normal(size=(5, 4, 2)), rng.normal(size=(5, 4, 3)), rng.normal(size=(5, 3, 2))  # a stack of five
    yield rng.normal(size=(2, 2, 3, 3)), rng.normal(size=(2, 2, 3, 3)), rng.normal(size=(2, 2, 3, 3))
    yield np.zeros((2, 3)), rng.normal(size=(2, 4)), rng.normal(size=(4, 3))
    yield rng.normal(size=(2, 3)), 1e3 * rng.normal(size=(2, 4)), rng.normal(size=(4, 3))
    yield tuple(rng.normal(size=s).astype(np.float32) for s in ((3, 2), (3, 4), (4, 2)))


def _t(x):
    return x.swapaxes(-1, -2)


def _answers_swapped(G, a, b):
    return _t(a) @ G, G @ _t(b)


def _all_axes_turned(G, a, b):
    return G @ b.T, a.T @ G


def _not_transposed(G, a, b):
    return G @ b, a @ G


def _order_of_factors(G, a, b):
    return _t(b) @ G, G @ _t(a)


def _number_by_number(G, a, b):
    return G * b, G * a


def _averaged(G, a, b):
    return G @ _t(b), _t(a) @ G / G.shape[-2]


def _come_out_transposed(G, a, b):
    return b @ _t(G), _t(G) @ a


def _no_upstream(G, a, b):
    return np.ones_like(G) @ _t(b), _t(a) @ np.ones_like(G)


def _only_weights(G, a, b):
    return _t(a) @ G


def _with_dot(G, a, b):
    return np.dot(G, _t(b)), np.dot(_t(a), G)


def _slopes_alone(G, a, b):
    return _t(b).copy(), _t(a).copy()


def _stack_summed(G, a, b):
    return G @ _t(b), (_t(a) @ G).sum(axis=tuple(range(a.ndim - 2)))


def _counted_from_the_front(G, a, b):
    return G @ b.swapaxes(1, 2), a.swapaxes(1, 2) @ G


def _first_two_turned(G, a, b):
    return G @ b.swapaxes(0, 1), a.swapaxes(0, 1) @ G


def _reshaped(G, a, b):
    return G @ b.reshape(_t(b).shape), a.reshape(_t(a).shape) @ G


def _with_einsum(G, a, b):
    return np.einsum("...nk,...dk->...nd", G, b), np.einsum("...nd,...nk->...dk", a, G)


matmul = register(
    Exercise(
        id="vjp.matmul",
        notebook="autograd",
        reference=reference.matmul_vjp,
        cases=_matmul_cases,
        difficulty=2,
        minutes=7,
        points=2,
        hints=[
            "By shapes: da must be (N, D). You have G (N, K) and b (D, K), and one of them has to be turned round.",
            "da is G times b transposed, db is a transposed times G: as in the dense layer of notebook 03.",
            "In a stack of tables `.T` turns *all* axes round. Swap the last two only: `b.swapaxes(-1, -2)`.",
            "`return G @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ G`",
        ],
        misconceptions={
            _answers_swapped: "da and db are in each other's place: return da, db.",
            _all_axes_turned: "Right for single tables. In a stack `.T` turns *all* axes round: swap only the last two, `b.swapaxes(-1, -2)`.",
            _not_transposed: "The transposes are missing: forward goes from D to K, so backward must go from K to D.",
            _order_of_factors: "The factors stand in the wrong order: it is G times b transposed, and a transposed times G.",
            _number_by_number: "You multiplied number by number. The rule of a matrix product is made of matrix products.",
            _averaged: "You divided by N. Where the loss is a mean, its 1/N is in G already.",
            _come_out_transposed: "Both gradients come out transposed. A gradient has the shape of what it belongs to.",
            _no_upstream: "G is missing: you went back with ones. The chain rule multiplies by the upstream gradient.",
            _only_weights: "This is db alone. Return both, da and db.",
            _with_dot: "Right for single tables. For stacks `np.dot` pairs every table with every other; `@` goes table by table.",
            _slopes_alone: "G is missing: these are the tables alone, turned round. The chain rule multiplies by the upstream gradient.",
            _stack_summed: "You summed over the stack. Each table in it was used once and has a gradient of its own: db has the shape of b.",
            _counted_from_the_front: "Right for a stack, but a single table has no axis 2. Count from the end: `b.swapaxes(-1, -2)`.",
            _first_two_turned: "Right for single tables. In a stack rows and columns are the *last* two axes: `b.swapaxes(-1, -2)`.",
            _reshaped: "`reshape` keeps the numbers in their order; it does not exchange rows and columns. Use `b.swapaxes(-1, -2)`.",
        },
        variants=(_with_einsum,),
    )
)

# -- undoing broadcasting ------------------------------------------------------------------------------------------------------


def _shape_cases(rng):
    for big, small in (((4, 3), (3,)), ((4, 3), (4, 1)), ((4, 3), (4, 3)), ((2, 4, 3), (4, 1)), ((5, 2), (1, 2))):
        yield rng.normal(size=big), small
    yield rng.normal(size=(3, 4)), ()  # a single number
    yield rng.normal(size=(2, 3, 4)), (1, 3, 1)
    yield rng.normal(size=(3, 3)), (3,)
    yield rng.normal(size=(1, 3)), (1, 1)
    yield rng.normal(size=(2, 1, 3)), (1, 3)
    yield 1e4 * rng.normal(size=(6, 2)), (2,)
    yield np.zeros((3, 5)), (5,)
    yield rng.normal(size=(7, 3)).astype(np.float32), (3,)


def _use_unbroadcast(obj, G, shape):
    found = obj(G, shape)
    return np.asarray(found) if isinstance(found, np.generic) else found  # a sum over all axes is no array


def _axes(G, shape):
    new = G.ndim - len(shape)
    return tuple(range(new)) + tuple(new + i for i, n in enumerate(shape) if n == 1)


def _leading_only(G, shape):
    return G.sum(axis=tuple(range(G.ndim - len(shape))))


def _stretched_only(G, shape):
    for axis, size in enumerate(shape):
        if size == 1:
            G = G.sum(axis=axis, keepdims=True)
    return G


def _stretched_before_leading(G, shape):
    G = _stretched_only(G, shape)
    while G.ndim > len(shape):
        G = G.sum(axis=0)
    return G


def _one_new_axis_at_most(G, shape):
    return _stretched_only(G.sum(axis=0) if G.ndim > len(shape) else G, shape)


def _new_axes_at_the_end(G, shape):
    while G.ndim > len(shape):
        G = G.sum(axis=-1)
    return _stretched_only(G, shape)


def _mean_of_leading(G, shape):
    return G.mean(axis=tuple(range(G.ndim - len(shape))))


def _axes_lost(G, shape):
    return G.sum(axis=_axes(G, shape))


def _means(G, shape):
    return G.mean(axis=_axes(G, shape), keepdims=True).reshape(shape)


def _first_copy(G, shape):
    return G[(0,) * (G.ndim - len(shape)) + tuple(slice(0, n) for n in shape)].copy()


def _unchanged(G, shape):
    return G.copy()


def _always_the_batch(G, shape):
    return G.sum(axis=0)


def _total_everywhere(G, shape):
    return np.full(shape, G.sum(), G.dtype)


def _only_reshaped(G, shape):
    return G.reshape(shape)


def _cut_and_resized(G, shape):
    return np.resize(G, shape)


def _one_axis_after_the_other(G, shape):
    while G.ndim > len(shape):
        G = G.sum(axis=0)
    return _stretched_only(G, shape)


unbroadcast = register(
    Exercise(
        id="vjp.unbroadcast",
        notebook="autograd",
        reference=reference_unbroadcast,
        cases=_shape_cases,
        call=_use_unbroadcast,
        alias_ok=True,
        difficulty=3,
        minutes=10,
        points=2,
        hints=[
            "Broadcasting did two things: it put new axes in front, and it stretched axes of size 1. Undo each of them by a sum.",
            "The new axes: as long as G has more axes than `shape`, sum over axis 0.",
            "The stretched ones: where `shape` says 1, sum over that axis with `keepdims=True`, so that the axis stays.",
            "`while G.ndim > len(shape): G = G.sum(axis=0)`, then `for axis, size in enumerate(shape): if size == 1: G = G.sum(axis=axis, keepdims=True)`",
        ],
        misconceptions={
            _leading_only: "The new axes in front are summed away, but an axis of size 1 that was stretched is not: sum there too, with `keepdims=True`.",
            _stretched_only: "The stretched axes are summed, but the axes that broadcasting put in front are still there: sum them away first.",
            _stretched_before_leading: "The axes of `shape` are the *last* axes of G. As long as new axes stand in front, axis 0 of `shape` is not "
            "axis 0 of G: sum the new axes away first.",
            _one_new_axis_at_most: "You take away one new axis. Broadcasting may have put several in front: repeat with `while`.",
            _new_axes_at_the_end: "You summed away the last axes. Broadcasting puts new axes in *front*: sum over axis 0.",
            _axes_lost: "An axis of size 1 must stay: `keepdims=True` where `shape` says 1.",
            _means: "You took the mean of the copies. Each copy had its own influence on the loss, and influences add up: sum.",
            _mean_of_leading: "You took the mean of the copies, and left out the axes of size 1. Each copy had its own influence on the loss: sum, "
            "over the new axes in front and where `shape` says 1.",
            _first_copy: "You kept the gradient of the first copy and dropped the others. They add up.",
            _unchanged: "G came back as it was. Where the shapes differ, sum over the copies.",
            _always_the_batch: "You always sum over axis 0. Which axes were stretched depends on `shape`.",
            _total_everywhere: "Every place got the sum over everything. Sum only along the axes that were added or stretched.",
            _only_reshaped: "G holds more numbers than `shape` has places. `reshape` only arranges them anew, and `broadcast_to` only copies: sum.",
            _cut_and_resized: "`np.resize` cuts off or repeats numbers. The copies must be summed.",
        },
        variants=(_one_axis_after_the_other,),
    )
)
