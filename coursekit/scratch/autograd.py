r"""A Tensor is an array that remembers how it was computed, so that every derivative can be had by one walk back.

Write the computation as with NumPy; call ``backward()`` on the result; read the derivatives in ``grad``::

    w = Tensor([1.0, 2.0], requires_grad=True)
    loss = ((x @ w - y) ** 2).mean()
    loss.backward()
    w.grad

What a Tensor is stands in :mod:`coursekit.scratch.graph`, each operation with its rule in :mod:`coursekit.scratch.ops`;
here both come together. Names are PyTorch's.
"""

import numpy as np

from coursekit.errors import CourseError
from coursekit.scratch.gradcheck import gradcheck
from coursekit.scratch.graph import GradientError, Node, made, no_grad, topological_order, unbroadcast
from coursekit.scratch.ops import arithmetic, reduction, shape
from coursekit.scratch.ops.elementwise import clip, exp, gelu, leaky_relu, log, relu, sigmoid, sqrt, tanh, where
from coursekit.scratch.ops.reduction import log_softmax, softmax
from coursekit.scratch.ops.shape import concatenate, permute, reshape, stack, transpose

# fmt: off
__all__ = [
    "GradientError", "Tensor", "clip", "concatenate", "exp", "gelu", "gradcheck", "leaky_relu", "log", "log_softmax",
    "made", "no_grad", "permute", "relu", "reshape", "sigmoid", "softmax", "sqrt", "stack", "tanh",
    "topological_order", "transpose", "unbroadcast", "where",
]
# fmt: on


class Tensor(Node):
    """An array of numbers in a graph of computations.

    Parameters
    ----------
    data : array_like of numbers
        float32 and float64 arrays are kept as they are, without a copy; everything else becomes float32.
    requires_grad : bool
        Whether ``backward()`` should find the derivative with respect to this array.

    Raises
    ------
    CourseError
        If `data` is not made of real numbers.

    Notes
    -----
    Numbers and arrays beside a Tensor count as constants. Labels, positions and masks stay NumPy arrays.

    Examples
    --------
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> loss = ((np.array([[3.0, 4.0]], np.float32) @ w - 10) ** 2).mean()
    >>> loss.backward()
    >>> loss.item(), w.grad
    (1.0, array([6., 8.], dtype=float32))
    """

    __slots__ = ()

    # -- operators: a + b is add(a, b); the source of each stands in coursekit/scratch/ops
    __add__ = __radd__ = arithmetic.add
    __mul__ = __rmul__ = arithmetic.mul
    __sub__ = arithmetic.sub
    __truediv__ = arithmetic.div
    __matmul__ = arithmetic.matmul
    __pow__ = arithmetic.pow
    __neg__ = arithmetic.neg
    __getitem__ = shape.getitem

    def __rsub__(self, other):
        return arithmetic.sub(other, self)

    def __rtruediv__(self, other):
        return arithmetic.div(other, self)

    def __rmatmul__(self, other):
        return arithmetic.matmul(other, self)

    # -- methods: x.exp() is exp(x)
    exp, log, sqrt, clip = exp, log, sqrt, clip
    tanh, sigmoid, relu, leaky_relu, gelu = tanh, sigmoid, relu, leaky_relu, gelu
    sum, mean, max = reduction.sum, reduction.mean, reduction.max
    softmax, log_softmax = softmax, log_softmax
    reshape, transpose, permute = reshape, transpose, permute

    # -- looking at it
    @property
    def T(self):
        """The transpose of a table: rows become columns."""
        return self.transpose(-2, -1)

    @property
    def dtype(self) -> np.dtype:
        """The kind of number, float32 or float64."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return self.data.size

    def item(self) -> float:
        """The one number in it, as a plain float.

        Raises
        ------
        CourseError
            If there are several.
        """
        if self.data.size != 1:
            raise CourseError(f"item: expected a single number, got shape {self.shape}. Use .numpy() for all of them.")
        return float(self.data.item())

    def numpy(self) -> np.ndarray:
        """The array itself, not a copy.

        Raises
        ------
        CourseError
            If it requires a gradient: what NumPy does with it would be missing from the graph.
        """
        if self.requires_grad:
            raise CourseError(
                "numpy: expected a tensor outside of the graph, got one that requires a gradient. "
                "Write x.detach().numpy()."
            )
        return self.data

    def detach(self) -> "Tensor":
        """The same array as a constant: no gradient flows back through it."""
        return type(self)(self.data)

    def argmax(self, axis=None) -> np.ndarray:
        """Where the largest number is, as NumPy's argmax. A position has no derivative.

        Parameters
        ----------
        axis : int or None

        Returns
        -------
        ndarray of int

        Examples
        --------
        >>> Tensor([[1.0, 5.0], [7.0, 2.0]]).argmax(axis=1)
        array([1, 0])
        """
        return self.data.argmax(axis=axis)

    def __gt__(self, other):
        return self.data > _plain(other)

    def __ge__(self, other):
        return self.data >= _plain(other)

    def __lt__(self, other):
        return self.data < _plain(other)

    def __le__(self, other):
        return self.data <= _plain(other)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self):
        return (self[k] for k in range(len(self.data)))

    def __float__(self) -> float:
        return self.item()

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        text = np.array2string(self.data, separator=", ", prefix="Tensor(", threshold=60, edgeitems=3)
        kind = "" if self.data.dtype == np.float32 else f", dtype={self.data.dtype}"
        return f"Tensor({text}{kind}{', requires_grad=True' if self.requires_grad else ''})"


def _plain(value):
    return value.data if isinstance(value, Node) else value
