"""A skeleton as a graph: nodes at ends and crossings, and lines of pixels between them. Plain Python, no tensors."""

import math
from dataclasses import dataclass
from itertools import pairwise

from .thinning import NEIGHBOURS

Pixel = tuple[int, int]
Point = tuple[float, float]  # (down, right), in pixels


@dataclass
class Line:
    """Points from node ``ends[0]`` to node ``ends[1]``, both included."""

    ends: tuple[int, int]
    points: list[Point]


@dataclass
class Graph:
    """Positions of the nodes, which nodes are dots (isolated pixels), and the lines between nodes."""

    nodes: list[Point]
    dot: list[bool]
    lines: list[Line]

    def degree(self, node: int) -> int:
        """Number of line ends that meet in a node."""
        return sum(line.ends.count(node) for line in self.lines)


def length(points: list[Point]) -> float:
    """Length of the line through ``points``."""
    return sum(math.dist(a, b) for a, b in pairwise(points))


def build_graph(pixels: list[Pixel], reach: float) -> Graph:
    """Build the graph of a skeleton's pixels, and remove what comes from the width of the pen.

    Crossings closer to each other than ``reach`` (in pixels) become one. Lines shorter than ``reach`` from a crossing to
    an end are removed. If two short lines enclose a tiny hole, one of them is removed.
    """
    return _remove_spurs(_remove_specks(_merge_crossings(_trace_lines(pixels), reach), reach), reach)


def _link_pixels(pixels: list[Pixel]) -> dict[Pixel, list[Pixel]]:
    """The neighbours of each pixel. A diagonal neighbour counts only if no pixel links the two around the corner."""
    ink = set(pixels)
    links: dict[Pixel, list[Pixel]] = {}
    for down, right in sorted(ink):
        neighbours = []
        for a, b in NEIGHBOURS:
            corner = a and b and ((down + a, right) in ink or (down, right + b) in ink)
            if (down + a, right + b) in ink and not corner:
                neighbours.append((down + a, right + b))
        links[down, right] = neighbours
    return links


def _trace_lines(pixels: list[Pixel]) -> Graph:
    """Put a node at every pixel that does not have two neighbours, and at one pixel of each closed line."""
    links = _link_pixels(pixels)
    number: dict[Pixel, int] = {}
    lines: list[Line] = []
    passed: set[Pixel] = set()

    def follow(start: Pixel) -> None:
        number.setdefault(start, len(number))
        passed.add(start)
        for step in links[start]:
            path = [start, step]
            while path[-1] not in number:
                if path[-1] in passed:
                    break
                passed.add(path[-1])
                path.append(next(p for p in links[path[-1]] if p != path[-2]))
            if path[-1] not in number:  # this line was already traced from its other end
                continue
            direct = len(path) == 2
            if direct and (path[1] < path[0] or path[0] == path[1]):  # link two adjacent nodes only once
                continue
            points = [(float(down), float(right)) for down, right in path]
            lines.append(Line((number[start], number[path[-1]]), points))

    starts = [pixel for pixel in links if len(links[pixel]) != 2]
    for pixel in starts:
        number[pixel] = len(number)
    for pixel in starts:
        follow(pixel)
    for pixel in links:  # the pixels that remain lie on closed lines
        if pixel not in passed:
            follow(pixel)
    nodes = [(float(down), float(right)) for down, right in number]
    return Graph(nodes, [not links[pixel] for pixel in number], lines)


def _merge_crossings(graph: Graph, reach: float) -> Graph:
    """Merge crossings that a line shorter than ``reach`` joins. The new crossing lies at their mean."""
    group = list(range(len(graph.nodes)))
    is_crossing = [graph.degree(node) >= 3 for node in range(len(graph.nodes))]
    short = []
    for line in graph.lines:
        a, b = line.ends
        if a != b and is_crossing[a] and is_crossing[b] and length(line.points) < reach:
            short.append(id(line))
            group = [group[a] if g == group[b] else g for g in group]
    position: dict[int, Point] = {}
    for g in group:
        members = [graph.nodes[node] for node in range(len(group)) if group[node] == g]
        position[g] = (sum(p[0] for p in members) / len(members), sum(p[1] for p in members) / len(members))
    lines = []
    for line in graph.lines:
        a, b = (group[end] for end in line.ends)
        if id(line) not in short and not (a == b and length(line.points) < reach):
            lines.append(Line((a, b), [position[a], *line.points[1:-1], position[b]]))
    return Graph([position[g] for g in group], graph.dot, lines)


def _remove_specks(graph: Graph, reach: float) -> Graph:
    """Keep one of several short lines between the same two crossings."""
    lines: dict[tuple[int, int, int], Line] = {}
    for index, line in enumerate(graph.lines):
        a, b = sorted(line.ends)
        short = a != b and length(line.points) < 2 * reach
        lines.setdefault((a, b, -1 if short else index), line)
    return Graph(graph.nodes, graph.dot, list(lines.values()))


def _remove_spurs(graph: Graph, reach: float) -> Graph:
    """Remove short lines from a crossing to an end, the shortest first. A crossing left with two lines keeps them."""
    pruned = Graph(graph.nodes, graph.dot, list(graph.lines))
    for line in sorted(graph.lines, key=lambda line: length(line.points)):
        low, high = sorted(pruned.degree(end) for end in line.ends)
        if length(line.points) < reach and low == 1 and high >= 3:
            pruned.lines.remove(line)
    return pruned
