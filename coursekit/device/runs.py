"""A recorded run is a measurement that somebody made on an accelerator: what, where, when, with which command.

It lies in ``data/accelerator_runs/NAME.json``, and shows itself as what it is: recorded, not computed here and now.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.errors import CourseError, DataError
from coursekit.places import data_folder

__all__ = ["Recorded", "recorded", "runs_folder"]

NEEDED = {"name": str, "about": str, "device": str, "versions": dict, "date": str, "command": str, "seconds": float}
RECORD = "python -m coursekit.device record"


@dataclass(frozen=True)
class Recorded:
    """A recorded run, or the news that there is none yet; printing it tells all, and one that is there counts as true.

    Attributes
    ----------
    name : str
    run : dict or None
        What the file says: "about", "device", "versions", "date", "command", "seconds", "settings", and what was
        measured: "summary", numbers by name, and "rows", a table as a list of dicts.
    """

    name: str
    run: Mapping[str, Any] | None

    def __bool__(self) -> bool:
        return self.run is not None

    def __str__(self) -> str:
        if self.run is None:
            return (
                f"No recorded run of {self.name!r} yet. On a machine with an accelerator this makes one: "
                f"{RECORD} {self.name}"
            )
        run = self.run
        versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
        lines = [
            f"Recorded run {self.name!r}, not computed here: {run['about']}",
            f"  device    {run['device']}",
            f"  versions  {versions}",
            f"  date      {run['date']}, {run['seconds']:,.0f} s",
            f"  command   {run['command']}",
        ]
        if run.get("settings"):
            lines.append(
                "  settings  " + ", ".join(f"{name} {_said(value)}" for name, value in run["settings"].items())
            )
        lines += [f"  {name}: {_said(value)}" for name, value in run["summary"].items()]
        return "\n".join([*lines, *_table(run["rows"])])

    __repr__ = __str__


def recorded(name: str) -> Recorded:
    """The recorded run of an experiment, to be printed where no accelerator is at hand.

    Parameters
    ----------
    name : str
        "throughput", for example: one of those that ``python -m coursekit.device list`` names.

    Returns
    -------
    Recorded

    Raises
    ------
    CourseError
        If `name` can be no name of a run.
    DataError
        If its file is damaged.

    Examples
    --------
    >>> print(recorded("nothing"))
    No recorded run of 'nothing' yet. On a machine with an accelerator this makes one: python -m coursekit.device record
    nothing
    """
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise CourseError(f'name: expected a name such as "throughput", got {name!r}. Use small letters.')
    path = runs_folder() / f"{name}.json"
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Recorded(name, None)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: expected a recorded run as JSON, got a damaged file ({error}). Restore it."
        ) from error
    _expect_whole(path, run, name)
    return Recorded(name, run)


def runs_folder() -> Path:
    """Where recorded runs lie."""
    return data_folder() / "accelerator_runs"


def _expect_whole(path: Path, run: Any, name: str) -> None:
    """A number without its device and date is no evidence."""
    if not isinstance(run, dict):
        raise DataError(f"{path}: expected a recorded run, got a {type(run).__name__}. Record it anew.")
    for key, kind in (NEEDED | {"summary": dict, "rows": list}).items():
        kinds = (int, float) if kind is float else kind
        if not isinstance(run.get(key), kinds) or (kind is str and not run[key]):
            raise DataError(f"{path}: expected {key!r} as a {kind.__name__}, got {run.get(key)!r}. Record it anew.")
    if run["name"] != name:
        raise DataError(f"{path}: expected the run {name!r}, got {run['name']!r}. Rename the file back.")
    if not all(isinstance(row, dict) and row.keys() == run["rows"][0].keys() for row in run["rows"]):
        raise DataError(f"{path}: expected rows with the same columns, got different ones. Record it anew.")


def _table(rows: list[Mapping[str, Any]]) -> list[str]:
    """Rows as lines; numbers stand to the right."""
    if not rows:
        return []
    cells = [list(rows[0]), *([_said(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [not isinstance(value, str) for value in rows[0].values()]
    return [
        "  " + "  ".join(f"{c:>{w}}" if r else f"{c:{w}}" for c, w, r in zip(line, widths, right, strict=True)).rstrip()
        for line in cells
    ]


def _said(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
