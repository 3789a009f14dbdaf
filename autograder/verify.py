"""``python -m autograder verify NOTEBOOK.ipynb``: judge one notebook, without a grade book."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from autograder import feedback
from autograder.cells import Notebook, read_notebook
from autograder.course import COURSE, Course
from autograder.errors import NotANotebookError
from autograder.judge import Judge
from autograder.repair import overlap, read_released, repair, require_own
from autograder.verdict import Verdict

JUDGED, TRUSTED_SIDE, UNREADABLE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``verify``."""
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK.ipynb")
    parser.add_argument("--assignment", help="its assignment (default: told by its cells)")
    parser.add_argument("--seed", type=int, help="draw the questions of an earlier verdict again")
    parser.add_argument(
        "--allow-limited",
        action="store_true",
        help="go on where no strict sandbox can be had (no protection against hostile code)",
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")


def run(args: argparse.Namespace) -> int:
    """Judge and print; return 0 if there is a verdict, 2 if the file is no notebook of ours."""
    try:
        verdict, repairs = verify(
            args.notebook,
            assignment=args.assignment,
            seed=args.seed,
            allow_limited=args.allow_limited,
        )
    except NotANotebookError as error:
        if args.json:
            print(json.dumps({"reason": str(error)}))
        else:
            print(f"not graded: {error}", file=sys.stderr)
        return UNREADABLE
    if args.json:
        print(json.dumps({**verdict.to_json(), "repairs": list(repairs)}, ensure_ascii=False))
    else:
        print(table(verdict, repairs))
    return JUDGED


def verify(
    path: Path,
    course: Course = COURSE,
    *,
    assignment: str | None = None,
    seed: int | None = None,
    judge: Judge | None = None,
    allow_limited: bool = False,
) -> tuple[Verdict, tuple[str, ...]]:
    """Read, repair and judge one notebook, exactly as ``nbgrader autograde`` does.

    Parameters
    ----------
    path : Path
        The notebook.
    course : Course
        Where released notebooks and references lie.
    assignment : str, optional
        By default the one most of its cells belong to.
    seed : int, optional
        To replay a verdict.
    judge : Judge, optional
        One that is at work already.
    allow_limited : bool
        Whether to go on where no strict sandbox can be had.

    Returns
    -------
    tuple
        The verdict, and one sentence for each repair.

    Raises
    ------
    NotANotebookError
        If it cannot be read, or belongs to no assignment.
    TrustedSideError
        If the grader itself is at fault, or there is no sandbox here that is strict enough.
    """
    notebook = read_notebook(path)
    name = assignment or assignment_of(notebook, course, path.stem)
    released = read_released(course.assignment(course.select([name])[0]))
    require_own(notebook, released, name)
    mended = repair(notebook, released)
    if judge is not None:
        return judge.verdict(mended.notebook, name, seed=seed), mended.sentences
    with Judge(course, allow_limited=allow_limited) as own:
        return own.verdict(mended.notebook, name, seed=seed), mended.sentences


def assignment_of(notebook: Notebook, course: Course, stem: str) -> str:
    """Return the assignment that most cells of a notebook belong to.

    Raises
    ------
    NotANotebookError
        If they belong to none.
    """
    counts = {
        name: overlap(notebook, read_released(course.assignment(name)))
        for name in course.names()
        if course.assignment(name).is_file()
    }
    best = max(counts, key=lambda name: (counts[name], stem.startswith(name)), default=None)
    if best is None or not counts[best]:
        raise NotANotebookError(
            "no cell carries a name of any assignment: either it is another notebook, or the "
            "program it was saved with has removed all cell metadata."
        )
    return best


def table(verdict: Verdict, repairs: tuple[str, ...] = ()) -> str:
    """Return the verdict as text: one line for each exercise, and what was seen below it."""
    width = max(len(one.name) for one in verdict.exercises)
    lines = [f"{verdict.assignment}"]
    lines += [f"  {sentence}" for sentence in (*repairs, *verdict.notes)]
    for one in verdict.exercises:
        of = f"{feedback.number(one.score):>5} of {feedback.number(one.points)}"
        lines.append(f"{one.name:<{width}}  {of:<11}  {one.state}")
        lines += [f"{'':<{width}}    {line}" for line in feedback.as_text(one)]
    total = f"{feedback.number(verdict.score)} of {feedback.number(verdict.points)} points"
    how = f"{verdict.milliseconds} ms, sandbox level {verdict.level}, seed {verdict.seed}"
    lines.append(f"{total} ({how})")
    return "\n".join(lines)
