"""A corpus is text to learn a language from: prose, names, or sentences beside their translations.

Each function returns a :class:`Corpus`: what to learn from, what to choose by, and what to be tested on at the end, for
ever the same, with nothing on two sides. Which bytes a file must have says ``data/registry.toml``.
"""

import csv
import datetime
import gzip
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from coursekit.errors import CourseError, DataError
from coursekit.prepare import deal
from coursekit.registry import registry, verify

__all__ = ["Corpus", "austen", "dates", "first_names", "novels", "verse_pairs"]

TITLES = "EMMA|MANSFIELD PARK|NORTHANGER ABBEY|Persuasion|PRIDE AND PREJUDICE|SENSE AND SENSIBILITY"
FRACTIONS = (0.8, 0.1, 0.1)  # to learn from, to choose by, to test on
PROSE_FRACTIONS = (0.9, 0.05, 0.05)  # of each novel
DATE_FORMS = ("d MMM y", "d MMMM y", "MMMM d, y", "EEEE, d MMMM y", "MMM d, y", "d.M.y", "M/d/y", "EEEE, MMMM d, y")
FIRST_DAY, LAST_DAY = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)


@dataclass(frozen=True, repr=False)
class Corpus:
    """A text, or many, dealt out into three parts that share nothing.

    Attributes
    ----------
    name : str
    train, validation, test : str or tuple
        One long text; or a tuple of texts; or a tuple of pairs of texts.
    about : str
        What one piece is, the licence, and whom to cite.
    """

    name: str
    train: Any
    validation: Any
    test: Any
    about: str = ""

    @property
    def characters(self) -> str:
        """Every character of the three parts, in the order of Unicode: an alphabet is known before a text is read.

        Examples
        --------
        >>> len(austen().characters)
        81
        """
        pieces = (self.train, self.validation, self.test)
        return "".join(sorted(set().union(*map(_characters, pieces))))

    def __repr__(self) -> str:
        unit = "characters" if isinstance(self.train, str) else "pieces"
        train, validation, test = (f"{len(part):,}" for part in (self.train, self.validation, self.test))
        parts = f"{train} {unit} to learn from, {validation} to choose by, {test} to test on"
        example = self.train[:60] if isinstance(self.train, str) else self.train[0]
        return f"{self.name}: {parts}\n  for example  {example!r}\n{self.about}"


def austen() -> Corpus:
    """Jane Austen's six novels, 4 million characters: of each novel the first 90 %, the next 5, and the last 5.

    The parts are cut at the end of a paragraph. That the test is the *end* of each novel is harder, and more honest,
    than paragraphs drawn at random: no sentence stands beside one that was learned. One character, the sign for pounds,
    is met for the first time there: make the tokenizer of ``austen().characters``.

    Returns
    -------
    Corpus
        Its parts are str.

    Raises
    ------
    DataError
        If the file is missing, truncated or changed.

    Examples
    --------
    >>> corpus = austen()
    >>> len(corpus.train) > 3_600_000, corpus.train[49:64]
    (True, 'Emma Woodhouse,')
    """
    parts: list[list[str]] = [[], [], []]
    for text in novels().values():
        ends = [_end_of_paragraph(text, f) for f in np.cumsum(PROSE_FRACTIONS)[:-1]] + [len(text)]
        for part, start, end in zip(parts, [0, *ends[:-1]], ends, strict=True):
            part.append(text[start:end])
    return Corpus("austen", *("".join(part) for part in parts), about=_about("austen"))


def novels() -> dict[str, str]:
    """The six novels, each whole, by title.

    Returns
    -------
    dict of str

    Raises
    ------
    DataError
        If the file is missing, truncated or changed.

    Examples
    --------
    >>> list(novels())[:2]
    ['Emma', 'Mansfield Park']
    """
    text = _read("austen")
    starts = [match.start() for match in re.finditer(rf"^(?:{TITLES})$", text, re.MULTILINE)]
    pieces = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    return {_title(piece.split("\n", 1)[0]): piece for piece in pieces}


def first_names() -> Corpus:
    """32,000 first names from the United States, in small letters, dealt out at random.

    Returns
    -------
    Corpus
        Its parts are tuples of str; no name is in two of them.

    Raises
    ------
    DataError
        If the file is missing, truncated or changed.

    Examples
    --------
    >>> corpus = first_names()
    >>> len(corpus.train), len(set(corpus.train) & set(corpus.test))
    (25600, 0)
    """
    return _dealt("first_names", [row["name"] for row in _rows("first_names")])


def verse_pairs() -> Corpus:
    """Short verses of the Bible in modern English, and in the Spanish of 1909.

    A verse whose English or Spanish stands in the file before is left out, so nothing is tested that was learned.

    Returns
    -------
    Corpus
        Its parts are tuples of pairs (English, Spanish).

    Raises
    ------
    DataError
        If the file is missing, truncated or changed.

    Examples
    --------
    >>> pairs = verse_pairs()
    >>> len(pairs.train) > 5000, len(pairs.train[0])
    (True, 2)
    """
    kept, seen = [], (set(), set())
    for row in _rows("verse_pairs"):
        pair = row["en"].strip(), row["es"].strip()
        keys = [" ".join(re.findall(r"\w+", text.lower())) for text in pair]
        if all(keys) and not any(key in before for key, before in zip(keys, seen, strict=True)):
            kept.append(pair)
        for key, before in zip(keys, seen, strict=True):
            before.add(key)
    return _dealt("verse_pairs", kept)


def dates(n: int = 12_000, forms: Sequence[str] = DATE_FORMS) -> Corpus:
    """Days of two centuries as people write them, and as ISO 8601 does: the neutral exercise in translation.

    A day is written in one form only, and so stands in one part only: what is tested is a day that was never seen.
    Where the day and the month are both numbers, "d.M.y" has the day first and "M/d/y" the month.

    Parameters
    ----------
    n : int
        Different days, from 1900 to 2099.
    forms : sequence of str
        Patterns of Unicode's CLDR, as the package Babel reads them.

    Returns
    -------
    Corpus
        Its parts are tuples of pairs (written date, ISO date).

    Raises
    ------
    CourseError
        If there are not so many days, or no form.

    Examples
    --------
    >>> written, iso = dates(n=100, forms=["d MMMM y"]).train[0]
    >>> written[-4:] == iso[:4]
    True
    """
    from babel.dates import format_date

    days = (LAST_DAY - FIRST_DAY).days + 1
    if not 10 <= n <= days:
        raise CourseError(f"n: expected 10 to {days:,} days, got {n!r}. Ask for fewer.")
    if isinstance(forms, str) or not len(forms):
        raise CourseError(f"forms: expected patterns such as ['d MMMM y'], got {forms!r}. Put them into a list.")
    draws = np.random.PCG64(0).random_raw(days)
    chosen = [FIRST_DAY + datetime.timedelta(days=int(k)) for k in np.argsort(draws, kind="stable")[:n]]
    kinds = draws % len(forms)
    pairs = [
        (format_date(day, forms[int(kind)], locale="en"), day.isoformat())
        for day, kind in zip(chosen, kinds, strict=False)
    ]
    return _dealt("dates", pairs, about="  a piece      one day from 1900 to 2099, as written and as in ISO 8601")


# -- reading and dealing ---------------------------------------------------------------------------------------------


def _dealt(name: str, pieces: list, about: str | None = None) -> Corpus:
    """Deal pieces out by raw numbers, which no version of NumPy changes."""
    draws = np.random.PCG64(0).random_raw(len(pieces))
    parts = deal(draws, FRACTIONS, np.zeros(len(pieces), dtype=np.int64))
    return Corpus(
        name, *(tuple(pieces[k] for k in part) for part in parts), about=_about(name) if about is None else about
    )


def _read(name: str) -> str:
    verify(name)
    path = registry()[name].path
    return _decompressed(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _decompressed(path: str, _version: int) -> str:
    try:
        with gzip.open(path, "rb") as stream:
            return stream.read().decode("utf-8")
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"text: expected gzipped UTF-8 in {path}, got: {error}. Restore the file.") from None


def _rows(name: str) -> Iterable[dict[str, str]]:
    return csv.DictReader(io.StringIO(_read(name), newline=""))


def _about(name: str) -> str:
    row = registry()[name]
    return (
        f"  a piece      {row.row}\n  licence      {row.licence}\n"
        f"  source       {row.source}\n  cite         {row.citation}"
    )


def _characters(part: Any) -> set[str]:
    """The characters of a text, or of texts, or of pairs of texts."""
    return set(part) if isinstance(part, str) else set().union(*map(_characters, part))


def _end_of_paragraph(text: str, fraction: float) -> int:
    """Where the paragraph ends in which that part of the text is reached."""
    end = text.find("\n\n", int(len(text) * fraction))
    return len(text) if end < 0 else end + 2


def _title(heading: str) -> str:
    """'PRIDE AND PREJUDICE' as a title is written."""
    return " ".join(word.lower() if word == "AND" else word.capitalize() for word in heading.split())
