"""Methods side by side: what each reached and how sure that is, when one catches up with another, what HOG sees."""

from collections.abc import Mapping, Sequence

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.plot.core import COLORS, MARKERS, axes_or_new, describe
from coursekit.plot.curves import lines

__all__ = ["edges", "intervals", "learning_curves"]


def intervals(
    rows: Mapping[str, tuple[float, float, float]],
    *,
    xlabel: str,
    ylabel: str = "method",
    kinds: Mapping[str, str] | None = None,
    zero: bool = False,
    title: str = "",
    ax=None,
):
    """One line a name: a point for what was measured, and a bar for the interval around it.

    Parameters
    ----------
    rows : dict of name to (value, low, high)
        From top to bottom as they come.
    xlabel, ylabel, title : str
    kinds : dict of name to str, optional
        Names of the same kind get the same colour and marker, explained in a legend; colours go to kinds as they come.
    zero : bool
        Draw a line at 0: an interval that does not touch it is a clear difference.

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If there is no row.
    """
    if not rows:
        raise CourseError("rows: expected at least one, got none. Pass a dict of name to (value, low, high).")
    ax = axes_or_new(ax, figsize=(6.4, 0.9 + 0.34 * len(rows)))
    order = list(dict.fromkeys((kinds or {}).values())) or [""]
    seen: set[str] = set()
    for place, (name, (value, low, high)) in enumerate(rows.items()):
        kind = (kinds or {}).get(name, order[0])
        label = kind if kind and kind not in seen else None
        seen.add(kind)
        k = order.index(kind)
        ax.plot([low, high], [place, place], color=COLORS[k], linewidth=2, solid_capstyle="butt", linestyle="-")
        ax.plot(value, place, marker=MARKERS[k], color=COLORS[k], markersize=7, linestyle="none", label=label)
    if zero:
        ax.axvline(0, color="0.35", linewidth=1.1, linestyle="--")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)  # the first on top
    ax.grid(axis="y", visible=False)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if any(seen):
        ax.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    said = [
        f"{name}{f' ({(kinds or {})[name]})' if kinds and name in kinds else ''}: {value:.3g}, {low:.3g} to {high:.3g}"
        for name, (value, low, high) in rows.items()
    ]
    clear = sum(low > 0 or high < 0 for _, low, high in rows.values())
    more = f" {clear} of {len(rows)} intervals do not touch 0." if zero else ""
    return describe(ax, f"{title or 'Intervals'}, {xlabel}. {'; '.join(said)}.{more}")


def learning_curves(
    sizes: Sequence[float],
    errors: Mapping[str, np.ndarray],
    *,
    xlabel: str,
    ylabel: str = "test error (share wrong)",
    crossing: tuple[float, float, float] | None = None,
    title: str = "",
    ax=None,
):
    """Error against the number of training examples, on logarithmic axes; where two curves meet, a shaded strip.

    Parameters
    ----------
    sizes : sequence of float, length T
    errors : dict of name to ndarray of shape (S, T)
        One row a seed: the curve is their mean, the band goes from worst to best.
    xlabel, ylabel, title : str
    crossing : (middle, low, high), optional
        Where one curve catches up with the other, and how sure that is.

    Returns
    -------
    Axes
    """
    ax = lines(sizes, errors, xlabel=xlabel, ylabel=ylabel, title=title, log="xy", ax=ax)
    ax.set_xticks(sizes, [f"{n:,.0f}" for n in sizes])
    words = []
    for name, runs in errors.items():
        first, last = np.atleast_2d(np.asarray(runs, float)).mean(axis=0)[[0, -1]]
        words.append(f"{name}: {first:.3g} with {sizes[0]:,.0f}, {last:.3g} with {sizes[-1]:,.0f}.")
    words.append(f"Means of {len(np.atleast_2d(next(iter(errors.values()))))} seeds, with a band from worst to best.")
    if crossing is not None:
        middle, low, high = crossing
        ax.axvspan(low, high, color="0.5", alpha=0.15, linewidth=0)
        ax.axvline(middle, color="0.25", linewidth=1.2, linestyle=":")
        ax.annotate("they meet", (middle, ax.get_ylim()[0]), xytext=(4, 6), textcoords="offset points", fontsize=9)
        words.append(f"A dotted line marks where they meet, at {middle:,.0f}; grey from {low:,.0f} to {high:,.0f}.")
    return describe(ax, f"{title or 'Learning curves'}: {ylabel} against {xlabel}. {' '.join(words)}")


def edges(picture: np.ndarray, cells: np.ndarray, *, title: str = "", ax=None):
    """A picture and, over each of its cells, a stroke for every direction of edge: the longer, the more of it.

    Parameters
    ----------
    picture : ndarray, (H, W)
    cells : ndarray, (R, C, B)
        The histograms of directions, as :func:`coursekit.scratch.hog.cell_histograms` counts them. A direction is that
        in which brightness changes; the stroke is drawn across it, along the edge.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If the shapes are not (H, W) and (R, C, B).
    """
    picture, cells = np.asarray(picture, float), np.asarray(cells, float)
    if picture.ndim != 2 or cells.ndim != 3:
        raise ShapeError(
            f"cells: expected (H, W) and (R, C, B), got {picture.shape} and {cells.shape}. Take one picture."
        )
    rows, columns, bins = cells.shape
    side = picture.shape[0] / rows
    ax = axes_or_new(ax, figsize=(3.6, 3.8))
    ax.imshow(picture, cmap="gray_r", interpolation="nearest", alpha=0.35)
    longest = cells.max() or 1.0
    for r, c, b in np.argwhere(cells > 0.08 * longest):
        along = (b + 0.5) * np.pi / bins + np.pi / 2  # along the edge, across the change of brightness
        reach = 0.48 * side * cells[r, c, b] / longest * np.array([np.cos(along), np.sin(along)])
        x, y = (c + 0.5) * side - 0.5, (r + 0.5) * side - 0.5
        ax.plot(
            [x - reach[0], x + reach[0]], [y - reach[1], y + reach[1]], color=COLORS[4], linewidth=1.6, linestyle="-"
        )
    ax.set_axis_off()
    ax.set_title(title)
    total = cells.sum(axis=(0, 1))
    strongest = np.degrees((np.argmax(total) + 0.5) * np.pi / bins + np.pi / 2) % 180
    words = (
        f"{rows} by {columns} cells with {bins} directions each; {np.mean(cells.sum(axis=-1) > 0.02 * longest):.0%} of "
        f"the cells hold an edge; the commonest edge runs at about {strongest:.0f} degrees from level, downwards"
    )
    return describe(ax, f"{title or 'Edges'}: strokes along the edges of a picture of {picture.shape} pixels. {words}.")
