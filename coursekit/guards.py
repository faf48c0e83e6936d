"""A guard reads a notebook without running it, and says what a learner would stumble over.

nbval runs the cells; it does not notice a heading that skips a level, a quiz with two right answers, or a number in
the prose that no cell prints. Each guard is a function from a notebook to a list of :class:`Problem`.
"""

import ast
import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coursekit.errors import closest

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = [
    "GUARDS",
    "Problem",
    "addresses",
    "exercises_complete",
    "figures",
    "headings",
    "inspect_notebook",
    "marked_cells",
    "numbers",
    "parse",
    "quiz",
    "registered",
    "runs_to_the_end",
    "sections",
    "seeds",
    "self_contained",
    "uses",
]

MARK = "# NBVAL_CHECK_OUTPUT"
SECTIONS = ("When it breaks", "Explain it back", "Go further")
HINTS, MISCONCEPTIONS = 3, 2  # the least that an exercise brings
QUESTIONS, OPTIONS = range(4, 7), 3

FORBIDDEN = {
    r"(?:pip|conda|mamba)\s+install": "installs a package: list it in pyproject.toml",
    r"^\s*[!%].*\b(?:wget|curl)\b|\burlretrieve\b|\burlopen\b|\bpooch\.retrieve\b|^\s*(?:import|from)\s+"
    r"(?:requests|httpx|urllib)\b": "downloads: use coursekit.datasets.load",
    r"\bsys\.path\b": "changes sys.path: import from coursekit",
    r"^\s*from\s+\S+\s+import\s+\*": "imports everything with a star: name what is used",
}
SEEDED = {"default_rng", "RandomState", "Random", "manual_seed", "SeedSequence"}
GLOBAL_SEED = re.compile(r"\brandom\.seed$|\brandom import\b.*\bseed\b")
FIXED_SEEDS = {  # (notebook, function): why its result is the same for every seed
    ("01_perceptron", "LinearSVC"): "without an intercept the optimum is unique; the seed orders the solver's steps",
}
NUMBER = r"\d+(?:[.,]\d+)*"
PERCENT = re.compile(rf"(?<![\w.,])(?:({NUMBER})\s*(?:to|and|or|-|–)\s*)?({NUMBER})(?:\s|&nbsp;)*(?:\\?%|per\s?cent\b)")
CITATION = re.compile(r"\([A-Z][^()]*,\s*(?:1[5-9]|20)\d\d[a-z]?\)")
NOT_PROSE = re.compile(r"`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$|\]\([^)]*\)|<[^>]*>", re.DOTALL)
FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.DOTALL | re.MULTILINE)
OPTION = re.compile(r"<details><summary>(.*?)</summary>(.*?)</details>", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where: the file, and the number of the cell in it, counted from 1.

    Examples
    --------
    >>> print(Problem("notebooks/01_perceptron.ipynb", "the heading skips a level", cell=4))
    notebooks/01_perceptron.ipynb, cell 4: the heading skips a level
    """

    file: str
    reason: str
    cell: int | None = None

    def __str__(self) -> str:
        place = f", cell {self.cell}" if self.cell else ""
        return f"{self.file}{place}: {self.reason}"


def parse(source: str) -> ast.Module:
    r"""The syntax tree of a cell; a line that only IPython understands (``%time``, ``!ls``) counts as ``pass``.

    Raises
    ------
    SyntaxError
        If the cell is not Python even so.

    Examples
    --------
    >>> len(parse("%matplotlib inline\nx = 1").body)
    2
    """
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE))


def uses(notebook: "NotebookNode", function: str) -> Iterator[tuple[str, int]]:
    """Each id with which a notebook calls ``exercise("id")`` or ``claim("id")``, with the number of the cell.

    A cell that is not Python uses nothing: it will fail when it runs.
    """
    for number, node in _syntax(notebook):
        if function == _called(node) and node.args and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value), number


def marked_cells(notebook: "NotebookNode") -> list[Problem]:
    """Every cell marked NBVAL_CHECK_OUTPUT has a stored output and a number: nbval passes over the others silently."""
    problems = []
    for number, cell in _cells(notebook, "code"):
        if MARK not in cell.source:
            continue
        if not cell.outputs or cell.execution_count is None:
            reason = f"is marked {MARK[2:]} and has no stored output, so nothing is compared"
            problems.append(_problem(notebook, reason, number))
        if "volatile" in _tags(cell):
            problems.append(_problem(notebook, f"is marked {MARK[2:]} and tagged volatile: choose one", number))
    return problems


def runs_to_the_end(notebook: "NotebookNode") -> list[Problem]:
    """No cell is allowed to raise or to be skipped: nbval would take either for a success."""
    markers = {"raises-exception", "nbval-raises-exception", "nbval-skip", "skip-execution"}
    problems = []
    for number, cell in _cells(notebook, "code"):
        comments = {line.strip("# \t").lower().replace("_", "-") for line in cell.source.splitlines() if "#" in line}
        for marker in sorted(markers & (comments | set(_tags(cell)))):
            problems.append(_problem(notebook, f"{marker}: show a failure with try/except instead", number))
    return problems


def headings(notebook: "NotebookNode") -> list[Problem]:
    """One title, and no level left out below it."""
    problems, before, titles = [], 0, 0
    for number, level, text in _headings(notebook):
        titles += level == 1
        if level > before + 1:
            problems.append(_problem(notebook, f"heading {text!r} has level {level} after level {before}", number))
        before = level
    if titles != 1:
        problems.append(_problem(notebook, f"expected one heading of level 1, got {titles}"))
    return problems


def registered(notebook: "NotebookNode", exercises: Mapping[str, Any], claims: Mapping[str, Any]) -> list[Problem]:
    """What a notebook uses is registered, for this notebook; and what is registered for it is used in it."""
    name = notebook.metadata.coursekit.name.partition("_")[2]
    problems = []
    for kind, known in (("exercise", exercises), ("claim", claims)):
        used = dict(uses(notebook, kind))
        for key, number in used.items():
            if key not in known:
                near = closest(key, known)
                advice = f" (did you mean {near[0]!r}?)" if near else ""
                problems.append(_problem(notebook, f"{kind} {key!r} is not registered{advice}", number))
            elif known[key].notebook != name:
                reason = f"{kind} {key!r} is registered for notebook {known[key].notebook!r}, not {name!r}"
                problems.append(_problem(notebook, reason, number))
        unused = [key for key, entry in known.items() if entry.notebook == name and key not in used]
        problems += [_problem(notebook, f"{kind} {key!r} is registered for it and never used") for key in unused]
    return problems


def exercises_complete(notebook: "NotebookNode", exercises: Mapping[str, Any]) -> list[Problem]:
    """An exercise has a cell of its own, tagged ``exercise``, and brings its hints and its misconceptions."""
    problems, asked = [], {}
    for key, number in uses(notebook, "exercise"):
        asked.setdefault(number, []).append(key)
        entry = exercises.get(key)
        for what, least in (("hints", HINTS), ("misconceptions", MISCONCEPTIONS)):
            if entry is not None and len(getattr(entry, what)) < least:
                got = len(getattr(entry, what))
                problems.append(_problem(notebook, f"exercise {key!r}: at least {least} {what}, got {got}", number))
    for number, cell in _cells(notebook, "code"):
        keys = asked.get(number, [])
        if len(keys) > 1:
            problems.append(_problem(notebook, f"holds {len(keys)} exercises: give each its own cell", number))
        if bool(keys) != ("exercise" in _tags(cell)):
            reason = 'holds an exercise: tag it tags=["exercise"]' if keys else "is tagged exercise and holds none"
            problems.append(_problem(notebook, reason, number))
    return problems


def numbers(notebook: "NotebookNode") -> list[Problem]:
    """A number beside a percent sign is printed by a cell, or is quoted with its source: ``(Rosenblatt, 1958)``."""
    printed = "\n".join(text for _, cell in _cells(notebook, "code") for text in _texts(cell))
    problems = []
    for number, cell in _cells(notebook, "markdown"):
        for paragraph in re.split(r"\n\s*\n", FENCE.sub("", cell.source)):
            if CITATION.search(paragraph):
                continue
            for match in PERCENT.finditer(NOT_PROSE.sub(" ", paragraph)):
                for value in filter(None, match.groups()):
                    if not re.search(rf"(?<![\d.,]){re.escape(value)}(?!\d|[.,]\d)", printed):
                        reason = f"{match[0]!r} is typed into the prose, and no cell prints {value}"
                        problems.append(_problem(notebook, reason, number))
    return problems


def self_contained(notebook: "NotebookNode") -> list[Problem]:
    """No cell installs, downloads, changes ``sys.path`` or imports with a star."""
    problems = []
    for number, cell in _cells(notebook, "code"):
        code = "\n".join(line for line in cell.source.splitlines() if not line.lstrip().startswith("#"))
        for pattern, reason in FORBIDDEN.items():
            if re.search(pattern, code, re.MULTILINE):
                problems.append(_problem(notebook, reason, number))
    return problems


def seeds(notebook: "NotebookNode", exempt: Mapping[tuple[str, str], str] = FIXED_SEEDS) -> list[Problem]:
    """Randomness comes from course_seed or course_rng, never from a number in a cell: it follows COURSEKIT_SEED."""
    name = notebook.metadata.coursekit.name
    found = ((number, node) for number, node in _syntax(notebook) if (name, _called(node)) not in exempt)
    return [_problem(notebook, reason, number) for number, node in found for reason in _seed_faults(node)]


def _seed_faults(node: ast.AST) -> Iterator[str]:
    """What keeps the randomness of one piece of syntax from following the seed of the run."""
    advice = "so it does not follow COURSEKIT_SEED: use course_seed or course_rng"
    if isinstance(node, ast.Attribute | ast.ImportFrom) and GLOBAL_SEED.search(ast.unparse(node)):
        yield f"random.seed seeds what all share, {advice}"
    if isinstance(node, ast.Call):
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        seed = given.get("random_state")
        if _called(node) in SEEDED:
            seed = node.args[0] if node.args else given.get("seed", ast.Constant(None))
        if seed and not any(isinstance(part, ast.Name) for part in ast.walk(seed)):
            yield f"{_called(node)} has the seed {ast.unparse(seed)}, {advice}"


def addresses(notebook: "NotebookNode") -> list[Problem]:
    """No output shows an address in memory: it is another one each time, and tells the reader nothing."""
    return [
        _problem(notebook, f"the output shows an address in memory ({found[0]}): end the line with `;`", number)
        for number, cell in _cells(notebook, "code")
        for found in [re.search(r"\bat 0x[0-9a-fA-F]{6,}", "\n".join(_texts(cell)))]
        if found
    ]


def sections(notebook: "NotebookNode") -> list[Problem]:
    """The objectives come first, then what breaks, the quiz, and where to go further; in this order."""
    problems = []
    first = next((cell.source for _, cell in _cells(notebook, "markdown")), "")
    if "you will be able to" not in first.lower():
        problems.append(_problem(notebook, "the first cell does not say 'You will be able to'", 1))
    found = [text.lower() for _, _, text in _headings(notebook)]
    at = [next((i for i, text in enumerate(found) if section.lower() in text), None) for section in SECTIONS]
    for section, place in zip(SECTIONS, at, strict=True):
        if place is None:
            problems.append(_problem(notebook, f"has no section {section!r}"))
    there = [place for place in at if place is not None]
    if there != sorted(there):
        problems.append(_problem(notebook, f"the order of its sections is not {', '.join(SECTIONS)}"))
    return problems


def quiz(notebook: "NotebookNode") -> list[Problem]:
    """The quiz has 4 to 6 questions; each has at least three options that unfold, exactly one of them right."""
    text = _section(notebook, "Explain it back")
    if text is None:
        return []  # the guard of sections has said so
    problems = []
    parts = re.split(r"^\*\*Q(\d+)\.\*\*", text, flags=re.MULTILINE)
    asked, bodies = parts[1::2], parts[2::2]
    if len(asked) not in QUESTIONS or asked != [str(k + 1) for k in range(len(asked))]:
        reason = f"the quiz: expected {QUESTIONS[0]} to {QUESTIONS[-1]} questions **Q1.** and on, got {len(asked)}"
        problems.append(_problem(notebook, f"{reason}: {', '.join('Q' + k for k in asked)}"))
    for k, body in zip(asked, bodies, strict=True):
        problems += [_problem(notebook, f"the quiz, Q{k}: {reason}") for reason in _question(body)]
    return problems


def _question(body: str) -> Iterator[str]:
    """What is wrong with the options of one question."""
    options = [(summary.strip(), answer.strip()) for summary, answer in OPTION.findall(body)]
    if len(options) < OPTIONS:
        yield f"expected at least {OPTIONS} options, got {len(options)}"
    right = 0
    for k, (summary, answer) in enumerate(options):
        letter = chr(ord("A") + k)
        if not summary.startswith(f"{letter}. "):
            yield f"option {summary!r} should begin with '{letter}. '"
        verdict = re.match(r"\*\*(Right|No)\.\*\*\s*(\S*)", answer)
        if verdict is None:
            yield f"option {letter}: the answer should begin with **Right.** or **No.**"
        elif not verdict[2]:
            yield f"option {letter}: the answer does not say why"
        right += verdict is not None and verdict[1] == "Right"
    if right != 1:
        yield f"expected one right option, got {right}"


def figures(notebook: "NotebookNode") -> list[Problem]:
    """In a notebook that has just run, every picture comes with HTML that carries its alternative text."""
    problems = []
    for number, cell in _cells(notebook, "code"):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            page = data.get("text/html", "")
            images = re.findall(r"<img\b[^>]*>", page)
            told = all(re.search(r"""\balt=(?:"\s*[^"\s]|'\s*[^'\s])""", image) for image in images)
            if not told or (not images and any(kind.startswith("image/") for kind in data)):
                problems.append(
                    _problem(notebook, "a figure without alternative text: use coursekit.plot.show", number)
                )
    return problems


GUARDS = (
    marked_cells,
    runs_to_the_end,
    headings,
    registered,
    exercises_complete,
    numbers,
    self_contained,
    addresses,
    seeds,
    sections,
    quiz,
)


def inspect_notebook(
    notebook: "NotebookNode", exercises: Mapping[str, Any], claims: Mapping[str, Any]
) -> list[Problem]:
    """What all guards find in a worked edition.

    Parameters
    ----------
    notebook : NotebookNode
        A worked edition, as `coursekit.editions` makes it.
    exercises, claims : mapping of id to Exercise, of id to Claim
        What is registered: ``checks.all_exercises()`` and ``claims.all_claims()``.
    """
    needs = {registered: (exercises, claims), exercises_complete: (exercises,)}
    return [problem for guard in GUARDS for problem in guard(notebook, *needs.get(guard, ()))]


def _cells(notebook: "NotebookNode", kind: str) -> Iterator[tuple[int, "NotebookNode"]]:
    return ((n, cell) for n, cell in enumerate(notebook.cells, 1) if cell.cell_type == kind)


def _syntax(notebook: "NotebookNode") -> Iterator[tuple[int, ast.AST]]:
    """Every piece of syntax of the cells that are Python, with the number of its cell."""
    for number, cell in _cells(notebook, "code"):
        with contextlib.suppress(SyntaxError):
            yield from ((number, node) for node in ast.walk(parse(cell.source)))


def _called(node: ast.AST) -> str:
    """The plain name of the function that a call calls."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "id", getattr(function, "attr", ""))


def _tags(cell: "NotebookNode") -> list[str]:
    return cell.metadata.get("tags", [])


def _problem(notebook: "NotebookNode", reason: str, cell: int | None = None) -> Problem:
    ours = notebook.metadata.get("coursekit", {})
    folder = "notebooks/solutions" if ours.get("edition") == "worked" else "notebooks"
    return Problem(f"{folder}/{ours.get('name', 'notebook')}.ipynb", reason, cell)


def _headings(notebook: "NotebookNode") -> Iterator[tuple[int, int, str]]:
    """Each heading: the number of its cell, its level, its text."""
    for number, cell in _cells(notebook, "markdown"):
        for marks, text in re.findall(r"^(#{1,6})[ \t]+(.*)$", FENCE.sub("", cell.source), re.MULTILINE):
            yield number, len(marks), text.strip()


def _section(notebook: "NotebookNode", title: str) -> str | None:
    """The prose below the heading that holds `title`, up to the next heading of its level or above."""
    text = "\n\n".join(FENCE.sub("", cell.source) for _, cell in _cells(notebook, "markdown"))
    start = re.search(rf"^(#+)[ \t].*{re.escape(title)}.*$", text, re.MULTILINE | re.IGNORECASE)
    if start is None:
        return None
    rest = text[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}}[ \t]", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def _texts(cell: "NotebookNode") -> Iterator[str]:
    """Everything that a cell's stored outputs say in words."""
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        yield from (text for kind, text in output.get("data", {}).items() if kind.startswith("text/"))
