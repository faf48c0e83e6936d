r"""An n-gram model says what comes next by counting what came next before, after the same few tokens.

Most long contexts were never seen, so a model of order n leans on the shorter ones. Modified Kneser-Ney smoothing takes
a little (a discount D) from each count, and gives what it took to the model of one order less:

    p_n(w | c) = max(count(c w) - D, 0) / count(c) + gamma(c) p_{n-1}(w | c without its first token)

In the lower orders it counts not how often c w occurs but after how many *different* tokens: "Francisco" is frequent,
but only after "San", so it is not what to expect in a new place. Below all stands the even chance 1 / V.

Source: Kneser and Ney (1995), Improved backing-off for m-gram language modeling; Chen and Goodman (1999), An empirical
study of smoothing techniques for language modeling, section 3 (three discounts, interpolation).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coursekit.errors import CourseError
from coursekit.text.files import token_numbers

__all__ = ["KneserNey", "discounts"]

USUAL_DISCOUNT = 0.75  # where a text is too small to estimate one


@dataclass(frozen=True)
class _Level:
    """All n-grams of one length k: each is written as a number with k digits in base V, and the table is sorted.

    So the n-grams of one context, their first k - 1 digits, stand side by side.
    """

    grams: np.ndarray  # (G,)
    discounted: np.ndarray  # (G,): max(count - D, 0) / count(context)
    left_over: np.ndarray  # (G,): gamma of the context, what the discounts took


class KneserNey:
    """A language model by counting, with modified Kneser-Ney smoothing.

    Parameters
    ----------
    ids : sequence of int, length T
        The tokens to learn from.
    order : int
        n: the last n - 1 tokens decide. 1 is no context at all, 2 the bigram model.
    vocab_size : int
        V.

    Attributes
    ----------
    discounts : list of ndarray, (3,)
        D of n-grams that occur once, twice, and more often, for each order from 1 to n.

    Raises
    ------
    CourseError
        If there is nothing to learn from, a token is not below V, or V^n is too large for a 64-bit number.

    Examples
    --------
    >>> model = KneserNey([0, 1, 0, 1, 0, 1, 2], order=2, vocab_size=3)
    >>> model.probabilities([0]).round(2)  # after 0 came 1, three times
    array([0.08, 0.83, 0.08])
    """

    def __init__(self, ids: Sequence[int], order: int, vocab_size: int):
        tokens = _tokens(ids, vocab_size)
        _expect_order(order, vocab_size)
        if not len(tokens):
            raise CourseError("ids: expected at least one token to learn from, got an empty corpus. Encode a text.")
        self.order, self.vocab_size = order, vocab_size
        self.discounts: list[np.ndarray] = []
        self._levels: list[_Level] = []  # of length 1, 2, ..., order
        longest = min(order, len(tokens))
        grams, counts = np.unique(_windows(tokens, longest, vocab_size), return_counts=True)
        for k in range(longest, 0, -1):
            level, used = _level(grams, counts, vocab_size)
            self._levels.insert(0, level)
            self.discounts.insert(0, used)
            if k > 1:  # in how many different (k)-grams does each (k - 1)-gram stand at the end?
                grams, counts = np.unique(grams % np.uint64(vocab_size ** (k - 1)), return_counts=True)

    def __repr__(self) -> str:
        held = sum(len(level.grams) for level in self._levels)
        return f"KneserNey(order={self.order}, vocab_size={self.vocab_size}): {held:,} n-grams"

    def probabilities(self, context: Sequence[int] = ()) -> np.ndarray:
        """The probability of each token after a context.

        Parameters
        ----------
        context : sequence of int
            What came before, the latest last; only the last n - 1 tokens count.

        Returns
        -------
        ndarray, (V,)
            Sums to 1.

        Raises
        ------
        CourseError
            If a token is not below V.

        Examples
        --------
        >>> bool(np.isclose(KneserNey([0, 1, 1], order=3, vocab_size=4).probabilities([1]).sum(), 1))
        True
        """
        context = _tokens(context, self.vocab_size)
        p = np.full(self.vocab_size, 1 / self.vocab_size)  # (V,)
        for k, level in enumerate(self._levels):
            if k > len(context):
                break
            first = np.uint64(_code(context[len(context) - k :], self.vocab_size) * self.vocab_size)
            start, end = np.searchsorted(level.grams, [first, first + np.uint64(self.vocab_size)])
            if start == end:
                break  # the context was never seen, so no longer one was either
            p *= level.left_over[start]
            p[(level.grams[start:end] - first).astype(np.int64)] += level.discounted[start:end]
        return p

    def log_probs(self, ids: Sequence[int]) -> np.ndarray:
        """The natural logarithm of each token's probability, given all that stands before it in `ids`.

        Parameters
        ----------
        ids : sequence of int, length T

        Returns
        -------
        ndarray, (T,)
            The bits a token of a text are ``-log_probs(ids).mean() / log(2)``.

        Raises
        ------
        CourseError
            If a token is not below V.

        Examples
        --------
        >>> model = KneserNey([0, 1] * 50, order=2, vocab_size=2)
        >>> np.exp(model.log_probs([0, 1, 0])).round(2)
        array([0.5 , 0.99, 0.99])
        """
        tokens = _tokens(ids, self.vocab_size)
        p = np.full(len(tokens), 1 / self.vocab_size)  # (T,)
        for k, level in enumerate(self._levels):
            if k >= len(tokens):
                break
            discounted, left_over = _look_up(level, _windows(tokens, k + 1, self.vocab_size), self.vocab_size)
            p[k:] = discounted + left_over * p[k:]  # (T - k,): the tokens with k before them
        return np.log(p)

    def sample(
        self, n: int, *, rng: np.random.Generator, prompt: Sequence[int] = (), temperature: float = 1.0
    ) -> np.ndarray:
        """Write on: draw one token after the other.

        Parameters
        ----------
        n : int
            Tokens to draw.
        rng : Generator
        prompt : sequence of int
            What stands before them.
        temperature : float
            Below 1 the likely tokens become likelier still: p^(1 / temperature), made to sum to 1 again.

        Returns
        -------
        ndarray of int64, (n,)
            Without the prompt.

        Raises
        ------
        CourseError
            If the temperature is not positive, or a token of the prompt is not below V.

        Examples
        --------
        >>> KneserNey([0, 1] * 50, order=2, vocab_size=2).sample(4, rng=np.random.default_rng(0), prompt=[1])
        array([0, 1, 0, 1])
        """
        if not temperature > 0 or not math.isfinite(temperature):
            raise CourseError(f"temperature: expected a number above 0, got {temperature!r}. 1 keeps the model's own.")
        tokens = token_numbers(prompt, self.vocab_size).tolist()
        start = len(tokens)
        for _ in range(n):
            logs = np.log(self.probabilities(tokens[-self.order + 1 :] if self.order > 1 else ())) / temperature
            p = np.exp(logs - logs.max())
            tokens.append(int(rng.choice(self.vocab_size, p=p / p.sum())))
        return np.array(tokens[start:], dtype=np.int64)


def discounts(counts: np.ndarray) -> np.ndarray:
    """What to take from n-grams that occur once, twice, and three times or more.

    With n_r the number of n-grams that occur r times, and Y = n_1 / (n_1 + 2 n_2):
    D_1 = 1 - 2 Y n_2 / n_1,  D_2 = 2 - 3 Y n_3 / n_2,  D_3+ = 3 - 4 Y n_4 / n_3.
    Where a text is too small for that (some n_r is 0, or D_r would not lie between 0 and r), D_r is 0.75.

    Parameters
    ----------
    counts : ndarray of int, (G,)

    Returns
    -------
    ndarray, (3,)

    Source
    ------
    Chen and Goodman (1999), equation 17.

    Examples
    --------
    >>> discounts(np.array([1] * 60 + [2] * 20 + [3] * 10 + [4] * 5)).round(2)
    array([0.6, 1.1, 1.8])
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6)
    y = n[1] / max(n[1] + 2 * n[2], 1)
    wanted = [r - (r + 1) * y * n[r + 1] / n[r] if n[r] else -1.0 for r in (1, 2, 3)]
    return np.array([d if 0 < d < r else USUAL_DISCOUNT for r, d in zip((1, 2, 3), wanted, strict=True)])


def _level(grams: np.ndarray, counts: np.ndarray, vocab_size: int) -> tuple[_Level, np.ndarray]:
    """The probabilities of one order, from its sorted n-grams and their counts."""
    used = discounts(counts)
    taken = used[np.minimum(counts, 3) - 1]  # (G,)
    contexts = grams // np.uint64(vocab_size)  # (G,)
    start = np.flatnonzero(np.append(True, contexts[1:] != contexts[:-1]))  # (C,): where a context begins
    members = np.diff(np.append(start, len(grams)))
    total = np.add.reduceat(counts, start)  # (C,)
    left_over = np.add.reduceat(taken, start) / total
    return _Level(grams, (counts - taken) / np.repeat(total, members), np.repeat(left_over, members)), used


def _look_up(level: _Level, codes: np.ndarray, vocab_size: int) -> tuple[np.ndarray, np.ndarray]:
    """What each n-gram has of its own (0 if it was never seen), and gamma of its context (1 if that was never seen)."""
    order = np.argsort(codes)  # a search in the order of the table is several times as fast
    codes = codes[order]
    place = np.searchsorted(level.grams, codes)
    right, left = np.minimum(place, len(level.grams) - 1), np.maximum(place - 1, 0)
    own, beside = np.zeros(len(codes)), np.ones(len(codes))
    for near in (left, right):  # a context that was seen has an n-gram next to where this one belongs
        seen = level.grams[near] // np.uint64(vocab_size) == codes // np.uint64(vocab_size)
        beside[seen] = level.left_over[near[seen]]
    known = level.grams[right] == codes
    own[known] = level.discounted[right[known]]
    discounted, left_over = np.empty_like(own), np.empty_like(beside)
    discounted[order], left_over[order] = own, beside
    return discounted, left_over


def _windows(tokens: np.ndarray, k: int, vocab_size: int) -> np.ndarray:
    """Every k tokens in a row, as one number with k digits in base V: (T,) becomes (T - k + 1,)."""
    codes = np.zeros(len(tokens) - k + 1, dtype=np.uint64)
    for j in range(k):
        codes = codes * np.uint64(vocab_size) + tokens[j : len(tokens) - k + 1 + j]
    return codes


def _code(tokens: np.ndarray, vocab_size: int) -> int:
    code = 0
    for token in tokens:
        code = code * vocab_size + int(token)
    return code


def _tokens(ids: Sequence[int], vocab_size: int) -> np.ndarray:
    return token_numbers(ids, vocab_size).astype(np.uint64)


def _expect_order(order: int, vocab_size: int) -> None:
    most = int(63 / math.log2(vocab_size)) if vocab_size > 1 else 63
    if isinstance(order, bool) or not isinstance(order, int | np.integer) or not 1 <= order <= most:
        raise CourseError(
            f"order: expected 1 to {most} for {vocab_size} tokens, got {order!r}. V^order must fit into 63 bits."
        )
