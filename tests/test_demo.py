"""The sample class: every score as deserved, every broken submission named, twice over."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.cells import solution_cells
from autograder.course import COURSE
from autograder.demo import mark, sample, table, unexpected
from autograder.sample_answers import OTHER_FORMULAS
from autograder.sample_class import Handed

BROKEN = {"not-json"}


def run_demo(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a TA types it, in a folder of the test's own."""
    command = [sys.executable, "-m", "autograder", "demo", *names, "--folder", str(folder)]
    return subprocess.run(
        command, cwd=COURSE.root, capture_output=True, text=True, timeout=900, check=False
    )


@pytest.mark.parametrize("name", COURSE.names())
def test_the_class_has_sixteen_students_or_more_and_each_has_its_own_name(name: str) -> None:
    students = [handed.student for handed in sample(COURSE, name)]
    assert len(students) >= 16
    assert len(set(students)) == len(students)


@pytest.mark.parametrize("name", COURSE.names())
def test_ten_mistakes_are_made_in_every_assignment(name: str) -> None:
    slips = [handed for handed in sample(COURSE, name) if handed.mistake is not None]
    assert len(slips) >= 10


def test_other_formulas_answer_exercises_that_exist_in_another_way() -> None:
    solutions = {}
    for name in COURSE.names():
        solutions |= solution_cells(COURSE.reference(name))
    for exercise, code in OTHER_FORMULAS.items():
        assert code.strip() != solutions[exercise].strip()


def record(**points: float) -> dict[str, object]:
    """Return a judge's record with full points of 2 for each exercise."""
    return {
        "score": sum(points.values()),
        "exercises": [
            {"name": name, "points": 2.0, "score": score, "numbers": [12] if score < 2 else []}
            for name, score in points.items()
        ],
    }


def handed(outcome: str, mistake: int | None = None) -> Handed:
    return Handed("someone", "a.ipynb", b"", outcome, ("mul",), mistake)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("deserves", "got", "sentence"),
    [
        (handed("full"), record(mul=2.0), None),
        (handed("full"), record(mul=1.0), "mul: 1 of 2 points for a right answer"),
        (handed("zero"), record(mul=0.0), None),
        (handed("zero"), record(mul=0.5), "mul: 0.5 points for nothing"),
        (handed("partly", 12), record(mul=1.0, exp=2.0), None),
        (handed("partly", 13), record(mul=1.0), "mistake 13 not named, but [12]"),
        (handed("partly"), record(mul=2.0), "mul: 2 of 2 points"),
        (handed("partly"), record(mul=0.0, exp=1.0), "exp: 1 of 2 points"),
        (handed("full"), {"reason": "not JSON"}, "not graded: not JSON"),
        (handed("not graded"), {"reason": "not JSON"}, None),
        (handed("not graded"), record(mul=0.0), "graded, though it cannot be read"),
        (handed("full"), None, "no record at all"),
    ],
)
def test_a_score_that_is_not_deserved_is_told_in_a_sentence(
    deserves: Handed, got: dict[str, object] | None, sentence: str | None
) -> None:
    assert unexpected(deserves, got) == sentence


def test_the_table_shows_points_mistakes_and_reasons() -> None:
    lines = table({"ann": record(mul=2.0, exp=0.5), "ben": {"reason": "it is empty."}})
    assert lines[-2].split() == ["ann", "2", "0.5", "#12", "2.5"]
    assert lines[-1].split(maxsplit=1) == ["ben", "not graded: it is empty."]
    assert mark({"score": 1.0, "numbers": [0, 12, 12, 13]}) == "1 #12/13"


def test_the_real_grade_book_is_refused_as_a_place_for_the_demo() -> None:
    done = run_demo(COURSE.grading_folder, "01_chain_rule")
    assert done.returncode == 1
    assert "real grade book" in done.stderr


@pytest.mark.slow
def test_everybody_in_the_sample_class_gets_what_is_deserved(tmp_path: Path) -> None:
    done = run_demo(tmp_path / "demo")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    students = sum(len(list(sample(COURSE, name))) for name in COURSE.names())
    assert f"As deserved: {students} of {students} submissions." in done.stdout
    with (tmp_path / "demo" / "grades.csv").open(encoding="utf-8") as file:
        everybody = list(csv.DictReader(file))
    # some slips are made in one assignment only: the others know the student, and got nothing
    rows = [row for row in everybody if row["status"] != "nothing submitted"]
    assert len(rows) == students
    for row in rows:
        broken = row["student_id"] in BROKEN
        assert row["status"].startswith("not graded") == broken
        assert (row["score"] == "") == broken
        page = tmp_path / "demo" / "feedback" / row["student_id"] / row["assignment"]
        assert bool(list(page.glob("*.html"))) != broken


@pytest.mark.slow
def test_the_demo_can_be_run_twice_and_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    assert run_demo(folder, "02_sigmoid").returncode == 0
    (folder / "my_notes.txt").write_text("keep me")
    again = run_demo(folder, "02_sigmoid")
    assert again.returncode == 0, again.stdout[-4000:]
    assert (folder / "my_notes.txt").read_text() == "keep me"
