"""A transformer reads a whole text at once: every position looks at those before it, then thinks for itself.

A decoder-only language model in the manner of GPT-2, in PyTorch: learned or rotary positions, blocks that normalise
before each part and add its answer to what came in, one table for reading tokens and for writing them, and a cache of
keys and values for writing (:func:`coursekit.models.language.generate`).
Letters: N texts, T tokens of each, V words of the vocabulary, E numbers a token, H heads of S numbers each.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError
from coursekit.models.positions import rotary

__all__ = ["GPT", "Attention", "Block", "Cache", "cached_attention", "pre_norm"]

POSITIONS = ("learned", "rotary")


# -- one block ------------------------------------------------------------------------------------------


def pre_norm(x: Tensor, norm_1: Callable, attention: Callable, norm_2: Callable, mlp: Callable) -> Tensor:
    """One block: the tokens exchange what they know, then each thinks for itself; both answers are added to x.

    Parameters
    ----------
    x : Tensor, (N, T, E)
    norm_1, attention, norm_2, mlp : callable
        Each from (N, T, E) to (N, T, E).

    Returns
    -------
    Tensor, (N, T, E)
        h + mlp(norm_2(h)) with h = x + attention(norm_1(x)).

    Source
    ------
    Xiong et al. (2020), On layer normalization in the transformer architecture: normalising *before* each part.

    Examples
    --------
    >>> double, same = (lambda x: 2 * x), (lambda x: x)
    >>> pre_norm(torch.ones(1, 1, 2), same, double, same, same)
    tensor([[[6., 6.]]])
    """
    x = x + attention(norm_1(x))
    return x + mlp(norm_2(x))


def cached_attention(
    query: Tensor, key: Tensor, value: Tensor, past_key: Tensor, past_value: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Attention of new tokens to all tokens so far, whose keys and values were kept.

    Parameters
    ----------
    query, key, value : Tensor, (N, H, T, S)
        Of the T new tokens.
    past_key, past_value : Tensor, (N, H, P, S)
        Of the P tokens before them; P may be 0.

    Returns
    -------
    answer : Tensor, (N, H, T, S)
    keys, values : Tensor, (N, H, P + T, S)
        To be kept for the next call.

    Examples
    --------
    >>> x, nothing = torch.randn(1, 2, 3, 4), torch.zeros(1, 2, 0, 4)
    >>> whole, _, _ = cached_attention(x, x, x, nothing, nothing)
    >>> _, k, v = cached_attention(x[:, :, :2], x[:, :, :2], x[:, :, :2], nothing, nothing)
    >>> last, _, _ = cached_attention(x[:, :, 2:], x[:, :, 2:], x[:, :, 2:], k, v)
    >>> torch.allclose(last, whole[:, :, 2:], atol=1e-6)
    True
    """
    new, before = query.shape[2], past_key.shape[2]
    keys, values = torch.cat([past_key, key], dim=2), torch.cat([past_value, value], dim=2)  # (N, H, P + T, S)
    seen = None
    if new > 1:  # the new tokens must not see each other's future
        seen = torch.ones(new, before + new, dtype=torch.bool, device=query.device).tril(before)  # (T, P + T)
    return F.scaled_dot_product_attention(query, keys, values, attn_mask=seen), keys, values


class Cache:
    """Keys and values of the tokens read so far, a pair for each block; it grows as the model reads on.

    Examples
    --------
    >>> model, cache = GPT(10, context=8, width=16, layers=2, heads=2), Cache()
    >>> _ = model(torch.tensor([[1, 2, 3]]), cache)
    >>> len(cache)
    3
    """

    def __init__(self) -> None:
        self.pairs: dict[int, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        """How many tokens have been read."""
        return next(iter(self.pairs.values()))[0].shape[2] if self.pairs else 0

    def read_by(self, layer: int) -> int:
        """How many tokens one block has read: in the middle of a pass, the blocks are not equally far."""
        return self.pairs[layer][0].shape[2] if layer in self.pairs else 0

    def numbers(self) -> int:
        """How many numbers are kept."""
        return sum(k.numel() + v.numel() for k, v in self.pairs.values())

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention of new tokens in one block to all so far; their keys and values are kept.

        Parameters
        ----------
        layer : int
        query, key, value : Tensor, (N, H, T, S)

        Returns
        -------
        Tensor, (N, H, T, S)
        """
        nothing = key[:, :, :0]
        past = self.pairs.get(layer, (nothing, nothing))
        answer, *pair = cached_attention(query, key, value, *past)
        self.pairs[layer] = (pair[0], pair[1])
        return answer


class Attention(nn.Module):
    """Every token asks all tokens up to itself, with several heads side by side.

    Parameters
    ----------
    width, heads : int
        E and H; E is a multiple of H.
    layer : int
        Which block it belongs to: its place in a cache.
    rotate : bool
        Turn queries and keys by their positions (rotary).
    dropout : float
    """

    def __init__(self, width: int, heads: int, layer: int = 0, rotate: bool = False, dropout: float = 0.0):
        super().__init__()
        self.heads, self.layer, self.rotate, self.dropout = heads, layer, rotate, dropout
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """From (N, T, E) to (N, T, E); with a cache, x are the tokens that come next."""
        n, t, e = x.shape
        qkv = self.qkv(x).view(n, t, 3, self.heads, e // self.heads)  # (N, T, 3, H, S)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (N, H, T, S)
        if self.rotate:
            before = 0 if cache is None else cache.read_by(self.layer)
            positions = torch.arange(before, before + t, device=x.device)  # (T,)
            query, key = rotary(query, positions), rotary(key, positions)
        if cache is not None:
            answer = cache.attend(self.layer, query, key, value)
        else:
            dropout = self.dropout if self.training else 0.0
            answer = F.scaled_dot_product_attention(query, key, value, is_causal=True, dropout_p=dropout)
        return self.out(answer.transpose(1, 2).reshape(n, t, e))  # (N, T, E)


class Block(nn.Module):
    """Attention and a network of two layers, wired with their normalisations by `wiring`.

    Parameters
    ----------
    width, heads, layer : int
    rotate : bool
    dropout : float
    wiring : callable
        As :func:`pre_norm`.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        layer: int = 0,
        rotate: bool = False,
        dropout: float = 0.0,
        wiring: Callable = pre_norm,
    ):
        super().__init__()
        self.wiring = wiring
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, layer, rotate, dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, bias=False), nn.GELU(), nn.Linear(4 * width, width, bias=False)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """From (N, T, E) to (N, T, E)."""
        return self.wiring(
            x,
            self.norm_1,
            lambda h: self.drop(self.attention(h, cache)),
            self.norm_2,
            lambda h: self.drop(self.mlp(h)),
        )


# -- the model ------------------------------------------------------------------------------------------


class GPT(nn.Module):
    """A decoder-only transformer: scores of the next token, at every position of a text.

    Parameters
    ----------
    vocab_size : int
        V.
    context : int
        The most tokens that it can read.
    width, layers, heads : int
        E, the number of blocks, and H; E is a multiple of H.
    positions : "learned" or "rotary"
    dropout : float
    wiring : callable
        How a block is put together: :func:`pre_norm`, or another function of the same arguments.
    rng : torch.Generator, optional
        Draws the first weights.

    Raises
    ------
    CourseError
        If `width` is no multiple of `heads`, a size is below 1, or `positions` is unknown.

    Source
    ------
    Radford et al. (2019), Language models are unsupervised multitask learners (GPT-2); first weights as there.

    Examples
    --------
    >>> GPT(50, context=8, width=16, layers=2, heads=4)(torch.zeros(3, 5, dtype=torch.long)).shape
    torch.Size([3, 5, 50])
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        context: int = 64,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        positions: str = "learned",
        dropout: float = 0.0,
        wiring: Callable = pre_norm,
        rng: torch.Generator | None = None,
    ):
        super().__init__()
        sizes = {"vocab_size": vocab_size, "context": context, "width": width, "layers": layers, "heads": heads}
        _expect_sizes(sizes, positions)
        self.vocab_size, self.context = vocab_size, context
        self.embed = nn.Embedding(vocab_size, width)
        self.place = nn.Embedding(context, width) if positions == "learned" else None
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(width, heads, layer, positions == "rotary", dropout, wiring) for layer in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self._first_weights(rng)

    def _first_weights(self, rng: torch.Generator | None) -> None:
        """Normal with spread 0.02; what is added to the stream is smaller, the more blocks add to it."""
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                adds = name.endswith(("out.weight", "mlp.2.weight"))
                nn.init.normal_(weight, 0.0, 0.02 / (2 * len(self.blocks)) ** 0.5 if adds else 0.02, generator=rng)

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Scores (N, T, V) of the token after each of these (N, T); with a cache, they go on from what was read.

        Raises
        ------
        CourseError
            If there is no token, one that is not in the vocabulary, or more than the context holds.
        """
        before = 0 if cache is None else len(cache)
        self._expect_tokens(tokens, before)
        x = self.embed(tokens)  # (N, T, E)
        if self.place is not None:
            x = x + self.place.weight[before : before + tokens.shape[1]]
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, cache)
        return F.linear(self.norm(x), self.embed.weight)  # (N, T, V)

    def _expect_tokens(self, tokens: Tensor, before: int) -> None:
        if tokens.ndim != 2:
            raise ShapeError(
                f"tokens: expected shape (N, T), got {tuple(tokens.shape)}. Add an axis for the batch: tokens[None]."
            )
        length = tokens.shape[1]
        if not tokens.numel():
            raise CourseError("tokens: expected at least one, got none. Begin with a prompt of one token or more.")
        if before + length > self.context:
            read = f" after {before} already read" if before else ""
            raise CourseError(
                f"tokens: expected at most {self.context}, the model's context, got {length}{read}. "
                "Cut the text, or build the model with a larger context."
            )
        if tokens.device.type != "cpu":
            return  # to look at the numbers would make an accelerator wait; it refuses them itself
        low, high = int(tokens.min()), int(tokens.max())
        if low < 0 or high >= self.vocab_size:
            wrong = low if low < 0 else high
            raise CourseError(
                f"tokens: expected numbers from 0 to {self.vocab_size - 1}, got {wrong}. "
                "Encode the text with the tokeniser that the model was trained with."
            )


def _expect_sizes(sizes: dict[str, int], positions: str) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise CourseError(f"{name}: expected at least 1, got {size}. Choose a positive whole number.")
    if sizes["width"] % sizes["heads"]:
        raise CourseError(
            f"heads: expected a divisor of the width {sizes['width']}, got {sizes['heads']}. "
            "Every head gets as many numbers."
        )
    if positions not in POSITIONS:
        raise CourseError(f"positions: expected one of {', '.join(POSITIONS)}, got {positions!r}. Choose one of these.")
