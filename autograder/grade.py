"""``python -m autograder grade ASSIGNMENT``: judge, grade book and feedback of a class, in one go.

The same steps as ``nbgrader autograde`` and ``nbgrader generate_feedback``, with a progress bar,
one line for each student, and pages made by several processes. Whatever moment it is ended at,
``--resume`` goes on from the verdicts that are on the disk.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from typing import Any

from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import Autograde, GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory
from tqdm import tqdm
from traitlets.config import Config

from autograder.course import COURSE, Course, configure
from autograder.errors import AutograderError
from autograder.feedback import number
from autograder.gradebook import kept_open
from autograder.plugin import LISTENERS
from autograder.pool import usable_cores
from autograder.process import Limits
from autograder.verdict import Verdict

GRADED, NOT_ALL = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``grade``."""
    parser.add_argument("assignment", metavar="ASSIGNMENT")
    parser.add_argument("--student", default="*", help="only this one (a pattern)")
    parser.add_argument("--jobs", type=int, default=0, help="processes (default: one a core)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="take recorded verdicts over where submission, exercises and grader are unchanged",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=Limits.submission,
        metavar="SECONDS",
        help=f"for all answers of one submission (default: {Limits.submission:g})",
    )
    parser.add_argument(
        "--memory",
        type=int,
        default=Limits.memory,
        metavar="MB",
        help=f"that a submission may use (default: {Limits.memory})",
    )
    parser.add_argument("--no-feedback", action="store_true", help="make no pages for students")
    parser.add_argument(
        "--allow-limited",
        action="store_true",
        help="go on where no strict sandbox can be had (no protection against hostile code)",
    )


def run(args: argparse.Namespace) -> int:
    """Grade; return 0 if everything handed in was graded, 1 if something was not."""
    if args.jobs < 0 or args.timeout < 1 or args.memory < 64:
        raise AutograderError(
            "expected --jobs from 0, --timeout from 1 second and --memory from 64 megabytes."
        )
    return grade(
        args.assignment,
        student=args.student,
        jobs=args.jobs,
        resume=args.resume,
        timeout=args.timeout,
        memory=args.memory,
        pages=not args.no_feedback,
        allow_limited=args.allow_limited,
    )


def grade(
    assignment: str,
    course: Course = COURSE,
    *,
    student: str = "*",
    jobs: int = 0,
    resume: bool = False,
    timeout: float = Limits.submission,
    memory: int = Limits.memory,
    pages: bool = True,
    allow_limited: bool = False,
) -> int:
    """Grade what was handed in for one assignment.

    Parameters
    ----------
    assignment : str
        Its name.
    course : Course
        Whose.
    student : str
        Pattern of students.
    jobs : int
        Processes; 0 for one a core.
    resume : bool
        Whether recorded verdicts are taken over while they hold.
    timeout, memory : float, int
        Seconds and megabytes for each submission.
    pages : bool
        Whether feedback is made, too.
    allow_limited : bool
        Whether to go on where no strict sandbox can be had.

    Returns
    -------
    int
        0 if everything was graded, 1 if something was not.

    Raises
    ------
    AutograderError
        If there is no such assignment, or nothing was handed in.
    """
    course.select([assignment])
    folders = sorted((course.grading_folder / "submitted").glob(f"{student}/{assignment}"))
    if not folders:
        raise AutograderError(
            f"nothing was handed in for {assignment}: expected folders such as "
            f"{course.grading_folder / 'submitted' / 'STUDENT' / assignment}. "
            f"Run `nbgrader zip_collect {assignment}`."
        )
    config = Config()
    configure(config, course)
    config.Grading.update(
        jobs=jobs, timeout=timeout, memory=memory, reuse=resume, allow_limited=allow_limited
    )
    config.Application.log_level = "ERROR"
    # One application in the process: nbgrader's parts log through it.
    NbGrader.instance(config=config).log.setLevel("ERROR")
    status = GRADED
    with tqdm(total=len(folders), desc=assignment, unit="student", smoothing=0.05) as bar:

        def tell(who: str, verdict: Verdict) -> None:
            points = f"{number(verdict.score)} of {number(verdict.points)} points"
            bar.write(f"{who}: {points}, {verdict.milliseconds} ms")
            bar.update()

        LISTENERS.append(tell)
        try:
            _start(Autograde, config, assignment, student, force=True)
        except NbGraderException:
            status = NOT_ALL  # who and why has been printed
        finally:
            LISTENERS.remove(tell)
    done = (course.grading_folder / "autograded").glob(f"{student}/{assignment}")
    if pages and any(done):
        status = max(status, make_pages(config, assignment, student, jobs or usable_cores()))
    return status


def _start(converter: Any, config: Config, assignment: str, student: str, **traits: Any) -> None:
    """Run one of nbgrader's converters as its command does."""
    coursedir = CourseDirectory(config=config)
    coursedir.assignment_id, coursedir.student_id = assignment, student
    converter(coursedir=coursedir, config=config, **traits).start()


# --- pages ------------------------------------------------------------------------------------


class _Share(GenerateFeedback):  # type: ignore[misc]  # nbgrader has no types
    """Makes every n-th page."""

    share: tuple[int, int] = (0, 1)
    assignments: dict[str, list[str]]

    def convert_notebooks(self) -> None:
        """Make the pages of this share."""
        first, step = self.share
        mine = sorted(self.assignments)[first::step]
        for folder in set(self.assignments) - set(mine):
            del self.assignments[folder]
        super().convert_notebooks()


def make_pages(config: Config, assignment: str, student: str, jobs: int) -> int:
    """Make the feedback of an assignment with several processes; return the exit status."""
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    shares = [(position, jobs) for position in range(jobs)]
    workers = [
        context.Process(target=_make_share, args=(config, assignment, student, share))
        for share in shares
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return GRADED if all(worker.exitcode == 0 for worker in workers) else NOT_ALL


def _make_share(config: Config, assignment: str, student: str, share: tuple[int, int]) -> None:
    _Share.share = share
    try:
        with kept_open():
            _start(_Share, config, assignment, student, force=True)
    except NbGraderException:
        sys.exit(NOT_ALL)
