"""Exercises of *Convolution*: the block that lets depth train."""

import numpy as np
import torch
from torch import nn

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models.cnn import ResidualBlock

__all__ = ["block"]


def _cases(rng):
    yield rng.normal(size=(4, 2, 5, 5)), 2, 2, 1
    yield rng.normal(size=(3, 2, 6, 6)), 2, 4, 2
    yield rng.normal(size=(3, 3, 4, 6)), 3, 2, 1  # other channels, same size
    yield rng.normal(size=(2, 3, 7, 5)), 3, 3, 2  # same channels, other size
    yield rng.normal(size=(1, 2, 4, 4)), 2, 2, 1
    yield np.zeros((2, 2, 4, 4)), 2, 2, 1
    yield 1e2 * rng.normal(size=(3, 2, 5, 5)), 2, 3, 2
    yield rng.normal(size=(4, 3, 6, 6)).astype(np.float32), 3, 6, 2


def _use(answer, x, in_channels, out_channels, stride):
    """Build the block, give its layers known weights, and look at it while it learns, and afterwards."""
    made = answer(in_channels, out_channels, stride)
    if not isinstance(made, nn.Module):
        raise UnusableAnswerError(
            "Expected an nn.Module: keep `nn.Module` in the class line and call `super().__init__()`."
        )
    made.to(torch.tensor(x).dtype)
    _fill(made)
    x = torch.tensor(x)
    before = x.clone()
    with torch.no_grad():
        found = [made.train()(x), made.eval()(x)]
    if not torch.equal(x, before):
        raise UnusableAnswerError(
            "Your forward changes its input in place (`+=`, `inplace=True`): the caller still needs it."
        )
    if not all(isinstance(y, torch.Tensor) for y in found):
        raise UnusableAnswerError("forward: expected a Tensor. End it with `return`.")
    return tuple(y.numpy() for y in found) + (sum(p.numel() for p in made.parameters()),)


def _fill(made):
    """Weights that do not depend on chance: the same for the same kind of layer in the same order."""
    for layer in made.modules():
        for name, parameter in layer.named_parameters(recurse=False):
            shape = tuple(parameter.shape)
            waves = torch.arange(parameter.numel(), dtype=torch.float64).reshape(shape)
            kind = sum(ord(letter) for letter in name) + sum(shape)
            values = torch.sin(1.7 * waves + kind) * (0.5 if parameter.ndim > 1 else 0.3)
            parameter.data.copy_(values + (1 if isinstance(layer, nn.BatchNorm2d) and name == "weight" else 0))


class _Base(nn.Module):
    """The layers of a right answer; what follows changes one thing each."""

    stride2, way_bn, bias = 1, True, False

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=self.bias)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, stride=self.stride2, padding=1, bias=self.bias)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            way = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(way, nn.BatchNorm2d(out_channels)) if self.way_bn else way

    def change(self, x):
        return self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))


class _AddedAfterRelu(_Base):
    def forward(self, x):
        return torch.relu(self.change(x)) + self.shortcut(x)


class _NoLastRelu(_Base):
    def forward(self, x):
        return self.change(x) + self.shortcut(x)


class _Plain(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.shortcut = nn.Identity()

    def forward(self, x):
        return torch.relu(self.change(x))


class _InputItself(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.shortcut = nn.Identity()

    def forward(self, x):
        return torch.relu(self.change(x) + x)


class _WayAlways(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        way = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
        self.shortcut = nn.Sequential(way, nn.BatchNorm2d(out_channels))

    def forward(self, x):
        return torch.relu(self.change(x) + self.shortcut(x))


class _NoReluBetween(_Base):
    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))) + self.shortcut(x))


class _StrideTwice(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        self.stride2 = stride
        super().__init__(in_channels, out_channels, stride)

    def forward(self, x):
        return torch.relu(self.change(x) + self.shortcut(x))


class _NoNormOnTheWay(_Base):
    way_bn = False

    def forward(self, x):
        return torch.relu(self.change(x) + self.shortcut(x))


class _WithBias(_Base):
    bias = True

    def forward(self, x):
        return torch.relu(self.change(x) + self.shortcut(x))


class _NormAfterTheSum(_Base):
    def forward(self, x):
        h = self.conv2(torch.relu(self.bn1(self.conv1(x))))
        return torch.relu(self.bn2(h + self.shortcut(x)))


class _Beside(_Base):
    def forward(self, x):
        return torch.relu(torch.cat([self.change(x), self.shortcut(x)], dim=1))


class _WayOnlyForChannels(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        if in_channels == out_channels:
            self.shortcut = nn.Identity()

    def forward(self, x):
        return torch.relu(self.change(x) + self.shortcut(x))


class _OneNormForBoth(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.bn2 = self.bn1

    def forward(self, x):
        return torch.relu(self.change(x) + self.shortcut(x))


class _InOneList(nn.Module):
    """Right: the same layers in two Sequentials."""

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.way = None
        if (in_channels, 1) != (out_channels, stride):
            self.way = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, x):
        return (self.body(x) + (x if self.way is None else self.way(x))).relu()


block = register(
    Exercise(
        id="residual.block",
        notebook="cnn",
        reference=ResidualBlock,
        cases=_cases,
        call=_use,
        difficulty=3,
        minutes=20,
        points=4,
        hints=[
            "Two convolutions of 3 by 3 with padding 1, each followed by batch norm; only the first one has the stride. "
            "A bias before batch norm does nothing: `bias=False`.",
            "The sum needs two tensors of one shape. If stride is not 1 or the channels differ, the way around is "
            "`nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)` and batch norm; otherwise `nn.Identity()`.",
            "`h = torch.relu(self.bn1(self.conv1(x)))`, `h = self.bn2(self.conv2(h))`, `return torch.relu(h + self.shortcut(x))`.",
        ],
        misconceptions={
            _AddedAfterRelu: "You add the input after the last ReLU: then a block can only add, never take away. First the sum, then the ReLU.",
            _NoLastRelu: "The ReLU after the sum is missing.",
            _Plain: "Nothing goes around: this is a plain block. Add the input (or its shortcut) before the last ReLU.",
            _InputItself: "You add x itself. Where stride or channels change, its shape does not fit: send it through a 1 by 1 convolution with batch norm.",
            _WayAlways: "The way around is a convolution even where the shape stays. There let the input through as it is: `nn.Identity()`.",
            _NoReluBetween: "The ReLU between the two convolutions is missing: without it the two are one convolution.",
            _StrideTwice: "Both convolutions have the stride, so the picture shrinks twice. Only the first one.",
            _NoNormOnTheWay: "The 1 by 1 convolution on the way around has no batch norm after it.",
            _WithBias: "Your convolutions have a bias. Batch norm subtracts the mean right after, bias and all: write `bias=False`.",
            _NormAfterTheSum: "The second batch norm comes after the sum, so it normalises the input too. It belongs before the sum.",
            _Beside: "You put the two side by side (`cat`). A residual block *adds* them.",
            _WayOnlyForChannels: "With stride 2 the picture gets smaller even if the channels stay: then too the way around needs a convolution.",
            _OneNormForBoth: "Both places share one batch norm. Each needs its own: they see different numbers.",
        },
        variants=(_InOneList,),
    )
)
