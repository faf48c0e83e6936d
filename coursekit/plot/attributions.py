"""An explanation as a picture: a bar for each feature, the steps from base to output, a swarm of rows, a map of pixels.

``Attribution.plot()`` calls :func:`draw`, which chooses. The functions take any object with the fields of
:class:`coursekit.attribution.Attribution`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from coursekit.errors import CourseError, expect_known
from coursekit.plot.core import COLORS, DIVERGING, axes_or_new, describe

__all__ = ["attribution_bar", "attribution_map", "attribution_maps", "beeswarm", "draw", "waterfall"]

MOST = 10  # features shown one by one; the others are added up
UP, DOWN = COLORS[4], COLORS[0]


def draw(explanation: Any, kind: str | None = None, ax: Any = None, **settings: Any) -> Any:
    """The picture that fits: a waterfall of one row, a beeswarm of many, a map of a picture.

    Parameters
    ----------
    explanation : Attribution
    kind : {"bar", "waterfall", "beeswarm", "image"}, optional
    ax : Axes, optional
    **settings
        As the function takes them.

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If the kind is unknown, or does not fit the values.
    """
    features = explanation.values.ndim - explanation.output.ndim
    if kind is None:
        single = "image" if features > 1 else "waterfall"
        many = "image" if features > 1 else "beeswarm"
        kind = many if explanation.output.ndim else single
        kind = "bar" if kind == "waterfall" and not explanation.complete else kind
        kind = "bar" if kind == "beeswarm" and explanation.x is None else kind
    functions = {"bar": attribution_bar, "waterfall": waterfall, "beeswarm": beeswarm, "image": attribution_map}
    return functions[expect_known("kind", kind, functions)](explanation, ax=ax, **settings)


def attribution_bar(explanation: Any, *, most: int = MOST, title: str = "", ax: Any = None) -> Any:
    """A bar for each feature: its value (one row), or the mean size of its values (several).

    Parameters
    ----------
    explanation : Attribution
    most : int
        Features to show, the largest.
    title : str
        The method, if left out.
    ax : Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    Axes
        With words that say what is seen.

    Raises
    ------
    CourseError
        If the features of a row are no simple list.
    """
    many = bool(explanation.output.ndim)
    values = explanation.importance() if many else explanation.values
    _expect_list(values)
    order = np.argsort(-np.abs(values), kind="stable")[:most]
    names = _names(explanation, values)
    error = None if many or explanation.std_error is None else explanation.std_error[order]
    ax = axes_or_new(ax, figsize=(6.4, 1.2 + 0.32 * len(order)))
    colors = [UP if v > 0 else DOWN for v in values[order]]
    ax.barh(range(len(order)), values[order], xerr=error, color=colors, height=0.7, error_kw={"elinewidth": 1})
    ax.axvline(0, color="0.3", linewidth=0.8, linestyle="-")
    ax.set_yticks(range(len(order)), [names[k] for k in order])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    xlabel = "mean size of the values, without the sign" if many else "value (above 0: raises the output)"
    ax.set(xlabel=xlabel, ylabel="feature", title=title or explanation.method)
    told = ", ".join(f"{names[k]} {values[k]:+.3g}" if not many else f"{names[k]} {values[k]:.3g}" for k in order)
    return describe(ax, f"{title or explanation.method}, {xlabel}, largest first: {told}.")


def waterfall(explanation: Any, *, most: int = MOST, title: str = "", ax: Any = None) -> Any:
    """From the base value to the output of one row, feature by feature.

    Parameters
    ----------
    explanation : Attribution
        Of one row.
    most : int
        Features to show one by one; the rest is one step.
    title, ax
        As in :func:`attribution_bar`.

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If it explains several rows, or a method whose values do not add up.
    """
    if explanation.output.ndim:
        raise CourseError("explanation: expected that of one row, got several. Choose one: explanation[0].")
    if not explanation.complete:
        raise CourseError(f"explanation: expected values that add up, got {explanation.method}. Draw a bar.")
    values = explanation.values
    _expect_list(values)
    names = _names(explanation, values)
    order = np.argsort(-np.abs(values), kind="stable")
    steps = [(_with_value(explanation, names, k), values[k]) for k in order[:most]]
    if len(order) > most:
        steps.append((f"{len(order) - most} others", values[order[most:]].sum()))
    ax = axes_or_new(ax, figsize=(6.8, 1.5 + 0.34 * len(steps)))
    at = float(explanation.base_value)
    ax.axvline(at, color="0.4", linestyle=":", linewidth=1.2)
    for row, (_, value) in enumerate(reversed(steps)):  # the smallest first, so that the largest ends at the output
        place = len(steps) - 1 - row
        ax.barh(place, value, left=at, color=UP if value > 0 else DOWN, height=0.7)
        edge = "left" if value >= 0 else "right"
        ax.annotate(
            f"{value:+.3g}",
            (at + value, place),
            (4 if value >= 0 else -4, 0),
            textcoords="offset points",
            ha=edge,
            va="center",
            fontsize=8.5,
        )
        at += value
        if row < len(steps) - 1:
            ax.plot([at, at], [place - 1, place], color="0.6", linewidth=0.8, linestyle="-")
    ax.axvline(at, color="0.2", linestyle="-", linewidth=1.0)
    ways = np.cumsum([float(explanation.base_value), *(value for _, value in reversed(steps))])
    room = 0.21 * (np.ptp(ways) or 1.0)  # for the numbers beside the bars
    ax.set_xlim(ways.min() - room, ways.max() + room)
    ax.set_yticks(range(len(steps)), [name for name, _ in steps])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    base, output = float(explanation.base_value), float(explanation.output)
    xlabel = f"output (dotted: {base:.3g} without features; line: {output:.3g})"
    ax.set(xlabel=xlabel, ylabel="feature", title=title or explanation.method)
    told = ", ".join(f"{name} {value:+.3g}" for name, value in steps)
    return describe(
        ax, f"{title or explanation.method}: from {base:.3g} to the output {output:.3g}. Largest first: {told}."
    )


def beeswarm(explanation: Any, *, most: int = MOST, title: str = "", ax: Any = None) -> Any:
    """A point for each row and feature: where it lies says what it did, its colour how large the feature was.

    Parameters
    ----------
    explanation : Attribution
        Of several rows, with `x`.
    most, title, ax
        As in :func:`attribution_bar`.

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If it explains one row only, or does not know the rows.
    """
    if not explanation.output.ndim or explanation.x is None:
        raise CourseError("explanation: expected that of several rows with x, got another. Draw a bar.")
    size = explanation.importance()
    _expect_list(size)
    names = _names(explanation, size)
    order = np.argsort(-size, kind="stable")[:most]
    ax = axes_or_new(ax, figsize=(6.8, 1.5 + 0.42 * len(order)))
    told = []
    for row, k in enumerate(order):
        values, given = explanation.values[:, k], explanation.x[:, k]
        rank = np.argsort(np.argsort(given, kind="stable")) / max(len(given) - 1, 1)  # 0 lowest, 1 highest
        rank = np.where(given == given[0], 0.5, rank) if np.ptp(given) == 0 else rank
        dots = ax.scatter(values, row + _pile(values), c=rank, cmap="cividis", s=9, vmin=0, vmax=1, linewidths=0)
        with_it = np.corrcoef(values, given)[0, 1] if np.ptp(given) and np.ptp(values) else 0.0
        way = "rises with it" if with_it > 0.3 else "falls with it" if with_it < -0.3 else "no straight relation to it"
        told.append(f"{names[k]} {values.min():+.2g} to {values.max():+.2g}, {way}")
    bar = ax.figure.colorbar(dots, ax=ax, ticks=[0, 1], shrink=0.8)
    bar.ax.set_yticklabels(["lowest", "highest"])
    bar.set_label("the feature's own value", fontsize=9)
    ax.axvline(0, color="0.3", linewidth=0.8, linestyle="-")
    ax.set_yticks(range(len(order)), [names[k] for k in order])
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.set(xlabel="value (above 0: raises the output)", ylabel="feature", title=title or explanation.method)
    return describe(ax, f"{title or explanation.method} of {len(explanation)} rows. {'; '.join(told)}.")


def attribution_map(explanation: Any, *, picture: Any = None, row: int = 0, title: str = "", ax: Any = None) -> Any:
    """What every pixel did, as colours over the picture: one colour raised the output, the other lowered it.

    Parameters
    ----------
    explanation : Attribution
        Values (H, W), or with channels in front, which are added up; of one row or of several.
    picture : ndarray, (H, W) or (C, H, W), optional
        Drawn grey below; `x` of the explanation if left out.
    row : int
        Which, of several.
    title, ax
        As in :func:`attribution_bar`.

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If a row's values are no picture.
    """
    several = bool(explanation.output.ndim)
    values = explanation.values[row] if several else explanation.values
    if values.ndim not in (2, 3):
        raise CourseError(f"explanation: expected values of pixels, got shape {values.shape}. Draw a bar.")
    values = values.sum(axis=0) if values.ndim == 3 else values  # (H, W)
    below = picture if picture is not None else explanation.x
    below = below[row] if picture is None and several and below is not None else below
    ax = axes_or_new(ax, figsize=(4.4, 3.6))
    if below is not None:
        below = np.asarray(below, float)
        below = below.mean(axis=0) if below.ndim == 3 else below
        if below.shape != values.shape:
            raise CourseError(
                f"picture: expected (H, W) of the values {values.shape}, got {below.shape}. Channels first."
            )
        ax.imshow(below, cmap="gray_r", interpolation="nearest")
    limit = float(np.abs(values).max()) or 1.0
    strength = np.clip(np.abs(values) / limit, 0, 1) * 0.85 if below is not None else None
    image = ax.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit, alpha=strength, interpolation="nearest")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.85)
    bar.set_label("value (above 0: raises the output)", fontsize=9)
    ax.set_axis_off()
    ax.set_title(title or explanation.method)
    h, w = np.unravel_index(np.argmax(np.abs(values)), values.shape)
    share = np.sort(np.abs(values).ravel())[::-1]
    tenth = share[: max(1, share.size // 10)].sum() / max(share.sum(), 1e-300)
    words = f"{values.shape[0]} by {values.shape[1]} pixels from {values.min():.2g} to {values.max():.2g}"
    return describe(
        ax,
        f"{title or explanation.method}: {words}; the largest in row {h}, column {w}; a tenth of the pixels holds "
        f"{tenth:.0%} of all.",
    )


def attribution_maps(
    pictures: Any, maps: Mapping[str, Any], *, rows: Sequence[str] = (), title: str = "", ax: Any = None
) -> Any:
    """Pictures one below the other, and beside each what every method makes of it, on a scale of its own.

    Parameters
    ----------
    pictures : ndarray, (N, H, W)
    maps : dict of name to ndarray, (N, H, W)
        One colour speaks for, the other against, white says nothing; each map is scaled by its own largest size.
    rows : sequence of str, length N, optional
        Words for each picture.
    title : str
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If a map has not the pictures' shape, or there are not as many words as pictures.
    """
    pictures = np.asarray(pictures, float)
    found = {name: np.asarray(values, float) for name, values in maps.items()}
    wrong = [name for name, values in found.items() if values.shape != pictures.shape]
    if pictures.ndim != 3 or wrong or len(rows) not in (0, len(pictures)):
        got = f"{wrong[0]} {found[wrong[0]].shape}" if wrong else f"{len(rows)} words"
        raise CourseError(
            f"maps: expected shape (N, H, W) of the pictures {pictures.shape}, got {got}. Keep one order."
        )
    count, height, width = pictures.shape
    gap = max(2, width // 10)
    canvas = np.full((2, count * (height + gap), (1 + len(found)) * (width + gap)), np.nan)  # pictures, maps
    ax = axes_or_new(ax, figsize=(min(9.4, 1.15 * (1 + len(found)) + 0.9), 1.1 * count + 1.0))
    told = []
    for i, picture in enumerate(pictures):
        top = i * (height + gap)
        canvas[0, top : top + height, :width] = picture
        for k, values in enumerate(found.values(), 1):
            left = k * (width + gap)
            canvas[1, top : top + height, left : left + width] = values[i] / (np.abs(values[i]).max() or 1.0)
        if rows:
            ax.text(-gap, top + height / 2, rows[i], ha="right", va="center", fontsize=8.5)
    for k, name in enumerate(["picture", *found]):
        ax.text(k * (width + gap) + width / 2, -gap, name.replace(" ", "\n", 1), ha="center", va="bottom", fontsize=8.5)
    ax.imshow(canvas[0], cmap="gray_r", interpolation="nearest")
    ax.imshow(canvas[1], cmap=DIVERGING, vmin=-1, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title, pad=30)
    for name, values in found.items():
        size = np.sort(np.abs(values).reshape(count, -1), axis=1)[:, ::-1]
        tenth = (size[:, : max(1, size.shape[1] // 10)].sum(axis=1) / np.maximum(size.sum(axis=1), 1e-300)).mean()
        told.append(f"{name}: a tenth of the pixels holds {tenth:.0%}, {(values > 0).mean():.0%} speak for")
    named = f" ({', '.join(rows)})" if rows else ""
    return describe(ax, f"{title or 'Explanations'}: {count} pictures{named} beside their maps. {'; '.join(told)}.")


# -- parts -----------------------------------------------------------------------------------------------------------


def _pile(values: np.ndarray, bins: int = 40) -> np.ndarray:
    """How far to move points up or down so that those at the same place lie beside each other, (N,) in -0.4 to 0.4."""
    span = np.ptp(values)
    if not span:
        return np.linspace(-0.3, 0.3, len(values))
    bucket = np.minimum((bins * (values - values.min()) / span).astype(int), bins - 1)
    moved = np.zeros(len(values))
    largest = max(np.bincount(bucket).max(), 1)
    for one in np.unique(bucket):
        inside = np.flatnonzero(bucket == one)
        k = np.arange(len(inside))
        moved[inside] = np.where(k % 2, 1, -1) * ((k + 1) // 2) / largest * 0.8
    return moved


def _names(explanation: Any, values: np.ndarray) -> list[str]:
    return list(explanation.feature_names) or [f"x{k}" for k in range(len(values))]


def _with_value(explanation: Any, names: list[str], k: int) -> str:
    return names[k] if explanation.x is None else f"{names[k]} = {explanation.x[k]:.3g}"


def _expect_list(values: np.ndarray) -> None:
    if values.ndim != 1:
        raise CourseError(f"explanation: expected one value a feature, got shape {values.shape}. Draw kind='image'.")
