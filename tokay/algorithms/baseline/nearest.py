"""The nearest example wins, on the inputs as they are: no features, nothing learned.

    logit_k = -s min ||x - x_i||² over the support examples i of class k,      s = exp(log_sharpness) = 1

Cover & Hart, 1967, IEEE Transactions on Information Theory 13(1), with k = 1. The answer does not depend on s, the only
weight there is; probabilities do.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ...core.algorithm import Algorithm
from ...core.cost import Cost
from ...core.geometry import class_minima, sq_distances
from ...core.sharpness import Sharpness
from ...core.task import Examples, TaskSpec


@dataclass(frozen=True, kw_only=True)
class Nearest(Algorithm[Examples], name="nearest"):
    """Nearest: an input is of the class of the support example whose raw values are nearest to its own.

    State: the support set.

    What the inputs tell by themselves. A method that is not clearly better has learned no features.

    >>> support = Examples(torch.tensor([[0.0], [1.0]]), torch.eye(2, dtype=torch.bool))
    >>> Nearest().predict(Nearest().build(nn.Flatten(), None), support, torch.tensor([[0.25]])).tolist()
    [[-0.0625, -0.5625]]
    """

    reference = "baseline; Cover & Hart, 1967, IEEE Transactions on Information Theory 13(1)"
    summary = "baseline: the nearest support example wins, on the inputs as they are"
    cost = Cost("no adaptation", "none: nothing is learned")
    network = "linear"
    any_ways = True
    learns = False
    kinds = ("classification",)

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """No backbone: how sharp the probabilities are is all there is."""
        return Sharpness()

    def adapt(self, net: nn.Module, support: Examples) -> Examples:
        return support

    def predict(self, net: nn.Module, state: Examples, x: Tensor) -> Tensor:
        logits: Tensor = net(class_minima(sq_distances(x.flatten(1), state.x.flatten(1)), state.y))  # [m, ways]
        return logits
