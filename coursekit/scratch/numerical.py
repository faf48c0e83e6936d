"""A derivative can always be measured: move a number a little, and see how much the result moves.

One measurement for each number makes this far too slow for training, and simple enough to be the judge of every
formula.
"""

import numpy as np

__all__ = ["numerical_gradient", "relative_error"]


def numerical_gradient(f, x, h=1e-5):
    """Gradient of f at x by central differences, (f(x + h) - f(x - h)) / 2h for each number in x.

    Parameters
    ----------
    f : callable() or callable(x) -> float
        Called with `x`, which is changed in place for the call and then restored.
    x : ndarray of float64, any shape
    h : float
        The step. Too large: the curve bends. Too small: rounding drowns the difference.

    Returns
    -------
    ndarray of x's shape

    Notes
    -----
    By Taylor, f(x + h) - f(x - h) = 2 h f'(x) + h^3 f'''(x) / 3 + ...: the second derivatives cancel, and the error
    falls with h^2. The one-sided (f(x + h) - f(x)) / h is off by h f''(x) / 2.

    Source
    ------
    Goodfellow et al. (2016), Deep Learning, section 11.5.

    Examples
    --------
    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([1.0, 3.0])).round(6)
    array([2., 6.])
    """
    grad = np.zeros_like(x, dtype=float)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        above = f(x)
        x[i] = kept - h
        below = f(x)
        x[i] = kept
        grad[i] = (above - below) / (2 * h)
    return grad


def relative_error(a, b):
    """Distance of two gradients, relative to their size: max|a - b| / max(|a|, |b|), between 0 and 2.

    Parameters
    ----------
    a, b : ndarray, any shape, the same for both

    Returns
    -------
    float
        0 where both are zero throughout.

    Examples
    --------
    >>> float(relative_error(np.array([1.0, 2.0]), np.array([1.0, 1.5])))
    0.25
    """
    scale = max(np.abs(a).max(), np.abs(b).max(), np.finfo(float).tiny)
    return np.abs(a - b).max() / scale
