"""SimpleShot: ordinary training, then the nearest class mean (Wang, Chao, Weinberger & van der Maaten, 2019, arXiv:1911.04623).

Features f and a linear head minimise the cross-entropy of ordinary mini-batches of all training classes. On a new task the
head is dropped, and features are transformed (``transform``):

    un:    f(x)             l2n:   f(x) / ||f(x)||             cl2n:  (f(x) - m) / ||f(x) - m||,

with m the mean feature of the training classes. A class is the mean c_k of its transformed support; the logits of a query
are -||t(x) - c_k||², so the nearest mean wins.

Deviations from the paper:
- m is not computed in a pass over the training set at the end, which no method here gets to see. It is a weight beside the
  network, and the cost has the term 1/2 ||m - sg(mean feature of the mini-batch)||² / 100 with sg taken as constant: its
  gradient moves m alone, and makes it a running mean (under SGD of rate r exactly m <- (1 - r) m + r mean). The weight is
  m / 10, which is where the 100 comes from: Adam takes steps of its rate whatever the gradient, and m has further to go
  than other weights have.
- Adam at 1e-3 with mini-batches of 80 (those of ``finetune``); there SGD at 0.1 with mini-batches of 256, for 90 epochs.
- Batch norm uses the statistics of the set at hand, there running ones on a new task. No augmentation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, require_choice
from ...core.cost import Cost
from ...core.geometry import class_means, sq_distances, unit
from ...core.inner.wrapper import Beside, built_as
from ...core.network import feature_size, with_head
from ...core.objectives import Metrics, metrics
from ...core.task import Examples, Task, TaskSpec, pooled

_UNIT = 10.0  # the mean is kept as a multiple of this


class _WithMean(Beside):
    """The network with its head, and the mean feature of what it was trained on."""

    def __init__(self, net: nn.Module, features: int) -> None:
        super().__init__(net)
        self.mean = nn.Parameter(torch.zeros(features))

    def features(self, x: Tensor) -> Tensor:
        z: Tensor = self.net.get_submodule("backbone")(x)
        return z


def _parts(net: nn.Module) -> _WithMean:
    return built_as(_WithMean, net, "simpleshot: takes the network that its build made")


@dataclass(frozen=True, kw_only=True)
class SimpleShot(Algorithm[Tensor], name="simpleshot"):
    """SimpleShot: train on all training classes jointly, then the nearest class mean of centred, normalised features wins.

    State: the class means, [ways, features].

    As quick on a new task as ProtoNet, for any number of classes, and trained without episodes: the baseline of the metric
    methods.

    >>> net = SimpleShot().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=100))
    >>> SimpleShot().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2))).shape
    torch.Size([2, 3])
    """

    reference = "Wang, Chao, Weinberger & van der Maaten, 2019, arXiv:1911.04623"
    summary = "baseline: joint training, then the nearest class mean of centred, normalised features"
    cost = Cost("no adaptation", "L(θ) on all training classes at once; 1/2 ||m - sg(mean f)||² for the mean m")
    network = "conv4-pool"
    meta_batch = 1
    any_ways = True
    joint = True
    kinds = ("classification",)
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences": "the term that pulls the mean holds the features constant"
    }

    transform: Literal["un", "l2n", "cl2n"] = "cl2n"
    """what is done to features: nothing, L2 normalisation, or centring by the training mean before it"""

    def __post_init__(self) -> None:
        require_choice(self, "transform", ("un", "l2n", "cl2n"))

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, a linear head for the training classes, and the mean feature."""
        return _WithMean(with_head(backbone, spec), feature_size(backbone, spec))

    def adapt(self, net: nn.Module, support: Examples) -> Tensor:
        return class_means(self._transformed(net, support.x), support.y)

    def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
        return -sq_distances(self._transformed(net, x), state)  # [m, ways]

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The loss of the network as it is on a mini-batch of all classes, and the pull on the mean."""
        parts, (x, y) = _parts(net), pooled(task)
        z = parts.features(x)
        measured = metrics(parts.net.get_submodule("head")(z), y)
        real = y.any(-1).to(z.dtype)  # [n]; the rest is padding
        mean = (real @ z.detach()) / real.sum().clamp_min(1)
        return measured["loss"] + (parts.mean - mean / _UNIT).square().sum() / 2, measured

    def _transformed(self, net: nn.Module, x: Tensor) -> Tensor:
        parts = _parts(net)
        z = parts.features(x)
        if self.transform == "cl2n":
            z = z - _UNIT * parts.mean
        return z if self.transform == "un" else unit(z)
