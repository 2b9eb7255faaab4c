"""Beads against the mixture written out, EM against its guarantee, registration against known maps."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from tokay.algorithms.generative.strokes.beads import (
    Ink,
    Noise,
    Warp,
    beads_to_ink,
    doubled_directions,
    em_step,
    log_bessel,
    log_joint,
    log_likelihood,
    register,
    warp_basis,
)


def noise(spread: float = 0.1, concentration: float = 1.5, stray: float = 0.05) -> Noise:
    return Noise(*(torch.tensor(number, dtype=torch.float64) for number in (spread, concentration, stray)))


def letter(n: int = 30) -> tuple[Tensor, Tensor, Tensor]:
    """Positions, one-hot strokes and joints of a letter like h: a stem and an arch."""
    t = torch.linspace(0, 1, n, dtype=torch.float64)
    stem = torch.stack([0.6 * t - 0.3, torch.full_like(t, -0.15)], 1)
    arch = torch.stack([0.3 - 0.35 * (math.pi * t).sin(), 0.3 * t - 0.15], 1)
    stroke = torch.eye(2, dtype=torch.float64).repeat_interleave(n, 0)
    joined = torch.ones(2 * n, dtype=torch.float64)
    joined[n - 1] = joined[-1] = 0
    places = torch.cat([stem, arch])
    return places - places.mean(0), stroke, joined


def test_the_likelihood_is_the_mixture() -> None:
    points, _, joined = letter(3)
    drawing = Ink(
        torch.randn(4, 2).double() / 5, doubled_directions(torch.randn(4, 2).double(), torch.ones(4).double())
    )
    s, k, w = noise()
    own = doubled_directions(points, joined)
    density = torch.zeros(4, dtype=torch.float64)
    for place, direction in zip(points, own, strict=True):
        sq_distance = (drawing.points - place).square().sum(1)
        von_mises = (k * drawing.directions @ direction).exp() / torch.special.i0(k)
        density += (1 - w) / 6 * (-sq_distance / (2 * s**2)).exp() / (2 * math.pi * s**2) * von_mises
    expected = (density + w).log().mean()
    torch.testing.assert_close(log_likelihood(points, joined, drawing, noise()), expected)


def test_it_is_a_density() -> None:
    """It integrates to 1 over the unit square and all directions, relative to uniform directions."""
    at = (torch.arange(100, dtype=torch.float64) + 0.5) / 100 - 0.5
    points, joined = torch.tensor([[0.0, -0.02], [0.0, 0.02]]).double(), torch.tensor([1.0, 0.0]).double()
    total = 0.0
    for angle in (torch.arange(8, dtype=torch.float64) + 0.5) * math.pi / 4:
        direction = torch.stack([angle.cos(), angle.sin()]).expand(10_000, 2)
        log_p = log_joint(points, joined, Ink(torch.cartesian_prod(at, at), direction), noise(0.05, 1.0))
        total += float((log_p.exp().sum(0) + 0.05).mean()) / 8
    assert total == pytest.approx(1, abs=1e-3)


def test_log_bessel() -> None:
    k = torch.tensor([0.0, 0.5, 3.0, 500.0], dtype=torch.float64)
    torch.testing.assert_close(log_bessel(k)[:3], torch.special.i0(k[:3]).log())
    assert log_bessel(k)[3].item() == pytest.approx(500 - math.log(2 * math.pi * 500) / 2, rel=1e-4)


def test_directions_are_doubled_angles() -> None:
    """Equal for both ways along a stroke, opposite at right angles, zero for a dot and across a gap."""
    line_joined, gap = torch.tensor([1.0, 1.0, 0.0]).double(), torch.tensor([0.0, 0.0, 0.0]).double()
    for angle in (0.0, 0.4, 2.0):
        step = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        line = torch.arange(3.0, dtype=torch.float64)[:, None] * step
        expected = torch.tensor([math.cos(2 * angle), math.sin(2 * angle)], dtype=torch.float64).expand(3, 2)
        torch.testing.assert_close(doubled_directions(line, line_joined), expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(doubled_directions(-line, line_joined), expected, rtol=0, atol=1e-5)
        assert not bool(doubled_directions(line, gap).any())
    corner = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]).double()
    torch.testing.assert_close(
        doubled_directions(corner, line_joined), torch.tensor([[-1.0, 0], [0, 1], [1, 0]]).double(), rtol=0, atol=1e-5
    )


def test_the_basis_moves_what_it_says() -> None:
    points, stroke, _ = letter()
    basis, group = warp_basis(points, stroke, Warp())
    assert basis.shape == (60, 1 + 2 + 2 + 16)
    assert group.tolist() == [0] + [1] * 2 + [2] * 2 + [3] * 16
    assert basis[:, 0].tolist() == [0.05] * 60
    torch.testing.assert_close(basis[:, 1:3], 0.45 * points)
    torch.testing.assert_close(basis[:, 3:5], 0.02 * stroke)
    sq_distance = (points[7] - torch.tensor([-0.4, 0.4 - 0.8 / 3]).double()).square().sum()
    torch.testing.assert_close(basis[7, 5 + 2], 0.05 * (-sq_distance / (2 * 0.18**2)).exp())


def objective(z: Tensor, parts: dict[str, Any]) -> float:
    places = parts["points"] + parts["basis"] @ z
    fit = 60 * log_likelihood(places, parts["joined"], parts["ink"], parts["noise"])
    return float(fit - z.square().sum() / 2)


def target(matrix: list[list[float]], shift: list[float]) -> tuple[dict[str, Any], Tensor]:
    points, stroke, joined = letter()
    places = points @ torch.tensor(matrix, dtype=torch.float64) + torch.tensor(shift, dtype=torch.float64)
    basis, _ = warp_basis(points, stroke, Warp(smooth=0.01, stroke=0.001))
    ink = Ink(places, doubled_directions(places, joined))
    return {"points": points, "basis": basis, "joined": joined, "ink": ink, "noise": noise(0.05, 1e-9)}, places


def test_every_em_step_raises_the_posterior() -> None:
    """The posterior of the warp, with directions that carry no information, until it converges."""
    parts, _ = target([[1.2, 0.2], [-0.3, 0.9]], [0.03, -0.02])
    z = torch.zeros(parts["basis"].shape[1], 2, dtype=torch.float64)
    heights = [objective(z, parts)]
    for _ in range(60):
        z = em_step(z, **parts)
        heights.append(objective(z, parts))
    assert all(b >= a - 1e-9 for a, b in pairwise(heights))
    assert heights[1] > heights[0] + 1
    assert heights[-1] - heights[-2] < 1e-3


def test_em_ends_where_the_slope_is_zero() -> None:
    parts, _ = target([[1.1, 0.1], [-0.1, 0.9]], [0.0, 0.0])
    z = torch.zeros(parts["basis"].shape[1], 2, dtype=torch.float64)
    for _ in range(400):
        z = em_step(z, **parts)
    z.requires_grad_()
    places = parts["points"] + parts["basis"] @ z
    cost = 60 * log_likelihood(places, parts["joined"], parts["ink"], parts["noise"]) - z.square().sum() / 2
    (slope,) = torch.autograd.grad(cost, z)
    assert float(slope.abs().max()) < 1e-3


@pytest.mark.parametrize(
    "matrix, shift",
    [
        ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]),
        ([[1.3, 0.0], [0.0, 0.8]], [0.02, 0.01]),
        ([[0.94, 0.34], [-0.34, 0.94]], [0.0, 0.0]),  # 20 degrees
        ([[1.0, 0.3], [0.0, 1.0]], [-0.03, 0.02]),
    ],
    ids=["same", "scaled", "rotated", "sheared"],
)
def test_a_known_affine_map_is_found_again(matrix: list[list[float]], shift: list[float]) -> None:
    parts, goal = target(matrix, shift)
    narrow = {**parts, "noise": noise(0.01, 1.5, 0.01)}
    z = register(**narrow, steps=40, wide=0.1)
    places = parts["points"] + parts["basis"] @ z
    assert float((places - goal).square().sum(1).mean().sqrt()) < 0.006
    ridge = torch.eye(2).double() + 0.45 * z[1:3]
    torch.testing.assert_close(ridge, torch.tensor(matrix).double(), rtol=0, atol=0.05)


def test_the_last_step_is_at_the_narrow_spread_and_the_first_at_the_wide() -> None:
    parts, _ = target([[1.1, 0.0], [0.0, 1.0]], [0.0, 0.0])
    z = torch.zeros(parts["basis"].shape[1], 2, dtype=torch.float64)
    first = em_step(z, **{**parts, "noise": noise(0.2, 1e-9)})
    both = em_step(first, **parts)
    torch.testing.assert_close(register(**parts, steps=2, wide=0.2), both)


def test_many_pairs_at_once_are_each_by_itself() -> None:
    points, stroke, joined = letter()
    programs = torch.stack([points, points * torch.tensor([1.0, 0.7]).double(), points.flip(1)])
    basis, _ = warp_basis(programs, stroke.expand(3, -1, -1), Warp())
    drawings = beads_to_ink(
        torch.stack([points * 1.1, points @ torch.tensor([[1.0, 0.2], [0.0, 1.0]]).double()])[:, None], joined
    )
    z = register(programs, basis, joined.expand(3, -1), drawings, steps=5, noise=noise(0.03), wide=0.1)
    assert z.shape == (2, 3, 21, 2)
    for m in range(2):
        for n in range(3):
            ink = Ink(drawings.points[m, 0], drawings.directions[m, 0])
            single = register(programs[n], basis[n], joined, ink, steps=5, noise=noise(0.03), wide=0.1)
            torch.testing.assert_close(z[m, n], single)
