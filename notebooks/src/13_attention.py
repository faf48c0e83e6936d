# %% [markdown]
r"""
# Attention: looking back instead of remembering

**The question.** A recurrent network reads a sequence from one end to the other and must carry all that matters along in one vector. What if it could simply look back, at any place, whenever it needs something? And what does that cost?

**After this notebook you will be able to**

- compute scaled dot-product attention by hand and in code, and say what the root is for;
- hide the future and the padding with a mask, and prove by experiment that nothing leaks;
- split attention into heads, and tell it the order of things in three ways;
- build a translator with attention and without, look where it looks, and compare it with a plain dictionary;
- measure what attention costs in time and memory, and say when it pays.

**Builds on** 08 PyTorch: modules and the training step; 10 Recurrent networks: hidden state, GRU and LSTM. **Time** about 90 minutes, of which your computer needs one to two minutes.
"""

# %%
import math
import re
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from coursekit import corpora, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import bleu, mean_and_spread
from coursekit.models.attention import MultiheadAttention
from coursekit.models.positions import LearnedPositions, rotary
from coursekit.models.seq2seq import (
    END,
    PAD,
    UNKNOWN,
    Seq2Seq,
    Symbols,
    padded,
    sequence_loss,
    teacher_forced,
)
from coursekit.predict import predict, reveal
from coursekit.settings import course_seed, course_seeds


def torch_rng(k):
    """A PyTorch generator for the course's seed number k."""
    return torch.Generator().manual_seed(course_seed(k))


# %% [markdown]
r"""
## 1. Four tokens by hand

Somebody wrote *Friday 14 February 1936*, and we are to write the date as a computer likes it: year, month, day. A person does not learn the line by heart first. A person asks "which year?", lets the eye jump to the place that answers, and takes what stands there. Attention is this, as arithmetic.

Each of the four words, or **tokens**, brings two rows of numbers: a **key**, which says what it can be asked for, and a **value**, which is what it answers. We make the keys up ourselves, with one number each for "I am a weekday", "a day", "a month", "a year". What we want to know is a **query**: a row of numbers of the same length. A query fits a key if their product (the dot product: multiply number by number, add up) is large. Let $q$ be the query, $k_s$ and $v_s$ the key and the value of token $s$:

1. **scores**: $q \cdot k_s$, one number a token;
2. **weights**: the softmax of the scores (notebook 02), $a_s$ for token $s$. They are positive, and together 1;
3. **output**: the mean of the values with these weights, $\sum_s a_s v_s$.

In the cell a query for the year is asked three times: faintly, more clearly, very clearly.
"""

# %%
tokens = ["Friday", "14", "February", "1936"]
keys = 3 * torch.eye(4)  # weekday, day, month, year
values = torch.tensor([[5.0], [14.0], [2.0], [1936.0]])  # what each token answers
which_year = torch.tensor([0.0, 0.0, 0.0, 1.0])

for strength in (1, 2, 4):
    scores = keys @ (strength * which_year)  # (4,)
    weights = scores.softmax(dim=0)
    said = ", ".join(
        f"{token} {weight:.2f}" for token, weight in zip(tokens, weights, strict=True)
    )
    print(
        f"query times {strength}: scores {scores.tolist()}, weights {said}; output {(weights @ values).item():.1f}"
    )

# %% [markdown]
r"""
A faint question gets a mixture of everything, and the mixture of a weekday and a year is nonsense. A clear question gets one token's answer almost alone. In between lies everything that a network can *learn*, because each step has a derivative: turn the query a little, and the output moves a little. A dictionary in a computer cannot be trained. This one can.

Where do keys, values and queries come from in a network? From what it knows at each place, through weights that are learned like any others.

Many queries at once are a matrix. Write the queries as rows of $Q$ $(T, E)$, the keys as rows of $K$ $(S, E)$, the values as rows of $V$: $T$ places ask, $S$ places are asked, $E$ numbers describe each. Then

$$A = \mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt{E}}\right),\qquad \text{output} = A\,V$$

with one softmax for each row of the table $(T, S)$. This is **scaled dot-product attention** (Vaswani et al., 2017). Why the root of $E$ is there we shall measure in a moment.

There is one thing more: a **mask**, a table $(T, S)$ of True and False that says who may look where. A forbidden score becomes minus infinity *before* the softmax. Since $e^{-\infty} = 0$, it gets no weight, and the others share the whole among themselves.
"""


# %% tags=["exercise"]
@exercise("attention.scaled_dot_product")
def scaled_dot_product_attention(q, k, v, mask=None):
    """For each query the mean of the values, weighted by how well their keys fit it.

    q : (..., T, E). k : (..., S, E). v : (..., S, D), D numbers a value. All are tensors; axes
        such as the batch may stand in front.
    mask : tensor of bool that broadcasts to (..., T, S), True where a query may look; or None.
    Returns output, weights: (..., T, D) and (..., T, S).
    """
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., T, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ v, weights
    ### END SOLUTION


# %%
questions = 4 * torch.tensor([[0.0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]])  # year? month? day?
answers, looked = scaled_dot_product_attention(questions, keys, values)
plot.show(
    plot.attention_map(
        looked.numpy(),
        ["year?", "month?", "day?"],
        tokens,
        xlabel="token",
        ylabel="question",
        title="Three questions to four tokens",
        form=".3f",
    )
)
print("answers:", [round(a, 1) for a in answers[:, 0].tolist()])

# %% [markdown]
r"""
Each row is a question and adds up to 1; the dark field is where it looks. Nothing in it depends on where in the sentence the token stands, nor on how far away it is.

A question that fits one key *nearly* alone still takes a little of all the others, and a little of 1936 is a lot: look at the day. The mixture is of numbers here; in a network it is of vectors of features, where a little of something else does less harm.

### What the root is for

Take queries and keys with random numbers of mean 0 and spread 1, as they are at the beginning of training. A product of two such vectors is a sum of $E$ terms, each with spread 1, so its spread is $\sqrt E$. Without the division, longer vectors make larger scores. What does the softmax do with them?

Two numbers tell. The **entropy** $-\sum_s a_s \log_2 a_s$ says how evenly the weight is spread, in bits: 4 bits if 16 keys share it alike, 0 if one key has it all. And the **slope**: by how much the weights move if the scores are moved a little. (It is the size of the table of all derivatives $\partial a_s / \partial \text{score}_r$: its entries squared, added up, and the root taken.) Where the slope is 0, training gets no gradient through the softmax.
"""

# %%
predict(
    "attention.root",
    "16 random keys, vectors of 512 numbers, no division by the root. On average, the key that fits best gets ... of the weight.",
    [
        "about a sixteenth",
        "about a third",
        "nearly all",
    ],
)

# %%
SIZES = [1, 4, 16, 64, 256, 1024]


def softness(size, divide, rng, n=400, keys=16):
    """For random queries and keys: the largest weight, the entropy in bits, and how far a weight can be moved."""
    q, k = torch.randn(n, 1, size, generator=rng), torch.randn(n, keys, size, generator=rng)
    scores = q @ k.transpose(1, 2) / (math.sqrt(size) if divide else 1.0)  # (n, 1, S)
    a = scores.softmax(dim=-1)[:, 0]  # (n, S)
    entropy = -torch.xlogy(a, a).sum(dim=1) / math.log(2)
    jacobian = torch.diag_embed(a) - a[:, :, None] * a[:, None, :]  # d weights / d scores
    return a.amax(dim=1).mean(), entropy.mean(), jacobian.flatten(1).norm(dim=1).mean()


measured = {
    name: np.array([[softness(size, divide, torch_rng(k)) for size in SIZES] for k in range(3)])
    for name, divide in (("with the root", True), ("without", False))
}  # (3, sizes, 3)
for column, what in ((1, "entropy of the weights (bits)"), (2, "size of the softmax's slope")):
    plot.show(
        plot.lines(
            SIZES,
            {name: runs[:, :, column] for name, runs in measured.items()},
            log="x",
            xlabel="E, numbers in a query",
            ylabel=what,
            title="Attention between random vectors, 16 keys",
        )
    )

# %%
largest = softness(512, False, torch_rng(3))[0].item()
soft, hard = (
    measured[name][:, -1] for name in ("with the root", "without")
)  # (3, 3) at E = 1024
reveal(
    "attention.root",
    f"the best key gets {largest:.2f} of the weight at E = 512",
    0 if largest < 0.15 else 1 if largest < 0.6 else 2,
)
claim("root-keeps-softmax-soft").judge(
    hard[:, 1].max() < 0.6
    and soft[:, 1].min() > 2.5
    and soft[:, 2].min() > 3 * hard[:, 2].max(),
    evidence=f"E = 1024, 16 keys: entropy {soft[:, 1].mean():.2f} bits with the root, {hard[:, 1].mean():.2f} without "
    f"(4 would be all alike); slope of the softmax {soft[:, 2].mean():.3f} and {hard[:, 2].mean():.3f}",
)

# %% [markdown]
r"""
Without the root, long vectors make attention a choice of one: the entropy falls towards 0, and the slope with it. A choice without a slope cannot be corrected by training. With the root, the curves stay flat: attention begins soft, whatever the size, and training may sharpen it where that pays.

## 2. Who may look where

A network that is to continue a text learns at all places at once: at place $t$ it must guess token $t + 1$ (teacher forcing, notebook 10). In **self-attention**, where the tokens of one sequence ask each other, every place could look at the very token that it has to guess. So the future must be hidden: place $t$ may look at places $0$ to $t$.
"""


# %% tags=["exercise"]
@exercise("attention.causal_mask")
def causal_mask(length):
    """Who may look where if nobody may look ahead.

    length : int, T. Returns a tensor of bool, (T, T), True where row t may look at column s.
    """
    ### BEGIN SOLUTION
    return torch.ones(length, length, dtype=torch.bool).tril()
    ### END SOLUTION


# %% [markdown]
r"""
How do you know that nothing leaks? Not by reading the code. **Change the future and see whether the past notices**: run the network, change a late token, run it again. No earlier output may differ, not in the last digit. Remember this test. A leak never shows in the loss, except by being too good.

The layer below is a whole one: learned weights make queries, keys and values out of each place's numbers. Three versions: without a mask, with our mask, and with a mask as people sometimes write it, multiplied onto the weights *after* the softmax.
"""

# %%
predict(
    "attention.leak",
    "The third version multiplies the weights by the mask after the softmax, so hidden places get the weight 0. Token 6 of 8 is changed. Do outputs before it change?",
    [
        "no: what is hidden has no weight",
        "yes, although what is hidden has no weight",
        "only the output just before it",
    ],
)

# %%
with torch.random.fork_rng():
    torch.manual_seed(course_seed(4))
    make_qkv = nn.Linear(16, 48)


def masked_early(x):
    """Self-attention, hidden before the softmax."""
    q, k, v = make_qkv(x).chunk(3, dim=-1)
    return scaled_dot_product_attention(q, k, v, causal_mask(len(x)))[0]


def masked_late(x):
    """Self-attention, weights multiplied by the mask after the softmax."""
    q, k, v = make_qkv(x).chunk(3, dim=-1)
    _, weights = scaled_dot_product_attention(q, k, v)
    return (weights * causal_mask(len(x))) @ v


def unmasked(x):
    """Self-attention where everybody sees everything."""
    return scaled_dot_product_attention(*make_qkv(x).chunk(3, dim=-1))[0]


def leak(layer, changed=6, length=8):
    """By how much each output moves if one token is changed: (T,)."""
    x = torch.randn(length, 16, generator=torch_rng(5))
    other = x.clone()
    other[changed] = torch.randn(16, generator=torch_rng(6))
    with torch.no_grad():
        return (layer(x) - layer(other)).abs().amax(dim=1)


leaks = {layer.__name__: leak(layer) for layer in (unmasked, masked_early, masked_late)}
for name, moved in leaks.items():
    print(f"{name:>13}: outputs 0 to 7 move by", "".join(f"{m:>8.2g}" for m in moved))

# %%
early = leaks["masked_late"][:6]
reveal(
    "attention.leak",
    f"outputs before the change move by up to {early.max():.4f} (hidden before the softmax: exactly {leaks['masked_early'][:6].max():g})",
    0 if early.max() == 0 else 1 if (early > 0).sum() > 1 else 2,
)

# %% [markdown]
r"""
A hidden place that was left in the softmax has no weight of its own, but it still sits in the denominator and makes all other weights smaller. The future whispers through the sum. Hide the *scores*.

The second use of masks is **padding**. Sequences of a batch have different lengths; the short ones are filled up with a meaningless token, and nobody should look there. You will need that in section 5.

## 3. Several heads

One softmax can put its weight on one place, or spread it over several; then what comes out is their mean. If a place needs *two* things at once, say its predecessor and the word three places back, a mean of both does not say which was which.

So let several attentions run side by side, each with its own queries and keys: **heads**. To keep the cost the same, the $E$ numbers are shared out: with $H$ heads each works with $E/H$ of them, and what they found is put side by side again, $E$ numbers in all. A last linear layer joins them (Vaswani et al., 2017).

The dealing out is a matter of axes, and a well-known trap: the shape can be right while the numbers are in the wrong places.
"""


# %% tags=["exercise"]
@exercise("heads.split_heads")
def split_heads(x, heads):
    """Deal the E numbers of each place out to H heads; each gets E / H neighbouring numbers.

    x : tensor, (N, T, E). heads : int, H, a divisor of E.
    Returns a tensor, (N, H, T, E / H).
    """
    ### BEGIN SOLUTION
    N, T, E = x.shape
    return x.reshape(N, T, heads, E // heads).transpose(1, 2)
    ### END SOLUTION


# %% [markdown]
r"""
The task: sequences of 12 random symbols out of 8. At each place, say two symbols: the one just before, and the one three places back. One layer of attention, with one head or with two, and *exactly as many weights*. (What says which place is "just before"? Positions; they are the next section. Take them for granted here.)
"""

# %%
predict(
    "attention.heads",
    "Two answers a place. How often are both right?",
    [
        "one head nearly always, two heads nearly always",
        "one head less than half of the time, two heads nearly always",
        "both less than half of the time",
    ],
)


# %%
def training(parameters, loss_of, steps, lr):
    """Adam with a short warm-up and a rate that falls to 0, on the losses of steps 0, 1, 2 ..."""
    parameters = list(parameters)
    optimizer = torch.optim.AdamW(parameters, lr, fused=True)
    for t in range(steps):
        optimizer.param_groups[0]["lr"] = lr * min(1, (t + 1) / 20) * (1 - t / steps)
        optimizer.zero_grad()
        loss = loss_of(t)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    return loss.item()


def two_questions(heads, seed, length=12, symbols=8, width=32):
    """How often a layer with so many heads gets both symbols right, and its number of weights."""
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        embedding = nn.Embedding(symbols, width)
        places = nn.Embedding(length, width)
        layer = MultiheadAttention(width, heads, split=split_heads)
        answer = nn.Linear(width, 2 * symbols)

    def scores(x):
        seen = layer(embedding(x) + places.weight)  # (N, T, E)
        return answer(seen[:, 3:]).unflatten(-1, (2, symbols))  # (N, T - 3, 2, symbols)

    def draw(n):
        x = torch.randint(symbols, (n, length), generator=rng)
        return x, torch.stack([x[:, 2:-1], x[:, :-3]], dim=2)  # (N, T), (N, T - 3, 2)

    def loss_of(_):
        x, y = draw(64)
        return F.cross_entropy(scores(x).flatten(0, 2), y.flatten())

    parts = nn.ModuleList([embedding, places, layer, answer])
    training(parts.parameters(), loss_of, steps=160, lr=8e-3)
    with torch.no_grad():
        x, y = draw(500)
        right = scores(x).argmax(dim=-1) == y
    return right.all(dim=2).float().mean().item(), sum(p.numel() for p in parts.parameters())


by_heads = {h: [two_questions(h, seed) for seed in course_seeds(2)] for h in (1, 2)}
for h, runs in by_heads.items():
    print(
        f"{h} head{'s' * (h > 1)}, {runs[0][1]:,} weights: both right {mean_and_spread([r for r, _ in runs], percent=True)}"
    )

# %%
one, two = (np.mean([r for r, _ in by_heads[h]]) for h in (1, 2))
reveal(
    "attention.heads",
    f"one head {one:.0%}, two heads {two:.0%}",
    2 if two < 0.5 else 1 if one < 0.5 else 0,
)

# %% [markdown]
r"""
The one head can find both symbols, but it hands them over mixed. That is the reason for heads: not more weights, but more *separate* looks.

## 4. What comes first?

Attention is a sum over places. A sum does not care about order. Shuffle the tokens, and the outputs are shuffled in just the same way and otherwise unchanged: the layer is **permutation equivariant**. "Dog bites man" and "man bites dog" are one set of words.

So somebody must write the position into the numbers. Three ways are in use.

**Learned** (Gehring et al., 2017): a table with one row for each position, added to what describes the token, trained like any weight. It ends where the table ends.

**Sinusoidal** (Vaswani et al., 2017): a fixed table, added likewise. Think of $E/2$ clocks with one hand each. The first turns by one radian a position, the others more and more slowly: clock $i$, for $i = 0, 1, \dots, E/2 - 1$, has the frequency $f_i = 10000^{-2i/E}$. Each hand has two coordinates, and they are two neighbouring numbers in row $t$ of the table:

$$P_{t,\,2i} = \sin(t f_i),\qquad P_{t,\,2i+1} = \cos(t f_i)$$

A fast clock tells neighbours apart, a slow one beginning and end, as the seconds and the hours do.
"""


# %% tags=["exercise"]
@exercise("positions.sinusoidal")
def sinusoidal(positions, width):
    """Positions as the hands of E / 2 clocks.

    positions : tensor, (T,), such as torch.arange(T). width : int, E, even.
    Returns a tensor of floating-point numbers, (T, E): sine and cosine in turn, pair after pair.
    """
    ### BEGIN SOLUTION
    f = 10_000 ** (-torch.arange(0, width, 2) / width)  # (E / 2,)
    angles = positions[:, None] * f  # (T, E / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    ### END SOLUTION


# %%
table = sinusoidal(torch.arange(60), 32)  # (60, 32)
clocks = plot.lines(
    np.arange(60),
    {f"number {n} of 32": table[:, n].numpy() for n in (0, 6, 12, 18)},
    markers=False,
    xlabel="position t",
    ylabel="sine of the clock's angle",
    title="Sinusoidal positions: four of the clocks",
)
clocks.set_ylim(-1.1, 1.9)
clocks.legend(ncols=2, loc="upper center", fontsize=9)
plot.show(clocks)
far = (table @ table[30]) / 16
plot.show(
    plot.lines(
        np.arange(60) - 30,
        {"product with position 30, divided by E / 2": far.numpy()},
        markers=False,
        xlabel="distance in positions",
        ylabel="similarity (1: the same)",
        title="How alike are two positions?",
    )
)

# %% [markdown]
r"""
The curves of the first picture are four of the 32 numbers. Cut through them at one position, and you have a part of that position's row. The fastest clock comes round after a good six positions; with the slower ones beside it no two rows are alike. The second picture shows products of rows: a position is most like itself, then like its neighbours, and it is the *distance* that counts, the same to both sides.

**Rotary** (Su et al., 2021) takes that thought to its end: add nothing, but *turn* each pair of numbers of every query and key by the angle $t f_i$. A product of two vectors that were both turned depends on the difference of the angles only, so a score knows how far apart two tokens are and nothing else about where they stand. The function is in `coursekit.models.positions`.
"""

# %%
q, k = (torch.randn(1, 16, generator=torch_rng(n)) for n in (7, 8))


def turned_product(i, j):
    """The product of a query at position i and a key at position j."""
    return (rotary(q, torch.tensor([i])) @ rotary(k, torch.tensor([j])).T).item()


print("two places apart:", [round(turned_product(t + 2, t), 4) for t in (0, 7, 500)])
print("nine places apart:", [round(turned_product(t + 9, t), 4) for t in (0, 7, 500)])

# %% [markdown]
r"""
Now measure equivariance: shuffle the tokens of a sequence, look at how far the outputs are from the shuffled outputs. One attention layer, four versions; then the same with a causal mask and no positions.
"""

# %%
predict(
    "attention.order",
    "Without positions, but with a causal mask: is the order of the tokens still invisible?",
    [
        "yes: a mask is no position",
        "no: the mask alone gives order away",
    ],
)


# %%
class Block(nn.Module):
    """Attention and a small network behind it, each added to what was there before: notebook 14 is about these."""

    def __init__(self, width, heads, turn=None):
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = MultiheadAttention(width, heads, turn, split=split_heads)
        self.network = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x, mask=None):
        x = x + self.attention(self.before(x), mask)
        return x + self.network(self.between(x))


class Reader(nn.Module):
    """Tokens (N, T) to an answer at each place (N, T, answers), with one kind of positions or none."""

    def __init__(self, symbols, answers, kind, causal=False, layers=1, width=32, longest=64):
        super().__init__()
        self.kind, self.causal = kind, causal
        self.embedding = nn.Embedding(symbols, width)
        self.learned = LearnedPositions(longest, width) if kind == "learned" else None
        if self.learned is not None:
            nn.init.normal_(
                self.learned.table
            )  # as large as the tokens' numbers: it learns faster
        turn = rotary if kind == "rotary" else None
        self.blocks = nn.ModuleList(Block(width, 2, turn) for _ in range(layers))
        self.answer = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, answers))

    def forward(self, tokens):
        T = tokens.shape[1]
        x = self.embedding(tokens)  # (N, T, E)
        if self.kind == "sinusoidal":
            x = x + sinusoidal(torch.arange(T), x.shape[-1])
        if self.kind == "learned":
            x = x + self.learned(torch.arange(T))
        mask = causal_mask(T) if self.causal else None
        for block in self.blocks:
            x = block(x, mask)
        return self.answer(x)


def made(seed, *args, **kwargs):
    """A Reader whose first weights follow from the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Reader(*args, **kwargs)


def off_by(network):
    """How far f(shuffled) is from shuffled f, relative to the outputs' spread."""
    x = torch.randint(8, (20, 12), generator=torch_rng(9))
    order = torch.randperm(12, generator=torch_rng(10))
    with torch.no_grad():
        plain = network(x)
        return ((network(x[:, order]) - plain[:, order]).abs().max() / plain.std()).item()


kinds = {
    kind: off_by(made(course_seed(11), 8, 8, kind))
    for kind in ("none", "sinusoidal", "learned", "rotary")
}
kinds["none, causal mask"] = off_by(made(course_seed(11), 8, 8, "none", causal=True))
for name, off in kinds.items():
    print(f"positions: {name:>17}   f(shuffled) - shuffled f: {off:.1e}")

# %% [markdown]
r"""
The layer without positions is equivariant up to rounding (1e-07 is $10^{-7}$). The causal mask breaks that at once: the first place sees one token, the last one all of them. Is that enough to *use* the order? Ask a question that is about nothing else: a sequence of 12 symbols holds one A and one B. **Which comes first?** With full attention the answer is read from the mean over all places, with a causal mask from the last place. Fresh sequences at every step, so nothing can be learned by heart. Afterwards we also ask for sequences twice as long as any seen in training.
"""

# %%
predict(
    "attention.longer",
    "Trained on sequences of 12, asked about sequences of 24: which of the three kinds of positions gets most of these right?",
    ["learned", "sinusoidal", "rotary", "all about alike"],
)


# %%
def which_first(n, length, rng):
    """Sequences with one A (0) and one B (1) among other symbols, and whether A comes first."""
    x = torch.randint(2, 10, (n, length), generator=rng)
    places = torch.rand(n, length, generator=rng).argsort(dim=1)[:, :2]
    x.scatter_(1, places[:, :1], 0)
    x.scatter_(1, places[:, 1:], 1)
    return x, (places[:, 0] < places[:, 1]).long()


def learn_order(kind, seed, causal=False, layers=1, length=12):
    """Share right on new sequences of the same length, and of twice the length."""
    network, rng = (
        made(seed, 10, 2, kind, causal, layers),
        torch.Generator().manual_seed(seed),
    )

    def scores(x):
        every = network(x)  # (N, T, 2)
        return every[:, -1] if causal else every.mean(dim=1)

    def loss_of(_):
        x, y = which_first(64, length, rng)
        return F.cross_entropy(scores(x), y)

    training(network.parameters(), loss_of, steps=150, lr=6e-3)
    found = []
    with torch.no_grad():
        for n in (length, 2 * length):
            x, y = which_first(1000, n, rng)
            found.append((scores(x).argmax(dim=1) == y).float().mean().item())
    return found


arms = {
    "none": {"kind": "none"},
    "sinusoidal": {"kind": "sinusoidal"},
    "learned": {"kind": "learned"},
    "rotary": {"kind": "rotary"},
    "none, causal, 1 layer": {"kind": "none", "causal": True},
    "none, causal, 2 layers": {"kind": "none", "causal": True, "layers": 2},
}
order = {
    name: np.array([learn_order(seed=seed, **arm) for seed in course_seeds(2)])
    for name, arm in arms.items()
}  # (2, 2)
plot.show(
    plot.bars(
        {name.replace(", ", ",\n"): 100 * runs[:, 0] for name, runs in order.items()},
        xlabel="positions",
        ylabel="right (%)",
        title="Which comes first? (mean of 2 seeds, worst to best; guessing: 50 %)",
    )
)
for name, runs in order.items():
    print(
        f"{name:>22}: length 12 {mean_and_spread(runs[:, 0], percent=True)}, length 24 {mean_and_spread(runs[:, 1], percent=True)}"
    )

# %%
reveal(
    "attention.order",
    f"right with two layers, a causal mask and no positions: {order['none, causal, 2 layers'][:, 0].mean():.1%}; without the mask {order['none'][:, 0].mean():.1%}",
    int(order["none, causal, 2 layers"][:, 0].mean() > 0.7),
)
longer = {k: order[k][:, 1].mean() for k in ("learned", "sinusoidal", "rotary")}
top = max(longer, key=longer.get)
near = max(longer.values()) - min(longer.values()) < 0.05
reveal(
    "attention.longer",
    ", ".join(f"{k} {v:.1%}" for k, v in longer.items()) + " right at twice the length",
    3 if near else list(longer).index(top),
)
blind, told = order["none"][:, 0], order["none, causal, 2 layers"][:, 0]
claim("order-invisible-without-positions").judge(
    kinds["none"] < 1e-4
    and blind.max() < 0.6
    and told.min() > 0.9
    and order["rotary"][:, 0].min() > 0.9,
    evidence=f"without positions and mask: off from equivariance by {kinds['none']:.0e}, {blind.mean():.0%} right where guessing is half; "
    f"rotary {order['rotary'][:, 0].mean():.0%}; without positions, two layers with a causal mask {told.mean():.0%}",
)

# %% [markdown]
r"""
So the sentence that everybody repeats is half true. Full attention without positions is blind to order. But under a causal mask each place sees only what came before it. If the B finds an A among what it can see, the A came first; the first layer can note that at the B, and the second layer can carry it to the last place. Networks that write text have learned without any positions (Haviv et al., 2022). With only one such layer the last place sees all tokens as one heap, and it cannot tell much.

At twice the length (second number of each line) positions are a weakness. Those that were learned are worth what the training has shown them: behind position 11 the table holds the random numbers with which it began. The sinusoidal table goes on, but in rows that the network has never met. Rotary positions speak of distances, and half of the distances have been seen; how much that helps differs from run to run. The network *without* positions, two layers under a causal mask, had no table to run out of.

### How far does it reach?

A recurrent network passes what it read along from step to step, and the gradient comes back by the same way, multiplied at every step (notebook 10). Attention has a path of length one to any place. The test: sequences of $T$ random symbols, all alike, and at the end the question **"what was the first one?"** Nothing but its position makes the first symbol special; a recurrent network sees the order for free, attention needs its sinusoidal table. Same number of steps, same batches, same learning rate for all. (With half of that rate and with twice as much neither recurrent network got any further when this page was made, nor did a GRU.)
"""

# %%
predict(
    "attention.reach",
    "All get 150 training steps. At T = 20, the share of first symbols right will be ...",
    [
        "high for all three",
        "high for LSTM and attention, low for the plain RNN",
        "high for attention only",
        "low for all",
    ],
)

# %%
LENGTHS = [5, 10, 20, 40]


class Recurrent(nn.Module):
    """Tokens (N, T) to scores for each symbol (N, symbols), from the last state."""

    def __init__(self, kind, symbols=8, width=32):
        super().__init__()
        self.embedding = nn.Embedding(symbols, width)
        self.layer = getattr(nn, kind)(width, width, batch_first=True)
        self.answer = nn.Linear(width, symbols)
        if kind == "LSTM":  # begin with an open forget gate, as notebook 10 advises
            self.layer.bias_ih_l0.data[width : 2 * width] = 1.0

    def forward(self, tokens):
        return self.answer(self.layer(self.embedding(tokens))[0][:, -1])


def recall_first(kind, length, seed):
    """Share of first symbols named rightly after 150 steps."""
    rng = torch.Generator().manual_seed(seed)
    if kind == "attention":
        network = made(seed, 8, 8, "sinusoidal")
    else:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = Recurrent(kind)

    def scores(x):
        found = network(x)
        return found[:, -1] if kind == "attention" else found

    def loss_of(_):
        x = torch.randint(8, (32, length), generator=rng)
        return F.cross_entropy(scores(x), x[:, 0])

    training(network.parameters(), loss_of, steps=150, lr=1e-2)
    with torch.no_grad():
        x = torch.randint(8, (1000, length), generator=rng)
        return (scores(x).argmax(dim=1) == x[:, 0]).float().mean().item()


reach = {
    kind: np.array([[recall_first(kind, T, seed) for T in LENGTHS] for seed in course_seeds(2)])
    for kind in ("RNN", "LSTM", "attention")
}
plot.show(
    plot.lines(
        LENGTHS,
        {kind: 100 * runs for kind, runs in reach.items()},
        reference={"guessing": 12.5},
        xlabel="T, symbols to look back over",
        ylabel="first symbol right (%)",
        title="What was the first symbol? (after 150 steps, 2 seeds)",
    )
)

# %%
at_20 = {kind: runs[:, 2].mean() for kind, runs in reach.items()}
good = tuple(share > 0.6 for share in at_20.values())
reveal(
    "attention.reach",
    ", ".join(f"{kind} {share:.0%}" for kind, share in at_20.items()),
    {(True, True, True): 0, (False, True, True): 1, (False, False, True): 2}.get(good, 3),
)
claim("attention-reaches-far").judge(
    reach["attention"][:, 2:].min() > 0.7
    and max(reach[k][:, 2:].max() for k in ("RNN", "LSTM")) < 0.5
    and min(runs[:, 0].min() for runs in reach.values()) > 0.6,
    evidence="first of 5, 10, 20, 40 symbols right: "
    + "; ".join(
        f"{kind} " + ", ".join(f"{x:.0%}" for x in runs.mean(axis=0))
        for kind, runs in reach.items()
    ),
)

# %% [markdown]
r"""
At five symbols all three succeed, so none of the networks is broken. Then the plain RNN drops out, and the LSTM soon after: its gates *can* hold a symbol over twenty steps, but in so few steps of training the gradient that would teach them so does not arrive. Attention pays no price for the distance as such. (Not none at all: the more places there are, the more the first one must stand out from. In longer sequences it too needs more steps.)

## 5. Reading and writing

Now the task for which attention was invented: one sequence in, another one out. The **reader** is a GRU that runs over the source in both directions and leaves a state at each place. The **writer** is a GRU that says one token after the other. The question is what the writer gets to see of the reader:

- **without attention** (Cho et al., 2014): the reader's last state, one vector, the same at every step. All that was read must fit through this bottleneck;
- **with attention** (Bahdanau, Cho and Bengio, 2015): at each step the writer's state is a query to *all* states of the reader, and it gets their mixture. This is **cross-attention**: one sequence asks, another one is asked.

Everything else is the same, down to the number of weights, but for one matrix that makes queries out of the writer's states. The sources of a batch have different lengths, so there is padding, and nobody is to look there.
"""


# %% tags=["exercise"]
@exercise("lookup.cross_attention")
def cross_attention(states, memory, real):
    """A writer looks at what was read.

    states : (N, T, E), the writer's: they ask. memory : (N, S, E), the reader's, keys and
        values both. Scores are divided by the root of E, as in section 1.
    real : tensor of bool, (N, S), False where the source is only padding.
    Returns context, weights: (N, T, E) and (N, T, S).
    """
    ### BEGIN SOLUTION
    return scaled_dot_product_attention(states, memory, memory, real[:, None, :])
    ### END SOLUTION


# %%
dates = corpora.dates()
for written, iso in dates.train[:5]:
    print(f"{written:>28}  ->  {iso}")
learned_days = {iso for _, iso in dates.train}
print(
    f"{len(dates.train):,} days to learn from; of {len(dates.test):,} test days {sum(iso in learned_days for _, iso in dates.test)} "
    "were among these"
)

# %% [markdown]
r"""
Days of two centuries, as people write them in eight ways. The split is **by date**: were it by string, the same day written differently could stand on both sides, and a network that had learned it by heart would look as if it could read. One character is one token. What counts is the **exact match**: all ten characters right.

Both networks get the same batches in the same order, 128 at a time, and 100 steps of AdamW.
"""

# %%
predict(
    "attention.dates",
    "After 100 steps, how many test days are written without a mistake?",
    [
        "nearly all with attention, nearly all without",
        "nearly all with attention, less than half without",
        "less than half in both",
    ],
)


# %%
class Translator:
    """A Seq2Seq network with the symbols of both sides: learns from pairs of token sequences, and writes."""

    def __init__(self, pairs, attend, seed, least=1, **sizes):
        self.source, self.target = (
            Symbols.of([p[side] for p in pairs], least) for side in (0, 1)
        )
        self.rows = [(self.source.encode(a), self.target.encode(b)) for a, b in pairs]
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = Seq2Seq(len(self.source), len(self.target), attend=attend, **sizes)
        self.rng, self.seed = np.random.default_rng(seed), seed

    def learn(self, steps, batch, lr, look=lambda: None, every=20):
        """Teacher forcing on random batches; what `look` finds every so often, and the seconds of training."""
        optimizer = torch.optim.AdamW(self.network.parameters(), lr, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, lr, total_steps=steps, pct_start=0.25
        )
        seen, seconds = [], 0.0
        for t in range(1, steps + 1):
            began = time.perf_counter()
            chosen = [self.rows[k] for k in self.rng.integers(len(self.rows), size=batch)]
            given, wanted = teacher_forced([b for _, b in chosen])
            optimizer.zero_grad()
            with torch.random.fork_rng():
                torch.manual_seed(self.seed + t)  # dropout
                logits = self.network(padded([a for a, _ in chosen]), given)
            known = wanted.masked_fill(wanted == UNKNOWN, PAD)  # rare words are not asked for
            sequence_loss(logits, known).backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            seconds += time.perf_counter() - began
            if t % every == 0:
                seen.append(look())
        return seen, seconds

    def write(self, sources, longest):
        """What it writes, as lists of tokens, and where it looked for each (None without attention)."""
        numbers, weights = self.network.greedy(
            padded([self.source.encode(s) for s in sources]), longest
        )
        return [self.target.decode(row) for row in numbers.tolist()], weights


def exact(translator, pairs):
    """The share of pairs that are written without a mistake."""
    written, _ = translator.write([a for a, _ in pairs], longest=12)
    return float(np.mean(["".join(w) == b for w, (_, b) in zip(written, pairs, strict=True)]))


LOOKS = np.arange(20, 101, 20)
readers, curves, seconds = {}, {}, {}
for name, attend in (("with attention", cross_attention), ("without", None)):
    reader = Translator(dates.train, attend, course_seed(12), width=32, hidden=64)
    seen, seconds[name] = reader.learn(
        100, 128, 1e-2, look=lambda reader=reader: exact(reader, dates.validation[:300])
    )
    readers[name] = reader
    curves[name] = 100 * np.array(seen)
plot.show(
    plot.lines(
        LOOKS,
        curves,
        xlabel="training step",
        ylabel="validation days written exactly (%)",
        title="Dates: looking back, or through one vector",
    )
)

# %% tags=["volatile"]
for name, spent in seconds.items():
    print(f"{name:>14}: {spent:.1f} s for 100 steps")

# %% [markdown]
r"""
And a rival without any network: somebody who knows the eight ways of writing can write eight rules. That is ten lines.
"""

# %%
MONTHS = "January February March April May June July August September October November December".split()


def by_rules(written):
    """The date by hand-written rules: a month is a word; else dots mean day first, slashes month first."""
    numbers = re.findall(r"\d+", written)
    names = re.findall(r"[A-Z][a-z]+", written)
    months = [k for k, m in enumerate(MONTHS, start=1) if any(m[:3] == n[:3] for n in names)]
    if months:
        day, month, year = numbers[0], months[0], numbers[-1]
    else:
        day, month, year = numbers if "." in written else (numbers[1], numbers[0], numbers[2])
    return f"{year}-{int(month):02d}-{int(day):02d}"


rules = np.mean([by_rules(a) == b for a, b in dates.test])
ends = {name: exact(reader, dates.test) for name, reader in readers.items()}
print(f"test days written exactly, rules by hand: {rules:.1%}")
for name, share in ends.items():
    print(f"test days written exactly, {name}: {share:.1%}")

# %%
with_it, without = ends["with attention"], ends["without"]
reveal(
    "attention.dates",
    f"with attention {with_it:.1%}, without {without:.1%}",
    2 if with_it < 0.5 else 1 if without < 0.5 else 0,
)
claim("attention-lifts-the-bottleneck").judge(
    with_it > 0.8 and without < with_it - 0.3,
    evidence=f"test days written exactly after 100 steps: {with_it:.1%} with attention, {without:.1%} through one vector; "
    f"rules by hand {rules:.1%}",
)

# %% [markdown]
r"""
Do not read more into this than was measured. The network without attention had hardly begun. With eight times as many steps it, too, wrote nearly all validation days rightly when this page was made. Ten characters *do* fit into 64 numbers. What attention saves here is the long way of learning to pack and unpack them. And ten lines of rules beat both in no time, as long as nobody writes a date in a ninth way.

Where does the writer look? Rows are what it writes, from top to bottom; columns are what it read (␣ is a space).
"""

# %%
shown = [
    next(a for a, _ in dates.test if re.fullmatch(pattern, a))
    for pattern in (r"[A-Z][a-z]{3,} \d+, \d{4}", r"\d\d\.\d\.\d{4}")
]
for source in shown:
    (written,), looked = readers["with attention"].write([source], longest=12)
    print(f"{source} is {by_rules(source)}; it writes {''.join(written)}")
    plot.show(
        plot.attention_map(
            looked[0, : len(written)].numpy(),
            written,
            list(source),
            xlabel="read",
            ylabel="written",
            title=f"Where it looks: {source}",
        )
    )
sources = [a for a, _ in dates.test]
texts, weights = readers["with attention"].write(sources, longest=12)
parts = {"year": slice(0, 4), "month": slice(5, 7), "day": slice(8, 10)}
wrong = {
    part: sum("".join(w[at]) != b[at] for w, (_, b) in zip(texts, dates.test, strict=True))
    for part, at in parts.items()
}
print(
    f"of {len(sources):,} test days wrong in the",
    ", in the ".join(f"{k} {n}" for k, n in wrong.items()),
)

# %% [markdown]
r"""
Nobody told it which character belongs to which. Nevertheless it looks at the year when it writes the year, and at the day when it writes the day. At the month the rows are often blurred: there a word, or a single digit, must become two digits. The last line counts which part goes wrong how often.

Such maps are often shown as *explanations*. Is the place that it looks at the place that it uses? We can check this for the year, since in all eight ways of writing it stands at the end. For each of its four digits: how often does the darkest field of the row lie exactly on that digit, and how often within one place of it?
"""

# %%
predict(
    "attention.map",
    "For the four digits of the year, written rightly: how often is the darkest field exactly on the digit that is written?",
    ["nearly always", "often, but not nearly always", "in less than half of the cases"],
)

# %%
off = []  # for each digit of a year: how many places away the darkest field lies
for k, (source, written) in enumerate(zip(sources, texts, strict=True)):
    if "".join(written[:4]) == source[-4:]:
        darkest = weights[k, :4, : len(source)].argmax(dim=1)  # (4,)
        off += (darkest - torch.arange(len(source) - 4, len(source))).abs().tolist()
off = np.array(off)
exactly, about = (off == 0).mean(), (off <= 1).mean()
print(f"digits of years counted: {len(off):,}")
print(f"darkest exactly on the digit: {exactly:.1%}; within one place: {about:.1%}")
reveal(
    "attention.map",
    f"{exactly:.0%} exactly, {about:.0%} within one place",
    0 if exactly > 0.9 else 1 if exactly > 0.5 else 2,
)

# %% [markdown]
r"""
For the year the map shows nearly what one would draw oneself. How nearly differs from run to run: the darkest field is on the digit in most cases, and hardly ever more than one place away. That is a finding, and nothing that had to be so. The columns are not letters: they are *states* of a GRU that has run over the letters in both directions, and the state next door has seen the digit as well. Look at the month in the first map: a word becomes two digits, and the places that it looks at say little about *why* it writes just these. A map shows from which state something was taken, not what made it so. Notebook 16 asks more about explanations of this kind.

### Real sentences

Dates are a toy language. Here are short verses of the Bible, English and Spanish (a translation of 1909). The tokens are words now. There is little to learn from: a translator that deserves the name sees a thousand times as much. Words that came up less than three times the networks do not know and cannot write. So expect little, and use the small numbers to learn how to *measure*.

Whole sentences are hardly ever right, so exact match says nothing. **BLEU** (Papineni et al., 2002) asks how many of a translation's words, pairs, triples and quadruples of neighbouring words also stand in the person's translation: 0 none, 1 all; we print it times 100, as everybody does. Beside it we print the share of **next words** guessed rightly when all words before are the right ones.

A measure needs rivals. Three cost next to nothing:

- **copy** the English;
- always say the **same words**, common Spanish ones in a likely order;
- a **dictionary**, word by word, which somebody has to make first. It can be learned from the pairs alone (Brown et al., 1993, model 1).

Begin by believing that each Spanish word comes from each English word of its verse with equal right. Count, over all verses, what that makes of each pair of words. Share out each Spanish word anew, by these counts. Repeat. In the share-out you meet an old friend: positive weights over the words of the source, together 1. It was called **alignment**, more than twenty years before attention.
"""

# %%
LONGEST = 12  # words


def worded(pairs):
    """Pairs of lists of words in small letters, the short ones only."""
    split = [tuple(re.findall(r"\w+|[^\w\s]", text.lower()) for text in pair) for pair in pairs]
    return [pair for pair in split if max(map(len, pair)) <= LONGEST]


verses = corpora.verse_pairs()
learn_from, tested = worded(verses.train), worded(verses.validation + verses.test)
english, spanish = (
    Symbols.of([a for a, _ in learn_from]),
    Symbols.of([b for _, b in learn_from]),
)
print(f"{len(learn_from):,} short verses to learn from, {len(tested)} to be tested on")
print(f"different words: {len(english) - 4:,} English, {len(spanish) - 4:,} Spanish")


def learn_dictionary(pairs, rounds=8):
    """For each English word the Spanish one that it most likely becomes (model 1, by expectation and maximisation)."""
    e, f, spot = [], [], []  # an entry for each English and each Spanish word of a verse
    spots = 0
    for a, b in pairs:
        left, right = english.encode(a), spanish.encode(b)
        e += left * len(right)
        f += [word for word in right for _ in left]
        spot += [spots + k for k in range(len(right)) for _ in left]
        spots += len(right)
    e, f, spot = np.array(e), np.array(f), np.array(spot)
    kinds, entry = np.unique(e * len(spanish) + f, return_inverse=True)
    of_english, of_spanish = kinds // len(spanish), kinds % len(spanish)
    chance = np.ones(len(kinds))
    for _ in range(rounds):
        share = chance[entry]
        share = share / np.bincount(spot, share)[spot]  # each Spanish word, shared out
        count = np.bincount(entry, share)
        chance = count / np.bincount(of_english, count)[of_english]
    ranked = np.lexsort((chance, of_english))  # the likeliest of each word comes last
    return {
        english.tokens[of_english[k] - 4]: spanish.tokens[of_spanish[k] - 4] for k in ranked
    }


dictionary = learn_dictionary(learn_from)
for word in ("god", "lord", "king", "son", "said", "not"):
    print(f"{word:>6} -> {dictionary.get(word, '(never met)')}")

# %%
predict(
    "attention.verses",
    "Which translator has the highest BLEU on the test verses?",
    [
        "the dictionary, word by word",
        "the recurrent network without attention",
        "the recurrent network with attention",
    ],
)

# %%
translators, verse_seconds = {}, {}
for name, attend in (("with attention", cross_attention), ("without", None)):
    translators[name] = Translator(
        learn_from, attend, course_seed(13), least=3, width=64, hidden=96, dropout=0.1
    )
    _, verse_seconds[name] = translators[name].learn(160, 32, 1e-2)
wanted_words = [b for _, b in tested]
commonest = ["y", "de", "los", "hijos", "de", "la", ",", "y", "de", "los", "."]
rivals = {
    "copy the English": [a for a, _ in tested],
    "the same words": [commonest for _ in tested],
    "dictionary, word by word": [[dictionary.get(w, w) for w in a] for a, _ in tested],
}
looks = {}
for name, translator in translators.items():
    rivals[f"network {name}"], looks[name] = translator.write([a for a, _ in tested], LONGEST)
attentive = rivals["network with attention"]
scores = {name: bleu(said, wanted_words) for name, said in rivals.items()}
for name, score in scores.items():
    print(f"{name:>24}: BLEU {100 * score:5.2f} of 100")


# %%
def next_words(translator):
    """The share of next words (marks and unknown words left out) guessed rightly, all before being the right ones."""
    network = translator.network.eval()
    given, wanted = teacher_forced([translator.target.encode(b) for _, b in tested])
    source = padded([translator.source.encode(a) for a, _ in tested])
    with torch.no_grad():
        guess = network(source, given).argmax(dim=-1)
    counts = (wanted != PAD) & (wanted != UNKNOWN) & (wanted != END)
    return (guess == wanted)[counts].float().mean().item()


for name, translator in translators.items():
    print(f"next word right, {name}: {next_words(translator):.1%}")
networks = [scores["network without"], scores["network with attention"]]
reveal(
    "attention.verses",
    f"dictionary {100 * scores['dictionary, word by word']:.2f}, without attention {100 * networks[0]:.2f}, with attention {100 * networks[1]:.2f}",
    int(np.argmax([scores["dictionary, word by word"], *networks])),
)

# %%
for k in range(3, len(tested), len(tested) // 5):
    print(f"English     {' '.join(tested[k][0])}\nby a person {' '.join(tested[k][1])}")
    for name in ("dictionary, word by word", "network without", "network with attention"):
        print(f"    {name}: {' '.join(rivals[name][k])}")

# %%
k = next(
    k for k in range(len(tested)) if 6 <= len(tested[k][0]) <= 10 and len(attentive[k]) >= 6
)
plot.show(
    plot.attention_map(
        looks["with attention"][k, : len(attentive[k]), : len(tested[k][0])].numpy(),
        attentive[k],
        tested[k][0],
        xlabel="read",
        ylabel="written",
        title="Where it looks in a verse",
    )
)

# %% tags=["volatile"]
for name, spent in verse_seconds.items():
    print(f"{name:>14}: {spent:.1f} s for 160 steps")

# %% [markdown]
r"""
Compare this map with those of the dates. There is hardly a line in it: what has not been learned cannot be looked up.

Read the sentences, not only the table. The networks have learned what Spanish verses *sound* like: they begin as verses begin, put in commas and full stops, and say something that stands in another verse. Sounding right is not being right. The dictionary knows what the verse is about and has no grammar at all. BLEU gives it more; but whoever writes commas where commas are wanted gets points for that, too.

Is there a gain from attention? Compare the two shares of next words: if there is one, it is small. Both networks are starved: a few hundred sentences, a few hundred words that came up often enough, seconds of training. Counting word by word needs less, since it has only one thing to learn. A real translator takes millions of sentences, hours on an accelerator, and the networks of notebook 14.

## 6. What it costs

Attention compares all with all: $T$ queries times $T$ keys. So the arithmetic grows with $T^2$, and so does the table of weights, which the backward pass needs again. A recurrent network does the same small work $T$ times: it grows with $T$. But it must do one step *after* the other, while all products of attention can be done at once.

We measure one layer, one sequence, forward and backward, 64 numbers a place: our attention, which writes the table of weights down; PyTorch's **fused** attention, which computes the same piece by piece and throws the pieces away (Dao et al., 2022); and a GRU. Time is the best of a few tries. Memory is what the layer keeps for its backward pass: PyTorch lets us listen in on every tensor that it puts aside.
"""

# %%
predict(
    "attention.cost",
    "The sequence becomes four times as long, from 512 to 2,048. What does attention keep in memory for its backward pass?",
    ["about twice as much", "about four times", "about sixteen times"],
)

# %%
SPANS = [32, 64, 128, 256, 512, 1024, 2048]
with torch.random.fork_rng():
    torch.manual_seed(course_seed(14))
    attention_layer = MultiheadAttention(64, 2)
    gru_layer = nn.GRU(64, 64, batch_first=True)
LAYERS = {
    "attention": lambda x: attention_layer(x),
    "attention, fused": lambda x: attention_layer(x, fused=True),
    "GRU": lambda x: gru_layer(x)[0],
}


def kept(layer, x):
    """Bytes that a layer puts aside for its backward pass; a tensor that is put aside twice counts once."""
    aside = {}

    def listen(tensor):
        storage = tensor.untyped_storage()
        aside[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(listen, lambda tensor: tensor):
        y = layer(x)  # y keeps the graph alive while we count
    return sum(storage.nbytes() for storage in aside.values()) + 0 * y.numel()


def step_time(layer, x):
    """Seconds of one forward and backward pass, the best of a few."""
    tries = []
    for _ in range(4 if x.shape[1] <= 256 else 2):
        began = time.perf_counter()
        layer(x).sum().backward()
        tries.append(time.perf_counter() - began)
    return min(tries)


times, memory = {}, {}
for name, layer in LAYERS.items():
    spans = [T for T in SPANS if name != "GRU" or T <= 1024]
    missing = [np.nan] * (len(SPANS) - len(spans))
    inputs = [torch.randn(1, T, 64, generator=torch_rng(15)).requires_grad_() for T in spans]
    layer(inputs[0]).sum().backward()  # the first pass of all is slow
    times[name] = np.array([step_time(layer, x) for x in inputs] + missing)
    memory[name] = np.array([kept(layer, x) for x in inputs] + missing) / 2**20

# %% tags=["volatile"]
plot.show(
    plot.lines(
        SPANS,
        {name: 1000 * t for name, t in times.items()},
        log="xy",
        xlabel="T, length of the sequence",
        ylabel="forward and backward (ms)",
        title="Time of one layer",
    )
)

# %%
plot.show(
    plot.lines(
        SPANS,
        memory,
        log="xy",
        xlabel="T, length of the sequence",
        ylabel="kept for the backward pass (MiB)",
        title="Memory of one layer",
    )
)


# %%
def slope(values, points=3):
    """The slope over the longest sequences measured, on logarithmic axes: the power of T."""
    there = np.flatnonzero(np.isfinite(values))[-points:]
    return np.polyfit(np.log(np.array(SPANS)[there]), np.log(values[there]), 1)[0]


growth = {name: slope(m) for name, m in memory.items()}
for name, power in growth.items():
    print(f"memory of {name}: grows like T to the power of {power:.2f}")
ratio = memory["attention"][-1] / memory["attention"][SPANS.index(512)]
reveal(
    "attention.cost",
    f"{ratio:.1f} times as much at T = 2,048 as at 512",
    0 if ratio < 3 else 1 if ratio < 8 else 2,
)

# %% tags=["volatile"]
speed = {name: slope(t) for name, t in times.items()}
for name, power in speed.items():
    print(f"time of {name}: grows like T to the power of {power:.2f}")
for T in (64, 1024):
    at = SPANS.index(T)
    print(
        f"T = {T:,}: GRU {1000 * times['GRU'][at]:.1f} ms, attention {1000 * times['attention'][at]:.1f} ms, "
        f"fused {1000 * times['attention, fused'][at]:.1f} ms"
    )
meet = 4096 * times["GRU"][SPANS.index(1024)] / times["attention"][-1]
print(
    f"carried on with slopes 1 and 2, attention and GRU take equally long at about T = {meet:,.0f}"
)
wide = memory["attention"][-1] * (100_000 / 2048) ** 2 / 1024
print(
    f"carried on to T = 100,000, one layer of plain attention would keep about {wide:,.0f} GiB"
)
claim("transformers-train-in-parallel").judge(
    times["attention"][SPANS.index(64)] < times["GRU"][SPANS.index(64)]
    and speed["attention"] > speed["GRU"] + 0.2
    and growth["attention"] > 1.7
    and growth["GRU"] < 1.1
    and growth["attention, fused"] < 1.1,
    evidence=f"on a processor, at T = 64 attention took {times['attention'][SPANS.index(64)] / times['GRU'][SPANS.index(64)]:.2f} of the GRU's time; "
    f"time grows like T^{speed['attention']:.1f} (attention) and T^{speed['GRU']:.1f} (GRU), memory like T^{growth['attention']:.1f}, "
    f"T^{growth['attention, fused']:.1f} (fused) and T^{growth['GRU']:.1f} (GRU)",
)

# %% [markdown]
r"""
On logarithmic axes a power of $T$ is a straight line, and its slope is the power. Attention's lines become steeper as its square takes over, and time may grow faster still where the table no longer fits into the processor's fast memory; at short lengths what costs is the making of queries, keys and values, which grows only with $T$. The GRU's line of time is nearly straight from the beginning, but high: $T$ small steps, one after the other, each too small to keep even one processor busy. On an accelerator, which does thousands of products at once, the gap should be wider still; this page has not measured it.

So "trains in parallel" is true of the *number of steps in a row*, and the price is paid in arithmetic. Up to the length where the lines meet it is a bargain. The fused version takes the memory away, and leaves the square in the time.

## When it breaks

Four mistakes that raise no error. First, **padding that is looked at**: the same sequence, alone and in a batch with a longer one.
"""

# %%
sequence = torch.randn(1, 5, 16, generator=torch_rng(16))
long = torch.cat([sequence, torch.zeros(1, 7, 16)], dim=1)  # filled up to 12 places
real = torch.tensor([[True] * 5 + [False] * 7])
alone, _ = scaled_dot_product_attention(sequence, sequence, sequence)
careless, _ = scaled_dot_product_attention(sequence, long, long)
careful, _ = scaled_dot_product_attention(sequence, long, long, real[:, None, :])
print(f"padding looked at: outputs move by up to {(careless - alone).abs().max():.4f}")
print(f"padding hidden:    outputs move by up to {(careful - alone).abs().max():.4f}")

# %% [markdown]
r"""
Padding of zeros is no protection: a score of 0 is a score like any other. How to see it: the same sequence must get the same answer in any company.

Second, **the softmax over the wrong axis**. Then the queries compete for each key, and not the keys for each query. Shapes are right, and the training loss even falls a little. How to see it: rows must sum to 1.
"""

# %%
scores = sequence[0] @ sequence[0].T / 4
for axis in (-1, 0):
    rows = scores.softmax(dim=axis).sum(dim=1)
    print(f"softmax over axis {axis:>2}: rows sum to", [round(r, 2) for r in rows.tolist()])

# %% [markdown]
r"""
Third, **a row with nowhere to look**: a softmax of nothing but minus infinities is 0 divided by 0. It happens with an empty sequence, or with a causal mask that hides the diagonal, too. One NaN is enough; after the next step all weights are NaN.
"""

# %%
hidden = torch.ones(3, 3, dtype=torch.bool).tril(-1)
_, weights = scaled_dot_product_attention(
    sequence[0, :3], sequence[0, :3], sequence[0, :3], hidden
)
print(
    "a causal mask without its diagonal:",
    [[round(w, 2) for w in row] for row in weights.tolist()],
)

# %% [markdown]
r"""
Fourth, **the forgotten mask**, the most expensive of all, because it looks like success. A network is to continue sequences of thrown dice with eight faces. Nobody can: the best possible loss is $\log 8$.
"""

# %%
predict(
    "attention.dice",
    "Trained to guess the next throw at every place, once with the causal mask and once without. The loss goes down to ...",
    [
        "about log 8 in both",
        "about log 8 with the mask, far below it without",
        "far below log 8 in both",
    ],
)


# %%
def learn_dice(causal, seed):
    """The loss on fresh throws after training, in nats a throw."""
    network, rng = (
        made(seed, 8, 8, "sinusoidal", causal=causal),
        torch.Generator().manual_seed(seed),
    )

    def loss_of(_):
        x = torch.randint(8, (64, 17), generator=rng)
        return F.cross_entropy(network(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())

    training(network.parameters(), loss_of, steps=200, lr=1e-2)
    with torch.no_grad():
        return np.mean([loss_of(0).item() for _ in range(20)])


dice = {causal: learn_dice(causal, course_seed(17)) for causal in (True, False)}
print(
    f"log 8 = {math.log(8):.3f}; loss with the mask {dice[True]:.3f}, without {dice[False]:.3f}"
)
low = [loss < 0.8 * math.log(8) for loss in dice.values()]
reveal(
    "attention.dice",
    f"with the mask {dice[True]:.3f}, without {dice[False]:.3f}; log 8 is {math.log(8):.3f}",
    2 if low[0] else 1 if low[1] else 0,
)

# %% [markdown]
r"""
Without the mask it reads each answer one place further on. When it then has to write by itself, there is nothing further on, and it can do nothing at all. A loss that is better than possible is a leak, never a triumph.

| what you see | what it is | what to do |
|---|---|---|
| a wonderful training loss, garbage when it writes | the future leaks | change a late token: no earlier output may move |
| another answer for the same sequence in another batch | padding is looked at | mask the keys that are padding |
| NaN from one step to the next | a row with nowhere to look | let each place see itself; leave empty sequences out |
| attention on one place from the first step on, no progress | scores too large | divide by the root of E; smaller first weights |
| attention nearly even everywhere, for ever | softmax over the wrong axis, or scores too small | rows must sum to 1; look at the scores' spread |
| word order makes no difference | positions forgotten | shuffle the input: the output must change |
| good up to the training length, bad beyond | positions never seen | rotary; or train at the length that you need |
| out of memory at long T only | the table of T by T | fused attention; shorter pieces |

## Explain it back

**Q1.** A query's scores for three keys are all 0. What are the weights?

<details><summary>A. All 0: nothing fits.</summary>

**No.** The softmax always shares out one whole. Attention cannot look nowhere.

</details>
<details><summary>B. A third each.</summary>

**Right.** Equal scores, equal weights; the output is the mean of the values.

</details>
<details><summary>C. It depends on the values.</summary>

**No.** Values are taken, never asked. Only queries and keys make the weights.

</details>

**Q2.** Why are scores divided by the root of E, and not by E?

<details><summary>A. Because a product of two random vectors of E numbers has a spread of the root of E.</summary>

**Right.** Divided by it, scores have spread 1 whatever E is. Divided by E they would shrink towards 0, and all weights become alike.

</details>
<details><summary>B. Because E would be too slow to compute.</summary>

**No.** Either is one number, computed once.

</details>
<details><summary>C. Because the softmax takes a root, too.</summary>

**No.** It takes an exponential.

</details>

**Q3.** You change token 7, and output 3 of a causal network changes in the fifth digit. What now?

<details><summary>A. Nothing: that is rounding.</summary>

**No.** The same numbers in the same order round in the same way. A hidden token must have no way at all to matter.

</details>
<details><summary>B. The future leaks: look for a softmax, a mean or a normalisation that runs over all places.</summary>

**Right.** A mask after the softmax, or statistics over the time axis, leak just so: faintly, everywhere.

</details>
<details><summary>C. Train longer.</summary>

**No.** Training will learn to use the leak.

</details>

**Q4.** Eight heads instead of one, the same E. What becomes larger?

<details><summary>A. The number of weights in queries, keys and values, by eight.</summary>

**No.** The E numbers are shared out; the matrices stay E by E.

</details>
<details><summary>B. The number of tables of weights: eight of T by T instead of one.</summary>

**Right.** Each head looks for itself. Its vectors are shorter in return, so the arithmetic stays the same.

</details>
<details><summary>C. The number of places that one place can see.</summary>

**No.** Each head sees all places that the mask allows.

</details>

**Q5.** (From notebook 10.) The writer was trained with all the right tokens before (teacher forcing), and now writes by itself. What is new to it?

<details><summary>A. It now has to look ahead.</summary>

**No.** It never may.

</details>
<details><summary>B. Its own mistakes: a wrong token goes in as the next input, and such inputs it has never seen.</summary>

**Right.** So the loss under teacher forcing says less than it seems to. Measure what it writes.

</details>
<details><summary>C. Nothing: the computation is the same.</summary>

**No.** The computation is the same, but its inputs are not.

</details>

**Q6.** (From notebook 06.) The dates were split by day. What would have happened with a split by string?

<details><summary>A. Nothing: a string stands in one part only.</summary>

**No.** The strings would differ, but the day behind them may be the same, and so the answer.

</details>
<details><summary>B. The test would have been harder.</summary>

**No.** Easier: the answers could have been learned by heart.

</details>
<details><summary>C. A leak: the same answer, asked for in another form, on both sides.</summary>

**Right.** What must not be on both sides is what is to be generalised to. Here: days.

</details>

## Go further

**A small one.** Hide, at the moment of writing, the place that the writer looks at most (set `real` to False there). How often does the written character change? Compare with hiding a place at random. That is a first test of whether the maps explain anything.

**A project.** Write a date in a ninth way that the training never saw, such as *14 of February, 1936* or *1936/2/14*. How many does each network get right, and how many do the rules? Which of the eight ways must you show it, and how often, until it can do the ninth? Then let the writer choose the best of several beginnings instead of the best next token (**beam search**) and measure whether it changes anything.

**Sources.**
D. Bahdanau, K. Cho and Y. Bengio (2015), *Neural machine translation by jointly learning to align and translate*.
K. Cho et al. (2014), *Learning phrase representations using RNN encoder-decoder for statistical machine translation*.
M.-T. Luong, H. Pham and C. Manning (2015), *Effective approaches to attention-based neural machine translation*.
A. Vaswani et al. (2017), *Attention is all you need*.
J. Gehring et al. (2017), *Convolutional sequence to sequence learning*: learned positions.
J. Su et al. (2021), *RoFormer: enhanced transformer with rotary position embedding*.
A. Haviv et al. (2022), *Transformer language models without positional encodings still learn positional information*.
P. Brown et al. (1993), *The mathematics of statistical machine translation*: alignment, model 1.
K. Papineni et al. (2002), *BLEU: a method for automatic evaluation of machine translation*.
S. Jain and B. Wallace (2019), *Attention is not explanation*; S. Wiegreffe and Y. Pinter (2019), *Attention is not not explanation*.
T. Dao et al. (2022), *FlashAttention: fast and memory-efficient exact attention with IO-awareness*.
"""
