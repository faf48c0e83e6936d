"""Exercises of *Optimisers*: the learning rate's course: half a cosine wave."""

import math

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import schedules

__all__ = ["cosine"]

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


def _zero_after_the_end(step, total, lr, low=0.0):
    return _comes_back(step, total, lr, low) if step <= total else 0.0


def _starts_again(step, total, lr, low=0.0):
    return _comes_back(step % total, total, lr, low)


def _counted_from_one(step, total, lr, low=0.0):
    return _comes_back(min(step - 1, total), total, lr, low)


def _ends_one_early(step, total, lr, low=0.0):
    return low + (lr - low) * (1 + math.cos(math.pi * min(step, total) / (total - 1))) / 2


def _pi_forgotten(step, total, lr, low=0.0):
    return low + (lr - low) * (1 + math.cos(min(step / total, 1))) / 2


def _sine(step, total, lr, low=0.0):
    return low + (lr - low) * (1 + math.sin(math.pi * min(step / total, 1))) / 2


def _cut_off_at_low(step, total, lr, low=0.0):
    return max(low, _floor_forgotten(step, total, lr))


def _parentheses_forgotten(step, total, lr, low=0.0):
    return low + 0.5 * (lr - low) * 1 + math.cos(math.pi * min(step / total, 1))


def _waving(name, wave):
    """Another wave, wave(share), between lr and low."""

    def answer(step, total, lr, low=0.0):
        return low + (lr - low) * wave(min(step / total, 1))

    answer.__name__ = name
    return answer


def _floor_left_out(step, total, lr, low=0.0):
    return _waving("right", lambda share: (1 + math.cos(math.pi * share)) / 2)(step, total, lr, low) - low


def _sum_for_difference(step, total, lr, low=0.0):
    return low + (lr + low) * (1 + math.cos(math.pi * min(step / total, 1))) / 2


def _ends_swapped(step, total, lr, low=0.0):
    return low + (low - lr) * (1 + math.cos(math.pi * min(step / total, 1))) / 2


def _rate_ignored(step, total, lr, low=0.0):
    return (1 + math.cos(math.pi * min(step / total, 1))) / 2


def _share_upside_down(step, total, lr, low=0.0):
    return low + (lr - low) * (1 + math.cos(math.pi * total / max(step, 1))) / 2


def _max_for_min(step, total, lr, low=0.0):
    return low + (lr - low) * (1 + math.cos(math.pi * max(step / total, 1))) / 2


def _rate_after_the_end(step, total, lr, low=0.0):
    return _comes_back(step, total, lr, low) if step <= total else lr


def _cosine_squared(step, total, lr, low=0.0):
    return float(low + (lr - low) * np.cos(np.pi / 2 * np.clip(step / total, 0, 1)) ** 2)


cosine = register(
    Exercise(
        id="schedules.cosine",
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
            _zero_after_the_end: "After the end you return 0. It should stay at low.",
            _starts_again: "After the end it starts again from lr: that is what % does. It should stay at low: min(step / total, 1).",
            _counted_from_one: "Steps count from 0 here: at step 0 the rate is lr. Leave the - 1 out.",
            _ends_one_early: "The wave is total steps long: divide by total, not by total - 1.",
            _pi_forgotten: "pi is missing: half a wave is cos from 0 to pi, so the share is multiplied by pi.",
            _sine: "This is a sine, which begins in the middle of the wave. A cosine begins at its top.",
            _cut_off_at_low: "You cut the wave off at low, so it arrives there too early. Let it come down to low: only lr - low follows the wave.",
            _parentheses_forgotten: "Parentheses: half of (lr - low) multiplies the whole of (1 + cos).",
            _waving(
                "pi_typed", lambda share: (1 + math.cos(3.14 * share)) / 2
            ): "Almost: 3.14 is only near pi. Use `np.pi` or `math.pi`.",
            _waving(
                "share_outside", lambda share: (1 + math.cos(math.pi) * share) / 2
            ): "`cos(pi) * share` is -share, half of a straight line. The share belongs inside: cos(pi * share).",
            _floor_left_out: "Only `low +` in front is missing: your wave ends at 0 instead of at low.",
            _sum_for_difference: "You multiplied the wave by lr + low. It is lr - low high: the part above the floor.",
            _ends_swapped: "You wrote low - lr, which turns the wave upside down. The part above the floor is lr - low.",
            _rate_ignored: "This goes from 1 to 0. Multiply by lr - low, and add low.",
            _share_upside_down: "total / step is upside down. The share is step / total: it grows from 0 to 1.",
            _max_for_min: "`max` makes the share at least 1. You want at *most* 1: min(step / total, 1).",
            _rate_after_the_end: "After the end you return lr: the rate jumps up again. It should stay at low.",
            _whole_division: "`//` divides to whole numbers, so the share is 0 up to the end. Use `/`.",
            _degrees: "cos takes radians: half a turn is pi, not 180.",
            _straight_line: "This is a straight line down. Let the share run through half a cosine wave.",
        },
        variants=(_cosine_squared,),
    )
)
