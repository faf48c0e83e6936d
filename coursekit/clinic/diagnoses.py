"""Every disease of the clinic leaves a trace that can be measured; a diagnosis is a name and that measurement.

The functions are the clinic's own measurements. Each returns the name and a number that sets such a run apart from
all others.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from coursekit.clinic.runs import Run

__all__ = [
    "DIAGNOSES",
    "dead_relu",
    "eval_forgotten",
    "evidence_against",
    "label_off_by_one",
    "missing_zero_grad",
    "rate_too_large",
    "softmax_twice",
    "unshuffled_data",
    "wrong_dim",
]


def dead_relu(run: "Run") -> tuple[str, float]:
    """The share of hidden units that are silent on every picture, before the first step."""
    return "dead ReLU", float(np.mean((run.fresh().hidden(run.pictures) == 0).all(axis=0)))


def eval_forgotten(run: "Run") -> tuple[str, float]:
    """By how much the scores of the same pictures differ when the run evaluates them twice."""
    twice = run.evaluate(run.pictures) - run.evaluate(run.pictures)
    return "eval mode forgotten", float(np.abs(twice).mean())


def label_off_by_one(run: "Run") -> tuple[str, float]:
    """The share of pictures whose prediction is the class after the true one."""
    predicted = run.output(run.pictures).argmax(axis=1)
    return "label off by one", float(np.mean(predicted == (run.labels + 1) % 10))


def missing_zero_grad(run: "Run") -> tuple[str, float]:
    """How many times as long the gradient is when the same batch comes a second time."""
    first, second = run.gradients(*run.batches(1)[0], times=2)
    return "missing zero_grad", float(np.linalg.norm(second) / np.linalg.norm(first))


def rate_too_large(run: "Run") -> tuple[str, float]:
    """How far the loss of a batch climbs in five steps that were taken for this very batch, from the start."""
    losses = run.fresh().train_on(*run.batches(1)[0], steps=5)
    return "rate too large", float(losses.max() - losses[0])


def softmax_twice(run: "Run") -> tuple[str, float]:
    """How far the rows that the loss is given are from adding up to 1."""
    return "softmax twice", float(np.abs(run.output(run.pictures).sum(axis=1) - 1).max())


def unshuffled_data(run: "Run") -> tuple[str, float]:
    """How many different classes a batch holds, on average."""
    return "unshuffled data", float(np.mean([len(np.unique(labels)) for _, labels in run.batches(20)]))


def wrong_dim(run: "Run") -> tuple[str, float]:
    """The loss of a single picture, before the first step."""
    return "wrong dim", run.fresh().loss_of(run.pictures[:1], run.labels[:1])


_TRACES: dict[str, tuple[Callable[["Run"], tuple[str, float]], str]] = {
    "dead ReLU": (
        dead_relu,
        "before the first step {0:.0%} of the hidden units are silent on every picture (`run.fresh().hidden`); "
        "units that are born dead would make it nearly all",
    ),
    "eval mode forgotten": (
        eval_forgotten,
        "evaluated twice, the scores of the same pictures differ by {0:.2g} (`run.evaluate`); with dropout left on "
        "they would differ each time",
    ),
    "label off by one": (
        label_off_by_one,
        "{0:.0%} of the predictions are the class after the true one (`run.output` beside `run.labels`); "
        "with shifted labels it would be most of them",
    ),
    "missing zero_grad": (
        missing_zero_grad,
        "given the same batch a second time, the gradient is {0:.2f} times as long (`run.gradients(..., times=2)`); "
        "without zero_grad it would be twice as long",
    ),
    "rate too large": (
        rate_too_large,
        "in five steps on one batch, from the start, the loss of that batch climbs by {0:.2f} at most "
        "(`run.fresh().train_on`); too large a rate would make it jump up",
    ),
    "softmax twice": (
        softmax_twice,
        "the rows that the loss is given are up to {0:.2g} away from adding up to 1 (`run.output`); "
        "probabilities would add up to 1 exactly",
    ),
    "unshuffled data": (
        unshuffled_data,
        "a batch holds {0:.1f} different classes on average (`run.batches`); in unshuffled data it would be hardly "
        "more than one",
    ),
    "wrong dim": (
        wrong_dim,
        "the loss of a single picture is {0:.2f} before the first step (`run.fresh().loss_of`); a softmax over the "
        "batch gives a single picture the probability 1, so the loss 0",
    ),
}
DIAGNOSES = tuple(sorted(_TRACES, key=str.lower))


def evidence_against(diagnosis: str, run: "Run") -> str:
    """What was measured in a run that does not have what it is said to have, in words.

    Parameters
    ----------
    diagnosis : str
        One of :data:`DIAGNOSES`.
    run : Run

    Returns
    -------
    str

    Examples
    --------
    >>> from coursekit.clinic.runs import control
    >>> evidence_against("missing zero_grad", control(0)).split(" (")[0]
    'given the same batch a second time, the gradient is 1.00 times as long'
    """
    measure, words = _TRACES[diagnosis]
    return words.format(measure(run)[1])
