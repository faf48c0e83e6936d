"""The figure of heaps: what it says in words is what its points do."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit import plot
from coursekit.errors import CourseError, ShapeError

CENTRES = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_words_count_points_and_rings(capsys):
    one_heap = np.repeat(CENTRES[:1], 10, axis=0)
    half_outside = np.concatenate([CENTRES, CENTRES + 3])
    ax = plot.clouds({"lost": one_heap, "half": half_outside}, CENTRES, reach=0.1, title="Heaps")
    words = plot.alt_text(ax.get_figure())
    assert words.startswith("Heaps, 2 panels.")
    assert "lost: 100% of 10 points in a ring, 1 of 3 rings reached." in words
    assert "half: 50% of 6 points in a ring, 3 of 3 rings reached." in words
    plot.show(ax)  # complete: labels, something drawn
    assert "Heaps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("count", "columns", "shape"), [(1, 4, (1, 1)), (4, 4, (1, 4)), (5, 4, (2, 4)), (8, 4, (2, 4))]
)
def test_a_panel_for_each_and_none_left_over(count, columns, shape):
    panels = {f"seed {k}": CENTRES for k in range(count)}
    figure = plot.clouds(panels, CENTRES, reach=0.1, columns=columns).get_figure()
    assert len(figure.axes) == count
    assert [ax.get_title(loc="left") for ax in figure.axes] == list(panels)
    assert figure.axes[0].get_gridspec().get_geometry() == shape
    plot.show(figure)


def test_refusals():
    with pytest.raises(CourseError, match="panels: expected at least one"):
        plot.clouds({}, CENTRES, reach=0.1)
    with pytest.raises(ShapeError, match=r"bad: expected shape \(N, 2\), got \(4, 3\)"):
        plot.clouds({"bad": np.zeros((4, 3))}, CENTRES, reach=0.1)
    with pytest.raises(ShapeError, match="centres"):
        plot.clouds({"a": CENTRES}, np.zeros(3), reach=0.1)
