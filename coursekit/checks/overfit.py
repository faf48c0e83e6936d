"""Exercise of *PyTorch*: can the network learn one batch by heart? The first test of any new training code."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.pytorch import linear, plain_number, tables, used
from coursekit.checks.trial import UnusableAnswerError
from coursekit.train import plain

__all__ = ["one_batch"]


ENOUGH = 250  # steps: more than any case allows, and more than the default


def _tried_on_one_batch(obj, weight, bias, x, y, rate, steps, below):
    import torch

    model, taken = linear(weight, bias), []
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)

    def count(*_):
        taken.append(1)
        if len(taken) > ENOUGH:
            raise UnusableAnswerError(
                f"It was still training after {ENOUGH} steps, where at most {steps} were allowed. A loss that never comes "
                "below the bound must not keep the loop going: `for step in range(1, steps + 1):`."
            )

    optimizer.register_step_post_hook(count)
    batch = torch.from_numpy(x), torch.from_numpy(y)
    found = used(obj, model, torch.nn.functional.cross_entropy, optimizer, *batch, steps, below)
    return _number_of_a_step(plain_number(found, "number of the step"), bool(taken))


def _number_of_a_step(found, trained):
    if not trained:
        raise UnusableAnswerError("The network was never trained: no step of the optimiser. Call your training_step.")
    if isinstance(found, bool | np.bool_):
        raise UnusableAnswerError(f"You return {found}. Asked is the number of the step; None if there is none.")
    if isinstance(found, float) and not found.is_integer():
        raise UnusableAnswerError(f"You return {found:.3g}, which looks like a loss. Asked is the number of the step.")
    return found


def _overfit_cases(rng):
    yield (*tables(rng, 6, 12, 3), 1.0, 30, 0.2)
    yield (*tables(rng, 5, 10, 4), 1.0, 30, 0.3)
    weight, bias, x, _ = tables(rng, 4, 5, 2)
    yield weight, bias, x[[0, 0, 1, 1]], np.array([0, 1, 0, 1]), 0.5, 20, 0.1  # alike, with different labels
    yield (*tables(rng, 1, 3, 2), 0.5, 30, 0.2)
    yield np.zeros((2, 3)), np.zeros(2), rng.normal(size=(3, 3)), np.array([1, 1, 1]), 0.3, 3, 0.1  # too few steps
    yield (*tables(rng, 4, 8, 3, np.float32, scale=100.0), 1e-3, 30, 0.1)
    yield np.zeros((2, 3)), np.zeros(2), rng.normal(size=(4, 3)), np.array([0, 1, 1, 0]), 0.3, 5, 2.0  # at once
    yield from _just_enough_and_just_not(*tables(rng, 6, 12, 3), 1.0, 0.2)


def _just_enough_and_just_not(weight, bias, x, y, rate, below):
    """The bound is reached in the very last step that is allowed; or in the one after it."""
    found = _tried_on_one_batch(plain.overfit_one_batch, weight, bias, x, y, rate, ENOUGH, below) or ENOUGH
    yield weight, bias, x, y, rate, found, below
    yield weight, bias, x, y, rate, max(found - 1, 1), below


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


def _both_ignored(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return plain.overfit_one_batch(model, loss_function, optimizer, x, y)


def _one_step_too_few(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return plain.overfit_one_batch(model, loss_function, optimizer, x, y, max(steps - 1, 1), below)


def _one_step_too_many(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    return plain.overfit_one_batch(model, loss_function, optimizer, x, y, steps + 1, below)


def _loss_after_the_step(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    for step in range(1, steps + 1):
        plain.training_step(model, loss_function, optimizer, x, y)
        if loss_function(model(x), y).item() < below:
            return step
    return None


def _until_all_are_right(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    for step in range(1, steps + 1):
        plain.training_step(model, loss_function, optimizer, x, y)
        if (model(x).argmax(dim=1) == y).all():
            return step
    return None


def _own_step_without_zeroing(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    for step in range(1, steps + 1):
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        if loss.item() < below:
            return step
    return None


def _without_an_end(model, loss_function, optimizer, x, y, steps=200, below=0.1):
    step = 1
    while plain.training_step(model, loss_function, optimizer, x, y) >= below:
        step += 1
    return step


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
            _all_steps: "You take all steps and name the last. Return as soon as the loss is below the bound.",
            _loss_returned: "You return the last loss. Asked is the number of the step that was the first below the bound.",
            _whether: "You return whether it worked. Asked is after how many steps; None if not.",
            _below_ignored: "The bound is an argument: 0.1 is only what it is if nothing is said.",
            _steps_ignored: "You take 200 steps whatever is said. Take at most `steps`.",
            _first_example_only: "You train on the first example only. Take the whole batch.",
            _turned_sign: "You stop when the loss is *above* the bound. Turn the comparison round.",
            _gives_up_at_once: "`return None` stands inside the loop, so the first step decides. Move it behind the loop.",
            _both_ignored: "`steps` and `below` are arguments: 200 and 0.1 are only what they are if nothing is said.",
            _one_step_too_few: "Your last step is missing: `range(1, steps)` ends with steps - 1.",
            _one_step_too_many: "You take one step more than is allowed: `range(1, steps + 1)` ends with steps.",
            _loss_after_the_step: "You compute the loss once more after the step. Asked is the one that training_step returns.",
            _until_all_are_right: "You stop when all are classified rightly. Asked is the loss: it must be below the bound.",
            _own_step_without_zeroing: "Your steps add each gradient to those before. Call your training_step, which clears them.",
            _without_an_end: "You train until the loss is below the bound, which may never happen. Take at most `steps`.",
            _share_of_the_first: "You compare with a share of the first loss. `below` is a loss, in nats: compare with it directly.",
        },
        variants=(_from_a_list,),
    )
)
