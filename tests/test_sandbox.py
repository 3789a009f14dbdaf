"""The walls, each tried for real in a forked process; and what honest numbers need behind them."""

# What is tried is the system call:
# ruff: noqa: PTH101, PTH102, PTH104, PTH109, PTH115, PTH116, PTH123, PTH208

from __future__ import annotations

import asyncio
import ctypes
import datetime
import errno
import mmap
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.linalg
import numpy.random
import pytest

from autograder import sandbox
from autograder.sandbox import kernel, seccomp, syscalls
from autograder.sandbox.levels import Allowance, Found, SandboxError, UnsafeError, enter, require

DECLARED = "COURSE_SANDBOX_LEVEL"
FOUND = sandbox.probe()
LIBC = ctypes.CDLL(None, use_errno=True)
PARENT = os.getpid()
asyncio.run(asyncio.sleep(0))  # what it imports late cannot be imported behind the walls

linux = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")
walled = pytest.mark.parametrize("level", ["B", "C"])


def needs(level: str) -> None:
    """Fail where a level is missing, unless the machine's level has been declared."""
    if (level in ("B", "C") and FOUND.level in ("D", None)) or (
        level == "B" and FOUND.level == "C"
    ):
        if os.environ.get(DECLARED) == FOUND.level:
            pytest.skip(f"declared: {FOUND.sentence()}")
        pytest.fail(f"level {level} is missing: {FOUND.sentence()}. Declare it with {DECLARED}.")


def behind(level: str, action: Callable[[], Any], allowance: Allowance | None = None) -> str:
    """Say what `action` gave behind the walls: its repr, an error, or how the process ended."""
    needs(level)
    read_from, write_to = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            enter(level, allowance or Allowance(20, 600), [write_to])
            try:
                said = repr(action())
            except BaseException as error:
                said = type(error).__name__
            os.write(write_to, said.encode()[:4000])
        finally:
            os._exit(0)
    os.close(write_to)
    with os.fdopen(read_from, "rb") as pipe:
        said = pipe.read().decode()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return said if code == 0 else f"ended by {signal.Signals(-code).name}"


def number(name: int, *arguments: Any) -> str:
    """Make a system call by its number (x86_64), and return what the kernel says."""
    result = LIBC.syscall(ctypes.c_long(name), *arguments)
    return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]


HERE = __file__
FORBIDDEN: dict[str, Callable[[], Any]] = {
    "read a file": lambda: open(HERE).read(),  # noqa: SIM115
    "read /proc": lambda: os.open("/proc/self/maps", os.O_RDONLY),
    "write a file": lambda: os.open("/tmp/course-attack", os.O_CREAT | os.O_WRONLY),
    "look at a file": lambda: os.stat(HERE),
    "look at a link": lambda: os.readlink("/proc/self/exe"),
    "list a folder": lambda: os.listdir("/"),
    "truncate": lambda: os.truncate(HERE, 10**9),
    "chmod": lambda: os.chmod(HERE, 0o644),
    "change the time": lambda: os.utime(HERE),
    "rename": lambda: os.rename(HERE, HERE + ".gone"),
    "mkdir": lambda: os.mkdir("/tmp/course-attack"),
    "temporary file": tempfile.TemporaryFile,
    "fork": os.fork,
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "subprocess": lambda: subprocess.run(["true"], check=False),
    "TCP": lambda: socket.socket().connect(("127.0.0.1", 9)),
    "UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "datagram pair": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
    "kill the parent": lambda: os.kill(PARENT, 0),
    "kill everybody": lambda: os.kill(-1, 0),
    "kill the group": lambda: os.killpg(os.getpgid(PARENT), 0),
    "limits of the parent": lambda: resource.prlimit(PARENT, resource.RLIMIT_CORE),
    "memory file": lambda: os.memfd_create("x"),
    "code in memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_EXEC | mmap.PROT_READ),
    "another user": lambda: os.setuid(0),
    "another folder": lambda: os.chdir("/tmp"),
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, 5),
}


@linux
@walled
@pytest.mark.parametrize("what", FORBIDDEN)
def test_this_is_not_permitted(level: str, what: str) -> None:
    assert behind(level, FORBIDDEN[what]) in ("PermissionError", "FileNotFoundError")


BY_NUMBER = {
    "ptrace": (101, 16, PARENT, 0, 0),
    "process_vm_readv": (310, PARENT, 0, 0, 0, 0, 0),
    "F_SETOWN": (72, 0, 8, PARENT),
    "io_uring": (425, 8, 0),
    "vfork": (58,),
    "pidfd_open": (434, PARENT, 0),
    "bpf": (321, 0, 0, 0),
    "unshare": (272, 0x10000000),
    "mount": (165, 0, 0, 0, 0, 0),
    "prctl": (157, 4, 1, 0, 0, 0),
    "seccomp": (317, 1, 0, 0),
    "userfaultfd": (323, 0),
    "add_key": (248, 0, 0, 0, 0, 0),
    "openat2": (437, -100, b"/", 0, 0),
    "shmget": (29, 0, 10, 0o1777),
    "mq_open": (240, b"/x", 66, 0, 0),
}


@linux
@pytest.mark.skipif(kernel.platform.machine() != "x86_64", reason="numbers of x86_64")
@pytest.mark.parametrize("what", BY_NUMBER)
def test_this_is_not_permitted_by_number_either(what: str) -> None:
    assert behind("B", lambda: number(*BY_NUMBER[what])) == "'EPERM'"


@linux
@pytest.mark.skipif(kernel.platform.machine() != "x86_64", reason="numbers of x86_64")
def test_a_call_of_another_architecture_ends_the_process() -> None:
    assert behind("B", lambda: number(0x40000000 + 39)) == "ended by SIGSYS"
    assert behind("B", lambda: number(435, 0, 0)) == "'ENOSYS'"


def in_a_thread() -> float:
    """Invert a matrix in another thread."""
    found: list[float] = []
    thread = threading.Thread(target=lambda: found.append(float(np.linalg.inv(np.eye(3)).sum())))
    thread.start()
    thread.join()
    return found[0]


def interrupted() -> str:
    """Be rung by a timer."""

    def ring(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        while True:
            pass
    except TimeoutError:
        return "rung"


async def waited() -> str:
    await asyncio.sleep(0.001)
    return "waited"


def shown() -> str:
    """Format an error."""
    try:
        return str(1 / 0)
    except ZeroDivisionError:
        return traceback.format_exc().splitlines()[-1]


HONEST: dict[str, tuple[Callable[[], Any], str]] = {
    "linear algebra": (lambda: float(np.linalg.det(np.eye(40))), "1.0"),
    "a thread": (in_a_thread, "3.0"),
    "an alarm": (interrupted, "'rung'"),
    "asyncio": (lambda: asyncio.run(waited()), "'waited'"),
    "sleep": (lambda: time.sleep(0.001), "None"),
    "random numbers": (lambda: 0 <= np.random.default_rng().random() < 1, "True"),
    "Python's random numbers": (lambda: 0 <= random.SystemRandom().random() < 1, "True"),
    "the date": (lambda: datetime.datetime.now(datetime.UTC).year > 2020, "True"),
    "a traceback": (shown, "'ZeroDivisionError: division by zero'"),
    "much memory": (lambda: bool(np.ones(10**7).sum() == 10**7), "True"),
    "a limit of its own": (lambda: resource.getrlimit(resource.RLIMIT_CORE), "(0, 0)"),
}


@linux
@walled
@pytest.mark.parametrize("what", HONEST)
def test_honest_numbers_need_nothing_else(level: str, what: str) -> None:
    action, expected = HONEST[what]
    assert behind(level, action) == expected


@linux
@walled
def test_nobody_nowhere_with_nothing(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SECRET", "x")
    held = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(held, True)

    def surroundings() -> Any:
        open_ends = []
        for end in range(3, 100):
            try:
                os.close(os.dup(end))
                open_ends.append(end)
            except OSError:
                pass
        return os.getuid() != 0, dict(os.environ), os.getcwd(), len(open_ends)

    said = behind(level, surroundings)
    os.close(held)
    assert said == "(True, {}, '/', 1)"


@linux
def test_memory_beyond_the_limit_is_a_memory_error() -> None:
    assert behind("B", lambda: bytearray(1 << 30), Allowance(20, 100)) == "MemoryError"
    assert behind("B", lambda: len(bytearray(1 << 25)), Allowance(20, 100)) == str(1 << 25)


@linux
@pytest.mark.slow
def test_processor_time_beyond_the_limit_ends_the_process() -> None:
    def spin() -> None:
        while True:
            pass

    assert behind("B", spin, Allowance(1, 100)) in ("ended by SIGXCPU", "ended by SIGKILL")


@linux
def test_a_wall_that_fails_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise SandboxError("refused by this test")

    monkeypatch.setattr(sandbox.levels.landlock, "put_up", refused)
    assert behind("B", lambda: "let in") == ""
    assert behind("C", lambda: "let in") == "'let in'"


@linux
def test_bubblewrap_goes_around_the_server_where_it_can(tmp_path: Path) -> None:
    if "bubblewrap" in FOUND.missing:
        pytest.skip(f"no level A here: {FOUND.missing['bubblewrap']}")
    assert FOUND.level == "A"
    canary = tmp_path / "canary"
    canary.write_text("seen", encoding="utf-8")
    code = f"import os; print([p for p in ({str(canary)!r}, '/home') if os.path.exists(p)])"
    done = subprocess.run(
        sandbox.wrapped([sys.executable, "-I", "-c", code], []),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.strip() == "[]"


# --- levels in words ------------------------------------------------------------------------


@pytest.mark.parametrize("level", sandbox.STRICT)
def test_strict_levels_are_taken_as_they_are(level: str) -> None:
    assert require(Found(level)) == level


def test_the_weakest_level_has_to_be_asked_for() -> None:
    weak = Found("D", {"seccomp": "this is macOS"})
    with pytest.raises(UnsafeError, match=r"level D.*this is macOS.*--allow-limited"):
        require(weak)
    assert require(weak, allow_limited=True) == "D"


def test_where_there_is_nothing_the_way_out_is_named() -> None:
    with pytest.raises(UnsafeError, match="WSL"):
        require(Found(None, {"everything": "Windows has none of the walls"}), allow_limited=True)


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(SandboxError, match="expected a level"):
        enter("E", Allowance(1, 1), [])


def test_an_unknown_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel.platform, "machine", lambda: "riscv64")
    with pytest.raises(SandboxError, match=r"expected Linux on x86_64 or aarch64.*riscv64"):
        kernel.machine()


# --- the filter, in an interpreter of our own --------------------------------------------------


def decide(lines: list[seccomp.Instruction], machine: int, name: int, arguments: list[int]) -> int:
    """Run a filter as the kernel would, and return its verdict."""
    shown_ = struct.pack("<IIQ6Q", name, machine, 0, *arguments)
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, value = lines[at]
        at += 1
        if code == seccomp.LOAD:
            (accumulator,) = struct.unpack_from("<I", shown_, value)
        elif code == seccomp.AND:
            accumulator &= value
        elif code == seccomp.EQUAL:
            at += if_true if accumulator == value else if_false
        elif code == seccomp.AT_LEAST:
            at += if_true if accumulator >= value else if_false
        else:
            return value


@pytest.mark.parametrize("machine", kernel.MACHINES)
def test_the_filter_lets_through_what_the_list_says_and_nothing_else(machine: str) -> None:
    pid, rng = 4321, random.Random(0)
    lines = seccomp.program(machine, pid)
    assert len(lines) < 4096
    assert all(jump < 256 for _, *jumps, _ in lines for jump in jumps)
    own = kernel.MACHINES[machine]
    listed: dict[int, list[syscalls.Allowed]] = {}
    for one in syscalls.allowed(pid):
        found = syscalls.number(one.name, machine)
        if found is not None:
            listed.setdefault(found, []).append(one)
    interesting = [0, 1, 2, 3, 4, 5, 7, 8, pid, pid + 1, 0x10100, 0x10000, 0x5421, 1030, 2**32]
    for name in range(500):
        for _ in range(30):
            arguments = [rng.choice(interesting) for _ in range(6)]
            wanted = any(
                all(arguments[c.argument] & c.mask & 0xFFFFFFFF == c.value for c in one.conditions)
                for one in listed.get(name, ())
            )
            verdict = decide(lines, own, name, arguments)
            assert (verdict == seccomp.ALLOW) == wanted, (name, arguments)
            assert verdict == seccomp.ALLOW or verdict & 0xFFFF0000 == seccomp.ERROR
    other = next(one for one in kernel.MACHINES.values() if one != own)
    assert decide(lines, other, 39, [0] * 6) == seccomp.KILL


def test_neither_machine_lists_a_call_that_opens_or_starts_anything() -> None:
    dangerous = {
        "x86_64": [2, 4, 6, 21, 57, 58, 59, 41, 42, 85, 86, 87, 101, 257, 262, 317, 322, 332, 425],
        "aarch64": [56, 79, 48, 78, 221, 198, 203, 117, 35, 36, 37, 34, 277, 281, 291, 425, 437],
    }
    for machine, numbers in dangerous.items():
        lines = seccomp.program(machine, 1)
        for name in numbers:
            verdict = decide(lines, kernel.MACHINES[machine], name, [0] * 6)
            assert verdict == seccomp.ERROR | errno.EPERM, (machine, name)


def test_the_command_says_what_there_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autograder.sandbox"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert f"level {FOUND.level} (" in done.stdout
    assert all(wall in done.stdout for wall in ("limits", "rights", "seccomp", "landlock"))
