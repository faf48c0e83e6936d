"""Positions: beside their formulas written out, complex numbers, and what each of them promises."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.models.positions import LearnedPositions, frequencies, rotary, sinusoidal


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# -- sinusoidal -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "width"), [(1, 2), (7, 6), (50, 16)])
def test_sinusoidal_is_the_papers_formula(length, width):
    table = sinusoidal(torch.arange(length, dtype=torch.float64), width)
    for t in range(length):
        for i in range(width // 2):
            angle = t / 10_000 ** (2 * i / width)
            assert table[t, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-12)
            assert table[t, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-12)


def test_sinusoidal_kinds_and_far_positions():
    assert sinusoidal(torch.arange(3), 4).dtype == torch.float32
    assert sinusoidal(torch.arange(3).double(), 4).dtype == torch.float64
    far = 1_000_003
    assert sinusoidal(torch.tensor([far]), 2)[0, 0].item() == pytest.approx(math.sin(far), abs=1e-6)


def test_a_step_ahead_is_one_turn_for_all_positions():
    """Sinusoidal positions k steps later are a fixed matrix times those now: that is why they were chosen."""
    here, later = (sinusoidal(torch.arange(20.0, dtype=torch.float64) + k, 8) for k in (0, 3))
    turn = torch.linalg.lstsq(here, later).solution
    torch.testing.assert_close(here @ turn, later, rtol=0, atol=1e-8)


def test_frequencies_fall_from_one():
    f = frequencies(16)
    assert f[0] == 1 and bool((f[1:] < f[:-1]).all()) and f[-1] == pytest.approx(10_000 ** (-14 / 16))
    assert frequencies(4, base=100.0)[1] == pytest.approx(0.1)


# -- rotary ---------------------------------------------------------------------------------------------


def test_rotary_is_a_product_of_complex_numbers():
    x, positions = normal(2, 3, 5, 8), torch.tensor([0, 1, 2, 7, 400])
    pairs = torch.complex(x[..., :4], x[..., 4:])
    turned = pairs * torch.exp(1j * positions[:, None] * frequencies(8))
    expected = torch.cat([turned.real, turned.imag], dim=-1)
    torch.testing.assert_close(rotary(x, positions), expected, rtol=1e-12, atol=1e-12)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 3000), st.sampled_from([2, 6, 16]))
def test_products_know_only_the_distance_and_lengths_stay(i, j, shift, width):
    q, k = normal(1, width, seed=i), normal(1, width, seed=1000 + j)

    def product(a, b):
        return (rotary(q, torch.tensor([a])) * rotary(k, torch.tensor([b]))).sum()

    torch.testing.assert_close(product(i, j), product(i + shift, j + shift), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(rotary(q, torch.tensor([i])).norm(), q.norm(), rtol=1e-12, atol=0)


def test_rotary_at_zero_changes_nothing_and_in_pieces_the_same_as_at_once():
    x = normal(2, 6, 4)
    torch.testing.assert_close(rotary(x, torch.zeros(6, dtype=torch.int64)), x)
    pieces = [rotary(x[:, :2], torch.arange(2)), rotary(x[:, 2:], torch.arange(2, 6))]
    torch.testing.assert_close(rotary(x, torch.arange(6)), torch.cat(pieces, dim=1), rtol=0, atol=0)


def test_rotary_keeps_the_kind_and_passes_gradients():
    assert rotary(normal(3, 4).float(), torch.arange(3)).dtype == torch.float32
    x = normal(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: rotary(x, torch.arange(3)), x)


# -- learned --------------------------------------------------------------------------------------------


def test_learned_positions_are_an_embedding_that_learns():
    layer = LearnedPositions(6, 4)
    torch.testing.assert_close(
        layer(torch.tensor([5, 0])), torch.nn.functional.embedding(torch.tensor([5, 0]), layer.table)
    )
    layer(torch.arange(2)).sum().backward()
    assert layer.table.grad[:2].eq(1).all() and not layer.table.grad[2:].any()


# -- bad input ------------------------------------------------------------------------------------------


def test_refusals():
    with pytest.raises(CourseError, match="positions: expected numbers from 0 to 5, got 0 to 6"):
        LearnedPositions(6, 4)(torch.arange(7))
    with pytest.raises(CourseError, match="got -1 to 2"):
        LearnedPositions(6, 4)(torch.tensor([-1, 2]))
    with pytest.raises(CourseError, match="width: expected an even number of at least 2, got 5"):
        rotary(torch.ones(3, 5), torch.arange(3))
    with pytest.raises(CourseError, match="width: .* got 0"):
        sinusoidal(torch.arange(3), 0)
    with pytest.raises(ShapeError, match=r"expected shape \(T,\), got \(1, 3\)"):
        sinusoidal(torch.arange(3)[None], 4)
    with pytest.raises(ShapeError, match=r"whose shape is \(2, 5, 4\), got shape \(4,\)"):
        rotary(torch.ones(2, 5, 4), torch.arange(4))
