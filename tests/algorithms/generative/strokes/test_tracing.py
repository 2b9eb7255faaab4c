"""Letters whose strokes everybody knows."""

import math
from collections.abc import Iterable

import pytest
import torch

from tokay.algorithms.generative.strokes.skeleton import Pixel, Point, length
from tokay.algorithms.generative.strokes.thinning import thin
from tokay.algorithms.generative.strokes.tracing import strokes

SIDE = 40


def line(a: Pixel, b: Pixel) -> list[Pixel]:
    n = max(abs(a[0] - b[0]), abs(a[1] - b[1]))
    return [(round(a[0] + (b[0] - a[0]) * i / n), round(a[1] + (b[1] - a[1]) * i / n)) for i in range(n + 1)]


def thinned(pixels: Iterable[Pixel]) -> list[Pixel]:
    ink = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    for down, right in pixels:
        ink[0, down, right] = True
    return [(down, right) for down, right in thin(ink)[0].nonzero().tolist()]


def drawn(*lines: tuple[Pixel, Pixel]) -> list[list[Point]]:
    return strokes(thinned(p for a, b in lines for p in line(a, b)), SIDE)


def ring() -> list[Pixel]:
    turns = [2 * math.pi * i / 200 for i in range(200)]
    return thinned((round(20 + 12 * math.sin(t)), round(20 + 12 * math.cos(t))) for t in turns)


def test_a_plus_is_two_straight_strokes() -> None:
    found = drawn(((20, 5), (20, 35)), ((5, 20), (35, 20)))
    assert {(s[0], s[-1]) for s in found} == {((20, 5), (20, 35)), ((5, 20), (35, 20))}


def test_an_x_is_two_diagonals() -> None:
    found = drawn(((5, 5), (35, 35)), ((5, 35), (35, 5)))
    assert len(found) == 2
    assert all(abs(s[0][0] - s[-1][0]) == 30 == abs(s[0][1] - s[-1][1]) for s in found)


def test_an_o_is_one_closed_stroke() -> None:
    (found,) = strokes(ring(), SIDE)
    assert found[0] == found[-1]
    assert length(found) == pytest.approx(2 * math.pi * 12, rel=0.12)


def test_a_t_is_a_bar_and_a_stem() -> None:
    bar, stem = drawn(((5, 5), (5, 35)), ((5, 20), (30, 20)))
    assert (bar[0], bar[-1]) == ((5, 5), (5, 35))
    assert {stem[0], stem[-1]} == {(6, 20), (30, 20)}  # thinning rounds the corner by a pixel


@pytest.mark.parametrize(
    "lines, expected",
    [
        ([((5, 5), (35, 5)), ((35, 5), (35, 30))], 1),  # L: the pen turns and is not lifted
        ([((5, 5), (35, 5)), ((5, 30), (35, 30)), ((20, 5), (20, 30))], 3),  # H
        ([((5, 5), (35, 20)), ((5, 35), (35, 20))], 1),  # V
        ([((5, 10), (5, 30)), ((20, 10), (20, 30)), ((35, 10), (35, 30))], 3),  # three dashes
    ],
    ids=["L", "H", "V", "dashes"],
)
def test_numbers_of_strokes(lines: list[tuple[Pixel, Pixel]], expected: int) -> None:
    assert len(drawn(*lines)) == expected


def test_a_q_is_a_ring_and_a_tail() -> None:
    body, tail = strokes(thinned([*ring(), *line((29, 29), (38, 38))]), SIDE)
    assert body[0] == body[-1]
    assert tail[-1] == (38, 38) or tail[0] == (38, 38)


def test_the_straightest_go_on_first() -> None:
    """A branch that leaves at 45 degrees could go on along the bar; the bar goes on itself."""
    bar, branch = drawn(((10, 4), (10, 36)), ((10, 18), (26, 34)))
    assert (bar[0], bar[-1]) == ((10, 4), (10, 36))
    assert (26, 34) in (branch[0], branch[-1])


def test_dots_are_strokes_of_one_point_and_come_last() -> None:
    found = strokes([(3, 20), *line((10, 20), (35, 20))], SIDE)  # i
    assert [len(s) for s in found] == [26, 1]
    assert found[1] == [(3, 20)]


def test_nothing_is_no_stroke_and_order_does_not_matter() -> None:
    assert strokes([], SIDE) == []
    assert strokes(ring()[::-1], SIDE) == strokes(ring(), SIDE)


def test_every_pixel_is_drawn_once() -> None:
    """Strokes hold all the ink of lines that cross at single pixels."""
    found = drawn(((20, 5), (20, 35)), ((5, 20), (35, 20)), ((5, 28), (35, 28)))
    assert sorted(length(s) for s in found) == pytest.approx([30, 30, 30])
