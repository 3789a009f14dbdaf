"""Grading with several processes: nobody waits for, pays for, or outlives somebody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from small_course import ASSIGNMENT, POINTS, Submission, small_course

from autograder.course import ROOT, Course
from autograder.pool import Ahead, Pool, _cores_of_container, usable_cores
from autograder.process import Limits
from autograder.worker import Grader, Settings, Task, digest_of_cells, digest_of_file

pytestmark = pytest.mark.slow

FULL = sum(POINTS.values())
WRONG = "@backward_of(ops.mul)\ndef m(ctx, grad_output):\n    x, y = ctx\n    return y, x"
ENDLESS = "import time\nwhile True:\n    time.sleep(1)"
LIMITS = Limits(cell=2.0, load=10.0, request=2.0, submission=20.0)


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    return small_course(tmp_path_factory.mktemp("course") / "small")


@pytest.fixture(scope="module")
def settings(course) -> Settings:
    return Settings(course, LIMITS)


@pytest.fixture(scope="module")
def pool(settings) -> Iterator[Pool]:
    with Pool(settings, jobs=2) as pool:
        yield pool


@pytest.fixture
def hand_in(course, tmp_path) -> Callable[[str, Submission | bytes], Task]:
    def task(name: str, content: Submission | bytes) -> Task:
        path = tmp_path / name / f"{ASSIGNMENT}.ipynb"
        path.parent.mkdir()
        path.write_bytes(content if isinstance(content, bytes) else content.text().encode())
        return Task(path, ASSIGNMENT, seed=1)

    return task


def below(pid: int) -> list[psutil.Process]:
    """All processes that a process has started."""
    return psutil.Process(pid).children(recursive=True)


def gone(processes: list[psutil.Process], within: float = 20.0) -> bool:
    """Whether all of them have ended."""
    _, alive = psutil.wait_procs(processes, timeout=within)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_a_pool_finds_what_one_grader_finds(course, settings, pool, hand_in):
    tasks = [
        hand_in("good", Submission(course).solve()),
        hand_in("wrong", Submission(course).solve().write(mul=WRONG)),
        hand_in("twice", Submission(course).solve().duplicate("mul")),
        hand_in("empty", b""),
        hand_in("untouched", Submission(course)),
    ]
    together = {graded.task.path: graded for graded in pool.results(tasks)}
    assert set(together) == {task.path for task in tasks}
    with Grader(settings) as grader:
        for task in tasks:
            alone, there = grader.grade(task), together[task.path]
            assert there.reason == alone.reason
            assert there.repairs == alone.repairs
            assert there.submission == alone.submission
            assert there.notebook == alone.notebook
            assert there.content == alone.content
            if alone.verdict is not None and there.verdict is not None:
                assert there.verdict.score == alone.verdict.score
                for here in alone.verdict.exercises:
                    assert there.verdict[here.name].facets == here.facets
                    assert there.verdict[here.name].where == here.where


def test_what_was_judged_is_told_by_its_bytes(course, pool, hand_in):
    task = hand_in("good", Submission(course).solve())
    graded = pool.submit(task).result()
    assert graded.submission == digest_of_file(task.path)
    assert graded.notebook == digest_of_cells(Submission(course).solve().notebook())


def test_a_hostile_submission_costs_nobody_but_itself(course, pool, hand_in):
    ends = "import os\nos._exit(0)"
    bad = [
        hand_in("ends", Submission(course).solve("power").write(mul=ends)),
        hand_in("endless", Submission(course).solve("by_hand").write(mul=ENDLESS)),
        hand_in("deep", b"[" * 200_000),
    ]
    good = [hand_in(f"good{i}", Submission(course).solve()) for i in range(4)]
    found = {graded.task.path: graded for graded in pool.results([*bad, *good])}
    for task in good:
        verdict = found[task.path].verdict
        assert verdict is not None
        assert verdict.score == FULL
    assert "cannot be read" in found[bad[2].path].reason
    for task in bad[:2]:
        verdict = found[task.path].verdict
        assert verdict is not None
        assert verdict["mul"].score == 0.0


def test_a_known_verdict_is_not_judged_again(course, pool, hand_in):
    task = hand_in("good", Submission(course).solve())
    verdict = pool.submit(task).result().verdict
    again = pool.submit(Task(task.path, ASSIGNMENT, known=verdict)).result()
    assert again.verdict == verdict
    assert again.content


def test_ahead_gives_each_its_own_in_any_order(course, pool, hand_in):
    tasks = [hand_in(f"s{i}", Submission(course).append(f"x = {i}")) for i in range(6)]
    ahead = Ahead(pool, tasks, ahead=2)
    for task in (tasks[4], tasks[0], tasks[5], tasks[1]):
        graded = ahead.take(task.path)
        assert graded is not None
        assert graded.task.path == task.path
        assert graded.submission == digest_of_file(task.path)
    assert ahead.take(Path("nobody.ipynb")) is None


def test_a_worker_that_is_killed_is_replaced_and_its_submission_tried_again(
    course, settings, hand_in
):
    with Pool(settings, jobs=1) as pool:
        first = pool.submit(hand_in("first", Submission(course).solve())).result()
        assert first.verdict is not None
        (before,) = pool.pids()
        slow = "import time\ntime.sleep(1.5)"
        future = pool.submit(hand_in("second", Submission(course).solve().append(slow)))
        time.sleep(0.2)
        os.kill(before, signal.SIGKILL)
        second = future.result()
        assert second.verdict is not None
        assert second.verdict.score == FULL
        assert pool.pids() != [before]


def test_whoever_kills_every_worker_is_not_graded_and_the_next_one_is(course, settings, hand_in):
    with Pool(settings, jobs=1) as pool:
        slow = "import time\ntime.sleep(1.5)"
        future = pool.submit(hand_in("first", Submission(course).append(slow)))
        killed: set[int] = set()
        while not future.done():
            for pid in set(pool.pids()) - killed:
                time.sleep(0.2)
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            time.sleep(0.01)
        graded = future.result()
        assert graded.verdict is None
        assert graded.ours
        assert graded.reason.startswith("the grader itself failed, not the student: its process")
        assert "SIGKILL" in graded.reason
        assert len(killed) == 2
        following = pool.submit(hand_in("second", Submission(course).solve())).result()
        assert following.verdict is not None


def test_a_failure_of_the_grader_is_tried_again_and_then_said(tmp_path, hand_in):
    course = small_course(tmp_path / "own")
    task = hand_in("good", Submission(course).solve())
    course.assignment(ASSIGNMENT).unlink()
    with Pool(Settings(course, LIMITS), jobs=1) as pool:
        graded = pool.submit(task).result()
        assert graded.ours
        assert "python -m autograder build" in graded.reason


def test_closing_ends_everything_at_once_and_loses_nobody_silently(course, settings, hand_in):
    pool = Pool(settings, jobs=2)
    futures = [
        pool.submit(hand_in(f"s{i}", Submission(course).insert("mul", ENDLESS))) for i in range(2)
    ]
    while len([one for pid in pool.pids() for one in below(pid)]) < 2:
        time.sleep(0.05)
    started = [one for pid in pool.pids() for one in (psutil.Process(pid), *below(pid))]
    pool.close()
    assert gone(started)
    for future in futures:
        assert "the grader itself failed" in future.result().reason


PARENT = """
import sys
from pathlib import Path
from autograder.course import Course
from autograder.pool import Pool
from autograder.process import Limits
from autograder.worker import Settings, Task

with Pool(Settings(Course(Path(sys.argv[1])), Limits(cell=60.0, load=60.0)), jobs=2) as pool:
    futures = [pool.submit(Task(Path(path), "01_chain_rule")) for path in sys.argv[2:]]
    for future in futures:
        future.result()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_parent_that_was_ended(course, hand_in, number):
    paths = [
        str(hand_in(f"s{i}", Submission(course).insert("mul", ENDLESS)).path) for i in range(2)
    ]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(course.root), *paths],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    while len(below(parent.pid)) < 4:  # two workers, and at least a child each
        time.sleep(0.05)
    time.sleep(0.5)
    started = below(parent.pid)
    parent.send_signal(number)
    parent.wait(timeout=30)
    assert gone(started)


def test_the_number_of_workers_is_that_of_the_cores_one_may_use(tmp_path):
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    quota = tmp_path / "cpu.max"
    for text, cores in {"max 100000": sys.maxsize, "150000 100000": 2, "": sys.maxsize}.items():
        quota.write_text(text)
        assert _cores_of_container(quota) == cores
    assert _cores_of_container(tmp_path / "none") == sys.maxsize
