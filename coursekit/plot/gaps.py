"""A gap between two numbers that ought to be one, such as known rows against new ones, or leaky against honest."""

from collections.abc import Mapping, Sequence

import numpy as np

from coursekit.errors import CourseError
from coursekit.plot.core import COLORS, MARKERS, axes_or_new, describe

__all__ = ["gaps"]


def gaps(
    pairs: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    names: tuple[str, str],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    reference: float | None = None,
    ax=None,
):
    """Two numbers a row with a line between them: the longer the line, the less the one says about the other.

    Parameters
    ----------
    pairs : dict of name to (values, values)
        For each row one value for each seed of both; drawn is the mean, with a thin line from worst to best.
    names : (str, str)
        What the two are, for the legend.
    xlabel, ylabel, title : str
        The numbers are shares; the axis is in per cent.
    reference : float, optional
        A vertical line, for example at chance.

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If there is no row.

    Examples
    --------
    >>> ax = gaps({"network": ([1.0, 0.98], [0.75, 0.73])}, ("learned", "new"), xlabel="accuracy (%)", ylabel="model")
    >>> ax.get_xlabel()
    'accuracy (%)'
    """
    if not pairs:
        raise CourseError("pairs: expected at least one row, got none. Pass a dict of name to two lists of values.")
    ax = axes_or_new(ax, figsize=(7.4, 1.3 + 0.4 * len(pairs)))
    words = []
    for row, (name, both) in enumerate(pairs.items()):
        runs = [100 * np.atleast_1d(np.asarray(values, float)) for values in both]
        means = [float(values.mean()) for values in runs]
        ax.plot(means, [row, row], color="0.6", linestyle="-", linewidth=2.5, zorder=1)
        for k, (values, mean) in enumerate(zip(runs, means, strict=True)):
            label = names[k] if row == 0 else None
            level = row + (0.16 if k else -0.16)  # the two spreads do not hide each other
            ax.plot([values.min(), values.max()], [level, level], color=COLORS[k], linestyle="-", linewidth=1)
            ax.plot(mean, row, color=COLORS[k], marker=MARKERS[k], linestyle="none", markersize=7, label=label)
        words.append(f"{name}: {names[0]} {means[0]:.1f}, {names[1]} {means[1]:.1f}.")
    if reference is not None:
        ax.axvline(100 * reference, color="0.35", linestyle=":", linewidth=1.2)
        words.append(f"A dotted line stands at {100 * reference:.3g}.")
    ax.set_yticks(range(len(pairs)), list(pairs))
    ax.set_ylim(len(pairs) - 0.4, -0.6)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.grid(axis="y", visible=False)
    ax.legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0 if not title else 1.06), ncols=2)
    return describe(ax, f"{title or 'Gaps'}, {xlabel}, for each {ylabel}. " + " ".join(words))
