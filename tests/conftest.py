"""Fixtures for everybody: open exercises after each test, and the reference solutions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from types import CodeType
from typing import Any

import pytest

from autograder.cells import read_notebook, solution_cells
from autograder.course import COURSE
from course_autograd import reset_rules

Namespace = dict[str, Any]


@pytest.fixture(autouse=True)
def open_exercises() -> Iterator[None]:
    """Every test starts and ends with all exercises open."""
    reset_rules()
    yield
    reset_rules()


@cache
def reference_cells(assignment: str) -> tuple[CodeType, ...]:
    """Set-up and solution cells of a reference notebook, read as a submission is, and compiled."""
    path = COURSE.reference(assignment)
    setup = [cell.source for cell in read_notebook(path).by_role("setup")]
    sources = (*setup, *solution_cells(path).values())
    return tuple(compile(source, f"<reference {assignment}>", "exec") for source in sources)


def enter_reference(*assignments: str) -> Namespace:
    """Run the reference's cells of `assignments` (all by default), as the grader runs a student's.

    Returns
    -------
    dict
        The namespace they made; the rules they registered stay until the test ends.
    """
    namespace: Namespace = {"__name__": "reference"}
    for assignment in assignments or COURSE.names():
        for cell in reference_cells(assignment):
            exec(cell, namespace)
    return namespace


@pytest.fixture
def reference() -> Callable[..., Namespace]:
    """``reference("01_chain_rule")`` registers the reference solutions of that assignment."""
    return enter_reference


@pytest.fixture
def reference_rules(reference: Callable[..., Namespace]) -> None:
    """All exercises of all assignments are done while a test runs."""
    reference()
