"""Every way a submission can be broken, in one class, through nbgrader's own commands.

One row for each: what was handed in, what it deserves, and the sentence that is said about it: on
the student's page, or to the TA where there is no grade. A correct student stands before and after
all the others. What comes in archives (other names, ``../``) is in ``test_collect.py``; what
attacks the grader is in ``tests/attacks``.
"""

from __future__ import annotations

import csv
import html
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_course import ASSIGNMENT, POINTS, Submission, small_course

from autograder.course import ROOT, Course

pytestmark = pytest.mark.slow

FULL = sum(POINTS.values())
ONE_WRONG = FULL - POINTS["mul"]
FILE = f"{ASSIGNMENT}.ipynb"
WRONG = "@backward_of(ops.mul)\ndef m(ctx, grad_output):\n    x, y = ctx\n    return y, x"
HEAD = "@backward_of(ops.mul)\ndef mul_backward(ctx, grad_output):\n"
TAIL = "    x, y = ctx\n    return grad_output * y, grad_output * x\n"

Maker = Callable[[Submission, Path], object]


@dataclass(frozen=True)
class Row:
    """One broken submission.

    Attributes
    ----------
    student : str
        The folder's name: what is broken, in a word.
    make : callable
        Spoils a finished submission and writes it into its folder.
    deserved : float or None
        The score; None for "not graded".
    says : str
        A sentence, or part of one: on the page, or told to the TA.
    """

    student: str
    make: Maker
    deserved: float | None = FULL
    says: str = ""


def cells(change: Callable[[Submission], object]) -> Maker:
    """Change the cells of a finished submission, and hand it in under the right name."""

    def make(done: Submission, folder: Path) -> None:
        change(done)
        done.save(folder / FILE)

    return make


def content(change: Callable[[dict[str, Any]], object]) -> Maker:
    """Change a finished submission's JSON as a whole."""
    return cells(lambda done: change(done.content))


def raw(data: bytes) -> Maker:
    """Hand in these bytes."""
    return lambda _, folder: (folder / FILE).write_bytes(data)


def named(*names: str) -> Maker:
    """Hand a finished submission in under other names."""

    def make(done: Submission, folder: Path) -> None:
        for name in names:
            done.save(folder / name)

    return make


def retyped(done: Submission, grade_id: str, kind: str) -> None:
    cell = done.cells[done.index(grade_id)]
    cell["cell_type"] = kind
    if kind != "code":
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def split(done: Submission) -> None:
    """The answer cut in two: the second half, a cell of its own, carries the same name."""
    done.duplicate("power")
    first, second = done.solutions["power"].split("    x, exponent", 1)
    place = done.index("power")
    done.cells[place]["source"] = "half = None"
    done.cells[place + 1]["source"] = f"{first}    x, exponent{second}"


def sparse(_: Submission, folder: Path) -> None:
    with (folder / FILE).open("wb") as file:
        file.truncate(100_000_000)


def zipped(done: Submission, folder: Path) -> None:
    with zipfile.ZipFile(folder / FILE, "w") as archive:
        archive.writestr(FILE, done.text())


def linked(done: Submission, folder: Path) -> None:
    done.save(folder.parent / "elsewhere.ipynb")
    (folder / FILE).symlink_to(folder.parent / "elsewhere.ipynb")


def hard_linked(done: Submission, folder: Path) -> None:
    done.save(folder / FILE)
    secret = done.save(folder.parent / "secret.txt")
    os.link(secret, folder / "notes.txt")


def format_3(given: dict[str, Any]) -> None:
    """Write a notebook as in the third format: worksheets, ``input`` and ``level``."""
    for cell in given["cells"]:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
            cell["language"] = "python"
            cell["prompt_number"] = cell.pop("execution_count", None)
    given["worksheets"] = [{"cells": given.pop("cells"), "metadata": {}}]
    given["nbformat"], given["nbformat_minor"] = 3, 0


def no_marks(done: Submission) -> None:
    for cell in done.cells:
        cell["metadata"] = {}


def mark(grade_id: str, key: str, value: Any) -> Maker:
    return cells(lambda done: done.marks(grade_id).update({key: value}))


ROWS = [
    Row("aaa_good", cells(lambda done: done)),
    # --- the file ---------------------------------------------------------------------------
    Row("not_json", raw(b"{ no notebook"), None, "is no notebook"),
    Row("empty", raw(b""), None, "is empty"),
    Row("a_list", raw(b"[]"), None, "is no notebook"),
    Row(
        "utf_16",
        lambda done, folder: raw(done.text().encode("utf-16"))(done, folder),
        None,
        "UTF-8",
    ),
    Row("huge", sparse, None, "has more than 10 MB"),
    Row("deep", raw(b"[" * 200_000), None, "cannot be read"),
    Row("a_zip", zipped, None, "is no notebook"),
    Row("no_file", lambda *_: None, None, "holds no notebook"),
    Row("linked", linked, None, "link"),
    Row("hard_link_beside", hard_linked),
    Row("other_work", raw(json.dumps({"cells": [], "metadata": {}, "nbformat": 4}).encode()), None),
    # --- its name ----------------------------------------------------------------------------
    Row("renamed", named(f"{ASSIGNMENT} (1).ipynb"), FULL, "The file was named"),
    Row("capitals", named(f"{ASSIGNMENT}.IPYNB"), FULL, "The file was named"),
    Row("extra_notebook", named(FILE, "notes.ipynb")),
    Row('it\'s "me"', cells(lambda done: done)),
    Row("Zoë Ångström", cells(lambda done: done)),
    Row("two words", cells(lambda done: done)),
    # --- the format --------------------------------------------------------------------------
    Row("format_3", content(format_3)),
    Row("minor_99", content(lambda given: given.update(nbformat_minor=99))),
    Row("wrong_kernel", content(lambda g: g["metadata"].update(kernelspec={"name": "ir"}))),
    Row("no_metadata", content(lambda given: given.pop("metadata"))),
    Row("same_ids", cells(lambda done: [one.update(id="same") for one in done.cells])),
    # --- the cells ---------------------------------------------------------------------------
    Row("no_check", cells(lambda done: done.delete("check-mul")), FULL, "was missing"),
    Row("no_answer", cells(lambda done: done.delete("mul")), ONE_WRONG, "mul"),
    Row("no_setup", cells(lambda done: done.delete("setup"))),
    Row("check_twice", cells(lambda done: done.duplicate("check-mul")), FULL, "check-mul"),
    Row("answer_twice", cells(lambda done: done.duplicate("mul")), FULL, "mul"),
    Row("split_answer", cells(split), FULL, "power"),
    Row(
        "check_as_text",
        cells(lambda done: retyped(done, "check-mul", "markdown")),
        FULL,
        "check-mul",
    ),
    Row(
        "edited_check",
        cells(lambda done: done.write(**{"check-mul": "assert True"})),
        FULL,
        "check-mul",
    ),
    Row(
        "edited_setup",
        cells(lambda done: done.write(setup="import nothing_there")),
        FULL,
        "set-up cell",
    ),
    Row("points_100", mark("check-mul", "points", 100)),
    Row("points_many", mark("check-mul", "points", "many")),
    Row("no_grade_flag", mark("check-mul", "grade", False)),
    Row("check_as_solution", mark("check-mul", "solution", True)),
    Row("unlocked", mark("check-mul", "locked", False)),
    Row("grade_id_changed", mark("check-mul", "grade_id", "mine")),
    Row("schema_1", mark("mul", "schema_version", 1)),
    Row("no_marks", cells(no_marks), FULL, "found again by text and order"),
    # --- the code ----------------------------------------------------------------------------
    Row("nothing_done", lambda _, folder: Submission(COURSES[-1]).save(folder / FILE), 0.0),
    Row("one_wrong", cells(lambda done: done.write(mul=WRONG)), ONE_WRONG, "mul"),
    Row("syntax", cells(lambda done: done.write(mul="def (:")), ONE_WRONG, "SyntaxError"),
    Row("quits", cells(lambda done: done.write(mul="quit()")), ONE_WRONG),
    Row("asks", cells(lambda done: done.write(mul="input()")), ONE_WRONG),
    Row("exits", cells(lambda done: done.insert("mul", "import os\nos._exit(0)"))),
    Row(
        "recursion",
        cells(lambda done: done.write(mul=f"{HEAD}    return mul_backward(ctx, 1)")),
        ONE_WRONG,
    ),
    Row(
        "loops",
        cells(lambda done: done.write(mul=f"{HEAD}    while True: pass")),
        ONE_WRONG,
        "second",
    ),
    Row("warns", cells(lambda done: done.write(mul=f"{HEAD}    np.log(-1.0)\n{TAIL}"))),
    Row("stderr", cells(lambda done: done.insert("mul", "import sys\nprint(1, file=sys.stderr)"))),
    Row("prints", cells(lambda done: done.write(mul=f"{HEAD}    print(17)\n{TAIL}"))),
    Row("much_output", cells(lambda done: done.insert("mul", "print('a' * 20_000_000)"))),
    Row("surrogate", cells(lambda done: done.insert("mul", "print('\\ud800')"))),
    Row("capture", cells(lambda done: done.insert("mul", "%%capture\n1"))),
    Row("signs", cells(lambda done: done.insert("mul", "print('\\x00\\x1b[31m \\u202e 🙂')"))),
    Row("elsewhere", cells(lambda done: done.insert("mul", "import os\nos.chdir('/')"))),
    Row("zzz_good", cells(lambda done: done)),
]
COURSES: list[Course] = []


@dataclass(frozen=True)
class Graded:
    """What the commands have said and left."""

    course: Course
    said: dict[str, str]
    status: dict[str, int]
    rows: dict[str, dict[str, str]]

    def page(self, student: str) -> str:
        """The student's page as text, empty if there is none."""
        folder = self.course.grading_folder / "feedback" / student / ASSIGNMENT
        path = folder / f"{ASSIGNMENT}.html"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        return " ".join(html.unescape(re.sub("<[^>]+>", " ", text)).split())


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """All of them, graded by the three commands of a TA."""
    course = small_course(tmp_path_factory.mktemp("course") / "small")
    COURSES.append(course)
    for row in ROWS:
        folder = course.grading_folder / "submitted" / row.student / ASSIGNMENT
        folder.mkdir(parents=True)
        row.make(Submission(course).solve(), folder)
    said, status = {}, {}
    for command in ("autograde", "generate_feedback", "export"):
        words = [command, *([ASSIGNMENT] if command != "export" else [])]
        done = subprocess.run(
            [str(Path(sys.executable).parent / "nbgrader"), *words],
            cwd=course.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        said[command], status[command] = done.stdout + done.stderr, done.returncode
    with (course.root / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    return Graded(course, said, status, rows)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.student)
def test_everybody_gets_what_is_deserved_and_one_plain_sentence(row: Row, graded: Graded) -> None:
    if row.deserved is None:
        assert graded.page(row.student) == ""
        found = re.search(
            rf"not graded: {re.escape(row.student)}, \S+: (.*)", graded.said["autograde"]
        )
        assert found is not None
        assert row.says in found[1]
        assert found[1].endswith((".", ")"))
        assert graded.rows[row.student]["score"] == ""
        assert graded.rows[row.student]["status"].startswith("not graded: ")
    else:
        assert float(graded.rows[row.student]["score"]) == row.deserved
        assert row.says in graded.page(row.student)
        assert "Result" in graded.page(row.student)


def test_the_exit_status_tells_and_nothing_looks_like_a_crash(graded: Graded) -> None:
    missing = [row.student for row in ROWS if row.deserved is None]
    assert graded.status["autograde"] != 0
    assert f"{len(missing)} submissions of {ASSIGNMENT} not graded" in graded.said["autograde"]
    for said in graded.said.values():
        assert "Traceback" not in said


def test_nothing_that_lay_beside_a_notebook_is_copied(graded: Graded) -> None:
    for folder in ("autograded", "feedback"):
        found = (graded.course.grading_folder / folder).rglob("*.txt")
        assert [path.name for path in found] == []


def test_the_hand_ins_are_still_as_they_were(graded: Graded) -> None:
    submitted = graded.course.grading_folder / "submitted"
    assert (submitted / "not_json" / ASSIGNMENT / FILE).read_bytes() == b"{ no notebook"
    assert (submitted / "capitals" / ASSIGNMENT / f"{ASSIGNMENT}.IPYNB").is_file()
    assert (submitted / "linked" / ASSIGNMENT / FILE).is_symlink()
