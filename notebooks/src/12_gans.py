# %% [markdown]
r"""
# Generative adversarial networks: a forger and an expert

**The question.** A classifier can be told what was right. What can you tell a network that is to make *new* pictures, where there is no right answer? And when it has made ten thousand of them, how do you say in numbers whether they are any good?

**After this notebook you will be able to**

- play the game of two networks, and say what the best answer to a given opponent is;
- count how much of the data a generator has lost, and steady the game so that it loses less;
- train a small DCGAN on pictures in about a minute;
- measure a generator: Frechet distance, precision and recall, nearest training neighbour; and know how each of these can be fooled;
- test a claim about made data by experiment: are they good enough to learn from?

**Builds on** 08 PyTorch: tensors, modules, the training step; 09 Convolution: strides and channels; 11 Autoencoders: PCA and the VAE. **Time** about 90 minutes, of which your computer needs two to three minutes.
"""

# %%
import copy
import time

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F

from coursekit import datasets, device, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import accuracy, mean_and_spread, nearest_neighbours, precision_recall
from coursekit.models.autoencoder import VAE, negative_elbo
from coursekit.models.features import class_scores, features
from coursekit.models.gan import (
    Discriminator,
    Generator,
    discriminator_hinge_loss,
    generator_hinge_loss,
)
from coursekit.models.stabilisers import gradient_penalty, update_average
from coursekit.predict import predict, reveal
from coursekit.scratch.regularization import random_shift
from coursekit.settings import course_rng, course_seed, course_seeds

fashion = datasets.load("fashion_mnist")


def torch_rng(k):
    """A PyTorch generator for the course's seed number k."""
    return torch.Generator().manual_seed(course_seed(k))


# %% [markdown]
r"""
## 1. The expert

Two networks play against each other (Goodfellow et al., 2014). The **generator** is a forger: it turns random numbers into things that should look real. The **discriminator** is an expert: it sees real things and made ones, and says which is which. The forger never sees a real thing. All it learns, it learns from how the expert judges its work.

Begin with the expert. Its task is one that you know: two classes, real (label 1) and made (label 0). It gives each point $x$ a **score** $s(x)$, any real number, and $D(x) = \sigma(s(x))$ is the probability that $x$ is real; $\sigma$ is the sigmoid. What it pays is cross-entropy, once for each kind:

$$L_D = -\,\underset{x\ \text{real}}{\text{mean}}\ \log D(x)\;-\;\underset{x\ \text{made}}{\text{mean}}\ \log\,(1 - D(x))$$

An expert who answers one half to everything pays $2\log 2$.

Do not compute the sigmoid first: for a sure expert it rounds to 0 or 1, and then the logarithm is infinite. Put the two together instead. $-\log\sigma(s) = \log(1 + e^{-s})$, which PyTorch has as `F.softplus(-s)`; and $-\log(1 - \sigma(s))$ is `F.softplus(s)`.
"""


# %% tags=["exercise"]
@exercise("gan.discriminator_loss")
def discriminator_loss(real_scores, fake_scores):
    """What the discriminator pays: cross-entropy on real points plus cross-entropy on made ones.

    real_scores, fake_scores : tensors, (N,) and (M,). Returns one number as a tensor.
    """
    ### BEGIN SOLUTION
    return F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()
    ### END SOLUTION


# %% [markdown]
r"""
How good can an expert be? Suppose we knew the **densities**: $p_\text{real}(x)$ says how many real points there are near $x$, $p_\text{made}(x)$ how many made ones. Near one $x$ the expert can give only one answer $D$, and the right one depends on nothing but these two numbers. Find it: which share of the points near $x$ is real?
"""


# %% tags=["exercise"]
@exercise("densities.optimal_discriminator")
def optimal_discriminator(p_real, p_fake):
    """The probability that a point is real, if real and made points are equally many.

    p_real, p_fake : arrays of densities at the same points, not both 0.
    Returns an array of the same shape.
    """
    ### BEGIN SOLUTION
    return p_real / (p_real + p_fake)
    ### END SOLUTION


# %% [markdown]
r"""
Now see whether a network finds that answer by itself, from samples alone. Real points are numbers from a normal distribution around 2; made ones come from another, around 0. They overlap. A small network plays the expert, and the forger holds still.
"""

# %%
predict(
    "gan.alone",
    "Nobody moves but the discriminator. Trained for a long time, its loss ...",
    [
        "falls towards 0, as in every classification so far",
        "stops at a level above 0 that no discriminator can get below",
        "stays at 2 log 2",
    ],
)

# %%
REAL_MEAN, REAL_SPREAD = 2.0, 0.7


def layers(*sizes):
    """A plain network: linear layers between the sizes, tanh between any two."""
    parts = []
    for inside, outside in zip(sizes[:-1], sizes[1:], strict=True):
        parts += [nn.Linear(inside, outside), nn.Tanh()]
    return nn.Sequential(*parts[:-1])


def bell(x, mean, spread):
    """The density of a normal distribution."""
    return np.exp(-(((x - mean) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))


def train_expert(seed, steps=600):
    """A discriminator of real numbers and standard normal ones, trained alone; and its losses."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = layers(1, 32, 32, 1)
        optimizer = torch.optim.Adam(network.parameters(), fused=True)
        losses = []
        for t in range(steps):
            optimizer.param_groups[0]["lr"] = 1e-2 * (1 - t / steps)
            real = REAL_MEAN + REAL_SPREAD * torch.randn(512, 1)
            optimizer.zero_grad()
            loss = discriminator_loss(network(real)[:, 0], network(torch.randn(512, 1))[:, 0])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return network, losses


def judgement(network, x):
    """The probability that each number of x is real, by a discriminator."""
    with torch.no_grad():
        return torch.sigmoid(network(torch.tensor(x, dtype=torch.float32)[:, None]))[
            :, 0
        ].numpy()


line = np.linspace(-2.5, 4.5, 281)
p_real, p_fake = bell(line, REAL_MEAN, REAL_SPREAD), bell(line, 0, 1)
best = optimal_discriminator(p_real, p_fake)
experts = [train_expert(seed) for seed in course_seeds(3)]
learned = np.array([judgement(network, line) for network, _ in experts])
plot.show(
    plot.lines(
        line,
        {
            "density of the real": p_real,
            "density of the made": p_fake,
            "discriminator: best there is": best,
            "discriminator: learned (3 seeds)": learned,
        },
        markers=False,
        xlabel="x",
        ylabel="density, or probability of real",
        title="What the expert says",
    )
)

# %%
weight = (p_real + p_fake) / (p_real + p_fake).sum()  # how often each x comes up
off = (np.abs(learned - best) * weight).sum(axis=1)  # (3,)
ends = np.array([np.mean(losses[-100:]) for _, losses in experts])
least = -np.trapezoid(p_real * np.log(best) + p_fake * np.log(1 - best), line)
reveal(
    "gan.alone",
    f"loss at the end {mean_and_spread(ends)}; the best discriminator there is pays {least:.3f}; 2 log 2 is {2 * np.log(2):.3f}",
    0 if ends.mean() < 0.1 else 1 if ends.mean() < 1.2 else 2,
)
claim("discriminator-learns-the-ratio").judge(
    off.max() < 0.03 and abs(ends.mean() - least) < 0.05,
    evidence=f"its probability is off by {off.max():.3f} at most (mean over the points, worst of 3 seeds); "
    f"its loss is {ends.mean():.3f}, the least possible {least:.3f}",
)

# %% [markdown]
r"""
The learned curve lies on the best one. A discriminator is a device that measures a *ratio of densities* from samples, without knowing either density. That is why the game works: whoever knows the ratio knows where the generator makes too much and where too little.

And the loss stops where the two kinds overlap: there even the best expert has to guess. The less they overlap, the lower it is. Written out, the least loss is $2\log 2 - 2\,\mathrm{JS}$, where JS, the *Jensen-Shannon divergence*, is a measure of how different two distributions are: 0 if they are the same, $\log 2$ if they have nothing in common. If the forger manages to push the best expert's loss up to $2\log 2$, he has made a perfect copy.

## 2. The forger

What does the generator want? In the pure game it wants the opposite of what the discriminator wants: a small $\log(1 - D)$ on its own points. In practice nobody does that. It is paid for its points being *taken for real* instead, with the cross-entropy for label 1:

$$L_G = -\,\underset{x\ \text{made}}{\text{mean}}\ \log D(x)$$

This is called the **non-saturating** loss. Both make the generator want the same thing, a high score. What differs is how hard each pulls.
"""


# %% tags=["exercise"]
@exercise("gan.generator_loss")
def generator_loss(fake_scores):
    """What the generator pays: the cross-entropy of its points being taken for real.

    fake_scores : a tensor, (N,), the discriminator's scores of made points.
    Returns one number as a tensor.
    """
    ### BEGIN SOLUTION
    return F.softplus(-fake_scores).mean()
    ### END SOLUTION


# %%
predict(
    "gan.saturating",
    "At the start the discriminator finds out every made point with ease: score -5. Which loss pulls harder at the generator there?",
    ["log(1 - D), the pure game", "-log D, the non-saturating loss", "both alike"],
)

# %%
scores = torch.linspace(-8, 8, 65)


def pull(loss):
    """The size of a loss's slope at each score."""
    s = scores.clone().requires_grad_()
    sum(loss(one[None]) for one in s).backward()
    return s.grad.abs().numpy()


pulls = {
    "-log D (non-saturating)": pull(generator_loss),
    "log(1 - D) (pure game)": pull(lambda s: F.logsigmoid(-s).mean()),
}
plot.show(
    plot.lines(
        scores.numpy(),
        pulls,
        markers=False,
        xlabel="score that the discriminator gives a made point",
        ylabel="pull: size of the loss's slope",
        title="How hard each loss pulls",
    )
)

# %%
at = int(np.argmin(np.abs(scores.numpy() + 5)))
steep, flat = (float(curve[at]) for curve in pulls.values())
reveal(
    "gan.saturating",
    f"slope at a score of -5: {steep:.3f} for -log D, {flat:.3f} for log(1 - D), a factor of {steep / flat:.0f}",
    1 if steep > 1.2 * flat else 0 if flat > 1.2 * steep else 2,
)

# %% [markdown]
r"""
The pure game's loss is flat exactly where the forger is worst. It is **saturated**: the expert is so sure that a slightly better forgery makes no difference to him.

Now let both play. The forger is as simple as can be: it multiplies a standard normal number by one weight and adds another, $g(z) = a + b z$. So we know the density of what it makes (normal around $a$, with spread $|b|$), and can draw the best discriminator at any moment of the game. It starts at $a = -2$, $b = 1$.

One round of the game is always the same:

1. the discriminator takes a step, on real points and on made ones. The made points are **detached**, so that this step does not reach the generator;
2. the generator takes a step, through the discriminator, whose weights do not move.
"""

# %%
predict(
    "gan.one_number",
    "The game goes on for 1,400 rounds. At its end the discriminator ...",
    [
        "is right nearly always: it has learned the difference",
        "is right about half of the time",
        "is wrong nearly always: it has been deceived",
    ],
)


# %%
def play_one_number(seed, rounds=1400, lr=5e-3, watch=()):
    """The game on the line: the forger's path (rounds, 2), the share that the expert gets right, and moments of it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        expert, forger = layers(1, 32, 32, 1), torch.tensor([-2.0, 1.0], requires_grad=True)
        expert_step = torch.optim.Adam(expert.parameters(), lr, betas=(0.5, 0.99), fused=True)
        forger_step = torch.optim.Adam([forger], lr, betas=(0.5, 0.99))
        path, right, moments = [], [], {}
        for t in range(rounds):
            real = REAL_MEAN + REAL_SPREAD * torch.randn(256, 1)
            fake = forger[0] + forger[1] * torch.randn(256, 1)
            expert_step.zero_grad()
            on_real, on_fake = expert(real)[:, 0], expert(fake.detach())[:, 0]
            discriminator_loss(on_real, on_fake).backward()
            expert_step.step()
            forger_step.zero_grad()
            generator_loss(expert(fake)[:, 0]).backward()
            forger_step.step()
            path.append(forger.detach().clone().numpy())
            right.append(
                float(((on_real > 0).float().mean() + (on_fake < 0).float().mean()) / 2)
            )
            if t + 1 in watch:
                moments[t + 1] = path[-1], judgement(expert, line)
    return np.array(path), np.array(right), moments


games = [play_one_number(seed, watch=(100, 450, 1400)) for seed in course_seeds(3)]
for moment, ((mean, spread), said) in games[0][2].items():
    made = bell(line, mean, abs(spread))
    plot.show(
        plot.lines(
            line,
            {
                "density of the real": p_real,
                "density of the made": made,
                "discriminator: best there is": optimal_discriminator(p_real, made),
                "discriminator: the player": said,
            },
            markers=False,
            xlabel="x",
            ylabel="density, or probability of real",
            title=f"After {moment:,} rounds",
        )
    )

# %%
rounds = np.arange(1, 1401)
plot.show(
    plot.lines(
        rounds,
        {
            "mean of the made": np.array([path[:, 0] for path, _, _ in games]),
            "spread of the made": np.array([np.abs(path[:, 1]) for path, _, _ in games]),
        },
        markers=False,
        reference={"mean of the real": REAL_MEAN, "spread of the real": REAL_SPREAD},
        xlabel="round",
        ylabel="number of the forger",
        title="The forger's two numbers",
    )
)
late = np.array([right[-200:].mean() for _, right, _ in games])
early = np.array([right[:100].mean() for _, right, _ in games])
print(
    f"share that the discriminator gets right: {mean_and_spread(early, percent=True)} in the first 100 rounds, "
    f"{mean_and_spread(late, percent=True)} in the last 200"
)
print(
    f"the forger ends at a mean of {mean_and_spread([path[-200:, 0].mean() for path, _, _ in games])} "
    f"and a spread of {mean_and_spread([np.abs(path[-200:, 1]).mean() for path, _, _ in games])}"
)

# %%
reveal(
    "gan.one_number",
    f"right on {late.mean():.1%} of the points",
    0 if late.mean() > 0.75 else 1 if late.mean() > 0.35 else 2,
)

# %% [markdown]
r"""
Follow the forger: first it does not only move, it also *spreads out*. Some of its numbers then fall among the real ones, and from there the slope of the discriminator pulls the others after them. It has never seen a real number. And at the end the discriminator says one half wherever there are points: not because it is stupid, but because there is nothing left to find. (Where no points are, nobody tells it what to say.)

Look also at the pictures in between. The best discriminator would need to be trained anew after every move of the forger. The player takes one step a round; it runs behind a moving target. With a single number it keeps up well: where there are points, its curve lies close to the best one. With more it will not, and then things go wrong.

## 3. Counting what was lost

Now two numbers a point, and eight heaps on a ring. The generator turns two random numbers into a point. If it finds a place where the discriminator is weak, nothing in the game tells it to be *different* each time: ten thousand times the same good forgery is a fine answer to the expert of this moment. This is **mode collapse** (a *mode* is a heap). It is often shown with a picture. We will count: how many of the eight heaps get at least one in a hundred of the points? A point belongs to a heap if it lies within three of its spreads.

One game may go well by luck, so we play eight games with eight seeds, at the same time: all weights get one axis more, $(S, \text{in}, \text{out})$ for $S$ games, and a batched product does all of them in one go. The games never mix.
"""

# %%
GAMES, HEAP = 8, 0.05
angles = torch.arange(8) * (2 * torch.pi / 8)
centres = torch.stack([angles.cos(), angles.sin()], dim=1)  # (8, 2)


class Stack(nn.Module):
    """The same small network in S games at once, each with weights of its own: (S, N, in) -> (S, N, out)."""

    def __init__(self, sizes, rng, games=GAMES):
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inside, outside in zip(sizes[:-1], sizes[1:], strict=True):
            for kind, shape in ((self.weights, (inside, outside)), (self.biases, (1, outside))):
                start = (2 * torch.rand(games, *shape, generator=rng) - 1) * inside**-0.5
                kind.append(nn.Parameter(start))

    def forward(self, x, divide_by=None):  # one number a layer and game, for a cure below
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if divide_by is not None:
                weight = weight / divide_by[k]
            x = torch.baddbmm(bias, x, weight)  # (S, N, out)
            x = F.relu(x) if k < len(self.weights) - 1 else x
        return x


def heaps(n, rng):
    """Real points for every game: (S, n, 2)."""
    which = torch.randint(8, (GAMES, n), generator=rng)
    return centres[which] + HEAP * torch.randn(GAMES, n, 2, generator=rng)


def count_heaps(points):
    """For each game how many heaps have at least 1 in 100 of the points, and the share of points in any heap."""
    distance, nearest = torch.cdist(points, centres.expand(len(points), 8, 2)).min(
        dim=2
    )  # (S, N)
    inside = distance < 3 * HEAP
    least = points.shape[1] // 100
    found = [
        int((torch.bincount(n[i], minlength=8) >= least).sum())
        for n, i in zip(nearest, inside, strict=True)
    ]
    return np.array(found), inside.float().mean(dim=1).numpy()


print(f"real points: {count_heaps(heaps(2000, torch_rng(1)))[0]} heaps of 8 found in each game")

# %% [markdown]
r"""
Three cures are on trial. All hold the discriminator back. The first two say: *do not be so steep*. A steep discriminator changes its verdict from nearly 0 to nearly 1 over a hair's breadth; the generator sees a cliff here and a plain everywhere else, and all its points run to the foot of the same cliff.

- The **gradient penalty** R1 (Mescheder, Geiger and Nowozin, 2018) adds to the discriminator's loss the squared slope of its score at the real points. Where real and made points agree, there is then nothing to gain from being steep.
- **Spectral normalisation** (Miyato et al., 2018) makes it *impossible* to be steep. A layer multiplies by a matrix $W$. How much can it stretch a vector? At most by its largest **singular value** $\sigma$. Divide $W$ by that, and no layer can stretch anything, so neither can the whole network: its slope is at most 1. (Divide each of our three matrices by *half* its $\sigma$, and the bound is $2\cdot 2\cdot 2 = 8$. We try both.)
- The **hinge loss** (Lim and Ye, 2017) changes what the discriminator pays to the mean of $\max(0, 1 - s)$ over real points and of $\max(0, 1 + s)$ over made ones; the generator pays $-s$. It says: *once you are sure, stop*. A real point with a score above 1 costs nothing more, nor does a made one below $-1$.

To find $\sigma$, a full decomposition at every training step would be far too dear. **Power iteration** is cheap: take any vector $u$, send it through $W^\top$ and back through $W$, again and again. The direction that is stretched most grows fastest and is soon all that is left:

$$v \leftarrow \frac{W^\top u}{\lVert W^\top u\rVert},\qquad u \leftarrow \frac{W v}{\lVert W v\rVert},\qquad \sigma \approx u^\top W v$$

It comes from below, slowly if several directions are stretched nearly alike. But since the weights change little from one training step to the next, *one* such iteration a step is enough, if it starts from the last $u$.
"""


# %% tags=["exercise"]
@exercise("spectral.power_iteration")
def power_iteration(weight, u, steps=1):
    """The largest singular value of a matrix, approximately.

    weight : a tensor, (A, B). u : a tensor, (A,), where to start.
    steps : how often to go there and back.
    Returns sigma, u: one number as a tensor, and the last u, of length 1.
    """
    ### BEGIN SOLUTION
    for _ in range(steps):
        v = weight.T @ u  # (B,)
        v = v / v.norm()
        u = weight @ v  # (A,)
        u = u / u.norm()
    return u @ weight @ v, u
    ### END SOLUTION


# %%
matrix = torch.randn(64, 64, generator=torch_rng(2))
exact = torch.linalg.svdvals(matrix)[0]
u = torch.randn(64, generator=torch_rng(3))
for steps in (1, 5, 25, 125):
    sigma, _ = power_iteration(matrix, u, steps)
    print(f"after {steps:>3} steps {sigma:.3f}, exactly {exact:.3f}")

# %%
predict(
    "gan.modes",
    "Eight games each, 1,000 rounds. On average over its games the plain game finds ... of the 8 heaps, and the game with the gradient penalty ...",
    [
        "all, and all",
        "fewer than all, and all",
        "all, and fewer than all",
        "one or two, and about half",
    ],
)


# %%
def play_heaps(cure="", bound=1.0, rounds=1000, lr=1e-3, strength=1.0):
    """Eight games on the ring at once: points made at the end (S, 2000, 2), heaps found on the way, share in heaps."""
    rng = torch_rng(4)
    generator, expert = Stack((2, 64, 64, 2), rng), Stack((2, 64, 64, 1), rng)
    expert_step, forger_step = (
        torch.optim.Adam(network.parameters(), lr, betas=(0.5, 0.99), fused=True)
        for network in (expert, generator)
    )
    arrows = [torch.randn(GAMES, w.shape[1], generator=rng) for w in expert.weights]  # each u
    expert_pays, forger_pays = discriminator_loss, generator_loss
    if cure == "hinge loss":
        expert_pays, forger_pays = discriminator_hinge_loss, generator_hinge_loss
    found = []

    def score(points):
        """The expert's scores of points that stand in one long row, game after game."""
        return expert(points.view(GAMES, -1, 2)).flatten()

    def largest():
        """What to divide each weight by, in each game, so that no slope exceeds the bound: a list of (S, 1, 1)."""
        if cure != "spectral norm":
            return None
        sigmas = []
        for weights, us in zip(expert.weights, arrows, strict=True):
            with torch.no_grad():
                for k in range(GAMES):
                    us[k] = power_iteration(weights[k], us[k])[1]
                v = F.normalize(torch.bmm(us[:, None], weights), dim=2)  # (S, 1, out)
            sigma = torch.bmm(torch.bmm(us[:, None], weights), v.transpose(1, 2))  # (S, 1, 1)
            sigmas.append(sigma / bound ** (1 / len(expert.weights)))
        return sigmas

    for t in range(rounds):
        real, fake = heaps(128, rng), generator(torch.randn(GAMES, 128, 2, generator=rng))
        expert_step.zero_grad()
        by = largest()
        loss = expert_pays(expert(real, by).flatten(), expert(fake.detach(), by).flatten())
        if cure == "gradient penalty":
            loss = loss + strength / 2 * gradient_penalty(score, real.flatten(0, 1))
        loss.backward()
        expert_step.step()
        forger_step.zero_grad()
        by = by and [sigma.detach() for sigma in by]
        forger_pays(expert(fake, by).flatten()).backward()
        forger_step.step()
        if (t + 1) % (rounds // 5) == 0:
            with torch.no_grad():
                points = generator(torch.randn(GAMES, 2000, 2, generator=rng))
            found.append(count_heaps(points))
    return points, np.array([f for f, _ in found]).T, found[-1][1]


on_ring = {
    "plain": play_heaps(),
    "gradient penalty": play_heaps("gradient penalty"),
    "spectral 1": play_heaps("spectral norm"),
    "spectral 8": play_heaps("spectral norm", bound=8),
    "hinge loss": play_heaps("hinge loss"),
}
for cure in ("plain", "gradient penalty", "spectral 1"):
    points = on_ring[cure][0]
    plot.show(
        plot.clouds(
            {f"game {k + 1}": points[k, :500].numpy() for k in range(GAMES)},
            centres.numpy(),
            reach=3 * HEAP,
            title=f"After 1,000 rounds: {cure}",
        )
    )

# %%
modes = {cure: found[:, -1] for cure, (_, found, _) in on_ring.items()}
plot.show(
    plot.bars(
        modes,
        ylabel="heaps found, of 8",
        xlabel="what was changed (spectral: with the slope allowed)",
        title="Heaps found after 1,000 rounds (mean of 8 games, worst to best)",
    )
)
for cure, (_, _, share) in on_ring.items():
    print(
        f"{cure:>17}: heaps found in each game {modes[cure].tolist()}, mean {modes[cure].mean():.1f}; "
        f"points in any heap {mean_and_spread(share, percent=True)}"
    )
on_the_way = on_ring["plain"][1]  # (S, 5): a look every 200 rounds
fell = (np.diff(on_the_way, axis=1) < 0).any(axis=1).sum()
print(f"plain games that at some look had lost heaps since the look before: {fell} of {GAMES}")

# %%
plain_modes, cured_modes = modes["plain"].mean(), modes["gradient penalty"].mean()
reveal(
    "gan.modes",
    f"plain {plain_modes:.1f}, with the gradient penalty {cured_modes:.1f} of 8",
    int(plain_modes < 7.5) if cured_modes > 7.5 else 2 if plain_modes > 7.5 else 3,
)
lossy = int((modes["plain"] < 8).sum())
claim("gans-collapse-modes").judge(
    lossy >= 2
    and cured_modes > max(7, plain_modes + 1)
    and modes["spectral 8"].mean() > modes["spectral 1"].mean() + 1,
    evidence=f"after 1,000 rounds the plain game had lost heaps in {lossy} of {GAMES} games (mean {plain_modes:.1f} of 8 found); "
    f"with the gradient penalty {cured_modes:.1f} found; with spectral normalisation {modes['spectral 1'].mean():.1f} (slope at most 1) "
    f"and {modes['spectral 8'].mean():.1f} (at most 8); with the hinge loss {modes['hinge loss'].mean():.1f}",
)

# %% [markdown]
r"""
Same networks, same optimiser, same number of rounds: one term more in the loss decides. Collapse is not the fate of these networks. It is an accident of *this* training, and of when you look: a plain game finds heaps and loses them again on the way.

And spectral normalisation, which made its name on pictures? Compare its two bars. A slope of at most 1 is a bad bound here: the heaps are narrow, and a discriminator that must not be steep cannot see that there is nothing *between* them. What counts as steep depends on the scale of the data. The hinge loss, often used together with it, does not bring the heaps back by itself. A cure that helped in one paper is a hypothesis in your problem, and counting takes a minute.

## 4. How to measure what has no right answer

Before we make pictures we must know how to judge them. Looking at them is not enough: nobody sees from 40 pictures that a tenth of the kinds is missing. Comparing pixels is no use: a shirt moved by one pixel is still a shirt, and far away in pixels.

So look at pictures through a network that has learned what matters in them: a small classifier of these ten kinds. It comes with the course, its weights are fixed for ever (type `coursekit.models.features??` to see how they were made), and what stands before its last layer is a row of 64 **features** a picture. Two heaps of pictures become two clouds of points in 64 dimensions. How far apart are the clouds?

Take each for a bell with a mean $\mu$ and a covariance $C$. For two bells the **Frechet distance** has a formula:

$$d^2 = \lVert\mu_a - \mu_b\rVert^2 + \mathrm{tr}\!\left(C_a + C_b - 2\,(C_a C_b)^{1/2}\right)$$

The first part asks whether the clouds lie in the same place, the second whether they have the same shape. With the features of a large network called Inception this is the famous FID (Heusel et al., 2017). By custom $d^2$ itself is reported. $\mathrm{tr}$ is the sum of the diagonal, and the root is a *matrix* root: the matrix whose square is $C_a C_b$. You need not compute it. The trace of a matrix is the sum of its eigenvalues, and the eigenvalues of the root are the roots of the eigenvalues.
"""


# %% tags=["exercise"]
@exercise("generators.frechet_distance")
def frechet_distance(features_a, features_b):
    """The squared Frechet distance of two clouds, each taken for a normal distribution.

    features_a : (N, D). features_b : (M, D). Returns one number.
    Covariances divide by N - 1, as np.cov does.
    """
    ### BEGIN SOLUTION
    a, b = features_a.astype(float), features_b.astype(float)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)  # (D, D)
    values = np.linalg.eigvals(cov_a @ cov_b).real.clip(0)  # rounding may leave -1e-17
    moved = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    return float(moved + np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(values).sum())
    ### END SOLUTION


# %% [markdown]
r"""
**Precision and recall** (Kynkaanniemi et al., 2019) ask two questions apart that the one distance mixes. Around every real point draw a ball that reaches to its third nearest real neighbour. *Precision* is the share of made points that lie in such a ball: do they look real? *Recall* is the share of real points that lie in a ball drawn in the same way around made points: is everything there? A generator that makes one perfect shoe for ever has a precision of one and a recall of nearly none.

A number alone says nothing: is 40 good? So put marks on the scale first. The best that can be hoped for is the distance between real pictures and *other* real pictures. The worst are pictures of pure noise. And in between a classical generator that needs no network at all: find the 100 directions in which the training pictures vary most (PCA, notebook 11), fit a normal distribution in that space, and draw from it. Each is compared with the 10,000 official test pictures.
"""

# %%
predict(
    "gan.confidence",
    "Some people rate a generator by how sure a classifier is of its pictures. How sure is ours, on average, of pictures of pure noise?",
    ["about 0.1: ten kinds, no idea", "about 0.5", "above 0.7"],
)

# %%
MADE = 10_000  # pictures that each generator makes to be measured
real_test = features(fashion.x_test)  # (10000, 64)
some_rows = course_rng(5).permutation(60_000)[:MADE]


def pca_pictures(n, rng, directions=100):
    """A normal distribution in the space of the main directions of the training pictures: (n, 28, 28)."""
    pca = PCA(directions, svd_solver="randomized", random_state=course_seed(0))
    pca.fit(datasets.to_float(fashion.x_train[some_rows]))
    codes = rng.normal(size=(n, directions)) * np.sqrt(pca.explained_variance_)
    return pca.inverse_transform(codes).clip(0, 1).reshape(n, 28, 28).astype(np.float32)


pictures = {
    "real (training)": datasets.to_float(fashion.x_train[some_rows]).reshape(-1, 28, 28),
    "bell in PCA space": pca_pictures(MADE, course_rng(6)),
    "noise": course_rng(7).random((MADE, 28, 28), dtype=np.float32),
}


def certainty(made):
    """How sure the course's classifier is of its answer, on average."""
    return float(torch.softmax(torch.tensor(class_scores(made)), dim=1).amax(dim=1).mean())


judged = {}


def judge(name, made):
    """Measure a generator by all measures of this page, and print them."""
    seen = features(made)
    fidelity, variety = precision_recall(real_test[:2000], seen[:2000])
    judged[name] = {
        "distance": frechet_distance(real_test, seen),
        "precision": fidelity,
        "recall": variety,
        "certainty": certainty(made),
    }
    print(
        f"{name:>26}: distance {judged[name]['distance']:6.1f}, precision {fidelity:.2f}, recall {variety:.2f}, "
        f"certainty {judged[name]['certainty']:.2f}"
    )


for name, made in pictures.items():
    judge(name, made)

# %%
sure = judged["noise"]["certainty"]
reveal(
    "gan.confidence",
    f"certainty {sure:.2f} on noise, {judged['real (training)']['certainty']:.2f} on real pictures",
    0 if sure < 0.3 else 1 if sure < 0.7 else 2,
)

# %% [markdown]
r"""
A classifier must choose one of ten, and it chooses with confidence, whatever it is shown. Never judge a generator by a classifier's confidence.

Precision and recall were taken of 2,000 points of each kind. They, too, can only be compared at equal numbers, and even real pictures against real ones do not reach one.

One more caution about the distance. It needs many pictures.
"""

# %%
predict(
    "gan.few",
    "Real pictures against other real ones, but only 100 of them instead of 10,000. The distance is ...",
    [
        "the same, only less certain",
        "smaller",
        "a little larger",
        "much larger, as if they were made",
    ],
)

# %%
seen = features(pictures["real (training)"])
sizes = [100, 300, 1000, 3000, 10_000]
by_size = np.array(
    [
        [
            frechet_distance(real_test, seen[np.random.default_rng(s).permutation(MADE)[:n]])
            for n in sizes
        ]
        for s in course_seeds(3)
    ]
)
plot.show(
    plot.lines(
        sizes,
        {"real against real": by_size},
        log="xy",
        xlabel="pictures",
        ylabel="Frechet distance",
        title="Few pictures look worse than they are",
    )
)
few, many = by_size[:, 0].mean(), by_size[:, -1].mean()
reveal(
    "gan.few",
    f"{few:.1f} with 100 pictures, {many:.2f} with 10,000",
    0 if few < 1.5 * many else 2 if few < 5 * many else 3,
)

# %% [markdown]
r"""
A covariance in 64 dimensions that was estimated from 100 points is too ragged, and the raggedness counts as distance. Distances are only comparable at equal numbers. From here on generators are judged with 10,000 pictures; only on the way, during training, 5,000 have to do.

## 5. Pictures

Now the same game with pictures. The generator is a small **DCGAN** (Radford, Metz and Chintala, 2016): a layer paints 64 random numbers onto a coarse 7 by 7 grid, then two *transposed convolutions* double its size. (A strided convolution makes a picture smaller; the transposed one goes the same way back. It is the step that backpropagation takes through a convolution, used forwards.) Batch normalisation after each, and tanh at the end, so brightness goes from -1 to 1. The discriminator is a small CNN as in notebook 09.

Their recipe has a few odd numbers: Adam with $\beta_1 = 0.5$ instead of 0.9, because the target moves and old gradients are stale; first weights with a spread of 0.02. One thing we add: besides the generator we keep a running **average of its weights** over about the last hundred steps (Yazici et al., 2019). The player itself jumps about with every answer of its opponent; the average does not play, it only watches.
"""

# %%
predict(
    "gan.pictures",
    f"The bell in PCA space has a distance of {judged['bell in PCA space']['distance']:.0f}. After about a minute the DCGAN will have ...",
    [
        "more than that",
        "less than that, but more than half",
        "less than half of that, and far from real pictures",
        "about as little as real pictures have",
    ],
)

# %% tags=["volatile"]
STEPS, BATCH = 1920, 64
STAGES = (STEPS // 8, STEPS // 4, STEPS // 2, STEPS)  # when to look and measure
x_train = torch.from_numpy(fashion.x_train.copy())


class PictureGame:
    """The game on pictures: its players, the average of one of them, and what happened on the way."""

    def __init__(self, rate=3e-3, seed=0):
        self.rng, self.rate, self.step = torch_rng(seed), rate, 0
        with torch.random.fork_rng():
            torch.manual_seed(course_seed(seed))
            self.forger, self.expert = Generator(width=32), Discriminator(width=24)
        for player in (self.forger, self.expert):
            player.to(memory_format=torch.channels_last)  # faster on a processor
        self.average = copy.deepcopy(self.forger)
        self.forger_step, self.expert_step = (
            torch.optim.Adam(player.parameters(), rate, betas=(0.5, 0.99), fused=True)
            for player in (self.forger, self.expert)
        )
        self.record, self.right, self.stages = [], [], {}

    def play(self, until):
        """Go on until so many steps are done."""
        while self.step < until:
            for optimizer in (self.forger_step, self.expert_step):  # falls from half way on
                share_left = 1 - self.step / STEPS
                optimizer.param_groups[0]["lr"] = self.rate * min(1, 2 * share_left + 0.02)
            self.one_step()
            self.step += 1
            if self.step in STAGES:
                self.look()

    def one_step(self):
        rows = torch.randint(len(x_train), (BATCH,), generator=self.rng)
        real = x_train[rows][:, None] / 127.5 - 1  # (N, 1, 28, 28)
        fake = self.forger(torch.randn(BATCH, self.forger.noise, generator=self.rng))

        self.expert_step.zero_grad()
        on_real, on_fake = self.expert(real), self.expert(fake.detach())
        discriminator_loss(on_real, on_fake).backward()
        self.expert_step.step()

        self.forger_step.zero_grad()
        self.expert.requires_grad_(False)  # only the generator learns from this
        generator_loss(self.expert(fake)).backward()
        self.expert.requires_grad_(True)
        self.forger_step.step()

        update_average(self.average, self.forger, decay=0.99)
        share = ((on_real > 0).float().mean() + (on_fake < 0).float().mean()) / 2
        self.right.append(share.item())

    def look(self):
        made = [player.sample(5000, torch_rng(8)) for player in (self.average, self.forger)]
        far = [frechet_distance(real_test, features(pictures)) for pictures in made]
        self.record.append([self.step, *far])
        self.stages[self.step] = made[0][:10].numpy()


game = PictureGame()
start = time.perf_counter()
game.play(STEPS // 2)
print(f"{game.step:,} steps in {time.perf_counter() - start:.0f} s")

# %% tags=["volatile"]
start = time.perf_counter()
game.play(STEPS)
print(f"{STEPS - STEPS // 2:,} more steps in {time.perf_counter() - start:.0f} s")

# %%
record = np.array(game.record)
for step, made in game.stages.items():
    plot.show(plot.images(made, title=f"After {step:,} steps, the same ten handfuls of noise"))
plot.show(
    plot.lines(
        record[:, 0],
        {"DCGAN, average of weights": record[:, 1], "DCGAN, last weights": record[:, 2]},
        xlabel="step",
        ylabel="Frechet distance (5,000 pictures)",
        reference={"bell in PCA space": judged["bell in PCA space"]["distance"]},
        title="Nearer and nearer",
    )
)
for step, averaged, last in record:
    print(
        f"after {step:>5,.0f} steps: average of weights {averaged:6.1f}, last weights {last:6.1f}"
    )

# %% [markdown]
r"""
Did the average help? Compare the two curves. While the player still learns fast, the average drags its older, worse weights along. Once the rate has fallen to zero the player stands still, and the two are the same. What averaging is praised for, a calm end, the falling rate has done already. It would have to show its worth where the rate stays high: a project for the end of this page.

Beside them stands notebook 11's VAE: another way from noise to pictures, without a game. It is a plain network without convolutions and has a simpler task, so its steps are cheap and it needs fewer; at the end its rate has fallen to zero too.
"""

# %%


def train_vae(steps=1600, rate=4e-3, batch=128, seed=0):
    """The variational autoencoder of notebook 11 on rows of pixels, and its distance half way and at the end."""
    rng = torch_rng(seed)
    with torch.random.fork_rng():
        torch.manual_seed(course_seed(seed))
        network = VAE(784, (256,), 20)
    optimizer = torch.optim.Adam(network.parameters(), rate, fused=True)
    record = []
    for t in range(steps):
        optimizer.param_groups[0]["lr"] = rate * min(1, 2 * (1 - t / steps) + 0.02)
        rows = torch.randint(len(x_train), (batch,), generator=rng)
        x = x_train[rows].reshape(batch, 784) / 255
        logits, mean, log_var = network(x, rng)
        optimizer.zero_grad()
        negative_elbo(logits, x, mean, log_var).backward()
        optimizer.step()
        if t + 1 in (steps // 2, steps):
            made = network.sample(5000, torch_rng(8))
            record.append(frechet_distance(real_test, features(made)))
    return network, record


vae, vae_record = train_vae()
print(f"VAE: distance {vae_record[0]:.0f} half way, {vae_record[1]:.0f} at the end")
pictures["VAE"] = vae.sample(MADE, torch_rng(9)).reshape(-1, 28, 28).numpy()
pictures["DCGAN, last weights"] = game.forger.sample(MADE, torch_rng(9)).numpy()
pictures["DCGAN, average"] = game.average.sample(MADE, torch_rng(9)).numpy()
for name in ("VAE", "DCGAN, last weights", "DCGAN, average"):
    judge(name, pictures[name])

# %%
shown = ["real (training)", "DCGAN, average", "VAE", "bell in PCA space", "noise"]
for name in shown[:4]:
    plot.show(plot.images(pictures[name][:20], title=name))
plot.show(
    plot.bars(
        {name.replace(", average", ""): judged[name]["distance"] for name in shown},
        ylabel="Frechet distance (10,000 pictures)",
        xlabel="where the pictures come from",
        title="Lower is better",
    )
)

# %%
d = {name: found["distance"] for name, found in judged.items()}
gan, bell_distance = d["DCGAN, average"], d["bell in PCA space"]
reveal(
    "gan.pictures",
    f"DCGAN {gan:.1f}, VAE {d['VAE']:.1f}, bell in PCA space {bell_distance:.1f}, real pictures {d['real (training)']:.2f}",
    0 if gan > bell_distance else 1 if gan > bell_distance / 2 else 2 if gan > 5 else 3,
)
claim("gan-beats-vae-on-samples").judge(
    gan < 0.6 * d["VAE"],
    evidence=f"Frechet distance of 10,000 pictures in the course's features: DCGAN {gan:.1f} (without averaging its weights "
    f"{d['DCGAN, last weights']:.1f}), VAE {d['VAE']:.1f}, bell in PCA space {bell_distance:.1f}, real pictures {d['real (training)']:.2f}",
)

# %% [markdown]
r"""
Look and compare. The VAE's pictures are smooth: it is paid for every pixel, and where it cannot know, the mean is its best bet. The DCGAN's have edges and texture, and sometimes a third sleeve: it is paid for looking real as a whole.

Now read the table row by row. Judged by precision alone, the order is another one: smooth, ordinary pictures lie safely in the middle of the real ones, and so the VAE scores high, while a third sleeve costs the DCGAN dear. (And look at what noise gets. A few real pictures lie far from all others, and their balls are so large that much of the noise falls into one.) Recall tells what the VAE's safety is bought with: of the variety that is real it shows a small part. The one distance weighs both, in a way that nobody chose. Report more than one number, and look at the pictures.

Is it fair? The VAE has had less of your computer's time. What it gained from the second half of its steps is printed above: little, compared with what is missing. Give it as long as the GAN, `train_vae(steps=6000)`, and see how near it comes. Still, one VAE and one GAN of one size in one minute are not "VAEs" and "GANs". What is measured is this pair.

**Has it copied?** A generator could simply store training pictures; its distance would be wonderful. So look for the nearest training picture of each made one, and compare these distances with what is normal: the distance from a real *test* picture, which surely nobody copied, to its nearest training picture.
"""

# %%
predict(
    "gan.copies",
    "How far is a made picture from its nearest training picture, compared with a test picture?",
    [
        "at almost no distance: many are copies",
        "clearly nearer, though no copy",
        "about as far, or further",
    ],
)

# %%
train_rows = datasets.to_float(fashion.x_train)  # (60000, 784)
queries = {
    "made": pictures["DCGAN, average"][:200].reshape(200, 784),
    "test": datasets.to_float(fashion.x_test[course_rng(10).permutation(10_000)[:200]]),
}
neighbours = {name: nearest_neighbours(rows, train_rows) for name, rows in queries.items()}
found = train_rows[neighbours["made"][0][:10]].reshape(-1, 28, 28)
plot.show(
    plot.images(
        np.concatenate([pictures["DCGAN, average"][:10], found]),
        title="Above: made. Below: the nearest of 60,000 training pictures",
    )
)
made_far, test_far = (np.median(neighbours[name][1]) for name in ("made", "test"))
closest = {name: np.quantile(neighbours[name][1], 0.01) for name in ("made", "test")}
print(
    f"distance in pixels to the nearest training picture, median: made {made_far:.2f}, test {test_far:.2f}; "
    f"the nearest in a hundred: made {closest['made']:.2f}, test {closest['test']:.2f}"
)

# %%
ratio = made_far / test_far
reveal(
    "gan.copies",
    f"median distance {made_far:.2f} for made and {test_far:.2f} for test pictures",
    0 if ratio < 0.3 else 1 if ratio < 0.85 else 2,
)

# %% [markdown]
r"""
No copies: the neighbours are other things, mostly of the same kind. If the made pictures lie further out than the test pictures do, that is no merit: being new is easy for whoever makes odd things. The question that this measurement answers is only whether somebody has stored the training set; and a stored picture that was moved by a pixel would escape it, since it compares pixel by pixel.

**And the expert?** In the game on the line it ended at chance, and that meant that the forger had won. In the game on pictures the distance fell from each look to the next, so the forger got better all the time. What did that do to the expert?
"""

# %%
predict(
    "gan.chance",
    "From the middle of the game to its end the pictures become better. How often is the discriminator right?",
    [
        "less and less often: it nears one half, as on the line",
        "as often at the end as in the middle",
        "more and more often",
    ],
)

# %%
window = STEPS // 24
shares = np.array(game.right).reshape(24, window).mean(axis=1)  # (24,)
plot.show(
    plot.lines(
        window * np.arange(1, 25),
        {"discriminator is right": 100 * shares},
        markers=False,
        reference={"chance": 50},
        xlabel="step",
        ylabel="right in the steps before (%)",
        title="The expert during the game",
    )
)
for step, averaged, _ in record:
    share = np.mean(game.right[int(step) - window : int(step)])
    print(
        f"after {step:>5,.0f} steps: right {share:.1%}, distance of the pictures {averaged:.1f}"
    )

# %%
midway = np.mean(game.right[STEPS // 4 : STEPS // 2])
player = np.mean(game.right[-STEPS // 8 :])
reveal(
    "gan.chance",
    f"{midway:.1%} in the second quarter of the game, {player:.1%} in its last eighth",
    2 if player - midway > 0.05 else 0 if player - midway < -0.05 else 1,
)
claim("discriminator-ends-at-chance").judge(
    late.mean() < 0.56 and player > midway + 0.05 and record[-1, 1] < record[-2, 1],
    evidence=f"on the line the discriminator ended right on {late.mean():.1%} of the points; on pictures it was right on "
    f"{midway:.1%} in the second quarter and on {player:.1%} at the end, while the distance fell from {record[-2, 1]:.1f} to {record[-1, 1]:.1f}",
)

# %% [markdown]
r"""
The best pictures, and the expert is right more often than ever. How can that be? A likely reason: in the second half of the game both rates fall. A forger who moves slowly is a target that holds nearly still, and the expert, who ran behind it all the time, catches up. So how often it is right tells at least as much about how fast the two move as about how good the pictures are. The same goes for their losses. Nobody can see from them whether training goes well, or when to stop. That is why one needs section 4.

On the line the forger could match the real numbers exactly, and then nobody can know better than chance. On pictures a small network in a minute cannot, and there is always something left to find.

## 6. Are they good enough to learn from?

A tempting idea: labels are dear, made pictures are free. Train a classifier on few real pictures and many made ones! Here is a fair test. Somebody has 300 labelled pictures, and 60,000 without labels, from which the GAN has learned (it never saw a label). Then

1. a classifier is trained on the 300: the **teacher**;
2. the teacher labels 10,000 made pictures;
3. a new classifier of the same kind learns from the 300 *and* from those.

Beside it stand rivals that get the same number of steps: the same 300 alone; the 300, each moved by up to a pixel at random (notebook 06's augmentation); and the teacher's labels on 10,000 *real* pictures without labels, which cost no GAN.
"""

# %%
predict(
    "gan.teach",
    "300 labelled pictures. What does adding 10,000 made pictures, labelled by the teacher, do to the accuracy on new pictures?",
    [
        "it costs more than half a point",
        "it changes it by half a point at most",
        "it brings up to 5 points",
        "it brings more than 5 points",
    ],
)


# %%
def learn(x, y, extra, seed, steps=300, batch=64, rate=1e-3):
    """A small classifier that learns from labelled rows and, for half of each batch, from others: its scores."""
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(network.parameters(), rate, fused=True)
    sources = [(torch.as_tensor(a), torch.as_tensor(b)) for a, b in ((x, y), extra or (x, y))]
    for _step in range(steps):
        drawn = [torch.randint(len(a), (batch // 2,), generator=rng) for a, _ in sources]
        rows = torch.cat([a[k] for (a, _), k in zip(sources, drawn, strict=True)])
        labels = torch.cat([b[k] for (_, b), k in zip(sources, drawn, strict=True)])
        optimizer.zero_grad()
        F.cross_entropy(network(rows), labels).backward()
        optimizer.step()

    @torch.no_grad()
    def say(pixels):
        return network(torch.as_tensor(pixels)).argmax(dim=1).numpy()

    return say


test_rows = datasets.to_float(fashion.x_test)
made_rows = pictures["DCGAN, average"].reshape(MADE, 784)
train_labels = fashion.y_train.copy()


def teach(seed):
    """Accuracy on the test pictures by what was added to 300 labelled ones."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(60_000)
    few, others = order[:300], order[300 : 300 + MADE]
    x, y = train_rows[few], train_labels[few]
    teacher = learn(x, y, None, seed)
    moved = [
        datasets.to_float(random_shift(fashion.x_train[few], 1, rng=rng)) for _ in range(20)
    ]
    added = {
        "nothing": None,
        "the same, moved": (np.concatenate(moved), np.tile(y, 20)),
        "made pictures": (made_rows, teacher(made_rows)),
        "real, unlabelled": (train_rows[others], teacher(train_rows[others])),
    }
    return {
        name: accuracy(learn(x, y, extra, seed + 1)(test_rows), fashion.y_test)
        for name, extra in added.items()
    }


taught = [teach(seed) for seed in course_seeds(4)]
by_source = {name: [run[name] for run in taught] for name in taught[0]}
gained = {name: np.array(runs) - by_source["nothing"] for name, runs in by_source.items()}
plot.show(
    plot.bars(
        {name: 100 * gains for name, gains in gained.items() if name != "nothing"},
        ylabel="gain in accuracy (points)",
        xlabel="added to 300 labelled pictures",
        title="Who helps a classifier with 300 labels (mean of 4 draws, worst to best)",
    )
)
for name, runs in by_source.items():
    gains = gained[name]
    print(
        f"{name:>17}: {mean_and_spread(runs, percent=True)}, gain in points {100 * gains.mean():+.1f} "
        f"({100 * gains.min():+.1f} to {100 * gains.max():+.1f})"
    )

# %%
gain = {name: gains.mean() for name, gains in gained.items()}
reveal(
    "gan.teach",
    f"{100 * gain['made pictures']:+.1f} points; real unlabelled pictures {100 * gain['real, unlabelled']:+.1f}",
    int(np.searchsorted([-0.005, 0.005, 0.05], gain["made pictures"])),
)

# %% [markdown]
r"""
Read each gain together with its range over the four draws: where the range includes 0, nothing has been shown. The teacher's labels carry the teacher's mistakes, whether the pictures are real or made. The made ones add the forger's.

Now the other end: all 60,000 pictures with their labels, and made ones on top. (They are labelled by the course's own classifier, which has seen all labels: the best teacher that we have.) And what if there were *only* made pictures?
"""

# %%
predict(
    "gan.on_top",
    "All 60,000 labelled pictures. Half of every batch is replaced by made pictures with labels from a good classifier. The accuracy ...",
    [
        "rises by more than half a point",
        "changes by half a point at most",
        "falls by more than half a point",
    ],
)

# %%
labels_of_made = class_scores(pictures["DCGAN, average"]).argmax(axis=1)
made = (made_rows, labels_of_made)
everything = (train_rows, train_labels)
arms = {
    "real": (everything, None),
    "real and made": (everything, made),
    "made only": (made, made),
}
on_top = {
    name: [
        accuracy(learn(*first, extra, seed, steps=600)(test_rows), fashion.y_test)
        for seed in course_seeds(3)
    ]
    for name, (first, extra) in arms.items()
}
for name, runs in on_top.items():
    print(f"{name:>14}: {mean_and_spread(runs, percent=True)}")
change = np.mean(on_top["real and made"]) - np.mean(on_top["real"])

# %%
reveal(
    "gan.on_top",
    f"{100 * change:+.1f} points; learning from made pictures only {100 * (np.mean(on_top['made only']) - np.mean(on_top['real'])):+.1f}",
    0 if change > 0.005 else 1 if change > -0.005 else 2,
)
claim("gan-samples-as-training-data").judge(
    change < 0.005 and gain["made pictures"] < 0.01,
    evidence=f"gain with 300 labels {100 * gain['made pictures']:+.1f} points (real unlabelled pictures "
    f"{100 * gain['real, unlabelled']:+.1f}); with all 60,000 labels {100 * change:+.1f}; made pictures alone "
    f"{np.mean(on_top['made only']):.1%} against {np.mean(on_top['real']):.1%}",
)

# %% [markdown]
r"""
A generator cannot know more than the pictures it learned from. What it makes is an echo of them, with faults of its own, and a classifier learns the faults too. At best the made pictures would act like real ones without labels, and those you had already, or there would be no GAN. Made data can be worth it where the real ones may not be passed on, or where the generator brings knowledge from elsewhere, and a better generator than ours does less harm. "More data for free" it is not.

One trap in comparisons like this: had the GAN been told the labels of all 60,000 pictures, and were its pictures then added to 300 labelled ones, the gain would look wonderful. The labels would have come in through the back door.

## 7. Longer, on an accelerator

A minute on one core is little. What a longer game brings is measured on an accelerator. The cell below shows the recorded run, if there is one.
"""

# %% tags=["gpu"]
print(device.recorded("gan"))

# %% [markdown]
r"""
## When it breaks

First `detach()`, which stands in one step of the game and not in the other. There are two ways to get that wrong. **Forgotten**: the made points are not detached when the discriminator takes its step, and the generator's gradients are not cleared before its own. Then the generator also learns from the *discriminator's* loss, which wants made points to be easy to find out. **Once too often**: they are detached in the generator's step as well. Neither raises an error.
"""

# %%
predict(
    "gan.detach",
    "The game on the line with each of these mistakes, 1,000 rounds. Which forger gets anywhere near the real numbers?",
    [
        "neither",
        "only the one with the forgotten detach",
        "only the one with a detach too many",
        "both",
    ],
)


# %%
def play_wrongly(seed, mistake, rounds=1000, lr=5e-3):
    """The game on the line with a mistake: the forger's path (rounds, 2), and the expert's loss at the end."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        expert, forger = layers(1, 32, 32, 1), torch.tensor([-2.0, 1.0], requires_grad=True)
        expert_step = torch.optim.Adam(expert.parameters(), lr, betas=(0.5, 0.99), fused=True)
        forger_step = torch.optim.Adam([forger], lr, betas=(0.5, 0.99))
        path, losses = [], []
        for _ in range(rounds):
            real = REAL_MEAN + REAL_SPREAD * torch.randn(256, 1)
            fake = forger[0] + forger[1] * torch.randn(256, 1)
            expert_step.zero_grad()
            forger_step.zero_grad()
            shown = fake if mistake == "forgotten" else fake.detach()
            loss = discriminator_loss(expert(real)[:, 0], expert(shown)[:, 0])
            loss.backward(retain_graph=True)
            expert_step.step()
            seen = fake.detach() if mistake == "once too often" else fake
            generator_loss(expert(seen)[:, 0]).backward()  # on top of what is already there
            forger_step.step()
            path.append(forger.tolist())
            losses.append(loss.item())
    return np.array(path), np.mean(losses[-50:])


wrong = {
    f"detach {mistake}": [play_wrongly(seed, mistake) for seed in course_seeds(2)]
    for mistake in ("forgotten", "once too often")
}
paths = {"detach as it should be": np.array([path[:1000] for path, _, _ in games])}
paths |= {name: np.array([path for path, _ in runs]) for name, runs in wrong.items()}
means = {name: both[:, :, 0] for name, both in paths.items()}  # (2 or 3, rounds)
spreads = {name: np.abs(both[:, :, 1]) for name, both in paths.items()}
for what, numbers, real in (("mean", means, REAL_MEAN), ("spread", spreads, REAL_SPREAD)):
    plot.show(
        plot.lines(
            np.arange(1, 1001),
            numbers,
            markers=False,
            reference={f"{what} of the real": real},
            xlabel="round",
            ylabel=f"{what} of the made",
            title=f"One detach() too few, one too many: the {what}",
        )
    )
for name in paths:
    paid = (
        f"; the discriminator's loss {np.mean([x for _, x in wrong[name]]):.3f}"
        if name in wrong
        else ""
    )
    print(
        f"{name:>22}: mean of the made after 1,000 rounds {means[name][:, -1].mean():.2f}, "
        f"spread {spreads[name][:, -1].mean():.2f}{paid}"
    )
print(
    f"the real: mean {REAL_MEAN:.2f}, spread {REAL_SPREAD:.2f}; knowing nothing costs {2 * np.log(2):.3f}"
)
arrived = [abs(means[name][:, -1].mean() - REAL_MEAN) < 2 for name in wrong]
reveal(
    "gan.detach",
    ", ".join(f"{name}: mean {means[name][:, -1].mean():.2f}" for name in wrong)
    + f" (real {REAL_MEAN:.2f}, start -2.00)",
    {(False, False): 0, (True, False): 1, (False, True): 2, (True, True): 3}[tuple(arrived)],
)

# %% [markdown]
r"""
The detach too many is deadly and silent: the optimiser steps along with no gradient, the generator never moves, and the discriminator's loss sinks towards 0. Look at the gradients' size (notebook 08) and you see it at once.

The forgotten one is the nastier kind. For a long while its mean cannot be told from the sound one; look at the spread. A made point that is judged $D$ is pulled towards a higher score by the generator's loss, with strength $1 - D$, and towards a lower one by the discriminator's, with strength $D$. Together that is $1 - 2D$: a point that is taken for real is even driven *back*. So all points gather where the expert is unsure, in one narrow heap. Each of them might be real. A mistake that only costs variety is found by counting or measuring, never by looking at single pieces.
"""

# %% [markdown]
r"""
The next two are mistakes of measuring. They raise no error, and the pictures are innocent: only the range of the numbers, or the number of pictures, is not what the measure takes it for.
"""

# %%
stretched = (2 * pictures["DCGAN, average"] - 1).clip(0, 1)  # still from -1 to 1, cut off at 0
blamed = frechet_distance(real_test, features(stretched))
too_few = frechet_distance(real_test, features(pictures["DCGAN, average"][:100]))
print(
    f"distance of the same pictures: measured rightly {gan:.1f}, in the wrong range {blamed:.1f}, only 100 of them {too_few:.1f}"
)
try:
    features(2 * pictures["DCGAN, average"] - 1)
except Exception as error:
    print(f"and the course's features say: {error}")

# %% [markdown]
r"""
| what you see | what it is | what to do |
|---|---|---|
| the discriminator's loss falls to 0, the pictures stay noise | it has won | the non-saturating loss; a lower rate for it; a gradient penalty |
| all pictures alike, or a few kinds over and over | mode collapse | count it; gradient penalty; a smaller rate |
| the mean of the made about right, their spread far too small | perhaps a `detach()` is missing in the discriminator's step | clear the generator's gradients, or detach; measure the spread |
| good pictures that come and go from step to step | the game runs in circles | average the weights; let the rate fall |
| both losses flat for hours | nothing: they say little | measure the distance on the way |
| a distance that nobody can repeat | other features, another number of pictures, another range | say all three with the number |
| wonderful distance, familiar pictures | copies | nearest training neighbours |

## Explain it back

**Q1.** The best discriminator says 0.75 at some point x. What do you know?

<details><summary>A. The generator makes too many points near x.</summary>

**No.** Then real points would be in the minority there, and the answer below one half.

</details>
<details><summary>B. Near x there are three real points for every made one.</summary>

**Right.** p_real / (p_real + p_made) is three quarters. The generator should make more of these.

</details>
<details><summary>C. Three quarters of all real points lie near x.</summary>

**No.** It says nothing about how many there are, only about the ratio at this place.

</details>

**Q2.** Why is the generator trained with -log D and not with log(1 - D)?

<details><summary>A. They have their optimum at different places.</summary>

**No.** Both want high scores. What differs is how hard they pull where the score is low.

</details>
<details><summary>B. log(1 - D) is not defined for D = 1.</summary>

**No.** Computed from scores both are fine everywhere.

</details>
<details><summary>C. Where the discriminator is sure that a point is made, log(1 - D) is flat.</summary>

**Right.** The worse the forgery, the smaller its gradient: it would learn least when it has most to learn.

</details>

**Q3.** Two generators: A has a Frechet distance of 22 from 1,000 pictures, B one of 20 from 10,000, in the same features. Which is better?

<details><summary>A. B: lower is better.</summary>

**No.** Fewer pictures make the distance larger. With 10,000 pictures A might well be ahead.

</details>
<details><summary>B. One cannot say until both are measured with the same number.</summary>

**Right.** And a second run with other seeds would show how far such numbers jump about.

</details>
<details><summary>C. A: it needed fewer pictures.</summary>

**No.** The number of pictures is part of the measurement and no merit of the generator.

</details>

**Q4.** A generator makes one perfect ankle boot, always the same. What do precision and recall say?

<details><summary>A. Precision high, recall near zero.</summary>

**Right.** What it makes lies among real pictures; of all that is real it covers next to nothing.

</details>
<details><summary>B. Both high: the boot is perfect.</summary>

**No.** Recall asks whether everything real is also made.

</details>
<details><summary>C. Precision near zero, recall high.</summary>

**No.** It is the other way round. That pattern fits a generator of everything imaginable, real pictures among it.

</details>

**Q5.** (From notebook 11.) Why are a VAE's pictures smoother than a GAN's?

<details><summary>A. Because its code has too few numbers.</summary>

**No.** More numbers do not cure it; the loss asks for it.

</details>
<details><summary>B. Because it is paid pixel by pixel, and where it cannot know, a middle value costs least.</summary>

**Right.** An edge in a slightly wrong place costs twice. A blur costs little. A discriminator, however, knows that real pictures are not blurred.

</details>
<details><summary>C. Because it has no convolutions.</summary>

**No.** One with convolutions is better, and still smooth.

</details>

**Q6.** (From notebook 06.) Why did we compare with the same 300 pictures, moved at random, and not only with the 300?

<details><summary>A. Because a new method must beat the simple one that everybody would try first.</summary>

**Right.** If moving pictures about brings as much, nobody needs a GAN for it.

</details>
<details><summary>B. Because 300 pictures are too few to train on.</summary>

**No.** They suffice to train; the question is what helps on top.

</details>
<details><summary>C. Because the test pictures are moved as well.</summary>

**No.** They are as they are. Moving the training pictures says that a moved shirt is still a shirt.

</details>

## Go further

**A small one.** Leave the rate where it is, to the end of the game, and draw the two curves of section 5 again: player and average. Does averaging help now, and does it reach what the falling rate reached?

**A project.** Tell the game the labels: give the generator a label beside the noise, and the discriminator the label beside the picture (Mirza and Osindero, 2014; Miyato and Koyama, 2018). Does the distance fall at equal time? Do the pictures of one kind still cover all of that kind? Count it: the recall, kind by kind. Then train on 600 pictures only, and look for copies.

**Sources.**
I. Goodfellow et al. (2014), *Generative adversarial nets*.
A. Radford, L. Metz and S. Chintala (2016), *Unsupervised representation learning with deep convolutional generative adversarial networks*.
M. Heusel et al. (2017), *GANs trained by a two time-scale update rule converge to a local Nash equilibrium*: the Frechet distance in features.
T. Miyato, T. Kataoka, M. Koyama and Y. Yoshida (2018), *Spectral normalization for generative adversarial networks*.
J. H. Lim and J. C. Ye (2017), *Geometric GAN*: the hinge loss.
L. Mescheder, A. Geiger and S. Nowozin (2018), *Which training methods for GANs do actually converge?*
T. Kynkaanniemi et al. (2019), *Improved precision and recall metric for assessing generative models*.
Y. Yazici et al. (2019), *The unusual effectiveness of averaging in GAN training*.
M. Lucic et al. (2018), *Are GANs created equal? A large-scale study*: with equal budgets, most differences between losses vanish.
S. Ravuri and O. Vinyals (2019), *Classification accuracy score for conditional generative models*: learning from made pictures only.
"""
