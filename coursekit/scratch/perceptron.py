r"""One neuron: it weighs its inputs, adds them up, and says yes or no.

Labels of the perceptron are -1 and +1, those of logistic regression 0 and 1, as in the papers.

Source: F. Rosenblatt (1958), The perceptron; A. Novikoff (1962), On convergence proofs for perceptrons.
"""

import numpy as np

from coursekit.errors import CourseError
from coursekit.scratch import functional as F

__all__ = ["Perceptron", "logistic_gradient", "margin", "predict", "update", "xor_network"]


def predict(X, w, b):
    """The neuron's answer for each row: +1 where its weighted sum is at least 0, else -1.

    Parameters
    ----------
    X : ndarray, shape (N, D)
    w : ndarray, shape (D,)
    b : float

    Returns
    -------
    ndarray of int, shape (N,)

    Examples
    --------
    >>> predict(np.array([[1.0, 1.0], [-1.0, 0.0]]), np.array([1.0, 2.0]), -0.5)
    array([ 1, -1])
    """
    return np.where(X @ w + b >= 0, 1, -1)  # (N,)


def update(w, b, x, y):
    """Rosenblatt's rule for one example: change nothing if it is on its right side, else add y x to w and y to b.

    An example *on* the boundary, y (w . x + b) = 0, counts as a mistake, so that learning can start from zeros.

    Parameters
    ----------
    w : ndarray, shape (D,)
    b : float
    x : ndarray, shape (D,)
    y : int
        -1 or +1.

    Returns
    -------
    w, b : ndarray, float
        New ones; the inputs are left as they are.

    Source
    ------
    Rosenblatt (1958), The perceptron; Novikoff (1962), On convergence proofs for perceptrons.

    Examples
    --------
    >>> update(np.zeros(2), 0.0, np.array([2.0, 1.0]), -1)
    (array([-2., -1.]), -1.0)
    """
    if y * (w @ x + b) <= 0:
        return w + y * x, b + y
    return w, b


def margin(X, y, w, b):
    """Distance of the closest example to the boundary, negative if one lies on the wrong side.

    Parameters
    ----------
    X : ndarray, shape (N, D)
    y : ndarray of -1 and +1, shape (N,)
    w : ndarray, shape (D,)
    b : float

    Returns
    -------
    float
        In the units of X.

    Source
    ------
    Novikoff (1962), On convergence proofs for perceptrons: with the boundary through the origin (b = 0), learning makes
    at most (R / margin)^2 mistakes, R the largest norm of an example.

    Examples
    --------
    >>> float(margin(np.array([[3.0, 0.0], [-5.0, 0.0]]), np.array([1, -1]), np.array([2.0, 0.0]), 0.0))
    3.0
    """
    return np.min(y * (X @ w + b)) / np.linalg.norm(w)


class Perceptron:
    """A single neuron that learns by Rosenblatt's rule.

    Parameters
    ----------
    max_epochs : int
        How often to go through the data at most.

    Attributes
    ----------
    w_ : ndarray, shape (D,)
    b_ : float
    mistakes_ : list of int
        Mistakes made in each epoch; the last is 0 if it converged.

    Raises
    ------
    CourseError
        If `max_epochs` is below 1.

    Source
    ------
    Rosenblatt (1958), The perceptron.

    Examples
    --------
    >>> X, y = np.array([[2.0, 1.0], [-1.0, -2.0]]), np.array([1, -1])
    >>> Perceptron().fit(X, y).predict(X)
    array([ 1, -1])
    """

    def __init__(self, max_epochs=100):
        if max_epochs < 1:
            raise CourseError(f"max_epochs: expected at least 1, got {max_epochs}. One epoch is one look at the data.")
        self.max_epochs = max_epochs

    def fit(self, X, y):
        """Learn example by example, in the given order, until an epoch passes without a mistake.

        Parameters
        ----------
        X : ndarray, shape (N, D)
        y : ndarray of -1 and +1, shape (N,)

        Returns
        -------
        Perceptron
            Itself.

        Examples
        --------
        >>> Perceptron().fit(np.array([[2.0], [-1.0]]), np.array([1, -1])).mistakes_
        [1, 0]
        """
        self.w_, self.b_, self.mistakes_ = np.zeros(X.shape[1]), 0.0, []
        for _ in range(self.max_epochs):
            mistakes = 0
            for x_i, y_i in zip(X, y, strict=True):
                if y_i * (self.w_ @ x_i + self.b_) <= 0:
                    self.w_, self.b_ = self.w_ + y_i * x_i, self.b_ + y_i
                    mistakes += 1
            self.mistakes_.append(mistakes)
            if mistakes == 0:
                break
        return self

    def predict(self, X):
        """The neuron's answer for each row.

        Parameters
        ----------
        X : ndarray, shape (N, D)

        Returns
        -------
        ndarray of -1 and +1, shape (N,)

        Examples
        --------
        >>> neuron = Perceptron().fit(np.array([[2.0], [-1.0]]), np.array([1, -1]))
        >>> neuron.predict(np.array([[7.0], [-7.0]]))
        array([ 1, -1])
        """
        return predict(X, self.w_, self.b_)


def xor_network(X):
    """Exclusive or of two inputs in {0, 1} by three neurons with weights chosen by hand.

    Neuron 1 says "at least one", neuron 2 says "not both", neuron 3 says "both of you agree".

    Parameters
    ----------
    X : ndarray, shape (N, 2)

    Returns
    -------
    ndarray of -1 and +1, shape (N,)

    Source
    ------
    Goodfellow et al. (2016), Deep Learning, section 6.1 (with ReLU neurons there).

    Examples
    --------
    >>> xor_network(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    array([-1,  1,  1, -1])
    """
    at_least_one = predict(X, np.array([1.0, 1.0]), -0.5)
    not_both = predict(X, np.array([-1.0, -1.0]), 1.5)
    hidden = np.stack([at_least_one, not_both], axis=1)  # (N, 2)
    return predict(hidden, np.array([1.0, 1.0]), -1.5)


def logistic_gradient(X, y, w, b):
    """Gradient of the mean binary cross-entropy of logistic regression.

    Parameters
    ----------
    X : ndarray, shape (N, D)
    y : ndarray of 0 and 1, shape (N,)
    w : ndarray, shape (D,)
    b : float

    Returns
    -------
    dw, db : ndarray of shape (D,), float

    Notes
    -----
    With s = sigmoid(z), dL/ds = (s - y) / (s (1 - s)) and ds/dz = s (1 - s). The product is s - y: the slope that makes
    a saturated neuron slow cancels.

    Source
    ------
    Goodfellow et al. (2016), Deep Learning, section 6.2.2.2.

    Examples
    --------
    >>> dw, db = logistic_gradient(np.array([[2.0], [4.0]]), np.array([0, 1]), np.zeros(1), 0.0)
    >>> dw, float(db)
    (array([-0.5]), 0.0)
    """
    error = F.sigmoid(X @ w + b) - y  # (N,)
    return X.T @ error / len(y), error.mean()
