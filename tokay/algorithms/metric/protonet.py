"""Prototypical networks (Snell, Swersky & Zemel, 2017, arXiv:1703.05175).

Learns an embedding f in which the mean of a class's support examples stands for the class:

    c_k = mean of f(x) over the support of class k,      p(y = k | x) = softmax_k( -||f(x) - c_k||² ),

minimising the query set's cross-entropy.

Deviation from the authors' code: batch norm always uses the statistics of the set at hand, support and query each its
own (there support and query are normalised together while training, and by running statistics afterwards).
"""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer
from ...core.cost import Cost
from ...core.geometry import class_means, sq_distances
from ...core.task import Examples, Sizes, TaskSpec


@dataclass(frozen=True, kw_only=True)
class ProtoNet(Algorithm[Tensor], name="protonet"):
    """ProtoNet: a class is the mean of its examples in a learned space; the nearest mean wins.

    State: the prototypes, [ways, features].

    The fastest to adapt (one forward pass) and the one to try first on classification; tested with any number of
    classes. Train it with many more ways than it will meet. Prefer MAML or Reptile for regression.

    >>> state = ProtoNet().adapt(nn.Flatten(), Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> ProtoNet().predict(nn.Flatten(), state, torch.randn(7, 3)).shape
    torch.Size([7, 2])
    """

    reference = "Snell, Swersky & Zemel, 2017, arXiv:1703.05175"
    summary = "a class is the mean of its examples in a learned space; the nearest mean wins"
    cost = Cost("feed-forward", "E_T L_Q(softmax(-||f(x) - c_k||²)),  c_k the class means of f on S")
    outer = Outer(optimizer="adam", lr=1e-3, schedule="halving")
    network = "conv4-pool"
    meta_batch = 1
    any_ways = True
    kinds = ("classification",)

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The embedding is all there is to learn."""
        return backbone

    def adapt(self, net: nn.Module, support: Examples) -> Tensor:  # noqa: D102
        return class_means(net(support.x), support.y)  # [ways, features]

    def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:  # noqa: D102
        return -sq_distances(net(x), state)  # [m, ways]

    def training_sizes(self, test: Sizes) -> Sizes:
        """60 classes with five queries each, as in the paper on Omniglot."""
        return replace(test, ways=60, queries=5)
