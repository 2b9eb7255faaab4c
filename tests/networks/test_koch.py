import pytest
import torch
from torch import nn

from tokay import ConfigError
from tokay.networks import Koch

SIZES = {"conv1": (64, 96), "pool1": (64, 48), "conv2": (128, 42), "pool2": (128, 21), "conv3": (128, 18)}
SIZES |= {"pool3": (128, 9), "conv4": (256, 6)}


def test_sizes_of_the_paper() -> None:
    net, out = Koch(features=3).build((1, 105, 105)), torch.rand(2, 1, 105, 105)
    for name, layer in net.named_children():
        out = layer(out)
        if name in SIZES:
            channels, side = SIZES[name]
            assert out.shape == (2, channels, side, side), name
    assert out.shape == (2, 3)
    assert bool(((out >= 0) & (out <= 1)).all())


def test_order_of_layers() -> None:
    kinds = [type(layer) for layer in Koch(features=3).build((1, 105, 105))]
    assert kinds == [nn.Conv2d, nn.ReLU, nn.MaxPool2d] * 3 + [nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear, nn.Sigmoid]


def test_parameters_by_hand() -> None:
    by_hand = 64 * 101 + 128 * (64 * 49 + 1) + 128 * (128 * 16 + 1) + 256 * (128 * 16 + 1) + 7 * (9216 + 1)
    assert sum(p.numel() for p in Koch(features=7).build((1, 105, 105)).parameters()) == by_hand
    assert Koch().features == 4096


def test_weights_start_as_in_the_paper() -> None:
    for name, p in Koch(features=500).build((1, 105, 105)).named_parameters():
        mean, std = (0.5, 0.01) if name.endswith("bias") else (0.0, 0.2 if name.startswith("dense") else 0.01)
        values = p.detach()
        assert float(values.mean()) == pytest.approx(mean, abs=std / 2), name
        assert float(values.std()) == pytest.approx(std, rel=0.3), name


@pytest.mark.parametrize("x_shape", [(1, 28, 28), (1, 105, 104), (105, 105), (11025,)])
def test_other_sizes_raise_an_error(x_shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"^koch: examples must be pictures of 105x105 pixels, got \(.*--size 105"):
        Koch().build(x_shape)


def test_zero_features_raise_an_error() -> None:
    with pytest.raises(ConfigError, match=r"^koch: features must be at least 1, got 0"):
        Koch(features=0)
