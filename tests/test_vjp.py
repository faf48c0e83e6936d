"""The bare rules against PyTorch's, and the walk back against the engine's, on graphs of every kind."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coursekit.scratch.autograd import Tensor, topological_order
from coursekit.scratch.vjp import matmul_vjp, mul_vjp, pull_back

CLOSE = {"rtol": 1e-10, "atol": 1e-12}
SHAPES = [((3,), (3,)), ((4, 3), (4, 3)), ((1, 1), (1, 1))]
MATRICES = [((4, 3), (3, 2)), ((1, 5), (5, 1)), ((5, 4, 3), (5, 3, 2)), ((2, 2, 3, 3), (2, 2, 3, 3)), ((0, 3), (3, 2))]


def torchs(operation, G, a, b):
    a, b = (torch.tensor(x, requires_grad=True) for x in (a, b))
    return [g.numpy() for g in torch.autograd.grad(operation(a, b), (a, b), torch.tensor(G))]


@pytest.mark.parametrize(
    ("rule", "operation", "shapes"),
    [(mul_vjp, torch.mul, s) for s in SHAPES] + [(matmul_vjp, torch.matmul, s) for s in MATRICES],
)
def test_a_rule_is_pytorchs(rule, operation, shapes):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape) for shape in shapes)
    G = rng.normal(size=operation(torch.tensor(a), torch.tensor(b)).shape)
    for found, expected in zip(rule(G, a, b), torchs(operation, G, a, b), strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, **CLOSE)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.booleans()), min_size=1, max_size=25))
def test_the_walk_back_finds_what_pytorch_finds(program):
    """A random program: each line adds or multiplies two of the values so far (and keeps the result small)."""
    starts = [0.5, -1.25, 2.0]
    ours, theirs = [Tensor(np.array(v), requires_grad=True) for v in starts], None
    theirs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in starts]
    for i, j, adds in program:
        for values in (ours, theirs):
            a, b = values[i % len(values)], values[j % len(values)]
            values.append((a + b).tanh() if adds else (a * b).tanh())
    found = pull_back(topological_order(ours[-1]), np.array(1.0))
    theirs[-1].backward()
    for our, their in zip(ours[:3], theirs[:3], strict=True):
        if their.grad is None:
            assert our not in found
        else:
            np.testing.assert_allclose(found[our], their.grad.item(), **CLOSE)


def test_it_changes_no_array_and_gives_constants_nothing():
    x, c = Tensor(np.ones(3), requires_grad=True), Tensor(np.ones(3))
    y = x + x + x * c
    G = np.arange(3.0)
    found = pull_back(topological_order(y), G)
    assert G.tolist() == [0, 1, 2], "the rule of a sum hands on the array itself: nobody may add into it"
    assert found[x].tolist() == [0, 3, 6]
    assert c not in found
    assert found[y] is G
