"""A prediction as a game: features are players, and a coalition is worth what the model says when only they are known.

Features outside a coalition take their values from background rows, all of them in turn, and the answers are averaged:

    v(S) = mean over rows b of f(x on S, b elsewhere)

That is the *interventional* value: what the model answers if these features are set, whatever usually goes with them.

Source: Strumbelj and Kononenko (2014), Explaining prediction models and individual predictions with feature
contributions; Janzing, Minorics and Bloebaum (2020), Feature relevance quantification in explainable AI.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from coursekit.attribution.models import NUMBERS_AT_ONCE, ROWS_AT_ONCE, Output, output_of
from coursekit.errors import CourseError, ShapeError

__all__ = ["Game", "empty_of", "patches", "rows_and_background"]


class Game:
    """The coalitions of one row's features, and what each is worth.

    Players that change nothing, because the row and all of the background agree on them, are left out of the game:
    their share is 0 by the axiom of the dummy, and no model needs to be asked.

    Parameters
    ----------
    model : callable or estimator
        From rows (N, ...) to (N,) or (N, K).
    x : ndarray, any shape
        The row that is explained; a picture may keep its axes.
    background : ndarray, (B, ...)
        Rows of that shape.
    target : int, optional
        Which output.
    groups : ndarray of int, shape of x, optional
        Which player each number belongs to, from 0; each number is a player of its own if left out.
    empty, full : float, optional
        What nobody is worth, and what all are, where it is known already: then the model is not asked.

    Attributes
    ----------
    players : int
        Of all, dummies too.
    active : ndarray of int, (d,)
        The players that can change something.
    empty, full : float
        What nobody is worth, and what all are.
    name : str
        How to call the row in a complaint.
    show : bool
        Draw a bar in :meth:`watched`: False, unless somebody sets it.

    Raises
    ------
    CourseError, ShapeError
        If the shapes do not fit, or the model answers badly.

    Examples
    --------
    >>> game = Game(lambda rows: rows.sum(axis=1), x=np.array([1.0, 2.0]), background=np.zeros((1, 2)))
    >>> game.value(np.array([[True, False], [True, True]]))
    array([1., 3.])
    """

    def __init__(
        self,
        model: Any,
        x: np.ndarray,
        background: np.ndarray,
        target: int | None = None,
        groups: np.ndarray | None = None,
        *,
        empty: float | None = None,
        full: float | None = None,
    ):
        self.show, self.name = False, "the row that is explained"
        self.output = output_of(model, target)
        self.shape = x.shape
        self.row, self.background = x.ravel(), background.reshape(len(background), -1)  # (D,), (B, D)
        self.group = _groups(groups, x.shape)
        self.players = int(self.group.max()) + 1
        different = (self.background != self.row).any(axis=0)  # (D,)
        self.active = np.flatnonzero(np.bincount(self.group[different]))  # (d,)
        place = np.full(self.players, -1)
        place[self.active] = np.arange(len(self.active))
        self._column = place[self.group]  # (D,): which of the active players holds each number, -1 for a dummy
        self._template: np.ndarray | None = None
        self._numbers: list[list[int]] = []  # of each active player, once there is a template
        self.empty = float(empty_of(self.output, background) if empty is None else empty)
        self.full = float(self.output(x[None].copy(), self.name.format)[0] if full is None else full)

    @property
    def d(self) -> int:
        """How many players can change something."""
        return len(self.active)

    def value(self, coalitions: np.ndarray) -> np.ndarray:
        """What these coalitions of the active players are worth.

        Parameters
        ----------
        coalitions : ndarray of bool, (M, d)

        Returns
        -------
        ndarray, (M,)

        Examples
        --------
        >>> game = Game(lambda rows: rows.prod(axis=1), np.array([2.0, 3.0]), np.ones((1, 2)))
        >>> game.value(np.array([[False, True]]))
        array([3.])
        """
        b, d = len(self.background), len(self.row)
        piece = max(1, ROWS_AT_ONCE // b)
        while piece > 1 and piece * b * d > NUMBERS_AT_ONCE:
            piece //= 2
        some = max(1, min(b, NUMBERS_AT_ONCE // max(d, 1)))  # background rows at once: all of them, as a rule
        worth = np.zeros(len(coalitions))  # (M,)
        for start in range(0, len(coalitions), piece):
            known = self._known(coalitions[start : start + piece])  # (m, D)
            for first in range(0, b, some):
                hidden = self.background[first : first + some]  # (b, D)
                mixed = np.where(np.tile(known, len(hidden)), np.tile(self.row, len(hidden)), hidden.ravel())
                worth[start : start + piece] += self._sums(mixed, len(known), first)
        return worth / b

    @functools.cached_property
    def low(self) -> int:
        """How many players a block of coalitions tries in every way: see :meth:`block`."""
        room = min(ROWS_AT_ONCE, NUMBERS_AT_ONCE // max(len(self.row), 1)) // len(self.background)
        return min(self.d, max(room, 1).bit_length() - 1)

    def block(self, number: int) -> np.ndarray:
        """What a block of coalitions is worth: the first `low` players in every way, the others by its number's bits.

        Block after block it is what :meth:`value` says of all coalitions, in less time: most of their rows are copied.

        Parameters
        ----------
        number : int
            From 0 to 2^(d - low) - 1.

        Returns
        -------
        ndarray, (2^low,)

        Examples
        --------
        >>> game = Game(lambda rows: rows.prod(axis=1), np.array([2.0, 3.0]), np.ones((1, 2)))
        >>> game.low, game.block(0)
        (2, array([1., 2., 3., 6.]))
        """
        low, b = self.low, len(self.background)
        if low == 0:
            return self.value((number >> np.arange(self.d) & 1).astype(bool)[None])
        if self._template is None:
            inside = np.zeros((2**low, self.d + 1), dtype=bool)
            inside[:, :low] = np.arange(2**low)[:, None] >> np.arange(low) & 1
            known = inside[:, self._column][:, None]  # (2^low, 1, D)
            self._template = np.ascontiguousarray(np.where(known, self.row, self.background))  # (2^low, B, D)
            self._numbers = [np.flatnonzero(self._column == player).tolist() for player in range(self.d)]
        mixed = self._template.copy()  # anew each time: a model may write into what it is given
        for player in range(low, self.d):
            if number >> (player - low) & 1:
                for column in self._numbers[player]:
                    mixed[:, :, column] = self.row[column]
        return self._sums(mixed, 2**low, 0) / b

    def watched(self, steps: Sequence) -> Iterable:
        """Go through the steps of a long computation, with a progress bar if `show` is set.

        Parameters
        ----------
        steps : sequence

        Returns
        -------
        iterable

        Examples
        --------
        >>> game = Game(lambda rows: rows.sum(axis=1), np.ones(2), np.zeros((1, 2)))
        >>> list(game.watched(range(3)))
        [0, 1, 2]
        """
        if not self.show:
            return steps
        from tqdm.auto import tqdm

        return tqdm(steps, leave=False)

    def spread(self, shares: np.ndarray) -> np.ndarray:
        """The shares of the active players as one number for every player, 0 for dummies.

        A picture's patches hand theirs on to their pixels, in equal parts, so that the sum stays.

        Parameters
        ----------
        shares : ndarray, (d,)

        Returns
        -------
        ndarray, (players,), or the shape of x where x is a picture

        Examples
        --------
        >>> game = Game(lambda rows: rows.sum(axis=1), np.array([1.0, 0.0]), np.zeros((1, 2)))
        >>> game.d, game.spread(np.array([1.0]))
        (1, array([1., 0.]))
        """
        every = np.zeros(self.players)
        every[self.active] = shares
        if len(self.shape) == 1:
            return every
        return (every / np.bincount(self.group))[self.group].reshape(self.shape)

    def _sums(self, mixed: np.ndarray, coalitions: int, first: int) -> np.ndarray:
        """The answers to the mixtures of some coalitions with background rows, added up over those, (M,)."""
        rows = mixed.reshape(-1, *self.shape)
        b = len(rows) // coalitions

        def where(k: int) -> str:
            return f"a mixture of {self.name} and row {first + k % b} of the background"

        return self.output(rows, where).reshape(coalitions, b).sum(axis=1)

    def _known(self, coalitions: np.ndarray) -> np.ndarray:
        """Which numbers each coalition knows: (M, d) becomes (M, D). What a dummy holds is the same either way."""
        if self.d == len(self.row):
            return coalitions
        padded = np.concatenate([coalitions, np.ones((len(coalitions), 1), dtype=bool)], axis=1)
        return padded[:, self._column]


def empty_of(output: Output, background: np.ndarray) -> float:
    """What nobody is worth: the mean output of the background, of which the model gets a copy: it may write into it.

    Parameters
    ----------
    output : callable
        Of :func:`coursekit.attribution.models.output_of`.
    background : ndarray, (B, ...)

    Returns
    -------
    float

    Examples
    --------
    >>> empty_of(output_of(lambda rows: rows[:, 0]), np.array([[1.0], [4.0]]))
    2.5
    """
    return float(output(background.copy(), "row {} of the background".format).mean())


def rows_and_background(x: Any, background: Any) -> tuple[np.ndarray, np.ndarray, bool]:
    """Rows to explain (N, ...), background (B, ...), and whether x was a single row.

    Parameters
    ----------
    x : array, (...) or (N, ...)
        A single row has one axis less than the background.
    background : array, (B, ...)

    Returns
    -------
    x, background : ndarray
    single : bool

    Raises
    ------
    ShapeError
        If rows and background have different numbers of columns.
    CourseError
        If the background is empty, or something is no number.

    Examples
    --------
    >>> rows, _, single = rows_and_background([1, 2], [[0, 0]])
    >>> rows.shape, single
    ((1, 2), True)
    """
    x, background = np.asarray(x), np.asarray(background)
    for name, array in (("x", x), ("background", background)):
        if array.dtype.kind not in "biuf":
            raise CourseError(f"{name}: expected numbers, got {array.dtype}. Encode words as numbers first.")
        if not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0]
            raise CourseError(
                f"{name}: expected finite numbers, got {array[tuple(place)]} at {place.tolist()}. Fill it in first."
            )
    if not len(x) and x.ndim:
        raise CourseError(f"x: expected at least one row to explain, got shape {x.shape}. Look at how it was chosen.")
    if background.ndim < 2 or not len(background):
        raise CourseError(
            f"background: expected rows of shape (B, ...), at least one, got {background.shape}. "
            "A single baseline is baseline[None]."
        )
    single = x.ndim == background.ndim - 1
    x = x[None] if single else x
    if x.shape[1:] != background.shape[1:]:
        raise ShapeError(
            f"background: expected rows of shape {x.shape[1:]} as in x, got {background.shape[1:]}. "
            "Give both the same columns."
        )
    dtype = np.result_type(x, background, np.float32)
    return x.astype(dtype), background.astype(dtype), single


def patches(shape: Sequence[int], size: int) -> np.ndarray:
    """The players of a picture: squares of pixels, numbered row by row.

    Parameters
    ----------
    shape : (H, W) or (C, H, W)
        All channels of a pixel belong to one player.
    size : int
        Pixels along an edge; what is left over at the border makes smaller patches.

    Returns
    -------
    ndarray of int, `shape`

    Raises
    ------
    CourseError
        If the size is less than 1, or the shape is no picture's.

    Examples
    --------
    >>> patches((4, 4), 2)
    array([[0, 0, 1, 1],
           [0, 0, 1, 1],
           [2, 2, 3, 3],
           [2, 2, 3, 3]])
    """
    if size < 1 or len(shape) not in (2, 3):
        raise CourseError(f"size: expected at least 1 for (H, W) or (C, H, W), got {size} for {tuple(shape)}.")
    h, w = shape[-2:]
    across = -(-w // size)
    number = (np.arange(h) // size)[:, None] * across + np.arange(w) // size  # (H, W)
    return np.broadcast_to(number, tuple(shape)).copy()


def _groups(groups: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    if groups is None:
        return np.arange(int(np.prod(shape)))
    groups = np.asarray(groups)
    if groups.shape != shape or groups.dtype.kind not in "iu":
        raise ShapeError(f"groups: expected a whole number for each of {shape}, got {groups.dtype} {groups.shape}.")
    present = np.unique(groups)
    if not np.array_equal(present, np.arange(len(present))):
        raise CourseError(
            f"groups: expected every number from 0 to {groups.max()}, got {present[:6]}. Number them anew."
        )
    return groups.ravel()
