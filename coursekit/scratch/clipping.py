"""Clipping shortens gradients that are too long before the optimiser takes its step: no single batch can ruin a run."""

import math
from collections.abc import Iterable

import numpy as np

from coursekit.errors import CourseError

__all__ = ["clip_grad_norm", "clip_grad_value", "grad_norm"]


def grad_norm(params) -> float:
    """The length of the whole gradient: all gradients of all parameters as one long vector.

    Parameters
    ----------
    params : Tensor or iterable of Tensor
        Those without a gradient are passed over.

    Returns
    -------
    float

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> a, b = Tensor([0.0]), Tensor([0.0, 0.0])
    >>> a.grad, b.grad = np.array([3.0]), np.array([0.0, 4.0])
    >>> grad_norm([a, b])
    5.0
    """
    return math.hypot(*(_length(g) for g in _gradients(params)))


def clip_grad_norm(params, max_norm: float) -> float:
    """Where the whole gradient is longer than `max_norm`, shorten it to that; its direction stays. In place.

    Parameters
    ----------
    params : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    max_norm : float

    Returns
    -------
    float
        The length before, of all gradients as one long vector.

    Raises
    ------
    CourseError
        If `max_norm` is not positive, or the length is infinite or not a number: shortening would make every gradient
        NaN (which is what PyTorch does unless asked for an error).

    Notes
    -----
    As in PyTorch the factor is ``max_norm / (norm + 1e-6)``, so what is clipped ends a hair below `max_norm`.

    Source
    ------
    Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks, algorithm 1.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> w = Tensor([0.0, 0.0])
    >>> w.grad = np.array([30.0, 40.0])
    >>> clip_grad_norm([w], max_norm=1.0)
    50.0
    >>> w.grad.round(4)
    array([0.6, 0.8])
    """
    _expect_positive("max_norm", max_norm)
    gradients = _gradients(params)
    norm = math.hypot(*(_length(g) for g in gradients))
    if not math.isfinite(norm):
        bad = next(k for k, g in enumerate(gradients) if not np.isfinite(g).all())
        raise CourseError(
            f"gradients: expected finite numbers, got {norm} in gradient {bad} of {len(gradients)}. "
            "Clipping comes too late for it: lower the learning rate, or look for a log or a division of zero."
        )
    factor = max_norm / (norm + 1e-6)
    if factor < 1:
        for g in gradients:
            g *= factor
    return norm


def clip_grad_value(params, clip_value: float) -> None:
    """Cut every single number of every gradient to the range from -clip_value to clip_value. In place.

    Parameters
    ----------
    params : Tensor or iterable of Tensor
    clip_value : float

    Raises
    ------
    CourseError
        If `clip_value` is not positive.

    Notes
    -----
    Unlike :func:`clip_grad_norm` this changes the direction.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> w = Tensor([0.0, 0.0])
    >>> w.grad = np.array([30.0, 0.5])
    >>> clip_grad_value([w], 1.0)
    >>> w.grad
    array([1. , 0.5])
    """
    _expect_positive("clip_value", clip_value)
    for g in _gradients(params):
        np.clip(g, -clip_value, clip_value, out=g)


def _gradients(params) -> list[np.ndarray]:
    """The gradients that there are; a single parameter counts as a list of one."""
    if hasattr(params, "grad"):
        params = [params]
    if not isinstance(params, Iterable) or isinstance(params, dict):
        raise CourseError(
            f"params: expected a list of Tensors, got a {type(params).__name__}. Pass model.parameters()."
        )
    params = list(params)
    for k, p in enumerate(params):
        if not hasattr(p, "grad"):
            raise CourseError(
                f"params: expected Tensors, got a {type(p).__name__} in place {k}. Pass model.parameters()."
            )
    return [p.grad for p in params if p.grad is not None]


def _length(g: np.ndarray) -> float:
    """The length of one gradient; in double precision where the squares do not fit into single."""
    with np.errstate(over="ignore"):
        length = float(np.linalg.norm(g))
    if math.isinf(length) and np.isfinite(g).all():
        length = float(np.linalg.norm(g.astype(np.float64)))
    return length


def _expect_positive(name: str, value: float) -> None:
    if not value > 0:
        raise CourseError(f"{name}: expected a positive number, got {value}. Try 1.0.")
