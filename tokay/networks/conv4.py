"""The four-block convolutional network of the few-shot papers, in the four forms they use."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from torch import nn

from ..core.engine.running_statistics import RunningBatchNorm2d, RunningStatistics
from ..errors import ConfigError
from .registry import Network
from .task_norm import TaskNorm2d, TaskNormNet

Norm = Literal["batch", "running", "task", "none"]
Block = Callable[[int, int, Norm], nn.Sequential]  # makes a block from input channels and filters

_NORMS: dict[Norm, Callable[[int], nn.Module]] = {
    # Always the statistics of the current batch: torch's running statistics carry information from task to task.
    "batch": partial(nn.BatchNorm2d, track_running_stats=False),
    "running": RunningBatchNorm2d,
    "task": TaskNorm2d,
}
_CONTAINERS: dict[Norm, type[nn.Sequential]] = {"running": RunningStatistics, "task": TaskNormNet}


def _block(
    channels: int, filters: int, norm: Norm, *, stride: int = 1, padding: int = 1, pool: bool = False
) -> nn.Sequential:
    """conv 3x3, norm, ReLU. A stride of 2 or max-pooling halves the picture.

    Before a norm the convolution has no bias: the norm would cancel any constant. Pooling comes before the ReLU: the
    result is the same, because max and ReLU commute, and ReLU then works on a quarter of the values.
    """
    convolution = nn.Conv2d(channels, filters, 3, stride=stride, padding=padding, bias=norm == "none")
    nn.init.xavier_uniform_(convolution.weight)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    layers = OrderedDict[str, nn.Module](conv=convolution)
    if norm != "none":
        layers["norm"] = _NORMS[norm](filters)
    if pool:
        layers["pool"] = nn.MaxPool2d(2)
    layers["relu"] = nn.ReLU()
    return nn.Sequential(layers)


def _conv4(x_shape: tuple[int, ...], settings: "_Conv4", makers: Sequence[Block], **ends: nn.Module) -> nn.Module:
    """One block per maker, then ``ends``, by name."""
    filters, norm = settings.filters, settings.norm
    if len(x_shape) != 3 or min(x_shape[1:]) < 16:
        advice = (
            "Use larger pictures (--size), or --network mlp." if len(x_shape) == 3 else "For vectors use --network mlp."
        )
        raise ConfigError(
            f"conv4: examples must be pictures (channels, height, width) of at least 16x16, got {x_shape}. {advice}"
        )
    if filters < 1:
        raise ConfigError(f"conv4: filters must be at least 1, got {filters}.")
    channels = (x_shape[0], filters, filters, filters)
    blocks = OrderedDict[str, nn.Module](
        (f"block{i}", make(c, filters, norm)) for i, (c, make) in enumerate(zip(channels, makers, strict=True), 1)
    )
    return _CONTAINERS.get(norm, nn.Sequential)(blocks | ends)


_STRIDED = (partial(_block, stride=2),) * 4
_POOLED = (partial(_block, pool=True),) * 4
# Two blocks without padding and with pooling, then two that keep the size: 28 pixels become 5, 84 become 19.
_MAPS = (*(partial(_block, padding=0, pool=True),) * 2, *(_block,) * 2)


@dataclass(frozen=True, kw_only=True)
class _Conv4:
    """The settings of all four forms."""

    filters: int = 64
    """filters of every convolution (32 on mini-ImageNet)"""
    norm: Norm = "batch"
    """batch: statistics of the pictures in hand; running: of all training, for tests; task: TaskNorm; none: no norm layers"""

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise ConfigError(f"conv4: norm must be batch, running, task or none, got {self.norm!r}.")


@dataclass(frozen=True, kw_only=True)
class Conv4(_Conv4, Network, name="conv4"):
    """Strided, flattened: 28x28 pictures give 2x2x64 = 256 features. Reptile on Omniglot (arXiv:1803.02999)."""

    summary = "four strided 3x3 convolutions with batch norm, flattened (Reptile on Omniglot)"

    filters: int = 64
    """filters of every convolution (32 on mini-ImageNet)"""

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Four strided blocks, flattened."""
        return _conv4(x_shape, self, _STRIDED, flatten=nn.Flatten())


@dataclass(frozen=True, kw_only=True)
class Conv4Mean(_Conv4, Network, name="conv4-mean"):
    """Strided, averaged over the last 2x2 positions: 64 features. MAML on Omniglot (arXiv:1703.03400)."""

    summary = "four strided 3x3 convolutions with batch norm, averaged over positions (MAML on Omniglot)"

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Four strided blocks, averaged over positions."""
        return _conv4(x_shape, self, _STRIDED, mean=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())


@dataclass(frozen=True, kw_only=True)
class Conv4Pool(_Conv4, Network, name="conv4-pool"):
    """Max-pooled, flattened: 28x28 pictures give 64 features, 84x84 give 1600. ProtoNet (arXiv:1703.05175)."""

    summary = "four 3x3 convolutions with batch norm and max-pooling, flattened (ProtoNet)"

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Four pooled blocks, flattened."""
        return _conv4(x_shape, self, _POOLED, flatten=nn.Flatten())


@dataclass(frozen=True, kw_only=True)
class Conv4Maps(_Conv4, Network, name="conv4-maps"):
    """Feature maps, not flattened: 28x28 pictures give 64x5x5, 84x84 give 64x19x19. Relation networks (arXiv:1711.06025)."""

    summary = "four 3x3 convolutions with batch norm, the first two pooled; gives feature maps (relation networks)"

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Four blocks, the first two pooled; feature maps ``[n, filters, H, W]``."""
        return _conv4(x_shape, self, _MAPS)
