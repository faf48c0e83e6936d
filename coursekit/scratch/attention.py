r"""Attention is a look-up: every position asks a question of all others, and takes the mixture of their answers.

Queries Q (what I ask), keys K (what I can be asked for) and values V (what I answer) are tables with one row for each
position, T of queries and S of keys and values. The better a query fits a key, the more of that value it takes:

    A = softmax(Q K^T / sqrt(E)),    output = A V

Source: Vaswani et al. (2017), Attention is all you need, section 3.2.
"""

import math

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch import init
from coursekit.scratch.autograd import Tensor, where
from coursekit.scratch.module import Module
from coursekit.scratch.nn import Linear
from coursekit.scratch.ops.fused import linear
from coursekit.scratch.ops.inputs import expect_size, operand

__all__ = ["MultiheadAttention", "attention_weights", "scaled_dot_product_attention"]


def scaled_dot_product_attention(q, k, v, mask=None, causal=False):
    """For each query, the mean of the values, weighted by how well their keys fit it.

    Parameters
    ----------
    q : Tensor, shape (..., T, E)
    k : Tensor, shape (..., S, E)
    v : Tensor, shape (..., S, V)
        The axes in front, for example batch and heads, are the same or broadcast.
    mask : ndarray of bool, shape (T, S) or one that broadcasts to (..., T, S), optional
        True where a query may look, as in PyTorch's function of this name.
    causal : bool
        Each position looks only at itself and at those before it: the future is hidden.

    Returns
    -------
    Tensor, shape (..., T, V)

    Raises
    ------
    ShapeError
        If there is not one value for each key; and what :func:`attention_weights` raises.

    Examples
    --------
    >>> q, k = Tensor([[0.0, 9.0]]), Tensor([[9.0, 0.0], [0.0, 9.0]])
    >>> scaled_dot_product_attention(q, k, v=Tensor([[1.0], [5.0]]))  # the query fits the second key
    Tensor([[5.]])
    """
    weights = attention_weights(q, k, mask, causal)  # (..., T, S)
    if operand("attention", v).ndim < 2 or v.shape[-2] != k.shape[-2]:
        raise ShapeError(
            f"v: expected one value for each of the {k.shape[-2]} keys, got shape {v.shape}. Pass k's own."
        )
    return weights @ v  # (..., T, V)


def attention_weights(q, k, mask=None, causal=False):
    """How much each query takes from each position: softmax(q k^T / sqrt(E)), and 0 where it may not look.

    Parameters
    ----------
    q : Tensor, shape (..., T, E)
    k : Tensor, shape (..., S, E)
    mask : ndarray of bool that broadcasts to (..., T, S), optional
        True where a query may look.
    causal : bool
        Query t looks at positions 0 to t only.

    Returns
    -------
    Tensor, shape (..., T, S)
        Every row sums to 1.

    Raises
    ------
    ShapeError
        If queries and keys differ in length, or the mask does not fit.
    CourseError
        If the mask is not made of True and False, or hides everything from some query.

    Examples
    --------
    >>> x = Tensor(np.zeros((3, 2)))
    >>> attention_weights(x, x, causal=True).numpy().round(2)
    array([[1.  , 0.  , 0.  ],
           [0.5 , 0.5 , 0.  ],
           [0.33, 0.33, 0.33]])
    """
    q, k = operand("attention", q), operand("attention", k)
    if min(q.ndim, k.ndim) < 2 or q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            f"attention: expected queries (..., T, E) and keys (..., S, E), got {q.shape} and {k.shape}. "
            "Both need vectors of one length E on the last axis."
        )
    scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(-2, -1)  # (..., T, S)
    allowed = _allowed(scores.shape, mask, causal)
    if allowed is not None:
        scores = where(allowed, scores, -np.inf)  # e^-inf = 0: no weight, and no gradient
    return scores.softmax(axis=-1)


class MultiheadAttention(Module):
    """Several attentions side by side, each over its own part of the numbers, joined by a dense layer.

    Parameters
    ----------
    embed_dim : int
        E, how many numbers describe a position.
    num_heads : int
        A divisor of E: each head works with E / num_heads numbers.
    rng : numpy.random.Generator
        Draws the weights: the joint one by Xavier's rule, the last layer as Linear does; biases are 0.
    dtype : dtype

    Attributes
    ----------
    in_proj_weight : Tensor, shape (3 E, E)
        Makes queries, keys and values, in this order.
    in_proj_bias : Tensor, shape (3 E,)
    out_proj : Linear
        From E to E.

    Raises
    ------
    CourseError
        If the heads do not divide `embed_dim`.

    Source
    ------
    Vaswani et al. (2017), Attention is all you need, section 3.2.2.

    Examples
    --------
    >>> layer = MultiheadAttention(8, 2, rng=np.random.default_rng(0))
    >>> layer(Tensor(np.ones((4, 5, 8))), causal=True).shape
    (4, 5, 8)
    """

    def __init__(self, embed_dim, num_heads, *, rng, dtype=np.float32):
        E, self.num_heads = expect_size("embed_dim", embed_dim), expect_size("num_heads", num_heads)
        if E % self.num_heads:
            raise CourseError(
                f"num_heads: expected a divisor of embed_dim = {E}, got {num_heads}. Each head gets E / num_heads."
            )
        self.in_proj_weight = Tensor(init.xavier_uniform((3 * E, E), rng=rng, dtype=dtype), requires_grad=True)
        self.in_proj_bias = Tensor(np.zeros(3 * E, dtype), requires_grad=True)
        self.out_proj = Linear(E, E, rng=rng, dtype=dtype)
        self.out_proj.bias.data[...] = 0

    def forward(self, query, key=None, value=None, mask=None, causal=False, need_weights=False):
        """Let every position of the query look at the positions of the key, and take from the value.

        Parameters
        ----------
        query : Tensor, shape (N, T, E)
        key, value : Tensor, shape (N, S, E), optional
            Left out, the key is the query (self-attention), and the value is the key.
        mask : ndarray of bool, shape (T, S), (N, T, S), or one that broadcasts to (N, num_heads, T, S), optional
            True where a query may look. (PyTorch's layer, unlike its function, takes True for what is hidden.)
        causal : bool
            Query t looks at positions 0 to t only.
        need_weights : bool
            Return the weights too.

        Returns
        -------
        output : Tensor, shape (N, T, E)
        weights : Tensor, shape (N, num_heads, T, S)
            Only if asked for.

        Examples
        --------
        >>> layer = MultiheadAttention(8, 2, rng=np.random.default_rng(0))
        >>> y, weights = layer(Tensor(np.ones((4, 5, 8))), Tensor(np.ones((4, 7, 8))), need_weights=True)
        >>> y.shape, weights.shape
        ((4, 5, 8), (4, 2, 5, 7))
        """
        q, k, v = (self._heads(x) for x in self._projections(query, key, value))  # (N, H, T or S, E / H)
        mask = mask[:, None] if np.ndim(mask) == 3 else mask  # (N, 1, T, S): the same for all heads
        weights = attention_weights(q, k, mask, causal)  # (N, H, T, S)
        joined = (weights @ v).transpose(1, 2).reshape(*query.shape)  # (N, T, E)
        output = self.out_proj(joined)
        return (output, weights) if need_weights else output

    def describe(self) -> str:
        """Its size and its number of heads."""
        return f"{self.in_proj_weight.shape[1]}, {self.num_heads}"

    def _projections(self, query, key, value) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (N, T or S, E)."""
        E, W, b = self.in_proj_weight.shape[1], self.in_proj_weight, self.in_proj_bias
        key = query if key is None else key
        value = key if value is None else value
        for name, x in (("query", query), ("key", key), ("value", value)):
            _expect_sequence(name, x, operand(name, query).shape[0], E)
        if value.shape[1] != key.shape[1]:
            raise ShapeError(f"value: expected one for each key, {key.shape}, got {value.shape}. Leave it out?")
        parts = [slice(i * E, (i + 1) * E) for i in range(3)]
        if query is key is value:
            together = linear(query, W, b)  # (N, T, 3 E)
            return tuple(together[..., part] for part in parts)
        return tuple(linear(x, W[part], b[part]) for x, part in zip((query, key, value), parts, strict=True))

    def _heads(self, x: Tensor) -> Tensor:
        N, T, E = x.shape
        return x.reshape(N, T, self.num_heads, E // self.num_heads).transpose(1, 2)  # (N, H, T, E / H)


def _allowed(shape: tuple[int, ...], mask, causal: bool) -> np.ndarray | None:
    """Where queries may look, or None for everywhere."""
    allowed = np.tri(*shape[-2:], dtype=bool) if causal else None  # (T, S)
    if mask is None:
        return allowed
    if isinstance(mask, Tensor) or np.asarray(mask).dtype != bool:
        kind = "a Tensor" if isinstance(mask, Tensor) else np.asarray(mask).dtype
        raise CourseError(f"mask: expected a NumPy array of True and False, got {kind}. True means: may look.")
    try:
        fits = np.broadcast_shapes(np.shape(mask), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"mask: expected a shape that broadcasts to {shape}, got {np.shape(mask)}. The last two axes are queries "
            "and keys; hide padding with mask[:, None, None, :]."
        )
    allowed = np.asarray(mask) if allowed is None else mask & allowed
    if not allowed.any(axis=-1).all():
        raise CourseError(
            "mask: expected each query to see at least one position, got one that sees none. Let it see itself."
        )
    return allowed


def _expect_sequence(argument: str, x, N: int, E: int) -> None:
    if operand(argument, x).ndim != 3 or x.shape[0] != N or x.shape[2] != E:
        raise ShapeError(
            f"{argument}: expected shape ({N}, T, {E}): examples, positions, numbers; got {x.shape}. "
            "The batch comes first, and the last axis has the size embed_dim."
        )
