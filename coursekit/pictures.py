"""A set of pictures that nobody has split yet: sketches, emoji by two artists, the tiles of a game.

Each function returns :class:`Pictures`, in which near twins, variants of one drawing, share a number in `groups`. Split
by it (:func:`coursekit.dealing.few_labels`): a picture whose twin was learned is remembered, not understood.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zipfile import BadZipFile

import numpy as np

from coursekit.errors import CourseError, DataError, expect_known
from coursekit.registry import registry, verify
from coursekit.tables import twins_of

__all__ = ["ARTISTS", "Pictures", "emoji", "sketches", "tiles"]

ARTISTS = ("noto", "twemoji")
SIDE = 28  # of a sketch, in pixels
INK = 255
GREY = 128
LARGE_SETS = ("floor", "wall")  # of tiles: drawn in sets, which the first word of a title names
ALIKE = {"tiles": 0.892, "emoji": 0.983}  # correlation from which on pictures are twins; no pair is within 0.0001 of it
COLOURS = (
    "black|blue|brown|cyan|emerald|gold|golden|gray|green|grey|magenta|metal|mottle|mottled|orange|pale|pearl|pink|"
    "purple|quicksilver|red|ruby|shadow|silver|tan|turquoise|white|yellow"
)
VARIANT = re.compile(  # a word that tells the variants of a drawing apart, and not what is drawn
    rf"(?:light|dark|y|red|black|blue)?(?:{COLOURS})|light|dark|darker|brilliant|small|medium|large|base|water|overlay|"
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirty|oclock|first|second|third|"
    r"[nesw]|[ns][ew]|north|east|south|west|up|down|left|right|(?:left|right|up|down)wards|top|full|slant|"
    r"facing|pointing|oncoming|simulacrum|skeleton|spectral|zombie|"
    r"m[ae]n|mans|wom[ae]n|womans|male|female|person|people|boy|girl|adult|child|older"
)
ONE_DRAWING = ("alphanum", "arrow", "cat-face", "family", "keycap", "monkey-face", "zodiac")  # kinds of emoji
PERSON = re.compile(r"(?:M[ae]n|Wom[ae]n|Person|People)\b")


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
    return _made("sketches", x, y, class_names, titles, _twins("sketches")[rows])


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
    return _made("emoji", stored[artist][rows], y, class_names, titles, _twins("emoji")[rows])


def tiles(kinds: Sequence[str] | None = None, *, background: int | tuple[int, int, int] = GREY) -> Pictures:
    """The labelled tiles of the game Dungeon Crawl Stone Soup: monsters, armour, weapons, floors, walls and more.

    The label is the folder in which a tile lies. Armour and weapons are drawn twice, large as they lie on the ground
    and small as they are worn; and the small marks whose titles begin with "i-" stand for what they are stuck on.
    Floors and walls are many, of few drawings: 36 and 29 groups.

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
    x = _laid(stored["x"][rows], colour)
    return _made("tiles", x, y, class_names, tuple(stored["name"][rows].tolist()), _twins("tiles")[rows])


# -- near twins ------------------------------------------------------------------------------------------------------


def _twins(name: str) -> np.ndarray:
    """Of each row of a file, the number of its group: by its title, by its bytes, and by how alike pictures are."""
    verify(name)
    path = registry()[name].path
    return _grouped(name, str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=3)
def _grouped(name: str, path: str, version: int) -> np.ndarray:
    stored = _unpacked(name, path, version)
    if name == "sketches":  # drawn by different people: only copies are twins
        return _joined([map(bytes, stored["bits"])])
    if name == "emoji":
        families = _emoji_families(stored["name"].tolist(), stored["subcategory"].tolist())
        drawings = [stored[artist] for artist in ARTISTS]
    else:
        drawings = [_laid(stored["x"], np.asarray(GREY))]
        kinds = stored["classes"][stored["y"]].tolist()
        families = map(_tile_family, kinds, stored["fine"].tolist(), stored["name"].tolist())
    pairs = [pair for x in drawings for pair in _alike(x, ALIKE[name])]
    return _joined([families, *([row.tobytes() for row in x] for x in drawings)], pairs)


def _stem(title: str) -> list[str]:
    """The words of a title that say what is drawn.

    Examples
    --------
    >>> _stem("floor_grass_flowers_blue3"), _stem("Woman Running Facing Right")
    (['floor', 'grass', 'flowers'], ['running'])
    """
    return [w for w in re.findall(r"[^\W\d_]+", title.lower()) if len(w) > 1 and not VARIANT.fullmatch(w)]


def _tile_family(kind: str, folder: str, title: str) -> Hashable:
    words = [word for word in _stem(title) if word not in LARGE_SETS]
    if folder == "UNUSED/floor" or title.startswith("sigil"):
        return kind, "sigil"
    if kind in LARGE_SETS:
        return kind, (words or re.findall("[a-z]+", title))[0]
    return kind, " ".join(words) or folder  # a bottle that is only called by its colour is one of the bottles


def _emoji_families(titles: list[str], kinds: list[str]) -> list[Hashable]:
    """What is drawn, without who does it; after "Woman Surfing" and "Man Surfing", "Surfer" is the third of them."""
    families = [
        (kind, "" if kind in ONE_DRAWING else " ".join(_stem(t))) for t, kind in zip(titles, kinds, strict=True)
    ]
    for k in range(2, len(titles)):
        two_before = families[k - 2] == families[k - 1] and all(map(PERSON.match, titles[k - 2 : k]))
        if two_before and kinds[k] == kinds[k - 1] and not PERSON.match(titles[k]):
            families[k] = families[k - 1]
    return families


def _alike(x: np.ndarray, least: float) -> list[tuple[int, int]]:
    """Pairs of pictures whose pixels correlate, each picture's mean colour taken off: however bright, in any tint."""
    rows = x.reshape(len(x), -1, 3).astype(np.float32)  # (N, H*W, 3)
    rows = (rows - rows.mean(axis=1, keepdims=True)).reshape(len(x), -1)  # (N, D)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)
    return list(zip(*(side.tolist() for side in np.nonzero(np.triu(rows @ rows.T >= least, 1))), strict=True))


def _joined(labellings: Iterable[Iterable[Hashable]], pairs: Iterable[tuple[int, int]] = ()) -> np.ndarray:
    """Number the rows so that those share a number which any labelling, or any chain of pairs, puts together.

    Examples
    --------
    >>> _joined([["a", "b", "a", "c"]], [(1, 3)])
    array([0, 1, 0, 1])
    """
    firsts = [(twins, np.unique(twins, return_index=True)[1]) for twins in map(twins_of, labellings)]
    links = [*pairs, *((row, int(first[t])) for twins, first in firsts for row, t in enumerate(twins))]
    parent = list(range(len(firsts[0][0])))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    for one, other in links:
        parent[root(one)] = root(other)
    return twins_of(map(root, range(len(parent))))


# -- reading ---------------------------------------------------------------------------------------------------------


def _arrays(name: str) -> dict[str, np.ndarray]:
    verify(name)
    path = registry()[name].path
    return _unpacked(name, str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=3)
def _unpacked(name: str, path: str, _version: int) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            stored = {key: file[key] for key in file}
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise DataError(f"pictures: expected arrays in {path}, got: {error}. Restore the file.") from None
    if name == "tiles":  # 255 is the class of those that belong to none: they are left out
        labelled = stored["y"] < len(stored["classes"])
        stored |= {key: stored[key][labelled] for key in ("x", "y", "fine", "name")}
    return stored


def _chosen(kinds: Sequence[str] | None, known: tuple[str, ...], y: np.ndarray) -> tuple:
    """The rows of some kinds, kind after kind; their classes, counted anew; the names of these."""
    if kinds is None:
        return np.arange(len(y)), y.astype(np.int64), known
    if isinstance(kinds, str) or not len(kinds) or len(set(kinds)) < len(kinds):
        raise CourseError(f"kinds: expected different names in a list, got {kinds!r}. Write ['{known[0]}'].")
    parts = [np.flatnonzero(y == known.index(expect_known("kinds", kind, known))) for kind in kinds]
    return np.concatenate(parts), np.repeat(np.arange(len(kinds)), list(map(len, parts))), tuple(kinds)


def _laid(rgba: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Transparent pictures on a colour, rounded: (N, H, W, 4) becomes (N, H, W, 3)."""
    alpha = rgba[..., 3:].astype(np.uint16)  # (N, H, W, 1)
    return ((rgba[..., :3] * alpha + colour.astype(np.uint16) * (255 - alpha) + 127) // 255).astype(np.uint8)


def _made(name: str, x: np.ndarray, y: np.ndarray, class_names: tuple, titles: tuple, groups: np.ndarray) -> Pictures:
    for array in (x, y, groups):
        array.setflags(write=False)
    row = registry()[name]
    about = (
        f"  a picture    {row.row}\n  units        {row.units}\n  licence      {row.licence}\n"
        f"  source       {row.source}\n  cite         {row.citation}"
    )
    return Pictures(name, x, y, class_names, titles, groups, about)
