"""The graph of a computation as a picture: what was computed from what, the shapes, the gradients."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from coursekit.errors import CourseError
from coursekit.plot.core import COLORS, axes_or_new, describe
from coursekit.plot.layout import layered

__all__ = ["graph"]

MOST = 60  # nodes; more cannot be read
WIDE = 7  # layers that fit beside each other; a deeper graph goes from top to bottom
BOX = (1.16, 0.56)  # width and height, in inches
STEP = (1.62, 0.8)  # from node to node, across the page and down it
FONT = 8.5
KEY = {
    "weight": "thick box: its gradient is wanted",
    "constant": "dashed box: a constant",
    "operation": "rounded box: an operation",
}
STYLES = {
    "weight": {"boxstyle": "square,pad=0", "linewidth": 2.4, "edgecolor": COLORS[4]},
    "constant": {"boxstyle": "square,pad=0", "linewidth": 1.2, "edgecolor": "0.35", "linestyle": "--"},
    "operation": {"boxstyle": "round,pad=0,rounding_size=0.22", "linewidth": 1.4, "edgecolor": COLORS[0]},
}


@dataclass(frozen=True)
class _Drawn:
    """What is written into one node, and said about it."""

    kind: str
    label: str
    name: str
    facts: tuple[str, ...]


def graph(tensor, *, names: Mapping[str, object] | None = None, title: str = "", ax=None):
    """Draw what a tensor was computed from: one node for each tensor, an arrow from each input to the result.

    Parameters
    ----------
    tensor : Tensor
        The result. Draw it before ``backward()``, which uses the graph up, or keep that with ``retain_graph=True``.
    names : dict of str to Tensor, optional
        What to call some of the nodes, as ``model.named_parameters()`` gives it.
    title : str

    Returns
    -------
    Axes

    Raises
    ------
    CourseError
        If the graph was used up, or has more nodes than can be read.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> w = Tensor(3.0, requires_grad=True)
    >>> ax = graph(w * w + 1, names={"w": w})
    >>> len(ax.patches)  # four boxes, four arrows
    8
    """
    nodes, arrows = _read(tensor)
    drawn = _written(nodes, names or {})
    places, ways = layered(len(nodes), arrows)
    down = places[:, 0].max() >= WIDE
    where = _on_paper(places, down)
    taken = np.vstack([where, *(_on_paper(way, down) for way in ways)])
    low, high = taken.min(axis=0) - (0.7, 0.75), taken.max(axis=0) + (0.7, 0.4)  # below it, room for the key
    size = np.maximum(high - low, (4.4, 1.6))
    low -= (size - (high - low)) / 2
    ax = axes_or_new(ax, figsize=tuple(size))
    scale = _scale(ax, size)
    for (start, end), way, (leave, enter) in zip(arrows, ways, _ports(arrows, places), strict=True):
        points = [where[start], *_on_paper(way, down), where[end]]
        _arrow(ax, points, leave, enter, down, scale)
    for one, (x, y) in zip(drawn, where, strict=True):
        _box(ax, x, y, one, scale)
    kinds = {one.kind for one in drawn}
    key = "   ".join(text for kind, text in KEY.items() if kind in kinds)
    ax.text(low[0] + size[0] / 2, low[1] + 0.08, key, ha="center", va="bottom", fontsize=0.9 * FONT * scale)
    ax.set(xlim=(low[0], low[0] + size[0]), ylim=(low[1], low[1] + size[1]), title=title)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return describe(ax, _words(drawn, arrows, title))


# -- reading the graph -------------------------------------------------------------------------------------------------
def _read(root) -> tuple[list, list[tuple[int, int]]]:
    """The nodes, each after those that it was made from, and the arrows as pairs of their numbers."""
    if root.op and root.requires_grad and not root.parents:
        raise CourseError(
            f"graph: expected a tensor whose graph is still there, got one of {root.op!r} that backward() has used up. "
            "Draw it before backward(), or call backward(retain_graph=True)."
        )
    nodes, numbers, waiting = [], {}, [(root, False)]
    while waiting:
        node, below_is_done = waiting.pop()
        if below_is_done:
            numbers[id(node)] = len(nodes)
            nodes.append(node)
        elif id(node) not in numbers:
            numbers[id(node)] = -1  # seen
            waiting.append((node, True))
            waiting += [(parent, False) for parent in reversed(node.parents)]
            if len(numbers) > MOST:
                raise CourseError(
                    f"graph: expected at most {MOST} nodes, got more. "
                    "Draw a part of it, a smaller network or fewer steps: the picture looks the same, only shorter."
                )
    return nodes, [(numbers[id(p)], k) for k, node in enumerate(nodes) for p in node.parents]


def _written(nodes: list, names: Mapping[str, object]) -> list[_Drawn]:
    """What stands in each node; an operation that occurs several times is numbered, in the words only."""
    given = {id(tensor): name for name, tensor in names.items()}
    labels, drawn, count = [], [], {}
    for node in nodes:
        leaf = "tensor" if node.requires_grad else _value(node.data) or "constant"
        labels.append((node.op if node.parents else "") or given.get(id(node), node.op or leaf))
    for node, label in zip(nodes, labels, strict=True):
        kind = "operation" if node.parents else "weight" if node.requires_grad else "constant"
        count[label] = count.get(label, 0) + 1
        own = given.get(id(node), "")
        numbered = label if labels.count(label) == 1 else f"{label} #{count[label]}"
        shown = f"{own} = {label}" if own and own != label else label
        drawn.append(_Drawn(kind, shown, own or numbered, _facts(node, label)))
    return drawn


def _facts(node, label: str) -> tuple[str, ...]:
    """What is known of a node: its value if it is one number, else its shape; and its gradient if it has one."""
    value = _value(node.data)
    facts = [] if value == label else [value or str(np.shape(node.data))]
    if node.grad is not None:
        grad = np.asarray(node.grad)
        facts.append(f"grad {_value(grad)}" if grad.size == 1 else f"grad norm {np.linalg.norm(grad):.3g}")
    return tuple(facts)


def _value(data) -> str:
    """The number itself, where it is one number without axes."""
    return f"{float(data):.4g}" if np.ndim(data) == 0 else ""


# -- drawing -----------------------------------------------------------------------------------------------------------
def _on_paper(places: np.ndarray, down: bool) -> np.ndarray:
    """Inches on the page: along the arrows is to the right, or down."""
    along, across = places[:, 0], places[:, 1]
    if down:
        return np.column_stack([across * STEP[0], -along * STEP[1]])
    return np.column_stack([along * STEP[0], -across * STEP[1]])


def _scale(ax, size: np.ndarray) -> float:
    """How much smaller than planned everything is, in axes that were given."""
    figure = ax.get_figure()
    room = ax.get_position().size * figure.get_size_inches()
    return float(min(1.0, (room / size).min() * 1.15))


def _ports(arrows: list[tuple[int, int]], places: np.ndarray) -> list[tuple[float, float]]:
    """Where on the side of a box each arrow leaves and enters, from -1 to 1, so that no two lie on each other."""
    ports = [[0.0, 0.0] for _ in arrows]
    for side in (0, 1):
        for node in range(len(places)):
            here = [k for k, arrow in enumerate(arrows) if arrow[side] == node]
            here.sort(key=lambda k: places[arrows[k][1 - side], 1])
            twice = len({arrows[k] for k in here}) < len(here)
            if side == 1 or twice:
                for i, k in enumerate(here):
                    ports[k][side] = (2 * i - len(here) + 1) / max(len(here), 1)
    return [tuple(port) for port in ports]


def _arrow(ax, points: list, leave: float, enter: float, down: bool, scale: float) -> None:
    """A smooth arrow through the points, from the side of the first box to the side of the last one."""
    half = np.array(BOX) / 2
    forward = np.array([0.0, -1.0]) if down else np.array([1.0, 0.0])
    sideways = np.array([1.0, 0.0]) if down else np.array([0.0, -1.0])
    first = points[0] + forward * half + sideways * half * 0.7 * leave
    last = points[-1] - forward * (half + 0.02) + sideways * half * 0.7 * enter
    path, codes = [first], [Path.MOVETO]
    passed = [(p - forward * half, p + forward * half) for p in points[1:-1]]  # straight past the boxes of a layer
    for target, beyond in [*passed, (last, last)]:
        reach = forward * abs((target - path[-1]) @ forward) * 0.5
        path += [path[-1] + reach, target - reach, target]
        codes += [Path.CURVE4] * 3
        if beyond is not target:
            path.append(beyond)
            codes.append(Path.LINETO)
    style = {"arrowstyle": "-|>", "mutation_scale": 10 * scale, "color": "0.25", "linewidth": 1.1 * scale}
    ax.add_patch(FancyArrowPatch(path=Path(path, codes), shrinkA=0, shrinkB=0, zorder=1, **style))


def _box(ax, x: float, y: float, one: _Drawn, scale: float) -> None:
    width, height = BOX
    ax.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), *BOX, facecolor="white", zorder=2, **STYLES[one.kind]))
    lines = [one.label, *one.facts]
    for i, text in enumerate(lines):
        at = y + (len(lines) - 1) * 0.085 - i * 0.17
        size = min(FONT, 0.92 * width * 72 / (0.56 * max(len(text), 1)))  # long names are written smaller
        weight = "bold" if i == 0 else "normal"
        ax.text(x, at, text, ha="center", va="center", fontsize=size * scale, fontweight=weight, zorder=3)


# -- the words ---------------------------------------------------------------------------------------------------------
def _words(drawn: list[_Drawn], arrows: list[tuple[int, int]], title: str) -> str:
    """What the picture shows: what there was at the beginning, then each operation with what it was made from."""
    told = []
    for kind, called in (("weight", "Leaves with a gradient"), ("constant", "Constants")):
        found = [_told(one) for one in drawn if one.kind == kind]
        told += [f"{called}: {'; '.join(found)}."] if found else []
    for k, one in enumerate(drawn):
        if one.kind == "operation":
            made_from = [drawn[a].name for a, b in arrows if b == k]
            told.append(f"{_told(one)}, made from {' and '.join(made_from)}.")
    steps = sum(one.kind == "operation" for one in drawn)
    return f"{title or 'The graph of a computation'}: {len(drawn)} nodes, {steps} of them operations. " + " ".join(told)


def _told(one: _Drawn) -> str:
    """A node by its name, with its facts: ``w = 0.5 (grad 8)``, ``W1 (784, 128)``."""
    own = [
        fact if fact.startswith("(") else f"({fact})" if fact.startswith("grad") else f"= {fact}" for fact in one.facts
    ]
    return " ".join([one.name, *own])
