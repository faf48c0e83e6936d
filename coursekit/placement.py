"""Where should you begin? Four questions, one for each thing that a notebook teaches; the first gap is the place."""

from collections.abc import Callable
from dataclasses import dataclass

from coursekit.predict import chosen, predict

__all__ = ["ENTRY", "EntryQuestion", "advice", "ask"]

UNKNOWN = "I do not know"


@dataclass(frozen=True)
class EntryQuestion:
    """A question, its options with the right one first, and the notebook that answers it."""

    id: str
    question: str
    options: tuple[str, ...]
    notebook: str
    shift: int  # how far the right option is moved down the list that is shown

    @property
    def shown(self) -> list[str]:
        """The options in the order in which they are shown."""
        rest = list(self.options[1:])
        return [*rest[: self.shift], self.options[0], *rest[self.shift :], UNKNOWN]


ENTRY = (
    EntryQuestion(
        "start.entry-neuron",
        "Which of these can a single neuron with a step NOT compute, for two inputs 0 and 1?",
        ("exactly one is 1", "at least one is 1", "both are 1", "at most one is 1"),
        "01 perceptron",
        2,
    ),
    EntryQuestion(
        "start.entry-softmax",
        "All scores of an example grow by 5. Its softmax probabilities ...",
        ("stay the same", "all grow", "move towards equality", "no longer sum to 1"),
        "02 forward_pass",
        1,
    ),
    EntryQuestion(
        "start.entry-backprop",
        "Z = X W with X of shape (N, D), and dZ is the gradient of the loss at Z. The gradient at W is ...",
        ("X.T @ dZ", "dZ @ W.T", "X * dZ", "dZ.sum(axis=0)"),
        "03 backpropagation",
        0,
    ),
    EntryQuestion(
        "start.entry-update",
        "The loss is the mean cross-entropy of softmax(z). Its gradient at the scores z is ...",
        ("(probabilities minus truth) / N", "truth minus probabilities", "1 / probabilities", "the loss itself"),
        "03 backpropagation",
        3,
    ),
)


def ask() -> None:
    """Ask the four questions."""
    for entry in ENTRY:
        predict(entry.id, entry.question, entry.shown)


def advice(answer: Callable[[str], str | None] = chosen) -> str:
    """Say with which notebook to begin.

    Parameters
    ----------
    answer : callable(question id) -> str or None
        What was chosen; by default in this session.

    Raises
    ------
    UnknownNameError
        If the questions have not been asked in this session.

    Examples
    --------
    >>> advice({"start.entry-neuron": "exactly one is 1"}.get)
    'Begin with notebook 02 forward_pass: its question is the first one that you did not have.'
    """
    chosen_options = {entry.id: answer(entry.id) for entry in ENTRY}
    if not any(chosen_options.values()):
        return "You chose nothing yet, so begin with notebook 01 perceptron. Or choose above, and run this cell again."
    for entry in ENTRY:
        if chosen_options[entry.id] != entry.options[0]:
            return f"Begin with notebook {entry.notebook}: its question is the first one that you did not have."
    return "You have all four. Skim the exercises of 03 backpropagation, and go on from there."
