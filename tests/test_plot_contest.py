"""Figures of a contest: drawn in the data's order, labelled, and told in words that the data bear out."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import plot
from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.hog import cell_histograms

ROWS = {"forest": (0.9, 0.88, 0.92), "network": (0.8, 0.79, 0.83)}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def words(ax):
    return plot.alt_text(ax.figure)


def test_intervals_stand_in_their_order_with_their_kinds(capsys):
    ax = plot.intervals(ROWS, xlabel="accuracy", kinds={"forest": "classical", "network": "deep"}, title="T")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["forest", "network"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0.88, 0.92])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["classical", "deep"]
    assert ax.lines[0].get_color() != ax.lines[2].get_color()
    assert "network (deep): 0.8, 0.79 to 0.83" in words(ax)
    plot.show(ax)
    assert "T, accuracy." in capsys.readouterr().out


def test_differences_are_told_clear_or_not():
    ax = plot.intervals({"a": (0.1, 0.05, 0.2), "b": (0.0, -0.1, 0.1), "c": (-2, -3, -1)}, xlabel="gain", zero=True)
    assert "2 of 3 intervals do not touch 0." in words(ax)
    assert ax.get_legend() is None


def test_no_rows():
    with pytest.raises(CourseError, match="rows: expected at least one"):
        plot.intervals({}, xlabel="accuracy")


def test_learning_curves_and_where_they_meet(capsys):
    errors = {"a": np.array([[0.3, 0.2, 0.1], [0.5, 0.2, 0.1]]), "b": np.array([[0.5, 0.1, 0.05]] * 2)}
    ax = plot.learning_curves([10, 100, 1000], errors, xlabel="rows", crossing=(60, 30, 90))
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10", "100", "1,000"]
    assert "a: 0.4 with 10, 0.1 with 1,000." in words(ax)
    assert "where they meet, at 60; grey from 30 to 90." in words(ax)
    plot.show(ax)
    assert "Means of 2 seeds" in capsys.readouterr().out
    assert "meet" not in words(plot.learning_curves([10, 100, 1000], errors, xlabel="rows"))


def test_strokes_run_along_the_edges():
    upright = np.zeros((16, 16))
    upright[:, 8:] = 1
    for picture, upwards in ((upright, True), (upright.T, False)):
        ax = plot.edges(picture, cell_histograms(picture[None], bins=8)[0])
        across, down = (np.ptp(ax.lines[0].get_data()[k]) for k in (0, 1))
        assert (down > 2 * across) == upwards
    assert "50% of the cells hold an edge" in words(ax)


def test_a_batch_is_refused():
    with pytest.raises(ShapeError, match="Take one picture"):
        plot.edges(np.zeros((2, 8, 8)), np.zeros((2, 2, 9)))
