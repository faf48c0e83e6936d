# %% [markdown]
r"""
# Deep or classical: a fair contest

**The question.** You have some data and an evening. Should you train a network, or is a method from the textbook of 1995 as good, or better, and done in a second? How do you find out without fooling yourself?

**After this notebook you will be able to**

- compare methods by one protocol: the same data, the same number of trials, one look at the test set;
- put an interval around an accuracy and around a difference of two, and say which differences mean something;
- make features by hand, from pictures (HOG) and from text (bag of words), and measure what they are worth;
- draw learning curves and find where one method catches up with another;
- say what you would try first on a table, on pictures, on text, and why.

**Builds on** 04 Autograd: the engine; 05 Optimizers: Adam; 06 Generalization: splits, copies that leak, overfitting. **Time** about 90 minutes, of which your computer needs less than a minute.
"""

# %%
import pickle
import time
from functools import cache

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from coursekit import datasets, plot, train
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.comparison import resample
from coursekit.metrics import accuracy, mean_and_spread
from coursekit.predict import predict, reveal
from coursekit.scratch import conv, hog, nn, optim
from coursekit.scratch.autograd import Tensor, no_grad
from coursekit.settings import course_rng, course_seed
from coursekit.tables import deal_with_twins, twins_of
from coursekit.text import vocabulary, words
from coursekit.tuning import draw_settings

# %% [markdown]
r"""
## 1. The rules

Most comparisons that you read are won before they begin. The author's own method was tuned for weeks, the rival ran with its default settings; or the better of two runs was reported; or the difference is smaller than what another test set would have changed. So the rules come first, and they are the same for everybody:

1. **One split.** All methods learn from the same training rows and are tested on the same test rows.
2. **Equal tuning.** Each method may try the same number of **settings** (its dials: learning rate, strength of restraint, depth ...). Here that number is 4.
3. **Choose on the validation set**, never on the test set.
4. **Fit once more.** With the settings chosen, the method learns from training *and* validation rows: they have done their service.
5. **Test once.**
6. **No number without an interval**, no difference without an interval of the *difference*.
7. **Report the price**: time to fit, time to predict, size.

For us a method is a function `fit(x, y, **settings)`, which learns and returns another function, `predict(x)`. Whatever happens to the data on the way (scaling, counting words) belongs to the method and is learned from the training rows only. So rules 2 to 5 fit into one short function. It gets the test rows without their labels: nobody can choose by what is not there.
"""


# %% tags=["exercise"]
@exercise("contest.tune_and_test")
def tune_and_test(fit, settings, train, validation, x_test):
    """Choose settings on the validation set, fit once more, predict the test set.

    fit : fit(x, y, **settings) returns a function predict(x). settings : a list of dicts.
    train, validation : each a pair (x, y). x_test : rows without labels.
    Returns chosen (one of the dicts; the first among equally good ones), scores (a list: the
    validation accuracy of each trial), predicted (the classes of x_test).
    accuracy(predicted, labels) is imported.
    """
    ### BEGIN SOLUTION
    scores = [
        accuracy(fit(*train, **trial)(validation[0]), validation[1]) for trial in settings
    ]
    chosen = settings[int(np.argmax(scores))]
    x = np.concatenate([train[0], validation[0]])
    y = np.concatenate([train[1], validation[1]])
    return chosen, scores, fit(x, y, **chosen)(x_test)
    ### END SOLUTION


# %% [markdown]
r"""
Where do the settings come from? For each dial we write down some sensible values, and `draw_settings` draws 4 different combinations by lot. Drawing is better than a grid (Bergstra and Bengio, 2012): where one dial matters and the other does not, a grid of 2 by 2 tries only two values of the one that matters. And 4 draws are 4 draws, whether a method has one dial or five. A person who tunes the network for an evening and the forest for a minute has broken rule 2, even if nobody sees it.

The rest of the machinery measures the price: a stopwatch around every fit and every prediction, and the size of what would have to be stored.
"""

# %%
TRIALS = 4


class Network:
    """A trained network, together with what is done to the data before."""

    def __init__(self, module, prepare):
        self.module, self.prepare = module.eval(), prepare

    def predict(self, x):
        with no_grad():
            scores = [
                self.module(Tensor(self.prepare.transform(x[k : k + 500]))).data
                for k in range(0, len(x), 500)
            ]
        return np.concatenate(scores).argmax(axis=1)


def fit_network(build, prepare, x, y, *, lr, epochs, rng, batch=64):
    """Prepare the rows, build a network that fits them, and train it by Adam, with a rate that falls to zero."""
    rows = prepare.fit_transform(x)
    module = build(rows)
    optimizer = optim.Adam(module.train().parameters(), lr=lr)
    batches = datasets.batches(rows, y, min(batch, len(x)), rng=rng, drop_last=True)
    total, done = epochs * len(batches), 0

    def step(x, labels):
        nonlocal done
        optimizer.lr = lr * (1 - done / total)
        optimizer.zero_grad()
        loss = nn.cross_entropy(module(Tensor(x)), labels)
        loss.backward()
        optimizer.step()
        done += 1
        return loss.item()

    train.fit(step, batches, epochs=epochs, progress=False)
    return Network(module, prepare).predict


def size_of(predict):
    """Bytes that must be stored to predict again tomorrow."""
    model = predict.__self__
    if isinstance(model, Network):
        model = (model.module.state_dict(), model.prepare)
    return len(pickle.dumps(model))


def watched(fit, price):
    """The same method, but every fit and every prediction leaves its price; the last one stays."""

    def fit_and_note(x, y, **settings):
        start = time.perf_counter()
        predict = fit(x, y, **settings)
        price["fit"] = time.perf_counter() - start

        def predict_and_note(x_new):
            start = time.perf_counter()
            found = predict(x_new)
            price["predict"] = (time.perf_counter() - start) / len(x_new)
            price["bytes"] = size_of(predict)
            return found

        return predict_and_note

    return fit_and_note


def contest(methods, data):
    """The protocol for a list of methods on one kind of data."""
    training, validation, (x_test, y_test) = data
    results = {}
    for k, (name, (kind, fit, choices)) in enumerate(methods.items()):
        price = {}
        settings = draw_settings(choices, TRIALS, rng=course_rng(k))
        chosen, scores, predicted = tune_and_test(
            watched(fit, price), settings, training, validation, x_test
        )
        right = predicted == y_test
        results[name] = {
            "kind": kind,
            "chosen": chosen,
            "settings": settings,
            "scores": scores,
            "right": right,
            **price,
        }
        print(
            f"{name:>24}: validation {min(scores):.1%} to {max(scores):.1%}, test {right.mean():.1%}  {chosen}"
        )
    return results


# %% [markdown]
r"""
## 2. How sure is an accuracy?

A test set is a sample. With another one of the same size the accuracy would have been a little different: by how much? If only we had a thousand test sets.

The **bootstrap** (Efron, 1979) makes them out of the one there is: draw N rows from its N rows **with replacement**, so that some come twice or more and others not at all. That is a new test set of the same size, of the same kind. Compute the accuracy on it. Do this a thousand times, and see how the accuracies spread: leave out the lowest and the highest fortieth, and what lies between is an interval that holds 95 in 100 of them.

All the chance is in the draws: a table with one row of row numbers for each drawn test set. The function `resample` makes it.
"""


# %% tags=["exercise"]
@exercise("bootstrap.interval")
def bootstrap_interval(values, draws, level=0.95):
    """The range of the mean of values over most of the drawn test sets.

    values : (N,), one number for each test example, such as whether it was predicted right.
    draws : (S, N), row numbers; each row is a drawn test set. level : the share of the S means
    that lies inside; the rest is left out at both ends alike. Returns low, high.
    """
    ### BEGIN SOLUTION
    means = values[draws].mean(axis=1)  # (S,)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
    ### END SOLUTION


# %%
coin = course_rng(1).random(1000) < 0.85  # right on 85 of 100 examples, in the long run
for n in (100, 1000):
    low, high = bootstrap_interval(coin[:n], resample(n, rng=course_rng(2)))
    print(
        f"{n:>5} test examples: accuracy {coin[:n].mean():.1%}, interval {low:.1%} to {high:.1%}"
    )

# %% [markdown]
r"""
Ten times as many test examples make the interval about three times as narrow: it shrinks with $\sqrt{N}$. Remember how wide it is with a hundred.

Now two methods. One might make an interval for each and look whether they overlap. That is far too strict, because both were tested on the *same* examples: a drawn test set with many hard examples pulls both down. So subtract first, example by example, and make the interval of the difference.
"""


# %% tags=["exercise"]
@exercise("bootstrap.paired")
def paired_bootstrap(right_a, right_b, draws, level=0.95):
    """By how much A is more accurate than B, and the interval of that difference.

    right_a, right_b : (N,), where each was right, on the same examples. draws : (S, N).
    Returns difference, low, high. Use your bootstrap_interval.
    """
    ### BEGIN SOLUTION
    gained = right_a.astype(float) - right_b  # (N,): 1, 0 or -1
    low, high = bootstrap_interval(gained, draws, level)
    return float(gained.mean()), low, high
    ### END SOLUTION


# %%
predict(
    "bootstrap.pairs",
    "A is right on 85 of 100 examples. B is right on the same examples, except for 3 in 100 where only A is right. With 1,000 test examples, is the difference clear?",
    [
        "by both ways of looking at it",
        "only by the interval of the difference",
        "only by the two single intervals",
        "by neither",
    ],
)

# %%
only_a = coin & (course_rng(3).random(1000) < 0.03 / 0.85)
twin = coin & ~only_a
draws = resample(1000, rng=course_rng(4))
(low_a, high_a), (low_b, high_b) = (bootstrap_interval(r, draws) for r in (coin, twin))
gain, low, high = paired_bootstrap(coin, twin, draws)
alone, together = low_a > high_b, low > 0
reveal(
    "bootstrap.pairs",
    f"A {low_a:.1%} to {high_a:.1%}, B {low_b:.1%} to {high_b:.1%}; the difference {gain:.1%}: {low:.1%} to {high:.1%}",
    {(True, True): 0, (False, True): 1, (True, False): 2, (False, False): 3}[alone, together],
)

# %% [markdown]
r"""
What the interval covers is the luck of the *test* set. The luck of the *training* (another sample of training rows, another random start) comes on top. Section 7 repeats whole trainings to see that part.

## 3. A table: spam

4,601 e-mails, each described by 57 numbers that people thought up in 1999: how often *free* occurs, how often `$`, how long the runs of capitals are. Was it spam? The data set has many copies of the same mail. Our test set has none of the mails that we learn from (`datasets.load` sees to it), and the validation set is dealt out in the same way: notebook 06 showed what happens otherwise.

<details><summary>The classical methods in a sentence each</summary>

- **Logistic regression** (notebook 01): weighted sums and a softmax, so borders between classes are straight. Its dial C is the inverse of weight decay (notebook 06): the smaller C, the smaller the weights.
- **Support vectors** (SVM): the border with the widest margin to the nearest examples. With the usual kernel it is a weighted vote of training examples, the nearer the stronger: gamma says how fast the vote fades with distance, C how dear a mistake is. The border can bend.
- A **decision tree** asks one question after another, each about one column ("more than 0.3 per cent `$`?"). A **random forest** lets many trees vote, each grown on a bootstrap sample of the rows (section 2!), choosing at each question among a few columns drawn by lot (`max_features`).
- **Gradient boosting** grows small trees one after another; each corrects a little (`learning_rate`) of what those before got wrong.

</details>

Frequencies are skewed: most are zero, a few are large. So every method that minds gets $\log(1 + x)$ and then columns of mean 0 and spread 1; trees do not mind, they only ask whether a number is above a threshold. Is that already feature engineering? A little, and both sides get it.
"""


# %%
def keep_back(x, y, keys, fraction, rng):
    """Training and validation rows; copies of a row stay together."""
    kept, rest = deal_with_twins(
        rng.random(len(x)), [fraction, 1 - fraction], y, twins_of(keys)
    )
    return (x[rest], y[rest]), (x[kept], y[kept])


spam = datasets.load("spambase")
spam_data = (
    *keep_back(
        spam.x_train, spam.y_train, [row.tobytes() for row in spam.x_train], 0.25, course_rng(5)
    ),
    (spam.x_test, spam.y_test),
)
print(spam)
print(
    f"\n{len(spam_data[0][1]):,} rows to learn from, {len(spam_data[1][1]):,} to choose by, {len(spam.y_test):,} to test on"
)

# %%
predict(
    "contest.table",
    "Five methods on this table: logistic regression, support vectors, random forest, gradient boosting, a network with one hidden layer. Best and worst differ by about ...",
    [
        "1 point or less",
        "2 to 3 points",
        "5 points or more, the network leads",
        "5 points or more, the network is last",
    ],
)


# %%
def scaled():
    """What is done to a row of frequencies before a method that minds the scale sees it."""
    return make_pipeline(FunctionTransformer(np.log1p), StandardScaler())


def table_logistic(x, y, C):
    return make_pipeline(scaled(), LogisticRegression(C=C, max_iter=500)).fit(x, y).predict


def table_vectors(x, y, C, gamma):
    return make_pipeline(scaled(), SVC(C=C, gamma=gamma)).fit(x, y).predict


def table_forest(x, y, max_features, seed=0):
    forest = RandomForestClassifier(
        60, max_features=max_features, random_state=course_seed(seed)
    )
    return forest.fit(x, y).predict


def table_boosting(x, y, learning_rate, max_leaf_nodes):
    trees = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_leaf_nodes=max_leaf_nodes,
        random_state=course_seed(0),
    )
    return trees.fit(x, y).predict


class Floats:
    """A step of scikit-learn whose result a network of the course's engine can take."""

    def __init__(self, step):
        self.step = step

    def fit_transform(self, x):
        return self.step.fit_transform(x).astype(np.float32)

    def transform(self, x):
        return self.step.transform(x).astype(np.float32)


def hidden_layer(width, classes, dropout, rng):
    """How to build a network with one hidden layer, once the rows are prepared."""
    return lambda rows: nn.Sequential(
        nn.Linear(rows.shape[1], width, rng=rng),
        nn.ReLU(),
        nn.Dropout(dropout, rng=rng),
        nn.Linear(width, classes, rng=rng),
    )


def table_network(x, y, lr, dropout, seed=0):
    rng = np.random.default_rng(course_seed(seed))
    build = hidden_layer(64, 2, dropout, rng)
    epochs = max(20, 6000 // len(x))  # few rows: more rounds, so that it can learn them
    return fit_network(build, Floats(scaled()), x, y, lr=lr, epochs=epochs, rng=rng)


RATES = [2e-3, 6e-3, 2e-2]
table_methods = {
    "logistic regression": ("classical", table_logistic, {"C": [0.03, 0.1, 0.3, 1]}),
    "support vectors": (
        "classical",
        table_vectors,
        {"C": [1, 4, 16], "gamma": [0.01, 0.03]},
    ),
    "random forest": (
        "classical",
        table_forest,
        {"max_features": [3, 6, 12, 24]},
    ),
    "gradient boosting": (
        "classical",
        table_boosting,
        {"learning_rate": [0.05, 0.1, 0.2], "max_leaf_nodes": [8, 16]},
    ),
    "network, 1 hidden layer": ("deep", table_network, {"lr": RATES, "dropout": [0.2, 0.5]}),
}
table = contest(table_methods, spam_data)


# %%
@cache
def draws_of(n):
    """The drawn test sets for n test examples: the same ones for every method."""
    return resample(n, rng=course_rng(6))


def show_contest(results, title):
    """The accuracies with their intervals, the best first."""
    draws = draws_of(len(next(iter(results.values()))["right"]))
    best_first = sorted(results, key=lambda name: -results[name]["right"].mean())
    rows = {
        name: (
            100 * results[name]["right"].mean(),
            *(100 * np.array(bootstrap_interval(results[name]["right"], draws))),
        )
        for name in best_first
    }
    kinds = {name: results[name]["kind"] for name in results}
    plot.show(plot.intervals(rows, xlabel="test accuracy (%)", kinds=kinds, title=title))


def difference(results, a, b):
    """A minus B with its interval, as numbers and as words."""
    right_a, right_b = results[a]["right"], results[b]["right"]
    found = paired_bootstrap(right_a, right_b, draws_of(len(right_a)))
    points = [100 * number for number in found]
    return (
        found,
        f"{a} minus {b}: {points[0]:+.1f} points ({points[1]:+.1f} to {points[2]:+.1f})",
    )


def best(results, kind):
    """The method of a kind that did best on the validation set: the test set does not choose."""
    return max(
        (name for name in results if results[name]["kind"] == kind),
        key=lambda name: max(results[name]["scores"]),
    )


show_contest(table, f"Spam or not, {len(spam.y_test):,} test e-mails")
spread = np.ptp([100 * r["right"].mean() for r in table.values()])
reveal(
    "contest.table",
    f"best and worst are {spread:.1f} points apart",
    0
    if spread <= 1.5
    else 1
    if spread < 4
    else 2
    if max(table, key=lambda n: table[n]["right"].mean()).startswith("network")
    else 3,
)
print(difference(table, best(table, "deep"), best(table, "classical"))[1])

# %% [markdown]
r"""
The intervals overlap for the most part. On this table it matters little which of these methods you take, as long as you take some care. (Grinsztajn, Oyallon and Varoquaux, 2022, compared trees and networks on 45 tables, with far more tuning: trees won on most.)
"""

# %% [markdown]
r"""
## 4. Pictures: features by hand

A pixel by itself says next to nothing. For decades people therefore designed **features**: numbers computed from a picture that say what matters and leave out what does not. One of the most successful, the **histogram of oriented gradients** (HOG; Dalal and Triggs, 2005), says where in the picture which directions of edges are.

It goes in three steps.

**Gradients.** How does brightness change at each pixel? Let $g_x$ be the difference between its right and its left neighbour, $g_y$ between the one below and the one above. The **magnitude** $\sqrt{g_x^2 + g_y^2}$ says how strong the edge is, the **angle** of $(g_x, g_y)$ its direction. We do not care whether it goes from dark to bright or back, so angles run from 0 to $\pi$ only.

**Cells.** Cut the picture into cells of 4 by 4 pixels. In each cell, count the edges by direction, in $B = 9$ bins. Each pixel votes with its magnitude. A hard border between bins would make the numbers jump when an edge turns a little, so a pixel gives its vote to *two* bins: bin $b$ has its middle at $(b + \frac12)\frac{\pi}{B}$, and a pixel that lies a quarter of the way from one middle to the next gives three quarters to the one and one quarter to the other. The last bin and the first are neighbours, because $\pi$ is the same direction as 0.

**Blocks.** How strong an edge is depends on the light. So take each block of 2 by 2 cells, a vector of 36 numbers, and divide it by its length (the root of the sum of squares). Blocks overlap, so a cell counts in several.
"""


# %% tags=["exercise"]
@exercise("hog.orientation_histogram")
def orientation_histogram(magnitude, angle, bins=9):
    """How much edge there is in each direction, cell by cell.

    magnitude, angle : (M, P), of the P pixels of each of M cells; angles from 0 to pi.
    Returns an array (M, bins): each pixel shares its magnitude between the two bins whose
    middles, (b + 0.5) pi / bins, lie on either side of its angle: 1 - d each, d the distance
    in bins. The last bin and the first are neighbours.
    """
    ### BEGIN SOLUTION
    position = angle / np.pi * bins - 0.5  # (M, P): where among the middles
    histogram = np.zeros((len(magnitude), bins))
    for b in range(bins):
        d = np.abs(position - b)
        d = np.minimum(d, bins - d)  # around the corner
        histogram[:, b] = (magnitude * np.maximum(0, 1 - d)).sum(axis=1)
    return histogram
    ### END SOLUTION


# %% [markdown]
r"""
What your histogram sees in three pictures: a stroke *along* each direction of edge, the longer, the more of it.
"""

# %%
fashion = datasets.load("fashion_mnist")
pictures = np.array(
    [fashion.x_train[np.flatnonzero(fashion.y_train == k)[0]] for k in (9, 3, 5)]
)
cells = hog.cell_histograms(pictures / 255, histogram=orientation_histogram)  # (3, 7, 7, 9)
for picture, cell, k in zip(pictures, cells, (9, 3, 5), strict=True):
    plot.show(plot.edges(picture, cell, title=fashion.class_names[k]))
mine = hog.hog(fashion.x_test[:200], histogram=orientation_histogram)
difference_to_course = np.abs(mine - hog.hog(fashion.x_test[:200])).max()
print(
    f"{mine.shape[1]:,} features a picture; largest difference between yours and the course's: {difference_to_course:.0e}"
)

# %% [markdown]
r"""
`hog.hog` does the same for thousands of pictures a second; we take it from here on.

The contestants. Each method on **pixels** sees brightness and nothing else. Each method on **HOG** sees your features. The network with convolutions (its layers come in notebook 09) slides small filters of weights over the picture, and learns what they should look for: the filters of its first layer take the place of your gradients, but nobody designed them. Support vectors are slow with a thousand numbers a picture, so they get only the 80 directions in which the numbers vary most (found by PCA, which notebook 11 explains), as people did; so does the network on HOG.

So that your computer is done in half a minute, we learn from 2,500 of the 60,000 pictures: every method from the same 2,500 (1,500 to learn from while we choose, 1,000 to choose by). Keep that in mind when you read the result. Section 7 asks what more pictures would change.
"""

# %%
predict(
    "hog.winner",
    "With 2,500 pictures to learn from, which of these is the most accurate?",
    [
        "random forest on pixels",
        "support vectors on pixels",
        "support vectors on HOG",
        "network with convolutions on pixels",
    ],
)


# %%
def from_pixels():
    return FunctionTransformer(datasets.to_float)


def from_hog():
    return FunctionTransformer(hog.hog)


def main_directions(x, most=80):
    directions = min(most, len(x) - 1)
    return PCA(directions, svd_solver="randomized", random_state=course_seed(0))


def image_logistic(x, y, C):
    model = LogisticRegression(C=C, tol=1e-3, max_iter=300)
    return make_pipeline(from_pixels(), model).fit(x, y).predict


def image_forest(x, y, max_features, seed=0):
    forest = RandomForestClassifier(
        30, max_features=max_features, random_state=course_seed(seed)
    )
    return make_pipeline(from_pixels(), forest).fit(x, y).predict


def image_vectors(x, y, C, gamma):
    model = SVC(C=C, gamma=gamma)
    return make_pipeline(from_pixels(), main_directions(x), model).fit(x, y).predict


def logistic(features, y, C):
    return LogisticRegression(C=C, tol=1e-3, max_iter=300).fit(features, y).predict


def directions_logistic(features, y, C):
    model = LogisticRegression(C=C, tol=1e-3, max_iter=300)
    return make_pipeline(main_directions(y, most=40), model).fit(features, y).predict


def directions_vectors(features, y, C, gamma):
    return make_pipeline(main_directions(y), SVC(C=C, gamma=gamma)).fit(features, y).predict


def hog_logistic(x, y, C):
    model = LogisticRegression(C=C, tol=1e-3, max_iter=300)
    return make_pipeline(from_hog(), model).fit(x, y).predict


def hog_vectors(x, y, C, gamma):
    return (
        make_pipeline(from_hog(), main_directions(x), SVC(C=C, gamma=gamma)).fit(x, y).predict
    )


class Pixels:
    """Pixels for a network: mean 0 and spread 1 over the training pictures; as rows, or as pictures of one colour."""

    def __init__(self, shape):
        self.shape = shape

    def fit_transform(self, x):
        self.mean, self.spread = x.mean() / 255, x.std() / 255
        return self.transform(x)

    def transform(self, x):
        x = (datasets.to_float(x) - self.mean) / self.spread
        return x.astype(np.float32).reshape(-1, *self.shape)


def image_network(x, y, lr, dropout):
    rng = np.random.default_rng(course_seed(0))
    build = hidden_layer(64, 10, dropout, rng)
    return fit_network(build, Pixels((784,)), x, y, lr=lr, epochs=10, rng=rng, batch=32)


def hog_network(x, y, lr, dropout):
    rng = np.random.default_rng(course_seed(0))
    prepare = Floats(make_pipeline(from_hog(), main_directions(x), StandardScaler()))
    build = hidden_layer(64, 10, dropout, rng)
    return fit_network(build, prepare, x, y, lr=lr, epochs=10, rng=rng, batch=32)


def image_convolutions(x, y, lr, width=12, seed=0):
    rng = np.random.default_rng(course_seed(seed))

    def build(rows):  # (N, 1, 28, 28)
        return nn.Sequential(
            conv.Conv2d(1, width, 5, stride=2, padding=2, rng=rng),  # (N, width, 14, 14)
            nn.ReLU(),
            conv.Conv2d(
                width, 2 * width, 3, stride=2, padding=1, rng=rng
            ),  # (N, 2 width, 7, 7)
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * width * 49, 10, rng=rng),
        )

    epochs = max(7, 6000 // len(x))
    return fit_network(
        build, Pixels((1, 28, 28)), x, y, lr=lr, epochs=epochs, rng=rng, batch=32
    )


image_methods = {
    "logistic regr., pixels": ("classical", image_logistic, {"C": [0.01, 0.03, 0.1, 0.3]}),
    "forest, pixels": (
        "classical",
        image_forest,
        {"max_features": [7, 14, 28, 42]},
    ),
    "support v., pixels": (
        "classical",
        image_vectors,
        {"C": [3, 10], "gamma": ["scale", 0.01, 0.03]},
    ),
    "logistic regr., HOG": ("classical", hog_logistic, {"C": [0.1, 0.3, 1, 3]}),
    "support v., HOG": (
        "classical",
        hog_vectors,
        {"C": [1, 3, 10], "gamma": ["scale", 0.1]},
    ),
    "network, pixels": (
        "deep",
        image_network,
        {"lr": [1e-3, 3e-3, 1e-2], "dropout": [0.2, 0.5]},
    ),
    "network, HOG": (
        "deep on hand-made",
        hog_network,
        {"lr": [1e-3, 3e-3, 1e-2], "dropout": [0.2, 0.5]},
    ),
    "convolutions, pixels": (
        "deep",
        image_convolutions,
        {"lr": [1e-3, 2e-3, 4e-3, 8e-3]},
    ),
}
order = course_rng(7).permutation(60000)
fit_rows, choice_rows = order[:1500], order[1500:2500]
test_rows = course_rng(8).permutation(10000)[:4000]
image_data = (
    (fashion.x_train[fit_rows], fashion.y_train[fit_rows]),
    (fashion.x_train[choice_rows], fashion.y_train[choice_rows]),
    (fashion.x_test[test_rows], fashion.y_test[test_rows]),
)
image = contest(image_methods, image_data)

# %%
show_contest(image, "Clothes, 2,500 pictures to learn from")
contestants = [
    "forest, pixels",
    "support v., pixels",
    "support v., HOG",
    "convolutions, pixels",
]
shares = [image[name]["right"].mean() for name in contestants]
reveal(
    "hog.winner",
    ", ".join(f"{n}: {a:.1%}" for n, a in zip(contestants, shares, strict=True)),
    int(np.argmax(shares)),
)
pairs = [
    ("support v., HOG", "support v., pixels"),
    ("network, HOG", "network, pixels"),
    ("convolutions, pixels", "network, pixels"),
    ("convolutions, pixels", "forest, pixels"),
    ("convolutions, pixels", "support v., pixels"),
    ("support v., HOG", "convolutions, pixels"),
]
gains = {pair: difference(image, *pair) for pair in pairs}
for _, words_for_it in gains.values():
    print(words_for_it)

# %%
rows = {f"{a} - {b}": tuple(100 * np.array(found)) for (a, b), (found, _) in gains.items()}
plot.show(
    plot.intervals(
        rows,
        xlabel="difference in accuracy (points)",
        ylabel="A - B",
        zero=True,
        title="Who is better, and by how much",
    )
)
hog_lifts = gains["support v., HOG", "support v., pixels"][0]
learned_lifts = gains["convolutions, pixels", "forest, pixels"][0]
hog_leads = gains["support v., HOG", "convolutions, pixels"][0]
claim("no-feature-engineering").judge(
    hog_lifts[1] > 0 and learned_lifts[1] > 0 and hog_leads[1] > 0,
    evidence=f"HOG lifts support vectors by {100 * hog_lifts[0]:.1f} points; learned filters lead a forest on pixels by "
    f"{100 * learned_lifts[0]:.1f}; with 2,500 pictures hand-made features still lead learned ones by {100 * hog_leads[0]:.1f} "
    f"({100 * hog_leads[1]:.1f} to {100 * hog_leads[2]:.1f})",
)

# %% [markdown]
r"""
Two things are true at once. The network with convolutions *does* learn its own features: it starts from bare pixels and leaves the forest behind, and is a little ahead of logistic regression. And the features that people designed are worth more here, to a support vector machine and to a plain network alike (look at the second line: the same kind of network, with and without HOG). Knowledge that you put in need not be learned from examples, and with 2,500 examples that counts.

So "deep learning needs no feature engineering" means: it can do *without*, if there is enough data to learn them from. What is enough? Section 7.

## 5. Text: count words

*A film so willfully over the top it is good?* Film critics' sentences, each rated by people from very negative to very positive (Hutto and Gilbert, 2014). We ask only for the sign. Sentences that people could not agree on are left out.

A method wants numbers. The oldest way to make them is to count how often each known word occurs: a **bag of words**, because the order is lost. *Not good, bad* and *not bad, good* fall into the same bag.
"""


# %% tags=["exercise"]
@exercise("bag.word_counts")
def word_counts(texts, known):
    """How often each known word occurs in each text.

    texts : a list of N texts. known : a list of V different words, in small letters.
    Returns an array of floats, (N, V). The function words is imported: words("It isn't BAD.")
    gives ["it", "isn't", "bad"].
    """
    ### BEGIN SOLUTION
    column = {word: k for k, word in enumerate(known)}
    counts = np.zeros((len(texts), len(known)))
    for n, text in enumerate(texts):
        for word in words(text):
            if word in column:
                counts[n, column[word]] += 1
    return counts
    ### END SOLUTION


# %%
film = datasets.load("movie_snippets")
few = film.x_train[:300]
known = vocabulary(few)
counts = word_counts(few, known)
theirs = CountVectorizer(tokenizer=words, token_pattern=None, vocabulary=known).transform(few)
print(f"{len(known):,} different words in {len(few)} sentences")
print(
    f"{np.mean(counts == 0):.1%} of the table are zeros; largest difference to scikit-learn's: {abs(theirs - counts).max():.0f}"
)
for text, label in zip(film.x_train[:3], film.y_train[:3], strict=True):
    print(f"{film.class_names[label]}: {text}")

# %% [markdown]
r"""
Nearly all of the table are zeros, so scikit-learn stores only the others; we take its `CountVectorizer` from here on. **tf-idf** makes common words count less. **Naive Bayes** asks how much more often each word occurs in positive than in negative sentences, and multiplies, as if words were independent: wrong, fast, and hard to beat. Pairs of neighbouring words ("not good") bring a little of the order back.

On the deep side: a network on the counts, and **word vectors**: each word is a point in a space of 16 dimensions, a row of a table that is learned like any other weights (`nn.Embedding`); a sentence is the mean of its words; a last layer decides. That is no more than a dense layer on counts, without its ReLU: the mean of the vectors of a sentence's words is the same as its word counts, divided by their sum, times the table. A cell below checks it.
"""

# %%
predict(
    "contest.text",
    "4,000 sentences to learn from. The best network against the best classical method:",
    [
        "the network is clearly better",
        "no clear difference",
        "the classical method is clearly better",
    ],
)


# %%
def text_bayes(x, y, alpha, longest):
    counts = CountVectorizer(binary=True, ngram_range=(1, longest))
    return make_pipeline(counts, MultinomialNB(alpha=alpha)).fit(x, y).predict


def tf_idf(longest):
    return TfidfVectorizer(sublinear_tf=True, ngram_range=(1, longest))


def text_logistic(x, y, C, longest):
    return make_pipeline(tf_idf(longest), LogisticRegression(C=C, tol=1e-3)).fit(x, y).predict


def text_vectors(x, y, C, longest):
    return make_pipeline(tf_idf(longest), LinearSVC(C=C)).fit(x, y).predict


class Bag:
    """Whether each known word occurs in a text; known are those of at least two training texts."""

    def fit_transform(self, x):
        self.counts = CountVectorizer(binary=True, min_df=2, dtype=np.float32).fit(x)
        return self.transform(x)

    def transform(self, x):
        return self.counts.transform(x).toarray()  # (N, V)


class WordNumbers:
    """The words of a text as row numbers of a table; 0 stands for no word."""

    longest = 40

    def fit_transform(self, x):
        self.known = vocabulary(x, at_least=2)
        return self.transform(x)

    def transform(self, x):
        row = {word: k for k, word in enumerate(self.known, start=1)}
        numbers = np.zeros((len(x), self.longest), dtype=int)  # (N, T)
        for n, text in enumerate(x):
            found = [row[word] for word in words(text) if word in row][: self.longest]
            numbers[n, : len(found)] = found
        return numbers


class MeanOfWords(nn.Module):
    """Look up a vector for each word, take their mean, decide by one dense layer."""

    def __init__(self, entries, dropout, rng):
        self.table = nn.Embedding(entries, 16, rng=rng)
        self.table.weight.data *= (
            0.1  # a small start, so that what is learned soon outweighs it
        )
        self.dropout = nn.Dropout(dropout, rng=rng)
        self.last = nn.Linear(16, 2, rng=rng)

    def forward(self, numbers):
        numbers = numbers.data.astype(int)  # (N, T)
        there = (numbers > 0).astype(np.float32)[:, :, None]  # (N, T, 1)
        vectors = (self.table(numbers) * there).sum(axis=1)  # (N, 16)
        return self.last(self.dropout(vectors / np.maximum(there.sum(axis=1), 1)))


def text_network(x, y, lr, dropout):
    rng = np.random.default_rng(course_seed(0))
    build = hidden_layer(16, 2, dropout, rng)
    return fit_network(build, Bag(), x, y, lr=lr, epochs=5, rng=rng)


def text_word_vectors(x, y, lr, dropout):
    rng = np.random.default_rng(course_seed(0))
    return fit_network(
        lambda rows: MeanOfWords(int(rows.max()) + 1, dropout, rng),
        WordNumbers(),
        x,
        y,
        lr=lr,
        epochs=5,
        rng=rng,
    )


LONGEST = {"longest": [1, 2]}
text_methods = {
    "naive Bayes": ("classical", text_bayes, {"alpha": [0.5, 1, 2]} | LONGEST),
    "logistic regression": ("classical", text_logistic, {"C": [1, 3, 10]} | LONGEST),
    "linear support vectors": ("classical", text_vectors, {"C": [0.1, 0.3, 1]} | LONGEST),
    "network, bag of words": ("deep", text_network, {"lr": RATES, "dropout": [0.2, 0.5]}),
    "network, word vectors": (
        "deep",
        text_word_vectors,
        {"lr": [6e-3, 2e-2, 6e-2], "dropout": [0.2, 0.5]},
    ),
}
order = course_rng(9).permutation(len(film.x_train))
fit_rows, choice_rows = order[:3000], order[3000:4000]
text_data = (
    (film.x_train[fit_rows], film.y_train[fit_rows]),
    (film.x_train[choice_rows], film.y_train[choice_rows]),
    (film.x_test, film.y_test),
)
text = contest(text_methods, text_data)

# %%
show_contest(text, "Film reviews, 4,000 sentences to learn from")
(gap, gap_low, gap_high), said = difference(text, best(text, "deep"), best(text, "classical"))
reveal("contest.text", said, 0 if gap_low > 0 else 2 if gap_high < 0 else 1)

# %%
rng = course_rng(10)
numbers = WordNumbers()
rows_of_words = numbers.fit_transform(few[:50])
vectors = rng.normal(size=(len(numbers.known), 16))
counted = word_counts(few[:50], numbers.known)
looked_up = np.stack([vectors[row[row > 0] - 1].mean(axis=0) for row in rows_of_words])
by_product = counted / counted.sum(axis=1, keepdims=True) @ vectors  # (50, 16)
print(
    f"mean of the vectors against counts times table: largest difference {np.abs(looked_up - by_product).max():.0e}"
)

# %% [markdown]
r"""
Counting words and a method from the 1960s hold their own against learned vectors. With 4,000 sentences most words occur a handful of times: too few to learn a good vector for each. (Word vectors become strong when they are learned from millions of sentences and brought along: transfer, notebook 15. Then it is no longer a contest on 4,000 sentences.)

## 6. Who wins, and what does it cost?

One sentence that is heard everywhere: deep learning beats classical methods. Take for each kind of data the network and the classical method that did best *on the validation set*, and look at the difference on the test set.
"""

# %%
predict(
    "contest.overall",
    "On how many of the three kinds of data is the best network clearly better than the best classical method?",
    ["on none", "on one", "on two", "on all three"],
)

# %%
arenas = {"table": table, "pictures": image, "text": text}
overall = {}
for name, results in arenas.items():
    deep, classical = best(results, "deep"), best(results, "classical")
    overall[name], said = difference(results, deep, classical)
    print(f"{name}: {said}")
plot.show(
    plot.intervals(
        {name: tuple(100 * np.array(found)) for name, found in overall.items()},
        xlabel="best network minus best classical method (points of test accuracy)",
        ylabel="kind of data",
        zero=True,
        title="Deep or classical",
    )
)
clear_wins = sum(low > 0 for _, low, _ in overall.values())
reveal(
    "contest.overall",
    "; ".join(f"{n} {100 * d:+.1f}" for n, (d, _, _) in overall.items()) + " points",
    clear_wins,
)
same_pixels = {
    rival: difference(image, "convolutions, pixels", rival)
    for rival in ("forest, pixels", "logistic regr., pixels", "support v., pixels")
}
claim("deep-beats-classical").judge(
    any(high < 0 for _, _, high in overall.values())
    and same_pixels["forest, pixels"][0][1] > 0,
    evidence="; ".join(f"{n} {100 * d:+.1f} points" for n, (d, _, _) in overall.items())
    + f" (best network minus best classical); on the same pixels: {'; '.join(said for _, said in same_pixels.values())}",
)

# %% [markdown]
r"""
Read this with the size of the data in mind: some thousands of examples each. On the same bare pixels the network with convolutions leaves the forest behind. Over logistic regression its lead is a point or two, sometimes less than 3,000 test pictures can show (with another seed the interval may reach 0). Support vectors on bare pixels are as good as it is, and with good features they are better. On the full 60,000 pictures the order changes: in the published results for this data set (Xiao, Rasul and Vollgraf, 2017, and the list that its authors keep) the best entries are networks with convolutions, by several points. Notebook 09 gets there.

Now the price. These numbers are from *your* computer, just now.
"""

# %% tags=["volatile"]
print(f"{'':26}{'fit (s)':>9}{'predict (ms per 1,000)':>25}{'size (kB)':>11}{'test':>8}")
for arena, results in arenas.items():
    print(arena)
    for name, r in sorted(results.items(), key=lambda item: -item[1]["right"].mean()):
        print(
            f"  {name:24}{r['fit']:9.2f}{1e6 * r['predict']:25.0f}{r['bytes'] / 1e3:11,.0f}{r['right'].mean():8.1%}"
        )
plot.show(
    plot.points(
        [r["fit"] for r in image.values()],
        [100 * r["right"].mean() for r in image.values()],
        labels=list(image),
        kinds=[r["kind"] for r in image.values()],
        log="x",
        xlabel="time to fit on 2,500 pictures (s)",
        ylabel="test accuracy (%)",
        title="What accuracy costs",
    )
)

# %% [markdown]
r"""
Time to fit is only one price. A forest and a support vector machine *keep* much of what they have seen: trees with a leaf for nearly every example, vectors that are training examples. So they grow with the data, and so does the time that a support vector machine needs for each prediction. A network has the size that you gave it, whether it learned from a thousand examples or a million; what grows is the time to train it. And the time of a person who designs features is in no table.

## 7. Who needs how much data?

"Deep learning needs more data." More than what? Measure it: a **learning curve** is the test error against the number of training examples, both on logarithmic axes. If one method needs more data than another, then it must be behind with few examples and catch up with many: the curves must **cross**. Where?

Between two measured sizes we take the curves to be straight on logarithmic axes. Look at the gap $d = \log a - \log b$ between the errors $a$ and $b$ of two methods: it is negative while B is behind. If it changes its sign between sizes $n_k$ and $n_{k+1}$, it goes through zero at the share $\frac{-d_k}{d_{k+1} - d_k}$ of the way from $\log n_k$ to $\log n_{k+1}$.
"""


# %% tags=["exercise"]
@exercise("curves.crossing_point")
def crossing_point(sizes, error_a, error_b):
    """How many training examples does B need to catch up with A?

    sizes, error_a, error_b : (T,), rising sizes and the errors of A and B there.
    Returns the first size at which B, behind before, has come down to A: interpolated on
    logarithmic axes. NaN if B is never behind, or never catches up.
    """
    ### BEGIN SOLUTION
    d = np.log(error_a) - np.log(error_b)  # (T,), negative while B is behind
    log_n = np.log(sizes)
    for k in range(len(sizes) - 1):
        if d[k] < 0 <= d[k + 1]:
            share = -d[k] / (d[k + 1] - d[k])
            return float(np.exp(log_n[k] + share * (log_n[k + 1] - log_n[k])))
    return np.nan
    ### END SOLUTION


# %% [markdown]
r"""
We follow the network with convolutions and four rivals, each with the settings that it chose in section 4: the forest on pixels; on HOG a logistic regression, and a support vector machine; and, as a fourth, the same logistic regression held short: it gets only the 40 directions in which the HOG numbers vary most. Three samples of pictures of each size, with a new random start each time, so that we see the luck of the training too. All are tested on the same 2,000 pictures.
"""

# %%
predict(
    "contest.who-crosses",
    "The network with convolutions starts with 150 pictures. Which of the rivals does it overtake on the way to 4,050?",
    [
        "none: it is ahead of all of them from the start",
        "all four",
        "only the forest on pixels",
        "one or both logistic regressions, but not support vectors; it is ahead of the forest from the start",
        "none: it stays behind all that see HOG",
    ],
)

# %%
sizes = np.array([150, 450, 1350, 4050])
SAMPLES = 3
pool = course_rng(9).permutation(60000)[: SAMPLES * sizes[-1]]  # no picture is in two samples
x_pool, y_pool = fashion.x_train[pool], fashion.y_train[pool]
x_open, y_open = fashion.x_test[test_rows[:2000]], fashion.y_test[test_rows[:2000]]
hog_pool, hog_open = hog.hog(x_pool), hog.hog(x_open)


def chosen_in(name):
    return image[name]["chosen"]


def errors_by_size(fit, x, x_test):
    """Test errors of a method: a row for each sample, a column for each size."""
    errors = np.zeros((SAMPLES, len(sizes)))
    for sample in range(SAMPLES):
        for t, n in enumerate(sizes):
            rows = slice(sample * sizes[-1], sample * sizes[-1] + n)
            predicted = fit(x[rows], y_pool[rows], sample)(x_test)
            errors[sample, t] = 1 - accuracy(predicted, y_open)
    return errors


curves = {
    "forest, pixels": errors_by_size(
        lambda x, y, k: image_forest(x, y, **chosen_in("forest, pixels"), seed=k),
        x_pool,
        x_open,
    ),
    "logistic regr., 40 of HOG": errors_by_size(
        lambda x, y, k: directions_logistic(x, y, **chosen_in("logistic regr., HOG")),
        hog_pool,
        hog_open,
    ),
    "logistic regr., HOG": errors_by_size(
        lambda x, y, k: logistic(x, y, **chosen_in("logistic regr., HOG")),
        hog_pool,
        hog_open,
    ),
    "support v., HOG": errors_by_size(
        lambda x, y, k: directions_vectors(x, y, **chosen_in("support v., HOG")),
        hog_pool,
        hog_open,
    ),
    "convolutions, pixels": errors_by_size(
        lambda x, y, k: image_convolutions(x, y, **chosen_in("convolutions, pixels"), seed=k),
        x_pool,
        x_open,
    ),
}
network = curves["convolutions, pixels"]
for name, errors in curves.items():
    print(
        f"{name:>25}: "
        + ", ".join(
            f"{n:,}: {mean_and_spread(errors[:, t], percent=True)}" for t, n in enumerate(sizes)
        )
    )

# %% [markdown]
r"""
Where do the curves meet? We look at the mean of the three samples and at each sample by itself, so that the crossing point has a spread too.
"""


# %%
def meeting(error_rival, error_network):
    """Where the network catches up, in words."""
    where = crossing_point(sizes, error_rival, error_network)
    if np.isfinite(where):
        return f"{where:,.0f}"
    return "ahead all along" if error_network[-1] <= error_rival[-1] else "not reached"


rivals = {name: errors for name, errors in curves.items() if errors is not network}
for name, errors in rivals.items():
    each = ", ".join(meeting(a, b) for a, b in zip(errors, network, strict=True))
    print(f"{name:>25}: {meeting(errors.mean(axis=0), network.mean(axis=0))} (samples: {each})")

short = rivals["logistic regr., 40 of HOG"]
middle = crossing_point(sizes, short.mean(axis=0), network.mean(axis=0))
ends = [crossing_point(sizes, a, b) for a, b in zip(short, network, strict=True)]
ends = [n for n in [*ends, middle] if np.isfinite(n)]
plot.show(
    plot.learning_curves(
        sizes,
        curves,
        xlabel="training pictures",
        crossing=(middle, min(ends), max(ends)) if np.isfinite(middle) else None,
        title="Who needs how much data?",
    )
)

# %%
gap_few = {n: 100 * (network - e)[:, :2].mean() for n, e in rivals.items()}  # the two smallest
gap_many = {n: 100 * (network - e)[:, -1].mean() for n, e in rivals.items()}
leads = [n for n in rivals if gap_few[n] < 0 and gap_many[n] < 0]
overtakes = [n for n in rivals if gap_few[n] >= 0 and gap_many[n] < 0]
answer = None
if len(leads) == len(rivals):
    answer = 0
elif len(overtakes) == len(rivals):
    answer = 1
elif overtakes == ["forest, pixels"]:
    answer = 2
elif leads == ["forest, pixels"] and "support v., HOG" not in overtakes:
    answer = 3 if overtakes else 4
reveal(
    "contest.who-crosses",
    f"overtakes: {', '.join(overtakes) or 'none'}; ahead with few and with many: {', '.join(leads) or 'none'}",
    answer,
)
claim("deep-needs-more-data").judge(
    leads == ["forest, pixels"]
    and gap_many["logistic regr., 40 of HOG"] < 0.5
    and gap_many["support v., HOG"] > 0,
    evidence="the network's error minus its rival's (points, 3 samples), with 150 and 450 pictures and with 4,050: "
    + "; ".join(f"{n} {gap_few[n]:+.1f} and {gap_many[n]:+.1f}" for n in rivals),
)

# %% [markdown]
r"""
Four rivals, and not one answer. It depends, but not on "deep". Look at what each method knows *before* it has seen an example, and how far it can bend.

- The forest on pixels knows nothing about pictures: for it, columns 300 and 301 are no closer than 300 and 700. The network with convolutions knows that neighbouring pixels belong together, and that a pattern means the same wherever it is. It is ahead from the smallest samples on. Here the *classical* method needs more data.
- Logistic regression on 40 directions of HOG knows about edges, so it starts ahead. But straight borders in a space of 40 directions are soon as good as they can get. The network catches up: that is the crossing in the figure.
- The same logistic regression on all of HOG has more room. The crossing moves to the right, to the end of the range or beyond it. So a crossing point belongs to two *methods with their settings*, not to "deep" and "classical": hold the rival short, and you can put it nearly where you like.
- Support vectors on HOG know about edges and can bend too. In the range that we measured the network does not catch up.

**The more a method knows beforehand, the less data it needs; the less it can bend, the sooner more data stop helping.** What a method takes for granted is called its **inductive bias**.

Does the network catch up with support vectors on HOG in the end? Drawing the lines on would give an answer, and notebook 06 has shown how badly that can go wrong. So this page says: not up to here.
"""

# %% [markdown]
r"""
## 8. What would you try first?

Let the measurements decide, by a rule that is written down before: among all methods whose difference to the leader is *not clear*, take the one that is fitted fastest. Nobody can tell it from the best, and it costs least.
"""

# %% tags=["volatile"]
for arena, results in arenas.items():
    leader = max(results, key=lambda name: max(results[name]["scores"]))
    as_good = [n for n in results if difference(results, leader, n)[0][1] <= 0]
    first = min(as_good, key=lambda name: results[name]["fit"])
    print(f"{arena}: leads on the validation set: {leader}")
    print(f"   as good, as far as the test set can tell: {', '.join(as_good)}")
    print(
        f"   try first: {first} ({results[first]['fit']:.2f} s, test {results[first]['right'].mean():.1%})"
    )

# %% [markdown]
r"""
| you have | try first | then | a network from scratch? |
|---|---|---|---|
| a table, up to some ten thousand rows | logistic regression, to have a floor | forest or gradient boosting | as one more contestant; tune all alike |
| pictures, a few thousand | hand-made features and support vectors, or features of a network that learned elsewhere (notebook 15) | a small network with convolutions | behind, until there is more data |
| pictures, many thousand | a network with convolutions (notebook 09) | a larger one | yes |
| short texts, a few thousand | counted words and naive Bayes or a linear method | vectors or a network that learned elsewhere (notebook 15) | hardly |

The table is a place to start from, not a law. It is what *these* sizes on *these* data gave, and the next data set may say otherwise. What carries over is the protocol.

## When it breaks

**The rival was not tuned.** How much can be shown by tuning one side only? We need no new experiment: every contest above kept the scores of all trials. Take two methods. If the best trial of A beats the worst trial of B, *and* the best of B beats the worst of A, then whoever tunes only one of them can prove what he likes.
"""

# %%
predict(
    "contest.one-sided",
    "For how many of the pairs of methods above can the winner be turned round by tuning only one of the two?",
    ["for none", "for about one in five", "for about half", "for nearly all"],
)

# %%
turned, pairs_of_methods = 0, 0
for arena, results in arenas.items():
    scores = {name: r["scores"] for name, r in results.items()}
    both = [
        (a, b)
        for k, a in enumerate(scores)
        for b in list(scores)[:k]
        if max(scores[a]) > min(scores[b]) and max(scores[b]) > min(scores[a])
    ]
    pairs_of_methods += len(scores) * (len(scores) - 1) // 2
    turned += len(both)
    print(
        f"{arena}: {len(both)} of {len(scores) * (len(scores) - 1) // 2} pairs can be turned either way"
    )
reveal(
    "contest.one-sided",
    f"{turned} of {pairs_of_methods} pairs",
    int(np.argmin(np.abs(np.array([0, 0.2, 0.5, 0.95]) - turned / pairs_of_methods))),
)

# %% [markdown]
r"""
And these are settings that a sensible person would try, not mistakes. *How to see it in a paper:* look for the number of trials of the rival.

**A lucky test set.** With 100 test examples, how often does the *worse* of two methods win? And if you test both on several small test sets and show the best one?
"""

# %%
a, b = image["support v., HOG"]["right"], image["convolutions, pixels"]["right"]
better, worse = (a, b) if a.mean() > b.mean() else (b, a)
for n in (100, 400, 4000):
    rows = course_rng(12).integers(0, len(a), (4000, n), dtype=np.int32)
    gained = (better.astype(np.float32) - worse)[rows].mean(axis=1)
    best_of_ten = gained.reshape(400, 10).min(axis=1)
    print(
        f"{n:>5} test pictures: the worse method wins in {np.mean(gained < 0):.0%} of the drawn test sets; in {np.mean(best_of_ten < 0):.0%} if one may choose among ten"
    )

# %% [markdown]
r"""
*How to see it:* no interval, a small test set, "we report the best of several runs".

**The scale was forgotten.** Support vectors and networks compare and add up columns. If one column runs to thousands and another stays below one, only the first counts. The table again, raw:
"""

# %%
(x_fit, y_fit), (x_val, y_val), (x_new, y_new) = spam_data
rng = course_rng(13)
raw = {
    "support vectors": SVC().fit(x_fit, y_fit).predict,
    "random forest": table_forest(x_fit, y_fit, **table["random forest"]["chosen"]),
    "network": fit_network(
        hidden_layer(64, 2, 0.2, rng),
        Floats(FunctionTransformer()),
        x_fit,
        y_fit,
        lr=3e-3,
        epochs=20,
        rng=rng,
    ),
}
with_scale = {
    "support vectors": "support vectors",
    "random forest": "random forest",
    "network": "network, 1 hidden layer",
}
for name, predict_raw in raw.items():
    print(
        f"{name:>16}: raw columns {accuracy(predict_raw(x_new), y_new):.1%}, as in section 3 {table[with_scale[name]]['right'].mean():.1%}"
    )
print(f"always 'not spam': {np.mean(y_new == 0):.1%}")

# %% [markdown]
r"""
The forest does not notice. The support vector machine falls most of the way to the accuracy of somebody who never reads his mail. *How to see it:* one method is far below its usual place while trees are fine; print the largest number of every column.

**Chosen on the test set.** 200 "methods", each a logistic regression that sees 8 columns drawn by lot. We take the one that does best on 100 test mails, and then look how it does on the other test mails.
"""

# %%
predict(
    "contest.chosen-on-test",
    "The best of 200 on 100 test mails: how much of its accuracy is left on the other test mails?",
    ["all of it", "it loses some points", "it loses more than twenty points", "it gains"],
)

# %%
lost = []
for repeat in range(4):
    rng = course_rng(30 + repeat)
    shown, hidden = np.split(rng.permutation(len(y_new)), [100])
    train_rows = rng.permutation(len(x_fit))[:400]
    z_fit, z_new = datasets.standardize(np.log1p(x_fit), np.log1p(x_new))
    found = []
    for _ in range(200):
        columns = rng.permutation(57)[:8]
        model = LogisticRegression(tol=1e-2).fit(
            z_fit[train_rows][:, columns], y_fit[train_rows]
        )
        right = model.predict(z_new[:, columns]) == y_new
        found.append((right[shown].mean(), right[hidden].mean()))
    found = np.array(found)
    lost.append(found[found[:, 0].argmax()])
lost = np.array(lost)
shown_mean, hidden_mean = lost.mean(axis=0)
reveal(
    "contest.chosen-on-test",
    f"the best on 100 mails: {shown_mean:.1%} there, {hidden_mean:.1%} on the others (mean of 4 repeats, each the best of 200)",
    1
    if 0.005 < shown_mean - hidden_mean < 0.2
    else 2
    if shown_mean - hidden_mean >= 0.2
    else 0
    if abs(shown_mean - hidden_mean) <= 0.005
    else 3,
)

# %% [markdown]
r"""
Nobody cheated, nobody trained on test mails; somebody only looked, and chose. The more methods and the fewer test examples, the worse. *How to see it:* ask how often the test set was opened.

## Explain it back

**Q1.** Your network reaches 91.0 on a test set of 500, a colleague's forest 90.2 on the same test set. What do you need before you say that yours is better?

<details><summary>A. A larger network.</summary>

**No.** That would change what is compared. The question is whether the difference is more than luck.

</details>
<details><summary>B. The interval of the difference on the same test examples, and to know that both were tuned with as many trials.</summary>

**Right.** With 500 examples 0.8 points are four examples. And a rival that was not tuned is no rival.

</details>
<details><summary>C. An interval for each; if they overlap, there is no difference.</summary>

**No.** Overlapping single intervals do not mean that there is no difference: on the same examples both move together. Take the interval of the difference.

</details>

**Q2.** Why does `tune_and_test` get the test rows without their labels?

<details><summary>A. To make it faster.</summary>

**No.** It would take the same time.

</details>
<details><summary>B. So that nothing in it can choose by the test set.</summary>

**Right.** A rule that cannot be broken is better than one that one has to remember.

</details>
<details><summary>C. Because test labels are often unknown.</summary>

**No.** In a contest they are known: otherwise there would be no accuracy. They come in after everything is chosen.

</details>

**Q3.** On 2,500 pictures HOG with support vectors was ahead of the network with convolutions. What follows?

<details><summary>A. Hand-made features are better than learned ones.</summary>

**No.** On these pictures, with this few of them, with networks of this size. With all 60,000 the published order is another one.

</details>
<details><summary>B. Knowledge that is built in need not be learned from examples; that is worth most where examples are few.</summary>

**Right.** The same holds inside deep learning: convolution is built-in knowledge too, and put the network ahead of the forest on pixels.

</details>
<details><summary>C. The network was trained wrongly.</summary>

**No.** It had the same data and the same number of trials. It may still be improved, and so may the other side.

</details>

**Q4.** Two learning curves do not cross in the range that you measured. What do you report?

<details><summary>A. Where the two straight lines meet when they are drawn on.</summary>

**No.** A power law carried on far beyond the data promises too much; notebook 06 measured it.

</details>
<details><summary>B. That they do not cross up to the largest size measured, and the gap there with its spread.</summary>

**Right.** It is a result, and it tells the next person where to look.

</details>
<details><summary>C. Nothing, the experiment has failed.</summary>

**No.** It answered the question for all the sizes that were measured.

</details>

**Q5.** (From notebook 06.) The table has many copies of the same mail. With a plain random split, which of these methods would profit most?

<details><summary>A. Logistic regression.</summary>

**No.** It has 58 weights: it cannot remember single mails.

</details>
<details><summary>B. A method that learns its training rows by heart, such as a forest with one mail in each leaf.</summary>

**Right.** It answers for a copy what it knows of the original. The leak would change not only the numbers but the order of the methods.

</details>
<details><summary>C. All alike, so the comparison stays fair.</summary>

**No.** A leak helps those most who remember best.

</details>

**Q6.** (From notebook 05.) The network's learning rate was one of its dials. Why not give all networks the rate that was best in notebook 05?

<details><summary>A. The best rate depends on the network, the data, the batch and the number of steps.</summary>

**Right.** A rate from another problem is an untuned rate.

</details>
<details><summary>B. It would be fine: Adam makes the rate unimportant.</summary>

**No.** Adam makes it less sensitive to the scale of the gradient. Look at the spread of the validation scores above.

</details>
<details><summary>C. Because the rate must be the same as for logistic regression.</summary>

**No.** scikit-learn's logistic regression has no learning rate.

</details>

## Go further

**A project.** Continue the learning curve of section 7 to all 60,000 pictures: 5,000, 15,000, 60,000. Give both sides the same number of trials *at each size*, and at least three seeds. Where does the network with convolutions catch up with support vectors on HOG? Time it too: support vectors compare every new picture with thousands of old ones. (It takes an hour or more. Write down your guess first.) Then turn it round: give the network what HOG knows, by shifting the training pictures at random (`random_shift`, notebook 06). Where do they meet now?

**Sources.**
B. Efron (1979), *Bootstrap methods: another look at the jackknife*.
B. Efron and R. Tibshirani (1993), *An introduction to the bootstrap*.
N. Dalal and B. Triggs (2005), *Histograms of oriented gradients for human detection*.
L. Breiman (2001), *Random forests*; C. Cortes and V. Vapnik (1995), *Support-vector networks*.
J. Bergstra and Y. Bengio (2012), *Random search for hyper-parameter optimization*.
C. Hutto and E. Gilbert (2014), *VADER: a parsimonious rule-based model for sentiment analysis of social media text*: the rated sentences.
M. Hopkins, E. Reeber, G. Forman and J. Suermondt (1999), *Spambase*, UCI Machine Learning Repository.
H. Xiao, K. Rasul and R. Vollgraf (2017), *Fashion-MNIST*: with a list of what methods reach on all of it.
L. Grinsztajn, E. Oyallon and G. Varoquaux (2022), *Why do tree-based models still outperform deep learning on typical tabular data?*
M. Fernández-Delgado, E. Cernadas, S. Barro and D. Amorim (2014), *Do we need hundreds of classifiers to solve real world classification problems?*
"""
