"""Model-agnostic meta-learning (Finn, Abbeel & Levine, 2017, arXiv:1703.03400).

Learns a start θ from which a few gradient steps on the support set do well on the query set:

    φ = θ - α ∇ L(support; θ)   (``inner_steps`` times),      minimise  Σ_tasks L(query; φ)  over θ.

∂φ/∂θ is the product of  I - α ∇²L(support; φ_step)  over the steps (``order=2``); where the inner gradients are taken as
constants every factor is the identity (``order=1``, "FOMAML"). ``backprop_steps`` lies between the two: it keeps the
factors of the last so many steps, and the identity for those before. ``inner_clip`` puts  g min(1, c / ||g||)  for the
inner gradient g, one norm over all weights, and is differentiated like the rest. Both are additions: the paper has
neither (its code clips the meta-gradient on miniImageNet, which is ``--clip-value 10`` here).

Deviations from the authors' code: the norm's scale and shift are adapted with all other parameters (there only the
meta-learner trains the shift, and there is no scale); all layers start from Xavier or PyTorch's own initialisation;
training tasks are drawn afresh instead of from a pool of 200,000.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar, Literal, Self

from torch import Tensor, nn

from ...core.algorithm import Algorithm, require_choice, require_positive
from ...core.cost import Cost
from ...core.inner.descent import SGD, Clipped, Params, descend, examples_loss, forward, last, trainable
from ...core.inner.rates import MAMLS_RATE
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Sizes, kind_of

_NOTE = "the last step is kept, as in the authors' code; its training tasks come from a pool of 200,000"
_PAPERS = "queries per class: {}, transductive batch norm, 600 tasks [P], rotated test classes [C]"
_QUOTED = "transductive, random characters; how many tasks is not said [T] Table 2 of arXiv:1803.02999"


def _omniglot(ways: int, shots: int, second: str, first: str) -> tuple[Recipe, Recipe]:
    """One of the paper's four tasks by MAML and by FOMAML, with the figure of each."""
    task, size = f"omniglot-{ways}w{shots}s", f"--ways {ways} --shots {shots} --validate-every 0"
    more = " --inner-steps 5 --test-steps 5 --meta-batch 16" if ways == 20 else ""
    found = (("maml", "", second, _PAPERS.format(shots)), ("fomaml", " --order 1", first, _QUOTED))
    made = [
        Recipe(
            name=f"{name}-{task}",
            source="omniglot",
            steps=60_000,
            flags=size + more + order,
            checks=(
                Check(
                    name=f"{ways}w{shots}s",
                    flags=f"--queries {shots}",
                    tasks=600,
                    published=figure,
                    protocol=protocol,
                ),
            ),
            note=_NOTE,
        )
        for name, order, figure, protocol in found
    ]
    return made[0], made[1]


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
    recipes = (
        *_omniglot(5, 1, "98.7 ± 0.4", "98.3 ± 0.5"),
        *_omniglot(5, 5, "99.9 ± 0.1", "99.2 ± 0.2"),
        *_omniglot(20, 1, "95.8 ± 0.3", "89.4 ± 0.5"),
        *_omniglot(20, 5, "98.9 ± 0.2", "97.9 ± 0.1"),
        Recipe(
            name="maml-sinusoid",
            source="sinusoid",
            steps=70_000,
            flags="--shots 10 --meta-batch 25 --test-steps 10 --validate-every 0",
            checks=tuple(
                Check(
                    name=f"{points} points, {step} steps",
                    flags=f"--shots {points} --queries 100",
                    step=step,
                    published=figure,
                    protocol="trained with 10 points, Table 2 [P]" if figure else "",
                )
                for points, figures in ((5, ("0.67", "0.38", "0.35")), (10, ("", "", "")))
                for step, figure in zip((1, 5, 10), figures, strict=True)
            ),
            note="the inner rate is the text's 0.01 (the code's default is 0.001); weights start as PyTorch's, not at 0.01. Of "
            "20,000 tasks some diverge in the steps after the first; without the worst in a hundred the means on 5 points are "
            "0.55, 0.39 and 0.33",
        ),
    )
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
    backprop_steps: int | None = None
    """with order 2, differentiate through only the last so many inner steps, to save time and memory; all if left out"""
    inner_clip: float | None = None
    """scale an inner gradient that is longer than this down to it; never if left out"""

    def __post_init__(self) -> None:
        require_positive(self, "inner_lr", "inner_steps", "test_steps", "backprop_steps", "inner_clip")
        require_choice(self, "order", (1, 2))

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        loss, params, sgd = examples_loss(net), trainable(net), SGD(self.inner_lr or MAMLS_RATE[kind_of(support.y)])
        optimizer = sgd if self.inner_clip is None else Clipped(sgd, self.inner_clip)
        through = 0 if self.order == 1 else min(self.backprop_steps or self.inner_steps, self.inner_steps)
        constant = [support] * (self.inner_steps - through)
        for params in descend(loss, params, constant, optimizer, first_order=True):  # noqa: B020 - goes on from the last
            yield params
        yield from islice(descend(loss, params, [support] * through, optimizer), 1, None)

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(net, state, x)

    def at_test(self) -> Self:
        return replace(self, inner_steps=self.test_steps)

    def training_sizes(self, test: Sizes) -> Sizes:
        """As many queries as shots per class, as in the paper."""
        return replace(test, queries=test.shots)
