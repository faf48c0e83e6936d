"""Paths on a loss and sweeps over learning rates: what is drawn, what is said, what is refused."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import plot
from coursekit.errors import CourseError, ShapeError


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def valley(w):
    return 0.5 * (w[..., 0] ** 2 + 25 * w[..., 1] ** 2)


def descend(rate, steps=20):
    path = [np.array([-4.0, 1.0])]
    for _ in range(steps):
        path.append(path[-1] - rate * np.array([1.0, 25.0]) * path[-1])
    return np.array(path)


BOX = {"xlim": (-5, 5), "ylim": (-2, 2)}


def test_a_path_lies_where_the_steps_were_and_the_contours_where_the_loss_is():
    path = descend(0.05)
    ax = plot.ravine(valley, {"rate 0.05": path}, title="A ravine", **BOX)
    drawn = [line for line in ax.lines if line.get_label() == "rate 0.05"]
    np.testing.assert_array_equal(np.column_stack(drawn[0].get_data()), path)
    assert ax.get_xlim() == (-5, 5)
    (contours,) = [c for c in ax.collections if hasattr(c, "levels")]
    for level, lines in zip(contours.levels, contours.get_paths(), strict=True):
        if len(lines.vertices):
            np.testing.assert_allclose(valley(lines.vertices), level, rtol=0.35, atol=0.1)
    assert len(contours.levels) >= 8


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.02, "slow: 20 steps from loss 20.5, straight on; ends at 3.6."),
        (0.07, "slow: 20 steps from loss 20.5, turning back 19 times; ends at 0.4"),
        (
            0.09,
            "slow: 20 steps from loss 20.5, turning back 19 times; runs away and ends at 9.4e+04.",
        ),  # 12.5 * 1.25**40
    ],
)
def test_the_words_say_how_a_path_went(rate, words):
    ax = plot.ravine(valley, {"slow": descend(rate)}, **BOX)
    assert words in plot.alt_text(ax.figure)


def test_a_path_to_infinity_is_drawn_as_far_as_it_goes(capsys):
    path = descend(0.05)
    path[10:] = np.inf
    ax = plot.ravine(valley, {"lost": path, "never left": path[:1]}, **BOX)
    plot.show(ax)
    said = capsys.readouterr().out
    assert "lost: 20 steps" in said
    assert "never left: no step." in said


def test_a_path_needs_two_columns():
    with pytest.raises(ShapeError, match=r"paths: expected shape \(T, 2\) for 'flat', got \(7,\)"):
        plot.ravine(valley, {"flat": np.zeros(7)}, **BOX)


RATES = [0.01, 0.1, 1.0, 10.0]


def test_a_sweep_marks_rates_and_says_where_each_curve_is_lowest(capsys):
    runs = {"net": np.array([[2.0, 1.0, 3.0, np.nan], [2.0, 0.6, 3.0, np.nan]]), "dead": np.full(4, np.nan)}
    ax = plot.rate_sweep(RATES, runs, ylabel="loss", marks={"2 / curvature": 0.08}, title="Rates", log="xy")
    assert ax.get_xscale() == ax.get_yscale() == "log"
    marks = [line for line in ax.lines if str(line.get_label()).startswith("2 / curvature")]
    assert list(marks[0].get_xdata()) == [0.08, 0.08]
    plot.show(ax)
    said = capsys.readouterr().out
    assert "Rates: net: 2 at 0.01, lowest 0.8 at 0.1, 3 at 1, then no longer a number (mean of 2 runs)." in said
    assert "dead: no finite value." in said
    assert "A vertical line at 0.08: 2 / curvature." in said


@pytest.mark.parametrize("mark", [0, -1.0, float("nan"), float("inf")])
def test_a_mark_is_a_rate(mark):
    with pytest.raises(CourseError, match="marks: expected positive rates, got"):
        plot.rate_sweep(RATES, {"a": np.ones(4)}, ylabel="loss", marks={"here": mark})


@pytest.mark.parametrize("draw", ["ravine", "rate_sweep"])
def test_axes_that_are_given_are_drawn_into(draw):
    figure, ax = plt.subplots()
    if draw == "ravine":
        assert plot.ravine(valley, {"a": descend(0.05)}, ax=ax, **BOX) is ax
    else:
        assert plot.rate_sweep(RATES, {"a": np.ones(4)}, ylabel="loss", ax=ax) is ax
    assert len(figure.axes) == 1
    assert len(plot.alt_text(figure)) > 30
