"""Exercises of *Optimisers*: steps of a size of their own for every weight: Adagrad, RMSProp, Adam and AdamW."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.optimizers import walk
from coursekit.scratch import update_rules

__all__ = ["adagrad", "adam", "rmsprop"]

_REBOUND = "is a *new* array: the one outside this function is as it was, and the next step finds no trace of this one."

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


def _adagrad_rebound(w, g, s, lr, eps=1e-10):
    s = s + g * g
    w -= lr * g / (np.sqrt(s) + eps)


def _adagrad_uphill(w, g, s, lr, eps=1e-10):
    s += g * g
    w += lr * g / (np.sqrt(s) + eps)


def _adagrad_w_rebound(w, g, s, lr, eps=1e-10):
    s += g * g


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
            _adagrad_rebound: f"`s = s + g**2` {_REBOUND} Write `s += g**2`.",
            _adagrad_uphill: "You went *uphill*: subtract the step from w.",
            _adagrad_w_rebound: f"s is right, w did not move. `w = w - ...` {_REBOUND} Write `w -= ...`.",
            _one_sum_for_all: "You added all squares into one number. Every weight has a sum of its own: leave the sum() out.",
            _adagrad_late: "You moved first and updated s afterwards: the first step divides by eps alone. First s, then w.",
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


def _rmsprop_rebound(w, g, s, lr, alpha=0.99, eps=1e-8):
    s = alpha * s + (1 - alpha) * g * g
    w -= lr * g / (np.sqrt(s) + eps)


def _rmsprop_uphill(w, g, s, lr, alpha=0.99, eps=1e-8):
    s[...] = alpha * s + (1 - alpha) * g * g
    w += lr * g / (np.sqrt(s) + eps)


def _rmsprop_late(w, g, s, lr, alpha=0.99, eps=1e-8):
    with np.errstate(all="ignore"):
        w -= lr * g / (np.sqrt(s) + eps)
    s[...] = alpha * s + (1 - alpha) * g * g


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
            _rmsprop_rebound: f"`s = ...` {_REBOUND} Change s in place: `s *= alpha`, then `s += ...`.",
            _rmsprop_uphill: "You went *uphill*: subtract the step from w.",
            _rmsprop_late: "You moved first and updated s afterwards: the first step divides by eps alone. First s, then w.",
        },
        variants=(_rmsprop_towards,),
    )
)

# -- adam ------------------------------------------------------------------------------------------------------------------


def _adam_cases(rng):
    first = np.array([1.0, -2.0]), np.array([[10.0, 0.1], [5.0, 0.1], [2.0, 0.1], [0.0, 0.1]])
    yield *first, 0.1, (0.9, 0.999), 1e-8, 0.0
    yield *first, 0.1, (0.9, 0.999), 1e-8, 0.5  # with decay: AdamW
    yield rng.normal(size=(2, 3)), rng.normal(size=(4, 2, 3)), 0.3, (0.5, 0.8), 0.5, 0.0
    yield rng.normal(size=(1, 4)), 1e3 * rng.normal(size=(3, 1, 4)), 0.01, (0.9, 0.99), 1e-8, 0.1
    arrays = rng.normal(size=(3, 2)).astype(np.float32), rng.normal(size=(3, 3, 2)).astype(np.float32)
    yield *arrays, 0.05, (0.9, 0.999), 1e-8, 0.0
    yield np.zeros(3), np.zeros((2, 3)), 0.1, (0.9, 0.999), 1e-8, 0.0


def _use_adam(obj, w, gradients, lr, betas, eps, decay):
    return walk(obj, w, gradients, ("m", "s"), lr, betas, eps, decay, numbered=True)


def _means(g, m, s, betas):
    m[...] = betas[0] * m + (1 - betas[0]) * g
    s[...] = betas[1] * s + (1 - betas[1]) * g * g


def _move(w, m, s, lr, eps, decay):
    w *= 1 - lr * decay
    with np.errstate(all="ignore"):
        w -= lr * m / (np.sqrt(s) + eps)


def _uncorrected(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    _move(w, m, s, lr, eps, decay)


def _only_m_corrected(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    _move(w, m / (1 - betas[0] ** t), s, lr, eps, decay)


def _corrected_in_place(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    m /= 1 - betas[0] ** t
    s /= 1 - betas[1] ** t
    _move(w, m, s, lr, eps, decay)


def _same_correction_always(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    _move(w, m / (1 - betas[0]), s / (1 - betas[1]), lr, eps, decay)


def _counted_from_zero(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    with np.errstate(all="ignore"):
        _move(w, m / np.float64(1 - betas[0] ** (t - 1)), s / np.float64(1 - betas[1] ** (t - 1)), lr, eps, decay)


def _betas_swapped(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    update_rules.adam_update(w, g, m, s, t, lr, betas[::-1], eps, decay)


def _adam_eps_under_the_root(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    w *= 1 - lr * decay
    w -= lr * (m / (1 - betas[0] ** t)) / np.sqrt(s / (1 - betas[1] ** t) + eps)


def _decay_in_the_gradient(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    update_rules.adam_update(w, g + decay * w, m, s, t, lr, betas, eps)


def _decay_forgotten(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    update_rules.adam_update(w, g, m, s, t, lr, betas, eps)


def _decay_without_rate(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    update_rules.adam_update(w, g, m, s, t, lr, betas, eps, decay / lr)


def _adam_unrooted(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    w *= 1 - lr * decay
    w -= lr * (m / (1 - betas[0] ** t)) / (s / (1 - betas[1] ** t) + eps)


def _gradient_for_mean(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    _move(w, g, s / (1 - betas[1] ** t), lr, eps, decay)


def _adam_rebound(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    update_rules.adam_update(w, g, m.copy(), s.copy(), t, lr, betas, eps, decay)


def _adam_by_the_formula(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    m += (1 - betas[0]) * (g - m)
    s += (1 - betas[1]) * (g**2 - s)
    step = m / (1 - betas[0] ** t) / (np.sqrt(s / (1 - betas[1] ** t)) + eps)
    w -= lr * (step + decay * w)


adam = register(
    Exercise(
        id="adaptive.adam",
        notebook="optimizers",
        reference=update_rules.adam_update,
        cases=_adam_cases,
        call=_use_adam,
        alias_ok=True,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "Four parts: shrink w by the decay; update m, the mean of gradients; update s, the mean of squares; move w.",
            "m and s are changed in place and stay uncorrected. The corrected ones are new arrays, used only for this step: "
            "`m_hat = m / (1 - beta1**t)`, and likewise for s.",
            "`w *= 1 - lr * decay`; `m *= beta1; m += (1 - beta1) * g`; `s *= beta2; s += (1 - beta2) * g**2`; "
            "`w -= lr * m_hat / (np.sqrt(s_hat) + eps)`.",
        ],
        misconceptions={
            _uncorrected: "The bias correction is missing: divide m by 1 - beta1**t and s by 1 - beta2**t before you use them.",
            _only_m_corrected: "You corrected m only. s starts at zero too: divide it by 1 - beta2**t.",
            _corrected_in_place: "You wrote the corrected means back into m and s, so the next step corrects them again. "
            "Keep m and s as they are, and put the corrected ones under new names.",
            _same_correction_always: "You divided by 1 - beta in every step. The correction fades: it is 1 - beta**t, with the number of the step.",
            _counted_from_zero: "t counts from 1. With t - 1 the first step divides by 1 - beta**0 = 0.",
            _betas_swapped: "The betas are in each other's place: betas[0] (0.9) is for m, betas[1] (0.999) for s.",
            _adam_eps_under_the_root: "eps stands outside the root: sqrt(s_hat) + eps.",
            _decay_in_the_gradient: "You put the decay into the gradient (an L2 penalty): there it is divided by sqrt(s) like everything else. "
            "AdamW shrinks the weights themselves: w *= 1 - lr * decay.",
            _decay_forgotten: "Right without decay. With it the weights first shrink: w *= 1 - lr * decay.",
            _decay_without_rate: "The decay is multiplied by the learning rate: w *= 1 - lr * decay.",
            _adam_unrooted: "The root is missing: divide by the *root* of the corrected s.",
            _gradient_for_mean: "You moved along g. Adam moves along m, the running mean of the gradients, corrected.",
            _adam_rebound: f"`m = ...` {_REBOUND} The same goes for s. Change both in place: `m *= beta1`, then `m += ...`.",
        },
        variants=(_adam_by_the_formula,),
    )
)
