"""Exercises of *Optimisers*: what keeps training stable: the first weights and clipping."""

import math

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.scratch import clipping, init
from coursekit.scratch.autograd import Tensor

__all__ = ["clip_grad_norm", "he_init"]

FOREIGN = (
    "Nothing was drawn with `rng`. Use the generator that is handed in, `rng.normal(size=shape)`: "
    "only then does the same seed give the same weights."
)

# -- random weights ----------------------------------------------------------------------------------------------------------


def _he_cases(rng):
    yield (3, 200), np.random.default_rng(rng.integers(1 << 30))
    for shape in ((64, 784), (10, 64), (5, 1), (1, 7)):
        yield shape, np.random.default_rng(rng.integers(1 << 30))
    yield tuple(rng.integers(2, 50, 2).tolist()), np.random.default_rng(rng.integers(1 << 30))


def _use_init(obj, shape, rng):
    before = str(rng.bit_generator.state)
    weights = obj(shape, rng=rng)
    if weights is not None and str(rng.bit_generator.state) == before:
        raise UnusableAnswerError(FOREIGN)
    return weights


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


def _divided_by_the_deviation(shape, *, rng):
    return _draw(shape, rng, math.sqrt(shape[1] / 2))


def _root_of_the_two(shape, *, rng):
    return _draw(shape, rng, math.sqrt(2) / shape[1])


def _all_weights_counted(shape, *, rng):
    return _draw(shape, rng, math.sqrt(2 / (shape[0] * shape[1])))


def _evenly_drawn(shape, *, rng):
    return rng.uniform(-1, 1, size=shape) * math.sqrt(2 / shape[1])


def _variance_squared(shape, *, rng):
    return _draw(shape, rng, (2 / shape[1]) ** 2)


def _one_row(shape, *, rng):
    return rng.normal(size=shape[1]) * math.sqrt(2 / shape[1])


def _shifted(shape, *, rng):
    return rng.normal(2 / shape[1], size=shape)


def _root_added(shape, *, rng):
    return rng.normal(size=shape) + math.sqrt(2 / shape[1])


def _from_zero_to_one(shape, *, rng):
    return rng.random(size=shape) * math.sqrt(2 / shape[1])


def _own_generator(shape, *, rng):
    return np.random.default_rng(0).normal(size=shape) * math.sqrt(2 / shape[1])


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
            _divided_by_the_deviation: "You divided by sqrt(2 / fan_in). Multiply by it: the more inputs, the smaller each weight.",
            _root_of_the_two: "The root covers only the 2. Take it of the whole fraction: sqrt(2 / fan_in).",
            _all_weights_counted: "You divided by the number of all weights. fan_in is what *one* neuron adds up: the second number of shape.",
            _evenly_drawn: "These are drawn evenly between two ends. Draw from the normal distribution: rng.normal(size=shape).",
            _variance_squared: "You squared the variance. Multiplying by c makes the variance c squared, so c is the *root* of 2 / fan_in.",
            _one_row: "You drew one row only, for a single neuron. Draw the whole table: rng.normal(size=shape).",
            _shifted: "The first argument of `rng.normal` is the *mean*. It stays 0; scale what was drawn by sqrt(2 / fan_in).",
            _root_added: "You added the number, which moves all weights to one side. Multiply by it.",
            _from_zero_to_one: "`rng.random` draws evenly between 0 and 1: no weight is negative. Use rng.normal(size=shape).",
            _own_generator: FOREIGN,
            _transposed: "The table is transposed: return the shape that was asked for, (fan_out, fan_in).",
        },
        variants=(_he_in_one_call,),
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


def _gradients_unchanged(params, max_norm):
    return _length_of(params)


def _each_and_the_last(params, max_norm):
    return [_clip([p], max_norm) for p in params][-1]


def _upside_down(params, max_norm):
    norm = _length_of(params)
    for p in params:
        p.grad = p.grad * (norm / max_norm if norm > max_norm else 1)
    return norm


def _length_one(params, max_norm):
    norm = _length_of(params)
    return _clip(params, 1.0, length=norm) if norm > max_norm else norm


def _sizes_added(params, max_norm):
    return _clip(params, max_norm, length=sum(float(np.abs(p.grad).sum()) for p in params))


def _weights_measured(params, max_norm):
    return math.sqrt(sum(float((p.data**2).sum()) for p in params))


def _longest_array(params, max_norm):
    return _clip(params, max_norm, length=max(_length_of([p]) for p in params))


def _only_the_first(params, max_norm):
    norm = _length_of(params)
    _clip(params[:1], max_norm, length=norm)
    return norm


def _returned_if_clipped(params, max_norm):
    norm = _clip(params, max_norm)
    return norm if norm > max_norm else None


def _measured_again(params, max_norm):
    for p in params:
        norm = _length_of(params)
        _clip([p], max_norm, length=norm)
    return norm


def _scaled(name, factor):
    """Clipping by another factor, factor(norm, max_norm), for what is too long."""

    def answer(params, max_norm):
        norm = _length_of(params)
        for p in params:
            p.grad = (p.grad * (factor(norm, max_norm) if norm > max_norm else 1)).astype(p.grad.dtype)
        return norm

    answer.__name__ = name
    return answer


def _only_short_ones(params, max_norm):
    norm = _length_of(params)
    with np.errstate(all="ignore"):
        return _clip(params, max_norm, only_down=False) if norm < max_norm else norm


def _filled(params, max_norm):
    norm = _length_of(params)
    for p in params:
        p.grad = np.full_like(p.grad, max_norm) if norm > max_norm else p.grad
    return norm


def _excess_subtracted(params, max_norm):
    norm = _length_of(params)
    for p in params:
        p.grad = p.grad - p.grad.dtype.type(max(norm - max_norm, 0))
    return norm


def _sums_squared(params, max_norm):
    return _clip(params, max_norm, length=math.sqrt(sum(float(p.grad.sum()) ** 2 for p in params)))


def _square_returned(params, max_norm):
    return _clip(params, max_norm) ** 2


def _factor_returned(params, max_norm):
    norm = _clip(params, max_norm)
    return max_norm / norm if norm > max_norm else 1


def _last_array(params, max_norm):
    return _clip(params, max_norm, length=_length_of(params[-1:]))


def _stacked(params, max_norm):
    return _clip(params, max_norm, length=float(np.linalg.norm(np.array([p.grad for p in params]))))


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
            _each_and_the_last: "You clipped every array by itself, which turns the direction of the whole step. First one length for all of them, then one factor.",
            _gradients_unchanged: "The length is right, but the gradients are as they were. `g = g * ...` makes a *new* array: write `p.grad *= ...` "
            "(and leave `p.data`, the weights, alone).",
            _upside_down: "The factor is upside down: long gradients became longer. Multiply by max_norm / length.",
            _length_one: "You made the length 1. Multiply by max_norm as well: max_norm / length.",
            _weights_measured: "You measured the weights. What is clipped is their gradient, `p.grad`.",
            _longest_array: "You took the longest of the arrays. The length is the root of the sum of *all* squares, over all arrays.",
            _only_the_first: "Only the first array was scaled: is your `return` inside the loop?",
            _returned_if_clipped: "Where nothing has to be clipped, nothing is returned. Move `return` out of the `if`.",
            _measured_again: "You measured inside the loop, when some arrays were already scaled. Measure once, before the loop.",
            _sizes_added: "You added up the sizes |g|. The length is the root of the sum of *squares*.",
            _number_by_number: "You cut every single number, which turns the direction. Multiply all of them by one factor.",
            _nothing_returned: "The gradients are right; return the length that they had before, too: it is worth watching.",
            _always_scaled: "You scaled short gradients *up* as well (and divided by zero where all are zero). Only what is longer than max_norm is changed.",
            _length_after: "You returned the length after clipping. The length before is the one worth watching.",
            _root_forgotten: "The root is missing: the length is the *root* of the sum of squares.",
            _lengths_added: "You added up the lengths of the arrays. Lengths do not add: add the squares, then take the root.",
            _largest_number: "You took the largest number for the length. The length is the root of the sum of all squares.",
            _scaled(
                "multiplied_only", lambda norm, max_norm: max_norm
            ): "You multiplied by max_norm alone. Divide by the length as well: max_norm / length.",
            _scaled(
                "thrown_away", lambda norm, max_norm: 0
            ): "You set a long gradient to zero, so the step is lost. Shorten it: multiply by max_norm / length.",
            _only_short_ones: "The comparison is the wrong way round: you changed the gradients that are *shorter* than max_norm.",
            _filled: "You wrote max_norm into every number. Keep the numbers, and multiply all of them by max_norm / length.",
            _excess_subtracted: "You subtracted what is too much from every number, which turns the direction. Multiply by max_norm / length.",
            _sums_squared: "You added first and squared afterwards, so numbers of opposite sign cancel. Square every number, then add.",
            _square_returned: "The gradients are right, but you returned the sum of squares. Return its root, the length.",
            _factor_returned: "The gradients are right, but you returned the factor. Return the length that they had before.",
            _last_array: "Your length is that of the last array: the loop begins anew for each. Add up the squares of all of them.",
            _stacked: "The gradients have different shapes, so they do not fit into one array. Add up their squares one by one, "
            "with `sum((p.grad**2).sum() for p in params)`.",
            _mean_of_squares: "You took the *mean* of the squares. The length is the root of their sum.",
        },
        variants=(_clip_in_place,),
    )
)
