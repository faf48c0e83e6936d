"""The protocol: as many trials for each method, a choice on validation data, one last fit, one look at the test set."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import KNeighborsClassifier

from coursekit.datasets import load
from coursekit.errors import CourseError
from coursekit.tuning import draw_settings, tune_and_test


def test_draws_are_different_settings_and_all_of_them_in_the_end():
    choices = {"C": [0.1, 1, 10], "gamma": [0.01, 0.1]}
    found = draw_settings(choices, 4, rng=np.random.default_rng(0))
    assert len(found) == len({tuple(s.items()) for s in found}) == 4
    assert all(s.keys() == choices.keys() and s["C"] in choices["C"] and s["gamma"] in choices["gamma"] for s in found)
    everything = draw_settings(choices, 6, rng=np.random.default_rng(0))
    assert {tuple(s.items()) for s in everything} == {
        (("C", c), ("gamma", g)) for c in (0.1, 1, 10) for g in (0.01, 0.1)
    }
    firsts = {draw_settings(choices, 1, rng=np.random.default_rng(seed))[0]["C"] for seed in range(20)}
    assert firsts == {0.1, 1, 10}


@pytest.mark.parametrize("trials", [0, 4])
def test_too_few_combinations_would_be_unfair(trials):
    with pytest.raises(CourseError, match=rf"trials: expected 1 to 3, .* got {trials}"):
        draw_settings({"C": [1, 2, 3]}, trials, rng=np.random.default_rng(0))


def test_as_scikit_learns_grid_search_on_the_same_split():
    data = load("wine")
    order = np.random.default_rng(1).permutation(len(data.x_train))
    x, y = data.x_train[order], data.y_train[order]
    grid = [{"n_neighbors": k} for k in (1, 3, 7, 15)]

    def fit(x, y, **settings):
        return KNeighborsClassifier(**settings).fit(x, y).predict

    chosen, scores, predicted = tune_and_test(fit, grid, (x[:80], y[:80]), (x[80:], y[80:]), data.x_test)
    fold = PredefinedSplit(np.where(np.arange(len(x)) < 80, -1, 0))
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3, 7, 15]}, cv=fold).fit(x, y)
    assert chosen == search.best_params_
    np.testing.assert_allclose(scores, search.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(predicted, search.predict(data.x_test))


def test_what_each_fit_is_given():
    seen = []

    def fit(x, y, **settings):
        seen.append((x.tolist(), settings))
        return lambda new: np.zeros(len(new), int)

    train, validation = (np.array(["a", "b"]), np.array([0, 1])), (np.array(["c"]), np.array([0]))
    chosen, scores, predicted = tune_and_test(fit, [{"k": 1}, {"k": 2}], train, validation, np.array(["d", "e"]))
    assert seen == [(["a", "b"], {"k": 1}), (["a", "b"], {"k": 2}), (["a", "b", "c"], {"k": 1})]
    assert (chosen, scores, predicted.tolist()) == ({"k": 1}, [1.0, 1.0], [0, 0])


def test_without_trials():
    with pytest.raises(CourseError, match="settings: expected at least one trial"):
        tune_and_test(None, [], None, None, None)
