"""A prediction is a commitment: you choose an answer first, then the experiment runs, and only then do you look.

``predict(id, question, options)`` asks; ``reveal(id, evidence, answer)`` shows what was measured beside what was
chosen. In JupyterLab the options are radio buttons; where there is no front end they are a list.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anywidget
import numpy as np
import traitlets

from coursekit import progress
from coursekit.checks.core import notebook_of
from coursekit.checks.panel import show
from coursekit.errors import CourseError, UnknownNameError, closest

__all__ = ["Question", "chosen", "predict", "reveal"]

_ASKED: dict[str, "Question"] = {}

_ESM = """
function render({ model, el }) {
  // Lab listens for single keys (A, B, D D ...): what is typed here must stay here.
  el.addEventListener("keydown", (event) => event.stopPropagation());
  const group = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = "Predict: " + model.get("question");
  group.append(legend);
  const name = "predict-" + Math.random().toString(36).slice(2);
  const note = document.createElement("div");
  note.setAttribute("aria-live", "polite");
  const say = () => {
    const choice = model.get("choice");
    note.textContent = choice < 0 ? "Choose before you run the next cell." : "Noted. Now run the next cell.";
  };
  model.get("options").forEach((option, i) => {
    const label = document.createElement("label");
    const button = document.createElement("input");
    button.type = "radio";
    button.name = name;
    button.checked = model.get("choice") === i;
    button.addEventListener("change", () => {
      model.set("choice", i);
      model.save_changes();
      say();
    });
    label.append(button, " " + option);
    group.append(label);
  });
  say();
  group.append(note);
  el.classList.add("coursekit-predict");
  el.append(group);
}
export default { render };
"""

_CSS = """
.coursekit-predict fieldset {
  border: 1px solid currentColor; border-radius: 4px; padding: .4em .9em .6em; max-width: 52em;
}
.coursekit-predict legend { font-weight: 600; padding: 0 .3em; white-space: normal; }
.coursekit-predict label { display: block; padding: .15em 0; cursor: pointer; }
.coursekit-predict div { opacity: .75; padding-top: .2em; }
"""


class Question(anywidget.AnyWidget):
    """A question with its options and, once the learner has chosen, the choice."""

    _esm = _ESM
    _css = _CSS
    question = traitlets.Unicode().tag(sync=True)
    options = traitlets.List(traitlets.Unicode()).tag(sync=True)
    choice = traitlets.Int(-1).tag(sync=True)

    def __init__(self, question_id: str, question: str, options: Sequence[str]):
        super().__init__(question=question, options=list(options))
        self.question_id = question_id
        self.observe(self._note, names="choice")

    def _note(self, change: dict) -> None:
        text = self.options[change["new"]]
        progress.record("prediction", self.question_id, notebook=notebook_of(self.question_id), choice=text)

    def remember(self, option: str | None) -> None:
        """Take up an earlier choice, without noting it a second time."""
        if option in self.options:
            with self.hold_trait_notifications():
                self.unobserve(self._note, names="choice")
                self.choice = self.options.index(option)
            self.observe(self._note, names="choice")

    def __repr__(self) -> str:
        rows = [f"  {'●' if i == self.choice else '○'} {option}" for i, option in enumerate(self.options)]
        return "\n".join([f"Predict: {self.question}", *rows])

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        """The widget for a live front end; a list for a page that only shows."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        rows = "".join(f"<li>{html.escape(option)}</li>" for option in self.options)
        still = f"<div><strong>Predict:</strong> {html.escape(self.question)}<ul>{rows}</ul></div>"
        return {**data, "text/plain": repr(self), "text/html": still}, metadata


@dataclass(frozen=True)
class Revealed:
    """What was measured, beside what was predicted."""

    question: str
    choice: str | None
    evidence: str
    answer: str | None

    @property
    def comparison(self) -> str:
        """One sentence that sets the prediction beside the answer."""
        if self.choice is None:
            return "You made no prediction here. Next time choose first: a wrong guess is what makes the answer stick."
        if self.answer is None:
            return f"You predicted: {self.choice}."
        if self.choice == self.answer:
            return f"✓ You predicted this: {self.choice}."
        return f"✗ You predicted: {self.choice}. What would have to be different for that to be true?"

    def _lines(self) -> list[tuple[str, str]]:
        lines = [("Measured", self.evidence)]
        return lines + [("Answer", self.answer)] if self.answer else lines

    def __repr__(self) -> str:
        return "\n".join([f"{k}: {v}" for k, v in self._lines()] + [self.comparison])

    def _repr_html_(self) -> str:
        rows = "".join(f"<div><strong>{k}:</strong> {html.escape(v)}</div>" for k, v in self._lines())
        style = "border-left:4px solid #CC79A7;padding:.4em .8em;margin:.3em 0;max-width:52em"
        return f"<div style='{style}'>{rows}<div>{html.escape(self.comparison)}</div></div>"


def predict(question_id: str, question: str, options: Sequence[str]) -> None:
    """Ask the learner to commit to an answer before the experiment runs.

    Parameters
    ----------
    question_id : str
        ``topic.name``, like an exercise's id.
    question : str
    options : sequence of str
        At least two, all different.

    Raises
    ------
    CourseError
        If there are fewer than two options, or two are alike.
    """
    options = [options] if isinstance(options, str) else list(options)
    if not all(isinstance(option, str) for option in options) or len(set(options)) != len(options) or len(options) < 2:
        raise CourseError(f"options: expected two or more different texts, got {options}. Add or reword one.")
    asked = Question(question_id, question, options)
    asked.remember(_earlier_choice(question_id))
    _ASKED[question_id] = asked
    show(asked)


def chosen(question_id: str) -> str | None:
    """The option that the learner chose, or None."""
    asked = _asked(question_id)
    return asked.options[asked.choice] if asked.choice >= 0 else None


def reveal(question_id: str, evidence: object, answer: str | int | None = None) -> None:
    """Show what was measured beside what was predicted.

    Parameters
    ----------
    question_id : str
        That of the :func:`predict` above.
    evidence : object
        The measurement; numbers are rounded for reading.
    answer : str or int, optional
        The option that the measurement bears out, or its number from 0: computed from the evidence, not typed in.

    Raises
    ------
    UnknownNameError
        If the question has not been asked in this session.
    CourseError
        If `answer` is none of the options.
    """
    asked = _asked(question_id)
    if isinstance(answer, int | np.integer) and not isinstance(answer, bool) and 0 <= answer < len(asked.options):
        answer = asked.options[answer]
    if answer is not None and answer not in asked.options:
        raise CourseError(f"answer: expected one of {asked.options}, got {answer!r}. Give an option or its number.")
    text = f"{evidence:.4g}" if isinstance(evidence, float | np.floating) else str(evidence)
    choice = chosen(question_id)
    progress.record(
        "reveal", question_id, notebook=notebook_of(question_id), right=None if choice is None else choice == answer
    )
    show(Revealed(asked.question, choice, text, answer))


def _earlier_choice(question_id: str) -> str | None:
    """What was chosen before: in this session or, after a restart of the kernel, in the learner's record."""
    if question_id in _ASKED and _ASKED[question_id].choice >= 0:
        return chosen(question_id)
    course = progress.find_course()
    past = progress.events(course) if course else []
    choices = [e.get("choice") for e in past if e.get("kind") == "prediction" and e.get("id") == question_id]
    return choices[-1] if choices and isinstance(choices[-1], str) else None


def _asked(question_id: str) -> Question:
    if question_id not in _ASKED:
        near = closest(question_id, _ASKED)
        advice = f"Did you mean {near[0]!r}?" if near else "Run the cell with its predict(...) first."
        raise UnknownNameError(f"question: expected one that was asked, got {question_id!r}. {advice}")
    return _ASKED[question_id]
