"""A registry says of every data set what it is, who may use it, and which bytes it must have.

:func:`registry` reads ``data/registry.toml``; :func:`verify` proves that a set on this machine is, bit for bit, the one
that the course was written with. :mod:`coursekit.datasets` loads what this module has verified.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from coursekit.errors import DataError, expect_known
from coursekit.places import checkout, data_folder, registry_file
from coursekit.storage import write_whole

__all__ = [
    "Row",
    "bundled_arrays",
    "git_restore",
    "names",
    "registry",
    "repairs",
    "status",
    "this_python",
    "verify",
]

SETTLED_NS = 2_000_000_000  # a file younger than two seconds may still be changing: its digest is not remembered
_digests: dict[str, list] = {}  # path -> [mtime_ns, size, sha256], what this process knows


# --------------------------------------------------------------------------------------------- the registry


@dataclass(frozen=True)
class Row:
    """One table of ``data/registry.toml``: what is known about a data set before it is read."""

    name: str
    sha256: str
    bytes: int
    licence: str
    source: str
    citation: str
    row: str
    units: str
    file: str | None = None
    loader: str | None = None
    mirrors: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    group: str = ""
    read_by: str = ""

    @property
    def path(self) -> Path | None:
        """Where the file belongs; None for a set that scikit-learn brings."""
        return data_folder() / self.file if self.file else None

    @property
    def holds_weights(self) -> bool:
        """Whether the file holds the weights of a trained network, and not a data set."""
        return bool(self.file) and self.file.endswith(".safetensors")


def names() -> list[str]:
    """The names that :func:`coursekit.datasets.load` knows: sets with classes and a test set.

    Weights of networks, texts, series and pictures without a split have rows too, and are read by functions of their
    own (`read_by`).

    Examples
    --------
    >>> names()
    ['adult_income', 'breast_cancer', 'digits', 'fashion_mnist', 'har', 'iris', 'movie_snippets', 'spambase', 'wine']
    """
    return sorted(name for name, row in registry().items() if not row.holds_weights and not row.read_by)


def registry() -> MappingProxyType[str, Row]:
    """Every data set's row, by name.

    Raises
    ------
    DataError
        If the file is missing or is no TOML, or a row lacks its licence or any other key.

    Examples
    --------
    >>> registry()["iris"].units
    'cm'
    """
    path = registry_file()
    try:
        stat = path.stat()
        return _read_registry(path, stat.st_mtime_ns, stat.st_size)
    except FileNotFoundError:
        raise DataError(f"data registry: expected the file {path}, got none. Install the course again.") from None


@lru_cache(maxsize=4)
def _read_registry(path: Path, mtime_ns: int, size: int) -> MappingProxyType[str, Row]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"data registry: expected TOML in {path}, got: {error}. Correct that line.") from None
    mirrors = tuple(tables.pop("mirrors", ()))
    return MappingProxyType({name: _row(name, table, mirrors) for name, table in tables.items()})


def _row(name: str, table: dict, mirrors: tuple[str, ...]) -> Row:
    """Turn a table into a Row, or say which key is missing, empty or unknown."""
    where = f"data registry: row {name!r}:"
    if not isinstance(table, dict):
        raise DataError(f"{where} expected a table, got {table!r}. Write [{name}] above its keys.")
    for key in ("licence", "sha256", "bytes", "source", "citation", "row", "units"):
        if not isinstance(table.get(key), int if key == "bytes" else str) or not table[key]:
            raise DataError(f"{where} expected the key {key!r}, got {table.get(key)!r}. Add it to registry.toml.")
    if bool(table.get("file")) == bool(table.get("loader")):
        raise DataError(f"{where} expected the key 'file' or the key 'loader', got both or none. Keep one.")
    if table.get("file") and Path(table["file"]).name != table["file"]:
        raise DataError(f"{where} file: expected a name without folders, got {table['file']!r}. Put it in data/.")
    unknown = set(table) - {field.name for field in fields(Row)}
    if unknown:
        raise DataError(f"{where} expected known keys, got {', '.join(sorted(unknown))}. Correct the spelling.")
    table = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return Row(**{**table, "name": name, "mirrors": (*table.get("mirrors", ()), *mirrors)})


# ---------------------------------------------------------------------------------------- is the file intact?


def status(name: str) -> str:
    """``"ok"``, ``"missing"``, ``"truncated"`` or ``"changed"``: how a data set compares with its row.

    Raises
    ------
    UnknownNameError
        If no data set has that name.
    """
    return _compare(registry()[expect_known("data set", name, registry())])[0]


def verify(name: str) -> None:
    """Prove that a data set is, bit for bit, the one that the course was written with.

    Raises
    ------
    UnknownNameError
        If no data set has that name.
    DataError
        If it is missing, truncated or changed; the message has both hashes and the command that repairs.
    """
    row = registry()[expect_known("data set", name, registry())]
    state, got = _compare(row)
    if state == "ok":
        return
    what = f"the file {row.path}" if row.file else f"scikit-learn's arrays for {name}"
    advice = ", or ".join(f"`{command}`" for command in repairs(row))
    raise DataError(
        f"data set {name!r} is {state}: expected {what} with {row.bytes:,} bytes and sha256 {row.sha256}, "
        f"got {got}. Run {advice}."
    )


def repairs(row: Row) -> tuple[str, ...]:
    """The commands that put a data set right, the surest first."""
    if row.loader:
        return (this_python("-m pip install --force-reinstall scikit-learn"),)
    fetch = f"coursekit data fetch {row.name}"
    root = checkout()
    git = git_restore(f"data/{row.file}") if root and row.path == root / "data" / row.file else ""
    return (git, fetch) if git else (fetch,)


def this_python(arguments: str) -> str:
    """A command for the Python that runs now: another one on the path has other packages.

    Examples
    --------
    >>> this_python("-m pip install tqdm").endswith(" -m pip install tqdm")
    True
    """
    return f"{subprocess.list2cmdline([sys.executable or 'python'])} {arguments}"  # in quotes where it has a space


def git_restore(file: str) -> str:
    """The command that brings a file of the checkout back; empty where git has no copy of it."""
    root = checkout()
    if not root or not (root / ".git").exists():
        return ""
    git = "git" if Path.cwd() == root else f'git -C "{root}"'
    return f"{git} restore {file}"


def _compare(row: Row) -> tuple[str, str]:
    """(state, what was found in words)."""
    if row.loader:
        x, y = bundled_arrays(row.name)[:2]
        size, sha256 = x.nbytes + y.nbytes, hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()
    elif not row.path.is_file():
        return "missing", "no file"
    else:
        try:
            size, sha256 = row.path.stat().st_size, _digest(row.path)
        except OSError as error:
            raise DataError(
                f"data set {row.name!r}: expected to read {row.path}, got: {error.strerror}. Mend the right to read."
            ) from None
    if (size, sha256) == (row.bytes, row.sha256):
        return "ok", "just that"
    return "truncated" if size < row.bytes else "changed", f"{size:,} bytes and sha256 {sha256}"


def _digest(path: Path) -> str:
    """The file's sha256, computed once for each (path, time of change, size) and remembered between runs."""
    stat, key = path.stat(), str(path.resolve())
    version = [stat.st_mtime_ns, stat.st_size]
    if key not in _digests:
        _digests.update({**_recall(), **_digests})
    known = _digests.get(key)
    if known and known[:2] == version:
        return known[2]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    after = path.stat()
    if [after.st_mtime_ns, after.st_size] == version and time.time_ns() - stat.st_mtime_ns > SETTLED_NS:
        _digests[key] = [*version, digest]
        _remember()
    return digest


def _cache_file() -> Path:
    import pooch

    return Path(os.environ.get("COURSEKIT_CACHE") or pooch.os_cache("coursekit")).expanduser() / "verified.json"


def _recall() -> dict[str, list]:
    """What earlier runs verified; nothing if the cache is missing or damaged, which only costs time."""
    try:
        known = json.loads(_cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = known.items() if isinstance(known, dict) else ()
    return {path: entry for path, entry in known if isinstance(entry, list) and len(entry) == 3}


def _remember() -> None:
    """Replace the cache file as a whole. Where that is not possible, the next run hashes again."""
    with contextlib.suppress(OSError):
        target = _cache_file()
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, json.dumps(_digests).encode("ascii"))


def bundled_arrays(name: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """x, y, class names and feature names of a set that scikit-learn brings, in a fixed byte order."""
    import sklearn.datasets as bundled

    loaders = {
        "breast_cancer": bundled.load_breast_cancer,
        "digits": bundled.load_digits,
        "iris": bundled.load_iris,
        "wine": bundled.load_wine,
    }
    found = loaders[expect_known("scikit-learn's data set", name, loaders)]()
    features = () if name == "digits" else tuple(map(str, found.feature_names))
    classes = tuple(map(str, found.target_names))
    return np.ascontiguousarray(found.data, "<f8"), np.ascontiguousarray(found.target, "<i8"), classes, features
