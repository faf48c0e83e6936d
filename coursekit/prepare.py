"""Before training, rows are dealt out into parts, put on one scale, and cut into batches.

All of it is found in :mod:`coursekit.datasets` too: ``from coursekit.datasets import load, split, batches``. Which row
goes to which part, says :mod:`coursekit.dealing`.
"""

import math
import operator
from collections.abc import Iterator, Sequence

import numpy as np

from coursekit.dealing import deal, few_labels
from coursekit.errors import CourseError, ShapeError, expect_shape

__all__ = ["Batches", "batches", "deal", "few_labels", "flatten", "mean_and_std", "split", "standardize", "to_float"]

MANY = 100  # so many pictures show how bright white is


def flatten(images: np.ndarray) -> np.ndarray:
    """Lay out every picture as one row: (N, H, W) or (N, H, W, C) becomes (N, D). The numbers stay as they are.

    Raises
    ------
    ShapeError
        If there is no batch axis: ``images[None]`` makes a batch of one.

    Examples
    --------
    >>> flatten(np.zeros((5, 28, 28))).shape
    (5, 784)
    """
    shape = np.shape(images)
    if len(shape) not in (3, 4):
        raise ShapeError(
            f"images: expected shape (N, H, W) or (N, H, W, C), got {shape}. images[None] makes a batch of one picture."
        )
    return np.reshape(images, (shape[0], math.prod(shape[1:])))  # (N, D)


def to_float(images: np.ndarray, white: int = 255) -> np.ndarray:
    """Turn stored pictures into rows of float32 in [0, 1]: (N, H, W) integers become (N, H*W) floats.

    Parameters
    ----------
    images : ndarray of integers
    white : int
        The stored value that becomes 1: 255 for fashion_mnist, 16 for digits.

    Raises
    ------
    ShapeError
        If there is no batch axis.
    CourseError
        If the pictures are floats already, or `white` does not fit them.

    Examples
    --------
    >>> to_float(np.array([[[0, 51], [102, 255]]], dtype=np.uint8))
    array([[0. , 0.2, 0.4, 1. ]], dtype=float32)
    """
    rows, kind = flatten(images), np.asarray(images).dtype
    if kind.kind not in "iu":
        raise CourseError(f"images: expected whole numbers as stored, got {kind}. Floats need flatten(images) only.")
    brightest = int(rows.max(initial=0))
    if brightest > white or (len(rows) >= MANY and brightest <= white / 8):
        raise CourseError(f"white: expected about the largest value {brightest}, got {white}. Pass white={brightest}.")
    return rows.astype(np.float32) / np.float32(white)  # (N, D)


def split(
    *arrays: np.ndarray,
    fractions: Sequence[float] = (0.8, 0.2),
    rng: np.random.Generator,
    stratify: np.ndarray | None = None,
) -> list:
    """Deal rows out at random into parts that share none; row i of every array goes to the same part.

    Parameters
    ----------
    *arrays : ndarray
        With the same number of rows.
    fractions : sequence of float
        The share of each part; together 1.
    rng : Generator
    stratify : ndarray, optional
        Labels, (N,): each part then has its share of every class, to within one row.

    Returns
    -------
    list
        One entry a part: a tuple with that part of each array, or just the array if there is only one.

    Raises
    ------
    ShapeError
        If the arrays differ in their number of rows.
    CourseError
        If the fractions are not positive with sum 1, or a part would be empty.

    Examples
    --------
    >>> x, y = np.arange(20).reshape(10, 2), np.arange(10)
    >>> (x_train, y_train), (x_val, y_val) = split(x, y, rng=np.random.default_rng(0))
    >>> x_train.shape, y_val.shape
    ((8, 2), (2,))
    """
    if not arrays:
        raise CourseError("arrays: expected at least one, got none. Write split(x, y, rng=rng).")
    arrays = tuple(map(_rows, arrays))
    n = _same_length(x=arrays[0], **{f"array {k}": array for k, array in enumerate(arrays[1:], 2)})
    if not isinstance(fractions, Sequence) or isinstance(fractions, str):
        raise CourseError(f"fractions: expected a share for each part, got {fractions!r}. Write (0.8, 0.2).")
    if min(fractions, default=0) <= 0 or not math.isclose(sum(fractions), 1, abs_tol=1e-6):
        raise CourseError(f"fractions: expected positive numbers with sum 1, got {fractions}. Write (0.8, 0.2).")
    labels = np.zeros(n, dtype=int) if stratify is None else np.asarray(stratify)
    expect_shape("stratify", labels, (n,))
    parts = deal(_generator(rng).random(n), fractions, labels)
    if min(map(len, parts)) == 0:
        raise CourseError(f"fractions: expected rows in every part, got {[len(p) for p in parts]}. Take fewer parts.")
    return [tuple(array[part] for array in arrays) if len(arrays) > 1 else arrays[0][part] for part in parts]


class Batches:
    """The rows of x and y in batches. Each ``for`` over it is one epoch; ``len`` is the number of batches."""

    def __init__(self, x, y, size: int, rng: np.random.Generator | None, drop_last: bool) -> None:
        self.x, self.y, self.size, self.rng, self.drop_last = x, y, size, rng, drop_last

    def __len__(self) -> int:
        n = len(self.x)
        return n // self.size if self.drop_last else -(-n // self.size)

    def __iter__(self) -> Iterator[tuple]:
        order = None if self.rng is None else self.rng.permutation(len(self.x))
        for start in range(0, len(self) * self.size, self.size):
            rows = slice(start, start + self.size)
            rows = rows if order is None else order[rows]
            yield self.x[rows], self.y[rows]

    def __repr__(self) -> str:
        how = "in order" if self.rng is None else "shuffled anew each epoch"
        return f"{len(self)} batches of {self.size} from {len(self.x):,} rows, {how}"


def batches(
    x: np.ndarray, y: np.ndarray, size: int, rng: np.random.Generator | None = None, drop_last: bool = False
) -> Batches:
    """Cut x and y into batches of `size` rows; loop over the result once for each epoch.

    Parameters
    ----------
    x, y : ndarray
        With the same number of rows.
    size : int
        Rows in a batch; the last batch may be smaller.
    rng : Generator, optional
        Shuffles the rows anew at the start of each epoch. Without it they come in order.
    drop_last : bool
        Leave out a last batch that is smaller.

    Raises
    ------
    ShapeError
        If x and y differ in their number of rows, or have none.
    CourseError
        If `size` is below 1, or so large that `drop_last` would leave nothing.

    Examples
    --------
    >>> for x, y in batches(np.arange(5), np.arange(5) * 10, size=2):
    ...     print(x, y)
    [0 1] [ 0 10]
    [2 3] [20 30]
    [4] [40]
    """
    x, y = _rows(x), _rows(y)
    n = _same_length(x=x, y=y)
    try:
        size = operator.index(size)
    except TypeError:
        raise CourseError(f"size: expected a whole number, got {size!r}. Write size=64.") from None
    if size < 1:
        raise CourseError(f"size: expected at least 1, got {size}. Write size=64.")
    if drop_last and size > n:
        raise CourseError(f"size: expected at most the {n} rows, got {size}. Make it smaller or leave out drop_last.")
    return Batches(x, y, size, None if rng is None else _generator(rng), drop_last)


def mean_and_std(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, for :func:`standardize`; a constant column gets 1 for its spread.

    Raises
    ------
    ShapeError
        If there is no row.
    CourseError
        If there is text in it, or a number that is NaN or infinite.

    Examples
    --------
    >>> mean_and_std(np.array([[0.0, 5.0], [2.0, 5.0]]))
    (array([1., 5.]), array([1., 1.]))
    """
    train = np.asarray(train)
    if train.ndim == 0 or len(train) == 0:
        raise ShapeError(f"train: expected at least one row, got shape {train.shape}. Look at how it was split.")
    if train.dtype.kind not in "biuf":
        raise CourseError(f"train: expected numbers, got {train.dtype}. Leave out or encode the columns that are text.")
    if not np.isfinite(train).all():
        bad = int((~np.isfinite(train)).sum())
        raise CourseError(f"train: expected finite numbers, got {bad} that are NaN or inf. Fill or drop them first.")
    low, constant = train[0], train.max(axis=0) == train.min(axis=0)
    mean = np.where(constant, low, train.mean(axis=0, dtype=np.float64))
    std = np.where(constant, 1.0, train.std(axis=0, dtype=np.float64))
    return mean, np.where(std > 0, std, 1.0)


def standardize(train: np.ndarray, *others: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
    """Give every column of `train` mean 0 and standard deviation 1, and treat the others in the very same way.

    The others have no say in mean and spread: whatever a test set tells the preparation has leaked. The numbers used
    are ``mean_and_std(train)``.

    Returns
    -------
    ndarray or tuple of ndarray
        float32 stays float32, everything else becomes float64. One array if there are no others.

    Raises
    ------
    ShapeError
        If `train` is empty or another array has other columns.

    Examples
    --------
    >>> train, test = standardize(np.array([[0.0], [2.0]]), np.array([[4.0]]))
    >>> train.ravel(), test.ravel()
    (array([-1.,  1.]), array([3.]))
    """
    arrays = [np.asarray(array) for array in (train, *others)]
    for array in arrays[1:]:
        if array.shape[1:] != arrays[0].shape[1:]:
            shapes = f"expected rows of shape {arrays[0].shape[1:]} as in train, got {array.shape[1:]}"
            raise ShapeError(f"others: {shapes}. Give every array the same columns.")
    mean, std = mean_and_std(arrays[0])
    kinds = [np.float32 if array.dtype == np.float32 else np.float64 for array in arrays]
    scaled = [(array - mean.astype(kind)) / std.astype(kind) for array, kind in zip(arrays, kinds, strict=True)]
    return tuple(scaled) if others else scaled[0]


def _rows(array):
    """Lists and data frames become arrays; torch tensors stay what they are."""
    return array if hasattr(array, "shape") and not hasattr(array, "iloc") else np.asarray(array)


def _same_length(**arrays) -> int:
    """The number of rows that all share, which is at least one."""
    (first, reference), *rest = arrays.items()
    if reference.ndim == 0 or len(reference) == 0:
        raise ShapeError(
            f"{first}: expected at least one row, got shape {tuple(reference.shape)}. Print it where made."
        )
    for name, array in rest:
        if array.ndim == 0 or len(array) != len(reference):
            shapes = f"expected {len(reference)} rows as in {first}, got shape {tuple(array.shape)}"
            raise ShapeError(f"{name}: {shapes}. Cut them alike.")
    return len(reference)


def _generator(rng: np.random.Generator) -> np.random.Generator:
    if not isinstance(rng, np.random.Generator):
        raise CourseError(f"rng: expected a NumPy Generator, got {rng!r}. Write np.random.default_rng(0).")
    return rng
