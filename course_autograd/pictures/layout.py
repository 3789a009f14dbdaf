"""A layered layout for directed acyclic graphs, in plain Python.

The method is that of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical
system structures", 1981), in four steps: columns by the longest path to the output; a place
holder in every column a long wire goes through; an order in each column with few crossings, by
barycentre sweeps and swaps of neighbours; heights by least squares in that order.

Nothing here knows about tensors, and nothing is random: the same graph gives the same layout.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]


@dataclass(frozen=True)
class Wire:
    """The way from one node to another.

    Attributes
    ----------
    source, target : int
        Numbers of the nodes.
    position : int
        Which input of the target it is, from 0.
    points : tuple of (x, y)
        An even number of them. From an even one to the next the wire crosses the gap between two
        columns, as a curve that is level at both ends; from an odd one to the next it runs level
        through a column.
    """

    source: int
    target: int
    position: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """Where everything is; x grows to the right and y downwards, both from 0.

    Attributes
    ----------
    left : list of float
        Where each node begins.
    right : list of float
        Where its column ends: wires leave there.
    middle : list of float
        Height of each node's middle.
    wires : list of Wire
    crossings : int
        Pairs of wires that cross.
    width, height : float
    """

    left: list[float]
    right: list[float]
    middle: list[float]
    wires: list[Wire]
    crossings: int
    width: float
    height: float


@dataclass
class _Layers:
    """The graph in columns; vertices from `count` on are place holders of long wires."""

    count: int
    columns: list[list[int]]
    before: list[list[int]]  # neighbours in the column to the left, one entry per wire
    after: list[list[int]]  # neighbours in the column to the right

    def crossings(self) -> int:
        return sum(self.crossings_after(column) for column in range(len(self.columns) - 1))

    def crossings_after(self, column: int) -> int:
        """Count inversions between the orders of two neighbouring columns."""
        place = {vertex: i for i, vertex in enumerate(self.columns[column + 1])}
        passed: list[int] = []
        total = 0
        for vertex in self.columns[column]:
            ends = sorted(place[other] for other in self.after[vertex])
            total += sum(len(passed) - bisect_left(passed, end + 1) for end in ends)
            for end in ends:
                insort(passed, end)
        return total

    def twists(self) -> int:
        """Count pairs of inputs that arrive in another order than the operation's own."""
        total = 0
        for column in range(1, len(self.columns)):
            place = {vertex: i for i, vertex in enumerate(self.columns[column - 1])}
            for vertex in self.columns[column]:
                arriving = [place[other] for other in self.before[vertex]]
                total += sum(a > b for i, a in enumerate(arriving) for b in arriving[i + 1 :])
        return total


def arrange(
    inputs: Sequence[Sequence[int]],
    sizes: Sequence[tuple[float, float]],
    port_distance: float = 12.0,
    row_gap: float = 16.0,
) -> Layout:
    """Lay out a graph from left to right.

    Parameters
    ----------
    inputs : sequence of sequences of int
        For each node the nodes it is computed from; all smaller than its own number. The last
        node is the output.
    sizes : sequence of (width, height)
        Room for each node with its texts.
    port_distance : float
        Vertical distance between wires that arrive at the same node.
    row_gap : float
        Least distance between nodes of a column.
    """
    layers = _in_columns(inputs)
    _order(layers)
    ports = _ports(layers, inputs, port_distance)
    heights = [height for _, height in sizes] + [0.0] * (len(layers.before) - layers.count)
    middle = _heights(layers, heights, ports, row_gap)
    top = min(y - h / 2 for y, h in zip(middle, heights, strict=True))
    middle = [y - top for y in middle]

    column_left, column_right = _column_edges(layers, sizes, middle)
    left, right = [0.0] * layers.count, [0.0] * layers.count
    column_of = {}
    for column, vertices in enumerate(layers.columns):
        for vertex in vertices:
            column_of[vertex] = column
            if vertex < layers.count:
                left[vertex], right[vertex] = column_left[column], column_right[column]
    wires = []
    for target, sources in enumerate(inputs):
        for position, source in enumerate(sources):
            vertex, end = layers.before[target][position], ports[target][position]
            points = [(left[target], middle[target] + end)]
            while True:
                column = column_of[vertex]
                points.append((column_right[column], middle[vertex]))
                if vertex == source:
                    break
                points.append((column_left[column], middle[vertex]))
                vertex = layers.before[vertex][0]
            wires.append(Wire(source, target, position, tuple(reversed(points))))
    height = max(y + h / 2 for y, h in zip(middle, heights, strict=True))
    return Layout(left, right, middle, wires, layers.crossings(), column_right[-1], height)


def _in_columns(inputs: Sequence[Sequence[int]]) -> _Layers:
    """Put nodes into columns by the longest path to the output, and place holders between."""
    count = len(inputs)
    level = [0] * count
    for node in reversed(range(count)):
        for source in inputs[node]:
            level[source] = max(level[source], level[node] + 1)
    last = max(level, default=0)
    column = [last - one for one in level]
    before: list[list[int]] = [[] for _ in range(count)]
    columns: list[list[int]] = [[] for _ in range(last + 1)]
    # A value that goes far is one wire with branches: place holders belong to their source.
    holder: dict[tuple[int, int], int] = {}
    for node, sources in enumerate(inputs):
        for source in sources:
            vertex = source
            for between in range(column[source] + 1, column[node]):
                key = (source, between)
                if key not in holder:
                    holder[key] = len(before)
                    before.append([vertex])
                vertex = holder[key]
            before[node].append(vertex)
    after: list[list[int]] = [[] for _ in before]
    for vertex, sources in enumerate(before):
        for other in sources:
            after[other].append(vertex)
    # The first order: depth first from the output, inputs in their own order.
    seen: set[int] = set()
    where = {vertex: between for (_, between), vertex in holder.items()}
    stack = [count - 1]
    while stack:
        vertex = stack.pop()
        if vertex not in seen:
            seen.add(vertex)
            columns[where.get(vertex, column[vertex] if vertex < count else 0)].append(vertex)
            stack.extend(reversed(before[vertex]))
    return _Layers(count, columns, before, after)


def _order(layers: _Layers, sweeps: int = 12) -> None:
    """Reorder the columns so that few wires cross; among equals, inputs in their own order."""

    def cost() -> tuple[int, int]:
        return layers.crossings(), layers.twists()

    first = [list(vertices) for vertices in layers.columns]
    best, best_cost = first, cost()
    for upside_down in (False, True):
        layers.columns = [list(reversed(c)) if upside_down else list(c) for c in first]
        for sweep in range(sweeps):
            if best_cost == (0, 0):
                break
            columns = range(len(layers.columns))
            if sweep % 2 == 0:
                for column in columns[1:]:
                    _by_barycentre(
                        layers.columns[column - 1], layers.columns[column], layers.before
                    )
            else:
                for column in reversed(columns[:-1]):
                    _by_barycentre(layers.columns[column + 1], layers.columns[column], layers.after)
            _swap_neighbours(layers)
            reached = cost()
            if reached < best_cost:
                best, best_cost = [list(vertices) for vertices in layers.columns], reached
    layers.columns = best


def _by_barycentre(fixed: list[int], free: list[int], neighbours: list[list[int]]) -> None:
    """Sort `free` by the mean place of its neighbours; vertices without any stay where they are."""
    place = {vertex: i for i, vertex in enumerate(fixed)}
    mean = {
        vertex: sum(place[other] for other in neighbours[vertex]) / len(neighbours[vertex])
        for vertex in free
        if neighbours[vertex]
    }
    moved = iter(sorted((vertex for vertex in free if vertex in mean), key=lambda v: mean[v]))
    free[:] = [next(moved) if vertex in mean else vertex for vertex in free]


def _swap_neighbours(layers: _Layers, rounds: int = 4) -> None:
    """Exchange neighbours in a column wherever that removes crossings or twists."""
    for _ in range(rounds):
        better = False
        for column, vertices in enumerate(layers.columns):
            left = {v: i for i, v in enumerate(layers.columns[column - 1])} if column else {}
            last = column + 1 == len(layers.columns)
            right = {} if last else {v: i for i, v in enumerate(layers.columns[column + 1])}
            for i in range(len(vertices) - 1):
                upper, lower = vertices[i], vertices[i + 1]
                gain = 0
                for place, side in ((left, layers.before), (right, layers.after)):
                    a = [place[v] for v in side[upper]]
                    b = [place[v] for v in side[lower]]
                    gain += sum((x > y) - (x < y) for x in a for y in b)
                if gain > 0 or (gain == 0 and _twisted(layers, upper, lower)):
                    vertices[i], vertices[i + 1] = lower, upper
                    better = True
        if not better:
            return


def _twisted(layers: _Layers, upper: int, lower: int) -> bool:
    """Whether `upper` and `lower` are inputs of one node that wants them the other way round."""
    wish = 0
    for target in set(layers.after[upper]) & set(layers.after[lower]):
        arriving = layers.before[target]
        wish += 1 if arriving.index(upper) > arriving.index(lower) else -1
    return wish > 0


def _ports(layers: _Layers, inputs: Sequence[Sequence[int]], distance: float) -> list[list[float]]:
    """Return how far above or below the middle of its target each wire arrives."""
    place = {v: i for vertices in layers.columns for i, v in enumerate(vertices)}
    ports = []
    for vertex, sources in enumerate(layers.before):
        order = sorted(range(len(sources)), key=lambda i: (place[sources[i]], i))
        offsets = [0.0] * len(sources)
        for rank, position in enumerate(order):
            offsets[position] = (rank - (len(sources) - 1) / 2) * distance
        ports.append(offsets if vertex < len(inputs) else [0.0])
    return ports


def _heights(
    layers: _Layers, heights: list[float], ports: list[list[float]], gap: float
) -> list[float]:
    """Choose heights near those of the neighbours, in the given order and without overlap."""
    middle = [0.0] * len(heights)
    for vertices in layers.columns:
        y = 0.0
        for i, vertex in enumerate(vertices):
            if i:
                y += (heights[vertices[i - 1]] + heights[vertex]) / 2 + gap
            middle[vertex] = y
    # For each vertex: the other end of each wire, how much higher that should be, and how much a
    # level wire is worth. Chains and long wires first; inputs of one node spread around it.
    leftward: list[list[tuple[int, float, float]]] = [[] for _ in heights]
    rightward: list[list[tuple[int, float, float]]] = [[] for _ in heights]
    for vertex, sources in enumerate(layers.before):
        for source, offset in zip(sources, ports[vertex], strict=True):
            long = max(vertex, source) >= layers.count
            chain = len(sources) == 1 and len(layers.after[source]) == 1
            worth = 8.0 if long or chain else 1.0
            leftward[vertex].append((source, -offset, worth))
            rightward[source].append((vertex, offset, worth))

    def settle(vertices: list[int], *sides: list[list[tuple[int, float, float]]]) -> None:
        wishes, weights = [], []
        for vertex in vertices:
            seen = [end for side in sides for end in side[vertex]]
            total = sum(worth for _, _, worth in seen)
            wish = sum((middle[other] + off) * worth for other, off, worth in seen)
            wishes.append(wish / total if total else middle[vertex])
            weights.append(total or 1.0)
        apart = [(heights[a] + heights[b]) / 2 + gap for a, b in pairwise(vertices)]
        for vertex, y in zip(vertices, spread(wishes, apart, weights), strict=True):
            middle[vertex] = y

    for _ in range(4):
        for vertices in layers.columns[1:]:
            settle(vertices, leftward)
        for vertices in reversed(layers.columns[:-1]):
            settle(vertices, rightward)
    for _ in range(30):
        for vertices in layers.columns:
            settle(vertices, leftward, rightward)
        for vertices in reversed(layers.columns):
            settle(vertices, leftward, rightward)
    return middle


def spread(
    wishes: Sequence[float], apart: Sequence[float], weights: Sequence[float]
) -> list[float]:
    r"""Return the numbers nearest to `wishes` that keep their distances.

    Minimises :math:`\sum_i w_i (y_i - \text{wish}_i)^2` under
    :math:`y_{i+1} - y_i \ge \text{apart}_i`, by pooling adjacent violators.
    """
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, number of members
    for wish, offset, weight in zip(wishes, offsets, weights, strict=True):
        mean, total, members = wish - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, mass, size = blocks.pop()
            mean = (mean * total + other * mass) / (total + mass)
            total, members = total + mass, members + size
        blocks.append((mean, total, members))
    means = [mean for mean, _, members in blocks for _ in range(members)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _column_edges(
    layers: _Layers, sizes: Sequence[tuple[float, float]], middle: list[float]
) -> tuple[list[float], list[float]]:
    """Return where each column begins and ends; steep wires get a wider gap."""
    begin, end, x = [], [], 0.0
    for vertices in layers.columns:
        room = max((sizes[v][0] for v in vertices if v < layers.count), default=0.0)
        begin.append(x)
        end.append(x + room)
        climb = max(
            (abs(middle[v] - middle[t]) for v in vertices for t in layers.after[v]), default=0.0
        )
        x += room + min(max(28.0, 0.45 * climb), 90.0)
    return begin, end


__all__ = ["Layout", "Wire", "arrange"]
