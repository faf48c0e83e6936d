r"""Layers: a network is put together from a few kinds of them, each a function with its own weights.

The functions stand in :mod:`coursekit.scratch.ops` and can be called from here too; a layer adds the weights, their
random start, and whether it is being trained. Names, shapes and starting weights are PyTorch's::

    net = Sequential(Flatten(), Linear(784, 128, rng=rng), ReLU(), Linear(128, 10, rng=rng))
    loss = cross_entropy(net(images), labels)
"""

import math

import numpy as np

from coursekit.scratch import init
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.module import Module, Sequential, StateError
from coursekit.scratch.norm import BatchNorm1d, BatchNorm2d, LayerNorm
from coursekit.scratch.ops import elementwise, reduction
from coursekit.scratch.ops.fused import dropout, embedding, linear
from coursekit.scratch.ops.inputs import expect_probability, expect_rng, expect_size
from coursekit.scratch.ops.loss import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from coursekit.scratch.ops.normalisation import batch_norm, layer_norm

# fmt: off
__all__ = [
    "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "CrossEntropyLoss", "Dropout", "Embedding", "Flatten", "GELU",
    "LayerNorm", "LeakyReLU", "Linear", "MSELoss", "Module", "ReLU", "Sequential", "Sigmoid", "Softmax", "StateError",
    "Tanh", "batch_norm", "binary_cross_entropy_with_logits", "cross_entropy", "dropout", "embedding", "layer_norm",
    "linear", "mse_loss",
]
# fmt: on


# -- layers with weights ---------------------------------------------------------------------------------------------
class Linear(Module):
    """A dense layer: every output is a weighted sum of all inputs, plus a bias.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    rng : numpy.random.Generator
        Draws the weights and the bias evenly between -a and a, a = 1 / sqrt(in_features).
    dtype : dtype

    Attributes
    ----------
    weight : Tensor, shape (out_features, in_features)
    bias : Tensor, shape (out_features,), or None

    Raises
    ------
    CourseError
        If a size is no whole number above 0.

    Examples
    --------
    >>> layer = Linear(784, 128, rng=np.random.default_rng(0))
    >>> layer(np.zeros((64, 784))).shape
    (64, 128)
    """

    def __init__(self, in_features, out_features, bias=True, *, rng, dtype=np.float32):
        sizes = expect_size("out_features", out_features), expect_size("in_features", in_features)
        bound = 1 / math.sqrt(in_features)
        weight = np.asfortranarray(init.uniform(sizes, bound, rng=rng, dtype=dtype))  # W^T is then quick to multiply by
        self.weight = Tensor(weight, requires_grad=True)
        self.bias = Tensor(init.uniform(sizes[:1], bound, rng=rng, dtype=dtype), requires_grad=True) if bias else None

    def forward(self, x):
        """Compute x W^T + b.

        Parameters
        ----------
        x : Tensor or ndarray, shape (..., in_features)

        Returns
        -------
        Tensor, shape (..., out_features)

        Examples
        --------
        >>> Linear(3, 2, rng=np.random.default_rng(0)).forward(np.ones((5, 3))).shape
        (5, 2)
        """
        return linear(x, self.weight, self.bias)

    def describe(self) -> str:
        """Its sizes, inputs first."""
        outputs, inputs = self.weight.shape
        return f"{inputs}, {outputs}" + ("" if self.bias is not None else ", bias=False")


class Embedding(Module):
    """A table with one row of numbers for each word, letter or category; the rows are learned.

    Parameters
    ----------
    num_embeddings : int
        V, how many there are.
    embedding_dim : int
        E, how many numbers describe each of them.
    rng : numpy.random.Generator
        Draws the rows from the standard normal distribution.
    dtype : dtype

    Attributes
    ----------
    weight : Tensor, shape (V, E)

    Raises
    ------
    CourseError
        If a size is no whole number above 0.

    Examples
    --------
    >>> letters = Embedding(26, 8, rng=np.random.default_rng(0))
    >>> letters(np.array([[0, 1, 2]])).shape
    (1, 3, 8)
    """

    def __init__(self, num_embeddings, embedding_dim, *, rng, dtype=np.float32):
        sizes = expect_size("num_embeddings", num_embeddings), expect_size("embedding_dim", embedding_dim)
        self.weight = Tensor(expect_rng(rng).standard_normal(sizes).astype(dtype), requires_grad=True)

    def forward(self, indices):
        """Look up the rows of some numbers.

        Parameters
        ----------
        indices : ndarray of int, any shape (...)
            0 to V - 1.

        Returns
        -------
        Tensor, shape (..., E)

        Examples
        --------
        >>> Embedding(26, 8, rng=np.random.default_rng(0)).forward([25]).shape
        (1, 8)
        """
        return embedding(indices, self.weight)

    def describe(self) -> str:
        """Its sizes, rows first."""
        return "{}, {}".format(*self.weight.shape)


# -- layers without weights ------------------------------------------------------------------------------------------
class Dropout(Module):
    """While training, sets each number to 0 with probability p and divides the others by 1 - p; else does nothing.

    Parameters
    ----------
    p : float
        At least 0, below 1.
    rng : numpy.random.Generator
        Draws anew at every call.

    Examples
    --------
    >>> layer = Dropout(0.5, rng=np.random.default_rng(0))
    >>> ones = Tensor([1.0] * 4)
    >>> layer(ones), layer.eval()(ones)
    (Tensor([2., 2., 2., 0.]), Tensor([1., 1., 1., 1.]))
    """

    def __init__(self, p=0.5, *, rng):
        self.p, self.rng = expect_probability(p), expect_rng(rng)

    def forward(self, x):
        """Drop some of the numbers.

        Parameters
        ----------
        x : Tensor, any shape

        Returns
        -------
        Tensor of x's shape

        Examples
        --------
        >>> Dropout(0.0, rng=np.random.default_rng(0)).forward(Tensor([1.0]))
        Tensor([1.])
        """
        return dropout(x, self.p, rng=self.rng, training=self.training)

    def describe(self) -> str:
        """The share that it drops."""
        return f"p={self.p:g}"


class Flatten(Module):
    """Makes one row of numbers of each example, for example of an image."""

    def forward(self, x):
        """Join all axes but the first.

        Parameters
        ----------
        x : Tensor or ndarray, shape (N, ...)

        Returns
        -------
        Tensor or ndarray, shape (N, D)

        Examples
        --------
        >>> Flatten().forward(np.zeros((64, 28, 28))).shape
        (64, 784)
        """
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


class LeakyReLU(Module):
    """The input where it is positive, a small multiple of it elsewhere.

    Parameters
    ----------
    negative_slope : float

    Examples
    --------
    >>> LeakyReLU(0.1)(Tensor([-2.0, 3.0]))
    Tensor([-0.2,  3. ])
    """

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        """Apply it to each number.

        Parameters
        ----------
        x : Tensor, any shape

        Returns
        -------
        Tensor of x's shape

        Examples
        --------
        >>> LeakyReLU().forward(Tensor([-1.0]))
        Tensor([-0.01])
        """
        return elementwise.leaky_relu(x, self.negative_slope)


class ReLU(Module):
    """The rectifier, max(0, x)."""

    forward = staticmethod(elementwise.relu)


class Tanh(Module):
    """The hyperbolic tangent, from -1 to 1."""

    forward = staticmethod(elementwise.tanh)


class Sigmoid(Module):
    """The logistic function, from 0 to 1."""

    forward = staticmethod(elementwise.sigmoid)


class GELU(Module):
    """A smooth rectifier, by its tanh formula; PyTorch's ``GELU(approximate="tanh")``."""

    forward = staticmethod(elementwise.gelu)


class Softmax(Module):
    """Probabilities from scores, along the last axis. Not before cross_entropy, which has it built in."""

    forward = staticmethod(reduction.softmax)


# -- losses ----------------------------------------------------------------------------------------------------------
class CrossEntropyLoss(Module):
    """The loss of a choice between classes: :func:`cross_entropy`, as a layer of (scores, labels)."""

    forward = staticmethod(cross_entropy)


class BCEWithLogitsLoss(Module):
    """The loss of a choice of yes or no: :func:`binary_cross_entropy_with_logits`, as a layer of (scores, answers)."""

    forward = staticmethod(binary_cross_entropy_with_logits)


class MSELoss(Module):
    """The loss of a measured number: :func:`mse_loss`, as a layer of (predicted, target)."""

    forward = staticmethod(mse_loss)
