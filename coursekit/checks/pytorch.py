"""Exercises of *PyTorch*: one training step, and the evaluation loop.

Cases are arrays; the model, the optimiser and the loader are made of them each time an answer is used.
"""

from typing import NamedTuple

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.train import plain

__all__ = ["evaluate", "linear", "plain_number", "tables", "training_step", "used"]


def linear(weight, bias):
    """A dense layer of PyTorch's with these weights."""
    import torch

    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.from_numpy(weight).dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    return layer


def plain_number(value, what):
    import torch

    if isinstance(value, torch.Tensor):
        raise UnusableAnswerError(f"The {what} comes as a tensor. Take the number out of it: `.item()`.")
    return value


def tables(rng, n, d, k, dtype=np.float64, scale=1.0):
    """Weights, bias, inputs and labels of a small classifier."""
    weight, bias = 0.5 * rng.normal(size=(k, d)), 0.1 * rng.normal(size=k)
    x, y = scale * rng.normal(size=(n, d)), rng.integers(0, k, n)
    return weight.astype(dtype), bias.astype(dtype), x.astype(dtype), y


def used(obj, *args):
    """What an answer gives. PyTorch has an error of the kind that says here that nothing is written yet."""
    try:
        return obj(*args)
    except NotImplementedError as error:
        if "not implemented for" in str(error):  # an operation that does not take this kind of number
            raise TypeError(str(error)) from error
        raise


# -- one step ------------------------------------------------------------------------------------------------------------


class _Trained(NamedTuple):
    """What three steps have left behind."""

    losses: list
    weight: np.ndarray
    in_training_mode: bool


def _three_steps(obj, weight, bias, x, y, rate=0.1):
    import torch

    model = torch.nn.Sequential(linear(weight, bias), torch.nn.Identity())
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.5)
    loss = torch.nn.functional.cross_entropy
    batch = torch.from_numpy(x), torch.from_numpy(y)
    losses = [plain_number(used(obj, model, loss, optimizer, *batch), "loss") for _ in range(3)]
    if losses[0] is None:
        return None
    return _Trained(losses, model[0].weight.detach().numpy().copy(), model.training)


def _step_cases(rng):
    yield tables(rng, 8, 5, 3)
    yield (*tables(rng, 1, 4, 2), 0.5)
    yield np.zeros((3, 2)), np.zeros(3), rng.normal(size=(6, 2)), np.array([0, 1, 2, 2, 1, 0])
    yield (*tables(rng, 6, 3, 4, scale=100.0), 1e-4)
    yield tables(rng, 7, 6, 3, np.float32)


def _never_zeroed(model, loss_function, optimizer, x, y):
    loss = loss_function(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def _zeroed_too_late(model, loss_function, optimizer, x, y):
    loss = loss_function(model(x), y)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def _no_step(model, loss_function, optimizer, x, y):
    loss = loss_function(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


def _step_before_backward(model, loss_function, optimizer, x, y):
    loss = loss_function(model(x), y)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


def _returns_the_tensor(model, loss_function, optimizer, x, y):
    loss = loss_function(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def _labels_first(model, loss_function, optimizer, x, y):
    return loss_function(y, model(x)).item()


def _softmax_first(model, loss_function, optimizer, x, y):
    return plain.training_step(model, lambda s, t: loss_function(s.softmax(dim=1), t), optimizer, x, y)


def _softmax_over_the_batch(model, loss_function, optimizer, x, y):
    return plain.training_step(model, lambda s, t: loss_function(s.softmax(dim=0), t), optimizer, x, y)


def _loss_after(model, loss_function, optimizer, x, y):
    plain.training_step(model, loss_function, optimizer, x, y)
    return loss_function(model(x), y).item()


def _in_eval_mode(model, loss_function, optimizer, x, y):
    model.eval()
    return plain.training_step(model, loss_function, optimizer, x, y)


def _sum_of_the_losses(model, loss_function, optimizer, x, y):
    return plain.training_step(model, lambda s, t: loss_function(s, t) * len(t), optimizer, x, y)


def _two_steps(model, loss_function, optimizer, x, y):
    loss = plain.training_step(model, loss_function, optimizer, x, y)
    optimizer.step()
    return loss


NO_CHANGE = (
    "The weights never change. Is `optimizer.step()` missing, or does `zero_grad` stand between backward and step, so that "
    "the step follows nothing?"
)


def _zeroed_at_the_end(model, loss_function, optimizer, x, y):
    model.train()
    loss = loss_function(model(x), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    return float(loss.detach())


training_step = register(
    Exercise(
        id="pytorch.training_step",
        notebook="pytorch",
        reference=plain.training_step,
        cases=_step_cases,
        call=_three_steps,
        difficulty=2,
        minutes=6,
        points=2,
        seconds=30.0,
        hints=[
            "Four things happen, as with our engine: scores and loss, old gradients away, new gradients, a step of the optimiser.",
            "`loss = loss_function(model(x), y)`; the gradients come from `loss.backward()`.",
            "Then `optimizer.zero_grad()`, `loss.backward()`, `optimizer.step()`, and `return loss.item()`: the number, not the tensor.",
        ],
        misconceptions={
            _never_zeroed: "The first step is right, the next ones are not: gradients are added to the old ones. `optimizer.zero_grad()` "
            "before each backward.",
            _no_step: NO_CHANGE,
            _zeroed_too_late: NO_CHANGE,
            _step_before_backward: "You step before the gradients are there, so each step follows those of the batch before. First backward, "
            "then step.",
            _returns_the_tensor: "You return the loss as a tensor. It holds on to the whole graph of its computation, and a list of such "
            "losses fills the memory. Return the number: `loss.item()`.",
            _labels_first: "The scores come first, then the labels: `loss_function(model(x), y)`.",
            _softmax_first: "You apply a softmax before the loss. Cross-entropy has one inside: give it the scores as they are.",
            _softmax_over_the_batch: "You apply a softmax before the loss, and over the batch (dim=0) at that. Cross-entropy wants bare scores.",
            _loss_after: "You compute the loss once more after the step. Return the one that the step was computed from: it is free.",
            _in_eval_mode: "You train in eval mode, where dropout and batch normalisation do not work as they should. Leave the mode alone.",
            _sum_of_the_losses: "This is the sum over the batch. cross_entropy gives the mean; leave it so, or the step grows with the batch.",
            _two_steps: "You take two steps on one gradient. One batch, one step.",
        },
        variants=(_zeroed_at_the_end,),
    )
)

# -- the evaluation loop ---------------------------------------------------------------------------------------------------


class _Evaluated(NamedTuple):
    """What an evaluation gave, and how it was done."""

    accuracy: float
    training_mode_afterwards: bool
    gradients_recorded: bool


def _evaluated(obj, weight, bias, x, y, batch):
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    class Watched(torch.nn.Module):
        """Dropout, then a dense layer; notes whether a graph was recorded."""

        def __init__(self):
            super().__init__()
            self.drop, self.layer, self.recorded = torch.nn.Dropout(0.5), linear(weight, bias), False

        def forward(self, x):
            self.recorded = self.recorded or torch.is_grad_enabled()
            return self.layer(self.drop(x))

    model = Watched()
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=batch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        accuracy = plain_number(used(obj, model, loader), "accuracy")
    return None if accuracy is None else _Evaluated(accuracy, model.training, model.recorded)


def _evaluation_cases(rng):
    yield (*_learned(rng, 40, 6, 3), 12)  # the last batch is smaller
    yield (*_learned(rng, 33, 5, 4), 8)
    yield (*_learned(rng, 1, 3, 2), 4)
    yield (np.zeros((2, 3)), np.zeros(2), rng.normal(size=(9, 3)), np.array([0, 1, 1, 0, 1, 1, 1, 0, 1]), 4)
    weight, bias, x, y = _learned(rng, 21, 6, 3, np.float32)
    yield weight, bias, 100 * x, y, 5


def _learned(rng, n, d, k, dtype=np.float64):
    """A classifier that is right on most of its examples."""
    weight, bias, x, y = tables(rng, n, d, k, dtype)
    y = np.where(rng.random(n) < 0.75, (x @ weight.T + bias).argmax(axis=1), y)
    return weight, bias, x, y


def _measured(model, loader, *, mode=True, back=True, record=False, share=None):
    import torch

    if mode:
        model.eval()
    counts = []
    with torch.set_grad_enabled(record):
        for x, y in loader:
            counts.append(((model(x).argmax(dim=1) == y).sum().item(), len(y)))
    if back:
        model.train()
    right, sizes = np.array(counts, dtype=float).T
    return float(right.sum() / sizes.sum() if share is None else share(right, sizes))


def _eval_forgotten(model, loader):
    return _measured(model, loader, mode=False)


def _graph_recorded(model, loader):
    return _measured(model, loader, record=True)


def _left_in_eval(model, loader):
    return _measured(model, loader, back=False)


def _neither_mode_nor_no_grad(model, loader):
    return _measured(model, loader, mode=False, record=True)


def _mean_of_batches(model, loader):
    return _measured(model, loader, share=lambda right, sizes: np.mean(right / sizes))


def _counted(model, loader):
    return _measured(model, loader, share=lambda right, sizes: right.sum())


def _last_batch(model, loader):
    return _measured(model, loader, share=lambda right, sizes: right[-1] / sizes[-1])


def _first_batch(model, loader):
    return _measured(model, loader, share=lambda right, sizes: right[0] / sizes[0])


def _by_the_number_of_batches(model, loader):
    return _measured(model, loader, share=lambda right, sizes: right.sum() / len(sizes))


def _errors(model, loader):
    return _measured(model, loader, share=lambda right, sizes: 1 - right.sum() / sizes.sum())


def _per_cent(model, loader):
    return 100 * _measured(model, loader)


def _accuracy_as_tensor(model, loader):
    import torch

    return torch.tensor(_measured(model, loader))


def _all_at_once(model, loader):
    import torch

    model.eval()
    with torch.inference_mode():
        right = torch.cat([model(x).max(dim=1).indices == y for x, y in loader])
    model.train()
    return right.double().mean().item()


evaluate = register(
    Exercise(
        id="pytorch.evaluate",
        notebook="pytorch",
        reference=plain.evaluate,
        cases=_evaluation_cases,
        call=_evaluated,
        difficulty=3,
        minutes=8,
        points=2,
        seconds=30.0,
        hints=[
            "Before the loop the model must change its mode, and after it back again. And nothing needs to be recorded.",
            "Count how many are right and how many there are, over all batches, and divide at the end: the last batch may be smaller.",
            "`model.eval()`, `with torch.no_grad():`, in the loop `right += (model(x).argmax(dim=1) == y).sum().item()`, then `model.train()`.",
        ],
        misconceptions={
            _eval_forgotten: "Dropout was still dropping: call `model.eval()` before the loop.",
            _graph_recorded: "The number is right, but a graph was recorded that nobody needs: put the loop under `with torch.no_grad():`.",
            _left_in_eval: "The number is right, but the model is left in eval mode, and the next training step would train it so. "
            "`model.train()` at the end.",
            _neither_mode_nor_no_grad: "Two things are missing: `model.eval()` before the loop and `torch.no_grad()` around it.",
            _mean_of_batches: "You averaged the accuracies of the batches. The last batch is smaller, so its examples count too much.",
            _counted: "This is how many are right. Divide by how many there are.",
            _last_batch: "This is the accuracy of the last batch only. Add up over all of them.",
            _first_batch: "This is the accuracy of the first batch only: does `return` stand inside the loop?",
            _by_the_number_of_batches: "`len(loader)` is the number of batches, not of examples. Add up `len(y)`.",
            _errors: "This is the share of errors. Asked is the share that is right.",
            _per_cent: "This is in per cent. Return a share between 0 and 1.",
            _accuracy_as_tensor: "You return a tensor. Return a number: `.item()`.",
        },
        variants=(_all_at_once,),
    )
)
