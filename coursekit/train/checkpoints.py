"""A checkpoint of training is all that a run needs in order to go on: weights, optimiser, chance, place in the data.

One safetensors file: the arrays by name, and in its header, as JSON text, how they and all other values hang together.
Nothing in it can run when it is opened. What goes into it is :mod:`coursekit.train.resuming`'s matter.
"""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.errors import CourseError, DataError
from coursekit.scratch import checkpoint

__all__ = ["read", "write"]

NOTE = "coursekit.training"  # the name of our text in the header
ODD_KINDS = {"bfloat16": "int16", "float8_e4m3fn": "int8", "float8_e5m2": "int8"}  # torch's that NumPy has not


def write(path: Path | str, tree: Mapping) -> None:
    """Write nested dicts, lists and tuples of arrays, tensors, numbers and texts to a file, whole or not at all.

    Parameters
    ----------
    path : path
        The file, in a folder that is there. What it held before is replaced.
    tree : dict

    Raises
    ------
    CourseError
        If there is something else in it, such as a function, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/run", {"weights": np.array([1.0, 2.0]), "betas": (0.9, 0.99), "state": {0: None}})
    ...     read(f"{folder}/run")
    {'weights': array([1., 2.]), 'betas': (0.9, 0.99), 'state': {0: None}}
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_packed(tree, "", arrays), allow_nan=False)
    checkpoint.save(arrays, path, notes={NOTE: text})


def read(path: Path | str) -> dict:
    """Read what :func:`write` has written.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        The same tree; arrays and tensors are nobody else's.

    Raises
    ------
    DataError
        If the file is missing, truncated, of another format, or holds weights only.

    Examples
    --------
    >>> read("nowhere")
    Traceback (most recent call last):
        ...
    coursekit.errors.DataError: path: expected a file, got none at 'nowhere'. Look for a slip of the pen.
    """
    arrays, notes = checkpoint.read(path)
    if NOTE not in notes:
        raise DataError(
            f"{path}: expected a checkpoint of training, got a safetensors file with {len(arrays)} arrays and nothing "
            "else. Weights alone are read with coursekit.scratch.checkpoint.load."
        )
    try:
        return _unpacked(json.loads(notes[NOTE]), arrays)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: expected a sound checkpoint of training, got one whose text is damaged ({error!r}). Copy it anew."
        ) from error


def _packed(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """A value as JSON; arrays go into `arrays` under their path, and their name stands for them."""
    if isinstance(value, np.bool_ | np.integer | np.floating):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, list | tuple):
        items = [_packed(item, f"{name}.{k}", arrays) for k, item in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, Mapping):
        return {"dict": [[_key(key, name), _packed(item, f"{name}.{key}", arrays)] for key, item in value.items()]}
    return _packed_array(value, name.removeprefix("."), arrays)


def _key(key: Any, name: str) -> str | int:
    if isinstance(key, str | int) and not isinstance(key, bool):
        return key
    raise CourseError(f"checkpoint: expected text or whole numbers as keys of {name}, got {key!r}. Rename it.")


def _packed_array(value: Any, name: str, arrays: dict[str, np.ndarray]) -> dict:
    while name in arrays:  # {"a.b": ..., "a": {"b": ...}}
        name += "'"
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if _is_tensor(value):
        kind = str(value.dtype).removeprefix("torch.")
        value = value.detach().cpu()
        odd = ODD_KINDS.get(kind)
        arrays[name] = (value.contiguous().view(_torch_kind(odd)) if odd else value).numpy()
        return {"tensor": name, "kind": kind}
    what = f"a {type(value).__name__}"
    raise CourseError(
        f"checkpoint: expected arrays, numbers and texts to save, got {what} at {name!r}. "
        "Leave it out of state_dict(), or make it of such."
    )


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")  # where nobody has imported it, nothing is a tensor
    return torch is not None and isinstance(value, torch.Tensor)


def _torch_kind(kind: str):
    import torch

    return getattr(torch, kind)


def _unpacked(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        import torch

        tensor = torch.from_numpy(arrays[value["tensor"]])
        return tensor.view(_torch_kind(value["kind"])) if value["kind"] in ODD_KINDS else tensor
    if "array" in value:
        return arrays[value["array"]]
    if "float" in value:
        return float(value["float"])
    if "tuple" in value:
        return tuple(_unpacked(item, arrays) for item in value["tuple"])
    return {key: _unpacked(item, arrays) for key, item in value["dict"]}
