"""Byte-pair encoding joins, again and again, the two neighbours that occur most often: frequent words become one token.

It begins with the 256 bytes, of which every text is made, so no text is unknown to it; rare words stay several tokens.

Source: Gage (1994), A new algorithm for data compression; Sennrich, Haddow and Birch (2016), Neural machine translation
of rare words with subword units, section 3.2. That words are cut off first is as in Radford et al. (2019), section 2.2.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from coursekit.errors import CourseError
from coursekit.text.files import load_tokens, of_size, save_tokens, some_text, token_numbers

__all__ = ["BPETokenizer", "merge", "most_frequent_pair"]

BYTES = 256
CHUNK = re.compile(r" ?[^\W\d_]+| ?\d+| ?[^\s\w]+| ?_+|\s+(?!\S)|\s+")  # a word keeps the blank before it


class BPETokenizer:
    """Bytes, and pairs of tokens that were joined because they stood side by side so often.

    Parameters
    ----------
    merges : sequence of (int, int)
        The pairs in the order in which they were learned; pair k becomes token 256 + k.

    Raises
    ------
    CourseError
        If a pair names a token that is not there yet.

    Examples
    --------
    >>> pieces = BPETokenizer.train("low lower lowest " * 9, vocab_size=259)
    >>> [pieces.decode([token]) for token in pieces.encode("lower")]
    ['low', 'e', 'r']
    """

    def __init__(self, merges: Sequence[tuple[int, int]] = ()):
        self.merges = [(int(a), int(b)) for a, b in merges]
        self._spelling = [bytes([k]) for k in range(BYTES)]
        for k, (a, b) in enumerate(self.merges):
            if not (0 <= a < BYTES + k and 0 <= b < BYTES + k):
                raise CourseError(
                    f"merges: expected tokens below {BYTES + k} in pair {k}, got {(a, b)}. Keep the order."
                )
            self._spelling.append(self._spelling[a] + self._spelling[b])
        self._rank = {pair: k for k, pair in reversed(list(enumerate(self.merges)))}
        self._known: dict[str, list[int]] = {}  # words that were cut before

    @classmethod
    def train(cls, text: str, vocab_size: int) -> "BPETokenizer":
        """Learn the merges of a text. Pairs are counted inside words, so no token reaches over a blank.

        Parameters
        ----------
        text : str
        vocab_size : int
            V, at least 256. Training ends earlier when no pair occurs twice.

        Returns
        -------
        BPETokenizer

        Raises
        ------
        CourseError
            If the text is empty or `vocab_size` is less than 256.

        Examples
        --------
        >>> BPETokenizer.train("aaabdaaabac", vocab_size=257).merges  # the pair "aa"
        [(97, 97)]
        """
        if isinstance(vocab_size, bool) or not isinstance(vocab_size, int | np.integer) or vocab_size < BYTES:
            raise CourseError(
                f"vocab_size: expected a whole number of at least {BYTES}, got {vocab_size!r}. Every byte is a token."
            )
        counts = Counter(CHUNK.findall(some_text(text)))
        return cls(_learn([list(_bytes(word)) for word in counts], list(counts.values()), vocab_size - BYTES))

    @property
    def vocab_size(self) -> int:
        """V, how many different tokens there are: 256 bytes and the joined pairs."""
        return len(self._spelling)

    def encode(self, text: str) -> np.ndarray:
        """The tokens of any text: its bytes, joined by the merges in the order in which they were learned.

        Parameters
        ----------
        text : str

        Returns
        -------
        ndarray of int64, (T,)

        Raises
        ------
        CourseError
            If the text is no Unicode that UTF-8 can write (half of a surrogate pair).

        Examples
        --------
        >>> BPETokenizer().encode("\N{LATIN SMALL LETTER E WITH ACUTE}")  # two bytes
        array([195, 169])
        """
        return np.array([token for word in CHUNK.findall(text) for token in self._cut(word)], dtype=np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these tokens; bytes that are no whole character (a cut-off one) become U+FFFD.

        Parameters
        ----------
        ids : iterable of int, length T

        Returns
        -------
        str

        Raises
        ------
        CourseError
            If a number is no token.

        Examples
        --------
        >>> BPETokenizer([(104, 105)]).decode([256, 33])
        'hi!'
        """
        spelled = b"".join(self._spelling[k] for k in token_numbers(ids, self.vocab_size).tolist())
        return spelled.decode("utf-8", errors="replace")

    def save(self, path: str | Path) -> None:
        """Write the tokenizer into a JSON file, whole or not at all.

        Parameters
        ----------
        path : str or Path

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     BPETokenizer([(104, 105)]).save(folder + "/tokens.json")
        ...     BPETokenizer.load(folder + "/tokens.json").vocab_size
        257
        """
        save_tokens(path, "byte pairs", self.merges)

    @classmethod
    def load(cls, path: str | Path, vocab_size: int | None = None) -> "BPETokenizer":
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : str or Path
        vocab_size : int, optional
            V of the model that will read the tokens: a tokenizer of another size is refused.

        Returns
        -------
        BPETokenizer

        Raises
        ------
        DataError
            If the file is no tokenizer of this kind, or one of another vocabulary.

        Examples
        --------
        >>> BPETokenizer.load("nowhere.json")
        Traceback (most recent call last):
            ...
        coursekit.errors.DataError: tokenizer: expected a file that save() wrote, got 'nowhere.json', no file.
        """
        return of_size(cls(load_tokens(path, "byte pairs", list)), vocab_size, path)

    def _cut(self, word: str) -> list[int]:
        if word not in self._known:
            ids = list(_bytes(word))
            while len(ids) > 1:
                pair = min(zip(ids, ids[1:], strict=False), key=lambda p: self._rank.get(p, len(self.merges)))
                if pair not in self._rank:
                    break
                ids = merge(ids, pair, BYTES + self._rank[pair])
            self._known[word] = ids
        return self._known[word]


# -- one step of byte-pair encoding ----------------------------------------------------------------------------------


def most_frequent_pair(ids: Sequence[int]) -> tuple[int, int]:
    """The two neighbours that occur most often; of equally frequent ones the pair that is met first.

    Parameters
    ----------
    ids : sequence of int, length T

    Returns
    -------
    tuple of int

    Raises
    ------
    CourseError
        If there are no two neighbours.

    Examples
    --------
    >>> most_frequent_pair([5, 1, 2, 9, 1, 2])
    (1, 2)
    """
    pairs = Counter(zip(ids, ids[1:], strict=False))
    if not pairs:
        raise CourseError(f"ids: expected at least two tokens, got {len(ids)}. One token has no neighbour.")
    return max(pairs, key=pairs.__getitem__)


def merge(ids: Sequence[int], pair: tuple[int, int], new: int) -> list[int]:
    """Replace every occurrence of a pair, from left to right, by one new token.

    Parameters
    ----------
    ids : sequence of int, length T
    pair : tuple of int
    new : int

    Returns
    -------
    list of int
        At most T long; of three equal tokens in a row the first two are joined.

    Examples
    --------
    >>> merge([1, 1, 1, 2], pair=(1, 1), new=7)
    [7, 1, 2]
    """
    merged: list[int] = []
    k = 0
    while k < len(ids):
        if k + 1 < len(ids) and (ids[k], ids[k + 1]) == tuple(pair):
            merged.append(new)
            k += 2
        else:
            merged.append(ids[k])
            k += 1
    return merged


# -- training --------------------------------------------------------------------------------------------------------


def _learn(words: list[list[int]], counts: list[int], how_many: int) -> list[tuple[int, int]]:
    """The merges of words that occur so often. Only the words that a merge changes are counted anew."""
    pairs: dict[tuple[int, int], int] = defaultdict(int)
    where: dict[tuple[int, int], set[int]] = defaultdict(set)  # the words in which a pair stands
    for k, word in enumerate(words):
        for pair in zip(word, word[1:], strict=False):
            pairs[pair] += counts[k]
            where[pair].add(k)
    merges: list[tuple[int, int]] = []
    while len(merges) < how_many and pairs:
        best = max(pairs, key=lambda p: (pairs[p], -p[0], -p[1]))  # of equals, the one with the smallest numbers
        if pairs[best] < 2:
            break
        for k in where.pop(best):
            old, words[k] = words[k], merge(words[k], best, BYTES + len(merges))
            for pair in zip(old, old[1:], strict=False):
                pairs[pair] -= counts[k]
            for pair in zip(words[k], words[k][1:], strict=False):
                pairs[pair] += counts[k]
                where[pair].add(k)
        pairs = defaultdict(int, {pair: n for pair, n in pairs.items() if n > 0})
        merges.append(best)
    return merges


def _bytes(word: str) -> bytes:
    try:
        return word.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CourseError(
            f"text: expected Unicode that UTF-8 can write, got half of a surrogate pair: {word[error.start]!r}. "
            "Read the file with errors='replace'."
        ) from None
