"""Putting right answers to the test, with many seeds and on all cores."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from autograder.soundness.alternatives import alternatives
from autograder.soundness.answers import Answer, enter
from course_autograd import reset_rules
from course_autograd.exercises import Case, Exercise, find
from course_autograd.exercises.base import Array
from course_autograd.exercises.operation_exercise import OperationExercise
from course_autograd.exercises.report import Report, score
from course_autograd.numeric import Measurement

CHUNK = 20  # seeds; fixed, so that the work is cut the same way on every machine
Questions = list[tuple[int, list[Case]]]
Named = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Rejection:
    """A right answer that was found wrong.

    Attributes
    ----------
    exercise, label : str
        Which answer.
    seed : int
        Draws the inputs again: ``check(..., seed=seed)``.
    why : str
        What the report says.
    """

    exercise: str
    label: str
    seed: int
    why: str


@dataclass(frozen=True)
class Chunk:
    """Some seeds of one exercise: the questions are drawn once for all its answers."""

    exercise: str
    seeds: range


@dataclass(frozen=True)
class Row:
    """What became of one answer."""

    exercise: str
    label: str
    seeds: int
    rejections: tuple[Rejection, ...]


class MeasuredOnce(OperationExercise):
    """An exercise that measures each question once, however many answers are judged by it.

    It gives no wrong answer a name: only whether an answer is accepted is of interest here. That
    takes a third of the time.
    """

    def __init__(self, exercise: OperationExercise) -> None:
        super().__init__(exercise.operation)
        self._measured: dict[int, tuple[Case, Measurement]] = {}
        self._corners: dict[int, tuple[Case, list[Array]]] = {}

    def measure(self, case: Case) -> Measurement:
        """Return the derivative at the inputs of a case, measured the first time."""
        if id(case) not in self._measured:  # the case is kept, so that its id stays its own
            self._measured[id(case)] = (case, super().measure(case))
        return self._measured[id(case)][1]

    def corners(self, case: Case) -> list[Array]:
        """Return the gradients around the inputs of a case, measured the first time."""
        if id(case) not in self._corners:
            self._corners[id(case)] = (case, super().corners(case))
        return self._corners[id(case)][1]

    def _explain(self, *_: object) -> tuple[Named, Named]:
        return {}, {}


def judging(name: str) -> Exercise:
    """Return an exercise in the form in which many answers are judged fast."""
    exercise = find(name)
    return MeasuredOnce(exercise) if isinstance(exercise, OperationExercise) else exercise


def seeds_of(exercise: Exercise, wanted: int) -> int:
    """Return how many seeds make sense: values are asked in the same way each time."""
    return min(wanted, 1) if exercise.kind == "values" else wanted


def chunks(names: Iterable[str], seeds: int) -> list[Chunk]:
    """Cut the work into pieces of `CHUNK` seeds."""
    return [
        Chunk(name, range(start, min(start + CHUNK, count)))
        for name in names
        for count in (seeds_of(find(name), seeds),)
        for start in range(0, count, CHUNK)
    ]


def rejections(chunk: Chunk) -> list[Rejection]:
    """Put the questions of some seeds to the reference and to all other right answers."""
    exercise = judging(chunk.exercise)
    questions = [(seed, exercise.cases(np.random.default_rng(seed))) for seed in chunk.seeds]
    return [
        one
        for answer in alternatives()[chunk.exercise]
        for one in of_answer(exercise, answer, questions)
    ]


def of_answer(exercise: Exercise, answer: Answer, questions: Questions) -> list[Rejection]:
    """Ask one answer as `check` does; return what was rejected."""
    try:
        found = enter(answer)
        if found is None:
            return [
                Rejection(answer.exercise, answer.label, questions[0][0], "the cell has no answer")
            ]
        return [
            Rejection(answer.exercise, answer.label, seed, " ".join(report.lines()))
            for seed, cases in questions
            for report in (_report(exercise, found, cases),)
            if not report.right
        ]
    finally:
        reset_rules()


def _report(exercise: Exercise, found: object, cases: Sequence[Case]) -> Report:
    with np.errstate(all="ignore"):  # as in check
        findings = [exercise.judge(case, exercise.run(found, case)) for case in cases]
    return score(exercise, findings)


def work(pieces: Sequence[Chunk], jobs: int) -> Iterator[tuple[Chunk, list[Rejection]]]:
    """Work through all pieces on `jobs` processes, in any order."""
    if jobs == 1:
        yield from map(_with_chunk, pieces)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(_with_chunk, pieces)


def _with_chunk(chunk: Chunk) -> tuple[Chunk, list[Rejection]]:
    return chunk, rejections(chunk)


def cores() -> int:
    """Return how many processes can work at the same time."""
    return os.cpu_count() or 1


def rows(names: Iterable[str], found: Iterable[Rejection], seeds: int) -> list[Row]:
    """Return one row per answer, in the order of the course."""
    by_answer: dict[tuple[str, str], list[Rejection]] = {}
    for one in sorted(found, key=lambda one: one.seed):
        by_answer.setdefault((one.exercise, one.label), []).append(one)
    return [
        Row(name, answer.label, seeds_of(find(name), seeds), tuple(by_answer.get(key, ())))
        for name in names
        for answer in alternatives()[name]
        for key in ((name, answer.label),)
    ]


def table(results: Sequence[Row]) -> list[str]:
    """Return the table in lines: exercise, formulation, seeds, rejections."""
    first = max(len(row.exercise) for row in results)
    second = max(len(row.label) for row in results)
    lines = [f"{'exercise':{first}}  {'formulation':{second}}  {'seeds':>6}  {'rejected':>8}"]
    for row in results:
        count = len(row.rejections)
        lines.append(f"{row.exercise:{first}}  {row.label:{second}}  {row.seeds:6}  {count:8}")
        if row.rejections:
            lines.append(f"    seed {row.rejections[0].seed}: {row.rejections[0].why}")
    others = Counter(row.exercise for row in results)
    asked = sum(row.seeds for row in results)
    rejected = sum(len(row.rejections) for row in results)
    lines.append("")
    lines.append(
        f"{len(others)} exercises, {len(results)} right answers (each exercise's reference and at "
        f"least {min(others.values()) - 1} others), asked {asked} times: {rejected} rejections."
    )
    return lines
