"""One step of 784-128-10 with 64 pictures: forward, backward, plain gradient descent, float32, one start for all."""

from collections.abc import Callable

import numpy as np

SIZES, BATCH, LR = (784, 128, 10), 64, 0.1
OURS = "engine"
PROMISED = {  # our time divided by theirs, at most
    "NumPy by hand": 1.15,
    "torch, eager with optim.SGD": 0.7,
    "torch, lean loop": 0.85,
    "HIPS autograd": None,
    "scikit-learn MLPClassifier": None,
}


def start() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Weights (D, H), biases, a batch and its labels: the same for everybody."""
    rng = np.random.default_rng(0)
    weights = []
    for d, h in zip(SIZES[:-1], SIZES[1:], strict=True):
        weights += [(rng.normal(size=(d, h)) * np.sqrt(2 / d)).astype(np.float32), np.zeros(h, np.float32)]
    return weights, rng.random((BATCH, SIZES[0]), dtype=np.float32), rng.integers(0, SIZES[-1], BATCH)


def by_hand() -> Callable[[], float]:
    (W1, b1, W2, b2), X, y = start()
    rows, lr = np.arange(BATCH), np.float32(LR)

    def step() -> float:
        Z = X @ W1 + b1  # (N, H)
        A = np.maximum(Z, 0)
        scores = A @ W2 + b2  # (N, K)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[rows, y]).mean()
        p[rows, y] -= 1
        p /= BATCH
        dZ = p @ W2.T
        dZ *= Z > 0
        W2[...] -= lr * (A.T @ p)
        b2[...] -= lr * p.sum(axis=0)
        W1[...] -= lr * (X.T @ dZ)
        b1[...] -= lr * dZ.sum(axis=0)
        return float(loss)

    return step


def engine() -> Callable[[], float]:
    from coursekit.scratch import nn, optim
    from coursekit.scratch.autograd import Tensor

    weights, X, y = start()
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(784, 128, rng=rng), nn.ReLU(), nn.Linear(128, 10, rng=rng))
    for parameter, value in zip(model.parameters(), weights, strict=True):
        parameter.data[...] = value.T
    optimizer, x = optim.SGD(model.parameters(), lr=LR), Tensor(X)

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def torch_eager() -> Callable[[], float]:
    import torch

    weights, X, y = start()
    model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.tensor(value.T))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    x, labels = torch.tensor(X), torch.tensor(y)

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def torch_lean() -> Callable[[], float]:
    import torch

    weights, X, y = start()
    W1, b1, W2, b2 = parameters = [torch.tensor(w.T.copy(), requires_grad=True) for w in weights]
    x, labels = torch.tensor(X), torch.tensor(y)
    linear, cross_entropy = torch.nn.functional.linear, torch.nn.functional.cross_entropy

    def step() -> float:
        loss = cross_entropy(linear(torch.relu(linear(x, W1, b1)), W2, b2), labels)
        grads = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, grad in zip(parameters, grads, strict=True):
                parameter.sub_(grad, alpha=LR)
        return loss.item()

    return step


def hips_autograd() -> Callable[[], float]:
    import autograd.numpy as anp
    from autograd import value_and_grad

    weights, X, y = start()
    rows = np.arange(BATCH)

    def loss_of(weights):
        W1, b1, W2, b2 = weights
        scores = anp.maximum(anp.dot(X, W1) + b1, 0) @ W2 + b2
        shifted = scores - anp.max(scores, axis=1, keepdims=True)
        return -anp.mean((shifted - anp.log(anp.sum(anp.exp(shifted), axis=1, keepdims=True)))[rows, y])

    both = value_and_grad(loss_of)

    def step() -> float:
        loss, grads = both(weights)
        for weight, grad in zip(weights, grads, strict=True):
            weight -= np.float32(LR) * grad.astype(np.float32)
        return float(loss)

    return step


def scikit_learn() -> Callable[[], float]:
    from sklearn.neural_network import MLPClassifier

    weights, X, y = start()
    options = {
        "solver": "sgd",
        "momentum": 0,
        "learning_rate_init": LR,
        "alpha": 0,
        "batch_size": BATCH,
        "shuffle": False,
    }
    model = MLPClassifier(SIZES[1:-1], random_state=0, **options)
    model.partial_fit(X, y, classes=np.arange(SIZES[-1]))  # makes its arrays; then they get everybody's start
    model.coefs_, model.intercepts_ = [w.copy() for w in weights[::2]], [b.copy() for b in weights[1::2]]
    model._optimizer.params = model.coefs_ + model.intercepts_
    model._optimizer.velocities = [np.zeros_like(p) for p in model._optimizer.params]

    def step() -> float:
        model.partial_fit(X, y)
        return float(model.loss_)

    return step


CONTESTANTS = {
    OURS: engine,
    "NumPy by hand": by_hand,
    "torch, eager with optim.SGD": torch_eager,
    "torch, lean loop": torch_lean,
    "HIPS autograd": hips_autograd,
    "scikit-learn MLPClassifier": scikit_learn,
}
