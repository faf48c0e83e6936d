"""Gradient methods: completeness where it is promised, captum's numbers where it has the same method."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from coursekit.attribution import Model, from_scratch, from_torch
from coursekit.attribution.grad_cam import grad_cam, guided_backpropagation
from coursekit.attribution.gradient import (
    expected_gradients,
    gradient_times_input,
    integrated_gradients,
    saliency,
    smooth_grad,
)
from coursekit.errors import CourseError, ShapeError

POLYNOMIAL = Model(
    lambda rows: rows[:, 0] ** 3 * rows[:, 1] + rows[:, 2] ** 2,
    lambda rows, target: np.stack([3 * rows[:, 0] ** 2 * rows[:, 1], rows[:, 0] ** 3, 2 * rows[:, 2]], axis=1),
)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)).double().eval()


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(7, 6))


@given(st.integers(0, 10**6))
def test_integrated_gradients_add_up(seed):
    rng = np.random.default_rng(seed)
    x, baseline = rng.normal(size=(4, 3)), rng.normal(size=3)
    found = integrated_gradients(POLYNOMIAL, x, baseline, steps=3)  # exact for a gradient of degree 3
    assert found.gap < 1e-9 * max(1, np.abs(x).max() ** 4)


def test_more_nodes_close_the_gap(network, rows):
    gaps = [integrated_gradients(network, rows, np.zeros(6), steps=n, target=1).gap for n in (2, 20, 200)]
    assert gaps[2] < 1e-3 < gaps[0]


def test_integrated_gradients_are_captums(network, rows):
    captum = pytest.importorskip("captum.attr")
    x, baseline = torch.tensor(rows), torch.ones(1, 6).double() * 0.3
    theirs = captum.IntegratedGradients(network).attribute(x, baseline, target=2, n_steps=50, method="gausslegendre")
    ours = integrated_gradients(network, rows, np.full(6, 0.3), steps=50, target=2)
    np.testing.assert_allclose(ours.values, theirs.numpy(), atol=1e-10)


def test_saliency_is_torchs_gradient(network, rows):
    x = torch.tensor(rows, requires_grad=True)
    (slope,) = torch.autograd.grad(network(x)[:, 1].sum(), x)
    found = saliency(network, rows, target=1)
    np.testing.assert_allclose(found.values, slope.numpy(), atol=1e-12)
    assert not found.complete and "not meant to add up" in repr(found)
    np.testing.assert_allclose(gradient_times_input(network, rows, target=1).values, slope.numpy() * rows, atol=1e-12)


def test_gradient_times_input_is_complete_for_a_relu_network_without_biases(rows):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 9, bias=False), nn.ReLU(), nn.Linear(9, 1, bias=False)).double()
    assert gradient_times_input(network, rows).gap < 1e-12


def test_smooth_grad_is_the_mean_slope_with_its_error(rows):
    square = Model(lambda r: (r**3).sum(axis=1), lambda r, target: 3 * r**2)
    found = smooth_grad(square, rows, noise=0.5, samples=4000, rng=np.random.default_rng(1))
    expected = 3 * (rows**2 + 0.25)  # E (x + e)^2
    assert (np.abs(found.values - expected) < 5 * found.std_error).all()
    assert found.std_error.max() < 0.3


def test_expected_gradients_are_the_mean_of_integrated_ones(network, rows):
    background = np.random.default_rng(2).normal(size=(5, 6))
    exact = np.mean([integrated_gradients(network, rows, b, steps=100, target=0).values for b in background], axis=0)
    found = expected_gradients(network, rows, background, samples=1000, rng=np.random.default_rng(3), target=0)
    assert np.abs(found.values - exact).max() < 0.03
    assert found.base_value[0] == pytest.approx(from_torch(network)(background)[:, 0].mean())
    one = expected_gradients(network, rows[0], background, samples=50, rng=np.random.default_rng(3), target=0)
    assert one.values.shape == (6,)


def test_stratified_places_beat_plain_chance(network, rows):
    background = np.random.default_rng(4).normal(size=(5, 6))
    exact = np.mean([integrated_gradients(network, rows, b, steps=100, target=0).values for b in background], axis=0)
    ours, plain = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        found = expected_gradients(network, rows, background, samples=60, rng=rng, target=0)
        ours.append(found.values - exact)
        total = 0.0
        for _ in range(60):
            start, a = background[rng.integers(0, 5, len(rows))], rng.random((len(rows), 1))
            total = total + (rows - start) * from_torch(network).grad(start + a * (rows - start), 0)
        plain.append(total / 60 - exact)
    assert np.square(ours).mean() < 0.8 * np.square(plain).mean()


def test_places_are_stratified(network, rows):
    """With one baseline only the places on the way are left to chance: one in each piece leaves little of it."""
    baseline = np.zeros((1, 6))
    exact = integrated_gradients(network, rows, baseline[0], steps=200, target=0).values
    ours, plain = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        ours.append(expected_gradients(network, rows, baseline, samples=60, rng=rng, target=0).values - exact)
        places = [rng.random((len(rows), 1)) for _ in range(60)]
        plain.append(rows * np.mean([from_torch(network).grad(a * rows, 0) for a in places], axis=0) - exact)
    assert np.square(ours).mean() < 0.2 * np.square(plain).mean()


def test_scratch_and_torch_give_the_same(rows):
    from coursekit.scratch.nn import Linear, Sequential, Tanh

    ours = Sequential(Linear(6, 4, rng=np.random.default_rng(0), dtype=np.float64), Tanh())
    theirs = nn.Sequential(nn.Linear(6, 4), nn.Tanh()).double()
    with torch.no_grad():
        theirs[0].weight.copy_(torch.tensor(np.array(ours[0].weight.data)))
        theirs[0].bias.copy_(torch.tensor(np.array(ours[0].bias.data)))
    a = integrated_gradients(from_scratch(ours), rows, np.zeros(6), target=2)
    b = integrated_gradients(theirs, rows, np.zeros(6), target=2)
    np.testing.assert_allclose(a.values, b.values, atol=1e-12)
    assert all(weight.grad is None for weight in ours.parameters())


# -- Grad-CAM ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def convnet():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.ReLU())
    return nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)).double()


def test_grad_cam_is_captums(convnet):
    captum = pytest.importorskip("captum.attr")
    x = np.random.default_rng(0).normal(size=(2, 1, 8, 8))
    layer = convnet[0][2]
    small = captum.LayerGradCam(convnet.eval(), layer).attribute(torch.tensor(x), target=1)
    theirs = captum.LayerAttribution.interpolate(torch.relu(small), (8, 8), "bilinear")[:, 0]
    found = grad_cam(convnet, x, layer, target=1)
    np.testing.assert_allclose(found.values, theirs.detach().numpy(), atol=1e-12)
    assert found.values.min() >= 0


def test_guided_backpropagation_is_captums(convnet):
    captum = pytest.importorskip("captum.attr")
    x = np.random.default_rng(0).normal(size=(2, 1, 8, 8))
    with pytest.warns(UserWarning, match="backward hooks"):
        theirs = captum.GuidedBackprop(convnet.eval()).attribute(torch.tensor(x, requires_grad=True), target=1)
    np.testing.assert_allclose(guided_backpropagation(convnet, x, target=1).values, theirs.detach().numpy(), atol=1e-12)


def test_nothing_is_left_behind_in_the_model(convnet):
    convnet.train()
    x = np.zeros((1, 1, 8, 8))
    grad_cam(convnet, x, convnet[0][2], target=0)
    guided_backpropagation(convnet, x, target=0)
    assert convnet.training
    assert not any(m._forward_hooks or m._backward_hooks for m in convnet.modules())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n, x: saliency(lambda r: r[:, 0], x), CourseError, "expected one with gradients, got function"),
        (lambda n, x: saliency(n, x), CourseError, "target: expected 0 to 2"),
        (lambda n, x: saliency(n, x[0], target=0), CourseError, r"One row is x\[None\]"),
        (lambda n, x: saliency(Model(np.sum, lambda r, t: r[:, :2]), x), ShapeError, "one number a feature"),
        (lambda n, x: saliency(Model(np.sum, lambda r, t: r * np.inf), x), CourseError, "others at row 0"),
        (
            lambda n, x: integrated_gradients(n, x, np.zeros(5), target=0),
            ShapeError,
            r"baseline: expected shape \(6,\)",
        ),
        (lambda n, x: integrated_gradients(n, x, np.zeros(6), steps=0, target=0), CourseError, "steps: expected"),
        (lambda n, x: smooth_grad(n, x, noise=0, rng=np.random.default_rng(0), target=0), CourseError, "noise"),
        (
            lambda n, x: smooth_grad(n, x, noise=1, samples=1, rng=np.random.default_rng(0), target=0),
            CourseError,
            "samples",
        ),
        (
            lambda n, x: expected_gradients(n, x, x, samples=1, rng=np.random.default_rng(0), target=0),
            CourseError,
            "spread",
        ),
        (
            lambda n, x: grad_cam(n, x, n[0], target=0),
            CourseError,
            r"output is \(N, channels, h, w\), got shape \(7, 16\)",
        ),
        (lambda n, x: grad_cam(n, x, nn.ReLU(), target=0), CourseError, "got nothing"),
        (lambda n, x: grad_cam(n, x, n[0], target=3), CourseError, "target"),
        (lambda n, x: guided_backpropagation(nn.Linear(6, 2).double(), x, target=0), CourseError, "expected ReLUs"),
    ],
)
def test_bad_input(call, error, message, network, rows):
    with pytest.raises(error, match=message):
        call(network, rows)
