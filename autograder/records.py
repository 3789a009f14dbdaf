"""What is kept beside the grade book: every verdict, and every submission that got none.

Two files of JSON lines, written by appending one line at a time: ``verdicts.jsonl`` and
``not_graded.jsonl``. nbgrader's own tables know neither reasons nor seeds, and cannot tell "not
graded" from zero.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.verdict import Verdict

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

    def graded(self, student: str, verdict: Verdict, repairs: tuple[str, ...] = ()) -> None:
        """Record a verdict."""
        self._append(VERDICTS, student, {**verdict.to_json(), "repairs": list(repairs)})

    def not_graded(self, student: str, assignment: str, reason: str) -> None:
        """Record why a submission got no grade."""
        self._append(NOT_GRADED, student, {"assignment": assignment, "reason": reason})

    def latest(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the last record of each student and assignment; with a ``reason`` if no grade."""
        last: dict[tuple[str, str], dict[str, Any]] = {}
        for record in sorted(self._all(), key=lambda record: str(record.get("at", ""))):
            last[str(record.get("student")), str(record.get("assignment"))] = record
        return last

    def _all(self) -> Iterator[dict[str, Any]]:
        for name in (VERDICTS, NOT_GRADED):
            path = self.folder / name
            if path.is_file():
                with path.open(encoding="utf-8", errors="replace") as lines:
                    for number, line in enumerate(lines, start=1):
                        yield from _record(line, f"{path}, line {number}")

    def _append(self, name: str, student: str, record: Mapping[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        line = json.dumps({"at": now, "student": student, **record}, ensure_ascii=False)
        with (self.folder / name).open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            begin = b"" if file.read() in (b"", b"\n") else b"\n"  # after half a line, a new one
            file.write(begin + line.encode("utf-8", "replace") + b"\n")


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
