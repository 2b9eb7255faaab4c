import pytest
import torch
from torch import nn

from tokay import ConfigError
from tokay.networks import Conv4, Conv4Maps, Conv4Mean, Conv4Pool, Network

FILTERS = 64


@pytest.mark.parametrize(
    "network, x_shape, features",
    [
        (Conv4(), (1, 28, 28), 256),
        (Conv4Mean(), (1, 28, 28), 64),
        (Conv4Pool(), (1, 28, 28), 64),
        (Conv4Pool(), (3, 84, 84), 1600),
        (Conv4Pool(filters=32), (3, 84, 84), 800),
        (Conv4(), (1, 16, 16), 64),
        (Conv4Mean(filters=8), (2, 33, 20), 8),
        (Conv4Pool(), (1, 16, 16), 64),
    ],
)
def test_features(network: Network, x_shape: tuple[int, ...], features: int) -> None:
    assert network.build(x_shape)(torch.randn(2, *x_shape)).shape == (2, features)


@pytest.mark.parametrize("side, maps", [(28, 5), (84, 19), (16, 2)])
def test_maps(side: int, maps: int) -> None:
    """The sizes of the authors' code of relation networks."""
    net = Conv4Maps(filters=6).build((3, side, side))
    assert net(torch.randn(2, 3, side, side)).shape == (2, 6, maps, maps)


def test_maps_by_hand() -> None:
    """Convolutions with padding 0, 0, 1 and 1. The first two blocks apply ReLU, then pooling."""
    net = Conv4Maps(filters=4).build((1, 28, 28)).double()
    x = torch.randn(3, 1, 28, 28, dtype=torch.float64)
    out = x
    for i in range(1, 5):
        block = net.get_submodule(f"block{i}")
        out = nn.functional.conv2d(out, block.get_parameter("conv.weight"), padding=int(i > 2))
        out = block.get_submodule("norm")(out).relu()
        if i < 3:
            out = nn.functional.max_pool2d(out, 2)
    torch.testing.assert_close(net(x), out, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "network", [Conv4(filters=5), Conv4Mean(filters=5), Conv4Pool(filters=5), Conv4Maps(filters=5)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_parameters_by_hand(network: Network, channels: int) -> None:
    """Four 3x3 convolutions without bias, and scale and shift of four norms."""
    by_hand = 9 * (channels * 5 + 3 * 5 * 5) + 4 * 2 * 5
    assert sum(p.numel() for p in network.build((channels, 28, 28)).parameters()) == by_hand


def test_pooling_before_the_relu_equals_pooling_after() -> None:
    net = Conv4Pool(filters=4).build((1, 28, 28)).double()
    x = torch.randn(3, 1, 28, 28, dtype=torch.float64)
    out = x
    for i in range(1, 5):
        block = net.get_submodule(f"block{i}")
        normed = block.get_submodule("norm")(block.get_submodule("conv")(out))
        out = nn.functional.max_pool2d(normed.relu(), 2)
    assert torch.equal(net(x), out.flatten(1))


def test_the_published_order_by_hand() -> None:
    """Four times: conv with stride 2, batch norm over the current batch, ReLU."""
    net = Conv4(filters=3).build((1, 28, 28)).double()
    x = torch.randn(4, 1, 28, 28, dtype=torch.float64)
    out = x
    for i in range(1, 5):
        block = net.get_submodule(f"block{i}")
        out = nn.functional.conv2d(out, block.get_parameter("conv.weight"), stride=2, padding=1)
        mean, var = out.mean((0, 2, 3), keepdim=True), out.var((0, 2, 3), unbiased=False, keepdim=True)
        out = ((out - mean) / (var + 1e-5).sqrt()).relu()
    torch.testing.assert_close(net(x), out.flatten(1), rtol=1e-10, atol=1e-12)
    averaged = Conv4Mean(filters=3).build((1, 28, 28)).double()
    averaged.load_state_dict(net.state_dict())
    torch.testing.assert_close(averaged(x), out.mean((2, 3)), rtol=1e-10, atol=1e-12)


def test_there_are_no_running_statistics() -> None:
    net = Conv4().build((1, 28, 28))
    assert not list(net.buffers())
    x = torch.randn(4, 1, 28, 28)
    torch.testing.assert_close(net.eval()(x), net.train()(x), rtol=0, atol=0)


def test_weights_start_as_xavier() -> None:
    for name, p in Conv4().build((1, 28, 28)).named_parameters():
        if name.endswith("conv.weight"):
            bound = (6 / (9 * (p.shape[0] + p.shape[1]))) ** 0.5
            assert 0.95 * bound < float(p.detach().abs().max()) <= bound, name


@pytest.mark.parametrize(
    "x_shape, advice",
    [
        ((784,), "For vectors"),
        ((28, 28), "For vectors"),
        ((1, 1, 28, 28), "For vectors"),
        ((1, 15, 28), r"Use larger pictures \(--size\)"),
        ((1, 28, 15), r"Use larger pictures \(--size\)"),
    ],
)
def test_other_shapes_raise_an_error(x_shape: tuple[int, ...], advice: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"^conv4: examples must be pictures .* at least 16x16, got \(.*\)\. {advice}"
    ):
        Conv4().build(x_shape)


def test_zero_filters_raise_an_error() -> None:
    with pytest.raises(ConfigError, match=r"^conv4: filters must be at least 1, got 0"):
        Conv4Pool(filters=0).build((1, 28, 28))
