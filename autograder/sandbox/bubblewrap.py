"""Bubblewrap around the server: namespaces of its own, where the system lets us have them.

No network, no other processes, and of the disk only Python and the code that is needed, read only.
Does not work in ordinary containers; then the other walls stand alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

TRYING = 20.0  # seconds
SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/etc/ld.so.cache", "/etc/localtime")


def python_folders() -> list[Path]:
    """Return where this Python and its packages lie."""
    found = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix)}
    found |= {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib")}
    found.add(Path(os.path.realpath(sys.executable)).parent.parent)
    return sorted(found)


def wrapped(command: Sequence[str], readable: Sequence[Path]) -> list[str]:
    """Return `command` inside of bubblewrap; it sees `readable`, Python and the system's libraries.

    Parameters
    ----------
    command : sequence of str
        A Python command line; descriptors it inherits stay open.
    readable : sequence of Path
        Further files and folders, read only.
    """
    line = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    line += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in dict.fromkeys([*map(Path, SYSTEM), *python_folders(), *readable]):
        if path.exists():
            line += ["--ro-bind", str(path), str(path)]
    return [*line, "--chdir", "/", "--", *command]


def reason_against() -> str:
    """Return why bubblewrap cannot be used; empty if it can: a Python is started inside of it."""
    if shutil.which("bwrap") is None:
        return "the program bwrap (bubblewrap) is not installed"
    try:
        done = subprocess.run(
            wrapped([sys.executable, "-I", "-c", "print('inside')"], []),
            capture_output=True,
            timeout=TRYING,
            check=False,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bwrap does not run ({error})"
    if done.stdout.strip() == "inside":
        return ""
    words = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return f"bwrap is refused here ({words})"
