"""A data set is rows of numbers, what they stand for, and who may use them.

:func:`load` finds a set, proves with its sha256 that not one bit has changed, and returns it as a :class:`Dataset`.
:func:`split`, :func:`batches` and :func:`standardize`, from :mod:`coursekit.prepare`, make it ready for training. What
each set is stands in ``data/registry.toml``, which :mod:`coursekit.registry` reads; :mod:`coursekit.fetch` downloads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from coursekit.errors import CourseError, DataError, expect_known
from coursekit.prepare import Batches, batches, deal, few_labels, flatten, mean_and_std, split, standardize, to_float
from coursekit.registry import Row, bundled_arrays, names, registry, status, verify
from coursekit.tables import deal_with_twins, read_table

__all__ = [
    "Batches",
    "Dataset",
    "Row",
    "batches",
    "few_labels",
    "flatten",
    "load",
    "mean_and_std",
    "names",
    "registry",
    "split",
    "standardize",
    "status",
    "to_float",
    "verify",
]

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
GROUPS = ("groups_train", "groups_test")  # of the sets whose rows belong together: both, or none
TEST_FRACTION = 0.25  # of the sets that come without an official split


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set in memory. Its arrays are read-only: ``x_train.copy()`` is yours to change.

    Pictures are uint8 as stored, (N, H, W); :func:`to_float` makes rows of numbers in [0, 1] of them. Tables are
    float64, (N, D). Texts are str, (N,). Labels are int64, (N,), each an index into `class_names`.

    Where rows belong together, several windows of one person for example, `groups_train` and `groups_test` say to whom
    each row belongs, int64, (N,); no group is on both sides. They are None for sets whose rows stand alone.

    Columns of words hold their numbers: ``categories["sex"][1]`` is the word that 1 stands for in the column `sex`.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    row: str
    units: str
    licence: str
    citation: str
    source: str
    group: str = ""
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups_train: np.ndarray | None = None
    groups_test: np.ndarray | None = None

    def __repr__(self) -> str:
        counts = np.bincount(self.y_train, minlength=len(self.class_names))
        labels = [str(k) if name == str(k) else f"{k} {name}" for k, name in enumerate(self.class_names)]
        classes = [f"{label} ({n:,})" for label, n in zip(labels, counts, strict=True)]
        if self.x_train.dtype.kind == "U":
            lengths = np.char.str_len(self.x_train)
            inside = f"text, {lengths.min()} to {lengths.max()} characters"
        else:
            inside = f"{self.x_train.dtype}, {self.x_train.min():g} to {self.x_train.max():g}"
        lines = [
            f"{self.name}: {len(self.x_train):,} rows to learn from, {len(self.x_test):,} to test on",
            f"  a row     {self.row}",
            f"  x_train   {self.x_train.shape} {inside}",
            f"  units     {self.units}",
            f"  y_train   {self.y_train.shape} {self.y_train.dtype}, the number of the class",
            f"  classes   {', '.join(classes[:10])}{', ...' if len(classes) > 10 else ''}",
        ]
        if self.feature_names:
            more = len(self.feature_names) - 4
            lines.append(f"  features  {', '.join(self.feature_names[:4])}{f' and {more} more' if more > 0 else ''}")
        if self.groups_train is not None:
            counts = [len(np.unique(groups)) for groups in (self.groups_train, self.groups_test)]
            lines.append(f"  groups    {self.group}: {counts[0]} to learn from, {counts[1]} others to test on")
        lines += [f"  licence   {self.licence}", f"  source    {self.source}", f"  cite      {self.citation}"]
        return "\n".join(lines)


def load(name: str) -> Dataset:
    """Load a data set of the course, verified.

    scikit-learn's sets have no official test set. Ours is fixed for ever: in each class, a quarter of the rows, drawn
    by the raw output of ``PCG64(0)``, which no version of NumPy changes. Tables (``spambase``, ``movie_snippets``) are
    split in the same way, and copies of a row never stand on both sides. ``adult_income`` has its authors' split, in
    which different people with the same twelve answers do.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    Dataset
        Loaded once for each process and version of the file.

    Raises
    ------
    UnknownNameError
        If no data set has that name.
    CourseError
        If it is a text, a series or a set of pictures without a split: the message names the function that reads it.
    DataError
        If it is missing, truncated or changed.

    Examples
    --------
    >>> iris = load("iris")
    >>> iris.x_train.shape, iris.x_test.shape, iris.class_names
    ((112, 4), (38, 4), ('setosa', 'versicolor', 'virginica'))
    """
    other = registry().get(name)
    if other is not None and other.read_by:
        what = "expected rows with classes and a test set"
        raise CourseError(f"data set: {what}, got {name!r}, which is of another kind. Use {other.read_by}().")
    row = registry()[expect_known("data set", name, names())]
    if row.loader:
        return _load(row, None)
    verify(name)
    stat = row.path.stat()
    return _load(row, (str(row.path), stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=4)
def _load(row: Row, version: tuple | None) -> Dataset:
    class_names, feature_names, categories = row.class_names, row.feature_names, {}
    if version is None:
        verify(row.name)
        x, y, class_names, feature_names = bundled_arrays(row.name)
        x = x.reshape(-1, 8, 8).astype(np.uint8) if row.name == "digits" else x.astype(np.float64)
        test, train = deal(np.random.PCG64(0).random_raw(len(y)), [TEST_FRACTION, 1 - TEST_FRACTION], y)
        arrays = {"x_train": x[train], "y_train": y[train], "x_test": x[test], "y_test": y[test]}
    elif row.file.endswith(".csv.gz"):
        table = read_table(row.name, row.path)
        x, y, feature_names, categories = table.x, table.y, table.feature_names, table.categories
        if table.test is None:
            draws = np.random.PCG64(0).random_raw(len(y))
            test, train = deal_with_twins(draws, [TEST_FRACTION, 1 - TEST_FRACTION], y, table.twins)
        else:
            test, train = np.flatnonzero(table.test), np.flatnonzero(~table.test)
        arrays = {"x_train": x[train], "y_train": y[train], "x_test": x[test], "y_test": y[test]}
    else:
        with np.load(version[0], allow_pickle=False) as stored:
            absent = set(ARRAYS) - set(stored)
            if absent:
                raise DataError(f"data set {row.name!r}: expected the arrays {ARRAYS}, got none called {min(absent)}.")
            arrays = {key: stored[key] for key in (*ARRAYS, *GROUPS) if key in stored}
        _expect_groups_apart(row, arrays)
    arrays |= {key: value.astype(np.int64) for key, value in arrays.items() if not key.startswith("x")}
    for array in arrays.values():
        array.setflags(write=False)
    about = {key: getattr(row, key) for key in ("name", "row", "units", "licence", "citation", "source", "group")}
    return Dataset(**about, **arrays, class_names=class_names, feature_names=feature_names, categories=categories)


def _expect_groups_apart(row: Row, arrays: dict[str, np.ndarray]) -> None:
    """Refuse a file in which a row's group is not told, or a group has rows to learn from and rows to test on."""
    there = [key for key in GROUPS if key in arrays]
    if not there and not row.group:
        return
    where = f"data set {row.name!r}:"
    if len(there) < 2 or not row.group:
        told = ", ".join(there) or "none"
        raise DataError(f"{where} expected {GROUPS} and the key 'group' in its row, got {told}, {row.group!r}. Add it.")
    for side in ("train", "test"):
        if len(arrays[f"groups_{side}"]) != len(arrays[f"y_{side}"]):
            raise DataError(f"{where} expected a group for each row of {side}, got another number. Make it anew.")
    both = np.intersect1d(arrays["groups_train"], arrays["groups_test"])
    if both.size:
        raise DataError(f"{where} expected each group on one side, got {both[0]} on both. Split it by group.")
