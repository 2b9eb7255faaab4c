"""A skeleton as a graph: its ends and crossings, and the lines of pixels between them. Plain Python, no tensors."""

import math
from dataclasses import dataclass
from itertools import pairwise

from .thinning import NEIGHBOURS

Pixel = tuple[int, int]
Point = tuple[float, float]  # (down, right), in pixels


@dataclass
class Line:
    """Pixels from node ``ends[0]`` to node ``ends[1]``, both included."""

    ends: tuple[int, int]
    points: list[Point]


@dataclass
class Graph:
    """Where the nodes are, which of them are dots (pixels by themselves), and the lines between them."""

    nodes: list[Point]
    dot: list[bool]
    lines: list[Line]

    def degree(self, node: int) -> int:
        """How many ends of lines meet in a node."""
        return sum(line.ends.count(node) for line in self.lines)


def length(points: list[Point]) -> float:
    """The length of a line of points."""
    return sum(math.dist(a, b) for a, b in pairwise(points))


def graph(pixels: list[Pixel], reach: float) -> Graph:
    """The graph of a skeleton's pixels. Crossings nearer to each other than ``reach`` are one; shorter lines from a
    crossing to an end, and tiny holes that a line goes around both ways, are no strokes but traces of the pen's width."""
    return _without_spurs(_without_specks(_merged(_traced(pixels), reach), reach), reach)


def _linked(pixels: list[Pixel]) -> dict[Pixel, list[Pixel]]:
    """The neighbours of each pixel; a diagonal one only where there is no way around the corner."""
    ink = set(pixels)
    links: dict[Pixel, list[Pixel]] = {}
    for down, right in sorted(ink):
        found = []
        for a, b in NEIGHBOURS:
            corner = a and b and ((down + a, right) in ink or (down, right + b) in ink)
            if (down + a, right + b) in ink and not corner:
                found.append((down + a, right + b))
        links[down, right] = found
    return links


def _traced(pixels: list[Pixel]) -> Graph:
    """A node at every pixel that has not two neighbours, and at one of each closed line."""
    links = _linked(pixels)
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
            if path[-1] not in number:  # was walked from its other end
                continue
            direct = len(path) == 2
            if direct and (path[1] < path[0] or path[0] == path[1]):  # two nodes side by side are linked once
                continue
            points = [(float(down), float(right)) for down, right in path]
            lines.append(Line((number[start], number[path[-1]]), points))

    starts = [pixel for pixel in links if len(links[pixel]) != 2]
    for pixel in starts:
        number[pixel] = len(number)
    for pixel in starts:
        follow(pixel)
    for pixel in links:  # what is left has no ends
        if pixel not in passed:
            follow(pixel)
    nodes = [(float(down), float(right)) for down, right in number]
    return Graph(nodes, [not links[pixel] for pixel in number], lines)


def _merged(found: Graph, reach: float) -> Graph:
    """Crossings joined by a line shorter than ``reach`` are put into one, halfway."""
    group = list(range(len(found.nodes)))
    crossing = [found.degree(node) >= 3 for node in range(len(found.nodes))]
    short = []
    for line in found.lines:
        a, b = line.ends
        if a != b and crossing[a] and crossing[b] and length(line.points) < reach:
            short.append(id(line))
            group = [group[a] if g == group[b] else g for g in group]
    where: dict[int, Point] = {}
    for g in group:
        members = [found.nodes[node] for node in range(len(group)) if group[node] == g]
        where[g] = (sum(p[0] for p in members) / len(members), sum(p[1] for p in members) / len(members))
    lines = []
    for line in found.lines:
        a, b = (group[end] for end in line.ends)
        if id(line) not in short and not (a == b and length(line.points) < reach):
            lines.append(Line((a, b), [where[a], *line.points[1:-1], where[b]]))
    return Graph([where[g] for g in group], found.dot, lines)


def _without_specks(found: Graph, reach: float) -> Graph:
    """Of two short lines between the same crossings one is enough."""
    kept: dict[tuple[int, int, int], Line] = {}
    for index, line in enumerate(found.lines):
        a, b = sorted(line.ends)
        short = a != b and length(line.points) < 2 * reach
        kept.setdefault((a, b, -1 if short else index), line)
    return Graph(found.nodes, found.dot, list(kept.values()))


def _without_spurs(found: Graph, reach: float) -> Graph:
    """The shortest first, as long as the crossing stays one."""
    kept = Graph(found.nodes, found.dot, list(found.lines))
    for line in sorted(found.lines, key=lambda line: length(line.points)):
        low, high = sorted(kept.degree(end) for end in line.ends)
        if length(line.points) < reach and low == 1 and high >= 3:
            kept.lines.remove(line)
    return kept
