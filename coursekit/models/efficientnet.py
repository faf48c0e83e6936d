"""A network that has seen a million photographs: 4.65 million weights that tell a thousand kinds of things apart.

EfficientNet-Lite0 was trained on ImageNet by its authors. Its weights lie in ``data/`` as whole numbers from -127 to
127, one scale for each output channel, a quarter of their size; :func:`pretrained` turns them back. A block widens
the channels, filters each channel by itself (a *depthwise* convolution: few weights), and narrows them again; where
nothing changes size, what came in is added. Letters: N pictures, C channels, H by W pixels.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError, expect_known
from coursekit.registry import registry, verify
from coursekit.scratch import checkpoint

__all__ = ["EfficientNetLite0", "InvertedResidual", "SameConv2d", "imagenet_labels", "prepared", "pretrained"]

WEIGHTS = {"efficientnet_lite0": "efficientnet_lite0"}  # name: its row in data/registry.toml
SIDE, CENTRE = 224, 0.875  # pixels, and the share of the shorter side that the centre crop keeps
STAGES = (  # widening, channels, blocks, stride of the first, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class SameConv2d(nn.Conv2d):
    """A convolution that pads as TensorFlow does: ceil(H / stride) rows come out, any odd pixel of padding at the end.

    Parameters
    ----------
    in_channels, out_channels, kernel : int
    stride, groups : int

    Examples
    --------
    >>> SameConv2d(3, 8, 3, stride=2)(torch.zeros(1, 3, 7, 8)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(in_channels, out_channels, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        rows, columns = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:])
        padded = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return super().forward(padded)


def _convolution(
    c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1, bend: bool = True
) -> nn.Sequential:
    """Convolution, batch norm and, if `bend`, a ReLU that ends at 6."""
    layers = [SameConv2d(c_in, c_out, kernel, stride, groups), nn.BatchNorm2d(c_out, eps=1e-3)]
    return nn.Sequential(*layers, *([nn.ReLU6()] if bend else []))


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow; and add what came in where the size stays.

    Parameters
    ----------
    c_in, c_out : int
    kernel, stride, widening : int

    Source
    ------
    Sandler et al. (2018), MobileNetV2: inverted residuals and linear bottlenecks.

    Examples
    --------
    >>> InvertedResidual(8, 8, kernel=3, stride=1, widening=6).eval()(torch.zeros(1, 8, 5, 5)).shape
    torch.Size([1, 8, 5, 5])
    """

    def __init__(self, c_in: int, c_out: int, *, kernel: int, stride: int, widening: int):
        super().__init__()
        wide = c_in * widening
        self.adds = stride == 1 and c_in == c_out
        self.f = nn.Sequential(
            *([_convolution(c_in, wide, 1)] if widening > 1 else []),
            _convolution(wide, wide, kernel, stride, groups=wide),
            _convolution(wide, c_out, 1, bend=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, H, W) to (N, c_out, H / stride, W / stride)."""
        return x + self.f(x) if self.adds else self.f(x)


class EfficientNetLite0(nn.Module):
    """Sixteen blocks, 1280 features, a thousand scores.

    Parameters
    ----------
    classes : int
        K.

    Source
    ------
    Tan and Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks; the Lite variant
    (2020) leaves out squeeze-and-excitation and uses ReLU6.

    Examples
    --------
    >>> network = EfficientNetLite0().eval()
    >>> network(torch.zeros(1, 3, 64, 64)).shape, network.embed(torch.zeros(1, 3, 64, 64)).shape
    (torch.Size([1, 1000]), torch.Size([1, 1280]))
    """

    def __init__(self, classes: int = 1000):
        super().__init__()
        layers, channels = [_convolution(3, 32, 3, stride=2)], 32
        for widening, width, blocks, stride, kernel in STAGES:
            for k in range(blocks):
                step = stride if k == 0 else 1
                layers.append(InvertedResidual(channels, width, kernel=kernel, stride=step, widening=widening))
                channels = width
        layers.append(_convolution(channels, 1280, 1))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flat = nn.Flatten()
        self.fc = nn.Linear(1280, classes)

    def embed(self, x: Tensor) -> Tensor:
        """1280 features (N, 1280) of pictures (N, 3, H, W) as :func:`prepared` makes them."""
        return self.flat(self.pool(self.features(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, K) of pictures (N, 3, H, W)."""
        return self.fc(self.embed(x))


def pretrained(name: str = "efficientnet_lite0") -> EfficientNetLite0:
    """The network with the weights that ImageNet taught it, in evaluation mode; a new one each time.

    Parameters
    ----------
    name : {"efficientnet_lite0"}

    Returns
    -------
    EfficientNetLite0

    Raises
    ------
    UnknownNameError
        If no network has that name.
    DataError
        If the file with the weights is missing or changed.

    Examples
    --------
    >>> sum(weight.numel() for weight in pretrained().parameters())
    4652008
    """
    row = WEIGHTS[expect_known("network", name, WEIGHTS)]
    verify(row)
    stored = checkpoint.load(registry()[row].path)
    state = {}
    for key, array in stored.items():
        if key.endswith(".scale"):
            continue
        scale = stored.get(f"{key}.scale")  # one for each output channel
        values = array.astype(np.float32)
        state[key] = torch.from_numpy(values if scale is None else values * scale.reshape(-1, *[1] * (array.ndim - 1)))
    network = EfficientNetLite0()
    missing, unexpected = network.load_state_dict(state, strict=False)
    wrong = [key for key in missing if not key.endswith("num_batches_tracked")] + list(unexpected)
    if wrong:
        raise CourseError(f"weights: expected those of EfficientNetLite0, got others: {wrong[:3]}. Restore the file.")
    return network.eval()


@lru_cache(maxsize=1)
def imagenet_labels() -> tuple[str, ...]:
    """The names of the thousand kinds.

    Returns
    -------
    tuple of str, length 1000

    Raises
    ------
    DataError
        If the file is missing or changed.

    Examples
    --------
    >>> imagenet_labels()[:2]
    ('tench', 'goldfish')
    """
    verify("imagenet_labels")
    return tuple(registry()["imagenet_labels"].path.read_text(encoding="utf-8").split("\n")[:1000])


def prepared(pictures: np.ndarray, side: int = SIDE, centre: float = 1.0) -> Tensor:
    """Pictures as the network takes them: square, `side` pixels, numbers (x - 127) / 128.

    Parameters
    ----------
    pictures : ndarray of uint8, (H, W, 3) or (N, H, W, 3)
    side : int
        224 is what it learned with; a multiple of 32 from 64 on works.
    centre : float
        The share of the shorter side that the square in the middle keeps; 0.875 is usual for photographs.

    Returns
    -------
    Tensor, (N, 3, side, side)

    Raises
    ------
    ShapeError
        If they are no colour pictures.
    CourseError
        If they are not uint8, or `side` or `centre` is out of range.

    Examples
    --------
    >>> prepared(np.zeros((32, 40, 3), dtype=np.uint8), side=64).shape
    torch.Size([1, 3, 64, 64])
    """
    pictures = np.asarray(pictures)
    pictures = pictures[None] if pictures.ndim == 3 else pictures
    if pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise ShapeError(f"pictures: expected colours (N, H, W, 3), got {pictures.shape}. Stack grey ones three times.")
    if pictures.dtype != np.uint8:
        raise CourseError(f"pictures: expected uint8 from 0 to 255, got {pictures.dtype}. Multiply by 255 and round.")
    if side < 32 or not 0 < centre <= 1:
        raise CourseError(f"side: expected at least 32 and a centre in (0, 1], got {side} and {centre}. 224 is usual.")
    h, w = pictures.shape[1:3]
    edge = max(1, round(min(h, w) * centre))
    top, left = (h - edge) // 2, (w - edge) // 2
    square = torch.from_numpy(np.array(pictures[:, top : top + edge, left : left + edge])).permute(0, 3, 1, 2).float()
    resized = F.interpolate(square, (side, side), mode="bicubic", antialias=True, align_corners=False).clamp(0, 255)
    return (resized - 127) / 128  # (N, 3, side, side)
