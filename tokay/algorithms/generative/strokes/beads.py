"""How well a program explains a drawing: ink as a mixture of Gaussian beads along warped strokes.

A point of ink q, where the pen moves in direction o (a doubled angle: the pen may have moved either way), was made by
one of N beads or comes from anywhere:

    p(q, o) = (1 - w)/N Σ_i N(q; t_i, s² I) · exp(κ o·o_i) / I₀(κ)  +  w,        t = b + Φ z,   z ~ N(0, I).

Beads b are those of the program, about their mean; Φ z is how this drawing of it differs (token noise, in BPL's words):
a shift, an affine map, strokes shifted each for itself, and a smooth warp of the plane. Beads for handwriting are from
Revow, Williams & Hinton, 1996, "Using generative models for handwritten digit recognition".

All functions take any leading axes that broadcast, and run under ``vmap``.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

GRID = 4  # bumps of the smooth warp, along each side


class Warp(NamedTuple):
    """How far drawings of one character differ, as standard deviations; the picture's side is 1."""

    shift: float = 0.05
    """of the whole"""
    affine: float = 0.15
    """of scales, rotation and shear, where the character is as large as a third of the picture"""
    stroke: float = 0.02
    """of each stroke's place"""
    smooth: float = 0.05
    """of each of the bumps that bend the plane"""
    width: float = 0.18
    """of a bump"""


class Ink(NamedTuple):
    """A drawing as it is explained: points [N, 2] about their mean, and doubled directions [N, 2]."""

    points: Tensor
    directions: Tensor


class Noise(NamedTuple):
    """How ink scatters about the beads: three positive numbers."""

    spread: Tensor  # s, of a bead
    concentration: Tensor  # κ, of directions
    stray: Tensor  # w, the share of ink from anywhere


def doubled_directions(points: Tensor, joined: Tensor) -> Tensor:
    """(cos 2θ, sin 2θ) of the curve at each of its points [..., N, 2]; (0, 0) for a dot, which has none.

    θ is that of the chord between the neighbours on the same stroke (``joined`` [..., N]: the next point is of it).
    """
    steps = (points[..., 1:, :] - points[..., :-1, :]) * joined[..., :-1, None]
    none = torch.zeros_like(points[..., :1, :])
    a, b = (torch.cat([steps, none], -2) + torch.cat([none, steps], -2)).unbind(-1)
    return torch.stack([a * a - b * b, 2 * a * b], -1) / (a * a + b * b + 1e-6)[..., None]


def ink(beads: Tensor, joined: Tensor) -> Ink:
    """What there is to explain of a program's drawing: its own beads."""
    return Ink(beads - beads.mean(-2, keepdim=True), doubled_directions(beads, joined))


def warp_basis(points: Tensor, stroke: Tensor, warp: Warp) -> tuple[Tensor, Tensor]:
    """Φ [..., N, k], by which each coordinate moves, and which group each column is of [k]: 0 shift, 1 affine,
    2 strokes, 3 smooth. ``points`` are about their mean."""
    bumps = torch.linspace(-0.4, 0.4, GRID, dtype=points.dtype, device=points.device)
    grid = torch.cartesian_prod(bumps, bumps)
    square = (points[..., :, None, :] - grid).square().sum(-1)  # [..., N, GRID²]
    groups = (
        torch.full_like(points[..., :1], warp.shift),
        points * (3 * warp.affine),
        stroke * warp.stroke,
        warp.smooth * (-square / (2 * warp.width**2)).exp(),
    )
    which = [number for number, group in enumerate(groups) for _ in range(group.shape[-1])]
    return torch.cat(groups, -1), torch.tensor(which, device=points.device)


def log_bessel(concentration: Tensor) -> Tensor:
    """log I₀(κ), the constant of the von Mises distribution relative to the uniform one."""
    scaled: Tensor = torch.special.i0e(concentration)
    return scaled.log() + concentration


def joint(beads: Tensor, joined: Tensor, seen: Ink, noise: Noise) -> Tensor:
    """log of (1 - w)/N times the density of each point of ink under each bead: [..., N, points]. One matrix product."""
    s, k, w = noise
    constant = ((1 - w) / beads.shape[-2]).log() - (2 * math.pi * s * s).log() - log_bessel(k)
    own = constant - beads.square().sum(-1, keepdim=True) / (2 * s * s)
    theirs = -seen.points.square().sum(-1, keepdim=True) / (2 * s * s)
    left = torch.cat([beads / (s * s), k * doubled_directions(beads, joined), own, torch.ones_like(own)], -1)
    right = torch.cat([seen.points, seen.directions, torch.ones_like(theirs), theirs], -1)
    return left @ right.mT


def log_likelihood(beads: Tensor, joined: Tensor, seen: Ink, noise: Noise) -> Tensor:
    """The mean of log p over the points of ink: [...]."""
    each = joint(beads, joined, seen, noise)
    return torch.logaddexp(torch.logsumexp(each, -2), noise.stray.log()).mean(-1)


def em_step(z: Tensor, points: Tensor, basis: Tensor, joined: Tensor, seen: Ink, noise: Noise) -> Tensor:
    """One step of expectation maximisation for the warp's coefficients z [..., k, 2], beads' places being Φ z + b.

    Which bead made which point is guessed from the warp so far; given that, the best warp is a ridge regression. (The
    directions of the warped beads count in the guess alone, so that the step is in closed form.)
    """
    each = joint(points + basis @ z, joined, seen, noise)
    total = torch.logaddexp(torch.logsumexp(each, -2, keepdim=True), noise.stray.log())
    share = (each - total).exp()  # [..., N, points]
    mass = share.sum(-1, keepdim=True)
    pull = share @ seen.points - mass * points  # [..., N, 2]
    square = noise.spread**2
    one = torch.eye(basis.shape[-1], dtype=basis.dtype, device=basis.device)
    found: Tensor = torch.linalg.solve(basis.mT @ (mass * basis) + square * one, basis.mT @ pull)
    return found


def register(
    points: Tensor, basis: Tensor, joined: Tensor, seen: Ink, *, steps: int, noise: Noise, wide: float
) -> Tensor:
    """The warp z [..., k, 2] of a program onto a drawing: EM whose beads shrink from a spread of ``wide``."""
    z = torch.zeros_like(basis.mT @ (points - seen.points.mean(-2, keepdim=True)))  # [..., k, 2], whatever broadcasts
    narrow = noise.spread
    for step in range(steps):
        left = 1 - step / max(steps - 1, 1)
        z = em_step(z, points, basis, joined, seen, noise._replace(spread=narrow * (wide / narrow) ** left))
    return z
