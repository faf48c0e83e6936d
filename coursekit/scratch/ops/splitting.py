r"""Cutting an array into parts: each goes its own way, and on the way back their gradients are laid together again.

Picking the parts out one by one, ``x[:, 0], x[:, 1] ...``, gives the same numbers. But then the gradient of each part
is an array as large as all of x, nearly all of it zeros: for T steps of time, T times too much work.
"""

import numpy as np

from coursekit.errors import ShapeError
from coursekit.scratch.graph import Node, made
from coursekit.scratch.ops.inputs import operand

__all__ = ["chunk", "unbind"]


def unbind(x, axis=0):
    """All positions along an axis, one tensor for each, without that axis: the opposite of ``stack``.

    Parameters
    ----------
    x : Tensor
    axis : int

    Returns
    -------
    list of Tensor

    Raises
    ------
    ShapeError
        If there is no such axis.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> unbind(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    [Tensor([1., 3.]), Tensor([2., 4.])]
    """
    x = operand("unbind", x)
    before = (slice(None),) * _axis("unbind", x, axis)
    return _cut(x, [(*before, k) for k in range(x.shape[axis])], "unbind")


def chunk(x, chunks, axis=-1):
    """Equal parts along an axis: the opposite of ``concatenate``.

    Parameters
    ----------
    x : Tensor
    chunks : int
        How many.
    axis : int

    Returns
    -------
    list of Tensor

    Raises
    ------
    ShapeError
        If there is no such axis, or it cannot be cut into equal parts.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> chunk(Tensor([1.0, 2.0, 3.0, 4.0]), 2)
    [Tensor([1., 2.]), Tensor([3., 4.])]
    """
    x = operand("chunk", x)
    before = (slice(None),) * _axis("chunk", x, axis)
    size = x.shape[axis] // chunks if chunks else 0
    if size * chunks != x.shape[axis]:
        raise ShapeError(
            f"chunk: expected an axis {axis} that can be cut into {chunks} equal parts, got shape {x.shape}. "
            "Use slices, x[..., a:b], for parts of different sizes."
        )
    return _cut(x, [(*before, slice(k * size, (k + 1) * size)) for k in range(chunks)], "chunk")


def _cut(x: Node, places: list[tuple], op: str) -> list[Node]:
    """The parts of x at places that do not overlap.

    Between x and its parts stands one more node, a tray: on the way back each part lays its gradient there, in its
    place, and passes on a zero. The tray's turn comes after all parts; it passes the whole to x.
    """
    shape, dtype = x.shape, x.data.dtype
    lying = []  # the gradient of x, while it is being laid together

    def whole(_):
        return lying.pop()

    def lay(place):
        def rule(G):
            if not lying:
                lying.append(np.zeros(shape, dtype))  # a part that is not used has the gradient 0
            lying[0][place] = G
            return np.zeros((), dtype)

        return rule

    tray = made(np.zeros((), dtype), (x, whole), op=op)
    return [made(x.data[place], (tray, lay(place)), op=op) for place in places]


def _axis(op: str, x: Node, axis: int) -> int:
    """The axis, counted from 0."""
    if not -x.data.ndim <= axis < x.data.ndim:
        raise ShapeError(f"{op}: expected an axis of an array of shape {x.shape}, got {axis}. Count from 0.")
    return axis % x.data.ndim
