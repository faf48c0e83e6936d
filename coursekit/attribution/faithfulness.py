"""Is an explanation true to the model? Take away what it calls important, and see whether the output falls.

**Deletion** covers features in the order of an explanation, the most important first, and watches the output; a
faithful order makes it fall early. **Insertion** goes the other way round. **Randomisation** destroys what the model
has learned: an explanation that stays the same did not explain it. **Sensitivity** asks how much an explanation
changes when the row hardly does.

Source: Petsiuk, Das and Saenko (2018), RISE (deletion, insertion); Adebayo et al. (2018), Sanity checks for saliency
maps; Yeh et al. (2019), On the (in)fidelity and sensitivity of explanations.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from coursekit.attribution.models import output_of
from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.ops.inputs import expect_rng

__all__ = [
    "Curve",
    "deletion",
    "insertion",
    "label_randomisation",
    "rank_correlation",
    "sensitivity",
    "share_inside",
    "weight_randomisation",
]

Explain = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Curve:
    """The output as features are covered or uncovered.

    Attributes
    ----------
    share : ndarray, (S + 1,)
        Of the features, from 0 to 1.
    output : ndarray, (S + 1, N)
        Of each row.
    """

    share: np.ndarray
    output: np.ndarray

    @property
    def area(self) -> np.ndarray:
        """The mean height of each row's curve, (N,): small is good for deletion, large for insertion."""
        return np.trapezoid(self.output, self.share, axis=0)


def deletion(
    model: Any,
    x: np.ndarray,
    values: np.ndarray,
    baseline: np.ndarray,
    *,
    steps: int = 20,
    target: int | None = None,
) -> Curve:
    """The output while features are replaced by a baseline, those of the largest values first.

    Parameters
    ----------
    model : callable or estimator
    x : ndarray, (N, ...)
    values : ndarray, (N, ...) or a picture's shape without channels
        An explanation of each row.
    baseline : ndarray, (...) or (N, ...)
    steps : int
    target : int, optional

    Returns
    -------
    Curve

    Raises
    ------
    ShapeError
        If values and rows do not fit.
    CourseError
        If there is no step.

    Examples
    --------
    >>> def total(rows):
    ...     return rows.sum(axis=1)
    >>> deletion(total, np.array([[3.0, 1.0]]), np.array([[3.0, 1.0]]), np.zeros(2), steps=2).output.ravel()
    array([4., 1., 0.])
    """
    return _curve(model, x, values, baseline, steps, target, covered_first=True)


def insertion(
    model: Any,
    x: np.ndarray,
    values: np.ndarray,
    baseline: np.ndarray,
    *,
    steps: int = 20,
    target: int | None = None,
) -> Curve:
    """The output while a baseline is replaced by the row, features of the largest values first.

    Parameters
    ----------
    model, x, values, baseline, steps, target
        As in :func:`deletion`.

    Returns
    -------
    Curve

    Raises
    ------
    ShapeError, CourseError
        As :func:`deletion`.

    Examples
    --------
    >>> def total(rows):
    ...     return rows.sum(axis=1)
    >>> insertion(total, np.array([[3.0, 1.0]]), np.array([[3.0, 1.0]]), np.zeros(2), steps=2).output.ravel()
    array([0., 3., 4.])
    """
    return _curve(model, x, values, baseline, steps, target, covered_first=False)


def _curve(
    model: Any,
    x: np.ndarray,
    values: np.ndarray,
    baseline: np.ndarray,
    steps: int,
    target: int | None,
    covered_first: bool,
) -> Curve:
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise CourseError(f"steps: expected a whole number of at least 1, got {steps!r}. 20 is usual.")
    x, values = np.asarray(x, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if values.shape != x.shape:
        if values.ndim != x.ndim - 1 or values.shape != (len(x), *x.shape[2:]):
            raise ShapeError(f"values: expected one for each feature of x {x.shape}, got {values.shape}.")
        values = np.broadcast_to(values[:, None], x.shape)  # a map for all channels
        groups = x.shape[1]
    else:
        groups = 1
    baseline = np.broadcast_to(np.asarray(baseline, dtype=np.float64), x.shape)
    flat = values.reshape(len(x), groups, -1)[:, 0]  # (N, features)
    rank = np.argsort(np.argsort(-flat, axis=1, kind="stable"), axis=1)  # 0 for the most important
    output, ask = [], output_of(model, target)
    marks = np.round(np.linspace(0, flat.shape[1], steps + 1)).astype(int)
    for mark in marks:
        first = np.repeat((rank < mark)[:, None], groups, axis=1).reshape(x.shape)  # (N, ...)
        output.append(ask(np.where(first == covered_first, baseline, x)))
    return Curve(marks / flat.shape[1], np.array(output))


def rank_correlation(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Spearman's correlation of two explanations, row by row, sizes without signs: 1 same order, 0 unrelated.

    Parameters
    ----------
    one, two : ndarray, (N, ...)

    Returns
    -------
    ndarray, (N,)

    Raises
    ------
    ShapeError
        If they differ in shape.

    Examples
    --------
    >>> rank_correlation(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 4.0, -9.0]]))
    array([1.])
    """
    if np.shape(one) != np.shape(two):
        raise ShapeError(f"explanations: expected one shape, got {np.shape(one)} and {np.shape(two)}.")
    from scipy.stats import rankdata

    ranks = [rankdata(np.abs(np.reshape(values, (len(values), -1))), axis=1) for values in (one, two)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.zeros(len(a)), where=size > 0)


def weight_randomisation(
    explain: Callable[[Any, np.ndarray], np.ndarray], module: Any, x: np.ndarray, *, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """How much of an explanation is left when a network loses its weights, layer by layer from the output down.

    Losing means that the numbers of each weight change places: their sizes stay, and what was learned is gone. Each
    layer that is lost stays lost. An explanation that keeps its order does not explain what was learned.

    Parameters
    ----------
    explain : callable
        From a module and rows (N, ...) to values of the shape of the rows.
    module : torch.nn.Module
        A copy of it loses its weights; it stays as it is.
    x : ndarray, (N, ...)
    rng : Generator

    Returns
    -------
    dict of layer's name to ndarray, (N,)
        The rank correlation of each row's explanation with the first one, from the last layer to the first.

    Raises
    ------
    CourseError
        If the module has no weights.

    Source
    ------
    Adebayo et al. (2018), section 3.1 (cascading randomisation).

    Examples
    --------
    >>> import torch
    >>> from coursekit.attribution import saliency
    >>> network = torch.nn.Sequential(torch.nn.Linear(9, 9), torch.nn.ReLU(), torch.nn.Linear(9, 1))
    >>> def slopes(module, rows):
    ...     return saliency(module, rows).values
    >>> list(weight_randomisation(slopes, network, np.ones((2, 9)), rng=np.random.default_rng(0)))
    ['2', '0']
    """
    import torch

    expect_rng(rng)
    first, lost = explain(module, x), copy.deepcopy(module)
    layers = [
        (name, layer) for name, layer in lost.named_modules() if next(layer.parameters(recurse=False), None) is not None
    ]
    if not layers:
        raise CourseError("module: expected one with weights, got none. Give the network itself, not a function of it.")
    found = {}
    for name, layer in reversed(layers):
        with torch.no_grad():
            for weight in layer.parameters(recurse=False):
                places = torch.as_tensor(rng.permutation(weight.numel()), device=weight.device)
                weight.copy_(weight.flatten()[places].view_as(weight))
        found[name] = rank_correlation(first, explain(lost, x))
    return found


def label_randomisation(
    fit: Callable[[np.ndarray], Any],
    explain: Callable[[Any, np.ndarray], np.ndarray],
    labels: np.ndarray,
    x: np.ndarray,
    *,
    rng: np.random.Generator,
) -> np.ndarray:
    """How much of an explanation is left when the model was trained on labels that were dealt out anew.

    Parameters
    ----------
    fit : callable
        From labels to a trained model; it knows the training rows.
    explain : callable
        From a model and rows (N, ...) to values of the shape of the rows.
    labels : ndarray, (M,)
        The true ones.
    x : ndarray, (N, ...)
        What to explain.
    rng : Generator

    Returns
    -------
    ndarray, (N,)
        The rank correlation of each row's two explanations.

    Source
    ------
    Adebayo et al. (2018), section 3.2 (the data randomisation test).

    Examples
    --------
    >>> def fit(labels):  # a model that remembers nothing of its labels
    ...     return None
    >>> def explain(model, rows):
    ...     return rows
    >>> label_randomisation(fit, explain, np.arange(4), np.array([[1.0, 2.0]]), rng=np.random.default_rng(0))
    array([1.])
    """
    expect_rng(rng)
    labels = np.asarray(labels)
    return rank_correlation(explain(fit(labels), x), explain(fit(rng.permutation(labels)), x))


def sensitivity(
    explain: Explain, x: np.ndarray, *, radius: float, samples: int = 10, rng: np.random.Generator
) -> np.ndarray:
    """The largest relative change of an explanation over neighbours of each row.

    Parameters
    ----------
    explain : callable
        From rows (N, ...) to values of that shape.
    x : ndarray, (N, ...)
    radius : float
        Neighbours differ by at most this in every feature.
    samples : int
    rng : Generator

    Returns
    -------
    ndarray, (N,)

    Raises
    ------
    CourseError
        If the radius is not positive.

    Source
    ------
    Yeh et al. (2019), definition 2 (max-sensitivity), divided by the size of the explanation.

    Examples
    --------
    >>> sensitivity(np.ones_like, np.zeros((2, 3)), radius=0.1, rng=np.random.default_rng(0))
    array([0., 0.])
    """
    if not radius > 0:
        raise CourseError(f"radius: expected a number above 0, got {radius!r}. Choose it in the units of x.")
    expect_rng(rng)
    here = np.asarray(explain(x)).reshape(len(x), -1)
    size = np.maximum(np.linalg.norm(here, axis=1), 1e-12)
    largest = np.zeros(len(x))
    for _ in range(samples):
        there = np.asarray(explain(x + rng.uniform(-radius, radius, np.shape(x)))).reshape(len(x), -1)
        largest = np.maximum(largest, np.linalg.norm(there - here, axis=1) / size)
    return largest


def share_inside(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Which share of an explanation, in sizes without signs, falls on a marked part of each row.

    Parameters
    ----------
    values : ndarray, (N, ...)
    inside : ndarray of bool, (...)
        The part, the same for all rows.

    Returns
    -------
    ndarray, (N,)
        From 0 to 1; 0 where an explanation is 0 everywhere.

    Raises
    ------
    ShapeError
        If the part has another shape than a row.

    Examples
    --------
    >>> share_inside(np.array([[3.0, -1.0]]), np.array([True, False]))
    array([0.75])
    """
    size, inside = np.abs(np.asarray(values)), np.asarray(inside, dtype=bool)
    if size.shape[1:] != inside.shape:
        raise ShapeError(f"inside: expected the shape of a row {size.shape[1:]}, got {inside.shape}. Give one mask.")
    within, whole = size[:, inside].sum(axis=1), size.reshape(len(size), -1).sum(axis=1)
    return np.divide(within, whole, out=np.zeros(len(size)), where=whole > 0)
