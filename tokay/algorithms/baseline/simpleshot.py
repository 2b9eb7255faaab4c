"""SimpleShot: ordinary training, then the nearest class mean (Wang, Chao, Weinberger & van der Maaten, 2019, arXiv:1911.04623).

Features f and a linear head minimise the cross-entropy of ordinary mini-batches of all training classes. A new task does
not use the head. It uses transformed features t(x), where ``transform`` names the formula:

    un:    f(x)             l2n:   f(x) / ||f(x)||             cl2n:  (f(x) - m) / ||f(x) - m||,

m is the mean feature of the training classes. c_k is the mean of the transformed support examples of class k. The logits of
a query are -||t(x) - c_k||², so the nearest mean wins.

Deviations from the paper:
- The paper computes m in a pass over the training set at the end. No method here sees the whole training set, so m is a
  weight. The loss has an extra term, 1/2 ||m - sg(mean feature of the mini-batch)||² / 100, where sg stops the gradient. The
  term moves only m, and makes it a running mean (with SGD at rate r exactly m <- (1 - r) m + r mean). The stored weight is
  m / 10, hence the 100: Adam's step size does not depend on the gradient's size, and m must move further than other weights.
- Adam at 1e-3 with mini-batches of 80, like ``finetune``. The paper uses SGD at 0.1 with mini-batches of 256, for 90 epochs.
- Batch norm uses the statistics of the current set; the paper uses running statistics on a new task, as ``--norm running``
  does. No augmentation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, require_choice
from ...core.cost import Cost
from ...core.geometry import class_means, sq_distances, unit
from ...core.inner.wrapper import Wrapper
from ...core.network import feature_size, require_network, with_head
from ...core.objectives import Metrics, metrics
from ...core.task import Examples, Task, TaskSpec, pool_examples

_MEAN_UNIT = 10.0  # the stored weight is the mean divided by this


class _WithMean(Wrapper):
    """The network with its head, and the mean feature of the training classes (divided by 10)."""

    def __init__(self, net: nn.Module, features: int) -> None:
        super().__init__(net)
        self.mean = nn.Parameter(torch.zeros(features))

    def features(self, x: Tensor) -> Tensor:
        z: Tensor = self.net.get_submodule("backbone")(x)
        return z


def _parts(net: nn.Module) -> _WithMean:
    return require_network(_WithMean, net, "simpleshot: `net` must come from SimpleShot().build(...)")


@dataclass(frozen=True, kw_only=True)
class SimpleShot(Algorithm[Tensor], name="simpleshot"):
    """SimpleShot: train on all training classes jointly, then the nearest class mean of centred, normalised features wins.

    State: the class means, [ways, features].

    The baseline of the metric methods. It adapts as fast as ProtoNet and takes any number of classes, but it is trained
    without episodes.

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
    class_means = True
    compares_inputs = True
    joint = True
    kinds = ("classification",)
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences": "the loss term of the mean stops the gradient to the features"
    }

    transform: Literal["un", "l2n", "cl2n"] = "cl2n"
    """transform of features: none, L2 normalisation, or centring by the training mean and then L2 normalisation"""

    def __post_init__(self) -> None:
        require_choice(self, "transform", ("un", "l2n", "cl2n"))

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone, a linear head for the training classes, and the mean feature, which starts at 0."""
        return _WithMean(with_head(backbone, spec), feature_size(backbone, spec))

    def adapt(self, net: nn.Module, support: Examples) -> Tensor:
        return class_means(self._features(net, support.x), support.y)

    def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
        return -sq_distances(self._features(net, x), state)  # [m, ways]

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The loss without adaptation on a mini-batch of all classes, plus the term that moves the mean."""
        parts, (x, y) = _parts(net), pool_examples(task)
        z = parts.features(x)
        measured = metrics(parts.net.get_submodule("head")(z), y)
        real = y.any(-1).to(z.dtype)  # [n], 0 for padding
        mean = (real @ z.detach()) / real.sum().clamp_min(1)
        return measured["loss"] + (parts.mean - mean / _MEAN_UNIT).square().sum() / 2, measured

    def _features(self, net: nn.Module, x: Tensor) -> Tensor:
        parts = _parts(net)
        z = parts.features(x)
        if self.transform == "cl2n":
            z = z - _MEAN_UNIT * parts.mean
        return z if self.transform == "un" else unit(z)
