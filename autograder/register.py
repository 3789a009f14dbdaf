"""``python -m autograder register``: enter the assignments into the grade book."""

from __future__ import annotations

import argparse

from autograder.build import register
from autograder.course import COURSE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``register``."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="assignments (default: all)")


def run(args: argparse.Namespace) -> int:
    """``python -m autograder register [NAME...]``."""
    for name in register(args.names):
        print(f"{name} is in {COURSE.grading}/gradebook.db")
    return 0
