"""Task-agnostic meta-learning (Jamal & Qi, 2019, arXiv:1805.07722).

TAML is MAML with one more term. Initial weights θ that already do well on some tasks do less well on others; the term
prevents that. θ_T are the weights of task T after ``inner_steps`` of gradient descent, θ <- θ - α ∇L_S(θ). There are
two versions:

    entropy:      minimise  E_T [ L_Q(θ_T) + λ (H_Q(θ_T) - H_Q(θ)) ],   H_Q(θ) = mean_x -Σ_k p_k log p_k,  p = f_θ(x),

which makes the predictions uncertain before adapting and certain after it (for classes only);

    inequality:   minimise  E_T [ L_Q(θ_T) ] + λ I({L_Q(θ)}_T),

where I measures how unequal the losses *before* adapting are between the tasks of the meta-batch: Theil's index,
generalised entropy, Atkinson's or Gini's index, or the variance of logs (``inequality.py`` has the equations).

Deviations from the paper: the entropies and the initial losses are those of the query set, so that one pass over it is
enough; all derivatives are second order. The deviations of ``maml`` hold here too: the norms adapt like all other
weights, and every training task is a new sample. λ = 0.1 was chosen here by short runs on Omniglot (the paper chooses
it by validation); a larger λ made the entropy version worse.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self, get_args

import torch
from torch import Tensor, nn

from ....core.algorithm import require_choice, require_not_negative, require_positive
from ....core.cost import Cost
from ....core.inner.descent import SGD, Params, descend, examples_loss, forward, last, trainable
from ....core.inner.paper_settings import PaperDefaults
from ....core.objectives import Metrics, metrics, objective
from ....core.recipe import Check, Recipe
from ....core.task import Examples, Kind, Task, kind_of
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
class TAML(PaperDefaults, name="taml"):
    """TAML: MAML with initial weights that favour no task, by an entropy term or an inequality term.

    State: the fast weights, one tensor per parameter of the network.

    Prefer it to MAML when test tasks differ from the training tasks. The inequality versions need a meta-batch of
    several tasks; with one task they equal MAML. With ``weight=0`` it is MAML too; MAML itself costs less.

    >>> net = TAML().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> support = Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2))
    >>> cost, _ = TAML(measure="gini").loss(net, Task(support, support))
    >>> cost.shape  # the query losses after and before adapting
    torch.Size([2])
    """

    reference = "Jamal & Qi, 2019, arXiv:1805.07722"
    summary = "MAML with initial weights that favour no task: uncertain at first, or equally good at all tasks"
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
        "refuses[weight=0]": "0 turns the term off: MAML",
    }

    measure: Measure = "entropy"
    """term added to the loss: the entropy of the predictions, or an index of inequality of the initial losses"""
    weight: float = 0.1
    """λ, weight of the added term"""
    alpha: float = 2.0
    """for generalized-entropy: a larger value weighs large losses more (1: theil)"""
    epsilon: float = 0.5
    """for atkinson: a larger value weighs small losses more"""
    inner_lr: float | None = None
    """step size α of the inner steps (default: 2.0 for drawings, 0.01 x ways for photographs, 0.01 for real targets)"""
    inner_steps: int | None = None
    """inner steps while training (default: MAML's: 1, or 5 for photographs and for 11 ways or more)"""
    test_steps: int | None = None
    """inner steps on a new task (default: MAML's: 3, or 10 for photographs, 5 for 11 ways or more)"""

    def __post_init__(self) -> None:
        require_choice(self, "measure", get_args(Measure))
        require_not_negative(self, "weight")
        require_positive(self, "inner_lr", "alpha", "epsilon", "inner_steps", "test_steps")

    def takes(self) -> tuple[Kind, ...]:
        """The kinds of tasks it can learn: the entropy needs classes, the inequality measures work with any loss."""
        return ("classification",) if self.measure == "entropy" else self.kinds

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        usual = self.usual(kind_of(support.y))
        steps, sgd = self.inner_steps or usual.inner_steps, SGD(self.inner_lr or usual.inner_lr)
        return descend(examples_loss(net), trainable(net), [support] * steps, sgd)

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(net, state, x)

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """For the entropy: the cost of one task. Otherwise: the query losses after and before adapting."""
        (x, y), adapted = task.query, self.adapt(net, task.support)
        initial_outputs, adapted_outputs = net(x), self.predict(net, adapted, x)
        report = metrics(adapted_outputs, y)
        if self.measure == "entropy":
            return report["loss"] + self.weight * (entropy(adapted_outputs, y) - entropy(initial_outputs, y)), report
        return torch.stack([report["loss"], objective(initial_outputs, y)]), report

    def reduce(self, losses: Tensor) -> Tensor:
        """For the entropy: the mean of ``[tasks]``. Otherwise, from ``[tasks, 2]``: mean(adapted) + λ I(initial)."""
        if self.measure == "entropy":
            return losses.mean()
        adapted, initial = losses.unbind(-1)
        return adapted.mean() + self.weight * self._inequality(initial)

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
        return replace(self, inner_steps=self.test_steps or self.usual("classification").test_steps)
