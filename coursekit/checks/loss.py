"""Exercises of *The forward pass*, second half: from scores to probabilities, and from probabilities to a loss."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import functional as F

__all__ = ["cross_entropy", "softmax"]

# -- softmax -----------------------------------------------------------------------------------------------------------


def _softmax_cases(rng):
    yield rng.normal(size=(4, 3))
    yield rng.normal(size=(1, 5))  # a batch of one
    yield np.array([[1000.0, 0.0, -1000.0]])  # would overflow without the shift
    yield np.zeros((2, 7))
    yield 3 * rng.normal(size=(6, 10)).astype(np.float32)
    yield rng.normal(size=(3, 3))  # square: the wrong axis goes unnoticed by shape
    yield np.array([[0.0, 0.0], [1000.0, 1001.0], [-1000.0, -999.0]])  # each row needs its own shift


def _log_of_softmax(z):
    return np.log(F.softmax(z))


def _sums_over_the_batch(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=0, keepdims=True)


def _one_sum_for_the_whole_batch(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def _overflows(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def _one_shift_for_the_whole_batch(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=1, keepdims=True)


def _clipped(z):
    e = np.exp(np.clip(z, -500, 500))
    return e / e.sum(axis=1, keepdims=True)


def _columns_without_shift(z):
    e = np.exp(z)
    return e / e.sum(axis=0)


def _columns_by_transposing(z):
    return F.softmax(z.T).T


def _whole_sum_without_shift(z):
    e = np.exp(z)
    return e / e.sum()


def _log_by_log_sum_exp(z):
    return F.log_softmax(z)


def _without_exponential(z):
    shifted = z - z.min(axis=1, keepdims=True)
    return shifted / shifted.sum(axis=1, keepdims=True)


def _each_row_alone(z):
    rows = []
    for row in z:
        shifted = [np.exp(value - max(row)) for value in row]
        rows.append([value / sum(shifted) for value in shifted])
    return np.array(rows)


softmax = register(
    Exercise(
        id="loss.softmax",
        notebook="forward_pass",
        reference=F.softmax,
        cases=_softmax_cases,
        difficulty=2,
        minutes=6,
        points=2,
        hints=[
            "Each row is one example: every row must sum to 1.",
            "Subtracting the same number from all scores of a row changes nothing. Which number keeps `exp` from overflowing?",
            "`z - z.max(axis=1, keepdims=True)`, then exponentiate and divide by the row's sum with `keepdims=True`.",
        ],
        misconceptions={
            _sums_over_the_batch: "You normalised down the columns: each *class* sums to 1 over the batch. "
            "It should be each example over its classes (axis=1).",
            _one_sum_for_the_whole_batch: "You divided by one sum for the whole batch. Every example needs its own: "
            "sum over axis=1 and keep the dimension.",
            _overflows: "Right for small scores, but `exp(1000)` overflows to inf and inf / inf is NaN. "
            "Subtract each row's maximum first.",
            _one_shift_for_the_whole_batch: "You subtracted one maximum for the whole batch: in a row far below it every term becomes 0, "
            "and 0 / 0 is NaN. Take each row's own maximum.",
            _clipped: "Clipping avoids the overflow but changes the *differences* of large scores. Subtract each row's maximum instead.",
            _columns_without_shift: "You normalised down the columns: each *class* sums to 1 over the batch. "
            "It should be each example over its classes (axis=1).",
            _columns_by_transposing: "You normalised down the columns: each *class* sums to 1 over the batch. "
            "It should be each example over its classes (axis=1).",
            _whole_sum_without_shift: "You divided by one sum for the whole batch. Every example needs its own: "
            "sum over axis=1 and keep the dimension.",
            _log_by_log_sum_exp: "These are logarithms of probabilities. Return the probabilities themselves.",
            _log_of_softmax: "These are logarithms of probabilities. Return the probabilities themselves.",
            _without_exponential: "You divided the scores by their sum without `exp`. That treats a score as an amount; "
            "softmax turns *differences* of scores into *ratios* of probabilities.",
        },
        variants=(_each_row_alone,),
    )
)

# -- cross-entropy -----------------------------------------------------------------------------------------------------


def _entropy_cases(rng):
    yield np.zeros((2, 10)), np.array([3, 7])  # nothing known: log 10
    yield rng.normal(size=(5, 4)), rng.integers(0, 4, 5)
    yield rng.normal(size=(1, 3)), np.array([2])  # a batch of one
    yield np.array([[1000.0, 0.0], [0.0, 1000.0]]), np.array([1, 1])  # sure and wrong, sure and right
    yield 2 * rng.normal(size=(8, 6)).astype(np.float32), rng.integers(0, 6, 8)


def _picked(z, labels):
    return F.log_softmax(z)[np.arange(len(z)), labels]


def _entropy_summed(z, labels):
    return -_picked(z, labels).sum()


def _entropy_sign(z, labels):
    return _picked(z, labels).mean()


def _entropy_of_scores(z, labels):
    return -np.log(z[np.arange(len(z)), labels]).mean()


def _softmax_twice(z, labels):
    return F.cross_entropy(F.softmax(z), labels)


def _all_label_columns(z, labels):
    return -F.log_softmax(z)[:, labels].mean()


def _hides_infinity(z, labels):
    return -np.log(F.softmax(z)[np.arange(len(z)), labels] + 1e-12).mean()


def _logarithm_missing(z, labels):
    return -F.softmax(z)[np.arange(len(z)), labels].mean()


def _entropy_over_classes(z, labels):
    return -_picked(z, labels).sum() / z.size


def _entropy_overflows(z, labels):
    return -np.log(F.softmax(z)[np.arange(len(z)), labels]).mean()


def _entropy_of_all_classes(z, labels):
    return -F.log_softmax(z).sum(axis=1).mean()


def _entropy_each(z, labels):
    return -_picked(z, labels)


def _entropy_bits(z, labels):
    return -_picked(z, labels).mean() / np.log(2)


def _entropy_by_loop(z, labels):
    total = 0.0
    for row, label in zip(z, labels, strict=True):
        largest = max(row)
        total += largest + np.log(sum(np.exp(v - largest) for v in row)) - row[label]
    return total / len(labels)


cross_entropy = register(
    Exercise(
        id="loss.cross_entropy",
        notebook="forward_pass",
        reference=F.cross_entropy,
        cases=_entropy_cases,
        difficulty=3,
        minutes=10,
        points=3,
        hints=[
            "For each row: the logarithm of the probability of its *right* class. Then the mean, with a minus.",
            "log softmax(z) = z - log_sum_exp(z). Working with logarithms from the start, nothing can round to log 0.",
            "`log_p = z - log_sum_exp(z)`, pick `log_p[np.arange(len(z)), labels]`, return `-picked.mean()`.",
        ],
        misconceptions={
            _entropy_summed: "You summed over the examples. Take the mean: then the loss does not depend on the size of the batch.",
            _entropy_sign: "The sign is turned: log-probabilities are negative, and the loss is *minus* their mean.",
            _entropy_of_scores: "You took the logarithm of the scores. They are no probabilities yet (and may be negative): softmax comes first.",
            _softmax_twice: "You applied softmax twice. z are scores: log softmax(z) is all that is needed.",
            _all_label_columns: "`z[:, labels]` takes *all* label columns for every row. Pick one number per row: "
            "`log_p[np.arange(len(z)), labels]`.",
            _hides_infinity: "Adding a tiny number hides the loss of a confidently wrong answer: where 1000 is right you report 28. "
            "Compute log softmax directly: z - log_sum_exp(z).",
            _logarithm_missing: "The logarithm is missing: these are probabilities. Take minus the mean of their logarithms.",
            _entropy_over_classes: "You divided by N times K. One number is picked per example, so divide by N.",
            _entropy_overflows: "Right for small scores, but a probability below 1e-308 rounds to 0 and its logarithm is -inf. "
            "Compute log softmax directly: z - log_sum_exp(z).",
            _entropy_of_all_classes: "You added up all classes. Only the probability of the *right* class counts.",
            _entropy_each: "This is one loss per example. Return their mean, one number.",
            _entropy_bits: "Right, but in bits: you used the logarithm to base 2. The loss uses the natural logarithm.",
        },
        variants=(_entropy_by_loop,),
    )
)
