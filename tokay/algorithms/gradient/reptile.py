"""Reptile (Nichol, Achiam & Schulman, 2018, arXiv:1803.02999).

Learns a start θ that is close to what each task is solved with: θ_T, the parameters after ``inner_steps`` inner steps.

    θ <- θ + ε mean_T (θ_T - θ)

That is a step of plain SGD with rate ε on the performance-based cost  1/2 mean_T ||θ - sg(θ_T)||²,  where sg stops
the gradient; ε goes from 1 to 0 over the run. The serial version is a meta-batch of one.

The inner Adam's second moment v is not reset between tasks in the authors' code, and that matters (it is worth several
points of accuracy at a short budget). Here it is a meta-weight that learns by the same rule, v <- v + ε mean_T (v_T - v).

Deviations from the authors' code: the tasks of a meta-batch are solved side by side, from one θ and one v (there v runs
on from task to task, and is never slowed by ε); the norm layers' shift and scale start at 0 and 1 as usual.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, Outer, require_choice, require_positive
from ...core.cost import Cost
from ...core.inner import Moments, Params, examples_loss, forward, inner_optimizer, last, optimize, trainable
from ...core.minibatches import minibatches
from ...core.moments import WithMoments, not_negative, split_moments
from ...core.network import with_head
from ...core.objectives import Metrics, metrics
from ...core.task import Examples, Sizes, Task, TaskSpec


@dataclass(frozen=True, kw_only=True)
class Reptile(Algorithm[Params], name="reptile"):
    """Reptile: move the start towards where ordinary training on each task ends.

    State: the fast weights, one tensor per parameter of the network.

    Needs no second derivative and no query set while it trains, so it takes many inner steps in little memory.
    Prefer MAML when one or two steps must do.

    >>> net = Reptile().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> support = Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2))
    >>> cost, measured = Reptile().loss(net, Task(support, support))
    >>> sorted(measured)
    ['accuracy', 'loss']
    """

    reference = "Nichol, Achiam & Schulman, 2018, arXiv:1803.02999"
    summary = "move the start towards where ordinary training on each task ends"
    cost = Cost("performance-based", "E_T 1/2 ||θ - sg(θ_T)||²,  θ_T after many steps on S")
    outer = Outer(optimizer="sgd", lr=1.0, schedule="linear")
    network = "conv4"
    meta_batch = 5
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences": "a surrogate: where a task ends counts as a constant, though it moves with the start",
    }

    inner: Literal["adam", "sgd"] = "adam"
    """inner optimizer: Adam with beta1 = 0, or plain SGD"""
    inner_lr: float = 1e-3
    """inner learning rate (paper: 1e-3 for 5-way, 5e-4 for 20-way Omniglot)"""
    inner_steps: int = 5
    """inner steps while training"""
    inner_batch: int = 10
    """examples in an inner mini-batch while training"""
    test_steps: int = 50
    """inner steps on a new task"""
    test_batch: int = 5
    """examples in an inner mini-batch on a new task"""

    def __post_init__(self) -> None:
        require_choice(self, "inner", ("adam", "sgd"))
        require_positive(self, "inner_lr", "inner_steps", "inner_batch", "test_steps", "test_batch")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Backbone, linear head, and the second moments that Adam starts from."""
        net = with_head(backbone, spec)
        return WithMoments(net) if self.inner == "adam" else net

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:  # noqa: D102
        return (params for params, _ in self._solve(net, support))

    def adapt(self, net: nn.Module, support: Examples) -> Params:  # noqa: D102
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:  # noqa: D102
        return forward(split_moments(net)[0], state, x)

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """1/2 ||θ - sg(θ_T)||², and the same for v: the gradient is θ - θ_T.

        What is reported is the query loss, which is not trained on.
        """
        with torch.no_grad():
            adapted, moments = last(self._solve(net, task.support))
            measured = metrics(self.predict(net, adapted, task.query.x), task.query.y)
        network, start = split_moments(net)
        pairs = [(p, adapted[name]) for name, p in trainable(network).items()]
        pairs += [(v, moments.second[name]) for name, v in start.second.items() if name in adapted]
        if isinstance(start.seen, Tensor):
            pairs.append((start.seen, torch.as_tensor(moments.seen)))
        return torch.stack([(here - there).square().sum() for here, there in pairs]).sum() / 2, measured

    def _solve(self, net: nn.Module, support: Examples) -> Iterator[tuple[Params, Moments]]:
        network, moments = split_moments(net)
        return optimize(
            examples_loss(network),
            trainable(network),
            minibatches(support, self.inner_batch, self.inner_steps),
            inner_optimizer(self.inner, self.inner_lr),
            first_order=True,
            moments=not_negative(moments),
        )

    def at_test(self) -> Self:  # noqa: D102
        return replace(self, inner_steps=self.test_steps, inner_batch=self.test_batch)

    def training_sizes(self, test: Sizes) -> Sizes:
        """Ten shots per class whatever the test has, as in the paper; one query, for the report only."""
        return replace(test, shots=10, queries=1)
