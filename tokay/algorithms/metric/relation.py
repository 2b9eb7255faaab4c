"""Relation networks (Sung, Yang, Zhang, Xiang, Torr & Hospedales, 2018, arXiv:1711.06025).

Learns both the embedding f and the comparison g. f gives feature maps. The maps of a class are summed and concatenated
with the maps of the query along the channels. A small convolutional network g scores the pair:

    r_c(x) = σ( g( [Σ_{i in c} f(x_i), f(x)] ) ),

Training minimises the mean of (r_c(x) - 1[x is of c])² over queries and classes. g has two blocks (3x3 convolution of 64
filters, batch norm, ReLU, 2x2 max-pooling), a dense layer of 8 units with ReLU, and one output.

``predict`` returns log r. The squared error is smallest if r_c(x) is the probability of c given x. So the softmax of log r,
which is r / Σ_c r, gives the class probabilities, and reports show their cross-entropy. The class with the largest r wins.

As in the authors' code, batch norm uses the statistics of the current set, in training and in testing. In g that set is all
pairs of a query and a class. So a prediction depends on the other queries (transductive), with any backbone.

Deviations from the authors' code:
- Clipping uses one gradient norm for f and g together; their code clips f and g separately. The default is no clipping;
  the recipes clip at 0.5.
- The learning rate stays at 1e-3 (the recipes decrease it linearly to 0); their code halves it every 100,000 episodes.
- Each class gets its own rotation; their code rotates all classes of an episode alike.
- f starts with Xavier weights; their f, and g here, start at N(0, 2 / (9 · filters)). Batch norm cancels the scale. As in
  their code, dense layers start at N(0, 0.01²) with biases of 1.
- A convolution before a batch norm has no bias: the norm would cancel it.
- Maps of one position, and flat features, are compared by 1x1 convolutions without pooling.
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer
from ...core.cost import Cost
from ...core.network import map_shape, require_network
from ...core.objectives import Metrics, mean_of_rows, metrics
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Sizes, Task, TaskSpec

_FILTERS, _HIDDEN = 64, 8


def _halved(height: int, width: int) -> tuple[int, int]:
    """The size of maps after a block. A side of 1 is not pooled."""
    return (height // 2, width // 2) if min(height, width) > 1 else (height, width)


def _block(channels: int, height: int, width: int) -> tuple[nn.Conv2d, nn.Sequential]:
    """A convolution for maps of this size, and the layers after it."""
    wide = min(height, width) > 1
    convolution = nn.Conv2d(channels, _FILTERS, 3 if wide else 1, padding="same", bias=False)
    nn.init.normal_(convolution.weight, 0.0, math.sqrt(2 / (math.prod(convolution.kernel_size) * _FILTERS)))
    norm = nn.BatchNorm2d(_FILTERS, track_running_stats=False)
    return convolution, nn.Sequential(norm, nn.MaxPool2d(2) if wide else nn.Identity(), nn.ReLU())


class _RelationNetwork(nn.Module):
    """The backbone f and the comparison g."""

    def __init__(self, backbone: nn.Module, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.first, self.after_first = _block(2 * channels, height, width)
        height, width = _halved(height, width)
        self.second, self.after_second = _block(_FILTERS, height, width)
        height, width = _halved(height, width)
        self.hidden, self.score = nn.Linear(_FILTERS * height * width, _HIDDEN), nn.Linear(_HIDDEN, 1)
        for layer in (self.hidden, self.score):
            nn.init.normal_(layer.weight, 0.0, 0.01)
            nn.init.ones_(layer.bias)

    def maps(self, x: Tensor) -> Tensor:
        """Feature maps [n, C, H, W] of ``x``. Flat features become maps of one position, [n, C, 1, 1]."""
        features: Tensor = self.backbone(x)
        return features if features.ndim == 4 else features[..., None, None]

    def compare(self, classes: Tensor, queries: Tensor) -> Tensor:
        """Scores before the sigmoid, [m, ways]: ``queries`` [m, C, H, W] with ``classes`` [ways, C, H, W]."""
        # A convolution of two concatenated maps is the sum of two convolutions, so no pair is ever concatenated.
        class_weight, query_weight = self.first.weight.chunk(2, 1)
        padding = self.first.padding
        query_maps = F.conv2d(queries, query_weight, padding=padding)
        pairs = query_maps[:, None] + F.conv2d(classes, class_weight, padding=padding)
        maps = self.after_second(self.second(self.after_first(pairs.flatten(0, 1))))  # [m * ways, 64, h, w]
        scores: Tensor = self.score(self.hidden(maps.flatten(1)).relu())
        return scores.reshape(len(queries), len(classes))


def _relation_network(net: nn.Module) -> _RelationNetwork:
    return require_network(_RelationNetwork, net, "relation: `net` must come from RelationNet().build(...)")


_PUBLISHED = "random characters, rotations, transductive, {} per class, 1000 tasks, the best of many tests [T] [C]"


def _recipe(ways: int, shots: int, queries: int, figure: str) -> Recipe:
    name = f"{ways}w{shots}s"
    protocol = _PUBLISHED.format("1 query" if shots == 1 else f"{shots} queries")
    return Recipe(
        name=f"relation-omniglot-{name}",
        source="omniglot",
        steps=1_000_000,
        flags=f"--ways {ways} --shots {shots} --train-queries {queries} --schedule linear --clip-norm 0.5",
        checks=(Check(name=name, flags=f"--queries {shots}", published=figure, protocol=protocol),),
        note="keeps the step that is best on validation classes; the authors keep the one that is best on test classes",
    )


@dataclass(frozen=True, kw_only=True)
class RelationNet(Algorithm[Tensor], name="relation"):
    """Relation networks: learn the similarity of a query and a class from their feature maps.

    State: the summed maps of each class, [ways, C, H, W].

    Use it if no fixed distance fits: the comparison is learned too. Train it with the number of shots of the test: the maps
    of a class are summed, so more shots give larger values than in training. Prefer ProtoNet if the number of shots varies,
    or if a prediction must not depend on the other queries.

    >>> net = RelationNet().build(nn.Conv2d(1, 4, 3), TaskSpec(x_shape=(1, 8, 8), y_dim=2))
    >>> state = RelationNet().adapt(net, Examples(torch.randn(4, 1, 8, 8), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> state.shape, RelationNet().predict(net, state, torch.randn(7, 1, 8, 8)).shape
    (torch.Size([2, 4, 6, 6]), torch.Size([7, 2]))
    """

    reference = "Sung, Yang, Zhang, Xiang, Torr & Hospedales, 2018, arXiv:1711.06025"
    summary = "a learned comparison of the feature maps of a query and of a class"
    cost = Cost("feed-forward", "E_T (r_c(x) - 1[x is of c])² on Q x classes,  r_c = σ(g([Σ_{S of c} f, f(x)]))")
    outer = Outer(optimizer="adam", lr=1e-3)
    needs_training = "its comparison of two examples is learned"
    network = "conv4-maps"
    meta_batch = 1
    any_ways = True
    kinds = ("classification",)
    recipes = (
        _recipe(5, 1, 19, "99.6 ± 0.2"),
        _recipe(5, 5, 15, "99.8 ± 0.1"),
        _recipe(20, 1, 10, "97.6 ± 0.2"),
        _recipe(20, 5, 5, "99.1 ± 0.1"),
    )
    exceptions: ClassVar = {
        "inductive": "the batch norm of the comparison uses all pairs, as in the authors' code",
        "padding": "the batch norm of the comparison includes padding queries (padding support changes nothing)",
    }

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, which should give feature maps, and the comparison network."""
        return _RelationNetwork(backbone, *map_shape(backbone, spec))

    def adapt(self, net: nn.Module, support: Examples) -> Tensor:
        maps = _relation_network(net).maps(support.x)
        return torch.einsum("nw,nchi->wchi", support.y.to(maps.dtype), maps)  # [ways, C, H, W]

    def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
        """Logarithms of the relation scores, ``[m, ways]``."""
        network = _relation_network(net)
        return F.logsigmoid(network.compare(state, network.maps(x)))  # [m, ways]

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The squared error of the relation scores."""
        logits = self.predict(net, self.adapt(net, task.support), task.query.x)
        error = (logits.exp() - task.query.y.to(logits.dtype)).square().mean(-1)
        return mean_of_rows(error, task.query.y), metrics(logits, task.query.y)

    def training_sizes(self, test: Sizes) -> Sizes:
        """19 queries per class for one shot, 15 for more shots, as in the authors' code for five ways."""
        return replace(test, queries=19 if test.shots == 1 else 15)
