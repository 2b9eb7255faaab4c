"""Ordinary training on all training data, then fine-tuning: the baseline that every method must beat.

Classification: one network, with one output per training class, is trained on mini-batches of all classes. On a new task a
head of zeros replaces its head, and the whole network is trained on the support set. Regression: one network is trained on
the pooled points of all tasks ("pretraining" in arXiv:1703.03400), then on the support set.

The inner loop is Reptile's. The two methods differ in two things: how they find the initial weights, and Adam's second
moment, which starts at zero here and is learned in Reptile.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from ...core.algorithm import Algorithm, require_choice, require_positive
from ...core.cost import Cost
from ...core.inner.descent import Params, descend, examples_loss, forward, inner_optimizer, last, trainable
from ...core.inner.minibatches import minibatches
from ...core.objectives import Metrics, metrics
from ...core.task import Examples, Task, kind_of, pool_examples


@dataclass(frozen=True, kw_only=True)
class Finetune(Algorithm[Params], name="finetune"):
    """Finetune: train on all training classes jointly, then adapt to the new ones.

    State: the fast weights. For classification they include a new head with one output per way.

    Use it if new tasks have many examples. Compare every other method with it.

    >>> net = Finetune().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=100))
    >>> fast = Finetune().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> tuple(fast["head.weight"].shape)
    (2, 3)
    """

    reference = "baseline; the pretraining of Finn, Abbeel & Levine, 2017, arXiv:1703.03400, section 5.1"
    summary = "baseline: train on all training classes jointly, then adapt"
    cost = Cost("no adaptation", "L(θ) on all training classes at once")
    network = "conv4"
    meta_batch = 1
    any_ways = True
    joint = True
    exceptions: ClassVar[Mapping[str, str]] = {
        "support_order[mini-batches]": "the order of the rows decides which of them a mini-batch holds",
    }

    inner: Literal["adam", "sgd"] = "adam"
    """optimizer on a new task: Adam with beta1 = 0, or plain SGD"""
    inner_lr: float = 1e-3
    """learning rate on a new task"""
    test_steps: int = 50
    """steps on a new task"""
    test_batch: int = 5
    """examples in a mini-batch on a new task"""

    def __post_init__(self) -> None:
        require_choice(self, "inner", ("adam", "sgd"))
        require_positive(self, "inner_lr", "test_steps", "test_batch")

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        initial = trainable(net)
        if kind_of(support.y) == "classification":
            weight, ways = initial["head.weight"], support.y.shape[1]
            blank = {"head.weight": weight.new_zeros(ways, weight.shape[1]), "head.bias": weight.new_zeros(ways)}
            initial = {**initial, **blank}
        optimizer = inner_optimizer(self.inner, self.inner_lr)
        batches = minibatches(support, self.test_batch, self.test_steps)
        return descend(examples_loss(net), initial, batches, optimizer, first_order=True)

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(net, state, x)

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The loss without adaptation, on a mini-batch of all classes (regression: on the points of a task)."""
        x, y = pool_examples(task)
        measured = metrics(net(x), y)
        return measured["loss"], measured
