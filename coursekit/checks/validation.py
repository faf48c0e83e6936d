"""Exercises of *Generalization*, first half: which rows to learn from, and when to stop."""

import numpy as np

from coursekit import prepare, validation
from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError

__all__ = ["early_stopping", "k_fold", "standardize"]

ENOUGH = 20  # rows from which on a shuffle can be told from an order

# -- k-fold split ----------------------------------------------------------------------------------------------------


def _fold_cases(rng):
    for n, k in ((20, 5), (10, 2), (23, 5), (6, 6), (101, 10)):
        yield n, k, int(rng.integers(1000))


def _use_k_fold(obj, n, k, seed):
    """What any right answer has in common; how it deals the rows out is its own affair."""
    folds, others = (_folds(obj(n, k, rng=np.random.default_rng(s)), n) for s in (seed, seed + 1))
    judged = np.concatenate([judge for _, judge in folds])
    enough = n >= ENOUGH
    return {
        "number of folds": len(folds),
        "how often each row is judged on": np.bincount(judged, minlength=n),
        "rows that a fold both learns from and judges on": sum(np.isin(a, b).sum() for a, b in folds),
        "rows that a fold leaves out": sum(n - len(np.union1d(a, b)) for a, b in folds),
        "rows that come twice in a part": sum(len(p) - len(np.unique(p)) for fold in folds for p in fold),
        "rows to judge on, the largest fold first": np.sort([len(judge) for _, judge in folds])[::-1],
        "whether the rows are shuffled": not enough or any(np.ptp(judge) >= len(judge) for _, judge in folds),
        "whether another generator gives other folds": not enough
        or any(not np.array_equal(np.sort(a[1]), np.sort(b[1])) for a, b in zip(folds, others, strict=False)),
    }


def _folds(answer, n):
    """The answer as pairs of arrays of row numbers, or what keeps it from being that."""
    if not isinstance(answer, list | tuple) or not answer:
        raise UnusableAnswerError("Return a list with one pair for each fold: `[(learn, judge), ...]`.")
    pairs = []
    for fold in answer:
        if not isinstance(fold, tuple | list) or len(fold) != 2:
            raise UnusableAnswerError("Each fold is a *pair*: the rows to learn from, and the rows to judge on.")
        parts = [np.asarray(part) for part in fold]
        if any(part.dtype.kind == "b" for part in parts):
            raise UnusableAnswerError(
                "Return row *numbers*, not masks: `np.flatnonzero(mask)` turns one into the other."
            )
        if any(part.ndim != 1 or part.dtype.kind not in "iu" for part in parts):
            raise UnusableAnswerError("Each part of a fold is an array of row numbers with one axis.")
        if any(part.size and not 0 <= part.min() <= part.max() < n for part in parts):
            raise UnusableAnswerError("A row number lies outside of 0 to n - 1.")
        pairs.append(tuple(parts))
    return pairs


def _pieces(pieces):
    return [(np.concatenate([p for j, p in enumerate(pieces) if j != i]), pieces[i]) for i in range(len(pieces))]


def _in_order(n, k, rng):
    return _pieces(np.array_split(np.arange(n), k))


def _drawn_anew(n, k, rng):
    orders = [rng.permutation(n) for _ in range(k)]
    return [(order[n // k :], order[: n // k]) for order in orders]


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
            _in_order: "The rows are not shuffled. Data often lie in an order (all of one class, then all of the next): "
            "cut `rng.permutation(n)`.",
            _drawn_anew: "You shuffle anew for each fold, so some rows are judged on twice and others never. "
            "Shuffle once, then cut.",
            _remainder_lost: "Where k does not divide n, the rows left over are never used. `np.array_split` deals them out.",
            _remainder_in_the_last: "All rows left over go to the last fold. Sizes should differ by at most one: "
            "`np.array_split` sees to it.",
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

# -- standardise without a leak ----------------------------------------------------------------------------------------


def _scale_cases(rng):
    yield np.array([[0.0, 10.0], [2.0, 30.0]]), np.array([[4.0, 20.0]])
    yield 3 * rng.normal(size=(6, 4)) + 5, rng.normal(size=(3, 4)) - 2
    yield rng.normal(size=(5, 3)), 100 + rng.normal(size=(1, 3))  # a batch of one, far away
    yield np.column_stack([rng.normal(size=5), np.full(5, 7.0)]), rng.normal(size=(4, 2))  # a constant column
    yield np.zeros((4, 2)), rng.normal(size=(2, 2))
    yield 1e4 * rng.normal(size=(30, 2)), 1e4 * rng.normal(size=(10, 2))
    yield rng.normal(size=(8, 5)).astype(np.float32), rng.normal(size=(2, 5)).astype(np.float32)


def _scaled(array, of, axis=0, ddof=0):
    mean, std = of.mean(axis=axis, keepdims=True), of.std(axis=axis, ddof=ddof, keepdims=True)
    return (array - mean) / np.where(std > 0, std, 1)


def _leaky(train, other):
    both = np.concatenate([train, other])
    return _scaled(train, both), _scaled(other, both)


def _each_by_itself(train, other):
    return _scaled(train, train), _scaled(other, other)


def _one_number(train, other):
    return _scaled(train, train, axis=None), _scaled(other, train, axis=None)


def _by_row(train, other):
    return _scaled(train, train, axis=1), _scaled(other, other, axis=1)


def _no_spread(train, other):
    return (train - train.mean(axis=0)) / train.std(axis=0), (other - train.mean(axis=0)) / train.std(axis=0)


def _by_variance(train, other):
    var = np.where(train.var(axis=0) > 0, train.var(axis=0), 1)
    return (train - train.mean(axis=0)) / var, (other - train.mean(axis=0)) / var


def _centred_only(train, other):
    return train - train.mean(axis=0), other - train.mean(axis=0)


def _less_one(train, other):
    return _scaled(train, train, ddof=1), _scaled(other, train, ddof=1)


def _train_only(train, other):
    return _scaled(train, train), other.copy()


def _to_unit_interval(train, other):
    low, reach = train.min(axis=0), np.ptp(train, axis=0)
    reach = np.where(reach > 0, reach, 1)
    return (train - low) / reach, (other - low) / reach


def _scaled_by_function(train, other):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[std == 0] = 1
    return tuple((array - mean) / std for array in (train, other))


standardize = register(
    Exercise(
        id="validation.standardize",
        notebook="generalization",
        reference=prepare.standardize,
        cases=_scale_cases,
        difficulty=2,
        minutes=6,
        points=2,
        hints=[
            "Two numbers for each column, its mean and its standard deviation. From which rows may they come?",
            "`mean, std = train.mean(axis=0), train.std(axis=0)`, and both tables are treated with *these*.",
            "A constant column has std 0: put 1 in its place, `np.where(std > 0, std, 1)`. "
            "Then `return (train - mean) / std, (other - mean) / std`.",
        ],
        misconceptions={
            _leaky: "Mean and spread come from both tables together. So the rows that judge have a say in how they are "
            "prepared: that is the leak. Take both numbers from train.",
            _each_by_itself: "You scaled the second table by its own mean and spread. Then the same measurement means one "
            "thing here and another there, and a batch of one becomes all zeros. Use those of train.",
            _one_number: "One mean and one spread for the whole table. Columns have their own units: use axis=0.",
            _by_row: "You went along the rows. Each *column* gets mean 0 and spread 1: axis=0.",
            _no_spread: "A constant column has spread 0, and 0 / 0 is NaN. Divide it by 1 instead.",
            _by_variance: "You divided by the variance. Divide by its root, the standard deviation.",
            _centred_only: "The mean is taken off, but the spread is as it was: divide by the standard deviation.",
            _less_one: "This is the spread with N - 1. Here the plain standard deviation is meant: `train.std(axis=0)`.",
            _train_only: "The second table is as it was. It must be treated in the very same way, or the model meets "
            "numbers of another scale.",
            _to_unit_interval: "These are smallest and largest value, mapped to 0 and 1. Mean and standard deviation are asked.",
        },
        variants=(_scaled_by_function,),
    )
)

# -- early stopping ------------------------------------------------------------------------------------------------------


def _stopping_cases(rng):
    yield np.array([0.9, 0.5, 0.6, 0.7, 0.4]), 2  # a better one after the end
    yield np.array([3.0, 2.0, 1.0]), 2  # still falling
    yield np.array([1.0, 0.8, 0.9, 0.7, 0.75, 0.72, 0.71, 0.9]), 3
    yield np.array([0.5, 0.6, 0.55, 0.52, 0.51, 0.505, 0.3]), 4  # falls, and never below the best
    yield np.array([2.0]), 1  # one epoch
    yield np.zeros(6), 3  # equal is no better
    yield 1000 + 100 * rng.random(12), 4
    yield rng.random(30).astype(np.float32), 5
    yield np.array([0.4, 0.3, 0.5, 0.2, 0.9, 0.8, 0.7, 0.6]), 1


def _stop(losses, patience, *, better=lambda loss, best: loss < best, wait=0):
    best, kept = np.inf, 1
    for epoch, loss in enumerate(losses, 1):
        if better(loss, best):
            best, kept = loss, epoch
        elif epoch - kept >= patience + wait:
            return kept, epoch
    return kept, len(losses)


def _from_zero(losses, patience):
    kept, stopped = _stop(losses, patience)
    return kept - 1, stopped - 1


def _hindsight(losses, patience):
    kept = int(np.argmin(losses)) + 1
    return kept, min(kept + patience, len(losses))


def _never_stops(losses, patience):
    return int(np.argmin(losses)) + 1, len(losses)


def _last_weights(losses, patience):
    stopped = _stop(losses, patience)[1]
    return stopped, stopped


def _weights_before_the_wait(losses, patience):
    stopped = _stop(losses, patience)[1]
    return max(stopped - patience, 1), stopped


def _rises_in_a_row(losses, patience):
    """Counts epochs that are worse than the one before, instead of worse than the best."""
    best, kept, worse = losses[0], 1, 0
    for epoch in range(2, len(losses) + 1):
        worse = worse + 1 if losses[epoch - 1] >= losses[epoch - 2] else 0
        if losses[epoch - 1] < best:
            best, kept = losses[epoch - 1], epoch
        if worse >= patience:
            return kept, epoch
    return kept, len(losses)


def _ties_count(losses, patience):
    return _stop(losses, patience, better=lambda loss, best: loss <= best)


def _one_too_long(losses, patience):
    return _stop(losses, patience, wait=1)


def _never_reset(losses, patience):
    """Counts all epochs without an improvement, and does not start anew after one."""
    best, kept, bad = np.inf, 1, 0
    for epoch, loss in enumerate(losses, 1):
        if loss < best:
            best, kept = loss, epoch
        else:
            bad += 1
            if bad >= patience:
                return kept, epoch
    return kept, len(losses)


def _higher_is_better(losses, patience):
    return _stop(-np.asarray(losses), patience)


def _order_of_the_two(losses, patience):
    return _stop(losses, patience)[::-1]


def _stop_by_slices(losses, patience):
    for epoch in range(1, len(losses) + 1):
        kept = int(np.argmin(losses[:epoch])) + 1
        if epoch - kept >= patience:
            break
    return kept, epoch


early_stopping = register(
    Exercise(
        id="validation.early_stopping",
        notebook="generalization",
        reference=validation.early_stopping,
        cases=_stopping_cases,
        difficulty=3,
        minutes=10,
        points=3,
        hints=[
            "Walk through the epochs as training would: you know only what has been, and remember the lowest loss and its epoch.",
            "`for epoch, loss in enumerate(losses, start=1):` if it is lower than the best, note it; if not, look at how many "
            "epochs the best is past.",
            "`elif epoch - kept >= patience: return kept, epoch`, and after the loop `return kept, len(losses)`.",
        ],
        misconceptions={
            _from_zero: "You count from 0. Epochs are counted from 1 here: `enumerate(losses, start=1)`.",
            _hindsight: "You looked for the lowest of *all* losses. But training has ended before the later ones are measured: "
            "go through the epochs in order.",
            _never_stops: "Training goes on to the end. It has to stop once `patience` epochs have brought nothing better.",
            _last_weights: "You keep the weights of the last epoch. The point of it is to go back to the best one.",
            _weights_before_the_wait: "You go back `patience` epochs, also where training was never stopped. Remember the best epoch itself.",
            _rises_in_a_row: "You compare with the epoch *before*. A curve may go down a little again and again and never be better "
            "than its best: compare with the best so far.",
            _ties_count: "A loss that only equals the best is no improvement: compare with `<`.",
            _one_too_long: "One epoch too many: stop as soon as the best is `patience` epochs past, with `>=`.",
            _never_reset: "Your count of bad epochs is never set back. A new best starts the patience anew.",
            _higher_is_better: "You look for the *highest* number. These are losses: lower is better.",
            _order_of_the_two: "Both numbers are right, in the other order: first the epoch that is kept, then the one that training ends after.",
        },
        variants=(_stop_by_slices,),
    )
)
