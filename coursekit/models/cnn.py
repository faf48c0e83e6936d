"""Convolutional networks: LeNet, which read cheques, and the residual network, which made depth trainable.

Pictures go in as (N, C, H, W), scores come out as (N, K). Every layer is PyTorch's own; nothing is hidden.
"""

import torch
from torch import Tensor, nn

from coursekit.errors import CourseError, ShapeError

__all__ = ["LeNet", "ResNet", "ResidualBlock"]


class LeNet(nn.Module):
    """Two convolutions with pooling, then three dense layers: the shape of nearly all networks for pictures until 2014.

    Parameters
    ----------
    classes : int
        K.

    Notes
    -----
    Three things differ from the original: ReLU in place of tanh, max pooling in place of averages with weights, and
    every filter of the second layer sees all channels of the first.

    Source
    ------
    LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document recognition, figure 2.

    Examples
    --------
    >>> LeNet()(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 10])
    >>> sum(p.numel() for p in LeNet().parameters())
    61706
    """

    def __init__(self, classes: int = 10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),  # (N, 6, 28, 28)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (N, 6, 14, 14)
            nn.Conv2d(6, 16, 5),  # (N, 16, 10, 10)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (N, 16, 5, 5)
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),  # (N, 400)
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores of pictures of 28 by 28 pixels, (N, 1, 28, 28) to (N, K).

        Raises
        ------
        ShapeError
            If the pictures have another size.
        """
        if x.shape[1:] != (1, 28, 28):
            raise ShapeError(f"x: expected shape (N, 1, 28, 28), got {tuple(x.shape)}. LeNet's dense layers need it.")
        return self.classifier(self.features(x))


class ResidualBlock(nn.Module):
    """Two convolutions learn what to *add* to their input: relu(input + change), so that doing nothing is easy.

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int
        Of the first convolution: 2 halves height and width.
    residual : bool
        Without it, the same layers and no way around them: a plain block, to compare with.

    Notes
    -----
    Where the shape changes, the way around is a convolution of 1 by 1 with the same stride, and batch norm (their
    "option B").

    Source
    ------
    He, Zhang, Ren and Sun (2016), Deep residual learning for image recognition, figure 2 and section 3.3.

    Examples
    --------
    >>> ResidualBlock(16, 32, stride=2)(torch.zeros(5, 16, 28, 28)).shape
    torch.Size([5, 32, 14, 14])
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, residual: bool = True):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.residual = residual
        self.shortcut = nn.Identity()
        if residual and (stride != 1 or in_channels != out_channels):
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """The block's answer to features, (N, C, H, W) to (N, C', H', W')."""
        h = torch.relu(self.bn1(self.conv1(x)))  # (N, C', H', W')
        h = self.bn2(self.conv2(h))
        return torch.relu(h + self.shortcut(x) if self.residual else h)


class ResNet(nn.Module):
    """A first convolution, some stages of residual blocks, the mean over all places, one dense layer.

    Parameters
    ----------
    blocks : sequence of int
        How many blocks each stage has. Every stage but the first begins by halving height and width.
    widths : sequence of int
        How many channels each stage has; as many numbers as `blocks`.
    in_channels : int
        1 for grey pictures, 3 for colours.
    classes : int
    stem_stride : int
        Stride of the first convolution: 2 makes everything after it four times cheaper.
    residual : bool
        Without it: a plain network of the same depth.

    Raises
    ------
    CourseError
        If `blocks` and `widths` have not the same length, or a stage has no block.

    Notes
    -----
    With n blocks in each of three stages it has 6 n + 2 layers with weights on the main way: n = 9 gives ResNet-56.

    Source
    ------
    He, Zhang, Ren and Sun (2016), Deep residual learning for image recognition, section 4.2: those for CIFAR-10.

    Examples
    --------
    >>> net = ResNet(blocks=(1, 1), widths=(8, 16), stem_stride=2)
    >>> net(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 10])
    >>> net.depth
    6
    """

    def __init__(
        self,
        blocks: tuple[int, ...] = (1, 1, 1),
        widths: tuple[int, ...] = (16, 32, 64),
        *,
        in_channels: int = 1,
        classes: int = 10,
        stem_stride: int = 1,
        residual: bool = True,
    ):
        super().__init__()
        if len(blocks) != len(widths) or not blocks or min(blocks) < 1:
            raise CourseError(
                f"blocks: expected one number of at least 1 for each of the {len(widths)} widths, got {tuple(blocks)}. "
                "Write for example blocks=(2, 2, 2), widths=(16, 32, 64)."
            )
        self.depth = 2 + 2 * sum(blocks)  # convolutions and dense layers on the main way
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, widths[0], 3, stride=stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        stages, channels = [], widths[0]
        for number, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            for k in range(count):
                stride = 2 if number > 0 and k == 0 else 1
                stages.append(ResidualBlock(channels, width, stride, residual))
                channels = width
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of pictures, (N, in_channels, H, W) to (N, K)."""
        h = self.stages(self.stem(x))  # (N, C, H', W')
        return self.head(h.mean(dim=(2, 3)))  # (N, C), then (N, K)
