"""Our part in ``nbgrader autograde``: taking in, repairing, judging, reporting.

nbgrader hands a whole run over in one documented place, its exporter (``exporter_class``): made
once, before anything is copied or saved. There submissions are taken in. Then, for each of them,
come nbgrader's own steps on the notebook that the pool has repaired, with two of ours among them:
`RepairSubmission`, which says what was mended, and `JudgeSubmission` in place of the step that
would execute the notebook. nbgrader's ``SaveAutoGrades`` stays, and finds in every check cell
exactly one result: the score as the text of a Python float, beside the explanation as HTML.

A submission that cannot be read, or on which the grader itself fails, gets no grade. It is named
with its reason at once, again at the end of the run, and in ``not_graded.jsonl``; the exit status
is not 0, and nobody else is affected.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import nbgrader.preprocessors
from nbconvert.exporters import NotebookExporter
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import determine_grade, is_grade
from sqlalchemy.exc import OperationalError, SAWarning
from traitlets import Bool, Float, Integer
from traitlets.config import Configurable

from autograder import build, feedback
from autograder.bench import Bench, HandedIn
from autograder.cells import Notebook, parse_notebook, printable
from autograder.course import COURSE, Course
from autograder.errors import AutograderError, NotANotebookError
from autograder.gradebook import agrees, kept_open
from autograder.guard import NotPassedError, pass_on
from autograder.intake import TIMESTAMP, Intake, node_of
from autograder.judge import TrustedSideError, plan
from autograder.process import Limits
from autograder.records import Records
from autograder.repair import KEY, plain_cell, read_released
from autograder.sandbox import probe, require
from autograder.verdict import Verdict
from autograder.worker import OURS, Graded, Settings, digest_of_cells

# Told of every student and verdict, as they are saved; `autograder.grade` shows them.
LISTENERS: list[Callable[[str, Verdict], None]] = []


RESULT = "result-of-grading"  # the id of a cell that only a graded notebook has


class NotGradedError(Exception):
    """Ends the work on one submission; the reason has been reported."""


# --- one run --------------------------------------------------------------------------------


class Grading(Configurable):
    """How submissions are graded: in ``nbgrader_config.py``, or as ``--Grading.jobs=2``."""

    jobs = Integer(0, min=0, help="worker processes; 0: as many as there are cores").tag(
        config=True
    )
    timeout = Float(
        Limits.submission, min=1.0, help="seconds for all answers of one submission"
    ).tag(config=True)
    memory = Integer(
        Limits.memory, min=64, help="megabytes that a submission's process may use"
    ).tag(config=True)
    reuse = Bool(
        False,
        help="take a recorded verdict over while submission, exercises and grader are as then",
    ).tag(config=True)
    display = Bool(True, help="run the notebooks for the eyes, too").tag(config=True)
    allow_limited = Bool(
        False, help="go on where no strict sandbox can be had: trust every submission"
    ).tag(config=True)

    def settings(self, course: Course) -> Settings:
        """Return the same for the pool."""
        limits = Limits(submission=self.timeout, memory=self.memory)
        return Settings(course, limits, self.allow_limited, self.display)


class Run:
    """One run of ``nbgrader autograde``, as far as it is ours.

    Parameters
    ----------
    converter : Autograde
        nbgrader's converter, which knows all submissions of the run and all folders.
    """

    def __init__(self, converter: Autograde) -> None:
        self.converter = converter
        self.coursedir = converter.coursedir
        self.log: logging.Logger = converter.log
        self.name: str = self.coursedir.assignment_id
        self.course = course_of(Path(self.coursedir.root), self.name)
        self.records = Records.beside(self.coursedir.db_url, self.coursedir.root)
        self.grading = Grading(parent=converter)
        self.bench: Bench | None = None
        self.refused: dict[str, str] = {}
        self._released: dict[str, Any] | None = None
        self._intake: Intake | None = None
        self._taken: tuple[str, Graded] | None = None

    @property
    def intake(self) -> Intake:
        """What decides which files are graded."""
        if self._intake is None:
            self._intake = Intake(self.coursedir, self.name, self.released, self.log)
        return self._intake

    @cached_property
    def is_known_as_released(self) -> bool:
        """Whether the grade book and the released notebook are of one make."""
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            return agrees(gradebook, self.name, self.released)

    @property
    def released(self) -> dict[str, Any]:
        """The released notebook, with its metadata."""
        if self._released is None:
            self._released = read_released(self.course.assignment(self.name))
        return self._released

    def begin(self) -> None:
        """Make the assignment known, take all submissions in, and stay until the end.

        Raises
        ------
        NbGraderException
            If nothing can be graded at all, in one sentence.
        """
        try:
            level = require(probe(), allow_limited=self.grading.allow_limited)
            plan(self.name, self.course)
            if not build.is_registered(self.name, self.coursedir.db_url):
                self.log.info("%s is not in the grade book yet: entering it", self.name)
                build.register([self.name], self.course, db_url=self.coursedir.db_url)
        except AutograderError as error:
            self.log.error("%s", error)
            raise NbGraderException(str(error)) from error
        print(f"{self.name}: {probe().sentence()}", flush=True)
        for folder in sorted({*self.converter.assignments, *self.intake.folders()}):
            self._take_in(folder)
            self._clear_unfinished(folder)
        self.bench = Bench(
            self.name,
            self.grading.settings(self.course),
            self.records,
            jobs=self.grading.jobs or None,
            reuse=self.grading.reuse,
            level=level,
        )
        convert = self.converter.convert_notebooks
        quiet = _WithoutTracebacks(self.refused)

        def convert_and_report() -> None:
            self.log.addFilter(quiet)
            try:
                with warnings.catch_warnings(), kept_open(), self._graded_ahead():
                    # nbgrader's own use of its database; nothing a TA could do about
                    warnings.simplefilter("ignore", SAWarning)
                    convert()
            finally:
                self.log.removeFilter(quiet)
                self._find_lost()
                self._report()
            if self.refused:
                raise NbGraderException(f"{len(self.refused)} submissions were not graded")

        self.converter.convert_notebooks = convert_and_report

    @contextlib.contextmanager
    def _graded_ahead(self) -> Iterator[None]:
        """Let the pool work on what nbgrader is going to ask for, in its order."""
        assert self.bench is not None
        with self.bench:
            self.bench.begin(
                [
                    self.handed_in(folder)
                    for folder in sorted(self.converter.assignments)
                    if self._is_due(folder)
                ]
            )
            yield

    def handed_in(self, folder: str) -> HandedIn:
        """Return what is graded of the submission in `folder`."""
        student = self.intake.student(folder)
        name = self.intake.renamed.get(student)
        said = f"The file was named '{name}'; it was graded as {self.name}.ipynb."
        path = Path(folder) / f"{self.name}.ipynb"
        return HandedIn(student, path, (said,) if name is not None else ())

    def _is_due(self, folder: str) -> bool:
        """Whether nbgrader will grade this submission now, or skip it as graded already."""
        student = self.intake.student(folder)
        if self.intake.excluded(student):
            return False
        done = self._graded_folder(student)
        if self.converter.force or not done.exists():
            return True
        stamp = self.coursedir.get_existing_timestamp
        new, old = stamp(folder), stamp(str(done))
        return new is not None and old is not None and new > old

    def _graded_folder(self, student: str) -> Path:
        """Return where nbgrader puts what is graded."""
        own = self.coursedir.autograded_directory
        return Path(self.coursedir.format_path(own, student, self.name))

    def _clear_unfinished(self, folder: str) -> None:
        """Take away what a run that was ended half-way has left in the place of a graded notebook.

        nbgrader would take it for graded, and never look at the submission again.
        """
        student = self.intake.student(folder)
        done = self._graded_folder(student)
        if self.converter.force or self.intake.excluded(student) or not done.is_dir():
            return
        notebook = done / f"{self.name}.ipynb"
        if not notebook.is_file() or RESULT.encode() not in notebook.read_bytes():
            print(
                f"note: {printable(student)}, {self.name}: an earlier run was ended while this was "
                "graded; it is graded now.",
                flush=True,
            )
            shutil.rmtree(done)

    def take(self, student: str) -> Graded:
        """Return what the pool found about a submission, with the repaired notebook.

        Raises
        ------
        NotANotebookError, TrustedSideError
            If there is no verdict. The text says why.
        """
        assert self.bench is not None
        folder = self.coursedir.format_path(self.coursedir.submitted_directory, student, self.name)
        graded = self.bench.take(self.handed_in(folder))
        if graded.verdict is None:
            reason = graded.reason.removeprefix(f"{OURS}: ")
            raise (TrustedSideError if graded.ours else NotANotebookError)(reason)
        self._taken = student, graded
        return graded

    def graded(self, student: str, notebook: Notebook) -> Graded:
        """Return the verdict on a submission; `notebook` is what is to be saved.

        Raises
        ------
        NotANotebookError, TrustedSideError
            If there is no verdict. The text says why.
        """
        assert self.bench is not None
        taken, graded = self._taken or ("", None)
        if taken != student or graded is None:
            graded = self.take(student)
        self._taken = None
        if digest_of_cells(notebook) != graded.notebook:
            graded = self.bench.judge_as_it_is(graded, notebook)
        return graded

    def refuse(self, student: str, reason: str) -> None:
        """Report at once that a submission gets no grade, and why."""
        if student not in self.refused:
            self.refused[student] = printable(reason)
            self.records.not_graded(student, self.name, reason)
            print(f"not graded: {printable(student)}, {self.name}: {printable(reason)}", flush=True)

    def _report(self) -> None:
        """Name at the end of the run, once more, who was not graded and why."""
        if self.refused:
            lines = [f"  {printable(who)}: {why}" for who, why in sorted(self.refused.items())]
            count = len(lines)
            self.log.error(
                "%s of %s not graded (nothing was saved for %s; the reasons are also in %s):\n%s",
                "1 submission" if count == 1 else f"{count} submissions",
                self.name,
                "it" if count == 1 else "them",
                self.records.folder / "not_graded.jsonl",
                "\n".join(lines),
            )

    def _find_lost(self) -> None:
        """Report submissions that nbgrader itself gave up, for whatever reason."""
        for folder in self.converter.assignments:
            student = self.intake.student(folder)
            if not self._graded_folder(student).is_dir() and not self.intake.excluded(student):
                self.refuse(student, "nbgrader gave it up; the messages above say why.")

    def _take_in(self, folder: str) -> None:
        """Hand over to nbgrader one submission: a list with one file, or nothing at all."""
        student = self.intake.student(folder)
        if self.intake.excluded(student):
            return
        try:
            path = self.intake.take_in(folder)
            stamp = Path(folder) / TIMESTAMP
            pass_on(Path(folder), (path, *([stamp] if stamp.exists() else [])))
        except (NotANotebookError, OSError) as error:
            self.refuse(student, str(error))
            self.converter.assignments.pop(folder, None)
        else:
            self.converter.assignments[folder] = [str(path)]


def course_of(root: Path, assignment: str) -> Course:
    """Return the course at `root` if the assignment is one of its, else this repository's."""
    own = Course(root)
    return own if own.source(assignment).is_file() else COURSE


class _WithoutTracebacks(logging.Filter):
    """Leaves out what nbgrader says about a submission whose reason has been said already."""

    def __init__(self, refused: Mapping[str, str]) -> None:
        super().__init__()
        self.refused = refused

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        text = record.getMessage()
        if text.startswith("Traceback"):
            return not any(one.__name__ in text for one in (NotGradedError, NotPassedError))
        if text.startswith("There was an error processing assignment"):
            return not any(f"/{who}/" in text or f"'{who}'" in text for who in self.refused)
        return not (self.refused and text.startswith("Please see the the above traceback"))


# --- nbgrader's steps -----------------------------------------------------------------------


class SubmissionExporter(NotebookExporter):
    """nbconvert's notebook exporter, for submissions that the pool has read and repaired.

    nbgrader converts every submission twice: what the first time gives is written, read and
    checked again. Here it is kept in between, and nothing is copied: nobody else holds it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self.run: Run | None = None
        self._between: tuple[str, Any] | None = None
        if isinstance(self.parent, Autograde):
            self.run = Run(self.parent)
            self.run.begin()

    def from_filename(self, filename: str, resources: Any = None, **options: Any) -> Any:
        """Convert one notebook of the run; on failure, report it and go on."""
        if self.run is None or resources is None:
            return super().from_filename(filename, resources, **options)
        student = resources["nbgrader"]["student"]
        path = Path(filename)
        resources["metadata"] = {"name": path.stem, "path": str(path.parent)}
        try:
            if self._was_handed_in(path, resources):
                node = node_of(self.run.take(student).content)
                text, resources = self._converted(node, resources)
                self._between = text, node
            elif self._between is not None and self._between[0] == path.read_text("utf-8"):
                node, self._between = self._between[1], None
                text, resources = self._converted(node, resources)
            else:
                return super().from_filename(filename, resources, **options)
            return text, resources
        except OperationalError:
            self.run.refuse(student, "the grade book could not be written (is it in use?).")
            raise
        except NotANotebookError as error:
            self.run.refuse(student, str(error))
        except TrustedSideError as error:
            self.run.refuse(student, f"the grader itself failed, not the student: {error}")
        except Exception as error:
            self.run.refuse(
                student,
                f"the grader itself failed, not the student: {type(error).__name__}: {error}",
            )
            self.run.log.exception("%s: unexpected failure", student)
        raise NotGradedError(student) from None

    def _converted(self, node: Any, resources: Any) -> tuple[str, Any]:
        """Run the steps on a notebook, in place; return its text, too."""
        resources = self._init_resources(resources)  # type: ignore[no-untyped-call]
        for step in self._preprocessors:
            node, resources = step(node, resources)
        resources["output_suffix"] = ".nbconvert"
        nbformat.validate(node, relax_add_props=True)
        return f"{json.dumps(node, ensure_ascii=False, indent=1, sort_keys=True)}\n", resources

    def _was_handed_in(self, path: Path, resources: Any) -> bool:
        """Whether this is the file handed in, and not the one nbgrader wrote from it."""
        assert self.run is not None
        coursedir = self.run.coursedir
        own = resources["nbgrader"]
        folder = coursedir.format_path(
            coursedir.submitted_directory, own["student"], own["assignment"]
        )
        return path.parent.resolve() == Path(folder).resolve()


def run_of(step: Any) -> Run:
    """Return the run that a preprocessor works in."""
    run = getattr(step.parent, "run", None)
    if not isinstance(run, Run):
        raise TrustedSideError(
            "the plug-in is only half configured: c.Autograde.exporter_class must be "
            "autograder.plugin.SubmissionExporter (see autograder.course.configure)."
        )
    return run


class RepairSubmission(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Say what was mended: the pool has written the submission anew from the released notebook."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Say what was mended in one notebook; it stands in its metadata."""
        run_of(self)
        for sentence in nb.metadata[KEY]["repairs"]:
            self.log.info("%s: repaired: %s", resources["nbgrader"]["student"], sentence)
        return nb, resources


class _WhereNeeded(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """One of nbgrader's steps, left out where it could not change anything.

    The pool has written every cell anew from the released notebook. Where the grade book
    knows that same notebook, nbgrader's looking up and checking of each cell finds nothing.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Do what the step does, if the grade book knows another notebook."""
        if run_of(self).is_known_as_released:
            return nb, resources
        return super().preprocess(nb, resources)  # type: ignore[no-any-return]


class OverwriteKernelspec(_WhereNeeded, nbgrader.preprocessors.OverwriteKernelspec):  # type: ignore[misc]
    """nbgrader's step, where needed."""


class OverwriteCells(_WhereNeeded, nbgrader.preprocessors.OverwriteCells):  # type: ignore[misc]
    """nbgrader's step, where needed."""


class CheckCellMetadata(_WhereNeeded, nbgrader.preprocessors.CheckCellMetadata):  # type: ignore[misc]
    """nbgrader's step, where needed."""


class JudgeSubmission(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Put score and explanation into every check cell, in place of executing the notebook."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Judge one notebook."""
        run, student = run_of(self), resources["nbgrader"]["student"]
        graded = run.graded(student, parse_notebook(nb))
        verdict = graded.verdict
        assert verdict is not None
        panels = {f"check-{one.name}": one for one in verdict.exercises}
        left = feedback.MOST_SHOWN
        for position, cell in enumerate(nb.cells):
            if cell.cell_type == "code":
                shown = [] if is_grade(cell) else graded.outputs.get(position, [])
                cell.outputs, cell.execution_count = [node_of(one) for one in shown], None
                most = max(feedback.ALWAYS_SHOWN, min(feedback.LONGEST, left))
                cell.source = feedback.shortened(cell.source, most)
                left -= len(cell.source)
            if not is_grade(cell):
                continue
            one = panels.pop(cell.metadata.nbgrader.grade_id)
            cell.outputs = [result(one.score, feedback.panel(one))]
            saved = determine_grade(cell, self.log)
            if saved != (one.score, one.points):
                raise TrustedSideError(
                    f"{one.name}: the judge gives {one.score} of {one.points} points, the grade "
                    f"book would hold {saved[0]} of {saved[1]}. Has the assignment changed since? "
                    "Run `python -m autograder register`."
                )
        if panels:
            raise TrustedSideError(f"no check cell for {', '.join(panels)}")
        repairs = tuple(nb.metadata.get(KEY, {}).get("repairs", ()))
        text = feedback.summary(verdict, repairs)
        nb.cells.insert(0, node_of({**plain_cell("markdown", text), "id": RESULT}))
        if graded.unshown:
            self.log.warning(
                "%s: judged, but without what the cells show: %s", student, graded.unshown
            )
        self.log.info(
            "%s: %s of %s points, %s ms",
            student,
            verdict.score,
            verdict.points,
            verdict.milliseconds,
        )
        for tell in LISTENERS:
            tell(student, verdict)
        return nb, resources


def result(score: float, html: str) -> Any:
    """Return the one output of a check cell: the score as nbgrader reads it, and the panel."""
    return node_of(
        {
            "output_type": "execute_result",
            "execution_count": None,
            "metadata": {},
            "data": {"text/plain": repr(float(score)), "text/html": html},
        }
    )
