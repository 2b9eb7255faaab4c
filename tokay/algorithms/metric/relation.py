"""Relation networks (Sung, Yang, Zhang, Xiang, Torr & Hospedales, 2018, arXiv:1711.06025).

Learns the comparison as well as the embedding: f gives feature maps, the maps of a class are added up, laid on those of
the query channel by channel, and a small convolutional network g scores the pair:

    r_c(x) = σ( g( [Σ_{i in c} f(x_i), f(x)] ) ),

minimising the mean of (r_c(x) - 1[x is of c])² over queries and classes. g is two blocks (3x3 convolution of 64 filters,
batch norm, ReLU, 2x2 max-pooling), a layer of 8 with ReLU and one score.

``predict`` gives log r. Where the squared error is smallest, r_c(x) is the probability of c given x; so the softmax of
log r, which is r / Σ_c r, is the prediction, and the cross-entropy that reports show is its. The largest is r's largest.

As in the authors' code batch norm uses the statistics of the set at hand, training and testing: in g, of all pairs of a
query and a class. An answer therefore depends on the other queries (transductive), whatever the backbone.

Deviations from the authors' code:
- One gradient norm is clipped, there that of f and that of g each; the default clips none (the recipes do, at 0.5). The
  rate stays at 1e-3 (in the recipes it falls to 0 in a line), there it halves every 100,000 episodes.
- Every class is rotated by itself, there all of an episode alike.
- f starts as Xavier says, there (and in g here) at N(0, 2 / (9 · filters)); norms undo the scale. Dense layers start at
  N(0, 0.01²) with biases of 1. A convolution in front of a norm has no bias, which the norm would take away.
- Maps that have shrunk to one position, and features that never had one, are compared by 1x1 convolutions, unpooled.
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer
from ...core.cost import Cost
from ...core.inner.wrapper import built_as
from ...core.network import map_shape
from ...core.objectives import Metrics, mean_of_rows, metrics
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Sizes, Task, TaskSpec

_FILTERS, _HIDDEN = 64, 8


def _halved(height: int, width: int) -> tuple[int, int]:
    """The size of maps after a block: those of one position stay."""
    return (height // 2, width // 2) if min(height, width) > 1 else (height, width)


def _block(channels: int, height: int, width: int) -> tuple[nn.Conv2d, nn.Sequential]:
    """A convolution of maps of this size, and what follows it."""
    wide = min(height, width) > 1
    convolution = nn.Conv2d(channels, _FILTERS, 3 if wide else 1, padding="same", bias=False)
    nn.init.normal_(convolution.weight, 0.0, math.sqrt(2 / (math.prod(convolution.kernel_size) * _FILTERS)))
    norm = nn.BatchNorm2d(_FILTERS, track_running_stats=False)
    return convolution, nn.Sequential(norm, nn.MaxPool2d(2) if wide else nn.Identity(), nn.ReLU())


class _Related(nn.Module):
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
        """What the backbone makes of ``x``: [n, C, H, W], where it gives features with one position."""
        found: Tensor = self.backbone(x)
        return found if found.ndim == 4 else found[..., None, None]

    def compare(self, classes: Tensor, queries: Tensor) -> Tensor:
        """The score before its sigmoid [m, ways] of ``queries`` [m, C, H, W] with ``classes`` [ways, C, H, W]."""
        # The convolution of two maps laid on each other is the sum of one of each: no pair need be laid out for it.
        left, right = self.first.weight.chunk(2, 1)
        padding = self.first.padding
        pairs = F.conv2d(queries, right, padding=padding)[:, None] + F.conv2d(classes, left, padding=padding)
        related = self.after_second(self.second(self.after_first(pairs.flatten(0, 1))))  # [m * ways, 64, h, w]
        scores: Tensor = self.score(self.hidden(related.flatten(1)).relu())
        return scores.reshape(len(queries), len(classes))


def _related(net: nn.Module) -> _Related:
    return built_as(_Related, net, "relation: takes the network that its build made")


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
        note="the step that is best on validation classes is kept, there the one that is best on test classes",
    )


@dataclass(frozen=True, kw_only=True)
class RelationNet(Algorithm[Tensor], name="relation"):
    """Relation networks: how alike a query and a class are is itself learned, from their feature maps.

    State: the added maps of each class, [ways, C, H, W].

    Take it when no fixed distance suits: the comparison is learned too. Train it with the shots it is for: maps of a class
    are added, so those of more shots are larger than it knows. Prefer ProtoNet for several numbers of shots, and where an
    answer must not depend on the other queries.

    >>> net = RelationNet().build(nn.Conv2d(1, 4, 3), TaskSpec(x_shape=(1, 8, 8), y_dim=2))
    >>> state = RelationNet().adapt(net, Examples(torch.randn(4, 1, 8, 8), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> state.shape, RelationNet().predict(net, state, torch.randn(7, 1, 8, 8)).shape
    (torch.Size([2, 4, 6, 6]), torch.Size([7, 2]))
    """

    reference = "Sung, Yang, Zhang, Xiang, Torr & Hospedales, 2018, arXiv:1711.06025"
    summary = "a learned comparison of the feature maps of a query and of a class"
    cost = Cost("feed-forward", "E_T (r_c(x) - 1[x is of c])² on Q x classes,  r_c = σ(g([Σ_{S of c} f, f(x)]))")
    outer = Outer(optimizer="adam", lr=1e-3)
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
        "inductive": "the batch norm of the comparison sees all pairs, as in the authors' code",
        "padding": "the batch norm of the comparison sees queries that are padding, too (support that is changes nothing)",
    }

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, which should give feature maps, and the comparison."""
        return _Related(backbone, *map_shape(backbone, spec))

    def adapt(self, net: nn.Module, support: Examples) -> Tensor:
        maps = _related(net).maps(support.x)
        return torch.einsum("nw,nchi->wchi", support.y.to(maps.dtype), maps)  # [ways, C, H, W]

    def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
        """The logarithms of the relation scores."""
        related = _related(net)
        return F.logsigmoid(related.compare(state, related.maps(x)))  # [m, ways]

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The squared error of the relation scores."""
        logits = self.predict(net, self.adapt(net, task.support), task.query.x)
        error = (logits.exp() - task.query.y.to(logits.dtype)).square().mean(-1)
        return mean_of_rows(error, task.query.y), metrics(logits, task.query.y)

    def training_sizes(self, test: Sizes) -> Sizes:
        """19 queries per class for one shot and 15 for more, as in the authors' code for five ways."""
        return replace(test, queries=19 if test.shots == 1 else 15)
