"""An autoencoder learns to give back what it gets, through a bottleneck that lets only what matters pass.

Linear, deep, denoising and variational, in PyTorch, on rows of numbers. :mod:`coursekit.models.pca` holds what the
linear one is measured against. Not here: training (:func:`coursekit.train.fit`), convolutions. Letters: N rows,
D features, K numbers in the code.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError

__all__ = [
    "VAE",
    "Autoencoder",
    "corrupt",
    "kl_to_standard_normal",
    "negative_elbo",
    "reconstruction_error",
    "reparameterise",
]


class Autoencoder(nn.Module):
    """An encoder, D numbers to K, and a decoder that goes the same way back.

    Parameters
    ----------
    size : int
        D, numbers in a row.
    hidden : sequence of int
        Widths of the encoder's hidden layers, each with a ReLU; the decoder has them in reverse. With none,
        the autoencoder is linear, and PCA in disguise.
    code : int
        K.

    Raises
    ------
    CourseError
        If a width is below 1.

    Source
    ------
    Rumelhart, Hinton and Williams (1986), Learning internal representations by error propagation (the encoder problem);
    Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks.

    Examples
    --------
    >>> network = Autoencoder(196, (64,), 2)
    >>> network(torch.zeros(5, 196)).shape, network.encoder(torch.zeros(5, 196)).shape
    (torch.Size([5, 196]), torch.Size([5, 2]))
    """

    def __init__(self, size: int, hidden: Sequence[int], code: int):
        super().__init__()
        self.encoder = _layers((size, *hidden, code))
        self.decoder = _layers((code, *reversed(hidden), size))

    def forward(self, x: Tensor) -> Tensor:
        """What is left of the rows after the bottleneck.

        Parameters
        ----------
        x : Tensor, (N, D)

        Returns
        -------
        Tensor, (N, D)

        Examples
        --------
        >>> Autoencoder(4, (), 1)(torch.ones(2, 4)).shape
        torch.Size([2, 4])
        """
        return self.decoder(self.encoder(x))  # (N, D) -> (N, K) -> (N, D)


class VAE(nn.Module):
    """A variational autoencoder: the encoder gives each row a cloud of codes, the decoder a probability to each pixel.

    Parameters
    ----------
    size : int
        D, numbers in a row, each from 0 to 1.
    hidden : sequence of int
        Widths of the encoder's hidden layers, each with a ReLU, at least one; the decoder has them in reverse.
    code : int
        K.

    Raises
    ------
    CourseError
        If a width is below 1, or there is no hidden layer.

    Source
    ------
    Kingma and Welling (2014), Auto-encoding variational Bayes; Rezende, Mohamed and Wierstra (2014), Stochastic
    backpropagation and approximate inference in deep generative models.

    Examples
    --------
    >>> network, generator = VAE(196, (64,), 8), torch.Generator().manual_seed(0)
    >>> logits, mean, log_var = network(torch.zeros(5, 196), generator)
    >>> logits.shape, mean.shape, log_var.shape
    (torch.Size([5, 196]), torch.Size([5, 8]), torch.Size([5, 8]))
    """

    def __init__(self, size: int, hidden: Sequence[int], code: int):
        super().__init__()
        if not hidden:
            raise CourseError("hidden: expected at least one layer, got none. Write hidden=(128,).")
        self.body = nn.Sequential(*_layers((size, *hidden)), nn.ReLU())
        self.mean = nn.Linear(hidden[-1], code)
        self.log_var = nn.Linear(hidden[-1], code)
        self.decoder = _layers((code, *reversed(hidden), size))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The cloud of codes for each row: mean, and logarithm of the variance along each axis.

        Parameters
        ----------
        x : Tensor, (N, D)

        Returns
        -------
        mean, log_var : Tensor, (N, K)

        Examples
        --------
        >>> mean, log_var = VAE(4, (3,), 2).encode(torch.ones(5, 4))
        >>> mean.shape
        torch.Size([5, 2])
        """
        h = self.body(x)  # (N, H)
        return self.mean(h), self.log_var(h)  # (N, K), (N, K)

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Draw one code from each row's cloud and decode it.

        Parameters
        ----------
        x : Tensor, (N, D)
        generator : torch.Generator, optional
            Where the noise comes from.

        Returns
        -------
        logits : Tensor, (N, D)
            Before the sigmoid.
        mean, log_var : Tensor, (N, K)

        Examples
        --------
        >>> [t.shape[1] for t in VAE(4, (3,), 2)(torch.ones(5, 4))]
        [4, 2, 2]
        """
        mean, log_var = self.encode(x)
        return self.decoder(reparameterise(mean, log_var, generator)), mean, log_var

    def decode(self, z: Tensor) -> Tensor:
        """The pictures, numbers from 0 to 1, that codes stand for.

        Parameters
        ----------
        z : Tensor, (N, K)

        Returns
        -------
        Tensor, (N, D)

        Examples
        --------
        >>> VAE(4, (3,), 2).decode(torch.zeros(5, 2)).shape
        torch.Size([5, 4])
        """
        return torch.sigmoid(self.decoder(z))

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """New pictures: decoded draws from the standard normal distribution.

        Parameters
        ----------
        n : int
        generator : torch.Generator, optional

        Returns
        -------
        Tensor, (N, D)

        Examples
        --------
        >>> VAE(4, (3,), 2).sample(5).shape
        torch.Size([5, 4])
        """
        weight = self.mean.weight
        z = torch.randn(n, len(weight), generator=generator, device=weight.device, dtype=weight.dtype)  # (N, K)
        return self.decode(z)


def corrupt(x: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Masking noise: put a share of the numbers to 0, each by a draw of its own, and leave the others as they are.

    Parameters
    ----------
    x : Tensor, any shape
    share : float
        From 0 to 1: how likely a number is lost.
    generator : torch.Generator, optional

    Returns
    -------
    Tensor
        Of the same shape, a new one.

    Raises
    ------
    CourseError
        If `share` is no share.

    Source
    ------
    Vincent, Larochelle, Bengio and Manzagol (2008), Extracting and composing robust features with denoising
    autoencoders.

    Examples
    --------
    >>> lost = corrupt(torch.ones(1000), 0.3, torch.Generator().manual_seed(0)) == 0
    >>> 250 < int(lost.sum()) < 350
    True
    """
    if not 0 <= share <= 1:
        raise CourseError(f"share: expected a number from 0 to 1, got {share}. 0.3 loses three numbers in ten.")
    kept = torch.rand(x.shape, generator=generator, device=x.device) >= share
    return x * kept


def reparameterise(mean: Tensor, log_var: Tensor, generator: torch.Generator | None = None) -> Tensor:
    r"""Draw from a normal distribution so that gradients reach its mean and its variance.

    Parameters
    ----------
    mean, log_var : Tensor, (N, K)
        Of each cloud: its centre, and the logarithm of its variance along each axis.
    generator : torch.Generator, optional

    Returns
    -------
    Tensor, (N, K)

    Notes
    -----
    z = mean + exp(log_var / 2) * noise, with noise from the standard normal distribution. The randomness comes in from
    the side, so dz / dmean = 1 and dz / dlog_var = (z - mean) / 2.

    Source
    ------
    Kingma and Welling (2014), Auto-encoding variational Bayes, section 2.4.

    Examples
    --------
    >>> reparameterise(torch.ones(2, 3), torch.full((2, 3), -1e9))
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)  # (N, K)
    return mean + torch.exp(log_var / 2) * noise


def kl_to_standard_normal(mean: Tensor, log_var: Tensor) -> Tensor:
    r"""How far each row's cloud of codes is from the standard normal distribution, in nats.

    Parameters
    ----------
    mean, log_var : Tensor, (N, K)

    Returns
    -------
    Tensor, (N,)
        Kullback-Leibler divergence, at least 0: the sum over the K axes.

    Notes
    -----
    KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - log s^2 - 1) / 2 along each axis.

    Source
    ------
    Kingma and Welling (2014), Auto-encoding variational Bayes, appendix B.

    Examples
    --------
    >>> kl_to_standard_normal(torch.tensor([[0.0, 0.0], [1.0, 2.0]]), torch.zeros(2, 2))
    tensor([0.0000, 2.5000])
    """
    return 0.5 * (mean**2 + log_var.exp() - log_var - 1).sum(dim=1)  # (N, K) -> (N,)


def negative_elbo(logits: Tensor, x: Tensor, mean: Tensor, log_var: Tensor, beta: float = 1.0) -> Tensor:
    """The loss of a VAE: what the reconstruction misses plus what the code says, in nats for each row, their mean.

    Parameters
    ----------
    logits, x : Tensor, (N, D)
        Scores of the pixels before the sigmoid, and the pixels themselves, from 0 to 1.
    mean, log_var : Tensor, (N, K)
    beta : float
        Weight of the second part; 1 is the evidence lower bound itself.

    Returns
    -------
    Tensor, ()

    Raises
    ------
    ShapeError
        If `logits` and `x` have not the same shape.

    Source
    ------
    Kingma and Welling (2014), equation 10; Higgins et al. (2017), beta-VAE, for beta.

    Examples
    --------
    >>> zeros = torch.zeros(1, 2)
    >>> negative_elbo(zeros, zeros, zeros, zeros)  # two coin tosses
    tensor(1.3863)
    """
    if logits.shape != x.shape:
        raise ShapeError(f"logits: expected shape {tuple(x.shape)}, got {tuple(logits.shape)}. Flatten pictures alike.")
    missed = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)  # (N, D) -> (N,)
    return (missed + beta * kl_to_standard_normal(mean, log_var)).mean()


@torch.no_grad()
def reconstruction_error(network: nn.Module, x: Tensor) -> Tensor:
    """How much of each row an autoencoder fails to give back.

    Parameters
    ----------
    network : Module
        From (N, D) to (N, D).
    x : Tensor, (N, D)

    Returns
    -------
    Tensor, (N,)
        The mean of the squared differences.

    Examples
    --------
    >>> reconstruction_error(nn.Identity(), torch.ones(2, 3))
    tensor([0., 0.])
    """
    return ((network(x) - x) ** 2).mean(dim=1)  # (N,)


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers between the sizes, with a ReLU between any two."""
    if min(sizes) < 1:
        raise CourseError(f"size: expected widths of at least 1, got {tuple(sizes)}. Remove the layer, or widen it.")
    layers: list[nn.Module] = []
    for inside, outside in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(inside, outside), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
