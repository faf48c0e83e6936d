r"""Attention is a look-up that a gradient can pass through: a query fits some keys, and gets a mixture of their values.

    A = softmax(Q K^T / sqrt(E)),    output = A V

Here in PyTorch, in pieces that can be read one by one, and with the weights A at hand to look at; the fused function of
PyTorch is faster and keeps them to itself. :mod:`coursekit.scratch.attention` is the same in NumPy.
Letters: N sequences, T places that ask, S places that are asked, E numbers a place, H heads.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError

__all__ = [
    "MultiheadAttention",
    "causal_mask",
    "cross_attention",
    "join_heads",
    "scaled_dot_product_attention",
    "split_heads",
]


def scaled_dot_product_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """For each query the mean of the values, weighted by how well their keys fit it; and the weights.

    Parameters
    ----------
    q : Tensor, (..., T, E)
    k : Tensor, (..., S, E)
    v : Tensor, (..., S, V)
    mask : Tensor of bool that broadcasts to (..., T, S), optional
        True where a query may look.

    Returns
    -------
    output : Tensor, (..., T, V)
    weights : Tensor, (..., T, S)
        Every row sums to 1.

    Raises
    ------
    ShapeError
        If queries and keys differ in length, or there is not one value for each key.
    CourseError
        If the mask is not made of True and False.

    Source
    ------
    Vaswani et al. (2017), Attention is all you need, section 3.2.1.

    Examples
    --------
    >>> q, k = torch.tensor([[0.0, 9.0]]), torch.tensor([[9.0, 0.0], [0.0, 9.0]])
    >>> output, weights = scaled_dot_product_attention(q, k, v=torch.tensor([[1.0], [5.0]]))
    >>> output  # the query fits the second key
    tensor([[5.]])
    """
    if q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            f"q, k: expected vectors of one length E on the last axis, got {tuple(q.shape)} and {tuple(k.shape)}. "
            "Bring both to one length with a linear layer."
        )
    if k.shape[-2] != v.shape[-2]:
        raise ShapeError(f"v: expected one value for each of the {k.shape[-2]} keys, got {v.shape[-2]}. Pass k's own.")
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., T, S)
    if mask is not None:
        if mask.dtype != torch.bool:
            raise CourseError(f"mask: expected True and False, got {mask.dtype}. Write `mask.bool()`, True to look.")
        scores = scores.masked_fill(~mask, -math.inf)  # e^-inf = 0
    weights = scores.softmax(dim=-1)
    return weights @ v, weights


def causal_mask(length: int) -> Tensor:
    """Who may look where if nobody may look ahead: place t at places 0 to t.

    Parameters
    ----------
    length : int
        T.

    Returns
    -------
    Tensor of bool, (T, T)
        True where row t may look at column s.

    Examples
    --------
    >>> causal_mask(3).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    return torch.ones(length, length, dtype=torch.bool).tril()


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Deal the E numbers of each place out to H heads: head h gets numbers h E/H to (h + 1) E/H - 1.

    Parameters
    ----------
    x : Tensor, (N, T, E)
    heads : int
        H, a divisor of E.

    Returns
    -------
    Tensor, (N, H, T, E / H)

    Raises
    ------
    CourseError
        If H does not divide E.

    Examples
    --------
    >>> split_heads(torch.arange(8).reshape(1, 2, 4), 2).tolist()
    [[[[0, 1], [4, 5]], [[2, 3], [6, 7]]]]
    """
    N, T, E = x.shape
    if heads < 1 or E % heads:
        raise CourseError(f"heads: expected a divisor of {E}, got {heads}. Each head gets E / heads numbers.")
    return x.reshape(N, T, heads, E // heads).transpose(1, 2)  # (N, H, T, E / H)


def join_heads(x: Tensor) -> Tensor:
    """Put what the heads found side by side again: undoes :func:`split_heads`.

    Parameters
    ----------
    x : Tensor, (N, H, T, E / H)

    Returns
    -------
    Tensor, (N, T, E)

    Examples
    --------
    >>> x = torch.randn(2, 3, 8)
    >>> torch.equal(join_heads(split_heads(x, 4)), x)
    True
    """
    return x.transpose(1, 2).flatten(2)  # (N, T, E)


def cross_attention(states: Tensor, memory: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """A writer looks at what was read: its states ask, the reader's states are both keys and values.

    Parameters
    ----------
    states : Tensor, (N, T, E)
        Of the writer, one for each place of what is written.
    memory : Tensor, (N, S, E)
        Of the reader, one for each place of what was read.
    real : Tensor of bool, (N, S)
        False where the source is only padding: nobody looks there.

    Returns
    -------
    context : Tensor, (N, T, E)
    weights : Tensor, (N, T, S)

    Source
    ------
    Bahdanau, Cho and Bengio (2015), section 3.1; with the product of Luong, Pham and Manning (2015), and the root.

    Examples
    --------
    >>> real = torch.tensor([[True, True, False]])
    >>> context, weights = cross_attention(torch.zeros(1, 1, 4), torch.ones(1, 3, 4), real)
    >>> weights
    tensor([[[0.5000, 0.5000, 0.0000]]])
    """
    return scaled_dot_product_attention(states, memory, memory, real[:, None, :])


class MultiheadAttention(nn.Module):
    """Several attentions side by side, each with a share of the numbers, joined by a linear layer.

    Parameters
    ----------
    width : int
        E.
    heads : int
        H, a divisor of E.
    turn : callable(x, positions) -> x, optional
        Turns queries and keys by their positions, such as :func:`coursekit.models.positions.rotary`.
    split : callable(x, heads) -> x
        How numbers are dealt out to heads.

    Raises
    ------
    CourseError
        If H does not divide E.

    Source
    ------
    Vaswani et al. (2017), Attention is all you need, section 3.2.2.

    Examples
    --------
    >>> layer = MultiheadAttention(8, 2)
    >>> layer(torch.ones(4, 5, 8), mask=causal_mask(5)).shape
    torch.Size([4, 5, 8])
    """

    def __init__(self, width: int, heads: int, turn: Callable | None = None, split: Callable = split_heads):
        super().__init__()
        if heads < 1 or width % heads:
            raise CourseError(
                f"heads: expected a divisor of {width}, got {heads}. Each head gets width / heads numbers."
            )
        self.heads, self.turn, self.split = heads, turn, split
        self.project = nn.Linear(width, 3 * width)  # queries, keys and values, in this order
        self.join = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None, fused: bool = False) -> Tensor:
        """Let every place look at the places of its own sequence: (N, T, E) to (N, T, E).

        Parameters
        ----------
        x : Tensor, (N, T, E)
        mask : Tensor of bool that broadcasts to (N, H, T, T), optional
        fused : bool
            Let PyTorch's own function do it, which never writes the weights down.
        """
        return self.join(join_heads(self.looked_up(x, mask, fused)[0]))

    def weights(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Where every head looks: (N, H, T, T)."""
        return self.looked_up(x, mask)[1]

    def looked_up(self, x: Tensor, mask: Tensor | None = None, fused: bool = False) -> tuple[Tensor, Tensor | None]:
        """What each head found (N, H, T, E / H), and with which weights, unless fused."""
        q, k, v = (self.split(part, self.heads) for part in self.project(x).chunk(3, dim=-1))  # (N, H, T, E / H)
        if self.turn is not None:
            positions = torch.arange(x.shape[1], device=x.device)
            q, k = self.turn(q, positions), self.turn(k, positions)
        if fused:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask), None
        return scaled_dot_product_attention(q, k, v, mask)
