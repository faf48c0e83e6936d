"""Exercise of *Recurrent networks*: shorten a gradient that is too long, and keep its direction."""

import numpy as np
import torch

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import recurrent

__all__ = ["clip_by_norm"]


def _cases(rng):
    def drawn(scale=1.0, kind=np.float64):
        return [(scale * rng.normal(size=shape)).astype(kind) for shape in ((3, 4), (5,), (2, 2, 3))]

    yield [np.array([3.0]), np.array([[0.0, 4.0]])], 1.0
    yield drawn(), float(rng.uniform(0.5, 2))
    yield drawn(0.01), 5.0  # short enough: nothing to do
    yield [rng.normal(size=(1, 6))], 0.5  # one array only
    yield [np.zeros((2, 3)), np.zeros(4)], 1.0
    yield drawn(1e6), 0.1
    yield drawn(kind=np.float32), 1.0


def _is_tensors(some):
    return all(isinstance(g, torch.Tensor) for g in some)


def _use(obj, gradients, max_norm):
    tensors = [torch.tensor(g) for g in gradients]
    found = obj(tensors, max_norm)
    if not isinstance(found, tuple | list) or len(found) != 2 or (isinstance(found, list) and _is_tensors(found)):
        raise UnusableAnswerError("Return two things: the list of clipped gradients, and the length before.")
    clipped, norm = found
    if isinstance(norm, tuple | list):
        raise UnusableAnswerError("The two are the other way round: first the list of gradients, then the length.")
    if np.asarray(norm).size != 1:
        raise UnusableAnswerError("The length is one number: the root of one sum over all gradients.")
    if not isinstance(clipped, tuple | list) or not _is_tensors(clipped):
        raise UnusableAnswerError("The first thing to return is a list of tensors, one for each gradient.")
    for before, after in zip(gradients, tensors, strict=True):
        if not np.array_equal(before, after.numpy()):
            raise UnusableAnswerError("Your code changes the gradients that it was given. Make new ones: `g * factor`.")
    return {"clipped": [g.numpy() for g in clipped], "norm": np.float64(float(norm))}


def _length(gradients):
    return torch.sqrt(sum((g**2).sum() for g in gradients))


def _wrong(factor, norm=None):
    """A wrong answer: another factor, or another length."""

    def wrong(gradients, max_norm):
        found = norm(gradients) if norm else _length(gradients)
        return [g * factor(found, max_norm) for g in gradients], found

    return wrong


def _factor(norm, max_norm):
    return min(1.0, max_norm / max(float(norm), 1e-300))


def _each_by_itself(gradients, max_norm):
    return [g * _factor(torch.linalg.norm(g), max_norm) for g in gradients], _length(gradients)


def _number_by_number(gradients, max_norm):
    return [g.clamp(-max_norm, max_norm) for g in gradients], _length(gradients)


def _length_after(gradients, max_norm):
    clipped, _ = recurrent.clip_by_norm(gradients, max_norm)
    return clipped, _length(clipped)


def _unchanged(gradients, max_norm):
    return [g.clone() for g in gradients], _length(gradients)


def _factor_returned(gradients, max_norm):
    norm = _length(gradients)
    return [g * _factor(norm, max_norm) for g in gradients], torch.tensor(_factor(norm, max_norm))


def _only_from_above(gradients, max_norm):
    return [g.clamp(max=max_norm) for g in gradients], _length(gradients)


def _subtracted(gradients, max_norm):
    norm = _length(gradients)
    return [g - (norm - max_norm) if norm > max_norm else g * 1 for g in gradients], norm


def _replaced(gradients, max_norm):
    norm = _length(gradients)
    return [torch.full_like(g, max_norm) if norm > max_norm else g * 1 for g in gradients], norm


def _whether(gradients, max_norm):
    norm = _length(gradients)
    return recurrent.clip_by_norm(gradients, max_norm)[0], norm > max_norm


_at_least = _wrong(lambda norm, most: max(1.0, most / max(float(norm), 1e-300)))
_square_in_factor = _wrong(lambda norm, most: min(1.0, most / max(float(norm) ** 2, 1e-300)))
_root_of_factor = _wrong(lambda norm, most: min(1.0, most / max(float(norm), 1e-300)) ** 0.5)
_first_only = _wrong(_factor, lambda gs: torch.linalg.norm(gs[0]))
_signs_kept = _wrong(_factor, lambda gs: sum(g.sum() for g in gs).abs())
_mean_of_lengths = _wrong(_factor, lambda gs: sum(torch.linalg.norm(g) for g in gs) / len(gs))
_lengths_not_squared = _wrong(_factor, lambda gs: torch.sqrt(sum(torch.linalg.norm(g) for g in gs)))
_always = _wrong(lambda norm, most: most / norm)
_length_one = _wrong(lambda norm, most: 1 / norm if norm > most else 1.0)
_upside_down = _wrong(lambda norm, most: norm / most if norm > most else 1.0)
_most_alone = _wrong(lambda norm, most: most if norm > most else 1.0)
_thrown_away = _wrong(lambda norm, most: 0.0 if norm > most else 1.0)
_only_short = _wrong(lambda norm, most: most / norm if norm < most else 1.0)
_root_forgotten = _wrong(_factor, lambda gs: sum((g**2).sum() for g in gs))
_sizes_added = _wrong(_factor, lambda gs: sum(g.abs().sum() for g in gs))
_lengths_added = _wrong(_factor, lambda gs: sum(torch.linalg.norm(g) for g in gs))
_largest = _wrong(_factor, lambda gs: max(g.abs().max() for g in gs))
_longest = _wrong(_factor, lambda gs: max(torch.linalg.norm(g) for g in gs))
_mean_of_squares = _wrong(_factor, lambda gs: torch.sqrt(torch.cat([g.flatten() for g in gs]).square().mean()))


def _by_stack(gradients, max_norm):
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
    return ([g * (max_norm / norm) for g in gradients] if norm > max_norm else list(gradients)), norm


def _by_one_long_vector(gradients, max_norm):
    norm = torch.cat([g.reshape(-1) for g in gradients]).norm().item()
    return [g * (max_norm / max(norm, max_norm)) for g in gradients], norm


clip_by_norm = register(
    Exercise(
        id="clipping.clip_by_norm",
        notebook="rnn",
        reference=recurrent.clip_by_norm,
        cases=_cases,
        call=_use,
        alias_ok=True,
        difficulty=2,
        minutes=7,
        points=2,
        hints=[
            "All gradients together are one long vector. Its length is the root of the sum of all squares, over all of them.",
            "If that is longer than max_norm, multiply every gradient by max_norm / length; otherwise leave them as they are.",
            "`norm = torch.sqrt(sum((g**2).sum() for g in gradients))`, then "
            "`return [g * min(1.0, max_norm / max(float(norm), 1e-12)) for g in gradients], norm`.",
        ],
        misconceptions={
            _each_by_itself: "You clipped each gradient by itself, which turns the direction of the step. One length for all, one factor for all.",
            _number_by_number: "You cut every single number, which turns the direction. Multiply all of them by one factor.",
            _length_after: "You returned the length after clipping. The length before is worth watching: it says when gradients explode.",
            _unchanged: "The length is right, but the gradients are as they were.",
            _factor_returned: "You returned the factor. Return the length that the gradients had before.",
            _always: "You scaled short gradients *up* as well, and divided by zero where all are zero. Only what is longer than max_norm changes.",
            _length_one: "You made the length 1. Multiply by max_norm as well: max_norm / length.",
            _upside_down: "The factor is upside down: long gradients became longer. It is max_norm / length.",
            _most_alone: "You multiplied by max_norm alone. Divide by the length as well: max_norm / length.",
            _thrown_away: "You set a long gradient to zero, so the step is lost. Shorten it: max_norm / length.",
            _only_short: "The comparison is the wrong way round: you changed the gradients that are *shorter* than max_norm.",
            _root_forgotten: "The root is missing: the length is the *root* of the sum of squares.",
            _sizes_added: "You added up the sizes |g|. The length is the root of the sum of *squares*.",
            _lengths_added: "You added up the lengths of the gradients. Lengths do not add: add the squares, then take the root.",
            _largest: "You took the largest number for the length. The length is the root of the sum of all squares.",
            _longest: "You took the longest of the gradients. The length is the root of the sum of *all* squares.",
            _only_from_above: "You cut numbers that are too large, and not even the negative ones. Multiply all of them by one factor: max_norm / length.",
            _subtracted: "You subtracted what is too much from every number. Multiply all of them by one factor: max_norm / length.",
            _replaced: "You replaced every number by max_norm. Multiply what is there by max_norm / length.",
            _whether: "You returned whether something was clipped. Return the length that the gradients had before.",
            _at_least: "The factor should be at *most* 1. Yours is at least 1: short gradients grow, long ones stay.",
            _square_in_factor: "The factor has the *square* of the length in it. It is max_norm / length.",
            _root_of_factor: "You took the root of the factor. It is max_norm / length itself.",
            _first_only: "You measured the first gradient alone. The length is the root of the sum of squares over *all* of them.",
            _signs_kept: "You added up the numbers, where plus and minus cancel. Square each first, then add, then take the root.",
            _mean_of_lengths: "You took the mean of the lengths. Add the *squares* of all numbers, then take the root.",
            _lengths_not_squared: "You took the root of a sum of lengths. Either add the squares of all numbers, or square the lengths first.",
            _mean_of_squares: "You took the *mean* of the squares. The length is the root of their sum.",
        },
        variants=(_by_stack, _by_one_long_vector),
    )
)
