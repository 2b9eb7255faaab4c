"""How well a program explains a drawing: ink is a mixture of Gaussian beads along warped strokes.

At a point of ink q the pen moves in direction o. o is a doubled angle, because the pen may have moved either way. One of
N beads made the point, or it is stray ink:

    p(q, o) = (1 - w)/N Σ_i N(q; t_i, s² I) · exp(κ o·o_i) / I₀(κ)  +  w,        t = b + Φ z,   z ~ N(0, I).

The beads b come from the program and are centred on their mean. Φ z says how this drawing differs from the program (BPL
calls it token noise): a shift, an affine map, one shift per stroke, and a smooth warp of the plane. The idea of beads is
from Revow, Williams & Hinton, 1996, "Using generative models for handwritten digit recognition".

All functions accept leading axes that broadcast, and run under ``vmap``.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

GRID = 4  # the smooth warp has GRID x GRID bumps


class Warp(NamedTuple):
    """Standard deviations between drawings of one character. The side of the picture is 1."""

    shift: float = 0.05
    """of the position of the whole drawing"""
    affine: float = 0.15
    """of scale, rotation and shear, for a character a third as large as the picture"""
    stroke: float = 0.02
    """of the position of each stroke"""
    smooth: float = 0.05
    """of the height of each bump that bends the plane"""
    width: float = 0.18
    """width of a bump"""


class Ink(NamedTuple):
    """A drawing to explain: points [N, 2] centred on their mean, and doubled directions [N, 2]."""

    points: Tensor
    directions: Tensor


class Noise(NamedTuple):
    """How ink scatters around the beads: three positive numbers."""

    spread: Tensor  # s, standard deviation of a bead
    concentration: Tensor  # κ, concentration of directions
    stray: Tensor  # w, share of stray ink


def doubled_directions(points: Tensor, joined: Tensor) -> Tensor:
    """(cos 2θ, sin 2θ) of the curve at each of its points [..., N, 2]. A dot has no direction and gets (0, 0).

    θ is the angle of the chord between the two neighbours on the same stroke. ``joined`` [..., N] is 1 if the next
    point lies on the same stroke, else 0.
    """
    steps = (points[..., 1:, :] - points[..., :-1, :]) * joined[..., :-1, None]
    none = torch.zeros_like(points[..., :1, :])
    a, b = (torch.cat([steps, none], -2) + torch.cat([none, steps], -2)).unbind(-1)
    return torch.stack([a * a - b * b, 2 * a * b], -1) / (a * a + b * b + 1e-6)[..., None]


def beads_to_ink(beads: Tensor, joined: Tensor) -> Ink:
    """Turn the beads [..., N, 2] of a drawing into the ink that another program must explain."""
    return Ink(beads - beads.mean(-2, keepdim=True), doubled_directions(beads, joined))


def warp_basis(points: Tensor, stroke: Tensor, warp: Warp) -> tuple[Tensor, Tensor]:
    """Basis Φ [..., N, k] of the warp, and the group of each of its columns [k].

    Groups are 0 shift, 1 affine, 2 strokes, 3 smooth. ``points`` [..., N, 2] are centred on their mean; ``stroke``
    [..., N, S] is one-hot.
    """
    bumps = torch.linspace(-0.4, 0.4, GRID, dtype=points.dtype, device=points.device)
    grid = torch.cartesian_prod(bumps, bumps)
    square = (points[..., :, None, :] - grid).square().sum(-1)  # [..., N, GRID²]
    groups = (
        torch.full_like(points[..., :1], warp.shift),
        points * (3 * warp.affine),
        stroke * warp.stroke,
        warp.smooth * (-square / (2 * warp.width**2)).exp(),
    )
    numbers = [number for number, group in enumerate(groups) for _ in range(group.shape[-1])]
    return torch.cat(groups, -1), torch.tensor(numbers, device=points.device)


def log_bessel(concentration: Tensor) -> Tensor:
    """log I₀(κ): the normalising constant of the von Mises distribution, relative to the uniform one."""
    scaled: Tensor = torch.special.i0e(concentration)
    return scaled.log() + concentration


def log_joint(beads: Tensor, joined: Tensor, ink: Ink, noise: Noise) -> Tensor:
    """log of (1 - w)/N times the density of each point of ink under each bead: [..., N, points].

    A single matrix product computes it.
    """
    s, k, w = noise
    constant = ((1 - w) / beads.shape[-2]).log() - (2 * math.pi * s * s).log() - log_bessel(k)
    bead_term = constant - beads.square().sum(-1, keepdim=True) / (2 * s * s)
    ink_term = -ink.points.square().sum(-1, keepdim=True) / (2 * s * s)
    bead_rows = torch.cat(
        [beads / (s * s), k * doubled_directions(beads, joined), bead_term, torch.ones_like(bead_term)], -1
    )
    ink_rows = torch.cat([ink.points, ink.directions, torch.ones_like(ink_term), ink_term], -1)
    return bead_rows @ ink_rows.mT


def log_likelihood(beads: Tensor, joined: Tensor, ink: Ink, noise: Noise) -> Tensor:
    """Mean of log p over the points of ink: [...]."""
    log_p = log_joint(beads, joined, ink, noise)
    return torch.logaddexp(torch.logsumexp(log_p, -2), noise.stray.log()).mean(-1)


def em_step(z: Tensor, points: Tensor, basis: Tensor, joined: Tensor, ink: Ink, noise: Noise) -> Tensor:
    """One EM step for the coefficients z [..., k, 2] of the warp. The warped beads lie at Φ z + b.

    The E-step computes from the current warp which bead made which point. The M-step is then a ridge regression in
    closed form: it ignores the directions of the warped beads, which count in the E-step only.
    """
    log_p = log_joint(points + basis @ z, joined, ink, noise)
    total = torch.logaddexp(torch.logsumexp(log_p, -2, keepdim=True), noise.stray.log())
    share = (log_p - total).exp()  # [..., N, points]
    mass = share.sum(-1, keepdim=True)
    residual = share @ ink.points - mass * points  # [..., N, 2]
    variance = noise.spread**2
    identity = torch.eye(basis.shape[-1], dtype=basis.dtype, device=basis.device)
    solution: Tensor = torch.linalg.solve(basis.mT @ (mass * basis) + variance * identity, basis.mT @ residual)
    return solution


def register(
    points: Tensor, basis: Tensor, joined: Tensor, ink: Ink, *, steps: int, noise: Noise, wide: float
) -> Tensor:
    """Find the warp z [..., k, 2] of a program onto a drawing by EM.

    The spread of the beads shrinks from ``wide`` to ``noise.spread`` over the steps.
    """
    z = torch.zeros_like(basis.mT @ (points - ink.points.mean(-2, keepdim=True)))  # [..., k, 2], axes broadcast
    narrow = noise.spread
    for step in range(steps):
        remaining = 1 - step / max(steps - 1, 1)  # 1 at the first step, 0 at the last
        z = em_step(z, points, basis, joined, ink, noise._replace(spread=narrow * (wide / narrow) ** remaining))
    return z
