r"""To regularise is to hold a network back, so that it learns what examples have in common rather than each by heart.

Plain functions of arrays: penalties on the weights, noise in the network, noise in the pictures, and normalisation of a
layer's inputs. :mod:`coursekit.scratch.nn` has dropout and batch normalisation as layers that know the way back too.
"""

import numpy as np

from coursekit.errors import CourseError, ShapeError, expect_shape

__all__ = ["batch_norm_forward", "dropout_forward", "l1", "l2", "random_shift", "soft_threshold"]


# -- penalties on the weights ------------------------------------------------------------------------------------------
def l2(weights, strength):
    r"""The L2 penalty, ``strength / 2`` times the sum of the squared weights, and its gradient, ``strength * weights``.

    Parameters
    ----------
    weights : ndarray, any shape
    strength : float

    Returns
    -------
    penalty : float
        What is added to the loss.
    gradient : ndarray, shape of `weights`
        What is added to the weights' gradient: it pulls each weight towards 0 in proportion to its size.

    Raises
    ------
    CourseError
        If `strength` is below 0.

    Source
    ------
    A. Krogh and J. Hertz (1991), A simple weight decay can improve generalization.

    Examples
    --------
    >>> penalty, gradient = l2(np.array([3.0, -4.0]), strength=0.1)
    >>> float(penalty), gradient
    (1.25, array([ 0.3, -0.4]))
    """
    _expect_strength("strength", strength)
    return 0.5 * strength * np.sum(weights**2), strength * weights


def l1(weights, strength):
    r"""The L1 penalty, ``strength`` times the sum of the sizes of the weights, and its gradient.

    Parameters
    ----------
    weights : ndarray, any shape
    strength : float

    Returns
    -------
    penalty : float
    gradient : ndarray, shape of `weights`
        ``strength * sign(weights)``: the same pull on every weight, small or large; 0 at the kink.

    Raises
    ------
    CourseError
        If `strength` is below 0.

    Source
    ------
    R. Tibshirani (1996), Regression shrinkage and selection via the lasso.

    Examples
    --------
    >>> penalty, gradient = l1(np.array([3.0, -4.0, 0.0]), strength=0.1)
    >>> round(float(penalty), 3), gradient
    (0.7, array([ 0.1, -0.1,  0. ]))
    """
    _expect_strength("strength", strength)
    return strength * np.sum(np.abs(weights)), strength * np.sign(weights)


def soft_threshold(weights, amount):
    r"""Move every weight towards 0 by `amount`, and stop there: the step of the L1 penalty that makes exact zeros.

    A step along the gradient of :func:`l1` jumps back and forth across 0. This one solves
    ``argmin_w (w - weights)^2 / 2 + amount |w|``.

    Parameters
    ----------
    weights : ndarray, any shape
    amount : float
        Learning rate times strength.

    Returns
    -------
    ndarray, shape of `weights`

    Raises
    ------
    CourseError
        If `amount` is below 0.

    Source
    ------
    A. Beck and M. Teboulle (2009), A fast iterative shrinkage-thresholding algorithm, equation 1.5.

    Examples
    --------
    >>> soft_threshold(np.array([3.0, -4.0, 0.5]), 1.0)
    array([ 2., -3.,  0.])
    """
    _expect_strength("amount", amount)
    return np.sign(weights) * np.maximum(np.abs(weights) - amount, 0)


# -- noise in the network ----------------------------------------------------------------------------------------------
def dropout_forward(x, p, *, rng, training=True):
    """Inverted dropout: while training, set each number to 0 with probability p, and divide the others by 1 - p.

    So each number keeps its expectation, and in use there is nothing to do.

    Parameters
    ----------
    x : ndarray, any shape
    p : float
        Probability to drop, from 0 to below 1.
    rng : numpy.random.Generator
    training : bool

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    CourseError
        If `p` is out of range.

    Source
    ------
    N. Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting, section 10.

    Examples
    --------
    >>> dropout_forward(np.ones(6), 0.5, rng=np.random.default_rng(0))
    array([2., 0., 0., 0., 2., 2.])
    >>> dropout_forward(np.ones(6), 0.5, rng=np.random.default_rng(0), training=False)
    array([1., 1., 1., 1., 1., 1.])
    """
    if not 0 <= p < 1:
        raise CourseError(f"p: expected a probability from 0 to below 1, got {p}. Try 0.5.")
    if not training:
        return x
    kept = rng.random(x.shape) >= p
    return x * kept / (1 - p)


# -- normalisation -----------------------------------------------------------------------------------------------------
def batch_norm_forward(x, running_mean, running_var, weight, bias, training=True, momentum=0.1, eps=1e-5):
    r"""Batch normalisation: each feature gets mean 0 and variance 1 over the batch, then its own scale and shift.

    With the batch's mean m and variance v (divisor N): ``y = weight * (x - m) / sqrt(v + eps) + bias``. In use, the
    running mean and variance take the place of m and v: what comes out for one example must not depend on its company.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    running_mean, running_var : ndarray, shape (D,)
        What earlier batches have left; not changed.
    weight, bias : ndarray, shape (D,)
    training : bool
    momentum : float
        How much a new batch counts: ``running = (1 - momentum) * running + momentum * batch``.
    eps : float
        Keeps the division harmless where a feature is constant.

    Returns
    -------
    y : ndarray, shape (N, D)
    running_mean, running_var : ndarray, shape (D,)
        After a training batch, moved towards it; its variance is taken with the divisor N - 1. In use, as they were.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    CourseError
        If there is only one example while training: it has no variance.

    Source
    ------
    S. Ioffe and C. Szegedy (2015), Batch normalization, algorithms 1 and 2.

    Examples
    --------
    >>> x = np.array([[1.0], [3.0]])
    >>> y, mean, var = batch_norm_forward(x, np.zeros(1), np.ones(1), np.ones(1), np.zeros(1))
    >>> y.ravel().round(3), mean, var.round(3)
    (array([-1.,  1.]), array([0.2]), array([1.1]))
    """
    expect_shape("x", x, ("N", "D"))
    n, d = x.shape
    for name, array in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight)):
        expect_shape(name, array, (d,))
    if not training:
        return weight * (x - running_mean) / np.sqrt(running_var + eps) + bias, running_mean, running_var
    if n < 2:
        raise CourseError("x: expected at least 2 examples while training, got 1. Leave out a last batch of one.")
    m, v = x.mean(axis=0), x.var(axis=0)  # (D,)
    y = weight * (x - m) / np.sqrt(v + eps) + bias  # (N, D)
    running_mean = (1 - momentum) * running_mean + momentum * m
    running_var = (1 - momentum) * running_var + momentum * v * (n / (n - 1))
    return y, running_mean, running_var


# -- noise in the pictures ---------------------------------------------------------------------------------------------
def random_shift(images, most, *, rng):
    """Augmentation: move every picture by a random number of pixels, at most so many, down or up and right or left.

    Parameters
    ----------
    images : ndarray, shape (N, H, W)
    most : int
        Each of the two shifts is one of -most, ..., most, all equally likely. What leaves the picture is lost, and what
        comes in is 0.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (N, H, W)

    Raises
    ------
    ShapeError
        If `images` has not three axes.
    CourseError
        If `most` is below 0 or not smaller than the picture.

    Source
    ------
    P. Simard, D. Steinkraus and J. Platt (2003), Best practices for convolutional neural networks, section 2.

    Examples
    --------
    >>> random_shift(np.array([[[1, 2], [3, 4]]]), 1, rng=np.random.default_rng(3))
    array([[[0, 0],
            [2, 0]]])
    """
    if np.ndim(images) != 3:
        raise ShapeError(
            f"images: expected shape (N, H, W), got {np.shape(images)}. images[None] makes a batch of one."
        )
    n, h, w = images.shape
    if not 0 <= most < min(h, w):
        raise CourseError(f"most: expected 0 to {min(h, w) - 1} pixels, got {most}. Try 1.")
    moved = np.zeros_like(images)
    shifts = rng.integers(-most, most + 1, size=(n, 2))
    for down, right in np.unique(shifts, axis=0).tolist():
        rows = np.flatnonzero((shifts == (down, right)).all(axis=1))
        into = (slice(max(down, 0), h + min(down, 0)), slice(max(right, 0), w + min(right, 0)))
        out_of = (slice(max(-down, 0), h + min(-down, 0)), slice(max(-right, 0), w + min(-right, 0)))
        moved[(rows, *into)] = images[(rows, *out_of)]  # (rows, H - |down|, W - |right|)
    return moved


def _expect_strength(name, value):
    if not value >= 0:
        raise CourseError(f"{name}: expected a number of at least 0, got {value}. Try 0.001.")
