"""Graphs of skeletons, on drawings whose ends and crossings are known."""

import pytest

from tokay.algorithms.generative.strokes.skeleton import Pixel, graph, length


def across(row: int, start: int, stop: int) -> list[Pixel]:
    return [(row, i) for i in range(start, stop)]


def downwards(column: int, start: int, stop: int) -> list[Pixel]:
    return [(i, column) for i in range(start, stop)]


def degrees(pixels: list[Pixel], reach: float = 3) -> list[int]:
    """How many lines meet at each node where any does."""
    found = graph(pixels, reach)
    return sorted(filter(None, (found.degree(node) for node in range(len(found.nodes)))))


SQUARE = across(5, 5, 20) + across(19, 5, 20) + downwards(5, 6, 19) + downwards(19, 6, 19)


@pytest.mark.parametrize(
    "pixels, expected",
    [
        (across(5, 0, 20), [1, 1]),
        (across(5, 0, 20) + downwards(10, 6, 20), [1, 1, 1, 3]),
        (across(10, 0, 21) + downwards(10, 0, 21), [1, 1, 1, 1, 4]),
        (SQUARE, [2]),
        (SQUARE + across(12, 5, 20), [3, 3]),
        (SQUARE + across(12, 20, 40), [1, 3]),
        (across(5, 0, 9) + across(9, 0, 9), [1, 1, 1, 1]),
    ],
    ids=["dash", "T", "plus", "square", "theta", "flag", "two"],
)
def test_nodes(pixels: list[Pixel], expected: list[int]) -> None:
    assert degrees(sorted(set(pixels))) == expected


def test_lines_go_from_node_to_node() -> None:
    found = graph(across(5, 0, 20) + downwards(10, 6, 20), 3)
    for line in found.lines:
        assert line.points[0] == found.nodes[line.ends[0]]
        assert line.points[-1] == found.nodes[line.ends[1]]
    assert sorted(round(length(line.points)) for line in found.lines) == [9, 10, 14]


def test_a_pixel_by_itself_is_a_dot() -> None:
    found = graph([(3, 3), *across(9, 0, 9)], 3)
    assert [node for node, dot in zip(found.nodes, found.dot, strict=True) if dot] == [(3.0, 3.0)]
    assert len(found.lines) == 1


def test_near_crossings_are_one_and_far_ones_are_not() -> None:
    """Two legs that leave a bar two pixels apart, as a thick plus is thinned; and ten apart."""
    for apart, expected in ((2, [1, 1, 1, 1, 4]), (10, [1, 1, 1, 1, 3, 3])):
        legs = downwards(10, 0, 10) + downwards(10 + apart, 11, 21)
        assert degrees(across(10, 0, 31) + legs) == expected
    merged = graph(across(10, 0, 31) + downwards(10, 0, 10) + downwards(12, 11, 21), 3)
    assert (10.0, 11.0) in merged.nodes


def test_spurs_are_cut_and_strokes_are_not() -> None:
    assert degrees(across(10, 0, 30) + downwards(15, 8, 10), reach=4) == [1, 1, 2]
    assert degrees(across(10, 0, 30) + downwards(15, 4, 10), reach=4) == [1, 1, 1, 3]
    assert degrees(across(10, 0, 3), reach=4) == [1, 1]  # short, but all there is


def test_a_line_around_a_speck_is_one_line() -> None:
    tiny = [(10, 14), (9, 15), (11, 15), (10, 16)]
    assert degrees(across(10, 0, 14) + tiny + across(10, 17, 31)) == [1, 1, 2]
    small = [(10, 14), (9, 15), (8, 16), (9, 17), (10, 18), (11, 17), (12, 16), (11, 15)]
    assert degrees(across(10, 0, 14) + small + across(10, 19, 31)) == [1, 1, 2, 2]
    assert degrees(across(10, 0, 14) + small + across(10, 19, 31), reach=2) == [1, 1, 3, 3]  # a small ring, not a speck
