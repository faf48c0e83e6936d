"""Exercise of *Generative adversarial networks*: how much a matrix can stretch a vector, by power iteration."""

import numpy as np
import torch
from torch.nn import functional as F

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import stabilisers

__all__ = ["power_iteration"]


def _cases(rng):
    yield np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([1.0, 1.0]), 3
    yield rng.normal(size=(4, 4)), rng.normal(size=4), 1
    yield rng.normal(size=(3, 6)), rng.normal(size=3), 2
    yield rng.normal(size=(7, 2)), rng.normal(size=7), 5
    yield rng.normal(size=(1, 5)), rng.normal(size=1), 1  # a last layer: one row
    yield 1e4 * rng.normal(size=(5, 4)), rng.normal(size=5), 30
    yield rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=4).astype(np.float32), 10


def _use(obj, weight, u, steps):
    start, matrix = torch.tensor(u), torch.tensor(weight)
    answer = obj(matrix, start, steps)
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise UnusableAnswerError("Return two things: `return sigma, u`.")
    if not all(isinstance(value, torch.Tensor) for value in answer):
        raise UnusableAnswerError(
            "Return sigma and u as tensors, without `.item()` or NumPy: a gradient must pass sigma."
        )
    if not (np.array_equal(start, u) and np.array_equal(matrix, weight)):
        raise UnusableAnswerError("Your code changes `u` or `weight` in place. Make a new tensor: `u = ...`.")
    return {name: np.asarray(value) for name, value in zip(("sigma", "u"), answer, strict=True)}


def _unit(x):
    return x / x.norm()


def _walk(weight, u, steps):
    for _ in range(steps):
        v = _unit(weight.T @ u)
        u = _unit(weight @ v)
    return u, v


def _never_shortened(weight, u, steps):
    for _ in range(steps):
        v = weight.T @ u
        u = weight @ v
    return u @ weight @ v, u


def _one_step(weight, u, steps):
    u, v = _walk(weight, u, 1)
    return u @ weight @ v, u


def _there_only(weight, u, steps):
    u, v = _walk(weight, u, steps)
    return u @ weight @ v, v


def _squared(weight, u, steps):
    u, v = _walk(weight, u, steps)
    return (weight @ v).square().sum(), u


def _frobenius(weight, u, steps):
    return weight.norm(), _walk(weight, u, steps)[0]


def _largest_entry(weight, u, steps):
    return weight.abs().max(), _walk(weight, u, steps)[0]


def _by_largest_number(weight, u, steps):
    for _ in range(steps):
        v = weight.T @ u
        v = v / v.abs().max()
        u = weight @ v
        u = u / u.abs().max()
    return u @ weight @ v, u


def _by_sum(weight, u, steps):
    for _ in range(steps):
        v = weight.T @ u
        v = v / v.abs().sum()
        u = weight @ v
        u = u / u.abs().sum()
    return u @ weight @ v, u


def _without_coming_back(weight, u, steps):
    v = _unit(weight.T @ u)
    for _ in range(steps - 1):
        v = _unit(weight.T @ _unit(weight @ v))
    return (_unit(u) @ weight @ v), _unit(u)


def _not_transposed(weight, u, steps):
    for _ in range(steps):
        u = _unit(weight @ u)
    return u @ weight @ u, u


def _exact(weight, u, steps):
    left, sigma, _ = torch.linalg.svd(weight, full_matrices=False)
    return sigma[0], left[:, 0] * torch.sign(left[:, 0] @ u)


def _exact_from_the_start(weight, u, steps):
    return torch.linalg.svdvals(weight)[0], u


def _u_left_long(weight, u, steps):
    for _ in range(steps):
        v = _unit(weight.T @ u)
        u = weight @ v
    return u.norm(), u


def _only_v_shortened(weight, u, steps):
    for _ in range(steps):
        v = _unit(weight.T @ u)
        u = weight @ v
    return u @ weight @ v, u


def _only_u_shortened(weight, u, steps):
    for _ in range(steps):
        v = weight.T @ u
        u = _unit(weight @ v)
    return u @ weight @ v, u


def _one_more(weight, u, steps):
    u, v = _walk(weight, u, steps + 1)
    return u @ weight @ v, u


def _never_transposed(weight, u, steps):
    for _ in range(steps):
        v = _unit(weight @ u)
        u = _unit(weight @ v)
    return u @ weight @ v, u


def _transposed_the_wrong_one(weight, u, steps):
    for _ in range(steps):
        v = _unit(weight @ u)
        u = _unit(weight.T @ v)
    return u @ weight @ v, u


def _sigma_too_early(weight, u, steps):
    for _ in range(steps):
        v = _unit(weight.T @ u)
        sigma = u @ weight @ v
        u = _unit(weight @ v)
    return sigma, u


def _of_the_square(weight, u, steps):
    u, _ = _walk(weight, u, steps)
    return u @ weight @ weight.T @ u, u


def _divided_by_the_square(weight, u, steps):
    for _ in range(steps):
        v = weight.T @ u
        v = v / (v @ v)
        u = weight @ v
        u = u / (u @ u)
    return u @ weight @ v, u


def _sides_swapped(weight, u, steps):
    u, v = _walk(weight, u, steps)
    return v @ weight @ u, u


def _largest_of_the_product(weight, u, steps):
    u, v = _walk(weight, u, steps)
    return (weight @ v).abs().max(), u


def _stretch_on_the_way_back(weight, u, steps):
    u, _ = _walk(weight, u, steps)
    return (weight.T @ u).norm(), u


def _answers_turned(weight, u, steps):
    u, v = _walk(weight, u, steps)
    return u, u @ weight @ v


def _with_normalize(weight, u, steps):
    for _ in range(steps):
        v = F.normalize(torch.mv(weight.T, u), dim=0)
        u = F.normalize(torch.mv(weight, v), dim=0)
    return torch.dot(u, torch.mv(weight, v)), u


def _with_length_of_the_last(weight, u, steps):
    sigma = u.norm()
    for _ in range(steps):
        v = weight.T @ u
        u = weight @ (v / (v @ v) ** 0.5)
        sigma = (u @ u) ** 0.5  # u . W v, since u is W v made short
        u = u / sigma
    return sigma, u


power_iteration = register(
    Exercise(
        id="spectral.power_iteration",
        notebook="gans",
        reference=stabilisers.power_iteration,
        cases=_cases,
        call=_use,
        difficulty=3,
        minutes=10,
        points=3,
        hints=[
            "Two arrows, u with as many numbers as W has rows, v with as many as it has columns. W takes a v to a u; its transpose takes "
            "a u to a v.",
            "A step: v = W.T @ u, made length 1; then u = W @ v, made length 1. `x / x.norm()` makes length 1.",
            "After the loop: `return u @ weight @ v, u`.",
        ],
        misconceptions={
            _never_shortened: "The arrows are never made length 1, so they grow with every step, and sigma with them. Divide by the "
            "length, `x / x.norm()`, after each product.",
            _one_step: "You took one step, whatever `steps` says.",
            _there_only: "You returned v. What the next call starts from is u, with as many numbers as W has rows.",
            _squared: "This is sigma squared: the length of W v, squared. Return u . W v.",
            _frobenius: "This is the root of the sum of all squares (the Frobenius norm): the stretching in all directions together. "
            "It is at least the largest singular value, and mostly well above.",
            _largest_entry: "This is the largest number in W. A matrix of many small numbers can stretch a lot.",
            _by_largest_number: "You divided by the largest number of the vector. Length 1 means: divide by `x.norm()`.",
            _by_sum: "You divided by the sum of the numbers. Length 1 means: divide by `x.norm()`, the root of the sum of squares.",
            _without_coming_back: "The v is right, but the u is still the one you started from. Bring it up to date in each step: "
            "u = W @ v, made length 1.",
            _not_transposed: "You went through W each time. That finds an eigenvector, and needs a square matrix. There through W.T, "
            "back through W.",
            _exact: "This is the exact answer, of a whole decomposition: too dear for every training step, and not what `steps` "
            "steps from this u give.",
            _exact_from_the_start: "This is the exact sigma, of a whole decomposition: too dear for every training step. And u is still "
            "the one you started from. Walk `steps` times there and back.",
            _u_left_long: "sigma is right, but u has not been made length 1: it is as long as sigma. Divide by its length.",
            _only_v_shortened: "v is made length 1, u is not, so sigma comes out squared. Divide u by its length as well.",
            _only_u_shortened: "u is made length 1, v is not, so sigma comes out squared. Divide v by its length as well.",
            _one_more: "You took one step more than `steps` says.",
            _never_transposed: "You went through W both times, which needs a square matrix. There through `weight.T`, back through `weight`.",
            _transposed_the_wrong_one: "The two are swapped: v = W.T @ u comes first, then u = W @ v.",
            _sigma_too_early: "sigma was computed with the old u. Compute it after the loop, from the last u and the last v.",
            _of_the_square: "u . W W.T u is sigma *squared*. Return u . W v.",
            _divided_by_the_square: "You divided by x @ x, the length squared. Length 1 means: divide by `x.norm()`.",
            _sides_swapped: "v and u are swapped in the last product: u has as many numbers as W has rows, so it stands on the left.",
            _largest_of_the_product: "This is the largest number in W v. How long W v is, is its norm, which is u . W v.",
            _stretch_on_the_way_back: "This is the length of W.T u, half a step further on. Return u . W v, with the last u and v.",
            _answers_turned: "The two answers are in the wrong order: first sigma, then u.",
        },
        variants=(_with_normalize, _with_length_of_the_last),
    )
)
