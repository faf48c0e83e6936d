"""Exercises of *Start here*: the smallest rule that can be learned."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.metrics import accuracy as accuracy_of
from coursekit.scratch import stump

__all__ = ["accuracy", "best_threshold", "mean_ink", "threshold_rule"]

# -- accuracy ------------------------------------------------------------------------------------------------------


def _accuracy_cases(rng):
    yield np.array([1, 0, 1, 1]), np.array([1, 0, 0, 1])
    yield np.array([1]), np.array([0])  # one example, wrong
    yield rng.integers(0, 2, 101), rng.integers(0, 2, 101)
    labels = rng.integers(0, 10, 1000)
    yield labels.copy(), labels  # all right
    yield np.zeros(7, int), np.array([0, 0, 1, 1, 0, 1, 1])
    yield rng.integers(0, 10, 50), rng.integers(0, 10, 50)  # ten classes
    yield rng.choice([-1, 1], 20), rng.choice([-1, 1], 20)  # labels of another kind


def _number_right(predicted, labels):
    return np.sum(predicted == labels)


def _error_rate(predicted, labels):
    return np.mean(predicted != labels)


def _percent(predicted, labels):
    return 100 * np.mean(predicted == labels)


def _share_of_ones(predicted, labels):
    return np.mean(predicted)


def _all_right(predicted, labels):
    return bool(np.all(predicted == labels))


def _by_distance(predicted, labels):
    return 1 - np.mean(np.abs(predicted - labels))


def _each_right(predicted, labels):
    return predicted == labels


def _accuracy_by_loop(predicted, labels):
    right = 0
    for p, t in zip(predicted, labels, strict=True):
        right += int(p == t)
    return right / len(labels)


accuracy = register(
    Exercise(
        id="start.accuracy",
        notebook="start_here",
        reference=accuracy_of,
        cases=_accuracy_cases,
        difficulty=1,
        minutes=3,
        points=1,
        hints=[
            "`predicted == labels` compares two arrays number by number. What kind of array comes out?",
            "True counts as 1 and False as 0. So what is the mean of an array of truth values?",
            "`np.mean(predicted == labels)`",
        ],
        misconceptions={
            _number_right: "You counted the right answers. Accuracy is the *share* that is right: divide by how many there are.",
            _error_rate: "This is the error rate, the share of *wrong* answers. Accuracy is the share of right ones.",
            _percent: "Right, but in percent. Return the fraction, a number between 0 and 1.",
            _all_right: "This asks whether *all* answers are right. Take the mean of the comparison instead.",
            _by_distance: "You measured how far apart the class numbers are. They are names: 7 is no closer to 9 than 1 is.",
            _each_right: "This is one truth value per example. Their mean is the accuracy, one number.",
            _share_of_ones: "You averaged the predictions themselves. Compare them with the labels first.",
        },
        variants=(_accuracy_by_loop,),
    )
)

# -- mean_ink --------------------------------------------------------------------------------------------------------


def _ink_cases(rng):
    yield rng.random((3, 6, 4)), slice(0, 3)  # not square, so that rows and columns cannot be confused
    yield rng.random((1, 8, 8)), slice(4, 8)  # a batch of one
    yield np.zeros((2, 5, 5)), slice(0, 2)
    yield rng.random((5, 28, 28)).astype(np.float32), slice(0, 14)
    yield rng.random((4, 7, 3)) * 255, slice(2, 3)  # a single row


def _ink_of_columns(images, rows):
    return images[:, :, rows].mean(axis=(1, 2))


def _ink_summed(images, rows):
    return images[:, rows, :].sum(axis=(1, 2))


def _ink_of_everything(images, rows):
    return images.mean(axis=(1, 2))


def _always_the_upper_half(images, rows):
    return images[:, 0:14, :].mean(axis=(1, 2))


def _divided_by_everything(images, rows):
    return images[:, rows, :].sum(axis=(1, 2)) / images[0].size


def _one_axis_only(images, rows):
    return images[:, rows, :].mean(axis=1)


def _one_number(images, rows):
    return images[:, rows, :].mean()


def _ink_of_the_first_images(images, rows):
    return images[rows].mean(axis=(1, 2))


def _ink_by_loop(images, rows):
    return np.array([np.mean(image[rows]) for image in images])


mean_ink = register(
    Exercise(
        id="start.mean_ink",
        notebook="start_here",
        reference=stump.mean_ink,
        cases=_ink_cases,
        difficulty=2,
        minutes=5,
        points=1,
        hints=[
            "`images` has three axes: which picture, which row, which column. You want some rows of *every* picture.",
            "`images[:, rows, :]` keeps all pictures, the chosen rows and all columns.",
            "Then average over rows and columns, but not over pictures: `.mean(axis=(1, 2))`.",
        ],
        misconceptions={
            _ink_of_columns: "You picked columns. The axes are picture, row, column: the rows are axis 1.",
            _ink_summed: "You added the ink up. The mean does not depend on how many pixels you look at; the sum does.",
            _ink_of_everything: "You averaged the whole picture. Only the rows in `rows` should count.",
            _always_the_upper_half: "You wrote 0:14 into the function. Use `rows`: the caller says which rows to look at.",
            _divided_by_everything: "You divided by the size of the whole picture. Divide by the number of pixels you looked at.",
            _one_axis_only: "You averaged over rows only, so a number for each column is left. Average over axes 1 *and* 2.",
            _one_number: "You averaged over the pictures too. Every picture needs its own number: keep axis 0.",
            _ink_of_the_first_images: "`images[rows]` picks *pictures*, because the first axis counts pictures. "
            "Leave that axis whole: `images[:, rows]`.",
        },
        variants=(_ink_by_loop,),
    )
)

# -- threshold_rule ----------------------------------------------------------------------------------------------------


def _rule_cases(rng):
    yield np.array([0.1, 0.5, 0.9]), 0.3
    yield np.array([0.2, 0.3, 0.4]), 0.3  # one exactly on the threshold
    yield rng.random(50), 0.5
    yield np.array([0.7]), 0.7
    yield rng.normal(size=9).astype(np.float32), 0.0
    yield np.zeros(4), -1.0
    yield 1e5 * rng.random(6), 4e4


def _reversed(feature, threshold):
    return (feature < threshold).astype(int)


def _includes_the_threshold(feature, threshold):
    return (feature >= threshold).astype(int)


def _truth_values(feature, threshold):
    return feature > threshold


def _reversed_with_equal(feature, threshold):
    return (feature <= threshold).astype(int)


def _minus_one(feature, threshold):
    return np.where(feature > threshold, 1, -1)


def _difference(feature, threshold):
    return feature - threshold


def _rule_with_where(feature, threshold):
    return np.where(feature > threshold, 1, 0)


threshold_rule = register(
    Exercise(
        id="start.threshold_rule",
        notebook="start_here",
        reference=stump.threshold_rule,
        cases=_rule_cases,
        difficulty=1,
        minutes=3,
        points=1,
        hints=[
            "A comparison of an array with a number compares every element.",
            "`feature > threshold` gives True and False. The labels are 1 and 0.",
            "`(feature > threshold).astype(int)`",
        ],
        misconceptions={
            _reversed: "Your rule is the wrong way round: it says 1 *below* the threshold. More ink should mean 1.",
            _reversed_with_equal: "Your rule is the wrong way round: it says 1 *below* the threshold. More ink should mean 1.",
            _minus_one: "Your labels are -1 and +1. In this notebook a sneaker is 0 and a boot is 1.",
            _includes_the_threshold: "Only a feature exactly *on* the threshold differs: the rule says above, so equal counts as 0.",
            _truth_values: "These are True and False. Turn them into the labels 1 and 0 with `.astype(int)`.",
            _difference: "This is how far each feature is from the threshold. The rule only asks whether it is above it.",
        },
        variants=(_rule_with_where,),
    )
)

# -- best_threshold ------------------------------------------------------------------------------------------------------


def _threshold_cases(rng):
    yield np.array([1.0, 2.0, 5.0, 6.0]), np.array([0, 0, 1, 1])
    yield np.array([6.0, 1.0, 5.0, 2.0]), np.array([1, 0, 1, 0])  # not in order
    for n, gap in ((20, 1.0), (61, 0.5), (200, 2.0)):
        labels = rng.integers(0, 2, n)
        yield rng.normal(size=n) + gap * labels, labels
    labels = np.r_[np.zeros(90, int), np.ones(10, int)]  # few of one kind
    yield rng.normal(size=100) + labels, labels
    yield rng.normal(size=5), np.ones(5, int)  # only one kind: the threshold must lie below them all
    yield np.array([2.0]), np.array([0])  # a single example
    yield np.zeros(4), np.array([0, 1, 0, 1])  # a feature that says nothing
    yield rng.normal(size=15).astype(np.float32), rng.integers(0, 2, 15)
    yield 100 + 50 * rng.random(30), rng.integers(0, 2, 30)  # far from the range 0 to 1
    skewed = np.r_[rng.random(40), 1.2 + 8 * rng.random(40)]  # one class spreads far: averages mislead
    yield skewed, np.r_[np.zeros(40, int), np.ones(40, int)]


def _mistakes_with(obj, feature, labels):
    """Any threshold with the fewest mistakes is right, so the mistakes are compared and not the threshold."""
    threshold = obj(feature, labels)
    if threshold is None:
        raise UnusableAnswerError("It returned None. Return one number, the threshold.")
    if not np.isscalar(threshold) and np.shape(threshold) != ():
        raise UnusableAnswerError(f"Return one number, the threshold; this is a {type(threshold).__name__}.")
    return {"mistakes made with your threshold": int(np.sum((feature > threshold) != labels))}


def _mean_of_all(feature, labels):
    return feature.mean()


def _between_the_means(feature, labels):
    middles = [feature[labels == k].mean() for k in (0, 1) if np.any(labels == k)]
    return sum(middles) / len(middles)


def _most_mistakes(feature, labels):
    candidates = np.sort(feature)
    return candidates[np.argmax([np.sum((feature > t) != labels) for t in candidates])]


def _smallest_of_class_one(feature, labels):
    return feature[labels == 1].min() - 1e-9 if labels.any() else feature.max()


def _index_of_the_best(feature, labels):
    values = np.sort(feature)
    return int(np.argmin([np.sum((feature > t) != labels) for t in values]))


def _fewest_mistakes(feature, labels):
    return int(min(np.sum((feature > t) != labels) for t in np.sort(feature)))


def _grid_to_one(feature, labels):
    grid = np.linspace(0, 1, 101)
    return grid[np.argmin([np.sum((feature > t) != labels) for t in grid])]


def _sorted_without_labels(feature, labels):
    values = np.sort(feature)
    return values[np.argmin([np.sum((values > t) != labels) for t in values])]


def _never_below_all(feature, labels):
    values = np.sort(feature)
    return values[np.argmin([np.sum((feature > t) != labels) for t in values])]


def _below_each_value(feature, labels):
    best, fewest = None, np.inf
    for t in [feature.min() - 1.0, *feature]:
        mistakes = sum((f > t) != bool(k) for f, k in zip(feature, labels, strict=True))
        if mistakes < fewest:
            best, fewest = t, mistakes
    return best


def _by_counting_up(feature, labels):
    order = np.argsort(feature)
    feature, labels = feature[order], labels[order]
    right_below = np.cumsum(labels == 0)
    right_above = np.sum(labels == 1) - np.cumsum(labels == 1)
    right = np.r_[np.sum(labels == 1), right_below + right_above]
    return np.r_[feature[0] - 1, feature][np.argmax(right)]


best_threshold = register(
    Exercise(
        id="start.best_threshold",
        notebook="start_here",
        reference=stump.best_threshold,
        cases=_threshold_cases,
        call=_mistakes_with,
        difficulty=3,
        minutes=8,
        points=2,
        hints=[
            "Learning by trying: make a list of candidate thresholds, count the mistakes of each, keep the best.",
            "It is enough to try the values that occur, and one below them all: between two neighbouring values nothing changes.",
            "`mistakes = [np.sum(threshold_rule(feature, t) != labels) for t in candidates]`, "
            "then `candidates[np.argmin(mistakes)]`.",
        ],
        misconceptions={
            _mean_of_all: "You took the average of the feature. That never looks at the labels, so nothing has been learned from them.",
            _index_of_the_best: "You returned the *position* of the best candidate. Return the candidate itself: `candidates[np.argmin(...)]`.",
            _fewest_mistakes: "You returned how many mistakes the best threshold makes. Return the threshold.",
            _grid_to_one: "Your candidates stop at 1. Take them from `feature`: it may be in any unit.",
            _sorted_without_labels: "You sorted the feature but not the labels, so they no longer belong to each other. "
            "Sort only the candidates, and compare with the feature as it came.",
            _never_below_all: "Nearly: but what if every example is of kind 1? Then the threshold must lie *below* all values. "
            "Add one candidate there.",
            _between_the_means: "Half-way between the averages of the two kinds is a fair guess, but not what was asked: "
            "a kind that spreads wider pushes the best threshold aside. Count the mistakes instead.",
            _most_mistakes: "This threshold makes the *most* mistakes. You want the fewest: `argmin`, not `argmax`.",
            _smallest_of_class_one: "You put the threshold below every example of class 1. One odd example then decides everything. "
            "Allow some mistakes if that avoids more of the others.",
        },
        variants=(_by_counting_up, _below_each_value),
    )
)
