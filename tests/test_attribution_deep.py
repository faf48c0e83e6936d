"""DeepSHAP adds up exactly, with max pooling too, and gives shap's numbers; TreeSHAP gives the exact ones."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from torch import nn

from coursekit.attribution import exact_shapley
from coursekit.attribution.deep import deep_lift, deep_shap
from coursekit.attribution.trees import tree_shap
from coursekit.errors import CourseError, ShapeError


def convnet(seed: int = 0, overlap: bool = True) -> nn.Module:
    """With windows of the second pooling that share pixels, or not."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=1) if overlap else nn.Identity(),
        nn.Flatten(),
        nn.Linear(6 * 2 * 2 if overlap else 6 * 3 * 3, 5),
    )
    network[1].running_mean.normal_()
    network[1].running_var.uniform_(0.5, 2)
    return network


class Residual(nn.Module):
    """A sum of a way round and a way through."""

    def __init__(self):
        super().__init__()
        self.first, self.bend, self.last = nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 1)

    def forward(self, x):
        return self.last(x + self.bend(self.first(x)))


# -- DeepSHAP ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 1000))
def test_values_add_up_with_convolutions_batch_norm_and_max_pooling(seed):
    rng = np.random.default_rng(seed)
    network = convnet(seed).double()
    found = deep_shap(network, rng.normal(size=(2, 1, 10, 10)), rng.normal(size=(3, 1, 10, 10)), target=seed % 5)
    assert found.gap < 1e-10
    assert network.training and not any("forward" in vars(m) for m in network.modules()), "left as it was"


def test_float32_adds_up_to_rounding():
    rng = np.random.default_rng(0)
    found = deep_shap(convnet(), rng.normal(size=(3, 1, 10, 10)), rng.normal(size=(8, 1, 10, 10)), target=2)
    assert found.gap <= 1e-5 * np.abs(found.output).max()


def test_it_is_shaps():
    """Without shared pixels: where windows overlap, shap 0.51 keeps only one of the amounts and no longer adds up."""
    shap = pytest.importorskip("shap")
    rng = np.random.default_rng(1)
    x, background = rng.normal(size=(3, 1, 10, 10)), rng.normal(size=(6, 1, 10, 10))
    network = convnet(overlap=False).eval()
    tensors = [torch.tensor(a, dtype=torch.float32) for a in (background, x)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = np.asarray(shap.DeepExplainer(network, tensors[0]).shap_values(tensors[1], check_additivity=False))
    ours = deep_shap(network, x, background, target=2)
    np.testing.assert_allclose(ours.values, theirs[..., 2], atol=1e-6)


def test_a_line_gets_its_slopes_and_a_residual_adds_up():
    rng = np.random.default_rng(2)
    x, background = rng.normal(size=(4, 6)), rng.normal(size=(5, 6))
    line = nn.Linear(6, 1).double()
    expected = line.weight.detach().numpy() * (x - background.mean(axis=0))
    np.testing.assert_allclose(deep_shap(line, x, background).values, expected, atol=1e-12)
    assert deep_shap(Residual().double(), x, background).gap < 1e-12


def test_of_one_layer_it_is_the_shapley_value_where_only_one_feature_bends():
    network = nn.Sequential(nn.Linear(1, 1), nn.ReLU()).double()
    x, background = np.array([[1.7]]), np.array([[-0.4], [0.2]])
    np.testing.assert_allclose(deep_shap(network, x, background).values, exact_shapley(network, x, background).values)


def test_deep_lift_is_deep_shap_with_one_baseline():
    rng = np.random.default_rng(3)
    x, baseline = rng.normal(size=(2, 1, 10, 10)), rng.normal(size=(1, 10, 10))
    one = deep_lift(convnet(), x, baseline, target=0)
    two = deep_shap(convnet(), x, baseline[None], target=0)
    assert (one.values == two.values).all() and one.method == "DeepLIFT"


def test_where_nothing_changed_nothing_is_given():
    x = np.random.default_rng(4).normal(size=(1, 1, 10, 10))
    assert np.abs(deep_shap(convnet(), x, x, target=0).values).max() == 0


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6)), "got LayerNorm in '1'"),
        (nn.Sequential(nn.Linear(6, 6), nn.Softmax(dim=1)), "got Softmax in '1'"),
        (nn.LSTM(6, 6), "got LSTM"),
    ],
)
def test_a_layer_without_a_rule_is_named(model, message):
    with pytest.raises(CourseError, match=message):
        deep_shap(model, np.ones((1, 6)), np.zeros((1, 6)), target=0)


def test_a_bend_outside_of_a_module_is_found_out():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(6, 4)

        def forward(self, x):
            return torch.relu(self.line(x))

    torch.manual_seed(0)
    with pytest.raises(CourseError, match="make it a module, as nn.ReLU"):
        deep_shap(Hidden(), np.random.default_rng(0).normal(size=(5, 6)), np.zeros((1, 6)) - 1, target=0)


def test_bad_targets_and_shapes():
    with pytest.raises(CourseError, match="target: expected 0 to 4, one of the outputs"):
        deep_shap(convnet(), np.zeros((1, 1, 10, 10)), np.ones((1, 1, 10, 10)))
    with pytest.raises(ShapeError, match="background"):
        deep_shap(convnet(), np.zeros((1, 1, 10, 10)), np.ones((1, 1, 9, 9)), target=0)


# -- TreeSHAP ----------------------------------------------------------------------------------------------------------

REGRESSORS = [
    DecisionTreeRegressor(max_depth=6, random_state=0),
    RandomForestRegressor(8, random_state=0),
    ExtraTreesRegressor(8, max_depth=7, random_state=0),
    GradientBoostingRegressor(n_estimators=20, random_state=0),
]
CLASSIFIERS = [
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(8, random_state=0),
    GradientBoostingClassifier(n_estimators=20, random_state=0),
]


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_trees_get_the_exact_values(model):
    x, y = load_diabetes(return_X_y=True)
    model.fit(x, y)
    rows, background = x[:4], x[100:115]
    found = tree_shap(model, rows, background)
    np.testing.assert_allclose(found.values, exact_shapley(model, rows, background).values, atol=1e-9)
    assert found.gap < 1e-9 and found.base_value[0] == pytest.approx(model.predict(background).mean())


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: type(m).__name__)
def test_classifiers_too(model):
    x, y = load_breast_cancer(return_X_y=True)
    x = x[:, :9]
    model.fit(x, y)
    rows, background = x[:3], x[100:110]
    boosted = hasattr(model, "learning_rate")
    ask = model.decision_function if boosted else model.predict_proba
    exact = exact_shapley(ask, rows, background, target=None if boosted else 1)
    np.testing.assert_allclose(tree_shap(model, rows, background, target=1).values, exact.values, atol=1e-10)
    one = tree_shap(model, rows[0], background)
    assert one.values.shape == (9,)


@pytest.mark.parametrize("target", [0, 1, 2])
def test_more_than_two_classes(target):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5))
    y = np.digitize(x[:, 0] + x[:, 1] ** 2, [-0.3, 1.0])
    for model, ask in (
        (RandomForestClassifier(5, random_state=0), "predict_proba"),
        (GradientBoostingClassifier(n_estimators=6, random_state=0), "decision_function"),
    ):
        model.fit(x, y)
        exact = exact_shapley(getattr(model, ask), x[:3], x[50:60], target=target)
        found = tree_shap(model, x[:3], x[50:60], target=target)
        np.testing.assert_allclose(found.values, exact.values, atol=1e-10)


def test_trees_are_shaps():
    """On rows that float32 holds exactly: shap compares float64 with thresholds, scikit-learn float32."""
    shap = pytest.importorskip("shap")
    x, y = load_breast_cancer(return_X_y=True)
    x = x.astype(np.float32).astype(float)
    model = RandomForestClassifier(20, random_state=0).fit(x, y)
    explainer = shap.TreeExplainer(model, x[200:230], feature_perturbation="interventional")
    theirs = np.asarray(explainer.shap_values(x[:10], check_additivity=False))[..., 1]
    np.testing.assert_allclose(tree_shap(model, x[:10], x[200:230], target=1).values, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "target", "message"),
    [
        (
            LinearRegression(),
            None,
            "expected a fitted tree, forest or gradient boosting of scikit-learn, got LinearReg",
        ),
        (RandomForestRegressor(), None, "Fit it first"),
        (RandomForestClassifier(3).fit(np.eye(3), [0, 1, 2]), None, "target: expected 0 to 2, one .* got None"),
        (RandomForestClassifier(3).fit(np.eye(3), [0, 1, 2]), 3, "got 3"),
        (
            GradientBoostingClassifier(n_estimators=2).fit(np.eye(3), [0, 1, 1]),
            0,
            "target: expected 1, the class whose",
        ),
        (DecisionTreeRegressor().fit(np.eye(3), np.eye(3)), None, "expected one output, got 3"),
    ],
)
def test_bad_trees(model, target, message):
    with pytest.raises(CourseError, match=message):
        tree_shap(model, np.zeros((1, 3)), np.ones((1, 3)), target=target)
