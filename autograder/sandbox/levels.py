"""Which walls there are, what they are called together, and putting them up in order.

| level | walls |
|---|---|
| A | all of B, inside of bubblewrap (namespaces) |
| B | no rights, no descriptors, limits, Landlock, seccomp |
| C | as B, without Landlock, which this kernel does not have |
| D | limits on time and memory only: no protection against intent |

A, B and C are strict. A wall that belongs to the level and cannot be put up ends the process before
any of a student's code: nothing is ever left out in silence.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import AutograderError
from autograder.sandbox import bubblewrap, identity, landlock, limits, seccomp
from autograder.sandbox.kernel import SandboxError

LEVELS = ("A", "B", "C", "D")
STRICT = ("A", "B", "C")
TRYING = 60.0  # seconds

PROTECTS = {
    "A": "no reading, no writing, no network, no processes; a file system and processes of its own",
    "B": "no reading, no writing, no network, no processes, no signals to others",
    "C": "no reading, no writing, no network, no processes, by seccomp alone",
    "D": "time and memory are limited, and nothing else: a submission can read, write and send",
}


class UnsafeError(AutograderError):
    """No sandbox that is strict enough can be had, and nobody has asked to go on without."""


@dataclass(frozen=True)
class Allowance:
    """How much a process may use.

    Attributes
    ----------
    cpu_seconds : int
        Processor time.
    memory_mb : int
        Megabytes of address space beyond what the process has when the walls go up.
    file_mb : int
        Megabytes of a file; 0 at the strict levels, where none can be opened anyway.
    """

    cpu_seconds: int
    memory_mb: int
    file_mb: int = 0


@dataclass(frozen=True)
class Found:
    """What was found out by trying.

    Attributes
    ----------
    level : str or None
        The best level there is; None where even limits are missing (Windows).
    missing : mapping
        Wall -> why it cannot be put up here.
    """

    level: str | None
    missing: Mapping[str, str] = field(default_factory=dict)

    def sentence(self) -> str:
        """Say it in one line."""
        if self.level is None:
            return f"no sandbox: {'; '.join(self.missing.values())}"
        why = "; ".join(f"no {wall}: {reason}" for wall, reason in self.missing.items())
        return f"sandbox level {self.level}: {PROTECTS[self.level]}{f' ({why})' if why else ''}"


def enter(level: str, allowance: Allowance, keep: Sequence[int]) -> None:
    """Put up the walls of `level` around this process, for good.

    Call it in a forked child, with everything imported that it will need, as the last thing before
    somebody else's code.

    Parameters
    ----------
    level : str
        One of `LEVELS`.
    allowance : Allowance
    keep : sequence of int
        Descriptors that stay open, besides 0, 1 and 2, which lead to nowhere.

    Raises
    ------
    SandboxError
        If one of them cannot be put up. The process must end then.
    """
    if level not in LEVELS:
        raise SandboxError(f"expected a level ({', '.join(LEVELS)}), got {level!r}")
    try:
        identity.close_descriptors(keep)
        identity.forget_surroundings()
    except OSError as error:
        raise SandboxError(f"leaving the surroundings failed ({error})") from error
    limits.put_up(
        cpu_seconds=allowance.cpu_seconds,
        memory_mb=allowance.memory_mb,
        file_mb=allowance.file_mb,
    )
    if level == "D":
        return
    identity.drop_rights()
    if level != "C":
        landlock.put_up()
    seccomp.put_up()


# --- finding out -------------------------------------------------------------------------------


@functools.cache
def probe() -> Found:
    """Find out which level there is, by doing: every wall is put up in a process made for it.

    Returns
    -------
    Found
        The same at every call.
    """
    if sys.platform == "win32":
        return Found(None, {"everything": "Windows has none of the walls; use WSL or a container"})
    missing = _tried_elsewhere()
    reason = bubblewrap.reason_against() if not missing.keys() & {"limits", "seccomp"} else ""
    if "limits" in missing:
        return Found(None, missing)
    if "seccomp" in missing or "rights" in missing:
        return Found("D", missing)
    if "landlock" in missing:
        return Found("C", missing)
    return Found("B", {"bubblewrap": reason}) if reason else Found("A")


def require(found: Found, *, allow_limited: bool = False) -> str:
    """Return the level to be used.

    Raises
    ------
    UnsafeError
        If it is not strict, and `allow_limited` does not say that this is known.
    """
    if found.level in STRICT:
        return str(found.level)
    if found.level is None:
        raise UnsafeError(
            "expected Linux (or macOS with --allow-limited) to run submissions; "
            f"{found.sentence()}. On Windows, grade in WSL or in a Linux container."
        )
    if not allow_limited:
        raise UnsafeError(
            f"expected a strict sandbox around submissions, got {found.sentence()}. Grade on "
            "Linux, in WSL or in a container; or add --allow-limited if you trust every submission."
        )
    return found.level


def _tried_elsewhere() -> dict[str, str]:
    """Try every wall in a fresh process (this one may have threads, and must stay as it is)."""
    root = str(Path(__file__).resolve().parents[2])
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "from autograder.sandbox.levels import try_all; try_all()"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-B", "-c", code, root],
            capture_output=True,
            timeout=TRYING,
            check=True,
            text=True,
        )
        tried = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return {"limits": f"trying failed ({error})"}
    return {str(wall): str(why) for wall, why in tried.items() if why}


def try_all() -> None:
    """Print why each wall cannot be put up (nothing where it can), as JSON."""
    tests: dict[str, Callable[[], None]] = {
        "limits": _try_limits,
        "rights": _try_rights,
        "landlock": _try_landlock,
        "seccomp": _try_seccomp,
    }
    print(json.dumps({wall: _in_a_child(test) for wall, test in tests.items()}))


def _in_a_child(test: Callable[[], None]) -> str:
    """Return what `test` complains of in a forked process; empty if nothing."""
    read_from, write_to = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            test()
            status = 0
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.write(write_to, str(error).encode()[:400])
        finally:
            os._exit(status)
    os.close(write_to)
    said = os.read(read_from, 1000).decode(errors="replace")
    os.close(read_from)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return "" if status == 0 else said or f"it ended with status {status}"


def _try_limits() -> None:
    limits.put_up(cpu_seconds=5, memory_mb=50)
    if sys.platform == "linux":
        with contextlib.suppress(MemoryError):
            bytearray(200 << 20)
            raise SandboxError("the limit on memory has no effect")


def _try_rights() -> None:
    identity.drop_rights()


def _try_landlock() -> None:
    landlock.put_up()
    with contextlib.suppress(PermissionError):
        os.close(os.open("/", os.O_RDONLY))
        raise SandboxError("Landlock has no effect on opening")


def _try_seccomp() -> None:
    seccomp.put_up()
    with contextlib.suppress(PermissionError):
        os.stat("/")  # noqa: PTH116 - what is tried is the system call
        raise SandboxError("seccomp has no effect on looking at files")
    with contextlib.suppress(PermissionError):
        if os.fork():
            raise SandboxError("seccomp has no effect on new processes")
        os._exit(9)
