"""A picture to a program: the strokes that draw it, as beads along splines. An operation of its own, for ``vmap``.

How many strokes a drawing has depends on the drawing, which ``vmap`` cannot follow; so tracing is an operation that is
opaque to it, gives tensors of fixed sizes, and is run on every picture of a batch.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .splines import along_spline, fit_spline
from .thinning import thin
from .tracing import strokes

CONTROLS = 5  # control points of a stroke in the prior, as in BPL


class Programs(NamedTuple):
    """What n drawings are made of, with N beads and at most S strokes each. Places are (down, right), the picture's
    longer side is 1 and its middle (0, 0)."""

    beads: Tensor  # [n, N, 2], along all strokes, one after the other
    stroke: Tensor  # [n, N, S], one-hot: which stroke a bead is of; more than S strokes share the last
    along: Tensor  # [n, N], how far along its stroke, from 0 to 1
    joined: Tensor  # [n, N], 1 where the next bead is of the same stroke
    control: Tensor  # [n, S, 5, 2], the control points of each stroke's spline; 0 where there are fewer strokes


def programs(pictures: Tensor, *, beads: int, most_strokes: int) -> Programs:
    """Trace pictures ``[n, height, width]``, ink bright: above halfway from the darkest to the brightest pixel.

    A constant picture has no ink, and is one dot in its middle. The same under ``vmap`` and in a loop; no derivative.
    """
    return Programs(*_trace(pictures, beads, most_strokes))


@torch.library.custom_op("tokay::trace_strokes", mutates_args=())
def _trace(pictures: Tensor, beads: int, most_strokes: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    flat = pictures.detach().flatten(1)
    low, high = flat.min(1).values, flat.max(1).values
    skeletons = thin(pictures.detach() > ((low + high) / 2)[:, None, None]).cpu()
    found = [_program(skeleton, beads, most_strokes) for skeleton in skeletons]
    parts = (torch.stack(column).to(pictures) for column in zip(*found, strict=True))
    first, second, third, fourth, fifth = parts
    return first, second, third, fourth, fifth


@_trace.register_fake
def _(pictures: Tensor, beads: int, most_strokes: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    n, S = len(pictures), most_strokes
    shapes = ((beads, 2), (beads, S), (beads,), (beads,), (S, CONTROLS, 2))
    a, b, c, d, e = (pictures.new_empty(n, *shape) for shape in shapes)
    return a, b, c, d, e


@_trace.register_vmap
def _(info, in_dims, pictures, beads, most_strokes):  # type: ignore[no-untyped-def]
    pictures = pictures.movedim(in_dims[0], 0)
    found = _trace(pictures.flatten(0, 1), beads, most_strokes)
    parts = tuple(part.unflatten(0, pictures.shape[:2]) for part in found)
    return parts, (0,) * len(parts)


def _program(skeleton: Tensor, beads: int, most_strokes: int) -> tuple[Tensor, ...]:
    """One picture's program, from its skeleton [height, width]."""
    height, width = skeleton.shape
    side = max(height, width)
    pixels = [(down, right) for down, right in skeleton.nonzero().tolist()]
    traced = strokes(pixels, side) or [[((height - 1) / 2, (width - 1) / 2)]]
    traced = traced[: beads // 2]  # each needs two beads
    middle = torch.tensor([height - 1, width - 1], dtype=torch.float64) / 2
    lines = [(torch.tensor(line, dtype=torch.float64) - middle) / side for line in traced]
    share = _shared_out([_length(line) for line in lines], beads)
    curves = [fit_spline(line, _controls(_length(line))) for line in lines]
    number = torch.tensor([min(i, most_strokes - 1) for i, n in enumerate(share) for _ in range(n)])
    control = torch.zeros(most_strokes, CONTROLS, 2, dtype=torch.float64)
    for i, line in enumerate(lines[:most_strokes]):
        control[i] = fit_spline(line, CONTROLS)
    ones = [torch.ones(n, dtype=torch.float64) for n in share]
    return (
        torch.cat([along_spline(curve, n) for curve, n in zip(curves, share, strict=True)]),
        torch.nn.functional.one_hot(number, most_strokes).double(),
        torch.cat([torch.linspace(0, 1, n, dtype=torch.float64) for n in share]),
        torch.cat([torch.cat([one[1:], one.new_zeros(1)]) for one in ones]),
        control,
    )


def _length(line: Tensor) -> float:
    return float((line[1:] - line[:-1]).norm(dim=-1).sum())


def _controls(length: float) -> int:
    """How many control points a spline of that length has: one for each tenth of the picture, and no fewer than four."""
    return min(4 + round(10 * length), 24)


def _shared_out(lengths: list[float], beads: int) -> list[int]:
    """Beads for each stroke, in proportion to its length, at least two: each further one goes where they are sparsest."""
    share = [2] * len(lengths)
    for _ in range(beads - sum(share)):
        sparsest = max(range(len(share)), key=lambda i: (lengths[i] + 1e-6) / share[i])
        share[sparsest] += 1
    return share
