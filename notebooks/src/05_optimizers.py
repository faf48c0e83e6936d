# %% [markdown]
r"""
# Optimisers: how far to step, and in which direction

**The question.** The gradient says which way is down. It does not say how far to go, each batch shows it only roughly, and one step size has to serve tens of thousands of weights. What do the well-known methods do about this, and how much do they gain when all of them are treated alike?

**After this notebook you will be able to**

- say which learning rates a problem bears, and find a good one for a network with one short run;
- write momentum, Nesterov's variant, Adagrad, RMSProp, Adam and AdamW, and say which difficulty each of them removes, and which it does not;
- choose random first weights so that a signal neither dies nor explodes on its way through many layers;
- use a schedule, a warm-up and clipping, and say what each was worth;
- compare optimisers fairly: the same number of trials for each, several seeds, the choice made on validation data.

**Builds on** 03 Backpropagation (gradients, SGD) and 04 Autograd (`Tensor`, `backward`). **Time** about 90 minutes, half of them for the seven exercises; your computer needs half a minute. A good place for a break is the end of section 5. You need not read the code of the experiments line by line: what each one measures is said above it, what came out is said below.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from coursekit import datasets, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import accuracy
from coursekit.predict import predict, reveal
from coursekit.scratch import init
from coursekit.scratch.autograd import Tensor, no_grad
from coursekit.scratch.nn import Linear, ReLU, Sequential, cross_entropy
from coursekit.scratch.optim import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Optimizer,
    RMSprop,
    grad_norm,
    gradient_update,
)
from coursekit.scratch.schedules import (
    CosineAnnealingLR,
    LinearWarmup,
    OneCycleLR,
    Schedule,
    StepLR,
)
from coursekit.settings import course_rng, course_seeds

fashion = datasets.load("fashion_mnist")
(x_fit, y_fit), (x_val, y_val) = datasets.split(
    datasets.to_float(fashion.x_train),
    fashion.y_train,
    fractions=(0.95, 0.05),
    rng=course_rng(0),
)  # (57000, 784), (3000, 784): to learn from, and to choose on
x_test, y_test = datasets.to_float(fashion.x_test), fashion.y_test  # only for what we report

# %% [markdown]
r"""
## 1. A ravine

Start with a loss that can be drawn: two weights, and a bowl that is shallow along one of them and steep along the other.

$$L(w_1, w_2) = \tfrac12\left(c_1 w_1^2 + c_2 w_2^2\right), \qquad c_1 = 1,\ c_2 = 25$$

The numbers $c_1, c_2$ are the **curvatures**: how fast the slope changes as you walk along each axis. The gradient is $(c_1 w_1, c_2 w_2)$. With the learning rate $\eta$ (eta), one step of gradient descent gives

$$w_i \leftarrow w_i - \eta\, c_i w_i = (1 - \eta c_i)\, w_i$$

So each weight is multiplied by the same number, $1 - \eta c_i$, again and again.

In code a step is an **update rule**: a function that changes a weight array in place, given its gradient. The simplest is the course's `gradient_update(w, g, lr)`: `w -= lr * g`.
"""

# %%
predict(
    "optimizers.largest-rate",
    "With curvatures 1 and 25: above which learning rate does gradient descent run away from the minimum?",
    ["2", "1", "2/25 = 0.08", "1/25 = 0.04", "1/26, about 0.038"],
)

# %%
curvatures = np.array([1.0, 25.0])


def bowl(w):
    """The loss at points of shape (..., 2)."""
    return 0.5 * (curvatures * w**2).sum(axis=-1)


def walk(rule, lr, steps=40, memory=0, numbered=False, **settings):
    """The path of an update rule on the bowl, from (-4, 1): shape (steps + 1, 2)."""
    w, kept, path = np.array([-4.0, 1.0]), [np.zeros(2) for _ in range(memory)], []
    for t in range(1, steps + 2):
        path.append(w.copy())
        rule(w, curvatures * w, *kept, *([t] if numbered else []), lr=lr, **settings)
    return np.array(path)


box = {"xlim": (-4.6, 1.6), "ylim": (-1.6, 1.6)}
figure, axes = plt.subplots(1, 3, figsize=(10.4, 3.3), sharey=True)
for ax, rate in zip(axes, (0.02, 0.075, 0.081), strict=True):
    path = walk(gradient_update, rate, steps=20)
    plot.ravine(bowl, {f"rate {rate}": path}, title=f"rate {rate}, 20 steps", ax=ax, **box)
    ax.label_outer()
plot.show(figure)

# %%
rates = np.geomspace(0.005, 0.2, 60)
with np.errstate(over="ignore"):
    after = np.array([bowl(walk(gradient_update, rate, steps=100)[-1]) for rate in rates])
largest = rates[after < bowl(np.array([-4.0, 1.0]))].max()
plot.show(
    plot.rate_sweep(
        rates,
        {"gradient descent": np.clip(after, 1e-12, 1e6)},
        ylabel="loss after 100 steps (cut at 1e6)",
        marks={"2 / largest curvature": 2 / curvatures.max()},
        log="xy",
        markers=False,
        title="The cliff",
    )
)
reveal(
    "optimizers.largest-rate",
    f"the largest of 60 rates that still brings the loss down is {largest:.3f}; the next one is {rates[rates > largest].min():.3f}",
    2 if largest < 0.08 < rates[rates > largest].min() else 0,
)

# %% [markdown]
r"""
A weight comes nearer to 0 as long as $|1 - \eta c_i| < 1$, that is $\eta < 2 / c_i$. **The largest curvature sets the limit**, $\eta < 2 / c_{max}$, and the smallest one pays for it: along the shallow axis every step takes away only the share $\eta\, c_{min}$ of what is left. In the pictures, a small rate creeps along the valley; a rate near the limit jumps from wall to wall across it; a little beyond the limit the jumps grow. The ratio $\kappa = c_{max} / c_{min}$ (kappa) is the **condition number**: the larger it is, the longer the ravine and the slower the walk.

With many weights, the steep directions need not be the axes. The second derivatives then fill a table, the **Hessian** $H$, with $\partial^2 L / \partial w_i \partial w_j$ in row $i$ and column $j$. In a suitably turned picture such a bowl looks like ours again; the curvatures along its turned axes are the **eigenvalues** of $H$, and NumPy computes them.

For a linear model and half the mean squared error, $H = X^T X / N$ ($X$: the inputs, one row for each of $N$ examples), the same for all weights. So on real tables we can compute the limit first, and then look for it by trial. The model's task: is an example of the first class, or not?
"""

# %%
predict(
    "optimizers.real-limit",
    "On four real tables we compute 2 / (largest eigenvalue), then find the largest rate that works by trying. The two agree ...",
    ["to about 1 percent", "to about a factor of 2", "not at all: real data are no bowl"],
)


# %%
def bears(hessian, pull, rate, steps=1000):
    """Whether gradient descent from 0 on the bowl w.Hw / 2 - pull.w still brings the loss down at this rate."""
    w = np.zeros(len(pull))
    with np.errstate(all="ignore"):
        for _ in range(steps):
            w -= rate * (hessian @ w - pull)
        return bool(0.5 * w @ hessian @ w - pull @ w < 0)


computed, tried, kappas = [], [], []
for name in ("iris", "wine", "breast_cancer", "digits"):
    table = datasets.load(name)
    X = table.x_train.reshape(len(table.x_train), -1).astype(float)
    X = X[:, X.std(axis=0) > 0]
    X = np.hstack([(X - X.mean(axis=0)) / X.std(axis=0), np.ones((len(X), 1))])  # (N, D + 1)
    hessian, pull = X.T @ X / len(X), X.T @ (table.y_train == 0) / len(X)
    eigenvalues = np.linalg.eigvalsh(hessian)
    low, high = 1e-3, 10.0
    for _ in range(20):  # halve the gap, 20 times
        middle = np.sqrt(low * high)
        low, high = (middle, high) if bears(hessian, pull, middle) else (low, middle)
    computed.append(2 / eigenvalues.max())
    tried.append(low)
    kappas.append(eigenvalues.max() / eigenvalues[eigenvalues > 1e-9].min())
    print(
        f"{name:>13}: computed {computed[-1]:.3f}, found by trying {low:.3f}; condition number {kappas[-1]:,.0f}"
    )

# %%
off = np.abs(np.array(tried) / np.array(computed) - 1)
reveal(
    "optimizers.real-limit", f"largest difference {off.max():.2%}", 0 if off.max() < 0.05 else 1
)
claim("stable-below-two-over-curvature").judge(
    off.max() < 0.02 and largest < 0.08,
    evidence=f"limit found by trying against 2 / largest eigenvalue, on four real tables: off by at most {off.max():.2%}; "
    f"on the drawn bowl the last rate that works is {largest:.3f}, the limit 0.080",
)

# %% [markdown]
r"""
Look at the condition numbers, too: real tables *are* ravines, even with every column brought to the same scale. A network's loss is no bowl: its curvature changes from place to place. There the limit has to be found by trying.

## 2. A real network: the range test, and noise

From here on: Fashion-MNIST and a network 784-64-10, built from the parts of notebook 04. `Optimizer(parameters, rule, lr)` applies an update rule to every weight array of a network. `learn` is the usual loop; every experiment below goes through it, so this cell is worth reading.
"""


# %%
def network(seed, hidden=(64,), weights=None):
    """Dense layers with ReLU between them; `weights(shape, rng=rng)` draws the first weights, if given."""
    rng, sizes, layers = np.random.default_rng(seed), (784, *hidden, 10), []
    for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
        layer = Linear(fan_in, fan_out, rng=rng)
        if weights is not None:
            layer.weight.data[...] = weights((fan_out, fan_in), rng=rng)
            layer.bias.data[...] = 0
        layers += [layer, ReLU()]
    return Sequential(*layers[:-1])  # no ReLU behind the scores


def learn(
    model, optimizer, seed, steps=200, batch=64, schedule=None, before_step=None, pictures=x_fit
):
    """Train; returns the loss of every step. Once the loss is no number any more, it stops (the rest is NaN)."""
    rng, losses = np.random.default_rng(seed + 500), np.full(steps, np.nan)
    with np.errstate(all="ignore"):
        for t in range(steps):
            rows = rng.integers(0, len(y_fit), batch)
            optimizer.zero_grad()
            loss = cross_entropy(model(Tensor(pictures[rows])), y_fit[rows])
            losses[t] = loss.item()
            if not np.isfinite(losses[t]):
                break
            loss.backward()
            if before_step is not None:
                before_step(optimizer)
            optimizer.step()
            if schedule is not None:
                schedule.step()
    return losses


WORST = 3.0  # nats: what we count for a network that knows less than nothing, or is no number any more


def loss_on(model, x=x_val, y=y_val):
    """Cross-entropy in nats, at most WORST."""
    with no_grad(), np.errstate(all="ignore"):
        scores = model(Tensor(x))
    if not np.isfinite(scores.data).all():
        return WORST
    return min(cross_entropy(scores, y).item(), WORST)


# %% [markdown]
r"""
**The range test** (Smith, 2017). Instead of training at one rate, raise the rate a little in *every* step, from far too small to far too large, and watch the loss. One short run shows the whole range. We use plain gradient descent on batches (SGD).
"""

# %%
predict(
    "optimizers.range-test",
    "In the range test the loss is lowest at some rate. The best constant rate for training is ...",
    ["several times smaller than that", "about the same", "several times larger"],
)

# %%
test_rates = np.geomspace(1e-3, 10, 240)
tests, window = [], np.ones(15) / 15
for seed in course_seeds(3):
    model = network(seed)
    optimizer = Optimizer(model.parameters(), gradient_update, lr=test_rates[0])
    raising = Schedule(optimizer, lambda t: test_rates[min(t, 239)])
    seen = np.nan_to_num(learn(model, optimizer, seed, steps=240, schedule=raising), nan=10.0)
    tests.append(np.convolve(np.minimum(seen, 10), window, mode="valid"))
tests = np.array(tests)  # (3, 226)
middle_rates = test_rates[7:-7]
lowest = middle_rates[tests.mean(axis=0).argmin()]

constant_rates = np.geomspace(0.01, 3.2, 6)
constant = np.zeros((2, len(constant_rates)))  # seeds, rates
for s, seed in enumerate(course_seeds(2)):
    for r, rate in enumerate(constant_rates):
        model = network(seed)
        learn(model, Optimizer(model.parameters(), gradient_update, lr=rate), seed, steps=100)
        constant[s, r] = loss_on(model)
best_constant = constant_rates[constant.mean(axis=0).argmin()]

figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 3.8))
plot.rate_sweep(
    middle_rates,
    {"loss while the rate rises": tests},
    ylabel="training loss (nats, mean of 15 steps)",
    marks={"lowest": lowest},
    markers=False,
    title="Range test: one run of 240 steps",
    ax=left,
)
plot.rate_sweep(
    constant_rates,
    {"100 steps at this rate": constant},
    ylabel="validation loss (nats)",
    marks={"best": best_constant},
    title="Six runs at constant rates",
    ax=right,
)
plot.show(figure)
ratio = best_constant / lowest
reveal(
    "optimizers.range-test",
    f"range test: lowest at {lowest:.2f}; best of six constant rates: {best_constant:.2f}",
    0 if ratio < 1 / 2.5 else 1 if ratio < 2.5 else 2,
)

# %% [markdown]
r"""
The left curve has three parts: flat while the rate is too small to matter, then falling, then flying off. The right picture took six trainings a seed and says much the same: the best constant rate lies near the place where the left curve is lowest. Many people take a half or a third of that, to be on the safe side.

**Noise.** Each batch gives only a guess of the gradient. How far is it off? We take the gradient of 5,000 pictures for the truth, and measure the length of the difference, relative to the length of the truth.
"""

# %%
predict(
    "optimizers.noise",
    "To halve the error of the gradient, the batch must be how much larger?",
    ["twice", "four times", "sixteen times", "it does not depend on the batch"],
)


# %%
def gradient_of(model, x, y):
    """The gradient of the loss as one long row of numbers."""
    for p in model.parameters():
        p.zero_grad()
    cross_entropy(model(Tensor(x)), y).backward()
    return np.concatenate([p.grad.ravel() for p in model.parameters()])


sizes = [4, 16, 64, 256, 1024]
errors = np.zeros((3, len(sizes)))
for s, seed in enumerate(course_seeds(3)):
    rng, model = np.random.default_rng(seed), network(seed)
    learn(model, Optimizer(model.parameters(), gradient_update, lr=0.1), seed, steps=60)
    whole = gradient_of(model, x_fit[:5000], y_fit[:5000])
    for k, size in enumerate(sizes):
        draws = []
        for _ in range(8):
            rows = rng.integers(0, 5000, size)
            draws.append(np.sum((gradient_of(model, x_fit[rows], y_fit[rows]) - whole) ** 2))
        errors[s, k] = np.sqrt(np.mean(draws)) / np.linalg.norm(whole)
plot.show(
    plot.lines(
        sizes,
        {
            "measured (3 networks)": errors,
            "1 / root of the batch size": errors.mean(axis=0)[0] * np.sqrt(4 / np.array(sizes)),
        },
        log="xy",
        xlabel="pictures in the batch",
        ylabel="error / length of the gradient",
        title="How noisy is a batch's gradient?",
    )
)
slope = np.polyfit(np.log(sizes), np.log(errors.mean(axis=0)), 1)[0]
reveal(
    "optimizers.noise",
    f"the error falls like (batch size)^{slope:.2f}; with 64 pictures it is {errors.mean(axis=0)[2]:.1f} times as long as the gradient itself",
    0 if slope < -0.75 else 1 if slope < -0.35 else 2 if slope < -0.15 else 3,
)

# %% [markdown]
r"""
A mean of $B$ independent numbers has an error proportional to $1/\sqrt{B}$: four times the work for half the noise. Is it worth it? Let networks with batches of 16, 64 and 256 see equally many pictures, 6,400, each size at the best of three rates.
"""

# %%
predict(
    "optimizers.batch-size",
    "After 6,400 pictures the lowest validation loss comes from batches of ...",
    ["16: 400 noisy steps", "64: 100 steps", "256: 25 good steps"],
)

# %%
by_batch = {"64": constant[:, 2:5]}  # seeds, rates: measured above
for batch in (16, 256):
    runs = np.zeros((2, 3))
    for s, seed in enumerate(course_seeds(2)):
        for r, rate in enumerate(constant_rates[2:5]):
            model = network(seed)
            optimizer = Optimizer(model.parameters(), gradient_update, lr=rate)
            learn(model, optimizer, seed, steps=6400 // batch, batch=batch)
            runs[s, r] = loss_on(model)
    by_batch[str(batch)] = runs
for batch in ("16", "64", "256"):
    row = ", ".join(
        f"{loss:.3f} at rate {rate:.2f}"
        for rate, loss in zip(constant_rates[2:5], by_batch[batch].mean(axis=0), strict=True)
    )
    print(f"batches of {batch:>3}: {row}")
lowest_loss = [by_batch[batch].mean(axis=0).min() for batch in ("16", "64", "256")]
reveal(
    "optimizers.batch-size",
    f"best validation losses for 16, 64, 256: {', '.join(f'{loss:.3f}' for loss in lowest_loss)} nats",
    int(np.argmin(lowest_loss)),
)

# %% [markdown]
r"""
For the same number of pictures, a few exact steps are clearly the worst bargain. (Per *picture* a large batch takes less time, since a processor handles its rows side by side.) But noise has its price: at a constant rate the weights never settle, they tremble around the bottom of the valley. Hence schedules (section 6).

## 3. Momentum

In a ravine, successive gradients disagree *across* the valley (left wall, right wall, left wall) and agree *along* it. So add them up, and let old ones fade: what disagrees cancels, what agrees grows. Keep a **velocity** $v$, one number for each weight, that starts at zero:

$$v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta\, v$$

$g$ is the gradient; $\mu$ (mu, the **momentum**, usually 0.9) says how much of the old velocity is kept. With a constant gradient $v$ grows to $g / (1 - \mu)$: for $\mu = 0.9$, ten times $g$.

**Nesterov's variant** looks where momentum is about to carry it: it steps along $g + \mu v$, with the new $v$.

$$v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta\,(g + \mu v)$$

All update rules on this page work *in place*: they change the arrays that they are given. What a rule remembers from step to step lives in such an array, so `v = ...` inside the function would forget it at once.
"""


# %% tags=["exercise"]
@exercise("optimizers.momentum")
def momentum(w, g, v, lr, momentum=0.9, nesterov=False):
    """One step of momentum, or of Nesterov's variant. Changes w and v in place.

    w, g, v : weights, gradient, velocity; arrays of the same shape. v starts at zero.
    lr, momentum : numbers. nesterov : True for Nesterov's step along g + momentum * v.
    """
    ### BEGIN SOLUTION
    v *= momentum
    v += g
    if nesterov:
        w -= lr * (g + momentum * v)
    else:
        w -= lr * v
    ### END SOLUTION


# %%
paths = {
    "gradient descent, rate 0.07": walk(gradient_update, 0.07),
    "momentum 0.8, rate 0.04": walk(momentum, 0.04, memory=1, momentum=0.8),
    "Nesterov 0.8, rate 0.04": walk(momentum, 0.04, memory=1, momentum=0.8, nesterov=True),
}
plot.show(plot.ravine(bowl, paths, title="40 steps in the ravine", **box))

# %% [markdown]
r"""
Momentum overshoots and comes back in wide curves; Nesterov's variant, which looks ahead, is calmer. How much faster are they, when each method may use its best settings? We count steps until the loss has shrunk to a millionth, on bowls of several condition numbers. Each method gets 200 trials: gradient descent 200 rates; momentum and Nesterov 20 rates times ten values of $\mu$.
"""

# %%
predict(
    "optimizers.momentum-gain",
    "On a bowl with condition number 100, the best momentum needs, compared with the best gradient descent, ...",
    ["about as many steps", "about half as many", "a fifth of the steps or fewer"],
)


# %%
def steps_needed(
    rule,
    hessian,
    rates,
    memory=0,
    numbered=False,
    share=1e-6,
    limit=2000,
    first_point=(-4.0, 1.0),
    **settings,
):
    """For each rate: steps until the loss is below `share` of its start, and stays there; NaN if more than `limit`.

    All rates walk at the same time, one row each.
    """
    w = np.tile(first_point, (len(rates), 1))  # (trials, 2)
    kept, needed = [np.zeros_like(w) for _ in range(memory)], np.ones(len(rates))
    start = 0.5 * (w * (w @ hessian)).sum(axis=1)
    with np.errstate(all="ignore"):
        for t in range(1, limit + 1):
            rule(
                w, w @ hessian, *kept, *([t] if numbered else []), lr=rates[:, None], **settings
            )
            below = 0.5 * (w * (w @ hessian)).sum(axis=1) < share * start
            needed[~below] = t + 1
    needed[needed > limit] = np.nan
    return needed


kappas = [10, 30, 100, 300]
needed = {"gradient descent": [], "momentum": [], "Nesterov": []}
for kappa in kappas:
    hessian = np.diag([1.0, kappa])
    needed["gradient descent"].append(
        np.nanmin(
            steps_needed(gradient_update, hessian, np.geomspace(0.05, 1.1, 200) * 2 / kappa)
        )
    )
    trial_rates = np.tile(np.geomspace(0.05, 2, 20) * 2 / kappa, 10)
    mus = np.repeat([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95], 20)
    for name in ("momentum", "Nesterov"):
        runs = steps_needed(
            momentum,
            hessian,
            trial_rates,
            memory=1,
            momentum=mus[:, None],
            nesterov=name == "Nesterov",
        )
        needed[name].append(np.nanmin(runs))
plot.show(
    plot.lines(
        kappas,
        {name: np.array(steps) for name, steps in needed.items()},
        log="xy",
        xlabel="condition number (steepest curvature / shallowest)",
        ylabel="steps to a millionth of the loss",
        title="Best of 200 trials each",
    )
)
gain = needed["gradient descent"][2] / min(needed["momentum"][2], needed["Nesterov"][2])
reveal(
    "optimizers.momentum-gain",
    ", ".join(f"{name} {steps[2]:.0f} steps" for name, steps in needed.items()),
    0 if gain < 1.4 else 1 if gain < 4 else 2,
)

# %% [markdown]
r"""
The steps of gradient descent grow in proportion to $\kappa$, those of momentum roughly to $\sqrt{\kappa}$ (Polyak, 1964): the worse the ravine, the larger the gain.

## 4. A step size of its own for every weight

Another cure for a ravine: give each weight its own step size, small where its gradients are large.

**Adagrad** (Duchi et al., 2011) adds up the squares of all gradients that a weight has seen, and divides by the root of the sum:

$$s \leftarrow s + g^2, \qquad w \leftarrow w - \eta\,\frac{g}{\sqrt{s} + \epsilon}$$

(All of it number by number: $g^2$ is the array of squares. The tiny $\epsilon$, epsilon, avoids $0/0$.) The sum only grows, so the steps only shrink.
"""


# %% tags=["exercise"]
@exercise("adaptive.adagrad")
def adagrad(w, g, s, lr, eps=1e-10):
    """One step of Adagrad. Changes w and s in place, returns nothing.

    w, g, s : weights, gradient, sum of squares; arrays of the same shape. s starts at zero.
    """
    ### BEGIN SOLUTION
    s += g**2
    w -= lr * g / (np.sqrt(s) + eps)
    ### END SOLUTION


# %% [markdown]
r"""
**RMSProp** (Hinton, 2012) replaces the sum by a running *mean*, so that old gradients are forgotten and the steps need not die out:

$$s \leftarrow \alpha\, s + (1 - \alpha)\, g^2, \qquad w \leftarrow w - \eta\,\frac{g}{\sqrt{s} + \epsilon}$$

With $\alpha = 0.99$ it looks back over about a hundred steps.
"""


# %% tags=["exercise"]
@exercise("adaptive.rmsprop")
def rmsprop(w, g, s, lr, alpha=0.99, eps=1e-8):
    """One step of RMSProp. Changes w and s in place, returns nothing.

    w, g, s : weights, gradient, mean of squares; arrays of one shape. s starts at zero.
    """
    ### BEGIN SOLUTION
    s *= alpha
    s += (1 - alpha) * g**2
    w -= lr * g / (np.sqrt(s) + eps)
    ### END SOLUTION


# %% [markdown]
r"""
**Adam** (Kingma and Ba, 2015) joins both ideas: a running mean $m$ of the gradients (momentum), divided by the root of a running mean $s$ of their squares (RMSProp):

$$m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad s \leftarrow \beta_2 s + (1 - \beta_2)\, g^2$$

($\beta_1$ and $\beta_2$, beta, say how much of each old mean is kept.) Both start at zero, so both are too small at first. With a constant gradient, $m = (1 - \beta_1)\, g$ after the first step and $m = (1 - \beta_1^t)\, g$ after step $t$. Dividing by that factor repairs it; this is the **bias correction**:

$$\hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat s = \frac{s}{1 - \beta_2^t}, \qquad w \leftarrow w - \eta\,\frac{\hat m}{\sqrt{\hat s} + \epsilon}$$

$\hat m$ and $\hat s$ (with a hat) serve this step only; what is kept is $m$ and $s$.

**AdamW** (Loshchilov and Hutter, 2019) adds **weight decay**: before the step all weights shrink by a small share of themselves, $w \leftarrow (1 - \eta \lambda)\, w$, with the decay $\lambda$ (lambda). With $\lambda = 0$ it is Adam. Notebook 06 asks what decay is good for.
"""

# %%
predict(
    "optimizers.bias-correction",
    "Suppose you forget the bias correction. Adam's first ten steps (betas 0.9 and 0.999) are then ...",
    ["too short: both means begin at zero", "too long", "about right: the two mistakes cancel"],
)


# %% tags=["exercise"]
@exercise("adam.update")
def adam(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    """One step of Adam, with decay AdamW. Changes w, m and s in place, returns nothing.

    w, g, m, s : weights, gradient, both means; arrays of one shape. m, s start at zero.
    t : the number of this step, from 1. decay : the weights first shrink by lr * decay.
    """
    ### BEGIN SOLUTION
    beta1, beta2 = betas
    w *= 1 - lr * decay
    m *= beta1
    m += (1 - beta1) * g
    s *= beta2
    s += (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    w -= lr * m_hat / (np.sqrt(s_hat) + eps)
    ### END SOLUTION


# %% [markdown]
r"""
Now the length of Adam's steps in a real training, with and without the correction. (`memory` names the arrays that `Optimizer` keeps for a rule; they start at zero, and `"t"` stands for the number of the step.)
"""


# %%
def adam_uncorrected(w, g, m, s, lr, betas=(0.9, 0.999), eps=1e-8):
    """Adam as it is without the bias correction."""
    m[...] = betas[0] * m + (1 - betas[0]) * g
    s[...] = betas[1] * s + (1 - betas[1]) * g**2
    w -= lr * m / (np.sqrt(s) + eps)


def step_lengths(rule, memory, seed, steps=60, lr=1e-3):
    """Root mean square of the changes of all weights of the first layer, in units of lr, step by step."""
    model, lengths = network(seed), []
    weight = model[0].weight.data
    before = weight.copy()

    def look(_):
        lengths.append(np.sqrt(np.mean((weight - before) ** 2)) / lr)
        before[...] = weight

    learn(
        model,
        Optimizer(model.parameters(), rule, lr, memory=memory),
        seed,
        steps=steps + 1,
        before_step=look,
    )
    return lengths[1:]


lengths = {
    "without correction": np.array(
        [step_lengths(adam_uncorrected, ("m", "s"), seed) for seed in course_seeds(3)]
    ),
    "Adam": np.array([step_lengths(adam, ("m", "s", "t"), seed) for seed in course_seeds(3)]),
}
plot.show(
    plot.lines(
        np.arange(1, 61),
        lengths,
        xlabel="step",
        ylabel="length of the step / learning rate",
        markers=False,
        title="Bias correction, seen on a network's weights",
    )
)
factor = lengths["without correction"][:, :10].mean() / lengths["Adam"][:, :10].mean()
reveal(
    "optimizers.bias-correction",
    f"without correction the first ten steps are {factor:.1f} times as long as Adam's",
    0 if factor < 0.7 else 1 if factor > 1.4 else 2,
)

# %% [markdown]
r"""
Both means start too small, but $s$ starts *smaller*: after the first step $m$ is a tenth of the gradient, the root of $s$ only about a thirtieth of its size ($\sqrt{0.001}$), so their quotient is three times too large. And $m$ has filled up after some ten steps, $s$ only after some thousand.

Remember for the warm-up: the very first step of Adam has the length of the learning rate for *every* weight, whatever its gradient, since $\hat m / \sqrt{\hat s} = g / |g|$.

Are your rules the real thing? Each walks a hundred steps beside the class of the same name in `coursekit.scratch.optim`, which in turn is tested step by step against PyTorch's.
"""

# %%
pairs = {  # what you wrote, and the course's class; both from the same weights
    "momentum": (momentum, ("v",), {}, lambda p: SGD(p, 0.01, momentum=0.9)),
    "Nesterov": (
        momentum,
        ("v",),
        {"nesterov": True},
        lambda p: SGD(p, 0.01, 0.9, nesterov=True),
    ),
    "Adagrad": (adagrad, ("s",), {}, lambda p: Adagrad(p, 0.01)),
    "RMSProp": (rmsprop, ("s",), {}, lambda p: RMSprop(p, 0.01)),
    "Adam": (adam, ("m", "s", "t"), {}, lambda p: Adam(p, 0.01)),
    "AdamW": (
        adam,
        ("m", "s", "t"),
        {"decay": 0.1},
        lambda p: AdamW(p, 0.01, weight_decay=0.1),
    ),
}
for name, (rule, memory, settings, theirs) in pairs.items():
    rng, gap = course_rng(4), 0.0
    start = rng.normal(size=(5, 7))
    yours, ours = (Tensor(start.copy(), requires_grad=True) for _ in range(2))
    one, other = Optimizer([yours], rule, 0.01, memory=memory, **settings), theirs([ours])
    for _ in range(100):
        yours.grad = ours.grad = rng.normal(size=(5, 7))
        one.step()
        other.step()
        gap = max(gap, np.abs(yours.data - ours.data).max())
    print(f"{name:>9}: largest difference {'below 1e-12' if gap < 1e-12 else gap}")
    assert gap < 1e-12

# %% [markdown]
r"""
**What a step size for each weight can do, and what it cannot.** Along the axes of the ravine it does all that one could wish: divided by the size of its gradient, the steep axis looks like the shallow one. Now turn bowl and starting point by 45 degrees, so that the valley runs *across* the axes.
"""

# %%
predict(
    "optimizers.turned",
    "In the turned ravine, which methods need more steps than before (each with its best of 60 rates)?",
    ["none", "gradient descent and momentum", "Adagrad, RMSProp and Adam", "all of them"],
)

# %%
angle = np.pi / 4
turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
rules = {
    "gradient descent": (gradient_update, {}),
    "momentum": (momentum, {"memory": 1}),
    "Adagrad": (adagrad, {"memory": 1}),
    "RMSProp": (rmsprop, {"memory": 1}),
    "Adam": (adam, {"memory": 2, "numbered": True}),
}
all_rates, table = np.geomspace(1e-4, 10, 60), {}
print("steps to a thousandth of the loss, best of 60 rates")
print(f"{'condition number':>18}       100                  1,000")
print(f"{'':>18}  along  turned        along  turned")
for name, (rule, settings) in rules.items():
    for kappa in (100, 1000):
        straight = np.diag([1.0, kappa])
        places = ((straight, (-4.0, 1.0)), (turn @ straight @ turn.T, turn @ (-4.0, 1.0)))
        table[name, kappa] = [
            np.nanmin(
                steps_needed(
                    rule,
                    hessian,
                    all_rates,
                    share=1e-3,
                    limit=1500,
                    first_point=point,
                    **settings,
                )
            )
            for hessian, point in places
        ]
    (a, b), (c, d) = table[name, 100], table[name, 1000]
    print(f"{name:>18}  {a:5.0f}  {b:6.0f}        {c:5.0f}  {d:6.0f}")
worse = [name for name in rules if table[name, 1000][1] > 1.3 * table[name, 1000][0]]
reveal(
    "optimizers.turned",
    f"slower in the turned ravine of condition number 1,000: {', '.join(worse) or 'none'}",
    0
    if not worse
    else 2
    if set(worse) == {"Adagrad", "RMSProp", "Adam"}
    else 3
    if len(worse) == 5
    else 1,
)

# %% [markdown]
r"""
Gradient descent and momentum walk the same path, turned. The others see each weight by itself, and in the turned ravine every weight has the same mixture of steep and shallow. (Adam loses less, because it has momentum too. RMSProp is slow even along the axes: its steps never get shorter, so it needs a schedule to settle.) **A step size for each weight helps where the trouble is one of scale between weights**: a layer with large gradients beside one with small ones, rare words beside common ones. It does not help where the valley runs across.

One more difference: decay *in the gradient* (an L2 penalty: add $\lambda w$ to $g$) against decay of the *weights* (AdamW). Two weights start at 1; their gradients are pure noise, large for one and small for the other. What is left of them after 1,000 steps?
"""

# %%
predict(
    "optimizers.decay",
    "Adam with lambda w added to the gradient: which weight is pulled to zero more strongly?",
    ["both alike", "the one with large gradients", "the one with small gradients"],
)

# %%
sizes_of_gradients, left_over = np.array([10.0, 0.01]), {"L2 in the gradient": [], "AdamW": []}
for seed in course_seeds(5):
    noise = (
        np.random.default_rng(seed).normal(size=(1000, 200, 2)) * sizes_of_gradients
    )  # 200 pairs of weights
    for name in left_over:
        w, m, s = np.ones((200, 2)), np.zeros((200, 2)), np.zeros((200, 2))
        for t, g in enumerate(noise, start=1):
            if name == "AdamW":
                adam(w, g, m, s, t, lr=0.001, decay=0.5)
            else:
                adam(w, g + 0.5 * w, m, s, t, lr=0.001)
        left_over[name].append(w.mean(axis=0))
for name, values in left_over.items():
    large, small = np.mean(values, axis=0)
    print(
        f"{name:>20}: left of the weight with large gradients {large:.2f}, with small gradients {small:.2f}"
    )
large, small = np.mean(left_over["L2 in the gradient"], axis=0)
reveal(
    "optimizers.decay",
    f"with L2 in the gradient {large:.2f} is left of the one, {small:.2f} of the other",
    2 if small < large - 0.1 else 1 if large < small - 0.1 else 0,
)

# %% [markdown]
r"""
In the gradient, the pull $\lambda w$ is divided by $\sqrt{s}$ like everything else: where gradients are large, little of it remains. AdamW shrinks all weights by the same share. That is the whole difference between `Adam(weight_decay=...)` and `AdamW(weight_decay=...)`, in our package and in PyTorch.

## 5. Where to start

Before the first step there are the first weights. Each neuron adds up `fan_in` numbers, each multiplied by a random weight. If the weights have mean 0 and variance $\sigma^2$ (sigma squared), the mean square of the sum is about `fan_in` $\cdot\, \sigma^2$ times that of the inputs. So after ten layers it has been multiplied by the tenth power of that number: the signal dies, or it explodes, unless the number is 1.

- For layers without a ReLU, or with tanh near zero: $\sigma^2 = 1 / \text{fan\_in}$. Backwards the same argument asks for $1 / \text{fan\_out}$, with the number of neurons in the layer. **Xavier** (Glorot and Bengio, 2010) takes the compromise $2 / (\text{fan\_in} + \text{fan\_out})$.
- A ReLU sets about half of the numbers to zero and so halves the mean square. **He** (He et al., 2015) makes up for it: $\sigma^2 = 2 / \text{fan\_in}$.
"""


# %% tags=["exercise"]
@exercise("stability.he_init")
def he_init(shape, *, rng):
    """First weights for a layer with ReLU: normal, mean 0, variance 2 / fan_in.

    shape : (fan_out, fan_in), as in the engine: one row a neuron.
    Draw with rng.normal(size=shape), then scale.
    """
    ### BEGIN SOLUTION
    fan_out, fan_in = shape
    return rng.normal(size=shape) * np.sqrt(2 / fan_in)
    ### END SOLUTION


# %%
def plain(deviation):
    """Normal weights of one fixed size, whatever the layer."""
    return lambda shape, *, rng: rng.normal(size=shape) * deviation


starts = {
    "deviation 0.01": plain(0.01),
    "Xavier": init.xavier_normal,
    "He": he_init,
    "deviation 0.3": plain(0.3),
}
predict(
    "optimizers.signal",
    "Twelve hidden ReLU layers of 64 neurons, weights with a deviation of 0.01. By which factor does the signal shrink or grow from the first hidden layer to the last?",
    [
        "hardly",
        "it shrinks about a thousandfold",
        "it shrinks more than a billionfold",
        "it grows",
    ],
)

# %%
depth = 12
signal, blame = {name: [] for name in starts}, {name: [] for name in starts}
for name, weights in starts.items():
    for seed in course_seeds(3):
        model = network(seed, hidden=(64,) * depth, weights=weights)
        h, sizes_forward = Tensor(x_val[:256]), []
        layers = [model[k] for k in range(len(model))]
        outputs = []
        for layer in layers:
            h = layer(h)
            if isinstance(layer, ReLU):
                h.retain_grad()
                outputs.append(h)
        cross_entropy(h, y_val[:256]).backward()
        signal[name].append([np.sqrt(np.mean(a.data.astype(float) ** 2)) for a in outputs])
        blame[name].append([np.sqrt(np.mean(a.grad.astype(float) ** 2)) for a in outputs])
figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 3.8))
for ax, measured, what in ((left, signal, "signal"), (right, blame, "gradient")):
    plot.lines(
        np.arange(1, depth + 1),
        {name: np.maximum(np.array(runs), 1e-30) for name, runs in measured.items()},
        log="y",
        xlabel="hidden layer",
        ylabel=f"root mean square of the {what}",
        title=f"The {what}, layer by layer",
        ax=ax,
    )
plot.show(figure)
change = {name: np.mean([run[-1] / run[0] for run in runs]) for name, runs in signal.items()}
for name, factor in change.items():
    print(
        f"{name:>14}: from the first to the last hidden layer the signal changes by a factor of {factor:.1e}"
    )
shrunk = change["deviation 0.01"]
reveal(
    "optimizers.signal",
    f"a factor of {shrunk:.0e}",
    0 if shrunk > 0.1 else 1 if shrunk > 1e-6 else 2,
)

# %% [markdown]
r"""
On the logarithmic axis every line is nearly straight: the same factor in every layer. Only He's keeps the signal (left, read from layer 1 to 12) *and* the gradient (right, read backwards from layer 12 to 1). Does that decide whether the network learns? Eight hidden layers, 100 steps of momentum, for each start the best of two rates. "Default" is what `Linear` draws when nobody asks, in our engine as in PyTorch: evenly between $\pm 1/\sqrt{\text{fan\_in}}$, a variance of $1 / (3\,\text{fan\_in})$.
"""

# %%
predict(
    "optimizers.start-matters",
    "Which of the starts will learn anything within 100 steps, eight layers deep?",
    ["all of them", "all but deviation 0.3", "Xavier and He", "He alone"],
)

# %%
after_start = {}
for name, weights in {"default of Linear": None, **starts}.items():
    runs = np.zeros((2, 2))  # rates, seeds
    for r, rate in enumerate((0.02, 0.05)):
        for s, seed in enumerate(course_seeds(2)):
            model = network(seed, hidden=(64,) * 8, weights=weights)
            learn(
                model,
                Optimizer(model.parameters(), momentum, rate, memory=("v",)),
                seed,
                steps=100,
            )
            runs[r, s] = loss_on(model)
    after_start[name] = runs[runs.mean(axis=1).argmin()]
plot.show(
    plot.bars(
        {name.replace(" ", "\n", 1): runs for name, runs in after_start.items()},
        xlabel="first weights",
        ylabel=f"validation loss (nats, cut at {WORST:.0f})",
        title="Eight hidden layers after 100 steps (log 10 = 2.30: nothing learned)",
    )
)
learned = [name for name, runs in after_start.items() if runs.mean() < 1.8]
reveal(
    "optimizers.start-matters",
    f"learned something: {', '.join(learned)}",
    {("Xavier", "He"): 2, ("He",): 3}.get(tuple(learned), 0 if len(learned) == 5 else 1),
)
claim("first-weights-decide").judge(
    after_start["He"].max() < 1.6
    and min(
        after_start[name].min()
        for name in ("deviation 0.01", "deviation 0.3", "default of Linear")
    )
    > 2,
    evidence="validation loss after 100 steps, eight hidden layers, best of two rates, 2 seeds: "
    + ", ".join(f"{name} {runs.mean():.2f}" for name, runs in after_start.items())
    + " (knowing nothing: 2.30)",
)

# %% [markdown]
r"""
Depth makes the difference: with one hidden layer the default learns well, as sections 2 and 8 show. (Normalisation in 06 and residual connections in 09 make deep networks less touchy.)

## 6. Schedules

Large steps to get there, small ones to settle. A **schedule** sets the learning rate for each step. A common one is half a **cosine** wave, from $\eta$ down to a floor $\eta_{low}$ at step $T$:

$$\eta(t) = \eta_{low} + \tfrac12\,(\eta - \eta_{low})\left(1 + \cos\frac{\pi t}{T}\right)$$

Here the steps $t$ count from 0.
"""


# %% tags=["exercise"]
@exercise("schedules.cosine")
def cosine(step, total, lr, low=0.0):
    """The learning rate of a step: half a cosine wave from lr down to low (at step total).

    step, total : whole numbers. After the end it stays at low. Returns a number.
    """
    ### BEGIN SOLUTION
    share = min(step / total, 1)
    return low + (lr - low) * (1 + np.cos(np.pi * share)) / 2
    ### END SOLUTION


# %%
STEPS = 200
schedules = {
    "constant": lambda optimizer: None,
    "staircase": lambda optimizer: StepLR(optimizer, STEPS // 3 + 1, gamma=0.2),
    "cosine": lambda optimizer: Schedule(
        optimizer, lambda t, peak=optimizer.lr: cosine(t, STEPS, peak)
    ),
    "one-cycle": lambda optimizer: OneCycleLR(optimizer, optimizer.lr, STEPS, pct_start=0.2),
}
shapes = {}
for name, make in schedules.items():
    optimizer = Optimizer([Tensor([0.0])], gradient_update, lr=1.0)
    schedule = make(optimizer)
    shapes[name] = np.array(
        [1.0 if schedule is None else schedule.rate(t) for t in range(STEPS)]
    )
plot.show(
    plot.lines(
        np.arange(STEPS),
        shapes,
        xlabel="step",
        ylabel="learning rate / its peak",
        markers=False,
        title="Four schedules",
    )
)
predict(
    "optimizers.schedules",
    "200 steps with Nesterov's momentum; each schedule with the better of two peak rates. A schedule that ends near zero beats the constant rate ...",
    ["not at all", "in some seeds", "in every seed"],
)

# %%
by_schedule, peaks = {}, (0.04, 0.12)
for name, make in schedules.items():
    runs = np.zeros((2, 3))  # peaks, seeds
    for r, peak in enumerate(peaks):
        for s, seed in enumerate(course_seeds(3)):
            model = network(seed)
            optimizer = Optimizer(
                model.parameters(), momentum, peak, memory=("v",), nesterov=True
            )
            learn(model, optimizer, seed, steps=STEPS, schedule=make(optimizer))
            runs[r, s] = loss_on(model)
    by_schedule[name] = runs[runs.mean(axis=1).argmin()]
    print(
        f"{name:>9}: "
        + ", ".join(
            f"{row.mean():.3f} nats from peak {p}" for p, row in zip(peaks, runs, strict=True)
        )
    )
plot.show(
    plot.bars(
        by_schedule,
        xlabel="schedule, at the better of two peak rates",
        ylabel="validation loss (nats)",
        title="What a schedule is worth (3 seeds, worst to best)",
    )
)
better = by_schedule["cosine"] < by_schedule["constant"]
reveal(
    "optimizers.schedules",
    f"cosine better than constant in {better.sum()} of 3 seeds: {by_schedule['cosine'].mean():.3f} against {by_schedule['constant'].mean():.3f} nats",
    2 if better.all() else 1 if better.any() else 0,
)

# %% [markdown]
r"""
A constant rate must be a compromise: large enough to get there, small enough not to tremble. Look at the printed rows. From the *small* peak the falling schedules come out behind: they spend half their steps at rates too small to get there. From the *large* peak they win: coming down is what makes it bearable. So a schedule is worth its gain only together with a larger peak. Which of the falling schedules it is matters less.

**Warm-up.** One-cycle begins *small*. Why? The first gradients are large and soon change, and Adam's first steps move every single weight by the full learning rate. A **warm-up** raises the rate evenly over the first steps. People say that it lets a network train at a larger rate. We try Adam, and momentum for comparison, at rates that double, with and without a warm-up of 20 steps, and with cosine behind it in both cases.
"""

# %%
predict(
    "optimizers.warm-up",
    "A warm-up of 20 steps (out of 150) lets us use a larger rate ...",
    [
        "with both methods",
        "with Adam, hardly with momentum",
        "with momentum, hardly with Adam",
        "with neither",
    ],
)

# %%
warm_rates = {"Adam": [0.00625, 0.0125, 0.025, 0.05], "momentum": [0.05, 0.1, 0.2]}
warm_losses = {}
for name, ladder in warm_rates.items():
    for warm in (0, 20):
        losses = np.zeros((3, len(ladder)))  # seeds, rates
        for s, seed in enumerate(course_seeds(3)):
            for r, rate in enumerate(ladder):
                model = network(seed, weights=he_init)
                rule, memory = (adam, ("m", "s", "t")) if name == "Adam" else (momentum, ("v",))
                optimizer = Optimizer(model.parameters(), rule, rate, memory=memory)
                schedule = CosineAnnealingLR(optimizer, 150 - warm)
                if warm:
                    schedule = LinearWarmup(optimizer, warm, after=schedule)
                learn(model, optimizer, seed, steps=150, schedule=schedule)
                losses[s, r] = loss_on(model)
        warm_losses[name, warm] = losses
figure, axes = plt.subplots(1, 2, figsize=(10.4, 3.6), sharey=True)
for ax, (name, ladder) in zip(axes, warm_rates.items(), strict=True):
    plot.rate_sweep(
        ladder,
        {"without warm-up": warm_losses[name, 0], "with warm-up": warm_losses[name, 20]},
        ylabel="validation loss (nats)",
        title=name,
        ax=ax,
    )
    ax.label_outer()
plot.show(figure)

# %%
gain_at = {
    name: warm_losses[name, 0][:, -1] - warm_losses[name, 20][:, -1] for name in warm_rates
}  # at the largest
reveal(
    "optimizers.warm-up",
    "at the largest of the rates the warm-up lowers the loss by "
    + ", ".join(
        f"{gain.mean():.2f} nats ({name}, rate {warm_rates[name][-1]})"
        for name, gain in gain_at.items()
    ),
    {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}[
        bool(gain_at["Adam"].mean() > 0.1), bool(gain_at["momentum"].mean() > 0.1)
    ],
)
best_without, best_with = (warm_losses["Adam", warm].mean(axis=0) for warm in (0, 20))
claim("warm-up-allows-larger-rates").judge(
    gain_at["Adam"].min() > 0.05 and gain_at["momentum"].mean() < 0.1,
    evidence=f"Adam at rate 0.05: {best_without[-1]:.2f} nats without, {best_with[-1]:.2f} with warm-up; at its best rate {best_without.min():.2f} "
    f"(rate {warm_rates['Adam'][best_without.argmin()]}) and {best_with.min():.2f} (rate {warm_rates['Adam'][best_with.argmin()]}). "
    f"Momentum at rate 0.2: {warm_losses['momentum', 0][:, -1].mean():.2f} without, "
    f"{warm_losses['momentum', 20][:, -1].mean():.2f} with (3 seeds)",
)

# %% [markdown]
r"""
With the warm-up Adam's curve stays low up to the largest rate; without it, it soon rises. At the *best* rate of each the gain is much smaller: the main use is that the rate need not be hit so exactly. Momentum shows no such gain. It has a warm-up of its own: its velocity starts at zero, so its first step is a tenth of what it would be after many steps along the same gradient.

## 7. Clipping

Sometimes a single batch gives a gradient that is far too long: a broken picture, a rare word, a recurrent network that explodes (notebook 10). One such step can throw the weights so far away that the run never recovers. **Clipping by the global norm** puts a ceiling on the length. Take the gradients of *all* parameters as one long vector; if its length $\|g\|$ exceeds `max_norm`, multiply all of them by one factor:

$$\|g\| = \sqrt{\textstyle\sum_i g_i^2}, \qquad g \leftarrow g \cdot \frac{\text{max\_norm}}{\|g\|} \quad\text{if } \|g\| > \text{max\_norm}$$

One factor for all, so that the direction stays.
"""


# %% tags=["exercise"]
@exercise("stability.clip_grad_norm")
def clip_grad_norm(params, max_norm):
    """Shorten the gradient of all parameters together to max_norm, if it is longer.

    params : a list of Tensors; each has an array in its .grad.
    Changes the gradients; returns the length that they had before, a number.
    """
    ### BEGIN SOLUTION
    norm = np.sqrt(sum((p.grad.astype(float) ** 2).sum() for p in params))
    if norm > max_norm:
        for p in params:
            p.grad *= max_norm / norm
    return float(norm)
    ### END SOLUTION


# %%
predict(
    "optimizers.clipping",
    "In one batch out of fifty somebody forgot to divide the pixels by 255. Momentum without clipping ends ...",
    ["about as well as on clean data", "a little worse", "ruined"],
)


# %%
class Feed:
    """The training pictures, batch by batch; every so many batches somebody forgot to scale them."""

    def __init__(self, broken_every=0):
        self.broken_every, self.count = broken_every, 0

    def __getitem__(self, rows):
        self.count += 1
        broken = self.broken_every and self.count % self.broken_every == 0
        return x_fit[rows] * np.float32(255 if broken else 1)


by_clipping = {"clean data": [], "broken batches": [], "broken batches,\nclipped": []}
example = []
for seed in course_seeds(3):
    for name, results in by_clipping.items():
        model = network(seed)
        optimizer = Optimizer(model.parameters(), momentum, 0.05, memory=("v",))
        clip, lengths_seen = "clipped" in name, []

        def watch(optimizer, clip=clip, lengths_seen=lengths_seen):
            lengths_seen.append(
                clip_grad_norm(optimizer.params, 1.0) if clip else grad_norm(optimizer.params)
            )

        learn(
            model,
            optimizer,
            seed,
            before_step=watch,
            pictures=Feed(50 if "broken" in name else 0),
            steps=170,
        )
        results.append(loss_on(model))
        if seed == course_seeds(1)[0]:
            example.append(lengths_seen)
plot.show(
    plot.bars(
        by_clipping,
        xlabel="data",
        ylabel=f"validation loss (nats, cut at {WORST:.0f})",
        title="Three broken batches out of 170 (3 seeds, worst to best)",
    )
)
clean, broken, clipped = (np.mean(runs) for runs in by_clipping.values())
reveal(
    "optimizers.clipping",
    f"validation loss {clean:.2f} on clean data, {broken:.2f} with broken batches, {clipped:.2f} with broken batches and clipping; "
    f"longest gradient {np.nanmax(example[2]):,.0f}, the usual one {np.median(example[2]):.1f}",
    2 if broken > clean + 0.5 else 1 if broken > clean + 0.05 else 0,
)

# %% [markdown]
r"""
Clipping does not repair the broken batch; it limits the damage of one step. The ceiling should lie near the usual length, so watch the lengths. (A gradient that is infinite or not a number cannot be clipped: the course's `clip_grad_norm` says so and stops; PyTorch's makes every gradient NaN unless you ask for an error.)

## 8. The race

Which optimiser is best? Such comparisons are easily unfair: the author's favourite gets tuned, the others run with their defaults. Here all are treated alike.

- The same networks (784-64-10), the same batches, 200 steps of 64 pictures, cosine down to zero, for everybody.
- **The same budget: six trials for each**, six learning rates at even distances on a logarithmic scale over two and a half decades around the usual ones; all other settings as they are shipped. One seed for the trials; the rate with the lowest *validation* loss wins.
- Then three *new* seeds at that rate. Only these count, and they are measured on the test set.

The rules are your own. As a simple rival from statistics, logistic regression may see as many pictures as the networks (12,800; its restraint `C` was tuned in notebook 03).
"""

# %%
predict(
    "optimizers.race",
    "With the same tuning budget, the lowest test loss goes to ...",
    [
        "Adam or AdamW, clearly",
        "momentum or Nesterov, or it is too close to call",
        "Adagrad or RMSProp",
        "plain SGD",
    ],
)

# %%
STEP = {"t": ("m", "s", "t"), "v": ("v",), "s": ("s",), "": ()}
entrants = {  # rule, memory, lowest of six rates, settings
    "SGD": (gradient_update, "", 1e-2, {}),
    "momentum": (momentum, "v", 1e-3, {}),
    "Nesterov": (momentum, "v", 1e-3, {"nesterov": True}),
    "Adagrad": (adagrad, "s", 1e-3, {}),
    "RMSProp": (rmsprop, "s", 1e-4, {}),
    "Adam": (adam, "t", 1e-4, {}),
    "AdamW": (adam, "t", 1e-4, {"decay": 0.01}),
}


def race(name, rate, seed):
    """One run: the network, and the loss of every step."""
    rule, memory, _, settings = entrants[name]
    model = network(seed)
    optimizer = Optimizer(model.parameters(), rule, rate, memory=STEP[memory], **settings)
    schedule = Schedule(optimizer, lambda t: cosine(t, STEPS, rate))
    return model, learn(model, optimizer, seed, steps=STEPS, schedule=schedule)


tuning_seed, *race_seeds = course_seeds(4)
chosen, trials = {}, {}
for name, (_, _, lowest_rate, _) in entrants.items():
    ladder = lowest_rate * 10 ** (np.arange(6) / 2)
    trials[name] = [loss_on(race(name, rate, tuning_seed)[0]) for rate in ladder]
    chosen[name] = ladder[int(np.argmin(trials[name]))]
    row = "  ".join(
        f"{rate:.4f}: {loss:.3f}" for rate, loss in zip(ladder, trials[name], strict=True)
    )
    print(f"{name:>9}  {row}  -> {chosen[name]:.4f}")
at_an_end = [name for name in trials if np.argmin(trials[name]) in (0, 5)]
print(
    f"chosen at an end of its ladder, which would be too short then: {', '.join(at_an_end) or 'none'}"
)

# %%
curves, test_loss, test_accuracy = {}, {}, {}
for name, rate in chosen.items():
    runs = [race(name, rate, seed) for seed in race_seeds]
    curves[name] = np.array(
        [losses.reshape(-1, 10).mean(axis=1) for _, losses in runs]
    )  # (3, 20)
    with no_grad():
        scores = [model(Tensor(x_test)) for model, _ in runs]
    test_loss[name] = np.array([cross_entropy(z, y_test).item() for z in scores])
    test_accuracy[name] = np.array([accuracy(z.data.argmax(axis=1), y_test) for z in scores])
classical = LogisticRegression(C=0.03, tol=1e-2, max_iter=100).fit(
    x_fit[:12_800], y_fit[:12_800]
)
classical_scores = Tensor(classical.decision_function(x_test))
classical_loss = cross_entropy(classical_scores, y_test).item()
classical_accuracy = accuracy(classical_scores.data.argmax(axis=1), y_test)

plot.show(
    plot.lines(
        np.arange(10, STEPS + 1, 10),
        {name: curves[name] for name in ("SGD", "Nesterov", "Adagrad", "RMSProp", "Adam")},
        log="y",
        xlabel="step",
        ylabel="training loss (nats, mean of 10 steps)",
        markers=False,
        title="The race: each at its best of six rates (3 seeds)",
    )
)
figure, ax = plt.subplots(figsize=(8.6, 3.8))
plot.bars(
    {**test_loss, "logistic\nregression": [classical_loss]},
    xlabel="optimiser, at its best of six rates",
    ylabel="test loss (nats)",
    title="After 200 steps (3 new seeds, worst to best)",
    ax=ax,
)
plot.show(figure)
print(f"{'':>20}  test loss (3 seeds)      test accuracy")
for name in entrants:
    loss, share = test_loss[name], test_accuracy[name]
    print(
        f"{name:>20}  {loss.mean():.3f} ({loss.min():.3f} to {loss.max():.3f})   {share.mean():.1%}"
    )
print(
    f"{'logistic regression':>20}  {classical_loss:.3f}                    {classical_accuracy:.1%}"
)

# %%
means = {name: loss.mean() for name, loss in test_loss.items()}
winner = min(means, key=means.get)
adaptive_best, momentum_best = (
    min(means["Adam"], means["AdamW"]),
    min(means["momentum"], means["Nesterov"]),
)
reveal(
    "optimizers.race",
    f"lowest: {winner} with {means[winner]:.3f}; best of Adam and AdamW {adaptive_best:.3f}, best of momentum and Nesterov {momentum_best:.3f}, plain SGD {means['SGD']:.3f}",
    0
    if adaptive_best < momentum_best - 0.02
    else {"Adagrad": 2, "RMSProp": 2, "SGD": 3}.get(winner, 1),
)

# %% [markdown]
r"""
And without any tuning? Take what the packages ship: a rate of 0.001, for SGD as for Adam.
"""

# %%
predict(
    "optimizers.defaults",
    "At the shipped rate of 0.001, after 200 steps: how do plain SGD and Adam compare?",
    ["about equal", "Adam ahead by far", "SGD ahead"],
)

# %%
shipped = {
    name: np.array([loss_on(race(name, 0.001, seed)[0], x_test, y_test) for seed in race_seeds])
    for name in ("SGD", "Adam")
}
ahead = shipped["SGD"] - shipped["Adam"]
reveal(
    "optimizers.defaults",
    ", ".join(f"{name} {runs.mean():.2f} nats" for name, runs in shipped.items()),
    0 if abs(ahead.mean()) < 0.1 else 1 if ahead.mean() > 0 else 2,
)
claim("adam-converges-faster").judge(
    ahead.min() > 0.5
    and means["SGD"] - means["Adam"] > 0.03
    and means["Nesterov"] < means["Adam"] + 0.02,
    evidence=f"test loss after 200 steps, 3 seeds. As shipped (rate 0.001): SGD {shipped['SGD'].mean():.2f}, Adam {shipped['Adam'].mean():.2f}. "
    f"Best of six rates each: SGD {means['SGD']:.3f}, Nesterov {means['Nesterov']:.3f}, Adam {means['Adam']:.3f}",
)

# %% [markdown]
r"""
So the answer depends on whom you compare. *Untuned*, Adam wins by far, and that is worth a lot: its steps are about as long as the learning rate whatever the scale of the loss, so one rate suits many problems. *Tuned*, what matters most on this problem is momentum, which Adam has built in; Nesterov's keeps up with it without step sizes of its own. The three without momentum (SGD, Adagrad, RMSProp) are, after so few steps, hardly better than logistic regression, or worse. AdamW does what Adam does: over 200 steps its decay takes next to nothing away.

Read it with care: one data set, one small network, 200 steps, six trials. With language models (notebook 14) Adam's lead over SGD is large and well documented (Zhang et al., 2020).

## 9. What stands in the way: local minima?

It is often said that training gets stuck in **local minima**: hollows from which every direction leads up, but which lie high above the deepest valley. But a place without slope need not be a minimum. Look at its curvatures, the eigenvalues of the Hessian: if all are positive it is a minimum; if some are negative it is a **saddle**, a mountain pass, and there is a way down. With many directions it would be a strange coincidence if *all* of them led up.

We can check that on a network so small that its whole Hessian can be computed: iris, 4 inputs, 4 tanh neurons, 3 classes, 35 weights, with a small L2 penalty (so that minima are not infinitely far away) and the whole table as one batch. First we watch gradient descent from very small weights.
"""

# %%
iris = datasets.load("iris")
X_iris = (iris.x_train - iris.x_train.mean(axis=0)) / iris.x_train.std(axis=0)  # (112, 4)
truth = np.eye(3)[iris.y_train]  # (112, 3)
SHAPES = [(4, 4), (1, 4), (4, 3), (1, 3)]
WEIGHTS = sum(a * b for a, b in SHAPES)
PENALTY = 0.01


def small_loss(points):
    """Loss and gradient at S points of the weight space at once: (S, 35) to (S,) and (S, 35)."""
    w, parts, start = Tensor(np.asarray(points, float), requires_grad=True), [], 0
    for a, b in SHAPES:
        parts.append(w[:, start : start + a * b].reshape(len(points), a, b))
        start += a * b
    hidden = (Tensor(X_iris) @ parts[0] + parts[1]).tanh()  # (S, 112, 4)
    log_p = (hidden @ parts[2] + parts[3]).log_softmax(axis=-1)  # (S, 112, 3)
    loss = -(log_p * truth).sum(axis=(1, 2)) / len(truth) + PENALTY / 2 * (w * w).sum(axis=1)
    loss.sum().backward()
    return loss.data, w.grad


def small_hessian(w, h=1e-5):
    """All second derivatives at w, by central differences of the gradient: (35, 35)."""
    moves = h * np.eye(WEIGHTS)
    _, grads = small_loss(np.concatenate([w + moves, w - moves]))
    hessian = (grads[:WEIGHTS] - grads[WEIGHTS:]) / (2 * h)
    return (hessian + hessian.T) / 2


predict(
    "optimizers.plateau",
    "From very small weights the loss stays flat for a while before it falls. Where it is flattest, the smallest eigenvalue of the Hessian is ...",
    ["positive: a hollow", "about zero: a plain", "clearly negative: a pass"],
)

# %%
w, at, record = 1e-4 * course_rng(1).normal(size=WEIGHTS), [], []
for step in range(401):
    loss, grad = small_loss(w[None])
    if step % 5 == 0:
        at.append(step)
        record.append(
            (loss[0], np.linalg.norm(grad), np.linalg.eigvalsh(small_hessian(w)).min())
        )
    w = w - 0.1 * grad[0]
record = np.array(record)  # (81, 3)
figure, axes = plt.subplots(1, 3, figsize=(10.4, 3.2))
for ax, values, name in zip(
    axes,
    record.T,
    ("loss (nats)", "length of the gradient", "smallest eigenvalue"),
    strict=True,
):
    plot.lines(at, {name: values}, xlabel="step", ylabel=name, markers=False, ax=ax)
axes[2].axhline(0, color="0.5", linewidth=0.8)
plot.show(figure)
flattest = int(np.argmin(record[:20, 1]))  # within the first 100 steps
reveal(
    "optimizers.plateau",
    f"flattest at step {at[flattest]}: gradient {record[flattest, 1]:.3f}, smallest eigenvalue {record[flattest, 2]:.2f}; "
    f"at the end of the run {record[-1, 2]:.4f}",
    2 if record[flattest, 2] < -0.05 else 0 if record[flattest, 2] > 0.05 else 1,
)

# %% [markdown]
r"""
A person watching the flat start of the loss might say "a local minimum". The eigenvalue says otherwise: it is a pass with a steep way down, which the walk finds slowly because it starts almost exactly on top.

Descent only shows us where descent goes. To meet *all* kinds of places without slope, we let Newton's method look for points where the gradient is zero, from many starts: it is attracted by minima, passes and summits alike. We sort what we find by its loss, and for each count the negative eigenvalues.
"""

# %%
predict(
    "optimizers.saddles",
    "Of the different places without slope that we find, the minima (no negative eigenvalue) will be ...",
    [
        "more than half, at all heights",
        "more than half, all near the lowest loss",
        "few, at all heights",
        "few, all near the lowest loss",
    ],
)


# %%
def find_flat(w, rounds=25):
    """Newton's method on the gradient, damped (Levenberg-Marquardt): a point where it is zero, or None."""
    damping, grad = 1e-2, small_loss(w[None])[1][0]
    for _ in range(rounds):
        if np.linalg.norm(grad) < 1e-9:
            break
        hessian = small_hessian(w)
        for _ in range(10):
            step = np.linalg.solve(
                hessian @ hessian + damping * np.eye(WEIGHTS), hessian @ grad
            )
            trial = small_loss((w - step)[None])[1][0]
            if trial @ trial < grad @ grad:
                w, grad, damping = w - step, trial, damping / 5
                break
            damping *= 4
    return w if np.linalg.norm(grad) < 1e-7 else None


rng, flat, starts_tried = course_rng(2), {}, 0
for scale in (0.2, 0.7, 1.2):
    for _ in range(3):
        w = scale * rng.normal(size=WEIGHTS)
        for further in (
            30,
            30,
            240,
            0,
        ):  # from the start, and from three places on the way down
            starts_tried += 1
            place = find_flat(w)
            if place is not None:
                eigenvalues = np.linalg.eigvalsh(small_hessian(place))
                loss = small_loss(place[None])[0][0]
                flat[round(float(loss), 5)] = int(
                    (eigenvalues < -1e-6).sum()
                )  # mirror images have the same loss
            for _ in range(further):
                w = w - 0.3 * small_loss(w[None])[1][0]
heights, negative = np.array(sorted(flat)), np.array([flat[loss] for loss in sorted(flat)])
minima = heights[negative == 0]
plot.show(
    plot.points(
        negative,
        heights,
        xlabel="negative eigenvalues (of 35)",
        ylabel="loss (nats)",
        title="Places without slope",
    )
)
print(
    f"{starts_tried} starts, {len(heights)} different places without slope; minima at {', '.join(f'{m:.4f}' for m in minima)} nats; "
    f"correlation of loss and number of negative eigenvalues {np.corrcoef(heights, negative)[0, 1]:.2f}"
)

# %%
high = negative[heights > 1.2 * heights.min()]
reveal(
    "optimizers.saddles",
    f"{len(minima)} of {len(heights)} are minima, the highest at {minima.max():.3f} nats; the lowest loss found is {heights.min():.3f}",
    (0 if len(minima) > len(heights) / 2 else 2) + int(minima.max() < 1.2 * heights.min()),
)
claim("local-minima-stop-training").judge(
    len(minima) < len(heights) / 2
    and minima.max() < 1.2 * heights.min()
    and len(high) > 0
    and (high > 0).all()
    and record[flattest, 2] < -0.05,
    evidence=f"of {len(heights)} different places without slope {len(minima)} had no negative eigenvalue, at most {minima.max():.3f} nats high (the lowest: {heights.min():.3f}); "
    f"of {len(high)} that lie more than a fifth above the lowest, {(high > 0).sum()} are saddles. Where training stalled, the smallest eigenvalue was {record[flattest, 2]:.2f}",
)

# %% [markdown]
r"""
High places are passes, and on the whole, the higher they are the more ways lead down; what minima there are lie close together at the bottom. (Dauphin et al., 2014, found the same in larger networks.) Keep the limits in mind: one small network, one table, only the places that Newton's method reached; and a layer of dead ReLUs is a plain from which nothing leads away. What held training up on this page was slow walking: passes, ravines, noise, and badly chosen rates.

## When it breaks

Six mistakes that people make, trained for 100 steps. Beside the loss we print three numbers that tell more than it does: the length of the gradient; the **update ratio**, by how much a step changes the first layer's weights, relative to their size (in healthy runs usually between one part in a thousand and a few parts in a hundred); and the share of hidden neurons that are **dead**: 0 for every picture.

- *zero_grad forgotten*: gradients add up for ever;
- *rate too large*, and *rate too small*;
- *network replaced*: the optimiser was made first, then somebody built the network anew;
- *first layer left out*: only the last layer's weights were handed to the optimiser;
- *pixels not scaled*: 0 to 255 instead of 0 to 1.
"""

# %%
predict(
    "optimizers.mistakes",
    "In how many of the six does the loss end below 2 nats (log 10 is 2.3), so that the run looks as if it learned?",
    ["none", "one or two", "three or four", "all six"],
)


# %%
def mishap(kind, seed, steps=100):
    """A short training with one mistake put in: loss at the end, length of the gradient, update ratio, share of dead neurons."""
    model = network(seed)
    rate = {"rate too large": 3.0, "rate too small": 1e-5}.get(kind, 0.05)
    handed_over = (
        model[2].parameters() if kind == "first layer left out" else model.parameters()
    )
    optimizer = Optimizer(handed_over, momentum, rate, memory=("v",))
    if kind == "zero_grad forgotten":
        optimizer.zero_grad = lambda: None
    if kind == "network replaced":
        model = network(seed)
    first, notes = model[0].weight.data, []

    def look(_):
        notes.append(
            (first.copy(), np.sqrt(sum(float((p.grad**2).sum()) for p in model.parameters())))
        )

    pixels = Feed(1 if kind == "pixels not scaled" else 0)
    losses = learn(model, optimizer, seed, steps=steps, before_step=look, pictures=pixels)
    moves = [
        np.linalg.norm(b - a) / max(np.linalg.norm(a), 1e-12)
        for (a, _), (b, _) in zip(notes, notes[1:], strict=False)
    ]
    with np.errstate(all="ignore"):
        ratio = np.median(moves) if moves else np.nan
        hidden = model[1](model[0](Tensor(pixels[np.arange(1000)])))
    dead = (hidden.data == 0).all(axis=0).mean()
    end = losses[-20:].mean() if np.isfinite(losses[-1]) else np.nan
    return end, notes[-1][1], ratio, dead


kinds = [
    "right",
    "zero_grad forgotten",
    "rate too large",
    "rate too small",
    "network replaced",
    "first layer left out",
    "pixels not scaled",
]
print(f"{'':>20}  loss at the end   gradient   update ratio   dead")
final = {}
for kind in kinds:
    final[kind], length, ratio, dead = mishap(kind, course_seeds(1)[0])
    told = f"{final[kind]:15.2f}" if np.isfinite(final[kind]) else f"{'not a number':>15}"
    print(f"{kind:>20}  {told}   {length:8.2g}   {ratio:12.1e}   {dead:4.0%}")
fooled = [kind for kind in kinds[1:] if final[kind] < 2]
reveal(
    "optimizers.mistakes",
    f"below 2 nats: {', '.join(fooled) or 'none of them'}",
    0 if not fooled else 1 if len(fooled) < 3 else 2 if len(fooled) < 5 else 3,
)

# %% [markdown]
r"""
How to tell them apart. *Rate too small*: the gradient is healthy, the update ratio tiny. *Network replaced*: there is a gradient, and the ratio is exactly 0, because the optimiser holds weights that nobody uses any more; so make the optimiser when the network is complete. *First layer left out* is the sly one: the last layer learns alone and the loss falls, and only the ratio of 0 gives it away. (In both cases the gradient is huge because `optimizer.zero_grad()` clears only the weights that it knows; the others add up.) *zero_grad forgotten*: each step follows the sum of all gradients since the beginning, a momentum that never forgets; it swings wider and wider, until most neurons are dead. *Rate too large* and *pixels not scaled*: the first steps are enormous and do the same at once; what remains is a loss near log 10 and a small gradient.

## Explain it back

**Q1.** Gradient descent jumps from wall to wall in a ravine and the loss grows slowly. What is the matter?

<details><summary>A. The rate is a little above 2 divided by the largest curvature.</summary>

**Right.** Along the steepest direction each step overshoots by more than it had to go. Along all others it would still converge.

</details>
<details><summary>B. The rate is too small to climb out of the ravine.</summary>

**No.** A small rate creeps along the valley, and its loss falls.

</details>
<details><summary>C. It has found a local minimum.</summary>

**No.** At a minimum the gradient is zero and nothing jumps.

</details>

**Q2.** Why does Adam need its bias correction?

<details><summary>A. Because gradients of batches are biased.</summary>

**No.** A batch's gradient is noisy, but right on average.

</details>
<details><summary>B. Because both means start at zero, the mean of squares stays too small for longer, and the first steps would be too long.</summary>

**Right.** With betas 0.9 and 0.999 the mean of squares needs about a thousand steps to fill up; dividing by its root makes the steps several times too long.

</details>
<details><summary>C. Because the biases of the network are trained at another rate than its weights.</summary>

**No.** Adam treats them alike. "Bias" means a systematic error here.

</details>

**Q3.** A paper shows its new optimiser beating SGD. Which question do you ask first?

<details><summary>A. How many trials did each of them get to choose its learning rate, on which data, and how many seeds are shown?</summary>

**Right.** Between a default rate and the best of six lies more than between any two sensible methods on this page.

</details>
<details><summary>B. Whether the new one has the lower loss on the training set.</summary>

**No.** It surely has; the question is whether the other side was treated alike.

</details>
<details><summary>C. Whether it uses momentum.</summary>

**No.** Good to know, but it does not tell you whether the comparison is fair.

</details>

**Q4.** You use Adam and want weight decay to act on all weights alike. What do you do?

<details><summary>A. Add the penalty's gradient to the gradient.</summary>

**No.** There it is divided by the root of the mean square: weights with large gradients hardly decay.

</details>
<details><summary>B. Use AdamW, which shrinks the weights themselves.</summary>

**Right.** Every weight loses the same share in each step.

</details>
<details><summary>C. Raise epsilon.</summary>

**No.** That changes the step of weights with tiny gradients and decays nothing.

</details>

**Q5.** (From notebook 04.) After `loss.backward()` was called twice, on two batches, without `zero_grad()` between, what is in `grad`?

<details><summary>A. The gradient of the second batch.</summary>

**No.** `backward` never overwrites.

</details>
<details><summary>B. The sum of both gradients.</summary>

**Right.** Gradients add up, which is right for a weight that is used twice, and useful for a large batch in two halves. Between steps it must be cleared.

</details>
<details><summary>C. Their mean.</summary>

**No.** Nothing divides by the number of calls.

</details>

**Q6.** (From notebook 02.) Ten classes, and the first loss is 2.3. After 100 steps it is still 2.3. What do the two numbers tell you?

<details><summary>A. The loss began as it should, at log 10; since then nothing was learned.</summary>

**Right.** So the forward pass is in order: look at the gradient and at the update ratio, as in the table above.

</details>
<details><summary>B. The loss function is broken.</summary>

**No.** log 10 is exactly what an undecided network should get.

</details>
<details><summary>C. The network has found the lowest loss there is.</summary>

**No.** It is what guessing costs.

</details>

## Go further

**A project.** Write **Lion** (Chen et al., 2023), an optimiser that was found by a computer search: $u = \beta_1 m + (1 - \beta_1) g$, then $w \leftarrow w - \eta\,(\text{sign}(u) + \lambda w)$, then $m \leftarrow \beta_2 m + (1 - \beta_2) g$, with betas 0.9 and 0.99. It plugs into `Optimizer(params, lion, lr, memory=("m",))`. Before you enter it in the race, decide on its six rates; then ask whether its rank survives a second tuning seed, a network with two hidden layers, and
1,000 steps. Second question: compute the largest eigenvalue of a network's Hessian during full-batch gradient descent (power iteration on differences of gradients) and see whether it climbs to 2 divided by the rate, as Cohen et al. (2021) report.

**Sources.**
B. Polyak (1964), *Some methods of speeding up the convergence of iteration methods*; Y. Nesterov (1983), *A method of solving a convex programming problem with convergence rate O(1/k²)*.
J. Duchi, E. Hazan and Y. Singer (2011), *Adaptive subgradient methods*; G. Hinton (2012), *Neural networks for machine learning*, lecture 6e (RMSProp).
D. Kingma and J. Ba (2015), *Adam*; I. Loshchilov and F. Hutter (2019), *Decoupled weight decay regularization*; (2017), *SGDR* (the cosine).
X. Glorot and Y. Bengio (2010), *Understanding the difficulty of training deep feedforward neural networks*; K. He et al. (2015), *Delving deep into rectifiers*.
L. Smith (2017), *Cyclical learning rates*; P. Goyal et al. (2017), *Accurate, large minibatch SGD* (warm-up); R. Pascanu et al. (2013), *On the difficulty of training recurrent neural networks* (clipping).
Y. Dauphin et al. (2014), *Identifying and attacking the saddle point problem*; J. Cohen et al. (2021), *Gradient descent on neural networks typically occurs at the edge of stability*; J. Zhang et al. (2020), *Why are adaptive methods good for attention models?*
"""
