"""The error names an operation without a second derivative."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from tokay import MAML, Examples, NetworkError, Task, one_hot
from tokay.core.engine.meta_gradient import accumulate_meta_gradient
from tokay.core.engine.second_derivatives import explain_missing_derivatives


class _Distances(nn.Module):
    """Computes distances to trainable points with torch.cdist, which has no second derivative."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(3, 16))

    def forward(self, x: Tensor) -> Tensor:
        return -torch.cdist(x.flatten(1), self.points)


def _tasks() -> Task:
    part = Examples(torch.randn(2, 6, 1, 4, 4), one_hot(torch.arange(6) % 3, 3).expand(2, -1, -1))
    return Task(part, part)


def test_the_operation_is_named() -> None:
    with pytest.raises(NetworkError, match=r"^maml: .*second derivative.*cdist has none.*--order 1"):
        accumulate_meta_gradient(MAML(), _Distances(), _tasks(), mode="loop")


def test_the_operation_is_named_under_vmap() -> None:
    with pytest.raises(NetworkError, match="cdist"):
        accumulate_meta_gradient(MAML(), _Distances(), _tasks())


def test_first_order_needs_no_second_derivative() -> None:
    cost, _ = accumulate_meta_gradient(MAML(order=1), _Distances(), _tasks(), mode="loop")
    assert bool(torch.isfinite(cost))


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * 2


def test_a_once_differentiable_function_raises_an_error() -> None:
    x = torch.ones(1, requires_grad=True)
    (first,) = torch.autograd.grad((_Once.apply(x) ** 2).sum(), x, create_graph=True)
    with pytest.raises(NetworkError, match="marked once_differentiable has none"), explain_missing_derivatives("here"):
        first.sum().backward()


def test_other_errors_are_raised_unchanged() -> None:
    with pytest.raises(RuntimeError, match="mine"), explain_missing_derivatives("here"):
        raise RuntimeError("mine")
