"""How far does a residual network get on fashion_mnist when it may train for minutes on an accelerator?

The last 5,000 pictures of the training set are held out and measured after every epoch; the official test set is
measured once, at the end.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from coursekit import datasets
from coursekit.errors import CourseError
from coursekit.models.cnn import ResNet
from coursekit.train import fit
from coursekit.train.pytorch import TorchStep, evaluate

__all__ = ["FULL_SIZE", "Augmented", "augment", "measure", "pictures"]

FULL_SIZE = {
    "blocks": (2, 2, 2),
    "widths": (64, 128, 256),
    "epochs": 60,
    "batch": 256,
    "lr": 0.1,
    "weight_decay": 5e-4,
    "ema": 0.998,
    "seed": 0,
    "rows": None,
}
HELD_OUT = 5000


def measure(
    device: str,
    *,
    blocks: tuple[int, ...],
    widths: tuple[int, ...],
    epochs: int,
    batch: int,
    lr: float,
    weight_decay: float,
    ema: float,
    seed: int,
    rows: int | None,
) -> dict[str, Any]:
    """Train, and measure the average of the weights.

    Parameters
    ----------
    device : str
    blocks, widths : tuple of int
        Of :class:`~coursekit.models.cnn.ResNet`.
    epochs, batch, seed : int
    lr : float
        The highest rate of the one-cycle schedule of SGD with Nesterov's momentum.
    weight_decay, ema : float
    rows : int or None
        So many pictures only to learn from and to measure on: to try the experiment out.

    Returns
    -------
    dict
        "summary": accuracy on the test set, on the held-out pictures, parameters, seconds and images a second.
        "rows": loss and accuracy on the held-out pictures by epoch.
    """
    data = datasets.load("fashion_mnist")
    parts = {
        "train": (data.x_train[:-HELD_OUT], data.y_train[:-HELD_OUT]),
        "held out": (data.x_train[-HELD_OUT:], data.y_train[-HELD_OUT:]),
        "test": (data.x_test, data.y_test),
    }
    there = {
        name: (pictures(x[:rows], device), torch.tensor(y[:rows], device=device)) for name, (x, y) in parts.items()
    }

    torch.manual_seed(seed)
    model = ResNet(blocks=blocks, widths=widths)
    batches = Augmented(*there["train"], batch, torch.Generator().manual_seed(seed))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=epochs * len(batches), pct_start=0.2)
    step = TorchStep(
        model, F.cross_entropy, optimizer, device=device, schedule=schedule, clip=5.0, mixed_precision=True, ema=ema
    )
    history = fit(step, batches, epochs=epochs, evaluate=lambda: evaluate(step.averaged, _pieces(*there["held out"])))
    final = evaluate(step.averaged, _pieces(*there["test"]))
    summary = {
        "test accuracy": final["accuracy"],
        "test loss": final["loss"],
        "held-out accuracy": history.metrics["accuracy"][-1],
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds of training": history.seconds,
        "images a second": len(batches) * batch * epochs / history.seconds,
        "bfloat16": step.mixed_precision,
    }
    by_epoch = zip(history.metrics["loss"], history.metrics["accuracy"], strict=True)
    names = ("epoch", "held-out loss", "held-out accuracy")
    return {"summary": summary, "rows": [dict(zip(names, (k, *m), strict=True)) for k, m in enumerate(by_epoch, 1)]}


def pictures(stored, device: str) -> torch.Tensor:
    """Stored pictures as the network takes them: (N, 1, 28, 28), mean 0 and spread 1 over the training set.

    Parameters
    ----------
    stored : ndarray of uint8, (N, 28, 28)
    device : str

    Returns
    -------
    tensor of float32, (N, 1, 28, 28)
    """
    x = torch.tensor(stored, device=device).unsqueeze(1).float() / 255  # (N, 1, 28, 28)
    return (x - 0.2860) / 0.3530  # mean and spread of all training pixels


class Augmented:
    """Batches in a new order each epoch, every picture shifted, perhaps mirrored, and with a patch erased.

    Parameters
    ----------
    x : tensor, (N, 1, H, W)
    y : tensor, (N,)
    size : int
        Rows of a batch; what is left over at the end of an epoch is left out.
    generator : torch.Generator

    Raises
    ------
    CourseError
        If there are not enough rows for one batch.

    Examples
    --------
    >>> batches = Augmented(torch.zeros(10, 1, 28, 28), torch.zeros(10), 4, torch.Generator())
    >>> len(batches), [tuple(x.shape) for x, y in batches]
    (2, [(4, 1, 28, 28), (4, 1, 28, 28)])
    """

    def __init__(self, x: torch.Tensor, y: torch.Tensor, size: int, generator: torch.Generator):
        if len(x) < size:
            raise CourseError(f"size: expected at most the {len(x)} rows, got {size}. Make batches smaller.")
        self.x, self.y, self.size, self.generator = x, y, size, generator

    def __len__(self) -> int:
        return len(self.x) // self.size

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.randperm(len(self.x), generator=self.generator)
        for rows in order.split(self.size)[: len(self)]:
            rows = rows.to(self.x.device)
            yield augment(self.x[rows], self.generator), self.y[rows]


def augment(x: torch.Tensor, generator: torch.Generator, *, shift: int = 2, patch: int = 8) -> torch.Tensor:
    """Every picture on its own: shifted by up to `shift` pixels, mirrored half of the time, a square patch erased.

    Parameters
    ----------
    x : tensor, (N, 1, H, W)
    generator : torch.Generator
        Of the processor.
    shift, patch : int
        Pixels; 0 for none. What a shift brings in is the picture's edge value, and the patch is set to the mean, 0.

    Returns
    -------
    tensor, (N, 1, H, W)

    Source
    ------
    DeVries and Taylor (2017), Improved regularization of convolutional neural networks with cutout.

    Examples
    --------
    >>> augment(torch.zeros(2, 1, 28, 28), torch.Generator()).shape
    torch.Size([2, 1, 28, 28])
    """
    n, _, height, width = x.shape
    draw = torch.rand(5, n, generator=generator).to(x.device)  # (5, N): shifts, mirror, the patch's place
    down, right = ((draw[k] * (2 * shift + 1)).long() - shift for k in (0, 1))  # (N,)
    mirrored = (draw[2] < 0.5).unsqueeze(1)  # (N, 1)
    i, j = (torch.arange(size, device=x.device).unsqueeze(0) for size in (height, width))  # (1, H), (1, W)
    rows = (i + down.unsqueeze(1)).clamp(0, height - 1)  # (N, H): where each pixel comes from
    columns = (torch.where(mirrored, width - 1 - j, j) + right.unsqueeze(1)).clamp(0, width - 1)  # (N, W)
    each = torch.arange(n, device=x.device)[:, None, None]  # (N, 1, 1)
    moved = x[each, 0, rows[:, :, None], columns[:, None, :]].unsqueeze(1)  # (N, 1, H, W)
    top, left = ((draw[k] * size).long().unsqueeze(1) - patch // 2 for k, size in ((3, height), (4, width)))  # (N, 1)
    erased = ((i >= top) & (i < top + patch))[:, :, None] & ((j >= left) & (j < left + patch))[:, None, :]  # (N, H, W)
    return moved.masked_fill(erased.unsqueeze(1), 0.0)


def _pieces(x: torch.Tensor, y: torch.Tensor, size: int = 1000) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    return zip(x.split(size), y.split(size), strict=True)
