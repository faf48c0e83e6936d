"""Training that goes wrong: the loss is no number, the message says where, the last good weights are back."""

import numpy as np
import pytest

from coursekit.errors import CourseError
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.module import Module, Sequential, trace
from coursekit.train import fit
from coursekit.train.keeping import LastGood, Weights


class Scale(Module):
    """x times a factor, which counts its calls in a buffer."""

    def __init__(self, factor):
        self.factor = Tensor(np.array([factor]), requires_grad=True)
        self.calls = np.zeros(1)

    def forward(self, x):
        self.calls += 1
        return x * self.factor


class Log(Module):
    def forward(self, x):
        return x.log()


def training(model, factor_after):
    """A step that sets the first layer's factor to the next of the given values, after the loss was computed."""
    values = iter(factor_after)
    used = []

    def step(x):
        used.append(model[0].factor.data.copy())
        with np.errstate(all="ignore"):
            loss = model(Tensor(x)).sum().item()
        model[0].factor.data[...] = next(values)
        return loss

    return step, used


def test_the_first_layer_with_such_values_is_named_and_the_last_good_weights_are_back():
    model = Sequential(Scale(1.0), Scale(2.0), Log(), Scale(1.0))
    step, used = training(model, [2.0, 3.0, -1.0, 9.0])  # with -1 the logarithm has no value
    with pytest.raises(CourseError, match=r"got nan in step 4 \(epoch 4\).*the output of layer '2' \(Log\)") as caught:
        fit(step, [(np.ones(3),)], epochs=9, parameters=model, progress=False)
    assert "again those with which step 3 computed its loss" in str(caught.value)
    assert model[0].factor.data == used[2] == 3.0
    assert model[0].calls == 2, "the buffers are those of step 3 too"


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda m: m[1].factor.data.fill(np.inf), r"the factor of layer '1' \(Scale\)"),
        (lambda m: m[3].factor.data.fill(np.nan), r"the factor of layer '3' \(Scale\)"),
        (lambda m: m[0].calls.fill(np.nan), r"the calls of layer '0' \(Scale\)"),
    ],
)
def test_weights_that_are_no_numbers_are_named(spoil, where):
    model = Sequential(Scale(1.0), Scale(2.0), Log(), Scale(1.0))

    def step(x):
        loss = float(model(Tensor(x)).sum().item())
        return loss if np.isfinite(model[0].calls).all() else np.nan

    spoil(model)
    with pytest.raises(CourseError, match=f"first values that are not finite: {where}. .* again those it began with"):
        fit(step, [(np.ones(3),)], parameters=model, progress=False)


def test_a_batch_that_holds_no_numbers_is_named():
    model = Sequential(Scale(1.0))
    step, _ = training(model, [1.0] * 5)
    with pytest.raises(CourseError, match=r"the batch itself \(its array number 0\)"):
        fit(step, [(np.array([1.0, np.nan]),)], parameters=model, progress=False)


def test_weights_in_a_dict_are_named_and_put_back():
    weights = {"W1": np.ones(2), "W2": np.ones(2)}
    losses = iter([1.0, 1.0, np.inf])

    def step():
        weights["W1"] += 1
        if weights["W1"][0] == 3:
            weights["W2"][1] = np.nan
        return next(losses)

    with pytest.raises(
        CourseError, match="not finite: the weights 'W2'. The weights are again those with which step 2"
    ):
        fit(step, [()] * 3, parameters=weights, progress=False)
    np.testing.assert_array_equal(weights["W1"], [2, 2])
    np.testing.assert_array_equal(weights["W2"], [1, 1])


def test_a_loss_that_is_wrong_by_itself_is_told_so():
    with pytest.raises(CourseError, match="the loss: batch, layers and weights are finite"):
        fit(lambda x: np.nan, [(np.ones(1),)], parameters=Sequential(Scale(1.0)), progress=False)


def test_a_model_that_wants_another_input_is_no_second_error():
    with pytest.raises(CourseError, match="got nan in step 1"):
        fit(lambda a, b: np.nan, [("text", 1)], parameters=Sequential(Scale(1.0)), progress=False)


def test_without_parameters_the_loss_alone_is_told():
    with pytest.raises(CourseError, match=r"got nan in step 1 \(epoch 1\). Lower the learning rate"):
        fit(lambda: np.nan, [()], progress=False)


def test_early_stopping_takes_a_module():
    model, scores = Sequential(Scale(0.0)), iter([0.5, 0.8, 0.7, 0.6])

    def step():
        model[0].factor.data += 1
        return 1.0

    history = fit(
        step, [()], epochs=9, evaluate=lambda: {"accuracy": next(scores)}, patience=2, parameters=model, progress=False
    )
    assert (history.best_epoch, model[0].factor.data) == (2, 2.0)


def test_a_weight_that_is_replaced_by_a_new_array_is_followed():
    model = Sequential(Scale(1.0))
    keeper = LastGood(Weights(model))
    model[0].factor.data = np.array([5.0])
    keeper.remember()
    keeper.accept()
    model[0].factor.data = np.array([np.nan])
    keeper.remember()
    assert "step 1" in keeper.go_back((np.ones(1),))
    assert model[0].factor.data == 5.0


def test_trace_notes_every_output_in_order():
    model = Sequential(Scale(2.0), Sequential(Scale(3.0), Log()))
    seen = trace(model, Tensor(np.ones(1)))
    assert [name for name, _, _ in seen] == ["0", "1.0", "1.1", "1", ""]
    assert seen[1][2].data == 6.0
