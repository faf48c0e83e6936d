"""A record is worth as much as what stands beside its numbers: device, versions, date, command, settings."""

import importlib
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coursekit import __version__
from coursekit.device import describe, pick_device
from coursekit.device.runs import RECORD, runs_folder
from coursekit.errors import CourseError, expect_known
from coursekit.storage import write_whole

__all__ = ["EXPERIMENTS", "Experiment", "record"]


@dataclass(frozen=True)
class Experiment:
    """An experiment: what it is about, and the module whose ``measure`` runs it.

    Attributes
    ----------
    about : str
        One line.
    module : str
        Its ``measure(device, **settings)`` returns a dict with "summary", numbers by name, and "rows", a table;
        its ``FULL_SIZE`` holds the settings of a recorded run.
    """

    about: str
    module: str

    def measure(self, device: str, **settings: Any) -> dict[str, Any]:
        """Run it.

        Parameters
        ----------
        device : str
        **settings
            Those that `module` knows; what is left out is at full size.

        Returns
        -------
        dict
        """
        module = importlib.import_module(self.module)
        return module.measure(device, **(module.FULL_SIZE | settings))

    def full_size(self) -> dict[str, Any]:
        """The settings of a recorded run."""
        return dict(importlib.import_module(self.module).FULL_SIZE)


EXPERIMENTS = {
    "throughput": Experiment(
        "training steps: images a second on processor and accelerator, by model and batch size",
        "coursekit.accelerator.throughput",
    ),
    "resnet": Experiment(
        "a residual network on fashion_mnist, with shifts, flips and erased patches", "coursekit.accelerator.resnet"
    ),
    "gan": Experiment("a longer game of generator and discriminator on fashion_mnist", "coursekit.accelerator.gan"),
    "gpt": Experiment(
        "a GPT of ten million weights on Austen's novels, and three sizes with three budgets each",
        "coursekit.accelerator.gpt",
    ),
}


def record(name: str, *, clock: Callable[[], float] = time.perf_counter) -> Path:
    """Run an experiment at full size on this machine's accelerator and write what it measured.

    Parameters
    ----------
    name : str
        One of ``EXPERIMENTS``.
    clock : callable
        Seconds.

    Returns
    -------
    Path
        The file, ``data/accelerator_runs/NAME.json``.

    Raises
    ------
    UnknownNameError
        If there is no such experiment.
    CourseError
        If there is no accelerator here, or the file cannot be written: nothing is run then.

    Examples
    --------
    >>> record("throughputs")
    Traceback (most recent call last):
        ...
    coursekit.errors.UnknownNameError: experiment: expected a known name, got 'throughputs'. Did you mean 'throughput'?
    """
    experiment = EXPERIMENTS[expect_known("experiment", name, EXPERIMENTS)]
    kind = pick_device()
    if kind == "cpu":
        raise CourseError(
            "device: expected an accelerator to record a run of, got the processor alone. Run this where PyTorch finds "
            "CUDA or Apple's GPU."
        )
    path = runs_folder() / f"{name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise CourseError(
            f"data: expected a folder that can be written, got {str(path.parent)!r} ({error.strerror}). "
            "Set COURSEKIT_DATA to another."
        ) from error
    start = clock()
    found = experiment.measure(kind)
    run = {
        "name": name,
        "about": experiment.about,
        "device": str(describe(kind)),
        "processor": str(describe("cpu")),
        "versions": _versions(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"{RECORD} {name}",
        "seconds": round(clock() - start, 1),
        "settings": {key: _plain(value) for key, value in experiment.full_size().items()},
        "summary": found["summary"],
        "rows": found["rows"],
    }
    write_whole(path, (json.dumps(run, indent=1, allow_nan=False) + "\n").encode("utf-8"))
    return path


def _versions() -> dict[str, str]:
    import numpy as np
    import torch

    found = {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}
    if torch.version.cuda:
        found["CUDA"] = torch.version.cuda
    return found | {"coursekit": __version__}


def _plain(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, tuple) else value
