"""Optimizers follow their formulas, and write only into arrays of their own."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from course_autograd import Tensor, nn, ops, optim
from course_autograd.errors import ShapeError
from course_autograd.state import StateError

GRADIENTS = [np.array([1.0, -2.0, 0.5]), np.array([0.5, 0.5, -1.0]), np.array([-3.0, 1.0, 0.0])]


def follow(optimizer: optim.Optimizer, parameter: Tensor) -> None:
    for gradient in GRADIENTS:
        parameter.grad = gradient.astype(parameter.dtype)
        optimizer.step()


def every_optimizer(parameters: list[Tensor]) -> list[optim.Optimizer]:
    return [
        optim.SGD(parameters, lr=0.1),
        optim.SGD(parameters, lr=0.1, momentum=0.9),
        optim.Adam(parameters, lr=0.1),
    ]


# --- formulas ------------------------------------------------------------------------------


def test_sgd_goes_against_the_gradient() -> None:
    w = Tensor([1.0, 2.0, 3.0])
    follow(optim.SGD([w], lr=0.1), w)
    np.testing.assert_allclose(w.value, [1, 2, 3] - 0.1 * sum(GRADIENTS))


def test_momentum_keeps_a_part_of_the_last_velocity() -> None:
    w = Tensor([1.0, 2.0, 3.0])
    follow(optim.SGD([w], lr=0.1, momentum=0.9), w)
    expected, velocity = np.array([1.0, 2.0, 3.0]), np.zeros(3)
    for gradient in GRADIENTS:
        velocity = 0.9 * velocity + gradient
        expected = expected - 0.1 * velocity
    np.testing.assert_allclose(w.value, expected)


def test_adam_scales_by_running_averages_without_bias() -> None:
    w = Tensor([1.0, 2.0, 3.0])
    follow(optim.Adam([w], lr=0.1, betas=(0.8, 0.95), eps=1e-6), w)
    expected, m, s = np.array([1.0, 2.0, 3.0]), np.zeros(3), np.zeros(3)
    for t, gradient in enumerate(GRADIENTS, start=1):
        m = 0.8 * m + 0.2 * gradient
        s = 0.95 * s + 0.05 * gradient**2
        expected = expected - 0.1 * (m / (1 - 0.8**t)) / (np.sqrt(s / (1 - 0.95**t)) + 1e-6)
    np.testing.assert_allclose(w.value, expected)


def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_scale() -> None:
    w = Tensor([0.0, 0.0])
    optimizer = optim.Adam([w], lr=0.01)
    w.grad = np.array([1e-3, -1e3])
    optimizer.step()
    np.testing.assert_allclose(w.value, [-0.01, 0.01], rtol=1e-4)


@pytest.mark.parametrize("which", range(3))
def test_every_optimizer_finds_the_minimum(which: int) -> None:
    w = Tensor([5.0, -3.0])
    optimizer = every_optimizer([w])[which]
    for _ in range(400):
        optimizer.zero_grad()
        ops.mean_squared_error(w, np.array([1.0, 2.0])).backward()
        optimizer.step()
    np.testing.assert_allclose(w.value, [1, 2], atol=1e-3)


@pytest.mark.parametrize("which", range(3))
def test_a_scalar_parameter_is_trained_too(which: int) -> None:
    w = nn.Parameter(4.0)
    optimizer = every_optimizer([w])[which]
    for _ in range(400):
        optimizer.zero_grad()
        ops.mean_squared_error(w, 1.0).backward()
        optimizer.step()
    assert w.shape == ()
    assert w.value == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("which", range(3))
def test_float32_stays_float32(which: int) -> None:
    w, s = Tensor(np.ones(3, np.float32)), Tensor(np.float32(1))
    optimizer = every_optimizer([w, s])[which]
    w.grad, s.grad = np.ones(3, np.float32), np.float32(1)
    optimizer.step()
    assert w.dtype == s.dtype == np.float32
    assert w.value[0] == pytest.approx(s.value)
    assert {a.dtype for n, a in optimizer.state().items() if n != "steps"} <= {np.dtype(np.float32)}


# --- whose arrays are changed --------------------------------------------------------------


@pytest.mark.parametrize("which", range(3))
def test_a_step_never_writes_into_an_array_that_came_from_outside(which: int) -> None:
    w = Tensor(np.zeros(3))
    optimizer = every_optimizer([w])[which]
    mine = np.array([1.0, 2.0, 3.0])
    for _ in range(2):
        w.value = mine  # before the first step, and again after it
        w.grad = np.ones(3)
        optimizer.step()
        np.testing.assert_array_equal(mine, [1, 2, 3])
        assert not np.array_equal(w.value, mine)


def test_two_tensors_that_were_given_one_array_do_not_move_together() -> None:
    a, b = Tensor(np.ones(2)), Tensor(np.ones(2))
    b.value = a.value
    optimizer = optim.SGD([a, b], lr=0.1)
    for _ in range(3):
        a.grad = np.ones(2)
        optimizer.step()
    np.testing.assert_allclose(a.value, 0.7)
    np.testing.assert_array_equal(b.value, 1.0)


def test_from_the_second_step_on_the_value_is_changed_in_place() -> None:
    w = Tensor(np.ones(2))
    optimizer = optim.SGD([w], lr=0.1)
    w.grad = np.ones(2)
    optimizer.step()
    array = w.value
    optimizer.step()
    assert w.value is array


@pytest.mark.parametrize("which", range(3))
def test_a_step_leaves_the_gradient_as_it_was(which: int) -> None:
    w = Tensor(np.ones(3))
    optimizer = every_optimizer([w])[which]
    w.grad = GRADIENTS[0].copy()
    optimizer.step()
    optimizer.step()
    np.testing.assert_array_equal(w.grad, GRADIENTS[0])


@pytest.mark.parametrize("which", range(3))
def test_a_parameter_without_gradient_stays(which: int) -> None:
    used, unused = Tensor([1.0]), Tensor([1.0])
    optimizer = every_optimizer([unused, used])[which]
    used.grad = np.ones(1)
    optimizer.step()
    assert unused.value[0] == 1.0
    assert used.value[0] < 1.0


# --- parameters ----------------------------------------------------------------------------


def test_a_generator_of_parameters_is_used_up_once_and_kept() -> None:
    w = Tensor([1.0])
    optimizer = optim.SGD((tensor for tensor in [w]), lr=0.5)
    for _ in range(2):
        w.grad = np.ones(1)
        optimizer.step()
    assert w.value[0] == 0.0


def test_a_parameter_given_twice_moves_once() -> None:
    w = Tensor([1.0])
    optimizer = optim.SGD([w, w], lr=0.5)
    w.grad = np.ones(1)
    optimizer.step()
    assert w.value[0] == 0.5


def test_zero_grad_forgets_gradients() -> None:
    w = Tensor([1.0])
    w.grad = np.ones(1)
    optim.SGD([w], lr=0.5).zero_grad()
    assert w.grad is None


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ([], ValueError, "at least one parameter, got none.*store layers in self"),
        (Tensor(1.0), TypeError, r"got one tensor\. Write \[tensor\]"),
        ([np.ones(2)], TypeError, "parameter 0 is a ndarray"),
        (nn.ReLU(), TypeError, r"got a ReLU\. Write model\.parameters\(\)"),
        ({"W": Tensor(1.0)}, TypeError, r"parameter 0 is a str\. Write model\.parameters"),
        ([Tensor(1.0) + 1], TypeError, "parameter 0 was computed by an operation"),
        ([Tensor(1.0, requires_grad=False)], TypeError, "parameter 0 has requires_grad=False"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    parameters: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"SGD: .*{message}"):
        optim.SGD(parameters, lr=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.SGD(p, lr=-0.1), r"SGD: expected lr to be a number above 0, got -0\.1"),
        (lambda p: optim.SGD(p, lr=float("nan")), "expected lr"),
        (lambda p: optim.SGD(p, lr=float("inf")), "expected lr"),
        (lambda p: optim.SGD(p, lr=0.1, momentum=1.0), "momentum.*at least 0 and below 1"),
        (lambda p: optim.Adam(p, lr=0.0), "Adam: expected lr"),
        (lambda p: optim.Adam(p, betas=(0.9, 1.0)), r"betas\[1\]"),
        (lambda p: optim.Adam(p, eps=0.0), "eps"),
    ],
)
def test_settings_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make([Tensor(1.0)])


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.longdouble])
def test_the_learning_rate_may_change_between_two_steps(which: int, dtype: Any) -> None:
    def moved(*rates: float) -> Any:
        w = Tensor(np.array([1.0, -2.0], dtype))
        optimizer = every_optimizer([w])[which]
        for lr in rates:
            optimizer.lr = lr
            w.grad = np.array([0.5, 4.0], dtype)
            before = w.value.copy()
            optimizer.step()
        return before - w.value

    assert moved(0.1, 0.05) == pytest.approx(moved(0.1, 0.1) / 2.0, rel=1e-5)


def test_a_learning_rate_out_of_range_is_refused_also_later_and_the_old_one_stays() -> None:
    optimizer = optim.SGD([Tensor(1.0)], lr=0.1)
    with pytest.raises(ValueError, match=r"SGD: expected lr to be a number at least 0, got -1"):
        optimizer.lr = -1
    assert optimizer.lr == 0.1


def test_a_schedule_may_end_at_zero() -> None:
    w = Tensor([1.0, 2.0])
    optimizer = optim.SGD([w], lr=0.1)
    optimizer.lr = 0.0
    w.grad = np.ones(2)
    optimizer.step()
    np.testing.assert_array_equal(w.value, [1.0, 2.0])


def test_a_copy_of_an_optimizer_has_a_learning_rate_of_its_own() -> None:
    w = Tensor([1.0])
    optimizer = optim.SGD([w], lr=0.1)
    w.grad = np.ones(1)
    optimizer.step()
    other = copy.copy(optimizer)
    other.lr = 0.5
    optimizer.step()
    np.testing.assert_allclose(w.value, [0.8])


@pytest.mark.parametrize("which", [1, 2])
def test_a_parameter_of_another_shape_needs_a_new_optimizer(which: int) -> None:
    w = Tensor([1.0, 2.0])
    optimizer = every_optimizer([w])[which]
    w.grad = np.ones(2)
    optimizer.step()
    w.value, w.grad = np.ones(3), np.ones(3)
    with pytest.raises(ShapeError, match=r"parameter 0 to keep its shape \(2,\), got \(3,\)"):
        optimizer.step()


def test_a_setting_that_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match="lr to be a number above 0, got 'fast'"):
        optim.SGD([Tensor(1.0)], lr="fast")  # type: ignore[arg-type]


# --- state ---------------------------------------------------------------------------------


@pytest.mark.parametrize("which", range(3))
def test_a_state_continues_where_it_was_taken(which: int) -> None:
    w, v = Tensor([1.0, 2.0, 3.0]), Tensor([0.0, 0.0, 0.0])
    one = every_optimizer([w])[which]
    follow(one, w)
    other = every_optimizer([v])[which]
    other.load_state(one.state())
    v.value = w.value.copy()
    follow(one, w)
    follow(other, v)
    assert one.steps == other.steps == 6
    np.testing.assert_array_equal(v.value, w.value)


def test_a_state_of_other_parameters_is_refused_and_nothing_is_loaded() -> None:
    w = Tensor([1.0, 2.0, 3.0])
    optimizer = optim.Adam([w])
    follow(optimizer, w)
    before = optimizer.state()
    other = optim.Adam([Tensor([1.0, 2.0])]).state()
    with pytest.raises(StateError, match=r"Adam.*'mean\.0' has shape \(2,\), expected \(3,\)"):
        optimizer.load_state(other)
    for name, array in optimizer.state().items():
        np.testing.assert_array_equal(array, before[name])
