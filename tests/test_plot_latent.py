"""The map of codes: what is drawn is what was given, and the words say where each class lies."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import plot
from coursekit.errors import ShapeError

NAMES = ("coat", "bag", "shoe")


@pytest.fixture
def ax():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 2], 40)
    codes = np.array([[0.0, 0.0], [0, 0], [10.0, -5.0]])[labels] + 0.1 * rng.normal(size=(80, 2))
    yield plot.code_map(codes, labels, NAMES, title="Map")
    plt.close("all")


def test_every_point_is_drawn_with_its_class(ax):
    assert [len(line.get_xdata()) for line in ax.lines] == [40, 40]
    assert len({(line.get_color(), line.get_marker()) for line in ax.lines}) == 2


def test_the_names_stand_where_the_classes_are_and_an_absent_class_has_none(ax):
    at = {text.get_text(): text.xy for text in ax.texts}
    assert set(at) == {"coat", "shoe"}
    assert at["shoe"] == pytest.approx((10, -5), abs=0.1)


def test_names_of_classes_in_the_same_place_keep_clear_of_each_other():
    drawn = plot.code_map(np.zeros((30, 2)) + np.arange(30)[:, None] / 30, np.arange(30) % 3, NAMES)
    boxes = [text.get_window_extent() for text in drawn.texts]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    plt.close("all")


def test_the_words_say_where_and_how_well_the_classes_keep_apart(ax):
    words = plot.alt_text(ax.figure)
    assert words.startswith("Map: 80 points of 2 classes; coat around")
    assert "same class in 100% of the cases" in words


def test_classes_that_lie_on_top_of_each_other_are_said_to():
    rng = np.random.default_rng(1)
    drawn = plot.code_map(rng.normal(size=(600, 2)), rng.integers(0, 3, 600), NAMES)
    share = int(plot.alt_text(drawn.figure).rpartition("class in ")[2].partition("%")[0])
    assert 20 < share < 47
    plt.close("all")


def test_ten_classes_are_ten_looks():
    drawn = plot.code_map(np.arange(20.0).reshape(10, 2), np.arange(10), [str(k) for k in range(10)])
    assert len({(line.get_color(), line.get_marker()) for line in drawn.lines}) == 10
    plt.close("all")


@pytest.mark.parametrize(
    ("codes", "labels", "message"),
    [
        (np.zeros((4, 3)), np.zeros(4, int), r"codes: expected shape \(N, 2\)"),
        (np.zeros((4, 2)), np.zeros(3, int), r"labels: expected shape \(4,\)"),
        (np.zeros((0, 2)), np.zeros(0, int), "at least one row"),
    ],
)
def test_bad_input_is_named(codes, labels, message):
    with pytest.raises(ShapeError, match=message):
        plot.code_map(codes, labels, NAMES)
