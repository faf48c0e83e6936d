"""Two features make a plane, every example is a point in it, and a neuron is a line through it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import ListedColormap

from coursekit.errors import ShapeError
from coursekit.plot.core import COLORS, MARKERS, axes_or_new, describe

__all__ = ["boundary", "regions"]


def boundary(
    X,
    y,
    neurons: Sequence[tuple[np.ndarray, float]] = (),
    *,
    names: tuple[str, str] = ("-1", "+1"),
    features: tuple[str, str] = ("feature 1", "feature 2"),
    highlight: int | None = None,
    title: str = "",
    legend: bool = True,
    ax=None,
):
    """Examples of two kinds as points, and each neuron (w, b) as the line where its weighted sum is 0.

    Parameters
    ----------
    X : ndarray, shape (N, 2)
    y : ndarray, shape (N,)
        The larger label is the "+1" kind.
    neurons : sequence of (w, b)
        Older lines are drawn paler; the newest has an arrow to its +1 side, and the plane the colour of its answer.
    highlight : int, optional
        Index of an example to ring.

    Returns
    -------
    Axes
    """
    X, y = np.asarray(X, float), np.asarray(y)
    if X.ndim != 2 or X.shape[1] != 2:
        raise ShapeError(f"X: expected shape (N, 2), got {X.shape}. Choose two columns: X[:, [0, 1]].")
    ax = axes_or_new(ax, figsize=(5.6, 4.2))
    positive = y == y.max() if len(set(y.tolist())) > 1 else y > 0
    for k, (mask, name) in enumerate(((~positive, names[0]), (positive, names[1]))):
        ax.plot(X[mask, 0], X[mask, 1], MARKERS[k], color=COLORS[k], markersize=5, alpha=0.75, label=name)
    if highlight is not None:
        ax.plot(*X[highlight], "o", markersize=14, markerfacecolor="none", markeredgecolor="black", markeredgewidth=1.6)
    span = np.ptp(X, axis=0)
    low, high = X.min(axis=0) - 0.12 * span, X.max(axis=0) + 0.12 * span
    if neurons:
        _shade(ax, lambda points: points @ np.asarray(neurons[-1][0]) + neurons[-1][1] >= 0, low, high)
    for i, (w, b) in enumerate(neurons):
        newest = i == len(neurons) - 1
        _line(ax, w, b, low, high, color="black" if newest else "0.7", arrow=newest)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel=features[0], ylabel=features[1], title=title)
    if legend:
        ax.legend(fontsize=9)
    return describe(ax, f"{title or 'Two kinds of points'}: {_words(X, positive, neurons, names, features)}")


def _shade(ax, says_yes, low, high) -> None:
    """Colour the plane by a classifier's answer, found by asking it everywhere."""
    grid = np.stack(np.meshgrid(*(np.linspace(a, b, 150) for a, b in zip(low, high, strict=True))), axis=-1)
    answer = np.asarray(says_yes(grid.reshape(-1, 2))).reshape(grid.shape[:2]).astype(float)
    ax.imshow(
        answer,
        extent=(low[0], high[0], low[1], high[1]),
        origin="lower",
        aspect="auto",
        cmap=ListedColormap(COLORS[:2]),
        vmin=0,
        vmax=1,
        alpha=0.16,
        zorder=0,
    )


def _line(ax, w, b, low, high, color: str, arrow: bool) -> None:
    """Draw w . x + b = 0 across the plane, with an arrow along w."""
    w = np.asarray(w, float)
    if not np.any(w):
        return
    foot = -b * w / (w @ w)
    foot = foot + (np.dot((low + high) / 2 - foot, [-w[1], w[0]]) / (w @ w)) * np.array([-w[1], w[0]])
    along = np.array([-w[1], w[0]]) / np.linalg.norm(w) * 4 * np.linalg.norm(high - low)
    ax.plot(*np.stack([foot - along, foot + along]).T, color=color, linestyle="-", linewidth=1.6)
    if arrow and np.all(foot > low) and np.all(foot < high):
        tip = foot + 0.09 * np.linalg.norm(high - low) * w / np.linalg.norm(w)
        ax.annotate("", tip, foot, arrowprops={"arrowstyle": "->", "color": color, "linewidth": 1.6})


def _words(X, positive, neurons, names, features) -> str:
    counts = f"{(~positive).sum()} examples of {names[0]} and {positive.sum()} of {names[1]}"
    text = f"{counts}, {features[1]} against {features[0]}."
    if neurons:
        w, b = neurons[-1]
        wrong = int(np.sum((X @ np.asarray(w) + b >= 0) != positive))
        text += (
            " There is no line yet."
            if not np.any(w)
            else f" The line has {wrong} of {len(X)} examples on the wrong side."
        )
    return text


def regions(X, y, predict, *, names=("-1", "+1"), features=("feature 1", "feature 2"), title: str = "", ax=None):
    """Examples as points over the regions in which a classifier says yes, found by asking it everywhere."""
    X, y = np.asarray(X, float), np.asarray(y)
    span = np.ptp(X, axis=0)
    low, high = X.min(axis=0) - 0.3 * span, X.max(axis=0) + 0.3 * span
    ax = boundary(X, y, names=names, features=features, title=title, ax=ax)
    _shade(ax, lambda points: np.asarray(predict(points)) > 0, low, high)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    right = np.mean((np.asarray(predict(X)) > 0) == (y > 0))
    share = f"{right:.0%} of the {len(X)} points lie in the region of their own kind"
    return describe(ax, f"{title or 'Regions of a classifier'}: {share}.")
