"""A text is a row of characters, and each character has a number: the simplest tokenizer there is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from coursekit.errors import CourseError
from coursekit.text.files import load_tokens, of_size, save_tokens, some_text, token_numbers

__all__ = ["CharTokenizer"]


class CharTokenizer:
    """Each character is a token.

    Parameters
    ----------
    characters : str or sequence of str
        All different; the place of each is its number.

    Raises
    ------
    CourseError
        If there are none, or one is there twice.

    Examples
    --------
    >>> letters = CharTokenizer.of("banana")
    >>> letters.encode("nab"), letters.decode([1, 0, 1])
    (array([2, 0, 1]), 'bab')
    """

    def __init__(self, characters: Sequence[str]):
        self.characters = tuple(characters)
        self._number = {character: k for k, character in enumerate(self.characters)}
        if not self.characters or any(len(character) != 1 for character in self.characters):
            raise CourseError(
                f"characters: expected single characters, got {list(self.characters[:5])!r}. Give a text."
            )
        if len(self._number) != len(self.characters):
            twice = next(c for c, n in Counter(self.characters).items() if n > 1)
            raise CourseError(f"characters: expected each once, got {twice!r} twice. Use CharTokenizer.of(text).")

    @classmethod
    def of(cls, text: str) -> "CharTokenizer":
        """The characters of a text, in the order of Unicode.

        Parameters
        ----------
        text : str

        Returns
        -------
        CharTokenizer

        Raises
        ------
        CourseError
            If the text is empty.

        Examples
        --------
        >>> CharTokenizer.of("hello").characters
        ('e', 'h', 'l', 'o')
        """
        return cls(sorted(set(some_text(text))))

    @property
    def vocab_size(self) -> int:
        """V, how many different tokens there are."""
        return len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """The number of each character.

        Parameters
        ----------
        text : str

        Returns
        -------
        ndarray of int64, (T,)

        Raises
        ------
        CourseError
            If a character is not among the known ones; it is named, with its place.

        Examples
        --------
        >>> CharTokenizer("ab").encode("abba")
        array([0, 1, 1, 0])
        """
        try:
            return np.fromiter(map(self._number.__getitem__, text), dtype=np.int64, count=len(text))
        except KeyError as error:
            unknown = error.args[0]
            known = "".join(self.characters[:60])
            raise CourseError(
                f"text: expected characters among the {self.vocab_size} known ones ({known!r}...), got {unknown!r} "
                f"at place {text.index(unknown)}. Leave it out, or train on a text that has it."
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """The text that these numbers stand for.

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
        >>> CharTokenizer("ab").decode([0, 1])
        'ab'
        """
        return "".join(self.characters[k] for k in token_numbers(ids, self.vocab_size).tolist())

    def save(self, path: str | Path) -> None:
        """Write the tokenizer into a JSON file, whole or not at all.

        Parameters
        ----------
        path : str or Path

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     CharTokenizer("ab").save(folder + "/tokens.json")
        ...     CharTokenizer.load(folder + "/tokens.json").vocab_size
        2
        """
        save_tokens(path, "characters", "".join(self.characters))

    @classmethod
    def load(cls, path: str | Path, vocab_size: int | None = None) -> "CharTokenizer":
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : str or Path
        vocab_size : int, optional
            V of the model that will read the tokens: a tokenizer of another size is refused.

        Returns
        -------
        CharTokenizer

        Raises
        ------
        DataError
            If the file is no tokenizer of this kind, or one of another vocabulary.

        Examples
        --------
        >>> CharTokenizer.load("nowhere.json")
        Traceback (most recent call last):
            ...
        coursekit.errors.DataError: tokenizer: expected a file that save() wrote, got 'nowhere.json', no file.
        """
        return of_size(cls(load_tokens(path, "characters", str)), vocab_size, path)
