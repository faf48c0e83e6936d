"""TreeSHAP of histogram gradient boosting, and the ensembles whose trees are not all that they say."""

import numpy as np
import pytest
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from coursekit.attribution import exact_shapley, tree_shap
from coursekit.errors import CourseError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5))
Y = X[:, 0] * X[:, 1] + np.abs(X[:, 2])
KINDS = np.digitize(Y, [0.2, 1.0])


@pytest.mark.parametrize("target", [0, 1, 2])
def test_histogram_boosting_of_several_classes_gets_the_exact_values(target):
    model = HistGradientBoostingClassifier(max_iter=8).fit(X, KINDS)
    found = tree_shap(model, X[:4], X[50:70], target=target)
    exact = exact_shapley(model.decision_function, X[:4], X[50:70], target=target)
    np.testing.assert_allclose(found.values, exact.values, atol=1e-12)
    np.testing.assert_allclose(found.output, model.decision_function(X[:4])[:, target])


def test_histogram_boosting_of_two_classes_and_of_numbers_too():
    two = HistGradientBoostingClassifier(max_iter=8).fit(X, KINDS > 0)
    exact = exact_shapley(two.decision_function, X[:4], X[50:70])
    np.testing.assert_allclose(tree_shap(two, X[:4], X[50:70]).values, exact.values, atol=1e-12)
    for loss, seen in (("squared_error", lambda rows: rows), ("poisson", np.log)):
        model = HistGradientBoostingRegressor(loss=loss, max_iter=8).fit(X, Y - Y.min())
        found = tree_shap(model, X[:4], X[50:70])
        exact = exact_shapley(lambda rows, m=model, s=seen: s(m.predict(rows)), X[:4], X[50:70])
        np.testing.assert_allclose(found.values, exact.values, atol=1e-10)
        assert found.gap < 1e-10


def test_histogram_boosting_is_shaps():
    """On rows that float32 holds exactly, as shap 0.51 takes them: scikit-learn compares float64 here."""
    shap = pytest.importorskip("shap")
    x = X.astype(np.float32).astype(float)
    model = HistGradientBoostingClassifier(max_iter=20).fit(x, KINDS > 0)
    explainer = shap.TreeExplainer(model, x[50:90], feature_perturbation="interventional")
    np.testing.assert_allclose(tree_shap(model, x[:9], x[50:90]).values, explainer.shap_values(x[:9]), atol=1e-6)


def chain():
    """A tree that asks about seventy features one after the other."""
    return DecisionTreeRegressor(random_state=0).fit(np.eye(71), 2.0 ** np.arange(71))


@pytest.mark.parametrize(
    ("model", "target", "message"),
    [
        (HistGradientBoostingClassifier(), None, "Fit it first"),
        (IsolationForest(n_estimators=3).fit(X), None, "got IsolationForest"),
        (BaggingRegressor(n_estimators=3).fit(X, Y), None, "got BaggingRegressor"),
        (AdaBoostRegressor(n_estimators=3).fit(X, Y), None, "got AdaBoostRegressor"),
        (
            GradientBoostingRegressor(n_estimators=3, init=LinearRegression()).fit(X, Y),
            None,
            "got init=LinearRegression",
        ),
        (GradientBoostingRegressor(n_estimators=3).fit(X, Y), 2, "target: expected none for a model with one output"),
        (RandomForestRegressor(3).fit(X, Y), 2, "target: expected none"),
        (HistGradientBoostingRegressor(max_iter=3).fit(X, Y), 2, "target: expected none"),
        (HistGradientBoostingClassifier(max_iter=3).fit(X, KINDS > 0), 0, "target: expected 1, the class whose"),
        (HistGradientBoostingClassifier(max_iter=3).fit(X, KINDS), 3, "target: expected 0 to 2"),
    ],
)
def test_what_its_trees_do_not_say_alone_is_refused(model, target, message):
    with pytest.raises(CourseError, match=message):
        tree_shap(model, X[:2], X[50:60], target=target)


def test_categories_long_paths_and_other_columns_are_refused():
    x = np.column_stack([RNG.integers(0, 6, 300), X[:, 0]])
    by_word = HistGradientBoostingRegressor(max_iter=5, categorical_features=[0]).fit(x, np.isin(x[:, 0], [1, 4]) + 0.0)
    with pytest.raises(CourseError, match="splits at thresholds, got some on categories"):
        tree_shap(by_word, x[:2], x[5:9])
    with pytest.raises(CourseError, match="expected fewer than 62 features on the way"):
        tree_shap(chain(), np.eye(71)[:2], np.zeros((1, 71)))
    with pytest.raises(ShapeError, match="x: expected the 5 columns the model was fitted on, got 4"):
        tree_shap(RandomForestRegressor(3).fit(X, Y), X[:2, :4], X[5:9, :4])


def test_boosting_that_starts_from_nothing_is_whole():
    model = GradientBoostingRegressor(n_estimators=5, init="zero").fit(X, Y)
    found = tree_shap(model, X[:4], X[50:70])
    np.testing.assert_allclose(found.output, model.predict(X[:4]))
    np.testing.assert_allclose(found.values, exact_shapley(model, X[:4], X[50:70]).values, atol=1e-10)
