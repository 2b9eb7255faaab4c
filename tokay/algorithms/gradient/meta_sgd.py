"""Meta-SGD (Li, Zhou, Chen & Li, 2017, arXiv:1707.09835).

Meta-SGD learns initial weights θ *and* a learning rate for every single weight, α. One step then does well on the query
set:

    φ = θ - α ∘ ∇ L(support; θ),      minimise  Σ_tasks L(query; φ)  over θ and α.

α has one number per weight, of either sign, so it sets both the length and the direction of the step. The same
meta-gradient and the same outer optimizer train α and θ. The derivative goes through the inner gradient.

Deviations from the paper: α has the same initial value everywhere, chosen here for mean losses (see ``inner_lr``; the
paper's initial value could not be verified); more than one step is possible, all with the same α (the paper takes one).
Network, meta-batch and number of outer steps are MAML's, as in common implementations.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from ...core.algorithm import require_positive
from ...core.cost import Cost
from ...core.inner.descent import SGD, Params, descend, examples_loss, forward, last, trainable
from ...core.inner.paper_settings import PaperDefaults
from ...core.inner.rates import WithRates, split_rates
from ...core.network import with_head
from ...core.recipe import Check, Recipe
from ...core.task import Examples, TaskSpec


@dataclass(frozen=True, kw_only=True)
class MetaSGD(PaperDefaults, name="meta-sgd"):
    """Meta-SGD: learns initial weights and a learning rate for every weight, so that one step solves a task.

    State: the fast weights, one tensor per parameter of the network.

    On a new task it is as fast as one-step MAML, and its inner loop needs no tuning. It trains twice as many weights,
    so prefer MAML when there are few training tasks. Prefer MAML++ when a task takes several steps.

    >>> net = MetaSGD().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> sum(p.numel() for p in net.parameters()), sum(p.numel() for p in net.net.parameters())
    (16, 8)
    >>> fast = MetaSGD().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> {name: tuple(p.shape) for name, p in fast.items()}
    {'head.weight': (2, 3), 'head.bias': (2,)}
    """

    reference = "Li, Zhou, Chen & Li, 2017, arXiv:1707.09835"
    summary = "MAML in one step, with a learned rate for every weight"
    cost = Cost("gradient-based", "E_T L_Q(θ - α ∘ ∇L_S(θ)),  α learned, one per weight")
    network = "conv4-mean"
    meta_batch = 32
    recipes: ClassVar[tuple[Recipe, ...]] = tuple(
        Recipe(
            name=f"meta-sgd-omniglot-5w{shots}s",
            source="omniglot",
            steps=60_000,
            flags=f"--shots {shots} --queries {shots}",
            checks=(
                Check(
                    name=f"5w{shots}s",
                    tasks=600,
                    published=published,
                    protocol="[T] T-NAS Table 2: random split, transductive; tasks and queries not stated there",
                ),
            ),
            note="Steps, meta-batch and queries are MAML's and α's start is chosen here: the paper's could not be verified.",
        )
        for shots, published in ((1, "99.53 ± 0.26"), (5, "99.93 ± 0.09"))
    )

    inner_lr: float | None = None
    """initial value of every entry of α (default: 0.5 for drawings, 0.01 x ways for photographs, 0.01 for real targets)"""
    inner_steps: int = 1
    """inner steps while training; all steps use the same α"""
    test_steps: int = 1
    """inner steps on a new task"""

    def __post_init__(self) -> None:
        require_positive(self, "inner_lr", "inner_steps", "test_steps")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Returns the backbone with a linear head, and a learned rate for each trainable weight."""
        rate = self.inner_lr or self.usual(spec.kind).inner_lr
        return WithRates(with_head(backbone, spec), lambda p: torch.full_like(p, rate))

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        network, rates = split_rates(net)
        return descend(examples_loss(network), trainable(network), [support] * self.inner_steps, SGD(rates))

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(split_rates(net)[0], state, x)

    def at_test(self) -> Self:
        return replace(self, inner_steps=self.test_steps)
