"""Conjugate gradients on parameters: solves ``A x = b`` where A is only known by what it makes of a vector."""

from collections.abc import Callable

import torch
from torch import Tensor

from ....core.inner.descent import Params, dot


def conjugate_gradients(product: Callable[[Params], Params], b: Params, steps: int, *, least: float = 0.0) -> Params:
    """x after ``steps`` steps from zero towards ``A x = b``; ``product`` multiplies by a symmetric A.

    Every step is the best that its Krylov space has: x minimises 1/2 xᵀAx - bᵀx over span{b, Ab, A²b, ...}.
    As many steps as unknowns solve exactly. A solve ends early, by arithmetic and not by a branch so that it can be
    mapped over tasks: where the residual is zero, and along a direction p with pᵀAp <= ``least`` pᵀp. At 0 A is not
    positive definite there and the minimum is nowhere; above 0 no step is longer than the residual / ``least``. If b is
    such a direction itself, x = b, the answer of A = I.

    >>> x = conjugate_gradients(lambda v: {"w": v["w"] * torch.tensor([2.0, 4.0])}, {"w": torch.ones(2)}, steps=2)
    >>> [round(float(value), 4) for value in x["w"]]
    [0.5, 0.25]
    """
    x: Params = {name: torch.zeros_like(values) for name, values in b.items()}
    residual, direction = b, b
    square = dot(b, b)
    going = torch.ones_like(square, dtype=torch.bool)
    for step in range(steps):
        image = product(direction)
        curvature = dot(direction, image)
        floor = least * dot(direction, direction) if least else 0
        going = going & ~(curvature <= floor)  # what is not a number goes on, to be seen
        length = torch.where(going, square / torch.where(going, curvature, 1), 0)
        x = _along(x, length if step else torch.where(going, length, 1), direction)
        residual = _along(residual, -length, image)
        before, square = square, dot(residual, residual)
        turn = torch.where(before > 0, square / torch.where(before > 0, before, 1), 0)
        direction = _along(residual, turn, direction)
    return x


def _along(start: Params, length: Tensor, direction: Params) -> Params:
    """start + length * direction"""
    return {name: values + length * direction[name] for name, values in start.items()}
