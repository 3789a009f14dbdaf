"""The system calls that numbers need, and nothing else: names, numbers, and conditions.

An allow-list. What is not on it fails with "Operation not permitted", which Python turns into a
PermissionError: there is no opening, no looking at files by name, no program, no process, no
socket, and no signal to anybody else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

# Name -> number on x86_64 and on aarch64 (None: does not exist there).
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "close": (3, 57),
    "close_range": (436, 436),
    "lseek": (8, 62),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "eventfd2": (290, 19),
    "pipe2": (293, 59),
    "recvfrom": (45, 207),
    "shutdown": (48, 210),
    "brk": (12, 214),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getrandom": (318, 278),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "getitimer": (36, 102),
    "setitimer": (38, 103),
    "alarm": (37, None),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getpgrp": (111, None),
    "getpgid": (121, 155),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getcwd": (79, 17),
    "uname": (63, 160),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "exit": (60, 93),
    "exit_group": (231, 94),
    # with conditions
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "clone": (56, 220),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "socketpair": (53, 199),
    "sendto": (44, 206),
    "clone3": (435, 435),
}

PROT_EXEC = 4
CLONE_VM, CLONE_THREAD = 0x100, 0x10000
FIONBIO, FIOCLEX, FIONCLEX = 0x5421, 0x5451, 0x5450
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 1030
AF_UNIX, SOCK_STREAM, SOCK_KIND = 1, 1, 0xF


@dataclass(frozen=True)
class Condition:
    """An argument's low 32 bits, masked, are equal to a value.

    The kernel reads these arguments as 32-bit numbers, or as flags in the low half.
    """

    argument: int
    value: int
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True)
class Allowed:
    """One way to make a system call that is permitted: by name, under conditions."""

    name: str
    conditions: tuple[Condition, ...] = ()


def allowed(pid: int) -> Iterator[Allowed]:
    """Yield what the process `pid` may do; a call may be allowed in several ways."""
    conditional: dict[str, list[tuple[Condition, ...]]] = {
        "mmap": [(Condition(2, 0, PROT_EXEC),)],
        "mprotect": [(Condition(2, 0, PROT_EXEC),)],
        # threads of this process, never another process
        "clone": [(Condition(0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD),)],
        "kill": [(Condition(0, pid),)],
        # a thread's number cannot be known here: only the way that names the process as well
        "tgkill": [(Condition(0, pid),)],
        "tkill": [(Condition(0, pid),)],
        "prlimit64": [(Condition(0, 0),), (Condition(0, pid),)],
        "fcntl": [
            (Condition(1, command),)
            for command in (F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC)
        ],
        "ioctl": [(Condition(1, request),) for request in (FIONBIO, FIOCLEX, FIONCLEX)],
        # A stream cannot be redirected to another address; datagrams could.
        "socketpair": [(Condition(0, AF_UNIX), Condition(1, SOCK_STREAM, SOCK_KIND))],
        "sendto": [(Condition(4, 0), Condition(5, 0))],
        "clone3": [],  # refused with "no such call": its flags lie behind a pointer
    }
    for name in NUMBERS:
        for conditions in conditional.get(name, [()]):
            yield Allowed(name, conditions)


def number(name: str, machine: str) -> int | None:
    """Return the number of a system call; None where it does not exist."""
    return NUMBERS[name][("x86_64", "aarch64").index(machine)]


def own_pid() -> int:
    """Return the number this process has for itself, inside of a namespace too."""
    return os.getpid()
