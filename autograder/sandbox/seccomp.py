"""Seccomp: a filter in the kernel that lets through what `syscalls` lists, and nothing else.

A program of the classic BPF machine, put together here. It looks at the architecture first (a call
made in another one's way ends the process), then at the number, then at arguments.
Source: the kernel's documentation, "Seccomp BPF".
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Sequence

from autograder.sandbox import kernel, syscalls

LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in what the kernel shows; little endian
KILL, ERROR, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
X32 = 0x40000000  # x86_64 only: calls of its 32-bit cousin have this bit
FILTER = 2

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def program(machine: str, pid: int) -> list[Instruction]:
    """Return the filter for one architecture and one process."""
    lines: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, kernel.MACHINES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
    ]
    if machine == "x86_64":
        lines += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, KILL)]
    for one in syscalls.allowed(pid):
        found = syscalls.number(one.name, machine)
        if found is not None:
            lines += _permission(found, one.conditions)
    missing = syscalls.number("clone3", machine)
    assert missing is not None
    return [
        *lines,
        (EQUAL, 0, 1, missing),
        (RETURN, 0, 0, ERROR | errno.ENOSYS),
        (RETURN, 0, 0, ERROR | errno.EPERM),
    ]


def _permission(found: int, conditions: Sequence[syscalls.Condition]) -> list[Instruction]:
    """Return the lines for one way to make a call; the number is in the accumulator."""
    if not conditions:
        return [(EQUAL, 0, 1, found), (RETURN, 0, 0, ALLOW)]
    tests: list[list[Instruction]] = []
    for one in conditions:
        lines = [(LOAD, 0, 0, ARGUMENTS + 8 * one.argument)]
        if one.mask != 0xFFFFFFFF:
            lines.append((AND, 0, 0, one.mask))
        tests.append([*lines, (EQUAL, 0, 0, one.value)])
    body = [line for test in tests for line in test]
    # After the body: RETURN ALLOW, then the number is loaded again for what follows.
    rest = len(body) + 1
    for position, (code, _, _, value) in enumerate(body):
        if code == EQUAL:
            body[position] = (EQUAL, 0, rest - position - 1, value)
    # Where the number is another one, the accumulator still holds it: over all of it.
    return [
        (EQUAL, 0, rest + 1, found),
        *body,
        (RETURN, 0, 0, ALLOW),
        (LOAD, 0, 0, NUMBER),
    ]


def encoded(lines: Sequence[Instruction]) -> bytes:
    """Return a program as the kernel reads it."""
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_void_p))


def put_up() -> None:
    """Filter the system calls of this process, for good.

    Raises
    ------
    SandboxError
    """
    lines = program(kernel.machine(), syscalls.own_pid())
    data = ctypes.create_string_buffer(encoded(lines))
    given = _Program(len(lines), ctypes.cast(data, ctypes.c_void_p))
    try:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.prctl(kernel.PR_SET_SECCOMP, FILTER, ctypes.byref(given))
    except OSError as error:
        raise kernel.SandboxError(f"seccomp was refused ({error.strerror})") from error
