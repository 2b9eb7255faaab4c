"""Frozen vectors with a small correction that starts at zero: training begins at what the vectors can do by themselves."""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from .registry import Network


@dataclass(frozen=True, kw_only=True)
class Residual(Network, name="residual"):
    """``scale * (x + correction(x))`` for vectors of a frozen encoder. The correction is one hidden layer, at first 0.

    A network with new weights first has to learn what the encoder knows already. This one begins with the vectors
    themselves, so a metric method begins as the nearest class mean. Our own choice, after the residual adapters of Houlsby
    et al., 2019, arXiv:1902.00751, which also begin at the identity.
    """

    summary = "the inputs plus a small correction that starts at 0, for vectors of a frozen encoder"

    bottleneck: int = 256
    """width of the hidden layer of the correction"""
    factor: float = 4.0
    """initial scale of the outputs, which is learned: vectors of length 1 alone make all classes about equally likely"""

    def __post_init__(self) -> None:
        if self.bottleneck < 1 or not self.factor > 0:
            raise ConfigError(
                f"residual: bottleneck and factor must be positive, got {self.bottleneck} and {self.factor}."
            )

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Flattens the inputs. Raises ``ConfigError`` if an example has no numbers."""
        if prod(x_shape) < 1:
            raise ConfigError(f"residual: examples must have at least one number, got shape {x_shape}.")
        return nn.Sequential(nn.Flatten(), ScaledResidual(prod(x_shape), self.bottleneck, self.factor))


class ScaledResidual(nn.Module):
    """``scale * (x + second(relu(first(x))))``, where ``second`` starts at 0.

    >>> ScaledResidual(3, 5, 2.0)(torch.tensor([[1.0, 0.0, -1.0]])).tolist()
    [[2.0, 0.0, -2.0]]
    """

    def __init__(self, width: int, units: int, factor: float) -> None:
        super().__init__()
        self.first = nn.Linear(width, units)
        self.second = nn.Linear(units, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)
        self.log_scale = nn.Parameter(torch.tensor(factor).log())

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``[n, width]`` for inputs ``[n, width]``."""
        correction: Tensor = self.second(torch.relu(self.first(x)))
        return self.log_scale.exp() * (x + correction)
