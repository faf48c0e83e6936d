"""Exercises of *The perceptron*: what one neuron says, and how it learns from its mistakes."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.scratch import perceptron as reference

__all__ = ["classifier", "predict", "update"]

# -- predict ---------------------------------------------------------------------------------------------------------


def _predict_cases(rng):
    yield rng.normal(size=(6, 2)), np.array([1.0, -2.0]), 0.3
    yield rng.normal(size=(1, 5)), rng.normal(size=5), -1.0  # a batch of one
    yield np.array([[0.0, 0.0], [1.0, 1.0]]), np.zeros(2), 0.0  # exactly on the boundary
    yield 1e6 * rng.normal(size=(4, 3)), rng.normal(size=3), 10.0
    yield rng.normal(size=(60, 4)), rng.normal(size=4), 0.8
    yield rng.normal(size=(8, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32), 2.0


def _zero_or_one(X, w, b):
    return np.where(X @ w + b >= 0, 1, 0)


def _no_bias(X, w, b):
    return np.where(X @ w >= 0, 1, -1)


def _with_sign(X, w, b):
    return np.sign(X @ w + b).astype(int)


def _bias_subtracted(X, w, b):
    return np.where(X @ w - b >= 0, 1, -1)


def _bias_for_each_feature(X, w, b):
    return np.where((X * w + b).sum(axis=1) >= 0, 1, -1)


def _signs_turned(X, w, b):
    return np.where(X @ w + b >= 0, -1, 1)


def _true_or_false(X, w, b):
    return X @ w + b >= 0


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
            _bias_subtracted: "The bias is *added*: X @ w + b. You compared X @ w with b, which gives it the opposite sign.",
            _bias_for_each_feature: "You added b once for every feature. It is added once, after the weighted sum.",
            _signs_turned: "Your answers are turned round: +1 is for a weighted sum of at least 0.",
            _true_or_false: "These are True and False. Turn them into +1 and -1, for example with `np.where(..., 1, -1)`.",
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
    yield rng.normal(size=4).astype(np.float32), 0.5, rng.normal(size=4).astype(np.float32), -1
    yield np.array([-9.0, -9.0]), 0.0, np.array([4.7, 1.4]), 1  # one correction is not enough: still only one
    yield np.array([1.0, 1.0]), -2.0, np.array([1.0, 1.0]), 1  # exactly on the boundary


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


def _until_right(w, b, x, y):
    while y * (w @ x + b) <= 0:
        w, b = w + y * x, b + y
    return w, b


def _when_prediction_differs(w, b, x, y):
    answer = 1 if w @ x + b >= 0 else -1
    return (w + y * x, b + y) if answer != y else (w, b)


def _by_the_error(w, b, x, y):
    answer = 1 if w @ x + b >= 0 else -1
    return w + (y - answer) * x, b + (y - answer)


def _test_without_bias(w, b, x, y):
    return (w + y * x, b + y) if y * (w @ x) <= 0 else (w, b)


def _small_steps(w, b, x, y):
    return (w + 0.1 * y * x, b + 0.1 * y) if y * (w @ x + b) <= 0 else (w, b)


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
            _until_right: "You corrected until the example was right. The rule corrects *once*, then the next example comes.",
            _when_prediction_differs: "Nearly: at a weighted sum of exactly 0 the neuron answers +1, but the rule counts 0 as a mistake "
            "for both labels. Test `y * (w @ x + b) <= 0`.",
            _by_the_error: "y minus the answer is 2 or -2, so you move twice as far as the rule, and never for y = +1 on the boundary. "
            "Add y x.",
            _test_without_bias: "You left the bias out of the test. The weighted sum is w . x + b.",
            _small_steps: "You used a learning rate of 0.1. This rule has none: it adds y x itself.",
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
    cloud, w = rng.normal(size=(40, 3)), rng.normal(size=3)
    cloud += 0.3 * np.sign(cloud @ w + 0.2)[:, None] * w / np.linalg.norm(w)  # separable, with a gap
    yield cloud, np.where(cloud @ w + 0.2 >= 0, 1, -1), 500
    yield rng.normal(size=(30, 2)), rng.choice([-1, 1], 30), 7  # not separable: must stop by itself
    yield np.array([[1.0, 1.0]]), np.array([-1]), 5  # a single example
    yield np.zeros((3, 2)), np.array([1, -1, 1]), 4  # examples that say nothing
    yield 1e3 * X, np.array([1, -1, 1, -1]), 20
    yield X.astype(np.float32), np.array([1, -1, 1, -1]), 20


def _use_classifier(cls, X, y, max_epochs):
    model = cls(max_epochs=max_epochs)
    returned = model.fit(X, y)
    for name in ("w_", "b_", "mistakes_"):
        if not hasattr(model, name):
            raise UnusableAnswerError(f"After `fit` the model has no `{name}`. Set `self.{name} = ...` in `fit`.")
    model.fit(X, y)  # a second time must begin anew
    return {
        "mistakes_ (one number for each epoch)": np.asarray(model.mistakes_),
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


class _GoesOnFromBefore(reference.Perceptron):
    def fit(self, X, y):
        w, b, mistakes = getattr(self, "w_", np.zeros(X.shape[1])), getattr(self, "b_", 0.0), []
        for _ in range(self.max_epochs):
            mistakes.append(0)
            for x_i, y_i in zip(X, y, strict=True):
                if y_i * (w @ x_i + b) <= 0:
                    w, b = w + y_i * x_i, b + y_i
                    mistakes[-1] += 1
            if mistakes[-1] == 0:
                break
        self.w_, self.b_, self.mistakes_ = w, b, mistakes
        return self


class _LastZeroMissing(reference.Perceptron):
    def fit(self, X, y):
        super().fit(X, y)
        self.mistakes_ = [m for m in self.mistakes_ if m]
        return self


class _SharesOfMistakes(reference.Perceptron):
    def fit(self, X, y):
        super().fit(X, y)
        self.mistakes_ = [m / len(X) for m in self.mistakes_]
        return self


class _NeverStarts(reference.Perceptron):
    def fit(self, X, y):
        self.w_, self.b_, self.mistakes_ = np.zeros(X.shape[1]), 0.0, [0]
        return self


class _ReturnsWeights(reference.Perceptron):
    def fit(self, X, y):
        super().fit(X, y)
        return self.w_, self.b_


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
            _ReturnsNothing: "`fit` must return the model itself. End it with `return self`, so that "
            "`Perceptron().fit(X, y).predict(X)` works.",
            _ReturnsWeights: "`fit` must return the model itself. End it with `return self`, so that "
            "`Perceptron().fit(X, y).predict(X)` works.",
            _GoesOnFromBefore: "A second `fit` goes on from the weights of the first. Set them to zero at the start of `fit`.",
            _LastZeroMissing: "The last epoch, with 0 mistakes, is not in `mistakes_`. Append first, then leave the loop.",
            _SharesOfMistakes: "Store the *number* of mistakes of each epoch, not the share.",
            _NeverStarts: "From zero weights every weighted sum is 0, and with `< 0` nothing ever counts as a mistake: "
            "learning never starts. Use `<= 0`.",
            _ForgetsEachEpoch: "The weights go back to zero at the start of every epoch. Set them to zero once, before the loop over epochs.",
        },
        variants=(_WithUpdates,),
    )
)
