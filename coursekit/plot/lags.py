"""Networks in time: the chain that a recurrent network is when unrolled, and how far back a gradient comes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import FancyBboxPatch

from coursekit.errors import CourseError, ShapeError
from coursekit.plot.core import COLORS, DIVERGING, axes_or_new, describe

__all__ = ["lag_map", "unrolled"]

SHOWN = 8.0  # powers of ten each way from 1; what is further off has the last colour


def lag_map(
    norms: Mapping[str, np.ndarray],
    *,
    xlabel: str = "lag: steps back from the end",
    title: str = "",
    ax=None,
):
    """How large the gradient still is so many steps back, as colours: a row for each network.

    White is as large as at the end; one colour is smaller, the other larger.

    Parameters
    ----------
    norms : dict of name to ndarray of shape (T,)
        Size of the gradient at lags 0, 1, ..., T - 1; each row is divided by its first.

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If there is no row.
    ShapeError
        If the rows are not all of one length above 1, or a first number is not above 0.
    """
    if not norms:
        raise CourseError("norms: expected at least one row, got none. Pass a dict of name to sizes.")
    rows = [np.asarray(row, float) for row in norms.values()]
    if any(row.ndim != 1 or row.shape != rows[0].shape or len(row) < 2 or not row[0] > 0 for row in rows):
        shapes = ", ".join(str(row.shape) for row in rows)
        raise ShapeError(
            f"norms: expected rows of one length, each above 0 at lag 0, got {shapes}. One size for each lag."
        )
    with np.errstate(divide="ignore"):
        powers = np.log10(np.stack([row / row[0] for row in rows]))  # (rows, T)
    ax = axes_or_new(ax, figsize=(7.6, 1.3 + 0.36 * len(rows)))
    style = {"cmap": f"{DIVERGING}_r", "vmin": -SHOWN, "vmax": SHOWN, "aspect": "auto", "interpolation": "nearest"}
    image = ax.imshow(np.clip(powers, -SHOWN, SHOWN), **style)
    bar = ax.figure.colorbar(image, ax=ax, ticks=[-8, -4, 0, 4, 8])
    bar.ax.set_yticklabels(["$10^{-8}$", "$10^{-4}$", "1", "$10^{4}$", "$10^{8}$"])
    bar.set_label("size, against lag 0", fontsize=9)
    ax.grid(visible=False)
    ax.set_yticks(range(len(rows)), list(norms))
    ax.set(xlabel=xlabel, ylabel="network", title=title)
    words = " ".join(_words(name, row) for name, row in zip(norms, powers, strict=True))
    return describe(
        ax, f"{title or 'Gradient by lag'}: {xlabel}, 0 to {len(rows[0]) - 1}, a row for each network. {words}"
    )


def _words(name: str, powers: np.ndarray) -> str:
    """One sentence on how far a row's gradient comes."""
    last = len(powers) - 1
    small, large = np.flatnonzero(powers < -3), np.flatnonzero(powers > 3)
    end = f"at lag {last} it is {10.0 ** powers[-1]:.2g} times that at lag 0"
    if small.size and powers[-1] < -3:
        return f"{name}: below a thousandth from lag {small[0]} on; {end}."
    if large.size and powers[-1] > 3:
        return f"{name}: above a thousand times from lag {large[0]} on; {end}."
    return f"{name}: {end}."


def unrolled(inputs: Sequence[str], output: str = "loss", *, title: str = "", ax=None):
    """One cell, drawn once for each step: the state goes right, the gradient comes back left, the weights are the same.

    Parameters
    ----------
    inputs : sequence of str, length T
        What is read at each step.
    output : str
        What is computed from the last state.

    Returns
    -------
    Axes
    """
    T = len(inputs)
    ax = axes_or_new(ax, figsize=(1.5 * T + 2.2, 2.7))
    for t, word in enumerate(inputs):
        box = {"boxstyle": "round,pad=0.05", "linewidth": 1.7, "edgecolor": COLORS[0], "facecolor": "white"}
        ax.add_patch(FancyBboxPatch((2 * t - 0.5, -0.3), 1.0, 0.6, **box))
        ax.text(2 * t, 0, "cell", ha="center", va="center", fontsize=10)
        ax.text(2 * t, -1.15, word, ha="center", va="top", fontsize=10)
        _arrow(ax, (2 * t, -1.1), (2 * t, -0.4), "0.2")
        _arrow(ax, (2 * t - 1.4, 0.12), (2 * t - 0.6, 0.12), "0.2")
        _arrow(ax, (2 * t - 0.6, -0.12), (2 * t - 1.4, -0.12), COLORS[4])
        ax.text(2 * t - 1, 0.2, f"$h_{t}$", ha="center", va="bottom", fontsize=10)
    _arrow(ax, (2 * T - 1.4, 0.12), (2 * T - 0.6, 0.12), "0.2")
    _arrow(ax, (2 * T - 0.6, -0.12), (2 * T - 1.4, -0.12), COLORS[4])
    ax.text(2 * T - 1, 0.2, f"$h_{T}$", ha="center", va="bottom", fontsize=10)
    ax.text(2 * T - 0.5, 0, output, ha="left", va="center", fontsize=10, fontweight="bold")
    ax.text(-1.4, 0.75, "the state goes on", ha="left", fontsize=9, color="0.2")
    ax.text(2 * T - 0.6, 0.75, "the gradient comes back", ha="right", fontsize=9, color=COLORS[4])
    ax.set(xlim=(-1.6, 2 * T + 0.5), ylim=(-1.6, 1.05))
    ax.set_axis_off()
    ax.set_title(title)
    return describe(
        ax,
        f"{title or 'An unrolled network'}: the same cell drawn {T} times in a row, reading {', '.join(inputs)}. "
        f"Arrows carry the state from each to the next and at the end to the {output}; arrows in another colour carry "
        "the gradient all the way back.",
    )


def _arrow(ax, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 1.4})
