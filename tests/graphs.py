"""Computation graphs of many kinds, as plain lists of inputs, and dot's answer to them.

A graph is a list: for every node the nodes it is computed from, all before it; the last is the
output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

Inputs = list[list[int]]
Sizes = Sequence[tuple[float, float]]
Path = tuple[int, int, list[float], list[float]]  # source, target, x and y along the wire


class Maker:
    """Collects nodes; every method returns the number of the node it adds."""

    def __init__(self) -> None:
        self.inputs: Inputs = []

    def leaf(self) -> int:
        return self.of()

    def of(self, *given: int) -> int:
        self.inputs.append(list(given))
        return len(self.inputs) - 1

    def linear(self, x: int) -> int:
        return self.of(self.of(x, self.leaf()), self.leaf())

    def sum(self, terms: Sequence[int]) -> int:
        total = terms[0]
        for term in terms[1:]:
            total = self.of(total, term)
        return total

    def finish(self) -> Inputs:
        """Add up what nobody uses: a graph has one output."""
        used = {i for given in self.inputs for i in given}
        loose = [i for i in range(len(self.inputs)) if i not in used]
        self.sum(loose)
        return self.inputs


def mlp(rng: np.random.Generator, count: int) -> Inputs:
    """Layers of matrices, with a penalty on some of the weights."""
    make = Maker()
    h = make.leaf()
    penalties: list[int] = []
    while len(make.inputs) + 2 * len(penalties) < count - 6:
        W = make.leaf()
        h = make.of(make.of(make.of(h, W), make.leaf()))
        if rng.random() < 0.4:
            penalties.append(make.of(make.of(W)))
    loss = make.of(h)
    make.sum([loss, *penalties])
    return make.finish()


def neurons(rng: np.random.Generator, count: int) -> Inputs:
    """A network written out neuron by neuron, on numbers."""
    make = Maker()
    layer = [make.leaf() for _ in range(2)]
    while len(make.inputs) < count - 10:
        width = int(rng.integers(1, 3))
        layer = [
            make.of(make.of(make.sum([make.of(make.leaf(), x) for x in layer]), make.leaf()))
            for _ in range(width)
        ]
    return make.finish()


def attention(rng: np.random.Generator, count: int) -> Inputs:
    """Queries, keys and values of one input, with a way around."""
    make = Maker()
    h = make.leaf()
    while len(make.inputs) < count - 12:
        q, k, v = (make.of(h, make.leaf()) for _ in range(3))
        scores = make.of(make.of(make.of(q, make.of(k)), make.leaf()))
        h = make.of(h, make.of(make.of(scores, v), make.leaf()))
        if rng.random() < 0.5:
            h = make.of(h, make.linear(make.of(make.linear(h))))
    return make.finish()


def residual(rng: np.random.Generator, count: int) -> Inputs:
    """Blocks with a way around each; some with weights on it."""
    make = Maker()
    h = make.leaf()
    while len(make.inputs) < count - 8:
        around = make.of(h, make.leaf()) if rng.random() < 0.3 else h
        for _ in range(int(rng.integers(1, 3))):
            h = make.of(make.linear(h))
        h = make.of(make.of(h, around))
    return make.finish()


def diamonds(rng: np.random.Generator, count: int) -> Inputs:
    """Every value is used twice and comes together again."""
    make = Maker()
    h = make.leaf()
    while len(make.inputs) < count - 5:
        left = make.of(h, make.leaf()) if rng.random() < 0.5 else make.of(h)
        right = make.of(make.of(h)) if rng.random() < 0.5 else make.of(h)
        h = make.of(left, right)
        if rng.random() < 0.3:
            h = make.of(h, right)
    return make.finish()


def tagger(rng: np.random.Generator, count: int) -> Inputs:
    """One table looked up in many places, the same weights for every word."""
    make = Maker()
    table, W1, b1, W2, b2 = (make.leaf() for _ in range(5))
    losses = []
    while len(make.inputs) + len(losses) < count - 8:
        words = [make.of(table) for _ in range(int(rng.integers(1, 4)))]
        h = make.of(make.of(make.of(make.of(*words), W1), b1))
        losses.append(make.of(make.of(make.of(h, W2), b2)))
    make.sum(losses or [table])
    return make.finish()


def recurrent(rng: np.random.Generator, count: int) -> Inputs:
    """The same weights at every step of a chain, a loss at some of them."""
    make = Maker()
    W, U, b, h = (make.leaf() for _ in range(4))
    losses = []
    while len(make.inputs) + len(losses) < count - 6:
        h = make.of(make.of(make.of(make.of(h, W), make.of(make.leaf(), U)), b))
        if rng.random() < 0.4:
            losses.append(make.of(h))
    make.sum([*losses, h])
    return make.finish()


def any_dag(rng: np.random.Generator, count: int) -> Inputs:
    """Operations on values that were computed not long before."""
    make = Maker()
    for _ in range(int(rng.integers(2, 5))):
        make.leaf()
    while len(make.inputs) < count - 3:
        here = len(make.inputs)
        back = 1 + rng.geometric(0.25, 2)
        given = [max(0, here - int(i)) for i in back[: int(rng.integers(1, 3))]]
        if rng.random() < 0.2:
            given[-1] = make.leaf()
        make.of(*given)
    return make.finish()


KINDS: list[Callable[[np.random.Generator, int], Inputs]] = [
    mlp,
    neurons,
    attention,
    residual,
    diamonds,
    tagger,
    recurrent,
    any_dag,
]


def some_graphs(least: int, most: int, seeds: int) -> list[tuple[str, Inputs]]:
    """Return graphs of all kinds whose number of nodes lies between two numbers."""
    found = []
    for kind in KINDS:
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            inputs = kind(rng, int(rng.integers(least, most + 1)))
            if least <= len(inputs) <= most:
                found.append((f"{kind.__name__}-{seed}", inputs))
    return found


# --- crossings, counted in the same way for everybody ---------------------------------------------


def crossings_of(paths: Sequence[Path], ranks: Sequence[float]) -> int:
    """Count how often wires change their order between one rank (an x) and the next.

    Every wire counts for itself. Two that begin or end in the same node cross only where they
    have been apart, and not those of the same node at all: they are one value.
    """
    heights = np.full((len(paths), len(ranks)), np.nan)
    for row, (_, _, xs, ys) in zip(heights, paths, strict=True):
        inside = (xs[0] - 0.2 <= np.array(ranks)) & (np.array(ranks) <= xs[-1] + 0.2)
        row[inside] = np.interp(np.array(ranks)[inside], xs, ys)
    total = 0
    for i, (source, target, _, _) in enumerate(paths):
        for j in range(i):
            if paths[j][0] == source:
                continue
            both = heights[i] - heights[j]
            both = both[~np.isnan(both)]
            if paths[j][1] == target and len(both):
                both = both[:-1]  # where both arrive
            signs = np.sign(both[np.abs(both) > 1e-3])
            total += int((signs[1:] != signs[:-1]).sum())
    return total


def dot_crossings(inputs: Inputs, sizes: Sizes) -> int:
    """Lay a graph out with dot and count the crossings of its splines."""
    import pygraphviz

    graph = pygraphviz.AGraph(directed=True, strict=False, rankdir="LR")
    for i, (width, height) in enumerate(sizes):
        graph.add_node(i, shape="box", fixedsize=True, width=width / 72, height=height / 72)
    for target, given in enumerate(inputs):
        for position, source in enumerate(given):
            graph.add_edge(source, target, key=f"{target}:{position}")
    graph.layout("dot")
    middle = {int(node): _point(node.attr["pos"]) for node in graph.nodes()}
    ranks = sorted({round(x, 1) for x, _ in middle.values()})
    paths: list[Path] = []
    for edge in graph.edges():
        source, target = int(edge[0]), int(edge[1])
        points = [_point(p) for p in re.split(r"\s+", edge.attr["pos"]) if not p.startswith("e,")]
        xs, ys = [middle[source][0]], [middle[source][1]]
        for begin in range(0, len(points) - 3, 3):
            corners = np.array(points[begin : begin + 4])
            for t in np.linspace(0, 1, 17):
                bernstein = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]
                x, y = np.array(bernstein) @ corners
                xs.append(max(float(x), xs[-1]))
                ys.append(float(y))
        xs.append(middle[target][0])
        ys.append(middle[target][1])
        paths.append((source, target, xs, ys))
    return crossings_of(paths, ranks)


def _point(text: str) -> tuple[float, float]:
    x, y = text.split(",")[-2:]
    return float(x), float(y)


def our_crossings(layout: Any) -> int:
    """Count the crossings of a layout of ours in the same way."""
    paths: list[Path] = []
    ranks = sorted({round(x, 3) for x in layout.left} | {round(x, 3) for x in layout.right})
    for wire in layout.wires:
        xs = [x for x, _ in wire.points]
        ys = [y for _, y in wire.points]
        assert all(a <= b for a, b in pairwise(xs))
        paths.append((wire.source, wire.target, xs, ys))
    return crossings_of(paths, ranks)
