# %% [markdown]
r"""
# Generalization: how well it does on what it has never seen

**The question.** A network that gets all of its training examples right has proved one thing: a good memory. How do you measure how it will do on new examples, what makes that measurement lie, and what really makes the network better?

**After this notebook you will be able to**

- deal data out for learning, for choosing and for the verdict, and say how far a measurement can be trusted;
- recognise a leak, and say which leaks are harmless and which ruin everything;
- build the common remedies against overfitting: weight penalties, dropout, batch normalisation, early stopping;
- compare remedies fairly, and say which of them earned their place and which did not;
- foretell from a few small trainings what more data would bring, and how far to trust that.

**Builds on** 03 Backpropagation: training a network; 04 Autograd: the engine that finds the gradients; 05 Optimizers: momentum and the cosine schedule. **Time** about 90 minutes, of which your computer needs about half a minute.
"""

# %%
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from coursekit import datasets, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import (
    accuracy,
    expected_calibration_error,
    log_loss,
    mean_and_spread,
    reliability_curve,
)
from coursekit.predict import predict, reveal
from coursekit.scratch import nn, optim, schedules
from coursekit.scratch.autograd import Tensor, no_grad
from coursekit.scratch.functional import softmax
from coursekit.scratch.regularization import random_shift, soft_threshold
from coursekit.settings import course_rng, course_seed, course_seeds
from coursekit.train import fit
from coursekit.validation import fit_power_law

fashion = datasets.load("fashion_mnist")
y_train, y_test = fashion.y_train, fashion.y_test

# %% [markdown]
r"""
## 1. Three piles of data, three jobs

- The **training set** is for learning: the weights are fitted to it.
- The **validation set** is for choosing: the learning rate, the number of epochs, the strength of a remedy, the kind of model. What you choose here fits these examples a little too well, as the weights fit the training set.
- The **test set** is for the verdict. It is opened once, when nothing is left to choose. As soon as you choose by it, it has become a validation set, and you have no test set any more.

From the 60,000 training pictures we put 2,000 aside for choosing. The rest is what we may learn from; most of the time we will take only 300 of it, as if labels were dear. The official 10,000 test pictures are for the verdict.

One concession to your computer: this page trains well over a hundred networks, so each picture is halved to 14 by 14 pixels (each the mean of four). That costs some accuracy, for every method.
"""


# %%
def halve(images):
    """Pictures (N, 28, 28) as rows of 14 x 14 brightnesses from 0 to 1: (N, 196)."""
    a = images.reshape(-1, 14, 2, 28)
    rows = a[:, :, 0].astype(np.uint16) + a[:, :, 1]  # (N, 14, 28)
    return ((rows[..., ::2] + rows[..., 1::2]) / np.float32(4 * 255)).reshape(len(images), 196)


shuffled = course_rng(0).permutation(len(y_train))
for_choice, the_rest = shuffled[:2000], shuffled[2000:]
small, small_test = halve(fashion.x_train), halve(fashion.x_test)  # (60000, 196), (10000, 196)
print(
    f"to learn from {len(the_rest):,}, to choose by {len(for_choice):,}, for the verdict {len(y_test):,}"
)

# %% [markdown]
r"""
**Normalisation.** Networks learn best from numbers around 0 with a spread around 1: columns on very different scales are the ravine of notebook 05. So from each column we take off its mean and divide by its standard deviation. But *whose* mean? The examples that judge the network must have no say in how they are prepared: later, new examples will come one at a time. So both numbers come from the training rows, and everything else is treated with the same two numbers.
"""


# %% tags=["exercise"]
@exercise("scaling.standardize")
def standardize(train, other):
    """Give every column of train mean 0 and standard deviation 1; treat other in the same way.

    train : (N, D). other : (M, D). The standard deviation is the plain one, with divisor N.
    A column that is constant in train has no spread: divide it by 1, in both tables.
    Returns two new tables: train, then other.
    """
    ### BEGIN SOLUTION
    mean, std = train.mean(axis=0), train.std(axis=0)  # (D,), (D,)
    std = np.where(std > 0, std, 1)
    return (train - mean) / std, (other - mean) / std
    ### END SOLUTION


# %% [markdown]
r"""
For pictures we take *one* mean and one spread for all pixels: laid out as a single column, `x.reshape(-1, 1)`. Pixel by pixel would be dangerous here. A corner that is black in all 300 training pictures but for one speck has a tiny spread, and a new picture with something in that corner would come out as an enormous number.

Now the network and its training, for the whole page. You know the parts: layers and gradients from the engine of notebook 04, momentum and a cosine schedule from 05, the loop `fit` from 03. Look at what `learn` takes, and leave the rest for later: `before`, `after`, `pull`, `shrink` and `shift` are sockets into which section 6 will plug its remedies. Now they are empty.
"""


# %%
def scaled(train, other):
    """Rows of brightnesses, both on the scale of the first (2,000 pictures tell it well enough)."""
    column = train[:2000].reshape(-1, 1)
    a, b = (standardize(column, x.reshape(-1, 1))[1].reshape(x.shape) for x in (train, other))
    return a.astype(np.float32, copy=False), b.astype(np.float32, copy=False)


def build(rng, hidden, before=None, after=None):
    """A network 196-hidden-10. before, after : layers to put before and after each ReLU, if any."""
    layers, size = [], 196
    for width in hidden:
        layers.append(nn.Linear(size, width, rng=rng))
        layers += [before(width)] if before else []
        layers.append(nn.ReLU())
        layers += [after(rng)] if after else []
        size = width
    return nn.Sequential(*layers, nn.Linear(size, 10, rng=rng))


def scores_of(network, x):
    """The network's scores in use (no dropping, running statistics): (N, 10)."""
    network.eval()
    with no_grad():
        z = network(Tensor(x)).numpy()
    network.train()
    return z


def learn(
    rows,
    seed,
    *,
    epochs=50,
    batch=50,
    rate=0.08,
    before=None,
    after=None,
    pull=None,
    shrink=None,
    shift=0,
    watch=None,
):
    """Train a network on rows of the training pictures; returns it, the history, and its state after each epoch.

    pull : weights -> what to add to their gradient. shrink : (weights, step) -> new weights.
    shift : augmentation, by so many pixels of the original. watch : called with the network after each epoch.
    """
    rng = np.random.default_rng(seed)
    network = build(rng, (128,), before, after)
    known = small[rows]
    x, _ = scaled(known, known[:1])
    optimizer = optim.SGD(network.parameters(), lr=rate, momentum=0.9)
    schedule = schedules.CosineAnnealingLR(optimizer, epochs * (len(rows) // batch))
    tables = [p for p in network.parameters() if p.ndim == 2]  # weights, not biases
    states = []

    def batches():
        moved = x
        if shift:
            images = random_shift(fashion.x_train[rows], shift, rng=rng)
            _, moved = scaled(known[:2000], halve(images))
        return datasets.batches(moved, y_train[rows], batch, rng=rng, drop_last=True)

    def step(x_batch, y_batch):
        optimizer.zero_grad()
        loss = nn.cross_entropy(network(Tensor(x_batch)), y_batch)
        loss.backward()
        for w in tables if pull else ():
            w.grad = w.grad + pull(w.data)
        optimizer.step()
        reach = 10 * optimizer.lr  # with momentum 0.9 a steady pull moves ten times as far
        for w in tables if shrink else ():
            w.data[...] = shrink(w.data, reach)
        schedule.step()
        return loss.item()

    def evaluate():
        if watch is None:
            return {}
        states.append(network.state_dict())
        return watch(network)

    history = fit(step, batches, epochs=epochs, evaluate=evaluate, progress=False)
    return network, history, states


def sample(n, k):
    """The k-th sample of n pictures to learn from, as row numbers."""
    return course_rng(100 + k).choice(the_rest, n, replace=False)


# %% [markdown]
r"""
## 2. Overfitting, on purpose

Take 300 pictures, 30 of each kind or so, and a network with about 26,000 weights. Train until it has got all of the 300 right.
"""

# %%
predict(
    "validation.overfit",
    "The network gets all of its 300 pictures right. Of 2,000 new pictures it gets right about ...",
    ["10 %", "50 %", "75 %", "95 %"],
)

# %%
rows = sample(300, 0)
x_known, x_choice = scaled(small[rows], small[for_choice])
y_choice = y_train[for_choice]


def watch_choice(network):
    """Loss and accuracy on the pictures for choosing."""
    p = softmax(scores_of(network, x_choice))
    return {"loss": log_loss(p, y_choice), "accuracy": accuracy(p.argmax(axis=1), y_choice)}


memoriser, history, _ = learn(rows, course_seed(0), watch=watch_choice)
epochs = np.arange(1, history.epochs + 1)
plot.show(
    plot.lines(
        epochs,
        {
            "its 300 pictures": np.reshape(history.loss, (history.epochs, -1)).mean(axis=1),
            "2,000 new pictures": np.array(history.metrics["loss"]),
        },
        xlabel="epoch",
        ylabel="loss (nats)",
        markers=False,
        title="Getting better at home, worse abroad",
    )
)
known = accuracy(scores_of(memoriser, x_known).argmax(axis=1), y_train[rows])
new = history.metrics["accuracy"]
best = int(np.argmin(history.metrics["loss"]))
print(
    f"accuracy on its 300 pictures {known:.1%}, on new ones {new[-1]:.1%}: a gap of {known - new[-1]:.1%}"
)
print(
    f"on new pictures the loss is lowest after epoch {best + 1} ({history.metrics['loss'][best]:.2f} nats, accuracy {new[best]:.1%}) "
    f"and {history.metrics['loss'][-1]:.2f} nats at the end"
)

# %%
reveal(
    "validation.overfit",
    f"{known:.1%} of its own pictures, {new[-1]:.1%} of the new ones",
    int(np.argmin(np.abs(np.array([0.10, 0.50, 0.75, 0.95]) - new[-1]))),
)

# %% [markdown]
r"""
Look at both curves. The loss on its own pictures falls towards 0. The loss on new ones falls, turns, and *rises*. Yet the accuracies printed under the figure hardly show any harm: the network names new pictures about as well as before, and becomes surer and surer of its wrong answers. This is **overfitting**. The difference between what it does on its own pictures and on new ones is the **generalization gap**. (A small gap is not the aim: a network that has learned nothing has the smallest. The aim is to do well on new pictures.)

## 3. A network can learn anything by heart

Is a network of this size perhaps too simple to learn nonsense? Give the same 300 pictures labels drawn by lot. Now there is nothing to understand.
"""

# %%
predict(
    "validation.random-labels",
    "Labels drawn by lot, ten kinds. After at most 150 epochs the network gets right, of its own 300 pictures, ...",
    [
        "about 30, which is chance",
        "about half",
        "all, but it takes ten times as many epochs as true labels",
        "all, and it takes no more than a few times as many epochs",
    ],
)


# %%
def epochs_to_perfection(labels, seed, most=150):
    """Train until every training label is right: the epoch, the share at the end, the accuracy on new pictures."""
    network = build(np.random.default_rng(seed), (128,))
    optimizer = optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    order = datasets.batches(x_known, labels, 50, rng=np.random.default_rng(seed))
    epoch, share = 0, 0.0
    while share < 1 and epoch < most:
        for x_batch, y_batch in order:
            optimizer.zero_grad()
            nn.cross_entropy(network(Tensor(x_batch)), y_batch).backward()
            optimizer.step()
        epoch, share = epoch + 1, accuracy(scores_of(network, x_known).argmax(axis=1), labels)
    return epoch, share, accuracy(scores_of(network, x_choice).argmax(axis=1), y_choice)


by_lot = [
    epochs_to_perfection(np.random.default_rng(seed).integers(0, 10, 300), seed)
    for seed in course_seeds(5)
]
true = [epochs_to_perfection(y_train[rows], seed) for seed in course_seeds(5)]
for name, runs in (("true labels", true), ("labels by lot", by_lot)):
    print(
        f"{name:>14}: all 300 right after {[e for e, _, _ in runs]} epochs; new pictures {mean_and_spread([a for _, _, a in runs], percent=True)}"
    )

# %%
slower = np.mean([e for e, _, _ in by_lot]) / np.mean([e for e, _, _ in true])
learned = np.array([share for _, share, _ in by_lot])
useless = np.array([a for _, _, a in by_lot])
reveal(
    "validation.random-labels",
    f"{learned.mean():.0%} of the labels by lot, after {slower:.1f} times as many epochs as for the true ones",
    0 if learned.mean() < 0.3 else 1 if learned.mean() < 0.9 else 2 if slower > 5 else 3,
)
claim("networks-memorise-random-labels").judge(
    learned.min() > 0.99 and useless.max() < 0.2,
    evidence=f"of 300 labels drawn by lot the network learned {learned.min():.1%} or more in each of 5 runs, "
    f"after {slower:.1f} times as many epochs as for true labels; on new pictures it has {useless.mean():.1%}",
)

# %% [markdown]
r"""
So a perfect score on the training set says *nothing*. The same network, trained in the same way, understands something in one case and nothing in the other, and the accuracy on the training set cannot tell the two apart. (Zhang et al., 2017, did this with a million pictures and large networks.) Measure on examples that were kept back.

## 4. How far can the measurement be trusted?

Keep back how many? If you have 300 labelled pictures, every one that judges is one that does not teach. Say you keep 60. Each of them is then worth more than a point and a half of accuracy, and which 60 you kept was chance.

**Cross-validation** lets every picture do both, one after the other. Shuffle the rows, cut them into k pieces, the **folds**. Train k times: each time one fold judges and the others teach. The mean of the k results is the measurement, and every row has judged exactly once.
"""


# %% tags=["exercise"]
@exercise("validation.k_fold")
def k_fold(n, k, rng):
    """Shuffle the rows 0, ..., n - 1 and cut them into k folds whose sizes differ by at most one.

    rng : a NumPy generator, to shuffle with.
    Returns a list of k pairs (learn, judge) of arrays of row numbers: judge is one of the folds,
    learn holds all other rows.
    """
    ### BEGIN SOLUTION
    pieces = np.array_split(rng.permutation(n), k)
    return [
        (np.concatenate([p for j, p in enumerate(pieces) if j != i]), pieces[i])
        for i in range(k)
    ]
    ### END SOLUTION


# %% [markdown]
r"""
Now judge one model on the 300 pictures in both ways: the nearest neighbour, which says of a picture what the most similar known one is. And each way twenty times, with other splits. Since we are rich in pictures we know the right answer too: what the same model, with all 300, gets right of 10,000 new ones.
"""

# %%
predict(
    "validation.k-fold",
    "The same 300 pictures, the same method, 60 of them kept back, 20 different splits. Between the worst and the best of the 20 measurements lie about ...",
    ["1 point", "4 points", "15 points", "40 points"],
)

# %%
x300, y300 = small[rows], y_train[rows]
single, folded = [], []
for k in range(20):
    results = []
    for to_learn, to_judge in k_fold(300, 5, rng=course_rng(k)):
        a, b = scaled(x300[to_learn], x300[to_judge])
        model = KNeighborsClassifier(1).fit(a, y300[to_learn])
        results.append(accuracy(model.predict(b), y300[to_judge]))
    single.append(results[0])
    folded.append(np.mean(results))
a, b = scaled(x300, small_test)
truth = accuracy(KNeighborsClassifier(1).fit(a, y300).predict(b), y_test)
plot.show(
    plot.bars(
        {
            "one split, 60 judge": single,
            "5 folds, all 300 judge": folded,
            "10,000 new pictures": truth,
        },
        ylabel="accuracy",
        xlabel="measurement (whisker: worst and best of 20 splits)",
        percent=True,
        title="The same model, measured in three ways",
    )
)
print(
    f"one split: {mean_and_spread(single, percent=True)}, from {min(single):.1%} to {max(single):.1%}"
)
print(
    f"5 folds:   {mean_and_spread(folded, percent=True)}, from {min(folded):.1%} to {max(folded):.1%}"
)
rule = np.sqrt(truth * (1 - truth) / np.array([60, 300, 10_000]))
print(
    f"rule of thumb, how far a share among 60, 300 and 10,000 is typically off: {', '.join(f'{r:.1%}' for r in rule)}"
)

# %%
reach = max(single) - min(single)
reveal(
    "validation.k-fold",
    f"{100 * reach:.0f} points with 60 pictures, {100 * np.ptp(folded):.0f} with five folds",
    int(np.argmin(np.abs(np.log(np.array([0.01, 0.04, 0.15, 0.40]) / reach)))),
)

# %% [markdown]
r"""
One split of 60 is a lottery: with it, you could "show" that nearly any change helps. Five folds are much steadier, at five times the price.

The rule of thumb under the figure is worth knowing by heart: a share $p$ among $n$ examples is typically off by $\sqrt{p(1-p)/n}$, its **standard error**. Even with 10,000 test pictures, a difference of less than half a point is no reason to celebrate.

<details><summary>Two cautions about the spread between repetitions.</summary>

It is not the whole uncertainty: all twenty used the same 300 pictures, and another 300 would give another mean. And each fold learns from only four fifths of the pictures, so the mean is a little too low, if anything.

</details>

## 5. The leakage museum

A **leak** is any way by which the examples that judge have influenced what they judge. The result is a number that is too good, sometimes by a hair, sometimes by everything. Here are seven leaks that people really make. Each exhibit is measured several times, with the leak and without; what counts is the difference, the **inflation**.
"""

# %%
predict(
    "validation.noise",
    "80 patients, 2,000 measurements, and both measurements and diagnoses are pure noise. We keep the 20 columns that go best with the diagnosis, "
    "then cross-validate properly, in five folds. The measured accuracy is about ...",
    ["50 %, which is chance", "60 %", "more than 75 %"],
)
predict(
    "validation.scaler",
    "30 tumours to learn from, 10 to judge. The mean and the spread of the columns are taken from all 40 instead of the 30. The accuracy goes up by about ...",
    ["nothing worth mentioning", "2 points", "10 points"],
)
predict(
    "validation.persons",
    "Telephones know whether you walk, sit or climb stairs. Windows of 30 people are dealt out at random, so that everybody is on both sides. "
    "Then once more by person: whoever judges was never seen before. The accuracy falls ...",
    [
        "not at all",
        "for every model alike",
        "more for one model than for the other, so that the better one becomes the worse one",
    ],
)

# %%
museum = {}  # exhibit -> (with the leak, without), one number for each run


def fit_and_judge(model, x_learn, y_learn, x_judge, y_judge):
    """Accuracy of a scikit-learn model on rows that it did not learn from."""
    return accuracy(model.fit(x_learn, y_learn).predict(x_judge), y_judge)


def put_up(name, runs):
    """Hang up an exhibit."""
    museum[name] = tuple(np.array(runs).T)
    leaky, honest = museum[name]
    print(
        f"{name}: with the leak {leaky.mean():.1%}, without {honest.mean():.1%}; "
        f"inflation {100 * (leaky - honest).mean():+.1f} points ({len(runs)} runs)"
    )


# %% [markdown]
r"""
**Exhibit 1: columns chosen by all rows.** 2,000 columns of noise, 80 rows. By chance, some columns go well with the diagnosis *in these 80 rows*, in those that will judge too. Choosing the columns is learning; whoever does it before the split has learned from the judges.
"""


# %%
def best_columns(x, y, n=20):
    """The columns that go best with the labels 0 and 1, by their correlation."""
    x, y = x - x.mean(axis=0), y - y.mean()
    return np.argsort(-np.abs(y @ x) / np.sqrt((x**2).sum(axis=0)))[:n]


def noise_exhibit(rng):
    x, y = rng.normal(size=(80, 2000)), np.arange(80) % 2
    chosen, leaky, honest = best_columns(x, y), [], []
    for to_learn, to_judge in k_fold(80, 5, rng=rng):
        own = best_columns(x[to_learn], y[to_learn])
        for results, columns in ((leaky, chosen), (honest, own)):
            tables = x[to_learn][:, columns], y[to_learn], x[to_judge][:, columns], y[to_judge]
            results.append(fit_and_judge(KNeighborsClassifier(5), *tables))
    return np.mean(leaky), np.mean(honest)


put_up("1 noise: columns chosen by all rows", [noise_exhibit(course_rng(k)) for k in range(10)])

# %%
noise_leaky, noise_honest = (
    values.mean() for values in museum["1 noise: columns chosen by all rows"]
)
reveal(
    "validation.noise",
    f"{noise_leaky:.1%}, where {noise_honest:.1%} is the truth",
    0 if noise_leaky < 0.55 else 1 if noise_leaky < 0.75 else 2,
)

# %% [markdown]
r"""
Something out of nothing. The cross-validation itself is done properly, and nobody who sees only that half of the work could find the mistake.

**Exhibit 2: scaled by all rows.** The most quoted leak of all. We give it a good chance: few rows, a model that lives on distances, 200 repetitions.
"""


# %%
tumours = datasets.load("breast_cancer")


def scaler_exhibit(rng, n=40):
    some = rng.permutation(len(tumours.y_train))[:n]
    x, y = tumours.x_train[some], tumours.y_train[some]
    learn_, judge_ = slice(0, 3 * n // 4), slice(3 * n // 4, n)
    everything, _ = standardize(x, x)
    x_learn, x_judge = standardize(x[learn_], x[judge_])
    return tuple(
        fit_and_judge(KNeighborsClassifier(5), a, y[learn_], b, y[judge_])
        for a, b in ((everything[learn_], everything[judge_]), (x_learn, x_judge))
    )


put_up("2 tumours: scaled by all rows", [scaler_exhibit(course_rng(k)) for k in range(200)])

# %%
leaky, honest = museum["2 tumours: scaled by all rows"]
scaler_inflation = (leaky - honest).mean()
scaler_error = (leaky - honest).std() / np.sqrt(len(leaky))
reveal(
    "validation.scaler",
    f"by {100 * scaler_inflation:+.2f} points, give or take {100 * scaler_error:.2f}",
    int(np.argmin(np.abs(np.array([0, 0.02, 0.10]) - scaler_inflation))),
)
claim("scaling-first-ruins-the-test").judge(
    abs(scaler_inflation) < 0.015 and noise_leaky - noise_honest > 0.15,
    evidence=f"scaling by all rows changes the accuracy by {100 * scaler_inflation:+.2f} ± {100 * scaler_error:.2f} points "
    f"(40 rows, 200 runs); choosing columns by all rows by {100 * (noise_leaky - noise_honest):+.0f}",
)

# %% [markdown]
r"""
The leak that every textbook warns of inflates nothing here: a mean and a spread tell hardly anything about a single row, and nothing about its *label*. Keep the rule all the same. It costs nothing, it is right for one example at a time, and the habit saves you from exhibit 1, where the preparation looks at the labels.

**Exhibit 3: copies on both sides, made by yourself.** You shift each picture a little to get three more of it (section 6 comes to that), and then split. Now nearly every picture that judges has a sister among those that teach.

**Exhibit 4: copies on both sides, found in the data.** Collected data contain things twice. Of the 4,601 e-mails in `spambase` some are word for word the same. The honest measurement is on those that have no twin on the other side.
"""


# %%
def shifted_exhibit(rng, n=400):
    some = rng.choice(the_rest, n, replace=False)
    pictures = np.concatenate([fashion.x_train[some]] * 4)
    pictures[n:] = random_shift(pictures[n:], 2, rng=rng)
    x, y, origin = halve(pictures), np.tile(y_train[some], 4), np.tile(np.arange(n), 4)
    to_learn, to_judge = k_fold(4 * n, 4, rng=rng)[0]
    leaky = fit_and_judge(
        KNeighborsClassifier(1), x[to_learn], y[to_learn], x[to_judge], y[to_judge]
    )
    judges = np.isin(origin, k_fold(n, 4, rng=rng)[0][1])  # all four of a picture on one side
    return leaky, fit_and_judge(
        KNeighborsClassifier(1), x[~judges], y[~judges], x[judges], y[judges]
    )


put_up(
    "3 pictures: shifted copies on both sides",
    [shifted_exhibit(course_rng(k)) for k in range(5)],
)

spam = datasets.load("spambase")
x_spam = np.log1p(10 * np.concatenate([spam.x_train, spam.x_test]))
y_spam = np.concatenate([spam.y_train, spam.y_test])
_, letter = np.unique(
    x_spam, axis=0, return_inverse=True
)  # the same number for the same e-mail


def twins_exhibit(rng):
    to_learn, to_judge = k_fold(len(y_spam), 4, rng=rng)[0]
    model = KNeighborsClassifier(1).fit(x_spam[to_learn], y_spam[to_learn])
    right = model.predict(x_spam[to_judge]) == y_spam[to_judge]
    return right.mean(), right[~np.isin(letter[to_judge], letter[to_learn])].mean()


put_up("4 e-mails: twins on both sides", [twins_exhibit(course_rng(k)) for k in range(5)])

# %% [markdown]
r"""
**Exhibit 5: the same persons on both sides.** `har` holds 2.56-second windows of a telephone worn at the waist by 30 people, who walk, climb stairs, sit, stand or lie. A window is described by 30 numbers (for each of six channels its mean, spread, mean change, lowest and highest value). Dealt out at random, a window that judges has neighbours of the *same walk of the same person* among those that teach. But the telephone is to be sold to people whom nobody has measured.
"""

# %%
har = datasets.load("har")
windows = np.concatenate([har.x_train, har.x_test]).astype(np.float32)  # (N, 64, 6)
activity = np.concatenate([har.y_train, har.y_test])
person = np.concatenate([har.groups_train, har.groups_test])
x_har = np.concatenate(
    [
        windows.mean(axis=1),
        windows.std(axis=1),
        np.abs(np.diff(windows, axis=1)).mean(axis=1),
        windows.min(axis=1),
        windows.max(axis=1),
    ],
    axis=1,
)  # (N, 30)
people = np.unique(person)


def two_splits(rng):
    """Who judges: a quarter of the windows at random, and a quarter of the people with all their windows."""
    at_random = np.zeros(len(person), dtype=bool)
    at_random[k_fold(len(person), 4, rng=rng)[0][1]] = True
    return at_random, np.isin(person, people[k_fold(len(people), 4, rng=rng)[0][1]])


def persons_exhibit(model, rng):
    results = []
    for judges in two_splits(rng):
        a, b = standardize(x_har[~judges], x_har[judges])
        results.append(fit_and_judge(model, a, activity[~judges], b, activity[judges]))
    return tuple(results)


for name, model in (
    ("nearest neighbour", KNeighborsClassifier(1)),
    ("logistic regression", LogisticRegression(tol=1e-3, max_iter=500)),
):
    put_up(
        f"5 telephones: same persons, {name}",
        [persons_exhibit(model, course_rng(k)) for k in range(5)],
    )

# %%
(knn_leaky, knn_honest), (line_leaky, line_honest) = (
    [values.mean() for values in museum[f"5 telephones: same persons, {name}"]]
    for name in ("nearest neighbour", "logistic regression")
)
reveal(
    "validation.persons",
    f"nearest neighbour {knn_leaky:.1%} and {knn_honest:.1%}, logistic regression {line_leaky:.1%} and {line_honest:.1%}",
    2
    if knn_leaky > line_leaky and knn_honest < line_honest
    else 0
    if knn_leaky - knn_honest < 0.01
    else 1,
)

# %% [markdown]
r"""
This leak does worse than flatter: it makes you *choose wrongly*. At random the nearest neighbour is ahead, because it recognises people. Among strangers it is behind. Whenever rows come in groups (persons, patients, hospitals, days, machines), deal out the groups; `coursekit.validation.k_fold(..., groups=...)` does it.

**Exhibit 6: a column that should not be there.** Somebody has left the row number in the table. Nothing else is given to the model, no sensor at all. The rows lie in the order in which they were recorded, so neighbours have the same label.

**Exhibit 7: chosen by the test set.** Forty weak models, each of which sees 30 pixels drawn by lot. We try them all on 100 test pictures and report the best. Then the same model meets 9,900 other pictures.
"""


# %%
def row_number_exhibit(rng):
    x = np.arange(len(activity))[:, None]
    tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=int(rng.integers(1000)))
    return tuple(
        fit_and_judge(tree, x[~judges], activity[~judges], x[judges], activity[judges])
        for judges in two_splits(rng)
    )


put_up(
    "6 telephones: only the row number", [row_number_exhibit(course_rng(k)) for k in range(5)]
)


def best_of_many_exhibit(rng, models=40):
    """Nearest mean, in 30 pixels each; the best on 100 pictures, there and on all others."""
    to_learn, to_judge = sample(300, int(rng.integers(50))), rng.permutation(len(y_test))
    results = []
    for _ in range(models):
        pixels = rng.choice(196, 30, replace=False)
        x, y = small[to_learn][:, pixels], y_train[to_learn]
        means = np.stack([x[y == k].mean(axis=0) for k in range(10)])  # (10, 30)
        scores = (
            small_test[:, pixels] @ means.T - (means**2).sum(axis=1) / 2
        )  # nearest mean: highest
        right = scores.argmax(axis=1) == y_test
        results.append((right[to_judge[:100]].mean(), right[to_judge[100:]].mean()))
    return max(results, key=lambda both: both[0])


put_up(
    "7 pictures: best of 40 by 100 test pictures",
    [best_of_many_exhibit(course_rng(k)) for k in range(15)],
)

# %%
plot.show(
    plot.gaps(
        museum,
        ("with the leak", "without"),
        xlabel="accuracy (%); thin lines: worst to best run",
        ylabel="exhibit",
        title="The leakage museum",
    )
)

# %% [markdown]
r"""
Walk along the walls. Some leaks do nothing, some make the whole result, and how often one is warned of a leak does not tell which. The question to ask of each is the same: **when a new example comes, will it stand to my training data as the judging examples did?** A new patient's measurements did not help to choose the columns. A new customer is not one of the 30 people. A new window has no row number. A new letter may well be the twin of an old one (spam comes in thousands), so whether exhibit 4 is a leak at all depends on what you want to know.

The last exhibit has no wrong line of code in it. Each of the forty measurements is fair; only their *maximum* is not. That is the price of every choice, and the reason for the validation set.

## 6. Remedies

A network that knows 300 pictures by heart has too much freedom for what it was shown. There are two kinds of remedy: less freedom, or more to see. First you build them, then they compete.

### Weight penalties

Add to the loss a price for large weights. **L2** (weight decay) charges the squares:

$$L_{\text{total}} = L + \frac{\lambda}{2} \sum_i w_i^2 \qquad \frac{\partial L_{\text{total}}}{\partial w_i} = \frac{\partial L}{\partial w_i} + \lambda w_i$$

where $\lambda$ (lambda) is the **strength**. Every step pulls each weight towards 0, in proportion to its size: a weight stays large only if the data keep on asking for it. Biases are left alone.
"""


# %% tags=["exercise"]
@exercise("regularization.l2")
def l2_penalty(weights, strength):
    """The L2 penalty of an array of weights, and its gradient.

    weights : any shape. strength : lambda.
    Returns penalty, gradient: a number, and an array of the weights' shape.
    """
    ### BEGIN SOLUTION
    return 0.5 * strength * np.sum(weights**2), strength * weights
    ### END SOLUTION


# %% [markdown]
r"""
**L1** charges the sizes, $\lambda \sum_i |w_i|$. Its pull is the same for every weight, large or small, so small ones are pulled *all the way*: what remains is sparse, with many weights exactly 0. In a computer this takes a little care, since a step of fixed length jumps back and forth over 0. So after each ordinary step, every weight is moved towards 0 by step times strength, and stops there: `soft_threshold`, from `coursekit.scratch.regularization`.
"""

# %%
# NBVAL_CHECK_OUTPUT
weights = np.array([-3.0, -0.4, 0.0, 0.4, 3.0])
print(f"L2 pulls by   {l2_penalty(weights, 0.5)[1]}")
print(f"L1 leaves     {soft_threshold(weights, 0.5)}")

# %% [markdown]
r"""
### Dropout

While training, set each number that leaves the hidden layer to 0 with probability $p$, anew for every picture and every step. No neuron can rely on a particular other one, so what is learned is spread out. In use, nothing is dropped, so each sum of the next layer would be larger than it was in training, by the factor $1/(1-p)$ on average. To make up for that, what is kept in training is divided by $1 - p$ at once, and in use there is nothing left to do. This is called *inverted* dropout.
"""


# %% tags=["exercise"]
@exercise("regularization.dropout")
def dropout(x, p, rng, training=True):
    """Inverted dropout: drop with probability p and scale up the rest, or hand x back in use.

    x : any shape. p : probability to drop, below 1. rng : a NumPy generator, to draw with.
    training : True while training, False in use. Returns an array of x's shape; x stays as it is.
    """
    ### BEGIN SOLUTION
    if not training:
        return x
    kept = rng.random(x.shape) >= p
    return x * kept / (1 - p)
    ### END SOLUTION


# %% [markdown]
r"""
To put it into a network, we need its gradient too. Dropout multiplies each number by a factor, 0 or $1/(1-p)$, and that factor is also its slope. Your function, applied to a table of ones, gives just these factors; the engine does the rest.
"""


# %%
class Dropout(nn.Module):
    """Your dropout as a layer."""

    def __init__(self, p, rng):
        self.p, self.rng = p, rng

    def forward(self, x):
        factors = dropout(
            np.ones(x.shape, np.float32), self.p, rng=self.rng, training=self.training
        )
        return x * factors.astype(np.float32)


# %% [markdown]
r"""
### Batch normalisation

What you did to the pixels, do it to the inputs of every ReLU too, and again for every batch: take off the mean of each feature over the batch, divide by its spread; then let the network learn a scale $\gamma$ (`weight`) and a shift $\beta$ (`bias`) of its own:

$$y_{nd} = \gamma_d\,\frac{x_{nd} - m_d}{\sqrt{v_d + \varepsilon}} + \beta_d$$

for example $n$ and feature $d$, with the batch's mean $m_d$ and variance $v_d$, and a tiny $\varepsilon$ (`eps`) against division by 0. In use there may be no batch: one picture comes. So while it trains the layer keeps a **running** mean and a running variance, and in use it takes these. After each batch both move a little, $\text{running} \leftarrow (1 - \mu)\,\text{running} + \mu\,\text{batch}$. The share $\mu$ (mu) is called `momentum`, but has little to do with that of notebook 05. (The batch's variance that goes into the running one is taken with the divisor $N - 1$, as an estimate for all data.)
"""


# %% tags=["exercise"]
@exercise("normalization.batch_norm")
def batch_norm(
    x, running_mean, running_var, weight, bias, training=True, momentum=0.1, eps=1e-5
):
    """Batch normalisation of a batch x, (N, D); all else has one number a feature, (D,).

    While training: normalise by the batch's mean and variance (divisor N), and move the running
    ones towards them (variance with divisor N - 1). In use: normalise by the running ones.
    Returns y, running_mean, running_var; the arguments stay as they are.
    """
    ### BEGIN SOLUTION
    if training:
        m, v = x.mean(axis=0), x.var(axis=0)  # (D,)
        running_mean = (1 - momentum) * running_mean + momentum * m
        running_var = (1 - momentum) * running_var + momentum * x.var(axis=0, ddof=1)
    else:
        m, v = running_mean, running_var
    y = weight * (x - m) / np.sqrt(v + eps) + bias  # (N, D)
    return y, running_mean, running_var
    ### END SOLUTION


# %% [markdown]
r"""
The way back through the batch's mean and variance is long (`nn.batch_norm??` has it). While training we leave it to the engine's layer, after a check that yours computes the same; in use, the predictions of this page come from *your* function.
"""


# %%
class BatchNorm(nn.BatchNorm1d):
    """The engine's layer for training; your function in use."""

    def forward(self, x):
        if self.training:
            return super().forward(x)
        y, _, _ = batch_norm(
            x.data,
            self.running_mean,
            self.running_var,
            self.weight.data,
            self.bias.data,
            training=False,
        )
        return Tensor(y.astype(np.float32))


layer, batch = nn.BatchNorm1d(4), course_rng(0).normal(size=(8, 4)).astype(np.float32)
yours = batch_norm(
    batch, layer.running_mean, layer.running_var, layer.weight.data, layer.bias.data
)
engine = layer(Tensor(batch)).detach().numpy()
apart = max(
    np.abs(yours[0] - engine).max(),
    np.abs(yours[1] - layer.running_mean).max(),
    np.abs(yours[2] - layer.running_var).max(),
)
print(f"largest difference between your function and the engine's layer: {apart:.0e}")
assert apart < 1e-5

# %% [markdown]
r"""
People praise batch normalisation for two things: it permits larger learning rates, and it regularises, that is, it holds overfitting back. The second has to wait for the contest. The first can be measured at once, with a network of three hidden layers, one pass over 6,000 pictures, plain SGD in batches of 32, and rates from tiny to absurd. A rate is usable if the network then gets more than six in ten new pictures right.
"""

# %%
predict(
    "regularization.batch-norm-rates",
    "Without batch normalisation the network learns well up to some learning rate. With it, the largest rate that still works is ...",
    ["the same", "several times as large", "smaller", "there is no limit any more"],
)

# %%
rates = [0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
rows_6000 = sample(6000, 1)
x_6000, x_choice_6000 = scaled(small[rows_6000], small[for_choice])


def one_pass(rate, before, seed):
    """Accuracy on the pictures for choosing after one epoch of plain SGD."""
    rng = np.random.default_rng(seed)
    network = build(rng, (64, 64, 64), before=before)
    optimizer = optim.SGD(network.parameters(), lr=rate)
    with np.errstate(all="ignore"):  # some of these explode: that is what we want to see
        for x, y in datasets.batches(x_6000, y_train[rows_6000], 32, rng=rng, drop_last=True):
            optimizer.zero_grad()
            nn.cross_entropy(network(Tensor(x)), y).backward()
            optimizer.step()
        return accuracy(scores_of(network, x_choice_6000).argmax(axis=1), y_choice)


sweep = {
    name: np.array(
        [[one_pass(rate, before, seed) for rate in rates] for seed in course_seeds(2)]
    )
    for name, before in (("without", None), ("with batch normalisation", BatchNorm))
}
plot.show(
    plot.rate_sweep(
        rates,
        sweep,
        ylabel="accuracy on new pictures",
        log="x",
        title="After one pass over 6,000 pictures",
    )
)


def usable(accuracies, enough=0.6):
    """The largest rate at which the network, in the mean over the seeds, has learned enough."""
    return rates[int(np.flatnonzero(accuracies.mean(axis=0) > enough).max())]


largest = {name: usable(values) for name, values in sweep.items()}
top = {name: values.mean(axis=0).max() for name, values in sweep.items()}
print(", ".join(f"{name}: usable up to {rate:g}" for name, rate in largest.items()))

# %%
wider = largest["with batch normalisation"] / largest["without"]
reveal(
    "regularization.batch-norm-rates",
    f"{largest['with batch normalisation']:g} with it, {largest['without']:g} without",
    0 if wider == 1 else 1 if wider > 1 else 2,
)
claim("batch-norm-permits-larger-rates").judge(
    wider >= 3,
    evidence=f"rates are usable up to {largest['with batch normalisation']:g} with batch normalisation, up to "
    f"{largest['without']:g} without ({len(rates)} rates, 2 seeds); best accuracies {top['with batch normalisation']:.1%} and {top['without']:.1%}",
)

# %% [markdown]
r"""
Why? If all weights of a layer become twice as large, so do the mean and the spread of what they give, and the layer's output is just what it was. Too large a step no longer blows up the signal. A network that works for a broad range of rates has to be tuned less. And at the smallest rate, too, the network with batch normalisation has learned more in its one pass.

### Early stopping

The curve of section 2 tells when to stop: watch the loss on pictures that are kept back, and go back to the weights that had the lowest. But you cannot know that it *is* the lowest before you have gone on for a while. How long you wait is the **patience**.
"""


# %% tags=["exercise"]
@exercise("stopping.early_stopping")
def early_stopping(losses, patience):
    """Which epoch is kept, and after which epoch training ends.

    losses : the validation loss after each epoch. Training knows only those up to now.
    patience : it ends once so many epochs have passed since the best one.
    Returns kept, stopped: epochs, counted from 1. Equal to the best is not better.
    """
    ### BEGIN SOLUTION
    best, kept = np.inf, 1
    for epoch, loss in enumerate(losses, start=1):
        if loss < best:
            best, kept = loss, epoch
        elif epoch - kept >= patience:
            return kept, epoch
    return kept, len(losses)
    ### END SOLUTION


# %%
kept, stopped = early_stopping(history.metrics["loss"], patience=5)
print(f"the curve of section 2: trained {stopped} epochs, kept the weights of epoch {kept}")

# %% [markdown]
r"""
### Augmentation

A shirt that is moved by a pixel is still a shirt. So show the network in every epoch each picture shifted by a random amount: not more information, but our *knowledge* about which changes do not matter. It is as good as that knowledge is true of the pictures to come.
"""

# %%
moved = random_shift(np.repeat(fashion.x_train[rows[:1]], 5, axis=0), 3, rng=course_rng(1))
plot.show(
    plot.images(
        np.concatenate([fashion.x_train[rows[:1]], moved]),
        ["original"] + ["shifted"] * 5,
        title="One picture, five times shifted by up to 3 pixels",
    )
)

# %% [markdown]
r"""
## 7. The contest, on 300 pictures

Rules, the same for everybody:

- each remedy has one dial (its strength) with three settings, chosen by the accuracy on the 2,000 pictures for choosing, as a mean over two samples of 300 pictures;
- the dial of the plain network is its learning rate, and so is that of batch normalisation; all others use the rate that the plain network chose (much smaller rates are left out: with them 50 epochs do not suffice to learn the 300 pictures, which is early stopping by another name);
- then four *other* samples of 300 pictures, the same four for everybody, and the test set;
- what counts is the difference to the plain network on the same sample.

Beside them stand two classical methods, with the same budget: logistic regression and a support vector machine.
"""

# %%
predict(
    "regularization.contest",
    "The best of all remedies, alone or together, lifts the accuracy on new pictures over the plain network by about ...",
    ["1 point", "5 points", "15 points", "nothing; they make it worse"],
)
predict(
    "regularization.baseline",
    "On 300 pictures, the best network against the best of two classical methods:",
    [
        "the network wins by more than 5 points",
        "they are within 2 points",
        "the classical method wins by more than 5 points",
    ],
)


# %%
def together(strength):
    """L2, dropout and shifts at once."""
    return {
        "pull": lambda w: l2_penalty(w, 0.01 * strength)[1],
        "after": lambda rng: Dropout(0.5 * strength, rng),
        "shift": 1,
    }


REMEDIES = {  # name -> the settings of its dial, and what a setting means for learn()
    "nothing": ((0.04, 0.06, 0.09), lambda s: {"rate": s}),
    "L1": (
        (3e-4, 1e-3, 3e-3),
        lambda s: {"shrink": lambda w, step: soft_threshold(w, s * step)},
    ),
    "L2": ((3e-3, 1e-2, 3e-2), lambda s: {"pull": lambda w: l2_penalty(w, s)[1]}),
    "dropout": ((0.3, 0.5, 0.7), lambda s: {"after": lambda rng: Dropout(s, rng)}),
    "batch norm": ((0.04, 0.08, 0.16), lambda s: {"before": BatchNorm, "rate": s}),
    "shifts": ((1, 2, 3), lambda s: {"shift": s}),
    "L2 + dropout + shifts": ((0.25, 0.5, 1.0), together),
}
TUNING, FINAL = (10, 11), (0, 1, 2, 3)  # numbers of samples


def on_choice(network, rows):
    """Accuracy on the pictures for choosing."""
    _, x = scaled(small[rows], small[for_choice])
    return accuracy(scores_of(network, x).argmax(axis=1), y_choice)


def verdict(probabilities_of, rows):
    """Accuracy on known and on new pictures, loss and calibration error on new ones."""
    x, x_new = scaled(small[rows], small_test)
    p = probabilities_of(x_new)
    said = probabilities_of(x).argmax(axis=1)
    return {
        "known": accuracy(said, y_train[rows]),
        "new": accuracy(p.argmax(axis=1), y_test),
        "loss": log_loss(p, y_test),
        "calibration": expected_calibration_error(p, y_test),
        "p": p,
    }


def of_network(network):
    """The network as a function from rows to probabilities."""
    return lambda x: softmax(scores_of(network, x))


chosen, tuned_networks, results = {}, {}, {}
for name, (dial, meaning) in REMEDIES.items():
    common = {"rate": chosen["nothing"]} if chosen else {}
    found = {}
    for setting in dial:
        networks = [
            learn(sample(300, k), course_seed(k), **(common | meaning(setting)))[0]
            for k in TUNING
        ]
        found[setting] = np.mean(
            [on_choice(n, sample(300, k)) for n, k in zip(networks, TUNING, strict=True)]
        )
        tuned_networks[name, setting] = networks[0]
    chosen[name] = max(dial, key=found.get)
    print(f"{name:>21}: " + ", ".join(f"{s:g} gives {a:.1%}" for s, a in found.items()))
    how = common | meaning(chosen[name])
    results[name] = [
        verdict(of_network(learn(sample(300, k), course_seed(k), **how)[0]), sample(300, k))
        for k in FINAL
    ]


# %% [markdown]
r"""
Early stopping needs a curve, so it gets a cell of its own. Its dial is the patience; one training serves all settings. It watches 500 of the pictures for choosing *while* it trains, more than anybody with 300 labels could spare. Here it gets them for free.
"""


# %%
def stopped_early(k, patience):
    """The plain network of sample k, as it was at its best on the first 500 pictures for choosing."""
    rows = sample(300, k)
    _, x = scaled(small[rows], small[for_choice[:500]])
    network, history, states = learn(
        rows,
        course_seed(k),
        rate=chosen["nothing"],
        watch=lambda n: {"loss": log_loss(softmax(scores_of(n, x)), y_choice[:500])},
    )
    found = []
    for p in np.atleast_1d(patience):
        kept, _ = early_stopping(history.metrics["loss"], int(p))
        network.load_state_dict(states[kept - 1])
        found.append((on_choice(network, rows), kept))
    return network, found


tries = np.mean([[a for a, _ in stopped_early(k, (2, 5, 15))[1]] for k in TUNING], axis=0)
chosen["early stopping"] = (2, 5, 15)[int(np.argmax(tries))]
results["early stopping"] = [
    verdict(of_network(stopped_early(k, chosen["early stopping"])[0]), sample(300, k))
    for k in FINAL
]

CLASSICAL = {
    "logistic regression": ((0.01, 0.03, 0.1), lambda s: LogisticRegression(C=s, tol=1e-3)),
    "support vectors": ((1, 10, 100), lambda s: SVC(C=s)),
}
for name, (dial, make) in CLASSICAL.items():
    found = {}
    for setting in dial:
        found[setting] = 0.0
        for k in TUNING:
            x, x_new = scaled(small[sample(300, k)], small[for_choice])
            model = make(setting).fit(x, y_train[sample(300, k)])
            found[setting] += accuracy(model.predict(x_new), y_choice) / len(TUNING)
    chosen[name] = max(dial, key=found.get)
    results[name] = []
    for k in FINAL:
        x, x_new = scaled(small[sample(300, k)], small_test)
        model = make(chosen[name]).fit(x, y_train[sample(300, k)])
        known, new = model.predict(x), model.predict(x_new)
        results[name].append(
            {"known": accuracy(known, y_train[sample(300, k)]), "new": accuracy(new, y_test)}
        )


# %%
def column(name, key):
    return np.array([run[key] for run in results[name]])


print(f"{'':>21}  dial   known    new    gap   gain over nothing       loss  calibration error")
for name, runs in results.items():
    gain = 100 * (column(name, "new") - column("nothing", "new"))
    line = f"{name:>21}  {chosen[name]:<7g}{column(name, 'known').mean():.1%}  {column(name, 'new').mean():.1%}  "
    line += f"{(column(name, 'known') - column(name, 'new')).mean():.1%}  {gain.mean():+.1f} ({gain.min():+.1f} to {gain.max():+.1f})"
    if "loss" in runs[0]:
        line = f"{line:<71} {column(name, 'loss').mean():.2f}   {column(name, 'calibration').mean():.3f}"
    print(line)
plot.show(
    plot.gaps(
        {name: (column(name, "known"), column(name, "new")) for name in results},
        ("300 known pictures", "10,000 new ones"),
        xlabel="accuracy (%); thin lines: worst to best sample",
        ylabel="remedy or method",
        title="One by one, and together",
    )
)

# %%
gains = {
    name: (column(name, "new") - column("nothing", "new")).mean()
    for name in results
    if name not in CLASSICAL and name != "nothing"
}
winner = max(gains, key=gains.get)
reveal(
    "regularization.contest",
    f"{100 * gains[winner]:+.1f} points ({winner}); the others: "
    + ", ".join(f"{name} {100 * g:+.1f}" for name, g in gains.items() if name != winner),
    3
    if gains[winner] < 0.002
    else int(np.argmin(np.abs(np.log(np.array([0.01, 0.05, 0.15]) / gains[winner])))),
)
best_network = max(column(name, "new").mean() for name in (*gains, "nothing"))
best_classical = max(column(name, "new").mean() for name in CLASSICAL)
ahead = best_network - best_classical
reveal(
    "regularization.baseline",
    f"best network {best_network:.1%}, best classical method {best_classical:.1%}",
    0 if ahead > 0.05 else 2 if ahead < -0.05 else 1,
)

# %% [markdown]
r"""
Remedies that fill chapters of books lift the accuracy by a point or so, alone or together, and some by nothing that stands out from the spread. What nearly all of them do is to close the gap *from above*: the network learns its own pictures less well. The classical methods, without any of it, are about as good.

**What did not help** the accuracy: L1, L2 and batch normalisation (what they bring changes from one set of samples to the next, and is about as large as the spread); early stopping, which more often costs some; and shifts by three pixels, which cost several points (see the tuning). These pictures come centred, in training and in test, so a network that must cope with shifted ones wastes its strength. Augmentation is knowledge, and about large shifts this knowledge is false here.

Then look at the **losses**. They differ far more than the accuracies. The networks that were held back name hardly more pictures rightly, but they are far less sure of their mistakes. Early stopping goes by the loss: what it gives up in accuracy it wins in honesty.

"""

# %%
said = {}
for name in ("nothing", "L2", "early stopping"):
    curve = reliability_curve(results[name][0]["p"], y_test, bins=10)
    full = curve.count > 50
    said[name] = (curve.confidence[full], curve.accuracy[full])
plot.show(plot.reliability(said, title="How often it is right when it says so (first sample)"))

# %% [markdown]
r"""
**Calibration** (notebook 02): on the diagonal, a network's probabilities can be taken at their word; the *calibration error* of the table is the mean distance from it. The plain network lies far below it: it says that it is nearly sure, and is wrong much more often than it says. A restraint on the weights, or stopping early, brings the curve closer to the diagonal. If you need the probability and not only the answer, this is the better reason for a remedy.

What did **L1** do to the weights? Here are the networks of its tuning, first layer.
"""

# %%
for setting in REMEDIES["L1"][0]:
    w = tuned_networks["L1", setting].parameters()[0].data  # (128, 196)
    print(
        f"strength {setting:g}: {np.mean(w == 0):.1%} of the weights are exactly 0, "
        f"accuracy on new pictures {on_choice(tuned_networks['L1', setting], sample(300, TUNING[0])):.1%}"
    )
w = tuned_networks["L2", chosen["L2"]].parameters()[0].data
print(f"with L2 (strength {chosen['L2']:g}): {np.mean(w == 0):.1%} are exactly 0")

# %% [markdown]
r"""
Most of the weights can go, and the accuracy loses little. That is what L1 is good for: smaller models, and a hint at what is not needed.

## 8. The same on all pictures

Do the remedies matter when data are plenty? Now 58,000 pictures and two epochs, which is what this page can afford: nearly a thousand steps all the same. The settings are gentler ones. L2 and dropout have two each, chosen as before but by a single training; the others have one. So before you make much of a difference, look at the spread of the plain network over three seeds.
"""

# %%
predict(
    "regularization.all-pictures",
    "With 58,000 pictures, the best remedy lifts the accuracy on new pictures by ...",
    ["more than on 300 pictures", "less than a point, or nothing"],
)

# %%
DIALS = {
    "L1": (1e-6,),
    "L2": (1e-5, 1e-4),
    "dropout": (0.05, 0.2),
    "batch norm": (0.1,),
    "shifts": (1,),
    "L2 + dropout + shifts": (0.1,),
}
x_all, x_new = scaled(small[the_rest], small_test)
x_all, y_all = x_all[:10_000], y_train[the_rest[:10_000]]  # as many as there are new ones
_, x_choice = scaled(small[the_rest], small[for_choice])


def on_all(seed, epochs=2, **how):
    """Train on all pictures, and measure."""
    how = {"batch": 128, "rate": 0.1, "epochs": epochs} | how
    network, history, _ = learn(the_rest, seed, watch=watch_choice, **how)
    p = softmax(scores_of(network, x_new))
    return {
        "known": accuracy(scores_of(network, x_all).argmax(axis=1), y_all),
        "new": accuracy(p.argmax(axis=1), y_test),
        "loss": log_loss(p, y_test),
        "curve": history.metrics,
    }


plain = [on_all(seed) for seed in course_seeds(3)]
on_full = {}
for name, dial in DIALS.items():
    tried = {s: on_all(course_seed(0), **REMEDIES[name][1](s)) for s in dial}
    chosen_full = max(dial, key=lambda s, tried=tried: tried[s]["curve"]["accuracy"][-1])
    on_full[name] = (chosen_full, tried[chosen_full])
longer = on_all(course_seed(0), epochs=6)
plain_new = np.array([run["new"] for run in plain])


def full_line(name, setting, runs):
    known, new, loss = (np.mean([run[key] for run in runs]) for key in ("known", "new", "loss"))
    gain = 100 * (new - plain_new.mean())
    return f"{name:>21}  {setting:<7}{known:.1%}  {new:.1%}  {known - new:.1%}  {gain:+.1f}   {loss:.3f}"


print(f"{'':>21}  dial   known  new    gap   gain   loss")
print(
    full_line("nothing", "", plain),
    f"(3 seeds, new: {plain_new.min():.1%} to {plain_new.max():.1%})",
)
for name, (setting, run) in on_full.items():
    print(full_line(name, f"{setting:g}", [run]))
print(full_line("three times as long", "", [longer]))
kept, _ = early_stopping(longer["curve"]["loss"], patience=2)
print(
    f"early stopping would have kept epoch {kept} of the {len(longer['curve']['loss'])} of the longest training"
)

# %%
gains_full = {name: run["new"] - plain_new.mean() for name, (_, run) in on_full.items()}
winner_full = max(gains_full, key=gains_full.get)
reveal(
    "regularization.all-pictures",
    f"{100 * gains_full[winner_full]:+.1f} points ({winner_full}); to train three times as long {100 * (longer['new'] - plain_new.mean()):+.1f}",
    int(gains_full[winner_full] < max(0.01, gains[winner])),
)
three = ("dropout", "shifts", "L2")
gaps_300 = {n: (column(n, "known") - column(n, "new")).mean() for n in ("nothing", *three)}
claim("remedies-close-the-gap").judge(
    np.mean([gaps_300[n] for n in three]) < gaps_300["nothing"]
    and gains[winner] < 0.04
    and max(gains_full[n] for n in three) < 0.01,
    evidence="gap on 300 pictures "
    + ", ".join(f"{100 * gap:.0f} points with {n}" for n, gap in gaps_300.items())
    + "; gain on new pictures with 300 and with 58,000: "
    + ", ".join(f"{n} {100 * gains[n]:+.1f} and {100 * gains_full[n]:+.1f}" for n in three),
)

# %% [markdown]
r"""
With plenty of data there is hardly a gap to close. **What did not help here**: L1, L2, dropout, shifts, and all together. In two epochs the network is not even done with what the pictures tell. What holds it back costs accuracy, and a penalty so weak that it costs nothing brings nothing either. What did help was to train longer: the very thing that raised the small network's loss.

So remember which disease a remedy is for. Many pages recommend dropout and weight decay for every network. Against *under*fitting, when a network has not learned enough even of its own pictures, they do harm.

<details><summary>Would they help in a longer training?</summary>

They may. With far more epochs, or a much larger network, the gap opens on all pictures too, and then there is something to close. This page cannot afford to show that; `on_all(course_seed(0), epochs=30)`, with and without dropout, does.

</details>

## 9. More data

The surest remedy. How much does it bring, and can one foretell it? Train the plain network on 100, 200, ... 3,200 pictures (each size for as many steps as it takes to learn them) and draw the error against their number, both on logarithmic axes. If the points lie on a straight line, the error follows a **power law**

$$\text{error}(n) = a\,n^{-b}$$

and every doubling of the data divides it by the same factor, $2^b$. Then we carry the line on to 58,000 pictures, eighteen times the largest number used for it, and see.
"""

# %%
predict(
    "validation.power-law",
    "A straight line fits the errors at 100 to 3,200 pictures. Carried on to 58,000 pictures, it foretells ...",
    [
        "the error to within half a point",
        "too small an error: the curve bends",
        "too large an error: the curve falls faster",
    ],
)

# %%
sizes = [100, 200, 400, 800, 1600, 3200]
errors = []
for seed in course_seeds(3):
    order = np.random.default_rng(seed).permutation(the_rest)
    run = []
    for n in sizes:
        network, _, _ = learn(
            order[:n], seed, epochs=min(50, 64_000 // n), batch=min(64, n // 4)
        )
        _, x = scaled(small[order[:n]], small_test)
        run.append(1 - accuracy(scores_of(network, x).argmax(axis=1), y_test))
    errors.append(run)
errors = np.array(errors)  # (3, 6)
law = fit_power_law(np.tile(sizes, 3), errors.ravel())
bent = fit_power_law(np.tile(sizes, 3), errors.ravel(), floor=True)
checked = 1 - longer["new"]  # six epochs of all 58,000
everywhere = np.array([*sizes, 58_000])
missing = np.full((3, 1), np.nan)
plot.show(
    plot.lines(
        everywhere,
        {
            "measured (mean and reach of 3 seeds)": np.hstack([errors, missing]),
            "power law": law(everywhere),
            "power law with a floor": bent(everywhere),
            "all pictures: not used for the fit": np.append(np.full(6, np.nan), checked),
        },
        log="xy",
        xlabel="pictures to learn from",
        ylabel="error on new pictures",
        title="A learning curve, and what it foretells",
    )
)
within = np.abs(law(np.array(sizes)) / errors.mean(axis=0) - 1).max()
print(
    f"power law:              error = {law}; off by at most {within:.1%} of the error where it was fitted"
)
print(f"power law with a floor: error = {bent}")
print(f"every doubling divides the error by {2**law.exponent:.2f}")
print(
    f"at 58,000 pictures: the power law says {law(58_000):.1%}, with a floor {bent(58_000):.1%}, measured {checked:.1%}"
)

# %%
off = checked - law(58_000)
reveal(
    "validation.power-law",
    f"foretold {law(58_000):.1%}, measured {checked:.1%}",
    0 if abs(off) < 0.005 else 1 if off > 0 else 2,
)
claim("more-data-power-law").judge(
    within < 0.12 and 0.004 < off < 0.05,
    evidence=f"from 100 to 3,200 pictures n ** -{law.exponent:.2f} fits to within {within:.1%} of the error; "
    f"at 58,000 it foretells an error of {law(58_000):.1%}, measured {checked:.1%}",
)

# %% [markdown]
r"""
Over a factor of 32 the line fits well: that is what the studies on large models report too (Hestness et al., 2017). Carried on, it promises too much. The curve bends, because something stays that no amount of data removes: pictures that are ambiguous, all the more at 14 by 14 pixels, a network of one size, and a training that ends. (Six epochs are not the last word. Give `longer` twenty, and see how much of the distance to the line is left.) A floor in the formula bends the line too, but six sizes hardly tell by how much. So use the line to decide whether twice the data is worth its price, and not to promise what a hundred times would bring.

Now compare with section 7: what would twice the labels have brought, by the line, and what did the best remedy? The 2,000 pictures that we kept for *choosing* would have served better as training data. That is a real dilemma, and with few labels cross-validation is the way out of it.
"""

# %%
print(
    f"by the power law, the error with 300, 600 and 1,200 pictures: {law(300):.1%}, {law(600):.1%}, {law(1200):.1%}; "
    f"the best remedy on 300 took off {100 * gains[winner]:.1f} points"
)

# %% [markdown]
r"""
## When it breaks

Most accidents with remedies come from the difference between training and use. Here are two of them, and a third that comes from too much zeal.
"""

# %%
predict(
    "regularization.mistakes",
    "A trained network with batch normalisation is left in training mode and asked about pictures, 200 of one kind at a time. Its accuracy ...",
    ["stays the same", "falls by a few points", "falls by more than 20 points"],
)

# %%
rows = sample(300, 0)
x_known, x_new = scaled(small[rows], small_test)
dropped = tuned_networks["dropout", 0.5]
normed = tuned_networks["batch norm", chosen["batch norm"]]


def in_training_mode(network, x):
    """What it says if nobody calls eval()."""
    with no_grad():
        return network(Tensor(x)).numpy().argmax(axis=1)


def one_kind_at_a_time(say):
    """Accuracy if the pictures come sorted: batches of 200, each of one kind."""
    right = []
    for k in range(10):
        of_kind = np.flatnonzero(y_test == k)[:200]
        right.append(np.mean(say(x_new[of_kind]) == k))
    return float(np.mean(right))


good = one_kind_at_a_time(lambda x: scores_of(dropped, x).argmax(axis=1))
forgotten = one_kind_at_a_time(lambda x: in_training_mode(dropped, x))
twice = np.mean(
    in_training_mode(dropped, x_new[:1000]) != in_training_mode(dropped, x_new[:1000])
)
print(
    f"dropout, eval() forgotten: accuracy {good:.1%} becomes {forgotten:.1%}; asked twice, {twice:.1%} of the answers change"
)
good_norm = one_kind_at_a_time(lambda x: scores_of(normed, x).argmax(axis=1))
forgotten_norm = one_kind_at_a_time(lambda x: in_training_mode(normed, x))
print(
    f"batch norm, eval() forgotten, pictures sorted by kind: {good_norm:.1%} becomes {forgotten_norm:.1%}"
)
strangled, _, _ = learn(rows, course_seed(0), pull=lambda w: l2_penalty(w, 1.0)[1])
p = softmax(scores_of(strangled, x_new))
print(
    f"L2 with strength 1: known pictures {accuracy(scores_of(strangled, x_known).argmax(axis=1), y_train[rows]):.1%}, "
    f"new {accuracy(p.argmax(axis=1), y_test):.1%}, loss {log_loss(p, y_test):.2f} nats (log 10 is {np.log(10):.2f})"
)

# %%
fall = good_norm - forgotten_norm
reveal(
    "regularization.mistakes",
    f"{good_norm:.1%} becomes {forgotten_norm:.1%}",
    0 if fall < 0.005 else 1 if fall < 0.2 else 2,
)

# %% [markdown]
r"""
How to see them:

| what you see | what it is | what to do |
|---|---|---|
| training accuracy high, validation far below | overfitting | more data; then a remedy, chosen by validation |
| both low and alike | underfitting, or too strong a remedy | less restraint, a larger network, train longer |
| the same input gets another answer each time | dropout in use | `network.eval()` |
| good on shuffled test data, bad on sorted data or single examples | batch normalisation in training mode | `network.eval()` |
| loss near log K, all classes alike | a penalty so strong that nothing is learned | divide its strength by ten, again and again |
| validation better than the world outside | a leak, or choosing by the same set for too long | ask how a new example will come; open a fresh test set |

## Explain it back

**Q1.** You tried 60 settings, and took the one with the best test accuracy. What is that accuracy worth?

<details><summary>A. It is unbiased: none of the 60 networks learned from the test set.</summary>

**No.** None of them did, but you did. Of 60 measurements the highest is high by luck too.

</details>
<details><summary>B. It is too good; how much, depends on the size of the test set and on how many were tried.</summary>

**Right.** Each measurement is fair, their maximum is not. A large test set makes the harm small, a fresh one removes it.

</details>
<details><summary>C. It is worthless, and so is the network.</summary>

**No.** The network may well be the best. Only its number cannot be believed before it is measured on fresh examples.

</details>

**Q2.** Patients were photographed up to ten times each. How do you split?

<details><summary>A. At random, stratified by diagnosis.</summary>

**No.** Then the same patient is on both sides, and recognising the patient is enough.

</details>
<details><summary>B. By patient.</summary>

**Right.** The question is how the model does on patients whom it has never seen.

</details>
<details><summary>C. By day of the photograph.</summary>

**No.** Patients who came on several days are on both sides still. (For a model that is to be used *later*, splitting by time as well is a good idea.)

</details>

**Q3.** Dropout with p = 0.5 is on while training. Why are the numbers that stay doubled?

<details><summary>A. So that the next layer's sums have, on average, the size that they will have in use.</summary>

**Right.** In use all neurons speak. Without the factor every sum would be twice what the weights were trained for.

</details>
<details><summary>B. To make up for the smaller gradient.</summary>

**No.** The gradient has the same factor, but that is a consequence. What has to agree is training and use.

</details>
<details><summary>C. It makes the training faster.</summary>

**No.** Dropout rather needs more epochs.

</details>

**Q4.** A remedy has closed the gap from 25 to 10 points. Is the network better?

<details><summary>A. Yes, it overfits less.</summary>

**No.** It may have become worse on both sides: a network that has learned nothing has no gap at all.

</details>
<details><summary>B. One cannot tell from the gap.</summary>

**Right.** Look at the accuracy, and at the loss, on new examples.

</details>
<details><summary>C. No, since it does worse on its training data.</summary>

**No.** That alone is no harm. What counts is what it does on new examples.

</details>

**Q5.** (From notebook 04.) Why can the engine train with your dropout, although you never wrote its gradient?

<details><summary>A. Because random numbers have gradient 0.</summary>

**No.** The gradient with respect to the mask is not needed; that with respect to x is, and it is not 0.

</details>
<details><summary>B. The layer multiplies by factors that are constants for the graph, and the engine knows the rule of a product.</summary>

**Right.** The same factors multiply the numbers on the way forward and the gradient on the way back.

</details>
<details><summary>C. The engine measures it numerically.</summary>

**No.** It applies the rule of each operation: exact, and in one pass.

</details>

**Q6.** (From notebook 02.) A network has 75 right out of 100, and its mean confidence is 0.95. What is that called, and which of today's remedies helped most?

<details><summary>A. Overfitting; more layers help.</summary>

**No.** More freedom makes it worse.

</details>
<details><summary>B. It is badly calibrated: too sure. A penalty on the weights or stopping early brought the two numbers closer together.</summary>

**Right.** The accuracy hardly changed, the honesty of the probabilities did.

</details>
<details><summary>C. Underfitting; train longer.</summary>

**No.** Longer training was what made it so sure.

</details>

## Go further

**A project.** You have 300 pictures and nothing else: no 2,000 pictures for choosing. Choose between three remedies, each with three strengths, by cross-validation within the 300, then open the test set once. Do it for five samples. How often do you choose what this page chose, how much accuracy does the poorer choice cost, and does cross-validation foretell the test accuracy? Then take the better half of your 300 as *more training data* instead, with a fixed remedy. What would you advise somebody with 300 labels?

**Sources.**
M. Stone (1974), *Cross-validatory choice and assessment of statistical predictions*.
C. Ambroise and G. McLachlan (2002), *Selection bias in gene extraction on the basis of microarray gene-expression data*: exhibit 1, as it really happened.
S. Kaufman, S. Rosset, C. Perlich and O. Stitelman (2012), *Leakage in data mining*.
A. Krogh and J. Hertz (1991), *A simple weight decay can improve generalization*.
L. Prechelt (1998), *Early stopping, but when?*
N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov (2014), *Dropout*.
S. Ioffe and C. Szegedy (2015), *Batch normalization*.
C. Zhang, S. Bengio, M. Hardt, B. Recht and O. Vinyals (2017), *Understanding deep learning requires rethinking generalization*.
J. Hestness et al. (2017), *Deep learning scaling is predictable, empirically*.
C. Guo, G. Pleiss, Y. Sun and K. Weinberger (2017), *On calibration of modern neural networks*.
J.-L. Reyes-Ortiz, D. Anguita, L. Oneto and X. Parra (2015), *Smartphone-based recognition of human activities and postural transitions*: the data set `har`.
"""
