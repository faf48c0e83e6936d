"""The loop of training: whatever the step does inside, it is called on every batch of every epoch.

:func:`fit` is that loop, for bare NumPy, for the course's engine, and later for PyTorch.
"""

import math
import numbers
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coursekit.errors import CourseError
from coursekit.train.keeping import Best, LastGood, Weights

__all__ = ["History", "fit"]


@dataclass
class History:
    """What happened during training.

    Attributes
    ----------
    loss : list of float
        The loss of every step.
    metrics : dict of str to list of float
        What `evaluate` measured, once per epoch.
    epochs : int
        Epochs finished.
    steps_per_epoch : int
    seconds : float
        Time of the whole training, evaluation included.
    best_epoch : int or None
        With early stopping: the epoch (from 1) whose weights were kept.
    stopped : {"finished", "early", "interrupted"}
    """

    loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    epochs: int = 0
    steps_per_epoch: int = 0
    seconds: float = 0.0
    best_epoch: int | None = None
    stopped: str = "finished"

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.metrics.items() if values)
        kept = f"; kept the weights of epoch {self.best_epoch}" if self.best_epoch else ""
        loss = f"last loss {self.loss[-1]:.4g}" if self.loss else "no step"
        counts = f"{self.epochs} epochs, {len(self.loss)} steps, {loss}"
        return f"History: {counts}; {last or 'nothing evaluated'} ({self.stopped}{kept})"

    def plot(self, ax=None):
        """Draw the loss of every step and, beside it, what was evaluated; returns the Axes."""
        from coursekit.plot import history

        return history(self, ax=ax)


def fit(
    step: Callable[..., float],
    batches: Callable[[], Iterable] | Iterable,
    *,
    epochs: int = 1,
    evaluate: Callable[[], Mapping[str, float]] | None = None,
    patience: int | None = None,
    monitor: str = "accuracy",
    higher_is_better: bool | None = None,
    parameters: Any = None,
    progress: bool = True,
) -> History:
    """Train: call `step` on every batch of every epoch.

    Parameters
    ----------
    step : callable(*batch) -> float
        One step of the optimiser; returns the loss of that batch.
    batches : iterable, or callable() -> iterable
        The batches of an epoch. A callable is asked anew for each epoch, so that it can shuffle.
    epochs : int
    evaluate : callable() -> dict of str to float, optional
        Measured after each epoch, on data that `step` never sees.
    patience : int, optional
        Stop after so many epochs without a better `monitor`, and go back to the best weights. Needs `parameters`.
    monitor : str
        Which of the evaluated numbers early stopping watches.
    higher_is_better : bool, optional
        Needed where the name of `monitor` does not tell: "accuracy" is better higher, "loss" and "error" lower.
    parameters : dict of str to ndarray, or Module, optional
        The weights that `step` changes in place. With them, early stopping can go back to the best ones, and a loss
        that is no number to the last good ones.
    progress : bool
        Show a progress bar.

    Returns
    -------
    History

    Raises
    ------
    CourseError
        If an argument makes no sense, an epoch has no batch, or the loss is no longer a finite number. With
        `parameters` the message then names the first layer with such values, and the last good weights are back.

    Notes
    -----
    Interrupting (the stop button, Ctrl-C) ends the training, not the notebook: what was learned is kept.

    Examples
    --------
    >>> import numpy as np
    >>> w = {"w": np.array([0.0])}
    >>> def step(x, y):
    ...     error = w["w"] * x - y
    ...     w["w"] -= 0.1 * error * x
    ...     return float(error[0] ** 2)
    >>> history = fit(step, [(1.0, 3.0)], epochs=50, progress=False)
    >>> round(float(w["w"][0]), 2)
    2.98
    """
    _expect_sensible(epochs, patience, evaluate, parameters)
    rising = _direction(monitor, higher_is_better) if patience is not None else True
    history = History()
    weights = Weights(parameters) if parameters is not None else None
    last_good = LastGood(weights) if weights else None
    watch = Best(monitor, rising, patience, weights)
    start = time.perf_counter()
    bar = _bar(epochs, progress)
    try:
        for epoch in range(1, epochs + 1):
            history.steps_per_epoch = _one_epoch(step, batches, history, epoch, last_good)
            history.epochs = epoch
            measured = _measured(evaluate)
            for name, value in measured.items():
                history.metrics.setdefault(name, []).append(float(value))
            bar.set_postfix({"loss": history.loss[-1], **measured})
            bar.update()
            if patience is not None and watch.should_stop(epoch, measured):
                history.stopped = "early"
                break
    except KeyboardInterrupt:
        history.stopped = "interrupted"
        watch.kept = None  # what was learned up to now stays, better or not
        print(f"Interrupted after {len(history.loss)} steps. What was learned is kept.")
    finally:
        bar.close()
        history.seconds = time.perf_counter() - start
    history.best_epoch = watch.restore()
    return history


def _direction(monitor: str, higher_is_better: bool | None) -> bool:
    """Whether more of the monitored number is better."""
    if higher_is_better is not None:
        return higher_is_better
    if any(word in monitor for word in ("loss", "error")):
        return False
    if "accuracy" in monitor:
        return True
    raise CourseError(f"higher_is_better: expected True or False for {monitor!r}, got nothing. Say which is better.")


def _measured(evaluate: Callable | None) -> dict[str, float]:
    """What `evaluate` returns, as numbers by name."""
    found = evaluate() if evaluate else {}
    if not isinstance(found, Mapping):
        kind = type(found).__name__
        raise CourseError(f'evaluate: expected a dict such as {{"accuracy": 0.9}}, got a {kind}. Return one.')
    return {name: float(value) for name, value in found.items()}


def _one_epoch(step: Callable, batches: Any, history: History, epoch: int, last_good: LastGood | None) -> int:
    steps = 0
    for batch in batches() if callable(batches) else batches:
        if not isinstance(batch, tuple | list):
            kind = type(batch).__name__
            raise CourseError(f"batches: expected tuples such as (x, y), got a {kind}. Pass `[(x, y)]` for one batch.")
        if last_good:
            last_good.remember()
        loss = step(*batch)
        if loss is None:
            raise CourseError("step: expected it to return the loss, got None. End it with `return loss`.")
        loss = float(loss)
        if not math.isfinite(loss):
            what_now = last_good.go_back(tuple(batch)) + " " if last_good else ""
            raise CourseError(
                f"loss: expected a finite number, got {loss} in step {len(history.loss) + 1} (epoch {epoch}). "
                f"{what_now}Lower the learning rate, or look for a log or a division of zero."
            )
        if last_good:
            last_good.accept()
        history.loss.append(loss)
        steps += 1
    if steps == 0:
        raise CourseError(
            f"batches: expected at least one batch in epoch {epoch}, got none. "
            "A generator is used up after one epoch: pass a list, or a function that makes a new one."
        )
    return steps


def _expect_sensible(epochs: int, patience: int | None, evaluate: Any, parameters: Any) -> None:
    if not isinstance(epochs, numbers.Integral) or epochs < 1:
        raise CourseError(f"epochs: expected a whole number of at least 1, got {epochs!r}. Train for one or more.")
    if patience is None:
        return
    if patience < 1:
        raise CourseError(f"patience: expected at least 1 epoch, got {patience}. Use None to train to the end.")
    if evaluate is None or parameters is None:
        raise CourseError("patience: expected evaluate= and parameters= with it, got one of them missing. Pass both.")


def _bar(epochs: int, progress: bool):
    from tqdm.auto import tqdm

    return tqdm(total=epochs, unit="epoch", disable=not progress, leave=False)
