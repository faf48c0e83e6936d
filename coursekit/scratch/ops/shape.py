r"""The same numbers in other places: a gradient simply goes back to where each number came from."""

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.graph import Node, made
from coursekit.scratch.ops.inputs import operand

__all__ = ["concatenate", "getitem", "permute", "reshape", "scatter_add", "stack", "transpose"]


def reshape(x, *shape):
    """The same numbers in another shape; one size may be -1, "whatever is left".

    Parameters
    ----------
    x : Tensor, any shape
    *shape : int, or one tuple of int

    Returns
    -------
    Tensor of that shape

    Raises
    ------
    ShapeError
        If the number of numbers differs.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> reshape(Tensor([1.0, 2.0, 3.0, 4.0]), 2, -1)
    Tensor([[1., 2.],
            [3., 4.]])
    """
    x = operand("reshape", x)
    shape = tuple(shape[0]) if len(shape) == 1 and np.iterable(shape[0]) else shape
    before = x.shape
    try:
        data = x.data.reshape(shape)
    except ValueError:
        raise ShapeError(
            f"reshape: expected a shape that holds {x.data.size} numbers, got {shape} for an input of shape {before}. "
            "Write -1 for the size that should fit itself."
        ) from None
    return made(data, (x, lambda G: G.reshape(before)), op="reshape")


def transpose(x, i=-2, j=-1):
    """Swap two axes, by default the last two.

    Parameters
    ----------
    x : Tensor, two or more axes
    i, j : int

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If there is no such axis.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> transpose(Tensor(np.zeros((2, 3, 4))), 0, 2).shape
    (4, 3, 2)
    """
    x = operand("transpose", x)
    for axis in (i, j):
        if not -x.data.ndim <= axis < x.data.ndim:
            raise ShapeError(f"transpose: expected axes of an array of shape {x.shape}, got {i} and {j}. Count from 0.")
    return made(x.data.swapaxes(i, j), (x, lambda G: G.swapaxes(i, j)), op="transpose")


def permute(x, *axes):
    """Put the axes into another order: axis k of the result is axis ``axes[k]`` of x.

    Parameters
    ----------
    x : Tensor, any shape
    *axes : int, or one tuple of int
        Every axis once.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If `axes` does not name every axis once.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> permute(Tensor(np.zeros((2, 3, 4))), 1, 2, 0).shape
    (3, 4, 2)
    """
    x = operand("permute", x)
    axes = tuple(axes[0]) if len(axes) == 1 and np.iterable(axes[0]) else axes
    if sorted(a % x.data.ndim if x.data.ndim else a for a in axes) != list(range(x.data.ndim)):
        raise ShapeError(
            f"permute: expected each of the {x.data.ndim} axes once, got {axes} for an input of shape {x.shape}. "
            f"The order that changes nothing is {tuple(range(x.data.ndim))}."
        )
    back = np.argsort([a % x.data.ndim for a in axes])
    return made(x.data.transpose(axes), (x, lambda G: G.transpose(back)), op="permute")


def getitem(x, index):
    """Pick out a part: slices, single positions, or arrays of row numbers (then it is a table look-up, an embedding).

    Parameters
    ----------
    x : Tensor
    index : whatever NumPy takes: int, slice, ndarray of int or bool, or a tuple of these

    Returns
    -------
    Tensor

    Raises
    ------
    CourseError
        If the index is made of floating-point numbers.

    Notes
    -----
    The gradient of what was not picked is 0; what was picked several times gets the sum.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> table = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> table[np.array([0, 0, 1])].sum().backward()
    >>> table.grad
    array([[2., 2.], [1., 1.]], dtype=float32)
    """
    x = operand("getitem", x)
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        if isinstance(part, Node) or (isinstance(part, np.ndarray) and part.dtype.kind == "f"):
            raise CourseError(
                f"index: expected whole numbers, got a {type(part).__name__} of floating-point numbers. "
                "Keep positions and labels as NumPy arrays of int."
            )
    shape, dtype, picked = x.shape, x.data.dtype, x.data[index]
    saved = tuple(part for part in parts if isinstance(part, np.ndarray))
    return made(picked, (x, lambda G: scatter_add(shape, dtype, index, G)), op="getitem", saved=saved)


def scatter_add(shape, dtype, index, G):
    """Zeros of a shape, with G added at an index; a place that occurs several times gets the sum.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    index : as for :func:`getitem`
    G : ndarray
        Of the shape that the index picks.

    Returns
    -------
    ndarray of that shape

    Examples
    --------
    >>> scatter_add((3,), float, np.array([0, 0, 2]), np.array([1.0, 2.0, 5.0]))
    array([3., 0., 5.])
    """
    out = np.zeros(shape, dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if not any(isinstance(part, np.ndarray | list) for part in parts):
        out[index] = G  # slices and single positions: no place occurs twice
    elif isinstance(index, np.ndarray) and index.dtype.kind in "iu" and index.size and len(shape) > 1:
        rows = index.ravel() % shape[0]  # adding row by row is slow: sort the rows, and add up each run of equal ones
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
        out[rows[starts]] = np.add.reduceat(G.reshape(index.size, *shape[1:])[order], starts, axis=0)
    else:
        np.add.at(out, index, G)
    return out


def concatenate(tensors, axis=0):
    """Join tensors along an axis that they have; each gets its own part of the gradient.

    Parameters
    ----------
    tensors : sequence of Tensor
        Equal shapes, except along `axis`.
    axis : int

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If the shapes do not fit, or there is no tensor.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> concatenate([Tensor([1.0, 2.0]), Tensor([3.0])])
    Tensor([1., 2., 3.])
    """
    tensors = _expect_several("concatenate", tensors)
    try:
        data = np.concatenate([t.data for t in tensors], axis=axis)
    except ValueError:
        shapes = ", ".join(str(t.shape) for t in tensors)
        raise ShapeError(
            f"concatenate: expected shapes that differ along axis {axis} only, got {shapes}. "
            "Name the axis along which they should be joined."
        ) from None
    ends = np.cumsum([t.shape[axis] for t in tensors])

    def part(k):
        where = (slice(None),) * (axis % data.ndim) + (slice(ends[k] - tensors[k].shape[axis], ends[k]),)
        return lambda G: G[where]

    return made(data, *((t, part(k)) for k, t in enumerate(tensors)), op="concatenate")


def stack(tensors, axis=0):
    """Join tensors of one shape along a new axis.

    Parameters
    ----------
    tensors : sequence of Tensor
    axis : int
        Where the new axis goes.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If the shapes differ, or there is no tensor.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])], axis=1)
    Tensor([[1., 3.],
            [2., 4.]])
    """
    tensors = _expect_several("stack", tensors)
    if len({t.shape for t in tensors}) > 1:
        shapes = ", ".join(str(t.shape) for t in tensors)
        raise ShapeError(
            f"stack: expected equal shapes, got {shapes}. Use concatenate to join along an axis they have."
        )
    data = np.stack([t.data for t in tensors], axis=axis)
    return made(data, *((t, lambda G, k=k: np.take(G, k, axis=axis)) for k, t in enumerate(tensors)), op="stack")


def _expect_several(op: str, tensors) -> list[Node]:
    tensors = [operand(op, t) for t in tensors]
    if not tensors:
        raise ShapeError(f"{op}: expected at least one tensor, got none. Pass a list of them.")
    return tensors
