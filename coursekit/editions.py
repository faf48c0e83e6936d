"""One text becomes two notebooks: the learner's, with the solutions taken out, and the worked one, which has been run.

``notebooks/src/NN_name.py`` is the only text that a person edits. What stands between ``### BEGIN SOLUTION`` and
``### END SOLUTION`` is a stub in the learner edition. The worked edition is executed in strict mode when it is built:
its text outputs are kept, its pictures are not. The same source gives the same bytes.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coursekit import places
from coursekit.errors import BuildError
from coursekit.execution import execute, keep_text
from coursekit.guards import Problem, addresses, figures, registered, uses
from coursekit.sources import SourceError, course_root, edition_path, find, learner, read, sources, worked
from coursekit.storage import write_together

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["build", "check"]

AGAIN = "run `coursekit build`"


def build(names: Sequence[str] | None = None, force: bool = False, root: Path | str | None = None) -> dict[str, str]:
    """Make both editions of every notebook that is not current, and say what was done.

    Parameters
    ----------
    names : sequence of str, optional
        Which notebooks. Without names, editions whose source is gone are removed too.
    force : bool
        Also those that are current.
    root : path, optional
        The folder that holds ``notebooks/``.

    Returns
    -------
    dict of str to str
        By name: ``"built"``, ``"current"`` or ``"removed"``.

    Raises
    ------
    BuildError
        If a source is not sound or one of its cells fails: neither edition is written.
    UnknownNameError
        If there is no notebook of that name.
    """
    if root is None and places.checkout() is None:
        raise BuildError("build: expected a checkout of the course, got an installed coursekit. Clone it first.")
    did = {}
    for name in find(names, root):
        did[name] = "current"
        if force or _stale(name, read(sources(root)[name]), root):
            start = time.perf_counter()
            _build_one(name, root)
            did[name] = f"built in {time.perf_counter() - start:.1f} s"
        print(f"{name}: {did[name]}", flush=True)
    if not names:
        for path in _orphans(root):
            if _is_ours(path):
                path.unlink()
                did[path.stem] = "removed"
                print(f"{path.stem}: removed {_file(path, root)}, its source is gone", flush=True)
    return {name: what.split()[0] for name, what in did.items()}


def check(
    root: Path | str | None = None,
    exercises: Mapping[str, Any] | None = None,
    claims: Mapping[str, Any] | None = None,
) -> list[Problem]:
    """Whether the notebooks are what their sources say, found out without running anything.

    Parameters
    ----------
    root : path, optional
        The folder that holds ``notebooks/``.
    exercises, claims : mapping of id to Exercise, of id to Claim, optional
        What is registered; by default the course's own.

    Returns
    -------
    list of Problem
        Empty if all is well.
    """
    exercises, claims = _registries(exercises, claims)
    problems, first = [], {}
    for path in sorted((course_root(root) / "notebooks" / "src").glob("*.py")):
        if path.stem not in sources(root):
            problems.append(Problem(_file(path, root), "expected a name such as 01_perceptron.py. Rename it"))
    for name, path in sources(root).items():
        file = _file(path, root)
        try:
            text = read(path)
            notebook = worked(name, text)
        except BuildError as error:
            problems += getattr(error, "problems", [Problem(file, str(error))])
            continue
        for key, cell in uses(notebook, "exercise"):
            if first.setdefault(key, (name, cell)) != (name, cell):
                there = "{}, cell {}".format(*first[key])
                problems.append(Problem(file, f"exercise {key!r} is already in {there}: an id is used once", cell))
        problems += [replace(problem, file=file) for problem in registered(notebook, exercises, claims)]
        problems += _stale(name, text, root)
    problems += [Problem(_file(path, root), f"has no source. To remove it {AGAIN}") for path in _orphans(root)]
    return problems


def _build_one(name: str, root: Path | str | None) -> None:
    text = read(sources(root)[name])
    notebooks = {"learner": learner(name, text), "worked": worked(name, text)}
    done = notebooks["worked"]
    failure = execute(done, strict=True, seed=0)
    if failure:
        raise BuildError(f"{name}: nothing was written, because {failure}")
    problems = figures(done) + keep_text(done) + addresses(done)
    if problems:
        raise SourceError(f"{name}: nothing was written", problems)
    done.metadata.coursekit.outputs_sha256 = _outputs_sha256(done)
    _write({edition_path(name, edition, root): _serialised(notebook) for edition, notebook in notebooks.items()})


def _stale(name: str, text: str, root: Path | str | None) -> list[Problem]:
    """Why the two editions are not what the source gives, if they are not."""
    problems = []
    for edition, fresh in (("learner", learner(name, text)), ("worked", worked(name, text))):
        path = edition_path(name, edition, root)
        reason, cell = _difference(path, fresh)
        if reason:
            problems.append(Problem(_file(path, root), f"{reason}: {AGAIN}", cell))
    return problems


def _difference(path: Path, fresh: "NotebookNode") -> tuple[str, int | None]:
    """What distinguishes the notebook in a file from the one that the source gives now, and in which cell."""
    import nbformat

    if not path.is_file():
        return "is missing", None
    try:
        content = path.read_text(encoding="utf-8")
        there = nbformat.reads(content, as_version=4)
        cells, outputs = _without_outputs(there), _outputs_sha256(there)
    except Exception as error:  # whatever a damaged file makes nbformat raise
        return f"cannot be read as a notebook ({type(error).__name__})", None
    ours = there.metadata.get("coursekit", {})
    if ours.get("source_sha256") != fresh.metadata.coursekit.source_sha256:
        return "the source has changed since the build", None
    for number, (have, want) in enumerate(zip_longest(cells, _without_outputs(fresh)), 1):
        if have != want:
            return "is not what the source gives. Was it edited by hand? Edit the source", number
    if outputs != ours.get("outputs_sha256", _outputs_sha256(fresh)):
        return "an output is not the one that the build stored", None
    for cell, old in zip(fresh.cells, there.cells, strict=True):
        cell.update({"outputs": old.outputs} if cell.cell_type == "code" else {})
    if fresh.metadata.coursekit.edition == "worked":
        fresh.metadata.coursekit.outputs_sha256 = outputs
    return ("", None) if content == _serialised(fresh) else ("its metadata or its layout was edited by hand", None)


def _without_outputs(notebook: "NotebookNode") -> list[tuple]:
    return [(cell.cell_type, cell.source, cell.get("id"), cell.metadata) for cell in notebook.cells]


def _outputs_sha256(notebook: "NotebookNode") -> str:
    outputs = [(cell.execution_count, cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()


def _serialised(notebook: "NotebookNode") -> str:
    import nbformat

    return nbformat.writes(notebook).rstrip("\n") + "\n"


def _write(files: dict[Path, str]) -> None:
    """Write all the files whole, or none of them."""
    try:
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
        write_together({path: content.encode() for path, content in files.items()})
    except OSError as error:
        what = " and ".join(map(str, files))
        raise BuildError(f"{what}: expected to write them, got {error.strerror!r}. Mend that, and {AGAIN}.") from error


def _orphans(root: Path | str | None) -> list[Path]:
    """The notebooks that no source gives."""
    known = sources(root)
    folder = course_root(root) / "notebooks"
    return [p for place in (folder, folder / "solutions") for p in sorted(place.glob("*.ipynb")) if p.stem not in known]


def _is_ours(path: Path) -> bool:
    """Whether the build wrote this notebook: any other is left alone."""
    try:
        return "source_sha256" in json.loads(path.read_text(encoding="utf-8"))["metadata"]["coursekit"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _registries(exercises: Mapping | None, claims: Mapping | None) -> tuple[Mapping, Mapping]:
    if exercises is None:
        from coursekit.checks import all_exercises

        exercises = all_exercises()
    if claims is None:
        from coursekit.claims import all_claims

        claims = all_claims()
    return exercises, claims


def _file(path: Path, root: Path | str | None) -> str:
    return path.relative_to(course_root(root)).as_posix()
