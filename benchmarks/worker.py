"""One process for each contestant: makes a workload, and runs it when asked to.

A process of its own keeps contestants from each other's threads, caches and heaps; the conversation
over the pipe is outside of what is timed.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.contestants import Steps
from benchmarks.workloads import Workload

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, ALWAYS = -1, -3, 1 << 30
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def keep_heap() -> None:
    """Tell glibc to keep memory that is freed, instead of giving it back at every step."""
    libc = ctypes.CDLL(None)
    if not (libc.mallopt(M_TRIM_THRESHOLD, ALWAYS) and libc.mallopt(M_MMAP_THRESHOLD, ALWAYS)):
        raise OSError("mallopt failed: this is not glibc.")


def serve(pipe: Connection, name: str, kept: bool, clock: str) -> None:
    """Answer ``("make", work)`` and ``("run", count)`` until ``None`` comes."""
    if kept:
        keep_heap()
    try:
        module = importlib.import_module(f"benchmarks.contestants.{name}")
    except ImportError as error:
        pipe.send(f"{name} is not installed: {error}")
        return
    pipe.send("")
    now: Callable[[], float] = time.process_time if clock == "cpu" else time.perf_counter
    steps: Steps | None = None
    while (asked := pipe.recv()) is not None:
        what, value = asked
        if what == "make":
            steps = module.steps(value)
            if steps is None:
                pipe.send(None)
                continue
            steps.step()
            pipe.send([np.array(one) for one in steps.result()])
        else:
            assert steps is not None
            pipe.send(timed(steps.step, value, now))


def timed(step: Callable[[], object], count: int, now: Callable[[], float]) -> tuple[float, int]:
    """Return seconds and page faults per step."""
    faults, begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, now()
    for _ in range(count):
        step()
    seconds = now() - begun
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    return seconds / count, faults // count


class Worker:
    """The handle on one contestant's process.

    Raises
    ------
    ModuleNotFoundError
        If the contestant is not installed.
    """

    def __init__(self, name: str, *, kept: bool, threads: int, clock: str) -> None:
        self.name = name
        before = {key: os.environ.get(key) for key in THREADS}
        os.environ.update(dict.fromkeys(THREADS, str(threads)))
        context: Any = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, name, kept, clock), daemon=True)
        self._process.start()
        theirs.close()
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
        if reason := self._pipe.recv():
            self.close()
            raise ModuleNotFoundError(reason)

    def make(self, work: Workload) -> list[Any] | None:
        """Make a workload, do one step, and return its result; None if there is no such thing."""
        self._pipe.send(("make", work))
        result: list[Any] | None = self._pipe.recv()
        return result

    def run(self, count: int) -> tuple[float, int]:
        """Return seconds and page faults per step over `count` steps."""
        self._pipe.send(("run", count))
        answer: tuple[float, int] = self._pipe.recv()
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process.is_alive():
            self._pipe.send(None)
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


if __name__ == "__main__":
    sys.exit("This module is started by `python -m benchmarks`.")
