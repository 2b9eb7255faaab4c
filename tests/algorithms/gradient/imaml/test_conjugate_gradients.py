"""Conjugate gradients against a direct solve, and on problems without a solution."""

import pytest
import torch
from torch import Tensor

from tokay.algorithms.gradient.imaml.conjugate_gradients import conjugate_gradients
from tokay.core.inner.descent import Params

SHAPES = {"a": (2, 3), "b": (4,)}
SIZE = 10


def pack(values: Params) -> Tensor:
    return torch.cat([values[name].flatten() for name in SHAPES])


def unpack(flat: Tensor) -> Params:
    return {"a": flat[:6].reshape(2, 3), "b": flat[6:]}


def matrix(*, smallest: float = 0.5) -> Tensor:
    """Symmetric, with eigenvalues from ``smallest`` to 5."""
    basis = torch.linalg.qr(torch.randn(SIZE, SIZE, dtype=torch.float64))[0]
    return basis @ torch.diag(torch.linspace(smallest, 5, SIZE, dtype=torch.float64)) @ basis.T


def solve(a: Tensor, b: Tensor, steps: int, min_curvature: float = 0.0) -> Tensor:
    return pack(conjugate_gradients(lambda v: unpack(a @ pack(v)), unpack(b), steps, min_curvature=min_curvature))


def test_as_many_steps_as_unknowns_solve_exactly() -> None:
    a, b = matrix(), torch.randn(SIZE, dtype=torch.float64)
    torch.testing.assert_close(solve(a, b, SIZE), torch.linalg.solve(a, b), rtol=1e-9, atol=1e-11)
    assert not torch.allclose(solve(a, b, SIZE - 3), torch.linalg.solve(a, b), rtol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_few_steps_are_the_best_of_the_krylov_space(steps: int) -> None:
    """After k steps x minimises 1/2 xᵀAx - bᵀx over span{b, Ab, ..., A^(k-1) b}."""
    a, b = matrix(), torch.randn(SIZE, dtype=torch.float64)
    krylov = [b]
    for _ in range(steps - 1):
        krylov.append(a @ krylov[-1])
    span = torch.linalg.qr(torch.stack(krylov, 1))[0]
    best = span @ torch.linalg.solve(span.T @ a @ span, span.T @ b)
    torch.testing.assert_close(solve(a, b, steps), best, rtol=1e-9, atol=1e-11)


def test_more_steps_than_needed_stay_at_the_solution() -> None:
    """Past the exact solution the residual is rounding error, then zero."""
    a, b = matrix(), torch.randn(SIZE, dtype=torch.float64)
    torch.testing.assert_close(solve(a, b, 500), torch.linalg.solve(a, b), rtol=1e-9, atol=1e-11)


def test_a_residual_of_exactly_zero() -> None:
    b = torch.randn(SIZE, dtype=torch.float64)
    assert torch.equal(solve(torch.eye(SIZE).double(), b, 7), b)
    assert torch.equal(solve(matrix(), torch.zeros_like(b), 7), torch.zeros_like(b))


def test_stops_where_the_matrix_curves_down() -> None:
    """If b is such a direction, x = b, as for the identity. If a later direction is, x is the result before it."""
    b = torch.randn(SIZE, dtype=torch.float64)
    for down in (-1.0, 0.0):
        assert torch.equal(solve(down * torch.eye(SIZE).double(), b, 6), b)
    a = torch.diag(torch.tensor([2.0, 1, 1, 1, 1, 1, 1, 1, 1, -1])).double()
    b = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0.3]).double()
    first = b * (b @ b) / (b @ a @ b)
    residual = b - a @ first
    direction = residual + b * (residual @ residual) / (b @ b)
    assert direction @ a @ direction < 0 < b @ a @ b
    for steps in (1, 2, 3, 9):
        torch.testing.assert_close(solve(a, b, steps), first)


def test_stops_where_the_matrix_curves_too_little() -> None:
    """The limit scales with the direction. A matrix that curves more in every direction is not affected."""
    a, b = matrix(smallest=0.5), torch.randn(SIZE, dtype=torch.float64)
    torch.testing.assert_close(solve(a, b, SIZE, min_curvature=0.49), solve(a, b, SIZE), rtol=0, atol=0)
    for size in (1e-3, 1e3):
        flat = torch.diag(torch.tensor([2.0, 1, 1, 1, 1, 1, 1, 1, 1, 0.1])).double()
        b = size * torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 2]).double()
        curvature = (b @ flat @ b) / (b @ b)
        first = b / curvature
        assert torch.equal(solve(flat, b, 4, min_curvature=float(curvature) + 0.01), b)
        residual = b - flat @ first
        direction = residual + b * (residual @ residual) / (b @ b)
        second = (direction @ flat @ direction) / (direction @ direction)
        assert second < curvature
        torch.testing.assert_close(solve(flat, b, 4, min_curvature=float(second) + 0.01), first)
        torch.testing.assert_close(solve(flat, b, 4, min_curvature=float(second) - 0.01), torch.linalg.solve(flat, b))


def test_nan_stays_visible() -> None:
    b = torch.randn(SIZE, dtype=torch.float64)
    for steps in (1, 3):
        assert bool(solve(torch.nan * matrix(), b, steps).isnan().all())
    assert bool(solve(matrix(), b / 0, 3).isnan().any())


def test_a_matrix_that_is_far_too_large_or_small() -> None:
    for scale in (1e-30, 1e30):
        a, b = scale * matrix(), torch.randn(SIZE, dtype=torch.float64)
        torch.testing.assert_close(solve(a, b, SIZE) * scale, torch.linalg.solve(a / scale, b), rtol=1e-8, atol=1e-10)


def test_mapped_over_tasks() -> None:
    """Tasks that end early, or have nothing to solve, do not change the other tasks."""
    a = torch.stack([matrix(), torch.eye(SIZE).double(), matrix(), -torch.eye(SIZE).double()])
    b = torch.randn(4, SIZE, dtype=torch.float64)
    b[2] = 0
    mapped = torch.func.vmap(lambda a, b: solve(a, b, SIZE))(a, b)
    for row, expected in zip(mapped, [torch.linalg.solve(a[0], b[0]), b[1], b[2], b[3]], strict=True):
        torch.testing.assert_close(row, expected, rtol=1e-9, atol=1e-11)
