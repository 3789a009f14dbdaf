"""A course with submissions, and nbgrader's converters run on it in this process."""

from __future__ import annotations

import contextlib
import csv
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory
from small_course import ASSIGNMENT, Submission
from sqlalchemy.exc import SAWarning
from traitlets.config import Config, LoggingConfigurable

from autograder.course import COURSE_ID, Course, configure
from autograder.export import GradesExport


class Staff(LoggingConfigurable):
    """Stands for nbgrader's command: what an exporter asks for its folders."""

    def __init__(self, coursedir: CourseDirectory) -> None:
        super().__init__()
        self.coursedir = coursedir


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Pass over SQLAlchemy's warnings about how nbgrader uses it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        yield


class ClassRoom:
    """A course with submissions, and nbgrader run on it in this process."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.config = Config()
        configure(self.config, course)
        self.folder = course.grading_folder / "submitted"

    def hand_in(self, student: str, content: bytes | str | Submission, name: str = "") -> Path:
        path = self.folder / student / ASSIGNMENT / (name or f"{ASSIGNMENT}.ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content.text() if isinstance(content, Submission) else content
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def coursedir(self, student: str = "*") -> CourseDirectory:
        return CourseDirectory(config=self.config, assignment_id=ASSIGNMENT, student_id=student)

    def autograde(self, student: str = "*", force: bool = False) -> bool:
        """Run nbgrader's converter; whether it ended well."""
        directory = self.coursedir(student)
        converter = Autograde(coursedir=directory, config=self.config, force=force)
        try:
            converter.start()
        except NbGraderException:
            return False
        return True

    def feedback(self) -> bool:
        """Make the pages; whether that ended well."""
        converter = GenerateFeedback(coursedir=self.coursedir(), config=self.config)
        try:
            converter.start()
        except NbGraderException:
            return False
        return True

    def graded(self, student: str) -> Any:
        path = self.course.grading_folder / "autograded" / student / ASSIGNMENT
        return nbformat.read(path / f"{ASSIGNMENT}.ipynb", as_version=4)

    def scores(self) -> dict[str, float | None]:
        """Student -> the sum in the grade book; None where a grade is missing."""
        found: dict[str, float | None] = {}
        with quiet(), Gradebook(self.course.db_url, COURSE_ID) as book:
            for submission in book.assignment_submissions(ASSIGNMENT):
                auto = [grade.auto_score for one in submission.notebooks for grade in one.grades]
                found[submission.student.id] = None if None in auto else sum(auto)
        return found

    def table(self) -> dict[str, dict[str, str]]:
        """The exported file: student -> row."""
        path = self.course.root / "grades.csv"
        with quiet(), Gradebook(self.course.db_url, COURSE_ID) as book:
            GradesExport(parent=Staff(self.coursedir()), to=str(path)).export(book)
        with path.open(encoding="utf-8") as file:
            return {row["student_id"]: row for row in csv.DictReader(file)}
