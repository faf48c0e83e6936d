"""The course's own features: fixed weights, known accuracy, and a scale that tells real from made."""

import numpy as np
import pytest
import torch

from coursekit import datasets
from coursekit.errors import CourseError, DataError, ShapeError
from coursekit.metrics import frechet_distance
from coursekit.models import features as f
from coursekit.registry import registry


@pytest.fixture(scope="module")
def fashion():
    return datasets.load("fashion_mnist")


def test_the_classifier_is_as_good_as_its_note_says(fashion):
    right = f.class_scores(fashion.x_test).argmax(axis=1) == fashion.y_test
    assert right.mean() == pytest.approx(0.9151, abs=0.001)


def test_features_are_the_activations_before_the_last_layer(fashion):
    seen = f.features(fashion.x_test[:50])
    head = f.load().head
    np.testing.assert_allclose(
        seen @ head.weight.double().numpy().T + head.bias.double().numpy(),
        f.class_scores(fashion.x_test[:50]),
        rtol=1e-4,
        atol=1e-4,
    )
    assert seen.shape == (50, 64)
    assert seen.min() >= 0


def test_every_form_of_the_same_pictures_gives_the_same_features(fashion, monkeypatch):
    stored = fashion.x_test[:7]
    bright = stored / np.float32(255)
    forms = [bright, bright[:, None], bright.reshape(7, 784), torch.tensor(bright), torch.tensor(stored)]
    for form in forms:
        np.testing.assert_allclose(f.features(form), f.features(stored), rtol=1e-5, atol=1e-5)
    expected = f.features(stored)
    monkeypatch.setattr(f, "AT_ONCE", 3)
    np.testing.assert_allclose(f.features(stored), expected, rtol=1e-5, atol=1e-5)


def test_the_scale(fashion):
    """What notebook 12 stands on: real pictures are near real ones, and noise is far away."""
    test = f.features(fashion.x_test)
    noise = np.random.default_rng(0).random((2000, 28, 28), dtype=np.float32)
    assert frechet_distance(test, f.features(fashion.x_train[:10_000])) < 1
    assert 250 < frechet_distance(test, f.features(noise)) < 450


@pytest.mark.parametrize(
    ("pictures", "error", "words"),
    [
        (np.zeros((3, 27, 28)), ShapeError, r"pictures: expected shape \(N, 28, 28\), got \(3, 27, 28\)"),
        (np.zeros(784), ShapeError, r"got \(784,\)"),
        (np.full((1, 28, 28), -0.5), CourseError, r"After a tanh, take \(x \+ 1\) / 2"),
        (np.full((1, 28, 28), 2.0), CourseError, "brightness from 0 to 1, got 2 to 2"),
        (np.full((1, 28, 28), np.nan), CourseError, "got nan to nan"),
    ],
)
def test_refusals(pictures, error, words):
    with pytest.raises(error, match=words):
        f.features(pictures)


def test_changed_weights_are_refused(tmp_path, monkeypatch):
    content = bytearray(registry()["fashion_features"].path.read_bytes())
    content[-1] ^= 1
    (tmp_path / "fashion_features.safetensors").write_bytes(content)
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    f.load.cache_clear()
    try:
        with pytest.raises(DataError, match="'fashion_features' is changed"):
            f.load()
    finally:
        f.load.cache_clear()


def test_weights_are_no_data_set():
    assert "fashion_features" not in datasets.names()
    with pytest.raises(CourseError, match="got 'fashion_features'. Did you mean 'fashion_mnist'"):
        datasets.load("fashion_features")


def test_training_is_reproducible_and_leaves_the_global_state_alone(fashion, monkeypatch):
    small = type(fashion)(**{**vars(fashion), "x_train": fashion.x_train[:600], "y_train": fashion.y_train[:600]})
    monkeypatch.setattr(datasets, "load", lambda name: small)
    state = torch.get_rng_state()
    first, second, other = f.train(1, seed=3, batch=100), f.train(1, seed=3, batch=100), f.train(1, seed=4, batch=100)
    assert torch.equal(state, torch.get_rng_state())
    weights = [network.head.weight for network in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
