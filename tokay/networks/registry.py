"""Backbones by name. A run folder stores the name and the settings of its network."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from ..core.registry import Registry
from ..core.setting_types import Settings

_networks: Registry["Network"] = Registry("network", home="tokay.networks", group="tokay.networks")


@dataclass(frozen=True, kw_only=True)
class Network(Settings, ABC):
    """Settings of a backbone; ``build`` makes the module. Each field becomes a command-line flag."""

    name: ClassVar[str]
    summary: ClassVar[str]
    side: ClassVar[int] = 28  # side of the square pictures that the network expects; 28 if it takes any size

    def __init_subclass__(cls, *, name: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _networks.check_summary(cls, name)
        _networks.add(cls, name)

    @abstractmethod
    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """A new module with fresh weights. It maps ``[n, *x_shape]`` to ``[n, features]``.

        For methods that compare feature maps it may return ``[n, C, H, W]``.
        """


def list_networks() -> dict[str, type[Network]]:
    """All registered backbones by name."""
    return _networks.by_name()
