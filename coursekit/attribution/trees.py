r"""A tree is a table of leaves, and each leaf is a small game: who must be in the coalition to end up there?

For one row x and one background row b, look at the features on the path to a leaf. Where x takes the path and b does
not, the feature must be in the coalition; where b does and x does not, it must be outside; where neither does, nobody
gets there. With a features of the first kind and c of the second, the Shapley values of a leaf of value v are

    + v (a - 1)! c! / (a + c)!   for each of the first,     - v a! (c - 1)! / (a + c)!   for each of the second.

Nothing is estimated. Rows that take the same parts of a path are counted together, so the number of background rows
hardly matters.

Source: Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees
(interventional TreeSHAP); the leaf's values follow from Shapley (1953).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from coursekit.attribution.base import Attribution, names_of
from coursekit.attribution.game import rows_and_background
from coursekit.errors import CourseError

__all__ = ["Ensemble", "ensemble_of", "tree_shap"]


@dataclass(frozen=True)
class Ensemble:
    """Trees whose answers are added up.

    Attributes
    ----------
    trees : list of (tree, ndarray (nodes,))
        scikit-learn's tree, and the value of each node with its factor.
    start : float
        What is added to them.
    """

    trees: list[tuple[Any, np.ndarray]]
    start: float


def tree_shap(
    model: Any,
    x: np.ndarray,
    background: np.ndarray,
    *,
    target: int | None = None,
    feature_names: Sequence[str] | None = None,
) -> Attribution:
    """Exact Shapley values of scikit-learn's trees, forests and gradient boosting.

    Of classifiers: a tree's and a forest's probability of the class `target`; of gradient boosting the log-odds
    (``decision_function``), because those are what its trees add up to.

    Parameters
    ----------
    model : fitted estimator
        DecisionTree, ExtraTree, RandomForest, ExtraTrees, GradientBoosting; Classifier or Regressor.
    x : ndarray, (D,) or (N, D)
    background : ndarray, (B, D)
    target : int, optional
        The class; needed where there are more than two, 1 if left out where there are two.
    feature_names : sequence of str, optional

    Returns
    -------
    Attribution
        The same as :func:`coursekit.attribution.exact.exact_shapley`, to rounding.

    Raises
    ------
    CourseError
        If the model is no such estimator, or not fitted, or has several outputs.
    ShapeError
        If the columns of x and background differ.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> rows = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> tree = DecisionTreeRegressor(random_state=0).fit(rows, [0.0, 0.0, 0.0, 1.0])
    >>> tree_shap(tree, rows[3], rows[:1]).values  # both are needed: they share the one
    array([0.5, 0.5])
    """
    x, background, single = rows_and_background(x, background)
    ensemble = ensemble_of(model, target)
    names = names_of(feature_names, x.shape[1])
    x, background = x.astype(np.float32), background.astype(np.float32)  # as scikit-learn compares them
    values = np.zeros(x.shape)
    output = np.full(len(x), ensemble.start)
    base = ensemble.start
    for tree, worth in ensemble.trees:
        _add_tree(tree, worth, x, background, values)
        output += worth[tree.apply(x)]
        base += worth[tree.apply(background)].mean()
    found = Attribution(values, np.full(len(x), base), output, names, "TreeSHAP", x, target=target)
    return found[0] if single else found


def ensemble_of(model: Any, target: int | None = None) -> Ensemble:
    """The trees of an estimator, with what each node adds to the output.

    Parameters
    ----------
    model : fitted estimator
    target : int, optional

    Returns
    -------
    Ensemble

    Raises
    ------
    CourseError
        If it is no tree, forest or gradient boosting of scikit-learn, or not fitted.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> forest = RandomForestRegressor(n_estimators=5).fit([[0.0], [1.0]], [0.0, 1.0])
    >>> len(ensemble_of(forest).trees)
    5
    """
    kind = type(model).__name__
    if kind.startswith("GradientBoosting") and hasattr(model, "estimators_"):
        return _boosted(model, target)
    if hasattr(model, "tree_"):
        members = [model]
    elif hasattr(model, "estimators_") and all(hasattr(member, "tree_") for member in model.estimators_):
        members = list(model.estimators_)
    else:
        raise CourseError(
            f"model: expected a fitted tree, forest or gradient boosting of scikit-learn, got {kind}. "
            "Fit it first; kernel_shap explains any other model."
        )
    if model.n_outputs_ != 1:
        raise CourseError(f"model: expected one output, got {model.n_outputs_}. Fit a model for each.")
    classes = getattr(model, "classes_", None)
    column = 0 if classes is None else _class_number(target, len(classes))
    trees = []
    for member in members:
        table = member.tree_.value[:, 0]  # (nodes, K)
        table = table / table.sum(axis=1, keepdims=True) if classes is not None else table
        trees.append((member.tree_, table[:, column] / len(members)))
    return Ensemble(trees, 0.0)


def _boosted(model: Any, target: int | None) -> Ensemble:
    """Log-odds of a classifier, or the prediction of a regressor: a start, and small steps by trees."""
    stages = model.estimators_  # (stages, 1 or K)
    classes = getattr(model, "classes_", None)
    column = 0
    if classes is not None and stages.shape[1] > 1:
        column = _class_number(target, len(classes))
    elif classes is not None and target not in (None, 1):
        raise CourseError(f"target: expected 1, the class whose log-odds the trees add up to, got {target!r}.")
    trees = [(stage[column].tree_, model.learning_rate * stage[column].tree_.value[:, 0, 0]) for stage in stages]
    anywhere = np.zeros((1, model.n_features_in_))
    answer = model.predict(anywhere) if classes is None else model.decision_function(anywhere)
    added = sum(worth[tree.apply(anywhere.astype(np.float32))[0]] for tree, worth in trees)
    return Ensemble(trees, float(np.ravel(answer)[column] - added))


def _class_number(target: int | None, classes: int) -> int:
    chosen = 1 if target is None and classes == 2 else target
    if chosen is None or isinstance(chosen, bool) or not 0 <= chosen < classes:
        raise CourseError(f"target: expected a class from 0 to {classes - 1}, got {target!r}. Choose one.")
    return chosen


# -- one tree --------------------------------------------------------------------------------------------------------


def _add_tree(tree: Any, worth: np.ndarray, x: np.ndarray, background: np.ndarray, values: np.ndarray) -> None:
    """Add the Shapley values of every leaf to `values`, (N, D).

    Walking down, each row keeps a number whose bit k says whether it takes the path as far as the k-th feature on it
    is concerned.
    """
    n, b = len(x), len(background)
    everything = (0, np.zeros(n, np.int64), np.zeros(b, np.int64), [])
    waiting = [everything]  # node, which features fail for each row of x and of the background, features on the path
    while waiting:
        node, x_fails, b_fails, path = waiting.pop()
        left, right = tree.children_left[node], tree.children_right[node]
        if left == right:
            _add_leaf(worth[node], x_fails, b_fails, path, values)
            continue
        feature, threshold = tree.feature[node], tree.threshold[node]
        longer = path if feature in path else [*path, feature]
        bit = np.int64(1 << longer.index(feature))
        x_left, b_left = x[:, feature] <= threshold, background[:, feature] <= threshold
        for child, goes_x, goes_b in ((left, x_left, b_left), (right, ~x_left, ~b_left)):
            waiting.append(
                (child, np.where(goes_x, x_fails, x_fails | bit), np.where(goes_b, b_fails, b_fails | bit), longer)
            )


def _add_leaf(value: float, x_fails: np.ndarray, b_fails: np.ndarray, path: list[int], values: np.ndarray) -> None:
    """The game of one leaf, for every kind of row and every kind of background row."""
    kinds_x, which = np.unique(x_fails, return_inverse=True)
    kinds_b, counts = np.unique(b_fails, return_counts=True)
    meet = (kinds_x[:, None] & kinds_b) == 0  # (X, B): every feature lets one of them through
    if not value or not path or not meet.any():
        return
    must = np.bitwise_count(kinds_b)  # (B,): features that only x takes
    must_not = np.bitwise_count(kinds_x)  # (X,)
    share = meet * counts / counts.sum() * value  # (X, B)
    plus = share * PLUS[must[None], must_not[:, None]]
    minus = share * MINUS[must[None], must_not[:, None]]
    bits = np.arange(len(path))
    in_b = (kinds_b[:, None] >> bits & 1).astype(np.float64)  # (B, path)
    in_x = (kinds_x[:, None] >> bits & 1).astype(np.float64)  # (X, path)
    shares = plus @ in_b - minus.sum(axis=1)[:, None] * in_x  # (X, path)
    values[:, path] += shares[which]


LONGEST_PATH = 62  # different features on the way to one leaf: bits of a number
_F = [math.factorial(k) for k in range(2 * LONGEST_PATH + 1)]
PLUS = np.array(
    [[_F[a - 1] * _F[c] / _F[a + c] if a else 0.0 for c in range(LONGEST_PATH)] for a in range(LONGEST_PATH)]
)
MINUS = np.array(
    [[_F[a] * _F[c - 1] / _F[a + c] if c else 0.0 for c in range(LONGEST_PATH)] for a in range(LONGEST_PATH)]
)
