"""Exercises of *Attention*: a position as the hands of many clocks."""

import numpy as np
import torch

from coursekit.checks.attention import expect_tensor
from coursekit.checks.core import Exercise, register
from coursekit.models import positions as P

__all__ = ["sinusoidal"]


def _cases(rng):
    yield np.arange(4.0), 6
    yield np.arange(7), 2  # whole numbers, as torch.arange gives them
    yield np.array([float(rng.integers(1, 50))]), 8  # one position
    yield np.sort(rng.integers(0, 400, 5)).astype(float), 4
    yield np.zeros(3), 4
    yield 1000.0 + np.arange(3), 10  # far out
    yield np.arange(float(rng.integers(3, 9)), dtype=np.float32), 4


def _use(obj, positions, width):
    """The table; the right one, or a known wrong one, if it is that up to the rounding of clocks in single precision."""
    found = expect_tensor(obj(torch.tensor(positions), width), "the table").numpy()
    for known in (P.sinusoidal, *sinusoidal.misconceptions):  # the same table, but for rounding
        try:
            table = known(torch.tensor(positions), width).numpy()
        except RuntimeError:
            continue
        if found.shape == table.shape and found.dtype.kind == table.dtype.kind and np.abs(found - table).max() < 3e-4:
            return table
    return found


def _table(angles):
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


def _angles(positions, width, base=10_000.0):
    """(T, E / 2), in single precision."""
    return (positions.double()[:, None] * P.frequencies(width, base)).float()


def _halves(positions, width):
    angles = _angles(positions, width)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _cosine_first(positions, width):
    angles = _angles(positions, width)
    return torch.stack([angles.cos(), angles.sin()], dim=-1).flatten(1)


def _half_the_exponent(positions, width):
    i = torch.arange(width // 2, dtype=torch.float64)
    return _table((positions.double()[:, None] * 10_000 ** (-i / width)).float())


def _double_the_exponent(positions, width):
    i = torch.arange(0, width, 2, dtype=torch.float64)
    return _table((positions.double()[:, None] * 10_000 ** (-2 * i / width)).float())


def _faster_and_faster(positions, width):
    # in single precision, as a learner would write it: so far round, the clocks show hardly more than the rounding
    return _table(positions[:, None] * 10_000 ** (torch.arange(0, width, 2) / width))


def _each_column_its_own(positions, width):
    i = torch.arange(width, dtype=torch.float64)
    angles = positions.double()[:, None] * 10_000 ** (-i / width)
    return torch.where(i % 2 == 0, angles.sin(), angles.cos()).float()


def _each_column_twice_as_slow(positions, width):
    i = torch.arange(width, dtype=torch.float64)
    angles = positions.double()[:, None] * 10_000 ** (-2 * i / width)
    return torch.where(i % 2 == 0, angles.sin(), angles.cos()).float()


def _whole_division(positions, width):
    return _turned(positions, 10_000.0 ** (-torch.arange(0, width, 2) // width))


def _turned(positions, speeds):
    """The table of clocks with some speeds."""
    return _table((positions.double()[:, None] * speeds).float())


def _last_clock_slowest(positions, width):
    i = torch.arange(width // 2, dtype=torch.float64)
    return _turned(positions, 10_000 ** (-i / max(width // 2 - 1, 1)))


def _clocks_counted_from_one(positions, width):
    i = torch.arange(1, width // 2 + 1, dtype=torch.float64)
    return _turned(positions, 10_000 ** (-2 * i / width))


def _slow_ones_first(positions, width):
    return _turned(positions, P.frequencies(width).flip(0))


def _exponent_alone(positions, width):
    return _turned(positions, -torch.arange(0, width, 2, dtype=torch.float64) / width)


def _width_forgotten(positions, width):
    return _turned(positions, 10_000 ** -torch.arange(0, width, 2, dtype=torch.float64))


def _degrees(positions, width):
    return _turned(torch.deg2rad(positions.double()), P.frequencies(width))


def _positions_shrunk(positions, width):
    return _turned(positions / len(positions), P.frequencies(width))


def _own_count(positions, width):
    return _turned(torch.arange(len(positions)), P.frequencies(width))


def _no_positions(positions, width):
    return _turned(torch.ones(len(positions)), P.frequencies(width))


def _added(positions, width):
    return _table((positions.double()[:, None] + P.frequencies(width)).float())


def _cosines_only(positions, width):
    return _angles(positions, width).cos().repeat_interleave(2, dim=1)


def _cosines_left_out(positions, width):
    table = _table(_angles(positions, width))
    table[:, 1::2] = 0
    return table


def _cosine_half_first(positions, width):
    angles = _angles(positions, width)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def _an_axis_too_many(positions, width):
    angles = _angles(positions, width)
    return torch.stack([angles.sin(), angles.cos()], dim=-1)


def _stacked_in_blocks(positions, width):
    angles = _angles(positions, width)
    return torch.cat([angles.sin(), angles.cos()], dim=0)


def _outer_turned(positions, width):
    angles = _angles(positions, width).T
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


def _from_one(positions, width):
    return _table(_angles(positions + 1, width))


def _small_base(positions, width):
    return _table(_angles(positions, width, 1000.0))


def _sines_only(positions, width):
    return _angles(positions, width).sin().repeat_interleave(2, dim=1)


def _angles_themselves(positions, width):
    return _angles(positions, width).repeat_interleave(2, dim=1)


def _full_turns(positions, width):
    return _table(2 * torch.pi * _angles(positions, width))


def _on_its_side(positions, width):
    return P.sinusoidal(positions, width).T


def _all_alike(positions, width):
    return _table(positions[:, None].expand(-1, width // 2))


def _written_into(positions, width):
    table = torch.zeros(len(positions), width, dtype=torch.float32)
    i = torch.arange(0, width, 2, dtype=torch.float64)
    angles = positions.double()[:, None] / 10_000 ** (i / width)
    table[:, 0::2], table[:, 1::2] = angles.sin().to(table.dtype), angles.cos().to(table.dtype)
    return table


def _by_exp(positions, width):
    speed = torch.exp(-np.log(10_000) * torch.arange(0, width, 2) / width).float()
    return _table(positions.unsqueeze(1) * speed)


sinusoidal = register(
    Exercise(
        id="positions.sinusoidal",
        notebook="attention",
        reference=P.sinusoidal,
        cases=_cases,
        call=_use,
        difficulty=3,
        minutes=10,
        points=3,
        hints=[
            "First the E / 2 frequencies: 10000 to the power of -2i / E, for i = 0, 1, ... Then a table (T, E / 2) of angles: every "
            "position times every frequency.",
            "`positions[:, None] * f` is that table. Columns 0, 2, 4 ... are its sines, columns 1, 3, 5 ... its cosines: fill an empty "
            "table with `table[:, 0::2] = ...` and `table[:, 1::2] = ...`.",
            "`f = 10_000 ** (-torch.arange(0, width, 2) / width)`; `angles = positions[:, None] * f`; "
            "`return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)`",
        ],
        misconceptions={
            _halves: "All sines stand first, then all cosines. Many programs do so, and it serves as well; this table has them in turn: "
            "sine, cosine, sine, cosine.",
            _cosine_first: "Sine and cosine have changed places: column 0 is a sine.",
            _half_the_exponent: "The exponent is half of what it should be: it is 2i / E, with i from 0 to E / 2 - 1. "
            "`torch.arange(0, width, 2)` counts 2i already.",
            _double_the_exponent: "The exponent is twice what it should be. `torch.arange(0, width, 2)` is 2i already.",
            _faster_and_faster: "Your clocks become faster and faster, up to nearly 10,000 radians a position. Divide by the power: the "
            "first clock turns by 1, the others more slowly.",
            _each_column_its_own: "Every column has a frequency of its own. A sine and the cosine behind it share one, as the two "
            "coordinates of one hand do.",
            _each_column_twice_as_slow: "Every column has a frequency of its own: your i counts columns. It counts *pairs*; a sine and the "
            "cosine behind it share a frequency.",
            _whole_division: "`//` rounds the exponent to a whole number. Divide with `/`.",
            _last_clock_slowest: "You divide i by the number of pairs less one. The exponent is 2i / E.",
            _clocks_counted_from_one: "You count the pairs from 1. i begins at 0: the first clock turns by one radian a position.",
            _slow_ones_first: "Your slowest clock comes first. The fastest does: pair 0 has the frequency 1.",
            _exponent_alone: "This is the exponent. The frequency is 10000 *to the power of* -2i / E.",
            _width_forgotten: "After the first pair your clocks stand still. Is the exponent divided by E, and with `/`, which keeps fractions?",
            _degrees: "You have turned radians into degrees, or the other way round. sin and cos take radians: leave the angles as they are.",
            _positions_shrunk: "You divide the positions by their number. Then the same place has another row in a longer sequence.",
            _own_count: "You count the positions yourself, 0, 1, 2 ... They are given, and need not begin at 0.",
            _no_positions: "Every row is the same: your angles do not use the positions.",
            _added: "You add position and frequency. An angle is their product: `positions[:, None] * f`.",
            _cosines_only: "Only cosines. A cosine alone cannot tell a hand on the left from one on the right: sine and cosine in turn.",
            _cosines_left_out: "Columns 1, 3, 5 ... are still empty. They hold the cosines: `table[:, 1::2] = ...`.",
            _cosine_half_first: "All cosines stand first, then all sines. Here they stand in turn: sine, cosine, sine, cosine.",
            _an_axis_too_many: "Sines and cosines have an axis of their own, (T, E / 2, 2). Lay each row flat: `.flatten(1)`.",
            _stacked_in_blocks: "The cosines lie below the sines: rows are positions. Put them side by side, in turn.",
            _outer_turned: "You have a row for each clock. Wanted is a row for each position: `positions[:, None] * f`.",
            _from_one: "You count positions from 1. They are given: take them as they are.",
            _small_base: "The base is 1,000 here. It is 10,000.",
            _sines_only: "Only sines. Without the cosine one cannot tell a hand going up from one going down.",
            _angles_themselves: "These are the angles. Take their sine and cosine: the table then stays between -1 and 1, however far the "
            "positions go.",
            _full_turns: "You multiply by 2 pi. The angle is the position times the frequency, in radians.",
            _on_its_side: "The table lies on its side. A row for each position: (T, E).",
            _all_alike: "All clocks turn at the same speed. Pair i has the frequency 10000 to the power of -2i / E.",
        },
        variants=(_written_into, _by_exp),
    )
)
