"""Muon: beside PyTorch's own, beside the singular value decomposition, and AdamW beside PyTorch's."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from coursekit.errors import CourseError
from coursekit.train.muon import Muon, matrices_and_others, orthogonalize, warm_constant_linear


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(1, 9), m=st.integers(1, 9), seed=st.integers(0, 99), size=st.sampled_from([1e-3, 1.0, 1e4]))
def test_directions_stay_and_singular_values_come_near_one(n, m, seed, size):
    gradient = size * normal(n, m, seed=seed)
    u, s, vt = torch.linalg.svd(gradient, full_matrices=False)
    turned = u.mT @ orthogonalize(gradient) @ vt.mT  # diagonal, if it has the same directions
    values = turned.diagonal()
    assert (turned - torch.diag(values)).abs().max() < 1e-6
    large = s > 0.02 * s.norm()
    assert (values[large] > 0.5).all() and (values < 1.3).all()


def test_one_singular_value_follows_the_polynomial():
    value = 0.3
    for _ in range(5):
        value = 3.4445 * value - 4.7750 * value**3 + 2.0315 * value**5
    x = torch.diag(
        torch.tensor([0.3, (1 - 0.09) ** 0.5], dtype=torch.float64)
    )  # of norm 1, so the first scaling is none
    assert orthogonalize(x)[0, 0].item() == pytest.approx(value, rel=1e-10)


def test_matrices_of_one_shape_are_treated_one_by_one():
    many = normal(4, 3, 5)
    torch.testing.assert_close(orthogonalize(many), torch.stack([orthogonalize(one) for one in many]))
    assert not orthogonalize(torch.zeros(2, 3)).any(), "no gradient, no step"


def double_precision(gradient, coefficients, steps, eps):
    """PyTorch's iterations, without its rounding to bfloat16."""
    a, b, c = coefficients
    x = gradient.mT if gradient.shape[0] > gradient.shape[1] else gradient
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        x = a * x + b * (x @ x.mT) @ x + c * (x @ x.mT) @ (x @ x.mT) @ x
    return x.mT if gradient.shape[0] > gradient.shape[1] else x


def ten_steps(shape, optimizers, weights):
    for k in range(10):
        for weight in weights:
            weight.grad = normal(*shape, seed=k + 1).to(weight.dtype)
        for optimizer in optimizers:
            optimizer.step()


@pytest.mark.parametrize("shape", [(6, 6), (12, 4), (4, 12)])
def test_muon_is_pytorchs(shape, monkeypatch):
    how = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}
    rough = [normal(*shape).float().requires_grad_() for _ in range(2)]  # PyTorch rounds to bfloat16: 8 bits
    ten_steps(shape, [Muon(rough[:1], **how), torch.optim.Muon(rough[1:], **how)], rough)
    moved = (rough[1] - normal(*shape).float()).norm()
    assert (rough[0] - rough[1]).norm() < 0.05 * moved
    monkeypatch.setattr(torch.optim._muon, "_zeropower_via_newtonschulz", double_precision)
    exact = [normal(*shape).requires_grad_() for _ in range(2)]
    ten_steps(shape, [Muon(exact[:1], **how), torch.optim.Muon(exact[1:], **how)], exact)
    torch.testing.assert_close(*exact, rtol=1e-10, atol=1e-10)


def test_the_iterations_can_run_in_bfloat16():
    weight = normal(8, 8).float().requires_grad_()
    ten_steps((8, 8), [Muon([weight], dtype=torch.bfloat16)], [weight])
    assert weight.dtype == torch.float32 and weight.isfinite().all()
    assert orthogonalize(weight, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_the_rest_is_pytorchs_adamw():
    start = [normal(5, seed=1), normal(3, 2, seed=2)]
    mine, theirs = ([w.clone().requires_grad_() for w in start] for _ in range(2))
    ours = Muon([], mine, adam_lr=0.01, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1)
    other = torch.optim.AdamW(theirs, lr=0.01, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1)
    for k in range(10):
        for both in (mine, theirs):
            for i, weight in enumerate(both):
                weight.grad = normal(*weight.shape, seed=10 * k + i)
        ours.step()
        other.step()
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_every_weight_is_in_one_group_and_tables_are_not_muons():
    tied = nn.ModuleList([nn.Embedding(7, 4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 7, bias=False)])
    tied[3].weight = tied[0].weight
    matrices, others = matrices_and_others(tied)
    assert [id(w) for w in matrices] == [id(tied[1].weight)]
    assert {id(w) for w in others} == {id(tied[0].weight), id(tied[1].bias), id(tied[2].weight), id(tied[2].bias)}
    tied[1].weight.requires_grad_(False)
    assert matrices_and_others(tied)[0] == []


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))


def train(model, optimizer, steps):
    x = normal(32, 6, seed=5, dtype=torch.float32)
    for _ in range(steps):
        loss = optimizer.step(lambda: _loss(model, optimizer, x))
    return loss.item()


def _loss(model, optimizer, x):
    optimizer.zero_grad()
    loss = (model(x) - x[:, :2].sin()).square().mean()
    loss.backward()
    return loss


def test_it_learns_and_can_be_stopped_and_resumed():
    model = network()
    optimizer = Muon(*matrices_and_others(model))
    first = train(model, optimizer, 1)
    train(model, optimizer, 20)
    twin, saved = copy.deepcopy(model), copy.deepcopy(optimizer.state_dict())
    again = Muon(*matrices_and_others(twin))
    again.load_state_dict(saved)
    assert train(model, optimizer, 20) == train(twin, again, 20) < first / 4


def test_weights_without_a_gradient_stay():
    model = network()
    optimizer = Muon(*matrices_and_others(model))
    before = model[2].weight.clone()
    model[0](torch.ones(1, 6)).sum().backward()
    optimizer.step()
    assert torch.equal(model[2].weight, before)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Muon([torch.zeros(3)]), r"matrices: expected weights with two axes, got shape \(3,\)"),
        (lambda: Muon([torch.zeros(3, 3)], lr=-1), "lr: expected at least 0, got -1"),
        (lambda: Muon([torch.zeros(3, 3)], weight_decay=-1), "weight_decay: expected at least 0"),
        (lambda: warm_constant_linear(Muon([torch.zeros(3, 3)]), 0), "total: expected at least one step, got 0"),
    ],
)
def test_mistakes_are_said(make, said):
    with pytest.raises(CourseError, match=said):
        make()


def test_the_schedule_scales_each_groups_own_rate():
    weights = [torch.zeros(3, 3), torch.zeros(3)]
    optimizer = Muon(weights[:1], weights[1:])
    schedule = warm_constant_linear(optimizer, 10, warm=0.2)
    rates = []
    for _ in range(10):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    assert [r[0] / 0.02 for r in rates] == pytest.approx([r[1] / 0.003 for r in rates])
    assert rates[0][0] == pytest.approx(0.01) and rates[1][0] == rates[3][0] == 0.02
    assert rates[-1][0] == pytest.approx(0.02 * 0.02) and all(
        a[0] >= b[0] for a, b in zip(rates[1:], rates[2:], strict=False)
    )
