"""The picture of a graph shows each node once, each arrow, and says in words what was made from what."""

from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from coursekit import plot
from coursekit.errors import CourseError
from coursekit.plot.graphs import MOST
from coursekit.plot.layout import layered, layers_of
from coursekit.scratch.autograd import Tensor, no_grad


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def weight(value):
    return Tensor(value, requires_grad=True)


def small():
    """The smallest network of notebook 03, with its names."""
    w, v, x, t = weight(0.5), weight(-1.0), Tensor(2.0), Tensor(1.0)
    difference = (w * x).relu() * v - t
    return difference * difference, {"w": w, "v": v, "x": x, "t": t}


def boxes(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]


def written(ax):
    return [text.get_text() for text in ax.texts]


def test_every_node_is_a_box_and_every_use_an_arrow():
    loss, names = small()
    ax = plot.graph(loss, names=names)
    assert len(boxes(ax)) == 9
    assert sum(isinstance(patch, FancyArrowPatch) for patch in ax.patches) == 9  # `difference` is used twice
    assert {"w", "v", "x", "t", "relu", "sub"} < set(written(ax))
    assert written(ax).count("mul") == 3


def test_the_words_say_what_each_node_was_made_from():
    loss, names = small()
    words = plot.alt_text(plot.graph(loss, names=names).figure)
    assert words.startswith("The graph of a computation: 9 nodes, 5 of them operations.")
    assert "Leaves with a gradient: w = 0.5; v = -1. Constants: x = 2; t = 1." in words
    assert "mul #1 = 1, made from w and x." in words
    assert "relu = 1, made from mul #1." in words
    assert "sub = -2, made from mul #2 and t." in words
    assert "mul #3 = 4, made from sub and sub." in words


def test_weights_constants_and_operations_differ_in_more_than_colour():
    loss, names = small()
    drawn = boxes(plot.graph(loss, names=names))
    looks = Counter((type(b.get_boxstyle()).__name__, b.get_linestyle(), b.get_linewidth() > 2) for b in drawn)
    assert looks == {("Square", "solid", True): 2, ("Square", "--", False): 2, ("Round", "solid", False): 5}


def test_shapes_and_gradients_are_written_at_the_nodes():
    W, X = weight(np.ones((3, 4))), Tensor(np.ones((2, 3)))
    loss = (X @ W).sum()
    before = plot.graph(loss, names={"W": W, "X": X, "loss": loss})
    assert {"(3, 4)", "(2, 3)", "(2, 4)", "24", "loss = sum"} <= set(written(before))
    assert not any("grad " in text for text in written(before))
    loss.backward(retain_graph=True)
    after = plot.graph(loss, names={"W": W})
    assert f"grad norm {np.sqrt(12 * 4):.3g}" in written(after)
    assert f"W (3, 4) (grad norm {np.sqrt(12 * 4):.3g})" in plot.alt_text(after.figure)


def test_a_number_shows_its_gradient_itself():
    loss, names = small()
    loss.backward(retain_graph=True)
    assert {"grad 8", "grad -4"} < set(written(plot.graph(loss, names=names)))


def test_a_graph_without_names_and_one_node_alone_can_be_drawn():
    assert "tensor" in written(plot.graph(weight([1.0, 2.0]) * 2))
    assert "2" in written(plot.graph(weight([1.0, 2.0]) * 2)), "a number that was put in is written, not 'constant'"
    assert len(boxes(plot.graph(weight(1.0)))) == 1
    with no_grad():
        assert len(boxes(plot.graph(weight(1.0) * 2))) == 1


def test_anything_with_parents_can_be_drawn():
    class Own:
        def __init__(self, data, parents=(), op=""):
            self.data, self.parents, self.op, self.grad, self.requires_grad = data, parents, op, None, True

    x = Own(3.0)
    words = plot.alt_text(plot.graph(Own(9.0, (x, x), "square"), names={"x": x}).figure)
    assert "square = 9, made from x and x." in words


def test_no_two_boxes_overlap_and_all_lie_inside():
    h, W = Tensor(np.ones((4, 8))), weight(np.ones((8, 8)))
    for _ in range(5):
        h = (Tensor(np.ones((4, 8))) + h @ W).tanh()
    ax = plot.graph(h.sum())
    frames = [box.get_bbox() for box in boxes(ax)]
    for i, one in enumerate(frames):
        assert ax.get_xlim()[0] < one.x0 < one.x1 < ax.get_xlim()[1]
        assert ax.get_ylim()[0] < one.y0 < one.y1 < ax.get_ylim()[1]
        assert not any(one.overlaps(other) for other in frames[i + 1 :])


def test_it_takes_axes_gives_them_back_and_can_be_shown(capsys):
    figure, axes = plt.subplots(1, 2, figsize=(8, 3))
    loss, names = small()
    for ax in axes:
        assert plot.graph(loss, names=names, title="The loss", ax=ax) is ax
    plot.show(figure)
    assert capsys.readouterr().out.count("The loss: 9 nodes") == 2


def test_what_cannot_be_drawn_is_told():
    loss, _ = small()
    loss.backward()
    with pytest.raises(
        CourseError, match=r"graph: .* 'mul' that backward\(\) has used up. Draw it before backward\(\)"
    ):
        plot.graph(loss)
    y = weight(1.0)
    for _ in range(MOST):
        y = -y
    with pytest.raises(CourseError, match=r"graph: expected at most 60 nodes, got more. Draw a part of it"):
        plot.graph(y)


# -- the layout
@st.composite
def graphs(draw):
    count = draw(st.integers(1, 14))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    return count, draw(st.lists(st.sampled_from(pairs), max_size=25)) if pairs else []


@given(graphs())
def test_arrows_go_forward_and_nodes_of_a_layer_stand_apart(drawn):
    count, arrows = drawn
    places, ways = layered(count, arrows)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    for (start, end), way in zip(arrows, ways, strict=True):
        assert [places[start, 0], *way[:, 0], places[end, 0]] == list(
            range(int(places[start, 0]), int(places[end, 0]) + 1)
        )
    standing = np.vstack([places, *ways])
    for depth in np.unique(standing[:, 0]):
        row = np.sort(standing[standing[:, 0] == depth, 1])
        assert (np.diff(row) > 1 - 1e-9).all()


def test_a_leaf_stands_right_before_its_first_user():
    assert layers_of(6, [(0, 1), (1, 2), (2, 4), (3, 4), (3, 5), (4, 5)]) == [0, 1, 2, 2, 3, 4]


def test_crossings_are_undone():
    places, _ = layered(4, [(0, 3), (1, 2)])
    assert (places[0, 1] < places[1, 1]) == (places[3, 1] < places[2, 1])
