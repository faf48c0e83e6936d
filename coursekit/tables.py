"""A table is a file of rows with a name above each column; reading one means saying which column is the answer.

Three files of the course are such tables: ``spambase``, ``movie_snippets`` and ``adult_income``. :func:`read_table`
turns each into rows x, class numbers y and the **twins**: which rows are the same thing, so that
:func:`deal_with_twins` can keep them on one side of the split. A model is not tested on what it has learned from.
Where the authors made a split themselves, theirs counts, so that results compare with published ones.
"""

import csv
import gzip
import io
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from coursekit.errors import DataError, expect_known, expect_shape
from coursekit.prepare import deal

__all__ = ["NEUTRAL", "Table", "deal_with_twins", "movie_ratings", "read_table", "twins_of"]

ADULT_NUMBERS = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")
ADULT_WORDS = ("workclass", "marital_status", "occupation", "relationship", "race", "sex", "native_country")
NEUTRAL = 0.5  # a rating is the mean of some 20 people's: within half a point of 0, their vote is open


@dataclass(frozen=True, eq=False)
class Table:
    """What a file of rows holds.

    Attributes
    ----------
    x : ndarray, (N, D) of float64 or (N,) of str
    y : ndarray of int64, (N,)
    twins : ndarray of int64, (N,)
        Rows with the same number here are copies of each other.
    feature_names : tuple of str
    categories : dict of str to tuple of str
        The words of each column of x that holds words: the column has their numbers, counted from 0.
    test : ndarray of bool, (N,), optional
        The rows that the authors of the set test on, where they say so.
    """

    x: np.ndarray
    y: np.ndarray
    twins: np.ndarray
    feature_names: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    test: np.ndarray | None = None


def read_table(name: str, path: Path) -> Table:
    """Read a table of the course.

    Parameters
    ----------
    name : {"spambase", "movie_snippets", "adult_income"}
    path : Path
        The file, a ``.csv.gz``; :func:`coursekit.datasets.load` has verified it.

    Returns
    -------
    Table

    Raises
    ------
    UnknownNameError
        If no reader knows that name.
    DataError
        If the file is not a table of that kind.

    Examples
    --------
    >>> from coursekit.registry import registry
    >>> table = read_table("spambase", registry()["spambase"].path)
    >>> table.x.shape, table.feature_names[:3]
    ((4601, 57), ('make', 'address', 'all'))
    """
    readers = {"spambase": _spambase, "movie_snippets": _movie_snippets, "adult_income": _adult_income}
    reader = readers[expect_known("table", name, readers)]
    try:
        return reader(path)
    except (OSError, EOFError, ValueError, KeyError, StopIteration) as error:
        raise DataError(f"table {name!r}: expected a gzipped csv in {path}, got: {error}. Restore the file.") from None


def movie_ratings(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Every sentence of ``movie_snippets`` with its rating, the undecided ones too.

    Parameters
    ----------
    path : Path

    Returns
    -------
    texts : ndarray of str, (N,)
    ratings : ndarray of float64, (N,)
        The mean of the ratings that people gave it, -4 (most negative) to 4.

    Raises
    ------
    ValueError
        If a rating is no number.

    Examples
    --------
    >>> from coursekit.registry import registry
    >>> texts, ratings = movie_ratings(registry()["movie_snippets"].path)
    >>> str(texts[2]), float(ratings[2])
    ('Effective but too tepid biopic', -0.6)
    """
    _, rows = _columns_and_rows(path)
    return np.array([row[1] for row in rows]), np.array([float(row[0]) for row in rows])


def twins_of(keys: Iterable[Hashable]) -> np.ndarray:
    """Number the rows so that equal ones have the same number, counted in the order of first appearance.

    Parameters
    ----------
    keys : iterable of hashable
        What makes a row the same as another.

    Returns
    -------
    ndarray of int64, (N,)

    Examples
    --------
    >>> twins_of(["a", "b", "a", "c"])
    array([0, 1, 0, 2])
    """
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)


def deal_with_twins(
    draws: np.ndarray, fractions: Sequence[float], labels: np.ndarray, twins: np.ndarray
) -> list[np.ndarray]:
    """Row numbers of each part; copies of a row all go to the same part.

    What is dealt is the *different* rows, each part its share of every label; the copies follow. So a part may have a
    few rows more or less than its fraction.

    Parameters
    ----------
    draws : ndarray, at least one for each different row
        All chance lies in them.
    fractions : sequence of float
    labels : ndarray of int, (N,)
        Of copies that disagree, the first one counts for the share.
    twins : ndarray of int, (N,)
        As from :func:`twins_of`.

    Returns
    -------
    list of ndarray of int

    Raises
    ------
    ShapeError
        If the shapes do not fit.

    Examples
    --------
    >>> deal_with_twins(np.array([0.3, 0.1]), [0.5, 0.5], np.array([1, 1, 1]), np.array([0, 1, 0]))
    [array([1]), array([0, 2])]
    """
    labels, twins = np.asarray(labels), np.asarray(twins)
    expect_shape("labels", labels, (len(twins),))
    different, first = np.unique(twins, return_index=True)
    parts = deal(np.asarray(draws)[: len(different)], fractions, labels[first])
    place = np.empty(len(different), dtype=np.int64)
    dealt = []
    for part in parts:
        place[:] = -1
        place[part] = np.arange(len(part))
        of_row = place[np.searchsorted(different, twins)]  # (N,): where each row stands in this part, or -1
        rows = np.flatnonzero(of_row >= 0)
        dealt.append(rows[np.argsort(of_row[rows], kind="stable")])
    return dealt


# -- the three files -------------------------------------------------------------------------------------------------
def _columns_and_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    with gzip.open(path, "rb") as stream:
        lines = csv.reader(io.StringIO(stream.read().decode("utf-8"), newline=""))
        columns = next(lines)
        return columns, list(lines)


def _spambase(path: Path) -> Table:
    """57 numbers and, in the last column, what the e-mail was."""
    columns, rows = _columns_and_rows(path)
    x = np.array([row[:-1] for row in rows], dtype=np.float64)  # (N, 57)
    y = np.array([("nonspam", "spam").index(row[-1]) for row in rows], dtype=np.int64)
    return Table(x, y, twins_of(row.tobytes() for row in x), tuple(columns[:-1]))


def _movie_snippets(path: Path) -> Table:
    """A sentence and its class: 1 where people found it positive, 0 where negative; the undecided are left out."""
    texts, ratings = movie_ratings(path)
    decided = np.abs(ratings) >= NEUTRAL
    texts, ratings = texts[decided], ratings[decided]
    twins = twins_of(" ".join(re.findall(r"\w+", text.lower())) for text in texts)  # capitals and dots do not count
    return Table(texts, (ratings > 0).astype(np.int64), twins)


def _adult_income(path: Path) -> Table:
    """Five numbers and seven words about a person, and whether the person earned more than 50,000 dollars a year.

    Two columns of the file are left out: how many people of the country a row stands for, which says nothing about the
    person, and the words for `education_num`.
    """
    columns, rows = _columns_and_rows(path)
    by_name = dict(zip(columns, zip(*rows, strict=True), strict=False))
    given = {name: np.array(by_name[name], dtype=np.float64) for name in ADULT_NUMBERS}
    categories = {}
    for name in ADULT_WORDS:
        words, number = np.unique([word or "unknown" for word in by_name[name]], return_inverse=True)
        categories[name], given[name] = tuple(words.tolist()), number.astype(np.float64)
    names = tuple(name for name in columns if name in given)
    x = np.column_stack([given[name] for name in names])  # (N, 12)
    y = np.array([("0", "1").index(label) for label in by_name["income"]], dtype=np.int64)
    test = np.array([("train", "test").index(side) for side in by_name["split"]], dtype=bool)
    return Table(x, y, twins_of(row.tobytes() for row in x), names, categories, test)
