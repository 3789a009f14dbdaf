"""Taking submissions in: before anything is copied, one plain notebook for each, or a reason.

nbgrader copies whatever lies in a submission's folder, and follows links while it does. So what it
is given to copy is decided here, from what is on the disk, before its own work begins.
"""

from __future__ import annotations

import glob
import json
import logging
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.utils import parse_utc

from autograder.cells import Notebook, printable, read_notebook
from autograder.errors import NotANotebookError
from autograder.repair import KEY, overlap, plain_cell, read_released, require_own

COPIED_FROM = "copied_from"
TIMESTAMP = "timestamp.txt"


class Intake:
    """Decides what of each submission is graded.

    Parameters
    ----------
    coursedir : CourseDirectory
        nbgrader's folders.
    name : str
        The assignment.
    released : mapping
        The released notebook, with its metadata.
    log : Logger
        nbgrader's.

    Attributes
    ----------
    renamed : dict
        Student -> name of the file that is graded under the expected name.
    """

    def __init__(
        self, coursedir: Any, name: str, released: dict[str, Any], log: logging.Logger
    ) -> None:
        self.coursedir, self.name, self.released, self.log = coursedir, name, released, log
        self.renamed: dict[str, str] = {}

    def excluded(self, student: str) -> bool:
        """Whether nbgrader is told to leave this student out."""
        return student in self.coursedir.student_id_exclude.split(",")

    def folders(self) -> list[str]:
        """Return the folders that lie there: those too that nbgrader passes over in silence."""
        pattern = self.coursedir.format_path(
            self.coursedir.submitted_directory, self.coursedir.student_id, self.name
        )
        return glob.glob(pattern, include_hidden=True)  # noqa: PTH207 - nbgrader's pattern

    def take_in(self, folder: str) -> Path:
        """Return the notebook to be graded, and let nothing else of the submission be copied.

        Raises
        ------
        NotANotebookError, OSError
            If there is none that can be graded. The text is a sentence for the TA.
        """
        student, path = self.student(folder), Path(folder)
        self._require_plain_folder(student, path)
        self._set_bad_timestamp_aside(student, path / TIMESTAMP)
        self._leave_beside(path)
        return self._notebook(student, path)

    def student(self, folder: str) -> str:
        """Return the student a folder belongs to."""
        pattern = self.coursedir.format_path(
            self.coursedir.submitted_directory, "(?P<student>.*)", ".*", escape=True
        )
        found = re.match(pattern, folder)
        return found["student"] if found else Path(folder).parent.name

    @staticmethod
    def _require_plain_folder(student: str, folder: Path) -> None:
        """Refuse folders that no grade book can name, and links to somebody else's work."""
        if student != printable(student):
            raise NotANotebookError(
                "the folder's name has characters that cannot be printed. Rename the folder."
            )
        if student.startswith("."):
            raise NotANotebookError(
                "the folder's name begins with a dot, and nbgrader does not see it. Rename the "
                "folder."
            )
        if student != glob.escape(student):
            raise NotANotebookError(
                "the folder's name has one of the characters [ ] * ?, with which nbgrader finds no "
                "files or those of others. Rename the folder."
            )
        if folder.is_symlink() or folder.parent.is_symlink():
            raise NotANotebookError("the folder is a link to another one; hand in the files.")

    def _leave_beside(self, folder: Path) -> None:
        """Keep nbgrader from copying anything but the notebook.

        It would copy what lies beside it into the graded folder and the feedback, whatever that is:
        what a link points to, somebody else's file under a second name, gigabytes of nothing.
        """
        left = []
        for path in folder.rglob("*"):
            odd = path.is_symlink() or not (path.is_file() or path.is_dir())
            if odd or (path.is_file() and path.name != TIMESTAMP):
                left.append(glob.escape(str(path)))
            if odd or (path.is_file() and path.lstat().st_nlink > 1):
                self.log.warning("%s is a link or a special file: it is not copied", path)
        self.coursedir.ignore = [*self.coursedir.ignore, *left]

    def _set_bad_timestamp_aside(self, student: str, path: Path) -> None:
        """Rename a ``timestamp.txt`` that nbgrader would stumble over; it counts as none."""
        if not path.is_symlink() and not path.exists():
            return
        try:
            if path.is_symlink() or not path.is_file():
                raise ValueError("no ordinary file")
            parse_utc(path.read_text(encoding="utf-8").strip() or None)
        except (ValueError, OverflowError):
            path.rename(path.with_name("timestamp.txt.unreadable"))
            print(
                f"note: {student}, {self.name}: timestamp.txt holds no date; it was renamed to "
                "timestamp.txt.unreadable and counts as missing.",
                flush=True,
            )

    def _notebook(self, student: str, folder: Path) -> Path:
        """Return the notebook to grade; one with another name is copied to the expected one.

        Raises
        ------
        NotANotebookError
            If there is none that can be read and belongs to the assignment.
        """
        expected = folder / f"{self.name}.ipynb"
        if expected.is_symlink() or expected.exists():
            original = copied_from(expected)
            if original is None or not (folder / original).is_file():
                require_own(read_notebook(expected), self.released, self.name)
                return expected
            expected.unlink()
        best: tuple[int, Path] | None = None
        reasons = []
        found = notebooks_in(folder)
        if not found:
            raise NotANotebookError("the folder holds no notebook (no file ending in .ipynb).")
        for path in found:
            try:
                notebook = read_notebook(path)
                require_own(notebook, self.released, self.name)
            except NotANotebookError as error:
                reasons.append(str(error) if path.name in str(error) else f"{path.name}: {error}")
                continue
            cells = overlap(notebook, self.released)
            if best is None or cells > best[0]:
                best = cells, path
        if best is None:
            raise NotANotebookError(f"there is no notebook {expected.name}. " + " ".join(reasons))
        copy_as(best[1], expected)
        name = self.renamed[student] = printable(best[1].name)
        print(
            f"note: {student}, {self.name}: '{name}' is graded as {expected.name}; "
            "the file itself is kept.",
            flush=True,
        )
        return expected


def notebooks_in(folder: Path) -> list[Path]:
    """Return what ends in ``.ipynb``, in small or capital letters."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if path.suffix.lower() == ".ipynb")


def copy_as(original: Path, copy: Path) -> None:
    """Copy a renamed notebook to the expected name, with a note of where it came from."""
    content = as_node(read_notebook(original))
    content.metadata[KEY] = {COPIED_FROM: original.name}
    # In ASCII, which can also hold a file name that is not UTF-8.
    copy.write_text(json.dumps(content, indent=1), encoding="utf-8")
    shutil.copystat(original, copy)


def copied_from(path: Path) -> str | None:
    """Return the name of the file that `copy_as` made this one from, or None."""
    try:
        read_notebook(path)
        own = read_released(path)["metadata"][KEY][COPIED_FROM]
    except (NotANotebookError, KeyError, TypeError, ValueError):
        return None
    return Path(own).name if isinstance(own, str) else None


def as_node(notebook: Notebook) -> Any:
    """Return a notebook as nbformat's node: cells, code and grade ids, and nothing else."""
    cells = []
    for cell in notebook:
        made = plain_cell(cell.kind, cell.source)
        if cell.marks:
            made["metadata"] = {"nbgrader": dict(cell.marks)}
        made["id"] = f"handed-in-{cell.index:04d}"
        cells.append(made)
    return node_of({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def node_of(content: Mapping[str, Any]) -> Any:
    """Return plain data as nbformat's node."""
    return nbformat.from_dict(content)  # type: ignore[no-untyped-call]
