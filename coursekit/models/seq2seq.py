"""One network reads a sequence, another writes one, a token at a time: with or without a look back at what was read.

The reader and the writer are GRUs. Without attention all that the writer gets is the reader's last state, one vector
for any length. With attention it looks at all of the reader's states, and chooses anew where to look for every token.
Letters: N sequences, S tokens read, T tokens written, E numbers a token, H numbers a state, V tokens known.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from coursekit.errors import CourseError, ShapeError
from coursekit.models.attention import cross_attention

__all__ = ["END", "PAD", "START", "UNKNOWN", "Seq2Seq", "Symbols", "padded", "sequence_loss", "teacher_forced"]

PAD, START, END, UNKNOWN = range(4)


class Symbols:
    """Tokens and their numbers. The first four numbers are taken: padding, start, end, and "not known".

    Parameters
    ----------
    tokens : sequence of str
        Characters or words, each once.

    Examples
    --------
    >>> symbols = Symbols.of(["abba"])
    >>> symbols.encode("bac")
    [5, 4, 3]
    >>> symbols.decode([5, 4, 2, 4])
    ['b', 'a']
    """

    def __init__(self, tokens: Sequence[str]):
        self.tokens = tuple(tokens)
        if len(set(self.tokens)) < len(self.tokens):
            raise CourseError("tokens: expected each one once, got one twice. Pass dict.fromkeys(tokens).")
        self._number = {token: k for k, token in enumerate(self.tokens, start=4)}

    @classmethod
    def of(cls, sequences: Iterable[Sequence[str]], least: int = 1) -> "Symbols":
        """All tokens that come up at least so often, in the order of the alphabet.

        Examples
        --------
        >>> Symbols.of([["to", "be"], ["or", "to"]], least=2).tokens
        ('to',)
        """
        counts = Counter(token for sequence in sequences for token in sequence)
        return cls(sorted(token for token, count in counts.items() if count >= least))

    def __len__(self) -> int:
        return len(self.tokens) + 4

    def encode(self, sequence: Iterable[str]) -> list[int]:
        """The numbers of some tokens."""
        return [self._number.get(token, UNKNOWN) for token in sequence]

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The tokens of some numbers, up to the end mark; "<unk>" for unknown ones, nothing for padding and start."""
        tokens = []
        for number in numbers:
            if number == END:
                break
            if number not in (PAD, START):
                tokens.append("<unk>" if number == UNKNOWN else self.tokens[number - 4])
        return tokens


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of different lengths as one table, filled up with PAD at the end.

    Parameters
    ----------
    rows : sequence of sequences of int

    Returns
    -------
    Tensor of int64, (N, longest)

    Examples
    --------
    >>> padded([[5, 6, 7], [8]])
    tensor([[5, 6, 7],
            [8, 0, 0]])
    """
    return pad_sequence([torch.tensor(row, dtype=torch.int64) for row in rows], batch_first=True, padding_value=PAD)


def teacher_forced(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """What the writer is given, and what it should say: the same row, moved by one.

    Parameters
    ----------
    rows : sequence of sequences of int

    Returns
    -------
    given, wanted : Tensor of int64, (N, longest + 1)

    Examples
    --------
    >>> given, wanted = teacher_forced([[7, 8], [9]])
    >>> given.tolist(), wanted.tolist()
    ([[1, 7, 8], [1, 9, 0]], [[7, 8, 2], [9, 2, 0]])
    """
    return padded([[START, *row] for row in rows]), padded([[*row, END] for row in rows])


def sequence_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Mean cross-entropy a token, in nats; padding does not count.

    Parameters
    ----------
    logits : Tensor, (N, T, V)
    wanted : Tensor of int64, (N, T)

    Returns
    -------
    Tensor, ()

    Examples
    --------
    >>> sequence_loss(torch.zeros(1, 2, 5), torch.tensor([[4, PAD]]))  # log 5
    tensor(1.6094)
    """
    return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD)


class Seq2Seq(nn.Module):
    """A GRU that reads in both directions, a GRU that writes, and what the second gets to see of the first.

    Parameters
    ----------
    source_size, target_size : int
        Tokens known on each side, the four marks included.
    width : int
        E.
    hidden : int
        H, an even number: half for each direction of reading.
    attend : callable(states, memory, real) -> (context, weights), optional
        Such as :func:`~coursekit.models.attention.cross_attention`. None: the writer sees the reader's last state, and
        nothing else, at every step. All else is the same, and so is the number of weights, but for the queries'.
    dropout : float
        Share of the numbers set to 0 behind embeddings and before the last layer, while training.

    Source
    ------
    Without attention: Cho et al. (2014), Learning phrase representations using RNN encoder-decoder. With: Bahdanau, Cho
    and Bengio (2015), and Luong, Pham and Manning (2015), whose order of things this is.

    Examples
    --------
    >>> network = Seq2Seq(10, 12, width=8, hidden=16)
    >>> network(torch.tensor([[4, 5, 6]]), torch.tensor([[START, 7]])).shape
    torch.Size([1, 2, 12])
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        *,
        width: int = 64,
        hidden: int = 128,
        attend: Callable | None = cross_attention,
        dropout: float = 0.0,
    ):
        super().__init__()
        if hidden < 2 or hidden % 2:
            raise CourseError(f"hidden: expected an even number, got {hidden}. Half of it reads in each direction.")
        self.attend = attend
        self.read_embedding = nn.Embedding(source_size, width, padding_idx=PAD)
        self.reader = nn.GRU(width, hidden // 2, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(hidden, hidden)
        self.write_embedding = nn.Embedding(target_size, width, padding_idx=PAD)
        self.writer = nn.GRU(width, hidden, batch_first=True)
        self.query = nn.Linear(hidden, hidden, bias=False) if attend is not None else None
        self.mix = nn.Linear(2 * hidden, hidden)
        self.say = nn.Linear(hidden, target_size)
        self.dropout = nn.Dropout(dropout)

    def read(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read sequences (N, S): the memory (N, S, H), where it is real (N, S), and the last state (N, H).

        Raises
        ------
        CourseError
            If a row holds nothing but padding.
        """
        if source.ndim != 2:
            raise ShapeError(f"source: expected shape (N, S), got {tuple(source.shape)}. One row a sequence.")
        real = source != PAD  # (N, S)
        lengths = real.sum(dim=1)
        if not source.numel() or not lengths.all():
            raise CourseError("source: expected at least one token in every row, got an empty row. Leave it out.")
        x = self.dropout(self.read_embedding(source))  # (N, S, E)
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.reader(packed)  # last: (2, N, H / 2)
        memory, _ = pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])  # (N, S, H)
        return memory, real, torch.tanh(self.bridge(last.transpose(0, 1).flatten(1)))

    def write(self, given: Tensor, read: tuple[Tensor, Tensor, Tensor], state: Tensor | None = None):
        """Scores for the next token behind each of those given.

        Parameters
        ----------
        given : Tensor of int64, (N, T)
        read : tuple
            What :meth:`read` returned.
        state : Tensor, (1, N, H), optional
            Of the writer, to go on from; left out, it begins.

        Returns
        -------
        logits : Tensor, (N, T, V)
        weights : Tensor, (N, T, S), or None without attention
        state : Tensor, (1, N, H)
        """
        memory, real, last = read
        x = self.dropout(self.write_embedding(given))  # (N, T, E)
        states, state = self.writer(x, last[None].contiguous() if state is None else state)  # (N, T, H)
        if self.attend is None:
            context, weights = last[:, None].expand(-1, given.shape[1], -1), None  # the same at every step
        else:
            context, weights = self.attend(self.query(states), memory, real)  # (N, T, H), (N, T, S)
        mixed = torch.tanh(self.mix(torch.cat([states, context], dim=-1)))  # (N, T, H)
        return self.say(self.dropout(mixed)), weights, state

    def forward(self, source: Tensor, given: Tensor) -> Tensor:
        """Scores (N, T, V) for each next token, all right tokens before it being given (teacher forcing)."""
        return self.write(given, self.read(source))[0]

    @torch.no_grad()
    def greedy(self, source: Tensor, longest: int) -> tuple[Tensor, Tensor | None]:
        """Write by itself: always the likeliest token, until each row has its end mark.

        Parameters
        ----------
        source : Tensor of int64, (N, S)
        longest : int
            The most tokens to write.

        Returns
        -------
        written : Tensor of int64, (N, T)
            PAD behind the end mark.
        weights : Tensor, (N, T, S), or None without attention
            Where it looked for each token.

        Raises
        ------
        CourseError
            If `longest` is less than 1.
        """
        if longest < 1:
            raise CourseError(f"longest: expected at least 1, got {longest}. Give it room for the end mark.")
        training = self.training
        self.eval()
        read, state = self.read(source), None
        token = source.new_full((len(source), 1), START)
        ended = torch.zeros(len(source), dtype=torch.bool, device=source.device)
        written, looked = [], []
        for _ in range(longest):
            logits, weights, state = self.write(token, read, state)
            token = logits[..., UNKNOWN:].argmax(dim=-1) + UNKNOWN  # (N, 1): never PAD or START
            is_end = logits[..., END] > logits[..., UNKNOWN:].amax(dim=-1)
            token = torch.where(is_end, END, token).masked_fill(ended[:, None], PAD)
            written.append(token)
            looked.append(weights)
            ended |= token[:, 0] == END
            if ended.all():
                break
        self.train(training)
        return torch.cat(written, dim=1), None if self.attend is None else torch.cat(looked, dim=1)
