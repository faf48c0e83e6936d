"""To run the course is to execute its notebooks one after the other and to say which cell failed, if one did."""

import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from coursekit.errors import NotebookError, SettingError, expect_known
from coursekit.execution import Failure, execute, kernel_environment
from coursekit.settings import course_seed
from coursekit.sources import Edition, course_root, edition_path, find
from coursekit.storage import write_whole

__all__ = ["Run", "run"]


@dataclass(frozen=True)
class Run:
    """What happened to one notebook: its name, the edition, the seconds it took, and the failing cell, if any."""

    name: str
    edition: Edition
    seconds: float
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether every cell ran."""
        return self.failure is None


def run(
    names: Sequence[str] | str | None = None,
    edition: Edition = "worked",
    seed: int | None = None,
    report: Path | str | None = None,
    root: Path | str | None = None,
    jobs: int = 1,
) -> list[Run]:
    """Execute notebooks, print a line for each, and the failing cell with its source and error.

    The worked edition is run in strict mode, the learner's as a newcomer would with "Run All". No file is changed.

    Parameters
    ----------
    names : str or sequence of str, optional
        ``01``, ``perceptron`` or ``01_perceptron``; all notebooks if there are none.
    edition : {"worked", "learner"}
    seed : int, optional
        Shifts every seed of the course, as ``COURSEKIT_SEED`` does.
    report : path, optional
        A JSON file to write the result to.
    root : path, optional
        The folder that holds ``notebooks/``.
    jobs : int
        How many notebooks to execute at the same time.

    Returns
    -------
    list of Run
        One for each notebook, in the order of learning. A notebook that fails does not stop the others.

    Raises
    ------
    UnknownNameError
        If there is no such notebook or edition.
    NotebookError
        If a notebook is not there or cannot be read, or the report cannot be written.
    SettingError
        If the seed means nothing.
    """
    expect_known("edition", edition, ("worked", "learner"))
    course_seed()  # a COURSEKIT_SEED that means nothing is said at once, and not by every notebook
    kernel_environment(strict=False, seed=seed)  # and so is such a seed
    if jobs < 1:
        raise SettingError(f"jobs: expected at least 1, got {jobs}. Use as many as there are cores.")
    if report is not None:
        _expect_place(Path(report))
    names = [names] if isinstance(names, str) else names
    chosen = {name: edition_path(name, edition, root) for name in find(names, root)}
    if not chosen:
        raise NotebookError(
            f"notebooks: expected some in {course_root(root) / 'notebooks'}, got none. Check the folder."
        )
    notebooks = {name: _read(path) for name, path in chosen.items()}
    done = []
    for one in _in_order(partial(_execute, edition=edition, seed=seed), notebooks, jobs):
        done.append(one)
        said = f"{'failed after' if one.failure else 'ok,'} {one.seconds:.1f} s"
        print(f"[{len(done)}/{len(notebooks)}] {one.name} ({edition}) ... {said}", flush=True)
        if one.failure:
            print(f"\n{chosen[one.name]}, {one.failure}\n", flush=True)
    failed = sum(not one.ok for one in done)
    print(f"{len(done)} run, {failed} failed, {sum(one.seconds for one in done):.1f} s")
    if report is not None:
        _write_report(Path(report), done, seed)
    return done


def _expect_place(report: Path) -> None:
    """Whether the report can be written is better known before the notebooks run than after."""
    if not report.absolute().parent.is_dir():
        raise NotebookError(f"report: expected a file in a folder that is there, got {report}. Make the folder.")
    if report.is_dir():
        raise NotebookError(f"report: expected a file, got the folder {report}. Name a file in it, like report.json.")


def _in_order(execute_one: Callable[..., Run], notebooks: dict, jobs: int) -> Iterator[Run]:
    """Each notebook's run, in the order of learning; with several jobs, in as many processes."""
    if jobs == 1:
        yield from map(execute_one, notebooks, notebooks.values())
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(execute_one, notebooks, notebooks.values())


def _execute(name: str, notebook, edition: Edition, seed: int | None) -> Run:
    start = time.perf_counter()
    failure = execute(notebook, strict=edition == "worked", seed=seed)
    return Run(name, edition, round(time.perf_counter() - start, 2), failure)


def _read(path: Path):
    import nbformat

    try:
        return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except FileNotFoundError as error:
        raise NotebookError(f"{path}: expected a notebook, got no file. Run `coursekit build`.") from error
    except Exception as error:  # whatever a damaged file makes nbformat raise
        raise NotebookError(f"{path}: expected a notebook, cannot read it ({error}). Run `coursekit build`.") from error


def _write_report(path: Path, done: list[Run], seed: int | None) -> None:
    """Write what happened as JSON, whole or not at all."""
    content = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "seed": seed if seed is not None else int(os.environ.get("COURSEKIT_SEED") or 0),
        "seconds": round(sum(one.seconds for one in done), 2),
        "notebooks": [{**asdict(one), "ok": one.ok} for one in done],
    }
    try:
        write_whole(path, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        raise NotebookError(f"report: cannot write {path} ({error.strerror}). Name another file.") from error
