"""Exercises of *Deep or classical*: how far a measured accuracy, and a difference of two, can be trusted."""

import numpy as np

from coursekit import comparison
from coursekit.checks.core import Exercise, register

__all__ = ["interval", "paired"]


def _draws(rng, n, resamples=200):
    return comparison.resample(n, resamples, rng=rng)


def _numbers(answer):
    """An array of numbers is as good as several numbers."""
    return tuple(answer.tolist()) if isinstance(answer, np.ndarray) and answer.ndim == 1 else answer


# -- the interval of one number ------------------------------------------------------------------------------------------


def _interval_cases(rng):
    yield rng.random(20) < 0.8, _draws(rng, 20)
    yield rng.normal(size=15), _draws(rng, 15)
    yield np.array([True]), _draws(rng, 1)  # one test example: no spread at all
    yield np.zeros(6), _draws(rng, 6)
    yield 300 + 50 * rng.normal(size=10), _draws(rng, 10), 0.8
    yield rng.random(12).astype(np.float32), _draws(rng, 12), 0.5


def _use_interval(obj, values, draws, level=0.95):
    return _numbers(obj(values, draws, level))


def _of_the_examples(values, draws, level=0.95):
    low, high = np.quantile(values.astype(float), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _down_the_columns(values, draws, level=0.95):
    low, high = np.quantile(values[draws].mean(axis=0), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _too_narrow(values, draws, level=0.95):
    low, high = np.quantile(values[draws].mean(axis=1), [1 - level, level])
    return float(low), float(high)


def _extremes(values, draws, level=0.95):
    means = values[draws].mean(axis=1)
    return float(means.min()), float(means.max())


def _two_standard_errors(values, draws, level=0.95):
    means = values[draws].mean(axis=1)
    return float(values.mean() - 1.96 * means.std()), float(values.mean() + 1.96 * means.std())


def _one_standard_error(values, draws, level=0.95):
    means = values[draws].mean(axis=1)
    return float(values.mean() - means.std()), float(values.mean() + means.std())


def _spread_of_examples(values, draws, level=0.95):
    return float(values.mean() - 1.96 * values.std()), float(values.mean() + 1.96 * values.std())


def _level_ignored(values, draws, level=0.95):
    return comparison.bootstrap_interval(values, draws, 0.95)


def _turned_round(values, draws, level=0.95):
    return comparison.bootstrap_interval(values, draws, level)[::-1]


def _sums(values, draws, level=0.95):
    low, high = comparison.bootstrap_interval(values, draws, level)
    return low * len(values), high * len(values)


def _percentile_units(values, draws, level=0.95):
    low, high = np.percentile(values[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _interval_by_loop(values, draws, level=0.95):
    means = sorted(float(np.mean([values[i] for i in rows])) for rows in draws)
    return np.percentile(means, [50 * (1 - level), 50 * (1 + level)])


interval = register(
    Exercise(
        id="bootstrap.interval",
        notebook="deep_or_classical",
        reference=comparison.bootstrap_interval,
        cases=_interval_cases,
        call=_use_interval,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "Each row of `draws` is a test set: N row numbers. `values[draws]` is a table, one test set a row.",
            "One mean for each drawn test set: `values[draws].mean(axis=1)`. Then leave out the same share at both ends.",
            "`np.quantile(means, [(1 - level) / 2, (1 + level) / 2])`: for a level of 0.95 the quantiles 0.025 and 0.975.",
        ],
        misconceptions={
            _of_the_examples: "These are quantiles of the examples themselves. What spreads is the *mean*: one for each drawn test set.",
            _down_the_columns: "You averaged over the drawn test sets (axis 0). Each *row* of draws is one test set: mean over axis 1.",
            _too_narrow: "You leave out 1 - level at *each* end. Half of it at each: (1 - level) / 2 and (1 + level) / 2.",
            _extremes: "These are the smallest and the largest mean: they move apart the more often you draw. Take quantiles.",
            _two_standard_errors: "This is mean plus or minus 1.96 standard errors: close for large N, but it assumes a bell curve. "
            "Take the quantiles of the drawn means.",
            _one_standard_error: "Plus or minus one standard error holds only about two thirds of the means. Take quantiles.",
            _spread_of_examples: "This is the spread of single examples. The mean of N of them spreads far less. Use the drawn means.",
            _level_ignored: "The level is an argument: 0.95 is only what it is if nothing is said.",
            _turned_round: "High comes first here: return low, high.",
            _sums: "These are sums. Divide by N: take the mean of each drawn test set.",
            _percentile_units: "`np.percentile` counts from 0 to 100, `np.quantile` from 0 to 1.",
        },
        variants=(_interval_by_loop,),
    )
)

# -- the difference of two methods -----------------------------------------------------------------------------------------


def _paired_cases(rng):
    both = rng.random(30)
    yield both < 0.8, both < 0.6, _draws(rng, 30)  # B is right only where A is
    yield rng.random(25) < 0.7, rng.random(25) < 0.8, _draws(rng, 25)
    yield np.array([True]), np.array([False]), _draws(rng, 1)
    yield np.zeros(8), np.zeros(8), _draws(rng, 8)
    yield (rng.random(16) < 0.5).astype(np.float32), (rng.random(16) < 0.9).astype(np.float32), _draws(rng, 16), 0.5
    yield 100.0 * (rng.random(12) < 0.5), 100.0 * (rng.random(12) < 0.5), _draws(rng, 12), 0.8  # in per cent


def _use_paired(obj, right_a, right_b, draws, level=0.95):
    return _numbers(obj(right_a, right_b, draws, level))


def _each_alone(right_a, right_b, draws, level=0.95):
    (low_a, high_a), (low_b, high_b) = (comparison.bootstrap_interval(r, draws, level) for r in (right_a, right_b))
    return float(np.mean(right_a) - np.mean(right_b)), low_a - high_b, high_a - low_b


def _ends_subtracted(right_a, right_b, draws, level=0.95):
    (low_a, high_a), (low_b, high_b) = (comparison.bootstrap_interval(r, draws, level) for r in (right_a, right_b))
    return float(np.mean(right_a) - np.mean(right_b)), low_a - low_b, high_a - high_b


def _b_minus_a(right_a, right_b, draws, level=0.95):
    return comparison.paired_bootstrap(right_b, right_a, draws, level)


def _without_sign(right_a, right_b, draws, level=0.95):
    gained = np.abs(right_a.astype(float) - right_b)
    return (float(gained.mean()), *comparison.bootstrap_interval(gained, draws, level))


def _share_won(right_a, right_b, draws, level=0.95):
    gained = (right_a > right_b).astype(float)
    return (float(gained.mean()), *comparison.bootstrap_interval(gained, draws, level))


def _interval_alone(right_a, right_b, draws, level=0.95):
    return comparison.paired_bootstrap(right_a, right_b, draws, level)[1:]


def _mean_of_draws(right_a, right_b, draws, level=0.95):
    gained = right_a.astype(float) - right_b
    return (float(gained[draws].mean()), *comparison.bootstrap_interval(gained, draws, level))


def _paired_too_narrow(right_a, right_b, draws, level=0.95):
    means = (right_a.astype(float) - right_b)[draws].mean(axis=1)
    return (float(np.mean(right_a) - np.mean(right_b)), *np.quantile(means, [1 - level, level]).tolist())


def _other_draws_for_b(right_a, right_b, draws, level=0.95):
    means = right_a[draws].mean(axis=1) - right_b[draws[::-1]].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(np.mean(right_a) - np.mean(right_b)), float(low), float(high)


def _truth_values_subtracted(right_a, right_b, draws, level=0.95):
    gained = right_a - right_b
    return (float(gained.mean()), *comparison.bootstrap_interval(gained, draws, level))


def _paired_level_ignored(right_a, right_b, draws, level=0.95):
    return comparison.paired_bootstrap(right_a, right_b, draws)


def _paired_by_accuracies(right_a, right_b, draws, level=0.95):
    differences = right_a[draws].mean(axis=1) - right_b[draws].mean(axis=1)
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2])
    return np.array([right_a.mean() - right_b.mean(), low, high])


paired = register(
    Exercise(
        id="bootstrap.paired",
        notebook="deep_or_classical",
        reference=comparison.paired_bootstrap,
        cases=_paired_cases,
        call=_use_paired,
        difficulty=3,
        minutes=8,
        points=2,
        hints=[
            "Both methods answered the same examples. For each example, what does A gain over B: 1, 0 or -1?",
            "The difference of the accuracies is the mean of that gain, so its interval is the interval of a mean: "
            "you have a function for that.",
            "`gained = right_a.astype(float) - right_b`, then `low, high = bootstrap_interval(gained, draws, level)`, then "
            "`return gained.mean(), low, high`.",
        ],
        misconceptions={
            _each_alone: "You made an interval for each method and subtracted the far ends. That is far too wide: an example that is "
            "hard for both moves both accuracies together. Take the interval of the *difference*.",
            _ends_subtracted: "Low minus low and high minus high is no interval of the difference. Subtract example by example first.",
            _other_draws_for_b: "A and B must be measured on the *same* drawn test sets: row k of draws for both.",
            _b_minus_a: "The sign is turned: A minus B, so that above 0 means that A is better.",
            _without_sign: "Without its sign the difference counts how often they disagree. Examples that only B gets right count -1.",
            _share_won: "You count only what A wins. Where only B is right, A loses: that is -1.",
            _interval_alone: "Return the difference first: `return difference, low, high`.",
            _mean_of_draws: "The difference itself is measured on the test set there is, not on the drawn ones. Those are for the interval.",
            _paired_too_narrow: "You leave out 1 - level at *each* end. Half of it at each.",
            _truth_values_subtracted: "NumPy does not subtract truth values. Make numbers of them first: `right_a.astype(float) - right_b`.",
            _paired_level_ignored: "Pass the level on to the interval.",
        },
        variants=(_paired_by_accuracies,),
    )
)
