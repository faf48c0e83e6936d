# %% [markdown]
r"""
# Autograd: the program that writes the backward pass

**The question.** In notebook 03 you derived every gradient by hand, and for another network you would have to begin again. A program watches the forward pass anyway. Can it write the backward pass by itself, for any computation, exactly, and what does that cost?

**After this notebook you will be able to**

- read a computation as a graph, and say what each node must remember for the way back;
- write the rule by which a gradient comes back through an operation, for arrays of any shape;
- go through a graph in the right order, and add up what arrives at a node that is used several times;
- plug an operation of your own into an engine, check it, and train a network with it;
- recognise the mistakes that automatic gradients invite, and see which of them no loss curve shows.

**Builds on** 03 Backpropagation: chain rule, upstream gradient, the gradients of dense, ReLU and softmax with cross-entropy, the gradient check. From Python: classes and operators such as `__mul__`. **Time** about 90 minutes, of which your computer needs about half a minute. The cells of sections 1 to 5 are worth reading line by line. Of the longer ones after that, which train and measure, it is enough to read what they print. Section 9 can wait for another evening.
"""

# %%
import time

import numpy as np

from coursekit import datasets, oracle, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import accuracy
from coursekit.predict import predict, reveal
from coursekit.scratch import autograd, mlp, nn, optim, vjp
from coursekit.scratch.autograd import GradientError, made, no_grad
from coursekit.scratch.functional import log_softmax
from coursekit.scratch.numerical import numerical_gradient, relative_error
from coursekit.settings import course_rng, course_seeds

fashion = datasets.load("fashion_mnist")
x_train, y_train = datasets.to_float(fashion.x_train), fashion.y_train  # (60000, 784), (60000,)
x_test, y_test = datasets.to_float(fashion.x_test), fashion.y_test
(x_fit, y_fit), (x_val, y_val) = datasets.split(
    x_train, y_train, fractions=(55 / 60, 5 / 60), rng=course_rng(0)
)

# %% [markdown]
r"""
## 1. A computation leaves a trail

When you write `y = x * x + x`, Python multiplies, adds, and forgets how it got there. We want values that remember. So we put each number (later: each array) into an object with a note of what it was made from. Here it is, and little will be added:
"""


# %%
class Tiny:
    """A value that remembers what it was made from."""

    def __init__(self, data, edges=(), op="", requires_grad=True):
        self.data = np.asarray(data, float)  # the value
        self.edges = edges  # pairs (parent, rule): what it was made from, and the way back
        self.op = op  # the operation that made it; "" for a value that was put in
        self.requires_grad = requires_grad  # False for a constant
        self.grad = None  # what the way back will find

    @property
    def parents(self):
        return [parent for parent, _ in self.edges]

    @property
    def shape(self):
        return self.data.shape


# %% [markdown]
r"""
The values are the **nodes** of a graph. From each **parent** (an input of an operation) an arrow leads to the result; we call the arrow with its rule an **edge**. A node without parents is a **leaf**: a weight, or a constant such as the data. The *rules* come in a minute.
"""

# %%
predict(
    "autograd.nodes",
    "How many nodes does the graph of  y = x * x + x  have?",
    ["two: x and y", "three", "five: each x that is written counts"],
)


# %% [markdown]
r"""
## 2. Every operation brings its rule

On the way back a node receives its **upstream gradient** $G$: how the loss changes with the node's value, one number for each number in it. From that it must work out the gradient of each parent. Only the operation that made the node knows how, so it leaves a *rule* there for each parent: a function from $G$ to the gradient of one parent.

For a product $y = a\,b$ of two numbers, $\frac{\partial y}{\partial a} = b$ and $\frac{\partial y}{\partial b} = a$; the chain rule multiplies by $G$. For arrays of the same shape that are multiplied number by number it is the same, number by number.
"""


# %% tags=["exercise"]
@exercise("vjp.mul")
def mul_vjp(G, a, b):
    """Gradients of the product a * b, number by number.

    G : upstream gradient. a, b : what was multiplied. All three are arrays of the same shape.
    Returns da, db: two arrays of that shape.
    """
    ### BEGIN SOLUTION
    return G * b, G * a
    ### END SOLUTION


# %% [markdown]
r"""
Why the name `vjp`? Collect all derivatives of a result with respect to an input in one table: the **Jacobian**, one row for each number of the result, one column for each number of the input. The rule computes the row of upstream gradients times this table, a **v**ector-**J**acobian **p**roduct, and never builds the table. For an operation that works number by number, such as ReLU, nearly everything in it would be 0, and it would be large:
"""

# %%
n = 64 * 128  # the numbers in the hidden layer of our network, for a batch of 64
print(f"the Jacobian of one ReLU on it: {n:,} x {n:,} numbers, {n * n * 4 / 2**30:.2f} GiB")
print(f"what its rule computes:         {n:,} products, {n * 4 / 2**10:.0f} KiB")

# %% [markdown]
r"""
Now the operations. Each computes its value and writes down its parents with their rules. (`lambda G: ...` makes a small function. It remembers `a` and `b`, and is called much later, when $G$ has arrived.)
"""


# %%
def add(a, b):
    """The sum: the gradient passes to both as it is."""
    return Tiny(a.data + b.data, ((a, lambda G: G), (b, lambda G: G)), "add")


def mul(a, b):
    """The product, with your rule."""
    return Tiny(
        a.data * b.data,
        (
            (a, lambda G: mul_vjp(G, a.data, b.data)[0]),
            (b, lambda G: mul_vjp(G, a.data, b.data)[1]),
        ),
        "mul",
    )


def sub(a, b):
    """The difference: the second gets the gradient with its sign turned."""
    return Tiny(a.data - b.data, ((a, lambda G: G), (b, lambda G: -G)), "sub")


def relu(a):
    """The rectifier: the gradient passes where the number passed."""
    return Tiny(np.maximum(a.data, 0), ((a, lambda G: G * (a.data > 0)),), "relu")


Tiny.__add__, Tiny.__mul__, Tiny.__sub__, Tiny.relu = add, mul, sub, relu

x = Tiny(3.0)
y = x * x + x
plot.show(plot.graph(y, names={"x": x, "y": y}, title="y = x * x + x"))


# %%
def count_nodes(root):
    """Different nodes in a graph."""
    found = [root]
    for node in found:  # the list grows while we go through it
        found += [parent for parent in set(node.parents) if parent not in found]
    return len(found)


nodes = count_nodes(y)
reveal("autograd.nodes", f"{nodes} nodes: x, x * x, and the sum", {2: 0, 3: 1, 5: 2}[nodes])

# %% [markdown]
r"""
Each result is a node of its own, and `x`, though it is written three times, is *one* node from which three arrows start. Remember that: its gradient will arrive in three pieces.

## 3. In which order?

Backwards, from the result to the leaves: that much is clear. But look at `x` in the picture, and suppose that it had been computed from something else. If it hands on each piece of its gradient as soon as that arrives, then everything before `x` is gone through three times. Does that matter?
"""

# %%
predict(
    "autograd.paths",
    "Sixteen times in a row: y = y + y. We go back along every path from the last y to the first, one path after the other. How many times is a rule applied?",
    ["about 30", "about 500", "more than 100,000"],
)


# %%
def along_every_path(node, G):
    """Hand each gradient on at once; returns how many rules were applied."""
    return sum(1 + along_every_path(parent, rule(G)) for parent, rule in node.edges)


y = first = Tiny(1.0)
for _ in range(16):
    y = y + y
applied = along_every_path(y, np.array(1.0))
reveal(
    "autograd.paths",
    f"{applied:,} rules for a graph of {count_nodes(y)} nodes and {2 * 16} edges",
    2 if applied > 100_000 else 1 if applied > 100 else 0,
)

# %% [markdown]
r"""
The number of paths doubles with each step.

<details><summary>Does a formula fare better?</summary>

No. When you write the derivative out as one formula (**symbolic** differentiation), the same happens: a formula has no way to say "that value again", so it repeats it. Give the repeated parts names, and it has become our graph.

</details>

The cure: let a node wait until *everything that uses it* has had its turn. Then its gradient is complete, and each edge is used exactly once. So we need the nodes in an order in which each comes **after all that it was made from**: a **topological order**. The way back runs through it from the end.

How to find one? Start at the result. When you meet a node, see to its parents first, and to theirs; only when all of them are in the list may the node itself be put there. The natural way to write this is a function that calls itself.
"""


# %%
def recursive_order(root):
    """Topological order by a function that calls itself."""
    ordered, met = [], set()

    def visit(node):
        if node in met:  # by another way
            return
        met.add(node)
        for parent in node.parents:
            visit(parent)
        ordered.append(node)  # its parents are all in the list

    visit(root)
    return ordered


print([node.op or "x" for node in recursive_order(x * x + x)])

# %%
predict(
    "autograd.recursion",
    "A chain of 10,000 additions (a sum of many terms, or a long text read word by word). recursive_order on its last node ...",
    ["works", "stops with an error", "returns a wrong order"],
)

# %%
chain = Tiny(0.0)
for _ in range(10_000):
    chain = chain + Tiny(1.0, requires_grad=False)
try:
    recursive_order(chain)
    outcome = "works"
except RecursionError as error:
    outcome = type(error).__name__
reveal("autograd.recursion", outcome, 0 if outcome == "works" else 1)

# %% [markdown]
r"""
Python lets functions call themselves about a thousand levels deep. A graph may be far deeper, so we keep our own list of what is waiting, with the root in it at first. Take the last entry, again and again, until none is left. It is one of three things:

- a node that you meet for the first time: it must wait once more, until its parents are done;
- a node whose parents are all done by now;
- a node that was met already, by another way: nothing is left to do.

What you put on the list last is taken first. So where does a node that waits belong, and where its parents?
"""


# %% tags=["exercise"]
@exercise("graph.topological_order")
def topological_order(root):
    """The nodes of a graph, each after all that it was made from.

    root : the result. `node.parents` holds the nodes that a node was made from (none for a leaf).
    Returns a list of nodes, each once, root last.
    No recursion: keep a list of pairs (node, are its parents done?).
    """
    ### BEGIN SOLUTION
    order, seen, waiting = [], set(), [(root, False)]
    while waiting:
        node, done = waiting.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((node, True))
            waiting += [(parent, False) for parent in node.parents]
    return order
    ### END SOLUTION


# %%
print([node.op or "x" for node in topological_order(x * x + x)])
print(f"the chain: {len([n for n in topological_order(chain) if n.op]):,} additions in order")

# %% [markdown]
r"""
## 4. Going back

Now put order and rules together. Start with the gradient $G$ at the last node (1, if it is the loss itself: $\frac{\partial L}{\partial L} = 1$). Take the nodes from the last to the first. At each one, hand its gradient to the rule of each edge; what comes out belongs to that parent. If the parent has a gradient already, from another use, **add** the new one to it: a value that acts in two ways has the sum of both influences.

One trap lies in the word *add*. The rule of a sum hands on the very array that it was given, without a copy. If you add to such an array in place, with `+=`, you change another node's gradient too.
"""


# %% tags=["exercise"]
@exercise("graph.pull_back")
def pull_back(order, G):
    """Take a gradient back through a graph.

    order : nodes, each after all that it was made from. G : the gradient at the last one.
    Every node has `edges`, pairs (parent, rule); skip parents whose `requires_grad` is False.
    Returns a dict {node: its gradient}, the last node included. Leave order as it is.
    """
    ### BEGIN SOLUTION
    gradients = {order[-1]: G}
    for node in reversed(order):
        for parent, rule in node.edges:
            if parent.requires_grad:
                found = rule(gradients[node])
                gradients[parent] = gradients[parent] + found if parent in gradients else found
    return gradients
    ### END SOLUTION


# %%
def backward(self):
    """Write into every node the derivative of this one with respect to it."""
    for node, G in pull_back(topological_order(self), np.ones_like(self.data)).items():
        node.grad = G if node.grad is None else node.grad + G


Tiny.backward = backward

# %% [markdown]
r"""
That is the whole engine. Try it on the network that you differentiated by hand in notebook 03: $L = (v \max(0, w x) - t)^2$ with $x = 2$, $w = 0.5$, $v = -1$, $t = 1$. There you found $\frac{dL}{dw} = 8$, $\frac{dL}{dv} = -4$, and on the way $4$ and $-4$.
"""

# %%
w, v = Tiny(0.5), Tiny(-1.0)
x, t = Tiny(2.0, requires_grad=False), Tiny(1.0, requires_grad=False)
s = (w * x).relu() * v
L = (s - t) * (s - t)
L.backward()
plot.show(
    plot.graph(
        L, names={"w": w, "v": v, "x": x, "t": t, "s": s, "L": L}, title="Forward and back"
    )
)

# %%
# NBVAL_CHECK_OUTPUT
print(f"dL/dw = {w.grad:g}, dL/dv = {v.grad:g}, dL/ds = {s.grad:g}")

# %% [markdown]
r"""
The picture shows both passes at once: in each box the value that was computed forward, and under it the gradient that came back. `s` is used twice (we wrote the square as a product), and its gradient is the sum of two shares.

**The diamond.** A graph in which two ways lead from one node to another looks like a diamond; the one of `x * x + x` is small. Now somebody leaves out the adding: a gradient that arrives is written with `=`, over what was there.
"""

# %%
predict(
    "autograd.diamond",
    "y = x * x + x at x = 3, so dy/dx = 2x + 1. An engine that writes each arriving gradient with = finds ...",
    ["the right number, 7", "a part of it", "nothing, zero"],
)


# %%
class Forgetful(np.ndarray):
    """An array whose + forgets what was there: old + new is new."""

    def __add__(self, new):
        return new


def overwriting(order, G):
    """The course's walk, on forgetful arrays: as if it wrote = where it adds."""
    return vjp.pull_back(order, np.asarray(G).view(Forgetful))


x = Tiny(3.0)
order = topological_order(x * x + x)
added = float(pull_back(order, np.array(1.0))[x])
overwritten = float(overwriting(order, 1.0)[x])
reveal(
    "autograd.diamond",
    f"adding gives {added:g}, overwriting gives {overwritten:g}",
    0 if overwritten == added else 2 if overwritten == 0 else 1,
)

# %% [markdown]
r"""
It kept only what arrived last. On a plain chain of layers, where every value is used once, it would have been right, and nobody would have noticed.

## 5. Arrays

Nothing in the walk asks whether a node holds a number or an array. Only the rules must know shapes, and two things are new.

**Broadcasting.** `Z + b` with $Z$ of shape (64, 3) and $b$ of shape (3,) adds the same $b$ to every row: NumPy stretches $b$ as if there were 64 copies. What does that mean for the way back?
"""

# %%
predict(
    "autograd.broadcast",
    "L is the sum of all numbers in Z + b; Z has 64 rows. The derivative of L at one number of b is ...",
    ["1", "1/64", "64"],
)

# %%
Z, b = np.zeros((64, 3)), np.zeros(3)
measured = numerical_gradient(lambda b: (Z + b).sum(), b)[0]
reveal(
    "autograd.broadcast",
    f"measured {measured:.4f}",
    int(np.argmin(np.abs(np.array([1, 1 / 64, 64]) - measured))),
)

# %% [markdown]
r"""
Each copy acts on the loss, and the influences add up. So the opposite of *stretching* is *summing over the copies*. NumPy broadcasts in two ways: it puts new axes **in front**, and it stretches axes of **size 1**. The opposite, `unbroadcast`, takes a gradient of the large shape back to the small one.
"""


# %% tags=["exercise"]
@exercise("vjp.unbroadcast")
def unbroadcast(G, shape):
    """Undo broadcasting in a gradient: sum over the copies.

    G : gradient of the shape after broadcasting. shape : tuple, the shape before.
    Returns an array of that shape: (4, 3) to (3,) adds up the rows, (4, 3) to (4, 1) the columns,
    (2, 4, 3) to (4, 1) has both: a new axis in front, and a stretched one at the end.
    """
    ### BEGIN SOLUTION
    while G.ndim > len(shape):
        G = G.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:
            G = G.sum(axis=axis, keepdims=True)
    return G
    ### END SOLUTION


# %% [markdown]
r"""
**The matrix product.** You know its rule from the dense layer: $dX = dZ\,W^\top$ and $dW = X^\top dZ$. Now for any two tables $A B$ with upstream gradient $G$, and also for **stacks** of tables: arrays with further axes in front, where `@` multiplies table by table. (Attention, in notebook 13, consists of such stacks.) Mind that `.T` turns *all* axes of an array round; `swapaxes(i, j)` exchanges two.
"""


# %% tags=["exercise"]
@exercise("vjp.matmul")
def matmul_vjp(G, a, b):
    """Gradients of the matrix product a @ b.

    G : upstream gradient, (..., N, K). a : (..., N, D). b : (..., D, K). The axes in front are equal.
    Returns da, db: arrays of the shapes of a and b.
    """
    ### BEGIN SOLUTION
    return G @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ G
    ### END SOLUTION


# %% [markdown]
r"""
## 6. Your operations in the engine of the course

`Tiny` has done its duty. The course's engine, `coursekit.scratch.autograd.Tensor`, is the same thing grown up: nodes with `data`, `edges` and `grad`, an iterative order, sums at re-used nodes, and above all messages that say what went wrong (`autograd.Tensor??` shows its source, and it is short). All further notebooks of this part build on it. An operation is plugged in with `made`:

`made(value, (parent, rule), ..., op="name", saved=(arrays,))`

It makes the node of the result, with one pair for each parent. `saved`, which may be left out, names the arrays that the rules will read on the way back: if somebody changes one of them in between, the engine notices.

The first operation that you plug in is the loss. From notebook 03 you know its value, the mean of $-\log p_{n y_n}$, and its gradient, (probabilities minus truth) / N. One thing is new: your rule, a function of $G$, has to multiply by it, since the loss may go into something else. (Here $G$ is a single number.)
"""


# %% tags=["exercise"]
@exercise("autograd.cross_entropy")
def cross_entropy(scores, labels):
    """Mean cross-entropy of a batch, as an operation of the engine.

    scores : Tensor, (N, K); the array in it is scores.data. labels : array of whole numbers, (N,).
    Returns a Tensor with one number: made(value, (scores, rule), op="cross_entropy").
    log_softmax is imported: from an array of scores, the logarithms of the probabilities, (N, K).
    """
    ### BEGIN SOLUTION
    N, rows = len(labels), np.arange(len(labels))
    log_p = log_softmax(scores.data)  # (N, K)
    value = -log_p[rows, labels].mean()

    def rule(G):
        dz = np.exp(log_p)  # (N, K)
        dz[rows, labels] -= 1
        return G * dz / N

    return made(value, (scores, rule), op="cross_entropy", saved=(log_p,))
    ### END SOLUTION


# %% [markdown]
r"""
Now replace the engine's other parts by yours too. The subclass below takes over what we do not write ourselves. Its `+`, `*`, `@` and `backward` are made of your functions; look for their names.
"""


# %%
class Mine(autograd.Tensor):
    """The engine's Tensor with your rules, your order and your way back."""

    __slots__ = ()

    def __add__(self, other):
        return made(
            self.data + other.data,
            (self, lambda G: unbroadcast(G, self.shape)),
            (other, lambda G: unbroadcast(G, other.shape)),
            op="add",
        )

    def __mul__(self, other):
        def rule(G, k):
            a, b = np.broadcast_arrays(self.data, other.data)
            return unbroadcast(mul_vjp(G, a, b)[k], (self, other)[k].shape)

        return made(
            self.data * other.data,
            (self, lambda G: rule(G, 0)),
            (other, lambda G: rule(G, 1)),
            op="mul",
            saved=(self.data, other.data),
        )

    def __matmul__(self, other):
        a, b = self.data, other.data
        return made(
            a @ b,
            (self, lambda G: matmul_vjp(G, a, b)[0]),
            (other, lambda G: matmul_vjp(G, a, b)[1]),
            op="matmul",
            saved=(a, b),
        )

    def relu(self):
        z = self.data
        return made(np.maximum(z, 0), (self, lambda G: G * (z > 0)), op="relu", saved=(z,))

    def backward(self, grad=None):
        G = np.ones_like(self.data) if grad is None else np.asarray(grad)
        for node, found in pull_back(topological_order(self), G).items():
            if not node.edges:  # a leaf
                node.grad = np.array(found) if node.grad is None else node.grad + found


# %% [markdown]
r"""
Three networks, each a few lines of forward pass, and **no backward pass**: logistic regression (the classical baseline, a network without a hidden layer), the network of notebook 03, and one that you would not like to differentiate by hand: it sends its hidden layer three times through the *same* weights $W_2$, and each time adds the result to what was there.
"""


# %%
def logistic(P, X):
    return X @ P["W1"] + P["b1"]


def one_hidden(P, X):
    return (X @ P["W1"] + P["b1"]).relu() @ P["W2"] + P["b2"]


def three_rounds(P, X, rounds=3):
    h = (X @ P["W1"] + P["b1"]).relu()
    for _ in range(rounds):
        h = h + (h @ P["W2"] + P["b2"]).relu()  # the same W2 each time
    return h @ P["W3"] + P["b3"]


NETWORKS = {  # forward pass, layer sizes, learning rate
    "784-10\n(logistic regression)": (logistic, (784, 10), 0.7),
    "784-128-10": (one_hidden, (784, 128, 10), 0.3),
    "784-128-10 with\nthree equal rounds": (three_rounds, (784, 128, 128, 10), 0.1),
}


def weights(sizes, rng, kind=Mine, dtype=np.float32):
    """Random weights as Tensors; those of inner layers small, so that three rounds do not blow up."""
    arrays = mlp.init(sizes, rng, dtype)
    if len(sizes) == 4:
        arrays["W2"] *= dtype(0.1)
    return {name: kind(array, requires_grad=True) for name, array in arrays.items()}


def small_weights(sizes, rng, kind=Mine):
    """Weights of a small network in double precision, biases random too: for the gradient check."""
    P = weights(sizes, rng, kind, np.float64)
    for name, p in P.items():
        if name.startswith("b"):
            p.data[:] = rng.normal(size=p.shape)
    return P


small = small_weights((6, 5, 5, 3), course_rng(1))
X_small = Mine(course_rng(2).normal(size=(4, 6)))
y_small = np.array([0, 2, 1, 1])
plot.show(
    plot.graph(
        cross_entropy(three_rounds(small, X_small, rounds=2), y_small),
        names={"X": X_small, **small},
        title="Two rounds through the same weights",
    )
)

# %% [markdown]
r"""
(Drawn with two rounds, to save space, and with few neurons.) Follow the arrows that leave $W_2$: one for each round, and its gradient is the sum of as many shares. The arrows that pass by a ReLU are the "add it to what was there". Before any training comes the gradient check, as always, in double precision: `autograd.gradcheck` turns every number of every input up and down.

<details><summary>Why are the biases random in this check?</summary>

With biases of 0, an example for which all hidden neurons are silent would sit exactly on the kink of the next ReLU, and notebook 03 told you what a measurement makes of a kink.

</details>
"""

# %%
# NBVAL_CHECK_OUTPUT
for forward, sizes in (
    (logistic, (6, 3)),
    (one_hidden, (6, 5, 3)),
    (three_rounds, (6, 5, 5, 3)),
):
    P = small_weights(sizes, course_rng(3))

    def loss_of(*tensors, forward=forward, names=tuple(P)):
        return cross_entropy(forward(dict(zip(names, tensors, strict=True)), X_small), y_small)

    print(f"{forward.__name__:>12}: gradients right:", autograd.gradcheck(loss_of, *P.values()))


# %%
def train(forward, sizes, rate, seed, epochs=2, batch=64):
    """SGD with a rate that falls to zero, on your engine; returns weights and the loss of every step."""
    rng = np.random.default_rng(seed)
    P = weights(sizes, rng)
    batches = datasets.batches(x_fit, y_fit, batch, rng=rng, drop_last=True)
    losses, total = [], epochs * len(batches)
    for _ in range(epochs):
        for X, labels in batches:
            for p in P.values():
                p.zero_grad()
            loss = cross_entropy(forward(P, Mine(X)), labels)
            loss.backward()
            for p in P.values():
                p.data -= np.float32(rate * (1 - len(losses) / total)) * p.grad
            losses.append(loss.item())
    return P, np.array(losses)


def share_right(forward, P, x, labels):
    """Accuracy of a network."""
    with no_grad():  # nothing to differentiate here, so nothing needs to be recorded
        return accuracy(forward(P, Mine(x)).argmax(axis=1), labels)


results = {}
for name, (forward, sizes, rate) in NETWORKS.items():
    results[name] = []
    for seed in course_seeds(3):
        P, _ = train(forward, sizes, rate, seed)
        results[name].append(share_right(forward, P, x_test, y_test))
plot.show(
    plot.bars(
        results,
        ylabel="test accuracy (0 to 1)",
        percent=True,
        title="Trained by your own engine, two passes, three seeds",
    )
)

# %% [markdown]
r"""
Your engine trains. (Each network had the same budget for its first learning rate: the best of 0.05, 0.1, 0.2, 0.3, 0.5, 0.7 and 1 on the validation set, one seed each.) The hidden layer is worth a little more than the baseline after so short a training, as in notebook 03. Whether the extra rounds are worth anything on these pictures, look for yourself, and mind the spread; what counts here is that they cost you *no derivation at all*.

## 7. The same network in five lines

What is left for a framework to do? To give names to what one always needs. `coursekit.scratch.nn` has layers that bring their weights, `coursekit.scratch.optim` the step. Names are PyTorch's, so that in notebook 08 you change an import and little else.
"""

# %%
rng = course_rng(4)
model = nn.Sequential(
    nn.Linear(784, 128, rng=rng, dtype=float),
    nn.ReLU(),
    nn.Linear(128, 10, rng=rng, dtype=float),
)
optimizer = optim.SGD(model.parameters(), lr=0.1)
loss = nn.cross_entropy(model(x_fit[:64].astype(float)), y_fit[:64])
loss.backward()
optimizer.step()
print(model)

# %% [markdown]
r"""
Is it the *same* network as in notebook 03? We give all of them the same random weights and the same batches, and compare the losses step by step, in double precision: the gradients that you derived by hand in 03, this model, and the engine with your operations. (`nn.Linear` stores its weights with one row for each output, hence the `.T`.)
"""

# %%
predict(
    "autograd.same-losses",
    "Hand-derived gradients (03) against the engine, 300 steps from the same weights. The two loss curves ...",
    ["agree to about 15 digits", "agree to a percent or so", "drift apart after some steps"],
)

# %%
params = mlp.init((784, 128, 10), rng, np.float64)
start = {name: array.copy() for name, array in params.items()}
model.load_state_dict(
    {
        "0.weight": start["W1"].T,
        "0.bias": start["b1"],
        "2.weight": start["W2"].T,
        "2.bias": start["b2"],
    }
)
own = {name: Mine(array.copy(), requires_grad=True) for name, array in start.items()}

by_hand, by_engine, by_yours = [], [], []
for _ in range(300):
    rows = rng.integers(0, len(x_fit), 64)
    X, labels = x_fit[rows].astype(float), y_fit[rows]

    loss, grads = mlp.gradients(params, X, labels)  # notebook 03
    optim.sgd_step(params, grads, 0.1)
    by_hand.append(float(loss))

    optimizer.zero_grad()  # the engine
    loss = nn.cross_entropy(model(X), labels)
    loss.backward()
    optimizer.step()
    by_engine.append(loss.item())

    for p in own.values():  # your operations
        p.zero_grad()
    loss = cross_entropy(one_hidden(own, Mine(X)), labels)
    loss.backward()
    for p in own.values():
        p.data -= 0.1 * p.grad
    by_yours.append(loss.item())

difference = max(
    np.abs(np.array(by_engine) - by_hand).max(), np.abs(np.array(by_yours) - by_hand).max()
)
plot.show(
    plot.lines(
        np.arange(1, 301),
        {
            "by hand (notebook 03)": np.array(by_hand),
            "coursekit.scratch.nn": np.array(by_engine),
        },
        xlabel="step",
        ylabel="loss (nats)",
        markers=False,
        title="One curve lies on the other",
    )
)
reveal(
    "autograd.same-losses",
    f"largest difference in 300 losses, of all three ways: {difference:.0e}",
    0 if difference < 1e-11 else 1 if difference < 1e-2 else 2,
)

# %% [markdown]
r"""
The engine does what you did. It has no idea of its own about learning: it only keeps the books.

## 8. Is it exact?

In notebook 03 you met numerical differentiation: simple, but its error has a bottom that no step $h$ gets below. Automatic differentiation has no $h$. It multiplies exact derivatives of single operations, so only the rounding of each operation is left.

That is a claim, and to test it we need a judge who is not of our house: PyTorch. `oracle.torch_gradients(f, ...)` runs a function through PyTorch, in double precision, and returns its gradients. It is possible because Tensors of both kinds understand the same words.
"""


# %%
def network_loss(X, truth, W1, b1, W2, b2):
    """Cross-entropy of 03's network, in words that both engines know; truth is a one-hot table."""
    scores = (X @ W1 + b1).relu() @ W2 + b2
    return -(scores.log_softmax(-1) * truth).sum() / len(X)


def odd_function(a, b):
    """Loops, quotients, re-used values, broadcasting."""
    for _ in range(5):
        a = (a * b + b / (a * a + 1)).tanh()
    return (a.exp() * (b * b + 1).sqrt()).mean()


def inputs_of(f, rng):
    """Random arrays for one of the two functions."""
    if f is odd_function:
        return [rng.normal(size=(4, 3)), rng.normal(size=3)]
    arrays = list(mlp.init((6, 8, 4), rng, float).values())
    return [rng.normal(size=(5, 6)), np.eye(4)[rng.integers(0, 4, 5)], *arrays]


def automatic(f, arrays, kind=autograd.Tensor):
    """All gradients of f by our engine, in one vector."""
    tensors = [kind(a, requires_grad=True) for a in arrays]
    f(*tensors).backward()
    return np.concatenate([t.grad.ravel() for t in tensors])


def numerical(f, arrays, h):
    """All gradients of f by central differences, in one vector."""
    found = []
    for k, array in enumerate(arrays):

        def at(moved, k=k):
            with no_grad():
                inputs = [autograd.Tensor(moved if i == k else a) for i, a in enumerate(arrays)]
                return f(*inputs).item()

        found.append(numerical_gradient(at, array.copy(), h).ravel())
    return np.concatenate(found)


predict(
    "autograd.exact",
    "Double precision has 16 digits. Compared with PyTorch's gradients, those of our engine agree in about ...",
    ["6 digits", "10 digits, like the best numerical ones", "15 digits"],
)

# %%
steps = 10.0 ** -np.arange(2, 12)
automatic_errors, own_errors, numerical_errors = [], [], []
for f in (network_loss, odd_function):
    for seed in course_seeds(5):
        arrays = inputs_of(f, np.random.default_rng(seed))
        judge = np.concatenate([g.ravel() for g in oracle.torch_gradients(f, *arrays)[1]])
        automatic_errors.append(relative_error(automatic(f, arrays), judge))
        if f is network_loss:
            own_errors.append(relative_error(automatic(f, arrays, Mine), judge))
        numerical_errors.append([relative_error(numerical(f, arrays, h), judge) for h in steps])
typical = np.exp(np.log(np.maximum(numerical_errors, 1e-17)).mean(axis=0))
level = np.exp(np.log(np.maximum(automatic_errors, 1e-17)).mean())
plot.show(
    plot.lines(
        steps,
        {"numerical (central differences)": typical},
        reference={"automatic (there is no h)": level},
        log="xy",
        xlabel="step h",
        ylabel="relative difference from PyTorch",
        title="Two functions, five seeds each (geometric means)",
    )
)

# %%
digits = -np.log10(max(*automatic_errors, 1e-17))
reveal(
    "autograd.exact",
    f"the worst of ten differs by {max(automatic_errors):.0e}",
    int(np.argmin(np.abs(np.array([6, 10, 15]) - digits))),
)
best_numerical = np.min(numerical_errors, axis=1)  # each function at its own best h
claim("autodiff-is-exact").judge(
    max(*automatic_errors, *own_errors) < 1e-12
    and np.median(best_numerical / np.maximum(automatic_errors, 1e-17)) > 100,
    evidence=f"largest relative difference from PyTorch's gradients (float64, 2 functions, 5 seeds each): the engine {max(automatic_errors):.0e}, "
    f"with your operations {max(own_errors):.0e}; numerical differentiation, each at its best step, {np.median(best_numerical):.0e} in the median",
)

# %% [markdown]
r"""
Exact, that is, up to the rounding of the operations themselves: in float32, in which we train, that leaves about 7 digits.

**A program.** Must a function be a formula to be differentiated? Here is one that is not: Newton's method for the square root. It repeats $r \leftarrow (r + a / r) / 2$ until $r$ stands still. How often depends on $a$; there is a loop and a condition, and nowhere the word "square root".
"""


# %%
def newton_root(a):
    """The square root of a number, by a loop that stops when it is good enough; and how many rounds that took."""
    r, rounds = a * 0 + 1, 0
    while abs(r.item() ** 2 - a.item()) > 1e-13 * a.item():
        r, rounds = (r + a / r) * 0.5, rounds + 1
    return r, rounds


predict(
    "autograd.program",
    "backward() through this loop gives, at each a, the derivative ...",
    [
        "of the square root, 1 / (2 sqrt(a))",
        "of the last round only",
        "none: a loop cannot be differentiated",
    ],
)

# %%
loops, program_errors = set(), []
for value in np.exp(course_rng(5).uniform(-3, 6, 200)):
    a = autograd.Tensor(value, requires_grad=True)
    root, rounds = newton_root(a)
    root.backward()
    loops.add(rounds)
    program_errors.append(abs(float(a.grad) * 2 * np.sqrt(value) - 1))
reveal(
    "autograd.program",
    f"largest relative difference from 1 / (2 sqrt(a)): {max(program_errors):.0e}; between {min(loops)} and {max(loops)} rounds",
    0 if max(program_errors) < 1e-6 else 1,
)
claim("only-formulas-have-gradients").judge(
    max(program_errors) < 1e-6 and len(loops) > 3,
    evidence=f"a while loop of {min(loops)} to {max(loops)} rounds, differentiated for 200 values: largest relative error {max(program_errors):.0e}",
)

# %% [markdown]
r"""
The graph holds what *was done*, not the program text: so many rounds, this branch of the condition. That is also the limit: the decision itself ("stop now") has no derivative, and an answer that jumps with a condition, such as "which class is the largest", gives zero gradients almost everywhere.

## 9. What does it cost?

**Time.** Beside the arithmetic, the engine makes a node for each operation, checks shapes, and walks back. Compare a step of the network with a step in bare NumPy, hand-written as tightly as we can.
"""


# %%
def step_by_hand(P, X, labels, rate):
    """One SGD step of 03's network; without the gradient of X, which nobody needs."""
    rows = np.arange(len(X))
    Z = X @ P["W1"] + P["b1"]
    A = np.maximum(Z, 0)
    log_p = log_softmax(A @ P["W2"] + P["b2"])
    dS = np.exp(log_p)
    dS[rows, labels] -= 1
    dS /= len(X)
    dZ = (dS @ P["W2"].T) * (Z > 0)
    grads = {"W1": X.T @ dZ, "b1": dZ.sum(axis=0), "W2": A.T @ dS, "b2": dS.sum(axis=0)}
    for name in P:
        P[name] -= rate * grads[name]
    return -log_p[rows, labels].mean()


def step_of_03(P, X, labels, rate):
    """One SGD step as notebook 03 has it."""
    loss, grads = mlp.gradients(P, X, labels)
    optim.sgd_step(P, grads, rate)
    return loss


def step_by_engine(P, X, labels, rate):
    """The same step on the engine."""
    loss = nn.cross_entropy(one_hidden(P, autograd.Tensor(X)), labels)
    for p in P.values():
        p.zero_grad()
    loss.backward()
    for p in P.values():
        p.data -= rate * p.grad
    return loss.item()


predict(
    "autograd.cost",
    "For which network does the engine cost more, as a multiple of bare NumPy?",
    ["for a tiny one", "for a large one", "for both alike"],
)


# %% tags=["volatile"]
def cost_of_the_engine(sizes, batch, repeats, by_hand=step_by_hand):
    """Time of a step on the engine divided by that of one by hand: taken in turn, the fastest of each.

    Other programs can only make a step slower, so the fastest is the least disturbed.
    """
    rng, rate = course_rng(6), np.float32(0.1)
    arrays = mlp.init(sizes, rng)
    tensors = {n: autograd.Tensor(a.copy(), requires_grad=True) for n, a in arrays.items()}
    X, labels = rng.random((batch, sizes[0]), np.float32), rng.integers(0, sizes[-1], batch)
    seconds_by_hand, seconds_engine = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        by_hand(arrays, X, labels, rate)
        middle = time.perf_counter()
        step_by_engine(tensors, X, labels, rate)
        seconds_by_hand.append(middle - start)
        seconds_engine.append(time.perf_counter() - middle)
    return min(seconds_engine) / min(seconds_by_hand)


settings = [
    ((4, 4, 4), 1, 200),
    ((32, 32, 10), 16, 200),
    ((256, 64, 10), 64, 200),
    ((784, 128, 10), 64, 200),
    ((784, 512, 10), 256, 40),
]
cost_of_the_engine((4, 4, 4), 1, 50)  # warm up
ratios = [cost_of_the_engine(*setting) for setting in settings]
work = [batch * (d * h + h * k) for (d, h, k), batch, _ in settings]
plot.show(
    plot.lines(
        work,
        {"a step on the engine": np.array(ratios)},
        reference={"by hand": 1.0},
        log="x",
        xlabel="multiplications in a forward pass",
        ylabel="time, relative to bare NumPy",
        title="What recording and walking back cost",
    )
)
reveal(
    "autograd.cost",
    ", ".join(
        f"{'-'.join(map(str, s))}, batch {n}: {r:.2f}"
        for (s, n, _), r in zip(settings, ratios, strict=True)
    )
    + " times bare NumPy",
    0 if ratios[0] > 1.2 * ratios[-1] else 1 if ratios[-1] > 1.2 * ratios[0] else 2,
)

# %% tags=["volatile"]
against_03 = cost_of_the_engine((784, 128, 10), 64, 200, by_hand=step_of_03)
print(f"784-128-10, batch 64, against the step of notebook 03: {against_03:.2f} times as long")
claim("recording-is-nearly-free").judge(
    ratios[0] > 1.5 and ratios[-1] < 1.5,
    evidence=f"a step takes {ratios[-1]:.2f} times as long as by hand for 784-512-10 with a batch of 256, {ratios[-2]:.2f} times for 784-128-10 "
    f"with 64, {ratios[0]:.1f} times for 4-4-4 with a single example (the fastest step of each)",
)

# %% [markdown]
r"""
The price is a fixed time for each *operation*, whatever it computes: some microseconds for the node, the rules and the checks. Beside a large matrix product that is nothing; beside a product of four numbers it is more than the work. So frameworks are built for few operations on large arrays, and so should your code be.

The line above the claim compares with your step from notebook 03. That one computes the gradient of the pixels too, which nobody needs. The engine goes only where a gradient is wanted: `requires_grad` saves a whole matrix product, and you did not have to think of it.

**Memory.** Nearly every rule needs values from the forward pass, so they must be kept until the gradient has come by.
"""

# %%
predict(
    "autograd.memory",
    "A batch ten times as large. What the graph keeps for the way back grows ...",
    ["hardly: it keeps the weights", "by half", "about tenfold"],
)

# %%
kept = {}
for batch in (64, 640, 6400):
    scores = one_hidden(own, Mine(x_fit[:batch].astype(float)))
    order = topological_order(cross_entropy(scores, y_fit[:batch]))
    kept[batch] = sum(node.data.nbytes for node in order if node.parents) / 2**20
weights_size = sum(p.data.nbytes for p in own.values()) / 2**20
with no_grad():
    scores = one_hidden(own, Mine(x_fit[:6400].astype(float)))
print(f"the weights themselves: {weights_size:.1f} MiB")
for batch, size in kept.items():
    print(f"results kept for the way back, batch of {batch:>5,}: {size:5.1f} MiB")
print(f"inside no_grad(): a result with {len(scores.parents)} parents, so nothing is kept")
growth = kept[640] / kept[64]
reveal(
    "autograd.memory",
    f"{growth:.1f} times as much",
    2 if growth > 7 else 1 if growth > 1.3 else 0,
)

# %% [markdown]
r"""
This is the price that really hurts. It is why a network can be *used* on machines on which it could not be trained, and why `no_grad()` belongs around every evaluation: nothing is recorded there, so every intermediate result is set free at once.

**The other direction.** We go from the result to the inputs: **reverse mode**. One can also go along with the computation and carry, beside each value, its derivative with respect to *one* input: **forward mode**. It needs no graph and keeps nothing; ten lines do it. What is it good for? Let us compute all derivatives of a layer $\tanh(A x)$ in both ways.
"""


# %%
class Dual:
    """A value, and beside it its slope: how it changes with one chosen input."""

    __array_ufunc__ = None  # an array on the left leaves the operation to us

    def __init__(self, value, slope):
        self.value, self.slope = value, slope

    def __rmatmul__(self, A):
        return Dual(A @ self.value, A @ self.slope)

    def tanh(self):
        y = np.tanh(self.value)
        return Dual(y, (1 - y * y) * self.slope)  # the slope of tanh is 1 - tanh^2


def jacobian_forward(f, x):
    """All derivatives, column by column: one pass for each input."""
    return np.stack([f(Dual(x, e)).slope for e in np.eye(len(x))], axis=1)


def jacobian_reverse(f, x):
    """All derivatives, row by row: one way back for each output."""
    x = autograd.Tensor(x, requires_grad=True)
    y, rows = f(x), []
    for e in np.eye(len(y)):
        x.zero_grad()
        y.backward(e, retain_graph=True)  # keep the graph: we go back again
        rows.append(x.grad)
    return np.stack(rows)


predict(
    "autograd.direction",
    "A function with 1 input and 300 outputs: all its derivatives are cheaper ...",
    ["forwards", "backwards", "there is no difference"],
)

# %% tags=["volatile"]
seconds = {}
for inputs, outputs in ((300, 1), (1, 300)):
    A, x = course_rng(7).normal(size=(outputs, inputs)), course_rng(8).normal(size=inputs)

    def layer(x, A=A):
        return (A @ x).tanh()

    tables = []
    for name, way in (("forwards", jacobian_forward), ("backwards", jacobian_reverse)):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            table = way(layer, x)
            times.append(time.perf_counter() - start)
        tables.append(table)
        seconds[inputs, outputs, name] = np.median(times)
        print(
            f"{inputs:>3} inputs, {outputs:>3} outputs, {name:>9}: {1e3 * np.median(times):6.2f} ms"
        )
    assert np.allclose(*tables, rtol=1e-12)  # the same derivatives
there, back = seconds[1, 300, "forwards"], seconds[1, 300, "backwards"]
reveal(
    "autograd.direction",
    f"forwards takes {there / back:.3f} times as long as backwards with 1 input, "
    f"{seconds[300, 1, 'forwards'] / seconds[300, 1, 'backwards']:.1f} times with 1 output",
    0 if there < 0.7 * back else 1 if back < 0.7 * there else 2,
)

# %% [markdown]
r"""
Forward mode costs one pass for each *input*, reverse mode one way back for each *output*. A network has a hundred thousand inputs that matter, its weights, and one output, the loss. That is the whole reason why everybody goes backwards.

## When it breaks

First the mistakes that an engine can notice. Ours does, and says what to do:
"""


# %%
def attempt(what, run):
    """Run something that should fail, and show the message."""
    try:
        print(f"{what}: {run()}")
    except (GradientError, ValueError) as error:
        print(f"{what}:\n    {type(error).__name__}: {error}\n")


def backward_twice():
    w = autograd.Tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    loss.backward()


def changed_in_place():
    w = autograd.Tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    w.data *= 10  # an optimiser's step, taken too early
    loss.backward()


def not_one_number():
    w = autograd.Tensor([1.0, 2.0], requires_grad=True)
    (w * w).backward()


def not_recorded():
    w = autograd.Tensor([1.0, 2.0], requires_grad=True)
    with no_grad():
        loss = (w * w).sum()
    loss.backward()


def rule_without_unbroadcast():
    Z, b = autograd.Tensor(np.ones((64, 3))), autograd.Tensor(np.zeros(3), requires_grad=True)
    made(Z.data + b.data, (Z, lambda G: G), (b, lambda G: G), op="my_add").sum().backward()


attempt("backward() twice", backward_twice)
attempt("changed in place before backward()", changed_in_place)
attempt("backward() from an array", not_one_number)
attempt("computed inside no_grad()", not_recorded)
attempt("a rule without unbroadcast", rule_without_unbroadcast)

# %% [markdown]
r"""
(The graph is given up on the way back, to free its memory; hence the first message. With `backward(retain_graph=True)` it stays, and a second call *adds* the same gradient once more.)

A simple engine such as `Tiny` or `Mine` notices none of this:
"""

# %%
for kind in (autograd.Tensor, Mine):
    w = kind([1.0, 2.0], requires_grad=True)
    loss = w * w
    w.data *= 10  # too early
    try:
        loss.backward(np.ones(2, np.float32))
        said = f"dL/dw = {w.grad}"
    except GradientError:
        said = "refused"
    print(f"{kind.__name__:>6}, changed in place: {said}; right is [2. 4.]")

w = autograd.Tensor([1.0, 2.0], requires_grad=True)
loss = (w * w).sum()
for call in (1, 2):
    loss.backward(retain_graph=True)
    print(f"Tensor, call {call} of backward(retain_graph=True): dL/dw = {w.grad}")

# %% [markdown]
r"""
And a missing `unbroadcast` can hide even from a check of the final shapes. Take numbers minus their row's mean, $y = x - m$, with $m$ of shape (N, 1) because of `keepdims=True`:
"""


# %%
def centred(x, with_unbroadcast):
    """Each row minus its mean."""
    D = x.shape[1]
    m = Tiny(
        x.data.mean(axis=1, keepdims=True), ((x, lambda G: np.ones(x.shape) * G / D),), "mean"
    )
    back = unbroadcast if with_unbroadcast else lambda G, shape: G
    return Tiny(x.data - m.data, ((x, lambda G: G), (m, lambda G: back(-G, m.shape))), "sub")


x_rows, factors = course_rng(9).normal(size=(2, 3)), course_rng(10).normal(size=(2, 3))
measured = numerical_gradient(
    lambda x: ((x - x.mean(axis=1, keepdims=True)) * factors).sum(), x_rows.copy()
)
for with_unbroadcast in (True, False):
    x = Tiny(x_rows)
    (centred(x, with_unbroadcast) * Tiny(factors, requires_grad=False)).backward()
    print(
        f"unbroadcast {'used' if with_unbroadcast else 'left out':>8}: gradient of shape {x.grad.shape}, "
        f"off by {relative_error(x.grad, measured):.0e}"
    )

# %% [markdown]
r"""
Both gradients have the right shape. The one on the way, at $m$, had not: (2, 3) where $m$ is (2, 1); the rule of the mean stretched it happily. That is why our engine compares shapes at *every* edge.

Then there are mistakes that raise no error at all:

- *zero_grad forgotten*: gradients add up from step to step;
- *overwritten*: an engine that writes `=` where uses should add up (the three rounds of section 6 use $W_2$ three times);
- *detached*: `.detach()` cuts a value out of the graph, as a constant. Here the hidden layer before the last product, by mistake;
- *rounds detached*: the same, but inside the rounds, so that each round takes its input as a constant.

Each trains the network with three rounds for 400 steps. As in notebook 03 we ask what the gradient check says, and what the loss curve looks like.
"""

# %%
predict(
    "autograd.mistakes",
    "How many of these four would you notice by the loss curve alone (it stays above 1 nat)?",
    ["none", "one", "two", "three", "all four"],
)


# %%
class Overwriting(Mine):
    """Your operations, with = where a gradient should be added."""

    __slots__ = ()

    def backward(self, grad=None):
        G = np.ones_like(self.data) if grad is None else np.asarray(grad)
        for node, found in overwriting(topological_order(self), G).items():
            if not node.edges:
                node.grad = np.array(found) if node.grad is None else node.grad + found


def cut_off(P, X):
    """Three rounds, and the result of all of them cut out of the graph."""
    h = (X @ P["W1"] + P["b1"]).relu()
    for _ in range(3):
        h = h + (h @ P["W2"] + P["b2"]).relu()
    return h.detach() @ P["W3"] + P["b3"]


def rounds_cut_off(P, X):
    """Three rounds, each of which takes its input as a constant."""
    h = (X @ P["W1"] + P["b1"]).relu()
    for _ in range(3):
        h = h + (h.detach() @ P["W2"] + P["b2"]).relu()
    return h @ P["W3"] + P["b3"]


MISTAKES = {  # forward pass, kind of Tensor
    "right": (three_rounds, Mine),
    "zero_grad forgotten": (three_rounds, Mine),
    "overwritten": (three_rounds, Overwriting),
    "detached": (cut_off, Mine),
    "rounds detached": (rounds_cut_off, Mine),
}


def checked(forward, kind):
    """Largest relative error of the gradients of a small network."""
    P = small_weights((6, 5, 5, 3), course_rng(3), kind)
    X = kind(X_small.data)
    cross_entropy(forward(P, X), y_small).backward()
    worst = 0.0
    for name, p in P.items():

        def at(values, name=name):
            with no_grad():
                return cross_entropy(forward(P | {name: kind(values)}, X), y_small).item()

        found = np.zeros(p.shape) if p.grad is None else p.grad
        worst = max(worst, relative_error(found, numerical_gradient(at, p.data.copy())))
    return worst


falls, table = {}, []
for name, (forward, kind) in MISTAKES.items():
    rng = course_rng(11)
    P, losses = weights((784, 128, 128, 10), rng, kind), []
    for _ in range(400):
        rows = rng.integers(0, len(x_fit), 64)
        if name != "zero_grad forgotten":
            for p in P.values():
                p.zero_grad()
        with np.errstate(all="ignore"):
            loss = cross_entropy(forward(P, kind(x_fit[rows])), y_fit[rows])
            loss.backward()
            for p in P.values():
                if p.grad is not None:
                    p.data -= np.float32(0.1) * p.grad
        losses.append(min(loss.item(), 20.0) if np.isfinite(loss.item()) else 20.0)
    falls[name] = np.array(losses).reshape(20, 20).mean(axis=1)  # mean of 20 steps each
    with np.errstate(all="ignore"):
        right = share_right(three_rounds, P, x_val, y_val)
    without = [n for n, p in P.items() if p.grad is None]
    table.append((name, checked(forward, kind), falls[name][-1], right, without))

print(f"{'':>20}  gradient check   loss at the end   validation accuracy   without a gradient")
for name, error, loss, right, without in table:
    print(
        f"{name:>20}  {error:14.0e}   {loss:15.2f}   {right:19.1%}   {', '.join(without) or 'none'}"
    )

# %%
noticed = sum(falls[name][-1] > 1 for name in list(MISTAKES)[1:])
caught = sum(error > 1e-3 for _, error, *_ in table[1:])
reveal(
    "autograd.mistakes",
    f"{noticed} of 4 end with a loss above 1 nat; the gradient check catches {caught} of 4",
    noticed,
)
plot.show(
    plot.lines(
        np.arange(20, 401, 20),
        falls,
        log="y",
        xlabel="step",
        ylabel="loss (nats, mean of 20 steps, cut at 20)",
        markers=False,
        title="What mistakes look like",
    )
)

# %% [markdown]
r"""
*zero_grad forgotten* is the only one that shows in the curve, and the only one that the gradient check does *not* find: every single gradient is right, it is the loop that is wrong. How to see it: print the size of a gradient in the first few steps. If it grows and grows, somebody forgets to empty it.

The other three learn. Two of them more slowly, and their curves lie on each other, because in both the first layer learns next to nothing. With `=`, the gradient that comes to a hidden layer by the direct way, which is most of it, is overwritten by the small share that comes through $W_2$. The `detach` before the last product leaves four weights without any gradient, and that can be seen at once, if one looks: ask every weight after the first `backward()` whether its `grad` is `None`. The last mistake is the worst: all weights have gradients, the loss falls as it should, the accuracy is fine. Only the check against measured derivatives tells that these gradients are not those of the loss.

<details><summary>Is a detach always a mistake?</summary>

No. Sometimes a value must not be moved by the gradient, a target for example, and is detached on purpose. Then a comment should say so.

</details>
"""

# %%
w = autograd.Tensor([1.0], requires_grad=True)
for step in range(1, 5):
    (w * 3).sum().backward()  # no zero_grad in between
    print(f"after step {step}: gradient {w.grad[0]:g}")

# %% [markdown]
r"""
## Explain it back

**Q1.** Why does the way back visit the nodes in topological order, and not simply follow the arrows?

<details><summary>A. Because a node may hand its gradient on only when all its uses have delivered their share.</summary>

**Right.** Otherwise it has to hand on again for each share that arrives, and the work doubles with every such node: once for each *path* instead of once for each edge.

</details>
<details><summary>B. Because the rules must be called in the order in which the program was written.</summary>

**No.** Any order will do in which each node comes after all that it was made from, taken from its end. There are usually many.

</details>
<details><summary>C. Because recursion is slow.</summary>

**No.** Recursion fails on deep graphs, but that is a question of how to *find* the order. Following the arrows without one would be wasteful even with a loop.

</details>

**Q2.** The weights W are used in three layers. What is their gradient?

<details><summary>A. The mean of three gradients.</summary>

**No.** Nothing here divides by three. Turn W up a little: all three layers change, and the effects on the loss add up.

</details>
<details><summary>B. The sum of the gradients from the three uses.</summary>

**Right.** That is the rule of the diamond. Recurrent networks (notebook 10) use the same weights at every time step and live by it.

</details>
<details><summary>C. That of the last use, since it is nearest to the loss.</summary>

**No.** An engine with `=` keeps a single use too (the one that it comes to last, which is the *farthest* from the loss), and is wrong.

</details>

**Q3.** Your loss explodes after some steps, and the gradient check says that every gradient is right. Where do you look next?

<details><summary>A. At the training loop: is the gradient emptied before each step, and is the rate sensible?</summary>

**Right.** The check looks at a single `backward()`. What adds up between the steps it cannot see.

</details>
<details><summary>B. At the rules, one by one.</summary>

**No.** They have just been found right, all of them together.

</details>
<details><summary>C. At the precision: in float32 gradients are wrong.</summary>

**No.** They carry about seven digits, which is plenty for training.

</details>

**Q4.** (From notebook 03.) There you wrote `db = dZ.sum(axis=0)` for the bias. Which part of the engine does this now?

<details><summary>A. The matrix product's rule.</summary>

**No.** The bias does not take part in the product.

</details>
<details><summary>B. `unbroadcast`, in the rule of the sum.</summary>

**Right.** The bias was stretched over the batch; the copies' gradients are summed.

</details>
<details><summary>C. The accumulation at re-used nodes.</summary>

**No.** The bias is used *once*, in one addition. That this addition stretches it is the business of its rule. (The idea is the same: several influences add up.)

</details>

**Q5.** (From notebook 02.) Why does the loss use `log_softmax`, and not the logarithm of `softmax`?

<details><summary>A. It is faster.</summary>

**No.** Perhaps a little, but that is not the reason.

</details>
<details><summary>B. The probability of a class may round to 0, and its logarithm is then minus infinity.</summary>

**Right.** Written as score minus log of a sum, nothing overflows, and a very small probability keeps its logarithm.

</details>
<details><summary>C. The gradient of softmax is not known.</summary>

**No.** It is, and the engine has it. The trouble is in the numbers.

</details>

**Q6.** A simulation takes 3 parameters and returns 1,000 numbers. You want all 3,000 derivatives. Which direction?

<details><summary>A. Reverse, as for networks.</summary>

**No.** That needs one way back for each of the 1,000 outputs, and all intermediate values kept.

</details>
<details><summary>B. Numerical, there are only three parameters.</summary>

**No.** It takes as many passes as forward mode, or twice that, and has an error with a bottom.

</details>
<details><summary>C. Forward: three passes, and nothing is kept.</summary>

**Right.** Count the inputs and the outputs, and go from the side that has fewer.

</details>

## Go further

**A project.** Trade time for memory. A long chain of layers keeps every intermediate result. Instead, keep only every tenth, and compute the others *again* when the way back comes by (this is called *checkpointing*; you need one operation, made with `made`, whose rule runs a piece of the forward pass once more and then goes back through it). For a chain of 100 layers measure the memory that is kept and the time of a step, for several distances between what is kept. Where is the best one, and can you say why?

**Sources.**
R. Wengert (1964), *A simple automatic derivative evaluation program*: forward mode.
S. Linnainmaa (1970), *The representation of the cumulative rounding error of an algorithm as a Taylor expansion of the local rounding errors*: reverse mode.
B. Speelpenning (1980), *Compiling fast partial derivatives of functions given by algorithms*: the first general program for it.
A. Griewank and A. Walther (2008), *Evaluating derivatives*: the standard work; also on checkpointing.
A. Baydin, B. Pearlmutter, A. Radul and J. Siskind (2018), *Automatic differentiation in machine learning: a survey*.
A. Paszke and others (2017), *Automatic differentiation in PyTorch*: graphs that are built while the program runs.
"""
