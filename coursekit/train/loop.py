"""The loop of training: whatever the step does inside, it is called on every batch of every epoch.

:func:`fit` is that loop, for bare NumPy, for the course's engine, and for PyTorch.
"""

import contextlib
import math
import numbers
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coursekit.errors import CourseError
from coursekit.train.bar import Bar
from coursekit.train.interrupts import Interrupts
from coursekit.train.keeping import Best, LastGood, Weights, weights_of
from coursekit.train.resuming import Chance, Saver

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
    checkpoint: Path | str | None = None,
    every: float = 30.0,
    resume: bool = False,
    rngs: Sequence = (),
    progress: bool = True,
) -> History:
    """Train: call `step` on every batch of every epoch.

    Parameters
    ----------
    step : callable(*batch) -> float
        One step of the optimiser; returns the loss of that batch. For PyTorch a
        :class:`~coursekit.train.pytorch.TorchStep`.
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
    parameters : dict of str to ndarray, Module or torch.nn.Module, optional
        The weights that `step` changes in place. With them, early stopping can go back to the best ones, and a loss
        that is no number to the last good ones. Those of a TorchStep are known.
    checkpoint : path, optional
        A file to write all to that the run needs in order to go on: every so often, at the end, and when it is
        interrupted. `step` needs state_dict() and load_state_dict(), as a TorchStep has.
    every : float
        Seconds between two checkpoints.
    resume : bool
        Go on from the checkpoint if it is there, also from the middle of an epoch. On the processor the losses and
        weights are, to the bit, those of a run that was not cut off. A run that had ended gives its history again.
    rngs : sequence of Generator
        Random generators that the batches or the step draw from and that :func:`fit` does not see: for a resumed run.
        Those of Python, NumPy and PyTorch, of a DataLoader and of :func:`~coursekit.datasets.batches` it knows.
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
        With `resume`, if the checkpoint is damaged, or that of another model, optimiser or data.

    Notes
    -----
    Interrupting (the stop button, Ctrl-C) ends the training, not the notebook: what was learned is kept. The step that
    is under way is finished first; a second interrupt stops in the middle of it, and then the last checkpoint stays.

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
    if parameters is None:
        parameters = _weights_that_it_knows(step)
    _expect_sensible(epochs, patience, evaluate, parameters)
    rising = _direction(monitor, higher_is_better) if patience is not None else True
    weights = weights_of(parameters) if parameters is not None else None
    history, watch = History(), Best(monitor, rising, patience, weights)
    saver = None
    if checkpoint is not None:
        _expect_savable(step, every)
        saver = Saver(checkpoint, every, {"step": step, "watch": watch}, history, Chance(batches, rngs))
        if resume and saver.resume() and progress:
            print(f"Going on after epoch {history.epochs}, batch {saver.position}: {checkpoint}")
    elif resume:
        raise CourseError("resume: expected checkpoint= with it, got none. Name the file to go on from.")
    run = _Run(step, batches, epochs, evaluate, history, LastGood(weights) if weights else None, watch, saver)
    return run.go(progress)


@dataclass
class _Run:
    """What one call of fit works with."""

    step: Callable
    batches: Any
    epochs: int
    evaluate: Callable | None
    history: History
    last_good: LastGood | None
    watch: Best
    saver: Saver | None
    whole: bool = True  # no step is under way, and the saver knows of the last one

    def go(self, progress: bool) -> History:
        """All epochs; what was learned is kept, however they end."""
        history = self.history
        start = time.perf_counter() - history.seconds
        if history.stopped != "early":
            history.stopped = "training" if history.epochs < self.epochs else "finished"
        to_do = history.stopped == "training"
        self.bar = Bar(self.epochs, _length(self.batches), history.epochs, progress)
        try:
            with Interrupts() as self.interrupts:
                while history.stopped == "training":
                    self.epoch()
                    history.seconds = time.perf_counter() - start
        except KeyboardInterrupt:
            self.interrupted()
        finally:
            self.bar.close()
            history.seconds = time.perf_counter() - start
        if self.saver and to_do and history.stopped != "interrupted":
            self.saver.save()
        history.best_epoch = self.watch.restore()
        return history

    def epoch(self) -> None:
        """Every batch once; then it is measured."""
        history = self.history
        with _dead_workers_told(getattr(self.batches, "num_workers", 0)):
            self.steps(history.epochs + 1)
        measured = _measured(self.evaluate)
        self.interrupts.hold, self.whole = True, False
        history.epochs += 1
        for name, value in measured.items():
            history.metrics.setdefault(name, []).append(value)
        self.bar.end_epoch(history.loss[-1], measured)
        if self.watch.patience is not None and self.watch.should_stop(history.epochs, measured):
            history.stopped = "early"
        elif history.epochs == self.epochs:
            history.stopped = "finished"
        if self.saver:
            self.saver.end_epoch()
        self.whole = True
        self.interrupts.check()

    def steps(self, epoch: int) -> None:
        """A step on every batch of an epoch; an interrupt acts between two of them."""
        interrupts, saver = self.interrupts, self.saver
        if saver:
            saver.begin_epoch()
        iterator = iter(self.batches() if callable(self.batches) else self.batches)
        taken = saver.position if saver else 0
        self.bar.begin_epoch(taken)
        if taken:
            saver.leave_out(iterator)
        interrupts.hold = False
        for batch in iterator:
            interrupts.hold, self.whole = True, False
            self.one(batch, epoch)
            taken += 1
            if saver:
                saver.after_step(tuple(batch))
            self.whole = True
            interrupts.check()
            interrupts.hold = False
        if taken == 0:
            raise CourseError(
                f"batches: expected at least one batch in epoch {epoch}, got none. "
                "A generator is used up after one epoch: pass a list, or a function that makes a new one."
            )
        self.history.steps_per_epoch = taken

    def one(self, batch: Any, epoch: int) -> None:
        """One step, and what its loss tells."""
        last_good, history = self.last_good, self.history
        if not isinstance(batch, tuple | list):
            kind = type(batch).__name__
            raise CourseError(f"batches: expected tuples such as (x, y), got a {kind}. Pass `[(x, y)]` for one batch.")
        if last_good:
            last_good.remember()
        loss = self.step(*batch)
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
        self.bar.step(loss, len(batch[0]) if batch and hasattr(batch[0], "__len__") else 1)

    def interrupted(self) -> None:
        """The stop button. Between two steps all is in order and is written down; half a step is not."""
        history, saver = self.history, self.saver
        history.stopped = "interrupted"
        said = f"Interrupted after {len(history.loss)} steps. What was learned is kept."
        if saver and self.whole:
            saver.save()
            said += f" resume=True goes on from {saver.path.name}."
        elif saver:
            said += " That was in the middle of a step: the last checkpoint stays as it is."
        self.watch.kept = None  # what was learned up to now stays, better or not
        print(said)


def _weights_that_it_knows(step: Any) -> Weights | None:
    found = getattr(step, "weights", None)
    return found if isinstance(found, Weights) else None


@contextlib.contextmanager
def _dead_workers_told(workers: int) -> Iterator[None]:
    """Where a process that loads batches dies, a word about it."""
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:  # the latter two: it died while it handed a batch over
        if "DataLoader worker" not in str(error) and (isinstance(error, RuntimeError) or not workers):
            raise
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise CourseError(
            f"batches: expected the DataLoader's workers to go on, got one that died ({said}). "
            "num_workers=0 shows its error; often memory is out."
        ) from error


def _length(batches: Any) -> int | None:
    """Steps of an epoch, where the batches know it before."""
    try:
        return len(batches)
    except TypeError:
        return None


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


def _expect_sensible(epochs: int, patience: int | None, evaluate: Any, parameters: Any) -> None:
    if not isinstance(epochs, numbers.Integral) or epochs < 1:
        raise CourseError(f"epochs: expected a whole number of at least 1, got {epochs!r}. Train for one or more.")
    if patience is None:
        return
    if patience < 1:
        raise CourseError(f"patience: expected at least 1 epoch, got {patience}. Use None to train to the end.")
    if evaluate is None or parameters is None:
        raise CourseError("patience: expected evaluate= and parameters= with it, got one of them missing. Pass both.")


def _expect_savable(step: Any, every: float) -> None:
    if not (hasattr(step, "state_dict") and hasattr(step, "load_state_dict")):
        kind = getattr(step, "__name__", type(step).__name__)
        raise CourseError(
            f"checkpoint: expected a step with state_dict() and load_state_dict(), such as TorchStep, got {kind}. "
            "A bare function cannot say what its optimiser remembers."
        )
    if not isinstance(every, numbers.Real) or not every >= 0:
        raise CourseError(f"every: expected seconds, at least 0, got {every!r}. Write every=30.")
