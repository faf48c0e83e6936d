"""Every figure has labels, words for those who cannot see it, and says something that its data bear out."""

import base64

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import plot
from coursekit.errors import CourseError, ShapeError
from coursekit.plot.core import Picture

X, Y = np.random.default_rng(0).normal(size=(20, 2)), np.repeat([-1, 1], 10)
FIGURES = {
    "lines": lambda ax: plot.lines([1, 2, 3], {"a": [3, 2, 1.0]}, xlabel="x (s)", ylabel="y (m)", ax=ax),
    "bands": lambda ax: plot.lines([1, 10], {"a": np.ones((3, 2))}, xlabel="x", ylabel="y", log="xy", ax=ax),
    "bars": lambda ax: plot.bars({"a": [0.1, 0.3], "b": 0.5}, ylabel="share", percent=True, ax=ax),
    "histogram": lambda ax: plot.histogram({"a": X[:, 0], "b": X[:, 1]}, xlabel="x", threshold=0.0, ax=ax),
    "points": lambda ax: plot.points([1, 2], [2, 1], labels=["a", "b"], xlabel="x", ylabel="y", diagonal=True, ax=ax),
    "reliability": lambda ax: plot.reliability({"m": (np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.5, 0.6]))}, ax=ax),
    "images": lambda ax: plot.images(np.ones((3, 4, 4)), ["a", "b", "c"], ax=ax),
    "images in colour": lambda ax: plot.images(np.full((2, 4, 4, 3), 99, np.uint8), ["a", "b"], ax=ax),
    "matrix": lambda ax: plot.matrix(np.eye(3), xlabel="said", ylabel="truth", form=".0f", ax=ax),
    "heat": lambda ax: plot.matrix(np.eye(3), xlabel="said", ylabel="truth", rows="abc", columns="def", ax=ax),
    "weights": lambda ax: plot.weights(np.arange(9.0) - 4, (3, 3), ax=ax),
    "boundary": lambda ax: plot.boundary(X, Y, [(np.zeros(2), 0.0), (np.ones(2), 0.1)], highlight=2, ax=ax),
    "regions": lambda ax: plot.regions(X, Y, lambda p: np.sign(p[:, 0]), ax=ax),
    "training loop": lambda ax: plot.training_loop(ax=ax),
    "network": lambda ax: plot.network((9, 3, 1), ["in", "hidden", "out"], ax=ax),
    "chain": lambda ax: plot.chain(["a", "b"], ["x"], ["dx"], ax=ax),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_takes_axes_returns_axes_and_can_be_shown(name, capsys):
    figure, ax = plt.subplots()
    assert FIGURES[name](ax) is ax
    words = plot.alt_text(figure)
    assert len(words) > 30
    plot.show(ax)
    assert words in capsys.readouterr().out
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_makes_its_own_axes(name):
    ax = FIGURES[name](None)
    assert ax.figure.axes[0] is ax


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([3, 2, 1.0], "a falls from 3 at 1 to 1 at 3."),
        ([1, 2, 3.0], "a rises from 1 at 1 to 3 at 3."),
        ([2, 2, 2.0], "a stays near 2 at 1."),
        ([1, 5, 1.5], "with its highest value 5 at 2"),
        ([3, 0.1, 2], "with its lowest value 0.1 at 2"),
        ([np.nan] * 3, "a: no finite value."),
    ],
)
def test_the_words_follow_the_data(values, words):
    ax = plot.lines([1, 2, 3], {"a": values}, xlabel="x", ylabel="y")
    assert words in plot.alt_text(ax.figure)


def test_the_boundary_counts_what_is_wrong():
    ax = plot.boundary(
        np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]]), np.array([-1, 1, 1]), [(np.array([1.0, 0.0]), -1.5)]
    )
    assert "The line has 1 of 3 examples on the wrong side" in plot.alt_text(ax.figure)


def test_a_picture_carries_its_words_in_every_form():
    picture = Picture(b"PNG", 'a "curve" <that> falls', 300)
    shown = picture._repr_mimebundle_()
    assert 'alt="a &quot;curve&quot; &lt;that&gt; falls"' in shown["text/html"]
    assert base64.b64decode(shown["image/png"]) == b"PNG"
    assert shown["text/plain"] == '[figure: a "curve" <that> falls]'


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda ax: ax.plot([1, 2]), "alt: expected a sentence"),
        (
            lambda ax: plot.describe(ax, "Words enough, but nothing drawn."),
            "axes 1: expected something drawn, got nothing",
        ),
        (
            lambda ax: (ax.plot([1, 2]), plot.describe(ax, "A line that rises, without labels.")),
            "a label with its unit on the x",
        ),
    ],
)
def test_an_unfinished_figure_is_refused(draw, message):
    figure, ax = plt.subplots()
    draw(ax)
    with pytest.raises(CourseError, match=message):
        plot.show(figure)


def labelled(ax):
    plot.describe(ax, "Words enough to say what is shown.")
    ax.set(xlabel="x", ylabel="y")
    return ax


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: ax.plot([], []),
        lambda ax: ax.plot([1, 2], [np.nan, np.nan]),
        lambda ax: ax.scatter([], []),
        lambda ax: ax.text(0, 0, " "),
    ],
)
def test_a_figure_that_shows_nothing_is_refused(draw):
    ax = labelled(plt.subplots()[1])
    draw(ax)
    with pytest.raises(CourseError, match="axes 1: expected something drawn, got nothing"):
        plot.show(ax)


def test_axes_side_by_side_each_need_a_label():
    figure, axes = plt.subplots(1, 2, sharex=True)
    for ax in axes:
        labelled(ax).plot([1, 2])
    axes[1].set_xlabel(" ")
    with pytest.raises(CourseError, match="axes 2: expected a label with its unit on the x axis"):
        plot.show(figure)


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (lambda: plt.subplots(1, 2)[1], "figure: expected a figure or axes, got a ndarray"),
        (lambda: None, "figure: expected a figure or axes, got a NoneType"),
        (lambda: plt.figure(), "alt: expected a sentence"),
    ],
)
def test_what_is_no_figure_is_told(shown, message):
    with pytest.raises(CourseError, match=message):
        plot.show(shown())
    with pytest.raises(CourseError, match="figure: expected axes, got none"):
        plot.show(plt.figure(), alt="Words enough to say what is shown.")
    with pytest.raises(CourseError, match="alt: expected a text, got a int"):
        plot.show(plt.subplots()[1], alt=5)


def test_shared_axes_need_one_label():
    figure, axes = plt.subplots(1, 2, sharey=True)
    for ax in axes:
        plot.lines([1, 2], {"a": [1, 2]}, xlabel="x", ylabel="y", ax=ax)
        ax.label_outer()
    plot.show(figure)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plot.lines([1], {}, xlabel="x", ylabel="y"), "series: expected at least one curve"),
        (lambda: plot.images(np.ones((3, 16))), r"pictures: expected shape \(N, H, W\), got \(3, 16\)"),
        (lambda: plot.images(np.ones((3, 4, 4, 3))), "pictures: expected colours as uint8, got float64"),
        (lambda: plot.boundary(np.ones((3, 4)), np.ones(3)), r"X: expected shape \(N, 2\), got \(3, 4\)"),
    ],
)
def test_bad_input_is_told(draw, message):
    with pytest.raises((CourseError, ShapeError), match=message):
        draw()


def test_names_of_points_cover_neither_each_other_nor_a_point():
    x, y = [0.0, 0.1, 0.2, 1.0, 0.95, 0.5], [0.5, 0.5, 0.5, 0.2, 0.2, 1.0]  # three in a row, two at the right edge
    ax = plot.points(x, y, labels=[f"method number {k}" for k in range(6)], xlabel="x", ylabel="y")
    ax.get_figure().draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    dots = ax.transData.transform(np.column_stack([x, y]))
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    assert not any(box.count_contains(dots) for box in boxes)
    assert all(box.x1 <= ax.bbox.x1 for box in boxes)


def test_points_of_a_kind_share_colour_and_marker():
    ax = plot.points([1, 2, 3], [1, 2, 3], kinds=["a", "b", "a"], xlabel="x", ylabel="y")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert [len(line.get_xdata()) for line in ax.lines] == [2, 1]


def test_the_number_of_a_bar_below_zero_stands_below_its_whisker():
    ax = plot.bars({"loss": [-3.0, -1.0], "gain": [1.0, 3.0]}, ylabel="points")
    places = {text.get_text(): (text.xy[1], text.get_va()) for text in ax.texts}
    assert places == {"-2": (-3.0, "top"), "2": (3.0, "bottom")}
    plt.close(ax.figure)


def test_colours_are_drawn_as_they_are():
    pictures = np.zeros((2, 4, 4, 3), np.uint8)
    pictures[1, :, :, 0] = 51
    canvas = np.asarray(plot.images(pictures).images[0].get_array())
    red = np.unique(canvas[..., 0])
    np.testing.assert_allclose(red, [0, 51 / 255, 1])  # black, the red, and the white between the pictures
    assert canvas[..., 1].min() == 0
