"""Training can go wrong at any step, so a copy of the weights is kept: the best ones, and the last good ones.

:class:`LastGood` keeps what the weights were before a step, and :class:`Best` what they were when they did best. What
holds them, a dict or a network, :func:`weights_of` gives the same face.
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coursekit.errors import CourseError
from coursekit.train.weights import Weights

__all__ = ["Best", "LastGood", "Weights", "weights_of"]


def weights_of(holder: Any) -> Weights:
    """The weights of a dict of arrays, of a Module, or of a network of PyTorch.

    Parameters
    ----------
    holder : dict of str to ndarray, Module, torch.nn.Module, or Weights

    Raises
    ------
    CourseError
        If it is something else.

    Examples
    --------
    >>> import numpy as np
    >>> weights_of({"w": np.zeros(2)}).arrays()
    {'w': array([0., 0.])}
    """
    if isinstance(holder, Weights):
        return holder
    torch = sys.modules.get("torch")  # where nobody has imported it, nothing is a network of it
    if torch is not None and isinstance(holder, torch.nn.Module):
        from coursekit.train.weights_torch import TorchWeights

        return TorchWeights(holder)
    return Weights(holder)


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
        self.weights.copy_into(self.before)

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

    def state_dict(self) -> dict:
        """What is remembered, for a checkpoint."""
        return {"best": self.best, "best_epoch": self.best_epoch, "kept": self.kept}

    def load_state_dict(self, state: Mapping) -> None:
        """Remember what was remembered then."""
        self.best, self.best_epoch, self.kept = state["best"], state["best_epoch"], state["kept"]

    def restore(self) -> int | None:
        """Put the best weights back; returns their epoch, or None if there was nothing to go back to."""
        if self.kept is None:
            return None
        self.weights.put_back(self.kept)
        return self.best_epoch
