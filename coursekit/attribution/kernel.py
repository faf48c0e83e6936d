r"""KernelSHAP finds Shapley values as the weights of a straight line through what coalitions are worth.

Fit  v(S) ~ v(nobody) + sum of phi_i over i in S,  so that all players together are worth exactly v(all), where a
coalition of s players has the weight

    (d - 1) / (C(d, s) s (d - s)):

small and large coalitions count most. With all 2^d coalitions the solution *is* the Shapley value. With fewer, they are
chosen by that weight, always together with their complement.

A straight line leaves a remainder, and the remainder is what makes the estimate noisy. With `degree` 3 the line gets
products of three players as well. A game's even part (what S and its complement share) moves no Shapley value, so only
odd products are needed, and the Shapley value of a product is known: its players share it in equal parts.

Source: Lundberg and Lee (2017), A unified approach to interpreting model predictions, theorem 2; Covert and Lee (2021),
Improving KernelSHAP: practical Shapley value estimation using linear regression (pairs, standard errors).
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from coursekit.attribution.base import Attribution
from coursekit.attribution.exact import Unfinished, ask_all, explain_rows
from coursekit.attribution.game import Game
from coursekit.attribution.regression import Coalitions, Regression, kernel_weights
from coursekit.errors import CourseError
from coursekit.scratch.ops.inputs import expect_rng

__all__ = ["Coalitions", "Regression", "choose_coalitions", "kernel_shap", "kernel_weights", "solve_kernel"]

PAIRS_OF_ROWS_AT_ONCE = 2048  # between two looks at the bar and at an interrupt


def kernel_shap(
    model: Any,
    x: np.ndarray,
    background: np.ndarray,
    *,
    samples: int | None = None,
    rng: np.random.Generator,
    degree: int | None = None,
    target: int | None = None,
    groups: np.ndarray | None = None,
    feature_names: Sequence[str] | None = None,
    progress: bool = False,
) -> Attribution:
    """Shapley values by weighted regression on chosen coalitions.

    Parameters
    ----------
    model, x, background, target, groups, feature_names, progress
        As in :func:`coursekit.attribution.exact.exact_shapley`.
    samples : int, optional
        Coalitions to ask, 2 d + 2048 if left out. From 2^d - 2 on the values are exact.
    rng : Generator
        Chooses them.
    degree : {1, 3}, optional
        1: the straight line. 3: with products of three players; chosen by itself where there are at least two
        pairs of coalitions for each of its coefficients.

    Returns
    -------
    Attribution
        With `std_error`, of what comes from the choice of coalitions. Values add up to the output exactly. An interrupt
        (Ctrl-C, or the notebook's stop button) ends it with what is known by then.

    Raises
    ------
    CourseError
        If there are fewer samples than 2 d (or than the products need), the degree is another, or rng no Generator.

    Examples
    --------
    >>> def area(rows):
    ...     return rows[:, 0] * rows[:, 1]
    >>> kernel_shap(area, np.array([2.0, 3.0]), np.ones((1, 2)), rng=np.random.default_rng(0)).values.round(12)
    array([2., 3.])
    """
    if degree not in (None, 1, 3):
        raise CourseError(f"degree: expected 1 or 3, got {degree!r}. Even products move no Shapley value.")

    expect_rng(rng)
    plans: dict[int, Regression] = {}  # by the number of players: rows share their coalitions

    def one(game: Game) -> tuple[np.ndarray, np.ndarray]:
        asked = 2 * game.d + 2048 if samples is None else samples
        if isinstance(asked, bool) or not isinstance(asked, int | np.integer) or asked < min(2 * game.d, 2**game.d - 2):
            raise CourseError(f"samples: expected at least 2 d = {2 * game.d} coalitions, got {asked!r}. Ask for more.")
        if game.d < 2 or asked >= 2**game.d - 2:
            return ask_all(game), np.zeros(game.d)
        if game.d not in plans:
            plans[game.d] = Regression(choose_coalitions(game.d, int(asked), rng), degree)
        return _ask(game, plans[game.d])

    return explain_rows(one, "KernelSHAP", model, x, background, target, groups, feature_names, progress)


def _ask(game: Game, plan: "Regression") -> tuple[np.ndarray, np.ndarray]:
    """Ask for the coalitions of a plan, pairs at a time; an interrupt solves for those that were asked."""
    first, half = plan.chosen.first, (game.full - game.empty) / 2
    odd = np.empty(len(first))  # (P,)
    done, piece = 0, max(1, PAIRS_OF_ROWS_AT_ONCE // len(game.background))
    try:
        for start in game.watched(range(0, len(first), piece)):
            some = first[start : start + piece]
            worth = game.value(np.concatenate([some, ~some]))
            odd[start : start + piece] = (worth[: len(some)] - worth[len(some) :]) / 2
            done = start + len(some)
    except KeyboardInterrupt:
        if done < 2 * game.d:
            raise
        part = Coalitions(first[:done], plan.chosen.weight[:done], plan.chosen.draws[:done])
        shares, error = Regression(part).solve(odd[:done], half)
        raise Unfinished(shares, error, f"{2 * done} of {2 * len(first)} coalitions were asked") from None
    return plan.solve(odd, half)


def solve_kernel(
    coalitions: np.ndarray, worth: np.ndarray, weights: np.ndarray, empty: float, full: float
) -> np.ndarray:
    """The weighted straight line through what coalitions are worth, forced through nobody and through all.

    The shares minimise  sum of w (worth - empty - z @ shares)^2  under  sum of shares = full - empty. The last share
    is what the others leave, which turns it into least squares without a condition. :class:`Regression` does the same
    for pairs of coalitions, and tells the error.

    Parameters
    ----------
    coalitions : ndarray of bool, (M, d)
        None of them empty or full.
    worth, weights : ndarray, (M,)
    empty, full : float
        What nobody is worth, and what all are.

    Returns
    -------
    ndarray, (d,)

    Examples
    --------
    >>> one_of_two = np.array([[True, False], [False, True]])
    >>> solve_kernel(one_of_two, np.array([2.0, 3.0]), np.ones(2), empty=1.0, full=6.0)
    array([2., 3.])
    """
    z = coalitions.astype(np.float64)
    rest = z[:, :-1] - z[:, -1:]  # (M, d - 1)
    wanted = worth - empty - z[:, -1] * (full - empty)  # (M,)
    root = np.sqrt(weights)
    first = np.linalg.lstsq(rest * root[:, None], wanted * root)[0]  # (d - 1,)
    return np.append(first, full - empty - first.sum())


def choose_coalitions(d: int, samples: int, rng: np.random.Generator) -> Coalitions:
    """Choose pairs of coalitions by the kernel: whole sizes where there is room for all of them, the rest by lot.

    Parameters
    ----------
    d : int
        Players, at least 2.
    samples : int
        Coalitions to ask, two for each pair.
    rng : Generator

    Returns
    -------
    Coalitions

    Examples
    --------
    >>> chosen = choose_coalitions(5, 20, np.random.default_rng(0))
    >>> chosen.first.shape, chosen.draws[:6]  # the five single players with their complements; then by lot
    ((10, 5), array([0, 0, 0, 0, 0, 6]))
    """
    sizes = np.arange(1, d // 2 + 1)
    pairs = np.array([math.comb(d, s) // (2 if 2 * s == d else 1) for s in sizes])
    mass = np.array([1.0 / (s * (d - s)) / (2 if 2 * s == d else 1) for s in sizes])  # of all coalitions of a size
    mass /= mass.sum()
    room, rows, weights = samples // 2, [], []
    done = 0
    while done < len(sizes) and room >= pairs[done]:
        if done and room * mass[done] / mass[done:].sum() < pairs[done] - 1e-9:
            break  # single players are always whole: without them the regression could be without a solution
        whole = _all_of_size(d, int(sizes[done]))
        rows.append(whole)
        weights.append(np.full(len(whole), mass[done] / len(whole)))
        room -= len(whole)
        done += 1
    draws = [np.zeros(sum(map(len, rows)), dtype=np.int64)]
    if done < len(sizes) and room > 0:
        drawn, times = _drawn(d, sizes[done:], mass[done:] / mass[done:].sum(), room, rng)
        rows.append(drawn)
        weights.append(mass[done:].sum() * times / times.sum())
        draws.append(times)
    weight = np.concatenate(weights)
    return Coalitions(np.concatenate(rows), weight / weight.sum(), np.concatenate(draws))


def _all_of_size(d: int, s: int) -> np.ndarray:
    """Every coalition of a size; of half the players only one of each pair."""
    members = np.array(list(itertools.combinations(range(d), s)))
    members = members[members[:, 0] == 0] if 2 * s == d else members
    rows = np.zeros((len(members), d), dtype=bool)
    np.put_along_axis(rows, members, True, axis=1)
    return rows


def _drawn(
    d: int, sizes: np.ndarray, chances: np.ndarray, pairs: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Different coalitions drawn by lot until there are so many, and how often each came."""
    counts: dict[bytes, int] = {}
    while len(counts) < pairs:
        size = rng.choice(sizes, size=pairs, p=chances)
        rank = np.argsort(np.argsort(rng.random((pairs, d)), axis=1), axis=1)
        rows = rank < size[:, None]  # (pairs, d): as many players as the size says, any of them equally likely
        rows[rows[:, 0] & (2 * size == d)] ^= True  # of two halves the one without player 0 stands for both
        for key in map(bytes, np.packbits(rows, axis=1)):
            if key in counts or len(counts) < pairs:
                counts[key] = counts.get(key, 0) + 1
    packed = np.frombuffer(b"".join(counts), dtype=np.uint8).reshape(len(counts), -1)
    return np.unpackbits(packed, axis=1, count=d).astype(bool), np.array(list(counts.values()))
