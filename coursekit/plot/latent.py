"""A code of two numbers is a place on a map: where do rows of each kind go?"""

from collections.abc import Sequence

import numpy as np

from coursekit.errors import ShapeError, expect_shape
from coursekit.plot.core import COLORS, MARKERS, axes_or_new, describe

__all__ = ["code_map"]


def code_map(
    codes: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    *,
    xlabel: str = "code, number 1",
    ylabel: str = "code, number 2",
    title: str = "",
    ax=None,
):
    """Rows as small points, a colour and a marker for each class, its name written where the class is thickest.

    Parameters
    ----------
    codes : ndarray, (N, 2)
    labels : ndarray of int, (N,)
        Each an index into `names`.
    names : sequence of str

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If a code has not two numbers, or there is no point.
    """
    codes, labels = np.asarray(codes, float), np.asarray(labels)
    expect_shape("codes", codes, ("N", 2))
    expect_shape("labels", labels, (len(codes),))
    if not len(codes):
        raise ShapeError("codes: expected at least one row, got none. Pass the codes of some pictures.")
    ax = axes_or_new(ax, figsize=(6.4, 4.6))
    for k in range(len(names)):
        here = codes[labels == k]
        if not len(here):
            continue
        style = {"marker": MARKERS[(k + k // 8) % 8], "color": COLORS[k % 8], "markersize": 2.6, "alpha": 0.5}
        ax.plot(here[:, 0], here[:, 1], linestyle="none", **style)
    low, high = np.quantile(codes, [0.005, 0.995], axis=0)
    room = 0.08 * np.maximum(high - low, 1e-9)
    ax.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    _write_names(ax, codes, labels, names)
    return describe(ax, f"{title or 'Map of codes'}: {_words(codes, labels, names)}")


def _write_names(ax, codes: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> None:
    """Write each name in the middle of its class, or as little above or below that as keeps it clear of the others."""
    ax.get_figure().draw_without_rendering()  # fixes the places of everything
    boxed = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0}
    style = {"ha": "center", "va": "center", "fontsize": 9, "bbox": boxed, "zorder": 5, "textcoords": "offset points"}
    taken = []
    for k, name in enumerate(names):
        here = codes[labels == k]
        if not len(here):
            continue
        for up in (0, 13, -13, 26, -26):
            text = ax.annotate(name, np.median(here, axis=0), (0, up), **style)
            box = text.get_window_extent()
            if up == -26 or not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        taken.append(box)


def _words(codes: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> str:
    """Where each class lies, and how often the nearest other point is of the same class."""
    there = [k for k in range(len(names)) if np.any(labels == k)]
    places = {k: np.median(codes[labels == k], axis=0) for k in there}
    said = "; ".join(f"{names[k]} around {x:.2g}, {y:.2g}" for k, (x, y) in places.items())
    text = f"{len(codes)} points of {len(there)} classes; {said}."
    if len(codes) < 2:
        return text
    some = np.linspace(0, len(codes) - 1, min(len(codes), 300)).astype(int)
    distance = ((codes[some][:, None] - codes) ** 2).sum(axis=2)  # (M, N)
    distance[np.arange(len(some)), some] = np.inf
    share = np.mean(labels[distance.argmin(axis=1)] == labels[some])
    return f"{text} The nearest other point is of the same class in {share:.0%} of the cases."
