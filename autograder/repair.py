"""Repairing what was handed in, against the notebook that was handed out.

Students copy cells, split them, delete check cells, and some editors lose metadata. nbgrader
stops a whole class at some of these. Here the notebook is written anew: text and code are the
student's, everything nbgrader relies on is the released notebook's, and every difference that
mattered is said in one sentence. Nothing else of the file is taken over: outputs, attachments and
foreign metadata stay behind. Text cells that are not the course's are shown as plain text: HTML in
them would run in the browser of whoever grades.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.cells import Cell, Notebook, parse_notebook
from autograder.errors import NotANotebookError
from autograder.names import with_names

WIDEST = 200  # characters in a line of a student's text
KEY = "course_autograd"  # our place in a notebook's metadata
MARKS = ("points", "grade", "locked", "solution", "schema_version")
WHAT = {
    "setup": "The set-up cell",
    "shown": "The demonstration cell '{name}'",
    "check": "The check cell of {name}",
    "worked": "The worked solution of {name}",
    "solution": "The answer cell of {name}",
}


@dataclass(frozen=True)
class Repaired:
    """A notebook as it will be graded, and what had to be mended.

    Attributes
    ----------
    content : dict
        The notebook, format 4.5.
    sentences : tuple of str
        One for each repair, for student and TA.
    """

    content: dict[str, Any]
    sentences: tuple[str, ...]

    @property
    def notebook(self) -> Notebook:
        """The cells, as the judge reads them."""
        return parse_notebook(self.content)


def read_released(path: Path) -> dict[str, Any]:
    """Read a released notebook (trusted) with all its metadata."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def overlap(notebook: Notebook, released: Mapping[str, Any]) -> int:
    """Count the cells that belong to the assignment: answer and check cells, by their names."""
    asked = {
        cell.grade_id
        for cell in parse_notebook(released)
        if cell.role in ("solution", "check") and cell.grade_id
    }
    return len(asked & {cell.grade_id for cell in notebook})


def require_own(notebook: Notebook, released: Mapping[str, Any], assignment: str) -> None:
    """Refuse a notebook in which no cell belongs to the assignment.

    Raises
    ------
    NotANotebookError
        With one plain sentence.
    """
    if not overlap(with_names(notebook, released), released):
        raise NotANotebookError(
            f"no cell carries a name of the assignment {assignment}: either it is another "
            "notebook, or the program it was saved with has removed all names, and the cells are "
            "too much changed to find them again."
        )


def repair(notebook: Notebook, released: Mapping[str, Any]) -> Repaired:
    """Write a submission anew.

    Parameters
    ----------
    notebook : Notebook
        What was handed in, as `autograder.cells` reads it.
    released : mapping
        The released notebook as parsed JSON.

    Returns
    -------
    Repaired
    """
    mending = _Mending(released)
    found = with_names(notebook, released)
    if found is not notebook:
        mending.say(
            "The program this notebook was saved with had removed the names of all cells; they "
            "were found again by text and order."
        )
    for cell in found:
        mending.take(cell)
    mending.put_back()
    kernel = released["metadata"].get("kernelspec")
    metadata: dict[str, Any] = {KEY: {"repairs": list(mending.sentences)}}
    if kernel is not None:
        metadata["kernelspec"] = kernel
    cells = mending.cells
    for position, made in enumerate(cells):
        own = made["metadata"].get("nbgrader")
        made["id"] = own["grade_id"][:64] if own else f"handed-in-{position:04d}"
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return Repaired(content, tuple(mending.sentences))


class _Mending:
    """The notebook in the making."""

    def __init__(self, released: Mapping[str, Any]) -> None:
        raw = {
            cell["metadata"]["nbgrader"]["grade_id"]: cell
            for cell in released["cells"]
            if "nbgrader" in cell.get("metadata", {})
        }
        parsed = {cell.grade_id: cell for cell in parse_notebook(released) if cell.grade_id}
        self.texts = {
            cell.source.strip() for cell in parse_notebook(released) if cell.kind != "code"
        }
        self.raw, self.known = raw, {name: parsed[name] for name in raw}
        self.cells: list[dict[str, Any]] = []
        self.place: dict[str, int] = {}  # grade id -> position in `cells`
        self.copies: dict[str, int] = {}
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def take(self, cell: Cell) -> None:
        """Take over one cell of the student's."""
        grade_id = cell.grade_id
        if grade_id is None:
            self._own(cell)
        elif grade_id not in self.known:
            self.say(
                f"The cell named '{grade_id[:60]}' does not belong to this assignment; "
                "it is kept as a cell of your own."
            )
            self._own(cell)
        elif self.known[grade_id].role == "solution":
            self._answer(cell, grade_id)
        else:
            self._locked(cell, grade_id)

    def _own(self, cell: Cell) -> None:
        """A cell without a name: code, text of the course, or text of the student's own."""
        if cell.kind == "code" or cell.source.strip() in self.texts:
            self.cells.append(plain_cell(cell.kind, cell.source))
        else:
            self.cells.append(plain_cell("markdown", as_plain_text(cell.source)))

    def _answer(self, cell: Cell, grade_id: str) -> None:
        """An answer cell: all copies run in their order, the last one carries the name."""
        self._compare_marks(cell, grade_id)
        what = describe(self.known[grade_id])
        if cell.kind != "code":
            self.say(f"{what} had been turned into text; it counts as code again.")
        if grade_id in self.place:
            self.copies[grade_id] = self.copies.get(grade_id, 1) + 1
            earlier = self.cells[self.place[grade_id]]
            self.cells[self.place[grade_id]] = plain_cell("code", earlier["source"])
        self.place[grade_id] = len(self.cells)
        self.cells.append(self._named(grade_id, cell.source))

    def _locked(self, cell: Cell, grade_id: str) -> None:
        """A cell that students do not write: as released, once."""
        original = self.known[grade_id]
        what = describe(original)
        same = cell.source.strip() == original.source.strip()
        if grade_id in self.place:
            self.say(f"{what} was there more than once; one is kept.")
            if not same:
                self._own(cell)
            return
        self._compare_marks(cell, grade_id)
        if cell.kind != original.kind:
            self.say(f"{what} had been turned into text; the original is back.")
        elif not same:
            self.say(f"{what} had been changed; the original is back.")
        self.place[grade_id] = len(self.cells)
        self.cells.append(self._named(grade_id, original.source))

    def _compare_marks(self, cell: Cell, grade_id: str) -> None:
        original = self.raw[grade_id]["metadata"]["nbgrader"]
        if any(cell.marks.get(key) != original.get(key) for key in MARKS):
            self.say(
                f"The grading data of {describe(self.known[grade_id])[0].lower()}"
                f"{describe(self.known[grade_id])[1:]} had been changed; the original is back."
            )

    def put_back(self) -> None:
        """Put missing locked cells back, and say which answer cells are missing."""
        for grade_id, count in self.copies.items():
            self.say(
                f"{describe(self.known[grade_id])} was there {count} times; all of them are run, "
                "in their order."
            )
        before: str | None = None
        for grade_id, original in self.known.items():
            what = describe(original)
            if grade_id not in self.place and original.role == "solution":
                self.say(f"{what} is missing.")
                continue
            if grade_id not in self.place:
                self._insert_after(before, grade_id, original.source)
                self.say(f"{what} was missing; it was put back.")
            before = grade_id

    def _insert_after(self, before: str | None, grade_id: str, source: str) -> None:
        position = 0 if before is None else self.place[before] + 1
        for name, place in self.place.items():
            if place >= position:
                self.place[name] = place + 1
        self.cells.insert(position, self._named(grade_id, source))
        self.place[grade_id] = position

    def _named(self, grade_id: str, source: str) -> dict[str, Any]:
        """Return a cell with the released metadata."""
        original = self.raw[grade_id]
        made = plain_cell(original["cell_type"], source)
        made["metadata"] = json.loads(json.dumps(original["metadata"]))
        return made


def describe(cell: Cell) -> str:
    """Name a cell of the released notebook for students and TAs."""
    return WHAT[cell.role].format(name=cell.name)


def as_plain_text(text: str) -> str:
    """Return markdown that shows `text` as it is: a code block with a fence of its own length.

    Escaping would have to foresee every way in which markdown, HTML and formulas can be live.
    """
    if not text.strip():
        return ""
    # nbconvert's search for links takes the square of a line's length: a long line is an hour.
    text = re.sub(rf"([^\n]{{{WIDEST}}})(?=[^\n])", r"\1\n", text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def plain_cell(kind: str, source: str) -> dict[str, Any]:
    """Return a cell without outputs and metadata."""
    made: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source}
    if kind == "code":
        made |= {"execution_count": None, "outputs": []}
    return made
