# %% [markdown]
r"""
# Backpropagation: every weight learns its share of the blame

**The question.** A network has a hundred thousand weights and one number that says how wrong it is. How do you find out, for every single weight, which way to turn it, and at what price?

**After this notebook you will be able to**

- measure any derivative numerically, with the right step, and know how far to trust it;
- derive the gradient of a dense layer, of ReLU, and of softmax with cross-entropy, by the chain rule and by shapes;
- join them into the gradient of a whole network, and check it against measured derivatives;
- train a network on 55,000 pictures with nothing but NumPy, and put its accuracy beside a classical method's;
- recognise what each common mistake looks like, including the ones that a falling loss hides.

**Builds on** 02 The forward pass: dense, ReLU, softmax, cross-entropy, shapes. From school: derivative, chain rule. **Time** about 90 minutes, of which your computer needs less than a minute.
"""

# %%
import time

import numpy as np
from sklearn.linear_model import LogisticRegression

from coursekit import datasets, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import accuracy
from coursekit.predict import predict, reveal
from coursekit.scratch import mlp
from coursekit.scratch.functional import cross_entropy, dense, relu, softmax
from coursekit.scratch.numerical import relative_error
from coursekit.settings import course_rng, course_seeds
from coursekit.train import fit

fashion = datasets.load("fashion_mnist")
x_train, x_test = (
    datasets.to_float(fashion.x_train),
    datasets.to_float(fashion.x_test),
)  # (60000, 784), (10000, 784)
y_train, y_test = fashion.y_train, fashion.y_test

# %% [markdown]
r"""
## 1. Measure first: numerical derivatives

The **derivative** of a loss $L$ at a weight $w$ answers: if I turn $w$ up by a tiny bit, by how many times that bit does $L$ change? The derivatives at all weights together are the **gradient**. (Everything else stays as it is; that is what the round $\partial$ in $\frac{\partial L}{\partial w}$ says.) So measure it: turn it up by $h$, turn it down by $h$, and compare:

$$\frac{\partial L}{\partial w} \approx \frac{L(w + h) - L(w - h)}{2h}$$

These are **central differences**. Why step to both sides and not just forward, $\frac{L(w+h) - L(w)}{h}$? You will see in a moment.
"""


# %% tags=["exercise"]
@exercise("backprop.numerical_gradient")
def numerical_gradient(f, x, h=1e-5):
    """Gradient of f at x by central differences.

    f : a function that takes x and returns a number. x : array of any shape. h : the step.
    Returns an array of x's shape: how f changes with each number of x. Leave x as it was.
    """
    ### BEGIN SOLUTION
    grad = np.zeros_like(x, dtype=float)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        above = f(x)
        x[i] = kept - h
        below = f(x)
        x[i] = kept
        grad[i] = (above - below) / (2 * h)
    return grad
    ### END SOLUTION


# %%
predict(
    "backprop.step-size",
    "We make the step h smaller and smaller, down to a million millionth. The error of the central difference ...",
    ["falls all the way", "falls, then rises again", "stays the same", "rises all the way"],
)

# %%
steps = 10.0 ** -np.arange(1, 13)
errors = {"forward differences": [], "central differences": []}
for seed in course_seeds(5):
    rng = np.random.default_rng(seed)
    z, label = rng.normal(size=(1, 10)), np.array([3])

    def loss_at(first_score, z=z, label=label):
        moved = z.copy()
        moved[0, 0] = first_score
        return cross_entropy(moved, label)

    exact = softmax(z)[0, 0]  # section 3 shows why
    at = z[0, 0]
    errors["forward differences"].append(
        [abs((loss_at(at + h) - loss_at(at)) / h - exact) + 1e-17 for h in steps]
    )
    errors["central differences"].append(
        [abs((loss_at(at + h) - loss_at(at - h)) / (2 * h) - exact) + 1e-17 for h in steps]
    )
plot.show(
    plot.lines(
        steps,
        {name: np.exp(np.log(np.array(runs)).mean(axis=0)) for name, runs in errors.items()},
        log="xy",
        xlabel="step h",
        ylabel="error of the derivative",
        title="Too large a step, too small a step (geometric mean of 5 losses)",
    )
)

# %%
central = np.exp(np.log(np.array(errors["central differences"])).mean(axis=0))
forward = np.exp(np.log(np.array(errors["forward differences"])).mean(axis=0))
turn = int(np.argmin(central))
reveal(
    "backprop.step-size",
    f"central differences are best at h = {steps[turn]:.0e} (error {central[turn]:.0e}); at h = 1e-12 the error is {central[-1]:.0e}. "
    f"The best that forward differences reach is {forward.min():.0e}",
    1 if 0 < turn < len(steps) - 1 else 0,
)

# %% [markdown]
r"""
Read the picture from right to left. With a large step the curve bends between the two points: the error of forward differences falls like $h$, that of central differences like $h^2$, because the bend to one side cancels that to the other. With a tiny step the two losses
agree in nearly all of the 16 digits that a number has, and the subtraction leaves only the rounding of the last ones, divided by a tiny $h$. In between lies the bottom of the U; for central differences in double precision $h = 10^{-5}$ is a good habit.

So derivatives can be had without any mathematics. But at two losses for each weight, our network would need some 200,000 forward passes for a *single* step. We need all derivatives at once.

## 2. The chain rule, by hand

Take the smallest network there is: one input $x$, one hidden neuron, one output, squared error. In steps:

$$z = w\,x \qquad a = \max(0, z) \qquad s = v\,a \qquad L = (s - t)^2$$

Forward, with $x = 2$, $w = 0.5$, $v = -1$, $t = 1$: $z = 1$, $a = 1$, $s = -1$, $L = 4$. Now go **backwards** and ask of each quantity how the loss changes with it. Each answer is an earlier one times one small derivative; that is all the chain rule says.

| quantity | chain rule | value |
|---|---|---|
| $s$ | $\frac{dL}{ds} = 2(s - t)$ | $-4$ |
| $v$ | $\frac{dL}{dv} = \frac{dL}{ds}\cdot a$ | $-4$ |
| $a$ | $\frac{dL}{da} = \frac{dL}{ds}\cdot v$ | $4$ |
| $z$ | $\frac{dL}{dz} = \frac{dL}{da}\cdot 1$, since $z > 0$ | $4$ |
| $w$ | $\frac{dL}{dw} = \frac{dL}{dz}\cdot x$ | $8$ |

Three things to notice. The derivatives at $s$, $a$ and $z$ were used again for what lies before them: nothing is computed twice. The forward values $x$, $z$, $a$ are needed on the way back, so they must be kept. And each step needs to know only its own small derivative and what arrives from above, the **upstream gradient**.
"""

# %%
# NBVAL_CHECK_OUTPUT
x, t = 2.0, 1.0
w_and_v = np.array([0.5, -1.0])
measured = numerical_gradient(lambda p: (p[1] * max(0.0, p[0] * x) - t) ** 2, w_and_v)
print(f"measured: dL/dw = {measured[0]:.6f}, dL/dv = {measured[1]:.6f}")

# %% [markdown]
r"""
## 3. One layer at a time

A real network does the same with tables instead of numbers. We write $dZ$ for the gradient of the loss at $Z$, $\frac{\partial L}{\partial Z}$: a table **of the same shape as** $Z$, which says for each of its numbers how the loss changes with it. That rule about shapes is half of the work.
"""

# %%
plot.show(
    plot.chain(
        ["pixels", "dense 1", "ReLU", "dense 2", "loss"],
        ["X", "Z", "A", "scores"],
        ["(no need)", "dZ", "dA", "dscores"],
        title="Forward above, backward below",
    )
)

# %% [markdown]
r"""
**ReLU.** $A = \max(0, Z)$ lets a number pass where it is positive and blocks it elsewhere. So its slope is 1 or 0, and the gradient passes where the number passed. (At exactly 0 there is a kink; everybody takes the slope 0 there.)
"""


# %% tags=["exercise"]
@exercise("backprop.relu")
def relu_backward(dA, z):
    """Gradient at the input of a ReLU.

    dA : upstream gradient, any shape. z : what went into the ReLU, the same shape.
    Returns dz, the same shape.
    """
    ### BEGIN SOLUTION
    return dA * (z > 0)
    ### END SOLUTION


# %% [markdown]
r"""
**Dense.** $Z = X W + b$. Take one number of $Z$: $Z_{nh} = \sum_d X_{nd} W_{dh} + b_h$. The weight $W_{dh}$ appears in it with the factor $X_{nd}$, for every example $n$. So $dW_{dh} = \sum_n X_{nd}\,dZ_{nh}$: that is a matrix product. In the same way the input $X_{nd}$ appears in every neuron $h$
with the factor $W_{dh}$. And $b_h$ appears in every row with the factor 1.

You can find $dX$ and $dW$ by **shapes alone**: $dW$ must be (D, H); what you have is $X$ of shape (N, D) and $dZ$ of shape (N, H). There is only one product that fits. (For $db$ the shape does not tell a sum from a mean: here you need the formula.)
"""


# %% tags=["exercise"]
@exercise("backprop.dense")
def dense_backward(X, W, dZ):
    """Gradients of a dense layer Z = X @ W + b.

    X : (N, D). W : (D, H). dZ : upstream gradient, (N, H).
    Returns dX (N, D), dW (D, H), db (H,), in this order.
    """
    ### BEGIN SOLUTION
    dX = dZ @ W.T  # (N, D)
    dW = X.T @ dZ  # (D, H)
    db = dZ.sum(axis=0)  # (H,)
    return dX, dW, db
    ### END SOLUTION


# %% [markdown]
r"""
**Softmax and cross-entropy together.** The loss of example $n$ with the right class $y_n$ is $-\log p_{n y_n} = \log\sum_j e^{z_{nj}} - z_{n y_n}$. Take its derivative at the score $z_{nk}$: the first term gives $\frac{e^{z_{nk}}}{\sum_j e^{z_{nj}}} = p_{nk}$, the second gives $-1$ if $k$ is the right class and 0 otherwise. The loss of the batch is the mean over its N examples, so

$$\frac{\partial L}{\partial z_{nk}} = \frac{1}{N}\,\big(p_{nk} - [k = y_n]\big)$$

*Probabilities minus truth.* (The bracket is 1 if what stands in it is true, else 0.) The logarithm in the loss undoes the exponential of softmax, and what remains is the plain error. You have met it before: in logistic regression it was $p - y$.
"""


# %% tags=["exercise"]
@exercise("descent.softmax_cross_entropy")
def softmax_cross_entropy_grad(z, labels):
    """Gradient of the mean cross-entropy with respect to the scores.

    z : scores, (N, K). labels : whole numbers, (N,). Returns dz, (N, K).
    The function softmax is imported.
    """
    ### BEGIN SOLUTION
    dz = softmax(z)  # (N, K)
    dz[np.arange(len(z)), labels] -= 1
    return dz / len(z)
    ### END SOLUTION


# %% [markdown]
r"""
## 4. The whole network

Now go back through the chain, step by step, each step feeding the one before it.
"""


# %% tags=["exercise"]
@exercise("descent.network")
def network_gradients(params, X, labels):
    """Loss of a network dense-ReLU-dense on a batch, and its gradient for every weight.

    params : dict with "W1" (D, H), "b1" (H,), "W2" (H, K), "b2" (K,). X : (N, D). labels : (N,).
    Returns loss, grads: a number, and a dict with the same four names.
    dense, relu and cross_entropy are imported; the gradients are your functions above.
    """
    ### BEGIN SOLUTION
    Z = dense(X, params["W1"], params["b1"])  # (N, H)
    A = relu(Z)  # (N, H)
    scores = dense(A, params["W2"], params["b2"])  # (N, K)
    dscores = softmax_cross_entropy_grad(scores, labels)  # (N, K)
    dA, dW2, db2 = dense_backward(A, params["W2"], dscores)
    dZ = relu_backward(dA, Z)  # (N, H)
    _, dW1, db1 = dense_backward(X, params["W1"], dZ)
    return cross_entropy(scores, labels), {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
    ### END SOLUTION


# %% [markdown]
r"""
**The gradient check.** Is it right? Do not believe a gradient that you have not measured. Build a small network in double precision, measure every derivative numerically, and compare. The number to look at is the largest difference relative to the largest derivative.
"""


# %%
def gradient_check(gradients, seed, dtype=np.float64, h=1e-5):
    """Largest relative error of a gradient function over all weights of a small random network."""
    rng = np.random.default_rng(seed)
    params = {
        name: array.astype(dtype) for name, array in mlp.init((6, 8, 4), rng, float).items()
    }
    X, labels = rng.normal(size=(5, 6)).astype(dtype), rng.integers(0, 4, 5)
    _, grads = gradients(params, X, labels)
    worst = 0.0
    for name, weights in params.items():

        def loss_with(values, name=name):
            return cross_entropy(mlp.scores(params | {name: values}, X), labels)

        measured = numerical_gradient(loss_with, weights, h)
        worst = max(worst, relative_error(grads[name], measured))
    return worst


checks = np.array([gradient_check(network_gradients, seed) for seed in course_seeds(10)])
claim("backprop-equals-numerical").judge(
    checks.max() < 1e-6,
    evidence=f"largest relative difference over 10 random networks {checks.max():.0e}, median {np.median(checks):.0e} (double precision)",
)

# %% [markdown]
r"""
A good gradient agrees to seven digits or better in double precision. In single precision (float32), which we train in, the *check* fails although the gradient is right: with only 7 digits the U-curve of section 1 has a much higher bottom. So always check in double precision. (We even had to take a larger step, $h = 10^{-3}$: with $10^{-5}$ the rounding would drown everything.) And one caution: where a $z$ happens to lie within $h$ of a ReLU's kink, the measurement steps across it and raises a false alarm. Try another seed before you search for a mistake.
"""

# %%
single = gradient_check(network_gradients, course_seeds(1)[0], dtype=np.float32, h=1e-3)
print(f"the same check in single precision: {single:.0e}")

# %% [markdown]
r"""
## 5. Learn

One step of **stochastic gradient descent** (SGD): take a small batch of examples, compute the gradient on it, and move every weight a little against its gradient. "Stochastic" because each batch is a random sample: its gradient is a noisy guess of the true one, but it costs a thousandth.
"""


# %% tags=["exercise"]
@exercise("descent.sgd_step")
def sgd_step(params, grads, lr):
    """Move every weight against its gradient, in place.

    params, grads : dicts with the same names and shapes. lr : the learning rate. Returns nothing.
    """
    ### BEGIN SOLUTION
    for name in params:
        params[name] -= lr * grads[name]
    ### END SOLUTION


# %% [markdown]
r"""
That is everything: your gradients, your step, and the loop around them. The course's loop is `coursekit.train.fit`; type `fit??` in a cell to read it. It takes batches, calls a step for each, and looks at data that the network does not learn from after each epoch. We keep back 5,000 training
pictures for that, the **validation set**: everything that we choose, such as the rate and the number of epochs, is chosen on it. The test set is only for the numbers that we report. The learning rate shrinks evenly to zero over the run, so that the last steps are small ones (notebook 05 measures what that is worth).
"""

# %%
predict(
    "descent.accuracy",
    "784-128-10, eight passes over the training pictures, NumPy alone. The test accuracy will be about ...",
    ["60 %", "75 %", "87 %", "95 %", "99 %"],
)

# %%
(x_fit, y_fit), (x_val, y_val) = datasets.split(
    x_train, y_train, fractions=(55 / 60, 5 / 60), rng=course_rng(0)
)


def train(
    sizes, seed, epochs=8, batch=64, peak_rate=0.2, gradients=network_gradients, progress=False
):
    """Train a network by SGD with a rate that falls to zero; returns its weights and its history."""
    rng = np.random.default_rng(seed)
    params = mlp.init(sizes, rng)
    batches = datasets.batches(x_fit, y_fit, batch, rng=rng, drop_last=True)
    done, total = 0, epochs * len(batches)

    def step(X, labels):
        nonlocal done
        loss, grads = gradients(params, X, labels)
        sgd_step(params, grads, np.float32(peak_rate * (1 - done / total)))
        done += 1
        return loss

    def evaluate():
        return {"accuracy": accuracy(mlp.predict(params, x_val), y_val)}

    return params, fit(step, batches, epochs=epochs, evaluate=evaluate, progress=progress)


start = time.perf_counter()
network, history = train((784, 128, 10), course_seeds(1)[0], progress=True)
seconds = time.perf_counter() - start
network_accuracy = accuracy(mlp.predict(network, x_test), y_test)
plot.show(history.plot())
print(
    f"validation accuracy after each epoch: {', '.join(f'{v:.1%}' for v in history.metrics['accuracy'])}"
)
print(f"test accuracy: {network_accuracy:.1%}")

# %% tags=["volatile"]
reveal(
    "descent.accuracy",
    f"{network_accuracy:.1%}, after {seconds:.1f} seconds of training",
    int(np.argmin(np.abs(np.array([0.60, 0.75, 0.87, 0.95, 0.99]) - network_accuracy))),
)

# %% [markdown]
r"""
And the baseline? Logistic regression is the same network without its hidden layer. We take scikit-learn's (with all 60,000 training pictures), and, to be sure that it is not merely software that we compare, our own loop with sizes 784-10 as well. Each method was tuned on the validation set before: the first learning rate is the best of 0.05, 0.1, 0.15, 0.2 and 0.3 (0.2 for the network, 0.3 for the single layer), the restraint `C` the best of 0.01, 0.03 and 0.1. Ours run with three seeds each, so that we see a spread; scikit-learn's has none. Stronger classical methods exist: notebook 07 brings them.
"""

# %%
classical = LogisticRegression(C=0.03, tol=1e-3, max_iter=300).fit(x_train, y_train)
results = {
    "scikit-learn's\nlogistic regression": [accuracy(classical.predict(x_test), y_test)],
    "our loop, 784-10": [],
    "our loop, 784-128-10": [network_accuracy],
}
for seed in course_seeds(3):
    one_layer, _ = train((784, 10), seed, peak_rate=0.3, gradients=mlp.gradients)
    results["our loop, 784-10"].append(accuracy(mlp.predict(one_layer, x_test), y_test))
for seed in course_seeds(3)[1:]:
    weights, _ = train((784, 128, 10), seed)
    results["our loop, 784-128-10"].append(accuracy(mlp.predict(weights, x_test), y_test))
plot.show(
    plot.bars(
        results,
        ylabel="test accuracy (0 to 1)",
        percent=True,
        title="What the hidden layer is worth",
    )
)

# %%
hidden, linear = (
    np.array(results["our loop, 784-128-10"]),
    results["scikit-learn's\nlogistic regression"][0],
)
claim("hidden-layer-beats-logistic").judge(
    hidden.min() > max(linear, *results["our loop, 784-10"]) and hidden.min() > 0.86,
    evidence=f"784-128-10: {hidden.mean():.1%} ({hidden.min():.1%} to {hidden.max():.1%}, 3 seeds); logistic regression {linear:.1%}; "
    f"our 784-10 {np.mean(results['our loop, 784-10']):.1%}",
)

# %% [markdown]
r"""
Read the verdict with care: a few points on one data set, far more than the spread of the seeds, for thirteen times as many weights. Notebook 07 asks when such a gain is worth its price.

Which pictures does it get wrong? Rows are the true kinds, columns what the network said, numbers out of 1,000 each.
"""

# %%
said = mlp.predict(network, x_test)
confusion = np.array(
    [[np.sum((y_test == k) & (said == j)) for j in range(10)] for k in range(10)]
)
plot.show(
    plot.matrix(
        confusion,
        rows=fashion.class_names,
        columns=fashion.class_names,
        form=".0f",
        xlabel="the network said",
        ylabel="truth",
        title="Confusions",
    )
)

# %% [markdown]
r"""
The largest confusions are among the things worn on the upper body: shirts, T-shirts, pullovers and coats, which at 28 by 28 pixels are hard for people too. Trousers and bags are hardly ever mistaken.

## 6. What does it cost?

Numerical differentiation needs two forward passes *for every weight*. Backpropagation needs one forward and one backward pass, for all weights together. How long does the backward pass take, and does it get relatively worse for larger networks?
"""

# %%
predict(
    "descent.cost",
    "The network gets 30 times as many weights. Loss and all gradients together take, measured in forward passes, ...",
    ["about 3 forward passes, as before", "30 times as many as before", "more than 100,000"],
)


# %% tags=["volatile"]
def cost_in_forward_passes(hidden, repeats=9):
    """Time of loss and gradients divided by the time of the loss alone: side by side, median of the repeats."""
    params, X, labels = mlp.init((784, hidden, 10), course_rng(0)), x_train[:512], y_train[:512]
    ratios = []
    for _ in range(repeats):
        start = time.perf_counter()
        cross_entropy(mlp.scores(params, X), labels)
        middle = time.perf_counter()
        network_gradients(params, X, labels)
        ratios.append((time.perf_counter() - middle) / (middle - start))
    return float(np.median(ratios))


widths = [32, 128, 512, 1024]
weights = [mlp.parameter_count((784, h, 10)) for h in widths]
cost_in_forward_passes(32)  # warm up
cost = [cost_in_forward_passes(h) for h in widths]
numerical = [2 * n for n in weights]
plot.show(
    plot.lines(
        weights,
        {
            "backpropagation (measured)": np.array(cost),
            "numerical (two for each weight)": np.array(numerical, float),
        },
        log="xy",
        xlabel="weights in the network",
        ylabel="cost, in forward passes",
        title="All derivatives of a network",
    )
)
reveal(
    "descent.cost",
    ", ".join(f"{n:,} weights: {c:.1f}" for n, c in zip(weights, cost, strict=True))
    + " forward passes",
    0 if max(cost) < 8 else 1,
)

# %% tags=["volatile"]
claim("backprop-is-cheap").judge(
    max(cost) < 8 and cost[-1] < 3 * cost[0],
    evidence=f"loss and all gradients cost {cost[0]:.1f} forward passes with {weights[0]:,} weights and {cost[-1]:.1f} with {weights[-1]:,}; "
    f"numerical differentiation would need {numerical[-1]:,}",
)

# %% [markdown]
r"""
Count the multiplications: forward, a dense layer needs $N \cdot D \cdot H$ of them. Backward it needs the same number for $dW$ and again for $dX$. So a backward pass is worth about two forward passes, whatever the size, and both together about three. (Your measured number may lie a little off: small products are ruled by overhead, and ReLU and loss take time too. In the first layer $dX$ is not needed; your function computes it all the same, for the sake of simplicity.) This is why networks with billions of weights can be trained at all. The price is memory: every layer's input must be
kept until the backward pass has come by.

## 7. Why start from random weights?

It looks tidier to begin with all weights equal. What would happen?
"""

# %%
predict(
    "descent.alike",
    "All weights of W1 start at the same value, and all of W2 too. After training, how many different hidden neurons are there?",
    ["128, they grow apart", "about ten, one a class", "one: they stay alike for ever"],
)


# %%
def train_from(params, seed, steps=500):
    """A short training; returns validation accuracy and the number of different hidden neurons."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        rows = rng.integers(0, len(x_fit), 64)
        _, grads = network_gradients(params, x_fit[rows], y_fit[rows])
        sgd_step(params, grads, np.float32(0.1))
    different = np.unique(params["W1"].round(5), axis=1).shape[1]
    return accuracy(mlp.predict(params, x_val), y_val), different


def constant(value):
    """784-128-10 with every weight the same and zero biases."""
    return {
        n: np.full_like(a, value if n.startswith("W") else 0)
        for n, a in mlp.init((784, 128, 10), course_rng(0)).items()
    }


starts = {"all zero": lambda seed: constant(0.0), "all 0.005": lambda seed: constant(0.005)}
starts["random"] = lambda seed: mlp.init((784, 128, 10), np.random.default_rng(seed))
outcome = {
    name: [train_from(make(seed), seed) for seed in course_seeds(3)]
    for name, make in starts.items()
}
for name, runs in outcome.items():
    print(
        f"{name:>9}: validation accuracy {np.mean([a for a, _ in runs]):.1%}, different hidden neurons {[d for _, d in runs]}"
    )

# %%
alike = [d for name in ("all zero", "all 0.005") for _, d in outcome[name]]
reveal(
    "descent.alike",
    f"different hidden neurons: {sorted(set(alike))} when started alike",
    2 if set(alike) == {1} else 0,
)
best_alike = max(a for name in ("all zero", "all 0.005") for a, _ in outcome[name])
worst_random = min(a for a, _ in outcome["random"])
claim("equal-weights-never-learn").judge(
    set(alike) == {1} and best_alike < worst_random - 0.2,
    evidence=f"started alike, all 128 hidden neurons stay one neuron and reach at most {best_alike:.1%}; "
    f"started at random at least {worst_random:.1%} (3 seeds)",
)

# %% [markdown]
r"""
Hidden neurons with equal weights compute the same, so they get the same gradient, so they stay equal: a hundred and twenty-eight copies of one neuron. (One often hears that such a network learns nothing. It does learn, but only what can be said through one neuron.) Only randomness breaks the tie. With zeros it is worse: then every $A$ is 0, so $dW_2$ is 0, and $dA$ is 0 too; nothing but the last bias ever moves.

## When it breaks

Here are six wrong gradients that people write:

- *sign turned*: truth minus probabilities;
- *1/N forgotten*: the gradient of the sum over the batch, not of the mean;
- *ReLU ignored*: all of dA passes;
- *ReLU of the gradient*: dA passes where dA, not Z, is positive;
- *first layer forgotten*: its gradient stays 0;
- *bias averaged*: the mean of dZ over the batch instead of the sum.

Each trains the network for 400 steps. For each we ask: what does the gradient check say, and what does the *loss curve* look like?
"""

# %%
predict(
    "descent.mistakes",
    "How many of these six would you notice by the loss curve alone (it explodes, or hardly falls)?",
    ["none", "one or two", "three", "four or five", "all six"],
)


# %%
def broken(kind):
    """Your gradients with one mistake put in."""

    def gradients(params, X, labels):
        loss, grads = network_gradients(params, X, labels)
        if kind == "sign turned":
            grads = {name: -g for name, g in grads.items()}
        if kind == "1/N forgotten":
            grads = {name: len(X) * g for name, g in grads.items()}
        if kind == "bias averaged":
            grads |= {"b1": grads["b1"] / len(X), "b2": grads["b2"] / len(X)}
        if kind == "first layer forgotten":
            grads |= {"W1": 0 * grads["W1"], "b1": 0 * grads["b1"]}
        if kind.startswith("ReLU"):
            above = (
                softmax_cross_entropy_grad(mlp.scores(params, X), labels) @ params["W2"].T
            )  # what arrives at the ReLU
            passed = above if kind == "ReLU ignored" else above * (above > 0)
            grads |= {"W1": X.T @ passed, "b1": passed.sum(axis=0)}
        return loss, grads

    return gradients


kinds = [
    "right",
    "sign turned",
    "1/N forgotten",
    "ReLU ignored",
    "ReLU of the gradient",
    "first layer forgotten",
    "bias averaged",
]
curves, table = {}, []
for kind in kinds:
    rng = course_rng(3)
    params, losses = mlp.init((784, 128, 10), rng), []
    for _ in range(400):
        rows = rng.integers(0, len(x_fit), 64)
        with np.errstate(all="ignore"):
            loss, grads = broken(kind)(params, x_fit[rows], y_fit[rows])
            sgd_step(params, grads, np.float32(0.1))
        losses.append(min(float(loss), 20.0) if np.isfinite(loss) else 20.0)
    curves[kind] = np.array(losses).reshape(20, 20).mean(axis=1)  # mean of 20 steps each
    table.append(
        (
            kind,
            gradient_check(broken(kind), course_seeds(1)[0]),
            curves[kind][-1],
            accuracy(mlp.predict(params, x_val), y_val),
        )
    )

print(f"{'':>22}  gradient check   loss at the end   validation accuracy")
for kind, error, loss, share in table:
    print(f"{kind:>22}  {error:14.0e}   {loss:15.2f}   {share:19.1%}")

# %%
stuck = sum(curves[kind][-1] > 2 for kind in kinds[1:])  # log 10 is 2.3: nothing learned
caught = sum(error > 1e-3 for _, error, _, _ in table[1:])
reveal(
    "descent.mistakes",
    f"{stuck} of 6 end with a loss above 2 nats; the gradient check catches {caught} of 6",
    [0, 1, 1, 2, 3, 3, 4][stuck],
)
plot.show(
    plot.lines(
        np.arange(20, 401, 20),
        curves,
        log="y",
        xlabel="step",
        ylabel="loss (nats, mean of 20 steps, cut at 20)",
        markers=False,
        title="What mistakes look like",
    )
)

# %% [markdown]
r"""
Three of them announce themselves: with the sign turned the loss explodes; with 1/N forgotten the direction is right but every step is 64 times too long; with the ReLU applied to the gradient nothing is learned. The other three *learn*, and their curves look healthy. A forgotten first layer costs a good deal of accuracy, which you would only notice if you knew what to expect; with the ReLU
ignored or the biases averaged the damage is so small that nobody would see it in a curve. **A falling loss does not prove a gradient right. Compare it with measured derivatives**: that takes a second, and it caught all six.

## Explain it back

**Q1.** Why does backpropagation go backwards, from the loss to the input?

<details><summary>A. Because the loss is one number, and going back reuses each derivative for everything before it.</summary>

**Right.** One backward pass serves all weights. Going forward would need one pass for each weight that is turned, which is what numerical differentiation does.

</details>
<details><summary>B. Because the last layer must be trained first.</summary>

**No.** All layers are updated together, after the whole backward pass.

</details>
<details><summary>C. By convention; forward would be as good.</summary>

**No.** Forward, the work grows with the number of weights. That is the difference between 3 passes and 200,000.

</details>

**Q2.** A gradient check gives a relative error of 3e-2 in float32 and 2e-8 in float64. The gradient is ...

<details><summary>A. wrong, since one of the checks failed.</summary>

**No.** Seven digits are too few for a difference of two nearly equal losses.

</details>
<details><summary>B. right: trust the check in double precision.</summary>

**Right.** What failed in float32 is the measurement, not the gradient.

</details>
<details><summary>C. right for float64, wrong for float32.</summary>

**No.** It is one formula. Only its rounding differs.

</details>

**Q3.** db is the sum of dZ over the batch. Why a sum, not a mean?

<details><summary>A. Because b acts on every example, and the influences add up; the 1/N of the loss is already in dZ.</summary>

**Right.** A quantity that is used several times collects the gradient from every use.

</details>
<details><summary>B. It should be a mean; the factor goes into the learning rate.</summary>

**No.** Then b would learn N times more slowly than W. It often goes unnoticed, as the table above shows.

</details>
<details><summary>C. Because b has one number for each neuron.</summary>

**No.** That explains its shape, not the sum: a mean has the same shape.

</details>

**Q4.** (From notebook 02.) The first loss of your new network with 10 classes is 14. Before you search for a mistake in the gradient, where do you look?

<details><summary>A. At the learning rate.</summary>

**No.** Before the first step no rate has been used.

</details>
<details><summary>B. At the size of the initial weights and of the input.</summary>

**Right.** The first loss is a matter of the forward pass: it should be near log 10. Inputs from 0 to 255, or too large a last layer, are the usual reasons.

</details>
<details><summary>C. At the ReLU mask.</summary>

**No.** It plays a part only on the way back.

</details>

**Q5.** (From notebook 01.) Why could Rosenblatt's rule not train the hidden neurons of the exclusive-or network?

<details><summary>A. The computers of the time were too slow.</summary>

**No.** Four points and three neurons are no burden, and he had even built a machine with motors for weights.

</details>
<details><summary>B. Nobody knows the right answer of a hidden neuron, and through a step with slope 0 no blame reaches it.</summary>

**Right.** The rule corrects a neuron by its right answer, and nobody knows that for a hidden one. Gradient descent does not help with a step either: the chain rule multiplies by the slope of the activation, and that is 0.

</details>
<details><summary>C. Exclusive or cannot be computed by neurons.</summary>

**No.** Three neurons do it; you built them.

</details>

## Go further

**A project.** Give the network a second hidden layer (`mlp.init((784, 128, 64, 10), rng)` makes its weights; `mlp.gradients` handles any depth, but write your own first) and check your gradient before you train. Is it better than one hidden layer with as many weights? Use at least three seeds, choose the learning rate on the validation set for both, and
open the test set once. Then replace ReLU by the sigmoid in four hidden layers and print the size of each layer's gradient: what do you find, and what does the steepest slope of the sigmoid (notebook 02) have to do with it?

**Sources.**
S. Linnainmaa (1970), *The representation of the cumulative rounding error of an algorithm as a Taylor expansion of the local rounding errors*: backward differentiation, before networks.
D. Rumelhart, G. Hinton and R. Williams (1986), *Learning representations by back-propagating errors*.
A. Griewank and A. Walther (2008), *Evaluating derivatives*: why the cost is a small constant.
K. He, X. Zhang, S. Ren and J. Sun (2015), *Delving deep into rectifiers*: the random weights used here.
"""
