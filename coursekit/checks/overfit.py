"""Exercise of *PyTorch*: can the network learn one batch by heart? The first test of any new training code."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.pytorch import linear, plain_number, tables, used
from coursekit.train import plain

__all__ = ["one_batch"]


def _tried_on_one_batch(obj, weight, bias, x, y, rate, steps, below):
    import torch

    model = linear(weight, bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    batch = torch.from_numpy(x), torch.from_numpy(y)
    found = used(obj, model, torch.nn.functional.cross_entropy, optimizer, *batch, steps, below)
    return plain_number(found, "answer")


def _overfit_cases(rng):
    yield (*tables(rng, 6, 12, 3), 1.0, 60, 0.2)
    yield (*tables(rng, 5, 10, 4), 1.0, 60, 0.3)
    weight, bias, x, _ = tables(rng, 4, 5, 2)
    yield weight, bias, x[[0, 0, 1, 1]], np.array([0, 1, 0, 1]), 0.5, 20, 0.1  # alike, with different labels
    yield (*tables(rng, 1, 3, 2), 0.5, 60, 0.2)
    yield np.zeros((2, 3)), np.zeros(2), rng.normal(size=(3, 3)), np.array([1, 1, 1]), 0.3, 3, 0.1  # too few steps
    yield (*tables(rng, 4, 8, 3, np.float32, scale=100.0), 1e-3, 60, 0.1)


def _course(model, loss_function, optimizer, x, y, steps):
    return [plain.training_step(model, loss_function, optimizer, x, y) for _ in range(steps)]


def _counts_from_zero(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    found = plain.overfit_one_batch(model, loss_function, optimizer, x, y, steps, below)
    return None if found is None else found - 1


def _never_none(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return plain.overfit_one_batch(model, loss_function, optimizer, x, y, steps, below) or steps


def _all_steps(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return steps if _course(model, loss_function, optimizer, x, y, steps)[-1] < below else None


def _loss_returned(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return _course(model, loss_function, optimizer, x, y, steps)[-1]


def _whether(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return plain.overfit_one_batch(model, loss_function, optimizer, x, y, steps, below) is not None


def _below_ignored(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return plain.overfit_one_batch(model, loss_function, optimizer, x, y, steps)


def _steps_ignored(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return plain.overfit_one_batch(model, loss_function, optimizer, x, y, below=below)


def _first_example_only(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return plain.overfit_one_batch(model, loss_function, optimizer, x[:1], y[:1], steps, below)


def _turned_sign(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    losses = _course(model, loss_function, optimizer, x, y, steps)
    return next((k + 1 for k, loss in enumerate(losses) if loss > below), None)


def _gives_up_at_once(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return 1 if plain.training_step(model, loss_function, optimizer, x, y) < below else None


def _share_of_the_first(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    losses = _course(model, loss_function, optimizer, x, y, steps)
    return next((k + 1 for k, loss in enumerate(losses) if loss < below * losses[0]), None)


def _from_a_list(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    found = np.flatnonzero(np.array(_course(model, loss_function, optimizer, x, y, steps)) < below)
    return int(found[0]) + 1 if found.size else None


one_batch = register(
    Exercise(
        id="overfit.one_batch",
        notebook="pytorch",
        reference=plain.overfit_one_batch,
        cases=_overfit_cases,
        call=_tried_on_one_batch,
        difficulty=2,
        minutes=6,
        points=2,
        seconds=30.0,
        hints=[
            "Call your training_step again and again with the *same* batch, and look at the loss it returns.",
            "`for step in range(1, steps + 1):` and as soon as the loss is below the bound, `return step`.",
            "If the loop comes to its end, nothing was found: `return None` behind the loop, not inside it.",
        ],
        misconceptions={
            _counts_from_zero: "You count steps from 0: the first step has the number 1. `range(1, steps + 1)`.",
            _never_none: "Where the loss never comes below the bound, the answer is None: `steps` would look like a success.",
            _all_steps: "You take all steps and look only at the end. Return as soon as the loss is below the bound.",
            _loss_returned: "You return the last loss. Asked is the number of the step that was the first below the bound.",
            _whether: "You return whether it worked. Asked is after how many steps; None if not.",
            _below_ignored: "The bound is an argument: 0.1 is only what it is if nothing is said.",
            _steps_ignored: "You take 200 steps whatever is said. Take at most `steps`.",
            _first_example_only: "You train on the first example only. Take the whole batch.",
            _turned_sign: "You stop when the loss is *above* the bound. Turn the comparison round.",
            _gives_up_at_once: "`return None` stands inside the loop, so the first step decides. Move it behind the loop.",
            _share_of_the_first: "You compare with a share of the first loss. `below` is a loss, in nats: compare with it directly.",
        },
        variants=(_from_a_list,),
    )
)
