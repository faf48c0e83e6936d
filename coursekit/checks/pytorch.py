"""Exercise of *PyTorch*: one training step.

Cases are arrays; the model and the optimiser are made of them each time an answer is used.
"""

import inspect
from typing import NamedTuple

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.train import plain

__all__ = ["linear", "plain_number", "tables", "training_step", "used"]


def linear(weight, bias):
    """A dense layer of PyTorch's with these weights."""
    import torch

    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.from_numpy(weight).dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    return layer


def plain_number(value, what):
    """The answer, if it is no tensor and no method."""
    import torch

    if isinstance(value, torch.Tensor) and value.ndim:
        raise UnusableAnswerError(
            f"A tensor of shape {tuple(value.shape)} comes back. Asked is one number, the {what}."
        )
    if isinstance(value, torch.Tensor):
        raise UnusableAnswerError(f"The {what} comes as a tensor. Take the number out of it: `.item()`.")
    if inspect.isroutine(value):
        raise UnusableAnswerError(f"A method comes back that was never called. With brackets: `.{value.__name__}()`.")
    return value


def tables(rng, n, d, k, dtype=np.float64, scale=1.0):
    """Weights, bias, inputs and labels of a small classifier."""
    weight, bias = 0.5 * rng.normal(size=(k, d)), 0.1 * rng.normal(size=k)
    x, y = scale * rng.normal(size=(n, d)), rng.integers(0, k, n)
    return weight.astype(dtype), bias.astype(dtype), x.astype(dtype), y


_EXPLAINED = {  # what PyTorch says, and what a beginner has done
    "does not require grad": "The loss does not know where it comes from: it must be computed from `model(x)`, without "
    "`no_grad` and without `detach`.",
    "'float' object has no attribute 'backward'": "`.item()` comes last: a plain number has no graph to go back through.",
    "'SGD' object has no attribute 'backward'": "It is the loss that goes backward: `loss.backward()`.",
    "created only for scalar": "`backward` begins at one number: at the loss, not at the scores.",
    "target with class probabilities": "The loss wants the scores of all classes, (N, K), not the winning class: no argmax.",
    "must be Tensor, not": "The loss is given the scores and the labels: `loss_function(model(x), y)`.",
    "must match the size of tensor": "One predicted class for each example is compared with y: `argmax(dim=1)`.",
    "'bool' object has no attribute": "`max(dim=1)` gives a pair, values and places. You want the places: `argmax(dim=1)`.",
    "values to unpack": "A loader deals one batch after the other: `for x, y in loader:`.",
}


def used(obj, *args):
    """What an answer gives. PyTorch's own errors come with a sentence for beginners."""
    try:
        return obj(*args)
    except NotImplementedError as error:  # also the sign that nothing is written yet
        if "not implemented for" in str(error):  # an operation that does not take this kind of number
            raise UnusableAnswerError(f"PyTorch was given labels where it expects scores ({error}).") from error
        raise
    except (RuntimeError, AttributeError, TypeError, ValueError) as error:
        said = next((text for part, text in _EXPLAINED.items() if part in str(error)), None)
        if said:
            error.args = (f"{error}. {said}",)
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
    loss, steps = torch.nn.functional.cross_entropy, []
    optimizer.register_step_post_hook(lambda *_: steps.append(1))
    batch = torch.from_numpy(x), torch.from_numpy(y)
    losses = [plain_number(used(obj, model, loss, optimizer, *batch), "loss") for _ in range(3)]
    after = model[0].weight.detach().numpy().copy()
    if losses[0] is None:
        raise UnusableAnswerError("Nothing comes back (to print is not to return). End with `return loss.item()`.")
    if len(steps) > 3:
        raise UnusableAnswerError(
            f"In three calls the optimiser took {len(steps)} steps. One call, one batch, one step."
        )
    if not steps and not np.array_equal(after, weight):
        raise UnusableAnswerError(
            "The weights move, but not by the optimizer you are given. Use it: `optimizer.step()`."
        )
    return _Trained(losses, after, model.training)


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


def _sigmoid_first(model, loss_function, optimizer, x, y):
    return plain.training_step(model, lambda s, t: loss_function(s.sigmoid(), t), optimizer, x, y)


def _relu_first(model, loss_function, optimizer, x, y):
    return plain.training_step(model, lambda s, t: loss_function(s.relu(), t), optimizer, x, y)


def _divided_once_more(model, loss_function, optimizer, x, y):
    return plain.training_step(model, lambda s, t: loss_function(s, t) / len(t), optimizer, x, y)


def _uphill(model, loss_function, optimizer, x, y):
    return -plain.training_step(model, lambda s, t: -loss_function(s, t), optimizer, x, y)


def _backward_twice(model, loss_function, optimizer, x, y):
    loss = loss_function(model(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def _by_hand(model, loss_function, optimizer, x, y):
    import torch

    return plain.training_step(model, loss_function, torch.optim.SGD(model.parameters(), lr=0.1), x, y)


def _scores_returned(model, loss_function, optimizer, x, y):
    scores = model(x)
    plain.training_step(model, loss_function, optimizer, x, y)
    return scores


def _nothing_returned(model, loss_function, optimizer, x, y):
    plain.training_step(model, loss_function, optimizer, x, y)


def _two_steps(model, loss_function, optimizer, x, y):
    loss = plain.training_step(model, loss_function, optimizer, x, y)
    optimizer.step()
    return loss


NO_CHANGE = (
    "The weights never change. Is `loss.backward()` or `optimizer.step()` missing, or without its brackets? Or does "
    "`zero_grad` stand between the two, so that the step follows nothing?"
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
            _two_steps: "You take two steps in one call. One batch, one step.",
            _sigmoid_first: "You apply a sigmoid before the loss. Cross-entropy has its softmax inside: give it bare scores.",
            _relu_first: "You apply a ReLU to the scores. Scores may be negative: give them to the loss as they are.",
            _divided_once_more: "You divide by the size of the batch. cross_entropy gives the mean already.",
            _uphill: "Your steps go uphill, and the loss grows. `loss.backward()`, without a minus: the optimiser subtracts.",
            _backward_twice: "You call backward twice, and the two gradients add up. Once is enough.",
            _by_hand: "You step by another rule than that of the optimizer that you are given (here it has momentum).",
            _scores_returned: "You return the scores. Asked is the loss, as a number: `loss.item()`.",
            _nothing_returned: "The loss is not handed back.",
        },
        variants=(_zeroed_at_the_end,),
    )
)
