"""Shapley values by asking a few orders instead of all: let the players come in one by one, and average what each adds.

Every order is also played backwards. What a player adds early in one it adds late in the other, so that pairs of orders
differ less from each other than single ones: the same number of questions gives a smaller error.

Source: Castro, Gomez and Tejada (2009), Polynomial calculation of the Shapley value based on sampling; Mitchell et al.
(2022), Sampling permutations for Shapley value estimation, section 3 (antithetic pairs).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from coursekit.attribution.base import Attribution
from coursekit.attribution.exact import Unfinished, explain_rows
from coursekit.attribution.game import Game
from coursekit.errors import CourseError
from coursekit.scratch.ops.inputs import expect_rng

__all__ = ["contributions", "marginal_contributions", "permutation_shapley"]

AT_ONCE = 16  # pairs of orders between two looks at the clock and at an interrupt


def permutation_shapley(
    model: Any,
    x: np.ndarray,
    background: np.ndarray,
    *,
    pairs: int = 100,
    rng: np.random.Generator,
    target: int | None = None,
    groups: np.ndarray | None = None,
    feature_names: Sequence[str] | None = None,
    progress: bool = False,
) -> Attribution:
    """Estimate Shapley values from random orders, with standard errors.

    Parameters
    ----------
    model, x, background, target, groups, feature_names, progress
        As in :func:`coursekit.attribution.exact.exact_shapley`.
    pairs : int
        Random orders, each played forwards and backwards: 2 (d + 1) coalitions a pair.
    rng : Generator

    Returns
    -------
    Attribution
        With `std_error`. Values add up to the output exactly, whatever the number of pairs. An interrupt (Ctrl-C, or
        the notebook's stop button) ends it with what is known by then.

    Raises
    ------
    CourseError
        If there are fewer than two pairs: no error can be estimated from one.

    Examples
    --------
    >>> def area(rows):
    ...     return rows[:, 0] * rows[:, 1]
    >>> permutation_shapley(area, np.array([2.0, 3.0]), np.ones((1, 2)), pairs=2, rng=np.random.default_rng(0)).values
    array([2., 3.])
    """
    if isinstance(pairs, bool) or not isinstance(pairs, int | np.integer) or pairs < 2:
        raise CourseError(f"pairs: expected a whole number of at least 2, got {pairs!r}. One pair has no spread.")

    expect_rng(rng)

    def one(game: Game) -> tuple[np.ndarray, np.ndarray]:
        found: list[np.ndarray] = []  # what each player adds, mean of a pair: (at once, d)
        try:
            for start in game.watched(range(0, pairs, AT_ONCE)):
                orders = [rng.permutation(game.d) for _ in range(min(AT_ONCE, pairs - start))]
                found.append(marginal_contributions(game, np.array(orders)))
        except KeyboardInterrupt:
            if sum(map(len, found)) < 2:
                raise
            raise Unfinished(*_mean_and_error(found), f"{sum(map(len, found))} of {pairs} pairs of orders") from None
        return _mean_and_error(found)

    return explain_rows(one, "sampled Shapley values", model, x, background, target, groups, feature_names, progress)


def contributions(value: Callable[[np.ndarray], np.ndarray], order: np.ndarray) -> np.ndarray:
    """What each player adds when the players come in by this order.

    Parameters
    ----------
    value : callable
        From coalitions, bool (M, d), to what they are worth, (M,).
    order : ndarray of int, (d,)
        The player who comes first, second, ...

    Returns
    -------
    ndarray, (d,)
        By player, not by arrival. They add up to what all are worth, less what nobody is.

    Examples
    --------
    >>> def both_needed(coalitions):
    ...     return 6.0 * coalitions.all(axis=1)
    >>> contributions(both_needed, np.array([1, 0]))  # player 1 comes first, to an empty room
    array([6., 0.])
    """
    d = len(order)
    arrival = np.argsort(order)  # (d,): when each player comes
    there = arrival < np.arange(d + 1)[:, None]  # (d + 1, d): who is there after each step
    return np.diff(value(there))[arrival]


def marginal_contributions(game: Game, orders: np.ndarray) -> np.ndarray:
    """What each player adds when the players come in by these orders, and by the same orders backwards: the mean.

    Parameters
    ----------
    game : Game
    orders : ndarray of int, (P, d)
        Permutations of the active players.

    Returns
    -------
    ndarray, (P, d)

    Examples
    --------
    >>> game = Game(lambda rows: rows.prod(axis=1), np.array([2.0, 3.0]), np.ones((1, 2)))
    >>> marginal_contributions(game, np.array([[0, 1]]))  # forwards 1 and 4, backwards 3 and 2
    array([[2., 3.]])
    """
    both = np.concatenate([orders, orders[:, ::-1]])  # (2P, d)
    arrival = np.argsort(both, axis=1)  # (2P, d): when each player comes
    steps = np.arange(1, game.d)[:, None]
    inside = arrival[:, None, :] < steps  # (2P, d - 1, d): who is there after each step
    worth = np.empty((len(both), game.d + 1))
    worth[:, 0], worth[:, -1] = game.empty, game.full
    worth[:, 1:-1] = game.value(inside.reshape(-1, game.d)).reshape(len(both), -1)
    added = np.take_along_axis(np.diff(worth, axis=1), arrival, axis=1)  # (2P, d)
    return added.reshape(2, len(orders), game.d).mean(axis=0)


def _mean_and_error(found: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    means = np.concatenate(found)  # (pairs, d)
    return means.mean(axis=0), means.std(axis=0, ddof=1) / np.sqrt(len(means))
