"""Siamese networks (Koch, Zemel & Salakhutdinov, 2015, "Siamese neural networks for one-shot image recognition").

Learns to tell whether two examples are of one class, by a weighted L1 distance of what twins with shared weights make
of them:

    p(same | x, x') = σ( Σ_j a_j |h_j(x) - h_j(x')| + b ),

minimising the cross-entropy of pairs. A new example is then compared with every support example.

The log-odds of a class are the **mean** of those of its comparisons, and these are the logits that ``predict`` gives.
With one shot per class and pairs balanced, the log-odds are log p(pair | same) - log p(pair | different), so that the
softmax is Bayes' posterior of "the same as exactly one of them"; the paper takes the largest. Of k shots it says nothing.
A sum would count k comparisons with like examples as k independent witnesses, and would favour the classes with the
fewest examples; of a mean, an example given twice changes nothing.

Deviations from the paper:
- The pairs are those of an episode, every query with every support example, there 30,000 to 150,000 pairs drawn once.
  So that same and different pairs weigh the same in the loss, as there, each kind is averaged by itself.
- Adam at 1e-3, there SGD with rates, momenta and weight decays of every layer, found by Bayesian optimisation; no weight
  decay and no affine distortions of the pictures here.
- The default network is the four blocks of the other metric methods, for 28x28 pictures, whose last layer is a ReLU; the
  paper's own, with its sigmoids, is ``--network koch`` (with ``--size 105``). Any features can be compared.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer
from ...core.cost import Cost
from ...core.geometry import class_means
from ...core.inner.wrapper import built_as
from ...core.network import feature_size
from ...core.objectives import Metrics, metrics
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Sizes, Task, TaskSpec
from ...errors import TaskError


class Compared(NamedTuple):
    """The support set as it is compared with."""

    features: Tensor  # [n, features]
    y: Tensor  # [n, ways]


class _Twins(nn.Module):
    """The backbone that both twins share, and the weights a_j and b of the distance."""

    def __init__(self, backbone: nn.Module, features: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.distance = nn.Linear(features, 1)
        nn.init.normal_(self.distance.weight, 0.0, 0.2)  # as every dense layer of the paper
        nn.init.normal_(self.distance.bias, 0.5, 0.01)

    def log_odds(self, a: Tensor, b: Tensor) -> Tensor:
        """log p(same) / p(different) of features ``[..., features]``."""
        odds: Tensor = self.distance((a - b).abs())
        return odds[..., 0]


def _twins(net: nn.Module) -> _Twins:
    return built_as(_Twins, net, "siamese: takes the network that its build made")


def _mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    return torch.where(chosen, values, 0).sum() / chosen.sum().clamp_min(1)


_RERUN = "alphabet-disjoint split, not transductive; as rerun by Vinyals et al., quoted in later tables [T]"


def _rerun(shots: int, five: str, twenty: str) -> Recipe:
    figures = {5: five, 20: twenty}
    return Recipe(
        name=f"siamese-omniglot-{shots}s",
        source="omniglot",
        steps=20_000,
        flags=f"--split vinyals --shots {shots}",
        checks=tuple(
            Check(name=f"{ways}w{shots}s", flags=f"--ways {ways}", published=figure, protocol=_RERUN)
            for ways, figure in figures.items()
        ),
        note="how the rerun was trained is not known; the split is in its style; batch norm sees the queries asked together",
    )


_KOCH = Recipe(
    name="siamese-omniglot-koch",
    source="omniglot",
    steps=200_000,
    flags="--network koch --size 105 --split lake --rotations none --within-alphabet --ways 20 --train-shots 1 --lr 1e-4",
    checks=(
        Check(
            name="20w1s",
            flags="--queries 1",
            published="92.0",
            protocol="the evaluation alphabets, 20 characters of one alphabet, 400 trials of 20 runs [N]",
        ),
    ),
    note="the paper's network; it trains on 40 alphabets with affine distortions and a rate for every layer",
)


@dataclass(frozen=True, kw_only=True)
class Siamese(Algorithm[Compared], name="siamese"):
    """Siamese networks: are these two of one class? A new example is compared with every example given.

    State: a ``Compared``: the features of the support set [n, features] and its targets [n, ways].

    Take it when the question itself is whether two examples belong together (``same``). Prefer ProtoNet where classes
    are to be told apart: it is trained on the comparison of classes with each other.

    >>> net = Siamese().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = Siamese().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> Siamese().predict(net, state, torch.randn(7, 3)).shape
    torch.Size([7, 2])
    """

    reference = "Koch, Zemel & Salakhutdinov, ICML deep learning workshop 2015"
    summary = "twins that tell whether two examples are of one class (--network koch: the paper's, on 105x105 pictures)"
    cost = Cost(
        "feed-forward", "E_T cross-entropy of σ(Σ_j a_j|h_j(x) - h_j(x')| + b) over same and different pairs of S x Q"
    )
    outer = Outer(optimizer="adam", lr=1e-3)
    network = "conv4-pool"
    meta_batch = 1
    any_ways = True
    kinds = ("classification",)
    recipes = (_rerun(1, "97.3", "88.2"), _rerun(5, "98.4", "97.0"), _KOCH)

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The twin, and the weights of the distance."""
        return _Twins(backbone, feature_size(backbone, spec))

    def adapt(self, net: nn.Module, support: Examples) -> Compared:
        """Nothing is learned but what to compare with."""
        return Compared(_twins(net).backbone(support.x), support.y)

    def predict(self, net: nn.Module, state: Compared, x: Tensor) -> Tensor:
        return class_means(self._log_odds(net, state, x), state.y).mT  # [m, ways]

    def same(self, net: nn.Module, a: Tensor, b: Tensor) -> Tensor:
        """The probability ``[n]`` that the examples ``a`` and ``b``, each ``[n, *x_shape]``, are pair by pair of one class.

        All go through the network together, so that it matters neither which twin sees which nor, to batch norm, how
        the two sets differ. Raises ``TaskError`` when they do not pair up.

        >>> net = Siamese().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
        >>> a, b = torch.randn(5, 3), torch.randn(5, 3)
        >>> Siamese().same(net, a, b).shape
        torch.Size([5])
        >>> bool((Siamese().same(net, a, b) == Siamese().same(net, b, a)).all())
        True
        """
        if a.shape != b.shape:
            raise TaskError(
                f"siamese: pairs need as many of both and of one shape, got {tuple(a.shape)} and {tuple(b.shape)}."
            )
        left, right = _twins(net).backbone(torch.cat([a, b])).chunk(2)
        return _twins(net).log_odds(left, right).sigmoid()

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The cross-entropy of all pairs of a support and a query example, half of it from those of the same class."""
        odds = self._log_odds(net, self.adapt(net, task.support), task.query.x)  # [n, m]
        same = (task.support.y[:, None] & task.query.y).any(-1)
        real = task.support.y.any(-1)[:, None] & task.query.y.any(-1)
        surprise = F.binary_cross_entropy_with_logits(odds, same.to(odds.dtype), reduction="none")
        cost = (_mean_where(surprise, same) + _mean_where(surprise, real & ~same)) / 2
        return cost, metrics(class_means(odds, task.support.y).mT, task.query.y)

    def training_sizes(self, test: Sizes) -> Sizes:
        """20 classes with five queries each: 100 pairs of one class for each shot, and 19 times as many of two."""
        return replace(test, ways=20, queries=5)

    def _log_odds(self, net: nn.Module, state: Compared, x: Tensor) -> Tensor:
        """Every support example with every one of ``x``: [n, m]."""
        twins = _twins(net)
        return twins.log_odds(state.features[:, None], twins.backbone(x))
