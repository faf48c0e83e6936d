"""Exercises of *Backpropagation*, second half: from the loss back to every weight, and one step downhill."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import functional as F
from coursekit.scratch import mlp, optim

__all__ = ["network", "sgd_step", "softmax_cross_entropy"]

# -- softmax and cross-entropy -------------------------------------------------------------------------------------------


def _entropy_cases(rng):
    yield rng.normal(size=(4, 3)), rng.integers(0, 3, 4)
    yield rng.normal(size=(1, 5)), np.array([4])  # a batch of one
    yield np.array([[1000.0, 0.0], [0.0, 1000.0]]), np.array([1, 1])  # would overflow without the shift
    yield np.zeros((6, 10)), rng.integers(0, 10, 6)
    yield rng.normal(size=(5, 4)).astype(np.float32), rng.integers(0, 4, 5)


def _not_averaged(z, labels):
    return F.softmax(z) - F.one_hot(labels, z.shape[1])


def _probabilities(z, labels):
    return F.softmax(z) / len(z)


def _entropy_uphill(z, labels):
    return -F.cross_entropy_grad(z, labels)


def _over_everything(z, labels):
    return _not_averaged(z, labels) / z.size


def _all_label_columns(z, labels):
    grad = F.softmax(z)
    grad[:, labels] -= 1
    return grad / len(z)


def _over_classes(z, labels):
    return _not_averaged(z, labels) / z.shape[1]


def _softmax_forgotten(z, labels):
    return (z - F.one_hot(labels, z.shape[1])) / len(z)


def _labels_as_amounts(z, labels):
    return (F.softmax(z) - labels[:, None]) / len(z)


def _only_right_class(z, labels):
    return _not_averaged(z, labels) * F.one_hot(labels, z.shape[1]) / len(z)


def _entropy_by_loop(z, labels):
    grad = np.empty_like(z)
    for n, (row, label) in enumerate(zip(z, labels, strict=True)):
        p = np.exp(row - np.logaddexp.reduce(row))
        for k in range(len(row)):
            grad[n, k] = (p[k] - (k == label)) / len(z)
    return grad


softmax_cross_entropy = register(
    Exercise(
        id="descent.softmax_cross_entropy",
        notebook="backpropagation",
        reference=F.cross_entropy_grad,
        cases=_entropy_cases,
        difficulty=3,
        minutes=8,
        points=2,
        hints=[
            "The whole formula is probabilities minus truth, divided by N.",
            "Truth as a table: 1 in the column of the right class, 0 elsewhere. Instead of building it, subtract 1 at the right places.",
            "`dz = softmax(z)`, then `dz[np.arange(len(z)), labels] -= 1`, then `return dz / len(z)`.",
        ],
        misconceptions={
            _not_averaged: "You did not divide by N. The loss is the *mean* over the batch, so every example's share is 1/N.",
            _probabilities: "These are the probabilities alone. Subtract 1 in the column of the right class.",
            _entropy_uphill: "The sign is turned: truth minus probabilities points downhill. The gradient is probabilities minus truth.",
            _over_everything: "You divided by N times K. The mean runs over examples only.",
            _all_label_columns: "`dz[:, labels]` takes all label columns in *every* row. Pick one place per row: "
            "`dz[np.arange(len(z)), labels] -= 1`.",
            _over_classes: "You divided by the number of classes. The mean runs over the examples: divide by N.",
            _softmax_forgotten: "The softmax is missing: it is *probabilities* minus truth, not scores minus truth.",
            _labels_as_amounts: "You subtracted the class number. Labels are names of columns, not amounts: subtract 1 in that column.",
            _only_right_class: "Only the right class has a gradient here. The wrong classes get one too: their scores must fall.",
        },
        variants=(_entropy_by_loop,),
    )
)

# -- the whole network -----------------------------------------------------------------------------------------------------


def _network_cases(rng):
    for sizes, n in (((3, 5, 2), 4), ((6, 4, 3), 1), ((4, 4, 4), 5)):
        params = mlp.init(sizes, rng, float) | {"b1": rng.normal(size=sizes[1]), "b2": rng.normal(size=sizes[2])}
        yield params, rng.normal(size=(n, sizes[0])), rng.integers(0, sizes[2], n)
    yield mlp.init((7, 6, 5), rng), rng.normal(size=(8, 7)).astype(np.float32), rng.integers(0, 5, 8)
    yield mlp.init((3, 4, 2), rng, float), 1e3 * rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
    yield mlp.init((3, 4, 2), rng, float), np.zeros((2, 3)), np.array([0, 1])


def _backward(params, X, labels, *, mask="of z", scale=1.0, through="scores", biases=1.0, last_bias=1.0):
    Z = F.dense(X, params["W1"], params["b1"])
    A = F.relu(Z)
    scores = F.dense(A, params["W2"], last_bias * params["b2"])
    dS = scale * F.cross_entropy_grad(scores, labels)
    dA, dW2, db2 = F.dense_backward(A if through == "scores" else Z, params["W2"], dS)
    dZ = {"of z": F.relu_backward(dA, Z), "of the gradient": dA * (dA > 0), "none": dA}[mask]
    _, dW1, db1 = F.dense_backward(X, params["W1"], dZ)
    return F.cross_entropy(scores, labels), {"W1": dW1, "b1": biases * db1, "W2": dW2, "b2": biases * db2}


def _without_mask(params, X, labels):
    return _backward(params, X, labels, mask="none")


def _mask_of_the_gradient(params, X, labels):
    return _backward(params, X, labels, mask="of the gradient")


def _biases_averaged(params, X, labels):
    return _backward(params, X, labels, biases=1 / len(X))


def _divided_twice(params, X, labels):
    return _backward(params, X, labels, scale=1 / len(X))


def _no_last_bias(params, X, labels):
    return _backward(params, X, labels, last_bias=0.0)


def _of_the_sum(params, X, labels):
    return _backward(params, X, labels, scale=len(X))


def _network_uphill(params, X, labels):
    return _backward(params, X, labels, scale=-1.0)


def _before_relu(params, X, labels):
    return _backward(params, X, labels, through="pre-activation")


def _loss_forgotten(params, X, labels):
    return _backward(params, X, labels)[1]


def _last_layer_only(params, X, labels):
    loss, grads = _backward(params, X, labels)
    return loss, grads | {"W1": np.zeros_like(grads["W1"]), "b1": np.zeros_like(grads["b1"])}


def _network_by_hand(params, X, labels):
    Z = X @ params["W1"] + params["b1"]
    A = np.where(Z > 0, Z, 0)
    scores = A @ params["W2"] + params["b2"]
    log_p = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    D = (np.exp(log_p) - np.eye(scores.shape[1])[labels]) / len(X)
    H = (D @ params["W2"].T) * (A > 0)
    grads = {"b2": np.einsum("nk->k", D), "W2": A.T @ D, "b1": np.einsum("nh->h", H), "W1": X.T @ H}
    return -log_p[np.arange(len(X)), labels].mean(), grads


network = register(
    Exercise(
        id="descent.network",
        notebook="backpropagation",
        reference=mlp.gradients,
        cases=_network_cases,
        difficulty=4,
        minutes=15,
        points=4,
        hints=[
            "Walk forward and keep what you will need: X, Z, A, scores. Then walk back in the opposite order.",
            "Back: softmax_cross_entropy_grad gives dscores; dense_backward with A and W2 gives dA, dW2, db2; "
            "relu_backward with Z gives dZ; dense_backward with X and W1 gives dW1, db1.",
            'Return `loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}`, with loss = cross_entropy(scores, labels).',
        ],
        misconceptions={
            _without_mask: "The gradient went past the ReLU as if it were not there: W2 is right, W1 is not. Send dA through relu_backward.",
            _mask_of_the_gradient: "You let through where the *gradient* is positive. What counts is where Z was positive: relu_backward(dA, Z).",
            _biases_averaged: "The biases' gradients are means here. Influences add up: sum over the batch; the 1/N is already at the scores.",
            _divided_twice: "You divided by N twice. Do it once, at the scores.",
            _no_last_bias: "b2 is missing in your forward pass: scores = dense(A, W2, b2).",
            _of_the_sum: "This is the gradient of the *summed* loss: N times too large. Divide by N once, at the scores.",
            _network_uphill: "All signs are turned. Start from probabilities minus truth.",
            _before_relu: "dW2 was computed from Z. The second layer's input was A = relu(Z): use what really went in.",
            _loss_forgotten: "Only the gradients came back. Return the loss first: `return loss, grads`.",
            _last_layer_only: "The first layer's gradient is zero: the way back stops at the second layer. Go on through relu and W1.",
        },
        variants=(_network_by_hand,),
    )
)

# -- one step ----------------------------------------------------------------------------------------------------------------


def _step_cases(rng):
    yield {"w": np.array([1.0, 2.0])}, {"w": np.array([10.0, 0.0])}, 0.1
    names = {"W1": (3, 2), "b1": (2,), "W2": (2, 4), "b2": (4,)}
    for lr in (0.5, 1e-3):
        yield {k: rng.normal(size=s) for k, s in names.items()}, {k: rng.normal(size=s) for k, s in names.items()}, lr
    yield {"w": rng.normal(size=3).astype(np.float32)}, {"w": np.zeros(3, np.float32)}, 0.3
    yield {"w": np.array([1.0])}, {"w": np.array([1e5])}, 0.1  # an exploding gradient


def _use_step(obj, params, grads, lr):
    arrays = dict(params)
    obj(params, grads, lr)
    return {
        "weights after the step": dict(arrays),
        "what is in params after the step": dict(params),
        "whether params still holds the same arrays": all(params[k] is arrays[k] for k in arrays),
        "gradients afterwards": dict(grads),
    }


def _step_uphill(params, grads, lr):
    for k in params:
        params[k] += lr * grads[k]


def _step_without_rate(params, grads, lr):
    for k in params:
        params[k] -= grads[k]


def _step_on_new_arrays(params, grads, lr):
    return {k: params[k] - lr * grads[k] for k in params}


def _step_rebinds(params, grads, lr):
    for k in params:
        params[k] = params[k] - lr * grads[k]


def _step_mistyped(params, grads, lr):
    for k in params:
        params[k] = -lr * grads[k]


def _step_first_only(params, grads, lr):
    for k in params:
        params[k] -= lr * grads[k]
        break


def _step_with_slices(params, grads, lr):
    for name, gradient in grads.items():
        params[name][...] = params[name] - lr * gradient


sgd_step = register(
    Exercise(
        id="descent.sgd_step",
        notebook="backpropagation",
        reference=optim.sgd_step,
        cases=_step_cases,
        call=_use_step,
        alias_ok=True,
        difficulty=1,
        minutes=4,
        points=1,
        hints=[
            "For every name in params: weight minus learning rate times gradient.",
            "In place means: change the numbers inside the array, `array -= ...`, and make no new one.",
            "`for name in params: params[name] -= lr * grads[name]`",
        ],
        misconceptions={
            _step_uphill: "You added the gradient: that is *uphill*, the loss grows. Subtract.",
            _step_without_rate: "The learning rate is missing: multiply the gradient by lr.",
            _step_on_new_arrays: "You made new arrays and left the weights as they were: nothing outside this function has learned. "
            "Change them in place with `-=`.",
            _step_rebinds: "`params[k] = params[k] - ...` puts a *new* array into the dict; whoever holds the old one sees no change. "
            "Use `params[k] -= ...`.",
            _step_mistyped: "`= -` is not `-=`: you replaced every weight by minus its step. Write `params[k] -= lr * grads[k]`.",
            _step_first_only: "Only the first weight array moved. Go through all of them.",
        },
        variants=(_step_with_slices,),
    )
)
