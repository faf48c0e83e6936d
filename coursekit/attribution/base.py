"""An explanation gives every feature a number: how much it did for this output. Together they should account for all.

:class:`Attribution` holds such numbers with what they explain. Its :attr:`~Attribution.gap` says whether they add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coursekit.errors import CourseError, ShapeError

__all__ = ["Attribution", "names_of"]

SHOWN = 8  # features in a repr


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """What each feature did for an output, and what that output was.

    Attributes
    ----------
    values : ndarray, (D,) or (N, D), or the shape of a picture in place of D
        One number a feature. A positive one raised the output.
    base_value : ndarray, () or (N,)
        The output without any feature: at the baseline, or its mean over a background set.
    output : ndarray, () or (N,)
        The output that is explained.
    feature_names : tuple of str
        One for each number of a row, or none.
    method : str
        How it was found.
    x : ndarray, shape of `values`, optional
        The rows that are explained.
    std_error : ndarray, shape of `values`, optional
        The standard error of each value, where it was estimated by sampling.
    target : int, optional
        Which of a model's outputs is explained.
    complete : bool
        Whether the method promises that values add up to the output.
    note : str
        Anything a reader should know: that a run was interrupted, for example.
    """

    values: np.ndarray
    base_value: np.ndarray
    output: np.ndarray
    feature_names: tuple[str, ...] = ()
    method: str = ""
    x: np.ndarray | None = field(default=None)
    std_error: np.ndarray | None = None
    target: int | None = None
    complete: bool = True
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("values", "base_value", "output", "x", "std_error"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, np.asarray(given, dtype=np.float64))
        if self.values.shape[: self.output.ndim] != self.output.shape or self.base_value.shape != self.output.shape:
            raise ShapeError(
                f"values: expected a row for each output {self.output.shape} and base value {self.base_value.shape}, "
                f"got {self.values.shape}. Keep one order of axes."
            )

    @property
    def gap(self) -> float:
        """How far values and base value together miss the output: the largest miss of any row.

        Examples
        --------
        >>> Attribution(np.array([1.0, 2.0]), np.array(0.5), np.array(4.0)).gap
        0.5
        """
        features = tuple(range(self.output.ndim, self.values.ndim))
        return float(np.abs(self.base_value + self.values.sum(axis=features) - self.output).max(initial=0.0))

    def __len__(self) -> int:
        """How many rows are explained."""
        return len(self.output) if self.output.ndim else 1

    def __getitem__(self, row: int) -> "Attribution":
        """The explanation of one row."""
        if not self.output.ndim:
            raise CourseError("attribution: expected several rows to choose from, got a single one. Use it as it is.")
        one = {
            name: None if getattr(self, name) is None else getattr(self, name)[row]
            for name in ("values", "base_value", "output", "x", "std_error")
        }
        rest = {name: getattr(self, name) for name in ("feature_names", "method", "target", "complete", "note")}
        return Attribution(**one, **rest)

    def importance(self) -> np.ndarray:
        """How much each feature matters over all rows: the mean size of its values, without the sign.

        Returns
        -------
        ndarray, (D,) or the shape of a picture

        Examples
        --------
        >>> Attribution(np.array([[1.0, 2.0], [-3.0, 0.0]]), np.zeros(2), np.array([3.0, -3.0])).importance()
        array([2., 1.])
        """
        return np.abs(self.values).mean(axis=0) if self.output.ndim else np.abs(self.values)

    def plot(self, kind: str | None = None, ax: Any = None, **settings: Any) -> Any:
        """Draw it: ``"bar"``, ``"waterfall"`` (one row), ``"beeswarm"`` (many rows) or ``"image"``.

        Parameters
        ----------
        kind : str, optional
            Chosen by the shape of the values if left out.
        ax : Axes, optional
        **settings
            As the functions of :mod:`coursekit.plot` take them, which draw it.

        Returns
        -------
        Axes
            With its alternative text.

        Examples
        --------
        >>> ax = Attribution(np.array([1.0, 2.0]), np.array(0.5), np.array(3.5)).plot()
        >>> [float(bar.get_width()) for bar in ax.patches]  # the largest step ends at the output
        [1.0, 2.0]
        """
        from coursekit.plot.attributions import draw

        return draw(self, kind, ax, **settings)

    def __repr__(self) -> str:
        rows = f"{len(self)} outputs" if self.output.ndim else f"the output {self.output:.4g}"
        which = "" if self.target is None else f" number {self.target}"
        shape = self.values.shape[self.output.ndim :]
        sums = f"missed by at most {self.gap:.2g}" if self.complete else "not meant to add up"
        base = f"{self.base_value.mean():.4g}" + (" on average" if self.output.ndim else "")
        lines = [f"{self.method or 'attribution'} of {rows}{which} to features {shape}, from {base}; {sums}"]
        if len(shape) == 1:
            size = self.importance()
            order = np.argsort(-size, kind="stable")[:SHOWN]
            lines += [f"  {self._name(k):24s} {self._value(k)}" for k in order]
            lines += [f"  and {len(size) - SHOWN} more"] if len(size) > SHOWN else []
        return "\n".join(lines + ([f"  {self.note}"] if self.note else []))

    def _name(self, k: int) -> str:
        return self.feature_names[k] if self.feature_names else f"x{k}"

    def _value(self, k: int) -> str:
        if self.output.ndim:
            return f"{self.importance()[k]:.4g} on average, without the sign"
        error = "" if self.std_error is None else f" +- {self.std_error[k]:.2g}"
        return f"{self.values[k]:+.4g}{error}" + ("" if self.x is None else f"  ({self.x[k]:.4g})")


def names_of(feature_names: Sequence[str] | None, features: int) -> tuple[str, ...]:
    """The names of features as a tuple, or none.

    Parameters
    ----------
    feature_names : sequence of str, optional
    features : int
        How many there are.

    Returns
    -------
    tuple of str

    Raises
    ------
    ShapeError
        If there is not one for each feature.

    Examples
    --------
    >>> names_of(["age", "income"], 2), names_of(None, 2)
    (('age', 'income'), ())
    """
    names = tuple(map(str, feature_names)) if feature_names is not None else ()
    if names and len(names) != features:
        raise ShapeError(f"feature_names: expected one for each of {features} features, got {len(names)}. Count them.")
    return names
