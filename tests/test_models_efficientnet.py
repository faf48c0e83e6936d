"""The ImageNet network names what is on real photographs; its padding is TensorFlow's."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from torch.nn import functional as F

from coursekit.errors import CourseError, DataError, ShapeError, UnknownNameError
from coursekit.models.efficientnet import EfficientNetLite0, SameConv2d, imagenet_labels, prepared, pretrained
from coursekit.registry import registry
from coursekit.scratch import checkpoint


@pytest.fixture(scope="module")
def network():
    return pretrained()


def likeliest(network, picture) -> dict[str, float]:
    with torch.no_grad():
        p = network(prepared(picture, centre=0.875)).softmax(dim=1)[0]
    return {imagenet_labels()[k]: float(p[k]) for k in p.argsort(descending=True)[:3]}


def test_photographs_that_scikit_learn_brings(network):
    china, flower = load_sample_images().images
    assert next(iter(likeliest(network, china))) == "palace"
    assert next(iter(likeliest(network, flower))) == "daisy"


def test_photographs_that_scikit_image_brings(network):
    pictures = pytest.importorskip("skimage.data")
    assert next(iter(likeliest(network, pictures.chelsea()))) == "tiger cat"
    assert likeliest(network, pictures.coffee())["espresso"] > 0.9


def test_the_weights_are_whole_numbers_times_a_scale(network):
    stored = checkpoint.load(registry()["efficientnet_lite0"].path)
    state = network.state_dict()
    whole = [key for key, array in stored.items() if array.dtype == np.int8]
    assert sum(stored[key].size for key in whole) > 4_500_000
    for key in whole:
        rows = state[key].numpy().reshape(len(state[key]), -1)
        expected = stored[key].reshape(rows.shape).astype(np.float64) * stored[f"{key}.scale"][:, None]
        np.testing.assert_allclose(rows, expected, rtol=1e-6)


def test_a_picture_is_judged_by_itself(network):
    x = prepared(np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8), side=64)
    with torch.no_grad():
        together, alone = network(x), torch.cat([network(one[None]) for one in x])
        np.testing.assert_allclose(together, alone, atol=1e-4)
        np.testing.assert_allclose(network.fc(network.embed(x)), together, atol=1e-5)


@pytest.mark.parametrize(("side", "kernel", "stride"), [(7, 3, 2), (8, 3, 2), (9, 5, 2), (8, 5, 1), (6, 1, 1)])
def test_padding_is_tensorflows(side, kernel, stride):
    """By TensorFlow's definition: ceil(side / stride) rows, the smaller half of the padding in front."""
    layer = SameConv2d(2, 3, kernel, stride)
    x = torch.randn(1, 2, side, side)
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    padded = torch.zeros(1, 2, side + total, side + total)
    front = total // 2
    padded[:, :, front : front + side, front : front + side] = x
    expected = F.conv2d(padded, layer.weight, stride=stride)
    assert layer(x).shape == (1, 3, out, out)
    np.testing.assert_allclose(layer(x).detach(), expected.detach(), atol=1e-6)


def test_each_call_gives_a_network_of_its_own(network):
    other = pretrained()
    with torch.no_grad():
        other.fc.weight.zero_()
    assert network.fc.weight.abs().max() > 0 and not network.training


def test_pictures_are_cut_scaled_and_centred():
    picture = np.zeros((40, 60, 3), dtype=np.uint8)
    picture[:, 10:50] = 255  # the square in the middle
    x = prepared(picture, side=64)
    assert x.shape == (1, 3, 64, 64) and x.min() > 0.99 and x.max() <= 1.0
    assert float(prepared(np.full((8, 8, 3), 127, np.uint8), side=32).abs().max()) < 1e-5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pretrained("resnet"), UnknownNameError, "network: expected a known name"),
        (
            lambda: prepared(np.zeros((5, 28, 28), np.uint8)),
            ShapeError,
            r"colours \(N, H, W, 3\), got \(1, 5, 28, 28\)",
        ),
        (lambda: prepared(np.zeros((8, 8, 3))), CourseError, "expected uint8 from 0 to 255, got float64"),
        (lambda: prepared(np.zeros((8, 8, 3), np.uint8), side=8), CourseError, "side: expected at least 32"),
        (lambda: prepared(np.zeros((8, 8, 3), np.uint8), centre=0), CourseError, "got 224 and 0"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_missing_weights_are_said_to_be_missing(tmp_path, monkeypatch):
    from coursekit.places import registry_file

    (tmp_path / "registry.toml").write_bytes(registry_file().read_bytes())
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    with pytest.raises(DataError, match="'efficientnet_lite0' is missing"):
        pretrained()


def test_another_number_of_classes():
    assert EfficientNetLite0(classes=7).eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 7)
