"""What is known about a class after grading, as plain data.

Scores come from the grade book, so that points given by hand count; everything else comes from the
judge's records.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from sqlalchemy.exc import SAWarning

from autograder.cells import printable
from autograder.course import COURSE, COURSE_ID, Course
from autograder.errors import AutograderError
from autograder.records import Records

STATES = ("right", "partly right", "not right", "not done")


@dataclass(frozen=True)
class Student:
    """One submission.

    Attributes
    ----------
    name : str
        The student's id.
    score : float or None
        None if there is no grade.
    states : mapping
        Exercise -> one of `STATES`.
    seconds : float
        Time it took to judge.
    reason : str
        Why there is no grade; empty if there is one.
    """

    name: str
    score: float | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Asked:
    """One exercise: how many submissions are in each state, and the mean share of its points."""

    name: str
    points: float
    counts: Mapping[str, int]
    share: float


@dataclass(frozen=True)
class Slip:
    """One mistake that was named, or one exercise with mistakes that have no name.

    Attributes
    ----------
    name : str
        In a few words; empty where none was recognised.
    numbers : tuple of int
        In the course's list of mistakes.
    exercises : tuple of str
        Where it was made.
    students : int
        How many made it.
    example : str
        What was seen at the first of them, in a sentence.
    """

    name: str
    numbers: tuple[int, ...]
    exercises: tuple[str, ...]
    students: int
    example: str


@dataclass(frozen=True)
class Report:
    """All of it.

    Attributes
    ----------
    assignment : str
        Its name.
    points : float
        The most that can be earned.
    students : tuple of Student
        By name.
    exercises : tuple of Asked
        In the order of the notebook.
    slips : tuple of Slip
        The most frequent first.
    """

    assignment: str
    points: float
    students: tuple[Student, ...]
    exercises: tuple[Asked, ...]
    slips: tuple[Slip, ...]

    @property
    def graded(self) -> tuple[Student, ...]:
        """Those with a grade."""
        return tuple(one for one in self.students if one.score is not None)

    @property
    def not_graded(self) -> tuple[Student, ...]:
        """Those without."""
        return tuple(one for one in self.students if one.score is None)

    @property
    def scores(self) -> list[float]:
        """All scores, the lowest first."""
        return sorted(one.score for one in self.students if one.score is not None)

    @property
    def median(self) -> float:
        """The score in the middle."""
        return statistics.median(self.scores)


def summary(assignment: str, course: Course = COURSE) -> Report:
    """Put grade book and records together.

    Raises
    ------
    AutograderError
        If there is no such assignment, or nobody has been graded yet.
    """
    course.select([assignment])
    latest = Records.beside(course.db_url, course.root).latest()
    records = {who: one for (who, which), one in sorted(latest.items()) if which == assignment}
    if not records:
        raise AutograderError(
            f"nothing of {assignment} has been graded yet. Run `nbgrader autograde {assignment}`."
        )
    scores = scores_of(assignment, course)
    students = tuple(_student(who, one, scores.get(who)) for who, one in records.items())
    verdicts = [one for one in records.values() if "reason" not in one]
    names = list(dict.fromkeys(one["name"] for each in verdicts for one in each["exercises"]))
    exercises = tuple(_asked(name, verdicts) for name in names)
    points = sum(one.points for one in exercises)
    return Report(assignment, points, students, exercises, _slips(records))


def scores_of(assignment: str, course: Course) -> dict[str, float]:
    """Return the scores in the grade book, with points given by hand and late penalties."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader's own use of its database
        with Gradebook(course.db_url, COURSE_ID) as gradebook:
            try:
                submissions = gradebook.assignment_submissions(assignment)
            except MissingEntry:
                return {}
            return {
                one.student.id: max(0.0, float(one.score) - float(one.late_submission_penalty or 0))
                for one in submissions
            }


def _student(name: str, record: Mapping[str, Any], score: float | None) -> Student:
    if "reason" in record:
        return Student(name, reason=printable(str(record["reason"])))
    return Student(
        name,
        score=float(record["score"]) if score is None else score,
        states={one["name"]: one["state"] for one in record["exercises"]},
        seconds=float(record.get("milliseconds", 0)) / 1000,
    )


def _asked(name: str, verdicts: Sequence[Mapping[str, Any]]) -> Asked:
    found = [one for each in verdicts for one in each["exercises"] if one["name"] == name]
    states = [one["state"] for one in found]
    points = max(float(one["points"]) for one in found)
    share = statistics.fmean(float(one["score"]) for one in found) / points if points else 0.0
    return Asked(name, points, {state: states.count(state) for state in STATES}, share)


def _slips(records: Mapping[str, Mapping[str, Any]]) -> tuple[Slip, ...]:
    """Return the mistakes by frequency; what has no name is counted by exercise."""
    found: dict[tuple[str, str], list[tuple[str, Mapping[str, Any]]]] = {}
    for student, record in records.items():
        for one in record.get("exercises", ()):
            if one["state"] in ("partly right", "not right"):
                mistake = str(one.get("mistake", ""))
                found.setdefault((mistake, "" if mistake else one["name"]), []).append(
                    (student, one)
                )
    slips = []
    for (mistake, _), where in found.items():
        seen = [str(words) for _, one in where for words in one.get("where", ()) if words]
        slips.append(
            Slip(
                name=mistake,
                numbers=tuple(where[0][1].get("numbers", ())),
                exercises=tuple(dict.fromkeys(str(one["name"]) for _, one in where)),
                students=len({student for student, _ in where}),
                example=seen[0] if seen else "",
            )
        )
    return tuple(sorted(slips, key=lambda one: (-one.students, one.name, one.exercises)))
