"""An optimiser turns gradients into a step of the weights."""

from coursekit.errors import CourseError

__all__ = ["sgd_step"]


def sgd_step(params, grads, lr):
    """One step of gradient descent, in place: every weight moves against its gradient.

    Parameters
    ----------
    params, grads : dict of str to ndarray
        The same names, the same shapes.
    lr : float
        The learning rate.

    Raises
    ------
    CourseError
        If a parameter has no gradient.

    Source
    ------
    Goodfellow et al. (2016), Deep Learning, section 8.3.1, algorithm 8.1.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"w": np.array([1.0, 2.0])}
    >>> sgd_step(params, {"w": np.array([10.0, 0.0])}, lr=0.1)
    >>> params["w"]
    array([0., 2.])
    """
    for name, value in params.items():
        if name not in grads:
            raise CourseError(
                f"grads: expected a gradient for {name!r}, got {sorted(grads)}. Return one for each weight."
            )
        value -= lr * grads[name]
