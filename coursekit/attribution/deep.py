r"""DeepLIFT goes backwards through a network like a gradient, but asks each unit for its change, not its slope.

Between a baseline and x a unit's input changes by dx and its output by dy. The **rescale rule** passes back dy / dx
where a gradient would pass back the slope at x: a ReLU that the baseline switches off and x switches on gets its due.
Layers that are straight lines (dense, convolution, batch norm in evaluation mode, mean pooling) need no rule: theirs
is the gradient. Multiplied by the change of each feature, the numbers add up to f(x) - f(baseline), exactly.
**DeepSHAP** is their mean over many baselines.

Max pooling chooses another pixel for the baseline than for x. Both may have changed the output: what the maximum
rose to reach the larger of the two outputs is given to the pixel of x, the rest to the pixel of the baseline.

Source: Shrikumar, Greenside and Kundaje (2017), Learning important features through propagating activation differences;
Lundberg and Lee (2017), section 4.2; Chen, Lundberg and Lee (2022), Explaining a series of models by propagating
Shapley values.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.attribution.base import Attribution, names_of
from coursekit.attribution.game import rows_and_background
from coursekit.attribution.models import evaluating, target_of
from coursekit.errors import CourseError, ShapeError

__all__ = ["deep_lift", "deep_shap"]

LINES = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.ConvTranspose2d,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Flatten,
    nn.Unflatten,
    nn.Identity,
    nn.Dropout,
    nn.Dropout2d,
    nn.ZeroPad2d,
)
CURVES = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.ReLU6, nn.Hardtanh)
ENOUGH_GAP = 1e-3  # of the size of the output: more than rounding in float32 explains
PAIRS_AT_ONCE = 256
NUMBERS_AT_ONCE = 1_000_000  # of the pairs' rows: what the layers keep of them for the way back is many times that


def deep_shap(
    model: nn.Module,
    x: np.ndarray,
    background: np.ndarray,
    *,
    target: int | None = None,
    feature_names: Sequence[str] | None = None,
    progress: bool = False,
) -> Attribution:
    """DeepLIFT with the rescale rule, averaged over background rows.

    Parameters
    ----------
    model : torch.nn.Module
        From (N, ...) to (N,) or (N, K), made of layers that are modules; additions between them are fine. It is used
        in evaluation mode and left as it was.
    x : ndarray, (...) or (N, ...)
    background : ndarray, (B, ...)
        The baselines.
    target : int, optional
    feature_names : sequence of str, optional
    progress : bool
        Show a bar over the rows.

    Returns
    -------
    Attribution
        Complete: `gap` is rounding.

    Raises
    ------
    CourseError
        If the model has a layer without a rule (it is named), or bends numbers outside of its modules, so that the
        values do not add up.
    ShapeError
        If rows and background differ.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(2, 1, bias=False), nn.ReLU())
    >>> _ = nn.init.ones_(network[0].weight)
    >>> deep_shap(network, np.array([3.0, 1.0]), np.array([[-2.0, 0.0]])).values.round(3)  # from 0 to 4 over 6
    array([3.333, 0.667])
    """
    from tqdm.auto import tqdm

    x, background, single = rows_and_background(x, background)
    _expect_rules(model)
    weight = next(model.parameters(), torch.zeros(1))
    rows, baselines = (torch.as_tensor(a, dtype=weight.dtype, device=weight.device) for a in (x, background))
    with evaluating(model):
        found = [_one_row(model, row, baselines, target) for row in tqdm(rows, disable=not progress, leave=False)]
    values, output, base = (np.array(part) for part in zip(*found, strict=True))
    names = names_of(feature_names, x.shape[1]) if x.ndim == 2 else ()
    result = Attribution(values, base, output, names, "DeepSHAP", x, target=target)
    if result.gap > ENOUGH_GAP * max(np.abs(output - base).max(), 1e-6) + 1e-5 * np.abs(output).max():
        raise CourseError(
            f"model: expected values that add up, got a gap of {result.gap:.2g}. Something in forward() bends numbers "
            "outside of a module (torch.relu, a product, a softmax): make it a module, as nn.ReLU()."
        )
    return result[0] if single else result


def deep_lift(model: nn.Module, x: np.ndarray, baseline: np.ndarray, **settings: Any) -> Attribution:
    """DeepLIFT with the rescale rule, from one baseline.

    Parameters
    ----------
    model, x
        As in :func:`deep_shap`.
    baseline : ndarray, (...)
        One row.
    **settings
        As in :func:`deep_shap`.

    Returns
    -------
    Attribution

    Raises
    ------
    CourseError, ShapeError
        As :func:`deep_shap`.

    Examples
    --------
    >>> deep_lift(nn.Sequential(nn.ReLU()), np.array([[3.0]]), np.array([-1.0]), target=0).values
    array([[3.]])
    """
    found = deep_shap(model, x, np.asarray(baseline)[None], **settings)
    fields = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return Attribution(**fields | {"method": "DeepLIFT"})


def _one_row(model: nn.Module, row: Tensor, baselines: Tensor, target: int | None) -> tuple[np.ndarray, float, float]:
    """Values of one row, its output, and the mean output of the baselines."""
    total, output, base = torch.zeros_like(row, dtype=torch.float64), 0.0, 0.0
    for some in baselines.split(max(1, min(PAIRS_AT_ONCE, NUMBERS_AT_ONCE // max(row.numel(), 1)))):
        pairs = torch.cat([row.expand(len(some), *row.shape), some]).requires_grad_()  # (2b, ...): x, then baselines
        with _rules(model):
            answers = _chosen(model(pairs), target)  # (2b,)
            (multiplier,) = torch.autograd.grad(answers[: len(some)].sum(), pairs)
        change = (pairs[: len(some)] - pairs[len(some) :]).detach()
        total += (multiplier[: len(some)] * change).double().sum(dim=0)
        output = float(answers[0].detach())
        base += float(answers[len(some) :].detach().double().sum())
    return (total / len(baselines)).cpu().numpy(), output, base / len(baselines)


def _chosen(answers: Tensor, target: int | None) -> Tensor:
    answers = answers[:, 0] if answers.ndim == 2 and answers.shape[1] == 1 else answers
    if answers.ndim == 1:
        return answers
    if answers.ndim != 2:
        raise ShapeError(f"model: expected outputs (N,) or (N, K), got {tuple(answers.shape)}. Flatten them.")
    return answers[:, target_of(target, answers.shape[1])]


# -- the rules -------------------------------------------------------------------------------------------------------


class _rules:  # noqa: N801  (a with statement: `with _rules(model):`)
    """While it lasts, the bent layers of a model hand back changes in place of slopes."""

    def __init__(self, model: nn.Module):
        self.model = model
        self.before: list[tuple[nn.Module, Callable]] = []

    def __enter__(self) -> None:
        for module in self.model.modules():
            rule = _Change if isinstance(module, CURVES) else _MaxChange if isinstance(module, nn.MaxPool2d) else None
            if rule is not None:
                self.before.append((module, module.forward))
                module.forward = _ruled(rule, module, module.forward)

    def __exit__(self, *_: object) -> None:
        for module, _forward in self.before:
            del module.forward  # the class's own again


def _ruled(rule: type, module: nn.Module, forward: Callable) -> Callable:
    return lambda values: rule.apply(values, module, forward)


class _Change(torch.autograd.Function):
    """A curve, unit by unit: dy / dx in place of the slope; the slope where nothing changed."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, module: nn.Module, forward: Callable) -> Tensor:
        forward = _elsewhere(module, forward)
        answers = forward(values)
        ctx.forward_rule = forward
        ctx.save_for_backward(values, answers)
        return answers

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        values, answers = ctx.saved_tensors
        (x, b), (y, of_b) = values.chunk(2), answers.chunk(2)
        change = x - b
        still = change.abs() < 1e-6
        with torch.enable_grad():
            here = values.detach().requires_grad_()
            (slope,) = torch.autograd.grad(ctx.forward_rule(here).sum(), here)
        ratio = torch.where(still, slope.chunk(2)[0], (y - of_b) / torch.where(still, 1.0, change))
        return upstream * torch.cat([ratio, ratio]), None, None


def _elsewhere(module: nn.Module, forward: Callable) -> Callable:
    """The forward of a curve that leaves what it is given alone, as nn.ReLU(inplace=True) does not."""
    return (lambda values: forward(values.clone())) if getattr(module, "inplace", False) else forward


class _MaxChange(torch.autograd.Function):
    """A maximum over windows: its change is handed to the pixel that x chose and to the one that the baseline chose."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, module: nn.MaxPool2d, forward: Callable) -> Tensor:
        answers, places = F.max_pool2d(
            values,
            module.kernel_size,
            module.stride,
            module.padding,
            module.dilation,
            module.ceil_mode,
            return_indices=True,
        )
        ctx.save_for_backward(values, answers, places)
        return answers

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        values, answers, places = ctx.saved_tensors
        (x, b), (y, of_b), (at_x, at_b) = values.chunk(2), answers.chunk(2), places.chunk(2)
        larger = torch.maximum(y, of_b)
        given = upstream.chunk(2)[0]
        amounts = torch.zeros_like(x).flatten(2)  # (b, C, H W): what each pixel did, in units of the output
        amounts.scatter_add_(2, at_x.flatten(2), (given * (larger - of_b)).flatten(2))
        amounts.scatter_add_(2, at_b.flatten(2), (given * (y - larger)).flatten(2))
        change = x - b
        still = change.abs() < 1e-7
        ratio = torch.where(still, 0.0, amounts.view_as(x) / torch.where(still, 1.0, change))
        return torch.cat([ratio, ratio]), None, None


def _expect_rules(model: nn.Module) -> None:
    """Refuse layers that no rule is known for; containers are looked into."""
    for name, module in model.named_modules():
        children = any(True for _ in module.children())
        own = any(True for _ in module.parameters(recurse=False))
        if isinstance(module, (*LINES, *CURVES, nn.MaxPool2d)) or (children and not own):
            continue
        if not own and type(module).__module__.split(".")[0] != "torch":
            continue  # somebody's module without weights: the sum will show whether it is a straight line
        known = ", ".join(sorted(kind.__name__ for kind in (*LINES, *CURVES, nn.MaxPool2d)))
        raise CourseError(
            f"model: expected layers with a rule ({known}), got {type(module).__name__} in {name or 'the model'!r}. "
            "Explain it by kernel_shap or integrated_gradients."
        )
