"""Laws that hold for every shape, every graph and every upstream gradient (Hypothesis)."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as shapes_of
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules import OPERATIONS, assert_same, engine_vjp

from course_autograd import Tensor, ops
from course_autograd.backward import backpropagate
from course_autograd.contract import unbroadcast

pytestmark = pytest.mark.usefixtures("reference_rules")
law = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    # The rules are registered once for all examples of a test, which is what is wanted.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

seeds = st.integers(0, 2**32 - 1)
shapes = shapes_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
pairs = shapes_of.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=4)


def normal(seed: int, shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(seed).normal(size=shape)[()]


def inner(a: Any, b: Any) -> float:
    return float(np.sum(np.asarray(a) * np.asarray(b)))


# --- broadcasting --------------------------------------------------------------------------------


@law
@given(pair=pairs, seed=seeds)
def test_unbroadcast_is_the_adjoint_of_broadcasting(pair: Any, seed: int) -> None:
    """<unbroadcast(G), v> = <G, broadcast(v)> for every v."""
    gradient = np.asarray(normal(seed, pair.result_shape))
    for shape in pair.input_shapes:
        value = normal(seed + 1, shape)
        summed = unbroadcast(gradient, shape)
        assert summed.shape == shape
        assert inner(summed, value) == pytest.approx(
            inner(gradient, np.broadcast_to(value, pair.result_shape)), rel=1e-9, abs=1e-9
        )


@law
@given(pair=pairs, seed=seeds, name=st.sampled_from(["add", "subtract", "mul", "divide"]))
def test_broadcasting_gives_what_writing_the_copies_out_gives(
    pair: Any, seed: int, name: str
) -> None:
    """The gradient of a value that was broadcast is the sum over its copies' gradients."""
    operation = OPERATIONS[name]
    rng = np.random.default_rng(seed)
    values = [rng.uniform(0.5, 2.0, shape)[()] for shape in pair.input_shapes]
    upstream = rng.normal(size=pair.result_shape)[()]
    copies = [np.broadcast_to(value, pair.result_shape) for value in values]
    output, gradients = engine_vjp(operation, values, upstream)
    written_out, expected = engine_vjp(operation, copies, upstream)
    assert np.array_equal(output.value, written_out.value)
    for got, wanted, value in zip(gradients, expected, values, strict=True):
        assert_same(got, unbroadcast(np.asarray(wanted), np.shape(value)), 1e-12)


# --- the upstream gradient ------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@settings(law, max_examples=20)
@given(data=st.data(), seed=seeds, alpha=st.floats(-3, 3), beta=st.floats(-3, 3))
def test_gradients_are_linear_in_the_upstream(
    operation: Any, data: Any, seed: int, alpha: float, beta: float
) -> None:
    example = data.draw(st.sampled_from(operation.domain.examples))
    rng = np.random.default_rng(seed)
    values, options = operation.domain.draw(example, rng)
    shape = np.shape(operation.declared_forward([], *values, **options))
    G, H = rng.normal(size=(2, *shape))

    def gradients(upstream: Any) -> list[Any]:
        return engine_vjp(lambda *x: operation(*x, **options), values, upstream)[1]

    parts = zip(gradients(G[()]), gradients(H[()]), strict=True)
    together = gradients((alpha * G + beta * H)[()])
    for (of_g, of_h), whole in zip(parts, together, strict=True):
        assert_same(whole, alpha * of_g + beta * of_h, 1e-9)


@law
@given(shape=shapes, seed=seeds, data=st.data())
def test_linear_operations_are_adjoint_to_their_gradients(
    shape: tuple[int, ...], seed: int, data: Any
) -> None:
    """<G, f(V)> = <gradient of x under G, V> for a linear f, whatever its shapes and options."""
    axes = data.draw(
        st.none()
        | st.lists(st.integers(0, max(len(shape) - 1, 0)), unique=True, max_size=len(shape)).map(
            tuple
        )
    )
    keepdims = data.draw(st.booleans())
    index = data.draw(shapes_of.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    order = tuple(data.draw(st.permutations(range(len(shape)))))
    functions: list[Any] = [
        lambda x: ops.sum(x, axis=axes, keepdims=keepdims),
        lambda x: ops.getitem(x, index=index),
        lambda x: ops.transpose(x, axes=order),
        lambda x: ops.reshape(x, shape=shape[::-1]),
        lambda x: -x,
    ]
    if 0 not in shape:
        functions.append(lambda x: ops.mean(x, axis=axes, keepdims=keepdims))
        if shape:
            rows = data.draw(shapes_of.integer_array_indices(shape))
            functions.append(lambda x: ops.getitem(x, index=rows))
            functions.append(lambda x: ops.concatenate(x, 2 * x, axis=-1))
    for function in functions:
        V = normal(seed, shape)
        image = function(Tensor(V))
        G = normal(seed + 1, image.shape)
        _, (gradient,) = engine_vjp(function, (normal(seed + 2, shape),), G)
        assert gradient.shape == shape
        assert inner(G, image.value) == pytest.approx(inner(gradient, V), rel=1e-9, abs=1e-9)


@law
@given(shape=shapes, axis=st.none() | st.integers(-3, 2), keepdims=st.booleans(), seed=seeds)
def test_reductions_have_numpys_shapes_or_say_why_not(
    shape: tuple[int, ...], axis: int | None, keepdims: bool, seed: int
) -> None:
    value = normal(seed, shape)
    for ours, numpys in ((ops.sum, np.sum), (ops.mean, np.mean), (ops.max, np.max)):
        if axis is not None and not -len(shape) <= axis < len(shape):
            with pytest.raises(ValueError, match="expected an axis"):
                ours(Tensor(value), axis=axis)
            continue
        reduced = shape if axis is None else (shape[axis],)
        if 0 in reduced and ours is not ops.sum:
            with pytest.raises(ValueError, match="expected at least one entry"):
                ours(Tensor(value), axis=axis)
            continue
        expected = numpys(value, axis=axis, keepdims=keepdims)
        assert_same(ours(Tensor(value), axis=axis, keepdims=keepdims).value, expected, 1e-12)


# --- graphs --------------------------------------------------------------------------------------

# A program: every step names an operation and two earlier values by their distance back. Eight
# steps from leaves of at most 0.5 stay below 2**7, so that rounding stays far below tolerances.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "subtract", "mul", "maximum", "negate", "tanh"]),
        st.integers(0, 7),
        st.integers(0, 7),
    ),
    min_size=1,
    max_size=8,
)
ONE_INPUT = {"negate", "tanh"}


def small(seed: int, shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape)[()]


def run(program: list[tuple[str, int, int]], leaves: list[Any]) -> list[Tensor]:
    """Run `program` and return all its nodes in the order of computation."""
    nodes = list(leaves)
    for name, first, second in program:
        x, y = nodes[-1 - first % len(nodes)], nodes[-1 - second % len(nodes)]
        nodes.append(OPERATIONS[name](x) if name in ONE_INPUT else OPERATIONS[name](x, y))
    return nodes


def local_derivatives(node: Tensor) -> list[tuple[Tensor, float]]:
    """Parents of a scalar node, with the local derivative for each, from the formulas."""
    x, y = (float(parent.value) for parent in (*node.parents, node.parents[0])[:2])
    derivatives = {
        "add": (1.0, 1.0),
        "subtract": (1.0, -1.0),
        "mul": (y, x),
        "maximum": (float(x > y), float(y > x)),
        "negate": (-1.0,),
        "tanh": (1 - np.tanh(x) ** 2,),
    }[node.operation.__name__]
    return list(zip(node.parents, derivatives, strict=True))


def sum_over_paths(node: Tensor, leaf: Tensor) -> float:
    """Add up, path by path from `node` to `leaf`, the products of the local derivatives."""
    if node is leaf:
        return 1.0
    if node.operation is None:
        return 0.0
    total = 0.0
    for parent, derivative in local_derivatives(node):
        total += derivative * sum_over_paths(parent, leaf)
    return total


def has_tie(nodes: list[Tensor]) -> bool:
    """Whether a maximum has two equal inputs: there the derivative does not exist."""
    return any(
        node.operation is ops.maximum and node.parents[0].value == node.parents[1].value
        for node in nodes
    )


@law
@given(program=STEPS, seed=seeds)
def test_a_gradient_is_the_sum_over_all_paths(program: Any, seed: int) -> None:
    leaves = [Tensor(value) for value in small(seed, (3,))]
    nodes = run(program, leaves)
    if has_tie(nodes):
        return
    nodes[-1].backward()
    for leaf in leaves:
        expected = sum_over_paths(nodes[-1], leaf)
        got = 0.0 if leaf.grad is None else leaf.grad
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-9)


@law
@given(program=STEPS, seed=seeds, shape=shapes)
def test_inputs_values_and_upstream_never_change_and_a_second_pass_doubles(
    program: Any, seed: int, shape: tuple[int, ...]
) -> None:
    arrays = [small(seed + i, shape) for i in range(3)]
    leaves = [Tensor(array) for array in arrays]
    nodes = run(program, leaves)
    values = [np.copy(node.value) for node in nodes]
    upstream = normal(seed + 3, shape)
    sent = np.copy(upstream)
    backpropagate(nodes[-1], upstream)
    once = [None if leaf.grad is None else np.copy(leaf.grad) for leaf in leaves]
    backpropagate(nodes[-1], upstream)
    assert np.array_equal(upstream, sent)
    for node, value in zip(nodes, values, strict=True):
        assert np.array_equal(node.value, value)
    for leaf, gradient in zip(leaves, once, strict=True):
        if gradient is None:
            assert leaf.grad is None
        else:
            assert_same(leaf.grad, 2 * gradient, 1e-12)


@law
@given(program=STEPS, seed=seeds, shape=shapes)
def test_float32_programs_stay_float32(program: Any, seed: int, shape: tuple[int, ...]) -> None:
    leaves = [Tensor(np.float32(small(seed + i, shape))) for i in range(3)]
    nodes = run(program, leaves)
    backpropagate(nodes[-1], np.float32(normal(seed + 3, shape)))
    for node in nodes:
        assert node.dtype == np.float32
        assert node.grad is None or node.grad.dtype == np.float32
