"""Pictures of arrays: images side by side, a matrix as colours, the weights of a neuron as an image."""

from collections.abc import Sequence

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.plot.core import DIVERGING, axes_or_new, describe

__all__ = ["images", "matrix", "weights"]


def images(pictures, titles: Sequence[str] | None = None, *, columns: int = 10, title: str = "", ax=None):
    """Pictures side by side in one axes, each with a word above it.

    Parameters
    ----------
    pictures : ndarray, shape (N, H, W) or (N, H, W, 3)
        Grey, from the smallest number (white) to the largest (black); or colours, uint8 from 0 to 255.
    titles : sequence of str, length N, optional
    columns : int

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If `pictures` has not three axes, nor a fourth with three colours.
    CourseError
        If colours are not uint8.
    """
    pictures = np.asarray(pictures)
    colours = pictures.ndim == 4 and pictures.shape[-1] == 3
    if pictures.ndim != 3 and not colours:
        raise ShapeError(f"pictures: expected shape (N, H, W), got {pictures.shape}. Reshape flat images first.")
    if colours and pictures.dtype != np.uint8:
        raise CourseError(f"pictures: expected colours as uint8, got {pictures.dtype}. Multiply by 255 and round.")
    pictures = pictures / 255 if colours else pictures.astype(float)
    count, height, width = pictures.shape[:3]
    columns = min(columns, count)
    rows = -(-count // columns)
    gap = max(2, height // 10)
    room = gap + (height // 4 if titles is not None else 0)  # for the words above each row
    canvas = np.full(
        (rows * (height + room), columns * (width + gap) - gap, *pictures.shape[3:]), 1.0 if colours else np.nan
    )
    ax = axes_or_new(ax, figsize=(min(9.0, 0.95 * columns + 0.2), 0.95 * rows * (height + room) / height + 0.35))
    low, high = float(pictures.min()), float(pictures.max())
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + room) + room, (i % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = picture
        if titles is not None:
            ax.text(left + width / 2, top - gap / 2, titles[i], ha="center", va="bottom", fontsize=8)
    ax.imshow(canvas, cmap="gray_r", vmin=low, vmax=high, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title)
    named = f", labelled {', '.join(map(str, titles))}" if titles is not None else ""
    kind = "colour" if colours else "grey"
    return describe(ax, f"{title or 'Pictures'}: {count} {kind} images of {height} by {width} pixels{named}.")


def matrix(values, *, xlabel: str, ylabel: str, rows=None, columns=None, title: str = "", form: str = "", ax=None):
    """A matrix as colours, with its numbers written in if `form` is given (for example ``".0f"``)."""
    values = np.asarray(values, float)
    ax = axes_or_new(ax, figsize=(1.6 + 0.42 * values.shape[1], 1.2 + 0.38 * values.shape[0]))
    image = ax.imshow(values, cmap="cividis", aspect="auto")
    ax.grid(visible=False)
    middle = (values.min() + values.max()) / 2
    if form:
        for i, j in np.ndindex(values.shape):
            color = "white" if values[i, j] < middle else "black"
            ax.text(j, i, format(values[i, j], form), ha="center", va="center", fontsize=8, color=color)
    else:
        ax.figure.colorbar(image, ax=ax)
    if columns is not None:
        ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right", fontsize=8)
    if rows is not None:
        ax.set_yticks(range(len(rows)), rows, fontsize=8)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    i, j = np.unravel_index(np.argmax(values), values.shape)
    place = f"{rows[i] if rows is not None else i}, {columns[j] if columns is not None else j}"
    size = f"{values.shape[0]} by {values.shape[1]} values"
    words = f"{size} from {values.min():.3g} to {values.max():.3g}; the largest at {place}"
    return describe(ax, f"{title or 'Matrix'} ({ylabel} by {xlabel}): {words}.")


def weights(w, shape: tuple[int, int], *, title: str = "", labels: tuple[str, str] = ("for", "against"), ax=None):
    """The weights of a neuron as an image: one colour speaks for, the other against, white does not care."""
    picture = np.asarray(w, float).reshape(shape)
    ax = axes_or_new(ax, figsize=(4.0, 3.2))
    limit = np.abs(picture).max() or 1.0
    image = ax.imshow(picture, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.85)
    bar.set_label(f"weight (below 0: {labels[1]}; above: {labels[0]})", fontsize=9)
    ax.set_axis_off()
    ax.set_title(title)
    centre = picture[shape[0] // 3 : -(shape[0] // 3), shape[1] // 3 : -(shape[1] // 3)].mean()
    where = "negative" if centre < 0 else "positive"
    share = f"{(picture > 0).mean():.0%} of the pixels have a positive weight"
    words = f"{share}; in the middle third the weights are {where} on average"
    return describe(
        ax, f"{title or 'Weights'}: weights of a neuron as an image of {shape[0]} by {shape[1]} pixels. {words}."
    )
