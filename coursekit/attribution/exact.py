r"""A Shapley value is a player's contribution, averaged over all orders in which the players could have come in.

    phi_i = sum over coalitions S without i of  |S|! (d - |S| - 1)! / d!  (v(S + i) - v(S))

It is the only way of sharing out v(all) - v(nobody) that is efficient (nothing is lost), symmetric (equals get equal
shares), fair to dummies (who changes nothing gets nothing) and additive (the shares of a sum of games are the sums).
With d players there are 2^d coalitions: :func:`exact_shapley` asks for all of them.

Source: Shapley (1953), A value for n-person games; Strumbelj and Kononenko (2014), equation 9.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from coursekit.attribution.base import Attribution, names_of
from coursekit.attribution.game import Game, empty_of, rows_and_background
from coursekit.attribution.models import output_of
from coursekit.attribution.regression import Coalitions, Regression, kernel_weights
from coursekit.errors import CourseError

__all__ = [
    "MOST_PLAYERS",
    "Unfinished",
    "all_coalitions",
    "ask_all",
    "exact_shapley",
    "explain_rows",
    "shapley_of_table",
]

MOST_PLAYERS = 20  # a million coalitions
GROUPS = 10  # of what was asked by the time of an interrupt: each is left out once to see how much hangs on it


def exact_shapley(
    model: Any,
    x: np.ndarray,
    background: np.ndarray,
    *,
    target: int | None = None,
    groups: np.ndarray | None = None,
    feature_names: Sequence[str] | None = None,
    progress: bool = False,
) -> Attribution:
    """Shapley values by their definition: every coalition is asked.

    Parameters
    ----------
    model : callable or estimator
        From rows (N, D) to (N,) or (N, K).
    x : ndarray, (D,) or (N, D)
        What to explain.
    background : ndarray, (B, D)
        The rows that stand for "not known".
    target : int, optional
        Which of K outputs.
    groups : ndarray of int, (D,), optional
        Features with the same number are one player.
    feature_names : sequence of str, optional
        Of the players.
    progress : bool
        Show a bar: over the rows, or over the coalitions of a single one.

    Returns
    -------
    Attribution
        An interrupt (Ctrl-C, or the notebook's stop button) ends it with what is known by then: the rows that are
        done, and of an unfinished one estimates with their standard errors.

    Raises
    ------
    CourseError
        If more than 20 players can change something: the message says what sampling would cost instead.
    ShapeError
        If the columns of x and background differ.

    Examples
    --------
    >>> def area(rows):
    ...     return rows[:, 0] * rows[:, 1]
    >>> exact_shapley(area, np.array([2.0, 3.0]), np.array([[1.0, 1.0]])).values
    array([2., 3.])
    """

    def one(game: Game) -> tuple[np.ndarray, None]:
        if game.d > MOST_PLAYERS:
            asks = (2 * game.d + 2048) * len(game.background)
            raise CourseError(
                f"x: expected at most {MOST_PLAYERS} features that can change something, got {game.d}: 2^{game.d} "
                f"coalitions. kernel_shap estimates them from {asks:,} rows for each one that is explained; groups "
                "makes players of several features."
            )
        return ask_all(game), None

    return explain_rows(one, "exact Shapley values", model, x, background, target, groups, feature_names, progress)


def all_coalitions(d: int) -> np.ndarray:
    """Every coalition of d players: player i is in coalition number s if bit i of s is 1.

    Parameters
    ----------
    d : int

    Returns
    -------
    ndarray of bool, (2^d, d)

    Examples
    --------
    >>> all_coalitions(2).astype(int)
    array([[0, 0],
           [1, 0],
           [0, 1],
           [1, 1]])
    """
    number, inside = np.arange(2**d), np.empty((2**d, d), dtype=bool)
    for i in range(d):  # one player at a time: whole numbers of all of them would be eight times the memory
        inside[:, i] = number >> i & 1
    return inside


def ask_all(game: Game) -> np.ndarray:
    """Shapley values of a game by all of its coalitions, block by block; an interrupt estimates them from the rest.

    Blocks come in pairs of complements. Those with single players and their complements weigh most and come first; the
    others are shuffled, so that what was asked by the time of an interrupt is a sample of them.

    Parameters
    ----------
    game : Game

    Returns
    -------
    ndarray, (d,)

    Raises
    ------
    Unfinished
        If it is interrupted when some blocks are known, with estimates and their standard errors.

    Examples
    --------
    >>> ask_all(Game(lambda rows: rows.prod(axis=1), np.array([2.0, 3.0]), np.ones((1, 2))))
    array([2., 3.])
    """
    size, high = 2**game.low, game.d - game.low
    blocks = 2**high
    worth = np.empty(2**game.d)
    number = np.random.default_rng(0).permutation(max(blocks // 2, 1))  # any order gives the same in the end
    players = np.bitwise_count(number)
    pairs = number[np.argsort(np.minimum(players, high - players) > 1, kind="stable")]  # single players first
    done = 0
    try:
        for number in game.watched(pairs):
            for block in {number, blocks - 1 - number}:
                worth[block * size : (block + 1) * size] = game.block(block)
            done += 1
    except KeyboardInterrupt:
        if done < high + 1 + GROUPS:
            raise
        raise Unfinished(*_estimate(game, worth, pairs[:done]), f"{done} of {len(pairs)} parts were asked") from None
    return shapley_of_table(worth)


def _estimate(game: Game, worth: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares by regression on the blocks that are known, and standard errors: the jackknife over groups of blocks.

    Shao and Tu (1995), The jackknife and bootstrap, section 2.3; a sample of most of the blocks errs less than its
    scatter says, by the root of the share that is missing.
    """
    d, low = game.d, game.low
    sure, every = d - low + 1, 2 ** (d - low - 1)  # pairs of blocks that come first, and all
    number = (pairs[:, None] << low) + np.arange(2**low)  # (blocks, 2^low)
    of_block = np.repeat(np.arange(len(pairs)), 2**low)[number.ravel() > 0]  # nobody is known anyway
    number = number[number > 0]
    first = (number[:, None] >> np.arange(d) & 1).astype(bool)
    odd = (worth[number] - worth[2**d - 1 - number]) / 2
    weight = kernel_weights(d)[first.sum(axis=1) - 1]
    group = np.where(np.arange(len(pairs)) < sure, -1, np.arange(len(pairs)) % GROUPS)  # of each pair of blocks

    def shares(left_out: int) -> np.ndarray:
        some = (group != left_out)[of_block]
        sample = np.count_nonzero((group != left_out) & (group >= 0))
        weights = weight * np.where(of_block < sure, 1.0, (every - sure) / sample)  # also for those not asked
        chosen = Coalitions(first[some], weights[some] / weights[some].sum(), np.zeros(some.sum(), dtype=np.int64))
        return Regression(chosen, degree=1).solve(odd[some], (game.full - game.empty) / 2)[0]

    without = np.array([shares(one) for one in range(GROUPS)])  # (groups, d)
    missing = 1 - (len(pairs) - sure) / (every - sure)
    return shares(GROUPS), without.std(axis=0) * np.sqrt((GROUPS - 1) * missing)


def shapley_of_table(worth: np.ndarray) -> np.ndarray:
    """Shapley values of a game whose coalitions are all known, in the order of :func:`all_coalitions`.

    Parameters
    ----------
    worth : ndarray, (2^d,)

    Returns
    -------
    ndarray, (d,)

    Examples
    --------
    >>> shapley_of_table(np.array([0.0, 0.0, 0.0, 6.0]))  # only together are they worth something
    array([3., 3.])
    """
    d = len(worth).bit_length() - 1
    number = np.arange(2**d)
    size = np.bitwise_count(number)
    weight = np.array([math.factorial(s) * math.factorial(d - s - 1) / math.factorial(d) for s in range(d)])
    shares = np.empty(d)
    for i in range(d):
        without = number[number >> i & 1 == 0]
        shares[i] = weight[size[without]] @ (worth[without | 1 << i] - worth[without])
    return shares


class Unfinished(Exception):  # noqa: N818  (no error: what is known when somebody stops a long run)
    """A row whose explanation was interrupted, with what is known by then.

    Parameters
    ----------
    shares, error : ndarray, (d,)
        Of the active players.
    note : str
        How far it came.

    Examples
    --------
    >>> Unfinished(np.zeros(1), np.ones(1), "3 of 8 orders").note
    '3 of 8 orders'
    """

    def __init__(self, shares: np.ndarray, error: np.ndarray, note: str):
        super().__init__(note)
        self.shares, self.error, self.note = shares, error, note


def explain_rows(
    one: Callable[[Game], tuple[np.ndarray, np.ndarray | None]],
    method: str,
    model: Any,
    x: np.ndarray,
    background: np.ndarray,
    target: int | None,
    groups: np.ndarray | None,
    feature_names: Sequence[str] | None,
    progress: bool,
) -> Attribution:
    """Explain row after row as a game of its own; an interrupt keeps the rows that are done.

    Parameters
    ----------
    one : callable
        From a game to the shares of its active players and their standard errors (or None). It may raise
        :class:`Unfinished` when it is interrupted: then that row is the last one.
    method : str
    model, x, background, target, groups, feature_names, progress
        As in :func:`exact_shapley`.

    Returns
    -------
    Attribution

    Raises
    ------
    KeyboardInterrupt
        If it comes before the first row is done.

    Examples
    --------
    >>> def even(game):  # everybody gets the same
    ...     return np.full(game.d, (game.full - game.empty) / game.d), None
    >>> def area(rows):
    ...     return rows[:, 0] * rows[:, 1]
    >>> explain_rows(even, "even", area, [2.0, 3.0], [[1.0, 1.0]], None, None, None, False).values
    array([2.5, 2.5])
    """
    from tqdm.auto import tqdm

    names = getattr(x, "columns", None) if feature_names is None and groups is None else feature_names  # of a table
    x, background, single = rows_and_background(x, background)
    output = output_of(model, target)
    empty, full = empty_of(output, background), output(x.copy(), "row {} of x".format)
    values, errors, games, note = [], [], [], ""
    try:
        for k, row in enumerate(tqdm(x, disable=not progress or len(x) == 1, desc=method, leave=False)):
            game = Game(model, row, background, target, groups, empty=empty, full=full[k])
            game.name = f"row {k} of x"
            game.show = progress and len(x) == 1
            try:
                shares, error = one(game) if game.d else (np.zeros(0), None)
            except Unfinished as stop:
                shares, error, note = stop.shares, stop.error, f"interrupted: {stop.note}"
            values.append(game.spread(shares))
            errors.append(None if error is None else game.spread(error))
            games.append(game)
            if note:
                break
    except KeyboardInterrupt:
        if not games:
            raise
        note = "interrupted"
    if note and len(games) < len(x):
        note += f"; {len(games)} of {len(x)} rows are explained"
    known = [error if error is not None else np.zeros_like(value) for error, value in zip(errors, values, strict=True)]
    pick = (lambda rows: rows[0]) if single else np.array
    pictures = x.ndim > 2
    return Attribution(
        pick(values),
        pick([game.empty for game in games]),
        pick([game.full for game in games]),
        names_of(names, games[0].players) if not pictures else (),
        method,
        pick(list(x[: len(games)])) if values[0].shape == x.shape[1:] else None,
        pick(known) if any(error is not None for error in errors) else None,
        target,
        note=note,
    )
