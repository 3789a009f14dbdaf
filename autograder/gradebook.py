"""What nbgrader's steps spend on their grade book, and can be spared without changing a row.

nbgrader opens the grade book nine times for each submission, looks every cell up in it by a query
over seven tables, and commits after each. Here it is opened once for a run, and the scores of a
submission are looked up and committed together: whoever kills a run leaves all of a submission's
scores or none.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbgrader.converters.autograde
import nbgrader.preprocessors.getgrades
import nbgrader.preprocessors.latesubmissions
import nbgrader.preprocessors.overwritecells
import nbgrader.preprocessors.overwritekernelspec
import nbgrader.preprocessors.saveautogrades
from nbformat.v4.nbjson import JSONReader
from nbgrader import utils
from nbgrader.api import BaseCell, Comment, Grade, Gradebook, MissingEntry
from nbgrader.preprocessors import GetGrades, SaveAutoGrades

SQLITE = "sqlite:///"

# Where the steps of nbgrader's commands take the class from.
OPENED_IN = (
    nbgrader.converters.autograde,
    nbgrader.preprocessors.getgrades,
    nbgrader.preprocessors.latesubmissions,
    nbgrader.preprocessors.overwritecells,
    nbgrader.preprocessors.overwritekernelspec,
    nbgrader.preprocessors.saveautogrades,
)


# --- does the grade book know the notebook that was handed out? -----------------------------


def agrees(gradebook: Gradebook, assignment: str, released: Mapping[str, Any]) -> bool:
    """Whether the grade book and the released notebook are of one make, cell by cell.

    If they are, what nbgrader does to a submission to make it like the grade book has been done by
    `autograder.repair`, which makes it like the released notebook.
    """
    try:
        notebook = gradebook.find_notebook(assignment, assignment)
    except MissingEntry:
        return False
    known = {
        cell.name: (cell.cell_type, cell.locked, cell.checksum) for cell in notebook.source_cells
    }
    points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    handed_out: dict[str, tuple[str, bool, str | None]] = {}
    worth: dict[str, float] = {}
    for cell in JSONReader().to_notebook(released).cells:  # type: ignore[no-untyped-call]
        if "nbgrader" not in cell.metadata:
            continue
        name = cell.metadata.nbgrader["grade_id"]
        checksum = cell.metadata.nbgrader.get("checksum")
        if utils.is_locked(cell) and checksum != utils.compute_checksum(cell):
            return False
        handed_out[name] = (cell.cell_type, utils.is_locked(cell), checksum)
        if utils.is_grade(cell):
            worth[name] = float(cell.metadata.nbgrader["points"])
    kernel = json.loads(notebook.kernelspec) if notebook.kernelspec else {}
    same_kernel = not kernel or kernel == released["metadata"].get("kernelspec")
    return known == handed_out and points == worth and same_kernel


# --- saving and showing ---------------------------------------------------------------------


def by_name(gradebook: Gradebook, kind: Any, notebook: str) -> dict[str, Any]:
    """Return the rows of one kind that belong to a student's notebook, by the names of cells."""
    rows = gradebook.db.query(kind, BaseCell.name).join(BaseCell, BaseCell.id == kind.cell_id)
    return {name: row for row, name in rows.filter(kind.notebook_id == notebook)}


class SaveScores(SaveAutoGrades):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's step that saves scores, with one look-up and one commit for a submission."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Save what the check cells hold; manual scores stay."""
        own = resources["nbgrader"]
        with nbgrader.preprocessors.saveautogrades.Gradebook(own["db_url"]) as gradebook:
            notebook = gradebook.find_submission_notebook(
                own["notebook"], own["assignment"], own["student"]
            )
            grades = by_name(gradebook, Grade, notebook.id)
            comments = by_name(gradebook, Comment, notebook.id)
            for cell in nb.cells:
                if utils.is_grade(cell):
                    self._save_score(cell, grades[cell.metadata.nbgrader["grade_id"]])
                if utils.is_solution(cell) or utils.is_task(cell):
                    self._save_comment(cell, comments[cell.metadata.nbgrader["grade_id"]])
            gradebook.db.commit()
        return nb, resources

    def _save_score(self, cell: Any, grade: Any) -> None:
        grade.auto_score, _ = utils.determine_grade(cell, self.log)
        grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None

    @staticmethod
    def _save_comment(cell: Any, comment: Any) -> None:
        untouched = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
        comment.auto_comment = "No response." if untouched and not utils.is_task(cell) else None


class ShowScores(GetGrades):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's step that puts scores and comments into a page, with one look-up for each kind."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Put what the grade book holds into the metadata of the cells."""
        own = resources["nbgrader"]
        with nbgrader.preprocessors.getgrades.Gradebook(own["db_url"]) as gradebook:
            notebook = gradebook.find_submission_notebook(
                own["notebook"], own["assignment"], own["student"]
            )
            grades = by_name(gradebook, Grade, notebook.id)
            comments = by_name(gradebook, Comment, notebook.id)
            for cell in nb.cells:
                marks = cell.metadata.get("nbgrader", {})
                if utils.is_solution(cell) or utils.is_task(cell):
                    marks["comment"] = comments[marks["grade_id"]].comment
                if utils.is_grade(cell) or utils.is_task(cell):
                    grade = grades[marks["grade_id"]]
                    marks["score"], marks["points"] = grade.score, grade.max_score
            penalty = notebook.late_submission_penalty or 0
            if penalty:
                self.log.warning("Late submission penalty: %s", penalty)
            own["score"] = notebook.score - penalty
            own["max_score"] = notebook.max_score
            own["late_penalty"] = penalty
        return nb, resources


# --- opening --------------------------------------------------------------------------------


class _KeptOpen(Gradebook):  # type: ignore[misc]  # nbgrader has no types
    """A grade book that survives ``close``: its session ends, what was opened stays open."""

    def close(self) -> None:
        self.db.remove()

    def really_close(self) -> None:
        super().close()


@contextlib.contextmanager
def kept_open() -> Iterator[None]:
    """While this lasts, the steps of nbgrader's commands share the grade books they open.

    Every use still begins with a session of its own, which sees what others have written. A file
    that was put in the place of the old one is opened anew.
    """
    opened: dict[tuple[str, str, tuple[int, int] | None], _KeptOpen] = {}

    def open_once(db_url: str, course_id: str = "default_course", *more: Any) -> Gradebook:
        file = Path(db_url.removeprefix(SQLITE)) if db_url.startswith(SQLITE) else None
        status = file.stat() if file is not None and file.is_file() else None
        key = db_url, course_id, (status.st_dev, status.st_ino) if status else None
        if more or (file is not None and status is None):
            return Gradebook(db_url, course_id, *more)
        if key not in opened:
            opened[key] = _KeptOpen(db_url, course_id)
        return opened[key]

    for module in OPENED_IN:
        module.Gradebook = open_once
    try:
        yield
    finally:
        for module in OPENED_IN:
            module.Gradebook = Gradebook
        for gradebook in opened.values():
            gradebook.really_close()
