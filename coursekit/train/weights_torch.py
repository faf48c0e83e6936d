"""The weights of a PyTorch network with the face of :class:`~coursekit.train.weights.Weights`; tensors for arrays."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from coursekit.train.weights import SOUND, Weights

__all__ = ["TorchWeights", "to_tensor"]


class TorchWeights(Weights):
    """The parameters and buffers of a network, wherever they live, and of its average if it has one.

    Parameters
    ----------
    model : torch.nn.Module
    averaged : torch.nn.Module, optional
        What is kept and put back together with the model.

    Examples
    --------
    >>> weights = TorchWeights(torch.nn.Linear(2, 1))
    >>> [(name, tuple(tensor.shape)) for name, tensor in weights.arrays().items()]
    [('weight', (1, 2)), ('bias', (1,))]
    """

    def __init__(self, model: torch.nn.Module, averaged: torch.nn.Module | None = None):
        self.holder = model
        self._tensors = dict(_tensors(model))
        if averaged is not None:
            self._tensors |= {f"averaged.{name}": tensor for name, tensor in _tensors(averaged)}

    def arrays(self) -> dict[str, torch.Tensor]:
        """The tensors themselves, as they are now."""
        return self._tensors

    def copy(self) -> dict[str, torch.Tensor]:
        """A copy of all of them, each on its own device."""
        return {name: tensor.detach().clone() for name, tensor in self._tensors.items()}

    def copy_into(self, kept: dict[str, torch.Tensor]) -> None:
        """Make an earlier copy what they are now."""
        with torch.no_grad():
            torch._foreach_copy_(
                list(kept.values()), list(self._tensors.values())
            )  # one call, as torch's optimisers do

    def put_back(self, kept: Mapping[str, torch.Tensor]) -> None:
        """Make them what they were."""
        with torch.no_grad():
            for name, tensor in self._tensors.items():
                tensor.copy_(kept[name])

    def first_non_finite(self, batch: tuple) -> str:
        """Where, on the way from the input to the loss, a number is first no longer finite; in words."""
        for k, part in enumerate(batch):
            if not _finite(part):
                return f"the batch itself (its array number {k})"
        found = _first_layer(self.holder, batch)
        if found:
            return found
        bad = (name for name, tensor in self._tensors.items() if not _finite(tensor))
        name = next(bad, None)
        return SOUND if name is None else f"the weights {name!r}"


def to_tensor(array, like: torch.Tensor) -> torch.Tensor:
    """An array or tensor where `like` lives; floats of an array become its kind of float, labels whole numbers.

    Parameters
    ----------
    array : ndarray, or torch.Tensor, which keeps its kind
    like : torch.Tensor

    Returns
    -------
    torch.Tensor

    Examples
    --------
    >>> to_tensor(np.array([0.5]), like=torch.zeros(1)), to_tensor(np.array([3], dtype=np.uint8), like=torch.zeros(1))
    (tensor([0.5000]), tensor([3]))
    """
    if not isinstance(array, torch.Tensor):
        array = np.asarray(array)
        wanted = like.dtype if array.dtype.kind == "f" else torch.int64 if array.dtype.kind in "iu" else None
        if array.flags.writeable:
            array = torch.from_numpy(array)
        else:
            array = torch.tensor(array)  # a copy: torch warns of read-only memory, as the data sets' is
        array = array.to(wanted) if wanted else array
    if array.device == like.device:
        return array
    return array.to(like.device, non_blocking=like.device.type == "cuda")


def _tensors(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _finite(value) -> bool:
    if not isinstance(value, torch.Tensor):
        array = np.asarray(value)
        return array.dtype.kind != "f" or bool(np.isfinite(array).all())
    return not value.is_floating_point() or bool(value.detach().isfinite().all())


def _first_layer(model: torch.nn.Module, batch: tuple) -> str:
    """The first layer whose weights or output are not finite, when the batch is run through the model again."""
    names = {module: name for name, module in model.named_modules()}
    seen: list = []
    hooks = [module.register_forward_hook(lambda layer, _, output: seen.append((layer, output))) for module in names]
    try:
        with torch.no_grad():
            model(to_tensor(batch[0], like=next(model.parameters())))
    except Exception:  # the model may want another input than the batch's first array; then the weights must do
        return ""
    finally:
        for hook in hooks:
            hook.remove()
    for layer, output in seen:
        label = f"layer {names[layer]!r} ({type(layer).__name__})" if names[layer] else type(layer).__name__
        own = [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]
        bad = [name for name, tensor in own if not _finite(tensor)]
        if bad:
            return f"the {bad[0]} of {label}"
        if not all(map(_finite, output if isinstance(output, tuple | list) else (output,))):
            return f"the output of {label}"
    return ""
