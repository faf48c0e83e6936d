"""Layers and losses that are given what they cannot take: the message says what was expected, what came, what to do."""

import numpy as np
import pytest
import torch

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch import nn
from coursekit.scratch.autograd import Tensor


def fresh():
    return np.random.default_rng(0)


SCORES, ONES = Tensor(np.zeros((4, 3))), Tensor(np.ones(3))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda: nn.linear(SCORES, Tensor(np.zeros((5, 4)))),
            r"linear: expected an input of shape \(..., 4\), got \(4, 3",
        ),
        (
            lambda: nn.Linear(6, 2, rng=fresh())(np.zeros((5, 2, 3))),
            r"got \(5, 2, 3\). Put Flatten\(\) before the layer",
        ),
        (lambda: nn.linear(Tensor(1.0), Tensor(np.zeros((5, 4)))), r"shape \(..., 4\), got \(\). The last axis"),
        (lambda: nn.linear(SCORES, ONES), r"weight: expected shape \(outputs, inputs\), got \(3,\)"),
        (lambda: nn.linear(SCORES, Tensor(np.zeros((5, 3))), ONES), r"bias: expected shape \(5,\), got \(3,\)"),
        (
            lambda: nn.cross_entropy(SCORES, np.zeros((4, 3), int)),
            r"labels: .* \(4,\) .*, got \(4, 3\). Labels are .*argmax",
        ),
        (
            lambda: nn.cross_entropy(SCORES, np.zeros(3, int)),
            r"labels: expected shape \(4,\) for .* \(4, 3\), got \(3,\)",
        ),
        (
            lambda: nn.cross_entropy(Tensor(np.zeros((0, 3))), []),
            r"scores: expected at least one row .* got shape \(0, 3",
        ),
        (
            lambda: nn.mse_loss(SCORES, np.zeros(3)),
            r"target: expected shape \(4, 3\), like the predictions, got \(3,\)",
        ),
        (
            lambda: nn.mse_loss(Tensor(np.zeros((4, 1))), Tensor(np.zeros(4))),
            r"\(4, 1\), .* got \(4,\). .* reshape one",
        ),
        (lambda: nn.mse_loss(SCORES, 0.0), r"target: expected shape \(4, 3\), .* got \(\). Pass an array"),
        (lambda: nn.mse_loss(Tensor([]), []), r"target: expected at least one number, got shape \(0,\)"),
        (
            lambda: nn.binary_cross_entropy_with_logits(SCORES, [1, 0, 0, 1]),
            r"y: expected shape \(4, 3\).*, got \(4,\)",
        ),
        (
            lambda: nn.layer_norm(SCORES, Tensor(np.ones(4)), Tensor(np.ones(4))),
            r"layer_norm: .* \(4, 3\), weight \(4,\)",
        ),
        (
            lambda: nn.LayerNorm(3)(np.zeros((3, 4))),
            r"layer_norm: .* \(3, 4\), weight \(3,\) and bias \(3,\) to be equal",
        ),
        (lambda: nn.BatchNorm1d(5)(SCORES), r"batch_norm: expected .* \(N, 5\) or \(N, 5, ...\), got \(4, 3\). Axis 1"),
        (lambda: nn.BatchNorm1d(3)(np.zeros((2, 3, 4, 5))), r"x: expected shape \(N, 3\), got \(2, 3, 4, 5\)"),
        (lambda: nn.BatchNorm2d(3)(SCORES), r"x: expected shape \(N, 3, H, W\), got \(4, 3\)"),
        (
            lambda: nn.BatchNorm2d(3)(Tensor(np.zeros(3), requires_grad=True)),
            r"x: expected shape \(N, 3, H, W\), got \(3,\)",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_told(wrong, message):
    with pytest.raises(ShapeError, match=message):
        wrong()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.linear(SCORES, np.ones((2, 3))), "linear: expected a Tensor, got a ndarray. Wrap it"),
        (lambda: nn.linear(SCORES, Tensor(np.ones((2, 3))), np.ones(2)), "linear: expected a Tensor, got a ndarray"),
        (lambda: nn.cross_entropy(SCORES, [0, 1, 2, 3]), "labels: expected 0 to 2, got 0 to 3. There are 3 classes"),
        (lambda: nn.cross_entropy(SCORES, [0, 1, 2, -1]), "labels: expected 0 to 2, got -1 to 2"),
        (
            lambda: nn.cross_entropy(SCORES, np.zeros(4)),
            r"labels: expected whole numbers, got float64. .*astype\(int\)",
        ),
        (
            lambda: nn.cross_entropy(SCORES, Tensor(np.zeros(4))),
            "labels: expected a NumPy array of whole numbers, got a T",
        ),
        (lambda: nn.cross_entropy(np.zeros((4, 3)), [0] * 4), "cross_entropy: expected a Tensor, got a ndarray"),
        (lambda: nn.binary_cross_entropy_with_logits(ONES, [-1, 1, 1]), "y: expected numbers from 0 to 1, got -1 to 1"),
        (lambda: nn.binary_cross_entropy_with_logits(ONES, [0, np.nan, 1]), "y: expected numbers from 0 to 1, got nan"),
        (lambda: nn.binary_cross_entropy_with_logits(ONES, ONES), "y: expected a NumPy array, got a Tensor"),
        (lambda: nn.mse_loss(ONES, ["a", "b", "c"]), "target: expected real numbers, got <U1"),
        (lambda: nn.embedding([5], SCORES), "indices: expected 0 to 3, got 5 to 5. There are 4 rows of the table"),
        (lambda: nn.embedding([-1], SCORES), "indices: expected 0 to 3, got -1 to -1"),
        (lambda: nn.embedding([0.0], SCORES), "indices: expected whole numbers, got float64"),
        (
            lambda: nn.Embedding(4, 2, rng=fresh())(ONES),
            "indices: expected a NumPy array of whole numbers, got a Tensor",
        ),
        (lambda: nn.Dropout(1.0, rng=fresh()), "p: expected a share of at least 0 and below 1, got 1.0"),
        (lambda: nn.Dropout(-0.1, rng=fresh()), "p: expected a share of at least 0 and below 1, got -0.1"),
        (lambda: nn.dropout(ONES, "half", rng=fresh()), "p: expected a share .* got 'half'"),
        (lambda: nn.dropout(ONES, np.nan, rng=fresh()), "p: expected a share .* got nan"),
        (
            lambda: nn.dropout(ONES, 0.5, rng=0),
            "rng: expected a NumPy Generator, got int. Write rng=np.random.default_rng",
        ),
        (lambda: nn.Dropout(0.5, rng=None), "rng: expected a NumPy Generator, got NoneType"),
        (lambda: nn.Linear(3, 2, rng=np.random), "rng: expected a NumPy Generator, got module"),
        (lambda: nn.Embedding(3, 2, rng=7), "rng: expected a NumPy Generator, got int"),
        (lambda: nn.Linear(0, 2, rng=fresh()), "in_features: expected a whole number above 0, got 0"),
        (lambda: nn.Linear(3, 2.0, rng=fresh()), "out_features: expected a whole number above 0, got 2.0"),
        (lambda: nn.Linear(3, True, rng=fresh()), "out_features: expected a whole number above 0, got True"),
        (lambda: nn.LayerNorm((3, -1)), "normalized_shape: expected a whole number above 0, got -1"),
        (lambda: nn.BatchNorm1d("3"), "num_features: expected a whole number above 0, got '3'"),
        (
            lambda: nn.BatchNorm1d(3)(np.zeros((1, 3))),
            r"batch_norm: expected several numbers .* got shape \(1, 3\). .*eval",
        ),
        (lambda: nn.BatchNorm2d(3)(np.zeros((1, 3, 1, 1))), r"batch_norm: expected several numbers for each feature"),
        (lambda: nn.ReLU()(np.zeros(3)), "relu: expected a Tensor, got a ndarray"),
    ],
)
def test_what_makes_no_sense_is_told(wrong, message):
    with pytest.raises(CourseError, match=message):
        wrong()


def test_a_refused_batch_leaves_the_running_statistics_alone():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(CourseError):
        layer(np.ones((1, 3)))
    assert not layer.running_mean.any()
    assert layer.num_batches_tracked == 0
    layer.eval()(np.ones((1, 3)))  # in use, one row is fine
    assert layer.num_batches_tracked == 0


def test_torch_refuses_the_same_lone_row():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        torch.nn.BatchNorm1d(3)(torch.ones(1, 3))
