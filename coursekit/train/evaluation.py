"""To measure a network is to run it without learning: in eval mode, without gradients, and then back as it was."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from coursekit.errors import CourseError
from coursekit.train.weights_torch import to_tensor

__all__ = ["eval_mode", "evaluate", "expect_labels", "predict_batches"]


@contextlib.contextmanager
def eval_mode(model: torch.nn.Module) -> Iterator[None]:
    """Inside, the model is in eval mode and takes no gradients; then every layer is in the mode it was in.

    Parameters
    ----------
    model : torch.nn.Module

    Examples
    --------
    >>> model = torch.nn.Dropout()
    >>> with eval_mode(model):
    ...     model.training, torch.is_grad_enabled()
    (False, False)
    >>> model.training
    True
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def evaluate(
    model: torch.nn.Module, batches: Iterable, *, loss: Callable[..., torch.Tensor] = F.cross_entropy
) -> dict[str, float]:
    """Accuracy and loss of a classifier over all batches, for ``fit(..., evaluate=lambda: evaluate(model, batches))``.

    Parameters
    ----------
    model : torch.nn.Module
    batches : iterable of (x, y)
        Tensors or arrays; labels y are class numbers, (N,).
    loss : callable(scores, y) -> tensor
        The mean over a batch.

    Returns
    -------
    dict of str to float
        "accuracy" between 0 and 1, and "loss"; each row counts the same, whatever batch it is in.

    Raises
    ------
    CourseError
        If there is no batch, or a label has no output.

    Examples
    --------
    >>> model = torch.nn.Identity()
    >>> scores = evaluate(model, [(torch.eye(3), torch.tensor([0, 1, 1]))])
    >>> round(scores["accuracy"], 3), round(scores["loss"], 3)
    (0.667, 0.885)
    """
    like = _place_of(model)
    right, total, rows = [], [], 0
    with eval_mode(model):
        for x, y in batches:
            x, y = to_tensor(x, like), to_tensor(y, like)
            scores = model(x)  # (N, K)
            expect_labels(y, scores)
            right.append((scores.argmax(1) == y).sum())
            total.append(loss(scores, y) * len(y))
            rows += len(y)
    if rows == 0:
        raise CourseError(
            "batches: expected at least one batch to measure with, got none. A generator is used up once."
        )
    return {"accuracy": int(sum(right)) / rows, "loss": float(sum(total)) / rows}


def predict_batches(model: torch.nn.Module, x: Any, *, size: int = 512) -> np.ndarray:
    """What the model puts out for every row of x, in batches so that memory suffices.

    Parameters
    ----------
    model : torch.nn.Module
    x : ndarray or tensor, (N, ...)
    size : int
        Rows at once.

    Returns
    -------
    ndarray, (N, ...)
        For a classifier its scores, (N, K); ``.argmax(1)`` are the predicted classes.

    Raises
    ------
    CourseError
        If x has no row or `size` is below 1.

    Examples
    --------
    >>> predict_batches(torch.nn.Identity(), np.arange(3.0), size=2)
    array([0., 1., 2.], dtype=float32)
    """
    if size < 1:
        raise CourseError(f"size: expected at least 1, got {size}. Write size=512.")
    if len(x) == 0:
        raise CourseError("x: expected at least one row, got none. Look at how it was cut.")
    like = _place_of(model)
    with eval_mode(model):
        outputs = [model(to_tensor(x[k : k + size], like)).float().cpu() for k in range(0, len(x), size)]
    return torch.cat(outputs).numpy()


def expect_labels(y: torch.Tensor, scores: torch.Tensor, ignored: int = -100) -> None:
    """Refuse labels that the scores have no column for, before an accelerator stops at them without a word.

    Parameters
    ----------
    y : tensor of whole numbers, (N,)
        Of another kind or shape it is no list of labels, and left to the loss.
    scores : tensor, (N, K)
    ignored : int
        A label that the loss leaves out.

    Raises
    ------
    CourseError
        If a label is below 0, or K or above.

    Examples
    --------
    >>> expect_labels(torch.tensor([0, 7]), torch.zeros(2, 3))
    Traceback (most recent call last):
        ...
    coursekit.errors.CourseError: y: expected labels from 0 to 2, as the model has 3 outputs, got 7 in row 1.
    Count the classes.
    """
    if not isinstance(scores, torch.Tensor) or scores.ndim < 2 or y.ndim != scores.ndim - 1:
        return
    if y.is_floating_point() or y.numel() == 0:
        return
    k = scores.shape[1]
    low, high = torch.stack(y.aminmax()).tolist()  # one wait for the accelerator, not two
    if 0 <= low and high < k:
        return
    wrong = ((y < 0) | (y >= k)) & (y != ignored)
    if not wrong.any():
        return
    place = int(wrong.flatten().nonzero()[0])
    got = int(y.flatten()[place])
    row = place // (y.numel() // len(y))
    advice = "Do the labels begin at 1? Subtract 1." if got == k and low == 1 else "Count the classes."
    raise CourseError(
        f"y: expected labels from 0 to {k - 1}, as the model has {k} outputs, got {got} in row {row}. {advice}"
    )


def _place_of(model: torch.nn.Module) -> torch.Tensor:
    return next(model.parameters(), torch.empty(0))
