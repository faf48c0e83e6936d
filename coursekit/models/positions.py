r"""Attention sees a set, not a row: whoever wants it to know what comes first must write the position into the numbers.

Three ways of doing so. *Sinusoidal* and *learned* positions are added to what describes a token. *Rotary* positions
turn queries and keys instead, so that their product knows how far apart two tokens are and not where they stand.
Letters: T positions, E numbers that describe one.
"""

import torch
from torch import Tensor, nn

from coursekit.errors import CourseError, ShapeError

__all__ = ["LearnedPositions", "frequencies", "rotary", "sinusoidal"]


def frequencies(width: int, base: float = 10_000.0) -> Tensor:
    """How fast each pair of numbers turns, in radians a position: from 1 down to nearly 1 / base.

    Parameters
    ----------
    width : int
        E, an even number; there are E / 2 pairs.
    base : float

    Returns
    -------
    Tensor, (E / 2,), float64
        base^(-2 i / E) for pair i.

    Raises
    ------
    CourseError
        If `width` is not an even number of at least 2.

    Examples
    --------
    >>> frequencies(4)
    tensor([1.0000, 0.0100], dtype=torch.float64)
    """
    if isinstance(width, bool) or not isinstance(width, int) or width < 2 or width % 2:
        raise CourseError(f"width: expected an even number of at least 2, got {width!r}. Each pair needs two numbers.")
    return base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)  # (E / 2,)


def sinusoidal(positions: Tensor, width: int, base: float = 10_000.0) -> Tensor:
    """A position as the hands of E / 2 clocks: column 2i is sin(t f_i), column 2i + 1 is cos(t f_i).

    Parameters
    ----------
    positions : Tensor, (T,)
        Such as ``torch.arange(T)``.
    width : int
        E, an even number.
    base : float
        The larger, the slower the slowest clock.

    Returns
    -------
    Tensor, (T, E)
        float32 for whole positions, else of the positions' kind.

    Raises
    ------
    ShapeError
        If `positions` has not one axis.
    CourseError
        If `width` is not an even number of at least 2.

    Source
    ------
    Vaswani et al. (2017), Attention is all you need, section 3.5.

    Examples
    --------
    >>> sinusoidal(torch.arange(3), 2)
    tensor([[ 0.0000,  1.0000],
            [ 0.8415,  0.5403],
            [ 0.9093, -0.4161]])
    """
    if positions.ndim != 1:
        raise ShapeError(f"positions: expected shape (T,), got {tuple(positions.shape)}. Pass torch.arange(T).")
    kind = positions.dtype if positions.is_floating_point() else torch.float32
    angles = positions.double()[:, None] * frequencies(width, base).to(positions.device)  # (T, E / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).to(kind)  # (T, E)


def rotary(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Turn each pair of numbers of a query or key by an angle that grows with its position.

    Number i of the first half and number i of the second half are a pair. The product of a turned query and a turned
    key depends on the *difference* of their positions only, and no vector changes its length.

    Parameters
    ----------
    x : Tensor, (..., T, E)
        Queries or keys; not values.
    positions : Tensor, (T,)
        Such as ``torch.arange(T)``; with a cache of earlier keys it starts where the cache ends.
    base : float

    Returns
    -------
    Tensor, (..., T, E)
        Of the kind of `x`.

    Raises
    ------
    ShapeError
        If there is not one position for each of the T vectors.
    CourseError
        If E is odd.

    Source
    ------
    Su et al. (2021), RoFormer: enhanced transformer with rotary position embedding, section 3.

    Examples
    --------
    >>> q, k = torch.randn(8), torch.randn(8)
    >>> def product(i, j):
    ...     return rotary(q[None], torch.tensor([i]))[0] @ rotary(k[None], torch.tensor([j]))[0]
    >>> torch.allclose(product(5, 3), product(105, 103), atol=1e-4)
    True
    """
    if x.ndim < 2 or positions.shape != (x.shape[-2],):
        raise ShapeError(
            f"positions: expected one for each vector of x, whose shape is {tuple(x.shape)}, "
            f"got shape {tuple(positions.shape)}. Pass torch.arange(x.shape[-2])."
        )
    angles = positions.double()[:, None] * frequencies(x.shape[-1], base).to(x.device)  # (T, E / 2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)  # (..., T, E / 2) each
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)  # (..., T, E)


class LearnedPositions(nn.Module):
    """One row of numbers for each position, drawn at random and then learned like any weight.

    Parameters
    ----------
    longest : int
        The number of positions: what comes after them has no row.
    width : int
        E.

    Source
    ------
    Gehring et al. (2017), Convolutional sequence to sequence learning, section 3.1; used by GPT and BERT.

    Examples
    --------
    >>> LearnedPositions(longest=10, width=4)(torch.arange(3)).shape
    torch.Size([3, 4])
    """

    def __init__(self, longest: int, width: int):
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(longest, width))

    def forward(self, positions: Tensor) -> Tensor:
        """The rows of some positions: whole numbers (T,) give (T, E).

        Raises
        ------
        CourseError
            If a position has no row.
        """
        if positions.numel() and not 0 <= int(positions.min()) <= int(positions.max()) < len(self.table):
            raise CourseError(
                f"positions: expected numbers from 0 to {len(self.table) - 1}, got {int(positions.min())} to "
                f"{int(positions.max())}. Learned positions end where training ended: cut the text, or use rotary ones."
            )
        return self.table[positions]
