"""A device is the chip that does the arithmetic: the processor, or an accelerator made for large arrays.

The course runs on the processor alone. :func:`pick_device` says what else is here, :func:`describe` says it in words.
:func:`recorded` shows what a run on an accelerator has measured; where there is one, a new run is made and written by

    python -m coursekit.device record NAME
"""

import contextlib
import numbers
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coursekit.device.runs import Recorded, recorded
from coursekit.errors import CourseError, expect_known

__all__ = ["Device", "Recorded", "describe", "memory_bytes", "pick_device", "recorded", "set_threads", "threads"]

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Device:
    """A device in words; printing it gives one line."""

    kind: str
    name: str
    memory: int | None
    threads: int
    torch: str

    def __str__(self) -> str:
        memory = "memory unknown" if self.memory is None else f"{self.memory / 1e9:.1f} GB"
        return f"{self.kind}: {self.name}, {memory}, {self.threads} CPU threads, PyTorch {self.torch}"


def pick_device() -> str:
    """The fastest kind of device that PyTorch can use here: ``"cuda"``, ``"mps"`` or ``"cpu"``.

    Examples
    --------
    >>> pick_device() in ("cuda", "mps", "cpu")
    True
    """
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def describe(kind: str | None = None) -> Device:
    """Name, memory and threads of a device, as a record that prints as one line.

    Parameters
    ----------
    kind : {"cuda", "mps", "cpu"}, optional
        That of :func:`pick_device` if left out.

    Raises
    ------
    UnknownNameError
        If `kind` is none of the three.
    CourseError
        If there is no such device here.

    Examples
    --------
    >>> describe("cpu").kind
    'cpu'
    """
    import torch

    kind = pick_device() if kind is None else expect_known("kind", kind, ("cuda", "mps", "cpu"))
    if kind == "cuda":
        if not torch.cuda.is_available():
            raise CourseError("kind: expected a device of this machine, got 'cuda'. Use describe(pick_device()).")
        properties = torch.cuda.get_device_properties(0)
        name, memory = properties.name, properties.total_memory
    else:
        if kind == "mps" and not torch.backends.mps.is_available():
            raise CourseError("kind: expected a device of this machine, got 'mps'. Use describe(pick_device()).")
        name, memory = platform.processor() or platform.machine() or "processor", memory_bytes()
    return Device(kind, name, memory, torch.get_num_threads(), torch.__version__)


def set_threads(n: int) -> int:
    """Let PyTorch and NumPy's matrix products use so many threads of the processor; returns what PyTorch used before.

    Parameters
    ----------
    n : int

    Returns
    -------
    int

    Raises
    ------
    CourseError
        If `n` is no whole number of at least 1.

    Examples
    --------
    >>> before = set_threads(1)
    >>> set_threads(before)
    1
    """
    if not isinstance(n, numbers.Integral) or isinstance(n, bool) or n < 1:
        raise CourseError(f"n: expected a number of threads, at least 1, got {n!r}. Write set_threads(2).")
    import torch
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    before = torch.get_num_threads()
    threadpool_limits(limits=int(n))
    torch.set_num_threads(int(n))
    return before


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Inside, so many threads; then as many as before. One thread makes timings that can be compared.

    Parameters
    ----------
    n : int

    Raises
    ------
    CourseError
        If `n` is no whole number of at least 1.

    Examples
    --------
    >>> with threads(1):
    ...     describe("cpu").threads
    1
    """
    before = set_threads(n)
    try:
        yield
    finally:
        set_threads(before)


def memory_bytes() -> int | None:
    """How much memory this process may use: the machine's, or a container's limit below it. None if nobody says."""
    amounts = [amount for amount in (_machine_memory(), *map(_limit, CGROUP_LIMITS)) if amount]
    return min(amounts, default=None)


def _machine_memory() -> int | None:
    try:
        import psutil  # comes with ipykernel
    except ImportError:
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, OSError, ValueError):  # Windows has no sysconf
            return None
    return psutil.virtual_memory().total


def _limit(path: str) -> int | None:
    """A container's limit from one of the kernel's files; the word "max" means none."""
    try:
        text = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdecimal() else None
