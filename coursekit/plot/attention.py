"""Who looks where: a row for each place that asks, a column for each place that is asked."""

from collections.abc import Sequence

import numpy as np

from coursekit.errors import CourseError, expect_shape
from coursekit.plot.core import axes_or_new, describe

__all__ = ["attention_map"]


def attention_map(
    weights: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    xlabel: str = "looked at",
    ylabel: str = "looking",
    title: str = "",
    form: str = "",
    ax=None,
):
    """Attention weights as shades from white (0) to dark blue (1), with the tokens written at rows and columns.

    Parameters
    ----------
    weights : ndarray, (T, S)
        From 0 to 1.
    rows, columns : sequence of str
        T and S tokens.
    form : str
        How to write the weights into the fields, such as ``".2f"``; left out, they are not written.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If there is not one token for each row and column.
    CourseError
        If a weight is below 0 or above 1.

    Examples
    --------
    >>> ax = attention_map(np.eye(2), ["le", "chat"], ["the", "cat"])
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['the', 'cat']
    """
    weights = np.asarray(weights, float)
    expect_shape("weights", weights, (len(rows), len(columns)))
    if not weights.size or weights.min() < -1e-6 or weights.max() > 1 + 1e-6:
        raise CourseError("weights: expected numbers from 0 to 1, got others. Pass them after the softmax.")
    longest = max(map(len, columns))
    size = (1.6 + 0.32 * len(columns) + (0.25 if form else 0) * len(columns), 1.3 + 0.29 * len(rows))
    ax = axes_or_new(ax, figsize=size)
    ax.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.grid(visible=False)
    if form:
        for i, j in np.ndindex(weights.shape):
            color = "white" if weights[i, j] > 0.55 else "black"
            ax.text(j, i, format(weights[i, j], form), ha="center", va="center", fontsize=9, color=color)
    turn = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if longest > 3 and not form else {}
    ax.set_xticks(range(len(columns)), [_seen(c) for c in columns], **turn)
    ax.set_yticks(range(len(rows)), [_seen(r) for r in rows])
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    return describe(ax, f"{title or 'Attention'} ({ylabel} by {xlabel}): {_words(weights, rows, columns)}")


def _seen(token: str) -> str:
    """A space can be seen, too."""
    return token.replace(" ", "\N{OPEN BOX}")


def _words(weights: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    """Where each place looks most."""
    most = weights.argmax(axis=1)
    said = [f"{_seen(row)} at {_seen(columns[j])} {w[j]:.2f}" for row, j, w in zip(rows, most, weights, strict=True)]
    return "each looks most " + ", ".join(said) + "."
