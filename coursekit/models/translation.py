"""A transformer that translates: an encoder reads a whole sentence at once, a decoder writes and looks back at it.

The two halves of the first transformer, with the normalisation before each part as in
:mod:`coursekit.models.transformer`. It is called like :class:`coursekit.models.seq2seq.Seq2Seq`, whose marks for
padding, start and end it shares. Letters: N sentences, S tokens read, T tokens written, E numbers a token, H heads.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError
from coursekit.models.attention import join_heads, split_heads
from coursekit.models.positions import sinusoidal
from coursekit.models.seq2seq import END, PAD, START, UNKNOWN

__all__ = ["DecoderBlock", "EncoderBlock", "Look", "Translator"]


class Look(nn.Module):
    """Multi-head attention of one sequence to another, or to itself.

    Parameters
    ----------
    width, heads : int
        E and H; E is a multiple of H.

    Examples
    --------
    >>> Look(8, 2)(torch.zeros(1, 3, 8), torch.zeros(1, 5, 8)).shape
    torch.Size([1, 3, 8])
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """What each place of x (N, T, E) finds in a memory (N, S, E): (N, T, E); `mask` is True where it may look."""
        key, value = self.key_value(memory).chunk(2, dim=-1)  # each (N, S, E)
        q, k, v = (split_heads(z, self.heads) for z in (self.query(x), key, value))
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)  # (N, H, T, E / H)
        return self.out(join_heads(found))


def _mlp(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 4 * width, bias=False), nn.GELU(), nn.Linear(4 * width, width, bias=False))


class EncoderBlock(nn.Module):
    """Every place of what is read looks at all of it, to the left and to the right.

    Parameters
    ----------
    width, heads : int
    dropout : float
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.look, self.mlp, self.drop = Look(width, heads), _mlp(width), nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """From (N, S, E) to (N, S, E); mask (N, 1, 1, S) is False at padding."""
        h = self.norms[0](x)
        x = x + self.drop(self.look(h, h, mask))
        return x + self.drop(self.mlp(self.norms[1](x)))


class DecoderBlock(nn.Module):
    """Every place of what is written looks at what was written before it, then at all that was read.

    Parameters
    ----------
    width, heads : int
    dropout : float
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.back, self.across = Look(width, heads), Look(width, heads)
        self.mlp, self.drop = _mlp(width), nn.Dropout(dropout)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """From (N, T, E) to (N, T, E), with a memory (N, S, E) and its mask (N, 1, 1, S)."""
        h = self.norms[0](x)
        x = x + self.drop(self.back(h, h, causal=True))
        x = x + self.drop(self.across(self.norms[1](x), memory, mask))
        return x + self.drop(self.mlp(self.norms[2](x)))


class Translator(nn.Module):
    """An encoder-decoder transformer.

    Parameters
    ----------
    source_size, target_size : int
        Tokens known on each side, the four marks included.
    width, heads, layers : int
        E, H, and the number of blocks on each side.
    dropout : float
    rng : torch.Generator, optional
        Draws the first weights.

    Raises
    ------
    CourseError
        If a size is below 1, or `heads` does not divide `width`.

    Source
    ------
    Vaswani et al. (2017), Attention is all you need; the normalisation before each part as in Xiong et al. (2020).

    Examples
    --------
    >>> Translator(10, 12, width=16, heads=2, layers=1)(torch.tensor([[4, 5, 6]]), torch.tensor([[START, 7]])).shape
    torch.Size([1, 2, 12])
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        *,
        width: int = 96,
        heads: int = 4,
        layers: int = 2,
        dropout: float = 0.0,
        rng: torch.Generator | None = None,
    ):
        super().__init__()
        sizes = {"source_size": source_size, "target_size": target_size, "width": width, "heads": heads}
        for name, size in (sizes | {"layers": layers}).items():
            if size < 1:
                raise CourseError(f"{name}: expected at least 1, got {size}. Choose a positive whole number.")
        if width % heads:
            raise CourseError(
                f"heads: expected a divisor of the width {width}, got {heads}. Every head gets as many numbers."
            )
        self.read_embedding, self.write_embedding = nn.Embedding(source_size, width), nn.Embedding(target_size, width)
        self.readers = nn.ModuleList(EncoderBlock(width, heads, dropout) for _ in range(layers))
        self.writers = nn.ModuleList(DecoderBlock(width, heads, dropout) for _ in range(layers))
        self.read_norm, self.write_norm, self.drop = nn.LayerNorm(width), nn.LayerNorm(width), nn.Dropout(dropout)
        for weight in self.parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, 0.0, weight.shape[1] ** -0.5, generator=rng)

    def _placed(self, table: nn.Embedding, tokens: Tensor) -> Tensor:
        """Tokens (N, T) as vectors that know where they stand (N, T, E)."""
        width = table.embedding_dim
        places = sinusoidal(torch.arange(tokens.shape[1], device=tokens.device), width + width % 2)[:, :width]
        return self.drop(table(tokens) * width**0.5 + places.to(table.weight.dtype))

    def read(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Read sentences (N, S): the memory (N, S, E), and where it is real (N, S).

        Raises
        ------
        CourseError
            If there is no sentence, or one that holds nothing but padding.
        """
        if source.ndim != 2:
            raise ShapeError(f"source: expected shape (N, S), got {tuple(source.shape)}. One row a sentence.")
        real = source != PAD  # (N, S)
        if not source.numel() or not real.any(dim=1).all():
            raise CourseError("source: expected at least one token in every row, got an empty row. Leave it out.")
        x = self._placed(self.read_embedding, source)
        for block in self.readers:
            x = block(x, real[:, None, None])
        return self.read_norm(x), real

    def write(self, given: Tensor, read: tuple[Tensor, Tensor]) -> Tensor:
        """Scores (N, T, V) of the token behind each of those given (N, T), for what :meth:`read` returned."""
        memory, real = read
        x = self._placed(self.write_embedding, given)
        for block in self.writers:
            x = block(x, memory, real[:, None, None])
        return F.linear(self.write_norm(x), self.write_embedding.weight)

    def forward(self, source: Tensor, given: Tensor) -> Tensor:
        """Scores (N, T, V) of each next token, all right tokens before it being given (teacher forcing)."""
        return self.write(given, self.read(source))

    @torch.no_grad()
    def greedy(self, source: Tensor, longest: int) -> Tensor:
        """Write by itself: always the likeliest token, until every row has its end mark.

        Parameters
        ----------
        source : Tensor of int64, (N, S)
        longest : int
            The most tokens to write.

        Returns
        -------
        Tensor of int64, (N, T)
            PAD behind the end mark.

        Raises
        ------
        CourseError
            If `longest` is less than 1.
        """
        if longest < 1:
            raise CourseError(f"longest: expected at least 1, got {longest}. Give it room for the end mark.")
        training = self.training
        self.eval()
        read, written = self.read(source), source.new_full((len(source), 1), START)
        ended = torch.zeros(len(source), dtype=torch.bool, device=source.device)
        for _ in range(longest):
            scores = self.write(written, read)[:, -1]  # (N, V)
            scores[:, [PAD, START, UNKNOWN]] = -torch.inf
            token = scores.argmax(dim=1).masked_fill(ended, PAD)  # (N,)
            written = torch.cat([written, token[:, None]], dim=1)
            ended |= token == END
            if ended.all():
                break
        self.train(training)
        return written[:, 1:]
