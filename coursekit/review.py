"""What cost you an error is worth another look: after a day, then three, a week, three weeks.

Everything here is computed from the events that :mod:`coursekit.progress` recorded, and from nothing else. The spacing
is Leitner's: an exercise that went wrong lies in a box, each clean repetition moves it to the next one, and an error
takes it back to the first.

Source: S. Leitner, *So lernt man lernen* (1972); Cepeda et al., *Distributed practice in verbal recall tasks* (2006).
"""

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from coursekit.progress import events as recorded
from coursekit.progress import find_course

if TYPE_CHECKING:
    from coursekit.checks import Exercise

__all__ = ["NotebookSummary", "OpenExercise", "ProgressCard", "Review", "card", "due", "summary", "unsolved"]

BOXES = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=21))
PAUSE = timedelta(minutes=10)  # who does nothing for this long has left
START = timedelta(minutes=1)  # what happened before the first event of a session
FAILED = ("not yet", "error")


@dataclass(frozen=True)
class NotebookSummary:
    """How far the learner has come in one notebook."""

    notebook: str
    passed: int
    total: int
    points: int
    points_total: int
    attempts: int
    minutes: float

    @property
    def state(self) -> str:
        """A word with its sign: not started, started or done."""
        if self.total and self.passed == self.total:
            return "✓ done"
        return "… started" if self.attempts or self.minutes else "○ not started"


@dataclass(frozen=True)
class Review:
    """An exercise to look at again: when, and what went wrong the last time."""

    id: str
    notebook: str
    due: datetime
    box: int
    misconception: str | None = None


@dataclass(frozen=True)
class OpenExercise:
    """An exercise that went wrong and was never passed since: what went wrong the last time."""

    id: str
    notebook: str
    misconception: str | None = None


def summary(events: Iterable[dict], exercises: "Mapping[str, Exercise] | None" = None) -> dict[str, NotebookSummary]:
    """Count, for each notebook, what was passed and what it took.

    An exercise that was passed once stays passed. An attempt is an answer that was checked; running the cell of a
    passed exercise again is none. Minutes are the gaps between events of the notebook that are shorter than ten
    minutes, and one minute for the start of each session.

    Parameters
    ----------
    events : iterable of dict
        As :func:`coursekit.progress.events` gives them.
    exercises : mapping of id to Exercise, optional
        By default all of the course.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> exercises = {"loss.softmax": SimpleNamespace(notebook="forward_pass", points=2)}
    >>> event = {"kind": "exercise", "id": "loss.softmax", "notebook": "forward_pass"}
    >>> events = [{**event, "time": "2026-01-01T10:00:00+00:00", "state": "not yet"},
    ...           {**event, "time": "2026-01-01T10:04:00+00:00", "state": "passed"}]
    >>> done = summary(events, exercises)["forward_pass"]
    >>> done.passed, done.attempts, done.minutes, done.state
    (1, 2, 5.0, '✓ done')
    """
    exercises = _of_the_course(exercises)
    events = _in_order(events)
    answers = [event for event in events if event["kind"] == "exercise" and event["id"] in exercises]
    passed = {event["id"] for event in answers if event.get("state") == "passed"}
    attempts = _attempts(answers)
    notebooks = [exercise.notebook for exercise in exercises.values()]
    notebooks += [event["notebook"] for event in events if event.get("notebook")]
    found = {}
    for notebook in dict.fromkeys(notebooks):
        its = {name: exercise for name, exercise in exercises.items() if exercise.notebook == notebook}
        found[notebook] = NotebookSummary(
            notebook=notebook,
            passed=len(passed & set(its)),
            total=len(its),
            points=sum(exercise.points for name, exercise in its.items() if name in passed),
            points_total=sum(exercise.points for exercise in its.values()),
            attempts=sum(attempts.get(name, 0) for name in its),
            minutes=_minutes([_time(event) for event in events if event.get("notebook") == notebook]),
        )
    return found


def due(
    events: Iterable[dict], exercises: "Mapping[str, Exercise] | None" = None, now: datetime | None = None
) -> list[Review]:
    """The exercises to look at again by `now`, the longest overdue first.

    Parameters
    ----------
    events : iterable of dict
        As :func:`coursekit.progress.events` gives them.
    exercises : mapping of id to Exercise, optional
        By default all of the course.
    now : datetime, optional
        By default the time it is.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> exercises = {"loss.softmax": SimpleNamespace(notebook="forward_pass", points=2)}
    >>> event = {"kind": "exercise", "id": "loss.softmax", "notebook": "forward_pass"}
    >>> events = [{**event, "time": "2026-01-01T10:00:00+00:00", "state": "not yet"},
    ...           {**event, "time": "2026-01-01T10:04:00+00:00", "state": "passed"}]
    >>> [review.id for review in due(events, exercises, now=datetime(2026, 1, 2, 12, tzinfo=UTC))]
    ['loss.softmax']
    """
    now = _moment(now)
    return [review for review in _schedule(events, exercises) if review.due <= now]


def unsolved(events: Iterable[dict], exercises: "Mapping[str, Exercise] | None" = None) -> list[OpenExercise]:
    """The exercises that went wrong and were never passed, the one that was tried last at the end.

    Parameters
    ----------
    events : iterable of dict
        As :func:`coursekit.progress.events` gives them.
    exercises : mapping of id to Exercise, optional
        By default all of the course.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> exercises = {"loss.softmax": SimpleNamespace(notebook="forward_pass", points=2)}
    >>> event = {"kind": "exercise", "id": "loss.softmax", "notebook": "forward_pass"}
    >>> events = [{**event, "time": "2026-01-01T10:00:00+00:00", "state": "not yet"}]
    >>> [exercise.id for exercise in unsolved(events, exercises)]
    ['loss.softmax']
    """
    exercises = _of_the_course(exercises)
    tried: dict[str, str | None] = {}  # its last misconception, in the order of the last failure
    passed = set()
    for event in _in_order(events):
        name, state = event["id"], event.get("state")
        if event["kind"] != "exercise" or name not in exercises:
            continue
        if state == "passed":
            passed.add(name)
        elif state in FAILED:
            before = tried.pop(name, None)
            tried[name] = event.get("misconception") or before
    return [OpenExercise(name, exercises[name].notebook, why) for name, why in tried.items() if name not in passed]


def card(
    course: Path | str | None = None, now: datetime | None = None, exercises: "Mapping[str, Exercise] | None" = None
) -> "ProgressCard":
    """The learner's progress, to show in a notebook or a terminal.

    Parameters
    ----------
    course : path, optional
        A course, or a folder in it; by default the one that the current folder lies in.
    now : datetime, optional
        By default the time it is.
    exercises : mapping of id to Exercise, optional
        By default all of the course.
    """
    course = find_course(course)
    if course is None:
        return ProgressCard(None)
    events = recorded(course)
    rows = summary(events, exercises)
    names = {path.stem.partition("_")[2]: path.stem for path in sorted(course.glob("[0-9][0-9]_*.ipynb"))}
    ordered = sorted(rows.values(), key=lambda row: names.get(row.notebook, "~"))
    still_open, reviews = unsolved(events, exercises), _schedule(events, exercises)
    return ProgressCard(course, tuple(ordered), tuple(reviews), _moment(now), names, tuple(still_open))


@dataclass(frozen=True, repr=False)
class ProgressCard:
    """Where the learner stands, in each notebook, and what to look at again."""

    course: Path | None
    rows: tuple[NotebookSummary, ...] = ()
    reviews: tuple[Review, ...] = ()
    now: datetime | None = None
    names: Mapping[str, str] | None = None
    open: tuple[OpenExercise, ...] = ()

    @property
    def due(self) -> tuple[Review, ...]:
        """The reviews whose time has come."""
        return tuple(review for review in self.reviews if review.due <= self.now)

    def _name(self, notebook: str) -> str:
        return (self.names or {}).get(notebook, notebook)

    def _table(self) -> list[tuple[str, ...]]:
        return [
            (
                self._name(row.notebook),
                row.state,
                f"{row.passed} of {row.total}",
                f"{row.points} of {row.points_total}",
                str(row.attempts),
                str(round(row.minutes)),
            )
            for row in self.rows
        ]

    def _line(self, one: OpenExercise | Review) -> str:
        return f"{one.id} in {self._name(one.notebook)}" + f": {one.misconception}" * bool(one.misconception)

    def _advice(self) -> list[tuple[str, list[str]]]:
        """What to do next, each time a sentence and the exercises that it means: first what was never passed."""
        said = []
        if self.open:
            lines = [f"○ still open: {self._line(one)}" for one in self.open]
            said.append(("Tried, and not passed yet:", lines))
        if self.due:
            lines = [f"↻ {self._line(review)}" for review in self.due]
            said.append(("To look at again now, because it went wrong once:", lines))
        elif self.reviews:
            day = self.reviews[0].due.astimezone().date().isoformat()
            start = "After that, the next review" if self.open else "Nothing to review now. Next"
            said.append((f"{start}: {self.reviews[0].id}, from {day}.", []))
        elif not self.open:
            said.append(("Nothing to review: an exercise that goes wrong comes back a day after you passed it.", []))
        return said

    def __str__(self) -> str:
        if self.course is None:
            return OUTSIDE
        table = [HEAD, *self._table()]
        widths = [max(len(row[k]) for row in table) for k in range(len(HEAD))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
        ]
        for sentence, exercises in self._advice():
            lines += ["", sentence, *(f"  {line}" for line in exercises)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if self.course is None:
            return f"<p>{html.escape(OUTSIDE)}</p>"
        head = "".join(f'<th scope="col" style="text-align:left">{name}</th>' for name in HEAD)
        body = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
            + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in cells)
            + "</tr>"
            for name, *cells in self._table()
        )
        advice = ""
        for sentence, exercises in self._advice():
            items = "".join(f"<li>{html.escape(line)}</li>" for line in exercises)
            advice += f"<p>{html.escape(sentence)}</p>" + (f"<ul>{items}</ul>" if items else "")
        caption = "<caption>Your progress</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{advice}"


HEAD = ("Notebook", "State", "Exercises", "Points", "Attempts", "Minutes")
OUTSIDE = (
    "No course here, so there is no record to show. Your progress is kept in your own copy of the course: "
    "`coursekit start DIR` makes one."
)


def _of_the_course(exercises: "Mapping[str, Exercise] | None") -> "Mapping[str, Exercise]":
    if exercises is not None:
        return exercises
    from coursekit.checks import all_exercises

    return all_exercises()


def _moment(now: datetime | None) -> datetime:
    return datetime.now(UTC) if now is None else now.astimezone(UTC)


def _time(event: dict) -> datetime:
    return datetime.fromisoformat(event["time"]).astimezone(UTC)


def _in_order(events: Iterable[dict]) -> list[dict]:
    """By time: two kernels, or a clock that was set, may have mixed the lines."""
    return sorted(events, key=_time)


def _attempts(answers: list[dict]) -> dict[str, int]:
    count: dict[str, int] = {}
    last: dict[str, str] = {}
    for event in answers:
        state = event.get("state")
        if state in FAILED or (state == "passed" and last.get(event["id"]) != "passed"):
            count[event["id"]] = count.get(event["id"], 0) + 1
        last[event["id"]] = state
    return count


def _minutes(times: list[datetime]) -> float:
    total = timedelta()
    for before, after in zip([None, *times], times, strict=False):
        short = before is not None and after - before < PAUSE
        total += after - before if short else START
    return total / timedelta(minutes=1)


def _schedule(events: Iterable[dict], exercises: "Mapping[str, Exercise] | None") -> list[Review]:
    """Every exercise that lies in a box, by the time at which it is due."""
    exercises = _of_the_course(exercises)
    answers: dict[str, list[dict]] = {}
    for event in _in_order(events):
        if event["kind"] == "exercise" and event["id"] in exercises:
            answers.setdefault(event["id"], []).append(event)
    found = [_review(name, exercises[name].notebook, its) for name, its in answers.items()]
    return sorted((review for review in found if review), key=lambda review: (review.due, review.id))


def _review(id: str, notebook: str, answers: list[dict]) -> Review | None:  # noqa: A002
    """Follow one exercise through the boxes; None if it never went wrong, or was never passed.

    A pass before the time is no repetition: "Run All" passes everything again, and nothing was recalled.
    """
    box, passed, went_wrong, misconception = 0, None, False, None
    for event in answers:
        state, time = event.get("state"), _time(event)
        if state in FAILED:
            box, went_wrong, misconception = 0, True, event.get("misconception") or misconception
            wrong_since = time
        elif state == "passed" and went_wrong:
            if passed is None or wrong_since > passed:
                passed = time
            elif time >= passed + BOXES[box]:
                box, passed = min(box + 1, len(BOXES) - 1), time
    return None if passed is None else Review(id, notebook, passed + BOXES[box], box, misconception)
