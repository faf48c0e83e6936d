"""Transfer: what a network learned in one task is kept, and only what the new task needs is learned anew.

A network is read as its children in order, the *body*, and a last child, the *head*: a dense layer with one output a
class. :func:`linear_probe` trains a head alone, in one formula; :func:`replace_head` gives a network another one;
:func:`freeze` keeps layers as they are; :func:`layer_rates` lets the late ones learn faster than the early ones.
Letters: N rows, D features, K classes, M rows to be scored.
"""

import copy

import numpy as np
from torch import Tensor, nn

from coursekit.errors import CourseError, expect_shape

__all__ = ["freeze", "layer_rates", "linear_probe", "probe_head", "replace_head"]


def linear_probe(features: np.ndarray, labels: np.ndarray, others: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    r"""Score rows by a ridge regression from features to classes, learned from a few rows.

    With :math:`A` the features, standardised and divided by :math:`\sqrt D`, and :math:`T` (N, K) equal to
    :math:`1 - 1/K` for a row's class and :math:`-1/K` elsewhere, the weights
    :math:`W = A^\top (A A^\top + \alpha I)^{-1} T` are those of the smallest :math:`|AW - T|^2 + \alpha |W|^2`.

    Parameters
    ----------
    features : ndarray, (N, D)
        Of the rows whose labels are known.
    labels : ndarray of int, (N,)
        From 0 to K - 1; K is one more than the largest.
    others : ndarray, (M, D)
        The rows to be scored. They have no part in the standardising.
    alpha : float
        How much large weights cost. Features that do not vary are only centred.

    Returns
    -------
    ndarray of float64, (M, K)
        The largest of a row names its class.

    Raises
    ------
    CourseError
        If the arrays do not fit together, or `alpha` is not above 0.

    Source
    ------
    Alain and Bengio (2016), Understanding intermediate layers using linear classifier probes, for the idea; Hoerl and
    Kennard (1970), Ridge regression, for the formula.

    Examples
    --------
    >>> features = np.array([[0.0, 1.0], [0.0, 3.0]])
    >>> linear_probe(features, np.array([0, 1]), features).round(3).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    mean, scale, w = _fitted(features, labels, alpha)
    others = np.asarray(others, dtype=np.float64)
    expect_shape("others", others, ("M", len(mean)))
    return (others - mean) / scale @ w


def _fitted(features: np.ndarray, labels: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What standardises, (D,) twice, the root of D in the second, and the weights (D, K)."""
    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    expect_shape("features", features, ("N", "D"))
    expect_shape("labels", labels, (len(features),))
    if not len(features) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise CourseError(
            f"labels: expected whole numbers from 0, got {labels.dtype} {labels[:3]}. Number the classes."
        )
    if not alpha > 0:
        raise CourseError(f"alpha: expected a number above 0, got {alpha}. 1 is usual.")
    n, d = features.shape
    varies = np.ptp(features, axis=0) > 0  # the std of 0.1, 0.1, 0.1 is not quite 0
    mean, std = features.mean(axis=0), features.std(axis=0)
    scale = np.where(varies, std, 1) * np.sqrt(d)
    a = (features - mean) / scale  # (N, D)
    classes = labels.max() + 1
    targets = np.eye(classes)[labels] - 1 / classes  # (N, K)
    return mean, scale, a.T @ np.linalg.solve(a @ a.T + alpha * np.eye(n), targets)


def probe_head(features: np.ndarray, labels: np.ndarray, *, alpha: float = 1.0, sharpness: float = 8.0) -> nn.Linear:
    """A dense layer that gives the scores of :func:`linear_probe`, to begin fine-tuning with.

    Parameters
    ----------
    features : ndarray, (N, D)
    labels : ndarray of int, (N,)
    alpha : float
        As for :func:`linear_probe`.
    sharpness : float
        What the scores are multiplied by: a ridge's are near 0 and 1, and cross-entropy takes them for doubt.

    Returns
    -------
    nn.Linear
        From D features to K scores.

    Raises
    ------
    CourseError
        If the arrays do not fit together, or a number is not above 0.

    Source
    ------
    Kumar et al. (2022), Fine-tuning can distort pretrained features and underperform out-of-distribution.

    Examples
    --------
    >>> features = np.array([[0.0, 1.0], [0.0, 3.0]])
    >>> probe_head(features, np.array([0, 1]), sharpness=1.0)(Tensor([[0.0, 1.0]])).detach().numpy().round(3).tolist()
    [[0.25, -0.25]]
    """
    if not sharpness > 0:
        raise CourseError(f"sharpness: expected a number above 0, got {sharpness}. 8 is usual.")
    mean, scale, w = _fitted(features, labels, alpha)
    head = nn.Linear(*w.shape)
    weight = w / scale[:, None] * sharpness  # (D, K)
    head.load_state_dict({"weight": Tensor(weight.T), "bias": Tensor(-mean @ weight)})
    return head


def replace_head(network: nn.Module, classes: int) -> nn.Module:
    """A copy of a network whose last child, a dense layer, is a new one for other classes.

    Parameters
    ----------
    network : nn.Module
        It stays as it is, and shares no weight with the copy.
    classes : int
        K.

    Returns
    -------
    nn.Module

    Raises
    ------
    CourseError
        If the last child is no dense layer, or `classes` is not at least 1.

    Examples
    --------
    >>> replace_head(nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 10)), 3)[-1]
    Linear(in_features=5, out_features=3, bias=True)
    """
    if not isinstance(classes, int | np.integer) or classes < 1:
        raise CourseError(f"classes: expected a whole number of at least 1, got {classes!r}. Count the new classes.")
    name, old = _head(network)
    copied = copy.deepcopy(network)
    new = nn.Linear(old.in_features, int(classes), bias=old.bias is not None)
    setattr(copied, name, new.to(old.weight.device, old.weight.dtype))
    return copied


def _head(network: nn.Module) -> tuple[str, nn.Linear]:
    children = list(network.named_children())
    if not children or not isinstance(children[-1][1], nn.Linear):
        last = type(children[-1][1]).__name__ if children else "nothing"
        raise CourseError(f"network: expected a dense layer as its last child, got {last}. Put nn.Linear at the end.")
    return children[-1]


def freeze(module: nn.Module) -> nn.Module:
    """Keep a module as it is: no gradients for its weights, and no new running means for its batch norms.

    Parameters
    ----------
    module : nn.Module
        Changed in place. ``train()`` on a network that holds it wakes the batch norms (and dropout) again: freeze
        after it.

    Returns
    -------
    nn.Module
        The same module.

    Examples
    --------
    >>> layer = freeze(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    >>> layer.training, [weight.requires_grad for weight in layer.parameters()]
    (False, [False, False, False, False])
    """
    return module.eval().requires_grad_(False)


def layer_rates(network: nn.Module, lr: float, decay: float) -> list[dict]:
    """Parameter groups for an optimiser: the head learns at `lr`, each layer before it at `decay` of the next one's.

    Parameters
    ----------
    network : nn.Module
        Each of its children is a layer. Those without weights to learn (frozen, or a pooling) do not count.
    lr : float
        Of the last child.
    decay : float
        1 gives all the same rate; 0.3 gives the head ten times the rate of the layer two before it.

    Returns
    -------
    list of dict
        From first to last, with ``"params"`` and ``"lr"``.

    Raises
    ------
    CourseError
        If a number is not above 0, or nothing is left to learn.

    Source
    ------
    Howard and Ruder (2018), Universal language model fine-tuning for text classification, section 3.2.

    Examples
    --------
    >>> groups = layer_rates(nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 3)), 1.0, 0.1)
    >>> [group["lr"] for group in groups]
    [0.1, 1.0]
    """
    if not (lr > 0 and decay > 0):
        raise CourseError(f"lr, decay: expected numbers above 0, got {lr} and {decay}. Try 0.001 and 0.3.")
    layers = [[p for p in child.parameters() if p.requires_grad] for child in network.children()]
    layers = [weights for weights in layers if weights]
    if not layers:
        raise CourseError("network: expected weights to learn, got none. Do not freeze the head.")
    return [
        {"params": weights, "lr": lr * decay**k} for k, weights in zip(range(len(layers))[::-1], layers, strict=True)
    ]
