"""A step of PyTorch: the same numbers as a loop written by hand, and a clear word about whatever goes wrong."""

import functools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coursekit.errors import CourseError
from coursekit.train import fit
from coursekit.train.keeping import weights_of
from coursekit.train.pytorch import TorchStep, evaluate, expect_device
from coursekit.train.weights_torch import to_tensor


def make(**how):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    return model, TorchStep(model, F.cross_entropy, optimizer, **how)


def data(rows=60, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4)).astype(np.float32)
    return x, x[:, :3].argmax(1)


def batches_of(x, y, size=10):
    return [(torch.from_numpy(x[k : k + size]), torch.from_numpy(y[k : k + size])) for k in range(0, len(x), size)]


def same(model, other):
    pairs = zip(model.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(v, w) for (a, v), (b, w) in pairs)


# -- the same as by hand ---------------------------------------------------------------------------------------------
def test_the_losses_and_weights_are_those_of_a_loop_by_hand_to_the_bit():
    batches = batches_of(*data())
    model, step = make(clip=0.5)
    step.schedule = torch.optim.lr_scheduler.OneCycleLR(step.optimizer, 0.1, total_steps=18)
    history = fit(step, batches, epochs=3, progress=False)

    by_hand, other = make()
    optimizer = other.optimizer
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=18)
    losses = []
    for _ in range(3):
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(by_hand(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(by_hand.parameters(), 0.5)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    assert history.loss == losses
    assert same(model, by_hand)
    assert losses[-1] < 0.6 * losses[0]


def test_arrays_do_as_well_as_tensors():
    x, y = data()
    x.flags.writeable = False  # as the data sets are
    model, step = make()
    other, other_step = make()
    for kind in (np.uint8, np.int32, np.int64):
        assert step(x.astype(np.float64), y.astype(kind)) == other_step(torch.tensor(x), torch.tensor(y))
    step(x, y)
    other_step(torch.tensor(x), torch.tensor(y))
    assert same(model, other)


def test_the_average_is_torchs_own():
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    model, step = make(ema=0.9)
    other, other_step = make()
    oracle = AveragedModel(other, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    x, y = data()
    for _ in range(5):
        step(x, y)
        other_step(x, y)
        oracle.update_parameters(other)
    assert same(step.averaged, oracle) and not same(step.averaged.module, model)
    assert not step.averaged.training and not any(p.requires_grad for p in step.averaged.parameters())


def test_a_step_that_goes_on_from_another_leaves_that_one_alone():
    (model, step), (_, other) = make(), make()
    x, y = data()
    step(x, y)
    other.load_state_dict(step.state_dict())
    remembered = step.optimizer.state[model[0].weight]["exp_avg"].clone()
    other(x, 2 - y)
    assert torch.equal(step.optimizer.state[model[0].weight]["exp_avg"], remembered)


def test_clipping_tells_the_norm_that_it_met():
    model, step = make(clip=1e-3)
    x, y = data()
    F.cross_entropy(model(torch.tensor(x)), torch.tensor(y)).backward()
    norm = math.sqrt(sum(float((p.grad**2).sum()) for p in model.parameters()))
    step(x, y)
    assert step.gradient_norm == pytest.approx(norm, rel=1e-5)
    clipped = math.sqrt(sum(float((p.grad**2).sum()) for p in model.parameters()))
    assert clipped == pytest.approx(1e-3, rel=1e-2)


def test_mixed_precision_changes_nothing_on_the_processor():
    x, y = data()
    _, step = make(mixed_precision=True)
    assert step.mixed_precision is False and step(x, y) == make()[1](x, y)


def test_a_step_trains_also_after_somebody_left_the_model_in_eval_mode():
    model, step = make()
    model.eval()
    step(*data())
    assert model.training and model[1].num_batches_tracked == 1


# -- best weights, last good weights ---------------------------------------------------------------------------------
def test_early_stopping_goes_back_to_the_best_weights_buffers_and_average_included():
    model, step = make(ema=0.5)
    kept, scores = [], iter([0.5, 0.8, 0.7, 0.6, 0.9])

    def measured():
        kept.append({k: v.clone() for k, v in [*model.state_dict().items(), *step.averaged.state_dict().items()]})
        return {"accuracy": next(scores)}

    history = fit(step, batches_of(*data()), epochs=5, evaluate=measured, patience=2, progress=False)
    assert (history.best_epoch, history.stopped) == (2, "early")
    now = {**model.state_dict(), **step.averaged.state_dict()}
    assert all(torch.equal(now[name], kept[1][name]) for name in now)
    assert not torch.equal(now["0.weight"], kept[-1]["0.weight"])


class Log(nn.Module):
    def forward(self, x):
        return x.log()


def test_a_loss_that_is_no_number_names_the_first_layer_and_brings_back_the_last_good_weights():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.Softplus(), Log(), nn.Linear(2, 2))
    step = TorchStep(model, F.mse_loss, torch.optim.SGD(model.parameters(), lr=0.01))
    good, used = (torch.zeros(3, 2), torch.zeros(3, 2)), []
    bad = (torch.full((3, 2), -1e8), torch.zeros(3, 2))  # softplus gives 0, or infinity

    def noted(x, y):
        used.append(model[0].weight.detach().clone())
        return step(x, y)

    with pytest.raises(CourseError, match=r"in step 3 \(epoch 1\).*the output of layer '2' \(Log\).*step 2 computed"):
        with torch.no_grad():
            model[0].weight.fill_(1.0)
        fit(noted, [good, good, bad], parameters=model, progress=False)
    assert torch.equal(model[0].weight, used[1])


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda m: m[0].weight.data.fill_(math.nan), r"the weight of layer '0' \(Linear\)"),
        (lambda m: m[1].running_var.fill_(math.inf), r"the running_var of layer '1' \(BatchNorm1d\)"),
        (lambda m: m[3].bias.data.fill_(math.inf), r"the bias of layer '3' \(Linear\)"),
    ],
)
def test_weights_that_are_no_numbers_are_named(spoil, where):
    model, step = make()
    spoil(model)

    def nan(x, y):
        step(x, y)
        return math.nan

    with pytest.raises(CourseError, match=f"not finite: {where}"):
        fit(nan, batches_of(*data()), parameters=model, progress=False)


def test_a_batch_that_holds_no_numbers_is_named_and_spoils_neither_weights_nor_optimiser():
    model, step = make()
    step.schedule = torch.optim.lr_scheduler.StepLR(step.optimizer, 1, gamma=0.5)
    x, y = data()
    step(x, y)
    before = {name: value.clone() for name, value in model.state_dict().items() if "running" not in name}
    remembered = step.optimizer.state[model[0].weight]["exp_avg"].clone()
    x[3, 1] = np.nan
    assert math.isnan(step(x, y))
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items() if value.ndim)
    assert torch.equal(step.optimizer.state[model[0].weight]["exp_avg"], remembered)
    assert step.schedule.get_last_lr() == [0.025], "nor the schedule"
    with pytest.raises(CourseError, match=r"the batch itself \(its array number 0\)"):
        fit(step, [(x, y)], progress=False)


# -- what can be wrong -----------------------------------------------------------------------------------------------
def refused(message, **changes):
    model = nn.Linear(4, 3)
    arguments = {"model": model, "loss": F.cross_entropy, "optimizer": torch.optim.SGD(model.parameters(), lr=1.0)}
    with pytest.raises(CourseError, match=message):
        TorchStep(**(arguments | changes))


def test_arguments_that_make_no_sense_are_told():
    refused("model: expected a torch.nn.Module, got a type", model=nn.Linear)
    refused("loss: expected a function", loss=nn.CrossEntropyLoss)
    refused("loss: expected a function", loss=0.5)
    refused("optimizer: expected one of torch.optim, got a float", optimizer=0.1)
    refused("optimizer: expected one of this model's parameters", model=nn.Linear(4, 3))
    refused("schedule: expected one of torch.optim.lr_scheduler", schedule=0.1)
    refused("clip: expected a norm above 0, got 0", clip=0)
    refused("ema: expected a decay between 0 and 1, got 1", ema=1)
    refused('device: expected "cuda", "mps" or "cpu", got \'gpu\'', device="gpu")


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps", torch.device("cuda", 0)])
def test_a_device_that_is_not_here_is_told(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    refused(f"device: expected a device of this machine, got '{device}'.*pick_device", device=device)


def test_a_second_accelerator_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert expect_device("cuda:0").index == 0
    with pytest.raises(CourseError, match="got 'cuda:1'"):
        expect_device("cuda:1")


@pytest.mark.parametrize(
    "loss",
    [
        F.cross_entropy,
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        functools.partial(F.cross_entropy, label_smoothing=0.1),
    ],
    ids=["function", "module", "smoothed", "partial"],
)
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 3], "expected labels from 0 to 2, as the model has 3 outputs, got 3 in row 2. Count the classes"),
        ([1, 2, 3], "got 3 in row 2. Do the labels begin at 1"),
        ([-1, 2, 0], "got -1 in row 0"),
    ],
)
def test_labels_without_an_output_are_told_before_the_loss_sees_them(loss, labels, message):
    model, step = make()
    step = TorchStep(model, loss, step.optimizer)
    x = torch.zeros(3, 4)
    with pytest.raises(CourseError, match=message):
        step(x, torch.tensor(labels))


def test_a_label_that_the_loss_leaves_out_is_no_mistake():
    model, step = make()
    x, y = torch.zeros(3, 4), torch.tensor([-100, 1, 2])
    assert math.isfinite(step(x, y))
    step = TorchStep(model, nn.CrossEntropyLoss(ignore_index=7), step.optimizer)
    assert math.isfinite(step(x, torch.tensor([7, 1, 2])))
    step = TorchStep(model, functools.partial(F.cross_entropy, ignore_index=9), step.optimizer)
    assert math.isfinite(step(x, torch.tensor([9, 1, 2])))
    with pytest.raises(CourseError, match="got -100 in row 0"):
        step(x, y)


def test_labels_of_pixels_are_checked_too():
    torch.manual_seed(0)
    model = nn.Conv2d(1, 3, 1)
    step = TorchStep(model, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1))
    y = torch.zeros(2, 4, 4, dtype=torch.long)
    assert math.isfinite(step(torch.zeros(2, 1, 4, 4), y))
    y[1, 2, 3] = 5
    with pytest.raises(CourseError, match="labels from 0 to 2.*got 5 in row 1"):
        step(torch.zeros(2, 1, 4, 4), y)


def test_whole_numbers_that_are_no_classes_are_left_to_the_loss():
    model, step = make()
    step = TorchStep(model, lambda outputs, y: ((outputs.sum(1) - y) ** 2).mean(), step.optimizer)
    assert math.isfinite(step(torch.zeros(2, 4), torch.tensor([100, -7])))


def test_an_assertion_of_the_accelerator_is_explained():
    _, step = make()
    step.loss = lambda scores, y: (_ for _ in ()).throw(RuntimeError("CUDA error: device-side assert triggered"))
    with pytest.raises(CourseError, match="an assertion of the accelerator, most often a label"):
        step(*data())


# -- memory ----------------------------------------------------------------------------------------------------------
class Hungry(nn.Module):
    """A linear layer that has memory for so many rows only."""

    def __init__(self, most, error=torch.OutOfMemoryError):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.most, self.error, self.tried = nn.Linear(4, 3), most, error, []

    def forward(self, x):
        self.tried.append(len(x))
        if len(x) > self.most:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has")
        return self.layer(x)


def hungry(most, error=torch.OutOfMemoryError, loss=F.cross_entropy, **how):
    model = Hungry(most, error)
    return model, TorchStep(model, loss, torch.optim.SGD(model.parameters(), lr=0.1), **how)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_when_memory_is_out_the_batch_that_was_tried_is_told(error):
    _, step = hungry(8, error)
    with pytest.raises(CourseError, match="a batch of 60, got none left .CUDA out of memory.*halve_on_oom=True"):
        step(*data())


@pytest.mark.parametrize("loss", [F.cross_entropy, nn.CrossEntropyLoss(reduction="sum")])
def test_halved_batches_give_the_step_of_the_whole_batch(loss):
    model, step = hungry(17, loss=loss, halve_on_oom=True)
    whole, other = hungry(1000, loss=loss)
    for _ in range(2):
        assert step(*data()) == pytest.approx(other(*data()), rel=1e-5)
    assert step.rows_at_once == 15
    assert model.tried == [60, 30, 15, 15, 15, 15] + [15] * 4, "the second batch is cut at once"
    torch.testing.assert_close(model.layer.weight, whole.layer.weight, rtol=1e-5, atol=1e-6)
    again, third = hungry(17, loss=loss, halve_on_oom=True)
    third.load_state_dict(step.state_dict())
    third(*data())
    assert again.tried == [15] * 4, "and so does a step that goes on from it"


def test_when_not_even_a_row_fits_it_is_told():
    _, step = hungry(0, halve_on_oom=True)
    with pytest.raises(CourseError, match="parts of 1 of a batch of 60.*Make the model or its input smaller"):
        step(*data())


def test_another_error_stays_what_it_is():
    _, step = hungry(0, functools.partial(RuntimeError, "mat1 and mat2 cannot be multiplied"), halve_on_oom=True)
    step.model.error = lambda _: RuntimeError("mat1 and mat2 cannot be multiplied")
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        step(*data())


# -- the loop --------------------------------------------------------------------------------------------------------
def test_the_bar_tells_loss_metric_speed_and_time(capsys, monkeypatch):
    from coursekit.train import bar

    monkeypatch.setattr(bar, "EVERY", 0.0)
    model, step = make()
    x, y = data()
    fit(step, batches_of(x, y), epochs=2, evaluate=lambda: evaluate(model, [(x, y)]))
    shown = capsys.readouterr().err
    assert "epoch 2 of 2" in shown and "images/s=" in shown and "accuracy=" in shown and "loss=" in shown
    assert "epoch 1 of 2:  25%|" in shown, "it moves inside an epoch"
    assert "<00:" in shown, "time left"


def test_torch_is_not_loaded_by_the_loop_itself():
    code = "import sys, coursekit.train; fit = coursekit.train.fit; fit(lambda: 1.0, [()], progress=False)"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)


def test_the_history_of_a_network_draws_itself():
    from coursekit.plot import alt_text

    model, step = make()
    x, y = data()
    history = fit(step, batches_of(x, y), epochs=3, evaluate=lambda: evaluate(model, [(x, y)]), progress=False)
    assert "Training over 3 epochs" in alt_text(history.plot().figure)


def test_tensors_of_one_device_are_not_copied():
    x = torch.zeros(3)
    assert to_tensor(x, torch.ones(1)) is x
    assert weights_of(make()[0]).arrays()["0.weight"].shape == (8, 4)
