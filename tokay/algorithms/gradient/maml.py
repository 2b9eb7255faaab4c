"""Model-agnostic meta-learning (Finn, Abbeel & Levine, 2017, arXiv:1703.03400).

Learns a start θ from which a few gradient steps on the support set do well on the query set:

    φ = θ - α ∇ L(support; θ)   (``inner_steps`` times),      minimise  Σ_tasks L(query; φ)  over θ.

The derivative goes through the inner gradient (``order=2``), or takes it as a constant (``order=1``, "FOMAML").

Deviations from the authors' code: the norm's scale and shift are adapted with all other parameters (there only the
meta-learner trains the shift, and there is no scale); all layers start from Xavier or PyTorch's own initialisation;
training tasks are drawn afresh instead of from a pool of 200,000.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from torch import Tensor, nn

from ...core.algorithm import Algorithm, require_choice, require_positive
from ...core.cost import Cost
from ...core.inner import SGD, Params, descend, examples_loss, forward, last, trainable
from ...core.task import Examples, Kind, Sizes, kind_of

# The published rates on Omniglot are for a loss that is summed over classes; for our mean they are `ways` times larger:
# 0.4 x 5 ways and 0.1 x 20 ways are both 2.0 (miniImageNet's 0.01 x 5 would be 0.05). Sinusoids: 0.01 in the text.
PAPERS_RATE: dict[Kind, float] = {"classification": 2.0, "regression": 0.01}


@dataclass(frozen=True, kw_only=True)
class MAML(Algorithm[Params], name="maml"):
    """MAML: a start from which a few gradient steps solve a task.

    State: the fast weights, one tensor per parameter of the network.

    Prefer ``order=1`` when memory or time is short (it costs about half and is nearly as good), Reptile when there are
    many shots and many inner steps, ProtoNet when tasks are classification and must be learned without gradients.

    >>> net = MAML().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> fast = MAML().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> {name: tuple(p.shape) for name, p in fast.items()}
    {'head.weight': (2, 3), 'head.bias': (2,)}
    """

    reference = "Finn, Abbeel & Levine, 2017, arXiv:1703.03400"
    summary = "a start from which a few gradient steps solve a task (second order; --order 1 for FOMAML)"
    cost = Cost("gradient-based", "E_T L_Q(θ - α ∇L_S(θ))")
    network = "conv4-mean"
    meta_batch = 32
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences[order=1]": "a surrogate: the inner gradients count as constants, which is what FOMAML is",
    }

    inner_lr: float | None = None
    """step size α of the inner steps; the paper's if left out: 2.0 for classes (mean loss), 0.01 for real targets"""
    inner_steps: int = 1
    """inner steps while training"""
    test_steps: int = 3
    """inner steps on a new task"""
    order: Literal[1, 2] = 2
    """2: differentiate through the inner steps; 1: take their gradients as constants (FOMAML)"""

    def __post_init__(self) -> None:
        require_positive(self, "inner_steps", "test_steps")
        if self.inner_lr is not None:
            require_positive(self, "inner_lr")
        require_choice(self, "order", (1, 2))

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:  # noqa: D102
        steps = [support] * self.inner_steps
        lr = self.inner_lr or PAPERS_RATE[kind_of(support.y)]
        return descend(examples_loss(net), trainable(net), steps, SGD(lr), first_order=self.order == 1)

    def adapt(self, net: nn.Module, support: Examples) -> Params:  # noqa: D102
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:  # noqa: D102
        return forward(net, state, x)

    def at_test(self) -> Self:  # noqa: D102
        return replace(self, inner_steps=self.test_steps)

    def training_sizes(self, test: Sizes) -> Sizes:
        """As many queries as shots per class, as in the paper."""
        return replace(test, queries=test.shots)
