# %% [markdown]
r"""
# Shapley values: who did what?

**The question.** A model looked at twelve answers of a person and said: probably a high income. Which of the answers made it say that, and how much did each of them do? A number for every feature is quickly made; a hundred tools make one. Which of them can be trusted, and with what?

**After this notebook you will be able to**

- share out the result of a game fairly, and say which four demands leave exactly one way of doing so;
- explain a prediction of any model by Shapley values: exactly, by sampling, and by KernelSHAP, which you build yourself;
- say how far such an estimate may be off, and how unstable its cousin LIME is;
- choose a background on purpose, and say what correlated features do to the numbers;
- refuse the sentence "SHAP shows what causes what".

**Builds on** 07 Deep or classical: trees and the straight line on tables; 08 PyTorch: modules; 06 Generalization: errors over seeds. **Time** about 100 minutes, of which your computer needs one.
"""

# %%
import itertools
import math
import time
from dataclasses import replace

import numpy as np
import torch
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from torch import nn

from coursekit import datasets, plot
from coursekit.attribution import (
    Game,
    exact_shapley,
    from_torch,
    kernel_shap,
    permutation_shapley,
)
from coursekit.attribution.deep import deep_shap
from coursekit.attribution.exact import all_coalitions
from coursekit.attribution.faithfulness import rank_correlation
from coursekit.attribution.gradient import expected_gradients
from coursekit.attribution.lime import fit_line, lime
from coursekit.attribution.trees import tree_shap
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.errors import CourseError
from coursekit.metrics import mean_and_spread
from coursekit.predict import predict, reveal
from coursekit.settings import course_rng, course_seed, course_seeds

# %% [markdown]
r"""
## 1. Sharing a prize

Ada, Bo and Cleo enter a contest as a team. The rules say what every team of them would win, in euros:

| nobody | Ada | Bo | Cleo | Ada, Bo | Ada, Cleo | Bo, Cleo | all three |
|---|---|---|---|---|---|---|---|
| 0 | 10 | 20 | 0 | 60 | 40 | 20 | 90 |

A team is called a **coalition**, written $S$, and what it wins is its **worth** $v(S)$. Together they win 90. How should they share?

Alone Cleo wins nothing, and to Bo she adds nothing. To Ada she adds 30.
"""

# %%
predict(
    "shapley.cleo",
    "A fair share for Cleo, out of 90:",
    [
        "nothing: alone she wins nothing",
        "less than Bo's share, but more than nothing",
        "a third, 30",
    ],
)

# %% [markdown]
r"""
A player's contribution depends on who is there already. So let them come into the room one after another, and give each what she *adds* on coming in. In the order Cleo, Ada, Bo: Cleo adds 0, Ada 40, Bo 50. In another order each adds something else.

We need this for any game. Let $d$ be the number of players. A coalition is a row of $d$ truth values: `[True, False, True]` is Ada with Cleo. `value` takes $M$ such rows at once, (M, d), and says what each is worth, (M,).
"""


# %% tags=["exercise"]
@exercise("shapley.contributions")
def contributions(value, order):
    """What each player adds when the players come in by this order.

    value : a function from coalitions, bool (M, d), to what they are worth, (M,).
    order : whole numbers, (d,): the player who comes first, second, ...
    Returns (d,), by player: entry i is what player i added.
    """
    ### BEGIN SOLUTION
    d = len(order)
    there = np.zeros((d + 1, d), dtype=bool)  # who is there after each arrival
    for step, player in enumerate(order):
        there[step + 1 :, player] = True
    shares = np.empty(d)
    shares[order] = np.diff(value(there))
    return shares
    ### END SOLUTION


# %% [markdown]
r"""
No order is better than another. So play all of them and take the mean: that is the **Shapley value** $\phi_i$ of player $i$ (Shapley, 1953).
"""

# %%
TEAM = ("Ada", "Bo", "Cleo")
prize = np.array(
    [0.0, 10, 20, 60, 0, 40, 20, 90]
)  # bit i of the place says whether player i is in


def players_in(worth):
    """How many players a game has, from the table of its 2^d coalitions."""
    return round(math.log2(len(worth)))


def game_of(worth):
    """The function from coalitions (M, d) to what they are worth, looked up in the table of all 2^d."""
    powers = 2 ** np.arange(players_in(worth))
    return lambda coalitions: worth[coalitions @ powers]


orders = list(itertools.permutations(range(3)))
added = np.array([contributions(game_of(prize), np.array(order)) for order in orders])  # (6, 3)
print(f"{'order':>16}  {'Ada':>5} {'Bo':>5} {'Cleo':>5}")
for order, row in zip(orders, added, strict=True):
    print(f"{' '.join(TEAM[i] for i in order):>16}  " + " ".join(f"{a:5.0f}" for a in row))
fair = added.mean(axis=0)
print(f"{'mean':>16}  " + " ".join(f"{a:5.1f}" for a in fair) + f"   together {fair.sum():.0f}")

# %%
reveal(
    "shapley.cleo",
    f"Ada {fair[0]:.0f}, Bo {fair[1]:.0f}, Cleo {fair[2]:.0f}",
    0 if fair[2] <= 0 else 1 if fair[2] < fair[1] else 2,
)

# %% [markdown]
r"""
Every row adds up to 90, so the mean does too: nothing is lost and nothing invented.

## 2. One way to be fair

Six orders are few. Twelve players have 479 million. But in all these orders the same question comes up again and again: *Bo comes, and this coalition $S$ is there. What does he add?* It does not matter in which order those of $S$ came, nor in which order the others will. With $d$ players and $|S|$ of them in $S$ there are $|S|!$ ways to come before, $(d - |S| - 1)!$ ways to come after, out of $d!$ orders. With $S \cup i$ for "$S$, and $i$ has come too":

$$\phi_i = \sum_{S \not\ni i} \frac{|S|!\,(d-|S|-1)!}{d!}\,\bigl(v(S \cup i) - v(S)\bigr)$$

This asks for $2^d$ coalitions: for twelve players 4,096. We keep what they are worth in a table, as above: bit $i$ of a coalition's number says whether player $i$ is in it. `all_coalitions(d)` has the same order.
"""

# %%
print(all_coalitions(3).astype(int))  # NBVAL_CHECK_OUTPUT


# %% tags=["exercise"]
@exercise("shapley.exact")
def exact(worth):
    """Shapley values of a game whose coalitions are all known.

    worth : (2^d,), in the order of all_coalitions(d). Adding player i to a coalition
    without i adds 2**i to its number. (players_in(worth) is d.) Returns (d,), by player.
    """
    ### BEGIN SOLUTION
    d = players_in(worth)
    inside = all_coalitions(d)  # (2^d, d)
    size = inside.sum(axis=1)
    by_size = np.array(
        [math.factorial(s) * math.factorial(d - s - 1) / math.factorial(d) for s in range(d)]
    )
    shares = np.empty(d)
    for i in range(d):
        without = np.flatnonzero(~inside[:, i])
        shares[i] = by_size[size[without]] @ (worth[without + 2**i] - worth[without])
    return shares
    ### END SOLUTION


# %% [markdown]
r"""
Why the mean over orders, and not some other rule? Here are four demands, the **axioms**:

- **efficiency**: the shares add up to $v(\text{all}) - v(\text{nobody})$;
- **symmetry**: two players who add the same to every coalition get the same;
- **dummy**: a player who never changes anything gets nothing;
- **additivity**: the shares of two contests together are the sums of the shares of each.

Other rules come to mind at once. *Equal parts*. *By solo worth*: the prize in proportion to what each wins alone. *First come*: what each adds in one fixed order. *Banzhaf*: what a player adds, on average over all coalitions, each counting alike. Which demand does each of them break? We ask by experiment, with games drawn at random.
"""

# %%
predict(
    "shapley.axioms",
    "Four other rules, four demands. Checked on random games, each of the four rules ...",
    [
        "breaks most of the demands",
        "breaks exactly one of them",
        "keeps them all: there are many fair ways",
    ],
)


# %%
def equal_parts(worth):
    return np.full(players_in(worth), (worth[-1] - worth[0]) / players_in(worth))


def by_solo_worth(worth):
    alone = worth[2 ** np.arange(players_in(worth))] - worth[0]
    return (worth[-1] - worth[0]) * alone / alone.sum()


def first_come(worth):
    return contributions(game_of(worth), np.arange(players_in(worth)))


def banzhaf(worth):
    inside = all_coalitions(players_in(worth))
    return np.array([(worth[has].mean() - worth[~has].mean()) for has in inside.T])


def random_games(n, rng, d=4):
    """Games in which players 0 and 1 are alike, and player 3 changes nothing: (n, 2^d)."""
    inside = all_coalitions(d).astype(int)
    kind = (inside[:, 0] + inside[:, 1]) * 2 + inside[:, 2]  # what the worth may depend on
    worth = rng.uniform(1, 9, (n, 6)) * [0, 1, 1, 2, 2, 3]  # nobody is worth 0
    return worth[:, kind]


rules = {
    "Shapley": exact,
    "equal parts": equal_parts,
    "by solo worth": by_solo_worth,
    "first come": first_come,
    "Banzhaf": banzhaf,
}
games = random_games(200, course_rng(1))
broken = {}
print(
    f"{'':>14} {'efficiency':>11} {'symmetry':>9} {'dummy':>7} {'additivity':>11}   (worst miss)"
)
for name, rule in rules.items():
    shares = np.array([rule(worth) for worth in games])
    both = np.array([rule(a + b) for a, b in zip(games[::2], games[1::2], strict=True)])
    misses = [
        np.abs(shares.sum(axis=1) - (games[:, -1] - games[:, 0])).max(),
        np.abs(shares[:, 0] - shares[:, 1]).max(),
        np.abs(shares[:, 3]).max(),
        np.abs(both - shares[::2] - shares[1::2]).max(),
    ]
    broken[name] = sum(miss > 1e-6 for miss in misses)
    told = " ".join(f"{m + 0:>{w}.2f}" for m, w in zip(misses, (11, 9, 7, 11), strict=True))
    print(f"{name:>14} {told}")

# %%
others = [broken[name] for name in rules if name != "Shapley"]
reveal(
    "shapley.axioms",
    f"demands broken: {', '.join(f'{name} {n}' for name, n in broken.items())}",
    2 if max(others) == 0 else 1 if others == [1] * 4 else 0,
)

# %% [markdown]
r"""
Each rival keeps three demands and breaks one. Shapley proved in 1953 that nobody else keeps all four: they leave exactly one rule.

Whether *these* are the right demands for your question is another matter. Keep efficiency in mind (we will hold it against every method below), and dummy: section 9 depends on what "changes nothing" means.

## 3. A prediction is a game

Now let the players be the **features** of a person. The data: what 48,842 people answered in the United States census survey of 1994, and whether they earned more than 50,000 dollars that year. Words are stored as numbers; `categories` has them.
"""

# %%
adult = datasets.load("adult_income")
adult

# %%
NAMES = adult.feature_names
PLAYERS = len(NAMES)


def in_words(row):
    """What a person answered, one text a feature."""
    said = []
    for name, number in zip(NAMES, row, strict=True):
        words = adult.categories.get(name)
        said.append(f"{name}: {words[int(number)] if words else f'{number:g}'}")
    return said


def boosted(x, y, seed):
    """80 small trees, each of which mends what those before it leave (notebook 07)."""
    model = GradientBoostingClassifier(
        n_estimators=80,
        max_depth=4,
        learning_rate=0.2,
        subsample=0.3,
        max_features=4,
        random_state=seed,
    )
    return model.fit(x, y)


def one_hot(x):
    """Each word a column of 0 and 1; numbers to about the same size. And which feature each column is of."""
    parts, owner = [], []
    for k, name in enumerate(NAMES):
        words = adult.categories.get(name)
        if words:
            parts.append(np.eye(len(words))[x[:, k].astype(int)])
        else:
            scale = adult.x_train[:, k]
            parts.append(((x[:, k] - scale.mean()) / scale.std())[:, None])
        owner += [k] * parts[-1].shape[1]
    return np.column_stack(parts), np.array(owner)


trees = boosted(adult.x_train, adult.y_train, course_seed(0))
x_columns, owner = one_hot(adult.x_train)  # (N, 91)
straight = LogisticRegression(max_iter=300).fit(x_columns[::3], adult.y_train[::3])
print(
    f"right on new people: trees {trees.score(adult.x_test, adult.y_test):.1%}, "
    f"logistic regression {straight.score(one_hot(adult.x_test)[0], adult.y_test):.1%}, "
    f"always 'no' {1 - adult.y_test.mean():.1%}"
)

# %% [markdown]
r"""
What is a coalition of *features* worth? What the model says when only these are known. But a model needs all twelve numbers. So take the features of $S$ from the person, the others from somebody else, ask the model, and average over many others $b$, the **background**:

$$v(S) = \frac1B \sum_b f(x \text{ on } S,\ b \text{ elsewhere})$$

With nobody in the coalition this is the model's mean answer over the background, the **base value**; with all in it, it is the model's answer for the person. Shapley values share out the difference. (Is it the right $v$? Section 9.)

The output that we explain is the **log-odds**, $\log \frac{p}{1-p}$: 0 means one half, and steps add up there, while probabilities are squeezed together near 0 and 1.

With twelve players 4,096 coalitions suffice, times 40 people in the background. We take a person about whom the model is unsure.
"""

# %%
answer = trees.decision_function  # rows (N, 12) -> log-odds (N,)
background = adult.x_train[course_rng(2).choice(len(adult.x_train), 40, replace=False)]
unsure = int(np.argmin(np.abs(answer(adult.x_test[:400]))))
person = adult.x_test[unsure]
found = exact_shapley(answer, person, background, feature_names=NAMES)
readable = replace(found, x=None, feature_names=tuple(in_words(person)))
plot.show(readable.plot("waterfall", title="From people in general to one person"))
print(f"the shares and the base value miss the output by {found.gap:.1e}")

# %% [markdown]
r"""
Read it from below: it begins at the base value (dotted) with the smallest share and ends at the model's answer with the largest. Bars to the right speak for a high income, bars to the left against it. A capital gain of 0 is a piece of information too: most people with gains earn much.

**The simple thing beside it.** A straight line $f(x) = b + \sum_i w_i x_i$ needs no Shapley: a feature's share is its weight times how far the person's value lies from the background's mean, $w_i (x_i - \bar b_i)$. Does the machinery give the same? A word is several columns here, so a player is a *group* of columns.
"""

# %%
columns = one_hot(np.concatenate([person[None], background]))[0]  # (41, 91)
line_says = straight.decision_function
by_game = exact_shapley(line_says, columns[0], columns[1:], groups=owner, feature_names=NAMES)
by_hand = np.bincount(owner, straight.coef_[0] * (columns[0] - columns[1:].mean(axis=0)))
print(
    f"largest difference between the game's shares and w (x - mean): {np.abs(by_game.values - by_hand).max():.1e}"
)
plot.show(
    plot.side_by_side(
        {"trees": found.values, "logistic regression": by_game.values},
        in_words(person),
        xlabel="share of the log-odds (above 0: for a high income)",
        title="The same person, two models",
    )
)

# %% [markdown]
r"""
For the line both are the same to rounding. And two models that are right about equally often explain the same person differently where they differ. An explanation is about the *model*; only as far as the model is right is it about the world.

## 4. When there are too many coalitions

Thirty features have a billion coalitions, a picture has no end of them. But a mean can be estimated: draw $m$ orders by chance, and take the mean of what each player adds. As with every mean, the spread of the $m$ numbers divided by $\sqrt m$ says how far it is off, its **standard error**.

So that we can hold the estimate against the truth, we stay with twelve features: the table of all worths is filled once for each of six people, the exact values come from it, and each estimator looks only at the coalitions that it asks for. (Where a person and the whole background agree on a feature it can change nothing. Then it is no player, and the table is half as long.)
"""

# %%
predict(
    "shapley.sampling",
    "Four times as many orders make the error ...",
    ["a quarter as large", "half as large", "hardly smaller: 12! orders are too many"],
)

# %%
people = adult.x_test[course_rng(3).choice(len(adult.x_test), 6, replace=False)]
each = [Game(answer, one, background) for one in people]
tables = [game.value(all_coalitions(game.d)) for game in each]  # each (2^d,)
truths = [exact(worth) for worth in tables]


def sampled(worth, m, rng):
    """Shares by m random orders, and their standard errors: each (d,)."""
    value, n = game_of(worth), players_in(worth)
    added = np.array([contributions(value, rng.permutation(n)) for _ in range(m)])  # (m, d)
    return added.mean(axis=0), added.std(axis=0, ddof=1) / np.sqrt(m)


def off(shares, truth):
    """How far shares are off, all players together: the root of the mean square."""
    return np.sqrt(np.mean((shares - truth) ** 2))


numbers = (8, 32, 128, 512)
by_orders, covered = np.zeros((3, len(numbers))), []
for s, seed in enumerate(course_seeds(3)):
    rng = np.random.default_rng(seed)
    for k, m in enumerate(numbers):
        tries = [sampled(worth, m, rng) for worth in tables]
        by_orders[s, k] = np.mean([off(a, t) for (a, _), t in zip(tries, truths, strict=True)])
        if m >= 128:
            covered += [np.abs(a - t) <= 2 * e for (a, e), t in zip(tries, truths, strict=True)]
exact_off = max(abs(t.sum() - (w[-1] - w[0])) for t, w in zip(truths, tables, strict=True))
slope = np.polyfit(np.log(numbers), np.log(by_orders.mean(axis=0)), 1)[0]
plot.show(
    plot.lines(
        numbers,
        {
            "random orders (3 seeds)": by_orders,
            "1 / root of m": by_orders.mean(axis=0)[0]
            * np.sqrt(numbers[0] / np.array(numbers)),
        },
        log="xy",
        xlabel="orders m",
        ylabel="error (log-odds)",
        title="The error of sampled Shapley values",
    )
)

# %%
reveal(
    "shapley.sampling",
    f"error {' -> '.join(f'{e:.3f}' for e in by_orders.mean(axis=0))} for m = {', '.join(map(str, numbers))}; "
    f"it goes like m to the power {slope:.2f}",
    0 if slope < -0.8 else 1 if slope < -0.3 else 2,
)
print(
    f"{np.mean(np.concatenate(covered)):.0%} of the true values lie within two standard errors of the estimate "
    "(of a bell curve it would be 95 in a hundred)"
)

# %% [markdown]
r"""
$1/\sqrt m$: for one more digit a hundred times the questions. That the number of orders is astronomical does not matter; what matters is how much a player's contributions differ from order to order. And the error bars are honest, so use them: a share of 0.02 ± 0.05 says nothing, not even its sign.

The course's own `permutation_shapley` plays each order backwards too: what comes early in one comes late in the other, and the mean of the two varies less.
"""

# %%
quick = permutation_shapley(
    answer, person, background, pairs=40, rng=course_rng(4), feature_names=NAMES
)
print(quick)

# %% [markdown]
r"""
## 5. KernelSHAP: a straight line through a game

Here is an idea that seems to have nothing to do with orders. Describe the game by a straight line: a coalition is worth the base value plus the shares of its members,

$$v(S) \approx v(\text{nobody}) + \sum_{i \in S} \phi_i,$$

and choose the $\phi_i$ such that it fits best, with a weight for each coalition, under the condition that it is exact for all players together. LIME (section 6) does much the same with weights chosen by feeling. Lundberg and Lee (2017) asked: *for which weights are the $\phi_i$ the Shapley values?* For these, the **Shapley kernel**; $s$ is the size of the coalition and $\binom{d}{s}$ the number of coalitions of that size:

$$w(s) = \frac{d-1}{\binom{d}{s}\; s\,(d-s)}, \qquad s = 1, \dots, d-1$$

<details><summary>Why these? (a page of algebra, for those who like it)</summary>

Let nobody be worth 0 and all together $V$. Set the slope of $\sum_S w(S)\,(v(S) - \sum_{i\in S}\phi_i)^2$ with respect to $\phi_i$ equal to a multiplier $\lambda$, the same for all $i$ because the condition $\sum_i \phi_i = V$ treats all alike:

$$\sum_{S \ni i} w(S)\Bigl(v(S) - \sum_{j \in S}\phi_j\Bigr) = \lambda.$$

Count in how many coalitions $i$ occurs, and $i$ with $j$: the sum over the $\phi_j$ becomes $\alpha\phi_i + \beta (V - \phi_i)$ with $\alpha = \sum_s w(s)\binom{d-1}{s-1}$ and $\beta = \sum_s w(s)\binom{d-2}{s-2}$. So

$$(\alpha - \beta)\,(\phi_i - \phi_j) = \sum_{S \ni i} w\,v(S) - \sum_{S \ni j} w\,v(S) = \sum_{S \not\ni i,j} w(|S|+1)\,\bigl(v(S \cup i) - v(S \cup j)\bigr).$$

From the definition of section 2, the difference of two Shapley values is

$$\phi_i - \phi_j = \sum_{S \not\ni i,j} \frac{|S|!\,(d-|S|-2)!}{(d-1)!}\,\bigl(v(S \cup i) - v(S \cup j)\bigr).$$

The two agree if $w(s) / (\alpha - \beta) = (s-1)!\,(d-s-1)!/(d-1)!$, and that is the kernel: with it, $\alpha - \beta = \sum_s w(s)\binom{d-2}{s-1}$ has $d - 1$ terms of size $1/d$. All differences agree, and the sum agrees by the condition: so the values agree.

</details>
"""

# %%
predict(
    "shapley.kernel",
    "Which single coalitions of twelve players weigh most in this kernel?",
    [
        "those of about half of the players",
        "the very small and the very large ones",
        "small ones more than large ones",
    ],
)


# %% tags=["exercise"]
@exercise("kernel.weights")
def kernel_weights(d):
    """The Shapley kernel for d players: the weight of one coalition of each size 1 to d - 1.

    Returns an array (d - 1,).
    """
    ### BEGIN SOLUTION
    return np.array([(d - 1) / (math.comb(d, s) * s * (d - s)) for s in range(1, d)])
    ### END SOLUTION


# %%
sizes = np.arange(1, PLAYERS)
one_coalition = kernel_weights(PLAYERS)
whole_size = one_coalition * [math.comb(PLAYERS, int(s)) for s in sizes]
plot.show(
    plot.lines(
        sizes,
        {"one coalition": one_coalition, "all of that size together": whole_size},
        log="y",
        xlabel="players in the coalition",
        ylabel="weight",
        title="The Shapley kernel for 12 players",
    )
)
reveal(
    "shapley.kernel",
    f"one player {one_coalition[0]:.3g}, six {one_coalition[5]:.2g}, eleven {one_coalition[-1]:.3g}",
    0
    if one_coalition[5] > one_coalition[0]
    else 1
    if np.isclose(one_coalition[-1], one_coalition[0])
    else 2,
)

# %% [markdown]
r"""
A coalition and its complement weigh the same. A feature alone, and everything but a feature, tell most about that feature by itself; of the middling coalitions there are so many that each counts next to nothing.

Now the line. The condition $\sum_i \phi_i = V$, where $V = v(\text{all}) - v(\text{nobody})$, says what the last share is: what the others leave. Put $\phi_d = V - \phi_1 - \dots - \phi_{d-1}$ into the line. With $z_i$ = 1 for players inside and 0 outside it becomes

$$\sum_{i<d} \phi_i\,(z_i - z_d) \;\approx\; v(S) - v(\text{nobody}) - z_d V,$$

least squares in $d - 1$ unknowns without any condition. A weight $w$ in a sum of squares is the same as multiplying both sides of that row by $\sqrt w$; `np.linalg.lstsq` does the rest. (NumPy does not subtract truth values: make numbers of them first, `coalitions.astype(float)`.)
"""


# %% tags=["exercise"]
@exercise("kernel.solve")
def fit_kernel(coalitions, worth, weights, empty, full):
    """The weighted straight line through what coalitions are worth, exact for nobody and all.

    coalitions : bool, (M, d). worth, weights : (M,). empty, full : what nobody and all are
    worth. Returns the shares, (d,); they add up to full - empty.
    """
    ### BEGIN SOLUTION
    z = coalitions.astype(float)
    rest = z[:, :-1] - z[:, -1:]
    wanted = worth - empty - z[:, -1] * (full - empty)
    root = np.sqrt(weights)
    first = np.linalg.lstsq(rest * root[:, None], wanted * root)[0]
    return np.append(first, full - empty - first.sum())
    ### END SOLUTION


# %% [markdown]
r"""
With all coalitions it must give the Shapley values, to rounding. That is a theorem; look whether your code knows it.
"""

# %%
every = all_coalitions(PLAYERS)[1:-1]
misses = []
for worth, truth, game in zip(tables, truths, each, strict=True):
    inner = all_coalitions(game.d)[1:-1]
    shares = fit_kernel(
        inner, worth[1:-1], kernel_weights(game.d)[inner.sum(axis=1) - 1], worth[0], worth[-1]
    )
    misses.append(np.abs(shares - truth).max())
at_all = max(misses)
print(
    f"all coalitions: largest difference from the exact values {at_all:.1e}, over {len(tables)} people"
)

# %% [markdown]
r"""
The point is to ask *fewer*. Draw coalitions by the kernel: first a size, with the chance of all of that size together, then any coalition of that size. What is drawn by its weight must not be weighted again: all drawn ones count alike (see "When it breaks").

And draw in pairs: with every coalition ask its complement as well (Covert and Lee, 2021). Does that help, at the same number of questions?
"""

# %%
predict(
    "shapley.pairs",
    "The same number of questions in pairs, each coalition with its complement. The error is ...",
    ["larger: a complement tells little new", "about the same", "clearly smaller"],
)


# %%
def draw(d, m, rng, pairs):
    """m coalitions of d players drawn by the Shapley kernel, (m, d); in pairs with their complements or not."""
    n = m // 2 if pairs else m
    chances = 1 / (np.arange(1, d) * (d - np.arange(1, d)))
    size = rng.choice(np.arange(1, d), n, p=chances / chances.sum())
    rank = rng.random((n, d)).argsort(axis=1).argsort(axis=1)
    drawn = rank < size[:, None]
    return np.concatenate([drawn, ~drawn]) if pairs else drawn


def line_through(worth, coalitions):
    """The shares by KernelSHAP from these coalitions, all counting alike."""
    value = game_of(worth)
    return fit_kernel(
        coalitions, value(coalitions), np.ones(len(coalitions)), worth[0], worth[-1]
    )


def orders_there_and_back(worth, m, rng):
    """Shares by random orders, each played forwards and backwards, from about m questions."""
    value, n = game_of(worth), players_in(worth)
    drawn = [
        rng.permutation(n) for _ in range(max(1, m // (2 * (n - 1))))
    ]  # n - 1 questions an order
    return np.mean(
        [contributions(value, way) for one in drawn for way in (one, one[::-1])], axis=0
    )


ways = {
    "KernelSHAP": lambda w, m, rng: line_through(w, draw(players_in(w), m, rng, False)),
    "KernelSHAP in pairs": lambda w, m, rng: line_through(w, draw(players_in(w), m, rng, True)),
    "random orders": lambda w, m, rng: sampled(w, max(2, m // (players_in(w) - 1)), rng)[0],
    "orders there and back": orders_there_and_back,
}
asked = np.array((64, 128, 256, 512, 1024, 2048))
errors = {name: np.zeros((4, len(asked))) for name in ways}
for s, seed in enumerate(course_seeds(4)):
    rng = np.random.default_rng(seed)
    for k, m in enumerate(asked):
        for name, way in ways.items():
            misses = [off(way(w, m, rng), t) for w, t in zip(tables, truths, strict=True)]
            errors[name][s, k] = np.mean(misses)
plot.show(
    plot.lines(
        asked,
        errors,
        log="xy",
        xlabel="coalitions asked",
        ylabel="error (log-odds)",
        title="Four ways to estimate the same values (4 seeds)",
    )
)

# %%
level = {name: float(np.exp(np.log(e).mean())) for name, e in errors.items()}  # geometric mean
gain = level["KernelSHAP"] / level["KernelSHAP in pairs"]
reveal(
    "shapley.pairs",
    f"the error without pairs is {gain:.1f} times that with pairs",
    0 if gain < 0.9 else 1 if gain < 1.15 else 2,
)
slopes = {
    name: np.polyfit(np.log(asked[1:]), np.log(e.mean(axis=0)[1:]), 1)[0]
    for name, e in errors.items()
}
paired = errors["KernelSHAP in pairs"].mean(axis=0)
claim("kernel-shap-converges").judge(
    at_all < 1e-7
    and all(-0.8 < slopes[name] < -0.3 for name in ("KernelSHAP", "KernelSHAP in pairs")),
    evidence=f"from {asked[0]} to {asked[-1]} questions the error falls from {paired[0]:.3f} to {paired[-1]:.4f} in pairs, "
    f"like m to the power {slopes['KernelSHAP in pairs']:.2f} (without pairs {slopes['KernelSHAP']:.2f}); "
    f"with all coalitions it is {at_all:.0e}",
)
# %%
plain = level["random orders"] / level["KernelSHAP"]
both_paired = level["orders there and back"] / level["KernelSHAP in pairs"]
claim("kernel-shap-beats-orders").judge(
    plain < 1.2 and both_paired > 1.03 and gain > both_paired,
    evidence=f"at the same number of questions the error of random orders is {plain:.2f} times that of KernelSHAP; with both in pairs "
    f"{both_paired:.2f} times; the pairs alone divide KernelSHAP's error by {gain:.1f} ({len(people)} people, 4 seeds)",
)

# %% [markdown]
r"""
All four fall like $1/\sqrt m$, as chance does; only the height differs. And the height is not what one might have guessed: the plain line is no better than plain orders. What helps most is the *pair*. A game has a part in which $S$ and its complement agree. That part moves no Shapley value (a player who joins $S$ gains in it what the same player loses by joining the complement), so it is pure noise, and in a pair it cancels. The orders gain by it too: an order played backwards passes through the complements.

With pairs the line is ahead, by a little. An order spends its questions in a chain; independent coalitions tell the line more about all players at once.

The course's own `kernel_shap` goes on from here: it asks all coalitions of a size where there is room for all of them, draws the rest in pairs, and tells the standard error. Where the questions suffice it also gives the line a term for every three players, so that what three do together is not taken for noise.
"""

# %%
estimate = kernel_shap(
    answer, person, background, samples=500, rng=course_rng(5), feature_names=NAMES
)
print(estimate)
print(
    f"\nthe exact values lie within {np.abs(estimate.values - found.values).max():.4f} of these"
)

# %% [markdown]
r"""
## 6. LIME, and how steady it is

LIME (Ribeiro, Singh and Guestrin, 2016) came a year earlier and looks alike: ask the model about variations of the row, fit a straight line, near variations counting most. A variation keeps some features and covers the others. Its weight is a bell curve of its distance from the row,

$$w(z) = e^{-D(z)^2 / \text{width}^2}, \qquad D(z) = 1 - \sqrt{\text{share of the features that are kept}},$$

where $D$ is one minus the cosine between $z$ and a row of ones. The width says what "near" means. Nothing says what the width should be.
"""


# %% tags=["exercise"]
@exercise("lime.weights")
def lime_weights(kept, width):
    """How much each variation counts for LIME.

    kept : (M, d), 1 where a feature is kept and 0 where it is covered. width : a number.
    Returns (M,): 1 for the row itself, less for variations that keep less.
    """
    ### BEGIN SOLUTION
    distance = 1 - np.sqrt(kept.mean(axis=1))
    return np.exp(-(distance**2) / width**2)
    ### END SOLUTION


# %% [markdown]
r"""
Two things in this recipe are not the model's doing: which variations were drawn, and the width. Turn both, and leave the model and the person alone. First chance: ten runs with ten seeds, for each of the six people.
"""

# %%
predict(
    "shapley.lime_seeds",
    "Ten runs of LIME differ in their seed only, 100 variations each, a narrow kernel. How much does a feature's slope jump about from run to run, compared with the size of the slopes?",
    ["by less than a twentieth", "by a tenth or so", "by more than a quarter"],
)


# %%
def variations(m, d, rng):
    """The row itself, and others that keep a number of features drawn evenly from 0 to d - 1: (m, d)."""
    rank = rng.random((m, d)).argsort(axis=1).argsort(axis=1)
    kept = rank < rng.integers(0, d, (m, 1))
    kept[0] = True
    return kept


def by_lime(worth, m, width, rng):
    """The slopes of LIME's line through m variations, (d,); alpha is a ridge, a penalty on large slopes, as in LIME."""
    kept = variations(m, players_in(worth), rng)
    return fit_line(kept, game_of(worth)(kept), lime_weights(kept, width), alpha=1.0)[1]


def jumps(explain, runs=10):
    """From run to run: the spread of a slope, as a share of the slopes' mean size. Mean over people."""
    ratios = []
    for k, worth in enumerate(tables):
        slopes = np.array([explain(worth, course_rng(100 * k + run)) for run in range(runs)])
        ratios.append(slopes.std(axis=0).mean() / np.abs(slopes.mean(axis=0)).mean())
    return np.mean(ratios)


many = (100, 400, 1600)
unsteady = {
    f"LIME, width {width}": np.array(
        [jumps(lambda worth, rng, m=m, w=width: by_lime(worth, m, w, rng)) for m in many]
    )
    for width in (0.1, 0.25, 0.75)
}
unsteady["KernelSHAP in pairs"] = np.array(
    [
        jumps(
            lambda worth, rng, m=m: line_through(worth, draw(players_in(worth), m, rng, True))
        )
        for m in many
    ]
)
plot.show(
    plot.lines(
        many,
        unsteady,
        log="xy",
        xlabel="questions to the model",
        ylabel="spread from seed to seed (share of the values)",
        title="Ask again, and get another answer",
    )
)
print(f"{'':>22} " + " ".join(f"{m:>6}" for m in many) + "   questions")
for name, ratios in unsteady.items():
    print(f"{name:>22} " + " ".join(f"{r:6.1%}" for r in ratios))

# %%
narrow = unsteady["LIME, width 0.1"]
reveal(
    "shapley.lime_seeds",
    f"by {narrow[0]:.0%} with 100 variations, {narrow[-1]:.0%} with 1,600",
    0 if narrow[0] < 0.05 else 1 if narrow[0] < 0.25 else 2,
)

# %% [markdown]
r"""
A narrow kernel looks at few of its variations: most weigh next to nothing, and the penalty on large slopes pulls them all towards 0 besides. More questions cure that. KernelSHAP moves too, but several times less at the same price.

Now the width, and here chance is switched off: LIME's line through *all* variations, each with the chance of being drawn. What is left is the recipe. We explain the trees' log-odds, their probability, and beside them the straight line of section 3.
"""

# %%
predict(
    "shapley.lime_width",
    "Without any chance left: do the shares of the trees' features still depend on the width?",
    [
        "no: with all variations there is one answer",
        "hardly: less than a fiftieth of the total changes hands",
        "yes, more than that changes hands",
    ],
)


# %%
def lime_without_chance(worth, width):
    """The slopes that LIME approaches with ever more variations, (d,)."""
    kept = all_coalitions(players_in(worth))
    d, size = kept.shape[1], kept.sum(axis=1)
    drawn = np.array(
        [1 / (d * math.comb(d, s)) for s in range(d)] + [0.0]
    )  # by size; the row itself is one of 1,000
    return fit_line(
        kept, worth, (drawn[size] + (size == d) / 1000) * lime_weights(kept, width), alpha=1e-9
    )[1]


def moved(one, other):
    """How much of the total changes hands between two explanations: 0 none, 1 everything."""
    return np.abs(one / np.abs(one).sum() - other / np.abs(other).sum()).sum() / 2


def chance(rows):
    return trees.predict_proba(rows)[:, 1]


chance_games = [Game(chance, one, background) for one in people]
chance_tables = [game.value(all_coalitions(game.d)) for game in chance_games]
away = one_hot(people)[0] - one_hot(background)[0].mean(axis=0)  # (6, 91)
line_tables = [
    all_coalitions(PLAYERS) @ np.bincount(owner, straight.coef_[0] * row) for row in away
]  # a sum of single effects: w (x - mean), as section 3 found
widths = np.array((0.1, 0.15, 0.25, 0.5, 1.0, 2.0))
drift = {
    name: np.array(
        [
            [
                moved(lime_without_chance(w, width), lime_without_chance(w, 0.1))
                for width in widths
            ]
            for w in some
        ]
    )
    for name, some in (
        ("trees, log-odds", tables),
        ("trees, probability", chance_tables),
        ("straight line, log-odds", line_tables),
    )
}  # each (people, widths)
plot.show(
    plot.lines(
        widths,
        drift,
        log="x",
        xlabel="width of the kernel",
        ylabel="share of the total that changed hands",
        title="Against LIME at width 0.1, without chance (6 people)",
    )
)

# %%
far_odds, far_chance, far_line = (moves[:, -1].mean() for moves in drift.values())
reveal(
    "shapley.lime_width",
    f"between the narrowest width and the widest {far_odds:.1%} change hands for the log-odds, {far_chance:.1%} for the probability "
    f"({far_line:.1%} for the straight line)",
    0 if far_odds < 0.002 else 1 if far_odds < 0.02 else 2,
)
claim("lime-is-unstable").judge(
    narrow[0] > 0.2
    and narrow[-1] < narrow[0] / 5
    and min(far_odds, far_chance) > 0.03
    and far_line < 0.002
    and unsteady["LIME, width 0.75"][-1] < 0.06,
    evidence=f"from seed to seed values jump by {narrow[0]:.0%} (100 variations, width 0.1), by {unsteady['LIME, width 0.75'][-1]:.1%} "
    f"with 1,600 and width 0.75; KernelSHAP by {unsteady['KernelSHAP in pairs'][0]:.1%} and {unsteady['KernelSHAP in pairs'][-1]:.1%}; "
    f"the width alone moves {far_odds:.1%} of the total for log-odds and {far_chance:.1%} for probabilities, with chance switched off ({far_line:.1%} for a straight line)",
)

# %% [markdown]
r"""
So two different things are called instability. Chance fades with more questions, like everywhere. The width stays: with infinitely many variations LIME gives another explanation for each width, and none of them is wrong by LIME's own lights. Only for the straight line does it not matter: a sum of single effects is met exactly at any width. Where features work together no line is exact, and the width decides who is credited with what they do together.

LIME as first written for tables covers nothing. It draws every number from a bell curve with the mean and the spread of all people, and lets those near the person count most. What "near" means then decides even a sign. Take people around 60 and let the age alone vary. Shown is the one for whom the width matters most.
"""

# %%
old = adult.x_test[(adult.x_test[:, 0] >= 58) & (adult.x_test[:, 0] <= 64)][:12]
years = np.arange(17, 91)
near = (2.0, 10.0, 40.0)


ages = adult.x_train[:, 0]
common = np.exp(
    -(((years - ages.mean()) / ages.std()) ** 2) / 2
)  # how often LIME draws each age


def along_age(row):
    """What the model says of this person at every age."""
    rows = np.repeat(row[None], len(years), axis=0)
    rows[:, 0] = years
    return answer(rows)


def line_near(row, width):
    """LIME's straight line for the age alone: its height at the person's age, and its slope."""
    weights = common * np.exp(-(((years - row[0]) / width) ** 2))
    height, slope, _ = fit_line((years - row[0])[:, None], along_age(row), weights, alpha=1e-9)
    return height, slope[0]


by_width = np.array([[line_near(row, width)[1] for width in near] for row in old])  # (12, 3)
shown = old[np.argmax(by_width[:, -1] - by_width[:, 0])]
fitted = {}
for width in near:
    height, slope = line_near(shown, width)
    fitted[f"line, width {width:g} years"] = height + slope * (years - shown[0])
plot.show(
    plot.lines(
        years,
        {"what the model says": along_age(shown)} | fitted,
        markers=False,
        xlabel=f"age in years (the person is {shown[0]:g})",
        ylabel="log-odds of a high income",
        title="One model, one person, three widths",
    )
)
means = by_width.mean(axis=0)
told = ", ".join(f"width {width:g}: {m:+.3f}" for width, m in zip(near, means, strict=True))
turned = int(np.sum(by_width[:, 0] * by_width[:, -1] <= 0))
print(f"slope a year, mean over {len(old)} people of 58 to 64: {told}")
print(
    f"slopes with one sign at width {near[0]:g} and the other at {near[-1]:g}: {turned} of {len(old)}"
)

# %% [markdown]
r"""
Seen from afar, age speaks for income: the young earn little. Seen from near 60 it does not. Each line is right about something. Only, an explanation that gives age a slope without saying *how far around* has not said what it is about.

## 7. Networks and trees, without sampling

All of this treats a model as a black box. Who may look inside can be faster.

**DeepSHAP** goes backwards through a network once for every background row. Notebook 03's backward pass multiplies slopes. This one multiplies *changes*: a unit whose input goes from its value at the background row to its value at the person by $\Delta x$, and its output by $\Delta y$, hands back $\Delta y / \Delta x$. A ReLU that is off for one and on for the other gets its due, where a slope would be 0 or 1. The shares add up exactly, by the chain of changes; but *within* a layer with several inputs it deals by proportion, which is not Shapley's rule. So it is an approximation.

**Expected gradients** (GradientSHAP in some tools) takes the slope at many points on the straight way from background to person and averages. For smooth games it is Aumann and Shapley's value, a cousin. Notebook 16 builds it.

**TreeSHAP** uses that a tree is a table of leaves. Each leaf is a small game: to get there, some $p$ features must come from the person and some $q$ others from the background row. A coalition that has all of the $p$ and none of the $q$ wins what the leaf says; any other wins nothing. For this game the Shapley values are a formula. Added up over leaves, trees and background rows they are exact.

<details><summary>The formula, from section 1</summary>

Play random orders. One of the $p$ adds the leaf's number if it completes the $p$ before any of the $q$ has come: first the other $p - 1$ in any order, then it, then the $q$ in any order. That is $(p-1)!\,q!$ of the $(p+q)!$ orders. One of the $q$ takes the number away again if it comes first of the $q$, after all of the $p$: that is $p!\,(q-1)!$ of them. So each of the $p$ gets $\frac{(p-1)!\,q!}{(p+q)!}$ of the leaf's number, each of the $q$ gets $-\frac{p!\,(q-1)!}{(p+q)!}$ of it, and all other features get nothing.

</details>

A small network on the same people, and a fair test: all of them against exact values.
"""


# %%
def small_network(seed, steps=500):
    """91 - 32 - 32 - 1 with ReLU, trained on the columns of 0 and 1."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(x_columns.shape[1], 32),
            nn.ReLU(),
            nn.Linear(32, 32),
            nn.ReLU(),
            nn.Linear(32, 1),
        )
        inputs = torch.tensor(x_columns, dtype=torch.float32)
        labels = torch.tensor(adult.y_train, dtype=torch.float32)
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, fused=True)
        for _ in range(steps):
            batch = torch.randint(len(inputs), (256,))
            loss = nn.functional.binary_cross_entropy_with_logits(
                network(inputs[batch])[:, 0], labels[batch]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.double().eval()


network = small_network(course_seed(0))
test_columns = one_hot(adult.x_test)[0]
with torch.no_grad():
    right = ((network(torch.tensor(test_columns))[:, 0] > 0).numpy() == adult.y_test).mean()
print(
    f"network right on new people: {right:.1%} (trees {trees.score(adult.x_test, adult.y_test):.1%})"
)

# %%
predict(
    "shapley.deep",
    "DeepSHAP on this network, against the exact Shapley values:",
    [
        "equal to rounding",
        "it adds up exactly, and the values are near",
        "near, but it does not add up",
    ],
)

# %%
few = 4
explained = test_columns[course_rng(6).choice(len(test_columns), few, replace=False)]
others = x_columns[course_rng(7).choice(len(x_columns), 20, replace=False)]


def ask_network(rows):
    with torch.no_grad():
        return network(torch.tensor(rows))[:, 0].numpy()


truth = exact_shapley(ask_network, explained, others, groups=owner, feature_names=NAMES)
deep = deep_shap(network, explained, others)
along = expected_gradients(
    from_torch(network), explained, others, samples=400, rng=course_rng(8)
)
inputs = torch.tensor(explained, requires_grad=True)
network(inputs).sum().backward()
change = explained - others.mean(axis=0)
by_columns = {
    "DeepSHAP": deep.values,
    "expected gradients": along.values,
    "slope x change": inputs.grad.numpy() * change,
}  # each (few, 91)
shares_by = {
    name: np.array([np.bincount(owner, row) for row in v]) for name, v in by_columns.items()
}  # each (few, 12): the columns of a word belong to one feature
scale = np.abs(truth.values).mean()
off_by = {name: np.abs(v - truth.values).mean() / scale for name, v in shares_by.items()}
missed = {
    name: np.abs(truth.base_value + v.sum(axis=1) - truth.output).max()
    for name, v in shares_by.items()
}
print(f"{'':>18} {'off by':>8} {'of the total missed':>22}")
for name in shares_by:
    print(f"{name:>18} {off_by[name]:>8.1%} {missed[name]:>22.1e}")
plot.show(
    plot.side_by_side(
        {"exact": truth.values[0]} | {name: v[0] for name, v in shares_by.items()},
        NAMES,
        xlabel="share of the log-odds",
        title="One person, the small network",
        most=8,
    )
)

# %%
reveal(
    "shapley.deep",
    f"it misses the total by {deep.gap:.0e}, single values by {off_by['DeepSHAP']:.1%} of their mean size",
    0 if off_by["DeepSHAP"] < 1e-6 else 1 if deep.gap < 1e-6 else 2,
)

# %% [markdown]
r"""
Slope times change is far off and does not add up: between the background and the person ReLUs switch, and a slope at one point knows nothing of that. Expected gradients come nearly as close as DeepSHAP and miss the sum by a little, because they are sampled.

Now the trees: by the definition, with all coalitions, and by TreeSHAP.
"""

# %% tags=["volatile"]
start = time.perf_counter()
by_coalitions = exact_shapley(answer, people, background)
middle = time.perf_counter()
by_trees = tree_shap(trees, people, background, feature_names=NAMES)
end = time.perf_counter()
print(
    f"{len(people)} people: all coalitions {middle - start:.2f} s, TreeSHAP {end - middle:.3f} s, "
    f"{(middle - start) / (end - middle):.0f} times faster"
)

# %%
tree_off = np.abs(by_trees.values - by_coalitions.values).max()
print(f"largest difference between TreeSHAP and the definition: {tree_off:.1e}")

# %% [markdown]
r"""
Time to hold the first axiom against everything that we have. Efficiency is what the word *additive* in SHAP (SHapley Additive exPlanations) promises: base value plus shares is the output. LIME promises no such thing, and neither does slope times change.
"""

# %%
predict(
    "shapley.adds_up",
    "Estimated from few questions, do KernelSHAP's values add up exactly?",
    ["no: only the exact values do", "yes, by how it is built", "only with all coalitions"],
)

# %%
tiny = dict(samples=60, rng=course_rng(8))
gaps = {
    "all coalitions": by_coalitions.gap,
    "random orders, 2 pairs": permutation_shapley(
        answer, people, background, pairs=2, rng=course_rng(9)
    ).gap,
    "KernelSHAP, 60 questions": kernel_shap(answer, people, background, **tiny).gap,
    "TreeSHAP": by_trees.gap,
    "DeepSHAP (network)": deep.gap,
    "LIME, 400 questions": lime(
        answer, people, background, samples=400, rng=course_rng(10)
    ).gap,
    "slope x change (network)": missed["slope x change"],
}
size = np.abs(by_coalitions.output - by_coalitions.base_value).mean()
print(
    f"worst miss of base value + shares against the output (which differ by {size:.1f} on average)"
)
for name, gap in gaps.items():
    print(f"{name:>26}  {gap:.1e}")

# %%
promise = [name for name in gaps if not name.startswith(("LIME", "slope"))]
reveal(
    "shapley.adds_up",
    f"KernelSHAP from 60 questions misses by {gaps['KernelSHAP, 60 questions']:.0e}",
    1 if gaps["KernelSHAP, 60 questions"] < 1e-9 else 0,
)
claim("shap-values-add-up").judge(
    max(gaps[name] for name in promise) < 1e-6 and gaps["LIME, 400 questions"] > 0.01,
    evidence=f"the worst miss of five ways to compute them is {max(gaps[name] for name in promise):.0e} "
    f"(LIME {gaps['LIME, 400 questions']:.2f}, slope x change {missed['slope x change']:.2f})",
)

# %% [markdown]
r"""
They all add up, and that is the weakest praise there is. The estimates above add up from 60 questions too, where they are still off; equal parts would add up. *Adding up says that the bill is complete, not that each item on it is right.*

## 8. Compared with whom?

A share says what a feature did *compared with the background*. Change the background and you change the question. Four of them, for the person of section 3: people in general; people who earned more than 50,000; people with the same education; and one single person, whose every answer is the most frequent one (or the middle one, of numbers).
"""

# %%
predict(
    "shapley.background",
    "Same model, same person, same output; four backgrounds. What changes?",
    [
        "only the base value: the features did what they did",
        "sizes change, signs do not",
        "even signs change",
    ],
)

# %%
education = NAMES.index("education_num")
usual = np.median(adult.x_train, axis=0)
for k, name in enumerate(NAMES):
    if name in adult.categories:
        usual[k] = np.bincount(adult.x_train[:, k].astype(int)).argmax()
rng = course_rng(11)


def some(which, n=300):
    rows = adult.x_train[which]
    return rows[rng.choice(len(rows), min(n, len(rows)), replace=False)]


backgrounds = {
    "everybody": some(slice(None)),
    "high income": some(adult.y_train == 1),
    "same education": some(adult.x_train[:, education] == person[education]),
    "one usual person": usual[None],
}
compared = {
    name: tree_shap(trees, person, rows, feature_names=NAMES)
    for name, rows in backgrounds.items()
}
plot.show(
    plot.side_by_side(
        {name: one.values for name, one in compared.items()},
        in_words(person),
        xlabel="share of the log-odds",
        title="One prediction, four backgrounds",
        most=8,
    )
)
for name, one in compared.items():
    print(
        f"{name:>17}: base value {one.base_value:+.2f}, output {one.output:+.2f}, education {one.values[education]:+.3f}"
    )

# %%
values = np.array([one.values for one in compared.values()])
large = np.abs(values) > 0.05
flips = [
    NAMES[k]
    for k in range(PLAYERS)
    if (large[:, k] & (values[:, k] > 0)).any() and (large[:, k] & (values[:, k] < 0)).any()
]
reveal(
    "shapley.background",
    f"features with a share above +0.05 for one background and below -0.05 for another: {', '.join(flips) or 'none'}",
    2 if flips else 1 if np.ptp(values, axis=0).max() > 0.1 else 0,
)
asked_about = adult.x_test[:20]
by_all, by_rich = (
    tree_shap(trees, asked_about, backgrounds[name][:50]).values
    for name in ("everybody", "high income")
)  # each (20, 12)
turned = (by_all * by_rich < 0) & (np.minimum(np.abs(by_all), np.abs(by_rich)) > 0.05)
print(
    f"{len(asked_about)} others, against everybody and against high incomes: some share turns its sign for {turned.any(axis=1).sum()} of them"
)

# %% [markdown]
r"""
"Why was I refused?" may mean "compared with everybody", or "compared with those who were accepted". These are different questions, and both have right answers; between them a share may even turn its sign. Among people of the same education, education explains nothing, by the axiom of the dummy. A single baseline person is the cheapest background and the most arbitrary one.

So: *name the background in the same breath as the numbers*, choose the people with whom the comparison is meant, and take enough of them (see "When it breaks").

## 9. Features that go together

The game of section 3 mixes: age from the person, education from somebody else. Are there such people?
"""

# %%
predict(
    "shapley.impossible",
    "Of all mixed rows that the exact game asks about: how many contradict themselves (a husband who is female or unmarried, a wife who is male or unmarried)?",
    ["less than one in a hundred", "about one in thirty", "one in ten, or more"],
)

# %%
relation, sex, marital = (
    NAMES.index(name) for name in ("relationship", "sex", "marital_status")
)
HUSBAND, WIFE = (adult.categories["relationship"].index(word) for word in ("Husband", "Wife"))
MALE = adult.categories["sex"].index("Male")
MARRIED = [
    k for k, word in enumerate(adult.categories["marital_status"]) if word.startswith("Married")
]


def contradictory(rows):
    """Whether a row says husband and female, wife and male, or either of them and not married."""
    husband, wife = rows[:, relation] == HUSBAND, rows[:, relation] == WIFE
    unmarried = ~np.isin(rows[:, marital], MARRIED)
    return (
        (husband & (rows[:, sex] != MALE))
        | (wife & (rows[:, sex] == MALE))
        | ((husband | wife) & unmarried)
    )


shares_of_mixed = []
for one in adult.x_test[:60]:
    kept = all_coalitions(PLAYERS)[course_rng(12).choice(2**PLAYERS, 200, replace=False)]
    mixed = np.where(kept[:, None], one, background).reshape(-1, PLAYERS)  # (200 * 40, 12)
    shares_of_mixed.append(contradictory(mixed).mean())
real = contradictory(adult.x_train).mean()
mixed = np.mean(shares_of_mixed)
reveal(
    "shapley.impossible",
    f"{mixed:.1%} of the mixed rows (60 people), {real:.2%} of the real ones",
    0 if mixed < 0.01 else 1 if mixed < 0.08 else 2,
)

# %% [markdown]
r"""
The model has never seen anybody like these. What it says there is chance, and it goes into the shares. This $v(S)$ is called **interventional**: set the features of $S$, whatever usually goes with them.

The other way is to ask what people are like *who share the features of $S$* with the person: the mean answer over them, $v(S) = \mathbb{E}[f(X) \mid X_S = x_S]$. That is the **conditional** value. It asks only about rows that occur. Does it mend everything? A worked example with two features, both bell curves of mean 0 and spread 1, correlated with $\rho$ = 0.8. The model uses the first and *never looks at the second*:

$$f(x_1, x_2) = x_1.$$

For such features, those who share $x_2$ have $x_1$ near $\rho x_2$ on average. Below this is not taken on trust: we draw 400,000 pairs and average over those that lie near.
"""

# %%
predict(
    "shapley.unused",
    "How large is the conditional Shapley value of x2, which the model never looks at?",
    [
        "0: it changes nothing in the model",
        "not 0: it tells something about x1",
        "it cannot be computed",
    ],
)

# %%
RHO, here = 0.8, np.array([1.0, 1.0])  # the row that is explained


def two_values(f, rows, near=0.05):
    """What the four coalitions are worth, interventional and conditional, from rows alone: each (4,)."""
    set_first, set_second = rows.copy(), rows.copy()
    set_first[:, 0], set_second[:, 1] = here
    ends = f(rows).mean(), f(here[None])[0]
    alike = [np.abs(rows[:, k] - here[k]) < near for k in (0, 1)]
    interventional = [ends[0], f(set_first).mean(), f(set_second).mean(), ends[1]]
    conditional = [ends[0], f(rows[alike[0]]).mean(), f(rows[alike[1]]).mean(), ends[1]]
    return np.array(interventional), np.array(conditional)


def first_only(rows):
    return rows[:, 0]


unused = []
for seed in course_seeds(3):
    noise = np.random.default_rng(seed).normal(size=(400_000, 2))
    rows = np.column_stack([noise[:, 0], RHO * noise[:, 0] + np.sqrt(1 - RHO**2) * noise[:, 1]])
    unused.append([exact(worth) for worth in two_values(first_only, rows)])
unused = np.array(unused)  # (seeds, 2 kinds, 2 features)
for kind, name in enumerate(("interventional", "conditional")):
    print(
        f"{name:>15}: x1 {mean_and_spread(unused[:, kind, 0])}, x2 {mean_and_spread(unused[:, kind, 1])}"
    )

# %%
set_it, given_it = np.abs(unused[:, 0, 1]).max(), unused[:, 1, 1].mean()
reveal(
    "shapley.unused",
    f"x2: {given_it:.2f} conditional, {set_it:.2f} interventional; x1 of the same row {unused[:, 1, 0].mean():.2f}",
    0 if abs(given_it) < 0.05 else 1,
)
claim("unused-feature-gets-nothing").judge(
    set_it < 0.01 and given_it > 0.3,
    evidence=f"the model never reads x2; with interventional values it gets {set_it:.3f}, with conditional ones {given_it:.2f} "
    f"of {here[0]:.0f} (3 seeds, features correlated by {RHO})",
)

# %% [markdown]
r"""
On paper: $v(\{2\}) = \rho x_2$, so $\phi_2 = \rho x_2 / 2 = 0.4$ at $x = (1, 1)$. "Changes nothing" in the axiom of the dummy means: changes nothing in $v$. In the conditional game $x_2$ does change something, because *knowing* it tells about $x_1$. For the question "does the model use the applicant's sex?" such a share is an accusation without a deed.

The interventional value has its own trouble. Suppose a length is in the table twice, in centimetres and in inches. Three models predict exactly the same for every row that can exist: one reads the first column, one reads the second, one their mean.
"""

# %%
predict(
    "shapley.copies",
    "Three models, the same answer for every real row. Their interventional Shapley values are ...",
    ["the same", "different: one puts all on the first column, one all on the second"],
)

# %%
length = course_rng(13).normal(size=20_000)
copies = np.column_stack([length, length])
print(f"{'model reads':>16} {'interventional':>18} {'conditional':>16}")
found_for = {}
for name, weights in (
    ("the first", [1, 0]),
    ("the second", [0, 1]),
    ("their mean", [0.5, 0.5]),
):
    worths = two_values(lambda rows, w=weights: rows @ w, copies)
    found_for[name] = [exact(worth) for worth in worths]
    told = [" ".join(f"{v + 0:6.2f}" for v in shares) for shares in found_for[name]]
    print(f"{name:>16} {told[0]:>18} {told[1]:>16}")
apart = np.abs(found_for["the first"][0] - found_for["the second"][0]).max()
reveal(
    "shapley.copies",
    f"the interventional values differ by {apart:.2f}, the output is {here[0]:.0f}",
    0 if apart < 0.1 else 1,
)

# %% [markdown]
r"""
Train a model twice with different seeds, and which of two twin columns it reads is luck. The interventional value tells truly what *this model* does. The conditional value tells what the *features know*. "True to the model or true to the data?" (Chen et al., 2020): no formula settles it, because they are two questions. Say which one you ask. With features that go together closely there is a third way: make one player of them (`groups=`), and ask about the group.

## 10. "SHAP shows what causes what"

People read a plot of Shapley values like this: *age raises income; so much*. A doctor may read: this medicine lowers health. To test that we need a world in which the truth is known. So we make one, a **structural model**: every quantity is computed from its causes.

- exercise $E$ is drawn by chance; fitness $F = 0.8 E + \dots$;
- illness $U$ is drawn by chance, and *nobody measures it*;
- medicine is given to the ill: $M = U + \dots$, and it helps: $+0.5$;
- health $H = 1.0\,F - 1.5\,U + 0.5\,M + \dots$

The dots are small chances. In such a world we can *do* things: give everybody one unit of medicine more, with all chances as they were, and see what becomes of health. That is the causal effect. A model is trained to predict $H$ from what can be measured, $E$, $F$ and $M$, and explained.
"""

# %%
predict(
    "shapley.causes",
    "Medicine helps (+0.5 for each unit). Exercise makes fit, and fitness makes healthy. The model predicts well. Its Shapley values say ...",
    [
        "the same as the causal effects, roughly",
        "that medicine helps, but less, and that exercise matters most",
        "that medicine harms, and that exercise hardly matters",
    ],
)

# %%
MEASURED = ("exercise", "fitness", "medicine")


def world(noise, do=None):
    """(rows of E, F, M; health), from the same chances; `do` adds to a quantity whatever its causes say."""
    do = do or {}
    exercise_ = noise[:, 0] + do.get("exercise", 0.0)
    fitness = 0.8 * exercise_ + 0.6 * noise[:, 1] + do.get("fitness", 0.0)
    illness = noise[:, 2]
    medicine = illness + 0.3 * noise[:, 3] + do.get("medicine", 0.0)
    health = 1.0 * fitness - 1.5 * illness + 0.5 * medicine + 0.3 * noise[:, 4]
    return np.column_stack([exercise_, fitness, medicine]), health


def explained_world(seed):
    """Causal effects, and the slopes of Shapley values, a unit of each feature: (3,) each; and the model's R2."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(4000, 5))
    rows, health = world(noise)
    effects = [np.mean(world(noise, {name: 1.0})[1] - health) for name in MEASURED]
    model = GradientBoostingRegressor(
        n_estimators=80, max_depth=3, subsample=0.5, random_state=seed
    ).fit(rows, health)
    new, new_health = world(rng.normal(size=(300, 5)))
    shares = tree_shap(model, new, rows[:100])
    slopes = [np.polyfit(new[:, k], shares.values[:, k], 1)[0] for k in range(3)]
    return effects, slopes, model.score(new, new_health), shares.gap


runs = [explained_world(seed) for seed in course_seeds(5)]
effects, slopes_of = (np.array([run[k] for run in runs]) for k in (0, 1))  # (5, 3)
plot.show(
    plot.side_by_side(
        {
            "what happens if it is raised by 1": effects,
            "what its Shapley value does": slopes_of,
        },
        MEASURED,
        xlabel="change of health for one unit more (mean and range of 5 seeds)",
        title="Causes, and what a good model uses",
    )
)
print(
    f"the model explains {np.mean([run[2] for run in runs]):.0%} of the variance of health in new people"
)

# %%
medicine_cause, medicine_shap = effects[:, 2], slopes_of[:, 2]
exercise_cause, exercise_shap = effects[:, 0], slopes_of[:, 0]
reveal(
    "shapley.causes",
    f"medicine: effect {medicine_cause.mean():+.2f}, Shapley values {medicine_shap.mean():+.2f} a unit; "
    f"exercise: effect {exercise_cause.mean():+.2f}, Shapley values {exercise_shap.mean():+.2f}",
    2 if medicine_shap.mean() < 0 else 1 if exercise_shap.mean() > 0.3 else 0,
)
claim("shap-shows-causes").judge(
    np.all(medicine_shap < -0.3)
    and np.all(medicine_cause > 0.3)
    and np.abs(exercise_shap).max() < exercise_cause.min() / 2,
    evidence=f"in a world with known causes, 5 seeds: medicine helps by {medicine_cause.mean():+.2f} a unit, its Shapley values say "
    f"{medicine_shap.mean():+.2f} (at most {medicine_shap.max():+.2f}); exercise {exercise_cause.mean():+.2f} against {exercise_shap.mean():+.2f}",
)

# %% [markdown]
r"""
The explanation is not wrong. It is right about the *model*: who takes much medicine is ill, and the model uses that, and should, for it predicts. Exercise tells nothing once fitness is known, so the model leaves it alone. But neither is what happens when somebody *acts*. A hidden cause (illness) turned one sign around; a step in between (fitness) took away another effect altogether. No better model and no better $v(S)$ cures this, since nothing in the table says which way the arrows point. That takes an experiment, or knowledge from outside. (Notebook 02's rule again: look at what was measured.)

## 11. A model as a whole

Explain many people, and the shares become a picture of the model. TreeSHAP is fast enough for 400.
"""

# %%
crowd = adult.x_test[course_rng(14).choice(len(adult.x_test), 400, replace=False)]
general = adult.x_train[course_rng(15).choice(len(adult.x_train), 100, replace=False)]
overview = tree_shap(trees, crowd, general, feature_names=NAMES)
plot.show(overview.plot("bar", title="How much each feature does, on average", most=PLAYERS))
plot.show(
    overview.plot("beeswarm", title="400 people: what each feature did for each", most=PLAYERS)
)

# %% [markdown]
r"""
The bars are the mean size of the shares. The swarm shows what they hide: each point is a person, its place what the feature did for the person, its colour how large the feature was. Capital gains do nothing for nearly everybody and a great deal for a few. The colours of words (occupation, relationship, ...) mean nothing: they are numbers in the order of the alphabet. For those, and for curves, one looks at one feature at a time.
"""

# %%
plot.show(plot.dependence(overview, "age", title="What age does to the log-odds"))
plot.show(
    plot.dependence(
        overview,
        "relationship",
        words=adult.categories["relationship"],
        split=("sex", adult.categories["sex"]),
        title="What the answer 'relationship' does",
    )
)

# %% [markdown]
r"""
At the same age the shares still differ: what age does depends on the other answers. That is interaction, and a single slope cannot show it.

**Beside it: permutation importance.** A simpler and older question about a whole model (Breiman, 2001): shuffle one column, so that it tells nothing any more, and see how much *worse* the model becomes. It needs the true labels, one number a feature comes out, and it speaks of errors, where Shapley values speak of outputs.
"""


# %% tags=["exercise"]
@exercise("importance.permutation")
def permutation_importance(predict, x, y, score, shuffles):
    """How much a score falls when a column is shuffled, on average.

    predict : rows (N, D) -> outputs. score(outputs, y) : larger is better.
    shuffles : (R, N), each row the numbers 0 to N - 1 in another order; a column shuffled
    by it is x[order, column]. Returns (D,): score of the untouched rows minus score with
    that column alone shuffled, mean over the R shuffles. x itself stays as it is.
    """
    ### BEGIN SOLUTION
    untouched = score(predict(x), y)
    falls = np.empty((len(shuffles), x.shape[1]))
    for column in range(x.shape[1]):
        for k, order in enumerate(shuffles):
            shuffled = x.copy()
            shuffled[:, column] = x[order, column]
            falls[k, column] = untouched - score(predict(shuffled), y)
    return falls.mean(axis=0)
    ### END SOLUTION


# %%
predict(
    "shapley.orders",
    "Three orders of importance of the twelve features: mean size of Shapley values, permutation importance, size of logistic regression's effects. They ...",
    ["agree: the same order", "agree roughly", "have little to do with each other"],
)


# %%
def minus_log_loss(log_odds, y):
    """The mean log-likelihood: larger is better."""
    return -float(np.mean(np.logaddexp(0, np.where(y == 1, -log_odds, log_odds))))


rng = course_rng(16)
judges = rng.choice(len(adult.x_test), 3000, replace=False)
shuffles = np.array([rng.permutation(len(judges)) for _ in range(5)])
falls = permutation_importance(
    answer, adult.x_test[judges], adult.y_test[judges], minus_log_loss, shuffles
)
effect_size = np.array(
    [
        np.std(test_columns[:, owner == k] @ straight.coef_[0, owner == k])
        for k in range(PLAYERS)
    ]
)
rankings = {
    "Shapley values": overview.importance(),
    "permutation": falls,
    "logistic regression": effect_size,
}
plot.show(
    plot.side_by_side(
        {name: sizes / sizes.max() for name, sizes in rankings.items()},
        NAMES,
        xlabel="importance (share of the largest)",
        title="Three ways to say what matters",
    )
)
pairs_of = list(itertools.combinations(rankings, 2))
agree = {
    pair: float(rank_correlation(*(rankings[name][None] for name in pair))[0])
    for pair in pairs_of
}
for pair, r in agree.items():
    print(f"{pair[0]:>20} and {pair[1]:<20} rank correlation {r:.2f}")

# %%
least = min(agree.values())
both = []
for order in shuffles:
    mixed_rows = adult.x_test[judges].copy()
    mixed_rows[:, [relation, marital]] = mixed_rows[order][:, [relation, marital]]
    both.append(minus_log_loss(answer(mixed_rows), adult.y_test[judges]))
together = minus_log_loss(answer(adult.x_test[judges]), adult.y_test[judges]) - np.mean(both)
print(
    f"fall of the score: relationship alone {falls[relation]:.3f}, marital_status alone {falls[marital]:.3f}, "
    f"both shuffled alike {together:.3f}; logistic regression's sizes {effect_size[relation]:.2f} and {effect_size[marital]:.2f}"
)
reveal(
    "shapley.orders",
    f"rank correlations {', '.join(f'{r:.2f}' for r in agree.values())} (1: the same order)",
    0 if least > 0.97 else 1 if least > 0.5 else 2,
)

# %% [markdown]
r"""
The straight line, for nothing, tells much of the same story, and is right nearly as often. Where the three part, it is mostly about features that say nearly the same: *relationship* and *marital_status*. The line, compared with the trees, leans less on the first and more on the second. Shuffled alone, each is partly replaced by the other; shuffled together, they cost more than both falls added. That is a habit of the model, not a fact about the world: section 9 in the wild.

**A question that stays open.** Sex is one of the twelve features. What does the model do with it?
"""

# %%
predict(
    "shapley.fair",
    "Train again without the column sex. The gap between men's and women's mean predicted probability ...",
    ["vanishes", "falls to about half", "hardly changes"],
)

# %%
women = adult.x_test[:, sex] != MALE
of_women = crowd[:, sex] != MALE
print(
    f"share of 'sex' in the log-odds: women {overview.values[of_women, sex].mean():+.2f}, men {overview.values[~of_women, sex].mean():+.2f} "
    f"(relationship: {overview.values[of_women, relation].mean():+.2f}, {overview.values[~of_women, relation].mean():+.2f})"
)
others_than_sex = [k for k in range(PLAYERS) if k != sex]


def gap(chances):
    return chances[~women].mean() - chances[women].mean()


with_sex, without_sex = [], []
for seed in course_seeds(2):
    seeing = trees if seed == course_seed(0) else boosted(adult.x_train, adult.y_train, seed)
    with_sex.append(gap(seeing.predict_proba(adult.x_test)[:, 1]))
    blind = boosted(adult.x_train[:, others_than_sex], adult.y_train, seed)
    without_sex.append(gap(blind.predict_proba(adult.x_test[:, others_than_sex])[:, 1]))
truly = gap(adult.y_test)
print(
    f"gap men - women: in the data {truly:.3f}, model with sex {np.mean(with_sex):.3f}, without {np.mean(without_sex):.3f}"
)

# %%
left = np.mean(without_sex) / np.mean(with_sex)
reveal(
    "shapley.fair",
    f"{left:.0%} of the gap is left",
    0 if left < 0.2 else 1 if left < 0.75 else 2,
)

# %% [markdown]
r"""
Sex has a share of its own. Take the column away, and nearly all of the gap stays: husband, wife, occupation and hours know it too, and step in. A share says what *this* model reads. It does not say what a model without that column would do.

And the model did not invent the gap: the data have it. Is the model unfair? To whom, and by which measure: equal rates, equal errors, equal treatment of equal answers? And what of a survey of 1994 in which the gap is a fact? Shapley values cannot answer that. They can show where to look. Notebook 31 takes it up.

## When it breaks
"""

# %%
predict(
    "shapley.weighted_twice",
    "Coalitions are drawn by the kernel, and then weighted by the kernel again. With more and more questions the error ...",
    ["goes to 0 all the same, only more slowly", "stops at a level above 0"],
)

# %%
wrong, sound = [], []
rng = course_rng(17)
counts = (500, 4000, 32000)
for m in counts:
    for store, again in ((wrong, True), (sound, False)):
        misses = []
        for worth, truth_of in zip(tables, truths, strict=True):
            z = draw(len(truth_of), m, rng, True)
            weights = (
                kernel_weights(len(truth_of))[z.sum(axis=1) - 1] if again else np.ones(len(z))
            )
            misses.append(
                off(fit_kernel(z, game_of(worth)(z), weights, worth[0], worth[-1]), truth_of)
            )
        store.append(np.mean(misses))
plot.show(
    plot.lines(
        counts,
        {"drawn by the kernel": sound, "drawn and weighted by it": wrong},
        log="xy",
        xlabel="coalitions asked",
        ylabel="error (log-odds)",
        title="Weighted twice: it converges, to something else",
    )
)
reveal(
    "shapley.weighted_twice",
    f"with {counts[-1]:,} questions {wrong[-1]:.4f}, done rightly {sound[-1]:.4f}",
    1 if wrong[-1] > 3 * sound[-1] else 0,
)

# %% [markdown]
r"""
Such a mistake adds up to the output like a right answer, and gives the same numbers every time. Only the exact values on a small case unmask it. Test an estimator where you can enumerate.

The next: to save time, the background is boiled down to one row, its mean. And the background is drawn too small.
"""

# %%
mean_row = general.mean(axis=0)[None]
print(
    f"base value: mean of the answers {answer(general).mean():+.2f}, answer for the mean row {answer(mean_row)[0]:+.2f} "
    f"(a person whose sex is {mean_row[0, sex]:.2f} and whose occupation is {mean_row[0, NAMES.index('occupation')]:.1f})"
)
draws = {}
for size in (1, 10, 100, 400):
    shares = []
    for seed in range(8):
        rows = adult.x_train[
            course_rng(1000 + seed).choice(len(adult.x_train), size, replace=False)
        ]
        shares.append(tree_shap(trees, person, rows).values)
    draws[size] = np.array(shares).std(axis=0).mean()
print(
    f"how far a share moves when the background is drawn anew (the shares' mean size is {np.abs(found.values).mean():.2f}):"
)
print(", ".join(f"{size} row{'s' * (size > 1)} {spread:.3f}" for size, spread in draws.items()))

# %% [markdown]
r"""
The error bars of `kernel_shap` and `permutation_shapley` speak of the chance in choosing coalitions. They know nothing of the chance in choosing the background: draw another one and see.

Some mistakes the course's functions notice. Read what they say.
"""

# %%
rng = course_rng(18)
wide = rng.normal(size=(5, 30))
mistakes = {
    "thirty features, exactly": lambda: exact_shapley(
        lambda rows: rows.sum(axis=1), wide[0], wide[1:]
    ),
    "a column too few": lambda: exact_shapley(answer, person, background[:, :-1]),
    "which of two outputs?": lambda: exact_shapley(trees, person, background),
    "a model that fails": lambda: exact_shapley(
        lambda rows: np.log(rows[:, 0] - 30), person, background
    ),
    "hardly any questions": lambda: kernel_shap(
        answer, person, background, samples=10, rng=rng
    ),
}
for what, call in mistakes.items():
    try:
        with np.errstate(all="ignore"):
            call()
        print(f"{what}: no complaint")
    except CourseError as error:
        print(f"{what}: {error}")

# %% [markdown]
r"""
| what you see | what it is | what to do |
|---|---|---|
| two runs, two explanations | too few questions; or LIME with a narrow kernel | error bars; more questions; exact values on a small case |
| the numbers of a colleague differ from yours | another background, another output (log-odds or probability), another $v(S)$ | write all three beside every figure |
| a feature the model does not have gets a share | conditional values, or a twin column | interventional values; or a group |
| shares that make no sense for rare combinations | mixed rows that cannot occur | count them; group what goes together |
| "if you raise x, y rises" | a use was read as a cause | an experiment; a causal model; silence |
| everything adds up and is still wrong | a biased estimator | compare with enumeration |

## Explain it back

**Q1.** KernelSHAP from 60 coalitions adds up to the output to fifteen digits. What does that say about its shares?

<details><summary>A. They are exact to about fifteen digits.</summary>

**No.** The sum is exact because it was made a condition. How it is split may be far off.

</details>
<details><summary>B. Nothing about each of them: the sum is built in.</summary>

**Right.** The last share is what the others leave. Only the standard error, or the exact values, speak of single shares.

</details>
<details><summary>C. That the model is nearly a straight line.</summary>

**No.** The sum is exact for any model whatsoever.

</details>

**Q2.** An applicant's income has the share 0 in an interventional explanation against people of equal income. What follows?

<details><summary>A. Income does not matter to the model.</summary>

**No.** Against another background it may have the largest share of all.

</details>
<details><summary>B. The explanation is broken: income always matters.</summary>

**No.** The axiom of the dummy demands just this.

</details>
<details><summary>C. Only that it does not set this applicant apart from this background.</summary>

**Right.** Nothing changes when it is replaced by an equal number. Shares are comparisons.

</details>

**Q3.** Two columns are nearly copies of each other. The model reads one of them. Who gets credit?

<details><summary>A. With interventional values the one that it reads; with conditional values both.</summary>

**Right.** The first asks what the model does, the second what a column lets one know.

</details>
<details><summary>B. Both, in either case: they carry the same information.</summary>

**No.** In the interventional game the unread column changes no answer, so it is a dummy.

</details>
<details><summary>C. Neither: they cancel.</summary>

**No.** The shares still add up to the output, so somebody gets them.

</details>

**Q4.** Shapley values of a good model say that umbrellas raise the predicted chance of rain. Why is this no mistake of the method?

<details><summary>A. Because umbrellas do cause a little rain.</summary>

**No.** Try it.

</details>
<details><summary>B. Because the model does use umbrellas, and it is the model that is explained.</summary>

**Right.** Umbrellas predict rain. To know what would happen if somebody opened one needs more than a table.

</details>
<details><summary>C. Because the background was badly chosen.</summary>

**No.** With any background the model goes on using umbrellas.

</details>

**Q5.** (From notebook 06.) Permutation importance was computed on people who were not trained on. Why?

<details><summary>A. Training people are too many.</summary>

**No.** One could take some of them.

</details>
<details><summary>B. A column that the model has only learned by heart looks important on the training set, and is worth nothing on new people.</summary>

**Right.** A fall of the training score measures memory too.

</details>
<details><summary>C. Because the test set has other columns.</summary>

**No.** They are the same twelve.

</details>

**Q6.** (From notebook 03.) Slope times change did not add up on the network, DeepSHAP did. What is the difference on the way back?

<details><summary>A. DeepSHAP's numbers are rescaled at the end until they add up.</summary>

**No.** Nothing is rescaled; look at the gap of each row.

</details>
<details><summary>B. DeepSHAP has more layers to go through.</summary>

**No.** Both pass the same layers in the same order.

</details>
<details><summary>C. A slope holds at one point; DeepSHAP passes back the whole change of output over the whole change of input.</summary>

**Right.** Far from the point the slope is wrong as soon as a ReLU switches between the two.

</details>

## Go further

**A small one.** Explain probabilities in place of log-odds for the person of section 3. Which features change places, and why do the shares of a sure person (probability near 1) become so small?

**A project.** Build a model that hides what it does (Slack et al., 2020). It decides by sex for real rows, and by age for rows that look mixed: train a forest to tell real rows from mixed ones, and switch by its answer. Show that KernelSHAP and LIME see hardly any sex, while the decisions for real people depend on nothing else. Then look for a defence: a background of people who differ in sex alone? Conditional values? Groups?

**Sources.**
L. Shapley (1953), *A value for n-person games*.
L. Breiman (2001), *Random forests*: permutation importance.
E. Strumbelj and I. Kononenko (2014), *Explaining prediction models and individual predictions with feature contributions*.
M. Ribeiro, S. Singh and C. Guestrin (2016), *"Why should I trust you?": explaining the predictions of any classifier*.
S. Lundberg and S.-I. Lee (2017), *A unified approach to interpreting model predictions*: KernelSHAP, DeepSHAP.
A. Shrikumar, P. Greenside and A. Kundaje (2017), *Learning important features through propagating activation differences*.
S. Lundberg et al. (2020), *From local explanations to global understanding with explainable AI for trees*.
D. Janzing, L. Minorics and P. Bloebaum (2020), *Feature relevance quantification in explainable AI: a causal problem*: for interventional values.
H. Chen, J. Janizek, S. Lundberg and S.-I. Lee (2020), *True to the model or true to the data?*
I. Kumar et al. (2020), *Problems with Shapley-value-based explanations as feature importance measures*.
D. Slack et al. (2020), *Fooling LIME and SHAP: adversarial attacks on post hoc explanation methods*.
I. Covert and S.-I. Lee (2021), *Improving KernelSHAP: practical Shapley value estimation using linear regression*.
"""
