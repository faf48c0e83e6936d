r"""Convolutional layers: the same few weights look at every place of an image, so a pattern is found wherever it is.

The operations stand in :mod:`coursekit.scratch.ops.convolution` and :mod:`coursekit.scratch.ops.pooling` and can be
called from here too. Names, shapes and starting weights are PyTorch's. LeNet, the first network that read digits::

    net = Sequential(
        Conv2d(1, 6, 5, padding=2, rng=rng), ReLU(), MaxPool2d(2),  # (N, 6, 14, 14)
        Conv2d(6, 16, 5, rng=rng), ReLU(), MaxPool2d(2),  # (N, 16, 5, 5)
        Flatten(), Linear(400, 120, rng=rng), ReLU(), Linear(120, 84, rng=rng), ReLU(), Linear(84, 10, rng=rng),
    )
"""

import math

import numpy as np

from coursekit.scratch import init
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.module import Module
from coursekit.scratch.ops.convolution import col2im, conv2d, im2col
from coursekit.scratch.ops.inputs import expect_size
from coursekit.scratch.ops.pooling import avg_pool2d, max_pool2d
from coursekit.scratch.ops.windows import output_size, window

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "MaxPool2d",
    "avg_pool2d",
    "col2im",
    "conv2d",
    "im2col",
    "max_pool2d",
    "output_size",
]


class Conv2d(Module):
    """A convolutional layer: every output channel has one filter, which looks at all input channels.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or pair of int
    stride, padding, dilation : int or pair of int
    bias : bool
    rng : numpy.random.Generator
        Draws the weights and the bias evenly between -a and a, a = 1 / sqrt(in_channels kh kw).
    dtype : dtype

    Attributes
    ----------
    weight : Tensor, shape (out_channels, in_channels, kh, kw)
    bias : Tensor, shape (out_channels,), or None

    Raises
    ------
    CourseError
        If a size is no whole number, or too small.

    Examples
    --------
    >>> layer = Conv2d(1, 6, 5, padding=2, rng=np.random.default_rng(0))
    >>> layer(np.zeros((64, 1, 28, 28))).shape
    (64, 6, 28, 28)
    >>> layer
    Conv2d(1, 6, kernel_size=5, padding=2)  # 156 parameters
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        bias=True,
        *,
        rng,
        dtype=np.float32,
    ):
        channels = expect_size("out_channels", out_channels), expect_size("in_channels", in_channels)
        self.window = window(kernel_size, stride, padding, dilation)
        shape = (*channels, *self.window.kernel)  # (O, C, kh, kw)
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = Tensor(init.uniform(shape, bound, rng=rng, dtype=dtype), requires_grad=True)
        self.bias = Tensor(init.uniform(shape[:1], bound, rng=rng, dtype=dtype), requires_grad=True) if bias else None

    def forward(self, x):
        """Slide the filters over a batch of images.

        Parameters
        ----------
        x : Tensor or ndarray, shape (N, in_channels, H, W)

        Returns
        -------
        Tensor, shape (N, out_channels, H', W')

        Examples
        --------
        >>> Conv2d(3, 2, 3, stride=2, rng=np.random.default_rng(0)).forward(np.ones((5, 3, 9, 7))).shape
        (5, 2, 4, 3)
        """
        _, stride, padding, dilation = self.window
        return conv2d(x, self.weight, self.bias, stride, padding, dilation)

    def describe(self) -> str:
        """Its channels, and what is not as usual."""
        outputs, inputs = self.weight.shape[:2]
        return f"{inputs}, {outputs}, {_described(self.window)}" + ("" if self.bias is not None else ", bias=False")


class MaxPool2d(Module):
    """Keeps the largest number of each window.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        If left out, the kernel size: windows lie side by side.
    padding : int or pair of int

    Raises
    ------
    CourseError
        If a size is no whole number, or too small.

    Examples
    --------
    >>> MaxPool2d(2)(Tensor(np.zeros((64, 6, 28, 28)))).shape
    (64, 6, 14, 14)
    """

    pool = staticmethod(max_pool2d)

    def __init__(self, kernel_size, stride=None, padding=0):
        self.window = window(kernel_size, kernel_size if stride is None else stride, padding)

    def forward(self, x):
        """Make the images smaller.

        Parameters
        ----------
        x : Tensor, shape (N, C, H, W)

        Returns
        -------
        Tensor, shape (N, C, H', W')

        Examples
        --------
        >>> MaxPool2d((1, 2)).forward(Tensor(np.zeros((1, 1, 4, 4)))).shape
        (1, 1, 4, 2)
        """
        return self.pool(x, self.window.kernel, self.window.stride, self.window.padding)

    def describe(self) -> str:
        """Its sizes."""
        return _described(self.window, usual_stride=self.window.kernel)


class AvgPool2d(MaxPool2d):
    """Keeps the mean of each window. Parameters: those of :class:`MaxPool2d`.

    Examples
    --------
    >>> AvgPool2d(2)(Tensor([[[[1.0, 2.0], [4.0, 5.0]]]]))
    Tensor([[[[3.]]]])
    """

    pool = staticmethod(avg_pool2d)


def _described(frame, usual_stride=(1, 1)) -> str:
    """The sizes of a window, without those that are as usual; a pair of equal ones as one number."""
    usual = {"stride": usual_stride, "padding": (0, 0), "dilation": (1, 1)}
    sizes = {"kernel_size": frame.kernel} | {k: getattr(frame, k) for k, u in usual.items() if getattr(frame, k) != u}
    return ", ".join(f"{name}={size[0] if size[0] == size[1] else size}" for name, size in sizes.items())
