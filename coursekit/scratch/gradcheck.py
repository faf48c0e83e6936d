"""A gradient is right if it equals the measured one; this is how every operation of the engine is tested."""

import numpy as np

from coursekit.errors import CourseError
from coursekit.scratch.graph import GradientError, Node, no_grad
from coursekit.scratch.numerical import numerical_gradient

__all__ = ["gradcheck"]


def gradcheck(f, *inputs, h=1e-6, rtol=1e-5, atol=1e-7):
    """Compare the gradients that backward() finds with central differences.

    Parameters
    ----------
    f : callable(*inputs) -> Tensor
        May return any shape; of a larger result, a weighted sum is differentiated.
    *inputs : Tensor of float64
        Those with ``requires_grad=True`` are checked, number by number.
    h : float
        The step of the differences.
    rtol, atol : float
        Allowed is ``atol + rtol * largest measured derivative``, for each number.

    Returns
    -------
    bool
        True; anything else is an error.

    Raises
    ------
    GradientError
        If a gradient is missing or differs: it says in which input, where, and both numbers.
    CourseError
        If no input requires a gradient, or one is not float64, in which differences drown in rounding.

    Source
    ------
    Goodfellow et al. (2016), Deep Learning, section 11.5.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> gradcheck(lambda a, b: (a * b).exp(), *(Tensor(np.full(3, v), requires_grad=True) for v in (0.5, 2.0)))
    True
    """
    checked = [(k, x) for k, x in enumerate(inputs) if isinstance(x, Node) and x.requires_grad]
    _expect_checkable(checked)
    result = f(*inputs)
    weights = np.cos(np.arange(result.data.size)).reshape(result.shape)  # no two places count alike
    kept = [(x, x.grad) for _, x in checked]
    try:
        for _, x in checked:
            x.grad = None
        result.backward(weights)
        found = [x.grad for _, x in checked]
    finally:
        for x, grad in kept:
            x.grad = grad

    def weighted(_):
        with no_grad():
            return float((f(*inputs).data * weights).sum())

    for (k, x), grad in zip(checked, found, strict=True):
        if grad is None:
            raise GradientError(f"gradcheck: expected a gradient for input {k}, got none. Does f use it?")
        measured = numerical_gradient(weighted, x.data, h)
        _expect_close(k, grad, measured, atol + rtol * np.abs(measured).max(initial=0))
    return True


def _expect_checkable(checked: list) -> None:
    if not checked:
        raise CourseError("inputs: expected a Tensor with requires_grad=True, got none. There is nothing to check.")
    for k, x in checked:
        if x.data.dtype != np.float64:
            raise CourseError(f"inputs: expected float64, got {x.data.dtype} in input {k}. Use x.astype(np.float64).")
        if not x.data.flags.writeable:
            raise CourseError(f"inputs: expected arrays that can be written, got a read-only input {k}. Copy it.")


def _expect_close(k: int, grad: np.ndarray, measured: np.ndarray, allowed: float) -> None:
    off = ~(np.abs(grad - measured) <= allowed)  # NaN counts as off
    if off.any():
        place = tuple(int(i) for i in np.argwhere(off)[0])
        raise GradientError(
            f"gradcheck: expected {measured[place]:.6g} at {place} of input {k}'s gradient, got {grad[place]:.6g} "
            f"({int(off.sum())} of {off.size} numbers differ). Look at the rule of the operation that uses it."
        )
