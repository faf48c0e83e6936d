"""Who learns from which rows, and who is tested on which: row numbers are dealt out into parts that share none.

:func:`deal` gives every part its share of each class; :func:`few_labels` draws a few rows of each. Both are found in
:mod:`coursekit.prepare` too.
"""

from collections.abc import Sequence

import numpy as np

from coursekit.errors import CourseError, expect_shape

__all__ = ["deal", "few_labels"]

DEALS = 50  # so often groups are dealt anew where a class got too little


def deal(draws: np.ndarray, fractions: Sequence[float], labels: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each part, with its share of every label, to within one row.

    All chance lies in `draws`, one number a row: rows go in the order of their draws.

    Examples
    --------
    >>> deal(np.array([0.3, 0.1, 0.4, 0.2]), [0.5, 0.5], np.array([0, 0, 1, 1]))
    [array([1, 3]), array([0, 2])]
    """
    rest, parts = np.argsort(draws, kind="stable"), []
    for k, fraction in enumerate(fractions[:-1]):
        taken = _share(labels[rest], fraction / sum(fractions[k:]))
        parts.append(rest[taken])
        rest = rest[~taken]
    return [*parts, rest]


def _share(labels: np.ndarray, share: float) -> np.ndarray:
    """Mark the first rows of each class, so many that the running total over classes stays at its share."""
    _, first, number, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    total = np.floor(share * np.cumsum(counts[order]) + 0.5 + 1e-9).astype(int)
    taken = np.zeros(len(labels), dtype=bool)
    for k, quota in zip(order, np.diff(total, prepend=0), strict=True):
        taken[np.flatnonzero(number == k)[:quota]] = True
    return taken


def few_labels(
    labels: np.ndarray, sizes: Sequence[int], test: int, *, rng: np.random.Generator, groups: np.ndarray | None = None
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Draw a few rows of each class to learn from, in several sizes, and others to test on, the same for every size.

    The smaller sets are the beginnings of the bigger ones. Whatever is left over belongs to no set.

    Parameters
    ----------
    labels : ndarray, (N,)
        The class of each row.
    sizes : sequence of int
        How many rows of each class there are to learn from.
    test : int
        How many rows of each class there are to test on.
    rng : Generator
    groups : ndarray of int, (N,), optional
        Rows that belong together share a number. First every group goes to one side as a whole. Then rows are drawn,
        and no group gives a second row to a side before every group there, of that class, has given one.

    Returns
    -------
    dict of int to ndarray of int
        For each size its row numbers, (size * K,): one of each class, then one more of each, and so on.
    ndarray of int, (test * K,)
        The rows to test on.

    Raises
    ------
    ShapeError
        If `groups` has not one entry for each row.
    CourseError
        If a class has too few rows (the message says how many would fit), or a number is no whole number above 0.

    Examples
    --------
    >>> learn, test = few_labels(np.array([7, 7, 7, 3, 3, 3, 3]), [1, 2], 1, rng=np.random.default_rng(0))
    >>> {size: len(rows) for size, rows in learn.items()}, len(test)
    ({1: 2, 2: 4}, 2)
    """
    labels = np.asarray(labels)
    expect_shape("labels", labels, ("N",))
    if not isinstance(sizes, Sequence | np.ndarray) or not len(sizes):
        raise CourseError(f"sizes: expected whole numbers in a list, got {sizes!r}. Write [5, 20].")
    for number in (*sizes, test):
        if not isinstance(number, int | np.integer) or number < 1:
            raise CourseError(f"sizes, test: expected whole numbers above 0, got {number!r}. Write [5, 20] and 30.")
    if not isinstance(rng, np.random.Generator):
        raise CourseError(f"rng: expected a NumPy Generator, got {rng!r}. Write np.random.default_rng(0).")
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    expect_shape("groups", groups, labels.shape)
    classes, number, counts = np.unique(labels, return_inverse=True, return_counts=True)
    most = int(max(sizes))
    for name, count in zip(classes, counts, strict=True):
        if count < test + most:
            rows = (
                f"expected {most} rows of each class to learn from and {test} to test on, got {count} of class {name}"
            )
            raise CourseError(f"labels: {rows}. Sizes up to {max(count - test, 0)} fit; or leave that class out.")
    tested = _two_sides(classes, number, groups, most, test, rng)
    order = rng.permutation(len(labels))
    drawn = []
    for side, n in ((~tested, most), (tested, test)):
        rows = [order[side[order] & (number[order] == k)] for k in range(len(classes))]
        rows = [some[np.argsort(_round(groups[some]), kind="stable")][:n] for some in rows]
        drawn.append(np.stack(rows, axis=1).ravel())  # (n * K,)
    return {int(size): drawn[0][: int(size) * len(classes)] for size in sizes}, drawn[1]


def _round(groups: np.ndarray) -> np.ndarray:
    """Of each row, how many rows of its group stand before it."""
    order = np.argsort(groups, kind="stable")
    _, first, number = np.unique(groups[order], return_index=True, return_inverse=True)
    before = np.empty(len(groups), dtype=np.int64)
    before[order] = np.arange(len(groups)) - first[number]
    return before


def _two_sides(classes, number, groups, most: int, test: int, rng) -> np.ndarray:
    """Mark the rows to test on: each group in turn goes where rows are lacking, else where there are fewer groups.

    That works wherever a class has as many rows more than `most` + `test` as its biggest group. Where it is tighter, a
    deal may fail that another would make; every second one serves the test first in the classes that had too little.
    """
    names, group = np.unique(groups, return_inverse=True)
    held = [[] for _ in names]  # of each group, how many rows of which class
    cells, counts = np.unique(group * len(classes) + number, return_counts=True)
    for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
        held[cell // len(classes)].append((cell % len(classes), count))
    best, lacking, tight = -1, 0, set()
    for deal_number in range(DEALS):
        learn, hold = ([[0, 0] for _ in classes] for _ in range(2))  # rows and groups of each class on either side
        tested = np.zeros(len(names), dtype=bool)
        for k in rng.permutation(len(names)).tolist():
            to_test, to_learn = _fill(hold, test, held[k]), _fill(learn, most, held[k])
            first = deal_number % 2 and any(c in tight for c, _ in held[k])
            tested[k] = not to_test[0] if first else to_test < to_learn
            side = hold if tested[k] else learn
            for c, n in held[k]:
                side[c] = [side[c][0] + n, side[c][1] + 1]
        fit = [rows if enough >= test else 0 for (rows, _), (enough, _) in zip(learn, hold, strict=True)]
        if min(fit) >= most:
            return tested[group]
        tight |= {c for c, rows in enumerate(fit) if rows < most}
        if min(fit) > best:
            best, lacking = min(fit), fit.index(min(fit))
    rows = f"expected {most} + {test} rows of class {classes[lacking]} on two sides, no group on both"
    raise CourseError(f"groups: {rows}, got {best} + {test} at best. Take fewer, or leave that class out.")


def _fill(side: list[list[int]], goal: int, held: list[tuple[int, int]]) -> tuple[bool, float]:
    """Whether a side has enough rows without a group; how many groups it would have with it, for each row needed."""
    return all(side[c][0] >= goal for c, _ in held), max((side[c][1] + 1) / goal for c, _ in held)
