"""Rendering the notebooks, and entering assignments into the grade book.

Both go through nbgrader's own ``generate_assignment`` in a temporary course, so that what students
get and what the grade book holds are made by one program. `build` keeps the notebooks and needs no
grade book; `register` writes into the real one and throws the notebooks away.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateAssignment, NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.course import COURSE, COURSE_ID, Course, configure
from autograder.errors import BuildError
from autograder.source import COMMAND, reference_notebook, with_notice

# What nbgrader and JupyterLab leave beside a notebook, and nbgrader never copies.
IGNORED = (".ipynb_checkpoints", "__pycache__")


@dataclass(frozen=True)
class Rendering:
    """The two notebooks made from one text source, as text."""

    reference: str
    assignment: str


def render(name: str, course: Course = COURSE) -> Rendering:
    """Render one assignment in a temporary course, without a grade book.

    Raises
    ------
    SourceError
        If the text source breaks a rule.
    BuildError
        If nbgrader refuses the notebook.
    """
    notebook = reference_notebook(course, name)
    reference = as_json(with_notice(notebook))
    with _generated(name, reference) as temporary:
        text = temporary.assignment(name).read_text(encoding="utf-8")
        return Rendering(reference, text)


def build(names: Sequence[str] = (), course: Course = COURSE) -> list[Path]:
    """Render assignments (all by default) into ``solutions/`` and ``assignments/``.

    Returns
    -------
    list of Path
        The files that changed. Files that are up to date are not touched.
    """
    changed = []
    for name in course.select(list(names)):
        _require_alone(name, course)
        for path, text in _targets(name, course).items():
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                _write(path, text)
                changed.append(path)
    return changed


def out_of_date(names: Sequence[str] = (), course: Course = COURSE) -> list[str]:
    """Compare the renderings on disk with fresh ones; write nothing.

    Returns
    -------
    list of str
        One sentence for each file that is missing, differs, or has no source.
    """
    found = []
    for name in course.select(list(names)):
        _require_alone(name, course)
        for path, text in _targets(name, course).items():
            where = path.relative_to(course.root)
            if not path.is_file():
                found.append(f"{where} is missing")
            elif path.read_text(encoding="utf-8") != text:
                found.append(f"{where} does not agree with solutions/{name}.py")
    if not names:
        found += [
            f"{path.relative_to(course.root)} has no source in solutions/; delete it"
            for folder in (course.solutions, course.assignments)
            for path in sorted(folder.glob("*/*.ipynb"))
            if path.stem not in course.names() or path.parent.name != path.stem
        ]
    return found


def register(
    names: Sequence[str] = (), course: Course = COURSE, db_url: str | None = None
) -> list[str]:
    """Enter assignments (all by default) into the grade book, from their text sources.

    Doing it again changes nothing but what the source has changed.

    Parameters
    ----------
    names : sequence of str
        The assignments.
    course : Course
        Where the sources lie, and whose grade book it is.
    db_url : str, optional
        Another grade book than the course's own.

    Returns
    -------
    list of str
        The names entered.

    Raises
    ------
    BuildError
        If cells were added or removed while submissions are already graded: nbgrader keeps grades
        by cell and refuses.
    """
    chosen = course.select(list(names))
    course.grading_folder.mkdir(parents=True, exist_ok=True)
    for name in chosen:
        reference = as_json(reference_notebook(course, name))
        with _generated(name, reference, db_url or course.db_url):
            pass
    return chosen


def is_registered(name: str, db_url: str) -> bool:
    """Whether the grade book knows the assignment and its notebook."""
    with _quiet_database(), Gradebook(db_url, COURSE_ID) as gradebook:
        try:
            gradebook.find_notebook(name, name)
        except MissingEntry:
            return False
    return True


def as_json(notebook: Any) -> str:
    """Write a notebook as nbformat does: sorted keys, one space, one line of source per line."""
    written = {
        **notebook,
        "cells": [{**cell, "source": _lines(cell["source"])} for cell in notebook["cells"]],
    }
    return json.dumps(written, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _lines(source: str | list[str]) -> list[str]:
    return source.splitlines(keepends=True) if isinstance(source, str) else source


def _targets(name: str, course: Course) -> dict[Path, str]:
    made = render(name, course)
    return {course.reference(name): made.reference, course.assignment(name): made.assignment}


def _require_alone(name: str, course: Course) -> None:
    """Raise if anything but the reference notebook lies in ``solutions/NAME/``."""
    folder = course.reference(name).parent
    for path in sorted(folder.glob("*")):
        if path.name not in (f"{name}.ipynb", *IGNORED):
            raise BuildError(
                f"solutions/{name}/{path.name}: nbgrader copies every file of this folder to the "
                "students. Nothing but the reference notebook may lie here; move it away."
            )


def _write(path: Path, text: str) -> None:
    """Write a file in one step, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)


# --- nbgrader -------------------------------------------------------------------------------


@contextmanager
def _generated(name: str, reference: str, db_url: str | None = None) -> Iterator[Course]:
    """Run nbgrader's generate_assignment in a temporary course and yield that course.

    Without `db_url` no grade book is made at all: creating one starts a program (alembic) and
    takes longer than everything else.
    """
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        temporary = Course(Path(folder).resolve())
        _write(temporary.reference(name), reference)
        config = Config()
        configure(config, temporary)
        if db_url is None:
            config.GenerateAssignment.no_database = True
            config.SaveCells.enabled = False
        else:
            config.CourseDirectory.db_url = db_url
        config.CourseDirectory.assignment_id = name
        config.GenerateAssignment.force = True
        coursedir = CourseDirectory(config=config)
        converter = GenerateAssignment(coursedir=coursedir, config=config)
        with _heard(converter.log) as heard, _quiet_database():
            try:
                converter.start()
            except NbGraderException as error:
                raise BuildError(_explain(name, heard)) from error
        yield temporary


def _explain(name: str, heard: list[str]) -> str:
    said = "\n".join(heard)
    if "Cannot add or remove cells" in said:
        return (
            f"{name}: cells with a role were added, removed or renamed, but the grade book already "
            "holds submissions to this assignment, and grades belong to cells. Put the cells back "
            "as they were, or begin a new grade book."
        )
    return f"{name}: nbgrader could not generate the assignment. It says:\n{said}"


@contextmanager
def _heard(log: Any) -> Iterator[list[str]]:
    """Keep nbgrader's messages off the screen, and collect its errors."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    listener = Listener(level=logging.ERROR)
    before, propagated, level = list(log.handlers), log.propagate, log.level
    log.handlers, log.propagate = [listener], False
    log.setLevel(logging.ERROR)
    try:
        yield heard
    finally:
        log.handlers, log.propagate = before, propagated
        log.setLevel(level)


@contextmanager
def _quiet_database() -> Iterator[None]:
    """Pass over SQLAlchemy's warnings about how nbgrader uses it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# --- command line ---------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``build``."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="assignments (default: all)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail if a rendering is not up to date",
    )


def run(args: argparse.Namespace) -> int:
    """``python -m autograder build [--check] [NAME...]``."""
    if args.check:
        found = out_of_date(args.names)
        for sentence in found:
            print(sentence)
        if found:
            print(f"Out of date. Run: {COMMAND}")
            return 1
        print("Everything is up to date.")
        return 0
    changed = build(args.names)
    for path in changed:
        print(f"wrote {os.fspath(path.relative_to(COURSE.root))}")
    if not changed:
        print("Everything is up to date.")
    return 0
