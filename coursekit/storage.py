"""A file is written whole or not at all: beside its place first, and then moved there in one step.

Whoever reads the file sees the old content or the new one, wherever the writing was cut off. An ``OSError`` passes
through, so that each caller can say in its own words what could not be written.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from coursekit.errors import WorkspaceError

__all__ = ["PART", "expect_path", "write_together", "write_whole"]

PART = ".coursekit-part"  # ends the name of a file that is still being written


def write_whole(path: Path | str, data: bytes, before_replacing: Callable[[], None] | None = None) -> None:
    """Make `data` the content of a file, whole or not at all.

    Parameters
    ----------
    path : path
        The file, in a folder that is there.
    data : bytes
    before_replacing : callable, optional
        Called when the new content is safely on the disk; what it raises stops the file from being replaced.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full: the file is as it was, and nothing is left beside it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "note.txt"), b"all of it")
    ...     [(path.name, path.read_bytes()) for path in Path(folder).iterdir()]
    [('note.txt', b'all of it')]
    """
    write_together({Path(path): data}, before_replacing)


def write_together(files: Mapping[Path, bytes], before_replacing: Callable[[], None] | None = None) -> None:
    """Write several files, each as `write_whole` does; none is replaced before all are safely on the disk.

    Raises
    ------
    OSError
        As `write_whole` does.
    """
    parts = {path: path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}") for path in files}
    try:
        for path, data in files.items():
            with open(parts[path], "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        if before_replacing is not None:
            before_replacing()
        for path, part in parts.items():
            os.replace(part, path)
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink()


def expect_path(argument: str, path: Path | str) -> Path:
    """The path, made absolute, links and ``..`` resolved; or a clear error where the value is none.

    Raises
    ------
    WorkspaceError
        If `path` is no path.

    Examples
    --------
    >>> expect_path("folder", None)
    Traceback (most recent call last):
        ...
    coursekit.errors.WorkspaceError: folder: expected a path, got None. Name a folder, for example "my-course".
    """
    try:
        return Path(path).resolve()
    except (TypeError, ValueError, OSError, RuntimeError) as error:  # the last: links that run in a circle
        raise WorkspaceError(
            f'{argument}: expected a path, got {path!r}. Name a folder, for example "my-course".'
        ) from error
