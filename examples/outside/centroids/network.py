"""A small network with tanh."""

from dataclasses import dataclass
from math import prod

from torch import nn

from tokay.networks import Network


@dataclass(frozen=True, kw_only=True)
class TanhMLP(Network, name="tanh-mlp"):
    """One hidden layer."""

    summary = "one hidden layer with tanh"

    neurons: int = 16
    """width of the hidden layer"""

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(prod(x_shape), self.neurons), nn.Tanh())
