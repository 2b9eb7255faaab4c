"""From a skeleton's graph to strokes: at every crossing the pen goes on where it turns least."""

import math
from itertools import combinations

from .skeleton import Graph, Pixel, Point, graph, length

_End = tuple[int, int]  # a line, and which of its two ends
MOST_TURN = math.radians(75)


def strokes(pixels: list[Pixel], side: float) -> list[list[Point]]:
    """The strokes of a skeleton, each a list of (down, right), the longest first; ``side`` is that of the picture.

    One parse, and always the same: where lines meet, the two that go on straightest are one stroke, then the next two,
    while none turns by more than 75 degrees. A closed stroke ends where it starts. A dot is a stroke of one point.

    >>> plus = [(4, i) for i in range(9)] + [(i, 4) for i in range(9) if i != 4]
    >>> [(stroke[0], stroke[-1]) for stroke in strokes(plus, 9)]
    [((0.0, 4.0), (8.0, 4.0)), ((4.0, 0.0), (4.0, 8.0))]
    """
    found = graph(pixels, reach=0.05 * side)
    joined = _joined(found, ahead=0.08 * side)
    left = set(range(len(found.lines)))
    drawn: list[list[Point]] = []
    # From the ends that nothing is joined to, upper left first; what is left then is closed.
    ends = [(line, end) for line in left for end in (0, 1)]
    for start in sorted(ends, key=lambda end: (end in joined, sum(_from(found, end)[0]))):
        if start[0] in left:
            drawn.append(_walk(found, joined, start, left))
    drawn += [[point] for node, point in enumerate(found.nodes) if found.dot[node]]
    return sorted(drawn, key=length, reverse=True)


def _from(found: Graph, end: _End) -> list[Point]:
    """The points of a line as seen from one of its ends."""
    points = found.lines[end[0]].points
    return points[::-1] if end[1] else points


def _away(points: list[Point], ahead: float) -> float:
    """The direction in which a line leaves its first point, measured over a distance; an angle."""
    start = points[0]
    goal = next((p for p in points if math.dist(start, p) >= ahead), points[-1])
    return math.atan2(goal[0] - start[0], goal[1] - start[1])


def _joined(found: Graph, ahead: float) -> dict[_End, _End]:
    """Which end goes on in which, both ways."""
    meeting: dict[int, list[_End]] = {}
    for index, line in enumerate(found.lines):
        for end in (0, 1):
            meeting.setdefault(line.ends[end], []).append((index, end))
    joined: dict[_End, _End] = {}
    for ends in meeting.values():
        direction = {end: _away(_from(found, end), ahead) for end in ends}
        turns = [(_turn(direction[a], direction[b]), a, b) for a, b in combinations(ends, 2)]
        for turn, a, b in sorted(turns):
            passing = len(ends) == 2  # a bend, not a crossing: there is no other way
            if a not in joined and b not in joined and (turn <= MOST_TURN or passing):
                joined[a], joined[b] = b, a
    return joined


def _turn(a: float, b: float) -> float:
    """By how much a pen turns that comes in against direction ``a`` and leaves along ``b``."""
    return abs(math.remainder(b - a - math.pi, 2 * math.pi))


def _walk(found: Graph, joined: dict[_End, _End], start: _End, left: set[int]) -> list[Point]:
    """The points of the stroke that starts at an end; its lines are taken from those that are left."""
    points: list[Point] = []
    end: _End | None = start
    while end is not None and end[0] in left:
        left.remove(end[0])
        points += _from(found, end)[bool(points) :]
        end = joined.get((end[0], 1 - end[1]))
    return points
