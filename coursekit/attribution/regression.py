r"""The straight line through what pairs of coalitions are worth: its slopes are Shapley values.

A coalition and its complement together ask about the odd part of a game, which is the only one that moves a Shapley
value. :mod:`coursekit.attribution.kernel` chooses pairs and says why the line gets products of three players as well.

Source: Lundberg and Lee (2017), A unified approach to interpreting model predictions, theorem 2; Covert and Lee (2021),
Improving KernelSHAP: practical Shapley value estimation using linear regression (pairs, standard errors).
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from coursekit.errors import CourseError

__all__ = ["Coalitions", "Regression", "kernel_weights"]


def kernel_weights(d: int) -> np.ndarray:
    """The Shapley kernel: the weight of one coalition of each size.

    Parameters
    ----------
    d : int

    Returns
    -------
    ndarray, (d - 1,)
        Of sizes 1 to d - 1. The empty and the full coalition have infinite weight: they are kept as constraints.

    Source
    ------
    Lundberg and Lee (2017), theorem 2.

    Examples
    --------
    >>> kernel_weights(3)
    array([0.33333333, 0.33333333])
    """
    return np.array([(d - 1) / (math.comb(d, s) * s * (d - s)) for s in range(1, d)])


@dataclass(frozen=True)
class Coalitions:
    """Coalitions that were chosen, one of each pair with its complement.

    Attributes
    ----------
    first : ndarray of bool, (P, d)
    weight : ndarray, (P,)
        Of the pair, in the regression.
    draws : ndarray of int, (P,)
        How often it was drawn; 0 where all of its size are there, without any chance.
    """

    first: np.ndarray
    weight: np.ndarray
    draws: np.ndarray


class Regression:
    """The fit of a line, or of a line with products of three, made ready once for all games of the same coalitions.

    With z = 1 for players inside and -1 outside, the odd part of a game, o(S) = (v(S) - v(complement)) / 2, is fitted
    by sum of c_i z_i (and of c_ijk z_i z_j z_k), under the constraint that all c add up to o(all). Then
    phi_i = 2 c_i, plus a third of 2 c_ijk for each product that i is in.

    Parameters
    ----------
    chosen : Coalitions
    degree : {1, 3}, optional
        3 if there are at least two pairs for each coefficient, if left out.

    Attributes
    ----------
    chosen : Coalitions
    degree : int

    Raises
    ------
    CourseError
        If there are fewer pairs than coefficients.

    Examples
    --------
    >>> fit = Regression(Coalitions(np.eye(3, dtype=bool), np.ones(3) / 3, np.zeros(3, dtype=int)))
    >>> z = np.where(fit.chosen.first, 1.0, -1.0)
    >>> fit.solve(z @ [1.0, 2.0, 3.0], half=6.0)[0].round(12)
    array([2., 4., 6.])
    """

    def __init__(self, chosen: Coalitions, degree: int | None = None):
        self.chosen = chosen
        d = chosen.first.shape[1]
        z = np.where(chosen.first, 1.0, -1.0)  # (P, d)
        share = 2 * np.eye(d)  # (d, columns): what a coefficient gives each player
        enough = len(z) >= 2 * (d + math.comb(d, 3))
        self.degree = degree or (3 if enough else 1)
        if self.degree == 3:
            z, share = _with_triples(z, share)
            if len(z) < z.shape[1]:
                raise CourseError(
                    f"samples: expected at least {2 * z.shape[1]} coalitions for degree 3, got {2 * len(z)}. "
                    "Ask for more, or leave the degree to be chosen."
                )
        weighted = z * chosen.weight[:, None]
        gram = weighted.T @ z
        gram[np.diag_indices_from(gram)] += 1e-12 * np.trace(gram) / len(gram)
        inverse = np.linalg.inv(gram)
        ones = inverse.sum(axis=1)
        pull = inverse - np.outer(ones, ones) / ones.sum()  # how a unit of weighted z moves the coefficients
        self._all = ones / ones.sum()  # how o(all) does
        self._fit = pull @ weighted.T  # (columns, P)
        self._z, self._share = z, share
        self._left = np.maximum(1 - (z * self._fit.T).sum(axis=1), 1e-3)  # (P,): 1 - leverage
        self._draws = chosen.draws
        self._shares_of_pairs = share @ self._fit[:, chosen.draws > 0]  # (d, drawn)

    def solve(self, odd: np.ndarray, half: float) -> tuple[np.ndarray, np.ndarray]:
        """Shapley values and their standard errors.

        Parameters
        ----------
        odd : ndarray, (P,)
            The odd part of what each pair is worth.
        half : float
            o(all) = (v(all) - v(nobody)) / 2.

        Returns
        -------
        shares, std_error : ndarray, (d,)

        Examples
        --------
        >>> fit = Regression(Coalitions(np.array([[True, False]]), np.ones(1), np.zeros(1, dtype=int)))
        >>> fit.solve(np.array([-1.0]), half=3.0)[0]  # one is worth 2 less than the other, and both are worth 6
        array([2., 4.])
        """
        c = self._fit @ odd + self._all * half
        return self._share @ c, self._standard_error(odd - self._z @ c)

    def _standard_error(self, missed: np.ndarray) -> np.ndarray:
        """From the scatter of what each drawn pair pulls the shares by, judged by a fit without that pair.

        MacKinnon and White (1985), Some heteroskedasticity-consistent covariance matrix estimators: HC3, the jackknife.
        """
        drawn = self._draws > 0
        if not drawn.any():
            return np.zeros(len(self._share))
        times, n = self._draws[drawn], self._draws[drawn].sum()
        one_draw = (missed / self._left)[drawn] / times  # (drawn,)
        each = (self._shares_of_pairs) * one_draw  # (d, drawn)
        mean = each @ times / n
        return np.sqrt((each - mean[:, None]) ** 2 @ times * n / max(n - 1, 1))


def _with_triples(z: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns for all products of three players, each of which gives a third to each of its three."""
    d = z.shape[1]
    triples = np.array(list(itertools.combinations(range(d), 3)), dtype=np.int64).reshape(-1, 3)
    thirds = np.zeros((d, len(triples)))
    thirds[triples.T, np.arange(len(triples))] = 2 / 3
    return np.concatenate([z, z[:, triples].prod(axis=2)], axis=1), np.concatenate([share, thirds], axis=1)
