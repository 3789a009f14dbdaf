"""Killing the grader at random moments: is the grade book the same after ``--resume``?

    python -m benchmarks.interrupted [--students N] [--kills K] [--seed S] [--autograde]

An undisturbed run of ``python -m autograder grade`` fills one grade book. Then, for every kill
anew: the same class is graded from the beginning, the grader is ended with ``kill -9`` at a random
moment of the time the undisturbed run took, the run is taken up with ``--resume``, and every score
of every cell is compared. The seed is printed. With ``--autograde`` the command is ``nbgrader
autograde``, and going on is the same command once more.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from nbgrader.api import Gradebook
from tqdm import tqdm

from autograder.course import ROOT
from benchmarks.grading import NAME, our_course

Rows = dict[str, list[tuple[str, float | None]]]


OURS = (sys.executable, "-m", "autograder", "grade", NAME, "--jobs", "2", "--no-feedback")
NBGRADERS = (sys.executable, "-m", "nbgrader", "autograde", NAME, "--Grading.jobs=2")


def start(folder: Path, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Begin to grade the class in a folder."""
    return subprocess.Popen(
        words,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def rows(folder: Path) -> Rows:
    """Return every cell's score of every student."""
    with Gradebook(f"sqlite:///{folder}/grading/gradebook.db") as gradebook:
        return {
            one.student.id: sorted(
                (grade.cell.name, grade.auto_score)
                for notebook in one.notebooks
                for grade in notebook.grades
            )
            for one in gradebook.assignment_submissions(NAME)
        }


def interrupted(
    untouched: Path, folder: Path, moment: float, first: Sequence[str], then: Sequence[str]
) -> tuple[Rows, int, float]:
    """Grade a copy of a course, kill the grader, and go on.

    Returns
    -------
    tuple
        What the grade book holds then; how many verdicts were on the disk when the grader was
        killed; and the seconds that going on took.
    """
    shutil.copytree(untouched, folder)
    run = start(folder, first)
    try:
        run.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    verdicts = folder / "grading" / "verdicts.jsonl"
    done = verdicts.read_bytes().count(b"\n") if verdicts.is_file() else 0
    begun = time.perf_counter()
    if start(folder, then).wait():
        raise SystemExit(f"going on failed after a kill at {moment:.2f} s.")
    took = time.perf_counter() - begun
    found = rows(folder)
    shutil.rmtree(folder)
    return found, done, took


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interrupted", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--students", type=int, default=100)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--autograde", action="store_true", help="kill nbgrader's own command")
    args = parser.parse_args()
    if args.students < 1 or args.kills < 1:
        parser.error("--students and --kills are positive numbers.")
    rng = random.Random(args.seed)
    first, then = (NBGRADERS, NBGRADERS) if args.autograde else (OURS, (*OURS, "--resume"))
    with tempfile.TemporaryDirectory(prefix="interrupted-") as base:
        untouched = our_course(Path(base, "untouched"), args.students)
        whole = Path(base, "whole")
        shutil.copytree(untouched, whole)
        begun = time.perf_counter()
        if start(whole, first).wait():
            raise SystemExit("the undisturbed run failed.")
        took = time.perf_counter() - begun
        expected = rows(whole)
        moments = sorted(rng.uniform(0.0, took) for _ in range(args.kills))
        same = 0
        print(f"undisturbed: {took:.1f} s for {len(expected)} students; seed {args.seed}\n")
        print("| killed after | verdicts on the disk | going on | grade book |")
        print("|---|---|---|---|")
        for moment in tqdm(moments, desc="kills", file=sys.stderr):
            found, done, again = interrupted(untouched, Path(base, "killed"), moment, first, then)
            same += found == expected
            verdict = "the same" if found == expected else "**different**"
            print(f"| {moment:.2f} s | {done} | {again:.1f} s | {verdict} |", flush=True)
    print(f"\nthe same grade book after {same} of {args.kills} kills")
    sys.exit(same != args.kills)


if __name__ == "__main__":
    main()
