"""Exercises of *Shapley values*: what each player adds in one order, and the fair share of a game that is all known."""

import math
from itertools import permutations

import numpy as np

from coursekit.attribution.exact import all_coalitions, shapley_of_table
from coursekit.attribution.permutation import contributions as contributions_
from coursekit.checks.core import Exercise, register

__all__ = ["contributions", "exact"]

NOTEBOOK = "shapley"

# -- one order -------------------------------------------------------------------------------------------------------


def _order_cases(rng):
    yield np.array([0.0, 10.0, 20.0, 60.0, 0.0, 40.0, 20.0, 90.0]), np.array([2, 0, 1])
    for d in (4, 5, 6):
        yield rng.normal(size=2**d), _cycle(rng, d)
    yield rng.normal(size=2), np.array([0])  # a single player
    yield np.zeros(8), rng.permutation(3)
    yield 1e4 * rng.normal(size=16), _cycle(rng, 4)
    yield rng.normal(size=32).astype(np.float32), _cycle(rng, 5)


def _cycle(rng, d):
    """An order that is not its own inverse: by player and by arrival are then different things."""
    while True:
        order = rng.permutation(d)
        if not np.array_equal(np.argsort(order), order):
            return order


def _use_order(obj, worth, order):
    powers = 2 ** np.arange(len(order))
    return obj(lambda coalitions: worth[np.asarray(coalitions, dtype=bool) @ powers], order)


def _steps(value, order):
    """What is there after each step, worth by worth: (d + 1,)."""
    arrival = np.argsort(order)
    return value(arrival < np.arange(len(order) + 1)[:, None])


def _by_arrival(value, order):
    return np.diff(_steps(value, order))


def _order_for_arrival(value, order):
    return contributions_(value, np.argsort(order))


def _indexed_by_order(value, order):
    return np.diff(_steps(value, order))[order]


def _worth_after(value, order):
    return _steps(value, order)[1:][np.argsort(order)]


def _worth_before(value, order):
    return _steps(value, order)[:-1][np.argsort(order)]


def _sign_turned(value, order):
    return -contributions_(value, order)


def _backwards(value, order):
    return contributions_(value, order[::-1])


def _alone(value, order):
    d = len(order)
    return value(np.eye(d, dtype=bool)) - value(np.zeros((1, d), dtype=bool))


def _alone_with_nobodys_worth(value, order):
    return value(np.eye(len(order), dtype=bool))


def _last(value, order):
    d = len(order)
    return value(np.ones((1, d), dtype=bool)) - value(~np.eye(d, dtype=bool))


def _order_ignored(value, order):
    return contributions_(value, np.arange(len(order)))


def _without_the_first(value, order):
    return np.diff(_steps(value, order)[1:])


def _nobody_is_worth_nothing(value, order):
    steps = _steps(value, order)
    steps[0] = 0
    return np.diff(steps)[np.argsort(order)]


def _equal_parts(value, order):
    steps = _steps(value, order)
    return np.full(len(order), (steps[-1] - steps[0]) / len(order), dtype=steps.dtype)


def _same_row_appended(value, order):
    """Appending one array d + 1 times keeps its last state d + 1 times: nobody adds anything."""
    return np.diff(value(np.ones((len(order) + 1, len(order)), dtype=bool)))


def _room_emptied(value, order):
    arrival = np.argsort(order)
    alone = arrival == np.arange(len(order) + 1)[:, None] - 1  # each row holds the newcomer only
    return np.diff(value(alone))[arrival]


def _leaving(value, order):
    arrival = np.argsort(order)
    return np.diff(value(arrival >= np.arange(len(order) + 1)[:, None]))[arrival]


def _first_gets_zero(value, order):
    shares = contributions_(value, order)
    shares[order[0]] = 0
    return shares


def _above_the_empty_room(value, order):
    steps = _steps(value, order)
    return (steps[1:] - steps[0])[np.argsort(order)]


def _parts_of_one(value, order):
    shares = contributions_(value, order)
    with np.errstate(all="ignore"):
        return shares / shares.sum()


def _all_orders(value, order):
    orders = permutations(range(len(order)))
    return np.mean([contributions_(value, np.array(one)) for one in orders], axis=0)


def _put_back_twice(value, order):
    return contributions_(value, order)[np.argsort(order)]


def _with_a_loop(value, order):
    there = np.zeros((1, len(order)), dtype=bool)
    shares, before = np.zeros(len(order)), value(there)[0]
    for player in order:
        there[0, player] = True
        now = value(there)[0]
        shares[player], before = now - before, now
    return shares


def _by_assignment(value, order):
    d = len(order)
    there = np.zeros((d + 1, d), dtype=bool)
    for step, player in enumerate(order):
        there[step + 1 :, player] = True
    shares = np.empty(d)
    shares[order] = np.diff(value(there))
    return shares


contributions = register(
    Exercise(
        id="shapley.contributions",
        notebook=NOTEBOOK,
        reference=contributions_,
        cases=_order_cases,
        call=_use_order,
        difficulty=2,
        minutes=10,
        points=2,
        hints=[
            "Begin with an empty room, one row of d times False. After each arrival write down who is there: d + 1 coalitions in all.",
            "`np.diff(value(there))` says what each *arrival* added. The first of these numbers belongs to player `order[0]`.",
            "`shares = np.empty(d); shares[order] = np.diff(value(there))` puts each number at its player's place.",
        ],
        misconceptions={
            _by_arrival: "Your numbers stand in the order of arrival. Put each at its player's own place: the first belongs to `order[0]`.",
            _order_for_arrival: "You read `order` the other way round. `order[k]` is the player who comes at place k, not the place of player k.",
            _indexed_by_order: "`added[order]` takes numbers from the wrong places. To *put* them at their players' places write `shares[order] = added`.",
            _worth_after: "This is what the room is worth after each arrival. Subtract what it was worth before.",
            _worth_before: "This is what the room is worth before each arrival. Subtract it from what it is worth after.",
            _sign_turned: "The signs are turned: a player adds what there is after, minus what there was before.",
            _backwards: "The players come in backwards. `order[0]` comes first.",
            _alone: "This is what each player is worth alone. Only the first one finds an empty room; the others find those who came before.",
            _alone_with_nobodys_worth: "This is what each player is worth alone, and nobody's worth is still in it. Let them come in one after another.",
            _last: "This is what each player adds as the last. Only the last of the order finds all others there.",
            _order_ignored: "You let them come in by their numbers, 0, 1, 2, ... The order says who comes when.",
            _without_the_first: "The first player is missing. Begin with the empty room: d + 1 coalitions, d differences.",
            _nobody_is_worth_nothing: "You took 0 for the empty room. Nobody may be worth something too: ask `value` for it.",
            _equal_parts: "You share equally. What each player adds depends on who is there already.",
            _same_row_appended: "Nobody adds anything: did you append the same array again and again? Then all entries are that one array, "
            "with everybody in. Append a copy, `there.copy()`.",
            _room_emptied: "In your rooms only the newcomer is there. Those who came before stay: row k holds the first k of the order.",
            _leaving: "Your room begins full, and the players leave. Row 0 is empty; a player is in the rows *after* the arrival.",
            _first_gets_zero: "The first player's entry is 0. Begin with the empty room: d + 1 coalitions, d differences.",
            _above_the_empty_room: "You subtract what the *empty* room is worth. Subtract what the room was worth just before the player came.",
            _parts_of_one: "You divided by the sum. What each player adds is wanted as it is.",
            _all_orders: "You average over all orders; that comes next. Here only the given order is played.",
            _put_back_twice: "The numbers already stood at their players' places, and you moved them once more.",
        },
        variants=(_with_a_loop, _by_assignment),
    )
)

# -- all coalitions --------------------------------------------------------------------------------------------------


def _table_cases(rng):
    yield np.array([5.0, 10.0, 20.0, 60.0, 0.0, 40.0, 20.0, 90.0])
    for d in (4, 2, 5):
        yield rng.normal(size=2**d)
    yield np.array([3.0, 7.5])  # a single player gets all there is to share
    yield np.zeros(8)
    yield 1e5 * rng.normal(size=16)
    yield rng.normal(size=32).astype(np.float32)


def _weighted(weight):
    """Shares with another weight, a function of a coalition's size and of d, for what a player adds to it."""

    def wrong(worth):
        d = len(worth).bit_length() - 1
        number = np.arange(2**d)
        size = np.bitwise_count(number).astype(int)
        shares = np.empty(d)
        for i in range(d):
            without = number[number >> i & 1 == 0]
            w = np.array([weight(s, d) for s in size[without]])
            shares[i] = w @ (worth[without | 1 << i] - worth[without])
        return shares

    return wrong


_f = math.factorial
_banzhaf = _weighted(lambda s, d: 1 / 2 ** (d - 1))
_plain_sum = _weighted(lambda s, d: 1.0)
_no_factorial_of_d = _weighted(lambda s, d: float(_f(s) * _f(d - s - 1)))
_size_with_player = _weighted(lambda s, d: _f(s + 1) * _f(d - s - 1) / _f(d))
_others_counted_wrong = _weighted(lambda s, d: _f(s) * _f(d - s) / _f(d))
_one_over_d = _weighted(lambda s, d: 1 / d)
_one_over_comb = _weighted(lambda s, d: 1 / math.comb(d - 1, s))
_comb_of_d = _weighted(lambda s, d: 1 / (d * math.comb(d, s)))
_orders_before_only = _weighted(lambda s, d: _f(s) / _f(d))
_first_only = _weighted(lambda s, d: float(s == 0))
_last_only = _weighted(lambda s, d: float(s == d - 1))


_floor_division = _weighted(lambda s, d: float(_f(s) * _f(d - s - 1) // _f(d)))
_divided_by_d = _weighted(lambda s, d: _f(s) * _f(d - s - 1) / d)
_averaged_too = _weighted(lambda s, d: _f(s) * _f(d - s - 1) / _f(d) / 2 ** (d - 1))
_empty_left_out = _weighted(lambda s, d: _f(s) * _f(d - s - 1) / _f(d) if s else 0.0)
_largest_left_out = _weighted(lambda s, d: _f(s) * _f(d - s - 1) / _f(d) if s < d - 1 else 0.0)


def _by_player(share):
    """A wrong answer from what is wrong for one player: the numbers without i, the weights, the worths, and i."""

    def wrong(worth):
        inside = all_coalitions(len(worth).bit_length() - 1)  # (2^d, d)
        d = inside.shape[1]
        weight = np.array([_f(s) * _f(d - s - 1) / _f(d) for s in range(d)])
        shares = []
        for i in range(d):
            without = np.flatnonzero(~inside[:, i])
            shares.append(share(without, weight[inside[without].sum(axis=1)], worth, i))
        return np.array(shares, dtype=float)

    return wrong


_plus_i = _by_player(lambda n, w, worth, i: w @ (worth[n + i] - worth[n]))
_nothing_subtracted = _by_player(lambda n, w, worth, i: w @ worth[n + 2**i])
_not_added_up = _by_player(lambda n, w, worth, i: w * (worth[n + 2**i] - worth[n]))
_overwritten = _by_player(lambda n, w, worth, i: (w * (worth[n + 2**i] - worth[n]))[-1])
_alone = _by_player(lambda n, w, worth, i: worth[2**i])


def _nobody_is_zero(worth):
    return shapley_of_table(np.concatenate([[0.0], worth[1:]]))


def _by_solo_worth(worth):
    alone = worth[2 ** np.arange(len(worth).bit_length() - 1)] - worth[0]
    with np.errstate(all="ignore"):
        return (worth[-1] - worth[0]) * alone / alone.sum()


def _bits_backwards(worth):
    return shapley_of_table(worth)[::-1].copy()


def _equal_split(worth):
    d = len(worth).bit_length() - 1
    return np.full(d, float(worth[-1] - worth[0]) / d)


def _sum_over_members(worth):
    """The mean worth of coalitions with the player: nothing is subtracted."""
    inside = all_coalitions(len(worth).bit_length() - 1)
    return np.array([float(worth[column].mean()) for column in inside.T])


def _sign(worth):
    return -shapley_of_table(worth)


def _by_all_orders(worth):
    d = len(worth).bit_length() - 1
    shares = np.zeros(d)
    for order in permutations(range(d)):
        there = 0
        for player in order:
            shares[player] += worth[there | 1 << player] - worth[there]
            there |= 1 << player
    return shares / math.factorial(d)


def _by_sizes(worth):
    inside = all_coalitions(len(worth).bit_length() - 1)  # (2^d, d)
    d = inside.shape[1]
    size = inside.sum(axis=1)
    shares = np.zeros(d)
    for i in range(d):
        for s in range(d):
            before = np.flatnonzero(~inside[:, i] & (size == s))
            shares[i] += np.mean(worth[before + 2**i] - worth[before]) / d
    return shares


exact = register(
    Exercise(
        id="shapley.exact",
        notebook=NOTEBOOK,
        reference=shapley_of_table,
        cases=_table_cases,
        difficulty=3,
        minutes=15,
        points=3,
        hints=[
            "Go through the players. For player i you need all coalitions without i, and for each the one with i added: its number is larger by 2^i.",
            "`without = np.flatnonzero(~inside[:, i])` are their numbers; `worth[without + 2**i] - worth[without]` is what i adds to each.",
            "Weigh each by `factorial(s) * factorial(d - s - 1) / factorial(d)`, s its size without i, and add up.",
        ],
        misconceptions={
            _banzhaf: "You average over all coalitions alike (that is the Banzhaf index, and it does not add up). Orders count alike, "
            "and very small and very large coalitions come up in more of them.",
            _plain_sum: "You add up without weights. Each coalition counts by the share of the orders in which i finds just that room.",
            _no_factorial_of_d: "Divide by d!, the number of all orders.",
            _size_with_player: "s is the size *without* player i. You counted i in.",
            _others_counted_wrong: "After i come d - s - 1 others: i itself is neither before nor after. You took d - s.",
            _one_over_d: "1 / d is the weight of all coalitions of one size together. Divide it by how many there are, C(d - 1, s).",
            _one_over_comb: "You average within each size, but then add up the d averages. They want a mean too: divide by d.",
            _comb_of_d: "There are C(d - 1, s) coalitions of size s without i, not C(d, s).",
            _orders_before_only: "You count the orders of those who came before. The others come in (d - s - 1)! orders after.",
            _first_only: "This is what each player adds to the empty room only. Average over all rooms.",
            _last_only: "This is what each player adds when all others are there only. Average over all rooms.",
            _bits_backwards: "The players are in the wrong order: bit 0 of a coalition's number is player 0.",
            _equal_split: "You share equally. That adds up, but takes no notice of who does what.",
            _sum_over_members: "This is the mean worth of the coalitions that i is in. Subtract what each is worth without i, and weigh.",
            _sign: "The signs are turned: what i adds is the worth *with* i minus the worth without.",
            _plus_i: "Adding player i raises a coalition's number by 2**i. You added i.",
            _floor_division: "`//` rounds the weights down to 0. Divide with `/`.",
            _divided_by_d: "You divide by d. Divide by d!, `math.factorial(d)`, the number of all orders.",
            _averaged_too: "The weights add up to 1 already: add the products up, and do not take their mean.",
            _nothing_subtracted: "This weighs what coalitions with i are worth. Weigh what i *adds*: subtract what each is worth without i.",
            _not_added_up: "You have one number for each coalition. Add them up: one number a player.",
            _overwritten: "Only the last coalition counts in your loop: `=` overwrites. Add up with `+=`.",
            _alone: "This is what each player is worth alone. Average what the player adds over all rooms.",
            _nobody_is_zero: "You took 0 for what nobody is worth. It stands in `worth[0]`.",
            _by_solo_worth: "You share in proportion to what each wins alone. Weigh what a player adds to every coalition.",
            _empty_left_out: "The empty coalition is missing: player i may come first.",
            _largest_left_out: "The coalition of all others is missing: player i may come last.",
        },
        variants=(_by_all_orders, _by_sizes),
    )
)
