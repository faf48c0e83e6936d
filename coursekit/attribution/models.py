"""Any model can be explained that can be asked: rows go in, one number a row comes out.

:func:`output_of` turns a model into such a function, asks it in pieces that fit into memory, and says at which row an
answer is no number. :class:`Model` adds gradients, where a method needs them; :func:`from_torch`, :func:`from_scratch`
and :func:`from_sklearn` make one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from coursekit.errors import CourseError, ShapeError

__all__ = ["ROWS_AT_ONCE", "Model", "from_scratch", "from_sklearn", "from_torch", "output_of", "predictor"]

ROWS_AT_ONCE = 4096  # with 16,384 a model takes twice as long a row: its numbers no longer fit into the cache
NUMBERS_AT_ONCE = 16_000_000  # 128 MB of float64: rows of pictures are many numbers
Predict = Callable[[np.ndarray], np.ndarray]


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
    """The function of a model: the model itself if it can be called, or an estimator's probabilities or prediction.

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
    if any(kind.__module__ == "torch.nn.modules.module" for kind in type(model).__mro__):
        return from_torch(model).predict
    for name in ("predict_proba", "predict"):
        if not isinstance(model, Model) and hasattr(model, name):
            return getattr(model, name)
    if callable(model):
        return model
    raise CourseError(f"model: expected a function of rows, got {type(model).__name__}. Write lambda rows: ...")


def output_of(model: Any, target: int | None = None) -> Callable[[np.ndarray], np.ndarray]:
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

    def output(rows: np.ndarray) -> np.ndarray:
        numbers = max(int(np.prod(rows.shape[1:])), 1)
        piece = max(1, min(ROWS_AT_ONCE, NUMBERS_AT_ONCE // numbers))
        answers = np.empty(len(rows))  # (N,)
        for start in range(0, len(rows), piece):
            answers[start : start + piece] = _column(
                predict(rows[start : start + piece]), len(rows[start : start + piece]), target
            )
        wrong = np.flatnonzero(~np.isfinite(answers))
        if len(wrong):
            raise CourseError(
                f"model: expected finite numbers, got {answers[wrong[0]]} at row {wrong[0]} of {len(rows)} "
                f"(and {len(wrong) - 1} more). Look at what it was given there: {_short(rows[wrong[0]])}."
            )
        return answers

    return output


def _column(answer: Any, n: int, target: int | None) -> np.ndarray:
    """The chosen output of each row."""
    answer = np.asarray(answer)
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
    if target is None or isinstance(target, bool) or not 0 <= target < answer.shape[1]:
        raise CourseError(
            f"target: expected 0 to {answer.shape[1] - 1}, one of the outputs, got {target!r}. Choose one."
        )
    return answer[:, target]


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
        training = module.training
        module.eval()
        x = torch.as_tensor(np.array(rows), dtype=dtype, device=where).requires_grad_(wanted)
        try:
            with torch.set_grad_enabled(wanted):
                return x, module(x)
        finally:
            module.train(training)

    def predict(rows: np.ndarray) -> np.ndarray:
        return evaluated(rows, False)[1].cpu().numpy()

    def grad(rows: np.ndarray, target: int | None = None) -> np.ndarray:
        x, out = evaluated(rows, True)
        out = out[:, 0] if out.ndim == 2 and out.shape[1] == 1 else out
        _column(out.detach().cpu().numpy(), len(rows), target)  # the same complaints as predict
        (found,) = torch.autograd.grad((out if out.ndim == 1 else out[:, target]).sum(), x)
        return found.cpu().numpy().astype(np.float64)

    return Model(predict, grad)


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
