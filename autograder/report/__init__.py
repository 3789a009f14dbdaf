"""``python -m autograder report ASSIGNMENT``: what a class can and cannot do, on one page."""

from __future__ import annotations

import argparse
from pathlib import Path

from autograder.course import COURSE, Course
from autograder.report.page import page
from autograder.report.summary import summary
from autograder.report.tables import write_tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``report``."""
    parser.add_argument("assignment", metavar="ASSIGNMENT")
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="where to write (default: grading/reports)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the report; say where it is."""
    for path in write(args.assignment, folder=args.to):
        print(path)
    return 0


def write(assignment: str, course: Course = COURSE, folder: Path | None = None) -> list[Path]:
    """Write the page and the tables of one assignment; return their paths.

    Raises
    ------
    AutograderError
        If there is no such assignment, or nobody has been graded yet.
    """
    report = summary(assignment, course)
    folder = folder or course.grading_folder / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{assignment}.html"
    path.write_text(page(report), encoding="utf-8")
    return [path, *write_tables(report, folder)]
