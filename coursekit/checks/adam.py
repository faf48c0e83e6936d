"""Exercises of *Optimisers*: Adam and AdamW: a mean of gradients over a mean of squares, both corrected."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.optimizers import NOTHING_CHANGED, REBOUND, leaving, walk
from coursekit.scratch import update_rules

__all__ = ["adam"]

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


def _divided_by(name, first, second):
    """Adam with its means divided by other numbers: first(beta1, t) for m, second(beta2, t) for s."""

    def answer(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
        _means(g, m, s, betas)
        with np.errstate(all="ignore"):
            _move(w, np.divide(m, first(betas[0], t)), np.divide(s, second(betas[1], t)), lr, eps, decay)

    answer.__name__ = name
    return answer


def _averaging(name, first, second):
    """Adam with other means: first(m, g, beta1) for m; second(s, g, beta2, m) for s."""

    def answer(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
        m[...] = first(m, g, betas[0])
        s[...] = second(s, g, betas[1], m)
        with np.errstate(all="ignore"):
            _move(w, m / (1 - betas[0] ** t), s / (1 - betas[1] ** t), lr, eps, decay)

    answer.__name__ = name
    return answer


def _divided_by_one_beta(name, which):
    """Adam with both means corrected by the same beta."""

    def answer(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
        _means(g, m, s, betas)
        factor = 1 - betas[which] ** t
        _move(w, m / factor, s / factor, lr, eps, decay)

    answer.__name__ = name
    return answer


def _none(beta, t):
    return 1.0


def _true(beta, t):
    return 1 - beta**t


def _mean(old, new, beta, *_):
    return beta * old + (1 - beta) * new


def _square_mean(s, g, beta, m):
    return beta * s + (1 - beta) * g * g


def _corrected_in_place(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    m /= 1 - betas[0] ** t
    s /= 1 - betas[1] ** t
    _move(w, m, s, lr, eps, decay)


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


def _decay_last(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    update_rules.adam_update(w, g, m, s, t, lr, betas, eps)
    w *= 1 - lr * decay


def _decay_by_a_constant(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    w -= lr * decay
    update_rules.adam_update(w, g, m, s, t, lr, betas, eps)


def _adam_unrooted(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    w *= 1 - lr * decay
    w -= lr * (m / (1 - betas[0] ** t)) / (s / (1 - betas[1] ** t) + eps)


def _gradient_for_mean(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    _move(w, g, s / (1 - betas[1] ** t), lr, eps, decay)


def _stepping(name, step):
    """Adam with right means and another step, step(m, s, t, betas, eps)."""

    def answer(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
        _means(g, m, s, betas)
        w *= 1 - lr * decay
        with np.errstate(all="ignore"):
            w -= lr * step(m / _true(betas[0], t), s / _true(betas[1], t), t, betas, eps)

    answer.__name__ = name
    return answer


def _eps_behind(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    _means(g, m, s, betas)
    w *= 1 - lr * decay
    with np.errstate(all="ignore"):
        w -= lr * (m / _true(betas[0], t)) / np.sqrt(s / _true(betas[1], t)) + eps


def _adam_without_rate(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    w *= 1 - lr * decay
    update_rules.adam_update(w, g, m, s, t, 1.0, betas, eps)


def _betas_typed(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    update_rules.adam_update(w, g, m, s, t, lr, (0.9, 0.999), eps, decay)


def _only_a_share_left(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    w *= lr * decay
    update_rules.adam_update(w, g, m, s, t, lr, betas, eps)


def _adam_by_the_formula(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    m += (1 - betas[0]) * (g - m)
    s += (1 - betas[1]) * (g**2 - s)
    step = m / (1 - betas[0] ** t) / (np.sqrt(s / (1 - betas[1] ** t)) + eps)
    w -= lr * (step + decay * w)


adam = register(
    Exercise(
        id="adam.update",
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
            _divided_by("uncorrected", _none, _none): "The bias correction is missing: "
            "divide m by 1 - beta1**t and s by 1 - beta2**t before you use them.",
            _divided_by(
                "only_m", _true, _none
            ): "You corrected m only. s starts at zero too: divide it by 1 - beta2**t.",
            _divided_by(
                "only_s", _none, _true
            ): "You corrected s only. m starts at zero too: divide it by 1 - beta1**t, and move along that.",
            _divided_by("times", lambda b, t: 1 - b * t, lambda b, t: 1 - b * t): "You wrote beta * t. "
            "The correction takes the *power*: 1 - beta**t.",
            _divided_by(
                "power_outside", lambda b, t: (1 - b) ** t, lambda b, t: (1 - b) ** t
            ): "The power belongs to beta alone: 1 - beta**t, not (1 - beta)**t.",
            _divided_by(
                "multiplied", lambda b, t: 1 / _true(b, t), lambda b, t: 1 / _true(b, t)
            ): "You multiplied by 1 - beta**t, which makes small means smaller still. Divide by it.",
            _divided_by(
                "late_count", lambda b, t: _true(b, t + 1), lambda b, t: _true(b, t + 1)
            ): "t is 1 in the first step already: 1 - beta**t, not t + 1.",
            _divided_by("early_count", lambda b, t: _true(b, t - 1), lambda b, t: _true(b, t - 1)): "t counts from 1. "
            "With t - 1 the first step divides by 1 - beta**0 = 0.",
            _divided_by("no_power", lambda b, t: 1 - b, lambda b, t: 1 - b): "You divided by 1 - beta in every step. "
            "The correction fades: it is 1 - beta**t, with the number of the step.",
            _averaging("sum_in_m", lambda m, g, b: b * m + g, _square_mean): "The factor 1 - beta1 is missing at g: "
            "Adam's m is a mean, not momentum's sum.",
            _averaging(
                "m_squared", _mean, lambda s, g, b, m: b * s + (1 - b) * m * m
            ): "s took in m squared. It is the mean of g**2.",
            _averaging("not_squared", _mean, _mean): "s took in g. It is the mean of the *squares*: g**2.",
            _averaging(
                "shares_swapped", lambda m, g, b: _mean(g, m, b), lambda s, g, b, m: _mean(g * g, s, b)
            ): "beta and 1 - beta are in each other's place. The *old* mean is kept with beta, which is close to 1.",
            _corrected_in_place: "You wrote the corrected means back into m and s, so the next step corrects them again. "
            "Keep m and s as they are, and put the corrected ones under new names.",
            _betas_swapped: "The betas are in each other's place: betas[0] (0.9) is for m, betas[1] (0.999) for s.",
            _adam_eps_under_the_root: "eps stands outside the root: sqrt(s_hat) + eps.",
            _decay_in_the_gradient: "You put the decay into the gradient (an L2 penalty): there it is divided by sqrt(s) like everything else. "
            "AdamW shrinks the weights themselves: w *= 1 - lr * decay.",
            _decay_forgotten: "Right without decay. With it the weights first shrink: w *= 1 - lr * decay.",
            _decay_without_rate: "The decay is multiplied by the learning rate: w *= 1 - lr * decay.",
            _adam_unrooted: "The root is missing: divide by the *root* of the corrected s.",
            _gradient_for_mean: "You moved along g. Adam moves along m, the running mean of the gradients, corrected.",
            _stepping(
                "uphill", lambda m, s, t, betas, eps: -m / (np.sqrt(s) + eps)
            ): "You went *uphill*: subtract the step from w.",
            _eps_behind: "eps was added to the whole quotient. Put parentheses around the lower part: m_hat / (np.sqrt(s_hat) + eps).",
            _stepping("eps_left_out", lambda m, s, t, betas, eps: m / np.sqrt(s)): "eps is missing: divide by "
            "(np.sqrt(s_hat) + eps), else a gradient of zero gives 0 / 0.",
            _stepping(
                "corrected_after_the_root",
                lambda m, s, t, betas, eps: m / (np.sqrt(s * _true(betas[1], t)) / _true(betas[1], t) + eps),
            ): "You took the root of s first and corrected it afterwards. First s_hat = s / (1 - beta2**t), then its root.",
            _divided_by_one_beta(
                "beta1_for_both", 0
            ): "You corrected s with beta1. Each mean has its own: 1 - beta1**t below m, 1 - beta2**t below s.",
            _divided_by_one_beta(
                "beta2_for_both", 1
            ): "You corrected m with beta2. Each mean has its own: 1 - beta1**t below m, 1 - beta2**t below s.",
            _averaging(
                "sum_in_s", _mean, lambda s, g, b, m: b * s + g * g
            ): "The factor 1 - beta2 is missing at g**2: s is a mean, not a sum.",
            _averaging(
                "sums_in_both", lambda m, g, b: b * m + g, lambda s, g, b, m: b * s + g * g
            ): "The factors 1 - beta1 and 1 - beta2 are missing: both m and s are means, not sums.",
            _averaging(
                "means_grow", lambda m, g, b: m + _mean(m, g, b), lambda s, g, b, m: s + _square_mean(s, g, b, m)
            ): "`m += beta1 * m + ...` keeps all of the old m and adds to it. First `m *= beta1`, then add the new part; likewise s.",
            _adam_without_rate: "The learning rate is missing in front of the step: lr * m_hat / (np.sqrt(s_hat) + eps).",
            _betas_typed: "You typed 0.9 and 0.999. Use the argument: `beta1, beta2 = betas`.",
            _only_a_share_left: "`w *= lr * decay` leaves only that share of w. It should *lose* that share: w *= 1 - lr * decay.",
            _decay_last: "The decay comes first: shrink w, then take the step. You shrank the step as well.",
            _decay_by_a_constant: "You took the same number off every weight. A weight loses a *share* of itself: w *= 1 - lr * decay.",
            leaving(update_rules.adam_update, 0, 2, 3): NOTHING_CHANGED,
            leaving(
                update_rules.adam_update, 0
            ): f"m and s are right, w did not move. `w = w ...` {REBOUND} Write `w *= ...`, `w -= ...`.",
            leaving(
                update_rules.adam_update, 2
            ): f"s and w are right in the first step, m is still zero. `m = ...` {REBOUND} Write `m *= beta1`, then `m += ...`.",
            leaving(
                update_rules.adam_update, 3
            ): f"m and w are right in the first step, s is still zero. `s = ...` {REBOUND} Write `s *= beta2`, then `s += ...`.",
            leaving(
                update_rules.adam_update, 2, 3
            ): f"`m = ...` {REBOUND} The same goes for s. Change both in place: `m *= beta1`, then `m += ...`.",
        },
        variants=(_adam_by_the_formula,),
    )
)
