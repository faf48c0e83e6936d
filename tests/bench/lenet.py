"""LeNet: its convolutions forward and backward with 64 pictures, and a whole step of training; float32."""

from collections.abc import Callable

import numpy as np

BATCH, LR = 64, 0.1
OURS, TORCH = "engine", "torch, eager"


def start(batch: int = BATCH) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Weights by torch's names, a batch and its labels: the same for both."""
    rng = np.random.default_rng(0)
    sizes = {"c1": (6, 1, 5, 5), "c2": (16, 6, 5, 5), "f1": (120, 400), "f2": (84, 120), "f3": (10, 84)}
    weights = {}
    for name, shape in sizes.items():
        weights[f"{name}.weight"] = (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    return weights, rng.random((batch, 1, 28, 28), dtype=np.float32), rng.integers(0, 10, batch)


def engine(batch: int = BATCH, convolutions_only: bool = False) -> Callable[[], float]:
    from coursekit.scratch import nn, optim
    from coursekit.scratch.autograd import Tensor
    from coursekit.scratch.conv import conv2d, max_pool2d

    weights, X, y = start(batch)
    w = {name: Tensor(value, requires_grad=True) for name, value in weights.items()}
    x, optimizer = Tensor(X), optim.SGD(list(w.values()), lr=LR)

    def convolutions():
        h = max_pool2d(conv2d(x, w["c1.weight"], w["c1.bias"], padding=2).relu(), 2)  # (N, 6, 14, 14)
        return max_pool2d(conv2d(h, w["c2.weight"], w["c2.bias"]).relu(), 2)  # (N, 16, 5, 5)

    def step() -> float:
        optimizer.zero_grad()
        h = convolutions().reshape(batch, -1)
        for name in ("f1", "f2"):
            h = nn.linear(h, w[f"{name}.weight"], w[f"{name}.bias"]).relu()
        loss = nn.cross_entropy(nn.linear(h, w["f3.weight"], w["f3.bias"]), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def only() -> float:
        optimizer.zero_grad()
        loss = convolutions().sum()
        loss.backward()
        return loss.item()

    return only if convolutions_only else step


def torch_eager(batch: int = BATCH, convolutions_only: bool = False) -> Callable[[], float]:
    import torch
    import torch.nn.functional as F

    weights, X, y = start(batch)
    w = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    x, labels, optimizer = torch.tensor(X), torch.tensor(y), torch.optim.SGD(list(w.values()), lr=LR)

    def convolutions():
        h = F.max_pool2d(torch.relu(F.conv2d(x, w["c1.weight"], w["c1.bias"], padding=2)), 2)
        return F.max_pool2d(torch.relu(F.conv2d(h, w["c2.weight"], w["c2.bias"])), 2)

    def step() -> float:
        optimizer.zero_grad()
        h = convolutions().reshape(batch, -1)
        for name in ("f1", "f2"):
            h = torch.relu(F.linear(h, w[f"{name}.weight"], w[f"{name}.bias"]))
        loss = F.cross_entropy(F.linear(h, w["f3.weight"], w["f3.bias"]), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def only() -> float:
        optimizer.zero_grad()
        loss = convolutions().sum()
        loss.backward()
        return loss.item()

    return only if convolutions_only else step


CONTESTANTS = {OURS: engine, TORCH: torch_eager}
