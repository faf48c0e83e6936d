"""Exercise of *Saliency*: gradients along a path, which add up to what they explain."""

import numpy as np
import torch

from coursekit.attribution import tensors as A
from coursekit.checks.core import Exercise, register
from coursekit.checks.saliency import expect_tensor, expect_untouched, score_of

__all__ = ["integrated_gradients"]


def _cases(rng):
    weights = np.array([[0.4, -0.3], [0.6, 0.5], [-0.5, 0.2]])
    yield np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]), np.array([[0.5, 0.0, 1.0], [0.0, 1.0, 1.0]]), 4, weights
    yield rng.normal(size=(4, 6)), rng.normal(size=(4, 6)), 6, rng.normal(size=(6, 2))
    yield rng.normal(size=(1, 5)), rng.normal(size=(1, 5)), 5, rng.normal(size=(5, 3))  # a batch of one
    yield rng.normal(size=(3, 1, 4, 5)), rng.normal(size=(1, 1, 4, 5)), 3, rng.normal(size=(20, 2)) / 3  # one for all
    yield np.zeros((2, 4)), rng.normal(size=(2, 4)), 4, rng.normal(size=(4, 3))
    yield 100 * rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), 1, rng.normal(size=(4, 2)) / 50
    low = [rng.normal(size=size).astype(np.float32) for size in ((3, 4), (3, 4), (4, 2))]
    yield low[0], low[1], 5, low[2]


def _use(obj, x, baseline, steps, weights):
    given, start = torch.tensor(x), torch.tensor(baseline)
    found = expect_tensor(obj(score_of(weights, len(x)), given, start, steps), x.shape)
    expect_untouched(given, x)
    expect_untouched(start, baseline, "baseline")
    return found


def _path(where, finish=lambda total, x, b, steps: (x - b) * total / steps, count=lambda steps: steps):
    """A wrong answer that walks elsewhere or ends differently."""

    def wrong(score, x, baseline, steps=20):
        total = sum(A.saliency(score, where(k, steps, x, baseline) + 0 * x) for k in range(count(steps)))
        return finish(total, x, baseline, steps)

    return wrong


def _middle(k, steps, x, b):
    return b + (k + 0.5) / steps * (x - b)


_mean_gradient = _path(_middle, lambda total, x, b, steps: total / steps)
_times_x = _path(_middle, lambda total, x, b, steps: x * total / steps)
_not_divided = _path(_middle, lambda total, x, b, steps: (x - b) * total)
_turned = _path(_middle, lambda total, x, b, steps: (b - x) * total / steps)
_sizes = _path(_middle, lambda total, x, b, steps: ((x - b) * total / steps).abs())
_left_ends = _path(lambda k, steps, x, b: b + k / steps * (x - b))
_right_ends = _path(lambda k, steps, x, b: b + (k + 1) / steps * (x - b))
_both_ends = _path(
    lambda k, steps, x, b: b + k / steps * (x - b),
    lambda total, x, b, steps: (x - b) * total / (steps + 1),
    lambda steps: steps + 1,
)
_from_black = _path(lambda k, steps, x, b: (k + 0.5) / steps * x)
_beyond = _path(lambda k, steps, x, b: b + (k + 0.5) / steps * x)
_at_x = _path(lambda k, steps, x, b: x)
_at_baseline = _path(lambda k, steps, x, b: b)
_half_way = _path(lambda k, steps, x, b: (x + b) / 2)
_from_black_times_x = _path(lambda k, steps, x, b: (k + 0.5) / steps * x, lambda total, x, b, steps: x * total / steps)


_ends_and_all = _path(lambda k, steps, x, b: b + k / max(steps - 1, 1) * (x - b))
_one_place_more = _path(lambda k, steps, x, b: b + k / steps * (x - b), count=lambda steps: steps + 1)
_beyond_x = _path(lambda k, steps, x, b: x + (k + 0.5) / steps * (x - b))
_away = _path(lambda k, steps, x, b: b + (k + 0.5) / steps * (b - x))
_without_start = _path(lambda k, steps, x, b: (k + 0.5) / steps * (x - b))
_brackets = _path(lambda k, steps, x, b: b + (k + 0.5 / steps) * (x - b))
_way_without_sign = _path(_middle, lambda total, x, b, steps: (x - b).abs() * total / steps)
_times_baseline = _path(_middle, lambda total, x, b, steps: b * total / steps)


def _rows_added_up(score, x, baseline, steps=20):
    return A.integrated_gradients(score, x, baseline, steps).flatten(1).sum(dim=1)


def _always_twenty(score, x, baseline, steps=20):
    return A.integrated_gradients(score, x, baseline, 20)


def _gradient_times_input(score, x, baseline, steps=20):
    return x * A.saliency(score, x)


def _returns_in_the_loop(score, x, baseline, steps=20):
    return (x - baseline) * A.saliency(score, _middle(0, steps, x, baseline)) / steps


def _scores_on_the_way(score, x, baseline, steps=20):
    total = sum(score(_middle(k, steps, x, baseline)) for k in range(steps))
    return (x - baseline) * (total / steps).view(-1, *[1] * (x.ndim - 1))


def _times_place(score, x, baseline, steps=20):
    places = [_middle(k, steps, x, baseline) for k in range(steps)]
    return sum(place * A.saliency(score, place) for place in places) / steps


def _sizes_on_the_way(score, x, baseline, steps=20):
    return (x - baseline) * sum(A.saliency(score, _middle(k, steps, x, baseline)).abs() for k in range(steps)) / steps


def _trapezium(score, x, baseline, steps=20):
    slopes = [A.saliency(score, baseline + k / steps * (x - baseline)) for k in range(steps + 1)]
    return (x - baseline) * (sum(slopes) - (slopes[0] + slopes[-1]) / 2) / steps


def _last_piece(score, x, baseline, steps=20):
    return (x - baseline) * A.saliency(score, baseline + (steps - 0.5) / steps * (x - baseline)) / steps


def _way_inside(score, x, baseline, steps=20):
    mean = sum(A.saliency(score, _middle(k, steps, x, baseline)) for k in range(steps)) / steps
    return (x - baseline) * mean / steps


def _by_stacking(score, x, baseline, steps=20):
    places = (torch.arange(steps, dtype=x.dtype) + 0.5) / steps
    slopes = torch.stack([A.saliency(score, x + (1 - a) * (baseline - x)) for a in places])
    return slopes.mean(dim=0) * (x - baseline)


integrated_gradients = register(
    Exercise(
        id="completeness.integrated_gradients",
        notebook="saliency",
        reference=A.integrated_gradients,
        cases=_cases,
        call=_use,
        alias_ok=True,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "The way from `baseline` to `x` is cut into `steps` equal pieces. The middle of piece k lies at the share "
            "(k + 0.5) / steps of the way.",
            "That place is `baseline + (k + 0.5) / steps * (x - baseline)`. Take `saliency(score, ...)` there.",
            "Average the gradients over the pieces, then multiply by `x - baseline`.",
        ],
        misconceptions={
            _mean_gradient: "This is the mean gradient on the way. Multiply it by how far each pixel went: `x - baseline`.",
            _times_x: "You multiplied by x. A pixel went from the baseline to x, which is `x - baseline`.",
            _not_divided: "The gradients are added up and not averaged. Each piece is only one part of the way: divide by `steps`.",
            _turned: "The sign is turned: the way goes from the baseline to x, so it is `x - baseline`.",
            _sizes: "The signs are gone, and with them completeness: sizes do not add up to the score's change.",
            _left_ends: "You asked at the beginning of each piece, k / steps. Ask in its middle: (k + 0.5) / steps.",
            _right_ends: "You asked at the end of each piece, (k + 1) / steps. Ask in its middle: (k + 0.5) / steps.",
            _both_ends: "You asked at steps + 1 places, both ends among them. Ask once in the middle of each of the `steps` pieces.",
            _from_black: "The path begins at 0. It should begin at the baseline: `baseline + a * (x - baseline)`.",
            _beyond: "The path ends beyond x: `baseline + a * x`. Its direction is `x - baseline`.",
            _at_x: "Every gradient is taken at x itself. Walk: ask at places between the baseline and x.",
            _at_baseline: "Every gradient is taken at the baseline. Walk: ask at places between the baseline and x.",
            _half_way: "Every gradient is taken half-way. Let the place depend on the piece k.",
            _from_black_times_x: "The baseline is not used: this is the path from black. Walk from `baseline` to `x`.",
            _last_piece: "Only the last piece counts. Add the gradients up over the loop.",
            _way_inside: "You divided by `steps` twice.",
            _ends_and_all: "Your places run from 0 to 1 with both ends among them. Take the middles of the pieces: (k + 0.5) / steps.",
            _one_place_more: "You asked at steps + 1 places, and divided by steps. Ask once in the middle of each of the `steps` pieces.",
            _trapezium: "A right rule, but not the one asked for: it asks at both ends of each piece. Ask once, in the middle.",
            _beyond_x: "The way begins at x and leads beyond it. Begin at the baseline: `baseline + a * (x - baseline)`.",
            _away: "The way leads from the baseline *away* from x. Its direction is `x - baseline`.",
            _without_start: "The places are `a * (x - baseline)`: add the baseline, from which the way begins.",
            _brackets: "Brackets: `k + 0.5 / steps` is k and a little. You need `(k + 0.5) / steps`.",
            _way_without_sign: "How far a pixel went has a sign: `x - baseline`, no `abs`.",
            _times_baseline: "You multiplied by the baseline. A pixel went from there to x, which is `x - baseline`.",
            _rows_added_up: "You added up over the pixels. Return a number for each of them, in x's shape.",
            _always_twenty: "There are always 20 pieces. Take as many as `steps` says.",
            _gradient_times_input: "This is gradient times input: neither the baseline nor the way is in it.",
            _returns_in_the_loop: "`return` stands inside the loop, so it ends after the first piece. Move it to the left.",
            _scores_on_the_way: "You averaged the *scores* on the way. Average their gradients: `saliency(score, place)`.",
            _times_place: "You multiplied each gradient by its place. Multiply the mean by how far each pixel went: `x - baseline`.",
            _sizes_on_the_way: "You dropped the signs of the gradients. What goes up and down on the way must be allowed to cancel.",
        },
        variants=(_by_stacking,),
    )
)
