"""Meta-learning with implicit gradients (Rajeswaran, Finn, Kakade & Levine, 2019, arXiv:1909.04630).

iMAML learns initial weights θ that have a solution of every task *nearby*. The meta-gradient depends only on the end of
the inner loop, not on its steps:

    φ* = argmin_φ L_S(φ) + λ/2 ||φ - θ||²   (``inner_steps`` of gradient descent),     minimise  E_T L_Q(φ*)  over θ.

At the minimum ∇L_S(φ*) + λ (φ* - θ) = 0. By the implicit function theorem dφ*/dθ = (I + ∇²L_S(φ*)/λ)^-1, and

    meta-gradient = (I + ∇²L_S(φ*) / (λ + damping))^-1 ∇L_Q(φ*)       (the paper: damping = 0; the default here: 22).

``cg_steps`` of conjugate gradients (CG) with Hessian-vector products solve this system. The inner loop records nothing,
so memory does not grow with its steps. The meta-gradient is exact if both the inner loop and CG have converged.

On Omniglot 16 steps do not converge: L_S still has negative curvature there, so the matrix is not positive definite. A
solve therefore ends at a direction along which the matrix curves by less than ``MIN_CURVATURE`` = 1/2. If L_S is convex,
the matrix curves by 1 or more, and no solve ends early. The meta-gradient also does not notice if the inner loop
diverges. Without damping θ drifted to weights where L_S curves too much for inner steps of 0.1, and training failed.
Damping prevents that.

Deviations from the authors' code (aravindr93/imaml_dev):

- Every inner step is on the proximal objective, as in the paper (there all steps are on L_S alone, and then one step on
  λ/2 ||φ - θ||² follows).
- The matrix there is (1 + 1) I + ∇²L_S / (λ + 10). Except for a constant factor, which does not change Adam's steps,
  this is damping = 22, the default.
- Solves may end early (there they do not).
- Every training task is a new sample (there they come from a pool of 200,000).
- Adam's eps is 1e-8 (there 1e-3). Weights start from Xavier's initialisation (there 1.73 times that). Convolutions have
  no bias.
- The paper's Hessian-free inner solver is not included.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.func import grad, vjp

from ....core.algorithm import require_not_negative, require_positive
from ....core.cost import Cost
from ....core.inner.descent import SGD, Params, descend, dot, examples_loss, forward, last, trainable
from ....core.inner.paper_settings import PaperDefaults
from ....core.objectives import Metrics, metrics
from ....core.recipe import Check, Recipe
from ....core.task import Examples, Task, kind_of
from ....errors import ConfigError
from .conjugate_gradients import conjugate_gradients

# Smallest curvature pᵀAp / pᵀp that a solve accepts, A being the matrix of the meta-gradient.
MIN_CURVATURE = 0.5

_PROTOCOL = (
    "iMAML, gradient descent; 1200 / 423 random characters, rotated in the test too, as many queries as shots, "
    "transductive batch norm [C]; the figure as quoted in lecture slides [N]"
)


def _recipe(task: str, flags: str, queries: int, published: str, note: str = "") -> Recipe:
    check = Check(name=task, flags=f"--queries {queries}", tasks=600, published=published, protocol=_PROTOCOL)
    return Recipe(
        name=f"imaml-omniglot-{task}", source="omniglot", steps=20_000, flags=flags, checks=(check,), note=note
    )


_NOTE = "Inner steps from the paper; all else, the meta-batch too, as the code's README has it for 5 ways, 1 shot."


@dataclass(frozen=True, kw_only=True)
class IMAML(PaperDefaults, name="imaml"):
    """iMAML: learns initial weights that are close to a solution of every task, for any number of inner steps.

    State: the fast weights, one tensor per parameter of the network.

    Prefer it to MAML for many inner steps: MAML's memory grows with them, iMAML's does not. Prefer MAML for one inner
    step: it is cheaper, and its gradient is exact. Prefer Reptile for speed.

    >>> net = IMAML().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> fast = IMAML().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> {name: tuple(p.shape) for name, p in fast.items()}
    {'head.weight': (2, 3), 'head.bias': (2,)}
    """

    reference = "Rajeswaran, Finn, Kakade & Levine, 2019, arXiv:1909.04630"
    summary = "initial weights close to a solution of every task; implicit meta-gradient, constant memory"
    cost = Cost("gradient-based", "E_T L_Q(φ*),  φ* = argmin_φ L_S(φ) + λ/2 ||φ - θ||²")
    network = "conv4"
    meta_batch = 32
    recipes = (
        _recipe("5w1s", "", 1, "99.16 ± 0.35"),
        _recipe("5w5s", "--shots 5", 5, "99.67 ± 0.12", _NOTE),
        _recipe("20w1s", "--ways 20 --inner-steps 25 --test-steps 25", 1, "94.46 ± 0.42", _NOTE),
        _recipe("20w5s", "--ways 20 --shots 5 --inner-steps 25 --test-steps 25", 5, "98.69 ± 0.1", _NOTE),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences": "the implicit gradient is exact only for a converged inner loop, not after 2 steps",
        "refuses[test_proximal=0]": "0 means plain gradient descent, as in the authors' tests",
        "refuses[damping=0]": "0 is the paper's equation",
        "refuses[proximal=0]": "with 0, damping alone divides the curvature",
        "learns[classification]": "slow at first with damping: 47 % after the check's 120 steps (chance 33 %), 72 % at 300",
    }

    inner_lr: float | None = None
    """step size of the inner steps (default: 0.1 for classes, as in the paper; 0.01 for real targets)"""
    inner_steps: int | None = None
    """inner steps while training (default: the paper's: 16, or 25 for 11 ways or more)"""
    test_steps: int | None = None
    """inner steps on a new task (default: the paper's: 16, or 25 for 11 ways or more)"""
    proximal: float = 2.0
    """λ, how strongly the inner steps are pulled back to the initial weights in training"""
    test_proximal: float = 0.0
    """λ on a new task"""
    cg_steps: int = 5
    """conjugate gradient steps for the meta-gradient"""
    damping: float = 22.0
    """added to λ in the meta-gradient: 0 is the paper's equation, 22 its code's, very large values are first order"""

    def __post_init__(self) -> None:
        require_positive(self, "inner_lr", "inner_steps", "test_steps", "cg_steps")
        require_not_negative(self, "proximal", "test_proximal", "damping")
        if self.proximal + self.damping == 0:
            raise ConfigError(
                "imaml: proximal + damping must be above 0, because it divides the curvature, got 0. Raise one of them."
            )

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        start = {name: p.detach() for name, p in trainable(net).items()}  # the inner loop records nothing
        support_loss = examples_loss(net)

        def proximal(params: Params, examples: Examples) -> Tensor:
            offset = {name: p - start[name] for name, p in params.items()}
            return support_loss(params, examples) + self.proximal / 2 * dot(offset, offset)

        usual = self.usual(kind_of(support.y))
        steps, sgd = self.inner_steps or usual.inner_steps, SGD(self.inner_lr or usual.inner_lr)
        return descend(proximal, start, [support] * steps, sgd, first_order=True)

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(net, state, x)

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The query loss after adapting, with the implicit gradient v: sg(L_Q) + <sg(v), θ - sg(θ)>."""
        support_loss = examples_loss(net)

        def query_loss(params: Params) -> tuple[Tensor, Metrics]:
            report = metrics(self.predict(net, params, task.query.x), task.query.y)
            return report["loss"], report

        with torch.no_grad():
            adapted = self.adapt(net, task.support)
            outer, report = grad(query_loss, has_aux=True)(adapted)
            # The graph of the inner gradient is built once; every CG step pulls one vector back through it.
            inner_gradient = vjp(lambda params: grad(support_loss)(params, task.support), adapted)
            hessian_product: Callable[[Params], tuple[Params]] = inner_gradient[1]

            def matrix(v: Params) -> Params:
                (hessian_v,) = hessian_product(v)
                return {name: p + hessian_v[name] / (self.proximal + self.damping) for name, p in v.items()}

            direction = conjugate_gradients(matrix, outer, self.cg_steps, min_curvature=MIN_CURVATURE)
        offsets = {name: p - p.detach() for name, p in trainable(net).items()}
        return report["loss"] + dot(direction, offsets), report

    def at_test(self) -> Self:
        """The test steps and the test λ: by default plain gradient descent, as in the paper."""
        # There is no meta-gradient at test time. The damping only has to be above 0, because λ may be 0.
        damping = self.damping or self.proximal
        steps = self.test_steps or self.usual("classification").test_steps
        return replace(self, inner_steps=steps, proximal=self.test_proximal, damping=damping)
