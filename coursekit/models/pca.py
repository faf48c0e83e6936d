"""Principal component analysis turns the axes of space so that a few of them carry most of what varies.

It is also the best autoencoder without a bend: :func:`linear_autoencoder` writes it as the weights of two layers. NumPy
only. Letters: N rows, D features, K axes that are kept.
"""

from typing import NamedTuple

import numpy as np

from coursekit.errors import CourseError, expect_shape

__all__ = ["LinearAutoencoder", "linear_autoencoder", "principal_angles", "principal_axes"]


class LinearAutoencoder(NamedTuple):
    """Weights of two layers in the layout of ``torch.nn.Linear``: (out, in) for a weight, (out,) for a bias."""

    encoder_weight: np.ndarray  # (K, D)
    encoder_bias: np.ndarray  # (K,)
    decoder_weight: np.ndarray  # (D, K)
    decoder_bias: np.ndarray  # (D,)


def principal_axes(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Find the mean of the rows and the k directions in which they vary most.

    Parameters
    ----------
    x : ndarray, (N, D)
    k : int
        From 1 to the smaller of N and D.

    Returns
    -------
    mean : ndarray, (D,)
    axes : ndarray, (K, D)
        Rows of length 1, at right angles to each other; the first carries most. The sign of each is arbitrary.

    Raises
    ------
    ShapeError
        If `x` is no table.
    CourseError
        If `k` is out of reach.

    Notes
    -----
    With the singular value decomposition X - mean = U S V^T the axes are the first k rows of V^T, and S_i^2 / N is the
    variance along axis i. :math:`S` comes in falling order.

    Source
    ------
    Pearson (1901), On lines and planes of closest fit; Eckart and Young (1936), The approximation of one matrix by
    another of lower rank.

    Examples
    --------
    >>> mean, axes = principal_axes(np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]), 1)
    >>> mean
    array([2., 3.])
    >>> np.abs(axes).round(4)
    array([[0.7071, 0.7071]])
    """
    x = np.asarray(x)
    expect_shape("x", x, ("N", "D"))
    most = min(x.shape)
    if not 1 <= k <= most:
        raise CourseError(f"k: expected 1 to {most} axes for a table of shape {x.shape}, got {k}. Keep fewer.")
    mean = x.mean(axis=0)  # (D,)
    axes = np.linalg.svd(x - mean, full_matrices=False)[2]  # (min(N, D), D), largest singular value first
    return mean, axes[:k].copy()  # (D,), (K, D)


def linear_autoencoder(x: np.ndarray, k: int) -> LinearAutoencoder:
    r"""The best autoencoder with two straight layers and a code of k numbers, without any training.

    Parameters
    ----------
    x : ndarray, (N, D)
    k : int
        Size of the code.

    Returns
    -------
    LinearAutoencoder
        encoder_weight (K, D), encoder_bias (K,), decoder_weight (D, K), decoder_bias (D,).

    Raises
    ------
    ShapeError
        If `x` is no table.
    CourseError
        If `k` is out of reach.

    Notes
    -----
    The code is z = A (x - m) = A x - A m and the reconstruction A^T z + m, with the principal axes A and the mean m.
    With any invertible (K, K) matrix M between the two, M A and A^T M^{-1}, it is exactly as good: only the subspace is
    determined.

    Source
    ------
    Baldi and Hornik (1989), Neural networks and principal component analysis: learning from examples without local
    minima.

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    >>> net = linear_autoencoder(x, 1)
    >>> code = x @ net.encoder_weight.T + net.encoder_bias
    >>> np.allclose(code @ net.decoder_weight.T + net.decoder_bias, x)
    True
    """
    mean, axes = principal_axes(x, k)
    return LinearAutoencoder(axes, -axes @ mean, axes.T.copy(), mean)


def principal_angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    r"""The angles between two subspaces, in degrees: all 0 if they are the same, 90 where they have nothing in common.

    Parameters
    ----------
    a, b : ndarray, (K, D) and (M, D)
        The rows of each span a subspace. They need be neither of length 1 nor at right angles.

    Returns
    -------
    ndarray, (min(K, M),)
        Rising, in degrees.

    Raises
    ------
    ShapeError
        If they are no tables with the same number of columns.
    CourseError
        If the rows of one do not span as many dimensions as there are rows.

    Notes
    -----
    With orthonormal bases Q_a, Q_b the cosines are the singular values of Q_a^T Q_b, and the sines those of what is
    left of Q_b outside of the first subspace. Each angle is taken from the one of the two that tells it more exactly.

    Source
    ------
    Björck and Golub (1973), Numerical methods for computing angles between linear subspaces.

    Examples
    --------
    >>> principal_angles([[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 1, 1]]).round(1)
    array([ 0., 45.])
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    expect_shape("a", a, ("K", "D"))
    expect_shape("b", b, ("M", a.shape[1]))
    if len(a) < len(b):
        a, b = b, a
    q_a, q_b = _basis(a), _basis(b)  # (D, K), (D, M)
    inner = q_a.T @ q_b  # (K, M)
    cosine = np.linalg.svd(inner, compute_uv=False)  # falling
    sine = np.linalg.svd(q_b - q_a @ inner, compute_uv=False)[::-1]  # rising
    exact = np.where(cosine**2 < 0.5, np.arccos(cosine.clip(0, 1)), np.arcsin(sine.clip(0, 1)))
    return np.degrees(exact)


def _basis(rows: np.ndarray) -> np.ndarray:
    """An orthonormal basis, as columns, of what the rows span."""
    if not rows.size or np.linalg.matrix_rank(rows) < len(rows):
        raise CourseError(f"rows: expected {len(rows)} independent directions, got fewer. Remove sums of others.")
    return np.linalg.qr(rows.T)[0]
