r"""A gradient says how fast an output changes with each feature; along a path, how much each has changed it.

**Saliency** is the gradient itself, here and now. **Integrated gradients** follow the straight line from a baseline
b to x and add up what each feature does on the way:

    IG_i = (x_i - b_i) * integral from 0 to 1 of  df / dx_i (b + a (x - b))  da

By the fundamental theorem of calculus these numbers add up to f(x) - f(b): the only check that a gradient method can
pass or fail without anybody's opinion. **Expected gradients** average over many baselines.

Source: Simonyan, Vedaldi and Zisserman (2014), Deep inside convolutional networks; Smilkov et al. (2017), SmoothGrad;
Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks; Erion et al. (2021), Improving performance
of deep learning models with axiomatic attribution priors and expected gradients.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from coursekit.attribution.base import Attribution, names_of
from coursekit.attribution.game import rows_and_background
from coursekit.attribution.models import NUMBERS_AT_ONCE, ROWS_AT_ONCE, Model, from_torch, is_torch, output_of
from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.ops.inputs import expect_rng

__all__ = [
    "expected_gradients",
    "gradient_times_input",
    "gradients_of",
    "integrated_gradients",
    "saliency",
    "smooth_grad",
]

KEPT = 8  # a way back keeps what every layer answered: fewer rows at once than for the answers alone
Grad = Callable[[np.ndarray], np.ndarray]


def saliency(
    model: Any, x: np.ndarray, *, target: int | None = None, feature_names: Sequence[str] | None = None
) -> Attribution:
    """The gradient of the output at x: how fast it rises with each feature.

    Parameters
    ----------
    model : Model or torch.nn.Module
        With gradients.
    x : ndarray, (N, ...)
        Rows, as the model takes them.
    target : int, optional
        Which of K outputs.
    feature_names : sequence of str, optional

    Returns
    -------
    Attribution
        `complete` is False: slopes are no amounts, and do not add up to anything.

    Raises
    ------
    CourseError
        If the model has no gradients, or they are no numbers.

    Examples
    --------
    >>> square = Model(lambda rows: (rows**2).sum(axis=1), lambda rows, target: 2 * rows)
    >>> saliency(square, np.array([[1.0, 3.0]])).values
    array([[2., 6.]])
    """
    x, output, grad = _ready(model, x, target)
    return _explained("saliency", grad(x), x, output, target, feature_names)


def gradient_times_input(
    model: Any, x: np.ndarray, *, target: int | None = None, feature_names: Sequence[str] | None = None
) -> Attribution:
    """The gradient times the feature: what each would do if the model were a straight line through zero.

    Parameters
    ----------
    model, x, target, feature_names
        As in :func:`saliency`.

    Returns
    -------
    Attribution
        Complete only where the model is such a line, a ReLU network without biases for example.

    Raises
    ------
    CourseError
        If the model has no gradients, or they are no numbers.

    Examples
    --------
    >>> line = Model(lambda rows: rows @ [2.0, 5.0], lambda rows, target: np.tile([2.0, 5.0], (len(rows), 1)))
    >>> gradient_times_input(line, np.array([[1.0, 3.0]])).values
    array([[ 2., 15.]])
    """
    x, output, grad = _ready(model, x, target)
    return _explained("gradient x input", grad(x) * x, x, output, target, feature_names)


def smooth_grad(
    model: Any,
    x: np.ndarray,
    *,
    noise: float,
    samples: int = 50,
    rng: np.random.Generator,
    target: int | None = None,
    feature_names: Sequence[str] | None = None,
) -> Attribution:
    """The mean gradient over noisy copies of x, with its standard error.

    Parameters
    ----------
    model, x, target, feature_names
        As in :func:`saliency`.
    noise : float
        Standard deviation of what is added to every feature, in its own units.
    samples : int
        Copies, at least 2.
    rng : Generator

    Returns
    -------
    Attribution

    Raises
    ------
    CourseError
        If the noise is not positive, or there are fewer than two samples.

    Examples
    --------
    >>> square = Model(lambda rows: (rows**2).sum(axis=1), lambda rows, target: 2 * rows)
    >>> smooth_grad(square, np.array([[3.0]]), noise=0.1, samples=1000, rng=np.random.default_rng(0)).values.round(1)
    array([[6.]])
    """
    if not noise > 0:
        raise CourseError(f"noise: expected a number above 0, got {noise!r}. Without noise it is the plain gradient.")
    if samples < 2:
        raise CourseError(f"samples: expected at least 2, got {samples!r}. One copy has no spread.")
    expect_rng(rng)
    x, output, grad = _ready(model, x, target)
    total, squares = np.zeros(x.shape), np.zeros(x.shape)
    for _ in range(samples):
        one = grad(x + rng.normal(0.0, noise, x.shape))
        total += one
        squares += one**2
    mean = total / samples
    error = np.sqrt(np.maximum(squares / samples - mean**2, 0) / (samples - 1))
    return _explained("SmoothGrad", mean, x, output, target, feature_names, error)


def integrated_gradients(
    model: Any,
    x: np.ndarray,
    baseline: np.ndarray,
    *,
    steps: int = 50,
    target: int | None = None,
    feature_names: Sequence[str] | None = None,
) -> Attribution:
    """Gradients added up along the straight line from a baseline to x.

    The integral is a sum at the nodes of Gauss and Legendre, which is exact for polynomials up to degree 2 steps - 1.

    Parameters
    ----------
    model, x, target, feature_names
        As in :func:`saliency`.
    baseline : ndarray, (...) or (N, ...)
        What stands for "nothing": one for all rows, or one for each.
    steps : int
        Nodes. Look at `gap` of the result, and take more if it is large.

    Returns
    -------
    Attribution
        From f(baseline) to f(x).

    Raises
    ------
    ShapeError
        If the baseline has another shape than a row.
    CourseError
        If there is no step, or the model has no gradients.

    Examples
    --------
    >>> product = Model(lambda rows: rows.prod(axis=1), lambda rows, target: rows[:, ::-1])
    >>> integrated_gradients(product, np.array([[2.0, 3.0]]), np.zeros(2), steps=2).values
    array([[3., 3.]])
    """
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise CourseError(f"steps: expected a whole number of at least 1, got {steps!r}. 50 is usual.")
    x, output, grad = _ready(model, x, target)
    baseline = np.asarray(baseline, dtype=x.dtype)
    if baseline.shape not in (x.shape, x.shape[1:]):
        raise ShapeError(f"baseline: expected shape {x.shape[1:]} or {x.shape}, got {baseline.shape}. Give one row.")
    baseline = np.broadcast_to(baseline, x.shape)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = np.zeros(x.shape)
    for a, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        total += weight * grad(baseline + a * (x - baseline))
    return _explained(
        "integrated gradients", total * (x - baseline), x, output, target, feature_names, base=output(baseline)
    )


def expected_gradients(
    model: Any,
    x: np.ndarray,
    background: np.ndarray,
    *,
    samples: int = 200,
    rng: np.random.Generator,
    target: int | None = None,
    feature_names: Sequence[str] | None = None,
    progress: bool = False,
) -> Attribution:
    """Integrated gradients averaged over baselines, each asked at few places on the way, with standard errors.

    The places are stratified: the k-th of `samples` lies in the k-th of as many equal pieces of the way, and the
    baselines take turns in a random order. That costs nothing and makes the error smaller.

    Parameters
    ----------
    model, x, target, feature_names
        As in :func:`saliency`.
    background : ndarray, (B, ...)
        The baselines.
    samples : int
        Gradients a row, at least 2.
    rng : Generator
    progress : bool
        Show a bar.

    Returns
    -------
    Attribution
        From the mean output over the background to f(x). Complete up to the sampling error. After an interrupt what is
        known by then, with its error: the places come in a random order, so any first few are a fair sample.

    Raises
    ------
    KeyboardInterrupt
        If it comes before the second gradient.
    CourseError
        If there are fewer than two samples, or the model has no gradients.
    ShapeError
        If rows and background differ.

    Examples
    --------
    >>> line = Model(lambda rows: rows @ [2.0, 5.0], lambda rows, target: np.tile([2.0, 5.0], (len(rows), 1)))
    >>> found = expected_gradients(line, np.ones((1, 2)), np.zeros((3, 2)), rng=np.random.default_rng(0))
    >>> found.values.round(9)
    array([[2., 5.]])
    """
    if samples < 2:
        raise CourseError(f"samples: expected at least 2, got {samples!r}. One gradient has no spread.")
    from tqdm.auto import tqdm

    expect_rng(rng)
    rows, background, single = rows_and_background(x, background)
    rows, output, grad = _ready(model, rows, target)
    places = (
        rng.permuted(np.tile(np.arange(samples), (len(rows), 1)), axis=1) + rng.random((len(rows), samples))
    ) / samples
    turns = np.array([rng.permutation(samples) for _ in rows]) % len(background)  # (N, samples)
    known = 0, np.zeros(rows.shape), np.zeros(rows.shape)  # how many, their sum, the sum of their squares
    try:
        for k in tqdm(range(samples), disable=not progress, desc="expected gradients", leave=False):
            start = background[turns[:, k]]  # (N, ...)
            a = places[:, k].reshape(-1, *[1] * (rows.ndim - 1))
            one = (rows - start) * grad(start + a * (rows - start))
            known = known[0] + 1, known[1] + one, known[2] + one**2
    except KeyboardInterrupt:
        if known[0] < 2:
            raise
    done, mean = known[0], known[1] / known[0]
    error = np.sqrt(np.maximum(known[2] / done - mean**2, 0) / (done - 1))
    base = np.full(len(rows), output(background).mean())
    note = "" if done == samples else f"interrupted: {done} of {samples} gradients a row"
    found = _explained("expected gradients", mean, rows, output, target, feature_names, error, base, note)
    return found[0] if single else found


# -- the model -------------------------------------------------------------------------------------------------------


def gradients_of(model: Any, target: int | None = None) -> Grad:
    """The gradient of a model's output as a function of rows, asked in pieces and checked.

    Parameters
    ----------
    model : Model or torch.nn.Module
    target : int, optional

    Returns
    -------
    callable
        From rows (N, ...) to gradients (N, ...).

    Raises
    ------
    CourseError
        If the model has none.

    Examples
    --------
    >>> square = Model(lambda rows: (rows**2).sum(axis=1), lambda rows, target: 2 * rows)
    >>> gradients_of(square)(np.array([[3.0]]))
    array([[6.]])
    """
    if not isinstance(model, Model) and is_torch(model):
        model = from_torch(model)
    if getattr(model, "grad", None) is None:
        raise CourseError(
            f"model: expected one with gradients, got {type(model).__name__}. Use from_torch or from_scratch, or write "
            "Model(predict, grad); kernel_shap and occlusion need none."
        )

    def grad(rows: np.ndarray) -> np.ndarray:
        piece = max(1, min(ROWS_AT_ONCE, NUMBERS_AT_ONCE // (KEPT * max(math.prod(rows.shape[1:]), 1))))
        found = np.concatenate([model.grad(rows[k : k + piece], target) for k in range(0, len(rows), piece)])
        if found.shape != rows.shape:
            raise ShapeError(f"grad: expected one number a feature {rows.shape}, got {found.shape}. Check model.grad.")
        wrong = np.flatnonzero(~np.isfinite(found.reshape(len(rows), -1)).all(axis=1))
        if len(wrong):
            raise CourseError(f"grad: expected finite numbers, got others at row {wrong[0]}. Look at that row.")
        return found

    return grad


def _ready(model: Any, x: np.ndarray, target: int | None) -> tuple[np.ndarray, Callable, Grad]:
    x = np.asarray(x)
    if x.ndim < 2 or not len(x) or x.dtype.kind not in "biuf" or not np.isfinite(x).all():
        raise CourseError(f"x: expected rows (N, ...) of finite numbers, got {x.dtype} {x.shape}. One row is x[None].")
    return x.astype(np.result_type(x, np.float32)), output_of(model, target), gradients_of(model, target)


def _explained(
    method: str,
    values: np.ndarray,
    x: np.ndarray,
    output: Callable,
    target: int | None,
    feature_names: Sequence[str] | None,
    error: np.ndarray | None = None,
    base: np.ndarray | None = None,
    note: str = "",
) -> Attribution:
    names = names_of(feature_names, x.shape[1]) if x.ndim == 2 else ()
    return Attribution(
        values,
        np.zeros(len(x)) if base is None else base,
        output(x),
        names,
        method,
        x,
        error,
        target,
        complete=base is not None,
        note=note,
    )
