"""Attackers in a class that `nbgrader autograde` grades: everybody gets what they deserve."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_course import ASSIGNMENT, Submission, small_course

from attacks.corpus import ALL, ATTACKS
from attacks.test_attacks import Prey, attacked, levels_here
from autograder.course import Course

pytestmark = pytest.mark.slow

GROUPS = ("reading", "writing", "network", "processes", "exhaustion", "forging", "values")
LOUD = "endless loop in the cell"


def handed_in(course: Course, student: str) -> Path:
    return course.grading_folder / "submitted" / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"


def run(course: Course, *words: str) -> None:
    """Run one of nbgrader's commands in the course's root."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "nbgrader"), *words],
        cwd=course.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_attackers_get_nothing_and_honest_students_everything(tmp_path: Path) -> None:
    levels_here()
    course = small_course(tmp_path / "small")
    prey = Prey(tmp_path / "prey", "secret-of-the-class")
    prey.set_out()
    attackers = {
        f"{group}_{number}": attack
        for group in GROUPS
        for number, attack in enumerate([one for one in ATTACKS if one.group == group][:3])
    }
    attackers["endless"] = next(one for one in ATTACKS if one.name == LOUD)
    deserved = {name: attack.deserved for name, attack in attackers.items()}
    honest = {f"honest_{number}": ALL for number in range(5)}
    try:
        for student, attack in attackers.items():
            attacked(course, prey, attack).save(handed_in(course, student))
        for student in honest:
            Submission(course).solve().save(handed_in(course, student))
        before = prey.traces()
        run(course, "autograde", ASSIGNMENT)
        run(course, "generate_feedback", ASSIGNMENT)
        run(course, "export")
        assert prey.traces() == before
        assert prey.state() == "S"
    finally:
        prey.release()
    with (course.root / "grades.csv").open(encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == deserved | honest
    pages = [*(course.grading_folder / "feedback").rglob("*.html")]
    assert len(pages) == len(scores)
    assert not [page for page in pages if prey.secret in page.read_text(encoding="utf-8")]
