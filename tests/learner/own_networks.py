"""Networks as a user's module defines them, for the tests of saving."""

import torch
from torch import Tensor, nn


class Wide(nn.Module):
    """Keeps its arguments as attributes, so that it can be described without a factory."""

    def __init__(self, width: int, *, scale: float = 1.0) -> None:
        super().__init__()
        self.width, self.scale = width, scale
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(4, width), nn.LayerNorm(width))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.scale * self.layers(x)
        return output


class Secretive(nn.Module):
    """Does not say what it was built with."""

    def __init__(self, width: int, activation: str = "relu") -> None:
        super().__init__()
        self.layer = nn.Linear(4, width)
        self._activation = torch.tanh if activation == "tanh" else torch.relu

    def forward(self, x: Tensor) -> Tensor:
        return self._activation(self.layer(x.flatten(1)))


class Around(nn.Module):
    """Holds another network that it is given."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.inner(x)
        return output


def make_secretive(width: int, activation: str = "relu") -> nn.Module:
    return Secretive(width, activation)


def make_anything(width: int):  # type: ignore[no-untyped-def]
    return Secretive(width)
