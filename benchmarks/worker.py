"""One process for each contestant: makes a workload, and runs it when asked to.

A process of its own keeps contestants from each other's threads, caches and heaps; the conversation
over the pipe is outside of what is timed.
"""

from __future__ import annotations

import contextlib
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
# The last two are the pool of jax, by its older and its newer name. The flags of XLA that are said
# to do the same leave a second core at work.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NPROC",
    "PJRT_NPROC",
)


def can_keep_heap() -> bool:
    """Return whether this C library can be told: glibc can."""
    return hasattr(ctypes.CDLL(None), "mallopt")


def keep_heap() -> None:
    """Tell glibc to keep memory that is freed, instead of giving it back at every step."""
    libc = ctypes.CDLL(None)
    if not (libc.mallopt(M_TRIM_THRESHOLD, ALWAYS) and libc.mallopt(M_MMAP_THRESHOLD, ALWAYS)):
        raise OSError("mallopt: expected glibc to accept both thresholds, it refused one.")


def serve(pipe: Connection, name: str, kept: bool, clock: str) -> None:
    """Answer ``("make", work)`` and ``("run", count)`` until ``None`` comes."""
    if kept:
        keep_heap()
    try:
        module = importlib.import_module(f"benchmarks.contestants.{name}")
    except ModuleNotFoundError as error:
        pipe.send(f"{name} is not installed: {error}")
        return
    pipe.send("")
    now: Callable[[], float] = time.process_time if clock == "cpu" else time.perf_counter
    steps: Steps | None = None
    while (asked := pipe.recv()) is not None:
        what, value = asked
        answer: object = None
        if what == "make":
            make = module.MAKERS.get(value.kind)
            steps = None if make is None else make(value)
            if steps is not None:
                steps.step()
                answer = [np.array(one) for one in steps.result()]
        else:
            assert steps is not None
            answer = timed(steps.step, value, now)
        if clock == "wall":
            settle()
        pipe.send(answer)


def timed(step: Callable[[], object], count: int, now: Callable[[], float]) -> tuple[float, int]:
    """Return seconds and page faults per step."""
    faults, begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, now()
    for _ in range(count):
        step()
    seconds = now() - begun
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    return seconds / count, faults // count


def settle() -> None:
    """Wait until the process's own threads sleep, a second at most.

    OpenBLAS's threads wait for their next product in a busy loop, for a tenth of a second: they
    would take a core from whoever's turn is next.
    """
    for _ in range(50):
        begun = time.process_time()
        time.sleep(0.02)
        if time.process_time() - begun < 0.002:
            return


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
        if reason := self._answer():
            self.close()
            raise ModuleNotFoundError(reason)

    def make(self, work: Workload) -> list[Any] | None:
        """Make a workload, do one step, and return its result; None if there is no such thing."""
        self._pipe.send(("make", work))
        result: list[Any] | None = self._answer()
        return result

    def run(self, count: int) -> tuple[float, int]:
        """Return seconds and page faults per step over `count` steps."""
        self._pipe.send(("run", count))
        answer: tuple[float, int] = self._answer()
        return answer

    def _answer(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError(
                f"{self.name}: expected an answer of its process, but it has ended; what it wrote "
                "stands above."
            ) from None

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):  # it has ended of itself
            self._pipe.send(None)
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


if __name__ == "__main__":
    sys.exit("This module is started by `python -m benchmarks`.")
