"""Task-agnostic meta-learning (Jamal & Qi, 2019, arXiv:1805.07722).

MAML, kept from a start θ that already does well on some tasks and thereby less well on others. θ_T is what
``inner_steps`` of gradient descent, θ <- θ - α ∇L_S(θ), make of θ in task T. Two versions:

    entropy:      minimise  E_T [ L_Q(θ_T) + λ (H_Q(θ_T) - H_Q(θ)) ],   H_Q(θ) = mean_x -Σ_k p_k log p_k,  p = f_θ(x),

so that the start is as unsure as can be, and what it becomes is sure; for classes only;

    inequality:   minimise  E_T [ L_Q(θ_T) ] + λ I({L_Q(θ)}_T),

where I measures how unequal the losses *before* adapting are between the tasks of the meta-batch: Theil's index,
generalised entropy, Atkinson's or Gini's index, or the variance of logs (``core/inequality.py`` has the equations).

Deviations from the paper: the entropies and the initial losses are those of the query set, so that one pass over it
serves; all derivatives are second order. Whatever MAML deviates by holds here: norms are adapted with all else and
tasks are drawn afresh. λ is chosen here (the paper chooses it by validation): after 150 steps of 8 Omniglot tasks on 16
filters 0.1 of the entropy, 1 of Theil's and 1 of Gini's index were all as good as MAML, 1 of the entropy was worse.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self, get_args

import torch
from torch import Tensor, nn

from ....core.algorithm import Algorithm, require_choice, require_not_negative, require_positive
from ....core.cost import Cost
from ....core.inner.descent import SGD, Params, descend, examples_loss, forward, last, trainable
from ....core.inner.rates import MAMLS_RATE
from ....core.objectives import Metrics, metrics, objective
from ....core.recipe import Check, Recipe
from ....core.task import Examples, Kind, Sizes, Task, kind_of
from .entropy import entropy
from .inequality import atkinson, generalized_entropy, gini, theil, variance_of_logs

Measure = Literal["entropy", "theil", "generalized-entropy", "atkinson", "gini", "variance-of-logs"]


def _recipe(task: str, flags: str, queries: int) -> Recipe:
    return Recipe(
        name=f"taml-omniglot-{task}",
        source="omniglot",
        steps=60_000,
        flags=flags,
        checks=(Check(name=task, flags=f"--queries {queries}", tasks=600),),
        note="MAML's settings, which the paper reuses; the weight λ is chosen here.",
    )


@dataclass(frozen=True, kw_only=True)
class TAML(Algorithm[Params], name="taml"):
    """TAML: MAML from a start that favours no task, by its entropy or by how unequal its losses are.

    State: the fast weights, one tensor per parameter of the network.

    Prefer it to MAML when test tasks differ from those it trains on. The inequality needs a meta-batch of several
    tasks; with one it is MAML. ``weight=0`` is MAML, which costs less.

    >>> net = TAML().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> support = Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2))
    >>> cost, _ = TAML(measure="gini").loss(net, Task(support, support))
    >>> cost.shape  # the query loss after adapting, and before
    torch.Size([2])
    """

    reference = "Jamal & Qi, 2019, arXiv:1805.07722"
    summary = "MAML from a start that favours no task: as unsure as can be, or equally good at all of them"
    cost = Cost("information-theoretic", "E_T [L_Q(θ_T) + λ (H_Q(θ_T) - H_Q(θ))],  or  E_T L_Q(θ_T) + λ I({L_Q(θ)}_T)")
    network = "conv4-mean"
    meta_batch = 32
    recipes = (
        _recipe("5w1s", "", 1),
        _recipe("5w5s", "--shots 5", 5),
        _recipe("20w1s", "--ways 20 --inner-steps 5 --test-steps 5 --meta-batch 16", 1),
        _recipe("20w5s", "--ways 20 --shots 5 --inner-steps 5 --test-steps 5 --meta-batch 16", 5),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "refuses[weight=0]": "without the term it is MAML",
    }

    measure: Measure = "entropy"
    """the term beside the loss: entropy of the predictions, or an index of how unequal the initial losses are"""
    weight: float = 0.1
    """λ, how much it counts beside the query loss"""
    alpha: float = 2.0
    """of generalized-entropy: a larger one weighs the largest losses more (1: theil)"""
    epsilon: float = 0.5
    """of atkinson: a larger one weighs the smallest losses more"""
    inner_lr: float | None = None
    """step size α of the inner steps; MAML's if left out: 2.0 for classes (mean loss), 0.01 for real targets"""
    inner_steps: int = 1
    """inner steps while training"""
    test_steps: int = 3
    """inner steps on a new task"""

    def __post_init__(self) -> None:
        require_choice(self, "measure", get_args(Measure))
        require_not_negative(self, "weight")
        require_positive(self, "inner_lr", "alpha", "epsilon", "inner_steps", "test_steps")

    def takes(self) -> tuple[Kind, ...]:
        """Real targets have no entropy; losses of any kind can be unequal."""
        return ("classification",) if self.measure == "entropy" else self.kinds

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        lr = self.inner_lr or MAMLS_RATE[kind_of(support.y)]
        return descend(examples_loss(net), trainable(net), [support] * self.inner_steps, SGD(lr))

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(net, state, x)

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """With the entropy, one task's cost. Otherwise the query losses after and before adapting, for ``reduce``."""
        (x, y), adapted = task.query, self.adapt(net, task.support)
        before, after = net(x), self.predict(net, adapted, x)
        measured = metrics(after, y)
        if self.measure == "entropy":
            return measured["loss"] + self.weight * (entropy(after, y) - entropy(before, y)), measured
        return torch.stack([measured["loss"], objective(before, y)]), measured

    def reduce(self, losses: Tensor) -> Tensor:
        """The mean of ``[tasks]``; or of the losses after adapting in ``[tasks, 2]``, and λ I of those before."""
        if self.measure == "entropy":
            return losses.mean()
        after, before = losses.unbind(-1)
        return after.mean() + self.weight * self._inequality(before)

    def _inequality(self, losses: Tensor) -> Tensor:
        match self.measure:
            case "theil":
                return theil(losses)
            case "generalized-entropy":
                return generalized_entropy(losses, self.alpha)
            case "atkinson":
                return atkinson(losses, self.epsilon)
            case "gini":
                return gini(losses)
            case _:
                return variance_of_logs(losses)

    def at_test(self) -> Self:
        return replace(self, inner_steps=self.test_steps)

    def training_sizes(self, test: Sizes) -> Sizes:
        """As many queries as shots per class, as in MAML."""
        return replace(test, queries=test.shots)
