"""The four-block convolutional network of the few-shot papers, in the three forms they use."""

from collections import OrderedDict
from dataclasses import dataclass

from torch import nn

from ..errors import ConfigError
from .registry import Network


def _block(channels: int, filters: int, *, strided: bool) -> nn.Sequential:
    """conv 3x3, batch norm, ReLU; halves the picture by its stride or by max-pooling.

    The convolution has no bias: the norm that follows takes any constant away again. Pooling comes before the ReLU,
    which gives the same numbers (the largest of the positive parts is the positive part of the largest) from a
    quarter of the work.
    """
    convolution = nn.Conv2d(channels, filters, 3, stride=2 if strided else 1, padding=1, bias=False)
    nn.init.xavier_uniform_(convolution.weight)
    # The statistics are those of the batch at hand, always: running ones would carry one task into the next.
    layers = OrderedDict[str, nn.Module](conv=convolution, norm=nn.BatchNorm2d(filters, track_running_stats=False))
    if not strided:
        layers["pool"] = nn.MaxPool2d(2)
    layers["relu"] = nn.ReLU()
    return nn.Sequential(layers)


def _conv4(x_shape: tuple[int, ...], filters: int, *, strided: bool, mean: bool) -> nn.Module:
    if len(x_shape) != 3 or min(x_shape[1:]) < 16:
        raise ConfigError(
            f"conv4: examples must be pictures (channels, height, width) of at least 16x16, got {x_shape}. "
            "Use --network mlp for vectors."
        )
    if filters < 1:
        raise ConfigError(f"conv4: filters must be at least 1, got {filters}.")
    channels = (x_shape[0], filters, filters, filters)
    layers = OrderedDict[str, nn.Module](
        (f"block{i}", _block(c, filters, strided=strided)) for i, c in enumerate(channels, 1)
    )
    if mean:
        layers["mean"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    return nn.Sequential(layers)


@dataclass(frozen=True, kw_only=True)
class Conv4(Network, name="conv4"):
    """Strided, flattened: 28x28 pictures give 2x2x64 = 256 features. Reptile on Omniglot (arXiv:1803.02999)."""

    summary = "four strided 3x3 convolutions with batch norm, flattened (Reptile on Omniglot)"

    filters: int = 64
    """filters of every convolution (32 on mini-ImageNet)"""

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:  # noqa: D102
        return _conv4(x_shape, self.filters, strided=True, mean=False)


@dataclass(frozen=True, kw_only=True)
class Conv4Mean(Network, name="conv4-mean"):
    """Strided, averaged over the last 2x2 positions: 64 features. MAML on Omniglot (arXiv:1703.03400)."""

    summary = "four strided 3x3 convolutions with batch norm, averaged over positions (MAML on Omniglot)"

    filters: int = 64
    """filters of every convolution"""

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:  # noqa: D102
        return _conv4(x_shape, self.filters, strided=True, mean=True)


@dataclass(frozen=True, kw_only=True)
class Conv4Pool(Network, name="conv4-pool"):
    """Max-pooled, flattened: 28x28 pictures give 64 features, 84x84 give 1600. ProtoNet (arXiv:1703.05175)."""

    summary = "four 3x3 convolutions with batch norm and max-pooling, flattened (ProtoNet)"

    filters: int = 64
    """filters of every convolution (32 for MAML and Reptile on mini-ImageNet)"""

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:  # noqa: D102
        return _conv4(x_shape, self.filters, strided=False, mean=False)
