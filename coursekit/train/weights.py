"""The weights that training changes, whatever holds them: a dict of arrays and a network have the same face here."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from coursekit.errors import CourseError
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.graph import no_grad
from coursekit.scratch.module import Module, trace

__all__ = ["SOUND", "Weights"]

SOUND = "the loss: batch, layers and weights are finite"


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

    def copy_into(self, kept: dict[str, np.ndarray]) -> None:
        """Make an earlier copy what they are now."""
        for name, array in self.arrays().items():
            np.copyto(kept[name], array)

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
        return SOUND

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
