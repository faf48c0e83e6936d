"""Drawn figures: how the parts of deep learning hang together, without any data in them."""

from matplotlib.patches import FancyBboxPatch

from coursekit.plot.core import COLORS, axes_or_new, describe

__all__ = ["chain", "network", "training_loop"]

LOOP = (  # label, explanation, x, y
    ("data", "examples with\nknown answers", 0.9, 2.6),
    ("model", "layers of neurons,\nfull of weights", 3.4, 2.6),
    ("prediction", "what the model\nsays now", 5.9, 2.6),
    ("loss", "one number:\nhow wrong?", 8.4, 2.6),
    ("gradient", "which way to\nturn each weight", 7.1, 0.7),
    ("optimiser", "turn every weight\na little", 4.2, 0.7),
)


def training_loop(ax=None):
    """The loop that every network of this course goes round: data, model, prediction, loss, gradient, optimiser."""
    ax = axes_or_new(ax, figsize=(8.6, 3.4))
    for k, (label, words, x, y) in enumerate(LOOP):
        _box(ax, x, y, f"{label}", words, COLORS[k % 6])
    for start, end in ((0, 1), (1, 2), (2, 3)):
        _arrow(ax, (LOOP[start][2] + 0.86, 2.6), (LOOP[end][2] - 0.86, 2.6))
    _arrow(ax, (8.2, 2.08), (7.5, 1.22))
    _arrow(ax, (6.24, 0.7), (5.06, 0.7))
    _arrow(ax, (3.95, 1.22), (3.5, 2.08))
    ax.plot([0.9, 0.9, 8.4], [3.12, 3.5, 3.5], color="0.2", linestyle="-", linewidth=1.5)
    _arrow(ax, (8.4, 3.52), (8.4, 3.12))
    ax.text(4.65, 3.55, "the known answers", ha="center", va="bottom", fontsize=9)
    ax.set(xlim=(-0.1, 9.4), ylim=(0, 3.95))
    ax.set_axis_off()
    order = " to ".join(label for label, *_ in LOOP)
    return describe(
        ax,
        f"A loop of boxes and arrows: {order}, and from the optimiser back into the model. "
        "A second arrow takes the known answers from the data to the loss.",
    )


def _box(ax, x: float, y: float, label: str, words: str, color: str) -> None:
    style = {
        "boxstyle": "round,pad=0.04,rounding_size=0.12",
        "linewidth": 1.8,
        "edgecolor": color,
        "facecolor": "white",
    }
    ax.add_patch(FancyBboxPatch((x - 0.82, y - 0.48), 1.64, 0.96, **style))
    ax.text(x, y + 0.24, label, ha="center", va="center", fontsize=10.5, fontweight="bold")
    ax.text(x, y - 0.17, words, ha="center", va="center", fontsize=7.8)


def _arrow(ax, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": "0.2", "linewidth": 1.5})


def network(sizes, names=None, *, title: str = "", at_most: int = 6, ax=None):
    """Neurons as circles, weights as lines; a layer of more than `at_most` neurons is drawn with a gap."""
    ax = axes_or_new(ax, figsize=(6.2, 3.4))
    columns = []
    for layer, size in enumerate(sizes):
        drawn = min(size, at_most)
        columns.append([(layer * 2.0, 0.7 * (i - (drawn - 1) / 2)) for i in range(drawn)])
    for left, right in zip(columns[:-1], columns[1:], strict=True):
        for a in left:
            for b in right:
                ax.plot([a[0], b[0]], [a[1], b[1]], color="0.75", linestyle="-", linewidth=0.7, zorder=1)
    for layer, (size, column) in enumerate(zip(sizes, columns, strict=True)):
        ax.scatter(*zip(*column, strict=True), s=190, color=COLORS[layer % 8], edgecolor="black", zorder=2)
        label = (names[layer] + "\n" if names else "") + f"{size}"
        ax.text(layer * 2.0, -0.7 * at_most / 2 - 0.35, label, ha="center", va="top", fontsize=9)
        if size > at_most:
            ax.text(layer * 2.0, 0.7 * at_most / 2 - 0.05, "...", ha="center", va="bottom", fontsize=12)
    ax.set(xlim=(-0.8, 2.0 * (len(sizes) - 1) + 0.8), ylim=(-0.7 * at_most / 2 - 1.2, 0.7 * at_most / 2 + 0.6))
    ax.set_axis_off()
    ax.set_title(title)
    layers = ", ".join(f"{names[i] if names else f'layer {i}'} with {s}" for i, s in enumerate(sizes))
    return describe(
        ax, f"{title or 'A network'}: neurons in {len(sizes)} columns ({layers}), each joined to all of the next."
    )


def chain(boxes, forward, backward, *, title: str = "", ax=None):
    """A chain of operations with what flows forward written above the arrows, and what flows back below them.

    Parameters
    ----------
    boxes : sequence of str, length B
    forward, backward : sequence of str, length B - 1
    """
    ax = axes_or_new(ax, figsize=(9.0, 2.5))
    for i, label in enumerate(boxes):
        style = {"boxstyle": "round,pad=0.05", "linewidth": 1.6, "edgecolor": COLORS[i % 6], "facecolor": "white"}
        ax.add_patch(FancyBboxPatch((2.2 * i - 0.55, -0.3), 1.1, 0.6, **style))
        ax.text(2.2 * i, 0, label, ha="center", va="center", fontsize=10)
    for i, (there, back) in enumerate(zip(forward, backward, strict=True)):
        x = 2.2 * i
        _arrow(ax, (x + 0.65, 0.14), (x + 1.55, 0.14))
        _arrow(ax, (x + 1.55, -0.14), (x + 0.65, -0.14))
        ax.text(x + 1.1, 0.3, there, ha="center", va="bottom", fontsize=9.5, color=COLORS[0])
        ax.text(x + 1.1, -0.3, back, ha="center", va="top", fontsize=9.5, color=COLORS[4])
    ax.set(xlim=(-0.8, 2.2 * (len(boxes) - 1) + 0.8), ylim=(-0.95, 0.95))
    ax.set_axis_off()
    ax.set_title(title)
    return describe(
        ax,
        f"{title or 'A chain of operations'}: {', '.join(boxes)}. Forward arrows carry {', '.join(forward)}; "
        f"backward arrows carry {', '.join(backward)}.",
    )
