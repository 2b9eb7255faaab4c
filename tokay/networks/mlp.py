"""The multi-layer perceptron of the regression experiments."""

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Literal

from torch import nn

from ..errors import ConfigError
from .registry import Network


@dataclass(frozen=True, kw_only=True)
class MLP(Network, name="mlp"):
    """Linear layers with an activation after each; inputs are flattened. MAML's sinusoid network is 40-40 ReLU."""

    summary = "linear layers with an activation after each (MAML's sinusoid: 40 40 relu; Reptile's: 64 64 tanh)"

    hidden: tuple[int, ...] = (40, 40)
    """width of each layer; the last width is the number of features"""
    activation: Literal["relu", "tanh"] = "relu"
    """activation after every layer"""

    def __post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 1:
            raise ConfigError(f"mlp: hidden must be one or more positive widths, got {self.hidden}.")

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Flattens the inputs and applies the layers."""
        layers: list[nn.Module] = [nn.Flatten()]
        for width_in, width_out in pairwise((prod(x_shape), *self.hidden)):
            layers += [nn.Linear(width_in, width_out), nn.ReLU() if self.activation == "relu" else nn.Tanh()]
        return nn.Sequential(*layers)
