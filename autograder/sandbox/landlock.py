"""Landlock: from here on no file can be opened, no port reached, no outsider signalled.

A ruleset that handles every right the kernel knows, and grants none. Unprivileged; Linux 5.13 and
later. Source: the kernel's documentation, "Landlock: unprivileged access control".
"""

from __future__ import annotations

import ctypes
import os

from autograder.sandbox import kernel

# The same numbers on every architecture.
CREATE_RULESET, RESTRICT_SELF = 444, 446
VERSION = 1  # flag: tell the version of the interface instead

# Version of the interface -> how many kinds of access to files it knows (bits from 0 on).
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
NETWORK_SINCE, SCOPES_SINCE = 4, 6
NETWORK = 0b11  # bind and connect, TCP
SCOPES = 0b11  # abstract Unix sockets and signals


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


def version() -> int:
    """Return the version of the kernel's interface.

    Raises
    ------
    SandboxError
        If there is no Landlock: an old kernel, one built without it, or switched off.
    """
    kernel.machine()
    try:
        return kernel.system_call(
            CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION)
        )
    except OSError as error:
        raise kernel.SandboxError(f"the kernel offers no Landlock ({error.strerror})") from error


def put_up() -> None:
    """Close all files and ports to this process, for good. What is open stays open.

    Raises
    ------
    SandboxError
    """
    known = version()
    rights = FILE_RIGHTS[min(known, max(FILE_RIGHTS))]
    ruleset = _Ruleset((1 << rights) - 1)
    size = 8
    if known >= NETWORK_SINCE:
        ruleset.network, size = NETWORK, 16
    if known >= SCOPES_SINCE:
        ruleset.scopes, size = SCOPES, 24
    try:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        descriptor = kernel.system_call(
            CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), ctypes.c_uint32(0)
        )
        try:
            kernel.system_call(RESTRICT_SELF, ctypes.c_int(descriptor), ctypes.c_uint32(0))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise kernel.SandboxError(f"Landlock was refused ({error.strerror})") from error
