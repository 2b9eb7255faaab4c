"""No hidden layer at all: the head is the whole model."""

from dataclasses import dataclass
from math import prod

from torch import nn

from ..errors import ConfigError
from .registry import Network


@dataclass(frozen=True, kw_only=True)
class Linear(Network, name="linear"):
    """The inputs themselves, flattened: with the head behind it, linear or logistic regression."""

    summary = "the inputs as they are, flattened: the head alone is the model"

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        if prod(x_shape) < 1:
            raise ConfigError(f"linear: examples must have at least one number, got shape {x_shape}.")
        return nn.Flatten()
