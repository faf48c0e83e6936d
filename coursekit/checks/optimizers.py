"""Exercises of *Optimisers*: momentum, and how an update rule is tried out."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import update_rules

__all__ = ["NOTHING_CHANGED", "REBOUND", "leaving", "momentum", "walk"]

REBOUND = "is a *new* array: the one outside this function is as it was, and the next step finds no trace of this one."
NOTHING_CHANGED = (
    "None of the arrays changed. A rule works in place: `w = w - ...` makes a *new* array, and what you return is "
    "thrown away. Change those that you were given: `w -= ...`."
)


def walk(rule, w, gradients, memory, *settings, numbered=False):
    """Apply an update rule to one weight array, one step for each gradient; everything as it is after every step."""
    w, arrays, seen = w.copy(), [np.zeros_like(w) for _ in memory], {"g, which should stay as it is": gradients}
    for t, g in enumerate(gradients, start=1):
        rule(w, g, *arrays, *([t] if numbered else []), *settings)
        seen[f"w after step {t}"] = w.copy()
        seen |= {f"{name} after step {t}": array.copy() for name, array in zip(memory, arrays, strict=True)}
    return seen


def leaving(rule, *positions):
    """The rule at work on copies of some of its arguments, as after ``w = ...``: what it does to them is lost."""

    def answer(*args):
        rule(*[arg.copy() if k in positions else arg for k, arg in enumerate(args)])

    answer.__name__ = f"{rule.__name__}_leaving_{'_'.join(map(str, positions))}"
    return answer


# -- momentum --------------------------------------------------------------------------------------------------------------


def _momentum_cases(rng):
    yield np.array([1.0, -2.0]), np.array([[10.0, 0.0], [10.0, 1.0], [0.0, 1.0]]), 0.1, 0.9, False
    yield np.array([1.0, -2.0]), np.array([[10.0, 0.0], [10.0, 1.0], [0.0, 1.0]]), 0.1, 0.9, True
    for nesterov in (False, True):
        yield rng.normal(size=(2, 3)), rng.normal(size=(4, 2, 3)), 0.3, 0.5, nesterov
    yield rng.normal(size=(1, 4)), 1e3 * rng.normal(size=(3, 1, 4)), 1e-3, 0.99, False
    yield rng.normal(size=(3, 2)).astype(np.float32), rng.normal(size=(3, 3, 2)).astype(np.float32), 0.05, 0.9, True
    yield np.zeros(3), rng.normal(size=(3, 3)), 0.1, 0.0, False  # no momentum at all


def _use_momentum(obj, w, gradients, lr, momentum, nesterov):
    return walk(obj, w, gradients, ("v",), lr, momentum, nesterov)


def _momentum_forgotten(w, g, v, lr, momentum=0.9, nesterov=False):
    w -= lr * g


def _v_averages(w, g, v, lr, momentum=0.9, nesterov=False):
    v[...] = momentum * v + (1 - momentum) * g
    w -= lr * (g + momentum * v) if nesterov else lr * v


def _rate_in_v(w, g, v, lr, momentum=0.9, nesterov=False):
    v[...] = momentum * v + lr * g
    w -= lr * g + momentum * v if nesterov else v


def _v_points_down(w, g, v, lr, momentum=0.9, nesterov=False):
    v[...] = momentum * v - g
    w += lr * (momentum * v - g) if nesterov else lr * v


def _momentum_uphill(w, g, v, lr, momentum=0.9, nesterov=False):
    v[...] = momentum * v + g
    w += lr * (g + momentum * v) if nesterov else lr * v


def _never_nesterov(w, g, v, lr, momentum=0.9, nesterov=False):
    update_rules.momentum_update(w, g, v, lr, momentum)


def _always_nesterov(w, g, v, lr, momentum=0.9, nesterov=False):
    update_rules.momentum_update(w, g, v, lr, momentum, nesterov=True)


def _gradient_left_out(w, g, v, lr, momentum=0.9, nesterov=False):
    v[...] = momentum * v + g
    w -= lr * momentum * v if nesterov else lr * v


def _steps_before_it_updates(w, g, v, lr, momentum=0.9, nesterov=False):
    w -= lr * (g + momentum * v) if nesterov else lr * v
    v[...] = momentum * v + g


def _lookahead_kept(w, g, v, lr, momentum=0.9, nesterov=False):
    for _ in range(2 if nesterov else 1):
        v[...] = momentum * v + g
    w -= lr * v


def _velocity_twice(w, g, v, lr, momentum=0.9, nesterov=False):
    v[...] = momentum * v + g
    w -= lr * (v + momentum * v) if nesterov else lr * v


def _always_nine_tenths(w, g, v, lr, momentum=0.9, nesterov=False):
    update_rules.momentum_update(w, g, v, lr, 0.9, nesterov)


def _moving(name, take_in, step):
    """Momentum with another velocity, take_in(v, g, momentum), or another step, step(g, v, momentum, nesterov, lr)."""

    def answer(w, g, v, lr, momentum=0.9, nesterov=False):
        v[...] = take_in(v, g, momentum)
        w -= step(g, v, momentum, nesterov, lr)

    answer.__name__ = name
    return answer


def _right_velocity(v, g, mu):
    return mu * v + g


def _right_step(g, v, mu, nesterov, lr):
    return lr * (g + mu * v) if nesterov else lr * v


def _momentum_with_out(w, g, v, lr, momentum=0.9, nesterov=False):
    np.add(momentum * v, g, out=v)
    step = v if not nesterov else np.add(g, momentum * v)
    np.subtract(w, lr * step, out=w)


momentum = register(
    Exercise(
        id="optimizers.momentum",
        notebook="optimizers",
        reference=update_rules.momentum_update,
        cases=_momentum_cases,
        call=_use_momentum,
        alias_ok=True,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "Two lines: first the velocity takes in the new gradient, then the weights move along the velocity.",
            "In place: `v *= momentum`, then `v += g`. (Writing `v = ...` would make a new array, and the old v would stay zero.)",
            "Then `w -= lr * v`; with nesterov instead `w -= lr * (g + momentum * v)`, with the new v.",
        ],
        misconceptions={
            _momentum_forgotten: "This is plain gradient descent: v was never used. Let v take in the gradient, and move along v.",
            leaving(update_rules.momentum_update, 0, 2): NOTHING_CHANGED,
            leaving(
                update_rules.momentum_update, 2
            ): f"`v = momentum * v + g` {REBOUND} Change v in place: `v *= momentum; v += g`.",
            leaving(
                update_rules.momentum_update, 0
            ): f"v is right, w did not move. `w = w - ...` {REBOUND} Write `w -= ...`.",
            _v_averages: "You made v a running *mean*, with the factor 1 - momentum. Here it is a running sum: v becomes momentum * v + g.",
            _rate_in_v: "You put the learning rate into v. While lr stays the same the steps are the same, but v should hold gradients: "
            "then a schedule that changes lr changes the whole step. Multiply by lr when you move w.",
            _v_points_down: "Your steps are right, but v has the other sign. Let v add up gradients, and subtract it.",
            _momentum_uphill: "You went *uphill*: subtract the step from w.",
            _never_nesterov: "Right without nesterov; with it the step is another one: g + momentum * v, with the new v. "
            "(With the old v that would be plain momentum again.)",
            _always_nesterov: "This is always Nesterov's step. Take it only if nesterov is true; else move along v.",
            _lookahead_kept: "You wrote Nesterov's step into v. v takes in each gradient once; the step g + momentum * v gets a name of its own.",
            _velocity_twice: "Nesterov's step is g + momentum * v, with the gradient in front; you wrote v + momentum * v.",
            _always_nine_tenths: "You typed 0.9 for the momentum. Use the argument `momentum`: 0.9 is only what it is when nobody says otherwise.",
            _moving(
                "velocity_grows", lambda v, g, mu: v + mu * v + g, _right_step
            ): "`v += momentum * v + g` keeps all of the "
            "old v and adds to it, so v grows. First `v *= momentum`, then `v += g`.",
            _moving(
                "never_forgets", lambda v, g, mu: v + g, _right_step
            ): "v adds up all gradients and forgets none. Shrink "
            "the old velocity first: `v *= momentum`, then `v += g`.",
            _moving(
                "momentum_at_g", lambda v, g, mu: v + mu * g, _right_step
            ): "You multiplied the *new gradient* by momentum. "
            "It is the old velocity that shrinks: v becomes momentum * v + g.",
            _moving(
                "momentum_at_both", lambda v, g, mu: mu * (v + g), _right_step
            ): "The new gradient shrank as well. Only the "
            "old velocity is multiplied by momentum: first `v *= momentum`, then `v += g`.",
            _moving(
                "rate_left_out", _right_velocity, lambda *args: _right_step(*args[:4], 1)
            ): "The learning rate is missing: multiply the step by lr when you move w.",
            _moving(
                "whole_velocity", _right_velocity, lambda g, v, mu, nesterov, lr: lr * (g + v if nesterov else v)
            ): "With nesterov you moved along g + v. The velocity in it is multiplied by momentum: g + momentum * v.",
            _moving(
                "both_steps", _right_velocity, lambda g, v, mu, nesterov, lr: lr * (v + nesterov * (g + mu * v))
            ): "With nesterov you took both steps, one after the other. Nesterov's step comes *instead*: if ..., else ...",
            _gradient_left_out: "Nesterov's step is g + momentum * v; you left out the g.",
            _steps_before_it_updates: "You moved first and updated v afterwards, so every step is one gradient late. First v, then w.",
        },
        variants=(_momentum_with_out,),
    )
)
