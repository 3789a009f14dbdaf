"""Graphs on which small engines are wrong or crash: the right answer here, or a clear error.

The list is that of a library the lectures point to, as measured: gradients that are silently wrong,
values that are, crashes, and the seven graphs on which adopting the first gradient without a copy
goes wrong. Right gradients are written out as formulas, or measured.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from course_autograd import Tensor, nn, ops, optim
from course_autograd.errors import CourseError
from course_autograd.graph import trace
from course_autograd.numeric import jacobian

pytestmark = pytest.mark.usefixtures("reference_rules")

Array = npt.NDArray[Any]
RNG = np.random.default_rng(7)
MATRIX, VECTOR = RNG.normal(size=(3, 3)), RNG.normal(size=3)
ROWS, ROW, COLUMN = RNG.normal(size=(2, 3)), RNG.normal(size=3), RNG.normal(size=(2, 1))
STACK = RNG.normal(size=(2, 3, 3))
POSITIVE = np.abs(RNG.normal(size=3)) + 0.5


def measured(graph: Callable[..., Any], *values: Any) -> tuple[Array, ...]:
    """The gradients of the sum of a graph's value, measured on plain values."""

    def total(_ctx: Any, *given: Any) -> Any:
        result = graph(*(Tensor(one) for one in given))
        return np.sum(result.value)

    return jacobian(total, values).vjp(np.ones(()))


def backward(graph: Callable[..., Any], *values: Any) -> tuple[Any, ...]:
    """The gradients by the backward pass."""
    leaves = [Tensor(one) for one in values]
    result = graph(*leaves)
    (result if result.shape == () else ops.sum(result)).backward()
    return tuple(one.grad for one in leaves)


def of_one(h: Any, c: Any) -> Any:
    """One node used three times."""
    return h * h + h + c


# --- operators and shapes that crash elsewhere, or broadcast a number into a matrix --------------

GRAPHS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "2 x": (lambda x: 2 * x, (1.5,)),
    "x y": (lambda x, y: x * y, (1.5, -2.0)),
    "x / y": (lambda x, y: x / y, (1.5, -2.0)),
    "-x": (lambda x: -x, (1.5,)),
    "x @ y": (lambda x, y: x @ y, (VECTOR, POSITIVE)),
    "x + 1": (lambda x: x + 1, (1.5,)),
    "1 + x": (lambda x: 1 + x, (1.5,)),
    "1 - x": (lambda x: 1 - x, (1.5,)),
    "1 / x": (lambda x: 1 / x, (1.5,)),
    "x + an array": (lambda x: x + ROW, (VECTOR,)),
    "an array + x": (lambda x: ROW + x, (VECTOR,)),
    "an array * x": (lambda x: ROW * x, (VECTOR,)),
    "a matrix @ x": (lambda x: MATRIX @ x, (VECTOR,)),
    "x ** 3": (lambda x: x**3, (VECTOR,)),
    "x ** -1": (lambda x: x**-1, (POSITIVE,)),
    "x ** 0 at 0": (lambda x: x**0, (np.array([0.0, 2.0]),)),
    "x ** 1 at 0": (lambda x: x**1, (np.array([0.0, 2.0]),)),
    "x ** 2 at 0": (lambda x: x**2, (np.array([0.0, -2.0]),)),
    "(2, 3) + (3,)": (lambda x, y: x + y, (ROWS, ROW)),
    "(2, 3) + ()": (lambda x, y: x + y, (ROWS, 0.5)),
    "(2, 1) + (1, 3)": (lambda x, y: x + y, (COLUMN, ROW[None])),
    "(2, 3) * (2, 1)": (lambda x, y: x * y, (ROWS, COLUMN)),
    "W (3, 3) @ x (3,)": (lambda x, y: x @ y, (MATRIX, VECTOR)),
    "x (3,) @ W (3, 3)": (lambda x, y: x @ y, (VECTOR, MATRIX)),
    "W (2, 3) @ x (3,)": (lambda x, y: x @ y, (ROWS, VECTOR)),
    "a sum along an axis": (lambda x: ops.sum(x, axis=1) ** 2, (ROWS,)),
    "a mean along an axis": (lambda x: ops.mean(x, axis=0) ** 2, (ROWS,)),
    "a sum that keeps axes": (lambda x: x * ops.sum(x, axis=1, keepdims=True), (ROWS,)),
    # Adopting the first gradient without a copy goes wrong on these.
    "x + x": (lambda x: x + x, (1.5,)),
    "(a + b) + a": (lambda a, b: (a + b) + a, (VECTOR, ROW)),
    "a + (a + b)": (lambda a, b: a + (a + b), (VECTOR, ROW)),
    "a + b of one array": (lambda a, b: a + b, (VECTOR, VECTOR)),
    "h h + h + c": (lambda x, c: (x * 2) * (x * 2) + (x * 2) + c, (VECTOR, ROW)),
    "a diamond": (lambda x: (x**2) * (x + x**2), (1.5,)),
    "h h + h + c, one h": (lambda x, c: of_one(x * 2, c), (VECTOR, ROW)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_gradients_are_the_measured_ones(name: str) -> None:
    graph, values = GRAPHS[name]
    found, truth = backward(graph, *values), measured(graph, *values)
    for gradient, wanted, value in zip(found, truth, values, strict=True):
        assert np.shape(gradient) == np.shape(value)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("other", [STACK, MATRIX])
def test_batches_of_matrices_are_refused_in_words(other: Array) -> None:
    with pytest.raises(CourseError, match="expected matrices or vectors"):
        Tensor(STACK) @ Tensor(other)


# --- passes one after the other ------------------------------------------------------------------


def test_backward_twice_doubles_the_gradient() -> None:
    x = Tensor(3.0)
    y = (x * x) * x
    y.backward()
    y.backward()
    assert x.grad == 2 * 27.0


def test_backward_again_after_forgetting_the_leaf_gives_the_gradient_once() -> None:
    x = Tensor(3.0)
    y = (x * x) * x
    y.backward()
    x.grad = None
    y.backward()
    assert x.grad == 27.0


def test_two_losses_that_share_an_inner_node_add_up() -> None:
    x = Tensor(3.0)
    shared = x * x
    (shared * 2).backward()
    (shared * 5).backward()
    assert x.grad == 2 * 6.0 + 5 * 6.0


def test_backward_from_an_inner_number_first_leaves_the_loss_right() -> None:
    x = Tensor(3.0)
    inner = x * x
    loss = inner * 2
    inner.backward()
    loss.backward()
    assert x.grad == 6.0 + 12.0


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
    (wanted,) = measured(lambda W: (Tensor(ROWS, requires_grad=False) @ W) @ W, MATRIX)
    np.testing.assert_allclose(tied.grad, wanted, rtol=1e-7, atol=1e-7)
    model = nn.Module()
    model.first = model.second = tied  # type: ignore[attr-defined]
    optim.SGD(model.parameters(), lr=0.5).step()
    np.testing.assert_allclose(tied.value, value - 0.5 * wanted, rtol=1e-7, atol=1e-7)


def test_tied_weights_are_moved_once() -> None:
    tied = nn.Parameter(np.array([2.0]))
    ops.sum(tied * tied).backward()
    optim.SGD([tied, tied], lr=0.25).step()
    np.testing.assert_array_equal(tied.value, [1.0])


# --- values and types ----------------------------------------------------------------------------


@pytest.mark.parametrize("graph", [lambda x: x - 3, lambda x: -x, lambda x: x**2 * 2])
def test_small_integers_do_not_wrap_around(graph: Callable[[Any], Any]) -> None:
    given = np.array([1, 200], dtype=np.uint8)
    np.testing.assert_array_equal(graph(Tensor(given)).value, graph(given.astype(np.float64)))


def test_truth_values_are_numbers() -> None:
    np.testing.assert_array_equal((1 - Tensor(np.array([True, False]))).value, [0.0, 1.0])


def test_lists_are_added_not_joined() -> None:
    np.testing.assert_array_equal((Tensor([1.0, 2.0]) + Tensor([3.0, 4.0])).value, [4.0, 6.0])


@pytest.mark.parametrize("exponent", [-1, 0, 2])
def test_integers_can_be_raised_to_any_power(exponent: int) -> None:
    (gradient,) = backward(lambda x: x**exponent, np.array([1, 2]))
    wanted = exponent * np.array([1.0, 2.0]) ** (exponent - 1)
    np.testing.assert_allclose(gradient, wanted)


def test_float32_gives_float32_gradients() -> None:
    (gradient,) = backward(lambda x: 2 * x * x + 1, VECTOR.astype(np.float32))
    assert gradient.dtype == np.float32


def test_integers_can_be_trained() -> None:
    w = nn.Parameter(np.array([4]))
    ops.sum(w * w).backward()
    optim.SGD([w], lr=0.125).step()
    np.testing.assert_array_equal(w.value, [3.0])


def test_a_tensor_as_an_exponent_says_what_to_write() -> None:
    with pytest.raises(CourseError, match="exponent to be a constant number"):
        Tensor(2.0) ** Tensor(3.0)
    with pytest.raises(CourseError, match=r"ops\.exp"):
        2 ** Tensor(3.0)


def test_what_it_says_to_write_is_right() -> None:
    (gradient,) = backward(lambda x: ops.exp(x * np.log(2)), 3.0)
    assert gradient == pytest.approx(8.0 * np.log(2.0))


# --- losses, models, optimizers ------------------------------------------------------------------


def test_a_column_beside_a_row_is_refused() -> None:
    with pytest.raises(CourseError, match=r"\(4, 1\)"):
        ops.mean_squared_error(Tensor(np.ones((4, 1))), np.ones(4))


def test_a_loss_with_an_axis_says_what_to_do() -> None:
    x = Tensor(np.array([3.0]))
    with pytest.raises(CourseError, match=r"got a tensor of shape \(1,\)"):
        (x * x).backward()
    assert x.grad is None
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [6.0])


def test_parameters_from_a_generator_are_trained() -> None:
    w = nn.Parameter(np.array([2.0]))
    optimizer = optim.SGD((one for one in [w]), lr=0.25)
    for wanted in (1.0, 0.5):
        optimizer.zero_grad()
        ops.sum(w * w).backward()
        optimizer.step()
        np.testing.assert_array_equal(w.value, [wanted])


def test_training_does_not_write_into_the_array_that_was_given() -> None:
    given = np.array([2.0])
    one, other = nn.Parameter(given), nn.Parameter(given)
    ops.sum(one * one).backward()
    optim.SGD([one], lr=0.25).step()
    np.testing.assert_array_equal(given, [2.0])
    np.testing.assert_array_equal(other.value, [2.0])


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


def test_a_part_that_was_set_to_none_has_no_parameters_left() -> None:
    model = nn.Module()
    model.head = nn.Linear(2, 3, rng=RNG)  # type: ignore[attr-defined]
    assert len(model.parameters()) == 2
    model.head = None  # type: ignore[attr-defined]
    assert model.parameters() == []


def test_a_number_is_not_broadcast_into_the_gradient_of_a_matrix() -> None:
    """The dot product of a vector with itself through a square matrix, on both sides."""
    for graph in (lambda W, x: (W @ x) @ x, lambda W, x: (x @ W) @ x):
        found, truth = backward(graph, MATRIX, VECTOR), measured(graph, MATRIX, VECTOR)
        for gradient, wanted in zip(found, truth, strict=True):
            assert gradient.shape == wanted.shape
            np.testing.assert_allclose(gradient, wanted, rtol=1e-7, atol=1e-7)


# --- large graphs --------------------------------------------------------------------------------


def test_a_chain_of_2000_operations_differentiates() -> None:
    x = Tensor(1.0)
    y = x
    for _ in range(2000):
        y = y + 1
    y.backward()
    assert x.grad == 1.0


def test_the_graph_above_a_chain_of_2000_operations_can_be_had() -> None:
    y = Tensor(1.0)
    for _ in range(2000):
        y = y * 1.0
    assert len(trace(y)) >= 2001


def test_a_graph_that_nobody_holds_is_gone_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        x = Tensor(2.0)
        y = x * x
        inner = weakref.ref(y)
        (y + 1).backward()
        del y
        assert inner() is None
    finally:
        gc.enable()


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
