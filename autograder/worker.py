"""Grading one submission, from its file to plain data; and the process that does it for a pool.

`Grader` is one place of work: a judge, and the display run, kept warm from one submission to the
next. `serve` is the loop of a worker process of `autograder.pool`. A worker is trusted: it reads
notebooks with limits, and student code runs in the children of its judge and nowhere else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from autograder.cells import Notebook, read_notebook
from autograder.closing import Closing
from autograder.course import COURSE, Course
from autograder.display import Display
from autograder.errors import AutograderError, NotANotebookError
from autograder.judge import Judge, TrustedSideError
from autograder.process import Limits
from autograder.repair import KEY, read_released, repair, require_own
from autograder.verdict import Verdict

GRACE = 5.0  # seconds in which a worker whose pool has gone ends by itself


@dataclass(frozen=True)
class Settings:
    """How submissions are graded.

    Attributes
    ----------
    course : Course
        Where released notebooks and references lie.
    limits : Limits
        Time and memory for each submission.
    allow_limited : bool
        Whether to go on where no strict sandbox can be had.
    display : bool
        Whether the notebook is also run for the eyes.
    """

    course: Course = COURSE
    limits: Limits = field(default_factory=Limits)
    allow_limited: bool = False
    display: bool = True


@dataclass(frozen=True)
class Task:
    """One submission to grade.

    Attributes
    ----------
    path : Path
        The notebook that was handed in: a plain file.
    assignment : str
        Its assignment.
    seed : int, optional
        Draws the questions of an earlier verdict again.
    known : Verdict, optional
        A stored verdict that still holds: the submission is repaired and shown, not judged.
    sentences : tuple of str
        What is to be said of the file itself, besides the repairs.
    """

    path: Path
    assignment: str
    seed: int | None = None
    known: Verdict | None = None
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graded:
    """All that follows from one submission, as plain data of ours; or why nothing does.

    Attributes
    ----------
    task : Task
        What was to be graded.
    verdict : Verdict or None
        What it earned; None if it was not graded.
    repairs : tuple of str
        One sentence for each repair, after those of the task.
    content : mapping
        The repaired notebook.
    outputs : mapping
        Position of a cell in `content` -> what it shows, as nbformat's outputs.
    submission, notebook : str
        `digest_of_file` of the file, `digest_of_cells` of the repaired notebook.
    reason : str
        Why there is no verdict, as a sentence.
    ours : bool
        Whether the fault is the grader's and not the submission's.
    unshown : str
        Why there are no outputs, where the display run failed.
    """

    task: Task
    verdict: Verdict | None = None
    repairs: tuple[str, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[int, list[dict[str, Any]]] = field(default_factory=dict)
    submission: str = ""
    notebook: str = ""
    reason: str = ""
    ours: bool = False
    unshown: str = ""


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_cells(notebook: Notebook) -> str:
    """Return the SHA-256 of what the judge sees of a notebook: kinds, code and names."""
    seen = [[cell.kind, cell.source, cell.grade_id] for cell in notebook]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


class Grader(Closing):
    """Grades submissions, one after the other.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.judge = Judge(settings.course, settings.limits, allow_limited=settings.allow_limited)
        self.display = Display(settings.limits, self.judge.level)
        self._released: dict[str, Mapping[str, Any]] = {}

    def grade(self, task: Task) -> Graded:
        """Read, repair, judge and show one submission; never raise for what it holds."""
        try:
            return self._grade(task)
        except (NotANotebookError, OSError) as error:
            return Graded(task, reason=str(error))
        except TrustedSideError as error:
            return Graded(task, reason=f"{OURS}: {error}", ours=True)
        except Exception as error:
            return Graded(task, reason=f"{OURS}: {type(error).__name__}: {error}", ours=True)

    def _grade(self, task: Task) -> Graded:
        notebook = read_notebook(task.path)
        released = self.released(task.assignment)
        require_own(notebook, released, task.assignment)
        mended = repair(notebook, released)
        sentences = (*task.sentences, *mended.sentences)
        mended.content["metadata"][KEY]["repairs"] = list(sentences)
        cells = mended.notebook
        verdict = task.known
        if verdict is None:
            verdict = self.judge.verdict(cells, task.assignment, seed=task.seed)
        outputs, unshown = self._show(cells)
        return Graded(
            task,
            verdict=verdict,
            repairs=sentences,
            content=mended.content,
            outputs=outputs,
            submission=digest_of_file(task.path),
            notebook=digest_of_cells(cells),
            unshown=unshown,
        )

    def released(self, assignment: str) -> Mapping[str, Any]:
        """Return the released notebook (read once)."""
        if assignment not in self._released:
            path = self.settings.course.assignment(assignment)
            try:
                self._released[assignment] = read_released(path)
            except (OSError, ValueError) as error:
                raise TrustedSideError(
                    f"the released notebook {path} cannot be read ({error}). "
                    "Run `python -m autograder build`."
                ) from error
        return self._released[assignment]

    def _show(self, notebook: Notebook) -> tuple[Mapping[int, list[dict[str, Any]]], str]:
        """Run the notebook for the eyes; what goes wrong there costs no points."""
        if not self.settings.display:
            return {}, ""
        try:
            return self.display.show(notebook), ""
        except AutograderError as error:
            return {}, str(error)
        except Exception as error:  # whatever it is: the verdict stands
            self.display.close()
            return {}, f"what it shows could not be read ({type(error).__name__}: {error})"

    def close(self) -> None:
        """End all processes."""
        self.display.close()
        self.judge.close()


OURS = "the grader itself failed, not the student"


# --- the process ----------------------------------------------------------------------------


def serve(descriptor: int) -> None:
    """Grade what comes over the line until it is closed, then end with all processes below.

    The line is closed when the pool is, and also when the pool's process was killed: nothing of a
    worker outlives its pool.

    Parameters
    ----------
    descriptor : int
        One end of a socket pair. First `Settings`, then `Task` come in; `Graded` go out.
    """
    line = Connection(descriptor)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tasks: SimpleQueue[Task] = SimpleQueue()
    grader: Grader | None = None
    try:
        grader = Grader(line.recv())
        threading.Thread(target=_listen, args=(line, tasks), daemon=True).start()
        while True:
            line.send(grader.grade(tasks.get()))
    except (KeyboardInterrupt, EOFError, OSError):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    finally:
        if grader is not None:
            grader.close()


def _listen(line: Connection, tasks: SimpleQueue[Task]) -> None:
    """Take tasks in; when the line is closed, interrupt whatever the process is doing."""
    for task in _received(line):
        tasks.put(task)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


def _received(line: Connection) -> Iterator[Task]:
    with contextlib.suppress(EOFError, OSError):
        while True:
            yield line.recv()
