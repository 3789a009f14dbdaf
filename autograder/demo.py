"""``python -m autograder demo``: a made-up class is collected, graded and given feedback, for real.

Everything is nbgrader's own commands, run as a TA would run them, in a folder of its own; the TA's
grade book is not touched. In the end every score is held against what the student deserves.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from autograder.build import build, register
from autograder.cells import solution_cells
from autograder.course import COURSE, Course
from autograder.errors import AutograderError
from autograder.records import Records
from autograder.sample_answers import FORGERY, OTHER_FORMULAS
from autograder.sample_class import Handed, hand_in
from course_autograd.mistakes import CATALOGUE
from course_autograd.ops import all_operations

FOLDER = "grading-demo"
OWN = ("downloaded", "submitted", "autograded", "feedback")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Demo:
    """One run of the demo in one folder.

    Parameters
    ----------
    course : Course
        The course whose assignments are graded.
    folder : Path
        Where the class hands in, and where the demo's own grade book lies.
    """

    course: Course
    folder: Path

    @property
    def db_url(self) -> str:
        """The demo's own grade book."""
        return f"sqlite:///{(self.folder / 'gradebook.db').as_posix()}"

    @property
    def grades(self) -> Path:
        """The exported table of grades."""
        return self.folder / "grades.csv"

    def flags(self) -> list[str]:
        """Return the flags that send nbgrader to this folder instead of the TA's."""
        where = {
            f"{step}_directory": str(self.folder / step)
            for step in ("submitted", "autograded", "feedback")
        }
        settings = {"db_url": self.db_url} | where
        return [f"--CourseDirectory.{key}={value}" for key, value in settings.items()]

    def clear(self) -> None:
        """Remove what an earlier run of the demo left, and only that."""
        self.folder.mkdir(exist_ok=True)
        for name in OWN:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in (
            self.grades,
            self.folder / "gradebook.db",
            self.folder / "nbgrader.log",
            *self.folder.glob("*.jsonl"),
        ):
            path.unlink(missing_ok=True)

    def nbgrader(self, *command: str, on_line: Callable[[str], object] = str) -> int:
        """Run one nbgrader command in the course's root; its log goes to ``nbgrader.log``."""
        with (self.folder / "nbgrader.log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "nbgrader", *command, *self.flags()],
                cwd=self.course.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                on_line(line)
            return process.wait()

    def hand_out(self, names: Sequence[str]) -> dict[str, list[Handed]]:
        """Let the class hand in: one archive per assignment, as an LMS would give it."""
        everything: dict[str, list[Handed]] = {}
        for name in names:
            everything[name] = list(sample(self.course, name))
            archive = self.folder / "downloaded" / name / "archive"
            archive.mkdir(parents=True)
            with zipfile.ZipFile(archive / "handed_in.zip", "w") as bundle:
                for handed in everything[name]:
                    bundle.writestr(f"{handed.student}_{handed.filename}", handed.content)
        return everything

    def grade(self, name: str, on_student: Callable[[], object]) -> list[int]:
        """Collect, autograde and give feedback for one assignment; return the exit statuses."""
        step = "submitted"

        def watch(line: str) -> None:
            if "Converting notebook" in line and f"{os.sep}{step}{os.sep}" in line:
                on_student()

        # zip_collect, unlike nbgrader's other commands, takes its folder relative to the root
        downloaded = os.path.relpath(self.folder / "downloaded", self.course.root)
        statuses = [
            self.nbgrader(
                "zip_collect", name, f"--ZipCollectApp.downloaded_directory={downloaded}"
            ),
            self.nbgrader("autograde", name, on_line=watch),
        ]
        step = "autograded"
        return [*statuses, self.nbgrader("generate_feedback", name, on_line=watch)]


def sample(course: Course, name: str) -> Iterator[Handed]:
    """Yield what the made-up class hands in for one assignment of `course`."""
    release = json.loads(course.assignment(name).read_text(encoding="utf-8"))
    whole = frozenset(key for key, operation in all_operations().items() if operation.whole)
    return hand_in(
        name, release, solution_cells(course.reference(name)), whole, OTHER_FORMULAS, FORGERY
    )


# --- holding the result against what was deserved -------------------------------------------


def unexpected(handed: Handed, record: Record | None) -> str | None:
    """Say in a sentence what is not as deserved, or return None.

    Parameters
    ----------
    handed : Handed
        What the student did, and what it deserves.
    record : mapping or None
        The judge's last record of this student and assignment.
    """
    if record is None:
        return "no record at all"
    if handed.outcome == "not graded":
        return None if record.get("reason") else "graded, though it cannot be read"
    if "reason" in record:
        return f"not graded: {record['reason']}"
    exercises = {entry["name"]: entry for entry in record["exercises"]}
    for name, entry in exercises.items():
        full, score = entry["points"], entry["score"]
        if handed.outcome == "zero" and score:
            return f"{name}: {score:g} points for nothing"
        if handed.outcome == "full" and score != full:
            return f"{name}: {score:g} of {full:g} points for a right answer"
        if handed.outcome == "partly" and (score < full) != (name in handed.wrong):
            return f"{name}: {score:g} of {full:g} points"
    if handed.mistake is not None:
        named = {number for name in handed.wrong for number in exercises[name]["numbers"]}
        if handed.mistake not in named:
            return f"mistake {handed.mistake} not named, but {sorted(named) or 'none'}"
    return None


# --- showing it -----------------------------------------------------------------------------


def mark(entry: Record) -> str:
    """Return points and the numbers of the mistakes named: ``"1.5 #12"``."""
    named = "/".join(str(number) for number in dict.fromkeys(entry["numbers"]) if number)
    return f"{entry['score']:.3g}" + (f" #{named}" if named else "")


def table(records: Mapping[str, Record]) -> list[str]:
    """Return the lines of a table student × exercise for one assignment."""
    graded = [record for record in records.values() if "exercises" in record]
    if not graded:
        return ["nobody could be graded"]
    exercises = graded[0]["exercises"]
    heads = [
        [*textwrap.wrap(entry["name"].replace("_", "_ "), 13), f"({entry['points']:g})"]
        for entry in exercises
    ]
    heads = [[part.replace("_ ", "_") for part in head] for head in heads]
    rows = {
        student: [mark(entry) for entry in record["exercises"]] + [f"{record['score']:.3g}"]
        for student, record in records.items()
        if "exercises" in record
    }
    heads.append(["sum", f"({sum(entry['points'] for entry in exercises):g})"])
    widths = [
        max(len(text) for text in (*head, *(row[column] for row in rows.values())))
        for column, head in enumerate(heads)
    ]
    left = max(len(student) for student in records)
    height = max(len(head) for head in heads)
    padded = [[""] * (height - len(head)) + head for head in heads]
    lines = [
        " " * left
        + "  "
        + "  ".join(f"{head[i]:>{w}}" for head, w in zip(padded, widths, strict=True))
        for i in range(height)
    ]
    for student, record in records.items():
        if student in rows:
            marks = zip(rows[student], widths, strict=True)
            lines.append(f"{student:<{left}}  " + "  ".join(f"{text:>{w}}" for text, w in marks))
        else:
            lines.append(f"{student:<{left}}  not graded: {record['reason']}")
    return lines


def legend(records: Iterable[Record]) -> list[str]:
    """Return one line per number of a mistake that was named, with all its names."""
    numbers = {
        number
        for record in records
        for entry in record.get("exercises", ())
        for number in entry["numbers"]
    }
    return [
        f"  #{number:<3} "
        + "; ".join(each.name for each in CATALOGUE.values() if each.number == number)
        for number in sorted(numbers - {0})
    ]


# --- the command ----------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``demo``."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="assignments (default: all)")
    parser.add_argument(
        "--folder", type=Path, default=None, help=f"where to work (default: {FOLDER})"
    )


def run(args: argparse.Namespace) -> int:
    """``python -m autograder demo [NAME...] [--folder DIR]``; 0 if every score is as deserved."""
    folder = (args.folder or COURSE.root / FOLDER).resolve()
    if folder == COURSE.grading_folder.resolve():
        raise AutograderError(
            f"demo: {folder.name} holds the real grade book. Choose another --folder."
        )
    demo = Demo(COURSE, folder)
    names = COURSE.select(args.names)
    print("building the notebooks ...", flush=True)
    build(names)
    demo.clear()
    register(names, db_url=demo.db_url)
    handed = demo.hand_out(names)
    students = sum(len(of_one) for of_one in handed.values())
    with tqdm(total=2 * students, unit="notebook", desc="grading", file=sys.stdout) as bar:
        for name in names:
            bar.set_description(name)
            demo.grade(name, lambda: bar.update(1))
        bar.update(2 * students - bar.n)
    demo.nbgrader("export", f"--to={demo.grades}")
    return show(demo, handed)


def show(demo: Demo, handed: Mapping[str, Sequence[Handed]]) -> int:
    """Print the tables, where everything lies, and what is not as deserved."""
    latest = Records(demo.folder).latest()
    surprises = []
    for name, of_one in handed.items():
        records = {
            each.student: latest.get((each.student, name), {"reason": "no record"})
            for each in of_one
        }
        print(f"\n{name}: points, and # the mistake that was named\n")
        print("\n".join(table(records)))
        surprises += [
            f"  {name}, {each.student}: {sentence}"
            for each in of_one
            if (sentence := unexpected(each, latest.get((each.student, name))))
        ]
    print("\nMistakes named:\n" + "\n".join(legend(latest.values())))
    total = sum(len(of_one) for of_one in handed.values())
    print(f"\nAs deserved: {total - len(surprises)} of {total} submissions.")
    if surprises:
        print("Not as deserved:\n" + "\n".join(surprises))
    print(f"\nFeedback pages: {demo.folder / 'feedback'}")
    print(f"Table of grades: {demo.grades}")
    print(f"nbgrader's log:  {demo.folder / 'nbgrader.log'}")
    return 1 if surprises else 0
