"""Exercises of *Shapley values*: how much worse a model becomes when a column is shuffled."""

import numpy as np

from coursekit.attribution.perturbation import falls_of_score
from coursekit.checks.core import Exercise, register

__all__ = ["permutation"]


def _mean_falls(predict, x, y, score, shuffles):
    return falls_of_score(predict, x, y, score, shuffles).mean(axis=0)


def _cases(rng):
    def case(n, d, repeats, scale=1.0):
        x, w = scale * rng.normal(size=(n, d)), rng.normal(size=d)
        return x, scale * rng.normal(size=n), w, np.array([rng.permutation(n) for _ in range(repeats)])

    yield case(8, 3, 4)
    yield case(12, 5, 2)
    yield case(1, 3, 3)  # a batch of one: nothing can be shuffled
    yield np.zeros((4, 3)), np.zeros(4), np.zeros(3), np.array([rng.permutation(4) for _ in range(3)])
    yield case(9, 2, 5, scale=200.0)
    yield tuple(a if a.dtype.kind == "i" else a.astype(np.float32) for a in case(10, 4, 3))


def _use(obj, x, y, w, shuffles):
    def predict(rows):
        return rows @ w + rows[:, 0] * rows[:, -1] / (1 + np.abs(rows).max(initial=0))

    def score(outputs, y):
        return -float(np.mean((outputs - y) ** 2 / (1 + np.abs(y))))  # outputs and truth cannot change places

    return obj(predict, x, y, score, shuffles)


def _shuffled_scores(predict, x, y, score, shuffles):
    return score(predict(x), y) - falls_of_score(predict, x, y, score, shuffles)


def _sign_turned(*args):
    return -_mean_falls(*args)


def _score_itself(*args):
    return _shuffled_scores(*args).mean(axis=0)


def _not_averaged(*args):
    return falls_of_score(*args)


def _summed(*args):
    return falls_of_score(*args).sum(axis=0)


def _one_shuffle(*args):
    return falls_of_score(*args)[0]


def _worst(*args):
    return falls_of_score(*args).max(axis=0)


def _mean_over_features(*args):
    return falls_of_score(*args).mean(axis=1)


def _as_a_ratio(predict, x, y, score, shuffles):
    with np.errstate(all="ignore"):
        return _mean_falls(predict, x, y, score, shuffles) / score(predict(x), y)


def _left_shuffled(predict, x, y, score, shuffles):
    """Every column stays shuffled for those that follow."""
    shuffled, untouched = x.copy(), score(predict(x), y)
    falls = np.empty((len(shuffles), x.shape[1]))
    for column in range(x.shape[1]):
        for k, order in enumerate(shuffles):
            shuffled[:, column] = x[order, column]
            falls[k, column] = untouched - score(predict(shuffled), y)
    return falls.mean(axis=0)


def _changed(change):
    """A wrong answer that does something else to the column."""

    def wrong(predict, x, y, score, shuffles):
        untouched = score(predict(x), y)
        falls = np.empty((len(shuffles), x.shape[1]))
        for column in range(x.shape[1]):
            for k, order in enumerate(shuffles):
                falls[k, column] = untouched - score(predict(change(x.copy(), column, order)), y)
        return falls.mean(axis=0)

    return wrong


def _set(x, column, values):
    x[:, column] = values
    return x


_to_zero = _changed(lambda x, column, order: _set(x, column, 0))
_to_mean = _changed(lambda x, column, order: _set(x, column, x[:, column].mean()))
_whole_rows = _changed(lambda x, column, order: x[order])
_others_shuffled = _changed(lambda x, column, order: _set(x[order], column, x[:, column]))


_order_put_in = _changed(lambda x, column, order: _set(x, column, order))
_the_other_way = _changed(lambda x, column, order: _set(x, column, x[np.argsort(order), column]))


def _from_falls(reduce):
    """A wrong answer that makes something else of the falls (R, D)."""
    return lambda *args: reduce(falls_of_score(*args))


_median = _from_falls(lambda falls: np.median(falls, axis=0))
_last_shuffle = _from_falls(lambda falls: falls[-1])
_smallest = _from_falls(lambda falls: falls.min(axis=0))
_spread = _from_falls(lambda falls: falls.std(axis=0))
_size_of_mean = _from_falls(lambda falls: np.abs(falls.mean(axis=0)))
_mean_of_sizes = _from_falls(lambda falls: np.abs(falls).mean(axis=0))
_cut_at_zero = _from_falls(lambda falls: np.maximum(falls.mean(axis=0), 0))
_transposed = _from_falls(lambda falls: falls.T)


def _to_one(*args):
    falls = _mean_falls(*args)
    with np.errstate(all="ignore"):
        return falls / falls.sum()


def _places_swapped(predict, x, y, score, shuffles):
    return _mean_falls(predict, x, y, lambda outputs, truth: score(truth, outputs), shuffles)


def _outputs_as_truth(predict, x, y, score, shuffles):
    return _mean_falls(predict, x, predict(x), score, shuffles)


def _shuffled_again(columns_first, keep):
    """Rows that are never fresh: every shuffle is made on top of those before it."""

    def wrong(predict, x, y, score, shuffles):
        untouched, fresh = score(predict(x), y), x.copy()
        falls = np.empty((len(shuffles), x.shape[1]))
        rounds = [(k, c) for c in range(x.shape[1]) for k in range(len(shuffles))]
        for k, c in rounds if columns_first else sorted(rounds):
            x = x.copy() if keep or k else fresh.copy()
            x[:, c] = x[shuffles[k], c]
            falls[k, c] = untouched - score(predict(x), y)
        return falls.mean(axis=0)

    return wrong


_never_fresh = _shuffled_again(columns_first=True, keep=True)
_never_fresh_by_shuffle = _shuffled_again(columns_first=False, keep=True)
_fresh_for_each_column = _shuffled_again(columns_first=True, keep=False)


def _truth_moved_along(predict, x, y, score, shuffles):
    untouched = score(predict(x), y)
    falls = [
        [untouched - score(predict(_set(x.copy(), c, x[order, c])), y[order]) for c in range(x.shape[1])]
        for order in shuffles
    ]
    return np.mean(falls, axis=0)


def _against_shuffled_truth(predict, x, y, score, shuffles):
    fall = [score(predict(x), y) - score(predict(x), y[order]) for order in shuffles]
    return np.full(x.shape[1], np.mean(fall))


def _change_of_outputs(predict, x, y, score, shuffles):
    """How far the outputs move, whether or not they become worse."""
    moves = [
        [np.abs(predict(_set(x.copy(), c, x[order, c])) - predict(x)).mean() for c in range(x.shape[1])]
        for order in shuffles
    ]
    return np.mean(moves, axis=0)


def _written_as_comprehension(predict, x, y, score, shuffles):
    def fall(column, order):
        mixed = np.column_stack([x[order, k] if k == column else x[:, k] for k in range(x.shape[1])])
        return score(predict(x), y) - score(predict(mixed), y)

    return np.array([np.mean([fall(c, order) for order in shuffles]) for c in range(x.shape[1])])


permutation = register(
    Exercise(
        id="importance.permutation",
        notebook="shapley",
        reference=_mean_falls,
        cases=_cases,
        call=_use,
        difficulty=2,
        minutes=10,
        points=2,
        hints=[
            "First the score of the untouched rows. Then, for each column and each shuffle, a copy of x in which this column alone is in another order.",
            "`shuffled = x.copy()`, then `shuffled[:, column] = x[order, column]`.",
            "The fall is `score(predict(x), y) - score(predict(shuffled), y)`; average it over the shuffles: (D,).",
        ],
        misconceptions={
            _sign_turned: "The signs are turned: the score of the untouched rows, minus that of the shuffled ones.",
            _score_itself: "This is the score after shuffling. Subtract it from the score of the untouched rows.",
            _not_averaged: "One number a feature: average over the shuffles.",
            _summed: "You added up over the shuffles. Take the mean, so that their number does not matter.",
            _one_shuffle: "You used the first shuffle only. Average over all of them.",
            _worst: "You took the largest fall. Take the mean over the shuffles.",
            _mean_over_features: "You averaged over the features. One number a feature: average over the shuffles.",
            _as_a_ratio: "You divided by the score. The fall itself is wanted.",
            _left_shuffled: "A column that was shuffled stays so for the next ones. Begin each time with a fresh copy of x.",
            _to_zero: "You set the column to 0. Shuffled values are ones that occur; 0 may not be.",
            _to_mean: "You set the column to its mean. Shuffle it.",
            _whole_rows: "You put whole rows into another order, all columns at once. Only one column may move.",
            _others_shuffled: "You shuffled all columns but the one that is asked about.",
            _against_shuffled_truth: "You shuffled y. Shuffle one column of x, and leave the truth as it is.",
            _order_put_in: "You put the row numbers into the column. Put its own values there, in another order: `x[order, column]`.",
            _the_other_way: "You undo the order in place of following it (`shuffled[order, column] = x[:, column]`). That shuffles as well, but gives other numbers: set the column to `x[order, column]`.",
            _median: "You took the median. Take the mean over the shuffles.",
            _last_shuffle: "Only the last shuffle counts. Keep the falls of all, and average.",
            _smallest: "You took the smallest fall. Take the mean over the shuffles.",
            _spread: "This is the spread of the falls. Their mean is wanted.",
            _size_of_mean: "Leave the sign: a score that *rises* by chance says that the column does not matter.",
            _mean_of_sizes: "Leave the signs: falls and rises by chance should cancel in the mean.",
            _cut_at_zero: "You cut at 0. Leave small negative falls: they show how large chance is.",
            _transposed: "One number a feature: average over the shuffles.",
            _to_one: "You divided by the sum. The falls themselves are wanted.",
            _places_swapped: "`score` takes the outputs first, then the truth. You have them the other way round.",
            _outputs_as_truth: "You compare with what the model said before. Compare with the truth `y`.",
            _never_fresh: "A column that was shuffled stays so for the next ones: `shuffled = x` is no copy. Begin each time with `x.copy()`.",
            _never_fresh_by_shuffle: "A column that was shuffled stays so for the next ones: `shuffled = x` is no copy. Begin each time with `x.copy()`.",
            _fresh_for_each_column: "You shuffle a column that is shuffled already. Take `x[order, column]` from the untouched x for each shuffle.",
            _truth_moved_along: "You put y into the new order too. Leave the truth as it is: the column must no longer fit it.",
            _change_of_outputs: "This is how far the outputs move. Permutation importance asks how much *worse* they become: compare with y.",
        },
        variants=(_written_as_comprehension,),
    )
)
