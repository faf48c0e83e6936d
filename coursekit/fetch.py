"""A download is finished when its checksum is right, and not before.

:func:`fetch` brings a data file from the first mirror that has it. What a broken connection left behind is kept in a
``.part`` file and continued, also from another mirror; a file with the wrong sha256 never reaches the data folder.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coursekit.errors import DataError, SettingError, expect_known
from coursekit.registry import Row, registry, repairs, status

__all__ = ["Entry", "fetch", "mirrors", "overview", "status"]

TIMEOUT = (10, 30)  # seconds to connect, seconds between two pieces
PIECE = 1 << 16  # bytes


class BrokenMirror(Exception):
    """One mirror cannot give the file; the next one may."""


@dataclass(frozen=True)
class Entry:
    """One line of a table of data sets."""

    name: str
    state: str
    bytes: int
    licence: str
    where: str
    mend: str


def overview(chosen: Iterable[str] | None = None) -> list[Entry]:
    """What the course has and in which state it is, one entry a data set, for a table.

    Parameters
    ----------
    chosen : iterable of str, optional
        Names of data sets. All of them if left out.

    Raises
    ------
    UnknownNameError
        If no data set has one of the names.

    Examples
    --------
    >>> [(entry.name, entry.state) for entry in overview(["iris"])]
    [('iris', 'ok')]
    """
    rows = registry()
    entries = []
    for name in sorted(rows) if chosen is None else chosen:
        row, state = rows[expect_known("data set", name, rows)], status(name)
        mend = "" if state == "ok" else repairs(row)[0]
        where = str(row.path) if row.file else "scikit-learn"
        entries.append(Entry(name, state, row.bytes, row.licence, where, mend))
    return entries


def mirrors(row: Row) -> list[str]:
    """The addresses to try for a data set, in order: ``COURSEKIT_MIRROR`` first, then those of the registry.

    Raises
    ------
    SettingError
        If ``COURSEKIT_MIRROR`` is no web address.
    """
    own = os.environ.get("COURSEKIT_MIRROR", "").strip()
    if own and not own.startswith(("http://", "https://")):
        raise SettingError(
            f"COURSEKIT_MIRROR: expected an address that begins with http:// or https://, got {own!r}. "
            "To use a folder, set COURSEKIT_DATA."
        )
    return [f"{base.rstrip('/')}/{row.file}" for base in ([own] if own else []) + list(row.mirrors)]


def fetch(name: str, force: bool = False, progress: bool = True) -> Path | None:
    """Bring a data set's file into the data folder, verified.

    Parameters
    ----------
    name : str
    force : bool
        Download it again although the file is there and right.
    progress : bool
        Show a progress bar on the standard error stream.

    Returns
    -------
    Path or None
        The file; None for a set that comes with scikit-learn.

    Raises
    ------
    UnknownNameError
        If no data set has that name.
    DataError
        If no mirror gave the file, or it cannot be written. What came so far is kept for the next try.
    """
    row = registry()[expect_known("data set", name, registry())]
    if row.loader:
        return None
    if not force and status(name) == "ok":
        return row.path
    failures = []
    try:
        row.path.parent.mkdir(parents=True, exist_ok=True)
        for url in mirrors(row):
            try:
                return _fetch_from(url, row, progress)
            except BrokenMirror as failure:
                failures.append(f"{url}: {failure}")
    except OSError as error:
        room = error.errno == errno.ENOSPC
        advice = "Free some space" if room else "Make the folder writable, or set COURSEKIT_DATA to one that is"
        problem = f"expected to write into {row.path.parent}, got: {error.strerror or error}"
        raise DataError(f"data set {name!r}: {problem}. {advice}, and run the command again.") from None
    raise DataError(_no_mirror(row, failures))


def _no_mirror(row: Row, failures: list[str]) -> str:
    """One line for a person without a network."""
    commands = [f"`{command}`" for command in repairs(row)]
    if not failures:
        other = f"et COURSEKIT_MIRROR to an address that has {row.file}, and run {commands[-1]}."
        advice = f"Run {commands[0]}, or s{other}" if len(commands) > 1 else f"S{other}"
        return f"data set {row.name!r}: expected a mirror to download from, got none. {advice}"
    kept = _part(row).stat().st_size if _part(row).exists() else 0
    so_far = f" ({kept:,} of {row.bytes:,} bytes are kept, the next try goes on from there)" if kept else ""
    tried = f"expected a mirror to give {row.file}, got {'; '.join(failures)}{so_far}"
    return f"data set {row.name!r}: {tried}. Check the network and run {', or '.join(commands)}."


def _part(row: Row) -> Path:
    """Where an unfinished download waits: its name tells which version of the file it is a part of."""
    return row.path.with_name(f"{row.file}.{row.sha256[:8]}.part")


def _fetch_from(url: str, row: Row, progress: bool) -> Path:
    """Download, verify, move into place. A part that turns out wrong is thrown away, and tried once more from zero."""
    resumed = _part(row).exists()
    try:
        return _retrieve(url, row, progress)
    except ValueError:  # pooch: the sha256 is wrong
        if not resumed:
            raise BrokenMirror("the file there has the wrong sha256") from None
    try:
        return _retrieve(url, row, progress)
    except ValueError:
        raise BrokenMirror("the file there has the wrong sha256") from None


def _retrieve(url: str, row: Row, progress: bool) -> Path:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    staging = tempfile.mkdtemp(prefix=f"{row.file}.", suffix=".part", dir=row.path.parent)
    try:
        download = ResumingDownloader(row, progress)
        done = pooch.retrieve(url, f"sha256:{row.sha256}", fname=row.file, path=staging, downloader=download)
        os.replace(done, row.path)
    except requests.RequestException as error:
        raise BrokenMirror(_in_words(error)) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return row.path


def _in_words(error: Exception) -> str:
    """A failed request in a few words, without the library's chain of causes."""
    import requests

    response = getattr(error, "response", None)
    if response is not None:
        return f"answered {response.status_code} {response.reason}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    return "the connection broke off"


class ResumingDownloader:
    """A pooch downloader that goes on where the last one stopped (HTTP Range, RFC 9110 section 14).

    The bytes gather in a ``.part`` file beside the target. It outlives a broken connection and an interrupt, and is
    handed to pooch, which verifies it, when it is whole.
    """

    def __init__(self, row: Row, progress: bool) -> None:
        self.row, self.part, self.progress = row, _part(row), progress

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        import requests

        start = self.part.stat().st_size if self.part.exists() else 0
        if start > self.row.bytes:
            start = 0
        if start < self.row.bytes:
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
            with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
                response.raise_for_status()
                self.receive(response, start if response.status_code == requests.codes.partial_content else 0)
        os.replace(self.part, output_file)

    def receive(self, response, start: int) -> None:
        """Append the answer to the part, from `start` on, and make sure that it lies on the disk and is whole."""
        from tqdm import tqdm

        claimed = response.headers.get("Content-Range", f"bytes {start}-")
        if not claimed.startswith(f"bytes {start}-"):
            raise BrokenMirror(f"sent another range than asked for ({claimed})")
        bar = tqdm(
            desc=self.row.name,
            total=self.row.bytes,
            initial=start,
            unit="B",
            unit_scale=True,
            disable=not self.progress,
        )
        size = start
        with bar, self.part.open("r+b" if start else "wb") as stream:
            stream.seek(start)
            for piece in response.iter_content(PIECE):
                size += len(piece)
                if size > self.row.bytes:
                    break
                stream.write(piece)
                bar.update(len(piece))
            stream.flush()
            os.fsync(stream.fileno())
        if size != self.row.bytes:
            if size > self.row.bytes:
                self.part.unlink()
            raise BrokenMirror(
                f"sent {'more' if size > self.row.bytes else 'only part'} of the {self.row.bytes:,} bytes"
            )
