"""A set of pictures that nobody has split yet: sketches, emoji by two artists, the tiles of a game.

Each function returns :class:`Pictures`, in which near twins, variants of one drawing, share a number in `groups`. Split
by it (:func:`coursekit.prepare.few_labels`): a picture whose twin was learned is remembered, not understood.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from coursekit.errors import CourseError, DataError, expect_known
from coursekit.registry import registry, verify
from coursekit.tables import twins_of

__all__ = ["ARTISTS", "Pictures", "emoji", "sketches", "tiles"]

ARTISTS = ("noto", "twemoji")
SIDE = 28  # of a sketch, in pixels
INK = 255
GREY = 128
UNLABELLED = 255  # the class of the tiles that belong to none


@dataclass(frozen=True, eq=False, repr=False)
class Pictures:
    """Pictures with classes, and no part set aside for a test.

    Attributes
    ----------
    name : str
    x : ndarray of uint8, (N, H, W) or (N, H, W, 3)
        Read-only: ``x.copy()`` is yours to change.
    y : ndarray of int64, (N,)
        Of each picture, the index of its class in `class_names`.
    class_names : tuple of str
    titles : tuple of str
        What each picture is called.
    groups : ndarray of int64, (N,)
        Near twins share a number: what is tested must not have a twin among what is learned.
    about : str
        What one picture is, the licence, and whom to cite.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    titles: tuple[str, ...]
    groups: np.ndarray
    about: str = ""

    def __repr__(self) -> str:
        counts = np.bincount(self.y, minlength=len(self.class_names))
        classes = [f"{name} ({n:,})" for name, n in zip(self.class_names, counts, strict=True)]
        more = f" and {len(classes) - 10} more" if len(classes) > 10 else ""
        lines = [
            f"{self.name}: {len(self.x):,} pictures, in {len(np.unique(self.groups)):,} groups of near twins",
            f"  x            {self.x.shape} {self.x.dtype}, {self.x.min()} to {self.x.max()}",
            f"  classes      {', '.join(classes[:10])}{more}",
            f"  for example  {self.titles[0]!r}",
        ]
        return "\n".join([*lines, self.about])


def sketches(kinds: Sequence[str] | None = None) -> Pictures:
    """Things that people drew in 20 seconds, white ink on black, 100 sketches of each of 345 kinds.

    Parameters
    ----------
    kinds : sequence of str, optional
        Which kinds, in which order: class k is ``kinds[k]``. All of them without it.

    Returns
    -------
    Pictures
        Of shape (N, 28, 28), with ink 255 and no ink 0.

    Raises
    ------
    CourseError
        If a kind is unknown (the message says which names come close) or stands there twice.
    DataError
        If the file is missing, truncated or changed.

    Examples
    --------
    >>> drawn = sketches(["cat", "bicycle"])
    >>> drawn.x.shape, drawn.class_names, drawn.titles[100]
    ((200, 28, 28), ('cat', 'bicycle'), 'bicycle 0')
    """
    stored = _arrays("sketches")
    names, each = tuple(stored["names"].tolist()), int(stored["per_class"])
    y = np.repeat(np.arange(len(names)), each)  # (N,)
    rows, y, class_names = _chosen(kinds, names, y)
    bits = stored["bits"][rows]  # (N, 98)
    x = np.unpackbits(bits, axis=1).reshape(-1, SIDE, SIDE) * np.uint8(INK)  # (N, H, W)
    titles = tuple(f"{names[row // each]} {row % each}" for row in rows.tolist())
    return _made("sketches", x, y, class_names, titles, twins_of(row.tobytes() for row in bits))


def emoji(artist: str = "noto", kinds: Sequence[str] | None = None) -> Pictures:
    """1,906 emoji of Unicode, as one of two artists draws them; row i is the same emoji by both.

    Parameters
    ----------
    artist : {"noto", "twemoji"}
        Google's Noto Emoji, with shades; or Twemoji, once Twitter's, with flat colours.
    kinds : sequence of str, optional
        Which of the nine categories, in which order: class k is ``kinds[k]``. All of them without it.

    Returns
    -------
    Pictures
        Of shape (N, 32, 32, 3).

    Raises
    ------
    CourseError
        If the artist or a kind is unknown, or a kind stands there twice.
    DataError
        If the file is missing, truncated or changed.

    Examples
    --------
    >>> drawn = emoji("twemoji")
    >>> drawn.x.shape, len(drawn.class_names), drawn.titles[0]
    ((1906, 32, 32, 3), 9, 'Hash Key')
    """
    expect_known("artist", artist, ARTISTS)
    stored = _arrays("emoji")
    rows, y, class_names = _chosen(kinds, tuple(stored["categories"].tolist()), stored["category"])
    titles = tuple(stored["name"][rows].tolist())
    x = stored[artist][rows]  # (N, H, W, 3)
    return _made("emoji", x, y, class_names, titles, twins_of(row.tobytes() for row in x))


def tiles(kinds: Sequence[str] | None = None, *, background: int | tuple[int, int, int] = GREY) -> Pictures:
    """The labelled tiles of the game Dungeon Crawl Stone Soup: monsters, armour, weapons, floors, walls and more.

    Parameters
    ----------
    kinds : sequence of str, optional
        Which of the ten classes, in which order: class k is ``kinds[k]``. All of them without it.
    background : int or (int, int, int)
        A grey or a colour, each number from 0 to 255, on which the transparent tiles are laid. Things are mostly
        transparent, and floors and walls hardly: the background alone tells much. Middle grey if nothing is said.

    Returns
    -------
    Pictures
        Of shape (N, 32, 32, 3).

    Raises
    ------
    CourseError
        If a kind is unknown or stands there twice, or the background is no colour.
    DataError
        If the file is missing, truncated or changed.

    Examples
    --------
    >>> drawn = tiles(["weapon", "armour"], background=0)
    >>> drawn.x.shape, drawn.class_names, drawn.x[0, 0, 0].tolist()
    ((798, 32, 32, 3), ('weapon', 'armour'), [0, 0, 0])
    """
    colour = np.asarray(background)
    if colour.dtype.kind not in "iu" or colour.shape not in ((), (3,)) or colour.min() < 0 or colour.max() > 255:
        raise CourseError(
            f"background: expected whole numbers from 0 to 255, one or three, got {background!r}. Write 128."
        )
    stored = _arrays("tiles")
    rows, y, class_names = _chosen(kinds, tuple(stored["classes"].tolist()), stored["y"])
    rgba = stored["x"][rows]  # (N, H, W, 4)
    alpha = rgba[..., 3:].astype(np.uint16)  # (N, H, W, 1)
    x = ((rgba[..., :3] * alpha + colour.astype(np.uint16) * (255 - alpha) + 127) // 255).astype(np.uint8)
    groups = twins_of(row.tobytes() for row in rgba)
    return _made("tiles", x, y, class_names, tuple(stored["name"][rows].tolist()), groups)


# -- reading ---------------------------------------------------------------------------------------------------------


def _arrays(name: str) -> dict[str, np.ndarray]:
    verify(name)
    path = registry()[name].path
    return _unpacked(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=3)
def _unpacked(path: str, _version: int) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored}
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"pictures: expected arrays in {path}, got: {error}. Restore the file.") from None


def _chosen(kinds: Sequence[str] | None, known: tuple[str, ...], y: np.ndarray) -> tuple:
    """The rows of some kinds, kind after kind; their classes, counted anew; the names of these."""
    if kinds is None:
        rows = np.flatnonzero(y < len(known))
        return rows, y[rows].astype(np.int64), known
    if isinstance(kinds, str) or not len(kinds) or len(set(kinds)) < len(kinds):
        raise CourseError(f"kinds: expected different names in a list, got {kinds!r}. Write ['{known[0]}'].")
    parts = [np.flatnonzero(y == known.index(expect_known("kinds", kind, known))) for kind in kinds]
    return np.concatenate(parts), np.repeat(np.arange(len(kinds)), list(map(len, parts))), tuple(kinds)


def _made(name: str, x: np.ndarray, y: np.ndarray, class_names: tuple, titles: tuple, groups: np.ndarray) -> Pictures:
    for array in (x, y, groups):
        array.setflags(write=False)
    row = registry()[name]
    about = (
        f"  a picture    {row.row}\n  units        {row.units}\n  licence      {row.licence}\n"
        f"  source       {row.source}\n  cite         {row.citation}"
    )
    return Pictures(name, x, y, class_names, titles, groups, about)
