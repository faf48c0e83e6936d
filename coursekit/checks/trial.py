"""A trial is one answer run on every case, with everything noted that a result alone would hide.

It notes what was raised and where, what was printed, which input was changed, whether the result is only a view of
an input, and whether the same call gives the same answer twice.
"""

import contextlib
import copy
import inspect
import io
import linecache
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coursekit.checks.compare import arrays_in, first_difference, identical, same
from coursekit.checks.timelimit import TimeLimitReached, time_limit

__all__ = ["Outcome", "Trial", "UnusableAnswerError", "attempt"]

PRINTED_LIMIT = 2000  # characters of a learner's own prints that are shown


class UnusableAnswerError(Exception):
    """Raised by an exercise's `call` for a result that it cannot even compare; the message is for the learner."""


@dataclass(frozen=True)
class Outcome:
    """What one call did."""

    value: Any = None
    error: BaseException | None = None
    mutated: str | None = None  # name of the argument that was changed
    aliased: str | None = None  # name of the argument whose memory the result shares
    repeatable: bool = True
    low_precision: bool = False
    printed: str = ""

    def alike(self, other: "Outcome", kinds: bool = True) -> bool:
        """Whether two calls ended the same way: the same kind of error, or the same value."""
        if self.error is not None or other.error is not None:
            return type(self.error) is type(other.error) and (
                not isinstance(self.error, UnusableAnswerError) or str(self.error) == str(other.error)
            )
        return same(self.value, other.value, low_precision=self.low_precision, kinds=kinds)

    @property
    def side_effects(self) -> tuple:
        """What the call did beside returning a value."""
        return self.mutated, self.aliased, self.repeatable

    @staticmethod
    def all_alike(triples: Sequence[tuple["Outcome", "Outcome", "Outcome"]], kinds: bool) -> bool:
        """Whether the learner's outcomes (first) equal a known wrong answer's (second), given the expected ones (third).

        Side effects count only where the wrong answer's values are right: then they are what is wrong with it. So does
        the kind of number, unless `kinds` asks for it anyway.
        """
        values_are_right = all(wrong.alike(right, kinds=False) for _, wrong, right in triples)
        if not triples or not all(mine.alike(wrong, kinds=kinds or values_are_right) for mine, wrong, _ in triples):
            return False
        return not values_are_right or all(mine.side_effects == wrong.side_effects for mine, wrong, _ in triples)


@dataclass
class Trial:
    """The outcomes of all cases, and the first fault among them."""

    outcomes: list[Outcome] = field(default_factory=list)
    expected: list[Outcome] = field(default_factory=list)
    fault: str | None = None
    state: str = "passed"
    printed: str = ""


def attempt(exercise: Any, obj: Callable, cases: list[tuple]) -> Trial:
    """Run `obj` on every case, compare with the exercise's reference, and keep the first fault.

    It goes on after a fault: all outcomes together tell one misconception from another.
    """
    trial = Trial()
    names = _argument_names(exercise, cases)
    try:
        with time_limit(exercise.seconds), _called_by_its_own_name(obj):
            for case in cases:
                expected = _run(exercise, exercise.reference, case, names, once=True)
                got = _run(exercise, obj, case, names)
                trial.expected.append(expected)
                trial.outcomes.append(got)
                trial.printed = trial.printed or got.printed
                if trial.fault is None:
                    trial.state, trial.fault = _verdict(exercise, obj, case, names, expected, got)
                    trial.printed = got.printed if trial.fault else trial.printed
                if trial.state == "to do":
                    break
    except TimeLimitReached:
        trial.state = "error"
        trial.fault = (
            f"It was still running after {exercise.seconds:g} seconds and was stopped. "
            "Does a loop never reach its end? Check that something in its condition changes in every round."
        )
    return trial


@contextlib.contextmanager
def _called_by_its_own_name(obj: Any) -> Iterator[None]:
    """Let the name of an answer mean the answer itself while it is checked.

    In a notebook that name may still be bound to the course's version, from the cell's last run: an answer that calls
    itself would be compared with the course's version by way of the course's version, and pass.
    """
    home = getattr(obj, "__globals__", None) or getattr(_first_method(obj), "__globals__", None)
    name = getattr(obj, "__name__", None)
    if home is None or name not in home:
        yield
        return
    before, home[name] = home[name], obj
    try:
        yield
    finally:
        home[name] = before


def _run(exercise: Any, obj: Callable, case: tuple, names: list[str], once: bool = False) -> Outcome:
    args = copy.deepcopy(case)
    low = any(a.dtype == np.float32 for a in arrays_in(list(case)))
    printed = io.StringIO()
    try:
        with np.errstate(all="ignore"):
            with contextlib.redirect_stdout(printed):
                value = exercise.use(obj, args)
            with contextlib.redirect_stdout(io.StringIO()):
                again = value if once else exercise.use(obj, copy.deepcopy(case))
    except (Exception, SystemExit) as error:  # a learner's code may raise anything
        return Outcome(error=error, low_precision=low, printed=printed.getvalue()[:PRINTED_LIMIT])
    mutated = next((n for n, a, b in zip(names, args, case, strict=False) if not _unchanged(a, b)), None)
    aliased = next((n for n, a in zip(names, args, strict=False) if _shares_memory(value, a)), None)
    said = printed.getvalue()[:PRINTED_LIMIT]
    return Outcome(value, None, mutated, aliased, identical(value, again), low, said)


def _unchanged(argument: Any, before: Any) -> bool:
    """Whether an argument is what it was; numbers that were moved and put back may be off by rounding."""
    return identical(argument, before) or (bool(arrays_in(argument)) and same(before, argument))


def _shares_memory(value: Any, argument: Any) -> bool:
    return any(np.may_share_memory(v, a) and v.size for v in arrays_in(value) for a in arrays_in(argument))


def _verdict(exercise, obj, case, names, expected: Outcome, got: Outcome) -> tuple[str, str | None]:
    """The state and the first fault of one case, in the order in which a person would look."""
    if isinstance(got.error, NotImplementedError):
        return "to do", _unwritten(obj, got.error)
    if isinstance(got.error, UnusableAnswerError):
        return "not yet", str(got.error)
    if got.error is not None:
        return "error", _error_sentence(exercise, obj, case, got.error)
    fault = first_difference(expected.value, got.value, low_precision=got.low_precision)
    if got.value is None and expected.value is not None and got.printed:
        fault = "You print the result: `print` shows it, but hands nothing back. Use `return`."
    if fault is None and got.mutated and not expected.mutated:
        fault = f"The result is right, but your code changes its input `{got.mutated}` in place. Work on a copy, or make a new array."
    if fault is None and got.aliased and not exercise.alias_ok and not expected.aliased:
        fault = (
            f"The result is right, but it shares its memory with the input `{got.aliased}`: "
            "changing one later would change the other. Return a new array (`.copy()`)."
        )
    if fault is None and not got.repeatable:
        fault = "Two calls with the same input gave different answers. Take randomness only from the arguments."
    return ("passed", None) if fault is None else ("not yet", fault + _input_sentence(names, case))


def _unwritten(obj: Callable, error: BaseException) -> str:
    """What is still to be written: of a class, the method that was reached."""
    where = traceback.extract_tb(error.__traceback__)[-1].name
    if inspect.isclass(obj) and where in vars(obj):
        return f"`{where}` is still to be written."
    return "Write your answer above and run the cell."


def _error_sentence(exercise: Any, obj: Callable, case: tuple, error: BaseException) -> str:
    """The learner's exception and their own line; no stack of ours."""
    sentence = f"{type(error).__name__}: {error}"
    if isinstance(error, RecursionError):
        sentence = (
            "Your code calls itself without end (RecursionError). Compute the answer; do not call the function itself."
        )
    home = getattr(obj, "__code__", None) or getattr(_first_method(obj), "__code__", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if home and f.filename == home.co_filename]
    if frames:
        line = linecache.getline(frames[-1].filename, frames[-1].lineno).strip()
        return f"{sentence}\nIn your line {frames[-1].lineno}: `{line}`" if line else sentence
    if isinstance(error, TypeError) and exercise.call is None:
        wanted = inspect.signature(exercise.reference)
        return f"{sentence}\nIt is called as `{exercise.id.rpartition('.')[2]}{wanted}`. Keep the first line as it was."
    return sentence


def _first_method(obj: Any) -> Any:
    """A function of a learner's class, to find the file and the names that it was written among."""
    methods = vars(obj).values() if inspect.isclass(obj) else ()
    return next((method for method in methods if inspect.isfunction(method)), None)


def _argument_names(exercise: Any, cases: list[tuple]) -> list[str]:
    of = exercise.reference if exercise.call is None else exercise.call
    names = list(inspect.signature(of).parameters)
    names = names if exercise.call is None else names[1:]
    return names + [f"argument {i}" for i in range(len(names), max(map(len, cases), default=0))]


def _input_sentence(names: list[str], case: tuple) -> str:
    """The input of the failing case, where it is small enough to be read."""
    if sum(np.size(a) for a in arrays_in(list(case))) > 16:
        shapes = [f"{n} {a.shape}" for n, a in zip(names, case, strict=False) if isinstance(a, np.ndarray)]
        return f"\nThe input had the shapes {', '.join(shapes)}." if shapes else ""
    parts = []
    for name, value in zip(names, case, strict=False):
        if isinstance(value, np.ndarray):
            parts.append(f"{name} = {np.array2string(value, precision=4, separator=', ', threshold=20)}")
        elif isinstance(value, int | float | str | bool):
            parts.append(f"{name} = {value!r}")
    return "\nThe input was `" + "`, `".join(" ".join(p.split()) for p in parts) + "`." if parts else ""
