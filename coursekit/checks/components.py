"""Exercises of *Autoencoders*: principal components, and the linear autoencoder that needs no training."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import pca

__all__ = ["closed_form", "principal_axes"]


def _cases(rng):
    stretched = rng.normal(size=(30, 5)) @ rng.normal(size=(5, 5)) + np.arange(5)
    yield stretched, 2
    yield rng.normal(size=(40, 7)) * np.arange(1, 8) - 3, 3  # the last columns vary most
    yield rng.normal(size=(6, 12)) + 4, 2  # fewer rows than columns
    yield rng.normal(size=(1, 4)), 1  # a batch of one: nothing varies
    yield np.zeros((5, 3)), 2
    yield 500 + 100 * rng.normal(size=(20, 4)), 1
    yield rng.normal(size=(25, 4)), 4  # nothing is left out
    yield (rng.normal(size=(30, 6)) * np.arange(6, 0, -1) + 1).astype(np.float32), 2


def _several(found, count, wanted):
    """The answer, if it is as many NumPy arrays as wanted."""
    if found is None:
        raise UnusableAnswerError(f"Expected {wanted}, got None. Does every path end in `return`?")
    parts = found if isinstance(found, tuple | list) else [found]
    kinds = ", ".join(f"{type(part).__name__} {np.shape(part) or ''}".strip() for part in parts)
    if len(parts) != count or parts is not found:
        raise UnusableAnswerError(f"Expected {wanted}, got {len(parts)}: {kinds}.")
    if odd := [type(part).__name__ for part in parts if not isinstance(part, np.ndarray | np.generic | int | float)]:
        raise UnusableAnswerError(f"Expected {wanted}, got a {odd[0]} among them. Return NumPy arrays.")
    return found


# -- principal axes --------------------------------------------------------------------------------------------------


def _use_axes(obj, x, k):
    """What any right answer has in common, whichever sign its axes have."""
    found = _several(obj(x, k), 2, "two arrays, `return mean, axes`")
    mean, axes = (np.asarray(part) for part in found)
    if axes.shape != (k, x.shape[1]):
        raise UnusableAnswerError(
            f"axes: expected shape {(k, x.shape[1])}, one axis a row, got {axes.shape} for an x of shape {x.shape}."
        )
    along = (x - x.mean(axis=0)) @ axes.T  # (N, K)
    return {
        "mean": mean,
        "inner products of the axes with each other": axes @ axes.T,
        "variance along each axis": along.var(axis=0),
    }


def _svd(x):
    return np.linalg.svd(x, full_matrices=False)


def _not_centred(x, k):
    return x.mean(axis=0), _svd(x)[2][:k]


def _columns_of_vt(x, k):
    mean = x.mean(axis=0)
    return mean, _svd(x - mean)[2][:, :k].T


def _axes_as_columns(x, k):
    mean, axes = pca.principal_axes(x, k)
    return mean, axes.T


def _smallest(x, k):
    mean = x.mean(axis=0)
    return mean, _svd(x - mean)[2][-k:]


def _rising(x, k):
    mean, axes = pca.principal_axes(x, k)
    return mean, axes[::-1]


def _left_vectors(x, k):
    mean = x.mean(axis=0)
    return mean, _svd(x - mean)[0][:, :k].T


def _stretched_axes(x, k):
    mean = x.mean(axis=0)
    _, s, axes = _svd(x - mean)
    return mean, s[:k, None] * axes[:k]


def _standardised(x, k):
    mean, std = x.mean(axis=0), x.std(axis=0)
    return mean, _svd((x - mean) / np.where(std > 0, std, 1))[2][:k]


def _mean_of_each_row(x, k):
    mean = x.mean(axis=1, keepdims=True)
    return mean[:, 0], _svd(x - mean)[2][:k]


def _one_mean(x, k):
    return x.mean(), _svd(x - x.mean())[2][:k]


def _all_axes(x, k):
    mean = x.mean(axis=0)
    return mean, _svd(x - mean)[2]


def _axes_alone(x, k):
    return pca.principal_axes(x, k)[1]


def _axes_first(x, k):
    return pca.principal_axes(x, k)[::-1]


def _eigenvectors(x):
    centred = x - x.mean(axis=0)
    return np.linalg.eigh(centred.T @ centred)[1]  # columns, eigenvalues rising


def _first_eigenvectors(x, k):
    return x.mean(axis=0), _eigenvectors(x)[:, :k].T


def _rows_of_eigenvectors(x, k):
    return x.mean(axis=0), _eigenvectors(x)[::-1][:k]


def _rows_of_u(x, k):
    mean = x.mean(axis=0)
    return mean, _svd(x - mean)[0][:k]


def _singular_values(x, k):
    mean = x.mean(axis=0)
    return mean, _svd(x - mean)[1][:k]


def _codes(x, k):
    mean, axes = pca.principal_axes(x, k)
    return mean, (x - mean) @ axes.T


def _rows_of_covariance(x, k):
    mean = x.mean(axis=0)
    return mean, ((x - mean).T @ (x - mean) / len(x))[:k]


def _single_columns(x, k):
    return x.mean(axis=0), np.eye(x.shape[1])[np.argsort(-x.var(axis=0))[:k]]


def _rows_of_length_one(x, k):
    mean = x.mean(axis=0)
    length = np.linalg.norm(x - mean, axis=1, keepdims=True)
    return mean, _svd((x - mean) / np.where(length > 0, length, 1))[2][:k]


def _centred_rows(x, k):
    mean, axes = pca.principal_axes(x, k)
    return x - mean, axes


def _mean_keeps_its_axis(x, k):
    mean, axes = pca.principal_axes(x, k)
    return mean[None], axes


def _one_number_for_mean(x, k):
    return x.mean(), pca.principal_axes(x, k)[1]


def _median(x, k):
    median = np.median(x, axis=0)
    return median, _svd(x - median)[2][:k]


def _by_eigenvectors(x, k):
    mean = x.mean(axis=0)
    centred = (x - mean).astype(float)
    return mean, np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :k].T


principal_axes = register(
    Exercise(
        id="components.principal_axes",
        notebook="autoencoders",
        reference=pca.principal_axes,
        cases=_cases,
        call=_use_axes,
        alias_ok=True,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "Two steps: take the mean of each column off, then ask the singular value decomposition of what is left.",
            "`np.linalg.svd(x - mean, full_matrices=False)` returns three things, U, S and V transposed. S falls; "
            "which of the three has D columns?",
            "The axes are the first k *rows* of the third: `np.linalg.svd(x - mean, full_matrices=False)[2][:k]`.",
        ],
        misconceptions={
            _not_centred: "x is not centred before the decomposition. The first axis then points at the mean, from the origin, "
            "instead of along what varies. Decompose `x - mean`.",
            _columns_of_vt: "You took columns of the third matrix. NumPy returns V *transposed*: the axes are its rows, `[:k]`.",
            _axes_as_columns: "The axes stand in columns. Here each axis is a row: shape (K, D).",
            _smallest: "These are the last axes, along which the data vary least. The singular values fall: take the first k.",
            _rising: "The right axes, in the wrong order: the first must carry most.",
            _left_vectors: "These are left singular vectors: one number for each *row* of x. The axes live in the space of the "
            "columns, in the third matrix.",
            _stretched_axes: "Each axis is multiplied by its singular value. An axis is a direction: its length is 1.",
            _standardised: "You divided each column by its spread first. That is PCA of the correlations, another question; here the "
            "columns keep their units.",
            _mean_of_each_row: "The mean runs over each row. It is the mean *row*: one number a column, axis=0.",
            _one_mean: "You took one mean for the whole table. Each column has its own: axis=0.",
            _all_axes: "All axes are returned. Keep the first k.",
            _axes_alone: "Return both: the mean, then the axes.",
            _first_eigenvectors: "`np.linalg.eigh` returns its eigenvectors by *rising* eigenvalue: the first columns are the "
            "directions that vary least. Take the last k, turned round.",
            _rows_of_eigenvectors: "`np.linalg.eigh` returns the eigenvectors as *columns*. You took rows of that matrix.",
            _rows_of_u: "These are rows of the first matrix, U. The axes are the rows of the third.",
            _singular_values: "These are the singular values: how much each axis carries. The axes are the rows of the third matrix.",
            _codes: "These are the codes, where each row lies along the axes. Return the axes themselves.",
            _rows_of_covariance: "These are rows of the covariance matrix. Its *eigenvectors* are the axes.",
            _single_columns: "You picked the k columns that vary most. An axis may be any direction, a mixture of all columns.",
            _rows_of_length_one: "Each row was scaled to length 1 first: then rows far from the mean count no more than others. Only "
            "take the mean off.",
            _centred_rows: "The first thing you return is the centred table. Return the mean that was taken off, shape (D,).",
            _mean_keeps_its_axis: "The mean has one axis too many: shape (D,), so without `keepdims=True`.",
            _one_number_for_mean: "The mean that you return is one number for the whole table. Each column has its own: axis=0.",
            _median: "This is the median of each column. PCA takes the mean.",
            _axes_first: "The two are in the wrong order: first the mean, then the axes.",
        },
        variants=(_by_eigenvectors,),
    )
)

# -- the linear autoencoder in closed form ---------------------------------------------------------------------------


def _use_weights(obj, x, k):
    """What the four arrays do together: any right answer reconstructs alike."""
    found = _several(obj(x, k), 4, "four arrays, in the order of the docstring")
    d = x.shape[1]
    wanted, got = ((k, d), (k,), (d, k), (d,)), tuple(np.shape(part) for part in found)
    if got != wanted:
        raise UnusableAnswerError(f"Expected the shapes {wanted}, got {got} (K = {k}, D = {d}).")
    w, b, v, c = found
    code = x @ w.T + b  # (N, K)
    return {"the reconstruction of the mean row": (x.mean(axis=0) @ w.T + b) @ v.T + c, "all rows": code @ v.T + c}


def _form_cases(rng):
    yield rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4)) + np.arange(4), 2
    yield rng.normal(size=(40, 6)) * np.arange(1, 7) - 3, 3
    yield rng.normal(size=(5, 9)) + 4, 2
    yield 1 + rng.normal(size=(1, 4)), 1
    yield np.zeros((5, 3)), 2
    yield 500 + 100 * rng.normal(size=(20, 5)), 1
    yield (rng.normal(size=(30, 6)) * np.arange(6, 0, -1) + 1).astype(np.float32), 2


def _changed(change):
    """A wrong answer that differs from the right one in what `change` makes of its parts."""

    def wrong(x, k):
        mean, axes = pca.principal_axes(x, k)
        return change(x, mean, axes)

    return wrong


_no_encoder_bias = _changed(lambda x, m, a: (a, np.zeros(len(a)), a.T, m))
_no_decoder_bias = _changed(lambda x, m, a: (a, -a @ m, a.T, 0 * m))
_no_bias = _changed(lambda x, m, a: (a, np.zeros(len(a)), a.T, 0 * m))
_plus = _changed(lambda x, m, a: (a, a @ m, a.T, m))
_mean_as_bias = _changed(lambda x, m, a: (a, -m, a.T, m))
_not_transposed = _changed(lambda x, m, a: (a, -a @ m, a, m))
_layout_of_notebook_02 = _changed(lambda x, m, a: (a.T, -a @ m, a, m))
_decoder_first = _changed(lambda x, m, a: (a.T, m, a, -a @ m))
_first_of_the_mean = _changed(lambda x, m, a: (a, -m[: len(a)], a.T, m))
_decoder_minus = _changed(lambda x, m, a: (a, -a @ m, a.T, -m))
_both_signs = _changed(lambda x, m, a: (a, a @ m, a.T, -m))
_minus_in_the_decoder = _changed(lambda x, m, a: (a, np.zeros(len(a)), a.T, -m))
_weights_then_biases = _changed(lambda x, m, a: (a, a.T, -a @ m, m))
_biases_swapped = _changed(lambda x, m, a: (a, m, a.T, -a @ m))
_bias_as_column = _changed(lambda x, m, a: (a, -(a @ m)[:, None], a.T, m))
_code_of_the_mean_twice = _changed(lambda x, m, a: (a, -a @ m, a.T, a @ m))
_reconstruction = _changed(lambda x, m, a: (x - m) @ a.T @ a + m)
_code_and_reconstruction = _changed(lambda x, m, a: ((x - m) @ a.T, (x - m) @ a.T @ a + m))


def _around_the_origin(x, k):
    axes = _svd(x)[2][:k]
    return axes, np.zeros(k), axes.T, np.zeros(x.shape[1])


def _whitened_one_way(x, k):
    mean, axes = pca.principal_axes(x, k)
    spread = ((x - mean) @ axes.T).std(axis=0)[:, None]
    scaled = axes / np.where(spread > 0, spread, 1)
    return scaled, -scaled @ mean, axes.T, mean


def _least_axes(x, k):
    mean, axes = _smallest(x, k)
    return axes, -axes @ mean, axes.T, mean


def _weights_alone(x, k):
    axes = pca.principal_axes(x, k)[1]
    return axes, axes.T


def _stretched(x, k):
    mean = x.mean(axis=0)
    _, s, axes = _svd(x - mean)
    scaled = s[:k, None] * axes[:k]
    return scaled, -scaled @ mean, axes[:k].T, mean


def _by_one_bias(x, k):
    mean, axes = pca.principal_axes(x, k)
    return axes, np.zeros(k, x.dtype), axes.T, mean - axes.T @ (axes @ mean)


def _whitened_and_back(x, k):
    mean, axes = pca.principal_axes(x, k)
    return 2 * axes, -2 * axes @ mean, axes.T / 2, mean


closed_form = register(
    Exercise(
        id="components.closed_form",
        notebook="autoencoders",
        reference=pca.linear_autoencoder,
        cases=_form_cases,
        call=_use_weights,
        alias_ok=True,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "Write PCA as two steps: the code `z = axes @ (x - mean)`, and back, `axes.T @ z + mean`. Then read off what "
            "multiplies and what is added.",
            "`axes @ (x - mean)` is `axes @ x` plus something that does not depend on x: that is the encoder's bias.",
            "Encoder: weight `axes`, bias `-axes @ mean`. Decoder: weight `axes.T`, bias `mean`.",
        ],
        misconceptions={
            _no_encoder_bias: "The encoder has no bias, so the code is that of x instead of x - mean, and the decoder adds the mean to a "
            "picture that has it already.",
            _no_decoder_bias: "The mean is taken off before the bottleneck and never put back: it is the decoder's bias.",
            _no_bias: "Both biases are missing: this projects x itself. PCA projects x - mean, and puts the mean back.",
            _plus: "The sign of the encoder's bias is turned: `axes @ (x - mean)` is `axes @ x - axes @ mean`.",
            _mean_as_bias: "The encoder's bias is added to the *code*, which has K numbers. Take the mean through the axes: `-axes @ mean`.",
            _not_transposed: "The decoder's weight leads from K numbers to D: shape (D, K). Transpose the axes.",
            _layout_of_notebook_02: "This is the layout of notebook 02, X @ W. In PyTorch a weight is (out, in): (K, D) for the encoder.",
            _decoder_first: "The decoder stands first. Order: encoder weight, encoder bias, decoder weight, decoder bias.",
            _around_the_origin: "The axes come from x without its mean taken off.",
            _whitened_one_way: "The code is divided by its spread, and the decoder does not multiply it back.",
            _least_axes: "These are the axes along which the data vary least.",
            _weights_alone: "The two biases are missing.",
            _first_of_the_mean: "The encoder's bias is not a piece of the mean. Take the mean through the axes: `-axes @ mean`.",
            _decoder_minus: "The decoder takes the mean off once more. It has to put it back: `+ mean`.",
            _both_signs: "Both biases have the wrong sign: the encoder takes the mean off, the decoder puts it back.",
            _minus_in_the_decoder: "The mean is taken off in the decoder, where it has to be put back. Taking it off is the encoder's "
            "part: bias `-axes @ mean`.",
            _weights_then_biases: "Both weights come first here. Order: encoder weight, encoder bias, decoder weight, decoder bias.",
            _biases_swapped: "The two biases are swapped: the encoder's has K numbers, the decoder's D.",
            _bias_as_column: "The encoder's bias is a column, (K, 1). A bias has one axis: (K,).",
            _code_of_the_mean_twice: "The decoder's bias is added to a *picture*, which has D numbers: it is the mean itself.",
            _reconstruction: "This is the reconstruction of x. Return the weights that would compute it, four arrays.",
            _code_and_reconstruction: "These are the code and the reconstruction of x. Return the weights that would compute them.",
            _stretched: "The encoder is multiplied by the singular values, and the decoder does not divide by them. PCA has axes of length 1.",
        },
        variants=(_by_one_bias, _whitened_and_back),
    )
)
