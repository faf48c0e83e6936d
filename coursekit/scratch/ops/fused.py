r"""What a network does at every step, each as one operation: a dense layer, a table look-up, dropout.

Each could be put together from smaller operations; as one it is faster, and its rule is shorter than theirs. G is the
upstream gradient.
"""

import math

import numpy as np

from coursekit.errors import ShapeError
from coursekit.scratch.graph import Node, made
from coursekit.scratch.ops.inputs import constant, expect_probability, expect_rng, operand, whole_numbers
from coursekit.scratch.ops.shape import scatter_add

__all__ = ["dropout", "embedding", "linear"]


def linear(x, weight, bias=None):
    """A dense layer, y = x W^T + b: every output is a weighted sum of all inputs, plus a bias.

    dL/dx = G W,  dL/dW = G^T x  and  dL/db = the sum of G over all rows.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., D)
    weight : Tensor, shape (H, D)
        One row for each output, as in PyTorch.
    bias : Tensor, shape (H,), optional

    Returns
    -------
    Tensor, shape (..., H)

    Raises
    ------
    ShapeError
        If the sizes do not fit.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> linear(Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0]]), Tensor([0.5]))
    Tensor([[11.5]])
    """
    x = x if isinstance(x, Node) else constant("x", x, operand("linear", weight))
    X, W = x.data, operand("linear", weight).data
    if bias is not None:
        operand("linear", bias)
    if W.ndim != 2 or X.ndim == 0 or X.shape[-1] != W.shape[1] or (bias is not None and bias.shape != W.shape[:1]):
        raise _misfit(X, W, bias)
    rows = X if X.ndim == 2 else X.reshape(-1, W.shape[1])  # (N, D)
    Y = rows @ W.T  # (N, H)
    if bias is not None:
        Y += bias.data

    def flat(G):
        return G if G.ndim == 2 else G.reshape(-1, len(W))  # (N, H)

    def of_weight(G):
        dW = np.empty_like(W)  # in memory as W is: an optimiser goes through both side by side
        return np.matmul(flat(G).T, rows, out=dW)  # (H, D)

    edges = [(x, lambda G: (flat(G) @ W).reshape(X.shape)), (weight, of_weight)]
    if bias is not None:
        edges.append((bias, lambda G: np.add.reduce(flat(G), axis=0)))
    saved = (X, W) if x.requires_grad and weight.requires_grad else (W,) if x.requires_grad else (X,)
    return made(Y if rows is X else Y.reshape(*X.shape[:-1], len(W)), *edges, op="linear", saved=saved)


def embedding(indices, weight):
    """Look up rows of a table: position i gets row indices[i], which gets the gradients of all its positions, added up.

    Parameters
    ----------
    indices : ndarray of int, any shape (...)
        0 to V - 1.
    weight : Tensor, shape (V, E)

    Returns
    -------
    Tensor, shape (..., E)

    Raises
    ------
    CourseError
        If an index is no whole number, or there is no such row.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> table = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> embedding(np.array([0, 0, 1]), table).sum().backward()
    >>> table.grad
    array([[2., 2.], [1., 1.]], dtype=float32)
    """
    weight = operand("embedding", weight)
    shape, dtype = weight.shape, weight.data.dtype
    rows = whole_numbers("indices", indices, shape[0], "rows of the table").copy()  # the rule needs them unchanged
    return made(weight.data[rows], (weight, lambda G: scatter_add(shape, dtype, rows, G)), op="embedding")


def dropout(x, p, *, rng, training=True):
    """Set each number to 0 with probability p and divide the others by 1 - p, so that the expectation stays.

    With the mask M of zeros and 1 / (1 - p):  y = M x  and  dL/dx = M G.

    Parameters
    ----------
    x : Tensor, any shape
    p : float
        At least 0, below 1.
    rng : numpy.random.Generator
    training : bool
        False: x is passed on as it is.

    Returns
    -------
    Tensor of x's shape

    Source
    ------
    Srivastava et al. (2014), Dropout, section 10 (there the weights are scaled after training instead).

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> dropout(Tensor([1.0] * 8), 0.5, rng=np.random.default_rng(0))
    Tensor([2., 2., 2., 0., 0., 0., 0., 0.])
    """
    x, p = operand("dropout", x), expect_probability(p)
    if not training or p == 0:
        return x
    keep = expect_rng(rng).random(x.shape, dtype=np.float32) >= p
    mask = keep.astype(x.data.dtype)
    mask /= 1 - p
    return made(x.data * mask, (x, lambda G: G * mask), op="dropout")


def _misfit(X: np.ndarray, W: np.ndarray, bias: Node | None) -> ShapeError:
    """What is wrong with the shapes of a dense layer."""
    if W.ndim != 2:
        return ShapeError(f"weight: expected shape (outputs, inputs), got {W.shape}. One row for each output.")
    if X.ndim == 0 or X.shape[-1] != W.shape[1]:
        flat = X.ndim > 2 and math.prod(X.shape[1:]) == W.shape[1]
        fix = "Put Flatten() before the layer." if flat else "The last axis holds the inputs."
        return ShapeError(f"linear: expected an input of shape (..., {W.shape[1]}), got {X.shape}. {fix}")
    return ShapeError(f"bias: expected shape {W.shape[:1]}, got {bias.shape}. One number for each output.")
