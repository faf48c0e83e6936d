"""To go on exactly where a run was cut off, one needs its weights, its chance, and its place in the data.

A run resumed in the middle of an epoch asks its batches for that epoch again, with the generators as they were when it
began, leaves out those that it has learned from, and then sets all generators to where they were.
"""

import random
import sys
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.errors import CourseError, DataError
from coursekit.storage import expect_path
from coursekit.train import checkpoints

__all__ = ["Chance", "Saver"]

FORMAT = 1  # of what is in the file; another number is refused


class Chance:
    """The random generators that a run draws from: those of Python, NumPy and PyTorch, of the batches, and others.

    Parameters
    ----------
    batches : object
        Its generator, and that of its sampler and data, are found as ``rng`` or ``generator``.
    others : sequence of Generator
        NumPy's or PyTorch's.

    Raises
    ------
    CourseError
        If one of the others is no generator.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> chance = Chance([], [rng])
    >>> before = chance.state_dict()
    >>> first = rng.random()
    >>> chance.load_state_dict(before)
    >>> rng.random() == first
    True
    """

    def __init__(self, batches: Any, others: Sequence = ()):
        for rng in others:
            if not _is_generator(rng):
                raise CourseError(
                    f"rngs: expected generators of NumPy or PyTorch, got {rng!r}. Pass rngs=[np.random.default_rng(0)]."
                )
        self.own = list({id(rng): rng for rng in [*_generators_of(batches), *others]}.values())

    def state_dict(self) -> dict:
        """Where each of them is now."""
        state = {"python": random.getstate(), "numpy": np.random.get_state(legacy=False)}  # noqa: NPY002
        state["own"] = [_state_of(rng) for rng in self.own]
        torch = sys.modules.get("torch")
        if torch is not None:
            state["torch"] = torch.get_rng_state()
            if torch.cuda.is_initialized():
                state["cuda"] = torch.cuda.get_rng_state_all()
        return state

    def load_state_dict(self, state: dict) -> None:
        """Set each of them to where it was.

        Parameters
        ----------
        state : dict
        """
        random.setstate(state["python"])
        np.random.set_state(state["numpy"])  # noqa: NPY002
        for rng, was in zip(self.own, state["own"], strict=True):
            _set_state(rng, was)
        if "torch" in state:
            import torch

            torch.set_rng_state(state["torch"])
            if "cuda" in state and torch.cuda.is_available():
                torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])

    def expect_same(self, state: dict) -> None:
        """Refuse a state of other generators.

        Parameters
        ----------
        state : dict

        Raises
        ------
        CourseError
            If there were more or fewer of them then.
        """
        if len(state["own"]) != len(self.own):
            raise CourseError(
                f"batches: expected {len(state['own'])} random generators of their own, as then, got {len(self.own)}. "
                "Pass the same kind of batches, and the same rngs=."
            )


class Saver:
    """Writes a run's state to a file from time to time, and reads it back.

    Parameters
    ----------
    path : path
    every : float
        Seconds between two files.
    parts : dict of str to object
        What has state_dict and load_state_dict: the step, the watch of early stopping.
    history : History
    chance : Chance
    """

    def __init__(self, path: Path | str, every: float, parts: dict[str, Any], history: Any, chance: Chance):
        self.path, self.every = expect_path("checkpoint", path), every
        self.parts, self.history, self.chance = parts, history, chance
        if self.path.is_dir() or not self.path.parent.is_dir():
            why = "a folder" if self.path.is_dir() else "one in a folder that is not there"
            raise CourseError(
                f"checkpoint: expected a file to write, got {why}: {str(path)!r}. Name a file in a folder."
            )
        self.position, self.last_batch = 0, ()
        self.at_start = self.now = chance.state_dict()
        self._left_out: int | None = None  # what the last batch to leave out was, in a number
        self._written = time.monotonic()

    def resume(self) -> bool:
        """Go back to what the file says; False if there is none yet.

        Raises
        ------
        CourseError
            If it is no checkpoint of such a run. Nothing is changed then.
        """
        if not self.path.exists():
            return False
        state = checkpoints.read(self.path)
        if state.get("format") != FORMAT or not state.keys() >= {"parts", "history", "at_start", "now", "position"}:
            raise DataError(f"{self.path}: expected a checkpoint of fit, got another one. Write to another path.")
        self.chance.expect_same(state["now"])
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        for name, value in state["history"].items():
            setattr(self.history, name, value)
        self.at_start, self.now, self.position = state["at_start"], state["now"], state["position"]
        self._left_out = state["last_batch"]
        self.chance.load_state_dict(self.at_start if self.position else self.now)
        return True

    def begin_epoch(self) -> None:
        """An epoch is about to ask for its batches."""
        if not self.position:
            self.at_start = self.now = self.chance.state_dict()

    def leave_out(self, batches: Iterator) -> None:
        """Pass by the batches of this epoch that were learned from before the run was cut off.

        Raises
        ------
        CourseError
            If they are fewer, or others, than then.
        """
        for k in range(self.position):
            batch = next(batches, None)
            if batch is None:
                raise CourseError(
                    f"batches: expected the {self.position} that were learned from before, got {k}. Pass the same data."
                )
        if self.position:
            self.last_batch = tuple(batch)
            if _fingerprint(self.last_batch) != self._left_out:
                raise CourseError(
                    f"batches: expected the same as before up to batch {self.position}, got others. Pass the "
                    "same data. If they are drawn by a generator of your own, name it in rngs=[...] of both runs."
                )
            self.chance.load_state_dict(self.now)

    def after_step(self, batch: tuple) -> None:
        """A step is done; write a file if it is time."""
        self.position += 1
        self.last_batch, self.now = batch, self.chance.state_dict()
        if time.monotonic() - self._written >= self.every:
            self.save()

    def end_epoch(self) -> None:
        """An epoch is done and measured."""
        self.position, self.last_batch, self.now = 0, (), self.chance.state_dict()
        if time.monotonic() - self._written >= self.every:
            self.save()

    def save(self) -> None:
        """Write the file, if it does not say so already.

        Raises
        ------
        CourseError
            If it cannot be written.
        """
        state = {
            "format": FORMAT,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "history": asdict(self.history),
            "at_start": self.at_start,
            "now": self.now,
            "position": self.position,
            "last_batch": _fingerprint(self.last_batch),
        }
        checkpoints.write(self.path, state)
        self._written = time.monotonic()


def _generators_of(batches: Any) -> Iterator:
    """The generators of a DataLoader, of the course's own batches, or of what is built alike."""
    for path in ("", "sampler", "batch_sampler", "batch_sampler.sampler", "dataset"):
        holder = batches
        for name in path.split(".") if path else ():
            holder = getattr(holder, name, None)
        for name in ("rng", "generator"):
            rng = getattr(holder, name, None)
            if _is_generator(rng):
                yield rng


def _is_generator(rng: Any) -> bool:
    torch = sys.modules.get("torch")
    return isinstance(rng, np.random.Generator) or (torch is not None and isinstance(rng, torch.Generator))


def _state_of(rng: Any) -> Any:
    return rng.bit_generator.state if isinstance(rng, np.random.Generator) else rng.get_state()


def _set_state(rng: Any, state: Any) -> None:
    if isinstance(rng, np.random.Generator):
        rng.bit_generator.state = state
    else:
        rng.set_state(state)


def _fingerprint(batch: Iterable) -> int:
    """A number made of the labels of a batch; pictures may be changed at random on their way."""
    number = 0
    for part in batch:
        array = np.asarray(part.cpu() if hasattr(part, "cpu") else part)
        if array.dtype.kind in "iub" and array.ndim < 2:
            number = zlib.crc32(np.ascontiguousarray(array).tobytes(), number)
    return number
