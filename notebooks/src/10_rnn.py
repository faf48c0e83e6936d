# %% [markdown]
r"""
# Recurrent networks: a state that is carried along

**The question.** All networks so far saw their input at one glance. A sentence, a melody, the weather of the last weeks come one step after the other, and may be of any length. How does a network read something like that, what can it remember of it, and when is it worth the trouble?

**After this notebook you will be able to**

- write the cells of a plain recurrent network, an LSTM and a GRU, and unroll them in time;
- measure how far back a gradient comes, and say why it fades or explodes;
- tame exploding gradients, and make a network start so that it can remember;
- judge a forecast fairly: with baselines, and with an origin that rolls through time;
- train a network that invents names, compare it with counting in bits per character, and draw from it at any temperature.

**Builds on** 08 PyTorch (tensors, modules, the loop); 03 Backpropagation (the chain rule); 05 Optimizers (clipping); 02 Forward pass (softmax, cross-entropy). **Time** about 90 minutes, of which your computer needs one or two.
"""

# %%
import time
from functools import partial

import numpy as np
import torch
from sklearn.linear_model import Ridge
from torch import nn
from torch.nn import functional as F

from coursekit import plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.corpora import first_names
from coursekit.metrics import bits_per_character, mean_and_spread
from coursekit.models.cells import made_to_remember, unroll
from coursekit.models.recurrent import KINDS, LanguageModel, write
from coursekit.predict import predict, reveal
from coursekit.scratch import recurrent as engine
from coursekit.series import seattle_weather
from coursekit.settings import course_rng, course_seed, course_seeds
from coursekit.text import CharTokenizer, KneserNey


def torch_rng(k):
    """A PyTorch generator for the course's seed number k."""
    return torch.Generator().manual_seed(course_seed(k))


# %% [markdown]
r"""
## 1. One step, again and again

A **recurrent network** reads a sequence $x_1, x_2, \dots, x_T$ one step at a time. It has a **state** $h$, a vector of $H$ numbers: all that it knows of what it has read so far. At each step it computes a new state from the old one and from the next input:

$$h_t = \tanh\,(W_{ih}\,x_t + b_{ih} + W_{hh}\,h_{t-1} + b_{hh})$$

$W_{ih}$ (input to state) and $W_{hh}$ (state to state) are the weights, $b_{ih}$ and $b_{hh}$ the biases. Before the first step the state is all zeros. What is decisive: **the weights are the same at every step.** So a sequence may be of any length, and what has been learned about the third letter holds for the thirtieth. In notebook 09 one window served for every place of a picture; here one cell serves for every moment.

With a batch of $N$ sequences, $x$ is $(N, D)$ at each step and $h$ is $(N, H)$. The weights have PyTorch's shapes, $(H, D)$ and $(H, H)$.
"""


# %% tags=["exercise"]
@exercise("rnn.step")
def rnn_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """One step: the next state, (N, H).

    x : (N, D), this step's input. h : (N, H), the state so far. weight_ih : (H, D).
    weight_hh : (H, H). bias_ih, bias_hh : (H,). All are tensors.
    """
    ### BEGIN SOLUTION
    from_input = x @ weight_ih.T + bias_ih  # (N, H)
    from_state = h @ weight_hh.T + bias_hh  # (N, H)
    return torch.tanh(from_input + from_state)
    ### END SOLUTION


# %% [markdown]
r"""
To read a sequence, call the cell once for each step and hand the state on. Drawn out, this gives a chain, with as many copies of the cell as there are steps. The network is **unrolled**:
"""

# %%
plot.show(
    plot.unrolled(
        ["$x_1$", "$x_2$", "$x_3$", "$x_4$"],
        title="A recurrent network, unrolled over four steps",
    )
)

# %% [markdown]
r"""
`unroll(cell, x, state, weights)` of the course does just that: a loop over the steps, which keeps all states. Your cell, unrolled, against PyTorch's layer `nn.RNN`, and against the layer of the course's own engine, in double precision:
"""

# %%
layer = nn.RNN(3, 5, batch_first=True).double()
x = torch.randn(4, 7, 3, generator=torch_rng(0), dtype=torch.float64)  # (N, T, D)
states = unroll(rnn_cell, x, (torch.zeros(4, 5).double(),), list(layer.parameters()))
mine = torch.stack([h for (h,) in states[1:]], dim=1)  # (N, T, H)
own = engine.RNN(3, 5, rng=course_rng(0), dtype=np.float64)
own.load_state_dict({name: p.detach().numpy() for name, p in layer.named_parameters()})
gaps = {
    "nn.RNN": (mine - layer(x)[0]).abs().max().item(),
    "the course's engine": np.abs(mine.detach().numpy() - own(x.numpy())[0].data).max(),
}
for name, gap in gaps.items():
    print(f"{name:>20}: largest difference below 1e-12: {gap < 1e-12}")
count = sum(p.numel() for p in layer.parameters())
print(f"parameters: {count}, for sequences of any length")

# %% [markdown]
r"""
## 2. Back through time

An unrolled network is a deep network: one layer for each step, all with the same weights. So `backward()` of notebook 04 works as it is. It walks back through the chain, and at each copy of the cell it adds that copy's share to the gradient of the common weights. This is called **backpropagation through time** (Werbos, 1990).

Look at what happens to the gradient of the loss $L$ on the way. By the chain rule, one step back means one matrix product:

$$\frac{\partial L}{\partial h_{t-1}} = W_{hh}^{\top}\;\Big((1 - h_t^2) \odot \frac{\partial L}{\partial h_t}\Big)$$

$1 - h_t^2$ is the slope of tanh, at most 1, and $\odot$ multiplies number by number. Forty steps back are forty such products, with the same $W_{hh}$ each time. What that does, you know from numbers: a number below 1, multiplied by itself forty times, is next to nothing; one above 1 is huge.

The **lag** of a state is how many steps it lies before the end. Measure the gradient's size at each lag, as the root of the sum of squares, for three ways to choose $W_{hh}$ at the start: PyTorch's own (evenly drawn from $-1/\sqrt H$ to $1/\sqrt H$); an **orthogonal** matrix, which turns a vector and leaves its length as it is; and that matrix times three.
"""

# %%
predict(
    "rnn.fading",
    "A plain network with PyTorch's start. How large is the gradient 40 steps back, compared with that at the end?",
    ["about a half", "about a hundredth", "about a millionth", "less than a billionth"],
)


# %%
def gradient_by_lag(cell, layer, rng, T=60, N=16):
    """Size of the gradient at the state so many steps back from the end: an array (T + 1,)."""
    x = torch.randn(N, T, layer.input_size, generator=rng)
    zeros = torch.zeros(N, layer.hidden_size, requires_grad=True)
    start = (zeros, zeros.clone()) if isinstance(layer, nn.LSTM) else (zeros,)  # see section 4
    states = unroll(cell, x, start, list(layer.parameters()))
    loss = (states[-1][0] * torch.randn(N, layer.hidden_size, generator=rng)).sum()
    slopes = torch.autograd.grad(loss, [state[-1] for state in states])  # of an LSTM: at c
    return np.array([slope.norm().item() for slope in reversed(slopes)])


def fresh(kind, inputs, hidden=32, remembers=False, stretched=1.0):
    """A layer as PyTorch starts it, or made to remember: a plain one with an orthogonal W_hh."""
    layer = KINDS[kind](inputs, hidden, batch_first=True)
    if remembers:
        made_to_remember(layer)
    with torch.no_grad():
        layer.weight_hh_l0 *= stretched
    return layer


def typical(cell, seeds=3, **how):
    """The gradient by lag, against that at the end: the geometric mean over some seeds."""
    rows = []
    for seed in course_seeds(seeds):
        with torch.random.fork_rng():  # the seed counts in here only
            torch.manual_seed(seed)
            row = gradient_by_lag(cell, fresh(inputs=8, **how), torch_rng(seed))
        rows.append(np.log(row / row[0]))
    return np.exp(np.mean(rows, axis=0))


plain = {
    "PyTorch's start": typical(rnn_cell, kind="RNN"),
    "orthogonal": typical(rnn_cell, kind="RNN", remembers=True),
    "orthogonal, times 3": typical(rnn_cell, kind="RNN", remembers=True, stretched=3.0),
}
plot.show(
    plot.lines(
        np.arange(61),
        plain,
        log="y",
        markers=False,
        xlabel="lag: steps back from the end",
        ylabel="gradient, against lag 0",
        title="Plain networks: how far a gradient comes back",
    )
)

# %%
for name, row in plain.items():
    print(f"{name:>20}: {row[10]:8.1e} at lag 10, {row[40]:8.1e} at lag 40")
faded = plain["PyTorch's start"][40]
reveal(
    "rnn.fading",
    f"{faded:.1e} of what it is at the end",
    0 if faded > 0.1 else 1 if faded > 1e-4 else 2 if faded > 1e-9 else 3,
)

# %% [markdown]
r"""
The axis is logarithmic, so a straight line means the same factor at each step. The gradient **vanishes** or **explodes**, and with the orthogonal matrix it fades slowly: only tanh takes something away.

Consider what the lowest line says about learning. The gradient is the message "had you remembered *this* from back then, you would have been right". If it arrives at a lag of 40 with the strength of one in a billion, it drowns in what nearer steps have to say. The network could perhaps *hold* something for so long, but it never learns *that* it should (Bengio, Simard and Frasconi, 1994).

## 3. When it explodes: clip

The upper line is the opposite case. There a tiny change of the weights changes the end of the sequence altogether. The loss has cliffs, and at the foot of one the gradient is huge. One step along it, and the weights are thrown far away, to where all that was learned is lost.

The cure is crude and works (Pascanu, Mikolov and Bengio, 2013). Take all gradients together as one long vector. If its length exceeds some `max_norm`, shorten it to that; the direction stays. You wrote it in notebook 05 on the course's engine, in place. Here it is needed as a function from old gradients to new ones.
"""


# %% tags=["exercise"]
@exercise("clipping.clip_by_norm")
def clip_by_norm(gradients, max_norm):
    """Shorten gradients that, taken as one long vector, are longer than max_norm.

    gradients : list of tensors of any shapes, which must not be changed.
    Returns a list of new tensors, and the length before.
    """
    ### BEGIN SOLUTION
    squares = [(g**2).sum() for g in gradients]
    norm = torch.sqrt(sum(squares))
    if norm <= max_norm:
        return list(gradients), norm
    return [g * (max_norm / norm) for g in gradients], norm
    ### END SOLUTION


# %% [markdown]
r"""
Now a task that needs memory: **recall**. The first step shows one of four symbols. Then come so many steps of noise, which is the *lag*. At the end the network is to say which symbol it was. Guessing gives a quarter right.

`Reader` is a network for such tasks: a recurrent layer, and a linear layer that reads the last state. `train` is the usual loop, with your clipping in it.
"""


# %%
class Reader(nn.Module):
    """Read a whole sequence, answer once, from the last state."""

    def __init__(self, kind, inputs, outputs, hidden=32, remembers=False):
        super().__init__()
        self.layer = fresh(kind, inputs, hidden, remembers)
        self.answer = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.answer(self.layer(x)[0][:, -1])  # (N, T, D) to (N, outputs)


def train(network, loss_of, steps, lr, optimizer=torch.optim.Adam, max_norm=1.0, until=0.0):
    """Train; the rate falls to 0 in the second half. Stops early after 5 losses below `until`.

    Returns the length of each step's gradient, before clipping.
    """
    parameters = list(network.parameters())
    step, lengths, calm = optimizer(parameters, lr, fused=True), [], 0  # fused: quicker
    for t in range(steps):
        step.param_groups[0]["lr"] = lr * min(1, 2 * (1 - t / steps))
        step.zero_grad()
        loss = loss_of(network)
        loss.backward()
        clipped, length = clip_by_norm([p.grad for p in parameters], max_norm)
        for p, g in zip(parameters, clipped, strict=True):
            p.grad = g
        step.step()
        lengths.append(float(length))
        calm = calm + 1 if loss.item() < until else 0
        if calm == 5:
            break
    return np.array(lengths)


SYMBOLS = 4


def recall(N, rng, lag):
    """One of four symbols, then noise: sequences (N, 1 + lag, 5), and which symbol it was."""
    symbol = torch.randint(SYMBOLS, (N,), generator=rng)
    x = torch.zeros(N, 1 + lag, SYMBOLS + 1)
    x[torch.arange(N), 0, symbol] = 1
    x[:, 1:, SYMBOLS] = torch.randn(N, lag, generator=rng)
    return x, symbol


def learn(task, seed, kind, remembers=False, steps=200, lr=5e-3, **how):
    """Train a reader on a task; the share that it gets right on new sequences, and the lengths of its gradients."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network, rng = Reader(kind, SYMBOLS + 1, SYMBOLS, remembers=remembers), torch_rng(seed)

        def loss_of(network):
            x, symbol = task(32, rng)
            return F.cross_entropy(network(x), symbol)

        lengths = train(network, loss_of, steps, lr, **how)
    with torch.no_grad():
        x, symbol = task(1000, rng)
        return (network(x).argmax(dim=1) == symbol).float().mean().item(), lengths


# %% [markdown]
r"""
A plain network with the orthogonal start, a lag of 20, plain gradient descent with a rate of 0.3: once with clipping at a length of 0.5, once without.
"""

# %%
predict(
    "rnn.clipping",
    "What does clipping change here?",
    [
        "nothing: gradients of an orthogonal start stay small",
        "it makes training slower, since the steps are shorter",
        "with clipping the task is learned, without it is not",
        "the other way round",
    ],
)

# %%
arms = {"without clipping": 1e9, "clipped at 0.5": 0.5}
how = {"remembers": True, "steps": 200, "lr": 0.3, "optimizer": torch.optim.SGD}
task = partial(recall, lag=20)
tried = {
    name: [learn(task, seed, "RNN", max_norm=length, **how) for seed in course_seeds(3)]
    for name, length in arms.items()
}
for name, runs in tried.items():
    middle, longest = (
        np.median([f(lengths) for _, lengths in runs]) for f in (np.median, np.max)
    )
    print(
        f"{name:>18}: right {mean_and_spread([share for share, _ in runs], percent=True)}; "
        f"length of the gradient before clipping: median {middle:.2f}, longest {longest:.0f}"
    )
free, clipped = (np.array([share for share, _ in runs]) for runs in tried.values())
gain = clipped.mean() - free.mean()
reveal(
    "rnn.clipping",
    f"right with clipping {clipped.mean():.0%}, without {free.mean():.0%} (guessing gives {1 / SYMBOLS:.0%})",
    0 if abs(gain) < 0.1 else 2 if gain > 0 else 3,
)
claim("clipping-tames-explosions").judge(
    gain > 0.3,
    evidence=f"recall after 20 steps, plain gradient descent, 3 seeds: {mean_and_spread(clipped, percent=True)} right "
    f"with clipping, {mean_and_spread(free, percent=True)} without",
)

# %% [markdown]
r"""
The length that was measured *before* clipping is worth keeping in sight: a few very long gradients among many short ones are the sign of cliffs. Clipping does not help a gradient that has faded; no factor brings back what has drowned.

## 4. Gates

The other disease needs another cell. Hochreiter and Schmidhuber (1997) gave the network a second part of its state, the **memory** $c$, and let it through from step to step with *no weights at all*:

$$c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh(c_t)$$

$g$ is what there is to take in. $i$, $f$ and $o$ are **gates**, numbers between 0 and 1, each for one number of the memory: $i$ says how much of $g$ comes in, $f$ how much of the old memory is kept, $o$ how much is shown to the outside as $h$. (The gate $f$ came three years later, from Gers, Schmidhuber and Cummins.) This is the **LSTM**, long short-term memory.

Where do the gates get their values from? From $x_t$ and $h_{t-1}$, like everything. Four weighted sums, one for each letter, all made in one go:

$$(s_i, s_f, s_g, s_o) = W_{ih}\,x_t + b_{ih} + W_{hh}\,h_{t-1} + b_{hh}, \qquad i = \sigma(s_i),\ f = \sigma(s_f),\ g = \tanh(s_g),\ o = \sigma(s_o)$$

So the weights have $4H$ rows: first those of $i$, then $f$, $g$, $o$. $\sigma$ is the sigmoid.
"""


# %% tags=["exercise"]
@exercise("gates.lstm_cell")
def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    """One step of an LSTM: the next h and the next c, each (N, H).

    x : (N, D). h, c : (N, H). weight_ih : (4 H, D), weight_hh : (4 H, H),
    bias_ih, bias_hh : (4 H,), in the order i, f, g, o. Returns h, c.
    """
    ### BEGIN SOLUTION
    sums = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh  # (N, 4 H)
    i, f, g, o = sums.chunk(4, dim=1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * c + i * g
    return o * c.tanh(), c
    ### END SOLUTION


# %% [markdown]
r"""
One step back along the memory, the gradient is multiplied by $f$, and by nothing else. With $f$ near 1 it passes nearly unharmed.

The **GRU**, gated recurrent unit (Cho et al., 2014), makes do with one state and two gates. $z$ says how much of the old state is *kept*; the rest is replaced by something new, $n$. $r$ says how far the old state counts in $n$:

$$r = \sigma(x_r + h_r), \qquad z = \sigma(x_z + h_z), \qquad n = \tanh(x_n + r \odot h_n), \qquad h_t = (1 - z) \odot n + z \odot h_{t-1}$$

Here $(x_r, x_z, x_n) = W_{ih}\,x_t + b_{ih}$ are the three sums from the input, and $(h_r, h_z, h_n) = W_{hh}\,h_{t-1} + b_{hh}$ those from the old state.
"""


# %% tags=["exercise"]
@exercise("gates.gru_cell")
def gru_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """One step of a GRU: the next state, (N, H).

    x : (N, D). h : (N, H). weight_ih : (3 H, D), weight_hh : (3 H, H),
    bias_ih, bias_hh : (3 H,), in the order r, z, n.
    """
    ### BEGIN SOLUTION
    x_r, x_z, x_n = (x @ weight_ih.T + bias_ih).chunk(3, dim=1)
    h_r, h_z, h_n = (h @ weight_hh.T + bias_hh).chunk(3, dim=1)
    r = torch.sigmoid(x_r + h_r)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return z * h + (1 - z) * n
    ### END SOLUTION


# %%
CELLS = {"RNN": rnn_cell, "LSTM": lstm_cell, "GRU": gru_cell}
for kind in ("LSTM", "GRU"):
    layer = KINDS[kind](3, 5, batch_first=True).double()
    zeros = torch.zeros(4, 5).double()
    states = unroll(
        CELLS[kind], x, (zeros, zeros) if kind == "LSTM" else (zeros,), list(layer.parameters())
    )
    gap = (torch.stack([state[0] for state in states[1:]], dim=1) - layer(x)[0]).abs().max()
    print(f"your {kind} cell, unrolled, equals nn.{kind} up to 1e-12: {gap < 1e-12}")

# %% [markdown]
r"""
Now all of them side by side: gradient by lag, a row for each network. There are two ways to start. The first is PyTorch's, with all weights and biases near 0. The second is **made to remember**: the plain network gets its orthogonal matrix; in the gated ones the bias of the keeping gate ($f$ of the LSTM, $z$ of the GRU) is set to 3, so that it is nearly open, $\sigma(3) \approx 0.95$. Beyond the ends of the scale the colour stays the same.
"""

# %%
predict(
    "rnn.fresh-gates",
    "All three with PyTorch's start. How does the gradient at lag 40 of the LSTM compare with that at its end?",
    [
        "it is about as large: this is what an LSTM is made for",
        "it has faded to less than a thousandth, as in the plain network",
        "it has exploded",
    ],
)

# %%
rows = {}
for remembers in (False, True):
    for kind, cell in CELLS.items():
        start = "made to remember" if remembers else "PyTorch's start"
        rows[f"{kind}, {start}"] = typical(cell, kind=kind, remembers=remembers)
rows["RNN, orthogonal, times 3"] = plain["orthogonal, times 3"]
plot.show(plot.lag_map(rows, title="How far back a gradient comes"))

# %%
for name, row in rows.items():
    print(f"{name:>25}: {row[40]:8.1e} at lag 40, against lag 0")
ratio = rows["LSTM, PyTorch's start"][40]
reveal(
    "rnn.fresh-gates",
    f"{ratio:.1e} at lag 40; made to remember: {rows['LSTM, made to remember'][40]:.2f}",
    1 if ratio < 1e-3 else 2 if ratio > 10 else 0,
)

# %% [markdown]
r"""
A gate that starts near $\sigma(0) = 0.5$ halves the memory at every step. After 40 steps that is $0.5^{40}$: a fresh LSTM forgets about as thoroughly as a fresh plain network. Its advantage is that this can be *changed* by one number, a bias; and that training can change it for each number of the memory by itself.

## 5. Who remembers how long?

The gradient says what can be learned. Now see what *is* learned: the recall task, three lags, both starts, three seeds each (six for the plain network, which is quick; two for the GRU, which is slow here). All are trained alike, with Adam and with clipping, for 200 steps of 32 sequences; who has solved the task may stop early.
"""

# %%
predict(
    "rnn.recall",
    "Recall over 36 steps of noise. Which networks get (nearly) all symbols right?",
    [
        "LSTM and GRU, with either start",
        "LSTM and GRU, if made to remember; the plain network never",
        "all three if made to remember, none of them with PyTorch's start",
        "none at all",
    ],
)

# %%
LAGS, SEEDS = (4, 12, 36), {"RNN": 6, "LSTM": 3, "GRU": 2}


def recall_over(kind, remembers):
    """Share recalled for each seed and lag, (S, L)."""
    how = {"remembers": remembers, "steps": 200, "until": 0.05}
    tasks, seeds = [partial(recall, lag=lag) for lag in LAGS], course_seeds(SEEDS[kind])
    return np.array([[learn(task, seed, kind, **how)[0] for task in tasks] for seed in seeds])


recalled = {
    (kind, remembers): recall_over(kind, remembers)
    for remembers in (False, True)
    for kind in CELLS
}
for remembers, title in ((False, "PyTorch's start"), (True, "Made to remember")):
    plot.show(
        plot.lines(
            LAGS,
            {kind: recalled[kind, remembers] for kind in CELLS},
            log="x",
            reference={"guessing": 1 / SYMBOLS},
            xlabel="lag: steps of noise after the symbol",
            ylabel="share recalled",
            title=f"{title}: recall by lag",
        )
    )

# %%
for (kind, remembers), shares in recalled.items():
    start = "made to remember" if remembers else "PyTorch's start"
    said = ", ".join(
        f"{mean_and_spread(column, percent=True)} at lag {lag}"
        for lag, column in zip(LAGS, shares.T, strict=True)
    )
    print(f"{kind:>5}, {start:>16}: {said}")
longest = {key: shares[:, -1].mean() for key, shares in recalled.items()}
solved = {key for key, share in longest.items() if share > 0.7}
if ("LSTM", False) in solved and ("GRU", False) in solved:
    answer = 0
elif ("RNN", True) in solved:
    answer = 2
else:
    answer = 1 if solved else 3
reveal(
    "rnn.recall",
    "; ".join(
        f"{kind} {'made to remember' if r else 'as it starts'} {share:.0%}"
        for (kind, r), share in longest.items()
    ),
    answer,
)
plain_fresh, plain_made = (recalled["RNN", remembers][:, -1] for remembers in (False, True))
claim("plain-rnns-forget").judge(
    plain_made.mean() - plain_fresh.mean() > 0.25 and plain_fresh.mean() < 0.7,
    evidence=f"recall after {LAGS[-1]} steps, plain network: {mean_and_spread(plain_fresh, percent=True)} with PyTorch's "
    f"start (guessing gives {1 / SYMBOLS:.0%}), {mean_and_spread(plain_made, percent=True)} with an orthogonal start",
)

# %% [markdown]
r"""
That is not the picture of the textbooks. What decides here is not the kind of cell but how it starts. With PyTorch's start the gates do not help, and at the middle lag the LSTM may even be behind. With a good start hardly any gates are needed: the plain network holds the symbol on most seeds. Le, Jaitly and Hinton (2015) and Arjovsky, Shah and Bengio (2016) found this for plain networks; Jozefowicz, Zaremba and Sutskever (2015) searched through thousands of cells, and advise everybody to raise one bias of the LSTM.

So what are gates for?

## 6. To choose what to remember

In the recall task there is one thing to remember, and it comes first. Life is seldom like that. Now every step shows a symbol, and some steps bear a mark. The network is to say at the end which symbol was the *last marked* one. All others, before it and after it, are to be passed over. A new marked symbol has to *replace* the old one.
"""

# %%
predict(
    "rnn.choose",
    "Twelve steps, about one in seven is marked. Who learns to name the last marked symbol?",
    [
        "all three kinds",
        "LSTM and GRU; the plain network does not, even if made to remember",
        "the plain network, if made to remember; LSTM and GRU do not",
        "none of them",
    ],
)


# %%
def last_marked(N, rng, T=12, share=0.15):
    """Symbols with a mark at some steps: sequences (N, T, 5), and the last marked symbol."""
    symbols = torch.randint(SYMBOLS, (N, T), generator=rng)
    marked = torch.rand(N, T, generator=rng) < share
    marked[:, 0] = True  # at least one
    last = (marked * torch.arange(T)).argmax(dim=1)
    x = torch.cat([F.one_hot(symbols, SYMBOLS).float(), marked[..., None].float()], dim=2)
    return x, symbols[torch.arange(N), last]


chosen = {
    "RNN, as it starts": ("RNN", False),
    "RNN, made to remember": ("RNN", True),
    "LSTM, as it starts": ("LSTM", False),
    "GRU, as it starts": ("GRU", False),
}
chosen = {
    name: [
        learn(last_marked, seed, *how, steps=300, lr=1e-2, until=0.05)[0]
        for seed in course_seeds(3)
    ]
    for name, how in chosen.items()
}
plot.show(
    plot.bars(
        {name.replace(", ", ",\n"): shares for name, shares in chosen.items()},
        ylabel="share right",
        xlabel="network",
        percent=True,
        title="Naming the last marked symbol of twelve",
    )
)

# %%
best_plain = max(np.mean(shares) for name, shares in chosen.items() if name.startswith("RNN"))
worst_gated = min(
    np.mean(shares) for name, shares in chosen.items() if name[:3] in ("LST", "GRU")
)
x, symbol = last_marked(2000, torch_rng(99))
newest = (x[:, -1, :SYMBOLS].argmax(dim=1) == symbol).float().mean().item()
print(f"naming the newest symbol, marked or not, is right for {newest:.1%}")
reveal(
    "rnn.choose",
    f"plain network at best {best_plain:.0%}, gated ones at least {worst_gated:.0%}",
    {(True, True): 0, (False, True): 1, (True, False): 2, (False, False): 3}[
        (bool(best_plain > 0.8), bool(worst_gated > 0.8))
    ],
)
gated_alone = max(longest["LSTM", False], longest["GRU", False])
claim("gates-cure-forgetting").judge(
    worst_gated - best_plain > 0.2 and longest["RNN", True] - gated_alone > 0.2,
    evidence=f"choosing what to remember: gated {worst_gated:.0%} at least, plain {best_plain:.0%} at best; but holding one "
    f"symbol for {LAGS[-1]} steps: gated with PyTorch's start {gated_alone:.0%} at best, plain and orthogonal "
    f"{longest['RNN', True]:.0%}",
)

# %% [markdown]
r"""
Here is what gates are for. "Take this in *if* it is marked, and throw the old away *then*" is a product of two things, mark times symbol, and a gate is a product. A sum of both, pushed through tanh, can imitate it only with effort. In the time given the plain network does little better than one who names the newest symbol, marked or not. An orthogonal matrix carries everything along alike, the marked and the unmarked; it cannot choose.

## 7. A real series: tomorrow's temperature

Every day of four years at Seattle: highest and lowest temperature, rain, wind. The task: from the days up to today, forecast the highest temperature of the next seven days.

Before any network, the forecasts that cost nothing:

- **naive**: as today;
- **a year ago**: as on the same day last year;
- **season**: a smooth curve over the year (two waves, fitted by least squares);
- **line**: the season, plus a *linear* function of how far the last 14 days were off it, and of the time of the year (ridge regression, notebook 06).

The network is an LSTM. It reads the last 21 days, each as four numbers and two for the time of the year, and answers with seven numbers. Like the line, it sees the temperatures as **departures** from the season: that is the part that is hard to know.

How to test? Not by dealing out days at random: then the network would be asked about Tuesday, having seen Monday and Wednesday. The future must lie after everything that was learned. We roll through the last year in four quarters: train on all days before the quarter, forecast from each of its days, then move on. This is a **rolling origin**. The curve, the scale, everything is fitted anew from the past alone.
"""

# %%
weather = seattle_weather()
print(weather)
days = weather.dates
columns = np.column_stack([weather.columns[name] for name in ("temp_max", "temp_min", "wind")])
columns = np.column_stack([columns, np.log1p(weather.columns["precipitation"])])  # (T, 4)
warmest = columns[:, 0]
turn = 2 * np.pi * (days - days.astype("datetime64[Y]")).astype(int) / 365.25
waves = np.column_stack(
    [np.ones(len(days)), np.sin(turn), np.cos(turn), np.sin(2 * turn), np.cos(2 * turn)]
)
AHEAD, EARLIEST = 7, 28


def day(text):
    """The row of a date."""
    return int(np.flatnonzero(days == np.datetime64(text))[0])


def departures(cut):
    """Fit the season on the days before `cut`: its curve (T,), all departures in spreads (T, 4), the spread."""
    curves = waves @ np.linalg.lstsq(waves[:cut], columns[:cut], rcond=None)[0]  # (T, 4)
    off = columns - curves
    spread = off[:cut].std(axis=0)
    return curves[:, 0], off / spread, spread[0]


def past(table, origins, length):
    """The last days up to each origin: (N, length, D)."""
    return np.stack([table[t - length + 1 : t + 1] for t in origins])


def future(series, origins):
    """The days after each origin: (N, AHEAD)."""
    return np.stack([series[t + 1 : t + 1 + AHEAD] for t in origins])


def by_line(cut, origins, alpha, every_column=False):
    """Ridge regression on the last 14 departures, a separate line for each day ahead."""
    curve, off, spread = departures(cut)
    off_used = off if every_column else off[:, :1]

    def table(at):
        return np.column_stack([past(off_used, at, 14).reshape(len(at), -1), waves[at, 1:3]])

    known = np.arange(EARLIEST, cut - AHEAD)  # their future lies before the cut, too
    line = Ridge(alpha).fit(table(known), future(off[:, 0], known))
    return future(curve, origins) + spread * line.predict(table(origins))


def by_lstm(cut, origins, steps, seed):
    """A small LSTM on the last 21 days."""
    curve, off, spread = departures(cut)
    inputs = np.column_stack([off, waves[:, 1:3]])  # (T, 6)

    def table(at):
        return torch.tensor(past(inputs, at, 21), dtype=torch.float32)

    known, rng = np.arange(EARLIEST, cut - AHEAD), torch_rng(seed)
    x, y = table(known), torch.tensor(future(off[:, 0], known), dtype=torch.float32)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Reader("LSTM", 6, AHEAD)

        def loss_of(network):
            rows = torch.randint(len(x), (64,), generator=rng)
            return (network(x[rows]) - y[rows]).square().mean()

        train(network, loss_of, steps, lr=5e-3, optimizer=torch.optim.AdamW)
    with torch.no_grad():
        return future(curve, origins) + spread * network(table(origins)).double().numpy()


def parts_of(year, months):
    """Where each part of a year begins, and the days from whose evenings it is forecast."""
    starts = [day(f"{year}-{month:02d}-01") for month in months]
    ends = [*starts[1:], min(day(f"{year}-12-31") + 1, len(days) - AHEAD)]
    return [(cut, np.arange(cut - 1, end - 1)) for cut, end in zip(starts, ends, strict=True)]


def errors(forecast, year, months=(1, 4, 7, 10)):
    """Mean absolute error in degrees for each day ahead, with a rolling origin: (AHEAD,)."""
    off = [
        np.abs(forecast(cut, at) - future(warmest, at)) for cut, at in parts_of(year, months)
    ]
    return np.concatenate(off).mean(axis=0)


# %% [markdown]
r"""
The line has one dial, the strength of its penalty. The LSTM has one, the number of training steps. Each gets three settings, tried on 2014, which is our validation year (in two halves, to save time). The best of each then goes to 2015, the test.
"""

# %%
predict(
    "rnn.forecast",
    "One day ahead and seven days ahead, in 2015. Where does the LSTM beat the season clearly, by a tenth or more?",
    ["on both", "one day ahead only", "seven days ahead only", "on neither"],
)


# %%
def settings(forecast, values):
    """The errors on the validation year for each setting of a forecast's dial."""
    return {
        value: errors(lambda cut, at, v=value: forecast(cut, at, v), 2014, months=(1, 7))
        for value in values
    }


tuning = {
    "line": settings(by_line, (1, 10, 100)),
    "line, all columns": settings(partial(by_line, every_column=True), (1, 10, 100)),
    "LSTM": settings(partial(by_lstm, seed=course_seed(0)), (50, 100, 200)),
}
best = {name: min(found, key=lambda k, f=found: f[k].mean()) for name, found in tuning.items()}
for name, found in tuning.items():
    said = ", ".join(f"{setting}: {error.mean():.2f}" for setting, error in found.items())
    print(f"{name:>18}, mean error on 2014 in degrees by setting: {said}; taken: {best[name]}")

# %%
forecasts = {
    "naive": lambda cut, at: np.repeat(warmest[at][:, None], AHEAD, axis=1),
    "a year ago": lambda cut, at: future(np.roll(warmest, 365), at),
    "season": lambda cut, at: future(departures(cut)[0], at),
    "line": lambda cut, at: by_line(cut, at, best["line"]),
    "line, all columns": lambda cut, at: by_line(cut, at, best["line, all columns"], True),
}
off = {name: errors(forecast, 2015) for name, forecast in forecasts.items()}
off["LSTM"] = np.array(
    [
        errors(lambda cut, at, s=seed: by_lstm(cut, at, best["LSTM"], s), 2015)
        for seed in course_seeds(3)
    ]
)
plot.show(
    plot.lines(
        np.arange(1, AHEAD + 1),
        off,
        xlabel="days ahead",
        ylabel="mean absolute error (degrees Celsius)",
        title="Forecasts of the highest temperature, 2015",
    )
)

# %%
for name, found in off.items():
    runs = np.atleast_2d(found).mean(axis=0)
    print(
        f"{name:>18}: {runs[0]:.2f} one day ahead, {runs[-1]:.2f} seven days ahead, mean {runs.mean():.2f}"
    )
lstm, season, line = off["LSTM"].mean(axis=0), off["season"], off["line"]
first, last = (lstm[k] < 0.9 * season[k] for k in (0, -1))
reveal(
    "rnn.forecast",
    f"against the season the LSTM's error is {lstm[0] / season[0] - 1:+.0%} one day ahead, "
    f"{lstm[-1] / season[-1] - 1:+.0%} seven days ahead",
    {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}[
        (bool(first), bool(last))
    ],
)
claim("neural-forecasts-beat-seasonal").judge(
    bool(first and not last and lstm.mean() > line.mean() - 0.1),
    evidence=f"error in degrees, 2015, rolling origin: one day ahead LSTM {mean_and_spread(off['LSTM'][:, 0])}, season "
    f"{season[0]:.2f}, line {line[0]:.2f}; seven days ahead LSTM {mean_and_spread(off['LSTM'][:, -1])}, season "
    f"{season[-1]:.2f}, line {line[-1]:.2f}",
)

# %% [markdown]
r"""
Three things are worth reading off the picture. First, the naive forecast is good for tomorrow and bad for next week; the season is the same for any day. Whoever shows a network that beats only *one* of them has chosen the opponent. Second, whoever knows the past has an advantage for a few days; then the error climbs to the season's level and stays there. The weather forgets. Third, the LSTM lies where the straight line lies. Four years are some 1,400 rows, most of what can be known from them is linear, and a line with a few weights finds it. Look at the line with *all* columns, too: it had been the better of the two lines on the validation year. A choice by validation can be wrong; that is why there is a test.

## 8. A network that invents names

Letters are a series, too. A **language model** reads a text letter by letter and says at each step how probable each next letter is. Written as a product, these probabilities are the probability of the whole text: that is all that a language model is, small or large.

The data: first names. Each is a row of numbers, a letter each, with a stop sign before and after it. The rows have different lengths; what comes after the end is filled with -1, the **padding**.
"""

# %%
names = first_names()
STOP = "\n"
letters = CharTokenizer.of(STOP + "".join(names.train))
V, stop = letters.vocab_size, int(letters.encode(STOP)[0])


def table_of(some):
    """Names as rows of tokens, stop first and last, then padding: (N, T + 1)."""
    table = torch.full((len(some), max(map(len, some)) + 2), -1)
    for row, name in zip(table, some, strict=True):
        row[: len(name) + 2] = torch.tensor(letters.encode(STOP + name + STOP))
    return table


tables = {part: table_of(getattr(names, part)) for part in ("train", "validation", "test")}
print(names)
print(f"{V} different tokens; a row of the table: {tables['train'][0].tolist()}")

# %% [markdown]
r"""
In training, the model always reads the *true* letters, whatever it would have said itself. Then it gets $N \cdot T$ predictions out of one pass, each with the true past before it. This is called **teacher forcing**. The loss is notebook 02's cross-entropy, the mean over all letters that are really there: what the model says after token $t$ is compared with token $t + 1$.
"""


# %% tags=["exercise"]
@exercise("rnn.teacher_forcing_loss")
def teacher_forcing_loss(logits, tokens):
    """Mean cross-entropy in nats of every next token that is there.

    logits : (N, T, V), the scores that follow tokens 0 to T - 1.
    tokens : (N, T + 1), whole numbers; -1 after the end of a row, which must not count.
    """
    ### BEGIN SOLUTION
    targets = tokens[:, 1:]  # (N, T)
    return F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=-1)
    ### END SOLUTION


# %% [markdown]
r"""
What should it be compared with? With counting. A **bigram** model counts which letter follows which. An **n-gram** model of order $n$ looks at the last $n - 1$ letters. Most long contexts come up rarely or never, so what it counted there is mixed with what shorter contexts say. The best known way to do this is **Kneser-Ney smoothing** (1995).

A baseline deserves as much care as the network. The network starts each name with an empty state. The counter reads one long row, so at the beginning of a name it would look back into the name before, which has nothing to say. We put $n - 1$ stops between any two names: then no context reaches back so far. What this is worth, we measure.

All models are measured in **bits per character**, $-\log_2$ of the probability of the true letter, on average. One bit is one yes-or-no question that is left to ask.

How were the models tuned? The counter has one dial, its order, and the next cells turn it, on the validation names alone. The LSTM's width, rate and number of steps were chosen by hand before this page was written, also on the validation names; but some of these settings had been looked at on the test names, too. So its figure on the test names may be a little too good (notebook 06), and a lead of a hundredth of a bit would mean nothing.
"""

# %%
predict(
    "rnn.names",
    "1,000 steps of 64 names, some seconds. Who has the fewest bits per character on the test names?",
    [
        "Kneser-Ney counting, by a tenth of a bit or more",
        "the LSTM, by a tenth of a bit or more",
        "the plain recurrent network",
        "LSTM and Kneser-Ney are level, within a tenth of a bit",
    ],
)


# %%
def stream(some, stops):
    """Names as one long row of tokens, with so many stops between any two."""
    gap = STOP * stops
    return letters.encode(gap + gap.join(some) + gap)


def chances_by_counting(order, part, stops=None):
    """Log-probability of each letter, and of the stop after each name, by Kneser-Ney."""
    stops = stops or max(order - 1, 1)
    tokens = stream(getattr(names, part), stops)
    found = KneserNey(stream(names.train, stops), order, V).log_probs(tokens)
    return found[1:][
        (tokens[1:] != stop) | (tokens[:-1] != stop)
    ]  # a stop after a stop is no question


def bits_by_counting(order, part, stops=None):
    """Bits per character of a Kneser-Ney model."""
    return bits_per_character(-chances_by_counting(order, part, stops).mean())


def best_order(stops=None):
    """The order with the fewest bits on the validation names."""
    return min(range(2, 8), key=lambda order: bits_by_counting(order, "validation", stops))


def bits_of(model, part):
    """Bits per character of a network."""
    tokens = tables[part]
    with torch.no_grad():
        logits, _ = model(tokens[:, :-1].clamp(min=0))
        return bits_per_character(teacher_forcing_loss(logits, tokens).item())


def train_on_names(kind, seed, steps=1000, loss=teacher_forcing_loss):
    """A language model of first names, and the lengths of its gradients."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model, rng = LanguageModel(kind, V, width=32, hidden=128), torch_rng(seed)

        def loss_of(model):
            rows = tables["train"][
                torch.randint(len(tables["train"]), (64,), generator=rng)
            ]  # (N, T + 1)
            rows = rows[:, : int((rows >= 0).sum(dim=1).max())]  # no wider than needed
            return loss(model(rows[:, :-1].clamp(min=0))[0], rows)

        lengths = train(model, loss_of, steps, lr=8e-3, optimizer=torch.optim.AdamW)
    return model, lengths


# %% tags=["volatile"]
begun = time.perf_counter()
order = best_order()
seconds = {"counting, six orders": time.perf_counter() - begun}
models, lengths = {}, {}
for kind in ("RNN", "LSTM"):
    begun = time.perf_counter()
    models[kind], lengths[kind] = train_on_names(kind, course_seed(0))
    seconds[kind] = time.perf_counter() - begun
for name, spent in seconds.items():
    print(f"{name:>22}: {spent:.1f} s")

# %%
bits = {
    "even\nchances": np.log2(V),
    "letters\nalone": bits_by_counting(1, "test"),
    "bigram": bits_by_counting(2, "test"),
    f"Kneser-Ney,\norder {order}": bits_by_counting(order, "test"),
    "RNN": bits_of(models["RNN"], "test"),
    "LSTM": bits_of(models["LSTM"], "test"),
}
plot.show(
    plot.bars(
        bits, ylabel="bits per character", xlabel="model", title="Names that no model has seen"
    )
)

# %%
for name, found in bits.items():
    print(f"{name.replace(chr(10), ' '):>20}: {found:.3f} bits per character")
counted = bits[f"Kneser-Ney,\norder {order}"]
ahead = counted - bits["LSTM"]
across = best_order(stops=1)
print(
    f"a counter that looks back into the name before (order {across}): "
    f"{bits_by_counting(across, 'test', stops=1):.3f} bits per character"
)
print(
    f"length of the LSTM's gradient: median {np.median(lengths['LSTM']):.2f}, longest {lengths['LSTM'].max():.2f}; "
    f"{int(np.sum(lengths['LSTM'] > 1))} of {len(lengths['LSTM']):,} steps were clipped at 1"
)
reveal(
    "rnn.names",
    f"LSTM {bits['LSTM']:.3f}, plain network {bits['RNN']:.3f}, Kneser-Ney {counted:.3f}",
    2
    if bits["RNN"] < min(counted, bits["LSTM"])
    else 3
    if abs(ahead) < 0.1
    else 1
    if ahead > 0
    else 0,
)

# %% [markdown]
r"""
Level. The counter gets there in a fraction of a second, the LSTM in many times that. Had we let the counter look back across the stops, the LSTM would have been ahead, and we might have printed that as the network's victory.

Equal bits need not mean equal knowledge. Let both speak: for each letter, take the mean of the probability that the LSTM gives it and that of Kneser-Ney.
"""

# %%
predict(
    "rnn.mixture",
    "Bits per character of this mixture, half and half, compared with the better one of the two:",
    [
        "more: a mean lies between the two",
        "about equal, since the two are level",
        "clearly fewer",
    ],
)


# %%
def chances_by_network(model, part):
    """Log-probability of each letter, and of the stop after each name, by a network."""
    tokens = tables[part]
    with torch.no_grad():
        logits, _ = model(tokens[:, :-1].clamp(min=0))
    targets = tokens[:, 1:]
    found = logits.log_softmax(dim=2).gather(2, targets.clamp(min=0)[..., None])[..., 0]
    return found[targets >= 0].numpy()


by_both = [chances_by_network(models["LSTM"], "test"), chances_by_counting(order, "test")]
mixture = bits_per_character(-(np.logaddexp(*by_both) - np.log(2)).mean())
gain = min(counted, bits["LSTM"]) - mixture
reveal(
    "rnn.mixture",
    f"mixture {mixture:.3f}, the better one alone {mixture + gain:.3f}",
    2 if gain > 0.03 else 1 if gain > -0.01 else 0,
)
claim("recurrent-model-beats-n-gram").judge(
    abs(ahead) < 0.1 and gain > 0.03,
    evidence=f"bits per character on {len(names.test):,} unseen first names: LSTM {bits['LSTM']:.3f}, plain network "
    f"{bits['RNN']:.3f}, Kneser-Ney of order {order} {counted:.3f}, bigram {bits['bigram']:.3f}; LSTM and Kneser-Ney "
    f"half and half {mixture:.3f}",
)

# %% [markdown]
r"""
The bits of a mean are not the mean of the bits. Where one of the two gives the true letter next to nothing, half of what the other gives remains, and a half costs one bit and no more. So a mixture gains wherever the two err at *different* letters. The network has learned something that counting does not know, and the other way round.

With more text and longer contexts the network gains on the counter, given the time. Notebook 14 measures both on novels.

## 9. To write is to draw

A model that gives probabilities can write: draw the first letter, read it, draw the next, until the stop sign comes. How boldly? The scores $s_k$ are divided by a **temperature** $\tau$ before the softmax:

$$p_k = \frac{e^{s_k / \tau}}{\sum_j e^{s_j / \tau}}$$

With $\tau = 1$ it draws what it has learned. Below 1 the probable becomes more probable; near 0 it is always the best one. Above 1 everything gets more even.

And how does one draw from probabilities? Lay them end to end: they cover the line from 0 to 1, token $k$ with a piece of length $p_k$. A random number $u$, drawn evenly from 0 to 1, falls into one of the pieces. That is the token.
"""


# %% tags=["exercise"]
@exercise("sampling.sample")
def sample(logits, temperature, u):
    """Draw one token for each row of scores.

    logits : array (N, V). temperature : a number above 0.
    u : array (N,), random numbers between 0 and 1.
    Returns whole numbers, (N,): the first token at which the running sum of the
    probabilities exceeds u. Scores may be in the thousands.
    """
    ### BEGIN SOLUTION
    scores = (logits - logits.max(axis=1, keepdims=True)) / temperature
    p = np.exp(scores)
    sums = p.cumsum(axis=1)
    sums = sums / sums[:, -1:]
    return (sums <= u[:, None]).sum(axis=1)
    ### END SOLUTION


# %%
def invent(model, n, temperature, k):
    """Names that a model writes, with your sampling."""
    rows = write(model, stop, n, temperature=temperature, rng=course_rng(k), choose=sample)
    return [letters.decode(row) for row in rows]


for temperature in (0.3, 0.7, 1.0, 1.5):
    print(f"temperature {temperature}: {', '.join(invent(models['LSTM'], 12, temperature, 1))}")


def count_up(n, tokens, k):
    """Names that Kneser-Ney writes, at temperature 1: the first n among so many tokens."""
    counter = KneserNey(stream(names.train, order - 1), order, V)
    rows = counter.sample(tokens, rng=course_rng(k), prompt=[stop] * (order - 1))
    return letters.decode(rows).replace(STOP, " ").split()[:n]


print(f"Kneser-Ney, at 1: {', '.join(count_up(12, 200, 1))}")

# %% [markdown]
r"""
Are these names? Some are in the list that the model has learned from. Some are not, and yet somebody bears them: they are among the names that we held back. Count both.
"""

# %%
predict(
    "rnn.temperature",
    "2,000 names are drawn at each temperature from 0.3 to 1.5. Where are most *different* names that are real, but were held back?",
    [
        "at the lowest temperature",
        "somewhere in the middle, from 0.5 to 1",
        "at the highest temperature",
    ],
)

# %%
temperatures = np.array([0.3, 0.5, 0.75, 1.0, 1.25, 1.5])
learned, held_back = set(names.train), set(names.validation) | set(names.test)
kinds = {"different": [], "different, and learned from": [], "different, and held back": []}
for temperature in temperatures:
    made = set(invent(models["LSTM"], 2000, temperature, 2))
    for name, group in zip(kinds, (made, made & learned, made & held_back), strict=True):
        kinds[name].append(len(group))
plot.show(
    plot.lines(
        temperatures,
        kinds,
        xlabel="temperature",
        ylabel="names among 2,000 drawn",
        title="What an LSTM invents, by temperature",
    )
)

# %%
found = np.array(kinds["different, and held back"])
made = set(count_up(2000, 25_000, 2))
print(
    f"Kneser-Ney, 2,000 names at temperature 1: {len(made)} different, {len(made & learned)} learned from, "
    f"{len(made & held_back)} held back"
)
for name, counts in kinds.items():
    print(
        f"{name:>28}: {', '.join(f'{c} at {t}' for c, t in zip(counts, temperatures, strict=True))}"
    )
top = int(found.argmax())
reveal(
    "rnn.temperature",
    f"most at {temperatures[top]}: {found[top]} of 2,000",
    0 if top == 0 else 2 if temperatures[top] > 1 else 1,
)

# %% [markdown]
r"""
At a low temperature the model repeats the few names that it is surest of. At a high one it invents freely, and less and less of it is a name. In between lies what makes it useful. It has never seen the held-back names that it finds there: it has learned how names are made. (So has the counter, in its way.)

## When it breaks

Four mistakes. Three of them stop nothing; the other raises an error, with a message that puzzles everybody once.

First: **the targets are not shifted.** The model is asked to say the letter that it has just read.
"""


# %%
def not_shifted(logits, tokens):
    """Wrong: compares what follows token t with token t itself."""
    return F.cross_entropy(logits.transpose(1, 2), tokens[:, :-1], ignore_index=-1)


parrot, _ = train_on_names("RNN", course_seed(0), steps=60, loss=not_shifted)
with torch.no_grad():
    some = tables["validation"]
    believed = not_shifted(parrot(some[:, :-1].clamp(min=0))[0], some).item()
print(f"its own loss, in bits: {bits_per_character(believed):.3f}. Wonderful.")
print(f"bits per character, measured rightly: {bits_of(parrot, 'validation'):.1f}")
print(f"it writes: {invent(parrot, 3, 1.0, 3)!r}")

# %% [markdown]
r"""
After the stop sign it says the stop sign again, so all its names are empty. A loss far below that of any baseline is not a triumph but an alarm. The test for it: change a *later* token, and no earlier answer may change; and let it write.

Second: **the padding counts.** After the end of a name nothing is easier to foresee than more padding, and the mean gets better the more of it there is.
"""

# %%
with torch.no_grad():
    some = tables["test"]
    logits, _ = models["LSTM"](some[:, :-1].clamp(min=0))
    costs = F.cross_entropy(
        logits.transpose(1, 2), some[:, 1:], ignore_index=-1, reduction="none"
    )
print(f"mean over all places of the table: {bits_per_character(costs.mean().item()):.3f} bits")
print(f"mean over the letters that are there: {bits['LSTM']:.3f} bits")

# %% [markdown]
r"""
Third: **a long text is read in pieces, and the state of one piece is the start of the next.** The second `backward()` then wants to go back through the first piece, whose graph is gone:
"""

# %%
model = LanguageModel("GRU", V, width=8, hidden=16)
tokens = torch.tensor(stream(names.train[:50], 1)[:61])[None]  # (1, 61)
state = None
try:
    for start in (0, 20, 40):
        logits, state = model(tokens[:, start : start + 20], state)
        teacher_forcing_loss(logits, tokens[:, start : start + 21]).backward()
except RuntimeError as error:
    print(str(error).partition(".")[0] + ".")
state = None
for start in (0, 20, 40):
    logits, state = model(tokens[:, start : start + 20], state)
    teacher_forcing_loss(logits, tokens[:, start : start + 21]).backward()
    state = state.detach()  # the numbers go on, the gradient does not
print("with detach(): three pieces, three gradients")

# %% [markdown]
r"""
`detach()` cuts the chain: the state's numbers go on, but the gradient stops at the beginning of the piece. This is **truncated** backpropagation through time, and it is how all long texts are read. What does it give up? The gradient that comes back through the last $k$ steps only, compared with the one through all sixty, by the cosine of the angle between them (1: the same direction):
"""


# %%
def cosine_of_truncated(layer, rng, lengths, T=60, N=16):
    """Gradient at W_hh through the last k steps against that through all: the cosine, for each k."""
    x, weights = torch.randn(N, T, layer.input_size, generator=rng), list(layer.parameters())
    wish, found = torch.randn(N, layer.hidden_size, generator=rng), []
    states = unroll(rnn_cell, x, (torch.zeros(N, layer.hidden_size),), weights)
    for k in (T, *lengths):
        h = unroll(rnn_cell, x[:, T - k :], (states[T - k][0].detach(),), weights)[-1][0]
        found.append(torch.autograd.grad((h * wish).sum(), layer.weight_hh_l0)[0].flatten())
    return [F.cosine_similarity(found[0], other, dim=0).item() for other in found[1:]]


KEPT = (1, 2, 4, 8, 16, 32)
cosines = {"PyTorch's start": [], "orthogonal": []}
for remembers, rows in enumerate(cosines.values()):
    for seed in course_seeds(3):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            layer = fresh("RNN", 8, remembers=bool(remembers))
        rows.append(cosine_of_truncated(layer, torch_rng(seed), KEPT))
plot.show(
    plot.lines(
        KEPT,
        cosines,
        log="x",
        xlabel="steps that the gradient goes back",
        ylabel="cosine with the whole gradient",
        title="What truncation gives up",
    )
)

# %% [markdown]
r"""
Where the gradient fades, a few steps are as good as all: what was cut off was next to nothing. The longer a network can remember, the more is lost.

Fourth: **the axes are swapped.** PyTorch's recurrent layers take time first, $(T, N, D)$, unless told `batch_first=True`. Nothing fails. But the layer now reads down the batch: each example is a moment, and knows of the examples above it.
"""

# %%
x = torch.randn(6, 9, 3, generator=torch_rng(4))  # six examples of nine steps
other = x.clone()
other[0] += 1  # change the first example only
for first in (True, False):
    layer = nn.GRU(3, 5, batch_first=first)
    moved = (layer(x)[0] - layer(other)[0]).abs().amax(dim=(1, 2)) > 1e-6
    print(
        f"batch_first={first}: the first example was changed; answers that change: {moved.tolist()}"
    )

# %% [markdown]
r"""
| what you see | what it is | what to do |
|---|---|---|
| the loss jumps up from one step to the next, or is NaN | an exploding gradient | clip; watch the length before clipping |
| all goes well on short sequences, long ones stay at chance | a fading gradient | open the keeping gate by its bias; an orthogonal start; attention (notebook 13) |
| a loss far below every baseline | the answer is in the input | shift the targets; change a later token and look |
| a loss that depends on how rows are batched | the padding counts | `ignore_index`, or a mask |
| "backward through the graph a second time" | the state still has its past attached | `detach()` between pieces |
| one example's answer depends on another's | time and batch are swapped | `batch_first=True`; change one example and look |
| a forecast that is wonderful on paper | days dealt out at random, or one weak baseline | a rolling origin; naive, season and line beside it |

## Explain it back

**Q1.** Why does the gradient of a plain recurrent network vanish or explode, and hardly ever stay?

<details><summary>A. Because tanh has a slope of at most 1.</summary>

**No.** That alone explains the vanishing, and not even all of it: with an orthogonal matrix the same tanh takes away little.

</details>
<details><summary>B. Because on the way back it is multiplied by the same matrix at every step.</summary>

**Right.** As with powers of a number: below 1 they go to nothing, above 1 they grow without bound, and only just at 1 they stay.

</details>
<details><summary>C. Because floating-point numbers run out of digits.</summary>

**No.** The same happens with exact numbers. Rounding is not the cause.

</details>

**Q2.** A fresh LSTM forgets within a dozen steps. What is the smallest change that makes it remember from the start?

<details><summary>A. A larger bias for the gate f.</summary>

**Right.** Then the gate starts near 1, and the memory passes from step to step nearly unharmed.

</details>
<details><summary>B. Gradient clipping.</summary>

**No.** It shortens what is too long. What has faded stays faded.

</details>
<details><summary>C. Twice as many numbers in the state.</summary>

**No.** Each of them is halved at every step all the same.

</details>

**Q3.** A colleague shows an LSTM that forecasts tomorrow's sales with an error a fifth below that of "as last year". What do you ask first?

<details><summary>A. How many layers it has.</summary>

**No.** Whatever it is made of, first one must know whether it is good.

</details>
<details><summary>B. How "as today" and a straight line on the last days do, with a rolling origin.</summary>

**Right.** A forecast for tomorrow has to beat what is easy for tomorrow. And the test has to lie after the training.

</details>
<details><summary>C. Whether the data were shuffled before they were split.</summary>

**No.** It is a good second question, and the answer should be no: shuffled, the future leaks into the training.

</details>

**Q4.** A language model has 2.9 bits per character on names. What does this mean?

<details><summary>A. On average it is as unsure of the next letter as one who chooses among about seven equally likely ones.</summary>

**Right.** Two to the power of 2.9 is about 7.5. Even chances over all tokens would be 27.

</details>
<details><summary>B. It gets one letter in 2.9 right.</summary>

**No.** Bits say how probable the true letter was on average. How often the best guess is right is another number.

</details>
<details><summary>C. Each letter needs 2.9 bits of memory in the network.</summary>

**No.** It is about the text: a compressor that uses the model would need so many bits for each letter.

</details>

**Q5.** (From notebook 05.) Why is the *whole* gradient clipped by its length, and not each number by itself?

<details><summary>A. Because it is faster.</summary>

**No.** Both cost next to nothing.

</details>
<details><summary>B. Because then the direction of the step stays the same.</summary>

**Right.** Cutting number by number turns the step away from where the loss falls fastest.

</details>
<details><summary>C. Because single numbers of a gradient are never large.</summary>

**No.** They may be huge. Cutting them works, too, but changes the direction.

</details>

**Q6.** (From notebook 02.) What is the loss of a fresh language model with 27 tokens, about?

<details><summary>A. About 0: it has made no mistake yet.</summary>

**No.** It knows nothing, and says nearly even chances.

</details>
<details><summary>B. About log 27 nats, which are log2 27 bits.</summary>

**Right.** Every token gets about 1 in 27. If the first loss is far from this, something is wrong before the training begins.

</details>
<details><summary>C. It cannot be said without the data.</summary>

**No.** Even chances cost the same for any text.

</details>

## Go further

**Small ones.** Give the LSTM of section 8 twice the steps. Who is ahead then, and what is left of the mixture's gain?

Set the keeping gate's bias to 1, 2, 3, 5 in section 5, and lengthen the lag until each fails. Is there a bias that is too large? Section 6 is a good place to look for one.

**A project.** Read novels in place of names: `coursekit.corpora.austen()`. Train a `LanguageModel` in pieces (`coursekit.models.recurrent.pieces` deals out the text, `detached` cuts the state), with pieces of 8, 32 and 128 characters at equal time. How many bits does a longer piece bring? At what time does the LSTM pass Kneser-Ney? Draw both curves over time, for two sizes.

**Sources.**
J. L. Elman (1990), *Finding structure in time*: the plain recurrent network.
P. J. Werbos (1990), *Backpropagation through time: what it does and how to do it*.
Y. Bengio, P. Simard and P. Frasconi (1994), *Learning long-term dependencies with gradient descent is difficult*.
R. Kneser and H. Ney (1995), *Improved backing-off for m-gram language modeling*.
S. Hochreiter and J. Schmidhuber (1997), *Long short-term memory*.
F. A. Gers, J. Schmidhuber and F. Cummins (2000), *Learning to forget: continual prediction with LSTM*.
R. Pascanu, T. Mikolov and Y. Bengio (2013), *On the difficulty of training recurrent neural networks*.
K. Cho et al. (2014), *Learning phrase representations using RNN encoder-decoder for statistical machine translation*: the GRU.
R. Jozefowicz, W. Zaremba and I. Sutskever (2015), *An empirical exploration of recurrent network architectures*.
Q. V. Le, N. Jaitly and G. E. Hinton (2015), *A simple way to initialize recurrent networks of rectified linear units*.
M. Arjovsky, A. Shah and Y. Bengio (2016), *Unitary evolution recurrent neural networks*.
S. Makridakis, E. Spiliotis and V. Assimakopoulos (2018), *Statistical and machine learning forecasting methods: concerns and ways forward*: simple methods against networks, on a thousand series.
"""
