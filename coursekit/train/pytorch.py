"""One step of PyTorch: batch to the device, forward, loss, backward, clip, update, schedule, average.

:class:`TorchStep` is what :func:`coursekit.train.fit` calls on every batch. :func:`evaluate` and
:func:`predict_batches`, from :mod:`coursekit.train.evaluation`, look at the model without changing it.
"""

import contextlib
import copy
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from coursekit.errors import CourseError
from coursekit.train.evaluation import eval_mode, evaluate, expect_labels, predict_batches
from coursekit.train.weights_torch import TorchWeights, to_tensor

__all__ = ["TorchStep", "eval_mode", "evaluate", "expect_device", "predict_batches"]

CLASSIFIERS = (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss, torch.nn.MultiMarginLoss)
CLASSIFIER_FUNCTIONS = (F.cross_entropy, F.nll_loss, F.multi_margin_loss)
ASSERTED = (
    "batch: expected numbers that fit the model, got an assertion of the accelerator, most often a label or an index "
    "out of range. Take the same step with device='cpu', which says where; then restart Python."
)
OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")  # what the processor's errors say


class TorchStep:
    """A step of training a PyTorch network; ``step(x, y)`` returns the loss of that batch.

    Parameters
    ----------
    model : torch.nn.Module
    loss : callable(outputs, y) -> tensor
        For example ``torch.nn.functional.cross_entropy``; the mean over the batch.
    optimizer : torch.optim.Optimizer
        Of the model's parameters.
    device : str or torch.device, optional
        Where to train; the model is moved there. Left out: where its parameters are.
    schedule : torch.optim.lr_scheduler.LRScheduler, optional
        Takes one step after each step of the optimiser.
    clip : float, optional
        The largest norm of all gradients together; :attr:`gradient_norm` says what it was.
    mixed_precision : bool
        Compute in bfloat16 where that pays: on CUDA devices that have it. Elsewhere it changes nothing.
    ema : float, optional
        Decay of an exponential moving average of the weights, such as 0.99. :attr:`averaged` is the network with it.
    halve_on_oom : bool
        Where a batch does not fit into memory, take it in halves (or quarters ...) and add up their gradients. Batch
        normalisation then sees the smaller parts.

    Attributes
    ----------
    averaged : torch.optim.swa_utils.AveragedModel or None
        In eval mode, ready to be measured; buffers are those of the model.
    rows_at_once : int or None
        Set once a batch had to be cut: so many rows fit.

    Raises
    ------
    CourseError
        If an argument makes no sense, or the device is not here. A call raises it for labels that the model has no
        output for, and when memory is out.

    Notes
    -----
    The weights stay as they are where the loss is no finite number: on the processor the step ends before it would
    change them, elsewhere :func:`~coursekit.train.fit` puts the last good ones back. Make a new optimiser then.

    Examples
    --------
    >>> import numpy as np
    >>> from coursekit.train import fit
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Linear(1, 1)
    >>> step = TorchStep(model, F.mse_loss, torch.optim.SGD(model.parameters(), lr=0.1))
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> history = fit(step, [(x, 3 * x)], epochs=200, progress=False)
    >>> round(model.weight.item(), 2)
    3.0
    """

    def __init__(
        self,
        model: torch.nn.Module,
        loss: Callable[[Any, torch.Tensor], torch.Tensor],
        optimizer: torch.optim.Optimizer,
        *,
        device: str | torch.device | None = None,
        schedule: Any = None,
        clip: float | None = None,
        mixed_precision: bool = False,
        ema: float | None = None,
        halve_on_oom: bool = False,
    ):
        _expect_sensible(model, loss, optimizer, schedule, clip, ema)
        self.model, self.loss, self.optimizer, self.schedule = model, loss, optimizer, schedule
        self.clip, self.halve_on_oom = clip, halve_on_oom
        if device is not None:
            model.to(expect_device(device))
            if optimizer.state:
                optimizer.load_state_dict(optimizer.state_dict())  # what it remembers moves along
        self._like = next(p for p in model.parameters())  # the batch goes where this lives
        bf16 = self.device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        self.mixed_precision = mixed_precision and bf16
        self.averaged = _average_of(model, ema)
        self._norm: torch.Tensor | None = None
        self.rows_at_once: int | None = None
        self._trained = [p for group in optimizer.param_groups for p in group["params"]]
        self._ignored = _ignored_label(loss)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self._like.device

    @property
    def gradient_norm(self) -> float | None:
        """Norm of all gradients of the last step together, before clipping; None without `clip`."""
        return None if self._norm is None else float(self._norm)  # asked for only here: a GPU need not be waited for

    @property
    def weights(self) -> TorchWeights:
        """The weights that the step changes, for early stopping and the last good ones."""
        return TorchWeights(self.model, self.averaged)

    def __call__(self, x: Any, y: Any) -> float:
        """Take one step.

        Parameters
        ----------
        x, y : tensor or ndarray, (N, ...)

        Returns
        -------
        float
            The loss of the batch, before the step.

        Raises
        ------
        CourseError
            If a label has no output, or memory is out.
        """
        x, y = to_tensor(x, self._like), to_tensor(y, self._like)
        if not self.model.training:
            self.model.train()
        value = self._gradients(x, y)
        if not math.isfinite(value):
            return value
        if self.clip is not None:
            self._norm = torch.nn.utils.clip_grad_norm_(self._trained, self.clip)
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)
        return value

    def state_dict(self) -> dict:
        """All that the step needs in order to go on: model, optimiser, schedule, average; tensors and numbers only.

        Returns
        -------
        dict
        """
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return {"kinds": self._kinds(), "rows_at_once": self.rows_at_once, **parts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave; nothing is changed where it does not fit.

        Parameters
        ----------
        state : dict

        Raises
        ------
        CourseError
            If it is the state of another kind of model, optimiser or schedule.
        """
        _expect_kinds(state.get("kinds"), self._kinds())
        _expect_same_weights(state["model"], self.model.state_dict())
        _expect_same_groups(state["optimizer"], self.optimizer.state_dict())
        state = copy.deepcopy(dict(state))  # an optimiser keeps the very tensors that it is given
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.rows_at_once = state["rows_at_once"]

    # -- the parts of a step -----------------------------------------------------------------------------------------
    def _gradients(self, x: torch.Tensor, y: torch.Tensor) -> float:
        """Compute the loss and leave its gradients in the parameters; in smaller parts where memory is out."""
        rows = len(x)
        while True:
            part = min(self.rows_at_once or rows, rows)
            try:
                return self._accumulated(x, y, part)
            except (RuntimeError, MemoryError) as error:
                if "device-side assert" in str(error):
                    raise CourseError(ASSERTED) from error
                if not _is_out_of_memory(error):
                    raise
                said = str(error).splitlines()[0] if str(error) else type(error).__name__
            # behind the except clause: until here the error has held on to the tensors of the attempt
            self.optimizer.zero_grad(set_to_none=True)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            if not self.halve_on_oom or part == 1:
                raise CourseError(_memory_is_out(part, rows, self.halve_on_oom, said))
            self.rows_at_once = (part + 1) // 2

    def _accumulated(self, x: torch.Tensor, y: torch.Tensor, part: int) -> float:
        """The gradients of parts of the batch, added up."""
        self.optimizer.zero_grad(set_to_none=True)
        if part == len(x):
            return self._backward(x, y, 1.0)
        summed = getattr(self.loss, "reduction", "mean") == "sum"
        shares = [1.0 if summed else len(rows) / len(x) for rows in x.split(part)]
        return sum(map(self._backward, x.split(part), y.split(part), shares))

    def _backward(self, x: torch.Tensor, y: torch.Tensor, share: float) -> float:
        with torch.autocast("cuda", torch.bfloat16) if self.mixed_precision else contextlib.nullcontext():
            outputs = self.model(x)
            if self._ignored is not None:
                expect_labels(y, outputs, self._ignored)
            loss = self.loss(outputs, y)
        if share != 1.0:
            loss = loss * share
        if self.device.type == "cpu" and not math.isfinite(value := loss.item()):
            return value
        loss.backward()
        return loss.item()

    def _parts(self) -> dict[str, Any]:
        parts = {"model": self.model, "optimizer": self.optimizer}
        parts |= {} if self.schedule is None else {"schedule": self.schedule}
        return parts | ({} if self.averaged is None else {"averaged": self.averaged})

    def _kinds(self) -> dict[str, str]:
        return {name: type(part).__name__ for name, part in self._parts().items()}


def expect_device(device: str | torch.device) -> torch.device:
    """The device, if PyTorch knows it and this machine has it.

    Parameters
    ----------
    device : str or torch.device

    Returns
    -------
    torch.device

    Raises
    ------
    CourseError
        If there is no such device here.

    Examples
    --------
    >>> expect_device("cpu")
    device(type='cpu')
    """
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise CourseError(
            f'device: expected "cuda", "mps" or "cpu", got {device!r}. Write device=pick_device().'
        ) from error
    there = {
        "cuda": lambda: torch.cuda.is_available() and (found.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if found.type in there and not there[found.type]():
        raise CourseError(
            f"device: expected a device of this machine, got {str(device)!r}, which PyTorch does not find here. "
            "Write device=pick_device(), which takes what there is."
        )
    return found


# -- what can be wrong -----------------------------------------------------------------------------------------------
def _expect_sensible(model: Any, loss: Any, optimizer: Any, schedule: Any, clip: Any, ema: Any) -> None:
    if not isinstance(model, torch.nn.Module):
        raise CourseError(f"model: expected a torch.nn.Module, got a {type(model).__name__}. Pass the network itself.")
    if isinstance(loss, type) or not callable(loss):
        raise CourseError(
            f"loss: expected a function of (outputs, y), got {loss!r}. Pass F.cross_entropy, for example."
        )
    if not isinstance(optimizer, torch.optim.Optimizer):
        kind = type(optimizer).__name__
        raise CourseError(
            f"optimizer: expected one of torch.optim, got a {kind}. Pass torch.optim.AdamW(model.parameters())."
        )
    own = set(model.parameters())
    if not own & {p for group in optimizer.param_groups for p in group["params"]}:
        raise CourseError(
            "optimizer: expected one of this model's parameters, got one of others. Make it from model.parameters()."
        )
    if schedule is not None and not (hasattr(schedule, "step") and hasattr(schedule, "state_dict")):
        raise CourseError(
            f"schedule: expected one of torch.optim.lr_scheduler, got {schedule!r}. Leave it out, or pass one."
        )
    if clip is not None and not clip > 0:
        raise CourseError(f"clip: expected a norm above 0, got {clip!r}. Use None to leave gradients as they are.")
    if ema is not None and not 0 < ema < 1:
        raise CourseError(f"ema: expected a decay between 0 and 1, got {ema!r}. Write ema=0.99.")


def _average_of(model: torch.nn.Module, decay: float | None):
    if decay is None:
        return None
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    return averaged.eval().requires_grad_(False)


def _ignored_label(loss: Any) -> int | None:
    """The label that a classifier's loss leaves out; None where the loss may be for something else than classes."""
    while isinstance(loss, functools.partial):
        if "ignore_index" in loss.keywords:
            return loss.keywords["ignore_index"] if loss.func in CLASSIFIER_FUNCTIONS else None
        loss = loss.func
    if loss in CLASSIFIER_FUNCTIONS or isinstance(loss, CLASSIFIERS):
        return getattr(loss, "ignore_index", -100)
    return None


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.cuda.OutOfMemoryError | MemoryError) or any(
        words in str(error) for words in OUT_OF_MEMORY
    )


def _memory_is_out(part: int, rows: int, halved: bool, said: str) -> str:
    tried = f"a batch of {part}" if part == rows else f"parts of {part} of a batch of {rows}"
    do = "Make the model or its input smaller." if halved else "Make batches smaller, or pass halve_on_oom=True."
    return f"memory: expected enough for {tried}, got none left ({said}). {do}"


def _expect_kinds(theirs: Mapping[str, str] | None, ours: Mapping[str, str]) -> None:
    if not theirs:
        raise CourseError("checkpoint: expected the state of a TorchStep, got another one. Resume with the same step.")
    for name in dict.fromkeys([*ours, *theirs]):
        if ours.get(name) != theirs.get(name):
            raise CourseError(
                f"checkpoint: expected the {name} to be {ours.get(name, 'none')} as here, got "
                f"{theirs.get(name, 'none')}. Resume with what it was made with, or write to another path."
            )


def _expect_same_weights(theirs: Mapping[str, torch.Tensor], ours: Mapping[str, torch.Tensor]) -> None:
    advice = "Build the model as it was then, or write to another path."
    for name in dict.fromkeys([*ours, *theirs]):
        shapes = [str(tuple(side[name].shape)) if name in side else "nothing" for side in (ours, theirs)]
        if shapes[0] != shapes[1]:
            raise CourseError(
                f"checkpoint: expected the weights of this model, got those of another: {name!r} is {shapes[0]} here "
                f"and {shapes[1]} there. {advice}"
            )


def _expect_same_groups(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    counts = [[len(group["params"]) for group in side["param_groups"]] for side in (ours, theirs)]
    if counts[0] != counts[1]:
        raise CourseError(
            f"checkpoint: expected an optimizer of {counts[0]} parameters (by group), got {counts[1]}. "
            "Make it as it was then."
        )
