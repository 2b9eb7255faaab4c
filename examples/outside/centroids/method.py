"""Nearest class mean with a temperature (after Snell et al., 2017, arXiv:1703.05175): minimise E_T L_Q(-d²/τ)."""

from dataclasses import dataclass

from torch import Tensor, nn

from tokay import Algorithm, Examples, TaskSpec
from tokay.core.algorithm import require_positive
from tokay.core.cost import Cost
from tokay.core.geometry import class_means, sq_distances


@dataclass(frozen=True, kw_only=True)
class Centroid(Algorithm[Tensor], name="centroid"):
    """The class with the nearest mean wins.

    State: class means [ways, features].

    >>> from torch import nn
    >>> Centroid().name
    'centroid'
    """

    reference = "Snell et al., 2017, arXiv:1703.05175"
    summary = "nearest class mean with a temperature"
    cost = Cost("feed-forward", "E_T L_Q(-d²/τ)")
    any_ways = True
    kinds = ("classification",)

    temperature: float = 1.0
    """divides the distances: a higher temperature makes less certain answers"""

    def __post_init__(self) -> None:
        require_positive(self, "temperature")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        return backbone

    def adapt(self, net: nn.Module, support: Examples) -> Tensor:
        return class_means(net(support.x), support.y)

    def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
        return -sq_distances(net(x), state) / self.temperature
