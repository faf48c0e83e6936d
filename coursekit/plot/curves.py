"""Curves, bands, bars and histograms: numbers against numbers, with the spread over seeds always in sight."""

from collections.abc import Mapping, Sequence

import numpy as np

from coursekit.errors import CourseError
from coursekit.plot.core import COLORS, LINES, MARKERS, axes_or_new, describe, logarithmic

__all__ = ["bars", "histogram", "history", "lines", "points", "reliability"]


def lines(
    x: Sequence[float],
    series: Mapping[str, np.ndarray],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log: str = "",
    markers: bool = True,
    reference: Mapping[str, float] | None = None,
    ax=None,
):
    """Curves over a common x; a series with one row per seed is drawn as its mean with a band to the extremes.

    Parameters
    ----------
    x : sequence of float, length T
    series : dict of name to ndarray of shape (T,) or (S, T)
    xlabel, ylabel, title : str
        With units.
    log : {"", "x", "y", "xy"}
        Which axes are logarithmic.
    reference : dict of name to float, optional
        Horizontal lines to compare with.

    Returns
    -------
    Axes
    """
    if not series:
        raise CourseError("series: expected at least one curve, got none. Pass a dict of name to values.")
    ax = axes_or_new(ax)
    words = []
    for k, (name, values) in enumerate(series.items()):
        runs = np.atleast_2d(np.asarray(values, float))  # (S, T)
        mean = runs.mean(axis=0)
        style = {"color": COLORS[k % 8], "linestyle": LINES[k % 8], "label": name}
        if markers:
            style |= {"marker": MARKERS[k % 8], "markersize": 4.5}
        ax.plot(x, mean, **style)
        if len(runs) > 1:
            ax.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=COLORS[k % 8], alpha=0.18, linewidth=0)
        words.append(_trend(name, x, mean, len(runs)))
    for k, (name, level) in enumerate((reference or {}).items()):
        ax.axhline(level, color="0.35", linestyle=LINES[(k + 2) % 8], linewidth=1.2, label=name)
        words.append(f"{name}: a horizontal line at {level:.3g}.")
    for axis in log:
        logarithmic(ax, axis)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if len(series) + len(reference or {}) > 1:
        ax.legend(fontsize=9)
    return describe(ax, f"{title or 'Line plot'}: {ylabel} against {xlabel}. " + " ".join(words))


def _trend(name: str, x: Sequence[float], y: np.ndarray, runs: int) -> str:
    """One sentence on where a curve begins, ends and turns."""
    finite = np.flatnonzero(np.isfinite(y))
    if not finite.size:
        return f"{name}: no finite value."
    first, last = finite[0], finite[-1]
    change = y[last] - y[first]
    scale = np.nanmax(np.abs(y[finite])) or 1.0
    verb = "stays near" if abs(change) < 0.02 * scale else ("rises from" if change > 0 else "falls from")
    text = f"{name} {verb} {y[first]:.3g} at {x[first]:.4g}"
    text += "" if verb == "stays near" else f" to {y[last]:.3g} at {x[last]:.4g}"
    low, high = finite[np.argmin(y[finite])], finite[np.argmax(y[finite])]
    if low not in (first, last) and y[min(first, last)] - y[low] > 0.05 * scale:
        text += f", with its lowest value {y[low]:.3g} at {x[low]:.4g}"
    if high not in (first, last) and y[high] - max(y[first], y[last]) > 0.05 * scale:
        text += f", with its highest value {y[high]:.3g} at {x[high]:.4g}"
    return text + (f" (mean of {runs} runs, band from worst to best)." if runs > 1 else ".")


def history(record, ax=None):
    """The loss of every step of a training, smoothed, and beside it what was evaluated after each epoch.

    Parameters
    ----------
    record : coursekit.train.History

    Returns
    -------
    Axes
    """
    ax = axes_or_new(ax)
    loss = np.asarray(record.loss)
    steps = np.arange(1, len(loss) + 1)
    width = max(1, len(loss) // 50)
    smooth = np.convolve(loss, np.ones(width) / width, mode="valid")
    ax.plot(steps, loss, color=COLORS[0], linestyle="-", alpha=0.25, linewidth=0.8)
    ax.plot(steps[width - 1 :], smooth, color=COLORS[0], linestyle="-", label=f"loss, mean of {width} steps")
    ax.set(xlabel="step", ylabel="training loss (nats)", title="Training")
    words = _trend("the smoothed loss", steps[width - 1 :], smooth, 1)
    ends = record.steps_per_epoch * np.arange(1, record.epochs + 1)
    if record.metrics:
        other = ax.twinx()
        other.grid(visible=False)
        other.spines["right"].set_visible(True)
        for k, (name, values) in enumerate(record.metrics.items(), start=1):
            count = min(len(values), len(ends))
            other.plot(ends[:count], values[:count], color=COLORS[k], marker=MARKERS[k], linestyle=LINES[k], label=name)
            words += " " + _trend(name, ends[:count], np.asarray(values[:count]), 1)
        other.set_ylabel(", ".join(record.metrics))
        other.legend(loc="center right", fontsize=9)
    ax.legend(loc="upper center", fontsize=9)
    return describe(ax, f"Training over {record.epochs} epochs: {words}")


def bars(
    values: Mapping[str, float | Sequence[float]],
    *,
    ylabel: str,
    xlabel: str = "method",
    title: str = "",
    percent: bool = False,
    ax=None,
):
    """One bar a name; with several values a name, the bar is their mean and a whisker goes from worst to best."""
    ax = axes_or_new(ax)
    runs = [np.atleast_1d(np.asarray(v, float)) for v in values.values()]
    means = np.array([r.mean() for r in runs])
    reach = np.array([[m - r.min(), r.max() - m] for m, r in zip(means, runs, strict=True)]).T
    places = np.arange(len(runs))
    whiskers = reach if any(len(r) > 1 for r in runs) else None
    ax.bar(places, means, color=[COLORS[k % 8] for k in places], yerr=whiskers, capsize=4, width=0.65)
    said = [f"{m:.1%}" if percent else f"{m:.3g}" for m in means]
    for place, mean, text, (down, up) in zip(places, means, said, reach.T, strict=True):
        end, va, gap = (mean + up, "bottom", 2) if mean >= 0 else (mean - down, "top", -2)  # beyond bar and whisker
        ax.annotate(text, (place, end), ha="center", va=va, fontsize=9, xytext=(0, gap), textcoords="offset points")
    ax.set_xticks(places, list(values))
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.grid(axis="x", visible=False)
    ax.margins(y=0.14)
    pairs = "; ".join(f"{n}: {s}" for n, s in zip(values, said, strict=True))
    return describe(ax, f"{title or 'Bar chart'}, {ylabel}. {pairs}.")


def histogram(
    groups: Mapping[str, np.ndarray], *, xlabel: str, threshold: float | None = None, title: str = "", ax=None
):
    """How often each value of one number occurs in each group, and where a threshold would cut."""
    ax = axes_or_new(ax)
    everything = np.concatenate([np.asarray(v, float) for v in groups.values()])
    edges = np.linspace(everything.min(), everything.max(), 41)
    words = []
    for k, (name, values) in enumerate(groups.items()):
        style = {"color": COLORS[k], "hatch": ("", "///", "...")[k % 3], "alpha": 0.55}
        ax.hist(values, edges, label=name, edgecolor=COLORS[k], histtype="stepfilled", **style)
        low, mid, high = np.quantile(values, [0.05, 0.5, 0.95])
        words.append(f"{name}: half of the values below {mid:.2g}, nine in ten between {low:.2g} and {high:.2g}.")
    if threshold is not None:
        ax.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.2f}")
        words.append(f"A dashed line marks the threshold {threshold:.2f}.")
    ax.set(xlabel=xlabel, ylabel="number of images", title=title)
    ax.legend(fontsize=9)
    return describe(ax, f"{title or 'Histogram'}: how often each {xlabel} occurs. " + " ".join(words))


def points(
    x,
    y,
    *,
    labels=None,
    kinds=None,
    xlabel: str,
    ylabel: str,
    title: str = "",
    diagonal: bool = False,
    log: str = "",
    ax=None,
):
    """Single points, each with a name if given; `diagonal` draws the line y = x to compare with.

    `kinds`, one word a point, gives points of the same kind the same colour and marker, explained in a legend.
    """
    ax = axes_or_new(ax)
    x, y = np.asarray(x, float), np.asarray(y, float)
    of_kind = np.array(kinds if kinds is not None else [""] * len(x))
    for k, kind in enumerate(dict.fromkeys(of_kind)):
        here = of_kind == kind
        ax.plot(x[here], y[here], MARKERS[k], color=COLORS[k], markersize=6, linestyle="none", label=kind or None)
    for axis in log:
        logarithmic(ax, axis)
    if diagonal:
        ends = [min(*x, *y), max(*x, *y)]
        ax.plot(ends, ends, color="0.4", linestyle="--", label="equal")
    if diagonal or kinds is not None:
        ax.legend(fontsize=9)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if labels:
        _name_points(ax, labels, x, y)
    named = labels or [f"point {i}" for i in range(1, len(x) + 1)]
    said = "; ".join(f"{n} at {a:.3g}, {b:.3g}" for n, a, b in zip(named[:12], x, y, strict=False))
    below = f" {int(np.sum(y < x))} of {len(x)} lie below the diagonal." if diagonal else ""
    return describe(ax, f"{title or 'Points'}: {ylabel} against {xlabel}. {said}.{below}")


def _name_points(ax, names, x, y):
    """Write each name on the first side of its point where it covers no other name, no point, and no edge."""
    figure = ax.get_figure()
    figure.draw_without_rendering()  # fixes the places of everything, which the names are then fitted to
    dots = ax.transData.transform(np.column_stack([x, y]))  # (N, 2), in dots of the screen
    sides = [(right, up) for up in (4, -4, 16, -16) for right in (5, -5)]
    taken = []
    for name, a, b in zip(names, x, y, strict=True):
        for right, up in sides:
            ha, va = "left" if right > 0 else "right", "bottom" if up > 0 else "top"
            text = ax.annotate(name, (a, b), (right, up), textcoords="offset points", ha=ha, va=va, fontsize=9)
            box = text.get_window_extent()
            inside = ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1
            if inside and not any(box.overlaps(other) for other in taken) and not box.count_contains(dots):
                break
            text.remove()
        else:
            text = ax.annotate(name, (a, b), (5, 4), textcoords="offset points", fontsize=9)
        taken.append(text.get_window_extent())


def reliability(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], *, title: str = "", ax=None):
    """What a model said against what came true: on the diagonal, its probabilities can be taken at their word.

    Parameters
    ----------
    curves : dict of name to (mean predicted probability, share that was right), each of shape (bins,)
    """
    ax = axes_or_new(ax, figsize=(5.2, 4.4))
    ax.plot([0, 1], [0, 1], color="0.4", linestyle=":", label="honest: what it says comes true")
    words = []
    for k, (name, (said, true)) in enumerate(curves.items()):
        ax.plot(said, true, color=COLORS[k], marker=MARKERS[k], linestyle=LINES[k], label=name)
        ends = ", ".join(f"where it says {said[i]:.2f}, {true[i]:.2f} comes true" for i in (0, len(said) // 2, -1))
        words.append(f"{name}: {ends}.")
    ax.set(xlabel="probability that the model gives", ylabel="share that comes true", title=title)
    ax.legend(fontsize=9)
    return describe(ax, f"{title or 'Reliability diagram'}. " + " ".join(words))
