"""Convolutional networks: the right number of weights, of layers and of numbers, and a way around that is one."""

import pytest
import torch
from torch import nn

from coursekit.errors import CourseError, ShapeError
from coursekit.models.cnn import LeNet, ResidualBlock, ResNet
from coursekit.scratch.sliding import receptive_field


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_lenet_has_the_weights_of_its_figure():
    layers = [(25 + 1) * 6, (6 * 25 + 1) * 16, 401 * 120, 121 * 84, 85 * 10]
    assert count(LeNet()) == sum(layers)
    assert count(LeNet(classes=3)) == sum(layers) - 7 * 85


def test_a_number_of_lenets_last_picture_sees_sixteen_pixels():
    x = torch.rand(1, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    features = LeNet().double().features
    with torch.no_grad():
        for layer in features:
            if isinstance(layer, nn.Conv2d):
                layer.weight.fill_(1.0)
    features[3].padding = (0, 0)
    smooth = nn.Sequential(*[nn.AvgPool2d(2) if isinstance(k, nn.MaxPool2d) else k for k in features])
    smooth(x)[0, 0, 2, 2].backward()
    seen = torch.nonzero(x.grad[0, 0].abs().sum(dim=0)).flatten()
    assert seen.max() - seen.min() + 1 == receptive_field([(5, 1, 1), (2, 2, 1), (5, 1, 1), (2, 2, 1)])


def test_lenet_refuses_another_size_in_words():
    with pytest.raises(ShapeError, match=r"x: expected shape \(N, 1, 28, 28\), got \(2, 1, 32, 32\)"):
        LeNet()(torch.zeros(2, 1, 32, 32))


@pytest.mark.parametrize(("channels", "out", "stride"), [(4, 4, 1), (4, 8, 1), (4, 4, 2), (3, 6, 2)])
def test_a_block_whose_change_is_nothing_lets_the_input_through(channels, out, stride):
    block = ResidualBlock(channels, out, stride).eval()
    nn.init.zeros_(block.bn2.weight)
    nn.init.zeros_(block.bn2.bias)
    x = torch.randn(2, channels, 7, 6, generator=torch.Generator().manual_seed(0))
    y = block(x)
    assert y.shape == (2, out, -(-7 // stride), -(-6 // stride))
    torch.testing.assert_close(y, torch.relu(block.shortcut(x)))
    assert isinstance(block.shortcut, nn.Identity) == (stride == 1 and channels == out)
    plain = ResidualBlock(channels, out, stride, residual=False).eval()
    nn.init.zeros_(plain.bn2.weight)
    assert not plain(x).any()


def test_a_block_adds_the_input_before_the_last_relu():
    block = ResidualBlock(2, 2).eval()
    nn.init.zeros_(block.bn2.weight)
    nn.init.constant_(block.bn2.bias, -5.0)
    assert not block(torch.ones(1, 2, 4, 4)).any()  # 1 - 5 is below zero


@pytest.mark.parametrize(("n", "parameters"), [(3, 0.27e6), (5, 0.46e6), (9, 0.85e6)])
def test_the_networks_for_cifar_have_the_depths_and_sizes_of_their_table(n, parameters):
    """He et al. (2016), table 6. Their way around has no weights, ours has two convolutions of 1 by 1."""
    net = ResNet(blocks=(n, n, n), widths=(16, 32, 64), in_channels=3)
    assert net.depth == 6 * n + 2
    ways = sum(count(m.shortcut) for m in net.modules() if isinstance(m, ResidualBlock))
    assert count(net) - ways == pytest.approx(parameters, rel=0.02)


def test_plain_and_residual_have_the_same_layers():
    plain, residual = (ResNet((2,), (8,), residual=r) for r in (False, True))
    assert {k: v.shape for k, v in plain.state_dict().items()} == {k: v.shape for k, v in residual.state_dict().items()}
    plain.load_state_dict(residual.state_dict())
    x = torch.randn(3, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(plain.eval()(x), residual.eval()(x))


def test_pictures_of_any_size_and_colour_are_taken():
    net = ResNet((1, 1), (4, 8), in_channels=3, classes=7, stem_stride=2)
    assert net(torch.zeros(2, 3, 33, 20)).shape == (2, 7)
    assert net.stages(net.stem(torch.zeros(2, 3, 33, 20))).shape == (2, 8, 9, 5)


@pytest.mark.parametrize("blocks", [(), (1,), (1, 0)])
def test_stages_that_do_not_fit_are_refused(blocks):
    with pytest.raises(CourseError, match="blocks: expected one number of at least 1 for each of the 2 widths"):
        ResNet(blocks, (8, 16))


@pytest.mark.parametrize("make", [LeNet, lambda: ResNet((1, 1), (8, 16), stem_stride=2)])
def test_a_batch_can_be_learned_by_heart(make):
    torch.manual_seed(0)
    net, g = make(), torch.Generator().manual_seed(0)
    x, y = torch.randn(16, 1, 28, 28, generator=g), torch.arange(16) % 10
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    first = None
    for _ in range(60):
        loss = nn.functional.cross_entropy(net(x), y)
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1 * first
