# %% [markdown]
r"""
# PyTorch: the same engine, and how to find out what is wrong with a training

**The question.** You have built an engine that differentiates, layers, optimisers, a training loop. Millions of people use a library called PyTorch for the same purpose. What does it do that yours does not? And when a training goes wrong in it, without any error message, how do you find out why?

**After this notebook you will be able to**

- read and write PyTorch, because you know each part of it from your own engine;
- prove that both compute the same numbers, and say where the last digits come from when they differ;
- write the training loop and the evaluation loop by hand, interrupt a run and go on with it as if nothing had happened;
- say what a faster chip, a shorter number format and a compiler can gain, and what decides it;
- find the fault of a sick training run by a measurement: eight of them wait for you.

**Builds on** 04 Autograd (`Tensor`, modules), 05 Optimizers (Adam), 06 Generalization (dropout, validation). **Time** about 90 minutes, half of them in the clinic (section 8), which can wait for another day; your computer needs less than a minute.
"""

# %%
import copy
import signal
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from coursekit import datasets, plot, train
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.clinic import DIAGNOSES
from coursekit.clinic.runs import LETTERS, admit, code_of, control
from coursekit.device import describe, pick_device, recorded
from coursekit.metrics import accuracy, mean_and_spread
from coursekit.predict import predict, reveal
from coursekit.scratch import nn as our_nn
from coursekit.scratch import optim as our_optim
from coursekit.scratch.autograd import Tensor
from coursekit.settings import course_rng, course_seed, course_seeds
from coursekit.train.pytorch import TorchStep

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
## 1. From our Tensor to torch.Tensor

PyTorch's basic object is the tensor: an array that can remember how it was computed. That is what you built in notebook 04, and it is no accident that the names are alike: ours were taken from there. This table is nearly all you need to translate:

| you want | our engine (04 to 07) | PyTorch |
|---|---|---|
| a tensor from an array | `Tensor(array)` | `torch.tensor(array)`, `torch.from_numpy(array)` |
| one that collects a gradient | `Tensor(array, requires_grad=True)` | `torch.tensor(array, requires_grad=True)` |
| back to an array | `t.detach().numpy()` | `t.detach().numpy()` |
| one number out of it | `t.item()` | `t.item()` |
| sum along an axis | `t.sum(axis=0)` | `t.sum(dim=0)` (`axis=` is understood too) |
| matrix product, transpose | `a @ b.T` | `a @ b.T` |
| gradients | `L.backward()`, then `w.grad`, an array | `L.backward()`, then `w.grad`, a tensor |
| nothing recorded, in a `with` block | `no_grad()` | `torch.no_grad()` |
| a dense layer | `nn.Linear(784, 128, rng=rng)` | `nn.Linear(784, 128)` |
| loss of a classifier | `nn.cross_entropy(scores, labels)` | `F.cross_entropy(scores, labels)` |
| an optimiser | `optim.SGD(model.parameters(), lr=0.1)` | `torch.optim.SGD(model.parameters(), lr=0.1)` |
| chance | `rng=` in each call | one generator for all: `torch.manual_seed(seed)` |

(`F` is the usual short name for `torch.nn.functional`, the layers that have no weights.) Line by line, the same computation in both, with the same numbers:
"""

# %%
rng = course_rng(1)
X, W, labels = rng.normal(size=(4, 3)), rng.normal(size=(2, 3)), np.array([0, 1, 1, 0])
x, w = Tensor(X, requires_grad=True), Tensor(W, requires_grad=True)
t, v = torch.tensor(X, requires_grad=True), torch.tensor(W, requires_grad=True)

lines = [  # what one writes, and what it gives in both
    ("x * 2 + 1", x * 2 + 1, t * 2 + 1),
    ("x.exp()", x.exp(), t.exp()),
    ("x.sum(axis=0)", x.sum(axis=0), t.sum(dim=0)),
    ("x.reshape(2, 6)", x.reshape(2, 6), t.reshape(2, 6)),
    ("x @ w.T", x @ w.T, t @ v.T),
    (
        "cross-entropy",
        our_nn.cross_entropy((x @ w.T).tanh(), labels),
        F.cross_entropy((t @ v.T).tanh(), torch.from_numpy(labels)),
    ),
]
for error in lines[-1][1:]:
    error.backward()
lines += [("x.grad", Tensor(x.grad), t.grad), ("w.grad", Tensor(w.grad), v.grad)]
for text, ours, theirs in lines:
    difference = np.abs(ours.detach().numpy() - theirs.detach().numpy()).max()
    print(f"{text:>16}   shape {tuple(theirs.shape)!s:7}  largest difference {difference:.0e}")

# %% [markdown]
r"""
Where the difference is not 0, it is a rounding error in the last digit. Three things are different enough to trip over.

**Number formats are not mixed.** NumPy makes `float64` where nothing else is said, PyTorch's layers have `float32`. NumPy would convert in silence; PyTorch refuses (section 9 shows the message). Labels must be whole numbers, `int64`.

**Chance has one source.** Our layers want `rng=` in each call. `nn.Linear(784, 128)` draws its weights from one hidden generator that everything shares; `torch.manual_seed(seed)` sets it. Draw one number more somewhere, and everything after it changes.

**Memory may be shared.** Before you read on:
"""

# %%
predict(
    "pytorch.shared-memory",
    "a is an array, s = torch.from_numpy(a) and c = torch.tensor(a). Then a[0] = 100. Which tensor has changed?",
    ["neither", "only s, from from_numpy", "only c, from torch.tensor", "both"],
)

# %%
a = np.arange(3.0)
s, c = torch.from_numpy(a), torch.tensor(a)
a[0] = 100
changed = (s[0].item() == 100, c[0].item() == 100)
reveal(
    "pytorch.shared-memory",
    f"s = {s.tolist()}, c = {c.tolist()}",
    {(False, False): 0, (True, False): 1, (False, True): 2, (True, True): 3}[changed],
)

# %% [markdown]
r"""
`from_numpy` costs nothing, since no number moves; it looks at the same memory. `torch.tensor` copies.

## 2. The proof: one hundred losses

Do both compute the same? Not "something similar": the network of notebook 04, 784-128-10, in our engine and in PyTorch. The same first weights, the same batches, the same learning rate, one hundred steps, and we compare all hundred losses. A gradient that is slightly wrong in one place would lead the two apart, more with each step.

Giving weights from one to the other takes one line, because the names in `state_dict()` are the same. We do it twice: in `float64`, with about 16 decimal digits, and in `float32`, with about 7, which is what networks are trained in.
"""

# %%
predict(
    "pytorch.parity",
    "One hundred steps from the same weights, in float32. The largest difference between two losses of the same step is about ...",
    ["exactly 0", "one in a million", "one in a thousand", "one in ten"],
)


# %%
def losses_of_both(kind, seed, steps=100, batch=32):
    """The losses of our engine and of PyTorch, from the same weights on the same batches: (steps, 2)."""
    rng = np.random.default_rng(seed)
    ours = our_nn.Sequential(
        our_nn.Linear(784, 128, rng=rng, dtype=kind),
        our_nn.ReLU(),
        our_nn.Linear(128, 10, rng=rng, dtype=kind),
    )
    theirs = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    state = {name: torch.from_numpy(array) for name, array in ours.state_dict().items()}
    theirs.to(state["0.weight"].dtype).load_state_dict(state)
    our_optimizer = our_optim.SGD(ours.parameters(), lr=0.1)
    their_optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    losses = []
    for _ in range(steps):
        rows = rng.integers(0, len(y_fit), batch)
        x, labels = x_fit[rows].astype(kind), y_fit[rows]
        our_loss = our_nn.cross_entropy(ours(x), labels)
        their_loss = F.cross_entropy(theirs(torch.from_numpy(x)), torch.from_numpy(labels))
        for sgd, error in ((our_optimizer, our_loss), (their_optimizer, their_loss)):
            sgd.zero_grad()
            error.backward()
            sgd.step()
        losses.append((our_loss.item(), their_loss.item()))
    return np.array(losses)


both = {
    kind: np.array([losses_of_both(kind, seed) for seed in course_seeds(3)])
    for kind in (np.float64, np.float32)
}  # (3, 100, 2) each

figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 3.8))
steps = np.arange(1, 101)
plot.lines(
    steps,
    {
        "our engine": both[np.float32][0, :, 0],
        "PyTorch": both[np.float32][0, :, 1],
    },
    xlabel="step",
    ylabel="loss (nats)",
    markers=False,
    title="float32: two curves, one line",
    ax=left,
)
gaps = {kind: np.abs(runs[..., 0] - runs[..., 1]) for kind, runs in both.items()}  # (3, 100)
so_far = {kind: np.maximum.accumulate(gap, axis=1) for kind, gap in gaps.items()}
plot.lines(
    steps[9:],  # in the first few steps it can be exactly 0, which a log axis cannot show
    {kind.__name__: so_far[kind][:, 9:] for kind in (np.float32, np.float64)},
    xlabel="step",
    ylabel="largest difference so far (nats)",
    log="y",
    markers=False,
    title="What is left between them, three seeds",
    ax=right,
)
plot.show(figure)
largest = {kind: gap.max() for kind, gap in gaps.items()}
for kind, runs in both.items():
    print(
        f"{kind.__name__}: loss from {runs[:, 0, 0].mean():.3f} to {runs[:, -10:, 0].mean():.3f}, largest difference {largest[kind]:.1e}"
    )

# %%
reveal(
    "pytorch.parity",
    f"largest difference in 3 x 100 steps: {largest[np.float32]:.1e} in float32, {largest[np.float64]:.1e} in float64",
    0
    if largest[np.float32] == 0
    else 1
    if largest[np.float32] < 5e-5
    else 2
    if largest[np.float32] < 1e-2
    else 3,
)
claim("frameworks-compute-the-same").judge(
    largest[np.float64] < 1e-10
    and largest[np.float32] < 1e-3
    and all(runs[:, -10:].mean() < 0.6 * runs[:, 0].mean() for runs in both.values()),
    evidence=f"100 losses, 3 seeds, from the same weights: our engine and PyTorch differ by at most {largest[np.float64]:.1e} in float64 and {largest[np.float32]:.1e} in float32",
)

# %% [markdown]
r"""
On the left the two curves lie on each other. On the right is what remains (the largest difference up to each step): the last digit of the format. It is not a mistake of either side. A sum of 784 products depends, in its last digit, on the order in which they are added, and the two libraries add in different orders. In `float64` the last digit is a billion times smaller, and so is the difference. *That* is how one tells rounding from a bug: a bug does not shrink with the format.

So nothing that you learned about gradients, optimisers and layers has to be learned again. What PyTorch adds is speed on other chips, hundreds of layers, and tools around them.

## 3. Module

A network of your own is a class with two methods, as in notebook 04: `__init__` makes the layers, `forward` says how they hang together. One line is new. `super().__init__()` must come first: PyTorch keeps a *register* of layers and weights, and the register has to be there before the first layer is hung into it. (Our `Module` looks at its attributes when it is asked, so it needs no register.)
"""


# %%
class MLP(nn.Module):
    """One hidden layer with dropout: pictures (N, 784) to scores (N, 10)."""

    def __init__(self, hidden=128, p=0.2):
        super().__init__()
        self.hidden = nn.Linear(784, hidden)
        self.dropout = nn.Dropout(p)
        self.out = nn.Linear(hidden, 10)

    def forward(self, x):  # (N, 784)
        return self.out(self.dropout(F.relu(self.hidden(x))))  # (N, 10)


torch.manual_seed(course_seed(0))
model = MLP()
print(model)
for name, weight in model.state_dict().items():
    print(f"{name:>14}  {tuple(weight.shape)!s:11} {weight.dtype}")
print(f"{sum(p.numel() for p in model.parameters()):,} numbers to learn")

# %% [markdown]
r"""
A module knows whether it is being trained: `model.train()` and `model.eval()` switch all layers in it. Dropout (notebook 06) drops in training and does nothing in eval mode; batch normalisation uses the batch in training and what it remembers in eval mode. **Nobody switches for you.** What happens if you forget?
"""

# %%
predict(
    "pytorch.eval-mode",
    "A model with dropout is left in training mode, and the same pictures are classified twice. How many of the scores are the same both times?",
    ["all", "most", "none, or nearly none"],
)

# %%
pictures = torch.from_numpy(x_val[:500])
shares = []
for mode in (True, False):
    model.train(mode)
    shares.append((model(pictures) == model(pictures)).float().mean().item())
reveal(
    "pytorch.eval-mode",
    f"the same both times: {shares[0]:.0%} of the scores in training mode, {shares[1]:.0%} in eval mode",
    0 if shares[0] == 1 else 1 if shares[0] > 0.5 else 2,
)

# %% [markdown]
r"""
## 4. Dataset and DataLoader

Your pictures may not fit into memory, or lie in ten thousand files. So PyTorch asks for little: a **Dataset** has a length and gives the example number $i$. What happens on the way, such as opening a file or making numbers of bytes, is its own matter. A **DataLoader** does the rest: it deals the numbers (shuffled, if you say so), fetches the examples one by one, and stacks them into batches.
"""


# %%
class Clothes(Dataset):
    """Pictures as they are stored, bytes; each becomes 784 numbers from 0 to 1 when it is asked for."""

    def __init__(self, pictures, labels):
        self.pictures, self.labels = pictures, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        picture = self.pictures[i].astype(np.float32).ravel() / 255  # (784,)
        return torch.from_numpy(picture), self.labels[i]


clothes = Clothes(fashion.x_train[:6000], fashion.y_train[:6000])
one, label = clothes[0]
print(
    f"an example: {tuple(one.shape)} {one.dtype}, label {label} ({fashion.class_names[label]})"
)
loader = DataLoader(clothes, batch_size=64, shuffle=True)
x, y = next(iter(loader))
print(
    f"a batch:    {tuple(x.shape)} {x.dtype}, {tuple(y.shape)} {y.dtype}; {len(loader)} batches an epoch"
)

# %% [markdown]
r"""
Fetching one by one is flexible. What does it cost? Where all data fit into memory there are shorter ways: a `TensorDataset`, whose examples are rows of tensors that are ready; or no loader at all, a shuffled list of row numbers and one index operation for each batch. We count pictures in a second, beside what a training step of the small network above can use up.
"""

# %%
predict(
    "pytorch.loader",
    "How many pictures a second does plain indexing deliver, compared with a DataLoader that fetches one by one?",
    ["about as many", "about twice as many", "more than three times as many"],
)


# %% tags=["volatile"]
def per_second(work, n=6000, repeats=3):
    """Pictures in a second, in the fastest of some repeats: the one that other programs disturbed least."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return n / min(seconds)


x_ready, y_ready = torch.from_numpy(x_fit[:6000]), torch.from_numpy(y_fit[:6000])


def sliced():
    for rows in torch.randperm(6000).split(64):
        x_ready[rows], y_ready[rows]


def trained():
    model.train()
    for x, y in zip(x_ready.split(64), y_ready.split(64), strict=True):
        F.cross_entropy(model(x), y).backward()


ways = {
    "Dataset of our own": lambda: list(loader),
    "TensorDataset": lambda: list(
        DataLoader(TensorDataset(x_ready, y_ready), 64, shuffle=True)
    ),
    "indexing": sliced,
    "(a training step)": trained,
}
speeds = {name: per_second(work) for name, work in ways.items()}
for name, speed in speeds.items():
    print(f"{name:>20}: {speed:12,.0f} pictures/s")
ratio = speeds["indexing"] / speeds["Dataset of our own"]
reveal(
    "pytorch.loader",
    f"indexing delivers {ratio:.1f} times as many",
    0 if ratio < 1.4 else 1 if ratio < 3 else 2,
)

# %% [markdown]
r"""
Compare with the last line: if a loader delivers fewer pictures than the step can use up, the step waits, and no faster chip will help. A `DataLoader` can fetch in several processes at once (`num_workers=4`), which pays where an example is expensive, such as a JPEG file. For pictures that are in memory, index. The course's `datasets.batches` does.

## 5. The loop, written out once

Now everything is there. A training step is four calls, and you know all of them.
"""


# %% tags=["exercise"]
@exercise("pytorch.training_step")
def training_step(model, loss_function, optimizer, x, y):
    """Take one step on the batch (x, y).

    loss_function(scores, y) gives the mean loss of the batch, as a tensor.
    Returns that loss, from before the step, as a plain number.
    """
    ### BEGIN SOLUTION
    optimizer.zero_grad()
    loss = loss_function(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %% [markdown]
r"""
Before you train for an hour: **can the network learn one batch by heart?** Take a single batch, and train on it alone. Its loss must go to nearly 0. If it does not, something is broken, and more data and more time will not mend it. It takes a second, and it is the first thing to do with any new training code.
"""


# %% tags=["exercise"]
@exercise("overfit.one_batch")
def overfit_one_batch(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    """Train on this one batch until its loss is below a bound.

    Returns the number of the first step, from 1, whose loss (as your training_step
    returns it) is below; None if there is none among the first `steps`.
    """
    ### BEGIN SOLUTION
    for step in range(1, steps + 1):
        if training_step(model, loss_function, optimizer, x, y) < below:
            return step
    return None
    ### END SOLUTION


# %% [markdown]
r"""
And a loop to measure with. Think of the mode, of the last batch, which may be smaller than the others, and that nothing needs to be recorded while you only look.
"""


# %% tags=["exercise"]
@exercise("evaluation.accuracy")
def evaluate(model, loader):
    """The share of examples that a classifier gets right, as a number from 0 to 1.

    loader gives batches (x, y); model(x) are scores (N, K). Evaluates in eval mode,
    records no graph, and leaves the model in training mode.
    """
    ### BEGIN SOLUTION
    model.eval()
    right, total = 0, 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(dim=1) == y).sum().item()
            total += len(y)
    model.train()
    return right / total
    ### END SOLUTION


# %% [markdown]
r"""
The whole program, then: data, network, optimiser, loop; and a schedule that lowers the rate to zero (notebook 05). 6,000 pictures to learn from. Beside it a classical baseline, **logistic regression**, which is the same thing without the hidden layer. Both sides may try three settings on the validation pictures: the network its learning rate (Adam), logistic regression the strength of its penalty (scikit-learn's `C`: the larger, the weaker). The test set is opened once, for the setting chosen.
"""

# %%
predict(
    "pytorch.baseline",
    "6,000 pictures of clothes. On the test set, the network with a hidden layer is ...",
    [
        "behind logistic regression",
        "up to three points ahead of it",
        "more than three points ahead",
    ],
)

# %%
SMALL = 6_000
x_some, y_some = torch.from_numpy(x_fit[:SMALL]), torch.from_numpy(y_fit[:SMALL])
validation = DataLoader(
    TensorDataset(torch.from_numpy(x_val), torch.from_numpy(y_val)), batch_size=500
)
test = DataLoader(TensorDataset(torch.tensor(x_test), torch.tensor(y_test)), batch_size=500)


def trained_network(lr, seed, epochs=8):
    """The whole program."""
    torch.manual_seed(seed)
    model = MLP()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    total = epochs * len(torch.arange(SMALL).split(128))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=total)
    for _ in range(epochs):
        for rows in torch.randperm(SMALL).split(128):
            training_step(model, F.cross_entropy, optimizer, x_some[rows], y_some[rows])
            schedule.step()
    return model


torch.manual_seed(course_seed(0))
model = MLP()
found = overfit_one_batch(
    model,
    F.cross_entropy,
    torch.optim.Adam(model.parameters(), lr=1e-3),
    x_some[:64],
    y_some[:64],
)
print(f"one batch of 64, learned by heart after {found} steps\n")

rates = (1e-3, 3e-3, 1e-2)
tried = {lr: trained_network(lr, course_seed(0)) for lr in rates}
lr = max(rates, key=lambda lr: evaluate(tried[lr], validation))
others = [trained_network(lr, course_seed(k)) for k in (1, 2)]
networks = [evaluate(network, test) for network in (tried[lr], *others)]
print(
    f"network:             learning rate {lr:g}, test accuracy {mean_and_spread(networks, percent=True)}"
)

# %%
by_penalty = {}
for C in (0.03, 0.1, 0.3):
    classical = LogisticRegression(C=C, max_iter=500, tol=1e-3)
    classical.fit(x_some.numpy(), y_some.numpy())
    by_penalty[C] = (accuracy(classical.predict(x_val), y_val), classical)
C = max(by_penalty, key=lambda C: by_penalty[C][0])
baseline = accuracy(by_penalty[C][1].predict(x_test), y_test)
print(f"logistic regression: C = {C:g}, test accuracy {baseline:.1%}")
ahead = 100 * (np.mean(networks) - baseline)
reveal(
    "pytorch.baseline",
    f"the network is {ahead:+.1f} points ahead",
    0 if ahead < 0 else 1 if ahead <= 3 else 2,
)

# %% [markdown]
r"""
On so few pictures a hidden layer is worth little. (A network that is made for pictures gains more: the next notebook.)

## 6. fit, and a run that is cut off

From here on `coursekit.train.fit` runs the loop, the same `fit` that ran our NumPy networks. For PyTorch it is given a `TorchStep`: your four calls, and what one adds sooner or later (moving the batch to the chip, clipping, a schedule, an average of the weights). Nothing in it is hidden: `TorchStep??` shows it.

A long run will be cut off: a battery, a queue that ends after four hours, somebody presses stop. So one writes down, from time to time, what is needed to go on: a **checkpoint**. What is needed? The weights, that is clear. Suppose you save the weights, and nothing else. You build the network again, load them, make an optimiser, and train on.
"""

# %%
predict(
    "pytorch.resume",
    "Adam, halfway through a run. One copy goes on with only its weights, one with everything. Compared with the run that was never cut off, the copy with only the weights ...",
    [
        "has exactly the same losses",
        "is another run, which ends about as well",
        "ends clearly worse",
    ],
)


# %%
def one_epoch(model, optimizer):
    """The losses of an epoch on 5,000 pictures."""
    return [
        training_step(model, F.cross_entropy, optimizer, x_some[rows], y_some[rows])
        for rows in torch.randperm(5000).split(64)
    ]


CARRIED = {
    "everything": ("optimizer", "chance"),
    "weights and chance": ("chance",),
    "weights only": (),
}


def cut_and_go_on(seed, lr=3e-3):
    """Two epochs, a cut, and the third epoch's losses: of the run that was not cut, and of those that go on."""
    torch.manual_seed(seed)
    model = MLP()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(2):
        one_epoch(model, optimizer)
    saved = copy.deepcopy({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    saved["chance"] = torch.get_rng_state()  # for the order of the data and for dropout
    losses = {"not cut": one_epoch(model, optimizer)}
    for name, kept in CARRIED.items():
        model = MLP()
        model.load_state_dict(saved["model"])
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        torch.manual_seed(seed + 500)  # another day
        if "optimizer" in kept:
            optimizer.load_state_dict(copy.deepcopy(saved["optimizer"]))
        if "chance" in kept:
            torch.set_rng_state(saved["chance"])
        losses[name] = one_epoch(model, optimizer)
    return losses


runs = [cut_and_go_on(seed) for seed in course_seeds(3)]
after = {
    name: np.array([run[name] for run in runs]) for name in ("not cut", *CARRIED)
}  # (3, steps)
whole = after["not cut"]


def smooth(values, width=15):
    """Running mean along the last axis."""
    return np.apply_along_axis(np.convolve, -1, values, np.ones(width) / width, mode="valid")


plot.show(
    plot.lines(
        np.arange(8, len(whole[0]) - 6),
        {name: smooth(after[name]).mean(axis=0) for name in CARRIED},
        xlabel="step after the cut",
        ylabel="loss (nats; mean of 15 steps, 3 seeds)",
        markers=False,
        title="Going on with Adam",
    )
)
lost = np.abs(after["weights and chance"] - whole).max(axis=1)  # (3,)
early = (after["weights and chance"] - whole)[:, :20].mean(axis=1)
late = (after["weights and chance"] - whole)[:, -30:].mean(axis=1)
print(
    f"everything carried over, largest difference to the run that was not cut: {np.abs(after['everything'] - whole).max():g}"
)
reveal(
    "pytorch.resume",
    f"without Adam's means the first 20 losses are {early.mean():+.3f} nats off, the last 30 {late.mean():+.3f}; the largest difference of a single step is {lost.max():.2f}",
    0 if lost.max() == 0 else 1 if late.mean() < 0.05 else 2,
)

# %% [markdown]
r"""
Adam's two running means are part of the state: without them the next steps have the wrong length (notebook 05, bias correction), which can cost a little for a while. So is the schedule, which must know the number of the step. So is chance: without it, the same pictures come in another order, with other units dropped. The run is then as good as any, but it is another run, and what you debug today will not be there tomorrow.

`fit(..., checkpoint=PATH)` keeps all of it: weights, optimiser, schedule, generators, the place in the data. The file is in the safetensors format, numbers and text only; PyTorch's own `torch.save` writes pickle files, which may run any program when they are opened, so never load one from somebody you do not trust. Let us press stop in the middle of an epoch, and go on in a new network that knows nothing.
"""

# %%
EPOCHS = 3


def new_run(kind=TorchStep):
    """A step with its network, and its batches, as if Python had just been started."""
    torch.manual_seed(course_seed(1))
    model = MLP()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batches = DataLoader(
        TensorDataset(x_some, y_some),
        batch_size=128,
        shuffle=True,
        generator=torch.Generator().manual_seed(course_seed(2)),
    )
    total = EPOCHS * len(batches)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=total)
    return kind(model, F.cross_entropy, optimizer, schedule=schedule), batches


class Stopped(TorchStep):
    """A step in which, after a while, somebody presses the stop button."""

    left = 100

    def __call__(self, x, y):
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
        return super().__call__(x, y)


step, batches = new_run()
never_cut = train.fit(step, batches, epochs=EPOCHS, progress=False)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "run.safetensors"
    cut, batches = new_run(Stopped)
    first = train.fit(cut, batches, epochs=EPOCHS, checkpoint=path, progress=False)
    size = path.stat().st_size

    torch.manual_seed(course_seed(9))  # another Python, another day
    other, batches = new_run()
    second = train.fit(
        other, batches, epochs=EPOCHS, checkpoint=path, resume=True, progress=False
    )
same_losses = second.loss == never_cut.loss
same_weights = all(
    torch.equal(p, q)
    for p, q in zip(
        step.model.state_dict().values(), other.model.state_dict().values(), strict=True
    )
)
print(first)
print(second)
weights = sum(p.numel() for p in step.model.parameters())
print(
    f"the checkpoint: {size / 1e6:.1f} MB for {4 * weights / 1e6:.1f} MB of weights, 4 bytes each"
)
print(
    f"all {len(second.loss)} losses equal, to the last bit: {same_losses}; all weights: {same_weights}"
)

# %%
claim("weights-are-enough-to-go-on").judge(
    same_losses
    and same_weights
    and np.array_equal(after["everything"], whole)
    and bool((lost > 1e-3).all())
    and abs(late.mean()) < 0.05,
    evidence=f"with everything kept, a run that was stopped and resumed has bit-equal losses and weights; with only the weights and the order of the data, single losses differ by up to {lost.max():.2f} nats, the first 20 by {early.mean():+.3f}, the last 30 by {late.mean():+.3f} (3 seeds)",
)

# %% [markdown]
r"""
Why is the checkpoint so much larger than the weights? Adam keeps two more numbers for each of them.

## 7. Chips, number formats, compilers

**Device.** A tensor lives on a **device**: the processor (`"cpu"`) or an accelerator such as a GPU (`"cuda"` for NVIDIA's, `"mps"` for Apple's). `model.to(device)` moves the weights, `x.to(device)` a batch; both must be at the same place. `TorchStep(..., device=pick_device())` does it. What is here?
"""

# %% tags=["volatile"]
print(describe(pick_device()))

# %% [markdown]
r"""
Everything in this course runs on the processor. "A GPU is 50 times faster" is what people say. Is there *one* number? We can find out half of it without a GPU. A step costs time in two ways: for each *operation*, however small, Python has to say what to do, and the chip has to be told; and for each *number* there is arithmetic. A faster chip makes the second part shorter, not the first. So we measure how the time for a picture depends on the size of the batch and of the network.
"""

# %%
predict(
    "pytorch.batch-size",
    "A training step of a network with 128 hidden units. With 512 pictures in a batch instead of one, the time for each picture becomes ...",
    ["about the same", "about 5 times shorter", "more than 15 times shorter"],
)


# %% tags=["volatile"]
def seconds_per_picture(width, batch, repeats=8):
    """The fastest of some training steps of a network with two hidden layers, divided by the batch size."""
    model = nn.Sequential(
        nn.Linear(784, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.from_numpy(x_fit[:batch]), torch.from_numpy(y_fit[:batch])
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        training_step(model, F.cross_entropy, optimizer, x, y)
        taken.append(time.perf_counter() - start)
    return min(taken) / batch


torch.manual_seed(course_seed(0))
widths, sizes = (32, 128, 512), (1, 4, 16, 64, 256, 512)
times = {width: np.array([seconds_per_picture(width, n) for n in sizes]) for width in widths}
plot.show(
    plot.lines(
        sizes,
        {f"{width} hidden units": 1e6 * row for width, row in times.items()},
        log="xy",
        xlabel="pictures in the batch",
        ylabel="microseconds for a picture",
        title="The processor: what a picture costs in training",
    )
)
gain = times[128][0] / times[128][-1]
reveal(
    "pytorch.batch-size",
    f"{1e6 * times[128][0]:.0f} microseconds alone, {1e6 * times[128][-1]:.1f} in a batch of 512: {gain:.0f} times shorter",
    0 if gain < 2 else 1 if gain < 15 else 2,
)

# %% tags=["gpu"]
factors = []  # processor's seconds over the GPU's, for each size
if pick_device() == "cuda":

    def on_gpu(width, batch, repeats=30):
        """Seconds for a picture on the GPU; it works while Python goes on, so wait for it before looking at the clock."""
        model = nn.Sequential(
            *(nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()),
            nn.Linear(width, 10),
        ).to("cuda")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        x, y = torch.rand(batch, 784, device="cuda"), torch.randint(10, (batch,), device="cuda")
        for repeat in range(repeats + 5):
            if repeat == 5:  # the first steps set things up
                torch.cuda.synchronize()
                start = time.perf_counter()
            training_step(model, F.cross_entropy, optimizer, x, y)
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / repeats / batch

    for width in widths:
        found = times[width] / np.array([on_gpu(width, n) for n in sizes])
        factors += found.tolist()
        print(
            f"{width:>5} hidden units: "
            + ", ".join(f"batch {n}: {k:.1f} times" for n, k in zip(sizes, found, strict=True))
        )
else:
    print(recorded("throughput"))

# %% tags=["volatile"]
spread = [row[0] / row[-1] for row in times.values()]
by_width = [times[512][k] / times[32][k] for k in (0, -1)]
on_device = (
    f"a GPU was {min(factors):.1f} to {max(factors):.1f} times as fast, by batch and network"
    if factors
    else "no GPU was here to be measured"
)
claim("gpu-is-k-times-faster").judge(
    min(spread) > 4
    and by_width[1] > 1.5 * by_width[0]
    and (not factors or max(factors) > 2 * min(factors)),
    evidence=f"{on_device}; on the processor the time for a picture falls by a factor of {min(spread):.0f} to {max(spread):.0f} from a batch of 1 to one of 512, "
    f"and 16 times as many hidden units cost {by_width[0]:.1f} times as much in the small batch, {by_width[1]:.1f} times in the large one: "
    "most of a small step is not arithmetic, which is all that a faster chip makes faster",
)

# %% [markdown]
r"""
The lines fall steeply at first: a step with four pictures takes hardly longer than one with a single picture, because most of it is *not* arithmetic. Later they flatten: now the arithmetic decides, and a wide network pays for its width. **A GPU helps on the flat part.** On the steep part its many thousand arithmetic units wait for Python, and since an order to a GPU takes longer than one to the processor, it may even be slower. So there is no factor $k$; there is a curve. (Without a GPU this page has measured only the half of it that shows on the processor.) If a recorded run is shown above, read it beside this picture.

**Shorter numbers.** A `float32` has 32 bits: one for the sign, 8 for the exponent (the range), 23 for the digits. **bfloat16** keeps the range and has only 7 bits for the digits. Half the memory, and chips with special units multiply it many times as fast. What do we lose?
"""

# %%
predict(
    "pytorch.bf16-digits",
    "In bfloat16, what is 256 + 1?",
    ["257", "256", "258", "an error"],
)

# %%
total = (torch.tensor(256.0, dtype=torch.bfloat16) + 1).item()
reveal(
    "pytorch.bf16-digits",
    f"256 + 1 = {total:g}; 1 / 3 = {torch.tensor(1 / 3).bfloat16().item():.6f}; and the range: 1e38 becomes {torch.tensor(1e38).bfloat16().item():.1e} (in float16: {torch.tensor(1e38).half().item()})",
    {257.0: 0, 256.0: 1, 258.0: 2}[total],
)

# %% [markdown]
r"""
Two to three decimal digits. A learning rate times a gradient is often less than a thousandth of the weight: added in bfloat16, it would vanish. So one *mixes*: the weights and the optimiser stay in `float32`, the large matrix products are done in bfloat16. In PyTorch this is a `with` block around the forward pass, `torch.autocast`. Does it pay on a processor? That depends on whether the chip has units for it. Yours:
"""

# %%
predict(
    "pytorch.bf16-cpu",
    "On *your* processor, a step in mixed precision compared with float32 is ...",
    ["faster", "about as fast (within a fifth)", "slower"],
)

# %% tags=["volatile"]
torch.manual_seed(course_seed(0))
start_model = nn.Sequential(
    nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
)
x_batch, y_batch = torch.from_numpy(x_fit[:256]), torch.from_numpy(y_fit[:256])
seconds, curves = {}, {}


def in_format(network, mixed):
    """The network's forward pass in bfloat16, if `mixed`; its scores in float32 again."""

    def forward(x):
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            return network(x).float()

    return forward


for name, mixed in (("float32", False), ("mixed", True)):
    network = copy.deepcopy(start_model)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    taken, curves[name] = [], []
    for _ in range(20):
        start = time.perf_counter()
        curves[name].append(
            training_step(
                in_format(network, mixed), F.cross_entropy, optimizer, x_batch, y_batch
            )
        )
        taken.append(time.perf_counter() - start)
    seconds[name] = min(taken)
    print(
        f"{name:>8}: {1e3 * seconds[name]:.1f} ms a step, loss after 20 steps {curves[name][-1]:.4f}"
    )
ratio = seconds["mixed"] / seconds["float32"]
reveal(
    "pytorch.bf16-cpu",
    f"a step in mixed precision takes {ratio:.2f} times as long; the losses of the 20 steps differ by at most {np.abs(np.subtract(*curves.values())).max():.4f}",
    0 if ratio < 0.8 else 1 if ratio < 1.25 else 2,
)

# %% [markdown]
r"""
A chip without units for bfloat16 has to imitate it and is *slower*, often several times, so `TorchStep(mixed_precision=True)` uses it on GPUs that have them and nowhere else. The losses hardly notice: noise in the gradients is nothing new to a network (notebook 05).

**A compiler.** `torch.compile(model)` looks at all operations of a network, joins neighbours into one, and makes a program for the chip. That removes much of the time that is not arithmetic. The price comes first: the first step takes many seconds, and again for each new shape of the input. For the short runs of this course it does not pay back; on a GPU, in a run of hours, it does. The next cell compares the three on a GPU, if there is one.
"""

# %% tags=["gpu"]
if pick_device() == "cuda":
    big = nn.Sequential(
        nn.Linear(784, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 10)
    )
    x_gpu, y_gpu = (
        torch.rand(2048, 784, device="cuda"),
        torch.randint(10, (2048,), device="cuda"),
    )
    for name, mixed, compiled in (
        ("float32", False, False),
        ("bfloat16", True, False),
        ("bfloat16, compiled", True, True),
    ):
        network = copy.deepcopy(big).to("cuda")
        step = TorchStep(
            torch.compile(network) if compiled else network,
            F.cross_entropy,
            torch.optim.SGD(network.parameters(), lr=0.01),
            mixed_precision=mixed,
        )
        start = time.perf_counter()
        step(x_gpu, y_gpu)
        torch.cuda.synchronize()
        first_step, start = time.perf_counter() - start, time.perf_counter()
        for _ in range(30):
            step(x_gpu, y_gpu)
        torch.cuda.synchronize()
        print(
            f"{name:>20}: first step {first_step:.1f} s, then {1e3 * (time.perf_counter() - start) / 30:.2f} ms a step"
        )
else:
    print(
        "No GPU here, so nothing was measured. What a recorded run says about throughput stands above."
    )

# %% [markdown]
r"""
## 8. The debugging clinic

A wrong formula raises no error. The program runs, the loss does something, and the result is bad, or only a little bad. Reading the code again rarely helps, since whoever wrote the fault reads over it. What helps is to treat the run like a patient: look at the symptom, think of what *could* cause it, and then **measure** something that only one of the causes would produce.

Eight runs have been brought in, A to H. All train the same network (784-64-10, ReLU, dropout) by plain gradient descent on 2,000 pictures, and each has exactly one of these faults:
"""

# %%
meanings = {
    "dead ReLU": "hidden units are below zero for every picture, and get no gradient",
    "eval mode forgotten": "dropout goes on dropping while the run evaluates itself",
    "label off by one": "the labels to learn from are shifted by one class",
    "missing zero_grad": "the gradients of all earlier steps are added to the new ones",
    "rate too large": "the learning rate is beyond what the loss bears",
    "softmax twice": "the network ends in a softmax, and the loss applies another one",
    "unshuffled data": "the batches come in the order of the classes",
    "wrong dim": "the softmax runs over the batch (dim=0) instead of over the classes (dim=1)",
}
for name in DIAGNOSES:
    print(f"{name:>20}: {meanings[name]}")

# %% [markdown]
r"""
You see how each run went, beside a healthy one. And you have **instruments**. They take and give arrays, they work on copies, so nothing can be broken, and they can be used on every run:

| instrument | gives |
|---|---|
| `run.loss`, `run.accuracy` | the loss of every step; the validation accuracy after each epoch, as the run measured it |
| `run.pictures`, `run.labels` | 1,000 validation pictures (N, 784) and their true classes (N,) |
| `run.batches(count)` | a list of batches (x, labels), as the run's loader deals them |
| `run.output(x)` | what the network hands to the loss (N, 10), dropout off |
| `run.hidden(x)` | the hidden units after the ReLU (N, 64) |
| `run.evaluate(x)` | the scores as the run computes them when it evaluates itself (N, 10) |
| `run.loss_of(x, labels)` | the loss of a batch as the run computes it, dropout off |
| `run.gradients(x, labels, times=2)` | the gradient that the optimiser is given when the same batch comes twice and no weight moves; a list of long rows |
| `run.train_on(x, labels, steps=5)` | the loss of this one batch before, and after each of some steps on it, by the run's own step |
| `run.fresh()` | the same run before its first step; all instruments work on it too |

`admit("A", seed=course_seed(0))` hands you run A, `control(seed=course_seed(0))` the healthy one. A doctor must know first how health looks:
"""

# %%
well = control(seed=course_seed(0))
x, labels = well.batches(1)[0]
once, twice = well.gradients(x, labels, times=2)
print(f"labels of a batch of {len(labels)}:    {labels[:16]} ...")
print(f"output for one picture:    {well.output(x[:1])[0].round(1)}")
print(f"hidden units for it:       {well.hidden(x[:1])[0, :10].round(1)} ...")
print(f"loss before the first step: {well.fresh().loss_of(x, labels):.2f}")
print(f"five steps on one batch:    {well.fresh().train_on(x, labels, steps=5).round(2)}")
print(
    f"gradient, the batch given once and again: length {np.linalg.norm(once):.2f} and {np.linalg.norm(twice):.2f}"
)

# %% [markdown]
r"""
Your answer is a function of a run. It returns **the diagnosis**, one of the names above, and **a number that you measured** in the run. In form it looks like this:

```python
def case_x(run):
    return "wrong dim", run.accuracy[-1]
```

But as evidence that is nothing: several faults make the accuracy low. The number must set the case apart: larger in runs with this fault than in all others, or smaller. The check uses your function on two other runs of the same fault, on the seven other patients, and on a healthy run. Nobody minds how often you try: play with the instruments in cells of your own first. (The code of the runs is in `coursekit/clinic/programs.py`. Reading it now would be like reading the last page of a detective story.)
"""


# %%
def chart(letter):
    """How a run went, beside the healthy one."""
    run, healthy = admit(letter, seed=course_seed(0)), control(seed=course_seed(0))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 3.3), width_ratios=(3, 2))
    curves = {f"run {letter}": smooth(run.loss, 7), "healthy": smooth(healthy.loss, 7)}
    plot.lines(
        np.arange(4, len(run.loss) - 2),
        curves,
        log="y",
        xlabel="step",
        ylabel="training loss (nats)",
        markers=False,
        title=f"Run {letter}: loss, mean of 7 steps",
        ax=left,
    )
    epochs = np.arange(1, len(run.accuracy) + 1)
    plot.lines(
        epochs,
        {f"run {letter}": run.accuracy, "healthy": healthy.accuracy},
        xlabel="epoch",
        ylabel="validation accuracy (0 to 1)",
        title="Accuracy, as the run measured it",
        ax=right,
    )
    right.set(ylim=(-0.03, 1), xticks=epochs)
    plot.show(figure)
    print(
        f"run {letter}: first loss {run.loss[0]:.2f}, last 30 steps {run.loss[-30:].mean():.2f} (healthy {healthy.loss[-30:].mean():.2f}), accuracy {run.accuracy[-1]:.1%} (healthy {healthy.accuracy[-1]:.1%})"
    )


chart("A")

# %% [markdown]
r"""
**Run A.** "It learns, but it creeps. I have let it run for ten times as long, and the loss will not go below 1.46, although most pictures are right."
"""


# %% tags=["exercise"]
@exercise("clinic.case_a")
def case_a(run):
    """The diagnosis of run A, from the list, and a number that proves it: (text, number)."""
    ### BEGIN SOLUTION
    sums = run.output(run.pictures).sum(axis=1)
    return "softmax twice", np.abs(sums - 1).max()
    ### END SOLUTION


# %%
chart("B")

# %% [markdown]
r"""
**Run B.** "Flat. Nothing. I have tried three learning rates."
"""


# %% tags=["exercise"]
@exercise("clinic.case_b")
def case_b(run):
    """The diagnosis of run B, from the list, and a number that proves it: (text, number)."""
    ### BEGIN SOLUTION
    silent = (run.fresh().hidden(run.pictures) == 0).all(axis=0)  # (64,)
    return "dead ReLU", silent.mean()
    ### END SOLUTION


# %%
chart("C")

# %% [markdown]
r"""
**Run C.** "The loss goes up and down like a saw, and every time it comes down I think: now! But on other pictures it is hardly better than guessing. Overfitting, isn't it?"
"""


# %% tags=["exercise"]
@exercise("clinic.case_c")
def case_c(run):
    """The diagnosis of run C, from the list, and a number that proves it: (text, number)."""
    ### BEGIN SOLUTION
    classes = [len(np.unique(labels)) for _, labels in run.batches(20)]
    return "unshuffled data", np.mean(classes)
    ### END SOLUTION


# %%
chart("D")

# %% [markdown]
r"""
**Run D.** "It began so well! And the learning rate is that of the healthy run, I have checked it twice."
"""


# %% tags=["exercise"]
@exercise("clinic.case_d")
def case_d(run):
    """The diagnosis of run D, from the list, and a number that proves it: (text, number)."""
    ### BEGIN SOLUTION
    x, labels = run.batches(1)[0]
    first, second = run.gradients(x, labels, times=2)
    return "missing zero_grad", np.linalg.norm(second) / np.linalg.norm(first)
    ### END SOLUTION


# %%
chart("E")

# %% [markdown]
r"""
**Run E.** "The loss is that of the healthy run, and yet after most epochs I measure a few points less. I would not have come, but my colleague has the same code."
"""


# %% tags=["exercise"]
@exercise("clinic.case_e")
def case_e(run):
    """The diagnosis of run E, from the list, and a number that proves it: (text, number)."""
    ### BEGIN SOLUTION
    twice = run.evaluate(run.pictures) - run.evaluate(run.pictures)
    return "eval mode forgotten", np.abs(twice).mean()
    ### END SOLUTION


# %%
chart("F")

# %% [markdown]
r"""
**Run F.** "The loss falls as it should. But guessing would be better than this network!"
"""


# %% tags=["exercise"]
@exercise("clinic.case_f")
def case_f(run):
    """The diagnosis of run F, from the list, and a number that proves it: (text, number)."""
    ### BEGIN SOLUTION
    predicted = run.output(run.pictures).argmax(axis=1)
    return "label off by one", np.mean(predicted == (run.labels + 1) % 10)
    ### END SOLUTION


# %%
chart("G")

# %% [markdown]
r"""
**Run G.** "The accuracy is not so bad. But is the loss not rather high for it? It was high before the first step."
"""


# %% tags=["exercise"]
@exercise("clinic.case_g")
def case_g(run):
    """The diagnosis of run G, from the list, and a number that proves it: (text, number)."""
    ### BEGIN SOLUTION
    return "wrong dim", run.fresh().loss_of(run.pictures[:1], run.labels[:1])
    ### END SOLUTION


# %%
chart("H")

# %% [markdown]
r"""
**Run H.** "Flat, like run B. It must be the same thing: I have looked at its hidden units, and nearly all are dead."
"""


# %% tags=["exercise"]
@exercise("clinic.case_h")
def case_h(run):
    """The diagnosis of run H, from the list, and a number that proves it: (text, number)."""
    ### BEGIN SOLUTION
    x, labels = run.batches(1)[0]
    losses = run.fresh().train_on(x, labels, steps=5)
    return "rate too large", losses.max() - losses[0]
    ### END SOLUTION


# %% [markdown]
r"""
Eight tests. How good are they as tests? We use each of them on all nine runs. Half-way between what it measures in its own patient and what it measures in the healthy run (both of another seed) we draw a line; on the patient's side of it the test calls a run sick.
"""

# %%
predict(
    "clinic.false-alarms",
    "Eight tests on nine runs: 8 right alarms are due. How many false ones will there be?",
    ["none", "1 to 6", "more than 6"],
)

# %%
tests = dict(
    zip(
        LETTERS,
        (case_a, case_b, case_c, case_d, case_e, case_f, case_g, case_h),
        strict=True,
    )
)
names = [*LETTERS, "healthy"]
now = [*(admit(k, seed=course_seed(0)) for k in LETTERS), control(seed=course_seed(0))]
alarms = np.zeros((8, 9))
for row, (letter, measure) in enumerate(tests.items()):
    own = measure(admit(letter, seed=course_seed(1), epochs=1))[1]
    well = measure(control(seed=course_seed(1), epochs=1))[1]
    for column, run in enumerate(now):
        alarms[row, column] = abs(measure(run)[1] - own) < abs(measure(run)[1] - well)
plot.show(
    plot.matrix(
        alarms,
        rows=[f"{k}: {measure(now[r])[0]}" for r, (k, measure) in enumerate(tests.items())],
        columns=names,
        xlabel="run",
        ylabel="test",
        form=".0f",
        title="Which test calls which run sick (1)",
    )
)
right_alarms = int(np.trace(alarms))
false_alarms = int(alarms.sum()) - right_alarms
reveal(
    "clinic.false-alarms",
    f"{right_alarms} of 8 right alarms, {false_alarms} false ones among {alarms.size - 8} that could be",
    0 if false_alarms == 0 else 1 if false_alarms <= 6 else 2,
)

# %% [markdown]
r"""
A false alarm is instructive, too: two faults can leave traces that are alike, and then a second measurement has to decide.

<details><summary>Why may the course's own test for A call B or H sick?</summary>

It asks how far the rows of the output are from adding up to 1. A network that no longer looks at the picture puts out small numbers, whose sum is not far from 1 either. Whether they *are* probabilities, a second look decides: none may be below 0.

</details>

Now the code. What each run does differently, beside the healthy method:
"""

# %%
for letter in LETTERS:
    print(f"---- run {letter} " + "-" * 60)
    print(code_of(letter))

# %% [markdown]
r"""
Hardly any of them takes more than a line. And none raises an error. (Run A said that its loss stays above 1.46. That is as low as two softmaxes in a row can get with ten classes: probabilities of 1 and nine times 0, taken as scores, give $-\log\,(e / (e + 9))$.) `from coursekit.clinic import programs`, and `programs??` shows all of them in one file, beside the healthy program.

People say: if the training loss falls, the network learns. Run F is for them.
"""

# %%
three = [(admit("F", seed), control(seed)) for seed in course_seeds(3)]
ends = np.array([[run.loss[-30:].mean() for run in pair] for pair in three])  # (3, 2)
scores = np.array([[run.accuracy[-1] for run in pair] for pair in three])
claim("falling-loss-means-learning").judge(
    bool((ends[:, 0] < 1.15 * ends[:, 1]).all() and (scores[:, 0] < 0.1).all()),
    evidence=f"mean loss of the last 30 steps: run F {mean_and_spread(ends[:, 0])}, the healthy run {mean_and_spread(ends[:, 1])}; validation accuracy: run F {mean_and_spread(scores[:, 0], percent=True)}, the healthy run {mean_and_spread(scores[:, 1], percent=True)}",
)

# %% [markdown]
r"""
## 9. When it breaks

The clinic's faults are silent. These are not: PyTorch stops, and the art is to read what it says.
"""

# %%
model = MLP()
x, y = x_some[:8], y_some[:8]
array = x_fit[:8].astype(float)


def a_graph_twice():
    error = F.cross_entropy(model(x), y)
    error.backward()
    error.backward()


mishaps = {
    "float64 into a float32 network": lambda: model(torch.from_numpy(array)),
    "a picture of the wrong shape": lambda: model(x.reshape(8, 28, 28)),
    "labels as 32-bit numbers": lambda: F.cross_entropy(model(x), y.int()),
    "a label that is no class": lambda: F.cross_entropy(model(x), y + 10),
    "an array from a tensor with a graph": lambda: model(x).numpy(),
    "backward twice": a_graph_twice,
    "weights of another network": lambda: MLP(hidden=64).load_state_dict(model.state_dict()),
}
for what, try_it in mishaps.items():
    try:
        try_it()
    except (RuntimeError, IndexError, TypeError) as error:
        message = " ".join(str(error).split())
        print(
            f"{what}:\n    {type(error).__name__}: {message[:150]}{' ...' if len(message) > 150 else ''}"
        )

# %% [markdown]
r"""
*How to read it:* look for two sizes, two formats or two devices in the message, and ask which of the two you meant. `.float()` and `.long()` change the format, `.reshape` and `.flatten(1)` the shape, `.to(device)` the place, `.detach()` cuts off the graph.

**Layers in a list.** One silent mistake belongs to PyTorch alone. Here are the two layers of our network, once in a Python list and once in an `nn.ModuleList`.
"""

# %%
predict(
    "pytorch.layers-in-a-list",
    "How many numbers does `parameters()` hand to the optimiser, where the layers are in a plain list?",
    ["all of them", "those of the first layer", "none"],
)


# %%
class Forgetful(nn.Module):
    """Two layers in a plain list."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(784, 128), nn.Linear(128, 10)]


class Remembering(nn.Module):
    """The same two in a ModuleList."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(784, 128), nn.Linear(128, 10)])


counts = [sum(p.numel() for p in kind().parameters()) for kind in (Forgetful, Remembering)]
reveal(
    "pytorch.layers-in-a-list",
    f"{counts[0]:,} numbers to learn in a list, {counts[1]:,} in a ModuleList",
    2 if counts[0] == 0 else 0 if counts[0] == counts[1] else 1,
)

# %% [markdown]
r"""
The register does not look into Python lists. The optimiser is given nothing, so nothing is learned, and `state_dict()` saves nothing. *How to see it:* count the parameters, always.

**What would the one-batch test have caught?** It is quick, so people do it first. Would it have been enough in the clinic?
"""

# %%
predict(
    "clinic.one-batch",
    "Each of the eight sick runs trains on one of its batches alone, by its own step, 200 times. In how many does the loss of the batch still *not* come below 0.1?",
    ["in none or one", "in about half of them", "in seven or all"],
)

# %%
caught = {}
for letter, run in zip(LETTERS, now, strict=False):
    losses = run.fresh().train_on(*run.batches(1)[0], steps=200)
    caught[letter] = not (losses < 0.1).any()
    print(
        f"run {letter} ({tests[letter](run)[0]}): lowest loss {losses.min():.3f}, last {losses[-1]:.3f}: {'caught' if caught[letter] else 'passes'}"
    )
reveal(
    "clinic.one-batch",
    f"{sum(caught.values())} of 8 are caught: {', '.join(k for k, v in caught.items() if v)}",
    0 if sum(caught.values()) <= 1 else 1 if sum(caught.values()) <= 6 else 2,
)

# %% [markdown]
r"""
It finds what keeps a network from learning *anything*. It cannot find what is wrong with the data as a whole (their order), with the meaning of the labels, or with the way of measuring. For those: look at a batch as pictures with the names of their labels, print a table of predictions against labels, and evaluate twice.

## Explain it back

**Q1.** Two libraries compute the same losses up to 1e-7 in float32. How can you tell that this is rounding and not a small bug?

<details><summary>A. 1e-7 is so small that it cannot be a bug.</summary>

**No.** A wrong gradient may begin with a small difference. Its size alone says nothing.

</details>
<details><summary>B. Repeat it in float64: rounding shrinks by a factor of about a billion, a bug does not.</summary>

**Right.** And train for many steps: what is wrong grows from step to step.

</details>
<details><summary>C. Repeat it with another seed.</summary>

**No.** A bug would be there again, and so would the rounding.

</details>

**Q2.** You resume a run and have saved the weights only. What is lost with plain gradient descent, without momentum, and with Adam?

<details><summary>A. Nothing in either: the weights are all that was learned.</summary>

**No.** Adam's means are needed for its next step, and the order of the data and the step of the schedule are lost in both.

</details>
<details><summary>B. With both, the place in the data and chance; with Adam its two running means as well.</summary>

**Right.** Plain gradient descent remembers nothing from step to step, so its optimiser needs no saving.

</details>
<details><summary>C. With both, the gradients of the last step.</summary>

**No.** They are computed afresh in each step.

</details>

**Q3.** Runs B and H both end flat, with silent hidden units. Which measurement tells them apart?

<details><summary>A. The accuracy at the end.</summary>

**No.** It is that of guessing in both.

</details>
<details><summary>B. The share of silent units at the end.</summary>

**No.** It is high in both: in H it is what the huge steps left behind.

</details>
<details><summary>C. The hidden units before the first step.</summary>

**Right.** In B they were never alive. A cause comes before its effect, so look early.

</details>

**Q4.** A small network trains on a GPU no faster than on the processor. The most likely reason?

<details><summary>A. The GPU is broken.</summary>

**No.** Try a larger batch or network first.

</details>
<details><summary>B. Its steps are so small that giving the orders takes longer than the arithmetic.</summary>

**Right.** The steep part of the picture in section 7. A larger batch, or a compiler that joins operations, helps.

</details>
<details><summary>C. The learning rate must be higher on a GPU.</summary>

**No.** The same numbers are computed, only elsewhere.

</details>

**Q5.** (From notebook 06.) Run E trained with dropout and forgot eval mode. What would batch normalisation have done in its place?

<details><summary>A. Nothing, it has no eval mode.</summary>

**No.** It uses the batch's mean and variance in training, and the running ones in eval mode.

</details>
<details><summary>B. The answer for a picture would depend on the other pictures of the batch, and the validation pictures would change the running means.</summary>

**Right.** Classify one picture alone and it may even fail. Evaluating twice, in other batches, shows it.

</details>
<details><summary>C. It would have dropped units.</summary>

**No.** That is what dropout does.

</details>

**Q6.** (From notebook 04.) Why does `backward()` add to `.grad`, so that one has to call `zero_grad`?

<details><summary>A. It is a mistake that was kept for old programs.</summary>

**No.** Something needs the adding.

</details>
<details><summary>B. Because a tensor that is used twice gets a gradient from each use, and they add up; and so can those of several batches.</summary>

**Right.** The diamond of notebook 04. Adding over batches on purpose makes a large batch out of small ones that fit into memory.

</details>
<details><summary>C. To average the gradients over the epoch.</summary>

**No.** Nothing is averaged: run D shows what the sum does.

</details>

## Go further

**A project.** Make a ninth patient. Take `Healthy` from `coursekit/clinic/programs.py`, change one line, and give the run to somebody else with a chart. Good candidates: the validation pictures are scaled differently from the training pictures; the same seed before each batch, so that dropout always drops the same units; the labels of only *one* class are wrong; the loss is summed instead of averaged. Which instrument finds it? If none does, build one, and check that it is silent on the other nine.

**Sources.**
A. Paszke and others (2019), *PyTorch: an imperative style, high-performance deep learning library*.
J. Ansel and others (2024), *PyTorch 2: faster machine learning through dynamic Python bytecode transformation and graph compilation*: torch.compile.
P. Micikevicius and others (2018), *Mixed precision training*.
D. Kalamkar and others (2019), *A study of BFLOAT16 for deep learning training*.
D. Goldberg (1991), *What every computer scientist should know about floating-point arithmetic*: why the order of a sum matters.
A. Karpathy (2019), *A recipe for training neural networks*: overfit one batch, and much more.
D. Sculley and others (2015), *Hidden technical debt in machine learning systems*.
H. Xiao, K. Rasul and R. Vollgraf (2017), *Fashion-MNIST*.
"""
