"""A time series is one row a day, in order: what comes next is to be said from what came before.

:func:`seattle_weather` reads one. The future is never shuffled into the past: cut a series with a slice.
"""

import csv
import gzip
import io
from dataclasses import dataclass

import numpy as np

from coursekit.errors import DataError
from coursekit.registry import registry, verify

__all__ = ["Series", "seattle_weather"]

NUMBERS = ("precipitation", "temp_max", "temp_min", "wind")


@dataclass(frozen=True, eq=False, repr=False)
class Series:
    """Measurements at equal distances in time.

    Attributes
    ----------
    name : str
    dates : ndarray of datetime64[D], (T,)
    columns : dict of ndarray of float64, (T,)
        What was measured, by name; read-only.
    weather : ndarray of str, (T,)
        The day in a word.
    units : dict of str
        Of each column.
    about : str
    """

    name: str
    dates: np.ndarray
    columns: dict[str, np.ndarray]
    weather: np.ndarray
    units: dict[str, str]
    about: str = ""

    def __repr__(self) -> str:
        lines = [f"{self.name}: {len(self.dates):,} days, {self.dates[0]} to {self.dates[-1]}"]
        for name, values in self.columns.items():
            lines.append(f"  {name:13s} {values.min():g} to {values.max():g} {self.units[name]}")
        return "\n".join([*lines, self.about])


def seattle_weather() -> Series:
    """Four years of daily weather at Seattle, without a gap.

    Returns
    -------
    Series

    Raises
    ------
    DataError
        If the file is missing, truncated or changed.

    Examples
    --------
    >>> weather = seattle_weather()
    >>> weather.columns["temp_max"][:3], weather.dates[-1]
    (array([12.8, 10.6, 11.7]), np.datetime64('2015-12-31'))
    """
    verify("seattle_weather")
    row = registry()["seattle_weather"]
    try:
        with gzip.open(row.path, "rb") as stream:
            rows = list(csv.DictReader(io.StringIO(stream.read().decode("utf-8"), newline="")))
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"series: expected a gzipped csv in {row.path}, got: {error}. Restore the file.") from None
    columns = {name: np.array([float(line[name]) for line in rows]) for name in NUMBERS}
    for values in columns.values():
        values.setflags(write=False)
    units = dict.fromkeys(NUMBERS, "degrees Celsius") | {"precipitation": "mm", "wind": "metres a second"}
    return Series(
        "seattle_weather",
        np.array([line["date"] for line in rows], dtype="datetime64[D]"),
        columns,
        np.array([line["weather"] for line in rows]),
        units,
        f"  licence       {row.licence}\n  source        {row.source}\n  cite          {row.citation}",
    )
