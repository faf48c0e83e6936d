"""Exercises of *The perceptron*: how wide is the street between two classes, and what if no line separates them?"""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import perceptron as reference

__all__ = ["margin", "xor"]

# -- margin ------------------------------------------------------------------------------------------------------------


def _margin_cases(rng):
    yield np.array([[2.0, 0.0], [-3.0, 0.0]]), np.array([1, -1]), np.array([2.0, 0.0]), 0.0
    X, w = rng.normal(size=(20, 4)), rng.normal(size=4)
    yield X, np.where(X @ w + 0.5 >= 0, 1, -1), w, 0.5
    yield rng.normal(size=(15, 3)), rng.choice([-1, 1], 15), 5 * rng.normal(size=3), -1.0  # some on the wrong side
    yield np.array([[1.0, 1.0]]), np.array([-1]), np.array([0.3, 0.4]), 2.0  # one example, on the wrong side
    yield 1000 * rng.normal(size=(6, 2)), rng.choice([-1, 1], 6), rng.normal(size=2), 3.0
    yield np.zeros((3, 2)), np.array([1, -1, 1]), rng.normal(size=2), 0.7
    yield rng.normal(size=(5, 3)).astype(np.float32), rng.choice([-1, 1], 5), rng.normal(size=3).astype(np.float32), 0.1


def _width_of_the_street(X, y, w, b):
    return 2 * np.min(y * (X @ w + b)) / np.linalg.norm(w)


def _without_labels(X, y, w, b):
    return np.min(X @ w + b) / np.linalg.norm(w)


def _norm_with_bias(X, y, w, b):
    return np.min(y * (X @ w + b)) / np.sqrt(w @ w + b * b)


def _each_distance(X, y, w, b):
    return y * (X @ w + b) / np.linalg.norm(w)


def _which_is_closest(X, y, w, b):
    return int(np.argmin(y * (X @ w + b)))


def _closest_by_absolute_value(X, y, w, b):
    distance = y * (X @ w + b) / np.linalg.norm(w)
    return distance[np.argmin(np.abs(distance))]


def _functional_margin(X, y, w, b):
    return np.min(y * (X @ w + b))


def _unsigned(X, y, w, b):
    return np.min(np.abs(X @ w + b)) / np.linalg.norm(w)


def _farthest(X, y, w, b):
    return np.max(y * (X @ w + b)) / np.linalg.norm(w)


def _average(X, y, w, b):
    return np.mean(y * (X @ w + b)) / np.linalg.norm(w)


def _square_norm(X, y, w, b):
    return np.min(y * (X @ w + b)) / (w @ w)


def _no_bias_margin(X, y, w, b):
    return np.min(y * (X @ w)) / np.linalg.norm(w)


def _margin_by_loop(X, y, w, b):
    length = sum(v * v for v in w) ** 0.5
    return min(t * (sum(x * w) + b) / length for x, t in zip(X, y, strict=True))


margin = register(
    Exercise(
        id="separation.margin",
        notebook="perceptron",
        reference=reference.margin,
        cases=_margin_cases,
        difficulty=2,
        minutes=6,
        points=2,
        hints=[
            "The distance of a point x to the line w . x + b = 0 is |w . x + b| divided by the length of w.",
            "Multiply by y instead of taking the absolute value: then a point on the wrong side counts as negative.",
            "`np.min(y * (X @ w + b)) / np.linalg.norm(w)`",
        ],
        misconceptions={
            _functional_margin: "You did not divide by the length of w. Doubling w and b moves no boundary, but it doubles this number.",
            _width_of_the_street: "This is the width of the whole street, on both sides of the line. The margin is half of it.",
            _without_labels: "You left out the labels: examples on the -1 side have negative sums by right. Multiply by y.",
            _norm_with_bias: "You put the bias into the length. The distance in the plane of the features divides by the length of w alone.",
            _each_distance: "This is one distance per example. The margin is the smallest of them.",
            _which_is_closest: "This is the *position* of the closest example. Return its distance.",
            _closest_by_absolute_value: "You took the example nearest to the line, whichever side it is on. "
            "An example far on the wrong side is worse: take the minimum of the *signed* distances.",
            _unsigned: "You took absolute values, so a point far on the *wrong* side looks safe. Multiply by its label y.",
            _farthest: "This is the farthest example. The margin is the distance of the *closest*.",
            _average: "This is the average distance. The margin is that of the closest example only.",
            _square_norm: "You divided by the squared length of w. Divide by the length: `np.linalg.norm(w)`.",
            _no_bias_margin: "You left the bias out, so you measured the distance to another line, through the origin.",
        },
        variants=(_margin_by_loop,),
    )
)

# -- exclusive or ----------------------------------------------------------------------------------------------------------

_CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def _xor_cases(rng):
    yield _CORNERS
    yield _CORNERS[rng.integers(0, 4, 12)]
    yield _CORNERS[[3]]  # a batch of one
    yield _CORNERS[[0]]
    yield _CORNERS[[1]]


def _or(X):
    return reference.predict(X, np.array([1.0, 1.0]), -0.5)


def _not_both(X):
    return reference.predict(X, np.array([-1.0, -1.0]), 1.5)


def _and(X):
    return reference.predict(X, np.array([1.0, 1.0]), -1.5)


def _alike(X):
    return -reference.xor_network(X)


def _no_neuron_agrees(X):
    return np.full(len(X), -1)


def _all_agree(X):
    return np.full(len(X), 1)


def _xor_zero_one(X):
    return (reference.xor_network(X) + 1) // 2


def _another_xor(X):
    only_first = reference.predict(X, np.array([2.0, -2.0]), -1.0)
    only_second = reference.predict(X, np.array([-2.0, 2.0]), -1.0)
    return reference.predict(np.stack([only_first, only_second], axis=1), np.array([1.0, 1.0]), 1.0)


xor = register(
    Exercise(
        id="separation.xor",
        notebook="perceptron",
        reference=reference.xor_network,
        cases=_xor_cases,
        difficulty=3,
        minutes=10,
        points=2,
        hints=[
            "Exclusive or is true for two inputs when at least one is 1, and not both are. That sentence holds two neurons and a third.",
            "'At least one' is the weighted sum x1 + x2 - 0.5. Which bias and which signs say 'not both'?",
            "Stack the two answers as columns, `np.stack([first, second], axis=1)`, and let the third neuron say +1 only if both are +1: "
            "weights 1 and 1, bias -1.5.",
        ],
        misconceptions={
            _or: "This computes *or*: it says yes to (1, 1) too. A second neuron must object when both are 1; "
            "if you have one, work out its weighted sum at (1, 1) by hand.",
            _not_both: "This computes 'not both': it says yes to (0, 0) too. Combine it with a neuron that says 'at least one'; "
            "if you have one, work out its weighted sum at (0, 0) by hand.",
            _and: "This is *and*: it says yes only to (1, 1), where exclusive or says no.",
            _alike: "This is the opposite of exclusive or: it says yes when both inputs are *alike*. Turn the last neuron's signs round.",
            _no_neuron_agrees: "It says no to everything. The hidden answers are -1 and +1, so their sum is 2 only when both say yes, "
            "and 0 when one does: choose the last bias between.",
            _all_agree: "It says yes to everything. The hidden answers are -1 and +1, so their sum is 2 only when both say yes, "
            "and 0 when one does: choose the last bias between.",
            _xor_zero_one: "Right, but as 0 and 1. Our neurons answer -1 and +1.",
        },
        variants=(_another_xor,),
    )
)
