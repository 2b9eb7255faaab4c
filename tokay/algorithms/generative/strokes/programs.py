"""Programs: the strokes that draw a picture, as beads along splines.

The number of strokes depends on the drawing, and ``vmap`` cannot handle that. So tracing is a custom operation: ``vmap``
does not look inside it, it returns tensors of fixed sizes, and it runs on every picture of a batch.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .splines import fit_spline, sample_spline
from .thinning import thin
from .tracing import trace_strokes

CONTROLS = 5  # control points per stroke in the prior, as in BPL


class Programs(NamedTuple):
    """The programs of n drawings, with N beads and at most S strokes each.

    Coordinates are (down, right). The longer side of the picture is 1 and its middle is (0, 0).
    """

    beads: Tensor  # [n, N, 2], stroke after stroke
    stroke: Tensor  # [n, N, S], one-hot: the stroke of each bead; strokes beyond S share the last place
    position: Tensor  # [n, N], position of a bead along its stroke, from 0 to 1
    joined: Tensor  # [n, N], 1 if the next bead lies on the same stroke, else 0
    control: Tensor  # [n, S, 5, 2], control points of the spline of each stroke; 0 for places without a stroke


def trace_programs(pictures: Tensor, *, beads: int, most_strokes: int) -> Programs:
    """Trace the strokes of pictures ``[n, height, width]`` with bright ink.

    A pixel is ink if it is brighter than the mean of the darkest and the brightest pixel. A constant picture has no
    ink; its program is one dot in the middle. The result is the same under ``vmap`` and in a loop. It has no derivative.
    """
    return Programs(*_trace(pictures, beads, most_strokes))


@torch.library.custom_op("tokay::trace_strokes", mutates_args=())
def _trace(pictures: Tensor, beads: int, most_strokes: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    flat = pictures.detach().flatten(1)
    low, high = flat.min(1).values, flat.max(1).values
    skeletons = thin(pictures.detach() > ((low + high) / 2)[:, None, None]).cpu()
    programs = [_trace_skeleton(skeleton, beads, most_strokes) for skeleton in skeletons]
    parts = (torch.stack(column).to(pictures) for column in zip(*programs, strict=True))
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
    flat = _trace(pictures.flatten(0, 1), beads, most_strokes)
    parts = tuple(part.unflatten(0, pictures.shape[:2]) for part in flat)
    return parts, (0,) * len(parts)


def _trace_skeleton(skeleton: Tensor, beads: int, most_strokes: int) -> tuple[Tensor, ...]:
    """The program of one picture, from its skeleton [height, width]."""
    height, width = skeleton.shape
    side = max(height, width)
    pixels = [(down, right) for down, right in skeleton.nonzero().tolist()]
    strokes = trace_strokes(pixels, side) or [[((height - 1) / 2, (width - 1) / 2)]]
    strokes = strokes[: beads // 2]  # each stroke needs two beads
    middle = torch.tensor([height - 1, width - 1], dtype=torch.float64) / 2
    lines = [(torch.tensor(line, dtype=torch.float64) - middle) / side for line in strokes]
    counts = _count_beads([_length(line) for line in lines], beads)
    curves = [fit_spline(line, _count_controls(_length(line))) for line in lines]
    stroke = torch.tensor([min(i, most_strokes - 1) for i, n in enumerate(counts) for _ in range(n)])
    control = torch.zeros(most_strokes, CONTROLS, 2, dtype=torch.float64)
    for i, line in enumerate(lines[:most_strokes]):
        control[i] = fit_spline(line, CONTROLS)
    ones = [torch.ones(n, dtype=torch.float64) for n in counts]
    return (
        torch.cat([sample_spline(curve, n) for curve, n in zip(curves, counts, strict=True)]),
        torch.nn.functional.one_hot(stroke, most_strokes).double(),
        torch.cat([torch.linspace(0, 1, n, dtype=torch.float64) for n in counts]),
        torch.cat([torch.cat([one[1:], one.new_zeros(1)]) for one in ones]),
        control,
    )


def _length(line: Tensor) -> float:
    return float((line[1:] - line[:-1]).norm(dim=-1).sum())


def _count_controls(length: float) -> int:
    """Number of control points for a stroke: 4 plus 10 per side length of the picture, at most 24."""
    return min(4 + round(10 * length), 24)


def _count_beads(lengths: list[float], beads: int) -> list[int]:
    """Number of beads for each stroke, about in proportion to its length.

    Each stroke gets two. Each further bead goes to the stroke with the longest distance between beads.
    """
    counts = [2] * len(lengths)
    for _ in range(beads - sum(counts)):
        sparsest = max(range(len(counts)), key=lambda i: (lengths[i] + 1e-6) / counts[i])
        counts[sparsest] += 1
    return counts
