"""Learning to learn by gradient descent by gradient descent (Andrychowicz et al., 2016, arXiv:1606.04474).

The optimizer itself is learned: two layers of LSTM, the same for every weight of the learner (the optimizee) f:

    θ_t = θ_(t-1) + s m_t,      (m_t, h_t) = LSTM(prep(∇f(θ_(t-1))), h_(t-1)),      minimise  E_f Σ_t f(θ_t)  over LSTM,

with a scale s. prep(v) = (log|v| / p, sign v), or (-1, e^p v) where |v| < e^-p; quadratics go without. The sum is
differentiated in segments of ``unroll_steps``, between which θ and h count as constants, and ∇f counts as a constant
throughout, both as in the paper. ``unroll_steps = 1`` is the greedy form: every step learns from what it does at once.

Within ``loss`` the gradient of one segment is taken before the next begins, so memory is one segment's; what is returned
is the surrogate  L + Σ <sg(g), w - sg(w)>,  L the mean of f along the way and g the sum of the segments' gradients of L.

Deviations: there is one outer step per trajectory, instead of one per segment. f is judged on the query set along the
way, and its gradient taken on the support set: where both are the same examples, as in the source ``quadratic``, that is
the paper's; on episodes it is what one wants. The start θ_0 may be learned too (``start="learned"``, the default, for
episodes): with ∇f constant, θ_t moves as θ_0 does, so it gets the gradient of every segment. ``start="random"`` is the
paper's: every task begins at weights of its own, drawn with the size of the network's usual ones (there N(0, 0.01²) for
quadratics); biases and norms begin as built. 100 steps in segments of 20 are the paper's; the defaults are for episodes.
s = 0.05 is chosen here, by measurement on episodes (the authors' code: 0.01, for 100 steps). p = 10 is the paper's; the
authors' code has 5 on pictures. ``judged="last"`` minimises E_f f(θ_T) alone: the paper writes Σ_t w_t f(θ_t) and takes all
w_t = 1; cut segments before the last then teach the LSTM nothing.

Off by default, and not the paper's: ``descent_rate`` α adds a plain step to the LSTM's, θ_t = θ_(t-1) - α ∇f + s m_t with
one α learned, so that the untrained optimizer descends already, s can be small, and the LSTM learns what is better (a
nominal term, as in Harrison et al. 2022, arXiv:2209.11208).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from ...core.algorithm import Algorithm, require_choice, require_not_negative, require_positive
from ...core.cost import Cost
from ...core.inner.coordinatewise import (
    CoordinateLSTM,
    Hidden,
    WithOptimizer,
    advance,
    begin,
    constant_gradient,
    drawn_weights,
    log_and_sign,
    split_optimizer,
    stepped,
)
from ...core.inner.descent import Params, examples_loss, flatten, forward, last, trainable, unflatten
from ...core.inner.minibatches import minibatches
from ...core.network import with_head
from ...core.objectives import Metrics, metrics
from ...core.probability.noise import task_seed
from ...core.recipe import Check, Recipe
from ...core.task import Examples, Task, TaskSpec


class LearnedStep(nn.Module):
    """The optimizer: from a gradient to a step, coordinate by coordinate."""

    def __init__(
        self, units: int, layers: int, scale: float, *, log_range: float | None, descent_rate: float = 0.0
    ) -> None:
        super().__init__()
        self.log_range, self.scale = log_range, scale
        self.lstm = CoordinateLSTM(1 if log_range is None else 2, units, layers=layers)
        self.weight = nn.Parameter(torch.empty(units).uniform_(-1, 1) / units**0.5)
        self.bias = nn.Parameter(torch.zeros(1))
        self.log_rate = nn.Parameter(torch.tensor([math.log(descent_rate)])) if descent_rate else None

    def start(self, weights: Tensor) -> Hidden:
        """Nothing seen yet."""
        return self.lstm.start(weights)

    def forward(self, weights: Tensor, gradient: Tensor, loss: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """One step of the weights ``[P]``, by their gradient ``[P]``; the loss is not looked at."""
        seen = gradient[None] if self.log_range is None else log_and_sign(gradient, self.log_range)  # [inputs, P]
        h, hidden = self.lstm(seen, hidden)
        step = self.scale * (self.weight @ h + self.bias)
        return weights + (step if self.log_rate is None else step - self.log_rate.exp() * gradient), hidden


@dataclass(frozen=True, kw_only=True)
class LearnedOptimizer(Algorithm[Params], name="learned-optimizer"):
    """A learned optimizer: an LSTM that turns the gradients of any network into steps.

    State: the trained weights, one tensor per parameter of the network.

    The optimizer of a trained ``net`` serves other networks, too: ``WithOptimizer(other, net.optimizer)`` of
    ``tokay.core.inner.coordinatewise``. Training takes some 1200 numbers per weight and step of a segment (a task with segments
    of five takes 660 MiB on conv4 with 32 filters), so networks are small; ``chunk_size=1`` bounds it. Prefer MAML or
    Reptile where a learned start is all you need: they cost far less.

    >>> method = LearnedOptimizer(start="random")
    >>> net = method.build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> support = Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2))
    >>> other = WithOptimizer(nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)), net.optimizer)
    >>> {name: tuple(p.shape) for name, p in method.adapt(other, support).items()}
    {'0.weight': (8, 3), '0.bias': (8,), '2.weight': (2, 8), '2.bias': (2,)}
    """

    reference = "Andrychowicz et al., 2016, arXiv:1606.04474"
    summary = "an LSTM, shared by all weights of any network, turns their gradients into steps"
    cost = Cost("gradient-based", "E_T mean_t L_Q(θ_t),  θ_t = θ_(t-1) + s LSTM(∇L_S(θ_(t-1)))")
    network = "conv4"
    meta_batch = 4
    recipes = (
        Recipe(
            name="learned-optimizer-quadratic",
            source="quadratic",
            steps=50_000,
            flags="--start random --preprocess none --inner-steps 100 --unroll-steps 20 --meta-batch 1 "
            "--entries uniform --step-scale 0.01",
            checks=(Check(name="loss after 100 steps"),),
            note="The authors' 10,000 epochs of five segments are 50,000 of their steps; theirs has 128 quadratics in a "
            "step and publishes curves only.",
        ),
        Recipe(
            name="learned-optimizer-omniglot-5w1s",
            source="omniglot",
            steps=5_000,
            flags="--filters 32 --chunk-size 1",
            checks=(Check(name="5w1s"),),
            note="Not in the paper: a learned start and five learned steps on few-shot episodes.",
        ),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences": "a surrogate: gradients count as constants, and so does each segment's beginning",
        "refuses[descent_rate=0]": "at 0 there is the LSTM's step alone, which is the paper's",
        "class_permutation[start=random]": "each row of a head drawn at random stays with its number, not with its class",
    }

    inner_steps: int = 5
    """steps on a task (the paper's 100)"""
    test_steps: int | None = None
    """steps on a new task, where it is not as many"""
    unroll_steps: int = 5
    """steps differentiated through at once (the paper's 20; 1: greedy)"""
    judged: Literal["every", "last"] = "every"
    """after which steps f is judged: every one, as in the paper's experiments, or the last"""
    inner_batch: int = 128
    """support examples in a step"""
    start: Literal["learned", "random"] = "learned"
    """where the learner begins: at learned weights, or as in the paper at weights drawn for every task"""
    preprocess: Literal["log-sign", "none"] = "log-sign"
    """what is done to gradients: logarithm and sign, or nothing (for quadratics)"""
    log_range: float = 10.0
    """p: gradients from e^-p up are told by logarithm and sign, smaller ones as they are (authors' code: 5 on pictures)"""
    step_scale: float = 0.05
    """what the LSTM's output is multiplied by (the authors' code: 0.01)"""
    descent_rate: float = 0.0
    """α that a plain gradient step beside the LSTM's begins with, learned from there (0: none, as in the paper)"""
    lstm_units: int = 20
    """units of every layer of the LSTM"""
    lstm_layers: int = 2
    """layers of the LSTM"""

    def __post_init__(self) -> None:
        require_positive(self, "inner_steps", "test_steps", "unroll_steps", "inner_batch")
        require_positive(self, "log_range", "step_scale", "lstm_units", "lstm_layers")
        require_not_negative(self, "descent_rate")
        require_choice(self, "judged", ("every", "last"))
        require_choice(self, "start", ("learned", "random"))
        require_choice(self, "preprocess", ("log-sign", "none"))

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Backbone and linear head, which are learned only as a start, and the optimizer beside them."""
        log_range = self.log_range if self.preprocess == "log-sign" else None
        step = LearnedStep(
            self.lstm_units, self.lstm_layers, self.step_scale, log_range=log_range, descent_rate=self.descent_rate
        )
        return WithOptimizer(with_head(backbone, spec), step, drawn=self.start == "random")

    def at_test(self) -> Self:
        return replace(self, inner_steps=self.test_steps or self.inner_steps)

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        begun = self._begun(split_optimizer(net)[1], support)
        return stepped(net, begun, minibatches(support, self.inner_batch, self.inner_steps))

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(split_optimizer(net)[0], state, x)

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """The mean query loss along the way, with the gradient of its segments; reported is the query at its end."""
        learner, weights, optimizer = split_optimizer(net)
        own, loss = trainable(optimizer), examples_loss(learner)
        batches = minibatches(task.support, self.inner_batch, self.inner_steps)

        weight = [1 / self.inner_steps] * self.inner_steps
        if self.judged == "last":
            weight = [0.0] * (self.inner_steps - 1) + [1.0]

        def segment(own: Params, row: Tensor, carried: list[Any], first: int) -> tuple[Tensor, Any]:
            """The losses after each step from ``first`` on, by their weights; where the segment ends."""
            total = row.new_zeros(())
            for step in range(first, min(first + self.unroll_steps, self.inner_steps)):
                gradient, value = constant_gradient(loss, row, weights, batches[step])
                row, carried = advance(partial(_called, optimizer, own), row, gradient, value, carried)
                if weight[step]:
                    total = total + weight[step] * loss(unflatten(row, weights), task.query)
            return total, (total, row, carried)

        begun = flatten(self._begun(weights, task.support))
        row, constant = begun.detach(), {name: w.detach() for name, w in own.items()}
        carried = begin(optimizer, row)
        cost = row.new_zeros(())
        pulls: list[Tensor] = []
        for first in range(0, self.inner_steps, self.unroll_steps):
            if torch.is_grad_enabled():
                slopes, (value, row, carried) = grad(segment, (0, 1), has_aux=True)(constant, row, carried, first)
                pulls += [(slopes[0][name] * (w - w.detach())).sum() for name, w in own.items()]
                pulls.append((slopes[1] * (begun - begun.detach())).sum())
            else:
                value, (_, row, carried) = segment(constant, row, carried, first)
            cost = cost + value
        measured = metrics(forward(learner, unflatten(row, weights), task.query.x), task.query.y)
        return sum(pulls, start=cost), measured

    def _begun(self, weights: Params, support: Examples) -> Params:
        return weights if self.start == "learned" else drawn_weights(weights, task_seed(support))


def _called(optimizer: nn.Module, own: Params, *given: Any) -> Any:
    """``optimizer(*given)`` with the weights ``own`` in place of its own."""
    return functional_call(optimizer, dict(own), given)
