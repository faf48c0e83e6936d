# %% [markdown]
r"""
# The perceptron: one neuron that learns from its mistakes

**The question.** What can a single neuron learn, how fast, and where does it stop, for good?

**After this notebook you will be able to**

- compute what a neuron says, for one example and for a whole table at once;
- teach it with Rosenblatt's rule, and watch its boundary turn after every mistake;
- say in advance how many mistakes it can make at most, and check that on real data;
- show why one neuron cannot compute "exactly one of the two", and build three that can;
- replace the step by a smooth curve, and learn by going downhill: logistic regression.

**Builds on** 00 Start here. From school: the equation of a line, slopes. **Time** about 80 minutes, of which your computer needs a few seconds.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import linprog
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from coursekit import datasets, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import accuracy
from coursekit.predict import predict as ask  # 'predict' will be your own function here
from coursekit.predict import reveal
from coursekit.settings import course_rng, course_seeds

# %% [markdown]
r"""
## 1. What a neuron computes

Botanists measured the petals of iris flowers, in centimetres. Here are two species, each flower a point: its petal length $x_1$ and its petal width $x_2$.
"""

# %%
iris = datasets.load("iris")
PETALS = [2, 3]  # the columns with petal length and width
SETOSA, VERSICOLOR, VIRGINICA = 0, 1, 2


def two_species(first, second):
    """Petals of two species, (N, 2) in cm, and labels: -1 for the first, +1 for the second."""
    keep = np.isin(iris.y_train, (first, second))
    return iris.x_train[keep][:, PETALS], np.where(iris.y_train[keep] == second, 1, -1)


X_iris, y_iris = two_species(SETOSA, VERSICOLOR)
CM = ("petal length (cm)", "petal width (cm)")
plot.show(
    plot.boundary(
        X_iris, y_iris, names=("setosa", "versicolor"), features=CM, title="Two kinds of iris"
    )
)

# %% [markdown]
r"""
An artificial **neuron** (the idea goes back to McCulloch and Pitts, 1943; adjustable weights came with Rosenblatt) takes some numbers $x_1, \dots, x_D$, multiplies each by a **weight** $w_1, \dots, w_D$, adds everything up, and adds one more number, the **bias** $b$:

$$z = w_1 x_1 + w_2 x_2 + \dots + w_D x_D + b = \mathbf{w} \cdot \mathbf{x} + b$$

A bold letter is a list of numbers: $\mathbf{x}$ is one flower, $\mathbf{w}$ the weights. The dot between them is short for "multiply number by number and add up"; NumPy writes it `w @ x`.

Here $D = 2$. The letter $D$ always counts the features in this course, $N$ the examples. If the weighted sum $z$ is at least 0 the neuron says **+1**, otherwise **-1**; this jump is called the **step**.

- A positive weight means "the more of this, the more I lean to +1". A negative weight means the opposite; a weight of 0 ignores the feature.
- The bias is how much the neuron leans to +1 before it has seen anything.
- All points with $z = 0$ form a straight line (in three dimensions a plane, beyond that a *hyperplane*): the **decision boundary**. The weights, drawn as an arrow, stand at right angles on it and point to the +1 side. (In the picture below the angle looks different only because its two axes have different scales.)

We will keep all N examples as the rows of a table $X$ with N rows and D columns; then `X @ w + b` gives all N weighted sums at once.
"""


# %% tags=["exercise"]
@exercise("perceptron.predict")
def predict(X, w, b):
    """What the neuron says about each row of X.

    X : array, shape (N, D). w : array, shape (D,). b : a number.
    Returns +1 where the weighted sum is at least 0, else -1: whole numbers, shape (N,).
    """
    ### BEGIN SOLUTION
    return np.where(X @ w + b >= 0, 1, -1)
    ### END SOLUTION


# %%
w, b = np.array([1.0, 1.0]), -3.0  # "length plus width is at least 3 cm"
print("accuracy of a neuron set by hand:", accuracy(predict(X_iris, w, b), y_iris))
plot.show(
    plot.boundary(
        X_iris,
        y_iris,
        [(w, b)],
        names=("setosa", "versicolor"),
        features=CM,
        title="w = (1, 1), b = -3",
    )
)

# %% [markdown]
r"""
Play with the three numbers and run the cell again: what does each of them do to the line?

<details><summary>What you should find</summary>

Changing one of the two weights turns the line. Changing the bias shifts it without turning. Multiplying all three by the same positive number does nothing at all.

</details>

## 2. Learning from mistakes

Around 1960 Frank Rosenblatt found a rule that sets the weights without anybody choosing them. Show the neuron one example $\mathbf{x}$ with its label $y$ (+1 or -1).

- If the neuron is right, **change nothing**.
- If it is wrong, move the weights so that next time the weighted sum leans more to $y$:

$$\mathbf{w} \leftarrow \mathbf{w} + y\,\mathbf{x}, \qquad b \leftarrow b + y$$

(The arrow $\leftarrow$ means "becomes".)

When is it wrong? The label $y$ and the weighted sum $z$ should have the same sign, and two numbers have the same sign when their product is positive. So a mistake is $y\,z \le 0$. (Why $\le$ and not $<$? We start from zero weights, where every $z$ is 0. With $<$ no example would count as a mistake, and nothing would ever happen. So a sum of exactly 0 counts as a mistake for *both* labels, although the neuron then answers +1.)

Why does it help? After the change, the product for the same example has grown: $y\,z$ becomes $y\,z + \|\mathbf{x}\|^2 + 1$, because $y^2 = 1$. ($\|\mathbf{x}\|$ is the length of the arrow $\mathbf{x}$.)
"""

# %%
ask(
    "perceptron.one-update",
    "The neuron is wrong about one example and is corrected once. Directly afterwards, is it right about that example?",
    [
        "always",
        "sometimes",
        "never",
    ],
)


# %% tags=["exercise"]
@exercise("perceptron.update")
def update(w, b, x, y):
    """Rosenblatt's rule for one example.

    w : array, shape (D,). b : a number. x : array, shape (D,). y : -1 or +1.
    Returns w and b after the correction, or as they were if the example is right.
    A weighted sum of 0 counts as wrong. Correct once, even if that is not enough.
    Do not change the array w that you were given: make a new one.
    """
    ### BEGIN SOLUTION
    if y * (w @ x + b) <= 0:
        return w + y * x, b + y
    return w, b
    ### END SOLUTION


# %%
far_off_w, far_off_b = np.array([-4.0, -4.0]), 0.0
flower, label = X_iris[y_iris == 1][0], 1
products, w, b = [], far_off_w, far_off_b
for _ in range(3):
    products.append(float(label * (w @ flower + b)))
    w, b = update(w, b, flower, label)
corrections = int(np.sum(np.array(products) <= 0))
reveal(
    "perceptron.one-update",
    f"one flower, shown three times to a neuron that was far off: y z = {', '.join(f'{p:.1f}' for p in products)}; "
    f"it took {corrections} corrections",
    0 if corrections == 1 else 1,
)

# %% [markdown]
r"""
Now watch the boundary. We start from zero weights, where there is no line at all, and go through the flowers in random order. Each panel is the moment after one mistake; the ring marks the flower that
was wrong, a grey line is the boundary before. The last panel shows where it ends. The plane has the colour of the neuron's answer: while it is all one colour, the neuron says the same to every flower.
"""

# %%
rng = course_rng(0)
order = rng.permutation(len(y_iris))
w, b, neurons, mistaken = np.zeros(2), 0.0, [], []
for i in np.tile(order, 20):
    new_w, new_b = update(w, b, X_iris[i], y_iris[i])
    if not np.array_equal(new_w, w):
        neurons.append((new_w, new_b))
        mistaken.append(i)
    w, b = new_w, new_b

shown = sorted({*range(min(5, len(neurons))), len(neurons) - 1})  # the first five, and the last
figure, axes = plt.subplots(2, 3, figsize=(9.6, 6), sharex=True, sharey=True)
for k, ax in zip(shown, axes.flat, strict=False):
    plot.boundary(
        X_iris,
        y_iris,
        neurons[max(0, k - 1) : k + 1],
        names=("setosa", "versicolor"),
        features=CM,
        highlight=mistaken[k],
        title=f"after mistake {k + 1} of {len(neurons)}",
        legend=k == 0,
        ax=ax,
    )
    ax.label_outer()
for ax in axes.flat[len(shown) :]:
    ax.remove()
plot.show(figure)
print(
    f"mistakes until every flower is right: {len(neurons)}; weights now {w.round(2)}, bias {b:.0f}"
)

# %% [markdown]
r"""
The corrections are rough: a single flower can throw the line right across the plane, or out of the picture. And yet, after a handful of mistakes, no flower is wrong any more, and then nothing changes ever again.

## 3. The whole neuron

Put it together: go through the data again and again, each time from first to last, correcting after every mistake. One pass over the data is called an **epoch**. Stop after an epoch without a mistake, or after
`max_epochs`, whichever comes first.

We write it as a class, since a neuron has a state, its weights, and we use scikit-learn's habits: `fit` learns and returns the object itself, `predict` answers, and whatever was learned has a name that ends in an
underscore. So your class is used just like a model of scikit-learn.
"""


# %% tags=["exercise"]
@exercise("perceptron.classifier")
class Perceptron:
    """A neuron that learns by Rosenblatt's rule.

    After fit: w_ (array, shape (D,)), b_ (a number),
    mistakes_ (a list: how many mistakes in each epoch).
    """

    def __init__(self, max_epochs=100):
        self.max_epochs = max_epochs

    def fit(self, X, y):
        """Learn from X, shape (N, D), and y, shape (N,), in the given order.

        Starts from zeros every time it is called. Returns self.
        """
        ### BEGIN SOLUTION
        self.w_, self.b_, self.mistakes_ = np.zeros(X.shape[1]), 0.0, []
        for _ in range(self.max_epochs):
            mistakes = 0
            for x_i, y_i in zip(X, y, strict=True):
                if y_i * (self.w_ @ x_i + self.b_) <= 0:
                    self.w_, self.b_ = self.w_ + y_i * x_i, self.b_ + y_i
                    mistakes += 1
            self.mistakes_.append(mistakes)
            if mistakes == 0:
                break
        return self
        ### END SOLUTION

    def predict(self, X):
        """-1 or +1 for each row of X."""
        ### BEGIN SOLUTION
        return predict(X, self.w_, self.b_)
        ### END SOLUTION


# %% [markdown]
r"""
Two measurements make a plane that one can draw. Nothing in the rule needs that. Here are handwritten digits, 8 by 8 pixels, so $D = 64$: first 0 against 1, then the hard pair, 3 against 8. We learn from one part and test on
the other, beside two classical methods that need no training loop: the **nearest mean** (which average digit is closer?) and the **nearest neighbour** (which single example is closest?).
"""

# %%
digits = datasets.load("digits")


def two_digits(x, y, first, second):
    """Images of two digits, (N, 64) in [0, 1], and labels -1 and +1."""
    keep = np.isin(y, (first, second))
    return x[keep].reshape(keep.sum(), -1) / 16.0, np.where(y[keep] == second, 1, -1)


def nearest_mean(X, y, X_new):
    """-1 or +1, by the closer of the two class means."""
    to_minus, to_plus = (
        np.linalg.norm(X_new - X[y == k].mean(axis=0), axis=1) for k in (-1, 1)
    )
    return np.where(to_plus < to_minus, 1, -1)


neurons_of = {}
for pair in ((0, 1), (3, 8)):
    X, y = two_digits(digits.x_train, digits.y_train, *pair)
    X_new, y_new = two_digits(digits.x_test, digits.y_test, *pair)
    neuron_accuracy = []
    for seed in course_seeds(10):
        order = np.random.default_rng(seed).permutation(len(y))
        neuron = Perceptron().fit(X[order], y[order])
        neuron_accuracy.append(accuracy(neuron.predict(X_new), y_new))
    neurons_of[pair] = neuron
    neighbour = KNeighborsClassifier(1).fit(X, y)
    print(
        f"{pair[0]} against {pair[1]}, {len(y)} to learn from, {len(y_new)} to test on: perceptron {np.mean(neuron_accuracy):.1%} "
        f"({min(neuron_accuracy):.1%} to {max(neuron_accuracy):.1%} over 10 orders), "
        f"nearest mean {accuracy(nearest_mean(X, y, X_new), y_new):.1%}, nearest neighbour {accuracy(neighbour.predict(X_new), y_new):.1%}"
    )

# %%
figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.4))
plot.weights(
    neurons_of[0, 1].w_, (8, 8), labels=("for 1", "for 0"), title="0 against 1", ax=axes[0]
)
plot.weights(
    neurons_of[3, 8].w_, (8, 8), labels=("for 8", "for 3"), title="3 against 8", ax=axes[1]
)
plot.show(figure)

# %% [markdown]
r"""
The weights can be looked at, since each belongs to a pixel. For 0 against 1 the answer is in the middle: ink there speaks for a 1, ink on the ring around it for a 0. For 3 against 8 the strongest votes are on the left,
where an 8 closes its loops and a 3 stays open. Nobody told it so.

And look at the printed lines once more: the nearest neighbour, which learns nothing and only compares, is at least as good as the neuron on both pairs. Digits of one kind look much alike, and with so few test pictures a difference of one or two of them means little.

## 4. How many mistakes?

Is there a limit to how often the neuron can be wrong before it is done? There is, and it is one of the most beautiful results of the field, because it does not depend on how many examples there are, nor on how many
features.

Suppose that some line separates the classes. Its **margin** $\gamma$ (gamma) is the distance from the line to the closest example. If the line runs in the middle of the empty street between the classes, $\gamma$ is half the width of that street.
"""


# %% tags=["exercise"]
@exercise("separation.margin")
def margin(X, y, w, b):
    """The smallest signed distance to the boundary.

    An example on its own side counts positive, one on the wrong side negative.

    X : array, shape (N, D). y : -1 and +1, shape (N,). w : array, shape (D,). b : a number.
    Returns a number.
    The distance of a point x to the boundary is |w . x + b| / length of w.
    """
    ### BEGIN SOLUTION
    return np.min(y * (X @ w + b)) / np.linalg.norm(w)
    ### END SOLUTION


# %% [markdown]
r"""
The bias is a nuisance in formulas, so we treat it as one more weight: give every example one more feature that is always 1, and let $\mathbf{w}$ contain $b$ as the weight of it. From here to the end of this section $\mathbf{x}$ has that extra 1, and the
margin $\gamma$ and the length $R$ of the longest example are measured with it. Then, whatever the order of the examples, the perceptron makes

$$\text{at most } \left(\frac{R}{\gamma}\right)^2 \text{ mistakes, over all epochs together.}$$

<details><summary>The proof, in six lines</summary>

Let $\mathbf{u}$ be the weights of a separating line, scaled to length 1, so that $y\,\mathbf{u}\cdot\mathbf{x} \ge \gamma$ for every example. Start from $\mathbf{w} = 0$.

*The weights grow in the right direction.* Each mistake adds $y\,\mathbf{x}$, so $\mathbf{w}\cdot\mathbf{u}$ grows by at least $\gamma$. After $k$ mistakes: $\mathbf{w}\cdot\mathbf{u} \ge k\gamma$.

*But they do not grow fast.* $\|\mathbf{w} + y\mathbf{x}\|^2 = \|\mathbf{w}\|^2 + 2y\,\mathbf{w}\cdot\mathbf{x} + \|\mathbf{x}\|^2$, and at a mistake the middle term is not positive. So the squared length grows by at most $R^2$. After $k$ mistakes: $\|\mathbf{w}\|^2 \le kR^2$.

*Both together.* $k\gamma \le \mathbf{w}\cdot\mathbf{u} \le \|\mathbf{w}\| \le \sqrt{k}\,R$, hence $k \le (R/\gamma)^2$.

</details>

A theorem holds for every data set, so a data set that broke it would mean a bug. We check it all the same: on three data sets, in twenty random orders each. To get the best bound we need the line with the widest street; a support vector machine (Boser, Guyon and Vapnik, 1992)
finds it.
"""

# %%
ask(
    "perceptron.how-close",
    "On the data set that comes closest to its bound, how much of it is used up, on average over the orders?",
    ["more than three quarters", "about a half", "less than a third"],
)


# %%
def with_ones(X):
    """One more feature that is always 1, so that the bias is a weight like the others."""
    return np.hstack([X, np.ones((len(X), 1))])  # (N, D + 1)


def mistake_bound(X, y):
    """(R / gamma)^2 with the widest street that a support vector machine finds."""
    machine = LinearSVC(
        C=1e6, loss="hinge", fit_intercept=False, max_iter=1_000_000, random_state=0
    )
    u = machine.fit(with_ones(X), y).coef_[0]
    gamma = margin(with_ones(X), y, u, 0.0)
    return (np.linalg.norm(with_ones(X), axis=1).max() / gamma) ** 2


problems = {"iris petals": (X_iris, y_iris)}
problems |= {
    f"digits {a} and {c}": two_digits(digits.x_train, digits.y_train, a, c)
    for a, c in ((0, 1), (3, 8))
}
bounds, mistakes = {}, {}
for name, (X, y) in problems.items():
    bounds[name] = mistake_bound(X, y)
    totals = []
    for seed in course_seeds(20):
        order = np.random.default_rng(seed).permutation(len(y))
        neuron = Perceptron(max_epochs=1000).fit(X[order], y[order])
        totals.append(sum(neuron.mistakes_) if neuron.mistakes_[-1] == 0 else np.inf)
    mistakes[name] = np.array(totals)
    print(
        f"{name:>14}: bound {bounds[name]:6.0f}, mistakes {min(totals):.0f} to {max(totals):.0f} over 20 orders"
    )

plot.show(
    plot.points(
        list(bounds.values()),
        [m.max() for m in mistakes.values()],
        labels=list(bounds),
        xlabel="bound (R / gamma)^2",
        ylabel="mistakes, worst of 20 orders",
        log="xy",
        diagonal=True,
        title="No run comes near its bound",
    )
)

# %%
share = max(mistakes[name].mean() / bounds[name] for name in problems)
reveal(
    "perceptron.how-close",
    f"the mean is {share:.0%} of the bound, on the data set that comes closest to it",
    0 if share > 0.75 else 1 if share > 0.3 else 2,
)

# %%
claim("perceptron-converges").judge(
    all(mistakes[name].max() <= bounds[name] for name in problems),
    evidence="; ".join(
        f"{name}: at most {mistakes[name].max():.0f} mistakes, bound {bounds[name]:.0f}"
        for name in problems
    ),
)

# %% [markdown]
r"""
## 5. What one neuron cannot do

Look at four points. The neuron should say +1 when **exactly one** of the two inputs is 1. This is *exclusive or*, XOR for short.

| $x_1$ | $x_2$ | exactly one? |
|---|---|---|
| 0 | 0 | no (-1) |
| 0 | 1 | yes (+1) |
| 1 | 0 | yes (+1) |
| 1 | 1 | no (-1) |

Try to draw a line with both "yes" on one side and both "no" on the other. To be sure that it is not just our lack of patience, let the neuron try, and let a hundred thousand neurons with random weights try too.
"""

# %%
# NBVAL_CHECK_OUTPUT
X_xor = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y_xor = np.array([-1, 1, 1, -1])

trained = []
for seed in course_seeds(20):
    order = np.random.default_rng(seed).permutation(4)
    trained.append(
        accuracy(
            Perceptron(max_epochs=200).fit(X_xor[order], y_xor[order]).predict(X_xor), y_xor
        )
    )
random_weights = course_rng(1).normal(size=(100_000, 3))
random_answers = np.where(with_ones(X_xor) @ random_weights.T >= 0, 1, -1)  # (4, 100000)
best_of_random = (random_answers == y_xor[:, None]).mean(axis=0).max()
print(
    f"best of 20 trained neurons: {max(trained):.0%}, best of 100,000 random ones: {best_of_random:.0%}"
)

# %% [markdown]
r"""
The trained neurons change their minds for ever and end wherever they happen to be when we stop; the luckiest of the random ones has three of the four points; none has all. Here is why. Both "no" points give $b < 0$ and $w_1 + w_2 + b < 0$. Both "yes" points give $w_1 + b \ge 0$ and $w_2 + b \ge 0$. Add the last two: $w_1 + w_2 + 2b \ge 0$. Add the first two:
$w_1 + w_2 + 2b < 0$. Both cannot be true, so no such weights exist. In 1969 Minsky and Papert wrote a book about this and its larger relatives (is the number of dots odd? is the figure in one piece?); many readers took it to mean that neurons lead nowhere.

But one neuron can say "at least one", another "not both", and a third can listen to those two. That is a network with a **hidden layer**. Choose its weights by hand:
"""


# %% tags=["exercise"]
@exercise("separation.xor")
def xor(X):
    """Exactly one of the two inputs: +1 or -1 for each row, by three neurons.

    X : array of 0 and 1, shape (N, 2). Returns whole numbers -1 and +1, shape (N,).
    Use predict(X, w, b) for every neuron; the third one gets the answers of the first two
    as its inputs, an array of shape (N, 2).
    """
    ### BEGIN SOLUTION
    at_least_one = predict(X, np.array([1.0, 1.0]), -0.5)
    not_both = predict(X, np.array([-1.0, -1.0]), 1.5)
    hidden = np.stack([at_least_one, not_both], axis=1)  # (N, 2)
    return predict(hidden, np.array([1.0, 1.0]), -1.5)
    ### END SOLUTION


# %%
plot.show(
    plot.regions(
        X_xor,
        y_xor,
        xor,
        names=("no", "yes"),
        features=("x1", "x2"),
        title="Three neurons: exactly one",
    )
)
claim("one-neuron-no-xor").judge(
    max(*trained, best_of_random) <= 0.75 and accuracy(xor(X_xor), y_xor) == 1.0,
    evidence=f"best single neuron {max(*trained, best_of_random):.0%} of the four points (no weights can do better: see the four inequalities), three neurons {accuracy(xor(X_xor), y_xor):.0%}",
)

# %% [markdown]
r"""
What became widely known only in 1986 was not such a network but a way to *learn* its weights: Rosenblatt's rule says what to do with the neuron that answers, but not with those hidden before it. Notebook 03 closes that gap.

## 6. When no line separates

The other two irises, versicolor and virginica, overlap: some flowers of one kind have petals of the same size as flowers of the other. What does the rule do then?

(To be certain that no line separates them we use a **linear programme**: a routine that either finds numbers that fulfil a list of linear inequalities, or proves that there are none.)
"""

# %%
ask(
    "perceptron.overlap",
    "No line separates the two kinds, and we go on for 1,000 epochs. An epoch without a mistake ...",
    ["comes sooner or later", "comes only in some orders of the flowers", "never comes"],
)

# %%
X_over, y_over = two_species(VERSICOLOR, VIRGINICA)


def separable(X, y):
    """Whether some line has every example strictly on its right side: a linear programme decides it for certain."""
    rows = -y[:, None] * with_ones(X)  # we look for v with y (x . v) >= 1 for every example
    result = linprog(
        np.zeros(rows.shape[1]), A_ub=rows, b_ub=-np.ones(len(y)), bounds=(None, None)
    )
    return result.status == 0


histories = []
for seed in course_seeds(5):
    order = np.random.default_rng(seed).permutation(len(y_over))
    histories.append(Perceptron(max_epochs=1000).fit(X_over[order], y_over[order]).mistakes_)
with_an_end = sum(min(h) == 0 for h in histories)  # orders in which an epoch had no mistake
late = [m for h in histories for m in h[500:]]
print(
    f"separable by a line: setosa and versicolor {separable(X_iris, y_iris)}, versicolor and virginica {separable(X_over, y_over)}"
)

figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.6), sharey=True)
for ax, first in zip(axes, (1, 601), strict=True):
    plot.lines(
        np.arange(first, first + 100),
        {
            f"order {k + 1}": np.array(h[first - 1 : first + 99])
            for k, h in enumerate(histories[:2])
        },
        xlabel="epoch",
        ylabel="mistakes in the epoch",
        markers=False,
        title=f"Versicolor against virginica, from epoch {first}",
        ax=ax,
    )
plot.show(figure)

# %%
reveal(
    "perceptron.overlap",
    f"in {with_an_end} of 5 orders; from epoch 501 to 1,000 an epoch had {min(late)} to {max(late)} mistakes",
    2 if with_an_end == 0 else 0 if with_an_end == 5 else 1,
)
claim("perceptron-never-settles").judge(
    not separable(X_over, y_over) and with_an_end == 0 and separable(X_iris, y_iris),
    evidence=f"a linear programme finds no separating line; in 5 orders of 1,000 epochs each, no epoch had fewer than {min(map(min, histories))} mistakes",
)

# %% [markdown]
r"""
A thousand epochs are not for ever. What makes the verdict safe is the linear programme: it *proves* that no line has every flower on its right side. And an epoch without a mistake would have found such a line. So there
never is one. The count may even come to repeat itself from epoch to epoch, but each mistake moves the line again: when you stop, you get the line of the last moment, good or bad.

## 7. From the step to a slope

Two things are wrong with the step. It says nothing about *how sure* the neuron is. And it is flat: turn a weight a little and, almost always, nothing changes, so there is no slope to follow. Replace it by a smooth curve, the
**sigmoid** (logistic function), which turns the weighted sum into a number between 0 and 1:

$$p = \sigma(z) = \frac{1}{1 + e^{-z}}$$

We read $p$ as the probability of the positive class. The classes are now written 1 and 0 instead of +1 and -1.
"""


# %%
def sigmoid(z):
    """1 / (1 + exp(-z)) without overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


z = np.linspace(-6, 6, 121)
plot.show(
    plot.lines(
        z,
        {"step (as 0 and 1)": (z >= 0).astype(float), "sigmoid": sigmoid(z)},
        xlabel="weighted sum z",
        ylabel="output",
        markers=False,
        title="The step says yes or no, the sigmoid says how sure",
    )
)

# %% [markdown]
r"""
How wrong is the neuron? If the truth is 1 and it said $p = 0.9$, it is only a little surprised; at $p = 0.01$ very much. We measure the surprise by $-\log p$, which is 0 when $p = 1$ and grows without limit as $p$ goes to 0; if the truth is 0 it is $-\log(1-p)$. (The logarithm is the natural one, and its unit is called the *nat*.) Averaged over the examples this is the
**cross-entropy**, our first loss with a slope:

$$L = -\frac{1}{N}\sum_{n=1}^{N}\Big[y_n \log p_n + (1 - y_n)\log(1 - p_n)\Big]$$

(The big $\sum$ says: add up over all examples $n$. As $y_n$ is 1 or 0, one of the two terms is always 0.)

Turn one weight a little and leave the others as they are: the slope of $L$ is then written $\frac{\partial L}{\partial w}$. The slopes for all weights, listed together, are the **gradient** of $L$. The derivation is in the fold; the result is as simple as could be. With the error $p_n - y_n$ of each example,

$$\frac{\partial L}{\partial \mathbf{w}} = \frac{1}{N}\sum_{n=1}^{N} (p_n - y_n)\,\mathbf{x}_n, \qquad \frac{\partial L}{\partial b} = \frac{1}{N}\sum_{n=1}^{N} (p_n - y_n)$$

<details><summary>Derivation</summary>

For one example with $y = 1$ the loss is $-\log p$. The slope of the sigmoid is $p(1-p)$ (differentiate $\frac{1}{1+e^{-z}}$ and sort the terms), so the chain rule gives $\frac{dL}{dz} = -\frac{1}{p}\,p(1-p) = p - 1$. For $y = 0$ the loss is $-\log(1-p)$ and $\frac{dL}{dz} = \frac{1}{1-p}\,p(1-p) = p$. Both are $p - y$.
And $z = \mathbf{w}\cdot\mathbf{x} + b$ changes by $x_d$ when $w_d$ changes by 1, and by 1 when $b$ does. The mean over examples gives the formulas.

</details>

Compare it with Rosenblatt's rule: going *down* turns $p - y$ into $y - p$, and again each example pulls the weights along $\mathbf{x}$, but now by *how wrong* it is, and an example that is right only with little confidence still pulls a little.
"""


# %% tags=["exercise"]
@exercise("logistic.gradient")
def logistic_gradient(X, y, w, b):
    """Gradient of the mean cross-entropy at w and b.

    X : array, shape (N, D). y : 0 and 1, shape (N,). w : array, shape (D,). b : a number.
    Returns dw, shape (D,), and db, a number. The function sigmoid is defined above.
    """
    ### BEGIN SOLUTION
    error = sigmoid(X @ w + b) - y  # (N,)
    return X.T @ error / len(y), error.mean()
    ### END SOLUTION


# %% [markdown]
r"""
To learn, go downhill: subtract a small multiple of the gradient, again and again. The multiple is the **learning rate**. This is **gradient descent**. Our data are women with a breast tumour: 30 measurements of cell nuclei under the microscope, and whether the tumour
was benign (1) or malignant (0). The measurements have very different units, so we first **standardise** them: subtract the mean and divide by the standard deviation, *computed on the training examples only*.
"""

# %%
cancer = datasets.load("breast_cancer")
X, X_new = datasets.standardize(cancer.x_train, cancer.x_test)
y, y_new = cancer.y_train, cancer.y_test

w, b, learning_rate, losses = np.zeros(X.shape[1]), 0.0, 0.5, []
for _ in range(300):
    p = sigmoid(X @ w + b)
    losses.append(-np.mean(np.where(y == 1, np.log(p), np.log(1 - p))))
    dw, db = logistic_gradient(X, y, w, b)
    w, b = w - learning_rate * dw, b - learning_rate * db

plot.show(
    plot.lines(
        np.arange(1, 301),
        {"our neuron": np.array(losses)},
        xlabel="step",
        ylabel="cross-entropy (nats)",
        markers=False,
        title="Going downhill",
    )
)
ours = accuracy((X_new @ w + b >= 0).astype(int), y_new)
library = LogisticRegression(C=1.0).fit(X, y)
always = max(y_new.mean(), 1 - y_new.mean())
print(
    f"test accuracy: our neuron {ours:.1%}, scikit-learn's {accuracy(library.predict(X_new), y_new):.1%}, always the larger class {always:.1%}"
)

# %% [markdown]
r"""
It starts at a loss of $\log 2$, because with zero weights every $p$ is one half, and it falls at every step. This neuron is **logistic regression**, a method that statisticians have used since the 1940s. It settles even where no line separates, and its
$p$ can be read as a probability (how far to trust it, notebook 02 measures). Where a line *does* separate the classes, its weights would grow for ever, so scikit-learn's version holds them back a little, while ours was stopped after 300 steps: two slightly different models, and with so few test patients a difference of one patient between them means nothing. It is the baseline that stands beside every network of this course, and you will be surprised how often it is hard to beat.

## When it breaks

**Labels 0 and 1 in a rule made for -1 and +1.** With $y = 0$ the product $y\,z$ is always 0, so every such example counts as a mistake, and its correction adds $0 \cdot \mathbf{x}$: nothing. The neuron hears only about one class.
"""

# %%
zero_one = (y_iris + 1) // 2
confused = Perceptron(max_epochs=50).fit(X_iris, zero_one)
print(
    f"mistakes in the last of 50 epochs: {confused.mistakes_[-1]}, setosas in the data: {np.sum(zero_one == 0)}"
)
print(f"says +1 to {np.mean(confused.predict(X_iris) == 1):.0%} of all flowers")

# %% [markdown]
r"""
**No bias.** Then every boundary passes through the origin, so the neuron can only compare the *ratio* of width to length, and a small flower may have the same ratio as a large one:
"""

# %%
directions = np.linspace(
    0, 2 * np.pi, 3601
)  # every line through the origin, in steps of a tenth of a degree
without = max(
    accuracy(predict(X_iris, np.array([np.cos(a), np.sin(a)]), 0.0), y_iris) for a in directions
)
with_bias = accuracy(Perceptron().fit(X_iris, y_iris).predict(X_iris), y_iris)
print(
    f"the best of all lines through the origin: {without:.0%}, a perceptron with a bias: {with_bias:.0%}"
)

# %% [markdown]
r"""
**Features in unlike units.** The same flowers, with the petal length in millimetres and the width in metres. Nothing about the flowers has changed, but the examples have become ten times as long, while the feature that is always 1 has stayed 1. Measured with that feature, the street has not grown along:
"""

# %%
units = {"both in cm": np.array([1.0, 1.0]), "length in mm, width in m": np.array([10.0, 0.01])}
for name, scale in units.items():
    totals = []
    for seed in course_seeds(10):
        order = np.random.default_rng(seed).permutation(len(y_iris))
        totals.append(
            sum(Perceptron(max_epochs=5000).fit(X_iris[order] * scale, y_iris[order]).mistakes_)
        )
    print(f"{name}: {np.mean(totals):.0f} mistakes on average, at most {max(totals)}")

# %% [markdown]
r"""
**How to see it.** Print the mistakes of each epoch: a number that never falls below the size of one class points to the labels; one that falls very slowly points to the units. Look at the smallest and largest value of every feature before you train anything.

## Explain it back

**Q1.** A neuron has weights (2, -1) and bias 0. Which change leaves the decision boundary where it is?

<details><summary>A. Adding 1 to the bias.</summary>

**No.** The bias shifts the line: the points with weighted sum 0 are others now.

</details>
<details><summary>B. Swapping the two weights.</summary>

**No.** The line always stands at right angles to the arrow w, so it turns with it.

</details>
<details><summary>C. Multiplying both weights and the bias by 10.</summary>

**Right.** The weighted sum becomes ten times as large, but it is 0 at the same points. That is why the margin divides by the length of w.

</details>

**Q2.** The perceptron made 40 mistakes on a data set with a bound of 500. You collect a hundred times as many examples of the same kind, with the same R and margin. The bound is now ...

<details><summary>A. 50,000.</summary>

**No.** The number of examples does not occur in (R / gamma) squared.

</details>
<details><summary>B. still 500.</summary>

**Right.** It depends on the longest example and on the width of the street only. (In practice more examples usually make the street narrower.)

</details>
<details><summary>C. 5.</summary>

**No.** More examples do not make the worst case better.

</details>

**Q3.** Why can gradient descent not be used with the step?

<details><summary>A. The step is flat almost everywhere, so its slope says nothing.</summary>

**Right.** Turn a weight a little and nearly always no answer changes: the slope is 0, and at the jump there is none.

</details>
<details><summary>B. The step is too slow to compute.</summary>

**No.** It is one comparison, faster than the sigmoid.

</details>
<details><summary>C. The step gives -1 and +1, and losses need 0 and 1.</summary>

**No.** Labels can be renamed. No renaming gives a flat function a slope.

</details>

**Q4.** (From notebook 00.) A friend reports that a neuron reaches 97 of 100 on the flowers it learned from. What do you ask?

<details><summary>A. How it does on flowers it has not seen, and how often the larger class occurs.</summary>

**Right.** Both questions of notebook 00: a rule is for new examples, and an accuracy must be compared with that of not looking.

</details>
<details><summary>B. How many epochs it took.</summary>

**No.** Interesting, but it says nothing about what 97 is worth.

</details>
<details><summary>C. Whether it was a perceptron or logistic regression.</summary>

**No.** Both can be excellent or useless. The number must be put beside others first.

</details>

**Q5.** (From notebook 00.) Try, count the mistakes, keep the best: which part of that does logistic regression replace?

<details><summary>A. Keeping the best: it keeps all weights it ever had.</summary>

**No.** It keeps one set of weights, the current one.

</details>
<details><summary>B. The blind trying: the gradient says which way to turn every weight.</summary>

**Right.** And to have a slope it also counts differently: not mistakes, which jump, but surprise, which is smooth.

</details>
<details><summary>C. Nothing, it tries all weights.</summary>

**No.** With 31 numbers and only ten values for each there would be more tries than atoms in a flower.

</details>

## Go further

**A project.** When no line separates, the last line is no better than any other. Gallant's *pocket algorithm* (1990) keeps in its pocket the weights that got the most examples right so far. Write it, run it on versicolor and virginica over 20 orders, and compare with the
plain perceptron, with logistic regression, and with the average of all weights that the perceptron ever had (Freund and Schapire, 1999). Which is best on the *test* flowers, and is the difference larger than the spread over orders?

**Sources.**
W. McCulloch and W. Pitts (1943), *A logical calculus of the ideas immanent in nervous activity*.
F. Rosenblatt (1958), *The perceptron: a probabilistic model for information storage and organization in the brain*; and (1962), *Principles of neurodynamics*, for the rule.
A. Novikoff (1962), *On convergence proofs for perceptrons*.
M. Minsky and S. Papert (1969), *Perceptrons*.
J. Berkson (1944), *Application of the logistic function to bio-assay*; D. Cox (1958), *The regression analysis of binary sequences*.
B. Boser, I. Guyon and V. Vapnik (1992), *A training algorithm for optimal margin classifiers*.
S. Gallant (1990), *Perceptron-based learning algorithms*.
Y. Freund and R. Schapire (1999), *Large margin classification using the perceptron algorithm*.
Data: E. Anderson and R. Fisher (1936), irises; E. Alpaydin and C. Kaynak (1998), handwritten digits; W. Wolberg, O. Mangasarian, N. Street (1995), breast cancer: all in scikit-learn.
"""
