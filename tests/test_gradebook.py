"""What is spared of nbgrader's own steps changes no row; several workers find what one finds."""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import GetGrades
from small_course import ASSIGNMENT, Submission, small_course
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from autograder import gradebook
from autograder.build import register
from autograder.course import COURSE_ID, Course, configure
from autograder.gradebook import ShowScores, agrees, kept_open
from autograder.repair import read_released

pytestmark = pytest.mark.slow

WRONG = "@backward_of(ops.mul)\ndef m(ctx, grad_output):\n    x, y = ctx\n    return y, x"
OWN_STEPS = [
    f"nbgrader.preprocessors.{name}"
    for name in (
        "ClearOutput",
        "DeduplicateIds",
        "OverwriteKernelspec",
        "OverwriteCells",
        "CheckCellMetadata",
    )
]


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory) -> Course:
    """A course with a grade book that knows the assignment, and five submissions; to be copied."""
    course = small_course(tmp_path_factory.mktemp("course") / "small")
    register([], course)
    for student, submission in {
        "anna": Submission(course).solve(),
        "ben": Submission(course).solve().write(mul=WRONG),
        "cem": Submission(course),
        "dora": Submission(course).solve().duplicate("mul").delete("check-power"),
        "emil": Submission(course).solve("mul"),
    }.items():
        folder = course.grading_folder / "submitted" / student / ASSIGNMENT
        submission.save(folder / f"{ASSIGNMENT}.ipynb")
        (folder / "timestamp.txt").write_text("2026-01-02 12:00:00 UTC")
    return course


@contextlib.contextmanager
def opened(course: Course) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        with Gradebook(course.db_url, COURSE_ID) as book:
            yield book


def autograde(course: Course, *, own_steps: bool = False, jobs: int = 2) -> None:
    config = Config()
    configure(config, course)
    config.Grading.jobs = jobs
    config.Grading.display = False
    if own_steps:
        config.Autograde.sanitize_preprocessors = ["autograder.plugin.RepairSubmission", *OWN_STEPS]
        config.Autograde.autograde_preprocessors = [
            "autograder.plugin.JudgeSubmission",
            "nbgrader.preprocessors.LimitOutput",
            "nbgrader.preprocessors.SaveAutoGrades",
            "nbgrader.preprocessors.AssignLatePenalties",
            "nbgrader.preprocessors.CheckCellMetadata",
        ]
    directory = CourseDirectory(config=config, assignment_id=ASSIGNMENT, student_id="*")
    Autograde(coursedir=directory, config=config, force=True).start()


def rows(course: Course) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Student and cell -> all that the grade book holds of it."""
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    with opened(course) as book:
        for submission in book.assignment_submissions(ASSIGNMENT):
            student, (notebook,) = submission.student.id, submission.notebooks
            found[student, ""] = (submission.timestamp, submission.score, submission.max_score)
            found[student, "notebook"] = (notebook.late_submission_penalty, notebook.score)
            for grade in notebook.grades:
                found[student, grade.name] = (
                    grade.auto_score,
                    grade.manual_score,
                    grade.needs_manual_grade,
                )
            for comment in notebook.comments:
                found[student, comment.name] = (comment.auto_comment, comment.manual_comment)
    return found


def copy_of(course: Course, path: Path) -> Course:
    return Course(Path(shutil.copytree(course.root, path)))


def give_by_hand(course: Course, student: str, points: float) -> None:
    with opened(course) as book:
        grade = book.find_grade("check-mul", ASSIGNMENT, ASSIGNMENT, student)
        grade.manual_score = points
        book.db.commit()


def test_the_rows_are_those_of_nbgraders_own_steps(handed_in, tmp_path, monkeypatch):
    ours, theirs = copy_of(handed_in, tmp_path / "ours"), copy_of(handed_in, tmp_path / "theirs")
    autograde(ours)
    monkeypatch.setattr("autograder.plugin.kept_open", contextlib.nullcontext)
    autograde(theirs, own_steps=True)
    found = rows(ours)
    assert found == rows(theirs)
    assert found["cem", "mul"] == ("No response.", None)
    assert found["anna", "mul"] == (None, None)
    assert found["ben", "check-mul"] == (0.0, None, False)


def test_points_given_by_hand_stay_and_are_looked_at_again(handed_in, tmp_path):
    course = copy_of(handed_in, tmp_path / "own")
    autograde(course)
    give_by_hand(course, "ben", 2.0)
    autograde(course)
    assert rows(course)["ben", "check-mul"] == (0.0, 2.0, True)


def test_a_page_says_what_nbgraders_own_step_makes_it_say(handed_in, tmp_path):
    course = copy_of(handed_in, tmp_path / "pages")
    autograde(course)
    with opened(course) as book:
        grade = book.find_grade("check-mul", ASSIGNMENT, ASSIGNMENT, "ben")
        grade.manual_score = 1.5
        book.find_comment("mul", ASSIGNMENT, ASSIGNMENT, "ben").manual_comment = "Nearly."
        book.find_submission_notebook(ASSIGNMENT, ASSIGNMENT, "cem").late_submission_penalty = 2.0
        book.db.commit()
    for student in ("anna", "ben", "cem", "dora"):
        shown = []
        for step in (GetGrades, ShowScores):
            path = course.grading_folder / "autograded" / student / ASSIGNMENT
            node = nbformat.read(path / f"{ASSIGNMENT}.ipynb", as_version=4)
            own = {"notebook": ASSIGNMENT, "assignment": ASSIGNMENT, "student": student}
            resources = {"nbgrader": own | {"db_url": course.db_url}}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SAWarning)
                shown.append(step().preprocess(node, resources))
        assert shown[0] == shown[1]


def test_several_workers_make_the_grade_book_of_one(handed_in, tmp_path):
    alone, together = copy_of(handed_in, tmp_path / "one"), copy_of(handed_in, tmp_path / "three")
    autograde(alone, jobs=1)
    autograde(together, jobs=3)
    assert rows(alone) == rows(together)


def test_a_grade_book_of_another_make_is_noticed(handed_in, tmp_path):
    course = copy_of(handed_in, tmp_path / "own")
    released = read_released(course.assignment(ASSIGNMENT))
    with opened(course) as book:
        assert agrees(book, ASSIGNMENT, released)
        assert not agrees(book, "02_sigmoid", released)
        cell = book.find_source_cell("check-mul", ASSIGNMENT, ASSIGNMENT)
        cell.checksum = "another"
        book.db.commit()
        assert not agrees(book, ASSIGNMENT, released)


def test_a_grade_book_kept_open_sees_what_others_write_and_a_file_in_its_place(handed_in, tmp_path):
    course, other = copy_of(handed_in, tmp_path / "own"), copy_of(handed_in, tmp_path / "other")
    autograde(course)
    autograde(other)
    give_by_hand(other, "anna", 1.0)
    path = course.grading_folder / "gradebook.db"

    def by_hand() -> float | None:
        module = gradebook.nbgrader.converters.autograde
        with module.Gradebook(course.db_url, COURSE_ID) as book:
            score: float | None = book.find_grade(
                "check-mul", ASSIGNMENT, ASSIGNMENT, "anna"
            ).manual_score
            return score

    with kept_open():
        assert by_hand() is None
        give_by_hand(course, "anna", 2.5)
        assert by_hand() == 2.5
        (other.grading_folder / "gradebook.db").replace(path)
        assert by_hand() == 1.0
    assert gradebook.nbgrader.converters.autograde.Gradebook is Gradebook
