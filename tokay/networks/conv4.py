"""The four-block convolutional network of the few-shot papers, in the four forms they use."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

from ..errors import ConfigError
from .registry import Network

Block = Callable[[int, int], nn.Sequential]  # makes a block from input channels and filters


def _block(channels: int, filters: int, *, stride: int = 1, padding: int = 1, pool: bool = False) -> nn.Sequential:
    """conv 3x3, batch norm, ReLU. A stride of 2 or max-pooling halves the picture.

    The convolution has no bias: the norm after it would cancel any constant. Pooling comes before the ReLU: the result is
    the same, because max and ReLU commute, and ReLU then works on a quarter of the values.
    """
    convolution = nn.Conv2d(channels, filters, 3, stride=stride, padding=padding, bias=False)
    nn.init.xavier_uniform_(convolution.weight)
    # Always the statistics of the current batch: running statistics would carry information from task to task.
    layers = OrderedDict[str, nn.Module](conv=convolution, norm=nn.BatchNorm2d(filters, track_running_stats=False))
    if pool:
        layers["pool"] = nn.MaxPool2d(2)
    layers["relu"] = nn.ReLU()
    return nn.Sequential(layers)


def _blocks(x_shape: tuple[int, ...], filters: int, makers: Sequence[Block]) -> OrderedDict[str, nn.Module]:
    """One block per maker, by name."""
    if len(x_shape) != 3 or min(x_shape[1:]) < 16:
        raise ConfigError(
            f"conv4: examples must be pictures (channels, height, width) of at least 16x16, got {x_shape}. "
            "For vectors use --network mlp."
        )
    if filters < 1:
        raise ConfigError(f"conv4: filters must be at least 1, got {filters}.")
    channels = (x_shape[0], filters, filters, filters)
    return OrderedDict(
        (f"block{i}", make(c, filters)) for i, (c, make) in enumerate(zip(channels, makers, strict=True), 1)
    )


_STRIDED = (partial(_block, stride=2),) * 4
_POOLED = (partial(_block, pool=True),) * 4
# Two blocks without padding and with pooling, then two that keep the size: 28 pixels become 5, 84 become 19.
_MAPS = (*(partial(_block, padding=0, pool=True),) * 2, *(_block,) * 2)


@dataclass(frozen=True, kw_only=True)
class Conv4(Network, name="conv4"):
    """Strided, flattened: 28x28 pictures give 2x2x64 = 256 features. Reptile on Omniglot (arXiv:1803.02999)."""

    summary = "four strided 3x3 convolutions with batch norm, flattened (Reptile on Omniglot)"

    filters: int = 64
    """filters of every convolution (32 on mini-ImageNet)"""

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Four strided blocks, flattened."""
        return nn.Sequential(_blocks(x_shape, self.filters, _STRIDED) | {"flatten": nn.Flatten()})


@dataclass(frozen=True, kw_only=True)
class Conv4Mean(Network, name="conv4-mean"):
    """Strided, averaged over the last 2x2 positions: 64 features. MAML on Omniglot (arXiv:1703.03400)."""

    summary = "four strided 3x3 convolutions with batch norm, averaged over positions (MAML on Omniglot)"

    filters: int = 64
    """filters of every convolution"""

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Four strided blocks, averaged over positions."""
        blocks = _blocks(x_shape, self.filters, _STRIDED)
        return nn.Sequential(blocks | {"mean": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()})


@dataclass(frozen=True, kw_only=True)
class Conv4Pool(Network, name="conv4-pool"):
    """Max-pooled, flattened: 28x28 pictures give 64 features, 84x84 give 1600. ProtoNet (arXiv:1703.05175)."""

    summary = "four 3x3 convolutions with batch norm and max-pooling, flattened (ProtoNet)"

    filters: int = 64
    """filters of every convolution (32 for MAML and Reptile on mini-ImageNet)"""

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Four pooled blocks, flattened."""
        return nn.Sequential(_blocks(x_shape, self.filters, _POOLED) | {"flatten": nn.Flatten()})


@dataclass(frozen=True, kw_only=True)
class Conv4Maps(Network, name="conv4-maps"):
    """Feature maps, not flattened: 28x28 pictures give 64x5x5, 84x84 give 64x19x19. Relation networks (arXiv:1711.06025)."""

    summary = "four 3x3 convolutions with batch norm, the first two pooled; gives feature maps (relation networks)"

    filters: int = 64
    """filters of every convolution"""

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Four blocks, the first two pooled; feature maps ``[n, filters, H, W]``."""
        return nn.Sequential(_blocks(x_shape, self.filters, _MAPS))
