"""A game between two networks may run in circles or lose half of the data; a stabiliser calms the discriminator.

The gradient penalty, spectral normalisation by power iteration, and the moving average of a generator's weights.
Letters: N points, A by B the shape of a weight matrix.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from coursekit.errors import CourseError, ShapeError

__all__ = ["SpectralNorm", "gradient_penalty", "power_iteration", "spectral_norm", "update_average"]

TINY = 1e-12


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], x: Tensor, length: float = 0.0) -> Tensor:
    """How steep the discriminator is at points x: the mean of (length of its gradient - `length`) squared.

    Parameters
    ----------
    discriminator : callable
        From points to one score each; each score from its own point alone, so no batch normalisation.
    x : Tensor, (N, ...)
        With ``length=0``, real points: half of this times a strength is the penalty R1. With ``length=1``, points
        between real and made ones: that of WGAN-GP.
    length : float

    Returns
    -------
    Tensor, ()
        A gradient flows from it into the discriminator's weights.

    Source
    ------
    Mescheder, Geiger and Nowozin (2018), Which training methods for GANs do actually converge? (R1); Gulrajani et al.
    (2017), Improved training of Wasserstein GANs.

    Examples
    --------
    >>> gradient_penalty(lambda x: 3 * x[:, 0], torch.zeros(5, 2))
    tensor(9.)
    """
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)  # (N, ...)
    if length == 0:
        return slope.square().flatten(1).sum(dim=1).mean()  # no square root, whose slope at 0 is infinite
    return (slope.flatten(1).norm(dim=1) - length).square().mean()


def power_iteration(weight: Tensor, u: Tensor, steps: int = 1) -> tuple[Tensor, Tensor]:
    """The largest singular value of a matrix, by power iteration: how much the matrix can stretch a vector.

    Parameters
    ----------
    weight : Tensor, (A, B)
    u : Tensor, (A,)
        Where to start: any direction but 0.
    steps : int
        Each goes there and back, through ``weight.T`` and through ``weight``.

    Returns
    -------
    sigma : Tensor, ()
        u . W v, at most the largest singular value.
    u : Tensor, (A,)
        Of length 1; where to go on the next time.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    CourseError
        If `steps` is below 1.

    Source
    ------
    Miyato et al. (2018), Spectral normalization for generative adversarial networks, section 2.1 and algorithm 1.

    Examples
    --------
    >>> sigma, u = power_iteration(torch.diag(torch.tensor([3.0, 1.0])), torch.ones(2), steps=20)
    >>> sigma, u.round(decimals=3)
    (tensor(3.), tensor([1., 0.]))
    """
    if weight.ndim != 2 or u.shape != weight.shape[:1]:
        raise ShapeError(f"u: expected as many numbers as W has rows, got {tuple(u.shape)} for {tuple(weight.shape)}.")
    if steps < 1:
        raise CourseError(f"steps: expected at least 1, got {steps}. One a training step is enough.")
    for _ in range(steps):
        v = weight.T @ u  # (B,)
        v = v / (v.norm() + TINY)
        u = weight @ v  # (A,)
        u = u / (u.norm() + TINY)
    return u @ weight @ v, u


class SpectralNorm(nn.Module):
    """A weight divided by its largest singular value, found by one step of power iteration at each use in training.

    Parameters
    ----------
    weight : Tensor, (A, ...)
        Axes after the first are laid out in a row.
    find : callable
        (weight, u, steps) -> (sigma, u), such as :func:`power_iteration`.

    Source
    ------
    Miyato et al. (2018), Spectral normalization for generative adversarial networks.
    """

    def __init__(self, weight: Tensor, find: Callable = power_iteration):
        super().__init__()
        self.find = find
        with torch.no_grad():
            self.register_buffer("u", find(weight.flatten(1), torch.randn_like(weight.flatten(1)[:, 0]), 15)[1])

    def forward(self, weight: Tensor) -> Tensor:
        """The weight, stretched or shrunk so that it makes no vector longer: (A, ...)."""
        matrix = weight.flatten(1)  # (A, B)
        with torch.no_grad():
            _, u = self.find(matrix, self.u, 1)
            v = matrix.T @ u
            v = v / (v.norm() + TINY)
            if self.training:
                self.u.copy_(u)
        return weight / (u @ matrix @ v)  # u and v count as constants for the gradient


def spectral_norm(network: nn.Module, find: Callable = power_iteration) -> nn.Module:
    """Put :class:`SpectralNorm` on the weight of every linear and convolutional layer of a network, and return it.

    Parameters
    ----------
    network : Module
    find : callable
        As for :class:`SpectralNorm`.

    Returns
    -------
    Module
        The same one.

    Examples
    --------
    >>> layer = spectral_norm(nn.Linear(3, 2))
    >>> bool(torch.linalg.svdvals(layer.weight).max() < 1.01)
    True
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.Linear | nn.Conv2d):
            parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight, find))
    return network


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float = 0.99) -> None:
    """Move an average of weights a little towards those of a network; what is not learned (buffers) is copied.

    Parameters
    ----------
    average, network : Module
        Of the same kind; the first is changed in place.
    decay : float
        Share that stays: 0.99 averages over about the last hundred steps.

    Raises
    ------
    CourseError
        If `decay` is not from 0 to 1.

    Source
    ------
    Yazici et al. (2019), The unusual effectiveness of averaging in GAN training.

    Examples
    --------
    >>> average, network = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.zeros_(average.weight), nn.init.ones_(network.weight)
    >>> update_average(average, network, decay=0.75)
    >>> average.weight.item()
    0.25
    """
    if not 0 <= decay <= 1:
        raise CourseError(f"decay: expected a share from 0 to 1, got {decay}. Write 0.99.")
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    for kept, new in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(new)
