"""Fixtures for everybody: open exercises after each test, and the reference solutions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
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


@pytest.fixture
def reference() -> Callable[..., Namespace]:
    """Register the reference solutions of assignments, read as submissions are read.

    ``reference("01_chain_rule")`` runs the set-up cell and the solution cells of the reference
    notebook, as the grader does with a student's, and returns the namespace they made.
    """

    def enter(*assignments: str) -> Namespace:
        namespace: Namespace = {"__name__": "reference"}
        for name in assignments or COURSE.names():
            path: Path = COURSE.reference(name)
            setup = [cell.source for cell in read_notebook(path).by_role("setup")]
            for source in (*setup, *solution_cells(path).values()):
                exec(compile(source, f"<reference {name}>", "exec"), namespace)
        return namespace

    return enter
