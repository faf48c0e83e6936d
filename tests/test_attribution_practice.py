"""What happens to somebody who explains a model of his own: estimators, tables, mistakes, long runs, memory."""

import tracemalloc

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.svm import SVC
from torch import nn

from coursekit.attribution import (
    Game,
    exact_shapley,
    expected_gradients,
    game,
    kernel_shap,
    occlusion,
    permutation_importance,
    permutation_shapley,
    saliency,
    smooth_grad,
    tree_shap,
)
from coursekit.attribution.deep import deep_shap
from coursekit.attribution.exact import all_coalitions, ask_all, shapley_of_table
from coursekit.attribution.faithfulness import label_randomisation, sensitivity, weight_randomisation
from coursekit.attribution.grad_cam import grad_cam, guided_backpropagation
from coursekit.attribution.lime import lime, lime_text
from coursekit.attribution.models import NUMBERS_AT_ONCE, ROWS_AT_ONCE, Model
from coursekit.errors import CourseError, ShapeError

RNG = np.random.default_rng


def bent(rows):
    """A model of any number of features whose features work together."""
    w = RNG(0).normal(size=(rows.shape[1], 8))
    return np.tanh(rows @ w) @ np.arange(1.0, 9)


class Table:
    """As much of a data frame as NumPy needs, with names of columns."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.rows, dtype)


# -- models ------------------------------------------------------------------------------------------------------------


def test_an_estimator_without_probabilities_is_asked_for_its_score_not_for_its_label():
    x, y = RNG(0).normal(size=(60, 3)), RNG(1).integers(0, 2, 60)
    model = SVC().fit(x, np.array(["no", "yes"])[y])
    found = kernel_shap(model, x[:2], x[10:14], rng=RNG(0))
    np.testing.assert_allclose(found.output, model.decision_function(x[:2]))
    with pytest.raises(CourseError, match="expected numbers, got <U3 .*predict_proba"):
        kernel_shap(model.predict, x[0], x[10:14], rng=RNG(0))


def test_a_tensor_with_its_history_is_an_answer_and_one_column_needs_no_target():
    torch.manual_seed(0)
    network = nn.Linear(4, 1)
    x, background = RNG(0).normal(size=(2, 4)).astype(np.float32), np.zeros((1, 4), dtype=np.float32)
    found = exact_shapley(lambda rows: network(torch.as_tensor(rows)), x, background)  # float32 in, (N, 1) out
    np.testing.assert_allclose(found.values, x * network.weight.detach().numpy(), atol=1e-6)
    assert found.values.dtype == np.float64


def test_names_of_a_tables_columns_are_used():
    x, names = RNG(0).normal(size=(30, 3)), ["age", "sex", "hours"]
    model = GradientBoostingClassifier(n_estimators=3).fit(x, x[:, 0] > 0)
    assert kernel_shap(bent, Table(x, names), x[:2], rng=RNG(0)).feature_names == tuple(names)
    assert tree_shap(model, Table(x, names), x[:2]).feature_names == tuple(names)
    assert kernel_shap(bent, Table(x, names), x[:2], groups=[0, 0, 1], rng=RNG(0)).feature_names == ()


def test_a_model_that_writes_into_its_rows_spoils_nothing():
    def careless(rows):
        rows *= 2
        return bent(rows)

    x, background = RNG(1).normal(size=8), RNG(2).normal(size=(300, 8))
    for method, settings in ((exact_shapley, {}), (kernel_shap, {"samples": 60, "rng": RNG(0)})):
        careful = {name: RNG(0) if name == "rng" else value for name, value in settings.items()}
        expected = method(lambda rows: bent(2 * rows), x, background, **careful).values
        np.testing.assert_allclose(method(careless, x.copy(), background.copy(), **settings).values, expected)


def test_frozen_parts_of_a_network_stay_frozen():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2).eval(), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    x = RNG(0).normal(size=(2, 1, 4, 4))
    deep_shap(network, x, x, target=0)
    grad_cam(network, x, network[0], target=0)
    guided_backpropagation(network, x, target=0)
    saliency(network, x, target=0)
    assert network.training and network[0].training and not network[1].training


def test_deep_shap_of_layers_that_work_in_place():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1)).double()
    x, background = RNG(0).normal(size=(3, 5)), RNG(1).normal(size=(4, 5))
    expected = deep_shap(network, x, background)
    network[1].inplace = network[3].inplace = True
    found = deep_shap(network, x, background)
    np.testing.assert_allclose(found.values, expected.values)
    assert found.gap < 1e-12


# -- complaints --------------------------------------------------------------------------------------------------------


def nan_where(condition):
    return lambda rows: np.where(condition(rows), np.nan, 1.0)


X, B = np.arange(12.0).reshape(3, 4), -np.arange(1.0, 9).reshape(2, 4)
NETWORK = nn.Sequential(nn.Linear(4, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: exact_shapley(nan_where(lambda r: r[:, 0] == 8), X, B), CourseError, "got nan at row 2 of x"),
        (
            lambda: exact_shapley(nan_where(lambda r: r[:, 0] == -5), X, B),
            CourseError,
            "nan at row 1 of the background",
        ),
        (
            lambda: exact_shapley(nan_where(lambda r: (r[:, 0] == 4) & (r[:, 1] == -6)), X, B),
            CourseError,
            "nan at a mixture of row 1 of x and row 1 of the background",
        ),
        (lambda: exact_shapley(bent, X[:0], B), CourseError, r"at least one row to explain, got shape \(0, 4\)"),
        (lambda: exact_shapley(bent, np.where(X == 6, np.inf, X), B), CourseError, r"x: .* got inf at \[1, 2\]"),
        (lambda: exact_shapley(lambda r: r, X, B, target=1.0), CourseError, "target: expected 0 to 3, .* got 1.0"),
        (lambda: exact_shapley(lambda r: r, X, B, target="1"), CourseError, "target: expected 0 to 3, .* got '1'"),
        (lambda: exact_shapley(lambda r: r, X, B, target=-1), CourseError, "got -1"),
        (lambda: deep_shap(NETWORK, X, B, target=1.0), CourseError, "target: expected 0 to 2"),
        (lambda: deep_shap(NETWORK, X, B, target=3), CourseError, "target: expected 0 to 2, .* got 3"),
        (lambda: guided_backpropagation(NETWORK.append(nn.ReLU()), X, target=7), CourseError, "expected 0 to 2"),
        (lambda: kernel_shap(bent, X, B, rng=0), CourseError, "rng: expected a NumPy Generator, got int"),
        (lambda: permutation_shapley(bent, X, B, rng=0), CourseError, "rng: expected"),
        (lambda: lime(bent, X, B, rng=0), CourseError, "rng: expected"),
        (lambda: lime_text(len, "a word", rng=0), CourseError, "rng: expected"),
        (lambda: smooth_grad(NETWORK, X, noise=1, target=0, rng=0), CourseError, "rng: expected"),
        (lambda: expected_gradients(NETWORK, X, B, target=0, rng=0), CourseError, "rng: expected"),
        (lambda: permutation_importance(bent, X, X[:, 0], min, rng=0), CourseError, "rng: expected"),
        (lambda: sensitivity(np.sign, X, radius=1, rng=0), CourseError, "rng: expected"),
        (lambda: weight_randomisation(np.sign, NETWORK, X, rng=0), CourseError, "rng: expected"),
        (lambda: label_randomisation(min, min, X, X, rng=0), CourseError, "rng: expected"),
        (
            lambda: weight_randomisation(lambda m, r: r, nn.ReLU(), X, rng=RNG(0)),
            CourseError,
            "module: expected one with weights",
        ),
        (lambda: Game(bent, X[0], B, groups=[0, 0, 1]), ShapeError, "groups: expected a whole number for each"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


# -- blocks, memory, long runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 50, ROWS_AT_ONCE + 1])
def test_block_after_block_is_every_coalition(rows):
    x, background = RNG(0).normal(size=9), RNG(1).normal(size=(rows, 9))
    x[4], background[:, 4] = 1.0, 1.0  # a dummy
    one = Game(bent, x, background, groups=np.array([0, 0, 1, 2, 3, 4, 5, 6, 6]))
    assert one.d == 6 and 2**one.low * rows <= max(ROWS_AT_ONCE, rows)
    blocks = np.concatenate([one.block(k) for k in range(2 ** (one.d - one.low))])
    np.testing.assert_allclose(blocks, one.value(all_coalitions(6)), atol=1e-12)
    known = all_coalitions(6)[37][np.array([0, 0, 1, 2, -1, 3, 4, 5, 5])] & (np.arange(9) != 4)
    assert blocks[37] == pytest.approx(bent(np.where(known, x, background)).mean())


def test_every_coalition_is_asked_once_and_no_more_than_so_many_rows_at_a_time():
    asked = []

    def watching(rows):
        asked.append(rows.copy())
        return bent(rows)

    exact_shapley(watching, RNG(0).normal(size=11), RNG(1).normal(size=(3, 11)))
    assert max(map(len, asked)) <= ROWS_AT_ONCE
    assert sum(map(len, asked)) == 3 * 2**11 + 3 + 1
    mixed = np.concatenate(asked)
    assert len(np.unique(mixed, axis=0)) == 3 * (2**11 - 1) + 1


def test_a_background_or_rows_that_are_too_large_are_asked_in_parts(monkeypatch):
    x, background = RNG(0).normal(size=5), RNG(1).normal(size=(70, 5))
    expected = exact_shapley(bent, x, background).values
    monkeypatch.setattr(game, "NUMBERS_AT_ONCE", 100)
    largest = []

    def watching(rows):
        largest.append(len(rows))
        return bent(rows)

    np.testing.assert_allclose(exact_shapley(watching, x, background).values, expected, atol=1e-12)
    assert max(largest[2:]) <= 20  # after x and the background themselves
    expected, largest[:] = kernel_shap(bent, x, background[:4], samples=20, rng=RNG(0)).values, []
    np.testing.assert_allclose(kernel_shap(watching, x, background[:4], samples=20, rng=RNG(0)).values, expected)
    assert max(largest) <= 20


@pytest.mark.parametrize("method", ["kernel", "orders", "occlusion", "exact"])
def test_a_picture_stays_within_the_stated_budget(method):
    """784 pixels, each a player, and 50 background rows: the budget counts float64, other arrays are smaller."""
    picture, background = RNG(0).normal(size=(28, 28)), RNG(1).normal(size=(50, 28, 28))
    runs = {
        "kernel": lambda f: kernel_shap(f, picture, background, samples=1600, rng=RNG(0)),
        "orders": lambda f: permutation_shapley(f, picture, background[:1], pairs=2, rng=RNG(0)),
        "occlusion": lambda f: occlusion(f, picture, background),
        "exact": lambda f: exact_shapley(f, picture.ravel()[:16], background[:1].reshape(1, -1)[:, :16]),
    }
    tracemalloc.start()
    try:
        found = runs[method](lambda rows: rows.reshape(len(rows), -1)[:, ::5].sum(axis=1))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 1.5 * 8 * NUMBERS_AT_ONCE, f"{peak / 2**20:.0f} MB"
    assert method == "occlusion" or found.gap < 1e-9


def test_deep_shap_takes_fewer_pairs_of_large_pictures_at_a_time(monkeypatch):
    import coursekit.attribution.deep as deep

    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1)).double()
    x, background, sizes = RNG(0).normal(size=(2, 6)), RNG(1).normal(size=(9, 6)), []
    expected = deep_shap(network, x, background).values
    monkeypatch.setattr(deep, "NUMBERS_AT_ONCE", 12)
    network[0].register_forward_hook(lambda _module, given, _answer: sizes.append(len(given[0])))
    np.testing.assert_allclose(deep_shap(network, x, background).values, expected, atol=1e-12)
    assert max(sizes) == 4


class Stopped:
    """A model that somebody stops when it was asked so many rows."""

    def __init__(self, after):
        self.left = after

    def __call__(self, rows):
        self.left -= len(rows)
        if self.left < 0:
            raise KeyboardInterrupt
        return bent(rows)


def test_all_coalitions_of_one_row_can_be_stopped_and_the_error_is_told():
    d, misses, told = 13, [], []
    for seed in range(12):
        x, background = RNG(seed).normal(size=d), RNG(100 + seed).normal(size=(40, d))
        exact = exact_shapley(bent, x, background).values
        found = exact_shapley(Stopped(2**d * 40 // 3), x, background)
        assert "of 128 parts were asked" in found.note and found.gap < 1e-9
        misses.append(found.values - exact)
        told.append(found.std_error)
    told, scatter = np.sqrt(np.mean(np.square(told))), np.sqrt(np.mean(np.square(misses)))
    assert 0.6 < told / scatter < 1.7
    assert scatter < 0.2 * np.abs(exact).max()
    with pytest.raises(KeyboardInterrupt):
        exact_shapley(Stopped(9000), x, background)


def test_the_less_is_missing_the_less_is_missed():
    x, background = RNG(0).normal(size=13), RNG(1).normal(size=(40, 13))
    exact = exact_shapley(bent, x, background).values
    third, nearly = (exact_shapley(Stopped(2**13 * 40 * share), x, background) for share in (1 / 3, 0.98))
    for found in (third, nearly):
        assert 0.5 < np.sqrt(np.mean(found.std_error**2) / np.mean((found.values - exact) ** 2)) < 2
    assert nearly.std_error.mean() < 0.3 * third.std_error.mean()


class Bowl:
    """A curved model with gradients, that somebody stops at the gradient with a certain number."""

    def __init__(self, after=10**9):
        self.left = after

    def grad(self, rows, _target):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return 3 * rows**2

    def model(self):
        return Model(lambda rows: (rows**3).sum(axis=1), self.grad)


def test_expected_gradients_that_are_stopped_tell_what_is_known():
    misses, told = [], []
    background = RNG(1).normal(size=(20, 3))
    for seed in range(20):
        x = RNG(seed).normal(size=(2, 3))
        exact = x**3 - (background**3).mean(axis=0)
        found = expected_gradients(Bowl(40).model(), x, background, samples=200, rng=RNG(seed))
        assert found.note == "interrupted: 40 of 200 gradients a row"
        misses.append(found.values - exact)
        told.append(found.std_error)
    assert 0.7 < np.sqrt(np.mean(np.square(told)) / np.mean(np.square(misses))) < 1.5
    whole = expected_gradients(Bowl().model(), x, background, samples=200, rng=RNG(0))
    assert whole.note == "" and whole.std_error.mean() < found.std_error.mean()
    with pytest.raises(KeyboardInterrupt):
        expected_gradients(Bowl(1).model(), x, background, rng=RNG(0))


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("method", ["exact", "kernel", "orders", "deep", "expected gradients"])
def test_a_long_run_shows_a_bar(method, rows, capsys):
    x, background = RNG(0).normal(size=(3, 13))[:rows], RNG(1).normal(size=(40, 13))
    runs = {
        "exact": lambda **s: exact_shapley(bent, x, background, **s),
        "kernel": lambda **s: kernel_shap(bent, x, background, samples=300, rng=RNG(0), **s),
        "orders": lambda **s: permutation_shapley(bent, x, background, pairs=40, rng=RNG(0), **s),
        "deep": lambda **s: deep_shap(nn.Linear(13, 1), x, background, **s),
        "expected gradients": lambda **s: expected_gradients(Bowl().model(), x, background, rng=RNG(0), **s),
    }
    runs[method]()
    assert capsys.readouterr().err == ""
    runs[method](progress=True)
    assert "%|" in capsys.readouterr().err


def test_ask_all_gives_what_the_table_gives():
    one = Game(bent, RNG(0).normal(size=12), RNG(1).normal(size=(30, 12)))
    np.testing.assert_allclose(ask_all(one), shapley_of_table(one.value(all_coalitions(12))), atol=1e-12)
