"""Whatever moment a run is killed at, going on gives the grade book of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from small_course import ASSIGNMENT, Submission, small_course

from autograder.course import Course

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
WRONG = "@backward_of(ops.mul)\ndef mul_backward(ctx, g):\n    return g, g\n"
STUDENTS = [f"student{number}" for number in range(8)]
KILLS = 3


def start(course: Course, *, resume: bool) -> subprocess.Popen[str]:
    """Begin to grade in a process group of its own."""
    code = (
        "import sys; from pathlib import Path; from autograder.grade import grade; "
        "from autograder.course import Course; "
        f"sys.exit(grade({ASSIGNMENT!r}, Course(Path({str(course.root)!r})), jobs=2, "
        f"resume={resume}, pages=False))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def rows(course: Course) -> dict[str, list[tuple[str, float | None]]]:
    """What the grade book holds: every cell's score of every student."""
    with Gradebook(course.db_url) as gradebook:
        found = {}
        for submission in gradebook.assignment_submissions(ASSIGNMENT):
            (notebook,) = submission.notebooks
            found[submission.student.id] = sorted(
                (grade.cell.name, grade.auto_score) for grade in notebook.grades
            )
        return found


def made(root: Path) -> Course:
    """A course with a class, every third of which has a rule wrong."""
    course = small_course(root)
    for number, student in enumerate(STUDENTS):
        submission = Submission(course).solve()
        if number % 3 == 2:
            submission.write(mul=WRONG)
        folder = course.grading_folder / "submitted" / student / ASSIGNMENT
        submission.save(folder / f"{ASSIGNMENT}.ipynb")
    return course


def test_after_kill_9_at_any_moment_the_grade_book_is_the_same(tmp_path: Path) -> None:
    undisturbed, killed = made(tmp_path / "one" / "small"), made(tmp_path / "two" / "small")
    begun = time.monotonic()
    whole = start(undisturbed, resume=False)
    said, _ = whole.communicate(timeout=120)
    took = time.monotonic() - begun
    assert whole.returncode == 0, said
    rng = random.Random(0)
    for _ in range(KILLS):
        run = start(killed, resume=True)
        try:
            run.wait(timeout=rng.uniform(0.2, 0.8) * took)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
    last = start(killed, resume=True)
    said, _ = last.communicate(timeout=120)
    assert last.returncode == 0, said
    assert rows(killed) == rows(undisturbed)
    assert set(rows(killed)) == set(STUDENTS)
