"""Slopes by an imaginary step: where they sharpen a measurement, where they are not believed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from course_autograd import ops
from course_autograd.complex_step import complex_slopes
from course_autograd.numeric import RELATIVE, STEP, jacobian

POINT = np.array([0.3, 0.7, -1.2])
ONES = np.ones(3)


def slopes(forward: Any, x: Any = POINT, **options: Any) -> Any:
    x = np.asarray(x, np.float64)
    return complex_slopes(forward, [x], options, 0, range(x.size))


@pytest.mark.parametrize("name", sorted(ops.all_operations()))
def test_an_operation_gives_right_complex_slopes_or_none(name: str) -> None:
    operation = ops.all_operations()[name]
    domain = operation.domain
    assert domain is not None
    for seed, example in enumerate(domain.examples):
        values, options = domain.draw(example, np.random.default_rng(seed))
        point = [np.asarray(value) for value in values]
        measured = jacobian(operation.declared_forward, point, options)
        for position, block in enumerate(measured.blocks):
            entries = range(point[position].size)
            found = complex_slopes(operation.declared_forward, point, options, position, entries)
            if found is not None:
                np.testing.assert_allclose(found, block, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["mul", "exp", "tanh", "matmul", "power", "conv2d", "sum"])
def test_most_operations_keep_complex_numbers(name: str) -> None:
    operation = ops.all_operations()[name]
    assert operation.domain is not None
    example = operation.domain.examples[0]
    values, options = operation.domain.draw(example, np.random.default_rng(0))
    point = [np.asarray(value) for value in values]
    assert complex_slopes(operation.declared_forward, point, options, 0, [0]) is not None


@pytest.mark.parametrize("frequency", [100.0, 1000.0, 3000.0])
def test_a_steep_function_is_measured_to_its_last_digits(frequency: float) -> None:
    measured = jacobian(lambda _ctx, x: np.sin(frequency * x), (POINT,))
    truth = frequency * np.cos(frequency * POINT)
    assert np.max(np.abs(measured.vjp(ONES)[0] - truth)) <= 1e-12 * frequency
    assert measured.tolerance(ONES, 0) <= 1.01 * RELATIVE * np.max(np.abs(truth))
    assert not measured.doubtful(ONES, 0).any()


@pytest.mark.parametrize("beside", [1e3, 1e5, 1e6])
def test_a_large_value_costs_no_digits(beside: float) -> None:
    measured = jacobian(lambda _ctx, x: np.add.reduce(np.sin(x)) + beside, (POINT,))
    assert np.max(np.abs(measured.vjp(np.ones(()))[0] - np.cos(POINT))) <= 1e-10
    assert measured.tolerance(np.ones(()), 0) == RELATIVE


@pytest.mark.parametrize("distance", [0.0, 1e-6, 3e-6, 4e-6, -4e-6, 5e-6, 8e-6, 1.1e-5])
@pytest.mark.parametrize("jump", [1e-2, 1.0, 50.0])
def test_a_kink_within_reach_stays_doubtful_or_within_the_tolerance(
    distance: float, jump: float
) -> None:
    def bent(_ctx: Any, x: Any) -> Any:
        return np.sin(x) + jump * np.maximum(x - 0.7 - distance, 0.0)

    measured = jacobian(bent, (POINT,))
    below = distance >= 0.0  # where the point lies, seen from the kink
    for side in (0.0, jump) if abs(distance) < STEP else (0.0 if below else jump,):
        answer = np.cos(POINT) + np.array([0.0, side, 0.0])
        off = np.abs(measured.vjp(ONES)[0] - answer)
        bend = measured.bend(ONES, 0)
        allowed = measured.tolerance(ONES, 0) + bend
        assert np.all(measured.doubtful(ONES, 0) | (off <= allowed))


@pytest.mark.parametrize(
    ("forward", "truth"),
    [
        (
            lambda _ctx, x: np.abs(x) * np.sin(300.0 * x),
            np.sign(POINT) * np.sin(300.0 * POINT) + np.abs(POINT) * 300.0 * np.cos(300.0 * POINT),
        ),
        (lambda _ctx, x: np.sin(x) + 1e-4 * np.abs(x) + 1e6, np.cos(POINT) + 1e-4 * np.sign(POINT)),
        (
            lambda _ctx, x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))) + 1e6,
            1.0 / (1.0 + np.exp(-POINT)),
        ),
    ],
    ids=["steep", "a small part", "softplus"],
)
def test_a_rule_that_drops_imaginary_parts_is_measured_by_real_steps(
    forward: Any, truth: Any
) -> None:
    """|x| keeps the size of a complex number, but not its direction."""
    assert slopes(forward) is None
    one = np.ones(())
    measured = jacobian(lambda ctx, x: np.add.reduce(forward(ctx, x)), (POINT,))
    assert np.max(np.abs(measured.vjp(one)[0] - truth)) <= measured.tolerance(one, 0)
    assert np.max(measured.errors[0]) > 1e-6, "nothing was sharpened"


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_every_subgradient_at_a_small_kink_of_a_large_value_is_accepted(share: float) -> None:
    one = np.ones(())
    measured = jacobian(
        lambda _ctx, x: np.add.reduce(x + 1e-4 * np.maximum(x, 0.0)) + 4e6, (np.zeros(3),)
    )
    off = np.abs(measured.vjp(one)[0] - (1.0 + share * 1e-4))
    assert not measured.doubtful(one, 0).any()
    assert np.all(off <= measured.tolerance(one, 0) + measured.bend(one, 0) / 2.0)


@pytest.mark.parametrize(
    "forward",
    [
        lambda _ctx, x: np.abs(x),
        lambda _ctx, x: np.floor(x) + x,
        lambda _ctx, x: x.item(0) if x.item(0) > 0 else 0.0,
        lambda _ctx, x: np.array([float(one) for one in x]),
        lambda _ctx, x: x + abs(x[0]),
        lambda _ctx, x: x + abs(x.dot(x)),
        lambda _ctx, x: x + np.linalg.norm(x),
        lambda _ctx, x: x * x.conj(),
        lambda _ctx, x: x + x.real,
        lambda _ctx, x: x + np.sort(x),
        lambda _ctx, x: x * (x > 0),
        lambda _ctx, x: np.where(np.array([True, False, True]), x, 0.0),
    ],
    ids=[
        "absolute value",
        "floor",
        "a comparison of numbers",
        "float()",
        "absolute value of one entry",
        "absolute value of a product",
        "norm",
        "conjugate",
        "real part",
        "sort",
        "comparison",
        "where",
    ],
)
def test_a_rule_for_real_numbers_has_no_complex_slopes(forward: Any) -> None:
    assert slopes(forward) is None


def test_numbers_without_axes_have_slopes_too() -> None:
    found = complex_slopes(lambda _ctx, x, y: x * y, [np.array(2.0), np.array(3.0)], {}, 1, [0])
    np.testing.assert_array_equal(found, [[2.0]])


def test_the_point_stays_as_it_was() -> None:
    def writes(_ctx: Any, x: Any) -> Any:
        x *= 2.0
        return x

    point = POINT.copy()
    np.testing.assert_allclose(complex_slopes(writes, [point], {}, 0, [1]), [[0.0, 2.0, 0.0]])
    np.testing.assert_array_equal(point, POINT)


@pytest.mark.parametrize("frequency", [1.0, 1000.0])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_in_memory_changes_nothing(order: Any, frequency: float) -> None:
    x = np.array([[0.3, 0.7, -1.2], [0.1, -0.4, 2.2]], order=order)
    measured = jacobian(lambda _ctx, x: np.sin(frequency * x), (x,))
    np.testing.assert_allclose(
        measured.vjp(np.ones((2, 3)))[0], frequency * np.cos(frequency * x), rtol=1e-8
    )
    found = complex_slopes(lambda _ctx, x: x * x, [x], {}, 0, range(6))
    np.testing.assert_allclose(found, np.diag(2.0 * x.ravel()))
