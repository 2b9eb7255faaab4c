"""Baseline++: a cosine classifier, first for all training classes, then for the new ones (Chen et al., 2019, arXiv:1904.04232).

    logit_k = s g_k cos(f(x), v_k)        (v_k: direction of class k, g_k: its length, s: scale)

Training: f, v and g minimise the cross-entropy of ordinary mini-batches of all training classes. On a new task f is frozen,
and SGD trains new v and g on the support set. The settings are those of the authors' code for Omniglot. Training: Adam,
mini-batches of 16. New task: 100 rounds through the support set in mini-batches of 4, momentum and dampening of 0.9 (a
running mean of gradients), weight decay. s = 2 for up to 200 classes, 10 for more. The lengths g are learned, as in that
code; the text of the paper has plain cosines.

Deviations from the authors' code:
- Batch norm uses the statistics of the current set; their code uses running statistics on a new task, as ``--norm running``
  does.
- The new directions start from normal noise; their code uses uniform noise of the same variance. The noise of a class
  depends only on its examples and on the task, so the same task always gives the same result.
- A mini-batch may span two rounds; in their code the last mini-batch of a round is smaller. The number of steps is equal.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from ....core.algorithm import Algorithm, require_not_negative, require_positive
from ....core.cost import Cost
from ....core.inner.descent import SGD, Params, descend, dot, last
from ....core.inner.minibatches import minibatches
from ....core.network import feature_size
from ....core.objectives import Metrics, cross_entropy, metrics
from ....core.probability.gaussians import class_noise
from ....core.task import Examples, Sizes, Task, TaskSpec, pool_examples
from .cosine_head import CosineHead, cosine_logits

_MANY_CLASSES = 200  # above this the default scale is 10
_MOMENTUM = 0.9  # also the dampening


@dataclass(frozen=True, kw_only=True)
class BaselinePlusPlus(Algorithm[Params], name="baseline++"):
    """Baseline++: train on all training classes jointly with a cosine classifier, then train a new one on frozen features.

    State: the new classifier: directions [ways, features] and lengths [ways].

    Prefer it to ``finetune`` for few shots: the features do not change. It takes any number of classes.

    >>> net = BaselinePlusPlus().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=100))
    >>> state = BaselinePlusPlus().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> {name: tuple(p.shape) for name, p in state.items()}
    {'direction': (2, 3), 'length': (2,)}
    """

    reference = "Chen, Liu, Kira, Wang & Huang, 2019, arXiv:1904.04232"
    summary = "baseline: joint training with a cosine classifier, then a new one on frozen features"
    cost = Cost("no adaptation", "L(θ) of a cosine classifier on all training classes at once")
    network = "conv4-pool"
    meta_batch = 1
    any_ways = True
    compares_inputs = True
    joint = True
    kinds = ("classification",)
    exceptions: ClassVar[Mapping[str, str]] = {
        "refuses[weight_decay=0]": "0 turns weight decay off",
        "support_order[mini-batches]": "the order of the rows decides which of them a mini-batch holds",
    }

    scale: float | None = None
    """factor on cosines (default: 2, or 10 for more than 200 classes)"""
    inner_lr: float = 0.01
    """learning rate on a new task"""
    test_rounds: int = 100
    """rounds through the support set of a new task"""
    test_batch: int = 4
    """examples in a mini-batch on a new task"""
    weight_decay: float = 1e-3
    """weight decay on a new task"""

    def __post_init__(self) -> None:
        require_positive(self, "scale", "inner_lr", "test_rounds", "test_batch")
        require_not_negative(self, "weight_decay")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """The backbone and a cosine classifier."""
        head = CosineHead(feature_size(backbone, spec), spec.y_dim, self._scale(spec.y_dim))
        return nn.Sequential(OrderedDict(backbone=backbone, head=head))

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        with torch.no_grad():
            z = net.get_submodule("backbone")(support.x)  # [n, features]
        features, ways = z.shape[1], support.y.shape[1]
        direction = class_noise(support, (features,), like=z) / math.sqrt(3 * features)
        initial = {"direction": direction, "length": torch.linalg.vector_norm(direction, dim=1)}
        steps = self.test_rounds * -(-len(z) // self.test_batch)
        optimizer = SGD(self.inner_lr, _MOMENTUM, dampening=_MOMENTUM)

        def loss(head: Params, batch: Examples) -> Tensor:
            decay = self.weight_decay / 2 * dot(head, head)
            return cross_entropy(cosine_logits(batch.x, head, self._scale(ways)), batch.y) + decay

        batches = minibatches(Examples(z, support.y), self.test_batch, steps)
        return descend(loss, initial, batches, optimizer, first_order=True)

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return cosine_logits(net.get_submodule("backbone")(x), state, self._scale(len(state["length"])))

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The loss without adaptation, on a mini-batch of all classes."""
        x, y = pool_examples(task)
        measured = metrics(net(x), y)
        return measured["loss"], measured

    def training_sizes(self, test: Sizes) -> Sizes:
        """Mini-batches of 16, as in the authors' code."""
        return replace(test, ways=1, shots=1, queries=15)

    def _scale(self, classes: int) -> float:
        return self.scale or (10.0 if classes > _MANY_CLASSES else 2.0)
