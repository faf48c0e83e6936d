"""Exercises of *PyTorch*, the debugging clinic: eight training runs, each with a diagnosis and a number that proves it.

The answer to a case is a function of a run. It is used on two runs of the case and on every other run of the clinic:
a number that does not set the case apart is no evidence, and neither is a guess.
"""

import copy
import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.clinic import diagnoses
from coursekit.errors import closest

__all__ = ["CASES"]

EPOCHS = 1  # of the runs that an answer is tried on: enough for every trace to be there


def _examined(obj, letter: str, seed: int):
    """Use an answer on the case, and on all other runs; the clinic's own answer only once."""
    own = next(entry.reference for entry in CASES if entry.id == f"clinic.case_{letter.lower()}")
    return _own_verdict(own, letter, seed) if obj is own else _verdict(obj, letter, seed)


@lru_cache(maxsize=64)
def _own_verdict(reference, letter: str, seed: int):
    return _verdict(reference, letter, seed)


def _verdict(obj, letter: str, seed: int):
    from coursekit.clinic.runs import LETTERS, admit, control

    run = _nameless(admit(letter, seed, EPOCHS))
    name, number = _answer(obj(run))
    if name not in diagnoses.DIAGNOSES:
        raise UnusableAnswerError(_not_on_the_list(name))
    if name != _RIGHT[letter]:
        raise UnusableAnswerError(f"Measured in this run: {diagnoses.evidence_against(name, run)}.")
    sick = [number, _answer(obj(_nameless(admit(letter, seed + 1, EPOCHS))))[1]]
    others = {k: _answer(obj(_nameless(admit(k, seed, EPOCHS))))[1] for k in LETTERS if k != letter}
    others["healthy"] = _answer(obj(_nameless(control(seed, EPOCHS))))[1]
    _expect_apart(sick, {k: v for k, v in others.items() if math.isfinite(v)})
    return name, True


def _nameless(run):
    """The run without its letter, which would be no measurement."""
    run = copy.copy(run)
    run.letter = "under examination"
    return run


def _not_on_the_list(name: str) -> str:
    known = {d.lower(): d for d in diagnoses.DIAGNOSES}
    near = closest(name.lower().replace("_", " "), known)
    ask = f"Is it {known[near[0]]!r}?" if near else f"The list: {', '.join(diagnoses.DIAGNOSES)}."
    return f"{name!r} is not on the list of diagnoses. {ask}"


def _answer(answer) -> tuple[str, float]:
    """A name and a number, whatever a learner makes of that."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        came = {str: "One text", type(None): "Nothing", dict: "A dict"}.get(type(answer), "Something else")
        came = f"{len(answer)} things" if isinstance(answer, tuple | list) else came
        came = "A diagnosis alone" if isinstance(answer, str) and answer in diagnoses.DIAGNOSES else came
        raise UnusableAnswerError(
            f"{came} came back. Return two things: the diagnosis and what you measured, `return name, number`."
        )
    name, number = answer
    if not isinstance(name, str):
        raise UnusableAnswerError("First the diagnosis, as a text from the list, then the number.")
    try:
        number = float(number)
    except (TypeError, ValueError):
        kind = type(number).__name__
        raise UnusableAnswerError(f"The measurement should be one number, got a {kind}. Take a mean, say.") from None
    return name, number


def _expect_apart(sick: list[float], others: dict[str, float]) -> None:
    """Refuse a number that some other run shows too, or that lies between those of other runs."""
    if not all(map(math.isfinite, sick)):
        raise UnusableAnswerError(f"Your measurement gives {sick[0]} here. It must be a finite number.")
    values = list(others.values())
    if not values or min(sick) > max(values) or max(sick) < min(values):
        return
    if max(map(abs, np.subtract([*sick, *values], sick[0]))) == 0:
        raise UnusableAnswerError(f"Your function gives {sick[0]:.4g} for every run: it measures nothing in this one.")
    below, above = min(others, key=others.get), max(others, key=others.get)
    elsewhere = f"among the other runs it goes from {others[below]:.4g} ({below}) to {others[above]:.4g} ({above})"
    if others[below] == others[above]:
        elsewhere = f"every other run measures {others[below]:.4g}"
    raise UnusableAnswerError(
        f"Two runs of this case measure {sick[0]:.4g} and {sick[1]:.4g}; {elsewhere}. "
        "The number does not set this case apart."
    )


def _named(function: Callable, name: str) -> Callable:
    function.__name__ = function.__qualname__ = name
    return function


def _wrong_diagnosis(letter: str, name: str) -> Callable:
    return _named(lambda run: (name, 0.0), f"_{letter.lower()}_is_{name.replace(' ', '_')}")


def _bank(letter: str, right: str, tempting: dict[str, str], symptom: Callable | None) -> dict[Callable, str]:
    """The other seven diagnoses, with what makes them tempting here, and evidence that is none."""
    bank = {
        _wrong_diagnosis(letter, name): tempting.get(
            name, f"No, this is not {name}. One measurement speaks against it."
        )
        for name in diagnoses.DIAGNOSES
        if name != right
    }
    bank[_named(lambda run: (right, 1.0), "_a_guess")] = (
        "The name fits, but the number is the same in every run: a guess. Measure something that this fault changes."
    )
    if symptom is not None:
        bank[_named(lambda run: (right, symptom(run)), "_the_symptom_again")] = (
            "The name fits, but your number is the symptom once more: several diseases end like this. "
            "Measure what only this one does."
        )
    bank[_named(lambda run: (1.0, right), "_number_first")] = (
        "The other way round: the diagnosis first, then the number."
    )
    bank[_named(lambda run: right, "_no_measurement")] = "A diagnosis without a measurement is an opinion. Return both."
    return bank


def _last_accuracy(run):
    return run.accuracy[-1]


def _case(letter, reference, *, hints, tempting, variant, difficulty=3, symptom=_last_accuracy) -> Exercise:
    right = _RIGHT[letter]
    return register(
        Exercise(
            id=f"clinic.case_{letter.lower()}",
            notebook="pytorch",
            reference=reference,
            cases=lambda rng: iter([(letter, int(rng.integers(1000)))]),
            call=_examined,
            difficulty=difficulty,
            minutes=4,
            points=2,
            hints=hints,
            misconceptions=_bank(letter, right, tempting, symptom),
            variants=(variant,),
            seconds=90.0,
        )
    )


_RIGHT = {
    "A": "softmax twice",
    "B": "dead ReLU",
    "C": "unshuffled data",
    "D": "missing zero_grad",
    "E": "eval mode forgotten",
    "F": "label off by one",
    "G": "wrong dim",
    "H": "rate too large",
}

# -- right answers, written differently ----------------------------------------------------------------------------------


def _never_negative(run):
    return "softmax twice", run.output(run.pictures).min()


def _first_layer_gets_no_gradient(run):
    return "dead ReLU", np.mean(run.fresh().gradients(*run.batches(1)[0])[0] == 0)


def _spread_of_labels(run):
    return "unshuffled data", np.mean([labels.std() for _, labels in run.batches(20)])


def _second_along_first(run):
    first, second = run.gradients(*run.batches(1)[0], times=2)
    return ["missing zero_grad", second @ first / (first @ first)]


def _not_the_quiet_output(run):
    return "eval mode forgotten", np.abs(run.evaluate(run.pictures) - run.output(run.pictures)).max()


def _next_label_costs_less(run):
    shifted = run.loss_of(run.pictures, (run.labels + 1) % 10)
    return "label off by one", shifted - run.loss_of(run.pictures, run.labels)


def _first_loss_is_log_of_the_batch(run):
    return "wrong dim", run.fresh().loss_of(*run.batches(1)[0]) - np.log(10)


def _mean_change_of_one_step(run):
    losses = [run.fresh().train_on(*batch) for batch in run.batches(5)]
    return "rate too large", np.mean([after - before for before, after in losses])


# -- the cases -------------------------------------------------------------------------------------------------------------

CASES = (
    _case(
        "A",
        diagnoses.softmax_twice,
        difficulty=2,
        hints=[
            "The loss creeps, although most pictures are right. What does cross-entropy want to be given?",
            "Look at a few rows of `run.output(run.pictures)`. Scores can be any numbers: are these?",
            "Sum each row: `run.output(run.pictures).sum(axis=1)`. How far from 1 is it, here and in `control(seed)`?",
        ],
        tempting={
            "wrong dim": "A softmax is at fault, but not its direction: with the wrong dim the loss would begin at the "
            "logarithm of the batch size.",
            "rate too large": "Too large a rate makes the loss jump. This one creeps: if anything, the steps are too small.",
            "dead ReLU": "Dead units give a flat loss too, but then nothing at all is learned. Here most pictures are right.",
            "missing zero_grad": "Added-up gradients make the steps larger and larger. Here they are too small.",
        },
        variant=_never_negative,
    ),
    _case(
        "B",
        diagnoses.dead_relu,
        hints=[
            "The loss stays at log(10) from the first step on: the scores do not depend on the picture. Where is it lost?",
            "Follow a picture through the network: what comes out of `run.hidden`? And what came out *before* training?",
            "`(run.fresh().hidden(run.pictures) == 0).all(axis=0)` says for each unit whether it is silent on every picture.",
        ],
        tempting={
            "rate too large": "That can end like this, because a huge step may kill the units. But look at the first steps: "
            "no jump. Was there life *before* training?",
            "missing zero_grad": "Added-up gradients lead away after some steps. Here nothing was ever learned.",
            "label off by one": "With shifted labels the loss would still fall: the network would learn the wrong names.",
            "unshuffled data": "With unshuffled data the loss would go up and down in waves.",
            "softmax twice": "Two softmaxes slow learning down. Here there is none at all.",
        },
        variant=_first_layer_gets_no_gradient,
    ),
    _case(
        "C",
        diagnoses.unshuffled_data,
        difficulty=2,
        hints=[
            "The loss comes down and jumps again, over and over: what changes at the jumps?",
            "Look at the labels of some batches in a row: `for _, labels in run.batches(5): print(labels)`.",
            "Count the different classes of a batch with `len(np.unique(labels))`, and take the mean over some batches.",
        ],
        tempting={
            "rate too large": "The loss jumps, but it comes down again each time. A rate that the loss does not bear "
            "would not let it.",
            "label off by one": "Training well and failing on other pictures: shifted labels look like this too. But they do "
            "not make the training loss jump.",
            "missing zero_grad": "The jumps look like it. But each begins at a certain place of the epoch: what lies there?",
            "eval mode forgotten": "Validation is bad, but not because of how it is measured.",
        },
        variant=_spread_of_labels,
    ),
    _case(
        "D",
        diagnoses.missing_zero_grad,
        hints=[
            "It begins well and then goes astray, at a rate that is fine for the healthy run. What is it following?",
            "What does the optimiser see? Give it the same batch twice and let no weight move: `run.gradients(x, labels, times=2)`.",
            "`first, second = run.gradients(*run.batches(1)[0], times=2)`; divide `np.linalg.norm` of the second by that of the first.",
        ],
        tempting={
            "rate too large": "The steps do get too large, but not because of the rate: from the start, a step on one batch "
            "lowers its loss. Something grows from step to step.",
            "dead ReLU": "Its units are dead *in the end*. Were they before the first step? That is what the disease left behind.",
            "unshuffled data": "Unshuffled data make the loss jump too. But look what a batch holds.",
            "label off by one": "Then the training loss would fall as in the healthy run.",
        },
        variant=_second_along_first,
    ),
    _case(
        "E",
        diagnoses.eval_forgotten,
        hints=[
            "The training loss is that of the healthy run. So the training may be fine: what about the measuring?",
            "Ask the run for the same thing twice: `run.evaluate(run.pictures)`. Should the answers differ?",
            "`np.abs(run.evaluate(run.pictures) - run.evaluate(run.pictures)).mean()`: 0 in a run that is evaluated as it should be.",
        ],
        tempting={
            "label off by one": "The loss looks healthy there too. But then nearly no picture would be right.",
            "unshuffled data": "The accuracy is a little low, but the loss has no jumps.",
            "rate too large": "A jittery accuracy can come from large steps. But the loss falls smoothly.",
            "softmax twice": "Then the loss would be stuck far above the healthy one. It is not.",
        },
        variant=_not_the_quiet_output,
    ),
    _case(
        "F",
        diagnoses.label_off_by_one,
        difficulty=2,
        hints=[
            "Fewer right than by guessing! Whoever is wrong nearly always knows something. What does it say instead?",
            "Put predictions and labels side by side: `run.output(run.pictures).argmax(axis=1)[:20]` and `run.labels[:20]`.",
            "How often is the prediction `(run.labels + 1) % 10`?",
        ],
        tempting={
            "unshuffled data": "Good in training, bad in validation fits. But guessing would give one in ten; this is less.",
            "eval mode forgotten": "Dropout in the evaluation costs some points, not all of them.",
            "wrong dim": "Then the loss would begin far above log(10). Here it begins where it should, and falls as it should.",
            "dead ReLU": "Dead units would leave the loss where it began. It falls as in the healthy run.",
        },
        symptom=None,  # fewer right than by chance is no bad evidence
        variant=_next_label_costs_less,
    ),
    _case(
        "G",
        diagnoses.wrong_dim,
        difficulty=4,
        hints=[
            "Before it has learned anything, a network over ten classes has a loss of log(10). And this one?",
            "exp(first loss) is the number of things it chooses among. What in this run comes in that number?",
            "Try a batch of one: `run.fresh().loss_of(run.pictures[:1], run.labels[:1])`.",
        ],
        tempting={
            "softmax twice": "A softmax is at fault, but it is applied once: look at what the loss is given.",
            "rate too large": "The first loss is too high before any step was taken. The rate cannot be the reason.",
            "dead ReLU": "The loss is high, but it falls, and most pictures are right: the units are alive.",
            "label off by one": "With shifted labels nearly no picture would be right.",
        },
        symptom=None,
        variant=_first_loss_is_log_of_the_batch,
    ),
    _case(
        "H",
        diagnoses.rate_too_large,
        hints=[
            "Look at the first steps, not at the flat part behind them.",
            "A step is meant to lower the loss of its own batch. Does it, from the start? `run.fresh().train_on(x, labels, steps=5)`",
            "`losses = run.fresh().train_on(*run.batches(1)[0], steps=5)`; how far does `losses.max()` climb above `losses[0]`?",
        ],
        tempting={
            "dead ReLU": "In the end most units *are* dead. But they were alive before the first step: what killed them?",
            "missing zero_grad": "Added-up gradients go wrong after some steps. Here the first ones do.",
            "unshuffled data": "Unshuffled data make the loss jump as well. But it would come down in between, again and again.",
            "wrong dim": "The loss begins at log(10), as it should, and only then jumps.",
        },
        variant=_mean_change_of_one_step,
    ),
)
