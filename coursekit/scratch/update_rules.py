r"""An update rule says how one array of weights moves, given its gradient and what the rule remembers of earlier ones.

Every rule changes the weights ``w`` and its memory *in place* and returns nothing. The memory (``v``, ``s``, ``m``) has
the shape of ``w`` and starts at zero. The classes around these rules, which keep the memory for every weight of a
network and hand over large arrays piece by piece, are in :mod:`coursekit.scratch.optim`.
"""

import numpy as np

from coursekit.errors import CourseError

__all__ = ["adagrad_update", "adam_update", "gradient_update", "momentum_update", "rmsprop_update", "sgd_step"]


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


def gradient_update(w, g, lr):
    r"""Gradient descent: straight down the slope, :math:`w \leftarrow w - \eta g`.

    Parameters
    ----------
    w, g : ndarray, the same shape for both
        Weights and gradient. `w` is changed in place.
    lr : float
        The learning rate, eta.

    Source
    ------
    Cauchy (1847), Methode generale pour la resolution des systemes d'equations simultanees.

    Examples
    --------
    >>> w = np.array([1.0, 2.0])
    >>> gradient_update(w, np.array([10.0, 0.0]), lr=0.1)
    >>> w
    array([0., 2.])
    """
    w -= lr * g


def momentum_update(w, g, v, lr, momentum=0.9, nesterov=False):
    r"""Momentum: the step follows a running sum of the gradients, which old gradients leave only slowly.

    .. math:: v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta v

    Nesterov's variant steps along :math:`g + \mu v`, with the new v: where momentum alone would go next.

    Parameters
    ----------
    w, g, v : ndarray, the same shape for all
        Weights, gradient, velocity. `w` and `v` are changed in place; `v` starts at zero.
    lr : float
        The learning rate, eta.
    momentum : float
        How much of the velocity is kept, mu, from 0 to below 1.
    nesterov : bool

    Notes
    -----
    With a constant gradient v tends to g / (1 - mu): momentum 0.9 makes the steps ten times as long. PyTorch writes
    Nesterov's rule in this way too, in the variables of the point that looks ahead (Sutskever et al. 2013 use the
    other).

    Source
    ------
    Polyak (1964), Some methods of speeding up the convergence of iteration methods; Nesterov (1983), A method of
    solving a convex programming problem with convergence rate O(1/k^2).

    Examples
    --------
    >>> w, v = np.array([1.0]), np.zeros(1)
    >>> for _ in range(2):
    ...     momentum_update(w, np.array([1.0]), v, lr=0.1)
    >>> v, w  # 1 + 0.9; 1 - 0.1 (1 + 1.9)
    (array([1.9]), array([0.71]))
    """
    v *= momentum
    v += g
    w -= lr * (g + momentum * v) if nesterov else lr * v


def adagrad_update(w, g, s, lr, eps=1e-10):
    r"""Adagrad: every weight's step is divided by the root of the sum of all its squared gradients so far.

    .. math:: s \leftarrow s + g^2, \qquad w \leftarrow w - \eta\, \frac{g}{\sqrt{s} + \epsilon}

    Parameters
    ----------
    w, g, s : ndarray, the same shape for all
        Weights, gradient, sum of squares. `w` and `s` are changed in place; `s` starts at zero.
    lr : float
    eps : float
        Keeps a weight whose gradient was always 0 from 0 / 0.

    Source
    ------
    Duchi, Hazan and Singer (2011), Adaptive subgradient methods for online learning and stochastic optimization.

    Examples
    --------
    >>> w, s = np.zeros(2), np.zeros(2)
    >>> adagrad_update(w, np.array([100.0, 0.01]), s, lr=0.1)
    >>> w.round(4)  # the first step is lr for every weight, however large its gradient
    array([-0.1, -0.1])
    """
    s += g * g
    w -= lr * g / (np.sqrt(s) + eps)


def rmsprop_update(w, g, s, lr, alpha=0.99, eps=1e-8):
    r"""RMSProp: every weight's step is divided by the root of a running *mean* of its squared gradients.

    .. math:: s \leftarrow \alpha s + (1 - \alpha) g^2, \qquad w \leftarrow w - \eta\, \frac{g}{\sqrt{s} + \epsilon}

    Parameters
    ----------
    w, g, s : ndarray, the same shape for all
        Weights, gradient, mean of squares. `w` and `s` are changed in place; `s` starts at zero.
    lr : float
    alpha : float
        How much of the mean is kept: 0.99 looks back over about 100 steps.
    eps : float

    Source
    ------
    Hinton (2012), Neural Networks for Machine Learning, lecture 6e.

    Examples
    --------
    >>> w, s = np.zeros(1), np.zeros(1)
    >>> rmsprop_update(w, np.array([5.0]), s, lr=0.01)
    >>> w  # s starts at zero, so the first step is lr / sqrt(1 - alpha): ten times lr
    array([-0.1])
    """
    s *= alpha
    s += (1 - alpha) * g * g
    w -= lr * g / (np.sqrt(s) + eps)


def adam_update(w, g, m, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    r"""Adam: a running mean of the gradients, divided by the root of a running mean of their squares.

    .. math::

        m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad s \leftarrow \beta_2 s + (1 - \beta_2) g^2, \qquad
        w \leftarrow w - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    w, g, m, s : ndarray, the same shape for all
        Weights, gradient, both means. `w`, `m` and `s` are changed in place; `m` and `s` start at zero.
    t : int
        The number of this step, from 1.
    lr : float
    betas : (float, float)
        How much of each mean is kept.
    eps : float
    decay : float
        Decoupled weight decay (AdamW): first the weights shrink by ``lr * decay`` of themselves. 0 is plain Adam.

    Notes
    -----
    The means start at zero, so they are too small at first: a constant gradient g has m = (1 - beta1^t) g after t
    steps. Dividing by that factor is the bias correction.

    Source
    ------
    Kingma and Ba (2015), Adam: a method for stochastic optimization, algorithm 1; Loshchilov and Hutter (2019),
    Decoupled weight decay regularization, algorithm 2.

    Examples
    --------
    >>> w, m, s = np.zeros(2), np.zeros(2), np.zeros(2)
    >>> adam_update(w, np.array([100.0, 0.01]), m, s, t=1, lr=0.1)
    >>> w.round(4)
    array([-0.1, -0.1])
    """
    beta1, beta2 = betas
    if decay:
        w *= 1 - lr * decay
    m *= beta1
    m += (1 - beta1) * g
    s *= beta2
    s += (1 - beta2) * g * g
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    w -= lr * m_hat / (np.sqrt(s_hat) + eps)
