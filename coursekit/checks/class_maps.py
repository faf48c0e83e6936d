"""Exercise of *Saliency*: where a convolution saw what speaks for a class."""

import numpy as np
import torch
from torch.nn import functional as F

from coursekit.attribution import tensors as A
from coursekit.checks.core import Exercise, register
from coursekit.checks.saliency import expect_tensor, expect_untouched, score_of
from coursekit.checks.trial import UnusableAnswerError

__all__ = ["grad_cam"]


def _cases(rng):
    def case(n, channels, h, w, scale=1.0):
        kernel = rng.normal(size=(channels, 1, 3, 3))
        return scale * rng.normal(size=(n, 1, h, w)), kernel, rng.normal(size=(channels * (h - 2) * (w - 2), 2)) / 4

    yield case(2, 2, 4, 4)
    yield case(4, 3, 6, 5)
    yield case(1, 4, 5, 6)  # a batch of one
    yield case(3, 2, 4, 7, scale=100.0)
    _, kernel, weights = case(2, 3, 5, 5)
    yield np.zeros((2, 1, 5, 5)), kernel, weights
    yield tuple(array.astype(np.float32) for array in case(3, 2, 5, 4))


def _use(obj, x, kernel, weights):
    filters = torch.tensor(kernel)

    def features(pictures):
        return F.conv2d(pictures, filters)  # (N, C, h, w)

    n, _, h, w = x.shape
    given = torch.tensor(x)
    found = obj(features, score_of(weights, n), given)
    expect_untouched(given, x)
    if isinstance(found, torch.Tensor) and found.shape == (n, 1, h - 2, w - 2):
        raise UnusableAnswerError(
            "Shape: an axis of length 1 is left where the channels were. `keepdim` is for the weights; the sum over "
            "channels goes without it."
        )
    return expect_tensor(found, (n, h - 2, w - 2))


def _built(weigh, finish=torch.relu):
    """A wrong answer that weighs channels otherwise, from what was seen and its gradient, or ends differently."""

    def wrong(features, head, x):
        seen = features(x).detach()
        return finish(weigh(seen, A.saliency(head, seen)).sum(dim=1))

    return wrong


def _mean(t):
    return t.mean(dim=(2, 3), keepdim=True)


_nothing_cut = _built(lambda seen, slope: _mean(slope) * seen, lambda m: m)
_sizes = _built(lambda seen, slope: _mean(slope) * seen, torch.abs)
_place_by_place = _built(lambda seen, slope: slope * seen)
_gradients_alone = _built(lambda seen, slope: slope)
_not_weighted = _built(lambda seen, slope: seen)
_channels_averaged = _built(lambda seen, slope: _mean(slope) * seen / seen.shape[1])
_summed_gradients = _built(lambda seen, slope: slope.sum(dim=(2, 3), keepdim=True) * seen)
_weights_cut = _built(lambda seen, slope: torch.relu(_mean(slope)) * seen)
_cut_too_early = _built(lambda seen, slope: torch.relu(_mean(slope) * seen))
_sizes_of_weights = _built(lambda seen, slope: _mean(slope).abs() * seen)
_weights_of_mean_size = _built(lambda seen, slope: _mean(slope.abs()) * seen)
_roles_swapped = _built(lambda seen, slope: _mean(seen) * slope)
_mean_over_channels = _built(lambda seen, slope: slope.mean(dim=1, keepdim=True) * seen)
_mean_over_batch = _built(lambda seen, slope: slope.mean(dim=(0, 2, 3), keepdim=True) * seen)
_turned = _built(lambda seen, slope: -_mean(slope) * seen)
_scaled = _built(lambda seen, slope: _mean(slope) * seen, lambda m: torch.relu(m) / torch.relu(m).max().clamp_min(1e-8))


_mean_over_all = _built(lambda seen, slope: slope.mean() * seen)
_mean_over_wrong_axes = _built(lambda seen, slope: slope.mean(dim=(1, 2), keepdim=True) * seen)
_largest_gradient = _built(lambda seen, slope: slope.amax(dim=(2, 3), keepdim=True) * seen)
_positive_gradients = _built(lambda seen, slope: _mean(torch.relu(slope)) * seen)
_seen_cut = _built(lambda seen, slope: _mean(slope) * torch.relu(seen))
_weighed_by_itself = _built(lambda seen, slope: _mean(seen) * seen)
_mean_of_scores = _built(lambda seen, slope: _mean(slope) * seen / len(seen))
_squares = _built(lambda seen, slope: _mean(slope**2) * seen)


def _largest_channel(features, head, x):
    seen = features(x).detach()
    return torch.relu((_mean(A.saliency(head, seen)) * seen).amax(dim=1))


def _without_keepdim(features, head, x):
    seen = features(x).detach()
    return torch.relu((A.saliency(head, seen).mean(dim=(2, 3)) * seen).sum(dim=1))


def _gradient_of_the_pixels(features, head, x):
    seen = features(x).detach()
    return torch.relu((_mean(A.saliency(lambda rows: head(features(rows)), x)) * seen).sum(dim=1))


def _scaled_row_by_row(features, head, x):
    found = A.grad_cam(features, head, x)
    return found / found.amax(dim=(1, 2), keepdim=True)


def _by_einsum(features, head, x):
    seen = features(x).detach().requires_grad_()
    head(seen).sum().backward()
    return torch.einsum("nc,nchw->nhw", seen.grad.mean(dim=(2, 3)), seen.detach()).clamp(min=0)


grad_cam = register(
    Exercise(
        id="class_maps.grad_cam",
        notebook="saliency",
        reference=A.grad_cam,
        cases=_cases,
        call=_use,
        alias_ok=True,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "`seen = features(x).detach()` are the channels, (N, C, h, w). The gradient of the score with respect to *them* is "
            "`saliency(head, seen)`: your own function, one floor higher.",
            "A channel's weight is the mean of its gradient over all places: `.mean(dim=(2, 3), keepdim=True)`, (N, C, 1, 1).",
            "`torch.relu((weight * seen).sum(dim=1))`.",
        ],
        misconceptions={
            _nothing_cut: "What speaks against the class is still there, below 0. Cut it off at the end: `torch.relu`.",
            _sizes: "`abs` makes what speaks against the class look like what speaks for it. Cut it off with `torch.relu`.",
            _place_by_place: "You multiplied by the gradient at each place. Grad-CAM gives a channel *one* weight: the mean gradient "
            "over its places. (Yours has a name too: HiResCAM.)",
            _gradients_alone: "This is the gradient alone. It weighs what the channels saw: multiply it by `seen`.",
            _not_weighted: "All channels count alike, so the map does not depend on the class. Weigh each by its mean gradient.",
            _channels_averaged: "You averaged over channels. Add them up.",
            _summed_gradients: "The weight of a channel is the *mean* of its gradient over all places, not the sum.",
            _weights_cut: "You cut off negative weights. A channel that speaks against the class must be allowed to lower the map: cut at "
            "the end, after the sum.",
            _cut_too_early: "You cut each channel off before adding up. First add up, then cut.",
            _sizes_of_weights: "The weights have lost their signs: a channel that speaks against the class now speaks for it.",
            _weights_of_mean_size: "You averaged the sizes of the gradient. Average the gradient itself, with its sign.",
            _roles_swapped: "Roles swapped: the mean *gradient* weighs what was seen, place by place.",
            _mean_over_channels: "You averaged the gradient over channels (axis 1). Average over the places: axes 2 and 3.",
            _mean_over_batch: "You averaged over the pictures too (axis 0). Every picture has its own weights.",
            _mean_over_all: "`.mean()` alone averages over everything. Each picture and channel has a weight of its own: "
            "`.mean(dim=(2, 3), keepdim=True)`.",
            _mean_over_wrong_axes: "You averaged over axes 1 and 2. The channels are axis 1; the places are axes 2 and 3.",
            _without_keepdim: "The weights are (N, C), and PyTorch lines axes up from the right: they met places, not channels. "
            "Keep the axes: `.mean(dim=(2, 3), keepdim=True)`.",
            _gradient_of_the_pixels: "You averaged the gradient of the *pixels*. Each channel's weight comes from the gradient with "
            "respect to what was seen: `saliency(head, seen)`.",
            _largest_gradient: "You took a channel's largest gradient. Its weight is the mean over its places.",
            _positive_gradients: "You cut the gradients off before averaging. Average them with their signs; cut at the very end.",
            _seen_cut: "You cut off what was *seen*. The cut comes last, after the sum over channels.",
            _weighed_by_itself: "You weighed by the mean of what was seen: no gradient is in it. Weigh by `saliency(head, seen)`.",
            _mean_of_scores: "You went back from the mean of the scores: everything is divided by the number of pictures. "
            "Take their sum, or your own `saliency`.",
            _squares: "You squared the gradients: a channel that speaks against the class now speaks for it.",
            _largest_channel: "You took the largest channel at each place. Add the channels up: `.sum(dim=1)`.",
            _scaled_row_by_row: "You divided each map by its largest value. That divides 0 by 0 for an empty map, and hides how strong "
            "it is; scale only for drawing.",
            _turned: "The sign is turned: this map shows what speaks against the class.",
            _scaled: "You divided by the largest value. A map of next to nothing would look as strong as any; scale only for drawing.",
        },
        variants=(_by_einsum,),
    )
)
