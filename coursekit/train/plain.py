"""The loop of training as one writes it by hand in PyTorch, before :func:`coursekit.train.fit` takes it over.

Three functions that say everything: :func:`training_step`, :func:`evaluate`, and :func:`overfit_one_batch`, the first
test of any new training code.
"""

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["evaluate", "overfit_one_batch", "training_step"]


def training_step(model: Any, loss_function: Callable, optimizer: Any, x: Any, y: Any) -> float:
    """Take one step on one batch.

    Parameters
    ----------
    model : torch.nn.Module
    loss_function : callable(scores, y) -> tensor
        For example ``torch.nn.functional.cross_entropy``.
    optimizer : torch.optim.Optimizer
        Of the model's parameters.
    x : tensor, shape (N, ...)
    y : tensor, shape (N,)

    Returns
    -------
    float
        The loss of the batch, before the step.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.zeros_(model.weight)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> x, y = torch.ones(4, 1), torch.full((4, 1), 3.0)
    >>> training_step(model, torch.nn.functional.mse_loss, optimizer, x, y)
    9.0
    """
    loss = loss_function(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model: Any, loader: Iterable) -> float:
    """The share of examples that a classifier gets right; the model is in training mode afterwards.

    Parameters
    ----------
    model : torch.nn.Module
    loader : iterable of (x, y)
        The last batch may be smaller than the others.

    Returns
    -------
    float

    Examples
    --------
    >>> import torch
    >>> evaluate(torch.nn.Identity(), [(torch.eye(3), torch.tensor([0, 1, 1])), (torch.eye(1), torch.tensor([0]))])
    0.75
    """
    import torch

    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(dim=1) == y).sum().item()
            total += len(y)
    model.train()
    return right / total


def overfit_one_batch(
    model: Any, loss_function: Callable, optimizer: Any, x: Any, y: Any, steps: int = 200, below: float = 0.1
) -> int | None:
    """Train on one batch alone; say after how many steps its loss was below a bound.

    A network that cannot learn one batch by heart will not learn anything: so much is wrong in it that more data and
    more time are no help.

    Parameters
    ----------
    model, loss_function, optimizer, x, y
        As for :func:`training_step`.
    steps : int
        At most so many.
    below : float

    Returns
    -------
    int or None
        The number of the first step, from 1, that found a loss below the bound; None if no step did.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Linear(2, 2)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    >>> batch = torch.eye(2), torch.tensor([0, 1])
    >>> 5 < overfit_one_batch(model, torch.nn.functional.cross_entropy, optimizer, *batch) < 40
    True
    >>> batch = torch.zeros(2, 2), torch.tensor([0, 1])  # two pictures that are alike, with two labels
    >>> overfit_one_batch(model, torch.nn.functional.cross_entropy, optimizer, *batch)
    """
    for step in range(1, steps + 1):
        if training_step(model, loss_function, optimizer, x, y) < below:
            return step
    return None
