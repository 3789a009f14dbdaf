"""No submission is copied that has no pass mark, whoever asks nbgrader for it.

nbgrader copies what lies in a submission's folder before its exporter sees the notebook, and goes
on where a hook has failed. So the last word is said where the copying begins: in `configure`, for
every command of a course, nbgrader's own step is put behind a guard. It lets a folder through if
intake (for ``autograde``) or the feedback's exporter has passed it in this very run, and every
file that would be copied or read still has the bytes that were passed. With other exporters in the
configuration, nothing is copied at all. What is refused stays where it is, with its reason told.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from functools import wraps
from glob import glob
from pathlib import Path
from typing import Any

from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.converters.base import BaseConverter
from nbgrader.utils import find_all_files

from autograder.cells import printable
from autograder.errors import AutograderError

_courses: set[Path] = set()
_marks: dict[Path, dict[Path, str]] = {}


class NotPassedError(AutograderError):
    """A submission has no pass mark. The text is a sentence for the TA."""


def guard(root: Path) -> None:
    """Put nbgrader's copying of submissions behind the guard, for the course at `root`."""
    _courses.add(root.resolve())
    if not hasattr(BaseConverter.init_assignment, "__wrapped__"):
        BaseConverter.init_assignment = _guarded(BaseConverter.init_assignment)
        BaseConverter.init_notebooks = _patient(BaseConverter.init_notebooks)


def pass_on(folder: Path, files: Iterable[Path]) -> None:
    """Give a folder its pass mark: these files, as they are now, and no others.

    Parameters
    ----------
    folder : Path
        Of one submission.
    files : iterable of Path
        What may be copied or read, below the folder.

    Raises
    ------
    OSError
        If one cannot be read.
    """
    _marks[_plain(folder)] = {_plain(path): _digest(path) for path in files}


def require_passed(folder: Path, files: Iterable[Path]) -> None:
    """Refuse a folder without a pass mark, or with files that are not as they were passed.

    Raises
    ------
    NotPassedError
    """
    mark = _marks.get(_plain(folder))
    if mark is None:
        raise NotPassedError(
            "it was not looked at before copying, so nothing of it was copied. "
            "Is nbgrader_config.py as the course's `configure` leaves it?"
        )
    for path in files:
        name = printable(path.name)
        if _plain(path) not in mark:
            raise NotPassedError(f"{name} came while it was graded; run the command again.")
        try:
            same = _digest(path) == mark[_plain(path)]
        except OSError:
            same = False
        if not same:
            raise NotPassedError(f"{name} has changed while it was graded; run the command again.")


def _guarded(step: Callable[..., None]) -> Callable[..., None]:
    @wraps(step)
    def init_assignment(self: Any, assignment_id: str, student_id: str) -> None:
        known = Path(self.coursedir.root).resolve() in _courses
        if known and isinstance(self, Autograde | GenerateFeedback):
            folder = self._format_source(assignment_id, student_id)
            files = [
                *find_all_files(folder, [*self.coursedir.ignore, "*.ipynb"]),
                *self.notebooks,
            ]
            try:
                require_passed(Path(folder), map(Path, files))
            except NotPassedError as error:
                print(f"not copied: {printable(student_id)}, {assignment_id}: {error}", flush=True)
                raise
        step(self, assignment_id, student_id)

    return init_assignment


def _patient(step: Callable[..., None]) -> Callable[..., None]:
    @wraps(step)
    def init_notebooks(self: Any) -> None:
        """Leave it to intake where nobody's notebook has the expected ending.

        nbgrader ends the run there; intake knows other names, or says whose is missing.
        """
        known = Path(self.coursedir.root).resolve() in _courses
        if known and isinstance(self, Autograde):
            wanted = self._format_source(self.coursedir.assignment_id, self.coursedir.student_id)
            folders = [Path(one) for one in glob(wanted)]  # noqa: PTH207 - nbgrader's pattern
            if folders and not any(next(one.glob("*.ipynb"), None) for one in folders):
                self.assignments, self.notebooks = {}, []
                return
        step(self)

    return init_notebooks


def _plain(path: Path) -> Path:
    """Return the path without ``..``, with its links: a link is not what it points to."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links


def _digest(path: Path) -> str:
    """Return the digest of a plain file; links are not followed.

    Raises
    ------
    OSError
        If it is none.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
