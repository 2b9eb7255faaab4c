"""Siamese networks (Koch, Zemel & Salakhutdinov, 2015, "Siamese neural networks for one-shot image recognition").

Learns whether two examples belong to the same class. Twin networks with shared weights embed both, and a weighted L1
distance compares the embeddings:

    p(same | x, x') = σ( Σ_j a_j |h_j(x) - h_j(x')| + b ),

Training minimises the cross-entropy of pairs. At test time a query is compared with every support example.

``predict`` returns log-odds as logits: the logit of a class is the **mean** log-odds of its comparisons. With one shot per
class and balanced pairs, the log-odds are log p(pair | same) - log p(pair | different). Their softmax is then Bayes'
posterior of "the same as exactly one of them". The paper takes the largest, and does not treat several shots. A sum would
count k comparisons with similar examples as k independent observations, and would favour the classes with the fewest
examples. With a mean, a repeated example changes nothing.

Deviations from the paper:
- The pairs are those of an episode: every query with every support example. The paper draws 30,000 to 150,000 pairs once.
  Same and different pairs have equal weight in the loss, as in the paper: each kind is averaged separately.
- Adam at 1e-3. The paper uses SGD with a rate, a momentum and a weight decay per layer, found by Bayesian optimisation.
  Here there is no weight decay, and no affine distortion of the pictures.
- The default network is the four blocks of the other metric methods, for 28x28 pictures, which end in a ReLU. The paper's
  network, with sigmoids, is ``--network koch`` (with ``--size 105``). Any features can be compared.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer
from ...core.cost import Cost
from ...core.geometry import class_means
from ...core.network import feature_size, require_network
from ...core.objectives import Metrics, metrics
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Sizes, Task, TaskSpec
from ...errors import TaskError


class SupportFeatures(NamedTuple):
    """The features of the support set and its targets."""

    features: Tensor  # [n, features]
    y: Tensor  # [n, ways]


class _Twins(nn.Module):
    """The backbone that both twins share, and the weights a_j and bias b of the distance."""

    def __init__(self, backbone: nn.Module, features: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.distance = nn.Linear(features, 1)
        nn.init.normal_(self.distance.weight, 0.0, 0.2)  # like every dense layer of the paper
        nn.init.normal_(self.distance.bias, 0.5, 0.01)

    def log_odds(self, a: Tensor, b: Tensor) -> Tensor:
        """log( p(same) / p(different) ) of features ``a`` and ``b``, each ``[..., features]``."""
        odds: Tensor = self.distance((a - b).abs())
        return odds[..., 0]


def _twins(net: nn.Module) -> _Twins:
    return require_network(_Twins, net, "siamese: `net` must come from Siamese().build(...)")


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values, 0).sum() / mask.sum().clamp_min(1)


_RERUN = "vinyals split, not transductive; as rerun by Vinyals et al., quoted in later tables [T]"


def _rerun(shots: int, five: str, twenty: str) -> Recipe:
    figures = {5: five, 20: twenty}
    return Recipe(
        name=f"siamese-omniglot-{shots}s",
        source="omniglot",
        steps=20_000,
        flags=f"--split vinyals --shots {shots} --norm running",
        checks=tuple(
            Check(name=f"{ways}w{shots}s", flags=f"--ways {ways}", published=figure, protocol=_RERUN)
            for ways, figure in figures.items()
        ),
        note="the rerun's training is not known; the characters of its split are those of the authors of prototypical "
        "networks",
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
    note="the paper's network; the paper trains on 40 alphabets, with affine distortions and one rate per layer",
)


@dataclass(frozen=True, kw_only=True)
class Siamese(Algorithm[SupportFeatures], name="siamese"):
    """Siamese networks: do two examples belong to the same class? A query is compared with every support example.

    State: a ``SupportFeatures``: the features of the support set [n, features] and its targets [n, ways].

    Use it if the question is whether two examples belong together (see ``same``). Prefer ProtoNet for classification: its
    training compares the classes with each other.

    >>> net = Siamese().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> state = Siamese().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> Siamese().predict(net, state, torch.randn(7, 3)).shape
    torch.Size([7, 2])
    """

    reference = "Koch, Zemel & Salakhutdinov, ICML deep learning workshop 2015"
    summary = (
        "twin networks decide whether two examples are of one class (--network koch: the paper's, 105x105 pictures)"
    )
    cost = Cost(
        "feed-forward", "E_T cross-entropy of σ(Σ_j a_j|h_j(x) - h_j(x')| + b) over same and different pairs of S x Q"
    )
    outer = Outer(optimizer="adam", lr=1e-3)
    needs_training = "its comparison of two examples is learned"
    network = "conv4-pool"
    meta_batch = 1
    any_ways = True
    kinds = ("classification",)
    recipes = (_rerun(1, "97.3", "88.2"), _rerun(5, "98.4", "97.0"), _KOCH)

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The shared backbone, and the weights of the distance."""
        return _Twins(backbone, feature_size(backbone, spec))

    def adapt(self, net: nn.Module, support: Examples) -> SupportFeatures:
        """Embeds the support set; no weights change."""
        return SupportFeatures(_twins(net).backbone(support.x), support.y)

    def predict(self, net: nn.Module, state: SupportFeatures, x: Tensor) -> Tensor:
        return class_means(self._log_odds(net, state, x), state.y).mT  # [m, ways]

    def same(self, net: nn.Module, a: Tensor, b: Tensor) -> Tensor:
        """The probability ``[n]`` that ``a[i]`` and ``b[i]`` are of the same class; ``a`` and ``b`` are ``[n, *x_shape]``.

        Both go through the network as one batch. So the order of a pair does not matter, and batch norm uses the same
        statistics for both. Raises ``TaskError`` if ``a`` and ``b`` differ in shape.

        >>> net = Siamese().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
        >>> a, b = torch.randn(5, 3), torch.randn(5, 3)
        >>> Siamese().same(net, a, b).shape
        torch.Size([5])
        >>> bool((Siamese().same(net, a, b) == Siamese().same(net, b, a)).all())
        True
        """
        if a.shape != b.shape:
            raise TaskError(
                f"siamese: a and b must have the same shape, got {tuple(a.shape)} and {tuple(b.shape)}. "
                "Pass one example of b for each example of a."
            )
        a_features, b_features = _twins(net).backbone(torch.cat([a, b])).chunk(2)
        return _twins(net).log_odds(a_features, b_features).sigmoid()

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The cross-entropy of all pairs of a support and a query example; same-class pairs are half of the weight."""
        odds = self._log_odds(net, self.adapt(net, task.support), task.query.x)  # [n, m]
        same = (task.support.y[:, None] & task.query.y).any(-1)
        real = task.support.y.any(-1)[:, None] & task.query.y.any(-1)
        pair_losses = F.binary_cross_entropy_with_logits(odds, same.to(odds.dtype), reduction="none")
        cost = (_mean_where(pair_losses, same) + _mean_where(pair_losses, real & ~same)) / 2
        return cost, metrics(class_means(odds, task.support.y).mT, task.query.y)

    def training_sizes(self, test: Sizes) -> Sizes:
        """20 classes with five queries each: per shot 100 same-class pairs and 1,900 different-class pairs."""
        return replace(test, ways=20, queries=5)

    def _log_odds(self, net: nn.Module, state: SupportFeatures, x: Tensor) -> Tensor:
        """Log-odds of every support example with every example of ``x``: [n, m]."""
        twins = _twins(net)
        return twins.log_odds(state.features[:, None], twins.backbone(x))
