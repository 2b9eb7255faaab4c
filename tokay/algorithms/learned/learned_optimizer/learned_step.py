"""The network that turns gradients into steps, and the part of an inner loop that is differentiated at once."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ....core.inner.coordinatewise import CoordinateLSTM, Hidden, advance, constant_gradient, log_and_sign
from ....core.inner.descent import Params, unflatten
from ....core.task import Examples


class LearnedStep(nn.Module):
    """The learned optimizer: turns the gradient of each coordinate into a step of that coordinate."""

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
        """The memory before the first step, for ``weights`` ``[P]``: zeros."""
        return self.lstm.start(weights)

    def forward(self, weights: Tensor, gradient: Tensor, loss: Tensor, memory: Hidden) -> tuple[Tensor, Hidden]:
        """Takes one step with the weights ``[P]`` and their gradient ``[P]``; ignores the loss.

        Returns the new weights ``[P]`` and the new memory.
        """
        inputs = gradient[None] if self.log_range is None else log_and_sign(gradient, self.log_range)  # [inputs, P]
        h, memory = self.lstm(inputs, memory)
        step = self.scale * (self.weight @ h + self.bias)
        return weights + (step if self.log_rate is None else step - self.log_rate.exp() * gradient), memory


@dataclass(frozen=True)
class Trajectory:
    """The inner loop of one task. ``segment`` runs a part of it."""

    optimizer: nn.Module
    loss: Callable[[Params, Examples], Tensor]
    like: Params  # names and shapes of the learner's weights
    batches: Sequence[Examples]  # one mini-batch per step
    loss_weights: Sequence[float]  # weight of the query loss after each step
    query: Examples

    def segment(self, params: Params, row: Tensor, memory: list[Any], steps: range) -> tuple[Tensor, Any]:
        """Runs ``steps`` from the learner's weights ``row`` ``[P]``; ``params`` are the optimizer's weights.

        Returns the weighted sum of the query losses after each step, and (that sum, final row, final memory).
        """
        total = row.new_zeros(())
        for step in steps:
            gradient, value = constant_gradient(self.loss, row, self.like, self.batches[step])
            row, memory = advance(partial(_call_with, self.optimizer, params), row, gradient, value, memory)
            if self.loss_weights[step]:
                total = total + self.loss_weights[step] * self.loss(unflatten(row, self.like), self.query)
        return total, (total, row, memory)


def _call_with(optimizer: nn.Module, params: Params, *args: Any) -> Any:
    """``optimizer(*args)``, with the weights ``params`` in place of the optimizer's own."""
    return functional_call(optimizer, dict(params), args)
