r"""A checkpoint is a file with the weights of a network, from which it can go on working or learning.

The format is safetensors: a list of names, kinds of number and shapes, then the numbers. Unlike a pickle it can run
nothing when it is opened, and PyTorch and others read and write it too.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from coursekit.errors import CourseError, DataError
from coursekit.storage import write_whole

__all__ = ["load", "read", "save"]

LONGEST_HEADER = 100_000_000  # bytes; the format's own limit
RESERVED = "__metadata__"  # a name that the format keeps for itself
KINDS = "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1"  # of number, in NumPy's letters
FOREIGN = {  # how files begin that people take for checkpoints
    b"PK\x03\x04": "a zip archive, as torch.save and numpy.savez write",
    b"\x80": "a pickle, as torch.save once wrote",
    b"\x93NUMPY": "an array of numpy.save",
    b"\x89HDF": "an HDF5 file, as Keras writes",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself",
    b"<": "a web page",
    b"{": "JSON text",
}


def save(state, path, notes: Mapping[str, str] | None = None) -> None:
    """Write the weights of a network to a file, whole or not at all.

    Parameters
    ----------
    state : dict of str to ndarray
        ``network.state_dict()``.
    path : path
        The file, in a folder that is there. What it held before is replaced.
    notes : dict of str to str, optional
        Texts that go into the file's header, for :func:`read`.

    Raises
    ------
    CourseError
        If `state` is no dict of arrays of real numbers, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save({"weight": np.array([1.0, 2.0])}, f"{folder}/net.safetensors")
    ...     load(f"{folder}/net.safetensors")
    {'weight': array([1., 2.])}
    """
    from safetensors.numpy import save as to_bytes

    _expect_state(state)
    rows = {name: np.array(array, order="C") for name, array in state.items()}  # the format knows no other order
    try:
        write_whole(path, to_bytes(rows, None if notes is None else dict(notes)))
    except OSError as error:
        raise CourseError(
            f"path: expected a file that can be written, got {str(path)!r} ({error.strerror}). Make its folder first?"
        ) from error


def load(path) -> dict[str, np.ndarray]:
    """Read the weights that :func:`save`, or PyTorch's safetensors, has written.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of str to ndarray
        For ``network.load_state_dict``.

    Raises
    ------
    DataError
        If the file is missing, truncated, of another format, or holds a kind of number that NumPy has not.

    Examples
    --------
    >>> load("nowhere.safetensors")
    Traceback (most recent call last):
        ...
    coursekit.errors.DataError: path: expected a file, got none at 'nowhere.safetensors'. Look for a slip of the pen.
    """
    return read(path)[0]


def read(path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the arrays of a file, and the texts that its header holds.

    Parameters
    ----------
    path : path

    Returns
    -------
    (dict of str to ndarray, dict of str to str)

    Raises
    ------
    DataError
        As :func:`load` does.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save({"w": np.array([1.0])}, f"{folder}/net.safetensors", notes={"epoch": "3"})
    ...     read(f"{folder}/net.safetensors")
    ({'w': array([1.])}, {'epoch': '3'})
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    data = _read(path)
    notes = _expect_whole(path, data)
    try:
        return from_bytes(data), notes
    except KeyError as error:  # how the library says it
        raise DataError(
            f"{path}: expected kinds of number that NumPy has, got {error.args[0]}. Convert to float32 before saving."
        ) from error
    except SafetensorError as error:
        raise DataError(
            f"{path}: expected a sound safetensors file, got a damaged one ({error}). Copy it anew."
        ) from error


# -- what is wrong with it -------------------------------------------------------------------------------------------
def _expect_state(state) -> None:
    if not isinstance(state, Mapping):
        raise CourseError(f"state: expected a dict of arrays, got {type(state).__name__}. Pass network.state_dict().")
    for name, array in state.items():
        if not isinstance(name, str) or name == RESERVED:
            raise CourseError(f"state: expected names as text, other than {RESERVED!r}, got {name!r}. Rename it.")
        if not isinstance(array, np.ndarray):
            kind = type(array).__name__
            raise CourseError(f"state: expected an array for {name!r}, got {kind}. Pass network.state_dict().")
        if array.dtype.newbyteorder("=") not in KINDS.split():
            raise CourseError(f"state: expected real numbers for {name!r}, got {array.dtype}. Convert them first.")


def _read(path) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"path: expected a file, got none at {str(path)!r}. Look for a slip of the pen.") from None
    except OSError as error:
        raise DataError(
            f"path: expected a file that can be read, got {str(path)!r} ({error.strerror}). Name another."
        ) from error


def _expect_whole(path, data: bytes) -> dict[str, str]:
    """The texts in the header; refuse what is no safetensors file, and one that is too short."""
    length = int.from_bytes(data[:8], "little")  # of the header, in bytes
    if length > LONGEST_HEADER or data[8:9] != b"{":
        known = (what for start, what in FOREIGN.items() if data.startswith(start))
        found = next(known, f"one that begins with {data[:8]!r}" if data else "an empty one")
        raise DataError(f"{path}: expected a safetensors file, got {found}. Write it with checkpoint.save.")
    if len(data) < 8 + length:
        _refuse_truncated(path, f"more than {8 + length:,}", data)
    try:
        entries = json.loads(data[8 : 8 + length])
        ends = [int(entry["data_offsets"][1]) for name, entry in entries.items() if name != RESERVED]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise DataError(
            f"{path}: expected a list of arrays at its start, got none that can be read. Copy it anew."
        ) from None
    if len(data) < 8 + length + max(ends, default=0):
        _refuse_truncated(path, f"{8 + length + max(ends):,}", data)
    return entries.get(RESERVED) or {}


def _refuse_truncated(path, expected: str, data: bytes) -> None:
    raise DataError(
        f"{path}: expected {expected} bytes, got {len(data):,}: the file is truncated. Copy or write it anew."
    )
