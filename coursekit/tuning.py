"""A fair contest tunes every method with the same number of trials, on data kept back for it, and tests each once.

A method is a function ``fit(x, y, **settings)`` that returns a function ``predict(x)``. What can be chosen about it is
a list of settings; :func:`draw_settings` makes one of equal length for every method, and :func:`tune_and_test` runs
the protocol.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from coursekit.errors import CourseError
from coursekit.metrics import accuracy

__all__ = ["draw_settings", "tune_and_test"]

Rows = tuple[np.ndarray, np.ndarray]


def draw_settings(choices: Mapping[str, Sequence], trials: int, *, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Draw different settings at random: as many for each method, whether it has one thing to choose or five.

    Parameters
    ----------
    choices : dict of str to sequence
        For each setting the values that it may take.
    trials : int
        How many combinations to draw.
    rng : Generator

    Returns
    -------
    list of dict, of length `trials`

    Raises
    ------
    CourseError
        If there are fewer combinations than trials: this method would be tuned less than the others.

    Source
    ------
    Bergstra and Bengio (2012), Random Search for Hyper-Parameter Optimization: better than a grid where only some of
    the settings matter, and nobody knows which.

    Examples
    --------
    >>> sorted(s["C"] for s in draw_settings({"C": [0.1, 1, 10]}, 3, rng=np.random.default_rng(0)))
    [0.1, 1, 10]
    """
    combinations = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    if not 1 <= trials <= len(combinations):
        raise CourseError(
            f"trials: expected 1 to {len(combinations)}, as many as there are combinations, got {trials}. "
            "Give the settings more values, or all methods fewer trials."
        )
    return [combinations[k] for k in rng.permutation(len(combinations))[:trials]]


def tune_and_test(
    fit: Callable[..., Callable], settings: Sequence[Mapping[str, Any]], train: Rows, validation: Rows, x_test: Any
) -> tuple[Mapping[str, Any], list[float], np.ndarray]:
    """Choose settings on the validation set, fit with them once more on all but the test set, and predict the test set.

    Parameters
    ----------
    fit : callable(x, y, **settings) -> callable(x) -> ndarray of int
    settings : sequence of dict
        The trials; among equally good ones the first is taken.
    train, validation : pairs of (x, y)
    x_test : array
        Without labels: nothing can be chosen on them.

    Returns
    -------
    chosen : dict
        One of `settings`.
    scores : list of float
        The accuracy of each trial on the validation set.
    predicted : ndarray of int, (N,)
        The class of each test example.

    Raises
    ------
    CourseError
        If there is nothing to choose from.

    Examples
    --------
    >>> def fit(x, y, cut):  # a "method" that learns nothing: one number, cut in two
    ...     return lambda x: (x[:, 0] > cut).astype(int)
    >>> x, y = np.arange(8.0)[:, None], np.array([0, 0, 0, 1, 1, 1, 1, 1])
    >>> tune_and_test(fit, [{"cut": 0}, {"cut": 2}], (x, y), (x, y), np.array([[1.0], [5.0]]))
    ({'cut': 2}, [0.75, 1.0], array([0, 1]))
    """
    if not settings:
        raise CourseError("settings: expected at least one trial, got none. Write [{}] for a method without choices.")
    scores = [accuracy(fit(*train, **trial)(validation[0]), validation[1]) for trial in settings]
    chosen = settings[int(np.argmax(scores))]
    both = [np.concatenate(parts) for parts in zip(train, validation, strict=True)]
    return chosen, scores, fit(*both, **chosen)(x_test)
