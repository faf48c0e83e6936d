"""Pictures of what features did: the bars and points are the numbers, and the words say the same."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import plot
from coursekit.attribution import Attribution, exact_shapley
from coursekit.errors import CourseError, ShapeError

NAMES = ("age", "sex", "hours")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def many():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.uniform(20, 60, 40), rng.integers(0, 2, 40), rng.normal(size=40)])
    return exact_shapley(lambda rows: rows @ [0.1, 2.0, 0.0], x, x[:5], feature_names=NAMES)


def test_bars_stand_in_groups_the_largest_feature_first():
    values = {"exact": np.array([1.0, -3.0, 0.5]), "LIME": np.array([[0.5, -2.0, 0.0], [1.5, -4.0, 1.0]])}
    ax = plot.side_by_side(values, NAMES, xlabel="value", most=2)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["sex", "age"]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [-3, 1, -3, 1])
    whiskers = ax.collections[0].get_segments()
    np.testing.assert_allclose(np.sort(whiskers[0][:, 0]), [-4, -2])
    words = plot.alt_text(ax.figure)
    assert "sex: exact -3, LIME -3" in words and "hours" not in words


def test_a_point_a_row_at_its_value_and_what_it_did(many):
    ax = plot.dependence(many, "age")
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(x, many.x[:, 0])
    np.testing.assert_allclose(y, many.values[:, 0])
    words = plot.alt_text(ax.figure)
    assert "40 rows" in words and words.index("Mean -") < words.index("+")


def test_words_below_the_axis_and_kinds_apart(many):
    ax = plot.dependence(many, "sex", words=["Female", "Male"], split=("sex", ["Female", "Male"]))
    assert [t.get_text() for t in ax.get_xticklabels()] == ["Female", "Male"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["Female", "Male"]
    assert sum(len(line.get_xdata()) for line in ax.lines[:2]) == 40
    female = many.values[many.x[:, 1] == 0, 1].mean()
    assert f"Female {female:+.2g}" in plot.alt_text(ax.figure)


def test_a_feature_that_is_always_the_same(many):
    same = exact_shapley(lambda rows: rows.sum(axis=1), np.ones((3, 3)), np.ones((1, 3)), feature_names=NAMES)
    assert "All at 1, mean +0." in plot.alt_text(plot.dependence(same, "age").figure)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: plot.side_by_side({}, NAMES, xlabel=""), CourseError, "expected 1 to 5 methods, got 0"),
        (lambda e: plot.side_by_side({"a": np.ones(2)}, NAMES, xlabel=""), ShapeError, "expected 3 of 'a'"),
        (lambda e: plot.dependence(e, "height"), CourseError, "expected one of age, sex, hours, got 'height'"),
        (lambda e: plot.dependence(e[0], "age"), CourseError, "expected that of several rows with x"),
        (
            lambda e: plot.dependence(Attribution(e.values, e.base_value, e.output, NAMES), "age"),
            CourseError,
            "several rows with x",
        ),
    ],
)
def test_bad_input(many, call, error, message):
    with pytest.raises(error, match=message):
        call(many)
