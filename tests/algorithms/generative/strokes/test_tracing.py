"""Letters with well-known strokes."""

import math
from collections.abc import Iterable

import pytest
import torch

from tokay.algorithms.generative.strokes.skeleton import Pixel, Point, length
from tokay.algorithms.generative.strokes.thinning import thin
from tokay.algorithms.generative.strokes.tracing import trace_strokes

SIDE = 40


def line(a: Pixel, b: Pixel) -> list[Pixel]:
    n = max(abs(a[0] - b[0]), abs(a[1] - b[1]))
    return [(round(a[0] + (b[0] - a[0]) * i / n), round(a[1] + (b[1] - a[1]) * i / n)) for i in range(n + 1)]


def thinned(pixels: Iterable[Pixel]) -> list[Pixel]:
    ink = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    for down, right in pixels:
        ink[0, down, right] = True
    return [(down, right) for down, right in thin(ink)[0].nonzero().tolist()]


def trace(*lines: tuple[Pixel, Pixel]) -> list[list[Point]]:
    return trace_strokes(thinned(p for a, b in lines for p in line(a, b)), SIDE)


def ring() -> list[Pixel]:
    turns = [2 * math.pi * i / 200 for i in range(200)]
    return thinned((round(20 + 12 * math.sin(t)), round(20 + 12 * math.cos(t))) for t in turns)


def test_a_plus_is_two_straight_strokes() -> None:
    strokes = trace(((20, 5), (20, 35)), ((5, 20), (35, 20)))
    assert {(s[0], s[-1]) for s in strokes} == {((20, 5), (20, 35)), ((5, 20), (35, 20))}


def test_an_x_is_two_diagonals() -> None:
    strokes = trace(((5, 5), (35, 35)), ((5, 35), (35, 5)))
    assert len(strokes) == 2
    assert all(abs(s[0][0] - s[-1][0]) == 30 == abs(s[0][1] - s[-1][1]) for s in strokes)


def test_an_o_is_one_closed_stroke() -> None:
    (stroke,) = trace_strokes(ring(), SIDE)
    assert stroke[0] == stroke[-1]
    assert length(stroke) == pytest.approx(2 * math.pi * 12, rel=0.12)


def test_a_t_is_a_bar_and_a_stem() -> None:
    bar, stem = trace(((5, 5), (5, 35)), ((5, 20), (30, 20)))
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
    assert len(trace(*lines)) == expected


def test_a_q_is_a_ring_and_a_tail() -> None:
    body, tail = trace_strokes(thinned([*ring(), *line((29, 29), (38, 38))]), SIDE)
    assert body[0] == body[-1]
    assert tail[-1] == (38, 38) or tail[0] == (38, 38)


def test_the_straightest_go_on_first() -> None:
    """A branch leaves a bar at 45 degrees. The bar continues straight and the branch is a stroke of its own."""
    bar, branch = trace(((10, 4), (10, 36)), ((10, 18), (26, 34)))
    assert (bar[0], bar[-1]) == ((10, 4), (10, 36))
    assert (26, 34) in (branch[0], branch[-1])


def test_dots_are_strokes_of_one_point_and_come_last() -> None:
    strokes = trace_strokes([(3, 20), *line((10, 20), (35, 20))], SIDE)  # i
    assert [len(s) for s in strokes] == [26, 1]
    assert strokes[1] == [(3, 20)]


def test_nothing_is_no_stroke_and_order_does_not_matter() -> None:
    assert trace_strokes([], SIDE) == []
    assert trace_strokes(ring()[::-1], SIDE) == trace_strokes(ring(), SIDE)


def test_every_pixel_is_drawn_once() -> None:
    """The strokes contain all the ink of lines that cross at single pixels."""
    strokes = trace(((20, 5), (20, 35)), ((5, 20), (35, 20)), ((5, 28), (35, 28)))
    assert sorted(length(s) for s in strokes) == pytest.approx([30, 30, 30])
