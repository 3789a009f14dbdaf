"""Graphs on which small engines are wrong or crash: the right answer here, or a clear error.

The catalogue in `benchmarks/awkward` has the graphs on which the lecture's library fails, and those
on which aliased gradients go wrong; peers are put to the same catalogue by
`python -m benchmarks.graphs`. Below it stands what our engine promises beyond it.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograder.course import ROOT
from benchmarks.awkward.catalogue import GRAPHS, AwkwardGraph, exactly
from benchmarks.awkward.framework import Answer, Framework, Graph, NotExpressible, measured
from benchmarks.awkward.judge import Outcome, run, same
from benchmarks.awkward.ours import FRAMEWORK as OURS
from benchmarks.graphs import counts, dangerous
from course_autograd import Tensor, nn, ops, optim
from course_autograd.errors import CourseError
from course_autograd.graph import trace

pytestmark = pytest.mark.usefixtures("reference_rules")

RNG = np.random.default_rng(7)
MATRIX, VECTOR = RNG.normal(size=(3, 3)), RNG.normal(size=3)
ROWS, ROW = RNG.normal(size=(2, 3)), RNG.normal(size=3)
POSITIVE = np.abs(RNG.normal(size=3)) + 0.5


# --- the catalogue -------------------------------------------------------------------------------

ANSWERED = [graph for graph in GRAPHS if not graph.refused]
REFUSED = [graph for graph in GRAPHS if graph.refused]


def name_of(graph: AwkwardGraph) -> str:
    return graph.name


@pytest.mark.parametrize("graph", ANSWERED, ids=name_of)
def test_our_answer_is_the_right_one_without_a_warning(graph: AwkwardGraph) -> None:
    assert run(graph, OURS) == Outcome("right")


@pytest.mark.parametrize("graph", REFUSED, ids=name_of)
def test_we_refuse_in_words_of_our_own(graph: AwkwardGraph) -> None:
    with pytest.raises(CourseError, match=graph.refused):
        graph.program(OURS)


@pytest.mark.parametrize("graph", GRAPHS, ids=name_of)
def test_an_answer_that_is_a_little_off_is_not_taken_for_right(graph: AwkwardGraph) -> None:
    if graph.right is None:
        return
    right = tuple(np.asarray(one) for one in graph.right())
    assert same(right, right, types=graph.types)
    for position, one in enumerate(right):
        off = (one + 0.001, np.stack([one, one]), np.full(one.shape, np.nan), None)
        for wrong in off:
            found = (*right[:position], wrong, *right[position + 1 :])
            assert not same(found, right)


def test_it_holds_61_graphs_of_edugrad_and_7_of_aliasing() -> None:
    assert Counter(graph.source for graph in GRAPHS) == {
        "named": 49,
        "neighbour": 12,
        "aliasing": 7,
    }
    assert Counter(graph.edugrad for graph in GRAPHS if graph.source == "named") == {
        "wrong gradient": 11,
        "wrong value": 11,
        "crash": 27,
    }
    assert all(graph.edugrad for graph in GRAPHS if graph.source == "neighbour")
    assert len({graph.name for graph in GRAPHS}) == len(GRAPHS)


def test_the_catalogue_needs_no_framework() -> None:
    """So that nobody's own derivatives are what it takes for right."""
    source = (
        "import sys, benchmarks.awkward.judge as _\n"
        "frameworks = {'course_autograd', 'edugrad', 'micrograd', 'mygrad', 'autograd', 'torch'}\n"
        "print(*frameworks & set(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == []


def test_measured_gradients_are_those_of_pencil_and_paper() -> None:
    def graph(x: Any, W: Any) -> Any:
        return (x @ W) * 2 + (x**3).sum()  # the sum counts once for each of the columns

    x, W = np.array([1.0, -2.0]), np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    value, of_x, of_W = measured(graph, (x, W))
    np.testing.assert_allclose(value, 2 * x @ W - 7.0, rtol=1e-12)
    np.testing.assert_allclose(of_x, 2 * W.sum(axis=1) + 3 * 3 * x**2, rtol=1e-9)
    np.testing.assert_allclose(of_W, 2 * np.outer(x, np.ones(3)), rtol=1e-9)


# --- how answers are judged ----------------------------------------------------------------------


class Pretender(Framework):
    """A framework that does what a test wants."""

    name = "pretender"

    def __init__(self, act: Callable[[], Answer]) -> None:
        self.act = act


def pretend(act: Callable[[], Answer]) -> Outcome:
    """What comes of a graph whose right answer is 2, and which a framework answers so."""
    return run(GRAPH, Pretender(act))


GRAPH = AwkwardGraph("two", "named", "crash", lambda f: f.act(), exactly(2.0), alone=(1.0,))  # type: ignore[attr-defined]


def warns() -> Answer:
    np.log(np.zeros(1))
    return (3.0,)


def lacks() -> Answer:
    raise NotExpressible("numbers")


def test_right_and_wrong_answers_are_told_apart() -> None:
    assert pretend(lambda: (2.0,)) == Outcome("right")
    assert pretend(lambda: (3.0,)) == Outcome("wrong", "3.")
    assert pretend(lambda: (3.0,)).silent
    assert pretend(lambda: (None,)) == Outcome("wrong", "no gradient")
    assert pretend(lambda: (2.0, 2.0)).kind == "wrong"


def test_who_warns_is_not_silent() -> None:
    outcome = pretend(warns)
    assert outcome.kind == "wrong"
    assert outcome.warned == "divide by zero encountered in log"
    assert not outcome.silent


def test_errors_and_what_a_framework_lacks_end_here() -> None:
    assert pretend(lambda: (1 / 0,)) == Outcome("error", "ZeroDivisionError: division by zero")
    assert pretend(lacks) == Outcome("not expressible", "pretender does not offer numbers")


def test_a_framework_may_start_anew_at_every_pass_where_it_says_so() -> None:
    framework = Pretender(lambda: (1.0,))
    assert run(GRAPH, framework).kind == "wrong"
    framework.starts_anew = True
    assert run(GRAPH, framework).kind == "right"


def test_without_a_right_number_every_number_is_wrong() -> None:
    graph = AwkwardGraph("none", "named", "crash", lambda _: (2.0,), None)
    assert run(graph, Framework()).kind == "wrong"


def test_the_type_counts_where_it_is_the_point() -> None:
    single = np.ones(2, np.float32)
    assert not same((single.astype(np.float64),), (single,), types=True)
    assert same((single.astype(np.float64),), (single,))


def test_what_hangs_or_dies_is_an_answer_and_disturbs_nobody() -> None:
    source = """
import dataclasses, os
from benchmarks.awkward.catalogue import GRAPHS
from benchmarks.awkward.framework import Framework
from benchmarks.graphs import isolated

def hang(_):
    while True:
        pass

for program in (hang, lambda _: os._exit(7)):
    graph = dataclasses.replace(GRAPHS[0], program=program)
    print(isolated(graph, Framework(), 5.0 if program is not hang else 0.05).said)
"""
    shown = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines() == [
        "no answer within 0.05 s",
        "the process ended with code 7",
    ]


def test_the_tables_count_and_name_what_is_wrong_without_a_word() -> None:
    right = [Outcome("right")] * len(GRAPHS)
    peer = [Outcome("wrong"), Outcome("wrong", warned="beware"), Outcome("error"), *right[3:]]
    results = {"ours": right, "peer": peer}
    assert counts(results)[2:] == [
        f"| ours | {len(GRAPHS)} | 0 | 0 | 0 | 0 |",
        f"| peer | {len(GRAPHS) - 3} | 2 | 1 | 1 | 0 |",
    ]
    assert dangerous(results)[2:] == [f"| 1 | {GRAPHS[0].name} |  | **wrong** |"]


# --- next to the catalogue: formulas ---------------------------------------------------------


def of_one(h: Any, c: Any) -> Any:
    """One node used three times."""
    return h * h + h + c


FORMULAS: dict[str, tuple[Graph, tuple[Any, ...]]] = {
    "x ** 3": (lambda x: x**3, (VECTOR,)),
    "x ** -1": (lambda x: x**-1, (POSITIVE,)),
    "x ** 0 at 0": (lambda x: x**0, (np.array([0.0, 2.0]),)),
    "x ** 1 at 0": (lambda x: x**1, (np.array([0.0, 2.0]),)),
    "x ** 2 at 0": (lambda x: x**2, (np.array([0.0, -2.0]),)),
    "a sum that keeps axes": (lambda x: x * x.sum(axis=1, keepdims=True), (ROWS,)),
    "a + b of one array": (lambda a, b: a + b, (VECTOR, VECTOR)),
    "h h + h + c": (lambda x, c: (x * 2) * (x * 2) + (x * 2) + c, (VECTOR, ROW)),
    "h h + h + c, one h": (lambda x, c: of_one(x * 2, c), (VECTOR, ROW)),
    # A number must not be broadcast into the gradient of the matrix.
    "(W x) x": (lambda W, x: (W @ x) @ x, (MATRIX, VECTOR)),
    "(x W) x": (lambda W, x: (x @ W) @ x, (MATRIX, VECTOR)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_gradients_are_the_measured_ones(name: str) -> None:
    graph, values = FORMULAS[name]
    assert same(OURS.differentiate(graph, values), measured(graph, values))


# --- passes one after the other ------------------------------------------------------------------


def test_a_gradient_that_was_kept_stays_as_it_was() -> None:
    x = Tensor(np.array([1.0, 2.0]))
    ops.sum(x * x).backward()
    kept = x.grad
    ops.sum(x * x).backward()
    np.testing.assert_array_equal(kept, [2.0, 4.0])
    np.testing.assert_array_equal(x.grad, [4.0, 8.0])


def test_a_step_on_one_of_two_leaves_moves_only_that_one() -> None:
    a, b = Tensor(VECTOR), Tensor(VECTOR)
    ops.sum(a + b).backward()
    optim.SGD([a], lr=1.0).step()
    np.testing.assert_array_equal(b.value, VECTOR)
    np.testing.assert_array_equal(b.grad, np.ones(3))


def test_after_a_step_a_new_graph_uses_the_new_value() -> None:
    w = Tensor(np.array([2.0]))
    ops.sum(w * w).backward()
    optim.SGD([w], lr=0.25).step()
    w.grad = None
    ops.sum(w * w).backward()
    np.testing.assert_array_equal(w.grad, 2 * w.value)
    np.testing.assert_array_equal(w.value, [1.0])


@pytest.mark.parametrize("steps", [1, 2])
def test_a_graph_of_values_that_an_optimizer_has_moved_since_is_refused(steps: int) -> None:
    """Its ctx would hold the new values: gradients that are wrong, and nobody would see it."""
    w, untouched = Tensor(np.array([2.0]), name="w"), Tensor(np.array([3.0]))
    optimizer = optim.SGD([w], lr=0.25)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ops.sum(w * w)
        beside = ops.sum(untouched * untouched)
        loss.backward()
        optimizer.step()
    with pytest.raises(CourseError) as caught:
        loss.backward()
    assert str(caught.value) == (
        "backward: expected a graph of the present values, but an optimizer has moved the "
        "parameter 'w' of shape (1,) since this one was computed. Compute the loss again, then go "
        "back."
    )
    beside.backward()
    np.testing.assert_array_equal(untouched.grad, [6.0])


def test_two_layers_that_share_a_weight_add_up_and_are_moved_once() -> None:
    tied = nn.Parameter(MATRIX)
    value = np.array(MATRIX)
    ops.sum((Tensor(ROWS, requires_grad=False) @ tied) @ tied).backward()
    _, wanted = measured(lambda W: (ROWS @ W) @ W, [MATRIX])
    np.testing.assert_allclose(tied.grad, wanted, rtol=1e-7, atol=1e-7)
    model = nn.Module()
    model.first = model.second = tied  # type: ignore[attr-defined]
    optim.SGD(model.parameters(), lr=0.5).step()
    np.testing.assert_allclose(tied.value, value - 0.5 * wanted, rtol=1e-7, atol=1e-7)


# --- values and types ----------------------------------------------------------------------------


@pytest.mark.parametrize("graph", [lambda x: x - 3, lambda x: -x, lambda x: x**2 * 2])
def test_small_integers_do_not_wrap_around(graph: Callable[[Any], Any]) -> None:
    given = np.array([1, 200], dtype=np.uint8)
    np.testing.assert_array_equal(graph(Tensor(given)).value, graph(given.astype(np.float64)))


def test_truth_values_are_numbers() -> None:
    np.testing.assert_array_equal((1 - Tensor(np.array([True, False]))).value, [0.0, 1.0])


@pytest.mark.parametrize("exponent", [-1, 0, 2])
def test_integers_can_be_raised_to_any_power(exponent: int) -> None:
    _, gradient = OURS.differentiate(lambda x: x**exponent, [np.array([1, 2])])
    wanted = exponent * np.array([1.0, 2.0]) ** (exponent - 1)
    np.testing.assert_allclose(gradient, wanted)


def test_float32_gives_float32_gradients() -> None:
    _, gradient = OURS.differentiate(lambda x: 2 * x * x + 1, [VECTOR.astype(np.float32)])
    assert gradient.dtype == np.float32


def test_what_it_says_to_write_is_right() -> None:
    _, gradient = OURS.differentiate(lambda x: ops.exp(x * np.log(2)), [3.0])
    assert gradient == pytest.approx(8.0 * np.log(2.0))


# --- losses, models, optimizers ------------------------------------------------------------------


def test_a_loss_with_an_axis_says_what_to_do() -> None:
    x = Tensor(np.array([3.0]))
    with pytest.raises(CourseError, match=r"got a tensor of shape \(1,\)"):
        (x * x).backward()
    assert x.grad is None
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [6.0])


class Layers(nn.Module):
    """Layers in a list, and a tensor that is no parameter."""

    def __init__(self) -> None:
        self.layers = [nn.Linear(2, 3, rng=RNG), nn.Linear(3, 1, rng=RNG)]
        self.scale = Tensor(2.0)

    def forward(self, x: Any) -> Any:
        """Return the scaled output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x * self.scale


def test_layers_in_a_list_are_found_and_plain_tensors_are_no_parameters() -> None:
    shapes = sorted(np.shape(one.value) for one in Layers().parameters())
    assert shapes == [(1,), (2, 3), (3,), (3, 1)]


def test_a_layer_that_was_taken_away_has_no_parameters_left() -> None:
    model = Layers()
    model.layers = []
    assert list(model.parameters()) == []


# --- large graphs --------------------------------------------------------------------------------


def test_the_graph_above_a_chain_of_2000_operations_can_be_had() -> None:
    y = Tensor(1.0)
    for _ in range(2000):
        y = y * 1.0
    assert len(trace(y)) >= 2001


def test_training_leaves_no_object_behind_without_the_garbage_collector() -> None:
    """Neither nodes nor arrays pile up: as many objects after 300 steps as after 100."""
    model = nn.Sequential(
        nn.Linear(3, 4, rng=RNG, fused=True), nn.Linear(4, 2, rng=RNG, fused=True)
    )
    optimizer = optim.SGD(model.parameters(), lr=0.01)

    def steps(count: int) -> int:
        for _ in range(count):
            optimizer.zero_grad()
            loss = ops.softmax_cross_entropy(model(ROWS), labels=[0, 1])
            loss.backward(keep_inner=False)
            optimizer.step()
        del loss
        return len(gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        assert steps(100) == steps(200)
    finally:
        gc.enable()
