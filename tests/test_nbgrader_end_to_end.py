"""nbgrader's own commands, as a TA types them in the root of the course."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_course import ASSIGNMENT, POINTS, Submission, small_course

from autograder.course import Course

pytestmark = pytest.mark.slow

FULL = sum(POINTS.values())
WRONG = "@backward_of(ops.mul)\ndef m(ctx, grad_output):\n    x, y = ctx\n    return y, x"
TOOLS = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parent.parent


def run(*words: str, root: Path, ok: bool = True) -> str:
    """Run a command in the root of the course; return all it says."""
    done = subprocess.run(
        [str(TOOLS / words[0]), *words[1:]],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    said = done.stdout + done.stderr
    assert (done.returncode == 0) is ok, said
    return said


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    """A fresh course without a grade book, and three submissions."""
    course = small_course(tmp_path_factory.mktemp("course") / "small")
    for student, handed_in in {
        "anna": Submission(course).solve(),
        "ben": Submission(course).solve().write(mul=WRONG),
        "zoe": Submission(course),
    }.items():
        handed_in.save(folder(course, student) / f"{ASSIGNMENT}.ipynb")
    broken = folder(course, "mia") / f"{ASSIGNMENT}.ipynb"
    broken.parent.mkdir(parents=True)
    broken.write_text("{ no notebook")
    return course


def folder(course: Course, student: str) -> Path:
    return course.grading_folder / "submitted" / student / ASSIGNMENT


EXPECTED = {"anna": FULL, "ben": FULL - POINTS["mul"], "zoe": 0.0}


def test_from_a_fresh_clone_to_the_csv_without_a_flag(course):
    said = run("nbgrader", "autograde", ASSIGNMENT, root=course.root, ok=False)
    assert f"not graded: mia, {ASSIGNMENT}: {ASSIGNMENT}.ipynb is no notebook" in said
    assert "1 submission of 01_chain_rule not graded" in said
    assert "Traceback" not in said
    assert "Warning" not in said

    run("nbgrader", "generate_feedback", ASSIGNMENT, root=course.root)
    pages = {
        student: course.grading_folder / "feedback" / student / ASSIGNMENT / f"{ASSIGNMENT}.html"
        for student in (*EXPECTED, "mia")
    }
    assert [student for student, page in pages.items() if page.is_file()] == list(EXPECTED)
    html = pages["ben"].read_text(encoding="utf-8")
    assert "Not right yet: mul, 0 of 3 points" in html
    assert "Right: power, 3 of 3 points" in html
    assert "grad_output * y" not in html

    run("nbgrader", "export", root=course.root)
    with (course.root / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: row["score"] for name, row in rows.items()} == {
        "anna": "9.0",
        "ben": "6.0",
        "zoe": "0.0",
        "mia": "",
    }
    assert rows["mia"]["status"].startswith("not graded: ")


@pytest.mark.parametrize("student", list(EXPECTED))
def test_verify_prints_the_score_of_autograde(course, student):
    path = folder(course, student) / f"{ASSIGNMENT}.ipynb"
    script = (
        "import sys; from pathlib import Path; from autograder.course import Course; "
        "from autograder.verify import verify; "
        "print(verify(Path(sys.argv[1]), Course(Path(sys.argv[2])))[0].score)"
    )
    said = run("python", "-c", script, str(path), str(course.root), root=course.root)
    assert float(said) == EXPECTED[student]


def test_a_second_run_touches_nobody_and_names_the_broken_one_again(course):
    said = run("nbgrader", "autograde", ASSIGNMENT, root=course.root, ok=False)
    assert said.count("Skipping existing assignment") == len(EXPECTED)
    assert "not graded: mia" in said


def test_validate_tells_a_student_what_passes(course, tmp_path):
    path = Submission(course).solve().save(tmp_path / f"{ASSIGNMENT}.ipynb")
    assert "Success! Your notebook passes all the tests." in validate(course, path)


def test_validate_shows_a_student_what_fails_in_words(course, tmp_path):
    path = Submission(course).solve().write(mul=WRONG).save(tmp_path / f"{ASSIGNMENT}.ipynb")
    said = validate(course, path)
    assert "VALIDATION FAILED ON 1 CELL(S)" in " ".join(said.split())
    assert "check(ops.mul)" in said
    assert "CheckFailed" in said
    assert len(said.split("\n")) < 60


def validate(course: Course, path: Path) -> str:
    return run("nbgrader", "validate", str(path), root=course.root)


def test_formgrader_starts_from_the_same_settings(course):
    script = (
        "from nbgrader.apps import NbGrader\n"
        "from nbgrader.apps.api import NbGraderAPI\n"
        "from traitlets.config import Config\n"
        "app = NbGrader()\n"
        "app.initialize([])\n"
        "api = NbGraderAPI(app.coursedir, config=app.config)\n"
        "result = api.autograde('01_chain_rule', 'ben', force=True)\n"
        "print(result['success'], api.get_submission('01_chain_rule', 'ben')['score'])\n"
    )
    said = run("python", "-W", "ignore", "-c", script, root=course.root)
    assert re.search(r"^True 6\.0$", said, re.MULTILINE), said


def test_one_student_can_be_graded_alone(course):
    said = run(
        "nbgrader", "autograde", ASSIGNMENT, "--student", "anna", "--force", root=course.root
    )
    assert "anna: 9.0 of 9.0 points" in said
    assert "mia" not in said


def test_the_real_assignments_reach_full_marks_in_their_own_words():
    reference = ROOT / "solutions" / "02_sigmoid" / "02_sigmoid.ipynb"
    said = run("python", "-m", "autograder", "verify", str(reference), "--json", root=ROOT)
    verdict = json.loads(said)
    assert verdict["score"] == verdict["points"] > 0
