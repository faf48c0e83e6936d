# %% [markdown]
r"""
# The forward pass: from pixels to a loss

**The question.** A network is a long chain of simple functions. What does each of them do to the numbers, and how does the last one say, in a single number, how wrong the network is?

**After this notebook you will be able to**

- compute a layer of neurons as one matrix product, for a whole batch, and predict every shape on the way;
- say what a non-linearity is for, and prove what a network cannot do without one;
- turn scores into probabilities without overflow, and probabilities into a loss;
- check a network *before* training it, by the loss it should begin with;
- tell when a "probability" from a network deserves the name.

**Builds on** 01 The perceptron: weighted sum, bias, sigmoid, cross-entropy. From school: matrix product, logarithm. **Time** about 80 minutes, of which your computer needs about ten seconds.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from coursekit import datasets, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import accuracy, expected_calibration_error, reliability_curve
from coursekit.predict import predict, reveal
from coursekit.scratch import functional as F
from coursekit.scratch import mlp
from coursekit.settings import course_rng, course_seeds

fashion = datasets.load("fashion_mnist")
x_train = datasets.to_float(fashion.x_train)  # (60000, 784), ink from 0 to 1
x_test = datasets.to_float(fashion.x_test)  # (10000, 784)
y_train, y_test = fashion.y_train, fashion.y_test
print("x_train", x_train.shape, x_train.dtype, "y_train", y_train.shape)
plot.show(
    plot.images(
        fashion.x_train[:20],
        [fashion.class_names[k] for k in y_train[:20]],
        title="Fashion-MNIST, the first 20",
    )
)

# %% [markdown]
r"""
## 1. A layer is a matrix product

One neuron has D weights and a bias. Put H neurons side by side and let all of them look at the same input: a **layer**. Write the weights of each neuron into a *column* of a table $W$ with D rows and H columns, and the biases into a row $b$ of
length H. For a **batch** of N examples, the rows of $X$, all weighted sums of all neurons come out of a single matrix product:

$$Z = X W + b \qquad\qquad (N, H) = (N, D)\,(D, H) + (H,)$$

The line on the right is a **shapes ledger**: the inner sizes must agree and vanish. (The bias has one number for each neuron, and NumPy adds it to every row; this is called *broadcasting*.) Keeping such a ledger finds most bugs before they happen.
"""

# %%
predict(
    "forward.shape",
    "X has shape (64, 784), W has shape (784, 128), b has shape (128,). The shape of X @ W + b is ...",
    ["(64, 128)", "(128, 64)", "(784, 128)", "it is an error: b does not fit"],
)


# %% tags=["exercise"]
@exercise("forward.dense")
def dense(X, W, b):
    """A layer of H neurons for a batch of N examples.

    X : array, shape (N, D). W : array, shape (D, H). b : array, shape (H,).
    Returns an array of shape (N, H).
    """
    ### BEGIN SOLUTION
    return X @ W + b
    ### END SOLUTION


# %%
rng = course_rng(0)
Z = dense(x_train[:64], rng.normal(size=(784, 128)), np.zeros(128))
shapes = {"(64, 128)": 0, "(128, 64)": 1, "(784, 128)": 2}
reveal("forward.shape", f"the shape is {Z.shape}", shapes[str(Z.shape)])

# %% [markdown]
r"""
Feed the outputs of one layer into the next, and you have a network. The layers between input and output are called **hidden**. Ours will have 784 inputs (the pixels), 128 hidden neurons and 10 outputs, one **score** for each kind of clothes; we write it
784-128-10.
"""

# %%
plot.show(
    plot.network(
        (784, 128, 10),
        ["pixels", "hidden", "scores"],
        title="784-128-10 (a few neurons of each layer)",
    )
)

# %% [markdown]
r"""
How many numbers does it have to learn? Each of the H neurons of a layer has D weights and 1 bias.
"""


# %% tags=["exercise"]
@exercise("forward.parameter_count")
def parameter_count(sizes):
    """How many weights and biases a chain of dense layers has.

    sizes : a tuple of layer sizes, input first, for example (784, 128, 10). Returns a whole number.
    """
    ### BEGIN SOLUTION
    return sum(d * h + h for d, h in zip(sizes[:-1], sizes[1:], strict=True))
    ### END SOLUTION


# %%
# NBVAL_CHECK_OUTPUT
for sizes in ((784, 10), (784, 128, 10), (784, 512, 512, 10)):
    print(f"{'-'.join(map(str, sizes)):>16}: {parameter_count(sizes):>9,} numbers to learn")

# %% [markdown]
r"""
## 2. What the non-linearity is for

Does it help to put layer on layer?
"""

# %%
predict(
    "forward.linear-stack",
    "Five layers without anything between them, 784-256-256-256-256-10. How much of what they compute can ONE layer 784-10 do?",
    ["nothing like it", "most of it", "exactly all of it"],
)


# %% [markdown]
r"""
Two layers with nothing between them compute $(X W_1 + b_1) W_2 + b_2$. Multiply it out: $X (W_1 W_2) + (b_1 W_2 + b_2)$. That is *one* layer, with the weights $W_1 W_2$. And so on for five. Let us see whether the numbers agree, and what happens with a ReLU, $\max(0, z)$, between the same layers.
"""


# %%
def scaled(rng, d, h):
    """Random weights that keep the size of the numbers about the same."""
    return rng.normal(size=(d, h)) / np.sqrt(d)


seen = x_train[:10_000].astype(float)
seen_and_one = np.hstack([seen, np.ones((10_000, 1))])


def through(layers, X, activation):
    """The outputs of a chain of dense layers with an activation between them."""
    for k, (W, b) in enumerate(layers):
        X = dense(X if k == 0 else activation(X), W, b)
    return X


def left_over(layers, activation):
    """Share of the squared deviations from the mean that the best single layer misses.

    "Best" by least squares on 10,000 training pictures, measured on the test pictures.
    """
    target = through(layers, x_test.astype(float), activation)
    one_layer = np.linalg.lstsq(seen_and_one, through(layers, seen, activation), rcond=None)[0]
    imitation = np.hstack([x_test, np.ones((10_000, 1))]) @ one_layer
    return ((imitation - target) ** 2).sum() / ((target - target.mean(axis=0)) ** 2).sum()


sizes = (784, 256, 256, 256, 256, 10)
gaps, unexplained = [], []
for seed in course_seeds(5):
    rng = np.random.default_rng(seed)
    layers = [
        (scaled(rng, d, h), 0.1 * rng.normal(size=h))
        for d, h in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    W_one, b_one = np.eye(784), np.zeros(784)
    for W, b in layers:
        W_one, b_one = W_one @ W, b_one @ W + b  # the product of all layers so far
    X = x_test[:1000].astype(float)
    five = through(layers, X, activation=lambda z: z)
    gaps.append(np.abs(five - dense(X, W_one, b_one)).max() / np.abs(five).max())
    unexplained.append(left_over(layers, F.relu))

reveal(
    "forward.linear-stack",
    f"largest difference {max(gaps):.0e} of the largest score: rounding",
    2 if max(gaps) < 1e-9 else 1,
)

# %%
claim("linear-stacks-stay-linear").judge(
    max(gaps) < 1e-9 and min(unexplained) > 0.01,
    evidence=f"five linear layers differ from one by {max(gaps):.0e} (relative, worst of 5 seeds); with a ReLU between the same layers, "
    f"the best single layer leaves {min(unexplained):.0%} to {max(unexplained):.0%} of the squared deviations from the mean unexplained",
)

# %% [markdown]
r"""
So there must be something between the layers that is *not* a weighted sum: a **non-linearity** or **activation function**, applied to each number by itself. These are the ones in use:
"""

# %%
z = np.linspace(-4, 4, 161)
activations = {
    "sigmoid": F.sigmoid(z),
    "tanh": np.tanh(z),
    "ReLU": F.relu(z),
    "leaky ReLU (slope 0.1)": F.leaky_relu(z, 0.1),
    "GELU": F.gelu(z),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.8))
plot.lines(
    z, activations, xlabel="z", ylabel="activation", markers=False, title="Activations", ax=left
)
slopes = {name: np.gradient(values, z) for name, values in activations.items()}
plot.lines(z, slopes, xlabel="z", ylabel="slope", markers=False, title="Their slopes", ax=right)
plot.show(figure)
for name, values in activations.items():
    print(
        f"{name:>23}: from {values.min():6.2f} to {values.max():5.2f} here; steepest slope {slopes[name].max():.2f}"
    )

# %% [markdown]
r"""
- **Sigmoid** squeezes everything into (0, 1), **tanh** into (-1, 1). Far from 0 both are flat, and a flat function has no slope to learn from. Look at the sigmoid's steepest slope: a quarter. In learning, what is passed back through a sigmoid is multiplied by its slope, so it shrinks to a quarter or less each time; the project of notebook 03 measures it.
- **ReLU** ("rectified linear unit") is $\max(0, z)$: it lets positive numbers pass and blocks negative ones. Two straight pieces, cheap, slope 1 wherever it is open. It is the default.
- **Leaky ReLU** keeps a small slope on the blocked side, **GELU** is a smooth ReLU; many language models use it.

A kink is enough to build curves. $\max(0, x - k)$ is a hidden neuron with one input, the weight 1 and the bias $-k$. Call it a **hinge**: 0 up to the *knot* $k$, then rising. A weighted sum of hinges, which is a network with one hidden layer, bends at every knot, by as much as its weight says.

For the exercise you need a table from two lists. `x[:, None]` turns N numbers into a column of shape (N, 1), `knots[None, :]` turns H numbers into a row of shape (1, H); combine the two, and NumPy fills up the table (N, H).
"""


# %% tags=["exercise"]
@exercise("forward.relu_hinges")
def relu_hinges(x, knots):
    """A table of hinges: 0 up to the knot, then x - knot.

    x : array, shape (N,). knots : array, shape (H,).
    Returns an array of shape (N, H): one row a point, one column a knot.
    """
    ### BEGIN SOLUTION
    return np.maximum(x[:, None] - knots[None, :], 0)
    ### END SOLUTION


# %%
predict(
    "forward.hinges",
    "We fit a smooth curve with H hinges at even distances. From 8 hinges to 16, the largest error falls to about ...",
    ["one half", "one quarter", "one sixteenth", "it does not fall"],
)


# %%
def smooth(x):
    """A smooth curve to imitate."""
    return np.sin(3 * x) + 0.4 * np.cos(9 * x)


def kinked(x):
    """A curve with corners."""
    return np.abs(np.sin(4 * x)) - 0.5 * np.abs(x - 0.2)


def fit_hinges(f, x, H):
    """The best weighted sum of H hinges and a constant, by least squares: values at x."""
    features = np.hstack(
        [relu_hinges(x, np.linspace(-1, 1, H, endpoint=False)), np.ones((len(x), 1))]
    )  # (N, H + 1)
    return features @ np.linalg.lstsq(features, f(x), rcond=None)[0]


def fit_polynomial(f, x, H):
    """The classical rival with as many numbers: a polynomial of degree H."""
    features = np.polynomial.chebyshev.chebvander(x, H)  # (N, H + 1)
    return features @ np.linalg.lstsq(features, f(x), rcond=None)[0]


x = np.linspace(-1, 1, 1001)
figure, axes = plt.subplots(1, 3, figsize=(10.4, 3.3), sharey=True)
for ax, H in zip(axes, (2, 6, 16), strict=True):
    plot.lines(
        x,
        {"target": smooth(x), f"{H} hinges": fit_hinges(smooth, x, H)},
        xlabel="x",
        ylabel="y",
        markers=False,
        title=f"{H} hinges",
        ax=ax,
    )
plot.show(figure)

# %%
widths = [4, 8, 16, 32, 64]
figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.8))
worst = {}
for ax, f in zip(axes, (smooth, kinked), strict=True):
    worst[f] = {
        "hinges": np.array([np.abs(fit_hinges(f, x, H) - f(x)).max() for H in widths]),
        "polynomial": np.array([np.abs(fit_polynomial(f, x, H) - f(x)).max() for H in widths]),
    }
    plot.lines(
        widths,
        worst[f],
        log="xy",
        xlabel="hinges, or degree",
        ylabel="largest error",
        title=f"A {f.__name__} curve",
        ax=ax,
    )
plot.show(figure)
ratio = worst[smooth]["hinges"][1] / worst[smooth]["hinges"][2]
reveal(
    "forward.hinges",
    f"from 8 to 16 hinges the largest error falls by a factor of {ratio:.1f}",
    0 if ratio < 2.8 else 1 if ratio < 8 else 2,
)

# %% [markdown]
r"""
On the smooth curve twice as many hinges leave about a quarter of the error; on the one with corners rather less than half. With enough of them one hidden layer comes as close as you like to any continuous curve on an interval: this is the **universal approximation theorem** (Cybenko, 1989; for ReLU: Leshno et al., 1993).
It says that good weights *exist*. It does not say that learning will find them, nor how many you need. And look at the last picture before you cheer: on the smooth curve a polynomial fitted by least squares, a method two centuries old, leaves the hinges behind by many orders
of magnitude once it has enough terms; on the curve with corners it loses that lead. What helps depends on what the world is like.

## 3. A whole network

You have everything: dense, ReLU, dense. The weights live in a dict; `mlp.init` draws them at random, small enough to keep the numbers in range (notebook 05 shows how small), and sets the biases to 0. The last layer has no ReLU: its outputs are **scores** (also called *logits*), any real numbers, larger meaning "more like this class".
"""

# %%
relu = F.relu  # max(0, z), for every number


# %% tags=["exercise"]
@exercise("forward.network")
def network(params, X):
    """Scores of a network with one hidden layer and a ReLU.

    params : dict with "W1" (D, H), "b1" (H,), "W2" (H, K), "b2" (K,). X : array, shape (N, D).
    Returns the scores, shape (N, K).
    """
    ### BEGIN SOLUTION
    hidden = relu(dense(X, params["W1"], params["b1"]))  # (N, H)
    return dense(hidden, params["W2"], params["b2"])  # (N, K)
    ### END SOLUTION


# %%
params = mlp.init((784, 128, 10), course_rng(0))
for name, array in params.items():
    print(f"{name}: shape {array.shape!s:>10}, from {array.min():.2f} to {array.max():.2f}")
scores = network(params, x_test)
print(
    f"scores of the test set: shape {scores.shape}; accuracy without any learning {accuracy(scores.argmax(axis=1), y_test):.1%}"
)

# %% [markdown]
r"""
## 4. From scores to probabilities

The last layer gives each example $K$ scores $z_1, \dots, z_K$. We want probabilities instead: positive, and adding up to one. Raise $e$ to each score, then divide by the total:

$$p_k = \frac{e^{z_k}}{\sum_{j=1}^{K} e^{z_j}}$$

This is the **softmax**. Two things about it are worth finding out before you use it. First: what happens when all scores of an example grow by 5?
"""

# %%
predict(
    "loss.softmax-shift",
    "All ten scores of an image grow by 5. Its softmax probabilities ...",
    ["all grow", "stay exactly the same", "move towards 1/10", "move towards 0 and 1"],
)

# %% [markdown]
r"""
Second: computers cannot hold $e^{1000}$. Write it so that scores of a thousand do no harm. The answer to the first question is the way to solve the second. (Unsure? Write $e^{z+5}$ as $e^5 e^z$ and look at the fraction.)
"""


# %% tags=["exercise"]
@exercise("loss.softmax")
def softmax(z):
    """Probabilities for a batch of scores.

    z : array, shape (N, K). Returns an array of shape (N, K); every row sums to 1.
    """
    ### BEGIN SOLUTION
    e = np.exp(z - z.max(axis=1, keepdims=True))  # (N, K), no overflow
    return e / e.sum(axis=1, keepdims=True)
    ### END SOLUTION


# %%
change = np.abs(softmax(scores + 5) - softmax(scores)).max()
reveal(
    "loss.softmax-shift",
    f"largest change of a probability: {change:.0e}, the rounding of float32",
    1 if change < 1e-5 else 0,
)

# %% [markdown]
r"""
<details><summary>Why?</summary>

The factor $e^5$ stands in the numerator and in every term of the sum, and cancels. That is also why you may subtract the largest score without changing anything, and why you *should*.

</details>

We will also need $\log \sum_j e^{z_j}$, the **log-sum-exp**: a smooth version of "the largest score". The same trick saves it. See what the formula does when it is typed in as it stands:
"""


# %%
# NBVAL_CHECK_OUTPUT
def log_sum_exp(z):
    """log(sum(exp(z))) of each row without overflow: shape (N, K) to (N, 1)."""
    m = z.max(axis=1, keepdims=True)  # (N, 1)
    return m + np.log(np.exp(z - m).sum(axis=1, keepdims=True))


for row in ([1.0, 2.0], [1000.0, 999.0], [-1000.0, -999.0]):
    z = np.array([row])
    with np.errstate(over="ignore", divide="ignore"):
        naive = np.log(np.exp(z).sum())
    print(
        f"scores {row}: as typed {naive:.4f}, with the largest taken out {log_sum_exp(z)[0, 0]:.4f}"
    )

# %% [markdown]
r"""
## 5. How wrong? Losses from likelihood

Suppose a network gave the right classes of three pictures the probabilities 0.5, 0.8 and 0.9. The probability of all three being right is the product, 0.36: that is the **likelihood** of its weights. Choose the weights that make it largest: this is the idea of *maximum likelihood*, and nearly all losses come from it. With 60,000 factors the product would round to 0, so take the logarithm, which turns it into a sum; a minus, so that
smaller is better; and divide by N, so that the size of the data does not matter. For the three pictures: $(0.69 + 0.22 + 0.11) / 3 = 0.34$. That is their **cross-entropy**.

What you get depends on what you are predicting:

| you predict | what the model gives | minus log-likelihood, averaged | name |
|---|---|---|---|
| a number $y$ | its mean $\hat y$, with bell-shaped errors of fixed width | $\frac1N\sum (y_n - \hat y_n)^2$, up to constants | mean squared error (MSE) |
| yes or no, $y \in \{0, 1\}$ | a probability $p$ | $-\frac1N\sum [y_n\log p_n + (1-y_n)\log(1-p_n)]$ | binary cross-entropy |
| one of K classes | probabilities $p_1, \dots, p_K$ | $-\frac1N\sum \log p_{n, \text{right class}}$ | cross-entropy |

The unit of these logarithms is the **nat**. The last row is our loss. Since $\log p_k = z_k - \log\sum_j e^{z_j}$, it can be computed from the scores without ever forming a probability that could round to 0:
"""


# %% tags=["exercise"]
@exercise("loss.cross_entropy")
def cross_entropy(z, labels):
    """Mean of -log(probability of the right class).

    z : scores, shape (N, K). labels : whole numbers from 0 to K - 1, shape (N,). Returns a number.
    The function log_sum_exp is defined above; it returns shape (N, 1).
    """
    ### BEGIN SOLUTION
    log_p = z - log_sum_exp(z)  # (N, K)
    return -log_p[np.arange(len(z)), labels].mean()
    ### END SOLUTION


# %% [markdown]
r"""
**A check that costs nothing.** What should the loss be before any training, when the network knows nothing?
"""

# %%
predict(
    "loss.initial",
    "Ten classes, a fresh network whose last layer is all zeros. Its loss is ...",
    ["0", "about 0.1", "about 2.3", "about 10"],
)

# %%
zero_head = params | {"W2": np.zeros_like(params["W2"])}
huge = params | {"W2": 20 * params["W2"]}
first = {
    "last layer zero": cross_entropy(network(zero_head, x_train[:5000]), y_train[:5000]),
    "usual random weights": cross_entropy(network(params, x_train[:5000]), y_train[:5000]),
    "last layer 20 times too large": cross_entropy(
        network(huge, x_train[:5000]), y_train[:5000]
    ),
}
reveal(
    "loss.initial",
    f"{first['last layer zero']:.4f} nats; log 10 = {np.log(10):.4f}",
    2 if abs(first["last layer zero"] - np.log(10)) < 0.01 else 3,
)
for name, value in first.items():
    print(f"{name:>30}: {value:8.3f} nats")

# %% [markdown]
r"""
A network that gives every class the same probability 1/K has the loss $-\log\frac1K = \log K$. So you know, roughly, what the first loss must be. Anything far above it means that the network begins *confidently wrong*.
"""

# %% [markdown]
r"""
## 6. Does the choice of loss matter?

"For classification use cross-entropy; squared error learns slowly." One hears it often. Squared error on the probabilities is a perfectly sensible measure (statisticians call it the Brier score). We measure.

The model is a single layer 784-10 with softmax, trained by gradient descent on batches of 64 pictures. How its gradients are computed is the subject of the next notebook; here we borrow them from `coursekit.scratch.functional`, where you can read them. We count the steps until 3 of 4 held-back training pictures are right.

Two starts: a *neutral* one, all weights zero, and a *bad* one, a layer that first learned wrong labels (every label moved on by one) and is now confidently wrong about everything. To be fair, each loss gets the same number of trials on each start: five learning rates, three seeds each. The best rate is then scored with five *fresh* seeds. (A run that has not arrived after 600 steps counts as 600.)
"""

# %%
predict(
    "loss.mse",
    "Where will squared error need more than twice the steps of cross-entropy?",
    [
        "from both starts",
        "only from the bad start",
        "nowhere: its own learning rate makes up for it",
    ],
)

# %%
GRADIENTS = {"cross-entropy": F.cross_entropy_grad, "squared error": F.mse_of_softmax_grad}
RATES = (0.03, 0.1, 0.3, 1.0, 3.0)
LIMIT = 600  # steps after which we give up
x_watch, y_watch = x_train[-2000:], y_train[-2000:]  # held back
ZERO = np.zeros((784, 10), np.float32), np.zeros(10, np.float32)


def layer_after(score_gradient, rate, seed, start=ZERO, labels=y_train, limit=LIMIT):
    """Train a layer until 3 of 4 held-back pictures are right; returns the steps and the weights."""
    rng = np.random.default_rng(seed)
    W, b = start[0].copy(), start[1].copy()
    for step in range(1, limit + 1):
        rows = rng.integers(0, 58_000, 64)
        dZ = score_gradient(dense(x_train[rows], W, b), labels[rows])  # (64, 10)
        W -= rate * (x_train[rows].T @ dZ)
        b -= rate * dZ.sum(axis=0)
        if step % 10 == 0 and accuracy(dense(x_watch, W, b).argmax(axis=1), y_watch) >= 0.75:
            break
    return step, (W, b)


def steps_at_best_rate(score_gradient, start):
    """Choose the rate with three seeds, then score it with five fresh ones; returns both."""
    tuning, fresh = course_seeds(8)[:3], course_seeds(8)[3:]
    trials = {r: [layer_after(score_gradient, r, k, start)[0] for k in tuning] for r in RATES}
    best = min(RATES, key=lambda r: np.mean(trials[r]))
    return best, np.array([layer_after(score_gradient, best, k, start)[0] for k in fresh])


wrong_labels = (y_train + 1) % 10
_, misled = layer_after(
    F.cross_entropy_grad, 0.1, course_seeds(1)[0], labels=wrong_labels, limit=300
)
ratios, whiskers = {}, {}
for name, start in {"neutral start": ZERO, "bad start": misled}.items():
    found = {loss: steps_at_best_rate(grad, start) for loss, grad in GRADIENTS.items()}
    for loss, (best, steps) in found.items():
        print(
            f"{name}, {loss}: {steps.mean():.0f} steps ({steps.min()} to {steps.max()}) at its best rate {best:g}"
        )
    whiskers[name] = found["squared error"][1] / found["cross-entropy"][1].mean()
    ratios[name] = whiskers[name].mean()
plot.show(
    plot.bars(
        whiskers,
        ylabel="steps, squared error / cross-entropy",
        xlabel="weights to begin with",
        title="How much slower is squared error?",
    )
)
reveal(
    "loss.mse",
    ", ".join(f"{name}: {value:.1f} times as many steps" for name, value in ratios.items()),
    {(True, True): 0, (False, True): 1}.get(
        (ratios["neutral start"] > 2, ratios["bad start"] > 2), 2
    ),
)

# %%
claim("squared-error-learns-slowly").judge(
    ratios["bad start"] > 2 > ratios["neutral start"],
    evidence=f"each at its best of five rates, squared error needs {ratios['neutral start']:.1f} times the steps of "
    f"cross-entropy from a neutral start, {ratios['bad start']:.1f} times from a confidently wrong one (5 seeds)",
)

# %% [markdown]
r"""
It *depends*. From a neutral start squared error is only a little slower. From the bad start (one and the same for all runs) it is slower by far, and since runs that never arrive count as 600 steps, our ratio is even on the low side. The reason stands in the two gradients at the score of class $k$ (for one example; $t_k$ is 1 for the right class, else 0):

$$\text{cross-entropy: } p_k - t_k \qquad\qquad \text{squared error: } 2\,p_k\Big[(p_k - t_k) - \sum_j p_j (p_j - t_j)\Big]$$

The second carries the factor $p_k$. So a class that the network wrongly holds for impossible, $p_k$ near 0, gets almost no push, although it is the right one. Cross-entropy pushes hardest exactly there.

## 7. Is a "probability" a probability?

The outputs of a softmax are positive and add up to 1; that of a sigmoid lies between 0 and 1. That alone makes them no more a probability than any other numbers in that range. They deserve the name if they *come true*: of all cases where the model says 0.8, eight in ten should turn out right. Then it is called **calibrated**.

To measure it, sort the answers into ten bins by what was said, and compare in each bin the mean of what was said with the share that came true. On the diagonal of the picture below both agree. The **expected calibration error** is the mean gap, each bin weighted by its size.

A hard pair: T-shirts against shirts. We train the same neuron (logistic regression) four times: on 200 pictures or on all 12,000, with next to no restraint on its weights or with some. (The smaller scikit-learn's `C`, the stronger the restraint; notebook 06 explains it.)
"""

# %%
predict(
    "forward.calibration",
    "Trained on 200 pictures without restraint, it says 'shirt, more than 0.9'. How often is it right?",
    ["more than 95 times in 100", "85 to 95 times in 100", "fewer than 85 times in 100"],
)

# %%
T_SHIRT, SHIRT = 0, 6
pair_train, pair_test = np.isin(y_train, (T_SHIRT, SHIRT)), np.isin(y_test, (T_SHIRT, SHIRT))
X_pair, t_pair = x_train[pair_train], (y_train[pair_train] == SHIRT).astype(int)
X_new, t_new = x_test[pair_test], (y_test[pair_test] == SHIRT).astype(int)

settings = {  # pictures, C, how many draws of the pictures
    "200 pictures,\nno restraint": (200, 1e4, 3),
    "200 pictures,\nsome restraint": (200, 0.1, 3),
    "12,000 pictures,\nno restraint": (12_000, 1e4, 1),
    "12,000 pictures,\nsome restraint": (12_000, 0.1, 1),
}
said = {name: [] for name in settings}
for name, (n, C, draws) in settings.items():
    for seed in course_seeds(draws):
        rows = np.random.default_rng(seed).permutation(len(X_pair))[:n]
        neuron = LogisticRegression(C=C, max_iter=2000).fit(X_pair[rows], t_pair[rows])
        said[name].append(neuron.predict_proba(X_new)[:, 1])
errors = {
    name: np.array([expected_calibration_error(p, t_new, bins=10) for p in runs])
    for name, runs in said.items()
}

curves = {}
for name in list(settings)[::3]:  # the worst and the best; all draws together
    curve = reliability_curve(
        np.concatenate(said[name]), np.tile(t_new, len(said[name])), bins=10
    )
    curves[name.replace("\n", " ")] = (curve.confidence, curve.accuracy)
plot.show(plot.reliability(curves, title="Shirt or T-shirt: what it says, and what comes true"))

# %%
worst_name, *others = settings
sure_and_right = np.mean([t_new[p > 0.9].mean() for p in said[worst_name]])
reveal(
    "forward.calibration",
    f"when it says more than 0.9 it is right {sure_and_right:.0%} of the time",
    0 if sure_and_right > 0.95 else 1 if sure_and_right > 0.85 else 2,
)
plot.show(
    plot.bars(
        errors,
        ylabel="mean gap between said and true",
        xlabel="how it was trained",
        title="Expected calibration error: smaller is more honest",
    )
)

# %%
best_of_others = {name: errors[name].mean() for name in others}
claim("sigmoid-gives-probabilities").judge(
    errors[worst_name].min() > 2 * max(errors[name].max() for name in others),
    evidence=f"expected calibration error {errors[worst_name].mean():.3f} with 200 pictures and no restraint; "
    + "; ".join(
        f"{name.replace(chr(10), ' ')} {value:.3f}" for name, value in best_of_others.items()
    ),
)

# %% [markdown]
r"""
It *depends* on how the model was trained. Few examples with nothing to hold the weights back make it far too sure of itself; more examples *or* some restraint cures most of that. Nothing in the shape of the function tells you which case you have: you have to measure.
"""

# %% [markdown]
r"""
## When it breaks

**Probabilities into a loss that expects scores.** A common one. Nothing crashes; softmax is simply applied twice, and the loss cannot fall near 0 any more, even when the network is always right:
"""

# %%
W = np.zeros((784, 10), np.float32)
b = np.zeros(10, np.float32)
rng = course_rng(2)
for _ in range(500):
    rows = rng.integers(0, len(x_train), 64)
    dZ = F.cross_entropy_grad(dense(x_train[rows], W, b), y_train[rows])
    W -= 0.1 * (x_train[rows].T @ dZ)
    b -= 0.1 * dZ.sum(axis=0)
trained_scores = dense(x_test, W, b)
print(f"accuracy {accuracy(trained_scores.argmax(axis=1), y_test):.1%}")
print(f"loss from the scores          {cross_entropy(trained_scores, y_test):.3f} nats")
print(
    f"loss from the probabilities   {cross_entropy(softmax(trained_scores), y_test):.3f} nats (softmax twice)"
)
perfect = np.eye(10)[y_test]  # probability 1 for the right class, every time
print(
    f"  the least that can come out {cross_entropy(perfect, y_test):.3f} nats, for a network that is always right and sure of it"
)

# %% [markdown]
r"""
**The wrong axis.** `softmax(z.T).T` and a forgotten `axis=1` give numbers between 0 and 1 as well. See it by adding up: every *row* must give 1.
"""

# %%
wrong = softmax(trained_scores.T).T
print(
    "row sums, right axis:",
    softmax(trained_scores).sum(axis=1)[:3].round(3),
    " wrong axis:",
    wrong.sum(axis=1)[:3].round(4),
)

# %% [markdown]
r"""
**Outside the data.** Our 16 hinges fit the curve well between -1 and 1, where the data were. Beyond that nothing holds them; the same is true of the polynomial, and of every network that is asked about something unlike anything it has seen:
"""

# %%
far = np.linspace(-1, 1.6, 261)
knots = np.linspace(-1, 1, 16, endpoint=False)
inside = np.hstack([relu_hinges(x, knots), np.ones((len(x), 1))])
weights = np.linalg.lstsq(inside, smooth(x), rcond=None)[0]
beyond = np.hstack([relu_hinges(far, knots), np.ones((len(far), 1))]) @ weights
plot.show(
    plot.lines(
        far,
        {"target": smooth(far), "16 hinges": beyond},
        xlabel="x (learned from -1 to 1)",
        ylabel="y",
        markers=False,
        title="Beyond the data",
    )
)
print(
    f"largest error inside {np.abs(beyond - smooth(far))[far <= 1].max():.2f}, outside {np.abs(beyond - smooth(far))[far > 1].max():.2f}"
)

# %% [markdown]
r"""
## Explain it back

**Q1.** A network 784-128-10 gets a batch of 32 pictures. Which shape has the *hidden* activation?

<details><summary>A. (784, 128)</summary>

**No.** That is the shape of the first weights. Activations have one row for each example.

</details>
<details><summary>B. (32, 128)</summary>

**Right.** (32, 784) times (784, 128): the inner sizes vanish, examples stay in rows.

</details>
<details><summary>C. (32, 10)</summary>

**No.** That is the shape of the scores, one layer later.

</details>

**Q2.** Why must there be a non-linearity between two dense layers?

<details><summary>A. To keep the numbers between 0 and 1.</summary>

**No.** ReLU does not do that, and it is the most used of all.

</details>
<details><summary>B. Because without it two layers can do no more than one.</summary>

**Right.** The product of two matrices is a matrix. We measured it: the difference was rounding.

</details>
<details><summary>C. To make it faster.</summary>

**No.** It costs a little time. It is there for what can be expressed.

</details>

**Q3.** A fresh network for 1,000 classes shows a first loss of 25 nats. What do you conclude?

<details><summary>A. Something is off: it should begin near log 1000, about 7.</summary>

**Right.** Far above log K, it is confidently wrong. Usually the last layer's weights are too large, or the input was not scaled.

</details>
<details><summary>B. Normal: many classes, large loss.</summary>

**No.** The logarithm grows slowly. Equal probabilities for 1,000 classes give about 7 nats.

</details>
<details><summary>C. It will train fast, since there is much to gain.</summary>

**No.** It first has to unlearn what it is wrongly sure of.

</details>

**Q4.** (From notebook 01.) Three neurons solve exclusive or. Would they still do so if the step of the first two were removed?

<details><summary>A. Yes, the third still has its step.</summary>

**No.** Without the steps the first two are weighted sums, and the third is a weighted sum of those: one neuron in all, which cannot do it.

</details>
<details><summary>B. No: then they collapse into one neuron.</summary>

**Right.** This is the collapse of linear layers, met a second time. The step was their non-linearity.

</details>
<details><summary>C. It depends on the weights.</summary>

**No.** No weights can save it: the sum of sums is a sum.

</details>

**Q5.** (From notebook 01.) A network has two classes with scores z1 and z2. What is its first softmax probability?

<details><summary>A. The sigmoid of the difference of the two scores.</summary>

**Right.** Divide numerator and denominator by exp(z1): 1 / (1 + exp(-(z1 - z2))). Logistic regression is the network without hidden layer.

</details>
<details><summary>B. The larger of the two scores.</summary>

**No.** Softmax gives probabilities, not scores; "soft" because it also listens to the smaller one.

</details>
<details><summary>C. Something else altogether.</summary>

**No.** Write it out for two scores, and divide numerator and denominator by exp(z1).

</details>

## Go further

**A project.** Calibrate the neuron of section 7 after training, without touching its weights: divide all its weighted sums by one number T, the *temperature*, chosen to make the cross-entropy on 1,000 fresh pictures as small as possible (Guo et al., 2017). How much calibration error is left?
Does the accuracy change, and why not? Then try it on a set whose shirts look different, for example mirrored and darkened: does the calibration survive?

**Sources.**
G. Cybenko (1989), *Approximation by superpositions of a sigmoidal function*.
M. Leshno, V. Lin, A. Pinkus and S. Schocken (1993), *Multilayer feedforward networks with a nonpolynomial activation function can approximate any function*.
V. Nair and G. Hinton (2010), *Rectified linear units improve restricted Boltzmann machines*.
D. Hendrycks and K. Gimpel (2016), *Gaussian error linear units*.
P. Golik, P. Doetsch and H. Ney (2013), *Cross-entropy vs. squared error training: a theoretical and experimental comparison*.
C. Guo, G. Pleiss, Y. Sun and K. Weinberger (2017), *On calibration of modern neural networks*.
"""
