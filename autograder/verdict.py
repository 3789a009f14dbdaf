"""Verdicts: what the judge found, as plain data that can be stored, printed and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from course_autograd.exercises import Exercise, Finding

DECIMALS = 3


@dataclass(frozen=True)
class ExerciseVerdict:
    """What one exercise earned, and why.

    Attributes
    ----------
    name, kind : str
        The exercise and its kind (rule, whole, function, values).
    points, score : float
        The most that can be earned, and what was earned: from 0 to `points`.
    facets : mapping
        Part of the points -> whether it was earned.
    undone : bool
        Nothing was written.
    facts : tuple of str
        What was seen where it is wrong, in sentences.
    mistakes : tuple of str
        Keys of the mistakes that explain it, surest first.
    hints : tuple of str
        What to think about next; never the formula.
    remarks : tuple of str
        What happened to the cell itself.
    milliseconds : int
        Time it took.
    """

    name: str
    kind: str
    points: float
    score: float
    facets: Mapping[str, bool]
    undone: bool = False
    facts: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    milliseconds: int = 0

    @property
    def state(self) -> str:
        """One of ``"right"``, ``"partly right"``, ``"not done"``, ``"not right"``."""
        if self.undone:
            return "not done"
        if self.score >= self.points:
            return "right"
        return "partly right" if self.score else "not right"


@dataclass(frozen=True)
class Verdict:
    """What one submission earned.

    Attributes
    ----------
    assignment : str
        Its name.
    seed : int
        With it, the same questions are drawn again.
    exercises : tuple of ExerciseVerdict
        In the order of the notebook.
    notes : tuple of str
        What concerns the notebook as a whole.
    milliseconds : int
        Time from the first process to the last answer.
    """

    assignment: str
    seed: int
    exercises: tuple[ExerciseVerdict, ...]
    notes: tuple[str, ...] = ()
    milliseconds: int = 0

    @property
    def score(self) -> float:
        """Sum of the exercises' scores."""
        return round(sum(exercise.score for exercise in self.exercises), DECIMALS)

    @property
    def points(self) -> float:
        """The most that can be earned."""
        return sum(exercise.points for exercise in self.exercises)

    def __getitem__(self, name: str) -> ExerciseVerdict:
        return next(exercise for exercise in self.exercises if exercise.name == name)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for ``json.dumps``; seeds as text, which JavaScript would round."""
        return {
            "assignment": self.assignment,
            "seed": str(self.seed),
            "score": self.score,
            "points": self.points,
            "notes": list(self.notes),
            "milliseconds": self.milliseconds,
            "exercises": [
                {**asdict(exercise), "facets": dict(exercise.facets), "state": exercise.state}
                for exercise in self.exercises
            ],
        }


def earned(
    exercise: Exercise, points: float, findings: Sequence[Finding]
) -> tuple[float, dict[str, bool]]:
    """Return the score of an exercise, and which facets were earned.

    A facet is earned when every case that decides it came out right; the score is the points
    times the share of the facets earned, a Python float between 0 and `points`.
    """
    facets = {}
    for facet in exercise.facets:
        decided = [finding.passed[facet] for finding in findings if facet in finding.passed]
        facets[facet] = bool(decided) and all(decided)
    if all(facets.values()):
        return float(points), facets
    weights = exercise.weights()
    share = sum(weights[facet] for facet, right in facets.items() if right)
    return min(float(points), max(0.0, round(float(points) * share, DECIMALS))), facets


def exercise_verdict(
    exercise: Exercise,
    points: float,
    findings: Sequence[Finding],
    *,
    remarks: tuple[str, ...] = (),
    milliseconds: int = 0,
) -> ExerciseVerdict:
    """Put together what all cases of one exercise showed."""
    score, facets = earned(exercise, points, findings)
    undone = bool(findings) and all(finding.undone for finding in findings)
    facts = tuple(dict.fromkeys(fact for finding in findings for fact in finding.facts))
    return ExerciseVerdict(
        name=exercise.name,
        kind=exercise.kind,
        points=float(points),
        score=score,
        facets=facets,
        undone=undone,
        facts=facts,
        remarks=remarks,
        milliseconds=milliseconds,
    )
