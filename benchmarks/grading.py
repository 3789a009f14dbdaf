"""Grading a class: stock nbgrader against our plug-in, our command, and the judging alone.

    python -m benchmarks.grading [--students N] [--rounds R]
    python -m benchmarks.grading --growth

The stock course is the same assignment: the same notebooks, whose check cells call ``check(...)``
in the kernel as ordinary autograded tests, by unmodified ``nbgrader autograde`` and ``nbgrader
generate_feedback``. Whole commands are timed, one after the other in each round; the scores of all
ways have to agree. Every fourth student has one rule wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
from nbgrader.api import Gradebook

from autograder.cells import Cell, Notebook, read_notebook, solution_cells
from autograder.course import COURSE, ROOT
from autograder.judge import Judge, Plan, plan
from autograder.pool import Pool
from autograder.process import Limits
from autograder.worker import Settings, Task
from course_autograd.exercises import Case, Exercise, exercises

NAME = "01_chain_rule"
WRONG_EVERY = 4
EXERCISES, CASES = 20, 10
HANGS = """\
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""
STOCK_CONFIG = """\
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = "sqlite:///" + {root!r} + "/grading/gradebook.db"
c.CourseDirectory.submitted_directory = "grading/submitted"
c.CourseDirectory.autograded_directory = "grading/autograded"
c.CourseDirectory.feedback_directory = "grading/feedback"
"""


def hand_in(folder: Path, students: int) -> list[Path]:
    """Write the submissions of a class below a course's folder."""
    released = json.loads(COURSE.assignment(NAME).read_text(encoding="utf-8"))
    solutions = solution_cells(COURSE.source(NAME))
    paths = []
    for number in range(students):
        content = json.loads(json.dumps(released))
        for cell in content["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if name in solutions:
                cell["source"] = solutions[name]
                if name == "mul" and number % WRONG_EVERY == WRONG_EVERY - 1:
                    cell["source"] = solutions[name].replace("grad_output * y", "grad_output")
        path = folder / "grading" / "submitted" / f"student{number:04d}" / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content), encoding="utf-8")
        paths.append(path)
    return paths


def stock_course(folder: Path, students: int) -> Path:
    """Make the stock course and enter its assignment."""
    source = folder / "source" / NAME
    source.mkdir(parents=True)
    (folder / "grading").mkdir()
    shutil.copy(COURSE.reference(NAME), source)
    config = STOCK_CONFIG.format(root=str(folder))
    (folder / "nbgrader_config.py").write_text(config, encoding="utf-8")
    command(folder, "nbgrader", "generate_assignment", NAME)
    hand_in(folder, students)
    return folder


def our_course(folder: Path, students: int) -> Path:
    """Copy this course."""
    for name in ("autograder", "course_autograd", "solutions", "assignments"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    command(folder, sys.executable, "-m", "autograder", "register")
    hand_in(folder, students)
    return folder


def command(folder: Path, *words: str) -> float:
    """Run one command in a folder; return its wall time in seconds."""
    tool = Path(sys.executable).parent / words[0]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    path = os.pathsep.join((str(tool.parent), os.environ.get("PATH", os.defpath)))
    begun = time.perf_counter()
    done = subprocess.run(
        [str(tool) if tool.exists() else words[0], *words[1:]],
        cwd=folder,
        env={**os.environ, **threads, "PYTHONPATH": str(ROOT), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return seconds


def again(folder: Path) -> None:
    """Take away what an earlier round has made, except the grade book."""
    for name in ("autograded", "feedback"):
        shutil.rmtree(folder / "grading" / name, ignore_errors=True)


def scores(folder: Path) -> dict[str, float]:
    """Return the scores in a grade book."""
    with Gradebook(f"sqlite:///{folder}/grading/gradebook.db") as gradebook:
        return {one.student.id: one.score for one in gradebook.assignment_submissions(NAME)}


def judge_all(paths: list[Path], jobs: int) -> float:
    """Judge a class with the pool, nothing else; return the wall time."""
    begun = time.perf_counter()
    with Pool(Settings(COURSE, display=False), jobs) as pool:
        graded = list(pool.results(Task(path, NAME) for path in paths))
    assert all(one.verdict is not None for one in graded)
    return time.perf_counter() - begun


def classes(students: int, rounds: int, jobs: int) -> dict[str, list[float]]:
    """Grade a class in every way, `rounds` times; return wall times by way."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="grading-") as base:
        stock = stock_course(Path(base, "stock"), students)
        ours = our_course(Path(base, "ours"), students)
        paths = sorted((ours / "grading" / "submitted").glob(f"*/{NAME}/{NAME}.ipynb"))

        def plug_in(*more: str) -> float:
            again(ours)
            return command(ours, "nbgrader", "autograde", NAME, f"--Grading.jobs={jobs}", *more)

        def whole() -> float:
            again(ours)
            words = ("-m", "autograder", "grade", NAME, "--jobs", str(jobs))
            return command(ours, sys.executable, *words)

        def stock_way() -> float:
            again(stock)
            first = command(stock, "nbgrader", "autograde", NAME)
            return first + command(stock, "nbgrader", "generate_feedback", NAME)

        ways: dict[str, Callable[[], float]] = {
            "stock autograde + generate_feedback": stock_way,
            "nbgrader autograde with the plug-in": plug_in,
            "the same, without the display run": lambda: plug_in("--Grading.display=False"),
            f"python -m autograder grade --jobs {jobs}": whole,
            "judging alone": lambda: judge_all(paths, jobs),
        }
        for _ in range(rounds):
            for way, run in ways.items():
                found.setdefault(way, []).append(run())
                print(f"{way}: {found[way][-1]:.1f} s", file=sys.stderr, flush=True)
        if scores(stock) != scores(ours):
            raise SystemExit("the scores differ: the times mean nothing.")
    return found


class Ten:
    """An exercise that asks ten questions; in all else it is the exercise it stands for."""

    def __init__(self, exercise: Exercise) -> None:
        self._exercise = exercise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exercise, name)

    def cases(self, rng: np.random.Generator) -> list[Case]:
        """Draw ten questions, of every facet as many as there is room for."""
        drawn = self._exercise.cases(rng)
        if len(drawn) < CASES:
            drawn += self._exercise.cases(rng)
        facets = [case.facet for case in drawn]
        earlier = [facets[:place].count(facet) for place, facet in enumerate(facets)]
        chosen = sorted(range(len(drawn)), key=lambda place: earlier[place])[:CASES]
        return [drawn[place] for place in sorted(chosen)]


def one_verdict(rounds: int) -> tuple[float, float, int]:
    """Judge a right submission of 20 exercises with 10 cases each in one warm child.

    Returns
    -------
    tuple
        Milliseconds of a verdict; of those, what the student's own code takes (its cells, and its
        answers to the same cases, run in this process); and the number of cases. Medians.
    """
    solutions: dict[str, str] = {}
    setup: dict[str, Cell] = {}
    for assignment in COURSE.names():
        solutions |= solution_cells(COURSE.source(assignment))
        setup |= {cell.source: cell for cell in plan(assignment).setup}
    known = exercises()
    chosen = [
        one for one in known.values() if one.kind in ("rule", "whole", "function") and not one.needs
    ]
    points = {one.name: 1.0 for one in chosen[:EXERCISES]}
    answers = [Cell(index, "code", solutions[name], name) for index, name in enumerate(points)]
    asked = Plan("twenty", Notebook(tuple(setup.values())), points)
    known.update({one.name: cast(Exercise, Ten(one)) for one in chosen})  # the judge's own, too
    times, own, cases = [], [], 0
    with Judge(COURSE) as judge:
        judge._plans[asked.name] = asked  # a notebook of its own, made for this
        for number in range(rounds + 1):
            begun = time.perf_counter()
            verdict = judge.verdict(Notebook(tuple(answers)), asked.name)
            if number:
                times.append(1e3 * (time.perf_counter() - begun))
            if verdict.score != EXERCISES:
                raise SystemExit("a right submission was found wrong: the times mean nothing.")
            cases = sum(len(one.evidence) for one in verdict.exercises)
    for _ in range(rounds):
        names: dict[str, Any] = {}
        for cell in setup.values():
            exec(cell.source, names)
        rng = np.random.default_rng(0)
        questions = [(known[name], known[name].cases(rng)) for name in points]
        begun = time.perf_counter()
        for cell in answers:
            exec(compile(cell.source, cell.name, "exec"), names)
        for exercise, drawn in questions:
            answer = exercise.find_answer(names)
            for case in drawn:
                exercise.run(answer, case)
        own.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(times), statistics.median(own), cases


def hostile_delay() -> float:
    """Return the seconds that a submission whose every answer hangs takes beyond its deadline."""
    content = json.loads(COURSE.reference(NAME).read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code" and "SOLUTION" in "".join(cell["source"]):
            cell["source"] = (
                "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
            )
    limits = Limits(cell=1.0, request=1.0, load=4.0, submission=6.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{NAME}.ipynb")
        path.write_text(json.dumps(content), encoding="utf-8")
        with Judge(COURSE, limits) as judge:
            judge.verdict(read_notebook(COURSE.reference(NAME)), NAME)
            begun = time.perf_counter()
            judge.verdict(read_notebook(path), NAME)
            return time.perf_counter() - begun - limits.submission


def growth(sizes: list[int], jobs: int) -> None:
    """Print how time and memory grow with the class."""
    print(f"| submissions | judging alone, {jobs} jobs | each | a worker's memory | `grade` |")
    print("|---|---|---|---|---|")
    for students in sizes:
        with tempfile.TemporaryDirectory(prefix="grading-") as base:
            ours = our_course(Path(base, "ours"), students)
            paths = sorted((ours / "grading" / "submitted").glob(f"*/{NAME}/{NAME}.ipynb"))
            begun = time.perf_counter()
            with Pool(Settings(COURSE, display=False), jobs) as pool:
                for _ in pool.results(Task(path, NAME) for path in paths):
                    pass
                seconds = time.perf_counter() - begun
                largest = max(psutil.Process(pid).memory_info().rss for pid in pool.pids())
            words = ("-m", "autograder", "grade", NAME, "--jobs", str(jobs))
            whole = command(ours, sys.executable, *words)
        print(
            f"| {students} | {seconds:.1f} s | {1e3 * seconds / students:.0f} ms | "
            f"{largest / 1e6:.0f} MB | {whole:.1f} s |",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grading", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--students", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--growth", action="store_true", help="10, 100 and 1,000 submissions")
    args = parser.parse_args()
    if args.growth:
        growth([10, 100, 1000], args.jobs)
        return
    if args.students < 1 or args.rounds < 1 or args.jobs < 1:
        parser.error("--students, --rounds and --jobs are positive numbers.")
    total, own, cases = one_verdict(20)
    print(
        f"a right submission of {EXERCISES} exercises, {cases} cases: median {total:.0f} ms; "
        f"its own code takes {own:.0f} ms of that"
    )
    print(f"a submission that hangs everywhere: {hostile_delay():+.2f} s beyond its deadline\n")
    found = classes(args.students, args.rounds, args.jobs)
    stock = found["stock autograde + generate_feedback"]
    print(f"| {args.students} submissions, {args.jobs} jobs | seconds | times faster than stock |")
    print("|---|---|---|")
    for way, times in found.items():
        ratio = statistics.median(a / b for a, b in zip(stock, times, strict=True))
        print(f"| {way} | {statistics.median(times):.1f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
