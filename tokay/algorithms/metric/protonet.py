"""Prototypical networks (Snell, Swersky & Zemel, 2017, arXiv:1703.05175).

Learns an embedding f in which the mean of a class's support examples stands for the class:

    c_k = mean of f(x) over the support of class k,      p(y = k | x) = softmax_k( -||f(x) - c_k||² ),

minimising the query set's cross-entropy. With ``metric="cosine"``, which the paper compares with (it is that of matching
networks), p(y = k | x) = softmax_k( scale · cos(f(x), c_k) ).

The scale is fixed, and 10 (where Gidaris & Komodakis 2018, arXiv:1804.09458, start theirs, which is learned): so the
embedding stays all there is to learn, and one set of weights can be tested with either metric. The paper has none, that
is 1, with which the softmax of numbers between -1 and 1 is never sure.

Deviation from the authors' code: batch norm always uses the statistics of the set at hand, support and query each its
own (there support and query are normalised together while training, and by running statistics afterwards).
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

_PUBLISHED = "alphabet-disjoint split, rotations, running statistics (not transductive), 15 queries, 1000 tasks [T] [C]"


def _recipe(shots: int, five: str, twenty: str) -> Recipe:
    figures = {5: five, 20: twenty}
    return Recipe(
        name=f"protonet-omniglot-{shots}s",
        source="omniglot",
        steps=20_000,
        flags=f"--split vinyals --shots {shots} --train-ways 60 --train-queries 5",
        checks=tuple(
            Check(name=f"{ways}w{shots}s", flags=f"--ways {ways} --queries 15", published=figure, protocol=_PUBLISHED)
            for ways, figure in figures.items()
        ),
        note="trained once for 5 and 20 ways; the authors go on until 20,000 episodes bring nothing better, and then train "
        "with the validation classes too; the split is in their style; batch norm here sees the queries asked together",
    )


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
    recipes = (_recipe(1, "98.8", "96.0"), _recipe(5, "99.7", "98.9"))

    metric: Literal["euclidean", "cosine"] = "euclidean"
    """how near a query is to a prototype: by squared distance, or by the cosine"""
    scale: float = 10.0
    """what cosines are multiplied by before the softmax; distances are taken as they are"""

    def __post_init__(self) -> None:
        require_choice(self, "metric", ("euclidean", "cosine"))
        require_positive(self, "scale")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The embedding is all there is to learn."""
        feature_size(backbone, spec)  # refuses what gives none
        return backbone

    def adapt(self, net: nn.Module, support: Examples) -> Tensor:
        return class_means(net(support.x), support.y)  # [ways, features]

    def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
        if self.metric == "cosine":
            return self.scale * cosines(net(x), state)  # [m, ways]
        return -sq_distances(net(x), state)  # [m, ways]

    def training_sizes(self, test: Sizes) -> Sizes:
        """60 classes with five queries each, as in the paper on Omniglot."""
        return replace(test, ways=60, queries=5)
