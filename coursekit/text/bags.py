"""A text becomes numbers when its words are counted: a bag of words forgets their order and keeps the rest."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from coursekit.errors import CourseError

__all__ = ["vocabulary", "word_counts", "words"]

WORD = re.compile(r"\w+(?:'\w+)?")


def words(text: str) -> list[str]:
    """The words of a text in small letters; an apostrophe inside a word belongs to it.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> words("It isn't bad. It's GOOD!")
    ['it', "isn't", 'bad', "it's", 'good']
    """
    return WORD.findall(text.lower())


def vocabulary(texts: Iterable[str], at_least: int = 1) -> list[str]:
    """The words that occur in texts, the most frequent first; equally frequent ones in the order of the alphabet.

    Parameters
    ----------
    texts : iterable of str
        Of the training set only: a word that is first met in the test set is unknown, as it would be in use.
    at_least : int
        Leave out words that occur in fewer texts than this.

    Returns
    -------
    list of str, length V

    Examples
    --------
    >>> vocabulary(["good film", "bad film"], at_least=2)
    ['film']
    """
    counts = Counter(word for text in texts for word in set(words(text)))
    return sorted((w for w, n in counts.items() if n >= at_least), key=lambda w: (-counts[w], w))


def word_counts(texts: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """How often each known word occurs in each text: a bag of words.

    Parameters
    ----------
    texts : sequence of str, length N
    known : sequence of str, length V
        All different; words of a text that are not among them are passed over.

    Returns
    -------
    ndarray of float32, (N, V)

    Raises
    ------
    CourseError
        If a known word is there twice.

    Examples
    --------
    >>> word_counts(["Good, good film", "Bad film"], ["film", "good"])
    array([[1., 2.],
           [1., 0.]], dtype=float32)
    """
    column = {word: k for k, word in enumerate(known)}
    if len(column) != len(known):
        raise CourseError(f"known: expected {len(known)} different words, got {len(column)}. Use vocabulary(texts).")
    counts = np.zeros((len(texts), len(known)), dtype=np.float32)  # (N, V)
    for row, text in zip(counts, texts, strict=True):
        for word in words(text):
            if word in column:
                row[column[word]] += 1
    return counts
