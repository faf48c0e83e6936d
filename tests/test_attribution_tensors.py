"""The methods in a few lines of PyTorch: the numbers of their careful twins, one class or another for each row."""

import numpy as np
import pytest
import torch
from torch import nn

from coursekit.attribution import faithfulness, from_torch, gradient, tensors
from coursekit.attribution.grad_cam import grad_cam
from coursekit.errors import CourseError, ShapeError


@pytest.fixture
def network():
    torch.manual_seed(0)
    parts = [nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 5 * 4, 3)]
    return nn.Sequential(*parts).double().eval()


@pytest.fixture
def x():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(5, 1, 7, 6)))


def score_of(network, target):
    return lambda rows: network(rows)[:, target]


def test_saliency_is_its_twins(network, x):
    theirs = gradient.saliency(from_torch(network), x.numpy(), target=2).values
    np.testing.assert_allclose(tensors.saliency(score_of(network, 2), x).numpy(), theirs, atol=1e-12)


def test_a_score_may_mean_another_class_for_each_row(network, x):
    kinds = torch.tensor([0, 2, 1, 1, 0])
    found = tensors.saliency(lambda rows: network(rows).gather(1, kinds[:, None])[:, 0], x)
    for row, kind in enumerate(kinds):
        one = tensors.saliency(score_of(network, kind), x[row : row + 1])
        torch.testing.assert_close(found[row : row + 1], one)


def test_integrated_gradients_add_up_and_approach_their_twins(network, x):
    score, baseline = score_of(network, 1), torch.full((1, 7, 6), 0.3, dtype=torch.float64)
    found = tensors.integrated_gradients(score, x, baseline, steps=400)
    theirs = gradient.integrated_gradients(from_torch(network), x.numpy(), baseline.numpy(), target=1).values
    np.testing.assert_allclose(found.numpy(), theirs, atol=1e-5)
    gap = found.sum(dim=(1, 2, 3)) - (score(x) - score(baseline[None])).detach()
    assert gap.abs().max() < 1e-5


def test_smooth_grad_of_a_straight_line_is_its_slope_and_follows_its_generator(network, x):
    line = tensors.smooth_grad(lambda rows: 3 * rows.sum(dim=(1, 2, 3)), x, noise=5.0, samples=2)
    torch.testing.assert_close(line, torch.full_like(x, 3))
    runs = [
        tensors.smooth_grad(score_of(network, 0), x, 0.5, 4, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    ]
    torch.testing.assert_close(runs[0], runs[1])
    assert not torch.allclose(runs[0], runs[2])


def test_grad_cam_is_its_twins(network, x):
    small = tensors.grad_cam(network[:2], lambda seen: network[2:](seen)[:, 1], x)
    large = nn.functional.interpolate(small[:, None], size=(7, 6), mode="bilinear", align_corners=False)[:, 0]
    np.testing.assert_allclose(large.numpy(), grad_cam(network, x.numpy(), network[1], target=1).values, atol=1e-12)


def test_deletion_is_its_twins(network, x):
    values, baseline = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)), torch.zeros_like(x[0])
    ours = tensors.deletion_curve(score_of(network, 0), x, values, baseline, steps=8)
    theirs = faithfulness.deletion(from_torch(network), x.numpy(), values.numpy(), baseline.numpy(), steps=8, target=0)
    np.testing.assert_allclose(ours.numpy(), theirs.output, atol=1e-12)


def test_bad_input_is_refused(network, x):
    score = score_of(network, 0)
    with pytest.raises(ShapeError, match="Choose a class"):
        tensors.saliency(network, x)
    with pytest.raises(CourseError, match="samples"):
        tensors.smooth_grad(score, x, samples=0)
    with pytest.raises(CourseError, match="steps"):
        tensors.integrated_gradients(score, x, torch.zeros_like(x), steps=0)
    with pytest.raises(CourseError, match="steps"):
        tensors.deletion_curve(score, x, x, torch.zeros_like(x), steps=0)
    with pytest.raises(ShapeError, match="values"):
        tensors.deletion_curve(score, x, x[:, 0], torch.zeros_like(x))
    with pytest.raises(ShapeError, match="features"):
        tensors.grad_cam(nn.Flatten(), lambda seen: seen.sum(dim=1), x)


def test_the_share_inside_counts_sizes():
    values = np.array([[[3.0, -1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    inside = np.array([[True, False], [True, False]])
    np.testing.assert_allclose(faithfulness.share_inside(values, inside), [0.75, 0.0])
    with pytest.raises(ShapeError, match="inside"):
        faithfulness.share_inside(values, inside[:1])


def test_features_of_equal_value_go_in_the_order_in_which_they_stand():
    x = torch.arange(1.0, 785).reshape(1, 784)
    found = tensors.deletion_curve(lambda rows: rows.sum(dim=1), x, torch.zeros_like(x), torch.zeros(784), steps=7)
    left = [float(x[:, 112 * k :].sum()) for k in range(8)]
    assert found[:, 0].tolist() == left
