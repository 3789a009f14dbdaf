"""Where the measurement cannot tell, no answer is found wrong; what can be told is still judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograder.soundness.answers import enter, reference
from autograder.verdict import exercise_verdict
from course_autograd import Operation, backward_of, tensor_op
from course_autograd.domain import Domain, Example, Kink
from course_autograd.exercises import Report, exercises
from course_autograd.exercises.operation_exercise import OperationExercise
from course_autograd.exercises.report import examine
from course_autograd.numeric import jacobian

Rule = Callable[[Any, Any], Any]
ARRAYS = (Example("arrays", ((4,),)),)
HOME = "01_chain_rule"


def at(*numbers: float) -> Callable[[np.random.Generator, Any], Any]:
    """Return a sampler that always draws these numbers: the most unlucky one."""
    return lambda _rng, _shape: np.array(numbers)


def examined(operation: type[Operation], rule: Rule, seed: int = 0) -> Report:
    backward_of(operation)(rule)
    return examine(OperationExercise(operation), operation, seed=seed)


def bent(*numbers: float) -> type[Operation]:
    """Return max(x, 0) that forgot to declare its kink, drawn at `numbers`."""

    @tensor_op
    class bent(Operation):
        exercise = HOME
        domain = Domain(ARRAYS, (at(*numbers),))

        @staticmethod
        def forward(ctx: list[Any], x: Any) -> Any:
            ctx.append(x)
            return np.maximum(x, 0.0)

    return bent


def wave(frequency: float) -> type[Operation]:
    """Return sin(frequency * x): too steep to measure, if the frequency is high."""

    @tensor_op
    class wave(Operation):
        exercise = HOME
        domain = Domain(ARRAYS)

        @staticmethod
        def forward(ctx: list[Any], x: Any) -> Any:
            ctx.append(x)
            return np.sin(frequency * x)

    return wave


# --- at a kink that was not declared ---------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("distance", [0.0, 1e-12, -1e-9, 1e-6, 4e-6, -6e-6, 9e-6, 1.1e-5])
def test_every_subgradient_is_right_within_reach_of_a_kink_nobody_declared(
    share: float, distance: float
) -> None:
    report = examined(
        bent(1.5, distance, -0.7, 0.9),
        lambda ctx, g: (g * np.where(np.abs(ctx[0]) < 2e-5, share, ctx[0] > 0),),
    )
    assert report.right
    assert report.fraction == 1.0


def test_a_subgradient_at_one_kink_leaves_no_doubt() -> None:
    report = examined(bent(1.5, 0.0, -0.7, 0.9), lambda ctx, g: (g * (ctx[0] >= 0),))
    assert report.right
    assert report.doubts == ()


def test_what_lies_beside_the_kink_is_still_judged() -> None:
    report = examined(bent(1.5, 0.0, -0.7, 0.9), lambda ctx, g: (g * (ctx[0] <= 0),))
    assert not report.right
    assert not report.facets["arrays"]
    assert "entry [1]" not in report.where[0]


def test_no_subgradient_at_a_kink_nobody_declared_is_inconclusive_and_said_to_be() -> None:
    report = examined(
        bent(1.5, 0.0, -0.7, 0.9), lambda ctx, g: (g * np.where(ctx[0] == 0, 7, ctx[0] > 0),)
    )
    assert report.right
    assert report.doubts[0].startswith("x (4,): gradient of x, 1 of 4 entries: inconclusive")
    assert "kink" in report.lines()[-1]
    assert report.lines()[-1].startswith("Counted as right, but not judged (and 1 more):")


# --- too steep, not finite -------------------------------------------------------------------


def test_a_steep_function_is_no_reason_to_reject_a_right_rule() -> None:
    frequency = 1e6
    report = examined(wave(frequency), lambda ctx, g: (g * frequency * np.cos(frequency * ctx[0]),))
    assert report.right
    assert "too steep" in report.doubts[0]
    assert all(len(line) <= 240 for line in report.lines())


@pytest.mark.parametrize("frequency", [0.1, 1.0, 30.0])
def test_a_function_that_can_be_measured_leaves_no_doubt(frequency: float) -> None:
    operation = wave(frequency)
    right = examined(operation, lambda ctx, g: (g * frequency * np.cos(frequency * ctx[0]),))
    assert right.right
    assert right.doubts == ()
    wrong = examined(operation, lambda ctx, g: (g * frequency * np.sin(frequency * ctx[0]),))
    assert not wrong.right


def test_what_needs_no_measurement_is_judged_also_where_nothing_can_be_measured() -> None:
    operation = wave(1e6)
    shape = examined(operation, lambda _ctx, _g: (np.zeros(3),))
    bare = examined(operation, lambda _ctx, g: g)
    stopped = examined(operation, lambda _ctx, _g: (1 / 0,))
    for report in (shape, bare, stopped):
        assert not report.right
        assert not report.facets["arrays"]


def test_where_the_function_is_not_finite_nothing_is_said() -> None:
    @tensor_op
    class root(Operation):
        exercise = HOME
        domain = Domain(ARRAYS, (at(2.0, -1.0, 0.5, 3.0),))

        @staticmethod
        def forward(ctx: list[Any], x: Any) -> Any:
            ctx.append(x)
            return np.sqrt(x)

    def rule(ctx: Any, g: Any) -> Any:
        return (g / 2 / np.sqrt(ctx[0]),)

    report = examined(root, rule)
    assert report.right
    assert "no finite value" in report.doubts[0]


def test_a_declared_kink_without_smooth_neighbours_is_inconclusive() -> None:
    @tensor_op
    class jagged(Operation):
        exercise = HOME
        domain = Domain(ARRAYS, kinks=(Kink((np.array([0.0, 1.0]),)),))

        @staticmethod
        def forward(ctx: list[Any], x: Any) -> Any:
            ctx.append(x)
            return np.where(np.abs(x) < 0.2, np.abs(np.sin(1e7 * x)), x)

    report = examined(jagged, lambda _ctx, g: (g,))
    assert report.facets["kinks"]
    assert any("gradients at the kink: inconclusive" in one for one in report.doubts)


# --- what is told, and what stays as it was --------------------------------------------------


def test_the_grader_tells_the_student_what_was_not_judged() -> None:
    operation = wave(1e6)
    backward_of(operation)(lambda ctx, g: (g * 1e6 * np.cos(1e6 * ctx[0]),))
    exercise = OperationExercise(operation)
    cases = exercise.cases(np.random.default_rng(0))
    findings = [exercise.judge(case, exercise.run(operation, case)) for case in cases]
    verdict = exercise_verdict(exercise, 3.0, findings)
    assert verdict.score == 3.0
    assert verdict.remarks[0].startswith("Counted as right, but not judged: x (4,): ")


RULES = [one.name for one in exercises().values() if one.kind in ("rule", "whole")]


@pytest.mark.parametrize("name", RULES)
def test_nothing_is_left_in_doubt_in_the_exercises_of_the_course(name: str) -> None:
    answer = enter(reference(name))
    for seed in range(8):
        assert examine(exercises()[name], answer, seed=seed).doubts == ()


def test_the_measurement_believes_in_an_error_at_a_kink_and_nowhere_else() -> None:
    measured = jacobian(lambda _ctx, x: np.abs(x), (np.array([0.0, 1e-9, 1.0, -2.0]),))
    own = np.diag(measured.errors[0])
    assert np.all(own[:2] > 0.5)
    assert np.all(own[2:] < 1e-9)
    assert measured.doubtful(np.ones(4), 0).tolist() == [True, True, False, False]
    assert measured.tolerance(np.ones(4), 0) < 1e-7
