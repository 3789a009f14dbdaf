"""check(...): try an answer on many inputs, and say what is right and which mistake it looks like.

Only mathematics is used: nothing here knows a solution. The grader asks the same questions with
other numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from course_autograd.contract import describe
from course_autograd.errors import CheckFailed, CourseError
from course_autograd.exercises.base import WORKED_OUT, Exercise
from course_autograd.exercises.catalogue import exercises
from course_autograd.exercises.operation_exercise import OperationExercise
from course_autograd.exercises.report import Report, examine, shortened
from course_autograd.operation import Operation
from course_autograd.pictures.example import show_example

STEPS = (1, 2, 3, 4)


class CheckTargetError(CourseError, TypeError):
    """``check`` was called with something that is no exercise."""


def check(target: Any, answer: Any = None, *, hint: int = 1, seed: int = 0) -> None:
    """Try an answer and print a short report; in a notebook, show a wrong rule on a small graph.

    Parameters
    ----------
    target : operation, function, class or str
        ``check(ops.mul)`` for a rule or a whole operation, ``check(backpropagate)`` for a plain
        function, ``check("by_hand", by_hand)`` for a dict of numbers.
    answer : dict or function, optional
        Needed beside a name.
    hint : int
        How far to help: 1 where, and what it looks like; 2 what kind of mistake that is; 3 also
        a question; 4 also what to reread.
    seed : int
        Draws the inputs. Other seeds ask with other numbers.

    Raises
    ------
    CheckFailed
        If something is not right yet. The report has been printed before.
    CheckTargetError
        If `target` is no exercise.
    """
    __tracebackhide__ = True
    if not isinstance(hint, int | np.integer) or hint not in STEPS:
        raise CheckTargetError(f"check: expected hint to be 1, 2, 3 or 4, got {hint!r}.")
    exercise, given = _find(target, answer)
    report = examine(exercise, given, seed=seed)
    lines = report.lines(hint)
    further = report.next_step(hint)
    if not report.right and not report.undone and further is not None:
        lines.append(f"More help: put `{_call(exercise, further, seed)}` into a new cell.")
    print("\n".join(lines))  # noqa: T201
    if report.undone:
        raise CheckFailed(f"{exercise.name} is not written yet.")
    if not report.right:
        if isinstance(exercise, OperationExercise):
            show_example(exercise)
        raise CheckFailed(_in_one_line(report))


def _in_one_line(report: Report) -> str:
    """Say what is wrong in one line: ``nbgrader validate`` shows nothing of what was printed."""
    where = f": {report.where[0]}" if report.where else ""
    kind = f" It looks like: {report.mistake}." if report.mistake else ""
    seen = shortened(" ".join(f"{report.exercise} is not right yet{where}".split()))
    return f"{seen}{'' if seen.endswith(('.', '?', '!', '…')) else '.'}{kind}"


def _call(exercise: Exercise, hint: int, seed: int) -> str:
    """Return the call of check that helps further."""
    target = {"rule": f"ops.{exercise.name}", "whole": f"ops.{exercise.name}"}
    answered = f'"{exercise.name}", {exercise.name}' if exercise.kind in WORKED_OUT else None
    what = answered or target.get(exercise.kind, exercise.name)
    return f"check({what}, hint={hint}{f', seed={seed}' if seed else ''})"


def progress(
    assignment: str, namespace: Mapping[str, Any], *, points: Mapping[str, float] | None = None
) -> None:
    """Print which exercises of an assignment are right, which are still open, and the points.

    Parameters
    ----------
    assignment : str
        Such as ``"01_chain_rule"``.
    namespace : mapping
        Where the answers are: write ``globals()``.
    points : mapping of str to number, optional
        The points of each exercise, in the order in which they are to be shown.

    Raises
    ------
    CheckTargetError
        If there is no such assignment, or `points` names something that is no exercise of it.
    """
    chosen = {one.name: one for one in exercises().values() if one.assignment == assignment}
    if not chosen:
        known = ", ".join(dict.fromkeys(one.assignment for one in exercises().values()))
        raise CheckTargetError(f"progress: expected one of {known}, got {assignment!r}.")
    unknown = [name for name in points or () if name not in chosen]
    if unknown:
        raise CheckTargetError(
            f"progress: {', '.join(unknown)}: no exercise of {assignment}. There are: "
            f"{', '.join(chosen)}."
        )
    width = max(map(len, chosen))
    earned = 0.0
    for name in points or chosen:
        report = examine(chosen[name], chosen[name].find_answer(namespace))
        state = (
            "right"
            if report.right
            else "open: not written yet"
            if report.undone
            else f"open: {report.fraction:.0%} of the points so far"
        )
        if points is not None:
            own = round(points[name] * report.fraction, 2)
            earned += own
            state = f"{own:>4g} of {points[name]:g}  {state}"
        print(f"{name:{width}}  {state}")  # noqa: T201
    if points is not None:
        print(f"{'together':{width}}  {earned:>4g} of {sum(points.values()):g} points")  # noqa: T201


def ready(names: str, namespace: Mapping[str, Any]) -> bool:
    """Whether these exercises have been written; if not, say which one comes first.

    Cells that use a student's own functions ask here, instead of ending in the error of a stub.

    Parameters
    ----------
    names : str
        Names of exercises, with blanks between them: ``"relu train_step"``.
    namespace : mapping
        Where the answers are: write ``globals()``.

    Returns
    -------
    bool
        True if all of them have an answer, right or wrong.

    Raises
    ------
    CheckTargetError
        If there is no such exercise.
    """
    every = exercises()
    for name in names.split():
        if name not in every:
            known = ", ".join(every)
            raise CheckTargetError(f"ready: no exercise is called {name!r}. There are: {known}.")
        if not _is_written(every[name], namespace):
            print(f"This cell needs your {name}. {every[name].todo()}")  # noqa: T201
            return False
    return True


def _is_written(exercise: Exercise, namespace: Mapping[str, Any]) -> bool:
    """Whether there is an answer, and more than the stub: one question tells."""
    answer = exercise.find_answer(namespace)
    if answer is None:
        return False
    with np.errstate(all="ignore"):
        case = exercise.cases(np.random.default_rng(0))[0]
        return not exercise.judge(case, exercise.run(answer, case)).undone


def _find(target: Any, answer: Any) -> tuple[Exercise, Any]:
    """Return the exercise that is meant, and the answer to it (None if there is none yet)."""
    every = exercises()
    if isinstance(target, str):
        if target not in every:
            known = ", ".join(every)
            raise CheckTargetError(f"check: no exercise is called {target!r}. There are: {known}.")
        exercise = every[target]
        if isinstance(exercise, OperationExercise):
            return exercise, exercise.find_answer({})
        if answer is None:
            raise CheckTargetError(
                f"check: expected your answer beside the name. Write check({target!r}, {target})."
            )
        return exercise, answer
    if isinstance(target, type) and issubclass(target, Operation):
        return _find_operation(target, every)
    if callable(target):
        return _find_function(target, every)
    if isinstance(target, Mapping):
        raise CheckTargetError(
            'check: expected the name before the dict. Write check("by_hand", by_hand), with the '
            "name of the exercise."
        )
    raise CheckTargetError(
        f"check: expected an operation such as ops.mul, a function or a name, got "
        f"{describe(target)}."
    )


def _find_operation(target: type[Operation], every: Mapping[str, Exercise]) -> tuple[Exercise, Any]:
    name = target.__name__
    for exercise in every.values():
        if isinstance(exercise, OperationExercise):
            registered = exercise.operation
            if target is registered or target.forward is registered.forward:
                return exercise, exercise.find_answer({})
    if name in every:
        raise CheckTargetError(
            f"check: your class {name} is not linked to the package's operation. Write "
            f"@implements(ops.{name}) above the class, and run that cell."
        )
    raise CheckTargetError(
        f"check: {name} is no exercise. The package has its rule already, or it is your own."
    )


def _find_function(target: Any, every: Mapping[str, Exercise]) -> tuple[Exercise, Any]:
    name = getattr(target, "__name__", "this function")
    for exercise in every.values():
        if isinstance(exercise, OperationExercise) and exercise.operation.backward is target:
            return exercise, exercise.find_answer({})
    named = every.get(name)
    if named is not None and not isinstance(named, OperationExercise):
        return named, target
    operation = every.get(name.removesuffix("_backward"))
    if isinstance(operation, OperationExercise):
        raise CheckTargetError(
            f"check: your function {name} is not linked to the package's operation. Write "
            f"@backward_of(ops.{operation.name}) above it, and run that cell."
        )
    raise CheckTargetError(
        f"check: no exercise is called {name!r}. The name of the function must not be changed."
    )
