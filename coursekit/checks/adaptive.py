"""Exercises of *Optimisers*: steps of a size of their own for every weight: Adagrad and RMSProp."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.optimizers import NOTHING_CHANGED, REBOUND, leaving, walk
from coursekit.scratch import update_rules

__all__ = ["adagrad", "rmsprop"]

# -- adagrad ---------------------------------------------------------------------------------------------------------------


def _adagrad_cases(rng):
    yield np.array([1.0, -2.0]), np.array([[10.0, 0.1], [5.0, 0.1], [2.0, 0.1]]), 0.1, 1e-10
    yield rng.normal(size=(2, 3)), rng.normal(size=(4, 2, 3)), 0.3, 0.5  # an eps that can be seen
    yield rng.normal(size=(1, 4)), 1e3 * rng.normal(size=(3, 1, 4)), 0.01, 1e-10
    yield rng.normal(size=(3, 2)).astype(np.float32), rng.normal(size=(3, 3, 2)).astype(np.float32), 0.05, 1e-10
    yield np.zeros(3), np.zeros((2, 3)), 0.1, 1e-10  # a gradient of zero


def _use_adagrad(obj, w, gradients, lr, eps):
    return walk(obj, w, gradients, ("s",), lr, eps)


def _adagrad_unrooted(w, g, s, lr, eps=1e-10):
    s += g * g
    w -= lr * g / (s + eps)


def _eps_under_the_root(w, g, s, lr, eps=1e-10):
    s += g * g
    w -= lr * g / np.sqrt(s + eps)


def _last_square_only(w, g, s, lr, eps=1e-10):
    s[...] = g * g
    w -= lr * g / (np.sqrt(s) + eps)


def _sizes_added(w, g, s, lr, eps=1e-10):
    s += np.abs(g)
    w -= lr * g / (s + eps)


def _adagrad_uphill(w, g, s, lr, eps=1e-10):
    s += g * g
    w += lr * g / (np.sqrt(s) + eps)


def _one_sum_for_all(w, g, s, lr, eps=1e-10):
    s += (g * g).sum()
    w -= lr * g / (np.sqrt(s) + eps)


def _adagrad_late(w, g, s, lr, eps=1e-10):
    with np.errstate(all="ignore"):
        w -= lr * g / (np.sqrt(s) + eps)
    s += g * g


def _adagrad_multiplies(w, g, s, lr, eps=1e-10):
    s += g * g
    w -= lr * g * (np.sqrt(s) + eps)


def _not_squared(w, g, s, lr, eps=1e-10):
    s += g
    with np.errstate(all="ignore"):
        w -= lr * g / (np.sqrt(s) + eps)


def _eps_behind(w, g, s, lr, eps=1e-10):
    s += g * g
    with np.errstate(all="ignore"):
        w -= lr * g / np.sqrt(s) + eps


def _eps_left_out(w, g, s, lr, eps=1e-10):
    s += g * g
    with np.errstate(all="ignore"):
        w -= lr * g / np.sqrt(s)


def _root_kept(w, g, s, lr, eps=1e-10):
    s[...] = np.sqrt(s + g * g)
    w -= lr * g / (s + eps)


def _rate_left_out(w, g, s, lr, eps=1e-10):
    update_rules.adagrad_update(w, g, s, 1.0, eps)


def _summing(name, take_in, step):
    """Adagrad with another sum, take_in(s, g, eps), or another step, step(g, s, eps)."""

    def answer(w, g, s, lr, eps=1e-10):
        with np.errstate(all="ignore"):
            s[...] = take_in(s, g, eps)
            w -= lr * step(g, s, eps)

    answer.__name__ = name
    return answer


def _square_added(s, g, eps):
    return s + g * g


def _over_the_root(g, s, eps):
    return g / (np.sqrt(s) + eps)


def _adagrad_by_powers(w, g, s, lr, eps=1e-10):
    np.add(s, np.square(g), out=s)
    np.subtract(w, lr * np.divide(g, s**0.5 + eps), out=w)


adagrad = register(
    Exercise(
        id="adaptive.adagrad",
        notebook="optimizers",
        reference=update_rules.adagrad_update,
        cases=_adagrad_cases,
        call=_use_adagrad,
        alias_ok=True,
        difficulty=2,
        minutes=5,
        points=1,
        hints=[
            "Two lines: s takes in the squares of the new gradient, number by number; then w moves by lr times g over the root of s.",
            "In place: `s += ...` and `w -= ...`. eps is added after the root.",
            "`s += g**2`, then `w -= lr * g / (np.sqrt(s) + eps)`.",
        ],
        misconceptions={
            _adagrad_unrooted: "The root is missing: the step is g divided by the *root* of s. (s has the units of g squared.)",
            _eps_under_the_root: "eps stands outside the root: sqrt(s) + eps.",
            _last_square_only: "s holds only the last square, so every step is lr long, up or down. Adagrad adds up all of them: `s += g**2`.",
            _sizes_added: "You added up |g|. Adagrad adds up squares and takes the root of the sum.",
            leaving(update_rules.adagrad_update, 0, 2): NOTHING_CHANGED,
            leaving(update_rules.adagrad_update, 2): f"`s = s + g**2` {REBOUND} Write `s += g**2`.",
            _adagrad_uphill: "You went *uphill*: subtract the step from w.",
            leaving(
                update_rules.adagrad_update, 0
            ): f"s is right, w did not move. `w = w - ...` {REBOUND} Write `w -= ...`.",
            _one_sum_for_all: "You added all squares into one number. Every weight has a sum of its own: leave the sum() out.",
            _adagrad_late: "You moved first and updated s afterwards: the first step divides by eps alone. First s, then w.",
            _not_squared: "You added up the gradients themselves. Add their squares, `g**2`: the sum of g can be zero, or negative.",
            _eps_behind: "eps was added to the whole quotient. Put parentheses around the lower part: g / (np.sqrt(s) + eps).",
            _eps_left_out: "eps is missing: divide by (np.sqrt(s) + eps), else a gradient of zero gives 0 / 0.",
            _root_kept: "You wrote the root back into s. s goes on as the sum of squares; take its root only for this step.",
            _rate_left_out: "The learning rate is missing: w moves by lr times the quotient.",
            _summing(
                "g_left_out", _square_added, lambda g, s, eps: 1 / (np.sqrt(s) + eps)
            ): "The gradient is missing on top: the step is lr * g / (np.sqrt(s) + eps). Without g it has no direction.",
            _summing(
                "g_squared_on_top", _square_added, lambda g, s, eps: g * g / (np.sqrt(s) + eps)
            ): "You squared the gradient on top as well, which loses its sign. Only s takes in squares.",
            _summing(
                "half_and_half", lambda s, g, eps: (s + g * g) / 2, _over_the_root
            ): "You averaged old and new. Adagrad's s is a plain sum that forgets nothing: `s += g**2`.",
            _summing(
                "old_sum_twice", lambda s, g, eps: s + s + g * g, _over_the_root
            ): "`s += s + ...` counts the old sum twice. `+=` keeps it already: `s += g**2`.",
            _summing(
                "doubled", lambda s, g, eps: s + g * 2, _over_the_root
            ): "`g * 2` doubles. A square is `g**2`, or `g * g`.",
            _summing(
                "eps_in_the_sum", lambda s, g, eps: s + g * g + eps, lambda g, s, eps: g / np.sqrt(s)
            ): "You put eps into s, where it adds up from step to step. It belongs below g only: (np.sqrt(s) + eps).",
            _summing(
                "eps_typed", _square_added, lambda g, s, eps: _over_the_root(g, s, 1e-10)
            ): "You typed 1e-10. Use the argument `eps`: 1e-10 is only what it is when nobody says otherwise.",
            _adagrad_multiplies: "You multiplied by the root of s. Divide by it: large gradients, smaller steps.",
        },
        variants=(_adagrad_by_powers,),
    )
)

# -- rmsprop ---------------------------------------------------------------------------------------------------------------


def _rmsprop_cases(rng):
    yield np.array([1.0, -2.0]), np.array([[10.0, 0.1], [5.0, 0.1], [2.0, 0.1]]), 0.1, 0.9, 1e-8
    yield rng.normal(size=(2, 3)), rng.normal(size=(4, 2, 3)), 0.3, 0.7, 0.5
    yield rng.normal(size=(1, 4)), 1e3 * rng.normal(size=(3, 1, 4)), 0.01, 0.99, 1e-8
    yield rng.normal(size=(3, 2)).astype(np.float32), rng.normal(size=(3, 3, 2)).astype(np.float32), 0.05, 0.9, 1e-8
    yield np.zeros(3), np.zeros((2, 3)), 0.1, 0.99, 1e-8


def _use_rmsprop(obj, w, gradients, lr, alpha, eps):
    return walk(obj, w, gradients, ("s",), lr, alpha, eps)


def _still_a_sum(w, g, s, lr, alpha=0.99, eps=1e-8):
    s += g * g
    w -= lr * g / (np.sqrt(s) + eps)


def _leaky_sum(w, g, s, lr, alpha=0.99, eps=1e-8):
    s[...] = alpha * s + g * g
    w -= lr * g / (np.sqrt(s) + eps)


def _alphas_swapped(w, g, s, lr, alpha=0.99, eps=1e-8):
    s[...] = (1 - alpha) * s + alpha * g * g
    w -= lr * g / (np.sqrt(s) + eps)


def _mean_of_gradients(w, g, s, lr, alpha=0.99, eps=1e-8):
    s[...] = alpha * s + (1 - alpha) * g
    with np.errstate(all="ignore"):
        w -= lr * g / (np.sqrt(s) + eps)


def _rmsprop_unrooted(w, g, s, lr, alpha=0.99, eps=1e-8):
    s[...] = alpha * s + (1 - alpha) * g * g
    w -= lr * g / (s + eps)


def _rmsprop_eps_under_the_root(w, g, s, lr, alpha=0.99, eps=1e-8):
    s[...] = alpha * s + (1 - alpha) * g * g
    w -= lr * g / np.sqrt(s + eps)


def _rmsprop_uphill(w, g, s, lr, alpha=0.99, eps=1e-8):
    s[...] = alpha * s + (1 - alpha) * g * g
    w += lr * g / (np.sqrt(s) + eps)


def _rmsprop_late(w, g, s, lr, alpha=0.99, eps=1e-8):
    with np.errstate(all="ignore"):
        w -= lr * g / (np.sqrt(s) + eps)
    s[...] = alpha * s + (1 - alpha) * g * g


def _grows(w, g, s, lr, alpha=0.99, eps=1e-8):
    s += alpha * s + (1 - alpha) * g * g
    w -= lr * g / (np.sqrt(s) + eps)


def _factor_squared(w, g, s, lr, alpha=0.99, eps=1e-8):
    s[...] = alpha * s + ((1 - alpha) * g) ** 2
    w -= lr * g / (np.sqrt(s) + eps)


def _one_mean_for_all(w, g, s, lr, alpha=0.99, eps=1e-8):
    s[...] = alpha * s + (1 - alpha) * (g * g).mean()
    w -= lr * g / (np.sqrt(s) + eps)


def _rmsprop_eps_behind(w, g, s, lr, alpha=0.99, eps=1e-8):
    s[...] = alpha * s + (1 - alpha) * g * g
    with np.errstate(all="ignore"):
        w -= lr * g / np.sqrt(s) + eps


def _alpha_typed(w, g, s, lr, alpha=0.99, eps=1e-8):
    update_rules.rmsprop_update(w, g, s, lr, 0.99, eps)


def _averaging(name, take_in, step):
    """RMSProp with another mean, take_in(s, g, alpha), or another step, step(g, s, eps)."""

    def answer(w, g, s, lr, alpha=0.99, eps=1e-8):
        with np.errstate(all="ignore"):
            s[...] = take_in(s, g, alpha)
            w -= lr * step(g, s, eps)

    answer.__name__ = name
    return answer


def _square_mean(s, g, alpha):
    return alpha * s + (1 - alpha) * g * g


def _rmsprop_without_rate(w, g, s, lr, alpha=0.99, eps=1e-8):
    update_rules.rmsprop_update(w, g, s, 1.0, alpha, eps)


def _rmsprop_towards(w, g, s, lr, alpha=0.99, eps=1e-8):
    s += (1 - alpha) * (g**2 - s)
    w -= lr * (g / (s**0.5 + eps))


rmsprop = register(
    Exercise(
        id="adaptive.rmsprop",
        notebook="optimizers",
        reference=update_rules.rmsprop_update,
        cases=_rmsprop_cases,
        call=_use_rmsprop,
        alias_ok=True,
        difficulty=2,
        minutes=5,
        points=1,
        hints=[
            "As Adagrad, with one line changed: s is a running mean, which forgets.",
            "The new mean: alpha times the old one, plus (1 - alpha) times the new square. In place: `s *= alpha`, then `s += ...`.",
            "`s *= alpha`, `s += (1 - alpha) * g**2`, `w -= lr * g / (np.sqrt(s) + eps)`.",
        ],
        misconceptions={
            _still_a_sum: "This is Adagrad: s adds up all squares. In RMSProp old squares fade: s becomes alpha * s + (1 - alpha) * g**2.",
            _leaky_sum: "The factor 1 - alpha is missing at g**2: without it s tends to a hundred squares (for alpha = 0.99), not to one.",
            _alphas_swapped: "alpha and 1 - alpha are in each other's place. The *old* mean is kept with alpha, which is close to 1.",
            _mean_of_gradients: "You averaged the gradients. Average their *squares*: the mean of g can be zero, or negative.",
            _rmsprop_unrooted: "The root is missing: the step is g divided by the *root* of s.",
            _rmsprop_eps_under_the_root: "eps stands outside the root: sqrt(s) + eps.",
            leaving(update_rules.rmsprop_update, 0, 2): NOTHING_CHANGED,
            leaving(
                update_rules.rmsprop_update, 0
            ): f"s is right, w did not move. `w = w - ...` {REBOUND} Write `w -= ...`.",
            leaving(
                update_rules.rmsprop_update, 2
            ): f"`s = ...` {REBOUND} Change s in place: `s *= alpha`, then `s += ...`.",
            _rmsprop_uphill: "You went *uphill*: subtract the step from w.",
            _grows: "`s += alpha * s + ...` keeps all of the old s and adds to it, so s grows. First `s *= alpha`, then add the new part.",
            _factor_squared: "The factor was squared too: (1 - alpha) * g**2, not ((1 - alpha) * g)**2.",
            _one_mean_for_all: "You took one mean over all weights. s is a mean over the *steps*, one for each weight: leave mean() out.",
            _rmsprop_eps_behind: "eps was added to the whole quotient. Put parentheses around the lower part: g / (np.sqrt(s) + eps).",
            _alpha_typed: "You typed 0.99. Use the argument `alpha`: 0.99 is only what it is when nobody says otherwise.",
            _averaging(
                "g_left_out", _square_mean, lambda g, s, eps: 1 / (np.sqrt(s) + eps)
            ): "The gradient is missing on top: the step is lr * g / (np.sqrt(s) + eps). Without g it has no direction.",
            _averaging(
                "eps_left_out", _square_mean, lambda g, s, eps: g / np.sqrt(s)
            ): "eps is missing: divide by (np.sqrt(s) + eps), else a gradient of zero gives 0 / 0.",
            _averaging(
                "multiplied", _square_mean, lambda g, s, eps: g * (np.sqrt(s) + eps)
            ): "You multiplied by the root of s. Divide by it: large gradients, smaller steps.",
            _averaging(
                "root_kept", lambda s, g, alpha: np.sqrt(_square_mean(s, g, alpha)), lambda g, s, eps: g / (s + eps)
            ): "You wrote the root back into s. s goes on as the mean of squares; take its root only for this step.",
            _averaging(
                "fades_at_once", lambda s, g, alpha: alpha * (s + (1 - alpha) * g * g), _over_the_root
            ): "The new square faded as well. First `s *= alpha`, then add (1 - alpha) * g**2.",
            _averaging(
                "alpha_twice", lambda s, g, alpha: alpha * s + alpha * g * g, _over_the_root
            ): "Both shares are alpha. The new square gets the rest, 1 - alpha, so that the shares add up to 1.",
            _averaging(
                "old_mean_lost", lambda s, g, alpha: (1 - alpha) * g * g, _over_the_root
            ): "s holds only the newest square. Add the old mean, alpha * s.",
            _averaging(
                "parentheses", lambda s, g, alpha: alpha * s + 1 - alpha * g * g, _over_the_root
            ): "Parentheses: `1 - alpha * g**2` is not (1 - alpha) * g**2.",
            _rmsprop_without_rate: "The learning rate is missing: w moves by lr times the quotient.",
            _rmsprop_late: "You moved first and updated s afterwards: the first step divides by eps alone. First s, then w.",
        },
        variants=(_rmsprop_towards,),
    )
)
