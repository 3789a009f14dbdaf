"""Exercises: how each is asked, tried and judged. Begin with `base`."""

from course_autograd.exercises.base import Case, Exercise, Finding, Observation, Trouble
from course_autograd.exercises.catalogue import exercises, find
from course_autograd.exercises.plain import WireError
from course_autograd.exercises.report import Report, score

__all__ = [
    "Case",
    "Exercise",
    "Finding",
    "Observation",
    "Report",
    "Trouble",
    "WireError",
    "exercises",
    "find",
    "score",
]
