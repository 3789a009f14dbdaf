"""``python -m autograder replay STUDENT ASSIGNMENT``: come to a recorded verdict once more.

The kept submission is judged again, with the seed of the record: the same questions are drawn, and
the same answers must be found. Whatever differs is said, and also what has changed since.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder import feedback
from autograder.basis import basis_of
from autograder.course import COURSE, Course
from autograder.errors import AutograderError
from autograder.process import Limits
from autograder.records import Records
from autograder.worker import Grader, Settings, Task, digest_of_file

SAME, DIFFERS, CHANGED = 0, 1, 2
# Never the same twice: times, and addresses in what was printed.
PASSED_OVER = ("milliseconds", "seconds", "printed")
COMPARED = ("score", "points", "notes")  # of the verdict, besides its exercises
MOST = 20  # differences that are listed

Record = Mapping[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``replay``."""
    parser.add_argument("student", metavar="STUDENT")
    parser.add_argument("assignment", metavar="ASSIGNMENT")
    parser.add_argument(
        "--records",
        type=Path,
        metavar="DIR",
        help="folder of the grade book and of verdicts.jsonl (default: the course's own)",
    )
    parser.add_argument(
        "--allow-limited",
        action="store_true",
        help="go on where no strict sandbox can be had",
    )


def run(args: argparse.Namespace) -> int:
    """Replay and print; 0 if everything is the same, 1 if not, 2 if the submission has changed."""
    records = Records(args.records or COURSE.grading_folder)
    status, lines = replay(
        args.student, args.assignment, records, COURSE, allow_limited=args.allow_limited
    )
    print("\n".join(lines))
    return status


def replay(
    student: str,
    assignment: str,
    records: Records,
    course: Course = COURSE,
    *,
    allow_limited: bool = False,
) -> tuple[int, list[str]]:
    """Judge a kept submission again, as it was judged when it was recorded.

    Returns
    -------
    tuple
        The exit status, and what to print.

    Raises
    ------
    AutograderError
        If there is no verdict, or no submission any more, or the grader itself is at fault.
    """
    record = records.verdicts().get((student, assignment))
    if record is None:
        raise AutograderError(
            f"there is no verdict on {student}, {assignment} in {records.folder}. "
            f"Run `nbgrader autograde {assignment}`."
        )
    try:
        path, seed = records.file_of(record), int(record["seed"])
        limits = Limits(**record["limits"])
        handed_in, earlier = str(record["submission"]), list(record["exercises"])
    except (KeyError, TypeError, ValueError) as error:
        raise AutograderError(
            f"the verdict on {student}, {assignment} of {record.get('at')} was recorded by an "
            "older grader, without what is needed to come to it again."
        ) from error
    if not path.is_file():
        raise AutograderError(f"the submission itself is no longer there: {path}")
    if digest_of_file(path) != handed_in:
        return CHANGED, [
            f"The submission has changed since it was judged ({record['at']}): {path}. "
            "Its verdict cannot be repeated. "
            f"Run `nbgrader autograde {assignment} --student {student} --force` to judge it anew."
        ]
    task = Task(path, assignment, seed=seed)
    with Grader(Settings(course, limits, allow_limited, display=False)) as grader:
        graded = grader.grade(task)
    if graded.verdict is None:
        raise AutograderError(graded.reason)
    now = graded.verdict.to_json()
    basis = basis_of(assignment, course, limits, str(now.get("level", record.get("level"))))
    lines = [f"Since then there was a change: {what}." for what in basis.changed_since(record)]
    found = list(differences({**record, "exercises": earlier}, now))
    points = f"{feedback.number(record['score'])} of {feedback.number(record['points'])} points"
    if not found:
        cases = sum(len(one.get("evidence") or ()) for one in earlier)
        also = f", and all {cases} answers" if cases else ""
        lines.append(f"The same verdict: {student}, {assignment}, {points} (seed {seed}){also}.")
        return SAME, lines
    lines.append(f"Not the same verdict: {student}, {assignment}, recorded {points} (seed {seed}).")
    lines += [f"  {sentence}" for sentence in found[:MOST]]
    if len(found) > MOST:
        lines.append(f"  and {len(found) - MOST} more")
    return DIFFERS, lines


def differences(then: Record, now: Record) -> Iterator[str]:
    """Yield one sentence for whatever is not the same in two verdicts; times aside."""
    for key in COMPARED:
        yield from _differences(key, then.get(key), now.get(key))
    by_name = {one["name"]: one for one in now["exercises"]}
    for one in then["exercises"]:
        other = by_name.pop(one["name"], None)
        if other is None:
            yield f"{one['name']}: no longer asked"
        else:
            yield from _differences(one["name"], one, other)
    for name in by_name:
        yield f"{name}: not asked then"


def _differences(where: str, then: Any, now: Any) -> Iterator[str]:
    """Compare plain data, part by part."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*then, *now)):
            if key not in PASSED_OVER:
                yield from _differences(f"{where}, {key}", then.get(key), now.get(key))
    elif _is_list(then) and _is_list(now) and len(then) == len(now):
        for number, (one, other) in enumerate(zip(then, now, strict=True), start=1):
            yield from _differences(f"{where} {number}", one, other)
    elif _is_list(then) and _is_list(now):
        yield f"{where}: {len(then)} then, {len(now)} now"
    elif then != now:
        yield f"{where}: {_short(then)} then, {_short(now)} now"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
