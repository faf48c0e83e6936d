r"""Functions of one number, applied to each number of an array: the result has the array's shape.

The rule is always the same: upstream gradient times slope. G is the upstream gradient.
"""

import math

import numpy as np

from coursekit.errors import CourseError
from coursekit.scratch import functional as F
from coursekit.scratch.graph import made, unbroadcast
from coursekit.scratch.ops.inputs import operand, pair

__all__ = ["clip", "exp", "gelu", "leaky_relu", "log", "relu", "sigmoid", "sqrt", "tanh", "where"]


def exp(x):
    """The exponential, y = e^x: dL/dx = G y.

    Parameters
    ----------
    x : Tensor, any shape

    Returns
    -------
    Tensor of x's shape

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> exp(Tensor([0.0, 1.0]))
    Tensor([1.      , 2.718282])
    """
    x = operand("exp", x)
    y = np.exp(x.data)
    return made(y, (x, lambda G: G * y), op="exp", saved=(y,))


def log(x):
    """The natural logarithm: dL/dx = G / x.

    Parameters and Returns: those of :func:`exp`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> log(Tensor([1.0]))
    Tensor([0.])
    """
    x = operand("log", x)
    X = x.data
    return made(np.log(X), (x, lambda G: G / X), op="log", saved=(X,))


def sqrt(x):
    """The square root y: dL/dx = G / (2 y).

    Parameters and Returns: those of :func:`exp`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> sqrt(Tensor([9.0]))
    Tensor([3.])
    """
    x = operand("sqrt", x)
    y = np.sqrt(x.data)
    return made(y, (x, lambda G: G / (2 * y)), op="sqrt", saved=(y,))


def tanh(x):
    """The hyperbolic tangent y: dL/dx = G (1 - y^2).

    Parameters and Returns: those of :func:`exp`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> tanh(Tensor([0.0]))
    Tensor([0.])
    """
    x = operand("tanh", x)
    y = np.tanh(x.data)
    return made(y, (x, lambda G: G * (1 - y * y)), op="tanh", saved=(y,))


def sigmoid(x):
    """The logistic function y = 1 / (1 + e^-x), without overflow: dL/dx = G y (1 - y).

    Parameters and Returns: those of :func:`exp`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> sigmoid(Tensor([0.0]))
    Tensor([0.5])
    """
    x = operand("sigmoid", x)
    y = F.sigmoid(x.data)
    return made(y, (x, lambda G: G * y * (1 - y)), op="sigmoid", saved=(y,))


def relu(x):
    """The rectifier, y = max(0, x): dL/dx = G where x > 0, else 0.

    Parameters and Returns: those of :func:`exp`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> relu(Tensor([-2.0, 3.0]))
    Tensor([0., 3.])
    """
    x = operand("relu", x)
    y = np.maximum(x.data, 0)
    return made(y, (x, lambda G: G * (y > 0)), op="relu", saved=(y,))


def leaky_relu(x, slope=0.01):
    """The input where it is positive, `slope` times it elsewhere (Maas, Hannun and Ng 2013, section 2).

    dL/dx = G where x > 0, else slope G.

    Parameters
    ----------
    x : Tensor, any shape
    slope : float

    Returns
    -------
    Tensor of x's shape

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> leaky_relu(Tensor([-2.0, 3.0]), slope=0.1)
    Tensor([-0.2,  3. ])
    """
    x = operand("leaky_relu", x)
    X = x.data
    return made(F.leaky_relu(X, slope), (x, lambda G: np.where(X > 0, G, slope * G)), op="leaky_relu", saved=(X,))


def gelu(x):
    r"""The input times the normal distribution function, by its tanh formula (Hendrycks and Gimpel 2016, section 2).

    With t = tanh(u), u = c (x + 0.044715 x^3), c = sqrt(2 / pi):  y = x (1 + t) / 2  and
    dL/dx = G ((1 + t) / 2 + x (1 - t^2) c (1 + 0.134145 x^2) / 2).

    Parameters and Returns: those of :func:`exp`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> gelu(Tensor([-1.0, 0.0, 1.0]))
    Tensor([-0.158808,  0.      ,  0.841192])
    """
    x = operand("gelu", x)
    X, c = x.data, math.sqrt(2 / math.pi)
    t = np.tanh(c * (X + 0.044715 * (X * X * X)))

    def rule(G):
        return G * (0.5 * (1 + t) + 0.5 * X * (1 - t * t) * c * (1 + 0.134145 * (X * X)))

    return made(0.5 * X * (1 + t), (x, rule), op="gelu", saved=(X, t))


def clip(x, low=None, high=None):
    """Cut off what lies below `low` or above `high`: dL/dx = G where x was let through, else 0.

    Parameters
    ----------
    x : Tensor, any shape
    low, high : float or None
        None means no limit on that side.

    Returns
    -------
    Tensor of x's shape

    Raises
    ------
    CourseError
        If `low` is above `high`, or both are missing.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> clip(Tensor([-5.0, 0.5, 5.0]), -1, 1)
    Tensor([-1. ,  0.5,  1. ])
    """
    x = operand("clip", x)
    if low is None and high is None:
        raise CourseError("clip: expected a limit below or above, got none. Write clip(x, low, high).")
    if low is not None and high is not None and low > high:
        raise CourseError(f"clip: expected low <= high, got {low} and {high}. Swap them.")
    X = x.data
    through = np.ones(X.shape, bool)
    if low is not None:
        through &= X >= low
    if high is not None:
        through &= X <= high
    return made(np.clip(X, low, high), (x, lambda G: G * through), op="clip", saved=(through,))


def where(condition, a, b):
    """The first where the condition holds, the second elsewhere: each gets the gradient of the places it was taken for.

    Parameters
    ----------
    condition : ndarray of bool
        No gradient flows into it.
    a, b : Tensor, ndarray or number
        At least one of them a Tensor; all three shapes broadcast.

    Returns
    -------
    Tensor of the broadcast shape

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> where(np.array([True, False]), Tensor([1.0, 2.0]), 0)
    Tensor([1., 0.])
    """
    a, b = pair("where", a, b)
    chosen = np.asarray(condition, dtype=bool)
    return made(
        np.where(chosen, a.data, b.data),
        (a, lambda G: unbroadcast(np.where(chosen, G, 0), a.shape)),
        (b, lambda G: unbroadcast(np.where(chosen, 0, G), b.shape)),
        op="where",
        saved=(chosen,),
    )
