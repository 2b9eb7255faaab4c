"""Thinning: a drawing's ink to lines of one pixel, with as many parts and holes as before."""

import torch
import torch.nn.functional as F
from torch import Tensor

# The eight neighbours as steps (down, right), counter-clockwise from the east.
NEIGHBOURS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))


def thin(ink: Tensor) -> Tensor:
    """The skeletons of drawings: boolean ``[n, height, width]`` to the same, connected as 8-neighbours.

    Ink is taken off from the north, south, west and east in turn, until nothing changes. A pixel goes if it lies on the
    border of that side, is no end of a line (has two neighbours or more) and is *simple*: what is around it stays
    connected without it. All such pixels of one side may go at once, and the topology stays (Rosenfeld, 1975, "A
    characterization of parallel thinning algorithms"). The quicker rule of Zhang & Suen deletes squares of 2x2 outright.

    >>> thin(torch.ones(1, 3, 5, dtype=torch.bool)).int()[0].tolist()
    [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
    """
    ink = ink.clone()
    while True:
        before = ink
        for side in (2, 6, 4, 0):  # north, south, west, east
            around = _around(ink)
            ink = ink & ~(~around[side] & _simple(around) & (torch.stack(around).sum(0) >= 2))
        if torch.equal(ink, before):
            return ink


def _around(ink: Tensor) -> list[Tensor]:
    """Each pixel's eight neighbours; beyond the edge there is no ink."""
    height, width = ink.shape[-2:]
    wide = F.pad(ink, (1, 1, 1, 1))
    return [wide[..., 1 + down : 1 + down + height, 1 + right : 1 + right + width] for down, right in NEIGHBOURS]


def _simple(around: list[Tensor]) -> Tensor:
    """Where Yokoi's connectivity number is 1: the ink around is one part, the blank around too."""
    blank = [~x for x in around]
    number = torch.stack([blank[k] & ~(blank[k + 1] & blank[(k + 2) % 8]) for k in (0, 2, 4, 6)]).sum(0)
    return number == 1
