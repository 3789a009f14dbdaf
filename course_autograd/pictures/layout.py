"""A layered layout for directed acyclic graphs, in plain Python.

The method is that of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical
system structures", 1981), in four steps: columns by the longest path to the output; a place
holder in every column a long wire goes through; an order in each column with few crossings, by
barycentre sweeps and swaps of neighbours; heights by least squares in that order.

Nothing here knows about tensors, and nothing is random: the same graph gives the same layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from course_autograd.pictures.order import Layers, order

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
    layers = _in_few_crossings(inputs)
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
    middle = middle[: layers.count]
    return Layout(left, right, middle, wires, layers.crossings(), column_right[-1], height)


def _in_few_crossings(inputs: Sequence[Sequence[int]]) -> Layers:
    """Return the graph in columns and in order, in that of some ways with the fewest crossings.

    The first way is the one to read best: columns by the longest path to the output, and a value
    that goes far as one wire with branches. Only where wires cross, others are tried: every wire
    for itself, and operations on old values moved to the left, next to these.
    """
    late = _by_longest_path(inputs)
    early = _shortened(inputs, late)
    best: Layers | None = None
    for column, shared in ((late, True), (late, False), (early, True), (early, False)):
        if best is not None and column is early and early == late:
            break
        layers = _in_columns(inputs, column, shared)
        order(layers)
        if best is None or layers.crossings() < best.crossings():
            best = layers
        if not best.crossings():
            break
    assert best is not None
    return best


def _by_longest_path(inputs: Sequence[Sequence[int]]) -> list[int]:
    """Return the column of each node: the output's is the last, leaves stand before their user."""
    level = [0] * len(inputs)
    for node in reversed(range(len(inputs))):
        for source in inputs[node]:
            level[source] = max(level[source], level[node] + 1)
    last = max(level, default=0)
    return [last - one for one in level]


def _shortened(inputs: Sequence[Sequence[int]], late: Sequence[int]) -> list[int]:
    """Return columns in which an operation on old values stands by these, not by its user.

    The product of two values that is needed much later then draws one long wire, not two. A node
    moves together with what must stay before it, wherever that makes the wires shorter in all.
    """
    column = list(late)
    users: list[list[int]] = [[] for _ in inputs]
    for node, sources in enumerate(inputs):
        for source in sources:
            users[source].append(node)
    moved = True
    while moved:
        moved = False
        for node in range(len(inputs)):
            group, waiting, gain = {node}, [node], 0
            while waiting:
                one = waiting.pop()
                gain += len(inputs[one]) - len(users[one])
                tight = {s for s in inputs[one] if column[s] == column[one] - 1} - group
                group |= tight
                waiting += sorted(tight)
            if gain > 0 and all(column[one] for one in group) and users[node]:
                moved = True
                for one in group:
                    column[one] -= 1
    return column


def _in_columns(inputs: Sequence[Sequence[int]], column: Sequence[int], shared: bool) -> Layers:
    """Put place holders where wires pass a column; one for all wires of a value, if `shared`."""
    count = len(inputs)
    before: list[list[int]] = [[] for _ in range(count)]
    columns: list[list[int]] = [[] for _ in range(max(column, default=0) + 1)]
    holder: dict[tuple[int, int, int], int] = {}
    for node, sources in enumerate(inputs):
        for source in sources:
            vertex = source
            for between in range(column[source] + 1, column[node]):
                key = (source, between, -1 if shared else node)
                if key not in holder:
                    holder[key] = len(before)
                    before.append([vertex])
                vertex = holder[key]
            before[node].append(vertex)
    # The first order: depth first from the output, inputs in their own order.
    where = {vertex: between for (_, between, _), vertex in holder.items()}
    seen: set[int] = set()
    stack = [count - 1]
    while stack:
        vertex = stack.pop()
        if vertex not in seen:
            seen.add(vertex)
            columns[where[vertex] if vertex in where else column[vertex]].append(vertex)
            stack.extend(reversed(before[vertex]))
    return Layers(count, columns, before)


def _ports(layers: Layers, inputs: Sequence[Sequence[int]], distance: float) -> list[list[float]]:
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
    layers: Layers, heights: list[float], ports: list[list[float]], gap: float
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
            long = (vertex >= layers.count) + (source >= layers.count)
            chain = len(sources) == 1 and len(layers.after[source]) == 1
            worth = (8.0 if chain else 1.0, 8.0, 40.0)[long]
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
    layers: Layers, sizes: Sequence[tuple[float, float]], middle: list[float]
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
