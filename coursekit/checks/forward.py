"""Exercises of *The forward pass*: layers, their size, and what a network can draw."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import functional as F
from coursekit.scratch import mlp

__all__ = ["dense", "network", "parameter_count", "relu_hinges"]

# -- dense -------------------------------------------------------------------------------------------------------------


def _dense_cases(rng):
    yield rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    yield rng.normal(size=(1, 5)), rng.normal(size=(5, 7)), rng.normal(size=7)  # a batch of one
    yield rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)  # square: a transpose goes unnoticed
    yield np.zeros((2, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    yield 1e4 * rng.normal(size=(5, 2)), rng.normal(size=(2, 6)), rng.normal(size=6)
    yield tuple(rng.normal(size=s).astype(np.float32) for s in ((6, 4), (4, 5), (5,)))


def _dense_no_bias(X, W, b):
    return X @ W


def _dense_transposed(X, W, b):
    return X @ W.T + b


def _dense_elementwise(X, W, b):
    return X * W + b


def _dense_flipped(X, W, b):
    return (X @ W + b).T


def _bias_times_n(X, W, b):
    return X @ W + len(X) * b


def _dense_by_loops(X, W, b):
    Z = np.zeros((X.shape[0], W.shape[1]))
    for n in range(X.shape[0]):
        for h in range(W.shape[1]):
            Z[n, h] = sum(X[n, d] * W[d, h] for d in range(X.shape[1])) + b[h]
    return Z


dense = register(
    Exercise(
        id="forward.dense",
        notebook="forward_pass",
        reference=F.dense,
        cases=_dense_cases,
        difficulty=1,
        minutes=4,
        points=1,
        hints=[
            "X has shape (N, D), W has shape (D, H). Which product gives (N, H)?",
            "The inner sizes must meet: `X @ W`. The bias of shape (H,) is added to every row by broadcasting.",
            "`X @ W + b`",
        ],
        misconceptions={
            _dense_no_bias: "You left out the bias b. With it a neuron can say yes even when all inputs are 0.",
            _dense_transposed: "You transposed W. Here W has one *column* per neuron, shape (D, H), so that X @ W fits as it is.",
            _dense_elementwise: "`*` multiplies number by number. A weighted sum over the features is the matrix product `@`.",
            _dense_flipped: "Your result is transposed: examples belong in rows, neurons in columns, shape (N, H).",
            _bias_times_n: "The bias was added N times. Each example gets it once.",
        },
        variants=(_dense_by_loops,),
    )
)

# -- parameter count -----------------------------------------------------------------------------------------------------


def _count_cases(rng):
    yield ((784, 128, 10),)
    yield ((3, 1),)
    for depth in (3, 4, 6):
        yield (tuple(int(s) for s in rng.integers(1, 300, depth)),)


def _count_without_biases(sizes):
    return sum(d * h for d, h in zip(sizes[:-1], sizes[1:], strict=True))


def _count_input_biases(sizes):
    return _count_without_biases(sizes) + sum(sizes)


def _count_neurons(sizes):
    return sum(sizes[1:])


def _count_one_bias_a_layer(sizes):
    return sum(d * h + 1 for d, h in zip(sizes[:-1], sizes[1:], strict=True))


def _count_biases_of_inputs(sizes):
    return sum(d * h + d for d, h in zip(sizes[:-1], sizes[1:], strict=True))


def _count_without_last(sizes):
    return sum(d * h + h for d, h in zip(sizes[:-2], sizes[1:-1], strict=True))


def _count_product(sizes):
    total = 1
    for s in sizes:
        total *= s
    return total


def _count_first_and_last(sizes):
    return sizes[0] * sizes[-1] + sizes[-1]


def _count_by_loop(sizes):
    total = 0
    for layer in range(1, len(sizes)):
        total += (sizes[layer - 1] + 1) * sizes[layer]
    return total


parameter_count = register(
    Exercise(
        id="forward.parameter_count",
        notebook="forward_pass",
        reference=mlp.parameter_count,
        cases=_count_cases,
        difficulty=1,
        minutes=4,
        points=1,
        hints=[
            "Count one layer first: from D inputs to H neurons, W has D times H numbers. And b?",
            "Neighbouring sizes make a layer: `zip(sizes[:-1], sizes[1:])` pairs them.",
            "`sum(d * h + h for d, h in zip(sizes[:-1], sizes[1:]))`",
        ],
        misconceptions={
            _count_without_biases: "You counted the weights, not the biases: every neuron has one bias more.",
            _count_input_biases: "You gave the *inputs* biases too. They are numbers that come in, not neurons.",
            _count_neurons: "You counted neurons (that is, biases). Each neuron also has a weight for every one of its inputs.",
            _count_one_bias_a_layer: "You counted one bias per layer. Every *neuron* has its own: h of them.",
            _count_biases_of_inputs: "You gave every layer as many biases as it has inputs. Biases belong to its neurons: h, not d.",
            _count_without_last: "The last layer is missing. With L sizes there are L - 1 layers.",
            _count_product: "You multiplied all sizes. Each layer only connects *neighbouring* sizes: add the layers up.",
            _count_first_and_last: "You connected the input straight to the output. The hidden layers in between have weights as well.",
        },
        variants=(_count_by_loop,),
    )
)

# -- relu hinges -----------------------------------------------------------------------------------------------------------


def _hinge_cases(rng):
    yield np.array([0.0, 1.0, 3.0, 4.0]), np.array([0.0, 2.0])
    yield rng.normal(size=5), rng.normal(size=3)
    yield np.array([0.5]), rng.normal(size=4)  # a single point
    yield rng.normal(size=6), np.array([0.0])  # a single knot
    yield np.zeros(3), np.zeros(2)
    yield 1e4 * rng.normal(size=4), 1e4 * rng.normal(size=3)
    yield rng.normal(size=7).astype(np.float32), rng.normal(size=4).astype(np.float32)


def _hinges_transposed(x, knots):
    return F.relu_hinges(x, knots).T


def _hinges_to_the_left(x, knots):
    return np.maximum(knots[None, :] - x[:, None], 0)


def _hinges_not_cut(x, knots):
    return x[:, None] - knots[None, :]


def _hinges_no_axis(x, knots):
    return np.maximum(x - knots, 0)


def _larger_of_both(x, knots):
    return np.maximum(x[:, None], knots[None, :])


def _hinges_two_sided(x, knots):
    return np.abs(x[:, None] - knots[None, :])


def _steps(x, knots):
    return (x[:, None] > knots[None, :]).astype(float)


def _shifted_after(x, knots):
    return np.maximum(x[:, None], 0) - knots[None, :]


def _hinges_by_loop(x, knots):
    columns = []
    for k in knots:
        columns.append([max(value - k, 0.0) for value in x])
    return np.array(columns).T


relu_hinges = register(
    Exercise(
        id="forward.relu_hinges",
        notebook="forward_pass",
        reference=F.relu_hinges,
        cases=_hinge_cases,
        difficulty=2,
        minutes=6,
        points=2,
        hints=[
            "Every point meets every knot: from shapes (N,) and (H,) you want a table of shape (N, H).",
            "`x[:, None]` has shape (N, 1) and `knots[None, :]` has shape (1, H); their difference broadcasts to (N, H).",
            "`np.maximum(x[:, None] - knots[None, :], 0)`",
        ],
        misconceptions={
            _hinges_transposed: "Your table is transposed: one row per point, one column per knot, shape (N, H).",
            _hinges_to_the_left: "Your hinges rise to the *left* of their knots. Hinge k is 0 up to its knot and rises after it: x - knot.",
            _hinges_not_cut: "These are straight lines. The ReLU sets everything below 0 to 0.",
            _hinges_no_axis: "`x - knots` pairs the first point with the first knot, and so on. Every point must meet *every* knot: "
            "give x a second axis, `x[:, None]`.",
            _larger_of_both: "This is the larger of x and the knot. A hinge is the larger of x - knot and 0.",
            _hinges_two_sided: "Your hinges rise on both sides of the knot. Left of it they must be 0.",
            _steps: "These are steps, 0 or 1. A hinge *rises* after its knot, with slope 1.",
            _shifted_after: "You applied ReLU to x and then subtracted the knot. Subtract first, then cut at 0.",
        },
        variants=(_hinges_by_loop,),
    )
)

# -- a whole network ---------------------------------------------------------------------------------------------------------


def _network_cases(rng):
    for sizes, n in (((3, 5, 2), 4), ((6, 4, 3), 1), ((4, 4, 4), 5)):
        biases = {"b1": rng.normal(size=sizes[1]), "b2": rng.normal(size=sizes[2])}
        yield mlp.init(sizes, rng, float) | biases, rng.normal(size=(n, sizes[0]))
    yield mlp.init((5, 8, 3), rng), rng.normal(size=(7, 5)).astype(np.float32)
    yield mlp.init((2, 3, 2), rng, float), np.zeros((2, 2))
    yield mlp.init((2, 3, 4), rng, float), 1e4 * rng.normal(size=(3, 2))


def _network_linear(params, X):
    return (X @ params["W1"] + params["b1"]) @ params["W2"] + params["b2"]


def _network_relu_everywhere(params, X):
    return F.relu(mlp.scores(params, X))


def _network_probabilities(params, X):
    return F.softmax(mlp.scores(params, X))


def _network_relu_first(params, X):
    return (F.relu(X) @ params["W1"] + params["b1"]) @ params["W2"] + params["b2"]


def _network_no_last_bias(params, X):
    return F.relu(X @ params["W1"] + params["b1"]) @ params["W2"]


def _network_no_biases(params, X):
    return F.relu(X @ params["W1"]) @ params["W2"]


def _network_relu_before_bias(params, X):
    return (F.relu(X @ params["W1"]) + params["b1"]) @ params["W2"] + params["b2"]


def _network_relu_at_the_end(params, X):
    return F.relu(_network_linear(params, X))


def _network_hidden(params, X):
    return F.relu(X @ params["W1"] + params["b1"])


def _network_by_matmul(params, X):
    hidden = np.einsum("nd,dh->nh", X, params["W1"]) + params["b1"]
    hidden = np.where(hidden > 0, hidden, 0)
    return np.matmul(hidden, params["W2"]) + params["b2"]


network = register(
    Exercise(
        id="forward.network",
        notebook="forward_pass",
        reference=mlp.scores,
        cases=_network_cases,
        difficulty=2,
        minutes=6,
        points=2,
        hints=[
            "Two dense layers, and the ReLU between them. You have both functions already.",
            'The weights are in a dict: `params["W1"]`, `params["b1"]`, `params["W2"]`, `params["b2"]`.',
            '`hidden = relu(dense(X, params["W1"], params["b1"]))`, then `dense(hidden, params["W2"], params["b2"])`.',
        ],
        misconceptions={
            _network_linear: "There is no ReLU in it. Two dense layers without anything between them are just one dense layer.",
            _network_relu_everywhere: "You applied the ReLU to the scores as well. The last layer stays linear: scores may be negative.",
            _network_probabilities: "These are probabilities. Return the scores: the loss applies softmax itself.",
            _network_relu_first: "The ReLU is in the wrong place: it belongs between the layers, not before the first one.",
            _network_no_last_bias: "You left out b2, the bias of the second layer.",
            _network_no_biases: "You left out the biases b1 and b2.",
            _network_relu_before_bias: "The bias of the first layer comes after your ReLU. It belongs to the weighted sum, before it.",
            _network_relu_at_the_end: "The ReLU is in the wrong place: it belongs between the layers, not at the end.",
            _network_hidden: "This is the hidden layer. The second dense layer is still to come.",
        },
        variants=(_network_by_matmul,),
    )
)
