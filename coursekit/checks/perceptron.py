"""Exercises of *The perceptron*: one neuron, its rule, its margin, and its limits."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import perceptron as reference

__all__ = ["classifier", "margin", "predict", "update", "xor"]

# -- predict ---------------------------------------------------------------------------------------------------------


def _predict_cases(rng):
    yield rng.normal(size=(6, 2)), np.array([1.0, -2.0]), 0.3
    yield rng.normal(size=(1, 5)), rng.normal(size=5), -1.0  # a batch of one
    yield np.array([[0.0, 0.0], [1.0, 1.0]]), np.zeros(2), 0.0  # exactly on the boundary
    yield 1e6 * rng.normal(size=(4, 3)), rng.normal(size=3), 10.0
    yield rng.normal(size=(8, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32), 2.0


def _zero_or_one(X, w, b):
    return np.where(X @ w + b >= 0, 1, 0)


def _no_bias(X, w, b):
    return np.where(X @ w >= 0, 1, -1)


def _with_sign(X, w, b):
    return np.sign(X @ w + b).astype(int)


def _boundary_is_no(X, w, b):
    return np.where(X @ w + b > 0, 1, -1)


def _scores(X, w, b):
    return X @ w + b


def _predict_by_loop(X, w, b):
    answers = []
    for x in X:
        total = b + sum(x_d * w_d for x_d, w_d in zip(x, w, strict=True))
        answers.append(1 if total >= 0 else -1)
    return np.array(answers)


predict = register(
    Exercise(
        id="perceptron.predict",
        notebook="perceptron",
        reference=reference.predict,
        cases=_predict_cases,
        difficulty=1,
        minutes=5,
        points=1,
        hints=[
            "First the weighted sum of each row, then the step.",
            "`X @ w + b` gives all N weighted sums at once.",
            "`np.where(condition, 1, -1)` chooses between two values; the step says +1 at 0 and above.",
        ],
        misconceptions={
            _zero_or_one: "Your answers are 0 and 1. The perceptron's labels are -1 and +1: the rule will multiply by them.",
            _no_bias: "You left out the bias b. Without it every boundary must pass through the origin.",
            _with_sign: "`np.sign` gives 0 on the boundary, a third answer. We decided that 0 counts as +1: use `>= 0`.",
            _boundary_is_no: "Only a weighted sum of exactly 0 differs: we decided that it counts as +1, so compare with `>=`.",
            _scores: "These are the weighted sums. Send them through the step: +1 where at least 0, else -1.",
        },
        variants=(_predict_by_loop,),
    )
)

# -- update ------------------------------------------------------------------------------------------------------------


def _update_cases(rng):
    yield np.array([1.0, 0.0]), 0.5, np.array([-2.0, 1.0]), 1  # a mistake
    yield np.array([1.0, 0.0]), 0.5, np.array([2.0, 1.0]), 1  # right: nothing to do
    yield np.zeros(3), 0.0, rng.normal(size=3), -1  # the very first example
    for y in (-1, 1, -1, 1):
        yield rng.normal(size=5), float(rng.normal()), rng.normal(size=5), y
    yield np.zeros(2), 0.0, np.array([100.0, -100.0]), 1


def _always(w, b, x, y):
    return w + y * x, b + y


def _away(w, b, x, y):
    return (w - y * x, b - y) if y * (w @ x + b) <= 0 else (w, b)


def _forgets_bias(w, b, x, y):
    return (w + y * x, b) if y * (w @ x + b) <= 0 else (w, b)


def _ignores_label(w, b, x, y):
    return (w + x, b + 1) if y * (w @ x + b) <= 0 else (w, b)


def _never_starts(w, b, x, y):
    return (w + y * x, b + y) if y * (w @ x + b) < 0 else (w, b)


def _in_place(w, b, x, y):
    if y * (w @ x + b) <= 0:
        w += y * x
        b += y
    return w, b


def _when_right(w, b, x, y):
    return (w + y * x, b + y) if y * (w @ x + b) > 0 else (w, b)


def _update_by_arithmetic(w, b, x, y):
    wrong = float(np.dot(x, w) * y + b * y <= 0)
    return w + wrong * y * x, b + wrong * y


update = register(
    Exercise(
        id="perceptron.update",
        notebook="perceptron",
        reference=reference.update,
        cases=_update_cases,
        alias_ok=True,  # an unchanged w may be handed back as it is
        difficulty=2,
        minutes=7,
        points=2,
        hints=[
            "When is an example on its right side? When its label y and its weighted sum have the same sign.",
            "Two numbers have the same sign when their product is positive: the test is `y * (w @ x + b) <= 0`.",
            "In case of a mistake return `w + y * x, b + y`; otherwise return `w, b` as they are.",
        ],
        misconceptions={
            _always: "You change the weights even when the example is already on its right side. Learn from mistakes only.",
            _away: "You move *away* from the right side: for y = +1 the weighted sum must grow, so add y x, do not subtract it.",
            _forgets_bias: "The weights move, the bias does not. The bias is a weight too, of an input that is always 1: b + y.",
            _ignores_label: "You always add x. For y = -1 the weighted sum must shrink: add y x, and y to the bias.",
            _never_starts: "From w = 0 and b = 0 every weighted sum is 0, and with `< 0` nothing ever counts as a mistake: "
            "learning never starts. Use `<= 0`.",
            _in_place: "The numbers are right, but `w += ...` changes the array that the caller gave you. Write `w = w + y * x`.",
            _when_right: "You update when the example is *right*. A mistake is y (w . x + b) <= 0.",
        },
        variants=(_update_by_arithmetic,),
    )
)

# -- the whole classifier ------------------------------------------------------------------------------------------------


def _classifier_cases(rng):
    X = np.array([[2.0, 1.0], [-1.0, -2.0], [1.5, 0.5], [-2.0, 0.5]])
    yield X, np.array([1, -1, 1, -1]), 20
    X = rng.normal(size=(40, 3))
    w = rng.normal(size=3)
    X += 0.3 * np.sign(X @ w + 0.2)[:, None] * w / np.linalg.norm(w)  # separable, with a gap
    yield X, np.where(X @ w + 0.2 >= 0, 1, -1), 500
    yield rng.normal(size=(30, 2)), rng.choice([-1, 1], 30), 7  # not separable: must stop by itself
    yield np.array([[1.0, 1.0]]), np.array([-1]), 5  # a single example


def _use_classifier(cls, X, y, max_epochs):
    model = cls(max_epochs=max_epochs)
    returned = model.fit(X, y)
    return {
        "mistakes_": np.asarray(model.mistakes_),
        "w_": model.w_,
        "b_": float(model.b_),
        "predict(X)": model.predict(X),
        "whether fit returns the model itself": returned is model,
    }


class _NeverStops(reference.Perceptron):
    def fit(self, X, y):
        super().fit(X, y)
        self.mistakes_ = self.mistakes_ + [0] * (self.max_epochs - len(self.mistakes_))
        return self


class _LearnsInBatches(reference.Perceptron):
    def fit(self, X, y):
        self.w_, self.b_, self.mistakes_ = np.zeros(X.shape[1]), 0.0, []
        for _ in range(self.max_epochs):
            wrong = y * (X @ self.w_ + self.b_) <= 0
            self.w_ = self.w_ + (y[wrong, None] * X[wrong]).sum(axis=0)
            self.b_ = self.b_ + y[wrong].sum()
            self.mistakes_.append(int(wrong.sum()))
            if not wrong.any():
                break
        return self


class _OneEpoch(reference.Perceptron):
    def fit(self, X, y):
        kept, self.max_epochs = self.max_epochs, 1
        super().fit(X, y)
        self.max_epochs = kept
        return self


class _ReturnsNothing(reference.Perceptron):
    def fit(self, X, y):
        super().fit(X, y)


class _ForgetsEachEpoch(reference.Perceptron):
    def fit(self, X, y):
        mistakes = []
        for _ in range(self.max_epochs):
            one = reference.Perceptron(1).fit(X, y)
            self.w_, self.b_ = one.w_, one.b_
            mistakes += one.mistakes_
            if mistakes[-1] == 0:
                break
        self.mistakes_ = mistakes
        return self


class _WithUpdates:
    """The same, written with the two functions of the exercises before."""

    def __init__(self, max_epochs=100):
        self.max_epochs = max_epochs

    def fit(self, X, y):
        self.w_, self.b_, self.mistakes_ = np.zeros(X.shape[1]), 0.0, []
        while len(self.mistakes_) < self.max_epochs and 0 not in self.mistakes_:
            count = 0
            for i in range(len(X)):
                w, b = reference.update(self.w_, self.b_, X[i], y[i])
                count += w is not self.w_
                self.w_, self.b_ = w, b
            self.mistakes_.append(count)
        return self

    def predict(self, X):
        return reference.predict(X, self.w_, self.b_)


classifier = register(
    Exercise(
        id="perceptron.classifier",
        notebook="perceptron",
        reference=reference.Perceptron,
        cases=_classifier_cases,
        call=_use_classifier,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "Two loops: the outer one over epochs, the inner one over the examples, in the order in which they come.",
            "Start `fit` with `self.w_ = np.zeros(X.shape[1])`, `self.b_ = 0.0`, `self.mistakes_ = []`. "
            "In the inner loop count the examples with `y_i * (self.w_ @ x_i + self.b_) <= 0` and update at once.",
            "After each epoch append the count to `self.mistakes_`; leave the loop when it is 0; end with `return self`.",
        ],
        misconceptions={
            _NeverStops: "You go on after an epoch without a mistake. Nothing can change any more then: leave the loop.",
            _LearnsInBatches: "You found all mistakes of an epoch with the *same* weights and corrected them together. "
            "Rosenblatt's rule corrects after every single example, so that the next one meets the new weights.",
            _OneEpoch: "You went through the data only once. Repeat until an epoch has no mistake, or `max_epochs` is reached.",
            _ReturnsNothing: "`fit` returns None. End it with `return self`, so that `Perceptron().fit(X, y).predict(X)` works.",
            _ForgetsEachEpoch: "The weights go back to zero at the start of every epoch. Set them to zero once, before the loop over epochs.",
        },
        variants=(_WithUpdates,),
    )
)

# -- margin ------------------------------------------------------------------------------------------------------------


def _margin_cases(rng):
    yield np.array([[2.0, 0.0], [-3.0, 0.0]]), np.array([1, -1]), np.array([2.0, 0.0]), 0.0
    X, w = rng.normal(size=(20, 4)), rng.normal(size=4)
    yield X, np.where(X @ w + 0.5 >= 0, 1, -1), w, 0.5
    yield rng.normal(size=(15, 3)), rng.choice([-1, 1], 15), 5 * rng.normal(size=3), -1.0  # some on the wrong side
    yield np.array([[1.0, 1.0]]), np.array([-1]), np.array([0.3, 0.4]), 2.0  # one example, on the wrong side
    yield 100 * rng.normal(size=(6, 2)), rng.choice([-1, 1], 6), rng.normal(size=2), 3.0


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
        id="perceptron.margin",
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
    yield _CORNERS[[1]]


def _or(X):
    return reference.predict(X, np.array([1.0, 1.0]), -0.5)


def _not_both(X):
    return reference.predict(X, np.array([-1.0, -1.0]), 1.5)


def _and(X):
    return reference.predict(X, np.array([1.0, 1.0]), -1.5)


def _alike(X):
    return -reference.xor_network(X)


def _xor_zero_one(X):
    return (reference.xor_network(X) + 1) // 2


def _another_xor(X):
    only_first = reference.predict(X, np.array([2.0, -2.0]), -1.0)
    only_second = reference.predict(X, np.array([-2.0, 2.0]), -1.0)
    return reference.predict(np.stack([only_first, only_second], axis=1), np.array([1.0, 1.0]), 1.0)


xor = register(
    Exercise(
        id="perceptron.xor",
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
            _or: "This is *or*: it says yes to (1, 1) too. A second neuron must object when both are 1.",
            _not_both: "This is 'not both': it says yes to (0, 0) too. Combine it with a neuron that says 'at least one'.",
            _and: "This is *and*: it says yes only to (1, 1), where exclusive or says no.",
            _alike: "This is the opposite of exclusive or: it says yes when both inputs are *alike*. Turn the last neuron's signs round.",
            _xor_zero_one: "Right, but as 0 and 1. Our neurons answer -1 and +1.",
        },
        variants=(_another_xor,),
    )
)
