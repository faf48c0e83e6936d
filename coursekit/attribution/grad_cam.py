r"""Grad-CAM asks a convolutional layer where it saw what speaks for a class.

Each channel of the layer is a picture; its weight is the mean gradient of the score over that picture. The map is
the weighted sum, with what speaks against the class cut off at 0, and enlarged to the size of the input. The
**guided** rule changes the backward pass of ReLUs (only what is positive goes back): it makes crisp pictures which
hardly depend on the weights that the network has learned, as the randomisation test shows.

Source: Selvaraju et al. (2017), Grad-CAM; Springenberg et al. (2015), Striving for simplicity (guided backpropagation);
Adebayo et al. (2018), Sanity checks for saliency maps.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.attribution.base import Attribution
from coursekit.attribution.models import evaluating, target_of
from coursekit.errors import CourseError, ShapeError

__all__ = ["grad_cam", "guided_backpropagation"]


def grad_cam(model: nn.Module, x: np.ndarray, layer: nn.Module, *, target: int) -> Attribution:
    """Where in a picture a layer saw what raises a score.

    Parameters
    ----------
    model : torch.nn.Module
        From (N, C, H, W) to (N, K).
    x : ndarray, (N, C, H, W)
    layer : torch.nn.Module
        One of the model's, with an output (N, channels, h, w): the last convolution as a rule.
    target : int

    Returns
    -------
    Attribution
        Values (N, H, W), none below 0; `complete` is False.

    Raises
    ------
    CourseError
        If the layer is not used by the model, or does not answer with pictures.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    >>> grad_cam(model, np.zeros((4, 1, 8, 8)), model[0], target=1).values.shape
    (4, 8, 8)
    """
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _module, _given, answer: kept.append(answer))
    try:
        pictures = _tensor(model, x)
        with evaluating(model):
            scores = model(pictures)
    finally:
        hook.remove()
    _expect_scores(scores, target)
    if not kept or kept[-1].ndim != 4:
        got = "nothing" if not kept else f"shape {tuple(kept[-1].shape)}"
        raise CourseError(f"layer: expected one whose output is (N, channels, h, w), got {got}. Take a convolution.")
    (slope,) = torch.autograd.grad(scores[:, target].sum(), kept[-1])
    weight = slope.mean(dim=(2, 3), keepdim=True)  # (N, channels, 1, 1)
    seen = F.relu((weight * kept[-1]).sum(dim=1, keepdim=True))  # (N, 1, h, w)
    large = F.interpolate(seen, size=pictures.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return _explained("Grad-CAM", large, scores, target)


def guided_backpropagation(model: nn.Module, x: np.ndarray, *, target: int) -> Attribution:
    """A gradient in which every ReLU lets back only what is positive. It looks good, and fails the sanity test.

    Parameters
    ----------
    model : torch.nn.Module
        Its ReLUs are modules, nn.ReLU.
    x : ndarray, (N, ...)
    target : int

    Returns
    -------
    Attribution
        Values of the shape of x; `complete` is False.

    Raises
    ------
    CourseError
        If the model has no nn.ReLU.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> guided_backpropagation(model, np.ones((4, 2)), target=0).values.shape
    (4, 2)
    """
    units = [module for module in model.modules() if isinstance(module, nn.ReLU)]
    if not units:
        raise CourseError("model: expected ReLUs that are modules, got none. Use nn.ReLU() in place of torch.relu.")
    hooks = [unit.register_full_backward_hook(lambda _m, given, _out: (F.relu(given[0]),)) for unit in units]
    try:
        rows = _tensor(model, x).requires_grad_()
        with evaluating(model):
            scores = model(rows)
        _expect_scores(scores, target)
        (slope,) = torch.autograd.grad(scores[:, target].sum(), rows)
    finally:
        for hook in hooks:
            hook.remove()
    return _explained("guided backpropagation", slope, scores, target, x)


def _tensor(model: nn.Module, x: np.ndarray) -> Tensor:
    weight = next(model.parameters(), torch.zeros(1))
    return torch.as_tensor(np.asarray(x), dtype=weight.dtype, device=weight.device)


def _expect_scores(scores: Tensor, target: int) -> None:
    if scores.ndim != 2:
        raise ShapeError(f"model: expected scores (N, K), got {tuple(scores.shape)}. Explain the layer of scores.")
    target_of(target, scores.shape[1])


def _explained(method: str, values: Tensor, scores: Tensor, target: int, x: Any = None) -> Attribution:
    output = scores[:, target].detach().double().cpu().numpy()
    return Attribution(
        values.detach().double().cpu().numpy(),
        np.zeros(len(output)),
        output,
        (),
        method,
        x,
        target=target,
        complete=False,
    )
