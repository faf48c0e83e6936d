"""Pictures of explanations: bars and steps are the numbers, and the words say the same."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import plot
from coursekit.attribution import Attribution, exact_shapley
from coursekit.errors import CourseError, UnknownNameError

NAMES = ("age", "income", "height", "weight")
W = np.array([3.0, -2.0, 0.5, 0.0])


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def many():
    x = np.random.default_rng(0).normal(size=(30, 4))
    return exact_shapley(lambda rows: rows @ W + 1, x, np.zeros((1, 4)), feature_names=NAMES)


def labels(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_bars_are_the_values_largest_first(many):
    ax = many[0].plot("bar")
    order = np.argsort(-np.abs(many[0].values), kind="stable")
    assert labels(ax) == [NAMES[k] for k in order]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], many[0].values[order])
    assert f"{NAMES[order[0]]} {many[0].values[order[0]]:+.3g}" in plot.alt_text(ax.figure)
    ax = many.plot("bar", most=2)
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], np.sort(many.importance())[::-1][:2])


def test_a_waterfall_goes_from_the_base_to_the_output(many):
    one = many[3]
    ax = one.plot(most=2)
    assert labels(ax)[-1] == "2 others" and "=" in labels(ax)[0]
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert ends[0][0] == pytest.approx(one.base_value) and ends[-1][1] == pytest.approx(one.output)
    for (_, end), (start, _) in zip(ends, ends[1:], strict=False):
        assert end == pytest.approx(start)
    assert f"from {one.base_value:.3g} to the output {one.output:.3g}" in plot.alt_text(ax.figure)


def test_a_beeswarm_has_a_point_for_each_row_and_says_which_way(many):
    ax = many.plot()
    assert labels(ax)[0] == "age" and len(ax.collections) == 4
    for k, name in enumerate(labels(ax)):
        where = np.sort(ax.collections[k].get_offsets()[:, 0])
        np.testing.assert_allclose(where, np.sort(many.values[:, NAMES.index(name)]))
    words = plot.alt_text(ax.figure)
    assert "age" in words and "rises with it" in words and "falls with it" in words and "30 rows" in words


def test_a_map_lies_over_its_picture():
    values = np.zeros((2, 5, 5))
    values[1, 2, 3] = -4.0
    found = Attribution(values, np.zeros(2), values.sum(axis=(1, 2)), (), "occlusion", np.ones((2, 5, 5)))
    ax = found.plot(row=1)
    assert len(ax.images) == 2 and "row 2, column 3" in plot.alt_text(ax.figure)
    np.testing.assert_allclose(ax.images[1].get_array(), values[1])
    channels = Attribution(np.ones((3, 5, 5)), np.array(0.0), np.array(75.0), (), "IG")
    np.testing.assert_allclose(channels.plot().images[0].get_array(), 3.0)


def test_a_picture_that_does_not_fit_is_refused(many):
    slopes = Attribution(np.ones(4), np.array(0.0), np.array(1.0), NAMES, "saliency", complete=False)
    assert slopes.plot().get_title(loc="left") == "saliency", "a bar: slopes are no steps"
    for call, message in (
        (lambda: many.plot("waterfall"), "Choose one"),
        (lambda: slopes.plot("waterfall"), "values that add up, got saliency"),
        (lambda: many[0].plot("beeswarm"), "several rows"),
        (lambda: many.plot("image"), "values of pixels"),
        (lambda: Attribution(np.ones((2, 2)), np.array(0.0), np.array(4.0)).plot("bar"), "kind='image'"),
        (
            lambda: Attribution(np.ones((2, 2)), np.array(0.0), np.array(4.0)).plot(picture=np.ones((2, 2, 3))),
            r"picture: expected \(H, W\) of the values \(2, 2\), got \(2, 3\). Channels first",
        ),
    ):
        with pytest.raises(CourseError, match=message):
            call()
    with pytest.raises(UnknownNameError, match="kind: expected a known name, got 'bars'"):
        many.plot("bars")


def test_maps_of_several_methods_stand_beside_their_pictures():
    pictures, values = np.ones((2, 6, 5)), np.zeros((2, 6, 5))
    values[:, 2, 3], values[1, 0, 0] = 4.0, -2.0
    ax = plot.attribution_maps(pictures, {"one method": values, "nothing": 0 * values}, rows=["boot", "shirt"])
    said = plot.alt_text(ax.figure)
    assert "2 pictures (boot, shirt)" in said
    assert "one method: a tenth of the pixels holds 100%" in said
    drawn = ax.images[1].get_array()
    assert np.nanmax(drawn) == 1 and np.nanmin(drawn) == -0.5
    with pytest.raises(CourseError, match="nothing"):
        plot.attribution_maps(pictures, {"nothing": values[:1]})
    with pytest.raises(CourseError, match="1 words"):
        plot.attribution_maps(pictures, {"one method": values}, rows=["boot"])
