"""Model-agnostic meta-learning (Finn, Abbeel & Levine, 2017, arXiv:1703.03400).

MAML learns initial weights θ. A few gradient steps on the support set then give weights that do well on the query set:

    φ = θ - α ∇ L(support; θ)   (``inner_steps`` times),      minimise  Σ_tasks L(query; φ)  over θ.

∂φ/∂θ is the product of  I - α ∇²L(support; φ_step)  over the steps (``order=2``). With ``order=1`` ("FOMAML") the inner
gradients count as constants, so every factor is the identity.

Two additions are not in the paper:

- ``backprop_steps`` lies between the two orders: the last ``backprop_steps`` steps keep their factors, and all earlier
  steps have the identity.
- ``inner_clip`` replaces the inner gradient g by  g min(1, c / ||g||), with one norm over all weights. The clip is
  differentiated like the rest. (The authors' code clips only the meta-gradient, and only on miniImageNet. Here that is
  ``--clip-value 10``.)

Deviations from the authors' code: the inner loop adapts the norm's scale and shift like all other parameters (there
only the outer loop trains the shift, and there is no scale); norms add 1e-5 to the variance (there 1e-3), and a
convolution before a norm has no bias; all layers start from Xavier's or PyTorch's own initialisation; every training
task is a new sample (there they come from a pool of 200,000).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar, Literal, Self

from torch import Tensor, nn

from ...core.algorithm import require_choice, require_positive
from ...core.cost import Cost
from ...core.inner.descent import SGD, Clipped, Params, descend, examples_loss, forward, last, trainable
from ...core.inner.paper_settings import PaperDefaults
from ...core.recipe import Check, Recipe
from ...core.task import Examples, kind_of

_NOTE = "the last step is kept, as in the authors' code; its training tasks come from a pool of 200,000"
_PAPER_PROTOCOL = "queries per class: {}, transductive batch norm, 600 tasks [P], rotated test classes [C]"
_QUOTED_PROTOCOL = "transductive, random characters; how many tasks is not said [T] Table 2 of arXiv:1803.02999"


def _omniglot(ways: int, shots: int, maml_accuracy: str, fomaml_accuracy: str) -> tuple[Recipe, Recipe]:
    """Two recipes for one of the paper's four tasks: MAML and FOMAML, each with its published accuracy."""
    task, task_flags = f"omniglot-{ways}w{shots}s", f"--ways {ways} --shots {shots} --validate-every 0"
    extra_flags = " --inner-steps 5 --test-steps 5 --meta-batch 16" if ways == 20 else ""
    variants = (
        ("maml", "", maml_accuracy, _PAPER_PROTOCOL.format(shots)),
        ("fomaml", " --order 1", fomaml_accuracy, _QUOTED_PROTOCOL),
    )
    pair = [
        Recipe(
            name=f"{name}-{task}",
            source="omniglot",
            steps=60_000,
            flags=task_flags + extra_flags + order,
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
        for name, order, figure, protocol in variants
    ]
    return pair[0], pair[1]


@dataclass(frozen=True, kw_only=True)
class MAML(PaperDefaults, name="maml"):
    """MAML: learns initial weights from which a few gradient steps solve a task.

    State: the fast weights, one tensor per parameter of the network.

    Prefer ``order=1`` when memory or time is short: it costs half or less and is nearly as good. Prefer Reptile for many
    shots and many inner steps. Prefer ProtoNet for classification if the device cannot compute gradients.

    >>> net = MAML().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> fast = MAML().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> {name: tuple(p.shape) for name, p in fast.items()}
    {'head.weight': (2, 3), 'head.bias': (2,)}
    """

    reference = "Finn, Abbeel & Levine, 2017, arXiv:1703.03400"
    summary = "initial weights from which a few gradient steps solve a task (second order; --order 1 for FOMAML)"
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
        "finite_differences[order=1]": "a surrogate: FOMAML takes the inner gradients as constants",
    }

    inner_lr: float | None = None
    """step size α of the inner steps (default: 2.0 for drawings, 0.01 x ways for photographs, 0.01 for real targets)"""
    inner_steps: int | None = None
    """inner steps while training (default: the paper's: 1, or 5 for photographs and for 11 ways or more)"""
    test_steps: int | None = None
    """inner steps on a new task (default: the paper's: 3, or 10 for photographs, 5 for 11 ways or more)"""
    order: Literal[1, 2] = 2
    """2: differentiate through the inner steps; 1: treat the inner gradients as constants (FOMAML)"""
    backprop_steps: int | None = None
    """with order 2, differentiate only through this many last inner steps, to save time and memory (default: all)"""
    inner_clip: float | None = None
    """maximum norm of an inner gradient; longer ones are scaled down to it (default: no limit)"""

    def __post_init__(self) -> None:
        require_positive(self, "inner_lr", "inner_steps", "test_steps", "backprop_steps", "inner_clip")
        require_choice(self, "order", (1, 2))

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        usual = self.usual(kind_of(support.y))
        steps, sgd = self.inner_steps or usual.inner_steps, SGD(self.inner_lr or usual.inner_lr)
        loss, params = examples_loss(net), trainable(net)
        optimizer = sgd if self.inner_clip is None else Clipped(sgd, self.inner_clip)
        second_order_steps = 0 if self.order == 1 else min(self.backprop_steps or steps, steps)
        first_order_batches = [support] * (steps - second_order_steps)
        # The second loop continues from the last parameters of the first.
        for params in descend(loss, params, first_order_batches, optimizer, first_order=True):  # noqa: B020
            yield params
        yield from islice(descend(loss, params, [support] * second_order_steps, optimizer), 1, None)

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(net, state, x)

    def at_test(self) -> Self:
        return replace(self, inner_steps=self.test_steps or self.usual("classification").test_steps)
