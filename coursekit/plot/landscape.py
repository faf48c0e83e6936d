"""A loss over two weights is a landscape: contour lines show its valleys, and a path on them what an optimiser does."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.plot.core import COLORS, LINES, MARKERS, axes_or_new, describe
from coursekit.plot.curves import lines

__all__ = ["rate_sweep", "ravine"]

GRID = 121  # points along each side
LEVELS = 12
ARROWS_UP_TO = 60  # steps of a path that are still marked one by one


def ravine(
    loss: Callable[[np.ndarray], np.ndarray],
    paths: Mapping[str, np.ndarray],
    *,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    labels: tuple[str, str] = ("weight 1", "weight 2"),
    title: str = "",
    legend: bool = True,
    ax=None,
):
    """Contour lines of a loss over two weights, and the paths of one or more optimisers on them.

    Parameters
    ----------
    loss : callable(ndarray of shape (..., 2)) -> ndarray of shape (...)
        At least 0, with its lowest value near 0: the lines lie closer and closer towards the bottom.
    paths : dict of name to ndarray of shape (T + 1, 2)
        The start and the point after every step. Where a path leaves the picture it is cut.
    xlim, ylim : (float, float)
    labels, title : str
    legend : bool

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If a path is not a table with two columns.

    Examples
    --------
    >>> path = np.array([[2.0, 1.0], [1.0, -0.5], [0.5, 0.2]])
    >>> ax = ravine(lambda w: (w**2).sum(axis=-1), {"a walk": path}, xlim=(-3, 3), ylim=(-2, 2))
    >>> ax.get_xlabel()
    'weight 1'
    """
    ax = axes_or_new(ax, figsize=(6.4, 3.6))
    grid = np.stack(np.meshgrid(np.linspace(*xlim, GRID), np.linspace(*ylim, GRID)), axis=-1)  # (121, 121, 2)
    heights = np.asarray(loss(grid), float)  # (121, 121)
    levels = np.geomspace(max(heights.max() * 1e-4, 1e-12), max(heights.max(), 1e-11), LEVELS)
    ax.contour(grid[..., 0], grid[..., 1], heights, levels=levels, colors="0.72", linewidths=0.8, zorder=0)
    words = []
    for k, (name, path) in enumerate(paths.items()):
        path = np.asarray(path, float)  # (T + 1, 2)
        if path.ndim != 2 or path.shape[1] != 2:
            raise ShapeError(f"paths: expected shape (T, 2) for {name!r}, got {path.shape}. One row a step.")
        shown = path[np.isfinite(path).all(axis=1)]
        style = {"color": COLORS[k % 8], "linestyle": LINES[k % 8], "label": name}
        if len(shown) <= ARROWS_UP_TO:
            style |= {"marker": MARKERS[k % 8], "markersize": 3.5}
        ax.plot(*shown.T, linewidth=1.3, **style)
        words.append(_walk(name, shown, len(path) - 1, loss))
    for start in {tuple(np.asarray(path, float)[0]) for path in paths.values()}:
        ax.plot(*start, "ko", markersize=6)
    ax.set(xlim=xlim, ylim=ylim, xlabel=labels[0], ylabel=labels[1], title=title)
    if legend and len(paths) > 1:
        ax.legend(fontsize=9, frameon=True, framealpha=0.9, edgecolor="none")
    return describe(ax, f"{title or 'Paths on a loss'}: contour lines of a loss over two weights. " + " ".join(words))


def _walk(name: str, path: np.ndarray, steps: int, loss: Callable) -> str:
    """One sentence on where a path begins and ends, and how often it crosses the valley."""
    if len(path) < 2:
        return f"{name}: no step."
    heights = np.asarray(loss(path), float)
    jumps = np.diff(path, axis=0)  # (T, 2)
    turns = int((jumps[1:] * jumps[:-1] < 0).any(axis=1).sum())
    how = "straight on" if turns == 0 else f"turning back {turns} times"
    fate = "ends" if heights[-1] <= heights[0] else "runs away and ends"
    return f"{name}: {steps} steps from loss {heights[0]:.3g}, {how}; {fate} at {heights[-1]:.2g}."


def rate_sweep(
    rates: Sequence[float],
    series: Mapping[str, np.ndarray],
    *,
    ylabel: str,
    marks: Mapping[str, float] | None = None,
    title: str = "",
    log: str = "x",
    markers: bool = True,
    ax=None,
):
    """Something measured at many learning rates, with marks at the rates that matter.

    Parameters
    ----------
    rates : sequence of float, length T
    series : dict of name to ndarray of shape (T,) or (S, T)
        As for :func:`.lines`: with one row per seed, the mean and a band.
    ylabel : str
    marks : dict of name to float, optional
        Vertical lines at these rates.
    title, log, markers
        As for :func:`.lines`.

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If a mark is no positive number.

    Examples
    --------
    >>> ax = rate_sweep([0.1, 1.0], {"loss": np.array([1.0, 0.5])}, ylabel="loss", marks={"largest": 0.8})
    >>> ax.get_xlabel()
    'learning rate'
    """
    ax = axes_or_new(ax)
    for k, (name, rate) in enumerate((marks or {}).items()):
        if not 0 < rate < np.inf:
            raise CourseError(f"marks: expected positive rates, got {rate} for {name!r}. Leave it out.")
        ax.axvline(rate, color="0.35", linestyle=LINES[(k + 2) % 8], linewidth=1.2, label=f"{name}: {rate:.2g}")
    lines(rates, series, xlabel="learning rate", ylabel=ylabel, title=title, log=log, markers=markers, ax=ax)
    ax.legend(fontsize=9)
    said = [f"A vertical line at {rate:.3g}: {name}." for name, rate in (marks or {}).items()]
    return describe(ax, " ".join([f"{title or 'A sweep over learning rates'}:", _curves(rates, series), *said]))


def _curves(rates: Sequence[float], series: Mapping[str, np.ndarray]) -> str:
    """Where each curve is lowest, and where it is no number any more."""
    words = []
    for name, values in series.items():
        runs = np.atleast_2d(np.asarray(values, float))
        mean = runs.mean(axis=0)
        finite = np.flatnonzero(np.isfinite(mean))
        if not finite.size:
            words.append(f"{name}: no finite value.")
            continue
        low = finite[np.argmin(mean[finite])]
        text = f"{name}: {mean[finite[0]]:.3g} at {rates[finite[0]]:.3g}, lowest {mean[low]:.3g} at {rates[low]:.3g}, "
        text += f"{mean[finite[-1]]:.3g} at {rates[finite[-1]]:.3g}"
        text += "" if finite[-1] == len(mean) - 1 else ", then no longer a number"
        words.append(text + (f" (mean of {len(runs)} runs)." if len(runs) > 1 else "."))
    return " ".join(words)
