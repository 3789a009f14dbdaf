"""The engine: tensors, graphs and the backward pass."""

# ruff: noqa: ARG002, ARG005, N805 - rules written as on the slides; some ignore what they get

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import networkx
import numpy as np
import pytest
from rules import assert_same, engine_vjp, numeric_vjp

from course_autograd import Operation, Tensor, backward_of, implements, no_grad, ops, tensor_op
from course_autograd.backward import backpropagate
from course_autograd.contract import conform
from course_autograd.errors import (
    CourseError,
    NotScalarError,
    UndoneExerciseError,
    ValueTypeError,
)
from course_autograd.registering import is_undone, replaced_operations, reset_rules
from course_autograd.rule import run_rule

with_rules = pytest.mark.usefixtures("reference_rules")

Shapes = tuple[tuple[int, ...], ...]

# --- graphs on which autograd engines are known to be wrong or to crash ----------------------

ROWS = np.array([[0.4, -1.2, 0.9], [1.6, 0.3, -0.8]])
MASK = np.array([[True, False, True], [False, True, True]])
BYTES = np.array([[3, 200, 7], [0, 255, 1]], dtype=np.uint8)
LABELS = [2, 0]


def ladder(x: Any, depth: int) -> Any:
    """x added to itself `depth` times: 2**depth paths from the top to the bottom."""
    for _ in range(depth):
        x = x + x
    return x


def h_squared_plus_h(a: Any, b: Any, c: Any) -> Any:
    h = a * b
    return h * h + h + c


def unequal_arms(x: Any) -> Any:
    """A short arm and a long one meet again: a node must wait for all its consumers."""
    long = ops.exp(-(x * 0.5)) + 1.0
    return long * x + long


def four_rows(x: Any) -> Any:
    first, second = x
    return first * second + first


def hidden_layer(x: Any, W: Any, b: Any) -> Any:
    return ops.tanh(x @ W + b)


# name -> function of leaves, shapes of the leaves (all drawn positive where the name says so)
GRAPHS: dict[str, tuple[Callable[..., Any], Shapes]] = {
    # numbers and arrays beside a tensor, on both sides
    "2 * x": (lambda x: 2 * x, ((2, 3),)),
    "x * 2": (lambda x: x * 2, ((2, 3),)),
    "x + 1": (lambda x: x + 1, ((),)),
    "1 + x": (lambda x: 1 + x, ((2, 3),)),
    "1 - x": (lambda x: 1 - x, ((2, 3),)),
    "x - 1": (lambda x: x - 1, ((),)),
    "x / 3": (lambda x: x / 3, ((2, 3),)),
    "3 / x": (lambda x: 3 / x, ((2, 3),)),
    "-x": (lambda x: -x, ((2, 3),)),
    "x + array": (lambda x: x + ROWS, ((2, 3),)),
    "array + x": (lambda x: ROWS + x, ((3,),)),
    "array - x": (lambda x: ROWS - x, ((2, 1),)),
    "array * x": (lambda x: ROWS * x, ((),)),
    "x / array": (lambda x: x / ROWS, ((2, 3),)),
    "array / x": (lambda x: ROWS / x, ((3,),)),
    "array @ x": (lambda x: ROWS @ x, ((3, 4),)),
    "x @ array": (lambda x: x @ ROWS, ((2,),)),
    "np.float64 * x": (lambda x: np.float64(2) * x, ((2, 3),)),
    "np.int64 - x": (lambda x: np.int64(2) - x, ((),)),
    "0-d array / x": (lambda x: np.array(2.0) / x, ((2,),)),
    "x - truth values": (lambda x: x - MASK, ((2, 3),)),
    "truth values * x": (lambda x: MASK * x, ((2, 3),)),
    "x - bytes": (lambda x: x - BYTES, ((2, 3),)),
    "bytes - x": (lambda x: BYTES - x, ((2, 3),)),
    "x + list": (lambda x: x + [1.0, 2.0, 3.0], ((2, 3),)),  # noqa: RUF005
    # powers
    "x ** 2": (lambda x: x**2, ((2, 3),)),
    "x ** 3": (lambda x: x**3, ((),)),
    "x ** -1": (lambda x: x**-1, ((2,),)),
    "x ** 0": (lambda x: x**0 * x, ((2,),)),
    "x ** 1": (lambda x: x**1, ((2,),)),
    # two tensors, and broadcasting
    "x + y": (lambda x, y: x + y, ((2, 3), (2, 3))),
    "x - y": (lambda x, y: x - y, ((2, 3), (2, 3))),
    "x * y": (lambda x, y: x * y, ((2, 3), (2, 3))),
    "x / y": (lambda x, y: x / y, ((2, 3), (2, 3))),
    "(2,3) + (3,)": (lambda x, y: x + y, ((2, 3), (3,))),
    "(2,3) * ()": (lambda x, y: x * y, ((2, 3), ())),
    "() / (2,3)": (lambda x, y: x / y, ((), (2, 3))),
    "(2,1) - (1,3)": (lambda x, y: x - y, ((2, 1), (1, 3))),
    "(2,1) * (3,)": (lambda x, y: x * y, ((2, 1), (3,))),
    "maximum (2,3), (2,1)": (ops.maximum, ((2, 3), (2, 1))),
    # products of matrices and vectors
    "matrix @ matrix": (lambda x, y: x @ y, ((2, 3), (3, 4))),
    "matrix @ vector": (lambda x, y: x @ y, ((2, 3), (3,))),
    "vector @ matrix": (lambda x, y: x @ y, ((3,), (3, 4))),
    "vector @ vector": (lambda x, y: x @ y, ((3,), (3,))),
    "square matrix @ vector": (lambda W, x: W @ x, ((3, 3), (3,))),
    "vector @ square matrix": (lambda x, W: x @ W, ((3,), (3, 3))),
    "W.T @ W": (lambda W: W.T @ W, ((2, 3),)),
    # a value used more than once
    "x + x": (lambda x: x + x, ((2, 3),)),
    "x * x": (lambda x: x * x, ((),)),
    "x - x * x": (lambda x: x - x * x, ((2,),)),
    "(a + b) + a": (lambda a, b: (a + b) + a, ((2,), (2,))),
    "a + (a + b)": (lambda a, b: a + (a + b), ((2,), (2,))),
    "h * h + h + c": (h_squared_plus_h, ((2,), (2,), (2,))),
    "(ab + 1)(ab + 2)": (lambda a, b: (a * b + 1) * (a * b + 2), ((), ())),
    "x² · 3x": (lambda x: x**2 * (3 * x), ((),)),
    "x (x + 1)": (lambda x: x * (x + 1), ((),)),
    "ladder of 10": (lambda x: ladder(x, 10), ((),)),
    "arms of unequal length": (unequal_arms, ((3,),)),
    "tied weights": (lambda x, W: ops.tanh(x @ W) @ W.T, ((2, 3), (3, 4))),
    "concatenate(x, y, x)": (lambda x, y: ops.concatenate(x, y, x), ((2,), (3,))),
    # rearranging and reducing
    "reshape": (lambda x: x.reshape(3, 2) @ x, ((2, 3),)),
    "reshape(-1)": (lambda x: x.reshape(-1), ((2, 3),)),
    "x.T": (lambda x: x.T * ROWS.T, ((2, 3),)),
    "transpose": (lambda x: x.transpose((2, 0, 1)) + ROWS.reshape(3, 2, 1), ((2, 1, 3),)),
    "x[1]": (lambda x: x[1] * x[0], ((2, 3),)),
    "x[:, ::-1]": (lambda x: x[:, ::-1] * x, ((2, 3),)),
    "x[[0, 0, 1]]": (lambda x: x[[0, 0, 1]] * ROWS[0], ((2, 3),)),
    "x[mask]": (lambda x: x[MASK], ((2, 3),)),
    "a, b = x": (four_rows, ((2, 3),)),
    "sum": (lambda x: x.sum() * x, ((2, 3),)),
    "sum(axis=0)": (lambda x: x.sum(axis=0) * x, ((2, 3),)),
    "sum(axis=-1, keepdims)": (lambda x: x / x.sum(axis=-1, keepdims=True), ((2, 3),)),
    "mean(axis=1)": (lambda x: x.mean(axis=1), ((2, 3),)),
    "mean(axis=(0, 2))": (lambda x: x.mean(axis=(0, 2)), ((2, 3, 4),)),
    "max(axis=1)": (lambda x: x.max(axis=1), ((2, 3),)),
    "max": (lambda x: x.max() * x, ((2, 3),)),
    # networks
    "sigmoid neuron": (
        lambda w0, x, w1: 1 / (1 + ops.exp(-(w0 * x + w1))),
        ((), (), ()),
    ),
    "hidden layer": (hidden_layer, ((2, 3), (3, 4), (4,))),
    "scores and cross-entropy": (
        lambda x, W, b: ops.softmax_cross_entropy(ops.add_bias(x @ W, b), labels=LABELS),
        ((2, 3), (3, 4), (4,)),
    ),
    "scores and hinge": (
        lambda x, W: ops.hinge(x @ W, labels=LABELS) + 0.1 * (W * W).sum(),
        ((2, 3), (3, 4)),
    ),
    "log_softmax, picked": (
        lambda x, W: -ops.log_softmax(x @ W)[[0, 1], LABELS].mean(),
        ((2, 3), (3, 4)),
    ),
    "mean squared error": (
        lambda x, w: ops.mean_squared_error((x @ w).reshape(2, 1), np.ones((2, 1))),
        ((2, 3), (3,)),
    ),
    "‖Wx‖²": (ops.norm_squared, ((2, 3), (3,))),
}
every_graph = pytest.mark.parametrize("graph", GRAPHS)


def leaves_of(graph: str) -> list[Any]:
    """Values for the leaves, positive and apart from each other: no kink is near."""
    rng = np.random.default_rng(3)
    return [rng.uniform(0.5, 2.0, shape)[()] for shape in GRAPHS[graph][1]]


def evaluated(graph: str) -> Callable[..., Any]:
    """The graph as a function of arrays."""
    return lambda *values: GRAPHS[graph][0](*map(Tensor, values)).value


def upstream_of(graph: str) -> Any:
    """A random upstream gradient of both signs."""
    shape = np.shape(evaluated(graph)(*leaves_of(graph)))
    return np.random.default_rng(4).normal(size=shape)[()]


@with_rules
@every_graph
def test_gradients_of_a_graph_are_the_numeric_ones(graph: str) -> None:
    values, upstream = leaves_of(graph), upstream_of(graph)
    _, gradients = engine_vjp(GRAPHS[graph][0], values, upstream)
    expected = numeric_vjp(evaluated(graph), values, upstream)
    for got, wanted in zip(gradients, expected, strict=True):
        assert_same(got, wanted)


@with_rules
@every_graph
def test_a_second_pass_doubles_the_leaves_and_leaves_inner_gradients_fresh(graph: str) -> None:
    leaves = [Tensor(value) for value in leaves_of(graph)]
    output, upstream = GRAPHS[graph][0](*leaves), upstream_of(graph)
    inner = [node for node in output.get_graph_above() if node.operation is not None]
    backpropagate(output, upstream)
    once = [np.copy(leaf.grad) for leaf in leaves]
    fresh = [np.copy(node.grad) for node in inner]
    backpropagate(output, upstream)
    for leaf, gradient in zip(leaves, once, strict=True):
        np.testing.assert_array_equal(leaf.grad, 2 * gradient)  # exactly
    for node, gradient in zip(inner, fresh, strict=True):
        assert np.array_equal(node.grad, gradient)


@with_rules
@every_graph
def test_leaves_own_their_gradients_and_nothing_given_is_changed(graph: str) -> None:
    """So an optimizer may work in place: no array is shared with another, or read-only."""
    values, upstream = leaves_of(graph), upstream_of(graph)
    leaves = [Tensor(value) for value in values]
    sent = np.copy(upstream)
    output = GRAPHS[graph][0](*leaves)
    computed = np.copy(output.value)
    backpropagate(output, upstream)
    nodes = list(output.get_graph_above())
    for leaf, value in zip(leaves, values, strict=True):
        assert np.array_equal(leaf.value, value)
        assert leaf.grad.shape == leaf.value.shape
        assert leaf.grad.dtype == leaf.value.dtype
        if leaf.ndim:
            assert leaf.grad.flags.writeable
            others = [node.grad for node in nodes if node is not leaf and node.grad is not None]
            others += [node.value for node in nodes] + [upstream]
            others += [kept for node in nodes for kept in node.saved]
            assert not any(
                np.may_share_memory(leaf.grad, other)
                for other in others
                if isinstance(other, np.ndarray)
            )
    assert np.array_equal(upstream, sent)
    assert np.array_equal(output.value, computed)


@with_rules
@every_graph
def test_reversed_topological_sort_of_the_graph_gives_the_same_gradients(graph: str) -> None:
    leaves = [Tensor(value) for value in leaves_of(graph)]
    output, upstream = GRAPHS[graph][0](*leaves), upstream_of(graph)
    backpropagate(output, upstream)
    above = output.get_graph_above()
    accumulated: dict[Tensor, Any] = {output: upstream}
    for node in reversed(list(networkx.topological_sort(above))):
        if node.operation is None:
            continue
        gradients = conform(
            node.operation.__name__,
            run_rule(node.operation, node.saved, node.needs, accumulated[node]),
            [getattr(given, "value", given) for given in node.inputs],
            node.shape,
            broadcasts=node.operation.broadcasts,
            needs=node.needs,
        )
        for given, gradient in zip(node.inputs, gradients, strict=True):
            if isinstance(given, Tensor) and given.requires_grad:
                accumulated[given] = accumulated.get(given, 0) + gradient
    for leaf in leaves:
        assert_same(leaf.grad, accumulated[leaf], 1e-12)


@with_rules
@every_graph
def test_training_drops_inner_gradients_and_gets_the_same_for_the_leaves(graph: str) -> None:
    values, upstream = leaves_of(graph), upstream_of(graph)
    _, expected = engine_vjp(GRAPHS[graph][0], values, upstream)
    leaves = [Tensor(value) for value in values]
    output = GRAPHS[graph][0](*leaves)
    backpropagate(output, upstream, keep_inner=False)
    for leaf, wanted in zip(leaves, expected, strict=True):
        assert np.array_equal(leaf.grad, wanted)
    inner = [node for node in output.get_graph_above() if node.operation is not None]
    assert all(node.grad is None for node in inner)


# --- backward: once, twice, from several losses -----------------------------------------------


@with_rules
def test_backward_after_forgetting_the_gradient_starts_from_nothing() -> None:
    x = Tensor(3.0)
    loss = x * x
    for _ in range(3):
        x.zero_grad()
        assert x.grad is None
        loss.backward()
        assert x.grad == 6.0


@with_rules
def test_two_losses_that_share_inner_nodes_add_up_at_the_leaves() -> None:
    x = Tensor(2.0)
    shared = x * x
    first, second = shared * 3.0, shared * shared
    first.backward()
    assert shared.grad == 3.0
    second.backward()
    assert shared.grad == 8.0, "of the second loss alone"
    assert x.grad == 3.0 * 4.0 + 8.0 * 4.0


@with_rules
def test_backward_from_an_inner_scalar_first_does_not_disturb_the_loss() -> None:
    x = Tensor(2.0)
    inner = x * x
    loss = inner * inner
    inner.backward()
    assert x.grad == 4.0
    x.zero_grad()
    loss.backward()
    assert (x.grad, inner.grad, loss.grad) == (32.0, 8.0, 1.0)


@with_rules
def test_a_gradient_the_user_keeps_does_not_change_at_the_next_pass() -> None:
    x = Tensor([1.0, 2.0])
    loss = (x * x).sum()
    loss.backward()
    kept = x.grad
    loss.backward()
    assert kept.tolist() == [2.0, 4.0]
    assert x.grad.tolist() == [4.0, 8.0]


@with_rules
def test_a_step_in_place_moves_one_leaf_only() -> None:
    """Both leaves of a + b receive the same array from the rule of add."""
    a, b = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    (a + b).sum().backward()
    a.grad *= 0.5
    a.value -= a.grad
    assert b.grad.tolist() == [1.0, 1.0]
    assert b.value.tolist() == [3.0, 4.0]
    assert a.value.tolist() == [0.5, 1.5]


def test_backward_on_a_leaf_gives_one() -> None:
    x = Tensor(5.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


@pytest.mark.parametrize("shape", [(1,), (1, 1), (3,), (0,)])
def test_backward_on_what_is_no_scalar_says_what_to_do(shape: tuple[int, ...]) -> None:
    x = Tensor(np.ones(shape))
    with pytest.raises(NotScalarError) as caught:
        (x + 1.0).backward()
    assert isinstance(caught.value, ValueError)
    assert str(caught.value) == (
        f"backward: expected a scalar (shape ()), got a tensor of shape {shape}. "
        "Reduce it to one number first, for example with .sum()."
    )
    assert x.grad is None


# --- large graphs ------------------------------------------------------------------------------


def test_a_chain_of_a_million_nodes_differentiates() -> None:
    x = Tensor(1.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    assert y.value == 1_000_001.0
    y.backward(keep_inner=False)
    assert x.grad == 1.0
    del y  # and is given back without a crash


def test_a_diamond_ladder_of_a_thousand_differentiates() -> None:
    """2**1000 paths, and every edge is visited once."""
    x = Tensor(1.0)
    y = ladder(x, 1000)
    y.backward()
    assert x.grad == 2.0**1000
    assert len(y.get_graph_above()) == 1001


def test_every_rule_runs_once_however_many_paths_there_are() -> None:
    visits = []

    @tensor_op
    class join(Operation):
        """z = x + y, counting its visits."""

        def forward(ctx, x, y):
            return x + y

        def backward(ctx, grad_output):
            visits.append(float(grad_output))
            return grad_output, grad_output

    x = Tensor(1.0)
    y = x
    for _ in range(20):
        y = join(y, y)
    y.backward()
    assert visits == [2.0**depth for depth in range(20)]


def test_a_deep_graph_can_be_looked_at() -> None:
    y = Tensor(1.0)
    for _ in range(5000):
        y = y + 1.0
    above = y.get_graph_above()
    assert len(above) == 5001
    assert next(iter(networkx.topological_sort(above))).operation is None


@with_rules
def test_a_graph_is_freed_at_once_without_the_garbage_collector() -> None:
    def alive() -> int:
        return sum(type(one) is Tensor for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        x = Tensor([1.0, 2.0])
        before = alive()
        inner = ops.tanh(x * 3.0)
        loss = (inner * inner).sum()
        loss.backward()
        assert alive() == before + 4
        del inner, loss
        assert alive() == before
        assert x.grad is not None
    finally:
        gc.enable()


# --- the graph -----------------------------------------------------------------------------------


@with_rules
def test_the_graph_above_is_a_digraph_from_parents_to_what_was_computed() -> None:
    x, y, z = Tensor(-2.0, "x"), Tensor(5.0, "y"), Tensor(-4.0, "z")
    q = x + y
    f = q * z
    beside = q + 1.0
    above = f.get_graph_above()
    assert type(above) is networkx.DiGraph
    assert set(above) == {x, y, z, q, f}
    assert beside not in above
    assert set(above.edges) == {(x, q), (y, q), (q, f), (z, f)}
    assert f.parents == (q, z)
    assert (q.operation, f.operation, x.operation) == (ops.add, ops.mul, None)


def test_a_leaf_is_a_graph_of_one_node() -> None:
    x = Tensor(1.0)
    assert list(x.get_graph_above()) == [x]


def test_constants_are_inputs_and_no_parents() -> None:
    x = Tensor([1.0, 2.0])
    y = 3.0 * x
    assert y.parents == (x,)
    assert y.inputs == (3.0, x)
    assert y.needs == (False, True)


@with_rules
def test_constants_get_no_gradient() -> None:
    w = Tensor([1.0, 2.0])
    data = Tensor([3.0, 4.0], requires_grad=False)
    loss = (w * data).sum()
    loss.backward()
    assert w.grad.tolist() == [3.0, 4.0]
    assert data.grad is None
    assert not (data + 1.0).requires_grad


def test_inputs_that_need_no_gradient_cost_none() -> None:
    asked = []

    @tensor_op
    class both(Operation):
        """z = x + y, keeping a record of what is asked for."""

        def forward(ctx, x, y):
            return x + y

        def backward(ctx, grad_output):
            asked.append(ctx.needs)
            return tuple(grad_output if needed else None for needed in ctx.needs)

    w, data = Tensor(1.0), Tensor(2.0, requires_grad=False)
    untouched = both(data, 5.0)
    both(w, both(untouched, 1.0)).backward()
    assert asked == [(True, False)], "the branch of constants is never entered"
    both(data, w).backward()
    both(w, w).backward()
    assert asked[1:] == [(False, True), (True, True)]


def test_inside_no_grad_no_graph_is_built() -> None:
    x = Tensor(2.0)
    with no_grad():
        y = x + 1.0
        with no_grad():
            pass
        z = x + 2.0
    assert (y.value, z.value) == (3.0, 4.0)
    for node in (y, z):
        assert (node.operation, node.parents, node.inputs, node.saved) == (None, (), (), ())
        assert not node.requires_grad
    assert (x + 1.0).requires_grad, "recording goes on after the block"


def test_an_error_inside_no_grad_switches_recording_on_again() -> None:
    x = Tensor(2.0)
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x + 1.0).parents == (x,)


def test_detach_cuts_the_graph_and_copies_the_value() -> None:
    x = Tensor([1.0, 2.0])
    cut = (x + 1.0).detach()
    assert cut.parents == ()
    assert not cut.requires_grad
    x.detach().value[0] = 9.0
    assert x.value.tolist() == [1.0, 2.0]


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "dtype", "shape"),
    [
        (1, np.float64, ()),
        (1.5, np.float64, ()),
        (True, np.float64, ()),
        (np.float32(2), np.float32, ()),
        (np.array(2.0), np.float64, ()),
        (np.uint8([1, 2]), np.float64, (2,)),
        ([1, 2, 3], np.float64, (3,)),
        ([[1.0], [2.0]], np.float64, (2, 1)),
        (np.ones((2, 3), np.float32), np.float32, (2, 3)),
        (np.ones((0, 3)), np.float64, (0, 3)),
        (MASK, np.float64, (2, 3)),
        (Tensor([1.0, 2.0]), np.float64, (2,)),
    ],
)
def test_values_are_float_arrays(given: Any, dtype: Any, shape: tuple[int, ...]) -> None:
    tensor = Tensor(given)
    assert tensor.dtype == dtype
    assert tensor.shape == shape
    assert (tensor.ndim, tensor.size) == (len(shape), int(np.prod(shape)))
    assert tensor.grad is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("2.0", r"^Tensor: expected real numbers, got a str with dtype <U3"),
        (1j, r"^Tensor: expected real numbers, got a complex with dtype complex128"),
        (np.array([1j]), r"^Tensor: .*an array of shape \(1,\) with dtype complex128"),
        (None, r"^Tensor: expected real numbers, got None with dtype object"),
        ({"a": 1}, r"^Tensor: expected real numbers, got a dict with dtype object"),
        ([[1.0], [1.0, 2.0]], r"^Tensor: .*list that is not rectangular.*rows the same length"),
        (["a", "b"], r"^Tensor: expected real numbers, got a list with dtype <U1"),
    ],
)
def test_what_is_no_array_of_real_numbers_is_a_type_error(given: Any, words: str) -> None:
    with pytest.raises(ValueTypeError, match=words) as caught:
        Tensor(given)
    assert isinstance(caught.value, TypeError)


def test_a_tensor_copies_the_array_it_is_given() -> None:
    array = np.array([1.0, 2.0])
    first, second = Tensor(array), Tensor(array)
    first.value += 1.0
    array[0] = 100.0
    assert second.value.tolist() == [1.0, 2.0]
    assert first.value.tolist() == [2.0, 3.0]


def test_lists_are_numbers_and_are_not_joined() -> None:
    assert (Tensor([1.0, 2.0]) + Tensor([3.0, 4.0])).value.tolist() == [4.0, 6.0]


@with_rules
@pytest.mark.parametrize(
    "graph",
    [lambda x: 2 * x, lambda x: x / 3 + 0.5, lambda x: 1 - x**2, lambda x: -x.mean() * 0.1],
)
def test_float32_stays_float32_beside_plain_numbers(graph: Callable[..., Any]) -> None:
    for shape in ((), (3,)):
        x = Tensor(np.ones(shape, np.float32))
        y = graph(x)
        backpropagate(y, np.ones(y.shape, np.float32)[()])
        assert (y.dtype, x.grad.dtype) == (np.float32, np.float32)


def test_a_scalar_reads_as_a_number() -> None:
    x = Tensor([[2.5]])
    assert x.item() == 2.5
    assert type(x.item()) is float
    assert float(Tensor(2.5)) == 2.5
    assert bool(Tensor(1.0))
    assert not Tensor(0.0)
    assert len(Tensor([1.0, 2.0])) == 2


def test_a_tensor_shows_its_value_its_name_and_what_made_it() -> None:
    x = Tensor([1.0, 2.0], name="x")
    assert repr(x) == "Tensor([1. 2.], name='x')"
    assert repr(x + 1.0) == "Tensor([2. 3.], operation=add)"
    assert repr(Tensor(0.5)) == "Tensor(0.5)"


def test_numpy_leaves_arithmetic_with_tensors_to_the_engine() -> None:
    for made in (
        ROWS + Tensor(1.0),
        np.float64(1.0) - Tensor(ROWS),
        np.int64(2) + Tensor(1),
        ROWS[0] - Tensor(ROWS),
    ):
        assert type(made) is Tensor


# --- rules: the student's way in ---------------------------------------------------------------


def test_a_stub_computes_values_and_says_which_exercise_it_is_when_asked_for_gradients() -> None:
    x = Tensor(3.0)
    y = x * 2.0
    assert y.value == 6.0
    with pytest.raises(UndoneExerciseError) as caught:
        y.backward()
    assert str(caught.value) == (
        "mul has no backward rule yet: it is the exercise 'mul' of assignment 01_chain_rule. "
        "Write it in a cell under @backward_of(ops.mul), run that cell, and try again."
    )
    assert isinstance(caught.value, NotImplementedError)
    assert x.grad is None
    assert y.value == 6.0
    backward_of(ops.mul)(lambda ctx, g: (g * ctx[1], g * ctx[0]))
    y.backward()
    assert x.grad == 2.0, "the graph is still good once the rule is there"


def test_a_whole_operation_says_that_forward_and_backward_are_to_be_written() -> None:
    y = ops.relu(Tensor(2.0))
    assert y.value == 2.0
    with pytest.raises(UndoneExerciseError, match=r"'relu' of assignment 04_mlp.*@implements"):
        y.backward()


def test_an_unwritten_stub_in_a_cell_says_which_exercise_it_is() -> None:
    @backward_of(ops.mul)
    def mul_backward(ctx, grad_output):
        raise NotImplementedError()

    with pytest.raises(UndoneExerciseError, match=r"^mul is not written yet.*'mul' of assignment"):
        (Tensor(3.0) * 2.0).backward()

    @implements(ops.relu)
    class relu(Operation):
        """A stub of a whole operation."""

        @staticmethod
        def forward(ctx, x):
            raise NotImplementedError()

    with pytest.raises(UndoneExerciseError, match=r"^relu is not written yet.*assignment 04_mlp"):
        ops.relu(Tensor(1.0))


def test_an_error_of_ones_own_in_a_rule_stays_what_it_was() -> None:
    @backward_of(ops.mul)
    def mul_backward(ctx, grad_output):
        raise NotImplementedError("only for scalars")

    with pytest.raises(NotImplementedError, match=r"^only for scalars") as caught:
        (Tensor(3.0) * 2.0).backward()
    assert not isinstance(caught.value, UndoneExerciseError)


def test_in_a_notebook_an_error_shows_the_readers_own_lines_and_what_to_do() -> None:
    def my_loss(x: Tensor) -> Tensor:
        return x * 2.0 + Tensor([1.0, 2.0, 3.0])

    with pytest.raises(CourseError) as caught:
        my_loss(Tensor([1.0, 2.0]))
    lines = caught.value._render_traceback_()
    text = "\n".join(lines)
    assert len(lines) <= 14
    assert "in my_loss" in text
    assert "x * 2.0 + Tensor([1.0, 2.0, 3.0])" in text
    assert "tensor.py" not in text
    assert "got (2,) and (3,). Reshape or transpose one of them." in text


def test_running_the_cell_again_replaces_the_rule_for_graphs_that_exist() -> None:
    x = Tensor(3.0)
    y = x * x

    @backward_of(ops.mul)
    def first(ctx, grad_output):
        return grad_output, grad_output

    y.backward()
    assert x.grad == 2.0

    @backward_of(ops.mul)
    def second(ctx, grad_output):
        x, y = ctx
        return grad_output * y, grad_output * x

    x.zero_grad()
    y.backward()
    assert x.grad == 6.0
    assert second.__name__ == "second", "the function comes back unchanged"
    assert second([2.0, 5.0], 1.0) == (5.0, 2.0)


def test_operators_use_the_rule_as_soon_as_it_is_there(
    reference: Callable[..., dict[str, object]],
) -> None:
    assert is_undone(ops.mul)
    reference()
    assert not is_undone(ops.mul)
    assert ops.mul in replaced_operations()
    x = Tensor([1.0, 2.0])
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    reset_rules()
    assert is_undone(ops.mul)
    assert replaced_operations() == frozenset()


def test_a_whole_operation_of_ones_own_is_used_by_everything() -> None:
    @implements(ops.relu)
    class relu(Operation):
        """The lecture's relu."""

        @staticmethod
        def forward(ctx, value):
            new_value = np.maximum(0.0, value)
            ctx.append(new_value)
            return new_value

        @staticmethod
        def backward(ctx, grad_output):
            return [(ctx[-1] > 0) * grad_output]

    for operation in (relu, ops.relu):
        x = Tensor([-1.0, 2.0, 3.0])
        backpropagate(operation(x), np.array([5.0, 7.0, -1.0]))
        assert x.grad.tolist() == [0.0, 7.0, -1.0]
    assert relu.domain is ops.relu.domain
    assert relu.exercise == "04_mlp"
    reset_rules()
    with pytest.raises(UndoneExerciseError):
        ops.relu(Tensor(1.0)).backward()


def test_an_error_inside_a_rule_says_which_rule_and_which_shapes() -> None:
    backward_of(ops.mul)(lambda ctx, g: ctx[7])
    with pytest.raises(IndexError) as caught:
        backpropagate(Tensor(ROWS) * 2.0, np.ones((2, 3)))
    assert caught.value.__notes__ == ["(in the backward rule of mul; grad_output of shape (2, 3))"]


def test_an_error_inside_a_forward_rule_says_which_rule_and_which_shapes() -> None:
    @tensor_op
    class broken(Operation):
        """Fails."""

        def forward(ctx, x, y):
            return ctx.values

    with pytest.raises(AttributeError) as caught:
        broken(Tensor(ROWS), 2.0)
    assert caught.value.__notes__ == ["(in the forward rule of broken; inputs of shape (2, 3), ())"]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (None, r"^odd: the forward rule returned None; expected one array\. .*return statement"),
        ("text", r"^odd: the forward rule returned .*dtype <U4"),
        ((np.ones(2), np.ones(3)), r"^odd: the forward rule returned .*not rectangular"),
        (np.ones(2) * 1j, r"^odd: the forward rule returned .*complex128"),
    ],
)
def test_a_forward_rule_that_returns_no_array_is_told_in_words(output: Any, words: str) -> None:
    @tensor_op
    class odd(Operation):
        """Returns what it should not."""

        def forward(ctx, x):
            return output

    with pytest.raises(ValueTypeError, match=words):
        odd(Tensor(1.0))


@pytest.mark.parametrize("output", [3, True, np.int64(3), [1, 2], np.array([1, 2])])
def test_a_forward_rule_may_return_anything_that_is_an_array_of_numbers(output: Any) -> None:
    @tensor_op
    class plain(Operation):
        """Returns integers."""

        def forward(ctx, x):
            return output

    assert plain(Tensor(1.0)).dtype == np.float64


def test_an_operation_without_a_backward_rule_says_so() -> None:
    @tensor_op
    class floor(Operation):
        """No rule yet."""

        def forward(ctx, x):
            return np.floor(x)

    y = floor(Tensor(1.5))
    with pytest.raises(NotImplementedError, match="floor has no backward rule"):
        y.backward()


def test_a_class_without_the_decorator_says_what_is_missing() -> None:
    class undecorated(Operation):
        """Not decorated."""

        def forward(ctx, x):
            return x

    with pytest.raises(CourseError, match=r"undecorated is not callable on tensors.*@tensor_op"):
        undecorated(Tensor(1.0))


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (lambda: backward_of(abs), r"^backward_of: expected an operation of the package"),
        (lambda: backward_of(ops.mul)(3), r"^backward_of\(ops\.mul\): expected a function"),
        (lambda: backward_of(ops.mul)(Operation), r"^backward_of\(ops\.mul\): expected a function"),
        (lambda: implements("relu"), r"^implements: expected an operation of the package"),
        (lambda: implements(ops.relu)(abs), r"^implements\(ops\.relu\): expected a class"),
        (lambda: tensor_op(abs), r"^tensor_op: expected a class that inherits from Operation"),
        (
            lambda: tensor_op(type("empty", (Operation,), {})),
            r"^tensor_op: empty has no forward rule",
        ),
    ],
)
def test_a_decorator_in_the_wrong_place_is_told_in_words(
    misuse: Callable[[], Any], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        misuse()
    assert replaced_operations() == frozenset()


def test_a_pass_that_fails_leaves_the_earlier_gradients_as_they_were() -> None:
    x = Tensor(3.0)
    (x + 1.0).backward()
    with pytest.raises(CourseError, match="exercise 'mul'"):
        (x * x + x).backward()
    assert x.grad == 1.0


@pytest.mark.parametrize("first", ["the written rule first", "the open exercise first"])
def test_after_a_pass_that_failed_the_next_one_gives_the_gradient_once(first: str) -> None:
    backward_of(ops.mul)(lambda ctx, grad_output: (grad_output * ctx[1], grad_output * ctx[0]))
    a, b = Tensor(2.0), Tensor(0.0)
    one, other = a * a, ops.exp(b)
    loss = one + other if first.startswith("the written") else other + one
    with pytest.raises(CourseError, match="exercise 'exp'"):
        loss.backward()
    assert (a.grad, b.grad) == (None, None)
    backward_of(ops.exp)(lambda ctx, grad_output: (grad_output * ctx[0],))
    loss.backward()
    assert (a.grad, b.grad) == (4.0, 1.0)


def test_a_forward_rule_without_ctx_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match=r"forward rule of nothing takes no arguments.*ctx"):
        tensor_op(type("nothing", (Operation,), {"forward": staticmethod(lambda: 0.0)}))


def test_a_tensor_without_a_graph_has_nothing_to_go_back_to() -> None:
    with no_grad():
        value = Tensor(2.0) + 1.0
    for tensor in (value, Tensor(2.0, requires_grad=False)):
        with pytest.raises(CourseError, match="without a graph"):
            tensor.backward()
        assert tensor.grad is None
