"""Update rules of the differentiable inner optimizers: pure functions of parameters, gradients and moments."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Params = Mapping[str, Tensor]


def dot(a: Params, b: Params) -> Tensor:
    """The inner product of two sets of parameters with equal names."""
    return torch.stack([(values * b[name]).sum() for name, values in a.items()]).sum()


class Moments(NamedTuple):
    """The state of an inner optimizer between steps: the step count and the moments. An empty moment is zero.

    ``second_weight`` is the total weight of the gradients in ``second``. Dividing ``second`` by it gives an unbiased
    average, for any initial value.
    """

    step: int = 0
    first: Params = {}  # noqa: RUF012 - a Mapping: never written
    second: Params = {}  # noqa: RUF012
    second_weight: float | Tensor = 0.0


class InnerOptimizer(ABC):
    """An optimizer with a differentiable step. Each subclass below is one update rule."""

    @property
    def is_uniform(self) -> bool:
        """True if one rule moves every weight, whatever its parameter. A GPU then treats all weights as one row."""
        return False

    @abstractmethod
    def update(self, params: Params, grads: Params, moments: Moments) -> tuple[Params, Moments]:
        """One step: returns the new parameters and moments. Leaves its arguments unchanged."""


def _rate(lr: float | Params, name: str) -> float | Tensor:
    return lr[name] if isinstance(lr, Mapping) else lr


@dataclass(frozen=True)
class SGD(InnerOptimizer):
    """``v <- momentum v + (1 - dampening) g;  p <- p - lr v``, as ``torch.optim.SGD``.

    The first v is the first gradient, without dampening. ``lr`` is one number, or one tensor per parameter name.
    """

    lr: float | Params
    momentum: float = 0.0
    dampening: float = 0.0

    @property
    def is_uniform(self) -> bool:
        return not isinstance(self.lr, Mapping)

    def update(self, params: Params, grads: Params, moments: Moments) -> tuple[Params, Moments]:
        velocity = grads
        if self.momentum and moments.step:
            share = 1 - self.dampening
            velocity = {name: self.momentum * moments.first[name] + share * g for name, g in grads.items()}
        new_params = {name: p - _rate(self.lr, name) * velocity[name] for name, p in params.items()}
        return new_params, Moments(moments.step + 1, velocity)


@dataclass(frozen=True)
class Adam(InnerOptimizer):
    """Adam (Kingma & Ba, 2015, arXiv:1412.6980), as ``torch.optim.Adam``.

    ``lr`` is one number, or one tensor per parameter name.
    """

    lr: float | Params
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    @property
    def is_uniform(self) -> bool:
        return not isinstance(self.lr, Mapping)

    def update(self, params: Params, grads: Params, moments: Moments) -> tuple[Params, Moments]:
        step = moments.step + 1
        first = grads  # the result for beta1 = 0, without the arithmetic
        if self.beta1:
            first = {n: self.beta1 * moments.first.get(n, 0.0) + (1 - self.beta1) * g for n, g in grads.items()}
        second = {n: self._second(moments.second.get(n), g) for n, g in grads.items()}
        second_weight = self.beta2 * moments.second_weight + (1 - self.beta2)  # 1 - beta2^step, if the first one is 0
        unbias1, unbias2 = 1 - self.beta1**step, second_weight**0.5
        new_params = {}
        for name, p in params.items():
            # Fused operations: three passes over the weights instead of seven.
            scale = _sqrt(second[name]).mul(unbias1 / unbias2).add(unbias1 * self.eps)
            rate = _rate(self.lr, name)
            if isinstance(rate, Tensor):
                new_params[name] = p - rate * first[name] / scale
            else:
                new_params[name] = torch.addcdiv(p, first[name], scale, value=-rate)
        return new_params, Moments(step, first, second, second_weight)

    def _second(self, previous: Tensor | None, g: Tensor) -> Tensor:
        if previous is None:
            return (1 - self.beta2) * g.square()
        return torch.addcmul(self.beta2 * previous, g, g, value=1 - self.beta2)


@dataclass(frozen=True)
class Clipped(InnerOptimizer):
    """``g <- g min(1, norm / ||g||)`` with one norm over all parameters, then a step of ``optimizer``."""

    optimizer: InnerOptimizer
    norm: float

    @property
    def is_uniform(self) -> bool:
        return self.optimizer.is_uniform

    def update(self, params: Params, grads: Params, moments: Moments) -> tuple[Params, Moments]:
        square = dot(grads, grads)
        is_over = square > self.norm**2
        # The derivative of a root at 0 is infinite. The inner `where` keeps it out.
        scale = torch.where(is_over, self.norm / torch.where(is_over, square, 1).sqrt(), 1)
        return self.optimizer.update(params, {name: scale * g for name, g in grads.items()}, moments)


def inner_optimizer(kind: Literal["adam", "sgd"], lr: float) -> InnerOptimizer:
    """The inner optimizers of Reptile's code: Adam with beta1 = 0 ("adam"), or plain SGD ("sgd")."""
    return Adam(lr, beta1=0.0) if kind == "adam" else SGD(lr)


def _sqrt(square: Tensor) -> Tensor:
    """The square root, with derivative 0 at 0 instead of infinity. (The gradient of a dead ReLU is 0.)"""
    if not torch.is_grad_enabled():
        return square.sqrt()
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1).sqrt(), 0)
