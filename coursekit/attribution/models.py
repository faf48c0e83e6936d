"""Any model can be explained that can be asked: rows go in, one number a row comes out.

:func:`output_of` turns a model into such a function, asks it in pieces that fit into memory, and says at which row an
answer is no number. :class:`Model` adds gradients, where a method needs them; :func:`from_torch`, :func:`from_scratch`
and :func:`from_sklearn` make one.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from coursekit.errors import CourseError, ShapeError

__all__ = [
    "ROWS_AT_ONCE",
    "Model",
    "evaluating",
    "from_scratch",
    "from_sklearn",
    "from_torch",
    "is_torch",
    "output_of",
    "predictor",
    "target_of",
]

ROWS_AT_ONCE = 2048  # with more, what a layer answers fits no cache and is fresh memory each time: up to 3 times slower
NUMBERS_AT_ONCE = 16_000_000  # 128 MB of float64: rows of pictures are many numbers
Predict = Callable[[np.ndarray], np.ndarray]
Output = Callable[..., np.ndarray]  # output_of's: rows, and how to say which row it was


@dataclass(frozen=True)
class Model:
    """A model as a pair of functions.

    Attributes
    ----------
    predict : callable
        From rows (N, ...) to outputs (N,) or (N, K).
    grad : callable, optional
        ``grad(rows, target)``: the gradient of that output with respect to each row, (N, ...).
    """

    predict: Predict
    grad: Callable[[np.ndarray, int | None], np.ndarray] | None = None

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """The outputs of these rows."""
        return self.predict(rows)


def predictor(model: Any) -> Predict:
    """The function of a model: the model itself if it can be called, or what :func:`from_sklearn` takes.

    Parameters
    ----------
    model : callable or estimator

    Returns
    -------
    callable

    Raises
    ------
    CourseError
        If it can neither be called nor predict.

    Examples
    --------
    >>> predictor(np.sum) is np.sum
    True
    """
    if is_torch(model):
        return from_torch(model).predict
    if not isinstance(model, Model) and hasattr(model, "predict"):
        return from_sklearn(model).predict
    if callable(model):
        return model
    raise CourseError(f"model: expected a function of rows, got {type(model).__name__}. Write lambda rows: ...")


def is_torch(model: Any) -> bool:
    """Whether it is a module of PyTorch, found out without loading PyTorch.

    Parameters
    ----------
    model : object

    Returns
    -------
    bool

    Examples
    --------
    >>> is_torch(np.sum)
    False
    """
    return any(kind.__module__ == "torch.nn.modules.module" for kind in type(model).__mro__)


def output_of(model: Any, target: int | None = None) -> Output:
    """The model as a function from rows (N, ...) to one float64 a row, (N,), that is asked in pieces and checked.

    Parameters
    ----------
    model : callable or estimator
    target : int, optional
        Which output to explain, where there are several.

    Returns
    -------
    callable
        It raises CourseError if the answer has a wrong shape or is no number (it says at which row), or the target is
        not one of the outputs.

    Examples
    --------
    >>> output_of(lambda rows: rows ** 2, target=1)(np.array([[1.0, 3.0]]))
    array([9.])
    """
    predict = predictor(model)

    def output(rows: np.ndarray, where: Callable[[int], str] | None = None) -> np.ndarray:
        numbers = max(math.prod(rows.shape[1:]), 1)
        piece = max(1, min(ROWS_AT_ONCE, NUMBERS_AT_ONCE // numbers))
        answers = np.empty(len(rows))  # (N,)
        for start in range(0, len(rows), piece):
            some = rows[start : start + piece]
            answers[start : start + piece] = _column(predict(some), len(some), target)
        if not np.isfinite(answers).all():
            wrong = np.flatnonzero(~np.isfinite(answers))
            at = f"row {wrong[0]} of {len(rows)}" if where is None else where(int(wrong[0]))
            raise CourseError(
                f"model: expected finite numbers, got {answers[wrong[0]]} at {at} "
                f"(and {len(wrong) - 1} more). Look at what it was given there: {_short(rows[wrong[0]])}."
            )
        return answers

    return output


def _column(answer: Any, n: int, target: int | None) -> np.ndarray:
    """The chosen output of each row."""
    answer = np.asarray(answer.detach().cpu() if hasattr(answer, "detach") else answer)  # a tensor with its history
    if answer.dtype.kind not in "biuf":
        raise CourseError(
            f"model: expected numbers, got {answer.dtype} ({answer.ravel()[:1]}). Explain a score or a probability, "
            "as lambda rows: estimator.predict_proba(rows)."
        )
    if answer.ndim == 2 and answer.shape[1] == 1:
        answer = answer[:, 0]
    if answer.ndim not in (1, 2) or len(answer) != n:
        raise ShapeError(
            f"model: expected outputs of shape ({n},) or ({n}, K) for {n} rows, got {answer.shape}. "
            "It must treat each row by itself."
        )
    if answer.ndim == 1:
        if target not in (None, 0):
            raise CourseError(f"target: expected none for a model with one output, got {target!r}. Leave it out.")
        return answer
    return answer[:, target_of(target, answer.shape[1])]


def target_of(target: Any, outputs: int) -> int:
    """The target, if it is one of a model's outputs.

    Parameters
    ----------
    target : int or None
    outputs : int
        How many there are.

    Returns
    -------
    int

    Raises
    ------
    CourseError
        If it is left out, no whole number, or none of them.

    Examples
    --------
    >>> target_of(2, 3)
    2
    """
    whole = isinstance(target, int | np.integer) and not isinstance(target, bool)
    if not whole or not 0 <= target < outputs:
        raise CourseError(f"target: expected 0 to {outputs - 1}, one of the outputs, got {target!r}. Choose one.")
    return int(target)


def _short(row: np.ndarray) -> str:
    return np.array2string(np.ravel(row)[:6], precision=3) + ("..." if row.size > 6 else "")


# -- adapters --------------------------------------------------------------------------------------------------------


def from_torch(module: Any, device: str | None = None) -> Model:
    """A PyTorch module in evaluation mode, with its gradients.

    Parameters
    ----------
    module : torch.nn.Module
        From (N, ...) to (N,) or (N, K).
    device : str, optional
        Where to compute; where its weights are if left out.

    Returns
    -------
    Model

    Examples
    --------
    >>> import torch
    >>> model = from_torch(torch.nn.Linear(2, 3))
    >>> model(np.zeros((5, 2))).shape, model.grad(np.zeros((5, 2)), 1).shape
    ((5, 3), (5, 2))
    """
    import torch

    weights = next(module.parameters(), None)
    where = device or (weights.device if weights is not None else "cpu")
    dtype = weights.dtype if weights is not None else torch.float64

    def evaluated(rows: np.ndarray, wanted: bool) -> tuple[Any, Any]:
        x = torch.as_tensor(np.array(rows), dtype=dtype, device=where).requires_grad_(wanted)
        with evaluating(module), torch.set_grad_enabled(wanted):
            return x, module(x)

    def predict(rows: np.ndarray) -> np.ndarray:
        return evaluated(rows, False)[1].cpu().numpy()

    def grad(rows: np.ndarray, target: int | None = None) -> np.ndarray:
        x, out = evaluated(rows, True)
        out = out[:, 0] if out.ndim == 2 and out.shape[1] == 1 else out
        _column(out.detach().cpu().numpy(), len(rows), target)  # the same complaints as predict
        (found,) = torch.autograd.grad((out if out.ndim == 1 else out[:, target]).sum(), x)
        return found.cpu().numpy().astype(np.float64)

    return Model(predict, grad)


@contextlib.contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """A PyTorch module in evaluation mode for a while; then each of its parts is what it was before.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    context manager

    Examples
    --------
    >>> import torch
    >>> network = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Dropout().eval())  # one of them frozen
    >>> with evaluating(network):
    ...     network[0].training
    False
    >>> network[0].training, network[1].training
    (True, False)
    """
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


def from_scratch(module: Any) -> Model:
    """A module of :mod:`coursekit.scratch` in evaluation mode, with its gradients.

    Parameters
    ----------
    module : coursekit.scratch.module.Module

    Returns
    -------
    Model

    Examples
    --------
    >>> from coursekit.scratch.nn import Linear
    >>> model = from_scratch(Linear(2, 3, rng=np.random.default_rng(0)))
    >>> model(np.zeros((5, 2))).shape, model.grad(np.zeros((5, 2)), 1).shape
    ((5, 3), (5, 2))
    """
    from coursekit.scratch.autograd import Tensor, no_grad

    weights = next(iter(module.parameters()), None)
    dtype = weights.dtype if weights is not None else np.float64

    def evaluated(rows: np.ndarray, wanted: bool) -> tuple[Any, Any]:
        training = module.training
        module.eval()
        x = Tensor(np.asarray(rows, dtype=dtype), requires_grad=wanted)
        try:
            return x, module(x)
        finally:
            module.train(training)

    def predict(rows: np.ndarray) -> np.ndarray:
        with no_grad():
            return evaluated(rows, False)[1].data

    def grad(rows: np.ndarray, target: int | None = None) -> np.ndarray:
        x, out = evaluated(rows, True)
        _column(out.data, len(rows), target)
        (out if out.ndim == 1 else out[:, target or 0]).sum().backward()
        for weight in module.parameters():
            weight.grad = None
        return x.grad.astype(np.float64)

    return Model(predict, grad)


def from_sklearn(estimator: Any, output: str | None = None) -> Model:
    """A fitted estimator of scikit-learn.

    Parameters
    ----------
    estimator : estimator
    output : {"predict_proba", "decision_function", "predict"}, optional
        The method that answers; the first of these that it has if left out.

    Returns
    -------
    Model
        Without gradients.

    Raises
    ------
    CourseError
        If it has no such method.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]))(np.array([[3.0]]))
    array([6.])
    """
    for name in [output] if output else ["predict_proba", "decision_function", "predict"]:
        if hasattr(estimator, name):
            return Model(getattr(estimator, name))
    raise CourseError(
        f"estimator: expected one with {output or 'predict'}, got {type(estimator).__name__}. Fit it first?"
    )
