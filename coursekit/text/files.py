"""A tokenizer is kept in a small JSON file that says what it is, so that another one is not taken for it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.errors import CourseError, DataError
from coursekit.storage import write_whole

__all__ = ["load_tokens", "of_size", "save_tokens", "some_text", "token_numbers"]

FORMAT = "coursekit tokenizer"


def save_tokens(path: str | Path, kind: str, content: Any) -> None:
    """Write what a tokenizer consists of, whole or not at all.

    Parameters
    ----------
    path : str or Path
    kind : str
        Of tokenizer: "characters" or "byte pairs".
    content : str or list

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_tokens(folder + "/tokens.json", "characters", "abc")
    ...     load_tokens(folder + "/tokens.json", "characters", str)
    'abc'
    """
    write_whole(path, json.dumps({"format": FORMAT, "kind": kind, "content": content}).encode("utf-8"))


def load_tokens(path: str | Path, kind: str, form: type) -> Any:
    """Read what :func:`save_tokens` wrote.

    Parameters
    ----------
    path : str or Path
    kind : str
    form : type
        Of the content.

    Returns
    -------
    str or list

    Raises
    ------
    DataError
        If the file is not there, or holds no tokenizer, or one of another kind.

    Examples
    --------
    As for :func:`save_tokens`:

    >>> load_tokens("nowhere.json", "characters", str)
    Traceback (most recent call last):
        ...
    coursekit.errors.DataError: tokenizer: expected a file that save() wrote, got 'nowhere.json', no file.
    """
    try:
        known = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"tokenizer: expected a file that save() wrote, got {str(path)!r}, no file.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"tokenizer: expected a file that save() wrote, got {str(path)!r}: {error}.") from None
    if not isinstance(known, dict) or known.get("format") != FORMAT:
        raise DataError(
            f"tokenizer: expected a file that save() wrote, got {str(path)!r}, another file. Save one first."
        )
    if known.get("kind") != kind or not isinstance(known.get("content"), form):
        raise DataError(
            f"tokenizer: expected one of {kind}, got one of {known.get('kind')} in {str(path)!r}. "
            "Load it with its own class."
        )
    return known["content"]


def of_size(tokenizer: Any, vocab_size: int | None, path: str | Path) -> Any:
    """The tokenizer, if it has the size that a model was made for.

    Parameters
    ----------
    tokenizer : CharTokenizer or BPETokenizer
    vocab_size : int, optional
        None accepts any.
    path : str or Path
        Where it came from, for the message.

    Returns
    -------
    CharTokenizer or BPETokenizer

    Raises
    ------
    DataError
        If it has another size.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> of_size(SimpleNamespace(vocab_size=81), 81, "tokens.json").vocab_size
    81
    """
    if vocab_size is not None and tokenizer.vocab_size != vocab_size:
        raise DataError(
            f"tokenizer: expected a vocabulary of {vocab_size} (the model's), got {tokenizer.vocab_size} in "
            f"{str(path)!r}. Load the tokenizer that the model was trained with."
        )
    return tokenizer


def some_text(text: str) -> str:
    """The text, if it is one and not empty.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Raises
    ------
    CourseError
        If it is empty, or no str.

    Examples
    --------
    >>> some_text("a")
    'a'
    """
    if not isinstance(text, str) or not text:
        got = "an empty corpus" if text == "" else f"{type(text).__name__}"
        raise CourseError(
            f"text: expected a str with at least one character, got {got}. Join a list with ''.join(...)."
        )
    return text


def token_numbers(ids: Iterable[int], vocab_size: int) -> np.ndarray:
    """Whole numbers below V as an array.

    Parameters
    ----------
    ids : iterable of int
    vocab_size : int

    Returns
    -------
    ndarray of int64, (T,)

    Raises
    ------
    CourseError
        If one of them is no token.

    Examples
    --------
    >>> token_numbers([1, 0], 2)
    array([1, 0])
    """
    numbers = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids))
    if numbers.size == 0:
        return np.zeros(0, dtype=np.int64)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise CourseError(
            f"ids: expected a row of whole numbers, got {numbers.dtype} of shape {numbers.shape}. Pass one text."
        )
    if numbers.min() < 0 or numbers.max() >= vocab_size:
        wrong = numbers[(numbers < 0) | (numbers >= vocab_size)][0]
        raise CourseError(f"ids: expected tokens from 0 to {vocab_size - 1}, got {wrong}. Is it another tokenizer's?")
    return numbers.astype(np.int64, copy=False)
