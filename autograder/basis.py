"""What a verdict rests on, as hashes: while all of it is the same, the verdict stands.

A stored verdict is taken again only if nothing has changed that could change it: the file handed
in, the exercises (the released notebook, its text source, and the whole package, whose forward
rules students call), the grader, and what its children were allowed. The hashes ask too much
rather than too little: a changed comment costs a minute of judging, a verdict that no longer holds
costs somebody's points.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from autograder.course import COURSE, ROOT, Course
from autograder.process import Limits

CODE = ("*.py", "*.npz")


@dataclass(frozen=True)
class Basis:
    """What the verdicts of one run on one assignment rest on, besides the submission.

    Attributes
    ----------
    exercise_set : str
        Hash of the released notebook, its text source and the package.
    grader : str
        Hash of the grader's own source files, and the versions of what computes.
    level : str
        The sandbox around the submissions' processes.
    limits : mapping
        Time and memory of each submission.
    """

    exercise_set: str
    grader: str
    level: str
    limits: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    def changed_since(self, record: Mapping[str, Any]) -> list[str]:
        """Say what is no longer as it was when `record` was written; empty if nothing changed."""
        now = self.to_json()
        return [words for key, words in WORDS.items() if now[key] != record.get(key)]


WORDS = {
    "exercise_set": "the assignment or the exercises",
    "grader": "the grader",
    "level": "the level of the sandbox",
    "limits": "the time or memory given to a submission",
}


def basis_of(
    assignment: str, course: Course = COURSE, limits: Limits | None = None, level: str = ""
) -> Basis:
    """Return what verdicts on `assignment` rest on here and now."""
    own = _hash(_exercises(assignment, course), course.root)
    return Basis(
        exercise_set=hashlib.sha256(f"{own} {_hash_of_package()}".encode()).hexdigest(),
        grader=_hash_of_grader(),
        level=level,
        limits=asdict(limits or Limits()),
    )


def _exercises(assignment: str, course: Course) -> tuple[Path, ...]:
    """Return the files of an assignment: as released, its text source, and the reference."""
    reference = course.reference(assignment)
    files = course.assignment(assignment), course.source(assignment)
    return (*files, reference) if reference.is_file() else files


@cache
def _hash_of_package() -> str:
    return _hash(_code(ROOT / "course_autograd"), ROOT)


@cache
def _hash_of_grader() -> str:
    versions = f"{platform.python_version()} {np.__version__} {platform.machine()}"
    code = _hash(_code(ROOT / "autograder"), ROOT)
    return hashlib.sha256(f"{code} {versions}".encode()).hexdigest()


def _code(folder: Path) -> list[Path]:
    return sorted(path for pattern in CODE for path in folder.rglob(pattern))


def _hash(paths: Iterable[Path], root: Path) -> str:
    """Hash names and contents; a file that is missing counts as such."""
    total = hashlib.sha256()
    for path in paths:
        content = path.read_bytes() if path.is_file() else b"missing"
        name = path.relative_to(root).as_posix()
        total.update(f"{name} {len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()
