"""What is kept beside the grade book: every verdict, and every submission that got none.

Two files of JSON lines, written by appending one line at a time: ``verdicts.jsonl`` and
``not_graded.jsonl``. nbgrader's own tables know neither reasons nor seeds, and cannot tell "not
graded" from zero. A line is written in one piece and is on the disk before its verdict counts: a
run that is killed leaves whole lines, and at most one half line, which is passed over.

A line of ``verdicts.jsonl`` is evidence: the seed and what the verdict rests on
(`autograder.basis`) are enough to judge the same submission again (`autograder.replay`), and to
take the verdict over while nothing of it has changed.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.basis import Basis
from autograder.verdict import ExerciseVerdict, Verdict
from autograder.worker import Graded

VERDICTS = "verdicts.jsonl"
NOT_GRADED = "not_graded.jsonl"
SQLITE = "sqlite:///"

_log = logging.getLogger("traitlets")  # where nbgrader's own messages go


@dataclass(frozen=True)
class Records:
    """The records in one folder.

    Parameters
    ----------
    folder : Path
        Where the grade book lies.
    """

    folder: Path

    @classmethod
    def beside(cls, db_url: str, root: str | Path) -> Records:
        """Return the records beside a grade book (in `root` where it is no file)."""
        if db_url.startswith(SQLITE):
            return cls(Path(root, db_url.removeprefix(SQLITE)).parent)
        return cls(Path(root))

    def graded(self, student: str, graded: Graded, basis: Basis) -> None:
        """Record a verdict, with all that is needed to come to it again."""
        assert graded.verdict is not None
        self._append(
            VERDICTS,
            student,
            {
                **basis.to_json(),
                **graded.verdict.to_json(),
                "repairs": list(graded.repairs),
                "file": self._named(graded.task.path),
                "submission": graded.submission,
                "notebook": graded.notebook,
            },
        )

    def not_graded(self, student: str, assignment: str, reason: str) -> None:
        """Record why a submission got no grade."""
        self._append(NOT_GRADED, student, {"assignment": assignment, "reason": reason})

    def latest(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the last record of each student and assignment; with a ``reason`` if no grade."""
        return _last(self._all(VERDICTS, NOT_GRADED))

    def verdicts(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the last verdict on each student and assignment, whatever came after it."""
        return _last(self._all(VERDICTS))

    def file_of(self, record: Mapping[str, Any]) -> Path:
        """Return where the notebook lies that a verdict is about."""
        return self.folder / str(record.get("file", ""))

    def _named(self, path: Path) -> str:
        """Return a path as it is recorded: below the folder where possible, which may move."""
        path, folder = path.resolve(), self.folder.resolve()
        return str(path.relative_to(folder) if path.is_relative_to(folder) else path)

    def _all(self, *names: str) -> Iterator[dict[str, Any]]:
        for name in names:
            path = self.folder / name
            if path.is_file():
                with path.open(encoding="utf-8", errors="replace") as lines:
                    for number, line in enumerate(lines, start=1):
                        yield from _record(line, f"{path}, line {number}")

    def _append(self, name: str, student: str, record: Mapping[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        text = json.dumps({"at": now, "student": student, **record}, ensure_ascii=False)
        line = text.encode("utf-8", "replace") + b"\n"
        file = os.open(self.folder / name, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            end = os.fstat(file).st_size
            if end and os.pread(file, 1, end - 1) != b"\n":
                line = b"\n" + line  # after half a line, a new one
            written = os.write(file, line)
            os.fsync(file)
        finally:
            os.close(file)
        if written != len(line):
            raise OSError(f"{self.folder / name} could not be written: is the disk full?")


def verdict_of(record: Mapping[str, Any]) -> Verdict:
    """Return the verdict that a record was made from.

    Raises
    ------
    ValueError
        If it is none of ours, or of a grader that recorded less.
    """
    try:
        exercises = tuple(_restored(ExerciseVerdict, one) for one in record["exercises"])
        seed = int(record["seed"])
        verdict: Verdict = _restored(Verdict, {**record, "seed": seed, "exercises": exercises})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no whole verdict in the record ({error!r})") from error
    if verdict.score != record.get("score"):
        raise ValueError("no whole verdict in the record (the scores do not add up)")
    return verdict


def _restored(kind: type[Any], data: Mapping[str, Any]) -> Any:
    """Make a dataclass of what ``json`` has read: what were tuples are tuples again."""
    known = {one.name for one in dataclasses.fields(kind)}
    return kind(**{name: _frozen(value) for name, value in data.items() if name in known})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value


def _last(records: Iterator[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        key = str(record.get("student")), str(record.get("assignment"))
        if key not in last or str(last[key].get("at", "")) <= str(record.get("at", "")):
            last[key] = record
    return last


def _record(line: str, where: str) -> Iterator[dict[str, Any]]:
    """Read one line; pass over what a run that was killed has left half written."""
    try:
        record = json.loads(line) if line.strip() else None
    except (ValueError, RecursionError):
        record = "half a record"
    if isinstance(record, dict):
        yield record
    elif record is not None:
        _log.warning("%s: no whole record (was a run ended half-way?); it is passed over.", where)
