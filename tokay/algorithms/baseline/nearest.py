"""Nearest neighbour on the raw inputs: no features, nothing is learned.

    logit_k = -s min ||x - x_i||² over the support examples i of class k,      s = exp(log_sharpness) = 1

Cover & Hart, 1967, IEEE Transactions on Information Theory 13(1), with k = 1. s is the only weight.
It changes the probabilities, but not which class wins.
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
    """Nearest: a query gets the class of the support example with the nearest raw values.

    State: the support set.

    It shows what the raw inputs alone can do. A method that is not clearly better has learned no useful features.

    >>> support = Examples(torch.tensor([[0.0], [1.0]]), torch.eye(2, dtype=torch.bool))
    >>> Nearest().predict(Nearest().build(nn.Flatten(), None), support, torch.tensor([[0.25]])).tolist()
    [[-0.0625, -0.5625]]
    """

    reference = "baseline; Cover & Hart, 1967, IEEE Transactions on Information Theory 13(1)"
    summary = "baseline: the nearest support example wins, on the raw inputs"
    cost = Cost("no adaptation", "none: nothing is learned")
    network = "linear"
    any_ways = True
    compares_inputs = True
    refuses_indices = "the distance of two indices means nothing"
    learns = False
    kinds = ("classification",)

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """One weight, the sharpness of the probabilities. The backbone is not used."""
        return Sharpness()

    def adapt(self, net: nn.Module, support: Examples) -> Examples:
        return support

    def predict(self, net: nn.Module, state: Examples, x: Tensor) -> Tensor:
        logits: Tensor = net(class_minima(sq_distances(x.flatten(1), state.x.flatten(1)), state.y))  # [m, ways]
        return logits
