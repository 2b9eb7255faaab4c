"""No hidden layer: the head is the whole model."""

from dataclasses import dataclass
from math import prod

from torch import nn

from ..errors import ConfigError
from .registry import Network


@dataclass(frozen=True, kw_only=True)
class Linear(Network, name="linear"):
    """The flattened inputs. With the head after it: linear or logistic regression."""

    summary = "the flattened inputs: the head is the whole model"

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """Flattens the inputs. Raises ``ConfigError`` if an example has no numbers."""
        if prod(x_shape) < 1:
            raise ConfigError(f"linear: examples must have at least one number, got shape {x_shape}.")
        return nn.Flatten()
