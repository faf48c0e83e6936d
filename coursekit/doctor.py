"""A doctor looks at a machine, says in a line each what is well and what is not, and names the command that mends it.

:func:`examine` makes the findings, :func:`report` prints them: as text, as a table in a notebook, as JSON. Every check
is a function of what it looks at, with the machine as its default, so that a test can show it a sick one.
"""

import html
import json
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from coursekit import device
from coursekit.errors import CourseError
from coursekit.fetch import Entry, overview
from coursekit.places import lock_file
from coursekit.registry import git_restore, this_python

__all__ = [
    "Finding",
    "Report",
    "check_accelerator",
    "check_data",
    "check_disk",
    "check_folder",
    "check_kernel",
    "check_memory",
    "check_packages",
    "check_python",
    "examine",
    "read_lock",
    "report",
]

OLDEST_PYTHON = (3, 11)
PACKAGES = (
    "anywidget",
    "babel",
    "ipykernel",
    "jupyterlab",
    "jupytext",
    "matplotlib",
    "nbclient",
    "nbformat",
    "numpy",
    "pandas",
    "pooch",
    "safetensors",
    "scikit-learn",
    "torch",
    "tqdm",
)
ENOUGH_MEMORY = 4e9  # bytes
ENOUGH_DISK, LEAST_DISK = 2e9, 200e6  # bytes
KERNEL_SECONDS = 30
CLOSE = "close other programs, and run one notebook at a time"
SIGNS = {"ok": "✓", "warning": "!", "problem": "✗"}


@dataclass(frozen=True)
class Finding:
    """What one check found: its name, ``"ok"``, ``"warning"`` or ``"problem"``, a sentence, and what mends it."""

    name: str
    state: str
    message: str
    mend: str = ""


# ------------------------------------------------------------------------------------------------ the checks


def check_python(version: tuple[int, ...] | None = None) -> list[Finding]:
    """Is Python new enough?

    Examples
    --------
    >>> check_python((3, 9, 2))[0].state
    'problem'
    """
    version = tuple(version or sys.version_info[:3])
    found, oldest = ".".join(map(str, version[:3])), ".".join(map(str, OLDEST_PYTHON))
    if version[:2] < OLDEST_PYTHON:
        message = f"found {found}, needed {oldest} or newer"
        return [Finding("Python", "problem", message, "install a newer Python from python.org, then: make lab")]
    return [Finding("Python", "ok", f"{found} on {platform.system()} {platform.machine()}")]


def read_lock(path: Path | None = None) -> dict[str, str]:
    """The versions that the lock file pins, by normalised package name; empty if there is no lock file."""
    try:
        lines = (path or lock_file()).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pins = (re.match(r"\s*([\w.-]+)(?:\[[^]]*\])?\s*==\s*([^\s;#,]+)", line) for line in lines)
    return {_normal(pin[1]): pin[2] for pin in pins if pin}


def check_packages(
    locked: dict[str, str] | None = None, installed: Callable[[str], str] = metadata.version
) -> list[Finding]:
    """Is every package that the course needs here, in the version of the lock file? Only what differs gets a line.

    Parameters
    ----------
    locked : dict, optional
        Version by package name, as :func:`read_lock` gives it.
    installed : callable
        From a name to its installed version; raises PackageNotFoundError.
    """
    locked = read_lock() if locked is None else locked
    findings, same = [], 0
    for name in PACKAGES:
        pin = locked.get(_normal(name))
        wanted = this_python("-m pip install " + (f'"{name}=={pin}"' if pin else name))
        try:
            found = installed(name)
        except metadata.PackageNotFoundError:
            findings.append(Finding(name, "problem", "not installed", wanted))
            continue
        if pin and _public(found) != _public(pin):
            message = f"found {found}; the course is tested with {pin}"
            findings.append(Finding(name, "warning", message, wanted))
        else:
            same += 1
    if not locked:
        mend = git_restore(lock_file().name) or "install the course again: the file comes with it"
        findings.append(Finding("lock file", "warning", f"no {lock_file().name}: versions are not compared", mend))
    if same:
        how = "as in the lock file" if locked else "installed"
        findings.insert(0, Finding("packages", "ok", f"{same} of {len(PACKAGES)} {how}"))
    return findings


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _public(version: str) -> str:
    """A version without its local part: 2.13.0+cpu is 2.13.0 built for the processor alone."""
    return version.split("+")[0]


def check_memory(total: int | None = None) -> list[Finding]:
    """Is there memory for the largest notebook? `total` in bytes."""
    total = device.memory_bytes() if total is None else total
    if total is None:
        message = "this system does not say how much there is; the course wants 4 GB"
        return [Finding("memory", "warning", message, f"if a kernel dies, {CLOSE}")]
    if total < ENOUGH_MEMORY:
        return [Finding("memory", "warning", f"{total / 1e9:.1f} GB; the course wants 4 GB", CLOSE)]
    return [Finding("memory", "ok", f"{total / 1e9:.1f} GB")]


def check_disk(free: int | None = None, folder: Path | None = None) -> list[Finding]:
    """Is there room for notebooks and data? `free` in bytes."""
    folder = folder or Path.cwd()
    free = shutil.disk_usage(folder).free if free is None else free
    message = f"{free / 1e9:.1f} GB free in {folder}"
    if free >= ENOUGH_DISK:
        return [Finding("disk", "ok", message)]
    state = "problem" if free < LEAST_DISK else "warning"
    return [Finding("disk", state, f"{message}; the course wants 2 GB", _make_room(folder))]


def _make_room(folder: Path) -> str:
    pip = this_python("-m pip cache purge")
    return f"delete what you no longer need in {folder}, empty the wastebasket, or clear pip's downloads: {pip}"


def check_accelerator(describe: Callable[[], device.Device] = device.describe) -> list[Finding]:
    """Which device does PyTorch see? The course needs none but the processor."""
    try:
        found = describe()
    except (ImportError, OSError) as error:
        return [
            Finding("accelerator", "warning", f"PyTorch does not load: {error}", this_python("-m pip install torch"))
        ]
    note = "" if found.kind != "cpu" else " (no accelerator; the course needs none)"
    return [Finding("accelerator", "ok", f"{found}{note}")]


def check_data(entries: Callable[[], Iterable[Entry]] = overview) -> list[Finding]:
    """Is every data set, bit for bit, the one that the course was written with? Only what differs gets a line."""
    entries = list(entries())
    bad = [entry for entry in entries if entry.state != "ok"]
    findings = [Finding(f"data set {e.name}", "problem", f"{e.state}: {e.where}", e.mend) for e in bad]
    if len(bad) < len(entries):
        right = len(entries) - len(bad)
        findings.insert(0, Finding("data", "ok", f"{right} of {len(entries)} data sets verified by sha256"))
    return findings


def check_folder(folder: Path | None = None) -> list[Finding]:
    """Can work be saved in the course folder? A file is written there and taken away again."""
    folder = Path(folder or Path.cwd())
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"work")
    except OSError as error:
        message = f"nothing can be saved in {folder}: {error.strerror or error}"
        return [Finding("course folder", "problem", message, "coursekit start my-course, in a folder of your own")]
    return [Finding("course folder", "ok", f"{folder} can be written to")]


def check_kernel(start: Callable[[float], str] | None = None, seconds: float = KERNEL_SECONDS) -> list[Finding]:
    """Does a Jupyter kernel start and compute 1 + 1?

    Parameters
    ----------
    start : callable, optional
        From a time limit in seconds to the text that the kernel answers.
    seconds : float
    """
    install, enrol = "-m pip install --force-reinstall ipykernel", "-m ipykernel install --sys-prefix"
    mend = f"{this_python(install)}, then: {this_python(enrol)}"
    began = time.monotonic()
    try:
        answer = (start or _ask_kernel)(seconds)
    except Exception as error:  # a kernel can fail to start in many ways; each is this finding
        told = str(error).strip().splitlines()
        return [Finding("kernel", "problem", f"did not start: {told[-1] if told else type(error).__name__}", mend)]
    if answer.strip() != "2":
        return [Finding("kernel", "problem", f"expected 2 for 1 + 1, got {answer.strip()!r}", mend)]
    return [Finding("kernel", "ok", f"started and computed in {time.monotonic() - began:.1f} s")]


def _ask_kernel(seconds: float, kernel: str = "python3") -> str:
    """Start the course's kernel, let it compute 1 + 1, stop it, and return what it printed."""
    from subprocess import DEVNULL

    from jupyter_client.manager import KernelManager

    deadline, printed = time.monotonic() + seconds, []

    def collect(message: dict) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    manager = KernelManager(kernel_name=kernel)
    manager.start_kernel(stdout=DEVNULL, stderr=DEVNULL)
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=seconds)
        left = max(1.0, deadline - time.monotonic())
        client.execute_interactive("print(1 + 1)", timeout=left, output_hook=collect, store_history=False)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return "".join(printed)


# ------------------------------------------------------------------------------------------- the whole visit


def examine(*, quick: bool = False, folder: Path | None = None) -> list[Finding]:
    """Make every check.

    Parameters
    ----------
    quick : bool
        Leave out the start of a kernel: inside a notebook one runs already.
    folder : Path, optional
        The course folder, in which work is saved. The current one if left out.

    Returns
    -------
    list of Finding
        A check that fails itself becomes a problem, and the others go on.
    """
    checks = {
        "Python": check_python,
        "packages": check_packages,
        "memory": check_memory,
        "disk": lambda: check_disk(folder=folder),
        "accelerator": check_accelerator,
        "data": check_data,
        "course folder": lambda: check_folder(folder),
    }
    if not quick:
        checks["kernel"] = check_kernel
    return [finding for name, check in checks.items() for finding in _safely(name, check)]


def _safely(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except CourseError as error:
        return [Finding(name, "problem", str(error), "do what the line above ends with, then: coursekit doctor")]
    except Exception as error:  # the doctor must not fall ill over a machine that is
        message = f"the check itself failed: {type(error).__name__}: {error}"
        return [Finding(name, "problem", message, "coursekit doctor, once more; if it stays, report this line")]


@dataclass(frozen=True, repr=False)
class Report:
    """Findings, ready to be read by a person (text, HTML) or a program (JSON, exit code)."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 if anything is a problem, otherwise 0; a warning is no problem."""
        return int(any(finding.state == "problem" for finding in self.findings))

    @property
    def verdict(self) -> str:
        """The whole report in one sentence."""
        count = {state: sum(f.state == state for f in self.findings) for state in SIGNS}
        if count["problem"]:
            return f"{_counted(count['problem'], 'problem')}, {_counted(count['warning'], 'warning')}."
        return f"Ready, with {_counted(count['warning'], 'warning')}." if count["warning"] else "Ready."

    @property
    def text(self) -> str:
        """One line a finding, and below it what mends it."""
        lines = []
        for finding in self.findings:
            lines.append(f"{finding.state:<8} {finding.name}: {finding.message}")
            if finding.mend:
                lines.append(f"{'':<8} mend it: {finding.mend}")
        return "\n".join([*lines, self.verdict])

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        rows = []
        for finding in self.findings:
            mend = f"<br>mend it: <code>{html.escape(finding.mend)}</code>" if finding.mend else ""
            state = f"{SIGNS[finding.state]} {finding.state}"
            left = "text-align:left;vertical-align:top"
            rows.append(
                f'<tr><td style="{left};white-space:nowrap"><strong>{state}</strong></td>'
                f'<th scope="row" style="{left}">{html.escape(finding.name)}</th>'
                f'<td style="{left}">{html.escape(finding.message)}{mend}</td></tr>'
            )
        caption = f'<caption style="text-align:left;color:inherit">{html.escape(self.verdict)}</caption>'
        head = '<thead><tr><th scope="col">state</th><th scope="col">what</th><th scope="col">found</th></tr></thead>'
        table = f"<table>{caption}{head}<tbody>{''.join(rows)}</tbody></table>"
        return f'<div style="color:inherit;background:inherit">{table}</div>'

    def to_json(self) -> str:
        """The findings and the exit code as JSON text."""
        body = {"exit_code": self.exit_code, "findings": [asdict(finding) for finding in self.findings]}
        return json.dumps(body, indent=2, ensure_ascii=False)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def report(findings: Iterable[Finding]) -> Report:
    """Make findings readable.

    Examples
    --------
    >>> report([Finding("disk", "warning", "1.2 GB free", "delete what you no longer need")])
    warning  disk: 1.2 GB free
             mend it: delete what you no longer need
    Ready, with 1 warning.
    """
    return Report(tuple(findings))
