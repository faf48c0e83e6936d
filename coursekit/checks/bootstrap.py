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


def _mean_forgotten(values, draws, level=0.95):
    low, high = np.quantile(values[draws], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _quantiles_of_means(values, draws, shares):
    low, high = np.quantile(values[draws].mean(axis=1), shares)
    return float(low), float(high)


def _one_end_only(values, draws, level=0.95):
    return _quantiles_of_means(values, draws, [1 - level, 1])


def _from_the_bottom(values, draws, level=0.95):
    return _quantiles_of_means(values, draws, [0, level])


def _half_the_level(values, draws, level=0.95):
    return _quantiles_of_means(values, draws, [1 - level / 2, level / 2])


def _counted_off(values, draws, level=0.95):
    means, s = np.sort(values[draws].mean(axis=1)), len(draws)
    return float(means[int(s * (1 - level) / 2)]), float(means[int(s * (1 + level) / 2) - 1])


def _binomial(values, draws, level=0.95):
    p = values.mean()
    away = 1.96 * np.sqrt(np.abs(p * (1 - p)) / len(values))
    return float(p - away), float(p + away)


def _error_of_the_mean_of_means(values, draws, level=0.95):
    away = 1.96 * values[draws].mean(axis=1).std() / np.sqrt(len(draws))
    return float(values.mean() - away), float(values.mean() + away)


def _row_numbers_averaged(values, draws, level=0.95):
    low, high = np.quantile(draws.mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _medians(values, draws, level=0.95):
    low, high = np.quantile(np.median(values[draws], axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _in_per_cent(values, draws, level=0.95):
    low, high = comparison.bootstrap_interval(values, draws, level)
    return 100 * low, 100 * high


def _distances(values, draws, level=0.95):
    low, high = comparison.bootstrap_interval(values, draws, level)
    return float(low - values.mean()), float(high - values.mean())


def _divided_by_the_draws(values, draws, level=0.95):
    low, high = np.quantile(values[draws].sum(axis=1) / len(draws), [(1 - level) / 2, (1 + level) / 2])
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
            _mean_forgotten: "Take the mean of each drawn test set first, `values[draws].mean(axis=1)`; then the quantiles of these means.",
            _one_end_only: "You leave out everything at the lower end. Half of 1 - level at each end.",
            _from_the_bottom: "You leave out everything at the upper end. Half of 1 - level at each end.",
            _half_the_level: "level / 2 is not what is left out. At each end it is (1 - level) / 2.",
            _counted_off: "Counting off sorted means comes close, but np.quantile also interpolates between two of them. Use it.",
            _binomial: "This is a formula for shares and bell curves, sqrt(p (1 - p) / N). Take the quantiles of the drawn means: "
            "they serve for any mean.",
            _error_of_the_mean_of_means: "You divided by sqrt(S): more draws would make the interval as narrow as you like. "
            "The drawn means themselves spread as the accuracy does.",
            _row_numbers_averaged: "You averaged the row numbers. Look up the values first: values[draws].",
            _medians: "You took the median of each drawn test set. The mean was asked for.",
            _in_per_cent: "You multiplied by 100. Leave the unit of `values` as it is.",
            _distances: "These are distances from the mean. Return the two ends themselves.",
            _divided_by_the_draws: "You divided by S, the number of test sets. Each test set has N examples: mean over axis 1.",
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


def _disagreements(right_a, right_b, draws, level=0.95):
    gained = right_a != right_b
    return (float(gained.mean()), *comparison.bootstrap_interval(gained, draws, level))


def _small_whole_numbers(right_a, right_b, draws, level=0.95):
    gained = right_a.astype(np.uint8) - right_b.astype(np.uint8)
    return (float(gained.mean()), *comparison.bootstrap_interval(gained, draws, level))


def _per_accuracy_of_b(right_a, right_b, draws, level=0.95):
    return tuple(
        part / max(float(right_b.mean()), 1e-9) for part in comparison.paired_bootstrap(right_a, right_b, draws, level)
    )


def _difference_last(right_a, right_b, draws, level=0.95):
    difference, low, high = comparison.paired_bootstrap(right_a, right_b, draws, level)
    return low, high, difference


def _difference_between(right_a, right_b, draws, level=0.95):
    difference, low, high = comparison.paired_bootstrap(right_a, right_b, draws, level)
    return low, difference, high


def _where_they_disagree(right_a, right_b, draws, level=0.95):
    gained = right_a.astype(float) - right_b
    some = gained[gained != 0]
    return (float(some.mean()) if len(some) else 0.0, *comparison.bootstrap_interval(gained, draws, level))


def _gains_summed(right_a, right_b, draws, level=0.95):
    difference, low, high = comparison.paired_bootstrap(right_a, right_b, draws, level)
    return difference * len(right_a), low, high


def _size_of_the_difference(right_a, right_b, draws, level=0.95):
    difference, low, high = comparison.paired_bootstrap(right_a, right_b, draws, level)
    return abs(difference), low, high


def _middle_of_the_interval(right_a, right_b, draws, level=0.95):
    _, low, high = comparison.paired_bootstrap(right_a, right_b, draws, level)
    return (low + high) / 2, low, high


def _interval_of_a(right_a, right_b, draws, level=0.95):
    return (float(np.mean(right_a) - np.mean(right_b)), *comparison.bootstrap_interval(right_a, draws, level))


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
            _disagreements: "`!=` counts how often the two disagree. Where only B is right, A loses: that is -1.",
            _small_whole_numbers: "uint8 knows no -1: 0 - 1 gives 255. Make floats: `right_a.astype(float) - right_b`.",
            _per_accuracy_of_b: "You divided by B's accuracy. The plain difference was asked for.",
            _difference_last: "The order is: difference, low, high. You return the difference last.",
            _difference_between: "The order is: difference, low, high. You return the difference in the middle.",
            _where_they_disagree: "You averaged only over the examples on which they disagree. Those on which both agree count 0, but they count.",
            _gains_summed: "The difference is a sum here. Divide by N: the mean of the gains.",
            _size_of_the_difference: "You took the difference without its sign. Below 0 means that B is better.",
            _middle_of_the_interval: "The difference is measured, not the middle of the interval: accuracy of A minus accuracy of B.",
            _interval_of_a: "This is the interval of A's accuracy. Take the interval of the difference, example by example.",
            _paired_level_ignored: "Pass the level on to the interval.",
        },
        variants=(_paired_by_accuracies,),
    )
)
