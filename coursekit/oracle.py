"""An oracle is an independent judge: the same computation, run by PyTorch, which nobody of us has written.

The notebooks of Part A import NumPy alone. Where one of them measures itself against PyTorch, it asks here; PyTorch is
loaded only then.
"""

from collections.abc import Callable

import numpy as np

from coursekit.errors import CourseError

__all__ = ["torch_gradients"]


def torch_gradients(f: Callable, *arrays: np.ndarray) -> tuple[float, list[np.ndarray]]:
    """Value and gradients of a function by PyTorch's automatic differentiation, in double precision.

    Parameters
    ----------
    f : callable(*tensors) -> tensor
        Must return a single number, and use only what our Tensors and PyTorch's call alike: ``+ - * / @ **``, and
        methods such as ``x.relu()``, ``x.exp()``, ``x.sum()``, ``x.log_softmax(-1)``.
    *arrays : ndarray
        Converted to float64.

    Returns
    -------
    value : float
    gradients : list of ndarray
        One for each array, of its shape; zeros for one that `f` does not use.

    Raises
    ------
    CourseError
        If `f` returns something else than a single PyTorch number.

    Examples
    --------
    >>> torch_gradients(lambda x: (x * x).sum(), np.array([1.0, 3.0]))
    (10.0, [array([2., 6.])])
    """
    import torch

    inputs = [torch.tensor(np.asarray(a, np.float64), requires_grad=True) for a in arrays]
    value = f(*inputs)
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        got = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"
        raise CourseError(f"f: expected it to return a single number, got {got}. End it with .sum() or .mean().")
    found = torch.autograd.grad(value, inputs, allow_unused=True, materialize_grads=True)
    return value.item(), [g.numpy() for g in found]
