r"""Where does a token's knowledge come from, after several layers of attention? Multiply the ways.

In each layer half of a token goes on unchanged (the residual connection) and half is what it takes from others: R_l
= (A_l + I) / 2, with A_l the mean over heads. The product R_L ... R_1 says how much of every input token is in every
output token, if nothing but mixing happened. What the layers do to the numbers is left out: a picture, not a proof.

Source: Abnar and Zuidema (2020), Quantifying attention flow in transformers.
"""

from collections.abc import Sequence

import numpy as np

from coursekit.errors import CourseError, ShapeError

__all__ = ["attention_rollout"]


def attention_rollout(weights: Sequence[np.ndarray], residual: float = 0.5) -> np.ndarray:
    """How much of each input token is in each output token.

    Parameters
    ----------
    weights : sequence of ndarray, (H, T, T) or (T, T)
        Attention of each layer, the first layer first; every row sums to 1.
    residual : float
        The share that goes on unchanged.

    Returns
    -------
    ndarray, (T, T)
        Row t: output token t. Every row sums to 1.

    Raises
    ------
    ShapeError
        If a layer is no square table, or layers differ in T.
    CourseError
        If there is no layer, rows do not sum to 1, or `residual` is not from 0 to 1.

    Examples
    --------
    >>> attention_rollout([np.array([[1.0, 0.0], [1.0, 0.0]])])  # the second token looks at the first
    array([[1. , 0. ],
           [0.5, 0.5]])
    """
    if not len(weights):
        raise CourseError("weights: expected the attention of at least one layer, got none. Collect them in forward().")
    if not 0 <= residual <= 1:
        raise CourseError(f"residual: expected a share from 0 to 1, got {residual!r}. A half is usual.")
    flow = None
    for k, layer in enumerate(weights):
        table = np.asarray(layer, dtype=np.float64)
        table = table.mean(axis=0) if table.ndim == 3 else table
        if table.ndim != 2 or table.shape[0] != table.shape[1] or (flow is not None and table.shape != flow.shape):
            raise ShapeError(f"weights: expected (H, T, T) in every layer, got {np.shape(layer)} in layer {k}.")
        if not np.allclose(table.sum(axis=1), 1, atol=1e-4) or table.min() < 0:
            raise CourseError(
                f"weights: expected rows that sum to 1, got others in layer {k}. Take them after the softmax."
            )
        mixed = (1 - residual) * table + residual * np.eye(len(table))  # (T, T)
        flow = mixed if flow is None else mixed @ flow
    return flow
