"""Where nodes and wires go: few crossings (also against dot), no overlap, the same every time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from graphs import Inputs, dot_crossings, our_crossings, some_graphs

from course_autograd.pictures.layout import Layout, arrange, spread

SIZE = (60.0, 40.0)
SMALL = some_graphs(8, 40, seeds=6)
LARGE = some_graphs(41, 80, seeds=6)


@cache
def laid_out(name: str, many: bool) -> Layout:
    """Return the layout of one of these graphs, made once."""
    inputs = dict(LARGE if many else SMALL)[name]
    return arrange(inputs, sizes_of(inputs))


def sizes_of(inputs: Inputs) -> list[tuple[float, float]]:
    return [(50.0 + i % 7 * 9, 30.0 + i % 5 * 8) for i in range(len(inputs))]


def names(graphs: list[tuple[str, Inputs]]) -> list[str]:
    return [f"{name}-{len(inputs)}" for name, inputs in graphs]


# --- against dot, the best known layout of this kind ---------------------------------------------
#
# Everybody's crossings are counted on what is drawn. dot draws every wire for itself: counted are
# pairs of its splines that change their order from one rank to the next. We draw the wires of one
# value as one line with branches where that helps: counted are pairs of lines that change their
# order from one column to the next. Wires that begin in the same node never count for dot.


@pytest.fixture(scope="module")
def dot() -> Callable[[Inputs], int]:
    pytest.importorskip(
        "pygraphviz", reason="dot is the reference here: pip install pygraphviz (brings Graphviz)"
    )
    return lambda inputs: dot_crossings(inputs, sizes_of(inputs))


@pytest.mark.parametrize(("name", "inputs"), SMALL, ids=names(SMALL))
def test_up_to_40_nodes_there_are_never_more_crossings_than_dot_draws(
    name: str, inputs: Inputs, dot: Callable[[Inputs], int]
) -> None:
    assert laid_out(name, False).crossings <= dot(inputs)


@pytest.mark.parametrize(("name", "inputs"), LARGE, ids=names(LARGE))
def test_up_to_80_nodes_there_are_at_most_half_as_many_crossings_more_than_dot_draws(
    name: str, inputs: Inputs, dot: Callable[[Inputs], int]
) -> None:
    assert laid_out(name, True).crossings <= 1.5 * dot(inputs)


def test_counted_wire_by_wire_there_are_in_all_no_more_than_in_dots_pictures(
    dot: Callable[[Inputs], int],
) -> None:
    """Sharing a line is no trick: with every wire for itself, small graphs are better too."""
    ours = sum(our_crossings(laid_out(name, False)) for name, _ in SMALL)
    assert ours <= sum(dot(one) for _, one in SMALL)


@pytest.mark.slow
def test_over_many_graphs_dot_is_hardly_ever_better_and_never_by_more_than_one(
    dot: Callable[[Inputs], int],
) -> None:
    graphs = some_graphs(8, 40, seeds=24)
    assert len(graphs) > 150
    more = [arrange(one, sizes_of(one)).crossings - dot(one) for _, one in graphs]
    assert max(more) <= 1
    assert sum(one > 0 for one in more) <= len(graphs) // 100
    assert sum(one < 0 for one in more) >= len(graphs) // 5
    assert sum(more) < 0


def test_the_counting_sees_a_crossing_that_nobody_can_avoid(dot: Callable[[Inputs], int]) -> None:
    # Three values each used by three operations: K(3,3) is not planar.
    inputs: Inputs = [[], [], [], [0, 1, 2], [0, 1, 2], [0, 1, 2], [3, 4, 5]]
    sizes = [SIZE] * 7
    assert dot(inputs) >= 1
    assert arrange(inputs, sizes).crossings >= 1
    assert our_crossings(arrange(inputs, sizes)) >= 1


def test_the_graphs_are_of_many_kinds_and_sizes() -> None:
    assert len({name.split("-")[0] for name, _ in SMALL}) == 8
    assert len({name.split("-")[0] for name, _ in LARGE}) == 8
    sizes = {len(inputs) for _, inputs in (*SMALL, *LARGE)}
    assert min(sizes) < 15
    assert max(sizes) > 70


# --- what is drawn --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "inputs"), SMALL + LARGE, ids=names(SMALL + LARGE))
def test_nodes_do_not_overlap_and_no_wire_passes_through_one(name: str, inputs: Inputs) -> None:
    layout, sizes = laid_out(name, len(inputs) > 40), sizes_of(inputs)
    boxes = [
        (left, middle - high / 2, left + wide, middle + high / 2)
        for left, middle, (wide, high) in zip(layout.left, layout.middle, sizes, strict=True)
    ]
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] + 1e-6 or b[3] <= a[1] + 1e-6
    for wire in layout.wires:
        assert wire.points[0] == (layout.right[wire.source], layout.middle[wire.source])
        # Level through columns, past the nodes there; between columns there are none.
        for (x, y), (to_x, to_y) in zip(wire.points[1:-1:2], wire.points[2::2], strict=False):
            assert y == to_y
            for left, top, right, bottom in boxes:
                assert to_x <= left or right <= x or not top + 1e-6 < y < bottom - 1e-6


@pytest.mark.parametrize(("name", "inputs"), SMALL[::5], ids=names(SMALL[::5]))
def test_the_same_graph_has_the_same_layout(name: str, inputs: Inputs) -> None:
    sizes = [SIZE] * len(inputs)
    assert arrange(inputs, sizes) == arrange(inputs, sizes)


def test_two_old_values_that_are_needed_late_become_one_wire_early() -> None:
    # The product of x and y is needed at the end of a chain that crosses nothing: rank by the
    # longest path to the output puts it there, and that stays as long as nothing crosses.
    inputs: Inputs = [[], [0], [1], [2], [0, 1], [3, 4]]
    layout = arrange(inputs, [SIZE] * 6)
    assert layout.crossings == 0
    assert layout.left[4] == layout.left[3]


def random_graph(seed: int, count: int = 14) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    inputs: list[list[int]] = [[] for _ in range(count)]
    for node in range(3, count):
        inputs[node] = [int(i) for i in rng.integers(0, node, 2)]
    used = {i for sources in inputs for i in sources}
    inputs.append([i for i in range(count) if i not in used])
    return inputs


@pytest.mark.parametrize("seed", range(20))
def test_the_layout_counts_the_crossings_it_draws_and_keeps_nodes_apart(seed: int) -> None:
    inputs = random_graph(seed)
    sizes = [(40.0 + i, 30.0 + i) for i in range(len(inputs))]
    layout = arrange(inputs, sizes)
    pieces = {
        (wire.source, wire.target if 2 * i + 2 == len(wire.points) else -1, piece)
        for wire in layout.wires
        for i, piece in enumerate(zip(wire.points[::2], wire.points[1::2], strict=True))
    }
    crossed = 0
    for (_, goal, (a, b)), (_, other, (c, d)) in combinations(sorted(pieces), 2):
        if a[0] == c[0] and (goal == -1 or goal != other):
            crossed += (a[1] - c[1]) * (b[1] - d[1]) < 0
    assert crossed == layout.crossings
    for one, two in combinations(range(len(inputs)), 2):
        if layout.left[one] == layout.left[two]:
            room = (sizes[one][1] + sizes[two][1]) / 2
            assert abs(layout.middle[one] - layout.middle[two]) >= room
    assert min(layout.left) == 0
    assert max(layout.right) == layout.width


def test_leaves_stand_next_to_their_user() -> None:
    layout = arrange([[], [], [0, 1], [], [2, 3]], [(10.0, 10.0)] * 5)
    assert layout.left[3] == layout.left[2] > layout.left[0] == layout.left[1]


def test_spread_keeps_wishes_that_are_far_enough_apart() -> None:
    assert spread([0.0, 10.0, 30.0], [5.0, 5.0], [1.0, 1.0, 1.0]) == [0.0, 10.0, 30.0]


def test_spread_shares_the_way_by_weight() -> None:
    assert spread([0.0, 0.0], [4.0], [1.0, 1.0]) == [-2.0, 2.0]
    assert spread([0.0, 0.0], [4.0], [3.0, 1.0]) == [-1.0, 3.0]
    assert spread([0.0, 0.0, 0.0], [4.0, 4.0], [1.0, 1.0, 1.0]) == [-4.0, 0.0, 4.0]


@pytest.mark.parametrize("seed", range(10))
def test_spread_is_the_best_of_all_that_keep_their_distances(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wishes, apart, weights = rng.normal(0, 9, 6), rng.uniform(1, 5, 5), rng.uniform(0.5, 3, 6)
    best = np.array(spread(wishes.tolist(), apart.tolist(), weights.tolist()))
    assert (np.diff(best) >= apart - 1e-9).all()

    def cost(y: Any) -> float:
        return float((weights * (y - wishes) ** 2).sum())

    for _ in range(200):
        other = best + rng.normal(0, 1, 6)
        for i in range(5):
            other[i + 1] = max(other[i + 1], other[i] + apart[i])
        assert cost(best) <= cost(other)
