"""``nbgrader export``: one row for each student and assignment, with a word on its status.

nbgrader's own exporter writes 0.0 for a submission that was never graded. Here a score stands only
where somebody was graded; everywhere else the field is empty and the status says why.
"""

from __future__ import annotations

import csv
import glob
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin

from autograder.cells import printable
from autograder.records import Records

COLUMNS = (
    "student_id",
    "last_name",
    "first_name",
    "email",
    "assignment",
    "status",
    "score",
    "max_score",
    "late_submission_penalty",
    "timestamp",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class GradesExport(ExportPlugin):  # type: ignore[misc]  # nbgrader has no types
    """Write ``grades.csv`` (or the file given with ``--to``)."""

    def export(self, gradebook: Gradebook) -> None:
        """Write one row for each student and assignment.

        Parameters
        ----------
        gradebook : Gradebook
            nbgrader's, open.
        """
        path = Path(self.to or "grades.csv")
        assignments = [
            assignment
            for assignment in gradebook.assignments
            if not self.assignment or assignment.name in [str(name) for name in self.assignment]
        ]
        coursedir = self.parent.coursedir
        records = Records.beside(coursedir.db_url, coursedir.root).latest()
        rows, exercises = [], []
        for assignment in assignments:
            handed_in = _submitted(coursedir, assignment.name)
            asked = [cell.name for book in assignment.notebooks for cell in book.grade_cells]
            exercises += [name for name in asked if name not in exercises]
            for student in _students(gradebook, handed_in, records, assignment.name):
                if self.student and student not in [str(name) for name in self.student]:
                    continue
                record = records.get((student, assignment.name))
                rows.append(row(gradebook, assignment, student, record, student in handed_in))
        names = {grade_id: grade_id.removeprefix("check-") for grade_id in exercises}
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*COLUMNS, *names.values()])
            for made in rows:
                writer.writerow([safe(made.get(key, "")) for key in (*COLUMNS, *names)])
        self.log.info("%s rows written to %s", len(rows), path)


def row(
    gradebook: Gradebook,
    assignment: Any,
    student: str,
    record: dict[str, Any] | None,
    handed_in: bool,
) -> dict[str, Any]:
    """Return the fields of one student and assignment; a score only if it was graded."""
    try:
        person = gradebook.find_student(student)
    except MissingEntry:
        person = None
    made: dict[str, Any] = {
        "student_id": student,
        "last_name": getattr(person, "last_name", None) or "",
        "first_name": getattr(person, "first_name", None) or "",
        "email": getattr(person, "email", None) or "",
        "assignment": assignment.name,
        "max_score": assignment.max_score,
    }
    try:
        submission = gradebook.find_submission(assignment.name, student)
    except MissingEntry:
        submission = None
    grades = [
        grade for book in (submission.notebooks if submission else ()) for grade in book.grades
    ]
    if record is not None and "reason" in record:
        return made | {"status": f"not graded: {record['reason']}"}
    if submission is None or not grades:
        unseen = "not graded: autograde has not been run on it yet"
        return made | {"status": unseen if handed_in else "nothing submitted"}
    if any(grade.auto_score is None and grade.manual_score is None for grade in grades):
        return made | {"status": "not graded: grading did not come to its end"}
    penalty = submission.late_submission_penalty or 0.0
    return (
        made
        | {
            "status": "graded",
            "score": max(0.0, submission.score - penalty),
            "late_submission_penalty": penalty,
            "timestamp": submission.timestamp or "",
        }
        | {grade.name: grade.score for grade in grades}
    )


def safe(value: Any) -> Any:
    """Keep a spreadsheet from taking a text for a formula."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def _submitted(coursedir: Any, assignment: str) -> set[str]:
    """Return the students who have a folder for the assignment."""
    pattern = coursedir.format_path(coursedir.submitted_directory, "*", assignment)
    depth = Path(pattern).parts.index("*")
    found = glob.glob(pattern)  # noqa: PTH207 - as nbgrader does
    return {printable(Path(folder).parts[depth]) for folder in found}


def _students(
    gradebook: Gradebook,
    handed_in: Iterable[str],
    records: dict[tuple[str, str], Any],
    assignment: str,
) -> list[str]:
    """Return everybody who is known to the grade book or has handed something in."""
    known = {student.id for student in gradebook.students}
    return sorted(known | set(handed_in) | {who for who, which in records if which == assignment})
