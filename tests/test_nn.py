"""Layers and losses: values and gradients against PyTorch and measured ones, their behaviour, and what they refuse."""

import numpy as np
import pytest
import torch
import torch.nn.functional as TF
from beside_torch import EXACT, expect_equal, expect_measured, expect_same_gradients, same_start
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from coursekit.scratch import autograd, nn, norm
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.ops import fused, loss, normalisation

RNG = np.random.default_rng(0)
F64 = {"dtype": np.float64}


def normal(*shape):
    return RNG.normal(size=shape)


def fresh():
    return np.random.default_rng(0)


LABELS, GRID = np.array([2, 0, 3, 2]), np.array([[0, 2, 1], [3, 3, 0]])
YES = np.array([[1.0, 0.0, 0.3], [0.0, 1.0, 1.0]])
T = torch.tensor


def batch_norm(training):
    """Both functions, each with running statistics of its own, made anew at every call."""

    def ours(x, w, b):
        return nn.batch_norm(x, np.full(3, 0.5), np.full(3, 2.0), w, b, training=training)

    def theirs(x, w, b):
        mean, var = torch.full((3,), 0.5).double(), torch.full((3,), 2.0).double()
        return TF.batch_norm(x, mean, var, w, b, training=training)

    return ours, theirs


LN = (nn.layer_norm, lambda x, w, b: TF.layer_norm(x, w.shape, w, b))
CASES = {
    "linear": (nn.linear, TF.linear, (normal(4, 3), normal(2, 3), normal(2))),
    "linear, no bias": (nn.linear, TF.linear, (normal(4, 3), normal(2, 3))),
    "linear, sequence": (nn.linear, TF.linear, (normal(2, 4, 3), normal(5, 3), normal(5))),
    "linear, one example": (nn.linear, TF.linear, (normal(3), normal(2, 3), normal(2))),
    "linear, batch of one": (nn.linear, TF.linear, (normal(1, 3), normal(1, 3), normal(1))),
    "linear, columns in memory": (nn.linear, TF.linear, (normal(3, 4).T, np.asfortranarray(normal(2, 3)), normal(2))),
    "embedding": (lambda w: nn.embedding(GRID, w), lambda w: TF.embedding(T(GRID), w), (normal(4, 5),)),
    "cross-entropy": (
        lambda z: nn.cross_entropy(z, LABELS),
        lambda z: TF.cross_entropy(z, T(LABELS)),
        (3 * normal(4, 5),),
    ),
    "cross-entropy, sequence": (
        lambda z: nn.cross_entropy(z, GRID),
        lambda z: TF.cross_entropy(z.reshape(-1, 4), T(GRID).reshape(-1)),
        (normal(2, 3, 4),),
    ),
    "cross-entropy, one": (
        lambda z: nn.cross_entropy(z, 1),
        lambda z: TF.cross_entropy(z, T(1)),
        (normal(3),),
    ),
    "yes or no": (
        lambda z: nn.binary_cross_entropy_with_logits(z, YES),
        lambda z: TF.binary_cross_entropy_with_logits(z, T(YES)),
        (normal(2, 3),),
    ),
    "squared error": (nn.mse_loss, TF.mse_loss, (normal(2, 3), normal(2, 3))),
    "squared error, constant": (lambda x: nn.mse_loss(x, YES), lambda x: TF.mse_loss(x, T(YES)), (normal(2, 3),)),
    "layer norm": (*LN, (normal(4, 3), normal(3), normal(3))),
    "layer norm, sequence": (*LN, (normal(2, 4, 3), normal(3), normal(3))),
    "layer norm, two axes": (*LN, (normal(2, 4, 3), normal(4, 3), normal(4, 3))),
    "batch norm": (*batch_norm(True), (normal(4, 3), normal(3), normal(3))),
    "batch norm, signals": (*batch_norm(True), (normal(2, 3, 4), normal(3), normal(3))),
    "batch norm, images": (*batch_norm(True), (normal(2, 3, 2, 4), normal(3), normal(3))),
    "batch norm, in use": (*batch_norm(False), (normal(1, 3), normal(3), normal(3))),
    "batch norm, images in use": (*batch_norm(False), (normal(2, 3, 2, 4), normal(3), normal(3))),
    "dropout, off": (lambda x: nn.dropout(x, 0.5, rng=fresh(), training=False) * 2, lambda x: x * 2, (normal(3),)),
}


@pytest.mark.parametrize(("ours", "theirs", "arrays"), CASES.values(), ids=CASES)
class TestEveryOperation:
    def test_value_and_gradients_equal_torch(self, ours, theirs, arrays):
        expect_equal(ours, theirs, *arrays)

    def test_gradients_equal_measured_ones(self, ours, theirs, arrays):
        expect_measured(ours, *arrays)

    def test_float32_stays_float32_and_no_input_is_changed(self, ours, theirs, arrays):
        inputs = [Tensor(a.astype(np.float32), requires_grad=True) for a in arrays]
        before = [x.data.copy() for x in inputs]
        result = ours(*inputs)
        result.backward(np.ones(result.shape))
        assert result.dtype == np.float32
        assert all(x.grad.dtype == np.float32 for x in inputs)
        assert all(np.array_equal(x.data, b) for x, b in zip(inputs, before, strict=True))

    def test_a_second_way_back_gives_the_same(self, ours, theirs, arrays):
        """No rule spoils what it keeps."""
        x, *others = [Tensor(a.copy(), requires_grad=True) for a in arrays]
        result = ours(x, *others)
        result.backward(np.ones(result.shape), retain_graph=True)
        once = x.grad.copy()
        result.backward(np.ones(result.shape))
        np.testing.assert_array_equal(x.grad, 2 * once)


def test_every_operation_there_is_has_a_case():
    met = {"dropout"}  # has tests of its own
    for ours, _, arrays in CASES.values():
        met |= {node.op for node in autograd.topological_order(ours(*(Tensor(a, requires_grad=True) for a in arrays)))}
    assert {name for room in (fused, loss, normalisation) for name in room.__all__} - met == set()


@given(st.lists(st.integers(1, 3), max_size=3), st.integers(1, 4), st.integers(1, 4), st.booleans())
@settings(max_examples=40)
def test_linear_is_a_matrix_product_whatever_the_shape(batch, inputs, outputs, bias):
    arrays = [normal(*batch, inputs), normal(outputs, inputs)] + ([normal(outputs)] if bias else [])
    expect_equal(nn.linear, TF.linear, *arrays)


@given(hnp.arrays(float, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.floats(-1e4, 1e4)), st.data())
@settings(max_examples=60)
def test_cross_entropy_of_any_scores_is_finite_and_its_gradient_sums_to_zero(Z, data):
    labels = np.array(data.draw(st.lists(st.integers(0, Z.shape[1] - 1), min_size=len(Z), max_size=len(Z))))
    expect_equal(lambda z: nn.cross_entropy(z, labels), lambda z: TF.cross_entropy(z, T(labels)), Z)
    z = Tensor(Z, requires_grad=True)
    nn.cross_entropy(z, labels).backward()
    np.testing.assert_allclose(z.grad.sum(axis=1), 0, atol=1e-12)


@given(st.integers(2, 6), st.integers(1, 4), st.lists(st.integers(1, 3), max_size=2))
@settings(max_examples=40)
def test_a_normalised_batch_has_mean_0_and_variance_1_and_its_gradient_is_at_right_angles(n, channels, rest):
    x = Tensor(5 + 3 * normal(n, channels, *rest), requires_grad=True)
    ones, zeros = Tensor(np.ones(channels)), Tensor(np.zeros(channels))
    y = nn.batch_norm(x, np.zeros(channels), np.ones(channels), ones, zeros, eps=0.0)
    axes = (0, *range(2, x.ndim))
    np.testing.assert_allclose(y.data.mean(axis=axes), 0, atol=1e-9)
    np.testing.assert_allclose(y.data.var(axis=axes), 1, rtol=1e-9)
    y.backward(normal(*x.shape))  # moving or stretching a feature changes nothing: no gradient in these directions
    np.testing.assert_allclose(x.grad.sum(axis=axes), 0, atol=1e-9)
    np.testing.assert_allclose((x.grad * y.data).sum(axis=axes), 0, atol=1e-9)


class TestDropout:
    def test_gradient_equals_the_measured_one(self):
        expect_measured(lambda x: nn.dropout(x, 0.4, rng=fresh()), normal(4, 5))

    def test_what_is_kept_is_scaled_and_the_gradient_passes_the_same_way(self):
        x = Tensor(np.full((200, 500), 3.0), requires_grad=True)
        y = nn.dropout(x, 0.2, rng=fresh())
        y.sum().backward()
        assert set(np.unique(y.data).round(9)) == {0.0, 3.75}
        assert abs((y.data == 0).mean() - 0.2) < 0.005  # four deviations of 100,000 draws
        np.testing.assert_allclose(x.grad * 3, y.data)

    def test_float32_stays_float32(self):
        x = Tensor(np.ones(9, np.float32), requires_grad=True)
        y = nn.dropout(x, 0.2, rng=fresh())
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.float32

    def test_in_use_it_does_nothing_at_all(self):
        layer, x = nn.Dropout(0.9, rng=fresh()).eval(), Tensor(normal(3))
        assert layer(x) is x
        assert nn.Dropout(0.0, rng=fresh())(x) is x

    def test_every_call_draws_anew_and_a_seed_repeats_it(self):
        layer, again = nn.Dropout(0.5, rng=fresh()), nn.Dropout(0.5, rng=fresh())
        x = Tensor(np.ones(100))
        first = layer(x).data
        assert not np.array_equal(first, layer(x).data)
        assert np.array_equal(first, again(x).data)


MODULES = {
    "Linear": (lambda: nn.Linear(4, 3, rng=fresh(), **F64), lambda: torch.nn.Linear(4, 3), (5, 4)),
    "Linear, no bias": (
        lambda: nn.Linear(4, 3, bias=False, rng=fresh(), **F64),
        lambda: torch.nn.Linear(4, 3, bias=False),
        (2, 5, 4),
    ),
    "LayerNorm": (lambda: nn.LayerNorm(4, **F64), lambda: torch.nn.LayerNorm(4), (2, 3, 4)),
    "LayerNorm, eps": (lambda: nn.LayerNorm((3, 4), 0.1, **F64), lambda: torch.nn.LayerNorm((3, 4), 0.1), (2, 3, 4)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4, **F64), lambda: torch.nn.BatchNorm1d(4), (6, 4)),
    "BatchNorm1d, signals": (lambda: nn.BatchNorm1d(4, **F64), lambda: torch.nn.BatchNorm1d(4), (2, 4, 3)),
    "BatchNorm2d": (
        lambda: nn.BatchNorm2d(4, 1e-3, 0.3, **F64),
        lambda: torch.nn.BatchNorm2d(4, 1e-3, 0.3),
        (2, 4, 3, 2),
    ),
    "ReLU": (nn.ReLU, torch.nn.ReLU, (3, 4)),
    "Tanh": (nn.Tanh, torch.nn.Tanh, (3, 4)),
    "Sigmoid": (nn.Sigmoid, torch.nn.Sigmoid, (3, 4)),
    "GELU": (nn.GELU, lambda: torch.nn.GELU(approximate="tanh"), (3, 4)),
    "LeakyReLU": (lambda: nn.LeakyReLU(0.3), lambda: torch.nn.LeakyReLU(0.3), (3, 4)),
    "Softmax": (nn.Softmax, lambda: torch.nn.Softmax(-1), (2, 3, 4)),
    "Flatten": (nn.Flatten, torch.nn.Flatten, (2, 3, 4)),
    "Flatten, nothing": (nn.Flatten, torch.nn.Flatten, (0, 3, 4)),
}


@pytest.mark.parametrize(("ours", "theirs", "shape"), MODULES.values(), ids=MODULES)
def test_a_layer_equals_that_of_torch_with_its_weights_loaded_by_name(ours, theirs, shape):
    mine, other = same_start(ours(), theirs())
    for training in (True, True, True, False):  # running statistics step by step, and then used
        mine.train(training), other.train(training)
        expect_equal(mine, other, normal(*shape))
        for name, value in other.state_dict().items():
            np.testing.assert_allclose(mine.state_dict()[name], value.numpy(), **EXACT, err_msg=name)
    expect_same_gradients(mine, other)


def test_embedding_equals_torch_and_torch_takes_our_weights():
    mine, other = nn.Embedding(6, 3, rng=fresh(), **F64), torch.nn.Embedding(6, 3).double()
    other.load_state_dict({name: torch.tensor(value) for name, value in mine.state_dict().items()})
    indices = np.array([[0, 5, 5], [1, 0, 5]])
    (mine(indices) ** 2).sum().backward()
    (other(T(indices)) ** 2).sum().backward()
    expect_same_gradients(mine, other)


def test_an_index_array_that_is_changed_afterwards_spoils_no_gradient():
    layer, indices, labels = nn.Embedding(3, 2, rng=fresh()), np.array([0, 1]), np.array([0, 1])
    scores = layer(indices)
    error = nn.cross_entropy(scores, labels)
    indices[...] = labels[...] = 0
    error.backward()
    assert layer.weight.grad[1].any()
    assert (layer.weight.grad[:2].argmin(axis=1) == [0, 1]).all()  # the score of the right class has to rise


@pytest.mark.parametrize(
    ("ours", "theirs", "target"),
    [
        (nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss(), np.array([0, 3])),
        (nn.BCEWithLogitsLoss(), torch.nn.BCEWithLogitsLoss(), np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.5, 1.0]])),
        (nn.MSELoss(), torch.nn.MSELoss(), normal(2, 4)),
    ],
)
def test_a_loss_as_a_layer_equals_that_of_torch(ours, theirs, target):
    expect_equal(lambda z: ours(z, target), lambda z: theirs(z, T(target)), normal(2, 4))


def test_layers_take_arrays_in_the_kind_of_their_weights():
    images = np.random.default_rng(0).integers(0, 255, (5, 2, 3), dtype=np.uint8)
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 4, rng=fresh()), nn.BatchNorm1d(4), nn.LayerNorm(4), nn.ReLU())
    assert net(images).dtype == net(images.astype(np.float64)).dtype == np.float32
    np.testing.assert_array_equal(net(images).data, net(Tensor(images)).data)


def test_torch_and_we_start_from_the_same_range():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(400, 300, rng=fresh()), torch.nn.Linear(400, 300)
    for a, b in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
        assert np.abs(a.data).max() == pytest.approx(0.05, rel=0.01) == b.abs().max().item()
    assert ours.weight.data.std() == pytest.approx(theirs.weight.std().item(), rel=0.02)
    table = nn.Embedding(300, 400, rng=fresh()).weight.data
    assert table.std() == pytest.approx(torch.nn.Embedding(300, 400).weight.std().item(), rel=0.02)


def test_layers_are_shown_with_their_sizes():
    net = nn.Sequential(
        nn.Linear(784, 128, rng=fresh()),
        nn.BatchNorm1d(128),
        nn.LayerNorm((2, 64)),
        nn.Dropout(0.25, rng=fresh()),
        nn.Linear(128, 10, bias=False, rng=fresh()),
        nn.Embedding(5, 3, rng=fresh()),
    )
    shown = [line.split(": ", 1)[1] for line in repr(net).splitlines()[1:-1]]
    assert shown == [
        "Linear(784, 128)  # 100,480 parameters",
        "BatchNorm1d(128)  # 256 parameters",
        "LayerNorm(2, 64)  # 256 parameters",
        "Dropout(p=0.25)",
        "Linear(128, 10, bias=False)  # 1,280 parameters",
        "Embedding(5, 3)  # 15 parameters",
    ]
    assert "running_mean" not in " ".join(norm.BatchNorm1d(2).named_parameters())
