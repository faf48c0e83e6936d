"""Exercises of *Generalization*: what goes into each layer gets mean 0 and spread 1, and what that means in use."""

from types import SimpleNamespace

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import regularization as R

__all__ = ["batch_norm"]


def _cases(rng):
    def state(d, dtype=float):
        arrays = rng.normal(size=d), rng.uniform(0.5, 2, d), rng.normal(size=d), rng.normal(size=d)
        return tuple(a.astype(dtype) for a in arrays)

    for training in (True, False):
        plain = np.array([0.0, 5.0]), np.array([1.0, 4.0]), np.ones(2), np.zeros(2)
        yield np.array([[1.0, 10.0], [3.0, 30.0], [5.0, 80.0]]), *plain, training, 0.1, 1e-5
    for training in (True, False):
        yield 3 * rng.normal(size=(6, 4)) + 5, *state(4), training, 0.1, 1e-5
        yield rng.normal(size=(5, 3)), *state(3), training, 0.3, 0.1  # another momentum, and an eps that shows
    yield rng.normal(size=(1, 3)), *state(3), False, 0.1, 1e-5  # a batch of one, in use
    yield np.full((4, 2), 7.0), *state(2), True, 0.1, 1e-5  # a constant feature
    yield 1e3 * rng.normal(size=(8, 2)), *state(2), True, 0.1, 1e-5
    yield rng.normal(size=(7, 3)).astype(np.float32), *state(3, np.float32), True, 0.1, 1e-5


def _sample_var(x):
    """The variance with N - 1; of one example NaN, without NumPy's warning."""
    return x.var(axis=0) * (len(x) / np.float64(len(x) - 1))


def _blend(old, new, momentum):
    return (1 - momentum) * old + momentum * new


STEPS = {  # g holds the arguments by name; m and v are the mean and the variance that normalise
    "stats": lambda g: (g.x.mean(axis=0), g.x.var(axis=0)) if g.training else (g.mean, g.var),
    "y": lambda g, m, v: g.weight * (g.x - m) / np.sqrt(v + g.eps) + g.bias,
    "moves": lambda g: g.training,
    "mean": lambda g: _blend(g.mean, g.x.mean(axis=0), g.momentum),
    "var": lambda g: _blend(g.var, _sample_var(g.x), g.momentum),
    "out": lambda y, mean, var: (y, mean, var),
}


def _but(name, **changed):
    """Batch normalisation with some of its steps done differently."""
    steps = STEPS | changed

    def answer(x, running_mean, running_var, weight, bias, training=True, momentum=0.1, eps=1e-5):
        g = SimpleNamespace(
            x=x,
            mean=running_mean,
            var=running_var,
            weight=weight,
            bias=bias,
            training=training,
            momentum=momentum,
            eps=eps,
        )
        y = steps["y"](g, *steps["stats"](g))
        if steps["moves"](g):
            return steps["out"](y, steps["mean"](g), steps["var"](g))
        return steps["out"](y, running_mean, running_var)

    answer.__name__ = name
    return answer


def _along(axis):
    def stats(g):
        return g.x.mean(axis=axis, keepdims=True), g.x.var(axis=axis, keepdims=True)

    return stats


def _in_training(stats):
    """Other numbers while training; in use the running ones, as is right."""
    return lambda g: stats(g) if g.training else (g.mean, g.var)


def _running_to_normalise(g):
    """Moves the running numbers first, then normalises by them."""
    return (STEPS["mean"](g), STEPS["var"](g)) if g.training else (g.mean, g.var)


def _plain_var(g):
    return _blend(g.var, g.x.var(axis=0), g.momentum)


def _turned(old, new, momentum):
    return momentum * old + (1 - momentum) * new


LAYER = (
    "You normalised each example over its features: that is *layer* normalisation. Here each feature is normalised over "
    "the examples, axis=0."
)
BATCH_IN_USE = (
    "In use you still take mean and variance of the batch. Then the answer for one example depends on which others it "
    "comes with. Take the running ones."
)
TRAINING_IGNORED = "Your code does the same in both modes. In use (`training` is False) normalise by the running numbers, and leave them alone."
WITH_N = (
    "For the running variance the divisor is N - 1 (`ddof=1`): it estimates the variance of all data. (Only the normalising "
    "itself divides by N.)"
)
TURNED = "The roles are turned round: momentum is the weight of the *new* batch, 1 - momentum that of the old value."
IN_STD = "What runs along is the *variance*, with N - 1: `x.var(axis=0, ddof=1)`. You keep the standard deviation."
NOT_FADING = "The old value must fade: multiply it by 1 - momentum, and the new one by momentum."

batch_norm = register(
    Exercise(
        id="normalization.batch_norm",
        notebook="generalization",
        reference=R.batch_norm_forward,
        cases=_cases,
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
            _but("no_eps", y=lambda g, m, v: g.weight * (g.x - m) / np.sqrt(v) + g.bias): "eps is missing: a constant "
            "feature gives 0 / 0. It stands under the root: `np.sqrt(v + eps)`.",
            _but("eps_outside", y=lambda g, m, v: g.weight * (g.x - m) / (np.sqrt(v) + g.eps) + g.bias): "eps stands "
            "outside of the root. It belongs inside: `np.sqrt(v + eps)`.",
            _but("eps_typed_in", y=lambda g, m, v: g.weight * (g.x - m) / np.sqrt(v + 1e-5) + g.bias): "You typed in a "
            "number for eps. Use the argument.",
            _but(
                "eps_typed_in_smaller", y=lambda g, m, v: g.weight * (g.x - m) / np.sqrt(v + 1e-8) + g.bias
            ): "You typed in a number for eps. Use the argument.",
            _but("by_variance", y=lambda g, m, v: g.weight * (g.x - m) / (v + g.eps) + g.bias): "You divided by the "
            "variance. Divide by its root.",
            _but(
                "not_centred", y=lambda g, m, v: g.weight * g.x / np.sqrt(v + g.eps) + g.bias
            ): "The mean is not taken off.",
            _but(
                "swapped", y=lambda g, m, v: g.bias * (g.x - m) / np.sqrt(v + g.eps) + g.weight
            ): "weight and bias are in each other's place: multiply by weight, add bias.",
            _but(
                "shift_first", y=lambda g, m, v: g.weight * ((g.x - m) / np.sqrt(v + g.eps) + g.bias)
            ): "The bias is added "
            "before the multiplication, so it gets multiplied too. First weight times, then plus bias.",
            _but(
                "neither", y=lambda g, m, v: (g.x - m) / np.sqrt(v + g.eps)
            ): "weight and bias are not used: multiply by the one, then add the other.",
            _but("no_shift", y=lambda g, m, v: g.weight * (g.x - m) / np.sqrt(v + g.eps)): "The bias is not added.",
            _but(
                "no_scale", y=lambda g, m, v: (g.x - m) / np.sqrt(v + g.eps) + g.bias
            ): "The weight is not used: multiply by it before you add the bias.",
            _but("batch_in_use", stats=lambda g: (g.x.mean(axis=0), g.x.var(axis=0))): BATCH_IN_USE,
            _but(
                "mode_ignored", stats=lambda g: (g.x.mean(axis=0), g.x.var(axis=0)), moves=lambda g: True
            ): TRAINING_IGNORED,
            _but(
                "mode_ignored_with_n",
                stats=lambda g: (g.x.mean(axis=0), g.x.var(axis=0)),
                moves=lambda g: True,
                var=_plain_var,
            ): TRAINING_IGNORED,
            _but(
                "modes_turned",
                stats=lambda g: (g.mean, g.var) if g.training else (g.x.mean(axis=0), g.x.var(axis=0)),
                moves=lambda g: not g.training,
            ): "The two modes are in each other's place: the batch's own numbers while training, the running ones in use.",
            _but(
                "running_in_training", stats=lambda g: (g.mean, g.var)
            ): "While training you take the running numbers. Then the batch itself is not normalised: take its own.",
            _but(
                "moved_running_in_training", stats=_running_to_normalise
            ): "While training you normalise by the running "
            "numbers, just moved. The batch is normalised by its *own* mean and variance; the running ones wait for use.",
            _but("along_rows", stats=_along(1)): LAYER,
            _but("along_rows_in_training", stats=_in_training(_along(1))): LAYER,
            _but(
                "over_everything",
                stats=_in_training(lambda g: (g.x.mean(), g.x.var())),
                mean=lambda g: _blend(g.mean, g.x.mean(), g.momentum),
                var=lambda g: _blend(g.var, g.x.var(ddof=1), g.momentum),
            ): "One mean for all features together. Each feature has its own: axis=0.",
            _but(
                "sum_of_squares",
                stats=_in_training(lambda g: (g.x.mean(axis=0), ((g.x - g.x.mean(axis=0)) ** 2).sum(axis=0))),
            ): "The batch's variance is the *mean* of the squared differences; you summed them.",
            _but(
                "batch_var_less_one", stats=_in_training(lambda g: (g.x.mean(axis=0), _sample_var(g.x)))
            ): "The batch is normalised with N - 1. Its own variance is taken with N; N - 1 is for the running one.",
            _but(
                "divisors_swapped", stats=_in_training(lambda g: (g.x.mean(axis=0), _sample_var(g.x))), var=_plain_var
            ): "The two divisors are in each other's place: N to normalise the batch, N - 1 for the running variance.",
            _but("running_var_with_n", var=_plain_var): WITH_N,
            _but(
                "momentum_turned",
                mean=lambda g: _turned(g.mean, g.x.mean(axis=0), g.momentum),
                var=lambda g: _turned(g.var, _sample_var(g.x), g.momentum),
            ): TURNED,
            _but(
                "momentum_turned_with_n",
                mean=lambda g: _turned(g.mean, g.x.mean(axis=0), g.momentum),
                var=lambda g: _turned(g.var, g.x.var(axis=0), g.momentum),
            ): TURNED,
            _but(
                "momentum_typed_in",
                mean=lambda g: _blend(g.mean, g.x.mean(axis=0), 0.1),
                var=lambda g: _blend(g.var, _sample_var(g.x), 0.1),
            ): "You typed in a number for the momentum. Use the argument.",
            _but(
                "replaced", mean=lambda g: g.x.mean(axis=0), var=lambda g: _sample_var(g.x)
            ): "The running numbers are "
            "replaced by those of the last batch. They move towards them only a little: by the share `momentum`.",
            _but(
                "replaced_with_n", mean=lambda g: g.x.mean(axis=0), var=lambda g: g.x.var(axis=0)
            ): "The running numbers "
            "are replaced by those of the last batch. They move towards them only a little: by the share `momentum`.",
            _but(
                "added_on",
                mean=lambda g: g.mean + g.momentum * g.x.mean(axis=0),
                var=lambda g: g.var + g.momentum * _sample_var(g.x),
            ): NOT_FADING,
            _but(
                "as_a_velocity",
                mean=lambda g: g.momentum * g.mean + g.x.mean(axis=0),
                var=lambda g: g.momentum * g.var + _sample_var(g.x),
            ): "This is the momentum of notebook 05, a velocity. Here it is a moving mean: (1 - momentum) times the old "
            "value plus momentum times the new one.",
            _but("var_stays", var=lambda g: g.var): "The running mean moves, the running variance does not. Move both.",
            _but(
                "mean_stays", mean=lambda g: g.mean
            ): "The running variance moves, the running mean does not. Move both.",
            _but("running_std", var=lambda g: _blend(g.var, g.x.std(axis=0), g.momentum)): IN_STD,
            _but("running_std_less_one", var=lambda g: _blend(g.var, np.sqrt(_sample_var(g.x)), g.momentum)): IN_STD,
            _but(
                "eps_runs_along", var=lambda g: _blend(g.var, _sample_var(g.x) + g.eps, g.momentum)
            ): "eps has found its way into the running variance. It is added only where you divide.",
            _but(
                "never_moves", moves=lambda g: False
            ): "The running numbers never move, so in use they would know nothing of the data.",
            _but(
                "moves_in_use", moves=lambda g: True
            ): "The running numbers move in use too. So the answers would depend on "
            "what was asked before: they move only while training.",
            _but("output_alone", out=lambda y, mean, var: y): "Return three things: y, running_mean, running_var.",
            _but("running_in_a_pair", out=lambda y, mean, var: (y, (mean, var))): "Return three things side by side: "
            "`return y, running_mean, running_var`.",
            _but("out_of_order", out=lambda y, mean, var: (y, var, mean)): "The running numbers come back in the wrong "
            "order: y, then the mean, then the variance.",
        },
        variants=(
            _but(
                "step_by_step",
                y=lambda g, m, v: (
                    g.x * (g.weight * (v + g.eps) ** -0.5) + (g.bias - m * g.weight * (v + g.eps) ** -0.5)
                ),
            ),
            _but(
                "by_differences",
                mean=lambda g: g.mean + g.momentum * (g.x.mean(0) - g.mean),
                y=lambda g, m, v: g.weight * ((g.x - m) / (v + g.eps) ** 0.5) + g.bias,
            ),
        ),
    )
)
