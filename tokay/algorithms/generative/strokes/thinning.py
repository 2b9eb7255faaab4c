"""Thinning: reduces the ink of a drawing to lines one pixel wide, and keeps the number of parts and holes."""

import torch
import torch.nn.functional as F
from torch import Tensor

# The eight neighbours as steps (down, right), counter-clockwise, starting in the east.
NEIGHBOURS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))


def thin(ink: Tensor) -> Tensor:
    """Skeletons of drawings: maps boolean ``[n, height, width]`` to boolean of the same shape, 8-connected.

    It removes ink from the north, south, west and east in turn, until nothing changes. It removes a pixel if the pixel
    lies on the border of that side, is not the end of a line (has two neighbours or more) and is *simple*: the ink
    around it stays connected without it. Removing all such pixels of one side at once keeps the topology (Rosenfeld,
    1975, "A characterization of parallel thinning algorithms"). The faster rule of Zhang & Suen is not used, because
    it deletes squares of 2x2 pixels.

    >>> thin(torch.ones(1, 3, 5, dtype=torch.bool)).int()[0].tolist()
    [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
    """
    ink = ink.clone()
    while True:
        previous = ink
        for side in (2, 6, 4, 0):  # north, south, west, east
            neighbours = _neighbours(ink)
            ink = ink & ~(~neighbours[side] & _is_simple(neighbours) & (torch.stack(neighbours).sum(0) >= 2))
        if torch.equal(ink, previous):
            return ink


def _neighbours(ink: Tensor) -> list[Tensor]:
    """The eight neighbours of each pixel, one tensor per direction. There is no ink beyond the edge."""
    height, width = ink.shape[-2:]
    padded = F.pad(ink, (1, 1, 1, 1))
    return [padded[..., 1 + down : 1 + down + height, 1 + right : 1 + right + width] for down, right in NEIGHBOURS]


def _is_simple(neighbours: list[Tensor]) -> Tensor:
    """True if Yokoi's connectivity number is 1: the ink around the pixel is one part, and so is the blank."""
    blank = [~x for x in neighbours]
    number = torch.stack([blank[k] & ~(blank[k + 1] & blank[(k + 2) % 8]) for k in (0, 2, 4, 6)]).sum(0)
    return number == 1
