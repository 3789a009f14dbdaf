"""The submissions of one run: graded ahead by a pool, recorded as they come, taken in order.

What has been judged is on the disk before anybody asks for it. A run that was interrupted, and a
run after a correction of the exercises, begin from there: a verdict whose basis is unchanged is
taken over, and where only the exercises or the grader have changed, the same questions are drawn
again, so that nothing changes but what the correction changes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.basis import basis_of
from autograder.cells import Notebook
from autograder.closing import Closing
from autograder.pool import Ahead, Pool
from autograder.records import Records, verdict_of
from autograder.worker import OURS, Graded, Grader, Settings, Task, digest_of_cells, digest_of_file


@dataclass(frozen=True)
class HandedIn:
    """One submission of a run.

    Attributes
    ----------
    student : str
        Whose it is.
    path : Path
        The notebook: a plain file.
    sentences : tuple of str
        What is to be said of the file itself: that it had another name, say.
    """

    student: str
    path: Path
    sentences: tuple[str, ...] = ()


class Bench(Closing):
    """Grades the submissions of one assignment.

    Parameters
    ----------
    assignment : str
        Its name.
    settings : Settings
        How to grade.
    records : Records
        Where verdicts are kept.
    jobs : int, optional
        How many workers; by default as many as there are usable cores.
    reuse : bool
        Whether a recorded verdict is taken over while its basis is unchanged.
    level : str
        The sandbox around the submissions' processes.
    """

    def __init__(
        self,
        assignment: str,
        settings: Settings,
        records: Records,
        *,
        jobs: int | None = None,
        reuse: bool = False,
        level: str = "",
    ) -> None:
        self.assignment, self.settings, self.records = assignment, settings, records
        self.reuse = reuse
        self.basis = basis_of(assignment, settings.course, settings.limits, level)
        self.pool = Pool(settings, jobs, self._record)
        self._lock = threading.Lock()
        self._students: dict[Path, str] = {}
        self._ahead: Ahead | None = None
        self._grader: Grader | None = None

    def begin(self, waiting: Sequence[HandedIn]) -> None:
        """Begin to grade what will be taken, in the order of taking."""
        self._ahead = Ahead(self.pool, self._tasks(waiting))

    def results(self, waiting: Sequence[HandedIn]) -> Iterator[tuple[str, Graded]]:
        """Grade; yield student and what was found as it comes, in no particular order."""
        for graded in self.pool.results(self._tasks(waiting)):
            yield self._students[graded.task.path], graded

    def take(self, handed_in: HandedIn) -> Graded:
        """Return what was found; wait for it, or begin now if nobody has asked before."""
        path = handed_in.path
        graded = self._ahead.take(path) if self._ahead is not None else None
        if graded is None or graded.submission not in ("", digest_of_file(path)):
            (task,) = self._tasks([handed_in])
            graded = self.pool.submit(task).result()
        return graded

    def judge_as_it_is(self, graded: Graded, notebook: Notebook) -> Graded:
        """Judge a notebook that is no longer what was judged, here and at once.

        nbgrader's own steps may change a notebook after it was repaired: where its grade book
        knows another text of a locked cell than the released notebook.

        Raises
        ------
        TrustedSideError
            If the grader itself is at fault.
        """
        if self._grader is None:
            self._grader = Grader(self.settings)
        verdict = self._grader.judge.verdict(notebook, self.assignment)
        anew = replace(
            graded, verdict=verdict, outputs={}, content={}, notebook=digest_of_cells(notebook)
        )
        self.records.graded(self._students[graded.task.path], anew, self.basis)
        return anew

    def _tasks(self, waiting: Sequence[HandedIn]) -> list[Task]:
        with self._lock:
            self._students.update({one.path: one.student for one in waiting})
        recorded = self.records.verdicts() if self.reuse else {}
        tasks = []
        for one in waiting:
            task = Task(one.path, self.assignment, sentences=one.sentences)
            record = recorded.get((one.student, self.assignment))
            if record is not None and _same_file(one.path, record.get("submission")):
                try:
                    verdict = verdict_of(record)
                except ValueError:
                    verdict = None
                if verdict is not None and not self.basis.changed_since(record):
                    task = replace(task, known=verdict)
                elif verdict is not None:
                    task = replace(task, seed=verdict.seed)
            tasks.append(task)
        return tasks

    def _record(self, graded: Graded) -> Graded:
        """Keep a verdict; one that cannot be kept does not count."""
        if graded.verdict is None:
            return graded
        with self._lock:
            try:
                self.records.graded(self._students[graded.task.path], graded, self.basis)
            except OSError as error:
                why = f"{OURS}: its verdict could not be recorded ({error})."
                return Graded(graded.task, reason=why, ours=True)
        return graded

    def close(self) -> None:
        """End all processes."""
        self.pool.close()
        if self._grader is not None:
            self._grader.close()


def _same_file(path: Path, digest: object) -> bool:
    try:
        return digest_of_file(path) == digest
    except OSError:
        return False
