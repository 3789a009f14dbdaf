"""What is said when a rule of an operation fails: which rule it was, and what it was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from course_autograd.errors import ShapeError, UndoneExerciseError


def explain_forward(error: Exception, operation: Any, values: Sequence[Any]) -> None:
    """Say in our words what went wrong in a forward rule, or add to the error which rule it was."""
    shapes = [np.shape(value) for value in values]
    if operation.broadcasts:
        _require_broadcast(operation.__name__, shapes)
    _require_written(error, operation)
    _note(error, "forward", operation, "inputs", shapes)


def explain_backward(error: Exception, operation: Any, grad_output: Any) -> None:
    """Add to an error raised inside a backward rule what it was about."""
    _require_written(error, operation)
    _note(error, "backward", operation, "grad_output", [np.shape(grad_output)])


def _require_broadcast(name: str, shapes: list[tuple[int, ...]]) -> None:
    """Say it in our words when the shapes of an elementwise operation do not broadcast."""
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"{name}: expected shapes that broadcast (sizes equal or 1, counted from the last "
            f"axis), got {' and '.join(map(str, shapes))}. Reshape or transpose one of them."
        ) from None


def _require_written(error: Exception, operation: Any) -> None:
    """Say which exercise it was, if `error` is the bare NotImplementedError of its stub."""
    if type(error) is NotImplementedError and not error.args and operation.exercise is not None:
        raise UndoneExerciseError(
            f"{operation.__name__} is not written yet: it is the exercise '{operation.__name__}' "
            f"of assignment {operation.exercise}. In its cell, put your own lines in place of "
            "'raise NotImplementedError()', run that cell, and try again."
        ) from None


def missing_rule(operation: Any) -> NoReturn:
    """Say that an operation has no backward rule, and where it is to be written."""
    name, assignment = operation.__name__, operation.exercise
    if assignment is None:
        raise NotImplementedError(f"{name} has no backward rule. Give the class a backward.")
    decorator = f"@implements(ops.{name})" if operation.whole else f"@backward_of(ops.{name})"
    raise UndoneExerciseError(
        f"{name} has no backward rule yet: it is the exercise '{name}' of assignment "
        f"{assignment}. Write it in a cell under {decorator}, run that cell, and try again."
    )


def _note(
    error: Exception, rule: str, operation: Any, what: str, shapes: Sequence[tuple[int, ...]]
) -> None:
    """Add to an error raised inside a rule which rule it was, and the shapes it was given."""
    given = ", ".join(map(str, shapes))
    error.add_note(f"(in the {rule} rule of {operation.__name__}; {what} of shape {given})")
