"""Penalties, dropout, batch normalisation and shifts: against torch, SciPy, measured gradients and chance."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import shift as scipy_shift
from scipy.optimize import minimize_scalar

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch import nn
from coursekit.scratch import regularization as R
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.numerical import numerical_gradient

FINITE = st.floats(-100, 100)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# -- penalties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [R.l1, R.l2])
def test_a_penalty_s_gradient_is_the_measured_one(penalty, rng):
    w = rng.normal(size=(3, 4))
    value, gradient = penalty(w, 0.3)
    np.testing.assert_allclose(gradient, numerical_gradient(lambda v: penalty(v, 0.3)[0], w), atol=1e-8)
    assert value > 0


def test_l2_is_torch_s_weight_decay(rng):
    """One step of torch's SGD with weight_decay is one step along the gradient plus ours."""
    w, g = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    theirs = torch.nn.Parameter(torch.tensor(w))
    theirs.grad = torch.tensor(g)
    torch.optim.SGD([theirs], lr=0.1, weight_decay=0.7).step()
    np.testing.assert_allclose(w - 0.1 * (g + R.l2(w, 0.7)[1]), theirs.detach().numpy(), rtol=1e-12)


def test_penalties_keep_single_precision_and_leave_the_weights_alone(rng):
    w = rng.normal(size=4).astype(np.float32)
    before = w.copy()
    for found in (R.l1(w, 0.1)[1], R.l2(w, 0.1)[1], R.soft_threshold(w, 0.1)):
        assert found.dtype == np.float32
    np.testing.assert_array_equal(w, before)


@given(w=st.floats(-5, 5), amount=st.floats(0, 3))
def test_soft_threshold_solves_its_problem(w, amount):
    best = minimize_scalar(lambda v: (v - w) ** 2 / 2 + amount * abs(v), bounds=(-6, 6), method="bounded")
    assert float(R.soft_threshold(np.array(w), amount)) == pytest.approx(best.x, abs=1e-4)


@given(w=arrays(float, 6, elements=FINITE), amount=st.floats(0, 50))
def test_soft_threshold_shrinks_and_never_changes_a_sign(w, amount):
    found = R.soft_threshold(w, amount)
    assert (np.abs(found) <= np.abs(w)).all() and (found * w >= 0).all()
    np.testing.assert_array_equal(found == 0, np.abs(w) <= amount)


def test_penalties_refuse_a_negative_strength():
    for penalty, name in ((R.l1, "strength"), (R.l2, "strength"), (R.soft_threshold, "amount")):
        with pytest.raises(CourseError, match=f"{name}: expected a number of at least 0, got -1"):
            penalty(np.ones(2), -1)


# -- dropout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.2, 0.8])
def test_dropout_keeps_the_expectation_and_drops_its_share(p, rng):
    x = rng.normal(size=(200, 300)) + 3
    out = R.dropout_forward(x, p, rng=rng)
    dropped = out == 0
    assert abs(dropped.mean() - p) < 5 * np.sqrt(p * (1 - p) / x.size) + 1e-12
    np.testing.assert_allclose(out[~dropped], x[~dropped] / (1 - p))
    assert abs(out.mean() / x.mean() - 1) < 0.02
    rows, columns = dropped.mean(axis=1), dropped.mean(axis=0)
    assert np.ptp(rows) < 0.25 and np.ptp(columns) < 0.25  # each number by itself


def test_dropout_in_use_does_nothing(rng):
    x = rng.normal(size=(3, 4))
    np.testing.assert_array_equal(R.dropout_forward(x, 0.5, rng=rng, training=False), x)


def test_dropout_multiplies_by_what_the_engine_and_torch_multiply_by(rng):
    ones = np.ones((50, 60), np.float32)
    ours = R.dropout_forward(ones, 0.3, rng=rng)
    engine = nn.dropout(Tensor(ones), 0.3, rng=rng).numpy()
    theirs = torch.nn.functional.dropout(torch.tensor(ones), 0.3).numpy()
    for other in (engine, theirs):
        np.testing.assert_allclose(np.unique(ours), np.unique(other), rtol=1e-6)
    assert ours.dtype == np.float32


def test_dropout_refuses_what_is_no_share(rng):
    for p in (-0.1, 1.0, 1.5):
        with pytest.raises(CourseError, match="p: expected a probability from 0 to below 1"):
            R.dropout_forward(np.ones(3), p, rng=rng)


# -- batch normalisation ----------------------------------------------------------------------------------------------


def draw(rng, n=7, d=5, dtype=float):
    sizes = {"x": (n, d), "mean": d, "weight": d, "bias": d}
    return {key: (2 * rng.normal(size=size) + 1).astype(dtype) for key, size in sizes.items()} | {
        "var": rng.uniform(0.5, 2, d).astype(dtype)
    }


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("momentum", [0.1, 0.6])
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_batch_norm_is_torch_s(training, momentum, eps, rng):
    a = draw(rng)
    mean, var = torch.tensor(a["mean"]), torch.tensor(a["var"])
    theirs = torch.nn.functional.batch_norm(
        torch.tensor(a["x"]), mean, var, torch.tensor(a["weight"]), torch.tensor(a["bias"]), training, momentum, eps
    )
    y, new_mean, new_var = R.batch_norm_forward(
        a["x"], a["mean"], a["var"], a["weight"], a["bias"], training, momentum, eps
    )
    np.testing.assert_allclose(y, theirs.numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(new_mean, mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(new_var, var.numpy(), rtol=1e-12)


def test_batch_norm_leaves_its_arguments_alone_and_keeps_single_precision(rng):
    a = draw(rng, dtype=np.float32)
    before = {key: array.copy() for key, array in a.items()}
    found = R.batch_norm_forward(a["x"], a["mean"], a["var"], a["weight"], a["bias"])
    assert all(np.array_equal(a[key], before[key]) for key in a)
    assert [array.dtype for array in found] == [np.float32] * 3


def test_in_use_an_example_does_not_depend_on_its_company(rng):
    a = draw(rng)
    rest = (a["mean"], a["var"], a["weight"], a["bias"], False)
    together = R.batch_norm_forward(a["x"], *rest)[0]
    alone = np.concatenate([R.batch_norm_forward(row[None], *rest)[0] for row in a["x"]])
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_batch_norm_refuses_one_example_and_shapes_that_do_not_fit(rng):
    a = draw(rng)
    with pytest.raises(CourseError, match="x: expected at least 2 examples while training, got 1"):
        R.batch_norm_forward(a["x"][:1], a["mean"], a["var"], a["weight"], a["bias"])
    with pytest.raises(ShapeError, match=r"running_var: expected shape \(5,\)"):
        R.batch_norm_forward(a["x"], a["mean"], a["var"][:4], a["weight"], a["bias"])


# -- shifts -----------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 200), most=st.integers(0, 3))
def test_each_picture_is_moved_as_scipy_would(seed, most):
    images = np.random.default_rng(1).integers(1, 255, size=(4, 5, 6)).astype(np.uint8)
    moved = R.random_shift(images, most, rng=np.random.default_rng(seed))
    for picture, result in zip(images, moved, strict=True):
        ways = [(dy, dx) for dy in range(-most, most + 1) for dx in range(-most, most + 1)]
        assert any(np.array_equal(scipy_shift(picture, way, order=0), result) for way in ways)
    assert moved.dtype == np.uint8


def test_all_shifts_are_equally_likely(rng):
    image = np.zeros((1, 7, 7))
    image[0, 3, 3] = 1
    moved = R.random_shift(np.repeat(image, 9000, axis=0), 1, rng=rng)
    counts = moved.sum(axis=0)[2:5, 2:5]
    assert counts.sum() == 9000 and counts.min() > 850 and counts.max() < 1150


def test_shifts_refuse_nonsense(rng):
    with pytest.raises(ShapeError, match=r"images: expected shape \(N, H, W\), got \(5, 6\)"):
        R.random_shift(np.zeros((5, 6)), 1, rng=rng)
    with pytest.raises(CourseError, match="most: expected 0 to 4 pixels, got 5"):
        R.random_shift(np.zeros((1, 5, 6)), 5, rng=rng)
