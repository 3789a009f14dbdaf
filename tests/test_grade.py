"""``python -m autograder grade``: a class in one go, and on from where it was interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from small_course import ASSIGNMENT, Submission, small_course

from autograder.course import Course
from autograder.records import VERDICTS

pytestmark = pytest.mark.slow

WRONG = "@backward_of(ops.mul)\ndef mul_backward(ctx, g):\n    return g, g\n"
DESERVED = {"ada": 9.0, "bob": 6.0, "eve": 9.0}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A small course with three submissions and a file that is none."""
    course = small_course(tmp_path_factory.mktemp("course") / "small")
    for student in DESERVED:
        submission = Submission(course).solve()
        if student == "bob":
            submission.write(mul=WRONG)
        submission.save(handed_in(course, student))
    broken = handed_in(course, "mallory")
    broken.parent.mkdir(parents=True)
    broken.write_text("no notebook", encoding="utf-8")
    return course


def handed_in(course: Course, student: str) -> Path:
    return course.grading_folder / "submitted" / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"


def grade(course: Course, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, on this course."""
    code = (
        "import sys; from pathlib import Path; from autograder.grade import grade; "
        "from autograder.course import Course; "
        f"sys.exit(grade({ASSIGNMENT!r}, Course(Path({str(course.root)!r})), **{options!r}))"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parent.parent,
    )


def scores(course: Course) -> dict[str, float]:
    with Gradebook(course.db_url) as gradebook:
        return {one.student.id: one.score for one in gradebook.assignment_submissions(ASSIGNMENT)}


def verdicts(course: Course) -> list[dict[str, Any]]:
    lines = (course.grading_folder / VERDICTS).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_class_in_one_go_and_again(course: Course) -> None:
    first = grade(course, jobs=2)
    assert first.returncode == 1, first.stderr  # not everybody could be graded
    assert scores(course) == DESERVED
    assert "not graded: mallory" in first.stdout
    for student, score in DESERVED.items():
        assert f"{student}: {score:g} of 9 points" in first.stdout
        page = course.grading_folder / "feedback" / student / ASSIGNMENT / f"{ASSIGNMENT}.html"
        assert f"Result: {score:g} of 9 points" in page.read_text(encoding="utf-8")
    seeds = {one["student"]: one["seed"] for one in verdicts(course)}

    # Points by hand stay, and what has not changed is not judged again.
    with Gradebook(course.db_url) as gradebook:
        grade_of_bob = gradebook.find_grade("check-mul", ASSIGNMENT, ASSIGNMENT, "bob")
        grade_of_bob.manual_score = 1.0
        gradebook.db.commit()
    Submission(course).solve().write(mul=WRONG).save(handed_in(course, "eve"))
    again = grade(course, jobs=2, resume=True)
    assert again.returncode == 1
    assert scores(course) == {"ada": 9.0, "bob": 7.0, "eve": 6.0}
    latest = {one["student"]: one for one in verdicts(course)}
    assert latest["ada"]["seed"] == seeds["ada"]
    assert latest["bob"]["seed"] == seeds["bob"]
    assert latest["eve"]["seed"] != seeds["eve"]
    assert latest["ada"]["level"] in ("A", "B", "C", "D")

    # A fix of the exercise: everything is judged anew, with the same questions.
    source = course.source(ASSIGNMENT)
    source.write_text(source.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    fixed = grade(course, jobs=2, resume=True, student="ada", pages=False)
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    mine = [one for one in verdicts(course) if one["student"] == "ada"]
    assert len({one["exercise_set"] for one in mine}) == 2
    assert mine[-1]["seed"] == seeds["ada"]


def test_what_is_missing_is_said(course: Course) -> None:
    nobody = grade(course, student="zoe")
    assert nobody.returncode != 0
    assert "nothing was handed in" in nobody.stderr
    assert "zip_collect" in nobody.stderr
