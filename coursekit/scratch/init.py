r"""Where learning starts: random weights, scaled so that signals neither fade nor grow from layer to layer.

A weight has the shape (out, in, ...), as in PyTorch. Its *fan in* is how many numbers one output is summed from, its
*fan out* how many outputs one input goes to. A sum of n products has n times the variance of one of them, so the
variance of the weights is chosen as about 1 / n.
"""

import math
from collections.abc import Sequence

import numpy as np

from coursekit.errors import ShapeError, expect_known
from coursekit.scratch.ops.inputs import expect_rng

__all__ = ["fans", "gain_of", "kaiming_normal", "kaiming_uniform", "uniform", "xavier_normal", "xavier_uniform"]

SQUARED_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 25 / 9, "relu": 2.0, "leaky_relu": 2.0}


def xavier_uniform(shape, *, rng, gain=1.0, dtype=np.float32):
    """Even between -a and a, a = gain sqrt(6 / (fan in + fan out)): signals and gradients keep their size alike.

    Parameters
    ----------
    shape : tuple of int
        Of the weight, (out, in, ...).
    rng : numpy.random.Generator
    gain : float
        Makes up for what the activation takes away; see :func:`gain_of`.
    dtype : dtype

    Returns
    -------
    ndarray of that shape

    Source
    ------
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, equation 16.

    Examples
    --------
    >>> W = xavier_uniform((100, 50), rng=np.random.default_rng(0))
    >>> W.shape, bool(np.abs(W).max() <= 0.2)
    ((100, 50), True)
    """
    fan_in, fan_out = fans(shape)
    return uniform(shape, gain * math.sqrt(6 / (fan_in + fan_out)), rng=rng, dtype=dtype)


def xavier_normal(shape, *, rng, gain=1.0, dtype=np.float32):
    """Normal with mean 0 and deviation gain sqrt(2 / (fan in + fan out)), after Glorot and Bengio (2010), equation 12.

    Parameters and Returns: those of :func:`xavier_uniform`.

    Examples
    --------
    >>> xavier_normal((300, 500), rng=np.random.default_rng(0)).std().round(3)  # sqrt(2 / 800)
    np.float32(0.05)
    """
    fan_in, fan_out = fans(shape)
    return _normal(shape, gain * math.sqrt(2 / (fan_in + fan_out)), rng, dtype)


def kaiming_uniform(shape, *, rng, nonlinearity="relu", slope=0.0, dtype=np.float32):
    """Even between -a and a, a = gain sqrt(3 / fan in): He's choice, which allows for what a ReLU cuts off.

    Parameters
    ----------
    shape : tuple of int
        Of the weight, (out, in, ...).
    rng : numpy.random.Generator
    nonlinearity : {"relu", "leaky_relu", "tanh", "sigmoid", "linear"}
        What comes after the layer; it decides the gain.
    slope : float
        That of the leaky ReLU.
    dtype : dtype

    Returns
    -------
    ndarray of that shape

    Source
    ------
    He, Zhang, Ren and Sun (2015), Delving deep into rectifiers, section 2.2.

    Examples
    --------
    >>> W = kaiming_uniform((100, 24), rng=np.random.default_rng(0))
    >>> bool(np.abs(W).max() <= 0.5)  # sqrt(6 / 24)
    True
    """
    return uniform(shape, gain_of(nonlinearity, slope) * math.sqrt(3 / fans(shape)[0]), rng=rng, dtype=dtype)


def kaiming_normal(shape, *, rng, nonlinearity="relu", slope=0.0, dtype=np.float32):
    """Normal with mean 0 and deviation gain / sqrt(fan in), after He et al. (2015), equation 10.

    Parameters and Returns: those of :func:`kaiming_uniform`.

    Examples
    --------
    >>> kaiming_normal((500, 200), rng=np.random.default_rng(0)).std().round(2)  # sqrt(2 / 200)
    np.float32(0.1)
    """
    return _normal(shape, gain_of(nonlinearity, slope) / math.sqrt(fans(shape)[0]), rng, dtype)


def gain_of(nonlinearity, slope=0.0):
    """The factor by which the weights before an activation should be larger, since the activation shrinks its input.

    Parameters
    ----------
    nonlinearity : {"relu", "leaky_relu", "tanh", "sigmoid", "linear"}
    slope : float
        That of the leaky ReLU.

    Returns
    -------
    float
        sqrt(2 / (1 + slope^2)) for a ReLU; for tanh 5/3, PyTorch's choice; else 1.

    Examples
    --------
    >>> round(gain_of("relu"), 4), gain_of("leaky_relu", slope=1.0)
    (1.4142, 1.0)
    """
    squared = SQUARED_GAINS[expect_known("nonlinearity", nonlinearity, SQUARED_GAINS)]
    return math.sqrt(squared / (1 + slope**2) if nonlinearity == "leaky_relu" else squared)


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """How many numbers go into one output of a layer, and how many outputs one of its inputs goes to.

    Parameters
    ----------
    shape : tuple of int
        Of the weight: (out, in) of a dense layer, (out, in, height, width) of a convolution.

    Returns
    -------
    fan_in, fan_out : int

    Raises
    ------
    ShapeError
        If it has fewer than two axes, or is empty.

    Examples
    --------
    >>> fans((32, 16, 3, 3))
    (144, 288)
    """
    if len(shape) < 2 or min(shape) < 1:
        raise ShapeError(f"shape: expected that of a weight, (out, in, ...), got {tuple(shape)}. A bias starts at 0.")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def uniform(shape, bound, *, rng, dtype=np.float32):
    """Numbers spread evenly between -bound and bound.

    Parameters
    ----------
    shape : tuple of int
    bound : float
    rng : numpy.random.Generator
    dtype : dtype

    Returns
    -------
    ndarray of that shape

    Examples
    --------
    >>> W = uniform((3, 4), 0.5, rng=np.random.default_rng(0))
    >>> W.dtype, bool(np.abs(W).max() <= 0.5)
    (dtype('float32'), True)
    """
    return expect_rng(rng).uniform(-bound, bound, size=shape).astype(dtype)


def _normal(shape, deviation: float, rng, dtype) -> np.ndarray:
    return (deviation * expect_rng(rng).standard_normal(shape)).astype(dtype)
