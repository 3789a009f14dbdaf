"""Checking styles in use elsewhere, each as a small function, for comparison with our checks.

What courses do to check a backward rule falls into a few styles. Here each is written down in our
own words, in its usual strength, and put to the same wrong answers as our checks
(`docs/mutants.md`). Where there was a choice, it was made in favour of the style:

- the point is the operation's family with the largest output, drawn away from kinks;
- the true gradient is measured as well as we can, not by one difference quotient;
- the value of a whole operation is compared at the same point, by ``np.allclose``;
- gradients are summed over broadcast axes by our engine;
- an exception counts as noticed.

A style accepts an answer (True) or notices that something is wrong (False). All know operations
only: none of them says anything about plain functions or numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from autograder.child import CellTimeout, time_limit
from autograder.soundness.answers import SECONDS, Answer, enter
from course_autograd import reset_rules
from course_autograd.contract import unbroadcast
from course_autograd.exercises import find
from course_autograd.exercises.operation_exercise import OperationExercise
from course_autograd.numeric import Array, jacobian
from course_autograd.operation import Operation
from course_autograd.rule import run_rule

Compare: TypeAlias = Callable[[Array, Array], bool]
SEED = 231


@dataclass(frozen=True)
class Style:
    """One way to check.

    Attributes
    ----------
    name : str
        A few words.
    rule : str
        When it accepts an answer, in one sentence.
    upstream : {"ones", "random"}
        What it sends into the backward rule.
    same : callable
        Takes the gradient found and the true one; whether it takes them for equal. Shapes are
        whatever NumPy's broadcasting makes of them.
    """

    name: str
    rule: str
    upstream: str
    same: Compare

    def accepts(self, operation: type[Operation]) -> bool:
        """Whether the rule registered for `operation` now passes."""
        rng = np.random.default_rng(SEED)
        values, options = _point(operation, rng)
        measured = jacobian(operation.declared_forward, values, options)
        shape = measured.output.shape
        upstream = np.ones(shape) if self.upstream == "ones" else rng.normal(size=shape)
        ctx: list[Any] = []
        output = operation.forward(ctx, *values, **options)
        if not np.allclose(output, measured.output):
            return False
        needs = (True,) * len(values)
        returned = run_rule(operation, tuple(ctx), needs, upstream[()])
        gradients = returned if isinstance(returned, tuple | list) else (returned,)
        if operation.broadcasts:
            gradients = [
                unbroadcast(np.asarray(one), np.shape(value))
                for one, value in zip(gradients, values, strict=True)
            ]
        return all(
            self.same(np.asarray(one, dtype=np.float64), truth)
            for one, truth in zip(gradients, measured.vjp(upstream), strict=True)
        )


def within_a_hundredth(found: Array, truth: Array) -> bool:
    """Absolute tolerance 1e-2."""
    return bool(np.all(np.abs(found - truth) < 1e-2))


def small_relative_error(found: Array, truth: Array) -> bool:
    """Largest relative error below 1e-2, as somebody who looks at the printed number decides."""
    error = np.abs(found - truth) / np.maximum(1e-8, np.abs(found) + np.abs(truth))
    return bool(np.max(error) < 1e-2)


def as_written_down(found: Array, truth: Array) -> bool:
    """Equal to numbers of four decimals."""
    return bool(np.allclose(found, np.round(truth, 4), atol=1e-4))


def all_close(found: Array, truth: Array) -> bool:
    """NumPy's default."""
    return bool(np.allclose(found, truth))


STYLES = (
    Style(
        "ones, 1e-2",
        "The upstream gradient is all ones; at one random point in float64, every entry lies "
        "within 1e-2 (absolute) of a numeric gradient.",
        "ones",
        within_a_hundredth,
    ),
    Style(
        "printed error",
        "A random upstream gradient at one random point; the largest relative error is printed "
        "and a human looks at it. The model of the human: content with anything below 1e-2.",
        "random",
        small_relative_error,
    ),
    Style(
        "written-down arrays",
        "Inputs, upstream gradient (random) and expected arrays of four decimals are written down "
        "for one point; `np.allclose` with `atol=1e-4`, which broadcasts.",
        "random",
        as_written_down,
    ),
    Style(
        "sum, allclose",
        "The numeric gradient of the sum of the output (that is an upstream gradient of ones), "
        "compared by `np.allclose` as it comes.",
        "ones",
        all_close,
    ),
)


def _point(
    operation: type[Operation], rng: np.random.Generator
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Draw the one point: from the family with the largest output."""
    domain = operation.domain
    assert domain is not None
    drawn = [domain.draw(example, rng) for example in domain.examples]

    def size(point: tuple[tuple[Any, ...], dict[str, Any]]) -> tuple[int, int]:
        values, options = point
        output = operation.declared_forward([], *values, **options)
        return np.size(output), sum(map(np.size, values))

    return max(drawn, key=size)


def applies(exercise: str) -> bool:
    """Whether these styles have anything to say about an exercise."""
    return isinstance(find(exercise), OperationExercise)


def accepted(answer: Answer, style: Style) -> bool:
    """Whether `style` lets `answer` pass. A cell that fails or does not end is noticed.

    Raises
    ------
    ValueError
        If the exercise is not about an operation.
    """
    return _holds(answer, style.accepts)


def runs(answer: Answer) -> bool:
    """Whether a rule runs to its end and returns as many arrays as there are inputs.

    Only then is a check needed to see that something is wrong.
    """
    return _holds(answer, _returns_arrays)


def _returns_arrays(operation: type[Operation]) -> bool:
    rng = np.random.default_rng(SEED)
    values, options = _point(operation, rng)
    upstream = rng.normal(size=np.shape(operation.declared_forward([], *values, **options)))
    ctx: list[Any] = []
    operation.forward(ctx, *values, **options)
    returned = run_rule(operation, tuple(ctx), (True,) * len(values), upstream[()])
    if not isinstance(returned, tuple | list) or len(returned) != len(values):
        return False
    return all(np.asarray(one).dtype.kind in "fiu" for one in returned)


def _holds(answer: Answer, claim: Callable[[type[Operation]], bool]) -> bool:
    """Whether `claim` is true of an operation while `answer` is registered for it."""
    exercise = find(answer.exercise)
    if not isinstance(exercise, OperationExercise):
        raise ValueError(f"{answer.exercise}: these styles check operations only.")
    try:
        with time_limit(SECONDS), np.errstate(all="ignore"):
            return enter(answer) is not None and claim(exercise.operation)
    except (Exception, CellTimeout):
        return False
    finally:
        reset_rules()
