"""Exercises of *Generalization*: which rows to learn from, and which to judge on."""

import numpy as np

from coursekit import validation
from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError

__all__ = ["k_fold"]

ENOUGH = 20  # rows from which on a shuffle can be told from an order, or from another shuffle


def _fold_cases(rng):
    for n, k in ((20, 5), (10, 2), (23, 5), (6, 6), (103, 10)):
        yield n, k, int(rng.integers(1000))


def _use_k_fold(obj, n, k, seed):
    """What any right answer has in common; how it deals the rows out is its own affair."""
    folds, others, again = (_folds(obj(n, k, rng=np.random.default_rng(s)), n, k) for s in (seed, seed + 1, seed))
    judged, sizes, enough = [judge for _, judge in folds], [len(judge) for _, judge in folds], n >= ENOUGH
    return {
        "number of folds": len(folds),
        "whether every row judges exactly once": np.array_equal(np.sort(np.concatenate(judged)), np.arange(n)),
        "whether a fold judges on rows that it has learned from": any(np.isin(a, b).any() for a, b in folds),
        "whether a fold leaves rows out": any(len(np.union1d(a, b)) < n for a, b in folds),
        "whether a row comes twice in a part": any(len(np.unique(p)) < len(p) for fold in folds for p in fold),
        "whether the sizes of the folds differ by at most one": max(sizes) - min(sizes) <= 1,
        "whether the rows are shuffled": not enough
        or any(np.ptp(np.diff(np.sort(j))) > 0 for j in judged if len(j) > 2),
        "whether another generator gives other folds": not enough or _dealt(folds) != _dealt(others),
        "whether the same generator gives the same folds": not enough or _dealt(folds) == _dealt(again),
    }


def _dealt(folds):
    """The sets of rows that judge, in any order."""
    return sorted(tuple(sorted(judge.tolist())) for _, judge in folds)


def _folds(answer, n, k):
    """The answer as pairs of arrays of row numbers, or what keeps it from being that."""
    if hasattr(answer, "__next__"):
        raise UnusableAnswerError("`yield` hands the folds out one by one. Collect them in a list, and return it.")
    if not isinstance(answer, list | tuple) or not answer:
        raise UnusableAnswerError("Return a list with one pair for each fold: `[(learn, judge), ...]`.")
    if len(answer) == 2 < k and all(np.ndim(part) == 1 for part in answer if isinstance(part, np.ndarray)):
        if sum(map(len, answer)) == n:
            raise UnusableAnswerError("This is one split, not k: go through all pieces, and let each judge once.")
        if all(len(part) == k for part in answer):
            raise UnusableAnswerError("These are two lists. Return one list of pairs: `list(zip(learn, judge))`.")
    return [_pair(fold, n) for fold in answer]


def _pair(fold, n):
    """One fold as two arrays of row numbers."""
    if not isinstance(fold, tuple | list) or len(fold) != 2:
        raise UnusableAnswerError("Each fold is a *pair*: the rows to learn from, and the rows to judge on.")
    if any(isinstance(part, list | tuple) and any(np.ndim(p) for p in part) for part in fold):
        raise UnusableAnswerError("The rows to learn from are still in separate pieces: join them, `np.concatenate`.")
    parts = tuple(np.asarray(part) for part in fold)
    if any(part.dtype.kind == "b" for part in parts):
        raise UnusableAnswerError("Return row *numbers*, not masks: `np.flatnonzero(mask)` turns one into the other.")
    if any(part.ndim != 1 or (part.size and part.dtype.kind not in "iu") for part in parts):
        raise UnusableAnswerError("Each part of a fold is an array of row numbers with one axis.")
    if any(part.size and not 0 <= part.min() <= part.max() < n for part in parts):
        raise UnusableAnswerError(
            "A row number lies outside of 0 to n - 1. Rows are counted from 0, and pieces are joined by "
            "`np.concatenate`: `sum` and `+` add the numbers up."
        )
    return parts


def _pieces(pieces):
    return [(np.concatenate([p for j, p in enumerate(pieces) if j != i]), pieces[i]) for i in range(len(pieces))]


def _in_order(n, k, rng):
    return _pieces(np.array_split(np.arange(n), k))


def _drawn_anew(n, k, rng):
    orders = [rng.permutation(n) for _ in range(k)]
    return [(order[n // k :], order[: n // k]) for order in orders]


def _remainder_never_judges(n, k, rng):
    rows, size = rng.permutation(n), n // k
    return [(np.delete(rows, np.s_[i * size : (i + 1) * size]), rows[i * size : (i + 1) * size]) for i in range(k)]


def _by_lot(n, k, rng):
    fold_of = rng.integers(0, k, n)
    return [(np.flatnonzero(fold_of != i), np.flatnonzero(fold_of == i)) for i in range(k)]


def _with_replacement(n, k, rng):
    judges = [rng.integers(0, n, n // k) for _ in range(k)]
    return [(np.setdiff1d(np.arange(n), judge), judge) for judge in judges]


def _k_as_size(n, k, rng):
    rows = rng.permutation(n)
    return _pieces([rows[i : i + k] for i in range(0, n, k)])


def _one_other_piece(n, k, rng):
    pieces = np.array_split(rng.permutation(n), k)
    return [(pieces[i - 1], pieces[i]) for i in range(k)]


def _pieces_before(n, k, rng):
    rows, pieces = rng.permutation(n), np.array_split(np.arange(n), k)
    return [(rows[: piece[0]], rows[piece]) for piece in pieces]


def _two_shuffles(n, k, rng):
    first, second = (_pieces(np.array_split(rng.permutation(n), k)) for _ in range(2))
    return [(learn, judge) for (learn, _), (_, judge) in zip(first, second, strict=True)]


def _drawn_from_the_global_generator(n, k, rng):
    return validation.k_fold(n, k, rng=np.random.default_rng())


def _remainder_lost(n, k, rng):
    return _pieces(np.split(rng.permutation(n)[: n // k * k], k))


def _remainder_in_the_last(n, k, rng):
    return _pieces(np.split(rng.permutation(n), [n // k * i for i in range(1, k)]))


def _parts_swapped(n, k, rng):
    return [(judge, learn) for learn, judge in validation.k_fold(n, k, rng=rng)]


def _learns_from_all(n, k, rng):
    return [(np.arange(n), judge) for _, judge in validation.k_fold(n, k, rng=rng)]


def _only_judged(n, k, rng):
    return [judge for _, judge in validation.k_fold(n, k, rng=rng)]


def _one_short(n, k, rng):
    return validation.k_fold(n, k, rng=rng)[:-1]


def _one_fold(n, k, rng):
    return validation.k_fold(n, k, rng=rng)[:1]


def _own_generator(n, k, rng):
    return validation.k_fold(n, k, rng=np.random.default_rng(0))


def _folds_by_remainder(n, k, rng):
    fold_of = rng.permutation(n) % k
    return [(np.flatnonzero(fold_of != i), np.flatnonzero(fold_of == i)) for i in range(k)]


def _folds_by_setdiff(n, k, rng):
    rows = np.arange(n)
    rng.shuffle(rows)
    return [(np.setdiff1d(rows, piece), piece) for piece in np.array_split(rows, k)]


k_fold = register(
    Exercise(
        id="validation.k_fold",
        notebook="generalization",
        reference=validation.k_fold,
        cases=_fold_cases,
        call=_use_k_fold,
        difficulty=2,
        minutes=10,
        points=2,
        hints=[
            "Shuffle the row numbers once, before you cut. Every row must end up in exactly one piece.",
            "`pieces = np.array_split(rng.permutation(n), k)` gives k pieces whose sizes differ by at most one. "
            "Fold i judges on piece i.",
            "What fold i learns from is all other pieces joined: "
            "`np.concatenate([p for j, p in enumerate(pieces) if j != i])`.",
        ],
        misconceptions={
            _in_order: "The rows are not shuffled. Data often lie in an order (all of one class, then all of the next), and "
            "every k-th row is an order too: cut `rng.permutation(n)`.",
            _drawn_anew: "You shuffle anew for each fold, so some rows are judged on twice and others never. "
            "Shuffle once, then cut.",
            _by_lot: "You draw a fold for each row by lot, so the folds differ in size. Shuffle all rows, then cut.",
            _with_replacement: "The rows that judge are drawn with replacement: some judge twice, others never. "
            "Shuffle once, then cut.",
            _k_as_size: "k is the number of folds, not their size.",
            _one_other_piece: "Each fold learns from one other piece only. It learns from *all* others: "
            "`np.concatenate([p for j, p in enumerate(pieces) if j != i])`.",
            _pieces_before: "Each fold learns only from the pieces before its own. It learns from all others, those after it too.",
            _two_shuffles: "You shuffle twice, once for the rows that teach and once for those that judge, so some rows do "
            "both. Cut one and the same order.",
            _drawn_from_the_global_generator: "The folds do not come from the generator that is handed in, so nobody can "
            "repeat them. Use `rng.permutation`, not `np.random`.",
            _remainder_never_judges: "Where k does not divide n, the rows left over never judge. `np.array_split` deals them out.",
            _remainder_lost: "Where k does not divide n, the rows left over are never used. `np.array_split` deals them out.",
            _remainder_in_the_last: "Where k does not divide n, the last fold has another size than the rest. Sizes "
            "should differ by at most one: `np.array_split` sees to it.",
            _parts_swapped: "The two parts of each fold are in each other's place: first the many rows to learn from, "
            "then the few to judge on.",
            _learns_from_all: "Every fold learns from all rows, those to judge on too. That is the leak which folds are to prevent.",
            _only_judged: "Each fold needs both parts: the rows to learn from, and the rows to judge on.",
            _one_short: "One fold is missing: k pieces give k folds, each piece is judged on once.",
            _one_fold: "This is one split, not k: go through all pieces, and let each be judged on once.",
            _own_generator: "You make a generator of your own, with a seed of your own. Use the one that is handed in.",
        },
        variants=(_folds_by_remainder, _folds_by_setdiff),
    )
)
