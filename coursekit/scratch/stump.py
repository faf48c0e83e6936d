"""The smallest rule that can be learned: look at one number, and compare it with a threshold."""

import numpy as np

__all__ = ["best_threshold", "mean_ink", "threshold_rule"]


def mean_ink(images, rows):
    """Mean ink of some rows of each image.

    Parameters
    ----------
    images : ndarray, shape (N, H, W)
    rows : slice
        Which rows to look at, for example ``slice(0, 14)``.

    Returns
    -------
    ndarray, shape (N,)
        In the units of the images.

    Examples
    --------
    >>> mean_ink(np.ones((2, 4, 4)), slice(0, 2))
    array([1., 1.])
    """
    return images[:, rows, :].mean(axis=(1, 2))  # (N,)


def threshold_rule(feature, threshold):
    """1 where the feature is above the threshold, else 0.

    Parameters
    ----------
    feature : ndarray, shape (N,)
    threshold : float
        In the units of the feature; a feature equal to it gives 0.

    Returns
    -------
    ndarray of 0 and 1, shape (N,)

    Examples
    --------
    >>> threshold_rule(np.array([1.0, 3.5, 6.0]), threshold=3.5)
    array([0, 0, 1])
    """
    return (feature > threshold).astype(int)


def best_threshold(feature, labels):
    """The threshold that makes the fewest mistakes on these examples.

    Tries the midpoint between every two neighbouring values of the feature, and one threshold below and one above
    them all; takes the first of the best.

    Parameters
    ----------
    feature : ndarray, shape (N,)
    labels : ndarray of 0 and 1, shape (N,)

    Returns
    -------
    float
        In the units of the feature.

    Source
    ------
    Iba and Langley (1992), Induction of one-level decision trees.

    Examples
    --------
    >>> best_threshold(np.array([1.0, 2.0, 5.0, 6.0]), np.array([0, 0, 1, 1]))
    3.5
    """
    values = np.unique(feature)  # sorted
    candidates = np.r_[values[0] - 1, (values[:-1] + values[1:]) / 2, values[-1] + 1]
    mistakes = [np.sum(threshold_rule(feature, t) != labels) for t in candidates]
    return float(candidates[np.argmin(mistakes)])
