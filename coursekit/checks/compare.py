"""Two answers are compared in the order in which a person would look: type, shape, kind of number, values.

The first difference is the one worth telling; :func:`first_difference` returns it as a sentence, or None.
"""

import math
from typing import Any

import numpy as np

__all__ = ["arrays_in", "first_difference", "identical", "same"]

KINDS = {
    "b": "booleans",
    "i": "whole numbers",
    "u": "whole numbers",
    "f": "floating-point numbers",
    "c": "complex numbers",
}
ADVICE = {
    ("f", "i"): "Divide, or convert with `.astype(float)`.",
    ("f", "b"): "Convert with `.astype(float)`.",
    ("i", "b"): "Convert with `.astype(int)`.",
    ("i", "f"): "Convert with `.astype(int)`.",
    ("b", "i"): "A comparison such as `x > 0` gives booleans.",
    ("b", "f"): "A comparison such as `x > 0` gives booleans.",
}


def first_difference(
    expected: Any, got: Any, *, low_precision: bool = False, name: str = "", kinds: bool = True
) -> str | None:
    """The first thing in which `got` differs from `expected`, as a sentence; None if nothing does.

    Parameters
    ----------
    expected, got : array, number, str, bool, None, or tuple, list or dict of these
    low_precision : bool
        Whether the inputs were float32, so that a result may be off by their rounding.
    name : str
        What to call the value in the sentence.
    kinds : bool
        Whether the kind of number (truth value, whole, floating-point) counts.

    Examples
    --------
    >>> first_difference(np.zeros((2, 3)), np.zeros((3, 2)))
    'Shape: expected (2, 3), got (3, 2). It looks transposed.'
    >>> first_difference(0.5, 0.5 + 1e-12) is None
    True
    """
    where = f"{name}: " if name else ""
    if got is None and expected is not None:
        return f"{where}Expected {_described(expected)}, got None. Does every path end in `return`?"
    if isinstance(expected, dict | tuple | list):
        return _first_in_collection(expected, got, low_precision, name, kinds)
    if isinstance(expected, np.ndarray) and not isinstance(got, np.ndarray):
        advice = " Wrap it in `np.array(...)`." if isinstance(got, list) else ""
        return f"{where}Expected a NumPy array, got {_described(got)}.{advice}"
    if expected is None or isinstance(expected, str):
        return None if _equal_plain(expected, got) else f"{where}Expected {expected!r}, got {got!r}."
    if not isinstance(got, np.ndarray | np.generic | int | float | complex):
        return f"{where}Expected {_described(expected)}, got {_described(got)}."
    fault = _first_in_array(np.asarray(expected), np.asarray(got), low_precision, kinds)
    return f"{where}{fault}" if fault else None


def same(a: Any, b: Any, *, low_precision: bool = False, kinds: bool = True) -> bool:
    """Whether two answers are the same, up to rounding; NaN equals NaN."""
    return first_difference(a, b, low_precision=low_precision, kinds=kinds) is None


def identical(a: Any, b: Any) -> bool:
    """Whether two values are the same to the last bit; NaN equals NaN.

    Examples
    --------
    >>> identical([np.ones(2), "a"], [np.ones(2), "a"])
    True
    """
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(identical(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(identical(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        if object in (a.dtype, b.dtype):
            return repr(a) == repr(b)
        return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if isinstance(a, np.random.Generator) and isinstance(b, np.random.Generator):
        return True  # drawing numbers from a generator is what it is for
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    try:
        equal = a == b
    except Exception:  # whatever an odd object's comparison raises
        return False
    return type(a) is type(b) and (a is b or (isinstance(equal, bool | np.bool_) and bool(equal)))


def arrays_in(value: Any) -> list[np.ndarray]:
    """Every array in a value, however deep it lies in tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [array for part in value for array in arrays_in(part)]
    return []


def _equal_plain(expected: Any, got: Any) -> bool:
    return type(expected) is type(got) and bool(expected == got)


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, bool | np.bool_):
        return f"the truth value {value}"
    if isinstance(value, int | float | np.number):
        return f"the number {value:.6g}"
    if isinstance(value, tuple | list | dict):
        return f"a {type(value).__name__} of {len(value)} values"
    return f"a {type(value).__name__}"


def _first_in_collection(expected: Any, got: Any, low_precision: bool, name: str, kinds: bool) -> str | None:
    where = f"{name}: " if name else ""
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return f"{where}Expected a dict with {', '.join(map(repr, expected))}, got {_described(got)}."
        if missing := [k for k in expected if k not in got]:
            return f"{where}The dict has no {missing[0]!r}. It needs {', '.join(map(repr, expected))}."
        pairs = [(str(k), expected[k], got[k]) for k in expected]
    else:
        if not isinstance(got, tuple | list):
            return f"{where}Expected {len(expected)} values (`return a, b, ...`), got {_described(got)}."
        if len(got) != len(expected):
            return f"{where}Expected {len(expected)} values, got {len(got)}."
        names = getattr(expected, "_fields", None) or [
            f"value {i + 1} of {len(expected)}" for i in range(len(expected))
        ]
        pairs = list(zip(names, expected, got, strict=True))
    for label, want, have in pairs:
        full = f"{name} {label}".strip()
        if fault := first_difference(want, have, low_precision=low_precision, name=full, kinds=kinds):
            return fault
    return None


def _first_in_array(expected: np.ndarray, got: np.ndarray, low_precision: bool, kinds: bool) -> str | None:
    if expected.shape != got.shape:
        return f"Shape: expected {_shape(expected)}, got {_shape(got)}.{_shape_advice(expected.shape, got.shape)}"
    want, have = expected.dtype.kind.replace("u", "i"), got.dtype.kind.replace("u", "i")
    if not kinds and {want, have} <= set("bif"):
        expected, got = expected.astype(float), got.astype(float)
    elif want != have and not (expected.ndim == 0 and (want, have) == ("f", "i")):
        said = KINDS.get(want, str(expected.dtype)), KINDS.get(have, str(got.dtype))
        advice = ADVICE.get((want, have), "")
        if not expected.ndim:
            advice = {"i": "Wrap it in `int(...)`.", "f": "Wrap it in `float(...)`."}.get(want, advice)
        return f"Type of number: expected {said[0]}, got {said[1]}. {advice}".rstrip()
    if expected.dtype.kind not in "fc":
        wrong = np.asarray(expected != got)
        return _value_sentence(expected, got, wrong, wrong.astype(float)) if wrong.any() else None
    return _first_in_floats(expected, got, low_precision)


def _first_in_floats(expected: np.ndarray, got: np.ndarray, low_precision: bool) -> str | None:
    unexpected = ~np.isfinite(got) & np.isfinite(expected)
    if unexpected.any():
        index = tuple(int(i) for i in np.argwhere(unexpected)[0])
        at = f" at index {_index(index)}" if index else ""
        return f"{got[index]} appears{at}, where {expected[index]:.6g} is expected."
    single = low_precision or expected.dtype.itemsize < 8
    rtol, atol = (2e-4, 1e-6) if single else (1e-6, 1e-9)
    wrong = ~np.isclose(got, expected, rtol=rtol, atol=atol, equal_nan=True)
    if not wrong.any():
        return None
    with np.errstate(all="ignore"):
        size = np.abs(got - expected) / (np.abs(expected) + np.abs(expected[np.isfinite(expected)]).max(initial=1e-12))
    return _value_sentence(expected, got, wrong, np.where(np.isnan(size), np.inf, size))


def _value_sentence(expected: np.ndarray, got: np.ndarray, wrong: np.ndarray, size: np.ndarray) -> str:
    index = tuple(int(i) for i in np.unravel_index(np.argmax(np.where(wrong, size, -1.0)), wrong.shape))
    want, have = (f"{array[index]:.6g}" if array.dtype.kind == "f" else str(array[index]) for array in (expected, got))
    if not index:
        return f"Value: expected {want}, got {have}."
    return f"Values: worst at index {_index(index)}: expected {want}, got {have} ({int(wrong.sum())} of {wrong.size} differ)."


def _index(index: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, index)) + "]"


def _shape(array: np.ndarray) -> str:
    return str(array.shape) if array.ndim else "() (one number)"


def _shape_advice(expected: tuple[int, ...], got: tuple[int, ...]) -> str:
    if expected == () and math.prod(got) == 1:
        return " Return the number itself, not an array that holds one."
    if got == expected[::-1]:
        return " It looks transposed."
    if len(got) == len(expected) - 1 and [s for s in expected if s != 1] == [s for s in got if s != 1]:
        return " An axis of size 1 is lost: try `keepdims=True`."
    if math.prod(got) == math.prod(expected) and got:
        return " The numbers are as many, but arranged in other axes."
    if len(got) < len(expected):
        return " One axis too many was summed or indexed away."
    return ""
