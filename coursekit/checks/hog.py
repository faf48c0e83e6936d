"""Exercises of *Deep or classical*: features made by hand."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import hog

__all__ = ["orientation_histogram"]


def _cases(rng):
    middles = (np.arange(9) + 0.5) * np.pi / 9
    yield np.full((2, 1), 4.0), np.array([[np.pi / 2], [np.pi / 3]]), 9  # one pixel a cell: in a middle, on a border
    yield rng.random((3, 16)), np.pi * rng.random((3, 16)), 9
    yield rng.random((1, 9)), middles[None], 9  # one cell, a pixel for each direction
    yield np.ones((2, 3)), np.array([[0.0, 0.01, 0.1], [3.14, 3.1, 3.0]]), 6  # the two ends are neighbours
    yield np.zeros((2, 4)), np.zeros((2, 4)), 4  # no edge at all
    yield 500 * rng.random((4, 5)), np.pi * rng.random((4, 5)), 2
    yield rng.random((5, 16)).astype(np.float32), (3.1 * rng.random((5, 16))).astype(np.float32), 9


def _hat(magnitude, angle, bins, *, shift=0.5, wrap=True, power=1.0):
    """Every bin's share as a hat around its middle."""
    position = angle * bins / np.pi - shift  # (M, P)
    found = np.zeros((len(magnitude), bins))
    for b in range(bins):
        away = np.abs(position - b)
        away = np.minimum(away, np.abs(bins - away)) if wrap else away
        found[:, b] = (magnitude**power * np.clip(1 - away, 0, 1)).sum(axis=1)
    return found


def _whole_votes(magnitude, angle, bins=9):
    number = np.minimum((angle * bins / np.pi).astype(int), bins - 1)
    return (magnitude[:, :, None] * (number[:, :, None] == np.arange(bins))).sum(axis=1)


def _ends_apart(magnitude, angle, bins=9):
    return _hat(magnitude, angle, bins, wrap=False)


def _counts_pixels(magnitude, angle, bins=9):
    return _hat(np.ones_like(magnitude), angle, bins)


def _middles_at_borders(magnitude, angle, bins=9):
    return _hat(magnitude, angle, bins, shift=0.0)


def _full_circle(magnitude, angle, bins=9):
    return _hat(magnitude, angle / 2, bins)


def _shares_swapped(magnitude, angle, bins=9):
    position = angle * bins / np.pi - 0.5
    below = np.floor(position).astype(int)
    share = position - below
    found = np.zeros((len(magnitude), bins))
    for m in range(len(magnitude)):
        np.add.at(found[m], below[m] % bins, magnitude[m] * share[m])
        np.add.at(found[m], (below[m] + 1) % bins, magnitude[m] * (1 - share[m]))
    return found


def _full_vote_for_both(magnitude, angle, bins=9):
    below = np.floor(angle * bins / np.pi - 0.5).astype(int)
    rows, found = np.arange(len(magnitude))[:, None], np.zeros((len(magnitude), bins))
    np.add.at(found, (rows, below % bins), magnitude)
    np.add.at(found, (rows, (below + 1) % bins), magnitude)
    return found


def _last_vote_wins(magnitude, angle, bins=9):
    position = angle * bins / np.pi - 0.5
    below = np.floor(position).astype(int)
    rows, found = np.arange(len(magnitude))[:, None], np.zeros((len(magnitude), bins))
    found[rows, below % bins] += magnitude * (1 - position + below)
    found[rows, (below + 1) % bins] += magnitude * (position - below)
    return found


def _mean_over_pixels(magnitude, angle, bins=9):
    return _hat(magnitude, angle, bins) / magnitude.shape[1]


def _sums_to_one(magnitude, angle, bins=9):
    found = _hat(magnitude, angle, bins)
    return found / np.maximum(found.sum(axis=1, keepdims=True), 1e-12)


def _all_cells_together(magnitude, angle, bins=9):
    return _hat(magnitude, angle, bins).sum(axis=0)


def _by_bin(magnitude, angle, bins, share, *, shift=0.5):
    """Every bin's sum over `share`, a function of the distance in bins around the corner."""
    away = np.abs((angle * bins / np.pi - shift)[:, :, None] - np.arange(bins))  # (M, P, B)
    return (magnitude[:, :, None] * share(np.minimum(away, np.abs(bins - away)))).sum(axis=1)


def _never_below_zero_forgotten(magnitude, angle, bins=9):
    return _by_bin(magnitude, angle, bins, lambda d: 1 - d)


def _the_distance_itself(magnitude, angle, bins=9):
    return _by_bin(magnitude, angle, bins, lambda d: np.where(d < 1, d, 0))


def _half_to_each(magnitude, angle, bins=9):
    return _by_bin(magnitude, angle, bins, lambda d: 0.5 * (d < 1))


def _counts_without_weights(magnitude, angle, bins=9):
    return np.array([np.histogram(row, bins=bins, range=(0, np.pi))[0] for row in angle])


def _own_range(magnitude, angle, bins=9):
    return np.array([np.histogram(a, bins=bins, weights=m)[0] for a, m in zip(angle, magnitude, strict=True)])


def _magnitude_squared(magnitude, angle, bins=9):
    return _hat(magnitude, angle, bins, power=2.0)


def _in_degrees(magnitude, angle, bins=9):
    return _hat(magnitude, np.degrees(angle), bins)


def _distance_in_radians(magnitude, angle, bins=9):
    away = np.abs(angle[:, :, None] - (np.arange(bins) + 0.5) * np.pi / bins)
    away = np.minimum(away, np.pi - away)
    return (magnitude[:, :, None] * np.maximum(0, 1 - away)).sum(axis=1)


def _ends_cut(magnitude, angle, bins=9):
    position = np.clip(angle * bins / np.pi - 0.5, 0, bins - 1)[:, :, None]
    return (magnitude[:, :, None] * np.maximum(0, 1 - np.abs(position - np.arange(bins)))).sum(axis=1)


def _largest_vote(magnitude, angle, bins=9):
    away = np.abs((angle * bins / np.pi - 0.5)[:, :, None] - np.arange(bins))
    return (magnitude[:, :, None] * np.maximum(0, 1 - np.minimum(away, bins - away))).max(axis=1)


def _length_one(magnitude, angle, bins=9):
    found = _hat(magnitude, angle, bins)
    return found / np.maximum(np.sqrt((found**2).sum(axis=1, keepdims=True)), 1e-9)


def _half_added(magnitude, angle, bins=9):
    return _hat(magnitude, angle, bins, shift=-0.5)


def _whole_vote_nearest(magnitude, angle, bins=9):
    number = np.round(angle * bins / np.pi - 0.5).astype(int) % bins
    return (magnitude[:, :, None] * (number[:, :, None] == np.arange(bins))).sum(axis=1)


def _whole_vote_overwritten(magnitude, angle, bins=9):
    number = np.minimum((angle * bins / np.pi).astype(int), bins - 1)
    found = np.zeros((len(magnitude), bins))
    found[np.arange(len(magnitude))[:, None], number] += magnitude
    return found


def _always_nine(magnitude, angle, bins=9):
    return _hat(magnitude, angle, 9)


def _hats(magnitude, angle, bins=9):
    return _hat(magnitude, angle, bins)


orientation_histogram = register(
    Exercise(
        id="hog.orientation_histogram",
        notebook="deep_or_classical",
        reference=hog.orientation_histogram,
        cases=_cases,
        difficulty=4,
        minutes=15,
        points=3,
        hints=[
            "Measure the angle in bins: `position = angle / np.pi * bins - 0.5`. A pixel at position 2.25 lies between the "
            "middles of bins 2 and 3, a quarter of the way.",
            "Bin b gets from each pixel its magnitude times 1 - d, d the distance between position and b, if d is below 1. "
            "Around the corner: the distance is also bins - d. Take the smaller.",
            "For each b: `d = np.abs(position - b); d = np.minimum(d, bins - d)`, then "
            "`histogram[:, b] = (magnitude * np.maximum(0, 1 - d)).sum(axis=1)`.",
        ],
        misconceptions={
            _whole_votes: "Each pixel gives its whole vote to one bin. A pixel between two middles shares it between both, "
            "so that a small turn of an edge changes the numbers only a little.",
            _ends_apart: "Votes at the two ends are lost: an angle just below pi is nearly the same direction as 0, so the last bin "
            "and the first are neighbours.",
            _counts_pixels: "You count pixels. Each pixel votes with its magnitude: a strong edge counts more than a faint one.",
            _middles_at_borders: "Your middles are half a bin off: bin b reaches from b to b + 1 in units of pi / bins, "
            "so its middle is at b + 0.5.",
            _full_circle: "You divided the full circle, 2 pi. Directions here run from 0 to pi only: dark to bright and bright to "
            "dark are the same edge.",
            _shares_swapped: "The shares are in each other's place: the *nearer* middle gets the larger one.",
            _full_vote_for_both: "Both neighbours get the full vote. They share it: 1 - d each, together 1.",
            _last_vote_wins: "`histogram[rows, bins] += ...` keeps only one vote where several pixels of a cell fall into the same bin. "
            "Use `np.add.at`, `np.bincount`, or a loop over the bins with a sum.",
            _mean_over_pixels: "This is the mean over the pixels of a cell. Votes add up.",
            _sums_to_one: "Each histogram sums to 1 here. Leave the amounts as they are: neighbouring cells are compared in the next step.",
            _never_below_zero_forgotten: "1 - d is negative for bins further than one away: those get nothing. np.maximum(0, 1 - d).",
            _the_distance_itself: "You gave each bin the share d, so the *farther* middle gets more. It is 1 - d.",
            _half_to_each: "You gave both neighbours half. The nearer one gets more: 1 - d each.",
            _counts_without_weights: "np.histogram counts pixels unless it gets weights, and it gives whole votes. Each pixel shares its "
            "magnitude between two bins.",
            _own_range: "np.histogram takes its range from the data of each cell, and gives whole votes. The bins run from 0 to pi for "
            "every cell, and each pixel shares its magnitude between two.",
            _magnitude_squared: "You squared the magnitude. Each pixel votes with the magnitude itself.",
            _in_degrees: "The angles are in radians, from 0 to pi. Do not turn them into degrees, or divide by 180 in place of pi.",
            _distance_in_radians: "Your distance is in radians. Measure it in bins: divide by pi / bins.",
            _ends_cut: "Angles beyond the first and the last middle give their whole vote to that bin here. The other half goes round "
            "the corner: the last bin and the first are neighbours.",
            _largest_vote: "You keep the largest vote of each cell (max). Votes add up (sum).",
            _length_one: "You scaled each histogram to length 1. That comes later, block by block: leave the amounts as they are.",
            _half_added: "The half has the wrong sign: the middle of bin b is at b + 0.5, so the position is angle / pi * bins *minus* 0.5.",
            _whole_vote_nearest: "Each pixel gives its whole vote to the nearest bin. It shares it between the two nearest: 1 - d each.",
            _whole_vote_overwritten: "`histogram[rows, bins] += ...` keeps only one vote where several pixels of a cell fall into the same bin; "
            "and each pixel shares its vote between two bins.",
            _always_nine: "`bins` is an argument: 9 is only what it is if nothing is said.",
            _all_cells_together: "All cells are in one histogram. Each cell (row) has its own: sum over the pixels, axis 1.",
        },
        variants=(_hats,),
    )
)
