"""The graph of a computation: its order, its memory, its limits, and what it says when something is wrong."""

import copy
import gc
import sys
import weakref

import numpy as np
import pytest
import torch

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.autograd import GradientError, Tensor, gradcheck, made, no_grad, topological_order
from coursekit.scratch.graph import SAMPLE, WHOLE, recording

DEEP = 100_000


def leaf(values, kind=np.float64):
    return Tensor(np.array(values, kind), requires_grad=True)


# ------------------------------------------------------------------------------------------ the walk


def test_a_chain_of_a_hundred_thousand_operations_works():
    assert sys.getrecursionlimit() < DEEP / 10
    x = leaf(1.0)
    y = x
    for _ in range(DEEP):
        y = y + 1e-5
    y.backward()
    assert x.grad == 1


def test_a_deep_graph_that_is_never_used_is_forgotten_without_recursion():
    y = leaf(1.0)
    for _ in range(DEEP):
        y = y * 1.0
    del y
    gc.collect()


def test_a_node_that_is_used_again_collects_from_every_use():
    x = leaf(3.0)
    y = x * x  # used three times, by ways of different length
    (y + y.exp() * 0 + y).backward()
    assert x.grad == pytest.approx(12)


def test_ten_diamonds_are_walked_once_each():
    x = leaf(1.0)
    y, uses = x, []
    for _ in range(40):  # 2^40 paths
        y = y + y
    count = made(y.data, (y, lambda G: uses.append(1) or G), op="count")
    count.backward()
    assert x.grad == 2.0**40
    assert uses == [1]


def test_the_order_puts_every_node_after_what_it_was_made_from():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    c = a * b
    order = topological_order((c + a).sum() * c.mean())
    place = {id(node): k for k, node in enumerate(order)}
    assert len(place) == len(order)
    for node in order:
        assert all(place[id(p)] < place[id(node)] for p in node.parents if p.requires_grad)


def test_gradients_add_up_until_they_are_forgotten():
    x = leaf([1.0, 2.0])
    for _ in range(2):
        (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [4, 8])
    x.zero_grad()
    assert x.grad is None


def test_two_leaves_never_share_one_gradient_array():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (a + b).sum().backward()
    a.grad += 5
    np.testing.assert_array_equal(b.grad, [1, 1])
    upstream = np.ones(2)
    c = leaf([1.0, 2.0])
    (c + 0.0).backward(upstream)
    c.grad += 1
    np.testing.assert_array_equal(upstream, [1, 1])


def test_the_gradient_of_a_leaf_itself():
    x = leaf(2.0)
    x.backward()
    assert x.grad == 1


def test_inside_nodes_keep_a_gradient_only_on_request():
    x = leaf([1.0, 2.0])
    y, z = x * 2, x * 3
    y.retain_grad()
    (y * z).sum().backward()
    np.testing.assert_array_equal(y.grad, z.data)
    assert z.grad is None


def test_a_graph_is_set_free_on_the_way_back():
    x = leaf(np.ones(1000))
    middle = x * 2
    there = weakref.ref(middle)
    root = (middle * middle).sum()
    del middle
    assert there() is not None
    root.backward()
    assert there() is None
    assert root.parents == ()


# ------------------------------------------------------------------------------------------ refusals


def test_a_second_backward_is_told_and_retain_graph_allows_it():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad == 12
    with pytest.raises(GradientError, match=r"got one that an earlier backward\(\) has used up \(at 'mul'\)"):
        y.backward()
    assert x.grad == 12, "nothing is written by a refused call"


def test_a_shared_part_that_was_used_up_is_told_before_anything_is_written():
    x, w = leaf(3.0), leaf(2.0)
    shared = x * x
    (shared * 2).backward()
    with pytest.raises(GradientError, match="used up"):
        (shared * w).backward()
    assert w.grad is None


@pytest.mark.parametrize("size", [3, WHOLE, 10 * WHOLE])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_a_change_in_place_of_a_needed_array_is_told(size, layout):
    x = Tensor(np.asarray(np.random.default_rng(0).normal(size=(size, 3)), order=layout), requires_grad=True)
    y = (x * x).sum()
    x.data *= 2
    with pytest.raises(GradientError, match=rf"arrays that 'mul' used to be unchanged, got one of shape \({size}, 3\)"):
        y.backward()
    assert x.grad is None


def test_a_single_changed_number_is_noticed_in_arrays_of_usual_size():
    x = Tensor(np.zeros(WHOLE), requires_grad=True)
    y = x.exp().sum()
    y.parents[0].data[123] = 7
    with pytest.raises(GradientError, match="changed in place"):
        y.backward()
    assert SAMPLE < WHOLE


def test_positions_that_were_changed_since_are_told():
    x, rows = leaf([1.0, 2.0, 3.0]), np.array([0, 0, 1])
    y = x[rows].sum()
    rows[:] = 2
    with pytest.raises(GradientError, match="arrays that 'getitem' used to be unchanged"):
        y.backward()


def test_a_change_of_what_no_rule_needs_is_allowed():
    x = leaf([1.0, 2.0])
    y = (x + 1).sum()
    x.data *= 2  # a sum does not look at its inputs again
    y.backward()
    np.testing.assert_array_equal(x.grad, [1, 1])


def test_a_new_array_in_place_of_the_old_one_leaves_the_graph_right():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    x.data = np.array([50.0, 50.0])
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda x: (x * 2).backward(), GradientError, r"expected a single number, got shape \(2,\). Call .sum\(\)"),
        (lambda x: (x * 2).backward(np.ones(3)), ShapeError, r"grad: expected shape \(2,\), got \(3,\)"),
        (lambda x: Tensor(1.0).backward(), GradientError, "computed from one with requires_grad=True"),
        (lambda x: x.detach().sum().backward(), GradientError, "computed from one with requires_grad=True"),
        (lambda x: x.item(), CourseError, r"item: expected a single number, got shape \(2,\)"),
        (lambda x: x.numpy(), CourseError, r"Write x.detach\(\).numpy\(\)"),
        (lambda x: np.asarray(x), CourseError, r"Write x.detach\(\).numpy\(\)"),
        (lambda x: Tensor(["a"]), CourseError, "data: expected real numbers, got <U1"),
        (lambda x: Tensor([1j]), CourseError, "data: expected real numbers, got complex128"),
    ],
)
def test_bad_input_is_told(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong(leaf([1.0, 2.0]))


def test_a_rule_that_returns_another_shape_is_told():
    x = leaf([1.0, 2.0])
    bad = made(x.data.sum(), (x, lambda G: G), op="my_sum")
    with pytest.raises(ShapeError, match=r"my_sum: expected a gradient of shape \(2,\) for input 0, got \(\)"):
        bad.backward()
    assert x.grad is None


@pytest.mark.parametrize(
    ("edges", "got"),
    [
        ((), "none"),
        (("x", None), "str, NoneType"),
        (((np.ones(2), None),), r"\(ndarray, NoneType\)"),
        (((leaf([1.0]),),), r"\(Tensor\)"),
        ((leaf([1.0]), None), "Tensor, NoneType"),
    ],
)
def test_inputs_that_are_no_pairs_are_told(edges, got):
    with pytest.raises(CourseError, match=rf"my_op: expected a pair \(input, rule\) for each input, got {got}. Write"):
        made(np.ones(2), *edges, op="my_op")


# ------------------------------------------------------------------------------------------ without recording


def test_no_grad_records_nothing_and_ends_with_an_error_too():
    x = leaf([1.0, 2.0])
    with no_grad():
        assert not recording()
        y = x * x
    assert recording()
    assert not y.requires_grad and y.parents == ()
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert recording()

    @no_grad()
    def decorated():
        return (x * x).requires_grad

    assert decorated() is False
    assert decorated() is False
    assert recording()


def test_detach_cuts_the_graph_and_shares_the_array():
    x = leaf([1.0, 2.0])
    y = (x * x.detach()).sum()
    y.backward()
    np.testing.assert_array_equal(x.grad, x.data)
    assert np.shares_memory(x.detach().data, x.data)


# ------------------------------------------------------------------------------------------ the array inside


def test_kinds_of_number():
    assert Tensor([1, 2]).dtype == Tensor(3).dtype == Tensor(1.5).dtype == Tensor(np.arange(2)).dtype == np.float32
    assert Tensor(np.ones(2)).dtype == np.float64
    assert (Tensor([1.0]) * np.float64(2)).dtype == np.float32, "a single number takes the kind of the tensor"
    assert (Tensor([1.0]) * np.ones(1)).dtype == np.float64
    array = np.ones(3)
    assert Tensor(array).data is array


def test_numpy_on_the_left_leaves_the_operation_to_the_tensor():
    x = leaf([1.0, 2.0])
    for result in (
        np.ones(2) + x,
        np.ones(2) * x,
        np.ones(2) - x,
        np.ones(2) / x,
        np.ones((3, 2)) @ x,
        np.float64(2) * x,
    ):
        assert isinstance(result, Tensor) and result.requires_grad


def test_it_can_be_looked_at():
    x = leaf([[1.0, 5.0], [3.0, 4.0]])
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 2), 2, 4, 2)
    assert repr(Tensor([1.0])) == "Tensor([1.])"
    assert repr(leaf([1.0])) == "Tensor([1.], dtype=float64, requires_grad=True)"
    assert [row.shape for row in x] == [(2,), (2,)]
    assert (x > 3).tolist() == [[False, True], [False, True]]
    assert (x >= x).all() and not (x < x).any() and (x <= x).all()
    assert x.argmax() == 1
    assert float(x[0, 1]) == 5
    assert np.asarray(x.detach()).shape == (2, 2)
    assert copy.deepcopy(x).data is not x.data
    assert "..." in repr(Tensor(np.zeros((50, 50))))


# ------------------------------------------------------------------------------------------ gradcheck


def test_gradcheck_finds_a_wrong_rule_a_missing_one_and_a_nan():
    x = leaf([1.0, 2.0, 3.0])

    def wrong(v):
        return made(v.data**2, (v, lambda G: G * v.data), op="square")

    with pytest.raises(
        GradientError, match=r"expected 2 at \(0,\) of input 0's gradient, got 1 \(3 of 3 numbers differ\)"
    ):
        gradcheck(wrong, x)
    with pytest.raises(GradientError, match="expected a gradient for input 1, got none. Does f use it"):
        gradcheck(lambda a, b: a * 2, x, leaf([1.0]))
    with pytest.raises(GradientError, match="got nan"):
        gradcheck(lambda v: made(v.data, (v, lambda G: G * np.nan), op="nan"), x)
    assert gradcheck(lambda v: v * v, x)
    assert x.grad is None, "what was there before is put back"


def test_gradcheck_refuses_what_it_cannot_measure():
    with pytest.raises(CourseError, match="expected float64, got float32 in input 0"):
        gradcheck(lambda v: v, leaf([1.0], np.float32))
    with pytest.raises(CourseError, match="There is nothing to check"):
        gradcheck(lambda v: v, Tensor([1.0]))


def test_a_deep_mixed_computation_equals_torch():
    rng = np.random.default_rng(3)
    arrays = [rng.normal(size=s) for s in ((5, 4), (4, 6), (6,), (6, 3))]

    def f(x, w, b, v):
        h = (x @ w + b).tanh()
        scores = h @ v
        return ((scores - scores.mean()) ** 2).mean() + (h * h).sum().log() * (scores**2).sum().sqrt()

    mine, other = [Tensor(a, requires_grad=True) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
    ours, theirs = f(*mine), f(*other)
    ours.backward()
    theirs.backward()
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-10)
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), atol=1e-10)


def test_every_leaf_gets_a_gradient_of_its_own():
    a, b, upstream = Tensor([1.0, 2.0], True), Tensor([3.0, 4.0], True), np.ones(2, np.float32)
    (a + b).backward(upstream)  # both rules hand on what they were given
    a.grad *= 7
    np.testing.assert_array_equal(b.grad, [1, 1])
    np.testing.assert_array_equal(upstream, [1, 1])


def test_adding_up_changes_no_array_that_a_rule_returned():
    weights = np.array([5.0, 6.0], np.float32)

    def dot(x):
        return made(np.float32((x.data * weights).sum()), (x, lambda G: weights), op="dot")

    x = Tensor([1.0, 1.0], True)
    (dot(x) + dot(x) + dot(x)).backward()
    np.testing.assert_array_equal(x.grad, [15, 18])
    np.testing.assert_array_equal(weights, [5, 6])
