"""Exercise of *Transfer learning*: a head in one formula, on the features of a network that stays as it is."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models.transfer import linear_probe

__all__ = ["scores"]


def _tables(rng, n, d, k, m, alpha, scale=1.0):
    """Features that have a mean and a spread of their own, and labels among which every class occurs."""
    mean, spread = 2 * rng.normal(size=d), rng.uniform(0.5, 3, size=d)
    labels = rng.permutation(np.r_[np.arange(k), rng.integers(0, k, n - k)])
    features, others = (scale * (mean + spread * rng.normal(size=(rows, d))) for rows in (n, m))
    return features, labels, others, alpha


def _cases(rng):
    """As with a network's features, columns are never fewer than rows."""
    yield _tables(rng, 7, 9, 3, 4, 1.0)
    yield _constant(_tables(rng, 6, 20, 2, 5, 0.5), [2, 11], [0.0, 2.0])  # some features are constant
    yield _constant(_tables(rng, 14, 15, 4, 6, 2.0), [1], [0.0])
    yield _tables(rng, 8, 8, 3, 1, 1.0)  # a batch of one
    features, labels, others, alpha = _tables(rng, 6, 10, 2, 3, 0.1)
    yield features, labels, np.zeros_like(others), alpha
    yield _tables(rng, 9, 11, 3, 5, 3.0, scale=100.0)
    features, labels, others, alpha = _tables(rng, 8, 12, 3, 4, 1.0)
    yield features.astype(np.float32), labels, others.astype(np.float32), alpha


def _constant(tables, columns, values):
    """Some features do not vary among the rows to learn from; among the others they do."""
    tables[0][:, columns] = values
    return tables


_EXPLAINED = {  # what NumPy raises, and where to look
    ValueError: "A is (N, D), A A^T is N by N and so is its identity, T is (N, K), W is (D, K), and the scores are "
    "(M, D) times (D, K). Print the shapes.",
    IndexError: "Labels begin at 0: K is one more than the largest.",
    np.linalg.LinAlgError: "A A^T by itself has no inverse, since the mean is taken away. First add `alpha * np.eye(N)`, "
    "then solve.",
}


def _use(obj, features, labels, others, alpha):
    try:
        found = obj(features, labels, others, alpha)
    except (ValueError, IndexError) as error:  # LinAlgError is a ValueError
        if not isinstance(error, IndexError) or "out of bounds" in str(error):
            error.args = (f"{error}. {_EXPLAINED.get(type(error), '')}".strip(),)
        raise
    if found is None:
        raise UnusableAnswerError("Nothing comes back. End with `return`.")
    return found


def _probe(
    centre=lambda a, o: (a.mean(axis=0), a.std(axis=0)),
    zero=lambda std: np.where(std == 0, 1, std),
    root=np.sqrt,
    targets=lambda y, k: np.eye(k)[y],
    weights=lambda a, t, alpha: a.T @ np.linalg.inv(a @ a.T + alpha * np.eye(len(a))) @ t,
    after=lambda found: found,
    own=False,
):
    """An answer in parts; a wrong one changes one of them."""

    def answer(features, labels, others, alpha):
        k = labels.max() + 1
        mean, std = centre(features, others)
        scale = zero(std) * root(features.shape[1])
        a = (features - mean) / scale
        if own:
            mean, std = centre(others, features)
            scale = zero(std) * root(features.shape[1])
        return after((others - mean) / scale @ weights(a, targets(labels, k), alpha))

    return answer


def _primal(a, t, alpha):
    return np.linalg.solve(a.T @ a + alpha * np.eye(a.shape[1]), a.T @ t)


_by_their_own = _probe(own=True)
_both_together = _probe(lambda a, o: (np.r_[a, o].mean(axis=0), np.r_[a, o].std(axis=0)))
_by_the_others = _probe(lambda a, o: (o.mean(axis=0), o.std(axis=0)))
_not_centred = _probe(lambda a, o: (0 * a.mean(axis=0), a.std(axis=0)))
_only_centred = _probe(lambda a, o: (a.mean(axis=0), np.ones(a.shape[1])))
_not_standardised = _probe(lambda a, o: (np.zeros(a.shape[1]), np.ones(a.shape[1])))
_variance = _probe(lambda a, o: (a.mean(axis=0), a.var(axis=0)))
_ddof = _probe(lambda a, o: (a.mean(axis=0), a.std(axis=0, ddof=1)))
_one_mean = _probe(lambda a, o: (a.mean(), a.std()))
_divided_by_zero = _probe(zero=lambda std: std)
_plus_a_little = _probe(zero=lambda std: std + 1e-10)  # right: the weight of a feature that does not vary is 0
_targets_centred = _probe(targets=lambda y, k: np.eye(k)[y] - 1 / k)  # right: A has no mean, and takes T's away
_no_root = _probe(root=lambda d: 1)
_by_d = _probe(root=lambda d: d)
_plus_and_minus = _probe(targets=lambda y, k: 2 * np.eye(k)[y] - 1)
_one_number = _probe(targets=lambda y, k: y.astype(float))
_winners = _probe(after=lambda found: found.argmax(axis=1))
_transposed = _probe(after=lambda found: found.T)
_alpha_by_n = _probe(weights=lambda a, t, alpha: _primal(a, t, alpha * len(a)))
_alpha_squared = _probe(weights=lambda a, t, alpha: _primal(a, t, alpha**2))
_no_alpha = _probe(weights=lambda a, t, alpha: np.linalg.lstsq(a, t, rcond=None)[0])
_alpha_everywhere = _probe(weights=lambda a, t, alpha: a.T @ np.linalg.pinv(a @ a.T + alpha) @ t)
_alpha_subtracted = _probe(weights=lambda a, t, alpha: a.T @ np.linalg.inv(a @ a.T - alpha * np.eye(len(a))) @ t)
_no_inverse = _probe(weights=lambda a, t, alpha: a.T @ (a @ a.T + alpha * np.eye(len(a))) @ t)
_inverse_of_each = _probe(weights=lambda a, t, alpha: a.T @ (1 / (a @ a.T + alpha * np.eye(len(a)))) @ t)
_plus_a_millionth = _probe(zero=lambda std: std + 1e-6)
_root_of_n = _probe(weights=lambda a, t, alpha: _primal(a, t, alpha * len(a) / a.shape[1]))
_times_root = _probe(root=lambda d: 1 / np.sqrt(d))
_one_and_a_share = _probe(targets=lambda y, k: np.where(np.eye(k)[y] == 1, 1, -1 / k))
_softmax = _probe(after=lambda found: np.exp(found) / np.exp(found).sum(axis=1, keepdims=True))


def _scores_of_the_learned(features, labels, others, alpha):
    return linear_probe(features, labels, features, alpha=alpha)


def _others_as_they_are(features, labels, others, alpha):
    mean, std = features.mean(axis=0), features.std(axis=0)
    a = (features - mean) / np.where(std == 0, 1, std) / np.sqrt(features.shape[1])
    return others @ _primal(a, _one_hot(labels), alpha)


def _standardised(features, others):
    mean, std = features.mean(axis=0), features.std(axis=0)
    scale = np.where(std == 0, 1, std) * np.sqrt(features.shape[1])
    return (features - mean) / scale, (others - mean) / scale


def _one_hot(labels):
    return np.eye(labels.max() + 1)[labels] - 1 / (labels.max() + 1)


def _weights_alone(features, labels, others, alpha):
    return _primal(_standardised(features, others)[0], _one_hot(labels), alpha)


def _with_intercept(features, labels, others, alpha):
    return linear_probe(features, labels, others, alpha=alpha) + _one_hot(labels).mean(axis=0)


def _root_at_the_end(features, labels, others, alpha):
    a, b = _standardised(features, others)
    return b @ _primal(a * np.sqrt(features.shape[1]), _one_hot(labels), alpha)


def _centred_in_place(features, labels, others, alpha):
    mean = features.mean(axis=0)
    return linear_probe(features - mean, labels, others, alpha=alpha)


def _constant_thrown_out(features, labels, others, alpha):
    kept = features.std(axis=0) > 0
    return linear_probe(features[:, kept], labels, others[:, kept], alpha=alpha)


def _by_rows(features, labels, others, alpha):
    a, b = ((x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True) for x in (features, others))
    d = np.sqrt(features.shape[1])
    return b / d @ _primal(a / d, _one_hot(labels), alpha)


def _others_without_root(features, labels, others, alpha):
    return linear_probe(features, labels, others, alpha=alpha) * np.sqrt(features.shape[1])


def _in_d(features, labels, others, alpha):
    """Right: the other side of the same formula, a table of D by D."""
    mean, std = features.mean(axis=0), features.std(axis=0)
    std[std == 0] = 1
    a, b = (features - mean) / std, (others - mean) / std
    return b @ _primal(a, _one_hot(labels), alpha * features.shape[1])


def _by_least_squares(features, labels, others, alpha):
    """Right: rows of a table that stand for the penalty."""
    n, d = features.shape
    k = labels.max() + 1
    std = features.std(axis=0)
    scale = np.where(std > 0, std, 1) * np.sqrt(d)
    a, b = ((x - features.mean(axis=0)) / scale for x in (features, others))
    t = np.full((n, k), -1 / k)
    t[np.arange(n), labels] += 1
    table, wanted = np.vstack([a, np.sqrt(alpha) * np.eye(d)]), np.vstack([t, np.zeros((d, k))])
    return b @ np.linalg.lstsq(table, wanted, rcond=None)[0]


_DOUBLE = "The rows to be scored are pictures that nobody has seen yet: "

scores = register(
    Exercise(
        id="probe.scores",
        notebook="transfer_learning",
        reference=linear_probe,
        cases=_cases,
        call=_use,
        difficulty=3,
        minutes=15,
        points=3,
        seconds=5.0,
        hints=[
            "Four steps: mean and standard deviation of `features`; A and T; W; then the others, made the same way as A, "
            "times W.",
            "`std = features.std(axis=0)`, and where it is 0, put 1. A is (features - mean) / (std * sqrt(D)). T is "
            "`np.eye(K)[labels]`.",
            "`W = A.T @ np.linalg.solve(A @ A.T + alpha * np.eye(N), T)`, and "
            "`return (others - mean) / (std * np.sqrt(D)) @ W`.",
        ],
        misconceptions={
            _by_their_own: _DOUBLE
            + "you standardise them by their own mean and spread. Use those of `features` for both.",
            _both_together: _DOUBLE
            + "you take mean and spread of both tables together. Use those of `features` alone.",
            _by_the_others: "Mean and spread are those of `others`. Use those of `features`, for both tables.",
            _others_as_they_are: "The others are not standardised. The weights know only features that have been: subtract "
            "the same mean, divide by the same numbers.",
            _others_without_root: "The others are not divided by the root of D. What was done to `features` is done to them.",
            _not_centred: "The mean is not subtracted. Without it a feature's level counts as much as its changes.",
            _only_centred: "Only the mean is subtracted. Divide by the standard deviation too, or the features with the "
            "largest numbers decide.",
            _not_standardised: "The features go in as they are. Subtract their mean and divide by their standard deviation.",
            _variance: "You divide by the variance. The standard deviation is its root: `std(axis=0)`.",
            _ddof: "You divide by N - 1 inside the standard deviation (`ddof=1`). Here it is NumPy's plain `std(axis=0)`.",
            _one_mean: "One mean and one spread for the whole table. Each feature has its own: `axis=0`.",
            _divided_by_zero: "A feature that does not vary has a standard deviation of 0, and 0 / 0 is nan. Put 1 in its "
            "place: `np.where(std == 0, 1, std)`.",
            _plus_a_millionth: "You add a small number to every standard deviation, so all scores are a little off. Put 1 in "
            "the place of a 0, and leave the others.",
            _constant_thrown_out: "You throw out features that do not vary. D counts all of them: only put 1 in the place of "
            "their standard deviation.",
            _by_rows: "You take mean and spread of each row. Each *feature* has its own: `axis=0`.",
            _centred_in_place: "The mean is not subtracted from the others. (After `features -= features.mean(axis=0)` the mean "
            "of `features` is 0: keep it under a name, and leave `features` as it is.)",
            _root_of_n: "You divide by the root of N, the number of rows. It is that of D, the number of features.",
            _times_root: "You multiply by the root of D. In `x / std * np.sqrt(D)` the root stands above the line: brackets.",
            _root_at_the_end: "The others are divided by the root of D, the features that were learned from are not. Both are.",
            _no_root: "The division by the root of D is missing: without it `alpha` means something else for every number "
            "of features.",
            _by_d: "`alpha` counts D times too much: either you divide by D where its root is meant, `np.sqrt(D)`, or you "
            "multiply `alpha` by D.",
            _plus_and_minus: "T is +1 and -1. It is 1 for a row's class, and 0 elsewhere.",
            _one_number: "You fit the labels as if they were amounts. Class 2 is not twice class 1: one column a class, "
            "`np.eye(K)[labels]`.",
            _one_and_a_share: "T is 1 for a row's class and -1/K elsewhere. Elsewhere it is 0.",
            _with_intercept: "An intercept is added. Leave it out (`fit_intercept=False`): the features have no mean.",
            _weights_alone: "You return the weights W. Asked are the scores of `others`: their features, standardised, times W.",
            _winners: "You return the winning classes. Asked are the scores, one column a class.",
            _transposed: "The table is transposed: one row for each of `others`, one column a class.",
            _softmax: "You took a softmax. Asked are the scores themselves.",
            _alpha_by_n: "`alpha` is multiplied by N here. It stands alone before the identity.",
            _alpha_squared: "`alpha` is squared. It stands alone before the identity.",
            _no_alpha: "`alpha` is missing: then the weights fit every label exactly where there are more features than rows.",
            _alpha_everywhere: "`+ alpha` adds it to every number of the table. It belongs on the diagonal: "
            "`alpha * np.eye(N)`.",
            _alpha_subtracted: "`alpha` is subtracted. It is added: it makes the table easier to turn around.",
            _inverse_of_each: "`1 / table` and `table ** -1` turn each number around. The inverse of a table is another thing: "
            "`np.linalg.solve(A @ A.T + alpha * np.eye(N), T)`.",
            _no_inverse: "The inverse is missing: `np.linalg.solve(A @ A.T + alpha * np.eye(N), T)`.",
            _scores_of_the_learned: "These are the scores of the rows that were learned from. Asked are those of `others`.",
        },
        variants=(_in_d, _by_least_squares, _plus_a_little, _targets_centred),
    )
)
