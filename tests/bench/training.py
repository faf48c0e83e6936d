"""Training LeNet with ``fit`` and :class:`TorchStep`, and with the loop that one writes by hand; images a second."""

from collections.abc import Callable

import numpy as np

BATCH, STEPS, LR = 128, 16, 0.001
OURS, BY_HAND = "fit with TorchStep", "torch loop by hand"


def start():
    """The network, its optimiser and some batches: the same for both."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 6, 14, 14)
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 5, 5)
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.random((BATCH * STEPS, 1, 28, 28), dtype=np.float32))
    y = torch.from_numpy(rng.integers(0, 10, BATCH * STEPS))
    return model, torch.optim.AdamW(model.parameters(), lr=LR), list(zip(x.split(BATCH), y.split(BATCH), strict=True))


def with_fit() -> Callable[[], float]:
    import torch.nn.functional as F

    from coursekit.train import fit
    from coursekit.train.pytorch import TorchStep

    model, optimizer, batches = start()
    step = TorchStep(model, F.cross_entropy, optimizer)
    return lambda: fit(step, batches, progress=False).loss[-1]


def by_hand() -> Callable[[], float]:
    import torch.nn.functional as F

    model, optimizer, batches = start()

    def epoch() -> float:
        losses = []
        model.train()
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses[-1]

    return epoch


CONTESTANTS = {OURS: with_fit, BY_HAND: by_hand}
