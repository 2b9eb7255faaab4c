"""Conjugate gradients on parameters: solves ``A x = b``. A is only known by its product with a vector."""

from collections.abc import Callable

import torch
from torch import Tensor

from ....core.inner.descent import Params, dot


def conjugate_gradients(
    product: Callable[[Params], Params], b: Params, steps: int, *, min_curvature: float = 0.0
) -> Params:
    """Returns x after ``steps`` steps from zero towards ``A x = b``.

    ``product(v)`` must return A v, with a symmetric A.

    After k steps x minimises 1/2 xᵀAx - bᵀx over the Krylov space span{b, Ab, ..., A^(k-1) b}. The solution is exact
    after as many steps as there are unknowns.

    The solve ends early in two cases: if the residual is zero, and if a direction p has pᵀAp <= ``min_curvature`` pᵀp.
    With ``min_curvature`` 0 the second case means that A is not positive definite, so that there is no minimum. With a
    larger value no step is longer than the residual / ``min_curvature``. If the first direction b is such a direction,
    x = b, the solution for A = I.

    An ended solve still computes, but its step size is zero. So there is no branch, and the function can be mapped over
    tasks.

    >>> x = conjugate_gradients(lambda v: {"w": v["w"] * torch.tensor([2.0, 4.0])}, {"w": torch.ones(2)}, steps=2)
    >>> [round(float(value), 4) for value in x["w"]]
    [0.5, 0.25]
    """
    x: Params = {name: torch.zeros_like(values) for name, values in b.items()}
    residual, direction = b, b
    square = dot(b, b)
    active = torch.ones_like(square, dtype=torch.bool)
    for step in range(steps):
        image = product(direction)
        curvature = dot(direction, image)
        floor = min_curvature * dot(direction, direction) if min_curvature else 0
        active = active & ~(curvature <= floor)  # NaN stays active, so that it shows in the result
        step_size = torch.where(active, square / torch.where(active, curvature, 1), 0)
        x = _step(x, step_size if step else torch.where(active, step_size, 1), direction)
        residual = _step(residual, -step_size, image)
        previous_square, square = square, dot(residual, residual)
        ratio = torch.where(previous_square > 0, square / torch.where(previous_square > 0, previous_square, 1), 0)
        direction = _step(residual, ratio, direction)
    return x


def _step(start: Params, step_size: Tensor, direction: Params) -> Params:
    """start + step_size * direction"""
    return {name: values + step_size * direction[name] for name, values in start.items()}
