"""Strokes from the graph of a skeleton: at every crossing the pen continues where it turns least."""

import math
from itertools import combinations
from typing import NamedTuple

from .skeleton import Graph, Pixel, Point, build_graph, length

_End = tuple[int, int]  # index of a line, and 0 or 1 for one of its ends
MOST_TURN = math.radians(75)


def trace_strokes(pixels: list[Pixel], side: float) -> list[list[Point]]:
    """Trace the strokes of a skeleton, the longest first. Each stroke is a list of points (down, right).

    ``side`` is the longer side of the picture, in pixels. The result is one parse, always the same one. If lines meet,
    the two that continue straightest become one stroke, then the next two, as long as the turn is at most 75 degrees.
    A closed stroke ends at its start. A dot is a stroke of one point.

    >>> plus = [(4, i) for i in range(9)] + [(i, 4) for i in range(9) if i != 4]
    >>> [(stroke[0], stroke[-1]) for stroke in trace_strokes(plus, 9)]
    [((0.0, 4.0), (8.0, 4.0)), ((4.0, 0.0), (4.0, 8.0))]
    """
    graph = build_graph(pixels, reach=0.05 * side)
    partners = _join_ends(graph, ahead=0.08 * side)
    unused = set(range(len(graph.lines)))
    strokes: list[list[Point]] = []
    # Free ends come first, from the upper left. The lines that remain are closed.
    ends = [(line, end) for line in unused for end in (0, 1)]
    for start in sorted(ends, key=lambda end: (end in partners, sum(_points_from(graph, end)[0]))):
        if start[0] in unused:
            stroke = _walk(graph, partners, start, unused)
            unused -= stroke.lines
            strokes.append(stroke.points)
    strokes += [[point] for node, point in enumerate(graph.nodes) if graph.dot[node]]
    return sorted(strokes, key=length, reverse=True)


def _points_from(graph: Graph, end: _End) -> list[Point]:
    """The points of a line, in order from one of its ends."""
    points = graph.lines[end[0]].points
    return points[::-1] if end[1] else points


def _direction(points: list[Point], ahead: float) -> float:
    """The angle at which a line leaves its first point, measured over the distance ``ahead``."""
    start = points[0]
    goal = next((p for p in points if math.dist(start, p) >= ahead), points[-1])
    return math.atan2(goal[0] - start[0], goal[1] - start[1])


def _join_ends(graph: Graph, ahead: float) -> dict[_End, _End]:
    """Pair the ends at which one stroke passes through a node. Each pair is stored both ways."""
    ends_at: dict[int, list[_End]] = {}
    for index, line in enumerate(graph.lines):
        for end in (0, 1):
            ends_at.setdefault(line.ends[end], []).append((index, end))
    partners: dict[_End, _End] = {}
    for ends in ends_at.values():
        direction = {end: _direction(_points_from(graph, end), ahead) for end in ends}
        turns = [(_turn(direction[a], direction[b]), a, b) for a, b in combinations(ends, 2)]
        for turn, a, b in sorted(turns):
            is_bend = len(ends) == 2  # not a crossing: the pen has no other way
            if a not in partners and b not in partners and (turn <= MOST_TURN or is_bend):
                partners[a], partners[b] = b, a
    return partners


def _turn(a: float, b: float) -> float:
    """Angle by which the pen turns if it arrives against direction ``a`` and leaves in direction ``b``."""
    return abs(math.remainder(b - a - math.pi, 2 * math.pi))


class _Stroke(NamedTuple):
    """The points of a stroke, and the lines of the graph that it uses."""

    points: list[Point]
    lines: set[int]


def _walk(graph: Graph, partners: dict[_End, _End], start: _End, unused: set[int]) -> _Stroke:
    """Follow the stroke that starts at an end, through lines that are ``unused``."""
    points: list[Point] = []
    lines: set[int] = set()
    end: _End | None = start
    while end is not None and end[0] in unused - lines:
        lines.add(end[0])
        points += _points_from(graph, end)[bool(points) :]
        end = partners.get((end[0], 1 - end[1]))
    return _Stroke(points, lines)
