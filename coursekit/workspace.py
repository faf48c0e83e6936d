"""The learner's own copy of the course: it can be brought up to date without ever losing a word they typed.

A notebook is the learner's as soon as its cells (their texts, kinds and order) are none that the course has delivered;
outputs, ids and metadata do not count. Such a file is never written to: a new version arrives beside it. What was
delivered is told from the content, so an update that was killed half-way is simply run again.
"""

import contextlib
import errno
import hashlib
import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from coursekit import __version__, places
from coursekit.errors import NotebookError, WorkspaceError, expect_known
from coursekit.progress import course_file, expect_course, find_course, record
from coursekit.storage import PART, expect_path, write_whole

__all__ = ["Report", "catch_up", "fingerprint", "start", "update"]

FORMAT = 1  # of course.json
ROOMS = ("notebooks", "coursekit", "data", "tests")  # of the checkout: no place for a learner's work
UPDATE = "Run `coursekit update` again"


@dataclass(frozen=True)
class Report:
    """What `start`, `update` or `catch_up` did to a course, by file name; `str` of it is for the learner."""

    folder: Path
    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()  # those of `updated` that had been run: their outputs are gone
    kept: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether any notebook was written."""
        return bool(self.added or self.updated or self.beside or self.restored)

    def __str__(self) -> str:
        lines = [f"The course is in {self.folder}"]
        said = [
            (self.added, "added"),
            ([name for name in self.updated if name not in self.dropped], "updated, you had not changed it"),
            (self.dropped, "updated, you had only run it; its outputs, made by the old version, are gone"),
            (self.restored, "restored, it was missing"),
            (self.beside, "new, beside a file of yours that stays as it is"),
        ]
        lines += [f"  {name}: {what}" for names, what in said for name in names]
        if self.kept:
            lines.append(f"  {len(self.kept)} notebook{'s'[: len(self.kept) > 1]} kept as they are")
        return "\n".join(lines + [f"  warning: {warning}" for warning in self.warnings])


def fingerprint(notebook: bytes) -> str:
    """The sha256 of a notebook's cells: their kinds and texts in order, and nothing else.

    Empty cells at the end do not count: Lab adds one whenever the last cell is run with Shift+Enter.

    Parameters
    ----------
    notebook : bytes
        The content of an ``.ipynb`` file.

    Raises
    ------
    NotebookError
        If the content is no notebook.

    Examples
    --------
    >>> fresh = b'{"cells": [{"cell_type": "code", "source": ["x = 1"], "outputs": []}]}'
    >>> ran = b'{"cells": [{"cell_type": "code", "source": "x = 1", "execution_count": 3}]}'
    >>> edited = b'{"cells": [{"cell_type": "code", "source": "x = 2"}]}'
    >>> fingerprint(fresh) == fingerprint(ran), fingerprint(fresh) == fingerprint(edited)
    (True, False)
    """
    try:
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(notebook)["cells"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise NotebookError(f"notebook: expected the JSON of a notebook, got something else ({reason}).") from error
    while cells and not cells[-1][1].strip():
        cells.pop()
    return hashlib.sha256(json.dumps(cells).encode("ascii")).hexdigest()


def start(folder: Path | str, source: Path | str | None = None) -> Report:
    """Make a course in `folder`, or bring the one that is there up to date.

    A folder that holds other things is fine: the notebooks are added beside them, and nothing is overwritten.

    Parameters
    ----------
    folder : path
        Where the learner will work; it is made if it is not there.
    source : path, optional
        The folder with the learner edition; by default the one that came with coursekit.

    Raises
    ------
    WorkspaceError
        If the folder cannot be written, is one of the course's own, or lies in another course.
    """
    folder, source = expect_path("folder", folder), _source(source)
    _expect_own(folder, source)
    fresh = _editions(source)
    try:
        course_file(folder).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    ledger = _Ledger(folder)
    ledger.save()  # from here on the folder is a course, and `update` can finish what is cut off
    return _recorded(_bring(ledger, fresh))


def _expect_own(folder: Path, source: Path) -> None:
    """The learner's work belongs neither among the course's own files nor into another course."""
    root, other = places.checkout(), find_course(folder)
    kept = [source, *(root / room for room in ROOMS)] if root else [source]
    if folder == root or any(folder.is_relative_to(place) for place in kept):
        raise WorkspaceError(
            f"folder: expected a folder of your own, got {folder}, where the course itself is kept. "
            "Name another one, for example `coursekit start my-course`."
        )
    if other not in (None, folder):
        raise WorkspaceError(
            f"folder: expected a folder outside any course, got {folder}, which lies in the course {other}. "
            f"Name a folder outside it, or bring that course up to date with `coursekit update {other}`."
        )


def update(folder: Path | str, source: Path | str | None = None) -> Report:
    """Bring the course that `folder` lies in up to date, and leave alone whatever the learner changed.

    ================================  ==================================================================
    the notebook in the copy          what happens
    ================================  ==================================================================
    as it was delivered, or only run  replaced by the new version, which has no outputs yet
    touched, and a new version exists the new version arrives beside it; a copy that was thrown away stays away
    missing                           restored
    cannot be read as a notebook      left alone; a fresh copy arrives beside it, with a warning
    the learner's own                 nothing
    ================================  ==================================================================

    Parameters
    ----------
    folder : path
        The course, or a folder in it.
    source : path, optional
        The folder with the learner edition; by default the one that came with coursekit.

    Raises
    ------
    WorkspaceError
        If `folder` is in no course or cannot be written. Nothing is lost: run it again when that is mended.
    """
    return _recorded(_bring(_Ledger(expect_course(folder)), _editions(_source(source))))


def catch_up(folder: Path | str, notebook: str, source: Path | str | None = None) -> Report:
    """Put the worked edition of one notebook into the copy, as ``solutions/NN_name.ipynb``.

    Parameters
    ----------
    folder : path
        The course, or a folder in it.
    notebook : str
        The notebook's name, with or without its number, or the number alone.
    source : path, optional
        The folder with the learner edition and, in it, ``solutions/``.

    Raises
    ------
    UnknownNameError
        If there is no notebook of that name.
    WorkspaceError
        If `folder` is in no course or cannot be written, or the worked edition is not there.
    """
    course, source = expect_course(folder), _source(source)
    if not isinstance(notebook, str):
        raise WorkspaceError(f'notebook: expected a name as text, got {notebook!r}. Write "01" or "perceptron".')
    names = [name.removesuffix(".ipynb") for name in _editions(source)]
    alias = {short: name for name in names for short in (*name.split("_", 1), name)}
    asked = Path(notebook).name.removesuffix(".ipynb")
    name = expect_known("notebook", alias.get(asked, asked), names) + ".ipynb"
    try:
        (course / "solutions").mkdir(exist_ok=True)
    except OSError as error:
        raise _cannot_write(course / "solutions", error) from error
    return _bring(_Ledger(course), {f"solutions/{name}": _edition(source / "solutions" / name)})


def _source(source: Path | str | None) -> Path:
    return expect_path("source", places.notebooks_folder() if source is None else source)


def _editions(source: Path) -> dict[str, bytes]:
    """Every notebook of the learner edition, read whole before anything is written."""
    paths = sorted(source.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise WorkspaceError(
            f"source: expected the course's notebooks in {source}, got none. "
            "In a checkout run `coursekit build`; otherwise install coursekit again."
        )
    return {path.name: _edition(path) for path in paths}


def _edition(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        fingerprint(content)
    except (OSError, NotebookError) as error:
        raise WorkspaceError(
            f"source: expected a notebook of the course, cannot read {path} ({error}). "
            "In a checkout run `coursekit build`; otherwise install coursekit again."
        ) from error
    return content


class _Ledger:
    """What was delivered to a course.

    For each notebook: ``delivered``, every version that was ever sent; ``last``, the one that is known to have come to
    the notebook's own place; ``beside``, the versions that were put beside it, and under which name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = course_file(folder)
        self.content = _read(self.path)
        self.notebooks = {} if self.content is None else self._parse()

    def _parse(self) -> dict:
        try:
            kept = json.loads(self.content)
            if kept["format"] != FORMAT:
                raise WorkspaceError(
                    f"{self.path}: expected format {FORMAT}, got {kept['format']}. Install a newer coursekit."
                )
            return {
                name: {
                    "delivered": list(map(str, entry["delivered"])),
                    "last": entry["last"],
                    "beside": dict(entry["beside"]),
                }
                for name, entry in kept["notebooks"].items()
            }
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise WorkspaceError(
                f"{self.path}: expected the course's list of notebooks, got something else ({error}). Move the file "
                f"away and run `coursekit start {self.folder}`: your notebooks stay as they are."
            ) from error

    def entry(self, name: str) -> dict:
        return self.notebooks.setdefault(name, {"delivered": [], "last": None, "beside": {}})

    def sending(self, name: str, mark: str) -> None:
        if mark not in self.entry(name)["delivered"]:
            self.entry(name)["delivered"].append(mark)

    def save(self) -> None:
        kept = {"format": FORMAT, "coursekit": __version__, "notebooks": self.notebooks}
        content = (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode("ascii")
        if content != self.content:
            _write(self.path, content, over=self.content)
            self.content = content


def _bring(ledger: _Ledger, fresh: dict[str, bytes]) -> Report:
    """Deliver each notebook.

    What will be sent is written down first, so that it is known for the course's own wherever this is cut off; that it
    came is written down after it came.
    """
    _sweep(ledger.folder, fresh)
    for name, content in fresh.items():
        ledger.sending(name, fingerprint(content))
    ledger.save()
    did: dict[str, list[str]] = {field.name: [] for field in fields(Report) if field.name != "folder"}
    for name, content in fresh.items():
        ran = _has_outputs(_read(ledger.folder / name)) and not _has_outputs(content)
        what, file = _deliver(ledger, name, content)
        did[what].append(file)
        if what == "updated" and ran:
            did["dropped"].append(file)
        entry = ledger.entry(name)
        if _mark(_read(ledger.folder / name)) is None:
            copy = entry["beside"].get(fingerprint(content), "another one")
            did["warnings"].append(f"{name} cannot be read as a notebook. It is left as it is; go on in {copy}.")
        ledger.save()
    return Report(ledger.folder, **{what: tuple(files) for what, files in did.items()})


def _recorded(report: Report) -> Report:
    if report.changed:
        record("update", __version__, notebook=None, course=report.folder)
    return report


def _deliver(ledger: _Ledger, name: str, content: bytes) -> tuple[str, str]:
    """Bring one notebook to its place, or beside the learner's; return what was done, and the file's name."""
    entry, path, new = ledger.entry(name), ledger.folder / name, fingerprint(content)
    there = _read(path)
    mark = _mark(there)
    if there is None:
        what = "restored" if entry["last"] else "added"
        _write(path, content, over=None)
    elif mark == new:
        what = "kept"
    elif mark in entry["delivered"]:
        what = "updated"
        _write(path, content, over=there)
    else:
        return _deliver_beside(ledger, name, content, readable=mark is not None)
    entry["last"] = new
    return what, name


def _deliver_beside(ledger: _Ledger, name: str, content: bytes, readable: bool) -> tuple[str, str]:
    """Bring a version that the learner does not have yet to a free name beside their file."""
    entry, new = ledger.entry(name), fingerprint(content)
    if readable and entry["last"] == new:
        return "kept", name  # theirs is made from the newest version
    if new in entry["beside"] and (readable or (ledger.folder / entry["beside"][new]).exists()):
        return "kept", name  # they have it; if they threw it away, they did not want it
    what = "new version" if readable else "fresh copy"
    for k in itertools.count(1):
        copy = f"{name.removesuffix('.ipynb')} ({what} {__version__}{f', {k}' if k > 1 else ''}).ipynb"
        there = _read(ledger.folder / copy)
        if there is None:
            _write(ledger.folder / copy, content, over=None)
        if there is None or _mark(there) == new:  # the latter was written by an update that was cut off
            entry["beside"][new] = copy
            return "beside", copy


def _read(path: Path) -> bytes | None:
    """The file's bytes; None if the name is free; empty, which is no notebook, if it is taken and cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return b""


def _mark(content: bytes | None) -> str | None:
    """The fingerprint, or None where the content is no notebook."""
    try:
        return fingerprint(content or b"")
    except NotebookError:
        return None


def _has_outputs(content: bytes | None) -> bool:
    """Whether a notebook was run and still shows what came of it."""
    return _mark(content) is not None and any(cell.get("outputs") for cell in json.loads(content)["cells"])


def _write(path: Path, content: bytes, over: bytes | None) -> None:
    """Write the file whole or not at all, and only over the bytes that were seen there (None: nothing was)."""

    def expect_unchanged() -> None:
        if _read(path) != over:
            raise WorkspaceError(f"{path}: expected nobody else to write it now, got a change. {UPDATE}.")

    try:
        write_whole(path, content, before_replacing=expect_unchanged)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _sweep(folder: Path, names: Iterable[str]) -> None:
    """Remove what an update that was killed had not finished writing."""
    for place in {(folder / name).parent for name in names} | {course_file(folder).parent}:
        for part in place.glob(f".*{PART}"):
            with contextlib.suppress(OSError):
                part.unlink()


def _cannot_write(path: Path, error: OSError) -> WorkspaceError:
    why = error.strerror or type(error).__name__
    if errno.errorcode.get(error.errno or 0) in ("ENOSPC", "EDQUOT", "WSAEDQUOT"):
        mend = f"Free some space. {UPDATE}"
    elif isinstance(error, FileExistsError | NotADirectoryError):
        mend = "Name a folder, not a file"
    else:
        mend = f"Make the folder writable for you. {UPDATE}"
    return WorkspaceError(f"{path}: expected to write it, got {why!r}. {mend}. Nothing of yours was changed.")
