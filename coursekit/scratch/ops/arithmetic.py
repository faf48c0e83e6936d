r"""Arithmetic of arrays, with broadcasting, and how gradients come back through it.

Upstream gradients are called G: the derivative of the loss with respect to the result, of the result's shape.
"""

import operator

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.graph import Node, made, unbroadcast
from coursekit.scratch.ops.inputs import pair

__all__ = ["add", "div", "matmul", "mul", "neg", "pow", "sub"]


def add(a, b):
    """The sum a + b, with broadcasting.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        At least one of them a Tensor; shapes that broadcast.

    Returns
    -------
    Tensor of the broadcast shape

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.

    Notes
    -----
    dL/da = G  and  dL/db = G, each summed where it was broadcast.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> add(Tensor([1.0, 2.0]), 10)
    Tensor([11., 12.])
    """
    a, b = pair("add", a, b)
    return made(
        _broadcast("add", operator.add, a, b),
        (a, lambda G: unbroadcast(G, a.shape)),
        (b, lambda G: unbroadcast(G, b.shape)),
        op="add",
    )


def sub(a, b):
    """The difference a - b, with broadcasting: dL/da = G  and  dL/db = -G, each summed where it was broadcast.

    Parameters and Returns: those of :func:`add`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> sub(Tensor([1.0, 2.0]), 10)
    Tensor([-9., -8.])
    """
    a, b = pair("sub", a, b)
    return made(
        _broadcast("sub", operator.sub, a, b),
        (a, lambda G: unbroadcast(G, a.shape)),
        (b, lambda G: unbroadcast(-G, b.shape)),
        op="sub",
    )


def mul(a, b):
    """The product a * b of each pair of numbers, with broadcasting: dL/da = G b  and  dL/db = G a.

    Parameters and Returns: those of :func:`add`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> mul(Tensor([1.0, 2.0]), 10)
    Tensor([10., 20.])
    """
    a, b = pair("mul", a, b)
    A, B = a.data, b.data
    return made(
        _broadcast("mul", operator.mul, a, b),
        (a, lambda G: unbroadcast(G * B, A.shape)),
        (b, lambda G: unbroadcast(G * A, B.shape)),
        op="mul",
        saved=_needed((b, A), (a, B)),
    )


def div(a, b):
    """The quotient a / b, with broadcasting: dL/da = G / b  and  dL/db = -G a / b^2.

    Parameters and Returns: those of :func:`add`.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> div(Tensor([1.0, 2.0]), 4)
    Tensor([0.25, 0.5 ])
    """
    a, b = pair("div", a, b)
    A, B = a.data, b.data
    return made(
        _broadcast("div", operator.truediv, a, b),
        (a, lambda G: unbroadcast(G / B, A.shape)),
        (b, lambda G: unbroadcast(-G * A / (B * B), B.shape)),
        op="div",
        saved=_needed((b, A)) + (B,),
    )


def neg(a):
    """The negative -a: dL/da = -G.

    Parameters
    ----------
    a : Tensor, any shape

    Returns
    -------
    Tensor of a's shape

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> neg(Tensor([1.0, -2.0]))
    Tensor([-1.,  2.])
    """
    return made(-a.data, (a, lambda G: -G), op="neg")


def pow(a, exponent):
    """Each number to a fixed power, a^n: dL/da = G n a^(n - 1).

    Parameters
    ----------
    a : Tensor, any shape
    exponent : float

    Returns
    -------
    Tensor of a's shape

    Raises
    ------
    CourseError
        If the exponent is not one plain number.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> pow(Tensor([1.0, 3.0]), 2)
    Tensor([1., 9.])
    """
    if isinstance(exponent, Node) or np.ndim(exponent):
        kind = type(exponent).__name__
        raise CourseError(f"pow: expected a plain number as exponent, got a {kind}. Write (a.log() * b).exp().")
    A, n = a.data, float(exponent)
    return made(A**n, (a, lambda G: G * n * A ** (n - 1)), op="pow", saved=(A,))


def matmul(a, b):
    r"""Matrix product of the last two axes, broadcasting over the others.

    Parameters
    ----------
    a : Tensor or ndarray, shape (..., N, D)
        A vector, (D,), counts as one row.
    b : Tensor or ndarray, shape (..., D, K)
        A vector, (D,), counts as one column.

    Returns
    -------
    Tensor, shape (..., N, K)
        Without the axis of an input that is a vector.

    Raises
    ------
    ShapeError
        If the inner sizes differ.

    Notes
    -----
    With upstream gradient G of shape (..., N, K):  dL/da = G b^T  and  dL/db = a^T G.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> a = Tensor([[1.0, 2.0]], requires_grad=True)
    >>> b = Tensor([[3.0], [4.0]], requires_grad=True)
    >>> matmul(a, b).sum().backward()
    >>> a.grad
    array([[3., 4.]], dtype=float32)
    """
    a, b = pair("matmul", a, b)
    A, B = _expect_inner_sizes(a.data, b.data)
    rows = A if A.ndim > 1 else A[None, :]  # (..., N, D)
    columns = B if B.ndim > 1 else B[:, None]  # (..., D, K)

    def upstream(G):  # (..., N, K), also where an axis was left out
        return np.asarray(G).reshape(*np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2]), len_n, len_k)

    len_n, len_k = rows.shape[-2], columns.shape[-1]
    return made(
        A @ B,  # (..., N, K)
        (a, lambda G: unbroadcast(upstream(G) @ columns.swapaxes(-1, -2), rows.shape).reshape(A.shape)),
        (b, lambda G: unbroadcast(rows.swapaxes(-1, -2) @ upstream(G), columns.shape).reshape(B.shape)),
        op="matmul",
        saved=_needed((b, A), (a, B)),
    )


# -- what the rules need, and shapes that fit ------------------------------------------------------------------------
def _needed(*pairs: tuple[Node, np.ndarray]) -> tuple[np.ndarray, ...]:
    """The arrays that the rules of those inputs will use which require a gradient."""
    return tuple(array for node, array in pairs if node.requires_grad)


def _broadcast(op: str, compute, a: Node, b: Node) -> np.ndarray:
    try:
        return compute(a.data, b.data)
    except ValueError:
        raise ShapeError(
            f"{op}: expected shapes that broadcast, got {a.shape} and {b.shape}. {_advice(a.shape, b.shape)}"
        ) from None


def _advice(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    """The likely fix for two shapes that do not go together."""
    if a == b[::-1]:
        return "Transpose one of them: x.T."
    short, long = sorted((a, b), key=len)
    if len(short) == len(long) - 1 and short == long[: len(short)]:
        return f"Give the one of shape {short} a last axis: x[..., None], or keepdims=True where it was made."
    return "From the right, sizes must be equal, or one of them 1."


def _expect_inner_sizes(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays, if they can be multiplied as matrices."""
    if A.ndim == 0 or B.ndim == 0:
        raise ShapeError(f"matmul: expected matrices or vectors, got {A.shape} @ {B.shape}. Use * for a single number.")
    if A.shape[-1] != B.shape[-2 if B.ndim > 1 else 0]:
        fix = "Transpose the second: x.T." if B.ndim > 1 and A.shape[-1] == B.shape[-1] else "Transpose one of them?"
        raise ShapeError(f"matmul: expected inner sizes to agree, got {A.shape} @ {B.shape}. {fix}")
    try:
        np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"matmul: expected the axes before the last two to broadcast, got {A.shape} @ {B.shape}. "
            "Add an axis of size 1 where they differ."
        ) from None
    return A, B
