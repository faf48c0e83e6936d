"""Take something away and see what the model says: explanations that need no gradient, only questions.

**Occlusion** covers a part of the row and notes how much the output falls. **Permutation importance** shuffles a column
and notes how much worse the model becomes, on average over a data set: it explains a model, not a prediction.
:mod:`coursekit.attribution.lime` asks about many mixtures at once.

Source: Zeiler and Fergus (2014), Visualizing and understanding convolutional networks, section 4.2; Breiman (2001),
Random forests, section 10; Fisher, Rudin and Dominici (2019), All models are wrong, but many are useful.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from coursekit.attribution.base import Attribution, names_of
from coursekit.attribution.exact import explain_rows
from coursekit.attribution.game import Game
from coursekit.attribution.models import predictor
from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.ops.inputs import expect_rng

__all__ = ["falls_of_score", "occlusion", "permutation_importance"]


def occlusion(
    model: Any,
    x: np.ndarray,
    background: np.ndarray,
    *,
    target: int | None = None,
    groups: np.ndarray | None = None,
    feature_names: Sequence[str] | None = None,
    progress: bool = False,
) -> Attribution:
    """How much the output falls when one player alone is covered by background rows.

    Parameters
    ----------
    model, x, background, target, groups, feature_names, progress
        As in :func:`coursekit.attribution.exact.exact_shapley`; `patches` makes the groups of a picture.

    Returns
    -------
    Attribution
        `complete` is False: what two features do only together is counted twice, or not at all.

    Raises
    ------
    CourseError, ShapeError
        If shapes do not fit, or the model answers badly.

    Examples
    --------
    >>> def area(rows):
    ...     return rows[:, 0] * rows[:, 1]
    >>> occlusion(area, np.array([2.0, 3.0]), np.zeros((1, 2))).values  # without a side there is no area: twice 6
    array([6., 6.])
    """

    def one(game: Game) -> tuple[np.ndarray, None]:
        return game.full - game.value(~np.eye(game.d, dtype=bool)), None

    found = explain_rows(one, "occlusion", model, x, background, target, groups, feature_names, progress)
    kept = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return Attribution(**kept | {"complete": False})


def permutation_importance(
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    score: Callable[[np.ndarray, np.ndarray], float],
    *,
    repeats: int = 10,
    rng: np.random.Generator,
    feature_names: Sequence[str] | None = None,
) -> Attribution:
    """How much a score falls when a column is shuffled.

    A column that another one could stand in for looks unimportant, and shuffled rows may be such as never occur.

    Parameters
    ----------
    model : callable or estimator
    x : ndarray, (N, D)
    y : ndarray, (N,)
        What is true.
    score : callable
        ``score(outputs, y)``, larger is better.
    repeats : int
        Shuffles of each column, at least 2.
    rng : Generator
    feature_names : sequence of str, optional

    Returns
    -------
    Attribution
        `output` is the score of the untouched rows; `std_error` that of the mean over repeats.

    Raises
    ------
    ShapeError
        If there is not one answer for each row.
    CourseError
        If there are fewer than two repeats.

    Examples
    --------
    >>> x = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> def minus_error(outputs, y):
    ...     return -float(np.mean((outputs - y) ** 2))
    >>> found = permutation_importance(lambda rows: rows[:, 0], x, x[:, 0], minus_error, rng=np.random.default_rng(0))
    >>> bool(found.values[0] > 1), float(found.values[1])
    (True, 0.0)
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 2 or len(x) != len(y) or not len(x):
        raise ShapeError(f"y: expected one answer for each row of x {x.shape}, got {y.shape}. Keep them paired.")
    if repeats < 2:
        raise CourseError(f"repeats: expected at least 2, got {repeats!r}. One shuffle has no spread.")
    expect_rng(rng)
    predict = predictor(model)
    falls = falls_of_score(predict, x, y, score, np.array([rng.permutation(len(x)) for _ in range(repeats)]))
    return Attribution(
        falls.mean(axis=0),
        np.array(0.0),
        np.array(score(predict(x), y)),
        names_of(feature_names, x.shape[1]),
        "permutation importance",
        std_error=falls.std(axis=0, ddof=1) / np.sqrt(repeats),
        complete=False,
    )


def falls_of_score(
    predict: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    score: Callable[[np.ndarray, np.ndarray], float],
    shuffles: np.ndarray,
) -> np.ndarray:
    """The score of the untouched rows less that of rows with one column shuffled, for each shuffle and column.

    Parameters
    ----------
    predict : callable
        From rows (N, D) to outputs.
    x : ndarray, (N, D)
    y : ndarray, (N,)
    score : callable
        ``score(outputs, y)``, larger is better.
    shuffles : ndarray of int, (R, N)
        In each row the numbers 0 to N - 1 in another order.

    Returns
    -------
    ndarray, (R, D)

    Examples
    --------
    >>> x = np.array([[0.0, 5.0], [1.0, 5.0]])
    >>> def right(outputs, y):
    ...     return float(np.mean(outputs == y))
    >>> falls_of_score(lambda rows: rows[:, 0], x, x[:, 0], right, np.array([[1, 0]]))
    array([[1., 0.]])
    """
    untouched = score(predict(x), y)
    falls = np.empty((len(shuffles), x.shape[1]))
    for column in range(x.shape[1]):
        shuffled = x.copy()
        for k, order in enumerate(shuffles):
            shuffled[:, column] = x[order, column]
            falls[k, column] = untouched - score(predict(shuffled), y)
    return falls
