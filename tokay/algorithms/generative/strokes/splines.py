"""Cubic B-splines: smooth curves with few control points, fitted to traced lines by least squares."""

import torch
from torch import Tensor

DEGREE = 3


def spline_basis(position: Tensor, controls: int) -> Tensor:
    """Values of ``controls`` cubic B-splines at each ``position`` [n] in [0, 1]. Returns [n, controls].

    The knots are uniform and clamped, so a curve starts at its first control point and ends at its last. Computed by
    the recursion of Cox and de Boor.

    >>> spline_basis(torch.tensor([0.0, 0.5, 1.0]), 4)
    tensor([[1.0000, 0.0000, 0.0000, 0.0000],
            [0.1250, 0.3750, 0.3750, 0.1250],
            [0.0000, 0.0000, 0.0000, 1.0000]])
    """
    inner = torch.linspace(0, 1, controls - DEGREE + 1, dtype=position.dtype, device=position.device)
    knots = torch.cat([inner.new_zeros(DEGREE), inner, inner.new_ones(DEGREE)])
    position = position[:, None]
    at_end = position >= 1  # belongs to the last interval, which is closed
    values = ((knots[:-1] <= position) & (position < knots[1:])).to(position.dtype)
    values[:, controls - 1 : controls] += at_end.to(position.dtype)
    for k in range(1, DEGREE + 1):
        rise, fall = knots[k:-1] - knots[: -k - 1], knots[k + 1 :] - knots[1:-k]
        up = torch.where(rise > 0, (position - knots[: -k - 1]) / rise.clamp_min(1e-12), 0)
        down = torch.where(fall > 0, (knots[k + 1 :] - position) / fall.clamp_min(1e-12), 0)
        values = up * values[:, :-1] + down * values[:, 1:]
    return values


def relative_length(points: Tensor) -> Tensor:
    """Length of the line up to each of its points [n, 2], as a share of the whole length: from 0 to 1."""
    steps = (points[1:] - points[:-1]).norm(dim=-1)
    length = torch.cat([steps.new_zeros(1), steps.cumsum(0)])
    return length / length[-1].clamp_min(1e-12)


def fit_spline(points: Tensor, controls: int, *, ridge: float = 1e-6) -> Tensor:
    """Control points [controls, 2] of the curve closest to a line of points [n, 2], by least squares.

    The ridge penalises control points at uneven distances. It decides the fit if there are fewer points than control
    points.
    """
    values = spline_basis(relative_length(points), controls)  # [n, controls]
    bend = torch.diff(torch.eye(controls, dtype=points.dtype, device=points.device), n=2, dim=0)
    matrix = values.mT @ values + ridge * (bend.mT @ bend + 1e-3 * torch.eye(controls, dtype=points.dtype))
    centre = points.mean(0)  # the ridge then shrinks towards the line, not towards 0
    control: Tensor = torch.linalg.solve(matrix, values.mT @ (points - centre)) + centre
    return control


def sample_spline(control: Tensor, n: int) -> Tensor:
    """Place ``n`` points on a curve at even distances. Returns [n, 2]."""
    fine = spline_basis(torch.linspace(0, 1, 4 * n + 1, dtype=control.dtype), len(control)) @ control
    length = relative_length(fine).contiguous()
    position = torch.linspace(0, 1, n, dtype=control.dtype)
    right = torch.searchsorted(length, position).clamp(1, len(fine) - 1)
    share = ((position - length[right - 1]) / (length[right] - length[right - 1]).clamp_min(1e-12)).clamp(0, 1)
    return torch.lerp(fine[right - 1], fine[right], share[:, None])
