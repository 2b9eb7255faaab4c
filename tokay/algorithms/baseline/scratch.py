"""No meta-training: the untrained network, adapted to each task. A lower bound for every method.

The inner loop is Reptile's. The two methods differ only in the initial weights, and in Adam's second moment, which starts
at zero here and is learned in Reptile.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from ...core.algorithm import Algorithm, require_choice, require_positive
from ...core.cost import Cost
from ...core.inner.descent import Params, descend, examples_loss, forward, inner_optimizer, last, trainable
from ...core.inner.minibatches import minibatches
from ...core.task import Examples


@dataclass(frozen=True, kw_only=True)
class Scratch(Algorithm[Params], name="scratch"):
    """Scratch: adapt the untrained network.

    State: the fast weights, one tensor per parameter of the network.

    Use it as a control: a method that is not clearly better has learned nothing.

    >>> net = Scratch().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> fast = Scratch().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> sorted(fast)
    ['head.bias', 'head.weight']
    """

    reference = "baseline: no meta-training"
    summary = "baseline: adapt the untrained network"
    cost = Cost("no adaptation", "none: θ keeps its initial values")
    network = "conv4"
    learns = False
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences": "scratch is never trained, so its inner loop keeps no second derivatives",
        "support_order[mini-batches]": "the order of the rows decides which of them a mini-batch holds",
    }

    inner: Literal["adam", "sgd"] = "adam"
    """optimizer on a task: Adam with beta1 = 0, or plain SGD"""
    inner_lr: float = 1e-3
    """learning rate on a task"""
    test_steps: int = 50
    """steps on a task"""
    test_batch: int = 5
    """examples in a mini-batch"""

    def __post_init__(self) -> None:
        require_choice(self, "inner", ("adam", "sgd"))
        require_positive(self, "inner_lr", "test_steps", "test_batch")

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        optimizer = inner_optimizer(self.inner, self.inner_lr)
        batches = minibatches(support, self.test_batch, self.test_steps)
        return descend(examples_loss(net), trainable(net), batches, optimizer, first_order=True)

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(net, state, x)
