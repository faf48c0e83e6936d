"""Probe, new head, freezing, a rate for each layer: beside scikit-learn, PyTorch's own training, and each other."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from torch import nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError
from coursekit.models.transfer import freeze, layer_rates, linear_probe, probe_head, replace_head


def tables(seed, n=12, d=30, k=3, m=8):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.r_[np.arange(k), rng.integers(0, k, n - k)])
    mean, spread = rng.normal(size=d), rng.uniform(0.1, 4, size=d)
    return mean + spread * rng.normal(size=(n, d)), labels, mean + spread * rng.normal(size=(m, d))


# -- probe ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(12, 30), (40, 5), (9, 9)])
@pytest.mark.parametrize("alpha", [0.01, 1.0, 50.0])
def test_probe_is_the_ridge_regression_of_scikit_learn(n, d, alpha):
    features, labels, others = tables(0, n, d)
    a, b = ((x - features.mean(axis=0)) / features.std(axis=0) / np.sqrt(d) for x in (features, others))
    ridge = Ridge(alpha=alpha, fit_intercept=False, solver="svd").fit(a, np.eye(3)[labels] - 1 / 3)
    np.testing.assert_allclose(linear_probe(features, labels, others, alpha=alpha), ridge.predict(b), atol=1e-10)


@given(seed=st.integers(0, 99), scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
def test_units_of_a_feature_mean_nothing_to_a_probe(seed, scale, shift):
    features, labels, others = tables(seed)
    units = np.linspace(1, scale, 30)
    here = linear_probe(features, labels, others)
    there = linear_probe(features * units + shift, labels, others * units + shift)
    np.testing.assert_allclose(here, there, atol=1e-6)


@given(seed=st.integers(0, 99))
def test_scores_of_a_row_sum_to_0_and_do_not_hang_on_other_rows_or_the_order(seed):
    features, labels, others = tables(seed)
    found = linear_probe(features, labels, others)
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-10)
    np.testing.assert_allclose(linear_probe(features, labels, others[2:3]), found[2:3], atol=1e-10)
    order = np.random.default_rng(seed).permutation(len(labels))
    np.testing.assert_allclose(linear_probe(features[order], labels[order], others), found, atol=1e-10)


@pytest.mark.parametrize("value", [0.0, 6.0, 0.1, -1e6 / 3])
def test_a_feature_that_does_not_vary_has_no_say(value):
    features, labels, others = tables(1, n=7)
    without = linear_probe(np.delete(features, 4, 1), labels, np.delete(others, 4, 1), alpha=30 / 29)
    features[:, 4] = value
    assert np.ptp(others[:, 4]) > 0
    np.testing.assert_allclose(linear_probe(features, labels, others), without, atol=1e-10)


def test_much_alpha_leaves_little_of_the_scores_and_little_alpha_fits_all_labels():
    features, labels, _ = tables(2)
    assert np.abs(linear_probe(features, labels, features, alpha=1e6)).max() < 1e-4
    close = linear_probe(features, labels, features, alpha=1e-9)
    # what is left of T when its mean over rows is taken away: A has no mean, and there is no intercept
    wanted = np.eye(3)[labels] - np.eye(3)[labels].mean(axis=0)
    np.testing.assert_allclose(close, wanted, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probe_head_gives_the_scores_of_the_probe(dtype):
    features, labels, others = (part.astype(dtype) if part.dtype.kind == "f" else part for part in tables(3))
    features[:, 5] = 0.1
    head = probe_head(features, labels, alpha=0.5, sharpness=3.0)
    assert (head.in_features, head.out_features) == (30, 3)
    assert all(weight.requires_grad for weight in head.parameters())
    with torch.no_grad():
        found = head(torch.tensor(others, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(found, 3 * linear_probe(features, labels, others, alpha=0.5), atol=2e-4)


def test_probes_that_cannot_be():
    features, labels, others = tables(0)
    with pytest.raises(ShapeError, match=r"labels: expected shape \(12,\)"):
        linear_probe(features, labels[1:], others)
    with pytest.raises(ShapeError, match=r"others: expected shape \(M, 30\)"):
        linear_probe(features, labels, others[:, 1:])
    with pytest.raises(ShapeError, match="features: expected shape"):
        linear_probe(features[0], labels, others)
    for wrong in (labels - 1, labels.astype(float)):
        with pytest.raises(CourseError, match="labels: expected whole numbers from 0"):
            linear_probe(features, wrong, others)
    with pytest.raises(CourseError, match="labels: expected whole numbers from 0"):
        linear_probe(features[:0], labels[:0], others)
    for alpha in (0, -1.0, np.nan):
        with pytest.raises(CourseError, match="alpha: expected a number above 0"):
            linear_probe(features, labels, others, alpha=alpha)
    with pytest.raises(CourseError, match="sharpness: expected a number above 0"):
        probe_head(features, labels, sharpness=0)


# -- a new head ---------------------------------------------------------------------------------------------


class Small(nn.Module):
    def __init__(self, bias=True):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6))
        self.classifier = nn.Linear(6, 10, bias=bias)

    def forward(self, x):
        return self.classifier(torch.relu(self.body(x)))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_new_head_sees_what_the_old_one_saw(bias, dtype):
    network = Small(bias).to(dtype).eval()
    before = copy.deepcopy(network.state_dict())
    made = replace_head(network, 3)
    x = torch.randn(5, 4, dtype=dtype)
    assert isinstance(made, Small) and not made.training
    assert made(x).shape == (5, 3) and made(x).dtype == dtype
    assert (made.classifier.bias is not None) == bias
    torch.testing.assert_close(made.body(x), network.body(x))
    # the first network stays: its numbers, and its memory
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not {v.data_ptr() for v in made.state_dict().values()} & {
        v.data_ptr() for v in network.state_dict().values()
    }


def test_a_frozen_network_gets_a_head_that_learns():
    made = replace_head(freeze(Small()), np.int64(2))
    assert [name for name, p in made.named_parameters() if p.requires_grad] == ["classifier.weight", "classifier.bias"]


def test_heads_that_cannot_be():
    with pytest.raises(CourseError, match="a dense layer as its last child, got ReLU"):
        replace_head(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), 2)
    with pytest.raises(CourseError, match="a dense layer as its last child, got nothing"):
        replace_head(nn.Linear(2, 3), 2)
    for classes in (0, -1, 2.0, "3", None):
        with pytest.raises(CourseError, match="classes: expected a whole number of at least 1"):
            replace_head(Small(), classes)


# -- freezing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD])
def test_what_is_frozen_stays_to_the_last_bit_while_the_head_learns(optimizer):
    body = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Sequential(nn.Linear(6, 5, bias=False))
    )
    network = nn.Sequential(body, nn.Linear(5, 3)).train()
    assert freeze(body) is body
    before = copy.deepcopy(network.state_dict())
    steps = optimizer(network.parameters(), lr=0.1, weight_decay=0.1)
    x, y = torch.randn(9, 4), torch.arange(9) % 3
    for _ in range(4):
        steps.zero_grad()
        F.cross_entropy(network(x), y).backward()
        steps.step()
    moved = {name for name, value in network.state_dict().items() if not torch.equal(before[name], value)}
    assert moved == {"1.weight", "1.bias"}
    assert network.training and not body[3][0].training


def test_train_wakes_the_batch_norms_but_not_the_weights():
    body = freeze(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    body.train()(torch.randn(8, 2))
    assert body[1].num_batches_tracked == 1
    assert not any(p.requires_grad for p in body.parameters())


# -- rates ---------------------------------------------------------------------------------------------


def deep():
    first, second = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), nn.Sequential(nn.Conv2d(2, 3, 3))
    return nn.Sequential(first, nn.ReLU(), second, nn.Flatten(), nn.Linear(12, 4))


def test_every_weight_is_in_one_group_and_rates_fall_to_the_front():
    network = deep()
    groups = layer_rates(network, 0.1, 0.5)
    assert [group["lr"] for group in groups] == pytest.approx([0.025, 0.05, 0.1])
    assert [id(p) for group in groups for p in group["params"]] == [id(p) for p in network.parameters()]
    assert [len(group["params"]) for group in groups] == [4, 2, 2]


def test_frozen_layers_neither_learn_nor_count():
    network = deep()
    freeze(network[2])
    network[0][0].weight.requires_grad_(False)
    groups = layer_rates(network, 0.1, 0.5)
    assert [group["lr"] for group in groups] == pytest.approx([0.05, 0.1])
    assert [len(group["params"]) for group in groups] == [3, 2]


def test_plain_sgd_moves_each_layer_by_its_own_rate():
    network = deep()
    before = [p.detach().clone() for p in network.parameters()]
    groups = layer_rates(network, 0.1, 0.3)
    rates = [group["lr"] for group in groups for _ in group["params"]]
    steps = torch.optim.SGD(groups)
    F.cross_entropy(network(torch.randn(6, 1, 6, 6)), torch.arange(6) % 4).backward()
    steps.step()
    for was, p, rate in zip(before, network.parameters(), rates, strict=True):
        torch.testing.assert_close(p.detach(), was - rate * p.grad)
    assert all(p.grad.abs().max() > 0 for p in network[4].parameters())


def test_with_a_decay_of_1_all_learn_alike_and_a_head_alone_at_its_rate():
    assert {group["lr"] for group in layer_rates(deep(), 0.2, 1)} == {0.2}
    assert [group["lr"] for group in layer_rates(nn.Sequential(nn.Linear(2, 2)), 0.2, 0.1)] == [0.2]


def test_rates_that_cannot_be():
    for lr, decay in ((0, 0.5), (0.1, 0), (-1, 0.5), (0.1, np.nan)):
        with pytest.raises(CourseError, match="lr, decay: expected numbers above 0"):
            layer_rates(deep(), lr, decay)
    with pytest.raises(CourseError, match="network: expected weights to learn, got none"):
        layer_rates(freeze(deep()), 0.1, 0.5)
