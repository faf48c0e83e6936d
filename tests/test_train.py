"""The one training loop: it takes every batch, notes every loss, and loses nothing when it ends early."""

import numpy as np
import pytest

from coursekit.errors import CourseError
from coursekit.train import fit


def make_line():
    """A one-weight regression y = 3 x, its step and its data."""
    params = {"w": np.zeros(1)}

    def step(x, y):
        error = params["w"] * x - y
        params["w"] -= 0.1 * error * x
        return float(error[0] ** 2)

    return params, step, [(1.0, 3.0), (0.5, 1.5)]


def test_it_learns_and_notes_every_step():
    params, step, data = make_line()
    history = fit(step, data, epochs=60, evaluate=lambda: {"error": abs(params["w"][0] - 3)}, progress=False)
    assert params["w"][0] == pytest.approx(3, abs=0.01)
    assert len(history.loss) == 120
    assert (history.epochs, history.steps_per_epoch, history.stopped) == (60, 2, "finished")
    assert history.metrics["error"][-1] < 0.01
    assert "60 epochs, 120 steps" in repr(history)


def test_early_stopping_goes_back_to_the_best_weights():
    params, _, data = make_line()
    scores = iter([0.5, 0.8, 0.7, 0.6, 0.9])

    def step(x, y):
        params["w"] += 1
        return 1.0

    history = fit(
        step, data, epochs=5, evaluate=lambda: {"accuracy": next(scores)}, patience=2, parameters=params, progress=False
    )
    assert (history.epochs, history.best_epoch, history.stopped) == (4, 2, "early")
    assert params["w"][0] == 4  # two epochs of two steps


def test_a_loss_is_watched_downwards():
    params, step, data = make_line()
    losses = iter([3.0, 2.0, 2.5, 2.6])
    history = fit(
        step,
        data,
        epochs=9,
        evaluate=lambda: {"loss": next(losses)},
        patience=2,
        monitor="loss",
        parameters=params,
        progress=False,
    )
    assert history.best_epoch == 2


def test_an_interrupt_keeps_what_was_learned(capsys):
    params, step, data = make_line()
    calls = []

    def interrupted(x, y):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return step(x, y)

    history = fit(interrupted, data, epochs=10, progress=False)
    assert history.stopped == "interrupted"
    assert len(history.loss) == 4
    assert params["w"][0] > 0
    assert "What was learned is kept" in capsys.readouterr().out


def test_a_callable_makes_the_batches_of_each_epoch_anew():
    seen = []
    fit(lambda k: seen.append(k) or 0.0, lambda: [(len(seen),)], epochs=3, progress=False)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs: expected a whole number of at least 1, got 0"),
        ({"epochs": "3"}, "epochs: expected a whole number of at least 1, got '3'"),
        ({"batches": [np.ones(3)]}, "batches: expected tuples such as"),
        ({"evaluate": lambda: 0.5}, "evaluate: expected a dict such as"),
        (
            {"patience": 1, "evaluate": dict, "parameters": [1]},
            "parameters: expected a dict of name to array or a Module, got a list",
        ),
        (
            {"patience": 1, "evaluate": dict, "parameters": {}, "monitor": "perplexity"},
            "higher_is_better: expected True or False",
        ),
        ({"patience": 0}, "patience: expected at least 1 epoch, got 0"),
        ({"patience": 2}, "patience: expected evaluate= and parameters="),
        ({"batches": []}, "batches: expected at least one batch in epoch 1, got none"),
        ({"batches": iter([(1.0, 3.0)]), "epochs": 2}, "expected at least one batch in epoch 2"),
        (
            {"patience": 1, "evaluate": lambda: {"loss": 1.0}, "parameters": {}},
            "monitor: expected one of loss, got 'accuracy'",
        ),
    ],
)
def test_bad_input_is_told(changes, message):
    _, step, data = make_line()
    arguments = {"batches": data, "progress": False} | changes
    with pytest.raises(CourseError, match=message):
        fit(step, **arguments)


def test_an_interrupt_does_not_go_back_to_older_weights():
    params = {"w": np.zeros(1)}
    scores = iter([0.9, 0.1])

    def step():
        params["w"] += 1
        if params["w"][0] == 6:
            raise KeyboardInterrupt
        return 1.0

    history = fit(
        step,
        [()] * 2,
        epochs=9,
        evaluate=lambda: {"accuracy": next(scores)},
        patience=5,
        parameters=params,
        progress=False,
    )
    assert (history.stopped, history.best_epoch, params["w"][0]) == ("interrupted", None, 6)


def test_a_measurement_that_is_no_number_is_never_the_best():
    params = {"w": np.zeros(1)}
    scores = iter([float("nan"), 0.5, 0.9, 0.8])

    def step():
        params["w"] += 1
        return 1.0

    history = fit(
        step, [()], epochs=4, evaluate=lambda: {"accuracy": next(scores)}, patience=3, parameters=params, progress=False
    )
    assert (history.best_epoch, params["w"][0]) == (3, 3)


def test_a_step_without_a_loss_is_told():
    with pytest.raises(CourseError, match="step: expected it to return the loss, got None"):
        fit(lambda: None, [()], progress=False)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_training(bad):
    losses = iter([1.0, 0.5, bad])
    with pytest.raises(CourseError, match=rf"loss: expected a finite number, got {bad} in step 3 \(epoch 1\)"):
        fit(lambda: next(losses), [()] * 5, progress=False)


def test_the_history_draws_itself():
    params, step, data = make_line()
    history = fit(step, data, epochs=30, evaluate=lambda: {"accuracy": 0.5}, progress=False)
    axes = history.plot()
    from coursekit.plot import alt_text

    assert "Training over 30 epochs: the smoothed loss falls from" in alt_text(axes.figure)
