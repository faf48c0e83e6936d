"""An accelerator is worth its price only if it is fed: a small batch of a small model leaves it waiting.

A step of training, from the batch in the processor's memory to the new weights and the loss in a Python float, is timed
on the processor and on the accelerator, for models and batches of sizes from too small to large.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from coursekit.models.cnn import LeNet, ResNet
from coursekit.train.pytorch import TorchStep

__all__ = ["FULL_SIZE", "MODELS", "images_per_second", "measure"]

FULL_SIZE = {"models": ("mlp", "lenet", "resnet"), "batch_sizes": (8, 64, 512, 4096), "seconds": 3.0}
WARM_UP = 3  # steps: an accelerator compiles and chooses its kernels in the first ones
FEWEST = 3  # steps that are timed, however long they take


def mlp() -> nn.Module:
    """784 inputs, 128 hidden units, 10 scores: notebook 04's network."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def resnet() -> nn.Module:
    """Fourteen layers, 64 to 256 channels."""
    return ResNet(blocks=(2, 2, 2), widths=(64, 128, 256))


MODELS: dict[str, Callable[[], nn.Module]] = {"mlp": mlp, "lenet": LeNet, "resnet": resnet}


def measure(device: str, *, models: tuple[str, ...], batch_sizes: tuple[int, ...], seconds: float) -> dict[str, Any]:
    """Images a second of every model at every batch size, on the processor and on `device`.

    Parameters
    ----------
    device : str
        "cpu" is measured as well, against itself: to try the experiment out.
    models : tuple of str
        Of ``MODELS``.
    batch_sizes : tuple of int
    seconds : float
        To time each of them; at least three steps, however long they take.

    Returns
    -------
    dict
        "rows": model, batch, images a second on "cpu" and on the accelerator in float32, the ratio of the two, and
        with bfloat16 where the device has it (None elsewhere). "summary": the smallest and the largest ratio.
    """
    rows = []
    for name in models:
        for batch in batch_sizes:
            cpu = images_per_second(MODELS[name], batch, "cpu", seconds=seconds)
            there = images_per_second(MODELS[name], batch, device, seconds=seconds)
            half = images_per_second(MODELS[name], batch, device, seconds=seconds, mixed_precision=True)
            row = {"model": name, "batch": batch, "cpu images/s": cpu, "accelerator images/s": there}
            rows.append(row | {"ratio": there / cpu, "bfloat16 images/s": half})
    ratios = [row["ratio"] for row in rows]
    summary = {
        "smallest ratio": min(ratios),
        "largest ratio": max(ratios),
        "threads of the processor": torch.get_num_threads(),
    }
    return {"summary": summary, "rows": rows}


def images_per_second(
    make: Callable[[], nn.Module], batch: int, device: str, *, seconds: float, mixed_precision: bool = False
) -> float | None:
    """How many images a training step takes in a second: the median over steps, copying the batch included.

    Parameters
    ----------
    make : callable() -> Module
    batch : int
    device : str
    seconds : float
        How long to time.
    mixed_precision : bool

    Returns
    -------
    float or None
        None where the device has no bfloat16 and it was asked for.

    Examples
    --------
    >>> images_per_second(mlp, 8, "cpu", seconds=0.01) > 0
    True
    """
    torch.manual_seed(0)
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    step = TorchStep(model, F.cross_entropy, optimizer, device=device, mixed_precision=mixed_precision)
    if mixed_precision and not step.mixed_precision:
        return None
    x, y = torch.rand(batch, 1, 28, 28), torch.randint(10, (batch,))
    for _ in range(WARM_UP):
        step(x, y)
    each: list[float] = []
    while len(each) < FEWEST or sum(each) < seconds:
        start = time.perf_counter()
        step(x, y)  # its loss is a float: the accelerator has finished all but the update, which the next one waits for
        each.append(time.perf_counter() - start)
    return batch / statistics.median(each)
