"""Points that should fall into heaps: which heaps were reached, side by side for several generators."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.plot.core import COLORS, describe

__all__ = ["clouds"]


def clouds(
    panels: Mapping[str, np.ndarray],
    centres: np.ndarray,
    *,
    reach: float,
    columns: int = 4,
    xlabel: str = "first number",
    ylabel: str = "second number",
    title: str = "",
):
    """Points in a plane, one panel a generator, over the heaps that they should fall into.

    Parameters
    ----------
    panels : dict of name to ndarray, (N, 2)
    centres : ndarray, (K, 2)
        Of the heaps; a ring is drawn around each.
    reach : float
        Radius of the rings: a point inside belongs to the heap.
    columns : int
        Panels side by side.
    xlabel, ylabel, title : str

    Returns
    -------
    Axes
        Of the first panel.

    Raises
    ------
    CourseError
        If there is no panel.
    ShapeError
        If points or centres do not lie in a plane.
    """
    if not panels:
        raise CourseError("panels: expected at least one, got none. Pass a dict of name to points.")
    centres = np.asarray(centres, float)
    tables = {name: np.asarray(points, float) for name, points in panels.items()}
    for name, table in (("centres", centres), *tables.items()):
        if table.ndim != 2 or table.shape[1] != 2:
            raise ShapeError(f"{name}: expected shape (N, 2), got {table.shape}. Take two columns.")
    columns = min(columns, len(tables))
    rows = -(-len(tables) // columns)
    size = (2.1 * columns + 0.5, 2.2 * rows + 0.6)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, sharex=True, sharey=True)
    words = []
    limit = 1.25 * (np.abs(centres).max() + reach)
    for ax, (name, points) in zip(axes.flat, tables.items(), strict=False):
        for centre in centres:
            ax.add_patch(plt.Circle(centre, reach, fill=False, edgecolor=COLORS[4], linewidth=1.2))
        ax.plot(points[:, 0], points[:, 1], "o", color=COLORS[0], markersize=1.6, alpha=0.5, linestyle="none")
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
        ax.set_title(name, fontsize=9)
        distance = np.linalg.norm(points[:, None] - centres, axis=2)  # (N, K)
        inside = distance.min(axis=1) <= reach
        hit = len(set(distance.argmin(axis=1)[inside].tolist()))
        share = f"{inside.mean():.0%} of {len(points)} points in a ring"
        words.append(f"{name}: {share}, {hit} of {len(centres)} rings reached.")
    for ax in axes.flat[len(tables) :]:
        ax.remove()
    for ax in axes[-1]:
        ax.set_xlabel(xlabel, fontsize=9)
    for ax in axes[:, 0]:
        ax.set_ylabel(ylabel, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return describe(axes.flat[0], f"{title or 'Clouds of points'}, {len(tables)} panels. {' '.join(words)}")
