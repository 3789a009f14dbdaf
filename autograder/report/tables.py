"""The report as CSV files, for whoever wants to go on with the numbers."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autograder.export import safe
from autograder.report.summary import STATES, Report

Row = Sequence[Any]


def write_tables(report: Report, folder: Path) -> list[Path]:
    """Write one file each for students, exercises and mistakes; return their paths."""
    written = []
    for name, rows in (
        ("students", students(report)),
        ("exercises", exercises(report)),
        ("mistakes", mistakes(report)),
    ):
        path = folder / f"{report.assignment}_{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([safe(value) for value in row] for row in rows)
        written.append(path)
    return written


def students(report: Report) -> Iterator[Row]:
    """Yield a head and a row for each student."""
    names = [one.name for one in report.exercises]
    yield ["student", "score", "points", "seconds", "not graded because", *names]
    for one in report.students:
        score = "" if one.score is None else one.score
        states = [one.states.get(name, "") for name in names]
        yield [one.name, score, report.points, round(one.seconds, 3), one.reason, *states]


def exercises(report: Report) -> Iterator[Row]:
    """Yield a head and a row for each exercise."""
    yield ["exercise", "points", "mean share", *STATES]
    for one in report.exercises:
        yield [one.name, one.points, round(one.share, 4), *(one.counts[state] for state in STATES)]


def mistakes(report: Report) -> Iterator[Row]:
    """Yield a head and a row for each mistake."""
    yield ["mistake", "numbers", "students", "exercises", "example"]
    for one in report.slips:
        numbers = " ".join(map(str, one.numbers))
        yield [one.name, numbers, one.students, " ".join(one.exercises), one.example]
