"""Clipping is torch's, never lengthens, keeps the direction, and refuses what it cannot mend."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from coursekit.errors import CourseError
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.clipping import clip_grad_norm, clip_grad_value, grad_norm

GRADIENTS = st.lists(hnp.arrays(np.float64, st.integers(1, 4), elements=st.floats(-1e6, 1e6)), min_size=1, max_size=3)


def params_with(gradients):
    params = [Tensor(np.zeros_like(g), requires_grad=True) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = g.copy()
    return params


def theirs(gradients):
    params = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = torch.tensor(g)
    return params


@given(GRADIENTS, st.floats(1e-3, 1e3))
def test_clipping_by_norm_is_torchs(gradients, max_norm):
    mine, judge = params_with(gradients), theirs(gradients)
    norm = clip_grad_norm(mine, max_norm)
    assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(judge, max_norm).item(), rel=1e-12, abs=1e-150)
    for p, q in zip(mine, judge, strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12, atol=1e-300)


@given(GRADIENTS, st.floats(1e-3, 1e3))
def test_clipping_by_value_is_torchs(gradients, limit):
    mine, judge = params_with(gradients), theirs(gradients)
    clip_grad_value(mine, limit)
    torch.nn.utils.clip_grad_value_(judge, limit)
    for p, q in zip(mine, judge, strict=True):
        np.testing.assert_array_equal(p.grad, q.grad.numpy())


@given(GRADIENTS, st.floats(1e-3, 1e3))
def test_the_length_ends_below_the_limit_and_the_direction_stays(gradients, max_norm):
    params, long = params_with(gradients), np.concatenate(gradients)
    before = clip_grad_norm(params, max_norm)
    after = np.concatenate([p.grad for p in params])
    assert grad_norm(params) <= min(before, max_norm) * (1 + 1e-12)
    np.testing.assert_allclose(after * before, long * grad_norm(params), rtol=1e-9, atol=1e-9 * before**2)


def test_the_same_array_is_changed_and_what_has_no_gradient_is_passed_over():
    a, b, bare = *params_with([np.array([3.0]), np.array([0.0, 4.0])]), Tensor([1.0], requires_grad=True)
    held = a.grad
    assert clip_grad_norm(iter([a, bare, b]), 1.0) == 5.0
    assert a.grad is held
    assert bare.grad is None
    assert a.grad[0] == pytest.approx(0.6, abs=1e-6)
    assert clip_grad_norm(b, 100.0) == pytest.approx(0.8, abs=1e-6)  # one parameter is a list of one
    assert clip_grad_norm([bare], 1.0) == 0.0


def test_single_precision_does_not_overflow_in_the_squares():
    params = params_with([np.full(4, 1e30, np.float32)])
    assert clip_grad_norm(params, 1.0) == pytest.approx(2e30, rel=1e-6)
    assert params[0].grad.dtype == np.float32
    np.testing.assert_allclose(params[0].grad, 0.5, rtol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_an_error_and_nothing_changes(bad):
    params = params_with([np.array([1.0, 2.0]), np.array([3.0, bad])])
    with pytest.raises(CourseError, match=r"gradients: expected finite numbers, got \w+ in gradient 1 of 2"):
        clip_grad_norm(params, 1.0)
    np.testing.assert_array_equal(params[0].grad, [1.0, 2.0])


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_a_limit_must_be_positive(clip, limit):
    with pytest.raises(CourseError, match=r"(max_norm|clip_value): expected a positive number, got"):
        clip(params_with([np.ones(2)]), limit)


@pytest.mark.parametrize("params", [{"w": Tensor([1.0])}, 3.0, [np.ones(2)]])
def test_something_else_than_parameters_is_refused(params):
    with pytest.raises(CourseError, match=r"params: expected .*Pass model.parameters\(\)"):
        clip_grad_norm(params, 1.0)
