"""The convolutional network of Koch, Zemel & Salakhutdinov (2015), for Omniglot drawings of 105x105 pixels."""

from collections import OrderedDict
from dataclasses import dataclass

from torch import nn

from ..errors import ConfigError
from .registry import Network

# (filters, kernel side). Max-pooling follows each layer but the last. 105 pixels become 96, 48, 42, 21, 18, 9, 6.
_LAYERS = ((64, 10), (128, 7), (128, 4), (256, 4))
_LAST_SIDE = 6


@dataclass(frozen=True, kw_only=True)
class Koch(Network, name="koch"):
    """Four unpadded convolutions and a dense layer with sigmoids: 38.9 million weights, most of them in the dense layer.

    Convolutions start at N(0, 0.01²), dense weights at N(0, 0.2²) and all biases at N(0.5, 0.01²), the values usually
    quoted from the paper.
    """

    summary = "network of the siamese paper: four wide convolutions, 4096 sigmoid units; 105x105 pictures (Koch et al.)"
    side = 105

    features: int = 4096
    """number of features: sigmoid units of the last layer"""

    def __post_init__(self) -> None:
        if self.features < 1:
            raise ConfigError(f"koch: features must be at least 1, got {self.features}.")

    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """The network for ``(channels, 105, 105)`` pictures. Raises ``ConfigError`` for other shapes."""
        if len(x_shape) != 3 or x_shape[1:] != (self.side, self.side):
            raise ConfigError(
                f"koch: examples must be pictures of 105x105 pixels, got {x_shape}. Add --size 105, or choose another network."
            )
        layers = OrderedDict[str, nn.Module]()
        channels = x_shape[0]
        for i, (filters, side) in enumerate(_LAYERS, 1):
            layers[f"conv{i}"], layers[f"relu{i}"] = nn.Conv2d(channels, filters, side), nn.ReLU()
            if i < len(_LAYERS):
                layers[f"pool{i}"] = nn.MaxPool2d(2)
            channels = filters
        dense = nn.Linear(channels * _LAST_SIDE**2, self.features)
        net = nn.Sequential(layers | {"flatten": nn.Flatten(), "dense": dense, "sigmoid": nn.Sigmoid()})
        for name, p in net.named_parameters():
            if name.endswith("bias"):
                nn.init.normal_(p, 0.5, 0.01)
            else:
                nn.init.normal_(p, 0.0, 0.2 if name.startswith("dense") else 0.01)
        return net
