"""The machinery under the exercises: states, the order in which faults are told, panels, the time limit."""

import json
import time

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from coursekit.checks import core, exercise, find, register, show_hints, show_solution
from coursekit.checks.compare import first_difference, identical, same
from coursekit.checks.core import Exercise
from coursekit.checks.timelimit import TimeLimitReached, time_limit
from coursekit.errors import CourseError, ExerciseError, SettingError


def double(x, rng=None):
    """Twice x."""
    return 2.0 * x


def cases(rng):
    yield np.array([1.0, 2.0])
    yield rng.normal(size=(3, 2))
    yield rng.normal(size=4).astype(np.float32)


def make(**changes):
    given_ = {
        "id": "demo.double",
        "notebook": "demo",
        "reference": double,
        "cases": cases,
        "hints": ["one", "`two`", "three"],
        "misconceptions": {lambda x: x**2: "You squared.", lambda x: x + 2: "You added two."},
        "difficulty": 1,
        "minutes": 2,
        "points": 1,
    }
    return Exercise(**(given_ | changes))


def raises(x):
    raise ValueError("my own words")


def in_place(x):
    x *= 2
    return x.copy()


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (lambda x: 2 * x, "passed", ""),
        (raises, "error", "ValueError: my own words"),
        (lambda x: None, "not yet", "got None. Does every path end in `return`"),
        (
            lambda x: list(2 * x),
            "not yet",
            "Expected a NumPy array, got a list of 2 values. Wrap it in `np.array(...)`",
        ),
        (lambda x: print(2 * x), "not yet", "You print the result"),
        (lambda x: x.astype(int) ** 2 if (x == x.astype(int)).all() else x**2, "not yet", "You squared."),
        (
            lambda x: (2 * x).T if x.ndim == 2 else 2 * x,
            "not yet",
            r"Shape: expected (3, 2), got (2, 3). It looks transposed",
        ),
        (lambda x: 2 * x.sum(), "not yet", "Expected a NumPy array"),
        (lambda x: (2 * x).astype(int), "not yet", "expected floating-point numbers, got whole numbers"),
        (lambda x: 2 * x / (x != 2.0), "not yet", "inf appears at index [1], where 4 is expected"),
        (lambda x: 2 * x + 1, "not yet", "worst at index [0]: expected 2, got 3 (2 of 2 differ)"),
        (in_place, "not yet", "changes its input `x` in place"),
        (lambda x: 2 * x + np.random.default_rng().normal(size=x.shape) * 1e-9, "not yet", "gave different answers"),
        (lambda x, y: x, "error", "It is called as `double(x, rng=None)`"),
        (lambda x: x**2, "not yet", "You squared."),
    ],
)
def test_every_kind_of_fault_is_told(answer, state, words):
    result = make().check(answer)
    assert result.state == state
    assert words in result.message


def test_a_view_of_the_input_is_told():
    entry = make(reference=lambda x: x.ravel().copy())
    assert "shares its memory with the input" in entry.check(lambda x: x.ravel()).message
    assert make(reference=lambda x: x.ravel().copy(), alias_ok=True).check(lambda x: x.ravel()).state == "passed"


def test_the_error_shows_the_learners_own_line():
    message = make().check(raises).message
    assert "In your line" in message
    assert 'raise ValueError("my own words")' in message
    assert "trial.py" not in message


def test_a_class_where_a_function_is_expected_and_the_reverse():
    assert "Expected a function" in make().check(int).message
    assert "Expected a class" in make(reference=int).check(double).message


def test_prints_of_the_learner_are_kept_and_bounded():
    def chatty(x):
        print("a" * 5000)
        return 2 * x

    assert len(make().check(chatty).printed) == 2000


def test_a_loop_without_end_is_stopped():
    def endless(x):
        while True:
            try:
                x = x + 0
            except Exception:  # noqa: S110  # a learner's catch-all must not swallow the limit
                pass

    start = time.perf_counter()
    result = make(seconds=0.3).check(endless)
    assert result.state == "error"
    assert "still running after 0.3 seconds" in result.message
    assert time.perf_counter() - start < 10


def test_an_input_put_back_up_to_rounding_counts_as_unchanged():
    def moved_and_back(x):
        x += 0.1
        x -= 0.1
        return 2 * x

    assert make().check(moved_and_back).state == "passed"


def test_an_answer_of_odd_objects_is_told_and_not_raised():
    assert make().check(lambda x: np.array([x, None], dtype=object)).state == "not yet"


def test_the_time_limit_leaves_no_alarm_behind():
    with pytest.raises(TimeLimitReached), time_limit(0.05):
        time.sleep(2)
    time.sleep(0.1)


def test_a_random_generator_is_handed_over_fresh_each_time():
    def noise(x, rng):
        return x + rng.normal(size=x.shape)

    entry = make(reference=noise, cases=lambda rng: [(np.ones(3), np.random.default_rng(5))], misconceptions={})
    assert entry.check(noise).state == "passed"


def test_cases_follow_the_seed_of_the_course(monkeypatch):
    seen = []
    entry = make(cases=lambda rng: [seen.append(rng.normal()) or np.ones(2)])
    entry.check(double, seed=0)
    monkeypatch.setenv("COURSEKIT_SEED", "1")
    entry.check(double, seed=0)
    monkeypatch.setenv("COURSEKIT_SEED", "abc")
    assert seen[0] != seen[1]
    with pytest.raises(SettingError, match="COURSEKIT_SEED: expected a whole number"):
        entry.check(double)


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(core, "_REGISTRY", dict(core._REGISTRY))
    return register(make())


def test_a_passed_answer_comes_back_unwrapped_and_others_are_replaced(registered, capsys):
    def mine(x):
        return 2 * x

    assert exercise("demo.double")(mine) is mine
    assert exercise("demo.double")(lambda x: x + 1) is double

    def todo(x):
        raise NotImplementedError

    assert exercise("demo.double")(todo) is double
    printed = capsys.readouterr().out
    assert "✓ demo.double: passed" in printed
    assert "✗ demo.double: not yet" in printed
    assert "○ demo.double: to do" in printed
    assert "course's version stands in" in printed


def test_strict_mode_raises(registered, monkeypatch):
    monkeypatch.setenv("COURSEKIT_STRICT", "1")
    with pytest.raises(ExerciseError, match="exercise demo.double: expected passed, got not yet"):
        exercise("demo.double")(lambda x: x + 1)


def test_an_id_can_be_registered_once(registered):
    with pytest.raises(CourseError, match="got 'demo.double' twice"):
        register(make())


def test_hints_and_solution_on_demand(registered, capsys):
    show_hints("demo.double")
    show_solution("demo.double")
    printed = capsys.readouterr().out
    assert "Hint 3: three" in printed
    assert "return 2.0 * x" in printed
    assert "Twice x" not in printed


def test_panel_html_folds_hints_and_keeps_the_solution_back(monkeypatch):
    entry = make(misconceptions={lambda x: x + 1: "`<b>` is *not* escaped"})
    failed = entry.panel(entry.check(lambda x: x + 1))._repr_html_()
    assert failed.count("<details") == 3
    assert "<code>&lt;b&gt;</code> is <em>not</em> escaped" in failed
    assert "course's version</summary>" not in failed
    assert "2.0 * x" not in failed
    passed = entry.panel(entry.check(double))._repr_html_()
    assert "return 2.0 * x" in passed
    monkeypatch.setenv("COURSEKIT_STRICT", "1")  # the worked edition does not show itself beside itself
    assert "return 2.0 * x" not in entry.panel(entry.check(double))._repr_html_()
    for forbidden in ("color:", "role=", "data-"):  # page colours are inherited; these attributes are stripped
        assert forbidden not in failed.replace("border-left:4px solid", "")


def test_attempts_land_in_the_learners_progress(registered, tmp_path, monkeypatch, capsys):
    (tmp_path / ".coursekit").mkdir()
    (tmp_path / ".coursekit" / "course.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exercise("demo.double")(lambda x: x**2)
    lines = (tmp_path / ".coursekit" / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    event = json.loads(lines[-1])
    assert (event["id"], event["state"], event["misconception"]) == ("demo.double", "not yet", "You squared.")


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        (np.zeros((2, 1)), np.zeros(2), "try `keepdims=True`"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "transposed"),
        (np.zeros((2, 3)), np.zeros(2), "One axis too many"),
        (np.zeros((2, 6)), np.zeros((3, 4)), "arranged in other axes"),
        (0.5, np.zeros(2), "Shape: expected () (one number), got (2,)"),
        (0.5, np.zeros(1), "Return the number itself"),
        (3, 3.0, "Wrap it in `int(...)`"),
        (np.ones(2), np.array([None, 1.0]), "expected floating-point numbers, got object"),
        ((1.0, 2.0), 1.0, "Expected 2 values"),
        ((1.0, 2.0), (1.0, 2.0, 3.0), "Expected 2 values, got 3"),
        ({"W": 1.0}, {"b": 1.0}, "The dict has no 'W'"),
        ({"W": 1.0}, 3, "Expected a dict with 'W'"),
        ({"W": np.ones(2)}, {"W": np.array([1.0, 2.0])}, "W: Values: worst at index [1]"),
        (True, 1.0, "expected booleans, got floating-point numbers"),
        (3, "three", "Expected the number 3, got a str"),
        ("a", "b", "Expected 'a', got 'b'"),
    ],
)
def test_first_difference_says_what_differs(expected, got, words):
    assert words in first_difference(expected, got)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1.0, np.float64(1.0)),
        (1.0, np.array(1.0)),
        (2.0, 2),
        (np.ones(2, np.float32), np.ones(2)),
        ((1.0, np.ones(2)), [1.0, np.ones(2)]),
        (np.array([np.inf, np.nan]), np.array([np.inf, np.nan])),
        (np.int64(3), 3),
    ],
)
def test_what_a_learner_may_write_otherwise_is_the_same(expected, got):
    assert first_difference(expected, got) is None


FLOATS = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e6, 1e6))


@given(FLOATS)
def test_an_array_equals_itself_and_its_sum_in_another_order(a):
    assert same(a, a.copy())
    assert same(a.sum(), a[::-1].copy().sum()) or abs(a.sum()) < 1e-6 * np.abs(a).sum()
    assert identical([a, {"x": a}], [a.copy(), {"x": a.copy()}])


@given(FLOATS, st.integers(0, 10**6))
def test_a_single_changed_number_is_found(a, at):
    changed = a.copy()
    index = np.unravel_index(at % a.size, a.shape)
    changed[index] += 1 + abs(changed[index])
    assert not same(a, changed)
    assert not identical(a, changed)
    assert str([int(i) for i in index]) in first_difference(a, changed)


def test_every_real_exercise_shows_its_solution_without_docstring(capsys):
    show_solution("loss.softmax")
    printed = capsys.readouterr().out
    assert printed.startswith('@exercise("loss.softmax")'), "the cell of the worked notebook, ready to paste"
    assert "np.exp(z - z.max(axis=1, keepdims=True))" in printed
    assert find("loss.softmax").reference.__name__ == "softmax"


def test_an_answer_that_calls_itself_is_not_compared_with_the_course(registered, capsys):
    cell = 'def double(x):\n    return double(x)\nresult = exercise("demo.double")(double)'
    names = {"exercise": exercise, "double": double}  # as after an earlier run of the cell
    exec(compile(cell, "<cell>", "exec"), names)  # noqa: S102
    assert names["result"] is double  # the course's version, not the learner's
    assert "calls itself without end" in capsys.readouterr().out


class Unequal:
    def __eq__(self, other):
        raise RuntimeError("no comparison")

    __hash__ = None


@pytest.mark.parametrize(
    "make_odd", [lambda x: torch.tensor(x), lambda x: pd.DataFrame(x), lambda x: [pd.Series(x)], lambda x: Unequal()]
)
def test_odd_return_values_are_told_and_not_raised(make_odd):
    result = make(cases=lambda rng: [np.ones(3)]).check(make_odd)
    assert result.state == "not yet"
    assert "Expected a NumPy array, got a" in result.message


def test_an_exit_in_an_answer_is_an_error_of_the_answer():
    def leaves(x):
        raise SystemExit(3)

    assert "SystemExit: 3" in make().check(leaves).message


def test_even_a_bare_except_does_not_keep_a_loop_alive():
    def stubborn(x):
        while True:
            try:
                time.sleep(0.001)
            except:  # noqa: E722, S110
                pass

    start = time.perf_counter()
    assert make(seconds=0.3).check(stubborn).state == "error"
    assert time.perf_counter() - start < 15


def test_a_half_written_class_names_the_method():
    class Half:
        def fit(self):
            return self

        def predict(self):
            raise NotImplementedError

    class Whole(Half):
        def predict(self):
            return np.ones(2)

    entry = make(reference=Whole, cases=lambda rng: [()], call=lambda cls: cls().fit().predict(), misconceptions={})
    result = entry.check(Half)
    assert (result.state, result.message) == ("to do", "`predict` is still to be written.")


@pytest.mark.parametrize(("factor", "state"), [(1 + 1e-4, "not yet"), (1 + 1e-8, "passed")])
def test_the_tolerance_is_for_rounding_only(factor, state):
    assert make(cases=lambda rng: [rng.normal(size=5)]).check(lambda x: 2 * x * factor).state == state


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: [2.0, 4.0, 6.0], "Expected a NumPy array"),  # type before shape
        (lambda x: np.ones(3, int), "Shape"),  # shape before kind of number
        (lambda x: (np.array([1, 1]) * x.size).astype(int), "Type of number"),  # kind before values
        (lambda x: np.array([np.nan, 99.0]), "nan appears at index [0]"),  # NaN before values
        (lambda x: np.multiply(x, 3, out=x), "Values"),  # values before an input that was changed
    ],
)
def test_of_two_faults_the_first_in_order_is_told(answer, words):
    assert words in make(cases=lambda rng: [np.array([1.0, 2.0])]).check(answer).message


def test_asking_for_the_solution_is_noted(registered, tmp_path, monkeypatch, capsys):
    (tmp_path / ".coursekit").mkdir()
    (tmp_path / ".coursekit" / "course.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    show_solution("demo.double")
    assert '"solution"' in (tmp_path / ".coursekit" / "progress.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", [-1, "a", 0.5])
def test_a_seed_that_means_nothing_is_told(seed):
    with pytest.raises(CourseError, match="seed: expected a whole number of at least 0"):
        make().check(double, seed=seed)
