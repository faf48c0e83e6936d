"""Exercises of *Generalization*, second half: what holds a network back."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.scratch import regularization as R

__all__ = ["batch_norm", "dropout", "l2"]

# -- L2 penalty ----------------------------------------------------------------------------------------------------------


def _l2_cases(rng):
    yield np.array([[3.0, -4.0]]), 0.1
    yield rng.normal(size=(4, 3)), 0.5
    yield rng.normal(size=(2, 5)), 1e-3
    yield np.zeros((3, 2)), 1.0
    yield 1e3 * rng.normal(size=(2, 2)), 2.0
    yield rng.normal(size=(6, 4)), 0.0  # no restraint at all
    yield rng.normal(size=(5, 7)).astype(np.float32), 0.25


def _no_half(weights, strength):
    return strength * np.sum(weights**2), strength * weights


def _gradient_doubled(weights, strength):
    return 0.5 * strength * np.sum(weights**2), 2 * strength * weights


def _no_half_at_all(weights, strength):
    return strength * np.sum(weights**2), 2 * strength * weights


def _mean_of_squares(weights, strength):
    return 0.5 * strength * np.mean(weights**2), strength * weights


def _both_averaged(weights, strength):
    return 0.5 * strength * np.mean(weights**2), strength * weights / weights.size


def _sizes(weights, strength):
    return R.l1(weights, strength)


def _length(weights, strength):
    norm = np.sqrt(np.sum(weights**2))
    return strength * norm, strength * weights / (norm if norm else 1)


def _outwards(weights, strength):
    return 0.5 * strength * np.sum(weights**2), -strength * weights


def _without_strength(weights, strength):
    return 0.5 * np.sum(weights**2), weights.copy()


def _strength_squared(weights, strength):
    return 0.5 * np.sum((strength * weights) ** 2), strength**2 * weights


def _gradient_alone(weights, strength):
    return strength * weights


def _square_of_the_sum(weights, strength):
    return 0.5 * strength * np.sum(weights) ** 2, strength * weights


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
            _no_half: "The half is missing in the penalty, so penalty and gradient do not belong to each other.",
            _gradient_doubled: "The gradient is twice too large: the half before the sum cancels the 2 of the derivative.",
            _no_half_at_all: "This is strength times the sum of squares, and its right gradient: the convention without the "
            "half. Ours has it, so that the gradient is simply strength times weights.",
            _mean_of_squares: "The penalty is a mean here. It is a sum over all weights.",
            _both_averaged: "Both are averaged over the weights. The penalty is a *sum*: a larger network is held back by more.",
            _sizes: "This is the L1 penalty, of absolute values: it pulls at all weights alike. Here the *squares* are summed.",
            _length: "You took the root of the sum of squares, the length. The penalty is the sum of squares itself.",
            _outwards: "The gradient's sign is turned: subtracted, it would make the weights grow.",
            _without_strength: "The strength is missing.",
            _strength_squared: "The strength is inside of the square, so it counts twice. Multiply after squaring.",
            _gradient_alone: "Return both: the penalty, then its gradient.",
            _square_of_the_sum: "You squared the sum. Square each weight first, then add up: `np.sum(weights**2)`.",
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
    first, second = (_same_shape(obj(x.copy(), p, rng=rng, training=True), x) for _ in range(2))
    in_use = _same_shape(obj(x.copy(), p, rng=rng, training=False), x)
    with np.errstate(all="ignore"):
        factors = np.unique(np.round(np.where(x == 0, 0, first / x), 4))
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
    }


def _same_shape(found, x):
    if found is None:
        raise UnusableAnswerError("Expected an array, got None. Does every path end in `return`?")
    if not isinstance(found, np.ndarray) or found.shape != x.shape:
        kind = f"shape {found.shape}" if isinstance(found, np.ndarray) else f"a {type(found).__name__}"
        raise UnusableAnswerError(f"Expected an array of x's shape {x.shape}, got {kind}.")
    return found


def _not_scaled(x, p, rng, training=True):
    return x * (rng.random(x.shape) >= p) if training else x


def _scaled_in_use(x, p, rng, training=True):
    return x * (rng.random(x.shape) >= p) if training else x * (1 - p)


def _scaled_by_p(x, p, rng, training=True):
    return x * (rng.random(x.shape) >= p) / (p or 1) if training else x


def _scaled_down(x, p, rng, training=True):
    return x * (rng.random(x.shape) >= p) * (1 - p) if training else x


def _kept_with_p(x, p, rng, training=True):
    return x * (rng.random(x.shape) < p) / (1 - p) if training else x


def _kept_with_p_and_scaled_so(x, p, rng, training=True):
    return x * (rng.random(x.shape) < p) / (p or 1) if training else x


def _always(x, p, rng, training=True):
    return x * (rng.random(x.shape) >= p) / (1 - p)


def _turned_round(x, p, rng, training=True):
    return R.dropout_forward(x, p, rng=rng, training=not training)


def _whole_columns(x, p, rng, training=True):
    return x * (rng.random(x.shape[1:]) >= p) / (1 - p) if training else x


def _whole_rows(x, p, rng, training=True):
    return x * (rng.random((len(x), 1)) >= p) / (1 - p) if training else x


def _same_mask(x, p, rng, training=True):
    return R.dropout_forward(x, p, rng=np.random.default_rng(0), training=training)


def _never(x, p, rng, training=True):
    return x.copy()


def _both_scaled(x, p, rng, training=True):
    return x * (rng.random(x.shape) >= p) / (1 - p) if training else x * (1 - p)


def _mask_alone(x, p, rng, training=True):
    return (rng.random(x.shape) >= p) / (1 - p) if training else x


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
            _not_scaled: "What stays is not scaled, so in use every sum is larger than the network was trained for. "
            "Divide what stays by 1 - p.",
            _scaled_in_use: "This is dropout as first published: scaled down in use. In the inverted kind, what stays is "
            "divided by 1 - p while training, and in use nothing happens.",
            _scaled_by_p: "You divided by p. A share 1 - p stays: divide by that.",
            _scaled_down: "You multiplied by 1 - p. What stays must make up for what went, so it has to grow: divide by 1 - p.",
            _kept_with_p: "You keep with probability p. p is the probability to *drop*: keep where the draw is at least p.",
            _kept_with_p_and_scaled_so: "You took p for the probability to keep. In ours, as in PyTorch, p is the probability to *drop*.",
            _always: "Numbers are dropped in use too: the same picture would get another answer each time. "
            "If not training, return x.",
            _turned_round: "The two modes are in each other's place: drop while training, not in use.",
            _whole_columns: "One draw for each column, shared by the whole batch. Each example gets its own: `rng.random(x.shape)`.",
            _whole_rows: "You drop whole examples. Draw for each number: `rng.random(x.shape)`.",
            _same_mask: "You make a generator of your own, so every batch drops the same places. Use the one that is handed in.",
            _never: "Nothing is ever dropped.",
            _both_scaled: "Scaled twice: while training you divide by 1 - p, which is right, so in use there is nothing left to do.",
            _mask_alone: "You return the factors alone. Multiply x by them.",
        },
        variants=(_dropout_by_assignment, _dropout_by_binomial),
    )
)

# -- batch normalisation -------------------------------------------------------------------------------------------------


def _batch_norm_cases(rng):
    def state(d, dtype=float):
        arrays = rng.normal(size=d), rng.uniform(0.5, 2, d), rng.normal(size=d), rng.normal(size=d)
        return tuple(a.astype(dtype) for a in arrays)

    ones, zeros = np.ones(2), np.zeros(2)
    yield np.array([[1.0, 10.0], [3.0, 30.0]]), zeros, ones, ones, zeros, True, 0.1, 1e-5
    yield np.array([[1.0, 10.0], [3.0, 30.0]]), zeros, ones, ones, zeros, False, 0.1, 1e-5
    for training in (True, False):
        yield 3 * rng.normal(size=(6, 4)) + 5, *state(4), training, 0.1, 1e-5
        yield rng.normal(size=(5, 3)), *state(3), training, 0.3, 0.1  # another momentum, and an eps that shows
    yield rng.normal(size=(1, 3)), *state(3), False, 0.1, 1e-5  # a batch of one, in use
    yield np.full((4, 2), 7.0), *state(2), True, 0.1, 1e-5  # a constant feature
    yield 1e3 * rng.normal(size=(8, 2)), *state(2), True, 0.1, 1e-5
    yield rng.normal(size=(7, 3)).astype(np.float32), *state(3, np.float32), True, 0.1, 1e-5


def _normed(x, mean, var, weight, bias, eps=1e-5):
    return weight * (x - mean) / np.sqrt(var + eps) + bias


def _moved(x, running_mean, running_var, momentum, ddof=1):
    n = len(x)
    var = x.var(axis=0) * (n / (n - ddof)) if n > 1 else x.var(axis=0)
    return (1 - momentum) * running_mean + momentum * x.mean(axis=0), (1 - momentum) * running_var + momentum * var


def _variant(**changes):
    """A batch normalisation with one thing done differently."""

    def wrong(x, running_mean, running_var, weight, bias, training=True, momentum=0.1, eps=1e-5):
        mean, var = (x.mean(axis=0), x.var(axis=0)) if training else (running_mean, running_var)
        given = {"x": x, "m": mean, "v": var, "w": weight, "b": bias, "eps": eps, "rm": running_mean, "rv": running_var}
        y = changes.get("y", lambda g: _normed(g["x"], g["m"], g["v"], g["w"], g["b"], g["eps"]))(given)
        rate = changes.get("rate", lambda r: r)(momentum)
        moved = _moved(x, running_mean, running_var, rate, changes.get("ddof", 1))
        return y, *(moved if changes.get("moves", lambda t: t)(training) else (running_mean, running_var))

    wrong.__name__ = changes["name"]
    return wrong


_no_eps = _variant(name="_no_eps", y=lambda g: _normed(g["x"], g["m"], g["v"], g["w"], g["b"], 0.0))
_eps_outside = _variant(
    name="_eps_outside", y=lambda g: g["w"] * (g["x"] - g["m"]) / (np.sqrt(g["v"]) + g["eps"]) + g["b"]
)
_by_variance = _variant(name="_by_variance", y=lambda g: g["w"] * (g["x"] - g["m"]) / (g["v"] + g["eps"]) + g["b"])
_batch_in_use = _variant(
    name="_batch_in_use",
    y=lambda g: _normed(g["x"], g["x"].mean(axis=0), g["x"].var(axis=0), g["w"], g["b"], g["eps"]),
)
_running_in_training = _variant(
    name="_running_in_training", y=lambda g: _normed(g["x"], g["rm"], g["rv"], g["w"], g["b"], g["eps"])
)
_along_rows = _variant(
    name="_along_rows",
    y=lambda g: _normed(
        g["x"], g["x"].mean(axis=1, keepdims=True), g["x"].var(axis=1, keepdims=True), g["w"], g["b"], g["eps"]
    ),
)
_no_scale_and_shift = _variant(name="_no_scale_and_shift", y=lambda g: _normed(g["x"], g["m"], g["v"], 1, 0, g["eps"]))
_no_shift = _variant(name="_no_shift", y=lambda g: _normed(g["x"], g["m"], g["v"], g["w"], 0, g["eps"]))
_momentum_turned = _variant(name="_momentum_turned", rate=lambda r: 1 - r)
_running_var_with_n = _variant(name="_running_var_with_n", ddof=0)
_never_moves = _variant(name="_never_moves", moves=lambda training: False)
_moves_in_use = _variant(name="_moves_in_use", moves=lambda training: True)


def _batch_var_less_one(x, running_mean, running_var, weight, bias, training=True, momentum=0.1, eps=1e-5):
    _, mean, var = R.batch_norm_forward(x, running_mean, running_var, weight, bias, training, momentum, eps)
    m, v = (x.mean(axis=0), x.var(axis=0, ddof=1)) if training else (running_mean, running_var)
    return _normed(x, m, v, weight, bias, eps), mean, var


def _output_alone(x, running_mean, running_var, weight, bias, training=True, momentum=0.1, eps=1e-5):
    return R.batch_norm_forward(x, running_mean, running_var, weight, bias, training, momentum, eps)[0]


def _batch_norm_step_by_step(x, running_mean, running_var, weight, bias, training=True, momentum=0.1, eps=1e-5):
    if training:
        mean, var = x.mean(0), np.mean((x - x.mean(0)) ** 2, axis=0)
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (x.var(0, ddof=1) - running_var)
    else:
        mean, var = running_mean, running_var
    scale = weight * (var + eps) ** -0.5
    return x * scale + (bias - mean * scale), running_mean, running_var


batch_norm = register(
    Exercise(
        id="regularization.batch_norm",
        notebook="generalization",
        reference=R.batch_norm_forward,
        cases=_batch_norm_cases,
        alias_ok=True,
        difficulty=3,
        minutes=15,
        points=4,
        hints=[
            "First decide which mean and variance: while training those of the batch, along axis 0; in use the running ones.",
            "Then one line for both modes: `y = weight * (x - m) / np.sqrt(v + eps) + bias`.",
            "While training, both running numbers move: `running_mean = (1 - momentum) * running_mean + momentum * m`; "
            "for the variance take `x.var(axis=0, ddof=1)`. Return y, running_mean, running_var.",
        ],
        misconceptions={
            _no_eps: "eps is missing: a constant feature gives 0 / 0. It stands under the root: `np.sqrt(v + eps)`.",
            _eps_outside: "eps stands outside of the root. It belongs inside: `np.sqrt(v + eps)`.",
            _by_variance: "You divided by the variance. Divide by its root.",
            _batch_in_use: "In use you still take mean and variance of the batch. Then the answer for one example depends on "
            "which others it comes with. Take the running ones.",
            _running_in_training: "While training you take the running numbers. Then the batch itself is not normalised: take its own.",
            _along_rows: "You normalised each example over its features: that is *layer* normalisation. Here each feature is "
            "normalised over the examples, axis=0.",
            _no_scale_and_shift: "weight and bias are not used: multiply by the one, then add the other.",
            _no_shift: "The bias is not added.",
            _momentum_turned: "The roles are turned round: momentum is the weight of the *new* batch, 1 - momentum that of the old value.",
            _running_var_with_n: "For the running variance the divisor is N - 1 (`ddof=1`): it estimates the variance of all data. "
            "(Only the normalising itself divides by N.)",
            _never_moves: "The running numbers never move, so in use they would know nothing of the data.",
            _moves_in_use: "The running numbers move in use too. So the answers would depend on what was asked before: they move only while training.",
            _batch_var_less_one: "The batch is normalised with N - 1. Its own variance is taken with N; N - 1 is for the running one.",
            _output_alone: "Return three things: y, running_mean, running_var.",
        },
        variants=(_batch_norm_step_by_step,),
    )
)
