"""A bar tells how far training is, how well it goes, how fast, and when it will be done."""

import time
from collections.abc import Mapping

__all__ = ["Bar"]

LOOK = "{desc}{percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
EVERY = 0.2  # seconds between two looks


class Bar:
    """The progress bar of a training, in the notebook or the terminal.

    Parameters
    ----------
    epochs : int
    steps : int or None
        Of an epoch; None where nobody knows before the first has ended.
    done : int
        Epochs that are behind already.
    show : bool

    Examples
    --------
    >>> bar = Bar(epochs=2, steps=10, done=0, show=False)
    >>> bar.step(loss=0.5, rows=128)
    >>> bar.close()
    """

    def __init__(self, epochs: int, steps: int | None, done: int, show: bool):
        from tqdm.auto import tqdm

        self.epochs, self.steps, self.show = epochs, steps, show
        self.epoch, self.metrics = done, {}
        self._bar = tqdm(total=epochs, initial=done, disable=not show, leave=False, bar_format=LOOK, smoothing=0.1)
        self._shown = 0.0
        self.begin_epoch()

    def begin_epoch(self, taken: int = 0) -> None:
        """An epoch begins, or goes on after so many steps."""
        self.taken, self.rows, self.started = taken, 0, time.perf_counter()

    def step(self, loss: float, rows: int) -> None:
        """One more step; the bar is drawn anew some times a second."""
        if not self.show:
            return
        self.taken += 1
        self.rows += rows
        now = time.perf_counter()
        if now - self._shown >= EVERY:
            self._shown = now
            self._draw(loss, now)

    def end_epoch(self, loss: float, metrics: Mapping[str, float]) -> None:
        """An epoch has ended, with these measurements."""
        now = time.perf_counter()
        self.metrics, self.steps, self.epoch = dict(metrics), self.taken, self.epoch + 1
        self.taken = 0
        if self.show:
            self._draw(loss, now)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()

    def _draw(self, loss: float, now: float) -> None:
        part = min(self.taken / self.steps, 1) if self.steps else 0
        self._bar.set_description(f"epoch {min(self.epoch + 1, self.epochs)} of {self.epochs}", refresh=False)
        said = {"loss": loss, **self.metrics}
        if self.rows:
            said["images/s"] = f"{self.rows / max(now - self.started, 1e-9):,.0f}"
        self._bar.set_postfix(said, refresh=False)
        self._bar.update(self.epoch + part - self._bar.n)
        self._bar.refresh()
