# %% [markdown]
r"""
# Autoencoders: what is left when a picture must pass through a bottleneck

**The question.** A network gets a picture and has to give the same picture back. That would be easy, but in between it may keep only a handful of numbers. What does it keep? And what can one do with a network that was never told what anything is?

**After this notebook you will be able to**

- find the best straight bottleneck without any training, and prove that a linear autoencoder can do no better;
- say when a deep autoencoder beats principal components at the same size of code, and when it does not;
- train a network to remove noise, and say what it has learned to remove;
- measure whether a reconstruction error finds what was never seen, beside methods that need no network;
- build a variational autoencoder: draw codes so that gradients pass, say what its loss counts, make new pictures with it.

**Builds on** 08 PyTorch: `torch.Tensor`, `nn.Module`, the loop; 06 Generalization: validation, dropout; 05 Optimizers: the one-cycle schedule; 02 The forward pass: cross-entropy in nats, logits. **Time** about 90 minutes, of which your computer needs about a minute.
"""

# %%
import numpy as np
import torch
from scipy.ndimage import gaussian_filter, median_filter
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import KNeighborsClassifier
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR

from coursekit import datasets, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import mean_and_spread, nearest_neighbours
from coursekit.models.autoencoder import VAE, Autoencoder, negative_elbo, reconstruction_error
from coursekit.models.pca import principal_angles
from coursekit.predict import predict, reveal
from coursekit.settings import course_rng, course_seed, course_seeds
from coursekit.train import fit

fashion = datasets.load("fashion_mnist")
names = fashion.class_names


def halve(pictures):
    """Pictures (N, 28, 28) as rows of 14 x 14 brightnesses from 0 to 1: (N, 196)."""
    x = datasets.to_float(pictures).reshape(-1, 14, 2, 14, 2)
    return np.ascontiguousarray(x.mean(axis=(2, 4)).reshape(len(x), 196))


dealt = course_rng(0).permutation(60_000)[:22_000]
x_learn, y_learn = halve(fashion.x_train[dealt[:20_000]]), fashion.y_train[dealt[:20_000]]
x_choice = halve(fashion.x_train[dealt[20_000:]])  # (2000, 196)
x_test, y_test = halve(fashion.x_test), fashion.y_test  # (10000, 196)
learn_rows, test_rows = torch.tensor(x_learn), torch.tensor(x_test)
print(
    f"to learn from {len(x_learn):,}, to choose by {len(x_choice):,}, for the verdict {len(x_test):,}"
)

# %% [markdown]
r"""
The pictures are those of notebook 06, halved to 14 by 14 so that many networks can be trained on one page. A pixel is a brightness from 0 to 1; the figures show 0 as white and 1 as black. **No network here learns from the labels.** They serve to measure, to colour a map, and in section 6 to choose what is kept out.

## 1. The best straight bottleneck

A picture is a row of $D = 196$ numbers, a point in a space of 196 dimensions. But the pictures do not fill that space: neighbouring pixels go together, sleeves come in pairs, the corners are nearly always empty. Perhaps a few *directions* are enough to say where a picture lies.

**Principal component analysis** (PCA) looks for them. Take the mean picture $m$ off every row. Then find the direction along which the rows vary most; among all directions at right angles to it, the next best; and so on. Keep $K$ of these **axes** as the rows of a matrix $A$ of shape (K, D). The **code** of a picture $x$ is the list of its $K$ positions along them, and from the code one can go back:

$$z = A\,(x - m) \qquad\qquad \hat x = A^\top z + m$$

Here $x$, $m$ and $z$ are columns, and $\hat x$ is what is left of $x$. In Python our pictures are rows, and the same reads `z = (x - mean) @ axes.T` and `z @ axes + mean`.

All axes at once come from the **singular value decomposition**, `np.linalg.svd`. It splits the table of the $N$ centred rows into three factors, $X - m = U S V^\top$. $S$ has numbers on its diagonal only, $S_1 \ge S_2 \ge \dots$; the rows of $V^\top$ have length 1 and stand at right angles to each other. Those rows are the axes, and $S_i^2 / N$ is the variance along axis $i$. (The columns of $U$ say how the pictures share in each axis; we do not need them.)
"""


# %% tags=["exercise"]
@exercise("components.principal_axes")
def principal_axes(x, k):
    """The mean of the rows, and the k directions in which they vary most.

    x : ndarray, (N, D). Returns two arrays: mean, (D,), and axes, (k, D), one axis a row,
    of length 1, the one along which x varies most first. The sign of each axis is free.
    """
    ### BEGIN SOLUTION
    mean = x.mean(axis=0)  # (D,)
    axes = np.linalg.svd(x - mean, full_matrices=False)[2]  # (min(N, D), D)
    return mean, axes[:k]
    ### END SOLUTION


# %%
predict(
    "components.how-many",
    "Nine tenths of all that varies between pictures of 196 pixels can be said with about ...",
    ["3 numbers", "30 numbers", "100 numbers", "180 numbers"],
)

# %%
mean_picture, all_axes = principal_axes(x_learn, 196)
variance = ((x_learn - mean_picture) @ all_axes.T).var(axis=0)  # (196,), falling
share = np.cumsum(variance) / variance.sum()
needed = int(np.argmax(share >= 0.9)) + 1
reveal(
    "components.how-many",
    f"{needed} axes carry {share[needed - 1]:.1%} of the variance; the first two alone {share[1]:.1%}",
    int(np.argmin(np.abs(np.log(np.array([3, 30, 100, 180]) / needed)))),
)


# %%
def by_pca(x, k):
    """Rows as PCA gives them back after a code of k numbers."""
    axes = all_axes[:k]
    return (x - mean_picture) @ axes.T @ axes + mean_picture


def squared_error(a, b):
    """The mean of the squared differences."""
    return float(np.mean((np.asarray(a) - np.asarray(b)) ** 2))


shown = np.array([np.flatnonzero(y_test == k)[0] for k in range(10)])  # one of each kind
rows_shown = [x_test[shown], *(by_pca(x_test[shown], k) for k in (64, 16, 8, 2))]
plot.show(
    plot.images(
        np.concatenate(rows_shown).reshape(-1, 14, 14).clip(0, 1),
        title="Pictures, and what PCA keeps of them with 64, 16, 8 and 2 numbers",
    )
)

# %% [markdown]
r"""
The top row is the original; below it the code shrinks, and with two numbers only a blurred outline is left. Note *how* it fails: what is missing turns into ghosts of other pictures, such as pale sleeves beside a dress. PCA can only add and subtract its axes, and each axis carries traces of many kinds.

## 2. A linear autoencoder is PCA in disguise

An **autoencoder** is a network that is trained to give back its own input. An **encoder** turns D numbers into a code of K, a **decoder** turns the code into D numbers, and the loss is the squared error between what comes out and what went in. In the simplest one both are a single `nn.Linear`, with no activation between them.

PCA is such a network: one only has to say which weights it has. (In PyTorch a weight has shape (out, in), and a layer computes `x @ weight.T + bias`.)
"""


# %% tags=["exercise"]
@exercise("components.closed_form")
def linear_autoencoder(x, k):
    """The weights of the linear autoencoder that does what PCA does, without training.

    x : ndarray, (N, D). Call principal_axes, your function above. Returns four arrays,
    in this order and in the layout of nn.Linear:
    encoder weight (k, D), encoder bias (k,), decoder weight (D, k), decoder bias (D,).
    """
    ### BEGIN SOLUTION
    mean, axes = principal_axes(x, k)
    return axes, -axes @ mean, axes.T, mean
    ### END SOLUTION


# %% [markdown]
r"""
**Can training find anything better?** No, and here is the proof. (It goes back to Eckart and Young, 1936; Baldi and Hornik, 1989, carried it over to networks.) Take centred rows $x_1, \dots, x_N$; a bias can always do the centring.

1. *Whatever the encoder does, the output is a mixture of the K columns of the decoder's weight.* These columns span a space of dimension $K$ at most. The point of that space nearest to $x$ is its projection, $P x$. So the error is at least $\sum_n \lVert x_n - P x_n \rVert^2$, and a linear encoder reaches that. Only the *space* counts, not the weights.
2. $x - Px$ stands at right angles to $Px$, so by Pythagoras $\lVert x - P x\rVert^2 = \lVert x\rVert^2 - \lVert P x\rVert^2$. The first term is given. So we want the space for which $\sum_n \lVert P x_n\rVert^2$ is **largest**.
3. Let $a_1, \dots, a_D$ be all principal axes and $\lambda_1 \ge \dots \ge \lambda_D$ the variances along them. Write each picture by its positions along the axes, $x_n = \sum_i c_{ni} a_i$. By the decomposition above the positions along two different axes are uncorrelated, so in the mean over $n$ all mixed terms vanish, and $\frac1N\sum_n \lVert P x_n\rVert^2 = \sum_i \lambda_i\,p_i$ with $p_i = \lVert P a_i\rVert^2$. In words: axis $i$ counts as far as it lies in the space.
4. No $p_i$ is above 1, since a projection makes nothing longer; and together they are at most $K$, the dimension of the space. So the sum is at most $\lambda_1 + \dots + \lambda_K$: give the room to the largest. That is reached by the space of the first $K$ axes, and, if $\lambda_K > \lambda_{K+1}$, by no other. $\blacksquare$

The proof says also what it does *not* say. Put any invertible matrix $M$ behind the encoder and $M^{-1}$ before the decoder, and nothing changes: $A^\top M^{-1} M A = A^\top A$. So the space is determined, the axes in it are not.

<details><summary>And if two variances are equal?</summary>

If $\lambda_K = \lambda_{K+1}$, many spaces are equally good, and which one you get is chance. Where two neighbours are nearly equal, PCA of one half of the pictures and PCA of the other half can disagree by many degrees. Try it: `principal_angles(principal_axes(x_learn[:2000], k)[1], principal_axes(x_learn[2000:4000], k)[1])[-1]` for several k, beside `variance[k - 1] / variance[k]`.

</details>

To compare spaces, measure the **principal angles** between them: turn the best-fitting direction of one towards the other, then the next best, and so on. If the largest of them is 0 degrees, the spaces are the same; at 90 degrees, some direction of the one is at right angles to the whole of the other. Now train three linear autoencoders from random weights, and watch that angle.
"""

# %%
predict(
    "components.linear",
    "A linear autoencoder with a code of 8 is trained by gradient descent. Compared with PCA, its decoder's eight columns ...",
    [
        "become PCA's axes, up to their signs",
        "span PCA's space, but are other directions in it",
        "span another space that is as good",
        "stay worse: training gets stuck",
    ],
)


# %%
def learn(network, loss_of, rows, seed, *, epochs, rate=5e-3, size=128, watch=None):
    """Train a network by Adam: loss_of(batch, generator) is its loss, watch() measures after each epoch."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, fused=True)
    steps = len(rows) // size
    schedule = OneCycleLR(optimizer, rate, total_steps=epochs * steps, pct_start=0.2)

    def batches():
        order = torch.randperm(len(rows), generator=generator)
        return [(rows[some],) for some in order.split(size)[:steps]]

    def step(x):
        optimizer.zero_grad()
        loss = loss_of(x, generator)
        loss.backward()
        optimizer.step()
        schedule.step()
        return loss.item()

    return fit(step, batches, epochs=epochs, evaluate=watch, progress=False)


def copying(network):
    """The loss of an autoencoder: the squared error of what it gives back."""
    return lambda x, generator: F.mse_loss(network(x), x)


def array(tensor):
    """A tensor as an array, cut off from its gradients."""
    return tensor.detach().numpy()


centred = learn_rows - torch.tensor(mean_picture)
largest_angle, columns, ratios = [], [], []
for seed in course_seeds(3):
    torch.manual_seed(seed)
    linear = Autoencoder(196, (), 8)
    decoder = linear.decoder[0].weight  # (196, 8)

    def angle(decoder=decoder):
        return {"angle": principal_angles(array(decoder).T, all_axes[:8])[-1]}

    start = angle()["angle"]
    seen = learn(
        linear, copying(linear), centred, seed, epochs=10, rate=0.03, size=256, watch=angle
    )
    largest_angle.append([start, *seen.metrics["angle"]])
    directions = array(decoder / decoder.norm(dim=0))  # (196, 8)
    columns.append(
        np.degrees(np.arccos(np.abs(all_axes[:8] @ directions).max(axis=1).clip(0, 1)))
    )
    best = squared_error(by_pca(x_learn, 8), x_learn)
    ratios.append(float(reconstruction_error(linear, centred).mean()) / best)
plot.show(
    plot.lines(
        np.arange(11),
        {"largest principal angle": np.array(largest_angle)},
        log="y",
        xlabel="epoch",
        ylabel="angle to PCA's space (degrees)",
        title="A linear autoencoder turns into PCA",
    )
)

# %%
final = np.array(largest_angle)[:, -1]
weights_8 = linear_autoencoder(x_learn, 8)
code_8 = x_learn @ weights_8[0].T + weights_8[1]
closed = squared_error(code_8 @ weights_8[2].T + weights_8[3], x_learn)
nearest_axis = float(np.mean(columns))
print(f"error on the training pictures: PCA {best:.6f}, your closed form {closed:.6f}")
print(f"trained: {', '.join(f'{r:.4f}' for r in ratios)} times that")
print(
    f"angle from each of PCA's axes to the nearest column, on average: {nearest_axis:.0f} degrees"
)
reveal(
    "components.linear",
    f"spaces {final.max():.1f} degrees apart at most, error {max(ratios):.4f} times PCA's; axes {nearest_axis:.0f} degrees off",
    3 if max(ratios) > 1.02 else 2 if final.max() > 5 else 0 if nearest_axis < 10 else 1,
)
claim("linear-autoencoder-is-pca").judge(
    final.max() < 5 and max(ratios) < 1.01 and abs(closed / best - 1) < 1e-4,
    evidence=f"code of 8, 3 trainings: largest angle to PCA's space {final.max():.2f} degrees, error at most "
    f"{max(ratios):.4f} times PCA's; the single axes are {nearest_axis:.0f} degrees off",
)

# %% [markdown]
r"""
The curve starts near 90 degrees, since random weights know nothing of PCA, and falls to next to nothing. (The line is the mean of three trainings, the band reaches from the lowest to the highest; so it is in all figures of this page.) There is no local minimum to be stuck in: Baldi and Hornik showed that all other points with slope 0 are saddles. But the columns themselves are *other* directions of the same space. If somebody reads a meaning into single numbers of a linear autoencoder's code, remember the matrix $M$.

## 3. Now with a bend

Put a hidden layer with a ReLU before the code, and another one behind it: a **deep autoencoder**. What its decoder can reach is no longer a flat space but a **curved surface**, which can follow the pictures. Is that worth anything, *at the same size of code*? We compare on test pictures, of course: a network with so many weights can learn a lot by heart.
"""

# %%
predict(
    "components.deep",
    "Error on new pictures, deep autoencoder against PCA with as many numbers in the code. The deep one is better ...",
    [
        "at every size of code",
        "with a small code; with a large one PCA is",
        "with a large code; with a small one PCA is",
        "at none",
    ],
)

# %%
sizes = (2, 8, 24, 64)
deep, kept = {k: [] for k in sizes}, {}
for k in sizes:
    for seed in course_seeds(3):
        torch.manual_seed(seed)
        network = Autoencoder(196, (128,), k)
        learn(network, copying(network), learn_rows, seed, epochs=3)
        deep[k].append(float(reconstruction_error(network, test_rows).mean()))
        kept[k, seed] = network
pca_error = {k: squared_error(by_pca(x_test, k), x_test) for k in sizes}
plot.show(
    plot.lines(
        sizes,
        {
            "deep autoencoder, 3 seeds": np.array([deep[k] for k in sizes]).T,
            "PCA": np.array([pca_error[k] for k in sizes]),
        },
        log="xy",
        xlabel="numbers in the code",
        ylabel="squared error on test pictures",
        title="What a bend is worth at the same size of code",
    )
)
for k in sizes:
    count = sum(p.numel() for p in kept[k, course_seed(0)].parameters())
    print(
        f"code of {k:2d}: deep {mean_and_spread(deep[k], decimals=5)} ({count:,} weights), "
        f"PCA {pca_error[k]:.5f} ({196 * (k + 1):,} weights)"
    )

# %%
gain = {k: np.array(deep[k]) / pca_error[k] for k in sizes}
reveal(
    "components.deep",
    ", ".join(f"code of {k}: {gain[k].mean():.2f} times PCA's error" for k in sizes),
    0
    if gain[64].mean() < 1
    else 1
    if gain[2].mean() < 1
    else 2
    if gain[64].mean() < 1 < gain[2].mean()
    else 3,
)
claim("deep-autoencoder-beats-pca").judge(
    gain[2].max() < 0.8 and gain[8].max() < 0.95 and gain[64].min() > 1.2,
    evidence=f"error on test pictures relative to PCA's, 3 seeds: code of 2 {gain[2].mean():.2f}, of 8 {gain[8].mean():.2f}, "
    f"of 24 {gain[24].mean():.2f}, of 64 {gain[64].mean():.2f}",
)

# %% [markdown]
r"""
With two numbers the bend is worth a great deal. As the code grows, the advantage melts, and with the largest code the network is *behind*. Is the network unable to do what PCA does? No. Two ReLUs together pass a number $t$ on unchanged, $t = \max(0, t) - \max(0, -t)$, so a hidden layer of 128 can pass on PCA's 64 numbers exactly. Put the weights of your closed form there, and train from that start instead of a random one.
"""

# %%
predict(
    "components.head-start",
    "A deep autoencoder with a code of 64 starts exactly at PCA and is trained as long as the others. Its error on new pictures ...",
    [
        "rises above PCA's",
        "stays within a hundredth of PCA's",
        "falls by a few hundredths",
        "falls by half",
    ],
)

# %%
w, b, v, c = (torch.tensor(part) for part in linear_autoencoder(x_learn, 64))
one = torch.eye(64)
started = Autoencoder(196, (128,), 64)
layers = (started.encoder[0], started.encoder[2], started.decoder[0], started.decoder[2])
twice = (
    torch.cat([w, -w]),  # hidden layer: each number t of PCA's code, and -t
    torch.cat([one, -one], dim=1),  # code: relu(t) - relu(-t) = t
    torch.cat([one, -one]),  # the same once more on the way back
    torch.cat([v, -v], dim=1),
)
biases = (torch.cat([b, -b]), torch.zeros(64), torch.zeros(128), c)
with torch.no_grad():
    for layer, weight, bias in zip(layers, twice, biases, strict=True):
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
at_first = float(reconstruction_error(started, test_rows).mean())
learn(started, copying(started), learn_rows, course_seed(0), epochs=3, rate=1e-3)
at_last = float(reconstruction_error(started, test_rows).mean())
print(
    f"PCA {pca_error[64]:.5f}; the network at its start {at_first:.5f}, after training {at_last:.5f}"
)

# %%
change = at_last / pca_error[64]
reveal(
    "components.head-start",
    f"{change:.3f} times PCA's error; from random weights it was {gain[64].mean():.2f} times",
    0 if change > 1.01 else 1 if change > 0.99 else 2 if change > 0.75 else 3,
)

# %% [markdown]
r"""
So it was a matter of training. PCA gets its optimum from one decomposition, exactly; a network has to find its way there by small steps, and these trainings are short. "Deep beats PCA" is true where the code is tight. With a wide code it is a question of how much computing you spend, and here there was little to win. PCA has nothing to tune but $K$.

## 4. A map of the codes

A code of two numbers is a place on a map. Here is where the test pictures go; the colours are the labels, which neither method has seen.
"""

# %%
predict(
    "components.map",
    "We ask for the kind of a test picture, knowing only its two numbers: the five nearest training pictures on the map vote. Right are about ...",
    [
        "20 % on both maps",
        "50 % on PCA's map, clearly more on the deep one's",
        "50 % on the deep map, clearly more on PCA's",
        "80 % on both",
    ],
)

# %%
flat = all_axes[:2]
codes = {"PCA": [((x - mean_picture) @ flat.T) for x in (x_learn, x_test)]}
for number, seed in enumerate(course_seeds(3)):
    with torch.no_grad():
        encoder = kept[2, seed].encoder
        codes[f"deep {number}"] = [array(encoder(rows)) for rows in (learn_rows, test_rows)]
vote = {
    name: KNeighborsClassifier(5).fit(known, y_learn).score(new, y_test)
    for name, (known, new) in codes.items()
}
for name, title in (
    ("PCA", "Two principal components"),
    ("deep 0", "A deep code of two numbers"),
):
    plot.show(plot.code_map(codes[name][1][:2500], y_test[:2500], names, title=title))

# %%
deep_votes = [vote[f"deep {k}"] for k in range(3)]
reveal(
    "components.map",
    f"PCA's map {vote['PCA']:.1%}, the deep maps {mean_and_spread(deep_votes, percent=True)}",
    1
    if np.mean(deep_votes) > vote["PCA"] + 0.05
    else 2
    if vote["PCA"] > np.mean(deep_votes) + 0.05
    else 0
    if vote["PCA"] < 0.4
    else 3,
)

# %% [markdown]
r"""
On PCA's map shoes lie apart from clothes, and within each the kinds run into each other. On the deep map more of them have a region of their own, drawn by a network that does not know the words; coats, pullovers and shirts still share theirs. (It need not be so: what helps to reconstruct a picture is not always what tells kinds apart.)

What the map means becomes visible when you decode it: lay a grid over it, and let the decoder turn every place into a picture.
"""

# %%
map_codes = codes["deep 0"][1]
across = np.quantile(map_codes, np.linspace(0.04, 0.96, 10), axis=0)  # (10, 2)
grid = np.array([[a, b] for b in across[::-1, 1] for a in across[:, 0]], dtype=np.float32)
with torch.no_grad():
    decoded = array(kept[2, course_seed(0)].decoder(torch.tensor(grid)))
plot.show(
    plot.images(decoded.reshape(-1, 14, 14).clip(0, 1), title="The map, decoded place by place")
)

# %% [markdown]
r"""
Neighbours on the map are neighbours in looks. But there are places that show no thing at all, or two things in one: the network has never had to decode a code from there. Keep that in mind for section 7.

## 5. Denoising: mend what you have seen broken

A bottleneck is one way to forbid mere copying. Here is another (Vincent et al., 2008): **destroy part of the input, and ask for the clean picture**. The network cannot copy what is not there. It has to know what pictures are like.

We destroy in two ways. *Snow*: to each pixel add a draw from the normal distribution with mean 0 and standard deviation 0.3. *Holes*: each pixel goes to 0 with probability one half. The second is yours.
"""


# %% tags=["exercise"]
@exercise("denoising.corrupt")
def corrupt(x, share, generator):
    """Masking noise: each number of x is lost (becomes 0) with probability share.

    x : Tensor, any shape. share : from 0 to 1. generator : a torch.Generator; draw with it.
    Returns a new tensor of the same shape. What is not lost stays as it is.
    """
    ### BEGIN SOLUTION
    kept = torch.rand(x.shape, generator=generator) >= share
    return x * kept
    ### END SOLUTION


# %% [markdown]
r"""
Beside the network stand four methods that are not networks:

- a **blur**: each pixel becomes a mean of those around it;
- a **median filter**: each pixel becomes the middle one of the nine around it;
- **PCA**: go from the broken picture to the code of K numbers and back;
- the **best linear map**: of all matrices that turn a broken row into a clean one, the one with the least squared error on the training pictures, found by solving one system of equations.

The width of the blur and the K of PCA are chosen on the pictures for choosing. At the network nothing is chosen: its learning rate is that of section 3.
"""

# %%
predict(
    "denoising.other-damage",
    "The network that has learned to remove snow gets pictures with holes. What it gives back is ...",
    [
        "nearly as good as from the network for holes",
        "better than the broken picture, but far from that",
        "worse than the broken picture itself",
    ],
)
predict(
    "denoising.snow",
    "Snow, removed by the network that has learned it and by the best linear map. The error of the network is about ...",
    [
        "a tenth of the other's",
        "three quarters to nine tenths of the other's",
        "the same or larger",
    ],
)

# %%
damages = {
    "snow": lambda x, generator: x + 0.3 * torch.randn(x.shape, generator=generator),
    "holes": lambda x, generator: corrupt(x, 0.5, generator),
}


def rng_of(k):
    """A generator of PyTorch's that follows the seed of the course."""
    return torch.Generator().manual_seed(course_seed(k))


def mending(network, damage):
    """The loss of a denoising autoencoder: broken in, clean out."""
    return lambda x, generator: F.mse_loss(network(damage(x, generator)), x)


def filters(broken, width):
    """A blur of some width, and the median of nine, on rows of 14 x 14."""
    pictures = broken.reshape(-1, 14, 14)
    blurred = gaussian_filter(pictures, (0, width, width))
    return blurred.reshape(broken.shape), median_filter(pictures, (1, 3, 3)).reshape(
        broken.shape
    )


def with_one(x):
    """Rows with a column of ones, for the bias."""
    return np.concatenate([x, np.ones((len(x), 1), dtype=x.dtype)], axis=1)


errors, examples, menders = {}, {}, {}
for name, damage in damages.items():
    for seed in course_seeds(2):
        torch.manual_seed(seed)
        network = Autoencoder(196, (256,), 64)
        learn(network, mending(network, damage), learn_rows, seed, epochs=3)
        menders[name, seed] = network
for name, damage in damages.items():
    broken = array(damage(test_rows, rng_of(50)))
    practice = array(damage(torch.tensor(x_choice), rng_of(51)))
    width = min(
        (0.4, 0.6, 0.8, 1.0), key=lambda s: squared_error(filters(practice, s)[0], x_choice)
    )
    k_best = min((4, 8, 16, 32, 64), key=lambda k: squared_error(by_pca(practice, k), x_choice))
    taught = with_one(array(damage(learn_rows, rng_of(52))))
    matrix = np.linalg.lstsq(taught, x_learn, rcond=None)[0]  # (197, 196)
    blurred, median = filters(broken, width)
    linear_map = with_one(broken) @ matrix
    errors[name] = {
        "left as it is": squared_error(broken, x_test),
        f"blur, width {width}": squared_error(blurred, x_test),
        "median of nine": squared_error(median, x_test),
        f"PCA, K = {k_best}": squared_error(by_pca(broken, k_best), x_test),
        "best linear map": squared_error(linear_map, x_test),
    }
    for learned in damages:
        outputs = [
            array(menders[learned, seed](torch.tensor(broken))) for seed in course_seeds(2)
        ]
        errors[name][f"network for {learned}"] = [squared_error(out, x_test) for out in outputs]
        if learned == name:
            examples[name] = [x_test, broken, blurred, linear_map, outputs[0]]
    for method, value in errors[name].items():
        print(f"{name:>6}  {method:>18}: {np.mean(value):.4f}")

# %%
for name in damages:
    few = np.concatenate([rows[shown] for rows in examples[name]]).reshape(-1, 14, 14)
    title = f"Clean, with {name}, blurred, by the best linear map, by the network"
    plot.show(plot.images(few.clip(0, 1), title=title))

# %%
net = {
    (damage, learned): np.array(errors[damage][f"network for {learned}"])
    for damage in damages
    for learned in damages
}
rest = {
    damage: min(
        v for m, v in errors[damage].items() if "network" not in m and m != "left as it is"
    )
    for damage in damages
}
foreign = net["holes", "snow"].mean()
reveal(
    "denoising.other-damage",
    f"holes: network for snow {foreign:.4f}, network for holes {net['holes', 'holes'].mean():.4f}, left as it is {errors['holes']['left as it is']:.4f}; "
    f"snow: network for holes {net['snow', 'holes'].mean():.4f}, left as it is {errors['snow']['left as it is']:.4f}",
    0
    if foreign < 1.3 * net["holes", "holes"].mean()
    else 1
    if foreign < errors["holes"]["left as it is"]
    else 2,
)
against_linear = net["snow", "snow"] / errors["snow"]["best linear map"]
reveal(
    "denoising.snow",
    f"{against_linear.mean():.2f} times the error of the best linear map",
    0 if against_linear.mean() < 0.3 else 1 if against_linear.mean() < 0.97 else 2,
)
claim("denoising-autoencoder-removes-noise").judge(
    all(net[d, d].max() < 0.95 * rest[d] for d in damages)
    and net["holes", "snow"].min() > 2 * net["holes", "holes"].max()
    and net["snow", "holes"].min() > errors["snow"]["left as it is"],
    evidence=f"snow: trained on it {net['snow', 'snow'].mean():.4f}, best other method {rest['snow']:.4f}, trained on holes "
    f"{net['snow', 'holes'].mean():.4f}, untouched {errors['snow']['left as it is']:.4f}; holes: {net['holes', 'holes'].mean():.4f}, "
    f"{rest['holes']:.4f}, trained on snow {foreign:.4f}, untouched {errors['holes']['left as it is']:.4f} (2 seeds)",
)

# %% [markdown]
r"""
(The rows of the figures: the clean picture, the broken one, blurred, mended by the best linear map, mended by the network.) The network is the best of all methods for the damage that it was trained on. But look at the runner-up: a single matrix, which *knows the damage too*, is not far behind, and ahead of all filters. Most of the gain comes from knowing what the noise is like, and only the rest from the bend. And on the other kind of damage the knowledge can turn against its owner: the network for holes has learned that whatever is not 0 is true. It believes every speck of snow, and makes the picture *worse* than it was. A denoising autoencoder does not remove noise. It removes **the noise it was shown**.

## 6. Does it notice what it has never seen?

Here is an idea with much use in factories and hospitals. Train an autoencoder on normal examples only. What it has never seen it cannot reconstruct, so a large error means: *something is wrong here*. No anomaly is needed for training.

To measure it, keep one of the ten kinds out: train on the other nine, then give all test pictures a score. A good score is high for the kind that was kept out. Where to set the threshold of an alarm would be a matter of taste, so judge all thresholds at once: **how likely is it that a random anomaly has a higher score than a random normal picture?** That is the area under the ROC curve (AUROC), named after the curve of true against false alarms at all thresholds. It is 1 for a perfect score and one half for one that knows nothing.
"""


# %% tags=["exercise"]
@exercise("detection.roc_auc")
def roc_auc(scores, labels):
    """The share of pairs in which the anomaly has a higher score than the normal row.

    scores : ndarray, (N,). labels : ndarray, (N,), 1 for an anomaly and 0 for a normal row.
    Compare every anomaly with every normal row; a tie counts one half. Returns a number.
    """
    ### BEGIN SOLUTION
    difference = scores[labels == 1][:, None] - scores[labels == 0]  # (P, Q)
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))
    ### END SOLUTION


# %% [markdown]
r"""
Four scores, each with a code of 8 where there is a code, and nothing tuned on either side:

- the error of a **deep autoencoder** as in section 3;
- the error of **PCA**;
- an **isolation forest** (Liu, Ting and Zhou, 2008): trees that cut the data at random places; a picture that stands alone after few cuts is unusual;
- the **distance to the nearest** of 5,000 training pictures. No learning whatever.
"""

# %%
predict(
    "detection.best",
    "On average over the ten kinds that are kept out, the highest AUROC has ...",
    [
        "the deep autoencoder",
        "PCA",
        "the isolation forest",
        "the distance to the nearest picture",
    ],
)
predict(
    "detection.spread",
    "The autoencoder's AUROC, from the kind that is hardest to notice to the easiest, goes about ...",
    ["from 0.5 to 0.95", "from 0.7 to 0.8", "from 0.9 to 1.0"],
)

# %%
judged = course_rng(60).permutation(10_000)[:3000]
x_judged, y_judged = x_test[judged], y_test[judged]
texture = ((x_judged - filters(x_judged, 1.0)[0]) ** 2).mean(axis=1)  # what a blur takes away
with_texture = []  # how the score of a known picture goes with its texture
auroc = {
    name: [] for name in ("deep autoencoder", "PCA", "isolation forest", "nearest picture")
}
by_width, widths = [], (2, 4, 8, 16, 32, 64, 128)
for kind in range(10):
    known = x_learn[y_learn != kind][:12_000]
    strange = (y_judged == kind).astype(int)
    seed = course_seeds(10)[kind]
    torch.manual_seed(seed)
    network = Autoencoder(196, (128,), 8)
    learn(network, copying(network), torch.tensor(known), seed, epochs=4)
    error = array(reconstruction_error(network, torch.tensor(x_judged)))
    auroc["deep autoencoder"].append(roc_auc(error, strange))
    with_texture.append(np.corrcoef(error[strange == 0], texture[strange == 0])[0, 1])
    mean, axes = principal_axes(known[:5000], 196)
    energy = ((x_judged - mean) @ axes.T) ** 2  # (3000, 196)
    kept_energy = np.cumsum(energy, axis=1)
    left = energy.sum(axis=1, keepdims=True) - kept_energy  # error with 1, 2, ... axes
    by_width.append([roc_auc(left[:, k - 1], strange) for k in widths])
    auroc["PCA"].append(by_width[-1][widths.index(8)])
    forest = IsolationForest(n_estimators=100, random_state=seed).fit(known)
    auroc["isolation forest"].append(roc_auc(-forest.score_samples(x_judged), strange))
    _, distance = nearest_neighbours(x_judged, known[:5000])
    auroc["nearest picture"].append(roc_auc(distance, strange))

print(f"{'kept out':>12}" + "".join(f"{name:>18}" for name in auroc))
for kind in range(10):
    print(f"{names[kind]:>12}" + "".join(f"{values[kind]:18.2f}" for values in auroc.values()))

print(
    f"among known pictures, correlation of the autoencoder's score with texture: {np.mean(with_texture):.2f}"
)

# %%
plot.show(
    plot.bars(
        auroc,
        ylabel="AUROC",
        xlabel="score (bar: mean of ten kinds; whisker: hardest and easiest)",
        title="Noticing a kind that was kept out of training",
    )
)
average = {name: float(np.mean(values)) for name, values in auroc.items()}
own = np.array(auroc["deep autoencoder"])
reveal(
    "detection.best",
    ", ".join(f"{name} {value:.3f}" for name, value in average.items()),
    list(average).index(max(average, key=average.get)),
)
reveal(
    "detection.spread",
    f"from {own.min():.2f} ({names[own.argmin()]}) to {own.max():.2f} ({names[own.argmax()]})",
    int(np.argmin([abs(own.min() - low) for low in (0.5, 0.7, 0.9)])),
)
claim("autoencoders-find-anomalies").judge(
    own.max() > 0.85
    and own.min() < 0.65
    and average["nearest picture"] > average["deep autoencoder"] - 0.01,
    evidence=f"AUROC by kind kept out: autoencoder {own.min():.2f} ({names[own.argmin()]}) to {own.max():.2f} "
    f"({names[own.argmax()]}), mean {average['deep autoencoder']:.3f}; distance to the nearest training picture "
    f"{average['nearest picture']:.3f}, isolation forest {average['isolation forest']:.3f}, PCA {average['PCA']:.3f}",
)

# %% [markdown]
r"""
The whiskers are the result. For some kinds the error is a very good alarm; for others it is hardly better than a coin toss. Why? A shirt is nearly a coat and nearly a T-shirt: most of what the network has learned applies to it. **"Never seen" is not "badly reconstructed".** An autoencoder generalises, and that is exactly what is wanted everywhere else. A number below one half even means that the strange kind is *easier* to reconstruct than the known ones.

And the score mixes in something that has nothing to do with strangeness. A picture with much texture, of which a blur takes away much, is harder to reconstruct than a plain one, seen or not. The line under the table says how far the two go together, from 0, not at all, to 1.

On average the plain distance to the nearest training picture does no worse, without any training. So measure it before you build anything. What speaks for the network is the price of *one answer*: it does not need to keep the training pictures.

How about a wider code? With PCA the answer costs nothing: one decomposition holds the errors for every width, and the loop above has noted them.
"""

# %%
predict(
    "detection.width",
    "PCA's code is made wider, from 2 numbers to 128. As an alarm its error becomes ...",
    [
        "better for every kind: it knows the known ones better and better",
        "worse for every kind: it can reconstruct everything",
        "better for some kinds and worse for others",
    ],
)

# %%
plot.show(
    plot.lines(
        widths,
        {names[kind]: by_width[kind] for kind in (8, 1, 6)}
        | {"mean of all ten": np.mean(by_width, axis=0)},
        log="x",
        xlabel="numbers in PCA's code",
        ylabel="AUROC",
        title="The width of the code decides what is noticed",
    )
)
best_width = {names[kind]: widths[int(np.argmax(by_width[kind]))] for kind in range(10)}
rises = np.array([by_kind[-1] > by_kind[0] for by_kind in by_width])
reveal(
    "detection.width",
    f"higher with 128 numbers than with 2 for {rises.sum()} kinds of ten; best widths: "
    + ", ".join(f"{name} {width}" for name, width in best_width.items()),
    0
    if set(best_width.values()) == {widths[-1]}
    else 1
    if set(best_width.values()) == {widths[0]}
    else 2,
)

# %% [markdown]
r"""
No width is right for everything. Which one is best depends on the anomaly, and the anomaly is what one does not have beforehand. Whoever reports the best of many widths has tuned on the test set.

## 7. The variational autoencoder

Could an autoencoder *invent* pictures? Take a code by lot, and decode it. In section 4 you saw the difficulty: nobody told the network which codes occur, and most places of the code space mean nothing.

The **variational autoencoder** (VAE; Kingma and Welling, 2014; Rezende et al., 2014) starts from the other end, with a story of how pictures come about. Draw a code $z$, $K$ independent numbers, from the standard normal distribution; call its density $p(z)$. The decoder turns $z$ into a probability for each pixel, and so says how likely a picture $x$ is, given the code: $p(x \mid z)$. On the whole the picture then has the probability $p(x) = \int p(x \mid z)\,p(z)\,dz$, and training should make the pictures that we have likely.

The integral is hopeless: for nearly all $z$ the picture at hand is next to impossible. One has to know *where to look*. So let an encoder name, for each $x$, a small cloud of codes $q(z \mid x)$: a normal distribution with a mean and a variance of its own along each axis. Multiply and divide by it, and the integral is a mean over codes from the cloud, written $\mathbb E_q$. The logarithm of a mean is at least the mean of the logarithms (it is a curve that bends down), so

$$\log p(x) = \log \mathbb E_{q}\!\left[\frac{p(x \mid z)\,p(z)}{q(z \mid x)}\right] \;\ge\; \underbrace{\mathbb E_{q}\big[\log p(x \mid z)\big]}_{\text{how well codes from the cloud decode}} - \underbrace{\mathbb E_{q}\!\left[\log \frac{q(z \mid x)}{p(z)}\right]}_{\text{how far the cloud is from } p(z)}$$

The right side is the **evidence lower bound**, ELBO. Training makes it large, for encoder and decoder together.

- Minus the first term is the cross-entropy of notebook 02, pixel by pixel, with a brightness read as a probability. It wants clouds that are small and far apart, so that codes can be told apart.
- The second term is the **Kullback-Leibler divergence**, KL: 0 if the two distributions are the same, and larger the more the cloud says about its picture. It wants each cloud to look like the standard normal distribution.

Between them they fill the space around 0 with codes that mean something. Both terms are logarithms of probabilities, so both are counted in **nats**, the unit of the cross-entropy.

For two normal distributions the second term needs no integral. Along one axis, with mean $\mu$ and variance $\sigma^2$, it is $\frac12\,(\mu^2 + \sigma^2 - \log \sigma^2 - 1)$. The axes are independent, so their costs add up. The network gives $\log \sigma^2$, which may be any number, where a variance must be positive.

<details><summary>Where the formula comes from</summary>

Insert both densities: $\mathbb E_q\big[-\frac12\log\sigma^2 - \frac{(z-\mu)^2}{2\sigma^2} + \frac{z^2}{2}\big]$. Then use $\mathbb E_q[(z-\mu)^2] = \sigma^2$ and $\mathbb E_q[z^2] = \mu^2 + \sigma^2$.

</details>
"""


# %% tags=["exercise"]
@exercise("variational.kl")
def kl_to_standard_normal(mean, log_var):
    """What each row's cloud costs: its divergence from the standard normal, in nats.

    mean, log_var : Tensor, (N, K): centre, and logarithm of the variance, along each axis.
    Returns a Tensor, (N,): for each row the sum over its axes. Gradients must pass.
    """
    ### BEGIN SOLUTION
    return 0.5 * (mean**2 + log_var.exp() - log_var - 1).sum(dim=1)  # (N,)
    ### END SOLUTION


# %% [markdown]
r"""
**How does a gradient pass through a die?** The first term is a mean over codes *drawn* from the cloud, and the cloud depends on the encoder's weights. A random generator has no derivative. The trick, called **reparameterisation**, is to draw the noise from the standard normal distribution, which has no weights in it, and then to stretch and move it by arithmetic until it has the cloud's mean and variance. The randomness comes in from the side, and the path from the mean and the variance to the loss is open.
"""


# %% tags=["exercise"]
@exercise("variational.reparameterise")
def reparameterise(mean, log_var, generator):
    """One draw from each cloud, such that gradients reach mean and log_var.

    mean, log_var : Tensor, (N, K): centre, and logarithm of the variance along each axis.
    generator : a torch.Generator, for the noise: each number gets its own, in mean's dtype.
    Returns a Tensor, (N, K).
    """
    ### BEGIN SOLUTION
    noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)  # (N, K)
    return mean + torch.exp(log_var / 2) * noise
    ### END SOLUTION


# %% [markdown]
r"""
Is the trick needed? There is another way, which works even where nothing can be differentiated: $\nabla \mathbb E_q[f(z)] = \mathbb E_q\big[f(z)\,\nabla \log q(z)\big]$, the **score-function** estimate (REINFORCE, Williams, 1992). Here $f$ is what a code is worth, and $\nabla$ the derivative with respect to the cloud's mean $\mu$. Both ways are right on average. What differs is how much single estimates scatter.

Take $f(z) = \sum_i (z_i - 1)^2$ and a cloud with variance 1. Then $\mathbb E_q[f(z)] = \sum_i \big((\mu_i - 1)^2 + 1\big)$, and at $\mu = 0$ its derivative by $\mu_1$ is $-2$. Each of many draws gives an estimate of that number.
"""

# %%
predict(
    "variational.scatter",
    "A code of 64 numbers. The variance of the score-function estimate is, compared with the reparameterised one, ...",
    ["about the same", "about ten times as large", "more than a thousand times as large"],
)

# %%
lengths, draws = (1, 4, 16, 64), 20_000
scatter = {"through the draw": [], "score function": []}
centre = {name: [] for name in scatter}
for k in lengths:
    mean = torch.zeros(draws, k, requires_grad=True)
    z = reparameterise(mean, torch.zeros(draws, k), rng_of(k))
    worth = ((z - 1) ** 2).sum(dim=1)  # (draws,)
    worth.sum().backward()
    estimates = {
        "through the draw": array(mean.grad[:, 0]),
        "score function": array(worth * (z[:, 0] - mean[:, 0])),
    }
    for name, values in estimates.items():
        scatter[name].append(values.var())
        centre[name].append(values.mean())
plot.show(
    plot.lines(
        lengths,
        scatter,
        log="xy",
        xlabel="numbers in the code",
        ylabel="variance of one estimate",
        title="Two right estimates of one derivative",
    )
)
print(f"mean of {draws:,} estimates, and how far it is uncertain (one standard error)")
for name, values in centre.items():
    unsure = np.sqrt(np.array(scatter[name]) / draws)
    said = ", ".join(f"{v:.2f} ± {u:.2f}" for v, u in zip(values, unsure, strict=True))
    print(f"{name:>17}, codes of {', '.join(map(str, lengths))}: {said}")

# %%
times = scatter["score function"][-1] / scatter["through the draw"][-1]
reveal(
    "variational.scatter",
    f"{times:,.0f} times as large",
    int(np.argmin(np.abs(np.log(np.array([1, 10, 3000]) / times)))),
)

# %% [markdown]
r"""
Both kinds of means lie around the right number. But with a long code the score function leaves even the mean of so many draws uncertain, and a training step has a single draw for each picture. It knows only *how good* the whole code was, and blames or praises every number of it alike. The path through the draw knows in which direction each number would have been better.

Now the whole network, from three seeds. The loss is minus the ELBO. Mind the units: the pixels' part is **summed** over the pixels, the other part **summed** over the axes of the code. Then both are nats for one picture, and only so do they stand in the right proportion.
"""

# %%
predict(
    "variational.samples",
    "We decode codes from a normal distribution: in the VAE, and in a plain autoencoder (with the mean and covariances of its own codes). Whose pictures lie nearer to real ones?",
    [
        "the VAE's",
        "the plain autoencoder's: it reconstructs better",
        "no difference: the decoders are alike",
    ],
)


# %%
def vae_loss(network):
    """Minus the ELBO, with your two functions in it."""

    def loss_of(x, generator):
        mean, log_var = network.encode(x)
        logits = network.decoder(reparameterise(mean, log_var, generator))
        missed = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
        return (missed + kl_to_standard_normal(mean, log_var)).mean()

    return loss_of


vaes, vae_losses, bounds, costs = [], [], [], []
for seed in course_seeds(3):
    torch.manual_seed(seed)
    network = VAE(196, (128,), 8)
    seen = learn(network, vae_loss(network), learn_rows, seed, epochs=3)
    vaes.append(network)
    vae_losses.append(float(np.mean(seen.loss[-50:])))
    with torch.no_grad():
        logits, mean, log_var = network(test_rows, rng_of(70))
        bounds.append(float(negative_elbo(logits, test_rows, mean, log_var)))
        costs.append(float(kl_to_standard_normal(mean, log_var).mean()))
pixelwise = x_learn.mean(axis=0).clip(1e-4, 1 - 1e-4)
independent = (
    -(x_test * np.log(pixelwise) + (1 - x_test) * np.log1p(-pixelwise)).sum(axis=1).mean()
)
floor = F.binary_cross_entropy(test_rows, test_rows, reduction="none").sum(dim=1).mean()
print(f"minus ELBO on test pictures: {mean_and_spread(bounds, decimals=1)} nats")
print(f"of that for the code (KL): {mean_and_spread(costs, decimals=1)} nats")
print(
    f"without a code, each pixel's mean brightness as its probability: {independent:.1f} nats\n"
    f"each pixel's own brightness as its probability: {floor:.1f} nats"
)

# %% [markdown]
r"""
The last number is what is left when every brightness is guessed exactly. It is not 0, because a grey pixel read as a probability is uncertain by itself; so only differences of these numbers mean something. The code costs a few nats a picture, and saves more than it costs on the pixels.

Now draw. To say more than "looks nice", we measure two things, both the smaller the better.

- *How real*: the mean distance from a drawn picture to the nearest training picture.
- *How complete*: the mean distance from a test picture to the nearest drawn one. A generator that draws one perfect shoe again and again fails here.

Both favour blurred pictures, so the row of real pictures is no limit, only a measure of size. (Notebook 12 has a better measure, in a classifier's features.) The plain autoencoder gets its codes from the standard normal distribution, as the VAE does, and then, more kindly, from the normal distribution with the mean and covariances of its own codes. The baseline is PCA with such normal codes.
"""

# %%
reference, audience, count = x_learn[:8000], x_test[:1500], 1500


def fitted_normal(known, k):
    """Codes drawn from the normal distribution that has the mean and covariances of known codes."""
    root = np.linalg.cholesky(np.cov(known.T))
    return known.mean(axis=0) + course_rng(k).normal(size=(count, known.shape[1])) @ root.T


def drawn_pictures(number):
    """What each generator draws; number says which seed."""
    seed = course_seeds(3)[number]
    plain = kept[8, seed]
    standard = torch.randn(count, 8, generator=rng_of(80 + number))
    with torch.no_grad():
        plain_codes = fitted_normal(array(plain.encoder(learn_rows)), 80 + number)
        pca_codes = fitted_normal((x_learn - mean_picture) @ all_axes[:8].T, 80 + number)
        return {
            "VAE": array(vaes[number].sample(count, rng_of(80 + number))),
            "autoencoder, standard normal": array(plain.decoder(standard)).clip(0, 1),
            "autoencoder, fitted normal": array(
                plain.decoder(torch.tensor(plain_codes, dtype=torch.float32))
            ).clip(0, 1),
            "PCA, fitted normal": (pca_codes @ all_axes[:8] + mean_picture)
            .clip(0, 1)
            .astype(np.float32),
        }


real, complete = {}, {}
for number in range(3):
    drawn = drawn_pictures(number)
    if number == 0:
        first_drawn = drawn
    for name, pictures in drawn.items():
        real.setdefault(name, []).append(nearest_neighbours(pictures, reference)[1].mean())
        complete.setdefault(name, []).append(nearest_neighbours(audience, pictures)[1].mean())
others = x_learn[8000 : 8000 + count]
real["real pictures"] = [nearest_neighbours(others, reference)[1].mean()]
complete["real pictures"] = [nearest_neighbours(audience, others)[1].mean()]
for name in real:
    print(
        f"{name:>29}: how real {mean_and_spread(real[name], decimals=2)}, how complete {mean_and_spread(complete[name], decimals=2)}"
    )
plot.show(
    plot.images(
        np.concatenate([pictures[:10] for pictures in first_drawn.values()]).reshape(
            -1, 14, 14
        ),
        title="Drawn: VAE; autoencoder, standard normal; the same, fitted normal; PCA",
    )
)

# %%
vae_real, plain_real = np.array(real["VAE"]), np.array(real["autoencoder, fitted normal"])
reveal(
    "variational.samples",
    f"distance to the nearest real picture: VAE {vae_real.mean():.2f}, plain autoencoder {plain_real.mean():.2f}",
    0
    if vae_real.mean() < 0.95 * plain_real.mean()
    else 1
    if plain_real.mean() < 0.95 * vae_real.mean()
    else 2,
)
rivals = [name for name in real if name not in ("VAE", "real pictures")]
claim("vae-codes-can-be-drawn").judge(
    all(
        max(measure["VAE"]) < min(measure[name])
        for measure in (real, complete)
        for name in rivals
    ),
    evidence="distance to the nearest real picture, and from a real one to the nearest drawn: "
    + "; ".join(
        f"{name} {np.mean(real[name]):.2f}, {np.mean(complete[name]):.2f}" for name in real
    ),
)

# %% [markdown]
r"""
Read the pictures row by row. The VAE's are soft, but most are things. With a standard normal the plain autoencoder draws rubble: its codes simply do not lie there. With the right mean and covariances it gets better and is still behind; a normal distribution of the right place and width need not have the right shape, and the map of section 4 showed how odd the shapes can be. PCA draws ghosts. The VAE has been *trained* to have codes that look like what we draw from.

**From one picture to another.** Walk in a straight line from the code of one picture to that of another, and decode on the way. Beside it: the same with the plain autoencoder, and a plain cross-fade of pixels.
"""

# %%
predict(
    "variational.halfway",
    "Halfway between two pictures of different kinds. Which of the three lies nearest to real pictures?",
    ["the cross-fade of pixels", "the plain autoencoder's", "the VAE's"],
)

# %%
pairs = course_rng(90).integers(0, 10_000, (2, 700))
pairs = pairs[:, y_test[pairs[0]] != y_test[pairs[1]]]
start_rows, end_rows = (test_rows[torch.tensor(side)] for side in pairs)
halfway = {"pixels": [], "plain autoencoder": [], "VAE": []}
for number, seed in enumerate(course_seeds(3)):
    plain, vae = kept[8, seed], vaes[number]
    ways = {
        "pixels": (lambda x: x, lambda z: z),
        "plain autoencoder": (plain.encoder, plain.decoder),
        "VAE": (lambda x, vae=vae: vae.encode(x)[0], vae.decode),
    }
    with torch.no_grad():
        for name, (encode, decode) in ways.items():
            middle = decode((encode(start_rows) + encode(end_rows)) / 2)
            ends = decode(encode(start_rows))
            nearness = [
                nearest_neighbours(array(rows), reference)[1].mean() for rows in (middle, ends)
            ]
            halfway[name].append(nearness)
    if number == 0:
        walks = []
        with torch.no_grad():
            for a, b in ((5, 1), (9, 8)):  # sandal to trouser, boot to bag
                both = test_rows[torch.tensor(shown[[a, b]])]
                for encode, decode in ways.values():
                    z = encode(both)
                    steps = torch.linspace(0, 1, 10)[:, None]
                    walks.append(array(decode((1 - steps) * z[:1] + steps * z[1:])))
plot.show(
    plot.images(
        np.concatenate(walks).reshape(-1, 14, 14).clip(0, 1),
        title="From sandal to trouser, from boot to bag: by pixels, plain autoencoder, VAE",
    )
)
for name, values in halfway.items():
    middle, ends = np.mean(values, axis=0)
    print(
        f"{name:>17}: distance to the nearest real picture halfway {middle:.2f}, at the ends {ends:.2f}"
    )

# %%
middles = {name: np.mean(values, axis=0)[0] for name, values in halfway.items()}
reveal(
    "variational.halfway",
    ", ".join(f"{name} {value:.2f}" for name, value in middles.items()),
    list(middles).index(min(middles, key=middles.get)),
)

# %% [markdown]
r"""
(Three rows for each walk: pixels, plain autoencoder, VAE.) Halfway, the cross-fade shows two things at once, which no real picture does. The codes lead past pictures that are nearer to what exists. Read the second number too: at its ends, too, the VAE is nearer to "a real picture" than the others, because it blurs, and a blurred picture is near to many. So part of its lead halfway is blur. What stands out is the distance between the cross-fade and the two others.

## When it breaks

A VAE has more ways to be wrong than most networks, and nearly all of them run without an error message. Here are four.

- *pixels averaged*: the mean over the pixels where the sum belongs, as `F.binary_cross_entropy_with_logits` does if it is not told otherwise;
- *KL forgotten*: the loss is the pixels' part alone;
- *spread is the variance*: the noise is multiplied by `exp(log_var)`;
- *no noise*: the decoder gets the mean of the cloud.

The table has one line for each, and one for the right loss, all trained equally long. Its columns: the training loss at the end; the KL on test pictures; how many axes of the code are in use (a KL above 0.1 nats); minus the ELBO on test pictures, computed rightly for all; how real the drawn pictures are, as above; and how much a pixel varies from one drawn picture to the next.
"""

# %%
predict(
    "variational.averaged",
    "The pixels' part is averaged over the 196 pixels instead of summed. After training, the code ...",
    [
        "carries more than before",
        "carries about as much as before",
        "carries nothing: every picture has the same cloud",
    ],
)


# %%
def broken_loss(network, mistake):
    """The loss of the VAE with one mistake in it."""

    def loss_of(x, generator):
        mean, log_var = network.encode(x)
        z = reparameterise(mean, log_var, generator)
        if mistake == "spread is the variance":
            z = reparameterise(
                mean, 2 * log_var, generator
            )  # exp(2 log_var / 2) = exp(log_var)
        if mistake == "no noise":
            z = mean
        missed = F.binary_cross_entropy_with_logits(network.decoder(z), x, reduction="none")
        missed = missed.mean(dim=1) if mistake == "pixels averaged" else missed.sum(dim=1)
        cost = 0.0 if mistake == "KL forgotten" else kl_to_standard_normal(mean, log_var)
        return (missed + cost).mean()

    return loss_of


mistakes = ("none", "pixels averaged", "KL forgotten", "spread is the variance", "no noise")
print(
    f"{'mistake':>23}   last loss   KL (nats)   axes in use   -ELBO   how real   samples vary"
)
symptoms = {}
for mistake in mistakes:
    if mistake == "none":  # the first VAE of section 7, from the same seed
        network, last_loss = vaes[0], vae_losses[0]
    else:
        torch.manual_seed(course_seeds(3)[0])
        network = VAE(196, (128,), 8)
        loss_of = broken_loss(network, mistake)
        seen = learn(network, loss_of, learn_rows, course_seeds(3)[0], epochs=3)
        last_loss = float(np.mean(seen.loss[-50:]))
    with torch.no_grad():
        logits, mean, log_var = network(test_rows[:4000], rng_of(95))
        by_axis = np.array(
            [
                float(kl_to_standard_normal(mean[:, [k]], log_var[:, [k]]).mean())
                for k in range(8)
            ]
        )
        bound = float(negative_elbo(logits, test_rows[:4000], mean, log_var))
        samples = array(network.sample(1000, rng_of(96)))
    near = float(nearest_neighbours(samples, reference)[1].mean())
    symptoms[mistake] = (
        by_axis.sum(),
        int(np.sum(by_axis > 0.1)),
        float(samples.std(axis=0).mean()),
    )
    print(
        f"{mistake:>23}   {last_loss:9.2f}   {by_axis.sum():9.2f}   {symptoms[mistake][1]:11d}   "
        f"{bound:5.0f}   {near:8.2f}   {symptoms[mistake][2]:12.3f}"
    )

# %%
kl_right, kl_averaged = symptoms["none"][0], symptoms["pixels averaged"][0]
reveal(
    "variational.averaged",
    f"KL {kl_averaged:.3f} nats where {kl_right:.1f} is right; its samples vary by {symptoms['pixels averaged'][2]:.3f} instead of {symptoms['none'][2]:.3f}",
    2 if kl_averaged < 0.2 * kl_right else 1 if kl_averaged < 1.2 * kl_right else 0,
)

# %% [markdown]
r"""
The first column does not help: the losses cannot be compared with each other, since they are different formulas. The others show more.

- **KL near 0, no axis in use, samples all alike**: *collapse*. The code's part of the loss outweighs the pixels' part, and the cheapest way out is to say nothing. The mean over 196 pixels makes the pixels' part 196 times too light. The same happens with too large a weight $\beta$ on the KL, or with a decoder that is good enough to do without a code.
- **KL many times larger, samples less real**: nothing keeps the clouds together. The *KL was forgotten*. It is a plain autoencoder with extra work.
- **No noise**: the KL still pulls the means to 0, but codes need not tolerate their neighbours. The training loss looks better than ever; the ELBO, measured *with* noise, gives it away, and so do the samples.
- **The wrong power of the spread** is the quietest mistake of all: the network adapts $\log\sigma^2$ to what you did, and without the right line beside it nobody would suspect these numbers. A test of `reparameterise` finds it, like the one that your exercise ran.

And three that concern all autoencoders. *A code as wide as the input*, without noise: error 0, and nothing learned. *The target damaged along with the input*: the loss falls, and what is learned is to copy the damage. *Pixels from 0 to 255 in the cross-entropy*: it wants numbers from 0 to 1, and with others it falls for ever.

## Explain it back

**Q1.** A linear autoencoder with a code of 8 was trained on your data twice, from two seeds. The two encoders' weights are quite different. What has happened?

<details><summary>A. At least one of them is stuck in a local minimum.</summary>

**No.** There is none: all points with slope 0 other than the optimum are saddles. Compare their errors before you suspect it.

</details>
<details><summary>B. Nothing is wrong: they span the same space by different directions.</summary>

**Right.** An invertible matrix between encoder and decoder changes the weights and not the output. Compare the principal angles, not the weights.

</details>
<details><summary>C. The learning rate was too large.</summary>

**No.** That would show in the error. Different weights with the same error are what the theory foretells.

</details>

**Q2.** A colleague reports that a deep autoencoder reconstructs with half of PCA's error. What do you ask first?

<details><summary>A. Whether both codes have as many numbers, and whether the pictures were new to the network.</summary>

**Right.** Without the first it is no comparison, and without the second it may be memory. Next ask for other sizes of code: the gain melts as they grow.

</details>
<details><summary>B. Which optimiser was used.</summary>

**No.** That matters for how far the network got, but it cannot make the comparison unfair in the network's favour.

</details>
<details><summary>C. Whether the labels were standardised.</summary>

**No.** There are no labels in this.

</details>

**Q3.** Your autoencoder is to raise an alarm for faulty parts. On known faults its AUROC is 0.95. What may you conclude about faults of a new sort?

<details><summary>A. They will be found as well, since the network has never seen faults at all.</summary>

**No.** That is the hope that section 6 tested. A kind that resembles the known ones was reconstructed as well as those.

</details>
<details><summary>B. Little: it depends on whether the new fault is hard to reconstruct, and only a measurement tells.</summary>

**Right.** The score measures how hard a picture is, not how strange it is. For some kinds the two go together, and for others they do not.

</details>
<details><summary>C. They will be missed, since the threshold was set on other faults.</summary>

**No.** AUROC has no threshold, and a new sort may well be easier. One does not know.

</details>

**Q4.** In your VAE the KL falls to nearly 0 in the first epoch and stays there. What is the likeliest reason?

<details><summary>A. The code is too short.</summary>

**No.** A short code would be used to the full. Here it is not used at all.

</details>
<details><summary>B. The two parts of the loss are in different units: a mean over pixels beside a sum over the code.</summary>

**Right.** Then saying nothing is cheaper than anything the pixels could gain. Sum both, average over the batch only.

</details>
<details><summary>C. The reconstruction is perfect, so the code costs nothing.</summary>

**No.** A code that says something costs nats. KL 0 means that all pictures have the same cloud.

</details>

**Q5.** (From notebook 06.) Masking noise puts numbers to 0, as dropout does. Why does dropout scale up what is left, and masking noise not?

<details><summary>A. Dropout has to leave the sums unchanged for the next layer, since in use nothing is dropped; masking noise is meant to look like damage.</summary>

**Right.** The network sees the damaged picture in use, too, and its task is to undo just that.

</details>
<details><summary>B. Because pictures are at most 1, and scaling would exceed it.</summary>

**No.** That would be a nuisance, not the reason. What counts is what the network will meet in use.

</details>
<details><summary>C. It is a matter of taste; the next layer learns the factor.</summary>

**No.** A factor that is there in training and not in use cannot be learned. With dropout that would be the case.

</details>

**Q6.** (From notebook 04.) Why does `torch.normal(mean, std)` give no gradient for `mean`?

<details><summary>A. Because the normal distribution has no derivative.</summary>

**No.** Its density has one. It is the drawing that has none.

</details>
<details><summary>B. Because a drawn number is a new leaf of the graph: no operation leads from mean to it.</summary>

**Right.** The engine follows recorded operations. Write the draw as mean + spread × noise, and there are two of them.

</details>
<details><summary>C. Because it runs under `no_grad`, which can be switched off.</summary>

**No.** There is no rule to record, so switching something on does not help.

</details>

## Go further

**A project.** A factory has good parts only: train on *one* kind instead of nine, and let the other nine be the anomalies. Measure all four scores of section 6 in that setting. Who wins now, and by how much? Then try to beat the distance to the nearest picture: the distance in the *code* of an autoencoder, the VAE's ELBO as a score, an autoencoder trained with noise. Choose by some kinds, report on others.

**For the curious.** How long must the deep autoencoder with a code of 64 train, from random weights, to draw level with PCA? Plot its error against the epochs, and put the seconds beside it.

**Sources.**
K. Pearson (1901), *On lines and planes of closest fit to systems of points in space*; C. Eckart and G. Young (1936), *The approximation of one matrix by another of lower rank*.
P. Baldi and K. Hornik (1989), *Neural networks and principal component analysis: learning from examples without local minima*.
G. Hinton and R. Salakhutdinov (2006), *Reducing the dimensionality of data with neural networks*.
P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol (2008), *Extracting and composing robust features with denoising autoencoders*.
F. T. Liu, K. M. Ting and Z.-H. Zhou (2008), *Isolation forest*.
D. Kingma and M. Welling (2014), *Auto-encoding variational Bayes*; D. Rezende, S. Mohamed and D. Wierstra (2014), *Stochastic backpropagation and approximate inference in deep generative models*.
R. Williams (1992), *Simple statistical gradient-following algorithms for connectionist reinforcement learning*.
"""
