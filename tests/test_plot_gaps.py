"""The figure of gaps: what is drawn is what was measured, and the words say the same."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import plot
from coursekit.errors import CourseError


@pytest.fixture
def ax():
    pairs = {"a network": ([1.0, 0.98], [0.75, 0.73]), "a tree": (0.9, [0.6])}
    yield plot.gaps(pairs, ("learned", "new"), xlabel="accuracy (%)", ylabel="model", title="Gaps", reference=0.1)
    plt.close("all")


def test_each_row_has_a_line_between_its_two_means(ax):
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a network", "a tree"]
    lines = [line.get_xydata() for line in ax.lines]
    assert any(np.allclose(xy, [[99, 0], [74, 0]]) for xy in lines)
    assert any(np.allclose(xy, [[90, 1], [60, 1]]) for xy in lines)


def test_the_spread_goes_from_worst_to_best(ax):
    spreads = [sorted(line.get_xdata()) for line in ax.lines]
    assert any(np.allclose(ends, [98, 100]) for ends in spreads)
    assert any(np.allclose(ends, [73, 75]) for ends in spreads)


def test_the_words_have_the_numbers(ax):
    words = plot.alt_text(ax.figure)
    for part in ("a network: learned 99.0, new 74.0.", "a tree: learned 90.0, new 60.0.", "dotted line stands at 10."):
        assert part in words


def test_the_first_row_is_at_the_top_and_the_legend_names_both(ax):
    low, high = ax.get_ylim()
    assert low > high
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["learned", "new"]


def test_it_can_be_shown_and_takes_axes(capsys):
    _, given = plt.subplots()
    assert plot.gaps({"a": (0.5, 0.4)}, ("x", "y"), xlabel="share (%)", ylabel="model", ax=given) is given
    plot.show(given)
    assert "share (%)" in capsys.readouterr().out


def test_nothing_to_draw():
    with pytest.raises(CourseError, match="pairs: expected at least one row"):
        plot.gaps({}, ("x", "y"), xlabel="share (%)", ylabel="model")
