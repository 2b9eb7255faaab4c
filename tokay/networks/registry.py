"""Backbones by name, so that a run folder can say in words which network its weights belong to."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from ..core.registry import register

_networks: dict[str, type["Network"]] = {}


@dataclass(frozen=True, kw_only=True)
class Network(ABC):
    """Settings of a backbone; ``build`` makes the module. The fields become command-line flags."""

    name: ClassVar[str]
    summary: ClassVar[str]
    side: ClassVar[int] = 28  # of the square pictures it is for, where it is for one size; Omniglot's usual otherwise

    def __init_subclass__(cls, *, name: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register(_networks, cls, name, "network")

    @abstractmethod
    def build(self, x_shape: tuple[int, ...]) -> nn.Module:
        """A freshly initialised module for inputs ``[n, *x_shape]``, giving ``[n, features]``; or ``[n, C, H, W]``
        for methods that compare feature maps."""


def list_networks() -> dict[str, type[Network]]:
    """Every registered backbone by name."""
    return dict(_networks)
