"""Exercises of *Optimisers*: what keeps training stable: the first weights, the learning rate's course, clipping."""

import math

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import clipping, init, schedules
from coursekit.scratch.autograd import Tensor

__all__ = ["clip_grad_norm", "cosine", "he_init"]

# -- random weights ----------------------------------------------------------------------------------------------------------


def _he_cases(rng):
    yield (3, 200), np.random.default_rng(rng.integers(1 << 30))
    for shape in ((64, 784), (10, 64), (5, 1), (1, 7)):
        yield shape, np.random.default_rng(rng.integers(1 << 30))
    yield tuple(rng.integers(2, 50, 2).tolist()), np.random.default_rng(rng.integers(1 << 30))


def _use_init(obj, shape, rng):
    return obj(shape, rng=rng)


def _draw(shape, rng, deviation):
    return rng.normal(size=shape) * deviation


def _variance_for_deviation(shape, *, rng):
    return _draw(shape, rng, 2 / shape[1])


def _fan_out(shape, *, rng):
    return _draw(shape, rng, math.sqrt(2 / shape[0]))


def _without_the_two(shape, *, rng):
    return _draw(shape, rng, math.sqrt(1 / shape[1]))


def _xavier(shape, *, rng):
    return _draw(shape, rng, math.sqrt(2 / sum(shape)))


def _root_times_two(shape, *, rng):
    return _draw(shape, rng, 2 / math.sqrt(shape[1]))


def _unscaled(shape, *, rng):
    return _draw(shape, rng, 1.0)


def _divided_by_fan_in(shape, *, rng):
    return _draw(shape, rng, 1 / shape[1])


def _transposed(shape, *, rng):
    return rng.normal(size=shape[::-1]) * math.sqrt(2 / shape[1])


def _he_in_one_call(shape, *, rng):
    return rng.normal(0.0, (2 / shape[1]) ** 0.5, shape)


he_init = register(
    Exercise(
        id="stability.he_init",
        notebook="optimizers",
        reference=init.kaiming_normal,
        cases=_he_cases,
        call=_use_init,
        difficulty=2,
        minutes=6,
        points=1,
        hints=[
            "`rng.normal(size=shape)` has variance 1. Multiplied by a number c, its variance is c squared.",
            "You want the variance 2 / fan_in, so multiply by its root. shape is (fan_out, fan_in): outputs first.",
            "`fan_out, fan_in = shape`, then `rng.normal(size=shape) * np.sqrt(2 / fan_in)`.",
        ],
        misconceptions={
            _variance_for_deviation: "2 / fan_in is the *variance*. Multiplying by c makes the variance c squared: multiply by the root.",
            _fan_out: "You divided by the number of *outputs*. What adds up in a weighted sum are the inputs: fan_in, the second number of shape.",
            _without_the_two: "This is 1 / fan_in, right without a ReLU. A ReLU keeps half of the mean square: the variance must be 2 / fan_in.",
            _xavier: "This is Xavier's choice, 2 / (fan_in + fan_out). He's is 2 / fan_in.",
            _root_times_two: "The 2 stands outside the root: 2 / sqrt(n) is a variance of 4 / n. Take sqrt(2 / fan_in).",
            _unscaled: "These weights have variance 1. Scale them to the variance 2 / fan_in.",
            _divided_by_fan_in: "You divided by fan_in itself: a variance of 1 / fan_in squared. Multiply by sqrt(2 / fan_in).",
            _transposed: "The table is transposed: return the shape that was asked for, (fan_out, fan_in).",
        },
        variants=(_he_in_one_call,),
    )
)

# -- cosine schedule -----------------------------------------------------------------------------------------------------------


def _cosine_cases(rng):
    for t in (0, 25, 50, 75, 100):
        yield t, 100, 0.1, 0.0
    yield 130, 100, 0.1, 0.0  # after the end
    yield 7, 20, 3.0, 0.5
    yield 35, 20, 3.0, 0.5
    for _ in range(3):
        yield int(rng.integers(1, 60)), 60, float(rng.uniform(0.1, 1)), float(rng.uniform(0, 0.1))


def _no_half(step, total, lr, low=0.0):
    return low + (lr - low) * (1 + math.cos(math.pi * min(step / total, 1)))


def _no_one(step, total, lr, low=0.0):
    return low + (lr - low) * math.cos(math.pi * min(step / total, 1))


def _quarter_wave(step, total, lr, low=0.0):
    return low + (lr - low) * math.cos(math.pi / 2 * min(step / total, 1))


def _whole_wave(step, total, lr, low=0.0):
    return low + (lr - low) * (1 + math.cos(2 * math.pi * min(step / total, 1))) / 2


def _rising(step, total, lr, low=0.0):
    return low + (lr - low) * (1 - math.cos(math.pi * min(step / total, 1))) / 2


def _comes_back(step, total, lr, low=0.0):
    return low + (lr - low) * (1 + math.cos(math.pi * step / total)) / 2


def _floor_forgotten(step, total, lr, low=0.0):
    return lr * (1 + math.cos(math.pi * min(step / total, 1))) / 2


def _floor_added(step, total, lr, low=0.0):
    return low + lr * (1 + math.cos(math.pi * min(step / total, 1))) / 2


def _whole_division(step, total, lr, low=0.0):
    return low + (lr - low) * (1 + math.cos(math.pi * min(step // total, 1))) / 2


def _degrees(step, total, lr, low=0.0):
    return low + (lr - low) * (1 + math.cos(180 * min(step / total, 1))) / 2


def _straight_line(step, total, lr, low=0.0):
    return lr + (low - lr) * min(step / total, 1)


def _cosine_squared(step, total, lr, low=0.0):
    return float(low + (lr - low) * np.cos(np.pi / 2 * np.clip(step / total, 0, 1)) ** 2)


cosine = register(
    Exercise(
        id="stability.cosine",
        notebook="optimizers",
        reference=schedules.cosine,
        cases=_cosine_cases,
        difficulty=2,
        minutes=6,
        points=1,
        hints=[
            "How far along is this step? `share = step / total`; after the end it stays 1.",
            "cos(pi * share) runs from 1 to -1. Adding 1 and halving makes it run from 1 to 0.",
            "`low + (lr - low) * (1 + np.cos(np.pi * min(step / total, 1))) / 2`",
        ],
        misconceptions={
            _no_half: "It begins at 2 lr: (1 + cos) runs from 2 to 0. Halve it.",
            _no_one: "It ends at a negative rate: cos runs from 1 to -1. Add 1, then halve.",
            _quarter_wave: "This is a quarter of a wave, cos(pi/2 ...): it arrives at full slope. Half a wave, cos(pi ...), flattens out at the end too.",
            _whole_wave: "A whole wave (2 pi) comes down and goes up again. Half a wave ends below.",
            _rising: "It rises. 1 + cos falls, 1 - cos rises.",
            _comes_back: "Right up to the end, but afterwards the cosine rises again. From the end on it should stay at low: min(step / total, 1).",
            _floor_forgotten: "It falls to 0, not to low. Only the part above low, lr - low, follows the wave.",
            _floor_added: "It begins above lr: low is added to the whole of lr. Only the part above low, lr - low, follows the wave.",
            _whole_division: "`//` divides to whole numbers, so the share is 0 up to the end. Use `/`.",
            _degrees: "cos takes radians: half a turn is pi, not 180.",
            _straight_line: "This is a straight line down. Let the share run through half a cosine wave.",
        },
        variants=(_cosine_squared,),
    )
)

# -- clipping ------------------------------------------------------------------------------------------------------------------


def _clip_cases(rng):
    yield [np.array([30.0, 40.0])], 1.0
    yield [np.array([0.3, 0.4])], 1.0  # short enough
    yield [np.array([[10.0, 0.0, 0.0]]), np.array([0.0, -20.0]), np.array([[20.0]])], 3.0
    yield [100 * rng.normal(size=(2, 3)), 100 * rng.normal(size=3)], 5.0
    yield [100 * rng.normal(size=(3, 4)).astype(np.float32), np.zeros(4, np.float32)], 2.0
    yield [np.zeros((1, 3)), np.zeros(2)], 1.0


def _use_clip(obj, gradients, max_norm):
    params = [Tensor(np.zeros_like(g), requires_grad=True) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = g.copy()
    norm = obj(params, max_norm)
    return {"what is returned": norm} | {f"gradient {k} afterwards": p.grad for k, p in enumerate(params)}


def _length_of(params):
    return math.sqrt(sum(float((p.grad.astype(float) ** 2).sum()) for p in params))


def _clip(params, max_norm, length=None, only_down=True):
    norm = _length_of(params) if length is None else length
    with np.errstate(all="ignore"):
        factor = np.divide(max_norm, norm) if norm > max_norm or not only_down else 1
        for p in params:
            p.grad = (p.grad * factor).astype(p.grad.dtype)
    return norm


def _each_by_itself(params, max_norm):
    norm = _length_of(params)
    for p in params:
        _clip([p], max_norm)
    return norm


def _number_by_number(params, max_norm):
    norm = _length_of(params)
    for p in params:
        p.grad = np.clip(p.grad, -max_norm, max_norm)
    return norm


def _nothing_returned(params, max_norm):
    _clip(params, max_norm)


def _always_scaled(params, max_norm):
    return _clip(params, max_norm, only_down=False)


def _length_after(params, max_norm):
    _clip(params, max_norm)
    return _length_of(params)


def _root_forgotten(params, max_norm):
    return _clip(params, max_norm, length=_length_of(params) ** 2)


def _lengths_added(params, max_norm):
    return _clip(params, max_norm, length=sum(_length_of([p]) for p in params))


def _largest_number(params, max_norm):
    return _clip(params, max_norm, length=float(max(np.abs(p.grad).max() for p in params)))


def _mean_of_squares(params, max_norm):
    return _clip(params, max_norm, length=_length_of(params) / math.sqrt(sum(p.grad.size for p in params)))


def _clip_in_place(params, max_norm):
    norm = np.linalg.norm(np.concatenate([p.grad.ravel() for p in params]))
    for p in params:
        p.grad *= min(1.0, max_norm / max(norm, 1e-12))
    return float(norm)


clip_grad_norm = register(
    Exercise(
        id="stability.clip_grad_norm",
        notebook="optimizers",
        reference=clipping.clip_grad_norm,
        cases=_clip_cases,
        call=_use_clip,
        alias_ok=True,
        difficulty=3,
        minutes=8,
        points=2,
        hints=[
            "All gradients together are one long vector. Its length is the root of the sum of all squares, over all of them.",
            "`sum((p.grad**2).sum() for p in params)`, then the root. Only if that is larger than max_norm: scale.",
            "`norm = np.sqrt(...)`, then `if norm > max_norm: for p in params: p.grad *= max_norm / norm`, then `return norm`.",
        ],
        misconceptions={
            _each_by_itself: "You clipped every array by itself, which turns the direction of the whole step. One length for all of them, one factor for all.",
            _number_by_number: "You cut every single number, which turns the direction. Multiply all of them by one factor.",
            _nothing_returned: "The gradients are right; return the length that they had before, too: it is worth watching.",
            _always_scaled: "You scaled short gradients *up* as well (and divided by zero where all are zero). Only what is longer than max_norm is changed.",
            _length_after: "You returned the length after clipping. The length before is the one worth watching.",
            _root_forgotten: "The root is missing: the length is the *root* of the sum of squares.",
            _lengths_added: "You added up the lengths of the arrays. Lengths do not add: add the squares, then take the root.",
            _largest_number: "You took the largest number for the length. The length is the root of the sum of all squares.",
            _mean_of_squares: "You took the *mean* of the squares. The length is the root of their sum.",
        },
        variants=(_clip_in_place,),
    )
)
