"""To execute a notebook is to run its cells from top to bottom in a fresh kernel, away from anybody's course.

What comes back is the notebook with its outputs, or the first cell that failed. :func:`keep_text` then drops what a
stored notebook should not hold: pictures, warnings, progress bars, and whatever is different each time.
"""

import logging
import os
import re
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coursekit.errors import SettingError
from coursekit.guards import MARK, Problem

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["Failure", "execute", "keep_text", "kernel_environment"]

WIDGET = "application/vnd.jupyter.widget-view+json"
TEXTS = ("text/plain", "text/html", "text/latex", "text/markdown")
HEAVY = re.compile(r"<img\b|data:image|<script\b", re.IGNORECASE)
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
ARROW = re.compile(r"^-*> *\d+ ?.*$", re.MULTILINE)

_SILENT = logging.getLogger("coursekit.execution")  # what nbclient logs, its exceptions say too
_SILENT.propagate = False
_SILENT.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Failure:
    """The cell that stopped a notebook: its number, counted from 1, of how many, its source, and the error."""

    cell: int
    cells: int
    source: str
    error: str

    def __str__(self) -> str:
        source, error = (textwrap.indent(text, "    ") for text in (self.source, self.error))
        return f"cell {self.cell} of {self.cells} failed:\n\n{source}\n\n{error}"


def kernel_environment(strict: bool, seed: int | None = None) -> dict[str, str]:
    """The environment variables of a kernel that executes a notebook of the course: one thread, and its settings.

    Parameters
    ----------
    strict : bool
        Whether exercises and claims must hold (``COURSEKIT_STRICT``).
    seed : int, optional
        ``COURSEKIT_SEED``; as it is in this process if not given.

    Raises
    ------
    SettingError
        If `seed` is no whole number of at least 0.
    """
    if seed is not None and (not isinstance(seed, int) or seed < 0):
        raise SettingError(f"seed: expected a whole number of at least 0, got {seed!r}. Try 0, 1 or 2.")
    left_out = {"COURSEKIT_STRICT", "MPLBACKEND"} | ({"COURSEKIT_SEED"} if seed is not None else set())
    environment = {key: value for key, value in os.environ.items() if key not in left_out}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    if strict:
        environment["COURSEKIT_STRICT"] = "1"
    if seed:
        environment["COURSEKIT_SEED"] = str(seed)
    return environment


def execute(notebook: "NotebookNode", strict: bool, seed: int | None = None, timeout: float = 600) -> Failure | None:
    """Run every cell of a notebook, in place, in a folder of its own that is no course.

    Parameters
    ----------
    notebook : NotebookNode
        Gets the outputs.
    strict, seed
        See :func:`kernel_environment`.
    timeout : float
        Seconds that one cell may take.

    Returns
    -------
    Failure or None
        None if every cell ran.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    at = [0]  # the cell that runs now
    language = notebook.metadata.get("language_info")  # nbclient would put this Python's version there

    def note(cell: "NotebookNode", cell_index: int) -> None:
        at[0] = cell_index

    with tempfile.TemporaryDirectory(prefix="coursekit-", ignore_cleanup_errors=True) as folder:
        client = NotebookClient(
            notebook,
            km=_kernel_of_this_python(),
            timeout=timeout,
            resources={"metadata": {"path": folder}},
            coalesce_streams=True,
            store_widget_state=False,
            record_timing=False,
            on_cell_start=note,
            log=_SILENT,
        )
        environment = {**kernel_environment(strict, seed), "IPYTHONDIR": str(Path(folder) / ".ipython")}
        try:
            client.execute(env=environment, cleanup_kc=True)
            return None
        except CellExecutionError as error:
            reason = _short(notebook.cells[at[0]], error)
        except CellTimeoutError:
            reason = f"The cell took longer than {timeout:g} s."
        except DeadKernelError:
            reason = "The kernel died."
        finally:
            notebook.metadata["language_info"] = language
    return Failure(at[0] + 1, len(notebook.cells), notebook.cells[at[0]].source, reason)


def keep_text(notebook: "NotebookNode") -> list[Problem]:
    """Drop from an executed notebook, in place, every output that is no text or is not the same each time.

    Kept are printed lines, and displays as text and as HTML that holds no picture. An output of a cell that is tagged
    ``volatile`` is dropped whole, and so is a widget that has no HTML of its own: a progress bar.

    Returns
    -------
    list of Problem
        The cells whose output nbval is to compare although a part of it is dropped here.
    """
    problems, count = [], 0
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        cell.execution_count = count = count + 1
        before = [set(output.get("data", ())) for output in cell.outputs]
        tags = cell.metadata.get("tags", [])
        cell.outputs = [] if "volatile" in tags else [kept for output in cell.outputs if (kept := _text(output))]
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
        if MARK in cell.source and before != [set(output.get("data", ())) for output in cell.outputs]:
            reason = f"is marked {MARK[2:]}, but shows more than text: print what is to be compared"
            problems.append(Problem(f"notebooks/src/{notebook.metadata.coursekit.name}.py", reason, number))
    notebook.metadata.pop("widgets", None)
    return problems


def _text(output: "NotebookNode") -> "NotebookNode | None":
    """The part of an output that a stored notebook keeps."""
    if output.output_type == "stream":
        return output if output.name == "stdout" and output.text else None
    if output.output_type not in ("display_data", "execute_result"):
        return None
    data = {kind: text for kind, text in output.data.items() if kind in TEXTS and not HEAVY.search(text)}
    if not data or (WIDGET in output.data and "text/html" not in data):
        return None
    output.data.clear()
    output.data.update(data)
    output.metadata.clear()
    return output


def _short(cell: "NotebookNode", error: Exception) -> str:
    """The lines of a traceback that were running, and the error, without colours."""
    raised = [output for output in cell.outputs if output.output_type == "error"]
    trace = COLOUR.sub("", "\n".join(raised[-1].traceback)) if raised else ""
    return "\n".join([*ARROW.findall(trace), f"{error.ename}: {COLOUR.sub('', error.evalue)}"])


def _kernel_of_this_python():
    """A kernel manager that starts this very Python, whatever other kernels the user has installed as python3."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(**get_kernel_dict(["--IPKernelApp.log_level=ERROR"]))

    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())
