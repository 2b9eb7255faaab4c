"""The rules of differentiable inner optimizers: pure functions from parameters, gradients and moments to new ones."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Params = Mapping[str, Tensor]


def dot(a: Params, b: Params) -> Tensor:
    """The inner product of two sets of parameters with the same names."""
    return torch.stack([(values * b[name]).sum() for name, values in a.items()]).sum()


class Moments(NamedTuple):
    """What an inner optimizer carries from step to step: a step count and moments, empty while they are zero.

    ``seen`` is the moving average of ones that goes with ``second``: what the latter has to be divided by to be an
    average of what was seen, however it was started.
    """

    step: int = 0
    first: Params = {}  # noqa: RUF012 - a Mapping: never written
    second: Params = {}  # noqa: RUF012
    seen: float | Tensor = 0.0


class InnerOptimizer(ABC):
    """An optimizer whose step can be differentiated. The final classes below give the rule."""

    @property
    def alike(self) -> bool:
        """Whether every weight is moved by the same rule, whichever parameter it belongs to; one that can say so is faster
        on accelerators."""
        return False

    @abstractmethod
    def update(self, params: Params, grads: Params, moments: Moments) -> tuple[Params, Moments]:
        """One step: new parameters and new moments; the arguments are left as they are."""


def _rate(lr: float | Params, name: str) -> float | Tensor:
    return lr[name] if isinstance(lr, Mapping) else lr


@dataclass(frozen=True)
class SGD(InnerOptimizer):
    """``v <- momentum v + (1 - dampening) g;  p <- p - lr v``, as ``torch.optim.SGD``: v starts as the first gradient,
    undamped. ``lr`` may hold one tensor per parameter."""

    lr: float | Params
    momentum: float = 0.0
    dampening: float = 0.0

    @property
    def alike(self) -> bool:
        return not isinstance(self.lr, Mapping)

    def update(self, params: Params, grads: Params, moments: Moments) -> tuple[Params, Moments]:
        velocity = grads
        if self.momentum and moments.step:
            share = 1 - self.dampening
            velocity = {name: self.momentum * moments.first[name] + share * g for name, g in grads.items()}
        moved = {name: p - _rate(self.lr, name) * velocity[name] for name, p in params.items()}
        return moved, Moments(moments.step + 1, velocity)


@dataclass(frozen=True)
class Adam(InnerOptimizer):
    """Adam (Kingma & Ba, 2015, arXiv:1412.6980), as ``torch.optim.Adam``. ``lr`` may hold one tensor per parameter."""

    lr: float | Params
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    @property
    def alike(self) -> bool:
        return not isinstance(self.lr, Mapping)

    def update(self, params: Params, grads: Params, moments: Moments) -> tuple[Params, Moments]:
        step = moments.step + 1
        first = grads  # what beta1 = 0 amounts to, without the arithmetic
        if self.beta1:
            first = {n: self.beta1 * moments.first.get(n, 0.0) + (1 - self.beta1) * g for n, g in grads.items()}
        second = {n: self._second(moments.second.get(n), g) for n, g in grads.items()}
        seen = self.beta2 * moments.seen + (1 - self.beta2)  # 1 - beta2^step, when it began at zero
        unbias1, unbias2 = 1 - self.beta1**step, seen**0.5
        moved = {}
        for name, p in params.items():
            # Fused operations with the numbers folded in: three passes over the weights instead of seven.
            scale = _sqrt(second[name]).mul(unbias1 / unbias2).add(unbias1 * self.eps)
            rate = _rate(self.lr, name)
            if isinstance(rate, Tensor):
                moved[name] = p - rate * first[name] / scale
            else:
                moved[name] = torch.addcdiv(p, first[name], scale, value=-rate)
        return moved, Moments(step, first, second, seen)

    def _second(self, before: Tensor | None, g: Tensor) -> Tensor:
        if before is None:
            return (1 - self.beta2) * g.square()
        return torch.addcmul(self.beta2 * before, g, g, value=1 - self.beta2)


@dataclass(frozen=True)
class Clipped(InnerOptimizer):
    """``g <- g min(1, norm / ||g||)``, one norm over all parameters, then a step of ``optimizer``."""

    optimizer: InnerOptimizer
    norm: float

    @property
    def alike(self) -> bool:
        return self.optimizer.alike

    def update(self, params: Params, grads: Params, moments: Moments) -> tuple[Params, Moments]:
        square = dot(grads, grads)
        over = square > self.norm**2
        # The inner `where` keeps the infinite slope of a root at 0 out of the derivative.
        scale = torch.where(over, self.norm / torch.where(over, square, 1).sqrt(), 1)
        return self.optimizer.update(params, {name: scale * g for name, g in grads.items()}, moments)


def inner_optimizer(kind: Literal["adam", "sgd"], lr: float) -> InnerOptimizer:
    """The two that Reptile's code offers: Adam with beta1 = 0, or plain SGD."""
    return Adam(lr, beta1=0.0) if kind == "adam" else SGD(lr)


def _sqrt(square: Tensor) -> Tensor:
    """Square root whose derivative at exactly 0 (a dead ReLU's gradient) is 0 instead of infinite."""
    if not torch.is_grad_enabled():
        return square.sqrt()
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1).sqrt(), 0)
