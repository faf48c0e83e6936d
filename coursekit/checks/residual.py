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
    x = torch.tensor(x)
    made = _built(answer, in_channels, out_channels, stride).to(x.dtype)
    _fill(made)
    before = x.clone()
    with torch.no_grad():
        found = [_answered(made.train(), x), _answered(made.eval(), x)]
    if not torch.equal(x, before):
        raise UnusableAnswerError(
            "Your forward changes its input in place (`+=`, `inplace=True`): the caller still needs it."
        )
    if not all(isinstance(y, torch.Tensor) for y in found):
        raise UnusableAnswerError("forward: expected a Tensor. End it with `return`.")
    numbers = sum(p.numel() for p in made.parameters())
    return {"in training": found[0].numpy(), "in evaluation": found[1].numpy(), "numbers that are learned": numbers}


def _built(answer, in_channels, out_channels, stride):
    try:
        made = answer(in_channels, out_channels, stride)
    except AttributeError as error:
        if "Module.__init__()" not in str(error):
            raise
        raise UnusableAnswerError(
            "Begin `__init__` with `super().__init__()`: without it no layer can be kept."
        ) from error
    if not isinstance(made, nn.Module):
        raise UnusableAnswerError(
            "Expected an nn.Module: keep `nn.Module` in the class line and call `super().__init__()`."
        )
    return made


def _answered(made, x):
    """The block's answer; where PyTorch cannot join its layers, the shapes that they made on the way."""
    made_shapes, told = [], []
    for layer in made.modules():
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            told.append(layer.register_forward_hook(lambda layer, _, y: made_shapes.append(_shape_made(layer, y))))
    try:
        return made(x)
    except RuntimeError as error:
        if "type" in str(error):
            raise UnusableAnswerError(
                "A layer in use is not one of the block's own: it is made in `forward`, or stands in a plain list. "
                "Make each in `__init__` as `self.name = ...`."
            ) from error
        on_the_way = "; ".join(sorted(made_shapes)) or "nothing yet"
        raise UnusableAnswerError(
            f"PyTorch could not put the layers together. Input {tuple(x.shape)}; they made: {on_the_way}."
        ) from error
    finally:
        for hook in told:
            hook.remove()


def _shape_made(layer, y):
    kind = f"convolution of {layer.kernel_size[0]}" if isinstance(layer, nn.Conv2d) else "batch norm"
    return f"{kind} {tuple(y.shape)}"


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
    """A right answer, in parts; what follows changes one thing each."""

    kernel, padding, bias, way_kernel, way_bias = 3, 1, False, 1, False

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        first, second = self.strides(stride)
        self.conv1 = nn.Conv2d(in_channels, out_channels, self.kernel, first, self.padding, bias=self.bias)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, self.kernel, second, self.padding, bias=self.bias)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if self.needs_a_way(in_channels, out_channels, stride):
            self.shortcut = nn.Sequential(*self.way(in_channels, out_channels, stride))

    def strides(self, stride):
        return stride, 1

    def needs_a_way(self, in_channels, out_channels, stride):
        return stride != 1 or in_channels != out_channels

    def way(self, in_channels, out_channels, stride):
        k = self.way_kernel
        conv = nn.Conv2d(in_channels, out_channels, k, stride, k // 2, bias=self.way_bias)
        return conv, nn.BatchNorm2d(out_channels)

    def first(self, x):
        return torch.relu(self.bn1(self.conv1(x)))

    def second(self, h):
        return self.bn2(self.conv2(h))

    def join(self, change, around):
        return torch.relu(change + around)

    def forward(self, x):
        return self.join(self.second(self.first(x)), self.shortcut(x))


class _AddedAfterRelu(_Base):
    def join(self, change, around):
        return torch.relu(change) + around


class _ReluOnBoth(_Base):
    def join(self, change, around):
        return torch.relu(change) + torch.relu(around)


class _ReluBeforeToo(_Base):
    def join(self, change, around):
        return torch.relu(torch.relu(change) + around)


class _NoLastRelu(_Base):
    def join(self, change, around):
        return change + around


class _Times(_Base):
    def join(self, change, around):
        return torch.relu(change * around)


class _Subtracted(_Base):
    def join(self, change, around):
        return torch.relu(around - change)


class _Beside(_Base):
    def join(self, change, around):
        return torch.relu(torch.cat([change, around], dim=1))


class _NeverAWay(_Base):
    def needs_a_way(self, in_channels, out_channels, stride):
        return False


class _Plain(_NeverAWay):
    def join(self, change, around):
        return torch.relu(change)


class _WayAlways(_Base):
    def needs_a_way(self, in_channels, out_channels, stride):
        return True


class _WayOnlyForChannels(_Base):
    def needs_a_way(self, in_channels, out_channels, stride):
        return in_channels != out_channels


class _WayOnlyForStride(_Base):
    def needs_a_way(self, in_channels, out_channels, stride):
        return stride != 1


class _WayMadeButNotTaken(_WayAlways):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.straight = not _Base.needs_a_way(self, in_channels, out_channels, stride)

    def forward(self, x):
        return self.join(self.second(self.first(x)), x if self.straight else self.shortcut(x))


class _WayWithoutStride(_Base):
    def way(self, in_channels, out_channels, stride):
        return super().way(in_channels, out_channels, 1)


class _WayOfThree(_Base):
    way_kernel = 3


class _WayWithRelu(_Base):
    def way(self, in_channels, out_channels, stride):
        return *super().way(in_channels, out_channels, stride), nn.ReLU()


class _NoNormOnTheWay(_Base):
    def way(self, in_channels, out_channels, stride):
        return super().way(in_channels, out_channels, stride)[:1]


class _AddsTheMiddle(_Base):
    def forward(self, x):
        h = self.first(x)
        return self.join(self.second(h), h)


class _OneConvolution(_Base):
    def forward(self, x):
        return self.join(self.bn1(self.conv1(x)), self.shortcut(x))


class _NoReluBetween(_Base):
    def first(self, x):
        return self.bn1(self.conv1(x))


class _ReluBeforeNorm(_Base):
    def first(self, x):
        return self.bn1(torch.relu(self.conv1(x)))


class _NoFirstNorm(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.bn1 = nn.Identity()


class _NoSecondNorm(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.bn2 = nn.Identity()


class _NoNormAtAll(_NoNormOnTheWay):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.bn1 = self.bn2 = nn.Identity()


class _OneNormForBoth(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.bn2 = self.bn1


class _FirstNormTwice(_Base):
    def second(self, h):
        return self.bn1(self.conv2(h))


class _OneConvolutionTwice(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.conv2 = self.conv1


class _SecondTakesTheInput(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.conv2 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)


class _NormAfterTheSum(_Base):
    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(self.first(x)) + self.shortcut(x)))


class _StrideTwice(_Base):
    def strides(self, stride):
        return stride, stride


class _StrideOnTheSecond(_Base):
    def strides(self, stride):
        return 1, stride


class _NoStride(_Base):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels)


class _NoPadding(_Base):
    padding = 0


class _WithBias(_Base):
    bias = True


class _BiasEverywhere(_Base):
    bias = way_bias = True


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
            _ReluOnBoth: "You put a ReLU on both sides and then add. First the sum, then one ReLU.",
            _ReluBeforeToo: "There is a ReLU before the sum as well: then the change can never be negative. One ReLU, after the sum.",
            _NoLastRelu: "The ReLU after the sum is missing.",
            _Times: "You multiply the two. A residual block *adds* the change to its input.",
            _Subtracted: "You subtract the change. A residual block adds it.",
            _Beside: "You put the two side by side (`cat`). A residual block *adds* them.",
            _Plain: "Nothing goes around: this is a plain block. Add the input (or its shortcut) before the last ReLU.",
            _NeverAWay: "You add x itself. Where stride or channels change, its shape does not fit: send it through a 1 by 1 convolution with batch norm.",
            _WayAlways: "The way around is a convolution even where the shape stays. There let the input through as it is: `nn.Identity()`.",
            _WayOnlyForChannels: "With stride 2 the picture gets smaller even if the channels stay: then too the way around needs a convolution.",
            _WayOnlyForStride: "The channels can change without a stride: then too the way around needs a convolution.",
            _WayMadeButNotTaken: "Right, but the layers of the way around are made even where the input goes around as it is: weights that nobody uses.",
            _WayWithoutStride: "The way around has no stride, so its picture stays large. Give its 1 by 1 convolution the same stride.",
            _WayOfThree: "The way around is a convolution of 3 by 3. One of 1 by 1 (no padding) is enough to change the shape.",
            _WayWithRelu: "There is a ReLU on the way around. Only convolution and batch norm: the input should come through as little changed as can be.",
            _NoNormOnTheWay: "The 1 by 1 convolution on the way around has no batch norm after it.",
            _AddsTheMiddle: "You add what stands between the two convolutions. The block's *input* goes around both.",
            _OneConvolution: "Only the first convolution is used. The change is two convolutions, each with batch norm.",
            _NoReluBetween: "The ReLU between the two convolutions is missing: without it the two are one convolution.",
            _ReluBeforeNorm: "The ReLU comes before the batch norm. The order is convolution, batch norm, ReLU.",
            _NoFirstNorm: "The batch norm after the first convolution is missing.",
            _NoSecondNorm: "The batch norm after the second convolution is missing.",
            _NoNormAtAll: "There is no batch norm: one belongs after every convolution, also on the way around.",
            _OneNormForBoth: "Both places share one batch norm. Each needs its own: they see different numbers.",
            _FirstNormTwice: "You use the first batch norm twice and the second never. Each convolution has its own.",
            _OneConvolutionTwice: "The same convolution is used twice. The block has two, each with weights of its own.",
            _SecondTakesTheInput: "The second convolution sees what the first one made: `out_channels` channels in, and out.",
            _NormAfterTheSum: "The second batch norm comes after the sum, so it normalises the input too. It belongs before the sum.",
            _StrideTwice: "Both convolutions have the stride, so the picture shrinks twice. Only the first one.",
            _StrideOnTheSecond: "The second convolution has the stride. It belongs to the first one.",
            _NoStride: "The stride is not used: give it to the first convolution and to the one on the way around.",
            _NoPadding: "Without padding a convolution of 3 by 3 makes the picture smaller: write `padding=1`.",
            _WithBias: "Your convolutions have a bias. Batch norm subtracts the mean right after, bias and all: write `bias=False`.",
            _BiasEverywhere: "All convolutions have a bias, also the one on the way around. Batch norm subtracts it again: write `bias=False`.",
        },
        variants=(_InOneList,),
    )
)
