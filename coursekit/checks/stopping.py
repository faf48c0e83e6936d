"""Exercises of *Generalization*: when to stop, knowing only what has been."""

import numpy as np

from coursekit import validation
from coursekit.checks.core import Exercise, register

__all__ = ["early_stopping"]


def _stopping_cases(rng):
    yield np.array([0.9, 0.5, 0.6, 0.7, 0.4]), 2  # a better one after the end
    yield np.array([3.0, 2.0, 1.0]), 2  # still falling
    yield np.array([1.0, 0.8, 0.9, 0.7, 0.75, 0.72, 0.71, 0.9]), 3
    yield np.array([0.5, 0.6, 0.55, 0.52, 0.51, 0.505, 0.3]), 4  # falls, and never below the best
    yield np.array([0.9, 0.5, 0.6, 0.4, 0.45]), 3  # never stopped, and the last epoch is not the best
    yield np.array([1.0, 0.9995, 0.999, 0.9985]), 1  # a little better is better
    yield np.array([2.0]), 1  # one epoch
    yield np.zeros(6), 3  # equal is no better
    yield 1000 + 100 * rng.random(12), 4
    yield rng.random(30).astype(np.float32), 5
    yield np.array([0.4, 0.3, 0.5, 0.2, 0.9, 0.8, 0.7, 0.6]), 1


def _stop(losses, patience, *, better=lambda loss, best: loss < best, wait=0, best=np.inf, kept=1, bad=0):
    """Early stopping with one thing done differently; `bad` counts the epochs since the best."""
    for epoch, loss in enumerate(losses, 1):
        if better(loss, best):
            best, kept, bad = loss, epoch, 0
        else:
            bad += 1
            if bad >= patience + wait:
                return kept, epoch
    return kept, len(losses)


def _from_zero(losses, patience):
    kept, stopped = _stop(losses, patience)
    return kept - 1, stopped - 1


def _kept_from_zero(losses, patience):
    kept, stopped = _stop(losses, patience)
    return kept - 1, stopped


def _stopped_from_zero(losses, patience):
    kept, stopped = _stop(losses, patience)
    return kept, stopped - 1


def _first_rise(losses, patience):
    return _stop(losses, 1)


def _one_too_short(losses, patience):
    return _stop(losses, patience, wait=-1)


def _best_begins_at_zero(losses, patience):
    return _stop(losses, patience, best=0.0, kept=0)


def _best_begins_at_zero_kept_one(losses, patience):
    return _stop(losses, patience, best=0.0)


def _best_begins_at_one(losses, patience):
    return _stop(losses, patience, best=1.0, kept=0)


def _best_begins_with_the_first(losses, patience):
    return _stop(losses, patience, best=losses[0], kept=0)


def _first_epoch_is_bad(losses, patience):
    return _stop(losses, patience, best=losses[0], kept=1)


def _by_a_margin(losses, patience):
    return _stop(losses, patience, better=lambda loss, best: loss < best - 1e-3)


def _best_is_never_noted(losses, patience):
    return _stop(losses, patience, better=lambda loss, best: loss < np.inf)


def _loss_for_epoch(losses, patience):
    kept, stopped = _stop(losses, patience)
    return losses[kept - 1], stopped


def _kept_alone(losses, patience):
    return _stop(losses, patience)[0]


def _kept_and_patience(losses, patience):
    kept, _ = _stop(losses, patience)
    return kept, kept + patience


def _stops_at_the_best(losses, patience):
    kept, _ = _stop(losses, patience)
    return kept, kept


def _stops_at_the_best_if_it_stops(losses, patience):
    kept, stopped = _stop(losses, patience)
    return kept, kept if stopped - kept >= patience else stopped


def _last_weights_if_stopped(losses, patience):
    kept, stopped = _stop(losses, patience)
    return (stopped, stopped) if stopped - kept >= patience else (kept, stopped)


def _end_from_zero(losses, patience):
    kept, stopped = _stop(losses, patience)
    return kept, stopped if stopped - kept >= patience else stopped - 1


def _hindsight_from_zero(losses, patience):
    kept = int(np.argmin(losses))
    return kept, min(kept + patience, len(losses))


def _last_weights_if_never_stopped(losses, patience):
    kept, stopped = _stop(losses, patience)
    return (kept, stopped) if stopped - kept >= patience else (stopped, stopped)


def _lowest_of_all_kept(losses, patience):
    return int(np.argmin(losses)) + 1, _stop(losses, patience)[1]


def _better_than_the_one_before(losses, patience):
    """Keeps whatever is lower than the epoch before."""
    before, kept, bad = np.inf, 1, 0
    for epoch, loss in enumerate(losses, 1):
        kept, bad = (epoch, 0) if loss < before else (kept, bad + 1)
        if bad >= patience:
            return kept, epoch
        before = loss
    return kept, len(losses)


def _patience_as_epochs(losses, patience):
    """Stops at the first bad epoch once so many epochs have been trained."""
    best, kept = np.inf, 1
    for epoch, loss in enumerate(losses, 1):
        if loss < best:
            best, kept = loss, epoch
        elif epoch >= patience:
            return kept, epoch
    return kept, len(losses)


def _hindsight(losses, patience):
    kept = int(np.argmin(losses)) + 1
    return kept, min(kept + patience, len(losses))


def _never_stops(losses, patience):
    return int(np.argmin(losses)) + 1, len(losses)


def _last_weights(losses, patience):
    stopped = _stop(losses, patience)[1]
    return stopped, stopped


def _weights_before_the_wait(losses, patience):
    stopped = _stop(losses, patience)[1]
    return max(stopped - patience, 1), stopped


def _rises_in_a_row(losses, patience, worse_than=np.greater_equal):
    """Counts epochs that are worse than the one before, instead of worse than the best."""
    best, kept, worse = losses[0], 1, 0
    for epoch in range(2, len(losses) + 1):
        worse = worse + 1 if worse_than(losses[epoch - 1], losses[epoch - 2]) else 0
        if losses[epoch - 1] < best:
            best, kept = losses[epoch - 1], epoch
        if worse >= patience:
            return kept, epoch
    return kept, len(losses)


def _true_rises_in_a_row(losses, patience):
    return _rises_in_a_row(losses, patience, worse_than=np.greater)


def _ties_count(losses, patience):
    return _stop(losses, patience, better=lambda loss, best: loss <= best)


def _one_too_long(losses, patience):
    return _stop(losses, patience, wait=1)


def _never_reset(losses, patience):
    """Counts all epochs without an improvement, and does not start anew after one."""
    best, kept, bad = np.inf, 1, 0
    for epoch, loss in enumerate(losses, 1):
        if loss < best:
            best, kept = loss, epoch
        else:
            bad += 1
            if bad >= patience:
                return kept, epoch
    return kept, len(losses)


def _higher_is_better(losses, patience):
    return _stop(-np.asarray(losses), patience)


def _order_of_the_two(losses, patience):
    return _stop(losses, patience)[::-1]


def _stop_by_slices(losses, patience):
    for epoch in range(1, len(losses) + 1):
        kept = int(np.argmin(losses[:epoch])) + 1
        if epoch - kept >= patience:
            break
    return kept, epoch


early_stopping = register(
    Exercise(
        id="stopping.early_stopping",
        notebook="generalization",
        reference=validation.early_stopping,
        cases=_stopping_cases,
        difficulty=3,
        minutes=10,
        points=3,
        hints=[
            "Walk through the epochs as training would: you know only what has been, and remember the lowest loss and its epoch.",
            "`for epoch, loss in enumerate(losses, start=1):` if it is lower than the best, note it; if not, look at how many "
            "epochs the best is past.",
            "`elif epoch - kept >= patience: return kept, epoch`, and after the loop `return kept, len(losses)`.",
        ],
        misconceptions={
            _from_zero: "You count from 0. Epochs are counted from 1 here: `enumerate(losses, start=1)`.",
            _kept_from_zero: "The epoch that is kept is counted from 0. Both are counted from 1: the first number in `losses` "
            "is epoch 1.",
            _stopped_from_zero: "The epoch that training ends after is counted from 0. Both are counted from 1.",
            _first_rise: "You stop at the first epoch that is not better. Training has to wait: only after `patience` such "
            "epochs is it over.",
            _one_too_short: "One epoch too few: the best epoch itself does not count, only the `patience` epochs after it.",
            _best_begins_at_zero: "Your best loss begins at 0, and no loss is below that. Begin with `np.inf`.",
            _best_begins_at_zero_kept_one: "Your best loss begins at 0, and no loss is below that. Begin with `np.inf`.",
            _best_begins_at_one: "Your best loss begins at 1, but a loss may well be larger. Begin with `np.inf`.",
            _best_begins_with_the_first: "Your best loss begins with the first one, so the first epoch never counts as "
            "better, and epoch 0 is kept if no other is. Begin with `np.inf`.",
            _first_epoch_is_bad: "The first epoch counts as one without improvement, since it is compared with itself. "
            "Begin with `np.inf` as the best loss.",
            _by_a_margin: "You ask that a loss is better by some margin. Here every loss that is lower is better.",
            _best_is_never_noted: "The lowest loss is never brought up to date: where a loss is better, note it as the best.",
            _loss_for_epoch: "You return the lowest loss. Asked is its *epoch*, a whole number counted from 1.",
            _kept_alone: "Return both: the epoch that is kept, and the epoch after which training ends.",
            _kept_and_patience: "Training cannot end after the last epoch there is: if `patience` is never used up, it ends "
            "with `len(losses)`.",
            _stops_at_the_best: "You let training end at the best epoch. It goes on until it has waited `patience` epochs.",
            _stops_at_the_best_if_it_stops: "You let training end at the best epoch. It goes on until it has waited "
            "`patience` epochs.",
            _last_weights_if_stopped: "You keep the weights of the last epoch. The point of it is to go back to the best one.",
            _end_from_zero: "If the losses come to their end first, training ends after the last one, `len(losses)`: epochs "
            "are counted from 1.",
            _hindsight_from_zero: "You looked for the lowest of *all* losses, but training has ended before the later ones are "
            "measured. And epochs are counted from 1.",
            _last_weights_if_never_stopped: "If the losses come to their end first, the best epoch is kept all the same, not the last.",
            _lowest_of_all_kept: "The end is right, but the epoch that is kept lies after it where a lower loss comes later. "
            "Keep the best of the epochs that were trained.",
            _better_than_the_one_before: "You compare each loss with the one *before*, and keep the last that was lower. "
            "Compare with the lowest so far.",
            _patience_as_epochs: "You count the patience from the beginning. It counts the epochs since the best one.",
            _hindsight: "You looked for the lowest of *all* losses. But training has ended before the later ones are measured: "
            "go through the epochs in order.",
            _never_stops: "Training goes on to the end. It has to stop once `patience` epochs have brought nothing better.",
            _last_weights: "You keep the weights of the last epoch. The point of it is to go back to the best one.",
            _weights_before_the_wait: "You go back `patience` epochs, also where training was never stopped. Remember the best epoch itself.",
            _rises_in_a_row: "You compare with the epoch *before*. A curve may go down a little again and again and never be better "
            "than its best: compare with the best so far.",
            _true_rises_in_a_row: "You count rises from one epoch to the next. A curve may go down a little again and again and "
            "never be better than its best: compare with the best so far.",
            _ties_count: "A loss that only equals the best is no improvement: compare with `<`.",
            _one_too_long: "One epoch too many: stop as soon as the best is `patience` epochs past, with `>=`.",
            _never_reset: "Your count of bad epochs is never set back. A new best starts the patience anew.",
            _higher_is_better: "You look for the *highest* number. These are losses: lower is better.",
            _order_of_the_two: "Both numbers are right, in the other order: first the epoch that is kept, then the one that training ends after.",
        },
        variants=(_stop_by_slices,),
    )
)
