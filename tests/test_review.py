"""What to look at again: computed from a list of events and from nothing else."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit import progress, review
from coursekit.review import BOXES, card, due, summary, unsolved

MONDAY = datetime(2026, 5, 4, 9, tzinfo=UTC)
DAY = timedelta(days=1)
EXERCISES = {
    "loss.softmax": SimpleNamespace(id="loss.softmax", notebook="forward_pass", points=2, minutes=6, difficulty=2),
    "loss.entropy": SimpleNamespace(id="loss.entropy", notebook="forward_pass", points=3, minutes=9, difficulty=3),
    "perceptron.xor": SimpleNamespace(id="perceptron.xor", notebook="perceptron", points=1, minutes=4, difficulty=1),
}


def event(after, state="passed", name="loss.softmax", kind="exercise", **facts):
    notebook = EXERCISES[name].notebook if name in EXERCISES else "forward_pass"
    time = (MONDAY + after).isoformat()
    return {"time": time, "kind": kind, "id": name, "notebook": notebook, "state": state, **facts}


def minutes(*numbers):
    return [event(timedelta(minutes=n), "to do") for n in numbers]


def due_after(answers, name="loss.softmax"):
    """How long after Monday the exercise is due; None if it is not in the schedule at all."""
    late = MONDAY + 1000 * DAY
    return next((item.due - MONDAY for item in due(answers, EXERCISES, late) if item.id == name), None)


def test_summary_counts_by_notebook():
    events = [
        event(timedelta(minutes=0), "to do"),
        event(timedelta(minutes=1), "error"),
        event(timedelta(minutes=2), "not yet", misconception="m"),
        event(timedelta(minutes=3), "passed"),
        event(timedelta(minutes=4), "passed"),
        event(timedelta(minutes=5), "not yet", name="loss.entropy"),
        event(timedelta(minutes=6), "passed", name="of.another.course"),
        event(timedelta(minutes=7), kind="of the future", name="x"),
    ]
    done, untouched = summary(events, EXERCISES).values()
    assert (done.notebook, done.passed, done.total, done.points, done.points_total) == ("forward_pass", 1, 2, 2, 5)
    assert done.attempts == 4
    assert done.minutes == 8
    assert done.state == "… started"
    assert (untouched.passed, untouched.total, untouched.attempts, untouched.minutes) == (0, 1, 0, 0)
    assert untouched.state == "○ not started"


def test_what_was_passed_stays_passed():
    events = [event(0 * DAY), event(1 * DAY, "to do"), event(2 * DAY, "not yet"), event(2 * DAY, name="loss.entropy")]
    assert summary(events, EXERCISES)["forward_pass"].state == "✓ done"


@pytest.mark.parametrize(
    ("at", "expected"),
    [((), 0), ((0,), 1), ((0, 3, 9), 10), ((0, 9, 19), 11), ((0, 30, 35), 7), ((0, 10), 2), ((5, 0), 6)],
)
def test_minutes_of_sessions(at, expected):
    assert summary(minutes(*at), EXERCISES)["forward_pass"].minutes == expected


def test_events_without_a_notebook_or_of_one_without_exercises():
    update = {"time": MONDAY.isoformat(), "kind": "update", "id": "0.1.0", "notebook": None}
    guess = {"time": MONDAY.isoformat(), "kind": "prediction", "id": "p", "notebook": "project"}
    rows = summary([update, guess], EXERCISES)
    assert list(rows) == ["forward_pass", "perceptron", "project"]
    assert (rows["project"].total, rows["project"].state) == (0, "… started")


def test_only_failures_that_were_passed_come_back():
    assert due_after([event(0 * DAY), event(9 * DAY)]) is None
    assert due_after([event(0 * DAY, "not yet"), event(0 * DAY, "error")]) is None
    assert due_after([event(0 * DAY, "to do"), event(1 * DAY)]) is None
    for failed in ("not yet", "error"):
        assert due_after([event(0 * DAY, failed), event(2 * DAY)]) == 3 * DAY


def test_each_clean_repetition_moves_it_on_and_the_last_box_is_the_last():
    answers, day = [event(-1 * DAY, "not yet"), event(0 * DAY)], 0 * DAY
    for wait in (*BOXES, BOXES[-1]):
        assert due_after(answers) == day + wait
        day += wait
        answers.append(event(day))
    assert due_after(answers) == day + 21 * DAY


def test_running_all_cells_again_is_no_repetition():
    failed_then_passed = [event(-1 * DAY, "not yet"), event(0 * DAY)]
    assert due_after([*failed_then_passed, event(0.1 * DAY), event(0.9 * DAY), event(0.95 * DAY, "to do")]) == 1 * DAY


def test_a_failure_takes_it_back_to_the_first_box():
    learned = [event(-1 * DAY, "not yet"), event(0 * DAY), event(1 * DAY), event(4 * DAY)]
    assert due_after(learned) == 11 * DAY
    assert due_after([*learned, event(5 * DAY, "error")]) == 5 * DAY  # one day after the last pass, on day 4
    assert due_after([*learned, event(5 * DAY, "error"), event(5.1 * DAY)]) == 6.1 * DAY


def test_due_by_now_longest_overdue_first_with_the_last_misconception():
    answers = [
        event(-1 * DAY, "not yet", misconception="the first"),
        event(-0.5 * DAY, "not yet", misconception="you averaged over features"),
        event(-0.4 * DAY, "error", misconception=None),
        event(0 * DAY),
        event(-1 * DAY, "error", name="perceptron.xor"),
        event(-0.5 * DAY, name="perceptron.xor"),
        event(0 * DAY, "not yet", name="gone.from.the.course"),
        event(1 * DAY, name="gone.from.the.course"),
    ]
    assert due(answers, EXERCISES, MONDAY + 0.4 * DAY) == []
    assert [item.id for item in due(answers, EXERCISES, MONDAY + 0.5 * DAY)] == ["perceptron.xor"]
    both = due(answers, EXERCISES, MONDAY + DAY)
    assert [item.id for item in both] == ["perceptron.xor", "loss.softmax"]
    assert [item.misconception for item in both] == [None, "you averaged over features"]
    local = (MONDAY + DAY).astimezone().replace(tzinfo=None)
    assert due(answers, EXERCISES, local) == both


@given(
    st.lists(st.tuples(st.integers(0, 60 * 24), st.sampled_from(["to do", "passed", "not yet", "error"]))), st.randoms()
)
def test_any_history_has_an_answer_that_its_order_in_the_file_does_not_change(history, random):
    events = [event(timedelta(hours=hour, minutes=k), state) for k, (hour, state) in enumerate(sorted(history))]
    items = due(events, EXERCISES, MONDAY + 10_000 * DAY)
    assert (len(items) == 1) == bool(
        re.search(r"[ne].*p", "".join(state[0] for _, state in sorted(history) if state != "to do"))
    )
    row = summary(events, EXERCISES)["forward_pass"]
    assert row.attempts <= len(events)
    assert 0 <= row.minutes <= 10 * len(events)
    random.shuffle(events)
    assert due(events, EXERCISES, MONDAY + 10_000 * DAY) == items
    assert summary(events, EXERCISES)["forward_pass"] == row


@pytest.fixture
def course(tmp_path):
    progress.course_file(tmp_path).parent.mkdir()
    progress.course_file(tmp_path).write_text("{}", encoding="utf-8")
    for name in ("01_perceptron", "02_forward_pass", "02_forward_pass (new version 0.2.0)"):
        (tmp_path / f"{name}.ipynb").write_text("{}", encoding="utf-8")
    note = "a < b & you <script>alert(1)</script>"
    progress.record(
        "exercise", "loss.softmax", notebook="forward_pass", course=tmp_path, state="not yet", misconception=note
    )
    progress.record("exercise", "loss.softmax", notebook="forward_pass", course=tmp_path, state="passed")
    progress.record("exercise", "perceptron.xor", notebook="perceptron", course=tmp_path, state="passed")
    return tmp_path


def test_card_as_text(course):
    text = str(card(course, exercises=EXERCISES))
    first, second, third, *_ = text.splitlines()
    assert first.split() == ["Notebook", "State", "Exercises", "Points", "Attempts", "Minutes"]
    assert second.startswith("01_perceptron ")
    assert "✓ done" in second
    assert third.startswith("02_forward_pass ")
    assert "… started" in third
    assert "1 of 2" in third
    assert "2 of 5" in third
    tomorrow = (datetime.now(UTC) + DAY).astimezone().date().isoformat()
    assert f"Next: loss.softmax, from {tomorrow}" in text
    later = card(course, now=datetime.now(UTC) + 2 * DAY, exercises=EXERCISES)
    assert "↻ loss.softmax in 02_forward_pass: a < b & you" in repr(later)


def test_what_was_never_passed_is_open_with_its_last_misconception():
    answers = [
        event(0 * DAY, "not yet", misconception="the first"),
        event(1 * DAY, "not yet", misconception="the second"),
        event(2 * DAY, "not yet", name="perceptron.xor"),
        event(3 * DAY, "error"),
        event(0 * DAY, name="loss.entropy"),
        event(1 * DAY, "not yet", name="loss.entropy"),
        event(1 * DAY, "not yet", name="gone.from.the.course"),
        event(1 * DAY, "not yet", kind="of the future"),
    ]
    found = [(one.id, one.notebook, one.misconception) for one in unsolved(answers, EXERCISES)]
    assert found == [("perceptron.xor", "perceptron", None), ("loss.softmax", "forward_pass", "the second")]
    assert unsolved([event(0 * DAY, "to do")], EXERCISES) == []
    assert [one.id for one in unsolved([*answers, event(4 * DAY)], EXERCISES)] == ["perceptron.xor"]


def test_the_card_begins_with_what_is_open(course):
    fail = {"notebook": "forward_pass", "course": course, "state": "not yet", "misconception": "you <forgot> the log"}
    progress.record("exercise", "loss.entropy", **fail)
    today, later = (card(course, datetime.now(UTC) + k * DAY, EXERCISES) for k in (0, 2))
    line = "○ still open: loss.entropy in 02_forward_pass: you <forgot> the log"
    for shown in (today, later):
        assert line in str(shown) and "Nothing to review" not in str(shown)
        assert "still open: loss.entropy in 02_forward_pass: you &lt;forgot&gt;" in shown._repr_html_()
        assert Tags(shown._repr_html_()).open == []
    assert "the next review: loss.softmax, from" in str(today)
    assert str(later).index("still open: loss.entropy") < str(later).index("↻ loss.softmax")
    progress.progress_file(course).unlink()
    progress.record("exercise", "loss.entropy", **fail)
    only = str(card(course, exercises=EXERCISES))
    assert line in only and "review" not in only


def test_a_damaged_event_does_not_cost_the_card(course):
    good = {"time": "2026-01-01T10:00:00+00:00", "kind": "exercise", "id": "loss.entropy", "notebook": "forward_pass"}
    odd = [{"notebook": [1]}, {"notebook": 5}, {"time": "0001-01-01T00:00:00+14:00"}, {"state": []}, {"id": {}}]
    odd += [{"time": "9999-12-31T23:59:59-14:00", "state": "passed"}, {"state": "not yet", "misconception": [1]}]
    before = card(course, exercises=EXERCISES)
    with progress.progress_file(course).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(good | change) + "\n" for change in odd)
    after = card(course, exercises=EXERCISES)
    assert (str(after), after._repr_html_()) == (str(before), before._repr_html_())


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.seen.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_card_as_html(course):
    text = card(course, now=datetime.now(UTC) + 2 * DAY, exercises=EXERCISES)._repr_html_()
    tags = Tags(text)
    assert tags.open == []
    assert {"table", "caption", "thead", "tbody", "th", "li"} <= set(tags.seen)
    assert "script" not in tags.seen
    assert "&lt;script&gt;" in text
    assert {name for name, _ in tags.attributes} <= {"scope", "style"}
    assert not re.search(r"color|background|#[0-9a-f]{3}", text)
    assert "✓ done" in text


def test_card_before_anything_went_wrong(course):
    progress.progress_file(course).unlink()
    text = str(card(course, exercises=EXERCISES))
    assert text.count("○ not started") == 2
    assert "Nothing to review" in text
    assert "<ul>" not in card(course, exercises=EXERCISES)._repr_html_()


def test_card_outside_a_course(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = card()
    assert "coursekit start DIR" in str(shown) == repr(shown)
    assert "coursekit start DIR" in shown._repr_html_()
    assert shown.due == ()


def test_card_finds_the_course_and_the_exercises_by_itself(course, monkeypatch):
    monkeypatch.chdir(course)
    shown = card()
    assert shown.course == course.resolve()
    assert {row.notebook for row in shown.rows} >= {"forward_pass", "perceptron"}
    assert sum(row.total for row in shown.rows) == len(review._of_the_course(None))
