"""Every operation: its values against NumPy, its gradients against numbers, its limits in words.

Most tests run over `ops.all_operations()` and the shapes each operation declares, so a new one
is tested as soon as it exists.
"""

from __future__ import annotations

import pydoc
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from rules import OPERATIONS, assert_same, engine_vjp, numeric_vjp

from course_autograd import Tensor, ops, tensor_op
from course_autograd.contract import conform
from course_autograd.domain import Domain, Example
from course_autograd.errors import (
    CourseError,
    IndexRangeError,
    OptionError,
    ShapeError,
    UndoneExerciseError,
    ValueTypeError,
)
from course_autograd.operation import Operation
from course_autograd.rule import run_rule

pytestmark = pytest.mark.usefixtures("reference_rules")


# --- what NumPy says -------------------------------------------------------------------------


def cross_entropy(scores: Any, labels: Any) -> Any:
    """The textbook's formula, row by row."""
    rows = [
        -np.log(np.exp(row[label]) / np.sum(np.exp(row)))
        for row, label in zip(scores, labels, strict=True)
    ]
    return np.mean(rows)


def hinge_loss(scores: Any, labels: Any) -> Any:
    """The lecture's formula, entry by entry."""
    rows = [
        sum(max(0.0, row[j] - row[label] + 1) for j in range(len(row)) if j != label)
        for row, label in zip(scores, labels, strict=True)
    ]
    return np.mean(rows)


def windows(channel: Any, axis: int, size: int) -> range:
    """Where the windows of a pool begin."""
    return range(0, channel.shape[axis] - size + 1, size)


NUMPY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "add_bias": np.add,
    "conv2d": lambda x, kernel: np.einsum(
        "nchwkl,ockl->nohw",
        np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2:], axis=(2, 3)),
        kernel,
    ),
    "concatenate": lambda *parts, axis=0: np.concatenate(parts, axis),
    "divide": np.divide,
    "embedding": lambda table, rows: np.stack([table[row] for row in rows]),
    "exp": np.exp,
    "getitem": lambda x, index: x[index],
    "hinge": hinge_loss,
    "linear": lambda x, W, b: x @ W + b,
    "log": np.log,
    "log_softmax": lambda x, axis=-1: x - np.log(np.sum(np.exp(x), axis, keepdims=True)),
    "lookup": lambda table, rows: np.stack([table[row] for row in rows]),
    "matmul": np.matmul,
    "max": np.max,
    "max_pool": lambda x, size=2: np.array(
        [
            [
                [
                    [channel[i : i + size, j : j + size].max() for j in windows(channel, 1, size)]
                    for i in windows(channel, 0, size)
                ]
                for channel in picture
            ]
            for picture in x
        ]
    ),
    "maximum": np.maximum,
    "mean": np.mean,
    "mean_squared_error": lambda prediction, target: np.mean((prediction - target) ** 2),
    "mul": np.multiply,
    "negate": np.negative,
    "norm_squared": lambda W, x: np.linalg.norm(W @ x) ** 2,
    "power": lambda x, exponent: x**exponent,
    "reciprocal": lambda x: 1 / x,
    "relu": lambda x: np.where(x > 0, x, 0),
    "reshape": np.reshape,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softmax": lambda x, axis=-1: np.exp(x) / np.sum(np.exp(x), axis, keepdims=True),
    "softmax_cross_entropy": cross_entropy,
    "square": np.square,
    "subtract": np.subtract,
    "sum": np.sum,
    "tanh": np.tanh,
    "transpose": np.transpose,
}

FAMILIES = [
    pytest.param(operation, example, id=f"{name}-{example.facet}-{number}")
    for name, operation in OPERATIONS.items()
    for number, example in enumerate(operation.domain.examples if operation.domain else ())
]
every_family = pytest.mark.parametrize(("operation", "example"), FAMILIES)
every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
SEEDS = range(3)


def draws(
    operation: type[Operation], example: Example
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], Any, np.random.Generator]]:
    """Inputs, options and a random upstream gradient of both signs, for each seed."""
    domain = operation.domain
    assert domain is not None
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        values, options = domain.draw(example, rng)
        shape = np.shape(operation.declared_forward([], *values, **options))
        yield values, options, rng.normal(size=shape)[()], rng


@every_operation
def test_has_a_counterpart_in_numpy_here(operation: type[Operation]) -> None:
    assert operation.__name__ in NUMPY, "add the new operation to the table NUMPY above"


@every_family
def test_value_is_what_numpy_computes(operation: type[Operation], example: Example) -> None:
    for values, options, _, _ in draws(operation, example):
        expected = NUMPY[operation.__name__](*values, **options)
        for rule in (operation.declared_forward, operation.forward):
            assert_same(rule([], *values, **options), expected, 1e-13)
        assert_same(operation(*map(Tensor, values), **options).value, expected, 1e-13)


@every_family
def test_gradient_is_the_numeric_one(operation: type[Operation], example: Example) -> None:
    for values, options, upstream, _ in draws(operation, example):
        _, gradients = engine_vjp(lambda *x: operation(*x, **options), values, upstream)  # noqa: B023
        expected = numeric_vjp(
            lambda *x: operation.declared_forward([], *x, **options),  # noqa: B023
            values,
            upstream,
        )
        for got, wanted in zip(gradients, expected, strict=True):
            assert_same(got, wanted)


@every_family
def test_float32_stays_float32(operation: type[Operation], example: Example) -> None:
    for values, options, upstream, _ in draws(operation, example):
        run = lambda *x: operation(*x, **options)  # noqa: B023, E731
        single = [np.asarray(value, dtype=np.float32)[()] for value in values]
        output, gradients = engine_vjp(run, single, np.float32(upstream))
        exact, expected = engine_vjp(run, values, upstream)
        assert output.dtype == np.float32
        assert exact.dtype == np.float64
        assert_same(output.value, exact.value, 1e-5)
        for got, wanted in zip(gradients, expected, strict=True):
            assert got.dtype == np.float32
            assert wanted.dtype == np.float64
            assert_same(got, wanted, 1e-4)


@pytest.mark.parametrize(
    ("operation", "example"),
    [family for family in FAMILIES if family.values[0].exercise is None],
)
def test_package_rules_compute_in_float32_themselves(
    operation: type[Operation], example: Example
) -> None:
    """Without the engine's last cast: a wider array in between costs time and memory."""
    for values, options, upstream, _ in draws(operation, example):
        ctx: list[Any] = []
        single = [np.asarray(value, dtype=np.float32)[()] for value in values]
        operation.forward(ctx, *single, **options)
        gradients = run_rule(operation, tuple(ctx), (True,) * len(values), np.float32(upstream))
        assert [gradient.dtype for gradient in gradients] == [np.float32] * len(values)


def test_a_numpy_exponent_does_not_widen_float32() -> None:
    x = Tensor(np.ones(3, np.float32))
    for exponent in (np.float64(2.5), np.int64(2)):
        assert (x**exponent).dtype == np.float32


@every_family
def test_changes_nothing_it_was_given(operation: type[Operation], example: Example) -> None:
    for values, options, upstream, _ in draws(operation, example):
        before = [np.copy(value) for value in values]
        ctx: list[Any] = []
        output = operation.forward(ctx, *values, **options)
        first_output = np.copy(output)
        sent = np.copy(upstream)
        saved = [np.copy(kept) for kept in ctx if isinstance(kept, np.ndarray)]
        needs = (True,) * len(values)
        first = run_rule(operation, tuple(ctx), needs, upstream)
        copies = [np.copy(gradient) for gradient in first]
        second = run_rule(operation, tuple(ctx), needs, upstream)
        assert all(map(np.array_equal, values, before))
        assert np.array_equal(upstream, sent)
        assert np.array_equal(output, first_output)
        assert all(
            map(np.array_equal, (kept for kept in ctx if isinstance(kept, np.ndarray)), saved)
        )
        assert all(map(np.array_equal, second, copies))


@every_family
def test_a_gradient_does_not_depend_on_which_others_are_needed(
    operation: type[Operation], example: Example
) -> None:
    for values, options, upstream, _ in draws(operation, example):
        ctx: list[Any] = []
        shape = np.shape(operation.forward(ctx, *values, **options))
        name, broadcasts = operation.__name__, operation.broadcasts
        full = (True,) * len(values)
        everything = conform(
            name,
            run_rule(operation, tuple(ctx), full, upstream),
            values,
            shape,
            broadcasts=broadcasts,
        )
        for needs in product((True, False), repeat=len(values)):
            some = conform(
                name,
                run_rule(operation, tuple(ctx), needs, upstream),
                values,
                shape,
                broadcasts=broadcasts,
                needs=needs,
            )
            for got, wanted, needed in zip(some, everything, needs, strict=True):
                assert np.array_equal(got, wanted) if needed else got is None


@pytest.mark.parametrize("operation", [ops.subtract, ops.divide, ops.mean_squared_error])
def test_package_rules_compute_nothing_for_an_input_that_needs_no_gradient(
    operation: type[Operation],
) -> None:
    ctx: list[Any] = []
    operation.forward(ctx, np.array([1.0, 2.0]), np.array([3.0, 5.0]))
    upstream = np.array([1.0, -1.0]) if operation.broadcasts else np.float64(1.0)
    assert run_rule(operation, tuple(ctx), (True, False), upstream)[1] is None


# --- kinks and large numbers -----------------------------------------------------------------

KINKS = [
    pytest.param(operation, kink, id=f"{name}-{number}")
    for name, operation in OPERATIONS.items()
    for number, kink in enumerate(operation.domain.kinks if operation.domain else ())
]
EXTREMES = [
    pytest.param(operation, extreme, id=f"{name}-{number}")
    for name, operation in OPERATIONS.items()
    for number, extreme in enumerate(operation.domain.extremes if operation.domain else ())
]


@pytest.mark.parametrize(("operation", "kink"), KINKS)
def test_gradient_at_a_kink_lies_between_the_slopes_of_the_two_sides(
    operation: type[Operation], kink: Any
) -> None:
    """Ours are convex there, so a subgradient g has -f'(x; -d) <= g.d <= f'(x; d) for all d."""
    rng = np.random.default_rng(5)
    values = [np.asarray(value, dtype=np.float64)[()] for value in kink.inputs]
    run = lambda *x: operation.declared_forward([], *x, **kink.options)  # noqa: E731
    upstream = rng.uniform(0.5, 2.0, np.shape(run(*values)))[()]
    _, gradients = engine_vjp(lambda *x: operation(*x, **kink.options), values, upstream)
    here = np.sum(upstream * run(*values))
    width = 0.0
    for _ in range(40):
        direction = [rng.normal(size=np.shape(value))[()] for value in values]
        slope = sum(np.sum(g * d) for g, d in zip(gradients, direction, strict=True))
        ahead, behind = (
            np.sum(upstream * run(*[v + h * d for v, d in zip(values, direction, strict=True)]))
            for h in (1e-6, -1e-6)
        )
        low, high = (here - behind) / 1e-6, (ahead - here) / 1e-6
        assert low - 1e-6 <= slope <= high + 1e-6
        width = max(width, high - low)
    assert width > 0.1, "the declared point is no kink"


@pytest.mark.parametrize(("operation", "extreme"), EXTREMES)
def test_large_numbers_overflow_nowhere(operation: type[Operation], extreme: Any) -> None:
    """Warnings are errors in these tests, so an overflow inside would show too."""
    for dtype in (np.float64, np.float32):
        values = [np.asarray(value, dtype=dtype)[()] for value in extreme.inputs]
        shape = np.shape(operation.declared_forward([], *values, **extreme.options))
        upstream = np.full(shape, -1.5, dtype)[()]
        output, gradients = engine_vjp(
            lambda *x: operation(*x, **extreme.options),
            values,
            upstream,
        )
        assert np.all(np.isfinite(output.value))
        assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


def test_values_far_out_are_the_limits() -> None:
    assert ops.sigmoid(Tensor([-1000.0, 1000.0])).value.tolist() == [0.0, 1.0]
    assert ops.softmax(Tensor([1000.0, -1000.0])).value.tolist() == [1.0, 0.0]
    assert ops.log_softmax(Tensor([1000.0, -1000.0])).value.tolist() == [0.0, -2000.0]
    wrong = Tensor([[1000.0, -1000.0]])
    assert ops.softmax_cross_entropy(wrong, labels=[1]).value == 2000.0
    assert ops.softmax_cross_entropy(wrong, labels=[0]).value == 0.0


def test_sigmoid_keeps_its_relative_precision_far_to_the_left() -> None:
    assert ops.sigmoid.declared_forward([], np.float64(-40.0)) == pytest.approx(
        np.exp(-40.0), rel=1e-14
    )


# --- small shapes ----------------------------------------------------------------------------

SMALL: list[tuple[str, tuple[tuple[int, ...], ...], dict[str, Any]]] = [
    *(
        (name, shapes, {})
        for name in ("add", "subtract", "mul", "divide", "maximum")
        for shapes in (
            ((1,), (1,)),
            ((1, 1), (3,)),
            ((3, 1), (1, 1)),
            ((1, 4), (4,)),
            ((2, 1, 3), (4, 1)),
            ((), (1, 1)),
        )
    ),
    *(
        (name, (shape,), {})
        for name in ("negate", "exp", "reciprocal", "square", "sigmoid", "tanh", "relu")
        for shape in ((1,), (1, 1), (1, 3))
    ),
    *(("power", (shape,), {"exponent": 3}) for shape in ((1,), (1, 1))),
    *(
        (name, shapes, options)
        for name in ("sum", "mean", "max")
        for shapes, options in (
            (((1,),), {}),
            (((1, 1),), {"axis": 0}),
            (((3, 1),), {"axis": 1}),
            (((1, 3),), {"axis": 0, "keepdims": True}),
            (((1, 1),), {"axis": (0, 1)}),
        )
    ),
    *(
        ("matmul", shapes, {})
        for shapes in (
            ((1, 1), (1, 1)),
            ((1, 3), (3, 1)),
            ((3, 1), (1, 2)),
            ((1, 3), (3,)),
            ((3, 1), (1,)),
            ((1,), (1, 3)),
            ((1,), (1,)),
        )
    ),
    ("add_bias", ((1, 1), (1,)), {}),
    ("add_bias", ((3, 1), (1,)), {}),
    ("norm_squared", ((1, 1), (1,)), {}),
    ("norm_squared", ((3, 1), (1,)), {}),
    ("reshape", ((1,),), {"shape": ()}),
    ("reshape", ((1, 1),), {"shape": (1,)}),
    ("transpose", ((1, 3),), {}),
    ("transpose", ((),), {}),
    ("getitem", ((1,),), {"index": 0}),
    ("getitem", ((1, 3),), {"index": (slice(None), [0, 0])}),
    ("concatenate", ((1,), (1,)), {}),
    ("concatenate", ((1, 2), (1, 1)), {"axis": -1}),
    ("lookup", ((1, 1),), {"rows": [0, 0, 0]}),
    ("lookup", ((2, 3),), {"rows": 1}),
    ("lookup", ((3, 2),), {"rows": [[0, 2], [2, 2]]}),
    ("softmax", ((1,),), {}),
    ("softmax", ((3, 1),), {}),
    ("log_softmax", ((1, 3),), {"axis": 0}),
    ("softmax_cross_entropy", ((1, 1),), {"labels": [0]}),
    ("softmax_cross_entropy", ((3, 1),), {"labels": [0, 0, 0]}),
    ("hinge", ((1, 1),), {"labels": [0]}),
    ("mean_squared_error", ((1, 1), (1, 1)), {}),
]


@pytest.mark.parametrize(("name", "shapes", "options"), SMALL)
def test_axes_of_size_one_are_nothing_special(
    name: str, shapes: tuple[tuple[int, ...], ...], options: dict[str, Any]
) -> None:
    operation = OPERATIONS[name]
    domain = operation.domain
    assert domain is not None
    only = Domain((), domain.samplers, domain.smooth)
    rng = np.random.default_rng(11)
    values, _ = only.draw(Example("small", shapes, options), rng)
    output = operation.declared_forward([], *values, **options)
    upstream = rng.normal(size=np.shape(output))[()]
    made, gradients = engine_vjp(lambda *x: operation(*x, **options), values, upstream)
    assert_same(made.value, output, 1e-13)
    expected = numeric_vjp(
        lambda *x: operation.declared_forward([], *x, **options), values, upstream
    )
    for got, wanted in zip(gradients, expected, strict=True):
        assert_same(got, wanted)


EMPTY: list[tuple[str, tuple[tuple[int, ...], ...], dict[str, Any], tuple[int, ...]]] = [
    *(
        (name, shapes, {}, output)
        for name in ("add", "subtract", "mul", "divide", "maximum")
        for shapes, output in (
            (((0,), (0,)), (0,)),
            (((0, 3), (3,)), (0, 3)),
            (((0, 1), (1, 3)), (0, 3)),
            (((), (2, 0)), (2, 0)),
            (((1,), (0,)), (0,)),
        )
    ),
    *(
        (name, (shape,), {}, shape)
        for name in ("negate", "exp", "log", "reciprocal", "square", "sigmoid", "tanh", "relu")
        for shape in ((0,), (2, 0))
    ),
    ("power", ((0,),), {"exponent": 3}, (0,)),
    ("sum", ((0,),), {}, ()),
    ("sum", ((0, 3),), {"axis": 0}, (3,)),
    ("sum", ((2, 0),), {"axis": 0}, (0,)),
    ("mean", ((2, 0),), {"axis": 0}, (0,)),
    ("max", ((2, 0),), {"axis": 0}, (0,)),
    ("matmul", ((2, 0), (0, 3)), {}, (2, 3)),
    ("matmul", ((0, 2), (2, 3)), {}, (0, 3)),
    ("matmul", ((0,), (0,)), {}, ()),
    ("add_bias", ((0, 3), (3,)), {}, (0, 3)),
    ("norm_squared", ((0, 3), (3,)), {}, ()),
    ("reshape", ((0, 3),), {"shape": (3, 0, 2)}, (3, 0, 2)),
    ("transpose", ((0, 3),), {}, (3, 0)),
    ("getitem", ((4,),), {"index": slice(2, 2)}, (0,)),
    ("getitem", ((4, 3),), {"index": np.array([], dtype=int)}, (0, 3)),
    ("lookup", ((4, 3),), {"rows": []}, (0, 3)),
    ("concatenate", ((0, 3), (2, 3)), {}, (2, 3)),
    ("softmax", ((0, 3),), {}, (0, 3)),
    ("log_softmax", ((3, 0),), {"axis": 0}, (3, 0)),
]


@pytest.mark.parametrize(("name", "shapes", "options", "expected"), EMPTY)
def test_empty_arrays_go_through_where_numpy_lets_them(
    name: str,
    shapes: tuple[tuple[int, ...], ...],
    options: dict[str, Any],
    expected: tuple[int, ...],
) -> None:
    operation = OPERATIONS[name]
    values = [np.ones(shape) for shape in shapes]
    output, gradients = engine_vjp(
        lambda *x: operation(*x, **options), values, np.ones(expected)[()]
    )
    assert output.shape == expected
    assert [np.shape(gradient) for gradient in gradients] == list(shapes)
    wanted = numeric_vjp(
        lambda *x: operation.declared_forward([], *x, **options), values, np.ones(expected)[()]
    )
    for got, numeric in zip(gradients, wanted, strict=True):
        assert_same(got, numeric)


# --- single facts ----------------------------------------------------------------------------


def test_indices_that_occur_twice_add_up() -> None:
    x = Tensor([1.0, 2.0, 3.0])
    x[[0, 2, 0, 0]].sum().backward()
    assert x.grad.tolist() == [3.0, 0.0, 1.0]


def test_rows_that_are_looked_up_twice_add_up() -> None:
    table = Tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    ops.lookup(table, rows=[2, 0, 2]).sum().backward()
    assert table.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]


def test_the_gradient_of_max_is_shared_by_all_winners_and_adds_up_to_the_upstream() -> None:
    x = Tensor([[4.0, 1.0, 4.0], [0.0, 5.0, 3.0]])
    (x.max(axis=1) * np.array([1.0, 7.0])).sum().backward()
    assert x.grad.tolist() == [[0.5, 0.0, 0.5], [0.0, 7.0, 0.0]]


def test_a_loop_over_a_tensor_gives_its_rows() -> None:
    rows = list(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert [row.value.tolist() for row in rows] == [[1.0, 2.0], [3.0, 4.0]]


def test_a_loop_over_a_scalar_is_an_error_and_not_empty() -> None:
    with pytest.raises(ShapeError, match=r"getitem: .*shape \(\)"):
        list(Tensor(1.0))


def test_labels_are_kept_as_an_array_of_integers() -> None:
    for operation in (ops.softmax_cross_entropy, ops.hinge):
        ctx: list[Any] = []
        operation.forward(ctx, np.array([[1.0, 2.0], [4.0, 0.5]]), labels=[1, 0])
        assert ctx[1].dtype.kind == "i"
        assert ctx[1].tolist() == [1, 0]


def test_softmax_cross_entropy_saves_probabilities() -> None:
    ctx: list[Any] = []
    scores = np.array([[1.0, 2.0, -1.0], [4.0, 0.5, 0.0]])
    ops.softmax_cross_entropy.forward(ctx, scores, labels=[1, 0])
    assert_same(ctx[0], NUMPY["softmax"](scores), 1e-14)


def test_hinge_saves_margins_with_zero_at_the_label() -> None:
    ctx: list[Any] = []
    ops.hinge.forward(ctx, np.array([[1.0, 3.0, -1.5], [2.0, 0.5, 1.75]]), labels=[0, 0])
    assert ctx[0].tolist() == [[0.0, 3.0, 0.0], [0.0, 0.0, 0.75]]


@pytest.mark.parametrize(
    ("operation", "inputs", "options", "ctx"),
    [
        (ops.mul, (2.0, 3.0), {}, [2.0, 3.0]),
        (ops.maximum, (2.0, 3.0), {}, [2.0, 3.0]),
        (ops.power, (2.0,), {"exponent": 3}, [2.0, 3]),
        (ops.negate, (2.0,), {}, []),
        (ops.exp, (0.0,), {}, [1.0]),
        (ops.reciprocal, (2.0,), {}, [2.0]),
        (ops.square, (2.0,), {}, [2.0]),
        (ops.tanh, (0.0,), {}, [0.0]),
        (ops.sum, (np.ones((2, 3)),), {"axis": -1}, [(2, 3), -1, False]),
        (ops.sigmoid, (2.0,), {}, []),
        (ops.relu, (2.0,), {}, []),
        (ops.add_bias, (np.ones((2, 3)), np.ones(3)), {}, []),
        (ops.norm_squared, (np.ones((2, 3)), np.ones(3)), {}, []),
    ],
)
def test_ctx_holds_what_the_exercise_says(
    operation: type[Operation], inputs: tuple[Any, ...], options: dict[str, Any], ctx: list[Any]
) -> None:
    saved: list[Any] = []
    operation.declared_forward(saved, *inputs, **options)
    assert saved == ctx


# --- every operation can be read, and says what it is ----------------------------------------


@every_operation
def test_declares_what_check_grader_and_tests_need(operation: type[Operation]) -> None:
    domain = operation.domain
    assert domain is not None
    assert domain.facets
    assert operation.whole <= (operation.exercise is not None)
    assert operation.exercise in {None, "01_chain_rule", "02_sigmoid", "03_norm_squared", "04_mlp"}
    matrices = [shape for example in domain.examples for shape in example.shapes if len(shape) == 2]
    assert all(rows != columns for rows, columns in matrices if (rows, columns) != (1, 1))


@every_operation
def test_stays_readable_after_decoration(operation: type[Operation]) -> None:
    name = operation.__name__
    assert getattr(ops, name) is operation
    assert operation.__doc__
    assert "z" in operation.__doc__
    page = pydoc.plain(pydoc.render_doc(operation))
    assert f"class {name}(" in page
    assert operation.__doc__.splitlines()[0] in page
    assert "forward(ctx" in page
    assert "backward(ctx" in page
    assert operation.declared_forward.__doc__
    signature = page.split(f" |  {name}(")[1].split("\n")[0]
    assert "ctx" not in signature, "on tensors an operation is called without ctx"


@pytest.mark.parametrize(
    "operation",
    [operation for operation in OPERATIONS.values() if operation.exercise is None],
    ids=lambda operation: operation.__name__,
)
def test_package_rules_are_documented(operation: type[Operation]) -> None:
    assert operation.backward.__doc__
    assert operation.backward.__name__ == "backward"


@pytest.mark.parametrize(
    "operation",
    [operation for operation in OPERATIONS.values() if operation.exercise],
    ids=lambda operation: operation.__name__,
)
def test_an_exercise_without_its_rule_says_which_it_is_and_where(
    operation: type[Operation],
) -> None:
    with pytest.raises(UndoneExerciseError) as caught:
        operation.declared_backward([], np.float64(1.0))
    words = str(caught.value)
    name, assignment = operation.__name__, operation.exercise
    assert words.startswith(f"{name} has no backward rule yet: it is the exercise '{name}'")
    assert f"assignment {assignment}" in words
    decorator = "implements" if operation.whole else "backward_of"
    assert f"@{decorator}(ops.{name})" in words


def test_all_operations_finds_every_operation_and_nothing_else() -> None:
    assert len(OPERATIONS) == len(NUMPY) == 34
    assert list(OPERATIONS) == sorted(OPERATIONS)
    assert all(issubclass(operation, Operation) for operation in OPERATIONS.values())


def test_an_operation_of_ones_own_needs_two_methods_and_a_decorator() -> None:
    @tensor_op
    class cube(Operation):
        """z = x³."""

        def forward(ctx, x):  # noqa: N805 - the slides leave @staticmethod out
            ctx.append(x)
            return x * x * x

        def backward(ctx, grad_output):  # noqa: N805
            return (3 * ctx[0] * ctx[0] * grad_output,)

    x = Tensor(2.0)
    cube(x).backward()
    assert x.grad == 12.0


# --- bad input -------------------------------------------------------------------------------

X = np.arange(6.0).reshape(2, 3) + 0.5

BAD: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    (
        "matmul, sizes",
        lambda: Tensor(X) @ Tensor(X),
        ShapeError,
        r"^matmul: .*got shapes \(2, 3\) and \(2, 3\): 3 is not 2.*transposed",
    ),
    (
        "matmul, scalar",
        lambda: Tensor(X) @ 3.0,
        ShapeError,
        r"^matmul: expected matrices or vectors, got shapes \(2, 3\) and \(\)\. Use \*",
    ),
    (
        "matmul, three axes",
        lambda: ops.matmul(np.ones((2, 3, 4)), np.ones((4, 2))),
        ShapeError,
        r"^matmul: expected matrices or vectors",
    ),
    (
        "add_bias",
        lambda: ops.add_bias.declared_forward([], X, np.ones(2)),
        ShapeError,
        r"^add_bias: expected x of shape \(N, M\).*got \(2, 3\) and \(2,\)",
    ),
    (
        "norm_squared",
        lambda: ops.norm_squared.declared_forward([], X, np.ones(2)),
        ShapeError,
        r"^norm_squared: expected W of shape \(m, n\).*got \(2, 3\) and \(2,\)",
    ),
    (
        "mean_squared_error, column against row",
        lambda: ops.mean_squared_error(Tensor(np.ones((3, 1))), np.ones(3)),
        ShapeError,
        r"^mean_squared_error: .*same shape.*got \(3, 1\) and \(3,\)",
    ),
    (
        "mean_squared_error, empty",
        lambda: ops.mean_squared_error(Tensor(np.ones(0)), np.ones(0)),
        ShapeError,
        r"^mean_squared_error: .*at least one entry",
    ),
    (
        "mean, empty",
        lambda: Tensor(np.ones((0, 3))).mean(),
        ShapeError,
        r"^mean: expected at least one entry to reduce, got shape \(0, 3\)",
    ),
    (
        "max, empty",
        lambda: Tensor(np.ones((2, 0))).max(axis=1),
        ShapeError,
        r"^max: expected at least one entry",
    ),
    (
        "sum, axis",
        lambda: Tensor(X).sum(axis=2),
        OptionError,
        r"^sum: expected an axis from -2 to 1, got axis=2",
    ),
    (
        "sum, axis of a scalar",
        lambda: Tensor(1.0).sum(axis=0),
        OptionError,
        r"^sum: expected an axis of a value that has no axes, got axis=0",
    ),
    (
        "mean, axis that is no integer",
        lambda: ops.mean(Tensor(X), axis=1.0),
        OptionError,
        r"^mean: expected axis to be None, an integer or a tuple of integers, got 1\.0",
    ),
    (
        "sum, axis twice",
        lambda: Tensor(X).sum(axis=(1, -1)),
        OptionError,
        r"^sum: axis=\(1, -1\) names an axis twice",
    ),
    (
        "softmax, axis",
        lambda: ops.softmax(Tensor(X), axis=5),
        OptionError,
        r"^softmax: expected an axis from -2 to 1, got axis=5",
    ),
    (
        "softmax, all axes",
        lambda: ops.log_softmax(Tensor(X), axis=None),
        ShapeError,
        r"^log_softmax: expected one axis",
    ),
    (
        "softmax, nothing",
        lambda: ops.softmax(Tensor(np.ones((2, 0)))),
        ShapeError,
        r"^softmax: expected one axis with at least one entry",
    ),
    (
        "reshape",
        lambda: Tensor(X).reshape(4, 2),
        ShapeError,
        r"^reshape: expected a shape with 6 entries for a value of shape \(2, 3\), got .*\(4, 2\)",
    ),
    (
        "transpose, too few",
        lambda: ops.transpose(Tensor(X), axes=(1,)),
        OptionError,
        r"^transpose: expected axes to name each of the 2 axes",
    ),
    (
        "transpose, twice",
        lambda: Tensor(X).transpose((1, 1)),
        OptionError,
        r"^transpose: axis=\(1, 1\) names an axis twice",
    ),
    (
        "getitem, too far",
        lambda: Tensor(X)[2],
        IndexRangeError,
        r"^getitem: expected an index into a value of shape \(2, 3\), got 2:",
    ),
    (
        "getitem, a text",
        lambda: Tensor(X)["a"],
        IndexRangeError,
        r"^getitem: expected an index into a value of shape \(2, 3\), got 'a':",
    ),
    (
        "concatenate, sizes",
        lambda: ops.concatenate(Tensor(X), Tensor(X.T)),
        ShapeError,
        r"^concatenate: expected shapes that differ along axis 0 only, got \(2, 3\), \(3, 2\)",
    ),
    (
        "concatenate, axes",
        lambda: ops.concatenate(Tensor(X), Tensor(X[0]), axis=0),
        ShapeError,
        r"^concatenate: expected shapes that differ along axis 0 only, got \(2, 3\), \(3,\)",
    ),
    (
        "concatenate, scalars",
        lambda: ops.concatenate(Tensor(1.0), Tensor(2.0)),
        ShapeError,
        r"^concatenate: expected arrays with at least one axis, got \(\), \(\)",
    ),
    ("concatenate, nothing", ops.concatenate, ShapeError, r"^concatenate: .*no inputs"),
    (
        "power, a tensor",
        lambda: Tensor(2.0) ** Tensor(3.0),
        OptionError,
        r"^power: expected the exponent to be a constant number, got a Tensor\.",
    ),
    (
        "power, an array",
        lambda: ops.power(Tensor(2.0), exponent=np.ones(3)),
        OptionError,
        r"^power: expected the exponent to be a constant number, got an array of shape \(3,\)",
    ),
    (
        "lookup, not integers",
        lambda: ops.lookup(Tensor(X), rows=[0.0, 1.0]),
        OptionError,
        r"^lookup: expected rows to be integers, got a list with dtype float64.*astype\(int\)",
    ),
    (
        "lookup, truth values",
        lambda: ops.lookup(Tensor(X), rows=np.array([True, False])),
        OptionError,
        r"^lookup: expected rows to be integers, .*dtype bool",
    ),
    (
        "lookup, a tensor",
        lambda: ops.lookup(Tensor(X), rows=Tensor([0, 1])),
        OptionError,
        r"^lookup: expected rows to be integers, got a Tensor",
    ),
    (
        "lookup, unequal lengths",
        lambda: ops.lookup(Tensor(X), rows=[[0], [1, 1]]),
        OptionError,
        r"^lookup: expected rows to be integers, got a list that is not rectangular",
    ),
    (
        "lookup, too far",
        lambda: ops.lookup(Tensor(X), rows=[0, 2]),
        OptionError,
        r"^lookup: expected rows from 0 to 1 for 2 rows of the table, got 2\..*starts at 0",
    ),
    (
        "lookup, negative",
        lambda: ops.lookup(Tensor(X), rows=[-1]),
        OptionError,
        r"^lookup: expected rows from 0 to 1 for 2 rows of the table, got -1\.",
    ),
    (
        "lookup, no table",
        lambda: ops.lookup(Tensor(X[0]), rows=[0]),
        ShapeError,
        r"^lookup: expected a table of shape \(V, D\), .*got shape \(3,\)",
    ),
    *(
        (f"{loss.__name__}, {what}", lambda loss=loss, given=given: loss(*given), kind, words)
        for loss in (
            lambda scores, labels: ops.softmax_cross_entropy(Tensor(scores), labels=labels),
            lambda scores, labels: ops.hinge(Tensor(scores), labels=labels),
        )
        for what, given, kind, words in (
            (
                "too large",
                (X, [0, 3]),
                OptionError,
                r"^\w+: expected labels from 0 to 2 for 3 columns of scores, got 3\.",
            ),
            ("negative", (X, [0, -1]), OptionError, r"^\w+: expected labels from 0 to 2.*got -1"),
            ("not integers", (X, [0.0, 1.0]), OptionError, r"^\w+: expected labels to be integers"),
            ("none", (X, None), OptionError, r"^\w+: expected labels to be integers, got None"),
            (
                "too few",
                (X, [1]),
                ShapeError,
                r"^\w+: expected labels of shape \(2,\), .*\(2, 3\), got shape \(1,\)",
            ),
            (
                "one hot",
                (X, np.eye(3, dtype=int)[[0, 1]]),
                ShapeError,
                r"^\w+: expected labels of shape \(2,\), .* got shape \(2, 3\)",
            ),
            (
                "a vector",
                (X[0], [1]),
                ShapeError,
                r"^\w+: expected scores of shape \(N, C\).*got shape \(3,\)\..*reshape\(1, -1\)",
            ),
            ("no rows", (X[:0], []), ShapeError, r"^\w+: expected scores of shape \(N, C\)"),
        )
    ),
]


@pytest.mark.parametrize(
    ("call", "kind", "words"), [pytest.param(*rest, id=name) for name, *rest in BAD]
)
def test_bad_input_is_told_in_words(
    call: Callable[[], Any], kind: type[CourseError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        call()
    assert isinstance(caught.value, CourseError)


@pytest.mark.parametrize(
    "operation",
    [operation for operation in OPERATIONS.values() if operation.broadcasts],
    ids=lambda operation: operation.__name__,
)
def test_shapes_that_do_not_broadcast_are_told_in_words(operation: type[Operation]) -> None:
    with pytest.raises(ShapeError) as caught:
        operation(Tensor(X), Tensor([1.0, 2.0]))
    words = str(caught.value)
    assert words.startswith(f"{operation.__name__}: expected shapes that broadcast")
    assert "got (2, 3) and (2,)" in words


@pytest.mark.parametrize("value", ["two", 1j, None, {"a": 1}, [[1.0], [1.0, 2.0]], [Tensor(1.0)]])
def test_inputs_that_are_no_numbers_are_told_in_words(value: object) -> None:
    with pytest.raises(ValueTypeError, match=r"^add: expected a tensor, a number or an array"):
        ops.add(Tensor(1.0), value)


# --- softmax in all sizes and types --------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("largest", [0.0, 9.0, 12.0, 19.0, 21.0, 90.0, 1000.0])
def test_softmax_is_right_for_scores_of_every_size(dtype: Any, largest: float) -> None:
    scores = np.array([[largest, largest - 3.0, 0.5], [-largest, 1.0, largest]], dtype)
    exact = np.float64(scores) - np.max(np.float64(scores), axis=1, keepdims=True)
    expected = np.exp(exact) / np.sum(np.exp(exact), axis=1, keepdims=True)
    close = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(ops.softmax(Tensor(scores)).value, expected, rtol=close, atol=close)
    logarithms = ops.log_softmax(Tensor(scores)).value
    wanted = exact - np.log(np.sum(np.exp(exact), axis=1, keepdims=True))
    np.testing.assert_allclose(logarithms, wanted, rtol=close, atol=close)
    loss = ops.softmax_cross_entropy(Tensor(scores), labels=np.array([1, 1])).value
    np.testing.assert_allclose(loss, -np.mean(wanted[:, 1]), rtol=close, atol=close)


def test_no_logarithm_of_a_probability_is_above_zero() -> None:
    for dtype in (np.float64, np.float32):
        scores = np.linspace(-19.0, 19.0, 2001).astype(dtype)
        assert np.all(ops.log_softmax(Tensor(scores[:, None])).value <= 0.0)
        far = np.stack((scores, scores - 18.0), axis=1)
        assert np.all(ops.log_softmax(Tensor(far)).value <= 0.0)


def test_softmax_of_small_integers_does_not_overflow() -> None:
    np.testing.assert_allclose(ops.softmax(np.array([15, 3], np.int8)).value, [1.0, 6.1e-6], 1e-2)
