"""Almost no inner loop (Raghu, Raghu, Bengio & Vinyals, 2020, "Rapid Learning or Feature Reuse?", arXiv:1909.09157).

ANIL is MAML whose inner loop adapts only the head, with the weights θ_h. Only the outer loop trains the body f, with
the weights θ_b:

    φ_h = θ_h - α ∇_{θ_h} L(support; θ_b, θ_h)   (``inner_steps`` times),  minimise  Σ_tasks L(query; θ_b, φ_h)  over θ.

The support set's features f(x) do not change in the inner loop, so they are computed once. The derivative goes through
the inner gradients (second order). It reaches the body in two ways: through the features of the query set and through
those of the support set.

Deviations from the paper:

- The Omniglot settings are MAML's, as the paper says. MAML's published rate is for a loss summed over classes; the loss
  here is a mean, so the rate here is `ways` times larger.
- As in ``maml``, layers start from Xavier's or PyTorch's own initialisation, and every training task is a new sample.
- The paper's NIL (no inner loop, nearest features at test time) is not included.

After training with one inner step, the first few steps on a new task can overshoot before they converge
(``benchmarks/accuracy``, budget-anil-5w).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from torch import Tensor, nn

from ...core.algorithm import require_positive
from ...core.cost import Cost
from ...core.inner.descent import SGD, Params, descend, examples_loss, forward, last, trainable
from ...core.inner.paper_settings import PaperDefaults
from ...core.recipe import Check, Recipe
from ...core.task import Examples, kind_of
from ...errors import NetworkError


@dataclass(frozen=True, kw_only=True)
class ANIL(PaperDefaults, name="anil"):
    """ANIL: MAML that adapts only the last layer (the head) to a new task.

    State: the fast weights of the head, one tensor per parameter, named as in the head.

    Use it when all tasks can share the same features. It is cheaper than MAML: the body runs once on the support set,
    for any number of inner steps. Prefer MAML when tasks need different features.

    Your own network must have parts named ``backbone`` and ``head`` and return ``head(backbone(x))``, as the network
    from ``build`` does.

    >>> net = ANIL().build(nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.Tanh()), TaskSpec(x_shape=(3,), y_dim=2))
    >>> fast = ANIL().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> {name: tuple(p.shape) for name, p in fast.items()}
    {'weight': (2, 4), 'bias': (2,)}
    """

    reference = "Raghu, Raghu, Bengio & Vinyals, 2020, arXiv:1909.09157"
    summary = "MAML whose inner loop adapts only the head"
    cost = Cost("gradient-based", "E_T L_Q(θ_b, θ_h - α ∇_h L_S(θ_b, θ_h)),  θ_b the body, θ_h the head")
    network = "conv4-mean"
    meta_batch = 32
    recipes: ClassVar[tuple[Recipe, ...]] = tuple(
        Recipe(
            name=f"anil-omniglot-20w{shots}s",
            source="omniglot",
            steps=60_000,
            flags=f"--ways 20 --shots {shots} --queries {shots} --inner-steps 5 --test-steps 5 --meta-batch 16",
            checks=(
                Check(
                    name=f"20w{shots}s",
                    tasks=600,
                    published=published,
                    protocol="[P] Table 2, with MAML's settings: random split, rotated test classes, transductive",
                ),
            ),
            note=f"The paper's own MAML stands at {rerun} in the same table. Our characters are other ones of the same "
            "number; the validated best is kept.",
        )
        for shots, published, rerun in ((1, "96.2 ± 0.5", "93.7 ± 0.7"), (5, "98.0 ± 0.3", "96.4 ± 0.1"))
    )

    inner_lr: float | None = None
    """step size α of the inner steps (default: 2.0 for drawings, 0.01 x ways for photographs, 0.1 for real targets)"""
    inner_steps: int | None = None
    """inner steps while training (default: MAML's: 1, or 5 for photographs and for 11 ways or more)"""
    test_steps: int | None = None
    """inner steps on a new task; 20 can be better (default: MAML's: 3, or 10 for photographs, 5 for 11 ways or more)"""

    def __post_init__(self) -> None:
        require_positive(self, "inner_lr", "inner_steps", "test_steps")

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        backbone, head = _parts(net)
        features = Examples(backbone(support.x), support.y)  # [n, features]
        usual = self.usual(kind_of(support.y))
        steps, sgd = self.inner_steps or usual.inner_steps, SGD(self.inner_lr or usual.inner_lr)
        return descend(examples_loss(head), trainable(head), [features] * steps, sgd)

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        backbone, head = _parts(net)
        return forward(head, state, backbone(x))

    def at_test(self) -> Self:
        return replace(self, inner_steps=self.test_steps or self.usual("classification").test_steps)


def _parts(net: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Returns the body and the head. Raises ``NetworkError`` if the network has no parts with these names."""
    parts = dict(net.named_children())
    if "backbone" not in parts or "head" not in parts:
        raise NetworkError(
            "anil: the network must have parts named backbone and head and return head(backbone(x)), "
            f"{type(net).__name__} has {', '.join(parts) or 'no parts'}. Rename its parts, or use maml."
        )
    if not trainable(parts["head"]):
        raise NetworkError(
            "anil: the head must have a trainable weight, because only the head adapts; "
            f"{type(parts['head']).__name__} has none. Unfreeze its weights, or use a head with weights."
        )
    return parts["backbone"], parts["head"]
