"""Grading many submissions at once: trusted worker processes, each with a judge of its own.

A thread per worker takes the next submission, hands it to its worker and waits for the answer. A
worker that dies, hangs or reports a failure of the grader itself is replaced, and its submission
is tried once more; then it is "not graded", with the reason, and nobody else is touched.

The processes are begun as plain programs, not by `multiprocessing`: that would import nbgrader's
command line anew in each of them, which takes longer than grading twenty submissions. They end
when the pool's end of their line is closed, hence also when the pool's process is killed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from multiprocessing.connection import Connection
from pathlib import Path

from autograder.closing import Closing
from autograder.course import ROOT
from autograder.worker import GRACE, OURS, Graded, Settings, Task, serve

ATTEMPTS = 2
AHEAD = 64  # submissions for each worker that may be graded before anyone takes them
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "MICROSECONDS PERIOD", or "max PERIOD"

COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    f"from {serve.__module__} import serve; serve(int(sys.argv[2]))"
)
# One worker, one core: numpy must not take those of the others.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def usable_cores() -> int:
    """Return how many cores this process may use: by its affinity and its container's quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, _cores_of_container(QUOTA)))


def _cores_of_container(path: Path) -> int:
    try:
        quota, period = path.read_text(encoding="ascii").split()
        return sys.maxsize if quota == "max" else round(int(quota) / int(period))
    except (OSError, ValueError):
        return sys.maxsize


def import_path() -> list[str]:
    """Return where a worker looks for modules: wherever it is started, not in that folder."""
    return [str(ROOT), *(folder for folder in sys.path if folder)]


class Pool(Closing):
    """Grades submissions with several worker processes.

    Parameters
    ----------
    settings : Settings
        How to grade.
    jobs : int, optional
        How many workers; by default as many as there are usable cores.
    on_graded : callable, optional
        Called in the worker's thread with what was found, before anybody gets it; what it returns
        is what they get.

    Examples
    --------
    >>> with Pool(Settings(), jobs=2) as pool:  # doctest: +SKIP
    ...     for graded in pool.results(tasks):
    ...         print(graded.task.path, graded.verdict)
    """

    def __init__(
        self,
        settings: Settings,
        jobs: int | None = None,
        on_graded: Callable[[Graded], Graded] | None = None,
    ) -> None:
        self.settings = settings
        self._on_graded = on_graded or (lambda graded: graded)
        self.jobs = jobs or usable_cores()
        limits = settings.limits
        # The judge and the display run keep their own deadlines; this one is for a grader that
        # hangs itself.
        self.patience = 4 * limits.submission + 60
        self._threads = ThreadPoolExecutor(self.jobs, thread_name_prefix="grading")
        self._own = threading.local()
        self._workers: set[_Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, task: Task) -> Future[Graded]:
        """Let one submission be graded as soon as a worker is free."""
        return self._threads.submit(self._grade, task)

    def results(self, tasks: Iterable[Task]) -> Iterator[Graded]:
        """Grade all `tasks`; yield what was found as it comes, in no particular order.

        However many there are, only a few are graded before they are asked for.
        """
        waiting = iter(tasks)
        at_work: set[Future[Graded]] = set()
        more = True
        while more or at_work:
            while more and len(at_work) < 2 * self.jobs:
                task = next(waiting, None)
                more = task is not None
                if task is not None:
                    at_work.add(self.submit(task))
            done, at_work = wait(at_work, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()

    def pids(self) -> list[int]:
        """Return the process ids of the workers that are there at present."""
        with self._lock:
            return sorted(worker.process.pid for worker in self._workers)

    def _grade(self, task: Task) -> Graded:
        """Grade one submission in this thread's worker."""
        graded = Graded(task, reason=f"{OURS}: the run was ended.", ours=True)
        for _ in range(ATTEMPTS):
            worker = self._worker()
            if worker is None:
                break
            try:
                graded = worker.grade(task, self.patience)
            except _LostError as error:
                graded = Graded(task, reason=f"{OURS}: {error}.", ours=True)
            if not graded.ours:
                break
            self._dismiss(worker)
        return self._on_graded(graded)

    def _worker(self) -> _Worker | None:
        """Return this thread's worker, a new one if need be; None if the pool is closed."""
        worker: _Worker | None = getattr(self._own, "worker", None)
        with self._lock:
            if self._closed:
                return None
            if worker is None:
                worker = self._own.worker = _Worker(self.settings)
                self._workers.add(worker)
        return worker

    def _dismiss(self, worker: _Worker) -> None:
        self._own.worker = None
        with self._lock:
            self._workers.discard(worker)
        worker.close()

    def close(self) -> None:
        """End all workers; what is not graded yet stays ungraded."""
        with self._lock:
            self._closed = True
            workers = list(self._workers)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.hang_up()
        for worker in workers:
            worker.wait_or_kill()
        self._threads.shutdown(wait=True)
        for worker in workers:
            worker.close()
        self._workers.clear()


class Ahead:
    """Submissions graded ahead by a pool, taken one after the other.

    Parameters
    ----------
    pool : Pool
    tasks : iterable of Task
        In the order in which they will be taken.
    ahead : int, optional
        How many may be ready or at work before they are taken.
    """

    def __init__(self, pool: Pool, tasks: Iterable[Task], ahead: int | None = None) -> None:
        self._pool = pool
        self._tasks = deque(tasks)
        self._ahead = ahead or AHEAD * pool.jobs
        self._futures: dict[Path, Future[Graded]] = {}
        self._fill()

    def _fill(self) -> None:
        while self._tasks and len(self._futures) < self._ahead:
            task = self._tasks.popleft()
            self._futures[task.path] = self._pool.submit(task)

    def take(self, path: Path) -> Graded | None:
        """Wait for the submission at `path`; None if it was not among the tasks."""
        while path not in self._futures:
            if not any(task.path == path for task in self._tasks):
                return None
            task = self._tasks.popleft()
            self._futures[task.path] = self._pool.submit(task)
        graded = self._futures.pop(path).result()
        self._fill()
        return graded


# --- one worker -----------------------------------------------------------------------------


class _LostError(Exception):
    """A worker gave no answer. The text says why, without a full stop."""


class _Worker:
    """The handle on one worker process."""

    def __init__(self, settings: Settings) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, json.dumps(import_path()), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **ONE_THREAD},
                start_new_session=True,  # Ctrl-C is the pool's affair
            )
        self._socket = ours
        self._line = Connection(os.dup(ours.fileno()))
        self._greeting: Settings | None = settings

    def grade(self, task: Task, patience: float) -> Graded:
        """Hand over one task and wait for what comes of it.

        Raises
        ------
        _LostError
        """
        try:
            if self._greeting is not None:
                self._line.send(self._greeting)
                self._greeting = None
            self._line.send(task)
            if not self._line.poll(patience):
                raise _LostError(f"there was no verdict within {patience:g} seconds")
            graded = self._line.recv()
        except (EOFError, OSError) as error:
            raise _LostError(self._how_it_ended()) from error
        assert isinstance(graded, Graded)
        return graded

    def _how_it_ended(self) -> str:
        try:
            status = self.process.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            return "its process no longer answers"
        ended = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return f"its process ended ({ended}; is there enough memory?)"

    def hang_up(self) -> None:
        """Let the process end by itself, whatever it is doing."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # the other end has gone already
            return

    def wait_or_kill(self) -> None:
        """Wait for the end of the process, a little while."""
        try:
            self.process.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        """End the process and forget it."""
        self.hang_up()
        self.wait_or_kill()
        self._line.close()
        self._socket.close()
