r"""A rule says how a gradient comes back through an operation: from the result to each input. Here are rules bare.

The table of all derivatives of a result with respect to an input is the Jacobian J. A rule never builds it: given the
upstream gradient G it computes the product G J, which has the input's shape. Hence *vector-Jacobian product*.
The operations of :mod:`coursekit.scratch.ops` carry these rules, and broadcast; ``Tensor.backward`` is
:func:`pull_back` with care for memory, kinds of number and mistakes.
"""

from collections.abc import Sequence

import numpy as np

__all__ = ["matmul_vjp", "mul_vjp", "pull_back"]


def mul_vjp(G, a, b):
    """Gradients of the product a * b of each pair of numbers: dL/da = G b  and  dL/db = G a.

    Parameters
    ----------
    G : ndarray
        Upstream gradient, of the result's shape.
    a, b : ndarray of that shape

    Returns
    -------
    da, db : ndarrays of that shape

    Examples
    --------
    >>> mul_vjp(np.array([1.0, 10.0]), np.array([2.0, 3.0]), np.array([5.0, 7.0]))
    (array([ 5., 70.]), array([ 2., 30.]))
    """
    return G * b, G * a


def matmul_vjp(G, a, b):
    """Gradients of the matrix product a @ b: dL/da = G b^T  and  dL/db = a^T G, for one table or a stack of them.

    Parameters
    ----------
    G : ndarray, shape (..., N, K)
        Upstream gradient.
    a : ndarray, shape (..., N, D)
    b : ndarray, shape (..., D, K)
        The axes before the last two are the same for all three.

    Returns
    -------
    da, db : ndarrays of the shapes of a and b

    Examples
    --------
    >>> matmul_vjp(np.array([[10.0]]), np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    (array([[30., 40.]]), array([[10.],
           [20.]]))
    """
    return G @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ G


def pull_back(order: Sequence, G: np.ndarray) -> dict:
    """Take a gradient back through a graph: from the last node to all that it was made from.

    Parameters
    ----------
    order : sequence of nodes
        Each after all those that it was made from, as :func:`coursekit.scratch.graph.topological_order` gives them.
        A node has ``edges``, pairs of an input and its rule, and ``requires_grad``.
    G : ndarray
        The gradient at the last node.

    Returns
    -------
    dict of node to ndarray
        The gradient at each node that requires one.

    Notes
    -----
    When the turn comes to a node, everything that used it has had its turn: its gradient is complete. Sums are new
    arrays, since a rule may hand on the very array that it was given.

    Source
    ------
    Griewank and Walther (2008), Evaluating Derivatives, section 3.2.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor, topological_order
    >>> x = Tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> pull_back(topological_order(y), np.array(1.0))[x]
    np.float64(6.0)
    """
    gradients = {order[-1]: G}
    for node in reversed(order):
        for parent, rule in node.edges:
            if parent.requires_grad:
                found = rule(gradients[node])
                gradients[parent] = gradients[parent] + found if parent in gradients else found
    return gradients
