"""A learner's notebook runs from top to bottom whatever they have done so far, and each panel says what it should."""

import re
from pathlib import Path

import pytest

from coursekit import sources
from coursekit.checks.panel import SIGNS
from coursekit.execution import execute

ROOT = Path(__file__).resolve().parents[1]
BOTH = ("untouched", "one wrong")
RUNS = [(name, state) for name in ("00", "01", "02") for state in BOTH] + [("03", state) for state in sources.STATES]

# The first line of a panel's text, for example `✗ forward.softmax: not yet (difficulty 2 of 5, ...)`.
PANEL = re.compile(rf"^({'|'.join(map(re.escape, SIGNS.values()))}) (\S+): ({'|'.join(SIGNS)})\b", re.MULTILINE)

EXPECTED = {"untouched": "to do", "one wrong": "not yet", "one raising": "error", "all solved": "passed"}


def panels(notebook) -> dict[str, str]:
    """The state that each exercise's panel shows, by the exercise's id, in the order of the notebook."""
    found = {}
    for cell in notebook.cells:
        if "exercise" in cell.metadata.get("tags", []):
            texts = [out.get("text") or out.data.get("text/plain", "") for out in cell.outputs if "ename" not in out]
            shown = [match for text in texts for match in PANEL.findall(text)]
            assert len(shown) == 1, f"expected one panel below this cell, got {texts}:\n{cell.source}"
            sign, exercise, state = shown[0]
            assert sign == SIGNS[state]
            found[exercise] = state
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "state"), RUNS, ids=lambda value: value.replace(" ", "-"))
def test_a_learner_notebook_runs_through(name, state):
    notebook = sources.variant(name, state, root=ROOT)
    failure = execute(notebook, strict=False)
    assert failure is None, failure
    first, *others = panels(notebook).values()
    assert first == EXPECTED[state]
    assert set(others) <= {"passed" if state == "all solved" else "to do"}


def test_the_pattern_reads_a_panel():
    from coursekit.checks.panel import Panel

    for state in SIGNS:
        panel = Panel(title="forward.softmax", state=state, facts="2 points", message="x: to do\n✗ y.z: passed no")
        assert PANEL.match(repr(panel)).groups() == (SIGNS[state], "forward.softmax", state)
        assert len(PANEL.findall(repr(panel))) == 1, "only the first line is the panel's, the message is indented"
