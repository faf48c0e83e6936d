"""Exercise of *Transfer learning*: what more labels are worth, and how much that depends on which."""

import copy

import numpy as np

from coursekit import validation
from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.dealing import few_labels

__all__ = ["curve"]


def _cases(rng):
    yield np.repeat([0, 1], 12), [2, 5], 3, 3, rng.permutation(np.arange(24) // 2), int(rng.integers(1000))
    yield np.repeat([0, 1, 2], 15), (1, 3, 6), 4, 4, rng.permutation(np.arange(45) // 3), int(rng.integers(1000))
    yield rng.permutation(np.repeat([4, 7, 9], 14)), [2, 4], 5, 2, None, int(rng.integers(1000))  # no groups
    yield np.repeat([0, 1], 12), [3], 4, 3, rng.permutation(np.arange(24) // 2), int(rng.integers(1000))  # one size
    yield np.repeat([0, 1], 16), [2, 6], 4, 1, np.arange(32) // 4, int(rng.integers(1000))  # one split
    yield np.repeat([0, 1, 2], 12), (4, 2, 1), 3, 5, np.arange(36) // 2, int(rng.integers(1000))  # falling sizes


def _use(obj, labels, sizes, test, splits, groups, seed):
    """The curve, and what `score` was asked about on the way."""
    rng, asked = np.random.default_rng(seed), []
    before = copy.deepcopy(rng.bit_generator.state)
    found = obj(_score(len(labels), asked), labels, sizes, test, splits, rng, groups)
    if hasattr(found, "__next__"):
        raise UnusableAnswerError("`yield` hands the splits out one by one. Collect them, and return them all.")
    if not asked:
        raise UnusableAnswerError(
            "`score` was never asked. It learns from the first rows and is judged on the second: "
            "`score(learn[size], rows)`, once for each size of each split."
        )
    if found is None:
        raise UnusableAnswerError("Nothing comes back. End with `return`, behind the loops.")
    tests = {tested for _, tested in asked}
    if rng.bit_generator.state == before:
        same = " That is why all your splits are the same." if len(tests) == 1 < splits else ""
        raise UnusableAnswerError(
            f"The generator `rng` is never drawn from. Hand it on: `few_labels(..., rng=rng)`.{same}"
        )
    group = np.arange(len(labels)) if groups is None else groups
    return {
        "number of different sets of test rows": len(tests),
        "rows that are learned from and tested on": max(len(learn & tested) for learn, tested in asked),
        "groups that stand on both sides": max(
            len({*group[list(learn)].tolist()} & {*group[list(tested)].tolist()}) for learn, tested in asked
        ),
        "curve": _table(found),
    }


def _score(n, asked):
    """A method that is worth something else for any other rows; it notes in `asked` what it was asked about."""
    worth = np.sin(1.7 * np.arange(n) ** 1.3)

    def score(learn, test):
        learn, test = _rows(learn, n, "learn from"), _rows(test, n, "judge on")
        asked.append((frozenset(learn.tolist()), frozenset(test.tolist())))
        level = worth[learn].mean() + 0.3 * np.log(len(learn)) - 0.5 * worth[test].mean()
        return float(1 / (1 + np.exp(-level)))

    return score


def _rows(rows, n, purpose):
    if isinstance(rows, dict):
        raise UnusableAnswerError(
            f"`score` got the whole dict as rows to {purpose}. Take those of one size out of it: `learn[size]`."
        )
    if isinstance(rows, tuple):
        raise UnusableAnswerError(
            "`few_labels` hands back two things at once. Take them apart: `learn, rows = few_labels(...)`."
        )
    if np.ndim(rows) == 0:
        raise UnusableAnswerError(
            f"`score` got the number {rows} where it needs the rows to {purpose}: the argument `test` says how many "
            "there are of each class, `few_labels` hands back which, and `learn[size]` are those of a size."
        )
    rows = np.asarray(rows)
    if rows.ndim != 1 or not rows.size or rows.dtype.kind not in "iu" or not 0 <= rows.min() <= rows.max() < n:
        raise UnusableAnswerError(f"`score` needs row numbers from 0 to {n - 1} to {purpose}, in one array.")
    if len(np.unique(rows)) < len(rows):
        raise UnusableAnswerError(
            f"`score` got a row twice among those to {purpose}: are these labels? It takes row numbers, as `few_labels` "
            "hands them back."
        )
    return rows


def _table(found):
    """The answer as an array; a list of lists will do."""
    if isinstance(found, dict):
        raise UnusableAnswerError("Return a table, not a dict: one row a split, one column a size.")
    try:
        return np.array(found, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UnusableAnswerError("Return one table of numbers: one row a split, one column a size.") from error


def _drawn_for_each_size(score, labels, sizes, test, splits, rng, groups):
    def once(size):
        learn, rows = few_labels(labels, [size], test, rng=rng, groups=groups)
        return score(learn[size], rows)

    return np.array([[once(size) for size in sizes] for _ in range(splits)])


def _drawn_again_for_each_size(score, labels, sizes, test, splits, rng, groups):
    found = np.empty((splits, len(sizes)))
    for i in range(splits):
        for j, size in enumerate(sizes):
            learn, rows = few_labels(labels, sizes, test, rng=rng, groups=groups)
            found[i, j] = score(learn[size], rows)
    return found


def _size_by_size(score, labels, sizes, test, splits, rng, groups):
    found = np.empty((splits, len(sizes)))
    for j, size in enumerate(sizes):
        for i in range(splits):
            learn, rows = few_labels(labels, sizes, test, rng=rng, groups=groups)
            found[i, j] = score(learn[size], rows)
    return found


def _drawn_once(score, labels, sizes, test, splits, rng, groups):
    learn, rows = few_labels(labels, sizes, test, rng=rng, groups=groups)
    return np.array([[score(learn[size], rows) for size in sizes] for _ in range(splits)])


def _returns_in_the_loop(score, labels, sizes, test, splits, rng, groups):
    learn, rows = few_labels(labels, sizes, test, rng=rng, groups=groups)
    return [score(learn[size], rows) for size in sizes]


def _returns_a_row_in_the_loop(score, labels, sizes, test, splits, rng, groups):
    return [_returns_in_the_loop(score, labels, sizes, test, splits, rng, groups)]


def _one_test_for_all(score, labels, sizes, test, splits, rng, groups):
    _, rows = few_labels(labels, sizes, test, rng=rng, groups=groups)
    drawn = [few_labels(labels, sizes, test, rng=rng, groups=groups)[0] for _ in range(splits)]
    return [[score(learn[size], rows) for size in sizes] for learn in drawn]


def _rows_called_test(score, labels, sizes, test, splits, rng, groups):
    found = []
    for _ in range(splits):
        learn, test = few_labels(labels, sizes, test, rng=rng, groups=groups)
        found.append([score(learn[size], test) for size in sizes])
    return found


def _with(judge, after=np.asarray):
    """A wrong answer that draws rightly, but scores or returns something else."""

    def wrong(score, labels, sizes, test, splits, rng, groups):
        drawn = [few_labels(labels, sizes, test, rng=rng, groups=groups) for _ in range(splits)]
        return after(np.array([[judge(score, learn, size, rows) for size in sizes] for learn, rows in drawn]))

    return wrong


def _right(score, learn, size, rows):
    return score(learn[size], rows)


_swapped = _with(lambda score, learn, size, rows: score(rows, learn[size]))
_judged_on_the_same = _with(lambda score, learn, size, rows: score(learn[size], learn[size]))
_judged_on_the_largest = _with(lambda score, learn, size, rows: score(learn[size], learn[max(learn)]))
_always_the_largest = _with(lambda score, learn, size, rows: score(learn[max(learn)], rows))
_always_the_smallest = _with(lambda score, learn, size, rows: score(learn[min(learn)], rows))
_learns_from_the_test = _with(lambda score, learn, size, rows: score(np.concatenate([learn[size], rows]), rows))
_mean_over_splits = _with(_right, lambda found: found.mean(axis=0))
_mean_over_sizes = _with(_right, lambda found: found.mean(axis=1))
_mean_of_all = _with(_right, lambda found: found.mean())
_spread = _with(_right, lambda found: found.std(axis=0))
_transposed = _with(_right, lambda found: found.T)
_in_one_row = _with(_right, lambda found: found.ravel())
_last_split = _with(_right, lambda found: found[-1])
_last_size = _with(_right, lambda found: found[:, -1])
_first_split = _with(_right, lambda found: found[0])
_errors = _with(_right, lambda found: 1 - found)
_per_cent = _with(_right, lambda found: 100 * found)
_only_last_row_filled = _with(_right, lambda found: np.vstack([0 * found[:-1], found[-1:]]))
_last_row_everywhere = _with(_right, lambda found: np.tile(found[-1], (len(found), 1)))
_one_list_for_all = _with(_right, lambda found: np.tile(found.ravel(), (len(found), 1)))
_whole_numbers = _with(_right, lambda found: found.astype(int))
_sizes_reversed = _with(_right, lambda found: found[:, ::-1])


def _no_groups(score, labels, sizes, test, splits, rng, groups):
    return validation.label_curve(score, labels, sizes, test, splits, rng=rng)


def _splits_for_test(score, labels, sizes, test, splits, rng, groups):
    return validation.label_curve(score, labels, sizes, splits, splits, rng=rng, groups=groups)


def _as_many_splits_as_test(score, labels, sizes, test, splits, rng, groups):
    return validation.label_curve(score, labels, sizes, test, test, rng=rng, groups=groups)


def _as_many_splits_as_sizes(score, labels, sizes, test, splits, rng, groups):
    return validation.label_curve(score, labels, sizes, test, len(sizes), rng=rng, groups=groups)


def _sorted_sizes(score, labels, sizes, test, splits, rng, groups):
    return validation.label_curve(score, labels, sorted(sizes), test, splits, rng=rng, groups=groups)


def _in_lists(score, labels, sizes, test, splits, rng, groups):
    """Right: rows in a list."""
    found = []
    for _ in range(splits):
        learn, rows = few_labels(labels, sizes, test, rng=rng, groups=groups)
        found.append([score(learn[size], rows) for size in sizes])
    return found


def _drawn_first(score, labels, sizes, test, splits, rng, groups):
    """Right: first all rows, then all scores, size by size."""
    drawn = [few_labels(labels, sizes, test, rng=rng, groups=groups) for _ in range(splits)]
    return np.array([[score(learn[size], rows) for learn, rows in drawn] for size in sizes]).T


_ONE_DRAW = (
    "You draw new rows for each size. Then two sizes differ by their luck with the test rows too, and not by the "
    "number of labels alone. One call of `few_labels` serves all sizes of a split: it belongs in the outer loop."
)
_ALL_OF_IT = "Return the whole table, one row a split, one column a size: "

curve = register(
    Exercise(
        id="label_curve.curve",
        notebook="transfer_learning",
        reference=validation.label_curve,
        cases=_cases,
        call=_use,
        difficulty=2,
        minutes=10,
        points=2,
        seconds=5.0,
        hints=[
            "Two loops: over splits, and inside over sizes. In which of the two are rows drawn, so that all sizes of a "
            "split are judged on the same ones?",
            "In each split once: `learn, rows = few_labels(labels, sizes, test, rng=rng, groups=groups)`. The rows of "
            "one size are `learn[size]`.",
            "`found.append([score(learn[size], rows) for size in sizes])` in the outer loop, and at the end "
            "`return np.array(found)`.",
        ],
        misconceptions={
            _drawn_for_each_size: _ONE_DRAW,
            _drawn_again_for_each_size: _ONE_DRAW,
            _size_by_size: _ONE_DRAW,
            _drawn_once: "You draw only once, so every split is the same and the spread between them looks like 0. "
            "`few_labels` belongs inside the loop over splits.",
            _swapped: "The two are swapped: `score` learns from its first rows and is judged on its second, "
            "`score(learn[size], rows)`.",
            _judged_on_the_same: "You judge on the rows that were learned from: that measures memory. The test rows are the "
            "second thing that `few_labels` hands back.",
            _judged_on_the_largest: "You judge on the largest set to *learn* from, and the smaller ones lie in it. The test "
            "rows are the second thing that `few_labels` hands back.",
            _always_the_largest: "Every column learns from the largest set. Take that of its own size: `learn[size]`.",
            _always_the_smallest: "Every column learns from the smallest set. Take that of its own size: `learn[size]`.",
            _learns_from_the_test: "The test rows are among those that are learned from. Then the test is none.",
            _mean_over_splits: _ALL_OF_IT + "the mean over splits hides how much they differ.",
            _mean_over_sizes: _ALL_OF_IT + "you took the mean over the *sizes*, which are what is to be compared.",
            _mean_of_all: _ALL_OF_IT + "you took the mean of all of it.",
            _spread: _ALL_OF_IT + "you return the spread alone.",
            _transposed: "Rows and columns are swapped: one *row* a split, one *column* a size.",
            _in_one_row: "All numbers stand in one row. Collect a list for each split, and append that: one row a split.",
            _last_split: "Only the last split comes back. Keep each one: append it to a list, or write it in its own row.",
            _last_size: "Only the last size of each split comes back. Keep all of them, one column a size.",
            _first_split: "Only the first split comes back. Does `return` stand inside the loop?",
            _returns_in_the_loop: "One split alone comes back. Is there a loop over splits, and does `return` stand behind it?",
            _returns_a_row_in_the_loop: "One split alone comes back. `return` belongs behind the loop, not in it.",
            _one_test_for_all: "The test rows are drawn once, for all splits, and later splits may learn from them. Take both "
            "from the same call of `few_labels`.",
            _rows_called_test: "You call the test rows `test`, and so overwrite the number of them: the next split asks for as "
            "many rows as an array. Give them another name.",
            _last_row_everywhere: "Every row is the last split: the table holds one and the same list several times. Make a new "
            "list for each split.",
            _one_list_for_all: "One list collects the scores of all splits. Begin a new one in each: inside the outer loop.",
            _whole_numbers: "The scores were cut to whole numbers. Make the table of floating-point numbers.",
            _sizes_reversed: "The columns are in reverse. Keep the order of `sizes`.",
            _only_last_row_filled: "Only the last row of the table is filled. Write split i in row i.",
            _errors: "You return errors, 1 - accuracy. Asked is what `score` says.",
            _per_cent: "You return per cent. Asked is what `score` says.",
            _no_groups: "The groups are forgotten: rows that belong together stand on both sides, and the test is easier "
            "than new pictures would be. Hand them on: `groups=groups`.",
            _splits_for_test: "You hand `few_labels` the number of splits where it needs the number of test rows, `test`.",
            _as_many_splits_as_test: "There are as many splits as test rows. `splits` says how many there should be.",
            _as_many_splits_as_sizes: "There are as many splits as sizes. `splits` says how many there should be.",
            _sorted_sizes: "The columns are sorted. Keep the order of `sizes`.",
        },
        variants=(_in_lists, _drawn_first),
    )
)
