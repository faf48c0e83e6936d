r"""What operations and layers are given: Tensors, and beside them arrays, class numbers, shares, sizes, generators.

Each is checked here, so that a mistake is told where it was made, and not three operations later.
"""

import numpy as np

from coursekit.errors import CourseError
from coursekit.scratch.graph import Node

__all__ = ["constant", "expect_probability", "expect_rng", "expect_size", "operand", "pair", "whole_numbers"]


def operand(op: str, x) -> Node:
    """The input of an operation of one argument, which has to be a Tensor.

    Parameters
    ----------
    op : str
        The operation's name, for the message.
    x : Tensor

    Returns
    -------
    Tensor

    Raises
    ------
    CourseError
        If it is something else.

    Examples
    --------
    >>> operand("exp", 3.0)
    Traceback (most recent call last):
        ...
    coursekit.errors.CourseError: exp: expected a Tensor, got a float. Wrap it: Tensor(...).
    """
    if not isinstance(x, Node):
        raise CourseError(f"{op}: expected a Tensor, got a {type(x).__name__}. Wrap it: Tensor(...).")
    return x


def pair(op: str, a, b) -> tuple[Node, Node]:
    """Both inputs as Tensors; a plain number takes the other one's kind of number, so that float32 stays float32.

    Parameters
    ----------
    op : str
        The operation's name, for the message.
    a, b : Tensor, ndarray or number
        At least one a Tensor.

    Returns
    -------
    a, b : Tensor

    Raises
    ------
    CourseError
        If neither is a Tensor.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> pair("add", Tensor([1.0]), np.float64(2))
    (Tensor([1.]), Tensor(2.))
    """
    if isinstance(a, Node):
        return a, b if isinstance(b, Node) else _beside(b, a)
    return _beside(a, operand(op, b)), b


def _beside(value, like: Node) -> Node:
    single = np.ndim(value) == 0
    return type(like)(np.asarray(value, like.data.dtype) if single else value)


def constant(argument: str, value, like: Node) -> Node:
    """An array beside a Tensor, as a Tensor without gradient and of the other one's kind of number.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    value : array_like
    like : Tensor

    Returns
    -------
    Tensor

    Raises
    ------
    CourseError
        If it is a Tensor, where a plain array is expected, or no array of real numbers.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> constant("y", [1, 0], Tensor(np.zeros(2)))
    Tensor([1., 0.], dtype=float64)
    """
    if isinstance(value, Node):
        raise CourseError(f"{argument}: expected a NumPy array, got a Tensor. Labels and masks stay arrays.")
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise CourseError(f"{argument}: expected real numbers, got {array.dtype}. Convert it to numbers first.")
    return type(like)(array.astype(like.data.dtype, copy=False))


def expect_probability(p) -> float:
    """The share of numbers that dropout sets to 0, if it is one.

    Parameters
    ----------
    p : float

    Returns
    -------
    float

    Raises
    ------
    CourseError
        If it is below 0, or 1 or more.

    Examples
    --------
    >>> expect_probability(50)
    Traceback (most recent call last):
        ...
    coursekit.errors.CourseError: p: expected a share of at least 0 and below 1, got 50. Half of them is p=0.5.
    """
    if not (isinstance(p, int | float | np.number) and 0 <= p < 1):
        raise CourseError(f"p: expected a share of at least 0 and below 1, got {p!r}. Half of them is p=0.5.")
    return float(p)


def whole_numbers(argument: str, value, limit: int, what: str) -> np.ndarray:
    """Class or row numbers as an array, if each is one from 0 to limit - 1.

    Parameters
    ----------
    argument : str
        Their name, for the message.
    value : array_like of int
    limit : int
        How many there are.
    what : str
        What they count, for the message.

    Returns
    -------
    ndarray of int

    Raises
    ------
    CourseError
        If one is out of range, or no whole number.

    Examples
    --------
    >>> whole_numbers("labels", [3, 10], 10, "classes")
    Traceback (most recent call last):
        ...
    coursekit.errors.CourseError: labels: expected 0 to 9, got 3 to 10. There are 10 classes.
    """
    if isinstance(value, Node):
        raise CourseError(f"{argument}: expected a NumPy array of whole numbers, got a Tensor. Keep them as an array.")
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise CourseError(
            f"{argument}: expected whole numbers, got {array.dtype}. Convert them: {argument}.astype(int)."
        )
    if array.size and not (np.minimum.reduce(array, axis=None) >= 0 and np.maximum.reduce(array, axis=None) < limit):
        raise CourseError(
            f"{argument}: expected 0 to {limit - 1}, got {array.min()} to {array.max()}. There are {limit} {what}."
        )
    return array.astype(np.intp, copy=False)


def expect_rng(rng) -> "np.random.Generator":  # quoted: naming it would load numpy.random
    """The random generator, if it is one.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    CourseError
        If it is something else, for example a seed.

    Examples
    --------
    >>> expect_rng(42)
    Traceback (most recent call last):
        ...
    coursekit.errors.CourseError: rng: expected a NumPy Generator, got int. Write rng=np.random.default_rng(seed).
    """
    if not isinstance(rng, np.random.Generator):
        kind = type(rng).__name__
        raise CourseError(f"rng: expected a NumPy Generator, got {kind}. Write rng=np.random.default_rng(seed).")
    return rng


def expect_size(argument: str, value) -> int:
    """How many features, rows or heads a layer has, if it is a whole number above 0.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    value : int

    Returns
    -------
    int

    Raises
    ------
    CourseError
        If it is something else.

    Examples
    --------
    >>> expect_size("in_features", 0)
    Traceback (most recent call last):
        ...
    coursekit.errors.CourseError: in_features: expected a whole number above 0, got 0. It counts what goes in or out.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise CourseError(f"{argument}: expected a whole number above 0, got {value!r}. It counts what goes in or out.")
    return int(value)
