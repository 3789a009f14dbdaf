"""The order of vertices in columns: as few crossings of wires as can be found.

The method of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system
structures", 1981) sweeps over the columns and sorts each by the mean place of its neighbours. It
is joined by sifting (Matuszewski, Schönfeld and Molitor, "Using sifting for k-layer straightline
crossing minimization", 1999): a vertex is tried at every place of its column. Both are repeated
from several first orders, for a fixed number of steps, so that a picture is the same everywhere.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

STEPS = 18_000
CROSSING = 1 << 20  # a crossing on the picture outweighs what divides between equals


@dataclass
class Layers:
    """A graph in columns; vertices from `count` on are place holders of long wires.

    Attributes
    ----------
    count : int
        Number of nodes.
    columns : list of lists of int
        The vertices of each column from top to bottom.
    before, after : list of lists of int
        For each vertex its neighbours in the column to the left, one entry per input, and in the
        column to the right.
    wires : list of int
        How many wires run through the piece that a place holder begins with: a value that goes
        far is one wire with branches.
    """

    count: int
    columns: list[list[int]]
    before: list[list[int]]
    after: list[list[int]] = field(default_factory=list)
    wires: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.after = [[] for _ in self.before]
        for vertex, sources in enumerate(self.before):
            for other in sources:
                self.after[other].append(vertex)
        self.wires = [1] * len(self.before)
        for vertex in reversed(range(self.count, len(self.before))):
            self.wires[vertex] = sum(
                self.wires[v] if v >= self.count else 1 for v in self.after[vertex]
            )

    def crossings(self) -> int:
        """Count the crossings of the picture."""
        return sum(self.crossings_after(column) for column in range(len(self.columns) - 1))

    def crossings_after(self, column: int) -> int:
        """Count inversions between the orders of two neighbouring columns."""
        place = {vertex: i for i, vertex in enumerate(self.columns[column + 1])}
        passed: list[int] = []
        total = 0
        for vertex in self.columns[column]:
            ends = sorted(place[other] for other in self.after[vertex])
            total += sum(len(passed) - bisect_right(passed, end) for end in ends)
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


def order(layers: Layers, steps: int = STEPS) -> None:
    """Reorder the columns so that few wires cross; among equals, inputs in their own order."""
    search = _Search(layers, steps)
    best, least = [list(column) for column in layers.columns], (*search.cost(), layers.twists())
    for number, first in enumerate(_first_orders(layers)):
        if least[0] == 0 and least[2] == 0:
            break
        layers.columns = first
        for _ in search.improve():
            if search.reached <= least[:2]:
                reached = *search.reached, layers.twists()
                if reached < least:
                    best, least = [list(column) for column in layers.columns], reached
        if search.left <= 0 or (least[0] == 0 and number >= 2):
            break
    layers.columns = best


def _first_orders(layers: Layers) -> Iterator[list[list[int]]]:
    """Yield orders to begin with: as given, upside down, and shuffled in a fixed way."""
    given = [list(column) for column in layers.columns]
    yield [list(column) for column in given]
    yield [column[::-1] for column in given]
    yield [sorted(column) for column in given]
    state = 1
    while True:
        shuffled = []
        for column in given:
            keys = []
            for _ in column:
                state = (1103515245 * state + 12345) % (1 << 31)  # always the same numbers
                keys.append(state >> 8)
            shuffled.append([v for _, v in sorted(zip(keys, column, strict=True))])
        yield shuffled


class _Search:
    """Sweeps over the columns of a graph, and counts its steps."""

    def __init__(self, layers: Layers, steps: int) -> None:
        self.layers = layers
        self.left = steps
        self.reached = (0, 0)
        self.place = [0] * len(layers.before)
        count = layers.count
        # What a crossing with each piece costs: wires count as a last resort.
        self.before = [
            [(o, layers.wires[v] if v >= count else 1) for o in sources]
            for v, sources in enumerate(layers.before)
        ]
        self.after = [
            [(o, layers.wires[o] if o >= count else 1) for o in users] for users in layers.after
        ]

    def cost(self) -> tuple[int, int]:
        """Count the crossings of the picture, and those of all wires each for itself."""
        crossings = wires = 0
        for column in range(len(self.layers.columns) - 1):
            one, two = self._crossings_after(column)
            crossings, wires = crossings + one, wires + two
        return crossings, wires

    def _crossings_after(self, column: int) -> tuple[int, int]:
        place = {vertex: i for i, vertex in enumerate(self.layers.columns[column + 1])}
        total = weighted = 0
        passed: list[tuple[int, int]] = []
        for vertex in self.layers.columns[column]:
            ends = [(place[o], weight) for o, weight in self.after[vertex]]
            for end, weight in ends:
                for other, mass in passed:
                    if other > end:
                        total += 1
                        weighted += weight * mass
            passed += ends
        return total, weighted

    def improve(self, patience: int = 2) -> Iterator[None]:
        """Sweep to and fro; pause after each sweep, and stop when nothing has become better."""
        columns = self.layers.columns
        for column in columns:
            self._number(column)
        least: tuple[int, int] | None = None
        worse = sweep = 0
        while worse < patience and self.left > 0:
            forward = sweep % 2 == 0
            order = range(1, len(columns)) if forward else range(len(columns) - 2, -1, -1)
            for i in order:
                self._by_mean(columns[i], self.layers.before if forward else self.layers.after)
            self._settle()
            self.reached = self.cost()
            yield
            worse = 0 if least is None or self.reached < least else worse + 1
            least = self.reached if least is None else min(least, self.reached)
            sweep += 1

    def _number(self, column: Sequence[int]) -> None:
        for i, vertex in enumerate(column):
            self.place[vertex] = i

    def _by_mean(self, column: list[int], neighbours: Sequence[Sequence[int]]) -> None:
        """Sort by the mean place of neighbours; vertices without any stay where they are."""
        mean = {
            v: sum(self.place[o] for o in neighbours[v]) / len(neighbours[v])
            for v in column
            if neighbours[v]
        }
        moved = iter(sorted((v for v in column if v in mean), key=lambda v: mean[v]))
        column[:] = [next(moved) if v in mean else v for v in column]
        self._number(column)

    def _settle(self) -> None:
        """Sift every column whose neighbourhood has changed, until nothing moves."""
        columns = self.layers.columns
        waiting = set(range(len(columns)))
        for sweep in range(12):
            if not waiting or self.left <= 0:
                return
            order = range(len(columns)) if sweep % 2 == 0 else reversed(range(len(columns)))
            for i in order:
                if i in waiting:
                    waiting.discard(i)
                    if self._sift(columns[i]):
                        waiting |= {j for j in (i - 1, i + 1) if 0 <= j < len(columns)}

    def _sift(self, column: list[int]) -> bool:
        """Move vertices of one column to their best places; return whether any has moved."""
        if len(column) < 2:
            return False
        gain = self._gains(column)
        changed, again = False, True
        while again:
            again = False
            for vertex in list(column):
                here = column.index(vertex)
                row = gain[vertex]
                best = to = 0
                total = 0
                for i in range(here - 1, -1, -1):  # up
                    total -= row[column[i]]
                    if total < best:
                        best, to = total, i - here
                total = 0
                for i in range(here + 1, len(column)):  # down
                    total += row[column[i]]
                    if total < best:
                        best, to = total, i - here
                if best < 0:
                    column.pop(here)
                    column.insert(here + to, vertex)
                    changed = again = True
            self.left -= len(column)
        if changed:
            self._number(column)
        return changed

    def _gains(self, column: Sequence[int]) -> dict[int, dict[int, int]]:
        """Return what it costs to bring one vertex (upper) below another one (lower)."""
        place = self.place
        ends = [
            (
                [(place[o], w) for o, w in self.before[v]],
                [(place[o], w) for o, w in self.after[v]],
            )
            for v in column
        ]
        gain: dict[int, dict[int, int]] = {v: {} for v in column}
        for i, upper in enumerate(column):
            for j in range(i + 1, len(column)):
                cost = 0
                for one, two in zip(ends[i], ends[j], strict=True):
                    for a, w in one:
                        for b, m in two:
                            if a < b:
                                cost += CROSSING + w * m
                            elif a > b:
                                cost -= CROSSING + w * m
                lower = column[j]
                if not cost:
                    cost = self._twist(upper, lower)
                gain[upper][lower] = cost
                gain[lower][upper] = -cost
        self.left -= len(column) * (len(column) - 1) // 2
        return gain

    def _twist(self, upper: int, lower: int) -> int:
        """Return -1 where both are inputs of one node that wants them the other way round."""
        wish = 0
        for target in self.layers.after[upper]:
            arriving = self.layers.before[target]
            if lower in arriving:
                wish += 1 if arriving.index(upper) < arriving.index(lower) else -1
        return (wish > 0) - (wish < 0)


__all__ = ["Layers", "order"]
