"""Exercises of *Generalization*: one scale for all rows, from the rows that teach."""

import numpy as np

from coursekit import prepare
from coursekit.checks.core import Exercise, register

__all__ = ["standardize"]


def _scale_cases(rng):
    yield np.array([[0.0, 10.0], [2.0, 30.0], [7.0, 50.0]]), np.array([[4.0, 20.0]])
    yield 3 * rng.normal(size=(6, 4)) + 5, rng.normal(size=(3, 4)) - 2
    yield rng.normal(size=(5, 3)), 100 + rng.normal(size=(1, 3))  # a batch of one, far away
    yield np.column_stack([rng.normal(size=5), np.full(5, 7.0)]), rng.normal(size=(4, 2))  # a constant column
    yield np.zeros((4, 2)), rng.normal(size=(2, 2))
    yield 1e4 * rng.normal(size=(30, 2)), 1e4 * rng.normal(size=(10, 2))
    yield rng.normal(size=(8, 5)).astype(np.float32), rng.normal(size=(2, 5)).astype(np.float32)


def _scaled(array, of, axis=0, ddof=0):
    mean, std = of.mean(axis=axis, keepdims=True), of.std(axis=axis, ddof=ddof, keepdims=True)
    return (array - mean) / np.where(std > 0, std, 1)


def _but(name, result):
    """A wrong answer with a name of its own."""

    def answer(train, other):
        return result(train, other)

    answer.__name__ = name
    return answer


def _both(train, other, mean, std):
    return (train - mean) / std, (other - mean) / std


def _std(table):
    return np.where(table.std(axis=0) > 0, table.std(axis=0), 1)


def _leaky(train, other):
    both = np.concatenate([train, other])
    return _scaled(train, both), _scaled(other, both)


def _by_variance(train, other):
    return _both(train, other, train.mean(axis=0), np.where(train.var(axis=0) > 0, train.var(axis=0), 1))


def _to_unit_interval(train, other):
    reach = np.ptp(train, axis=0)
    return _both(train, other, train.min(axis=0), np.where(reach > 0, reach, 1))


def _by_length(train, other):
    length = np.sqrt(((train - train.mean(axis=0)) ** 2).sum(axis=0))
    return _both(train, other, train.mean(axis=0), np.where(length > 0, length, 1))


def _by_largest(train, other):
    largest = np.abs(train).max(axis=0)
    return _both(train, other, train.mean(axis=0), np.where(largest > 0, largest, 1))


def _constant_dropped(train, other):
    varies = train.std(axis=0) > 0
    return tuple(_scaled(table[:, varies], train[:, varies]) for table in (train, other))


def _constant_to_zero(train, other):
    return tuple(
        np.where(train.std(axis=0) > 0, table, 0) for table in _both(train, other, train.mean(axis=0), _std(train))
    )


def _scaled_by_function(train, other):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[std == 0] = 1
    return tuple((array - mean) / std for array in (train, other))


standardize = register(
    Exercise(
        id="scaling.standardize",
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
            _but(
                "each_by_itself", lambda a, b: (_scaled(a, a), _scaled(b, b))
            ): "You scaled the second table by its own "
            "mean and spread. Then the same measurement means one thing here and another there, and a batch of one becomes "
            "all zeros. Use those of train.",
            _but(
                "own_mean", lambda a, b: ((a - a.mean(axis=0)) / _std(a), (b - b.mean(axis=0)) / _std(a))
            ): "From the second table you take off its own mean. Take off that of train.",
            _but(
                "own_spread", lambda a, b: ((a - a.mean(axis=0)) / _std(a), (b - a.mean(axis=0)) / _std(b))
            ): "You divide the second table by its own spread. Divide by that of train.",
            _but(
                "by_the_other", lambda a, b: (_scaled(a, b), _scaled(b, b))
            ): "Mean and spread come from the second table. It judges: both numbers come from train.",
            _but(
                "one_number", lambda a, b: (_scaled(a, a, axis=None), _scaled(b, a, axis=None))
            ): "One mean and one spread for the whole table. Columns have their own units: use axis=0.",
            _but(
                "one_spread", lambda a, b: _both(a, b, a.mean(axis=0), a.std() or 1)
            ): "One spread for the whole table. Columns have their own units: `train.std(axis=0)`.",
            _but(
                "by_row", lambda a, b: (_scaled(a, a, axis=1), _scaled(b, b, axis=1))
            ): "You went along the rows. Each *column* gets mean 0 and spread 1: axis=0.",
            _but(
                "no_spread", lambda a, b: _both(a, b, a.mean(axis=0), a.std(axis=0))
            ): "A constant column has spread 0, and 0 / 0 is NaN. Divide it by 1 instead.",
            _but(
                "nan_to_num", lambda a, b: tuple(map(np.nan_to_num, _both(a, b, a.mean(axis=0), a.std(axis=0))))
            ): "NaN "
            "becomes 0, but in the second table x / 0 becomes an enormous number. Divide a constant column by 1.",
            **{
                _but(
                    f"spread_plus_1e-{digits}",
                    lambda a, b, d=digits: _both(a, b, a.mean(axis=0), a.std(axis=0) + 10.0**-d),
                ): (
                    "A tiny number in place of 0 blows up the second table, wherever it differs from what was constant in "
                    "train. Divide such a column by 1."
                )
                for digits in (6, 7, 8, 9, 10, 12)
            },
            _but(
                "at_least_1", lambda a, b: _both(a, b, a.mean(axis=0), np.maximum(a.std(axis=0), 1))
            ): "Every spread below 1 is taken for 1. Only a spread of *0* is: `np.where(std > 0, std, 1)`.",
            _but(
                "plus_1", lambda a, b: _both(a, b, a.mean(axis=0), a.std(axis=0) + 1)
            ): "You add 1 to every spread. Only where it is 0, put 1 in its place: `np.where(std > 0, std, 1)`.",
            _but(
                "where_turned", lambda a, b: _both(a, b, a.mean(axis=0), np.where(a.std(axis=0) > 0, 1, 0))
            ): "The two answers of np.where are in each other's place: `np.where(std > 0, std, 1)`.",
            _constant_dropped: "You leave out the constant columns. Keep them, divided by 1.",
            _constant_to_zero: "A column that is constant in train may differ in the second table: take off the mean and "
            "divide by 1, do not set it to 0.",
            _by_variance: "You divided by the variance. Divide by its root, the standard deviation.",
            _by_length: "You divided by the root of the *sum* of squares. The standard deviation is the root of their mean.",
            _by_largest: "You divided by the largest value. Divide by the standard deviation.",
            _but(
                "multiplied", lambda a, b: _both(a, b, a.mean(axis=0), 1 / _std(a))
            ): "You multiplied by the spread. Divide.",
            _but(
                "median", lambda a, b: _both(a, b, np.median(a, axis=0), _std(a))
            ): "You took off the median. Take off the mean.",
            _but(
                "centred_only", lambda a, b: _both(a, b, a.mean(axis=0), 1)
            ): "The mean is taken off, but the spread is as it was: divide by the standard deviation.",
            _but(
                "spread_only", lambda a, b: _both(a, b, 0, _std(a))
            ): "The spread is 1 now, but the mean is not 0: take it off before you divide.",
            _but(
                "divided_first", lambda a, b: _both(a, b, a.mean(axis=0) * _std(a), _std(a))
            ): "You divided first and then took off the old mean. Take it off before you divide.",
            _but(
                "no_brackets", lambda a, b: _both(a, b, a.mean(axis=0) / _std(a), 1)
            ): "Brackets are missing: `a - b / c` divides first. Write `(train - mean) / std`.",
            _but(
                "less_one", lambda a, b: (_scaled(a, a, ddof=1), _scaled(b, a, ddof=1))
            ): "This is the spread with N - 1. Here the plain standard deviation is meant: `train.std(axis=0)`.",
            _but(
                "train_only", lambda a, b: (_scaled(a, a), b.copy())
            ): "The second table is as it was. It must be treated "
            "in the very same way, or the model meets numbers of another scale.",
            _but("one_table", lambda a, b: _scaled(a, a)): "Return both tables: train, then other.",
            _but(
                "joined", lambda a, b: np.concatenate([_scaled(a, a), _scaled(b, a)])
            ): "You joined the tables. Return them side by side: `return a, b`.",
            _but(
                "swapped", lambda a, b: (_scaled(b, a), _scaled(a, a))
            ): "The tables come back in the wrong order: train first, then other.",
            _but(
                "mean_and_std", lambda a, b: (a.mean(axis=0), _std(a))
            ): "You return the mean and the spread. Return both tables, treated with them.",
            _to_unit_interval: "These are smallest and largest value, mapped to 0 and 1. Mean and standard deviation are asked.",
        },
        variants=(_scaled_by_function,),
    )
)
