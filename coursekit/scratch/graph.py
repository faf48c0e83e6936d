r"""A computation is a graph: every result remembers what it was made from, and how a gradient flows back to there.

A :class:`Node` is a number array in that graph. An operation makes a new node with :func:`made`, and hands over one
**rule** for each of its inputs: a function from the upstream gradient (the derivative of the loss with respect to the
result) to the derivative with respect to that input. In the literature such a rule is a vector-Jacobian product.
:meth:`Node.backward` visits the nodes from the result to the inputs, each only after everything that uses it, and
applies the rules: reverse-mode automatic differentiation.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import numpy as np

from coursekit.errors import CourseError, ShapeError

__all__ = ["GradientError", "Node", "made", "no_grad", "recording", "topological_order", "unbroadcast"]

WHOLE, SAMPLE = 1024, 64  # arrays of up to WHOLE numbers are compared whole, larger ones in SAMPLE places
_PAIRS = "Write made(value, (x, rule), op=...), x being a Tensor and rule a function of the upstream gradient."
USED_UP = None  # what stands in place of the edges after backward()
_recording: ContextVar[bool] = ContextVar("recording", default=True)


class GradientError(CourseError):
    """A gradient cannot be computed, or is not what it should be."""


class Node:
    """An array, and how it was made.

    Parameters
    ----------
    data : array_like of numbers
        float32 and float64 arrays are kept as they are, without a copy; everything else becomes float32.
    requires_grad : bool
        Whether :meth:`backward` should find the derivative with respect to this array.

    Attributes
    ----------
    data : ndarray
    grad : ndarray or None
        The derivative, of the shape of `data`, after :meth:`backward`. It adds up until :meth:`zero_grad`.
    requires_grad : bool
    op : str
        The operation that made it; "" for one that was not computed (a leaf).
    edges : tuple of (Node, rule)
        The inputs of that operation, each with its rule.

    Raises
    ------
    CourseError
        If `data` is not made of real numbers.

    Examples
    --------
    >>> x = Node([1.0, 2.0])
    >>> x.shape, x.parents, x.grad is None
    ((2,), (), True)
    """

    __slots__ = ("__weakref__", "_retains", "_saved", "data", "edges", "grad", "op", "requires_grad")
    __array_ufunc__ = None  # an ndarray on the left leaves the operation to us

    def __init__(self, data, requires_grad: bool = False):
        self.data = _as_floats(data)
        self.requires_grad = requires_grad
        self.grad = None
        self.op = ""
        self.edges = ()
        self._saved = ()
        self._retains = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its axes."""
        return self.data.shape

    @property
    def parents(self) -> tuple["Node", ...]:
        """The inputs of the operation that made it; none for a leaf, and after backward()."""
        return tuple(parent for parent, _ in self.edges or ())

    def zero_grad(self) -> None:
        """Forget the gradient: the next backward() starts from nothing."""
        self.grad = None

    def retain_grad(self) -> None:
        """Keep the gradient here too, though this is no leaf: to look at what flows through the middle of a graph."""
        self._retains = True

    def backward(self, grad=None, *, retain_graph: bool = False) -> None:
        """Add to every leaf's ``grad`` the derivative of this node with respect to that leaf.

        Parameters
        ----------
        grad : array_like, optional
            The upstream gradient, of this node's shape. May be left out where this is a single number: then it is 1.
        retain_graph : bool
            Keep what is needed to go back through this graph once more. Otherwise it is set free on the way.

        Raises
        ------
        GradientError
            If nothing here requires a gradient, `grad` is needed and missing, the graph was used up by an earlier call,
            or an array that a rule needs was changed since the operation.
        ShapeError
            If `grad`, or what a rule returns, does not have the shape that it should.

        Notes
        -----
        A node that is used several times gets a gradient from every use, and they add up. No gradient is written
        before all of them are computed.

        Source
        ------
        Griewank and Walther (2008), Evaluating Derivatives, section 3.2; Baydin et al. (2018), Automatic
        Differentiation in Machine Learning: a Survey, section 3.2.

        Examples
        --------
        >>> from coursekit.scratch.autograd import Tensor
        >>> x = Tensor(3.0, requires_grad=True)
        >>> (x * x + x).backward()
        >>> x.grad  # 2 x + 1
        array(7., dtype=float32)
        """
        upstream = _first_gradient(self, grad)
        order = topological_order(self)
        _expect_whole_graph(order)
        arrived, summed = {self: upstream}, set()
        while order:
            node = order.pop()  # its users are done: nothing more can arrive
            edges = node.edges
            if not edges:
                continue  # a leaf: what has arrived stays there
            G = arrived[node] if node._retains else arrived.pop(node)
            for parent, rule in edges:
                if not parent.requires_grad:
                    continue
                found = _checked(node, parent, rule(G))
                if parent not in arrived:
                    arrived[parent] = found
                elif parent in summed:
                    arrived[parent] += found  # in place: this array is a sum of ours, and nobody else's
                else:
                    arrived[parent] = np.asarray(arrived[parent] + found)
                    summed.add(parent)
            if not retain_graph:
                node.edges, node._saved = USED_UP, ()
        _keep(arrived, upstream)


def made(data, *edges: tuple[Node, Callable], op: str, saved: tuple = ()):
    """The result of an operation, with the way back.

    Parameters
    ----------
    data : ndarray
        What the operation computed.
    *edges : pairs of (Node, callable(ndarray) -> ndarray)
        Each input with its rule: given the upstream gradient, of the shape of `data`, it returns the gradient of that
        input, of that input's shape. A rule runs only if its input requires a gradient.
    op : str
        The name of the operation, for error messages and for drawings.
    saved : tuple of ndarray
        The arrays that the rules will use. Changing one of them in place before backward() is an error.

    Returns
    -------
    Node
        Of the first input's class.

    Raises
    ------
    CourseError
        If the inputs do not come in such pairs.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> def square(x):
    ...     return made(x.data**2, (x, lambda G: G * 2 * x.data), op="square", saved=(x.data,))
    >>> x = Tensor([3.0], requires_grad=True)
    >>> square(x).backward()
    >>> x.grad
    array([6.], dtype=float32)
    """
    needed = False
    for edge in edges or (None,):
        if type(edge) is not tuple or len(edge) != 2 or not isinstance(edge[0], Node):
            raise CourseError(f"{op}: expected a pair (input, rule) for each input, got {_kinds(edges)}. {_PAIRS}")
        needed = needed or edge[0].requires_grad
    result = type(edges[0][0])(data)
    result.op = op
    if needed and _recording.get():
        result.requires_grad = True
        result.edges = edges
        result._saved = [(array, _fingerprint(array)) for array in saved]
    return result


def recording() -> bool:
    """Whether operations are being recorded: True, except inside :func:`no_grad`."""
    return _recording.get()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: no graph, no memory for it, no gradient. Also a decorator.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     (w * 2).requires_grad
    False
    """
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


def topological_order(root: Node) -> list[Node]:
    """The nodes that a gradient from `root` can reach, each one after all those that it was made from.

    Parameters
    ----------
    root : Node

    Returns
    -------
    list of Node
        `root` comes last.

    Notes
    -----
    A depth-first walk with a list of its own instead of recursion: Python allows about 1,000 nested calls, and a graph
    may be deeper than that. A node goes back on the list with a marker above it, and above that what it was made from:
    when the marker comes up, everything below the node is done.

    Source
    ------
    Cormen et al. (2009), Introduction to Algorithms, section 22.4.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> x = Tensor(2.0, requires_grad=True)
    >>> y = x * x
    >>> [node.op for node in topological_order(y + x)]
    ['', 'mul', 'add']
    """
    order, seen, waiting = [], set(), [root]
    while waiting:
        node = waiting.pop()
        if node is None:  # everything below the one under it is done
            order.append(waiting.pop())
        elif node not in seen:
            seen.add(node)
            if node.edges:
                waiting += (node, None)
                waiting += [parent for parent, _ in node.edges if parent.requires_grad and parent not in seen]
            else:
                order.append(node)
    return order


def unbroadcast(G: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undo broadcasting in a gradient: what was copied along an axis gets the sum of the gradients of its copies.

    Parameters
    ----------
    G : ndarray
        Upstream gradient, of the shape after broadcasting.
    shape : tuple of int
        The shape before.

    Returns
    -------
    ndarray of that shape

    Examples
    --------
    >>> unbroadcast(np.ones((4, 3)), (3,))
    array([4., 4., 4.])
    >>> unbroadcast(np.ones((4, 3)), (4, 1))
    array([[3.], [3.], [3.], [3.]])
    """
    if G.shape == shape:
        return G
    new = G.ndim - len(shape)  # axes that broadcasting put in front
    stretched = tuple(new + i for i, size in enumerate(shape) if size == 1 and G.shape[new + i] != 1)
    return G.sum(axis=(*range(new), *stretched), keepdims=True).reshape(shape)


# -- what made() and backward() are made of ---------------------------------------------------------------------------
def _kinds(edges: tuple) -> str:
    """What stands in place of the pairs, for the message."""
    return (
        ", ".join(
            "(" + ", ".join(type(part).__name__ for part in edge) + ")" if type(edge) is tuple else type(edge).__name__
            for edge in edges
        )
        or "none"
    )


def _as_floats(data) -> np.ndarray:
    if type(data) is np.ndarray and data.dtype.char in "fd":
        return data
    if isinstance(data, Node):
        return data.data
    array = np.asarray(data)
    if isinstance(data, np.ndarray | np.generic) and array.dtype.char in "fd":
        return array
    if array.dtype.kind not in "fiub":
        raise CourseError(f"data: expected real numbers, got {array.dtype}. Convert it to numbers first.")
    return array.astype(np.float32)


def _first_gradient(root: Node, grad) -> np.ndarray:
    """What backward() starts from."""
    if not root.requires_grad:
        raise GradientError(
            "backward: expected a tensor that was computed from one with requires_grad=True, got one that was not. "
            "Set requires_grad=True on the weights, and compute it outside of no_grad()."
        )
    if grad is None:
        if root.data.size != 1:
            raise GradientError(
                f"backward: expected a single number, got shape {root.shape}. "
                "Call .sum() or .mean() first, or pass the upstream gradient: backward(grad)."
            )
        return np.ones(root.data.shape, root.data.dtype)
    grad = np.asarray(grad.data if isinstance(grad, Node) else grad, dtype=root.data.dtype)
    if grad.shape != root.shape:
        raise ShapeError(
            f"grad: expected shape {root.shape}, got {grad.shape}. It must have the shape of the tensor itself."
        )
    return grad


def _expect_whole_graph(order: list[Node]) -> None:
    """Refuse a graph that was used up, or whose arrays were changed, before anything is written."""
    for node in order:
        if node.edges is USED_UP:
            raise GradientError(
                f"backward: expected a graph that is still there, got one that an earlier backward() has used up "
                f"(at {node.op!r}). Compute the loss again, or call backward(retain_graph=True) the first time."
            )
        for array, before in node._saved:
            if _fingerprint(array) != before:
                raise GradientError(
                    f"backward: expected the arrays that {node.op!r} used to be unchanged, got one of shape "
                    f"{array.shape} that was changed in place since. Change it after backward(), or work on a copy."
                )


def _checked(node: Node, parent: Node, found) -> np.ndarray:
    """What a rule returned, if it can be the gradient of that input."""
    like = parent.data
    if type(found) is np.ndarray and found.shape == like.shape and found.dtype == like.dtype:
        return found
    found = np.asarray(found)
    if found.shape != like.shape:
        position = node.parents.index(parent)
        raise ShapeError(
            f"{node.op}: expected a gradient of shape {like.shape} for input {position}, got {found.shape}. "
            "A gradient has the shape of what it belongs to; where that was broadcast, use unbroadcast."
        )
    return found.astype(like.dtype)


def _keep(arrived: dict, upstream: np.ndarray) -> None:
    """Give every node the gradient that arrived at it, as an array of its own."""
    taken = {id(upstream)}
    for node, G in arrived.items():
        if G.base is not None or id(G) in taken:  # a view, or handed on by rules that return what they were given
            G = G.copy()
        taken.add(id(G))
        node.grad = G if node.grad is None else np.asarray(node.grad + G)


def _fingerprint(array: np.ndarray) -> bytes:
    """What an array looks like: all of it, or of a large one a sample, evenly spread.

    So every change of a whole array is noticed; a change of single numbers in a large one may be missed.
    """
    if array.size <= WHOLE:
        return array.tobytes()
    step = array.size // SAMPLE
    if array.flags.c_contiguous:
        return array.reshape(-1)[::step].tobytes()
    return (array.T.reshape(-1) if array.flags.f_contiguous else array.flat)[::step].tobytes()
