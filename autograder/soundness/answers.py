"""An answer as the source code of its cell, and its two ways in: the student's and the grader's."""

from __future__ import annotations

import time
import types
import warnings
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np

from autograder.cells import Cell, read_source, solution_cells
from autograder.child import CellTimeout, time_limit
from autograder.course import COURSE
from autograder.judge import Judge, Plan, judged_by, plan
from autograder.process import Child, ChildError, Limits, SlowError
from course_autograd import reset_rules
from course_autograd.exercises import Exercise, Observation, Report, Trouble, find
from course_autograd.exercises.report import examine, score

SECONDS = 4.0  # for one answer in the student's way; the grader has limits of its own
IN_ONE_CHILD = 60  # answers; then a fresh process, as memory and processor time are limited

# Run in the child before each answer: nothing of the answer before may help the next one.
FORGET = """
import course_autograd as _course
_course.reset_rules()
for _name in [name for name in globals() if not name.startswith("__")]:
    if _name not in ("display", "get_ipython"):
        del globals()[_name]
"""


@dataclass(frozen=True)
class Answer:
    """One answer to one exercise.

    Attributes
    ----------
    exercise : str
        Name of the exercise.
    label : str
        What is special about this answer, in a few words.
    code : str
        The whole solution cell, as a student would leave it.
    """

    exercise: str
    label: str
    code: str


@cache
def reference_code(assignment: str) -> dict[str, str]:
    """Return the reference's solution cells of one assignment, by exercise."""
    return solution_cells(COURSE.source(assignment))


@cache
def setup_code(assignment: str) -> tuple[str, ...]:
    """Return the set-up cells of an assignment."""
    notebook = read_source(COURSE.source(assignment))
    return tuple(cell.source for cell in notebook.by_role("setup"))


def reference(exercise: str) -> Answer:
    """Return the reference's answer.

    Raises
    ------
    KeyError
        If there is no such exercise, or no cell for it in the text source of its assignment.
    """
    code = reference_code(find(exercise).assignment)
    if exercise not in code:
        raise KeyError(
            f"{exercise}: no solution cell in solutions/{find(exercise).assignment}.py. Add the "
            "cells of the exercise there."
        )
    return Answer(exercise, "the reference", code[exercise])


def execute(source: str, filename: str, namespace: dict[str, Any]) -> None:
    """Run one cell as a notebook would: in `namespace`, without this module's own settings."""
    exec(compile(source, filename, "exec", dont_inherit=True), namespace)


def enter(answer: Answer) -> Any | None:
    """Run the set-up and the cell in a fresh notebook; return what `check` would find.

    The rules it registers stay until `course_autograd.reset_rules` is called.

    Returns
    -------
    object or None
        The answer, None if the cell left none.

    Raises
    ------
    Exception
        Whatever the cell itself raises.
    """
    exercise = find(answer.exercise)
    reset_rules()
    module = types.ModuleType("answer")
    for source in setup_code(exercise.assignment):
        execute(source, "<set-up>", module.__dict__)
    execute(answer.code, f"<cell {answer.exercise}>", module.__dict__)
    return exercise.find_answer(module.__dict__)


def tried(answer: Answer, seed: int = 0) -> Report:
    """Return what `check` says to the student who wrote `answer`.

    A cell that fails, or that does not come to an end, leaves no answer.
    """
    exercise = find(answer.exercise)
    try:
        # Warnings of the cell are of no interest; those of the answer are caught by the exercise,
        # for which NumPy has to go on giving them.
        with time_limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = enter(answer)
            except Exception:
                found = None
            return examine(exercise, found, seed=seed)
    except CellTimeout:
        return score(exercise, [exercise.unanswered()])
    finally:
        reset_rules()


# --- through the grader --------------------------------------------------------------------------


def graded(answers: Iterable[Answer], seed: int = 0) -> list[Report]:
    """Return what the grader finds, for each of `answers`, in the same order.

    Each answer is loaded and asked in the judge's own child process, with the set-up of its
    assignment and nothing left of the answers before it. An answer that breaks the child costs
    the child, not the other answers.
    """
    reports: list[Report] = []

    def kind(answer: Answer) -> tuple[str, tuple[str, ...]]:
        exercise = find(answer.exercise)
        return exercise.assignment, exercise.needs

    with Judge(limits=Limits(submission=600.0)) as judge:
        for (assignment, _), together in groupby(answers, key=kind):
            waiting = list(together)
            for start in range(0, len(waiting), IN_ONE_CHILD):
                some = waiting[start : start + IN_ONE_CHILD]
                reports += _in_one_child(judge, plan(assignment), some, seed)
    return reports


def _in_one_child(judge: Judge, asked: Plan, answers: list[Answer], seed: int) -> Iterator[Report]:
    needs = find(answers[0].exercise).needs
    child = judge.child(asked, needs)
    try:
        for answer in answers:
            exercise = find(answer.exercise)
            observed, usable = _asked(child, answer, exercise, seed, judge.limits)
            yield score(exercise, observed)
            if not usable:
                child.close()
                child = judge.child(asked, needs)
    finally:
        child.close()


def _asked(
    child: Child, answer: Answer, exercise: Exercise, seed: int, limits: Limits
) -> tuple[list[Any], bool]:
    """Return the findings of one answer, and whether the child can go on."""
    sources = [FORGET, *setup_code(exercise.assignment), answer.code]
    cells = [Cell(index, "code", source) for index, source in enumerate(sources)]
    cases = exercise.cases(np.random.default_rng([seed, zlib.crc32(exercise.name.encode())]))
    observed: list[Observation] = []
    reason, usable = "", True
    deadline = time.monotonic() + limits.submission
    try:
        child.load(cells, deadline)
        for one in child.ask(exercise, cases, deadline, limits.submission):
            observed.append(one)
    except ChildError as error:
        reason, usable = str(error), isinstance(error, SlowError)
    silent = Observation(error=Trouble("missing", reason))
    observed += [silent] * (len(cases) - len(observed))
    return [
        judged_by(exercise, case, one) for case, one in zip(cases, observed, strict=True)
    ], usable
