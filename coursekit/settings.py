"""A run of the course has two settings: is it strict, and from which seed does its randomness start?

``COURSEKIT_STRICT=1`` turns an exercise that is not passed, or a claim that the evidence does not bear out, into an
error: this is how the worked edition is proved. ``COURSEKIT_STRICT=claims`` does so for claims alone, since in a
learner's notebook exercises may be open. ``COURSEKIT_SEED=k`` shifts every seed of the course: a verdict that
holds for one seed only is no verdict.
"""

import os

import numpy as np

from coursekit.errors import SettingError

__all__ = ["course_rng", "course_seed", "course_seeds", "strict"]

SEED_STRIDE = 1000  # seeds of one run never meet those of the next


def strict(about: str = "exercises") -> bool:
    """Whether this run must prove its exercises (``COURSEKIT_STRICT=1``) or its claims (that, or ``claims``).

    Parameters
    ----------
    about : {"exercises", "claims"}

    Raises
    ------
    SettingError
        If ``COURSEKIT_STRICT`` is set to something else than 1, claims or 0.
    """
    text = os.environ.get("COURSEKIT_STRICT", "") or "0"
    if text not in ("0", "1", "claims"):
        raise SettingError(f"COURSEKIT_STRICT: expected 1, claims or 0, got {text!r}. Unset it, or set it to 1.")
    return text in ("1", about)


def course_seed(seed: int = 0) -> int:
    """The seed to use in this run for the course's seed number `seed`.

    Raises
    ------
    SettingError
        If ``COURSEKIT_SEED`` is set and is not a whole number of at least 0.

    Examples
    --------
    >>> course_seed(3) % 1000
    3
    """
    text = os.environ.get("COURSEKIT_SEED", "") or "0"
    if not text.isdecimal():
        raise SettingError(
            f"COURSEKIT_SEED: expected a whole number of at least 0, got {text!r}. Unset it, or set it to 0."
        )
    return seed + SEED_STRIDE * int(text)


def course_seeds(n: int) -> list[int]:
    """The first `n` seeds of this run: repeat an experiment over them and report the spread.

    Examples
    --------
    >>> len(course_seeds(5))
    5
    """
    return [course_seed(k) for k in range(n)]


def course_rng(seed: int = 0) -> np.random.Generator:
    """A random generator for the course's seed number `seed`, shifted by ``COURSEKIT_SEED``.

    Examples
    --------
    >>> course_rng(0).normal(size=2).shape
    (2,)
    """
    return np.random.default_rng(course_seed(seed))
