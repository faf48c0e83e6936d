"""Starting weights: their spread against PyTorch's, signals that keep their size, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError, UnknownNameError
from coursekit.scratch import init

SHAPE = (120, 40, 5, 5)
RULES = {
    "xavier_uniform": ({}, {}),
    "xavier_normal": ({"gain": 3.0}, {"gain": 3.0}),
    "kaiming_uniform": ({}, {"nonlinearity": "relu"}),
    "kaiming_normal": ({"nonlinearity": "tanh"}, {"nonlinearity": "tanh"}),
}


def fresh():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("name", "options"), RULES.items(), ids=RULES)
def test_the_spread_equals_that_of_torch(name, options):
    torch.manual_seed(0)
    ours = getattr(init, name)(SHAPE, rng=fresh(), **options[0])
    theirs = getattr(torch.nn.init, f"{name}_")(torch.empty(SHAPE), **options[1]).numpy()
    assert ours.shape == SHAPE
    assert ours.dtype == np.float32
    assert abs(ours.mean()) < 5 * theirs.std() / np.sqrt(theirs.size)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.01)
    kurtosis = [np.mean((w / w.std()) ** 4) for w in (ours, theirs)]  # 1.8 for an even spread, 3 for a normal one
    assert kurtosis[0] == pytest.approx(kurtosis[1], rel=0.03)
    if name.endswith("uniform"):
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=1e-3)


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_fans_equal_those_of_torch(shape):
    assert init.fans(shape) == torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))


@pytest.mark.parametrize("name", ["linear", "sigmoid", "tanh", "relu"])
def test_gains_equal_those_of_torch(name):
    assert init.gain_of(name) == pytest.approx(torch.nn.init.calculate_gain(name))


@given(st.floats(0, 10))
def test_the_gain_of_a_leaky_relu_equals_that_of_torch(slope):
    assert init.gain_of("leaky_relu", slope) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", slope))


def test_the_wish_is_fulfilled_and_half_the_spread_fades():
    """Through 20 layers of ReLU, the mean square of a signal stays within a factor of 4 with He's weights."""
    rng = fresh()
    x = y = rng.normal(size=(64, 256))
    for _ in range(20):
        W = init.kaiming_normal((256, 256), rng=rng, dtype=np.float64)
        x, y = np.maximum(x @ W.T, 0), np.maximum(y @ W.T / 2, 0)
    assert 0.25 < np.mean(x**2) * 2 < 4
    assert np.mean(y**2) < 1e-10


def test_a_seed_repeats_the_weights_and_the_kind_of_number_is_kept():
    a, b = (init.xavier_normal((3, 4), rng=fresh(), dtype=np.float64) for _ in range(2))
    assert a.dtype == np.float64
    assert np.array_equal(a, b)


@pytest.mark.parametrize("make", [init.xavier_uniform, init.xavier_normal, init.kaiming_uniform, init.kaiming_normal])
def test_what_makes_no_sense_is_told(make):
    with pytest.raises(ShapeError, match=r"shape: expected that of a weight, \(out, in, ...\), got \(3,\)"):
        make((3,), rng=fresh())
    with pytest.raises(ShapeError, match=r"got \(3, 0\)"):
        make((3, 0), rng=fresh())
    with pytest.raises(CourseError, match=r"rng: expected a NumPy Generator, got int. Write rng=np.random.default_rng"):
        make((3, 4), rng=42)


def test_an_unknown_nonlinearity_is_told():
    with pytest.raises(UnknownNameError, match="nonlinearity: expected a known name, got 'relo'. Did you mean 'relu'"):
        init.kaiming_normal((3, 4), rng=fresh(), nonlinearity="relo")
