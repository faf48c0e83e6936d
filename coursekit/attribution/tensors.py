r"""The methods of gradients in a few lines of PyTorch each, for a score that is any function of a batch.

A **score** is a function from rows (N, ...) to one number a row, (N,): the rows do not mix. It may mean another class
for each row. The rest of :mod:`coursekit.attribution` asks models about one output and returns what it found with a
check; here tensors go in and come out, so that one sees what is computed.

Source: Simonyan, Vedaldi and Zisserman (2014), Deep inside convolutional networks; Smilkov et al. (2017), SmoothGrad;
Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks; Selvaraju et al. (2017), Grad-CAM; Petsiuk,
Das and Saenko (2018), RISE (deletion).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from coursekit.errors import CourseError, ShapeError

__all__ = ["deletion_curve", "grad_cam", "integrated_gradients", "saliency", "smooth_grad"]

Score = Callable[[Tensor], Tensor]


def saliency(score: Score, x: Tensor) -> Tensor:
    """The gradient of each row's score with respect to that row.

    Parameters
    ----------
    score : callable
        From rows (N, ...) to (N,).
    x : Tensor, (N, ...)

    Returns
    -------
    Tensor, shape of x

    Raises
    ------
    ShapeError
        If the score is not one number a row.

    Examples
    --------
    >>> saliency(lambda rows: (rows**2).sum(dim=1), torch.tensor([[1.0, 3.0]]))
    tensor([[2., 6.]])
    """
    rows = x.detach().clone().requires_grad_()
    scores = score(rows)
    if scores.shape != (len(x),):
        raise ShapeError(f"score: expected one number a row ({len(x)},), got {tuple(scores.shape)}. Choose a class.")
    return torch.autograd.grad(scores.sum(), rows)[0]


def smooth_grad(
    score: Score, x: Tensor, noise: float = 0.1, samples: int = 20, generator: torch.Generator | None = None
) -> Tensor:
    """The mean gradient over noisy copies of x.

    Parameters
    ----------
    score : callable
    x : Tensor, (N, ...)
    noise : float
        Standard deviation of what is added to every feature.
    samples : int
        Copies.
    generator : torch.Generator, optional

    Returns
    -------
    Tensor, shape of x

    Raises
    ------
    CourseError
        If there is no copy.

    Examples
    --------
    >>> smooth_grad(lambda rows: rows.sum(dim=1), torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    if samples < 1:
        raise CourseError(f"samples: expected at least 1, got {samples!r}. 20 is usual.")
    total = torch.zeros_like(x)
    for _ in range(samples):
        total += saliency(score, x + noise * torch.randn(x.shape, generator=generator, dtype=x.dtype))
    return total / samples


def integrated_gradients(score: Score, x: Tensor, baseline: Tensor, steps: int = 20) -> Tensor:
    """Gradients averaged over the way from a baseline to x, times the way; asked in the middle of each of its pieces.

    Parameters
    ----------
    score : callable
    x : Tensor, (N, ...)
    baseline : Tensor, (N, ...) or what broadcasts to it
    steps : int
        Pieces of equal length.

    Returns
    -------
    Tensor, shape of x

    Raises
    ------
    CourseError
        If there is no piece.

    Examples
    --------
    >>> integrated_gradients(lambda rows: rows.prod(dim=1), torch.tensor([[2.0, 4.0]]), torch.zeros(1, 2), steps=2)
    tensor([[4., 4.]])
    """
    if steps < 1:
        raise CourseError(f"steps: expected at least 1, got {steps!r}. 20 is usual.")
    total = torch.zeros_like(x)
    for k in range(steps):
        total += saliency(score, baseline + (k + 0.5) / steps * (x - baseline))
    return (x - baseline) * total / steps


def grad_cam(features: Callable[[Tensor], Tensor], head: Score, x: Tensor) -> Tensor:
    """Where the channels that raise the score are active: their sum, weighted by mean gradients, nothing below 0.

    Parameters
    ----------
    features : callable
        The lower part of a network, from pictures (N, ...) to channels (N, C, h, w).
    head : callable
        The upper part, from there to a score, (N,).
    x : Tensor, (N, ...)

    Returns
    -------
    Tensor, (N, h, w)

    Raises
    ------
    ShapeError
        If the lower part does not answer with pictures.

    Examples
    --------
    >>> grad_cam(lambda x: x[:, None], lambda a: 2 * a.sum(dim=(1, 2, 3)), torch.tensor([[[1.0, -1.0]]]))
    tensor([[[2., 0.]]])
    """
    seen = features(x).detach()
    if seen.ndim != 4:
        raise ShapeError(f"features: expected (N, C, h, w), got {tuple(seen.shape)}. Cut behind a convolution.")
    weight = saliency(head, seen).mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
    return torch.relu((weight * seen).sum(dim=1))  # (N, h, w)


@torch.no_grad()
def deletion_curve(score: Score, x: Tensor, values: Tensor, baseline: Tensor, steps: int = 10) -> Tensor:
    """The score while features give way to a baseline, those of the largest values first; equal ones as they stand.

    A map with many zeros is judged by where its features stand: add a little noise to it, or say so.

    Parameters
    ----------
    score : callable
    x : Tensor, (N, ...)
    values : Tensor, shape of x
    baseline : Tensor, (N, ...) or what broadcasts to it
    steps : int
        After step k, round(k D / steps) of a row's D features are replaced.

    Returns
    -------
    Tensor, (steps + 1, N)

    Raises
    ------
    ShapeError
        If there is not one value a feature.
    CourseError
        If there is no step.

    Examples
    --------
    >>> x = torch.tensor([[3.0, 1.0]])
    >>> deletion_curve(lambda rows: rows.sum(dim=1), x, values=x, baseline=torch.zeros(2), steps=2).flatten()
    tensor([4., 1., 0.])
    """
    if steps < 1:
        raise CourseError(f"steps: expected at least 1, got {steps!r}. 20 is usual.")
    if values.shape != x.shape:
        raise ShapeError(f"values: expected one for each feature {tuple(x.shape)}, got {tuple(values.shape)}.")
    order = values.flatten(1).argsort(dim=1, descending=True, stable=True)  # (N, D)
    rank = order.argsort(dim=1).view(x.shape)  # 0 for the largest
    features = x[0].numel()
    gone = [rank < round(k * features / steps) for k in range(steps + 1)]  # (N, ...) each
    return torch.stack([score(torch.where(one, baseline, x)) for one in gone])
