"""Two networks play against each other: one makes pictures out of noise, the other tries to tell them from real ones.

The networks and the losses of the game, in PyTorch. :mod:`coursekit.models.stabilisers` holds what is done to steady
it; the loop is written out in notebook 12. A discriminator answers with a *score*, any real number, high for real; its
sigmoid is a probability.
Letters: N pictures of 28 by 28, Z numbers of noise, W channels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "Discriminator",
    "Generator",
    "discriminator_hinge_loss",
    "discriminator_loss",
    "generator_hinge_loss",
    "generator_loss",
    "optimal_discriminator",
    "small_weights",
]


class Generator(nn.Module):
    """From noise to pictures: a layer that paints 7 by 7 patches, and two that double their size.

    Parameters
    ----------
    noise : int
        Z, numbers that a picture is made of.
    width : int
        W, channels at 7 by 7; half as many at 14 by 14.

    Source
    ------
    Radford, Metz and Chintala (2016), Unsupervised representation learning with deep convolutional generative
    adversarial networks (DCGAN), made smaller for pictures of 28 by 28.

    Examples
    --------
    >>> pictures = Generator()(torch.zeros(5, 64))
    >>> pictures.shape, bool(pictures.abs().max() <= 1)
    (torch.Size([5, 1, 28, 28]), True)
    """

    def __init__(self, noise: int = 64, width: int = 32):
        super().__init__()
        self.noise = noise
        self.layers = nn.Sequential(
            nn.Linear(noise, width * 7 * 7, bias=False),
            nn.Unflatten(1, (width, 7, 7)),  # (N, W, 7, 7)
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1, bias=False),  # (N, W / 2, 14, 14)
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
            nn.ConvTranspose2d(width // 2, 1, 4, stride=2, padding=1),  # (N, 1, 28, 28)
            nn.Tanh(),
        )
        small_weights(self)

    def forward(self, z: Tensor) -> Tensor:
        """Pictures (N, 1, 28, 28) with numbers from -1 (black) to 1 (white), out of noise (N, Z)."""
        return self.layers(z)

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator | None = None, at_once: int = 1000) -> Tensor:
        """New pictures, made in evaluation mode, as brightness from 0 to 1.

        Parameters
        ----------
        n : int
        rng : torch.Generator, optional
        at_once : int
            Pictures made in one go: more need more memory.

        Returns
        -------
        Tensor, (N, 28, 28)

        Examples
        --------
        >>> Generator().sample(3).shape
        torch.Size([3, 28, 28])
        """
        training = self.training
        self.eval()
        z = torch.randn(n, self.noise, generator=rng)  # (N, Z)
        made = torch.cat([self(piece) for piece in z.split(at_once)])  # (N, 1, 28, 28)
        self.train(training)
        return (made[:, 0] + 1) / 2  # (N, 28, 28)


class Discriminator(nn.Module):
    """From pictures to one score each, high for "real": two strided convolutions and a weighted sum.

    Parameters
    ----------
    width : int
        W, channels at 14 by 14; twice as many at 7 by 7.
    batch_norm : bool
        Normalise the second layer. Leave it out with a gradient penalty, which wants each picture judged by itself.

    Source
    ------
    Radford, Metz and Chintala (2016), DCGAN.

    Examples
    --------
    >>> Discriminator()(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5])
    """

    def __init__(self, width: int = 16, batch_norm: bool = True):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, 4, stride=2, padding=1),  # (N, W, 14, 14)
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=not batch_norm),  # (N, 2 W, 7, 7)
            *([nn.BatchNorm2d(2 * width)] if batch_norm else []),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * width * 7 * 7, 1),
        )
        small_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N,) of pictures (N, 1, 28, 28) with numbers from -1 to 1."""
        return self.layers(x)[:, 0]


def small_weights(network: nn.Module, spread: float = 0.02) -> None:
    """Draw all weights of linear and convolutional layers anew, normal around 0, as DCGAN does; biases stay.

    Parameters
    ----------
    network : Module
    spread : float
        Standard deviation.

    Examples
    --------
    >>> layer = nn.Linear(100, 100)
    >>> small_weights(layer)
    >>> bool(layer.weight.std() < 0.03)
    True
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, spread)


# -- the game ----------------------------------------------------------------------------------------------------------


def optimal_discriminator(p_real, p_fake):
    """The best answer there is: the probability that a point is real, if real and made ones are equally many.

    Parameters
    ----------
    p_real, p_fake : ndarray or Tensor
        Densities of both at the same points, not both 0.

    Returns
    -------
    ndarray or Tensor
        p_real / (p_real + p_fake).

    Source
    ------
    Goodfellow et al. (2014), Generative adversarial nets, proposition 1.

    Examples
    --------
    >>> optimal_discriminator(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]))
    tensor([0.5000, 0.7500])
    """
    return p_real / (p_real + p_fake)


def discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """What the discriminator pays, in nats: cross-entropy on real pictures plus cross-entropy on made ones.

    Parameters
    ----------
    real_scores, fake_scores : Tensor, (N,)

    Returns
    -------
    Tensor, ()
        2 log 2 if it answers 0 to everything.

    Source
    ------
    Goodfellow et al. (2014), equation 1, as a loss on scores.

    Examples
    --------
    >>> discriminator_loss(torch.zeros(2), torch.zeros(2))
    tensor(1.3863)
    """
    return F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()


def generator_loss(fake_scores: Tensor) -> Tensor:
    """What the generator pays, in nats: the cross-entropy of its pictures being taken for real (non-saturating).

    Parameters
    ----------
    fake_scores : Tensor, (N,)

    Returns
    -------
    Tensor, ()

    Source
    ------
    Goodfellow et al. (2014), end of section 3.

    Examples
    --------
    >>> generator_loss(torch.zeros(2))
    tensor(0.6931)
    """
    return F.softplus(-fake_scores).mean()


def discriminator_hinge_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """The same game with a margin: real scores should be above 1, made ones below -1, and no more is asked.

    Parameters
    ----------
    real_scores, fake_scores : Tensor, (N,)

    Returns
    -------
    Tensor, ()

    Source
    ------
    Lim and Ye (2017), Geometric GAN; Miyato et al. (2018), Spectral normalization for GANs, equation 16.

    Examples
    --------
    >>> discriminator_hinge_loss(torch.tensor([3.0]), torch.tensor([0.5]))
    tensor(1.5000)
    """
    return F.relu(1 - real_scores).mean() + F.relu(1 + fake_scores).mean()


def generator_hinge_loss(fake_scores: Tensor) -> Tensor:
    """What the generator pays in the game with a margin: minus its mean score.

    Parameters
    ----------
    fake_scores : Tensor, (N,)

    Returns
    -------
    Tensor, ()

    Source
    ------
    Lim and Ye (2017), Geometric GAN.

    Examples
    --------
    >>> generator_hinge_loss(torch.tensor([1.0, 3.0]))
    tensor(-2.)
    """
    return -fake_scores.mean()
