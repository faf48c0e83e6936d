"""Training can go wrong at any step, so a copy of the weights is kept: the best ones, and the last good ones.

:class:`Weights` gives a dict of arrays and a :class:`~coursekit.scratch.module.Module` the same face, :class:`LastGood`
keeps what the weights were before a step, and :class:`Best` what they were when they did best.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from coursekit.errors import CourseError
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.graph import no_grad
from coursekit.scratch.module import Module, trace

__all__ = ["Best", "LastGood", "Weights"]


class Weights:
    """The weights that training changes, as arrays by name, whatever holds them.

    Parameters
    ----------
    holder : dict of str to ndarray, or Module

    Raises
    ------
    CourseError
        If it is something else.
    """

    def __init__(self, holder: Any):
        if not isinstance(holder, Mapping | Module):
            kind = type(holder).__name__
            raise CourseError(
                f"parameters: expected a dict of name to array or a Module, got a {kind}. "
                "Pass the weights that step changes."
            )
        self.holder = holder

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays themselves, as they are now; of a module its buffers too."""
        if isinstance(self.holder, Module):
            return {name: _array(value) for name, value in self._members()}
        return dict(self.holder)

    def copy(self) -> dict[str, np.ndarray]:
        """A copy of all of them."""
        return {name: np.array(array) for name, array in self.arrays().items()}

    def put_back(self, kept: Mapping[str, np.ndarray]) -> None:
        """Make them what they were."""
        for name, array in self.arrays().items():
            array[...] = kept[name]

    def first_non_finite(self, batch: tuple) -> str:
        """Where, on the way from the input to the loss, a number is first no longer finite; in words."""
        for k, part in enumerate(batch):
            if np.asarray(part).dtype.kind == "f" and not np.isfinite(part).all():
                return f"the batch itself (its array number {k})"
        if isinstance(self.holder, Module):
            found = _first_layer(self.holder, batch)
            if found:
                return found
        for name, array in self.arrays().items():
            if not np.isfinite(array).all():
                return f"the weights {name!r}"
        return "the loss: batch, layers and weights are finite"

    def _members(self):
        for prefix, module in self.holder.named_modules():
            for name, value in module.members():
                if not isinstance(value, Module):
                    yield (f"{prefix}.{name}" if prefix else name), value


def _first_layer(model: Module, batch: tuple) -> str:
    """The first layer whose weights or output are not finite, when the batch is run through the model again."""
    try:
        with no_grad(), np.errstate(all="ignore"):
            layers = trace(model, Tensor(batch[0]))
    except Exception:  # the model may want another input than the batch's first array; then the weights must do
        return ""
    for name, layer, output in layers:
        label = f"layer {name!r} ({type(layer).__name__})" if name else type(layer).__name__
        bad = [
            p for p, value in layer.members() if not isinstance(value, Module) and not np.isfinite(_array(value)).all()
        ]
        if bad:
            return f"the {bad[0]} of {label}"
        if not np.isfinite(output.data).all():
            return f"the output of {label}"
    return ""


def _array(value: Tensor | np.ndarray) -> np.ndarray:
    return value.data if isinstance(value, Tensor) else value


class LastGood:
    """What the weights were before the last step whose loss was a finite number.

    Parameters
    ----------
    weights : Weights

    Notes
    -----
    One copy a step, into arrays that are there already: about one part in a hundred of a small network's step.
    """

    def __init__(self, weights: Weights):
        self.weights = weights
        self.before, self.good = weights.copy(), weights.copy()
        self.steps = 0  # that ended with a finite loss

    def remember(self) -> None:
        """Note the weights as they are now, before a step."""
        for name, array in self.weights.arrays().items():
            np.copyto(self.before[name], array)

    def accept(self) -> None:
        """The step's loss was finite: the weights before it are good."""
        self.before, self.good = self.good, self.before
        self.steps += 1

    def go_back(self, batch: tuple) -> str:
        """The step's loss was not finite: say where that began, and put the last good weights back."""
        self.weights.put_back(self.before)
        where = self.weights.first_non_finite(batch)
        self.weights.put_back(self.good)
        kept = f"those with which step {self.steps} computed its loss" if self.steps else "those it began with"
        return f"The first values that are not finite: {where}. The weights are again {kept}."


@dataclass
class Best:
    """Early stopping: remembers the best weights and how long ago they were."""

    monitor: str
    rising: bool
    patience: int | None
    weights: Weights | None
    best: float | None = None
    best_epoch: int | None = None
    kept: Any = None

    def should_stop(self, epoch: int, measured: Mapping[str, float]) -> bool:
        """Note what an epoch was worth; True if it was the last one worth trying."""
        if self.monitor not in measured:
            known = ", ".join(measured) or "nothing"
            raise CourseError(f"monitor: expected one of {known}, got {self.monitor!r}. Name what `evaluate` returns.")
        value = measured[self.monitor] if self.rising else -measured[self.monitor]
        if self.best_epoch is None or value > self.best or (math.isnan(self.best) and not math.isnan(value)):
            self.best, self.best_epoch = value, epoch
            self.kept = self.weights.copy()
        return epoch - self.best_epoch >= self.patience

    def restore(self) -> int | None:
        """Put the best weights back; returns their epoch, or None if there was nothing to go back to."""
        if self.kept is None:
            return None
        self.weights.put_back(self.kept)
        return self.best_epoch
