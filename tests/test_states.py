"""A learner's notebook runs from top to bottom whatever they have done so far, and each panel says what it should."""

import re
from pathlib import Path

import pytest

from coursekit import sources
from coursekit.checks import all_exercises
from coursekit.checks.panel import SIGNS
from coursekit.execution import execute

pytestmark = pytest.mark.usefixtures("offline")  # no learner's notebook needs a network
ROOT = Path(__file__).resolve().parents[1]
BOTH = ("untouched", "one wrong")
RUNS = [(name, state) for name in ("00", "01", "02") for state in BOTH] + [("03", state) for state in sources.STATES]
# nbval runs these whole; here they end behind the wrong answer
LATER = tuple(f"{k:02}" for k in range(4, 18))
RUNS += [(name, "one wrong") for name in LATER]

# The first line of a panel's text, for example `✗ forward.softmax: not yet (difficulty 2 of 5, ...)`.
PANEL = re.compile(rf"^({'|'.join(map(re.escape, SIGNS.values()))}) (\S+): ({'|'.join(SIGNS)})\b", re.MULTILINE)

# What people really write, for backprop.numerical_gradient; elsewhere the wrong answer is None.
DIVIDES_THEN_MULTIPLIES = """
grad = np.zeros_like(x)
for i in np.ndindex(x.shape):
    kept = x[i]
    x[i] = kept + h
    above = f(x)
    x[i] = kept - h
    below = f(x)
    x[i] = kept
    grad[i] = (above - below) / 2 * h
return grad
"""
WRONG = {"03": DIVIDES_THEN_MULTIPLIES.strip()}
NAMED = {"03": ("backprop.numerical_gradient", "_divides_then_multiplies")}  # the misconception that this is

EXPECTED = {"untouched": "to do", "one wrong": "not yet", "one raising": "error", "all solved": "passed"}


def panels(notebook) -> dict[str, tuple[str, str]]:
    """The state and the text of each exercise's panel, by the exercise's id, in the order of the notebook."""
    found = {}
    for cell in notebook.cells:
        if "exercise" in cell.metadata.get("tags", []):
            texts = [out.get("text") or out.data.get("text/plain", "") for out in cell.outputs if "ename" not in out]
            shown = [(*match, text) for text in texts for match in PANEL.findall(text)]
            assert len(shown) == 1, f"expected one panel below this cell, got {texts}:\n{cell.source}"
            sign, exercise, state, text = shown[0]
            assert sign == SIGNS[state]
            found[exercise] = state, text
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "state"), RUNS, ids=lambda value: value.replace(" ", "-"))
def test_a_learner_notebook_runs_through(name, state):
    notebook = sources.variant(name, state, WRONG.get(name, "return None"), root=ROOT)
    if name in LATER:
        end = next(k for k, cell in enumerate(notebook.cells) if "exercise" in cell.metadata.get("tags", ()))
        del notebook.cells[end + 1 :]
    failure = execute(notebook, strict=False)
    assert failure is None, failure
    found = panels(notebook)
    first, *others = (shown for shown, _ in found.values())
    assert first == EXPECTED[state]
    assert set(others) <= {"passed" if state == "all solved" else "to do"}
    if state == "one wrong" and name in NAMED:
        exercise, mistake = NAMED[name]
        assert one_line(misconceptions(exercise)[mistake]) in one_line(found[exercise][1])


def misconceptions(exercise: str) -> dict[str, str]:
    """What to tell a learner, by the name of the wrong answer."""
    return {wrong.__name__: text for wrong, text in all_exercises()[exercise].misconceptions.items()}


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_the_named_mistake_is_one_that_the_course_knows_and_stands_in_the_first_exercise():
    for name, (exercise, mistake) in NAMED.items():
        untouched = sources.variant(name, "one wrong", WRONG[name], root=ROOT)
        first = next(cell for cell in untouched.cells if "exercise" in cell.metadata.get("tags", []))
        assert f'@exercise("{exercise}")' in first.source and WRONG[name].splitlines()[-1] in first.source
        assert mistake in misconceptions(exercise)


def test_a_notebook_that_is_run_here_reaches_no_network():
    source = "# %%\nimport socket\nsocket.create_connection(('192.0.2.1', 80), timeout=5)\n"
    failure = execute(sources.worked("01_reaches_out", source), strict=False)
    assert failure is not None
    assert "NetworkBlocked: the network is blocked in this run: connect asked for '192.0.2.1'" in failure.error
    assert execute(sources.worked("01_stays", "# %%\nimport numpy\n"), strict=False) is None


def test_make_runs_no_notebook_with_a_network():
    recipes = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    runs = re.findall(r"^.*(?:-m coursekit (?:build|run)\b(?! --check)|-m slow|--nbval).*$", recipes, re.MULTILINE)
    assert len(runs) >= 5, "build, the slow tests, nbval, seeds, bench"
    assert [line for line in runs if "$(OFFLINE)" not in line] == []


def test_the_pattern_reads_a_panel():
    from coursekit.checks.panel import Panel

    for state in SIGNS:
        panel = Panel(title="forward.softmax", state=state, facts="2 points", message="x: to do\n✗ y.z: passed no")
        assert PANEL.match(repr(panel)).groups() == (SIGNS[state], "forward.softmax", state)
        assert len(PANEL.findall(repr(panel))) == 1, "only the first line is the panel's, the message is indented"
