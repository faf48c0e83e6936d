r"""LIME asks a model about variations of one row and fits a straight line to its answers, near ones counting most.

A variation keeps some players and covers the others; z is 1 for kept, 0 for covered. The line minimises

    sum over z of  w(z) (f(z) - b - sum of beta_i z_i)^2 + alpha |beta|^2,    w(z) = exp(-D(z)^2 / width^2),

where D is the cosine distance to the row itself, 1 - sqrt(share of players kept). Which variations are drawn is chance,
and how wide "near" is, is a choice: ask twice and the answers differ, which the standard errors show.

Source: Ribeiro, Singh and Guestrin (2016), "Why should I trust you?": explaining the predictions of any classifier.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from coursekit.attribution.base import Attribution
from coursekit.attribution.exact import explain_rows
from coursekit.attribution.game import Game
from coursekit.errors import CourseError
from coursekit.scratch.ops.inputs import expect_rng

__all__ = ["fit_line", "lime", "lime_text", "lime_weights"]

WIDTH = 0.25  # the kernel's, as in the authors' code for texts and pictures
WORD = re.compile(r"\w+(?:['’]\w+)?")


def lime(
    model: Any,
    x: np.ndarray,
    background: np.ndarray,
    *,
    samples: int = 1000,
    width: float = WIDTH,
    alpha: float = 1.0,
    rng: np.random.Generator,
    target: int | None = None,
    groups: np.ndarray | None = None,
    feature_names: Sequence[str] | None = None,
    progress: bool = False,
) -> Attribution:
    """LIME for tables and, with `patches` as groups, for pictures.

    Parameters
    ----------
    model, x, background, target, groups, feature_names, progress
        As in :func:`coursekit.attribution.exact.exact_shapley`. A covered player takes its values from all background
        rows in turn, and the answers are averaged: the same game as for Shapley values.
    samples : int
        Variations, at least 2.
    width : float
        Of the kernel.
    alpha : float
        Of the ridge.
    rng : Generator

    Returns
    -------
    Attribution
        The slopes beta, with standard errors; `complete` is False.

    Raises
    ------
    CourseError
        If there are too few samples, or width or alpha are not positive.

    Examples
    --------
    >>> def line(rows):
    ...     return rows @ [1.0, 4.0]
    >>> found = lime(line, np.ones(2), np.zeros((1, 2)), alpha=1e-9, rng=np.random.default_rng(0))
    >>> found.values.round(6)
    array([1., 4.])
    """
    _expect(samples, width, alpha)
    expect_rng(rng)

    def one(game: Game) -> tuple[np.ndarray, np.ndarray]:
        kept = _variations(samples, game.d, rng)
        return fit_line(kept, game.value(kept), lime_weights(kept, width), alpha)[1:]

    found = explain_rows(one, "LIME", model, x, background, target, groups, feature_names, progress)
    fields = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return Attribution(**fields | {"complete": False})


def lime_text(
    model: Callable[[list[str]], np.ndarray],
    text: str,
    *,
    samples: int = 1000,
    width: float = WIDTH,
    alpha: float = 1.0,
    rng: np.random.Generator,
    target: int | None = None,
) -> Attribution:
    """LIME for a text: a variation leaves words out, all places of a word at once.

    Parameters
    ----------
    model : callable
        From a list of N texts to outputs (N,) or (N, K).
    text : str
    samples, width, alpha, rng, target
        As in :func:`lime`.

    Returns
    -------
    Attribution
        One value for each different word, in the order of the text.

    Raises
    ------
    CourseError
        If the text has no words, or an argument is out of its range.

    Examples
    --------
    >>> def goods(texts):
    ...     return np.array([text.count("good") for text in texts])
    >>> found = lime_text(goods, "a good, good film", alpha=1e-9, rng=np.random.default_rng(0))
    >>> found.feature_names, (found.values + 0.0).round(3).tolist()[1]
    (('a', 'good', 'film'), 2.0)
    """
    _expect(samples, width, alpha)
    expect_rng(rng)
    known = list(dict.fromkeys(WORD.findall(text)))
    if not known:
        raise CourseError(f"text: expected at least one word, got {text!r}. Give a sentence.")

    def predict(rows: np.ndarray) -> np.ndarray:
        return np.asarray(
            model([_without(text, {w for w, k in zip(known, row, strict=True) if not k}) for row in rows])
        )

    game = Game(predict, np.ones(len(known)), np.zeros((1, len(known))), target)
    kept = _variations(samples, len(known), rng)
    _, slopes, error = fit_line(kept, game.value(kept), lime_weights(kept, width), alpha)
    return Attribution(
        slopes,
        np.array(game.empty),
        np.array(game.full),
        tuple(known),
        "LIME",
        std_error=error,
        target=target,
        complete=False,
    )


def lime_weights(kept: np.ndarray, width: float = WIDTH) -> np.ndarray:
    """How much each variation counts: exp(-D^2 / width^2) with the cosine distance D to the row itself.

    Parameters
    ----------
    kept : ndarray of bool, (M, d)
    width : float

    Returns
    -------
    ndarray, (M,)
        1 for the row itself; 0.018 or less where nothing is kept (with the usual width: nothing).

    Examples
    --------
    >>> lime_weights(np.array([[1, 1, 1, 1], [1, 1, 1, 0]], dtype=bool)).round(3)
    array([1.  , 0.75])
    """
    distance = 1 - np.sqrt(kept.mean(axis=1))  # (M,)
    return np.exp(-(distance**2) / width**2)


def fit_line(
    z: np.ndarray, answers: np.ndarray, weights: np.ndarray, alpha: float = 1.0
) -> tuple[float, np.ndarray, np.ndarray]:
    """Weighted ridge regression, with the standard errors of its slopes.

    Parameters
    ----------
    z : ndarray, (M, d)
    answers, weights : ndarray, (M,)
    alpha : float
        The intercept is not shrunk.

    Returns
    -------
    intercept : float
    slopes, std_error : ndarray, (d,)

    Examples
    --------
    >>> z = np.array([[0.0], [1.0], [2.0]])
    >>> intercept, slopes, _ = fit_line(z, np.array([1.0, 3.0, 5.0]), np.ones(3), alpha=1e-12)
    >>> round(intercept, 6), slopes.round(6)
    (1.0, array([2.]))
    """
    z = np.asarray(z, dtype=np.float64)
    middle = weights @ z / weights.sum()  # (d,)
    level = weights @ answers / weights.sum()
    centred = z - middle
    weighted = centred * weights[:, None]
    inverse = np.linalg.inv(weighted.T @ centred + alpha * np.eye(z.shape[1]))
    slopes = inverse @ (weighted.T @ (answers - level))
    missed = answers - level - centred @ slopes
    pull = inverse @ (weighted * missed[:, None]).T  # (d, M)
    return float(level - middle @ slopes), slopes, np.sqrt((pull**2).sum(axis=1))


def _variations(samples: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """The row itself, and others that keep a number of players that is drawn evenly from 0 to d - 1."""
    keep = rng.integers(0, d, samples)
    rank = np.argsort(np.argsort(rng.random((samples, d)), axis=1), axis=1)
    kept = rank < keep[:, None]
    kept[0] = True
    return kept


def _without(text: str, gone: set[str]) -> str:
    return WORD.sub(lambda word: "" if word.group() in gone else word.group(), text)


def _expect(samples: int, width: float, alpha: float) -> None:
    if samples < 2:
        raise CourseError(f"samples: expected at least 2, got {samples!r}. 1000 is usual.")
    for name, value in (("width", width), ("alpha", alpha)):
        if not value > 0:
            raise CourseError(f"{name}: expected a number above 0, got {value!r}. See the formula of LIME.")
