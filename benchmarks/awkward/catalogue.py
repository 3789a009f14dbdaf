"""The graphs on which edugrad 0.1.0 is wrong or crashes, and the graphs of aliased gradients.

How they are counted. edugrad's faults were first written down in prose, as "61 graphs". Every form
that the prose names is one graph here: in "2 x, x y, x / y, ..." each is one. That gives 49 (source
"named"): 11 wrong gradients, 11 wrong values, 27 crashes. ("SGD writes into the caller's array, so
that two tensors from one array move together" counts as two: what happens to the array, and to the
other tensor.) More are not named, but "every broadcast" and the like stand for more than is spelled
out. 12 graphs of the same kinds, each next to a named one, make it 61 (source "neighbour"): the
constant on the other side, the other operation, one more axis. edugrad fails on every one of the
61; `python -m benchmarks.graphs` shows it.

Three of the 27 that were called crashes are errors in clear words: edugrad's own for a loss with
axes, NumPy's for the difference of truth values and for an integer to the power of -1.

Seven more (source "aliasing") are those on which an engine goes wrong that adopts the first
gradient without a copy. Of these the prose names five; x + x and a diamond, which it calls right in
edugrad, make it seven. edugrad owns every array and is right on them, but for the second pass,
where it fails for a reason of its own.

Right answers are numbers worked out by hand, or measured by finite differences on plain NumPy
(`framework.measured`); no framework is asked.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from benchmarks.awkward.framework import PLAIN, Answer, Framework, Graph, measured

Source = Literal["named", "neighbour", "aliasing"]
Fault = Literal["wrong gradient", "wrong value", "crash", ""]

MATRIX = np.array([[0.4, -1.2, 0.9], [1.6, 0.3, -0.8], [-0.5, 0.7, 1.1]])
WIDE = np.array([[0.4, -1.2, 0.9, 2.0], [1.6, 0.3, -0.8, 0.1], [-0.5, 0.7, 1.1, -1.4]])
STACK = np.stack([MATRIX, MATRIX.T + 1, MATRIX - 2])  # equal sizes: a wrong axis still fits
ROWS = np.array([[0.3, -0.6, 1.7], [-1.1, 0.8, 0.2]])
VECTOR, ROW = np.array([0.5, -1.5, 2.0]), np.array([1.0, 0.25, -0.75])
COLUMN = np.array([[2.0], [-0.5]])
LONG = 2000  # operations in a row; Python's stack holds a thousand calls


@dataclass(frozen=True)
class AwkwardGraph:
    """One graph, what edugrad does with it, and what is right.

    Attributes
    ----------
    name : str
    source : str
        How it came into the catalogue.
    edugrad : str
        What edugrad does; empty where it is right.
    program : callable
        Builds the graph with a framework's tensors, and returns the numbers that count.
    right : callable or None
        Returns the right numbers. None where no number can be: only an error is right.
    refused : str
        The words in which our engine refuses; empty where it gives the right numbers.
    alone : tuple
        The numbers that are right in a framework where every pass starts anew; empty if the same.
    types : bool
        Whether the types of the numbers count, too.
    """

    name: str
    source: Source
    edugrad: Fault
    program: Callable[[Framework], Answer]
    right: Callable[[], Answer] | None
    refused: str = ""
    alone: Answer = ()
    types: bool = False


def formula(
    name: str, source: Source, edugrad: Fault, graph: Graph, *values: Any, refused: str = ""
) -> AwkwardGraph:
    """Return the graph of a formula in operators; its value and gradients are to be measured ones.

    The formula takes one tensor for each of the values.
    """

    def program(f: Framework) -> Answer:
        return f.differentiate(graph, values)

    return AwkwardGraph(name, source, edugrad, program, lambda: measured(graph, values), refused)


def expression(
    name: str, source: Source, edugrad: Fault, graph: Graph, *values: Any, refused: str = ""
) -> AwkwardGraph:
    """Return the same for a formula that takes the framework first, and uses its functions."""

    def program(f: Framework) -> Answer:
        return f.differentiate(partial(graph, f), values)

    def right() -> Answer:
        return measured(partial(graph, PLAIN), values)

    return AwkwardGraph(name, source, edugrad, program, right, refused)


def exactly(*numbers: Any) -> Callable[[], Answer]:
    """Return numbers worked out by hand."""
    return lambda: numbers


# --- passes one after the other ------------------------------------------------------------------


def eighth_power(x: Any) -> Any:
    """x^8 in three operations; at 2 it has the slope 8 * 2^7 = 1024."""
    return ((x**2) ** 2) ** 2


def twice(f: Framework) -> Answer:
    """Go back twice."""
    x = f.leaf(2.0)
    y = eighth_power(x)
    f.backward(y, keep_graph=True)
    f.backward(y)
    return (f.grad(x),)


def again(f: Framework) -> Answer:
    """Go back, forget the leaf's gradient, go back again."""
    x = f.leaf(2.0)
    y = eighth_power(x)
    f.backward(y, keep_graph=True)
    f.forget(x)
    f.backward(y)
    return (f.grad(x),)


def two_losses(f: Framework) -> Answer:
    """(x²)² and (x²)³: slopes 4x³ = 32 and 6x⁵ = 192 at 2."""
    x = f.leaf(2.0)
    shared = x**2
    first, second = shared**2, shared**3
    f.backward(first, keep_graph=True)
    f.backward(second)
    return (f.grad(x),)


def inner_first(f: Framework) -> Answer:
    """x², then (x²)²: slopes 2x = 4 and 4x³ = 32 at 2."""
    x = f.leaf(2.0)
    inner = x**2
    loss = inner**2
    f.backward(inner, keep_graph=True)
    f.backward(loss)
    return (f.grad(x),)


def stale(f: Framework) -> Answer:
    """w² moves w from 2 to 1; w³ was computed at 2, where its slope is 12."""
    w = f.parameter(f.entry(2.0))
    first, second = f.sum(w**2), f.sum(w**3)
    f.backward(first)
    f.step([w], 0.25)
    f.forget(w)
    f.backward(second)
    return (np.ravel(f.grad(w))[0],)


def kept_gradient(f: Framework) -> Answer:
    """What was the gradient after one pass is still that after the next."""
    x = f.leaf(f.entry(3.0))
    f.backward(f.sum(x**2))
    kept = f.grad(x)
    f.backward(f.sum(x**2))
    return (np.ravel(kept)[0],)


def tied_model(f: Framework) -> Answer:
    """A weight of 2 in two places of a model, loss w²: one step of 0.25 * 4 brings it to 1."""
    w = f.parameter(np.array([2.0]))
    model = f.module(first=w, second=w)
    f.backward(f.sum(w**2))
    f.optimizer(f.parameters(model), 0.25).step()
    return (f.value(w),)


def given_twice(f: Framework) -> Answer:
    """The same in an optimizer's list of parameters."""
    w = f.parameter(np.array([2.0]))
    optimizer = f.optimizer([w, w], 0.25)
    f.backward(f.sum(w**2))
    optimizer.step()
    return (f.value(w),)


# --- values and types ----------------------------------------------------------------------------


def bytes_minus(f: Framework) -> Answer:
    """1 - 3 and 200 - 3."""
    pixels, three = np.array([1, 200], np.uint8), np.array([3, 3], np.uint8)
    return (f.value(f.data(pixels) - f.data(three)),)


def bytes_power(f: Framework) -> Answer:
    """1² and 200²."""
    return (f.value(f.data(np.array([1, 200], np.uint8)) ** 2),)


def truth_minus(f: Framework) -> Answer:
    """1 - 1 and 0 - 1."""
    return (f.value(f.data(np.array([True, False])) - f.data(np.array([True, True]))),)


def add_lists(f: Framework) -> Answer:
    """Two tensors made of lists."""
    return (f.value(f.leaf([1.0, 2.0]) + f.leaf([3.0, 4.0])),)


def single(f: Framework) -> Answer:
    """The gradient of x² in float32."""
    return f.differentiate(lambda x: x**2, [np.array([1.5, -2.0], np.float32)])[1:]


def generator(f: Framework) -> Answer:
    """Two steps on w² with a rate of 0.25 halve w twice."""
    moved = []
    w = f.parameter(np.array([2.0]))
    optimizer = f.optimizer((one for one in [w]), 0.25)
    for _ in range(2):
        optimizer.zero_grad()
        f.backward(f.sum(w**2))
        optimizer.step()
        moved.append(np.array(f.value(w)))
    return tuple(moved)


def callers_array(f: Framework) -> Answer:
    """Training moves the tensor from 2 to 1, and leaves alone the array it was made of."""
    given = np.array([2.0])
    w = f.parameter(given)
    f.backward(f.sum(w**2))
    f.step([w], 0.25)
    return f.value(w), given


def of_one_array(f: Framework) -> Answer:
    """Two tensors are made of one array, and one of them is trained."""
    given = np.array([2.0])
    w, other = f.parameter(given), f.parameter(given)
    f.backward(f.sum(w**2))
    f.step([w], 0.25)
    return f.value(w), f.value(other)


def train_integer(f: Framework) -> Answer:
    """One step on w² from 4, with a rate of 0.125."""
    w = f.parameter(np.array([4]))
    f.backward(f.sum(w**2))
    f.step([w], 0.125)
    return (f.value(w),)


# --- models --------------------------------------------------------------------------------------


def layers_in_a_list(f: Framework) -> Answer:
    """How many parameters two layers in a Python list have."""
    return (len(f.parameters(f.module(layers=[f.linear(2, 3), f.linear(3, 1)]))),)


def tensor_on_a_model(f: Framework) -> Answer:
    """How many parameters a model has that only stores a tensor."""
    return (len(f.parameters(f.module(scale=f.leaf(2.0)))),)


def taken_away(f: Framework) -> Answer:
    """How many parameters a model has before and after its only layer is set to None."""
    model = f.module(head=f.linear(2, 3))
    before = len(f.parameters(model))
    model.head = None
    return before, len(f.parameters(model))


def alive(kind: type) -> int:
    """Count the objects of this type."""
    return sum(type(one) is kind for one in gc.get_objects())


def freed(f: Framework) -> Answer:
    """Whether an inner node is gone with the last name for it, the garbage collector off."""
    collected = gc.isenabled()
    gc.disable()
    try:
        x = f.leaf(2.0)
        before = alive(type(x))
        y = x**2
        f.backward(y + y)
        del y
        return (alive(type(x)) == before,)
    finally:
        if collected:
            gc.enable()


# --- shapes and sizes ----------------------------------------------------------------------------


def column_and_row(f: Framework) -> Answer:
    """Predictions in a column, targets in a row: no number is the right one."""
    column = f.leaf(np.array([[1.0], [2.0], [3.0], [4.0]]))
    loss = f.mean_squared_error(column, f.data(np.array([1.0, 2.0, 3.0, 4.0])))
    f.backward(loss)
    return f.value(loss), f.grad(column)


def loss_with_axes(*shape: int) -> Callable[[Framework], Answer]:
    """Go back from a loss x² that has axes; at 3 its slope is 6."""

    def program(f: Framework) -> Answer:
        return f.differentiate(lambda x: x**2, [np.full(shape, 3.0)], reduce=False)[1:]

    return program


def chain(x: Any, c: Any) -> Any:
    """Add c to x again and again."""
    for _step in range(LONG):
        x = x + c
    return x


def graph_of_a_chain(f: Framework) -> Answer:
    """The number of nodes of a chain."""
    x = f.leaf(1.0)
    for _step in range(LONG):
        x = x**1
    return (f.nodes_above(x),)


# --- aliased gradients ---------------------------------------------------------------------------


def of_one_node(f: Framework, x: Any, c: Any) -> Any:
    """Return h h + h + c with one node h."""
    h = x + x
    return f.multiply(h, h) + h + c


def diamond(f: Framework, x: Any) -> Any:
    """Two ways from x to the top, which share an edge."""
    h = x**2
    return f.multiply(h, x + h)


def second_pass(f: Framework) -> Answer:
    """(a + b) + a, twice."""
    a, b = f.leaf(f.entry(1.5)), f.leaf(f.entry(-2.0))
    y = f.sum((a + b) + a)
    f.backward(y, keep_graph=True)
    f.backward(y)
    return np.ravel(f.grad(a))[0], np.ravel(f.grad(b))[0]


def in_place(f: Framework) -> Answer:
    """An optimizer scales the gradient of a, one term of a sum, in place; that of b stays 1."""
    a, b = f.leaf(VECTOR), f.leaf(ROW)
    f.backward(f.sum(a + b))
    gradient = f.grad(a)
    gradient *= 0.5
    return f.grad(a), f.grad(b)


NO_BATCHES = "expected matrices or vectors"
NO_NUMBER = r"got a tensor of shape \(1,"

GRAPHS: tuple[AwkwardGraph, ...] = (
    # Wrong gradients.
    AwkwardGraph("backward twice", "named", "wrong gradient", twice, exactly(2048.0),
                 alone=(1024.0,)),
    AwkwardGraph("backward, zero the leaf, backward", "named", "wrong gradient", again,
                 exactly(1024.0)),
    AwkwardGraph("two losses share an inner node", "named", "wrong gradient", two_losses,
                 exactly(224.0), alone=(192.0,)),
    AwkwardGraph("backward from an inner scalar first", "named", "wrong gradient", inner_first,
                 exactly(36.0), alone=(32.0,)),
    expression("W (3, 3) @ x (3,)", "named", "wrong gradient",
               lambda f, W, x: f.matmul(W, x), MATRIX, VECTOR),
    expression("x (3,) @ W (3, 3)", "named", "wrong gradient",
               lambda f, x, W: f.matmul(x, W), VECTOR, MATRIX),
    expression("(3, 3, 3) @ (3, 3, 3)", "named", "wrong gradient",
               lambda f, x, y: f.matmul(x, y), STACK, STACK - 1, refused=NO_BATCHES),
    formula("x ** 0 at 0", "named", "wrong gradient", lambda x: x**0, 0.0),
    AwkwardGraph("a graph older than a step in place", "named", "wrong gradient", stale,
                 exactly(12.0), refused="an optimizer has moved"),
    AwkwardGraph("a kept gradient, another backward", "named", "wrong gradient", kept_gradient,
                 exactly(6.0)),
    AwkwardGraph("tied weights are moved once", "named", "wrong gradient", tied_model,
                 exactly([1.0])),
    # Wrong values.
    AwkwardGraph("uint8 - uint8", "named", "wrong value", bytes_minus, exactly([-2.0, 197.0])),
    AwkwardGraph("uint8 ** 2", "named", "wrong value", bytes_power, exactly([1.0, 40000.0])),
    AwkwardGraph("tensor of a list + tensor of a list", "named", "wrong value", add_lists,
                 exactly([4.0, 6.0])),
    AwkwardGraph("the gradient of a float32", "named", "wrong value", single,
                 exactly(np.array([3.0, -4.0], np.float32)), types=True),
    AwkwardGraph("SGD of a generator", "named", "wrong value", generator, exactly([1.0], [0.5])),
    AwkwardGraph("SGD and the caller's array", "named", "wrong value", callers_array,
                 exactly([1.0], [2.0])),
    AwkwardGraph("SGD, two tensors of one array", "named", "wrong value", of_one_array,
                 exactly([1.0], [2.0])),
    AwkwardGraph("layers in a Python list", "named", "wrong value", layers_in_a_list, exactly(4)),
    AwkwardGraph("a tensor stored on a model", "named", "wrong value", tensor_on_a_model,
                 exactly(0)),
    AwkwardGraph("a layer set to None", "named", "wrong value", taken_away, exactly(2, 0)),
    AwkwardGraph("a graph is freed without the collector", "named", "wrong value", freed,
                 exactly(True)),
    # Crashes: operators.
    formula("2 * x", "named", "crash", lambda x: 2 * x, 1.5),
    formula("x * y", "named", "crash", lambda x, y: x * y, 1.5, -2.0),
    formula("x / y", "named", "crash", lambda x, y: x / y, 1.5, -2.0),
    formula("-x", "named", "crash", lambda x: -x, 1.5),
    formula("x @ y", "named", "crash", lambda x, y: x @ y, VECTOR, ROW),
    formula("x + 1", "named", "crash", lambda x: x + 1, 1.5),
    formula("1 + x", "named", "crash", lambda x: 1 + x, 1.5),
    formula("1 - x", "named", "crash", lambda x: 1 - x, 1.5),
    formula("x + array", "named", "crash", lambda x: x + ROW, VECTOR),
    formula("x ** y", "named", "crash", lambda x, y: x**y, 2.0, 3.0,
            refused="exponent to be a constant number"),
    formula("2 ** x", "named", "crash", lambda x: 2**x, 3.0, refused=r"ops\.exp"),
    # Crashes: shapes.
    formula("(2, 3) + (3,)", "named", "crash", lambda x, y: x + y, ROWS, ROW),
    formula("(2, 3) + ()", "named", "crash", lambda x, y: x + y, ROWS, 0.5),
    formula("(2, 1) + (1, 3)", "named", "crash", lambda x, y: x + y, COLUMN, ROW[None]),
    AwkwardGraph("mean squared error of (4, 1) and (4,)", "named", "crash", column_and_row, None,
                 refused=r"\(4, 1\)"),
    expression("matrix @ vector", "named", "crash",
               lambda f, W, x: f.matmul(W, x), ROWS, VECTOR),
    expression("vector @ vector", "named", "crash",
               lambda f, x, y: f.matmul(x, y), VECTOR, ROW),
    expression("(3, 3, 3) @ (3, 3)", "named", "crash",
               lambda f, x, y: f.matmul(x, y), STACK, MATRIX, refused=NO_BATCHES),
    expression("sum along an axis", "named", "crash",
               lambda f, x: f.sum(x, axis=1) ** 2, ROWS),
    expression("mean along an axis", "named", "crash",
               lambda f, x: f.mean(x, axis=0) ** 2, ROWS),
    AwkwardGraph("a loss of shape (1,)", "named", "crash", loss_with_axes(1), exactly([6.0]),
                 refused=NO_NUMBER),
    # Crashes: types and sizes.
    formula("integer ** -1", "named", "crash", lambda x: x**-1, np.int64(2)),
    formula("integer ** 0", "named", "crash", lambda x: x**0, np.int64(2)),
    AwkwardGraph("bool - bool", "named", "crash", truth_minus, exactly([0.0, -1.0])),
    AwkwardGraph("SGD of integers", "named", "crash", train_integer, exactly([3.0])),
    formula(f"a chain of {LONG:,}", "named", "crash", chain, 1.0, 1.0),
    AwkwardGraph(f"the graph above a chain of {LONG:,}", "named", "crash", graph_of_a_chain,
                 exactly(LONG + 1)),
    # Next to the named ones.
    expression("(W x) W, W square", "neighbour", "wrong gradient",
               lambda f, W, x: f.sum(f.matmul(f.matmul(W, x), W)), MATRIX, VECTOR),
    AwkwardGraph("a weight given to SGD twice", "neighbour", "wrong gradient", given_twice,
                 exactly([1.0])),
    formula("1 / x", "neighbour", "crash", lambda x: 1 / x, 1.5),
    formula("array + x", "neighbour", "crash", lambda x: ROW + x, VECTOR),
    formula("array * x", "neighbour", "crash", lambda x: ROW * x, VECTOR),
    formula("array @ x", "neighbour", "crash", lambda x: MATRIX @ x, VECTOR),
    formula("(3,) + (2, 3)", "neighbour", "crash", lambda x, y: x + y, ROW, ROWS),
    formula("(2, 3) - (3,)", "neighbour", "crash", lambda x, y: x - y, ROWS, ROW),
    formula("(2, 3) * (2, 1)", "neighbour", "crash", lambda x, y: x * y, ROWS, COLUMN),
    expression("vector @ matrix (3, 4)", "neighbour", "crash",
               lambda f, x, W: f.matmul(x, W), VECTOR, WIDE),
    expression("sum that keeps the axis", "neighbour", "crash",
               lambda f, x: f.sum(x, axis=1, keepdims=True) ** 2, ROWS),
    AwkwardGraph("a loss of shape (1, 1)", "neighbour", "crash", loss_with_axes(1, 1),
                 exactly([[6.0]]), refused=NO_NUMBER),
    # Aliased gradients.
    formula("x + x", "aliasing", "", lambda x: x + x, 1.5),
    formula("(a + b) + a", "aliasing", "", lambda a, b: (a + b) + a, VECTOR, ROW),
    formula("a + (a + b)", "aliasing", "", lambda a, b: a + (a + b), VECTOR, ROW),
    expression("h h + h + c", "aliasing", "", of_one_node, VECTOR, ROW),
    expression("a diamond", "aliasing", "", diamond, 1.5),
    AwkwardGraph("(a + b) + a, backward twice", "aliasing", "wrong gradient", second_pass,
                 exactly(4.0, 2.0), alone=(2.0, 1.0)),
    AwkwardGraph("a + b, a step in place on a", "aliasing", "", in_place,
                 exactly([0.5, 0.5, 0.5], [1.0, 1.0, 1.0])),
)  # fmt: skip
