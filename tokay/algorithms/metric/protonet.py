"""Prototypical networks (Snell, Swersky & Zemel, 2017, arXiv:1703.05175).

Learns an embedding f. The prototype of a class is the mean of its embedded support examples:

    c_k = mean of f(x) over the support of class k,      p(y = k | x) = softmax_k( -||f(x) - c_k||² ),

Training minimises the cross-entropy of the query set. With ``metric="cosine"``, the metric of matching networks that the
paper compares with, p(y = k | x) = softmax_k( scale · cos(f(x), c_k) ).

The scale is fixed at 10, the initial value of the learned scale of Gidaris & Komodakis (2018, arXiv:1804.09458). Only the
embedding is learned, so the same weights can be tested with both metrics. The paper uses no scale, which means 1: then the
softmax of cosines, which lie between -1 and 1, is flat.

Deviation from the authors' code: batch norm normalises support and query separately in training; their code normalises them
together. On new tasks their code uses running statistics: here ``--norm running``, not the default.
"""

from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_choice, require_positive
from ...core.cost import Cost
from ...core.geometry import class_means, cosines, sq_distances
from ...core.network import feature_size
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Sizes, TaskSpec

_PUBLISHED = "vinyals split, rotations, running statistics (not transductive), 15 queries, 1000 tasks [T] [C]"


def _recipe(shots: int, five: str, twenty: str) -> Recipe:
    figures = {5: five, 20: twenty}
    return Recipe(
        name=f"protonet-omniglot-{shots}s",
        source="omniglot",
        steps=20_000,
        flags=f"--split vinyals --shots {shots} --train-ways 60 --train-queries 5 --norm running",
        checks=tuple(
            Check(name=f"{ways}w{shots}s", flags=f"--ways {ways} --queries 15", published=figure, protocol=_PUBLISHED)
            for ways, figure in figures.items()
        ),
        note="trained once for 5 and 20 ways; the authors train until 20,000 episodes bring no improvement, and then add "
        "the validation classes",
    )


@dataclass(frozen=True, kw_only=True)
class ProtoNet(Algorithm[Tensor], name="protonet"):
    """ProtoNet: a class is the mean of its examples in a learned space; the nearest mean wins.

    State: the prototypes, [ways, features].

    Try it first for classification. It adapts fastest, in one forward pass, and it takes any number of classes. Train it
    with many more ways than the test has. Prefer MAML or Reptile for regression.

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
    class_means = True
    compares_inputs = True
    kinds = ("classification",)
    recipes = (_recipe(1, "98.8", "96.0"), _recipe(5, "99.7", "98.9"))

    metric: Literal["euclidean", "cosine"] = "euclidean"
    """comparison of a query with a prototype: minus the squared distance, or the cosine"""
    scale: float = 10.0
    """factor on cosines before the softmax; distances have none"""

    def __post_init__(self) -> None:
        require_choice(self, "metric", ("euclidean", "cosine"))
        require_positive(self, "scale")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone itself: only the embedding is learned."""
        feature_size(backbone, spec)  # raises if the backbone gives no feature vectors
        return backbone

    def adapt(self, net: nn.Module, support: Examples) -> Tensor:
        return class_means(net(support.x), support.y)  # [ways, features]

    def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
        if self.metric == "cosine":
            return self.scale * cosines(net(x), state)  # [m, ways]
        return -sq_distances(net(x), state)  # [m, ways]

    def training_sizes(self, test: Sizes) -> Sizes:
        """60 classes with five queries each, as in the paper's Omniglot experiments."""
        return replace(test, ways=60, queries=5)
