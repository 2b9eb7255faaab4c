"""Optimization as a model for few-shot learning (Ravi & Larochelle, ICLR 2017, openreview rJY0-Kcll).

A step of gradient descent, θ_t = θ_(t-1) - α ∇L_t, is the update of an LSTM cell whose forget gate is 1, whose input
gate is α and whose candidate is -∇L_t. So the learner's weights θ become the cell state of an LSTM, and the gates are
learned:

    h_t = LSTM([prep(∇L_t), prep(L_t)]; h_(t-1))      one LSTM of 20 units, the same for every coordinate
    i_t = σ(W_I [h_t, θ_(t-1), i_(t-1)] + b_I),       f_t = σ(W_F [h_t, θ_(t-1), f_(t-1)] + b_F)
    θ_t = f_t ∘ θ_(t-1) - i_t ∘ ∇L_t,                 L_t the loss of the support set at θ_(t-1)

The initial weights θ_0 are learned too. They are the cell's initial state, and the network's own weights. Training
minimises Σ_tasks L(query; θ_T) over θ_0, the LSTM and the gates. ∇L_t and L_t count as constants in the meta-gradient,
as in the paper. prep(v) = (log|v| / 10, sign v) if |v| >= e^-10, else (-1, e^10 v). h_0, i_0 and f_0 are zero.

Deviations from the paper:

- Batch norm uses the statistics of the current set and keeps none (there running statistics are kept through an episode
  and reset after it).
- Losses are means, and the input gates start at ``inner_lr`` = 0.1 (common implementations start at about 0.01, which
  learns slowly from one shot). The forget gates start at σ(5) = 0.993, and W_I and W_F within ±0.01, as in common
  implementations.
- The weights of the LSTM start within ±1/√20 = ±0.22, as usual for an LSTM (authors' code: ±0.01).
- The gates i_(t-1) and f_(t-1) are fed back after the sigmoid, as in the equations of the paper (authors' code: before it).
- The number of steps is one setting here: the authors' code takes 12 on one shot and 8 on five.
- A meta-batch of 4 instead of 1 is less noisy in short runs.
- The LSTM has one bias per gate, the sum of the usual two.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ...core.algorithm import Algorithm, require_positive
from ...core.cost import Cost
from ...core.inner.coordinatewise import (
    CoordinateLSTM,
    Hidden,
    WithOptimizer,
    learned_path,
    log_and_sign,
    split_optimizer,
)
from ...core.inner.descent import Params, forward, last
from ...core.network import with_head
from ...core.recipe import Check, Recipe
from ...core.task import Examples, TaskSpec
from ...errors import ConfigError


class Memory(NamedTuple):
    """The optimizer's memory between two steps, for every coordinate."""

    lstm: Hidden
    rate: Tensor  # i_(t-1), [P]
    keep: Tensor  # f_(t-1), [P]


class GatedDescent(nn.Module):
    """The meta-learner: an LSTM, and the two gates that it controls."""

    def __init__(self, units: int, rate: float, forget_bias: float) -> None:
        super().__init__()
        self.lstm = CoordinateLSTM(4, units)
        self.rate_weight, self.keep_weight = (nn.Parameter(torch.empty(units + 2).uniform_(-0.01, 0.01)) for _ in "if")
        self.rate_bias = nn.Parameter(torch.tensor([math.log(rate / (1 - rate))]))
        self.keep_bias = nn.Parameter(torch.tensor([forget_bias]))

    def start(self, weights: Tensor) -> Memory:
        """The memory before the first step, for ``weights`` ``[P]``: zeros."""
        zero = torch.zeros_like(weights)
        return Memory(self.lstm.start(weights), zero, zero)

    def forward(self, weights: Tensor, gradient: Tensor, loss: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Takes one step with the weights ``[P]``, their gradient ``[P]`` and the loss; returns weights and memory."""
        inputs = torch.cat([log_and_sign(gradient), log_and_sign(loss)[:, None].expand(2, len(weights))])  # [4, P]
        h, lstm_state = self.lstm(inputs, memory.lstm)
        rate = _gate(self.rate_weight, self.rate_bias, h, weights, memory.rate)
        keep = _gate(self.keep_weight, self.keep_bias, h, weights, memory.keep)
        return keep * weights - rate * gradient, Memory(lstm_state, rate, keep)


def _gate(weight: Tensor, bias: Tensor, h: Tensor, weights: Tensor, previous: Tensor) -> Tensor:
    """σ(W [h, θ, previous gate] + b), [P]."""
    return (weight[:-2] @ h + weight[-2] * weights + weight[-1] * previous + bias).sigmoid()


_NOTE = "The paper measures on mini-ImageNet; this is the setting of the authors' code there, on Omniglot."


@dataclass(frozen=True, kw_only=True)
class MetaLSTM(Algorithm[Params], name="meta-lstm"):
    """Meta-LSTM: an LSTM whose cell state is the learner's weights; its gates learn the step size and the decay.

    State: the fast weights, one tensor per parameter of the network.

    Use it for small networks and meta-batches: the LSTM keeps about 230 numbers per weight and step for the
    meta-gradient (a task of five steps takes 150 MiB on conv4 with 32 filters and 500 MiB with 64). ``chunk_size=1``
    limits the memory to one task. Prefer MAML when memory or time is short, and Meta-SGD if a learned rate per weight
    is enough.

    >>> net = MetaLSTM().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> fast = MetaLSTM().adapt(net, Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2)))
    >>> {name: tuple(p.shape) for name, p in fast.items()}
    {'head.weight': (2, 3), 'head.bias': (2,)}
    """

    reference = "Ravi & Larochelle, ICLR 2017, openreview.net/forum?id=rJY0-Kcll"
    summary = "an LSTM whose cell state is the learner's weights: a learned start, rate and decay"
    cost = Cost("gradient-based", "E_T L_Q(θ_T),  θ_t = f_t ∘ θ_(t-1) - i_t ∘ ∇L_S,  f and i gates of an LSTM")
    needs_training = "its optimizer is learned"
    network = "conv4"
    meta_batch = 4
    recipes = tuple(
        Recipe(
            name=f"meta-lstm-omniglot-{ways}w{shots}s",
            source="omniglot",
            steps=75_000 if shots == 1 else 50_000,
            flags=f"--ways {ways} --shots {shots} --filters 32 --inner-steps {12 if shots == 1 else 8} "
            "--meta-batch 1 --clip-norm 0.25",
            checks=(Check(name=f"{ways}w{shots}s", tasks=600),),
            note=_NOTE,
        )
        for ways in (5, 20)
        for shots in (1, 5)
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences": "a surrogate: gradients and losses of the inner steps count as constants, as in the paper",
    }

    inner_steps: int = 5
    """inner steps, each on the whole support set (authors' code: 12 for one shot, 8 for five)"""
    inner_lr: float = 0.1
    """initial value of the input gates, below 1: the learning rate of the untrained optimizer"""
    forget_bias: float = 5.0
    """initial bias b of the forget gates: in a step the untrained optimizer keeps the share σ(b) of every weight"""
    lstm_units: int = 20
    """units of the LSTM"""

    def __post_init__(self) -> None:
        require_positive(self, "inner_steps", "inner_lr", "forget_bias", "lstm_units")
        if not self.inner_lr < 1:
            raise ConfigError(
                f"{self.name}: inner_lr must be below 1, because it is a gate, got {self.inner_lr}. The default is 0.1."
            )

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Returns the backbone with a linear head, whose weights are θ_0, and the LSTM with its gates."""
        return WithOptimizer(with_head(backbone, spec), GatedDescent(self.lstm_units, self.inner_lr, self.forget_bias))

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        return learned_path(net, split_optimizer(net)[1], [support] * self.inner_steps)

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(split_optimizer(net)[0], state, x)
