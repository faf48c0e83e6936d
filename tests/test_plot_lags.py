"""Gradients by lag, and the network unrolled: what is drawn is what was given, and the words say it too."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import plot
from coursekit.errors import CourseError, ShapeError
from coursekit.plot import alt_text


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_rows_are_powers_of_ten_against_the_first_and_cut_off_at_the_last_colour():
    lags = np.arange(21)
    ax = plot.lag_map({"fades": 5 * 10.0**-lags, "stays": np.full(21, 3.0), "grows": 10.0 ** (lags / 4)})
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown[0], np.maximum(-lags, -8))
    np.testing.assert_allclose(shown[1], 0, atol=1e-12)
    np.testing.assert_allclose(shown[2], lags / 4)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["fades", "stays", "grows"]


def test_words_say_how_far_each_comes():
    lags = np.arange(21)
    ax = plot.lag_map({"fades": 10.0**-lags, "stays": np.ones(21), "grows": 10.0**lags}, title="Map")
    text = alt_text(ax.get_figure())
    assert "fades: below a thousandth from lag 4 on; at lag 20 it is 1e-20 times" in text
    assert "stays: at lag 20 it is 1 times" in text
    assert "grows: above a thousand times from lag 4 on" in text


def test_a_gradient_that_is_zero_is_drawn_as_the_smallest():
    ax = plot.lag_map({"gone": np.array([1.0, 0.5, 0.0])})
    assert ax.images[0].get_array()[0, 2] == -8
    plot.show(ax)


def test_refuses():
    with pytest.raises(CourseError, match="at least one row"):
        plot.lag_map({})
    for bad in ({"a": np.ones(3), "b": np.ones(4)}, {"a": np.ones(1)}, {"a": np.array([0.0, 1.0])}):
        with pytest.raises(ShapeError, match="rows of one length"):
            plot.lag_map(bad)


def test_unrolled_has_a_cell_for_each_input():
    ax = plot.unrolled(["u", "n", "d"], "next letter")
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("cell") == 3 and {"u", "n", "d", "next letter", "$h_0$", "$h_3$"} <= set(texts)
    assert "drawn 3 times" in alt_text(ax.get_figure())
    plot.show(ax)
