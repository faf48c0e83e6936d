"""A source is one text file: ``notebooks/src/NN_name.py``, the only notebook text that a person edits.

It is jupytext's py:percent, with the prose in markdown cells that are raw strings. What stands between
``### BEGIN SOLUTION`` and ``### END SOLUTION`` is a stub in the learner edition and stays in the worked one; both are
made here, in memory.
"""

import ast
import hashlib
import json
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from coursekit import places
from coursekit.errors import BuildError, expect_known
from coursekit.guards import MARK, Problem, parse, uses

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = [
    "STATES",
    "Edition",
    "SourceError",
    "course_root",
    "edition_path",
    "find",
    "learner",
    "read",
    "sources",
    "variant",
    "worked",
]

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
LIKE_A_MARKER = re.compile(r"(?<![a-z])(?:begin|end)[\s_-]*solution(?![a-z])", re.IGNORECASE)
STUB = "# YOUR CODE HERE\nraise NotImplementedError"
STATES = ("untouched", "one wrong", "one raising", "all solved")
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}

Edition = Literal["learner", "worked"]


class SourceError(BuildError):
    """A source is not sound, or does not run as it should; `problems` says where."""

    def __init__(self, title: str, problems: list[Problem]):
        super().__init__("\n".join([f"{title}:", *(f"  {problem}" for problem in problems)]))
        self.problems = problems


def course_root(root: Path | str | None = None) -> Path:
    """The folder that holds ``notebooks/``: `root`, or the one that this package came with."""
    return places.notebooks_folder().parent if root is None else Path(root)


def sources(root: Path | str | None = None) -> dict[str, Path]:
    """Every notebook source by its full name (``01_perceptron``), in the order of learning."""
    folder = course_root(root) / "notebooks" / "src"
    return {path.stem: path for path in sorted(folder.glob("*.py")) if re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem)}


def edition_path(name: str, edition: Edition, root: Path | str | None = None) -> Path:
    """Where an edition lies.

    Examples
    --------
    >>> edition_path("01_perceptron", "worked", root=".").as_posix()
    'notebooks/solutions/01_perceptron.ipynb'
    """
    folder = course_root(root) / "notebooks"
    return (folder / "solutions" if edition == "worked" else folder) / f"{name}.ipynb"


def find(names: Sequence[str] | None = None, root: Path | str | None = None) -> list[str]:
    """The full names of the notebooks that `names` mean: ``01``, ``perceptron`` and ``01_perceptron`` are one.

    Parameters
    ----------
    names : sequence of str, optional
        All notebooks if there are none.

    Raises
    ------
    UnknownNameError
        If there is no such notebook; the message offers the closest names.
    """
    known = list(sources(root))
    alias = {short: name for name in known for short in (*name.split("_", 1), name)}
    asked = [Path(name).name.removesuffix(".ipynb").removesuffix(".py") for name in names or ()]
    wanted = {alias[expect_known("notebook", name, alias)] for name in asked}
    return [name for name in known if not names or name in wanted]


def read(path: Path) -> str:
    """The text of a source.

    Raises
    ------
    BuildError
        If it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"{path}: expected a text in UTF-8, got an error ({error}). Save it as UTF-8.") from error


def learner(name: str, text: str, answer: Callable[[int, int], str | None] = lambda cell, region: STUB):
    """The learner edition of a source text.

    Parameters
    ----------
    name : str
        The notebook's full name.
    text : str
        The source.
    answer : callable(cell, region) -> str or None, optional
        What to put in the place of a solution, given the how manyth cell with solutions it is in, and the how manyth
        solution of this cell it is; None puts the solution itself.

    Raises
    ------
    SourceError
        If the source is not sound.
    """
    cells = _parsed(name, text)
    asked = -1
    for cell in cells:
        if cell.cell_type == "code":
            spans = _spans(cell.source)
            asked += bool(spans)
            cell.source = _filled(cell.source, [answer(asked, k) for k in range(len(spans))])
            cell.source = "\n".join(line for line in cell.source.splitlines() if line.strip() != MARK)
    return _notebook(name, text, cells, "learner")


def worked(name: str, text: str) -> "NotebookNode":
    """The worked edition of a source text, not yet executed.

    Raises
    ------
    SourceError
        If the source is not sound.
    """
    cells = _parsed(name, text)
    count = 0
    for cell in cells:
        if cell.cell_type == "code":
            cell.source = _filled(cell.source, [None] * len(_spans(cell.source)))
            cell.execution_count = count = count + 1
    return _notebook(name, text, cells, "worked")


def variant(name: str, state: str, wrong: str = "return None", root: Path | str | None = None) -> "NotebookNode":
    """A learner edition as it looks on the way: for the proof that it runs from top to bottom in every state.

    Parameters
    ----------
    name : str
        Which notebook.
    state : {"untouched", "one wrong", "one raising", "all solved"}
        "one" is the first exercise; the others are untouched then.
    wrong : str
        The body of the wrong answer.
    """
    name = find([name], root)[0]
    expect_known("state", state, STATES)
    body = wrong if state == "one wrong" else 'raise ValueError("my mistake")'

    def answer(cell: int, region: int) -> str | None:
        if state == "all solved" or (state != "untouched" and cell == 0 and region > 0):
            return None
        return STUB if state == "untouched" or cell > 0 else body

    return learner(name, read(sources(root)[name]), answer)


def _parsed(name: str, text: str) -> list["NotebookNode"]:
    """The cells of a source, with their tags and nothing else that jupytext knows about them."""
    import jupytext

    file = f"notebooks/src/{name}.py"
    try:
        notebook = jupytext.reads(text, fmt="py:percent")
    except Exception as error:  # jupytext and nbformat have many: a header that is no YAML, metadata that is no JSON
        reason = str(error).strip().split("\n")[0]
        raise BuildError(
            f"{file}: expected a source in py:percent, got {reason!r}. Mend or drop the header."
        ) from error
    cells = notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    for cell in cells:
        tags = cell.metadata.get("tags")
        cell.metadata.clear()
        if tags:
            cell.metadata["tags"] = tags
    exercises = dict((number, key) for key, number in uses(notebook, "exercise"))
    problems = [
        Problem(file, reason, number)
        for number, cell in enumerate(cells, 1)
        for reason in _marker_faults(cell.source, cell.cell_type == "code", exercises.get(number))
    ]
    if problems:
        raise SourceError(f"{name}: the source is not sound", problems)
    return cells


def _marker_faults(source: str, code: bool, exercise: str | None = None) -> list[str]:
    """What is wrong with the solution markers of a cell; that of an exercise must have some."""
    lines = source.splitlines()
    markers = [(n, line.strip()) for n, line in enumerate(lines, 1) if LIKE_A_MARKER.search(line)]
    if not markers:
        reason = f"exercise {exercise!r} has no solution between markers, so learners would get the answer"
        return [f"{reason}: expected {BEGIN!r} and {END!r} around it"] if exercise else []
    if not code:
        return ["a solution marker in prose: markers belong into code"]
    unlike = [(n, line) for n, line in markers if line not in (BEGIN, END)]
    if unlike:
        return [f"line {n} of the cell: expected {BEGIN!r} or {END!r} alone in the line, got {m!r}" for n, m in unlike]
    if [marker for _, marker in markers] != [BEGIN, END] * (len(markers) // 2) or len(markers) % 2:
        return [f"unbalanced markers: expected {BEGIN!r} and {END!r} in turn, got {[m for _, m in markers]}"]
    try:
        tree = parse(source)
        parse(_filled(source, [STUB] * (len(markers) // 2)))
    except SyntaxError as error:
        return [f"expected Python with the solution and without it, got a syntax error in line {error.lineno}"]
    return [fault for first, last in _spans(source) for fault in _region_fault(tree, lines, first, last)]


def _region_fault(tree: ast.Module, lines: list[str], first: int, last: int) -> list[str]:
    """What is wrong with the place of one solution: it must be a run of statements of one function's body."""
    indent = _indent(lines[first - 1])
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    inside = [node for node in statements if first < node.lineno < last]
    around = [n for n in statements if n.lineno < first <= n.end_lineno and n.col_offset < indent]
    homes = [n for n in around if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    if not inside:
        return ["a solution without a statement between its markers"]
    if not homes:
        return [f"marker outside a function or class body (line {first} of the cell)"]
    if isinstance(max(homes, key=lambda n: n.lineno), ast.ClassDef):
        return [
            f"marker directly in a class body (line {first} of the cell): the class could not be made without its "
            "solution. Put the markers into the methods"
        ]
    if any(n.col_offset < indent or n.end_lineno > last for n in inside) or _indent(lines[last - 1]) != indent:
        return [f"a marker that is not indented as its solution is (line {first} of the cell)"]
    return []


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _spans(source: str) -> list[tuple[int, int]]:
    """The line numbers of each pair of markers in a sound cell."""
    lines = [line.strip() for line in source.splitlines()]
    begins, ends = ([n for n, line in enumerate(lines, 1) if line == marker] for marker in (BEGIN, END))
    return list(zip(begins, ends, strict=True))


def _filled(source: str, answers: list[str | None]) -> str:
    """The cell with each solution replaced, indented as its marker is; None keeps the solution. The markers go."""
    lines = source.splitlines()
    for (first, last), answer in reversed(list(zip(_spans(source), answers, strict=True))):
        body = lines[first : last - 1]
        if answer is not None:
            body = textwrap.indent(answer, " " * _indent(lines[first - 1])).splitlines()
        lines[first - 1 : last] = body
    return "\n".join(lines)


def _notebook(name: str, text: str, cells: list["NotebookNode"], edition: Edition) -> "NotebookNode":
    import nbformat.v4

    seen: dict[str, int] = {}
    for cell in cells:
        cell.id = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[cell.id] = times = seen.get(cell.id, 0) + 1
        cell.id += f"-{times}" if times > 1 else ""
    ours = {"edition": edition, "name": name, "source_sha256": hashlib.sha256(text.encode()).hexdigest()}
    return nbformat.v4.new_notebook(cells=cells, metadata=json.loads(json.dumps({**METADATA, "coursekit": ours})))
