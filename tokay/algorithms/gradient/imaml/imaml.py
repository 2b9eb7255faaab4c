"""Meta-learning with implicit gradients (Rajeswaran, Finn, Kakade & Levine, 2019, arXiv:1909.04630).

Learns a start θ whose *neighbourhood* holds what solves a task, and asks only where adapting ends, not how it got there:

    φ* = argmin_φ L_S(φ) + λ/2 ||φ - θ||²   (``inner_steps`` of gradient descent),     minimise  E_T L_Q(φ*)  over θ.

At the minimum ∇L_S(φ*) + λ (φ* - θ) = 0, so by the implicit function theorem dφ*/dθ = (I + ∇²L_S(φ*)/λ)^-1, and

    meta-gradient = (I + ∇²L_S(φ*) / (λ + damping))^-1 ∇L_Q(φ*)       (with damping = 0, the paper's equation; here 22),

solved by ``cg_steps`` of conjugate gradients with Hessian-vector products. Nothing of the inner loop is recorded, so
memory does not grow with its steps. The meta-gradient is exact where the inner loop has converged, CG too.

On Omniglot 16 steps have not converged and L_S curves down where they end (the lowest eigenvalue of its Hessian was -1
to -7), so that the matrix is not positive definite. Where it curves less than ``LEAST`` = 1/2 a solve therefore ends; a
convex L_S curves by 1 at the least, and never meets that. Nor does the meta-gradient feel it when the inner loop stops
converging at all: without damping the start drifted to where L_S curves by 35 to 80, above the 20 that steps of 0.1
stand, and training accuracy fell from 79 to 42 % within 300 outer steps. Damping keeps it away from there.

Deviations from the authors' code (aravindr93/imaml_dev): every inner step is on the proximal objective, as in the
paper (there all steps are on L_S alone, and one step on λ/2 ||φ - θ||² follows); the matrix there is (1 + 1) I + ∇²L_S /
(λ + 10), which but for a factor that Adam takes no notice of is damping = 22, the default; solves may end early (there
they do not); tasks are drawn afresh instead of from a pool of 200,000; Adam's eps is 1e-8 (there 1e-3); the
start is Xavier's (there 1.73 times that); convolutions have no bias. The paper's Hessian-free inner solver is not here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.func import grad, vjp

from ....core.algorithm import Algorithm, require_not_negative, require_positive
from ....core.cost import Cost
from ....core.inner.descent import SGD, Params, descend, dot, examples_loss, forward, last, trainable
from ....core.objectives import Metrics, metrics
from ....core.recipe import Check, Recipe
from ....core.task import Examples, Kind, Sizes, Task, kind_of
from ....errors import ConfigError
from .conjugate_gradients import conjugate_gradients

# The code's on Omniglot; and MAML's on sinusoids, where steps of 0.1 diverge.
RATE: dict[Kind, float] = {"classification": 0.1, "regression": 0.01}

# How much the matrix of the meta-gradient must curve, in every direction a solve takes.
LEAST = 0.5

_PROTOCOL = (
    "iMAML, gradient descent; 1200 / 423 random characters, rotated in the test too, as many queries as shots, "
    "transductive batch norm [C]; the figure as quoted in lecture slides [N]"
)


def _recipe(task: str, flags: str, queries: int, published: str, note: str = "") -> Recipe:
    check = Check(name=task, flags=f"--queries {queries}", tasks=600, published=published, protocol=_PROTOCOL)
    return Recipe(
        name=f"imaml-omniglot-{task}", source="omniglot", steps=20_000, flags=flags, checks=(check,), note=note
    )


_UNREAD = "Inner steps from the paper; all else, the meta-batch too, as the code's README has it for 5 ways, 1 shot."


@dataclass(frozen=True, kw_only=True)
class IMAML(Algorithm[Params], name="imaml"):
    """iMAML: a start near which every task has its solution, however many steps it takes to get there.

    State: the fast weights, one tensor per parameter of the network.

    Prefer it to MAML when a task wants many inner steps: MAML's memory grows with them, this one's does not. Prefer
    MAML for one step, where it is cheaper and its gradient exact; Reptile for speed.

    >>> net = IMAML().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> fast = IMAML().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> {name: tuple(p.shape) for name, p in fast.items()}
    {'head.weight': (2, 3), 'head.bias': (2,)}
    """

    reference = "Rajeswaran, Finn, Kakade & Levine, 2019, arXiv:1909.04630"
    summary = "a start near which every task is solved; the meta-gradient by implicit differentiation, in flat memory"
    cost = Cost("gradient-based", "E_T L_Q(φ*),  φ* = argmin_φ L_S(φ) + λ/2 ||φ - θ||²")
    network = "conv4"
    meta_batch = 32
    recipes = (
        _recipe("5w1s", "", 1, "99.16 ± 0.35"),
        _recipe("5w5s", "--shots 5", 5, "99.67 ± 0.12", _UNREAD),
        _recipe("20w1s", "--ways 20 --inner-steps 25 --test-steps 25", 1, "94.46 ± 0.42", _UNREAD),
        _recipe("20w5s", "--ways 20 --shots 5 --inner-steps 25 --test-steps 25", 5, "98.69 ± 0.1", _UNREAD),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences": "the implicit gradient is the derivative where the inner loop has converged, not after 2 steps",
        "refuses[test_proximal=0]": "no proximal term: plain gradient descent, as the authors test",
        "refuses[damping=0]": "the paper's equation",
        "refuses[proximal=0]": "damping alone divides the curvature then",
        "learns[classification]": "slow at first with damping: 47 % after the check's 120 steps (chance 33 %), 72 % after 300",
    }

    inner_lr: float | None = None
    """step size of the inner steps; if left out 0.1 for classes, as in the paper, and 0.01 for real targets"""
    inner_steps: int = 16
    """inner steps while training (paper: 16 for 5 ways, 25 for 20)"""
    test_steps: int = 16
    """inner steps on a new task"""
    proximal: float = 2.0
    """λ, how strongly inner steps are pulled back to the start while training"""
    test_proximal: float = 0.0
    """λ on a new task"""
    cg_steps: int = 5
    """steps of conjugate gradients for the meta-gradient"""
    damping: float = 22.0
    """added to λ in the meta-gradient's matrix: 0 is the paper's equation, 22 its code's, ever larger ones first order"""

    def __post_init__(self) -> None:
        require_positive(self, "inner_lr", "inner_steps", "test_steps", "cg_steps")
        require_not_negative(self, "proximal", "test_proximal", "damping")
        if self.proximal + self.damping == 0:
            raise ConfigError(
                "imaml: proximal + damping must be above 0, which the curvature is divided by, got 0. Raise one of them."
            )

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        start = {name: p.detach() for name, p in trainable(net).items()}  # nothing of the way is to be recorded
        fit = examples_loss(net)

        def proximal(params: Params, examples: Examples) -> Tensor:
            away = {name: p - start[name] for name, p in params.items()}
            return fit(params, examples) + self.proximal / 2 * dot(away, away)

        lr = self.inner_lr or RATE[kind_of(support.y)]
        return descend(proximal, start, [support] * self.inner_steps, SGD(lr), first_order=True)

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(net, state, x)

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The query loss after adapting, with the implicit gradient v: sg(L_Q) + <sg(v), θ - sg(θ)>."""
        fit = examples_loss(net)

        def judged(params: Params) -> tuple[Tensor, Metrics]:
            measured = metrics(self.predict(net, params, task.query.x), task.query.y)
            return measured["loss"], measured

        with torch.no_grad():
            adapted = self.adapt(net, task.support)
            outer, measured = grad(judged, has_aux=True)(adapted)
            # One graph of the inner gradient, pulled back through as often as there are CG steps.
            curvature: Callable[[Params], tuple[Params]] = vjp(lambda params: grad(fit)(params, task.support), adapted)[
                1
            ]

            def matrix(v: Params) -> Params:
                (bent,) = curvature(v)
                return {name: p + bent[name] / (self.proximal + self.damping) for name, p in v.items()}

            direction = conjugate_gradients(matrix, outer, self.cg_steps, least=LEAST)
        moved = {name: p - p.detach() for name, p in trainable(net).items()}
        return measured["loss"] + dot(direction, moved), measured

    def at_test(self) -> Self:
        """More (or fewer) steps, and none of the pull: the paper adapts to a new task by plain gradient descent."""
        # No meta-gradient is taken there, so any damping does that lets λ be 0.
        damping = self.damping or self.proximal
        return replace(self, inner_steps=self.test_steps, proximal=self.test_proximal, damping=damping)

    def training_sizes(self, test: Sizes) -> Sizes:
        """As many queries as shots per class, as in the paper."""
        return replace(test, queries=test.shots)
