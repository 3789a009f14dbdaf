"""The judge's handles on warm servers: started when first needed, restarted when they die.

There is one server for each set of backward rules that its children may rely on, since a rule that
is not wanted never exists in a server (`autograder.stripping`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from autograder import sandbox, server
from autograder.closing import Closing
from autograder.course import ROOT
from autograder.errors import AutograderError

STARTING = 60.0  # seconds until a server must be ready; it takes less than one on a quiet machine
ANSWERING = 15.0  # seconds for one request

READABLE = ("autograder", "course_autograd")  # inside of bubblewrap; not the solutions

Kept = tuple[str, ...] | None
Result = TypeVar("Result")


class ServerError(AutograderError):
    """A server, or a child before it had any code of a student's, failed: the grader's fault."""


class Server(Closing):
    """The handle on one server.

    Parameters
    ----------
    kept : tuple of str, optional
        Operations whose backward rule its children have; None if they have all of them.
    modules : sequence of str
        To be imported besides what all servers import.
    level : str, optional
        The sandbox of its children, as far as the server itself has to be inside of it.
    role : str
        What its children do: a key of `autograder.server.ROLES`.

    Raises
    ------
    ServerError
        If it does not start.
    """

    def __init__(
        self,
        kept: Kept = (),
        modules: Sequence[str] = (),
        level: str | None = None,
        role: str = "child",
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="server-"))
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._line, theirs = socket.socketpair()
        asked = {"kept": kept, "modules": list(modules), "role": role, "folder": str(self._folder)}
        settings = json.dumps(asked)
        arguments = [str(ROOT), str(theirs.fileno()), settings]
        command = [sys.executable, "-I", "-B", "-c", server.COMMAND, *arguments]
        if level == "A":
            command = sandbox.wrapped(command, [ROOT / name for name in READABLE])
        with theirs:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                pass_fds=(theirs.fileno(),),
                cwd=self._folder,
                env=environment(self._folder),
                start_new_session=True,
            )
        try:
            self._receive(STARTING)
        except ServerError:
            self.close()
            raise

    def fork(self, wish: server.Wish, read_from: int, write_to: int) -> int:
        """Begin a child that reads and writes these two descriptors; return its pid.

        Raises
        ------
        ServerError
        """
        return int(self._ask({"do": "fork", **vars(wish)}, (read_from, write_to))["pid"])

    def end(self, pid: int) -> int:
        """End a child; return its exit code, negative for a signal, as `subprocess` has it.

        Raises
        ------
        ServerError
        """
        return int(self._ask({"do": "end", "pid": pid})["status"])

    def _ask(self, request: dict[str, Any], ends: Sequence[int] = ()) -> dict[str, Any]:
        if self._complaints.closed:
            raise ServerError("the grader's server has been closed")
        try:
            server.send(self._line, request, ends)
        except OSError as error:
            raise ServerError(self._what_happened()) from error
        return self._receive(ANSWERING)

    def _receive(self, seconds: float) -> dict[str, Any]:
        self._line.settimeout(seconds)
        try:
            return server.receive(self._line)[0]
        except TimeoutError as error:
            raise ServerError(f"the grader's server did not answer within {seconds:g} s") from error
        except (EOFError, OSError, ValueError) as error:
            raise ServerError(self._what_happened()) from error

    def _what_happened(self) -> str:
        """Say how the server ended, with the last line of what it complained."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        why = f": {lines[-1]}" if lines else ""
        return f"the grader's server has ended (exit status {self.process.returncode}){why}"

    def close(self) -> None:
        """End the server and with it all its children."""
        self._line.close()
        try:
            self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._complaints.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Servers(Closing):
    """All servers of one judge.

    Parameters
    ----------
    level : str
        The sandbox of their children.
    """

    def __init__(self, level: str) -> None:
        self._level = level
        self._running: dict[Kept, Server] = {}

    def use(
        self, kept: Kept, modules: Sequence[str], purpose: Callable[[Server], Result]
    ) -> Result:
        """Do something with the server for `kept`; once more with a new one if it has died.

        Parameters
        ----------
        kept : tuple of str, optional
            Operations whose backward rule its children have; None if they have all of them.
        modules : sequence of str
            For a server that is still to be started.
        purpose : callable
            What to do with it.

        Raises
        ------
        ServerError
            If that fails twice in a row.
        """
        try:
            return purpose(self._server(kept, modules))
        except ServerError:
            self.forget(kept)
        try:
            return purpose(self._server(kept, modules))
        except ServerError:
            self.forget(kept)
            raise

    def _server(self, kept: Kept, modules: Sequence[str]) -> Server:
        if kept not in self._running:
            self._running[kept] = Server(kept, modules, self._level)
        return self._running[kept]

    def forget(self, kept: Kept) -> None:
        """End a server; the next one who needs it starts another."""
        running = self._running.pop(kept, None)
        if running is not None:
            running.close()

    def close(self) -> None:
        """End all servers."""
        for kept in list(self._running):
            self.forget(kept)


def environment(folder: Path) -> dict[str, str]:
    """Return the few variables a server gets: no name, no path, no secret of this process."""
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(folder),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
