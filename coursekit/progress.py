"""Progress is a list of things that happened, written down as they happen: one line of JSON each, never changed.

The lines are in ``.coursekit/progress.jsonl`` of the learner's own copy of the course. Nothing is sent anywhere. A line
that a crash has torn is passed over when the list is read; every other line still counts.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from coursekit.errors import WorkspaceError
from coursekit.storage import expect_path

__all__ = ["course_file", "events", "expect_course", "find_course", "progress_file", "record"]

YEARS = range(1970, 2970)  # a time outside of them was written by no clock, and cannot be reckoned with everywhere

_told: set[str] = set()  # a folder that cannot be written is worth one line in a process, not one in every cell


def course_file(course: Path) -> Path:
    """The file that makes a folder a course: what was delivered to it, and when it was touched last.

    Examples
    --------
    >>> course_file(Path("my-course")).as_posix()
    'my-course/.coursekit/course.json'
    """
    return Path(course) / ".coursekit" / "course.json"


def progress_file(course: Path) -> Path:
    """The file with the course's events, one a line.

    Examples
    --------
    >>> progress_file(Path("my-course")).as_posix()
    'my-course/.coursekit/progress.jsonl'
    """
    return Path(course) / ".coursekit" / "progress.jsonl"


def find_course(start: Path | str | None = None) -> Path | None:
    """The learner's course that `start` lies in: the nearest folder upwards that holds ``.coursekit/course.json``.

    Parameters
    ----------
    start : path, optional
        Where to begin; the current folder if not given.

    Returns
    -------
    Path or None
        None outside a course.

    Examples
    --------
    >>> find_course(Path.home().anchor) is None
    True
    """
    try:
        here = Path(start if start is not None else Path.cwd()).resolve()
    except (OSError, RuntimeError):  # the current folder was deleted, or links run in a circle
        return None
    return next((folder for folder in (here, *here.parents) if os.path.isfile(course_file(folder))), None)


def expect_course(folder: Path | str) -> Path:
    """The course that a folder lies in.

    Raises
    ------
    WorkspaceError
        If the folder is in no course, or is not there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     course_file(folder).parent.mkdir()
    ...     _ = course_file(folder).write_text("{}", encoding="utf-8")
    ...     expect_course(folder) == Path(folder).resolve()
    True
    """
    folder = expect_path("folder", folder)
    course = find_course(folder) if folder.is_dir() else None
    if course is None:
        raise WorkspaceError(
            f"folder: expected a folder of the course, got {folder}. "
            "Make a course with `coursekit start DIR`, or go to the one you have."
        )
    return course


def record(kind: str, id: str, *, notebook: str | None, course: Path | None = None, **facts: object) -> None:  # noqa: A002
    """Add one event to the learner's record; outside a course, or in its ``solutions/``, do nothing.

    What runs in ``solutions/`` is the course's work and not the learner's. This function never raises: where the
    record cannot be written it says so, once, and the notebook goes on.

    Parameters
    ----------
    kind : str
        ``"exercise"`` (with ``state=`` and ``misconception=``), ``"prediction"`` (``choice=``), ``"reveal"``,
        ``"claim"`` (``verdict=``) or ``"update"``.
    id : str
        What it happened to: the id of the exercise, prediction or claim; the version that an update brought.
    notebook : str or None
        The notebook's name without its number; None where the event belongs to no notebook.
    course : Path, optional
        The course's folder; by default the one that the current folder lies in.
    **facts
        What else is known. Anything that JSON has no word for is written as text.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     course_file(folder).parent.mkdir()
    ...     record("exercise", "perceptron.margin", notebook="perceptron", course=Path(folder), state="passed")
    ...     [(event["id"], event["state"]) for event in events(folder)]
    [('perceptron.margin', 'passed')]
    """
    try:
        if course is None:
            here = Path.cwd().resolve()
            course = find_course(here)
            if course is None or here.is_relative_to(course / "solutions"):
                return
        event = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "kind": kind, "id": id}
        line = json.dumps({**event, "notebook": notebook, **facts}, default=str)
        _append(progress_file(course), line.encode("ascii") + b"\n")
    except (OSError, TypeError, ValueError) as error:
        if "progress" not in _told:
            _told.add("progress")
            place = "this folder" if course is None else progress_file(course)
            print(f"progress: cannot write {place} ({error}). Your work goes on, but it is not recorded.")


def _append(path: Path, line: bytes) -> None:
    """Put `line` at the end of the file in one write, on a line of its own even if the last one was torn."""
    binary = getattr(os, "O_BINARY", 0)  # Windows would write \r\n
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | binary, 0o644)
    try:
        if os.lseek(file, 0, os.SEEK_END):
            os.lseek(file, -1, os.SEEK_END)
            if os.read(file, 1) != b"\n":
                line = b"\n" + line
        if os.write(file, line) != len(line):
            raise OSError("the disk is full")
    finally:
        os.close(file)


def events(course: Path | str) -> list[dict]:
    """Everything recorded in a course, in the order in which it was written.

    A torn or damaged line is passed over; a kind that this version does not know is kept.

    Raises
    ------
    WorkspaceError
        If the file is there and cannot be read.

    Examples
    --------
    >>> events("no-such-course")
    []
    """
    path = progress_file(Path(course))
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WorkspaceError(
            f"{path}: expected a file to read, got {error.strerror}. Check its permissions."
        ) from error
    return [event for event in map(_event, lines) if event is not None]


def _event(line: bytes) -> dict | None:
    """The event on a line, or None where the line does not hold a whole one."""
    try:
        event = json.loads(line)
        time = datetime.fromisoformat(event["time"])
        named = isinstance(event["kind"], str) and isinstance(event["id"], str)
        told = [event["notebook"], event.get("state"), event.get("misconception")]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    whole = named and time.tzinfo is not None and time.year in YEARS
    return event if whole and all(one is None or isinstance(one, str) for one in told) else None
