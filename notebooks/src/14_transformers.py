# %% [markdown]
r"""
# Transformers: a small language model, and what it has to beat

**The question.** The models that write letters, programs and poems are all built from one block, repeated. What is in the block? What does such a model learn in twenty seconds on one processor core, and is it any better than counting?

**After this notebook you will be able to**

- build a transformer from its block, and check it before it is trained: the first loss, and no look into the future;
- compare language models that work quite differently: in bits per character, on the same text, for the same time;
- write with a model: temperature, top-k, nucleus; and keep keys and values, so that it does not read everything again;
- cut words into pieces by byte-pair encoding;
- score a translation and a summary, and say what the score does not see.

**Builds on** 10 Recurrent networks: LSTM, sampling, n-grams; 13 Attention: masks, heads, rotary positions; 08 PyTorch. **Time** about 100 minutes, a minute or two of them your computer's.
"""

# %%
import math
import re
import time
from collections import Counter

import numpy as np
import torch
from torch.nn import functional as F

from coursekit import corpora, device, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.comparison import bootstrap_interval, resample
from coursekit.errors import CourseError
from coursekit.metrics import bits_per_character, chrf, rouge_n
from coursekit.models.language import generate, log_probs
from coursekit.models.recurrent import LanguageModel
from coursekit.models.seq2seq import Symbols, padded, sequence_loss, teacher_forced
from coursekit.models.transformer import GPT, Cache
from coursekit.models.translation import Translator
from coursekit.predict import predict, reveal
from coursekit.settings import course_rng, course_seed
from coursekit.text import BPETokenizer, CharTokenizer, KneserNey, most_frequent_pair, words
from coursekit.train.muon import Muon, matrices_and_others, warm_constant_linear

device.set_threads(1)  # so that a second of one model is a second of the other
novels = corpora.austen()
letters = CharTokenizer(novels.characters)
train_ids = torch.tensor(letters.encode(novels.train))
V = letters.vocab_size
print(f"{len(novels.train):,} characters to learn from, {V} different ones")


def torch_rng(k):
    """A PyTorch generator for the course's seed number k."""
    return torch.Generator().manual_seed(course_seed(k))


# %% [markdown]
r"""
## 1. The block

A **token** is one piece of text; until section 5 it is one character. A text of $T$ tokens enters as $T$ vectors of $E$ numbers: each token's own vector, looked up in a table. $N$ texts at once are a batch, of the shape $(N, T, E)$. These vectors are the **stream**. It runs through the whole network, and its shape never changes.

A **block** does two things, one after the other.

1. **Attention**: every token looks at those before it and at itself, and fetches what it can use (notebook 13). This is the only place where tokens exchange anything.
2. **A small network** (in formulas *mlp*, for multilayer perceptron), the same for every token: $E$ numbers become $4E$, pass a bent function (GELU, a ReLU with a rounded corner), and become $E$ again. Here each token thinks for itself.

Two inventions make it possible to stack many blocks. Each part's answer is **added** to the stream and does not replace it: the residual connection of notebook 09. And each part reads the stream through a **layer normalisation**, which brings every token's vector to mean 0 and spread 1 (and then scales and shifts it by learned numbers):

$$h = x + \text{attention}(\text{norm}_1(x)), \qquad \text{out} = h + \text{mlp}(\text{norm}_2(h))$$

The stream itself is never normalised. This order is called *pre-norm*. The first transformer (Vaswani et al., 2017) normalised after adding; that needed a slow warm-up, and today nearly everybody normalises before.
"""


# %% tags=["exercise"]
@exercise("prenorm.block")
def block(x, norm_1, attention, norm_2, mlp):
    """One pre-norm block.

    x : a tensor, (N, T, E). The four parts are functions from (N, T, E) to (N, T, E).
    Returns a tensor, (N, T, E).
    """
    ### BEGIN SOLUTION
    x = x + attention(norm_1(x))
    return x + mlp(norm_2(x))
    ### END SOLUTION


# %% [markdown]
r"""
The rest of a GPT is quickly told (it is called **decoder-only**: the first transformers had a second half, which you meet in section 6): the table in front, a last normalisation behind, and then the same table again, turned around: the score of each possible next token is the product of the stream's vector with that token's vector. Reading and writing share one table (**tied weights**). Where a token stands is told by turning queries and keys (rotary positions, notebook 13).

`GPT` of coursekit is put together in this way, with your `block` inside. Before you train a network, check it. The first check costs nothing: a network that knows nothing should find all $V$ characters about equally likely. Its cross-entropy is measured in *nats*: it is made of natural logarithms, where bits are made of logarithms to base 2.
"""

# %%
predict(
    "transformer.first-loss",
    "The network's weights are drawn, nothing is learned. Its mean cross-entropy on Austen's text, in nats a character, is about ...",
    [
        "0",
        "1",
        "log V, the logarithm of the number of characters",
        "V, the number of characters",
    ],
)


# %%
def windows(rng, size, length, ids=train_ids):
    """Pieces of the text, from random places: what is read, and the same moved by one (N, T)."""
    starts = torch.randint(len(ids) - length, (size, 1), generator=rng)
    piece = ids[starts + torch.arange(length + 1)]
    return piece[:, :-1], piece[:, 1:]


def loss_of(scores, y):
    """Mean cross-entropy of scores (N, T, V), in nats a token."""
    return F.cross_entropy(scores.flatten(0, 1), y.flatten())


def new_gpt(rng, width=64, layers=2, heads=4, context=64, wiring=block):
    """A small GPT with rotary positions."""
    sizes = {"width": width, "layers": layers, "heads": heads, "context": context}
    return GPT(V, positions="rotary", wiring=wiring, rng=rng, **sizes)


x, y = windows(torch_rng(0), 64, 64)
with torch.no_grad():
    untrained = [loss_of(new_gpt(torch_rng(k))(x), y).item() for k in range(3)]
print(f"log V = {math.log(V):.3f}; first loss {', '.join(f'{one:.3f}' for one in untrained)}")
reveal(
    "transformer.first-loss",
    f"the loss is {np.mean(untrained):.2f}, and log {V} is {math.log(V):.2f}",
    int(np.argmin([abs(np.mean(untrained) - guess) for guess in (0, 1, math.log(V), V)])),
)

# %% [markdown]
r"""
A first loss far *above* $\log V$: the first weights are too large, and the network is sure of nonsense. Far *below*: somewhere it sees the answer.

That is the second check. Change one character of a text, and look where the scores change. Before that place nothing may.
"""

# %%
model = new_gpt(torch_rng(1), context=16)
text = train_ids[None, 1000:1016]
moved = np.zeros((16, 16))
with torch.no_grad():
    for name, weight in model.named_parameters():
        if "blocks" in name and weight.ndim == 2:
            weight *= 10  # the first weights are so small that one would see little
    before = model(text)
    for t in range(16):
        other = text.clone()
        other[0, t] = (text[0, t] + 1) % V
        moved[t] = (model(other) - before)[0].norm(dim=1)
plot.show(
    plot.matrix(
        moved,
        xlabel="place where the score is looked at",
        ylabel="place of the changed character",
        title="How much the scores change",
    )
)
leak = np.tril(moved, k=-1).max()
print(f"largest change before the changed character: {leak:.1e}; after it: {moved.max():.2f}")

# %% [markdown]
r"""
Each row is one changed character. Left of the diagonal, so before that character, all is zero: no score knows of what comes later. (In notebook 13 you built the mask that does it.) On the diagonal and to its right the scores move: they depend on everything before.

## 2. The contest

**Bits per character.** A language model gives each next character a probability $p$. It pays $-\log_2 p$ bits for the one that came. The mean over a text that it has never seen is what we compare: the fewer, the better it knew what would come. If all $V$ characters were equally likely, it would pay $\log_2 V$.

First, those who only count (notebook 10). The **bigram** model knows one character before. **Kneser-Ney** of order 8 knows seven, and leans on fewer where it has not seen these seven. Neither needs more than a second or two.

The networks get about the same time each, roughly twenty seconds of one core: your GPT, and an LSTM. The settings of both were tried out beforehand on the *validation* part, about two dozen for the GPT and ten for the LSTM: width, number of blocks, rows of a batch, rates, optimiser. What was learned there: small models that take many steps win over large ones that take few, and the rates matter as much as anything else.

The weight matrices of both are stepped by **Muon** (Jordan et al., 2024), all the rest, tables, biases and scales, by AdamW. The rates rise in the first steps, stay, and fall to 0 at the end.

<details><summary>What Muon does</summary>

A matrix maps directions to directions, and stretches some more than others. The gradient of a weight matrix stretches a few directions strongly and nearly all the others hardly at all, so a plain step changes the network in those few only. Muon replaces the gradient by the nearest matrix that stretches all directions alike, with five rounds of matrix products, and steps along that.

</details>
"""

# %%
predict(
    "transformer.contest",
    "Bigram, Kneser-Ney, GPT, LSTM: who needs the fewest bits a character on the ends of the novels, after twenty seconds at most?",
    ["the bigram", "Kneser-Ney of order 8", "the GPT", "the LSTM"],
)


# %%
def learn(network, optimizer, steps, rng, scores=lambda network, x: network(x), clip=None):
    """Train on random windows: (steps so far, mean loss in bits), and the seconds of the processor."""
    schedule = warm_constant_linear(optimizer, steps)
    curve, recent, start = [], [], time.process_time()
    for step in range(1, steps + 1):
        x, y = windows(rng, 16, 64)
        optimizer.zero_grad()
        loss = loss_of(scores(network, x), y)
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
        schedule.step()
        recent.append(loss.item())
        if step % (steps // 50) == 0:
            curve.append((step / steps, bits_per_character(np.mean(recent))))
            recent = []
    return curve, time.process_time() - start


seconds, curves = {}, {}
gpt = new_gpt(torch_rng(2), width=48, heads=3)
curves["GPT"], seconds["GPT"] = learn(
    gpt, Muon(*matrices_and_others(gpt), lr=0.02, adam_lr=0.01), 1050, torch_rng(3)
)
print(
    f"GPT: a loss of {curves['GPT'][0][1]:.2f} bits at first, {curves['GPT'][-1][1]:.2f} at the end"
)

# %%
with torch.random.fork_rng():
    torch.manual_seed(course_seed(4))
    lstm = LanguageModel("LSTM", V, width=32, hidden=128)
curves["LSTM"], seconds["LSTM"] = learn(
    lstm,
    Muon(*matrices_and_others(lstm), lr=0.02, adam_lr=0.003),
    1350,
    torch_rng(5),
    scores=lambda network, x: network(x)[0],
    clip=1.0,
)
print(
    f"LSTM: a loss of {curves['LSTM'][0][1]:.2f} bits at first, {curves['LSTM'][-1][1]:.2f} at the end"
)

# %%
counted = {}
for name, order in {"bigram": 2, "Kneser-Ney 8": 8}.items():
    start = time.process_time()
    counted[name] = KneserNey(train_ids.numpy(), order, V)
    seconds[name] = time.process_time() - start


def judged(text):
    """The log probability of every character but the first, by each model: a dict of (T - 1,)."""
    ids = letters.encode(text)
    lstm.eval(), gpt.eval()
    found = {name: model.log_probs(ids)[1:] for name, model in counted.items()}
    # windows of `context` characters that move on by `stride`: what was judged before is only read again
    found["LSTM"] = log_probs(lambda x: lstm(x)[0], ids, context=512, stride=384, at_once=16)
    found["GPT"] = log_probs(gpt, ids, context=64, stride=32)
    return found


test_logs = judged(novels.test)
bits = {name: bits_per_character(-logs.mean()) for name, logs in test_logs.items()}
best = min(bits, key=bits.get)
reveal(
    "transformer.contest",
    f"{best}: {bits[best]:.3f} bits a character",
    ["bigram", "Kneser-Ney 8", "GPT", "LSTM"].index(best),
)

# %% tags=["volatile"]
sizes = {
    "LSTM": sum(p.numel() for p in lstm.parameters()),
    "GPT": sum(p.numel() for p in gpt.parameters()),
}
print(
    f"all {len(novels.test):,} characters of the test part; no knowledge: {math.log2(V):.2f} bits"
)
for name in sorted(bits, key=bits.get):
    size = f"{sizes[name]:,} weights" if name in sizes else "counts"
    print(f"{name:>14}: {bits[name]:.3f} bits a character, {seconds[name]:5.1f} s, {size}")

# %%
plot.show(
    plot.lines(
        np.array([share for share, _ in curves["GPT"]]),
        {name: np.array([loss for _, loss in curve]) for name, curve in curves.items()},
        markers=False,
        reference={f"{name}, on the test part": bits[name] for name in counted},
        xlabel="share of the time",
        ylabel="bits a character, on what is being learned",
        title="Two networks, and two that only count",
    )
)
behind = bits["GPT"] - bits["Kneser-Ney 8"]
claim("transformer-beats-ngram-in-a-minute").judge(
    behind > 0.05 and bits["bigram"] - bits["GPT"] > 0.3,
    evidence=f"after {seconds['GPT']:.0f} s: GPT {bits['GPT']:.3f} bits a character, LSTM {bits['LSTM']:.3f}; "
    f"Kneser-Ney in {seconds['Kneser-Ney 8']:.1f} s {bits['Kneser-Ney 8']:.3f}, bigram {bits['bigram']:.3f}",
)

# %% [markdown]
r"""
Counting wins, and it is not close. The n-gram model has every run of eight characters of nearly four million at hand; the networks have less than a hundred thousand weights, and in their twenty seconds they saw only a part of the text once.

Of the two networks the LSTM is ahead, though it was tuned with fewer trials. One reason may be that a recurrent network reads its past in order from the first step on, while attention has to learn where to look. And what the transformer is good at, working on all places at once, is worth little where there is one core to do the work. Nor do twenty seconds show what more time would bring. Give the same recipe ten times the weights, twice the context and ten minutes in place of twenty seconds, and it turns: then the GPT beats Kneser-Ney clearly on this very test part (the settings are in *Go further*, so that you can let it run over lunch). Counting has no use for more time; it has seen it all already.

So have the networks learned nothing that counting does not know? Ask that by **mixing**: give each model a weight, and let the mixture's probability be the weighted mean,

$$p(c) = \sum_m w_m\, p_m(c), \qquad \sum_m w_m = 1$$

The weights are chosen on the validation part. The test part is only measured. If a network knew nothing that Kneser-Ney does not, its weight would come out as 0.
"""

# %%
predict(
    "transformer.mixture",
    "The GPT on its own is clearly behind. Mixed with Kneser-Ney, the mixture needs ...",
    [
        "more bits than Kneser-Ney alone: the worse model spoils the better one",
        "the same: the weight of the GPT comes out as 0",
        "fewer bits than either",
    ],
)


# %%
def best_weights(logs, rounds=60):
    """Weights (M,) under which the mixture of M models likes a text most; logs (M, T)."""
    p, w = np.exp(logs), np.full(len(logs), 1 / len(logs))
    for _ in range(rounds):  # each model gets the share of the text that it explains
        share = w[:, None] * p
        w = (share / share.sum(axis=0)).mean(axis=1)
    return w


validation_logs = judged(novels.validation[60_000:120_000])
mixtures = {}
for names in (
    ["Kneser-Ney 8", "GPT"],
    ["Kneser-Ney 8", "LSTM"],
    ["Kneser-Ney 8", "LSTM", "GPT"],
):
    w = best_weights(np.array([validation_logs[name] for name in names]))
    logs = np.log(w @ np.exp(np.array([test_logs[name] for name in names])))
    mixtures[" + ".join(names)] = logs
    said = ", ".join(f"{name} {share:.2f}" for name, share in zip(names, w, strict=True))
    print(f"{bits_per_character(-logs.mean()):.3f} bits a character; weights: {said}")

# %%
pieces = (
    len(novels.test) // 1000
)  # the text in pieces of 1,000 characters: neighbours are alike


def gain_over_counting(logs):
    """Bits a character saved against Kneser-Ney: mean, and its interval over drawn sets of pieces."""
    saved = (logs - test_logs["Kneser-Ney 8"])[: pieces * 1000].reshape(
        pieces, 1000
    ) / math.log(2)
    each = saved.mean(axis=1)
    return each.mean(), *bootstrap_interval(each, resample(pieces, rng=course_rng(6)))


gains = {name: gain_over_counting(logs) for name, logs in mixtures.items()}
plot.show(
    plot.intervals(
        gains,
        xlabel="bits a character saved against Kneser-Ney",
        zero=True,
        title="What mixing is worth",
    )
)
gain, low, high = gains["Kneser-Ney 8 + GPT"]
all_gain = gains["Kneser-Ney 8 + LSTM + GPT"][0]
reveal(
    "transformer.mixture",
    f"saved by mixing with the GPT: {gain:.3f} bits a character ({low:.3f} to {high:.3f}); with both networks {all_gain:.3f}",
    0 if high < 0 else 2 if low > 0 else 1,
)
claim("mixing-beats-the-best-model").judge(
    low > 0 and all_gain > 0,
    evidence=f"saved against Kneser-Ney: with the GPT {gain:.3f} bits a character ({low:.3f} to {high:.3f}), "
    f"with the LSTM and the GPT {all_gain:.3f}",
)

# %% [markdown]
r"""
So we have beaten the n-gram, honestly, and by a hair. The interval does not reach 0, so it is no luck; but look at how little is saved of what is paid. (And beside the LSTM the GPT has next to nothing to add: look at its weight.) Where does the gain come from?
"""


# %%
def sevens(ids):
    """Every seven characters in a row, as one number with seven digits in base V."""
    return sum(ids[j : len(ids) - 6 + j].astype(np.int64) * V ** (6 - j) for j in range(7))


test_ids = letters.encode(novels.test)
never_seen = ~np.isin(sevens(test_ids)[:-1], np.unique(sevens(train_ids.numpy())))
saved = (mixtures["Kneser-Ney 8 + GPT"] - test_logs["Kneser-Ney 8"])[6:] / math.log(2)
by_piece = saved[: len(saved) // 1000 * 1000].reshape(-1, 1000).mean(axis=1)
print(f"better in {np.mean(by_piece > 0):.0%} of the pieces of 1,000 characters")
print(f"the seven characters before were never seen in {never_seen.mean():.1%} of the places")
print(
    f"saved there: {saved[never_seen].mean():.3f} bits a character; elsewhere: {saved[~never_seen].mean():.3f}"
)

# %% [markdown]
r"""
Where the seven characters before were never met, the n-gram model has to fall back on a shorter past, and the network's opinion is worth more than elsewhere. But such places are few, and the network's opinion is not yet worth much. Mixing is the cheapest recipe there is. More clever ones let the weight depend on the place; that is the small project at the end.

## 3. Writing

A language model writes by answering one question over and over: what comes next? It gives probabilities. From these the next character is *drawn*, appended, and the question is asked again (notebook 10). How to draw?

- **Temperature**: divide the scores by $\tau$ before the softmax. Below 1 the likely become likelier.
- **Greedy**: always the most likely, the limit of $\tau \to 0$.
- **Top-k**: only the $k$ most likely, whatever they have together.
- **Nucleus**, or top-p: the fewest most likely that together reach a share $p$ (Holtzman et al., 2020). Where the model is sure, this is one character. Where it is not, these are many.

The nucleus is yours to write. What is left out gets probability 0, and the others keep their proportions.
"""


# %% tags=["exercise"]
@exercise("decoding.nucleus")
def nucleus(p, top_p):
    """Keep the fewest most probable tokens that together reach top_p.

    p : an array of probabilities, (V,); top_p : above 0, at most 1.
    Returns an array, (V,), that sums to 1.
    """
    ### BEGIN SOLUTION
    order = np.argsort(-p)
    keep = order[np.cumsum(p[order]) - p[order] < top_p]
    kept = np.zeros_like(p)
    kept[keep] = p[keep]
    return kept / kept.sum()
    ### END SOLUTION


# %%
def next_probabilities(prompt):
    """What the GPT expects behind a prompt."""
    with torch.no_grad():
        return gpt(torch.tensor(letters.encode(prompt))[None])[0, -1].softmax(dim=0).numpy()


for prompt in ("She was very q", "She was very "):
    p = next_probabilities(prompt)
    kept = nucleus(p, 0.9)
    likely = ", ".join(f"{letters.decode([k])!r} {p[k]:.2f}" for k in np.argsort(-p)[:4])
    print(
        f"after {prompt!r}: {likely} ...; the nucleus of 0.9 holds {np.count_nonzero(kept)} characters"
    )

# %%
predict(
    "transformer.greedy",
    "In which way of writing is the largest share of the words real, that is: stands somewhere in the novels?",
    ["greedy", "temperature 1", "nucleus 0.9", "temperature 1.5"],
)

# %%
PROMPT, LENGTH = "It was ", 300
known_words = set(words(novels.train))
ways = {
    "greedy": {"greedy": True},
    "temperature 0.5": {"temperature": 0.5},
    "top-k 5": {"top_k": 5},
    "nucleus 0.9": {"top_p": 0.9},
    "temperature 1": {},
    "temperature 1.5": {"temperature": 1.5},
}
written = {
    name: letters.decode(
        generate(gpt, letters.encode(PROMPT), LENGTH, rng=course_rng(7), **how)
    )
    for name, how in ways.items()
}
tokens = counted["Kneser-Ney 8"].sample(
    LENGTH, rng=course_rng(7), prompt=letters.encode(PROMPT)
)
written["Kneser-Ney 8"] = letters.decode(tokens)
for name, made in written.items():
    print(f"--- {name}\n{PROMPT}{made}\n")


# %%
def real_and_different(made):
    """The share of words that stand in the novels, and the share of words that are not said twice."""
    said = words(made)[:-1]  # the last may be cut off
    return np.mean([word in known_words for word in said]), len(set(said)) / len(said)


measured = {name: real_and_different(made) for name, made in written.items()}
measured["Austen"] = real_and_different(novels.test[5000 : 5000 + LENGTH])
plot.show(
    plot.points(
        [different for _, different in measured.values()],
        [real for real, _ in measured.values()],
        labels=list(measured),
        xlabel="different words, share of all words",
        ylabel="words that stand in the novels, share",
        title="Right against varied",
    )
)
asked = ["greedy", "temperature 1", "nucleus 0.9", "temperature 1.5"]
reals = [measured[name][0] for name in asked]
reveal(
    "transformer.greedy",
    "; ".join(
        f"{name}: real words {measured[name][0]:.0%}, different ones {measured[name][1]:.0%}"
        for name in asked
    ),
    int(np.argmax(reals)),
)

# %% [markdown]
r"""
Greedy writing keeps to real words, and goes round in circles: the most likely text is not a typical text. A high temperature makes many different words, most of which do not exist. What lies between is a matter of taste; no setting makes a small model better than it is. Austen's own lines are at the upper right, and no way of drawing from this GPT gets there. Beside her stands the counting model: most of what it writes it has read, eight characters at a time.

## 4. The cache

To write one character, the model reads all that was written so far. To write the next, it reads it all *again*. But look at what is computed: with the causal mask a token's keys and values depend only on what stands before it. They never change again. So keep them: that is the **key-value cache**. A new token then needs its own query, key and value, and attention to what was kept.

The function that does it gets the queries, keys and values of $T$ new tokens, and what was kept of $P$ earlier ones. $T$ is mostly 1, but the prompt comes in one piece, so be careful with the mask: the new tokens may look at *all* earlier ones, but among themselves only back.
"""


# %% tags=["exercise"]
@exercise("transformer.cached_attention")
def cached_attention(query, key, value, past_key, past_value):
    """Attention of new tokens to all so far.

    query, key, value : tensors, (N, H, T, S), of the new tokens: H heads, S numbers in each.
    past_key, past_value : tensors, (N, H, P, S), of those before; P may be 0.
    Returns the answer (N, H, T, S), and all keys and all values, (N, H, P + T, S).
    """
    ### BEGIN SOLUTION
    new, before = query.shape[2], past_key.shape[2]
    keys, values = torch.cat([past_key, key], dim=2), torch.cat([past_value, value], dim=2)
    mask = torch.ones(new, before + new, dtype=torch.bool).tril(before)
    return F.scaled_dot_product_attention(query, keys, values, attn_mask=mask), keys, values
    ### END SOLUTION


# %%
class OurCache(Cache):
    """Keeps keys and values of each block, and attends with your function."""

    def attend(self, layer, query, key, value):
        nothing = key[:, :, :0]
        past = self.pairs.get(layer, (nothing, nothing))
        answer, keys, values = cached_attention(query, key, value, *past)
        self.pairs[layer] = (keys, values)
        return answer


@torch.no_grad()
def write_greedily(network, prompt, n, cache=None):
    """The n most likely characters behind a prompt, with or without a cache; and the last scores."""
    tokens = list(prompt)
    for _ in range(n):
        unread = tokens if cache is None else tokens[len(cache) :]
        scores = network(torch.tensor([unread]), cache)[0, -1]
        tokens.append(int(scores.argmax()))
    return tokens[len(prompt) :], scores


with torch.no_grad():
    ids = train_ids[None, 5000:5064]
    cache = OurCache()
    parts = [gpt(ids[:, :40], cache)] + [gpt(ids[:, t : t + 1], cache) for t in range(40, 64)]
    off = (torch.cat(parts, dim=1) - gpt(ids)).abs().max().item()
start_ids = letters.encode("She could not ").tolist()
plain, scores_plain = write_greedily(gpt, start_ids, 48)
cached, scores_cached = write_greedily(gpt, start_ids, 48, OurCache())
print(f"scores with and without the cache differ by at most {off:.1e}")
print(f"the same 48 characters: {plain == cached}: {letters.decode(cached)!r}")
print(f"for 64 characters the cache holds {cache.numbers():,} numbers")

# %%
predict(
    "transformer.cache",
    "A longer context. How many times faster is writing 240 characters with the cache than without?",
    ["not faster", "2 to 10 times", "20 to 100 times", "about 240 times"],
)

# %% tags=["volatile"]
long_gpt = new_gpt(
    torch_rng(8), width=128, layers=3, context=288
)  # its speed does not depend on what it knows
lengths, spent = [20, 80, 240], {"without cache": [], "with cache": []}
for n in lengths:
    for name, made in {"without cache": lambda: None, "with cache": OurCache}.items():
        start = time.perf_counter()
        write_greedily(long_gpt, start_ids, n, made())
        spent[name].append(time.perf_counter() - start)
plot.show(
    plot.lines(
        lengths,
        {name: np.array(row) for name, row in spent.items()},
        log="xy",
        xlabel="characters written",
        ylabel="seconds",
        title="Writing with and without a cache",
    )
)
ratios = np.array(spent["without cache"]) / np.array(spent["with cache"])
for n, ratio, slow in zip(lengths, ratios, spent["with cache"], strict=True):
    print(
        f"{n:>4} characters: {ratio:4.1f} times faster with the cache, {n / slow:,.0f} characters a second"
    )
reveal(
    "transformer.cache",
    f"{ratios[-1]:.1f} times for {lengths[-1]} characters, {ratios[0]:.1f} times for {lengths[0]}",
    0 if ratios[-1] < 1.3 else 1 if ratios[-1] < 15 else 2 if ratios[-1] < 150 else 3,
)

# %%
faster = ratios[-1] > 1.2
claim("kv-cache-changes-no-output").judge(
    off < 1e-4 and plain == cached and faster,
    evidence=f"of 48 written characters {sum(a != b for a, b in zip(plain, cached, strict=True))} differ; "
    f"largest difference of a score {off:.1e}; {lengths[-1]} characters are {'written faster' if faster else 'not written faster'}",
)

# %% [markdown]
r"""
Without a cache the work for $T$ characters grows like $T^2$ (and attention's part like $T^3$); with it, like $T$ (attention's part like $T^2$). For short texts there is less to save: a step for one token costs nearly as much as one for twenty, since most of it is not arithmetic (notebook 08). The cache is paid for with memory. In a large model with a long context it is larger than anything else that has to be kept while writing.

## 5. Pieces of words

A character is a small token: a word takes five or six, and the context is full after ten words. A word is a large one: there are very many, and tomorrow there is a new one. **Byte-pair encoding** (Gage, 1994; Sennrich et al., 2016) lies between, and learns from the text where to cut:

1. begin with single characters (or bytes);
2. find the two neighbours that occur most often;
3. make them one new token, everywhere; and again from 2.

Step 3 is yours.
"""


# %% tags=["exercise"]
@exercise("bpe.merge")
def merge(ids, pair, new):
    """Replace every occurrence of a pair, from left to right, by one new token.

    ids : a list of whole numbers; pair : a tuple of two; new : a whole number.
    Returns a new list.
    """
    ### BEGIN SOLUTION
    merged, k = [], 0
    while k < len(ids):
        if k + 1 < len(ids) and (ids[k], ids[k + 1]) == pair:
            merged.append(new)
            k += 2
        else:
            merged.append(ids[k])
            k += 1
    return merged
    ### END SOLUTION


# %%
ids = letters.encode(novels.train[200_000:215_000]).tolist()
spelling = {k: letters.decode([k]) for k in range(V)}
lengths_now, found = [len(ids)], []
for k in range(60):
    pair = most_frequent_pair(ids)
    ids = merge(ids, pair, V + k)
    spelling[V + k] = spelling[pair[0]] + spelling[pair[1]]
    found.append(spelling[V + k])
    lengths_now.append(len(ids))
print("the first joins:  ", " ".join(f"[{piece}]" for piece in found[:14]).replace("\n", "⏎"))
print(
    "the longest of 60:",
    " ".join(f"[{piece}]" for piece in sorted(found, key=len)[-10:]).replace("\n", "⏎"),
)
print(f"15,000 characters became {len(ids):,} tokens, {15_000 / len(ids):.2f} characters each")
plot.show(
    plot.lines(
        np.arange(61),
        {"tokens": np.array(lengths_now)},
        markers=False,
        xlabel="joins",
        ylabel="tokens that the text has",
        title="Every join makes the text shorter, by less and less",
    )
)

# %% [markdown]
r"""
The first joins are what Austen's English is full of: `th`, and endings with the blank behind them. (⏎ is the end of a line.) Soon whole words appear. Nobody told it what a word is.

Real tokenizers begin with the 256 bytes, so that no character of any language is unknown to them, and they do not join across words: the blank belongs to the word behind it. A word that they know is one token, and one that they do not know falls into pieces. The ñ below is two bytes, and half a character cannot be shown: hence the two question marks.
"""

# %%
pieces_of = BPETokenizer.train(novels.train[:150_000], vocab_size=600)
for word in (" with", " Elizabeth", " sensibility", " transformer", " Señor"):
    cut = [pieces_of.decode([token]) for token in pieces_of.encode(word)]
    print(f"{word!r:>16}: {' | '.join(cut)}")
sample = novels.test[:20_000]
per_token = len(sample) / len(pieces_of.encode(sample))
print(
    f"{pieces_of.vocab_size} tokens; {per_token:.2f} characters a token on text it has not seen"
)
print(
    "a loss of 2.0 nats a token would be "
    f"{bits_per_character(2.0, tokens=len(pieces_of.encode(sample)), characters=len(sample)):.2f} bits a character; "
    f"2.0 nats a character are {bits_per_character(2.0):.2f}"
)

# %% [markdown]
r"""
The last lines are a warning. Losses "per token" of two models with different tokenizers cannot be compared: the tokens are not the same size. Bits per character can.

## 6. Translation

The first transformer was a translator. It had two halves. The **encoder** reads the sentence, every token looking to the left and to the right. The **decoder** writes the other one, like a GPT, and in every block it has a second attention, which looks at what was read (**cross-attention**, notebook 13).

The data are short verses of the Bible, in the Spanish of 1909 and in modern English. We go from Spanish to English, and take those of at most twelve words: about two thousand remain to learn from. The transformer gets some ten seconds. Against it stands a **dictionary**, of the kind used since 1993: IBM's Model 1. It knows nothing of order. It begins with "every word of a verse may stand for every word of the other" and asks again and again which pairings explain the verses best. Then it translates word by word, and leaves words that it does not know as they are.

How good is a translation? Compare it with one made by people, the **reference**. **BLEU** (Papineni et al., 2002) counts which runs of 1, 2, 3 and 4 words (n-grams) of the translation stand in the reference. There are two traps. The first: one could write a word that surely occurs, again and again. So each n-gram counts at most as often as it stands in the reference (it is **clipped**).
"""


# %% tags=["exercise"]
@exercise("ngrams.modified_precision")
def modified_precision(candidate, reference, n):
    """How many n-grams of a candidate stand in the reference, clipped.

    candidate (the translation), reference : lists of words; n : how many words make an n-gram.
    Returns (matched, possible), whole numbers: how many n-grams match, of how many the candidate has.
    """
    ### BEGIN SOLUTION
    ours = Counter(tuple(candidate[k : k + n]) for k in range(len(candidate) - n + 1))
    theirs = Counter(tuple(reference[k : k + n]) for k in range(len(reference) - n + 1))
    return (ours & theirs).total(), ours.total()
    ### END SOLUTION


# %% [markdown]
r"""
The second trap: one could write only the two words that are certain. So there is a **brevity penalty**, for all sentences together: with $c$ words written and $r$ in the references,

$$\text{BLEU} = \exp\left(\min\left(0,\ 1 - \frac{r}{c}\right)\right)\cdot\left(p_1\, p_2\, p_3\, p_4\right)^{1/4}$$

where $p_n$ is the share of matched n-grams among the possible ones, both counted over the *whole* test set. If nothing is possible (no sentence has four words), the share is 0. `math.exp` and `math.prod` will be of use.
"""


# %% tags=["exercise"]
@exercise("bleu.corpus")
def bleu(candidates, references):
    """BLEU of a test set, from 0 to 1.

    candidates, references : lists of sentences, each a list of words; one reference for each candidate.
    Returns a number.
    """
    ### BEGIN SOLUTION
    shares = []
    for n in range(1, 5):
        both = [
            modified_precision(c, r, n) for c, r in zip(candidates, references, strict=True)
        ]
        shares.append(sum(m for m, _ in both) / max(sum(p for _, p in both), 1))
    c, r = sum(map(len, candidates)), sum(map(len, references))
    return math.exp(min(0.0, 1 - r / c)) * math.prod(shares) ** 0.25
    ### END SOLUTION


# %%
def cut(sentence):
    """Words and marks, in small letters."""
    return re.findall(r"\w+|[^\w\s]", sentence.lower())


def short(pairs):
    """(Spanish, English) as lists of tokens, where both have at most twelve words."""
    few = [pair for pair in pairs if max(len(side.split()) for side in pair) <= 12]
    return [(cut(es), cut(en)) for en, es in few]


verses = corpora.verse_pairs()
learned_pairs, test_pairs = short(verses.train), short(verses.test)
references = [en for _, en in test_pairs]
print(f"{len(learned_pairs):,} pairs to learn from, {len(test_pairs)} to test on; for example")
print("  ", " ".join(learned_pairs[0][0]), "=", " ".join(learned_pairs[0][1]))


# %%
def learn_dictionary(pairs, rounds=8):
    """IBM Model 1: for each Spanish word the English one that it most probably stands for."""
    spanish = {word: k for k, word in enumerate(sorted({w for es, _ in pairs for w in es}))}
    english = {word: k for k, word in enumerate(sorted({w for _, en in pairs for w in en}))}
    rows = [
        (spanish[es_word], english[en_word], place)
        for place, (es, en_word) in enumerate((es, w) for es, en in pairs for w in en)
        for es_word in es
    ]
    source, target, place = np.array(rows).T  # every possible pairing in every verse
    kind, which = np.unique(source * len(english) + target, return_inverse=True)
    p = np.ones(len(kind))
    for _ in range(rounds):
        # which Spanish word explains this English one? All that are in the verse share it
        share = p[which] / np.bincount(place, p[which])[place]
        counts = np.bincount(which, share)
        p = counts / np.bincount(kind // len(english), counts)[kind // len(english)]
    order = np.argsort(p)  # the most probable one is written last, and stays
    said = list(english)
    names = list(spanish)
    return {names[k // len(english)]: said[k % len(english)] for k in kind[order]}


dictionary = learn_dictionary(learned_pairs)
by_dictionary = [[dictionary.get(word, word) for word in es] for es, _ in test_pairs]
print(
    "; ".join(
        f"{word} = {dictionary[word]}"
        for word in ("rey", "tierra", "hijos", "dios", "no", "casa")
    )
)

# %%
predict(
    "bleu.translation",
    "Some ten seconds of training for the transformer, a quarter of a second for the dictionary. Who has the higher BLEU on verses that neither has seen?",
    ["the transformer, clearly", "about the same", "the dictionary, clearly"],
)

# %% tags=["volatile"]
read_symbols = Symbols.of([es for es, _ in learned_pairs], least=2)
write_symbols = Symbols.of([en for _, en in learned_pairs], least=2)
sources = [read_symbols.encode(es) for es, _ in learned_pairs]
targets = [write_symbols.encode(en) for _, en in learned_pairs]
translator = Translator(
    len(read_symbols), len(write_symbols), width=64, layers=1, rng=torch_rng(9)
)
STEPS = 300
optimizer = Muon(*matrices_and_others(translator), lr=0.02, adam_lr=0.006)
schedule = warm_constant_linear(optimizer, STEPS)
draw, start, losses = course_rng(10), time.process_time(), []
for _ in range(STEPS):
    chosen = draw.integers(len(sources), size=32)
    given, wanted = teacher_forced([targets[k] for k in chosen])
    optimizer.zero_grad()
    loss = sequence_loss(translator(padded([sources[k] for k in chosen]), given), wanted)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(translator.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    losses.append(loss.item())
print(
    f"{STEPS} steps in {time.process_time() - start:.0f} s; loss {np.mean(losses[:10]):.2f} at first, "
    f"{np.mean(losses[-30:]):.2f} at the end (log V = {math.log(len(write_symbols)):.2f})"
)


# %%
def translate(sentences):
    """English for Spanish, as lists of words."""
    out = translator.greedy(padded([read_symbols.encode(es) for es in sentences]), 20)
    return [write_symbols.decode(row) for row in out.tolist()]


by_transformer = translate([es for es, _ in test_pairs])
shuffled = course_rng(11).permutation(len(test_pairs))
of_another = [by_transformer[k] for k in shuffled]  # the translation of another verse
scores = {}
for name, made in {
    "dictionary": by_dictionary,
    "transformer": by_transformer,
    "transformer, another verse's": of_another,
}.items():
    joined = [" ".join(one) for one in made], [" ".join(one) for one in references]
    scores[name] = 100 * bleu(made, references), 100 * chrf(*joined)
    print(f"{name:>28}: BLEU {scores[name][0]:5.2f}, chrF {scores[name][1]:5.2f}")
ahead = scores["dictionary"][0] - scores["transformer"][0]
reveal(
    "bleu.translation",
    f"dictionary {scores['dictionary'][0]:.1f}, transformer {scores['transformer'][0]:.1f} BLEU (times 100)",
    0 if ahead < -2 else 2 if ahead > 2 else 1,
)
claim("transformer-translates-better-than-a-dictionary").judge(
    ahead > 1,
    evidence=f"BLEU times 100: word-by-word dictionary {scores['dictionary'][0]:.1f}, transformer {scores['transformer'][0]:.1f}, "
    f"and {scores['transformer, another verse' + chr(39) + 's'][0]:.1f} for translations of other verses; {len(learned_pairs):,} pairs",
)

# %% [markdown]
r"""
(**chrF** does what BLEU does with runs of characters in place of words, so that a word with a wrong ending still counts for something. It needs no four words in a row.) The third row is the one to look at in every such experiment: the transformer's sentences, each compared with the reference of *another* verse. What is left there is what one gets for knowing the style, and nothing of the verse.

Now read the failures, one by one. A number says that it is bad. Only reading says *how*.
"""

# %%
for k in range(8):
    es, en = test_pairs[k]
    print(f"{' '.join(es)}\n   reference    {' '.join(en)}")
    print(
        f"   dictionary   {' '.join(by_dictionary[k])}\n   transformer  {' '.join(by_transformer[k])}\n"
    )
strange = np.mean([word not in read_symbols.tokens for es, _ in test_pairs for word in es])
invented = [
    np.mean(
        [word not in {dictionary.get(w) for w in es} for word in made if word.isalpha()] or [0]
    )
    for (es, _), made in zip(test_pairs, by_transformer, strict=True)
]


def stutters(sentences):
    """The share of sentences in which a word stands twice in a row."""
    return np.mean(
        [any(a == b for a, b in zip(one, one[1:], strict=False)) for one in sentences]
    )


print(f"Spanish words that the transformer has no number for: {strange:.0%}")
print(
    f"words of the transformer that are no dictionary translation of any word read: {np.mean(invented):.0%}"
)
print(
    f"sentences with the same word twice in a row: transformer {stutters(by_transformer):.0%}, "
    f"dictionary {stutters(by_dictionary):.0%}, references {stutters(references):.0%}"
)

# %% [markdown]
r"""
Read them with three questions.

- **Is it about the same thing?** The dictionary knows no grammar (it takes "no" for the apostrophe of "don't", and who could blame it), but most of its words belong to the verse. The transformer has picked up the *kind* of verse, a list of names, a commandment, and then says what verses of that kind say: it has learned to speak before it has learned to listen. Names are exchanged for other names. Nothing in the loss told it that a wrong name is worse than a wrong "the".
- **Does it come to an end?** Some sentences say the same word again and again. That is greedy writing by an unsure model, as in section 3.
- **What could neither know?** Words that stand in no verse that was learned. The dictionary passes them on as they are, which is right for names and wrong for everything else. The transformer has one number for all of them.

This is how translation models fail that have seen too little: fluently. In the world the order turned around, with thousands of times the pairs, and hours; here it did not.

BLEU counts words that are the same. A right translation in other words costs points, and a fluent wrong one with the usual phrases gains some.

## 7. A summary

The simplest kind of summary is **extractive**: choose sentences. **Lead-3**, the first three, is the baseline that every newspaper summariser must beat, since journalists say the main thing first. **TextRank** (Mihalcea and Tarau, 2004) looks for the sentences that are like many others: each sentence votes for those that it shares words with, and the votes of the important ones count more.

**What is it compared with?** One would need summaries written by people. We have none for Austen's chapters. What can be measured without any: of a summary of sixty words, which share of its *content words* occurs in the rest of the chapter (ROUGE-1 precision, with the two hundred most frequent words of the novels left out)? To be fair, all summaries have the same length: sentences are taken in their order until there are sixty words, and "lead-3" is as many of the first sentences as that holds. The measure says whether the summary speaks of what the chapter speaks of. It does not say whether it tells what *happens*, whether it can be understood, or whether a person would have chosen it.
"""

# %%
frequent = {word for word, _ in Counter(words(novels.train)).most_common(200)}
book = corpora.novels()["Pride and Prejudice"]
chapters = [one.strip() for one in re.split(r"\n+Chapter \d+\s*\n", book)[1:]]


def sentences_of(chapter):
    """The sentences of a chapter."""
    return [one for one in re.split(r"(?<=[.!?])[\"'”]?\s+", " ".join(chapter.split())) if one]


def content(text):
    """Its words, without the most frequent ones of the language."""
    return [word for word in words(text) if word not in frequent]


def textrank(sentences, rounds=30, damping=0.85):
    """Numbers of the sentences, the most central first."""
    bags = [set(content(one)) for one in sentences]
    like = np.array([[len(a & b) for b in bags] for a in bags], float)  # (S, S)
    length = np.log(np.array([len(bag) + 1.0 for bag in bags]))
    like /= np.maximum(length[:, None] + length, 1e-9)
    np.fill_diagonal(like, 0)
    votes = like / np.maximum(like.sum(axis=1, keepdims=True), 1e-9)
    rank = np.ones(len(bags)) / len(bags)
    for _ in range(rounds):
        rank = (1 - damping) / len(bags) + damping * rank @ votes
    return np.argsort(-rank)


def summary(chapter, order, budget=60):
    """Sentences in this order until the words are used up: the summary, and the rest of the chapter."""
    sentences, chosen, used = sentences_of(chapter), [], 0
    for k in order:
        if used >= budget:
            break
        chosen.append(int(k))
        used += len(words(sentences[k]))
    made = " ".join(" ".join(sentences[k] for k in sorted(chosen)).split()[:budget])
    rest = " ".join(one for k, one in enumerate(sentences) if k not in chosen)
    return made, rest


def most_said(chapter):
    """No summary at all: the chapter's most frequent content words, in a row."""
    return " ".join(word for word, _ in Counter(content(chapter)).most_common(25))


# %%
predict(
    "bleu.summary",
    "Whose words occur most often in the rest of the chapter?",
    ["lead-3's", "TextRank's", "those of sentences drawn at random"],
)

# %%
rng = course_rng(12)
rouge = {"lead-3": [], "TextRank": [], "at random": [], "mere word list": []}
for chapter in chapters:
    n = len(sentences_of(chapter))
    orders = {
        "lead-3": range(n),
        "TextRank": textrank(sentences_of(chapter)),
        "at random": rng.permutation(n),
    }
    for name, order in orders.items():
        made, rest = summary(chapter, order)
        rouge[name].append(rouge_n(content(made), content(rest)).precision)
    rouge["mere word list"].append(
        rouge_n(most_said(chapter).split(), content(chapter)).precision
    )
drawn = resample(len(chapters), rng=course_rng(13))
rows = {
    name: (np.mean(values), *bootstrap_interval(np.array(values), drawn))
    for name, values in rouge.items()
}
plot.show(
    plot.intervals(
        rows,
        xlabel="ROUGE-1 precision, against the rest",
        title=f"Summaries of {len(chapters)} chapters",
    )
)
difference = np.array(rouge["TextRank"]) - np.array(rouge["lead-3"])
low, high = bootstrap_interval(difference, drawn)
for name, (value, *_) in rows.items():
    print(f"{name:>15}: ROUGE-1 precision {value:.3f}")
print(f"TextRank less lead-3: {difference.mean():.3f} ({low:.3f} to {high:.3f})")
reveal(
    "bleu.summary",
    ", ".join(f"{name} {rows[name][0]:.3f}" for name in ("lead-3", "TextRank", "at random")),
    int(np.argmax([rows[name][0] for name in ("lead-3", "TextRank", "at random")])),
)
print("\nTextRank on chapter 1:", summary(chapters[0], textrank(sentences_of(chapters[0])))[0])
print("\nlead-3 on chapter 1:", summary(chapters[0], range(3))[0])
print("\nfrequent words:", most_said(chapters[0]))

# %% [markdown]
r"""
Look at the last row of the figure before you believe the second. A mere list of the chapter's most frequent words gets the best score there can be, and it is no summary. TextRank chooses sentences that share words with the rest of the chapter, and the measure asks for words shared with the rest of the chapter: it is measured by what it aims at. That it beats lead-3 here is true, and says little. In a novel the first sentences are not the main thing anyway; in a newspaper lead-3 is hard to beat.

ROUGE, like BLEU, sees words. With references by people it is worth something as a rough comparison of similar systems. Without them it can be won by anybody who knows how it is computed.

## 8. Larger and longer

"Larger models and longer training lower the loss along a straight line on log axes": the **scaling law** (Kaplan et al., 2020) that started the race for size. Can one see anything of it in ten seconds? Three widths, three numbers of steps; every run has its own schedule of rates.
"""

# %%
predict(
    "transformer.scaling",
    "About the same number of arithmetic operations for both: a network 64 wide for 60 steps, or one half as wide for 180. Which needs fewer bits?",
    ["the wide one", "the narrow one, trained for longer", "no difference worth speaking of"],
)

# %%
widths, budgets = (16, 32, 64), (20, 60, 180)
study, study_seconds, operations = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3))
slice_ids = letters.encode(novels.validation[:12_000])
for i, width in enumerate(widths):
    for j, steps in enumerate(budgets):
        rng = torch_rng(14)
        small = new_gpt(rng, width=width, context=32)
        optimizer = Muon(*matrices_and_others(small), lr=0.02, adam_lr=0.01)
        schedule, start = warm_constant_linear(optimizer, steps), time.process_time()
        for _ in range(steps):
            x, y = windows(rng, 16, 32)
            optimizer.zero_grad()
            loss_of(small(x), y).backward()
            optimizer.step()
            schedule.step()
        study_seconds[i, j] = time.process_time() - start
        study[i, j] = bits_per_character(-log_probs(small.eval(), slice_ids, context=32).mean())
        size = sum(p.numel() for p in small.parameters())
        operations[i, j] = 6 * size * steps * 16 * 32  # two a weight forwards, four backwards
plot.show(
    plot.points(
        operations.ravel(),
        study.ravel(),
        labels=[f"{steps} steps" for _ in widths for steps in budgets],
        kinds=[f"width {width}" for width in widths for _ in budgets],
        log="xy",
        xlabel="arithmetic operations of the training",
        ylabel="bits a character, validation",
        title="Three sizes, three budgets",
    )
)

# %% tags=["volatile"]
for i, width in enumerate(widths):
    print(
        f"width {width:>2}: "
        + ", ".join(
            f"{study[i, j]:.2f} bits after {budgets[j]} steps ({operations[i, j]:.1e} operations, {study_seconds[i, j]:.1f} s)"
            for j in range(3)
        )
    )

# %%
wide, narrow = study[2, 1], study[1, 2]  # no more operations for the narrow one
reveal(
    "transformer.scaling",
    f"64 wide, {budgets[1]} steps: {wide:.2f} bits ({operations[2, 1]:.1e} operations); 32 wide, {budgets[2]} steps: {narrow:.2f} ({operations[1, 2]:.1e})",
    0 if wide < narrow - 0.05 else 1 if narrow < wide - 0.05 else 2,
)
claim("larger-and-longer-is-better").judge(
    bool((study[:, 0] - study[:, 2] > 0.3).all())
    and study[2, 2] < study[0, 2] - 0.1
    and narrow < wide - 0.05,
    evidence="bits a character after "
    + ", ".join(map(str, budgets))
    + " steps: "
    + "; ".join(
        f"width {w} " + ", ".join(f"{b:.2f}" for b in row)
        for w, row in zip(widths, study, strict=True)
    )
    + f"; with no more operations, width 32 {narrow:.2f} against width 64 {wide:.2f}",
)

# %% [markdown]
r"""
Two things are true at once. Longer is better for every size, and at equal *steps* wider is better. But twice the width is about four times the work in every step. At equal *cost* the narrow one, trained for longer, wins here: the wide ones have not had enough to read. That is the question of compute-optimal training (Hoffmann et al., 2022): for every budget there is a best size, and it grows with the budget. (In seconds the gap is smaller, since a small step is mostly not arithmetic: look at the table.)

Nine small runs on one seed show the direction. For a straight line over many powers of ten one needs an accelerator: the same model with ten million weights, and three sizes with three budgets each. For comparison: the README of nanoGPT (Karpathy, 2022), a well-known small implementation, states a validation loss of 1.47 nats a character for a model of that size on the works of Shakespeare, after three minutes on one A100. Another text, so the numbers are not comparable, but the order of magnitude is. The cell below shows the recorded run, if there is one.
"""

# %% tags=["gpu"]
print(device.recorded("gpt"))

# %% [markdown]
r"""
## When it breaks

**The targets are not moved.** The network is asked for the character that it has just read, not for the next one. No error is raised, and the loss looks wonderful.
"""

# %%
predict(
    "transformer.not-moved",
    "Asked for the character that it has just read, the network's loss after 60 steps is nearly 0. Where is the loss *before* the first step?",
    ["at log V, as always", "below log V", "above log V"],
)


# %%
def short_run(wiring=block, moved=True, layers=2, steps=60, lr=0.02, seed=15):
    """Losses in nats of a short training, and the network."""
    rng = torch_rng(seed)
    network = new_gpt(rng, width=32, layers=layers, context=32, wiring=wiring)
    optimizer = Muon(*matrices_and_others(network), lr=lr, adam_lr=0.01)
    schedule, losses = warm_constant_linear(optimizer, steps), []
    for _ in range(steps):
        x, y = windows(rng, 16, 32)
        optimizer.zero_grad()
        loss = loss_of(network(x), y if moved else x)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return np.array(losses), network.eval()


right, _ = short_run()
wrong, parrot = short_run(moved=False)
plot.show(
    plot.lines(
        np.arange(1, 61),
        {"targets moved by one": right, "targets not moved": wrong},
        markers=False,
        reference={"log V": math.log(V)},
        xlabel="step",
        ylabel="loss, nats a character",
        title="Too good to be true",
    )
)
echo = letters.decode(generate(parrot, letters.encode("It was"), 30, greedy=True))
print(f"what it writes after 'It was': {echo!r}")
reveal(
    "transformer.not-moved",
    f"first loss {wrong[0]:.2f}, log V {math.log(V):.2f}; last loss {wrong[-1]:.2f}",
    0 if abs(wrong[0] - math.log(V)) < 0.2 else 1 if wrong[0] < math.log(V) else 2,
)

# %% [markdown]
r"""
The table is used twice, so a character is like itself from the beginning: asked for what it has just read, even the untrained network is better than a guess. A first loss below $\log V$ is an alarm. The other one is what it writes: the last character of the prompt, for ever.

**Nothing is added.** The residual connections are left out, and the rest is as it was. With two blocks one hardly notices. So take ten.
"""

# %%
predict(
    "transformer.no-residual",
    "Ten blocks, 60 steps. Without the residual connections the loss ...",
    [
        "falls as with them",
        "falls, but later",
        "stays where a guess from the characters' frequencies would be",
    ],
)

# %%
arms = {
    "pre-norm (yours)": block,
    "nothing added": lambda x, norm_1, attention, norm_2, mlp: mlp(
        norm_2(attention(norm_1(x)))
    ),
}
deep = {name: short_run(wiring=wiring, layers=10)[0] for name, wiring in arms.items()}
p = np.bincount(train_ids.numpy(), minlength=V) / len(train_ids)
guess = -(p[p > 0] * np.log(p[p > 0])).sum()
plot.show(
    plot.lines(
        np.arange(1, 61),
        deep,
        markers=False,
        reference={"guess by frequency": guess},
        xlabel="step",
        ylabel="loss, nats a character",
        title="Ten blocks",
    )
)
ends = {name: losses[-10:].mean() for name, losses in deep.items()}
reveal(
    "transformer.no-residual",
    ", ".join(f"{name} {end:.2f}" for name, end in ends.items())
    + f"; guess by frequency {guess:.2f}",
    2
    if ends["nothing added"] > guess - 0.15
    else 1
    if ends["nothing added"] > ends["pre-norm (yours)"] + 0.1
    else 0,
)

# %% [markdown]
r"""
And mistakes that are told at once, because the course's functions look for them:
"""

# %%
for name, attempt in {
    "a character never met": lambda: letters.encode("naïve ☺"),
    "no prompt": lambda: generate(gpt, [], 5, greedy=True),
    "too long for the context": lambda: gpt(train_ids[None, :65]),
    "temperature 0": lambda: generate(gpt, [1], 5, rng=course_rng(16), temperature=0),
}.items():
    try:
        attempt()
    except CourseError as error:
        print(f"{name}: {error}")

# %% [markdown]
r"""
| what you see | what it is | what to do |
|---|---|---|
| the first loss is far below log V | the answer is visible: targets not moved, or no mask | change one token and look where the scores move |
| the first loss is far above log V | first weights too large | spread 0.02, and less where many blocks add up |
| the loss stops at the frequencies' entropy | nothing gets through: no residuals, or a dead deep stack | add, do not replace; look at the gradients block by block |
| it writes the same sentence for ever | greedy, or too low a temperature | draw; nucleus |
| good text with the cache off, nonsense with it on | positions begin at 0 again, or the mask is cut from the wrong corner | compare scores with and without, token by token |
| a wonderful loss per token | large tokens | bits per character |
| fluent translations of something else | too few pairs | compare with translations of other verses |

## Explain it back

**Q1.** Your untrained model has a loss of 2.1 nats a character, and the alphabet has 81. What do you do?

<details><summary>A. Be glad: it begins well.</summary>

**No.** An untrained network knows nothing. It must pay about log 81, twice as much.

</details>
<details><summary>B. Look for the place where it sees the answer.</summary>

**Right.** It is cheaper than knowing nothing allows. Are the targets moved? Is the mask there?

</details>
<details><summary>C. Make the first weights smaller.</summary>

**No.** Too large weights make the first loss too high, not too low.

</details>

**Q2.** Why may keys and values be kept while writing, when the text grows all the time?

<details><summary>A. Because they change so little that nobody notices.</summary>

**No.** They do not change at all: the scores with and without the cache are the same.

</details>
<details><summary>B. Because of the causal mask: a token's vectors depend only on what stands before it.</summary>

**Right.** What comes later changes nothing earlier. In an encoder, where all look at all, it would not work.

</details>
<details><summary>C. Because the weights do not change while writing.</summary>

**No.** That is needed, but not enough: without the mask an old token's keys would depend on the new ones.

</details>

**Q3.** The GPT needs clearly more bits than the n-gram model, yet the mixture needs fewer than either. How can that be?

<details><summary>A. The mixture's weights were chosen on the test part.</summary>

**No.** They were chosen on the validation part.

</details>
<details><summary>B. They are wrong in different places.</summary>

**Right.** For example where counting has never seen the context, the network still has an opinion. It need not be better on the whole.

</details>
<details><summary>C. A mean of two models is always better than both.</summary>

**No.** Had the GPT known nothing of its own, its best weight would have been 0.

</details>

**Q4.** A translator writes "the", and nothing else, for every sentence. What does BLEU give it?

<details><summary>A. A high score: "the" stands in nearly every reference.</summary>

**No.** Its single words match, but it has no pair of words at all, and it is far too short.

</details>
<details><summary>B. Nothing: there is no matching run of two words, and the brevity penalty comes on top.</summary>

**Right.** The geometric mean is 0 if one of the four shares is 0.

</details>
<details><summary>C. One half: precision is high and recall low.</summary>

**No.** BLEU has no recall. The brevity penalty stands in for it.

</details>

**Q5.** (From notebook 13.) Without positions, what could this GPT not tell apart?

<details><summary>A. Two characters that look alike.</summary>

**No.** Each has its own row in the table.

</details>
<details><summary>B. "on" and "no" as what came before: the same characters in another order.</summary>

**Right.** To attention the past would be a bag (a causal mask over several blocks gives a hint of the order, but no more).

</details>
<details><summary>C. Upper and lower case.</summary>

**No.** They are different characters.

</details>

**Q6.** (From notebook 10.) Why does the LSTM need no cache to write quickly?

<details><summary>A. Its state is its memory: a fixed number of values, whatever the length.</summary>

**Right.** That is its strength when writing, and its weakness when it has to remember much.

</details>
<details><summary>B. It forgets everything but the last character.</summary>

**No.** The cell state carries more than that.

</details>
<details><summary>C. It writes all characters at once.</summary>

**No.** It writes one after the other, as the transformer does.

</details>

## Go further

**A small one.** Mix differently: let the weight of the network depend on how sure the n-gram model is. Choose on the validation part; what does the test part say?

**Over lunch.** `GPT(V, positions="rotary", width=128, layers=4, heads=4, context=128)`, windows of 128 characters, 32 of them a step, 1,800 steps, `Muon` with `lr=0.02` and `adam_lr=0.003`, the same schedule: ten minutes or so of one core. How far below Kneser-Ney does it end, and what is the mixture of both worth now?

**A project.** Train the GPT on pieces of words (`BPETokenizer` with a thousand tokens) for the same seconds. Is it better in bits per character? What if you count the characters that its context holds? Then give it ten minutes, and find out when it passes Kneser-Ney.

**Sources.**
P. Gage (1994), *A new algorithm for data compression*.
P. Brown et al. (1993), *The mathematics of statistical machine translation*: the dictionary.
S. Chen and J. Goodman (1999), *An empirical study of smoothing techniques for language modeling*.
K. Papineni et al. (2002), *BLEU: a method for automatic evaluation of machine translation*.
C.-Y. Lin (2004), *ROUGE: a package for automatic evaluation of summaries*. R. Mihalcea and P. Tarau (2004), *TextRank: bringing order into text*.
R. Sennrich, B. Haddow and A. Birch (2016), *Neural machine translation of rare words with subword units*.
A. Vaswani et al. (2017), *Attention is all you need*. A. Radford et al. (2019), *Language models are unsupervised multitask learners*.
A. Holtzman et al. (2020), *The curious case of neural text degeneration*. R. Xiong et al. (2020), *On layer normalization in the transformer architecture*.
J. Kaplan et al. (2020), *Scaling laws for neural language models*. J. Hoffmann et al. (2022), *Training compute-optimal large language models*.
A. Karpathy (2022), *nanoGPT*. K. Jordan et al. (2024), *Muon: an optimizer for hidden layers in neural networks*.
"""
