"""What features did, told by several methods side by side, or by one against the feature's own value."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.plot.core import COLORS, LINES, MARKERS, axes_or_new, describe

__all__ = ["dependence", "side_by_side"]

HATCHES = ("", "///", "...", "xx", "\\\\\\")
MOST = 12  # features shown
WORDS = 12  # of a column of words: more would not fit below the axis


def side_by_side(
    values: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    xlabel: str,
    title: str = "",
    most: int = MOST,
    ax: Any = None,
) -> Any:
    """A group of bars for each feature, one for each method.

    Parameters
    ----------
    values : dict of name to ndarray, (D,) or (S, D)
        With several rows (seeds, say) a bar is their mean, and a whisker goes from the lowest to the highest.
    names : sequence of str, length D
    xlabel, title : str
    most : int
        Features to show, those with the largest bars.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If there are no values, or more methods than bars that stay apart.
    ShapeError
        If there is not one value a feature.
    """
    if not 1 <= len(values) <= len(HATCHES):
        raise CourseError(f"values: expected 1 to {len(HATCHES)} methods, got {len(values)}. Draw fewer at a time.")
    runs = {name: np.atleast_2d(np.asarray(v, float)) for name, v in values.items()}  # (S, D)
    for name, given in runs.items():
        if given.shape[1] != len(names):
            raise ShapeError(f"values: expected {len(names)} of {name!r}, one a feature, got {given.shape[1]}.")
    means = np.array([given.mean(axis=0) for given in runs.values()])  # (methods, D)
    order = np.argsort(-np.abs(means).max(axis=0), kind="stable")[:most]
    height = 0.8 / len(runs)
    ax = axes_or_new(ax, figsize=(6.8, 1.3 + len(order) * (0.16 + 0.16 * len(runs))))
    for k, (name, given) in enumerate(runs.items()):
        mean = means[k, order]
        places = np.arange(len(order)) + (k - (len(runs) - 1) / 2) * height
        style = {"color": COLORS[k], "hatch": HATCHES[k], "edgecolor": "white", "linewidth": 0.4, "label": name}
        ax.barh(places, mean, height=height, **style)
        if len(given) > 1:
            reach = np.abs(np.array([given.min(axis=0), given.max(axis=0)])[:, order] - mean)
            ax.errorbar(mean, places, xerr=reach, fmt="none", ecolor="0.15", elinewidth=1, capsize=2)
    ax.axvline(0, color="0.3", linewidth=0.8, linestyle="-")
    ax.set_yticks(range(len(order)), [names[k] for k in order])
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.set(xlabel=xlabel, ylabel="feature", title=title)
    if len(runs) > 1:
        ax.legend(fontsize=9)
    told = "; ".join(
        f"{names[k]}: {', '.join(f'{m} {v:+.3g}' for m, v in zip(runs, means[:, k], strict=True))}" for k in order
    )
    return describe(ax, f"{title or 'Features side by side'}: {xlabel}. {told}.")


def dependence(
    explanation: Any,
    feature: str,
    *,
    words: Sequence[str] | None = None,
    split: tuple[str, Sequence[str]] | None = None,
    title: str = "",
    ax: Any = None,
) -> Any:
    """A point a row: the feature's own value to the right, what it did upwards.

    Parameters
    ----------
    explanation : Attribution
        Of several rows, with `x` and names.
    feature : str
    words : sequence of str, optional
        What the numbers 0, 1, ... of this feature stand for.
    split : (str, sequence of str), optional
        A second feature and the words for its numbers: a colour and a marker for each.
    title : str
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If it explains one row only, does not know the rows, or has no feature of that name.
    """
    names = explanation.feature_names
    if not explanation.output.ndim or explanation.x is None:
        raise CourseError("explanation: expected that of several rows with x, got another. Explain more rows.")
    for name in (feature, *(split[:1] if split else ())):
        if name not in names:
            raise CourseError(f"feature: expected one of {', '.join(names)}, got {name!r}. Choose one.")
    column = names.index(feature)
    x, values = explanation.x[:, column], explanation.values[:, column]
    kinds = explanation.x[:, names.index(split[0])].astype(int) if split else np.zeros(len(x), dtype=int)
    ax = axes_or_new(ax)
    told = []
    for k in np.unique(kinds):
        here, label = kinds == k, split[1][k] if split else None
        shift = 0.12 * (k - (kinds.max() / 2)) if words is not None else 0.0  # words: beside each other
        style = {"marker": MARKERS[k % 8], "color": COLORS[k % 8], "markersize": 3.6, "alpha": 0.7, "label": label}
        ax.plot(x[here] + shift, values[here], linestyle="none", **style)
        told.append(f"{label + ': ' if label else ''}{_trend(x[here], values[here], words)}")
    ax.axhline(0, color="0.3", linewidth=0.8, linestyle=LINES[0])
    if words is not None:
        shown = [w if len(w) <= WORDS + 6 else w[: WORDS + 5] + "." for w in words]
        ax.set_xticks(range(len(words)), shown, rotation=35, ha="right", fontsize=8.5)
    if split:
        ax.legend(fontsize=9, title=split[0])
    ax.set(xlabel=feature, ylabel="value (above 0: raises the output)", title=title)
    return describe(ax, f"{title or 'Dependence'}: what {feature} did in {len(x)} rows. {' '.join(told)}")


def _trend(x: np.ndarray, values: np.ndarray, words: Sequence[str] | None) -> str:
    """The mean at a few places, low to high."""
    if words is not None:
        means = [f"{words[int(k)]} {values[x == k].mean():+.2g}" for k in np.unique(x)]
        return f"Mean by word: {', '.join(means)}."
    edges = np.unique(np.quantile(x, [0, 0.25, 0.5, 0.75, 1]))
    if len(edges) < 2:
        return f"All at {edges[0]:.3g}, mean {values.mean():+.2g}."
    which = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    parts = [
        f"{values[which == k].mean():+.2g} from {edges[k]:.3g} to {edges[k + 1]:.3g}"
        for k in range(len(edges) - 1)
        if (which == k).any()
    ]
    return f"Mean {', '.join(parts)}."
