"""Answers that are odd rather than wrong: their reports are useful, and trying them is cheap."""

# ruff: noqa: ARG005 - rules are students' code: they ignore what they are given

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from course_autograd import backward_of, check, ops
from course_autograd.checking import CheckTargetError
from course_autograd.errors import CheckFailed
from course_autograd.exercises import exercises, operation_exercise
from course_autograd.exercises.report import examine
from course_autograd.registering import reset_rules


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    reset_rules()
    yield
    reset_rules()


def right(ctx: Any, grad_output: Any) -> tuple[Any, Any]:
    return grad_output * ctx[1], grad_output * ctx[0]


def test_a_gradient_in_float32_is_told_from_the_right_one() -> None:
    @backward_of(ops.mul)
    def mul_backward(ctx: Any, grad_output: Any) -> Any:
        return tuple(np.asarray(one, dtype=np.float32) for one in right(ctx, grad_output))

    seen = examine(exercises()["mul"], ops.mul).where[0]
    assert "(computed in float32?)" in seen
    yours, measured = seen.split("yours ")[1].split(" (")[0].split(", measured ")
    assert yours != measured


def test_other_gradients_are_said_in_few_digits() -> None:
    backward_of(ops.mul)(lambda ctx, grad_output: (ctx[1], ctx[0]))
    seen = examine(exercises()["mul"], ops.mul).where[0]
    assert "float32" not in seen
    assert len(seen.split("yours ")[1].split(",")[0]) <= 10


def test_of_a_million_entries_only_a_few_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    monkeypatch.setattr(operation_exercise, "overlap", lambda *pair: looked_at.append(pair))
    backward_of(ops.mul)(lambda ctx, grad_output: (grad_output,) * 1_000_000)
    exercise = exercises()["mul"]
    case = exercise.cases(np.random.default_rng(0))[0]
    observation = exercise.run(ops.mul, case)
    assert observation.error is not None
    assert "returned 1000000 gradients" in observation.error.message
    assert 0 < len(looked_at) <= 100


def test_writing_past_the_text_of_stdout_is_harmless() -> None:
    @backward_of(ops.mul)
    def mul_backward(ctx: Any, grad_output: Any) -> Any:
        sys.stdout.buffer.write("café".encode(sys.stdout.encoding))
        sys.stdout.buffer.flush()
        sys.stderr.buffer.write(b"x")
        return right(ctx, grad_output)

    assert examine(exercises()["mul"], ops.mul).right


def test_a_hint_that_is_no_number_is_refused_in_words() -> None:
    with pytest.raises(CheckTargetError, match="expected hint to be 1, 2, 3 or 4, got array"):
        check(ops.mul, hint=np.array([1, 2]))  # type: ignore[arg-type]


def test_the_error_alone_says_where_and_what_kind() -> None:
    backward_of(ops.mul)(lambda ctx, grad_output: (ctx[1], ctx[0]))
    with pytest.raises(CheckFailed) as caught:
        check(ops.mul)
    said = str(caught.value)
    assert said.startswith("mul is not right yet: x ")
    assert "gradient of x" in said
    assert "It looks like: " in said
    assert "\n" not in said
    assert len(said) < 400
