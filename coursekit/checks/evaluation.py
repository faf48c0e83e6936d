"""Exercise of *PyTorch*: the loop that measures a classifier.

Cases are arrays; the model, which has dropout, and the loader are made of them each time an answer is used.
"""

from typing import NamedTuple

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.pytorch import linear, plain_number, tables, used
from coursekit.checks.trial import UnusableAnswerError
from coursekit.train import plain

__all__ = ["accuracy"]


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
    if accuracy is None:
        raise UnusableAnswerError("Nothing comes back (to print is not to return). End with `return right / total`.")
    return _Evaluated(accuracy, model.training, model.recorded)


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


def _winner(scores):
    return scores.argmax(dim=1)


def _measured(model, loader, *, mode=True, back=True, record=False, share=None, choose=_winner, at_once=False):
    import torch

    if mode:
        model.eval()
    counts = []
    with torch.set_grad_enabled(record):
        for x, y in loader:
            counts.append(((choose(model(x)) == y).sum().item(), len(y)))
            if at_once:
                model.train()
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


def _left_in_eval_and_recorded(model, loader):
    return _measured(model, loader, back=False, record=True)


def _train_inside_the_loop(model, loader):
    return _measured(model, loader, at_once=True)


def _winner_of_the_batch(model, loader):
    return _measured(model, loader, choose=lambda scores: scores.argmax())


def _highest_score(model, loader):
    return _measured(model, loader, choose=lambda scores: scores.max(dim=1).values)


def _lowest_score(model, loader):
    return _measured(model, loader, choose=lambda scores: scores.argmin(dim=1))


def _sum_of_batches(model, loader):
    return _measured(model, loader, share=lambda right, sizes: np.sum(right / sizes))


def _all_batches_full(model, loader):
    return _measured(model, loader, share=lambda right, sizes: right.sum() / (len(sizes) * loader.batch_size))


def _rounded_down(model, loader):
    return _measured(model, loader, share=lambda right, sizes: right.sum() // sizes.sum())


def _mean_of_batches_recorded(model, loader):
    return _measured(model, loader, record=True, share=lambda right, sizes: np.mean(right / sizes))


def _mean_of_batches_and_no_more(model, loader):
    return _measured(model, loader, mode=False, record=True, share=lambda right, sizes: np.mean(right / sizes))


def _mean_loss(model, loader):
    import torch

    model.eval()
    with torch.no_grad():
        losses = [torch.nn.functional.cross_entropy(model(x), y).item() for x, y in loader]
    model.train()
    return float(np.mean(losses))


def _nothing_returned(model, loader):
    _measured(model, loader)


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


accuracy = register(
    Exercise(
        id="evaluation.accuracy",
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
            _left_in_eval_and_recorded: "The number is right. Two things are missing: `torch.no_grad()` around the loop, and "
            "`model.train()` at the end.",
            _train_inside_the_loop: "`model.train()` stands inside the loop: from the second batch on, dropout drops again. Move it out.",
            _winner_of_the_batch: "`argmax()` without `dim=1` gives one place for the whole batch, not a class for each example.",
            _highest_score: "You compare the highest score with the label. Its *place* is the class: `argmax(dim=1)`.",
            _lowest_score: "argmin takes the class that fits least. argmax.",
            _sum_of_batches: "You add up the accuracies of the batches. Count the right ones over all, and divide once at the end.",
            _all_batches_full: "You divide by batches times batch size. The last batch is smaller: add up `len(y)`.",
            _rounded_down: "`//` rounds down, to 0 or 1. Divide with `/`.",
            _mean_of_batches_recorded: "You averaged the accuracies of the batches, so the small last one counts too much; and a graph was "
            "recorded: `torch.no_grad()`.",
            _mean_of_batches_and_no_more: "Three things: `model.eval()`, `torch.no_grad()`, and the last batch is smaller, so do not average "
            "over batches: count.",
            _mean_loss: "This is the mean loss. Asked is the share of examples that are right.",
            _nothing_returned: "The share is not handed back.",
            _accuracy_as_tensor: "You return a tensor. Return a number: `.item()`.",
        },
        variants=(_all_at_once,),
    )
)
