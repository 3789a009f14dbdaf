"""Numeric derivatives: as exact as they say, and every subgradient at a kink."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from course_autograd import ops
from course_autograd.kinks import in_hull, nearby_gradients, nearby_jacobians
from course_autograd.numeric import Measurement, jacobian, joined

Array = npt.NDArray[Any]


def cube(ctx: list[Any], x: Any) -> Any:
    return x**3


def test_the_derivative_of_a_known_function_is_exact_to_ten_digits() -> None:
    x = np.array([0.5, -1.2, 1.7])
    measured = jacobian(cube, (x,))
    np.testing.assert_allclose(measured.blocks[0], np.diag(3 * x**2), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["reciprocal", "log", "exp", "tanh", "softmax_cross_entropy"])
def test_the_error_estimate_is_larger_than_the_error(name: str) -> None:
    operation = ops.all_operations()[name]
    derivative = {
        "reciprocal": lambda x: -1 / x**2,
        "log": lambda x: 1 / x,
        "exp": np.exp,
        "tanh": lambda x: 1 - np.tanh(x) ** 2,
    }
    assert operation.domain is not None
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values, options = operation.domain.draw(operation.domain.examples[1], rng)
        measured = jacobian(operation.declared_forward, values, options)
        upstream = rng.normal(size=measured.output.shape)
        if name in derivative:
            truth = upstream * derivative[name](values[0])
        else:
            p = np.exp(values[0]) / np.exp(values[0]).sum(axis=1, keepdims=True)
            truth = upstream * (p - np.eye(p.shape[1])[options["labels"]]) / len(p)
        error = float(np.max(np.abs(measured.vjp(upstream)[0] - truth)))
        tolerance = measured.tolerance(upstream, 0)
        assert error < tolerance / 3
        assert tolerance < 1e-5


def test_gradients_have_the_shapes_of_the_inputs_also_without_axes() -> None:
    measured = jacobian(ops.mul.declared_forward, (2.0, np.ones((3, 1))))
    left, right = measured.vjp(np.ones((3, 1)))
    assert left.shape == ()
    assert right.shape == (3, 1)
    np.testing.assert_allclose(left, 3.0)


def test_inputs_stay_as_they_were() -> None:
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    jacobian(ops.mul.declared_forward, (x, y))
    assert x.tolist() == [1.0, 2.0]
    assert y.tolist() == [3.0, 4.0]


def test_a_rule_that_writes_into_its_inputs_or_returns_them_is_measured_all_the_same() -> None:
    def doubled(_ctx: Any, x: Any, y: Any) -> Any:
        y += x
        x += x
        return x

    x, y = np.array([1.0, -2.0]), np.array([3.0, 4.0])
    by_x, by_y = jacobian(doubled, (x, y)).blocks
    np.testing.assert_allclose(by_x, 2.0 * np.eye(2), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(by_y, np.zeros((2, 2)), atol=1e-9)
    (by_x,) = jacobian(lambda _ctx, x: x[::-1], (x,)).blocks
    np.testing.assert_allclose(by_x, np.eye(2)[::-1], rtol=1e-9, atol=1e-9)
    assert (x.tolist(), y.tolist()) == ([1.0, -2.0], [3.0, 4.0])


def test_measuring_entry_by_entry_costs_two_evaluations_an_entry_for_each_of_two_steps() -> None:
    calls = []

    def counted(_ctx: Any, x: Any) -> Any:
        calls.append(1)
        return x @ x

    jacobian(counted, (np.ones(50),))
    assert len(calls) == 1 + 4 * 50


def test_at_a_kink_the_gradients_of_both_sides_are_found() -> None:
    upstream = np.array([2.0, -3.0])
    inputs = (np.array([0.0, 1.0]),)
    found = nearby_gradients(nearby_jacobians(ops.relu.declared_forward, inputs, {}), upstream)
    assert sorted(round(float(one[0]), 6) for one in found) == [0.0, 2.0]
    assert all(abs(one[1] + 3.0) < 1e-6 for one in found)


def test_a_hull_holds_the_averages_of_its_corners_and_nothing_else() -> None:
    corners = [np.array([2.0, 0.0, 1.0]), np.array([0.0, 2.0, 1.0])]
    for share in (0.0, 0.3, 1.0):
        assert in_hull(share * corners[0] + (1 - share) * corners[1], corners)
    for outside in ([2.0, 2.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.1], [3.0, -1.0, 1.0]):
        assert not in_hull(np.array(outside), corners)
    assert not in_hull(np.array([np.nan, 1.0, 1.0]), corners)
    assert not in_hull(np.array([1e300, 1.0, 1.0]), corners)


def test_a_hull_of_three_corners_is_a_triangle() -> None:
    corners = [np.eye(3)[i] for i in range(3)]
    assert in_hull(np.full(3, 1 / 3), corners)
    assert in_hull(np.array([0.5, 0.5, 0.0]), corners)
    assert not in_hull(np.full(3, 0.5), corners)


def test_three_numbers_that_tie_share_in_any_way() -> None:
    upstream = np.asarray(1.5)
    inputs = (np.array([0.4, 0.4, 0.4]),)
    corners = nearby_gradients(nearby_jacobians(ops.max.declared_forward, inputs, {}), upstream)
    assert in_hull(np.array([0.2, 0.3, 0.5]) * 1.5, corners)
    assert not in_hull(np.array([0.5, 0.5, 0.5]) * 1.5, corners)


def test_joined_gradients_keep_their_order() -> None:
    assert joined([np.array(1.0), np.array([[2.0, 3.0]])]).tolist() == [1.0, 2.0, 3.0]


# --- directions first ------------------------------------------------------------------------


def smooth_points() -> Iterator[tuple[Any, tuple[Any, ...], dict[str, Any], Array]]:
    """Yield each operation's declared forward rule, a smooth point, its options, an upstream."""
    for operation in ops.all_operations().values():
        if operation.domain is None:
            continue
        for seed, example in enumerate(operation.domain.examples):
            rng = np.random.default_rng(seed)
            values, options = operation.domain.draw(example, rng)
            shape = np.shape(operation.declared_forward([], *values, **options))
            yield operation.declared_forward, values, options, rng.normal(size=shape)


def test_right_gradients_are_confirmed_along_directions_at_nearly_every_smooth_point() -> None:
    confirmed = []
    for forward, values, options, upstream in smooth_points():
        gradients = jacobian(forward, values, options).vjp(upstream)
        if sum(gradient.size for gradient in gradients) > 2:
            measured = Measurement(forward, values, options)
            confirmed.append(measured.confirms(upstream, gradients, seed=1))
    assert len(confirmed) > 60
    assert np.mean(confirmed) > 0.9


@pytest.mark.parametrize("error", [1e-6, 1e-3, 1.0])
def test_no_gradient_that_is_wrong_in_one_entry_is_confirmed(error: float) -> None:
    tried = 0
    for forward, values, options, upstream in smooth_points():
        gradients = jacobian(forward, values, options).vjp(upstream)
        measured = Measurement(forward, values, options)
        for position, gradient in enumerate(gradients):
            for index in np.ndindex(gradient.shape):
                wrong = [np.array(one) for one in gradients]
                wrong[position][index] += error * max(1.0, float(np.max(np.abs(gradient))))
                assert not measured.confirms(upstream, wrong, seed=tried)
                tried += 1
    assert tried > 500


def test_a_gradient_fitted_to_known_directions_is_not_confirmed_along_others() -> None:
    x, upstream = np.array([0.5, -1.2, 1.7, 0.9]), np.ones(4)
    directions = np.random.default_rng(7).standard_normal((2, 4)) * np.maximum(1.0, np.abs(x))
    fitted = np.linalg.lstsq(directions, directions @ (3 * x**2), rcond=None)[0]
    assert np.max(np.abs(fitted - 3 * x**2)) > 0.1
    measured = Measurement(cube, (x,))
    assert measured.confirms(upstream, [fitted], seed=7)
    assert not any(measured.confirms(upstream, [fitted], seed=seed) for seed in range(8, 200))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_confirmed(poison: float) -> None:
    x = np.array([0.5, -1.2, 1.7])
    wrong = 3 * x**2
    wrong[1] = poison
    assert not Measurement(cube, (x,)).confirms(np.ones(3), [wrong], seed=0)


def test_nothing_is_confirmed_across_a_kink() -> None:
    x = np.array([1e-9, 1.0, -2.0])
    measured = Measurement(lambda _ctx, x: np.abs(x), (x,))
    assert not any(measured.confirms(np.ones(3), [np.sign(x)], seed=seed) for seed in range(50))
