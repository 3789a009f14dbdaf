"""Verdicts: what the judge found, as plain data that can be stored, printed and shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from course_autograd.exercises import Case, Exercise, Finding, Observation
from course_autograd.exercises.report import score, words

DECIMALS = 3
DIGITS = 16  # of a digest


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
    mistake : str
        The mistake recognised, in a few words; several that fit are joined by "or".
    numbers : tuple of int
        Their numbers in the course's list of mistakes.
    where : tuple of str
        What was seen where it is wrong, in sentences.
    hints : tuple of str
        What kind of mistake, a question, what to reread; never the formula.
    remarks : tuple of str
        What happened to the cell itself.
    printed : str
        What the answer printed in the first wrong case.
    milliseconds : int
        Time it took.
    evidence : tuple of mappings
        What each case showed, as `evidence_of` puts it.
    """

    name: str
    kind: str
    points: float
    score: float
    facets: Mapping[str, bool]
    undone: bool = False
    mistake: str = ""
    numbers: tuple[int, ...] = ()
    where: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    printed: str = ""
    milliseconds: int = 0
    evidence: tuple[Mapping[str, Any], ...] = ()

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
    level : str
        The sandbox that was around the submission, as `autograder.sandbox` names it.
    notes : tuple of str
        What concerns the notebook as a whole.
    milliseconds : int
        Time from the first process to the last answer.
    """

    assignment: str
    seed: int
    exercises: tuple[ExerciseVerdict, ...]
    level: str = ""
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
            "level": self.level,
            "score": self.score,
            "points": self.points,
            "notes": list(self.notes),
            "milliseconds": self.milliseconds,
            "exercises": [
                {**asdict(exercise), "facets": dict(exercise.facets), "state": exercise.state}
                for exercise in self.exercises
            ],
        }


def evidence_of(
    case: Case, observation: Observation, finding: Finding, milliseconds: float
) -> dict[str, Any]:
    """Return what one case showed, as plain data.

    Digests stand for the question, the answer and the truth: whoever replays a verdict sees
    whether the same was asked, answered and expected. They say nothing about where the question
    came from, so equal questions have equal digests, whatever the seed. Of an error only its kind
    counts: messages may hold addresses in memory.

    Returns
    -------
    dict
        ``label``, ``question``, ``got``, ``expected`` (empty where it is not told), ``right``,
        ``mistake`` (keys of what explains a wrong answer), ``milliseconds``.
    """
    found, error = observation, observation.error
    keys = finding.mistakes or tuple(sorted({key for one in finding.fits.values() for key in one}))
    return {
        "label": case.label,
        "question": digest_of_wire(case.to_wire()),
        "got": digest((found.output, found.gradients, found.answers, error and error.kind)),
        "expected": "" if finding.expected is None else digest(finding.expected),
        "right": finding.right,
        "mistake": ", ".join(keys),
        "milliseconds": round(milliseconds, 2),
    }


def digest_of_wire(wire: tuple[dict[str, Any], list[Any]]) -> str:
    """Return the digest of what can cross to another process: much faster than walking through."""
    header, arrays = wire
    parts = [json.dumps(header, sort_keys=True).encode()]
    for array in arrays:
        _write(parts, array)
    return hashlib.sha256(b"".join(parts)).hexdigest()[:DIGITS]


def digest(value: Any) -> str:
    """Return a short SHA-256 of plain data: kinds, dtypes, shapes and bytes."""
    parts: list[bytes] = []
    _write(parts, value)
    return hashlib.sha256(b"".join(parts)).hexdigest()[:DIGITS]


def _write(parts: list[bytes], value: Any) -> None:
    """Write a value as bytes, so that no two values are written alike."""
    if isinstance(value, np.ndarray | np.generic):
        parts.append(f"array {value.dtype.str} {value.shape} {value.nbytes}\n".encode())
        parts.append(value.tobytes())
    elif isinstance(value, dict | Mapping):  # dict: told much faster
        parts.append(f"mapping {len(value)}\n".encode())
        for key in sorted(value):
            _write(parts, key)
            _write(parts, value[key])
    elif isinstance(value, tuple | list):
        parts.append(f"sequence {len(value)}\n".encode())
        for one in value:
            _write(parts, one)
    else:
        data = repr(value).encode("utf-8", "backslashreplace")
        parts.append(f"{type(value).__name__} {len(data)}\n".encode() + data)


def exercise_verdict(
    exercise: Exercise,
    points: float,
    findings: Sequence[Finding],
    *,
    silence: str = "",
    remarks: tuple[str, ...] = (),
    milliseconds: int = 0,
    evidence: tuple[Mapping[str, Any], ...] = (),
) -> ExerciseVerdict:
    """Put together what all cases of one exercise showed; `silence` says why none was answered.

    The score is the points times the share of the facets earned: a Python float, never below 0,
    never above `points`, and exactly `points` where everything is right.
    """
    report = score(exercise, findings)
    hints = tuple(hint for hint in (report.kind, report.question) if hint)
    hints += (f"Reread {report.reread}.",) if report.reread else ()
    return ExerciseVerdict(
        name=exercise.name,
        kind=exercise.kind,
        points=float(points),
        score=score_of(float(points), report.fraction),
        facets={words(facet): right for facet, right in report.facets.items()},
        undone=report.undone,
        mistake=report.mistake or "",
        numbers=report.numbers,
        where=(silence,) if silence else report.where,
        hints=() if silence else hints,
        remarks=(*remarks, *(f"Counted as right, but not judged: {it}." for it in report.doubts)),
        printed=" ".join(report.printed.split()),
        milliseconds=milliseconds,
        evidence=evidence,
    )


def score_of(points: float, fraction: float) -> float:
    """Return `fraction` of `points`, rounded to `DECIMALS`, within 0 and `points`."""
    if not fraction > 0.0:  # also nan
        return 0.0
    return points if fraction >= 1.0 else min(points, round(points * fraction, DECIMALS))
