"""The loop by hand: it is what fit does, and it notices what it is there to notice."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from coursekit.train import fit, plain
from coursekit.train.pytorch import TorchStep
from coursekit.train.pytorch import evaluate as evaluate_batches


def classifier(seed=0, p=0.3):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        *(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Dropout(p)), torch.nn.Linear(16, 3)
    ).double()


def data(n=50, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, 6))), torch.from_numpy(rng.integers(0, 3, n))


def test_its_steps_are_those_of_fit_to_the_bit():
    x, y = data()
    batches = list(zip(x.split(16), y.split(16), strict=True))
    models = classifier(), classifier()
    optimizers = [torch.optim.AdamW(model.parameters(), lr=0.01) for model in models]
    torch.manual_seed(1)
    by_hand = [plain.training_step(models[0], F.cross_entropy, optimizers[0], *b) for _ in range(3) for b in batches]
    torch.manual_seed(1)
    history = fit(TorchStep(models[1], F.cross_entropy, optimizers[1]), batches, epochs=3, progress=False)
    assert history.loss == by_hand
    assert all(torch.equal(a, b) for a, b in zip(*(m.state_dict().values() for m in models), strict=True))


@pytest.mark.parametrize("size", [1, 7, 16, 50])
def test_every_example_counts_the_same_whatever_the_batches(size):
    model, (x, y) = classifier(p=0.9), data()
    batches = list(zip(x.split(size), y.split(size), strict=True))
    share = plain.evaluate(model, batches)
    assert share == pytest.approx(evaluate_batches(model, batches)["accuracy"])
    assert model.training
    assert share == pytest.approx(np.mean(model.eval()(x).argmax(1).numpy() == y.numpy()))


def test_evaluation_records_no_graph():
    recorded = []

    class Watch(torch.nn.Identity):
        def forward(self, x):
            recorded.append(torch.is_grad_enabled())
            return x

    plain.evaluate(Watch(), [(torch.eye(3), torch.arange(3))])
    assert recorded == [False]


def test_one_batch_is_learned_by_a_sound_network_and_not_by_a_broken_one():
    x, y = data(12)
    sound, broken = classifier(p=0.0), classifier(p=0.0)
    torch.nn.init.constant_(broken[0].bias, -100.0)  # no unit is ever awake
    steps = [
        plain.overfit_one_batch(m, F.cross_entropy, torch.optim.Adam(m.parameters(), lr=0.05), x, y, below=0.05)
        for m in (sound, broken)
    ]
    assert steps[0] is not None and 2 < steps[0] < 200
    assert steps[1] is None


def test_it_counts_from_one_and_stops_there():
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    x, y = torch.zeros(2, 2), torch.tensor([0, 1])
    assert plain.overfit_one_batch(model, F.cross_entropy, optimizer, x, y, steps=5, below=10.0) == 1
    assert plain.overfit_one_batch(model, F.cross_entropy, optimizer, x, y, steps=5, below=0.0) is None
