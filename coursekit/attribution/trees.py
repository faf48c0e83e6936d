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
from typing import Any, NoReturn

import numpy as np

from coursekit.attribution.base import Attribution, names_of
from coursekit.attribution.game import rows_and_background
from coursekit.attribution.models import target_of
from coursekit.errors import CourseError, ShapeError

__all__ = ["Ensemble", "Tree", "ensemble_of", "tree_shap"]


@dataclass(frozen=True, eq=False)
class Tree:
    """Where a row goes at each node, and what a node is worth.

    Attributes
    ----------
    left, right : ndarray of int, (nodes,)
        The next node; a leaf's are the same, -1.
    feature : ndarray of int, (nodes,)
    threshold : ndarray, (nodes,)
        Rows whose feature is at most this go left.
    worth : ndarray, (nodes,)
        What a leaf adds to the output.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    worth: np.ndarray


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trees whose answers are added up.

    Attributes
    ----------
    trees : list of Tree
    start : float
        What is added to them.
    dtype : type
        What rows are compared with thresholds as.
    """

    trees: list[Tree]
    start: float
    dtype: type = np.float32


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
    (``decision_function``), because those are what its trees add up to. Of a regressor with a log link (Poisson, gamma)
    likewise the logarithm.

    Parameters
    ----------
    model : fitted estimator
        DecisionTree, ExtraTree, RandomForest, ExtraTrees, GradientBoosting, HistGradientBoosting; Classifier or
        Regressor.
    x : ndarray, (D,) or (N, D)
    background : ndarray, (B, D)
    target : int, optional
        The class; needed where there are more than two, 1 if left out where there are two.
    feature_names : sequence of str, optional
        Those of x, if it is a table that has them, if left out.

    Returns
    -------
    Attribution
        The same as :func:`coursekit.attribution.exact.exact_shapley`, to rounding.

    Raises
    ------
    CourseError
        If the model is no such estimator, or not fitted, has several outputs, or splits on categories or on 62
        features on the way to one leaf.
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
    named = getattr(x, "columns", None) if feature_names is None else feature_names
    x, background, single = rows_and_background(x, background)
    ensemble = ensemble_of(model, target)
    names = names_of(named, x.shape[1])
    if x.shape[1] != model.n_features_in_:
        raise ShapeError(f"x: expected the {model.n_features_in_} columns the model was fitted on, got {x.shape[1]}.")
    x, background = x.astype(ensemble.dtype), background.astype(ensemble.dtype)
    values, output, base = np.zeros(x.shape), np.full(len(x), ensemble.start), np.full(len(x), ensemble.start)
    for tree in ensemble.trees:
        base += _add_tree(tree, x, background, values, output)
    found = Attribution(values, base, output, names, "TreeSHAP", x, target=target)
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
    from sklearn import ensemble
    from sklearn.tree import BaseDecisionTree

    if isinstance(model, ensemble.GradientBoostingClassifier | ensemble.GradientBoostingRegressor):
        return _boosted(model, target) if hasattr(model, "estimators_") else _refuse(model)
    if isinstance(model, ensemble.HistGradientBoostingClassifier | ensemble.HistGradientBoostingRegressor):
        return _histograms(model, target) if hasattr(model, "n_features_in_") else _refuse(model)
    forests = (
        ensemble.RandomForestClassifier,
        ensemble.RandomForestRegressor,
        ensemble.ExtraTreesClassifier,
        ensemble.ExtraTreesRegressor,
    )
    if isinstance(model, BaseDecisionTree) and hasattr(model, "tree_"):
        members = [model]
    elif isinstance(model, forests) and hasattr(model, "estimators_"):
        members = list(model.estimators_)
    else:
        _refuse(model)
    if model.n_outputs_ != 1:
        raise CourseError(f"model: expected one output, got {model.n_outputs_}. Fit a model for each.")
    classes = getattr(model, "classes_", None)
    column = _only(target) if classes is None else _class_number(target, len(classes))
    trees = []
    for member in members:
        table = member.tree_.value[:, 0]  # (nodes, K)
        table = table / table.sum(axis=1, keepdims=True) if classes is not None else table
        trees.append(_tree(member.tree_, table[:, column] / len(members)))
    return Ensemble(trees, 0.0)


def _refuse(model: Any) -> NoReturn:
    raise CourseError(
        "model: expected a fitted tree, forest or gradient boosting of scikit-learn, "
        f"got {type(model).__name__}. Fit it first; kernel_shap explains any other model."
    )


def _tree(tree: Any, worth: np.ndarray) -> Tree:
    return Tree(tree.children_left, tree.children_right, tree.feature, tree.threshold, worth)


def _boosted(model: Any, target: int | None) -> Ensemble:
    """Log-odds of a classifier, or the prediction of a regressor: a start, and small steps by trees."""
    stages = model.estimators_  # (stages, 1 or K)
    if not isinstance(model.init, str | type(None)):
        raise CourseError(
            f"model: expected one that starts from a constant, got init={model.init!r}. Its trees are only a part of "
            "what it says; kernel_shap explains the whole."
        )
    classes = getattr(model, "classes_", None)
    column = _column_of(classes, stages.shape[1], target)
    trees = [_tree(stage[column].tree_, model.learning_rate * stage[column].tree_.value[:, 0, 0]) for stage in stages]
    anywhere = np.zeros((1, model.n_features_in_))
    answer = model.predict(anywhere) if classes is None else model.decision_function(anywhere)
    added = sum(model.learning_rate * stage[column].predict(anywhere)[0] for stage in stages)
    return Ensemble(trees, float(np.ravel(answer)[column] - added))


def _histograms(model: Any, target: int | None) -> Ensemble:
    """The same of the faster gradient boosting, whose trees are tables of nodes."""
    classes = getattr(model, "classes_", None)
    column = _column_of(classes, len(model._predictors[0]), target)
    trees = []
    for stage in model._predictors:
        nodes = stage[column].nodes
        if nodes["is_categorical"].any():
            raise CourseError(
                "model: expected splits at thresholds, got some on categories. Fit it without categorical_features; "
                "kernel_shap explains any model."
            )
        left, right = (np.where(nodes["is_leaf"], -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
        trees.append(Tree(left, right, nodes["feature_idx"], nodes["num_threshold"], nodes["value"]))
    return Ensemble(trees, float(np.ravel(model._baseline_prediction)[column]), np.float64)


def _column_of(classes: np.ndarray | None, columns: int, target: int | None) -> int:
    """Which of the trees of a stage: one for each class, or the only ones."""
    if classes is None:
        return _only(target)
    if columns > 1:
        return _class_number(target, len(classes))
    if target not in (None, 1):
        raise CourseError(f"target: expected 1, the class whose log-odds the trees add up to, got {target!r}.")
    return 0


def _only(target: int | None) -> int:
    if target not in (None, 0):
        raise CourseError(f"target: expected none for a model with one output, got {target!r}. Leave it out.")
    return 0


def _class_number(target: int | None, classes: int) -> int:
    return target_of(1 if target is None and classes == 2 else target, classes)


# -- one tree --------------------------------------------------------------------------------------------------------


def _add_tree(tree: Tree, x: np.ndarray, background: np.ndarray, values: np.ndarray, output: np.ndarray) -> float:
    """Add each leaf's Shapley values to `values`, (N, D), and its answers to `output`; the background's mean answer.

    Walking down, each row keeps a number whose bit k says whether it takes the path as far as the k-th feature on it
    is concerned. Who has no such bit at a leaf is in it.
    """
    n, b = len(x), len(background)
    base = 0.0
    everything = (0, np.zeros(n, np.int64), np.zeros(b, np.int64), [])
    waiting = [everything]  # node, which features fail for each row of x and of the background, features on the path
    while waiting:
        node, x_fails, b_fails, path = waiting.pop()
        left, right = tree.left[node], tree.right[node]
        if left == right:
            output[x_fails == 0] += tree.worth[node]
            base += tree.worth[node] * np.count_nonzero(b_fails == 0) / b
            _add_leaf(tree.worth[node], x_fails, b_fails, path, values)
            continue
        feature, threshold = tree.feature[node], tree.threshold[node]
        longer = path if feature in path else [*path, feature]
        if len(longer) >= LONGEST_PATH:
            raise CourseError(
                f"model: expected fewer than {LONGEST_PATH} features on the way to a leaf, got more. "
                "Fit it with max_depth, or take kernel_shap."
            )
        bit = np.int64(1 << longer.index(feature))
        x_left, b_left = x[:, feature] <= threshold, background[:, feature] <= threshold
        for child, goes_x, goes_b in ((left, x_left, b_left), (right, ~x_left, ~b_left)):
            waiting.append(
                (child, np.where(goes_x, x_fails, x_fails | bit), np.where(goes_b, b_fails, b_fails | bit), longer)
            )
    return base


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
