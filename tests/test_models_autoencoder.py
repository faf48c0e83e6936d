"""Autoencoders and PCA beside scikit-learn's PCA, SciPy's angles and torch.distributions."""

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch import distributions, nn

from coursekit.errors import CourseError, ShapeError
from coursekit.models.autoencoder import (
    VAE,
    Autoencoder,
    corrupt,
    kl_to_standard_normal,
    negative_elbo,
    reconstruction_error,
    reparameterise,
)
from coursekit.models.pca import linear_autoencoder, principal_angles, principal_axes


def table(seed=0, n=60, d=7):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def filled(network, x, k):
    """A linear autoencoder in PyTorch with the weights of the closed form."""
    w, b, v, c = (torch.tensor(part) for part in linear_autoencoder(x, k))
    with torch.no_grad():
        for layer, weight, bias in ((network.encoder[0], w, b), (network.decoder[0], v, c)):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return network


# ------------------------------------------------------------------------------------------------------------- PCA


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 200), n=st.integers(3, 40), d=st.integers(2, 9))
def test_the_axes_are_scikit_learns(seed, n, d):
    x = table(seed, n, d)
    k = min(n - 1, d)
    mean, axes = principal_axes(x, k)
    theirs = PCA(k).fit(x)
    np.testing.assert_allclose(mean, theirs.mean_, atol=1e-12)
    np.testing.assert_allclose(np.abs(np.sum(axes * theirs.components_, axis=1)), 1, atol=1e-6)
    variances = ((x - mean) @ axes.T).var(axis=0, ddof=1)
    np.testing.assert_allclose(variances, theirs.explained_variance_, atol=1e-9)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_the_closed_form_in_pytorch_reconstructs_as_scikit_learn_does(k):
    x = table()
    network = filled(Autoencoder(7, (), k).double(), x, k)
    theirs = PCA(k).fit(x)
    expected = theirs.inverse_transform(theirs.transform(x))
    np.testing.assert_allclose(network(torch.tensor(x)).detach().numpy(), expected, atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 500), k=st.integers(1, 6))
def test_no_other_linear_autoencoder_is_better(seed, k):
    x, rng = table(), np.random.default_rng(seed)
    best = float(reconstruction_error(filled(Autoencoder(7, (), k).double(), x, k), torch.tensor(x)).mean())
    decoder = rng.normal(size=(7, k)) if seed % 2 else principal_axes(x, k)[1].T + 0.1 * rng.normal(size=(7, k))
    centred = x - x.mean(axis=0)
    code = centred @ np.linalg.pinv(decoder).T  # the best encoder for this decoder
    assert np.mean((code @ decoder.T - centred) ** 2) >= best - 1e-12


def test_the_closed_form_is_a_point_where_every_slope_is_zero():
    x = table()
    network = filled(Autoencoder(7, (), 3).double(), x, 3)
    nn.functional.mse_loss(network(torch.tensor(x)), torch.tensor(x)).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().max() < 1e-12, name


def test_a_trained_linear_autoencoder_reaches_the_subspace():
    x = torch.tensor(table(n=200), dtype=torch.float64)
    torch.manual_seed(0)
    network = Autoencoder(7, (), 2).double()
    optimizer = torch.optim.LBFGS(network.parameters(), max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-14)

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(network(x), x)
        loss.backward()
        return loss

    optimizer.step(closure)
    found = network.decoder[0].weight.detach().numpy().T
    assert principal_angles(found, principal_axes(x.numpy(), 2)[1]).max() < 0.5


# ---------------------------------------------------------------------------------------------------------- angles


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 500), k=st.integers(1, 4), m=st.integers(1, 4))
def test_the_angles_are_scipys_whatever_the_bases(seed, k, m):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(k, 6)), rng.normal(size=(m, 6))
    ours = principal_angles(rng.normal(size=(k, k)) @ a, b)
    np.testing.assert_allclose(ours, np.degrees(scipy.linalg.subspace_angles(a.T, b.T))[::-1], atol=1e-5)
    np.testing.assert_allclose(principal_angles(b, a), principal_angles(a, b), atol=1e-6)


def test_a_tiny_angle_is_told_exactly():
    tilt = 1e-9
    found = principal_angles([[1.0, 0.0]], [[np.cos(tilt), np.sin(tilt)]])
    assert found[0] == pytest.approx(np.degrees(tilt), rel=1e-6)


# -------------------------------------------------------------------------------------------------- noise and draws


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_corruption_loses_a_share_and_leaves_the_rest(share):
    x = 1 + torch.rand(200, 200, generator=generator())
    broken = corrupt(x, share, generator(1))
    lost = broken == 0
    assert float(lost.double().mean()) == pytest.approx(share, abs=0.01)
    assert torch.equal(broken[~lost], x[~lost])
    assert torch.equal(broken, corrupt(x, share, generator(1)))


def test_draws_have_the_distribution_that_was_asked_for():
    mean, log_var = torch.tensor([[0.5, -3.0]]), torch.tensor([[1.0, -2.0]])
    z = reparameterise(mean.expand(200_000, 2), log_var.expand(200_000, 2), generator())
    expected = distributions.Normal(mean, (log_var / 2).exp())
    for q in (0.1, 0.5, 0.9):
        below = (z <= expected.icdf(torch.tensor(q))).double().mean(dim=0)
        assert below.tolist() == pytest.approx([q, q], abs=0.005)


def test_gradients_pass_through_a_draw():
    mean = torch.randn(5, 3, dtype=torch.float64, generator=generator(), requires_grad=True)
    log_var = torch.randn(5, 3, dtype=torch.float64, generator=generator(1), requires_grad=True)
    assert torch.autograd.gradcheck(lambda m, v: reparameterise(m, v, generator(2)), (mean, log_var))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(1, 6), k=st.integers(1, 6))
def test_the_divergence_is_that_of_torch_distributions(seed, n, k):
    mean = 3 * torch.randn(n, k, dtype=torch.float64, generator=generator(seed))
    log_var = 2 * torch.randn(n, k, dtype=torch.float64, generator=generator(seed + 1))
    cloud = distributions.Normal(mean, (log_var / 2).exp())
    expected = distributions.kl_divergence(cloud, distributions.Normal(0.0, 1.0)).sum(dim=1)
    ours = kl_to_standard_normal(mean, log_var)
    torch.testing.assert_close(ours, expected, atol=1e-10, rtol=1e-10)
    assert (ours >= -1e-12).all()


def test_the_bound_is_below_the_likelihood_and_touches_it_for_the_true_posterior():
    """A decoder for one pixel and one number of code, with the integral over the code done on a grid."""
    z = torch.linspace(-8, 8, 4001, dtype=torch.float64)[:, None]  # (G, 1)
    prior = distributions.Normal(0.0, 1.0).log_prob(z[:, 0]).exp() * (z[1] - z[0])
    likelihood = float((prior * torch.sigmoid(2 * z[:, 0])).sum())  # of a white pixel
    mean, log_var = torch.tensor([[0.7]], dtype=torch.float64), torch.tensor([[-0.4]], dtype=torch.float64)
    draws = reparameterise(mean.expand(400_000, 1), log_var.expand(400_000, 1), generator())
    white = torch.ones_like(draws)
    bound = -negative_elbo(2 * draws, white, mean.expand_as(draws), log_var.expand_as(draws))
    assert float(bound) < np.log(likelihood)
    assert float(bound) == pytest.approx(np.log(likelihood), abs=0.02)  # the cloud was chosen near the posterior
    far = negative_elbo(2 * draws - 6, white, mean.expand_as(draws) - 3, log_var.expand_as(draws))
    assert float(-far) < float(bound) - 1


def test_the_loss_is_a_sum_over_pixels_and_a_mean_over_rows():
    x = torch.rand(6, 5, generator=generator(), dtype=torch.float64)
    logits = torch.randn(6, 5, generator=generator(1), dtype=torch.float64)
    mean, log_var = torch.randn(2, 6, 3, generator=generator(2), dtype=torch.float64)
    p = torch.sigmoid(logits)
    missed = -(x * p.log() + (1 - x) * (1 - p).log()).sum(dim=1)
    cost = kl_to_standard_normal(mean, log_var)
    for beta in (0.0, 1.0, 4.0):
        torch.testing.assert_close(negative_elbo(logits, x, mean, log_var, beta), (missed + beta * cost).mean())


# ------------------------------------------------------------------------------------------------------- networks


def test_the_decoder_mirrors_the_encoder():
    network = Autoencoder(20, (12, 6), 3)
    widths = [tuple(layer.weight.shape) for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert widths == [(12, 20), (6, 12), (3, 6), (6, 3), (12, 6), (20, 12)]
    assert not isinstance(network.encoder[-1], nn.ReLU)


def test_the_error_is_one_number_a_row():
    network, x = Autoencoder(6, (4,), 2), torch.rand(5, 6, generator=generator())
    expected = ((network(x) - x) ** 2).mean(dim=1).detach()
    found = reconstruction_error(network, x)
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad


def test_the_same_generator_gives_the_same_pictures():
    torch.manual_seed(0)
    network = VAE(9, (8,), 2)
    first = network.sample(4, generator(3))
    assert torch.equal(first, network.sample(4, generator(3)))
    assert not torch.equal(first, network.sample(4, generator(4)))
    assert first.shape == (4, 9)
    assert 0 < float(first.min()) <= float(first.max()) < 1


def test_a_vae_learns_two_kinds_of_pictures():
    torch.manual_seed(0)
    left = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    x = torch.stack([left, 1 - left]).repeat(64, 1)  # (128, 6)
    network, noise = VAE(6, (16,), 1), generator(5)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(400):
        optimizer.zero_grad()
        logits, mean, log_var = network(x, noise)
        negative_elbo(logits, x, mean, log_var).backward()
        optimizer.step()
    drawn = network.sample(500, noise).round()
    share = (drawn == left).all(dim=1).double().mean()
    assert 0.3 < float(share) < 0.7
    assert float(((drawn == left).all(dim=1) | (drawn == 1 - left).all(dim=1)).double().mean()) > 0.85
    assert negative_elbo(logits, x, mean, log_var).item() < 1.6  # log 2 is the least


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: principal_axes(np.zeros(3), 1), ShapeError, r"x: expected shape \(N, D\)"),
        (lambda: principal_axes(np.zeros((4, 3)), 4), CourseError, "k: expected 1 to 3 axes"),
        (lambda: linear_autoencoder(np.zeros((4, 3)), 0), CourseError, "got 0"),
        (lambda: principal_angles(np.eye(2), np.eye(3)), ShapeError, "b: expected shape"),
        (lambda: principal_angles(np.zeros((1, 3)), np.eye(3)), CourseError, "independent directions"),
        (lambda: corrupt(torch.ones(2), 1.5), CourseError, "share: expected a number from 0 to 1"),
        (lambda: Autoencoder(4, (0,), 2), CourseError, "widths of at least 1"),
        (lambda: VAE(4, (), 2), CourseError, "hidden: expected at least one layer"),
        (
            lambda: negative_elbo(torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(2, 1), torch.zeros(2, 1)),
            ShapeError,
            r"logits: expected shape \(2, 4\)",
        ),
    ],
)
def test_bad_input_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
