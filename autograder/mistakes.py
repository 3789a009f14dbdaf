"""``python -m autograder mistakes``: are the checks sound, and do they name the mistake?"""

from __future__ import annotations

import argparse

from autograder.course import ROOT
from autograder.errors import CourseFolderError
from autograder.soundness.matrix import by_check, by_grader, matrix
from autograder.soundness.page import details, page, summary, verdict
from course_autograd.exercises import exercises

PAGE = ROOT / "docs" / "checks.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("exercises", nargs="*", metavar="EXERCISE", help="only these, in detail")
    parser.add_argument(
        "--grader", action="store_true", help="through the grader's process and judge (a minute)"
    )
    parser.add_argument("--write", action="store_true", help="write docs/checks.md")
    parser.add_argument(
        "--check", action="store_true", help="compare docs/checks.md with what it should be"
    )


def run(args: argparse.Namespace) -> int:
    """Print the matrix; return 0 if every mistake is caught and every reference found right.

    Raises
    ------
    CourseFolderError
        For a name that is no exercise, or arguments that do not go together.
    """
    unknown = [name for name in args.exercises if name not in exercises()]
    if unknown:
        known = ", ".join(exercises())
        raise CourseFolderError(f"no exercise is called {unknown[0]!r}. There are: {known}.")
    if (args.write or args.check) and (args.exercises or args.grader):
        raise CourseFolderError(
            "--write and --check are about the page of all exercises. Leave the rest away."
        )
    tried = matrix(tuple(args.exercises), by_grader if args.grader else by_check)
    if args.check:
        return _compare(page(tried))
    if args.write:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(tried), encoding="utf-8")
        print(f"{PAGE.relative_to(ROOT)}: written")
    elif len(args.exercises) == 1:
        print("\n".join(details(tried, args.exercises[0])))
    else:
        print("\n".join([*summary(tried), "", verdict(tried)]))
    return 0 if tried.sound else 1


def _compare(wanted: str) -> int:
    """Say whether the page is up to date."""
    found = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    where = PAGE.relative_to(ROOT)
    if found == wanted:
        print(f"{where}: up to date")
        return 0
    print(
        f"{where}: out of date. Run `python -m autograder mistakes --write` and look at the change."
    )
    return 1
