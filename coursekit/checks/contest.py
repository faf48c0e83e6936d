"""Exercises of *Deep or classical*: a fair protocol."""

import numpy as np

from coursekit import tuning
from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.metrics import accuracy

__all__ = ["tune_and_test"]

NOT_YET_USED = "The third value is a function. Use it: predict(x_test) gives the classes of the test rows."


def _centres(x, y, columns):
    """A method with one thing to choose: to which class's mean is a row nearest, seen in its first columns?"""
    means = np.stack([x[y == k, :columns].mean(axis=0) for k in range(int(y.max()) + 1)])  # (K, columns)

    def predict(new):
        return ((new[:, None, :columns] - means) ** 2).sum(axis=-1).argmin(axis=1)

    return predict


def _neighbours(x, y, k):
    """A method that knows its training rows by heart: the vote of the k nearest."""

    def predict(new):
        nearest = ((new[:, None] - x) ** 2).sum(axis=-1).argsort(axis=1, kind="stable")[:, :k]
        return np.array([np.bincount(y[row]).argmax() for row in nearest])

    return predict


def _above(x, y, cut):
    """A method that learns nothing: is the first number above the cut?"""
    return lambda new: (new[:, 0] > cut).astype(int)


def _rows(rng, n, d=4, signal=1.2, kind=np.float64):
    y = np.arange(n) % 2
    x = rng.normal(size=(n, d))
    x[:, 0] += signal * y
    return x.astype(kind), y


def _protocol_cases(rng):
    ways = [{"k": k} for k in (1, 9, 3, 5)]
    yield _neighbours, ways, _rows(rng, 40), _rows(rng, 30), _rows(rng, 50)[0]
    yield _neighbours, ways, _rows(rng, 40), _rows(rng, 30), _rows(rng, 60)[0]
    cuts = [{"cut": c} for c in (6.5, 8.5, 3.5, 3.6, 1.5)]  # the third and the fourth are equally good
    line = np.arange(10.0)[:, None], (np.arange(10) > 3).astype(int)
    yield _above, cuts, line, line, rng.normal(4, 3, size=(12, 1))
    widths = [{"columns": c} for c in (4, 1, 2)]
    yield _centres, widths, _rows(rng, 20), _rows(rng, 20, signal=3), _rows(rng, 40)[0]
    yield _centres, widths, _rows(rng, 12), _rows(rng, 14), _rows(rng, 1)[0]  # a single test row
    zeros = np.zeros((6, 4))
    yield _centres, widths, (zeros, np.arange(6) % 2), (zeros, np.arange(6) % 2), np.zeros((3, 4))  # all trials alike
    large = _rows(rng, 16)[0] * 1000
    yield _centres, widths[::-1], (large, np.arange(16) % 2), (large[::-1], np.arange(16) % 2), large[:5]
    yield _neighbours, ways[:2], _rows(rng, 30, kind=np.float32), _rows(rng, 20, kind=np.float32), large[:7]


def _run(fit, settings, train, validation, x_test, *, score_on=None, best=np.argmax, refit=("train", "validation")):
    """The protocol with one thing done differently."""
    parts = {"train": train, "validation": validation}
    x, y = score_on or validation
    scores = [accuracy(fit(*train, **trial)(x), y) for trial in settings]
    chosen = settings[int(best(scores))]
    rows = [np.concatenate(columns) for columns in zip(*(parts[p] for p in refit), strict=True)]
    return chosen, scores, fit(*rows, **chosen)(x_test)


def _scored_on_training(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, score_on=train)


def _worst(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, best=np.argmin)


def _never_refitted(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, refit=("train",))


def _refitted_on_validation(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, refit=("validation",))


def _last_of_equals(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, best=lambda s: len(s) - 1 - np.argmax(s[::-1]))


def _first_trial(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, best=lambda s: 0)


def _last_trial(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, best=lambda s: -1)


def _number_of_trial(fit, settings, train, validation, x_test):
    chosen, scores, predicted = _run(fit, settings, train, validation, x_test)
    return settings.index(chosen), scores, predicted


def _best_score_only(fit, settings, train, validation, x_test):
    chosen, scores, predicted = _run(fit, settings, train, validation, x_test)
    return chosen, max(scores), predicted


def _roles_swapped(fit, settings, train, validation, x_test):
    return _run(fit, settings, validation, train, x_test)


def _fitted_on_both_before(fit, settings, train, validation, x_test):
    both = tuple(np.concatenate(columns) for columns in zip(train, validation, strict=True))
    scores = [accuracy(fit(*both, **trial)(validation[0]), validation[1]) for trial in settings]
    chosen = settings[int(np.argmax(scores))]
    return chosen, scores, fit(*both, **chosen)(x_test)


def _scored_on_both(fit, settings, train, validation, x_test):
    both = tuple(np.concatenate(columns) for columns in zip(train, validation, strict=True))
    return _run(fit, settings, train, validation, x_test, score_on=both)


def _errors_listed(fit, settings, train, validation, x_test):
    chosen, scores, predicted = _run(fit, settings, train, validation, x_test)
    return chosen, [1 - score for score in scores], predicted


def _per_cent(fit, settings, train, validation, x_test):
    chosen, scores, predicted = _run(fit, settings, train, validation, x_test)
    return chosen, [100 * score for score in scores], predicted


def _right_ones_counted(fit, settings, train, validation, x_test):
    chosen, scores, predicted = _run(fit, settings, train, validation, x_test)
    return chosen, [score * len(validation[1]) for score in scores], predicted


def _scores_sorted(fit, settings, train, validation, x_test):
    chosen, scores, predicted = _run(fit, settings, train, validation, x_test)
    return chosen, sorted(scores, reverse=True), predicted


def _predicts_the_validation_rows(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, validation[0])


def _last_fit_of_the_loop(fit, settings, train, validation, x_test):
    chosen, scores, _ = _run(fit, settings, train, validation, x_test)
    return chosen, scores, fit(*train, **settings[-1])(x_test)


def _refitted_with_the_last_trial(fit, settings, train, validation, x_test):
    chosen, scores, _ = _run(fit, settings, train, validation, x_test)
    return chosen, scores, _run(fit, settings, train, validation, x_test, best=lambda s: -1)[2]


def _refitted_with_the_first_trial(fit, settings, train, validation, x_test):
    chosen, scores, _ = _run(fit, settings, train, validation, x_test)
    return chosen, scores, _run(fit, settings, train, validation, x_test, best=lambda s: 0)[2]


def _scores_come_first(fit, settings, train, validation, x_test):
    chosen, scores, predicted = _run(fit, settings, train, validation, x_test)
    return scores, chosen, predicted


def _scores_come_last(fit, settings, train, validation, x_test):
    chosen, scores, predicted = _run(fit, settings, train, validation, x_test)
    return chosen, predicted, scores


def _rows_added_up(fit, settings, train, validation, x_test):
    chosen, scores, _ = _run(fit, settings, train, validation, x_test)
    return chosen, scores, fit(train[0] + validation[0], train[1] + validation[1], **chosen)(x_test)


def _a_function_returned(fit, settings, train, validation, x_test):
    chosen, scores, _ = _run(fit, settings, train, validation, x_test)
    return chosen, scores, fit


def _protocol_by_loop(fit, settings, train, validation, x_test):
    (x, y), (x_val, y_val) = train, validation
    scores, best = [], -1.0
    for trial in settings:
        scores.append(float(np.mean(fit(x, y, **trial)(x_val) == y_val)))
        if scores[-1] > best:
            best, chosen = scores[-1], trial
    return chosen, scores, fit(np.vstack([x, x_val]), np.append(y, y_val), **chosen)(x_test)


def _use_protocol(obj, fit, settings, train, validation, x_test):
    """Scores may be an array as well as a list."""
    answer = obj(fit, settings, train, validation, x_test)
    if isinstance(answer, tuple | list):
        answer = tuple(
            part.tolist() if k == 1 and isinstance(part, np.ndarray) else part for k, part in enumerate(answer)
        )
        if len(answer) == 3 and callable(answer[2]):
            raise UnusableAnswerError(NOT_YET_USED)
    return answer


tune_and_test = register(
    Exercise(
        id="contest.tune_and_test",
        notebook="deep_or_classical",
        reference=tuning.tune_and_test,
        cases=_protocol_cases,
        call=_use_protocol,
        alias_ok=True,  # what is chosen is one of the settings that were handed in
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "Three steps. Score every trial: fit on the training rows, predict the validation rows. Choose. Then fit once more and predict.",
            "`predict = fit(*train, **trial)` gives a function; `accuracy(predict(validation[0]), validation[1])` is its score. "
            "The last fit takes training *and* validation rows: they have done their service.",
            "`chosen = settings[int(np.argmax(scores))]`; `x = np.concatenate([train[0], validation[0]])`, the same for y; "
            "`return chosen, scores, fit(x, y, **chosen)(x_test)`.",
        ],
        misconceptions={
            _scored_on_training: "You score on the training rows: the method that learns them by heart wins. Score on the validation rows.",
            _worst: "You took the trial with the lowest score. Accuracy is better when it is higher: np.argmax.",
            _never_refitted: "The last fit has only the training rows. Once the choice is made, let it learn from the validation rows too.",
            _refitted_on_validation: "The last fit has only the validation rows. Take training and validation rows together.",
            _last_of_equals: "Among equally good trials take the first, as np.argmax does: your code takes the last.",
            _first_trial: "You always take the first trial. Choose the one with the best score.",
            _last_trial: "You always take the last trial. Choose the one with the best score.",
            _number_of_trial: "You return the number of the trial. Return the settings themselves: settings[number].",
            _best_score_only: "You return the best score only. Keep all of them in a list: their spread says how much tuning matters.",
            _roles_swapped: "Training and validation rows are in each other's place: fit on train, score on validation.",
            _scored_on_both: "You score on training and validation rows together: what is known by heart counts as right. "
            "Score on the validation rows only.",
            _errors_listed: "These are error rates: 1 - accuracy. Keep the accuracies.",
            _per_cent: "Your scores are per cent. Keep them as shares, as accuracy() gives them.",
            _right_ones_counted: "Your scores are numbers of right answers. Take shares: accuracy(predicted, labels).",
            _scores_sorted: "You sorted the scores. Keep them in the order of the trials, so that one sees which belongs to which.",
            _predicts_the_validation_rows: "The last prediction is for the validation rows. At the end the test rows are asked for: x_test.",
            _last_fit_of_the_loop: "You predict with what the loop fitted last: the last trial, on the training rows only. "
            "After the loop, fit once more with the chosen settings, on training and validation rows.",
            _refitted_with_the_last_trial: "The last fit uses the settings of the last trial (a variable left over from the loop?). Use the chosen ones.",
            _refitted_with_the_first_trial: "The last fit uses the settings of the first trial. Use the chosen ones.",
            _scores_come_first: "The order is: chosen, scores, predicted. You return the scores first.",
            _scores_come_last: "The order is: chosen, scores, predicted. You return the scores last.",
            _rows_added_up: "`+` adds arrays number by number. To put rows below each other: `np.concatenate([a, b])`.",
            _a_function_returned: NOT_YET_USED,
            _fitted_on_both_before: "You fit on the validation rows before you score on them: that is the mistake which the split is there to "
            "prevent. Join the two only after the choice.",
        },
        variants=(_protocol_by_loop,),
    )
)
