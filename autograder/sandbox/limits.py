"""Limits of the kernel on processor time, memory, files and descriptors."""

from __future__ import annotations

import contextlib
import os
import sys

from autograder.sandbox.kernel import SandboxError

if sys.platform != "win32":  # which is told, in words, that it has no sandbox
    import resource

MEGABYTE = 1 << 20
DESCRIPTORS = 64


def mapped() -> int:
    """Return the bytes of address space that this process has now (0 where that is not told)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - before the walls
            pages = int(file.read().split()[0])
    except (OSError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def put_up(*, cpu_seconds: int, memory_mb: int, file_mb: int = 0) -> None:
    """Limit this process.

    Parameters
    ----------
    cpu_seconds : int
        Processor time from the start of the process; then the kernel ends it.
    memory_mb : int
        Megabytes of address space beyond what is mapped now. Without effect on macOS.
    file_mb : int
        Megabytes that a file may be written to.

    Raises
    ------
    SandboxError
        If the kernel refuses (on Linux).
    """
    wanted = {
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_AS: mapped() + memory_mb * MEGABYTE,
        resource.RLIMIT_FSIZE: file_mb * MEGABYTE,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: DESCRIPTORS,
    }
    for what, value in wanted.items():
        try:
            _, hard = resource.getrlimit(what)
            limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (limit, limit))
        except (ValueError, OSError) as error:
            if sys.platform == "linux":
                raise SandboxError(f"a limit was refused ({error})") from error


def limit_processes(most: int) -> None:
    """Limit the processes and threads of this user; only sound for a user that has no others."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
