# %% [markdown]
r"""
# Transfer learning: what can be used again?

**The question.** A network that tells clothes apart began with random weights and was shown sixty thousand labelled pictures. You have five of each kind. Somebody else trained a network on a million photographs, of none of the things that you care about. Is it of any use to you? How much? And can it do harm?

**After this notebook you will be able to**

- draw a label-efficiency curve: how well a method does with five labels of each class, with twenty, with a hundred;
- use a pretrained network as it is, with a linear probe, and say from which of its layers to read;
- give a network a new head, freeze what should stay, and fine-tune the rest;
- measure what fine-tuning adds, and what the network forgets by it;
- recognise the cases in which transfer does nothing, or harm.

**Builds on** 06 Generalization: splits, groups, augmentation, weight decay; 08 PyTorch: modules, batch norm's two modes; 09 Convolution. **Time** about 90 minutes, of which your computer needs one or two.
"""

# %%
import copy
import time
from collections import OrderedDict, defaultdict

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from torch import nn
from torch.nn import functional as F

from coursekit import datasets, pictures, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.datasets import few_labels
from coursekit.metrics import mean_and_spread
from coursekit.models.efficientnet import imagenet_labels, prepared, pretrained
from coursekit.models.transfer import probe_head
from coursekit.predict import predict, reveal
from coursekit.settings import course_rng, course_seed, course_seeds
from coursekit.train.pytorch import eval_mode

# %% [markdown]
r"""
## 1. Three tasks with few labels

The tasks that we want to learn are the **targets**. There are three of them:

- **sketches**: ten kinds of things, drawn by people who had twenty seconds. Which ten of 345 is decided by chance, so that nobody could choose the easy ones;
- **emoji** of five categories: animals, food, faces, places, objects;
- **tiles** of a game: monsters, armour, weapons, floors, walls.

None of them is a photograph. All are small: 28 by 28 or 32 by 32 pixels.
"""

# %%
kinds = pictures.sketches().class_names
shuffled_kinds = [kinds[k] for k in course_rng(1).permutation(len(kinds))]
targets = {
    "sketches": pictures.sketches(shuffled_kinds[:10]),
    "emoji": pictures.emoji(
        kinds=[
            "Animals & Nature",
            "Food & Drink",
            "Smileys & Emotion",
            "Travel & Places",
            "Objects",
        ]
    ),
    "tiles": pictures.tiles(["monster", "armour", "weapon", "floor", "wall"]),
}
for name, target in targets.items():
    rng, classes = course_rng(2), range(len(target.class_names))
    each = 10 // len(classes)
    rows = np.concatenate(
        [rng.choice(np.flatnonzero(target.y == k), each, replace=False) for k in classes]
    )
    titles = [target.class_names[k].split(" & ")[0] for k in target.y[rows]]
    plot.show(plot.images(target.x[rows], titles, title=f"{name}: {len(target.x):,} pictures"))

# %% [markdown]
r"""
A method gets a few labelled pictures of each class, and is judged on others. With so few, it matters *which*. So we draw them several times; each draw is a **split**. `few_labels` (from the course's package) draws one:

```python
learn, test = few_labels(labels, [5, 20], 30, rng=rng, groups=groups)
```

`test` holds the row numbers of 30 pictures of each class. `learn[5]` holds those of five other pictures of each class, and `learn[20]` these same ones and fifteen more: the small set lies inside the big one. Many tiles are variants of one drawing (the same wall with another crack), and some emoji too. `groups` gives such twins one number, and no group is on both sides (notebook 06: leakage).

The sketches have 100 pictures a class, so 70 are the most that can be learned from when 30 are kept for the test. Of emoji and tiles we take up to 100.

**A label-efficiency curve** shows accuracy against the number of labels a class. Write the function that measures it. It does not care what the method is: `score(learn, test)` gets two arrays of row numbers, learns from the first, and returns its accuracy on the second.
"""


# %% tags=["exercise"]
@exercise("label_curve.curve")
def label_curve(score, labels, sizes, test, splits, rng, groups):
    """Accuracy with few labels, and with more: one row a split, one column a size.

    score : a function (learn, test) -> accuracy, both arrays of row numbers.
    labels : whole numbers, (N,). sizes : how many labels of each class, for example (5, 20).
    test : how many pictures of each class to be judged on. splits : how many splits, S.
    rng : draws every split: few_labels(labels, sizes, test, rng=rng, groups=groups).
    groups : whole numbers, (N,).
    Returns (S, len(sizes)). All sizes of one split have the same test pictures.
    """
    ### BEGIN SOLUTION
    found = np.empty((splits, len(sizes)))
    for s in range(splits):
        learn, tested = few_labels(labels, sizes, test, rng=rng, groups=groups)
        found[s] = [score(learn[size], tested) for size in sizes]
    return found
    ### END SOLUTION


# %% [markdown]
r"""
Before anything clever, the simple methods, on the pixels themselves: the label of the nearest picture (1-nearest neighbour), and a support vector machine with a Gaussian kernel (notebook 07). Every method of this notebook sees the same splits, and no setting of any method is chosen by their test pictures.
"""

# %%
predict(
    "transfer.pixels",
    "A support vector machine on pixels sees five sketches of each of ten kinds. Of new sketches it gets right about ...",
    ["one in ten, as by guessing", "two in five", "four in five"],
)

# %%
SIZES = {
    "sketches": (5, 20, 70),
    "emoji": (5, 20, 100),
    "tiles": (5, 20, 100),
}  # labels a class
TEST, SPLITS = 30, 3
curves = {name: {} for name in targets}  # by target and method: accuracy, (S, sizes)


def measure(name, score):
    """The label-efficiency curve of a method on a target, (S, sizes)."""
    target = targets[name]
    return label_curve(score, target.y, SIZES[name], TEST, SPLITS, course_rng(3), target.groups)


def on_features(model, x, y):
    """The score of a scikit-learn model on rows of x."""
    return lambda learn, test: model.fit(x[learn], y[learn]).score(x[test], y[test])


def table(name):
    """Print what has been measured on a target so far: mean over splits, and their standard deviation."""
    print(f"{name:<36}" + "".join(f"{size:>7} labels" for size in SIZES[name]))
    for method, found in curves[name].items():
        cells = (
            f"{100 * mean:6.1f} ± {100 * std:3.1f} "
            for mean, std in zip(found.mean(axis=0), found.std(axis=0, ddof=1), strict=True)
        )
        print(f"  {method:<34}" + "".join(f"{cell:>14}" for cell in cells))


for name, target in targets.items():
    flat = target.x.reshape(len(target.x), -1) / 255  # (N, D)
    curves[name]["1-NN, pixels"] = measure(
        name, on_features(KNeighborsClassifier(1), flat, target.y)
    )
    curves[name]["SVM, pixels"] = measure(name, on_features(SVC(C=10), flat, target.y))
    table(name)

svm = curves["sketches"]["SVM, pixels"][:, 0].mean()
reveal(
    "transfer.pixels",
    f"{100 * svm:.0f} of 100",
    0 if svm < 0.2 else 1 if svm < 0.65 else 2,
)

# %% [markdown]
r"""
The numbers are percent right on new pictures, with the standard deviation over the splits. By guessing one would get 10 on the sketches and 20 on the others. That is what there is to beat, at no cost.

## 2. A network that has seen a million photographs

EfficientNet-Lite0 was trained by its authors on ImageNet: 1.3 million photographs of a thousand kinds of things. That is the **source** task. Its weights are here, in five megabytes. It is a chain of 18 blocks. On the way the picture gets smaller and the channels more, until 1,280 numbers are left, from which a dense layer, the **head**, makes a thousand scores. Everything before the head is the **body**.

A head for a thousand kinds of photographs is of no use for emoji. But to tell a thousand kinds apart, the body must have found things worth looking at. Perhaps they are worth looking at in a drawing, too.

So show it our pictures and write down what each block answers. A block answers with C channels, each a small picture of H by W places. We take each channel's mean over its places, so that a picture becomes C numbers: its **features** at that depth. The pictures are enlarged to 64 by 64 pixels first. Since the network does not change, once is enough: the features are kept, and every probe below works on them. This takes some seconds.
"""

# %% tags=["volatile"]
SIDE = 64  # pixels
imagenet = pretrained("efficientnet_lite0").to(memory_format=torch.channels_last)  # quicker


def in_parts(module, x, at_once=50):
    """A module's answers, without gradients, some rows at a time."""
    with torch.no_grad():
        return torch.cat([module(part) for part in x.split(at_once)])


def coloured(x):
    """Grey pictures with their grey three times, as red, green and blue; coloured ones as they are."""
    return x if x.ndim == 4 else np.repeat(x[..., None], 3, axis=-1)


def look(x):
    """What each block of the network answers to pictures: a list of features (N, C), one entry a block."""
    seen = [[] for _ in imagenet.features]
    with torch.no_grad():
        for part in np.split(coloured(x), range(50, len(x), 50)):
            h = prepared(part, SIDE)  # (50, 3, 64, 64)
            for k, block in enumerate(imagenet.features):
                h = block(h)
                seen[k].append(h.mean(dim=(2, 3)))  # (50, C)
    return [torch.cat(parts).numpy() for parts in seen]


start = time.process_time()
features = {name: look(target.x) for name, target in targets.items()}
count = sum(len(target.x) for target in targets.values())
print(f"{count:,} pictures in {time.process_time() - start:.1f} s of processor time")
widths = [f.shape[1] for f in features["emoji"]]
print("features after each block:", ", ".join(map(str, widths)))

# %% [markdown]
r"""
What does it see? First its own words: the kinds of photograph that it takes some emoji for. Then we look for each emoji's nearest neighbours, once by pixels and once by the features of the last block.
"""

# %%
emoji = targets["emoji"]
queries = [int(course_rng(4).choice(np.flatnonzero(emoji.y == k))) for k in range(5)]
with torch.no_grad():
    words = imagenet(prepared(emoji.x[queries], 224)).argmax(dim=1)
for row, word in zip(queries, words, strict=True):
    print(f"{emoji.titles[row]:<28} the network says: {imagenet_labels()[word]}")


def neighbours(x):
    """For every emoji the others, the most like it first (cosine of standardised features), twins last, (N, N)."""
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    twins = emoji.groups[:, None] == emoji.groups
    return np.argsort(-np.where(twins, -np.inf, z @ z.T), axis=1)


by_pixels = neighbours(emoji.x.reshape(len(emoji.x), -1).astype(float))
by_features = neighbours(features["emoji"][-1].astype(float))
shown, above = [], []
for row in queries:
    shown += [row, *by_pixels[row, :3], *by_features[row, :3]]
    above += ["query", *["pixels"] * 3, *["features"] * 3]
plot.show(
    plot.images(
        emoji.x[shown], above, columns=7, title="Each row: an emoji, and who is nearest to it"
    )
)
for by, order in (("pixels", by_pixels), ("features", by_features)):
    alike = np.mean(emoji.y[order[:, 0]] == emoji.y)
    print(f"the nearest by {by} is of the same category: {100 * alike:.0f} %")

# %% [markdown]
r"""
By pixels, the neighbours share colour and outline. By features they more often share what they *are*, although the network has never learned from an emoji. (Its own words are mostly nonsense: it must choose one of its thousand kinds of photograph, and few emoji are among them.)

## 3. The linear probe

The cheapest way to use the features is to learn a linear function of them: a new head, and nothing else. That is a **linear probe** (Alain and Bengio, 2016). Logistic regression would do (notebook 07). Here is something that needs no training loop at all: **ridge regression**, from the features to the classes. It is least squares with a price on large weights.

Let $A$ be the features of $N$ labelled pictures, (N, D), *standardised* (each column minus its mean, divided by its standard deviation) and divided by $\sqrt D$, so that a row has length near 1 whatever $D$ is. Let $T$, (N, K), hold what we want to hear: in a picture's row a 1 for its own class and 0 elsewhere. Ridge looks for weights $W$, (D, K), that make

$$|AW - T|^2 + \alpha |W|^2$$

as small as possible; $|\cdot|^2$ is the sum of the squares of all entries, and $\alpha$ the price. The known solution, $W = (A^\top A + \alpha I)^{-1} A^\top T$, has a matrix of size $D \times D$ in it. But we have only a few pictures and many features: $N$ is much smaller than $D$. The same $W$ can be written with a matrix of size $N \times N$:

$$W = A^\top (A A^\top + \alpha I)^{-1} T .$$

<details><summary>Why are the two the same?</summary>

Multiply $A^\top (A A^\top + \alpha I) = (A^\top A + \alpha I) A^\top$ (both are $A^\top A A^\top + \alpha A^\top$) from the left by $(A^\top A + \alpha I)^{-1}$ and from the right by $(A A^\top + \alpha I)^{-1}$.

</details>

A new picture's scores are its features, standardised *in the same way*, times $W$; the largest names its class. One thing to watch: among few pictures some features never vary. Their standard deviation is 0, and they must only be centred.
"""


# %% tags=["exercise"]
@exercise("probe.scores")
def linear_probe(features, labels, others, alpha=1.0):
    """Scores of other pictures by a ridge regression from features to classes.

    features : (N, D), of the pictures whose labels are known.
    labels : whole numbers from 0 to K - 1, (N,); every class is there.
    others : (M, D), the pictures to be scored.
    Returns (M, K), the scores.
    """
    ### BEGIN SOLUTION
    n, d = features.shape
    mean, std = features.mean(axis=0), features.std(axis=0)
    std = np.where(std > 0, std, 1)
    a = (features - mean) / std / np.sqrt(d)  # (N, D)
    k = labels.max() + 1
    wanted = np.eye(k)[labels]  # (N, K)
    w = a.T @ np.linalg.solve(a @ a.T + alpha * np.eye(n), wanted)  # (D, K)
    return (others - mean) / std / np.sqrt(d) @ w
    ### END SOLUTION


# %%
predict(
    "transfer.probe",
    "Five labels a class, linear probe on the network's last features, against the SVM on pixels:",
    [
        "the probe is far ahead on all three targets",
        "it depends: ahead on one or two targets, level or behind on another",
        "the SVM is ahead on all three: drawings are no photographs",
    ],
)


# %%
def probe_on(x, y):
    """The score of a linear probe on features x."""
    x = x.astype(np.float64)
    return lambda learn, test: float(
        np.mean(linear_probe(x[learn], y[learn], x[test]).argmax(axis=1) == y[test])
    )


LAST = len(imagenet.features) - 1
for name, target in targets.items():
    curves[name]["probe, last block"] = measure(name, probe_on(features[name][LAST], target.y))
    table(name)
lead = {
    name: (curves[name]["probe, last block"] - curves[name]["SVM, pixels"])[:, 0]
    for name in targets
}
ahead = [gains.mean() > 0.04 for gains in lead.values()]
reveal(
    "transfer.probe",
    "probe minus SVM with five labels: "
    + ", ".join(f"{name} {100 * gains.mean():+.1f} points" for name, gains in lead.items()),
    0 if all(ahead) else 2 if all(gains.mean() < 0 for gains in lead.values()) else 1,
)

# %% [markdown]
r"""
So a network that has seen a million photographs can be *worse* than pixels. If we stopped here, we would write: "transfer from photographs to tiles does not work". But the last block is only one of eighteen.

## 4. From which layer?

The last block was trained to serve one purpose: a thousand kinds of photographs. The first blocks see edges and colours, which every picture has. It is often said that **early layers are general and late layers are specific** (Yosinski et al., 2014). Then the best features for another task should come from somewhere between: high enough to say something, not so high that they speak of nothing but photographs.

Measure it: a linear probe after each block.
"""

# %%
predict(
    "transfer.depth",
    "Twenty labels a class. As one reads from deeper and deeper blocks, the probe's accuracy ...",
    [
        "rises to the last block",
        "rises, is best some blocks before the end, and falls again",
        "is best in the first third, and falls from there: only edges and colours transfer",
    ],
)

# %%
depths = range(len(imagenet.features))
by_depth = {
    name: np.array(
        [measure(name, probe_on(features[name][k], target.y))[:, 1] for k in depths]
    ).T
    for name, target in targets.items()
}  # (S, blocks), with 20 labels
axes = plot.lines(
    [k + 1 for k in depths],
    by_depth,
    xlabel="block after which the probe reads",
    ylabel="accuracy with 20 labels a class",
    title="How deep to read",
)
axes.set_xticks([1, *range(3, len(depths) + 1, 3)])
plot.show(axes)
best_block = {name: int(found.mean(axis=0).argmax()) for name, found in by_depth.items()}
print("best block:", ", ".join(f"{name} {k + 1}" for name, k in best_block.items()))
middle = np.mean(list(best_block.values()))
reveal(
    "transfer.depth",
    f"best after block {middle + 1:.0f} of {len(depths)}, on average over the targets",
    2 if middle < len(depths) / 3 else 1 if middle < 0.92 * LAST else 0,
)

# %% [markdown]
r"""
On all three targets: poor at first, best somewhere behind the middle, and worse again at the very end, in the features that everybody uses.

Which block should we use, then? Not the best one in this figure: it was measured on the test pictures. Choosing by them would be choosing by luck (notebook 06). So choose where nothing of this is measured: on ten *other* kinds of sketches. What they say goes for all three targets, emoji and tiles too. (The price $\alpha$ stays 1 in the whole notebook, and the support vector machine's $C$ stays 10.)
"""

# %%
other = pictures.sketches(shuffled_kinds[10:20])
few = np.concatenate([np.flatnonzero(other.y == k)[:50] for k in range(10)])
elsewhere = look(other.x[few])


def chosen_by(depth):
    """Mean accuracy of a probe after a block, on kinds of sketches that are no target."""
    score = probe_on(elsewhere[depth], other.y[few])
    return label_curve(
        score, other.y[few], (5, 20), TEST, SPLITS, course_rng(5), other.groups[few]
    ).mean()


DEPTH = int(np.argmax([chosen_by(depth) for depth in depths]))
print(f"chosen on other kinds of sketches: block {DEPTH + 1}")
for name, target in targets.items():
    curves[name]["probe, chosen block"] = measure(
        name, probe_on(features[name][DEPTH], target.y)
    )
    table(name)

# %%
ahead = {
    name: found["probe, chosen block"] - found["probe, last block"]
    for name, found in curves.items()
}


def in_points(values):
    """Differences for each number of labels, in points."""
    return " / ".join(f"{100 * v:+.1f}" for v in values.mean(axis=0))


print("probe at the chosen block over the last, in points, with few / more / most labels:")
for name, gains in ahead.items():
    print(f"  {name:<10} {in_points(gains)}")

# %% [markdown]
r"""
The chosen block is ahead of the last: so much for "late is specific". "Early is general" is still open. The early blocks were poor; but that everybody can use edges does not mean that edges are *enough*. To test it one needs two networks, trained on different things, and the same question at each layer: does it matter which of the two one reads from? Section 6 builds them.

## 5. The honest opponent: from scratch

Nothing says yet that all this beats a small network that learns from our few pictures alone. Such a comparison is easily bent: train the opponent too briefly, and transfer looks wonderful. So our opponent gets three things: shifted copies of its pictures (augmentation, notebook 06), a learning rate that was tried out on other kinds of sketches (as the probe's block was), and enough steps. Whether they are enough is measured below.

It is small, like the networks of notebook 09: three convolutions that each halve the picture, with batch norm, and a head.
"""


# %%
RATE = 0.01
STEPS = {25: 80, 50: 120, 100: 160, 200: 250, 500: 250, 700: 300}  # by pictures to learn from
WATCHED = (5, 10, 20, 30, 45, 60, 80, 110, 150, 200, 250)  # steps, with 20 labels a class


def small_network(classes, channels, seed):
    """Three convolutions that halve the picture, and a dense head."""
    torch.manual_seed(course_seed(seed))

    def layer(c_in, c_out):
        return nn.Sequential(
            nn.Conv2d(c_in, c_out, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(),
        )

    return nn.Sequential(
        OrderedDict(
            conv1=layer(channels, 16),  # (N, 16, 14, 14), or 16 by 16 from 32 pixels
            conv2=layer(16, 32),  # (N, 32, 7, 7)
            conv3=layer(32, 64),  # (N, 64, 4, 4)
            flat=nn.Flatten(),  # (N, 1024)
            head=nn.Linear(1024, classes),
        )
    )


def to_tensor(x):
    """Pictures as a network takes them: (N, C, H, W), from 0 to 1."""
    x = torch.tensor(x).float() / 255
    return x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous()


def shifted(x, rng, most=2):
    """A batch of pictures, moved by up to two pixels."""
    down, right = rng.integers(0, 2 * most + 1, size=2)
    height, width = x.shape[2:]
    return F.pad(x, [most] * 4)[:, :, down : down + height, right : right + width]


def train(network, x, y, steps, seed, *, weights=None, move=shifted, batch=32, watch=None):
    """Train a network in the modes that its layers are in; watch(step) is called along the way."""
    rng = np.random.default_rng(course_seed(seed))
    optimizer = torch.optim.AdamW(
        weights or network.parameters(), lr=RATE, weight_decay=0.01, fused=True
    )
    rates = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rates, total_steps=steps, pct_start=0.15
    )
    for step in range(steps):
        rows = rng.integers(len(x), size=min(batch, len(x)))
        optimizer.zero_grad()
        F.cross_entropy(network(move(x[rows], rng)), y[rows]).backward()
        optimizer.step()
        schedule.step()
        if watch:
            watch(step + 1)
    return network


def hit_rate(network, x, y):
    """The share of pictures that a network gets right; its layers' modes stay as they are."""
    with eval_mode(network):
        return (in_parts(network, x, 500).argmax(dim=1) == y).float().mean().item()


tensors = {name: (to_tensor(t.x), torch.tensor(t.y)) for name, t in targets.items()}


def training(name, begin, *, longer=1, histories=None):
    """The score of a network that is begin(seed) at first, and learns from a few pictures of a target."""
    (x, y), seeds = tensors[name], iter(range(100, 200))

    def score(learn, test):
        seed, size = next(seeds), len(learn) // len(targets[name].class_names)
        network, history = begin(seed), []

        def watch(step):
            if step in WATCHED:
                history.append(hit_rate(network, x[test], y[test]))

        watching = watch if histories is not None and size == 20 else None
        train(network, x[learn], y[learn], longer * STEPS[len(learn)], seed, watch=watching)
        if history:
            histories.append(history)
        return hit_rate(network, x[test], y[test])

    return score


def from_scratch(name):
    """How to begin with random weights, for a target."""
    channels = tensors[name][0].shape[1]
    return lambda seed: small_network(len(targets[name].class_names), channels, seed)


histories = defaultdict(list)  # by source: accuracy at the steps watched, with 20 labels
for name in targets:
    kept = histories["nothing"] if name == "sketches" else None
    curves[name]["small network, from scratch"] = measure(
        name, training(name, from_scratch(name), histories=kept)
    )

# %% [markdown]
r"""
Was it trained long enough? Give it twice the steps, on the sketches, with twenty labels. What it gains must be well below the distance that we shall speak of, or the comparison is unfair.
"""

# %%
once = curves["sketches"]["small network, from scratch"]
drawn = targets["sketches"]
twice = label_curve(
    training("sketches", from_scratch("sketches"), longer=2),
    drawn.y,
    (20,),
    TEST,
    SPLITS,
    course_rng(3),
    drawn.groups,
)
print(
    f"20 labels, {STEPS[200]} steps: {mean_and_spread(once[:, 1], percent=True)}, "
    f"{2 * STEPS[200]} steps: {mean_and_spread(twice[:, 0], percent=True)}"
)
distance = (curves["sketches"]["probe, chosen block"] - once)[:, 1].mean()
print(
    f"gained by twice the steps: {100 * (twice[:, 0] - once[:, 1]).mean():+.1f} points; "
    f"the probe at the chosen block is {100 * distance:.1f} points away"
)

# %% [markdown]
r"""
Longer training would bring it nearer, but not to the probe. (It would also double the wait. For a paper one would wait.) Now everybody side by side. First a guess.
"""

# %%
predict(
    "transfer.labels",
    "The probe at the chosen block has five sketches of each kind. The small network from scratch needs, to do as well, about ...",
    ["five too, or six", "about twice as many", "three times as many, or more still"],
)

# %%
METHODS = (
    "1-NN, pixels",
    "SVM, pixels",
    "small network, from scratch",
    "probe, last block",
    "probe, chosen block",
)
figure, axes = plt.subplots(1, 3, figsize=(11.4, 4.2), sharey=True)
for ax, name in zip(axes, targets, strict=True):
    shown = {method: curves[name][method] for method in METHODS}
    plot.lines(
        SIZES[name],
        shown,
        xlabel="labels a class",
        ylabel="accuracy",
        title=name,
        log="x",
        ax=ax,
    )
    ax.set_xticks(SIZES[name], [str(size) for size in SIZES[name]])
    ax.get_legend().remove()
axes[1].legend(loc="upper left", fontsize=8)  # where there is room for it
plot.show(figure)
for name in targets:
    table(name)


def labels_needed(name, method, level):
    """With how many labels a class a method reaches an accuracy, read off its curve on a logarithmic axis."""
    sizes, curve = (
        np.array(SIZES[name]),
        np.maximum.accumulate(curves[name][method].mean(axis=0)),
    )
    if level > curve[-1]:
        return np.inf
    return float(np.exp(np.interp(level, curve, np.log(sizes))))


def in_words(name, labels):
    """A number of labels, or that there are not enough of them."""
    return f"more than {SIZES[name][-1]}" if np.isinf(labels) else f"{labels:.0f}"


level = {name: curves[name]["probe, chosen block"][:, 0].mean() for name in targets}
print()
for name in targets:
    needs = ", ".join(
        f"{method} {in_words(name, labels_needed(name, method, level[name]))}"
        for method in METHODS[:3]
    )
    print(f"{name}: the probe's accuracy with 5 labels takes: {needs}")

scratch_needs = labels_needed("sketches", METHODS[2], level["sketches"])
reveal(
    "transfer.labels",
    f"{in_words('sketches', scratch_needs)} labels a class",
    0 if scratch_needs < 7 else 1 if scratch_needs < 13 else 2,
)

# %%
needed, most = (
    {},
    {},
)  # by target: labels that the best opponent needs; the probe's lead with most labels
for name, found in curves.items():
    needed[name] = min(labels_needed(name, method, level[name]) for method in METHODS[:3])
    best = max(found[method].mean(axis=0)[-1] for method in METHODS[:3])
    most[name] = found["probe, chosen block"].mean(axis=0)[-1] - best
claim("pretraining-needs-fewer-labels").judge(
    min(needed["sketches"], needed["emoji"]) > 10 and most["tiles"] < 0.04 < most["emoji"],
    evidence="the best of the others needs, to be level with a probe that has 5 labels a class, "
    + ", ".join(f"{in_words(name, labels)} on {name}" for name, labels in needed.items())
    + "; the probe's lead with the most labels, in points: "
    + ", ".join(f"{name} {100 * lead:+.1f}" for name, lead in most.items()),
)

# %% [markdown]
r"""
So how many labels does pretraining save? On sketches and emoji the others need several times as many, and even the most labels that we have do not close the distance. On the tiles less is saved, and with a hundred labels a class the best of those who have seen nothing but tiles is level with the network that has seen a million photographs. "Fewer labels" **depends** on the task, and a figure such as this one is the only way to know. On the sketches the distance shrinks to the right: what the source knows is worth most to those who know least.

## 6. Surgery: a source of our own

What makes a good source? To find out, we need sources that differ in little else than what they show. So train two, with the same small network, the same number of pictures and the same steps:

- one on 8,000 pictures of **clothes** (Fashion-MNIST, ten kinds);
- one on 8,000 **other sketches**, of eighty kinds that are not among our ten.

Both are 28 by 28 and grey. (They do differ in one more thing, eighty kinds against ten: there are only a hundred pictures of each kind of sketch.) The target is our ten kinds of sketches. One source is near to it, the other far.
"""

# %%
fashion = datasets.load("fashion_mnist")
others = pictures.sketches(shuffled_kinds[20:100])
clothes_x, clothes_y = to_tensor(fashion.x_train[:8000]), torch.tensor(fashion.y_train[:8000])
clothes_test = to_tensor(fashion.x_test[:1000]), torch.tensor(fashion.y_test[:1000])
sources = {
    "clothes": train(small_network(10, 1, 30), clothes_x, clothes_y, 300, 30, batch=64).eval(),
    "other sketches": train(
        small_network(80, 1, 30), to_tensor(others.x), torch.tensor(others.y), 300, 30, batch=64
    ).eval(),
}
print(
    f"the first tells new clothes apart: {100 * hit_rate(sources['clothes'], *clothes_test):.1f} %"
)

# %% [markdown]
r"""
To use a source for another task we need two operations. The first: its head speaks of clothes, ten scores for ten kinds of them. Take a **copy** of the network and give the copy a new head, with random weights and as many outputs as there are new classes. The source itself must stay as it is: we need it again. In this course the head is always the *last child* of the network:

```python
name, head = list(network.named_children())[-1]
```

`setattr(network, name, layer)` puts another layer in its place.
"""


# %% tags=["exercise"]
@exercise("transfer.replace_head")
def replace_head(network, classes):
    """A copy of the network with a new last child: a dense layer for so many classes.

    network : an nn.Module whose last child is an nn.Linear; it stays unchanged.
    The copy shares no weights with it. The new head takes as many features as the old one.
    """
    ### BEGIN SOLUTION
    copied = copy.deepcopy(network)
    last, old = list(copied.named_children())[-1]
    setattr(copied, last, nn.Linear(old.in_features, classes, bias=old.bias is not None))
    return copied
    ### END SOLUTION


# %% [markdown]
r"""
The second operation keeps layers from changing: **freezing**. Their weights must get no gradients. But weights are not everything that changes in training: batch norm keeps running means and variances, and updates them in every forward pass in training mode, with or without gradients (notebook 08). A frozen layer must not do that either.
"""


# %% tags=["exercise"]
@exercise("freezing.freeze")
def freeze(module):
    """Keep a module, and everything inside it, from changing in training. Returns the same module.

    No weight of it gets a gradient, and its batch norms keep their running statistics.
    """
    ### BEGIN SOLUTION
    for weight in module.parameters():
        weight.requires_grad = False
    module.eval()
    return module
    ### END SOLUTION


# %% [markdown]
r"""
With these two there are three ways to use a source:

- **frozen**: the body stays, only the new head learns. This is what a probe does, so we compute it by your `linear_probe`;
- **fine-tuned**: everything goes on learning, body and head, from where the source ended;
- **from scratch**: not at all.

And one more frozen body, so that we know what training the source was good for: a random one that nobody trained.
"""

# %%
predict(
    "transfer.negative",
    "A source that was trained on clothes, frozen, with a probe on top. For sketches it is ...",
    [
        "better than a network from scratch",
        "about as good",
        "worse than a network from scratch",
    ],
)


# %%
def layer_features(network, k):
    """What the first k children of a network answer to the sketches, (N, D)."""
    layers = nn.Sequential(*list(network.children())[:k], nn.Flatten())
    with eval_mode(layers):
        return in_parts(layers, x_sketch, 500).numpy()


def fine_tuned(source):
    """How to begin with the weights of a source and a new head."""

    def begin(seed):
        torch.manual_seed(course_seed(seed))
        return replace_head(sources[source], 10).train()

    return begin


x_sketch, y_sketch = tensors["sketches"]
on_sketches = curves["sketches"]
bodies = {"nothing": small_network(10, 1, 40), **sources}
for source, network in bodies.items():
    on_sketches[f"frozen, learned {source}"] = measure(
        "sketches", probe_on(layer_features(network, 3), targets["sketches"].y)
    )
for source in sources:
    on_sketches[f"fine-tuned, learned {source}"] = measure(
        "sketches",
        training("sketches", fine_tuned(source), histories=histories[source]),
    )
axes = plot.lines(
    SIZES["sketches"],
    {
        "from scratch": once,
        **{
            f"{way}: {source}": on_sketches[f"{way}, learned {source}"]
            for way in ("frozen", "fine-tuned")
            for source in sources
        },
    },
    xlabel="labels a class",
    ylabel="accuracy on sketches",
    title="Two sources of our own",
    log="x",
)
axes.set_xticks(SIZES["sketches"], [str(size) for size in SIZES["sketches"]])
plot.show(axes)
table("sketches")

# %%
gap = {
    (way, source): on_sketches[f"{way}, learned {source}"] - once
    for way in ("frozen", "fine-tuned")
    for source in sources
}
harm = gap["frozen", "clothes"].mean()
reveal(
    "transfer.negative",
    f"{100 * harm:+.1f} points, averaged over all sizes and splits",
    0 if harm > 0.02 else 1 if harm > -0.02 else 2,
)

claim("transfer-always-helps").judge(
    gap["frozen", "clothes"][:, 1:].mean() < -0.03,
    evidence="points over the same network from scratch, with 5 / 20 / 70 labels: "
    + "; ".join(f"{way}, from {source} {in_points(v)}" for (way, source), v in gap.items()),
)

# %% [markdown]
r"""
This is **negative transfer**. The frozen body that knows clothes is better than a random one (see the table), so it did carry something over. It is worse than no transfer at all: what it sees in a picture is not what sketches need, and frozen it cannot learn to see it. Fine-tuned from the same start, the harm is gone, and with it most of the influence of the source. The near source is another matter, above all with five labels.

So a good source is large, or near; ours of clothes is neither.

**General, and specific to what?** Now the question that section 4 left open. Two networks, alike in build, one trained on clothes, one on other sketches. Read from each after its first layer, after its second, after its third, with a probe for our sketches. (This probe sees all numbers of a layer, not means over places: the networks are small.) If a layer is *general*, it does not matter what the network was trained on.
"""

# %%
predict(
    "transfer.layers",
    "How far is the body that knows other sketches ahead of the one that knows clothes?",
    [
        "by about as much after each of the three layers",
        "hardly after the first layer, clearly after the third",
        "clearly after the first layer, hardly after the third",
    ],
)

# %%
by_layer = {
    source: np.stack(
        [
            measure("sketches", probe_on(layer_features(network, k), targets["sketches"].y))
            for k in (1, 2, 3)
        ],
        axis=1,
    )
    for source, network in sources.items()
}  # (S, layers, sizes)
axes = plot.lines(
    [1, 2, 3],
    {f"trained on {source}": found[:, :, 1] for source, found in by_layer.items()},
    xlabel="layer after which the probe reads",
    ylabel="accuracy on sketches, 20 labels a class",
    title="Early layers hardly differ, late ones do",
)
axes.set_xticks([1, 2, 3])
plot.show(axes)
nearer = (by_layer["other sketches"] - by_layer["clothes"]).mean(axis=(0, 2))  # (layers,)
reveal(
    "transfer.layers",
    "ahead after layer 1 / 2 / 3: " + " / ".join(f"{100 * v:+.1f}" for v in nearer) + " points",
    1 if nearer[2] > nearer[0] + 0.03 else 2 if nearer[0] > nearer[2] + 0.03 else 0,
)
claim("early-general-late-specific").judge(
    nearer[2] > max(2 * abs(nearer[0]), 0.04)
    and all(gains.mean() > 0.02 for gains in ahead.values()),
    evidence="a source of sketches over one of clothes, points after layers 1, 2, 3: "
    + ", ".join(f"{100 * v:+.1f}" for v in nearer)
    + "; ImageNet network, chosen block over the last: "
    + ", ".join(f"{name} {100 * gains.mean():+.1f}" for name, gains in ahead.items()),
)

# %% [markdown]
r"""
After the first layer it makes little difference which of the two one reads from: edges are edges, whoever learned them. After the third it makes much. Note that a layer is specific *to something*: the third layer of the near source serves our sketches well.

**Is it at least faster?** Here is the accuracy along the way, with twenty labels, for the three ways to begin.
"""

# %%
predict(
    "transfer.faster",
    "Fine-tuning from the other sketches gets to nine tenths of what the network from scratch ends with ...",
    ["in about as many steps", "in less than half of the steps", "later"],
)

# %%
paths = {source: np.array(found) for source, found in histories.items()}  # (S, steps watched)
plot.show(
    plot.lines(
        WATCHED,
        {
            f"learned {source} before" if source != "nothing" else "from scratch": path
            for source, path in paths.items()
        },
        xlabel="steps",
        ylabel="accuracy on new sketches",
        title="Twenty labels a class: who is there first",
        log="x",
    )
)
level_to_reach = 0.9 * paths["nothing"].mean(axis=0)[-1]


def steps_to(path):
    """The first step watched at which the mean over the splits reaches the level."""
    reached = np.flatnonzero(path.mean(axis=0) >= level_to_reach)
    return WATCHED[reached[0]] if len(reached) else np.inf


first = {source: steps_to(path) for source, path in paths.items()}
evidence = f"steps to {100 * level_to_reach:.0f} %: " + ", ".join(
    f"{'from scratch' if source == 'nothing' else 'after ' + source} {steps}"
    for source, steps in first.items()
)
share = first["other sketches"] / first["nothing"]
reveal("transfer.faster", evidence, 1 if share < 0.5 else 0 if share <= 1 else 2)
claim("pretraining-converges-faster").judge(
    first["other sketches"] <= 0.6 * min(first["nothing"], first["clothes"]),
    evidence=evidence,
)

# %% [markdown]
r"""
The near source saves most of the steps. The far one is ahead in the first steps, too, but on the way to the level that we asked for it saves less; how much, and whether anything at all, differs from draw to draw.

## 7. Fine-tuning the large network

The probe left the large network as it was. Would it be better still if its body learned too? To train all of it on this computer would take minutes for each split. But its early layers are the general ones. So freeze them, and let two blocks learn: the one that the probe reads from, and the one before it. What the frozen blocks answer to each picture is computed once and kept, as before.

Where should the new head begin? With random weights, its first gradients are large and meaningless, and they go straight into the body that we wanted to keep (Kumar et al., 2022). The remedy costs nothing: begin with the probe. `probe_head` from the course's package makes a dense layer of it. So at step 0 the network *is* the probe, and whatever it gains is what fine-tuning adds.
"""

# %%
predict(
    "transfer.tuning",
    "On the sketches, what does fine-tuning the upper blocks add to the probe?",
    [
        "clear gains, with 5 labels as with 70: a body that may learn is better than one that may not",
        "little or nothing with 70 labels, and with 5 it rather harms",
        "with few labels it ruins the network: far below the probe",
    ],
)

# %%
BELOW = DEPTH - 1  # blocks that stay frozen
TUNING = {50: 12, 200: 30, 700: 70}  # steps, by pictures to learn from
lower = freeze(imagenet.features[:BELOW])
enlarged = prepared(coloured(targets["sketches"].x), SIDE)
kept_maps = in_parts(lower, enlarged)  # (N, C, H, W)
probed = features["sketches"][DEPTH]


def upper_blocks(head):
    """A copy of the two blocks above the frozen ones, the mean over all places, and a head."""
    blocks = {f"block{k + 1}": imagenet.features[k] for k in range(BELOW, DEPTH + 1)}
    chain = OrderedDict(**blocks, pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), head=head)
    return copy.deepcopy(nn.Sequential(chain)).eval()  # eval: batch norm keeps its statistics


def tuning(learn, test):
    """Accuracy on sketches, fine-tuned from the probe at a tenth of the rate."""
    network = upper_blocks(probe_head(probed[learn], targets["sketches"].y[learn]))
    train(
        network,
        kept_maps[learn],
        y_sketch[learn],
        TUNING[len(learn)],
        50,
        weights=[{"params": list(network.parameters()), "lr": RATE / 10}],
        move=lambda x, rng: x,  # what was kept cannot be shifted
    )
    return hit_rate(network, kept_maps[test], y_sketch[test])


free = sum(
    w.numel() for k in range(BELOW, DEPTH + 1) for w in imagenet.features[k].parameters()
)
print(f"{free:,} weights in blocks {BELOW + 1} and {DEPTH + 1}, which learn")
on_sketches["large network, fine-tuned"] = measure("sketches", tuning)
table("sketches")
gain = on_sketches["large network, fine-tuned"] - on_sketches["probe, chosen block"]
few_gain, many_gain = gain[:, 0].mean(), gain[:, -1].mean()
reveal(
    "transfer.tuning",
    f"points over the probe with 5 / 20 / 70 labels: {in_points(gain)}",
    0 if min(few_gain, many_gain) > 0.03 else 2 if min(few_gain, many_gain) < -0.12 else 1,
)

# %%
claim("fine-tuning-beats-the-probe").judge(
    few_gain < 0.01 and many_gain > few_gain,
    evidence=f"sketches, points over the linear probe with 5 / 20 / 70 labels: {in_points(gain)}; "
    f"with 5 labels better in {int((gain[:, 0] > 0).sum())} of {SPLITS} splits",
)

# %% [markdown]
r"""
Few pictures to learn from, and hundreds of thousands of weights to spoil: with five labels a class, what fine-tuning changes is mostly for the worse. (On other kinds of sketches we also tried twice the steps, three blocks in place of two, and a third of the rate: the picture was much the same. The lower the rate, the less the harm; in the limit fine-tuning does nothing, and one has the probe.) With seventy it has stopped harming. So where is the great gain that one reads about? It needs more than we have: more pictures, and shifted ones, which our trick of keeping the frozen blocks' answers does not allow. The experiment does not say "never fine-tune". It says: have the probe beside it, always. It costs a fraction of a second, and it is hard to beat when labels are few.

## 8. Forgetting

Fine-tuning uses the weights again, and overwrites them. What becomes of the old task? Give the fine-tuned body its *old* head back, and ask it about clothes. That networks lose what they knew as soon as they learn something else is called **catastrophic forgetting** (McCloskey and Cohen, 1989).

A remedy is often proposed: early layers are the more general, so let them learn slowly and the late ones fast. **Discriminative rates** (Howard and Ruder, 2018): the head gets the rate $\eta$, the layer before it $\eta\,\rho$, the one before that $\eta\,\rho^2$, and so on, with a decay $\rho$ below 1. An optimiser of PyTorch takes such a wish as a list of dictionaries, one for each group of weights:

```python
torch.optim.AdamW([{"params": [...], "lr": 0.001}, {"params": [...], "lr": 0.01}])
```
"""


# %% tags=["exercise"]
@exercise("rates.layers")
def layer_rates(network, lr, decay):
    """Groups for an optimiser, first layer first: the head learns at lr, each layer before it at
    decay times the rate of the next.

    A layer is a child of the network. Children without weights that learn (a Flatten, or what is
    frozen) get no group and do not count.
    Returns a list of {"params": list of weights, "lr": rate}.
    """
    ### BEGIN SOLUTION
    layers = [
        [w for w in child.parameters() if w.requires_grad] for child in network.children()
    ]
    layers = [weights for weights in layers if weights]
    n = len(layers)
    return [
        {"params": weights, "lr": lr * decay ** (n - 1 - k)} for k, weights in enumerate(layers)
    ]
    ### END SOLUTION


# %% [markdown]
r"""
Five ways to teach sketches, with twenty labels a class, to the network that knows clothes. In some of them batch norm keeps the statistics that it had. And since slow early layers mean less change in all, there must be an opponent that changes little without any such pattern: a fifth of the rate for every layer.
"""

# %%
predict(
    "transfer.forgetting",
    "The network knew most of the clothes. After it has been fine-tuned on 200 sketches in the usual way, it recognises of them ...",
    [
        "nearly as many as before",
        "clearly fewer, but far more than by guessing",
        "one in ten: as by guessing",
    ],
)


# %%
def keep_statistics(network):
    """Put all batch norms of a network into eval mode."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()


SHORT = 120  # steps
WAYS = {  # rate of the head, its decay from layer to layer, and whether batch norm keeps its statistics
    "one rate for all": (RATE, 1.0, False),
    "one rate, statistics kept": (RATE, 1.0, True),
    "rates x 0.3 a layer, statistics kept": (RATE, 0.3, True),
    "a fifth for all, statistics kept": (RATE / 5, 1.0, True),
}
knew = hit_rate(sources["clothes"], *clothes_test)
now, before = defaultdict(list), defaultdict(list)
for seed in course_seeds(SPLITS):
    learn, test = few_labels(targets["sketches"].y, [20], TEST, rng=np.random.default_rng(seed))
    for way, (rate, decay, statistics) in WAYS.items():
        network = fine_tuned("clothes")(seed)
        if statistics:
            keep_statistics(network)
        train(
            network,
            x_sketch[learn[20]],
            y_sketch[learn[20]],
            SHORT,
            seed,
            weights=layer_rates(network, rate, decay),
        )
        now[way].append(hit_rate(network, x_sketch[test], y_sketch[test]))
        old = nn.Sequential(*list(network.children())[:-1], sources["clothes"].head)
        before[way].append(hit_rate(old, *clothes_test))
    frozen = probe_on(layer_features(sources["clothes"], 3), targets["sketches"].y)
    now["frozen body"].append(frozen(learn[20], test))
    before["frozen body"].append(knew)

print(f"{'':<38}{'sketches':>16}{'clothes':>18}   (before: {100 * knew:.1f} %)")
for way in now:
    cells = (mean_and_spread(found, percent=True) for found in (now[way], before[way]))
    print(f"{way:<38}" + "".join(f"{str(cell).split(' (')[0]:>18}" for cell in cells))

left = {way: float(np.mean(found)) for way, found in before.items()}
kept_share = left["one rate for all"] / knew
reveal(
    "transfer.forgetting",
    f"{100 * left['one rate for all']:.0f} of 100 clothes, {100 * kept_share:.0f} % of what it knew",
    0 if kept_share > 0.9 else 2 if left["one rate for all"] < 0.15 else 1,
)

# %%
claim("fine-tuning-forgets").judge(
    kept_share < 0.9,
    evidence=f"right on clothes before {100 * knew:.0f} %; after learning sketches: "
    + ", ".join(f"{way} {100 * v:.0f} %" for way, v in left.items()),
)

# %% [markdown]
r"""
Each column tells half of the story. On the clothes the ways differ much. Slow early layers with fixed statistics keep most of what the network knew, and on the sketches they cost a little beside the usual way, which forgets the most.

But look at the opponent. A fifth of the rate for all layers, with no pattern, keeps about as much of the old task, and does not learn the new one much worse. What protects the old knowledge here is above all that the body *changes less*; if the pattern adds anything, it is little beside the spread of the splits. The frozen body is the end of that road: it forgets nothing, and learns the least.

## When it breaks

**Frozen, and yet it moves.** Somebody freezes the body by `requires_grad = False` and trains the new head, as usual, in training mode. No weight of the body changes. Does anything?
"""

# %%
predict(
    "transfer.statistics",
    "Only batch norm's running means and variances may move. After 100 batches of sketches, what the network knows about clothes ...",
    ["is untouched: no weight has changed", "is visibly less"],
)

# %%
moved = copy.deepcopy(sources["clothes"]).requires_grad_(False).train()
rng = course_rng(8)
for _ in range(100):
    moved(x_sketch[rng.integers(len(x_sketch), size=32)])
after = hit_rate(moved, *clothes_test)
same = all(
    torch.equal(a, b)
    for a, b in zip(moved.parameters(), sources["clothes"].parameters(), strict=True)
)
print(f"all weights are the same: {same}")
reveal(
    "transfer.statistics",
    f"clothes: {100 * knew:.1f} % before, {100 * after:.1f} % after",
    0 if knew - after < 0.02 else 1,
)

# %% [markdown]
r"""
**Pictures in another dress.** The network learned with pixels scaled to $(x - 127)/128$. `prepared` does this. Forget it, and hand it numbers from 0 to 1, or from 0 to 255: it will not complain. We count how often its own word for a sketch is still the one that it has with the right scaling, and what a probe with five labels a class makes of the features.

**Twins on both sides.** Split the tiles at random in place of by groups, and variants of one drawing stand on both sides of the fence. What does the SVM on pixels say then?
"""

# %%
predict(
    "transfer.scaling",
    "Pixels from 0 to 1 in place of the right scaling. What suffers?",
    [
        "the network's own words and the probe, both badly",
        "the network's own words badly, the probe hardly",
        "neither: batch norm takes care of it",
    ],
)

# %%
small_part = np.concatenate(
    [np.flatnonzero(targets["sketches"].y == k)[:35] for k in range(10)]
)
dressed = prepared(coloured(targets["sketches"].x[small_part]), SIDE)
scales = {
    "(x - 127) / 128, as it learned": dressed,
    "from 0 to 1": (dressed * 128 + 127) / 255,
    "from 0 to 255": dressed * 128 + 127,
}
labels = targets["sketches"].y[small_part]
body = imagenet.features[: DEPTH + 1]
own_words = in_parts(imagenet, dressed[::5]).argmax(dim=1)
dressed_so = {}  # by scaling: accuracy of the probe, share of words that stay
for words_for_it, x in scales.items():
    seen = in_parts(lambda part: body(part).mean(dim=(2, 3)), x).numpy()
    found = label_curve(
        probe_on(seen, labels),
        labels,
        (5,),
        TEST,
        SPLITS,
        course_rng(9),
        np.arange(len(labels)),
    )
    same_word = (in_parts(imagenet, x[::5]).argmax(dim=1) == own_words).float().mean().item()
    dressed_so[words_for_it] = found.mean(), same_word
    print(
        f"pixels {words_for_it:<32} same word {100 * same_word:3.0f} %, "
        f"probe with 5 labels {100 * found.mean():.1f} %"
    )
right, wrong = (dressed_so[words_for_it] for words_for_it in list(scales)[:2])
reveal(
    "transfer.scaling",
    f"from 0 to 1: {100 * wrong[1]:.0f} % of the words are still the same; "
    f"the probe's accuracy changes by {100 * (wrong[0] - right[0]):+.1f} points",
    2 if wrong[1] > 0.75 else 0 if wrong[0] < right[0] - 0.15 else 1,
)

tiles = targets["tiles"]
by_chance = label_curve(
    on_features(SVC(C=10), tiles.x.reshape(len(tiles.x), -1) / 255, tiles.y),
    tiles.y,
    SIZES["tiles"],
    TEST,
    SPLITS,
    course_rng(3),
    np.arange(len(tiles.y)),
)
print(
    f"\nSVM on tiles, 100 labels: {100 * by_chance[:, -1].mean():.1f} % split at random, "
    f"{100 * curves['tiles']['SVM, pixels'][:, -1].mean():.1f} % split by groups"
)

# %% [markdown]
r"""
The probe standardises its features and learns anew what they mean, so it hides the mistake. And tiles that have twins among the learned ones flatter the support vector machine.

| what you see | what it is | what to do |
|---|---|---|
| a probe on a large network is no better than pixels | you read from the last block | try blocks from the middle on, chosen on other data |
| the frozen part's answers change | batch norm is in training mode | `freeze` after `train()`; compare running means before and after |
| a published network says odd things, the probe is only a little worse | other scaling, or red and blue changed places; the probe hides it | reproduce one published prediction first |
| fine-tuning starts well and gets worse | a random head, too high a rate, or too few labels | begin with the probe; a tenth of the rate; warm-up |
| transfer beats everything by far | the opponent was not trained to the end | twice the steps, and see |
| accuracy that nobody believes | twins of the test are among what was learned | split by groups |
| the old task is gone | forgetting | lower rates below, or keep the source and train a copy |

## Explain it back

**Q1.** On the tiles with five labels, the probe on the last block was no better than pixels. What follows?

<details><summary>A. What the network learned from photographs is of no use for tiles.</summary>

**No.** Read from another block, the same network did much better.

</details>
<details><summary>B. The last block's features serve the source task too closely; other blocks must be tried.</summary>

**Right.** And the block must be chosen on data that is not the test.

</details>
<details><summary>C. Five labels are too few for any probe.</summary>

**No.** The probe on the chosen block had five labels too.

</details>

**Q2.** A paper reports that fine-tuning beats training from scratch by twenty points. Both were trained for the same short time. What do you ask?

<details><summary>A. How both do with more steps.</summary>

**Right.** The one that began ahead needs fewer steps. What looks like a gain in accuracy may be a gain in time.

</details>
<details><summary>B. Nothing: equal steps are a fair comparison.</summary>

**No.** They are fair to neither question: not to "who ends higher", which needs both at their plateau.

</details>
<details><summary>C. Whether the source was larger than the target.</summary>

**No.** It usually is; that is no objection.

</details>

**Q3.** The body that knew clothes, frozen, did worse on sketches than a network from scratch, and better than a random frozen body. Both at once: how?

<details><summary>A. A mistake: it must be better than both or worse than both.</summary>

**No.** The two opponents differ: one may learn its features from the sketches, the other may not.

</details>
<details><summary>B. Features of clothes are of some use for sketches, but of less than features that were learned for them.</summary>

**Right.** Negative transfer is relative to what one would have done otherwise.

</details>
<details><summary>C. The random body had batch norm, the other one had not.</summary>

**No.** They are built alike.

</details>

**Q4.** Why does fine-tuning begin with the probe's weights in the head?

<details><summary>A. Because a random head cannot learn.</summary>

**No.** It can; but while it does, its gradients change the body.

</details>
<details><summary>B. Because the gradients that a random head sends into the body are large and say nothing.</summary>

**Right.** With the probe as a start, the errors that are left are those that the body could mend.

</details>
<details><summary>C. Because dense layers need no training.</summary>

**No.** It goes on learning with the rest.

</details>

**Q5.** (From notebook 08.) A network was put into `eval()` mode and then trained. Weights changed, the running means of its batch norms did not. Why?

<details><summary>A. In eval mode batch norm uses its running statistics and does not update them; gradients flow all the same.</summary>

**Right.** The mode decides about statistics and dropout, `requires_grad` about gradients.

</details>
<details><summary>B. eval() turns off gradients, so nothing should have changed.</summary>

**No.** That is `torch.no_grad()`.

</details>
<details><summary>C. Running means are only updated by the optimiser.</summary>

**No.** The optimiser knows nothing about them; the forward pass updates them.

</details>

**Q6.** (From notebook 06.) The depth was chosen on ten other kinds of sketches. Why not simply take the block with the best accuracy in the figure of section 4?

<details><summary>A. The figure shows test pictures: the best of eighteen numbers is partly the luckiest.</summary>

**Right.** A number that was chosen for being large is too large.

</details>
<details><summary>B. Because emoji and tiles need the same block as sketches.</summary>

**No.** They need not; using one block for all was our choice, and it may cost something.

</details>
<details><summary>C. Because the figure has only twenty labels.</summary>

**No.** With another number the objection is the same.

</details>

## Go further

**A small one.** The network learned with 224 by 224 pixels, and we gave it 64. Look at the sketches with 96 and 128. Does the last block catch up with the middle, or does the order stay?

**A project.** Give fine-tuning its chance. Take twenty kinds of sketches in place of ten, run each picture through the lower half four times, shifted, and train four times as long. Then unfreeze more blocks, one at a time, with your `layer_rates`. From how many labels on does it beat the probe? And does the probe gain, too, when it sees the shifted pictures?

**Sources.**
M. McCloskey and N. Cohen (1989), *Catastrophic interference in connectionist networks*.
J. Yosinski, J. Clune, Y. Bengio and H. Lipson (2014), *How transferable are features in deep neural networks?*
G. Alain and Y. Bengio (2016), *Understanding intermediate layers using linear classifier probes*.
J. Howard and S. Ruder (2018), *Universal language model fine-tuning for text classification*: discriminative rates.
S. Kornblith, J. Shlens and Q. Le (2019), *Do better ImageNet models transfer better?*
M. Raghu, C. Zhang, J. Kleinberg and S. Bengio (2019), *Transfusion: understanding transfer learning for medical imaging*: when it gives speed and no accuracy.
A. Kumar et al. (2022), *Fine-tuning can distort pretrained features and underperform out-of-distribution*.
"""
