"""Graphs of skeletons of drawings with known ends and crossings."""

import pytest

from tokay.algorithms.generative.strokes.skeleton import Pixel, build_graph, length


def across(row: int, start: int, stop: int) -> list[Pixel]:
    return [(row, i) for i in range(start, stop)]


def downwards(column: int, start: int, stop: int) -> list[Pixel]:
    return [(i, column) for i in range(start, stop)]


def degrees(pixels: list[Pixel], reach: float = 3) -> list[int]:
    """Number of lines at each node that has any, sorted."""
    graph = build_graph(pixels, reach)
    return sorted(filter(None, (graph.degree(node) for node in range(len(graph.nodes)))))


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
    graph = build_graph(across(5, 0, 20) + downwards(10, 6, 20), 3)
    for line in graph.lines:
        assert line.points[0] == graph.nodes[line.ends[0]]
        assert line.points[-1] == graph.nodes[line.ends[1]]
    assert sorted(round(length(line.points)) for line in graph.lines) == [9, 10, 14]


def test_a_pixel_by_itself_is_a_dot() -> None:
    graph = build_graph([(3, 3), *across(9, 0, 9)], 3)
    assert [node for node, dot in zip(graph.nodes, graph.dot, strict=True) if dot] == [(3.0, 3.0)]
    assert len(graph.lines) == 1


def test_near_crossings_are_one_and_far_ones_are_not() -> None:
    """Two legs leave a bar at a distance of two pixels, as in a thinned thick plus; and of ten pixels."""
    for distance, expected in ((2, [1, 1, 1, 1, 4]), (10, [1, 1, 1, 1, 3, 3])):
        legs = downwards(10, 0, 10) + downwards(10 + distance, 11, 21)
        assert degrees(across(10, 0, 31) + legs) == expected
    merged = build_graph(across(10, 0, 31) + downwards(10, 0, 10) + downwards(12, 11, 21), 3)
    assert (10.0, 11.0) in merged.nodes


def test_spurs_are_cut_and_strokes_are_not() -> None:
    assert degrees(across(10, 0, 30) + downwards(15, 8, 10), reach=4) == [1, 1, 2]
    assert degrees(across(10, 0, 30) + downwards(15, 4, 10), reach=4) == [1, 1, 1, 3]
    assert degrees(across(10, 0, 3), reach=4) == [1, 1]  # short, but the only line


def test_a_line_around_a_speck_is_one_line() -> None:
    tiny = [(10, 14), (9, 15), (11, 15), (10, 16)]
    assert degrees(across(10, 0, 14) + tiny + across(10, 17, 31)) == [1, 1, 2]
    small = [(10, 14), (9, 15), (8, 16), (9, 17), (10, 18), (11, 17), (12, 16), (11, 15)]
    assert degrees(across(10, 0, 14) + small + across(10, 19, 31)) == [1, 1, 2, 2]
    assert degrees(across(10, 0, 14) + small + across(10, 19, 31), reach=2) == [1, 1, 3, 3]  # a small ring, not a speck
