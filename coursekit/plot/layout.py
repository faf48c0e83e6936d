"""A graph can be read if its arrows all go one way and hardly cross: nodes stand in layers, near their neighbours.

The layout takes numbers for nodes and pairs of numbers for arrows, and knows nothing of what they stand for. Along the
arrows one layer lies one unit behind the other; across them, neighbours in a layer are at least one unit apart.
"""

from collections.abc import Sequence

import numpy as np

__all__ = ["layered", "layers_of"]

SWEEPS = 12  # to and fro through the layers; more changes little
LEAF = 0.1  # how strongly a node without inputs pulls its user: weakly, so that a chain of operations stays straight

Arrow = tuple[int, int]


def layers_of(count: int, arrows: Sequence[Arrow]) -> list[int]:
    """The layer of each node: behind everything that it was made from; a node without inputs stands before its user.

    Parameters
    ----------
    count : int
        How many nodes; each is numbered after those that it was made from.
    arrows : sequence of (int, int)
        From an input to what was made of it.

    Examples
    --------
    >>> layers_of(5, [(0, 2), (1, 2), (2, 4), (3, 4)])
    [0, 0, 1, 1, 2]
    """
    inputs = {node: [a for a, b in arrows if b == node] for node in range(count)}
    users = {node: [b for a, b in arrows if a == node] for node in range(count)}
    layer = [0] * count
    for node in range(count):
        layer[node] = 1 + max((layer[a] for a in inputs[node]), default=-1)
    for node in range(count):
        if not inputs[node] and users[node]:
            layer[node] = min(layer[b] for b in users[node]) - 1
    return layer


def layered(count: int, arrows: Sequence[Arrow]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Places for nodes and ways for arrows: Sugiyama, Tagawa and Toda (1981), with places by least squares.

    Parameters
    ----------
    count : int
        How many nodes; each is numbered after those that it was made from.
    arrows : sequence of (int, int)
        The same one may come twice.

    Returns
    -------
    places : ndarray, shape (count, 2)
        How far along the arrows, and how far across.
    ways : list of ndarray, shape (stops, 2)
        For each arrow the points between its ends, one in each layer that it passes.

    Examples
    --------
    >>> places, ways = layered(3, [(0, 1), (1, 2), (0, 2)])
    >>> places[:, 0].tolist(), len(ways[2])
    ([0.0, 1.0, 2.0], 1)
    """
    layer = layers_of(count, arrows)
    steps, stops = _with_stops(layer, arrows)
    rows = [[k for k, at in enumerate(layer) if at == depth] for depth in range(max(layer) + 1)]
    neighbours = {k: ([a for a, b in steps if b == k], [b for a, b in steps if a == k]) for k in range(len(layer))}
    pull = {k: 1.0 if inputs else LEAF for k, (inputs, _) in neighbours.items()}
    across = {k: i - (len(row) - 1) / 2 for row in rows for i, k in enumerate(row)}
    for sweep in range(SWEEPS):
        back = sweep % 2
        for row in rows[::-1] if back else rows:
            _arrange(row, across, neighbours, back if sweep < SWEEPS // 2 else None, pull)
    places = np.array([(layer[k], across[k]) for k in range(count)], float)
    ways = [np.reshape([(layer[k], across[k]) for k in passed], (-1, 2)).astype(float) for passed in stops]
    return places, ways


def _with_stops(layer: list[int], arrows: Sequence[Arrow]) -> tuple[list[Arrow], list[list[int]]]:
    """Arrows cut into steps of one layer; `layer` grows by the stops between, which are returned for each arrow."""
    steps, stops = [], []
    for start, end in arrows:
        passed = list(range(len(layer), len(layer) + layer[end] - layer[start] - 1))
        layer += range(layer[start] + 1, layer[end])
        chain = [start, *passed, end]
        steps += zip(chain[:-1], chain[1:], strict=True)
        stops.append(passed)
    return steps, stops


def _arrange(row: list[int], across: dict, neighbours: dict, side: int | None, pull: dict) -> None:
    """Put the nodes of one layer at their neighbours' mean place, or as near to it as one unit apart allows.

    With a `side`, only the neighbours there count, those that were arranged just before, and the order may change.
    """
    wanted = {}
    for k in row:
        near = sum(neighbours[k], []) if side is None else neighbours[k][side]
        weight = [pull[n] if side is None else 1.0 for n in near]
        wanted[k] = float(np.average([across[n] for n in near], weights=weight)) if near else across[k]
    if side is not None:
        row.sort(key=lambda k: wanted[k])
    places = _apart([wanted[k] for k in row], [pull[k] for k in row])
    for k, place in zip(row, places, strict=True):
        across[k] = place


def _apart(wanted: list[float], weights: list[float]) -> list[float]:
    """Places nearest to the wanted ones, in the same order and at least 1 apart (pool adjacent violators)."""
    blocks: list[list] = []  # each: mean of (wanted place - position), its weight, how many nodes
    for position, (place, weight) in enumerate(zip(wanted, weights, strict=True)):
        blocks.append([place - position, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (m, w, n), (before, v, count) = blocks.pop(), blocks[-1]
            blocks[-1] = [(before * v + m * w) / (v + w), v + w, count + n]
    levels = [level for level, _, count in blocks for _ in range(count)]
    return [level + position for position, level in enumerate(levels)]
