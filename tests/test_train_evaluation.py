"""Measuring a network: every row counts, and the network is afterwards what it was."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coursekit.errors import CourseError
from coursekit.train.pytorch import eval_mode, evaluate, predict_batches


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))


def test_every_row_counts_the_same_and_the_model_is_left_as_it_was():
    model = network()
    model[1].eval()  # frozen
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(25, 4)).astype(np.float32), rng.integers(0, 3, 25)
    model[1].running_mean += 1
    scores = evaluate(model, [(x[:20], y[:20]), (x[20:], y[20:])])
    model.eval()
    outputs = model(torch.tensor(x))
    assert scores["accuracy"] == np.mean(outputs.argmax(1).numpy() == y)
    assert scores["loss"] == pytest.approx(F.cross_entropy(outputs, torch.tensor(y)).item(), rel=1e-5)
    np.testing.assert_allclose(predict_batches(model, x, size=7), outputs.detach().numpy(), rtol=1e-5)


def test_modes_come_back_layer_by_layer_whatever_happens():
    model = network()
    model[1].eval()
    with pytest.raises(ZeroDivisionError), eval_mode(model):
        assert not any(m.training for m in model.modules()) and not torch.is_grad_enabled()
        _ = 1 / 0
    assert [m.training for m in model] == [True, False, True, True] and model.training
    assert torch.is_grad_enabled()


def test_measuring_refuses():
    model = network()
    with pytest.raises(CourseError, match="batches: expected at least one batch to measure with"):
        evaluate(model, [])
    with pytest.raises(CourseError, match="y: expected labels from 0 to 2.*got 3 in row 0"):
        evaluate(model, [(torch.zeros(1, 4), torch.tensor([3]))])
    with pytest.raises(CourseError, match="size: expected at least 1"):
        predict_batches(model, np.zeros((3, 4)), size=0)
    with pytest.raises(CourseError, match="x: expected at least one row"):
        predict_batches(model, np.zeros((0, 4)))
