"""An exercise is data: a reference, cases, hints, and a bank of the wrong answers that people really give.

``@exercise("forward.softmax")`` above a learner's function runs the cases, says what differs first, names the
misconception when the answer equals a known wrong one, and lets the rest of the notebook run in every case.
"""

import ast
import importlib
import inspect
import json
import pkgutil
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from coursekit import progress
from coursekit.checks.panel import Panel, show
from coursekit.checks.trial import Outcome, Trial, attempt
from coursekit.errors import CourseError, ExerciseError, expect_known
from coursekit.places import notebooks_folder
from coursekit.settings import course_seed, strict

__all__ = [
    "Exercise",
    "Result",
    "all_exercises",
    "exercise",
    "find",
    "notebook_of",
    "register",
    "show_hints",
    "show_solution",
]

State = Literal["to do", "passed", "not yet", "error"]
_REGISTRY: dict[str, "Exercise"] = {}
_MACHINERY = {"core", "compare", "panel", "timelimit", "trial"}


@dataclass(frozen=True)
class Result:
    """What a check found: a state, a message for the learner, and the named misconception, if one fits."""

    state: State
    message: str = ""
    misconception: str | None = None
    printed: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Exercise:
    """One exercise of the course.

    Attributes
    ----------
    id : str
        ``topic.name``; the topic names the file of ``coursekit/checks`` that holds it. No notebook number.
    notebook : str
        The notebook's name without its number.
    reference : callable
        The course's own version: what a right answer computes, and what stands in until there is one.
    cases : callable(rng) -> iterable
        Argument tuples (or a single argument each). The first is the plainest; edges follow.
    hints : list of str
        At least three, in rising strength.
    misconceptions : dict of callable to str
        Wrong answers that people give, each with what to tell them.
    variants : tuple of callable
        Right answers written another way: they must pass.
    difficulty, minutes, points : int
        Difficulty from 1 to 5; minutes for a first-time learner.
    call : callable(obj, *args), optional
        How to use the answer, where it is not simply ``obj(*args)``: a class is constructed and its methods called.
    alias_ok : bool
        Whether the result may share memory with an argument.
    seconds : float
        The longest that all cases together may take.
    """

    id: str
    notebook: str
    reference: Callable
    cases: Callable[[np.random.Generator], Iterable]
    hints: Sequence[str]
    misconceptions: Mapping[Callable, str]
    difficulty: int
    minutes: int
    points: int
    variants: tuple[Callable, ...] = ()
    call: Callable | None = field(default=None, repr=False)
    alias_ok: bool = False
    seconds: float = 10.0

    def check(self, obj: Any, seed: int = 0) -> Result:
        """Run every case on `obj` and say what differs first.

        Parameters
        ----------
        obj : callable or class
            The learner's answer.
        seed : int
            Which cases to draw.

        Returns
        -------
        Result

        Raises
        ------
        CourseError
            If `seed` is no whole number of at least 0.
        """
        if inspect.isclass(obj) != inspect.isclass(self.reference):
            want, got = ("class", "function") if inspect.isclass(self.reference) else ("function", "class")
            return Result("error", f"Expected a {want} here, got a {got}. Keep the first line as it was.")
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise CourseError(f"seed: expected a whole number of at least 0, got {seed!r}. Try 0.")
        rng = np.random.default_rng(course_seed(int(seed)))
        cases = [case if isinstance(case, tuple) else (case,) for case in self.cases(rng)]
        trial = attempt(self, obj, cases)
        if trial.fault is None:
            return Result("passed", printed=trial.printed)
        if trial.state == "to do":
            return Result("to do", trial.fault)
        named = self._named_mistake(cases, trial)
        message = f"{named}\n{trial.fault}" if named else trial.fault
        return Result(trial.state, message, named, trial.printed)

    def use(self, obj: Any, args: tuple) -> Any:
        """Use an answer on the arguments of one case."""
        return self.call(obj, *args) if self.call else obj(*args)

    def _named_mistake(self, cases: list[tuple], trial: Trial) -> str | None:
        """The message of the misconception that gives what the learner's answer gives, on every case that was run."""
        known = {}
        for wrong in self.misconceptions if trial.outcomes else ():
            first = attempt(self, wrong, cases[:1]).outcomes
            if first and trial.outcomes[0].alike(first[0], kinds=False):  # else it cannot be this one: save the time
                known[wrong] = attempt(self, wrong, cases[: len(trial.outcomes)])
        for kinds in (True, False):  # first the very same answer, then the same numbers of another kind
            for wrong, tried in known.items():
                triples = list(zip(trial.outcomes, tried.outcomes, trial.expected, strict=False))
                if tried.fault is not None and Outcome.all_alike(triples, kinds):
                    return self.misconceptions[wrong]
        return None

    def panel(self, result: Result, solution: bool = False) -> Panel:
        """What to show for a result; the course's own version only after a pass, or when asked for.

        In strict mode what runs *is* the course's version, so it is not shown beside itself.
        """
        plural = "" if self.points == 1 else "s"
        facts = f"difficulty {self.difficulty} of 5, about {self.minutes} min, {self.points} point{plural}"
        note = ""
        if result.state in ("not yet", "error"):
            note = "Until it passes, the course's version stands in, so that the cells below run."
        return Panel(
            title=self.id,
            state=result.state,
            facts=facts,
            message=result.message or "All cases agree.",
            note=note,
            hints=tuple(self.hints),
            printed=result.printed,
            solution=_course_version(self) if solution or (result.state == "passed" and not strict()) else "",
        )


def register(entry: Exercise) -> Exercise:
    """Add an exercise to the course; its id must be new and begin with its file's name."""
    if entry.id in _REGISTRY:
        raise CourseError(f"exercise id: expected a new one, got {entry.id!r} twice. Rename one of them.")
    _REGISTRY[entry.id] = entry
    return entry


def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the course, by id."""
    for topic in _topics():
        importlib.import_module(f"coursekit.checks.{topic}")
    return dict(sorted(_REGISTRY.items()))


def _topics() -> list[str]:
    """The files of ``coursekit/checks`` that hold exercises."""
    modules = pkgutil.iter_modules(importlib.import_module("coursekit.checks").__path__)
    return sorted(m.name for m in modules if m.name not in _MACHINERY)


def find(exercise_id: str) -> Exercise:
    """The exercise with that id; only its own topic's file is loaded.

    Raises
    ------
    UnknownNameError
        If there is none; the message offers the closest ids.
    """
    topic = str(exercise_id).partition(".")[0]
    if topic in _topics():
        importlib.import_module(f"coursekit.checks.{topic}")
    if exercise_id not in _REGISTRY:
        expect_known("exercise", exercise_id, all_exercises())
    return _REGISTRY[exercise_id]


def notebook_of(question_id: str) -> str:
    """The notebook to which an id's topic belongs (``forward.softmax-shift`` to ``forward_pass``); the topic if none."""
    topic = question_id.partition(".")[0]
    if topic in _topics():
        importlib.import_module(f"coursekit.checks.{topic}")
    return next((e.notebook for e in _REGISTRY.values() if e.id.startswith(topic + ".")), topic)


def exercise(exercise_id: str) -> Callable[[Any], Any]:
    """Check the function or class below on definition, and show a panel.

    Returns the learner's own object, unwrapped, once it passes; until then the course's version.

    Raises
    ------
    UnknownNameError
        If there is no such exercise.
    ExerciseError
        In strict mode, if it does not pass.
    """
    entry = find(exercise_id)

    def check(obj: Any) -> Any:
        result = entry.check(obj)
        panel = entry.panel(result)
        if result.state != "to do":
            progress.record(
                "exercise", entry.id, notebook=entry.notebook, state=result.state, misconception=result.misconception
            )
        if strict() and result.state != "passed":
            raise ExerciseError(f"exercise {entry.id}: expected passed, got {result.state}. {result.message}")
        show(panel)
        return obj if result.state == "passed" else entry.reference

    return check


def show_hints(exercise_id: str) -> None:
    """Print the hints of an exercise, weakest first."""
    for number, hint in enumerate(find(exercise_id).hints, 1):
        print(f"Hint {number}: {hint}")


def show_solution(exercise_id: str) -> None:
    """Show the course's version of an exercise: for when you are stuck, and want to go on and come back."""
    entry = find(exercise_id)
    progress.record("solution", entry.id, notebook=entry.notebook)
    print(_course_version(entry))


def _course_version(entry: Exercise) -> str:
    """The answer as the worked notebook gives it, ready to paste; the reference's source where there is no notebook."""
    for path in sorted((notebooks_folder() / "solutions").glob(f"*_{entry.notebook}.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if f'@exercise("{entry.id}")' in source:
                return source
    return _source(entry.reference)


def _source(reference: Callable) -> str:
    """The source of the course's version, without its docstrings."""
    source = textwrap.dedent(inspect.getsource(reference))
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) and len(node.body) > 1:
            left_out.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return "\n".join(line for number, line in enumerate(source.splitlines(), 1) if number not in left_out)
