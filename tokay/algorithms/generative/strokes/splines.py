"""Cubic B-splines: smooth curves from few control points, fitted to traced lines by least squares."""

import torch
from torch import Tensor

DEGREE = 3


def basis(at: Tensor, controls: int) -> Tensor:
    """The value of each of ``controls`` cubic B-splines at positions ``at`` [n] in [0, 1] -> [n, controls].

    Knots are uniform and clamped, so that a curve begins at its first control point and ends at its last. By the
    recursion of Cox and de Boor.

    >>> basis(torch.tensor([0.0, 0.5, 1.0]), 4)
    tensor([[1.0000, 0.0000, 0.0000, 0.0000],
            [0.1250, 0.3750, 0.3750, 0.1250],
            [0.0000, 0.0000, 0.0000, 1.0000]])
    """
    inner = torch.linspace(0, 1, controls - DEGREE + 1, dtype=at.dtype, device=at.device)
    knots = torch.cat([inner.new_zeros(DEGREE), inner, inner.new_ones(DEGREE)])
    at = at[:, None]
    last = at >= 1  # belongs to the last interval, which is closed
    found = ((knots[:-1] <= at) & (at < knots[1:])).to(at.dtype)
    found[:, controls - 1 : controls] += last.to(at.dtype)
    for k in range(1, DEGREE + 1):
        rise, fall = knots[k:-1] - knots[: -k - 1], knots[k + 1 :] - knots[1:-k]
        up = torch.where(rise > 0, (at - knots[: -k - 1]) / rise.clamp_min(1e-12), 0)
        down = torch.where(fall > 0, (knots[k + 1 :] - at) / fall.clamp_min(1e-12), 0)
        found = up * found[:, :-1] + down * found[:, 1:]
    return found


def by_length(points: Tensor) -> Tensor:
    """How far along a line each of its points [n, 2] is, from 0 to 1."""
    steps = (points[1:] - points[:-1]).norm(dim=-1)
    along = torch.cat([steps.new_zeros(1), steps.cumsum(0)])
    return along / along[-1].clamp_min(1e-12)


def fit_spline(points: Tensor, controls: int, *, ridge: float = 1e-6) -> Tensor:
    """The control points [controls, 2] of the curve nearest to a line of points [n, 2], by least squares.

    The ridge, on how unevenly control points are spread, decides where there are fewer points than control points.
    """
    values = basis(by_length(points), controls)  # [n, controls]
    bend = torch.diff(torch.eye(controls, dtype=points.dtype, device=points.device), n=2, dim=0)
    left = values.mT @ values + ridge * (bend.mT @ bend + 1e-3 * torch.eye(controls, dtype=points.dtype))
    centre = points.mean(0)  # so that the ridge draws towards the line itself
    found: Tensor = torch.linalg.solve(left, values.mT @ (points - centre)) + centre
    return found


def along_spline(control: Tensor, n: int) -> Tensor:
    """``n`` points of a curve, [n, 2], at even distances."""
    fine = basis(torch.linspace(0, 1, 4 * n + 1, dtype=control.dtype), len(control)) @ control
    along = by_length(fine).contiguous()
    wanted = torch.linspace(0, 1, n, dtype=control.dtype)
    right = torch.searchsorted(along, wanted).clamp(1, len(fine) - 1)
    share = ((wanted - along[right - 1]) / (along[right] - along[right - 1]).clamp_min(1e-12)).clamp(0, 1)
    return torch.lerp(fine[right - 1], fine[right], share[:, None])
