"""A recurrent language model reads token by token, and says at each step what comes next.

RNN, LSTM and GRU in PyTorch, what their training needs (teacher forcing, clipping, truncated backpropagation), and
writing. :mod:`coursekit.models.cells` has the cells by hand.
Letters: N sequences, T steps, H numbers of the state, V tokens of the vocabulary.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError, expect_known
from coursekit.models.sampling import sample

__all__ = [
    "KINDS",
    "LanguageModel",
    "clip_by_norm",
    "detached",
    "pieces",
    "teacher_forcing_loss",
    "write",
]

KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
NOTHING = -1  # where a row has ended: no target


# -- training -------------------------------------------------------------------------------------------


def clip_by_norm(gradients: Sequence[Tensor], max_norm: float) -> tuple[list[Tensor], Tensor]:
    """Shorten gradients that, as one long vector, are longer than `max_norm`; the direction stays.

    Parameters
    ----------
    gradients : sequence of Tensor
        Of any shapes. They are not changed.
    max_norm : float

    Returns
    -------
    clipped : list of Tensor
    norm : Tensor, ()
        The length before.

    Source
    ------
    Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks, algorithm 1.

    Examples
    --------
    >>> clip_by_norm([torch.tensor([30.0]), torch.tensor([[40.0]])], 1.0)
    ([tensor([0.6000]), tensor([[0.8000]])], tensor(50.))
    """
    norm = torch.sqrt(sum((g**2).sum() for g in gradients))
    factor = torch.clamp(max_norm / norm, max=1.0)  # infinite where the norm is 0, and then cut to 1
    return [g * factor for g in gradients], norm


def teacher_forcing_loss(logits: Tensor, tokens: Tensor, padding: int = NOTHING) -> Tensor:
    """The mean cost of every next token, where the model was given the true tokens before it.

    Parameters
    ----------
    logits : Tensor, (N, T, V)
        What the model says after each token.
    tokens : Tensor of int, (N, T + 1)
        The rows themselves, from the start token on; `padding` after their end.
    padding : int

    Returns
    -------
    Tensor, ()
        Cross-entropy in nats, the mean over all tokens that are there.

    Source
    ------
    Williams and Zipser (1989), A learning algorithm for continually running fully recurrent neural networks.

    Examples
    --------
    >>> round(teacher_forcing_loss(torch.zeros(1, 2, 4), torch.tensor([[0, 3, -1]])).item(), 3)  # log 4
    1.386
    """
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=padding)


def detached(state):
    """The same numbers, cut off from how they came about: no gradient goes further back.

    Parameters
    ----------
    state : Tensor, tuple of Tensor, or None

    Examples
    --------
    >>> detached(torch.ones(2, requires_grad=True)).requires_grad
    False
    """
    if state is None:
        return None
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def pieces(ids: Sequence[int], rows: int, length: int) -> Iterator[tuple[Tensor, Tensor]]:
    """A long text for truncated backpropagation: `rows` stretches side by side, cut into pieces that follow each other.

    Parameters
    ----------
    ids : sequence of int
    rows : int
        N. Each row reads its own stretch of the text, from beginning to end.
    length : int
        T, tokens in a piece: how far back a gradient goes.

    Yields
    ------
    inputs, targets : Tensor of int64, (N, T)
        Targets are one token further on. What is left over at the end of a row is dropped.

    Raises
    ------
    CourseError
        If the text is too short for one piece.

    Examples
    --------
    >>> [x.tolist() for x, _ in pieces(range(9), rows=2, length=2)]
    [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    """
    tokens = torch.as_tensor(np.asarray(ids, np.int64))
    per_row = (len(tokens) - 1) // rows // length * length
    if per_row == 0:
        raise CourseError(
            f"ids: expected at least {rows * length + 1} tokens for {rows} rows of {length}, got {len(tokens)}. "
            "Take fewer rows, or shorter pieces."
        )
    inputs, targets = (tokens[k : k + rows * per_row].view(rows, per_row) for k in (0, 1))
    yield from zip(inputs.split(length, dim=1), targets.split(length, dim=1), strict=True)


# -- language models ------------------------------------------------------------------------------------


class LanguageModel(nn.Module):
    """A recurrent network that says at each step what comes next: a table of vectors, a layer, scores.

    Parameters
    ----------
    kind : {"RNN", "LSTM", "GRU"}
    vocab_size : int
        V.
    width : int
        Numbers for each token that is read.
    hidden : int
        H.

    Raises
    ------
    CourseError
        If there is no such kind.

    Source
    ------
    Mikolov et al. (2010), Recurrent neural network based language model.

    Examples
    --------
    >>> model = LanguageModel("LSTM", vocab_size=27, width=8, hidden=16)
    >>> logits, state = model(torch.zeros(5, 12, dtype=torch.long))
    >>> logits.shape, state[0].shape
    (torch.Size([5, 12, 27]), torch.Size([1, 5, 16]))
    """

    def __init__(self, kind: str, vocab_size: int, width: int = 32, hidden: int = 128):
        super().__init__()
        expect_known("kind", kind, KINDS)
        self.kind, self.vocab_size = kind, vocab_size
        self.embedding = nn.Embedding(vocab_size, width)
        self.layer = KINDS[kind](width, hidden, batch_first=True)
        self.scores = nn.Linear(hidden, vocab_size)

    def forward(self, tokens: Tensor, state=None):
        """Scores of what comes after each token, (N, T, V), and the state after the last, to go on from."""
        if tokens.ndim != 2 or tokens.shape[1] == 0:
            raise ShapeError(
                f"tokens: expected shape (N, T), T above 0, got {tuple(tokens.shape)}. One row is ids[None]."
            )
        if tokens.min() < 0 or tokens.max() >= self.vocab_size:
            raise CourseError(
                f"tokens: expected numbers from 0 to {self.vocab_size - 1}, got {int(tokens.min())} to "
                f"{int(tokens.max())}. Use the model's own tokenizer; for padding, tokens.clamp(min=0)."
            )
        output, state = self.layer(self.embedding(tokens), state)  # (N, T, H)
        return self.scores(output), state


@torch.no_grad()
def write(
    model: LanguageModel,
    start: int,
    n: int,
    *,
    temperature: float = 1.0,
    rng: np.random.Generator,
    longest: int = 30,
    end: int | None = None,
    choose: Callable[[np.ndarray, float, np.ndarray], np.ndarray] = sample,
) -> list[list[int]]:
    """Let a model write `n` rows at once: each token that it draws is the next that it reads.

    Parameters
    ----------
    model : LanguageModel
    start : int
        The token that every row begins with; it is not part of the result.
    n : int
    temperature : float
    rng : numpy.random.Generator
    longest : int
        A row is cut off after so many tokens.
    end : int, optional
        The token that ends a row; `start` if left out. It is not part of the result.
    choose : callable(logits, temperature, u) -> tokens
        How to draw: :func:`coursekit.models.sampling.sample`.

    Returns
    -------
    list of list of int, length n

    Raises
    ------
    CourseError
        If the temperature is not above 0.

    Examples
    --------
    >>> model = LanguageModel("GRU", vocab_size=5, width=4, hidden=8)
    >>> len(write(model, start=0, n=3, rng=np.random.default_rng(0)))
    3
    """
    end = start if end is None else end
    token, state, columns = torch.full((n, 1), start), None, []
    for _ in range(longest):
        logits, state = model(token, state)
        found = choose(logits[:, -1].double().numpy(), temperature, rng.random(n))
        columns.append(np.asarray(found))
        token = torch.as_tensor(columns[-1])[:, None]
        if all(end in row for row in np.stack(columns, axis=1)):
            break
    rows = np.stack(columns, axis=1).tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]
