"""From a text source (jupytext, py:percent) to the reference notebook that nbgrader reads.

Everything that can be wrong with a source is said here, before nbgrader sees it, with file, cell,
what was expected and what to do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autograder.cells import (
    ANSWER,
    ANSWER_LINE,
    BEGIN_SOLUTION,
    END_SOLUTION,
    NOTICE,
    grade_id,
    hide_answers,
    read_percent,
    solution_cells,
)
from autograder.course import NAME, Course
from autograder.errors import SourceError
from course_autograd.exercises import find

COMMAND = "python -m autograder build"

# Markers of a cell, by role: exactly these, besides `role` itself.
MARKERS: dict[str, tuple[str, ...]] = {
    "setup": (),
    "shown": ("id",),
    "solution": ("exercise",),
    "check": ("exercise", "points"),
    "worked": ("assignment", "exercises"),
}
# What jupytext adds of its own accord.
JUPYTEXT_ONLY = ("lines_to_next_cell", "lines_to_end_of_cell_marker")

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}


@dataclass
class _Reader:
    """What has been seen of one source so far."""

    course: Course
    name: str
    grade_ids: dict[str, int] = field(default_factory=dict)
    number: int = 0
    first_line: str = ""

    def fail(self, problem: str) -> SourceError:
        """Return the error for the cell at hand."""
        shown = f" ({self.first_line[:60]!r})" if self.first_line else ""
        return SourceError(f"solutions/{self.name}.py, cell {self.number}{shown}: {problem}")


def reference_notebook(course: Course, name: str) -> dict[str, Any]:
    """Read the text source of an assignment and return its reference notebook.

    Parameters
    ----------
    course : Course
        Where the sources lie.
    name : str
        The assignment.

    Returns
    -------
    dict
        A notebook (format 4.5) with nbgrader's cell metadata, fixed cell ids, no outputs.

    Raises
    ------
    SourceError
        If the source breaks a rule.
    """
    reader = _Reader(course, name)
    cells: list[dict[str, Any]] = []
    for number, raw in enumerate(read_percent(course.source(name)), start=1):
        reader.number = number
        reader.first_line = raw["source"].split("\n", 1)[0]
        cells += _cells(reader, raw)
    _require_checks(reader, name)
    if not cells or cells[0]["cell_type"] != "markdown":
        reader.number = 1
        raise reader.fail(
            "expected a markdown cell with the title first. Begin the file with `# %% [markdown]`."
        )
    for position, cell in enumerate(cells):
        marked = cell["metadata"].get("nbgrader")
        cell["id"] = marked["grade_id"] if marked else f"cell-{position:03d}"
    return {
        "cells": cells,
        "metadata": {
            "course_autograd": {"generated_by": COMMAND, "generated_from": f"solutions/{name}.py"},
            "kernelspec": dict(KERNELSPEC),
            "language_info": dict(LANGUAGE_INFO),
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def with_notice(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Say in the first cell, too, where the notebook comes from: for staff who open it.

    Students have no such file: their notebook says it in its metadata only.
    """
    made = notebook["metadata"]["course_autograd"]
    said = (
        f"{NOTICE}{made['generated_from']} by `{made['generated_by']}`. "
        "To change the assignment, edit that file, not this notebook. -->"
    )
    first, *others = notebook["cells"]
    return {**notebook, "cells": [{**first, "source": f"{said}\n\n{first['source']}"}, *others]}


def _cells(reader: _Reader, raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the notebook cells that one cell of the source stands for."""
    kind, text = raw["cell_type"], raw["source"]
    markers = {key: value for key, value in raw["metadata"].items() if key not in JUPYTEXT_ONLY}
    role = markers.pop("role", None)
    _require_markers(reader, kind, role, markers)
    if role == "worked":
        return _worked(reader, kind, text, markers)
    if kind == "markdown":
        return [_markdown(text)]
    _require_python(reader, text)
    if role is None:
        _require_no_solution(reader, text)
        return [_code(text)]
    own = grade_id({"role": role, **markers})
    assert own is not None
    _claim(reader, own)
    if role == "solution":
        _require_solution(reader, text)
        return [_code(text, own, solution=True)]
    _require_no_solution(reader, text)
    if role == "check":
        _require_check(reader, text, markers)
        return [_code(text, own, locked=True, points=markers["points"])]
    return [_code(text, own, locked=True)]


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(
    text: str,
    own: str | None = None,
    *,
    locked: bool = False,
    solution: bool = False,
    points: float | None = None,
) -> dict[str, Any]:
    """Return a code cell, with nbgrader's metadata (schema 3) where it has a grade id."""
    metadata: dict[str, Any] = {}
    if own is not None:
        metadata["nbgrader"] = {
            "grade": points is not None,
            "grade_id": own,
            "locked": locked,
            "schema_version": 3,
            "solution": solution,
            "task": False,
        }
        if points is not None:
            metadata["nbgrader"]["points"] = points
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": [],
        "source": text,
    }


def _worked(
    reader: _Reader, kind: str, text: str, markers: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return locked cells with reference solutions of an earlier assignment."""
    earlier, wanted = markers["assignment"], str(markers["exercises"]).split()
    if earlier not in reader.course.names():
        raise reader.fail(
            f"there is no assignment {earlier!r}. Name one of {', '.join(reader.course.names())}."
        )
    if earlier >= reader.name:
        raise reader.fail(
            f"worked solutions of {earlier} would give away exercises that are still open in "
            f"{reader.name}. Only earlier assignments may be shown."
        )
    solutions = solution_cells(reader.course.source(earlier))
    cells = []
    sentence = text if kind == "markdown" else re.sub(r"(?m)^# ?", "", text)
    if kind == "code" and any(line and not line.startswith("#") for line in text.split("\n")):
        raise reader.fail("a worked cell holds nothing but a comment, which becomes its sentence.")
    if sentence.strip():
        cells.append(_markdown(sentence.strip()))
    for exercise in wanted:
        if exercise not in solutions:
            raise reader.fail(
                f"{earlier} has no exercise {exercise!r}. It has: {', '.join(solutions)}."
            )
        own = f"worked-{exercise}"
        _claim(reader, own)
        cells.append(_code(solutions[exercise], own, locked=True))
    return cells


# --- rules of a source ----------------------------------------------------------------------


def _require_markers(reader: _Reader, kind: str, role: object, markers: Mapping[str, Any]) -> None:
    if kind not in ("code", "markdown"):
        raise reader.fail(f"a {kind} cell; expected code or markdown.")
    if role is not None and role not in MARKERS:
        raise reader.fail(f"unknown role {role!r}. Expected one of: {', '.join(MARKERS)}.")
    if kind == "markdown" and role not in (None, "worked"):
        raise reader.fail(f"a markdown cell cannot have the role {role!r}. Remove [markdown].")
    expected = MARKERS[role] if isinstance(role, str) else ()
    for key in expected:
        if key not in markers:
            example = "points=3" if key == "points" else f'{key}="..."'
            raise reader.fail(f'the {role} cell has no {key}. Write: role="{role}" {example}.')
    for key, value in markers.items():
        if key not in expected:
            what = f"a {role} cell" if role else "a cell without a role"
            raise reader.fail(
                f"{key}={value!r} means nothing on {what}. Remove it, or correct the line "
                "that begins with # %%."
            )
    for key in ("id", "exercise"):
        if key in markers and not re.fullmatch(r"[A-Za-z0-9_-]+", str(markers[key])):
            raise reader.fail(f"{key}={markers[key]!r}: expected letters, digits, _ and - only.")
    if "assignment" in markers and not NAME.fullmatch(str(markers["assignment"])):
        raise reader.fail(
            f"assignment={markers['assignment']!r}: expected a name such as 01_chain_rule."
        )


def _claim(reader: _Reader, own: str) -> None:
    """Take a grade id, which must be new in this notebook."""
    if own in reader.grade_ids:
        raise reader.fail(
            f"the name {own!r} is already taken by cell {reader.grade_ids[own]}. "
            "Every cell with a role needs a name of its own."
        )
    reader.grade_ids[own] = reader.number


def _require_python(reader: _Reader, text: str) -> None:
    """Raise unless the cell is Python (IPython's magics are passed over)."""
    plain = re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", text)
    try:
        ast.parse(plain)
    except SyntaxError as error:
        raise reader.fail(
            f"line {error.lineno} of the cell is no Python: {error.msg}. Correct it."
        ) from error


def _require_no_solution(reader: _Reader, text: str) -> None:
    for marker in (BEGIN_SOLUTION, END_SOLUTION, ANSWER):
        if marker in text:
            raise reader.fail(
                f"{marker} outside of a solution cell. Give the cell "
                'role="solution" exercise="...", or the solution would reach the students.'
            )


def _require_solution(reader: _Reader, text: str) -> None:
    """Raise unless markers pair up and what is left for students is Python."""
    inside = answers = regions = 0
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped in (BEGIN_SOLUTION, END_SOLUTION):
            regions += stripped == BEGIN_SOLUTION
            inside += 1 if stripped == BEGIN_SOLUTION else -1
            if inside not in (0, 1):
                raise reader.fail(f"{BEGIN_SOLUTION} and {END_SOLUTION} do not alternate.")
        elif "BEGIN SOLUTION" in line or "END SOLUTION" in line:
            raise reader.fail(
                f"expected a line with {BEGIN_SOLUTION} or {END_SOLUTION} alone, got {stripped!r}."
            )
        elif ANSWER in line:
            answers += 1
            if not ANSWER_LINE.match(line):
                raise reader.fail(
                    f'expected a line such as `"q": 3,  {ANSWER}` (one key, one value), '
                    f"got {stripped!r}."
                )
    if inside:
        raise reader.fail(f"{BEGIN_SOLUTION} without {END_SOLUTION}.")
    if not regions and not answers:
        raise reader.fail(
            f"a solution cell without {BEGIN_SOLUTION} ... {END_SOLUTION} and without "
            f"{ANSWER}. Mark what the students have to write."
        )
    _require_python(reader, hide_answers(text))


def _require_check(reader: _Reader, text: str, markers: Mapping[str, Any]) -> None:
    exercise, points = markers["exercise"], markers["points"]
    if isinstance(points, bool) or not isinstance(points, int | float) or not points > 0:
        raise reader.fail(
            f"points={points!r}: expected a positive number, written without quotes: points=3."
        )
    if exercise not in reader.grade_ids:
        raise reader.fail(
            f"checks the exercise {exercise!r}, but no solution cell above has that name. "
            f'Write a cell with role="solution" exercise="{exercise}" first.'
        )
    if "check(" not in text:
        raise reader.fail("expected a call of check(...), such as check(ops.mul).")


def _require_checks(reader: _Reader, name: str) -> None:
    """Every solution has its check; every exercise is known to `course_autograd`."""
    for own, number in reader.grade_ids.items():
        if own == "setup" or own.startswith(("shown-", "check-", "worked-")):
            continue
        reader.number, reader.first_line = number, ""
        if f"check-{own}" not in reader.grade_ids:
            raise reader.fail(
                f"the exercise {own!r} has no check cell, hence no points. "
                f'Write a cell with role="check" exercise="{own}" points=... below it.'
            )
        try:
            exercise = find(own)
        except KeyError as error:
            raise reader.fail(
                f"course_autograd.exercises knows no exercise {own!r}. "
                "Declare it there, or correct the name."
            ) from error
        if exercise.assignment != name:
            raise reader.fail(
                f"the exercise {own!r} belongs to {exercise.assignment}, not to {name}. "
                "Correct the name here, or the assignment in course_autograd.exercises."
            )
