"""To compare pictures by what they show, look at them through a network that has learned to tell them apart.

A small convolutional classifier of Fashion-MNIST with fixed weights. What stands before its last layer, 64 numbers a
picture, are the course's own features: distances between generators are measured in them, and can be compared from run
to run because the weights never change. They lie in ``data/fashion_features.safetensors``, and

    python -m coursekit.models.features

makes them anew from the data set (a few minutes; the same to the last digit only on the same processor and version of
PyTorch, so a new file has another sha256, and distances measured with it are not comparable with older ones).
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit import datasets
from coursekit.errors import CourseError, ShapeError
from coursekit.registry import registry, verify
from coursekit.scratch import checkpoint

__all__ = ["FeatureNetwork", "class_scores", "features", "load", "train"]

NAME = "fashion_features"  # its row in data/registry.toml
AT_ONCE = 1000  # pictures


class FeatureNetwork(nn.Module):
    """Three convolutions, a layer of 64 features, and ten scores.

    Source
    ------
    Heusel et al. (2017), GANs Trained by a Two Time-Scale Update Rule, for the idea of measuring in a classifier's
    features; the network is the course's own.

    Examples
    --------
    >>> network = FeatureNetwork()
    >>> network.body(torch.zeros(2, 1, 28, 28)).shape, network(torch.zeros(2, 1, 28, 28)).shape
    (torch.Size([2, 64]), torch.Size([2, 10]))
    """

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False),  # (N, 16, 14, 14)
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, bias=False),  # (N, 32, 14, 14)
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (N, 32, 7, 7)
            nn.Conv2d(32, 64, 3, padding=1, bias=False),  # (N, 64, 7, 7)
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (N, 64, 3, 3)
            nn.Flatten(),  # (N, 576)
            nn.Linear(576, 64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the ten classes, (N, 10), of pictures (N, 1, 28, 28) with brightness from 0 to 1."""
        return self.head(self.body(x))


@lru_cache(maxsize=1)
def load() -> FeatureNetwork:
    """The network with the course's fixed weights, in evaluation mode.

    Returns
    -------
    FeatureNetwork

    Raises
    ------
    DataError
        If the file with the weights is missing or not, bit for bit, the one that the course was written with.

    Examples
    --------
    >>> load().training
    False
    """
    verify(NAME)
    network = FeatureNetwork()
    state = checkpoint.load(registry()[NAME].path)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def features(pictures) -> np.ndarray:
    """What the course's network sees in pictures: 64 numbers each, all at least 0.

    Parameters
    ----------
    pictures : ndarray or Tensor, (N, 28, 28), (N, 1, 28, 28) or (N, 784)
        Brightness: numbers from 0 to 1, or whole numbers (uint8) from 0 to 255 as the data set stores them.

    Returns
    -------
    ndarray, (N, 64)

    Raises
    ------
    ShapeError
        If they are no pictures of 28 by 28.
    CourseError
        If a brightness lies outside its range.

    Examples
    --------
    >>> features(np.zeros((3, 28, 28))).shape
    (3, 64)
    """
    return _in_pieces(load().body, _prepared(pictures))


def class_scores(pictures) -> np.ndarray:
    """Scores of the ten classes, by the course's network.

    Parameters
    ----------
    pictures
        As for :func:`features`, errors too.

    Returns
    -------
    ndarray, (N, 10)

    Examples
    --------
    >>> class_scores(np.zeros((3, 28, 28))).shape
    (3, 10)
    """
    return _in_pieces(load(), _prepared(pictures))


def train(epochs: int = 8, seed: int = 0, batch: int = 256, lr: float = 5e-3) -> FeatureNetwork:
    """Train the network afresh on the official training pictures: how the fixed weights were made.

    Parameters
    ----------
    epochs, seed, batch : int
    lr : float
        The highest rate of a one-cycle schedule (AdamW, weight decay 0.02).

    Returns
    -------
    FeatureNetwork
        In evaluation mode.
    """
    data = datasets.load("fashion_mnist")
    x, y = _prepared(data.x_train), torch.from_numpy(data.y_train.copy())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = FeatureNetwork().to(memory_format=torch.channels_last)
    rng = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=0.02, fused=True)
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.25)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=rng).split(batch)[: len(x) // batch]:
            optimizer.zero_grad()
            F.cross_entropy(network(x[rows].contiguous(memory_format=torch.channels_last)), y[rows]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def _prepared(pictures) -> Tensor:
    """Pictures as the network takes them: float32, (N, 1, 28, 28), from 0 to 1."""
    x = torch.as_tensor(pictures if isinstance(pictures, Tensor) else np.array(pictures)).detach().cpu()
    if x.ndim not in (2, 3, 4) or x[:1].numel() != 784 * len(x[:1]):
        raise ShapeError(f"pictures: expected shape (N, 28, 28), got {tuple(x.shape)}. Reshape or enlarge them.")
    most = 1 if x.is_floating_point() else 255
    if len(x) and not (x.min() >= -1e-3 and x.max() <= most * (1 + 1e-3)):
        got = f"{float(x.min()):.3g} to {float(x.max()):.3g}"
        raise CourseError(f"pictures: expected brightness from 0 to {most}, got {got}. After a tanh, take (x + 1) / 2.")
    return x.reshape(-1, 1, 28, 28).float() / most


@torch.no_grad()
def _in_pieces(function, x: Tensor) -> np.ndarray:
    return torch.cat([function(piece) for piece in x.split(AT_ONCE)]).double().numpy()


def _main() -> None:
    torch.set_num_threads(1)
    network = train()
    data = datasets.load("fashion_mnist")
    right = _in_pieces(network, _prepared(data.x_test)).argmax(axis=1) == data.y_test
    path = Path(datasets.registry()["fashion_mnist"].path).with_name(f"{NAME}.safetensors")
    checkpoint.save({name: array.numpy() for name, array in network.state_dict().items()}, path)
    content = path.read_bytes()
    print(f"{path.name}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    print(f"{right.mean():.2%} of the official test pictures right. Enter bytes and sha256 in data/registry.toml.")


if __name__ == "__main__":
    _main()
