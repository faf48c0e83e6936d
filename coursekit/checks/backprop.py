"""Exercises of *Backpropagation*: each layer's gradient, and the chain that joins them."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import functional as F
from coursekit.scratch import numerical

__all__ = ["dense", "numerical_gradient", "relu"]

# -- numerical gradient --------------------------------------------------------------------------------------------------


def _sum_of_cubes(x):
    return np.sum(x**3)


def _sum_of_sines(x):
    return np.sum(np.sin(3 * x) * (1 + x))


def _product(x):
    return np.prod(x + 3)


def _numerical_cases(rng):
    yield _sum_of_cubes, np.array([1.0, -2.0, 3.0])
    yield _sum_of_sines, rng.normal(size=(2, 3))
    yield _product, rng.normal(size=4)
    yield _sum_of_cubes, np.array([[0.5]])  # a single number
    yield _sum_of_sines, np.zeros(3)
    yield _sum_of_cubes, rng.normal(size=(2, 2)), 0.1  # the step is the caller's
    yield _sum_of_cubes, np.array([200.0, -300.0]), 1e-3


def _forward_differences(f, x, h=1e-5):
    base, grad = f(x), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        moved = x.copy()
        moved[i] += h
        grad[i] = (f(moved) - base) / h
    return grad


def _half_missing(f, x, h=1e-5):
    return 2 * numerical.numerical_gradient(f, x, h)


def _all_at_once(f, x, h=1e-5):
    return np.full_like(x, (f(x + h) - f(x - h)) / (2 * h))


def _all_at_once_one_number(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


def _divides_then_multiplies(f, x, h=1e-5):
    return numerical.numerical_gradient(f, x, h) * (2 * h) / 2 * h


def _half_the_way(f, x, h=1e-5):
    grad = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        moved = x.copy()
        moved[i] += h
        grad[i] = (f(moved) - f(x)) / (2 * h)
    return grad


def _own_step(f, x, h=1e-5):
    return numerical.numerical_gradient(f, x, 1e-5)


def _not_restored(f, x, h=1e-5):
    grad = numerical.numerical_gradient(f, x, h)
    x -= h
    return grad


def _downhill(f, x, h=1e-5):
    return -numerical.numerical_gradient(f, x, h)


def _numerical_with_copies(f, x, h=1e-5):
    flat, grad = x.ravel(), []
    for i in range(flat.size):
        step = np.zeros_like(flat)
        step[i] = h
        grad.append((f((flat + step).reshape(x.shape)) - f((flat - step).reshape(x.shape))) / (2 * h))
    return np.array(grad).reshape(x.shape)


numerical_gradient = register(
    Exercise(
        id="backprop.numerical_gradient",
        notebook="backpropagation",
        reference=numerical.numerical_gradient,
        cases=_numerical_cases,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "One number of x at a time: move it up by h, move it down by h, divide the difference of f by 2h.",
            "`for i in np.ndindex(x.shape)` visits every number, whatever the shape; keep the old value and put it back.",
            "`kept = x[i]; x[i] = kept + h; above = f(x); x[i] = kept - h; below = f(x); x[i] = kept`, "
            "then `grad[i] = (above - below) / (2 * h)`.",
        ],
        misconceptions={
            _forward_differences: "These are *forward* differences, (f(x + h) - f(x)) / h: their error shrinks only like h. "
            "Step to both sides, then it shrinks like h squared.",
            _half_missing: "Twice too large: from x - h to x + h is a step of 2h, so divide by 2h.",
            _all_at_once: "You moved all numbers of x together, so you measured the *sum* of the gradient. Move one at a time.",
            _all_at_once_one_number: "You moved all numbers of x together, so you measured the *sum* of the gradient. Move one at a time.",
            _divides_then_multiplies: "`/ 2 * h` divides by 2 and then *multiplies* by h. Write `/ (2 * h)`.",
            _half_the_way: "Half of it: going up by h and back by h only returns to x. Go down to x - h.",
            _own_step: "You use a step of your own. The step is the argument h.",
            _not_restored: "Your numbers are right, but x is not what it was: put every number back after moving it.",
            _downhill: "The sign is turned: above minus below, not below minus above.",
        },
        variants=(_numerical_with_copies,),
    )
)

# -- relu ------------------------------------------------------------------------------------------------------------------


def _relu_cases(rng):
    yield rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    yield rng.normal(size=(1, 5)), rng.normal(size=(1, 5))  # a batch of one
    yield np.ones((2, 3)), np.array([[-1.0, 0.0, 1.0], [0.0, 0.0, 2.0]])  # exactly at the kink
    yield 1e4 * rng.normal(size=(2, 5)), np.zeros((2, 5))
    yield rng.normal(size=(3, 6)), -np.ones((3, 6))  # a dead layer
    yield rng.normal(size=(5, 2)).astype(np.float32), rng.normal(size=(5, 2)).astype(np.float32)


def _mask_only(dA, z):
    return (z > 0).astype(dA.dtype)


def _mask_of_gradient(dA, z):
    return dA * (dA > 0)


def _times_z(dA, z):
    return dA * np.maximum(z, 0)


def _open_at_zero(dA, z):
    return dA * (z >= 0)


def _slope_as_whole_numbers(dA, z):
    return np.where(z > 0, 1, 0)


def _relu_again(dA, z):
    return np.maximum(z, 0)


def _untouched(dA, z):
    return dA.copy()


def _relu_with_where(dA, z):
    return np.where(z > 0, dA, 0)


relu = register(
    Exercise(
        id="backprop.relu",
        notebook="backpropagation",
        reference=F.relu_backward,
        cases=_relu_cases,
        difficulty=1,
        minutes=4,
        points=1,
        hints=[
            "Where z is positive, relu(z) = z and its slope is 1. Where z is negative, relu(z) = 0 and its slope is 0.",
            "The chain rule multiplies: upstream gradient times local slope.",
            "`dA * (z > 0)`",
        ],
        misconceptions={
            _mask_only: "This is the slope of the ReLU alone. The chain rule *multiplies* it by the upstream gradient dA.",
            _slope_as_whole_numbers: "This is the slope of the ReLU alone. The chain rule *multiplies* it by the upstream gradient dA.",
            _relu_again: "This is the ReLU itself. Its *gradient* is asked: the upstream gradient where z was positive, else 0.",
            _mask_of_gradient: "You let through the positive *gradients*. What decides is whether the input z was positive.",
            _times_z: "You multiplied by relu(z). The slope of the ReLU is 1 where z is positive, not z.",
            _open_at_zero: "Only z = 0 differs. There we take the slope to be 0, as every framework does: `z > 0`.",
            _untouched: "The gradient passes unchanged. Where z was negative the ReLU is flat, so nothing may pass.",
        },
        variants=(_relu_with_where,),
    )
)

# -- dense -------------------------------------------------------------------------------------------------------------------


def _dense_cases(rng):
    for n, d, h in ((4, 3, 2), (1, 5, 7), (3, 3, 3), (6, 1, 4)):
        yield rng.normal(size=(n, d)), rng.normal(size=(d, h)), rng.normal(size=(n, h))
    yield tuple(rng.normal(size=s).astype(np.float32) for s in ((8, 6), (6, 5), (8, 5)))
    yield rng.normal(size=(2, 3)), rng.normal(size=(3, 2)), np.zeros((2, 2))
    yield 1e3 * rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=(3, 2))


def _bias_mean(X, W, dZ):
    return dZ @ W.T, X.T @ dZ, dZ.mean(axis=0)


def _averaged_again(X, W, dZ):
    return dZ @ W.T, X.T @ dZ / len(X), dZ.mean(axis=0)


def _order_swapped(X, W, dZ):
    return X.T @ dZ, dZ @ W.T, dZ.sum(axis=0)


def _bias_row(X, W, dZ):
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0, keepdims=True)


def _no_transpose(X, W, dZ):
    return dZ @ W, X.T @ dZ, dZ.sum(axis=0)


def _everything_averaged(X, W, dZ):
    return dZ @ W.T / len(X), X.T @ dZ / len(X), dZ.mean(axis=0)


def _bias_over_neurons(X, W, dZ):
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=1)


def _bias_of_ones(X, W, dZ):
    return dZ @ W.T, X.T @ dZ, np.ones(W.shape[1])


def _bias_all(X, W, dZ):
    return dZ @ W.T, X.T @ dZ, dZ


def _dense_by_einsum(X, W, dZ):
    return np.einsum("nh,dh->nd", dZ, W), np.einsum("nd,nh->dh", X, dZ), np.ones(len(X)) @ dZ


dense = register(
    Exercise(
        id="backprop.dense",
        notebook="backpropagation",
        reference=F.dense_backward,
        cases=_dense_cases,
        difficulty=3,
        minutes=10,
        points=3,
        hints=[
            "A gradient has the shape of the thing it belongs to: dX is (N, D), dW is (D, H), db is (H,). "
            "Which products of X, W and dZ have these shapes?",
            "dX: (N, H) times (H, D). dW: (D, N) times (N, H). Transposes make the shapes meet.",
            "`dZ @ W.T`, `X.T @ dZ`, and, because b was added to every row, `dZ.sum(axis=0)`.",
        ],
        misconceptions={
            _bias_mean: "db is a mean here. The bias acts on every example, so the contributions *add up*; "
            "the 1/N of the loss is already inside dZ.",
            _averaged_again: "You divided by N once more. The loss is a mean, so its 1/N is already inside dZ.",
            _order_swapped: "dX and dW are in each other's place: return dX, dW, db.",
            _bias_row: "db has shape (1, H). It belongs to b, of shape (H,): sum without keepdims.",
            _no_transpose: "dX needs W transposed: forward goes from D to H, so backward must go from H to D.",
            _everything_averaged: "You divided by N once more. The loss is a mean, so its 1/N is already inside dZ.",
            _bias_over_neurons: "You summed over the neurons (axis 1). Each neuron has its own bias: sum over the examples, axis 0.",
            _bias_of_ones: "1 is the slope of Z with respect to b. The chain rule multiplies it by dZ and adds up over the batch.",
            _bias_all: "db is still one row per example. b is shared by all of them: sum over the batch, axis 0.",
        },
        variants=(_dense_by_einsum,),
    )
)
