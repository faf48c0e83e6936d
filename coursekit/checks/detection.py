"""Exercises of *Autoencoders*: does a score tell the unknown from the known?"""

import numpy as np

from coursekit import metrics
from coursekit.checks.core import Exercise, register

__all__ = ["roc_auc"]


def _cases(rng):
    yield np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])
    yield rng.normal(size=30) + np.arange(30) % 2, np.arange(30) % 2
    yield rng.integers(0, 4, 40).astype(float), (rng.random(40) < 0.3).astype(int) | (np.arange(40) == 0)  # many ties
    yield np.zeros(6), np.array([0, 1, 1, 0, 1, 0])  # a score that knows nothing
    yield 1000 * rng.normal(size=25), np.arange(25) % 3 // 2
    yield np.array([3.0, 2.0, 1.0]), np.array([0, 1, 1])  # the wrong way round
    yield rng.normal(size=20).astype(np.float32), np.arange(20) % 2


def _differences(scores, labels):
    labels = np.asarray(labels).astype(bool)
    return scores[labels][:, None] - scores[~labels]  # (P, Q)


def _turned_round(scores, labels):
    return float(1 - metrics.roc_auc(scores, labels))


def _ties_lose(scores, labels):
    return float(np.mean(_differences(scores, labels) > 0))


def _ties_win(scores, labels):
    return float(np.mean(_differences(scores, labels) >= 0))


def _number_of_pairs(scores, labels):
    d = _differences(scores, labels)
    return float(np.sum((d > 0) + 0.5 * (d == 0)))


def _over_all_rows(scores, labels):
    return _number_of_pairs(scores, labels) / len(labels) ** 2


def _accuracy_at_the_median(scores, labels):
    return float(np.mean((scores > np.median(scores)) == (labels == 1)))


def _best_accuracy(scores, labels):
    return float(max(np.mean((scores >= cut) == (labels == 1)) for cut in [*scores, np.inf]))


def _difference_of_means(scores, labels):
    return float(_differences(scores, labels).mean())


def _average_precision(scores, labels):
    hits = labels[np.argsort(-scores, kind="stable")] == 1
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def _ranks_from_zero(scores, labels):
    n, rank = int(np.sum(labels == 1)), np.argsort(np.argsort(scores, kind="stable"), kind="stable")
    return float((rank[labels == 1].sum() - n * (n + 1) / 2) / (n * (len(labels) - n)))


def _ties_by_place(scores, labels):
    n, rank = int(np.sum(labels == 1)), 1 + np.argsort(np.argsort(scores, kind="stable"), kind="stable")
    return float((rank[labels == 1].sum() - n * (n + 1) / 2) / (n * (len(labels) - n)))


def _correlation(scores, labels):
    with np.errstate(all="ignore"):
        return float(np.corrcoef(scores, labels)[0, 1])


def _wins(a, b):
    d = a[:, None] - b
    return (d > 0) + 0.5 * (d == 0)


def _over_rows(scores, labels):
    return _number_of_pairs(scores, labels) / len(labels)


def _over_anomalies(scores, labels):
    return _number_of_pairs(scores, labels) / np.sum(labels == 1)


def _wins_minus_losses(scores, labels):
    return float(np.sign(_differences(scores, labels)).mean())


def _every_pair(scores, labels):
    return float(_wins(scores, scores).mean())


def _side_by_side(scores, labels):
    one, other = scores[labels == 1], scores[labels == 0]
    return float(np.mean([(a > b) + 0.5 * (a == b) for a, b in zip(one, other, strict=False)]))


def _no_table(scores, labels):
    return float(np.mean(scores[labels == 1] > scores[labels == 0]))


def _above_the_mean(scores, labels):
    return float(np.mean(scores[labels == 1] > scores[labels == 0].mean()))


def _turned_and_ties_lose(scores, labels):
    return float(np.mean(_differences(scores, labels) < 0))


def _turned_curve(scores, labels):
    found = labels[np.argsort(scores)] == 1
    return float(np.trapezoid(np.cumsum(found) / found.sum(), np.cumsum(~found) / (~found).sum()))


def _curve_through_ties(scores, labels):
    found = labels[np.argsort(-scores)] == 1
    return float(np.trapezoid(np.cumsum(found) / found.sum(), np.cumsum(~found) / (~found).sum()))


def _table(scores, labels):
    return _wins(scores[labels == 1], scores[labels == 0])


def _for_each_normal(scores, labels):
    return _table(scores, labels).mean(axis=0)


def _for_each_anomaly(scores, labels):
    return _table(scores, labels).mean(axis=1)


def _labels_as_places(scores, labels):
    return float(_wins(scores[labels], scores[1 - labels]).mean())


def _turned_labels_as_places(scores, labels):
    return float(_wins(scores[labels], scores[~labels]).mean())


def _cut_at_half(scores, labels):
    return float(np.mean((scores > 0.5) == (labels == 1)))


def _never_below_half(scores, labels):
    area = metrics.roc_auc(scores, labels)
    return float(max(area, 1 - area))


def _by_counting(scores, labels):
    wins = 0.0
    for one in scores[labels == 1]:
        for other in scores[labels == 0]:
            wins += 1.0 if one > other else 0.5 if one == other else 0.0
    return wins / (np.sum(labels == 1) * np.sum(labels == 0))


def _under_the_curve(scores, labels):
    cuts = np.unique(scores)[::-1]
    hit = np.array([0.0] + [np.mean(scores[labels == 1] >= cut) for cut in cuts])
    false = np.array([0.0] + [np.mean(scores[labels == 0] >= cut) for cut in cuts])
    return float(np.sum(np.diff(false) * (hit[1:] + hit[:-1]) / 2))


roc_auc = register(
    Exercise(
        id="detection.roc_auc",
        notebook="autoencoders",
        reference=metrics.roc_auc,
        cases=_cases,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "Take every pair of one anomaly and one normal row. In which share of the pairs has the anomaly the higher score?",
            "`scores[labels == 1][:, None] - scores[labels == 0]` is a table with one number for each pair.",
            "The mean of `(table > 0) + 0.5 * (table == 0)`: a tie counts one half.",
        ],
        misconceptions={
            _turned_round: "It is turned round: you count the pairs in which the *normal* row (label 0) has the higher score.",
            _ties_lose: "A tie counts as lost. Two equal scores cannot be told apart: count one half.",
            _ties_win: "A tie counts as won. Then a score that is the same for all would be perfect: count one half.",
            _number_of_pairs: "This is the number of pairs. Divide by how many pairs there are.",
            _over_all_rows: "You divided by N squared. There are P times Q pairs, P anomalies and Q normal rows.",
            _accuracy_at_the_median: "This is an accuracy, with a threshold at the median. The area needs no threshold: compare pairs.",
            _best_accuracy: "This is the accuracy at the best threshold. Where anomalies are rare, it is high for a score that knows nothing.",
            _difference_of_means: "This is by how *much* the scores differ. Only the order counts: which of the two is higher?",
            _average_precision: "This is the average precision, another summary, which depends on how many anomalies there are.",
            _ranks_from_zero: "Right idea, by ranks; but the formula wants ranks from 1.",
            _ties_by_place: "Equal scores have different ranks here, by where they happen to stand. They share their mean rank.",
            _over_rows: "You divided by the number of rows. Divide by the number of *pairs*.",
            _over_anomalies: "You divided by the number of anomalies only. Each of them meets every normal row: divide by the number of pairs.",
            _wins_minus_losses: "This is wins minus losses, from -1 to 1. Count wins, and a tie as one half: from 0 to 1.",
            _every_pair: "You compare every row with every row, of its own kind too. Only an anomaly with a normal row tells anything.",
            _side_by_side: "You compare the first anomaly with the first normal row, the second with the second, and so on. Compare every "
            "one with every other: `[:, None]`.",
            _no_table: "You compare the anomalies with the normal rows place by place, which needs equally many. Compare every one with "
            "every other: `[:, None]`.",
            _above_the_mean: "You compare each anomaly with the *mean* of the normal scores. Compare it with each of them.",
            _turned_and_ties_lose: "It is turned round: you count the pairs in which the normal row (label 0) is higher. And a tie counts one half.",
            _turned_curve: "The rows are sorted from the lowest score up: that is the area for the normal rows. Begin with the highest score.",
            _curve_through_ties: "Under the curve, rows with equal scores must be passed in one step. Here their order decides.",
            _table: "This is the table of all pairs. Take its mean.",
            _for_each_normal: "This is one number for each normal row. Take the mean over the whole table.",
            _for_each_anomaly: "This is one number for each anomaly. Take the mean over the whole table.",
            _labels_as_places: "`scores[labels]` takes the labels for *places*: it picks scores 0 and 1 again and again. Write `scores[labels == 1]`.",
            _turned_labels_as_places: "labels are numbers: `scores[labels]` picks places 0 and 1, and `~labels` is -1 or -2. Write "
            "`scores[labels == 1]` and `scores[labels == 0]`.",
            _cut_at_half: "This is an accuracy, with a threshold at one half. A score has no scale of its own: compare pairs.",
            _never_below_half: "You turn the score round where it does worse than chance. Then nobody would notice that it is upside down.",
            _correlation: "This is a correlation. The area asks only for the order of the scores.",
        },
        variants=(_by_counting, _under_the_curve),
    )
)
