"""Thinning keeps the topology of any ink and leaves lines one pixel wide."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from tokay.algorithms.generative.strokes.thinning import thin


def parts(ink: Tensor, steps: list[tuple[int, int]]) -> int:
    """Number of connected parts of a picture, by flood fill."""
    remaining, count = {tuple(p) for p in ink.nonzero().tolist()}, 0
    while remaining:
        count += 1
        edge = [remaining.pop()]
        while edge:
            down, right = edge.pop()
            near = {(down + a, right + b) for a, b in steps} & remaining
            remaining -= near
            edge += near
    return count


FOUR = [(0, 1), (1, 0), (0, -1), (-1, 0)]
EIGHT = [*FOUR, (1, 1), (1, -1), (-1, 1), (-1, -1)]


def topology(ink: Tensor) -> tuple[int, int]:
    """Number of parts of the ink (8-connected) and of the blank around it (4-connected)."""
    wide = torch.nn.functional.pad(ink, (1, 1, 1, 1))
    return parts(wide, EIGHT), parts(~wide, FOUR)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.floats(0.2, 0.9), st.integers(1, 3))
def test_topology_is_kept(seed: int, share: float, blob: int) -> None:
    noise = torch.rand(1, 14, 17, generator=torch.Generator().manual_seed(seed)) < share
    ink = noise.repeat_interleave(blob, 1).repeat_interleave(blob, 2)
    thinned = thin(ink)
    assert not bool((thinned & ~ink).any())
    assert topology(thinned[0]) == topology(ink[0])


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_square_blot_becomes_a_dot_or_a_dash(size: int) -> None:
    blot = torch.zeros(1, 8, 8, dtype=torch.bool)
    blot[0, 2 : 2 + size, 3 : 3 + size] = True
    assert 1 <= int(thin(blot).sum()) <= 3


def test_bars_become_lines_along_their_middle() -> None:
    bar = torch.zeros(1, 9, 30, dtype=torch.bool)
    bar[0, 2:7, 3:27] = True
    for picture, is_upright in ((bar, False), (bar.mT, True)):
        line = thin(picture)[0].mT if is_upright else thin(picture)[0]
        assert bool(line[4, 7:23].all())
        assert int(line[:, 7:23].sum()) == 16
        assert bool((line.sum(0) <= 1).all())


def test_lines_are_one_pixel_wide() -> None:
    """No pixel of a thick ring's skeleton has more than two neighbours."""
    at = torch.arange(41) - 20.0
    radius = (at[:, None] ** 2 + at**2).sqrt()
    line = thin(((radius > 10) & (radius < 15))[None])[0]
    around = torch.nn.functional.conv2d(line[None, None].float(), torch.ones(1, 1, 3, 3), padding=1)[0, 0] - 1
    assert set(around[line].tolist()) == {2.0}


def test_pictures_do_not_touch_each_other() -> None:
    ink = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(1)) < 0.6
    assert torch.equal(thin(ink), torch.cat([thin(ink[i : i + 1]) for i in range(3)]))


def test_what_is_thin_stays_and_the_input_is_not_written_to() -> None:
    ink = torch.eye(7, dtype=torch.bool)[None]
    copy = ink.clone()
    assert torch.equal(thin(ink), copy)
    thick = torch.ones(1, 5, 5, dtype=torch.bool)
    thin(thick)
    assert bool(thick.all())
