"""Exercises of *Generalization*: what holds a network back, a price for its weights and noise in its layers."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.scratch import regularization as R

__all__ = ["dropout", "l2"]

# -- L2 penalty ----------------------------------------------------------------------------------------------------------


def _l2_cases(rng):
    yield np.array([[3.0, -4.0]]), 0.1
    yield rng.normal(size=(4, 3)), 0.5
    yield rng.normal(size=(2, 5)), 1e-3
    yield np.zeros((3, 2)), 1.0
    yield 1e3 * rng.normal(size=(2, 2)), 2.0
    yield rng.normal(size=(6, 4)), 0.0  # no restraint at all
    yield rng.normal(size=(5, 7)).astype(np.float32), 0.25


def _price(name, penalty=lambda w, s: 0.5 * s * np.sum(w**2), gradient=lambda w, s: s * w):
    """The L2 penalty with one of its two parts, or both, done differently."""

    def answer(weights, strength):
        return penalty(weights, strength), gradient(weights, strength)

    answer.__name__ = name
    return answer


def _gradient_alone(weights, strength):
    return strength * weights


def _penalty_alone(weights, strength):
    return 0.5 * strength * np.sum(weights**2)


def _swapped(weights, strength):
    return R.l2(weights, strength)[::-1]


def _length(w):
    return np.sqrt(np.sum(w**2))


def _l2_by_dot(weights, strength):
    flat = weights.reshape(-1)
    return strength * float(flat @ flat) / 2, weights * strength


l2 = register(
    Exercise(
        id="regularization.l2",
        notebook="generalization",
        reference=R.l2,
        cases=_l2_cases,
        difficulty=1,
        minutes=5,
        points=1,
        hints=[
            "The penalty is one number: half the strength times the sum of all squared weights.",
            "The gradient has the weights' shape. What is the derivative of w squared over 2 at w?",
            "`return 0.5 * strength * np.sum(weights**2), strength * weights`",
        ],
        misconceptions={
            _price(
                "no_half", lambda w, s: s * np.sum(w**2)
            ): "The half is missing in the penalty, so penalty and gradient do not belong to each other.",
            _price(
                "gradient_doubled", gradient=lambda w, s: 2 * s * w
            ): "The gradient is twice too large: the half before the sum cancels the 2 of the derivative.",
            _price(
                "gradient_halved", gradient=lambda w, s: 0.5 * s * w
            ): "The gradient is half of what it should be: the "
            "derivative of w squared is 2 w, and the 2 cancels the half.",
            _price(
                "no_half_at_all", lambda w, s: s * np.sum(w**2), lambda w, s: 2 * s * w
            ): "This is strength times the sum "
            "of squares, and its right gradient: the convention without the half. Ours has it, so that the gradient is "
            "simply strength times weights.",
            _price(
                "half_squared", lambda w, s: s * np.sum((0.5 * w) ** 2)
            ): "The half is squared too. Square the weights first, then halve.",
            _price(
                "mean_of_squares", lambda w, s: 0.5 * s * np.mean(w**2)
            ): "The penalty is a mean here. It is a sum over all weights.",
            _price(
                "gradient_averaged", gradient=lambda w, s: s * w / w.size
            ): "The gradient is divided by the number of "
            "weights. The penalty is a sum, so each weight's slope is simply strength times weight.",
            _price(
                "both_averaged", lambda w, s: 0.5 * s * np.mean(w**2), lambda w, s: s * w / w.size
            ): "Both are averaged over the weights. The penalty is a *sum*: a larger network is held back by more.",
            _price(
                "by_rows", lambda w, s: 0.5 * s * np.sum(w**2) / len(w), lambda w, s: s * w / len(w)
            ): "You divided by the number of rows. These are weights, not examples: sum over all of them.",
            _price(
                "not_summed", lambda w, s: 0.5 * s * w**2
            ): "The penalty is one number: sum the squares, `np.sum(weights**2)`.",
            _price(
                "summed_by_column", lambda w, s: 0.5 * s * np.sum(w**2, axis=0)
            ): "You summed each column for itself. The penalty is one number: `np.sum(weights**2)` sums over all axes.",
            _price(
                "matrix_product", lambda w, s: 0.5 * s * w @ w.T
            ): "`@` is a matrix product. Square each weight and sum: `np.sum(weights**2)`.",
            _price(
                "gradient_summed", gradient=lambda w, s: s * np.sum(w)
            ): "The gradient is summed up. It has the weights' shape: one slope for each weight.",
            _price(
                "sizes", lambda w, s: s * np.sum(np.abs(w)), lambda w, s: s * np.sign(w)
            ): "This is the L1 penalty, of "
            "absolute values: it pulls at all weights alike. Here the *squares* are summed.",
            _price(
                "half_sizes", lambda w, s: 0.5 * s * np.sum(np.abs(w)), lambda w, s: 0.5 * s * np.sign(w)
            ): "These are absolute values, as in the L1 penalty. Here the *squares* are summed.",
            _price(
                "sizes_in_the_penalty", lambda w, s: s * np.sum(np.abs(w))
            ): "The penalty sums absolute values, as L1 does. Sum the squares.",
            _price(
                "half_sizes_in_the_penalty", lambda w, s: 0.5 * s * np.sum(np.abs(w))
            ): "The penalty sums absolute values, as L1 does. Sum the squares.",
            _price(
                "sign_in_the_gradient", gradient=lambda w, s: s * np.sign(w)
            ): "The gradient is that of L1, the same pull for all. L2 pulls in proportion to the weight.",
            _price(
                "length", lambda w, s: s * _length(w), lambda w, s: s * w / (_length(w) or 1)
            ): "You took the root of the sum of squares, the length. The penalty is the sum of squares itself.",
            _price(
                "length_in_the_penalty", lambda w, s: s * _length(w)
            ): "You took the root of the sum of squares, the length. The penalty is half the sum of squares itself.",
            _price("half_length_in_the_penalty", lambda w, s: 0.5 * s * _length(w)): "You took the root of the sum of "
            "squares, the length. The penalty is the sum of squares itself: square what `np.linalg.norm` gives.",
            _price(
                "outwards", gradient=lambda w, s: -s * w
            ): "The gradient's sign is turned: subtracted, it would make the weights grow.",
            _price(
                "weights_after_the_step", gradient=lambda w, s: w - s * w
            ): "The second result holds new weights. Asked is the gradient; the optimiser takes the step.",
            _price(
                "gradient_squared", gradient=lambda w, s: s * w**2
            ): "The gradient still has the square. The derivative of w squared over 2 is w.",
            _price(
                "without_strength", lambda w, s: 0.5 * np.sum(w**2), lambda w, s: w.copy()
            ): "The strength is missing.",
            _price(
                "no_strength_in_the_penalty", lambda w, s: 0.5 * np.sum(w**2)
            ): "The strength is missing in the penalty.",
            _price(
                "no_strength_in_the_gradient", gradient=lambda w, s: w.copy()
            ): "The strength is missing in the gradient.",
            _price(
                "strength_squared", lambda w, s: 0.5 * np.sum((s * w) ** 2), lambda w, s: s**2 * w
            ): "The strength is inside of the square, so it counts twice. Multiply after squaring.",
            _price(
                "square_of_the_sum", lambda w, s: 0.5 * s * np.sum(w) ** 2
            ): "You squared the sum. Square each weight first, then add up: `np.sum(weights**2)`.",
            _price("whole_half", lambda w, s: 0.0): "The penalty is always 0. `1 // 2` is 0: write `1 / 2` or `0.5`.",
            _gradient_alone: "Return both: the penalty, then its gradient.",
            _penalty_alone: "Return both: the penalty, then its gradient.",
            _swapped: "Both are right, in the other order: first the penalty, then its gradient.",
        },
        variants=(_l2_by_dot,),
    )
)

# -- dropout -------------------------------------------------------------------------------------------------------------


def _dropout_cases(rng):
    for shape, p in (((50, 60), 0.4), ((60, 50), 0.7)):
        yield 1 + rng.random(shape), p, int(rng.integers(1000))
    yield rng.normal(size=(1, 2000)), 0.25, int(rng.integers(1000))  # a batch of one
    yield 1000 + rng.random((30, 40)), 0.5, int(rng.integers(1000))
    yield np.zeros((4, 5)), 0.5, int(rng.integers(1000))
    yield 1 + rng.random((5, 4)), 0.0, int(rng.integers(1000))  # nothing to drop
    yield (1 + rng.random((40, 50))).astype(np.float32), 0.6, int(rng.integers(1000))


def _use_dropout(obj, x, p, seed):
    """What any right answer has in common, whichever numbers it draws."""
    rng = np.random.default_rng(seed)
    first, second = (_applied(obj, x, p, rng, True) for _ in range(2))
    again, in_use = _applied(obj, x, p, np.random.default_rng(seed), True), _applied(obj, x, p, rng, False)
    factors = np.unique(np.round(np.divide(first, x, out=np.zeros(x.shape), where=x != 0), 4))
    if len(factors) > 3:
        raise UnusableAnswerError(
            "While training, x is multiplied by many different numbers. There are only two: 0 for what is dropped, and "
            "1 / (1 - p) for what stays."
        )
    dropped, enough = (first == 0) & (x != 0), min(x.shape) >= 30 and p > 0
    slack = 6 * np.sqrt(p * (1 - p) / max(1, np.count_nonzero(x)))
    off = abs(dropped.sum() / max(1, np.count_nonzero(x)) - p) > slack
    return {
        "in use": in_use,
        "while training, the numbers are multiplied by": factors,
        "whether a share of about p is dropped": not off,
        "columns dropped or kept as a whole": int(np.sum(np.ptp(dropped.astype(int), axis=0) == 0)) if enough else 0,
        "rows dropped or kept as a whole": int(np.sum(np.ptp(dropped.astype(int), axis=1) == 0)) if enough else 0,
        "whether the next batch drops others": not enough or not np.array_equal(first == 0, second == 0),
        "whether the same generator drops the same": not enough or np.array_equal(first == 0, again == 0),
    }


def _applied(obj, x, p, rng, training):
    """One call of an answer, whose result must be usable and whose input must stay as it was."""
    given = x.copy()
    found = obj(given, p, rng=rng, training=training)
    if not np.array_equal(given, x):
        raise UnusableAnswerError("Your code changes its input `x` in place. Make a new array: `x * ...`, or a copy.")
    if found is None:
        raise UnusableAnswerError("Expected an array, got None. Does every path end in `return`?")
    if not isinstance(found, np.ndarray) or found.shape != x.shape:
        kind = f"shape {found.shape}" if isinstance(found, np.ndarray) else f"a {type(found).__name__}"
        advice = " What is dropped becomes 0; it is not taken out." if np.ndim(found) == 1 else ""
        raise UnusableAnswerError(f"Expected an array of x's shape {x.shape}, got {kind}.{advice}")
    return found


def _drop(name, training=lambda x, p, rng: x * _kept(x, p, rng) / (1 - p), in_use=lambda x, p, rng: x):
    """Inverted dropout with one of its modes, or both, done differently."""

    def answer(x, p, rng, training=True, modes=(in_use, training)):
        return modes[bool(training)](x, p, rng)

    answer.__name__ = name
    return answer


def _kept(x, p, rng):
    return rng.random(x.shape) >= p


def _gone(x, p, rng):
    return rng.random(x.shape) < p


def _unscaled(x, p, rng):
    return x * _kept(x, p, rng)


def _by_share_that_stayed(x, p, rng):
    kept = _kept(x, p, rng)
    return x * kept / max(kept.mean(), 1e-9)


def _turned_round(x, p, rng, training=True):
    return R.dropout_forward(x, p, rng=rng, training=not training)


def _by_another_generator(x, p, rng):
    return R.dropout_forward(x, p, rng=np.random.default_rng())


def _dropout_by_assignment(x, p, rng, training=True):
    if not training:
        return x
    out = x / (1 - p)
    out[rng.uniform(size=x.shape) < p] = 0
    return out


def _dropout_by_binomial(x, p, rng, training=True):
    return x * rng.binomial(1, 1 - p, size=x.shape) / (1 - p) if training else x


dropout = register(
    Exercise(
        id="regularization.dropout",
        notebook="generalization",
        reference=R.dropout_forward,
        cases=_dropout_cases,
        call=_use_dropout,
        alias_ok=True,
        difficulty=2,
        minutes=10,
        points=3,
        hints=[
            "Two modes. In use, hand x back as it is. While training, draw for each number of x whether it stays.",
            "`rng.random(x.shape)` draws one number between 0 and 1 for each of x. With which comparison does a share p go?",
            "`kept = rng.random(x.shape) >= p`, then `x * kept / (1 - p)`: those that stay make up for those that go.",
        ],
        misconceptions={
            _drop(
                "not_scaled", _unscaled
            ): "What stays is not scaled, so in use every sum is larger than the network was "
            "trained for. Divide what stays by 1 - p.",
            _drop(
                "scaled_in_use", _unscaled, lambda x, p, rng: x * (1 - p)
            ): "This is dropout as first published: scaled "
            "down in use. In the inverted kind, what stays is divided by 1 - p while training, and in use nothing happens.",
            _drop(
                "scaled_in_use_by_p", _unscaled, lambda x, p, rng: x * p
            ): "You scale in use, and by p. In the inverted "
            "kind, what stays is divided by 1 - p while training, and in use nothing happens.",
            _drop("divided_in_use", _unscaled, lambda x, p, rng: x / (1 - p)): "The division by 1 - p is in the wrong "
            "mode: divide while training, and in use return x.",
            _drop(
                "divided_in_both", in_use=lambda x, p, rng: x / (1 - p)
            ): "You divide by 1 - p in use too. Nothing is "
            "dropped there, so there is nothing to make up for: return x.",
            _drop(
                "both_scaled", in_use=lambda x, p, rng: x * (1 - p)
            ): "Scaled twice: while training you divide by 1 - p, "
            "which is right, so in use there is nothing left to do.",
            _drop("scaled_by_p", lambda x, p, rng: x * _kept(x, p, rng) / (p or 1)): "You divided by p. A share 1 - p "
            "stays: divide by that.",
            _drop(
                "scaled_down", lambda x, p, rng: x * _kept(x, p, rng) * (1 - p)
            ): "You multiplied by 1 - p. What stays must make up for what went, so it has to grow: divide by 1 - p.",
            _drop(
                "by_share_that_stayed", _by_share_that_stayed
            ): "You divided by the share that happened to stay. Divide by the one that stays on average, 1 - p.",
            _drop(
                "kept_with_p", lambda x, p, rng: x * _gone(x, p, rng) / (1 - p)
            ): "You keep with probability p. p is the probability to *drop*: keep where the draw is at least p.",
            _drop(
                "kept_with_p_unscaled", lambda x, p, rng: x * _gone(x, p, rng)
            ): "You keep with probability p, and p is the "
            "probability to *drop*. And what stays is to be divided by 1 - p.",
            _drop("kept_with_p_and_scaled_so", lambda x, p, rng: x * _gone(x, p, rng) / (p or 1)): "You took p for the "
            "probability to keep. In ours, as in PyTorch, p is the probability to *drop*.",
            _drop(
                "always", in_use=lambda x, p, rng: x * _kept(x, p, rng) / (1 - p)
            ): "Numbers are dropped in use too: the "
            "same picture would get another answer each time. If not training, return x.",
            _drop(
                "always_unscaled", _unscaled, _unscaled
            ): "Numbers are dropped in use too. If not training, return x; and "
            "while training, divide what stays by 1 - p.",
            _drop(
                "zeros_in_use", in_use=lambda x, p, rng: 0 * x
            ): "In use everything becomes 0. If not training, return x.",
            _turned_round: "The two modes are in each other's place: drop while training, not in use.",
            _drop("whole_columns", lambda x, p, rng: x * (rng.random(x.shape[1:]) >= p) / (1 - p)): "One draw for each "
            "column, shared by the whole batch. Each example gets its own: `rng.random(x.shape)`.",
            _drop(
                "whole_columns_unscaled", lambda x, p, rng: x * (rng.random(x.shape[1:]) >= p)
            ): "One draw for each column, "
            "shared by the whole batch: draw `rng.random(x.shape)`. And divide what stays by 1 - p.",
            _drop(
                "whole_rows", lambda x, p, rng: x * (rng.random((len(x), 1)) >= p) / (1 - p)
            ): "You drop whole examples. Draw for each number: `rng.random(x.shape)`.",
            _drop(
                "one_draw", lambda x, p, rng: x * (rng.random() >= p) / (1 - p)
            ): "One draw decides for all: the whole batch stays or goes. Draw for each number: `rng.random(x.shape)`.",
            _drop(
                "by_value", lambda x, p, rng: np.where(x > p, x, 0) / (1 - p)
            ): "You drop what is small. Chance decides, not the value: compare `rng.random(x.shape)` with p.",
            _drop(
                "coin", lambda x, p, rng: x * rng.integers(0, 2, x.shape) / (1 - p)
            ): "Half of the numbers are dropped, whatever p is. Compare `rng.random(x.shape)` with p.",
            _drop(
                "normal", lambda x, p, rng: x * (rng.normal(size=x.shape) >= p) / (1 - p)
            ): "A normal number is below p with another probability than p. `rng.random` draws evenly from 0 to 1.",
            _drop(
                "what_goes_stays", lambda x, p, rng: np.where(_kept(x, p, rng), x / (1 - p), x)
            ): "Nothing becomes 0: what should go stays as it is.",
            _drop(
                "own_generator", lambda x, p, rng: R.dropout_forward(x, p, rng=np.random.default_rng(0))
            ): "You make a generator of your own, so every batch drops the same places. Use the one that is handed in.",
            _drop(
                "another_generator", _by_another_generator
            ): "The draws do not come from the generator that is handed in, "
            "so nobody can repeat them. Use `rng.random`, not `np.random`.",
            _drop("never", lambda x, p, rng: x.copy()): "Nothing is ever dropped.",
            _drop(
                "mask_alone", lambda x, p, rng: _kept(x, p, rng) / (1 - p)
            ): "You return the factors alone. Multiply x by them.",
        },
        variants=(_dropout_by_assignment, _dropout_by_binomial),
    )
)
