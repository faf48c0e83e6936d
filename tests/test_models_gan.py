"""The networks of the game, their losses, and what steadies it: beside PyTorch, NumPy and finite differences."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from coursekit.errors import CourseError, ShapeError
from coursekit.models import gan, stabilisers


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# -- networks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [16, 32])
def test_generator_and_discriminator_fit_each_other(width):
    made = gan.Generator(noise=10, width=width)(torch.randn(3, 10))
    assert made.shape == (3, 1, 28, 28)
    assert made.abs().max() <= 1
    assert gan.Discriminator(width)(made).shape == (3,)


def test_without_batch_norm_each_picture_is_judged_by_itself():
    x = torch.randn(6, 1, 28, 28)
    alone, together = gan.Discriminator(batch_norm=False), gan.Discriminator(batch_norm=True)
    torch.testing.assert_close(alone(x)[:2], alone(x[:2]))
    assert not torch.allclose(together(x)[:2], together(x[:2]), atol=1e-4)


def test_sample_is_brightness_in_evaluation_mode_and_leaves_the_mode_as_it_was():
    network = gan.Generator()
    network.train()
    before = copy.deepcopy(network.state_dict())
    made = network.sample(5, torch.Generator().manual_seed(3), at_once=2)
    assert made.shape == (5, 28, 28)
    assert 0 <= made.min() and made.max() <= 1
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    again = network.eval().sample(5, torch.Generator().manual_seed(3), at_once=5)
    torch.testing.assert_close(made, again)
    assert not network.training


def test_first_weights_are_small_and_biases_stay():
    network = nn.Sequential(nn.Linear(400, 300), nn.BatchNorm1d(300))
    bias, scale = network[0].bias.clone(), network[1].weight.clone()
    gan.small_weights(network, spread=0.05)
    assert network[0].weight.std().item() == pytest.approx(0.05, rel=0.05)
    assert torch.equal(network[0].bias, bias) and torch.equal(network[1].weight, scale)


# -- losses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1.0, 30.0])
def test_losses_are_binary_cross_entropy_and_so_are_their_gradients(size):
    bce = F.binary_cross_entropy_with_logits
    real, fake = (size * normal(7, seed=k) for k in (1, 2))
    real.requires_grad_()
    fake.requires_grad_()
    pairs = [
        (
            gan.discriminator_loss(real, fake),
            bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake)),
        ),
        (gan.generator_loss(fake), bce(fake, torch.ones_like(fake))),
    ]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
        for mine, other in zip(
            *(torch.autograd.grad(x, (real, fake), allow_unused=True) for x in (ours, theirs)), strict=True
        ):
            assert (mine is None) == (other is None)
            if mine is not None:
                torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)


def test_losses_of_a_sure_discriminator_are_finite():
    scores = torch.tensor([1000.0, -1000.0])
    assert gan.discriminator_loss(scores, scores).item() == pytest.approx(1000)
    assert gan.generator_loss(scores).item() == pytest.approx(500)


def test_the_best_discriminator_has_the_least_loss():
    rng = np.random.default_rng(0)
    p_real, p_fake = rng.random(50), rng.random(50)

    def pays(answer):
        return -(p_real * np.log(answer) + p_fake * np.log(1 - answer)).sum()

    best = gan.optimal_discriminator(p_real, p_fake)
    assert all(pays(best) < pays((best + 0.05 * rng.normal(size=50)).clip(1e-6, 1 - 1e-6)) for _ in range(20))


def test_hinge_losses():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-2.0, 0.0])
    assert gan.discriminator_hinge_loss(real, fake).item() == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1) / 2)
    assert gan.generator_hinge_loss(fake).item() == pytest.approx(1.0)


# -- the gradient penalty -------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0.0, 1.0])
def test_gradient_penalty_by_finite_differences(length):
    network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x, h = normal(5, 3), 1e-5
    slopes = torch.zeros(5, 3, dtype=torch.float64)
    with torch.no_grad():
        for k in range(3):
            step = h * torch.eye(3, dtype=torch.float64)[k]
            slopes[:, k] = (network(x + step) - network(x - step))[:, 0] / (2 * h)
    expected = (slopes.norm(dim=1) - length).square().mean()
    ours = stabilisers.gradient_penalty(lambda x: network(x)[:, 0], x, length)
    torch.testing.assert_close(ours, expected, rtol=1e-7, atol=1e-10)


def test_gradient_penalty_reaches_the_weights_and_not_the_points():
    weight = torch.tensor([2.0, -1.0], dtype=torch.float64, requires_grad=True)
    x = normal(4, 2).requires_grad_()
    stabilisers.gradient_penalty(lambda x: x @ weight, x).backward()
    torch.testing.assert_close(weight.grad, 2 * weight.detach())  # of |w|^2
    assert x.grad is None


def test_gradient_penalty_of_pictures_at_a_flat_place():
    network = gan.Discriminator(batch_norm=False)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    penalty = stabilisers.gradient_penalty(network, torch.zeros(2, 1, 28, 28))
    penalty.backward()
    assert penalty.item() == 0
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


# -- spectral normalisation -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 6), (3, 9), (9, 3), (1, 5)])
def test_power_iteration_finds_the_largest_singular_value(shape):
    matrix = normal(*shape, seed=sum(shape))
    sigma, u = stabilisers.power_iteration(matrix, normal(shape[0], seed=1), steps=500)
    assert sigma.item() == pytest.approx(np.linalg.svd(matrix.numpy(), compute_uv=False)[0], rel=1e-8)
    assert u.norm().item() == pytest.approx(1)
    left = np.linalg.svd(matrix.numpy())[0][:, 0]
    assert abs(left @ u.numpy()) == pytest.approx(1, abs=1e-6)


def test_power_iteration_comes_from_below_and_steps_add_up():
    matrix, start = normal(20, 15), normal(20, seed=2)
    exact = torch.linalg.svdvals(matrix)[0]
    found = [stabilisers.power_iteration(matrix, start, steps)[0] for steps in (1, 2, 4, 8, 16, 32)]
    assert all(a <= b + 1e-12 for a, b in zip(found, [*found[1:], exact], strict=True))
    u = start
    for _ in range(8):
        sigma, u = stabilisers.power_iteration(matrix, u)
    torch.testing.assert_close(sigma, found[3])


def test_power_iteration_refuses():
    with pytest.raises(ShapeError, match="as many numbers as W has rows"):
        stabilisers.power_iteration(torch.ones(3, 2), torch.ones(2))
    with pytest.raises(CourseError, match="steps: expected at least 1, got 0"):
        stabilisers.power_iteration(torch.ones(3, 2), torch.ones(3), 0)


def test_spectral_norm_is_that_of_pytorch():
    ours, theirs = nn.Linear(5, 4).double(), nn.Linear(5, 4).double()
    theirs.load_state_dict(ours.state_dict())
    stabilisers.spectral_norm(ours)
    parametrizations.spectral_norm(theirs)
    own, other = ours.parametrizations.weight, theirs.parametrizations.weight
    own[0].u.copy_(other[0]._u)
    x = normal(3, 5)
    for _ in range(4):  # each use in training moves u on
        a, b = ours(x), theirs(x)
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
        grads = [torch.autograd.grad(y.square().sum(), p.original)[0] for y, p in ((a, own), (b, other))]
        torch.testing.assert_close(*grads, rtol=1e-7, atol=1e-9)
    ours.eval()
    before = own[0].u.clone()
    torch.testing.assert_close(ours(x), ours(x))
    assert torch.equal(before, own[0].u)


def test_spectral_norm_holds_every_layer_down_and_takes_a_learners_function():
    calls = []

    def find(*args):
        calls.append(1)
        return stabilisers.power_iteration(*args)

    network = stabilisers.spectral_norm(gan.Discriminator(batch_norm=False), find)
    gains = [layer.weight.flatten(1) for layer in network.modules() if parametrize.is_parametrized(layer)]
    assert len(gains) == 3 and calls
    for _ in range(30):
        network(torch.zeros(1, 1, 28, 28))
    for layer in network.modules():
        if parametrize.is_parametrized(layer):
            assert torch.linalg.svdvals(layer.weight.flatten(1)).max().item() == pytest.approx(1, abs=0.05)


# -- the average of weights -----------------------------------------------------------------------------


def test_average_is_pytorchs_moving_average():
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).double()
    ours = copy.deepcopy(network)
    theirs = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    theirs.update_parameters(network)  # the first call copies
    for k in range(5):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(normal(*parameter.shape, seed=k))
        network(normal(8, 3, seed=k))  # moves the buffers
        stabilisers.update_average(ours, network, decay=0.9)
        theirs.update_parameters(network)
    for mine, other in zip(ours.parameters(), theirs.module.parameters(), strict=True):
        torch.testing.assert_close(mine, other)
    for mine, other in zip(ours.buffers(), network.buffers(), strict=True):
        assert torch.equal(mine, other) and mine is not other


def test_average_refuses_a_decay_that_is_no_share():
    with pytest.raises(CourseError, match="decay: expected a share from 0 to 1, got 1.5"):
        stabilisers.update_average(nn.Linear(1, 1), nn.Linear(1, 1), 1.5)


def test_a_game_with_one_number_is_won():
    """The losses, played: a generator of one number finds the mean of the real ones."""
    torch.manual_seed(0)
    place = torch.zeros(1, requires_grad=True)
    expert = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    step_place = torch.optim.Adam([place], 2e-2, betas=(0.5, 0.9))
    step_expert = torch.optim.Adam(expert.parameters(), 1e-2, betas=(0.5, 0.9))
    for _ in range(400):
        real, fake = 1.5 + 0.5 * torch.randn(64, 1), place + 0.5 * torch.randn(64, 1)
        step_expert.zero_grad()
        gan.discriminator_loss(expert(real)[:, 0], expert(fake.detach())[:, 0]).backward()
        step_expert.step()
        step_place.zero_grad()
        gan.generator_loss(expert(fake)[:, 0]).backward()
        step_place.step()
    assert place.item() == pytest.approx(1.5, abs=0.3)
