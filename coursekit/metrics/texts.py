"""How near is a text that a model wrote to one that a person wrote? Count the pieces that both have.

BLEU and chrF compare translations, ROUGE summaries. All of them see the surface only: a synonym counts as a mistake.
A text is a str, cut at its blanks (chrF takes its characters), or a list of tokens. All values lie between 0 and 1;
papers print them times 100.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from coursekit.errors import CourseError, ShapeError

__all__ = ["Rouge", "bits_per_character", "bleu", "chrf", "modified_precision", "rouge_l", "rouge_n"]

Text = str | Sequence[str]


class Rouge(NamedTuple):
    """What share of the made text stands in the reference (precision), and the other way round (recall)."""

    precision: float
    recall: float
    f1: float


def bits_per_character(nats: float, tokens: int = 1, characters: int = 1) -> float:
    """A mean loss in nats a token, as bits a character: comparable between models with different tokens.

    Parameters
    ----------
    nats : float
        Mean cross-entropy of a token, natural logarithm.
    tokens, characters : int
        How many of each the text has; leave them out where each character is a token.

    Returns
    -------
    float

    Raises
    ------
    CourseError
        If there are no characters.

    Examples
    --------
    >>> round(bits_per_character(math.log(2)), 6), round(bits_per_character(math.log(16), tokens=50, characters=100), 6)
    (1.0, 2.0)
    """
    if characters < 1 or tokens < 0:
        raise CourseError(
            f"characters: expected at least 1, got {characters} (tokens: {tokens}). Count those of the text."
        )
    return nats / math.log(2) * tokens / characters


def bleu(candidates: Sequence[Text], references: Sequence[Text], max_n: int = 4) -> float:
    """BLEU of a whole test set: n-grams that candidate and reference share, and a penalty for being short.

    exp(min(0, 1 - r / c)) (p_1 p_2 p_3 p_4)^(1/4), with p_n of :func:`modified_precision`, c the length of all
    candidates and r that of all references. It is 0 if some p_n is 0: a single sentence often is.

    Parameters
    ----------
    candidates : sequence of str, length N
        Or of lists of tokens.
    references : sequence, length N
        One reference each.
    max_n : int
        The longest n-grams.

    Returns
    -------
    float

    Raises
    ------
    ShapeError
        If there is not one reference for each candidate.
    CourseError
        If there are none, or a single str stands where a list should, or `max_n` is less than 1.

    Source
    ------
    Papineni et al. (2002), BLEU: a method for automatic evaluation of machine translation, section 2.3.

    Examples
    --------
    >>> bleu(["the cat sat on the mat"], ["the cat sat on the mat"])
    1.0
    >>> round(bleu(["the cat sat on a mat"], ["the cat sat on the mat"]), 3)
    0.537
    """
    pairs = _pairs(candidates, references)
    _expect_n("max_n", max_n)
    matched = [0] * max_n
    possible = [0] * max_n
    for candidate, reference in pairs:
        for n in range(1, max_n + 1):
            hits, all_of_them = modified_precision(candidate, reference, n)
            matched[n - 1] += hits
            possible[n - 1] += all_of_them
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    if min(matched) == 0:
        return 0.0
    logs = [math.log(hit / all_) for hit, all_ in zip(matched, possible, strict=True)]
    return math.exp(min(0.0, 1 - wanted / length) + sum(logs) / max_n)


def modified_precision(candidate: Text, reference: Text, n: int) -> tuple[int, int]:
    """How many n-grams of the candidate stand in the reference, each at most as often as it stands there.

    Parameters
    ----------
    candidate, reference : str or sequence of str
    n : int

    Returns
    -------
    matched, possible : int

    Raises
    ------
    CourseError
        If `n` is less than 1.

    Source
    ------
    Papineni et al. (2002), section 2.1.

    Examples
    --------
    >>> modified_precision("the the the the the the the", "the cat is on the mat", n=1)  # the paper's example
    (2, 7)
    """
    _expect_n("n", n)
    ours, theirs = _ngrams(_tokens(candidate), n), _ngrams(_tokens(reference), n)
    return (ours & theirs).total(), ours.total()


def rouge_n(candidate: Text, reference: Text, n: int = 1) -> Rouge:
    """ROUGE-N: the n-grams that a summary and its reference share.

    Parameters
    ----------
    candidate, reference : str or sequence of str
    n : int

    Returns
    -------
    Rouge
        Zeros where one of them has no n-gram.

    Raises
    ------
    CourseError
        If `n` is less than 1.

    Source
    ------
    Lin (2004), ROUGE: a package for automatic evaluation of summaries, section 2.

    Examples
    --------
    >>> rouge_n("police killed the gunman", "police kill the gunman", n=1)
    Rouge(precision=0.75, recall=0.75, f1=0.75)
    """
    matched, possible = modified_precision(candidate, reference, n)
    return _rouge(matched, possible, _ngrams(_tokens(reference), n).total())


def rouge_l(candidate: Text, reference: Text) -> Rouge:
    """ROUGE-L: the longest row of words that both have in this order, other words between them allowed.

    Parameters
    ----------
    candidate, reference : str or sequence of str

    Returns
    -------
    Rouge

    Source
    ------
    Lin (2004), section 3.

    Examples
    --------
    >>> rouge_l("the gunman kill police", "police killed the gunman")
    Rouge(precision=0.5, recall=0.5, f1=0.5)
    """
    ours, theirs = _tokens(candidate), _tokens(reference)
    row = [0] * (len(theirs) + 1)  # longest common row of what was read of ours with theirs[:k]
    for word in ours:
        above = row
        row = [0]
        for k, other in enumerate(theirs):
            row.append(above[k] + 1 if word == other else max(above[k + 1], row[k]))
    return _rouge(row[-1], len(ours), len(theirs))


def chrf(candidates: Sequence[str], references: Sequence[str], max_n: int = 6, beta: float = 2.0) -> float:
    """The chrF of a whole test set: n-grams of characters, recall counting `beta` times as much as precision.

    Blanks are left out. Precision and recall are averaged over n = 1 to `max_n`; then
    F = (1 + beta^2) P R / (beta^2 P + R). Endings that are nearly right count nearly, which words would not show.

    Parameters
    ----------
    candidates, references : sequence of str, length N
    max_n : int
    beta : float

    Returns
    -------
    float

    Raises
    ------
    ShapeError
        If there is not one reference for each candidate.
    CourseError
        If there are none, or `max_n` is less than 1.

    Source
    ------
    Popovic (2015), chrF: character n-gram F-score for automatic MT evaluation; chrF2 as in sacreBLEU.

    Examples
    --------
    >>> round(chrf(["the cats"], ["the cat"]), 3)
    0.933
    """
    pairs = _pairs(candidates, references)
    _expect_n("max_n", max_n)
    pairs = [tuple(list("".join("".join(text).split())) for text in pair) for pair in pairs]
    precisions, recalls = [], []
    for n in range(1, max_n + 1):
        grams = [(_ngrams(ours, n), _ngrams(theirs, n)) for ours, theirs in pairs]
        matched = sum((a & b).total() for a, b in grams)
        made, wanted = (sum(both[side].total() for both in grams) for side in (0, 1))
        if made and wanted:
            precisions.append(matched / made)
            recalls.append(matched / wanted)
    p, r = (sum(values) / max(len(values), 1) for values in (precisions, recalls))
    return (1 + beta**2) * p * r / (beta**2 * p + r) if p + r else 0.0


# -- counting --------------------------------------------------------------------------------------------------------


def _tokens(text: Text) -> list[str]:
    return text.split() if isinstance(text, str) else list(text)


def _ngrams(tokens: Sequence[str], n: int) -> Counter:
    return Counter(zip(*(tokens[k:] for k in range(n)), strict=False))


def _rouge(matched: int, made: int, wanted: int) -> Rouge:
    precision, recall = matched / max(made, 1), matched / max(wanted, 1)
    return Rouge(precision, recall, 2 * precision * recall / (precision + recall) if matched else 0.0)


def _pairs(candidates: Sequence[Text], references: Sequence[Text]) -> list[tuple[list[str], list[str]]]:
    for name, texts in (("candidates", candidates), ("references", references)):
        if isinstance(texts, str):
            raise CourseError(f"{name}: expected a list of texts, got one str. Put it into a list: [text].")
    if len(candidates) != len(references):
        raise ShapeError(
            f"references: expected one for each of {len(candidates)} candidates, got {len(references)}. Pair them."
        )
    if not len(candidates):
        raise CourseError("candidates: expected at least one text, got none. Give a test set.")
    return [(_tokens(c), _tokens(r)) for c, r in zip(candidates, references, strict=True)]


def _expect_n(name: str, n: int) -> None:
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise CourseError(f"{name}: expected a whole number of at least 1, got {n!r}. BLEU uses up to 4.")
