"""Who the process is and what it holds: no rights, no descriptors, no environment, no place."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Sequence

from autograder.sandbox import kernel
from autograder.sandbox.limits import limit_processes

NOBODY = 65534
CAPABILITIES = 64  # more than there are
MOST_THREADS = 1000  # of all children of this user together
CAPSET = {"x86_64": 126, "aarch64": 91}
CAPABILITY_VERSION = 0x20080522


def end_with_parent() -> None:
    """Let the kernel end this process with its parent. Forgotten whenever the user changes.

    Raises
    ------
    SandboxError
    """
    parent = os.getppid()
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, int(signal.SIGKILL))
    except OSError as error:
        raise kernel.SandboxError(f"PR_SET_PDEATHSIG was refused ({error})") from error
    if os.getppid() != parent:
        raise kernel.SandboxError("the parent has ended")


def close_descriptors(keep: Sequence[int]) -> None:
    """Close everything but `keep`, and point 0, 1 and 2 at ``/dev/null``."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        if standard not in keep:
            os.dup2(null, standard)
    kept = sorted({0, 1, 2, *keep})
    for before, after in zip(kept, [*kept[1:], 1 << 20], strict=True):
        os.closerange(before + 1, after)


def forget_surroundings() -> None:
    """Empty the environment and leave the folder."""
    os.environ.clear()
    os.umask(0o077)
    os.chdir("/")


def drop_rights() -> None:
    """Give up all capabilities; root becomes nobody where it can.

    Where other users do not exist (a user namespace with a single one), root without capabilities
    remains; Landlock and seccomp do not ask who somebody is.

    Raises
    ------
    SandboxError
    """
    try:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # its memory is nobody's business
    except OSError as error:
        raise kernel.SandboxError(f"giving up rights failed ({error})") from error
    if os.getuid() == 0:
        for capability in range(CAPABILITIES):
            try:
                kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
            except OSError:
                break  # the first that does not exist, or none may be dropped
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        except OSError:
            pass
        else:
            limit_processes(MOST_THREADS)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    try:
        number = CAPSET[kernel.machine()]
        kernel.system_call(number, ctypes.byref(header), ctypes.byref(nothing))
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    except OSError as error:
        raise kernel.SandboxError(f"giving up capabilities failed ({error})") from error
    end_with_parent()
