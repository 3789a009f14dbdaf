"""How long `check` takes on each exercise, as a student waits for it.

    python -m benchmarks.check_time

The reference solutions are registered and every exercise is checked several times; the table shows
the median in milliseconds and the ratio to 100 numeric gradients of a small product in the
same run (so that figures of different machines can be compared).
"""

from __future__ import annotations

import contextlib
import io
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.cells import read_notebook, solution_cells
from autograder.course import COURSE
from course_autograd import check, exercises

ROUNDS = 5


def yardstick() -> None:
    """100 numeric gradients of sum(W @ x) for W of shape (8, 8), by central differences."""
    rng = np.random.default_rng(0)
    W, x = rng.normal(size=(8, 8)), rng.normal(size=8)
    for _ in range(100):
        gradient = np.empty_like(W)
        for index in np.ndindex(W.shape):
            before = W[index]
            W[index] = before + 6e-6
            above = (W @ x).sum()
            W[index] = before - 6e-6
            gradient[index] = (above - (W @ x).sum()) / 12e-6
            W[index] = before


def seconds(action: Callable[[], object]) -> float:
    """Return the median time of `action` over a few rounds, after one to warm up."""
    times = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            action()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def rows() -> list[tuple[str, str, float]]:
    """Return (assignment, exercise, seconds) for every exercise of the course."""
    measured = []
    for name in COURSE.names():
        notebook = COURSE.reference(name)
        namespace: dict[str, Any] = {}
        solutions = solution_cells(notebook)
        setup = [cell.source for cell in read_notebook(notebook).by_role("setup")]
        for source in (*setup, *solutions.values()):
            exec(source, namespace)
        for exercise in solutions:
            answer = exercises.find(exercise).find_answer(namespace)
            measured.append((name, exercise, seconds(lambda e=exercise, a=answer: check(e, a))))  # type: ignore[misc]
    return measured


def main() -> None:
    """Print the table."""
    unit = seconds(yardstick)
    measured = rows()
    print(f"yardstick: {unit * 1e3:.0f} ms; target: every exercise below 1,000 ms\n")
    print("| assignment | exercise | check, ms | per yardstick |")
    print("|---|---|---|---|")
    for assignment, exercise, time_ in measured:
        print(f"| {assignment} | {exercise} | {time_ * 1e3:.0f} | {time_ / unit:.2f} |")
    slowest = max(measured, key=lambda row: row[2])
    print(f"\nslowest: {slowest[1]}, {slowest[2] * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
