"""System calls that Python has no name for, through the C library.

Everything here is prepared when the module is imported: behind the walls nothing can be opened any
more, no library either.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from typing import Any

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_NO_NEW_PRIVS = 38

# Names of machines as `platform.machine` tells them, with the kernel's name of the architecture.
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


class SandboxError(Exception):
    """A wall could not be put up. The text says which, and why."""


def machine() -> str:
    """Return the architecture: a key of `MACHINES`.

    Raises
    ------
    SandboxError
        On any other one: numbers of system calls differ between architectures.
    """
    name = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine(), platform.machine())
    if sys.platform != "linux" or name not in MACHINES or sys.maxsize < 2**32:
        raise SandboxError(f"expected Linux on x86_64 or aarch64, this is {sys.platform} on {name}")
    return name


_libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform != "win32" else None


def system_call(number: int, *arguments: Any) -> int:
    """Make a system call by its number.

    Raises
    ------
    OSError
    """
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        _fail()
    return result


def prctl(option: int, value: Any, third: Any = 0) -> None:
    """Call ``prctl(2)``.

    Raises
    ------
    OSError
    """
    zero = ctypes.c_ulong(0)
    what = value if isinstance(value, ctypes._SimpleCData) else ctypes.c_ulong(value)
    third = ctypes.c_ulong(third) if isinstance(third, int) else third
    if _libc.prctl(ctypes.c_int(option), what, third, zero, zero):
        _fail()


def _fail() -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))
