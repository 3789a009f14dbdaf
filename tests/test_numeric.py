"""Numeric derivatives: as exact as they say, and every subgradient at a kink."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from course_autograd import ops
from course_autograd.kinks import in_hull, nearby_gradients, nearby_jacobians
from course_autograd.numeric import (
    MANY,
    RELATIVE,
    SAMPLE,
    STEP,
    TRUST,
    Measurement,
    jacobian,
    joined,
)

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


# --- many entries: two step sizes only where they are needed -----------------------------------

N = 2_048
X = np.random.default_rng(0).uniform(-1.5, 1.5, N)
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2.0, N)
ODD = (0, 1, 128, 1_000, N - 1)  # entries that are not like the others: also one of the sample
ONE = np.ones(())


def smooth(x: Any) -> Any:
    return np.sum(WEIGHTS * np.tanh(x))


def smooth_gradient(x: Array) -> Array:
    return np.asarray(WEIGHTS * (1.0 - np.tanh(x) ** 2))


def odd_one(index: int, odd: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Return `smooth` with another term for one entry."""
    return lambda _ctx, x: smooth(x) + odd(x[index])


def found_wrong(measured: Measurement, *gradients: Array, upstream: Array = ONE) -> list[int]:
    """Return the entries that any judge would call wrong, those of all inputs in a row."""
    found = measured.judging(upstream, gradients)
    wrong = []
    for position, (given, truth) in enumerate(zip(gradients, found.vjp(upstream), strict=True)):
        right = np.abs(given - truth) <= found.tolerance(upstream, position)
        wrong.append(np.ravel(~right & ~found.doubtful(upstream, position)))
    return [int(one) for one in np.flatnonzero(np.concatenate(wrong))]


def moved_by(gradient: Array, index: int, error: float) -> Array:
    wrong = np.array(gradient)
    wrong.reshape(-1)[index] += error
    return wrong


def test_measuring_many_entries_costs_two_evaluations_an_entry_and_a_few_more() -> None:
    calls = []

    def counted(_ctx: Any, x: Any) -> Any:
        calls.append(1)
        return smooth(x)

    found = jacobian(counted, (X,))
    assert len(calls) == 1 + 2 * N + 2 * SAMPLE
    assert np.count_nonzero(found.wide[0]) == SAMPLE
    calls.clear()
    assert found_wrong(Measurement(counted, (X,)), smooth_gradient(X)) == []
    assert len(calls) == 1 + 2 * N + 2 * SAMPLE, "a right gradient asks for nothing more"
    calls.clear()
    assert len(found_wrong(Measurement(counted, (X,)), 2.0 * smooth_gradient(X))) == N
    assert len(calls) == 1 + 2 * N + 2 * SAMPLE, "a sampled entry already tells that it is wrong"
    calls.clear()
    assert found_wrong(Measurement(counted, (X,)), moved_by(smooth_gradient(X), 1, 1e-3)) == [1]
    assert len(calls) == 1 + 2 * N + 2 * SAMPLE + 2


def test_up_to_256_entries_are_all_measured_with_two_step_sizes() -> None:
    (wide,) = jacobian(cube, (X[:MANY],)).wide
    assert wide.all()


def test_many_entries_are_measured_the_same_way_each_time() -> None:
    first, second = (jacobian(lambda _ctx, x: smooth(x), (X,)) for _ in range(2))
    for one, two in zip(
        (*first.blocks, *first.errors, *first.wide),
        (*second.blocks, *second.errors, *second.wide),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


def test_the_error_of_one_step_size_is_known_and_negligible() -> None:
    found = jacobian(lambda _ctx, x: smooth(x), (X,))
    truth = smooth_gradient(X)
    error = np.abs(found.vjp(ONE)[0] - truth)
    assert np.all(error <= TRUST * found.errors[0][:, 0])
    assert np.max(error) <= RELATIVE / 3 * np.max(truth)
    assert found.tolerance(ONE, 0) <= 2 * RELATIVE * np.max(truth)


@pytest.mark.parametrize("index", ODD)
def test_a_gradient_wrong_by_a_millionth_in_one_of_many_entries_is_refused_there(
    index: int,
) -> None:
    measured = Measurement(lambda _ctx, x: smooth(x), (X,))
    right = smooth_gradient(X)
    assert found_wrong(measured, right) == []
    for error in (1e-6, -1e-6):
        wrong = moved_by(right, index, error * float(np.max(right)))
        assert found_wrong(measured, wrong) == [index]
        assert not any(measured.confirms(ONE, [wrong], seed=seed) for seed in range(100))


def test_many_right_entries_are_confirmed_along_directions() -> None:
    rng = np.random.default_rng(0)
    W, x, v = rng.normal(size=(64, 32)), rng.normal(size=(16, 64)), rng.normal(size=32)
    measured = Measurement(lambda _ctx, W: np.sum(np.tanh(x @ W) @ v), (W,))
    right = x.T @ ((1.0 - np.tanh(x @ W) ** 2) * v)
    assert all(measured.confirms(ONE, [right], seed=seed) for seed in range(50))
    wrong = moved_by(right, 77, 1e-6 * float(np.max(np.abs(right))))
    assert not any(measured.confirms(ONE, [wrong], seed=seed) for seed in range(50))


@pytest.mark.parametrize("index", ODD)
@pytest.mark.parametrize("at", [0.0, 0.3, 0.77])  # at 0 it does not bend: nothing shows
def test_a_function_steep_in_one_of_many_entries_is_judged_in_all_others(
    index: int, at: float
) -> None:
    x = np.array(X)
    x[index] = at
    right = moved_by(smooth_gradient(x), index, 1e6 * float(np.cos(1e6 * at)))
    measured = Measurement(odd_one(index, lambda one: np.sin(1e6 * one)), (x,))
    assert found_wrong(measured, right) == []
    assert np.flatnonzero(measured.jacobian.doubtful(ONE, 0)).tolist() == [index]
    assert measured.jacobian.tolerance(ONE, 0) < 1e-7, "one steep entry lets no other through"
    other = (index + 700) % N
    assert found_wrong(measured, moved_by(right, other, 1e-6)) == [other]


@pytest.mark.parametrize("index", ODD)
@pytest.mark.parametrize("frequency", [20.0, 50.0, 200.0])
def test_an_entry_where_one_step_size_is_too_coarse_is_judged_by_two(
    index: int, frequency: float
) -> None:
    x = np.array(X)
    x[index] = 0.0  # sin bends nowhere near 0, and its third derivative is the largest
    right = moved_by(smooth_gradient(x), index, frequency)
    measured = Measurement(odd_one(index, lambda one: np.sin(frequency * one)), (x,))
    assert found_wrong(measured, right) == []
    assert not measured.jacobian.doubtful(ONE, 0).any()
    for error in (1e-4, -1e-4):
        assert found_wrong(measured, moved_by(right, index, error * frequency)) == [index]


@pytest.mark.parametrize("frequency", [50.0, 1e6])
def test_more_entries_than_are_looked_at_first_may_need_the_second_step_size(
    frequency: float,
) -> None:
    odd = np.setdiff1d(np.arange(1, 600, 3), np.arange(0, N, N // SAMPLE))
    assert len(odd) > 9 * SAMPLE
    x = np.array(X)
    x[odd] = 0.0
    right = smooth_gradient(x)
    right[odd] += frequency
    measured = Measurement(lambda _ctx, x: smooth(x) + np.sum(np.sin(frequency * x[odd])), (x,))
    assert found_wrong(measured, right) == []
    steep = odd.tolist() if frequency > 50.0 else []
    assert np.flatnonzero(measured.jacobian.doubtful(ONE, 0)).tolist() == steep
    for index in {N - 2, int(odd[0])} - set(steep):
        assert found_wrong(measured, moved_by(right, index, 1e-4)) == [index]


def test_a_rule_that_writes_into_many_inputs_is_measured_all_the_same() -> None:
    def doubled(_ctx: Any, x: Any) -> Any:
        x += x
        return smooth(x)

    x = np.array(X)
    assert found_wrong(Measurement(doubled, (x,)), 2.0 * smooth_gradient(2.0 * x)) == []
    np.testing.assert_array_equal(x, X)


def test_what_bends_is_measured_with_two_step_sizes_before_anything_is_judged() -> None:
    x = np.array(X)
    x[[7, 8, 9]] = 0.0, 0.7, 1.0

    def uneven(_ctx: Any, x: Any) -> Any:
        return smooth(x) + abs(x[7]) + np.sin(1e6 * x[8]) + np.exp(30.0 * (x[9] - 1.0)) / 30.0

    found = jacobian(uneven, (x,))
    assert found.wide[0][[7, 8, 9]].all()
    assert np.count_nonzero(found.wide[0]) == SAMPLE + 3
    assert np.flatnonzero(found.doubtful(ONE, 0)).tolist() == [7, 8]
    assert abs(found.vjp(ONE)[0][9] - smooth_gradient(x)[9] - 1.0) < 1e-9


def test_where_the_sample_shows_that_one_step_size_is_too_coarse_all_get_two() -> None:
    x = np.zeros(N)
    measured = Measurement(lambda _ctx, x: np.sum(np.sin(50.0 * x)), (x,))
    assert measured.jacobian.wide[0].all()
    assert found_wrong(measured, np.full(N, 50.0)) == []
    assert found_wrong(measured, moved_by(np.full(N, 50.0), 3, 1e-4)) == [3]


@pytest.mark.parametrize("index", ODD)
@pytest.mark.parametrize("distance", [0.0, 0.3, 2 / 3, 0.9999, 0.9999999, 1.5, -0.5, -1.5])
def test_a_kink_in_one_of_many_entries_is_judged_in_all_others(index: int, distance: float) -> None:
    kink = 0.5
    x = np.array(X)
    x[index] = kink + distance * STEP
    measured = Measurement(odd_one(index, lambda one: abs(one - kink)), (x,))
    right = moved_by(smooth_gradient(x), index, float(np.sign(distance)))
    assert found_wrong(measured, right) == []
    other = (index + 700) % N
    assert found_wrong(measured, moved_by(right, other, 1e-6)) == [other]
    if distance == 0.0:
        for subgradient in (-1.0, 0.4, 1.0):
            assert found_wrong(measured, moved_by(right, index, subgradient)) == []


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("index", ODD)
def test_where_one_of_many_entries_has_no_finite_value_all_others_are_judged(
    index: int, poison: float
) -> None:
    measured = Measurement(odd_one(index, lambda one: 0.0 if one == X[index] else poison), (X,))
    right = smooth_gradient(X)
    assert found_wrong(measured, right) == []
    assert np.flatnonzero(measured.jacobian.doubtful(ONE, 0)).tolist() == [index]
    other = (index + 700) % N
    assert found_wrong(measured, moved_by(right, other, 1e-6)) == [other]
    assert found_wrong(measured, moved_by(right, other, np.nan)) == [other]
    assert found_wrong(measured, moved_by(right, other, -np.inf)) == [other]


@pytest.mark.parametrize("decades", [3, 6, 9])
def test_large_differences_in_scale_let_nothing_through_and_reject_nothing(decades: int) -> None:
    sizes = 10.0 ** np.linspace(-decades / 2, decades / 2, N)

    def scaled(_ctx: Any, x: Any) -> Any:
        return np.sum(sizes * np.sin(x))

    measured = Measurement(scaled, (X,))
    right = sizes * np.cos(X)
    assert found_wrong(measured, right) == []
    largest = float(np.max(np.abs(right)))
    for index in (0, 5, N // 2, N - 1):
        assert found_wrong(measured, moved_by(right, index, 1e-6 * largest)) == [index]


def test_many_entries_of_an_elementwise_function_are_judged_one_by_one() -> None:
    x, upstream = X[:400], WEIGHTS[:400]
    measured = Measurement(lambda _ctx, x: np.tanh(x), (x,))
    right = upstream * (1.0 - np.tanh(x) ** 2)
    assert found_wrong(measured, right, upstream=upstream) == []
    assert not measured.jacobian.wide[0].all()
    for index in (0, 1, 399):
        wrong = moved_by(right, index, 1e-6)
        assert found_wrong(measured, wrong, upstream=upstream) == [index]


def test_an_input_with_many_entries_beside_one_with_few() -> None:
    x, a = X.reshape(64, 32), np.array(0.7)
    measured = Measurement(lambda _ctx, x, a: np.sum(np.sin(a * x)), (x, a))
    right = (a * np.cos(a * x), np.sum(x * np.cos(a * x)))
    assert found_wrong(measured, *right) == []
    assert found_wrong(measured, moved_by(right[0], 70, 1e-6 * abs(right[1])), right[1]) == [70]
    assert found_wrong(measured, right[0], right[1] * (1 + 1e-6)) == [N]


def test_what_cannot_be_compared_is_passed_over() -> None:
    measured = Measurement(lambda _ctx, x: smooth(x), (X,))
    for given in ([], [None], [np.ones(3)]):
        assert measured.judging(ONE, given) is measured.jacobian


# --- kinks ---------------------------------------------------------------------------------------


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


def test_confirming_takes_six_evaluations_beside_the_point_and_eight_where_it_curves() -> None:
    calls = []

    def counted(_ctx: Any, x: Any) -> Any:
        calls.append(1)
        return np.sum(np.sin(frequency * x))

    x = np.array([0.3, -0.5, 0.9])
    for frequency, expected in ((1.0, 1 + 6), (100.0, 1 + 8)):
        calls.clear()
        right = frequency * np.cos(frequency * x)
        assert Measurement(counted, (x,)).confirms(ONE, [right], seed=1)
        assert len(calls) == expected


def test_nothing_is_confirmed_across_a_kink() -> None:
    x = np.array([1e-9, 1.0, -2.0])
    measured = Measurement(lambda _ctx, x: np.abs(x), (x,))
    assert not any(measured.confirms(np.ones(3), [np.sign(x)], seed=seed) for seed in range(50))


def test_nor_is_a_gradient_at_a_kink_that_is_the_slope_of_every_chord() -> None:
    x = np.array([0.0, 1.0, -2.0])
    measured = Measurement(lambda _ctx, x: np.abs(x), (x,))
    assert not any(measured.confirms(np.ones(3), [np.sign(x)], seed=seed) for seed in range(50))
