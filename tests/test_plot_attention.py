"""The map of attention: what is drawn is what was given, and the words say where each place looks."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import plot
from coursekit.errors import CourseError, ShapeError

WEIGHTS = np.array([[0.1, 0.7, 0.2], [0.9, 0.05, 0.05]])


@pytest.fixture
def ax():
    yield plot.attention_map(WEIGHTS, ["le", "chat"], ["the", " ", "cat"], title="Map", form=".2f")
    plt.close("all")


def test_the_weights_and_the_tokens_are_drawn(ax):
    np.testing.assert_allclose(ax.images[0].get_array(), WEIGHTS)
    assert ax.images[0].get_clim() == (0, 1)  # two maps can be compared
    assert [text.get_text() for text in ax.texts] == ["0.10", "0.70", "0.20", "0.90", "0.05", "0.05"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["the", "\N{OPEN BOX}", "cat"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["le", "chat"]


def test_the_words_say_where_each_place_looks_most(ax):
    words = plot.alt_text(ax.figure)
    assert words == "Map (looking by looked at): each looks most le at \N{OPEN BOX} 0.70, chat at the 0.90."


def test_long_words_are_turned_and_nothing_is_written_unless_asked_for():
    drawn = plot.attention_map(WEIGHTS, ["le", "chat"], ["the", "big", "elephant"])
    assert not drawn.texts
    assert all(label.get_rotation() == 60 for label in drawn.get_xticklabels())
    plt.close("all")


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (WEIGHTS.T, ShapeError, r"weights: expected shape \(2, 3\)"),
        (2 * WEIGHTS, CourseError, "weights: expected numbers from 0 to 1"),
        (WEIGHTS - 0.5, CourseError, "after the softmax"),
    ],
)
def test_bad_input_is_named(weights, error, message):
    with pytest.raises(error, match=message):
        plot.attention_map(weights, ["le", "chat"], ["the", " ", "cat"])
