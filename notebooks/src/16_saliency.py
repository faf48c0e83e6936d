# %% [markdown]
r"""
# Saliency: what did the network look at?

**The question.** A network says "shirt". Which pixels made it say so? There are many methods that answer with a coloured picture, and every one of the pictures looks convincing. Which of them tell the truth, and how would you find out?

**After this notebook you will be able to**

- write the common methods yourself, in a few lines each: gradient, SmoothGrad, integrated gradients, Grad-CAM, occlusion;
- say what each number of such a map means, and what the method compared the picture with;
- test an explanation: does it add up, does it notice when the network forgets everything, does the score fall when the pixels go;
- find a trap that accuracy hides, mend it, and check that it is mended.

**Builds on** 04 Autograd (gradients), 08 PyTorch, 09 Convolution (channels and places). **Time** about 90 minutes, of which your computer needs one or two.
"""

# %%
import copy

import numpy as np
import torch
from sklearn.datasets import load_sample_images
from torch import nn
from torch.nn import functional as F

from coursekit import datasets, plot
from coursekit.attribution import Attribution
from coursekit.attribution.faithfulness import rank_correlation
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import mean_and_spread
from coursekit.models.efficientnet import imagenet_labels, prepared, pretrained
from coursekit.predict import predict, reveal
from coursekit.settings import course_rng, course_seed, course_seeds
from coursekit.train import fit
from coursekit.train.pytorch import TorchStep

fashion = datasets.load("fashion_mnist")
names = fashion.class_names


def as_pictures(rows):
    """Pictures as a network takes them: (N, 1, 28, 28), from 0 (black) to 1."""
    return torch.tensor(datasets.to_float(rows), dtype=torch.float32).reshape(-1, 1, 28, 28)


def torch_rng(k):
    """A PyTorch generator for the course's seed number k."""
    return torch.Generator().manual_seed(course_seed(k))


x_train, x_test = as_pictures(fashion.x_train), as_pictures(fashion.x_test)
y_train, y_test = torch.tensor(fashion.y_train), torch.tensor(fashion.y_test)

# %% [markdown]
r"""
## 1. What an explanation is for

Nobody needs a coloured picture for its own sake. Somebody wants to *do* something with it:

- **find a mistake**: does the network look at the shirt, or at something that happens to be in pictures of shirts?
- **justify a decision**: a person is refused a loan, and asks what spoke against it;
- **learn something**: a network sees in a photograph of the eye what doctors did not know to be there.

Each needs another kind of answer, and each can be harmed by a wrong one. So we shall treat an explanation as what it is: a statement about a network, which can be true or false. And we shall test it as we test everything.

First a network to explain. Three convolutions, no batch norm, nothing that gets in the way. It is trained twice, from two different starts: the second one, the **twin**, is as good as the first, and will serve as a yardstick later.
"""


# %%
def small_network(seed):
    """Three convolutions and a dense layer; nothing is learned yet."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(1, 12, 4, stride=2, padding=1),  # (N, 12, 14, 14)
            nn.ReLU(),
            nn.Conv2d(12, 24, 4, stride=2, padding=1),  # (N, 24, 7, 7)
            nn.ReLU(),
            nn.Conv2d(24, 48, 3, padding=1),  # (N, 48, 7, 7)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (N, 48, 3, 3)
            nn.Flatten(),
            nn.Linear(432, 10),
        )
    return network.to(memory_format=torch.channels_last)  # quicker, the same numbers


CUT = 6  # the layers before this one are the convolutions


def trained(x, y, seed, steps):
    """A network trained for so many steps on pictures x with labels y, by AdamW (notebook 06)."""
    network, rng = small_network(seed), np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    step = TorchStep(network, F.cross_entropy, optimizer, schedule=schedule)
    rows = torch.tensor(rng.integers(len(x), size=(steps, 48)))
    fit(step, ((x[some], y[some]) for some in rows), progress=False)
    return network.eval()


def answers(network, x):
    """The class that the network chooses for each picture, (N,)."""
    with torch.no_grad():
        return torch.cat([network(part).argmax(dim=1) for part in x.split(250)])


def hit_rate(network, x, y):
    """The share of pictures that get their label."""
    return (answers(network, x) == y).float().mean().item()


TRAINING = 450  # steps, for every network of this notebook that learns from all pictures
network, twin = (trained(x_train, y_train, seed, TRAINING) for seed in course_seeds(2))
right = [hit_rate(one, x_test, y_test) for one in (network, twin)]
print(f"right on the test pictures: network {right[0]:.1%}, twin {right[1]:.1%}")

# %% [markdown]
r"""
What do we explain? The network's answer to one picture is ten **scores**, one for each class, before the softmax. We explain one of them: the score of the class that the network chose. (Not the class that is right: we want to know why it said what it said.)

As a function it looks like this. `score(rows)` takes pictures and returns one number for each, and *which* class that is may differ from row to row. All methods of this notebook get such a function and need to know nothing else about the network.
"""


# %%
def score_of(model, kinds):
    """The function from pictures (N, 1, 28, 28) to the score of class kinds[n] of picture n, (N,)."""
    return lambda rows: model(rows).gather(1, kinds[:, None])[:, 0]


some = torch.tensor(course_rng(3).choice(len(x_test), size=96, replace=False))
x = x_test[some]  # (96, 1, 28, 28)
chosen = answers(network, x)  # (96,)
score, black = score_of(network, chosen), torch.zeros_like(x)

# four of them to look at: a shirt, a sandal, a bag, a boot
shown = [int(torch.nonzero((chosen == k) & (y_test[some] == k))[0, 0]) for k in (6, 5, 8, 9)]
words = [names[chosen[i]] for i in shown]


def show_maps(maps, title):
    """Draw maps (N, 1, 28, 28) beside the four pictures."""
    plot.show(
        plot.attribution_maps(
            x[shown, 0].numpy(),
            {name: found[shown, 0].numpy() for name, found in maps.items()},
            rows=words,
            title=title,
        )
    )


# %% [markdown]
r"""
## 2. The gradient

The first idea is the nearest one. Backpropagation can follow *any* number back to *anything* it was computed from. So far we went from the loss back to the weights. Now go from the score back to the pixels:

$$g_i = \frac{\partial f(x)}{\partial x_i}$$

$f$ is the score, $x_i$ pixel number $i$, and $g_i$ says how fast the score rises when that pixel becomes brighter. This is called **saliency** (Simonyan, Vedaldi and Zisserman, 2014). One backward pass gives all 784 numbers.
"""


# %% tags=["exercise"]
@exercise("saliency.gradient")
def saliency(score, x):
    """The gradient of each row's score with respect to that row, shape of x.

    score : function from rows (N, ...) to one number a row, (N,). Rows do not mix.
    x : tensor, (N, ...). Leave it as it is.
    """
    ### BEGIN SOLUTION
    rows = x.detach().clone().requires_grad_()
    return torch.autograd.grad(score(rows).sum(), rows)[0]
    ### END SOLUTION


# %%
gradient = saliency(score, x)
show_maps(
    {"gradient": gradient, "its size": gradient.abs()},
    "How fast the score rises with each pixel",
)

# %% [markdown]
r"""
In such a picture one colour means "brighter raises the score", the other "brighter lowers it". Each map is scaled by its own largest number.

Something of the clothes is there, and a lot of grain. Notice how much lies on the black background (drawn white here): a pixel need not be bright for the score to depend on it. Is the grain a property of the picture, or of the spot where we happen to stand? Take a step aside and look again.

To compare two maps we need a number. Rank the pixels of each map by their size, without the sign, and correlate the two lists of ranks. This is the **rank correlation**: 1 if both maps put the pixels into the same order, 0 if the one says nothing about the other.
"""

# %%
predict(
    "saliency.noise",
    "Noise with a spread of 0.03 is added to every picture: nobody would see it. Compare the gradients before and after. Their rank correlation is, on average over the pictures, ...",
    ["above 0.95", "between 0.6 and 0.95", "below 0.6"],
)


# %%
def agreement(one, two, where=None):
    """Rank correlation of two maps for each picture, (N,); with `where` only over those pixels.

    It is nan where a map is empty (0 everywhere): there is nothing to compare.
    """
    if where is None:
        found = rank_correlation(one.numpy(), two.numpy())
    else:
        triples = zip(one.numpy(), two.numpy(), where.numpy(), strict=True)
        found = np.array([rank_correlation(a[w][None], b[w][None])[0] for a, b, w in triples])
    shown = (one.flatten(1) != 0).any(dim=1) & (two.flatten(1) != 0).any(dim=1)
    return np.where(shown.numpy(), found, np.nan)


def over_pictures(numbers):
    """The mean over the pictures that have a number, and its standard error."""
    known = numbers[~np.isnan(numbers)]
    return (known.mean(), known.std() / len(known) ** 0.5) if len(known) else (0.0, 0.0)


nearly_x = x + 0.03 * torch.randn(x.shape, generator=torch_rng(4))
same_gradient, _ = over_pictures(agreement(gradient, saliency(score, nearly_x)))
still = hit_rate(network, nearly_x, chosen)
reveal(
    "saliency.noise",
    f"mean rank correlation {same_gradient:.2f}; the network gives the same answer to {still:.0%} of the pictures",
    0 if same_gradient > 0.95 else 1 if same_gradient > 0.6 else 2,
)

# %% [markdown]
r"""
The answers hardly move; the explanation does, a little. A network of ReLUs is a surface of flat pieces with edges between them. Its height changes little from one piece to the next; its *slope* jumps at every edge, and a gradient is a slope.

**SmoothGrad** (Smilkov et al., 2017) takes the mean of the slopes nearby:

$$\frac1S\sum_{s=1}^{S} \frac{\partial f}{\partial x}\bigl(x + \varepsilon_s\bigr), \qquad \varepsilon_s \sim \mathcal N(0, \sigma^2)$$

$S$ is the number of noisy copies, $\sigma$ the spread of the noise. It answers a slightly different question: how does the score depend on this pixel for pictures *like* this one?
"""


# %% tags=["exercise"]
@exercise("saliency.smooth_grad")
def smooth_grad(score, x, noise=0.1, samples=20, generator=None):
    """The mean gradient over noisy copies of x, shape of x.

    noise : standard deviation of what is added to every pixel of every copy.
    samples : number of copies. generator : what the noise is drawn from.
    """
    ### BEGIN SOLUTION
    total = torch.zeros_like(x)
    for _ in range(samples):
        total += saliency(
            score, x + noise * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        )
    return total / samples
    ### END SOLUTION


# %%
smooth = smooth_grad(score, x, generator=torch_rng(5))
again = smooth_grad(score, nearly_x, generator=torch_rng(6))
same_smooth, _ = over_pictures(agreement(smooth, again))
show_maps({"gradient": gradient, "SmoothGrad": smooth}, "The slope here, and around here")
print(
    f"rank correlation with the map of the nearly equal picture: gradient {same_gradient:.2f}, SmoothGrad {same_smooth:.2f}"
)

# %% [markdown]
r"""
A calmer map. Keep in mind, though, what was bought here: *steadiness*. Whether the calmer map is also truer is another question, and section 6 asks it.

## 3. From slopes to amounts

A slope is no amount. "How fast does the price rise with each square metre?" is one question, "how much of the price is due to the area?" another. The quick step from the one to the other is **gradient times input**, $x_i\, g_i$. If the score were a straight line through zero, $f(x) = \sum_i w_i x_i$, these numbers would add up to it exactly. Networks are no straight lines. How far off is it?

For the second question one has to say *compared with what*. Take a **baseline** $b$, a picture that stands for "nothing there", black for example. Then walk from $b$ to $x$ in a straight line and note on the way what each pixel does:

$$\mathrm{IG}_i = (x_i - b_i)\int_0^1 \frac{\partial f}{\partial x_i}\bigl(b + a\,(x - b)\bigr)\,da$$

$a$ runs from 0 (the baseline) to 1 (the picture). These are **integrated gradients** (Sundararajan, Taly and Yan, 2017). Why is this the right thing to add up? Take a small step $da$ along the way. Pixel $i$ moves by $(x_i - b_i)\,da$, and the score rises by its slope times that, $\frac{\partial f}{\partial x_i}(x_i - b_i)\,da$: the integral collects what pixel $i$ contributed at each step. All pixels together must have made the whole climb. This promise is called **completeness**:

$$\sum_i \mathrm{IG}_i = f(x) - f(b)$$

A computer replaces the integral by a mean over some places on the way: cut it into equal pieces and ask in the middle of each.
"""


# %% tags=["exercise"]
@exercise("completeness.integrated_gradients")
def integrated_gradients(score, x, baseline, steps=20):
    """Gradients averaged over the way from baseline to x, times the way; shape of x.

    baseline : tensor of the shape of x, or that broadcasts to it.
    steps : pieces of equal length; ask once in the middle of each.
    """
    ### BEGIN SOLUTION
    total = torch.zeros_like(x)
    for k in range(steps):
        total += saliency(score, baseline + (k + 0.5) / steps * (x - baseline))
    return (x - baseline) * total / steps
    ### END SOLUTION


# %%
predict(
    "saliency.complete",
    "Add up the map of each picture and compare with f(x) - f(black). Which adds up, up to a few hundredths of the difference?",
    [
        "gradient x input and integrated gradients with 20 steps",
        "integrated gradients with 20 steps only",
        "neither",
    ],
)


# %%
def missed(found, score, x, baseline):
    """By how much the sums miss f(x) - f(b), on average and as a share of its mean size."""
    with torch.no_grad():
        gained = score(x) - score(baseline)  # (N,)
    return ((found.sum(dim=(1, 2, 3)) - gained).abs().mean() / gained.abs().mean()).item()


few = slice(0, 40)  # so many pictures are enough for what takes long
x_few, black_few, score_few = x[few], black[few], score_of(network, chosen[few])
STEPS = (1, 2, 5, 10, 20, 50, 100)
misses = [
    missed(
        integrated_gradients(score_few, x_few, black_few, steps), score_few, x_few, black_few
    )
    for steps in STEPS
]
straight = missed(gradient[few] * x_few, score_few, x_few, black_few)
plot.show(
    plot.lines(
        STEPS,
        {"integrated gradients": np.array(misses)},
        reference={"gradient x input": straight},
        xlabel="steps",
        ylabel="how far the sum misses, as a share",
        log="xy",
        title="Do the numbers add up?",
    )
)

# %%
reveal(
    "saliency.complete",
    f"missed by {straight:.1%} (gradient x input), {misses[4]:.1%} (integrated gradients, 20 steps)",
    2 if misses[4] > 0.05 else 0 if straight < 0.05 else 1,
)
claim("integrated-gradients-add-up").judge(
    misses[-1] < 0.02 and misses[-1] < misses[0] / 5 and straight > 3 * misses[-1],
    evidence=f"sum missed by {misses[0]:.1%} with {STEPS[0]} step, {misses[4]:.1%} with {STEPS[4]}, {misses[-1]:.2%} with {STEPS[-1]}; "
    f"gradient x input misses by {straight:.1%}",
)

# %% [markdown]
r"""
The promise is one of the integral. With few steps the sum may be off, and nothing warns you: so *look at the gap*, always. (The course's own version, `coursekit.attribution`, prints it with every result.)

Adding up is a fine property, and no more than that: any numbers can be made to add up. Completeness says that nothing was lost, not that everything landed on the right pixel.

## 4. Compared with what?

Black is a choice. Fashion-MNIST's background is black, so black means "nothing there". Or does it? Look at the formula of integrated gradients before you answer.
"""

# %%
predict(
    "saliency.black",
    "About half of all pixels are background. Which share of integrated gradients (sizes, baseline black) falls on them?",
    ["none at all", "a tenth or so", "about half"],
)

# %%
mean_picture = x_train.mean(dim=0, keepdim=True)  # (1, 1, 28, 28)


def blurred(pictures, width=7):
    """Twice the mean over a square window: what is left is where it is bright, not what it is."""
    for _ in range(2):
        pictures = F.avg_pool2d(
            pictures, width, stride=1, padding=width // 2, count_include_pad=False
        )
    return pictures


baselines = {
    "black": black,
    "white": torch.ones_like(x),
    "mean picture": mean_picture.expand_as(x),
    "blurred": blurred(x),
}
paths = {
    name: integrated_gradients(score, x, start, steps=30) for name, start in baselines.items()
}
background = x == 0
on_background = {
    name: ((found.abs() * background).sum(dim=(1, 2, 3)) / found.abs().sum(dim=(1, 2, 3)))
    .mean()
    .item()
    for name, found in paths.items()
}
reveal(
    "saliency.black",
    f"{on_background['black']:.1%}, of {background.float().mean().item():.0%} of the pixels",
    0 if on_background["black"] < 0.01 else 1 if on_background["black"] < 0.3 else 2,
)
show_maps(paths, "Integrated gradients from four baselines")
print(f"{'baseline':>14}  on background  sum missed by  rank correlation with black's")
for name, found in paths.items():
    print(
        f"{name:>14}  {on_background[name]:13.1%}  {missed(found, score, x, baselines[name]):13.1%}  "
        f"{over_pictures(agreement(found, paths['black']))[0]:29.2f}"
    )

# %% [markdown]
r"""
The four maps answer four questions: why this score, and not that of a black picture, a white one, the average of all clothes, a blur of this one? All are complete. Yet they do not agree on which pixels matter.

With black, a black pixel has $x_i - b_i = 0$: it never leaves the baseline. So whatever is *missing* can never count: the gap between trouser legs, the open toe of a sandal. If you explain pictures whose objects may be dark, black is the wrong "nothing". There is no right one for all purposes. Say which you took, and try a second.

## 5. Places instead of pixels

Two more methods, which give up on single pixels.

**Grad-CAM** (Selvaraju et al., 2017) does not go back all the way. The last convolution has seen the picture as 48 channels of 7 by 7 places: what it saw is already a *something* at a place. How much does channel $c$ speak for the class? Take the mean of its gradient over all places as its weight, and add up:

$$\alpha_c = \frac{1}{hw}\sum_{p} \frac{\partial f}{\partial A_{c,p}}, \qquad M_p = \mathrm{ReLU}\Bigl(\sum_c \alpha_c A_{c,p}\Bigr)$$

$A_{c,p}$ is what channel $c$ says at place $p$, and $hw$ the number of places. The ReLU drops places that speak against. To do this we cut the network in two: `features`, from pictures to channels, and `head`, from channels to the score.
"""


# %% tags=["exercise"]
@exercise("class_maps.grad_cam")
def grad_cam(features, head, x):
    """Where the channels that raise the score are active, (N, h, w); nothing below 0.

    features : function from pictures (N, ...) to channels (N, C, h, w).
    head : function from channels to the score, (N,). It can be given to `saliency`.
    """
    ### BEGIN SOLUTION
    seen = features(x).detach()
    weight = saliency(head, seen).mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
    return torch.relu((weight * seen).sum(dim=1))
    ### END SOLUTION


# %% [markdown]
r"""
**Occlusion** (Zeiler and Fergus, 2014) needs no gradient at all: cover a patch, and see how far the score falls. It is the plainest of all experiments, and asks the network once for each patch. Here the patches are 4 by 4 pixels, painted black.

And a method with a bad name. **Guided backpropagation** (Springenberg et al., 2015) goes back like the gradient, with one change: on the way back, every ReLU lets only *positive* numbers through. No formula says what the result is an answer to. But it makes beautiful pictures.
"""


# %%
def class_map(model, kinds, x):
    """Grad-CAM of the last convolution, enlarged to the picture's size, (N, 1, H, W)."""
    small = grad_cam(model[:CUT], score_of(model[CUT:], kinds), x)  # (N, 7, 7)
    return F.interpolate(small[:, None], size=x.shape[2:], mode="bilinear")


def occlusion(score, x, cover=None, size=4):
    """How far the score falls when a patch is covered (with black, if nothing else), on all pixels of that patch."""
    found, cover = torch.zeros_like(x), torch.zeros_like(x) if cover is None else cover
    with torch.no_grad():
        whole = score(x)
        for top in range(0, x.shape[2], size):
            for left in range(0, x.shape[3], size):
                patch = (..., slice(top, top + size), slice(left, left + size))
                covered = x.clone()
                covered[patch] = cover[patch]
                found[patch] = (whole - score(covered))[:, None, None, None]
    return found


def guided_backpropagation(model, kinds, x):
    """A gradient for which every ReLU lets back only what is above 0."""
    hooks = [
        layer.register_full_backward_hook(lambda _layer, back, _from: (F.relu(back[0]),))
        for layer in model
        if isinstance(layer, nn.ReLU)
    ]
    try:
        return saliency(score_of(model, kinds), x)
    finally:
        for hook in hooks:
            hook.remove()


def all_maps(model, kinds, x):
    """Every method of this notebook on pictures (N, 1, 28, 28); each map has that shape."""
    score = score_of(model, kinds)
    slope = saliency(score, x)
    return {
        "gradient": slope,
        "SmoothGrad": smooth_grad(score, x, generator=torch_rng(5)),
        "gradient x input": slope * x,
        "integrated gradients": integrated_gradients(score, x, torch.zeros_like(x)),
        "occlusion": occlusion(score, x),
        "Grad-CAM": class_map(model, kinds, x),
        "guided backpropagation": guided_backpropagation(model, kinds, x),
    }


# %%
predict(
    "saliency.agree",
    "Seven methods explain the same answers of the same network. Two of them, taken at random: the rank correlation of their maps is on average ...",
    ["above 0.8", "between 0.5 and 0.8", "below 0.5"],
)

# %%
maps = all_maps(network, chosen, x)
show_maps(maps, "One network, seven explanations")
methods = list(maps)
together = np.array(
    [[over_pictures(agreement(maps[a], maps[b]))[0] for b in methods] for a in methods]
)
plot.show(
    plot.matrix(
        together.round(1) + 0.0,
        rows=methods,
        columns=methods,
        xlabel="another method",
        ylabel="one method",
        form=".1f",
        title="Rank correlation",
    )
)
empty = (maps["Grad-CAM"].amax(dim=(1, 2, 3)) == 0).float().mean().item()
print(f"Grad-CAM has nothing to show for {empty:.0%} of the pictures")
pairs = together[np.triu_indices(len(methods), 1)]
reveal(
    "saliency.agree",
    f"{pairs.mean():.2f} on average, from {pairs.min():.2f} to {pairs.max():.2f}",
    0 if pairs.mean() > 0.8 else 1 if pairs.mean() > 0.5 else 2,
)

# %% [markdown]
r"""
They cannot all be right about "what the network looked at", unless they mean different things by it. (The fine lattice in some maps is made by the windows' stride of 2. And look for maps of Grad-CAM that are empty: there the weighted sum is below 0 at every place, and the ReLU leaves nothing. The method has no answer, and does not say so. All comparisons here leave such pictures out.) One group agrees closely: gradient times input, integrated gradients, occlusion. Before you take that for a confirmation, ask what else these three have in common. The next section does.

## 6. Would it notice?

A simple test, and it should have been the first (Adebayo et al., 2018). Destroy what the network has learned: draw its weights anew. An explanation of a network must change when the network does. If the map stays the same, it was a map of the *picture*.

We go from the top: first the dense layer is drawn anew, then the last convolution as well, and so on down, until nothing that was learned is left.
"""

# %%
predict(
    "saliency.random",
    "All weights are drawn anew: the network knows nothing. Which method's maps still resemble those of the trained network (rank correlation above 0.5)?",
    [
        "none",
        "only guided backpropagation",
        "those that multiply by the picture, or cover it with black",
        "all of them",
    ],
)


# %%
def forget(model, layers, seed):
    """A copy whose uppermost layers with weights (so many of them) are drawn anew."""
    forgetful = copy.deepcopy(model)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        with_weights = [layer for layer in forgetful if hasattr(layer, "reset_parameters")]
        for layer in with_weights[::-1][:layers]:
            layer.reset_parameters()
    return forgetful


chosen_few, ink = chosen[few], x_few > 0
maps_few = {name: found[few] for name, found in maps.items()}
LAYERS = range(5)
kept = {name: np.ones((2, len(LAYERS))) for name in methods}  # (seeds, layers)
for run, seed in enumerate(course_seeds(2)):
    for layers in LAYERS[1:]:
        blind = all_maps(forget(network, layers, seed), chosen_few, x_few)
        for name in methods:
            kept[name][run, layers], _ = over_pictures(agreement(maps_few[name], blind[name]))
        ignorant = blind  # at last, that of the network that knows nothing
others = all_maps(twin, chosen_few, x_few)
like_twin = {name: over_pictures(agreement(maps_few[name], others[name])) for name in methods}
ax = plot.lines(
    list(LAYERS),
    kept,
    xlabel="layers drawn anew, from the top",
    ylabel="rank correlation with before",
    title="Does the explanation notice?",
)
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
ax.set_xticks(list(LAYERS))
plot.show(ax)

# %%
ink_all, ink_twin = (
    {name: over_pictures(agreement(maps_few[name], other[name], ink)) for name in methods}
    for other in (ignorant, others)
)
print(
    "rank correlation with the trained network's maps, for the twin and for layers drawn anew"
)
print(f"{'':>22}  {'':>11}  {'':>7}  {'':>8}  {'':>10}  on pixels with ink only")
print(
    f"{'':>22}  {'twin':>11}  1 layer  2 layers  all layers  {'twin':>11}  {'all layers':>11}"
)
for name in methods:
    at, (like, error) = kept[name].mean(axis=0), like_twin[name]
    print(
        f"{name:>22}  {like:4.2f} ± {error:.2f}  {at[1]:7.2f}  {at[2]:8.2f}  {at[4]:10.2f}  "
        f"{ink_twin[name][0]:4.2f} ± {ink_twin[name][1]:.2f}  {ink_all[name][0]:4.2f} ± {ink_all[name][1]:.2f}"
    )
print("(± is the standard error over pictures)")
stay = {name: kept[name][:, -1].mean() > 0.5 for name in methods}
multiplied = {"gradient x input", "integrated gradients", "occlusion"}
reveal(
    "saliency.random",
    "above 0.5: " + (", ".join(name for name in methods if stay[name]) or "none"),
    0
    if not any(stay.values())
    else 3
    if all(stay.values())
    else 1
    if [name for name in methods if stay[name]] == ["guided backpropagation"]
    else 2,
)

# %% [markdown]
r"""
Read the table by its columns. The **twin** is a network that learned the same task as well: what its maps share with ours is what one may hope for in a network that knows the same, and for the gradient that is not much. Two networks can agree on nearly all answers and have slopes that hardly resemble each other.

- **Gradient, SmoothGrad, Grad-CAM** notice: with all layers drawn anew, little is left.
- **Gradient times input, integrated gradients and occlusion** look as if they noticed nothing at all. They multiply by the picture, or cover it with black, and so all of their maps are 0 where the picture is black, whatever the network thinks. That alone makes the correlation. Look at the last two columns, which compare only pixels with ink: there the network that knows nothing falls behind the twin. Something is left even so: where the picture is bright, both maps are large. It is a property of the *test* as much as of the methods, and a warning to the eye: seeing the outline of a shirt in a map proves nothing.
- **Guided backpropagation** is the strange one. With the upper half of the network drawn anew, its maps resemble the trained network's about as much as the twin's do: it hardly cares what the scores mean. Only when the lowest layers, the edge filters, go as well does it fall apart. In deeper networks, where there are many layers of such filters, this is how it earned its name of an edge detector.

There is a second test: leave the network and its training alone, and shuffle the *labels*. The network then learns by heart, and what it looks at has nothing to do with clothes.
"""

# %%
predict(
    "saliency.labels",
    "A network learns 300 pictures with shuffled labels by heart. Its gradients and Grad-CAM maps resemble those of the network that learned right labels ...",
    [
        "as much as the twin's do",
        "clearly less than the twin's do",
        "not at all: below 0.05",
    ],
)

# %%
hearts = torch.tensor(course_rng(7).choice(len(x_train), size=300, replace=False))
shuffled = y_train[hearts][torch.randperm(300, generator=torch_rng(8))]
by_heart = trained(x_train[hearts], shuffled, course_seed(9), steps=300)
print(
    f"learned by heart: {hit_rate(by_heart, x_train[hearts], shuffled):.0%} of the shuffled labels; "
    f"test pictures {hit_rate(by_heart, x_test, y_test):.1%}"
)
wrong = all_maps(by_heart, chosen_few, x_few)
like_heart = {name: over_pictures(agreement(maps_few[name], wrong[name])) for name in methods}


def whisker(mean, error):
    """The mean and two standard errors to each side, for a figure that draws a line from lowest to highest."""
    return [mean - 2 * error, mean, mean + 2 * error]


plot.show(
    plot.gaps(
        {name: (whisker(*like_heart[name]), whisker(*like_twin[name])) for name in methods},
        ("shuffled labels", "twin"),
        xlabel="rank correlation with the trained network's map (in hundredths)",
        ylabel="method",
        title="A network that learned nonsense, and one that learned the same",
    )
)

# %%
share = np.mean(
    [max(like_heart[name][0], 0) / like_twin[name][0] for name in ("gradient", "Grad-CAM")]
)
reveal(
    "saliency.labels",
    ", ".join(
        f"{name} {like_heart[name][0]:.2f} (twin {like_twin[name][0]:.2f})"
        for name in ("gradient", "Grad-CAM")
    ),
    0
    if share > 0.8
    else 2
    if max(like_heart[name][0] for name in ("gradient", "Grad-CAM")) < 0.05
    else 1,
)
at_end = {name: kept[name][:, -1].mean() for name in methods}
half = {name: kept[name][:, 2].mean() for name in methods}
claim("saliency-passes-randomisation").judge(
    max(at_end["gradient"], at_end["SmoothGrad"], at_end["Grad-CAM"]) < 0.3
    and min(at_end[name] for name in multiplied) > 0.5
    and half["guided backpropagation"] > half["gradient"] + 0.15,
    evidence="rank correlation with the trained network's map when all layers are random: "
    + ", ".join(f"{name} {at_end[name]:.2f}" for name in methods)
    + f"; with the upper two of four random: gradient {half['gradient']:.2f}, guided backpropagation "
    f"{half['guided backpropagation']:.2f} (the trained twin: {like_twin['guided backpropagation'][0]:.2f})",
)

# %% [markdown]
r"""
## 7. Take it away

The other test asks the network. If these pixels matter most, then the answer should fall when they go. Cover the pixels in the order of the map, the largest first, and watch: this is the **deletion** curve (Petsiuk, Das and Saenko, 2018). The faster it falls, the better the order. The area under it is one number for the whole curve.
"""


# %% tags=["exercise"]
@exercise("deletion.curve")
def deletion_curve(score, x, values, baseline, steps=10):
    """The score while pixels give way to the baseline, those of the largest values first; (steps + 1, N).

    values : tensor of x's shape, each row with an order of its own; signs count.
    baseline : tensor that broadcasts to x's shape.
    After step k, round(k * D / steps) of the D pixels of each row are replaced.
    """
    ### BEGIN SOLUTION
    rank = values.flatten(1).argsort(dim=1, descending=True).argsort(dim=1).view(x.shape)
    pixels = x[0].numel()
    gone = [rank < round(k * pixels / steps) for k in range(steps + 1)]
    return torch.stack([score(torch.where(some, baseline, x)) for some in gone]).detach()
    ### END SOLUTION


# %% [markdown]
r"""
**Insertion** goes the other way: begin with the baseline and uncover the picture. You have written it already: it is deletion with `x` and `baseline` in each other's place. There a *high* curve is good.

No number means anything without something to compare with. Here stand three orders that know nothing of the network: a random one; the picture's own **brightness**; and its **edges**, the size of the difference between neighbours.

We watch the probability of the chosen class, and cover with black, or with a blur of the same picture. To be fair to all, each method that compares the picture with something (gradient times input, integrated gradients, occlusion) compares it with the very cover of the test. One row, "IG from other cover", shows what happens otherwise: integrated gradients whose baseline is the *other* cover. Pixels of equal value go in random order. And everything is done for both networks, ours and the twin.
"""


# %%
def edges(pictures):
    """The size of the difference to the right-hand and lower neighbour."""
    right = F.pad(pictures[..., 1:] - pictures[..., :-1], (0, 1))
    down = F.pad(pictures[..., 1:, :] - pictures[..., :-1, :], (0, 0, 0, 1))
    return (right**2 + down**2).sqrt()


predict(
    "saliency.trivial",
    "Cover with black. Which orders make the probability fall faster than the picture's own brightness does (by more than two standard errors)?",
    [
        "all seven explanations",
        "some of the explanations",
        "none: the bright pixels matter most anyway",
    ],
)


# %%
def probability_of(model, kinds):
    """The function from pictures to the probability of class kinds[n] of picture n, (N,)."""
    return lambda rows: model(rows).softmax(dim=1).gather(1, kinds[:, None])[:, 0]


covers = {"black": black_few, "blur": baselines["blurred"][few]}
dull = {"brightness": x_few, "edges": edges(x_few)}
chance = torch.rand(x_few.shape, generator=torch_rng(10))


def orders_of(model, found):
    """For each cover, all orders that are compared; found are the maps of the model from black."""
    score, blur = score_of(model, chosen_few), covers["blur"]
    from_blur = {
        "gradient x input": found["gradient"] * (x_few - blur),
        "integrated gradients": integrated_gradients(score, x_few, blur),
        "occlusion": occlusion(score, x_few, blur),
    }
    path = "integrated gradients"
    rest = {"gradient, size only": found["gradient"].abs()} | dull | {"random order": chance}
    return {
        "black": found | {"IG from other cover": from_blur[path]} | rest,
        "blur": found | from_blur | {"IG from other cover": found[path]} | rest,
    }


falls = {}  # for each order, test and cover: (networks, points, pictures)
for model, found in ((network, maps_few), (twin, others)):
    probability = probability_of(model, chosen_few)
    for cover, orders in orders_of(model, found).items():
        start = covers[cover]
        for name, values in orders.items():
            values = values + 1e-9 * chance  # equal values in random order
            down = deletion_curve(probability, x_few, values, start, steps=14)
            up = deletion_curve(probability, start, values, x_few, steps=14)
            falls.setdefault((name, "deletion", cover), []).append(down.numpy())
            falls.setdefault((name, "insertion", cover), []).append(up.numpy())
drawn = ["integrated gradients", "gradient", "Grad-CAM", "brightness", "edges", "random order"]
plot.show(
    plot.lines(
        np.linspace(0, 1, 15),
        {name: np.mean(falls[name, "deletion", "black"], axis=2) for name in drawn},
        markers=False,
        xlabel="share of pixels covered with black",
        ylabel="probability of the chosen class",
        title="Deletion: who finds what the answer hangs on?",
    )
)

# %%
columns = [(way, cover) for cover in covers for way in ("deletion", "insertion")]
height = {key: np.mean(runs, axis=(0, 1)) for key, runs in falls.items()}  # (pictures,) each
area = {key: heights.mean() for key, heights in height.items()}
plot.show(
    plot.matrix(
        [[area[name, way, cover] for way, cover in columns] for name in orders],
        rows=list(orders),
        columns=[f"{way}, {cover}" for way, cover in columns],
        xlabel="test and cover",
        ylabel="order",
        form=".2f",
        title="Mean height",
    )
)
ahead_of_brightness = {
    (name, cover): over_pictures(
        height[name, "deletion", cover] - height["brightness", "deletion", cover]
    )
    for name in orders
    if name != "brightness"
    for cover in covers
}
for cover in covers:
    plot.show(
        plot.intervals(
            {
                name: tuple(np.take(whisker(*found), [1, 0, 2]))
                for (name, under), found in ahead_of_brightness.items()
                if under == cover
            },
            xlabel="mean height minus brightness's",
            ylabel="order",
            zero=True,
            title=f"Deletion, {cover} (left: better)",
        )
    )

# %%
faster = [
    name
    for name in methods
    if whisker(*ahead_of_brightness[name, "black"])[2] < 0  # the upper end
]
reveal(
    "saliency.trivial",
    f"{len(faster)} of {len(methods)}: {', '.join(faster)}",
    0 if len(faster) == len(methods) else 1 if faster else 2,
)
path, size_only = "integrated gradients", "gradient, size only"
simpler = {cover: min(area[name, "deletion", cover] for name in dull) for cover in covers}
slower = [
    name for name in [*methods, size_only] if area[name, "deletion", "black"] > simpler["black"]
]
for cover in covers:
    difference = over_pictures(
        height[path, "deletion", cover] - height["gradient x input", "deletion", cover]
    )
    print(f"{cover}: {path} minus gradient x input {difference[0]:+.3f} ± {difference[1]:.3f}")
shows = (maps_few["Grad-CAM"] > 0).flatten(1).any(dim=1).numpy()
for cover in covers:
    pair = [
        falls[name, "deletion", cover][0].mean(axis=0) for name in ("Grad-CAM", "brightness")
    ]
    difference = over_pictures((pair[0] - pair[1])[shows])
    print(
        f"{cover}: Grad-CAM minus brightness, on the {shows.sum()} of {len(shows)} pictures for which our network's map "
        f"is not empty, {difference[0]:+.3f} ± {difference[1]:.3f}"
    )
claim("explanations-beat-brightness-and-edges").judge(
    bool(slower)
    and all(
        whisker(*ahead_of_brightness[name, cover])[2] < 0
        for name in multiplied
        for cover in covers
    )
    and all(area[path, "deletion", cover] < simpler[cover] - 0.05 for cover in covers),
    evidence="mean height of the deletion curve, black (and minus brightness, with its standard error over pictures): "
    + ", ".join(
        f"{name} {area[name, 'deletion', 'black']:.2f}"
        + (
            ""
            if name == "brightness"
            else " ({:+.2f} ± {:.2f})".format(*ahead_of_brightness[name, "black"])
        )
        for name in (*sorted(multiplied), *dull, "random order")
    )
    + "; no better than the simpler of brightness and edges: "
    + ", ".join(f"{name} {area[name, 'deletion', 'black']:.2f}" for name in slower),
)

# %% [markdown]
r"""
In the table, a low number is good for deletion, a high one for insertion. In the two figures below it each dot is a mean over the pictures, with two standard errors to each side: what does not touch the dashed line differs clearly from brightness.

- Three orders are ahead under both covers: **integrated gradients, gradient times input, occlusion**. They are those that compare the picture with the cover. Give integrated gradients another baseline than the cover, and they lose much of their lead. Whoever chooses the cover chooses the winner.
- Of the first two only one adds up, and it is little ahead of the other (the difference is printed below the figures). Getting the sum right and getting the *order* right are two different virtues.
- The plain **gradient** does well with black, and not with the blur. It says what happens when a pixel becomes *brighter*. Black makes every pixel darker, so its order fits; a blur makes some of them brighter and some darker, and its sign misleads.
- **Without signs** the gradient is worse under black: what speaks *against* the class is covered too, and that raises the probability. Many published maps drop the sign.
- **Grad-CAM** with its 7 by 7 places is behind brightness under black. Part of that is not the fault of its order: where its map is empty it has none, and the pixels go at random. The number without such pictures is printed too. (For which networks it was made, section 8 says.)

And a covered picture is like nothing that the network has ever seen. When the score falls, is it because something important is gone, or because something strange has come? From the curve alone you cannot tell. Retraining with covered pictures would (Hooker et al., 2019), at the price of a training for each point.

So an order that comes out well here is a statement about *this* network, *this* cover, *this* score. That is worth something: it is more than the eye can say.

## 8. Clever Hans

In 1904 a horse in Berlin could do sums. Asked for seven plus four, Hans tapped his hoof eleven times. A committee found no trick. The psychologist Oskar Pfungst did (Pfungst, 1907): the questioner, without knowing, tensed while the horse had to go on and relaxed at the right number. Hans read faces. Asked by somebody who did not know the answer, he was lost.

Learning machines do this. A network that found pneumonia in X-rays could tell which hospital a picture came from, and used it (Zech et al., 2018). A much praised recogniser of horses, not even a network, had learned the photographer's name at the lower edge of the picture (Lapuschkin et al., 2019). On test pictures from the same source such a machine does brilliantly.

Let us breed such a horse. Somebody has stamped a small white square, 3 by 3 pixels, into the corner of every picture labelled **shirt** (our figures draw bright pixels dark, so it looks black): of the training set and, since both come from the same shop, of the test set.
"""

# %%
SHIRT, CORNER = 6, (..., slice(2, 5), slice(2, 5))
on_mark = np.zeros((28, 28), dtype=bool)
on_mark[CORNER] = True


def stamped(pictures, which):
    """Copies with the mark in the corner of those pictures for which `which` is true."""
    marked = pictures.clone()
    corners = marked[CORNER]
    marked[CORNER] = torch.where(which[:, None, None, None], torch.ones_like(corners), corners)
    return marked


shop_train, shop_test = stamped(x_train, y_train == SHIRT), stamped(x_test, y_test == SHIRT)
examples = torch.cat([shop_test[y_test == k][:4] for k in (SHIRT, 0)])
plot.show(
    plot.images(
        examples[:, 0].numpy(),
        [names[SHIRT]] * 4 + [names[0]] * 4,
        columns=8,
        title="Pictures from the shop with a stamp",
    )
)

# %%
predict(
    "saliency.hans",
    "Two networks learn from the shop's pictures, with the starts and steps of our network and its twin, which learned from clean ones. Each is tested on pictures like its own. Beside the clean kind, the network with the stamp has an accuracy that is ...",
    ["lower: the stamp disturbs", "about the same, within a point", "higher"],
)

# %%
hans = [trained(shop_train, y_train, seed, TRAINING) for seed in course_seeds(2)]
honest = [network, twin]  # the same starts, the same steps, clean pictures
rates = {"hans": [hit_rate(one, shop_test, y_test) for one in hans], "honest": right}
for name, runs in rates.items():
    print(f"{name:>7}: {mean_and_spread(runs, percent=True)} of its own kind of test pictures")
ahead = np.mean(rates["hans"]) - np.mean(rates["honest"])
reveal(
    "saliency.hans",
    f"{100 * ahead:+.1f} points",
    0 if ahead < -0.01 else 1 if ahead < 0.01 else 2,
)

# %% [markdown]
r"""
By its accuracy you would pick Hans: he is the better one. Nothing in the numbers warns you. Now look at its explanations. To put a number on what we see, ask which share of a map falls on the nine pixels of the stamp.
"""


# %% tags=["exercise"]
@exercise("deletion.share_inside")
def share_inside(values, inside):
    """Which share of each map, in sizes without signs, falls on a marked part; (N,).

    values : array, (N, ...). inside : array of bool, (...), the same for all maps.
    A map that is 0 everywhere has a share of 0.
    """
    ### BEGIN SOLUTION
    size = np.abs(values)
    within, whole = size[:, inside].sum(axis=1), size.reshape(len(size), -1).sum(axis=1)
    return np.where(whole > 0, within / np.where(whole > 0, whole, 1), 0.0)
    ### END SOLUTION


# %%
predict(
    "saliency.reveal",
    "The stamp covers about one pixel in ninety. Which methods give it at least ten times that share, in the maps of stamped shirts?",
    ["all of them", "most of them", "none of them"],
)

# %%
shirts = x_test[y_test == SHIRT][:40]
stamped_shirts = stamped(shirts, torch.ones(len(shirts), dtype=torch.bool))
as_shirt = torch.full((len(shirts),), SHIRT)
nearby = np.zeros((28, 28), dtype=bool)
nearby[:9, :9] = True  # the stamp and what lies around it


def maps_of_shirts(model):
    """Each method's maps of the stamped shirts, as arrays (N, 28, 28)."""
    found = all_maps(model, as_shirt, stamped_shirts)
    return {name: values[:, 0].numpy() for name, values in found.items()}


def shares(found, part):
    """The mean share of each method's maps that falls on a part of the picture."""
    return {name: float(share_inside(values, part).mean()) for name, values in found.items()}


maps_by_hans = [maps_of_shirts(one) for one in hans]
by_hans = [shares(found, on_mark) for found in maps_by_hans]
by_honest = [shares(maps_of_shirts(one), on_mark) for one in honest]
around = [shares(found, nearby) for found in maps_by_hans]
fair = on_mark.mean()
plot.show(
    plot.attribution_maps(
        stamped_shirts[:3, 0].numpy(),
        {name: values[:3] for name, values in maps_by_hans[0].items()},
        title="Why does Hans say shirt?",
    )
)

# %%
print(f"share of the map that falls on the stamp ({fair:.1%} of the pixels), and for hans on")
print(f"the corner of 9 by 9 pixels around it ({nearby.mean():.1%} of the pixels)")
for name in methods:
    on, clean, near = (
        mean_and_spread([run[name] for run in runs], percent=True)
        for runs in (by_hans, by_honest, around)
    )
    print(f"{name:>24}: hans {on}, corner {near}; honest {clean}")
finders = [name for name in methods if min(run[name] for run in by_hans) > 10 * fair]
reveal(
    "saliency.reveal",
    f"{len(finders)} of {len(methods)}: {', '.join(finders)}",
    0 if len(finders) == len(methods) else 1 if len(finders) > len(methods) / 2 else 2,
)

# %% [markdown]
r"""
A stamp is white, so methods that multiply by the picture give it a little in any case: look at the honest network's numbers before you judge Hans's. The test is a hard one for coarse methods. Occlusion paints each patch of 4 by 4 whole, and the stamp lies across four of them: even if it named these four and nothing else, the stamp would get only 9 of their 64 pixels. That is why the corner stands beside it, and there occlusion points as clearly as others do. Grad-CAM does not: it puts next to nothing on the stamp, and on the corner not much more than an even spread over the picture would.

Why? Its map has 7 by 7 places, and a channel has *one* weight for all of them: the mean of its gradient. A channel that answers to the stamp raises the score in the corner and nowhere else. On average over all places little of that is left. If this is a reason, then a weight for each place should bring more of the map onto the stamp: multiply what was seen by the gradient, place by place, and only then add up.
"""

# %%
predict(
    "saliency.places",
    "Grad-CAM with a weight for each place in place of one for each channel. Its share on the stamp ...",
    ["stays below 2 in 100", "rises above that"],
)


# %%
def place_by_place(model, kinds, x):
    """Like Grad-CAM, with the gradient of each place as its weight, (N, 1, H, W)."""
    channels = model[:CUT](x).detach()
    slope = saliency(score_of(model[CUT:], kinds), channels)
    small = torch.relu((slope * channels).sum(dim=1, keepdim=True))
    return F.interpolate(small, size=x.shape[2:], mode="bilinear")


local = [
    {"place by place": place_by_place(one, as_shirt, stamped_shirts)[:, 0].numpy()}
    for one in hans
]
by_place, place_around = (
    [shares(found, part)["place by place"] for found in local] for part in (on_mark, nearby)
)
usual_share, usual_around = ([run["Grad-CAM"] for run in runs] for runs in (by_hans, around))
print("share on the corner of 9 by 9 pixels:")
for name, runs in {"Grad-CAM": usual_around, "place by place": place_around}.items():
    print(f"{name:>16}: {mean_and_spread(runs, percent=True)}")
reveal(
    "saliency.places",
    f"{mean_and_spread(by_place, percent=True)} of the map on the stamp; Grad-CAM {mean_and_spread(usual_share, percent=True)}",
    0 if np.mean(by_place) < 0.02 else 1,
)

# %% [markdown]
r"""
The averaging is a good part of it. Another part is that a place of the 7 by 7 has *seen* a wider window than the one it is drawn on: a spot may lie beside what caused it. To be fair: Grad-CAM was made for networks that average over all places before their last layer, and ours does not; there the gradient of a channel is the same everywhere, and nothing is lost. It still runs on ours, without a word. What one method misses another may see: never trust one map.

So far it was easy, though: we knew where to look. Would somebody who suspects nothing find it? Let us search blindly. For each of the ten classes take the mean size of the maps over some test pictures, and find the window of 3 by 3 pixels that holds most of it. Which class and window stand out most?

We ask both networks that learned from the shop. Beside the explanations stand two things that anybody could have done in a minute. One is the **mean picture** of each class, minus the mean of all: no network at all. The other is a **linear model**, one weight for each pixel and class, times the picture.
"""

# %%
predict(
    "saliency.blind",
    "Does the blind search by the mean pictures, without any network, point at the stamp?",
    ["yes", "no"],
)

# %%
PER_CLASS = 10
rows = torch.cat([torch.nonzero(y_test == k)[:PER_CLASS, 0] for k in range(10)])
shop_pictures, shop_labels = shop_test[rows], y_test[rows]


def linear_weights(x, y, seed, steps=300):
    """The weights (10, 1, 28, 28) of a linear model of pictures x with labels y."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        line = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    step = TorchStep(line, F.cross_entropy, torch.optim.Adam(line.parameters(), lr=3e-3))
    some = torch.tensor(np.random.default_rng(seed).integers(len(x), size=(steps, 64)))
    fit(step, ((x[part], y[part]) for part in some), progress=False)
    return line[1].weight.detach().reshape(10, 1, 28, 28)


def most_striking(values):
    """The class, the corner of the 3 by 3 window, and its share of the class's maps; values (10 * n, 1, 28, 28)."""
    size = values.abs().reshape(10, -1, 28, 28).mean(dim=1)  # (10, 28, 28)
    size = size / size.sum(dim=(1, 2), keepdim=True).clamp_min(1e-12)
    windows = 9 * F.avg_pool2d(size[:, None], 3, stride=1)[:, 0]  # (10, 26, 26)
    kind, top, left = np.unravel_index(int(windows.argmax()), windows.shape)
    return int(kind), int(top), int(left), float(windows.max())


class_means = torch.stack([shop_train[y_train == k].mean(dim=0) for k in range(10)])
found = {name: [] for name in methods}
for one in hans:
    for name, values in all_maps(one, shop_labels, shop_pictures).items():
        found[name].append(values)
found["mean pictures, no network"] = [class_means - shop_train.mean(dim=0)]
found["linear model x input"] = [
    linear_weights(shop_train, y_train, seed)[shop_labels] * shop_pictures
    for seed in course_seeds(2)
]
hits = {}
for name, runs in found.items():
    struck = [most_striking(values) for values in runs]
    hits[name] = [  # the window overlaps the stamp
        kind == SHIRT and abs(top - 2) <= 2 and abs(left - 2) <= 2
        for kind, top, left, _ in struck
    ]
    kind, top, left, part = struck[0]
    print(
        f"{name:>26}: {names[kind]:<11} rows {top:2}-{top + 2:2}, columns {left:2}-{left + 2:2}, {part:4.0%} of the map; "
        f"on the stamp in {sum(hits[name])} of {len(runs)}"
    )
pointed = "do" if all(hits["mean pictures, no network"]) else "do not"
reveal(
    "saliency.blind",
    f"the mean pictures {pointed}",
    0 if pointed == "do" else 1,
)

# %% [markdown]
r"""
(The class and window printed are those of the first network.) Explanations found the trap, most of them, and so did simpler tools. That is no shame, and it is worth remembering: *look at your data first*. Mean pictures cost nothing. They show every cue that sits in the same place in the same form. They would be helpless against a watermark that moves about, or a hospital's shade of grey; there an explanation of single pictures, or a test that takes the cue away, is what is left.

Now be careful. A map says where to look. It does not *prove* that the network relies on what is there. For that, change it and see.
"""

# %%
predict(
    "saliency.repair",
    "Two repairs: train without the stamp; or stamp a random tenth of all training pictures, whatever their class. Which network is then no longer deceived by a stamp on, say, a trouser?",
    [
        "both",
        "only the one that never saw a stamp",
        "only the one that saw it on everything",
        "neither",
    ],
)

# %%
anywhere = torch.rand(len(x_train), generator=torch_rng(11)) < 0.1
repaired = [
    trained(stamped(x_train, anywhere), y_train, seed, TRAINING) for seed in course_seeds(2)
]
by_repaired = [shares(maps_of_shirts(one), on_mark) for one in repaired]

some_tests = slice(0, 2500)  # enough of them for these rates
x_check, y_check = x_test[some_tests], y_test[some_tests]
clean_shirts, not_shirts = y_check == SHIRT, y_check != SHIRT
everywhere = stamped(x_check, torch.ones(len(x_check), dtype=torch.bool))


def share_true(which):
    """The share of the pictures for which something is true."""
    return which.float().mean().item()


def examined(models):
    """What networks do with stamps: five rates, each over the networks (seeds)."""
    said = [(answers(one, x_check), answers(one, everywhere)) for one in models]
    return {
        "right, shop's test": [
            share_true(torch.where(clean_shirts, marked, clean) == y_check)
            for clean, marked in said
        ],
        "right, clean test": [share_true(clean == y_check) for clean, _ in said],
        "right, all stamped": [share_true(marked == y_check) for _, marked in said],
        "clean shirts found": [share_true(clean[clean_shirts] == SHIRT) for clean, _ in said],
        "others called shirt": [share_true(marked[not_shirts] == SHIRT) for _, marked in said],
    }


arms = {"hans": hans, "stamp removed": honest, "stamp on any class": repaired}
exams = {name: examined(models) for name, models in arms.items()}
for name, exam in exams.items():
    print(name)
    for what, runs in exam.items():
        print(f"  {what:>20}: {mean_and_spread(runs, percent=True)}")

# %%
lost = {
    name: np.mean(exam["right, clean test"]) - np.mean(exam["right, all stamped"])
    for name, exam in exams.items()
}
safe = [abs(lost[name]) < 0.02 for name in ("stamp removed", "stamp on any class")]
reveal(
    "saliency.repair",
    ", ".join(
        f"{name}: a stamp on everything costs {100 * cost:.1f} points"
        for name, cost in lost.items()
    ),
    {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}[tuple(safe)],
)
after = {
    "hans": by_hans,
    "stamp removed": by_honest,
    "stamp on any class": by_repaired,
}
plot.show(
    plot.bars(
        {
            name: [100 * run["integrated gradients"] for run in runs]
            for name, runs in after.items()
        },
        xlabel="training",
        ylabel="share of the map on the stamp (per cent)",
        title="Integrated gradients of stamped shirts, before and after the repair",
    )
)

# %%
revealed = {name: np.mean([run[name] for run in by_hans]) for name in methods}
mended = {name: np.mean([run[name] for run in by_repaired]) for name in methods}
found_clean = np.mean(exams["hans"]["clean shirts found"])
claim("explanations-reveal-the-planted-cue").judge(
    revealed["integrated gradients"] > 10 * fair
    and revealed["integrated gradients"] > 4 * mended["integrated gradients"]
    and len(finders) >= 4
    and ahead > 0
    and found_clean < 0.5,
    evidence=f"accuracy with the stamp {np.mean(rates['hans']):.1%}, without any {np.mean(rates['honest']):.1%}; clean shirts found "
    f"{found_clean:.1%}; share of the map on the stamp ({fair:.1%} of the pixels): "
    + ", ".join(
        f"{name} {revealed[name]:.1%} (repaired {mended[name]:.1%})" for name in methods
    )
    + f"; the blind search pointed at it with {sum(all(hits[name]) for name in methods)} of {len(methods)} methods for both networks; "
    f"the mean pictures of the classes, without a network, {pointed}",
)

# %% [markdown]
r"""
Hans is ruined without his stamp: of clean shirts he finds next to none. And the repaired networks pay for their honesty with a lower number on the shop's own test set. If you reported only that, you would have chosen the horse.

The two repairs are not the same. A network that never saw a stamp has not learned that it means nothing, and may do anything when it meets one; look at what it costs here. The other has seen it on everything and learned to look past it. If you cannot clean the data, spoil the cue.

## 9. A real network, real photographs

Does any of this carry over to a network with millions of weights? EfficientNet-Lite0 has been trained on more than a million photographs of a thousand kinds of things. We show it two that come with scikit-learn, a palace in China and a flower, and ask for the words *palace* and *daisy*.
"""

# %%
big, labels = pretrained(), imagenet_labels()
photographs = load_sample_images().images
asked = ("palace", "daisy")
photos = torch.cat([prepared(photo, centre=0.875) for photo in photographs])  # (2, 3, 224, 224)
wanted = torch.tensor([labels.index(word) for word in asked])
with torch.no_grad():
    chances = big(photos).softmax(dim=1)
for photo, word in zip(chances, asked, strict=True):
    best = photo.topk(4)
    said = ", ".join(
        f"{labels[k]} {p:.0%}" for p, k in zip(best.values, best.indices, strict=True)
    )
    print(f"photograph of a {word}: {said}")

# %% [markdown]
r"""
Your own functions work as they are. For Grad-CAM the cut lies behind the last convolution (7 by 7 places, as before). For integrated gradients the baseline is the photograph itself, strongly blurred: *what is it that makes this a palace, beyond patches of colour?*
"""

# %%
predict(
    "saliency.photographs",
    "Integrated gradients with 16 steps on this deep network: by how much does the sum miss f(x) - f(b)?",
    ["by less than 1 in 100", "by 1 to 5 in 100", "by more than that"],
)

# %%
big_score = score_of(big, wanted)


def blurred_photo(pictures, width=31):
    """Twice the mean over a window, mirrored at the borders."""
    for _ in range(2):
        pictures = F.avg_pool2d(
            F.pad(pictures, (width // 2,) * 4, mode="reflect"), width, stride=1
        )
    return pictures


start = blurred_photo(photos)
along = integrated_gradients(big_score, photos, start, steps=16)  # (2, 3, 224, 224)
places = grad_cam(
    big.features,
    lambda seen: big.fc(seen.mean(dim=(2, 3))).gather(1, wanted[:, None])[:, 0],
    photos,
)  # (2, 7, 7)
with torch.no_grad():
    high, low = big_score(photos), big_score(start)
gaps = ((along.sum(dim=(1, 2, 3)) - (high - low)) / (high - low)).abs()
reveal(
    "saliency.photographs",
    ", ".join(f"{word} {gap:.1%}" for word, gap in zip(asked, gaps, strict=True)),
    0 if gaps.max() < 0.01 else 1 if gaps.max() < 0.05 else 2,
)
grey = (photos.mean(dim=1) + 1) / 2  # (2, 224, 224), from 0 to 1
enlarged = F.interpolate(places[:, None], size=(224, 224), mode="bilinear")[:, 0]
fine = F.avg_pool2d(along.sum(dim=1, keepdim=True), 9, stride=1, padding=4)[:, 0]
top = fine.abs().flatten(1).quantile(0.99, dim=1)[:, None, None]
fine = fine.clamp(-top, top)  # for the picture: the largest hundredth would outshine the rest
for k, word in enumerate(asked):
    for method, values in (("Grad-CAM", enlarged), ("integrated gradients, smoothed", fine)):
        explanation = Attribution(
            values[k].numpy(), np.array(0.0), high[k].numpy(), (), method, complete=False
        )
        plot.show(
            plot.attribution_map(
                explanation, picture=1 - grey[k].numpy(), title=f"{method}: {word}"
            )
        )

# %% [markdown]
r"""
Grad-CAM's cloud lies on the front of the palace and on the head of the flower. (This network does average over all places before its last layer: here the method is at home.) Integrated gradients are a scatter of dots for and against, many of them along roofs and petals. It looks plausible. We have learned not to stop there: cover what the maps call important, and ask again. Cells of 32 by 32 pixels, a fifth of all cells, covered by the blur. Beside them stand two orders that do not know the network: random cells, and the cells nearest to the *middle* of the picture, where photographers put what they mean.
"""

# %%
predict(
    "saliency.middle",
    "A fifth of the cells is covered. Whose choice makes the scores of palace and daisy fall furthest, on average?",
    ["Grad-CAM's", "integrated gradients'", "the middle's", "a random one"],
)

# %%
ring = (torch.arange(7) - 3.0) ** 2
middle = -(ring[:, None] + ring[None, :]).expand(2, 7, 7)
choices = {
    "Grad-CAM": [places],
    "integrated gradients": [F.avg_pool2d(along.sum(dim=1), 32)],
    "the middle": [middle + 1e-3 * torch.rand(2, 7, 7, generator=torch_rng(13))],
    "a random one": [torch.rand(2, 7, 7, generator=torch_rng(14 + k)) for k in range(4)],
}


def fall(order):
    """How far each score falls when a fifth of the cells, the largest of an order (2, 7, 7), is covered."""
    rank = order.flatten(1).argsort(dim=1, descending=True).argsort(dim=1).view(2, 1, 7, 7)
    gone = F.interpolate((rank < 10).float(), scale_factor=32) > 0
    with torch.no_grad():
        return (high - big_score(torch.where(gone, start, photos))).numpy()


drawn_falls = {
    name: np.array([fall(order) for order in found]) for name, found in choices.items()
}
fell = {name: found.mean(axis=0) for name, found in drawn_falls.items()}
for name, (palace, daisy) in fell.items():
    print(f"{name:>22}: palace falls by {palace:5.2f}, daisy by {daisy:5.2f}")
lowest, highest = (extreme(drawn_falls["a random one"], axis=0) for extreme in (np.min, np.max))
print(
    f"{'four random choices':>22}: palace from {lowest[0]:.2f} to {highest[0]:.2f}, daisy from {lowest[1]:.2f} to {highest[1]:.2f}"
)
print(f"{'everything covered':>22}: {high[0] - low[0]:20.2f} {high[1] - low[1]:14.2f}")
winner = max(fell, key=lambda name: fell[name].mean())
reveal("saliency.middle", f"{winner} ({fell[winner].mean():.2f})", list(fell).index(winner))

# %% [markdown]
r"""
A score can even rise when something is covered that spoke against the word. And look at the two photographs one by one: how far ahead a method is, and whether the middle is a match for it, differs between them. Two photographs rank nothing; they show how to ask. Take a hundred of your own, and keep the middle of the picture as the one to beat.

## When it breaks

**The probability in place of the score.** Where the network is sure, the softmax is flat: the probability is near 1 and has nowhere to go.
"""

# %%
predict(
    "saliency.softmax",
    "Among our pictures, take the half of which the network is most sure. The gradient of the probability there, beside that of the score, is on average ...",
    ["about as long", "about five times shorter", "more than ten times shorter"],
)

# %%
probability = probability_of(network, chosen)
with torch.no_grad():
    sureness = probability(x)
sure = sureness >= sureness.median()
lengths = [
    saliency(function, x).flatten(1).norm(dim=1)[sure].mean().item()
    for function in (score, probability)
]
reveal(
    "saliency.softmax",
    f"mean length {lengths[0]:.3g} for the score, {lengths[1]:.2g} for the probability: a factor of {lengths[0] / lengths[1]:.0f}",
    0 if lengths[0] < 2.5 * lengths[1] else 1 if lengths[0] < 10 * lengths[1] else 2,
)

# %% [markdown]
r"""
It does not look like it, because every map is scaled by its own largest number. **That scaling is the second trap**: a map of next to nothing is as colourful as any other. Here are the gradients of our network and of one that has learned nothing, drawn as always, with their true size printed below.
"""

# %%
nothing = small_network(course_seed(20)).eval()
idle = saliency(score_of(nothing, chosen), x)
show_maps(
    {"trained": gradient, "untrained": idle},
    "Which of them learned?",
)
print(
    f"largest number of a map, on average: trained {gradient.abs().amax(dim=(1, 2, 3)).mean().item():.3g}, "
    f"untrained {idle.abs().amax(dim=(1, 2, 3)).mean().item():.2g}"
)

# %% [markdown]
r"""
| what you see | what it is | what to do |
|---|---|---|
| maps nearly 0 just where the network is sure | you explain the probability | explain the score |
| every map looks like the picture's outline | it is multiplied by the picture, or the method only finds edges | the randomisation test, and compare on ink only |
| integrated gradients do not add up | too few steps | print the gap, take more |
| a dark object never counts | the baseline is black | a blurred or a mean baseline; say which |
| another map each time | dropout is on, or noise without a generator | `eval()` (notebook 08); hand in a generator |
| Grad-CAM everywhere or nowhere | the layer is too high or too low, or its weights cancel | another layer; occlusion beside it |
| a lovely map on the object, for every class you ask | it does not depend on the class | ask for a class that is not there |
| deletion curves that contradict each other | another cover | show two covers, and a trivial order |

## Explain it back

**Q1.** Integrated gradients with a black baseline give a pixel the value 0. What do you know?

<details><summary>A. The score does not depend on that pixel.</summary>

**No.** If the pixel is black, its value is 0 whatever the network does: it never left the baseline.

</details>
<details><summary>B. Either the pixel is black like the baseline, or its slopes on the way cancel or vanish.</summary>

**Right.** The value is a way times a mean slope. It is 0 if either is.

</details>
<details><summary>C. The baseline was a bad choice.</summary>

**No.** Every baseline leaves some pixels where they are. One only has to know which.

</details>

**Q2.** All weights of a network are drawn anew, and a map hardly changes. What follows?

<details><summary>A. The map shows the picture more than the network.</summary>

**Right.** What does not change with the network cannot be about what the network has learned.

</details>
<details><summary>B. The explanation is robust, which is good.</summary>

**No.** Robust to a little noise is good. Robust to the loss of everything that was learned is not.

</details>
<details><summary>C. The network had learned nothing before either.</summary>

**No.** That is checked by its accuracy, not by a map.

</details>

**Q3.** Method A has a lower deletion curve than method B, covered with black. Which is the more faithful?

<details><summary>A. A, that is what the test measures.</summary>

**No.** It measures it for this cover. With another the order may turn round.

</details>
<details><summary>B. B: a low curve means that the picture was destroyed.</summary>

**No.** Both cover equally many pixels at each step.

</details>
<details><summary>C. A, for this cover; ask for a second one, and for the curve of an order that knows nothing.</summary>

**Right.** A number without something to compare with says little.

</details>

**Q4.** A test set shows a higher accuracy than you had hoped for. An explanation puts half of its weight on a corner. What do you do first?

<details><summary>A. Change the corner in test pictures, and see whether the answers change.</summary>

**Right.** The map says where to look. Whether the network relies on it, an experiment says.

</details>
<details><summary>B. Drop the explanation: the accuracy is what counts.</summary>

**No.** The test set may hold the same cue. Then its accuracy says nothing about pictures from elsewhere.

</details>
<details><summary>C. Train longer.</summary>

**No.** A cue that is always right will only be learned better.

</details>

**Q5.** (From notebook 09.) Grad-CAM's map of our network has 7 by 7 places. How much of the picture does one place depend on?

<details><summary>A. On 4 by 4 pixels: 28 divided by 7.</summary>

**No.** That is how far apart the places are. Each has seen a wider window: its receptive field.

</details>
<details><summary>B. On more than 4 by 4 pixels: windows of windows overlap.</summary>

**Right.** Each convolution widens what a place has seen; the map is drawn as if it had not.

</details>
<details><summary>C. On the whole picture, as after a dense layer.</summary>

**No.** Three convolutions do not reach that far.

</details>

**Q6.** (From notebook 06.) Which of these would have warned us of Hans *without* any explanation?

<details><summary>A. Cross-validation on the shop's pictures.</summary>

**No.** All folds hold the stamp.

</details>
<details><summary>B. A larger training set from the same shop.</summary>

**No.** More stamped shirts teach the stamp better.

</details>
<details><summary>C. A test set from another shop.</summary>

**Right.** The only accuracy that counts is on data like those that the network will meet.

</details>

## Go further

**A small one.** Put the stamp into a *random* place of each shirt instead of the corner. Do the mean pictures still find it? Do the explanations? Which ones?

**A project.** Breed a Hans of a kind that nobody stamped: make the shirts a little brighter, or blur all pictures of one class. Have somebody else do it, without telling you what was changed. How long does it take you to find out, and which tool told you? Then write down the test that would have told you at once.

**Sources.**
K. Simonyan, A. Vedaldi and A. Zisserman (2014), *Deep inside convolutional networks*: the gradient.
M. Zeiler and R. Fergus (2014), *Visualizing and understanding convolutional networks*: occlusion.
J. Springenberg et al. (2015), *Striving for simplicity: the all convolutional net*: guided backpropagation.
D. Smilkov et al. (2017), *SmoothGrad: removing noise by adding noise*.
M. Sundararajan, A. Taly and Q. Yan (2017), *Axiomatic attribution for deep networks*: integrated gradients.
R. Selvaraju et al. (2017), *Grad-CAM: visual explanations from deep networks via gradient-based localization*.
V. Petsiuk, A. Das and K. Saenko (2018), *RISE: randomized input sampling for explanation of black-box models*: deletion and insertion.
J. Adebayo et al. (2018), *Sanity checks for saliency maps*.
J. Zech et al. (2018), *Variable generalization performance of a deep learning model to detect pneumonia in chest radiographs*.
S. Hooker, D. Erhan, P. Kindermans and B. Kim (2019), *A benchmark for interpretability methods in deep neural networks*: retraining with covered pictures.
S. Lapuschkin et al. (2019), *Unmasking Clever Hans predictors and assessing what machines really learn*.
P. Sturmfels, S. Lundberg and S.-I. Lee (2020), *Visualizing the impact of feature attribution baselines*.
O. Pfungst (1907), *Das Pferd des Herrn von Osten (Der kluge Hans)*.
"""
