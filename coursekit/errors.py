"""An error is a sentence for a person: what was expected, what came, what to do now.

Every mistake that a user of the course can make raises a :class:`CourseError` whose message reads
``argument: expected X, got Y. Do Z.``
"""

import difflib
from collections.abc import Iterable

import numpy as np

__all__ = [
    "BuildError",
    "ClaimError",
    "CourseError",
    "DataError",
    "ExerciseError",
    "NotebookError",
    "SettingError",
    "ShapeError",
    "UnknownNameError",
    "WorkspaceError",
    "closest",
    "expect_known",
    "expect_shape",
]


MOST_SHOWN = 12  # of the known names, where none comes close


class CourseError(Exception):
    """Something a user of the course did, or met, that the message helps to mend."""


class ShapeError(CourseError, ValueError):
    """An array has the wrong shape."""


class DataError(CourseError):
    """A data file is missing, truncated, changed or not described."""


class SettingError(CourseError, ValueError):
    """An environment variable or an option has a value that means nothing."""


class UnknownNameError(CourseError, LookupError):
    """No exercise, claim, data set or notebook of that name."""


class BuildError(CourseError):
    """A notebook source cannot be turned into its editions."""


class NotebookError(CourseError):
    """A notebook cannot be read, or one of its cells fails."""


class WorkspaceError(CourseError):
    """The learner's copy of the course cannot be found, read or written."""


class ExerciseError(CourseError):
    """In strict mode: an exercise is not passed."""


class ClaimError(CourseError):
    """In strict mode: the evidence of this run does not bear out a claim's expected verdict."""


def closest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The known names that look most like `name`, best first.

    Examples
    --------
    >>> closest("fashion_mnits", ["digits", "fashion_mnist"])
    ['fashion_mnist']
    """
    return difflib.get_close_matches(str(name), list(known), n=n, cutoff=0.5)


def expect_known(argument: str, name: str, known: Iterable[str]) -> str:
    """Return `name` if it is one of `known`; otherwise say which names come close.

    Raises
    ------
    UnknownNameError
        If `name` is not in `known`.

    Examples
    --------
    >>> expect_known("data set", "digit", ["digits", "fashion_mnist"])
    Traceback (most recent call last):
        ...
    coursekit.errors.UnknownNameError: data set: expected a known name, got 'digit'. Did you mean 'digits'?
    """
    known = list(known)
    if name in known:
        return name
    near = closest(name, known)
    if near:
        advice = "Did you mean " + " or ".join(repr(k) for k in near) + "?"
    else:
        shown = sorted(known)[:MOST_SHOWN]
        more = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
        advice = "Known: " + ", ".join(shown) + more + "."
    raise UnknownNameError(f"{argument}: expected a known name, got {name!r}. {advice}")


def expect_shape(argument: str, array: np.ndarray, shape: tuple[int | str, ...]) -> None:
    """Check an array's shape; letters such as ``"N"`` stand for any size, the same one each time.

    Parameters
    ----------
    argument : str
        The argument's name, for the message.
    array : ndarray
    shape : tuple of int and str
        What is expected, for example ``("N", 10)``.

    Raises
    ------
    ShapeError
        If the number of axes or a fixed size differs, or a letter would need two sizes.

    Examples
    --------
    >>> expect_shape("x", np.zeros((5, 784)), ("N", 784))
    >>> expect_shape("x", np.zeros(784), ("N", 784))
    Traceback (most recent call last):
        ...
    coursekit.errors.ShapeError: x: expected shape (N, 784), got (784,). Add an axis: x[None] makes a batch of one.
    """
    got = np.shape(array)
    sizes: dict[str, int] = {}
    fits = len(got) == len(shape)
    for have, want in zip(got, shape, strict=False):
        fits = fits and have == (sizes.setdefault(want, have) if isinstance(want, str) else want)
    if fits:
        return
    wanted = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    if len(got) == len(shape) - 1 and shape[0] == "N":
        advice = f"Add an axis: {argument}[None] makes a batch of one."
    elif len(got) == 2 == len(shape) and not isinstance(shape[1], str) and got[0] == shape[1]:
        advice = f"Transpose it: {argument}.T."
    else:
        advice = f"Print {argument}.shape where it is made."
    raise ShapeError(f"{argument}: expected shape {wanted}, got {got}. {advice}")
